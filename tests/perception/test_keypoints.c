/* Keypoints in: OpenPose folders and CSV, real and wrong ones; pairing with a calibration. */
#include "perception/keypoints.h"
#include "tests/support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void write_text(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* FOLDER/CAMERA/take_NNNN_keypoints.json of 14 joints, joint j of person p at (100 p + j, frame) with confidence 0.5. */
static const char *make_folder(const char *name, const char *const *cameras, const int *frames, int count) {
    static char folder[512];
    snprintf(folder, sizeof folder, "%s/%s", vg_test_folder(), name);
    assert_int_equal(mkdir(folder, 0777), 0);
    for (int c = 0; c < count; c++) {
        char path[1200], text[4096];
        snprintf(path, sizeof path, "%s/%s", folder, cameras[c]);
        assert_int_equal(mkdir(path, 0777), 0);
        for (int f = 0; f < frames[c]; f++) {
            int n = snprintf(text, sizeof text, "{\"version\":1.3,\"people\":[");
            for (int p = 0; p <= c; p++) {
                n += snprintf(text + n, sizeof text - (size_t)n, "%s{\"pose_keypoints_2d\":[", p ? "," : "");
                for (int j = 0; j < 14; j++)
                    n += snprintf(text + n, sizeof text - (size_t)n, "%s%d,%d,0.5", j ? "," : "", 100 * p + j, f);
                n += snprintf(text + n, sizeof text - (size_t)n, "]}");
            }
            snprintf(text + n, sizeof text - (size_t)n, "]}");
            snprintf(path, sizeof path, "%s/%s/take_%04d_keypoints.json", folder, cameras[c], f);
            write_text(path, text);
        }
    }
    return folder;
}

static void folders_are_cameras_and_files_are_frames(void **state) {
    (void)state;
    vg_error err = {0};
    vg_keypoints k;
    const char *folder = make_folder("plain", (const char *const[]){"b_json", "a_json"}, (const int[]){3, 3}, 2);
    assert_ok(vg_keypoints_read(folder, NULL, &k, &err));
    assert_int_equal(k.cameras, 2);
    assert_int_equal(k.frames, 3);
    assert_string_equal(k.set.name, "vergence14");
    assert_string_equal(k.names[0], "a_json"); /* read second, with two people; sorted first */
    assert_int_equal(vg_keypoints_count(&k, 2, 0), 2);
    assert_int_equal(vg_keypoints_count(&k, 2, 1), 1);
    assert_int_equal(vg_keypoints_most(&k), 2);
    const vg_keypoint *p = vg_keypoints_at(&k, 2, 0, 1) + 5;
    assert_close(p->u, 105, 0);
    assert_close(p->v, 2, 0);
    assert_close(p->confidence, 0.5, 0);
    vg_keypoints_free(&k);
}

static void a_frame_is_filled_with_detections(void **state) {
    (void)state;
    vg_error err = {0};
    vg_keypoints k;
    const char *folder = make_folder("fill", (const char *const[]){"a", "b"}, (const int[]){3, 3}, 2);
    assert_ok(vg_keypoints_read(folder, NULL, &k, &err));
    const vg_dims dims = {.cameras = 2, .people = 3, .joints = 14};
    vg_frame *frame = calloc(1, vg_frame_bytes(dims));
    vg_frame_init(frame, dims, 0);
    for (int f = 0; f < 3; f++) {
        vg_keypoints_frame(&k, f, 50, frame);
        assert_int_equal(frame->flags, f == 0 ? VG_FRAME_FIRST : 0);
        assert_int_equal(frame->time_ns, f * 20000000);
        assert_int_equal(vg_frame_present(frame)[1], 1);
        assert_int_equal(vg_frame_present(frame)[2], 0);
        assert_close(vg_frame_keypoints(frame)[(1 * 3 + 1) * 14 + 7].u, 107, 0);
        assert_close(vg_frame_keypoints(frame)[(0 * 3 + 1) * 14 + 7].confidence, 0, 0);
    }
    free(frame);
    vg_keypoints_free(&k);
}

