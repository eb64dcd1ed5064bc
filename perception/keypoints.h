/* 2D keypoints of several cameras over time, read from files: what each camera's detector saw, not yet matched across
 * cameras. OpenPose folders (one a camera, one JSON file a frame; Pose2Sim's layout) and CSV.
 *
 * Readers are strict: an error names file, field, value and mend. */
#ifndef VG_PERCEPTION_KEYPOINTS_H
#define VG_PERCEPTION_KEYPOINTS_H

#include "calibration/files.h"
#include "perception/joints.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VG_KEYPOINT_FRAMES_MAX 10000000

/* Detections of frame f in camera c are `first[f * cameras + c]` up to, without, `first[f * cameras + c + 1]`. Zero is
 * empty. Release with vg_keypoints_free. */
typedef struct vg_keypoints {
    vg_joint_set set;
    int32_t cameras, frames;
    int32_t first_number;          /* of the first frame, as the files count; the others follow without gaps */
    int32_t begin[VG_MAX_CAMERAS]; /* frames that each camera has: begin up to, without, end */
    int32_t end[VG_MAX_CAMERAS];
    char (*names)[VG_CAMERA_NAME]; /* [cameras] the folders' or the file's, in order of name */
    double *times;       /* [frames * cameras] s, by each camera's own clock, increasing; NaN where there is no
                                      picture or the camera tells no times; NULL where none does */
    int64_t *first;      /* [frames * cameras + 1] */
    vg_keypoint *points; /* [detections, joints] px; confidence 0 where a joint was not seen */
} vg_keypoints;

/* What to do where cameras have different frames. */
typedef enum vg_frames_rule {
    VG_FRAMES_EQUAL = 0, /* fail, saying which */
    VG_FRAMES_COMMON,    /* from the last camera's beginning to the first one's end */
    VG_FRAMES_ALL        /* a camera without a frame sees nobody in it */
} vg_frames_rule;

/* A zeroed one is valid: the joint set is found from the data. */
typedef struct vg_keypoints_options {
    const vg_joint_set
        *set;       /* NULL = by the number of joints (BODY_25 and BODY_25B are told apart by where the feet are) */
    int32_t frames; /* vg_frames_rule */
} vg_keypoints_options;

/* A folder of OpenPose folders, or a CSV file. `options` may be NULL. */
vg_status vg_keypoints_read(const char *path, const vg_keypoints_options *options, vg_keypoints *out, vg_error *err);
void vg_keypoints_free(vg_keypoints *keypoints);

/* CSV: a header, then a row a keypoint. Columns by name, in any order: camera (or cam, cam_id, port), frame (sync_index),
 * joint (landmark, keypoint_id, point_id: a name or a number), x, y (u, v; x_px, y_px; img_loc_x, img_loc_y), and where there are
 * such: confidence (visibility, likelihood, score), person, time_seconds (when the picture was taken, by the camera's
 * clock). `name` is what errors call the text. */
vg_status vg_keypoints_csv_parse(const char *name, const char *text, size_t size, const vg_keypoints_options *options,
                                 vg_keypoints *out, vg_error *err);
/* One OpenPose file as a recording of one camera and one frame. Beside OpenPose's own fields, `time_seconds` is read. */
vg_status vg_keypoints_openpose_parse(const char *name, const char *text, size_t size,
                                      const vg_keypoints_options *options, vg_keypoints *out, vg_error *err);

static inline int32_t vg_keypoints_count(const vg_keypoints *k, int32_t frame, int32_t camera) {
    const int64_t *first = k->first + (int64_t)frame * k->cameras + camera;
    return (int32_t)(first[1] - first[0]);
}
/* Detection i of a camera in a frame: [joints]. */
static inline const vg_keypoint *vg_keypoints_at(const vg_keypoints *k, int32_t frame, int32_t camera, int32_t i) {
    return k->points + (k->first[(int64_t)frame * k->cameras + camera] + i) * k->set.joints;
}
/* Whether the files say when a camera's pictures were taken, and how many a second that makes (NaN where they do not). */
bool vg_keypoints_stamped(const vg_keypoints *k, int32_t camera);
double vg_keypoints_rate(const vg_keypoints *k, int32_t camera);
/* When a picture was taken, by the camera's own clock: as the files say (`stamped`), else its number over `fps`. NaN: there
 * is none. */
static inline double vg_keypoints_time(const vg_keypoints *k, int32_t frame, int32_t camera, bool stamped, double fps) {
    if (frame < k->begin[camera] || frame >= k->end[camera]) return (double)NAN;
    return stamped ? k->times[(int64_t)frame * k->cameras + camera] : (k->first_number + (double)frame) / fps;
}
/* The most detections that a camera has in a frame. */
int32_t vg_keypoints_most(const vg_keypoints *keypoints);

/* Median confidence of the keypoints that were seen, to a thousandth; 0 where none was. */
double vg_keypoints_confidence(const vg_keypoints *keypoints);

/* The calibrated camera of each of the recording's, by vg_camera_match. `pairs` ("FOLDER=CAMERA", may be NULL) go first.
 * Fails, naming both sides, where a recorded camera has no calibration; where a calibrated one has no keypoints unless
 * `allow_missing`; and where keypoints cannot be pixels of that camera (normalised, or of another picture size). */
vg_status vg_keypoints_cameras(vg_camera *out /* [cameras] */, const vg_keypoints *keypoints, const vg_camera_set *set,
                               const char *const *pairs, size_t pair_count, bool allow_missing, vg_error *err);

/* A keypoint of a picture turned by `quarter` quarter turns clockwise, in the picture of width x height before it was. */
void vg_keypoint_turn_back(vg_keypoint *keypoint, int32_t quarter, int32_t width, int32_t height);
/* The same for all of one camera: keypoints that were found in turned pictures, of cameras calibrated as
 * they were before. */
void vg_keypoints_turn_back(vg_keypoints *keypoints, int32_t camera, int32_t quarter, int32_t width, int32_t height);

/* Puts one frame's detections into the slots of a frame (each camera's own order, not identified), as many as it has
 * slots. The frame's cameras are left alone. */
void vg_keypoints_frame(const vg_keypoints *keypoints, int32_t frame, double rate, vg_frame *out);

#endif
