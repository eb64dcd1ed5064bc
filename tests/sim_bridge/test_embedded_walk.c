/* embedded/: bodies, gait and crowd: feet that stay where they are planted, heights of the reference, people who keep
 * clear of each other and of obstacles. */
#include "sim_bridge/embedded/sim.h"
#include "tests/support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct crowd {
    sim_state *state;
    sim_scene scene;
    sim_params params;
} crowd;

static crowd crowd_of(int32_t people, uint64_t seed, int32_t preset) {
    crowd c = {.params = sim_params_of_preset[preset],
               .scene = {.area_low = {-5, -5},
                         .area_high = {5, 5},
                         .camera_low = {-6.5f, -6.5f, 0.9f},
                         .camera_high = {6.5f, 6.5f, 3}}};
    c.state = calloc(1, sizeof(sim_state) + (size_t)people * sizeof(sim_person));
    assert_non_null(c.state);
    c.state->people = people, c.state->seed = seed;
    sim_crowd_start(c.state, &c.scene, &c.params);
    return c;
}

/* Walks `seconds` and returns how far an ankle moved over the ground while its foot was planted, at most. */
static double worst_slide(crowd *c, double seconds, float dt, double *stance_share) {
    double anchor[64][2][2], worst = 0, planted = 0, all = 0;
    int standing[64][2] = {{0}};
    for (double t = 0; t < seconds; t += (double)dt) {
        sim_crowd_step(c->state, &c->scene, &c->params, dt);
        for (int32_t p = 0; p < c->state->people; p++) {
            sim_pose pose;
            sim_body_pose(&pose, &c->state->person[p]);
            for (int side = 0; side < 2; side++) {
                const double at[2] = {(double)pose.joint[0][VG_L_ANKLE + side],
                                      (double)pose.joint[1][VG_L_ANKLE + side]};
                const int down = !c->state->person[p].foot[side].swinging;
                if (down && !standing[p][side]) memcpy(anchor[p][side], at, sizeof at);
                if (down) worst = fmax(worst, hypot(at[0] - anchor[p][side][0], at[1] - anchor[p][side][1]));
                standing[p][side] = down;
                planted += down, all += 1;
            }
        }
    }
    *stance_share = planted / all;
    return worst;
}

static void planted_feet_do_not_slide(void **unused) {
    (void)unused;
    for (int32_t preset = 0; preset < 2; preset++)
        for (uint64_t seed = 1; seed <= 4; seed++) {
            crowd c = crowd_of(7, seed, preset);
            double share;
            const double slide = worst_slide(&c, 60, 0.01f, &share);
            if (slide > 0.02) fail_msg("preset %d seed %d: a planted foot slid %.4f m", preset, (int)seed, slide);
            if (share < 0.5 || share > 0.8) fail_msg("preset %d: feet are planted for a share %.2f", preset, share);
            free(c.state);
        }
}

/* A person told to go to a point behind has to turn round; the feet step and do not slide. */
static void planted_feet_do_not_slide_when_turning_round(void **unused) {
    (void)unused;
    for (int32_t preset = 0; preset < 2; preset++) {
        crowd c = crowd_of(1, 3, preset);
        sim_person *p = &c.state->person[0];
        p->at[0] = p->at[1] = 0, p->heading = 0, p->speed = 0;
        p->goal[0] = -3, p->goal[1] = 0.2f;
        sim_gait_start(p, 0.1f);
        double share;
        const double slide = worst_slide(&c, 4, 0.01f, &share);
        if (slide > 0.02) fail_msg("preset %d: a planted foot slid %.4f m while turning", preset, slide);
        assert_true(fabsf(p->heading) > 2.0f);
        free(c.state);
    }
}

static void limbs_keep_their_lengths(void **unused) {
    (void)unused;
    static const int ends[4][2] = {
        {VG_L_HIP, VG_L_KNEE}, {VG_L_KNEE, VG_L_ANKLE}, {VG_L_SHOULDER, VG_L_ELBOW}, {VG_L_ELBOW, VG_L_WRIST}};
    crowd c = crowd_of(7, 5, VG_PRESET_DEFAULT);
    for (int i = 0; i < 3000; i++) {
        sim_crowd_step(c.state, &c.scene, &c.params, 0.02f);
        for (int32_t p = 0; p < 7; p++) {
            sim_pose pose;
            sim_body_pose(&pose, &c.state->person[p]);
            const sim_body *b = &c.state->person[p].body;
            const float length[4] = {b->thigh, b->shank, b->upper_arm, b->forearm};
            for (int k = 0; k < 8; k++) {
                const int a = ends[k / 2][0] + k % 2, e = ends[k / 2][1] + k % 2;
                double d2 = 0;
                for (int axis = 0; axis < 3; axis++) d2 += pow((double)(pose.joint[axis][a] - pose.joint[axis][e]), 2);
                /* a leg pulled long by a push is let short by a hair, arms are turned outwards by a small angle */
                assert_close(sqrt(d2), length[k / 2], 0.003);
            }
        }
    }
    free(c.state);
}

