/* Calibration files: real ones read as other software reads them, what is written comes back, and damaged ones are refused
 * with a sentence that names file, place, value and mend. */
#include "tests/calibration/sets.h"

#include "calibration/calibration.h"
#include "common/text.h"

#include <jansson.h>
#include <sys/stat.h>

static vg_camera_set read_shared(const char *name, const vg_calibration_options *options) {
    vg_error err = {0};
    vg_camera_set set;
    const char *path = vg_test_shared(name);
    if (!path) skip();
    assert_ok(vg_calibration_read(path, options, &set, &err));
    return set;
}

static void centre_of(double out[3], const vg_camera *c) {
    vg_mat3_t_mul_vec(out, c->R, c->t);
    for (int k = 0; k < 3; k++) out[k] = -out[k];
}

/* --- real files ---------------------------------------------------------------------------------------------------- */

/* Pose2Sim converted the Qualisys file itself: all but its distortion, which it divides by 64. */
static void qualisys_file_is_read_as_pose2sim_reads_it_but_for_its_distortion(void **state) {
    (void)state;
    vg_camera_set ours = read_shared("pose2sim/S00_Calibration/Calib.qca.txt", NULL);
    vg_camera_set theirs = read_shared("pose2sim/S00_Calibration/Calib_qualisys.toml", NULL);
    assert_int_equal(ours.format, VG_CALIBRATION_QUALISYS);
    assert_int_equal(theirs.format, VG_CALIBRATION_POSE2SIM);
    assert_int_equal(ours.cameras, 4);
    assert_int_equal(theirs.cameras, 4);
    for (int i = 0; i < 4; i++) {
        const vg_camera *a = &ours.camera[i].camera, *b = &theirs.camera[i].camera;
        assert_string_equal(ours.camera[i].name, theirs.camera[i].name);
        assert_int_equal(a->width, 1088);
        assert_int_equal(a->height, 1920);
        assert_int_equal(b->width, 1088);
        assert_close(a->fx, b->fx, 1e-6);
        assert_close(a->fy, b->fy, 1e-6);
        assert_close(a->cx, b->cx, 1e-4);
        assert_close(a->cy, b->cy, 1e-4);
        for (int k = 0; k < 4; k++) assert_close(a->distortion[k] / 64, b->distortion[k], 1e-9);
        for (int k = 0; k < 9; k++) assert_close(a->R[k], b->R[k], 1e-7);
        for (int k = 0; k < 3; k++) assert_close(a->t[k], b->t[k], 1e-7);
    }
    assert_close(ours.camera[0].error_metres, 0.402e-3, 1e-12);
    vg_camera_set_free(&ours);
    vg_camera_set_free(&theirs);
}

/* The other calibration of the same rig, from chessboards and points measured on the scene, agrees with Qualisys' own on
 * where the lens bends, where cameras stand and where the scene's points fall, as far as two origins laid out by hand do
 * (20 px are 6 cm there; a convention misread moves points by hundreds). */
static void qualisys_file_agrees_with_chessboards_and_scene_points(void **state) {
    (void)state;
    static const double scene[8][3] = {{-2, 0.3, 0}, {-2, 0, 0}, {-2, 0, 0.05}, {-2, -0.3, 0},
                                       {0, 0.3, 0},  {0, 0, 0},  {0, 0, 0.05},  {0, -0.3, 0}};
    vg_camera_set qualisys = read_shared("pose2sim/S00_Calibration/Calib.qca.txt", NULL);
    vg_camera_set boards = read_shared("pose2sim/Calib_scene_1e65a39.toml", NULL);
    double k1[2] = {0}, k2[2] = {0}, sum = 0;
    for (int i = 0; i < 4; i++) {
        const vg_camera *a = &qualisys.camera[i].camera, *b = &boards.camera[i].camera;
        double p[3], q[3];
        centre_of(p, a);
        centre_of(q, b);
        for (int k = 0; k < 3; k++) assert_close(p[k], q[k], 0.15); /* metres: seven boards a camera are few */
        k1[0] += a->distortion[0] / 4, k2[0] += a->distortion[1] / 4;
        k1[1] += b->distortion[0] / 4, k2[1] += b->distortion[1] / 4;
        for (int s = 0; s < 8; s++) {
            double u[2], v[2];
            assert_true(vg_project(u, NULL, NULL, a, scene[s]));
            assert_true(vg_project(v, NULL, NULL, b, scene[s]));
            sum += hypot(u[0] - v[0], u[1] - v[1]) / 32;
        }
    }
    print_message("scene points: %.1f px apart on average; k1 %.3f and %.3f, k2 %.3f and %.3f\n", sum, k1[0], k1[1],
                  k2[0], k2[1]);
    assert_true(sum < 25);
    assert_close(k1[0], k1[1], 0.02);
    assert_close(k2[0], k2[1], 0.06);
    vg_camera_set_free(&qualisys);
    vg_camera_set_free(&boards);
}

