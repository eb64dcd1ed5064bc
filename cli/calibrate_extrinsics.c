/* vergence calibrate extrinsics: where cameras stand, from what they saw. */
#include "cli/calibrate_rig.h"

int calibrate_extrinsics(int argc, char **argv) {
    rig_request request = rig_request_default();
    const vg_option options[] = {
        CALIBRATE_BOARD_OPTIONS(request.pattern),
        {"every", VG_OPTION_INT, &request.every, 1, 1000000, "N",
         "of videos of a board, look at each N-th picture (1)"},
        {"scene", VG_OPTION_FLAG, &request.scene, 0, 0, "", "the points' places in the world are known (world_x, ...)"},
        RIG_REQUEST_OPTIONS(request),
        {0}};
    const vg_usage usage = {
        "vergence calibrate extrinsics [PICTURES|VIDEO|FOLDER...] --calibration FILE [--points PATH] --out FILE",
        "Places cameras whose lenses are known: from pictures of a board or its corners, from scene points, or from "
        "people's keypoints alone.",
        options, VG_TEXTS_MAX};
    int code;
    if (!vg_options_begin(&usage, argc, argv, &request.footage, &code)) return code;
    return rig_run(&request);
}
