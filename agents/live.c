/* A live session: one environment, stepped at the pace of whoever calls, and a learner beside it. Experience and policies
 * change hands through two mailboxes (mailbox.h), so a slow update delays the next policy and never the next command.
 *
 *   tick thread      acts, fills one of three rollouts; a full one goes into the experience box
 *   learner thread   takes the newest full rollout, updates, puts a copy of the network into the policy box
 *
 * If the learner falls behind, the rollout in the box is overwritten by a newer one: old experience is dropped, not
 * queued. */
#include "agents/agents.h"

#include "agents/baselines.h"
#include "agents/checkpoint.h"
#include "agents/learner.h"
#include "agents/mailbox.h"
#include "agents/pool.h"
#include "agents/team.h"
#include "common/clock.h"
#include "common/random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A policy on its way from the learner to the tick. */
typedef struct policy_slot {
    vg_net *net;
    double value_mean, value_scale;
    vg_train_stats stats;
} policy_slot;

struct vg_live {
    vg_live_config config;
    vg_world *world;
    const vg_log *log;
    vg_team *team;
    vg_frame *frame;
    vg_command command;
    vg_policy *policy; /* what it began with; NULL: untrained, or a baseline */
    vg_live_stats stats;
    int32_t step;   /* of the episode */
    int64_t number; /* of the episode */
    /* learning */
    vg_rollout rollouts[3];
    policy_slot slots[3];
    vg_mailbox experience, policies;
    uint32_t filling, learning, acting, publishing; /* whose slot is whose */
    int32_t filled;                                 /* steps in the rollout being filled */
    vg_learner *learner;
    vg_pool *pool;
    vg_train_stats learned;
    vg_arena memory;
};

static void tell_seen(const vg_live *l) {
    if (l->config.seen) l->config.seen(l->config.context, l->frame, vg_team_skeletons(l->team, 0));
}

static vg_status begin_episode(vg_live *l, vg_error *err) {
    if (l->world->info.resettable) {
        vg_rng rng = vg_rng_at(l->config.train.seed, 0, (uint32_t)l->number, VG_DRAW_EPISODE);
        const int32_t most = l->config.train.people_max < l->world->info.dims.people ? l->config.train.people_max
                                                                                     : l->world->info.dims.people;
        const int32_t least = l->config.train.people_min < most ? l->config.train.people_min : most;
        const vg_reset reset = {.people = least + (int32_t)vg_rng_below(&rng, (uint32_t)(most - least + 1)),
                                .formation = l->config.policy && strcmp(l->config.policy, "fixed") == 0
                                                 ? VG_FORMATION_FIXED
                                                 : VG_FORMATION_START,
                                .seed = vg_rng_u64(&rng)};
        VG_TRY(vg_world_reset(l->world, 0, 1, &reset, l->frame, err));
    } else {
        VG_TRY(vg_world_step(l->world, 0, 1, &l->command, l->frame, err));
    }
    l->number++;
    l->step = 0;
    VG_TRY(vg_team_begin(l->team, 0, l->frame, err));
    tell_seen(l);
    return VG_OK;
}

/* Takes a fresh policy, if there is one, and acts by it from now on. */
static void take_policy(vg_live *l) {
    if (!l->config.learn || !vg_mailbox_take(&l->policies, &l->acting)) return;
    const policy_slot *slot = &l->slots[l->acting];
    vg_team_use_net(l->team, slot->net, slot->value_mean, slot->value_scale);
    l->stats.policies++;
    l->stats.learner = slot->stats;
}

static void count_tick(vg_live *l, const vg_tick *tick) {
    vg_live_stats *s = &l->stats;
    s->ticks++;
    s->team_reward = (double)tick->team_reward;
    s->mpjpe_mm = tick->error.estimated ? tick->error.mpjpe_mm : (double)NAN;
    s->guard_interventions += tick->guarded;
    s->joints_measured = s->joints_carried = s->joints_lost = 0;
    if (l->frame->target < 0) return;
    const vg_skeletons *skeletons = vg_team_skeletons(l->team, 0);
    const vg_joint *joints = vg_skeletons_joints(skeletons) + (int64_t)l->frame->target * skeletons->joints;
    for (int32_t j = 0; j < skeletons->joints; j++) {
        s->joints_measured += joints[j].state == VG_JOINT_MEASURED;
        s->joints_carried += joints[j].state == VG_JOINT_CARRIED;
        s->joints_lost += joints[j].state == VG_JOINT_LOST;
    }
}

