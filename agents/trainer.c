/* Training: rollouts and updates in turn. Each shard of environments is rolled out by one task from the first to the last
 * step, so nothing depends on how many threads run the tasks. Episodes that end inside a rollout are begun anew at once;
 * an episode that is cut (its length is up) is bootstrapped from the value of its last state, one that the task ends (the
 * paper preset's lost target) is not. */
#include "agents/agents.h"

#include "agents/checkpoint.h"
#include "agents/learner.h"
#include "agents/pool.h"
#include "agents/team.h"
#include "common/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Sums over a rollout, per shard, so that they can be added in a fixed order. */
typedef struct shard_sums {
    double team_reward, agent_reward, error_mm;
    int64_t steps, steps_estimated, joints, joints_lost, successes, episodes, guard_interventions;
    vg_error err;
} shard_sums;

/* Where each environment's episode stands. */
typedef struct episode {
    int64_t number; /* episodes this environment has begun */
    int32_t step;   /* steps taken */
    int32_t lost;   /* net steps with most of the target's joints lost (paper preset) */
} episode;

struct vg_trainer {
    vg_train_config config;
    vg_world *world;
    const vg_log *log;
    vg_pool *pool;
    vg_learner *learner;
    vg_team *team;
    vg_rollout rollout;
    vg_frame *frames;     /* [E] */
    vg_command *commands; /* [E] */
    episode *episodes;    /* [E] */
    shard_sums *sums;     /* [shards] */
    bool begun;           /* the environments have been reset */
    int64_t env_steps, updates, episodes_done, trained_samples;
    vg_arena memory;
};

/* The reference ends an episode once 55 % of the target's joints have been lost for 20 net steps. */
enum { LOST_STEPS_END = 20 };
static const double lost_share_end = 0.55;

static vg_reset next_reset(const vg_trainer *t, int32_t env) {
    vg_rng rng = vg_rng_at(t->config.seed, (uint32_t)env, (uint32_t)t->episodes[env].number, VG_DRAW_EPISODE);
    const uint32_t range = (uint32_t)(t->config.people_max - t->config.people_min + 1);
    return (vg_reset){.people = t->config.people_min + (int32_t)vg_rng_below(&rng, range),
                      .formation = VG_FORMATION_START,
                      .seed = vg_rng_u64(&rng)};
}

static vg_status begin_episode(vg_trainer *t, int32_t env, vg_error *err) {
    vg_frame *frame = vg_frame_at(t->frames, env);
    const vg_reset reset = next_reset(t, env);
    VG_TRY(vg_world_reset(t->world, env, 1, &reset, frame, err));
    t->episodes[env].number++;
    t->episodes[env].step = 0;
    t->episodes[env].lost = 0;
    vg_team_begin(t->team, env, frame);
    return VG_OK;
}

/* Whether this step ended the episode, and how. */
static void judge_end(vg_trainer *t, int32_t env, const vg_frame *frame, const vg_tick *tick, bool *terminated,
                      bool *done) {
    episode *e = &t->episodes[env];
    e->step++;
    *terminated = (frame->flags & VG_FRAME_TERMINATED) != 0;
    if (t->config.preset == VG_PRESET_PAPER) {
        const int32_t joints = tick->error.estimated + tick->error.lost;
        if (tick->error.lost >= lost_share_end * joints)
            e->lost++;
        else if (e->lost > 0)
            e->lost--;
        if (e->lost >= LOST_STEPS_END) *terminated = true;
    }
    *done = *terminated || (frame->flags & VG_FRAME_TRUNCATED) || e->step >= t->config.episode_steps;
}

static void count_tick(shard_sums *sums, const vg_tick *tick, int32_t cameras) {
    sums->steps++;
    sums->team_reward += (double)tick->team_reward;
    for (int32_t c = 0; c < cameras; c++) sums->agent_reward += (double)tick->agent_reward[c] / cameras;
    sums->joints += tick->error.estimated + tick->error.lost;
    sums->joints_lost += tick->error.lost;
    sums->guard_interventions += tick->guard_interventions;
    if (!tick->error.estimated) return;
    sums->steps_estimated++;
    sums->error_mm += tick->error.mpjpe_mm;
    sums->successes += tick->error.mpjpe_mm <= 200;
}