/* The stored points of Caliscope's bundle adjustment fall where its cameras saw them: 1.66 px rms by its own account. */
static void caliscope_cameras_project_its_points_to_its_corners(void **state) {
    (void)state;
    static const char *const files[] = {"caliscope/post_optimization/camera_array.toml",
                                        "caliscope/post_optimization/config.toml"};
    vg_error err = {0};
    const char *xyz_path = vg_test_shared("caliscope/post_optimization/calibration/extrinsic/CHARUCO/xyz_CHARUCO.csv");
    const char *xy_path = vg_test_shared("caliscope/post_optimization/calibration/extrinsic/CHARUCO/xy_CHARUCO.csv");
    if (!xyz_path || !xy_path) skip();
    for (int f = 0; f < 2; f++) {
        vg_camera_set set = read_shared(files[f], NULL);
        assert_int_equal(set.format, VG_CALIBRATION_CALISCOPE);
        assert_int_equal(set.cameras, 4);
        assert_string_equal(set.camera[2].name, "cam_2");
        assert_int_equal(set.camera[0].camera.width, 1280);
        assert_close(set.camera[0].error_px, 0.541, 1e-12);
        static double points[100][12][3]; /* [sync][corner] */
        memset(points, 0, sizeof points);
        char *text;
        size_t size;
        vg_span line;
        assert_ok(vg_file_load(&text, &size, xyz_path, &err));
        for (vg_lines lines = vg_lines_of(text, size); vg_lines_next(&lines, &line);) {
            int sync, object, corner;
            double x[3];
            if (sscanf(line.at, "%d,%d,%d,%lf,%lf,%lf", &sync, &object, &corner, x, x + 1, x + 2) != 6) continue;
            assert_in_range(corner, 0, 11);
            if (sync < 100) memcpy(points[sync][corner], x, sizeof x);
        }
        free(text);
        double sum = 0;
        int n = 0;
        assert_ok(vg_file_load(&text, &size, xy_path, &err));
        for (vg_lines lines = vg_lines_of(text, size); vg_lines_next(&lines, &line);) {
            int sync, camera, object, corner;
            double seen[2], uv[2];
            if (sscanf(line.at, "%d,%d,%d,%d,%lf,%lf", &sync, &camera, &object, &corner, seen, seen + 1) != 6) continue;
            if (sync >= 100 || points[sync][corner][0] == 0) continue;
            vg_project(uv, NULL, NULL, &set.camera[camera].camera, points[sync][corner]);
            sum += pow(uv[0] - seen[0], 2) + pow(uv[1] - seen[1], 2);
            n++;
        }
        free(text);
        print_message("%s: %.4f px rms of %d corners\n", files[f], sqrt(sum / n), n);
        assert_true(n > 1000);
        assert_true(sqrt(sum / n) < 1.8);
        vg_camera_set_free(&set);
    }
}

static void lenses_without_places_are_told_from_placed_cameras(void **state) {
    (void)state;
    vg_camera_set set = read_shared("caliscope/not_sufficient_stereopairs/camera_array.toml", NULL);
    assert_int_equal(set.cameras, 6);
    for (int i = 0; i < 6; i++) assert_false(set.camera[i].placed);
    assert_int_equal(set.camera[0].camera.width, 2692);
    vg_camera_set_free(&set);
}

/* --- there and back ------------------------------------------------------------------------------------------------ */

typedef struct format_case {
    vg_calibration_format format;
    const char *file;
    double slack;
    size_t lenses;    /* how many of IDEAL, MILD, RATIONAL, FISHEYE it can hold */
    int32_t cameras;  /* at most */
    bool size, known; /* it holds picture sizes; detected without being told */
} format_case;

