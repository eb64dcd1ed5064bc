/* The 2D detector: pictures in, keypoints of people out. BlazePose (TensorFlow Lite) finds the 33 landmarks of one person; for
 * several people MoveNet multipose (OpenCV's DNN) finds where they are. `make detector` fetches the models. */
#ifndef VG_PERCEPTION_DETECTOR_H
#define VG_PERCEPTION_DETECTOR_H

#include "common/frame.h"

#include <stdbool.h>

#define VG_DETECTOR_PEOPLE 6 /* at most, in one picture */

typedef enum vg_detector_model {
    VG_DETECTOR_LITE, /* BlazePose: 33 landmarks */
    VG_DETECTOR_FULL,
    VG_DETECTOR_HEAVY,
    VG_DETECTOR_MULTI, /* MoveNet multipose alone: 17 keypoints of COCO */
    VG_DETECTOR_MODELS
} vg_detector_model;

/* A picture, 8 bits RGB. */
typedef struct vg_image {
    const uint8_t *rgb;
    int32_t width, height;
    size_t stride; /* bytes from row to row */
} vg_image;

#endif
