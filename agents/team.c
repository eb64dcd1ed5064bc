/* The tick. */
#include "agents/team.h"

#include "agents/action.h"
#include "agents/baselines.h"
#include "agents/observe.h"
#include "common/random.h"
#include "perception/perception.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What an environment carries from step to step, besides its filters and recurrent state. */
typedef struct env_state {
    int64_t step;   /* steps since the team began, over episodes: the counter of the action draws */
    float aim[3];   /* where the target is believed to be */
    int32_t begins; /* the next decision is the first of an episode */
} env_state;

struct vg_team {
    vg_team_config config;
    vg_world_info world; /* a copy, so that nothing dangles */
    vg_guard guard;
    vg_action_space space;
    vg_baseline baseline;
    vg_perception *perception;
    const vg_net *net;
    double value_mean, value_scale;
    int32_t E, C, P, D, K, H, A;
    vg_net_room **rooms;          /* [shards] */
    env_state *state;             /* [E] */
    vg_tick *ticks;               /* [E] */
    vg_skeletons *skeletons;      /* [E] blocks */
    float *observations;          /* [E, C, D] */
    float *h, *c;                 /* [E, C, H] */
    float *scratch_h, *scratch_c; /* [E, C, H] for values that must not move the state on */
    float *poses;                 /* [E, C, 8] */
    float *places, *mask;         /* [E, P, 2], [E, P] */
    vg_order *order, *acted;      /* [E, C] of the last frame, and of the one that was last decided on */
    vg_motion *motion;            /* [E, C] */
    vg_whereabouts *whereabouts;  /* [E, P] */
    float *moves;                 /* [E, C, A] */
    vg_arena memory;
};

vg_net_config vg_team_net_config(const vg_world_info *world, const vg_train_config *config) {
    const int32_t C = world->dims.cameras, P = world->dims.people, axes = 3;
    vg_net_config net =
        vg_net_config_default(C, P, vg_observation_size(config->preset, C, P), vg_critic_size(C, P, axes));
    net.hidden = config->hidden;
    net.recurrent = config->recurrent;
    net.world_heads = config->wdl;
    return net;
}

static void plan(vg_team *t, vg_arena *a) {
    const size_t E = (size_t)t->E, C = (size_t)t->C, P = (size_t)t->P, H = (size_t)t->H;
    const size_t shards = (size_t)vg_team_shards(t);
    t->rooms = VG_ARENA_NEW(a, vg_net_room *, shards);
    t->state = VG_ARENA_NEW(a, env_state, E);
    t->ticks = VG_ARENA_NEW(a, vg_tick, E);
    t->skeletons = vg_arena_alloc(a, E * vg_skeletons_bytes(t->P, t->world.dims.joints));
    t->observations = VG_ARENA_NEW(a, float, E *C *(size_t)t->D);
    t->h = VG_ARENA_NEW(a, float, E *C *H), t->c = VG_ARENA_NEW(a, float, E *C *H);
    t->scratch_h = VG_ARENA_NEW(a, float, E *C *H), t->scratch_c = VG_ARENA_NEW(a, float, E *C *H);
    t->poses = VG_ARENA_NEW(a, float, E *C *VG_POSE_NUMBERS);
    t->places = VG_ARENA_NEW(a, float, E *P * 2), t->mask = VG_ARENA_NEW(a, float, E *P);
    t->order = VG_ARENA_NEW(a, vg_order, E * C), t->acted = VG_ARENA_NEW(a, vg_order, E * C);
    t->motion = VG_ARENA_NEW(a, vg_motion, E * C);
    t->whereabouts = VG_ARENA_NEW(a, vg_whereabouts, E * P);
    t->moves = VG_ARENA_NEW(a, float, E *C *(size_t)t->A);
}

