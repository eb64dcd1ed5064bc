/* Clocks files and keypoints on one time: cameras of other rates, fractions of a picture, drift and uneven pictures are
 * brought to where people were; what cannot be known between two pictures is lost and counted; wrong files are told. */
#include "perception/clocks.h"

#include "tests/support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static vg_error err;

enum { JOINTS = VG_JOINTS14, FRAMES = 300 };

/* Where a person's joint is at a time: smooth, a period of a second or more. */
static void place(double uv[2], int person, int joint, double t) {
    uv[0] = 300 + 400 * person + 80 * sin(2.1 * t + person) + 3 * joint;
    uv[1] = 100 + 20 * joint + 25 * sin(5 * t + 0.3 * joint);
}

/* A recording of `cameras` cameras, two people each, taken at the own times `own(c, f)`. Detections change places from frame to
 * frame. */
static void record(vg_keypoints *k, const vg_clocks *clocks, double (*own)(int camera, int frame), bool stamped) {
    const int C = clocks->cameras;
    *k = (vg_keypoints){.cameras = C, .frames = FRAMES};
    vg_joint_set_init(&k->set, VG_JOINTS_14);
    k->names = calloc((size_t)C, sizeof *k->names);
    k->first = calloc((size_t)(FRAMES * C) + 1, sizeof *k->first);
    k->points = calloc((size_t)(FRAMES * C * 2 * JOINTS), sizeof *k->points);
    if (stamped) k->times = calloc((size_t)(FRAMES * C), sizeof *k->times);
    for (int i = 0; i <= FRAMES * C; i++) k->first[i] = 2 * (int64_t)i;
    for (int c = 0; c < C; c++) {
        const vg_camera_clock *clock = &clocks->camera[c];
        snprintf(k->names[c], sizeof k->names[c], "%s", clock->name);
        k->end[c] = FRAMES;
        for (int f = 0; f < FRAMES; f++)
            for (int p = 0; p < 2; p++)
                for (int j = 0; j < JOINTS; j++) {
                    double uv[2];
                    place(uv, (p + f) % 2, j, (own(c, f) - clock->offset) / clock->rate);
                    k->points[((f * C + c) * 2 + p) * JOINTS + j] = (vg_keypoint){(float)uv[0], (float)uv[1], 0.9f};
                }
        for (int f = 0; f < FRAMES && stamped; f++) k->times[f * C + c] = own(c, f);
    }
}

static vg_clocks three_clocks(void) {
    return (vg_clocks){.cameras = 3,
                       .camera = {{.name = "a", .fps = 60, .rate = 1},
                                  {.name = "b", .fps = 50, .offset = 0.4037, .rate = 1.002},
                                  {.name = "c", .fps = 30, .offset = -0.7391, .rate = 0.9995}}};
}

static double even(int camera, int frame) {
    static const double fps[3] = {60, 50, 30};
    return frame / fps[camera];
}

static double uneven(int camera, int frame) {
    return 1000 * camera + even(camera, frame) + 0.006 * sin(1.7 * frame);
}

/* How far keypoints are from where people are at the times told, px. */
static double worst(const vg_keypoints *k) {
    double most = 0;
    for (int f = 0; f < k->frames; f++)
        for (int c = 0; c < k->cameras; c++) {
            const double t = k->times[f * k->cameras + c];
            assert_int_equal(vg_keypoints_count(k, f, c), 2);
            for (int i = 0; i < 2; i++) {
                const vg_keypoint *q = vg_keypoints_at(k, f, c, i);
                for (int j = 0; j < JOINTS; j++) {
                    double uv[2];
                    place(uv, (double)q[j].u > 520 + 3 * j, j, t);
                    assert_true(q[j].confidence > 0.8f);
                    most = fmax(most, hypot(uv[0] - (double)q[j].u, uv[1] - (double)q[j].v));
                }
            }
        }
    return most;
}

