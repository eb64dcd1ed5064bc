/* Configuration files of any content: read or refused with a sentence; what is accepted passes the checks again. */
#include "daemon/daemon.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    if (!text) return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    vg_error err = {0};
    vg_session_config config;
    if (vg_session_config_parse(&config, text, size, "fuzz.yaml", &err) == VG_OK)
        VG_ASSERT(vg_session_config_check(&config, &err) == VG_OK);
    else
        VG_ASSERT(err.message[0] != '\0');
    free(text);
    return 0;
}
