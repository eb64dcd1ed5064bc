/* Synchronisation: offsets of simulated cameras are found to a fraction of a frame, those of a real recording when it is
 * moved, and cameras that see different motion are said to be unknown. */
#include "perception/clocks.h"
#include "perception/sync.h"

#include "calibration/calibration.h"
#include "common/transform.h"
#include "tests/support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static vg_error err;

enum { CAMERAS = 4, FRAMES = 240, JOINTS = 14 };

static const double fps60[CAMERAS] = {60, 60, 60, 60};

/* A person whose joints sway and bob, each in its own way; smooth in time. */
typedef struct dancer {
    double place[JOINTS][3], amplitude[JOINTS][3][3], rate[JOINTS][3][3], phase[JOINTS][3][3];
} dancer;

static void make_dancer(dancer *d, uint32_t stream) {
    vg_rng rng = vg_test_rng(stream);
    for (int j = 0; j < JOINTS; j++)
        for (int k = 0; k < 3; k++) {
            d->place[j][k] = k == 2 ? 0.2 + 1.4 * j / JOINTS : (double)vg_rng_range(&rng, -0.25f, 0.25f);
            for (int h = 0; h < 3; h++) {
                d->amplitude[j][k][h] = (double)vg_rng_range(&rng, 0.02f, 0.08f);
                d->rate[j][k][h] = (double)vg_rng_range(&rng, 0.02f, 0.16f); /* radians a frame */
                d->phase[j][k][h] = (double)vg_rng_range(&rng, 0, 6.28f);
            }
        }
}

static void dance(double X[3], const dancer *d, int joint, double frame) {
    for (int k = 0; k < 3; k++) {
        X[k] = d->place[joint][k];
        for (int h = 0; h < 3; h++)
            X[k] += d->amplitude[joint][k][h] * sin(d->rate[joint][k][h] * frame + d->phase[joint][k][h]);
    }
}

static void make_cameras(vg_camera *cameras) {
    for (int c = 0; c < CAMERAS; c++) {
        const double a = 2 * VG_PI * c / CAMERAS + 0.3, at[3] = {4 * cos(a), 4 * sin(a), 1.4}, to[3] = {0, 0, 1};
        double yaw, pitch, moved[3];
        cameras[c] = (vg_camera){.width = 1280, .height = 720, .fx = 900, .fy = 900, .cx = 640, .cy = 360};
        vg_yaw_pitch_towards(&yaw, &pitch, at, to);
        vg_rotation_from_yaw_pitch(cameras[c].R, yaw, pitch);
        vg_mat3_mul_vec(moved, cameras[c].R, at);
        for (int i = 0; i < 3; i++) cameras[c].t[i] = -moved[i];
    }
}

/* What `dancers` look like: camera c's frame f shows them at f - offset[c]. A bystander who does not move comes first in
 * every frame; one in twenty joints is unseen. */
static void film(vg_keypoints *k, const vg_camera *cameras, const dancer *const *dancers, const double *offset,
                 double noise_px) {
    vg_rng rng = vg_test_rng(77);
    *k = (vg_keypoints){.cameras = CAMERAS, .frames = FRAMES};
    vg_joint_set_init(&k->set, VG_JOINTS_14);
    for (int c = 0; c < CAMERAS; c++) k->end[c] = FRAMES;
    k->names = calloc(CAMERAS, sizeof *k->names);
    k->first = calloc(FRAMES * CAMERAS + 1, sizeof *k->first);
    k->points = calloc((size_t)FRAMES * CAMERAS * 2 * JOINTS, sizeof *k->points);
    for (int i = 0; i <= FRAMES * CAMERAS; i++) k->first[i] = 2 * (int64_t)i;
    for (int c = 0; c < CAMERAS; c++) snprintf(k->names[c], sizeof k->names[c], "cam%d", c);
    for (int f = 0; f < FRAMES; f++)
        for (int c = 0; c < CAMERAS; c++)
            for (int p = 0; p < 2; p++)
                for (int j = 0; j < JOINTS; j++) {
                    double X[3], uv[2];
                    dance(X, dancers[c], j, p ? f - offset[c] : 0);
                    if (!p) X[0] += 1.5, X[1] += 1.5;
                    assert_true(vg_project(uv, NULL, NULL, &cameras[c], X));
                    vg_keypoint *q = &k->points[((f * CAMERAS + c) * 2 + p) * JOINTS + j];
                    *q = (vg_keypoint){(float)(uv[0] + noise_px * (double)vg_rng_normal(&rng)),
                                       (float)(uv[1] + noise_px * (double)vg_rng_normal(&rng)), 0.9f};
                    if (vg_rng_below(&rng, 20) == 0) *q = (vg_keypoint){0};
                }
}

