/* vergence calibrate bundle: cameras that stand somewhere, adjusted to what they saw. */
#include "cli/calibrate_rig.h"

int calibrate_bundle(int argc, char **argv) {
    rig_request request = rig_request_default();
    request.start = true;
    const vg_option options[] = {RIG_REQUEST_OPTIONS(request), {0}};
    const vg_usage usage = {
        "vergence calibrate bundle --calibration FILE --points PATH --out FILE [OPTIONS]",
        "Bundle adjustment: moves cameras and points together until the pixels fit. A start that is "
        "far off is replaced by places found from the points.",
        options, 0};
    int code;
    if (!vg_options_begin(&usage, argc, argv, NULL, &code)) return code;
    return rig_run(&request);
}
