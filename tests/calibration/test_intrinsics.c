/* Lenses from boards: known lenses are found again, the standard deviations are honest, boards that do not fit are left out,
 * real chessboards give the figures that OpenCV gives, and what cannot be calibrated says why. */
#include "calibration/intrinsics.h"
#include "tests/calibration/boards.h"

static const vg_board board_4x7 = {.kind = VG_BOARD_CHESSBOARD, .columns = 4, .rows = 7, .square = 0.06};

static const int coefficients_of[LENS_KINDS] = {0, 5, 8, 4};

static vg_intrinsics_options options_for(lens_kind kind) {
    vg_intrinsics_options o = vg_intrinsics_options_default();
    o.lens = kind == FISHEYE ? VG_LENS_FISHEYE : VG_LENS_BROWN_CONRADY;
    o.coefficients = coefficients_of[kind];
    return o;
}

static void exact_corners_give_the_lens_exactly(void **state) {
    (void)state;
    static const lens_kind kinds[] = {IDEAL, MILD, FISHEYE};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        vg_rng rng = vg_test_rng(60 + (uint32_t)i);
        vg_error err = {0};
        const vg_camera truth = camera_of(kinds[i]);
        const vg_intrinsics_options o = options_for(kinds[i]);
        vg_corners corners = {0};
        vg_intrinsics_report report;
        see_boards(&corners, &truth, &board_4x7, 3, 12, 0, &rng);
        vg_camera found = {.width = truth.width, .height = truth.height};
        assert_ok(vg_intrinsics_calibrate(&found, &report, &corners, 3, &o, &err));
        assert_int_equal(found.lens, truth.lens);
        assert_close(found.fx, truth.fx, 1e-5);
        assert_close(found.fy, truth.fy, 1e-5);
        assert_close(found.cx, truth.cx, 1e-5);
        assert_close(found.cy, truth.cy, 1e-5);
        for (int k = 0; k < o.coefficients; k++) assert_close(found.distortion[k], truth.distortion[k], 1e-6);
        assert_int_equal(report.used, 12);
        assert_int_equal(report.corners, 12 * 28);
        assert_true(report.rms_px < 1e-6);
        assert_close(report.square, 0.06, 1e-12);
        assert_close(report.square_mean, 0.06, 1e-6);
        assert_true(report.square_sd < 1e-6 && report.held_out_px < 1e-4);
        vg_corners_free(&corners);
    }
}

/* Over many draws of noise, (found - true) / deviation squared has a mean of 1 for each parameter; of N draws the mean has a
 * standard deviation of sqrt(2 / N). */
static void deviations_are_honest(void **state) {
    (void)state;
    enum { DRAWS = 30 };
    static const lens_kind kinds[] = {MILD, FISHEYE};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        vg_rng rng = vg_test_rng(70 + (uint32_t)i);
        const vg_camera truth = camera_of(kinds[i]);
        vg_intrinsics_options o = options_for(kinds[i]);
        o.coefficients = 4;
        vg_camera simple = truth;
        if (kinds[i] == MILD) simple.distortion[4] = 0;
        double sum[8] = {0}, rms = 0;
        for (int d = 0; d < DRAWS; d++) {
            vg_error err = {0};
            vg_corners corners = {0};
            vg_intrinsics_report report;
            see_boards(&corners, &simple, &board_4x7, 0, 9, 0.3, &rng);
            vg_camera found = {.width = truth.width, .height = truth.height};
            assert_ok(vg_intrinsics_calibrate(&found, &report, &corners, 0, &o, &err));
            const double focal[4] = {simple.fx, simple.fy, simple.cx, simple.cy};
            for (int p = 0; p < 8; p++) {
                const double want = p < 4 ? focal[p] : simple.distortion[p - 4];
                sum[p] += pow((report.parameter[p] - want) / report.deviation[p], 2) / DRAWS;
            }
            rms += report.rms_px / DRAWS;
            assert_true(report.deviation[8] == 0);
            vg_corners_free(&corners);
        }
        for (int p = 0; p < 8; p++) {
            print_message("%s parameter %d: mean squared normalised error %.2f\n", i ? "fisheye" : "pinhole", p,
                          sum[p]);
            assert_true(sum[p] > 0.35 && sum[p] < 2.1);
        }
        assert_close(rms, 0.3 * sqrt(2), 0.03);
    }
}

static void boards_that_do_not_fit_are_left_out(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(80);
    vg_error err = {0};
    const vg_camera truth = camera_of(IDEAL);
    vg_intrinsics_options o = options_for(IDEAL);
    vg_corners corners = {0};
    vg_intrinsics_report report;
    see_boards(&corners, &truth, &board_4x7, 0, 14, 0.1, &rng);
    for (int i = 0; i < 28; i++) corners.corner[28 * 5 + i].u += 25 * sin(i); /* a picture blurred by motion */
    vg_camera found = {.width = truth.width, .height = truth.height};
    assert_ok(vg_intrinsics_calibrate(&found, &report, &corners, 0, &o, &err));
    assert_int_equal(report.boards, 14);
    assert_int_equal(report.left_out, 1);
    assert_int_equal(report.used, 13);
    assert_close(found.fx, truth.fx, 5);
    assert_true(report.rms_px < 0.2);
    vg_corners_free(&corners);
}

