/* Projection, its inverse and its derivatives: against OpenCV and against each other. */
#include "calibration/cv_wrap.h"
#include "tests/calibration/geometry.h"

#define POINTS 400

static void projection_equals_opencv_s(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(1);
    vg_error err = {0};
    for (int kind = 0; kind < LENS_KINDS; kind++) {
        const vg_camera camera = random_camera(&rng, (lens_kind)kind);
        static double X[POINTS][3], uv[POINTS][2];
        for (int i = 0; i < POINTS; i++) random_point(X[i], &rng);
        assert_ok(vg_cv_project(uv[0], &camera, X[0], POINTS, &err));
        for (int i = 0; i < POINTS; i++) {
            double got[2], depth;
            if (!vg_project(got, &depth, NULL, &camera, X[i])) continue;
            assert_true(depth > 0);
            for (int k = 0; k < 2; k++) assert_close(got[k], uv[i][k], 1e-8);
        }
    }
}

static void undistortion_undoes_projection(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(2);
    for (int kind = 0; kind < LENS_KINDS; kind++)
        for (int i = 0; i < POINTS; i++) {
            const vg_camera camera = random_camera(&rng, (lens_kind)kind);
            double X[3], uv[2], depth, xy[2], origin[3], ray[3], p[3];
            random_point(X, &rng);
            if (!vg_project(uv, &depth, NULL, &camera, X)) continue;
            assert_true(vg_undistort(xy, &camera, uv[0], uv[1]));
            vg_mat3_mul_vec(p, camera.R, X);
            for (int k = 0; k < 3; k++) p[k] += camera.t[k];
            assert_close(xy[0], p[0] / p[2], 1e-11);
            assert_close(xy[1], p[1] / p[2], 1e-11);
            assert_true(vg_unproject(origin, ray, &camera, uv[0], uv[1]));
            double to[3] = {X[0] - origin[0], X[1] - origin[1], X[2] - origin[2]};
            const double range = vg_norm3(to);
            for (int k = 0; k < 3; k++) assert_close(ray[k], to[k] / range, 1e-11);
        }
}

static void undistortion_equals_opencv_s(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(3);
    vg_error err = {0};
    for (int kind = 0; kind < LENS_KINDS; kind++) {
        const vg_camera camera = camera_of((lens_kind)kind);
        static double uv[POINTS][2], xy[POINTS][2];
        for (int i = 0; i < POINTS; i++)
            for (int k = 0; k < 2;
                 k++) /* a fisheye's corners look sideways, where there are no normalised coordinates */
                uv[i][k] =
                    (double)(k ? vg_rng_range(&rng, 0, 1080) : vg_rng_range(&rng, kind == FISHEYE ? 400 : 0, 1500));
        assert_ok(vg_cv_undistort(xy[0], &camera, uv[0], POINTS, &err));
        for (int i = 0; i < POINTS; i++) {
            double got[2];
            assert_true(vg_undistort(got, &camera, uv[i][0], uv[i][1]));
            for (int k = 0; k < 2; k++) assert_close(got[k], xy[i][k], kind == FISHEYE ? 1e-6 : 1e-10);
        }
    }
}

static void jacobian_equals_differences(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(4);
    for (int kind = 0; kind < LENS_KINDS; kind++)
        for (int i = 0; i < POINTS; i++) {
            const vg_camera camera = random_camera(&rng, (lens_kind)kind);
            double X[3], uv[2], J[6];
            random_point(X, &rng);
            if (!vg_project(uv, NULL, J, &camera, X)) continue;
            for (int k = 0; k < 3; k++) {
                double a[2], b[2], low[3] = {X[0], X[1], X[2]}, high[3] = {X[0], X[1], X[2]};
                low[k] -= 1e-5, high[k] += 1e-5;
                vg_project(a, NULL, NULL, &camera, low), vg_project(b, NULL, NULL, &camera, high);
                for (int r = 0; r < 2; r++) assert_close(J[3 * r + k], (b[r] - a[r]) / 2e-5, 1e-3);
            }
        }
}

static void points_behind_are_flagged(void **state) {
    (void)state;
    for (int kind = 0; kind < FISHEYE; kind++) {
        vg_camera camera = camera_of((lens_kind)kind);
        place_camera(&camera, (double[3]){0, 0, 1}, (double[3]){5, 0, 1});
        double uv[2], depth;
        assert_false(vg_project(uv, &depth, NULL, &camera, (double[3]){-5, 0.1, 1}));
        assert_close(depth, -5, 1e-12);
        assert_true(isnan(uv[0]) && isnan(uv[1]));
        assert_true(vg_project(uv, &depth, NULL, &camera, (double[3]){5, 0.1, 1}));
    }
}

