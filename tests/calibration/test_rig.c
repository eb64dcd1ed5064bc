/* Rigs placed from sightings: bad starts, wrong identities, outliers, wide lenses, few shared views. */
#include "common/text.h"
#include "tests/calibration/walker.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

static walker_options easy(void) {
    return (walker_options){
        .cameras = 5, .frames = 200, .lens = MILD, .noise_px = 1, .seen = 0.9, .radius = 5, .arc = 2 * VG_PI};
}

static void say(void *context, const char *text) {
    (void)context;
    if (getenv("VG_TEST_SAY")) fprintf(stderr, "  %s\n", text);
}

static void solve(vg_rig_result *result, walker *w, bool start) {
    vg_error err = {0};
    vg_rig_options options = vg_rig_options_default();
    options.start = start, options.say = say;
    assert_ok(vg_rig_solve(result, w->used, &w->bundle, &options, w->names, &err));
    const double error = walker_error(w);
    print_message(
        "start %.1f px, end %.2f px median, noise %.2f, %lld of %lld used, farthest camera %.1f mm, cpu %.2f s\n",
        result->start_px, result->median_px, result->noise_px, (long long)result->used, (long long)result->sightings,
        1000 * error, (double)clock() / CLOCKS_PER_SEC);
}

static void check(const walker_options *o, uint32_t stream, bool start, double limit) {
    vg_rng rng = vg_test_rng(stream);
    walker w;
    walker_create(&w, o, &rng);
    vg_rig_result result;
    solve(&result, &w, start);
    assert_true(walker_error(&w) < limit);
    assert_true(result.median_px < 3 * o->noise_px);
    walker_free(&w);
}

static void a_walk_places_cameras_without_a_start(void **state) {
    (void)state;
    const walker_options o = easy();
    check(&o, 1, false, 0.01);
}

static void a_start_gone_wrong_is_replaced(void **state) {
    (void)state;
    walker_options o = easy();
    o.start_turn = 0.3, o.start_shift = 1;
    check(&o, 2, true, 0.01);
}

static void a_third_of_wrong_keypoints_and_swapped_sides_do_not_matter(void **state) {
    (void)state;
    walker_options o = easy();
    o.wrong = 0.3, o.swapped = 0.1, o.start_turn = 0.2, o.start_shift = 0.5, o.noise_px = 2;
    check(&o, 3, true, 0.03);
}

static void wide_fisheyes_are_placed(void **state) {
    (void)state;
    walker_options o = easy();
    o.lens = FISHEYE, o.radius = 2.5, o.cameras = 6, o.wrong = 0.1;
    check(&o, 4, false, 0.02);
}

static void a_narrow_arc_and_few_shared_views_do(void **state) {
    (void)state;
    walker_options o = easy();
    o.cameras = 8, o.arc = VG_PI, o.seen = 0.35, o.frames = 300, o.wrong = 0.1;
    check(&o, 5, false, 0.03);
}

static void lenses_that_are_wrong_are_found_out(void **state) {
    (void)state;
    walker_options o = easy();
    vg_rng rng = vg_test_rng(6);
    walker w;
    o.wrong = 0.1;
    walker_create(&w, &o, &rng);
    for (int32_t c = 0; c < o.cameras; c++) {
        const double factor = 1 + 0.1 * (double)vg_rng_range(&rng, -1, 1);
        w.camera[c].fx *= factor, w.camera[c].fy *= factor;
    }
    vg_rig_options options = vg_rig_options_default();
    options.lens = VG_LENS_FOCAL, options.lens_if_better = true, options.say = say;
    vg_rig_result result;
    vg_error err = {0};
    assert_ok(vg_rig_solve(&result, w.used, &w.bundle, &options, w.names, &err));
    assert_true(result.lens_refined);
    for (int32_t c = 0; c < o.cameras; c++) assert_close(w.camera[c].fx / w.truth[c].fx, 1, 0.005);
    assert_true(walker_error(&w) < 0.03);
    walker_free(&w);
    walker_create(&w, &o, &rng); /* right lenses stay as they are */
    assert_ok(vg_rig_solve(&result, w.used, &w.bundle, &options, w.names, &err));
    assert_false(result.lens_refined);
    assert_close(w.camera[0].fx, w.truth[0].fx, 0);
    walker_free(&w);
}

