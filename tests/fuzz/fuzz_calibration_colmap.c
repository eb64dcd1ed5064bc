/* COLMAP's cameras.txt and images.txt of any content. */
#include "tests/fuzz/calibration.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const halves h = split(data, size);
    const vg_calibration_options options = {0};
    vg_error err = {0};
    vg_camera_set set = {0};
    use_set(files_read_colmap(&set, h.text, h.size, h.other, h.other_size, &options, "fuzz", &err), &set, &err);
    free(h.text);
    return 0;
}
