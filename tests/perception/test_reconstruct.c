/* From keypoints of recordings to people in 3D: against Pose2Sim's results on its own recordings, and simulated people whose
 * places are known. */
#include "common/transform.h"
#include "perception/reconstruct.h"
#include "tests/support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATE 60.0

typedef struct recording {
    vg_keypoints keypoints;
    vg_camera cameras[VG_MAX_CAMERAS];
} recording;

static bool load(recording *r, const char *folder) {
    vg_error err = {0};
    vg_camera_set set;
    const char *calibration = vg_test_shared("pose2sim/S00_Calibration/Calib_qualisys.toml");
    const char *path = vg_test_shared(folder);
    if (!calibration || !path) return false;
    assert_ok(vg_calibration_read(calibration, NULL, &set, &err));
    assert_ok(vg_keypoints_read(path, NULL, &r->keypoints, &err));
    assert_ok(vg_keypoints_cameras(r->cameras, &r->keypoints, &set, NULL, 0, false, &err));
    vg_camera_set_free(&set);
    return true;
}

/* rms distance in metres to a TRC of Pose2Sim (columns y, z, x) over the points both have. */
static double distance_to(const vg_reconstruction *r, int32_t person, const char *file, int *compared) {
    vg_error err = {0};
    vg_motion m, trc;
    int32_t joints[VG_MAX_JOINTS];
    const int32_t count = vg_joint_set_body(&r->set, joints);
    assert_ok(vg_reconstruction_motion(&m, r, person, joints, count, RATE, &err));
    vg_motion_convert(&m, VG_UNIT_METRE, VG_AXES_Y_UP_YZX);
    assert_ok(vg_motion_read(vg_test_shared(file), NULL, &trc, &err));
    assert_int_equal(trc.points, m.points);
    assert_int_equal(trc.frames, m.frames);
    double sum = 0;
    *compared = 0;
    for (int i = 0; i < m.points; i++) assert_string_equal(m.names[i], trc.names[i]);
    for (int i = 0; i < m.frames * m.points; i++) {
        const double *a = m.positions + 3 * i, *b = trc.positions + 3 * i,
                     d[3] = {a[0] - b[0], a[1] - b[1], a[2] - b[2]};
        if (!isnan(d[0])) sum += vg_dot3(d, d), (*compared)++;
    }
    vg_motion_free(&m), vg_motion_free(&trc);
    return sqrt(sum / *compared);
}

typedef struct quality {
    double error, unused, deviation[3]; /* px, views, m: thigh, shank, forearm */
    double lost;
} quality;

static quality quality_of(const vg_reconstruction *r, int32_t person) {
    static const vg_part bones[3][2] = {
        {VG_PART_R_HIP, VG_PART_R_KNEE}, {VG_PART_L_KNEE, VG_PART_L_ANKLE}, {VG_PART_R_ELBOW, VG_PART_R_WRIST}};
    int32_t joints[VG_MAX_JOINTS];
    const int32_t count = vg_joint_set_body(&r->set, joints);
    vg_fit fit = {0};
    vg_reconstruction_fit(&fit, r, person, joints, count);
    quality q = {.error = fit.error / (double)fit.points, .unused = (double)fit.unused / (double)fit.points};
    q.lost = (double)fit.lost;
    for (int b = 0; b < 3; b++) {
        const int32_t from = vg_joint_set_find(&r->set, bones[b][0]), to = vg_joint_set_find(&r->set, bones[b][1]);
        double sum = 0, square = 0, n = 0;
        for (int32_t f = 0; f < r->frames; f++) {
            const vg_consensus_point *p = r->person[person].points + f * r->set.joints;
            const double d[3] = {p[from].x[0] - p[to].x[0], p[from].x[1] - p[to].x[1], p[from].x[2] - p[to].x[2]};
            const double length = vg_norm3(d);
            if (!isnan(length)) sum += length, square += length * length, n++;
        }
        q.deviation[b] = sqrt(square / n - sum / n * sum / n);
    }
    return q;
}

#define SINGLE_TRC "pose2sim/single/pose-3d/S00_P00_T01_BalancingTrial_0-100.trc"

