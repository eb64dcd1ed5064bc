/* What an agent is told. Per camera: itself, everybody as seen in the estimates, and its teammates; every number scaled to
 * about [-1, 1]. Nothing here reads a frame's truth but vg_observe_critic and vg_observe_places, which training alone
 * uses. The layout follows the reference method (its masks mended: who is absent or unseen is zero, with flags).
 *
 *   own 9        slot, position 3, optical axis 3, cos pitch, cos yaw
 *   person 24 P  extent 3, lost-joint share, centre 3, facing 2, centre in the camera's frame 3, facing there 3, box 4,
 *                depth, overlap with the target's box, present, in view, occludes the target
 *   mate 8 (C-1) position 3, optical axis 3, cos pitch, cos yaw; camera slot + 1, slot + 2, ... modulo C */
#ifndef VG_AGENTS_OBSERVE_H
#define VG_AGENTS_OBSERVE_H

#include "common/frame.h"
#include "sim_bridge/world.h"

enum { VG_OBSERVE_OWN = 9, VG_OBSERVE_PERSON = 24, VG_OBSERVE_MATE = 8, VG_POSE_NUMBERS = 8 };

/* Numbers of one camera's observation, D. */
int32_t vg_observation_size(int32_t cameras, int32_t people);
/* Observations [C, D]. */
void vg_observe(float *out, const vg_world_info *world, const vg_frame *frame, const vg_skeletons *skeletons);

/* Numbers only the critic sees, K: all poses (own first, then mates), the mates' actions, true places of the people. */
int32_t vg_critic_size(int32_t cameras, int32_t people, int32_t axes);
/* Fills all but the mates' actions, for all cameras [C, K]; `mates_at` receives where in a row those begin. */
void vg_observe_critic(float *out, int32_t *mates_at, int32_t axes, const float *poses, const float *places,
                       const vg_dims *dims);

/* Camera poses [C, 8]: position over the camera box, optical axis, cos pitch, cos yaw. */
void vg_observe_poses(float *out, const vg_world_info *world, const vg_frame *frame);
/* Places [P, 2] of everybody, target first, in units of 5 m, and mask [P] where known: true ones where the frame has them,
 * else the estimates. */
void vg_observe_places(float *places, float *mask, const vg_frame *frame, const vg_skeletons *skeletons);

/* Mean of a person's estimated joints; false without any. */
bool vg_person_centre(float out[3], const vg_skeletons *skeletons, int32_t person);

#endif
