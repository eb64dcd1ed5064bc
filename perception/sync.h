/* Synchronisation of cameras that were not started together: how far their clocks are off, from how people's keypoints move.
 *
 * Up is up in every upright camera, so a person's joints move up and down alike in all of them when they are compared at the
 * right lag (Pose2Sim does so with one joint or their sum, of one person; here each joint of each person is compared with
 * itself). With a calibration, joints must also lie near each other's epipolar lines, and any way that a camera is held will
 * do. Then clocks are refined by those lines, to a fraction of a picture; drift is told where the recording shows it. */
#ifndef VG_PERCEPTION_SYNC_H
#define VG_PERCEPTION_SYNC_H

#include "perception/keypoints.h"

typedef struct vg_sync_options {
    int32_t longest;   /* frames of the first camera; offsets up to this are looked for, either way */
    double confidence; /* keypoints above this take part, 0 .. 1 */
} vg_sync_options;

vg_sync_options vg_sync_options_default(void); /* 300 frames, 0.3 */

/* What two cameras say of one another: at its time t + lag, b shows what a does at its time t. */
typedef struct vg_sync_pair {
    int32_t a, b;
    double lag;         /* s */
    double correlation; /* of people's speeds at the lag, -1 .. 1 */
    double evidence;    /* nats: by how much this lag is likelier than any other, to these two cameras by themselves */
    double weight;      /* nats: what speaks for it */
    double middle;      /* s of a's time; where the lag is told */
    double drift;       /* of b's clock against a's, seconds a second */
    double epipolar;    /* px, median distance from epipolar lines; without a calibration, from those that fit best */
    bool used;          /* it agrees with where all cameras together were placed */
} vg_sync_pair;

#define VG_SYNC_PAIRS (VG_MAX_CAMERAS * (VG_MAX_CAMERAS - 1) / 2)

typedef struct vg_sync_result {
    bool known[VG_MAX_CAMERAS];    /* tied to the reference, which is camera 0, by pairs that say something */
    double offset[VG_MAX_CAMERAS]; /* s: what the reference shows at its time t, a camera shows at offset + rate t; NaN
                                      where not known */
    double rate[VG_MAX_CAMERAS];
    double sigma[VG_MAX_CAMERAS];       /* s; standard deviation of the offset */
    double correlation[VG_MAX_CAMERAS]; /* best one of the pairs used */
    double confidence[VG_MAX_CAMERAS];  /* 0 .. 1: 1 - exp(-e / 10), where its place has e nats more than any other */
    double disagreement; /* s, rms: how far the pairs are from the offsets; near 0 where all tell the same */
    int32_t pairs;
    vg_sync_pair pair[VG_SYNC_PAIRS];
} vg_sync_result;

/* `cameras` [keypoints->cameras] or NULL; `fps` [keypoints->cameras] pictures a second. Fails where no camera moves in time
 * with the reference. */
vg_status vg_sync(vg_sync_result *out, const vg_keypoints *keypoints, const vg_camera *cameras, const double *fps,
                  const vg_sync_options *options, vg_error *err);

#endif
