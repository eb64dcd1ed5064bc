/* Rigs placed from sightings: bad starts, wrong identities, outliers, wide lenses, few shared views. */
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_walk_places_cameras_without_a_start),
        cmocka_unit_test(a_start_gone_wrong_is_replaced),
        cmocka_unit_test(a_third_of_wrong_keypoints_and_swapped_sides_do_not_matter),
        cmocka_unit_test(wide_fisheyes_are_placed),
        cmocka_unit_test(a_narrow_arc_and_few_shared_views_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