static void other_rates_fractions_and_drift_are_undone(void **state) {
    (void)state;
    const vg_clocks clocks = three_clocks();
    vg_keypoints k, out;
    vg_resampled report[3];
    record(&k, &clocks, even, false);
    assert_ok(vg_keypoints_resample(&out, report, &k, &clocks, 60, false, &err));
    assert_in_range(out.frames, 254, 256); /* of a's 300, those after c has begun */
    assert_true(worst(&out) < 25 * 5 * 5 / (8 * 30.0 * 30) + 80 * 2.1 * 2.1 / (8 * 30 * 30) + 0.01); /* a w^2 h^2 / 8 */
    for (int c = 0; c < 3; c++) assert_int_equal(report[c].lost, 0);
    vg_keypoints_free(&out);
    assert_ok(vg_keypoints_resample(&out, report, &k, &clocks, 60, true, &err)); /* as long as any camera runs */
    assert_in_range(out.frames, 660, 670); /* from b's first picture to c's last */
    assert_int_equal(vg_keypoints_count(&out, out.frames - 1, 0), 0);
    vg_keypoints_free(&out), vg_keypoints_free(&k);
}

static void stamped_pictures_may_be_uneven(void **state) {
    (void)state;
    vg_clocks clocks = three_clocks();
    for (int c = 0; c < 3; c++) clocks.camera[c].offset += 1000 * c;
    vg_keypoints k, out;
    record(&k, &clocks, uneven, true);
    assert_close(vg_keypoints_rate(&k, 2), 30, 3);
    assert_ok(vg_keypoints_resample(&out, NULL, &k, &clocks, 60, false, &err));
    assert_true(worst(&out) < 1.4);
    vg_keypoints_free(&out), vg_keypoints_free(&k);
}

static void whole_frames_move_as_they_are(void **state) {
    (void)state;
    vg_clocks clocks = three_clocks();
    clocks.cameras = 2, clocks.camera[1] = (vg_camera_clock){.name = "b", .fps = 60, .offset = 7 / 60.0, .rate = 1};
    vg_keypoints k, out;
    vg_resampled report[2];
    record(&k, &clocks, even, false);
    k.points[(20 * 2 + 1) * 2 * JOINTS].confidence = 0; /* a joint that b does not see in frame 20 */
    assert_ok(vg_keypoints_resample(&out, report, &k, &clocks, 60, false, &err));
    assert_int_equal(out.frames, FRAMES - 7);
    for (int f = 0; f < out.frames; f++)
        for (int c = 0; c < 2; c++)
            assert_memory_equal(vg_keypoints_at(&out, f, c, 0), vg_keypoints_at(&k, f + 7 * c, c, 0),
                                sizeof(vg_keypoint) * 2 * JOINTS);
    assert_int_equal(report[1].lost, 0);
    vg_keypoints_free(&out), vg_keypoints_free(&k);
}

static void what_is_not_seen_in_both_pictures_is_lost_and_counted(void **state) {
    (void)state;
    vg_clocks clocks = three_clocks();
    clocks.cameras = 2, clocks.camera[1] = (vg_camera_clock){.name = "b", .fps = 60, .offset = 0.5 / 60, .rate = 1};
    vg_keypoints k, out;
    vg_resampled report[2];
    record(&k, &clocks, even, true);
    vg_keypoint *twenty = k.points + (20 * 2 + 1) * 2 * JOINTS; /* b's frame 20 */
    twenty[3] = (vg_keypoint){0}, twenty[JOINTS].confidence = 0.5f;
    for (int f = 100; f < 105; f++) k.times[2 * f + 1] = (double)NAN; /* b has no such pictures */
    assert_ok(vg_keypoints_resample(&out, report, &k, &clocks, 60, false, &err));
    assert_int_equal(report[0].lost, 0);
    /* a joint in two instants, and all between the pictures around the hole: seven instants of two people */
    assert_in_range(report[1].lost, 7 * 2 * JOINTS, 2 + 7 * 2 * JOINTS);
    float least = 1;
    int half = 0;
    for (int f = 0; f < out.frames; f++)
        for (int i = 0; i < vg_keypoints_count(&out, f, 1); i++) {
            const vg_keypoint *q = vg_keypoints_at(&out, f, 1, i);
            if (q[0].confidence > 0) least = fminf(least, q[0].confidence), half += q[0].confidence < 0.6f;
        }
    assert_close(least, 0.5f, 1e-6); /* the lower confidence counts */
    assert_int_equal(half, 2);
    vg_keypoints_free(&out), vg_keypoints_free(&k);
}

