/* People of the embedded simulator, told apart without their names: crowds in a studio, with the occlusions, misses, swapped
 * and false detections that the simulator has. */
#include "bench/anonymous.h"
#include "perception/joints.h"
#include "perception/perception.h"
#include "sim_bridge/world.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>

enum { DETECTIONS = 12, STEPS = 200 };

static crowd_score run(int32_t cameras, int32_t people, int seeds, double miss, double swap, float strange) {
    vg_error err = {0};
    vg_world_config config = vg_world_config_default();
    config.scene = "studio", config.cameras = cameras, config.people = people;
    config.miss_rate = miss, config.swap_rate = swap;
    vg_world *world;
    assert_ok(vg_world_open(&world, &config, &err));
    const vg_dims in = world->info.dims, dims = {cameras, DETECTIONS, in.joints};
    vg_joint_set set;
    vg_joint_set_init(&set, VG_JOINTS_14);
    vg_perception_config perceive = vg_perception_config_default();
    perceive.match = true, perceive.people.set = &set;
    vg_perception *perception;
    assert_ok(vg_perception_create(&perception, &perceive, dims, 1, &err));
    vg_frame *frame = calloc(1, vg_frame_bytes(in)), *anonymous = calloc(1, vg_frame_bytes(dims));
    vg_skeletons *out = calloc(1, vg_skeletons_bytes(DETECTIONS, in.joints));
    vg_frame_init(frame, in, 0), vg_frame_init(anonymous, dims, 0);
    vg_skeletons_init(out, DETECTIONS, in.joints, 0);
    crowd_score score = {0};
    for (int s = 0; s < seeds; s++) {
        vg_rng rng = vg_test_rng((uint32_t)s);
        const vg_reset reset = {vg_test_seed() + (uint64_t)s, people, VG_FORMATION_FIXED};
        const vg_command stay = {.cameras = cameras};
        assert_ok(vg_world_reset(world, 0, 1, &reset, frame, &err));
        crowd_score_begin(&score);
        for (int i = 0; i < STEPS; i++) {
            int64_t names[DETECTIONS];
            if (i) assert_ok(vg_world_step(world, 0, 1, &stay, frame, &err));
            anonymise(anonymous, frame, &rng, strange);
            assert_ok(vg_perceive(perception, 0, anonymous, out, NULL, &err));
            for (int p = 0; p < DETECTIONS; p++) names[p] = vg_people_name(vg_perception_people(perception, 0), p);
            crowd_score_frame(&score, frame, out, names);
        }
    }
    printf("%d cameras, %d people: found %.3f, strange %.4f, %ld switches in %d s, PCP %.1f %%, %.0f mm\n", cameras,
           people, (double)score.found / (double)score.people, (double)score.strange / (double)score.people,
           score.switches, seeds * STEPS / 10, 100 * (double)score.bones_right / (double)score.bones,
           1000 * score.error / (double)score.joints);
    free(frame), free(anonymous), free(out);
    vg_perception_destroy(perception);
    vg_world_close(world);
    return score;
}

static void check(const crowd_score *s, double found, double strange, long switches, double pcp, double error) {
    assert_true((double)s->found >= found * (double)s->people);
    assert_true((double)s->strange <= strange * (double)s->people);
    assert_true(s->switches <= switches);
    assert_true((double)s->bones_right >= pcp * (double)s->bones);
    assert_true(s->error <= error * (double)s->joints);
}

static void four_people_and_five_cameras(void **state) {
    (void)state;
    const crowd_score s = run(5, 4, 6, 0.05, 0.02, 0.05f);
    check(&s, 0.995, 0.005, 0, 0.94, 0.07);
}

static void seven_people_and_five_cameras(void **state) {
    (void)state;
    const crowd_score s = run(5, 7, 6, 0.1, 0.05, 0.1f);
    check(&s, 0.99, 0.01, 2, 0.90, 0.085);
}

static void six_people_and_four_cameras(void **state) {
    (void)state;
    const crowd_score s = run(4, 6, 6, 0.05, 0.02, 0.05f);
    check(&s, 0.98, 0.02, 4, 0.78, 0.13);
}

static void four_people_and_three_cameras(void **state) {
    (void)state;
    const crowd_score s = run(3, 4, 6, 0.05, 0.02, 0.05f);
    check(&s, 0.95, 0.04, 12, 0.72, 0.15);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_people_and_five_cameras),
        cmocka_unit_test(seven_people_and_five_cameras),
        cmocka_unit_test(six_people_and_four_cameras),
        cmocka_unit_test(four_people_and_three_cameras),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