static void pose2sim_s_single_trial_is_reproduced_and_bettered(void **state) {
    (void)state;
    static const char *const folders[] = {"pose2sim/single/pose-associated", "pose2sim/single/pose"};
    for (int i = 0; i < 2; i++) { /* as associated by Pose2Sim, and as detected: up to three people a view */
        recording r;
        vg_reconstruction theirs, ours;
        vg_error err = {0};
        if (!load(&r, folders[i])) skip();
        vg_reconstruct_config config = vg_reconstruct_config_pose2sim();
        config.who = VG_WHO_NECK;
        assert_ok(vg_reconstruct(&theirs, &r.keypoints, r.cameras, RATE, &config, &err));
        int compared;
        const double rms = distance_to(&theirs, 0, SINGLE_TRC, &compared);
        const quality a = quality_of(&theirs, 0);
        assert_true(compared > 2080);
        assert_true(rms < 1e-5);
        assert_close(a.error, 10.0, 0.05);
        assert_close(a.unused, 0.55, 0.005);

        config = vg_reconstruct_config_default();
        assert_ok(vg_reconstruct(&ours, &r.keypoints, r.cameras, RATE, &config, &err));
        const quality b = quality_of(&ours, 0);
        printf("%s: rms %.6f mm; ours %.2f px (%.2f), %.3f views unused (%.3f), bones %.1f %.1f %.1f mm (%.1f %.1f "
               "%.1f)\n",
               folders[i], 1000 * rms, b.error, a.error, b.unused, a.unused, 1e3 * b.deviation[0], 1e3 * b.deviation[1],
               1e3 * b.deviation[2], 1e3 * a.deviation[0], 1e3 * a.deviation[1], 1e3 * a.deviation[2]);
        assert_true(b.error < a.error && b.unused <= a.unused + 1e-9 && b.lost <= a.lost);
        for (int k = 0; k < 3; k++) assert_true(b.deviation[k] < 0.8 * a.deviation[k]);
        vg_reconstruction_free(&theirs), vg_reconstruction_free(&ours);
        vg_keypoints_free(&r.keypoints);
    }
}

/* Bones apart: raw triangulation is already no worse than the reference's. */
static void raw_points_fit_better_than_the_reference_s(void **state) {
    (void)state;
    recording r;
    vg_reconstruction ours;
    vg_error err = {0};
    if (!load(&r, "pose2sim/single/pose-associated")) skip();
    vg_reconstruct_config config = vg_reconstruct_config_default();
    config.hold_bones = false;
    assert_ok(vg_reconstruct(&ours, &r.keypoints, r.cameras, RATE, &config, &err));
    const quality q = quality_of(&ours, 0);
    assert_true(q.error < 9.7 && q.unused <= 0.5475);
    vg_reconstruction_free(&ours);
    vg_keypoints_free(&r.keypoints);
}

/* Two participants and a bystander, up to four detections a view in any order: each participant keeps a name throughout. */
static void both_participants_keep_their_names(void **state) {
    (void)state;
    recording r;
    vg_reconstruction people;
    vg_error err = {0};
    if (!load(&r, "pose2sim/multi/pose")) skip();
    for (int own = 0; own < 2; own++) {
        vg_reconstruct_config config = own ? vg_reconstruct_config_default() : vg_reconstruct_config_pose2sim();
        config.who = VG_WHO_ALL;
        assert_ok(vg_reconstruct(&people, &r.keypoints, r.cameras, RATE, &config, &err));
        assert_true(people.people == 2 || people.people == 3);
        for (int p = 0; p < 2; p++) {
            char file[160];
            int compared;
            snprintf(file, sizeof file, "pose2sim/multi/pose-3d/S00_P01_T02_Participants1-2_P%d_0-100.trc", p + 1);
            const double rms = distance_to(&people, p, file, &compared);
            printf("participant %d, %s settings: %d points, %.2f mm rms\n", p + 1, own ? "our" : "its", compared,
                   1000 * rms);
            assert_true(compared > 2050); /* a swap would be a metre off */
            assert_true(rms < (own ? 0.03 : 0.01));
        }
        vg_reconstruction_free(&people);
    }
    vg_keypoints_free(&r.keypoints);
}

