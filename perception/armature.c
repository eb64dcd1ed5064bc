/* Rotations from positions, joint by joint from the hips outwards. */
#include "perception/armature.h"
#include "common/transform.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BENT     0.45 /* sine of the angle at which an elbow's or knee's plane counts fully ... */
#define STRAIGHT 0.12 /* ... and not at all */
#define NO_PLACE 1e-6 /* m; points nearer than this have no direction */

const char *const vg_rig_names[VG_RIG_JOINTS] = {"Hips",      "Spine",       "Chest",    "Neck",     "Head",
                                                 "LeftArm",   "LeftForeArm", "LeftHand", "RightArm", "RightForeArm",
                                                 "RightHand", "LeftUpLeg",   "LeftLeg",  "LeftFoot", "RightUpLeg",
                                                 "RightLeg",  "RightFoot"};

int32_t vg_rig_parent(vg_rig joint) {
    static const int8_t parents[VG_RIG_JOINTS] = {-1,
                                                  VG_RIG_HIPS,
                                                  VG_RIG_SPINE,
                                                  VG_RIG_CHEST,
                                                  VG_RIG_NECK,
                                                  VG_RIG_CHEST,
                                                  VG_RIG_L_UPPER_ARM,
                                                  VG_RIG_L_LOWER_ARM,
                                                  VG_RIG_CHEST,
                                                  VG_RIG_R_UPPER_ARM,
                                                  VG_RIG_R_LOWER_ARM,
                                                  VG_RIG_HIPS,
                                                  VG_RIG_L_UPPER_LEG,
                                                  VG_RIG_L_LOWER_LEG,
                                                  VG_RIG_HIPS,
                                                  VG_RIG_R_UPPER_LEG,
                                                  VG_RIG_R_LOWER_LEG};
    return parents[joint];
}

vg_armature vg_armature_default(void) {
    vg_armature a = {.offset = {[VG_RIG_CHEST] = {0, 0.5, 0},
                                [VG_RIG_HEAD] = {0, 0.2, 0},
                                [VG_RIG_L_UPPER_ARM] = {0.175, 0, 0},
                                [VG_RIG_L_LOWER_ARM] = {0.285, 0, 0},
                                [VG_RIG_L_HAND] = {0.25, 0, 0},
                                [VG_RIG_R_UPPER_ARM] = {-0.175, 0, 0},
                                [VG_RIG_R_LOWER_ARM] = {-0.285, 0, 0},
                                [VG_RIG_R_HAND] = {-0.25, 0, 0},
                                [VG_RIG_L_UPPER_LEG] = {0.11, 0, 0},
                                [VG_RIG_L_LOWER_LEG] = {0, -0.42, 0},
                                [VG_RIG_L_FOOT] = {0, -0.41, 0},
                                [VG_RIG_R_UPPER_LEG] = {-0.11, 0, 0},
                                [VG_RIG_R_LOWER_LEG] = {0, -0.42, 0},
                                [VG_RIG_R_FOOT] = {0, -0.41, 0}},
                     .end = {[VG_RIG_HEAD] = {0, 0.15, 0},
                             [VG_RIG_L_HAND] = {0.09, 0, 0},
                             [VG_RIG_R_HAND] = {-0.09, 0, 0},
                             [VG_RIG_L_FOOT] = {0, 0, 0.18},
                             [VG_RIG_R_FOOT] = {0, 0, 0.18}}};
    for (int j = 0; j < VG_RIG_JOINTS; j++) a.local[j][0] = a.local[j][4] = a.local[j][8] = 1;
    return a;
}

/* ---- points -------------------------------------------------------------------------------------------------------- */

static bool known(const double x[3]) {
    return isfinite(x[0] + x[1] + x[2]);
}

/* Between two parts; false where either is lost. */
static bool middle(double out[3], const double (*x)[3], vg_part a, vg_part b) {
    for (int k = 0; k < 3; k++) out[k] = 0.5 * (x[a][k] + x[b][k]);
    return known(out);
}

