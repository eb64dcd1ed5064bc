/* Observations, actions and baselines. */
#include "agents/action.h"
#include "agents/baselines.h"
#include "agents/observe.h"
#include "tests/support/scene.h"

#include <string.h>

static const vg_dims dims = {5, 7, 14};

static vg_scene_view paper_view(const vg_frame *f, const vg_skeletons *s, const vg_world_info *world) {
    return (vg_scene_view){.preset = VG_PRESET_PAPER, .world = world, .frame = f, .skeletons = s};
}

static void the_observations_table_adds_up(void **state) {
    (void)state;
    assert_int_equal(vg_observation_size(VG_PRESET_PAPER, 5, 7), 209);
    assert_int_equal(vg_observation_size(VG_PRESET_DEFAULT, 5, 7), 24 + 16 + 6 * 12 + 4 * 10);
    assert_int_equal(vg_critic_size(5, 7, 3), 40 + 12 + 14);
}

static void observations_are_bounded_and_masked(void **state) {
    (void)state;
    vg_frame *f = scene_frame(dims, 50, 1);
    vg_frame_present(f)[3] = 0;
    for (int32_t c = 0; c < 5; c++) memset(vg_frame_keypoints(f) + (c * 7 + 3) * 14, 0, 14 * sizeof(vg_keypoint));
    vg_skeletons *s = scene_skeletons(f);
    const vg_world_info world = scene_world(dims);
    const vg_scene_view view = paper_view(f, s, &world);
    float out[5 * 209];
    vg_order order[5];
    vg_observe(out, order, &view);
    for (int i = 0; i < 5 * 209; i++) assert_true(out[i] >= -1 && out[i] <= 1);
    for (int32_t c = 0; c < 5; c++) {
        const float *person = out + c * 209 + VG_OBSERVE_OWN;
        for (int i = 0; i < VG_OBSERVE_PERSON; i++) assert_true(person[3 * VG_OBSERVE_PERSON + i] == 0);
        assert_true(person[21] == 1); /* the target is present */
    }
    free(f), free(s);
}

static void mates_follow_in_a_fixed_rotation(void **state) {
    (void)state;
    vg_frame *f = scene_frame(dims, 52, 1);
    vg_skeletons *s = scene_skeletons(f);
    const vg_world_info world = scene_world(dims);
    const vg_scene_view view = paper_view(f, s, &world);
    float out[5 * 209], poses[5 * VG_POSE_NUMBERS];
    vg_order order[5];
    f->target = 2;
    vg_observe(out, order, &view);
    vg_observe_poses(poses, &world, f);
    for (int32_t c = 0; c < 5; c++) {
        assert_memory_equal(out + c * 209 + 1, poses + c * VG_POSE_NUMBERS, sizeof(float) * VG_POSE_NUMBERS);
        assert_int_equal(order[c].camera[0], c);
        for (int32_t k = 1; k < 5; k++) {
            assert_memory_equal(out + c * 209 + VG_OBSERVE_OWN + 7 * VG_OBSERVE_PERSON + (k - 1) * VG_OBSERVE_MATE,
                                poses + (c + k) % 5 * VG_POSE_NUMBERS, sizeof(float) * VG_POSE_NUMBERS);
            assert_int_equal(order[c].camera[k], (c + k) % 5);
        }
        const uint8_t people[7] = {2, 0, 1, 3, 4, 5, 6};
        assert_memory_equal(order[c].person, people, sizeof people);
    }
    free(f), free(s);
}

enum { D = 24 + 16 + 6 * 12 + 4 * 10, OTHERS = 24 + 16, MATES = 24 + 16 + 6 * 12 };

/* A frame seen by the default preset, with everything an observation is made of. */
typedef struct own {
    vg_frame *f;
    vg_skeletons *s;
    vg_world_info world;
    vg_whereabouts whereabouts[7];
    vg_motion motion[5];
    float aim[3], out[5 * D];
    vg_order order[5];
} own;