static vg_status create_parts(vg_team *t, vg_error *err) {
    vg_perception_config perception = vg_perception_config_default();
    perception.paper = t->config.preset == VG_PRESET_PAPER;
    VG_TRY(vg_perception_create(&t->perception, &perception, t->world.dims, t->E, err));
    vg_arena measure = {0};
    plan(t, &measure);
    VG_TRY(vg_arena_create(&t->memory, measure.used, err));
    plan(t, &t->memory);
    const size_t bytes = vg_skeletons_bytes(t->P, t->world.dims.joints);
    for (int32_t e = 0; e < t->E; e++)
        vg_skeletons_init((vg_skeletons *)(void *)((char *)t->skeletons + (size_t)e * bytes), t->P,
                          t->world.dims.joints, e);
    for (int32_t i = 0; t->config.net && i < vg_team_shards(t); i++)
        VG_TRY(vg_net_room_create(&t->rooms[i], t->config.net, VG_SHARD_ENVS * t->C, err));
    return VG_OK;
}

vg_status vg_team_create(vg_team **out, const vg_team_config *config, vg_error *err) {
    *out = NULL;
    vg_team *t = calloc(1, sizeof *t);
    if (!t) return vg_fail(err, VG_NO_MEMORY, "team: out of memory");
    t->config = *config;
    t->world = *config->world;
    t->guard = vg_guard_default(&t->world, config->preset);
    t->space = vg_action_space_default(config->preset, t->world.step_seconds, config->speed);
    t->value_scale = 1;
    t->E = t->world.envs, t->C = t->world.dims.cameras, t->P = t->world.dims.people, t->A = t->space.axes;
    t->D = vg_observation_size(config->preset, t->C, t->P), t->K = vg_critic_size(t->C, t->P, t->A);
    t->H = config->net ? config->net->config.hidden : 0;
    vg_status status = VG_OK;
    if (config->baseline && !vg_baseline_find(config->baseline, &t->baseline))
        status =
            vg_fail(err, VG_INVALID, "baseline `%s` is unknown; use fixed, orbit, greedy or plan", config->baseline);
    if (status == VG_OK) status = create_parts(t, err);
    if (status)
        vg_team_destroy(t);
    else
        *out = t;
    return status;
}

void vg_team_destroy(vg_team *t) {
    if (!t) return;
    for (int32_t i = 0; t->rooms && i < vg_team_shards(t); i++) vg_net_room_destroy(t->rooms[i]);
    vg_perception_destroy(t->perception);
    vg_arena_destroy(&t->memory);
    free(t);
}

void vg_team_use_net(vg_team *t, const vg_net *net, double value_mean, double value_scale) {
    t->net = net;
    t->value_mean = value_mean;
    t->value_scale = value_scale;
}

int32_t vg_team_shards(const vg_team *t) {
    return (t->E + VG_SHARD_ENVS - 1) / VG_SHARD_ENVS;
}

int32_t vg_team_shard_first(const vg_team *t, int32_t shard) {
    (void)t;
    return shard * VG_SHARD_ENVS;
}

int32_t vg_team_shard_count(const vg_team *t, int32_t shard) {
    const int32_t left = t->E - shard * VG_SHARD_ENVS;
    return left < VG_SHARD_ENVS ? left : VG_SHARD_ENVS;
}

/* Where the target is believed to be; it stays where it was while there is no estimate. */
static void take_aim(vg_team *t, int32_t env, const vg_frame *frame, const vg_skeletons *skeletons) {
    float *aim = t->state[env].aim, centre[3];
    if (frame->target < 0) return;
    if (t->space.point_at_truth && (frame->flags & VG_FRAME_TRUTH)) {
        const int32_t J = frame->dims.joints;
        const float *truth = vg_frame_truth(frame) + (int64_t)frame->target * J * 3;
        for (int i = 0; i < 3; i++) aim[i] = 0;
        for (int32_t j = 0; j < J; j++)
            for (int i = 0; i < 3; i++) aim[i] += truth[3 * j + i] / (float)J;
    } else if (vg_person_centre(centre, skeletons, frame->target)) {
        memcpy(aim, centre, sizeof centre);
    }
}

