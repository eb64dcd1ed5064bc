/* vergence sync and triangulate --sync: cameras with clocks of their own become people where they truly are; what cannot be
 * synchronised is said, with its exit code. */
#include "tests/support/film.h"
#include "tests/support/process.h"

#include "calibration/files.h"
#include "perception/clocks.h"
#include "perception/motion.h"

#include <jansson.h>
#include <sys/stat.h>

static vg_error err;
static vg_test_output got;
static char folder[4096];
static film_people people;

enum { CAMERAS = 4 };

/* Two at 60 pictures a second, one at 30, one at 50 whose pictures are uneven; seconds and fractions of pictures apart. */
static const film_camera cameras[CAMERAS] = {{60, 0, 1, 0, true, 0},
                                             {60, 0.2137, 1, 0, true, 0.02},
                                             {30, -0.7391, 1, 0, true, 0},
                                             {50, 1.3333, 1, 0.003, true, 0.02}};

static void run(int code, const char *part, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void run(int code, const char *part, const char *format, ...) {
    char words[9000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    vg_test_run(&got, "vergence", words);
    if (got.code != code || (part && !strstr(got.err, part) && !strstr(got.out, part)))
        fail_msg("%s: exit %d, expected %d with `%s`; it said: %s%s", words, got.code, code, part ? part : "", got.err,
                 got.out);
}

static const char *in(const char *name) {
    static char paths[4][4300];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static FILE *create(const char *name) {
    FILE *file = fopen(in(name), "w");
    assert_non_null(file);
    return file;
}

static void write_csv(const char *name, const vg_keypoints *k, int32_t count) {
    FILE *file = create(name);
    fprintf(file, "camera,frame,person,joint,x,y,confidence,time_seconds\n");
    for (int32_t f = 0; f < k->frames; f++)
        for (int32_t c = 0; c < count; c++)
            for (int32_t i = 0; i < vg_keypoints_count(k, f, c); i++)
                for (int32_t j = 0; j < FILM_JOINTS; j++) {
                    const vg_keypoint *q = vg_keypoints_at(k, f, c, i) + j;
                    fprintf(file, "%s,%d,%d,%s,%.3f,%.3f,%.3f,%.6f\n", k->names[c], f, i, vg_joint14_names[j],
                            (double)q->u, (double)q->v, (double)q->confidence, k->times[f * k->cameras + c]);
                }
    fclose(file);
}

static int set_up(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "%s", vg_test_folder());
    film_walk(&people, 2, CAMERAS, 7, 2);
    vg_keypoints k;
    double offset[CAMERAS];
    film_record(offset, &k, &people, cameras, 2, 6, 2, 3);
    write_csv("film.csv", &k, CAMERAS);
    write_csv("alone.csv", &k, 1);
    vg_keypoints_free(&k);
    vg_camera_set set;
    assert_ok(vg_camera_set_create(&set, CAMERAS, &err));
    for (int32_t c = 0; c < CAMERAS; c++) {
        snprintf(set.camera[c].name, sizeof set.camera[c].name, "cam%d", c + 1);
        set.camera[c].placed = true, set.camera[c].camera = people.camera[c];
    }
    set.z_up = true;
    assert_ok(vg_calibration_write(in("rig.toml"), &set, VG_CALIBRATION_POSE2SIM, &err));
    vg_camera_set_free(&set);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    free(people.place);
    return 0;
}

/* Mean distance of written joints from the nearest true person, mm; the first frame is at common time `begin`. */
static double error_mm(const char *name, double begin) {
    vg_motion m;
    double sum = 0, n = 0;
    assert_ok(vg_motion_read(in(name), NULL, &m, &err));
    for (int32_t f = 0; f < m.frames; f++)
        for (int32_t point = 0; point < m.points; point++) {
            const double *x = m.positions + 3 * ((size_t)f * (size_t)m.points + (size_t)point);
            double best = (double)INFINITY;
            if (isnan(x[0])) continue;
            for (int32_t p = 0; p < people.people; p++)
                for (int32_t j = 0; j < FILM_JOINTS; j++) {
                    double X[3];
                    if (strcmp(strchr(m.names[point], ':') + 1, vg_joint14_names[j]) != 0) continue;
                    film_at(X, &people, p, j, begin + m.times[f]);
                    best = fmin(best, sqrt(pow(X[0] - x[0], 2) + pow(X[1] - x[1], 2) + pow(X[2] - x[2], 2)));
                }
            sum += best, n++;
        }
    vg_motion_free(&m);
    return 1000 * sum / n;
}

static void offsets_are_found_and_applied(void **state) {
    (void)state;
    run(0, NULL, "sync --keypoints %s --calibration %s --offsets %s --json", in("film.csv"), in("rig.toml"),
        in("sync.json"));
    json_t *report = json_loads(got.out, 0, NULL);
    const json_t *list = json_object_get(report, "cameras");
    assert_int_equal(json_array_size(list), CAMERAS);
    for (size_t c = 0; c < CAMERAS; c++) {
        const json_t *o = json_array_get(list, c);
        assert_close(json_real_value(json_object_get(o, "offset_seconds")), cameras[c].offset, 0.004);
        assert_true(json_number_value(json_object_get(o, "confidence")) > 0.9);
    }
    json_decref(report);
    vg_clocks clocks;
    assert_ok(vg_clocks_read(in("sync.json"), &clocks, &err));
    assert_close(clocks.camera[2].fps, 30, 0.01);
    run(0, "50 a second", "triangulate --keypoints %s --calibration %s --sync %s --fps 50 --people all --out %s --json",
        in("film.csv"), in("rig.toml"), in("sync.json"), in("people.csv"));
    const double synced = error_mm("people.csv", 2); /* where the first camera begins; all others run by then */
    printf("synchronised: joints %.1f mm from the truth\n", synced);
    assert_true(synced < 60);
}

static void moved_keypoints_are_written_for_others(void **state) {
    (void)state;
    run(0, "frames that all cameras have", "sync --keypoints %s --calibration %s --out %s", in("film.csv"),
        in("rig.toml"), in("moved"));
    run(4, "is there already", "sync --keypoints %s --calibration %s --out %s", in("film.csv"), in("rig.toml"),
        in("moved"));
    vg_keypoints k;
    assert_ok(vg_keypoints_read(in("moved"), NULL, &k, &err));
    assert_int_equal(k.cameras, CAMERAS);
    assert_in_range(k.frames, 225, 241);
    assert_close(vg_keypoints_rate(&k, 2), 60, 0.01);
    vg_keypoints_free(&k);
    run(0, NULL, "triangulate --keypoints %s --calibration %s --fps 60 --people all --out %s --json", in("moved"),
        in("rig.toml"), in("moved.c3d"));
}

static void what_cannot_be_synchronised_is_said(void **state) {
    (void)state;
    run(2, "sync needs --keypoints", "sync");
    run(5, "none.csv", "sync --keypoints %s", in("none.csv"));
    run(2, "one camera alone needs no synchronisation", "sync --keypoints %s", in("alone.csv"));
    run(2, "--fps fast: write a number", "sync --keypoints %s --fps fast", in("film.csv"));
    run(2, "--fps door=30: no camera", "sync --keypoints %s --fps door=30", in("film.csv"));
    FILE *file = create("still.csv");
    fprintf(file, "camera,frame,joint,x,y\n");
    for (int f = 0; f < 90; f++)
        for (int c = 0; c < 2; c++)
            for (int j = 0; j < FILM_JOINTS; j++)
                fprintf(file, "cam%d,%d,%s,%d,%d\n", c + 1, f, vg_joint14_names[j], 300 + j, 100 + 20 * j);
    fclose(file);
    run(1, "no camera moves in time with `cam1`", "sync --keypoints %s", in("still.csv"));
    file = create("back.csv");
    fprintf(file, "camera,frame,joint,x,y,time_seconds\ncam1,0,LHip,3,4,0.5\ncam1,1,LHip,3,4,0.4\n");
    fclose(file);
    run(1, "camera cam1: time_seconds is 0.5 in frame 0 and 0.4 in frame 1; times must increase", "sync --keypoints %s",
        in("back.csv"));
}

static void clocks_files_of_another_rig_are_refused(void **state) {
    (void)state;
    const char *words = "triangulate --keypoints %s --calibration %s --sync %s --out %s";
    FILE *file = create("other.json");
    fprintf(file, "{\"format\":\"vergence clocks\",\"version\":1,\"reference\":\"left\",\"cameras\":[{\"name\":"
                  "\"left\",\"fps\":60,\"offset_seconds\":0,\"rate\":1}]}\n");
    fclose(file);
    run(2, "other.json: the clocks tell of 1 cameras (left), but not of `cam1`", words, in("film.csv"), in("rig.toml"),
        in("other.json"), in("x.trc"));
    file = create("cut.json");
    fprintf(file, "{\"format\":\"vergence clocks\",\"version\":1,\"refer");
    fclose(file);
    run(1, "cut.json:1: not JSON", words, in("film.csv"), in("rig.toml"), in("cut.json"), in("x.trc"));
    run(5, "nowhere.json", words, in("film.csv"), in("rig.toml"), in("nowhere.json"), in("x.trc"));
    /* frames of cameras at different rates are no instants: told, not done in silence */
    run(0, "bring them to one time",
        "triangulate --keypoints %s --calibration %s --frames all --fps 60 --threshold 60 --out %s", in("film.csv"),
        in("rig.toml"), in("y.trc"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_are_found_and_applied),
        cmocka_unit_test(moved_keypoints_are_written_for_others),
        cmocka_unit_test(what_cannot_be_synchronised_is_said),
        cmocka_unit_test(clocks_files_of_another_rig_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
