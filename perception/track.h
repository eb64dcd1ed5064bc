/* A constant-velocity Kalman filter for eight joints at a time, with full 3 x 3 covariance blocks: triangulation errors are
 * long along the rays and short across them, so axes cannot be filtered apart without losing what the views agree on.
 * (Bar-Shalom, Li, Kirubarajan, Estimation with Applications to Tracking and Navigation, 2001, 6.2 and 5.4.) */
#ifndef VG_PERCEPTION_TRACK_H
#define VG_PERCEPTION_TRACK_H

#include "calibration/calibration.h"
#include "perception/perception.h"

/* Plain data; a zeroed one holds nobody. */
typedef struct track8 {
    alignas(64) double x[3][VG_LANES]; /* m */
    double v[3][VG_LANES];             /* m/s */
    double pp[6][VG_LANES];            /* covariance of x: xx xy xz yy yz zz */
    double pv[9][VG_LANES];            /* of x (row) with v (column) */
    double vv[6][VG_LANES];            /* of v */
    double age[VG_LANES];              /* s since the last accepted measurement */
    double rejected[VG_LANES];         /* outliers since then */
    double alive[VG_LANES];            /* 1 where there is a joint */
    double state[VG_LANES];            /* vg_joint_state after the last step */
} track8;

/* Lets `dt` seconds pass and takes in the measurements of this frame (NaN: none). */
void track8_step(track8 *track, const vg_solved8 *measured, double dt, const vg_perception_config *config);

#endif
