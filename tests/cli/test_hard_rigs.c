/* Rigs that are hard to place, as users have them: a calibration that is wrong and a list of what cameras saw. */
#include "calibration/calibration.h"
#include "calibration/files.h"
#include "tests/calibration/geometry.h"
#include "tests/support/process.h"

#include <jansson.h>
#include <unistd.h>

#define CAMERAS 6
#define POINTS  8

typedef struct hard_rig {
    int32_t frames, late, lag; /* camera `late` shows what happens `lag` frames later */
    double wrong;              /* share of sightings that are anywhere */
    double focal;              /* focal lengths are off by this share, up or down */
    double turn, shift;        /* radians, metres: how wrong the places are */
} hard_rig;

static vg_test_output got;
static char calibration[4300], points[4300], out[4300];

/* A cloud of points on a body that turns and wanders. */
static void point_at(double X[3], int32_t frame, int32_t point) {
    const double s = 0.12 * frame, turn = 1.1 * s;
    const double p[3] = {0.35 * sin(2.1 * point), 0.35 * cos(3.7 * point), 0.3 + 0.2 * point};
    X[0] = cos(turn) * p[0] - sin(turn) * p[1] + 0.8 * sin(0.7 * s),
    X[1] = sin(turn) * p[0] + cos(turn) * p[1] + 0.8 * cos(0.5 * s);
    X[2] = p[2] + 0.2 * sin(1.7 * s + point);
}

static void write_rig(const hard_rig *r, const vg_camera *truth, vg_rng *rng) {
    vg_camera_set set;
    vg_error err = {0};
    assert_ok(vg_camera_set_create(&set, CAMERAS, &err));
    for (int32_t c = 0; c < CAMERAS; c++) {
        vg_named_camera *n = set.camera + c;
        snprintf(n->name, sizeof n->name, "cam_%d", c);
        n->camera = truth[c], n->placed = true, n->error_px = (double)NAN, n->error_metres = (double)NAN;
        const double factor = 1 + r->focal * (c % 2 ? 1 : -1);
        n->camera.fx *= factor, n->camera.fy *= factor;
        double turn[3], E[9];
        for (int k = 0; k < 3; k++) turn[k] = r->turn * (double)vg_rng_normal(rng);
        vg_rotation_from_vector(E, turn);
        vg_mat3_mul(n->camera.R, E, truth[c].R);
        for (int k = 0; k < 3; k++) n->camera.t[k] += r->shift * (double)vg_rng_normal(rng);
    }
    set.error_px = (double)NAN, set.unit_metres = 1e-3;
    assert_ok(vg_calibration_write(calibration, &set, VG_CALIBRATION_ANIPOSE, &err));
    vg_camera_set_free(&set);
}

static void write_sightings(const hard_rig *r, const vg_camera *truth, vg_rng *rng) {
    FILE *file = fopen(points, "w");
    assert_non_null(file);
    fputs("frame,camera_id,corner_id,img_x,img_y\n", file);
    for (int32_t f = 0; f < r->frames; f++)
        for (int32_t c = 0; c < CAMERAS; c++)
            for (int32_t p = 0; p < POINTS; p++) {
                double X[3], uv[2];
                point_at(X, f + (c == r->late ? r->lag : 0), p);
                if (!vg_project(uv, NULL, NULL, truth + c, X)) continue;
                for (int k = 0; k < 2; k++) uv[k] += (double)vg_rng_normal(rng);
                if ((double)vg_rng_uniform(rng) < r->wrong)
                    uv[0] = truth[c].width * (double)vg_rng_uniform(rng),
                    uv[1] = truth[c].height * (double)vg_rng_uniform(rng);
                fprintf(file, "%d,cam_%d,%d,%.3f,%.3f\n", f, c, p, uv[0], uv[1]);
            }
    assert_int_equal(fclose(file), 0);
}

