/* Boards in pictures: drawn ones are found where they were drawn, whichever way black and white are; real ones as the software
 * they come from found them; descriptions are checked. */
#include "tests/calibration/boards.h"

#include "calibration/corners.h"

#include <string.h>

static const vg_board board_5x4 = {.kind = VG_BOARD_CHESSBOARD, .columns = 5, .rows = 4, .square = 0.05};

static void drawn_chessboards_are_found_where_they_were_drawn(void **state) {
    (void)state;
    enum { PICTURES = 3 };
    vg_rng rng = vg_test_rng(90);
    vg_error err = {0};
    char folder[4200], path[4300], command[4300];
    for (int inverted = 0; inverted < 2; inverted++) {
        vg_camera lens = {.width = 320, .height = 240, .fx = 280, .fy = 280, .cx = 160, .cy = 120}, camera[PICTURES];
        snprintf(folder, sizeof folder, "%s/drawn%d", vg_test_folder(), inverted);
        snprintf(command, sizeof command, "mkdir -p %s", folder);
        assert_int_equal(system(command), 0);
        for (int i = 0; i < PICTURES; i++) {
            camera[i] = lens;
            pose_before_board(&camera[i], &board_5x4, &rng);
            snprintf(path, sizeof path, "%s/%d.pgm", folder, i);
            draw_chessboard(path, &camera[i], &board_5x4, inverted);
        }
        vg_footage footage;
        const char *const paths[] = {folder};
        assert_ok(vg_footage_find(&footage, paths, 1, &err));
        assert_int_equal(footage.cameras, 1);
        assert_int_equal(footage.camera[0].files, PICTURES);
        vg_board board = board_5x4;
        vg_corners corners = {0};
        vg_board_sightings seen;
        const vg_board_search search = {.camera = 2};
        assert_ok(vg_board_find(&corners, &seen, &board, &footage.camera[0], &search, &err));
        assert_int_equal(seen.pictures, PICTURES);
        assert_int_equal(seen.with_board, PICTURES);
        assert_int_equal(seen.width, 320);
        assert_int_equal(corners.count, PICTURES * 20);
        double worst = 0;
        for (size_t i = 0; i < corners.count; i++) {
            const vg_corner *c = &corners.corner[i];
            double nearest = 1e9;
            assert_int_equal(c->camera, 2);
            for (int32_t k = 0; k < 20; k++) { /* the board looks the same turned by half */
                double x[3], uv[2];
                vg_board_corner(x, &board, k);
                vg_project(uv, NULL, NULL, &camera[c->sync], x);
                nearest = fmin(nearest, hypot(uv[0] - c->u, uv[1] - c->v));
            }
            worst = fmax(worst, nearest);
        }
        print_message("%s: corners at most %.3f px off\n", inverted ? "inverted" : "plain", worst);
        assert_true(worst < 0.15);
        vg_corners_free(&corners);
        vg_footage_free(&footage);
    }
}

/* Each 8th picture of a real video of an inverted ChArUco board, against the corners that Caliscope stored for it. */
static void a_real_charuco_board_is_found_as_caliscope_found_it(void **state) {
    (void)state;
    const char *video = vg_test_shared("caliscope/post_optimization/calibration/extrinsic/cam_0.mp4");
    const char *csv = vg_test_shared("caliscope/post_optimization/calibration/extrinsic/xy.csv");
    const char *toml = vg_test_shared("caliscope/post_optimization/charuco.toml");
    if (!video || !csv || !toml) skip();
    vg_error err = {0};
    vg_board board;
    vg_footage footage;
    vg_corners ours = {0}, theirs;
    vg_board_sightings seen;
    assert_ok(vg_board_read(&board, toml, &err));
    assert_true(board.inverted && board.columns == 4 && board.rows == 5 && board.dictionary == 3);
    assert_close(board.square, 0.054, 1e-12);
    board.inverted = false; /* found out */
    assert_ok(vg_footage_find(&footage, &video, 1, &err));
    const vg_board_search search = {.every = 8};
    assert_ok(vg_board_find(&ours, &seen, &board, &footage.camera[0], &search, &err));
    assert_true(board.inverted);
    assert_int_equal(seen.pictures, 8);
    assert_ok(vg_corners_read(csv, &theirs, &err));
    int64_t first = INT64_MAX; /* their numbers count from where the recording began */
    for (size_t i = 0; i < theirs.count; i++)
        if (theirs.corner[i].camera == 0 && theirs.corner[i].frame < first) first = theirs.corner[i].frame;
    int matched = 0, near = 0;
    double mean[2] = {0}; /* half a pixel off where a convention is misread */
    for (size_t i = 0; i < ours.count; i++)
        for (size_t k = 0; k < theirs.count; k++) {
            const vg_corner *a = &ours.corner[i], *b = &theirs.corner[k];
            if (b->camera != 0 || b->frame - first != a->frame || b->point != a->point) continue;
            matched++;
            near += hypot(a->u - b->u, a->v - b->v) < 0.6;
            mean[0] += a->u - b->u, mean[1] += a->v - b->v;
            assert_close(a->board[0], b->board[0], 1e-6);
            assert_close(a->board[1], b->board[1], 1e-6);
        }
    print_message("%zu corners, %d with a counterpart, %d within 0.6 px, (%.3f, %.3f) px off on average\n", ours.count,
                  matched, near, mean[0] / matched, mean[1] / matched);
    assert_true(matched > 60 && near > 0.9 * matched);
    assert_close(mean[0] / matched, 0, 0.2);
    assert_close(mean[1] / matched, 0, 0.2);
    vg_corners_free(&ours);
    vg_corners_free(&theirs);
    vg_footage_free(&footage);
}

