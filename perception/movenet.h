/* MoveNet multipose: up to six people of a picture, 17 keypoints each (COCO's). Private to the 2D detector. */
#ifndef VG_PERCEPTION_MOVENET_H
#define VG_PERCEPTION_MOVENET_H

#include "perception/detector.h"

enum { VG_MOVENET_JOINTS = 17 };

typedef struct vg_movenet vg_movenet;

vg_status vg_movenet_open(vg_movenet **out, const char *folder, vg_error *err);
void vg_movenet_close(vg_movenet *movenet); /* NULL is allowed */
/* People, surest first; their `track` is 0. */
vg_status vg_movenet_run(vg_movenet *movenet, const vg_image *image, vg_detected *out, vg_error *err);

#endif