/* Unit vector from a to b. */
static bool towards(double out[3], const double a[3], const double b[3]) {
    for (int k = 0; k < 3; k++) out[k] = b[k] - a[k];
    const double norm = vg_norm3(out);
    if (!(norm > NO_PLACE)) return false;
    for (int k = 0; k < 3; k++) out[k] /= norm;
    return true;
}

static bool normalise(double v[3]) {
    const double zero[3] = {0};
    return towards(v, zero, (const double[3]){v[0], v[1], v[2]});
}

/* Where a joint of the armature was measured. The head is between the ears, else between the eyes, else the nose. */
static bool measured(double out[3], const double (*x)[3], vg_rig joint) {
    static const int8_t part[VG_RIG_JOINTS] = {
        [VG_RIG_L_UPPER_ARM] = VG_PART_L_SHOULDER, [VG_RIG_L_LOWER_ARM] = VG_PART_L_ELBOW,
        [VG_RIG_L_HAND] = VG_PART_L_WRIST,         [VG_RIG_R_UPPER_ARM] = VG_PART_R_SHOULDER,
        [VG_RIG_R_LOWER_ARM] = VG_PART_R_ELBOW,    [VG_RIG_R_HAND] = VG_PART_R_WRIST,
        [VG_RIG_L_UPPER_LEG] = VG_PART_L_HIP,      [VG_RIG_L_LOWER_LEG] = VG_PART_L_KNEE,
        [VG_RIG_L_FOOT] = VG_PART_L_ANKLE,         [VG_RIG_R_UPPER_LEG] = VG_PART_R_HIP,
        [VG_RIG_R_LOWER_LEG] = VG_PART_R_KNEE,     [VG_RIG_R_FOOT] = VG_PART_R_ANKLE};
    if (joint <= VG_RIG_SPINE) return middle(out, x, VG_PART_L_HIP, VG_PART_R_HIP);
    if (joint <= VG_RIG_NECK) return middle(out, x, VG_PART_L_SHOULDER, VG_PART_R_SHOULDER);
    if (joint == VG_RIG_HEAD) {
        if (middle(out, x, VG_PART_L_EAR, VG_PART_R_EAR) || middle(out, x, VG_PART_L_EYE, VG_PART_R_EYE)) return true;
        memcpy(out, x[VG_PART_NOSE], 3 * sizeof *out);
        return known(out);
    }
    memcpy(out, x[part[joint]], 3 * sizeof *out);
    return known(out);
}

/* The part at the far end of a bone that has no child. */
static vg_part end_part(vg_rig joint) {
    switch (joint) {
    case VG_RIG_HEAD:
        return VG_PART_HEAD;
    case VG_RIG_L_HAND:
        return VG_PART_L_INDEX;
    case VG_RIG_R_HAND:
        return VG_PART_R_INDEX;
    case VG_RIG_L_FOOT:
        return VG_PART_L_BIG_TOE;
    case VG_RIG_R_FOOT:
        return VG_PART_R_BIG_TOE;
    default:
        return VG_PART_OTHER;
    }
}

/* ---- lengths --------------------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Scales `offset` to the median of `count` lengths. */
static void set_length(double offset[3], double *lengths, int32_t count) {
    const double now = vg_norm3(offset);
    if (count == 0 || now == 0) return;
    qsort(lengths, (size_t)count, sizeof *lengths, compare);
    const double median = count % 2 ? lengths[count / 2] : 0.5 * (lengths[count / 2 - 1] + lengths[count / 2]);
    if (median > NO_PLACE)
        for (int k = 0; k < 3; k++) offset[k] *= median / now;
}

