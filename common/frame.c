/* Layout of frame and skeleton blocks. */
#include "common/frame.h"

#include <string.h>

const char *const vg_joint14_names[VG_JOINTS14] = {"LShoulder", "RShoulder", "LElbow", "RElbow", "LWrist",
                                                   "RWrist",    "LHip",      "RHip",   "LKnee",  "RKnee",
                                                   "LAnkle",    "RAnkle",    "LEye",   "REye"};

static size_t align8(size_t n) {
    return (n + 7) & ~(size_t)7;
}

static size_t align64(size_t n) {
    return (n + 63) & ~(size_t)63;
}

vg_status vg_dims_check(vg_dims dims, vg_error *err) {
    const struct {
        const char *name;
        int32_t value, max;
    } checks[] = {{"cameras", dims.cameras, VG_MAX_CAMERAS},
                  {"people", dims.people, VG_MAX_PEOPLE},
                  {"joints", dims.joints, VG_MAX_JOINTS}};
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
        if (checks[i].value < 1 || checks[i].value > checks[i].max)
            return vg_fail(err, VG_INVALID, "%s is %d; it must be 1 to %d", checks[i].name, checks[i].value,
                           checks[i].max);
    return VG_OK;
}

/* Fills the offsets and returns the size. */
static size_t frame_layout(vg_frame *frame, vg_dims dims) {
    const size_t C = (size_t)dims.cameras, P = (size_t)dims.people, J = (size_t)dims.joints;
    size_t at = align8(sizeof(vg_frame));
    frame->cameras_at = (uint32_t)at, at = align8(at + C * sizeof(vg_camera));
    frame->keypoints_at = (uint32_t)at, at = align8(at + C * P * J * sizeof(vg_keypoint));
    frame->present_at = (uint32_t)at, at = align8(at + P * sizeof(int32_t));
    frame->truth_at = (uint32_t)at, at = align8(at + P * J * 3 * sizeof(float));
    return align64(at);
}

size_t vg_frame_bytes(vg_dims dims) {
    vg_frame scratch;
    return frame_layout(&scratch, dims);
}

void vg_frame_init(vg_frame *frame, vg_dims dims, int32_t environment) {
    memset(frame, 0, sizeof *frame);
    frame->bytes = (uint32_t)frame_layout(frame, dims);
    frame->dims = dims;
    frame->environment = environment;
    frame->target = -1;
}

static size_t skeletons_layout(vg_skeletons *s, int32_t people, int32_t joints) {
    size_t at = align8(sizeof(vg_skeletons));
    s->present_at = (uint32_t)at, at = align8(at + (size_t)people * sizeof(int32_t));
    s->joints_at = (uint32_t)at, at = align8(at + (size_t)people * (size_t)joints * sizeof(vg_joint));
    return align64(at);
}

size_t vg_skeletons_bytes(int32_t people, int32_t joints) {
    vg_skeletons scratch;
    return skeletons_layout(&scratch, people, joints);
}

void vg_skeletons_init(vg_skeletons *s, int32_t people, int32_t joints, int32_t environment) {
    memset(s, 0, sizeof *s);
    s->bytes = (uint32_t)skeletons_layout(s, people, joints);
    s->people = people;
    s->joints = joints;
    s->environment = environment;
    s->target = -1;
}