/* Completes step `filled` of the rollout; hands the rollout over when it is full. */
static void record(vg_live *l, bool terminated, bool done) {
    vg_rollout *r = &l->rollouts[l->filling];
    vg_team_record(l->team, 0, l->frame, r, l->filled);
    r->terminated[l->filled] = terminated;
    r->done[l->filled] = done;
    if (done && !terminated) vg_team_value(l->team, 0, l->frame, r->final_value + (int64_t)l->filled * r->cameras);
    if (++l->filled < r->steps) return;
    vg_team_value(l->team, 0, l->frame, r->last_value);
    if (vg_mailbox_put(&l->experience, &l->filling))
        VG_DEBUGF(l->log, "the learner is behind: older experience dropped");
    l->filled = 0;
}

vg_status vg_live_tick(vg_live *l, vg_live_stats *stats, vg_error *err) {
    vg_error unused;
    if (!err) err = &unused;
    if (!l->number) VG_TRY(begin_episode(l, err));
    take_policy(l);
    const int64_t start = vg_clock_now_ns();
    vg_team_decide(l->team, 0, 1, l->frame, &l->command, l->config.learn ? &l->rollouts[l->filling] : NULL, l->filled);
    const int64_t decided = vg_clock_now_ns();
    VG_TRY(vg_world_step(l->world, 0, 1, &l->command, l->frame, err));
    const int64_t stepped = vg_clock_now_ns();
    const vg_tick *tick;
    VG_TRY(vg_team_absorb(l->team, 0, l->frame, &tick, err));
    tell_seen(l);
    l->step++;
    count_tick(l, tick);
    const bool terminated = (l->frame->flags & VG_FRAME_TERMINATED) != 0;
    const bool cut = (l->frame->flags & VG_FRAME_TRUNCATED) ||
                     (l->world->info.resettable && l->step >= l->config.train.episode_steps);
    if (l->config.learn) record(l, terminated, terminated || cut);
    l->stats.decide_seconds = (double)(decided - start + vg_clock_now_ns() - stepped) * 1e-9;
    if (terminated || cut) {
        l->stats.episodes++;
        VG_TRY(begin_episode(l, err));
    }
    *stats = l->stats;
    return VG_OK;
}

static void publish(vg_live *l) {
    policy_slot *slot = &l->slots[l->publishing];
    const vg_net *net = vg_learner_net(l->learner);
    memcpy(slot->net->p, net->p, net->layout.size * sizeof(float));
    slot->value_mean = vg_learner_denormalise(l->learner, 0);
    slot->value_scale = vg_learner_denormalise(l->learner, 1) - slot->value_mean;
    slot->stats = l->learned;
    vg_mailbox_put(&l->policies, &l->publishing);
}

vg_status vg_live_learner_run(vg_live *l, const atomic_bool *stop, vg_error *err) {
    if (!l->config.learn) return vg_fail(err, VG_INVALID, "live.learn is false; there is nothing to learn");
    while (!atomic_load(stop)) {
        if (!vg_mailbox_take(&l->experience, &l->learning)) {
            vg_clock_sleep_until_ns(vg_clock_now_ns() + 5000000);
            continue;
        }
        const int64_t start = vg_clock_now_ns();
        vg_rollout *r = &l->rollouts[l->learning];
        vg_rollout_finish(r, l->config.train.discount, l->config.train.gae_lambda);
        vg_learner_stats learned;
        vg_learner_update(l->learner, &r->batch, l->config.train.learning_rate_end, &learned);
        vg_train_stats *s = &l->learned;
        vg_train_stats_learned(s, &learned);
        s->updates++;
        s->env_steps += r->steps, s->agent_steps += (int64_t)r->steps * r->cameras;
        s->trained_samples += learned.samples;
        s->learning_rate = l->config.train.learning_rate_end;
        s->learn_seconds = (double)(vg_clock_now_ns() - start) * 1e-9;
        publish(l);
    }
    return VG_OK;
}

/* ---- life ------------------------------------------------------------------------------------------------------------ */

static vg_status create_learner(vg_live *l, const vg_net_config *net, vg_error *err) {
    const vg_train_config *c = &l->config.train;
    const vg_learner_config learner = vg_learner_config_of(c);
    for (int i = 0; i < 3; i++) VG_TRY(vg_rollout_create(&l->rollouts[i], net, 1, c->rollout_steps, err));
    VG_TRY(vg_pool_create(&l->pool, 1, err)); /* the learner's own thread is the only one: the tick keeps its core */
    VG_TRY(vg_learner_create(&l->learner, net, &learner, VG_SEQUENCE_STEPS, l->rollouts[0].batch.S, l->pool, c->seed,
                             err));
    if (l->policy)
        memcpy(vg_learner_net(l->learner)->p, l->policy->net->p, l->policy->net->layout.size * sizeof(float));
    return VG_OK;
}