static void observe(own *o) {
    assert_true(vg_person_centre(o->aim, o->s, 0));
    memset(o->whereabouts, 0, sizeof o->whereabouts);
    vg_whereabouts_update(o->whereabouts, o->f, o->s, 0.1);
    const vg_scene_view view = {.world = &o->world,
                                .frame = o->f,
                                .skeletons = o->s,
                                .whereabouts = o->whereabouts,
                                .motion = o->motion,
                                .aim = o->aim};
    vg_observe(o->out, o->order, &view);
}

static own own_scene(uint32_t stream) {
    own o = {.f = scene_frame(dims, stream, 1), .world = scene_world(dims)};
    vg_rng rng = vg_test_rng(stream + 1);
    o.s = scene_skeletons(o.f);
    for (int c = 0; c < 5; c++)
        for (int i = 0; i < 3; i++) {
            o.motion[c].velocity[i] = vg_rng_range(&rng, -2, 2);
            o.motion[c].push[i] = vg_rng_range(&rng, -2, 2);
        }
    observe(&o);
    return o;
}

static void own_observations_are_bounded_and_masked(void **state) {
    (void)state;
    own o = own_scene(60);
    for (int i = 0; i < 5 * D; i++) assert_true(o.out[i] >= -1 && o.out[i] <= 1);
    /* somebody whom nobody knows is zero, and comes last */
    vg_frame_present(o.f)[3] = 0;
    for (int32_t c = 0; c < 5; c++) memset(vg_frame_keypoints(o.f) + (c * 7 + 3) * 14, 0, 14 * sizeof(vg_keypoint));
    free(o.s);
    o.s = scene_skeletons(o.f);
    observe(&o);
    for (int32_t c = 0; c < 5; c++) {
        assert_int_equal(o.order[c].person[0], 0);
        assert_int_equal(o.order[c].person[6], 3);
        for (int i = 0; i < 12; i++) assert_true(o.out[c * D + OTHERS + 5 * 12 + i] == 0);
    }
    free(o.f), free(o.s);
}

static void own_observations_do_not_read_the_truth(void **state) {
    (void)state;
    own o = own_scene(61);
    float before[5 * D];
    memcpy(before, o.out, sizeof before);
    for (int i = 0; i < 7 * 14 * 3; i++) vg_frame_truth(o.f)[i] = NAN;
    observe(&o);
    assert_memory_equal(before, o.out, sizeof before);
    free(o.f), free(o.s);
}

static void quarter_turn(float v[3]) {
    const float x = v[0];
    v[0] = -v[1], v[1] = x;
}

/* Turning everything by a quarter, in a square box, changes nothing but what the pose says about the world. */
static void own_observations_turn_with_the_world(void **state) {
    (void)state;
    own o = own_scene(62);
    float before[5 * D];
    memcpy(before, o.out, sizeof before);
    vg_joint *joints = vg_skeletons_joints(o.s);
    for (int i = 0; i < 7 * 14; i++) {
        quarter_turn(joints[i].position), quarter_turn(joints[i].velocity);
        const float xx = joints[i].covariance[0];
        joints[i].covariance[0] = joints[i].covariance[3], joints[i].covariance[3] = xx;
    }
    for (int c = 0; c < 5; c++) {
        vg_camera *k = &vg_frame_cameras(o.f)[c];
        for (int r = 0; r < 3; r++) { /* R' = R Q^T */
            const double x = k->R[3 * r];
            k->R[3 * r] = -k->R[3 * r + 1], k->R[3 * r + 1] = x;
        }
        quarter_turn(o.motion[c].velocity), quarter_turn(o.motion[c].push);
    }
    observe(&o);
    for (int c = 0; c < 5; c++)
        for (int i = VG_POSE_NUMBERS; i < D; i++) assert_close(o.out[c * D + i], before[c * D + i], 2e-5);
    free(o.f), free(o.s);
}

