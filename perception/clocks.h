/* The clocks of a recording's cameras against one another: cameras that were started one after the other, run at different
 * rates or drift. A clocks file says how a camera's own time follows from the common one; keypoints are brought onto the
 * common time by interpolation between a camera's neighbouring pictures.
 *
 * The own time of a camera is what its pictures are stamped with (vg_keypoints.times), else their number over `fps`. What
 * happens at common time t is in its picture at own time offset + rate t; the common time is the reference camera's. */
#ifndef VG_PERCEPTION_CLOCKS_H
#define VG_PERCEPTION_CLOCKS_H

#include "perception/keypoints.h"

typedef struct vg_camera_clock {
    char name[VG_CAMERA_NAME];
    double fps;        /* pictures a second, about; exactly, where they are not stamped */
    double offset;     /* s; NaN: not known */
    double rate;       /* seconds of its clock in a second of the reference's: 1, and some millionths */
    double sigma;      /* s; standard deviation of the offset; NaN: not told */
    double confidence; /* 0 .. 1: that the offset is right within that; NaN: not told */
} vg_camera_clock;

typedef struct vg_clocks {
    int32_t cameras, reference; /* index of the reference camera */
    vg_camera_clock camera[VG_MAX_CAMERAS];
} vg_clocks;

/* JSON: {"format": "vergence clocks", "version": 1, "reference": NAME, "cameras": [{"name", "fps", "offset_seconds" (null: not
 * known), "rate", and where there are such: "sigma_seconds", "confidence"}, ...]}. Errors name file, field, value and mend. */
vg_status vg_clocks_read(const char *path, vg_clocks *out, vg_error *err);
vg_status vg_clocks_parse(const char *name, const char *text, size_t size, vg_clocks *out, vg_error *err);
vg_status vg_clocks_write(const char *path, const vg_clocks *clocks, vg_error *err);

/* What became of a camera's keypoints: of those seen in the pictures nearest to the common instants. */
typedef struct vg_resampled {
    int64_t kept, lost; /* lost: not seen in both neighbouring pictures, or pictures too far apart */
} vg_resampled;

/* Keypoints at the instants k / fps after the reference's first picture, cut to the time that all cameras have (`all`: that
 * any camera has). Between two pictures a joint is interpolated where both show it on the same person; its confidence is the
 * lower one. Detections keep their order; one that cannot be placed leaves an empty detection. Cameras whose offset is not
 * known are left out. A camera that `clocks` lacks, or no common time, is an error. `report` [keypoints->cameras] may be NULL. */
vg_status vg_keypoints_resample(vg_keypoints *out, vg_resampled *report, const vg_keypoints *keypoints,
                                const vg_clocks *clocks, double fps, bool all, vg_error *err);

/* For every detection of `a` [count_a, joints] that of `b` which is the same person a short time later, -1: none. Mutually
 * nearest ones by the mean distance of joints above the confidence, at most `most` heights apart. */
void vg_people_follow(int32_t *to, const vg_keypoint *a, int32_t count_a, const vg_keypoint *b, int32_t count_b,
                      int32_t joints, double confidence, double most);

#endif
