/* Observations, actions and baselines. */
#include "agents/action.h"
#include "agents/baselines.h"
#include "agents/observe.h"
#include "tests/support/scene.h"

#include <string.h>

static const vg_dims dims = {5, 7, 14};

static void the_observations_table_adds_up(void **state) {
    (void)state;
    assert_int_equal(vg_observation_size(5, 7), 209);
    assert_int_equal(vg_critic_size(5, 7, 3), 40 + 12 + 14);
}

static void observations_are_bounded_and_masked(void **state) {
    (void)state;
    vg_frame *f = scene_frame(dims, 50, 1);
    vg_frame_present(f)[3] = 0;
    for (int32_t c = 0; c < 5; c++) memset(vg_frame_keypoints(f) + (c * 7 + 3) * 14, 0, 14 * sizeof(vg_keypoint));
    vg_skeletons *s = scene_skeletons(f);
    const vg_world_info world = scene_world(dims);
    float out[5 * 209];
    vg_observe(out, &world, f, s);
    for (int i = 0; i < 5 * 209; i++) assert_true(out[i] >= -1 && out[i] <= 1);
    for (int32_t c = 0; c < 5; c++) {
        const float *person = out + c * 209 + VG_OBSERVE_OWN;
        for (int i = 0; i < VG_OBSERVE_PERSON; i++) assert_true(person[3 * VG_OBSERVE_PERSON + i] == 0);
        assert_true(person[21] == 1); /* the target is present */
    }
    free(f), free(s);
}

static void observations_do_not_read_the_truth(void **state) {
    (void)state;
    vg_frame *f = scene_frame(dims, 51, 1);
    vg_skeletons *s = scene_skeletons(f);
    const vg_world_info world = scene_world(dims);
    float before[5 * 209], after[5 * 209];
    vg_observe(before, &world, f, s);
    for (int i = 0; i < 7 * 14 * 3; i++) vg_frame_truth(f)[i] = NAN;
    vg_observe(after, &world, f, s);
    assert_memory_equal(before, after, sizeof before);
    free(f), free(s);
}

static void mates_follow_in_a_fixed_rotation(void **state) {
    (void)state;
    vg_frame *f = scene_frame(dims, 52, 1);
    vg_skeletons *s = scene_skeletons(f);
    const vg_world_info world = scene_world(dims);
    float out[5 * 209], poses[5 * VG_POSE_NUMBERS];
    vg_observe(out, &world, f, s);
    vg_observe_poses(poses, &world, f);
    for (int32_t c = 0; c < 5; c++) {
        assert_memory_equal(out + c * 209 + 1, poses + c * VG_POSE_NUMBERS, sizeof(float) * VG_POSE_NUMBERS);
        for (int32_t k = 1; k < 5; k++)
            assert_memory_equal(out + c * 209 + VG_OBSERVE_OWN + 7 * VG_OBSERVE_PERSON + (k - 1) * VG_OBSERVE_MATE,
                                poses + (c + k) % 5 * VG_POSE_NUMBERS, sizeof(float) * VG_POSE_NUMBERS);
    }
    free(f), free(s);
}

static void places_put_the_target_first(void **state) {
    (void)state;
    vg_frame *f = scene_frame(dims, 53, 1);
    vg_skeletons *s = scene_skeletons(f);
    f->target = 2;
    vg_frame_present(f)[0] = 0;
    float places[14], mask[7];
    vg_observe_places(places, mask, f, s);
    assert_close(places[0], 2 * 1.5 / 5, 0.05); /* people stand 1.5 m apart along x */
    assert_true(mask[0] == 1 && mask[1] == 0 && mask[2] == 1);
    assert_close(places[4], 1.5 / 5, 0.05);
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
    for (int32_t c = 0; c < 5; c++) { /* every camera stands at 4 m, its place on the circle is at 3 m */
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
        cmocka_unit_test(observations_do_not_read_the_truth),
        cmocka_unit_test(mates_follow_in_a_fixed_rotation),
        cmocka_unit_test(places_put_the_target_first),
        cmocka_unit_test(moves_follow_the_cameras_own_axes),
        cmocka_unit_test(pointing_takes_four_fifths_of_the_error_away),
        cmocka_unit_test(the_fixed_team_stands_still),
        cmocka_unit_test(planners_approach_a_lonely_target),
        cmocka_unit_test(orbit_spreads_the_cameras),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
