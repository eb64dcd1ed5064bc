/* The messages of a live session's streams and of recordings: what is encoded is decoded to the same values, and nothing
 * that could not be is believed. */
#include "proto/proto.h"
#include "tests/support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PEOPLE = 4, JOINTS = 14, CODEC = 1 << 20 };

static vg_codec *new_codec(void) {
    vg_error err = {0};
    vg_codec *codec;
    assert_ok(vg_codec_create(&codec, CODEC, &err));
    return codec;
}

static vg_wire_keypoints picture(const vg_keypoint *keypoints) {
    return (vg_wire_keypoints){.version = VG_PROTOCOL_VERSION,
                               .stream = 77,
                               .camera = "cam_2",
                               .joint_set = "vergence14",
                               .clock = "boot 1234",
                               .time_ns = -5,
                               .dropped = 3,
                               .width = 640,
                               .height = 480,
                               .people = PEOPLE,
                               .joints = JOINTS,
                               .keypoints = keypoints};
}

static vg_status through(vg_codec *codec, const vg_wire_keypoints *in, vg_wire_keypoints *out, vg_error *err) {
    vg_bytes bytes;
    vg_message_kind kind;
    uint64_t sequence;
    VG_TRY(vg_encode_keypoints(codec, 42, in, &bytes, err));
    VG_TRY(vg_decode(codec, bytes.data, bytes.size, &kind, &sequence, err));
    assert_int_equal(kind, VG_MESSAGE_KEYPOINTS);
    assert_int_equal(sequence, 42);
    return vg_decoded_keypoints(codec, out, err);
}

static void keypoints_round_trip(void **state) {
    (void)state;
    vg_error err = {0};
    vg_codec *codec = new_codec();
    vg_rng rng = vg_test_rng(1);
    vg_keypoint points[PEOPLE * JOINTS];
    for (size_t i = 0; i < PEOPLE * JOINTS; i++)
        points[i] = (vg_keypoint){100 * vg_rng_normal(&rng), -0.0f, vg_rng_uniform(&rng)};
    vg_wire_keypoints in = picture(points), out;
    assert_ok(through(codec, &in, &out, &err));
    assert_memory_equal(out.keypoints, points, sizeof points);
    assert_true(out.version == in.version && out.stream == in.stream && out.time_ns == in.time_ns);
    assert_true(out.dropped == in.dropped && out.width == in.width && out.height == in.height);
    assert_true(out.people == PEOPLE && out.joints == JOINTS);
    assert_string_equal(out.camera, in.camera);
    assert_string_equal(out.joint_set, in.joint_set);
    assert_string_equal(out.clock, in.clock);
    in.people = 0; /* nobody in the picture */
    assert_ok(through(codec, &in, &out, &err));
    assert_int_equal(out.people, 0);
    vg_codec_destroy(codec);
}

static void keypoints_that_cannot_be_are_refused_by_name(void **state) {
    (void)state;
    vg_error err = {0};
    vg_codec *codec = new_codec();
    vg_keypoint points[PEOPLE * JOINTS] = {0};
    vg_wire_keypoints in = picture(points), out;
    points[1].u = NAN;
    assert_error(through(codec, &in, &out, &err), VG_CORRUPT, "keypoints.keypoints[3] is nan");
    points[1].u = 2e6f;
    assert_error(through(codec, &in, &out, &err), VG_CORRUPT, "it must be a pixel");
    points[1] = (vg_keypoint){1, 2, -0.5f};
    assert_error(through(codec, &in, &out, &err), VG_CORRUPT, "confidence");
    points[1].confidence = 1.02f;
    assert_ok(through(codec, &in, &out, &err));
    assert_close(out.keypoints[1].confidence, 1, 0);
    in.width = 70000;
    assert_error(through(codec, &in, &out, &err), VG_CORRUPT, "keypoints.width is 70000");
    in = picture(points);
    snprintf(in.camera, sizeof in.camera, "a\nb");
    assert_error(through(codec, &in, &out, &err), VG_CORRUPT, "keypoints.camera");
    vg_codec_destroy(codec);
}

static vg_skeletons *new_skeletons(void) {
    vg_skeletons *s = calloc(1, vg_skeletons_bytes(PEOPLE, JOINTS));
    vg_skeletons_init(s, PEOPLE, JOINTS, 0);
    return s;
}