bool vg_armature_measure(vg_armature *armature, const double (*x)[3], int32_t frames) {
    double *lengths = malloc(sizeof *lengths * ((size_t)frames + 1));
    if (!lengths) return false;
    for (int j = 1; j < VG_RIG_JOINTS; j++) {
        int32_t bones = 0, ends = 0;
        const vg_part end = end_part((vg_rig)j);
        for (int32_t f = 0; f < frames; f++) {
            const double(*frame)[3] = x + (size_t)f * VG_PARTS;
            double a[3], b[3];
            if (!measured(a, frame, (vg_rig)vg_rig_parent((vg_rig)j)) || !measured(b, frame, (vg_rig)j)) continue;
            for (int k = 0; k < 3; k++) b[k] -= a[k];
            lengths[bones++] = vg_norm3(b);
        }
        set_length(armature->offset[j], lengths, bones);
        for (int32_t f = 0; f < frames && end != VG_PART_OTHER; f++) {
            const double(*frame)[3] = x + (size_t)f * VG_PARTS;
            double a[3];
            if (!measured(a, frame, (vg_rig)j) || !known(frame[end])) continue;
            for (int k = 0; k < 3; k++) a[k] -= frame[end][k];
            lengths[ends++] = vg_norm3(a);
        }
        set_length(armature->end[j], lengths, ends);
    }
    free(lengths);
    return true;
}

static void follow_length(double offset[3], const double a[3], const double b[3], double share) {
    const double d[3] = {b[0] - a[0], b[1] - a[1], b[2] - a[2]};
    const double now = vg_norm3(offset), seen = vg_norm3(d);
    if (!(now > 0 && seen > 0.5 * now && seen < 2 * now)) return; /* a joint that is lost fails too */
    for (int k = 0; k < 3; k++) offset[k] *= 1 + share * (seen / now - 1);
}

void vg_armature_follow(vg_armature *armature, const double (*x)[3], double share) {
    for (int j = 1; j < VG_RIG_JOINTS; j++) {
        double a[3], b[3];
        const vg_part end = end_part((vg_rig)j);
        if (!measured(b, x, (vg_rig)j)) continue;
        if (measured(a, x, (vg_rig)vg_rig_parent((vg_rig)j))) follow_length(armature->offset[j], a, b, share);
        if (end != VG_PART_OTHER) follow_length(armature->end[j], b, x[end], share);
    }
}

/* ---- rotations ------------------------------------------------------------------------------------------------------- */

/* R with column `first` along u and column `second` as near to v as can be; u a unit vector. */
static bool frame_of(double R[9], int first, const double u[3], int second, const double v[3]) {
    double w[3], third[3];
    const double along = vg_dot3(u, v);
    for (int k = 0; k < 3; k++) w[k] = v[k] - along * u[k];
    if (!normalise(w)) return false;
    vg_cross3(third, u, w);
    const double sign = (second - first + 3) % 3 == 1 ? 1 : -1; /* cyclic order: first x second = third */
    for (int k = 0; k < 3; k++) {
        R[3 * k + first] = u[k], R[3 * k + second] = w[k];
        R[3 * k + (3 - first - second)] = sign * third[k];
    }
    return true;
}

/* What solving carries along the tree. */
typedef struct pose {
    const double (*x)[3];
    double position[VG_RIG_JOINTS][3], R[VG_RIG_JOINTS][9];
    double across_hips[3], across_shoulders[3];
    bool hips, shoulders;
} pose;

/* Trunk: bones along +y, lines across along +x. */
static bool solve_trunk(double R[9], const pose *p, vg_rig joint) {
    double to[3], up[3], across[3];
    switch (joint) {
    case VG_RIG_HIPS:
        if (!p->hips) return false;
        return measured(to, p->x, VG_RIG_CHEST) && towards(up, p->position[joint], to) &&
               frame_of(R, 0, p->across_hips, 1, up);
    case VG_RIG_SPINE:
        if (!p->hips && !p->shoulders) return false;
        for (int k = 0; k < 3; k++)
            across[k] = (p->hips ? p->across_hips[k] : 0) + (p->shoulders ? p->across_shoulders[k] : 0);
        return measured(to, p->x, VG_RIG_CHEST) && towards(up, p->position[joint], to) && frame_of(R, 1, up, 0, across);
    case VG_RIG_CHEST:
        for (int k = 0; k < 3; k++) up[k] = p->R[VG_RIG_SPINE][3 * k + 1];
        return p->shoulders && frame_of(R, 0, p->across_shoulders, 1, up);
    default: /* neck */
        for (int k = 0; k < 3; k++) across[k] = p->R[VG_RIG_CHEST][3 * k];
        return measured(to, p->x, VG_RIG_HEAD) && towards(up, p->position[joint], to) && frame_of(R, 1, up, 0, across);
    }
}

