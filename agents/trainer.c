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
#include "common/random.h"

#include <math.h>
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
    struct counters {
        int64_t env_steps, updates, episodes, trained_samples;
    } count;
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

/* Environments that begin together would go on ending together, and every update see one phase of the episode only. So the
 * first episode of each is shorter than that of the one before it; the reference does not do so. */
static int32_t first_step(const vg_trainer *t, int32_t env) {
    if (t->config.preset == VG_PRESET_PAPER) return 0;
    return (int32_t)((int64_t)t->config.episode_steps * env / t->world->info.envs);
}

static vg_status begin_episode(vg_trainer *t, int32_t env, vg_error *err) {
    vg_frame *frame = vg_frame_at(t->frames, env);
    const vg_reset reset = next_reset(t, env);
    VG_TRY(vg_world_reset(t->world, env, 1, &reset, frame, err));
    t->episodes[env].step = t->episodes[env].number == 0 ? first_step(t, env) : 0;
    t->episodes[env].number++;
    t->episodes[env].lost = 0;
    return vg_team_begin(t->team, env, frame, err);
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
    sums->guard_interventions += tick->guarded;
    if (!tick->error.estimated) return;
    sums->steps_estimated++;
    sums->error_mm += tick->error.mpjpe_mm;
    sums->successes += tick->error.mpjpe_mm <= 200;
}

/* One step of one environment after the world has moved: what it was worth, and what the learner needs of it. */
static vg_status finish_step(vg_trainer *t, int32_t env, int32_t step, shard_sums *sums, vg_error *err) {
    const int32_t E = t->rollout.envs, C = t->rollout.cameras;
    vg_frame *frame = vg_frame_at(t->frames, env);
    const vg_tick *tick;
    VG_TRY(vg_team_absorb(t->team, env, frame, &tick, err));
    vg_team_record(t->team, env, frame, &t->rollout, step);
    count_tick(sums, tick, C);
    bool terminated, done;
    judge_end(t, env, frame, tick, &terminated, &done);
    t->rollout.terminated[(int64_t)step * E + env] = terminated;
    t->rollout.done[(int64_t)step * E + env] = done;
    if (!done) return VG_OK;
    sums->episodes++;
    if (!terminated) vg_team_value(t->team, env, frame, t->rollout.final_value + ((int64_t)step * E + env) * C);
    return begin_episode(t, env, err);
}

static vg_status roll_out_shard(vg_trainer *t, int32_t shard, shard_sums *sums, vg_error *err) {
    const int32_t first = vg_team_shard_first(t->team, shard), count = vg_team_shard_count(t->team, shard);
    if (!t->begun)
        for (int32_t env = first; env < first + count; env++) VG_TRY(begin_episode(t, env, err));
    vg_frame *frames = vg_frame_at(t->frames, first);
    for (int32_t step = 0; step < t->rollout.steps; step++) {
        vg_team_decide(t->team, first, count, frames, t->commands + first, &t->rollout, step);
        VG_TRY(vg_world_step(t->world, first, count, t->commands + first, frames, err));
        for (int32_t env = first; env < first + count; env++) VG_TRY(finish_step(t, env, step, sums, err));
    }
    for (int32_t env = first; env < first + count; env++)
        vg_team_value(t->team, env, vg_frame_at(t->frames, env),
                      t->rollout.last_value + (int64_t)env * t->rollout.cameras);
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
    t->count.env_steps += all.steps;
    t->count.episodes += all.episodes;
    stats->env_steps = t->count.env_steps;
    stats->agent_steps = t->count.env_steps * t->rollout.cameras;
    stats->episodes = t->count.episodes;
    stats->team_reward = all.team_reward / (double)all.steps;
    stats->agent_reward = all.agent_reward / (double)all.steps;
    stats->mpjpe_mm = all.steps_estimated ? all.error_mm / (double)all.steps_estimated : (double)NAN;
    stats->lost_joint_ratio = all.joints ? (double)all.joints_lost / (double)all.joints : 0;
    stats->success_rate = (double)all.successes / (double)all.steps;
    stats->guard_interventions = all.guard_interventions;
    return VG_OK;
}

/* ---- one iteration --------------------------------------------------------------------------------------------------- */

