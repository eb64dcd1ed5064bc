/* Frames from pictures: each camera's pictures arrive by themselves, with the time they were taken; those taken within one
 * window make a frame. No sockets and no clock in here: the caller says what time it is. */
#ifndef VG_SIM_BRIDGE_LIVE_ASSEMBLY_H
#define VG_SIM_BRIDGE_LIVE_ASSEMBLY_H

#include "common/frame.h"

#include <stdbool.h>

typedef struct vg_assembly_config {
    vg_dims dims;        /* people: detections kept of one picture */
    int64_t window_ns;   /* pictures taken within this belong together; also the least time between two frames */
    int64_t patience_ns; /* how long a frame waits, after its first picture came, for cameras that are late */
    int64_t silent_ns;   /* a camera unheard for so long is no longer waited for */
} vg_assembly_config;

/* One camera's account. */
typedef struct vg_assembly_camera {
    int64_t heard_ns; /* when its last picture came; 0: never */
    int64_t late;     /* pictures that came after their frame had left */
    int64_t surplus;  /* pictures of which their frame had one already, or that found the queue full */
    int64_t crowded;  /* detections beyond dims.people */
} vg_assembly_camera;

typedef struct vg_assembly vg_assembly;

vg_status vg_assembly_create(vg_assembly **out, const vg_assembly_config *config, vg_error *err);
void vg_assembly_destroy(vg_assembly *assembly); /* NULL is allowed */

/* Takes in a picture taken at `time_ns` that came at `now_ns`. keypoints [people, joints]. Where there are more people than
 * there is room, the most confident stay. */
void vg_assembly_add(vg_assembly *assembly, int32_t camera, int64_t time_ns, int64_t now_ns, int32_t people,
                     const vg_keypoint *keypoints);
/* Whether a frame can leave: every camera that is not silent has told what it saw, or patience is over. */
bool vg_assembly_ready(const vg_assembly *assembly, int64_t now_ns);
/* When to ask again although nothing new came; INT64_MAX where nothing waits. */
int64_t vg_assembly_deadline(const vg_assembly *assembly);
/* The oldest frame: writes keypoints, present and time (the mean of its pictures'), and in *cameras which cameras are in
 * it, as bits. Returns when the last of its pictures came. Call where one is ready. */
int64_t vg_assembly_take(vg_assembly *assembly, vg_frame *frame, uint32_t *cameras);
/* When the picture of a camera was taken that is in the last frame. */
int64_t vg_assembly_taken(const vg_assembly *assembly, int32_t camera);
/* Forgets pictures and what left already: time begins anew. */
void vg_assembly_restart(vg_assembly *assembly);
/* The time before which pictures are late; INT64_MIN before the first frame. */
int64_t vg_assembly_left(const vg_assembly *assembly);

const vg_assembly_camera *vg_assembly_camera_at(const vg_assembly *assembly, int32_t camera);
bool vg_assembly_silent(const vg_assembly *assembly, int32_t camera, int64_t now_ns);

#endif
