/* Frames from pictures that come late, early, twice, never or by a clock of their own. Times in ms. */
#include "proto/stream_count.h"
#include "sim_bridge/live/assembly.h"
#include "sim_bridge/live/stream_clock.h"
#include "tests/support/support.h"

#include <stdlib.h>

#define MS 1000000

enum { CAMERAS = 3, PEOPLE = 2, JOINTS = 4 };
static const vg_dims dims = {CAMERAS, PEOPLE, JOINTS};

static vg_assembly *new_assembly(void) {
    vg_error err = {0};
    vg_assembly *a;
    const vg_assembly_config config = {dims, 8 * MS, 20 * MS, 100 * MS};
    assert_ok(vg_assembly_create(&a, &config, &err));
    return a;
}

static vg_frame *new_frame(void) {
    vg_frame *f = calloc(1, vg_frame_bytes(dims));
    vg_frame_init(f, dims, 0);
    return f;
}

/* A picture of `people` whose first keypoint tells the camera and the time. */
static void add(vg_assembly *a, int32_t camera, int64_t time, int64_t now, int32_t people) {
    vg_keypoint points[8 * JOINTS] = {0};
    for (int32_t i = 0; i < people * JOINTS; i++)
        points[i] = (vg_keypoint){(float)camera, (float)time, 0.1f * (float)(i / JOINTS + 1)};
    vg_assembly_add(a, camera, time * MS, now * MS, people, points);
}

/* Takes a frame and returns its cameras as bits. */
static uint32_t take(vg_assembly *a, vg_frame *f, int64_t time) {
    uint32_t cameras;
    vg_assembly_take(a, f, &cameras);
    assert_int_equal(f->time_ns, time * MS);
    for (int32_t c = 0; c < CAMERAS; c++) {
        const vg_keypoint *first = vg_frame_keypoints(f) + c * PEOPLE * JOINTS;
        assert_true((first->confidence > 0) == (cameras >> c & 1));
        if (first->confidence > 0) assert_close(first->u, c, 0);
    }
    return cameras;
}

static void pictures_of_one_instant_make_a_frame_as_soon_as_all_are_there(void **state) {
    (void)state;
    vg_assembly *a = new_assembly();
    vg_frame *f = new_frame();
    for (int64_t t = 1000; t < 1300; t += 10) {
        add(a, 0, t, t + 1, 1), add(a, 1, t, t + 2, 2);
        /* at first nobody waits for cameras that were never heard; then all are waited for */
        assert_int_equal(vg_assembly_ready(a, (t + 2) * MS), t == 1000);
        if (t == 1000) assert_int_equal(vg_assembly_silent(a, 2, (t + 2) * MS), true);
        add(a, 2, t, t + 3, 1);
        assert_true(vg_assembly_ready(a, (t + 3) * MS));
        assert_int_equal(take(a, f, t), 7);
        assert_int_equal(vg_frame_present(f)[0] + vg_frame_present(f)[1], 2);
        assert_false(vg_assembly_ready(a, (t + 3) * MS));
    }
    vg_assembly_destroy(a), free(f);
}

static void a_picture_that_is_lost_costs_no_more_than_the_next_one_or_patience(void **state) {
    (void)state;
    vg_assembly *a = new_assembly();
    vg_frame *f = new_frame();
    for (int32_t c = 0; c < CAMERAS; c++) add(a, c, 1000, 1001, 1);
    take(a, f, 1000);
    add(a, 0, 1010, 1011, 1), add(a, 1, 1010, 1011, 1); /* camera 2 lost this one */
    assert_false(vg_assembly_ready(a, 1029 * MS));
    assert_int_equal(vg_assembly_deadline(a), 1031 * MS);
    assert_true(vg_assembly_ready(a, 1031 * MS));
    add(a, 2, 1020, 1021, 1); /* its next one tells the same, sooner */
    assert_true(vg_assembly_ready(a, 1021 * MS));
    assert_int_equal(take(a, f, 1010), 3);
    add(a, 0, 1020, 1022, 1), add(a, 1, 1020, 1022, 1);
    assert_int_equal(take(a, f, 1020), 7);
    vg_assembly_destroy(a), free(f);
}

