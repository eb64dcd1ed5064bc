/* Lengths, the floor under feet, worlds from boards and floors, and cameras among scene points. */
#include "calibration/rig_checks.h"
#include "calibration/scene.h"
#include "tests/calibration/simulated.h"
#include "tests/calibration/walker.h"

#include <math.h>

/* A walk placed exactly, in a world that is turned and shifted; tracks as the checks want them. */
static void walk(vg_tracks *t, walker *w, const vg_similarity *by, double noise, vg_rng *rng) {
    walker_options o = {.cameras = 4, .frames = 150, .lens = MILD, .seen = 1, .radius = 5, .arc = 2 * VG_PI};
    walker_create(w, &o, rng);
    vg_error err = {0};
    assert_ok(vg_rig_place_points(&w->bundle, 5, &err));
    for (int32_t i = 0; i < 3 * w->bundle.structures; i++) w->point[i] += noise * normal(rng);
    vg_rig_move(&w->bundle, by);
    *t = (vg_tracks){.bundle = w->bundle};
    t->frame = calloc((size_t)w->bundle.structures, sizeof *t->frame);
    t->person = calloc((size_t)w->bundle.structures, sizeof *t->person);
    t->point = calloc((size_t)w->bundle.structures, sizeof *t->point);
    for (int32_t k = 0; k < w->bundle.structures; k++) t->frame[k] = k / WALKER_JOINTS, t->point[k] = k % WALKER_JOINTS;
}

static void walk_free(vg_tracks *t, walker *w) {
    free(t->frame), free(t->person), free(t->point);
    walker_free(w);
}

static const int32_t feet[2] = {13, 14};      /* 2 cm above the floor */
static const int32_t trunk[4] = {1, 2, 7, 8}; /* shoulders and hips */

static void feet_tell_where_the_floor_is(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(1);
    vg_error err = {0};
    vg_similarity by = {.scale = 1, .move.t = {3, 1, -2}};
    vg_rotation_from_vector(by.move.R, (const double[3]){1.2, 0.4, -0.6});
    vg_tracks t;
    walker w;
    walk(&t, &w, &by, 0.01, &rng);
    const vg_floor_points which = {.foot = feet, .feet = 2, .trunk = trunk, .trunks = 4, .foot_height = 0.02};
    vg_floor ground;
    assert_ok(vg_floor_from_feet(&ground, &t, &which, &err));
    const double up[3] = {by.move.R[2], by.move.R[5], by.move.R[8]};
    assert_true(acos(fmin(1, vg_dot3(ground.normal, up))) < 0.01);
    const vg_similarity world = vg_floor_world(&ground, w.camera);
    vg_rig_move(&w.bundle, &world);
    double low = 0;
    int32_t n = 0;
    for (int32_t k = 13; k < w.bundle.structures; k += WALKER_JOINTS)
        if (isfinite(w.point[3 * k])) low += w.point[3 * k + 2], n++;
    assert_close(low / n, 0.02, 0.01);
    assert_close(w.camera[0].R[6], 0, 1e-9); /* the first camera looks along +y */
    assert_true(w.camera[0].R[7] > 0);
    assert_true(ground.tilt_sd < 0.03);
    const vg_floor_points none = {.trunk = trunk, .trunks = 4};
    assert_error(vg_floor_from_feet(&ground, &t, &none, &err), VG_FAILED, "0 foot positions");
    walk_free(&t, &w);
}

/* Somebody walks a straight line to and fro; the detector sets toes 2 cm above heels, and one side 1 cm too high. */
static void across_a_line_walked_the_body_tells_the_floor(void **state) {
    (void)state;
    enum { FRAMES = 200, POINTS = 6 }; /* two heels, two toes, a hip, a shoulder */
    vg_rng rng = vg_test_rng(7);
    vg_error err = {0};
    static double point[FRAMES * POINTS * 3];
    static int64_t frame[FRAMES * POINTS];
    static int32_t person[FRAMES * POINTS], name[FRAMES * POINTS];
    double R[9];
    vg_rotation_from_vector(R, (const double[3]){0.5, -1.1, 0.3});
    for (int32_t i = 0; i < FRAMES * POINTS; i++) {
        const int32_t f = i / POINTS, p = i % POINTS, side = p % 2 ? 1 : -1;
        const double s = 0.05 * f, swing = fmax(0, side * sin(4 * s));
        const double body[3] = {0, 1.5 * sin(0.3 * s), p == 4 ? 0.95 : 1.4};
        double X[3] = {0.1 * side, body[1] + 0.2 * (p / 2) + 0.25 * sin(4 * s) * side,
                       0.03 + 0.02 * (p / 2) + 0.01 * (side > 0) + 0.12 * swing};
        if (p >= 4) memcpy(X, body, sizeof X);
        for (int k = 0; k < 3; k++) X[k] += 0.01 * normal(&rng);
        vg_mat3_mul_vec(point + 3 * i, R, X);
        frame[i] = f, name[i] = p;
    }
    const vg_tracks t = {
        .bundle = {.point = point, .structures = FRAMES * POINTS}, .frame = frame, .person = person, .point = name};
    const vg_floor_points which = {.foot = (const int32_t[]){0, 1, 2, 3},
                                   .feet = 4,
                                   .trunk = (const int32_t[]){4, 5},
                                   .trunks = 2,
                                   .foot_height = 0.03};
    vg_floor ground;
    assert_ok(vg_floor_from_feet(&ground, &t, &which, &err));
    const double up[3] = {R[2], R[5], R[8]}, off = acos(fmin(1, vg_dot3(up, ground.normal)));
    assert_true(ground.tilt_sd > 0.04 && ground.tilt_sd < 0.08); /* it knows that it hardly knows */
    if (!(off < 0.08)) fail_msg("the floor is tilted by %.3f, of which it says %.3f", off, ground.tilt_sd);
}