static void paper_characters_have_the_reference_heights(void **unused) {
    (void)unused;
    static const double expected[VG_JOINTS14] = {1.26, 1.26, 0,    0,    0,    0,    0.88,
                                                 0.88, 0.50, 0.50, 0.17, 0.17, 1.41, 1.41};
    double mean[VG_JOINTS14] = {0};
    int count = 0;
    crowd c = crowd_of(7, 11, VG_PRESET_PAPER);
    for (int i = 0; i < 500; i++) {
        sim_crowd_step(c.state, &c.scene, &c.params, 0.1f);
        for (int32_t p = 0; p < 7; p++, count++) {
            sim_pose pose;
            sim_body_pose(&pose, &c.state->person[p]);
            for (int j = 0; j < VG_JOINTS14; j++) mean[j] += (double)pose.joint[2][j];
        }
    }
    for (int j = 0; j < VG_JOINTS14; j++)
        if (expected[j] > 0) assert_close(mean[j] / count, expected[j], 0.02);
    free(c.state);
}

/* Cadences of adults: about 110 steps a minute at 1.3 m/s, step of 0.7 m; half the speed, shorter and slower steps. */
static void cadence_suits_speed_and_leg(void **unused) {
    (void)unused;
    const sim_body adult = sim_body_of_height(1.78f), small = sim_body_of_height(1.5f);
    assert_close(sim_gait_cadence(&adult, 1.3f) * 120, 110, 8);
    assert_true(sim_gait_cadence(&adult, 0.65f) < sim_gait_cadence(&adult, 1.3f));
    assert_true(sim_gait_cadence(&small, 1.3f) > sim_gait_cadence(&adult, 1.3f));
}

static void people_keep_clear_of_each_other_and_of_obstacles(void **unused) {
    (void)unused;
    vg_error err = {0};
    static const char *const scenes[] = {"schoolgym", "urbanstreet", "wilderness"};
    for (int s = 0; s < 3; s++) {
        crowd c = crowd_of(7, 21 + (uint64_t)s, VG_PRESET_DEFAULT);
        assert_ok(sim_scene_load(&c.scene, scenes[s], &err));
        sim_crowd_start(c.state, &c.scene, &c.params);
        double walked = 0;
        for (int i = 0; i < 3000; i++) {
            sim_crowd_step(c.state, &c.scene, &c.params, 0.1f);
            for (int32_t p = 0; p < 7; p++) {
                const sim_person *a = &c.state->person[p];
                walked += (double)a->speed * 0.1;
                for (int k = 0; k < 2; k++)
                    assert_true(a->at[k] >= c.scene.area_low[k] && a->at[k] <= c.scene.area_high[k]);
                for (int32_t q = p + 1; q < 7; q++) {
                    const sim_person *b = &c.state->person[q];
                    assert_true(hypotf(a->at[0] - b->at[0], a->at[1] - b->at[1]) > 0.3f);
                }
                for (int32_t o = 0; o < c.scene.obstacle_count; o++) {
                    const vg_obstacle *ob = &c.scene.obstacles[o];
                    if (ob->centre[2] - ob->half[2] > 1.95f) continue;
                    const float x = a->at[0] - ob->centre[0], y = a->at[1] - ob->centre[1];
                    const float cs = cosf(ob->yaw), sn = sinf(ob->yaw);
                    const bool in = ob->kind == VG_OBSTACLE_CYLINDER
                                        ? hypotf(x, y) < ob->half[0]
                                        : fabsf(cs * x + sn * y) < ob->half[0] && fabsf(cs * y - sn * x) < ob->half[1];
                    if (in) fail_msg("%s: person %d walked into obstacle %d", scenes[s], p, o);
                }
            }
        }
        assert_true(walked / (7 * 300) > 0.35); /* nobody stands about in corners: m/s */
        free(c.state);
    }
}

/* 5 to 14 cm a step of 0.4 s, as in the reference. */
static void paper_walkers_have_the_reference_speed(void **unused) {
    (void)unused;
    crowd c = crowd_of(7, 31, VG_PRESET_PAPER);
    double sum = 0;
    int count = 0;
    for (int i = 0; i < 400; i++) {
        float before[7][2];
        for (int32_t p = 0; p < 7; p++) memcpy(before[p], c.state->person[p].at, sizeof before[p]);
        for (int k = 0; k < 2; k++) sim_crowd_step(c.state, &c.scene, &c.params, 0.2f);
        for (int32_t p = 0; p < 7; p++, count++) {
            const float *at = c.state->person[p].at;
            const double d = hypot((double)(at[0] - before[p][0]), (double)(at[1] - before[p][1]));
            assert_true(d < 0.15);
            sum += d;
        }
    }
    assert_true(sum / count > 0.05 && sum / count < 0.14);
    free(c.state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planted_feet_do_not_slide),
        cmocka_unit_test(planted_feet_do_not_slide_when_turning_round),
        cmocka_unit_test(limbs_keep_their_lengths),
        cmocka_unit_test(paper_characters_have_the_reference_heights),
        cmocka_unit_test(cadence_suits_speed_and_leg),
        cmocka_unit_test(people_keep_clear_of_each_other_and_of_obstacles),
        cmocka_unit_test(paper_walkers_have_the_reference_speed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
