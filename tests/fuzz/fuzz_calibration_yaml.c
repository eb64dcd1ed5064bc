/* Calibrations in YAML of any content, one file or two: OpenCV's and EasyMocap's. */
#include "tests/fuzz/calibration.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const halves h = split(data, size);
    const vg_calibration_options options = {0};
    vg_error err = {0};
    vg_camera_set set = {0};
    json_t *tree = NULL, *other = NULL;
    const tree_at at = {"fuzz", "", &err};
    vg_status status = tree_from_yaml(&tree, "fuzz", h.text, h.size, &err);
    if (status == VG_OK && h.other) status = tree_from_yaml(&other, "fuzz", h.other, h.other_size, &err);
    if (status == VG_OK)
        status = json_object_get(tree, "names") ? files_read_easymocap(&set, tree, other, &options, &at, "other")
                                                : files_read_opencv(&set, tree, other, &options, &at);
    use_set(status, &set, &err);
    json_decref(tree);
    json_decref(other);
    free(h.text);
    return 0;
}
