/* The 2D detector: pictures in, keypoints of people out. BlazePose (by TensorFlow Lite) finds the 33 landmarks of one person
 * and follows that person from picture to picture; for several people MoveNet multipose (by OpenCV) says where they are.
 * Models and library are not part of the program: `make detector` fetches them, and they are loaded at run time. */
#ifndef VG_PERCEPTION_DETECTOR_H
#define VG_PERCEPTION_DETECTOR_H

#include "perception/joints.h"

#define VG_DETECTOR_PEOPLE 6 /* at most, in one picture */

typedef enum vg_detector_model {
    VG_DETECTOR_LITE, /* BlazePose: 33 landmarks */
    VG_DETECTOR_FULL,
    VG_DETECTOR_HEAVY,
    VG_DETECTOR_MULTI, /* MoveNet multipose alone: 17 keypoints, COCO's */
    VG_DETECTOR_MODELS
} vg_detector_model;

/* A zeroed one is valid: lite, one person. */
typedef struct vg_detector_options {
    int32_t model;      /* vg_detector_model */
    int32_t people;     /* 0 or 1: one person; up to VG_DETECTOR_PEOPLE, which needs MoveNet */
    int32_t threads;    /* of one model; 0 = 1 */
    const char *folder; /* of the models; NULL = vg_detector_folder's */
} vg_detector_options;

/* A picture, 8 bits RGB. */
typedef struct vg_image {
    const uint8_t *rgb;
    int32_t width, height;
    size_t stride; /* bytes from row to row */
} vg_image;

typedef struct vg_detected_person {
    vg_keypoint keypoint[VG_MAX_JOINTS]; /* [joints of the set] px; may lie outside the picture */
    double score;                        /* how sure the model is that this is a person, 0 .. 1 */
    int32_t track; /* from 1: the same number while a person is followed from picture to picture */
} vg_detected_person;

typedef struct vg_detected {
    int32_t people;
    vg_detected_person person[VG_DETECTOR_PEOPLE];
} vg_detected;

typedef struct vg_detector vg_detector;

/* VG_NOT_FOUND, with how to get them, where the models are not there. For one camera and one thread at a time. */
vg_status vg_detector_create(vg_detector **out, const vg_detector_options *options, vg_error *err);
void vg_detector_destroy(vg_detector *detector); /* NULL is allowed */
/* Which joints it finds. */
vg_joint_set_kind vg_detector_joints(vg_detector_model model);

/* People in the next picture of the camera. */
vg_status vg_detector_run(vg_detector *detector, const vg_image *image, vg_detected *out, vg_error *err);
/* The next picture has nothing to do with the last. */
void vg_detector_reset(vg_detector *detector);

/* "lite", "full", "heavy", "multi". */
vg_status vg_detector_model_parse(const char *name, int32_t *out, vg_error *err);

/* Where the models are: $VERGENCE_DETECTOR, else detector/ or share/vergence/detector/ beside the program's bin/. Checks
 * that each file that `options` need is there and is the one that this program was made for. */
vg_status vg_detector_folder(char out[512], const vg_detector_options *options, vg_error *err);

#endif
