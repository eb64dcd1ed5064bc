/* The wire: what is encoded is decoded to the same bytes, and nothing else is believed. */
#include "proto/proto.h"
#include "tests/support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const vg_dims dims = {5, 7, 14};
enum { ENVS = 3 };

static vg_frame *new_frames(void) {
    const size_t bytes = vg_frame_bytes(dims);
    vg_frame *frames = calloc(ENVS, bytes);
    for (int32_t i = 0; i < ENVS; i++) vg_frame_init((vg_frame *)(void *)((char *)frames + bytes * (size_t)i), dims, i);
    return frames;
}

static void fill(vg_frame *f, vg_rng *rng) {
    f->frame_id = vg_rng_u64(rng), f->time_ns = (int64_t)vg_rng_u64(rng), f->target = (int32_t)vg_rng_below(rng, 8) - 1;
    f->flags =
        VG_FRAME_IDENTIFIED | (vg_rng_below(rng, 2) ? VG_FRAME_TRUTH : 0) | (vg_rng_below(rng, 2) ? VG_FRAME_FIRST : 0);
    for (int32_t c = 0; c < dims.cameras; c++) {
        vg_camera *k = &vg_frame_cameras(f)[c];
        *k = (vg_camera){
            .width = 1 + (int32_t)vg_rng_below(rng, 4000), .height = 240, .lens = (int32_t)vg_rng_below(rng, 2)};
        double *numbers = &k->fx;
        for (int i = 0; i < 24; i++) numbers[i] = (double)vg_rng_normal(rng);
        k->fx = fabs(k->fx) + 1, k->fy = fabs(k->fy) + 1;
    }
    for (int32_t i = 0; i < 5 * 7 * 14; i++)
        vg_frame_keypoints(f)[i] = (vg_keypoint){100 * vg_rng_normal(rng), -0.0f, vg_rng_uniform(rng)};
    for (int32_t p = 0; p < 7; p++) vg_frame_present(f)[p] = (int32_t)vg_rng_below(rng, 2);
    for (int32_t i = 0; i < 7 * 14 * 3 && (f->flags & VG_FRAME_TRUTH); i++) vg_frame_truth(f)[i] = vg_rng_normal(rng);
}

static vg_codec *new_codec(void) {
    vg_error err = {0};
    vg_codec *codec;
    assert_ok(vg_codec_create(&codec, vg_codec_size(dims, ENVS), &err));
    return codec;
}

static void frames_round_trip_to_the_same_bytes(void **state) {
    (void)state;
    vg_error err = {0};
    vg_codec *codec = new_codec();
    vg_frame *in = new_frames(), *out = new_frames();
    vg_rng rng = vg_test_rng(1);
    for (int k = 0; k < 200; k++) {
        for (int32_t i = 0; i < ENVS; i++) fill(vg_frame_at(in, i), &rng);
        vg_bytes bytes;
        vg_message_kind kind;
        uint64_t sequence;
        assert_ok(vg_encode_frames(codec, (uint64_t)k, 0, ENVS, in, &bytes, &err));
        assert_ok(vg_decode(codec, bytes.data, bytes.size, &kind, &sequence, &err));
        assert_int_equal(kind, VG_MESSAGE_FRAMES);
        assert_int_equal(sequence, k);
        assert_ok(vg_decoded_frames(codec, 0, ENVS, out, &err));
        for (int32_t i = 0; i < ENVS; i++) { /* an earlier frame's truth does not shine through */
            if (!(vg_frame_at(in, i)->flags & VG_FRAME_TRUTH))
                memset(vg_frame_truth(vg_frame_at(in, i)), 0, 7 * 14 * 3 * sizeof(float));
        }
        assert_memory_equal(in, out, vg_frame_bytes(dims) * ENVS);
    }
    vg_codec_destroy(codec), free(in), free(out);
}

