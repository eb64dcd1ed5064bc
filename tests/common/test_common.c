/* common/: random numbers against published vectors, rotations against each other, block layouts. */
#include "common/arena.h"
#include "common/clock.h"
#include "common/frame.h"
#include "common/log.h"
#include "common/transform.h"
#include "tests/support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Known answers of the Random123 distribution (kat_vectors, philox4x32 10). */
static void philox_matches_the_published_vectors(void **state) {
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } cases[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}},
        {{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu}},
        {{0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u},
         {0xa4093822u, 0x299f31d0u},
         {0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t out[4];
        vg_philox(cases[i].counter, cases[i].key, out);
        assert_memory_equal(out, cases[i].out, sizeof out);
    }
}

static void draws_have_the_right_moments(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(1);
    double mean = 0, square = 0, uniform = 0;
    const int n = 200000;
    for (int i = 0; i < n; i++) {
        const double x = (double)vg_rng_normal(&rng);
        mean += x / n, square += x * x / n;
        const float u = vg_rng_uniform(&rng);
        assert_true(u >= 0 && u < 1);
        uniform += (double)u / n;
        assert_true(vg_rng_below(&rng, 7) < 7);
    }
    assert_close(mean, 0, 0.012);
    assert_close(square, 1, 0.02);
    assert_close(uniform, 0.5, 0.005);
}

static void streams_of_other_purposes_differ(void **state) {
    (void)state;
    vg_rng a = vg_rng_at(1, 2, 3, VG_DRAW_NOISE), b = vg_rng_at(1, 2, 3, VG_DRAW_MISS), c = a;
    const uint64_t first = vg_rng_u64(&a);
    assert_true(first != vg_rng_u64(&b));
    assert_true(first == vg_rng_u64(&c));
}

static void rotation_vectors_round_trip(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(2);
    for (int i = 0; i < 2000; i++) {
        double axis[3];
        for (int k = 0; k < 3; k++) axis[k] = (double)vg_rng_normal(&rng);
        const double angles[] = {VG_PI * (double)vg_rng_uniform(&rng), 1e-9, 1e-5, VG_PI - 1e-7, VG_PI - 1e-3};
        const double angle = angles[i % 5], norm = vg_norm3(axis);
        double r[3], R[9], back[3];
        for (int k = 0; k < 3; k++) r[k] = axis[k] / norm * angle;
        vg_rotation_from_vector(R, r);
        assert_close(vg_mat3_det(R), 1, 1e-12);
        vg_rotation_to_vector(back, R);
        for (int k = 0; k < 3; k++) assert_close(back[k], r[k], 1e-8);
    }
}

static void yaw_and_pitch_round_trip(void **state) {
    (void)state;
    for (double yaw = -3; yaw < 3.1; yaw += 0.37)
        for (double pitch = -1.4; pitch < 1.45; pitch += 0.2) {
            double R[9], yaw2, pitch2;
            vg_rotation_from_yaw_pitch(R, yaw, pitch);
            vg_yaw_pitch_of_rotation(&yaw2, &pitch2, R);
            assert_close(yaw2, yaw, 1e-12);
            assert_close(pitch2, pitch, 1e-12);
            assert_close(vg_mat3_det(R), 1, 1e-12);
            const double from[3] = {1, 2, 3}, to[3] = {1 + R[6], 2 + R[7], 3 + R[8]};
            vg_yaw_pitch_towards(&yaw2, &pitch2, from, to);
            assert_close(yaw2, yaw, 1e-12);
            assert_close(pitch2, pitch, 1e-12);
        }
    assert_close(vg_wrap_angle(3 * VG_PI), -VG_PI, 1e-12);
    assert_close(vg_wrap_angle(-3.5), 2 * VG_PI - 3.5, 1e-12);
}

static void rigid_inverse_undoes_the_transform(void **state) {
    (void)state;
    vg_rigid T;
    vg_rotation_from_vector(T.R, (double[3]){0.3, -0.7, 1.1});
    memcpy(T.t, (double[3]){1, -2, 3}, sizeof T.t);
    const vg_rigid inverse = vg_rigid_inverse(&T), identity = vg_rigid_compose(&inverse, &T);
    double x[3] = {4, 5, 6}, y[3];
    vg_rigid_apply(y, &identity, x);
    for (int k = 0; k < 3; k++) assert_close(y[k], x[k], 1e-12);
}

