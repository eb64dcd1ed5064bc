/* One lens and its derivatives; private to calibration/. */
#ifndef VG_CALIBRATION_LENS_H
#define VG_CALIBRATION_LENS_H

#include "common/frame.h"

#include <stdbool.h>

#define LENS_PARAMETERS 12 /* fx fy cx cy, then the eight distortion coefficients in vg_camera's order */

/* Point in the camera's frame through the lens. K [2, 3] is d(u, v) / d(point); D [2, 12], or NULL, is d(u, v) / d(lens
 * parameters). Returns the radius that vg_lens_limit bounds. Behind a Brown-Conrady lens uv means nothing. */
double lens_project(double uv[2], double K[6], double D[2 * LENS_PARAMETERS], const vg_camera *camera,
                    const double point[3]);

/* The direction of a pixel in the camera's frame, not normalised (z = 1 for Brown-Conrady). `limit` is the lens's
 * vg_lens_limit, which is dear: who asks for many pixels finds it once. False outside the valid radius. */
bool lens_direction(double direction[3], const vg_camera *camera, double u, double v, double limit);

#endif