/* The cameras' velocities, from where they were in the frame before. */
static void take_motion(vg_team *t, int32_t env, const vg_frame *frame, bool first) {
    for (int32_t c = 0; c < t->C; c++) {
        vg_motion *m = &t->motion[(int64_t)env * t->C + c];
        const vg_eye eye = vg_eye_of(&vg_frame_cameras(frame)[c]);
        for (int i = 0; i < 3; i++) {
            m->velocity[i] = first ? 0 : (eye.at[i] - m->at[i]) / (float)t->world.step_seconds;
            m->at[i] = eye.at[i];
            if (first) m->push[i] = 0;
        }
    }
}

/* Perceives and observes a frame; `first`: of an episode. */
static vg_status look(vg_team *t, int32_t env, const vg_frame *frame, bool first, vg_error *err) {
    vg_skeletons *skeletons = vg_skeletons_at(t->skeletons, env);
    VG_TRY(vg_perceive(t->perception, env, frame, skeletons, NULL, err));
    const size_t C = (size_t)t->C, P = (size_t)t->P, e = (size_t)env;
    if (first) memset(t->whereabouts + e * P, 0, P * sizeof *t->whereabouts);
    vg_whereabouts_update(t->whereabouts + e * P, frame, skeletons, t->world.step_seconds);
    take_aim(t, env, frame, skeletons);
    take_motion(t, env, frame, first);
    const vg_scene_view view = {.preset = t->config.preset,
                                .world = &t->world,
                                .frame = frame,
                                .skeletons = skeletons,
                                .whereabouts = t->whereabouts + e * P,
                                .motion = t->motion + e * C,
                                .aim = t->state[env].aim};
    vg_observe(t->observations + e * C * (size_t)t->D, t->order + e * C, &view);
    vg_observe_poses(t->poses + e * C * VG_POSE_NUMBERS, &t->world, frame);
    vg_observe_places(t->places + e * P * 2, t->mask + e * P, frame, skeletons);
    return VG_OK;
}

vg_status vg_team_begin(vg_team *t, int32_t env, const vg_frame *frame, vg_error *err) {
    const size_t n = (size_t)t->C * (size_t)t->H;
    env_state *s = &t->state[env];
    s->begins = 1;
    for (int i = 0; i < 2; i++) s->aim[i] = (t->world.area_low[i] + t->world.area_high[i]) / 2;
    s->aim[2] = 1;
    if (n) {
        memset(t->h + (size_t)env * n, 0, n * sizeof(float));
        memset(t->c + (size_t)env * n, 0, n * sizeof(float));
    }
    vg_perception_reset(t->perception, env);
    return look(t, env, frame, true, err);
}

vg_status vg_team_absorb(vg_team *t, int32_t env, const vg_frame *frame, const vg_tick **tick, vg_error *err) {
    VG_TRY(look(t, env, frame, false, err));
    vg_tick *out = &t->ticks[env];
    const vg_skeletons *skeletons = vg_team_skeletons(t, env);
    vg_reward(&out->team_reward, out->agent_reward, frame, skeletons, t->config.shapley);
    vg_pose_error_of(&out->error, frame, skeletons);
    *tick = out;
    return VG_OK;
}

/* How a move is made of the probabilities of back, stay and go. */
typedef enum chooser { DRAW, LIKELIEST, EXPECTED } chooser;

static chooser chooser_of(const vg_team_config *config) {
    if (!config->deterministic) return DRAW;
    /* a team that learned by draws has learned what they do on average; where cameras have inertia the mean is the same
     * without the noise */
    return config->preset == VG_PRESET_PAPER ? LIKELIEST : EXPECTED;
}

