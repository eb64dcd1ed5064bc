/* vergence calibrate show and convert as users call them: what they print, what they warn of, exit codes. */
#include "tests/calibration/boards.h"
#include "tests/calibration/sets.h"
#include "tests/support/process.h"

#include <jansson.h>

static vg_test_output got;

static void expect(int code, const char *in_out, const char *in_err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static void expect(int code, const char *in_out, const char *in_err, const char *format, ...) {
    char words[9000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    vg_test_run(&got, "vergence", words);
    if (got.code != code || (in_out && !strstr(got.out, in_out)) || (in_err && !strstr(got.err, in_err)))
        fail_msg("vergence %s: exit %d, expected %d with `%s` and `%s`; it said: %s%s", words, got.code, code,
                 in_out ? in_out : "", in_err ? in_err : "", got.out, got.err);
}

/* Four cameras around a room in a file of that name; `spoil` makes something wrong with the second. */
static const char *rig(const char *name, void (*spoil)(vg_camera_set *set)) {
    static char path[4200];
    vg_error err = {0};
    vg_camera_set set;
    assert_ok(vg_camera_set_create(&set, 4, &err));
    for (int i = 0; i < 4; i++) {
        const double from[3] = {4 * cos(1.2 * i), 4 * sin(1.2 * i), 2.5}, at[3] = {0, 0, 1};
        set.camera[i].camera = camera_of(MILD);
        place_camera(&set.camera[i].camera, from, at);
        set.camera[i].placed = true;
        snprintf(set.camera[i].name, VG_CAMERA_NAME, "cam_%02d", i + 1);
    }
    if (spoil) spoil(&set);
    snprintf(path, sizeof path, "%s/%s", vg_test_folder(), name);
    assert_ok(vg_calibration_write(path, &set, VG_CALIBRATION_CALISCOPE, &err)); /* keeps matrices as they are */
    vg_camera_set_free(&set);
    return path;
}

static void nothing(vg_camera_set *set) {
    (void)set;
}
static void mirror(vg_camera_set *set) {
    for (int k = 0; k < 3; k++) set->camera[1].camera.R[k] *= -1;
}
static void exchange_rows(vg_camera_set *set) {
    for (int k = 0; k < 3; k++) set->camera[1].camera.R[k] = set->camera[1].camera.R[3 + k];
}
static void same_place(vg_camera_set *set) {
    set->camera[1].camera = set->camera[0].camera;
}
static void thousandfold(vg_camera_set *set) {
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 3; k++) set->camera[i].camera.t[k] *= 1000;
}
static void thousandth(vg_camera_set *set) {
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 3; k++) set->camera[i].camera.t[k] /= 1000;
}
static void bend(vg_camera_set *set) {
    set->camera[1].camera.distortion[0] = -0.6;
    set->camera[1].camera.distortion[1] = set->camera[1].camera.distortion[4] = 0;
}
static void turn_size(vg_camera_set *set) {
    set->camera[1].camera.width = 1080, set->camera[1].camera.height = 1920;
}
static void no_size(vg_camera_set *set) {
    set->camera[1].camera.width = set->camera[1].camera.height = 0;
}
static void look_away(vg_camera_set *set) {
    const double from[3] = {4 * cos(1.2), 4 * sin(1.2), 2.5}, at[3] = {8 * cos(1.2), 8 * sin(1.2), 1};
    place_camera(&set->camera[1].camera, from, at);
}
static void flatten(vg_camera_set *set) {
    set->camera[1].camera.fy *= 1.3;
}
static void unplace(vg_camera_set *set) {
    set->camera[1].placed = false;
}
static void bad_error(vg_camera_set *set) {
    set->camera[1].error_px = 12.5;
}

