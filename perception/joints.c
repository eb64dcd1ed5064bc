/* One table of the parts of the body and one of the bones between them; a set is a list of parts. Relative noise: the
 * standard deviations of annotators in COCO (Ronchi, Perona, "Benchmarking and error diagnosis in multi-instance pose
 * estimation", 2017; COCO's evaluation code) and COCO-WholeBody, divided by that of a wrist, with hips held back: there
 * it is mostly a constant offset, which all views share. */
#include "perception/joints.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name, *long_name;
    double noise;
} parts[VG_PARTS] = {
    [VG_PART_NOSE] = {"Nose", "nose", 0.5},
    [VG_PART_NECK] = {"Neck", "neck", 0.9},
    [VG_PART_HEAD] = {"Head", "head", 0.8},
    [VG_PART_MID_HIP] = {"MidHip", "mid_hip", 1.2},
    [VG_PART_L_EYE] = {"LEye", "left_eye", 0.5},
    [VG_PART_R_EYE] = {"REye", "right_eye", 0.5},
    [VG_PART_L_EAR] = {"LEar", "left_ear", 0.6},
    [VG_PART_R_EAR] = {"REar", "right_ear", 0.6},
    [VG_PART_L_SHOULDER] = {"LShoulder", "left_shoulder", 1.2},
    [VG_PART_R_SHOULDER] = {"RShoulder", "right_shoulder", 1.2},
    [VG_PART_L_ELBOW] = {"LElbow", "left_elbow", 1.1},
    [VG_PART_R_ELBOW] = {"RElbow", "right_elbow", 1.1},
    [VG_PART_L_WRIST] = {"LWrist", "left_wrist", 1},
    [VG_PART_R_WRIST] = {"RWrist", "right_wrist", 1},
    [VG_PART_L_HIP] = {"LHip", "left_hip", 1.4},
    [VG_PART_R_HIP] = {"RHip", "right_hip", 1.4},
    [VG_PART_L_KNEE] = {"LKnee", "left_knee", 1.3},
    [VG_PART_R_KNEE] = {"RKnee", "right_knee", 1.3},
    [VG_PART_L_ANKLE] = {"LAnkle", "left_ankle", 1.3},
    [VG_PART_R_ANKLE] = {"RAnkle", "right_ankle", 1.3},
    [VG_PART_L_BIG_TOE] = {"LBigToe", "left_big_toe", 1.1},
    [VG_PART_R_BIG_TOE] = {"RBigToe", "right_big_toe", 1.1},
    [VG_PART_L_SMALL_TOE] = {"LSmallToe", "left_small_toe", 1.1},
    [VG_PART_R_SMALL_TOE] = {"RSmallToe", "right_small_toe", 1.1},
    [VG_PART_L_HEEL] = {"LHeel", "left_heel", 1.1},
    [VG_PART_R_HEEL] = {"RHeel", "right_heel", 1.1},
    [VG_PART_L_EYE_INNER] = {"LEyeInner", "left_eye_inner", 0.5},
    [VG_PART_R_EYE_INNER] = {"REyeInner", "right_eye_inner", 0.5},
    [VG_PART_L_EYE_OUTER] = {"LEyeOuter", "left_eye_outer", 0.5},
    [VG_PART_R_EYE_OUTER] = {"REyeOuter", "right_eye_outer", 0.5},
    [VG_PART_L_MOUTH] = {"LMouth", "mouth_left", 0.5},
    [VG_PART_R_MOUTH] = {"RMouth", "mouth_right", 0.5},
    [VG_PART_L_PINKY] = {"LPinky", "left_pinky", 1.2},
    [VG_PART_R_PINKY] = {"RPinky", "right_pinky", 1.2},
    [VG_PART_L_INDEX] = {"LIndex", "left_index", 1.2},
    [VG_PART_R_INDEX] = {"RIndex", "right_index", 1.2},
    [VG_PART_L_THUMB] = {"LThumb", "left_thumb", 1.2},
    [VG_PART_R_THUMB] = {"RThumb", "right_thumb", 1.2},
};

