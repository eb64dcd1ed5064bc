/* Synchronisation: offsets of simulated cameras are found to a fraction of a frame, those of a real recording when it is
 * moved, and cameras that see different motion are said to be unknown. */
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
    assert_error(vg_sync(&r, &k, NULL, fps60, &options, &err), VG_FAILED, "no two cameras move in time");
    vg_keypoints_free(&k);
}

/* Moves a camera's detections: frame f then shows what f - by did. */
static void delay(vg_keypoints *k, int32_t camera, int32_t by) {
    const size_t joints = (size_t)k->set.joints;
    vg_keypoint *copy = calloc((size_t)k->frames * joints, sizeof *copy);
    for (int32_t f = 0; f < k->frames; f++) {
        const int32_t from = f - by;
        if (from >= 0 && from < k->frames && vg_keypoints_count(k, from, camera) > 0)
            memcpy(copy + (size_t)f * joints, vg_keypoints_at(k, from, camera, 0), sizeof *copy * joints);
    }
    for (int32_t f = 0; f < k->frames; f++)
        if (vg_keypoints_count(k, f, camera) > 0)
            memcpy(k->points + (size_t)k->first[(int64_t)f * k->cameras + camera] * joints, copy + (size_t)f * joints,
                   sizeof *copy * joints);
    free(copy);
}

/* The recording's own offsets are not known, so what is tested is how they change. */
static void a_real_recording_that_is_moved_is_moved_back(void **state) {
    (void)state;
    const char *folder = vg_test_shared("pose2sim/single/pose-associated");
    if (!folder) skip();
    static const int32_t by[4] = {0, 9, -14, 5};
    vg_keypoints k;
    vg_sync_result before, after;
    vg_sync_options options = vg_sync_options_default();
    options.longest = 30;
    assert_ok(vg_keypoints_read(folder, &(vg_keypoints_options){.frames = VG_FRAMES_ALL}, &k, &err));
    assert_ok(vg_sync(&before, &k, NULL, fps60, &options, &err));
    for (int32_t c = 1; c < 4; c++) delay(&k, c, by[c]);
    assert_ok(vg_sync(&after, &k, NULL, fps60, &options, &err));
    for (int32_t c = 0; c < 4; c++) assert_close(60 * (after.offset[c] - before.offset[c]), by[c], 1);
    vg_keypoints_free(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_are_found_to_a_fraction_of_a_frame),
        cmocka_unit_test(a_camera_that_sees_someone_else_is_unknown),
        cmocka_unit_test(motion_that_nobody_shares_is_an_error),
        cmocka_unit_test(a_real_recording_that_is_moved_is_moved_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
