/* Evaluation: a policy or a baseline on episodes of its own. Episode i begins from a seed drawn from (config.seed, i), so
 * the crowd and the noise are the same for every policy that is compared, whatever the number of threads. Episodes run
 * their full length: a team that loses its target is not spared the rest. */
#include "agents/agents.h"

#include "agents/baselines.h"
#include "agents/observe.h"
#include "agents/pool.h"
#include "agents/team.h"
#include "common/clock.h"
#include "common/random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVAL_ENVS_MAX = 16, EVAL_STEPS_DEFAULT = 500 };

typedef struct episode_sum {
    double team_reward, error_sum; /* error_sum: mm over the steps that have an estimate */
    int64_t steps, steps_estimated, successes, joints, joints_lost, joints_within;
    vg_guard_counts violations;
} episode_sum;

typedef struct evaluation {
    const vg_eval_config *config;
    vg_world *world;
    vg_team *team;
    const vg_policy *policy; /* NULL for a baseline */
    int32_t steps;           /* per episode */
    vg_frame *frames;        /* [E] */
    vg_command *commands;    /* [E] */
    float *errors;           /* [episodes, steps] mm; NaN without an estimate */
    episode_sum *sums;       /* [episodes] */
    vg_error *shard_errors;  /* [shards] */
} evaluation;

vg_eval_config vg_eval_config_default(void) {
    return (vg_eval_config){
        .policy = "fixed", .world = vg_world_config_default(), .episodes = 10, .episode_steps = 0, .seed = 100};
}

static uint64_t episode_seed(uint64_t seed, int32_t episode) {
    vg_rng rng = vg_rng_at(seed, (uint32_t)episode, 0, VG_DRAW_EVALUATE);
    return vg_rng_u64(&rng);
}

static void count_step(const evaluation *e, int32_t episode, int32_t step, const vg_tick *tick) {
    episode_sum *sum = &e->sums[episode];
    const vg_pose_error *error = &tick->error;
    const bool estimated = error->estimated > 0;
    e->errors[(int64_t)episode * e->steps + step] = estimated ? (float)error->mpjpe_mm : NAN;
    sum->steps++;
    sum->team_reward += (double)tick->team_reward;
    sum->joints += error->estimated + error->lost;
    sum->joints_lost += error->lost;
    sum->joints_within += error->within_150;
    if (!estimated) return;
    sum->steps_estimated++;
    sum->error_sum += error->mpjpe_mm;
    sum->successes += error->mpjpe_mm <= 200;
}

/* Runs the episodes of one shard of environments, round after round. */
static vg_status run_shard(evaluation *e, int32_t shard, vg_error *err) {
    const int32_t envs = e->world->info.envs, first = vg_team_shard_first(e->team, shard);
    const int32_t count = vg_team_shard_count(e->team, shard);
    vg_frame *frames = vg_frame_at(e->frames, first);
    const bool fixed = !e->policy && strcmp(e->config->policy, "fixed") == 0;
    for (int32_t round = 0; round * envs + first < e->config->episodes; round++) {
        const int32_t left = e->config->episodes - round * envs - first, live = left < count ? left : count;
        vg_reset resets[VG_SHARD_ENVS];
        for (int32_t i = 0; i < live; i++)
            resets[i] = (vg_reset){.seed = episode_seed(e->config->seed, round * envs + first + i),
                                   .people = e->config->world.people,
                                   .formation = fixed ? VG_FORMATION_FIXED : VG_FORMATION_START};
        VG_TRY(vg_world_reset(e->world, first, live, resets, frames, err));
        for (int32_t i = 0; i < live; i++) VG_TRY(vg_team_begin(e->team, first + i, vg_frame_at(frames, i), err));
        for (int32_t step = 0; step < e->steps; step++) {
            vg_team_decide(e->team, first, live, frames, e->commands + first, NULL, 0);
            VG_TRY(vg_world_step(e->world, first, live, e->commands + first, frames, err));
            for (int32_t i = 0; i < live; i++) {
                const int32_t episode = round * envs + first + i;
                const vg_frame *frame = vg_frame_at(frames, i);
                const vg_tick *tick;
                VG_TRY(vg_team_absorb(e->team, first + i, frame, &tick, err));
                count_step(e, episode, step, tick);
                vg_guard_violations(&e->sums[episode].violations, vg_team_guard(e->team), frame);
                if (first + i == 0 && e->config->on_step)
                    e->config->on_step(e->config->context, episode, step, frame, vg_team_skeletons(e->team, first + i),
                                       tick->error.mpjpe_mm);
            }
        }
    }
    return VG_OK;
}