static void associated_files_give_the_reference_s_two_people(void **state) {
    (void)state;
    recording r;
    vg_reconstruction people;
    vg_error err = {0};
    if (!load(&r, "pose2sim/multi/pose-associated")) skip();
    vg_reconstruct_config config = vg_reconstruct_config_pose2sim();
    config.who = VG_WHO_ASSOCIATED;
    assert_ok(vg_reconstruct(&people, &r.keypoints, r.cameras, RATE, &config, &err));
    assert_int_equal(people.people, 2);
    for (int p = 0; p < 2; p++) {
        char file[160];
        int compared;
        snprintf(file, sizeof file, "pose2sim/multi/pose-3d/S00_P01_T02_Participants1-2_P%d_0-100.trc", p + 1);
        assert_true(distance_to(&people, p, file, &compared) < 1e-5);
    }
    vg_reconstruction_free(&people);
    vg_keypoints_free(&r.keypoints);
}

/* ---- simulated ----------------------------------------------------------------------------------------------------- */

#define FRAMES 120
#define VIEWS  5

/* People of the 14 joints walking past each other; keypoints with noise of `sigma` px, as CSV text. */
static void place(double x[3], int person, int joint, int frame) {
    static const double body[VG_JOINTS14][2] = {
        {0.18, 1.45},  {-0.18, 1.45}, {0.25, 1.17},  {-0.25, 1.17}, {0.27, 0.92},  {-0.27, 0.92}, {0.11, 0.95},
        {-0.11, 0.95}, {0.11, 0.53},  {-0.11, 0.53}, {0.11, 0.12},  {-0.11, 0.12}, {0.03, 1.68},  {-0.03, 1.68}};
    const double t = frame / RATE, side = person ? -1 : 1;
    x[0] = side * body[joint][0] + 0.8 * side;
    x[1] = side * (1.2 * t - 1.2);
    x[2] = body[joint][1];
}

static void simulate(recording *r, int people, double sigma, vg_rng *rng) {
    vg_error err = {0};
    const size_t room = (size_t)FRAMES * VIEWS * VG_JOINTS14 * (size_t)people * 64 + 100;
    char *text = malloc(room);
    size_t n = (size_t)snprintf(text, room, "camera,frame,joint,x,y,confidence,person\n");
    for (int c = 0; c < VIEWS; c++) {
        vg_camera *k = r->cameras + c;
        const double a = 2 * VG_PI * c / VIEWS + 0.2, at[3] = {5 * cos(a), 5 * sin(a), 2 + 0.2 * c},
                     to[3] = {0, 0, 0.9};
        double yaw, pitch, Rc[3];
        *k = (vg_camera){.width = 1600, .height = 1200, .fx = 1000, .fy = 1000, .cx = 800, .cy = 600};
        vg_yaw_pitch_towards(&yaw, &pitch, at, to);
        vg_rotation_from_yaw_pitch(k->R, yaw, pitch);
        vg_mat3_mul_vec(Rc, k->R, at);
        for (int i = 0; i < 3; i++) k->t[i] = -Rc[i];
    }
    for (int f = 0; f < FRAMES; f++)
        for (int c = 0; c < VIEWS; c++)
            for (int p = 0; p < people; p++)
                for (int j = 0; j < VG_JOINTS14; j++) {
                    double x[3], uv[2];
                    place(x, p, j, f);
                    vg_project(uv, NULL, NULL, r->cameras + c, x);
                    n += (size_t)snprintf(text + n, room - n, "c%d,%d,%d,%.3f,%.3f,1,%d\n", c, f, j,
                                          uv[0] + sigma * (double)vg_rng_normal(rng),
                                          uv[1] + sigma * (double)vg_rng_normal(rng), (p + f + c) % people);
                }
    assert_ok(vg_keypoints_csv_parse("simulated", text, n, NULL, &r->keypoints, &err));
    free(text);
}