static void different_frame_counts_are_named_or_mended(void **state) {
    (void)state;
    vg_error err = {0};
    vg_keypoints k;
    const char *folder = make_folder("uneven", (const char *const[]){"a", "b"}, (const int[]){5, 3}, 2);
    assert_error(vg_keypoints_read(folder, NULL, &k, &err), VG_INVALID, "camera b has 3 frames (0 to 2), but a has 5");
    vg_keypoints_options options = {.frames = VG_FRAMES_COMMON};
    assert_ok(vg_keypoints_read(folder, &options, &k, &err));
    assert_int_equal(k.frames, 3);
    vg_keypoints_free(&k);
    options.frames = VG_FRAMES_ALL;
    assert_ok(vg_keypoints_read(folder, &options, &k, &err));
    assert_int_equal(k.frames, 5);
    assert_int_equal(vg_keypoints_count(&k, 4, 1), 0);
    vg_keypoints_free(&k);
}

static void wrong_folders_are_named(void **state) {
    (void)state;
    vg_error err = {0};
    vg_keypoints k;
    char path[1200];
    assert_error(vg_keypoints_read("/nowhere/at/all", NULL, &k, &err), VG_NOT_FOUND, "/nowhere/at/all");
    const char *folder = make_folder("outer", (const char *const[]){"pose"}, (const int[]){0}, 1);
    assert_error(vg_keypoints_read(folder, NULL, &k, &err), VG_NOT_FOUND, "is it FOLDER/pose?");
    folder = make_folder("cut", (const char *const[]){"a"}, (const int[]){2}, 1);
    snprintf(path, sizeof path, "%s/a/take_0001_keypoints.json", folder);
    write_text(path, "{\"people\":[{\"pose_keypoints_2d\":[1,2,");
    assert_error(vg_keypoints_read(folder, NULL, &k, &err), VG_CORRUPT, "cut short");
    write_text(path, "{\"people\":[{\"pose_keypoints_2d\":[1,2,0.5]}]}");
    assert_error(vg_keypoints_read(folder, NULL, &k, &err), VG_CORRUPT, "has 3 numbers, those before have 42");
    snprintf(path, sizeof path, "%s/a/take_1_keypoints.json", folder);
    write_text(path, "{}");
    assert_error(vg_keypoints_read(folder, NULL, &k, &err), VG_INVALID, "are both frame 1");
    snprintf(path, sizeof path, "%s/a/notes.json", folder);
    write_text(path, "{}");
    assert_error(vg_keypoints_read(folder, NULL, &k, &err), VG_INVALID, "has no frame number");
}

static void wrong_files_are_named(void **state) {
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"", "not JSON"},
        {"[1, 2]", "no list `people`"},
        {"{\"people\": 3}", "no list `people`"},
        {"{\"people\": [7]}", "people[0] is not an object"},
        {"{\"people\": [{\"face\": []}]}", "no list pose_keypoints_2d"},
        {"{\"people\": [{\"pose_keypoints_2d\": [1, 2]}]}", "has 2 numbers"},
        {"{\"people\": [{\"pose_keypoints_2d\": [1, \"x\", 1]}]}", "pose_keypoints_2d[1] is not a number"},
        {"{\"people\": [{\"pose_keypoints_2d\": [1e9, 2, 1]}]}", "cannot be a pixel"},
        {"{\"people\": [{\"pose_keypoints_2d\": [1, 2, 1]}]}", "known sets have"},
        {"{\"people\": [{\"pose_keypoints_2d\": [1, 2, 0, 3, 4, 0]}]}", "known sets have"},
        {"{}", "nobody is seen"},
        {"{\"people\": []}", "nobody is seen"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vg_error err = {0};
        vg_keypoints k;
        const vg_status got =
            vg_keypoints_openpose_parse("x.json", cases[i].text, strlen(cases[i].text), NULL, &k, &err);
        if (got == VG_OK || !strstr(err.message, cases[i].part) || !strstr(err.message, "x.json"))
            fail_msg("`%s` gives: %s", cases[i].text, err.message);
    }
}

static void an_empty_place_is_kept(void **state) {
    (void)state;
    vg_error err = {0};
    vg_keypoints k;
    char text[2048];
    int n = snprintf(text, sizeof text, "{\"people\": [{}, {\"pose_keypoints_2d\": [");
    for (int j = 0; j < 14; j++) n += snprintf(text + n, sizeof text - (size_t)n, "%s5,6,0.5", j ? "," : "");
    snprintf(text + n, sizeof text - (size_t)n, "]}]}");
    assert_ok(vg_keypoints_openpose_parse("x.json", text, strlen(text), NULL, &k, &err));
    assert_int_equal(vg_keypoints_count(&k, 0, 0), 2);
    assert_close(vg_keypoints_at(&k, 0, 0, 0)->confidence, 0, 0);
    assert_close(vg_keypoints_at(&k, 0, 0, 1)->confidence, 0.5, 0);
    vg_keypoints_free(&k);
}