static const format_case formats[] = {
    {VG_CALIBRATION_POSE2SIM, "Calib.toml", 1e-14, LENS_KINDS, 9, true, true},
    {VG_CALIBRATION_ANIPOSE, "calibration.toml", 1e-14, LENS_KINDS, 9, true, true},
    {VG_CALIBRATION_CALISCOPE, "camera_array.toml", 1e-14, LENS_KINDS, 9, true, true},
    {VG_CALIBRATION_QUALISYS, "Calib.qca.txt", 1e-13, 2, 9, true, true},
    {VG_CALIBRATION_OPENCV, "stereo.yml", 1e-13, 2, 2, true, true},
    {VG_CALIBRATION_OPENCV, "stereo.xml", 1e-13, 2, 2, true, true},
    {VG_CALIBRATION_OPENCV, "one.yml", 1e-14, 3, 1, true, true},
    {VG_CALIBRATION_EASYMOCAP, "easymocap", 1e-14, 2, 9, true, true},
    {VG_CALIBRATION_PANOPTIC, "panoptic.json", 1e-14, 2, 9, true, true},
    {VG_CALIBRATION_COLMAP, "colmap", 1e-13, LENS_KINDS, 9, true, true},
    {VG_CALIBRATION_HUMAN36M, "camera-parameters.json", 1e-14, 2, 9, false, true},
};

static const lens_kind all_lenses[LENS_KINDS] = {IDEAL, MILD, RATIONAL, FISHEYE};

static void what_is_written_comes_back(void **state) {
    (void)state;
    vg_error err = {0};
    vg_rng rng = vg_test_rng(41);
    for (size_t f = 0; f < sizeof formats / sizeof formats[0]; f++)
        for (int repeat = 0; repeat < 20; repeat++) {
            const format_case *c = &formats[f];
            const int32_t n = 1 + (int32_t)vg_rng_below(&rng, (uint32_t)c->cameras);
            vg_camera_set set =
                random_set(&rng, c->format == VG_CALIBRATION_OPENCV ? c->cameras : n, all_lenses, c->lenses);
            if (c->format == VG_CALIBRATION_OPENCV) /* names are not in a stereo file */
                for (int32_t i = 0; i < set.cameras && set.cameras > 1; i++)
                    snprintf(set.camera[i].name, VG_CAMERA_NAME, "%d", i + 1);
            if (!c->size)
                for (int32_t i = 0; i < set.cameras; i++) set.camera[i].camera.width = set.camera[i].camera.height = 0;
            char path[4200];
            set.error_px = (double)vg_rng_uniform(&rng) + 0.01;
            snprintf(path, sizeof path, "%s/%s", vg_test_folder(), c->file);
            assert_ok(vg_calibration_write(path, &set, c->format, &err));
            vg_camera_set back;
            assert_ok(vg_calibration_read(path, NULL, &back, &err));
            assert_int_equal(back.format, c->format);
            assert_same_set(&set, &back, c->slack);
            if (c->format == VG_CALIBRATION_POSE2SIM || c->format == VG_CALIBRATION_ANIPOSE)
                assert_close(back.error_px, set.error_px, 0);
            /* and what was read is written as the same bytes: nothing drifts from file to file */
            if (c->format != VG_CALIBRATION_EASYMOCAP && c->format != VG_CALIBRATION_COLMAP) {
                char again[4300], *one, *two;
                size_t one_size, two_size;
                vg_camera_set third;
                snprintf(again, sizeof again, "%s/again-%s", vg_test_folder(), c->file);
                assert_ok(vg_calibration_write(again, &back, c->format, &err));
                assert_ok(vg_calibration_read(again, NULL, &third, &err));
                assert_same_set(&back, &third, c->slack);
                vg_camera_set_free(&third);
                assert_ok(vg_file_load(&one, &one_size, path, &err));
                assert_ok(vg_file_load(&two, &two_size, again, &err));
                const size_t longer = one_size > two_size ? one_size - two_size : two_size - one_size;
                assert_true(longer < 40 * (size_t)set.cameras); /* last digits may differ, content may not */
                free(one);
                free(two);
            }
            vg_camera_set_free(&set);
            vg_camera_set_free(&back);
        }
}

/* Each real calibration through each format that can hold it, and back. */
static void real_cameras_survive_every_format(void **state) {
    (void)state;
    vg_error err = {0};
    vg_camera_set set = read_shared("pose2sim/S00_Calibration/Calib.qca.txt", NULL);
    for (size_t f = 0; f < sizeof formats / sizeof formats[0]; f++) {
        const format_case *c = &formats[f];
        if (c->cameras < set.cameras || !c->size) continue;
        char path[4200];
        snprintf(path, sizeof path, "%s/real-%s", vg_test_folder(), c->file);
        assert_ok(vg_calibration_write(path, &set, c->format, &err));
        vg_camera_set back;
        assert_ok(vg_calibration_read(path, NULL, &back, &err));
        assert_same_set(&set, &back, 1e-7); /* the real file's rotations are rounded */
        vg_camera_set_free(&back);
    }
    vg_camera_set_free(&set);
}