static void commands_resets_and_greetings_round_trip(void **state) {
    (void)state;
    vg_error err = {0};
    vg_codec *codec = new_codec();
    vg_rng rng = vg_test_rng(2);
    vg_bytes bytes;
    vg_message_kind kind;
    uint64_t sequence;
    int32_t first, count;
    for (int k = 0; k < 200; k++) {
        vg_command commands[2], commands_out[ENVS];
        for (int i = 0; i < 2; i++) {
            commands[i] = (vg_command){.environment = 1 + i, .cameras = 5, .frame_id = vg_rng_u64(&rng)};
            for (int c = 0; c < 5; c++)
                commands[i].camera[c] = (vg_camera_command){{vg_rng_normal(&rng), 0, -1}, vg_rng_normal(&rng), 2};
        }
        assert_ok(vg_encode_step(codec, 9, 1, 2, commands, &bytes, &err));
        assert_ok(vg_decode(codec, bytes.data, bytes.size, &kind, &sequence, &err));
        assert_ok(vg_decoded_step(codec, &first, &count, commands_out, ENVS, 5, &err));
        assert_int_equal(first, 1);
        assert_int_equal(count, 2);
        assert_memory_equal(commands, commands_out, sizeof commands);
        const vg_wire_reset resets[2] = {{vg_rng_u64(&rng), 1 + (int32_t)vg_rng_below(&rng, 60), 1}, {~0ull, 7, 0}};
        vg_wire_reset resets_out[ENVS];
        assert_ok(vg_encode_reset(codec, 10, 0, 2, resets, &bytes, &err));
        assert_ok(vg_decode(codec, bytes.data, bytes.size, &kind, &sequence, &err));
        assert_ok(vg_decoded_reset(codec, &first, &count, resets_out, ENVS, &err));
        assert_memory_equal(resets, resets_out, sizeof resets);
    }
    vg_wire_world world = {.version = 1,
                           .name = "a world",
                           .scene = "blank",
                           .dims = dims,
                           .environments = 3,
                           .step_seconds = 0.1,
                           .truth = true,
                           .teleports = true,
                           .bounds = {1, 2, 3},
                           .limits = {4, 5, 6},
                           .obstacle_count = 1,
                           .obstacles = {1, 2, 3}},
                  world_out;
    assert_ok(vg_encode_world(codec, 11, &world, &bytes, &err));
    assert_ok(vg_decode(codec, bytes.data, bytes.size, &kind, &sequence, &err));
    assert_ok(vg_decoded_world(codec, &world_out, &err));
    assert_memory_equal(&world, &world_out, sizeof world);
    vg_wire_error said = {VG_REFUSED, "another client"}, said_out;
    assert_ok(vg_encode_error(codec, 12, &said, &bytes, &err));
    assert_ok(vg_decode(codec, bytes.data, bytes.size, &kind, &sequence, &err));
    assert_ok(vg_decoded_error(codec, &said_out, &err));
    assert_int_equal(said_out.status, VG_REFUSED);
    assert_string_equal(said_out.message, said.message);
    for (int k = VG_MESSAGE_PING; k <= VG_MESSAGE_BYE; k++) {
        vg_message_kind got;
        assert_ok(vg_encode_empty(codec, 13, (vg_message_kind)k, &bytes, &err));
        assert_ok(vg_decode(codec, bytes.data, bytes.size, &got, &sequence, &err));
        assert_int_equal(got, k);
    }
    vg_codec_destroy(codec);
}

/* Encodes one frame after `spoil` has touched it, and expects the decoding to name `part`. */
static void expect_refused(void (*spoil)(vg_frame *f), const char *part) {
    vg_error err = {0};
    vg_codec *codec = new_codec();
    vg_frame *in = new_frames(), *out = new_frames();
    vg_rng rng = vg_test_rng(3);
    fill(in, &rng);
    in->flags |= VG_FRAME_TRUTH;
    spoil(in);
    vg_bytes bytes;
    vg_message_kind kind;
    uint64_t sequence;
    assert_ok(vg_encode_frames(codec, 1, 0, 1, in, &bytes, &err));
    assert_ok(vg_decode(codec, bytes.data, bytes.size, &kind, &sequence, &err));
    assert_error(vg_decoded_frames(codec, 0, 1, out, &err), VG_CORRUPT, part);
    vg_codec_destroy(codec), free(in), free(out);
}

static void spoil_keypoint(vg_frame *f) {
    vg_frame_keypoints(f)[17].v = NAN;
}
static void spoil_truth(vg_frame *f) {
    vg_frame_truth(f)[5] = INFINITY;
}
static void spoil_flags(vg_frame *f) {
    f->flags |= 1u << 20;
}
static void spoil_target(vg_frame *f) {
    f->target = 7;
}
static void spoil_focal(vg_frame *f) {
    vg_frame_cameras(f)[2].fx = 0;
}
static void spoil_rotation(vg_frame *f) {
    vg_frame_cameras(f)[2].R[3] = (double)NAN;
}
static void spoil_size(vg_frame *f) {
    vg_frame_cameras(f)[1].width = 0;
}
static void spoil_present(vg_frame *f) {
    vg_frame_present(f)[4] = 3;
}
static void spoil_lens(vg_frame *f) {
    vg_frame_cameras(f)[0].lens = 9;
}

static void a_frame_that_cannot_be_is_refused_by_name(void **state) {
    (void)state;
    expect_refused(spoil_keypoint, "keypoints[52] is not finite");
    expect_refused(spoil_truth, "truth[5]");
    expect_refused(spoil_flags, "frame.flags");
    expect_refused(spoil_target, "frame.target is 7");
    expect_refused(spoil_focal, "focal lengths 0");
    expect_refused(spoil_rotation, "frame.camera");
    expect_refused(spoil_size, "width is 0");
    expect_refused(spoil_present, "present[4] is 3");
    expect_refused(spoil_lens, "lens is 9");
}

