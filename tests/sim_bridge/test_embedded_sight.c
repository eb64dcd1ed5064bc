/* embedded/: seeing. Projection against calibration/, ray tests against marching along the ray, lane arithmetic against
 * libm and Philox, and the detector's errors against the reference's recording. */
#include "calibration/calibration.h"
#include "sim_bridge/embedded/lane_math.h"
#include "sim_bridge/embedded/sim.h"
#include "tests/support/support.h"

#include "common/random.h"
#include "common/transform.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void lane_functions_agree_with_libm(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(1);
    for (int i = 0; i < 100000; i++) {
        const float x = vg_rng_range(&rng, -20, 20), y = expf(vg_rng_range(&rng, -15, 15));
        float s, c;
        lane_sincos_turns(x, &s, &c);
        const double turns = remainder((double)x, 1);
        assert_close(s, sin(2 * VG_PI * turns), 4e-7);
        assert_close(c, cos(2 * VG_PI * turns), 4e-7);
        assert_close(lane_log(y), log((double)y), 3e-7 * (1 + fabs(log((double)y))));
        assert_close((double)lane_exp(x) / exp((double)x), 1, 5e-7);
    }
}

static void lanes_draw_what_philox_draws(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(2);
    for (int i = 0; i < 200; i++) {
        const uint64_t seed = vg_rng_u64(&rng);
        const uint32_t step = vg_rng_u32(&rng), who = vg_rng_u32(&rng);
        uint32_t r[4][SIM_LANES];
        sim_draw_lanes(r, seed, step, who, VG_DRAW_NOISE);
        for (uint32_t l = 0; l < SIM_LANES; l++) {
            uint32_t out[4];
            const uint32_t counter[4] = {l, step, who, VG_DRAW_NOISE},
                           key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
            vg_philox(counter, key, out);
            for (int k = 0; k < 4; k++) assert_int_equal(out[k], r[k][l]);
        }
    }
}

/* --- ray tests ------------------------------------------------------------------------------------------------------- */

static double segment_distance(const double p[3], const double a[3], const double b[3]) {
    double e[3], w[3];
    for (int k = 0; k < 3; k++) e[k] = b[k] - a[k], w[k] = p[k] - a[k];
    double t = vg_dot3(w, e) / (vg_dot3(e, e) + 1e-12);
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    for (int k = 0; k < 3; k++) w[k] -= t * e[k];
    return vg_norm3(w);
}

/* How deep a point is inside an obstacle (negative outside), roughly: enough to know its sign. */
static double depth_in_obstacle(const vg_obstacle *o, const double p[3]) {
    const double x = p[0] - (double)o->centre[0], y = p[1] - (double)o->centre[1], z = p[2] - (double)o->centre[2];
    const double c = cos((double)o->yaw), s = sin((double)o->yaw), dz = (double)o->half[2] - fabs(z);
    if (o->kind == VG_OBSTACLE_CYLINDER) return fmin((double)o->half[0] - hypot(x, y), dz);
    return fmin(dz, fmin((double)o->half[0] - fabs(c * x + s * y), (double)o->half[1] - fabs(c * y - s * x)));
}

static bool meets(int segment, int joint) {
    static const int ends[SIM_SEGMENTS][3] = {{VG_L_HIP, VG_R_HIP, -1},
                                              {-1, -1, -1},
                                              {VG_L_SHOULDER, VG_L_ELBOW, -1},
                                              {VG_R_SHOULDER, VG_R_ELBOW, -1},
                                              {VG_L_ELBOW, VG_L_WRIST, -1},
                                              {VG_R_ELBOW, VG_R_WRIST, -1},
                                              {VG_L_HIP, VG_L_KNEE, VG_R_HIP},
                                              {VG_R_HIP, VG_R_KNEE, VG_L_HIP},
                                              {VG_L_KNEE, VG_L_ANKLE, -1},
                                              {VG_R_KNEE, VG_R_ANKLE, -1},
                                              {VG_L_ANKLE, -1, -1},
                                              {VG_R_ANKLE, -1, -1}};
    return ends[segment][0] == joint || ends[segment][1] == joint || ends[segment][2] == joint;
}