/* Linear in steps; under the paper preset the reference's schedule, scaled to begin at the configured rate. */
static double learning_rate(const vg_trainer *t) {
    const vg_train_config *c = &t->config;
    if (c->preset == VG_PRESET_PAPER)
        return c->learning_rate * vg_learning_rate_paper(t->count.env_steps) / vg_learning_rate_paper(0);
    const double done = fmin(1, (double)t->count.env_steps / (double)c->steps);
    return c->learning_rate + (c->learning_rate_end - c->learning_rate) * done;
}

static void use_current_net(vg_trainer *t) {
    const double mean = vg_learner_denormalise(t->learner, 0);
    vg_team_use_net(t->team, vg_learner_net(t->learner), mean, vg_learner_denormalise(t->learner, 1) - mean);
}

vg_status vg_trainer_iterate(vg_trainer *t, vg_train_stats *stats, vg_error *err) {
    vg_error unused;
    if (!err) err = &unused;
    *stats = (vg_train_stats){0};
    const int64_t start = vg_clock_now_ns();
    use_current_net(t);
    /* a world that is not safe to step from several threads is stepped by this one, shard after shard */
    if (t->world->info.concurrent)
        vg_pool_run(t->pool, roll_out_task, t, vg_team_shards(t->team));
    else
        for (int32_t shard = 0; shard < vg_team_shards(t->team); shard++) roll_out_task(t, shard);
    VG_TRY(summarise_rollout(t, stats, err));
    t->begun = true;
    vg_rollout_finish(&t->rollout, t->config.discount, t->config.gae_lambda);
    const int64_t middle = vg_clock_now_ns();
    stats->learning_rate = learning_rate(t);
    vg_learner_stats learned;
    vg_learner_update(t->learner, &t->rollout.batch, stats->learning_rate, &learned);
    t->count.updates++;
    t->count.trained_samples += learned.samples;
    vg_train_stats_learned(stats, &learned);
    stats->updates = t->count.updates;
    stats->trained_samples = t->count.trained_samples;
    stats->rollout_seconds = (double)(middle - start) * 1e-9;
    stats->learn_seconds = (double)(vg_clock_now_ns() - middle) * 1e-9;
    if (learned.skipped_updates)
        VG_WARNF(t->log, "%lld minibatches so far had a gradient that is not finite and were skipped",
                 (long long)learned.skipped_updates);
    return VG_OK;
}

bool vg_trainer_done(const vg_trainer *t) {
    return t->count.env_steps >= t->config.steps;
}

/* ---- life ------------------------------------------------------------------------------------------------------------ */

static vg_status check_world(const vg_train_config *c, const vg_world *world, vg_error *err) {
    const vg_world_info *w = &world->info;
    if (!w->resettable)
        return vg_fail(err, VG_UNSUPPORTED, "world %s cannot be reset; training needs episodes (use a live session)",
                       w->name);
    if (c->people_max > w->dims.people)
        return vg_fail(err, VG_INVALID, "train.people_max is %d; the world has room for %d people", c->people_max,
                       w->dims.people);
    return VG_OK;
}

static void plan(vg_trainer *t, vg_arena *a) {
    const size_t E = (size_t)t->world->info.envs;
    t->frames = vg_arena_alloc(a, E * vg_frame_bytes(t->world->info.dims));
    t->commands = VG_ARENA_NEW(a, vg_command, E);
    t->episodes = VG_ARENA_NEW(a, episode, E);
    t->sums = VG_ARENA_NEW(a, shard_sums, E);
}

static vg_status create_parts(vg_trainer *t, vg_error *err) {
    const vg_train_config *c = &t->config;
    const vg_world_info *w = &t->world->info;
    VG_TRY(vg_pool_create(&t->pool, c->threads, err));
    const vg_net_config net = vg_team_net_config(w, c);
    VG_TRY(vg_rollout_create(&t->rollout, &net, w->envs, c->rollout_steps, err));
    const vg_learner_config learner = vg_learner_config_of(c);
    VG_TRY(
        vg_learner_create(&t->learner, &net, &learner, VG_SEQUENCE_STEPS, t->rollout.batch.S, t->pool, c->seed, err));
    const vg_team_config team = {.world = w,
                                 .preset = c->preset,
                                 .net = &vg_learner_net(t->learner)->layout,
                                 .speed = c->speed,
                                 .shapley = c->ctcr,
                                 .seed = c->seed};
    VG_TRY(vg_team_create(&t->team, &team, err));
    vg_arena measure = {0};
    plan(t, &measure);
    VG_TRY(vg_arena_create(&t->memory, measure.used, err));
    plan(t, &t->memory);
    const size_t bytes = vg_frame_bytes(w->dims);
    for (int32_t e = 0; e < w->envs; e++)
        vg_frame_init((vg_frame *)(void *)((char *)t->frames + bytes * (size_t)e), w->dims, e);
    return VG_OK;
}

