/* The streams of a live session, keypoints in and skeletons out, and the messages of a recording, which are the bare Frame
 * and Skeletons without their envelope. */
#include "proto/codec.h"

#include <math.h>
#include <string.h>

#define FARTHEST_PIXEL 1e6f /* a keypoint beyond this is no pixel */

/* ---- keypoints ---- */

vg_status vg_encode_keypoints(vg_codec *c, uint64_t sequence, const vg_wire_keypoints *in, vg_bytes *out,
                              vg_error *err) {
    Vergence__Envelope e = codec_envelope_of(sequence, VG_MESSAGE_KEYPOINTS);
    Vergence__Keypoints m = VERGENCE__KEYPOINTS__INIT;
    m.version = in->version, m.stream = in->stream;
    m.camera = (char *)(uintptr_t)in->camera, m.joint_set = (char *)(uintptr_t)in->joint_set;
    m.clock = (char *)(uintptr_t)in->clock;
    m.time_ns = in->time_ns, m.dropped = in->dropped;
    m.width = (uint32_t)in->width, m.height = (uint32_t)in->height;
    m.people = (uint32_t)in->people, m.joints = (uint32_t)in->joints;
    m.n_keypoints = (size_t)in->people * (size_t)in->joints * 3;
    m.keypoints = (float *)(uintptr_t)in->keypoints;
    e.keypoints = &m;
    return codec_finish(c, &e, out, err);
}

vg_status vg_decoded_keypoints(const vg_codec *c, vg_wire_keypoints *out, vg_error *err) {
    const Vergence__Keypoints *m = c->message->keypoints;
    *out =
        (vg_wire_keypoints){.version = m->version, .stream = m->stream, .time_ns = m->time_ns, .dropped = m->dropped};
    VG_TRY(codec_get_text(out->camera, sizeof out->camera, m->camera, "keypoints.camera", err));
    VG_TRY(codec_get_text(out->joint_set, sizeof out->joint_set, m->joint_set, "keypoints.joint_set", err));
    VG_TRY(codec_get_text(out->clock, sizeof out->clock, m->clock, "keypoints.clock", err));
    VG_TRY(codec_check_range("keypoints.width", m->width, 0, 65536, err));
    VG_TRY(codec_check_range("keypoints.height", m->height, 0, 65536, err));
    VG_TRY(codec_check_range("keypoints.people", m->people, 0, VG_MAX_PEOPLE, err));
    VG_TRY(codec_check_range("keypoints.joints", m->joints, 1, VG_MAX_JOINTS, err));
    VG_TRY(codec_check_count("keypoints.keypoints", m->n_keypoints, (size_t)m->people * m->joints * 3, err));
    for (size_t i = 0; i < m->n_keypoints; i++) {
        const float x = m->keypoints[i];
        const bool confidence = i % 3 == 2;
        if (!(confidence ? x >= 0 && x <= FARTHEST_PIXEL : fabsf(x) <= FARTHEST_PIXEL)) /* NaN fails both */
            return vg_fail(err, VG_CORRUPT, "keypoints.keypoints[%zu] is %g; it must be %s", i, (double)x,
                           confidence ? "a confidence, 0 to 1" : "a pixel");
        if (confidence && x > 1) m->keypoints[i] = 1; /* some detectors' scores run a little over */
    }
    out->width = (int32_t)m->width, out->height = (int32_t)m->height;
    out->people = (int32_t)m->people, out->joints = (int32_t)m->joints;
    out->keypoints = (const vg_keypoint *)m->keypoints;
    return VG_OK;
}

/* ---- skeletons ---- */