static void frame_blocks_do_not_overlap(void **state) {
    (void)state;
    const vg_dims dims = {5, 7, 14};
    const size_t bytes = vg_frame_bytes(dims);
    assert_int_equal(bytes % 64, 0);
    assert_true(bytes < 12000);
    vg_frame *frames = calloc(2, bytes);
    vg_frame_init(frames, dims, 0);
    vg_frame *second = vg_frame_at(frames, 1);
    vg_frame_init(second, dims, 1);
    memset(vg_frame_cameras(frames), 1, 5 * sizeof(vg_camera));
    memset(vg_frame_keypoints(frames), 2, 5 * 7 * 14 * sizeof(vg_keypoint));
    memset(vg_frame_present(frames), 3, 7 * sizeof(int32_t));
    memset(vg_frame_truth(frames), 4, 7 * 14 * 3 * sizeof(float));
    assert_int_equal(vg_frame_cameras(frames)[4].width, 0x01010101);
    assert_int_equal(vg_frame_present(frames)[6], 0x03030303);
    assert_int_equal(*(unsigned char *)vg_frame_keypoints(frames), 2);
    assert_int_equal(second->environment, 1);
    assert_int_equal(vg_frame_present(second)[0], 0);
    free(frames);
}

static void dims_out_of_range_are_named(void **state) {
    (void)state;
    vg_error err = {0};
    assert_ok(vg_dims_check((vg_dims){5, 7, 14}, &err));
    assert_error(vg_dims_check((vg_dims){17, 7, 14}, &err), VG_INVALID, "cameras is 17");
    assert_error(vg_dims_check((vg_dims){5, 0, 14}, &err), VG_INVALID, "people is 0");
}

static void arena_measures_what_it_then_hands_out(void **state) {
    (void)state;
    vg_error err = {0};
    vg_arena plan = {0};
    assert_null(vg_arena_alloc(&plan, 100));
    assert_null(vg_arena_alloc(&plan, 1));
    vg_arena arena;
    assert_ok(vg_arena_create(&arena, plan.used, &err));
    char *a = vg_arena_alloc(&arena, 100), *b = vg_arena_alloc(&arena, 1);
    assert_int_equal((uintptr_t)a % VG_ARENA_ALIGN, 0);
    assert_int_equal(b - a, 128);
    assert_int_equal(arena.used, plan.used);
    vg_arena_destroy(&arena);
}

static void errors_carry_their_sentence(void **state) {
    (void)state;
    vg_error err = {0};
    assert_int_equal(vg_fail(&err, VG_INVALID, "key `%s`", "x"), VG_INVALID);
    assert_int_equal(vg_fail_context(&err, err.status, "file.yaml"), VG_INVALID);
    assert_string_equal(err.message, "file.yaml: key `x`");
    assert_int_equal(vg_fail(NULL, VG_IO, "nobody listens"), VG_IO);
    vg_log_level level;
    assert_error(vg_log_level_parse("loud", &level, &err), VG_INVALID, "loud");
    assert_ok(vg_log_level_parse("debug", &level, &err));
}

static void a_log_line_is_cut_not_overrun(void **state) {
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    const vg_log log = {stream, VG_LOG_INFO};
    char longer[3000];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    VG_INFOF(&log, "%s", longer);
    VG_DEBUGF(&log, "dropped");
    fclose(stream);
    assert_true(size < 1100);
    assert_int_equal(text[size - 1], '\n');
    assert_null(strstr(text, "dropped"));
    free(text);
}

static void the_clock_does_not_go_back(void **state) {
    (void)state;
    const int64_t start = vg_clock_now_ns();
    assert_int_equal(vg_clock_sleep_until_ns(start + 1000000), 0);
    assert_true(vg_clock_now_ns() >= start + 1000000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_matches_the_published_vectors),
        cmocka_unit_test(draws_have_the_right_moments),
        cmocka_unit_test(streams_of_other_purposes_differ),
        cmocka_unit_test(rotation_vectors_round_trip),
        cmocka_unit_test(yaw_and_pitch_round_trip),
        cmocka_unit_test(rigid_inverse_undoes_the_transform),
        cmocka_unit_test(frame_blocks_do_not_overlap),
        cmocka_unit_test(dims_out_of_range_are_named),
        cmocka_unit_test(arena_measures_what_it_then_hands_out),
        cmocka_unit_test(errors_carry_their_sentence),
        cmocka_unit_test(a_log_line_is_cut_not_overrun),
        cmocka_unit_test(the_clock_does_not_go_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