vg_status vg_trainer_create(vg_trainer **out, const vg_train_config *config, vg_world *world, const vg_log *log,
                            vg_error *err) {
    *out = NULL;
    VG_TRY(vg_train_config_check(config, err));
    VG_TRY(check_world(config, world, err));
    vg_trainer *t = calloc(1, sizeof *t);
    if (!t) return vg_fail(err, VG_NO_MEMORY, "trainer: out of memory");
    t->config = *config, t->world = world, t->log = log;
    const vg_status status = create_parts(t, err);
    if (status)
        vg_trainer_destroy(t);
    else
        *out = t;
    return status;
}

void vg_trainer_destroy(vg_trainer *t) {
    if (!t) return;
    vg_team_destroy(t->team);
    vg_learner_destroy(t->learner);
    vg_rollout_destroy(&t->rollout);
    vg_pool_destroy(t->pool);
    vg_arena_destroy(&t->memory);
    free(t);
}

/* ---- checkpoints ----------------------------------------------------------------------------------------------------- */

/* Bytes of what one environment needs to go on: its frame, episode, team state and world state. */
static size_t env_bytes(const vg_trainer *t) {
    return (size_t)t->frames->bytes + sizeof(episode) + vg_team_state_bytes(t->team) + vg_world_state_bytes(t->world);
}

enum { IDENTITY_BYTES = 1024 };

/* What must be the same in the run that goes on, as text. Threads do not matter, nor how far training shall go. */
static void identity(const vg_trainer *t, char out[IDENTITY_BYTES]) {
    const vg_train_config *c = &t->config;
    const vg_world_info *w = &t->world->info;
    memset(out, 0, IDENTITY_BYTES);
    snprintf(out, IDENTITY_BYTES,
             "preset %d mode %s seed %llu envs %d cameras %d people %d joints %d scene %s rollout %d episode %d people "
             "%d..%d "
             "hidden %d recurrent %d speed %.17g epochs %d minibatches %d rate %.17g..%.17g discount %.17g lambda "
             "%.17g clip "
             "%.17g kl %.17g target %.17g value %.17g entropy %.17g gradient %.17g normalise %d",
             c->preset, vg_train_mode_text(c), (unsigned long long)c->seed, w->envs, w->dims.cameras, w->dims.people,
             w->dims.joints, w->scene, c->rollout_steps, c->episode_steps, c->people_min, c->people_max, c->hidden,
             c->recurrent, c->speed, c->epochs, c->minibatches, c->learning_rate, c->learning_rate_end, c->discount,
             c->gae_lambda, c->clip, c->kl_coefficient, c->kl_target, c->value_weight, c->entropy_weight,
             c->gradient_clip, c->normalise_values);
}

static vg_status save_environments(const vg_trainer *t, char *out, vg_error *err) {
    for (int32_t e = 0; e < t->world->info.envs; e++) {
        const vg_frame *frame = vg_frame_at(t->frames, e);
        memcpy(out, frame, frame->bytes), out += frame->bytes;
        memcpy(out, &t->episodes[e], sizeof(episode)), out += sizeof(episode);
        vg_team_save_state(t->team, e, out), out += vg_team_state_bytes(t->team);
        VG_TRY(vg_world_save_state(t->world, e, out, err));
        out += vg_world_state_bytes(t->world);
    }
    return VG_OK;
}