static const struct {
    void (*spoil)(vg_camera_set *set);
    const char *kind, *words;
} faults[] = {
    {mirror, "mirrored", "cam_02: mirrored"},
    {exchange_rows, "not_a_rotation", "cam_02: its rotation is none"},
    {same_place, "same_place", "cam_01 and cam_02: stand in one place"},
    {thousandfold, "unit", "look like millimetres read as metres"},
    {thousandth, "unit", "look like metres read as millimetres"},
    {bend, "distortion", "cam_02: the distortion is valid only to"},
    {turn_size, "size", "width and height look exchanged"},
    {no_size, "size", "cam_02: the file gives no picture size"},
    {look_away, "looks_away", "cam_02: looks away"},
    {flatten, "focal", "cam_02: focal lengths"},
    {unplace, "not_placed", "cam_02: has no place in the file"},
    {bad_error, "error", "cam_02: its stated reprojection error is 12.5 px"},
};

static void a_sound_rig_has_nothing_suspicious(void **state) {
    (void)state;
    const char *path = rig("sound.toml", nothing);
    expect(0, "stands at   x 4.000, y 0.000, z 2.500 m", NULL, "calibrate show %s", path);
    assert_non_null(strstr(got.out, "Nothing suspicious."));
    assert_non_null(strstr(got.out, "looks       towards -x, 20.6 degrees down"));
    assert_non_null(strstr(got.out, "Together they look at x 0.00, y 0.00, z 1.00 m."));
    expect(0, NULL, NULL, "calibrate show %s --sizes 1920x1080", path);
}

static void every_fault_is_found_and_nothing_else(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        const char *path = rig("fault.toml", faults[i].spoil);
        expect(6, faults[i].words, NULL, "calibrate show %s", path);
        expect(6, NULL, NULL, "calibrate show --json %s", path);
        json_error_t why;
        json_t *root = json_loads(got.out, 0, &why);
        if (!root) fail_msg("%s: %s", why.text, got.out);
        json_t *warnings = json_object_get(root, "warnings");
        bool found = false;
        for (size_t k = 0; k < json_array_size(warnings); k++) {
            const json_t *warning = json_array_get(warnings, k);
            const char *kind = json_string_value(json_object_get(warning, "kind"));
            found = found || strcmp(kind, faults[i].kind) == 0;
            if (strcmp(kind, faults[i].kind) != 0) print_message("%s also finds %s\n", faults[i].kind, kind);
            assert_non_null(json_object_get(warning, "message"));
        }
        if (!found || json_array_size(warnings) > 2) fail_msg("%s: %s", faults[i].kind, got.out);
        json_decref(root);
    }
}

static void the_floor_is_known_where_z_points_up(void **state) {
    (void)state;
    char toml[4300];
    snprintf(toml, sizeof toml, "%s/sunk.toml", vg_test_folder());
    vg_error err = {0};
    vg_camera_set set;
    assert_ok(vg_calibration_read(rig("sound.toml", nothing), NULL, &set, &err));
    const double from[3] = {4, 0, -2}, at[3] = {0, 0, 1};
    place_camera(&set.camera[0].camera, from, at);
    for (int k = 0; k < 6; k++) set.camera[1].camera.R[k] *= -1; /* half a turn about the axis it looks along */
    for (int k = 0; k < 2; k++) set.camera[1].camera.t[k] *= -1;
    assert_ok(vg_calibration_write(toml, &set, VG_CALIBRATION_POSE2SIM, &err));
    vg_camera_set_free(&set);
    expect(6, "cam_01: stands 2.00 m under the floor", NULL, "calibrate show %s", toml);
    assert_non_null(strstr(got.out, "cam_02: hangs upside down"));
}

static void picture_sizes_are_compared(void **state) {
    (void)state;
    const char *path = rig("sound.toml", nothing);
    expect(6, "cam_03: calibrated at 1920 x 1080, but its pictures are 640 x 480", NULL,
           "calibrate show %s --sizes 1920x1080,1920x1080,640x480,1920x1080", path);
    expect(2, NULL, "--sizes has 2 sizes for 4 cameras", "calibrate show %s --sizes 1920x1080,640x480", path);
    expect(2, NULL, "--sizes is `big`", "calibrate show %s --sizes big", path);
    const char *qca = vg_test_shared("pose2sim/S00_Calibration/Calib.qca.txt");
    const char *pictures = vg_test_shared("pose2sim/S00_Calibration/intrinsics");
    if (!qca || !pictures) skip();
    expect(0, "Nothing suspicious", NULL, "calibrate show %s --pictures %s", qca, pictures);
    const char *scene = vg_test_shared("pose2sim/Calib_scene_1e65a39.toml");
    const char *videos = vg_test_shared("pose2sim/single/videos");
    if (scene && videos) expect(6, "its pictures are ", NULL, "calibrate show %s --pictures %s", scene, videos);
    expect(6, "its pictures are 1088 x 1920", NULL, "calibrate show %s --pictures %s", path, pictures);
    expect(5, NULL, "no pictures of camera `cam_01`", "calibrate show %s --pictures %s/int_cam02_img", path, pictures);
}

