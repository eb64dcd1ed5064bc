/* Views that agree, with some that do not. */
#include "tests/calibration/geometry.h"

#include <stdlib.h>

#define POINTS 37

typedef struct scene {
    vg_camera cameras[VG_MAX_CAMERAS];
    double X[POINTS][3];
    double u[VG_MAX_CAMERAS * POINTS], v[VG_MAX_CAMERAS * POINTS], w[VG_MAX_CAMERAS * POINTS]; /* [V, POINTS] */
    vg_consensus_point out[POINTS];
} scene;

static void look(scene *s, vg_rng *rng, int views, lens_kind kind, double noise) {
    for (int i = 0; i < POINTS; i++)
        for (int k = 0; k < 3; k++) s->X[i][k] = (double)vg_rng_range(rng, k == 2 ? 0.5f : -0.5f, k == 2 ? 1.5f : 0.5f);
    for (int c = 0; c < views; c++) {
        const double angle = 2 * VG_PI * c / views + 0.3, from[3] = {5 * cos(angle), 5 * sin(angle), 1 + 0.5 * (c % 4)};
        s->cameras[c] = camera_of(kind);
        place_camera(s->cameras + c, from, (double[3]){0, 0, 1});
        for (int i = 0; i < POINTS; i++) {
            double uv[2];
            assert_true(vg_project(uv, NULL, NULL, s->cameras + c, s->X[i]));
            s->u[c * POINTS + i] = uv[0] + noise * (double)vg_rng_normal(rng);
            s->v[c * POINTS + i] = uv[1] + noise * (double)vg_rng_normal(rng);
            s->w[c * POINTS + i] = (double)vg_rng_range(rng, 0.4f, 1);
        }
    }
}

static double error_of(const scene *s, int i) {
    const double e[3] = {s->out[i].x[0] - s->X[i][0], s->out[i].x[1] - s->X[i][1], s->out[i].x[2] - s->X[i][2]};
    return vg_norm3(e);
}

static void wrong_views_are_left_out(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(1);
    static scene s;
    const vg_consensus_options options = vg_consensus_options_default();
    for (int trial = 0; trial < 60; trial++) {
        const int views = 4 + trial % 13, wrong = views > 8 ? 4 : views > 5 ? 2 : 1; /* both ways of searching */
        uint32_t bad[POINTS] = {0};
        look(&s, &rng, views, (lens_kind)(trial % LENS_KINDS), 1);
        for (int i = 0; i < POINTS; i++)
            while (__builtin_popcount(bad[i]) < wrong) {
                const uint32_t c = vg_rng_below(&rng, (uint32_t)views);
                if (bad[i] >> c & 1) continue;
                bad[i] |= 1u << c;
                const double angle = 2 * VG_PI * (double)vg_rng_uniform(&rng);
                s.u[c * POINTS + (uint32_t)i] += 150 * cos(angle), s.v[c * POINTS + (uint32_t)i] += 150 * sin(angle);
            }
        vg_triangulate_consensus(s.out, s.cameras, s.u, s.v, s.w, views, POINTS, &options);
        int clean = 0;
        for (int i = 0; i < POINTS; i++) {
            assert_true(s.out[i].views != 0);
            const bool left_out = !(s.out[i].views & bad[i]);
            clean += left_out;
            assert_int_equal(s.out[i].removed, views - __builtin_popcount(s.out[i].views));
            if (left_out) assert_true(error_of(&s, i) < 0.06);
            assert_true(s.out[i].covariance[0] > 0);
        }
        assert_true(clean >= POINTS * 4 / 5); /* a wrong pixel may happen to lie along the others' epipolar lines */
    }
}

static void good_views_all_stay(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(2);
    static scene s;
    const vg_consensus_options options = vg_consensus_options_default();
    for (int views = 2; views <= VG_MAX_CAMERAS; views++) {
        look(&s, &rng, views, MILD, 0);
        vg_triangulate_consensus(s.out, s.cameras, s.u, s.v, s.w, views, POINTS, &options);
        for (int i = 0; i < POINTS; i++) {
            if (views == 2) continue; /* opposite cameras: nearly one line */
            assert_int_equal(__builtin_popcount(s.out[i].views), views);
            assert_close(error_of(&s, i), 0, 1e-7);
            assert_close(s.out[i].reprojection, 0, 1e-4);
        }
    }
}

static void narrow_rays_and_lone_views_give_nothing(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(3);
    static scene s;
    vg_consensus_options options = vg_consensus_options_default();
    look(&s, &rng, 2, IDEAL, 0);
    for (int c = 0; c < 2; c++) place_camera(s.cameras + c, (double[3]){5, 0.1 * c, 1}, (double[3]){0, 0, 1});
    for (int c = 0; c < 2; c++)
        for (int i = 0; i < POINTS; i++) {
            double uv[2];
            vg_project(uv, NULL, NULL, s.cameras + c, s.X[i]);
            s.u[c * POINTS + i] = uv[0], s.v[c * POINTS + i] = uv[1];
        }
    s.w[POINTS] = 0; /* one view only */
    vg_triangulate_consensus(s.out, s.cameras, s.u, s.v, s.w, 2, POINTS, &options);
    for (int i = 0; i < POINTS; i++) assert_true(isnan(s.out[i].x[0]) && s.out[i].views == 0);
    options.min_angle = 0;
    vg_triangulate_consensus(s.out, s.cameras, s.u, s.v, s.w, 2, POINTS, &options);
    assert_true(isnan(s.out[0].x[0]) && isnan(s.out[0].covariance[0]) && isnan(s.out[0].reprojection));
    for (int i = 1; i < POINTS; i++) assert_close(error_of(&s, i), 0, 1e-6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_views_are_left_out),
        cmocka_unit_test(good_views_all_stay),
        cmocka_unit_test(narrow_rays_and_lone_views_give_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