static void what_comes_after_its_frame_is_late_and_never_pairs_with_the_next(void **state) {
    (void)state;
    vg_assembly *a = new_assembly();
    vg_frame *f = new_frame();
    for (int32_t c = 0; c < CAMERAS; c++) add(a, c, 1000, 1001, 1);
    take(a, f, 1000);
    add(a, 0, 1010, 1011, 1), add(a, 1, 1010, 1011, 1);
    assert_true(vg_assembly_ready(a, 1040 * MS));
    assert_int_equal(take(a, f, 1010), 3);
    add(a, 2, 1010, 1041, 1);
    assert_int_equal(vg_assembly_camera_at(a, 2)->late, 1);
    assert_int_equal(vg_assembly_deadline(a), INT64_MAX);
    vg_assembly_destroy(a), free(f);
}

static void a_camera_that_falls_silent_is_waited_for_no_longer(void **state) {
    (void)state;
    vg_assembly *a = new_assembly();
    vg_frame *f = new_frame();
    for (int32_t c = 0; c < CAMERAS; c++) add(a, c, 1000, 1001, 1);
    take(a, f, 1000);
    for (int64_t t = 1010; t < 1300; t += 10) {
        add(a, 0, t, t + 1, 1), add(a, 1, t, t + 1, 1);
        const bool silent = t + 1 - 1001 > 100;
        assert_int_equal(vg_assembly_silent(a, 2, (t + 1) * MS), silent);
        assert_int_equal(vg_assembly_ready(a, (t + 1) * MS), silent);
        while (vg_assembly_ready(a, (t + 21) * MS)) vg_assembly_take(a, f, &(uint32_t){0});
    }
    add(a, 2, 1300, 1301, 1), add(a, 0, 1300, 1301, 1);
    assert_false(vg_assembly_ready(a, 1301 * MS)); /* it is back: all three count again */
    add(a, 1, 1300, 1301, 1);
    assert_int_equal(take(a, f, 1300), 7);
    vg_assembly_destroy(a), free(f);
}

static void order_of_arrival_does_not_matter_while_a_frame_waits(void **state) {
    (void)state;
    vg_assembly *a = new_assembly();
    vg_frame *f = new_frame();
    for (int32_t c = 0; c < CAMERAS; c++) add(a, c, 1000, 1001, 1);
    take(a, f, 1000);
    add(a, 0, 1020, 1021, 1), add(a, 0, 1010, 1022, 1); /* the later picture came first */
    add(a, 1, 1010, 1022, 1), add(a, 1, 1020, 1022, 1);
    add(a, 2, 1012, 1023, 1); /* taken a little later, within the window */
    uint32_t cameras;
    assert_int_equal(vg_assembly_take(a, f, &cameras), 1023 * MS);
    assert_int_equal(cameras, 7);
    assert_close(f->time_ns, 1010666666, 1);
    add(a, 2, 1020, 1024, 1);
    assert_int_equal(take(a, f, 1020), 7);
    vg_assembly_destroy(a), free(f);
}

static void of_a_crowd_the_most_confident_stay_and_a_full_queue_loses_its_oldest(void **state) {
    (void)state;
    vg_assembly *a = new_assembly();
    vg_frame *f = new_frame();
    add(a, 0, 1000, 1001, 5); /* confidences 0.1 .. 0.5, room for two */
    take(a, f, 1000);
    assert_close(vg_frame_keypoints(f)[0].confidence + vg_frame_keypoints(f)[JOINTS].confidence, 0.9, 1e-6);
    assert_int_equal(vg_assembly_camera_at(a, 0)->crowded, 3);
    add(a, 1, 1000, 1001, 1); /* late */
    for (int64_t t = 1010; t < 1510; t += 10) add(a, 0, t, 1010, 1);
    assert_int_equal(vg_assembly_camera_at(a, 0)->surplus, 34);
    assert_true(vg_assembly_ready(a, 1030 * MS));
    assert_int_equal(take(a, f, 1350), 1);
    vg_assembly_restart(a);
    add(a, 0, 5, 1100, 1); /* time began anew: no longer late */
    assert_int_equal(take(a, f, 5), 1);
    vg_assembly_destroy(a), free(f);
}

