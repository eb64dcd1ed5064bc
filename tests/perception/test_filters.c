/* Filters: against closed forms, and against what Pose2Sim (scipy, filterpy) made of a real recording. */
#include "common/transform.h"
#include "perception/filters.h"
#include "tests/support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N 200

/* rms of the distance between the points of two motions, in their unit. */
static double distance_rms(const vg_motion *a, const vg_motion *b) {
    double sum = 0;
    int n = 0;
    assert_int_equal(a->frames, b->frames);
    assert_int_equal(a->points, b->points);
    for (int i = 0; i < a->frames * a->points; i++) {
        const double *p = a->positions + 3 * i, *q = b->positions + 3 * i;
        assert_int_equal(isnan(p[0]) != 0, isnan(q[0]) != 0);
        const double e[3] = {p[0] - q[0], p[1] - q[1], p[2] - q[2]};
        if (!isnan(e[0])) sum += vg_dot3(e, e), n++;
    }
    assert_true(n > 2000);
    return sqrt(sum / n);
}

static void the_reference_s_filtered_files_are_reproduced(void **state) {
    (void)state;
    static const struct {
        const char *file;
        int32_t kind;
        double cutoff;
    } cases[] = {{"butterworth", VG_FILTER_BUTTERWORTH, 6},
                 {"kalman", VG_FILTER_KALMAN, 6},
                 {"one_euro", VG_FILTER_ONE_EURO, 4},
                 {"gaussian", VG_FILTER_GAUSSIAN, 6},
                 {"median", VG_FILTER_MEDIAN, 6}};
    vg_error err = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[128];
        snprintf(name, sizeof name, "pose2sim/filters/single_0-99_filt_%s.trc", cases[i].file);
        const char *raw_path = vg_test_shared("pose2sim/filters/single_0-99.trc"), *path = vg_test_shared(name);
        if (!raw_path || !path) skip();
        vg_motion raw, filtered;
        assert_ok(vg_motion_read(raw_path, NULL, &raw, &err));
        vg_motion_options short_files = vg_motion_options_default();
        short_files.allow_short = true; /* they say 100 frames and hold 99: the reference loses the last one */
        assert_ok(vg_motion_read(path, &short_files, &filtered, &err));
        raw.frames = filtered.frames;
        vg_filter_config config = vg_filter_config_pose2sim();
        config.kind = cases[i].kind, config.cutoff = cases[i].cutoff;
        assert_ok(vg_filter_motion(&raw, &config, &err));
        const double rms = distance_rms(&raw, &filtered);
        printf("%s: %.6f mm rms\n", cases[i].file, 1000 * rms);
        assert_true(rms < 1e-4);
        vg_motion_free(&raw), vg_motion_free(&filtered);
    }
}

static void constants_and_lines_pass(void **state) {
    (void)state;
    for (int32_t kind = 0; kind < VG_FILTER_KINDS; kind++)
        for (int32_t n = 1; n < 40; n++) {
            double x[40];
            vg_filter_config config = vg_filter_config_default();
            config.kind = kind;
            for (int i = 0; i < n; i++) x[i] = 3.5;
            assert_true(vg_filter_curve(x, n, 60, &config));
            for (int i = 0; i < n; i++) assert_close(x[i], 3.5, 1e-8);
            if (kind == VG_FILTER_ONE_EURO || kind == VG_FILTER_GAUSSIAN || kind == VG_FILTER_MEDIAN) continue;
            for (int i = 0; i < n; i++) x[i] = 0.1 * i;
            assert_true(vg_filter_curve(x, n, 60, &config));
            /* a Butterworth pass begins as if at rest, and the padding does not quite outlast that */
            const double tolerance = kind == VG_FILTER_BUTTERWORTH ? 5e-3 : 1e-6;
            for (int i = 0; i < n; i++) assert_close(x[i], 0.1 * i, tolerance);
        }
}

/* Zero phase: both passes together have the gain 1 / (1 + (f / fc)^order) and no delay. */
static void butterworth_has_its_gain_and_no_delay(void **state) {
    (void)state;
    static double x[4000], spare[4100];
    for (int32_t order = 2; order <= 8; order += 2)
        for (double f = 1; f < 20; f *= 1.7) {
            const double rate = 1000, cutoff = 6;
            for (int i = 0; i < 4000; i++) x[i] = cos(2 * VG_PI * f * (i - 2000) / rate);
            vg_butterworth(x, 4000, rate, order, cutoff, spare);
            const double gain = 1 / (1 + pow(tan(VG_PI * f / rate) / tan(VG_PI * cutoff / rate), order));
            assert_close(x[2000], gain, 2e-3);
            assert_close(x[1990] - x[2010], 0, 2e-3);
        }
}

static void an_outlier_becomes_the_median(void **state) {
    (void)state;
    double x[N], spare[2 * N];
    for (int i = 0; i < N; i++) x[i] = sin(0.05 * i);
    x[50] = 4, x[120] = -7;
    vg_hampel(x, N, 7, 3, spare);
    for (int i = 0; i < N; i++) assert_close(x[i], sin(0.05 * i), 0.11);
}

