/* Corner lists: Caliscope's files read, ours come back exactly, damaged ones are refused by line and column. */
#include "calibration/corners.h"
#include "tests/support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void caliscopes_files_of_every_age_are_read(void **state) {
    (void)state;
    static const struct {
        const char *file;
        size_t count;
        double u, x;
    } files[] = {
        {"caliscope/post_optimization/calibration/extrinsic/CHARUCO/xy_CHARUCO.csv", 2175, 577.268311, 0.054},
        {"caliscope/post_optimization/calibration/extrinsic/xy.csv", 2199, 532.4757080078125, 0.16200000047683716},
        {"caliscope/prerecorded_calibration/calibration/intrinsic/CHARUCO/xy_CHARUCO.csv", 1739, 235.082581, 0.054},
    };
    for (size_t f = 0; f < sizeof files / sizeof files[0]; f++) {
        vg_error err = {0};
        vg_corners corners;
        const char *path = vg_test_shared(files[f].file);
        if (!path) skip();
        assert_ok(vg_corners_read(path, &corners, &err));
        assert_int_equal(corners.count, files[f].count);
        assert_close(corners.corner[0].u, files[f].u, 0);
        assert_close(corners.corner[0].board[0], files[f].x, 0);
        assert_close(corners.corner[0].board[2], 0, 0);
        for (size_t i = 0; i < corners.count; i++) assert_in_range(corners.corner[i].point, 0, 11);
        vg_corners_free(&corners);
    }
}

static void what_is_written_comes_back(void **state) {
    (void)state;
    vg_error err = {0};
    vg_rng rng = vg_test_rng(51);
    vg_corners corners = {0}, back;
    char path[4200];
    for (int i = 0; i < 3000; i++) {
        const vg_corner c = {.sync = vg_rng_u32(&rng),
                             .frame = vg_rng_u32(&rng),
                             .time = i % 3 ? (double)vg_rng_uniform(&rng) : (double)NAN,
                             .camera = (int32_t)vg_rng_below(&rng, 16),
                             .object = i % 2,
                             .point = (int32_t)vg_rng_below(&rng, 100),
                             .u = 1000 * (double)vg_rng_uniform(&rng) / 3,
                             .v = -1 / (1 + (double)vg_rng_uniform(&rng)),
                             .board = {i % 5 ? (double)vg_rng_uniform(&rng) : (double)NAN, i % 5 ? 0.1 : (double)NAN,
                                       i % 5 ? 0 : (double)NAN}};
        assert_ok(vg_corners_add(&corners, &c, &err));
    }
    snprintf(path, sizeof path, "%s/xy.csv", vg_test_folder());
    assert_ok(vg_corners_write(path, &corners, &err));
    assert_ok(vg_corners_read(path, &back, &err));
    assert_int_equal(back.count, corners.count);
    for (size_t i = 0; i < back.count; i++) {
        const vg_corner *a = &corners.corner[i], *b = &back.corner[i];
        assert_true(a->sync == b->sync && a->frame == b->frame && a->camera == b->camera && a->object == b->object &&
                    a->point == b->point && a->u == b->u && a->v == b->v);
        assert_true(a->time == b->time || (isnan(a->time) && isnan(b->time)));
        for (int k = 0; k < 3; k++)
            assert_true(a->board[k] == b->board[k] || (isnan(a->board[k]) && isnan(b->board[k])));
    }
    vg_corners_free(&corners);
    vg_corners_free(&back);
}

static void older_names_and_orders_are_known(void **state) {
    (void)state;
    vg_error err = {0};
    vg_corners c;
    const char *text = "port,img_loc_y,img_loc_x,point_id,mood,sync_index\r\n3,2.5,1.5,7,fine,42\r\n\r\n";
    assert_ok(vg_corners_parse("x", text, strlen(text), &c, &err));
    assert_int_equal(c.count, 1);
    assert_true(c.corner[0].camera == 3 && c.corner[0].point == 7 && c.corner[0].sync == 42 && c.corner[0].frame == 42);
    assert_true(c.corner[0].u == 1.5 && c.corner[0].v == 2.5 && isnan(c.corner[0].board[0]) && isnan(c.corner[0].time));
    vg_corners_free(&c);
}

static void damage_is_named_by_line_and_column(void **state) {
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"", "is empty"},
        {"a,b\n", "no column `sync_index`"},
        {"sync_index,keypoint_id,img_loc_x,img_loc_y\n", "no column `cam_id` (or `port`)"},
        {"sync_index,cam_id,keypoint_id,img_loc_x,img_loc_y\n1,0,0,5\n", "line 2: 4 fields where 5 are needed"},
        {"sync_index,cam_id,keypoint_id,img_loc_x,img_loc_y\n1,0,0,5,6,7\n", "line 2: more than 5 fields"},
        {"sync_index,cam_id,keypoint_id,img_loc_x,img_loc_y\n1,0,0,5,6\n1,0,0,nan,6\n", "line 3: img_loc_x is `nan`"},
        {"sync_index,cam_id,keypoint_id,img_loc_x,img_loc_y\n1,-2,0,5,6\n", "cam_id is `-2`; give a whole number"},
        {"sync_index,cam_id,keypoint_id,img_loc_x,img_loc_y\n1,1,0.5,5,6\n", "keypoint_id is `0.5`"},
        {"sync_index,cam_id,keypoint_id,img_loc_x,img_loc_y\n1,99999999999,0,5,6\n", "cam_id is `99999999999`"},
        {"sync_index,cam_id,keypoint_id,img_loc_x,img_loc_y\n1,1,0,,6\n", "img_loc_x is ``"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vg_error err = {0};
        vg_corners c;
        const vg_status status = vg_corners_parse("my/file", cases[i].text, strlen(cases[i].text), &c, &err);
        if (status == VG_OK || !strstr(err.message, cases[i].part) || !strstr(err.message, "my/file"))
            fail_msg("`%s`: %s", cases[i].text, status == VG_OK ? "accepted" : err.message);
        assert_null(c.corner);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(caliscopes_files_of_every_age_are_read),
        cmocka_unit_test(what_is_written_comes_back),
        cmocka_unit_test(older_names_and_orders_are_known),
        cmocka_unit_test(damage_is_named_by_line_and_column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
