/* What a rig's calibration is worth, camera by camera. */
#ifndef VG_CALIBRATION_RIG_REPORT_H
#define VG_CALIBRATION_RIG_REPORT_H

#include "calibration/bundle.h"

#define VG_BIAS_CELLS 3 /* rows and columns of the picture, for the bias */

typedef struct vg_camera_report {
    int64_t sightings, used;
    double rms_px, median_px; /* rms over those used, median over all */
    double coverage;          /* share of the picture, in 8 x 6 fields, in which sightings were used */
    double bias_px;  /* the longest mean residual of a third by third of the picture: a lens that does not fit */
    double place_sd; /* metres, the longest axis of the covariance of its place; NaN where unknown */
    double turn_sd;  /* radians, the longest axis */
} vg_camera_report;

/* report [cameras]; `covariance` may be NULL. */
void vg_rig_report(vg_camera_report *report, const vg_bundle *bundle, const bool *used,
                   const vg_bundle_covariance *covariance);

#endif
