/* An armature: a person's skeleton as rigid bones with joint rotations, as BVH files and animation programs want it, solved
 * from joint positions. Axes are y up; in the rest pose the person stands upright facing +z, arms stretched to the sides
 * (left is +x).
 *
 * Each bone is turned so that its child comes as near as its length lets it to where that joint was measured; what the
 * direction leaves open (the turn about the bone itself) comes from the lines across hips, shoulders and ears, and from the
 * planes in which elbows and knees bend. Where a joint is lost its bone keeps its last rotation. */
#ifndef VG_PERCEPTION_ARMATURE_H
#define VG_PERCEPTION_ARMATURE_H

#include "perception/joints.h"
#include "perception/motion.h"

typedef enum vg_rig {
    VG_RIG_HIPS, /* the root: between the hips */
    VG_RIG_SPINE,
    VG_RIG_CHEST, /* between the shoulders */
    VG_RIG_NECK,
    VG_RIG_HEAD, /* between the ears */
    VG_RIG_L_UPPER_ARM,
    VG_RIG_L_LOWER_ARM,
    VG_RIG_L_HAND,
    VG_RIG_R_UPPER_ARM,
    VG_RIG_R_LOWER_ARM,
    VG_RIG_R_HAND,
    VG_RIG_L_UPPER_LEG,
    VG_RIG_L_LOWER_LEG,
    VG_RIG_L_FOOT,
    VG_RIG_R_UPPER_LEG,
    VG_RIG_R_LOWER_LEG,
    VG_RIG_R_FOOT,
    VG_RIG_JOINTS
} vg_rig;

typedef struct vg_armature {
    double offset[VG_RIG_JOINTS][3]; /* m; from the parent, in its axes */
    double end[VG_RIG_JOINTS][3];    /* m; of head, hands and feet: to the bone's other end */
    double local[VG_RIG_JOINTS][9];  /* last rotations, child's axes to parent's; the identity at first */
    double root[3];                  /* m; last place of the hips */
    double normal[VG_RIG_JOINTS][3]; /* last bending axes of limbs, world; zero at first */
} vg_armature;

extern const char *const vg_rig_names[VG_RIG_JOINTS]; /* as BVH files are wont to have them: "LeftUpLeg" */
int32_t vg_rig_parent(vg_rig joint);                  /* -1 for the hips */

vg_armature vg_armature_default(void); /* of an adult of 1.75 m, at rest */
/* Sets each bone's length to the median of what was measured; where that is in no frame, the length stays.
 * x [F, VG_PARTS, 3] metres, NaN where lost. False without memory. */
bool vg_armature_measure(vg_armature *armature, const double (*x)[3], int32_t frames);
/* The same as it comes: moves each length a `share` of its way to what this frame measured, unless that is out of all
 * proportion. Allocates nothing. */
void vg_armature_follow(vg_armature *armature, const double (*x)[3], double share);
/* Solves one frame: x [VG_PARTS, 3] metres, y up, NaN where lost. The result is in armature->root and ->local. Returns how
 * many joints kept their last rotation. Allocates nothing. */
int32_t vg_armature_solve(vg_armature *armature, const double (*x)[3]);
/* Where the joints are: root and local rotations carried down the tree. Either output may be NULL. */
void vg_armature_pose(double (*positions)[3] /* [VG_RIG_JOINTS] */, double (*rotations)[9],
                      const vg_armature *armature);

/* A person's motion (points named after joints, "LKnee"; any unit and axes) as BVH, lengths in `unit`. `kept` (may be NULL)
 * receives how many rotations were carried over a loss. Fails where hips or shoulders are in no frame. */
vg_status vg_bvh_from_motion(vg_bvh *out, const vg_motion *motion, vg_unit unit, int64_t *kept, vg_error *err);

#endif
