/* Real recordings with independent reference results: Pose2Sim's raw TRC files from its own keypoints and settings. */
#include "calibration/calibration.h"
#include "tests/perception/pose2sim.h"

#define POINTS (P2S_FRAMES * P2S_MARKERS)

typedef struct result {
    vg_consensus_point points[POINTS];
    double reprojection, removed; /* means over the points found; views removed, or never seen, of 4 */
    int found;
} result;

static result *triangulate(const vg_camera *cameras, const p2s_keypoints *k, const vg_consensus_options *options) {
    result *r = calloc(1, sizeof *r);
    double *weight = calloc((size_t)P2S_CAMERAS * POINTS, sizeof *weight);
    const double *likelihood = &k->likelihood[0][0][0];
    for (int i = 0; i < P2S_CAMERAS * POINTS; i++) weight[i] = likelihood[i] < 0.3 ? 0 : likelihood[i] * likelihood[i];
    vg_triangulate_consensus(r->points, cameras, &k->u[0][0][0], &k->v[0][0][0], weight, P2S_CAMERAS, POINTS, options);
    for (int i = 0; i < POINTS; i++) {
        if (!r->points[i].views) continue;
        r->found++;
        r->reprojection += r->points[i].reprojection;
        r->removed += P2S_CAMERAS - __builtin_popcount(r->points[i].views);
    }
    r->reprojection /= r->found, r->removed /= r->found;
    free(weight);
    return r;
}

static p2s_keypoints *keypoints_of(const char *folder, size_t person) {
    p2s_keypoints *k = malloc(sizeof *k);
    p2s_read_keypoints(k, folder, person);
    return k;
}

/* rms of the distance to the TRC's points over those both keep, metres. The TRC's columns are (y, z, x). */
static double distance_rms(const result *r, const vg_motion *trc, int *compared) {
    double sum = 0;
    *compared = 0;
    assert_int_equal(trc->frames, P2S_FRAMES);
    assert_int_equal(trc->points, P2S_MARKERS);
    for (int i = 0; i < POINTS; i++) {
        const double *a = r->points[i].x, *b = trc->positions + 3 * i;
        if (isnan(a[0]) || isnan(b[0])) continue;
        const double e[3] = {a[1] - b[0], a[2] - b[1], a[0] - b[2]};
        sum += vg_dot3(e, e), (*compared)++;
    }
    return sqrt(sum / *compared);
}

/* The mean over 12 bones of the standard deviation of their length, metres. */
static double bone_deviation(const result *r) {
    static const int bones[][2] = {{0, 1},   {1, 2},   {6, 7},   {7, 8}, {15, 16}, {16, 17},
                                   {18, 19}, {19, 20}, {15, 18}, {0, 6}, {15, 0},  {18, 6}};
    double total = 0;
    for (size_t b = 0; b < 12; b++) {
        double sum = 0, square = 0;
        int n = 0;
        for (int f = 0; f < P2S_FRAMES; f++) {
            const double *p = r->points[f * P2S_MARKERS + bones[b][0]].x,
                         *q = r->points[f * P2S_MARKERS + bones[b][1]].x;
            const double d[3] = {p[0] - q[0], p[1] - q[1], p[2] - q[2]}, length = vg_norm3(d);
            if (isnan(length)) continue;
            sum += length, square += length * length, n++;
        }
        total += sqrt(square / n - sum / n * sum / n) / 12;
    }
    return total;
}

static void the_single_trial_s_raw_trc_is_reproduced(void **state) {
    (void)state;
    const char *calibration = vg_test_shared("pose2sim/S00_Calibration/Calib_qualisys.toml");
    const char *folder = vg_test_shared("pose2sim/single/pose-associated");
    const char *path = vg_test_shared("pose2sim/single/pose-3d/S00_P00_T01_BalancingTrial_0-100.trc");
    if (!calibration || !folder || !path) skip();
    vg_error err = {0};
    vg_camera cameras[P2S_CAMERAS];
    vg_motion trc;
    p2s_cameras(cameras, calibration);
    assert_ok(vg_motion_read(path, NULL, &trc, &err));
    p2s_keypoints *k = keypoints_of(folder, 0);
    vg_consensus_options options = vg_consensus_options_pose2sim();
    result *r = triangulate(cameras, k, &options);
    int compared;
    const double rms = distance_rms(r, &trc, &compared);
    printf("single: %d points, %.6f mm rms, %.2f px, %.2f cameras removed, bones +- %.1f mm\n", compared, 1000 * rms,
           r->reprojection, r->removed, 1000 * bone_deviation(r));
    assert_true(rms < 1e-3);
    assert_true(compared > 1900);
    assert_close(r->reprojection, 10.0, 0.06);
    assert_close(r->removed, 0.55, 0.02);

    options = vg_consensus_options_default();
    result *own = triangulate(cameras, k, &options);
    printf("ours: %d points, %.2f px, %.2f cameras removed, bones +- %.1f mm\n", own->found, own->reprojection,
           own->removed, 1000 * bone_deviation(own));
    assert_true(own->reprojection < r->reprojection);
    assert_true(own->removed <= r->removed);
    free(own), free(r), free(k);
    vg_motion_free(&trc);
}

static void both_participants_raw_trcs_are_reproduced(void **state) {
    (void)state;
    const char *calibration = vg_test_shared("pose2sim/S00_Calibration/Calib_qualisys.toml");
    const char *folder = vg_test_shared("pose2sim/multi/pose-associated");
    if (!calibration || !folder) skip();
    vg_error err = {0};
    vg_camera cameras[P2S_CAMERAS];
    p2s_cameras(cameras, calibration);
    for (int person = 0; person < 2; person++) {
        char name[200];
        snprintf(name, sizeof name, "pose2sim/multi/pose-3d/S00_P01_T02_Participants1-2_P%d_0-100.trc", person + 1);
        const char *path = vg_test_shared(name);
        if (!path) skip();
        vg_motion trc;
        assert_ok(vg_motion_read(path, NULL, &trc, &err));
        p2s_keypoints *k = keypoints_of(folder, (size_t)person);
        const vg_consensus_options options = vg_consensus_options_pose2sim();
        result *r = triangulate(cameras, k, &options);
        int compared;
        const double rms = distance_rms(r, &trc, &compared);
        printf("participant %d: %d points, %.6f mm rms\n", person + 1, compared, 1000 * rms);
        assert_true(rms < 1e-3);
        assert_true(compared > 1000);
        free(r), free(k);
        vg_motion_free(&trc);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_single_trial_s_raw_trc_is_reproduced),
        cmocka_unit_test(both_participants_raw_trcs_are_reproduced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