/* With the noise learned from the recording itself, normalised errors squared are chi-square of 3 degrees. */
static void covariances_are_honest_and_the_noise_is_found(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(1);
    vg_error err = {0};
    recording r;
    vg_reconstruction people;
    simulate(&r, 1, 3, &rng);
    vg_reconstruct_config config = vg_reconstruct_config_default();
    config.hold_bones = false, config.consensus.robust = 0;
    assert_ok(vg_reconstruct(&people, &r.keypoints, r.cameras, RATE, &config, &err));
    double sum = 0;
    int n = 0;
    for (int j = 0; j < VG_JOINTS14; j++) assert_close(people.noise[j], 3, 0.5);
    for (int f = 0; f < FRAMES; f++)
        for (int j = 0; j < VG_JOINTS14; j++) {
            const vg_consensus_point *p = people.person[0].points + f * VG_JOINTS14 + j;
            const double *s = p->covariance, A[9] = {s[0], s[1], s[2], s[1], s[3], s[4], s[2], s[4], s[5]};
            double truth[3], e[3], rows[3][3], nees = 0;
            assert_true(p->views != 0);
            place(truth, 0, j, f);
            for (int k = 0; k < 3; k++) e[k] = p->x[k] - truth[k];
            for (int k = 0; k < 3; k++) vg_cross3(rows[k], A + 3 * ((k + 1) % 3), A + 3 * ((k + 2) % 3));
            for (int k = 0; k < 3; k++) nees += e[k] * vg_dot3(rows[k], e) / vg_dot3(A, rows[0]);
            sum += nees, n++;
        }
    /* the mean's standard deviation is sqrt(6 / n) = 0.06; the learned noise adds some percent */
    assert_close(sum / n, 3, 0.35);
    vg_reconstruction_free(&people);
    vg_keypoints_free(&r.keypoints);
}

static void simulated_people_are_found_where_they_are(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(2);
    vg_error err = {0};
    recording r;
    vg_reconstruction people;
    simulate(&r, 2, 2, &rng);
    vg_reconstruct_config config = vg_reconstruct_config_default();
    config.who = VG_WHO_ALL;
    assert_ok(vg_reconstruct(&people, &r.keypoints, r.cameras, RATE, &config, &err));
    assert_int_equal(people.people, 2);
    for (int i = 0; i < 2; i++) {
        const vg_consensus_point *points = people.person[i].points;
        const int who = points[0].x[0] > 0 ? 0 : 1;
        double sum = 0;
        for (int f = 0; f < FRAMES; f++)
            for (int j = 0; j < VG_JOINTS14; j++) {
                double truth[3];
                place(truth, who, j, f);
                const double *x = points[f * VG_JOINTS14 + j].x,
                             d[3] = {x[0] - truth[0], x[1] - truth[1], x[2] - truth[2]};
                sum += vg_norm3(d) / (FRAMES * VG_JOINTS14);
            }
        assert_true(sum < 0.015);
    }
    vg_reconstruction_free(&people);
    vg_keypoints_free(&r.keypoints);
}

/* The main person's tracks: lost by all cameras for longer than the tracking remembers, found again under another name. */
static void the_main_person_is_one_through_a_long_loss(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(4);
    vg_error err = {0};
    recording r;
    vg_reconstruction people;
    simulate(&r, 1, 1, &rng);
    for (int64_t i = 0; i < r.keypoints.first[FRAMES * VIEWS] * VG_JOINTS14; i++) {
        const int64_t frame = i / (VG_JOINTS14 * VIEWS); /* one detection a view */
        if (frame >= 40 && frame < 80) r.keypoints.points[i].confidence = 0;
    }
    vg_reconstruct_config config = vg_reconstruct_config_default();
    config.people.memory = 0.3, config.people.hold = 0.1;
    assert_ok(vg_reconstruct(&people, &r.keypoints, r.cameras, RATE, &config, &err));
    assert_int_equal(people.people, 1);
    int found = 0;
    for (int f = 0; f < FRAMES; f++) {
        const bool seen = people.person[0].points[f * VG_JOINTS14 + VG_L_KNEE].views != 0;
        assert_true(f < 40 || f >= 80 || !seen);
        found += seen;
    }
    assert_true(found >= 74); /* of 80: some go by until the person is met again */
    vg_reconstruction_free(&people);
    vg_keypoints_free(&r.keypoints);
}