static void lengths_are_medians_of_what_was_placed(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(2);
    vg_error err = {0};
    const vg_similarity twice = {2, {{1, 0, 0, 0, 1, 0, 0, 0, 1}, {0}}};
    vg_tracks t;
    walker w;
    walk(&t, &w, &twice, 0.003, &rng);
    vg_length_check check;
    assert_ok(vg_check_length(&check, &t, 1, 2, &err)); /* shoulders: 0.36 m, and the swing of the arms */
    double a[3], b[3];
    walker_joint(a, 1, 0), walker_joint(b, 2, 0);
    assert_true(check.count > 100);
    assert_true(check.median > 2 * 0.36 && check.median < 2 * 0.65);
    assert_ok(vg_check_length(&check, &t, 1, 99, &err));
    assert_int_equal(check.count, 0);
    walk_free(&t, &w);
}

static void a_board_on_the_floor_gives_the_world(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(3);
    simulated s;
    sim_boards(&s, &rng, 4, 1, IDEAL, 1, 0);
    for (int turned = 0; turned < 2; turned++) {
        vg_rotation_from_vector(s.bundle.board->R, (const double[3]){turned ? VG_PI : 0, 0, 0});
        const vg_similarity world = vg_board_world(s.bundle.board, s.camera, 4);
        double origin[3], x[3];
        vg_rigid_apply(origin, &world.move, s.bundle.board->t);
        assert_close(vg_norm3(origin), 0, 1e-12);
        const double board_x[3] = {s.bundle.board->R[0], s.bundle.board->R[3], s.bundle.board->R[6]};
        vg_mat3_mul_vec(x, world.move.R, board_x);
        assert_close(x[0], 1, 1e-12);
        vg_rig_move(&s.bundle, &world);
        for (int c = 0; c < 4; c++) { /* cameras are above the board */
            double place[3];
            vg_mat3_t_mul_vec(place, s.camera[c].R, s.camera[c].t);
            assert_true(-place[2] > -0.5);
        }
    }
    sim_free(&s);
}

static void scene_points_place_cameras_and_check_them(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(4);
    vg_error err = {0};
    simulated s;
    sim_points(&s, &rng, 4, 12, MILD, 1, 0.5);
    vg_camera truth[4];
    memcpy(truth, s.camera, sizeof truth);
    for (int32_t i = 0; i < s.bundle.sightings; i++) s.sighting[i].weight = 1;
    s.sighting[0].u += 200; /* a slip of the hand */
    for (int c = 0; c < 4; c++)
        memset(s.camera[c].R, 0, sizeof s.camera[c].R), memset(s.camera[c].t, 0, sizeof s.camera[c].t);
    bool used[64];
    const char *const names[4] = {"a", "b", "c", "d"};
    const vg_scene_options options = {.threshold_px = 10, .seed = 1};
    vg_scene_result result;
    assert_ok(vg_scene_solve(&result, used, &s.bundle, &options, names, &err));
    assert_false(used[0]);
    assert_int_equal(result.used, s.bundle.sightings - 1);
    assert_true(result.rms_px < 1);
    assert_true(result.checked >= 8 && result.check_mean < 0.02 && result.check_worst < 0.06);
    for (int c = 0; c < 4; c++)
        for (int k = 0; k < 3; k++) assert_close(s.camera[c].t[k], truth[c].t[k], 0.05);
    for (int32_t i = 0; i < s.bundle.sightings; i++)
        if (s.sighting[i].camera == 2) s.sighting[i].weight = 0;
    assert_error(vg_scene_solve(&result, used, &s.bundle, &options, names, &err), VG_FAILED,
                 "camera c: 0 scene points");
    sim_free(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(feet_tell_where_the_floor_is),
        cmocka_unit_test(across_a_line_walked_the_body_tells_the_floor),
        cmocka_unit_test(lengths_are_medians_of_what_was_placed),
        cmocka_unit_test(a_board_on_the_floor_gives_the_world),
        cmocka_unit_test(scene_points_place_cameras_and_check_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
