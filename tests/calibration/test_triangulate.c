/* Points from several views: against OpenCV (two views), LAPACKE (more), the plain twin, and the statistics they claim. */
#include "calibration/cv_wrap.h"
#include "tests/calibration/geometry.h"

#include <stdlib.h>

#define POINTS 40 /* a multiple of VG_LANES */
#define BLOCKS (POINTS / VG_LANES)
#define VIEWS  6

/* What V cameras see of POINTS points. */
typedef struct shot {
    vg_camera cameras[VIEWS];
    vg_view views[VIEWS];
    double X[POINTS][3];
    alignas(64) double u[VIEWS][POINTS], v[VIEWS][POINTS], w[VIEWS][POINTS];
    double x[VIEWS][POINTS], y[VIEWS][POINTS], P[VIEWS][12]; /* normalised */
} shot;

static void take_shot(shot *s, vg_rng *rng, lens_kind kind, double noise_px, bool weights) {
    for (int i = 0; i < POINTS; i++) random_point(s->X[i], rng);
    for (int c = 0; c < VIEWS; c++) {
        s->cameras[c] = random_camera(rng, kind);
        vg_view_init(s->views + c, s->cameras + c);
        vg_camera_matrix(s->P[c], s->cameras + c);
        for (int i = 0; i < POINTS; i++) {
            double uv[2], xy[2];
            const bool seen = vg_project(uv, NULL, NULL, s->cameras + c, s->X[i]);
            s->w[c][i] = weights ? (double)vg_rng_range(rng, 0.3f, 1) : 1;
            s->u[c][i] = uv[0] + noise_px / sqrt(s->w[c][i]) * (double)vg_rng_normal(rng);
            s->v[c][i] = uv[1] + noise_px / sqrt(s->w[c][i]) * (double)vg_rng_normal(rng);
            if (!seen || !vg_undistort(xy, s->cameras + c, s->u[c][i], s->v[c][i])) s->w[c][i] = xy[0] = xy[1] = 0;
            s->x[c][i] = xy[0], s->y[c][i] = xy[1];
        }
    }
}

/* The largest angle between two of a point's rays, in radians: what decides how well it is determined. */
static double widest_angle(const shot *s, int view_count, int i) {
    double widest = 0;
    for (int a = 0; a < view_count; a++)
        for (int b = 0; b < a; b++) {
            double o[3], p[3], q[3], n[3];
            if (!(s->w[a][i] > 0 && s->w[b][i] > 0)) continue;
            vg_unproject(o, p, s->cameras + a, s->u[a][i], s->v[a][i]);
            vg_unproject(o, q, s->cameras + b, s->u[b][i], s->v[b][i]);
            vg_cross3(n, p, q);
            widest = fmax(widest, asin(fmin(1, vg_norm3(n))));
        }
    return widest;
}

static void two_views_equal_opencv(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(1);
    vg_error err = {0};
    for (int trial = 0; trial < 100; trial++) {
        static shot s;
        take_shot(&s, &rng, IDEAL, trial % 2 ? 3 : 0, false);
        double xy[2][POINTS][2], cv[POINTS][3], X[3][POINTS];
        for (int c = 0; c < 2; c++)
            for (int i = 0; i < POINTS; i++) xy[c][i][0] = s.x[c][i], xy[c][i][1] = s.y[c][i];
        assert_ok(vg_cv_triangulate(cv[0], s.P[0], s.P[1], xy[0][0], xy[1][0], POINTS, &err));
        vg_triangulate_dlt(X[0], s.P[0], s.x[0], s.y[0], s.w[0], 2, POINTS);
        for (int i = 0; i < POINTS; i++) {
            if (!(widest_angle(&s, 2, i) > 0.1)) continue;
            for (int k = 0; k < 3; k++) assert_close(X[k][i], cv[i][k], 1e-6);
            for (int k = 0; trial % 2 == 0 && k < 3; k++) assert_close(X[k][i], s.X[i][k], 1e-9);
        }
    }
}