/* Of the middle or of the left; the right ones follow from these. */
static const struct {
    vg_part a, b;
    double length, spread;
} bones[] = {
    {VG_PART_L_SHOULDER, VG_PART_L_ELBOW, 0.285, 0.03},
    {VG_PART_L_ELBOW, VG_PART_L_WRIST, 0.250, 0.03},
    {VG_PART_L_HIP, VG_PART_L_KNEE, 0.420, 0.02},
    {VG_PART_L_KNEE, VG_PART_L_ANKLE, 0.410, 0.03},
    {VG_PART_L_SHOULDER, VG_PART_R_SHOULDER, 0.350, 0.06},
    {VG_PART_L_HIP, VG_PART_R_HIP, 0.220, 0.05},
    {VG_PART_L_SHOULDER, VG_PART_L_HIP, 0.500, 0.07},
    {VG_PART_MID_HIP, VG_PART_L_HIP, 0.110, 0.08},
    {VG_PART_NECK, VG_PART_L_SHOULDER, 0.185, 0.10},
    {VG_PART_NECK, VG_PART_MID_HIP, 0.520, 0.07},
    {VG_PART_NECK, VG_PART_HEAD, 0.260, 0.10},
    {VG_PART_NECK, VG_PART_NOSE, 0.210, 0.20},
    {VG_PART_HEAD, VG_PART_NOSE, 0.200, 0.08},
    {VG_PART_NOSE, VG_PART_L_EYE, 0.045, 0.08},
    {VG_PART_L_EYE, VG_PART_R_EYE, 0.063, 0.08},
    {VG_PART_L_EYE, VG_PART_L_EAR, 0.115, 0.08},
    {VG_PART_L_EAR, VG_PART_R_EAR, 0.150, 0.05},
    {VG_PART_L_EYE, VG_PART_L_EYE_INNER, 0.016, 0.15},
    {VG_PART_L_EYE, VG_PART_L_EYE_OUTER, 0.016, 0.15},
    {VG_PART_NOSE, VG_PART_L_MOUTH, 0.060, 0.15},
    {VG_PART_L_MOUTH, VG_PART_R_MOUTH, 0.050, 0.20},
    {VG_PART_L_ANKLE, VG_PART_L_HEEL, 0.095, 0.08},
    {VG_PART_L_ANKLE, VG_PART_L_BIG_TOE, 0.185, 0.08},
    {VG_PART_L_HEEL, VG_PART_L_BIG_TOE, 0.230, 0.05},
    {VG_PART_L_BIG_TOE, VG_PART_L_SMALL_TOE, 0.085, 0.10},
    {VG_PART_L_HEEL, VG_PART_L_SMALL_TOE, 0.200, 0.06},
    {VG_PART_L_WRIST, VG_PART_L_PINKY, 0.090, 0.15},
    {VG_PART_L_WRIST, VG_PART_L_INDEX, 0.095, 0.15},
    {VG_PART_L_WRIST, VG_PART_L_THUMB, 0.055, 0.20},
    {VG_PART_L_PINKY, VG_PART_L_INDEX, 0.055, 0.25},
};

#define LEFT_RIGHT(part) VG_PART_L_##part, VG_PART_R_##part

static const int8_t body_25[] = {
    VG_PART_NOSE,        VG_PART_NECK,    VG_PART_R_SHOULDER, VG_PART_R_ELBOW,     VG_PART_R_WRIST,
    VG_PART_L_SHOULDER,  VG_PART_L_ELBOW, VG_PART_L_WRIST,    VG_PART_MID_HIP,     VG_PART_R_HIP,
    VG_PART_R_KNEE,      VG_PART_R_ANKLE, VG_PART_L_HIP,      VG_PART_L_KNEE,      VG_PART_L_ANKLE,
    VG_PART_R_EYE,       VG_PART_L_EYE,   VG_PART_R_EAR,      VG_PART_L_EAR,       VG_PART_L_BIG_TOE,
    VG_PART_L_SMALL_TOE, VG_PART_L_HEEL,  VG_PART_R_BIG_TOE,  VG_PART_R_SMALL_TOE, VG_PART_R_HEEL};
#define COCO_ORDER                                                                                                     \
    VG_PART_NOSE, LEFT_RIGHT(EYE), LEFT_RIGHT(EAR), LEFT_RIGHT(SHOULDER), LEFT_RIGHT(ELBOW), LEFT_RIGHT(WRIST),        \
        LEFT_RIGHT(HIP), LEFT_RIGHT(KNEE), LEFT_RIGHT(ANKLE)
static const int8_t coco_17[] = {COCO_ORDER};
static const int8_t body_25b[] = {COCO_ORDER,        VG_PART_NECK,        VG_PART_HEAD,
                                  VG_PART_L_BIG_TOE, VG_PART_L_SMALL_TOE, VG_PART_L_HEEL,
                                  VG_PART_R_BIG_TOE, VG_PART_R_SMALL_TOE, VG_PART_R_HEEL};
static const int8_t halpe_26[] = {COCO_ORDER,          VG_PART_HEAD,          VG_PART_NECK,    VG_PART_MID_HIP,
                                  LEFT_RIGHT(BIG_TOE), LEFT_RIGHT(SMALL_TOE), LEFT_RIGHT(HEEL)};
