/* Geometry: cameras and lenses, and points from several views. This is the folder's door.
 *
 *   camera        project to pixels (with depth and Jacobian), undistort to normalised coordinates, rays of pixels
 *   lanes         triangulation for 8 points at once by summed normal matrices: the CTCR code sums them over camera
 * subsets triangulate   N points from V views: weighted homogeneous DLT, then Gauss-Newton on distorted pixels with
 * covariance
 *
 * Metres, pixels, radians; world -> camera is x_c = R x + t; camera frame x right, y down, z forward (OpenCV's). A
 * normalised coordinate is x_c / z_c, y_c / z_c. Nothing here allocates. */
#ifndef VG_CALIBRATION_CALIBRATION_H
#define VG_CALIBRATION_CALIBRATION_H

#include "common/frame.h"

#include <stdalign.h>
#include <stdbool.h>

/* ---- lanes: eight points at a time
 * ----------------------------------------------------------------------------------- */

#define VG_LANES 8

/* Normal matrices of eight points, one lane each. With rows r_x = x P2 - P0 and r_y = y P2 - P1 of every view (P = [R |
 * t], x and y normalised) a lane holds the sum of w (r_x r_x' + r_y r_y'). The sum over a subset of cameras is the sum
 * of its views' matrices. A zeroed struct is the empty sum. */
typedef struct vg_normal8 {
    alignas(64) double m[10][VG_LANES]; /* upper triangle: 00 01 02 03 11 12 13 22 23 33 */
    double views[VG_LANES];             /* how many views took part (w > 0) */
} vg_normal8;

typedef struct vg_points8 {
    alignas(64) double x[3][VG_LANES]; /* metres, world; NaN where a lane has fewer than 2 views or parallel rays */
} vg_points8;

/* P = [R | t], 3 x 4 row-major. */
void vg_camera_matrix(double P[12], const vg_camera *camera);

/* The normal matrices of one view. Lanes with w <= 0 (or NaN) take no part: their coordinates may hold anything. */
void vg_normal8_view(vg_normal8 *out, const double P[12], const double x[VG_LANES], const double y[VG_LANES],
                     const double w[VG_LANES]);
/* sum = a + b; `sum` may be `a` or `b`. */
static inline void vg_normal8_add(vg_normal8 *sum, const vg_normal8 *a, const vg_normal8 *b) {
    for (int k = 0; k < 10; k++)
        for (int i = 0; i < VG_LANES; i++) sum->m[k][i] = a->m[k][i] + b->m[k][i];
    for (int i = 0; i < VG_LANES; i++) sum->views[i] = a->views[i] + b->views[i];
}
/* The points of `count` summed blocks: the eigenvector of the smallest eigenvalue, as SVD of the stacked rows gives it,
 * divided by its last component. No cheirality test: a position behind a camera is returned as it is. */
void vg_normal8_solve(vg_points8 *out, const vg_normal8 *sums, int count);
/* The plain twin for one point: M is the full 4 x 4 sum. By LAPACKE's dsyev. */
void vg_normal_solve_ref(double X[3], const double M[16]);

#endif