static void more_views_equal_lapack(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(2);
    for (int trial = 0; trial < 200; trial++) {
        static shot s;
        double X[3 * POINTS], ref[3 * POINTS];
        const int n = 1 + (int)vg_rng_below(&rng, POINTS);
        take_shot(&s, &rng, IDEAL, trial % 2 ? 4 : 0, true);
        for (int c = 0; c < VIEWS; c++)
            for (int i = 0; i < POINTS; i++)
                if (vg_rng_below(&rng, 4) == 0) s.w[c][i] = 0;
        double angle[POINTS];
        for (int i = 0; i < n; i++) angle[i] = widest_angle(&s, VIEWS, i);
        /* rows of n, so that every tail length is met */
        for (int c = 1; c < VIEWS; c++) {
            memmove((double *)s.x + c * n, s.x[c], sizeof(double) * (size_t)n);
            memmove((double *)s.y + c * n, s.y[c], sizeof(double) * (size_t)n);
            memmove((double *)s.w + c * n, s.w[c], sizeof(double) * (size_t)n);
        }
        vg_triangulate_dlt(X, s.P[0], s.x[0], s.y[0], s.w[0], VIEWS, n);
        vg_triangulate_dlt_ref(ref, s.P[0], s.x[0], s.y[0], s.w[0], VIEWS, n);
        for (int j = 0; j < 3 * n; j++) {
            assert_int_equal(isnan(X[j]) != 0, isnan(ref[j]) != 0);
            if (angle[j % n] > 0.1) assert_close(X[j], ref[j], 1e-6);
            if (angle[j % n] > 0.1 && trial % 2 == 0) assert_close(X[j], ref[j], 1e-9);
        }
    }
}

static void the_kernel_equals_its_plain_twin(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(3);
    for (int trial = 0; trial < 80; trial++) {
        static shot s;
        vg_solved8 out[BLOCKS];
        vg_triangulate_options options = vg_triangulate_options_default();
        options.steps = trial % 3, options.sigma = 1.5, options.min_views = 2 + trial % 2;
        options.robust = trial % 5 == 4 ? 3 : 0;
        take_shot(&s, &rng, (lens_kind)(trial % LENS_KINDS), 2, true);
        for (int c = 0; c < VIEWS; c++)
            for (int i = 0; i < POINTS; i++)
                if (vg_rng_below(&rng, 3) == 0) s.w[c][i] = 0, s.u[c][i] = (double)NAN;
        vg_triangulate(out, s.views, s.u[0], s.v[0], s.w[0], VIEWS, BLOCKS, &options);
        for (int i = 0; i < POINTS; i++) {
            double u[VIEWS], v[VIEWS], w[VIEWS], X[3], covariance[6], reprojection;
            int32_t used;
            for (int c = 0; c < VIEWS; c++) u[c] = s.u[c][i], v[c] = s.v[c][i], w[c] = s.w[c][i];
            vg_triangulate_ref(X, covariance, &reprojection, &used, s.cameras, u, v, w, VIEWS, &options);
            const vg_solved8 *got = out + i / VG_LANES;
            const int lane = i % VG_LANES;
            assert_int_equal((int)got->views[lane], used);
            const bool thin = used >= 2 && !(widest_angle(&s, VIEWS, i) > 0.1);
            if (thin) continue; /* nearly parallel rays: both are beyond what the data says */
            assert_int_equal(isnan(got->x[0][lane]) != 0, isnan(X[0]) != 0);
            if (isnan(X[0])) {
                assert_true(isnan(got->covariance[3][lane]) && isnan(got->reprojection[lane]));
                continue;
            }
            for (int k = 0; k < 3; k++) assert_close(got->x[k][lane], X[k], 1e-6);
            for (int k = 0; k < 6; k++) assert_close(got->covariance[k][lane], covariance[k], 1e-8);
            assert_close(got->reprojection[lane], reprojection, 1e-3);
        }
    }
}