/* The arrays of a message about `n` joints of `people` people, taken from the codec's block. */
static vg_status take_arrays(vg_codec *c, Vergence__Skeletons *m, size_t people, size_t n, vg_error *err) {
    c->build.used = 0;
    m->n_slot = people, m->slot = codec_block_take(&c->build, people * sizeof *m->slot);
    m->n_state = n, m->state = codec_block_take(&c->build, n * sizeof *m->state);
    m->n_views = n, m->views = codec_block_take(&c->build, n * sizeof *m->views);
    m->n_position = 3 * n, m->position = codec_block_take(&c->build, 3 * n * sizeof(float));
    m->n_covariance = 6 * n, m->covariance = codec_block_take(&c->build, 6 * n * sizeof(float));
    m->n_velocity = 3 * n, m->velocity = codec_block_take(&c->build, 3 * n * sizeof(float));
    m->n_reprojection = n, m->reprojection = codec_block_take(&c->build, n * sizeof(float));
    if (m->slot && m->state && m->views && m->position && m->covariance && m->velocity && m->reprojection) return VG_OK;
    return vg_fail(err, VG_INVALID, "skeletons of %zu people are too large for a message", people);
}

static vg_status build_skeletons(vg_codec *c, Vergence__Skeletons *m, const vg_wire_skeletons *head,
                                 const vg_skeletons *in, vg_error *err) {
    size_t people = 0;
    for (int32_t p = 0; p < in->people; p++) people += vg_skeletons_present(in)[p] != 0;
    m->version = head->version, m->stream = head->stream, m->joint_set = (char *)(uintptr_t)head->joint_set;
    m->frame_id = in->frame_id, m->time_ns = in->time_ns, m->target = in->target;
    m->capacity = (uint32_t)in->people, m->joints = (uint32_t)in->joints;
    VG_TRY(take_arrays(c, m, people, people * (size_t)in->joints, err));
    size_t k = 0, i = 0;
    for (int32_t p = 0; p < in->people; p++) {
        if (!vg_skeletons_present(in)[p]) continue;
        m->slot[k++] = (uint32_t)p;
        const vg_joint *joint = vg_skeletons_joints(in) + (size_t)p * (size_t)in->joints;
        for (int32_t j = 0; j < in->joints; j++, joint++, i++) {
            const bool lost = joint->state == VG_JOINT_LOST;
            m->state[i] = (uint32_t)joint->state, m->views[i] = (uint32_t)joint->views;
            for (size_t a = 0; a < 3; a++) m->position[3 * i + a] = lost ? 0 : joint->position[a];
            for (size_t a = 0; a < 6; a++) m->covariance[6 * i + a] = lost ? 0 : joint->covariance[a];
            for (size_t a = 0; a < 3; a++) m->velocity[3 * i + a] = lost ? 0 : joint->velocity[a];
            m->reprojection[i] = isnan(joint->reprojection) ? -1 : joint->reprojection;
        }
    }
    return VG_OK;
}

vg_status vg_encode_skeletons(vg_codec *c, uint64_t sequence, const vg_wire_skeletons *head, const vg_skeletons *in,
                              vg_bytes *out, vg_error *err) {
    Vergence__Envelope e = codec_envelope_of(sequence, VG_MESSAGE_SKELETONS);
    Vergence__Skeletons m = VERGENCE__SKELETONS__INIT;
    VG_TRY(build_skeletons(c, &m, head, in, err));
    e.skeletons = &m;
    return codec_finish(c, &e, out, err);
}

vg_status vg_decoded_skeletons_head(const vg_codec *c, vg_wire_skeletons *head, int32_t *people, int32_t *joints,
                                    vg_error *err) {
    const Vergence__Skeletons *m = c->message->skeletons;
    *head = (vg_wire_skeletons){.version = m->version, .stream = m->stream};
    VG_TRY(codec_get_text(head->joint_set, sizeof head->joint_set, m->joint_set, "skeletons.joint_set", err));
    VG_TRY(codec_check_range("skeletons.capacity", m->capacity, 1, VG_MAX_PEOPLE, err));
    VG_TRY(codec_check_range("skeletons.joints", m->joints, 1, VG_MAX_JOINTS, err));
    *people = (int32_t)m->capacity, *joints = (int32_t)m->joints;
    return VG_OK;
}