static void any_traffic_gives_frames_in_the_order_of_time(void **state) {
    (void)state;
    vg_assembly *a = new_assembly();
    vg_frame *f = new_frame();
    vg_rng rng = vg_test_rng(1);
    int64_t last = INT64_MIN, taken = 0, frames = 0;
    for (int64_t k = 0; k < 20000; k++) {
        const int64_t now = 100000 + k, time = now - (int64_t)vg_rng_below(&rng, 40);
        add(a, (int32_t)vg_rng_below(&rng, CAMERAS), time, now, 1 + (int32_t)vg_rng_below(&rng, 4));
        for (uint32_t cameras; vg_assembly_ready(a, now * MS); frames++) {
            vg_assembly_take(a, f, &cameras);
            assert_true(f->time_ns > last && cameras);
            last = f->time_ns;
            taken += __builtin_popcount(cameras);
        }
    }
    int64_t left_out = 0;
    for (int32_t c = 0; c < CAMERAS; c++)
        left_out += vg_assembly_camera_at(a, c)->late + vg_assembly_camera_at(a, c)->surplus;
    assert_in_range(20000 - taken - left_out, 0, 3 * 16); /* every picture is accounted for; some still wait */
    assert_true(frames > 1000);
    vg_assembly_destroy(a), free(f);
}

static void sequence_numbers_tell_loss_repeats_and_restarts(void **state) {
    (void)state;
    vg_stream_count c = {0};
    assert_int_equal(vg_stream_count_take(&c, 1, 100), VG_STREAM_NEW); /* joined late: no loss */
    assert_int_equal(vg_stream_count_take(&c, 1, 101), VG_STREAM_NEW);
    assert_int_equal(vg_stream_count_take(&c, 1, 101), VG_STREAM_DUPLICATE);
    assert_int_equal(vg_stream_count_take(&c, 1, 105), VG_STREAM_NEW);
    assert_int_equal(c.lost, 3);
    assert_int_equal(vg_stream_count_take(&c, 1, 103), VG_STREAM_NEW);
    assert_int_equal(vg_stream_count_take(&c, 1, 103), VG_STREAM_DUPLICATE);
    assert_true(c.lost == 2 && c.reordered == 1 && c.duplicates == 2 && c.received == 4);
    assert_int_equal(vg_stream_count_take(&c, 1, 300), VG_STREAM_NEW);
    assert_int_equal(vg_stream_count_take(&c, 1, 200), VG_STREAM_DUPLICATE); /* too old to tell */
    assert_int_equal(c.lost, 196);
    assert_int_equal(vg_stream_count_take(&c, 2, 1), VG_STREAM_RESTARTED);
    assert_int_equal(vg_stream_count_take(&c, 2, UINT64_MAX), VG_STREAM_RESTARTED); /* nobody loses so many */
    assert_true(c.restarts == 2 && c.lost == 196);
}

static void a_foreign_clock_is_found_by_its_quickest_messages(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(2);
    vg_stream_clock c = {0};
    const int64_t off = -123456 * (int64_t)MS;
    double worst = 0;
    for (int64_t k = 0; k < 12000; k++) { /* 100 s at 120 Hz; its clock drifts by 20 ppm; the way takes 2 ms or more */
        const int64_t true_ns = k * 8333333, shown = true_ns + off + true_ns / 50000;
        const int64_t way = 2 * MS + (int64_t)(3 * MS * vg_rng_uniform(&rng) * vg_rng_uniform(&rng));
        const int64_t got = vg_stream_clock_take(&c, shown, true_ns + way);
        const double error = (double)(got - true_ns - 2 * MS);
        if (k > 240 && error * error > worst * worst) worst = error;
    }
    assert_close(worst, 0, 0.6 * MS); /* 20 ppm in 20 s are 0.4 ms */
    vg_stream_clock own = {.known = true};
    assert_int_equal(vg_stream_clock_take(&own, 5, 1000), 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_of_one_instant_make_a_frame_as_soon_as_all_are_there),
        cmocka_unit_test(a_picture_that_is_lost_costs_no_more_than_the_next_one_or_patience),
        cmocka_unit_test(what_comes_after_its_frame_is_late_and_never_pairs_with_the_next),
        cmocka_unit_test(a_camera_that_falls_silent_is_waited_for_no_longer),
        cmocka_unit_test(order_of_arrival_does_not_matter_while_a_frame_waits),
        cmocka_unit_test(of_a_crowd_the_most_confident_stay_and_a_full_queue_loses_its_oldest),
        cmocka_unit_test(any_traffic_gives_frames_in_the_order_of_time),
        cmocka_unit_test(sequence_numbers_tell_loss_repeats_and_restarts),
        cmocka_unit_test(a_foreign_clock_is_found_by_its_quickest_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