/* The plain twin of the ray test: the least clearance (metres; negative = inside something) of the way from the camera
 * to a joint, found by marching along it in 2 mm steps. */
static double clearance_ref(const sim_scene *scene, const sim_pose *poses, int32_t people, int32_t person, int joint,
                            const float eye[3]) {
    double from[3], to[3], least = 1e9;
    for (int k = 0; k < 3; k++) from[k] = (double)eye[k], to[k] = (double)poses[person].joint[k][joint];
    const double d[3] = {to[0] - from[0], to[1] - from[1], to[2] - from[2]}, length = vg_norm3(d);
    const int steps = (int)(length / 0.002) + 1;
    for (int i = 0; i <= steps; i++) {
        const double s = (double)i / steps, p[3] = {from[0] + s * d[0], from[1] + s * d[1], from[2] + s * d[2]};
        for (int32_t o = 0; o < scene->obstacle_count; o++)
            least = fmin(least, -depth_in_obstacle(&scene->obstacles[o], p));
        for (int32_t q = 0; q < people; q++) {
            const double x = p[0] - (double)poses[q].centre[0], y = p[1] - (double)poses[q].centre[1];
            if (hypot(x, y) > (double)poses[q].reach + 0.1) continue;
            for (int g = 0; g < SIM_SEGMENTS; g++) {
                if (q == person && meets(g, joint)) continue;
                double a[3], b[3];
                for (int k = 0; k < 3; k++) a[k] = (double)poses[q].a[k][g], b[k] = (double)poses[q].b[k][g];
                const double radius = (double)(sim_segment_radius[g] * poses[q].scale);
                least = fmin(least, segment_distance(p, a, b) - radius);
            }
        }
    }
    return least;
}

typedef struct eyes {
    vg_world *world;
    vg_frame *frame;
    vg_command command;
} eyes;

static eyes open_eyes(const char *scene, int32_t preset, int32_t cameras, int32_t people) {
    vg_error err = {0};
    eyes e = {0};
    vg_world_config config = vg_world_config_default();
    config.scene = scene, config.preset = preset, config.cameras = cameras, config.people = people;
    assert_ok(vg_embedded_open(&e.world, &config, &err));
    e.frame = calloc(1, vg_frame_bytes(e.world->info.dims));
    assert_non_null(e.frame);
    vg_frame_init(e.frame, e.world->info.dims, 0);
    return e;
}

static void reset_eyes(eyes *e, uint64_t seed, int32_t formation) {
    vg_error err = {0};
    const vg_reset reset = {seed, e->world->info.dims.people, formation};
    assert_ok(vg_world_reset(e->world, 0, 1, &reset, e->frame, &err));
}

static void step_eyes(eyes *e) {
    vg_error err = {0};
    assert_ok(vg_world_step(e->world, 0, 1, &e->command, e->frame, &err));
}

static void close_eyes(eyes *e) {
    vg_world_close(e->world);
    free(e->frame);
}

