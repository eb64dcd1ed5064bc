/* How the readers of keypoints gather what they find. Private to keypoints*.c. */
#ifndef VG_PERCEPTION_KEYPOINTS_BUILD_H
#define VG_PERCEPTION_KEYPOINTS_BUILD_H

#include "common/text.h"
#include "perception/keypoints.h"

/* Detections in the order found. */
typedef struct kp_builder {
    const char *name; /* of the file or folder, for errors */
    const vg_keypoints_options *options;
    int32_t cameras;
    char names[VG_MAX_CAMERAS][VG_CAMERA_NAME];
    int64_t numbers[VG_MAX_CAMERAS];                   /* frames that each camera has */
    int64_t low[VG_MAX_CAMERAS], high[VG_MAX_CAMERAS]; /* their numbers */
    int32_t joints;                                    /* 0 until the first detection */
    int64_t detections, room;
    struct kp_place {
        int64_t number;
        int32_t camera;
    } * place;           /* [room] */
    vg_keypoint *points; /* [room, joints] */
    int64_t times, times_room;
    struct kp_time {
        int64_t number;
        int32_t camera;
        double seconds;
    } * time;                      /* [times_room] */
    int64_t timed[VG_MAX_CAMERAS]; /* how many of `numbers` have a time */
} kp_builder;

void kp_builder_free(kp_builder *b);
/* The index of a camera, added where it is new. -1 and an error where there are too many. */
int32_t kp_builder_camera(kp_builder *b, vg_span name, vg_error *err);
/* Notes that a camera has this frame. */
void kp_builder_frame(kp_builder *b, int32_t camera, int64_t number);
/* Notes when it was taken, after kp_builder_frame. `where` is the file or line, for errors. */
vg_status kp_builder_time(kp_builder *b, int32_t camera, int64_t number, double seconds, const char *where,
                          vg_error *err);
/* Room for one more detection of b->joints joints; NULL without memory. */
vg_keypoint *kp_builder_add(kp_builder *b, int32_t camera, int64_t number, vg_error *err);
/* Sorts everything into `out`, after the checks that all readers share. `frames_known`: the cameras' frames were noted, so
 * the rule about different ones applies. */
vg_status kp_builder_finish(kp_builder *b, bool frames_known, vg_keypoints *out, vg_error *err);

/* A keypoint from numbers of a file; false where they cannot be one. */
bool kp_keypoint(vg_keypoint *out, double u, double v, double confidence);

/* Adds the people of one OpenPose file. */
vg_status kp_openpose_add(kp_builder *b, int32_t camera, int64_t number, const char *name, const char *text,
                          size_t size, vg_error *err);
vg_status kp_openpose_read(kp_builder *b, const char *folder, vg_error *err);

#endif
