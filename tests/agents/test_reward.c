/* Rewards: the axioms of the Shapley value, the plain twin, closed forms. */
#include "agents/reward.h"
#include "tests/support/scene.h"

#include <stdio.h>
#include <string.h>

static void the_mean_of_ctcr_is_the_teams_reward(void **state) {
    (void)state;
    for (int32_t cameras = 2; cameras <= VG_CTCR_CAMERAS; cameras++) {
        vg_frame *f = scene_frame((vg_dims){cameras, 2, 14}, (uint32_t)cameras, 2);
        float agents[VG_MAX_CAMERAS], all[VG_MAX_CAMERAS], team, plain;
        double mean = 0;
        const float v = vg_ctcr(agents, f);
        for (int32_t c = 0; c < cameras; c++) mean += (double)agents[c] / cameras;
        assert_close(mean, v, 2e-5);
        vg_reward(&team, all, f, NULL, true);
        vg_reward(&plain, all, f, NULL, false);
        assert_close(team, plain, 1e-5);
        assert_close(all[0], plain, 0);
        free(f);
    }
}

static void ctcr_equals_the_mean_over_all_orders(void **state) {
    (void)state;
    for (int32_t cameras = 2; cameras <= 6; cameras++) {
        vg_frame *f = scene_frame((vg_dims){cameras, 2, 14}, 20 + (uint32_t)cameras, 3);
        vg_frame_keypoints(f)[3].confidence = 0.1f; /* below the threshold: takes no part */
        float fast[VG_MAX_CAMERAS], slow[VG_MAX_CAMERAS];
        assert_close(vg_ctcr(fast, f), vg_ctcr_ref(slow, f), 1e-5);
        for (int32_t c = 0; c < cameras; c++) assert_close(fast[c], slow[c], 2e-5);
        free(f);
    }
}

/* A pair with a camera that sees nothing triangulates nothing, and lost joints are worth -1: over the n - 1 such pairs, each
 * with weight n 1! (n - 2)! / n!, that is exactly -1; larger subsets do not change. */
static void a_blind_camera_costs_one(void **state) {
    (void)state;
    vg_frame *f = scene_frame((vg_dims){5, 2, 14}, 40, 1);
    memset(vg_frame_keypoints(f) + 2 * 2 * 14, 0, 14 * sizeof(vg_keypoint)); /* camera 2 does not see the target */
    float agents[VG_MAX_CAMERAS];
    vg_ctcr(agents, f);
    assert_close(agents[2], -1, 1e-6);
    assert_true(agents[0] > 0);
    free(f);
}

static void cameras_that_see_the_same_get_the_same(void **state) {
    (void)state;
    vg_frame *f = scene_frame((vg_dims){4, 1, 14}, 41, 2);
    vg_frame_cameras(f)[3] = vg_frame_cameras(f)[1];
    memcpy(vg_frame_keypoints(f) + 3 * 14, vg_frame_keypoints(f) + 14, 14 * sizeof(vg_keypoint));
    float agents[VG_MAX_CAMERAS];
    vg_ctcr(agents, f);
    assert_close(agents[1], agents[3], 1e-6);
    free(f);
}

static void exact_keypoints_are_worth_one_and_none_minus_one(void **state) {
    (void)state;
    vg_frame *f = scene_frame((vg_dims){3, 1, 14}, 42, 0);
    float team, agents[VG_MAX_CAMERAS];
    vg_reward(&team, agents, f, NULL, false);
    assert_close(team, 1, 1e-5);
    memset(vg_frame_keypoints(f), 0, 3 * 14 * sizeof(vg_keypoint));
    vg_reward(&team, agents, f, NULL, true);
    assert_close(team, -1, 0);
    free(f);
}

static void two_cameras_share_the_teams_reward(void **state) {
    (void)state;
    vg_frame *f = scene_frame((vg_dims){2, 1, 14}, 43, 2);
    float team, agents[VG_MAX_CAMERAS];
    vg_reward(&team, agents, f, NULL, true);
    assert_close(agents[0], team, 0);
    assert_close(agents[1], team, 0);
    free(f);
}

/* (100 - e^2) / (100 + e^2), e in cm, with e^2 the trace of the covariance */
static void without_truth_the_covariance_is_the_expected_error(void **state) {
    (void)state;
    vg_frame *f = scene_frame((vg_dims){3, 1, 14}, 44, 1);
    vg_skeletons *s = scene_skeletons(f);
    f->flags &= ~(uint32_t)VG_FRAME_TRUTH;
    vg_joint *joints = vg_skeletons_joints(s);
    s->target = 0;
    for (int j = 0; j < 14; j++) {
        memset(joints[j].covariance, 0, sizeof joints[j].covariance);
        joints[j].covariance[0] = 0.0025f; /* 5 cm */
        joints[j].state = VG_JOINT_MEASURED;
    }
    joints[13].state = VG_JOINT_LOST;
    float team, agents[VG_MAX_CAMERAS];
    vg_reward(&team, agents, f, s, true);
    assert_close(team, (13 * 0.6 - 1) / 14, 1e-5);
    assert_close(agents[2], team, 0);
    free(f), free(s);
}

static void pose_error_counts_lost_joints_apart(void **state) {
    (void)state;
    vg_frame *f = scene_frame((vg_dims){3, 2, 14}, 45, 0);
    vg_skeletons *s = scene_skeletons(f);
    vg_joint *joints = vg_skeletons_joints(s);
    vg_pose_error e;
    vg_pose_error_of(&e, f, s);
    assert_int_equal(e.estimated, 14);
    assert_close(e.mpjpe_mm, 0, 0.05);
    joints[0].state = VG_JOINT_LOST;
    for (int j = 1; j < 14; j++)
        for (int i = 0; i < 3; i++) joints[j].position[i] = vg_frame_truth(f)[3 * j + i] + (i == 2 && j > 7 ? 0.2f : 0);
    vg_pose_error_of(&e, f, s);
    assert_int_equal(e.lost, 1);
    assert_int_equal(e.within_150, 7);
    assert_close(e.mpjpe_mm, 6 * 200.0 / 13, 0.1);
    f->flags = 0;
    vg_pose_error_of(&e, f, s);
    assert_int_equal(e.estimated + e.lost, 0);
    free(f), free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_mean_of_ctcr_is_the_teams_reward),
        cmocka_unit_test(ctcr_equals_the_mean_over_all_orders),
        cmocka_unit_test(a_blind_camera_costs_one),
        cmocka_unit_test(cameras_that_see_the_same_get_the_same),
        cmocka_unit_test(exact_keypoints_are_worth_one_and_none_minus_one),
        cmocka_unit_test(two_cameras_share_the_teams_reward),
        cmocka_unit_test(without_truth_the_covariance_is_the_expected_error),
        cmocka_unit_test(pose_error_counts_lost_joints_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