/* People stand along x, the target at 0: a camera on the x axis has them all in line, the mates go round against the clock. */
static void those_who_matter_come_first(void **state) {
    (void)state;
    own o = own_scene(63);
    vg_camera *k = &vg_frame_cameras(o.f)[0];
    const double at[3] = {5.2, 0, 1.5};
    vg_rotation_from_yaw_pitch(k->R, VG_PI, 0);
    vg_mat3_mul_vec(k->t, k->R, at);
    for (int i = 0; i < 3; i++) k->t[i] = -k->t[i];
    observe(&o);
    /* 1, 2 and 3 stand between (at 1.5, 3 and 4.5 m), 4 to 6 behind the camera (6, 7.5, 9) */
    uint32_t between = 0;
    for (int p = 1; p <= 3; p++) between |= 1u << o.order[0].person[p];
    assert_int_equal(between, 1u << 1 | 1u << 2 | 1u << 3);
    assert_int_equal(o.order[0].person[4], 4);
    assert_int_equal(o.order[0].person[6], 6);
    for (int p = 0; p < 3; p++) {
        const float *person = o.out + OTHERS + 12 * p, along = 1 - 1.5f * (float)o.order[0].person[p + 1] / 5.2f;
        assert_close(person[7], along / 1.5f, 0.05);
        assert_close(person[5], 0, 0.2);
    }
    for (int m = 1; m < 5; m++) assert_int_equal(o.order[0].camera[m], m);
    for (int m = 1; m < 5; m++) assert_int_equal(o.order[2].camera[m], (2 + m) % 5);
    free(o.f), free(o.s);
}

static void places_are_true_where_the_truth_is_known(void **state) {
    (void)state;
    vg_frame *f = scene_frame(dims, 53, 1);
    vg_skeletons *s = scene_skeletons(f);
    f->target = 2;
    vg_frame_present(f)[0] = 0;
    float places[14], mask[7];
    vg_observe_places(places, mask, f, s);
    for (int p = 1; p < 7; p++) assert_close(places[2 * p], p * 1.5 / 5, 0.05); /* people stand 1.5 m apart along x */
    assert_true(mask[0] == 0 && places[0] == 0 && mask[1] == 1 && mask[2] == 1);
    free(f), free(s);
}

/* Forward is towards what the camera looks at, right is to its right, down is down. */
static void moves_follow_the_cameras_own_axes(void **state) {
    (void)state;
    vg_frame *f = scene_frame(dims, 54, 1);
    const vg_action_space space = vg_action_space_default(VG_PRESET_PAPER, 0.4, 0);
    float moves[15] = {0};
    moves[2] = 1;      /* camera 0 forward */
    moves[3 + 1] = -1; /* camera 1 up */
    vg_command command;
    const float aim[3] = {0, 0, 0.9f};
    vg_action_command(&command, &space, 0.4, moves, f, aim);
    const double *R0 = vg_frame_cameras(f)[0].R, *R1 = vg_frame_cameras(f)[1].R;
    for (int i = 0; i < 3; i++) {
        assert_close(command.camera[0].linear[i] * 0.4f, 0.30 * R0[6 + i], 1e-6); /* 30 cm a step */
        assert_close(command.camera[1].linear[i] * 0.4f, -0.30 * R1[3 + i], 1e-6);
    }
    assert_true(command.camera[1].linear[2] > 0);
    for (int i = 0; i < 3; i++) assert_true(command.camera[4].linear[i] == 0);
    free(f);
}

static void pointing_takes_four_fifths_of_the_error_away(void **state) {
    (void)state;
    vg_frame *f = scene_frame(dims, 55, 1);
    vg_camera *k = &vg_frame_cameras(f)[0];
    const double at[3] = {-(k->R[0] * k->t[0] + k->R[3] * k->t[1] + k->R[6] * k->t[2]),
                          -(k->R[1] * k->t[0] + k->R[4] * k->t[1] + k->R[7] * k->t[2]),
                          -(k->R[2] * k->t[0] + k->R[5] * k->t[1] + k->R[8] * k->t[2])};
    double yaw, pitch, R[9];
    vg_yaw_pitch_of_rotation(&yaw, &pitch, k->R);
    vg_rotation_from_yaw_pitch(R, yaw + 0.2, pitch + 0.1);
    const float aim[3] = {(float)(at[0] + R[6]), (float)(at[1] + R[7]), (float)(at[2] + R[8])};
    const vg_action_space space = vg_action_space_default(VG_PRESET_PAPER, 0.4, 0);
    vg_camera_command m = {0};
    vg_action_point(&m, &space, 0.4, k, aim);
    assert_close(m.yaw_rate * 0.4f, 0.16, 1e-4);
    assert_close(m.pitch_rate * 0.4f, 0.08, 1e-4);
    const float behind[3] = {(float)(at[0] - R[6]), (float)(at[1] - R[7]), (float)at[2]};
    vg_action_point(&m, &space, 0.4, k, behind);
    assert_close(fabsf(m.yaw_rate) * 0.4f, 30 * VG_PI / 180, 1e-4); /* no more than 30 degrees a step */
    free(f);
}

