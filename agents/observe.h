/* What an agent is told. Per camera: itself, everybody as seen in the estimates, and its teammates; every number scaled to
 * about [-1, 1]. Nothing here reads a frame's truth but vg_observe_places, which training alone uses.
 *
 * The paper preset's layout follows the reference method (its masks mended: who is absent or unseen is zero, with flags):
 *   own 9        slot, position 3, optical axis 3, cos pitch, cos yaw
 *   person 24 P  extent 3, lost-joint share, centre 3, facing 2, centre in the camera's frame 3, facing there 3, box 4,
 *                depth, overlap with the target's box, present, in view, occludes the target
 *   mate 8 (C-1) position 3, optical axis 3, cos pitch, cos yaw; camera slot + 1, slot + 2, ... modulo C
 *
 * The default preset's is written from where the camera stands (observe_own.c): what happens to its right is to its right
 * wherever the team is, so that one experience teaches all places. Those who matter come first: mates in the order in
 * which they stand round the target, people by how near they are to the line of sight.
 *   own 24       position 3, optical axis 3, cos pitch, cos yaw; velocity 3 and the guard's last push 3, in the camera's
 *                frame; share of the target's joints it sees, their confidence; nearness and distance of the target; room
 *                to the box's sides: right, left, ahead, behind; angles about the target to the next mates on both sides
 *   target 16    centre, velocity, facing 3 each in the camera's frame; lost-joint share, deviation, box 4, known
 *   person 12 (P-1)  how recently seen; place 2 and velocity 2 (right, ahead); across the line of sight, how fast so, how
 *                far along it; nearness; deviation; overlap with the target's box, occludes the target
 *   mate 10 (C-1)    place 3 and velocity 3 in the camera's frame; cos and sin of the angle about the target; distance
 *                from the target; share of the target's joints it sees */
#ifndef VG_AGENTS_OBSERVE_H
#define VG_AGENTS_OBSERVE_H

#include "common/frame.h"
#include "perception/whereabouts.h"
#include "sim_bridge/world.h"

enum { VG_OBSERVE_OWN = 9, VG_OBSERVE_PERSON = 24, VG_OBSERVE_MATE = 8, VG_POSE_NUMBERS = 8 };
enum { VG_OBSERVE_SELF = 24, VG_OBSERVE_TARGET = 16, VG_OBSERVE_OTHER = 12, VG_OBSERVE_FRIEND = 10 };

/* How a camera orders the others: the critic, the actions and the world-dynamics heads keep to it. */
typedef struct vg_order {
    uint8_t camera[VG_MAX_CAMERAS]; /* itself first */
    uint8_t person[VG_MAX_PEOPLE];  /* the target first */
} vg_order;

/* How a camera moves, as the team remembers it from frame to frame. */
typedef struct vg_motion {
    float at[3];       /* m, where it was in the last frame */
    float velocity[3]; /* m/s */
    float push[3];     /* m/s, what the guard added to the last command */
} vg_motion;

/* What observations are made of. */
typedef struct vg_scene_view {
    int32_t preset; /* vg_preset */
    const vg_world_info *world;
    const vg_frame *frame;
    const vg_skeletons *skeletons;
    const vg_whereabouts *whereabouts; /* [P] */
    const vg_motion *motion;           /* [C] */
    const float *aim;                  /* [3] where the target is believed to be */
} vg_scene_view;

/* Numbers of one camera's observation, D. */
int32_t vg_observation_size(int32_t preset, int32_t cameras, int32_t people);
/* Observations [C, D] and orders [C]. Whereabouts, motion and aim may be NULL under the paper preset. */
void vg_observe(float *out, vg_order *order, const vg_scene_view *view);

/* Numbers only the critic sees, K: all poses (own first, then mates), the mates' actions, true places of the people. */
int32_t vg_critic_size(int32_t cameras, int32_t people, int32_t axes);
/* Fills all but the mates' actions, for all cameras [C, K]; `mates_at` receives where in a row those begin. */
void vg_observe_critic(float *out, int32_t *mates_at, int32_t axes, const float *poses, const float *places,
                       const vg_order *order, const vg_dims *dims);

/* Camera poses [C, 8]: position over the camera box, optical axis, cos pitch, cos yaw. */
void vg_observe_poses(float *out, const vg_world_info *world, const vg_frame *frame);
/* Places [P, 2] of everybody by slot, in units of 5 m, and mask [P] where known: true ones where the frame has them, else
 * the estimates. */
void vg_observe_places(float *places, float *mask, const vg_frame *frame, const vg_skeletons *skeletons);

/* Parts that both layouts share. */
typedef struct vg_eye {
    float at[3], R[9]; /* place; rows right, down, forward */
} vg_eye;

/* Bounding box of the keypoints a camera has of a person. */
typedef struct vg_box {
    float left, top, right, bottom;
    bool seen;
} vg_box;

vg_eye vg_eye_of(const vg_camera *camera);
void vg_pose_numbers(float out[VG_POSE_NUMBERS], const vg_world_info *world, const vg_eye *eye);
vg_box vg_box_of(const vg_keypoint *keypoints, int32_t joints);
float vg_box_overlap(const vg_box *a, const vg_box *b);
/* Unit vector on the ground in which a skeleton of 14 joints faces; false, and zero, where it cannot be told. */
bool vg_facing(float out[2], const vg_joint *joints, int32_t count);
void vg_observe_own(float *out, vg_order *order, const vg_scene_view *view); /* the default preset's */

/* Mean of a person's estimated joints; false without any. */
bool vg_person_centre(float out[3], const vg_skeletons *skeletons, int32_t person);

#endif
