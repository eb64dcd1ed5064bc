/* Joint sets: which joints a 2D pose model finds, in its order, and what is known about them: names, left and right, the
 * bones between them with the usual length and how rigid they are, how exactly a detector finds each.
 *
 * A set is plain data. Joints of different sets are the same part of the body where their `part` is the same. */
#ifndef VG_PERCEPTION_JOINTS_H
#define VG_PERCEPTION_JOINTS_H

#include "common/frame.h"

#include <stdbool.h>

/* Parts of the body. Left ones are followed by their right ones. */
typedef enum vg_part {
    VG_PART_OTHER = -1, /* known by its name only */
    VG_PART_NOSE,
    VG_PART_NECK, /* between the shoulders; BODY_25B's is a little higher */
    VG_PART_HEAD, /* its top */
    VG_PART_MID_HIP,
    VG_PART_L_EYE,
    VG_PART_R_EYE,
    VG_PART_L_EAR,
    VG_PART_R_EAR,
    VG_PART_L_SHOULDER,
    VG_PART_R_SHOULDER,
    VG_PART_L_ELBOW,
    VG_PART_R_ELBOW,
    VG_PART_L_WRIST,
    VG_PART_R_WRIST,
    VG_PART_L_HIP,
    VG_PART_R_HIP,
    VG_PART_L_KNEE,
    VG_PART_R_KNEE,
    VG_PART_L_ANKLE,
    VG_PART_R_ANKLE,
    VG_PART_L_BIG_TOE,
    VG_PART_R_BIG_TOE,
    VG_PART_L_SMALL_TOE,
    VG_PART_R_SMALL_TOE,
    VG_PART_L_HEEL,
    VG_PART_R_HEEL,
    VG_PART_L_EYE_INNER,
    VG_PART_R_EYE_INNER,
    VG_PART_L_EYE_OUTER,
    VG_PART_R_EYE_OUTER,
    VG_PART_L_MOUTH,
    VG_PART_R_MOUTH,
    VG_PART_L_PINKY,
    VG_PART_R_PINKY,
    VG_PART_L_INDEX,
    VG_PART_R_INDEX,
    VG_PART_L_THUMB,
    VG_PART_R_THUMB,
    VG_PARTS
} vg_part;

/* Two joints whose distance hardly changes. */
typedef struct vg_bone {
    int32_t a, b;   /* joints of the set */
    int32_t mirror; /* the same bone of the other side: equally long; itself where there is none */
    double length;  /* metres, of an adult of 1.75 m */
    double spread;  /* how much the length changes while the person moves: standard deviation / length */
} vg_bone;

#define VG_MAX_BONES  96
#define VG_JOINT_NAME 32

typedef struct vg_joint_set {
    char name[VG_JOINT_NAME]; /* "body25b" */
    int32_t joints;
    char names[VG_MAX_JOINTS][VG_JOINT_NAME]; /* "LKnee" */
    int32_t part[VG_MAX_JOINTS];              /* vg_part; each at most once */
    int32_t mirror[VG_MAX_JOINTS];            /* the joint of the other side; itself where there is none */
    double noise[VG_MAX_JOINTS];              /* pixel noise relative to that of a wrist */
    int32_t bones;
    vg_bone bone[VG_MAX_BONES];
} vg_joint_set;

typedef enum vg_joint_set_kind {
    VG_JOINTS_BODY_25,   /* OpenPose */
    VG_JOINTS_BODY_25B,  /* OpenPose, Pose2Sim's demo data */
    VG_JOINTS_COCO_18,   /* OpenPose's COCO model: 17 and a neck */
    VG_JOINTS_COCO_17,   /* COCO's own order */
    VG_JOINTS_HALPE_26,  /* AlphaPose, RTMPose */
    VG_JOINTS_BLAZEPOSE, /* 33 landmarks */
    VG_JOINTS_14,        /* vg_joint14 */
    VG_JOINTS_KINDS
} vg_joint_set_kind;

void vg_joint_set_init(vg_joint_set *out, vg_joint_set_kind kind);
/* By name, as the streams of docs/protocol.md have it: "body25", "body25b", "coco18", "coco17", "halpe26", "blazepose33",
 * "vergence14"; "BODY_25" is "body25". Names the choices where there is no such set. */
vg_status vg_joint_set_parse(const char *name, vg_joint_set_kind *out, vg_error *err);
const char *vg_joint_set_kind_name(vg_joint_set_kind kind);
/* A set of these joints, named as "LKnee" or "left_knee" or anything else (VG_PART_OTHER, without bones). */
vg_status vg_joint_set_of_names(vg_joint_set *out, const char *set_name, const char *const *names, int32_t joints,
                                vg_error *err);

/* Index of the joint that is this part, -1 where the set has none. */
int32_t vg_joint_set_find(const vg_joint_set *set, vg_part part);
/* The same by name, in any case. */
int32_t vg_joint_set_find_name(const vg_joint_set *set, const char *name);
/* Index of the bone between two joints, in either order, -1 where there is none. */
int32_t vg_joint_set_bone(const vg_joint_set *set, int32_t a, int32_t b);

/* The joints that motion files usually hold, in OpenSim's usual order (legs, trunk, head, arms; right before left): all but
 * eyes, ears and mouth; those without a known part last. `out` [VG_MAX_JOINTS]; returns how many. */
int32_t vg_joint_set_body(const vg_joint_set *set, int32_t *out);

const char *vg_part_name(vg_part part); /* "LKnee" */

#endif