static void a_fisheye_sees_beside_itself(void **state) {
    (void)state;
    vg_camera camera = camera_of(FISHEYE);
    place_camera(&camera, (double[3]){0, 0, 0}, (double[3]){1, 0, 0});
    double uv[2], depth, origin[3], ray[3], xy[2];
    const double X[3] = {-0.1, 2, 0.3};
    assert_true(vg_project(uv, &depth, NULL, &camera, X));
    assert_true(depth < 0);
    assert_true(vg_unproject(origin, ray, &camera, uv[0], uv[1]));
    for (int k = 0; k < 3; k++) assert_close(ray[k] * vg_norm3(X), X[k], 1e-11);
    assert_false(vg_undistort(xy, &camera, uv[0], uv[1]));
    assert_true(isnan(xy[0]));
}

static void pixels_beyond_the_valid_radius_have_no_ray(void **state) {
    (void)state;
    vg_camera camera = camera_of(IDEAL);
    assert_true(isinf(vg_lens_limit(&camera)));
    camera.distortion[0] = -0.4; /* r (1 - 0.4 r^2) turns back at r^2 = 1 / 1.2 */
    const double limit = sqrt(1 / 1.2), edge = limit * (1 - 0.4 * limit * limit);
    assert_close(vg_lens_limit(&camera), limit, 1e-9);
    double xy[2];
    assert_true(vg_undistort(xy, &camera, camera.cx + camera.fx * edge * 0.9999, camera.cy));
    assert_close(xy[0], limit, 0.02);
    assert_false(vg_undistort(xy, &camera, camera.cx + camera.fx * edge * 1.0001, camera.cy));
    assert_true(isnan(xy[0]) && isnan(xy[1]));
    double uv[2];
    place_camera(&camera, (double[3]){0, 0, 0}, (double[3]){1, 0, 0});
    assert_true(vg_project(uv, NULL, NULL, &camera, (double[3]){1, 0.9, 0}));
    assert_false(vg_project(uv, NULL, NULL, &camera, (double[3]){1, 0.95, 0}));
}

static void the_optical_axis_is_smooth(void **state) {
    (void)state;
    for (int kind = 0; kind < LENS_KINDS; kind++) {
        vg_camera camera = camera_of((lens_kind)kind);
        place_camera(&camera, (double[3]){0, 0, 0}, (double[3]){1, 0, 0});
        double uv[2], J[6], near[2], K[6], xy[2];
        assert_true(vg_project(uv, NULL, J, &camera, (double[3]){2, 0, 0}));
        assert_true(vg_project(near, NULL, K, &camera, (double[3]){2, 1e-7, -1e-7}));
        assert_close(uv[0], camera.cx, 1e-9);
        assert_close(uv[1], camera.cy, 1e-9);
        for (int k = 0; k < 6; k++) assert_close(J[k], K[k], 1e-3);
        assert_true(vg_undistort(xy, &camera, camera.cx, camera.cy));
        assert_close(xy[0], 0, 1e-12);
    }
}

/* What two cameras see of one point lies on each other's epipolar lines; beside it, the slope tells how fast that changes,
 * and a point moved back along the slope lies on it again. */
static void epipolar_distances_are_zero_for_one_point(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(12);
    for (int i = 0; i < POINTS; i++) {
        const vg_camera a = random_camera(&rng, (lens_kind)0), b = random_camera(&rng, (lens_kind)0);
        double E[9], X[3], p[3], q[3], slope[2], moved[2];
        vg_epipolar_matrix(E, &a, &b);
        random_point(X, &rng);
        vg_mat3_mul_vec(p, a.R, X), vg_mat3_mul_vec(q, b.R, X);
        for (int k = 0; k < 3; k++) p[k] += a.t[k], q[k] += b.t[k];
        if (fabs(p[2]) < 0.1 || fabs(q[2]) < 0.1) continue;
        const double x = p[0] / p[2], y = p[1] / p[2], u = q[0] / q[2], v = q[1] / q[2];
        assert_close(vg_epipolar_distance(slope, E, x, y, u, v), 0, 1e-9 * (1 + fabs(u) + fabs(v)));
        const double by[2] = {1e-6 * (double)vg_rng_range(&rng, -1, 1), 1e-6 * (double)vg_rng_range(&rng, -1, 1)};
        const double d = vg_epipolar_distance(moved, E, x, y, u + by[0], v + by[1]);
        assert_close(d, slope[0] * by[0] + slope[1] * by[1], 1e-9 * (1 + fabs(u) + fabs(v)));
        assert_true(hypot(slope[0], slope[1]) <= 1 + 1e-12); /* both cameras share the blame */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(projection_equals_opencv_s),
        cmocka_unit_test(undistortion_undoes_projection),
        cmocka_unit_test(undistortion_equals_opencv_s),
        cmocka_unit_test(jacobian_equals_differences),
        cmocka_unit_test(points_behind_are_flagged),
        cmocka_unit_test(a_fisheye_sees_beside_itself),
        cmocka_unit_test(pixels_beyond_the_valid_radius_have_no_ray),
        cmocka_unit_test(the_optical_axis_is_smooth),
        cmocka_unit_test(epipolar_distances_are_zero_for_one_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
