/* Smoothing of people's joints as they come: a One-Euro filter a coordinate (Casiez, Roussel, Vogel, CHI 2012), which follows
 * fast movements closely and calms slow ones. No look-ahead. */
#ifndef VG_PERCEPTION_SMOOTH_H
#define VG_PERCEPTION_SMOOTH_H

#include "common/frame.h"

typedef struct vg_smooth_config {
    double cutoff;   /* Hz, at rest: lower is calmer and later; 0: no smoothing */
    double beta;     /* Hz per m/s: how much a movement raises it */
    double d_cutoff; /* Hz, of the speed that is estimated for this */
} vg_smooth_config;

vg_smooth_config vg_smooth_config_default(void);
vg_status vg_smooth_config_check(const vg_smooth_config *config, vg_error *err);
/* The filter's delay at a steady speed (m/s) and so many frames a second, in seconds: at rest 1 / (2 pi cutoff). It falls
 * with speed, and faster so the more frames there are, because the speed is measured from the last output, which lags. */
double vg_smooth_delay(const vg_smooth_config *config, double speed, double rate);

typedef struct vg_smooth vg_smooth;

vg_status vg_smooth_create(vg_smooth **out, const vg_smooth_config *config, int32_t people, int32_t joints,
                           vg_error *err);
void vg_smooth_destroy(vg_smooth *smooth); /* NULL is allowed */

/* Replaces positions by smoothed ones. A joint that is lost, or a slot whose person went, begins anew. Covariances and
 * velocities stay those of the estimate. Allocates nothing. */
void vg_smooth_step(vg_smooth *smooth, vg_skeletons *skeletons);

#endif
