/* vergence triangulate: real recordings to files that read back, the JSON of the contract, and wrong inputs. */
#include "tests/support/process.h"

#include "common/text.h"
#include "perception/motion.h"

#include <jansson.h>
#include <math.h>
#include <sys/stat.h>

static vg_test_output got;
static char folder[4096];

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void run(const char *format, ...) {
    char words[8192];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    vg_test_run(&got, "vergence", words);
}

static void expect(int code, const char *part) {
    if (got.code != code || (part && !strstr(got.err, part)))
        fail_msg("exit %d, expected %d with `%s`; it said: %s%s", got.code, code, part ? part : "", got.err, got.out);
}

/* ---- a small recording of our own ---------------------------------------------------------------------------------- */

/* Three cameras on the x axis looking along y, one metre apart; a stick of two joints swings before them. */
static void write_calibration(const char *name, double scale, int cameras) {
    char path[5000];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int c = 0; c < cameras; c++)
        fprintf(
            file,
            "[cam_%02d]\nname = \"cam_%02d\"\nsize = [ 640.0, 480.0]\nmatrix = [ [ 500.0, 0.0, 320.0], [ 0.0, 500.0, "
            "240.0], [ 0.0, 0.0, 1.0]]\ndistortions = [ 0.0, 0.0, 0.0, 0.0]\nrotation = [ 1.5707963267948966, 0.0, "
            "0.0]\ntranslation = [ %g, %g, %g]\nfisheye = false\n\n",
            c + 1, c + 1, scale * (1 - c), scale * 1.0, scale * 4.0);
    fprintf(file, "[metadata]\nadjusted = false\nerror = 0.0\n");
    fclose(file);
}

/* `unit` divides pixels. */
static void write_keypoints(const char *name, int cameras, double unit, bool swapped) {
    static const char *const joints[] = {"LHip", "LKnee", "LAnkle"};
    char path[5000];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "camera,frame,joint,x,y,confidence\n");
    for (int f = 0; f < 40; f++)
        for (int c = 0; c < cameras; c++)
            for (int j = 0; j < 3; j++) {
                const double z = 1 - 0.42 * j,
                             x = 0.1 * sin(0.2 * f) * j; /* at y = 0, 4 m away, 1 m below the cameras' height */
                const double u = 320 + 500 * (x + 1 - c) / 4, v = 240 + 500 * (1 - z) / 4;
                fprintf(file, "cam%02d,%d,%s,%.4f,%.4f,0.9\n", c + 1, f, joints[j], (swapped ? 2 * v : u) / unit,
                        (swapped ? 2 * u + 3 * j * c : v) / unit);
            }
    fclose(file);
}

static void wrong_words_exit_2(void **state) {
    (void)state;
    run("triangulate");
    expect(2, "--calibration is needed");
    run("triangulate --calibration a");
    expect(2, "--keypoints is needed");
    run("triangulate --calibration a --keypoints b --preset lab");
    expect(2, "there is pose2sim");
    run("triangulate --calibration a --keypoints b --out c.fbx");
    expect(2, "--out is `c.fbx`");
    run("triangulate --calibration a --keypoints b --filter loess");
    expect(2, "filter `loess` is unknown");
}