static void calibrations_are_converted(void **state) {
    (void)state;
    char out[4300];
    snprintf(out, sizeof out, "%s/out.qca.txt", vg_test_folder());
    expect(0, "4 cameras, read as Caliscope TOML", NULL, "calibrate convert %s --out %s", rig("sound.toml", nothing),
           out);
    expect(0, "x 4.000, y 0.000, z 2.500 m", NULL, "calibrate show %s", out);
    snprintf(out, sizeof out, "%s/easy", vg_test_folder());
    expect(0, "\"cameras\": 4", NULL, "calibrate convert %s --out %s --to easymocap --json", rig("sound.toml", nothing),
           out);
    expect(0, "EasyMocap YAML", NULL, "calibrate show %s", out);
    expect(2, NULL, "--out is missing", "calibrate convert %s", out);
    expect(2, NULL, "--to is `pose2sin`; did you mean `pose2sim`?", "calibrate convert %s --out x --to pose2sin", out);
    expect(2, NULL, "end the name in .toml", "calibrate convert %s --out x.doc", out);
}

/* Drawn pictures of a 5 x 4 board by two cameras: found, calibrated, written, read back. */
static void lenses_are_calibrated_from_pictures(void **state) {
    (void)state;
    const vg_board board = {.kind = VG_BOARD_CHESSBOARD, .columns = 5, .rows = 4, .square = 0.05};
    char folder[4200], path[4300], toml[4300], csv[4300];
    vg_rng rng = vg_test_rng(95);
    const double focal[2] = {280, 350};
    for (int c = 0; c < 2; c++) {
        snprintf(path, sizeof path, "mkdir -p %s/shots/left_%d", vg_test_folder(), c + 2);
        assert_int_equal(system(path), 0);
        for (int i = 0; i < 5; i++) {
            vg_camera camera = {.width = 320, .height = 240, .fx = focal[c], .fy = focal[c], .cx = 160, .cy = 120};
            pose_before_board(&camera, &board, &rng);
            snprintf(path, sizeof path, "%s/shots/left_%d/%d.pgm", vg_test_folder(), c + 2, i);
            draw_chessboard(path, &camera, &board, false);
        }
    }
    snprintf(folder, sizeof folder, "%s/shots", vg_test_folder());
    snprintf(toml, sizeof toml, "%s/lenses.toml", vg_test_folder());
    snprintf(csv, sizeof csv, "%s/corners.csv", vg_test_folder());
    expect(0, "written: ", "left_3: 5 of 5 pictures show the board",
           "calibrate intrinsics %s --chessboard 5x4 --square 50 --coefficients 0 --out %s --save-corners %s", folder,
           toml, csv);
    assert_non_null(strstr(got.out, "warning: only 5 boards"));
    vg_error err = {0};
    vg_camera_set set;
    assert_ok(vg_calibration_read(toml, NULL, &set, &err));
    assert_int_equal(set.cameras, 2);
    assert_string_equal(set.camera[1].name, "left_3");
    for (int c = 0; c < 2; c++) {
        assert_close(set.camera[c].camera.fx, focal[c], 2);
        assert_close(set.camera[c].camera.cx, 160, 2);
        assert_false(set.camera[c].placed);
    }
    vg_camera_set_free(&set);
    expect(0, "(not in the file)", NULL, "calibrate show %s --pictures %s", toml, folder);
    expect(0, "\"rms_px\"", NULL, "calibrate intrinsics --from %s --sizes 320x240 --coefficients 0 --json", csv);
    json_error_t why;
    json_t *root = json_loads(got.out, 0, &why);
    if (!root) fail_msg("%s", why.text);
    const json_t *one = json_array_get(json_object_get(root, "cameras"), 0);
    assert_string_equal(json_string_value(json_object_get(one, "name")), "cam_2");
    assert_close(json_number_value(json_array_get(json_object_get(one, "focal_px"), 0)), 280, 2);
    assert_close(json_number_value(json_object_get(one, "square_measured_mm")), 50, 0.3);
    assert_true(json_number_value(json_object_get(one, "rms_px")) < 0.1);
    json_decref(root);
    expect(1, NULL, "left_2: no picture shows the board", "calibrate intrinsics %s --chessboard 9x6 --square 50",
           folder);
}

