/* The tables of joints, in the orders that the detectors' own documents give. */
#include "common/joint_set.h"

#include "common/frame.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* clang-format off */
static const char *const coco17[] = {
    "Nose", "LEye", "REye", "LEar", "REar", "LShoulder", "RShoulder", "LElbow", "RElbow", "LWrist", "RWrist",
    "LHip", "RHip", "LKnee", "RKnee", "LAnkle", "RAnkle"};
static const char *const halpe26[] = {
    "Nose", "LEye", "REye", "LEar", "REar", "LShoulder", "RShoulder", "LElbow", "RElbow", "LWrist", "RWrist",
    "LHip", "RHip", "LKnee", "RKnee", "LAnkle", "RAnkle", "Head", "Neck", "Hip",
    "LBigToe", "RBigToe", "LSmallToe", "RSmallToe", "LHeel", "RHeel"};
static const char *const body25[] = {
    "Nose", "Neck", "RShoulder", "RElbow", "RWrist", "LShoulder", "LElbow", "LWrist", "MidHip", "RHip", "RKnee",
    "RAnkle", "LHip", "LKnee", "LAnkle", "REye", "LEye", "REar", "LEar", "LBigToe", "LSmallToe", "LHeel",
    "RBigToe", "RSmallToe", "RHeel"};
static const char *const body25b[] = {
    "Nose", "LEye", "REye", "LEar", "REar", "LShoulder", "RShoulder", "LElbow", "RElbow", "LWrist", "RWrist",
    "LHip", "RHip", "LKnee", "RKnee", "LAnkle", "RAnkle", "Neck", "Head", "LBigToe", "LSmallToe", "LHeel",
    "RBigToe", "RSmallToe", "RHeel"};
static const char *const blazepose33[] = {
    "Nose", "LEyeInner", "LEye", "LEyeOuter", "REyeInner", "REye", "REyeOuter", "LEar", "REar", "LMouth", "RMouth",
    "LShoulder", "RShoulder", "LElbow", "RElbow", "LWrist", "RWrist", "LPinky", "RPinky", "LIndex", "RIndex",
    "LThumb", "RThumb", "LHip", "RHip", "LKnee", "RKnee", "LAnkle", "RAnkle", "LHeel", "RHeel", "LBigToe", "RBigToe"};
/* clang-format on */

#define SET(name)                                                                                                      \
    { #name, (int32_t)(sizeof name / sizeof *name), name }
static const vg_joint_set sets[] = {{"vergence14", VG_JOINTS14, vg_joint14_names},
                                    SET(coco17),
                                    SET(halpe26),
                                    SET(body25),
                                    SET(body25b),
                                    SET(blazepose33)};
enum { SETS = sizeof sets / sizeof *sets };

const vg_joint_set *vg_joint_set_at(int32_t index) {
    return index >= 0 && index < SETS ? &sets[index] : NULL;
}

const vg_joint_set *vg_joint_set_find(const char *name) {
    for (int32_t i = 0; i < SETS; i++)
        if (strcmp(sets[i].name, name) == 0) return &sets[i];
    return NULL;
}

vg_status vg_joint_set_get(const vg_joint_set **out, const char *key, const char *name, vg_error *err) {
    *out = vg_joint_set_find(name);
    if (*out) return VG_OK;
    char list[256] = "";
    for (int32_t i = 0; i < SETS; i++) {
        const size_t n = strlen(list);
        snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "", sets[i].name);
    }
    return vg_fail(err, VG_INVALID, "%s is `%.40s`; it must be one of %s", key, name, list);
}

int32_t vg_joint_set_index(const vg_joint_set *set, const char *joint) {
    for (int32_t i = 0; i < set->joints; i++)
        if (strcmp(set->names[i], joint) == 0) return i;
    return -1;
}