static void noise_free_points_come_back_through_every_lens(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(4);
    for (int trial = 0; trial < 40; trial++) {
        static shot s;
        vg_solved8 out[BLOCKS];
        const vg_triangulate_options options = vg_triangulate_options_default();
        take_shot(&s, &rng, (lens_kind)(trial % LENS_KINDS), 0, false);
        vg_triangulate(out, s.views, s.u[0], s.v[0], s.w[0], VIEWS, BLOCKS, &options);
        for (int i = 0; i < POINTS; i++) {
            if (out[i / VG_LANES].views[i % VG_LANES] < 3) continue;
            for (int k = 0; k < 3; k++) assert_close(out[i / VG_LANES].x[k][i % VG_LANES], s.X[i][k], 1e-9);
            assert_close(out[i / VG_LANES].reprojection[i % VG_LANES], 0, 1e-6);
        }
    }
}

static void a_point_behind_a_camera_is_lost(void **state) {
    (void)state;
    vg_camera cameras[2];
    vg_view views[2];
    alignas(64) double u[2][VG_LANES] = {0}, v[2][VG_LANES] = {0}, w[2][VG_LANES] = {0};
    for (int c = 0; c < 2; c++) {
        cameras[c] = camera_of(IDEAL);
        place_camera(cameras + c, (double[3]){0, c ? 1 : -1, 1},
                     (double[3]){5, c ? 3 : -3, 1}); /* rays part in front */
        vg_view_init(views + c, cameras + c);
        u[c][0] = cameras[c].cx, v[c][0] = cameras[c].cy, w[c][0] = 1;
    }
    vg_solved8 out;
    vg_triangulate_options options = vg_triangulate_options_default();
    vg_triangulate(&out, views, u[0], v[0], w[0], 2, 1, &options);
    assert_true(isnan(out.x[0][0]));
    options.cheirality = false;
    vg_triangulate(&out, views, u[0], v[0], w[0], 2, 1, &options);
    assert_close(out.x[0][0], -2.5, 1e-9);
    assert_true(isnan(out.x[0][1]));
    assert_close(out.views[1], 0, 0);
}

/* Normalised error squared of n points with 3 degrees of freedom: its mean lies within 3 +- 4 sqrt(6 / n). */
static void covariance_is_honest(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(5);
    for (int kind = 0; kind < LENS_KINDS; kind++) {
        double sum = 0;
        int n = 0, inside = 0;
        for (int trial = 0; trial < 150; trial++) {
            static shot s;
            vg_solved8 out[BLOCKS];
            vg_triangulate_options options = vg_triangulate_options_default();
            options.sigma = 2;
            take_shot(&s, &rng, (lens_kind)kind, 2, true);
            vg_triangulate(out, s.views, s.u[0], s.v[0], s.w[0], VIEWS, BLOCKS, &options);
            for (int i = 0; i < POINTS; i++) {
                const vg_solved8 *o = out + i / VG_LANES;
                const int l = i % VG_LANES;
                if (o->views[l] < VIEWS) continue;
                const double C[9] = {o->covariance[0][l], o->covariance[1][l], o->covariance[2][l],
                                     o->covariance[1][l], o->covariance[3][l], o->covariance[4][l],
                                     o->covariance[2][l], o->covariance[4][l], o->covariance[5][l]};
                const double det = vg_mat3_det(C);
                double e[3], rows[3][3], nees = 0;
                for (int k = 0; k < 3; k++) e[k] = o->x[k][l] - s.X[i][k];
                for (int k = 0; k < 3; k++) vg_cross3(rows[k], C + 3 * ((k + 1) % 3), C + 3 * ((k + 2) % 3));
                for (int k = 0; k < 3; k++) nees += e[k] * vg_dot3(rows[k], e) / det;
                sum += nees, n++;
                inside += nees < 7.815; /* the 95 % quantile */
            }
        }
        assert_true(n > 1000);
        assert_close(sum / n, 3, 4 * sqrt(6.0 / n));
        assert_close((double)inside / n, 0.95, 4 * sqrt(0.95 * 0.05 / n));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_views_equal_opencv),
        cmocka_unit_test(more_views_equal_lapack),
        cmocka_unit_test(the_kernel_equals_its_plain_twin),
        cmocka_unit_test(noise_free_points_come_back_through_every_lens),
        cmocka_unit_test(a_point_behind_a_camera_is_lost),
        cmocka_unit_test(covariance_is_honest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