static void what_a_format_cannot_hold_is_refused(void **state) {
    (void)state;
    vg_error err = {0};
    vg_rng rng = vg_test_rng(42);
    const lens_kind fisheye = FISHEYE, mild = MILD;
    vg_camera_set set = random_set(&rng, 3, &fisheye, 1);
    char path[4200];
    snprintf(path, sizeof path, "%s/refused.json", vg_test_folder());
    assert_error(vg_calibration_write(path, &set, VG_CALIBRATION_PANOPTIC, &err), VG_UNSUPPORTED, "cam_01");
    assert_error(vg_calibration_write(path, &set, VG_CALIBRATION_QUALISYS, &err), VG_UNSUPPORTED,
                 "write Pose2Sim TOML");
    assert_error(vg_calibration_write(path, &set, VG_CALIBRATION_OPENCV, &err), VG_UNSUPPORTED, "3 cameras");
    assert_error(vg_calibration_write(path, &set, VG_CALIBRATION_VOXELPOSE, &err), VG_UNSUPPORTED, "end the name in");
    struct stat st;
    assert_int_not_equal(stat(path, &st), 0);
    vg_camera_set_free(&set);
    set = random_set(&rng, 2, &mild, 1);
    set.camera[1].placed = false;
    assert_error(vg_calibration_write(path, &set, VG_CALIBRATION_PANOPTIC, &err), VG_UNSUPPORTED, "cam_02");
    assert_error(vg_calibration_write("/nowhere/Calib.toml", &set, VG_CALIBRATION_AUTO, &err), VG_IO, "/nowhere");
    vg_camera_set_free(&set);
}

/* --- conventions, from texts written by hand ----------------------------------------------------------------------- */

static vg_camera_set parse(const char *text) {
    vg_error err = {0};
    vg_camera_set set;
    assert_ok(vg_calibration_parse("text", text, strlen(text), NULL, &set, &err));
    return set;
}

