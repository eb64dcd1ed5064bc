/* Bundle adjustment: derivatives against finite differences, the Schur step against a dense solve, rigs found again,
 * covariance against the errors it foretells, and a real recording against its stored adjustment. */
#include "calibration/bundle_system.h"
#include "tests/calibration/simulated.h"

#include <lapacke.h>
#include <math.h>

static void lens_derivatives_agree_with_differences(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(1);
    for (int i = 0; i < 200; i++) {
        vg_camera camera = camera_of((lens_kind)(i % LENS_KINDS));
        const double p[3] = {(double)vg_rng_range(&rng, -1, 1), (double)vg_rng_range(&rng, -1, 1), 2};
        double uv[2], low[2], high[2], K[6], D[24], scrap[6];
        lens_project(uv, K, D, &camera, p);
        double *value[LENS_PARAMETERS] = {&camera.fx, &camera.fy, &camera.cx, &camera.cy};
        for (int k = 0; k < 8; k++) value[4 + k] = camera.distortion + k;
        for (int k = 0; k < LENS_PARAMETERS; k++) {
            const double was = *value[k], h = k < 4 ? 1e-2 : 1e-5;
            *value[k] = was + h, lens_project(high, scrap, NULL, &camera, p);
            *value[k] = was - h, lens_project(low, scrap, NULL, &camera, p);
            *value[k] = was;
            for (int e = 0; e < 2; e++)
                assert_close(D[12 * e + k], (high[e] - low[e]) / (2 * h), 1e-5 * (1 + fabs(D[12 * e + k])));
        }
    }
}

/* The change of all residuals that a small random step makes is what the rows' Jacobians say. */
static void check_rows(simulated *s, const vg_bundle_options *options, vg_rng *rng) {
    vg_error err = {0};
    bundle_system system;
    assert_ok(bundle_system_create(&system, &s->bundle, options, s->camera, &err));
    bundle_linearise(&system);
    const int32_t rows = system.start[s->bundle.structures];
    bundle_row *before = malloc((size_t)rows * sizeof *before);
    memcpy(before, system.row, (size_t)rows * sizeof *before);
    const double h = 1e-6;
    for (int32_t i = 0; i < system.size; i++) system.step[i] = h * normal(rng);
    for (int32_t i = 0; i < s->bundle.structures * system.depth; i++) system.structure_step[i] = h * normal(rng);
    bundle_apply(&s->bundle, &system);
    bundle_linearise(&system);
    int32_t checked = 0;
    for (int32_t k = 0; k < s->bundle.structures; k++)
        for (int32_t i = system.start[k]; i < system.start[k + 1]; i++) {
            if (!(before[i].w > 0 && system.row[i].w > 0)) continue;
            for (int e = 0; e < 2; e++) {
                double change = 0;
                for (int32_t j = 0; j < system.width; j++)
                    change += before[i].Jc[e][j] * system.step[bundle_column(&system, before[i].camera, j)];
                for (int32_t j = 0; j < system.depth; j++)
                    change += before[i].Js[e][j] * system.structure_step[k * system.depth + j];
                assert_close(before[i].r[e] - system.row[i].r[e], change, 1e-6 + 1e-3 * fabs(change));
                checked++;
            }
        }
    assert_true(checked > 100);
    free(before);
    bundle_system_free(&system);
}

static void rows_derivatives_agree_with_differences(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(2);
    for (int i = 0; i < 2 * LENS_KINDS; i++) {
        simulated s;
        if (i % 2)
            sim_boards(&s, &rng, 4, 12, (lens_kind)(i / 2), 0.8, 1);
        else
            sim_points(&s, &rng, 4, 60, (lens_kind)(i / 2), 0.8, 1);
        vg_bundle_options options = vg_bundle_options_default();
        options.lens = VG_LENS_ALL, options.shared_lens = i % 3 == 0;
        check_rows(&s, &options, &rng);
        sim_free(&s);
    }
}

