/* Poses from few points, and from many of which a part is wrong. */
#include "calibration/minimal.h"
#include "tests/calibration/geometry.h"

#include <math.h>

static vg_rigid random_pose(vg_rng *rng) {
    vg_rigid pose;
    double w[3];
    for (int k = 0; k < 3; k++)
        w[k] = (double)vg_rng_range(rng, -1.5f, 1.5f), pose.t[k] = (double)vg_rng_range(rng, -1, 1);
    pose.t[2] += 6;
    vg_rotation_from_vector(pose.R, w);
    return pose;
}

static double pose_error(const vg_rigid *a, const vg_rigid *b) {
    double sum = 0;
    for (int k = 0; k < 9; k++) sum += fabs(a->R[k] - b->R[k]);
    for (int k = 0; k < 3; k++) sum += fabs(a->t[k] - b->t[k]);
    return sum;
}

static void direction(double f[3], const vg_rigid *pose, const double X[3]) {
    vg_rigid_apply(f, pose, X);
    const double norm = vg_norm3(f);
    for (int k = 0; k < 3; k++) f[k] /= norm;
}

static void three_points_give_the_pose(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(1);
    int found = 0;
    enum { ROUNDS = 1000 };
    for (int round = 0; round < ROUNDS; round++) {
        const vg_rigid truth = random_pose(&rng);
        double X[9], f[9], best = (double)INFINITY;
        for (int i = 0; i < 3; i++) random_point(X + 3 * i, &rng), direction(f + 3 * i, &truth, X + 3 * i);
        vg_rigid poses[VG_P3P_MAX];
        const int32_t n = vg_pose_of_three(poses, X, f);
        for (int32_t i = 0; i < n; i++) best = fmin(best, pose_error(poses + i, &truth));
        found += best < 1e-4;
    }
    assert_true(found >= 0.99 * ROUNDS); /* the rest: double roots */
}

static void five_pairs_give_the_essential_matrix(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(2);
    int found = 0;
    enum { ROUNDS = 300 };
    for (int round = 0; round < ROUNDS; round++) {
        const vg_rigid one = random_pose(&rng), two = random_pose(&rng), inverse = vg_rigid_inverse(&one);
        const vg_rigid between = vg_rigid_compose(&two, &inverse);
        const double *t = between.t, tx[9] = {0, -t[2], t[1], t[2], 0, -t[0], -t[1], t[0], 0};
        double f0[15], f1[15], truth[9], E[VG_FIVEPOINT_MAX][9], best = (double)INFINITY;
        vg_mat3_mul(truth, tx, between.R);
        const double norm = sqrt(2 * vg_dot3(t, t));
        const bool plane = round % 3 == 0;
        for (int i = 0; i < 5; i++) {
            double X[3];
            random_point(X, &rng);
            if (plane) X[2] = 0.3 * X[0];
            direction(f0 + 3 * i, &one, X), direction(f1 + 3 * i, &two, X);
        }
        const int32_t n = vg_essential_of_five(E, f0, f1);
        for (int32_t e = 0; e < n; e++)
            for (int sign = -1; sign < 2; sign += 2) {
                double off = 0;
                for (int k = 0; k < 9; k++) off = fmax(off, fabs(sign * E[e][k] - truth[k] / norm));
                best = fmin(best, off);
            }
        found += best < 1e-5;
    }
    assert_true(found >= 0.98 * ROUNDS);
}

enum { POINTS = 200 };

static void a_camera_is_found_among_wrong_points(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(3);
    for (int round = 0; round < 20; round++) {
        const vg_rigid truth = random_pose(&rng);
        double X[3 * POINTS], f[3 * POINTS];
        bool inlier[POINTS];
        int wrong = 0;
        for (int i = 0; i < POINTS; i++) {
            double seen[3];
            random_point(X + 3 * i, &rng);
            if (round % 2) X[3 * i + 2] = 0; /* a floor */
            memcpy(seen, X + 3 * i, sizeof seen);
            if (vg_rng_below(&rng, 2) == 0) random_point(seen, &rng), wrong++;
            direction(f + 3 * i, &truth, seen);
        }
        vg_rigid pose;
        const vg_ransac ransac = {.threshold = 0.002, .trials = 500, .seed = 1, .stream = (uint32_t)round};
        const int32_t n = vg_resect(&pose, inlier, X, f, POINTS, &ransac);
        assert_true(n >= POINTS - wrong && n < POINTS - wrong + 8);
        assert_close(pose_error(&pose, &truth), 0, 1e-3);
    }
}

static void two_cameras_are_related_among_wrong_pairs(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(4);
    for (int round = 0; round < 20; round++) {
        const vg_rigid one = random_pose(&rng), two = random_pose(&rng), inverse = vg_rigid_inverse(&one);
        vg_rigid between = vg_rigid_compose(&two, &inverse), pose;
        const double length = vg_norm3(between.t);
        for (int k = 0; k < 3; k++) between.t[k] /= length;
        double f0[3 * POINTS], f1[3 * POINTS], parallax;
        bool inlier[POINTS];
        int wrong = 0;
        for (int i = 0; i < POINTS; i++) {
            double X[3];
            random_point(X, &rng);
            direction(f0 + 3 * i, &one, X);
            if (vg_rng_below(&rng, 10) < 4) random_point(X, &rng), wrong++;
            direction(f1 + 3 * i, &two, X);
        }
        const vg_ransac ransac = {.threshold = 0.001, .trials = 1000, .seed = 1, .stream = (uint32_t)round};
        const int32_t n = vg_relate(&pose, inlier, &parallax, f0, f1, POINTS, &ransac);
        assert_true(n >= POINTS - wrong);
        assert_close(pose_error(&pose, &between), 0, 1e-3);
        assert_true(parallax > 0.02);
    }
}

static void points_in_a_line_give_no_pose(void **state) {
    (void)state;
    const double X[9] = {0, 0, 5, 1, 0, 5, 2, 0, 5};
    double f[9];
    const vg_rigid truth = {{1, 0, 0, 0, 1, 0, 0, 0, 1}, {0, 0, 0}};
    for (int i = 0; i < 3; i++) direction(f + 3 * i, &truth, X + 3 * i);
    vg_rigid poses[VG_P3P_MAX];
    assert_int_equal(vg_pose_of_three(poses, X, f), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_points_give_the_pose),
        cmocka_unit_test(five_pairs_give_the_essential_matrix),
        cmocka_unit_test(a_camera_is_found_among_wrong_points),
        cmocka_unit_test(two_cameras_are_related_among_wrong_pairs),
        cmocka_unit_test(points_in_a_line_give_no_pose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
