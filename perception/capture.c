/* The stages in turn, each with its own memory. */
#include "perception/capture.h"

#include <math.h>
#include <stdlib.h>

/* One slot's bones, and whose they are. */
typedef struct skeleton {
    vg_bones bones;
    int64_t name;
} skeleton;

struct vg_capture {
    vg_capture_config config;
    vg_dims dims;
    vg_joint_set set; /* joints 0: unknown */
    vg_perception *perception;
    skeleton *people; /* [people] */
    vg_smooth *smooth;
    bool identified; /* the last frame brought its people's identities along: a slot is a name */
};

vg_capture_config vg_capture_config_default(void) {
    vg_capture_config c = {.perception = vg_perception_config_default(),
                           .hold_bones = true,
                           .bones = vg_bones_config_default(),
                           .smooth = vg_smooth_config_default()};
    c.perception.match = true;
    return c;
}

vg_status vg_capture_create(vg_capture **out, const vg_capture_config *config, vg_dims dims, const char *joint_set,
                            vg_error *err) {
    *out = NULL;
    vg_joint_set_kind kind;
    vg_capture *c = calloc(1, sizeof *c);
    if (!c) return vg_fail(err, VG_NO_MEMORY, "motion capture: out of memory");
    c->config = *config, c->dims = dims;
    if (vg_joint_set_parse(joint_set, &kind, NULL) == VG_OK) vg_joint_set_init(&c->set, kind);
    if (c->set.joints == dims.joints)
        c->config.perception.people.set = &c->set;
    else
        c->config.hold_bones = false;
    vg_status status = vg_perception_create(&c->perception, &c->config.perception, dims, 1, err);
    if (status == VG_OK && !(c->people = calloc((size_t)dims.people, sizeof *c->people)))
        status = vg_fail(err, VG_NO_MEMORY, "motion capture: out of memory");
    if (status == VG_OK) status = vg_smooth_create(&c->smooth, &config->smooth, dims.people, dims.joints, err);
    if (status == VG_OK)
        *out = c;
    else
        vg_capture_destroy(c);
    return status;
}

void vg_capture_destroy(vg_capture *c) {
    if (!c) return;
    vg_perception_destroy(c->perception);
    vg_smooth_destroy(c->smooth);
    free(c->people);
    free(c);
}

/* One person: lengths are learned from what was measured in this frame, then all joints are held to them. */
static void hold_bones(skeleton *who, const vg_capture *c, vg_joint *joints) {
    double x[VG_MAX_JOINTS][3], measured[VG_MAX_JOINTS][3], covariance[VG_MAX_JOINTS][6];
    for (int32_t j = 0; j < c->dims.joints; j++) {
        for (int a = 0; a < 3; a++) {
            x[j][a] = joints[j].state == VG_JOINT_LOST ? (double)NAN : (double)joints[j].position[a];
            measured[j][a] = joints[j].state == VG_JOINT_MEASURED ? x[j][a] : (double)NAN;
        }
        for (int a = 0; a < 6; a++) covariance[j][a] = (double)joints[j].covariance[a];
    }
    vg_bones_learn(&who->bones, &c->set, measured, covariance);
    vg_bones_hold(x, covariance, &who->bones, &c->set, &c->config.bones);
    for (int32_t j = 0; j < c->dims.joints; j++)
        for (int a = 0; a < 3 && joints[j].state != VG_JOINT_LOST; a++) joints[j].position[a] = (float)x[j][a];
}

vg_status vg_capture_step(vg_capture *c, const vg_frame *frame, vg_skeletons *out, vg_error *err) {
    VG_TRY(vg_perceive(c->perception, 0, frame, out, NULL, err));
    c->identified = (frame->flags & VG_FRAME_IDENTIFIED) != 0;
    for (int32_t p = 0; p < c->dims.people && c->config.hold_bones; p++) {
        const int64_t name = vg_skeletons_present(out)[p] ? vg_capture_name(c, p) : 0;
        if (name != c->people[p].name) c->people[p] = (skeleton){.name = name};
        if (name) hold_bones(&c->people[p], c, vg_skeletons_joints(out) + p * c->dims.joints);
    }
    vg_smooth_step(c->smooth, out);
    return VG_OK;
}

const vg_frame *vg_capture_matched(const vg_capture *c) {
    return vg_perception_matched(c->perception, 0);
}

int64_t vg_capture_name(const vg_capture *c, int32_t slot) {
    const vg_people *people = vg_perception_people(c->perception, 0);
    return c->identified || !people ? slot + 1 : vg_people_name(people, slot);
}
