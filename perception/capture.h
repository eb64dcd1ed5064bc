/* Motion capture as it comes: a frame of detections to people in 3D, held to their bones' lengths and smoothed. What a live session and a replay of its
 * recording both run, so that they give the same bits. */
#ifndef VG_PERCEPTION_CAPTURE_H
#define VG_PERCEPTION_CAPTURE_H

#include "perception/bones.h"
#include "perception/perception.h"
#include "perception/smooth.h"

/* vg_capture_config_default() is valid as it is. */
typedef struct vg_capture_config {
    vg_perception_config perception; /* people told apart, triangulated, Kalman filtered */
    bool hold_bones;                 /* bones' lengths are learned, and joints held to them */
    vg_bones_config bones;           /* how */
    vg_smooth_config smooth;         /* after that */
} vg_capture_config;

vg_capture_config vg_capture_config_default(void);

typedef struct vg_capture vg_capture;

/* For frames of these dimensions; dims.people is also how many people there is room for. `joint_set` names their joints (see
 * joints.h); where it is unknown there are no bones to hold. Release with vg_capture_destroy. */
vg_status vg_capture_create(vg_capture **out, const vg_capture_config *config, vg_dims dims, const char *joint_set,
                            vg_error *err);
void vg_capture_destroy(vg_capture *capture); /* NULL is allowed */

/* One frame. `out` is a block made by vg_skeletons_init for dims.people and dims.joints. Allocates nothing. */
vg_status vg_capture_step(vg_capture *capture, const vg_frame *frame, vg_skeletons *out, vg_error *err);

/* The last frame with its people told apart; NULL where it came so, or none came yet. Valid until the next step. */
const vg_frame *vg_capture_matched(const vg_capture *capture);

/* The name of the person in a slot: 1, 2, ... in the order of appearance, never used again; 0 where the slot is free. */
int64_t vg_capture_name(const vg_capture *capture, int32_t slot);

#endif