static vg_status check_arrays(const Vergence__Skeletons *m, vg_error *err) {
    const size_t n = m->n_slot * m->joints;
    VG_TRY(codec_check_range("people in skeletons.slot", m->n_slot, 0, m->capacity, err));
    VG_TRY(codec_check_count("skeletons.state", m->n_state, n, err));
    VG_TRY(codec_check_count("skeletons.views", m->n_views, n, err));
    VG_TRY(codec_check_count("skeletons.position", m->n_position, 3 * n, err));
    VG_TRY(codec_check_count("skeletons.covariance", m->n_covariance, 6 * n, err));
    VG_TRY(codec_check_count("skeletons.velocity", m->n_velocity, 3 * n, err));
    VG_TRY(codec_check_count("skeletons.reprojection", m->n_reprojection, n, err));
    VG_TRY(codec_check_floats("skeletons.position", m->position, 3 * n, err));
    VG_TRY(codec_check_floats("skeletons.covariance", m->covariance, 6 * n, err));
    VG_TRY(codec_check_floats("skeletons.velocity", m->velocity, 3 * n, err));
    VG_TRY(codec_check_floats("skeletons.reprojection", m->reprojection, n, err));
    for (size_t i = 0; i < m->n_slot; i++) {
        VG_TRY(codec_check_range("skeletons.slot", m->slot[i], 0, m->capacity - 1, err));
        if (i && m->slot[i] <= m->slot[i - 1])
            return vg_fail(err, VG_CORRUPT, "skeletons.slot[%zu] is %u after %u; they must rise", i, m->slot[i],
                           m->slot[i - 1]);
    }
    for (size_t i = 0; i < n; i++) {
        VG_TRY(codec_check_range("skeletons.state", m->state[i], VG_JOINT_LOST, VG_JOINT_MEASURED, err));
        VG_TRY(codec_check_range("skeletons.views", m->views[i], 0, VG_MAX_CAMERAS, err));
    }
    return VG_OK;
}

static vg_joint lost_joint(void) {
    vg_joint joint = {.reprojection = NAN, .state = VG_JOINT_LOST};
    for (int a = 0; a < 3; a++) joint.position[a] = NAN;
    for (int a = 0; a < 6; a++) joint.covariance[a] = NAN;
    return joint;
}

vg_status vg_decoded_skeletons(const vg_codec *c, vg_skeletons *out, vg_error *err) {
    const Vergence__Skeletons *m = c->message->skeletons;
    if (m->capacity != (uint32_t)out->people || m->joints != (uint32_t)out->joints)
        return vg_fail(err, VG_CORRUPT, "skeletons of %u people and %u joints came; %d and %d were expected",
                       m->capacity, m->joints, out->people, out->joints);
    if (m->target < -1 || m->target >= out->people)
        return vg_fail(err, VG_CORRUPT, "skeletons.target is %d; it must be -1 to %d", m->target, out->people - 1);
    VG_TRY(check_arrays(m, err));
    out->frame_id = m->frame_id, out->time_ns = m->time_ns, out->target = m->target;
    for (int32_t i = 0; i < out->people * out->joints; i++) vg_skeletons_joints(out)[i] = lost_joint();
    memset(vg_skeletons_present(out), 0, sizeof(int32_t) * (size_t)out->people);
    for (size_t k = 0, i = 0; k < m->n_slot; k++) {
        vg_skeletons_present(out)[m->slot[k]] = 1;
        vg_joint *joint = vg_skeletons_joints(out) + (size_t)m->slot[k] * m->joints;
        for (uint32_t j = 0; j < m->joints; j++, joint++, i++) {
            joint->views = (int16_t)m->views[i];
            if (m->state[i] == VG_JOINT_LOST) continue;
            joint->state = (int16_t)m->state[i];
            memcpy(joint->position, m->position + 3 * i, sizeof joint->position);
            memcpy(joint->covariance, m->covariance + 6 * i, sizeof joint->covariance);
            memcpy(joint->velocity, m->velocity + 3 * i, sizeof joint->velocity);
            if (m->reprojection[i] >= 0) joint->reprojection = m->reprojection[i];
        }
    }
    return VG_OK;
}

