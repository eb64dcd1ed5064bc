/* Keypoints in, people in 3D over time out. This is the folder's door. (Motion files are read and written by motion.h.)
 *
 * For each joint of each person: the keypoints above the confidence threshold -> DLT -> robust refinement on the pixels with
 * a covariance -> a Kalman filter with constant velocity, which uses that covariance, gates outliers, and carries the joint
 * through short losses. Nothing here ever reads a frame's truth.
 *
 * The slots of a frame must be the same persons in every camera and frame (VG_FRAME_IDENTIFIED); where they are not, people
 * are told apart first (people.h), if `match` is set. */
#ifndef VG_PERCEPTION_PERCEPTION_H
#define VG_PERCEPTION_PERCEPTION_H

#include "common/frame.h"
#include "perception/people.h"

#include <stdbool.h>

/* vg_perception_config_default() is valid as it is. */
typedef struct vg_perception_config {
    bool paper;  /* the reference method's plain mode: unweighted DLT of 2 views or more, no refinement, no filter:
                            what is lost stays lost */
    bool filter; /* Kalman filter; off: each frame by itself */
    double confidence; /* keypoints above this take part, 0 .. 1 */
    int32_t steps;     /* Gauss-Newton steps after the DLT */
    double sigma;      /* px; standard deviation of u and of v of a keypoint of confidence 1; its square grows as
                            1 / confidence */
    double robust; /* sigmas; a view this far off counts a quarter (see vg_triangulate_options); 0 = least squares */
    bool widen;    /* where views disagree by more than sigma explains, the covariance grows to match */
    double acceleration; /* m^2/s^3; spectral density of the accelerations that the filter expects */
    double speed;        /* m/s; standard deviation of a new joint's velocity, each axis */
    double gate; /* squared Mahalanobis distance beyond which a measurement is an outlier; 3 degrees of freedom */
    int32_t gate_frames;     /* so many outliers in a row mean that the filter is wrong: it begins anew */
    double carry;            /* s; a joint without measurement is predicted for this long, then lost */
    bool match;              /* tell people apart in frames without VG_FRAME_IDENTIFIED; off: such frames are refused */
    vg_people_config people; /* how */
} vg_perception_config;

vg_perception_config vg_perception_config_default(void);
vg_status vg_perception_config_check(const vg_perception_config *config, vg_error *err);

typedef struct vg_perception vg_perception;

/* For `envs` environments whose frames have at most these dimensions. All memory is planned here. Release with
 * vg_perception_destroy. */
vg_status vg_perception_create(vg_perception **out, const vg_perception_config *config, vg_dims dims, int32_t envs,
                               vg_error *err);
void vg_perception_destroy(vg_perception *perception); /* NULL is allowed */

/* Forgets everyone in one environment. A frame with VG_FRAME_FIRST does this by itself. */
void vg_perception_reset(vg_perception *perception, int32_t env);

/* One frame to skeletons. `out` and `raw` are blocks made by vg_skeletons_init for the frame's people and joints (where people
 * are told apart: for those of the dimensions given to vg_perception_create); `raw` (may be NULL) receives the triangulated points before the filter: MEASURED or LOST. Calls for different environments may run
 * at once on different threads. Allocates nothing. */
vg_status vg_perceive(vg_perception *perception, int32_t env, const vg_frame *frame, vg_skeletons *out,
                      vg_skeletons *raw, vg_error *err);

/* The last frame of an environment as its people were told apart, and who they are; NULL where `match` is off or no frame
 * needed it. Valid until the next frame. */
const vg_frame *vg_perception_matched(const vg_perception *perception, int32_t env);
const vg_people *vg_perception_people(const vg_perception *perception, int32_t env);

/* Bytes of one environment's filter state, and copying it out and back, for checkpoints that resume bit-exactly. */
size_t vg_perception_state_bytes(const vg_perception *perception);
void vg_perception_save_state(const vg_perception *perception, int32_t env, void *out);
void vg_perception_load_state(vg_perception *perception, int32_t env, const void *state);

#endif
