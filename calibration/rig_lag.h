/* Cameras out of step: whether what a camera saw fits the others better some frames earlier or later. */
#ifndef VG_CALIBRATION_RIG_LAG_H
#define VG_CALIBRATION_RIG_LAG_H

#include "calibration/tracks.h"

#define VG_LAG_LONGEST 30 /* frames that are looked at, either way */

typedef struct vg_camera_lag {
    int32_t frames; /* its frame f + frames shows what frame f of the others does; 0: in step, or nothing can be said */
    double share;   /* of its points that agree with the others at that lag */
    double share_now; /* and as they are */
} vg_camera_lag;

/* lag [cameras], for a rig that was solved: each camera is placed anew among what the others placed, at every lag. A lag is
 * told only where at least twice as many points agree as without it, a quarter of them at least, and more than at any other lag. `threshold_px`: pixels farther off do
 * not agree. VG_NO_MEMORY. */
vg_status vg_rig_lags(vg_camera_lag *lag, const vg_tracks *tracks, double threshold_px, uint64_t seed, vg_error *err);

#endif