/* ---- the messages of a recording ---- */

static vg_status finish_bare(vg_codec *c, const ProtobufCMessage *m, vg_bytes *out, vg_error *err) {
    const size_t size = protobuf_c_message_get_packed_size(m);
    if (size > c->size) return vg_fail(err, VG_INVALID, "a message has %zu bytes; the most is %zu", size, c->size);
    protobuf_c_message_pack(m, c->out);
    *out = (vg_bytes){c->out, size};
    return VG_OK;
}

vg_status vg_encode_bare_skeletons(vg_codec *c, const vg_wire_skeletons *head, const vg_skeletons *in, vg_bytes *out,
                                   vg_error *err) {
    Vergence__Skeletons m = VERGENCE__SKELETONS__INIT;
    VG_TRY(build_skeletons(c, &m, head, in, err));
    return finish_bare(c, &m.base, out, err);
}

vg_status vg_encode_bare_frame(vg_codec *c, const vg_frame *in, vg_bytes *out, vg_error *err) {
    Vergence__Frame m;
    c->build.used = 0;
    VG_TRY(codec_build_frame(c, &m, in, err));
    return finish_bare(c, &m.base, out, err);
}

vg_status vg_decode_bare(vg_codec *c, vg_message_kind kind, const void *data, size_t size, vg_error *err) {
    c->message = NULL;
    if (size > c->size) return vg_fail(err, VG_CORRUPT, "a message has %zu bytes; the most is %zu", size, c->size);
    c->parse.used = 0;
    Vergence__Envelope *e = codec_block_take(&c->parse, sizeof *e);
    VG_ASSERT(e && (kind == VG_MESSAGE_FRAMES || kind == VG_MESSAGE_SKELETONS));
    *e = codec_envelope_of(0, kind);
    if (kind == VG_MESSAGE_SKELETONS) {
        e->skeletons = vergence__skeletons__unpack(&c->allocator, size, data);
        if (!e->skeletons) return vg_fail(err, VG_CORRUPT, "a message of %zu bytes is not vergence.Skeletons", size);
    } else {
        struct {
            Vergence__Frames frames;
            Vergence__Frame *frame;
        } *one = codec_block_take(&c->parse, sizeof *one);
        VG_ASSERT(one);
        vergence__frames__init(&one->frames);
        one->frame = vergence__frame__unpack(&c->allocator, size, data);
        if (!one->frame) return vg_fail(err, VG_CORRUPT, "a message of %zu bytes is not a vergence.Frame", size);
        one->frames.n_frame = 1, one->frames.frame = &one->frame;
        e->frames = &one->frames;
    }
    c->message = e;
    return VG_OK;
}

vg_status vg_decoded_frame_dims(const vg_codec *c, vg_dims *out, vg_error *err) {
    if (c->message->frames->n_frame != 1)
        return vg_fail(err, VG_CORRUPT, "a message has %zu frames; 1 is needed", c->message->frames->n_frame);
    const Vergence__Frame *m = c->message->frames->frame[0];
    const size_t cameras = m->n_image / 3, people = m->n_present, views = cameras * people * 3;
    const size_t joints = views ? m->n_keypoints / views : 0;
    VG_TRY(codec_check_range("cameras of frame.image", cameras, 1, VG_MAX_CAMERAS, err));
    VG_TRY(codec_check_range("people of frame.present", people, 1, VG_MAX_PEOPLE, err));
    VG_TRY(codec_check_range("joints of frame.keypoints", joints, 1, VG_MAX_JOINTS, err));
    *out = (vg_dims){(int32_t)cameras, (int32_t)people, (int32_t)joints};
    return VG_OK;
}