/* A camera 2 m above the floor and 3 m from the middle, looking along +y at the horizon, as every format says it. */
static const char *const same_camera[] = {
    "[c]\nname='c'\nsize=[640.0,480.0]\nmatrix=[[500.0,0,320.0],[0,500.0,240.0],[0,0,1]]\ndistortions=[0.1,0,0,0]\n"
    "rotation=[1.5707963267948966,0,0]\ntranslation=[0,2.0,3.0]\nfisheye=false\n[metadata]\nadjusted=false\nerror=0."
    "0\n",
    "[cam_0]\nname='c'\nsize=[640,480]\nmatrix=[[500.0,0,320.0],[0,500.0,240.0],[0,0,1]]\ndistortions=[0.1,0,0,0,0]\n"
    "rotation=[1.5707963267948966,0,0]\ntranslation=[0,2000.0,3000.0]\n[metadata]\nadjusted=false\nerror=0.3\n",
    "[cameras.7]\ncam_id=7\nname='c'\nsize=[640,480]\nmatrix=[[500.0,0,320.0],[0,500.0,240.0],[0,0,1]]\n"
    "distortions=[0.1,0,0,0,0]\nrotation=[[1,0,0],[0,0,-1],[0,1,0]]\ntranslation=[0,2.0,3.0]\n",
    "<calibration><cameras><camera serial='c' model='Miqus Video'><fov_video left='10' top='20' right='649' "
    "bottom='499'/><transform x='0' y='-3000' z='2000' r11='1' r12='0' r13='0' r21='0' r22='0' r23='1' r31='0' "
    "r32='-1' "
    "r33='0'/><intrinsic focalLengthU='32000' focalLengthV='32000' centerPointU='21120' centerPointV='16640' "
    "radialDistortion1='0.1' radialDistortion2='0' tangentalDistortion1='0' tangentalDistortion2='0'/></camera>"
    "<camera serial='marker' model='Oqus'/></cameras></calibration>",
    "{\"cameras\":[{\"name\":\"c\",\"type\":\"hd\",\"resolution\":[640,480],\"K\":[[500,0,320],[0,500,240],[0,0,1]],"
    "\"distCoef\":[0.1,0,0,0,0],\"R\":[[1,0,0],[0,1,0],[0,0,1]],\"t\":[[0],[200],[300]]}]}",
    "{\"intrinsics\":{\"c\":{\"calibration_matrix\":[[500,0,320],[0,500,240],[0,0,1]],\"distortion\":[0.1,0,0,0,0]}},"
    "\"extrinsics\":{\"S1\":{\"c\":{\"R\":[[1,0,0],[0,0,-1],[0,1,0]],\"t\":[[0],[2000],[3000]]}}}}",
    "{\"c\":{\"R\":[[1,0,0],[0,0,-1],[0,1,0]],\"T\":[[0],[-3000],[2000]],\"fx\":500,\"fy\":500,\"cx\":320,\"cy\":240,"
    "\"k\":[[0.1],[0],[0]],\"p\":[[0],[0]]}}",
    "{\"c\":{\"K\":[500,0,320,0,500,240,0,0,1],\"RT\":[1,0,0,0,0,0,-1,2,0,1,0,3],\"distCoeff\":[0.1,0,0,0,0],"
    "\"imgSize\":[640,480]}}",
    "%YAML:1.0\n---\nimage_width: 640\nimage_height: 480\ncamera_name: \"c\"\ncamera_matrix: !!opencv-matrix\n   rows: "
    "3\n"
    "   cols: 3\n   dt: d\n   data: [ 500., 0., 320., 0., 500., 240., 0., 0., 1. ]\ndistortion_coefficients: "
    "!!opencv-matrix\n   rows: 5\n   cols: 1\n   dt: d\n   data: [ 0.1, 0., 0., 0., 0. ]\nrvec: !!opencv-matrix\n   "
    "rows: "
    "3\n   cols: 1\n   dt: d\n   data: [ 1.5707963267948966, 0., 0. ]\ntvec: !!opencv-matrix\n   rows: 3\n   cols: 1\n "
    "  "
    "dt: d\n   data: [ 0., 2., 3. ]\n",
};

static void one_camera_is_the_same_in_every_format(void **state) {
    (void)state;
    static const double R[9] = {1, 0, 0, 0, 0, -1, 0, 1, 0}, t[3] = {0, 2, 3};
    for (size_t i = 0; i < sizeof same_camera / sizeof same_camera[0]; i++) {
        vg_camera_set set = parse(same_camera[i]);
        print_message("%s\n", vg_calibration_format_name((vg_calibration_format)set.format));
        assert_int_equal(set.cameras, 1);
        const vg_camera *c = &set.camera[0].camera;
        double centre[3];
        centre_of(centre, c);
        assert_string_equal(set.camera[0].name, "c");
        assert_true(set.camera[0].placed);
        assert_close(c->fx, 500, 0);
        assert_close(c->cx, 320, 0);
        assert_close(c->cy, 240, 0);
        assert_close(c->distortion[0], 0.1, 0);
        for (int k = 0; k < 9; k++) assert_close(c->R[k], R[k], 1e-15);
        for (int k = 0; k < 3; k++) assert_close(c->t[k], t[k], 1e-12);
        assert_close(centre[1], -3, 1e-12);
        assert_close(centre[2], 2, 1e-12);
        vg_camera_set_free(&set);
    }
}

/* COLMAP's pixel centres lie at half pixels. */
static void colmap_centres_lose_half_a_pixel(void **state) {
    (void)state;
    vg_camera_set set =
        parse("# Camera list\n1 PINHOLE 640 480 500 501 320.5 240.5\n2 SIMPLE_RADIAL 640 480 700 320 240 -0.1\n");
    assert_int_equal(set.cameras, 2);
    assert_close(set.camera[0].camera.cx, 320, 0);
    assert_close(set.camera[0].camera.fy, 501, 0);
    assert_close(set.camera[1].camera.fy, 700, 0);
    assert_close(set.camera[1].camera.distortion[0], -0.1, 0);
    assert_false(set.camera[0].placed);
    vg_camera_set_free(&set);
}

static void a_unit_can_be_given_over_that_of_the_file(void **state) {
    (void)state;
    vg_error err = {0};
    vg_camera_set set;
    const vg_calibration_options metres = {.unit_metres = 1};
    assert_ok(vg_calibration_parse("text", same_camera[1], strlen(same_camera[1]), &metres, &set, &err));
    assert_close(set.camera[0].camera.t[2], 3000, 0);
    vg_camera_set_free(&set);
}

