/* The tick of a team in the embedded world: what it stores, what it remembers, and that it allocates nothing. */
#include "agents/team.h"

#include "agents/observe.h"
#include "tests/support/allocations.h"
#include "tests/support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { C = 4, P = 6, STEPS = VG_SEQUENCE_STEPS };

typedef struct play {
    vg_world *world;
    vg_net *net;
    vg_team *team;
    vg_rollout rollout;
    vg_frame *frame;
    vg_command command;
} play;

static void begin_as(play *p, int32_t preset, bool deterministic) {
    vg_error err = {0};
    vg_world_config config = vg_world_config_default();
    config.cameras = C, config.people = P, config.envs = 1, config.preset = preset;
    assert_ok(vg_world_open(&p->world, &config, &err));
    vg_train_config train = vg_train_config_default(preset);
    train.hidden = 16;
    const vg_net_config net = vg_team_net_config(&p->world->info, &train);
    assert_ok(vg_net_create(&p->net, &net, 1, &err));
    const vg_team_config team = {.world = &p->world->info,
                                 .preset = preset,
                                 .net = &p->net->layout,
                                 .shapley = true,
                                 .deterministic = deterministic,
                                 .seed = 2};
    assert_ok(vg_team_create(&p->team, &team, &err));
    vg_team_use_net(p->team, p->net, 0, 1);
    assert_ok(vg_rollout_create(&p->rollout, &net, 1, STEPS, &err));
    p->frame = aligned_alloc(64, vg_frame_bytes(p->world->info.dims));
    memset(p->frame, 0, vg_frame_bytes(p->world->info.dims));
    vg_frame_init(p->frame, p->world->info.dims, 0);
    const vg_reset reset = {.seed = 3, .people = P, .formation = VG_FORMATION_START};
    assert_ok(vg_world_reset(p->world, 0, 1, &reset, p->frame, &err));
    assert_ok(vg_team_begin(p->team, 0, p->frame, &err));
}

static void begin(play *p, int32_t preset) {
    begin_as(p, preset, false);
}

static void step(play *p, int32_t t) {
    vg_error err = {0};
    const vg_tick *tick;
    vg_team_decide(p->team, 0, 1, p->frame, &p->command, &p->rollout, t);
    assert_ok(vg_world_step(p->world, 0, 1, &p->command, p->frame, &err));
    assert_ok(vg_team_absorb(p->team, 0, p->frame, &tick, &err));
    vg_team_record(p->team, 0, p->frame, &p->rollout, t);
}

static void end(play *p) {
    vg_rollout_destroy(&p->rollout);
    vg_team_destroy(p->team);
    vg_net_destroy(p->net);
    vg_world_close(p->world);
    free(p->frame);
}

/* Which camera a stored pose is of. */
static int32_t owner(const float *pose, const float *poses) {
    for (int32_t c = 0; c < C; c++)
        if (memcmp(pose, poses + c * VG_POSE_NUMBERS, sizeof(float) * VG_POSE_NUMBERS) == 0) return c;
    return -1;
}

/* What a row holds of mates and people follows one order: by slot under the paper preset, else each camera's own. */
static void check_rows(int32_t preset) {
    play p = {0};
    begin(&p, preset);
    const vg_batch *b = &p.rollout.batch;
    int32_t by_slot = 0;
    for (int32_t t = 0; t < STEPS; t++) {
        step(&p, t);
        float poses[C * VG_POSE_NUMBERS], places[2 * P], mask[P];
        vg_observe_poses(poses, &p.world->info, p.frame);
        vg_observe_places(places, mask, p.frame, vg_team_skeletons(p.team, 0));
        const int64_t first = vg_rollout_row(&p.rollout, t, 0);
        for (int32_t c = 0; c < C; c++) {
            const int64_t row = first + c;
            for (int32_t m = 0; m < C; m++) {
                const int32_t who = owner(b->next_pose + (row * C + m) * VG_NET_POSE, poses);
                assert_true(who >= 0 && (m > 0 || who == c));
                assert_memory_equal(b->actions + (row * C + m) * 3, b->actions + (first + who) * C * 3,
                                    3 * sizeof(float));
            }
            /* the target first, everybody once */
            assert_memory_equal(b->next_people + row * 2 * P, places, 2 * sizeof(float));
            float sum = 0, all = 0;
            for (int32_t i = 0; i < 2 * P; i++) sum += b->next_people[row * 2 * P + i], all += places[i];
            assert_close(sum, all, 1e-5);
            by_slot += memcmp(b->next_people + row * 2 * P, places, sizeof places) == 0;
        }
    }
    if (preset == VG_PRESET_PAPER)
        assert_int_equal(by_slot, STEPS * C);
    else
        assert_true(by_slot < STEPS * C / 2);
    end(&p);
}