static void messages_of_another_shape_are_refused(void **state) {
    (void)state;
    vg_error err = {0};
    vg_codec *codec = new_codec();
    vg_bytes bytes;
    vg_message_kind kind;
    uint64_t sequence;
    int32_t first, count;
    vg_command command = {.cameras = 4}, out[ENVS];
    assert_ok(vg_encode_step(codec, 1, 0, 1, &command, &bytes, &err));
    assert_ok(vg_decode(codec, bytes.data, bytes.size, &kind, &sequence, &err));
    assert_error(vg_decoded_step(codec, &first, &count, out, ENVS, 5, &err), VG_CORRUPT,
                 "step.motion has 20 numbers; 25");
    assert_ok(vg_encode_step(codec, 1, 3, 1, &command, &bytes, &err));
    assert_ok(vg_decode(codec, bytes.data, bytes.size, &kind, &sequence, &err));
    assert_error(vg_decoded_step(codec, &first, &count, out, ENVS, 4, &err), VG_CORRUPT, "the world has 3");
    const vg_wire_reset reset = {1, 0, 0};
    vg_wire_reset resets[ENVS];
    assert_ok(vg_encode_reset(codec, 1, 0, 1, &reset, &bytes, &err));
    assert_ok(vg_decode(codec, bytes.data, bytes.size, &kind, &sequence, &err));
    assert_error(vg_decoded_reset(codec, &first, &count, resets, ENVS, &err), VG_CORRUPT, "reset.people is 0");
    vg_wire_world world = {.dims = {99, 1, 14}, .environments = 1, .step_seconds = 0.1}, world_out;
    assert_ok(vg_encode_world(codec, 1, &world, &bytes, &err));
    assert_ok(vg_decode(codec, bytes.data, bytes.size, &kind, &sequence, &err));
    assert_error(vg_decoded_world(codec, &world_out, &err), VG_CORRUPT, "world.cameras is 99");
    vg_wire_hello hello = {.version = 1, .name = "bad \xff name"}, hello_out;
    assert_ok(vg_encode_hello(codec, 1, &hello, &bytes, &err));
    assert_ok(vg_decode(codec, bytes.data, bytes.size, &kind, &sequence, &err));
    assert_error(vg_decoded_hello(codec, &hello_out, &err), VG_CORRUPT, "hello.name is not printable UTF-8 at byte 4");
    assert_error(vg_decode(codec, "garbage", 7, &kind, &sequence, &err), VG_CORRUPT, "not a vergence.Envelope");
    assert_error(vg_decode(codec, "", 0, &kind, &sequence, &err), VG_CORRUPT, "without a body");
    char *large = calloc(1, vg_codec_size(dims, ENVS) + 1);
    assert_error(vg_decode(codec, large, vg_codec_size(dims, ENVS) + 1, &kind, &sequence, &err), VG_CORRUPT,
                 "the most is");
    free(large);
    vg_codec_destroy(codec);
}

/* Whatever is done to the bytes of a message, decoding ends with an answer. */
static void damaged_messages_never_crash(void **state) {
    (void)state;
    vg_error err = {0};
    vg_codec *codec = new_codec();
    vg_frame *in = new_frames(), *out = new_frames();
    vg_rng rng = vg_test_rng(4);
    fill(in, &rng);
    vg_bytes bytes;
    assert_ok(vg_encode_frames(codec, 1, 0, 1, in, &bytes, &err));
    unsigned char *damaged = malloc(bytes.size);
    int refused = 0;
    for (int k = 0; k < 3000; k++) {
        memcpy(damaged, bytes.data, bytes.size);
        const size_t size = 1 + vg_rng_below(&rng, (uint32_t)bytes.size);
        for (uint32_t i = vg_rng_below(&rng, 8); i; i--)
            damaged[vg_rng_below(&rng, (uint32_t)(k % 2 ? 64 : bytes.size))] = (unsigned char)vg_rng_u32(&rng);
        vg_message_kind kind;
        uint64_t sequence;
        if (vg_decode(codec, damaged, size, &kind, &sequence, &err) != VG_OK || kind != VG_MESSAGE_FRAMES ||
            vg_decoded_frames(codec, 0, 1, out, &err) != VG_OK)
            refused++;
    }
    assert_true(refused > 2500);
    free(damaged), free(in), free(out);
    vg_codec_destroy(codec);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_round_trip_to_the_same_bytes),
        cmocka_unit_test(commands_resets_and_greetings_round_trip),
        cmocka_unit_test(a_frame_that_cannot_be_is_refused_by_name),
        cmocka_unit_test(messages_of_another_shape_are_refused),
        cmocka_unit_test(damaged_messages_never_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