static void run_shard_task(void *context, int32_t task) {
    evaluation *e = context;
    run_shard(e, task, &e->shard_errors[task]);
}

static int compare_floats(const void *a, const void *b) {
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void summarise(vg_eval_result *out, const evaluation *e, double seconds) {
    const int32_t episodes = e->config->episodes;
    episode_sum all = {0};
    double mean_of_means = 0, square_of_means = 0;
    int32_t with_mean = 0;
    for (int32_t i = 0; i < episodes; i++) {
        const episode_sum *s = &e->sums[i];
        all.team_reward += s->team_reward, all.error_sum += s->error_sum;
        all.steps += s->steps, all.steps_estimated += s->steps_estimated, all.successes += s->successes;
        all.joints += s->joints, all.joints_lost += s->joints_lost, all.joints_within += s->joints_within;
        out->violations_box += s->violations.box;
        out->violations_camera_camera += s->violations.camera_camera;
        out->violations_camera_person += s->violations.camera_person;
        out->violations_camera_obstacle += s->violations.camera_obstacle;
        if (s->steps_estimated) {
            const double mean = s->error_sum / (double)s->steps_estimated;
            mean_of_means += mean, square_of_means += mean * mean, with_mean++;
        }
    }
    /* the quantiles are over the steps that have an estimate: move those to the front */
    int64_t n = 0;
    for (int64_t i = 0; i < (int64_t)episodes * e->steps; i++)
        if (!isnan(e->errors[i])) e->errors[n++] = e->errors[i];
    qsort(e->errors, (size_t)n, sizeof *e->errors, compare_floats);
    out->mpjpe_mm.mean = n ? all.error_sum / (double)n : (double)NAN;
    out->mpjpe_mm.median = n ? (double)e->errors[n / 2] : (double)NAN;
    out->mpjpe_mm.p95 = n ? (double)e->errors[n * 95 / 100] : (double)NAN;
    if (with_mean > 1) {
        const double mean = mean_of_means / with_mean;
        const double variance = (square_of_means - with_mean * mean * mean) / (with_mean - 1);
        out->mpjpe_mm.std = sqrt(variance > 0 ? variance : 0);
    }
    out->steps = all.steps;
    out->success_rate = (double)all.successes / (double)all.steps;
    out->pck150 = (double)all.joints_within / (double)all.joints;
    out->lost_joint_ratio = (double)all.joints_lost / (double)all.joints;
    out->team_reward = all.team_reward / (double)all.steps;
    out->steps_per_second = (double)all.steps / seconds;
}

static vg_status run_all(evaluation *e, vg_eval_result *out, vg_error *err) {
    const int32_t envs = e->world->info.envs, shards = vg_team_shards(e->team);
    const size_t bytes = vg_frame_bytes(e->world->info.dims);
    e->frames = aligned_alloc(64, bytes * (size_t)envs);
    e->commands = calloc((size_t)envs, sizeof *e->commands);
    e->errors = malloc(sizeof(float) * (size_t)e->config->episodes * (size_t)e->steps);
    e->sums = calloc((size_t)e->config->episodes, sizeof *e->sums);
    e->shard_errors = calloc((size_t)shards, sizeof *e->shard_errors);
    if (!e->frames || !e->commands || !e->errors || !e->sums || !e->shard_errors)
        return vg_fail(err, VG_NO_MEMORY, "not enough memory for %d episodes of %d steps", e->config->episodes,
                       e->steps);
    memset(e->frames, 0, bytes * (size_t)envs);
    for (int32_t i = 0; i < envs; i++)
        vg_frame_init((vg_frame *)(void *)((char *)e->frames + bytes * (size_t)i), e->world->info.dims, i);
    vg_pool *pool = NULL;
    VG_TRY(vg_pool_create(&pool, e->world->info.concurrent ? e->config->threads : 1, err));
    const int64_t start = vg_clock_now_ns();
    vg_pool_run(pool, run_shard_task, e, shards);
    const double seconds = (double)(vg_clock_now_ns() - start) * 1e-9;
    vg_pool_destroy(pool);
    for (int32_t i = 0; i < shards; i++)
        if (e->shard_errors[i].status) {
            *err = e->shard_errors[i];
            return err->status;
        }
    summarise(out, e, seconds);
    return VG_OK;
}

static vg_status check_config(const vg_eval_config *config, vg_error *err) {
    if (config->episodes < 1 || config->episodes > 100000)
        return vg_fail(err, VG_INVALID, "episodes is %d; it must be 1 to 100000", config->episodes);
    if (config->episode_steps < 0 || config->episode_steps > 1000000)
        return vg_fail(err, VG_INVALID, "episode steps is %d; it must be 0 (the default) to 1000000",
                       config->episode_steps);
    if (config->threads < 0 || config->threads > 256)
        return vg_fail(err, VG_INVALID, "threads is %d; it must be 0 (one a core) to 256", config->threads);
    return VG_OK;
}

/* Opens the world and the team that `config` asks for. */
static vg_status open_team(evaluation *e, vg_error *err) {
    vg_world_config world = e->config->world;
    if (strcmp(world.kind, "embedded") == 0) /* worlds elsewhere have as many as they have */
        world.envs = e->config->episodes < EVAL_ENVS_MAX ? e->config->episodes : EVAL_ENVS_MAX;
    if (e->policy) {
        VG_TRY(vg_policy_check(e->policy, world.cameras, world.people, world.preset, err));
        world.people = e->policy->task.people; /* the network's capacity; fewer may walk */
    }
    VG_TRY(vg_world_open(&e->world, &world, err));
    const vg_team_config team = {.world = &e->world->info,
                                 .preset = world.preset,
                                 .baseline = e->policy ? NULL : e->config->policy,
                                 .net = e->policy ? &e->policy->net->layout : NULL,
                                 .speed = e->policy ? e->policy->task.speed : 0,
                                 .seed = e->config->seed,
                                 .deterministic = true};
    VG_TRY(vg_team_create(&e->team, &team, err));
    if (e->policy) {
        const vg_net_config *net = &e->policy->net->layout.config;
        if (net->observation != vg_observation_size(world.preset, net->cameras, net->people) ||
            net->critic != vg_critic_size(net->cameras, net->people, net->axes) || net->axes != 3)
            return vg_fail(err, VG_VERSION,
                           "policy `%s` was written by a version with other observations; train it again",
                           e->config->policy);
        vg_team_use_net(e->team, e->policy->net, 0, 1);
    }
    return VG_OK;
}

vg_status vg_evaluate(vg_eval_result *out, const vg_eval_config *config, vg_error *err) {
    vg_error unused;
    if (!err) err = &unused;
    *out = (vg_eval_result){0};
    VG_TRY(check_config(config, err));
    evaluation e = {.config = config, .steps = config->episode_steps ? config->episode_steps : EVAL_STEPS_DEFAULT};
    vg_policy *policy = NULL;
    vg_baseline baseline;
    if (!vg_baseline_find(config->policy, &baseline)) VG_TRY(vg_policy_load(&policy, config->policy, err));
    e.policy = policy;
    vg_status status = open_team(&e, err);
    if (status == VG_OK) status = run_all(&e, out, err);
    if (status == VG_OK) {
        snprintf(out->policy, sizeof out->policy, "%s", config->policy);
        snprintf(out->scene, sizeof out->scene, "%s", e.world->info.scene);
        out->cameras = e.world->info.dims.cameras;
        out->people = config->world.people;
        out->episodes = config->episodes;
    }
    free(e.frames), free(e.commands), free(e.errors), free(e.sums), free(e.shard_errors);
    vg_team_destroy(e.team);
    vg_world_close(e.world);
    vg_policy_destroy(policy);
    return status;
}
