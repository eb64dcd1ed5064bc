/* Bones. A game answers `vget /human/NAME/3d_keypoint` with the bones of its character's rig; which of them are the 14
 * joints depends on the rig. */
#ifndef VG_SIM_BRIDGE_UNREALCV_RIGS_H
#define VG_SIM_BRIDGE_UNREALCV_RIGS_H

#include "common/frame.h"

#define UCV_BONES     95
#define UCV_BONES_MAX 512

/* A bone of the rig our server shows, from the 14 joints: from + share * (middle of `to` and `also` - from). */
typedef struct ucv_bone {
    const char *name;
    int32_t from, to, also; /* vg_joint14 */
    float share;
} ucv_bone;
extern const ucv_bone ucv_bones[UCV_BONES];

/* Where a rig keeps the 14 joints. */
typedef struct ucv_rig {
    const char *name;
    int32_t bones_low, bones_high; /* how many bones a reply of this rig has */
    int32_t joint[VG_JOINTS14];    /* index of the bone */
} ucv_rig;
#define UCV_RIGS 4
extern const ucv_rig ucv_rigs[UCV_RIGS];
/* Names of the joints' bones in Unreal's mannequins, for rigs that are not in the table. */
extern const char *const ucv_joint_bones[VG_JOINTS14];

#endif