static void act(vg_command *out, const char *name, const vg_frame *f, const vg_skeletons *s,
                const vg_world_info *world) {
    vg_baseline baseline;
    assert_true(vg_baseline_find(name, &baseline));
    const vg_action_space space = vg_action_space_default(VG_PRESET_DEFAULT, world->step_seconds, 0);
    const float aim[3] = {0, 0, 0.9f};
    const vg_baseline_view view = {world, &space, f, s, aim};
    vg_baseline_act(out, baseline, &view);
}

static void the_fixed_team_stands_still(void **state) {
    (void)state;
    vg_frame *f = scene_frame(dims, 56, 1);
    vg_skeletons *s = scene_skeletons(f);
    const vg_world_info world = scene_world(dims);
    vg_command command, none = {.cameras = 5};
    act(&command, "fixed", f, s, &world);
    assert_memory_equal(command.camera, none.camera, sizeof none.camera);
    vg_baseline unused;
    assert_false(vg_baseline_find("nobody", &unused));
    free(f), free(s);
}

/* With nobody in the way, both planners bring far cameras nearer, and neither is faster than the action space allows. */
static void planners_approach_a_lonely_target(void **state) {
    (void)state;
    const vg_dims alone = {4, 1, 14};
    vg_frame *f = scene_frame(alone, 57, 1);
    vg_skeletons *s = scene_skeletons(f);
    const vg_world_info world = scene_world(alone);
    for (int k = 0; k < 2; k++) {
        vg_command command;
        act(&command, k ? "plan" : "greedy", f, s, &world);
        for (int32_t c = 0; c < 4; c++) {
            const double *R = vg_frame_cameras(f)[c].R;
            const float *v = command.camera[c].linear;
            assert_true((double)v[0] * R[6] + (double)v[1] * R[7] + (double)v[2] * R[8] > 0.5);
            assert_true(sqrtf(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]) < 1.5f * 1.733f);
        }
    }
    free(f), free(s);
}

static void orbit_spreads_the_cameras(void **state) {
    (void)state;
    vg_frame *f = scene_frame(dims, 58, 1);
    vg_skeletons *s = scene_skeletons(f);
    const vg_world_info world = scene_world(dims);
    vg_command command;
    act(&command, "orbit", f, s, &world);
    for (int32_t c = 0; c < 5; c++) { /* every camera stands at 4 m, its place on the circle is nearer */
        const double *R = vg_frame_cameras(f)[c].R;
        const float *v = command.camera[c].linear;
        assert_true((double)v[0] * R[6] + (double)v[1] * R[7] > 0);
    }
    free(f), free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_observations_table_adds_up),
        cmocka_unit_test(observations_are_bounded_and_masked),
        cmocka_unit_test(own_observations_are_bounded_and_masked),
        cmocka_unit_test(own_observations_do_not_read_the_truth),
        cmocka_unit_test(own_observations_turn_with_the_world),
        cmocka_unit_test(those_who_matter_come_first),
        cmocka_unit_test(mates_follow_in_a_fixed_rotation),
        cmocka_unit_test(places_are_true_where_the_truth_is_known),
        cmocka_unit_test(moves_follow_the_cameras_own_axes),
        cmocka_unit_test(pointing_takes_four_fifths_of_the_error_away),
        cmocka_unit_test(the_fixed_team_stands_still),
        cmocka_unit_test(planners_approach_a_lonely_target),
        cmocka_unit_test(orbit_spreads_the_cameras),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