static void the_same_seed_gives_the_same_bytes(void **state) {
    (void)state;
    walker_options o = easy();
    o.wrong = 0.2, o.frames = 60;
    vg_camera first[VG_MAX_CAMERAS];
    for (int round = 0; round < 2; round++) {
        vg_rng rng = vg_test_rng(7);
        walker w;
        walker_create(&w, &o, &rng);
        vg_rig_result result;
        solve(&result, &w, false);
        if (round == 0)
            memcpy(first, w.camera, sizeof first);
        else
            assert_memory_equal(first, w.camera, sizeof first);
        walker_free(&w);
    }
}

/* Two pairs of cameras, each pair seeing another frame. */
static void cameras_without_shared_views_are_named(void **state) {
    (void)state;
    walker_options o = easy();
    o.cameras = 4, o.frames = 60;
    vg_rng rng = vg_test_rng(8);
    walker w;
    walker_create(&w, &o, &rng);
    int32_t kept = 0;
    for (int32_t i = 0; i < w.bundle.sightings; i++)
        if ((w.sighting[i].structure / WALKER_JOINTS) % 2 == w.sighting[i].camera % 2)
            w.sighting[kept++] = w.sighting[i];
    w.bundle.sightings = kept;
    const vg_rig_options options = vg_rig_options_default();
    vg_rig_result result;
    vg_error err = {0};
    assert_error(vg_rig_solve(&result, w.used, &w.bundle, &options, w.names, &err), VG_FAILED,
                 "cam_1 and cam_3 share no views with the rest");
    assert_non_null(strstr(err.message, "The rest: cam_0 and cam_2"));
    walker_free(&w);
}

/* The stereo pairs that a real session found: 1-2, 3-4, 3-6, and camera 5 with nobody. */
static void a_real_session_without_enough_pairs_is_told_so(void **state) {
    (void)state;
    const char *path = vg_test_shared("caliscope/not_sufficient_stereopairs/stereo_pairs.toml");
    if (!path) skip();
    vg_error err = {0};
    char *text;
    size_t size;
    assert_ok(vg_file_load(&text, &size, path, &err));
    int32_t shared[36] = {0}, pairs = 0;
    for (const char *at = text; (at = strstr(at, "[stereo_")); at++) {
        int a, b;
        assert_int_equal(sscanf(at, "[stereo_%d_%d]", &a, &b), 2);
        shared[6 * (a - 1) + b - 1] = shared[6 * (b - 1) + a - 1] = 100, pairs++;
    }
    free(text);
    assert_int_equal(pairs, 3);
    const char *const names[6] = {"cam_1", "cam_2", "cam_3", "cam_4", "cam_5", "cam_6"};
    assert_error(vg_rig_connected(shared, names, 6, 12, &err), VG_FAILED,
                 "cam_1 and cam_2 share no views with the rest");
    assert_non_null(strstr(err.message, "cam_5 shares no views with either"));
    assert_non_null(strstr(err.message, "The rest: cam_3, cam_4 and cam_6"));
}

static void a_moved_rig_sees_the_same(void **state) {
    (void)state;
    walker_options o = easy();
    o.frames = 3, o.noise_px = 0;
    vg_rng rng = vg_test_rng(9);
    walker w;
    walker_create(&w, &o, &rng);
    vg_error err = {0};
    assert_ok(vg_rig_place_points(&w.bundle, 5, &err));
    vg_similarity by = {.scale = 2.5, .move.t = {1, -2, 0.5}};
    vg_rotation_from_vector(by.move.R, (const double[3]){0.3, -1.1, 0.7});
    vg_rig_move(&w.bundle, &by);
    double *distance = malloc((size_t)w.bundle.sightings * sizeof *distance);
    vg_bundle_residuals(distance, &w.bundle);
    for (int32_t i = 0; i < w.bundle.sightings; i++)
        if (isfinite(w.point[3 * w.sighting[i].structure])) assert_close(distance[i], 0, 1e-6);
    free(distance);
    assert_true(walker_error(&w) < 1e-9); /* and the alignment finds the way back */
    walker_free(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_walk_places_cameras_without_a_start),
        cmocka_unit_test(a_start_gone_wrong_is_replaced),
        cmocka_unit_test(a_third_of_wrong_keypoints_and_swapped_sides_do_not_matter),
        cmocka_unit_test(wide_fisheyes_are_placed),
        cmocka_unit_test(a_narrow_arc_and_few_shared_views_do),
        cmocka_unit_test(lenses_that_are_wrong_are_found_out),
        cmocka_unit_test(the_same_seed_gives_the_same_bytes),
        cmocka_unit_test(cameras_without_shared_views_are_named),
        cmocka_unit_test(a_real_session_without_enough_pairs_is_told_so),
        cmocka_unit_test(a_moved_rig_sees_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