/* Head: up towards its top (else as the neck), across from ear to ear (else from eye to eye, else square to the nose). */
static bool solve_head(double R[9], const pose *p) {
    double up[3], across[3], forward[3];
    const double *at = p->position[VG_RIG_HEAD];
    if (!known(p->x[VG_PART_HEAD]) || !towards(up, at, p->x[VG_PART_HEAD]))
        for (int k = 0; k < 3; k++) up[k] = p->R[VG_RIG_NECK][3 * k + 1];
    if (towards(across, p->x[VG_PART_R_EAR], p->x[VG_PART_L_EAR]) ||
        towards(across, p->x[VG_PART_R_EYE], p->x[VG_PART_L_EYE]))
        return frame_of(R, 1, up, 0, across);
    return known(p->x[VG_PART_NOSE]) && towards(forward, at, p->x[VG_PART_NOSE]) && frame_of(R, 1, up, 2, forward);
}

/* A limb's axes at rest: along the bone, and that about which its joint bends. */
static void limb_axes(vg_rig upper, int *along, double *sign, int *bend, double *bend_sign) {
    const bool arm = upper == VG_RIG_L_UPPER_ARM || upper == VG_RIG_R_UPPER_ARM;
    *along = arm ? 0 : 1, *bend = arm ? 1 : 0;
    *sign = upper == VG_RIG_L_UPPER_ARM ? 1 : -1;
    *bend_sign = upper == VG_RIG_L_UPPER_ARM ? -1 : 1;
}

/* The axis about which the limb bends: square to its plane, the more the more it is bent; else the last one, else what the
 * parent's axes make of it. */
static bool bending_axis(double out[3], vg_armature *a, const pose *p, vg_rig upper) {
    int along, bend;
    double sign, bend_sign, knee[3], end[3], u[3], v[3], plane[3];
    limb_axes(upper, &along, &sign, &bend, &bend_sign);
    const vg_rig lower = (vg_rig)(upper + 1), tip = (vg_rig)(upper + 2);
    if (!measured(knee, p->x, lower) || !towards(u, p->position[upper], knee)) return false;
    const double *R = p->R[vg_rig_parent(upper)], *last = a->normal[upper];
    double rest[3];
    for (int k = 0; k < 3; k++) rest[k] = bend_sign * R[3 * k + bend];
    if (vg_norm3(last) > 0 && along == 0) memcpy(rest, last, sizeof rest); /* arms have no rest near their use */
    memcpy(out, rest, sizeof rest);
    if (measured(end, p->x, tip) && towards(v, knee, end)) {
        vg_cross3(plane, u, v);
        const double sine = vg_norm3(plane), t = fmin(fmax((sine - STRAIGHT) / (BENT - STRAIGHT), 0), 1);
        const double weight = t * t * (3 - 2 * t);
        for (int k = 0; k < 3 && sine > 0; k++) out[k] = weight * plane[k] / sine + (1 - weight) * rest[k];
    }
    const double off = vg_dot3(out, u);
    for (int k = 0; k < 3; k++) out[k] -= off * u[k];
    if (!normalise(out)) return false;
    memcpy(a->normal[upper], out, 3 * sizeof *out);
    return true;
}

/* Upper or lower bone of a limb whose bending axis is known. */
static bool solve_limb(double R[9], const pose *p, vg_rig upper, vg_rig joint, const double axis[3]) {
    int along, bend;
    double sign, bend_sign, to[3], u[3], n[3];
    limb_axes(upper, &along, &sign, &bend, &bend_sign);
    if (!measured(to, p->x, (vg_rig)(joint + 1)) || !towards(u, p->position[joint], to)) return false;
    for (int k = 0; k < 3; k++) u[k] *= sign, n[k] = bend_sign * axis[k];
    return frame_of(R, along, u, bend, n);
}