static const int8_t coco_18[] = {
    VG_PART_NOSE,    VG_PART_NECK,    VG_PART_R_SHOULDER, VG_PART_R_ELBOW, VG_PART_R_WRIST, VG_PART_L_SHOULDER,
    VG_PART_L_ELBOW, VG_PART_L_WRIST, VG_PART_R_HIP,      VG_PART_R_KNEE,  VG_PART_R_ANKLE, VG_PART_L_HIP,
    VG_PART_L_KNEE,  VG_PART_L_ANKLE, VG_PART_R_EYE,      VG_PART_L_EYE,   VG_PART_R_EAR,   VG_PART_L_EAR};
static const int8_t blazepose[] = {VG_PART_NOSE,        VG_PART_L_EYE_INNER,  VG_PART_L_EYE,       VG_PART_L_EYE_OUTER,
                                   VG_PART_R_EYE_INNER, VG_PART_R_EYE,        VG_PART_R_EYE_OUTER, LEFT_RIGHT(EAR),
                                   LEFT_RIGHT(MOUTH),   LEFT_RIGHT(SHOULDER), LEFT_RIGHT(ELBOW),   LEFT_RIGHT(WRIST),
                                   LEFT_RIGHT(PINKY),   LEFT_RIGHT(INDEX),    LEFT_RIGHT(THUMB),   LEFT_RIGHT(HIP),
                                   LEFT_RIGHT(KNEE),    LEFT_RIGHT(ANKLE),    LEFT_RIGHT(HEEL),    LEFT_RIGHT(BIG_TOE)};
static const int8_t vergence_14[] = {LEFT_RIGHT(SHOULDER), LEFT_RIGHT(ELBOW), LEFT_RIGHT(WRIST), LEFT_RIGHT(HIP),
                                     LEFT_RIGHT(KNEE),     LEFT_RIGHT(ANKLE), LEFT_RIGHT(EYE)};
_Static_assert(sizeof vergence_14 == VG_JOINTS14, "in the order of vg_joint14");

static const struct {
    const char *name;
    const int8_t *part;
    size_t joints;
} sets[VG_JOINTS_KINDS] = {
    [VG_JOINTS_BODY_25] = {"body25", body_25, sizeof body_25},
    [VG_JOINTS_BODY_25B] = {"body25b", body_25b, sizeof body_25b},
    [VG_JOINTS_COCO_18] = {"coco18", coco_18, sizeof coco_18},
    [VG_JOINTS_COCO_17] = {"coco17", coco_17, sizeof coco_17},
    [VG_JOINTS_HALPE_26] = {"halpe26", halpe_26, sizeof halpe_26},
    [VG_JOINTS_BLAZEPOSE] = {"blazepose33", blazepose, sizeof blazepose},
    [VG_JOINTS_14] = {"vergence14", vergence_14, sizeof vergence_14},
};

static vg_part other_side(vg_part part) {
    if (part < VG_PART_L_EYE) return part;
    return (part - VG_PART_L_EYE) % 2 ? part - 1 : part + 1;
}

static void add_bone(vg_joint_set *set, vg_part a, vg_part b, size_t like) {
    const int32_t i = vg_joint_set_find(set, a), k = vg_joint_set_find(set, b);
    if (i < 0 || k < 0 || vg_joint_set_bone(set, i, k) >= 0) return;
    VG_ASSERT(set->bones < VG_MAX_BONES);
    set->bone[set->bones++] = (vg_bone){.a = i, .b = k, .length = bones[like].length, .spread = bones[like].spread};
}

/* Mirrors, noise and bones from names and parts. */
static void complete(vg_joint_set *set) {
    for (int32_t j = 0; j < set->joints; j++) {
        const vg_part part = set->part[j];
        const int32_t mirror = part == VG_PART_OTHER ? -1 : vg_joint_set_find(set, other_side(part));
        set->mirror[j] = mirror < 0 ? j : mirror;
        set->noise[j] = part == VG_PART_OTHER ? 1 : parts[part].noise;
    }
    for (size_t i = 0; i < sizeof bones / sizeof bones[0]; i++) {
        add_bone(set, bones[i].a, bones[i].b, i);
        add_bone(set, other_side(bones[i].a), other_side(bones[i].b), i);
    }
    for (int32_t i = 0; i < set->bones; i++) {
        const vg_bone *bone = set->bone + i;
        const int32_t mirror = vg_joint_set_bone(set, set->mirror[bone->a], set->mirror[bone->b]);
        set->bone[i].mirror = mirror < 0 ? i : mirror;
    }
}

void vg_joint_set_init(vg_joint_set *out, vg_joint_set_kind kind) {
    VG_ASSERT(kind >= 0 && kind < VG_JOINTS_KINDS);
    memset(out, 0, sizeof *out);
    snprintf(out->name, sizeof out->name, "%s", sets[kind].name);
    out->joints = (int32_t)sets[kind].joints;
    for (int32_t j = 0; j < out->joints; j++) {
        out->part[j] = sets[kind].part[j];
        snprintf(out->names[j], sizeof out->names[j], "%s", parts[out->part[j]].name);
    }
    complete(out);
}