static vg_status load_environments(vg_trainer *t, const char *in, vg_error *err) {
    for (int32_t e = 0; e < t->world->info.envs; e++) {
        vg_frame *frame = vg_frame_at(t->frames, e);
        const vg_frame *saved = (const vg_frame *)(const void *)in;
        if (saved->bytes != frame->bytes || memcmp(&saved->dims, &frame->dims, sizeof frame->dims) != 0)
            return vg_fail(err, VG_CORRUPT, "section environments: the frame of environment %d has another shape", e);
        const size_t frame_bytes = frame->bytes;
        memcpy(frame, in, frame_bytes), in += frame_bytes;
        memcpy(&t->episodes[e], in, sizeof(episode)), in += sizeof(episode);
        vg_team_load_state(t->team, e, in), in += vg_team_state_bytes(t->team);
        VG_TRY(vg_world_load_state(t->world, e, in, err));
        in += vg_world_state_bytes(t->world);
    }
    return VG_OK;
}

static vg_policy_task task_of(const vg_trainer *t) {
    const vg_world_info *w = &t->world->info;
    return (vg_policy_task){t->config.preset, w->dims.cameras, w->dims.people, w->dims.joints, t->config.speed};
}

vg_status vg_trainer_save(const vg_trainer *t, const char *folder, vg_error *err) {
    char path[4096];
    const size_t learner_bytes = vg_learner_state_bytes(t->learner);
    const bool with_envs = t->begun && vg_world_state_bytes(t->world) > 0;
    const size_t envs_bytes = with_envs ? env_bytes(t) * (size_t)t->world->info.envs : 0;
    char *learner = malloc(learner_bytes), *envs = calloc(1, envs_bytes + 1);
    vg_status status =
        learner && envs ? VG_OK : vg_fail(err, VG_NO_MEMORY, "%s: out of memory for the checkpoint", folder);
    if (status == VG_OK && with_envs) status = save_environments(t, envs, err);
    if (status == VG_OK) {
        vg_learner_save_state(t->learner, learner);
        char run[IDENTITY_BYTES];
        identity(t, run);
        const vg_policy_task task = task_of(t);
        vg_checkpoint_writer w = {0};
        vg_checkpoint_add(&w, "train.run", run, sizeof run);
        vg_checkpoint_add(&w, "train.counters", &t->count, sizeof t->count);
        vg_checkpoint_add(&w, "train.learner", learner, learner_bytes);
        if (with_envs) vg_checkpoint_add(&w, "train.environments", envs, envs_bytes);
        snprintf(path, sizeof path, "%s/checkpoint.vgc", folder);
        status = vg_checkpoint_write(&w, path, err);
        snprintf(path, sizeof path, "%s/policy.vgc", folder);
        if (status == VG_OK) status = vg_policy_save(path, &task, vg_learner_net(t->learner), err);
    }
    free(learner), free(envs);
    return status;
}

static vg_status resume_from(vg_trainer *t, const vg_checkpoint *file, const char *path, vg_error *err) {
    const void *run, *counters, *learner, *envs = NULL;
    VG_TRY(vg_checkpoint_get(file, "train.run", IDENTITY_BYTES, &run, err));
    VG_TRY(vg_checkpoint_get(file, "train.counters", sizeof t->count, &counters, err));
    char own[IDENTITY_BYTES];
    identity(t, own);
    if (memcmp(run, own, sizeof own) != 0)
        return vg_fail(err, VG_INVALID,
                       "%s was written by a run with another configuration; resume with that run's own config.yaml",
                       path);
    VG_TRY(vg_checkpoint_get(file, "train.learner", vg_learner_state_bytes(t->learner), &learner, err));
    const size_t wanted = env_bytes(t) * (size_t)t->world->info.envs;
    const bool with_envs = vg_checkpoint_bytes(file, "train.environments") > 0 && vg_world_state_bytes(t->world) > 0;
    if (with_envs) VG_TRY(vg_checkpoint_get(file, "train.environments", wanted, &envs, err));
    if (with_envs) VG_TRY(load_environments(t, envs, err));
    memcpy(&t->count, counters, sizeof t->count);
    vg_learner_load_state(t->learner, learner);
    t->begun = with_envs;
    if (!with_envs) VG_WARNF(t->log, "%s: this world keeps no state; going on with new episodes", path);
    return VG_OK;
}

vg_status vg_trainer_resume(vg_trainer *t, const char *folder, vg_error *err) {
    char path[4096];
    snprintf(path, sizeof path, "%s/checkpoint.vgc", folder);
    vg_checkpoint *file;
    VG_TRY(vg_checkpoint_open(&file, path, err));
    const vg_status status = resume_from(t, file, path, err);
    vg_checkpoint_close(file);
    return status;
}
