/* Writing keypoints as OpenPose does: one JSON file a picture. (keypoints.h reads them.) */
#ifndef VG_PERCEPTION_OPENPOSE_H
#define VG_PERCEPTION_OPENPOSE_H

#include "perception/joints.h"

typedef struct vg_openpose_person {
    const vg_keypoint *keypoints; /* [joints]; confidence 0 is written as 0, 0, 0 */
    int32_t id;                   /* person_id; -1 where unknown, as OpenPose writes it */
} vg_openpose_person;

/* FOLDER/CAMERA_000000000012_keypoints.json. `joint_set` (may be NULL) is added under that name, which other readers
 * ignore. */
vg_status vg_openpose_write(const char *folder, const char *camera, int64_t number, const char *joint_set,
                            int32_t joints, const vg_openpose_person *people, int32_t count, vg_error *err);

#endif