static void rows_keep_to_one_order(void **state) {
    (void)state;
    check_rows(VG_PRESET_DEFAULT);
    check_rows(VG_PRESET_PAPER);
}

/* What is remembered of people, cameras and the guard is part of the state. */
static void a_saved_team_goes_on_as_it_would_have(void **state) {
    (void)state;
    play p = {0};
    begin(&p, VG_PRESET_DEFAULT);
    for (int32_t t = 0; t < STEPS; t++) step(&p, t);
    vg_error err = {0};
    const size_t bytes = p.frame->bytes;
    void *team = malloc(vg_team_state_bytes(p.team)), *world = malloc(vg_world_state_bytes(p.world));
    void *frame = malloc(bytes);
    vg_team_save_state(p.team, 0, team);
    assert_ok(vg_world_save_state(p.world, 0, world, &err));
    memcpy(frame, p.frame, bytes);
    vg_command commands[STEPS];
    for (int32_t t = 0; t < STEPS; t++) step(&p, t), commands[t] = p.command;
    const size_t rows = (size_t)(STEPS * C) * (size_t)p.net->layout.config.observation;
    float *observations = malloc(rows * sizeof(float));
    memcpy(observations, p.rollout.batch.observation, rows * sizeof(float));
    vg_team_load_state(p.team, 0, team);
    assert_ok(vg_world_load_state(p.world, 0, world, &err));
    memcpy(p.frame, frame, bytes);
    for (int32_t t = 0; t < STEPS; t++) {
        step(&p, t);
        assert_memory_equal(&p.command, &commands[t], sizeof p.command);
    }
    assert_memory_equal(observations, p.rollout.batch.observation, rows * sizeof(float));
    free(team), free(world), free(frame), free(observations);
    end(&p);
}

/* A fresh network has no preference: its mean is to stay, its likeliest choice is not. */
static void without_draws_a_team_acts_by_its_mean(void **state) {
    (void)state;
    for (int32_t preset = VG_PRESET_DEFAULT; preset <= VG_PRESET_PAPER; preset++) {
        play p = {0};
        begin_as(&p, preset, true);
        float fastest = 0;
        step(&p, 0);
        for (int32_t c = 0; c < C; c++)
            for (int i = 0; i < 3; i++) fastest = fmaxf(fastest, fabsf(p.command.camera[c].linear[i]));
        if (preset == VG_PRESET_PAPER)
            assert_true(fastest > 0.5f);
        else
            assert_true(fastest > 0 && fastest < 0.1f);
        end(&p);
    }
}

static void a_tick_allocates_nothing(void **state) {
    (void)state;
    play p = {0};
    begin(&p, VG_PRESET_DEFAULT);
    step(&p, 0);
    const long before = allocations;
    for (int32_t t = 1; t < STEPS; t++) step(&p, t);
    assert_int_equal(allocations - before, 0);
    end(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_keep_to_one_order),
        cmocka_unit_test(a_saved_team_goes_on_as_it_would_have),
        cmocka_unit_test(without_draws_a_team_acts_by_its_mean),
        cmocka_unit_test(a_tick_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
