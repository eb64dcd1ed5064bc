/* The request reader of examples/unreal, which has no library between itself and a peer. */
#include "examples/unreal/vergence_messages.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    vgm_request r;
    unsigned char *copy = malloc(size ? size : 1); /* nothing behind it */
    if (!copy) abort();
    memcpy(copy, data, size);
    if (vgm_read_request(&r, copy, size))
        for (int c = 0; c < r.motion_count; c++)
            for (int k = 0; k < 5; k++)
                if (c >= VGM_CAMERAS || !(fabs((double)r.motion[c][k]) < 1e4)) abort();
    free(copy);
    return 0;
}