static void wrong_inputs_are_named_with_their_mend(void **state) {
    (void)state;
    static const struct {
        const char *calibration, *keypoints, *more, *part;
        int code;
    } cases[] = {
        {"none.toml", "kp.csv", "", "none.toml", 5},
        {"cal.toml", "none", "", "there is no such folder or file", 5},
        {"kp.csv", "kp.csv", "", "kp.csv", 1},
        {"cal_mm.toml", "kp.csv", "", "millimetres read as metres", 2},
        {"cal4.toml", "kp.csv", "", "none for `cam_04`; --allow-missing", 2},
        {"cal2.toml", "kp.csv", "", "none is `cam03`", 2},
        {"cal.toml", "normal.csv", "", "shares of the picture", 2},
        {"cal.toml", "big.csv", "", "lie outside the 640 x 480 pictures", 2},
        {"cal.toml", "kp.csv", "--joints LHip,LKnie", "did you mean LKnee", 2},
        {"cal.toml", "kp.csv", "--frames some", "--frames is `some`", 2},
        {"cal.toml", "kp.csv", "--people two", "--people is `two`", 2},
        {"cal.toml", "kp.csv", "--unit yards --out x.trc", "--unit is `yards`", 2},
        {"cal.toml", "kp.csv", "--frame upside --out x.trc", "--frame is `upside`", 2},
        {"cal.toml", "kp.csv", "--model COCO_19", "joint set `COCO_19` is unknown", 2},
        {"cal.toml", "kp.csv", "--camera cam01=left", "--camera cam01=left", 2},
        {"cal.toml", "kp.csv", "--filter butterworth --cutoff 31 --fps 60", "cutoff is 31", 2},
        {"cal.toml", "turned.csv", "", "belong together", 1},
        {"cal.toml", "lone.csv", "--allow-missing", "at least two", 2},
    };
    write_calibration("cal.toml", 1, 3), write_calibration("cal_mm.toml", 1000, 3);
    write_calibration("cal4.toml", 1, 4), write_calibration("cal2.toml", 1, 2);
    write_keypoints("kp.csv", 3, 1, false), write_keypoints("normal.csv", 3, 640, false);
    write_keypoints("big.csv", 3, 0.25, false), write_keypoints("turned.csv", 3, 2.5, true);
    write_keypoints("lone.csv", 1, 1, false);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        run("triangulate --fps 60 --calibration %s/%s --keypoints %s/%s %s", folder, cases[i].calibration, folder,
            cases[i].keypoints, cases[i].more);
        if (got.code != cases[i].code || !strstr(got.err, cases[i].part))
            fail_msg("%s with %s %s: exit %d: %s", cases[i].calibration, cases[i].keypoints, cases[i].more, got.code,
                     got.err);
    }
}

static json_t *expect_json(void) {
    json_error_t why;
    expect(0, NULL);
    json_t *root = json_loads(got.out, 0, &why);
    if (!json_is_object(root)) fail_msg("stdout is not one JSON object: %s: %s", why.text, got.out);
    return root;
}

static double number(const json_t *root, const char *name) {
    const json_t *value = json_object_get(root, name);
    if (!json_is_number(value)) fail_msg("there is no number `%s`", name);
    return json_number_value(value);
}