static void of_many_pictures_the_most_different_are_used(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(81);
    vg_error err = {0};
    const vg_camera truth = camera_of(IDEAL);
    vg_intrinsics_options o = options_for(IDEAL);
    vg_corners corners = {0}, same = {0};
    vg_intrinsics_report some, all;
    see_boards(&same, &truth, &board_4x7, 0, 1, 0.1, &rng);
    for (int v = 0; v < 100; v++) /* the board held still in front of a video, and moved at its end */
        for (size_t i = 0; i < same.count; i++) {
            vg_corner c = same.corner[i];
            c.sync = c.frame = v + 1000;
            c.u += 0.1 * (double)vg_rng_normal(&rng);
            assert_ok(vg_corners_add(&corners, &c, &err));
        }
    see_boards(&corners, &truth, &board_4x7, 0, 12, 0.1, &rng);
    vg_camera found = {.width = truth.width, .height = truth.height};
    o.pictures = 14;
    assert_ok(vg_intrinsics_calibrate(&found, &some, &corners, 0, &o, &err));
    assert_int_equal(some.boards, 112);
    assert_int_equal(some.used, 14);
    o.pictures = 112;
    assert_ok(vg_intrinsics_calibrate(&found, &all, &corners, 0, &o, &err));
    assert_true(some.coverage > 0.95 * all.coverage); /* what was left out was more of the same */
    assert_true(some.deviation[0] < 2 * all.deviation[0]);
    vg_corners_free(&corners);
    vg_corners_free(&same);
}

static void distortion_beyond_the_model_shows_as_bias(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(82);
    vg_error err = {0};
    vg_camera truth = camera_of(IDEAL);
    truth.distortion[0] = -0.25;
    vg_intrinsics_options o = options_for(IDEAL); /* no distortion */
    vg_corners corners = {0};
    vg_intrinsics_report plain, better;
    see_boards(&corners, &truth, &board_4x7, 0, 40, 0.1, &rng);
    vg_camera found = {.width = truth.width, .height = truth.height};
    assert_ok(vg_intrinsics_calibrate(&found, &plain, &corners, 0, &o, &err));
    o.coefficients = 2;
    assert_ok(vg_intrinsics_calibrate(&found, &better, &corners, 0, &o, &err));
    print_message("bias %.3f px without distortion, %.3f with\n", plain.bias, better.bias);
    assert_true(plain.bias > 5 * better.bias && better.bias < 0.1);
    vg_corners_free(&corners);
}

static void what_cannot_be_calibrated_says_why(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(83);
    vg_error err = {0};
    const vg_camera truth = camera_of(IDEAL);
    vg_intrinsics_options o = options_for(IDEAL);
    vg_corners corners = {0};
    vg_intrinsics_report report;
    vg_camera found = {.width = truth.width, .height = truth.height}, unknown = {0};
    see_boards(&corners, &truth, &board_4x7, 0, 2, 0.1, &rng);
    assert_error(vg_intrinsics_calibrate(&found, &report, &corners, 0, &o, &err), VG_FAILED,
                 "2 pictures show the board");
    assert_error(vg_intrinsics_calibrate(&found, &report, &corners, 1, &o, &err), VG_FAILED,
                 "no picture shows the board");
    assert_error(vg_intrinsics_calibrate(&unknown, &report, &corners, 0, &o, &err), VG_INVALID, "size");
    o.coefficients = 3;
    assert_error(vg_intrinsics_calibrate(&found, &report, &corners, 0, &o, &err), VG_INVALID, "use 0, 2, 4, 5 or 8");
    o.lens = VG_LENS_FISHEYE, o.coefficients = 5;
    assert_error(vg_intrinsics_calibrate(&found, &report, &corners, 0, &o, &err), VG_INVALID, "a fisheye has 4");
    vg_corners_free(&corners);
}

/* Caliscope's corners of one camera, partly hidden boards among them. */
static void a_corner_list_of_others_calibrates(void **state) {
    (void)state;
    const char *path = vg_test_shared("caliscope/prerecorded_calibration/calibration/intrinsic/CHARUCO/xy_CHARUCO.csv");
    if (!path) skip();
    vg_error err = {0};
    vg_corners corners;
    vg_intrinsics_report report;
    const vg_intrinsics_options o = vg_intrinsics_options_default();
    assert_ok(vg_corners_read(path, &corners, &err));
    vg_camera found = {.width = 1280, .height = 720};
    assert_ok(vg_intrinsics_calibrate(&found, &report, &corners, corners.corner[0].camera, &o, &err));
    print_message("f %.1f +- %.1f px, rms %.3f, held out %.3f, squares %.2f +- %.2f mm, coverage %.2f\n", found.fx,
                  report.deviation[0], report.rms_px, report.held_out_px, 1e3 * report.square_mean,
                  1e3 * report.square_sd, report.coverage);
    assert_true(report.rms_px < 0.3 && report.held_out_px < 1);
    assert_close(report.square_mean, 0.054, 0.0003);
    vg_corners_free(&corners);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_corners_give_the_lens_exactly),
        cmocka_unit_test(deviations_are_honest),
        cmocka_unit_test(boards_that_do_not_fit_are_left_out),
        cmocka_unit_test(of_many_pictures_the_most_different_are_used),
        cmocka_unit_test(distortion_beyond_the_model_shows_as_bias),
        cmocka_unit_test(what_cannot_be_calibrated_says_why),
        cmocka_unit_test(a_corner_list_of_others_calibrates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
