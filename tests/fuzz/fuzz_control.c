/* Requests of any content to the control socket: each gets an answer. */
#include "daemon/internal.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const vg_session_config config = vg_session_config_default(VG_PRESET_DEFAULT);
    vg_control *control = calloc(1, sizeof *control);
    if (!control) return 0;
    control->config = &config;
    static const vg_world_info world = {.name = "embedded", .scene = "blank", .dims = {4, 6, 14}};
    control->folder = "runs/x", control->world = &world;
    pthread_mutex_init(&control->mutex, NULL);
    json_t *answer = vg_control_answer(control, (const char *)data, size);
    VG_ASSERT(json_is_boolean(json_object_get(answer, "ok")));
    json_decref(answer);
    pthread_mutex_destroy(&control->mutex);
    free(control);
    return 0;
}
