/* Calibrations in JSON of any content: the Panoptic, Human3.6M and VoxelPose kinds. */
#include "tests/fuzz/calibration.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const halves h = split(data, size);
    const vg_calibration_options options = {0};
    vg_error err = {0};
    vg_camera_set set = {0};
    json_t *tree = NULL;
    const tree_at at = {"fuzz", "", &err};
    vg_status status = tree_from_json(&tree, "fuzz", h.text, h.size, &err);
    if (status == VG_OK) status = files_read_json(&set, tree, &options, &at);
    use_set(status, &set, &err);
    json_decref(tree);
    free(h.text);
    return 0;
}