static void the_set_is_that_which_was_asked_for(void **state) {
    (void)state;
    vg_error err = {0};
    vg_keypoints k;
    vg_joint_set set;
    vg_joint_set_init(&set, VG_JOINTS_COCO_17);
    const vg_keypoints_options options = {.set = &set};
    const char *one = "{\"people\": [{\"pose_keypoints_2d\": [1, 2, 1]}]}";
    assert_error(vg_keypoints_openpose_parse("x.json", one, strlen(one), &options, &k, &err), VG_INVALID,
                 "1 joints a person, but joint set coco17 has 17");
    const char *nothing = "cam,frame,joint,x,y,confidence\n1,0,16,5,5,0\n";
    assert_error(vg_keypoints_csv_parse("x.csv", nothing, strlen(nothing), &options, &k, &err), VG_CORRUPT,
                 "no keypoint has a confidence above 0");
}

static void csv_of_names_and_of_numbers(void **state) {
    (void)state;
    vg_error err = {0};
    vg_keypoints k;
    const char *named =
        "camera;frame;joint;x;y;score;person\r\nleft;7;LKnee;10;20;0.5;3\r\nleft;7;LAnkle;11;21;0.25;3\r\n"
        "left;7;LKnee;1;2;0.5;1\nright;9;LKnee;30;;1;0\nright;9;LAnkle;31;41;1;0\n";
    assert_ok(vg_keypoints_csv_parse("a.csv", named, strlen(named), NULL, &k, &err));
    assert_int_equal(k.cameras, 2);
    assert_int_equal(k.frames, 3);
    assert_int_equal(k.first_number, 7);
    assert_int_equal(k.set.part[1], VG_PART_L_ANKLE);
    assert_int_equal(vg_keypoints_count(&k, 0, 0), 3);
    assert_close(vg_keypoints_at(&k, 0, 0, 2)[1].u, 11,
                 0); /* persons 0, 1 and 3 are the first to the third everywhere */
    assert_close(vg_keypoints_at(&k, 0, 0, 0)[1].confidence, 0, 0);
    assert_close(vg_keypoints_at(&k, 2, 1, 0)[0].confidence, 0, 0);
    assert_close(vg_keypoints_at(&k, 2, 1, 0)[1].v, 41, 0);
    vg_keypoints_free(&k);
    const char *caliscope = "sync_index,port,frame_index,frame_time,point_id,img_loc_x,img_loc_y\n"
                            "4,1,9,0.1,13,5,6\n4,2,8,0.1,13,7,8\n";
    assert_ok(vg_keypoints_csv_parse("b.csv", caliscope, strlen(caliscope), NULL, &k, &err));
    assert_int_equal(k.first_number, 4); /* sync_index, not frame_index */
    assert_int_equal(k.set.joints, 14);
    assert_close(vg_keypoints_at(&k, 0, 1, 0)[13].u, 7, 0);
    vg_keypoints_free(&k);
}

static void wrong_csv_is_named(void **state) {
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"", "is empty"},
        {"cam,frame,x,y\n", "no column `joint`"},
        {"cam,frame,joint,x,y\n", "no camera"},
        {"cam,frame,joint,x,y\na,0,13,5\n", "x.csv:2: only 4 columns"},
        {"cam,frame,joint,x,y\na,0.5,13,5,6\n", "frame is `0.5`"},
        {"cam,frame,joint,x,y\na,0,99,5,6\n", "joint is `99`"},
        {"cam,frame,joint,x,y\na,0,13,5,six\n", "y is `six`"},
        {"cam,frame,joint,x,y\na,0,13,5,6\na,0,knee,5,6\n", "joint is `knee`"},
        {"cam,frame,joint,x,y\na,0,13,5,6\na,0,13,5,6\n", "given twice"},
        {"cam,frame,joint,x,y\na,0,13,5,6\na,90000000,13,5,6\n", "mend the numbers"},
        {"cam,frame,joint,x,y\na,0,13,nan,nan\n", "no keypoint has a confidence"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vg_error err = {0};
        vg_keypoints k;
        const vg_status got = vg_keypoints_csv_parse("x.csv", cases[i].text, strlen(cases[i].text), NULL, &k, &err);
        if (got == VG_OK || !strstr(err.message, cases[i].part) || !strstr(err.message, "x.csv"))
            fail_msg("`%s` gives: %s", cases[i].text, err.message);
    }
}