/* The whole normal matrix [size + structures * depth], its right side, and the solution. */
static void dense_step(double *out, bundle_system *s, double lambda) {
    const int32_t structures = s->bundle->structures, n = s->size + structures * s->depth;
    double *H = calloc((size_t)n * (size_t)n, sizeof *H);
    for (int32_t k = 0; k < structures; k++)
        for (int32_t i = s->start[k]; i < s->start[k + 1]; i++)
            for (int e = 0; e < 2; e++) {
                const bundle_row *row = s->row + i;
                double J[64];
                int32_t at[64], width = 0;
                for (int32_t j = 0; j < s->width; j++)
                    J[width] = row->Jc[e][j], at[width++] = bundle_column(s, row->camera, j);
                for (int32_t j = 0; j < s->depth; j++)
                    J[width] = row->Js[e][j], at[width++] = s->size + k * s->depth + j;
                for (int32_t a = 0; a < width; a++) {
                    out[at[a]] += row->w * J[a] * row->r[e];
                    for (int32_t b = 0; b < width; b++) H[at[a] * n + at[b]] += row->w * J[a] * J[b];
                }
            }
    for (int32_t i = 0; i < n; i++) {
        H[i * (n + 1)] *= 1 + lambda;
        if (H[i * (n + 1)] == 0) H[i * (n + 1)] = 1; /* a point that is seen too little stays */
    }
    for (int32_t g = 0; g < s->gauges; g++)
        for (int32_t i = 0; i < s->size; i++)
            for (int32_t j = 0; j < s->size; j++)
                H[i * n + j] += s->gauge_weight * s->gauge[g * s->size + i] * s->gauge[g * s->size + j];
    assert_int_equal(LAPACKE_dposv(LAPACK_ROW_MAJOR, 'U', n, 1, H, n, out, 1), 0);
    free(H);
}

static void schur_step_is_the_dense_solution(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(3);
    vg_error err = {0};
    for (int round = 0; round < 6; round++) {
        simulated s;
        if (round % 2)
            sim_boards(&s, &rng, 4, 10, MILD, 0.7, 1);
        else
            sim_points(&s, &rng, 4, 40, FISHEYE, 0.7, 1);
        sim_disturb(&s, &rng, 0.003, 0.01, 0.01);
        vg_bundle_options options = vg_bundle_options_default();
        options.lens = round < 2 ? 0 : VG_LENS_FOCAL | VG_LENS_K1, options.loss = VG_LOSS_HUBER, options.loss_scale = 5;
        bundle_system system;
        assert_ok(bundle_system_create(&system, &s.bundle, &options, s.camera, &err));
        bundle_linearise(&system);
        const double lambda = 0.01;
        bundle_reduce(&system, lambda);
        assert_true(bundle_solve(&system, lambda));
        const int32_t structures = s.bundle.structures * system.depth;
        double *dense = calloc((size_t)(system.size + structures), sizeof *dense), worst = 0, most = 0;
        dense_step(dense, &system, lambda);
        for (int32_t i = 0; i < system.size + structures; i++) {
            const double ours = i < system.size ? system.step[i] : system.structure_step[i - system.size];
            worst = fmax(worst, fabs(ours - dense[i])), most = fmax(most, fabs(dense[i]));
        }
        assert_true(most > 1e-4);
        assert_close(worst / most, 0, 1e-6);
        free(dense);
        bundle_system_free(&system);
        sim_free(&s);
    }
}

static void disturbed_rigs_come_back_to_the_pixel(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(4);
    vg_error err = {0};
    for (int round = 0; round < 2 * LENS_KINDS; round++) {
        simulated s;
        if (round % 2)
            sim_boards(&s, &rng, 5, 30, (lens_kind)(round / 2), 0.7, 0);
        else
            sim_points(&s, &rng, 5, 200, (lens_kind)(round / 2), 0.7, 0);
        sim_disturb(&s, &rng, 0.02, 0.05, 0.05);
        const vg_bundle_options options = vg_bundle_options_default();
        vg_bundle_result result;
        assert_ok(vg_bundle_adjust(&s.bundle, &options, &result, &err));
        assert_true(result.converged);
        assert_close(result.rms_px, 0, 1e-5);
        assert_int_equal(result.behind, 0);
        sim_free(&s);
    }
}