/* The same stick in every format, unit and axes; a calibration in millimetres with its unit named gives the same. */
static void files_hold_what_was_there(void **state) {
    (void)state;
    write_calibration("cal.toml", 1, 3), write_calibration("cal_mm.toml", 1000, 3);
    write_keypoints("kp.csv", 3, 1, false);
    static const struct {
        const char *words, *name;
        int32_t axes;
        double scale, tolerance;
    } cases[] = {
        {"--calibration %s/cal.toml", "a.csv", VG_AXES_Z_UP, 1, 1e-4},
        {"--calibration %s/cal.toml", "a.jsonl", VG_AXES_Z_UP, 1, 1e-4},
        {"--calibration %s/cal.toml", "a.trc", VG_AXES_Y_UP_YZX, 1, 1e-4},
        {"--calibration %s/cal.toml --frame z-up --unit mm", "b.trc", VG_AXES_Z_UP, 1000, 0.1},
        {"--calibration %s/cal.toml", "a.c3d", VG_AXES_Z_UP, 1000, 0.1},
        {"--calibration %s/cal.toml --frame y-up --unit m", "b.c3d", VG_AXES_Y_UP, 1, 1e-4},
        {"--calibration-unit mm --calibration %s/cal_mm.toml", "c.csv", VG_AXES_Z_UP, 1, 1e-4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char words[5000], path[5000];
        vg_error err = {0};
        vg_motion m;
        vg_motion_options options = vg_motion_options_default();
        options.axes = cases[i].axes; /* TRC does not say */
        snprintf(words, sizeof words, cases[i].words, folder);
        snprintf(path, sizeof path, "%s/%s", folder, cases[i].name);
        run("triangulate --fps 50 --no-bones %s --keypoints %s/kp.csv --out %s --json", words, folder, path);
        json_t *root = expect_json();
        assert_close(number(root, "frames"), 40, 0);
        assert_close(number(root, "people"), 1, 0);
        assert_close(number(root, "points"), 120, 0);
        assert_close(number(root, "lost"), 0, 0);
        assert_close(number(json_object_get(root, "reprojection_px"), "mean"), 0, 1e-3);
        assert_close(number(json_object_get(root, "reprojection_px"), "median"), 0, 1e-3);
        assert_close(number(json_object_get(root, "reprojection_px"), "rms"), 0, 1e-3);
        assert_true(number(root, "points_per_second") > 0);
        json_decref(root);
        assert_ok(vg_motion_read(path, &options, &m, &err));
        assert_int_equal(m.axes, cases[i].axes);
        assert_close(m.rate, 50, 1e-9);
        vg_motion_convert(&m, (vg_unit)m.unit, VG_AXES_Z_UP);
        const int32_t knee = vg_motion_find(&m, "LKnee");
        for (int f = 0; f < 40; f++) {
            const double *x = m.positions + 3 * (f * m.points + knee);
            assert_close(x[0], cases[i].scale * 0.1 * sin(0.2 * f), cases[i].tolerance);
            assert_close(x[1], 0, cases[i].tolerance);
            assert_close(x[2], cases[i].scale * 0.58, cases[i].tolerance);
        }
        vg_motion_free(&m);
    }
}

static void the_preset_reproduces_the_reference_s_file(void **state) {
    (void)state;
    const char *calibration = vg_test_shared("pose2sim/S00_Calibration/Calib_qualisys.toml");
    const char *keypoints = vg_test_shared("pose2sim/single/pose");
    const char *raw = vg_test_shared("pose2sim/single/pose-3d/S00_P00_T01_BalancingTrial_0-100.trc");
    const char *filtered =
        vg_test_shared("pose2sim/single/pose-3d/S00_P00_T01_BalancingTrial_0-100_filt_butterworth.trc");
    if (!calibration || !keypoints || !raw || !filtered) skip();
    for (int i = 0; i < 2; i++) {
        vg_error err = {0};
        vg_motion a, b;
        char path[5000];
        snprintf(path, sizeof path, "%s/reference.trc", folder);
        run("triangulate --calibration %s --keypoints %s --preset pose2sim --fps 60 --out %s --json%s", calibration,
            keypoints, path, i ? " --filter butterworth" : "");
        json_t *root = expect_json();
        assert_close(number(json_object_get(root, "reprojection_px"), "mean"), 10.0, 0.05);
        assert_close(number(root, "cameras_removed"), 0.55, 0.005);
        assert_close(number(root, "filled"), 6, 0);
        json_decref(root);
        assert_ok(vg_motion_read(path, NULL, &a, &err));
        assert_ok(vg_motion_read(i ? filtered : raw, NULL, &b, &err));
        assert_int_equal(a.points, b.points);
        assert_int_equal(a.frames, b.frames);
        for (int32_t f = 0; f < a.frames; f++) {
            assert_int_equal(a.numbers[f], b.numbers[f]);
            assert_close(a.times[f], b.times[f], 1e-9);
        }
        for (int32_t k = 0; k < a.frames * a.points * 3; k++) assert_close(a.positions[k], b.positions[k], 1e-5);
        vg_motion_free(&a), vg_motion_free(&b);
    }
}

static void several_people_have_files_or_names_of_their_own(void **state) {
    (void)state;
    const char *calibration = vg_test_shared("pose2sim/S00_Calibration/Calib_qualisys.toml");
    const char *keypoints = vg_test_shared("pose2sim/multi/pose");
    if (!calibration || !keypoints) skip();
    vg_error err = {0};
    vg_motion all, second;
    char path[5000];
    run("triangulate --calibration %s --keypoints %s --people all --fps 60 --out %s/m.trc --out %s/m.c3d --out "
        "%s/m.csv --out %s/m.bvh --report %s/m.svg --json",
        calibration, keypoints, folder, folder, folder, folder, folder);
    json_t *root = expect_json();
    const int people = (int)number(root, "people");
    assert_true(people >= 2);
    assert_true(json_array_size(json_object_get(root, "files")) >= (size_t)people + 5);
    json_decref(root);
    char *picture;
    size_t size;
    snprintf(path, sizeof path, "%s/m.svg", folder);
    assert_ok(vg_file_load(&picture, &size, path, &err));
    assert_non_null(strstr(picture, "<svg "));
    assert_non_null(strstr(picture, "#d9443f")); /* right limbs */
    assert_null(strstr(picture, "nan"));
    free(picture);
    vg_bvh bvh;
    snprintf(path, sizeof path, "%s/m_P2.bvh", folder);
    assert_ok(vg_bvh_read(path, &bvh, &err));
    assert_int_equal(bvh.frames, 100);
    vg_bvh_free(&bvh);
    vg_motion_options options = vg_motion_options_default();
    options.axes = VG_AXES_Y_UP_YZX;
    snprintf(path, sizeof path, "%s/m_P2.trc", folder);
    assert_ok(vg_motion_read(path, &options, &second, &err));
    vg_motion_convert(&second, VG_UNIT_METRE, VG_AXES_Z_UP);
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/m.%s", folder, i ? "csv" : "c3d");
        assert_ok(vg_motion_read(path, NULL, &all, &err));
        vg_motion_convert(&all, VG_UNIT_METRE, VG_AXES_Z_UP);
        assert_int_equal(all.points, people * second.points);
        const int32_t from = vg_motion_find(&all, "P2:RKnee"), to = vg_motion_find(&second, "RKnee");
        assert_true(from >= 0 && to >= 0);
        for (int32_t f = 0; f < 100; f++)
            for (int k = 0; k < 3; k++)
                assert_close(all.positions[3 * (f * all.points + from) + k],
                             second.positions[3 * (f * second.points + to) + k], i ? 1e-12 : 1e-6);
        if (i) assert_non_null(all.covariances);
        vg_motion_free(&all);
    }
    vg_motion_free(&second);
}

