/* A rig placed from what its cameras saw, whatever is known of their places beforehand.
 *
 *   pairs   which cameras saw how many of the same points, and whether they hang together
 *   solve   first places (from the start given, or from the sightings alone: essential matrices between pairs, then one
 *           camera after the other by resection), then bundle adjustment under a redescending loss that narrows step by
 *           step; sightings are dropped and admitted again in every round (graduated non-convexity; Yang, Antonante,
 *           Tzoumas and Carlone, RA-L 2020)
 *
 * Metres, pixels; one caller's thread; memory is allocated for the call. */
#ifndef VG_CALIBRATION_RIG_H
#define VG_CALIBRATION_RIG_H

#include "calibration/bundle.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- who sees what others see ------------------------------------------------------------------------------------------- */

/* shared [cameras, cameras]: structures that both cameras saw (a board counts its corners); the diagonal: that a camera
 * saw. Sightings sorted by structure, then camera. */
void vg_rig_pairs(int32_t *shared, const vg_bundle *bundle);

/* Groups of cameras that hang together by at least `least` shared points: group [cameras] gets numbers from 0, the largest
 * group first. Returns how many there are. */
int32_t vg_rig_groups(int32_t *group, const int32_t *shared, int32_t cameras, int32_t least);

/* VG_OK where there is one group; else VG_FAILED and a sentence that names the cameras without shared views. `names`
 * [cameras]. */
vg_status vg_rig_connected(const int32_t *shared, const char *const *names, int32_t cameras, int32_t least,
                           vg_error *err);

/* ---- solving ---------------------------------------------------------------------------------------------------------------- */

typedef struct vg_rig_options {
    bool start;    /* the cameras' places are a start worth trying; else they are ignored */
    bool keep_all; /* plain least squares over all sightings at the end; none is dropped */
    double
        threshold_px; /* pixels farther off are no evidence for a first place; 0 = 0.6 % of the picture, its longer side */
    int32_t least;    /* shared points that connect two cameras */
    int32_t lens;     /* mask of vg_lens_part to refine at the end */
    bool lens_if_better; /* keep the refined lenses only where frames that had no part in it fit better */
    bool shared_lens;
    uint64_t seed;
    void (*say)(void *context, const char *text); /* progress, a line each; may be NULL */
    void *context;
} vg_rig_options;

vg_rig_options vg_rig_options_default(void);

typedef struct vg_rig_result {
    bool from_start; /* the start was better than what the sightings alone gave */
    bool lens_refined;
    double start_px;   /* median distance at the start given; NaN without one */
    double median_px;  /* at the end, over all sightings */
    double rms_px;     /* over the sightings used */
    double rms_all_px; /* over all that can be projected */
    double noise_px;   /* standard deviation of u and of v, by the median distance */
    double variance;   /* of unit weight, over the sightings used */
    int64_t sightings, used;
    int32_t structures; /* placed */
} vg_rig_result;

/* Places all cameras, and points or boards (those that cannot be placed become NaN). `bundle`'s sightings must be sorted by
 * structure, then camera; their weights are confidences. `used` [sightings]. The world is that of the start where there is
 * one (scale included, of points), else the first camera's, where the unit is the distance of the first pair placed (of
 * points). `names` [cameras] for messages. VG_FAILED names the camera that could not be placed. */
vg_status vg_rig_solve(vg_rig_result *result, bool *used, vg_bundle *bundle, const vg_rig_options *options,
                       const char *const *names, vg_error *err);

/* Places points from cameras that stand, each by itself, by consensus among its views; NaN where none agree. Points only. */
vg_status vg_rig_place_points(vg_bundle *bundle, double threshold_px, vg_error *err);

/* Fills what `result` says of distances over all sightings: median, rms and noise. */
void vg_rig_distances(vg_rig_result *result, const vg_bundle *bundle);

/* ---- moving the whole ---------------------------------------------------------------------------------------------------- */

typedef struct vg_similarity {
    double scale; /* x_to = scale R x_from + t */
    vg_rigid move;
} vg_similarity;

/* Moves cameras and structures; boards' own corners keep their size, so `scale` must be 1 where there are boards. */
void vg_rig_move(vg_bundle *bundle, const vg_similarity *by);

/* The similarity that brings cameras `from` nearest to `to`, by the places and turns of those on which both agree best.
 * With `rigid`, scale is 1. */
vg_similarity vg_rig_align(const vg_camera *to, const vg_camera *from, int32_t cameras, bool rigid);

#endif