/* --- damaged files ------------------------------------------------------------------------------------------------- */

/* `text` with the first `from` made `to`, read: the status and a part of the sentence. */
static void expect_refused(const char *text, const char *from, const char *to, const char *part) {
    vg_error err = {0};
    vg_camera_set set;
    char changed[8192];
    const char *at = strstr(text, from);
    if (!at) fail_msg("the text has no `%s`", from);
    snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    const vg_status status = vg_calibration_parse("my/file", changed, strlen(changed), NULL, &set, &err);
    if (status == VG_OK) fail_msg("`%s` for `%s` is accepted", to, from);
    if (!strstr(err.message, part) || !strstr(err.message, "my/file"))
        fail_msg("`%s` for `%s`: %s\nlacks `%s` or the file", to, from, err.message, part);
    assert_null(set.camera);
}

static void wrong_values_are_named(void **state) {
    (void)state;
    const char *const toml = same_camera[0], *const caliscope = same_camera[2], *const xml = same_camera[3],
                      *const panoptic = same_camera[4], *const human = same_camera[5], *const voxel = same_camera[6],
                      *const krt = same_camera[7], *const yaml = same_camera[8];
    expect_refused(toml, "500.0,0,320.0", "nan,0,320.0", "[c] matrix: value 1 is `\"nan\"`; give a finite number");
    expect_refused(toml, "500.0,0,320.0", "-500.0,0,320.0", "focal lengths -500 and 500 px; both must be above 0");
    expect_refused(toml, "[0,0,1]", "[0,0]", "matrix: 8 numbers where 9 are needed");
    expect_refused(toml, "translation=[0,2.0,3.0]\n", "", "translation is absent");
    expect_refused(toml, "translation=[0,2.0,3.0]", "translation=[0,2.0,inf]", "translation: value 3");
    expect_refused(toml, "translation=[0,2.0,3.0]", "translation=[0,2.0,1e300]", "translation element 3 is 1e+300 m");
    expect_refused(toml, "rotation=[1.5707963267948966,0,0]", "rotation=[1,2]",
                   "give a Rodrigues vector (3) or a matrix");
    expect_refused(toml, "distortions=[0.1,0,0,0]", "distortions=[0.1,0,0,0,0,0,0,0,1]",
                   "distortion coefficient 9 is 1");
    expect_refused(toml, "distortions=[0.1,0,0,0]", "distortions=\"none\"", "distortions");
    expect_refused(toml, "fisheye=false", "fisheye=true\ndistortions2=[0]\n[d]\nmatrix=[1]", "[d] matrix: 1 numbers");
    expect_refused(toml, "size=[640.0,480.0]", "size=[640.0,-480.0]", "size 640 x -480 px");
    expect_refused(toml, "size=[640.0,480.0]", "size=[640.0,1e9]", "up to 65536");
    expect_refused(toml, "name='c'", "name='c", "line 2");
    expect_refused(toml, "[c]", "[c", "line 1");
    expect_refused(toml, "[metadata]", "[c]", "line 9: `[c]` where a table whose name is not taken should be");
    expect_refused(toml, "error=0.0\n", "error=0.0\nunits='foot'\n", "metadata.units: `foot`; write m, cm or mm");
    expect_refused(toml, "matrix", "matrx", "no table holds a camera");
    expect_refused(caliscope, "[[1,0,0],[0,0,-1],[0,1,0]]", "[[1,0,0],[0,0,-1]]", "rotation: 6 numbers");
    expect_refused(xml, "r33='0'", "r33='zero'", "camera c transform.r33: `zero`; give a finite number");
    expect_refused(xml, "x='0'", "", "camera c transform.x: `(absent)`");
    expect_refused(xml, "right='649'", "right='1'", "size -8 x 480");
    expect_refused(xml, "model='Miqus Video'", "model='Oqus'", "none of which takes video");
    expect_refused(xml, "</camera>", "", "line 1");
    expect_refused(xml, "<calibration>", "<!DOCTYPE x [<!ENTITY a 'b'>]><calibration>", "DOCTYPE");
    expect_refused(panoptic, "[[0],[200],[300]]", "[[0],[200],[\"far\"]]", "cameras[0] c t: value 3 is `\"far\"`");
    expect_refused(panoptic, "\"name\":\"c\",", "", "cameras[0]");
    expect_refused(panoptic, "}]}", "", "cut short");
    expect_refused(human, "\"calibration_matrix\"", "\"matrix\"", "camera c calibration_matrix is absent");
    expect_refused(human, "{\"S1\":{\"c\"", "{\"S1\":{\"d\"", "camera d calibration_matrix is absent");
    expect_refused(voxel, "\"fy\":500", "\"fy\":null", "camera c fy is absent");
    expect_refused(krt, "0,1,0,3]", "0,1,0]", "camera c RT: 11 numbers where 12 are needed");
    expect_refused(krt, "[640,480]", "[640]", "camera c imgSize: 1 numbers where 2 are needed");
    expect_refused(yaml, "data: [ 500.", "data: [ .nan", "camera_matrix: value 1");
    expect_refused(yaml, "camera_matrix", "matrix", "neither camera_matrix nor M1");
    expect_refused(yaml, "data: [ 0., 2., 3. ]", "data: [ 0., 2. ]", "tvec: 2 numbers where 3 are needed");
}

