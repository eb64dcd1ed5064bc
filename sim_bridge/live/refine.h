/* Clocks refined by geometry while people move: at the right offsets, keypoints of one person in two cameras lie on each
 * other's epipolar lines. How far off they lie, against how fast they move across those lines, tells how far the cameras'
 * clocks are off.
 *
 * A Kalman filter holds one correction for each clock: a random walk, measured by the distances of the last quarter of a
 * second. It begins at zero, give or take `prior`; what people's motion does not tell (a shift of all clocks alike; anything
 * while nobody moves) stays as it was. A joint that lies beside its line all the time says something of calibration or
 * detector, not of time: distances count from their own running mean, pair by pair and joint by joint.
 *
 * Nothing here allocates but vg_refine_create. */
#ifndef VG_SIM_BRIDGE_LIVE_REFINE_H
#define VG_SIM_BRIDGE_LIVE_REFINE_H

#include "common/frame.h"

#include <stdbool.h>

typedef struct vg_refine vg_refine;

/* For frames of these dimensions; corrections stay within `most` seconds either way. Release with vg_refine_destroy. */
vg_status vg_refine_create(vg_refine **out, vg_dims dims, double most, vg_error *err);
void vg_refine_destroy(vg_refine *refine); /* NULL is allowed */

/* Forgets what is known of one clock: its correction is zero again. */
void vg_refine_forget(vg_refine *refine, int32_t clock);

/* What a frame's pictures were. */
typedef struct vg_refine_pictures {
    int32_t clock[VG_MAX_CAMERAS]; /* of each camera, 0 .. VG_MAX_CAMERAS - 1; -1: its picture is not in the frame */
    double time[VG_MAX_CAMERAS];   /* s; when it was taken, by its clock as corrected so far */
    bool exact[VG_MAX_CAMERAS];    /* [clocks] it is ours: never corrected */
} vg_refine_pictures;

/* Takes in a frame whose slots are the same persons in every camera (VG_FRAME_IDENTIFIED; others are left alone). */
void vg_refine_take(vg_refine *refine, const vg_frame *frame, const vg_refine_pictures *pictures);

/* What to add to a clock's times, and how sure that is, in seconds. */
double vg_refine_correction(const vg_refine *refine, int32_t clock);
double vg_refine_sigma(const vg_refine *refine, int32_t clock);

#endif
