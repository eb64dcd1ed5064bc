/* Cameras placed among points whose places in the world are known: marks on a floor, corners of furniture. */
#ifndef VG_CALIBRATION_SCENE_H
#define VG_CALIBRATION_SCENE_H

#include "calibration/bundle.h"

#include <stdbool.h>

#define VG_SCENE_POINTS_MIN 4 /* a camera; with three there are up to four places */

typedef struct vg_scene_options {
    double threshold_px; /* farther off are outliers of the first place */
    int32_t lens;        /* mask of vg_lens_part to refine, under the usual prior */
    bool shared_lens;
    uint64_t seed;
} vg_scene_options;

typedef struct vg_scene_result {
    int64_t used;
    double rms_px, variance;        /* over those used; variance of unit weight */
    int64_t checked;                /* points placed by cameras that were fitted without them */
    double check_mean, check_worst; /* metres: how far those land from where they are; NaN where none could be */
} vg_scene_result;

/* Places the bundle's cameras among its points, which stay. `used` [sightings] is false for outliers. `names` [cameras].
 * VG_FAILED names the camera that has too few points, or whose points contradict each other. */
vg_status vg_scene_solve(vg_scene_result *result, bool *used, vg_bundle *bundle, const vg_scene_options *options,
                         const char *const *names, vg_error *err);

#endif