static void clocks_of_another_rig_or_time_are_told(void **state) {
    (void)state;
    vg_clocks clocks = three_clocks(), other = three_clocks();
    vg_keypoints k, out;
    record(&k, &clocks, even, false);
    snprintf(other.camera[1].name, sizeof other.camera[1].name, "hall2");
    assert_error(vg_keypoints_resample(&out, NULL, &k, &other, 60, false, &err), VG_INVALID,
                 "not of `b`, which has keypoints");
    other = clocks, other.camera[1].offset = 500;
    assert_error(vg_keypoints_resample(&out, NULL, &k, &other, 60, false, &err), VG_FAILED, "no time in common");
    assert_error(vg_keypoints_resample(&out, NULL, &k, &other, 60, true, &err), VG_INVALID, "mend time_seconds");
    other.camera[1].offset = (double)NAN; /* a camera whose offset is not known is left out */
    assert_ok(vg_keypoints_resample(&out, NULL, &k, &other, 60, false, &err));
    assert_int_equal(out.cameras, 2);
    assert_string_equal(out.names[1], "c");
    vg_keypoints_free(&out);
    for (int c = 0; c < 3; c++) other.camera[c].offset = (double)NAN;
    assert_error(vg_keypoints_resample(&out, NULL, &k, &other, 60, false, &err), VG_INVALID, "no camera's offset");
    vg_keypoints_free(&k);
}

/* ---- files ----------------------------------------------------------------------------------------------------------- */

static void a_clocks_file_reads_back(void **state) {
    (void)state;
    char path[4300];
    vg_clocks clocks = three_clocks(), back;
    clocks.camera[2].offset = (double)NAN, clocks.camera[1].sigma = 0.00031, clocks.camera[1].confidence = 0.875;
    clocks.reference = 1;
    snprintf(path, sizeof path, "%s/sync.json", vg_test_folder());
    assert_ok(vg_clocks_write(path, &clocks, &err));
    assert_ok(vg_clocks_read(path, &back, &err));
    assert_int_equal(back.cameras, 3);
    assert_int_equal(back.reference, 1);
    for (int c = 0; c < 2; c++) {
        assert_string_equal(back.camera[c].name, clocks.camera[c].name);
        assert_close(back.camera[c].offset, clocks.camera[c].offset, 0);
        assert_close(back.camera[c].rate, clocks.camera[c].rate, 0);
        assert_close(back.camera[c].fps, clocks.camera[c].fps, 0);
        assert_close(back.camera[c].sigma, clocks.camera[c].sigma, 0);
    }
    assert_true(isnan(back.camera[2].offset));
    assert_error(vg_clocks_read("/nonexistent/sync.json", &back, &err), VG_NOT_FOUND, "/nonexistent/sync.json");
}

#define CAMERA(rest)                                                                                                   \
    "{\"format\":\"vergence clocks\",\"version\":1,\"reference\":\"a\",\"cameras\":[{\"name\":\"a\"" rest "}]}"