/* A rotation that turns nothing into a rotation is kept for `show` to tell; what no rotation can be is refused. */
static void rotations_that_are_none_are_found(void **state) {
    (void)state;
    vg_error err = {0};
    vg_finding findings[8];
    vg_camera_set set;
    expect_refused(same_camera[2], "[0,0,-1]", "[0,0,-1e9]", "rotation element 6");
    char text[2048];
    snprintf(text, sizeof text, "%s", same_camera[2]);
    memcpy(strstr(text, "[0,1,0]"), "[0,2,0]", 7);
    assert_ok(vg_calibration_parse("text", text, strlen(text), NULL, &set, &err));
    assert_true(vg_calibration_check(findings, 8, &set, NULL) >= 1);
    assert_int_equal(findings[0].kind, VG_FINDING_NOT_ROTATION);
    vg_camera_set_free(&set);
}

static void names_given_twice_are_refused(void **state) {
    (void)state;
    vg_error err = {0};
    vg_camera_set set;
    char text[4096];
    snprintf(text, sizeof text, "%s", same_camera[0]);
    *strstr(text, "[metadata]") = '\0';
    const size_t n = strlen(text);
    snprintf(text + n, sizeof text - n, "[d]%s", strchr(same_camera[0], '\n'));
    assert_error(vg_calibration_parse("my/file", text, strlen(text), NULL, &set, &err), VG_INVALID,
                 "my/file: two cameras are called `c`; rename one");
}

/* Words that formats give a meaning, and marks that their languages do. */
static void unusual_names_survive(void **state) {
    (void)state;
    static const char *const names[] = {"metadata", "cameras", ":",  "a \"b\" \\c", "[x]",    "caf\xc3\xa9",
                                        "cam_7",    "1",       "#2", "names",       "a/b.png"};
    static const vg_calibration_format kept[] = {VG_CALIBRATION_POSE2SIM,  VG_CALIBRATION_ANIPOSE,
                                                 VG_CALIBRATION_CALISCOPE, VG_CALIBRATION_QUALISYS,
                                                 VG_CALIBRATION_PANOPTIC,  VG_CALIBRATION_COLMAP};
    vg_error err = {0};
    vg_rng rng = vg_test_rng(43);
    const lens_kind mild = MILD;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        vg_camera_set set = random_set(&rng, 2, &mild, 1), back;
        snprintf(set.camera[0].name, VG_CAMERA_NAME, "metadata_");
        snprintf(set.camera[1].name, VG_CAMERA_NAME, "%s", names[i]);
        for (size_t f = 0; f < sizeof kept / sizeof kept[0]; f++) {
            char path[4200];
            snprintf(path, sizeof path, "%s/names-%zu", vg_test_folder(), f);
            assert_ok(vg_calibration_write(path, &set, kept[f], &err));
            assert_ok(vg_calibration_read(path, NULL, &back, &err));
            assert_int_equal(back.cameras, 2);
            if (vg_camera_set_find(&back, names[i]) < 0)
                fail_msg("%s loses `%s`", vg_calibration_format_name(kept[f]), names[i]);
            vg_camera_set_free(&back);
        }
        vg_camera_set_free(&set);
    }
    expect_refused("# Camera list\n1 PINHOLE 640 480 500 500 320 240\n", "PINHOLE", "HOLE", "model `HOLE`");
    expect_refused(same_camera[0], "name='c'", "name=\"a\\tb\"", "camera name is not text");
}