static void fill(vg_skeletons *s, vg_rng *rng) {
    s->frame_id = vg_rng_u64(rng), s->time_ns = (int64_t)vg_rng_u64(rng), s->target = (int32_t)vg_rng_below(rng, 5) - 1;
    for (int32_t p = 0; p < PEOPLE; p++) {
        vg_skeletons_present(s)[p] = vg_rng_below(rng, 3) > 0;
        for (int32_t j = 0; j < JOINTS; j++) {
            vg_joint *joint = &vg_skeletons_joints(s)[p * JOINTS + j];
            *joint = (vg_joint){.reprojection = NAN};
            for (int a = 0; a < 3; a++) joint->position[a] = NAN;
            for (int a = 0; a < 6; a++) joint->covariance[a] = NAN;
            if (!vg_skeletons_present(s)[p] || vg_rng_below(rng, 4) == 0) continue;
            joint->state = 1 + (int16_t)vg_rng_below(rng, 2);
            for (int a = 0; a < 3; a++) joint->position[a] = vg_rng_normal(rng), joint->velocity[a] = -0.0f;
            for (int a = 0; a < 6; a++) joint->covariance[a] = vg_rng_normal(rng);
            if (joint->state == VG_JOINT_MEASURED)
                joint->reprojection = vg_rng_uniform(rng), joint->views = 1 + (int16_t)vg_rng_below(rng, 5);
        }
    }
}

static void skeletons_round_trip_to_the_same_bytes(void **state) {
    (void)state;
    vg_error err = {0};
    vg_codec *codec = new_codec();
    vg_rng rng = vg_test_rng(2);
    vg_skeletons *in = new_skeletons(), *out = new_skeletons();
    const vg_wire_skeletons head = {VG_PROTOCOL_VERSION, 9, "vergence14"};
    for (int k = 0; k < 300; k++) {
        fill(in, &rng);
        vg_bytes bytes;
        vg_message_kind kind;
        uint64_t sequence;
        vg_wire_skeletons head_out;
        int32_t people, joints;
        if (k % 2) {
            assert_ok(vg_encode_skeletons(codec, 5, &head, in, &bytes, &err));
            assert_ok(vg_decode(codec, bytes.data, bytes.size, &kind, &sequence, &err));
            assert_int_equal(kind, VG_MESSAGE_SKELETONS);
        } else {
            assert_ok(vg_encode_bare_skeletons(codec, &head, in, &bytes, &err));
            assert_ok(vg_decode_bare(codec, VG_MESSAGE_SKELETONS, bytes.data, bytes.size, &err));
        }
        assert_ok(vg_decoded_skeletons_head(codec, &head_out, &people, &joints, &err));
        assert_true(head.version == head_out.version && head.stream == head_out.stream);
        assert_string_equal(head_out.joint_set, head.joint_set);
        assert_int_equal(people, PEOPLE);
        assert_ok(vg_decoded_skeletons(codec, out, &err));
        assert_memory_equal(in, out, vg_skeletons_bytes(PEOPLE, JOINTS));
    }
    vg_skeletons *small = calloc(1, vg_skeletons_bytes(2, JOINTS));
    vg_skeletons_init(small, 2, JOINTS, 0);
    assert_error(vg_decoded_skeletons(codec, small, &err), VG_CORRUPT, "skeletons of 4 people and 14 joints came");
    vg_codec_destroy(codec), free(in), free(out), free(small);
}

static void bare_frames_round_trip_and_tell_their_dimensions(void **state) {
    (void)state;
    vg_error err = {0};
    vg_codec *codec = new_codec();
    vg_rng rng = vg_test_rng(3);
    const vg_dims dims = {3, PEOPLE, JOINTS};
    vg_frame *in = calloc(1, vg_frame_bytes(dims)), *out = calloc(1, vg_frame_bytes(dims));
    vg_frame_init(in, dims, 0), vg_frame_init(out, dims, 0);
    in->frame_id = 12, in->time_ns = 99, in->target = -1;
    for (int32_t c = 0; c < dims.cameras; c++)
        vg_frame_cameras(in)[c] = (vg_camera){.width = 10, .height = 20, .fx = 1, .fy = 2, .t = {0.1, c, -0.0}};
    for (int32_t i = 0; i < 3 * PEOPLE * JOINTS; i++)
        vg_frame_keypoints(in)[i] = (vg_keypoint){vg_rng_normal(&rng), 1, vg_rng_uniform(&rng)};
    vg_bytes bytes;
    vg_dims got;
    assert_ok(vg_encode_bare_frame(codec, in, &bytes, &err));
    assert_ok(vg_decode_bare(codec, VG_MESSAGE_FRAMES, bytes.data, bytes.size, &err));
    assert_ok(vg_decoded_frame_dims(codec, &got, &err));
    assert_memory_equal(&got, &dims, sizeof dims);
    assert_ok(vg_decoded_frames(codec, 0, 1, out, &err));
    assert_memory_equal(in, out, vg_frame_bytes(dims));
    assert_error(vg_decode_bare(codec, VG_MESSAGE_FRAMES, "\xff\xff\xff", 3, &err), VG_CORRUPT, "vergence.Frame");
    vg_codec_destroy(codec), free(in), free(out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keypoints_round_trip),
        cmocka_unit_test(keypoints_that_cannot_be_are_refused_by_name),
        cmocka_unit_test(skeletons_round_trip_to_the_same_bytes),
        cmocka_unit_test(bare_frames_round_trip_and_tell_their_dimensions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