static void too_many_detections_for_pose2sim_s_way_are_told(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(5);
    vg_error err = {0};
    recording r;
    vg_reconstruction people;
    vg_reconstruct_config config = vg_reconstruct_config_pose2sim();
    config.who = VG_WHO_NECK;
    simulate(&r, 8, 1, &rng); /* 8^5 combinations */
    r.keypoints.set.part[0] = VG_PART_NECK;
    assert_error(vg_reconstruct(&people, &r.keypoints, r.cameras, RATE, &config, &err), VG_UNSUPPORTED,
                 "frame 0: 32768 combinations");
    r.keypoints.set.part[0] = r.keypoints.set.part[1] = VG_PART_OTHER;
    assert_error(vg_reconstruct(&people, &r.keypoints, r.cameras, RATE, &config, &err), VG_UNSUPPORTED,
                 "the neck or the right shoulder");
    vg_keypoints_free(&r.keypoints);
}

/* A wrist a metre and a half from its elbow, seen by two narrow views only, is lost and not written. */
static void joints_of_no_body_are_lost(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(6);
    vg_error err = {0};
    recording r;
    vg_reconstruction people;
    simulate(&r, 1, 1, &rng);
    const int bad = 50;
    for (int c = 0; c < VIEWS; c++) {
        double x[3], uv[2];
        place(x, 0, VG_L_WRIST, bad);
        x[0] += 1.5;
        vg_project(uv, NULL, NULL, r.cameras + c, x);
        vg_keypoint *k = r.keypoints.points + r.keypoints.first[bad * VIEWS + c] * VG_JOINTS14 + VG_L_WRIST;
        k->u = (float)uv[0], k->v = (float)uv[1], k->confidence = c < 2 ? 0.9f : 0;
    }
    vg_reconstruct_config config = vg_reconstruct_config_default();
    config.who = VG_WHO_ASSOCIATED;
    for (int hold = 0; hold < 2; hold++) {
        config.hold_bones = hold;
        assert_ok(vg_reconstruct(&people, &r.keypoints, r.cameras, RATE, &config, &err));
        const vg_consensus_point *p = people.person[0].points + bad * VG_JOINTS14;
        assert_true((p[VG_L_WRIST].views != 0) == !hold);
        assert_true(p[VG_L_ELBOW].views != 0 && p[VG_R_WRIST].views != 0);
        vg_reconstruction_free(&people);
    }
    vg_keypoints_free(&r.keypoints);
}

static void impossible_recordings_are_named(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(3);
    vg_error err = {0};
    recording r;
    vg_reconstruction people;
    const vg_reconstruct_config config = vg_reconstruct_config_default();
    simulate(&r, 1, 1, &rng);
    assert_error(vg_reconstruct(&people, &r.keypoints, r.cameras, 0, &config, &err), VG_INVALID, "rate is 0");
    r.keypoints.cameras = 1;
    assert_error(vg_reconstruct(&people, &r.keypoints, r.cameras, RATE, &config, &err), VG_INVALID, "at least two");
    r.keypoints.cameras = VIEWS;
    for (int c = 0; c < VIEWS; c++) /* cameras that have nothing to do with the keypoints */
        for (int k = 0; k < 3; k++) r.cameras[c].t[k] = 3 * (double)vg_rng_normal(&rng) + (k == 2 ? 9 : 0);
    assert_error(vg_reconstruct(&people, &r.keypoints, r.cameras, RATE, &config, &err), VG_FAILED, "belong together");
    vg_keypoints_free(&r.keypoints);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pose2sim_s_single_trial_is_reproduced_and_bettered),
        cmocka_unit_test(raw_points_fit_better_than_the_reference_s),
        cmocka_unit_test(both_participants_keep_their_names),
        cmocka_unit_test(associated_files_give_the_reference_s_two_people),
        cmocka_unit_test(covariances_are_honest_and_the_noise_is_found),
        cmocka_unit_test(simulated_people_are_found_where_they_are),
        cmocka_unit_test(the_main_person_is_one_through_a_long_loss),
        cmocka_unit_test(too_many_detections_for_pose2sim_s_way_are_told),
        cmocka_unit_test(joints_of_no_body_are_lost),
        cmocka_unit_test(impossible_recordings_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
