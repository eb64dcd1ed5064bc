/* vergence calibrate extrinsics: where cameras stand, from what they saw. */
#include "cli/calibrate_rig.h"

int calibrate_extrinsics(int argc, char **argv) {
    rig_request request = rig_request_default();
    const vg_option options[] = {
        {"scene", VG_OPTION_FLAG, &request.scene, 0, 0, "", "the points' places in the world are known (world_x, ...)"},
        RIG_REQUEST_OPTIONS(request),
        {0}};
    const vg_usage usage = {
        "vergence calibrate extrinsics --calibration FILE --points PATH --out FILE [OPTIONS]",
        "Places cameras whose lenses are known: from corners of a board, or from people's keypoints "
        "alone.",
        options, 0};
    int code;
    if (!vg_options_begin(&usage, argc, argv, NULL, &code)) return code;
    return rig_run(&request);
}
