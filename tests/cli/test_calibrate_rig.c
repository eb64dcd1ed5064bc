/* vergence calibrate extrinsics and bundle as users call them, on real recordings and on files that are wrong. */
#include "calibration/calibration.h"
#include "calibration/files.h"
#include "common/text.h"
#include "common/transform.h"
#include "tests/support/process.h"

#include <jansson.h>
#include <math.h>

static vg_test_output got;

/* Runs vergence; its JSON, which the caller releases. */
static json_t *run_json(const char *format, ...) __attribute__((format(printf, 1, 2)));
static json_t *run_json(const char *format, ...) {
    char words[9000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    vg_test_run(&got, "vergence", words);
    json_t *out = json_loads(got.out, 0, NULL);
    if (got.code != 0 || !out) fail_msg("vergence %s: exit %d: %s%s", words, got.code, got.out, got.err);
    return out;
}

static void expect_error(int code, const char *part, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void expect_error(int code, const char *part, const char *format, ...) {
    char words[9000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    vg_test_run(&got, "vergence", words);
    if (got.code != code || !strstr(got.err, part))
        fail_msg("vergence %s: exit %d, expected %d with `%s`; it said %s", words, got.code, code, part, got.err);
}

/* A number by its path: "reprojection_px.rms". */
static double number(const json_t *json, const char *path) {
    char word[64];
    while (*path) {
        const size_t n = strcspn(path, ".");
        snprintf(word, sizeof word, "%.*s", (int)n, path);
        json = json_object_get(json, word);
        path += n + (path[n] == '.');
    }
    if (!json_is_number(json)) fail_msg("%s is no number", word);
    return json_number_value(json);
}

static const char *out_path(const char *name) {
    static char path[4][4200];
    static int next;
    char *at = path[next++ % 4];
    snprintf(at, sizeof path[0], "%s/%s", vg_test_folder(), name);
    return at;
}

static bool board_words(char *out, size_t room) {
    const char *folder = vg_test_shared("caliscope/post_optimization");
    if (folder)
        snprintf(out, room,
                 "--calibration %s/camera_array.toml --points %s/calibration/extrinsic/CHARUCO/xy_CHARUCO.csv", folder,
                 folder);
    return folder != NULL;
}

static void a_real_board_is_fitted_as_well_as_the_best_known(void **state) {
    (void)state;
    char words[4400];
    if (!board_words(words, sizeof words)) skip();
    json_t *free_points = run_json("calibrate bundle %s --corners free --keep-all --lens keep --out %s --json", words,
                                   out_path("free.toml"));
    assert_int_equal(number(free_points, "used"), 2175);
    assert_int_equal(number(free_points, "points"), 660);
    assert_true(number(free_points, "reprojection_px.rms") <= 1.559);
    assert_close(number(free_points, "checks.squares_mm.mean"), 54, 0.5);
    json_t *rigid =
        run_json("calibrate bundle %s --keep-all --lens keep --out %s --json", words, out_path("rigid.toml"));
    assert_true(number(rigid, "reprojection_px.rms") <= 1.710);
    assert_close(number(rigid, "checks.squares_mm.mean"), 54, 0.5);
    assert_true(number(rigid, "checks.squares_mm.flatness") < 1.5);
    json_decref(free_points), json_decref(rigid);
}

/* Camera centres of a file. */
static int32_t places(double (*out)[3], const char *path) {
    vg_error err = {0};
    vg_camera_set set;
    assert_ok(vg_calibration_read(path, NULL, &set, &err));
    const int32_t n = set.cameras;
    for (int32_t c = 0; c < n; c++) {
        vg_mat3_t_mul_vec(out[c], set.camera[c].camera.R, set.camera[c].camera.t);
        for (int k = 0; k < 3; k++) out[c][k] = -out[c][k];
    }
    vg_camera_set_free(&set);
    return n;
}

/* Greatest relative difference of the distances between cameras. */
static double shape_difference(const char *a, const char *b) {
    double p[16][3], q[16][3], worst = 0;
    const int32_t n = places(p, a);
    assert_int_equal(places(q, b), n);
    for (int32_t i = 0; i < n; i++)
        for (int32_t j = 0; j < i; j++) {
            double dp[3], dq[3];
            for (int k = 0; k < 3; k++) dp[k] = p[i][k] - p[j][k], dq[k] = q[i][k] - q[j][k];
            worst = fmax(worst, fabs(vg_norm3(dp) / vg_norm3(dq) - 1));
        }
    return worst;
}

/* Degrees between the z axes of two calibrations of the same cameras, the mean over these. */
static double tilt(const char *a, const char *b) {
    vg_error err = {0};
    vg_camera_set p, q;
    assert_ok(vg_calibration_read(a, NULL, &p, &err));
    assert_ok(vg_calibration_read(b, NULL, &q, &err));
    double sum = 0;
    for (int32_t c = 0; c < p.cameras; c++) {
        const double *R = p.camera[c].camera.R, *Q = q.camera[c].camera.R;
        sum += acos(fmin(1, R[2] * Q[2] + R[5] * Q[5] + R[8] * Q[8])) * 180 / VG_PI / p.cameras;
    }
    vg_camera_set_free(&p), vg_camera_set_free(&q);
    return sum;
}

static void a_real_board_places_cameras_without_a_start(void **state) {
    (void)state;
    char words[4400];
    if (!board_words(words, sizeof words)) skip();
    const char *with = out_path("with.toml"), *without = out_path("without.toml");
    json_t *start = run_json("calibrate bundle %s --out %s --json", words, with);
    json_t *none = run_json("calibrate extrinsics %s --floor board --origin-frame 80 --out %s --json", words, without);
    assert_string_equal(json_string_value(json_object_get(start, "from")), "start");
    assert_true(shape_difference(with, without) < 0.02);
    assert_close(number(none, "checks.squares_mm.mean"), 54, 0.5);
    json_decref(start), json_decref(none);
}

/* 100 frames of one person who balances: cameras from OpenPose's keypoints alone against those of a wand. */
static void a_person_places_cameras_without_a_wand(void **state) {
    (void)state;
    const char *folder = vg_test_shared("pose2sim");
    if (!folder) skip();
    char calibration[1100];
    snprintf(calibration, sizeof calibration, "%s/S00_Calibration/Calib.qca.txt", folder);
    const char *out = out_path("person.toml");
    json_t *got_json =
        run_json("calibrate extrinsics --calibration %s --points %s/single/pose --height 1.75 --floor feet --out %s "
                 "--json",
                 calibration, folder, out);
    assert_true(number(got_json, "reprojection_px.median") < 6);
    assert_true(shape_difference(out, calibration) < 0.05);
    assert_true(number(got_json, "checks.floor.flatness_mm") < 30);
    const double sd = number(got_json, "checks.floor.tilt_sd_deg"), off = tilt(out, calibration);
    if (!(sd < 6 && off < 2.5 * sd)) fail_msg("z is tilted by %.1f degrees, and it says %.1f", off, sd);
    json_decref(got_json);
}

/* Eight points of known places, seen by the four cameras of a real session (their calibration gives the pixels). */
static void scene_points_place_cameras(void **state) {
    (void)state;
    static const double scene[8][3] = {{-2, 0.3, 0}, {-2, 0, 0}, {-2, 0, 0.05}, {-2, -0.3, 0},
                                       {0, 0.3, 0},  {0, 0, 0},  {0, 0, 0.05},  {0, -0.3, 0}};
    const char *calibration = vg_test_shared("pose2sim/Calib_scene_1e65a39.toml");
    if (!calibration) skip();
    vg_error err = {0};
    vg_camera_set set;
    assert_ok(vg_calibration_read(calibration, NULL, &set, &err));
    const char *points = out_path("scene.csv");
    FILE *file = fopen(points, "w");
    fputs("camera,point,u,v,world_x,world_y,world_z\n", file);
    for (int32_t c = 0; c < set.cameras; c++)
        for (int i = 0; i < 8; i++) {
            double uv[2];
            assert_true(vg_project(uv, NULL, NULL, &set.camera[c].camera, scene[i]));
            fprintf(file, "%s,mark%d,%.3f,%.3f,%g,%g,%g\n", set.camera[c].name, i, uv[0], uv[1], scene[i][0],
                    scene[i][1], scene[i][2]);
        }
    fclose(file);
    vg_camera_set_free(&set);
    json_t *json = run_json("calibrate extrinsics --scene --calibration %s --points %s --out %s --json", calibration,
                            points, out_path("scene.toml"));
    double a[16][3], b[16][3];
    const int32_t n = places(a, calibration);
    assert_int_equal(places(b, out_path("scene.toml")), n);
    for (int32_t c = 0; c < n; c++)
        for (int k = 0; k < 3; k++) assert_close(a[c][k], b[c][k], 1e-3);
    assert_true(number(json, "checks.scene_mm.mean") < 0.1);
    json_decref(json);
}

static void videos_of_a_board_place_cameras(void **state) {
    (void)state;
    const char *folder = vg_test_shared("caliscope/post_optimization");
    if (!folder) skip();
    const char *out = out_path("videos.toml");
    json_t *json =
        run_json("calibrate extrinsics %s/calibration/extrinsic --board %s/charuco.toml --every 8 --calibration "
                 "%s/camera_array.toml --out %s --json",
                 folder, folder, folder, out);
    char stored[1200];
    snprintf(stored, sizeof stored, "%s/camera_array.toml", folder);
    assert_int_equal(number(json, "cameras"), 4);
    assert_close(number(json, "checks.squares_mm.mean"), 54, 0.5);
    assert_true(shape_difference(out, stored) < 0.03);
    json_decref(json);
}

static void points_in_3d_are_written(void **state) {
    (void)state;
    char words[4400], *text;
    if (!board_words(words, sizeof words)) skip();
    const char *points = out_path("points.csv");
    json_decref(run_json("calibrate bundle %s --corners free --out %s --points-out %s --json", words,
                         out_path("p.toml"), points));
    vg_error err = {0};
    size_t size;
    assert_ok(vg_file_load(&text, &size, points, &err));
    assert_non_null(strstr(text, "frame,person,point,x,y,z,sd_x,sd_y,sd_z\n"));
    int lines = 0;
    for (size_t i = 0; i < size; i++) lines += text[i] == '\n';
    assert_true(lines > 600 && lines <= 661);
    free(text);
}

static void what_is_wrong_is_said_in_plain_words(void **state) {
    (void)state;
    expect_error(2, "--calibration is missing", "calibrate bundle");
    expect_error(5, "/nowhere.toml", "calibrate bundle --calibration /nowhere.toml --points x --out y");
    char words[4400];
    if (!board_words(words, sizeof words)) skip();
    expect_error(2, "--corners is `soft`; it must be one of rigid, free", "calibrate bundle %s --out x --corners soft",
                 words);
    expect_error(2, "--floor board needs --origin-frame", "calibrate bundle %s --out x --floor board", words);
    expect_error(5, "no board was placed in that frame", "calibrate bundle %s --out x --floor board --origin-frame 999",
                 words);
    expect_error(2, "write A-B=METRES", "calibrate bundle %s --corners free --out x --length 1-99=0.3", words);
    expect_error(1, "have no heels, toes or ankles", "calibrate bundle %s --corners free --out x --floor feet", words);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_real_board_is_fitted_as_well_as_the_best_known),
        cmocka_unit_test(a_real_board_places_cameras_without_a_start),
        cmocka_unit_test(a_person_places_cameras_without_a_wand),
        cmocka_unit_test(scene_points_place_cameras),
        cmocka_unit_test(videos_of_a_board_place_cameras),
        cmocka_unit_test(points_in_3d_are_written),
        cmocka_unit_test(what_is_wrong_is_said_in_plain_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