static void descriptions_are_checked(void **state) {
    (void)state;
    vg_error err = {0};
    vg_board b = board_5x4;
    int32_t d;
    assert_ok(vg_board_check(&b, &err));
    assert_int_equal(vg_board_corners(&b), 20);
    b.rows = 1;
    assert_error(vg_board_check(&b, &err), VG_INVALID, "5 x 1 inner corners; each side must be from 2 to 64");
    b.rows = 4, b.square = 60;
    assert_error(vg_board_check(&b, &err), VG_INVALID, "squares of 60000 mm");
    b = (vg_board){.kind = VG_BOARD_CHARUCO, .columns = 4, .rows = 5, .square = 0.05, .marker = 0.06};
    assert_error(vg_board_check(&b, &err), VG_INVALID, "a marker is smaller than its square");
    b.marker = 0.03;
    assert_ok(vg_board_check(&b, &err));
    assert_int_equal(vg_board_corners(&b), 12);
    double x[3];
    vg_board_corner(x, &b, 5);
    assert_close(x[0], 0.15, 1e-12);
    assert_close(x[1], 0.10, 1e-12);
    assert_ok(vg_board_dictionary(&d, "dict_6x6_250", &err));
    assert_int_equal(d, 10);
    assert_error(vg_board_dictionary(&d, "9x9", &err), VG_INVALID, "dictionary `9x9` is unknown");
    char path[4200];
    snprintf(path, sizeof path, "%s/charuco.toml", vg_test_folder());
    FILE *f = fopen(path, "w");
    fputs("columns = 4\nrows = 5\ndictionary = \"DICT_4X4_50\"\n", f);
    fclose(f);
    assert_error(vg_board_read(&b, path, &err), VG_INVALID, "square_size_override_cm is absent");
    f = fopen(path, "w");
    fputs("columns = 4\nrows = 500\ndictionary = \"DICT_4X4_50\"\nsquare_size_override_cm = 5\n", f);
    fclose(f);
    assert_error(vg_board_read(&b, path, &err), VG_INVALID, "charuco.toml");
}

static void footage_is_sorted_into_cameras(void **state) {
    (void)state;
    vg_error err = {0};
    vg_footage f;
    char folder[4200], command[9000], pattern[9000];
    snprintf(folder, sizeof folder, "%s/rig", vg_test_folder());
    snprintf(command, sizeof command,
             "mkdir -p %s && cd %s && mkdir cam_1 cam_10 other && touch cam_1/a10.png cam_1/a9.png cam_10/b.JPG "
             "other/x.txt other/.hidden.png",
             folder, folder);
    assert_int_equal(system(command), 0);
    const char *const paths[] = {folder};
    assert_ok(vg_footage_find(&f, paths, 1, &err));
    assert_int_equal(f.cameras, 2);
    assert_string_equal(f.camera[0].name, "cam_1");
    assert_non_null(strstr(f.camera[0].file[0], "a9.png")); /* 9 before 10 */
    assert_int_equal(vg_footage_of_camera(&f, "Cam 1"), 0);
    assert_int_equal(vg_footage_of_camera(&f, "cam10"), 1);
    assert_int_equal(vg_footage_of_camera(&f, "cam_2"), -1);
    assert_int_equal(vg_footage_of_camera(&f, "int_cam_10_img"), 1);
    vg_footage_free(&f);
    snprintf(pattern, sizeof pattern, "%s/cam_1/a*.png", folder);
    const char *const patterns[] = {pattern};
    assert_ok(vg_footage_find(&f, patterns, 1, &err));
    assert_int_equal(f.cameras, 1);
    assert_int_equal(f.camera[0].files, 2);
    vg_footage_free(&f);
    const char *const nowhere[] = {"/nowhere/at/all"};
    assert_error(vg_footage_find(&f, nowhere, 1, &err), VG_NOT_FOUND, "/nowhere/at/all");
    snprintf(pattern, sizeof pattern, "%s/other", folder);
    assert_error(vg_footage_find(&f, patterns, 1, &err), VG_NOT_FOUND, "no pictures or videos in it");
    snprintf(pattern, sizeof pattern, "%s/other/x.txt", folder);
    assert_error(vg_footage_find(&f, patterns, 1, &err), VG_UNSUPPORTED, "neither a picture");
}

static void what_is_no_picture_is_named(void **state) {
    (void)state;
    vg_error err = {0};
    vg_footage f;
    vg_board board = board_5x4;
    vg_board_sightings seen;
    vg_corners corners = {0};
    char path[4300];
    snprintf(path, sizeof path, "%s/broken.png", vg_test_folder());
    FILE *file = fopen(path, "w");
    fputs("this is text", file);
    fclose(file);
    const char *const paths[] = {path};
    const vg_board_search search = {0};
    assert_ok(vg_footage_find(&f, paths, 1, &err));
    if (vg_board_find(&corners, &seen, &board, &f.camera[0], &search, &err) == VG_OK)
        fail_msg("text is taken for a picture");
    assert_non_null(strstr(err.message, "broken.png"));
    vg_footage_free(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drawn_chessboards_are_found_where_they_were_drawn),
        cmocka_unit_test(a_real_charuco_board_is_found_as_caliscope_found_it),
        cmocka_unit_test(descriptions_are_checked),
        cmocka_unit_test(footage_is_sorted_into_cameras),
        cmocka_unit_test(what_is_no_picture_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