/* A move by its logits. Returns the log-probability of the choice (of the likeliest one, where none is drawn). */
static float choose(float *move, const float logits[3], vg_rng *rng, chooser how) {
    const float top = fmaxf(logits[0], fmaxf(logits[1], logits[2]));
    float p[3], total = 0;
    for (int i = 0; i < 3; i++) p[i] = expf(logits[i] - top), total += p[i];
    int pick = 0;
    if (how == DRAW) {
        const float u = vg_rng_uniform(rng) * total;
        pick = u < p[0] ? 0 : u < p[0] + p[1] ? 1 : 2;
    } else {
        for (int i = 1; i < 3; i++)
            if (logits[i] > logits[pick]) pick = i;
    }
    *move = how == EXPECTED ? (p[2] - p[0]) / total : (float)(pick - 1);
    return logits[pick] - top - logf(total);
}

/* Chooses the moves of `count` environments of one shard and evaluates the states. h, c [count, C, H] move on. */
static const float *think(vg_team *t, int32_t first, int32_t count, vg_frame *frames, float *h, float *c, float *logp,
                          const float **logits_out) {
    const int32_t C = t->C, A = t->A, B = count * C;
    const chooser how = chooser_of(&t->config);
    vg_net_room *room = t->rooms[first / VG_SHARD_ENVS];
    memcpy(vg_net_observations(room), t->observations + (int64_t)first * C * t->D,
           sizeof(float) * (size_t)B * (size_t)t->D);
    const float *logits = vg_net_act(t->net, room, B, h, c);
    for (int32_t e = 0; e < count; e++) {
        const int32_t env = first + e;
        vg_rng rng = vg_rng_at(t->config.seed, (uint32_t)env, (uint32_t)t->state[env].step, VG_DRAW_ACTION);
        for (int32_t k = 0; k < C; k++) {
            float sum = 0;
            for (int32_t a = 0; a < A; a++)
                sum += choose(t->moves + ((int64_t)env * C + k) * A + a, logits + ((int64_t)(e * C + k) * A + a) * 3,
                              &rng, how);
            logp[e * C + k] = sum;
        }
        /* the critic also knows what the mates are about to do */
        int32_t mates_at;
        float *critic = vg_net_critic_inputs(room) + (int64_t)e * C * t->K;
        const vg_order *order = t->order + (int64_t)env * C;
        vg_observe_critic(critic, &mates_at, A, t->poses + (int64_t)env * C * VG_POSE_NUMBERS,
                          t->places + (int64_t)env * t->P * 2, order, &vg_frame_at(frames, e)->dims);
        for (int32_t k = 0; k < C; k++)
            for (int32_t m = 1; m < C; m++)
                memcpy(critic + (int64_t)k * t->K + mates_at + (m - 1) * A,
                       t->moves + ((int64_t)env * C + order[k].camera[m]) * A, (size_t)A * sizeof(float));
    }
    *logits_out = logits;
    return vg_net_value(t->net, room, B);
}

static void store(const vg_team *t, int32_t env, int32_t e, vg_rollout *r, int32_t step, const float *logits,
                  const float *logp, const float *values) {
    const int32_t C = t->C, A = t->A;
    const size_t row = (size_t)vg_rollout_row(r, step, env), D = (size_t)t->D, K = (size_t)t->K;
    const vg_net_room *room = t->rooms[env / VG_SHARD_ENVS];
    vg_batch *b = &r->batch;
    memcpy(b->observation + row * D, t->observations + (size_t)env * (size_t)C * D, sizeof(float) * (size_t)C * D);
    memcpy(b->critic + row * K, vg_net_critic_inputs((vg_net_room *)(uintptr_t)room) + (size_t)(e * C) * K,
           sizeof(float) * (size_t)C * K);
    memcpy(b->logits + row * 3 * (size_t)A, logits + (size_t)(e * C) * 3 * (size_t)A,
           sizeof(float) * (size_t)(C * 3 * A));
    memcpy(b->logp + row, logp + e * C, sizeof(float) * (size_t)C);
    for (int32_t k = 0; k < C; k++) {
        b->reset[row + (size_t)k] = (uint8_t)t->state[env].begins;
        for (int32_t m = 0; m < C; m++)
            memcpy(b->actions + ((row + (size_t)k) * (size_t)C + (size_t)m) * (size_t)A,
                   t->moves + ((int64_t)env * C + t->acted[env * C + k].camera[m]) * A, (size_t)A * sizeof(float));
        r->value[((int64_t)step * r->envs + env) * C + k] =
            (float)(t->value_mean + t->value_scale * (double)values[e * C + k]);
    }
}