static void huge_counts_are_refused(void **state) {
    (void)state;
    vg_error err = {0};
    vg_camera_set set;
    const size_t room = 4 << 20;
    char *text = malloc(room);
    size_t n = 0;
    for (int i = 0; i < 1100; i++)
        n += (size_t)snprintf(text + n, room - n, "[c%d]\nmatrix=[[1,0,0],[0,1,0],[0,0,1]]\n", i);
    assert_error(vg_calibration_parse("my/file", text, n, NULL, &set, &err), VG_INVALID, "1100 cameras; at most 1024");
    n = (size_t)snprintf(text, room, "[c]\nmatrix=");
    memset(text + n, '[', 100000);
    n += 100000;
    assert_error(vg_calibration_parse("my/file", text, n, NULL, &set, &err), VG_CORRUPT, "nested less deeply");
    n = (size_t)snprintf(text, room, "[c]\nmatrix=[");
    for (int i = 0; i < 200000; i++) n += (size_t)snprintf(text + n, room - n, "1,");
    n += (size_t)snprintf(text + n, room - n, "]\n");
    assert_error(vg_calibration_parse("my/file", text, n, NULL, &set, &err), VG_INVALID, "matrix: more than 9 numbers");
    free(text);
}

/* Cut anywhere, every format is either refused with a sentence or read as what stands there. */
static void files_cut_short_never_crash(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof same_camera / sizeof same_camera[0]; i++)
        for (size_t size = 0; size < strlen(same_camera[i]); size++) {
            vg_error err = {0};
            vg_camera_set set;
            char *text = strndup(same_camera[i], size);
            if (vg_calibration_parse("my/file", text, size, NULL, &set, &err) == VG_OK)
                vg_camera_set_free(&set);
            else
                assert_true(strstr(err.message, "my/file") && strlen(err.message) > 20);
            free(text);
        }
}

static void what_is_no_calibration_says_so(void **state) {
    (void)state;
    vg_error err = {0};
    vg_camera_set set;
    assert_error(vg_calibration_read("/nowhere/Calib.toml", NULL, &set, &err), VG_NOT_FOUND, "/nowhere/Calib.toml");
    char empty[4200];
    snprintf(empty, sizeof empty, "%s/empty", vg_test_folder());
    assert_int_equal(mkdir(empty, 0777), 0);
    assert_error(vg_calibration_read(empty, NULL, &set, &err), VG_NOT_FOUND, "name the calibration file");
    assert_error(vg_calibration_parse("x", "", 0, NULL, &set, &err), VG_INVALID, "no table holds a camera");
    assert_error(vg_calibration_parse("x", "{}", 2, NULL, &set, &err), VG_UNSUPPORTED, "neither Panoptic's");
    assert_error(vg_calibration_parse("x", "\x89PNG\r\n\x1a\n", 8, NULL, &set, &err), VG_CORRUPT, "not TOML");
    const vg_calibration_options asked = {.format = VG_CALIBRATION_QUALISYS};
    assert_error(vg_calibration_parse("x", same_camera[4], strlen(same_camera[4]), &asked, &set, &err), VG_INVALID,
                 "is Panoptic JSON, not Qualisys .qca.txt");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(qualisys_file_is_read_as_pose2sim_reads_it_but_for_its_distortion),
        cmocka_unit_test(qualisys_file_agrees_with_chessboards_and_scene_points),
        cmocka_unit_test(caliscope_cameras_project_its_points_to_its_corners),
        cmocka_unit_test(lenses_without_places_are_told_from_placed_cameras),
        cmocka_unit_test(what_is_written_comes_back),
        cmocka_unit_test(real_cameras_survive_every_format),
        cmocka_unit_test(what_a_format_cannot_hold_is_refused),
        cmocka_unit_test(one_camera_is_the_same_in_every_format),
        cmocka_unit_test(colmap_centres_lose_half_a_pixel),
        cmocka_unit_test(a_unit_can_be_given_over_that_of_the_file),
        cmocka_unit_test(wrong_values_are_named),
        cmocka_unit_test(rotations_that_are_none_are_found),
        cmocka_unit_test(names_given_twice_are_refused),
        cmocka_unit_test(unusual_names_survive),
        cmocka_unit_test(huge_counts_are_refused),
        cmocka_unit_test(files_cut_short_never_crash),
        cmocka_unit_test(what_is_no_calibration_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