static vg_status create_parts(vg_live *l, vg_error *err) {
    const vg_live_config *c = &l->config;
    const vg_world_info *w = &l->world->info;
    vg_baseline baseline;
    const bool is_baseline = c->policy && vg_baseline_find(c->policy, &baseline);
    if (is_baseline && c->learn)
        return vg_fail(err, VG_INVALID, "live.policy is `%s` and live.learn is true; a baseline cannot learn",
                       c->policy);
    if (w->envs != 1) return vg_fail(err, VG_INVALID, "world.envs is %d; a live session has one environment", w->envs);
    if (!is_baseline && c->policy && c->policy[0]) {
        VG_TRY(vg_policy_load(&l->policy, c->policy, err));
        VG_TRY(vg_policy_check(l->policy, w->dims.cameras, w->dims.people, c->train.preset, err));
        if (l->policy->task.people != w->dims.people)
            return vg_fail(err, VG_INVALID,
                           "the policy has room for %d people, the world for %d; set world.people to %d",
                           l->policy->task.people, w->dims.people, l->policy->task.people);
    }
    const vg_net_config net = l->policy ? l->policy->net->layout.config : vg_team_net_config(w, &c->train);
    if (!is_baseline)
        for (int i = 0; i < 3; i++) {
            VG_TRY(vg_net_create(&l->slots[i].net, &net, c->train.seed, err));
            l->slots[i].value_scale = 1;
            if (l->policy) memcpy(l->slots[i].net->p, l->policy->net->p, l->policy->net->layout.size * sizeof(float));
        }
    const vg_team_config team = {.world = w,
                                 .preset = c->train.preset,
                                 .baseline = is_baseline ? c->policy : NULL,
                                 .net = is_baseline ? NULL : &l->slots[0].net->layout,
                                 .speed = l->policy ? l->policy->task.speed : c->train.speed,
                                 .shapley = c->train.ctcr,
                                 .deterministic = !c->learn,
                                 .seed = c->train.seed};
    VG_TRY(vg_team_create(&l->team, &team, err));
    l->filling = VG_MAILBOX_WRITER_FIRST, l->learning = VG_MAILBOX_READER_FIRST;
    l->publishing = VG_MAILBOX_WRITER_FIRST, l->acting = VG_MAILBOX_READER_FIRST;
    vg_mailbox_init(&l->experience), vg_mailbox_init(&l->policies);
    if (!is_baseline) vg_team_use_net(l->team, l->slots[l->acting].net, 0, 1);
    if (c->learn) VG_TRY(create_learner(l, &net, err));
    VG_TRY(vg_arena_create(&l->memory, vg_frame_bytes(w->dims), err));
    l->frame = vg_arena_alloc(&l->memory, vg_frame_bytes(w->dims));
    vg_frame_init(l->frame, w->dims, 0);
    return VG_OK;
}

vg_status vg_live_create(vg_live **out, const vg_live_config *config, vg_world *world, const vg_log *log,
                         vg_error *err) {
    *out = NULL;
    VG_TRY(vg_train_config_check(&config->train, err));
    vg_live *l = calloc(1, sizeof *l);
    if (!l) return vg_fail(err, VG_NO_MEMORY, "live session: out of memory");
    l->config = *config, l->world = world, l->log = log;
    l->stats.mpjpe_mm = (double)NAN;
    l->command.cameras = world->info.dims.cameras;
    const vg_status status = create_parts(l, err);
    if (status)
        vg_live_destroy(l);
    else
        *out = l;
    return status;
}

vg_status vg_live_save(const vg_live *l, const char *folder, vg_error *err) {
    if (!l->slots[0].net) return VG_OK; /* a baseline has nothing to keep */
    const vg_world_info *w = &l->world->info;
    const vg_policy_task task = {l->config.train.preset, w->dims.cameras, w->dims.people, w->dims.joints,
                                 l->policy ? l->policy->task.speed : l->config.train.speed};
    char path[4096];
    snprintf(path, sizeof path, "%s/policy.vgc", folder);
    return vg_policy_save(path, &task, l->learner ? vg_learner_net(l->learner) : l->slots[l->acting].net, err);
}

void vg_live_destroy(vg_live *l) {
    if (!l) return;
    vg_team_destroy(l->team);
    vg_learner_destroy(l->learner);
    vg_pool_destroy(l->pool);
    for (int i = 0; i < 3; i++) {
        vg_rollout_destroy(&l->rollouts[i]);
        vg_net_destroy(l->slots[i].net);
    }
    vg_policy_destroy(l->policy);
    vg_arena_destroy(&l->memory);
    free(l);
}
