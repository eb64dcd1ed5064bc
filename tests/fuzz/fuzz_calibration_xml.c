/* Calibrations in XML of any content: Qualisys' and OpenCV's. */
#include "tests/fuzz/calibration.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const halves h = split(data, size);
    const vg_calibration_options options = {0};
    vg_error err = {0};
    vg_camera_set set = {0};
    json_t *tree = NULL;
    const tree_at at = {"fuzz", "", &err};
    vg_status status = tree_from_xml(&tree, "fuzz", h.text, h.size, &err);
    if (status == VG_OK)
        status = json_object_get(tree, "calibration") ? files_read_qualisys(&set, tree, &options, &at)
                                                      : files_read_opencv(&set, tree, NULL, &options, &at);
    use_set(status, &set, &err);
    json_decref(tree);
    free(h.text);
    return 0;
}