/* The recurrent state that a sequence begins from. */
static void store_state(const vg_team *t, int32_t env, vg_rollout *r, int32_t step) {
    if (step % VG_SEQUENCE_STEPS) return;
    const size_t H = (size_t)t->H, C = (size_t)t->C, s = (size_t)vg_rollout_row(r, step, env);
    memcpy(r->batch.h0 + s * H, t->h + (size_t)env * C * H, C * H * sizeof(float));
    memcpy(r->batch.c0 + s * H, t->c + (size_t)env * C * H, C * H * sizeof(float));
}

/* Makes a command safe and keeps what that changed. */
static void guard(vg_team *t, int32_t env, vg_command *command, const vg_frame *frame) {
    float wanted[VG_MAX_CAMERAS][3];
    for (int32_t c = 0; c < t->C; c++) memcpy(wanted[c], command->camera[c].linear, sizeof wanted[c]);
    const vg_guard_view view = {frame, vg_team_skeletons(t, env), t->whereabouts + (int64_t)env * t->P};
    vg_guard_counts counts = {0};
    t->ticks[env].guarded = vg_guard_apply(&t->guard, command, &view, &counts);
    for (int32_t c = 0; c < t->C; c++)
        for (int i = 0; i < 3; i++)
            t->motion[(int64_t)env * t->C + c].push[i] = command->camera[c].linear[i] - wanted[c][i];
}

void vg_team_decide(vg_team *t, int32_t first, int32_t count, vg_frame *frames, vg_command *commands,
                    vg_rollout *rollout, int32_t step) {
    float logp[VG_SHARD_ENVS * VG_MAX_CAMERAS];
    const float *logits = NULL, *values = NULL;
    if (!t->config.baseline) {
        for (int32_t e = 0; rollout && e < count; e++) store_state(t, first + e, rollout, step);
        const int64_t at = (int64_t)first * t->C * t->H;
        values = think(t, first, count, frames, t->h + at, t->c + at, logp, &logits);
    }
    for (int32_t e = 0; e < count; e++) {
        const int32_t env = first + e;
        const vg_frame *frame = vg_frame_at(frames, e);
        const vg_skeletons *skeletons = vg_team_skeletons(t, env);
        env_state *s = &t->state[env];
        if (t->config.baseline) {
            const vg_baseline_view view = {&t->world, &t->space, frame, skeletons, s->aim};
            vg_baseline_act(&commands[e], t->baseline, &view);
        } else {
            vg_action_command(&commands[e], &t->space, t->world.step_seconds, t->moves + (int64_t)env * t->C * t->A,
                              frame, s->aim);
            memcpy(t->acted + (int64_t)env * t->C, t->order + (int64_t)env * t->C, sizeof *t->acted * (size_t)t->C);
            if (rollout) store(t, env, e, rollout, step, logits, logp, values);
        }
        guard(t, env, &commands[e], frame);
        s->step++;
        s->begins = 0;
    }
}

void vg_team_value(vg_team *t, int32_t env, vg_frame *frame, float *values) {
    const int64_t n = (int64_t)t->C * t->H, at = (int64_t)env * n;
    memcpy(t->scratch_h + at, t->h + at, (size_t)n * sizeof(float));
    memcpy(t->scratch_c + at, t->c + at, (size_t)n * sizeof(float));
    float logp[VG_MAX_CAMERAS];
    const float *logits;
    const float *out = think(t, env, 1, frame, t->scratch_h + at, t->scratch_c + at, logp, &logits);
    for (int32_t k = 0; k < t->C; k++) values[k] = (float)(t->value_mean + t->value_scale * (double)out[k]);
}