/* ---- with a calibration ------------------------------------------------------------------------------------------- */

static vg_camera_set calibration_of(const char *const *names, int count) {
    vg_error err = {0};
    vg_camera_set set;
    assert_ok(vg_camera_set_create(&set, count, &err));
    for (int i = 0; i < count; i++) {
        snprintf(set.camera[i].name, VG_CAMERA_NAME, "%s", names[i]);
        set.camera[i].placed = true;
        set.camera[i].camera.width = 1000 + i, set.camera[i].camera.height = 800;
    }
    return set;
}

static void cameras_are_paired_by_name_then_by_number(void **state) {
    (void)state;
    vg_error err = {0};
    vg_keypoints k;
    vg_camera cameras[4];
    const char *folder = make_folder("pairs", (const char *const[]){"cam02_json", "Cam 1"}, (const int[]){4, 4}, 2);
    assert_ok(vg_keypoints_read(folder, NULL, &k, &err));
    static const char *const lists[][2] = {{"cam_02", "cam_1"}, {"view2", "view1"}, {"CAM02", "CAM1"}};
    for (size_t i = 0; i < 3; i++) {
        vg_camera_set set = calibration_of(lists[i], 2);
        assert_ok(vg_keypoints_cameras(cameras, &k, &set, NULL, 0, false, &err));
        assert_int_equal(cameras[0].width, 1001); /* "Cam 1" sorts first */
        assert_int_equal(cameras[1].width, 1000);
        vg_camera_set_free(&set);
    }
    vg_camera_set set = calibration_of((const char *const[]){"north", "south", "cam_02"}, 3);
    assert_error(vg_keypoints_cameras(cameras, &k, &set, NULL, 0, true, &err), VG_INVALID, "none is `Cam 1`");
    const char *pairs[] = {"Cam 1=south", "Cam 1=west"};
    assert_ok(vg_keypoints_cameras(cameras, &k, &set, pairs, 1, true, &err));
    assert_int_equal(cameras[0].width, 1001);
    assert_error(vg_keypoints_cameras(cameras, &k, &set, pairs, 1, false, &err), VG_INVALID, "none for `north`");
    assert_error(vg_keypoints_cameras(cameras, &k, &set, pairs, 2, true, &err), VG_INVALID, "--camera Cam 1=west");
    const char *both[] = {"Cam 1=south", "cam02_json=south"};
    assert_error(vg_keypoints_cameras(cameras, &k, &set, both, 2, true, &err), VG_INVALID, "both belong to");
    set.camera[1].placed = false;
    assert_error(vg_keypoints_cameras(cameras, &k, &set, pairs, 1, true, &err), VG_INVALID, "has no place");
    vg_camera_set_free(&set);
    vg_keypoints_free(&k);
}

static void keypoints_that_are_no_pixels_of_the_camera_are_refused(void **state) {
    (void)state;
    vg_error err = {0};
    for (int i = 0; i < 2; i++) {
        vg_keypoints k;
        vg_camera cameras[1];
        char text[4096];
        int n = snprintf(text, sizeof text, "cam,frame,joint,x,y\n");
        for (int j = 0; j < 28; j++)
            n += snprintf(text + n, sizeof text - (size_t)n, "a,%d,%d,%g,0.5\n", j / 14, j % 14,
                          i ? 2000. + j : 0.03 * j);
        assert_ok(vg_keypoints_csv_parse("x.csv", text, strlen(text), NULL, &k, &err));
        vg_camera_set set = calibration_of((const char *const[]){"a"}, 1);
        assert_error(vg_keypoints_cameras(cameras, &k, &set, NULL, 0, false, &err), VG_INVALID,
                     i ? "lie outside the 1000 x 800 pictures" : "shares of the picture");
        vg_camera_set_free(&set);
        vg_keypoints_free(&k);
    }
}