static void make(const hard_rig *r, vg_camera truth[CAMERAS], uint32_t stream) {
    vg_rng rng = vg_test_rng(stream);
    snprintf(calibration, sizeof calibration, "%s/calibration.toml", vg_test_folder());
    snprintf(points, sizeof points, "%s/points.csv", vg_test_folder());
    snprintf(out, sizeof out, "%s/out.toml", vg_test_folder());
    unlink(out);
    for (int32_t c = 0; c < CAMERAS; c++) {
        const double angle = 2 * VG_PI * (c + 0.3 * (double)vg_rng_uniform(&rng)) / CAMERAS;
        truth[c] = camera_of(MILD);
        place_camera(truth + c, (double[3]){4 * cos(angle), 4 * sin(angle), (double)vg_rng_range(&rng, 0.8f, 2.5f)},
                     (double[3]){0, 0, 1});
    }
    write_rig(r, truth, &rng);
    write_sightings(r, truth, &rng);
}

static void calibrate(const char *command) {
    char words[14000];
    snprintf(words, sizeof words, "calibrate %s --calibration %s --points %s --out %s --json", command, calibration,
             points, out);
    vg_test_run(&got, "vergence", words);
}

static void focal_lengths_a_third_off_and_a_third_of_wrong_points_converge(void **state) {
    (void)state;
    const hard_rig rig = {.frames = 200, .late = -1, .wrong = 0.3, .focal = 0.3, .turn = 0.5, .shift = 0.8};
    vg_camera truth[CAMERAS];
    vg_camera_set set;
    vg_error err = {0};
    make(&rig, truth, 1);
    calibrate("bundle");
    assert_int_equal(got.code, 0);
    json_t *report = json_loads(got.out, 0, NULL);
    assert_non_null(report);
    assert_true(json_number_value(json_object_get(report, "start_px")) > 100);
    assert_true(json_number_value(json_object_get(json_object_get(report, "reprojection_px"), "median")) < 4);
    json_decref(report);
    assert_ok(vg_calibration_read(out, NULL, &set, &err));
    for (int32_t c = 0; c < CAMERAS; c++) assert_close(set.camera[c].camera.fx / truth[c].fx, 1, 0.02);
    vg_camera_set_free(&set);
}

static void a_camera_out_of_step_is_named_and_no_poor_rig_is_written(void **state) {
    (void)state;
    const hard_rig rig = {.frames = 200, .late = 2, .lag = 4, .wrong = 0.05};
    vg_camera truth[CAMERAS];
    make(&rig, truth, 2);
    calibrate("extrinsics");
    assert_int_equal(got.code, 1);
    assert_non_null(strstr(got.err, "cam_2 runs 4 frames early"));
    assert_non_null(strstr(got.err, "vergence sync"));
    assert_int_not_equal(access(out, F_OK), 0);
    calibrate("bundle"); /* adjusts what stands, and says so */
    assert_int_equal(got.code, 0);
    assert_non_null(strstr(got.err, "warning: cameras are out of step: cam_2 runs 4 frames early"));
    json_t *report = json_loads(got.out, 0, NULL);
    json_t *cameras = json_object_get(report, "per_camera");
    for (size_t c = 0; c < CAMERAS; c++)
        assert_int_equal(json_integer_value(json_object_get(json_array_get(cameras, c), "lag_frames")),
                         c == 2 ? -4 : 0);
    json_decref(report);
}

static void cameras_in_step_are_not_accused(void **state) {
    (void)state;
    const hard_rig rig = {.frames = 150, .late = -1, .wrong = 0.3};
    vg_camera truth[CAMERAS];
    make(&rig, truth, 3);
    calibrate("extrinsics");
    assert_int_equal(got.code, 0);
    assert_null(strstr(got.err, "out of step"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(focal_lengths_a_third_off_and_a_third_of_wrong_points_converge),
        cmocka_unit_test(a_camera_out_of_step_is_named_and_no_poor_rig_is_written),
        cmocka_unit_test(cameras_in_step_are_not_accused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