static void offsets_are_found_to_a_fraction_of_a_frame(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(1);
    vg_camera cameras[CAMERAS];
    make_cameras(cameras);
    for (uint32_t trial = 0; trial < 4; trial++) {
        dancer d;
        make_dancer(&d, 10 + trial);
        const dancer *const dancers[CAMERAS] = {&d, &d, &d, &d};
        double offset[CAMERAS];
        for (int c = 0; c < CAMERAS; c++) offset[c] = (double)vg_rng_range(&rng, -40, 40);
        vg_keypoints k;
        film(&k, cameras, dancers, offset, 2);
        vg_sync_options options = vg_sync_options_default();
        options.longest = 100;
        for (int calibrated = 0; calibrated < 2; calibrated++) {
            vg_sync_result r;
            assert_ok(vg_sync(&r, &k, calibrated ? cameras : NULL, fps60, &options, &err));
            for (int c = 0; c < CAMERAS; c++) {
                assert_true(r.known[c]);
                assert_close(60 * r.offset[c], offset[c] - offset[0], calibrated ? 0.2 : 1.5);
                assert_true(r.correlation[c] > 0.5 && r.confidence[c] > 0.1);
            }
            for (int32_t i = 0; i < r.pairs && calibrated; i++)
                if (r.pair[i].used) assert_true(r.pair[i].epipolar < 4);
        }
        vg_keypoints_free(&k);
    }
}

static void a_camera_that_sees_someone_else_is_unknown(void **state) {
    (void)state;
    vg_camera cameras[CAMERAS];
    dancer d, other;
    make_cameras(cameras);
    make_dancer(&d, 20), make_dancer(&other, 21);
    const dancer *const dancers[CAMERAS] = {&d, &d, &other, &d};
    vg_keypoints k;
    film(&k, cameras, dancers, (const double[]){0, 12, 0, -7}, 1);
    vg_sync_options options = vg_sync_options_default();
    options.longest = 60;
    vg_sync_result r;
    assert_ok(vg_sync(&r, &k, NULL, fps60, &options, &err));
    assert_true(r.known[1] && r.known[3] && !r.known[2]);
    assert_true(isnan(r.offset[2]));
    assert_close(60 * r.offset[1], 12, 1.5);
    assert_close(60 * r.offset[3], -7, 1.5);
    vg_keypoints_free(&k);
}

static void motion_that_nobody_shares_is_an_error(void **state) {
    (void)state;
    vg_camera cameras[CAMERAS];
    dancer d[CAMERAS];
    make_cameras(cameras);
    for (uint32_t c = 0; c < CAMERAS; c++) make_dancer(&d[c], 30 + c);
    const dancer *const dancers[CAMERAS] = {&d[0], &d[1], &d[2], &d[3]};
    vg_keypoints k;
    film(&k, cameras, dancers, (const double[]){0, 0, 0, 0}, 1);
    vg_sync_options options = vg_sync_options_default();
    options.longest = 60;
    vg_sync_result r;
    assert_error(vg_sync(&r, &k, NULL, fps60, &options, &err), VG_FAILED, "no camera moves in time with `cam0`");
    vg_keypoints_free(&k);
}

/* The same recording, filmed by cameras whose clocks are off: their pictures are made by interpolation. */
static void film_again(vg_keypoints *out, const vg_keypoints *k, const double *offset) {
    vg_clocks clocks = {.cameras = k->cameras};
    for (int32_t c = 0; c < k->cameras; c++) {
        clocks.camera[c] = (vg_camera_clock){.fps = 60, .offset = -offset[c], .rate = 1};
        memcpy(clocks.camera[c].name, k->names[c], sizeof clocks.camera[c].name);
    }
    assert_ok(vg_keypoints_resample(out, NULL, k, &clocks, 60, false, &err));
}

/* The recordings' own offsets are not known, so what is tested is how they change: with a calibration by less than 4 ms from
 * what was asked for, without one by less than 5. */
static void real_recordings_that_are_moved_are_moved_back(void **state) {
    (void)state;
    static const char *const names[2] = {"pose2sim/single/pose", "pose2sim/multi/pose"};
    const char *file = vg_test_shared("pose2sim/Calib_scene_1e65a39.toml");
    if (!file) skip();
    static const double offset[4] = {0, 0.1063, -0.2041, 0.0872};
    for (int n = 0; n < 2; n++) {
        vg_keypoints k, moved;
        vg_camera cameras[4];
        vg_camera_set set;
        assert_ok(vg_keypoints_read(vg_test_shared(names[n]), NULL, &k, &err));
        assert_ok(vg_calibration_read(file, NULL, &set, &err));
        assert_ok(vg_keypoints_cameras(cameras, &k, &set, NULL, 0, false, &err));
        film_again(&moved, &k, offset);
        free(moved.times), moved.times = NULL; /* own times are pictures' numbers */
        for (int calibrated = 0; calibrated < 2; calibrated++) {
            vg_sync_result before, after;
            vg_sync_options options = vg_sync_options_default();
            options.longest = 30;
            assert_ok(vg_sync(&before, &k, calibrated ? cameras : NULL, fps60, &options, &err));
            assert_ok(vg_sync(&after, &moved, calibrated ? cameras : NULL, fps60, &options, &err));
            for (int32_t c = 0; c < 4; c++) {
                const double off = 1000 * (after.offset[c] - before.offset[c] - offset[c]);
                printf("%s, %s: camera %d is off by %.2f ms (it says +- %.2f)\n", names[n],
                       calibrated ? "calibrated" : "not calibrated", c, off, 1000 * after.sigma[c]);
                assert_close(off, 0, calibrated ? 4 : 5);
            }
        }
        vg_keypoints_free(&k), vg_keypoints_free(&moved), vg_camera_set_free(&set);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_are_found_to_a_fraction_of_a_frame),
        cmocka_unit_test(a_camera_that_sees_someone_else_is_unknown),
        cmocka_unit_test(motion_that_nobody_shares_is_an_error),
        cmocka_unit_test(real_recordings_that_are_moved_are_moved_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