static void lenses_are_found_again(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(5);
    vg_error err = {0};
    for (int shared = 0; shared < 2; shared++) {
        simulated s;
        sim_boards(&s, &rng, 4, 60, MILD, 1, 0);
        for (int c = 0; c < 4; c++)
            s.camera[c].fx *= 1.03, s.camera[c].fy *= 1.03, s.camera[c].cx += 8, s.camera[c].distortion[0] += 0.02;
        vg_bundle_options options = vg_bundle_options_default();
        options.lens = VG_LENS_FOCAL | VG_LENS_CENTRE | VG_LENS_K1, options.shared_lens = shared, options.steps = 200;
        vg_bundle_result result;
        assert_ok(vg_bundle_adjust(&s.bundle, &options, &result, &err));
        const vg_camera truth = camera_of(MILD);
        for (int c = 0; c < 4; c++) {
            assert_close(s.camera[c].fx, truth.fx, 0.01);
            assert_close(s.camera[c].cx, truth.cx, 0.01);
            assert_close(s.camera[c].distortion[0], truth.distortion[0], 1e-5);
        }
        sim_free(&s);
    }
}

static void outliers_do_not_move_a_redescending_loss(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(6);
    vg_error err = {0};
    simulated s;
    sim_points(&s, &rng, 6, 400, MILD, 0.9, 0.5);
    const int32_t n = s.bundle.sightings;
    for (int32_t i = 0; i < n; i++)
        if (vg_rng_below(&rng, 5) == 0) s.sighting[i].u += 300 * normal(&rng), s.sighting[i].v += 300 * normal(&rng);
    sim_disturb(&s, &rng, 0.002, 0.005, 0.01);
    vg_bundle_options options = vg_bundle_options_default();
    options.loss = VG_LOSS_GEMAN_MCCLURE, options.steps = 100;
    vg_bundle_result result;
    for (double scale = 64; scale >= 4; scale /= 2) {
        options.loss_scale = scale;
        assert_ok(vg_bundle_adjust(&s.bundle, &options, &result, &err));
    }
    double *distance = malloc((size_t)n * sizeof *distance);
    vg_bundle_residuals(distance, &s.bundle);
    int32_t good = 0;
    for (int32_t i = 0; i < n; i++) good += distance[i] < 2;
    assert_true(good > 0.75 * n);
    free(distance);
    sim_free(&s);
}

/* The cameras' errors in the covariance's gauge: what a small change of the world explains is taken out by the inverse
 * covariance itself, whose gauge directions have no weight. */
