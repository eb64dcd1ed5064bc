/* From keypoints of a recording to people in 3D over time: who is who, then each joint from the views that agree, then bones
 * of constant length. What live sessions do frame by frame, with the whole recording at hand. */
#ifndef VG_PERCEPTION_RECONSTRUCT_H
#define VG_PERCEPTION_RECONSTRUCT_H

#include "calibration/calibration.h"
#include "perception/bones.h"
#include "perception/keypoints.h"
#include "perception/motion.h"
#include "perception/people.h"

typedef enum vg_who {
    VG_WHO_MAIN,      /* the one person whom most cameras see for the longest time */
    VG_WHO_ALL,       /* everyone who is seen long enough */
    VG_WHO_NECK,      /* the main person as Pose2Sim finds it: in each frame the detections whose necks meet best */
    VG_WHO_ASSOCIATED /* the files' order is the identity: detection p is person p in every camera and frame */
} vg_who;

/* vg_reconstruct_config_default() is valid as it is. */
typedef struct vg_reconstruct_config {
    int32_t who;                    /* vg_who */
    vg_people_config people;        /* for VG_WHO_MAIN and VG_WHO_ALL */
    double least_seconds;           /* VG_WHO_ALL: who is seen for less is left out */
    double confidence;              /* keypoints below take no part */
    bool squared_weights;           /* confidence squared, as Pose2Sim's weighting comes to; else confidence */
    vg_consensus_options consensus; /* its sigma is that of a wrist, before the recording says better */
    bool learn_noise;               /* pixel noise of each joint from the recording's own residuals, for covariances */
    bool hold_bones;
    vg_bones_config bones;
} vg_reconstruct_config;

vg_reconstruct_config vg_reconstruct_config_default(void);
/* The settings of Pose2Sim's single and multi person demos: 0.3, 15 px, 2 cameras, distortion not undone, plain DLT. */
vg_reconstruct_config vg_reconstruct_config_pose2sim(void);

/* One person. `points` [F, J]: x is NaN and views 0 where lost. */
typedef struct vg_reconstructed {
    int64_t name;               /* 1, 2, ... */
    vg_consensus_point *points; /* [F, J] */
    double *residuals;          /* [F, J] m; mean distance of the point from the rays used */
    double *squares;            /* [F, J] px^2; sum over the views used of their squared distances */
    vg_bones bones;
} vg_reconstructed;

/* Zero is empty. Release with vg_reconstruction_free. */
typedef struct vg_reconstruction {
    vg_joint_set set;
    int32_t frames, cameras, people;
    vg_reconstructed *person;    /* [people] who was seen most first */
    int32_t left_out;            /* people seen for too short a time */
    double noise[VG_MAX_JOINTS]; /* px; standard deviation of u and of v, of a keypoint of confidence 1 */
    double seconds;              /* of CPU time that triangulation took */
} vg_reconstruction;

/* `cameras` [C] belong to the keypoints' cameras (vg_keypoints_cameras); `rate` in frames a second. */
vg_status vg_reconstruct(vg_reconstruction *out, const vg_keypoints *keypoints, const vg_camera *cameras, double rate,
                         const vg_reconstruct_config *config, vg_error *err);
void vg_reconstruction_free(vg_reconstruction *reconstruction);

/* How well points fit, over the joints chosen (`joints` [count]) of one person. Sums, so that people can be added. */
typedef struct vg_fit {
    int64_t points, lost;
    int64_t removed;      /* views that saw a joint above the confidence and were left out, summed over found points */
    int64_t unused;       /* views that took no part for whatever reason, summed over found points */
    int64_t observations; /* views used, summed over found points */
    double error, square; /* px: sum over points of the mean distance; px^2: over observations of the squared one */
    double *errors;       /* [points found] mean distances, for a median; NULL, or the caller's array of that room */
} vg_fit;
void vg_reconstruction_fit(vg_fit *fit, const vg_reconstruction *r, int32_t person, const int32_t *joints,
                           int32_t count);

/* One person's chosen joints as a motion, metres, z up, with residuals and covariances. */
vg_status vg_reconstruction_motion(vg_motion *out, const vg_reconstruction *r, int32_t person, const int32_t *joints,
                                   int32_t count, double rate, vg_error *err);

#endif