/* Round through the formats: the places come back, in the unit and axes that each file names. */
static void motion_files_turn_into_others(void **state) {
    (void)state;
    vg_error err = {0};
    write_calibration("cal.toml", 1, 3), write_keypoints("kp.csv", 3, 1, false);
    run("triangulate --calibration %s/cal.toml --keypoints %s/kp.csv --fps 50 --out %s/a.trc", folder, folder, folder);
    expect(0, NULL);
    run("take export %s/a.trc --out %s/b.c3d", folder, folder);
    expect(0, NULL);
    assert_non_null(strstr(got.out, "40 frames of 3 points at 50 a second; m, y-up-yzx"));
    run("take export %s/b.c3d --out %s/c.jsonl --unit m --frame y-up-yzx", folder, folder);
    expect(0, NULL);
    char path[2][5000];
    snprintf(path[0], sizeof path[0], "%s/a.trc", folder), snprintf(path[1], sizeof path[1], "%s/c.jsonl", folder);
    vg_motion a, c;
    assert_ok(vg_motion_read(path[0], NULL, &a, &err));
    assert_ok(vg_motion_read(path[1], NULL, &c, &err));
    assert_int_equal(c.axes, VG_AXES_Y_UP_YZX);
    assert_int_equal(c.frames, a.frames);
    for (int32_t i = 0; i < a.frames * a.points * 3; i++) assert_close(c.positions[i], a.positions[i], 1e-6);
    vg_motion_free(&a), vg_motion_free(&c);
    run("take show %s/b.c3d --json", folder);
    expect(0, NULL);
    assert_non_null(strstr(got.out, "\"unit\": \"mm\""));
    run("take show %s/none.trc", folder);
    expect(5, "none.trc");
    run("take export %s/a.trc --out %s/d.csv --from sideways", folder, folder);
    expect(2, "--from is `sideways`");
}

int main(void) {
    snprintf(folder, sizeof folder, "%s", vg_test_folder());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_words_exit_2),
        cmocka_unit_test(wrong_inputs_are_named_with_their_mend),
        cmocka_unit_test(files_hold_what_was_there),
        cmocka_unit_test(the_preset_reproduces_the_reference_s_file),
        cmocka_unit_test(motion_files_turn_into_others),
        cmocka_unit_test(several_people_have_files_or_names_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
