/* vergence calibrate show and convert as users call them: what they print, what they warn of, exit codes. */
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
    expect(2, NULL, "--sizes has 2 sizes, the file 4 cameras", "calibrate show %s --sizes 1920x1080,640x480", path);
    expect(2, NULL, "--sizes is `big`", "calibrate show %s --sizes big", path);
    const char *qca = vg_test_shared("pose2sim/S00_Calibration/Calib.qca.txt");
    const char *pictures = vg_test_shared("pose2sim/S00_Calibration/intrinsics");
    if (!qca || !pictures) skip();
    expect(0, "Nothing suspicious", NULL, "calibrate show %s --pictures %s", qca, pictures);
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
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_rig_has_nothing_suspicious),   cmocka_unit_test(every_fault_is_found_and_nothing_else),
        cmocka_unit_test(the_floor_is_known_where_z_points_up), cmocka_unit_test(picture_sizes_are_compared),
        cmocka_unit_test(calibrations_are_converted),           cmocka_unit_test(usage_errors_name_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
