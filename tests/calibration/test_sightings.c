/* Files of 2D points: what is read, whose camera it is, what is refused, and how sightings become tracks. */
#include "calibration/tracks.h"
#include "tests/support/support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static vg_error err;

static vg_status parse(vg_sightings *out, const char *text, const char *camera) {
    *out = (vg_sightings){0};
    return vg_sightings_parse(out, "points.csv", text, strlen(text), camera, &err);
}

static void plain_tables_are_read_by_their_header(void **state) {
    (void)state;
    vg_sightings s;
    assert_ok(parse(&s,
                    "camera,frame,y,x,point,likelihood\nleft,7,20.5,10.25,nose,0.5\nleft,7,,,tail,0.9\n"
                    "right,8,1,2,nose,0\nright,9,1,2,3.0,1\n",
                    NULL));
    assert_int_equal(s.count, 2); /* without a pixel, or with confidence 0: not seen */
    assert_int_equal(s.sighting[0].frame, 7);
    assert_close(s.sighting[0].u, 10.25, 0);
    assert_close(s.sighting[0].v, 20.5, 0);
    assert_close(s.sighting[0].confidence, 0.5, 1e-6);
    assert_string_equal(s.cameras.name[s.sighting[1].camera], "right");
    assert_string_equal(s.points.name[s.sighting[1].point], "3");
    vg_sightings_free(&s);
}

static void caliscope_and_deeplabcut_are_read(void **state) {
    (void)state;
    vg_sightings s;
    assert_ok(parse(&s,
                    "sync_index,port,frame_index,frame_time,point_id,img_loc_x,img_loc_y,board_loc_x,board_loc_y\n"
                    "416,1,413,48033.0,4,710.5,507.25,0.054,0.108\n",
                    NULL));
    assert_int_equal(s.count, 1);
    assert_string_equal(s.cameras.name[0], "1");
    assert_close(s.sighting[0].board[1], 0.108, 1e-12);
    vg_sightings_free(&s);
    assert_ok(parse(&s,
                    "scorer,n,n,n,n,n,n\nindividuals,a,a,a,b,b,b\nbodyparts,snout,snout,snout,snout,snout,snout\n"
                    "coords,x,y,likelihood,x,y,likelihood\n0,1,2,0.9,3,4,0.8\n1,5,6,0.7,,,\n",
                    "cam1"));
    assert_int_equal(s.count, 3);
    assert_int_equal(s.sighting[1].person, 1);
    assert_int_equal(s.sighting[1].point, s.sighting[0].point);
    assert_int_equal(s.sighting[2].frame, 1);
    vg_sightings_free(&s);
}

static void wrong_files_are_refused_by_line_and_column(void **state) {
    (void)state;
    vg_sightings s;
    assert_error(parse(&s, "frame,camera,u,v\n", NULL), VG_CORRUPT, "no column `point`");
    vg_sightings_free(&s);
    assert_error(parse(&s, "frame,camera,point,u,v\n1,a,n,1,x2\n", NULL), VG_CORRUPT, "line 2: column `v` is `x2`");
    vg_sightings_free(&s);
    assert_error(parse(&s, "frame,camera,point,u,v\n1,a,n,1\n", NULL), VG_CORRUPT,
                 "line 2 has 4 columns, the header 5");
    vg_sightings_free(&s);
    assert_error(parse(&s, "frame,camera,point,u,v\n1.5,a,n,1,2\n", NULL), VG_CORRUPT, "a whole number");
    vg_sightings_free(&s);
    assert_error(parse(&s, "", NULL), VG_CORRUPT, "no sightings");
    vg_sightings_free(&s);
    assert_error(parse(&s, "\x89HDF\r\n\x1a\n..", NULL), VG_UNSUPPORTED, "export it as CSV");
    vg_sightings_free(&s);
    assert_error(parse(&s, "scorer,n,n,n\nbodyparts,a,a,a\ncoords,x,y,likelihood\n0,1,2\n", "c"), VG_CORRUPT, "line 4");
    vg_sightings_free(&s);
    assert_error(vg_sightings_read(&s, "/nowhere/points.csv", &err), VG_NOT_FOUND, "/nowhere/points.csv");
}

static void named(vg_camera_set *set, const char *const *names, int32_t n) {
    assert_ok(vg_camera_set_create(set, n, &err));
    for (int32_t i = 0; i < n; i++) snprintf(set->camera[i].name, VG_CAMERA_NAME, "%s", names[i]);
}