/* The figures that OpenCV gives for these pictures, to 1 %. */
static void real_chessboards_give_opencvs_figures(void **state) {
    (void)state;
    static const double rms[4] = {0.226, 0.207, 0.218, 0.221}, fx[4] = {1674.2, 1675.7, 1678.8, 1672.9};
    const char *pictures = vg_test_shared("pose2sim/S00_Calibration/intrinsics");
    if (!pictures) skip();
    expect(0, NULL, NULL, "calibrate intrinsics %s --chessboard 4x7 --square 60 --json", pictures);
    json_error_t why;
    json_t *root = json_loads(got.out, 0, &why);
    if (!root) fail_msg("%s", why.text);
    for (size_t c = 0; c < 4; c++) {
        const json_t *its = json_array_get(json_object_get(root, "cameras"), c);
        assert_close(json_number_value(json_object_get(its, "rms_px")), rms[c], 0.01 * rms[c]);
        assert_close(json_number_value(json_array_get(json_object_get(its, "focal_px"), 0)), fx[c], 1);
        assert_close(json_number_value(json_object_get(its, "square_measured_mm")), 60, 0.1);
    }
    json_decref(root);
}

static void usage_errors_name_what_is_wrong(void **state) {
    (void)state;
    expect(2, NULL, "usage: vergence calibrate", "calibrate");
    expect(0, "usage: vergence calibrate COMMAND", NULL, "calibrate --help");
    expect(0, "usage: vergence calibrate show", NULL, "calibrate show --help");
    expect(2, NULL, "did you mean `show`?", "calibrate shaw");
    expect(2, NULL, "FILE is missing", "calibrate show");
    expect(2, NULL, "--unit is `foot`", "calibrate show x --unit foot");
    expect(2, NULL, "--format is `toml`", "calibrate show x --format toml");
    expect(5, NULL, "/nowhere.toml", "calibrate show /nowhere.toml");
    expect(2, NULL, "name what the cameras recorded", "calibrate intrinsics --chessboard 4x7 --square 60");
    expect(2, NULL, "the board is missing", "calibrate intrinsics x");
    expect(2, NULL, "exclude one another", "calibrate intrinsics x --chessboard 4x7 --charuco 4x5 --square 60");
    expect(2, NULL, "--chessboard is `4`", "calibrate intrinsics x --chessboard 4 --square 60");
    expect(2, NULL, "--square is missing", "calibrate intrinsics x --chessboard 4x7");
    expect(2, NULL, "--lens is `wide`", "calibrate intrinsics x --lens wide --chessboard 4x7 --square 60");
    expect(2, NULL, "--coefficients is 3", "calibrate intrinsics x --coefficients 3 --chessboard 4x7 --square 60");
    expect(2, NULL, "--sizes is missing", "calibrate intrinsics --from x.csv");
    expect(5, NULL, "/nowhere", "calibrate intrinsics /nowhere --chessboard 4x7 --square 60");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_rig_has_nothing_suspicious),
        cmocka_unit_test(every_fault_is_found_and_nothing_else),
        cmocka_unit_test(the_floor_is_known_where_z_points_up),
        cmocka_unit_test(picture_sizes_are_compared),
        cmocka_unit_test(calibrations_are_converted),
        cmocka_unit_test(lenses_are_calibrated_from_pictures),
        cmocka_unit_test(real_chessboards_give_opencvs_figures),
        cmocka_unit_test(usage_errors_name_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
