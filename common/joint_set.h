/* Joint sets: which joints a detector reports, by name and in what order. The names are those of the field's motion files
 * ("LShoulder", "MidHip"). */
#ifndef VG_COMMON_JOINT_SET_H
#define VG_COMMON_JOINT_SET_H

#include "common/status.h"

#include <stdint.h>

typedef struct vg_joint_set {
    const char *name; /* "vergence14" */
    int32_t joints;
    const char *const *names; /* [joints] */
} vg_joint_set;

/* vergence14 (the simulator's), coco17, halpe26, body25, body25b (OpenPose), blazepose33. NULL where there is none of that
 * name. */
const vg_joint_set *vg_joint_set_find(const char *name);
/* The same, with an error that names `key`, the name and those there are. */
vg_status vg_joint_set_get(const vg_joint_set **out, const char *key, const char *name, vg_error *err);
/* Index of a joint, -1 where the set has none of that name. */
int32_t vg_joint_set_index(const vg_joint_set *set, const char *joint);
/* The sets in turn; NULL after the last. */
const vg_joint_set *vg_joint_set_at(int32_t index);

#endif
