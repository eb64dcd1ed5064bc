/* The linear algebra behind bundle.h; private to calibration/ and its tests.
 *
 * Parameters of a camera: rotation w (3), R <- exp(w) R; place c (3), metres, world; then the refined lens parts. Of a
 * structure: a point's 3 coordinates, or a board's rotation w (world axes) and place. With r = pixel - projection and J
 * the projection's derivative, a step solves (J'WJ + lambda diag) step = J'Wr. */
#ifndef VG_CALIBRATION_BUNDLE_SYSTEM_H
#define VG_CALIBRATION_BUNDLE_SYSTEM_H

#include "calibration/bundle.h"
#include "calibration/lens.h"

#define LENS_PARTS     9
#define GAUGE_MAX      7
#define CAMERA_WIDTH   (6 + LENS_PARTS)
#define BEHIND_PX      1000.0 /* what a point behind its camera costs, as if it were so far off */
#define MIN_BOARD_SEEN 4

/* One linearised sighting. */
typedef struct bundle_row {
    double r[2], w;             /* residual, px; weight of the loss here; 0: takes no part */
    double Jc[2][CAMERA_WIDTH]; /* [2, width] */
    double Js[2][6];            /* [2, depth] */
    int32_t camera;
} bundle_row;

typedef struct bundle_system {
    const vg_bundle *bundle;
    vg_bundle_options options;
    int32_t parts, part[LENS_PARTS]; /* refined lens parts */
    int32_t width;                   /* parameters a camera: 6 + parts */
    int32_t depth;                   /* parameters a structure: 3, 6, or 0 where held */
    int32_t size;                    /* of the reduced system; 0 where cameras are held */
    int32_t *order;                  /* [sightings] those that take part, by structure, then camera */
    int32_t *start;                  /* [structures + 1] into order */
    bundle_row *row;                 /* [order's length] */
    double *limit;                   /* [cameras] of the lens */
    const vg_camera *origin;         /* [cameras] lenses as they came: where the prior is */
    double *H, *h, *diagonal;        /* [cameras * width]: square, its right side, the undamped diagonal */
    double *S, *g;                   /* [size, size], [size]: the reduced system */
    double *gauge;                   /* [GAUGE_MAX, size] */
    int32_t gauges;
    double gauge_weight, radius;   /* S holds gauge_weight v v' for each; metres that count as much as a radian */
    double *step, *structure_step; /* [size], [structures, depth] */
    double *block;                 /* [cameras, width, depth] scratch of one structure, and again for Y */
} bundle_system;

vg_status bundle_system_create(bundle_system *out, const vg_bundle *bundle, const vg_bundle_options *options,
                               const vg_camera *origin, vg_error *err);
void bundle_system_free(bundle_system *system);

/* Cost (half the sum of the loss and of priors) at the bundle's present state; `result` (may be NULL) gets the counts. */
double bundle_cost(bundle_system *system, vg_bundle_result *result);
/* Fills `row` at the present state. */
void bundle_linearise(bundle_system *system);
/* The reduced system of `lambda`; with gauge terms. */
void bundle_reduce(bundle_system *system, double lambda);
/* Solves it and steps back to the structures. False where it is not positive definite. */
bool bundle_solve(bundle_system *system, double lambda);
/* Moves cameras and structures of `bundle` (the system's own) by the step. */
void bundle_apply(vg_bundle *bundle, const bundle_system *system);

/* Inverse of a symmetric positive definite matrix of order n <= 6, row-major; false where it is none. */
bool bundle_invert(double *inverse, const double *A, int32_t n);
/* Column in the reduced system of parameter `i` of a camera. */
int32_t bundle_column(const bundle_system *system, int32_t camera, int32_t i);
/* Undamped block A of one structure, its right side b, and W [cameras, width, depth] of the cameras that see it. */
void bundle_structure_block(double *A, double *b, double *W, int32_t *cameras, int32_t *count,
                            const bundle_system *system, int32_t structure);

#endif