/* Where the plain twin sees a way that is neither grazing nor ends in contact, the fast test must say the same. */
static void ray_tests_agree_with_marching_along_the_ray(void **state) {
    (void)state;
    static const char *const scenes[] = {"blank", "schoolgym", "urbanstreet", "wilderness"};
    vg_rng rng = vg_test_rng(4);
    int hidden = 0, visible = 0, wrong = 0, grazing = 0;
    for (int s = 0; s < 4; s++) {
        eyes e = open_eyes(scenes[s], s & 1, 1, 7);
        reset_eyes(&e, vg_rng_u64(&rng), 0);
        const sim_world *sim = (const sim_world *)(const void *)e.world;
        const sim_pose *poses = sim_poses_of(sim, 0);
        for (int round = 0; round < 6; round++) {
            for (int i = 0; i < 17; i++) step_eyes(&e);
            const sim_camera at = {
                .at = {vg_rng_range(&rng, -6.5f, 6.5f), vg_rng_range(&rng, -6.5f, 6.5f), vg_rng_range(&rng, 0.9f, 3)}};
            for (int32_t p = 0; p < 7; p++) {
                double yaw, pitch;
                const double from[3] = {(double)at.at[0], (double)at.at[1], (double)at.at[2]};
                const double to[3] = {(double)poses[p].centre[0], (double)poses[p].centre[1], 0.9};
                sim_camera aimed = at;
                sim_sight sight;
                vg_camera view;
                vg_yaw_pitch_towards(&yaw, &pitch, from, to);
                aimed.yaw = (float)yaw, aimed.pitch = (float)pitch;
                sim_team_view(&view, &aimed);
                if (!sim_sight_of(&sight, &sim->scene, &view, at.at, poses, 7, p)) continue;
                for (int j = 0; j < VG_JOINTS14; j++) {
                    const double X[3] = {(double)poses[p].joint[0][j], (double)poses[p].joint[1][j],
                                         (double)poses[p].joint[2][j]};
                    double uv[2], depth;
                    vg_project(uv, &depth, NULL, &view, X);
                    const bool in = depth > 0.1 && uv[0] > 0 && uv[0] < 319 && uv[1] > 0 && uv[1] < 239;
                    if (!in) continue;
                    assert_close(sight.u[j], uv[0], 1e-3);
                    assert_close(sight.v[j], uv[1], 1e-3);
                    assert_true(sight.in_image[j] > 0);
                    const double clear = clearance_ref(&sim->scene, poses, 7, p, j, at.at);
                    const bool seen = sight.visible[j] > 0;
                    hidden += clear<0, visible += clear> 0;
                    /* the marching steps blur grazing ways by up to 2 mm; the fast test counts a capsule whose axis
                     * passes behind the joint as not in the way, which differs only where the joint is inside it */
                    if (fabs(clear) < 0.012) {
                        grazing++;
                        continue;
                    }
                    wrong += seen != (clear > 0);
                }
            }
        }
        close_eyes(&e);
    }
    assert_true(hidden > 150 && visible > 300);
    if (wrong > (hidden + visible) / 200)
        fail_msg("%d of %d ways judged otherwise (%d grazing)", wrong, hidden + visible, grazing);
}

/* One person behind another, on the line of sight. */
static void a_person_hides_the_one_behind(void **state) {
    (void)state;
    vg_error err = {0};
    eyes e = open_eyes("blank", VG_PRESET_PAPER, 1, 2);
    reset_eyes(&e, 1, 0);
    const vg_embedded_camera eye = {.at = {-5, 0, 1.2f}};
    vg_embedded_person front = {.at = {1, 0}}, back = {.at = {2.2f, 0}};
    const sim_world *sim = (const sim_world *)(const void *)e.world;
    sim_sight sight;
    assert_ok(vg_embedded_set_camera(e.world, 0, 0, &eye, &err));
    assert_ok(vg_embedded_set_person(e.world, 0, 0, &back, &err));
    assert_ok(vg_embedded_set_person(e.world, 0, 1, &front, &err));
    assert_ok(vg_embedded_observe(e.world, 0, e.frame, &err));
    assert_true(sim_sight_of(&sight, &sim->scene, vg_frame_cameras(e.frame), eye.at, sim_poses_of(sim, 0), 2, 0));
    assert_true(sight.hidden > 0.5f);
    front.at[1] = 2.5f;
    assert_ok(vg_embedded_set_person(e.world, 0, 1, &front, &err));
    assert_ok(vg_embedded_observe(e.world, 0, e.frame, &err));
    assert_true(sim_sight_of(&sight, &sim->scene, vg_frame_cameras(e.frame), eye.at, sim_poses_of(sim, 0), 2, 0));
    /* from behind: the head hides the eyes, the trunk perhaps a wrist */
    assert_true(sight.visible[VG_L_EYE] == 0 && sight.visible[VG_R_EYE] == 0);
    assert_true(sight.hidden < 0.35f);
    back.heading = 3.14159f;
    assert_ok(vg_embedded_set_person(e.world, 0, 0, &back, &err));
    assert_true(sim_sight_of(&sight, &sim->scene, vg_frame_cameras(e.frame), eye.at, sim_poses_of(sim, 0), 2, 0));
    assert_true(sight.visible[VG_L_EYE] == 1 && sight.visible[VG_R_EYE] == 1);
    close_eyes(&e);
}