static void cubic_gaps_are_filled_exactly_and_long_ones_left(void **state) {
    (void)state;
    double x[N], spare[6 * N];
    for (int i = 0; i < N; i++) x[i] = 1 + 0.2 * i - 0.003 * i * i + 1e-5 * i * i * i;
    double y[N];
    memcpy(y, x, sizeof y);
    for (int i = 20; i < 30; i++) y[i] = (double)NAN;
    for (int i = 60; i < 71; i++) y[i] = (double)NAN;
    y[0] = y[100] = y[N - 1] = y[N - 2] = (double)NAN;
    vg_fill_gaps(y, N, 10, false, spare);
    for (int i = 0; i < N; i++) {
        if (i == 0 || i >= N - 2 || (i >= 60 && i < 71))
            assert_true(isnan(y[i]));
        else
            assert_close(y[i], x[i], 1e-8);
    }
    vg_fill_gaps(y, N, 10, true, spare);
    assert_close(y[0], x[0], 1e-8);
    assert_close(y[N - 1], x[N - 1], 1e-7);
    vg_fill_lines(y, N, 10);
    assert_true(isnan(y[60]) && isnan(y[70]));
    vg_fill_lines(y, N, 11);
    for (int i = 59; i < 72; i++) assert_close(y[i], x[59] + (x[71] - x[59]) * (i - 59) / 12, 1e-9);
}

static void stretches_between_gaps_are_filtered_apart(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(1);
    for (int32_t kind = 1; kind < VG_FILTER_KINDS; kind++) {
        vg_filter_config config = vg_filter_config_default();
        config.kind = kind, config.fill_gaps = 0;
        double x[N], left[80], right[N - 81];
        for (int i = 0; i < N; i++) x[i] = (double)vg_rng_normal(&rng) + (i > 80 ? 100 : 0);
        x[80] = (double)NAN;
        memcpy(left, x, sizeof left), memcpy(right, x + 81, sizeof right);
        assert_true(vg_filter_curve(x, N, 60, &config));
        assert_true(vg_filter_curve(left, 80, 60, &config));
        assert_true(vg_filter_curve(right, N - 81, 60, &config));
        assert_memory_equal(x, left, sizeof left);
        assert_memory_equal(x + 81, right, sizeof right);
        assert_true(isnan(x[80]));
    }
}

/* A sine in white noise: the filtered curve is nearer to it than the noise was. One-Euro lags at its ends and flattens
 * curves, and a median of three keeps nearly half of the noise. */
static void noise_is_lowered(void **state) {
    (void)state;
    static const double bounds[VG_FILTER_KINDS] = {[VG_FILTER_BUTTERWORTH] = 0.4,
                                                   [VG_FILTER_KALMAN] = 0.25,
                                                   [VG_FILTER_ONE_EURO] = 1.2,
                                                   [VG_FILTER_GAUSSIAN] = 0.5,
                                                   [VG_FILTER_MEDIAN] = 0.9};
    vg_rng rng = vg_test_rng(2);
    for (int32_t kind = 1; kind < VG_FILTER_KINDS; kind++) {
        vg_filter_config config = vg_filter_config_default();
        config.kind = kind;
        double x[N], before = 0, after = 0;
        for (int i = 0; i < N; i++) {
            const double e = 0.01 * (double)vg_rng_normal(&rng);
            x[i] = 0.2 * sin(0.05 * i) + e, before += e * e;
        }
        assert_true(vg_filter_curve(x, N, 60, &config));
        for (int i = 0; i < N; i++) {
            const double e = x[i] - 0.2 * sin(0.05 * i);
            after += e * e;
        }
        if (!(after < before * bounds[kind]))
            fail_msg("%s: %g of %g is left", vg_filter_kind_name(kind), after, before);
    }
}

static void the_live_filter_begins_where_it_is_told_and_follows(void **state) {
    (void)state;
    vg_one_euro filter = {.cutoff = 2, .beta = 1, .d_cutoff = 1};
    assert_close(vg_one_euro_step(&filter, 5, 0.01), 5, 0);
    double out = 0;
    for (int i = 0; i < 500; i++) out = vg_one_euro_step(&filter, 6, 0.01);
    assert_close(out, 6, 1e-6);
}

static void wrong_settings_are_named(void **state) {
    (void)state;
    vg_error err = {0};
    vg_filter_config config = vg_filter_config_default();
    assert_ok(vg_filter_config_check(&config, 60, &err));
    config.cutoff = 30;
    assert_error(vg_filter_config_check(&config, 60, &err), VG_INVALID, "cutoff is 30");
    config.cutoff = 6, config.order = 3;
    assert_error(vg_filter_config_check(&config, 60, &err), VG_INVALID, "order is 3");
    config.order = 4, config.median_window = 4;
    assert_error(vg_filter_config_check(&config, 60, &err), VG_INVALID, "odd");
    int32_t kind;
    assert_error(vg_filter_kind_parse("loess", &kind, &err), VG_INVALID, "loess");
    assert_ok(vg_filter_kind_parse("one-euro", &kind, &err));
    assert_int_equal(kind, VG_FILTER_ONE_EURO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reference_s_filtered_files_are_reproduced),
        cmocka_unit_test(constants_and_lines_pass),
        cmocka_unit_test(butterworth_has_its_gain_and_no_delay),
        cmocka_unit_test(an_outlier_becomes_the_median),
        cmocka_unit_test(cubic_gaps_are_filled_exactly_and_long_ones_left),
        cmocka_unit_test(stretches_between_gaps_are_filtered_apart),
        cmocka_unit_test(noise_is_lowered),
        cmocka_unit_test(the_live_filter_begins_where_it_is_told_and_follows),
        cmocka_unit_test(wrong_settings_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