/* One step of one environment after the world has moved: what it was worth, and what the learner needs of it. */
static vg_status finish_step(vg_trainer *t, int32_t env, int32_t step, shard_sums *sums, vg_error *err) {
    const int32_t E = t->rollout.envs, C = t->rollout.cameras;
    const vg_frame *frame = vg_frame_at(t->frames, env);
    const vg_tick *tick = vg_team_absorb(t->team, env, frame);
    vg_team_record(t->team, env, frame, &t->rollout, step);
    count_tick(sums, tick, C);
    bool terminated, done;
    judge_end(t, env, frame, tick, &terminated, &done);
    t->rollout.terminated[(int64_t)step * E + env] = terminated;
    t->rollout.done[(int64_t)step * E + env] = done;
    if (!done) return VG_OK;
    sums->episodes++;
    if (!terminated) vg_team_value(t->team, env, t->rollout.final_value + ((int64_t)step * E + env) * C);
    return begin_episode(t, env, err);
}

static vg_status roll_out_shard(vg_trainer *t, int32_t shard, shard_sums *sums, vg_error *err) {
    const int32_t envs = t->world->info.envs, first = shard * VG_SHARD_ENVS;
    const int32_t count = first + VG_SHARD_ENVS <= envs ? VG_SHARD_ENVS : envs - first;
    if (!t->begun)
        for (int32_t env = first; env < first + count; env++) VG_TRY(begin_episode(t, env, err));
    vg_frame *frames = vg_frame_at(t->frames, first);
    for (int32_t step = 0; step < t->rollout.steps; step++) {
        vg_team_decide(t->team, first, count, frames, t->commands + first, &t->rollout, step);
        VG_TRY(vg_world_step(t->world, first, count, t->commands + first, frames, err));
        for (int32_t env = first; env < first + count; env++) VG_TRY(finish_step(t, env, step, sums, err));
    }
    for (int32_t env = first; env < first + count; env++)
        vg_team_value(t->team, env, t->rollout.last_value + (int64_t)env * t->rollout.cameras);
    return VG_OK;
}

static void roll_out_task(void *context, int32_t shard) {
    vg_trainer *t = context;
    t->sums[shard] = (shard_sums){0};
    roll_out_shard(t, shard, &t->sums[shard], &t->sums[shard].err);
}

/* Adds the shards' sums in their order and turns them into means. */
static vg_status summarise_rollout(vg_trainer *t, vg_train_stats *stats, vg_error *err) {
    shard_sums all = {0};
    for (int32_t i = 0; i < vg_team_shards(t->team); i++) {
        const shard_sums *s = &t->sums[i];
        if (s->err.status) {
            *err = s->err;
            return err->status;
        }
        all.team_reward += s->team_reward, all.agent_reward += s->agent_reward, all.error_mm += s->error_mm;
        all.steps += s->steps, all.steps_estimated += s->steps_estimated, all.successes += s->successes;
        all.joints += s->joints, all.joints_lost += s->joints_lost, all.episodes += s->episodes;
        all.guard_interventions += s->guard_interventions;
    }
    t->env_steps += all.steps;
    t->episodes_done += all.episodes;
    stats->env_steps = t->env_steps;
    stats->agent_steps = t->env_steps * t->rollout.cameras;
    stats->episodes = t->episodes_done;
    stats->team_reward = all.team_reward / (double)all.steps;
    stats->agent_reward = all.agent_reward / (double)all.steps;
    stats->mpjpe_mm = all.steps_estimated ? all.error_mm / (double)all.steps_estimated : NAN;
    stats->lost_joint_ratio = all.joints ? (double)all.joints_lost / (double)all.joints : 0;
    stats->success_rate = (double)all.successes / (double)all.steps;
    stats->guard_interventions = all.guard_interventions;
    return VG_OK;
}
