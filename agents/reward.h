/* What a frame is worth. The team's reward is Geman-McClure on the target's joints, e in centimetres:
 *
 *   r = mean over joints of (100 - e^2) / (100 + e^2),   in (-1, 1], zero at 10 cm; a lost joint counts -1, the limit;
 *
 * and each camera's is its Shapley value in that reward (CTCR): with v(S) the reward when only the cameras in S are
 * triangulated, v(S) = 0 for fewer than two,
 *
 *   CTCR_i = n sum over S with i, |S| >= 2, of (|S| - 1)! (n - |S|)! / n! [v(S) - v(S without i)],
 *
 * so that the mean over the cameras is v(all). Exact, over all subsets. Source: Proactive Multi-Camera Collaboration for 3D
 * Human Pose Estimation, ICLR 2023. */
#ifndef VG_AGENTS_REWARD_H
#define VG_AGENTS_REWARD_H

#include "common/frame.h"

#include <stdbool.h>

#define VG_CTCR_CAMERAS     12   /* most cameras for which Shapley values are computed */
#define VG_CONFIDENCE_LEAST 0.3f /* a keypoint takes part above this */

/* How far the target's skeleton is from the truth. */
typedef struct vg_pose_error {
    double mpjpe_mm;               /* mean over the joints that have an estimate; NaN without any */
    int32_t estimated;             /* joints with an estimate, measured or carried */
    int32_t lost;                  /* joints without */
    int32_t within_150;            /* joints within 150 mm */
    float joint_mm[VG_MAX_JOINTS]; /* NaN where lost */
} vg_pose_error;

/* Zero joints where the frame has no truth or no target. */
void vg_pose_error_of(vg_pose_error *out, const vg_frame *frame, const vg_skeletons *skeletons);

/* The team's reward and each agent's [C]. With truth, from the target's raw keypoints; `shapley` asks for CTCR, else (and
 * with two cameras or fewer, as in the reference) every agent gets the team's. Without truth the squared error is taken to
 * be the trace of the estimate's covariance, and every agent gets the team's reward. */
void vg_reward(float *team, float *agents, const vg_frame *frame, const vg_skeletons *skeletons, bool shapley);

/* Shapley values [C] and v(all) of the target; the frame must have truth and at most VG_CTCR_CAMERAS cameras. */
float vg_ctcr(float *agents, const vg_frame *frame);
/* The plain twin: every order in which the cameras may join (C <= 6), each subset triangulated by SVD. */
float vg_ctcr_ref(float *agents, const vg_frame *frame);

#endif
