/* The tick that training, evaluation and live sessions share: between a frame and the next command stand perceive, reward,
 * observe, decide and guard. A vg_team holds the state of that for a batch of environments; environments are worked on in
 * shards of a fixed size, so that what a network computes does not depend on the number of threads. Different shards may
 * be worked on by different threads at once. */
#ifndef VG_AGENTS_TEAM_H
#define VG_AGENTS_TEAM_H

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
    const char *baseline;       /* a baseline's name, or NULL to act by `net` */
    const vg_net *net;          /* borrowed; see vg_team_use_net */
    double speed;               /* m/s of one action step; 0 = the preset's */
    bool ctcr;                  /* agents' rewards are Shapley values; else all get the team's */
    bool argmax;                /* take the likeliest action instead of a draw */
    uint64_t seed;              /* of the action draws */
} vg_team_config;

/* What the last step of one environment was worth. */
typedef struct vg_tick {
    float team_reward;
    float agent_reward[VG_MAX_CAMERAS];
    vg_pose_error error;         /* of the target; only where the frame has truth */
    int64_t guard_interventions; /* commands the guard changed for this step */
} vg_tick;

typedef struct vg_team vg_team;

vg_status vg_team_create(vg_team **out, const vg_team_config *config, vg_error *err);
void vg_team_destroy(vg_team *team); /* NULL is allowed */

int32_t vg_team_shards(const vg_team *team);

/* Begins an episode in `env` from its first frame: filters, recurrent state and counters start anew. */
void vg_team_begin(vg_team *team, int32_t env, const vg_frame *frame);
/* Decides for environments first .. first + count - 1 of one shard, from what vg_team_begin or vg_team_absorb saw last.
 * `frames` are those it saw, `commands` [count] receives the guarded commands. With `rollout`, what the network saw and
 * chose is stored as step `t`. */
void vg_team_decide(vg_team *team, int32_t first, int32_t count, vg_frame *frames, vg_command *commands,
                    vg_rollout *rollout, int32_t t);
/* Takes in the frame that followed: perceives, rewards, observes. Valid until the next absorb of `env`. */
const vg_tick *vg_team_absorb(vg_team *team, int32_t env, const vg_frame *frame);
/* Values [C] of the state that was absorbed last, without moving the recurrent state on: what a cut episode, or the end
 * of a rollout, is bootstrapped from. */
void vg_team_value(vg_team *team, int32_t env, float *values);
/* Stores the rewards and the world-dynamics targets of step `t` of `env` from the last absorb. */
void vg_team_record(const vg_team *team, int32_t env, const vg_frame *frame, vg_rollout *rollout, int32_t t);

/* From now on act by these weights (same shape). */
void vg_team_use_net(vg_team *team, const vg_net *net);

const vg_skeletons *vg_team_skeletons(const vg_team *team, int32_t env);
const vg_guard *vg_team_guard(const vg_team *team);
/* Recurrent state, filters and counters of one environment, for checkpoints. */
size_t vg_team_state_bytes(const vg_team *team);
void vg_team_save_state(const vg_team *team, int32_t env, void *out);
void vg_team_load_state(vg_team *team, int32_t env, const void *in);

#endif