/* --- the detector's errors --------------------------------------------------------------------------------------------- */

typedef struct tally {
    double *reprojection; /* px */
    int reprojections;
    double *mpjpe; /* mm, per frame */
    int frames;
    double joint_error[VG_JOINTS14]; /* mm, sums */
    int joint_count[VG_JOINTS14], lost, joints;
} tally;

/* Plain DLT of the target's joint from the keypoints above 0.3, as the reference does it. */
static void triangulate_joint(tally *t, const vg_frame *frame, int joint, double *sum, int *count) {
    double P[VG_MAX_CAMERAS][12], x[VG_MAX_CAMERAS], y[VG_MAX_CAMERAS], w[VG_MAX_CAMERAS], X[3];
    const vg_camera *cameras[VG_MAX_CAMERAS];
    const vg_keypoint *used[VG_MAX_CAMERAS];
    int views = 0;
    for (int32_t c = 0; c < frame->dims.cameras; c++) {
        const vg_keypoint *k = &vg_frame_keypoints(frame)[c * frame->dims.people * VG_JOINTS14 + joint];
        if (k->confidence <= 0.3f) continue;
        cameras[views] = &vg_frame_cameras(frame)[c], used[views] = k;
        vg_camera_matrix(P[views], cameras[views]);
        x[views] = ((double)k->u - cameras[views]->cx) / cameras[views]->fx;
        y[views] = ((double)k->v - cameras[views]->cy) / cameras[views]->fy;
        w[views++] = 1;
    }
    t->joints++;
    if (views < 2) {
        t->lost++;
        return;
    }
    vg_triangulate_dlt(X, P[0], x, y, w, views, 1);
    const float *truth = vg_frame_truth(frame) + joint * 3;
    const double e[3] = {X[0] - (double)truth[0], X[1] - (double)truth[1], X[2] - (double)truth[2]};
    t->joint_error[joint] += 1000 * vg_norm3(e), t->joint_count[joint]++;
    *sum += 1000 * vg_norm3(e), *count += 1;
    for (int i = 0; i < views; i++) {
        double uv[2];
        vg_project(uv, NULL, NULL, cameras[i], X);
        t->reprojection[t->reprojections++] = hypot(uv[0] - (double)used[i]->u, uv[1] - (double)used[i]->v);
    }
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The reference's recording: MPJPE 83 mm mean (55 .. 135); reprojection 1.46 px median, 2.6, 4.7, most 36; wrists and
 * elbows 60 to 180 mm, eyes 30. Within a quarter: that is about how much such figures differ between recordings. */
static void errors_are_those_of_the_reference_recording(void **state) {
    (void)state;
    enum { EPISODES = 6, FRAMES = 120 };
    tally t = {0};
    t.reprojection = calloc(EPISODES * FRAMES * VG_JOINTS14 * 5, sizeof(double));
    t.mpjpe = calloc(EPISODES * FRAMES, sizeof(double));
    assert_non_null(t.reprojection);
    assert_non_null(t.mpjpe);
    eyes e = open_eyes("blank", VG_PRESET_PAPER, 5, 7);
    double mean = 0;
    for (uint64_t episode = 0; episode < EPISODES; episode++) {
        reset_eyes(&e, 500 + episode, VG_FORMATION_FIXED);
        for (int i = 0; i < FRAMES; i++) {
            double sum = 0;
            int count = 0;
            for (int k = 0; k < 3; k++) step_eyes(&e);
            for (int j = 0; j < VG_JOINTS14; j++) triangulate_joint(&t, e.frame, j, &sum, &count);
            if (count) t.mpjpe[t.frames++] = sum / count, mean += sum / count;
        }
    }
    mean /= t.frames;
    qsort(t.mpjpe, (size_t)t.frames, sizeof(double), by_value);
    qsort(t.reprojection, (size_t)t.reprojections, sizeof(double), by_value);
    const int n = t.reprojections;
    const double median = t.reprojection[n / 2], p75 = t.reprojection[n * 3 / 4], p90 = t.reprojection[n * 9 / 10];
    const double most = t.reprojection[n - 1];
    double of[VG_JOINTS14];
    for (int j = 0; j < VG_JOINTS14; j++) of[j] = t.joint_error[j] / t.joint_count[j];
    print_message("MPJPE %.1f mm (%.0f .. %.0f), reprojection %.2f %.2f %.2f, most %.1f px; wrists %.0f, elbows %.0f, "
                  "eyes %.0f mm; lost %.3f\n",
                  mean, t.mpjpe[t.frames / 20], t.mpjpe[t.frames * 19 / 20], median, p75, p90, most,
                  (of[VG_L_WRIST] + of[VG_R_WRIST]) / 2, (of[VG_L_ELBOW] + of[VG_R_ELBOW]) / 2,
                  (of[VG_L_EYE] + of[VG_R_EYE]) / 2, (double)t.lost / t.joints);
    assert_close(mean, 83, 83 * 0.15);
    assert_close(t.mpjpe[t.frames / 20], 55, 12);
    assert_close(t.mpjpe[t.frames * 19 / 20], 135, 30);
    assert_close(median, 1.46, 1.46 * 0.2);
    assert_close(p75, 2.6, 2.6 * 0.2);
    assert_close(p90, 4.7, 4.7 * 0.2);
    assert_true(most > 20 && most < 80);
    for (int side = 0; side < 2; side++) {
        assert_true(of[VG_L_WRIST + side] > 60 && of[VG_L_WRIST + side] < 180);
        assert_true(of[VG_L_ELBOW + side] > 60 && of[VG_L_ELBOW + side] < 180);
        assert_close(of[VG_L_EYE + side], 30, 8);
    }
    assert_true((double)t.lost / t.joints < 0.08);
    free(t.reprojection), free(t.mpjpe);
    close_eyes(&e);
}

/* Confidence: high where seen, low where hidden, and it tells something about the error. */
static void confidence_matches_what_can_be_seen(void **state) {
    (void)state;
    eyes e = open_eyes("blank", VG_PRESET_PAPER, 5, 7);
    const sim_world *sim = (const sim_world *)(const void *)e.world;
    double seen = 0, seen_over = 0, hidden = 0, hidden_over = 0, sure = 0, sure_error = 0, unsure = 0, unsure_error = 0;
    reset_eyes(&e, 77, VG_FORMATION_FIXED);
    for (int i = 0; i < 200; i++) {
        step_eyes(&e);
        for (int k = 0; k < 35; k++) {
            sim_sight s;
            const vg_keypoint *kp = vg_frame_keypoints(e.frame) + k * VG_JOINTS14;
            const sim_state *st = sim_state_of(sim, 0);
            if (!sim_sight_of(&s, &sim->scene, &vg_frame_cameras(e.frame)[k / 7], st->camera[k / 7].at,
                              sim_poses_of(sim, 0), 7, k % 7))
                continue;
            if (s.hidden > 0.6f) continue;
            for (int j = 0; j < VG_JOINTS14; j++) {
                const double error = hypot((double)(kp[j].u - s.u[j]), (double)(kp[j].v - s.v[j]));
                if (s.visible[j] > 0) seen++, seen_over += kp[j].confidence > 0.3f;
                if (s.in_image[j] > 0 && s.visible[j] == 0) hidden++, hidden_over += kp[j].confidence > 0.3f;
                if (kp[j].confidence > 0.6f) sure++, sure_error += error;
                if (kp[j].confidence > 0.3f && kp[j].confidence < 0.4f) unsure++, unsure_error += error;
            }
        }
    }
    assert_true(seen_over / seen > 0.8);
    assert_true(hidden_over / hidden > 0.02 && hidden_over / hidden < 0.2);
    assert_true(unsure_error / unsure > 1.3 * sure_error / sure);
    close_eyes(&e);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lane_functions_agree_with_libm),
        cmocka_unit_test(lanes_draw_what_philox_draws),
        cmocka_unit_test(ray_tests_agree_with_marching_along_the_ray),
        cmocka_unit_test(a_person_hides_the_one_behind),
        cmocka_unit_test(errors_are_those_of_the_reference_recording),
        cmocka_unit_test(confidence_matches_what_can_be_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
