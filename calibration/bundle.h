/* Bundle adjustment: cameras, and the points or boards they saw, moved together until the pixels fit.
 *
 * Levenberg-Marquardt on distorted pixels. Each structure (a point of 3 numbers, or the pose of a rigid board of 6) is
 * eliminated by the Schur complement; what is left, a dense system over cameras, goes to LAPACKE's Cholesky. The gauge
 * (where the world's origin is, how it is turned and, without a board, how large it is) is free: steps and covariance
 * have no part along it (Triggs et al., "Bundle adjustment: a modern synthesis", 2000, section 9).
 *
 * Metres, pixels; one caller's thread; memory is allocated for the call and released. */
#ifndef VG_CALIBRATION_BUNDLE_H
#define VG_CALIBRATION_BUNDLE_H

#include "common/frame.h"
#include "common/transform.h"

#include <stdbool.h>

#define VG_BUNDLE_CAMERAS_MAX 128

/* What of a lens may be refined; a mask of bits. Each is one number a lens. */
typedef enum vg_lens_part {
    VG_LENS_FOCAL = 1,   /* fx and fy, by one factor */
    VG_LENS_ASPECT = 2,  /* fy alone, by a factor */
    VG_LENS_CENTRE = 12, /* cx, cy */
    VG_LENS_K1 = 16,     /* distortion[0]; bit 4 + i is distortion[i] */
    VG_LENS_K2 = 32,
    VG_LENS_P = 192,  /* p1, p2; a fisheye's k3, k4 */
    VG_LENS_K3 = 256, /* Brown-Conrady only */
    VG_LENS_ALL = 511
} vg_lens_part;

typedef enum vg_loss {
    VG_LOSS_SQUARE, /* least squares */
    VG_LOSS_HUBER,
    VG_LOSS_CAUCHY,
    VG_LOSS_GEMAN_MCCLURE /* redescending: what is far off has no say */
} vg_loss;

/* One pixel that one camera saw. */
typedef struct vg_bundle_sighting {
    int32_t camera;
    int32_t structure; /* which point; or which board pose */
    int32_t corner;    /* of a board; else 0 */
    float weight;      /* 1 / variance of u and of v, px^-2; <= 0 takes no part */
    double u, v;       /* px, distorted */
} vg_bundle_sighting;

/* What is adjusted, in place. Points, or boards, not both. */
typedef struct vg_bundle {
    vg_camera *camera; /* [cameras] */
    int32_t cameras;
    int32_t structures;
    double *point;        /* [structures, 3] metres, world; NULL with boards */
    vg_rigid *board;      /* [structures] board -> world; NULL with points */
    const double *corner; /* [corners, 3] metres, on the board */
    const vg_bundle_sighting *sighting;
    int32_t sightings;
} vg_bundle;

typedef struct vg_bundle_options {
    int32_t loss;         /* vg_loss */
    double loss_scale;    /* standard deviations (px at weight 1) at which the loss leaves the square */
    int32_t lens;         /* mask of vg_lens_part to refine; 0 = lenses are held */
    bool shared_lens;     /* one change for all lenses: cameras of one make and setting */
    double lens_prior;    /* how far lenses may be from where they start, in multiples of the usual (a focal length 5 %,
                             a centre 2 % of the width, coefficients 0.1 to 0.02); 0 = no prior */
    bool hold_structures; /* only cameras move */
    bool hold_cameras;    /* only structures move */
    int32_t steps;        /* most LM steps */
    double tolerance;     /* stop where a step lowers the cost by less than this share */
} vg_bundle_options;

vg_bundle_options vg_bundle_options_default(void); /* least squares, lenses held, 50 steps, 1e-10 */

typedef struct vg_bundle_result {
    int32_t steps;           /* taken */
    bool converged;          /* by tolerance, not by the limit of steps */
    int64_t used;            /* sightings with a weight, in front of their camera */
    int64_t behind;          /* sightings with a weight of points behind their camera; they pull nothing */
    double cost, cost_start; /* half the sum of the loss */
    double rms_px;           /* of the distances between pixel and projection, over `used`; weights and loss aside */
    double variance;         /* weighted square sum over degrees of freedom: 1 where weights are true */
} vg_bundle_result;

/* Moves `bundle` to a minimum. VG_INVALID: counts, an index, or nothing to adjust. */
vg_status vg_bundle_adjust(vg_bundle *bundle, const vg_bundle_options *options, vg_bundle_result *result,
                           vg_error *err);

/* Distance, px, between each sighting and its projection: [sightings]; NaN behind the camera. */
void vg_bundle_residuals(double *distance, const vg_bundle *bundle);

/* How well the result is known. */
typedef struct vg_bundle_covariance {
    int32_t cameras, structures, lens_parts;
    double *camera;    /* [cameras, 6, 6]: rotation (radians, camera's axes), then place (metres, world) */
    double *lens;      /* [cameras, lens_parts]: variances of the refined parts in the mask's order; NULL where held */
    double *structure; /* points: [structures, 3, 3] m^2; boards: [structures, 6, 6], rotation, then place */
    double *full;      /* [size, size] of all camera parameters, six a camera then lenses; for tests and fusion */
    int32_t size;
} vg_bundle_covariance;

/* Covariance at the present state, in the gauge in which the cameras as a whole have not moved (a reader who fixes the
 * world otherwise sees other figures for the same knowledge). `options` as adjusted with; the loss weighs sightings by
 * where they are now. `variance`: of unit weight; 1 where weights are true, result.variance where they are relative.
 * VG_FAILED where the system leaves something undetermined. Release with vg_bundle_covariance_free. */
vg_status vg_bundle_covariances(vg_bundle_covariance *out, const vg_bundle *bundle, const vg_bundle_options *options,
                                double variance, vg_error *err);
void vg_bundle_covariance_free(vg_bundle_covariance *covariance);

#endif
