/* The tick that training, evaluation and live sessions share: between a frame and the next command stand perceive, reward,
 * observe, decide and guard. A vg_team holds the state of that for a batch of environments. Environments are worked on in
 * shards of a fixed size, so that what a network computes does not depend on the number of threads; different shards may
 * be worked on by different threads at once. Nothing but vg_team_create allocates. */
#ifndef VG_AGENTS_TEAM_H
#define VG_AGENTS_TEAM_H

#include "agents/agents.h"
#include "agents/policy.h"
#include "agents/reward.h"
#include "agents/rollout.h"
#include "common/frame.h"
#include "sim_bridge/guard.h"
#include "sim_bridge/world.h"

#define VG_SHARD_ENVS 4

typedef struct vg_team_config {
    const vg_world_info *world; /* borrowed for the team's life */
    int32_t preset;             /* vg_preset */
    const char *baseline;       /* a baseline's name, or NULL: act by the network given with vg_team_use_net */
    const vg_net_layout *net;   /* the network's shape; NULL with a baseline */
    double speed;               /* m/s of one choice; 0 = the preset's */
    bool shapley;               /* agents' rewards are Shapley values; else all get the team's */
    bool deterministic;         /* no draws: the likeliest choice under the paper preset, else the expected move */
    uint64_t seed;              /* of the action draws */
} vg_team_config;

/* What the last step of one environment was worth. */
typedef struct vg_tick {
    float team_reward;
    float agent_reward[VG_MAX_CAMERAS];
    vg_pose_error error; /* of the target; no joints where the frame has no truth */
    int32_t guarded;     /* cameras whose command the guard changed for this step */
} vg_tick;

typedef struct vg_team vg_team;

vg_status vg_team_create(vg_team **out, const vg_team_config *config, vg_error *err);
void vg_team_destroy(vg_team *team); /* NULL is allowed */

/* The network's shape for a world: the sizes of observations and critic inputs follow from its dimensions. */
vg_net_config vg_team_net_config(const vg_world_info *world, const vg_train_config *config);
/* What a training configuration asks of the learner, and its figures among the training's. */
vg_learner_config vg_learner_config_of(const vg_train_config *config);
void vg_train_stats_learned(vg_train_stats *stats, const vg_learner_stats *learned);
/* Act by these weights from now on (borrowed; of the shape given at creation). `value_mean` and `value_scale` turn its
 * values into reward units. */
void vg_team_use_net(vg_team *team, const vg_net *net, double value_mean, double value_scale);

int32_t vg_team_shards(const vg_team *team);
/* The environments of one shard. */
int32_t vg_team_shard_first(const vg_team *team, int32_t shard);
int32_t vg_team_shard_count(const vg_team *team, int32_t shard);

/* Begins an episode in `env` from its first frame: filters, recurrent state and counters start anew. */
vg_status vg_team_begin(vg_team *team, int32_t env, const vg_frame *frame, vg_error *err);
/* Decides for environments first .. first + count - 1 of one shard from the frames [count] that vg_team_begin or
 * vg_team_absorb saw last; `commands` [count] receives the guarded commands. With `rollout`, what the network saw and chose
 * is stored as step `t`. */
void vg_team_decide(vg_team *team, int32_t first, int32_t count, vg_frame *frames, vg_command *commands,
                    vg_rollout *rollout, int32_t t);
/* Takes in the frame that followed: perceives, rewards, observes. The tick is valid until the next absorb of `env`. */
vg_status vg_team_absorb(vg_team *team, int32_t env, const vg_frame *frame, const vg_tick **tick, vg_error *err);
/* Stores the rewards and what the world-dynamics heads shall predict of step `t`, after its absorb. */
void vg_team_record(const vg_team *team, int32_t env, const vg_frame *frame, vg_rollout *rollout, int32_t t);
/* Values [C] of the state absorbed last, without moving the recurrent state on: what a cut episode, or the end of a
 * rollout, is bootstrapped from. */
void vg_team_value(vg_team *team, int32_t env, vg_frame *frame, float *values);

const vg_skeletons *vg_team_skeletons(const vg_team *team, int32_t env);
const vg_guard *vg_team_guard(const vg_team *team);
/* Filters, recurrent state and counters of one environment, for checkpoints. */
size_t vg_team_state_bytes(const vg_team *team);
void vg_team_save_state(const vg_team *team, int32_t env, void *out);
void vg_team_load_state(vg_team *team, int32_t env, const void *in);

#endif
