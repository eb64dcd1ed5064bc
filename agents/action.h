/* From choices to commands. Each camera chooses one of three on each axis: back, stay or go along its own right, down and
 * forward axes (and, with five axes, pitch and yaw). With three axes the camera turns by itself: towards the target's
 * centre, by 0.8 of the angular error a step, as in the reference method. */
#ifndef VG_AGENTS_ACTION_H
#define VG_AGENTS_ACTION_H

#include "common/frame.h"
#include "sim_bridge/world.h"

typedef struct vg_action_space {
    int32_t axes;        /* 3: move; 5: move, pitch, yaw */
    float speed;         /* m/s of one choice */
    float pitch, yaw;    /* rad a step of one choice, with five axes */
    float gain;          /* share of the pointing error that one step takes away */
    float turn_limit;    /* rad a step, when pointing */
    float pitch_limit;   /* rad */
    bool point_at_truth; /* the paper preset points at where the target really is */
} vg_action_space;

/* `speed` 0: the preset's. */
vg_action_space vg_action_space_default(int32_t preset, double step_seconds, double speed);

/* Moves [C, A] of -1, 0 or 1 (or between, where a policy acts by its mean) to a command; cameras turn towards `aim`. */
void vg_action_command(vg_command *out, const vg_action_space *space, double step_seconds, const float *moves,
                       const vg_frame *frame, const float aim[3]);

/* Yaw and pitch rates (rad/s) that turn a camera towards `aim` within one step, within the space's limits. */
void vg_action_point(vg_camera_command *out, const vg_action_space *space, double step_seconds, const vg_camera *camera,
                     const float aim[3]);

#endif
