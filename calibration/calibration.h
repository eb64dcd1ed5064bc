/* Geometry: cameras and lenses, and points from several views. This is the folder's door.
 *
 *   camera       project to pixels (with depth and Jacobian), undistort to normalised coordinates, rays of pixels
 *   lanes        triangulation of 8 points at once by summed normal matrices; CTCR sums them over camera subsets
 *   triangulate  N points from V views: weighted DLT, then Gauss-Newton on distorted pixels with covariance
 *   consensus    the same from those views that agree
 *
 * Metres, pixels, radians; world -> camera is x_c = R x + t; camera frame x right, y down, z forward (OpenCV's). A
 * normalised coordinate is x_c / z_c, y_c / z_c. Nothing here allocates. */
#ifndef VG_CALIBRATION_CALIBRATION_H
#define VG_CALIBRATION_CALIBRATION_H

#include "common/frame.h"

#include <math.h>
#include <stdalign.h>
#include <stdbool.h>

/* ---- one camera, one point ------------------------------------------------------------------------------------------- */

/* World point to pixel, distorted. `depth` (z in the camera's frame, metres) and `J` (d(u, v) / dX, 2 x 3 row-major, pixels
 * per metre) may be NULL. True where the camera can see such a point: in front, and within the lens's valid radius. Where it
 * is false by the radius, uv is what the formula says; behind a Brown-Conrady lens, uv is NaN. A fisheye maps points beside
 * and behind itself too. */
bool vg_project(double uv[2], double *depth, double J[6], const vg_camera *camera, const double X[3]);

/* Pixel to normalised coordinates, by Newton's method. False (and NaN) where the pixel has none: outside the valid
 * radius of the lens, or a fisheye ray at 90 degrees or more. */
bool vg_undistort(double xy[2], const vg_camera *camera, double u, double v);

/* The ray of a pixel: the camera's place and a unit vector, in the world. False (and NaN) outside the valid radius. */
bool vg_unproject(double origin[3], double direction[3], const vg_camera *camera, double u, double v);

/* How far from the optical axis the lens model is one-to-one: a normalised radius for Brown-Conrady, an angle in radians for
 * a fisheye. INFINITY for an ideal lens; a model is looked at up to a radius of 10 (84 degrees), a fisheye up to pi. */
double vg_lens_limit(const vg_camera *camera);

/* ---- two cameras, one point ------------------------------------------------------------------------------------------- */

/* E such that x_b' E x_a = 0 for the normalised coordinates of one point. */
void vg_epipolar_matrix(double E[9], const vg_camera *a, const vg_camera *b);

/* Sampson's distance of a point (u, v) in b from the epipolar line of (x, y) in a, signed, in the units of both; `slope`:
 * how it changes with u and v. NaN where E or the points say nothing. */
static inline double vg_epipolar_distance(double slope[2], const double E[9], double x, double y, double u, double v) {
    const double l[3] = {E[0] * x + E[1] * y + E[2], E[3] * x + E[4] * y + E[5], E[6] * x + E[7] * y + E[8]};
    const double m[2] = {E[0] * u + E[3] * v + E[6], E[1] * u + E[4] * v + E[7]};
    const double n = 1 / sqrt(l[0] * l[0] + l[1] * l[1] + m[0] * m[0] + m[1] * m[1]);
    slope[0] = n * l[0], slope[1] = n * l[1];
    return n * (u * l[0] + v * l[1] + l[2]);
}

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

/* ---- batches: N points from V views ---------------------------------------------------------------------------------- */

/* A camera prepared for the kernels. */
typedef struct vg_view {
    double P[12]; /* [R | t] */
    double fx, fy, cx, cy;
    double k[8];  /* distortion */
    double limit; /* vg_lens_limit */
    int32_t lens; /* vg_lens */
    bool ideal;   /* no distortion: the fast way */
} vg_view;

void vg_view_init(vg_view *view, const vg_camera *camera);
/* The same for a view that was initialised before; cheaper where the lens is still the same one. */
void vg_view_update(vg_view *view, const vg_camera *camera);