/* Feet point along +z, hands on from the forearm. */
static bool solve_tip(double R[9], const pose *p, vg_rig joint) {
    const vg_part end = end_part(joint);
    double u[3], across[3];
    const double *parent = p->R[vg_rig_parent(joint)];
    if (joint == VG_RIG_L_FOOT || joint == VG_RIG_R_FOOT) {
        for (int k = 0; k < 3; k++) across[k] = parent[3 * k];
        return known(p->x[end]) && towards(u, p->position[joint], p->x[end]) && frame_of(R, 2, u, 0, across);
    }
    for (int k = 0; k < 3; k++) across[k] = parent[3 * k + 1];
    if (!known(p->x[end]) || !towards(u, p->position[joint], p->x[end])) return false;
    for (int k = 0; k < 3; k++) u[k] *= joint == VG_RIG_L_HAND ? 1 : -1;
    return frame_of(R, 0, u, 1, across);
}

static bool solve_joint(double R[9], vg_armature *a, const pose *p, vg_rig joint) {
    double axis[3];
    if (joint <= VG_RIG_NECK) return solve_trunk(R, p, joint);
    if (joint == VG_RIG_HEAD) return solve_head(R, p);
    switch ((joint - VG_RIG_L_UPPER_ARM) % 3) {
    case 0:
        return bending_axis(axis, a, p, joint) && solve_limb(R, p, joint, joint, axis);
    case 1:
        memcpy(axis, a->normal[joint - 1], sizeof axis);
        return solve_limb(R, p, (vg_rig)(joint - 1), joint, axis);
    default:
        return solve_tip(R, p, joint);
    }
}

int32_t vg_armature_solve(vg_armature *a, const double (*x)[3]) {
    pose p = {.x = x};
    int32_t kept = 0;
    double root[3];
    if (measured(root, x, VG_RIG_HIPS)) memcpy(a->root, root, sizeof root);
    p.hips = towards(p.across_hips, x[VG_PART_R_HIP], x[VG_PART_L_HIP]);
    p.shoulders = towards(p.across_shoulders, x[VG_PART_R_SHOULDER], x[VG_PART_L_SHOULDER]);
    memcpy(p.position[0], a->root, sizeof a->root);
    for (int j = 0; j < VG_RIG_JOINTS; j++) {
        const int32_t parent = vg_rig_parent((vg_rig)j);
        if (parent >= 0) {
            vg_mat3_mul_vec(p.position[j], p.R[parent], a->offset[j]);
            for (int k = 0; k < 3; k++) p.position[j][k] += p.position[parent][k];
        }
        if (solve_joint(p.R[j], a, &p, (vg_rig)j)) {
            double back[9];
            if (parent < 0) {
                memcpy(a->local[j], p.R[j], sizeof a->local[j]);
            } else {
                vg_mat3_transpose(back, p.R[parent]);
                vg_mat3_mul(a->local[j], back, p.R[j]);
            }
        } else {
            kept++;
            if (parent < 0)
                memcpy(p.R[j], a->local[j], sizeof a->local[j]);
            else
                vg_mat3_mul(p.R[j], p.R[parent], a->local[j]);
        }
    }
    return kept;
}

void vg_armature_pose(double (*positions)[3], double (*rotations)[9], const vg_armature *a) {
    double x[VG_RIG_JOINTS][3], R[VG_RIG_JOINTS][9];
    memcpy(x[0], a->root, sizeof x[0]), memcpy(R[0], a->local[0], sizeof R[0]);
    for (int j = 1; j < VG_RIG_JOINTS; j++) {
        const int32_t parent = vg_rig_parent((vg_rig)j);
        vg_mat3_mul_vec(x[j], R[parent], a->offset[j]);
        for (int k = 0; k < 3; k++) x[j][k] += x[parent][k];
        vg_mat3_mul(R[j], R[parent], a->local[j]);
    }
    if (positions) memcpy(positions, x, sizeof x);
    if (rotations) memcpy(rotations, R, sizeof R);
}
