/* Writing keypoints as OpenPose does: one JSON file a picture. (keypoints.h reads them.) */
#ifndef VG_PERCEPTION_OPENPOSE_H
#define VG_PERCEPTION_OPENPOSE_H

#include "perception/joints.h"

typedef struct vg_openpose_person {
    const vg_keypoint *keypoints; /* [joints]; confidence 0 is written as 0, 0, 0 */
    int32_t id;                   /* person_id; -1 where unknown, as OpenPose writes it */
} vg_openpose_person;

/* One picture of a camera. */
typedef struct vg_openpose_picture {
    const char *camera;
    int64_t number;
    double time_seconds;   /* when it was taken, by the camera's clock; NaN: not known */
    const char *joint_set; /* its name; NULL: not told */
    int32_t joints, people;
    const vg_openpose_person *person; /* [people] */
} vg_openpose_picture;

/* FOLDER/CAMERA_000000000012_keypoints.json. `joint_set` and `time_seconds` are added under those names, which other readers
 * ignore. */
vg_status vg_openpose_write(const char *folder, const vg_openpose_picture *picture, vg_error *err);

#endif