static void wrong_clocks_files_are_told(void **state) {
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"{\"format\":\"vergence", "s.json:1: not JSON"},
        {"[]", "format is not"},
        {"{\"format\":\"vergence clocks\",\"version\":2}", "version is 2"},
        {"{\"format\":\"vergence clocks\",\"version\":1}", "cameras is a list of 0"},
        {CAMERA(""), "camera `a`: offset_seconds is missing"},
        {CAMERA(",\"offset_seconds\":0"), "camera `a`: fps is missing"},
        {CAMERA(",\"offset_seconds\":\"NaN\",\"fps\":60,\"rate\":1"), "camera `a`: offset_seconds is not a number"},
        {CAMERA(",\"offset_seconds\":1e30,\"fps\":60,\"rate\":1"), "camera `a`: offset_seconds is 1e+30"},
        {CAMERA(",\"offset_seconds\":0,\"fps\":60,\"rate\":3"), "camera `a`: rate is 3; it must be 0.9 to 1.1"},
        {"{\"format\":\"vergence clocks\",\"version\":1,\"reference\":\"b\",\"cameras\":[{\"name\":\"a\","
         "\"offset_seconds\":0,\"fps\":60,\"rate\":1}]}",
         "reference is `b`"},
        {"{\"format\":\"vergence clocks\",\"version\":1,\"reference\":\"a\",\"cameras\":[{\"name\":\"a\","
         "\"offset_seconds\":0,\"fps\":60,\"rate\":1},{\"name\":\"a\"}]}",
         "camera `a` is given twice"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vg_clocks clocks;
        const vg_status status = vg_clocks_parse("s.json", cases[i].text, strlen(cases[i].text), &clocks, &err);
        assert_true(status != VG_OK);
        if (!strstr(err.message, cases[i].part)) fail_msg("`%s` lacks `%s`", err.message, cases[i].part);
    }
}

#define HEAD "camera,frame,joint,x,y,time_seconds\n"

static void times_of_keypoint_files_are_read_and_checked(void **state) {
    (void)state;
    vg_keypoints k;
    static const char good[] = HEAD "b,3,LKnee,1,2,10.5\nb,5,LKnee,2,2,10.75\na,3,LKnee,1,1,-1\na,4,LKnee,1,1,0\n";
    const vg_keypoints_options all = {.frames = VG_FRAMES_ALL};
    assert_ok(vg_keypoints_csv_parse("k.csv", good, strlen(good), &all, &k, &err));
    assert_close(vg_keypoints_time(&k, 0, 1, true, 60), 10.5, 0);
    assert_true(isnan(vg_keypoints_time(&k, 1, 1, true, 60)));
    assert_close(vg_keypoints_time(&k, 2, 1, true, 60), 10.75, 0);
    assert_close(vg_keypoints_time(&k, 0, 0, true, 60), -1, 0);
    assert_true(isnan(vg_keypoints_time(&k, 2, 0, true, 60)));
    vg_keypoints_free(&k);
    static const struct {
        const char *text, *part;
    } cases[] = {
        {HEAD "a,0,LKnee,1,2,nan\n", "k.csv:2: time_seconds is `nan`"},
        {HEAD "a,0,LKnee,1,2,\n", "k.csv:2: time_seconds is ``"},
        {HEAD "a,0,LKnee,1,2\n", "k.csv:2: time_seconds is ``"},
        {HEAD "a,0,LKnee,1,2,1e300\n", "k.csv:2: time_seconds is 1e+300"},
        {HEAD "a,0,LKnee,1,2,1\na,0,LHip,1,2,2\n", "camera a: frame 0 is stamped 1 s and 2 s"},
        {HEAD "a,0,LKnee,1,2,1\na,1,LKnee,1,2,0.5\n", "is 1 in frame 0 and 0.5 in frame 1; times must increase"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_error(vg_keypoints_csv_parse("k.csv", cases[i].text, strlen(cases[i].text), &all, &k, &err), VG_CORRUPT,
                     cases[i].part);
    static const char word[] = "{\"time_seconds\":\"noon\",\"people\":[]}";
    assert_error(vg_keypoints_openpose_parse("f.json", word, strlen(word), NULL, &k, &err), VG_CORRUPT,
                 "f.json: time_seconds is not a number");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_rates_fractions_and_drift_are_undone),
        cmocka_unit_test(stamped_pictures_may_be_uneven),
        cmocka_unit_test(whole_frames_move_as_they_are),
        cmocka_unit_test(what_is_not_seen_in_both_pictures_is_lost_and_counted),
        cmocka_unit_test(clocks_of_another_rig_or_time_are_told),
        cmocka_unit_test(a_clocks_file_reads_back),
        cmocka_unit_test(wrong_clocks_files_are_told),
        cmocka_unit_test(times_of_keypoint_files_are_read_and_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