static void covariance_foretells_the_errors(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(7);
    vg_error err = {0};
    double camera_sum = 0, point_sum = 0;
    int camera_n = 0, point_n = 0;
    enum { ROUNDS = 24, CAMERAS = 4, POINTS = 80 };
    for (int round = 0; round < ROUNDS; round++) {
        simulated s;
        sim_points(&s, &rng, CAMERAS, POINTS, round % 2 ? FISHEYE : MILD, 0.8, 0.7);
        vg_camera truth[CAMERAS];
        double points[3 * POINTS];
        memcpy(truth, s.camera, sizeof truth), memcpy(points, s.bundle.point, sizeof points);
        const vg_bundle_options options = vg_bundle_options_default();
        vg_bundle_result result;
        vg_bundle_covariance covariance;
        assert_ok(vg_bundle_adjust(&s.bundle, &options, &result, &err));
        assert_ok(vg_bundle_covariances(&covariance, &s.bundle, &options, 1, &err));
        /* errors of places, and those of the world's seven freedoms fitted to them in the gauge's metric */
        const int n = covariance.size;
        double e[6 * CAMERAS];
        for (int c = 0; c < CAMERAS; c++) {
            double Rt[9], dR[9], at[3], was[3];
            vg_mat3_transpose(Rt, truth[c].R);
            vg_mat3_mul(dR, s.camera[c].R, Rt);
            vg_rotation_to_vector(e + 6 * c, dR);
            vg_mat3_t_mul_vec(at, s.camera[c].R, s.camera[c].t), vg_mat3_t_mul_vec(was, truth[c].R, truth[c].t);
            for (int k = 0; k < 3; k++) e[6 * c + 3 + k] = was[k] - at[k];
        }
        /* error' covariance^+ error, by the eigenvectors that have a variance */
        double *V = malloc((size_t)(n * n) * sizeof *V), w[6 * CAMERAS];
        memcpy(V, covariance.full, (size_t)(n * n) * sizeof *V);
        assert_int_equal(LAPACKE_dsyev(LAPACK_ROW_MAJOR, 'V', 'U', n, V, n, w), 0);
        for (int i = 0; i < 7; i++) assert_true(fabs(w[i]) < 1e-6 * w[7]);
        for (int i = 7; i < n; i++) {
            double dot = 0;
            for (int k = 0; k < n; k++) dot += V[k * n + i] * e[k];
            camera_sum += dot * dot / w[i], camera_n++;
        }
        for (int i = 0; i < POINTS; i++) {
            double inverse[9], d[3];
            if (!isfinite(covariance.structure[9 * i])) continue;
            assert_true(bundle_invert(inverse, covariance.structure + 9 * i, 3));
            for (int k = 0; k < 3; k++) d[k] = s.bundle.point[3 * i + k] - points[3 * i + k];
            for (int a = 0; a < 3; a++)
                for (int b = 0; b < 3; b++) point_sum += d[a] * inverse[3 * a + b] * d[b];
            point_n += 3;
        }
        free(V);
        vg_bundle_covariance_free(&covariance);
        sim_free(&s);
    }
    /* chi-square of camera_n degrees of freedom, 4 standard deviations; neighbouring points share the cameras' errors */
    assert_close(camera_sum / camera_n, 1, 4 * sqrt(2.0 / camera_n));
    assert_close(point_sum / point_n, 1, 0.08);
}

static void variance_of_unit_weight_is_the_noise(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(8);
    vg_error err = {0};
    for (int boards = 0; boards < 2; boards++) {
        simulated s;
        if (boards)
            sim_boards(&s, &rng, 5, 60, MILD, 0.8, 0.6);
        else
            sim_points(&s, &rng, 5, 500, MILD, 0.8, 0.6);
        const vg_bundle_options options = vg_bundle_options_default();
        vg_bundle_result result;
        assert_ok(vg_bundle_adjust(&s.bundle, &options, &result, &err));
        assert_close(result.variance, 1, 5 * sqrt(2.0 / (double)result.used));
        sim_free(&s);
    }
}

static void bad_bundles_are_refused(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(9);
    vg_error err = {0};
    simulated s;
    sim_points(&s, &rng, 3, 20, IDEAL, 1, 0);
    vg_bundle_options options = vg_bundle_options_default();
    s.sighting[4].camera = 3;
    assert_error(vg_bundle_adjust(&s.bundle, &options, NULL, &err), VG_INVALID, "sighting 4 is of camera 3");
    s.sighting[4].camera = 1, s.sighting[4].u = (double)NAN;
    assert_error(vg_bundle_adjust(&s.bundle, &options, NULL, &err), VG_INVALID, "not a finite pixel");
    for (int32_t i = 0; i < s.bundle.sightings; i++) s.sighting[i].weight = (float)(s.sighting[i].camera == 0);
    assert_error(vg_bundle_adjust(&s.bundle, &options, NULL, &err), VG_INVALID, "no point is seen by 2 cameras");
    options.hold_cameras = options.hold_structures = true;
    assert_error(vg_bundle_adjust(&s.bundle, &options, NULL, &err), VG_INVALID, "nothing can move");
    sim_free(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lens_derivatives_agree_with_differences),
        cmocka_unit_test(rows_derivatives_agree_with_differences),
        cmocka_unit_test(schur_step_is_the_dense_solution),
        cmocka_unit_test(disturbed_rigs_come_back_to_the_pixel),
        cmocka_unit_test(lenses_are_found_again),
        cmocka_unit_test(outliers_do_not_move_a_redescending_loss),
        cmocka_unit_test(covariance_foretells_the_errors),
        cmocka_unit_test(variance_of_unit_weight_is_the_noise),
        cmocka_unit_test(bad_bundles_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