void vg_team_record(const vg_team *t, int32_t env, const vg_frame *frame, vg_rollout *r, int32_t step) {
    (void)frame;
    const int32_t C = t->C;
    const size_t P = (size_t)t->P, row = (size_t)vg_rollout_row(r, step, env);
    const vg_tick *tick = &t->ticks[env];
    const float *poses = t->poses + (int64_t)env * C * VG_POSE_NUMBERS;
    const float *places = t->places + (size_t)env * P * 2, *mask = t->mask + (size_t)env * P;
    vg_batch *b = &r->batch;
    for (int32_t k = 0; k < C; k++) {
        const size_t at = row + (size_t)k;
        const vg_order *order = &t->acted[(int64_t)env * C + k]; /* as the network saw them when it chose */
        r->reward[((int64_t)step * r->envs + env) * C + k] = tick->agent_reward[k];
        b->next_reward[at] = tick->team_reward;
        for (int32_t m = 0; m < C; m++)
            memcpy(b->next_pose + (at * (size_t)C + (size_t)m) * VG_NET_POSE,
                   poses + order->camera[m] * VG_POSE_NUMBERS, VG_NET_POSE * sizeof(float));
        for (size_t p = 0; p < P; p++) {
            memcpy(b->next_people + (at * P + p) * 2, places + 2 * order->person[p], 2 * sizeof(float));
            b->people_mask[at * P + p] = mask[order->person[p]];
        }
    }
}

const vg_skeletons *vg_team_skeletons(const vg_team *t, int32_t env) {
    return vg_skeletons_at(t->skeletons, env);
}

const vg_guard *vg_team_guard(const vg_team *t) {
    return &t->guard;
}

/* ---- state for checkpoints: the parts of one environment, one after another ------------------------------------------ */

/* Copies each part of `env` to or from `bytes`; returns how many bytes there are (bytes may be NULL to ask). */
static size_t each_part(const vg_team *t, int32_t env, char *bytes, bool load) {
    const size_t e = (size_t)env, C = (size_t)t->C, P = (size_t)t->P, n = C * (size_t)t->H * sizeof(float);
    const size_t skeletons = vg_skeletons_bytes(t->P, t->world.dims.joints);
    const struct {
        void *at;
        size_t size;
    } parts[] = {
        {&t->state[e], sizeof(env_state)},
        {&t->ticks[e], sizeof(vg_tick)},
        {(char *)t->skeletons + e * skeletons, skeletons},
        {t->observations + e * C * (size_t)t->D, C * (size_t)t->D * sizeof(float)},
        {t->h ? (char *)t->h + e * n : NULL, n},
        {t->c ? (char *)t->c + e * n : NULL, n},
        {t->poses + e * C * VG_POSE_NUMBERS, C * VG_POSE_NUMBERS * sizeof(float)},
        {t->places + e * P * 2, P * 2 * sizeof(float)},
        {t->mask + e * P, P * sizeof(float)},
        {t->order + e * C, C * sizeof(vg_order)},
        {t->acted + e * C, C * sizeof(vg_order)},
        {t->motion + e * C, C * sizeof(vg_motion)},
        {t->whereabouts + e * P, P * sizeof(vg_whereabouts)},
    };
    size_t used = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (bytes && load)
            memcpy(parts[i].at, bytes + used, parts[i].size);
        else if (bytes)
            memcpy(bytes + used, parts[i].at, parts[i].size);
        used += parts[i].size;
    }
    return used;
}

size_t vg_team_state_bytes(const vg_team *t) {
    return each_part(t, 0, NULL, false) + vg_perception_state_bytes(t->perception);
}

void vg_team_save_state(const vg_team *t, int32_t env, void *out) {
    const size_t used = each_part(t, env, out, false);
    vg_perception_save_state(t->perception, env, (char *)out + used);
}

void vg_team_load_state(vg_team *t, int32_t env, const void *in) {
    const size_t used = each_part(t, env, (char *)(uintptr_t)in, true);
    vg_perception_load_state(t->perception, env, (const char *)in + used);
}