static void cameras_are_found_by_name_number_or_beginning(void **state) {
    (void)state;
    vg_camera_set set;
    named(&set, (const char *[]){"cam_01", "cam_02", "top"}, 3);
    vg_sightings s;
    assert_ok(
        parse(&s, "frame,camera,point,u,v\n0,cam02_json,n,1,2\n0,1,n,1,2\n0,topDLC_resnet50_shuffle1,n,1,2\n", NULL));
    assert_ok(vg_sightings_match(&s, &set, &err));
    assert_int_equal(s.sighting[0].camera, 1);
    assert_int_equal(s.sighting[1].camera, 0);
    vg_sightings_free(&s);
    assert_ok(parse(&s, "frame,camera,point,u,v\n0,side,n,1,2\n", NULL));
    assert_error(vg_sightings_match(&s, &set, &err), VG_NOT_FOUND,
                 "`side` that the calibration lacks; it has cam_01, cam_02");
    vg_sightings_free(&s);
    vg_camera_set_free(&set);
}

static void pixels_of_another_size_are_told(void **state) {
    (void)state;
    vg_camera_set set;
    vg_sightings s = {0};
    named(&set, (const char *[]){"a", "b"}, 2);
    for (int c = 0; c < 2; c++) set.camera[c].camera.width = 640, set.camera[c].camera.height = 360;
    for (int i = 0; i < 100; i++) {
        const vg_sighting g = {.frame = i, .camera = i % 2, .confidence = 1, .u = 7.0 * i, .v = 3.0 * i};
        assert_ok(vg_sightings_add(&s, &g, &err));
    }
    assert_ok(vg_sightings_check(&s, &set, &err)); /* a few stray */
    for (size_t i = 1; i < s.count; i += 2) s.sighting[i].u *= 2, s.sighting[i].v *= 2;
    assert_error(vg_sightings_check(&s, &set, &err), VG_INVALID, "camera b: ");
    assert_non_null(strstr(err.message, "outside its picture of 640 x 360 px"));
    for (size_t i = 1; i < s.count; i += 2) s.sighting[i].u = 3.5 * (double)i, s.sighting[i].v = 6.0 * (double)i;
    assert_error(vg_sightings_check(&s, &set, &err), VG_INVALID, "turned by 90 degrees");
    for (size_t i = 0; i < s.count; i++) s.sighting[i].u /= 2000, s.sighting[i].v /= 2000;
    assert_error(vg_sightings_check(&s, &set, &err), VG_INVALID, "must be pixels");
    vg_sightings_free(&s);
    vg_camera_set_free(&set);
}

static const char board[] =
    "frame,camera,point,u,v,person,board_x,board_y\n2,b,1,5,6,0,0.1,0\n2,a,0,1,2,0,0,0\n2,a,1,3,4,0,0.1,0\n"
    "2,a,1,9,9,0,0.1,0\n1,a,0,7,8,0,0,0\n1,b,0,7,8,0,0,0\n";

static void tracks_are_points_or_boards_in_order(void **state) {
    (void)state;
    vg_camera_set set;
    vg_sightings s;
    vg_tracks t;
    named(&set, (const char *[]){"a", "unused", "b"}, 3);
    assert_ok(parse(&s, board, NULL));
    assert_ok(vg_sightings_match(&s, &set, &err));
    vg_tracks_options options = {0};
    assert_ok(vg_tracks_create(&t, &s, &set, &options, &err));
    assert_int_equal(t.bundle.cameras, 2);
    assert_int_equal(t.camera_at[1], 2);
    assert_int_equal(t.bundle.structures, 3); /* frame 1 point 0, frame 2 points 0 and 1 */
    assert_int_equal(t.bundle.sightings, 5);  /* the second sighting of a point in a picture is dropped */
    assert_int_equal(t.frames, 2);
    assert_int_equal(t.sighting[0].camera, 0);
    assert_int_equal(t.sighting[1].camera, 1);
    vg_tracks_free(&t);
    options.boards = true;
    assert_ok(vg_tracks_create(&t, &s, &set, &options, &err));
    assert_int_equal(t.bundle.structures, 2);
    assert_int_equal(t.corners, 2);
    vg_tracks_free(&t);
    s.sighting[2].board[0] = 0.2;
    assert_error(vg_tracks_create(&t, &s, &set, &options, &err), VG_INVALID, "at two places on its board");
    s.sighting[2].board[0] = (double)NAN;
    assert_error(vg_tracks_create(&t, &s, &set, &options, &err), VG_INVALID, "no place on a board");
    options = (vg_tracks_options){.min_confidence = 2};
    assert_error(vg_tracks_create(&t, &s, &set, &options, &err), VG_INVALID, "placing them takes two");
    vg_sightings_free(&s);
    vg_camera_set_free(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_tables_are_read_by_their_header),
        cmocka_unit_test(caliscope_and_deeplabcut_are_read),
        cmocka_unit_test(wrong_files_are_refused_by_line_and_column),
        cmocka_unit_test(cameras_are_found_by_name_number_or_beginning),
        cmocka_unit_test(pixels_of_another_size_are_told),
        cmocka_unit_test(tracks_are_points_or_boards_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