typedef struct vg_triangulate_options {
    int32_t steps;     /* Gauss-Newton steps on distorted pixels after the DLT; 0 = the DLT point itself */
    int32_t min_views; /* fewer views: lost; at least 2 */
    double sigma;      /* px; standard deviation of u and of v at weight 1: a view's variance is sigma^2 / weight */
    double robust;     /* sigmas; 0 = least squares. Else the Gauss-Newton steps weight each view by Geman and McClure:
                          one that is this many sigmas off counts a quarter */
    bool cheirality;   /* a point behind one of its cameras is lost */
} vg_triangulate_options;

vg_triangulate_options vg_triangulate_options_default(void); /* one step, 2 views, 1 px, cheirality */

/* Eight solved points, one lane each. A lost point: NaN everywhere but `views`. */
typedef struct vg_solved8 {
    alignas(64) double x[3][VG_LANES]; /* metres */
    double covariance[6][VG_LANES];    /* m^2: xx xy xz yy yz zz */
    double reprojection[VG_LANES];     /* px, rms of the distances over the views used */
    double views[VG_LANES];            /* views used */
} vg_solved8;

/* Points from pixels. u, v, weight: [V, 8 * blocks], rows 64-byte aligned; weight <= 0 (or NaN): the view takes no part in
 * that point. A pixel outside the lens's valid radius takes no part either. */
void vg_triangulate(vg_solved8 *out, const vg_view *views, const double *u, const double *v, const double *weight,
                    int32_t view_count, int32_t blocks, const vg_triangulate_options *options);

/* The DLT alone, from normalised coordinates: X [3, n]; P [V, 12]; x, y, w [V, n]. NaN where lost. */
void vg_triangulate_dlt(double *X, const double *P, const double *x, const double *y, const double *w,
                        int32_t view_count, int32_t n);
/* The plain twin: per point the smallest right singular vector of the 2V x 4 rows, by LAPACKE's dgesvd. V <= 16. */
void vg_triangulate_dlt_ref(double *X, const double *P, const double *x, const double *y, const double *w,
                            int32_t view_count, int32_t n);
/* One point by vg_triangulate's method, in plain scalar code over vg_project and dgesvd. */
void vg_triangulate_ref(double X[3], double covariance[6], double *reprojection, int32_t *views_used,
                        const vg_camera *cameras, const double *u, const double *v, const double *weight,
                        int32_t view_count, const vg_triangulate_options *options);

/* ---- views that agree ------------------------------------------------------------------------------------------------ */

typedef struct vg_consensus_options {
    double
        threshold; /* px; the mean distance between the pixels used and the point's projections may not exceed this */
    int32_t min_views; /* at least 2 */
    double min_angle;  /* radians; the widest angle between two rays used must reach this; 0 = any */
    bool undistort;    /* false: the pixels are taken for those of ideal lenses, as Pose2Sim does by default */
    bool cheirality;   /* a point behind one of its cameras is no candidate */
    int32_t steps;     /* Gauss-Newton steps on the views chosen; 0 = the DLT point of pixel coordinates */
    double sigma;      /* px; see vg_triangulate_options */
    double robust;     /* of the Gauss-Newton steps */
} vg_consensus_options;

vg_consensus_options vg_consensus_options_default(void);
/* Pose2Sim's settings: 15 px, 2 views, distortion not undone, plain DLT. Its rows are multiplied by the likelihood, so
 * `weight` is the likelihood squared; keypoints of likelihood below 0.3 have weight 0. */
vg_consensus_options vg_consensus_options_pose2sim(void);

typedef struct vg_consensus_point {
    double x[3];          /* metres; NaN where no set of views agrees */
    double covariance[6]; /* m^2: xx xy xz yy yz zz */
    double reprojection;  /* px; mean distance over the views used */
    uint32_t views;       /* bit c: camera c was used */
    int32_t removed;      /* views that had a weight and were left out */
} vg_consensus_point;

/* Points from the largest set of views that agree: all views first, then all sets with one left out, and so on; of the sets
 * of one size the one of the smallest error. Of more than 8 views, the set is that which agrees with the best pair instead.
 * u, v, weight: [V, n]; weight <= 0 (or NaN): not seen. */
void vg_triangulate_consensus(vg_consensus_point *out, const vg_camera *cameras, const double *u, const double *v,
                              const double *weight, int32_t view_count, int32_t n, const vg_consensus_options *options);

#endif