static void real_recordings_are_read(void **state) {
    (void)state;
    vg_error err = {0};
    vg_keypoints k;
    vg_camera_set set;
    vg_camera cameras[VG_MAX_CAMERAS];
    const char *path = vg_test_shared("pose2sim/multi/pose"), *file = vg_test_shared("blazepose");
    const char *calibration = vg_test_shared("pose2sim/S00_Calibration/Calib_qualisys.toml");
    if (!path || !calibration || !file) skip();
    assert_ok(vg_keypoints_read(path, NULL, &k, &err));
    assert_int_equal(k.frames, 100);
    assert_string_equal(k.set.name, "body25b");
    assert_int_equal(vg_keypoints_most(&k), 4);
    assert_ok(vg_calibration_read(calibration, NULL, &set, &err));
    assert_ok(vg_keypoints_cameras(cameras, &k, &set, NULL, 0, false, &err));
    for (int c = 0; c < 4; c++) assert_close(cameras[c].fx, set.camera[c].camera.fx, 0);
    vg_keypoints_free(&k);
    char csv[600];
    snprintf(csv, sizeof csv, "%s/pose2sim_balancing_heavy.csv", file);
    assert_ok(vg_keypoints_read(csv, NULL, &k, &err));
    assert_string_equal(k.set.name, "blazepose33");
    assert_ok(vg_keypoints_cameras(cameras, &k, &set, NULL, 0, false, &err));
    for (int c = 0; c < 4; c++) assert_close(cameras[c].fx, set.camera[c].camera.fx, 0);
    vg_keypoints_free(&k);
    vg_camera_set_free(&set);
}

/* A picture of numbered pixels, turned a quarter clockwise at a time: each pixel is found where it was. */
static void turned_keypoints_come_back(void **state) {
    (void)state;
    enum { W = 5, H = 3 };
    int32_t picture[W * H], width = W, height = H;
    for (int32_t i = 0; i < W * H; i++) picture[i] = i;
    for (int32_t quarter = 1; quarter < 4; quarter++) {
        int32_t turned[W * H];
        for (int32_t y = 0; y < height; y++) /* the left column, from below, becomes the first row */
            for (int32_t x = 0; x < width; x++) turned[x * height + (height - 1 - y)] = picture[y * width + x];
        const int32_t held = width;
        width = height, height = held;
        memcpy(picture, turned, sizeof picture);
        for (int32_t i = 0; i < W * H; i++)
            for (int32_t way = 0; way < 2; way++) {
                vg_keypoint p = {(float)(i % width), (float)(i / width), 1};
                vg_keypoint_turn_back(&p, way ? quarter - 4 : quarter, W, H);
                assert_int_equal(p.v * W + p.u, picture[i]);
            }
    }
}

static void the_usual_confidence_is_the_middle_of_those_seen(void **state) {
    (void)state;
    vg_keypoint points[5] = {{1, 1, 0.2f}, {1, 1, 0}, {1, 1, 0.3f}, {1, 1, 7}, {0, 0, 0}};
    int64_t first[] = {0, 5};
    vg_keypoints k = {.set = {.joints = 1}, .cameras = 1, .frames = 1, .first = first, .points = points};
    assert_close(vg_keypoints_confidence(&k), 0.3, 1.1e-3);
    points[2].confidence = 0;
    assert_close(vg_keypoints_confidence(&k), 0.2, 1.1e-3);
    first[1] = 0;
    assert_true(vg_keypoints_confidence(&k) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_usual_confidence_is_the_middle_of_those_seen),
        cmocka_unit_test(folders_are_cameras_and_files_are_frames),
        cmocka_unit_test(a_frame_is_filled_with_detections),
        cmocka_unit_test(different_frame_counts_are_named_or_mended),
        cmocka_unit_test(wrong_folders_are_named),
        cmocka_unit_test(wrong_files_are_named),
        cmocka_unit_test(an_empty_place_is_kept),
        cmocka_unit_test(the_set_is_that_which_was_asked_for),
        cmocka_unit_test(csv_of_names_and_of_numbers),
        cmocka_unit_test(wrong_csv_is_named),
        cmocka_unit_test(cameras_are_paired_by_name_then_by_number),
        cmocka_unit_test(keypoints_that_are_no_pixels_of_the_camera_are_refused),
        cmocka_unit_test(real_recordings_are_read),
        cmocka_unit_test(turned_keypoints_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