const char *vg_joint_set_kind_name(vg_joint_set_kind kind) {
    return kind >= 0 && kind < VG_JOINTS_KINDS ? sets[kind].name : "unknown";
}

/* Equal but for case, "_" and "-". */
static bool same_name(const char *a, const char *b) {
    for (;; a++, b++) {
        while (*a == '_' || *a == '-') a++;
        while (*b == '_' || *b == '-') b++;
        if (tolower((unsigned char)*a) != tolower((unsigned char)*b)) return false;
        if (!*a) return true;
    }
}

vg_status vg_joint_set_parse(const char *name, vg_joint_set_kind *out, vg_error *err) {
    char choices[256] = "";
    for (int i = 0; i < VG_JOINTS_KINDS; i++) {
        if (same_name(name, sets[i].name)) {
            *out = (vg_joint_set_kind)i;
            return VG_OK;
        }
        const size_t n = strlen(choices);
        snprintf(choices + n, sizeof choices - n, "%s%s", i ? ", " : "", sets[i].name);
    }
    return vg_fail(err, VG_INVALID, "joint set `%.40s` is unknown; use one of %s", name, choices);
}

vg_status vg_joint_set_of_names(vg_joint_set *out, const char *set_name, const char *const *names, int32_t joints,
                                vg_error *err) {
    memset(out, 0, sizeof *out);
    if (joints < 1 || joints > VG_MAX_JOINTS)
        return vg_fail(err, VG_INVALID, "joint set `%.40s`: %d joints; 1 to %d are possible", set_name, joints,
                       VG_MAX_JOINTS);
    snprintf(out->name, sizeof out->name, "%s", set_name);
    for (int32_t j = 0; j < joints; j++) {
        if (strlen(names[j]) >= VG_JOINT_NAME || !names[j][0])
            return vg_fail(err, VG_INVALID, "joint set `%.40s`: name `%.60s` must have 1 to %d characters", set_name,
                           names[j], VG_JOINT_NAME - 1);
        if (vg_joint_set_find_name(out, names[j]) >= 0)
            return vg_fail(err, VG_INVALID, "joint set `%.40s`: joint `%s` is named twice", set_name, names[j]);
        out->part[j] = VG_PART_OTHER;
        for (int32_t p = 0; p < VG_PARTS; p++)
            if (strcasecmp(names[j], parts[p].name) == 0 || strcasecmp(names[j], parts[p].long_name) == 0)
                if (vg_joint_set_find(out, (vg_part)p) < 0) out->part[j] = p;
        snprintf(out->names[j], sizeof out->names[j], "%s", names[j]);
        out->joints = j + 1;
    }
    complete(out);
    return VG_OK;
}

int32_t vg_joint_set_find(const vg_joint_set *set, vg_part part) {
    for (int32_t j = 0; j < set->joints; j++)
        if (set->part[j] == (int32_t)part && part != VG_PART_OTHER) return j;
    return -1;
}

int32_t vg_joint_set_find_name(const vg_joint_set *set, const char *name) {
    for (int32_t j = 0; j < set->joints; j++)
        if (strcasecmp(set->names[j], name) == 0) return j;
    return -1;
}

int32_t vg_joint_set_bone(const vg_joint_set *set, int32_t a, int32_t b) {
    for (int32_t i = 0; i < set->bones; i++)
        if ((set->bone[i].a == a && set->bone[i].b == b) || (set->bone[i].a == b && set->bone[i].b == a)) return i;
    return -1;
}

int32_t vg_joint_set_body(const vg_joint_set *set, int32_t *out) {
#define LIMB(side, part) VG_PART_##side##_##part
#define LEG(s)           LIMB(s, HIP), LIMB(s, KNEE), LIMB(s, ANKLE), LIMB(s, BIG_TOE), LIMB(s, SMALL_TOE), LIMB(s, HEEL)
#define ARM(s)           LIMB(s, SHOULDER), LIMB(s, ELBOW), LIMB(s, WRIST), LIMB(s, THUMB), LIMB(s, INDEX), LIMB(s, PINKY)
    static const int8_t order[] = {VG_PART_MID_HIP, LEG(R),       LEG(L), VG_PART_NECK,
                                   VG_PART_HEAD,    VG_PART_NOSE, ARM(R), ARM(L)};
    int32_t count = 0;
    for (size_t i = 0; i < sizeof order; i++) {
        const int32_t j = vg_joint_set_find(set, (vg_part)order[i]);
        if (j >= 0) out[count++] = j;
    }
    for (int32_t j = 0; j < set->joints; j++)
        if (set->part[j] == VG_PART_OTHER) out[count++] = j;
    return count;
}

const char *vg_part_name(vg_part part) {
    return part >= 0 && part < VG_PARTS ? parts[part].name : "other";
}
