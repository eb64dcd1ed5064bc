/* Least squares of one lens and the poses of the boards it saw. Private to the intrinsics. */
#ifndef VG_CALIBRATION_LENS_FIT_H
#define VG_CALIBRATION_LENS_FIT_H

#include "calibration/views.h"
#include "common/frame.h"

#define LENS_PARTS 12 /* fx fy cx cy, then the distortion */

/* Where the search starts: the focal length, of several, with which the boards fit best, and their poses [views, 12] (R,
 * t). Lens kind and size of `camera` are given. */
vg_status lens_start(vg_camera *camera, double *pose, const views *v, vg_error *err);

/* Levenberg-Marquardt from there over fx, fy, cx, cy, `coefficients` and all poses; *rms of distances, px. */
vg_status lens_fit(vg_camera *camera, double *pose, double *rms, const views *v, int coefficients, vg_error *err);

/* Standard deviations of the lens at its minimum, from the curvature of the square sum and the noise that `rms` shows: 0
 * where held, NaN where the boards leave it undetermined. */
void lens_deviations(double deviation[LENS_PARTS], const vg_camera *camera, const double *pose, double rms,
                     const views *v, int coefficients);

/* The lens placed where pose [12] has it. */
vg_camera lens_posed(const vg_camera *lens, const double pose[12]);

#endif
