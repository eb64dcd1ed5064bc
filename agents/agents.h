/* What learns: a team of camera agents that share one policy. This is the folder's door. It offers three jobs, each on any
 * world (sim_bridge/world.h) and each built on the same tick (perceive, reward, observe, decide, guard):
 *   train     rollouts and updates in turn, deterministic for a seed whatever the number of threads;
 *   evaluate  a policy or a baseline on seeds of its own, with the figures people compare;
 *   live      one environment paced from outside, with a learner beside it that hands over policies without locks. */
#ifndef VG_AGENTS_AGENTS_H
#define VG_AGENTS_AGENTS_H

#include "common/frame.h"
#include "common/log.h"
#include "sim_bridge/world.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* ---- training ------------------------------------------------------------------------------------------------------ */

/* Everything that defines a training run besides its world. vg_train_config_default() is valid as it is. */
typedef struct vg_train_config {
    int32_t preset; /* vg_preset: the task's rules (actions, pointing, filters) */
    bool ctcr;      /* reward each camera by its Shapley value; else the team reward for all */
    bool wdl;       /* world-dynamics heads */
    int64_t steps;  /* environment steps in all */
    uint64_t seed;
    int32_t threads; /* 0 = one a core; does not change results */
    /* rollouts */
    int32_t rollout_steps;          /* steps of each environment per update (T) */
    int32_t episode_steps;          /* an episode is cut after so many */
    int32_t people_min, people_max; /* crowd size, drawn per episode */
    /* policy */
    int32_t hidden; /* width of every layer and of the LSTM */
    bool recurrent; /* with the LSTM */
    double speed;   /* m/s of one action step; 0 = the preset's */
    /* learning */
    int32_t epochs, minibatches;
    double learning_rate,
        learning_rate_end; /* linear in steps; paper: the reference's schedule, from learning_rate on */
    double discount, gae_lambda, clip, kl_coefficient, kl_target, value_weight, entropy_weight, gradient_clip;
    bool normalise_values; /* a running normaliser for value targets */
} vg_train_config;

vg_train_config vg_train_config_default(int32_t preset);
/* Names the field, its value and its bounds. */
vg_status vg_train_config_check(const vg_train_config *config, vg_error *err);
/* "mappo", "mappo+ctcr", "mappo+wdl", "mappo+ctcr+wdl" into config->ctcr and config->wdl. */
vg_status vg_train_mode_parse(vg_train_config *config, const char *mode, vg_error *err);
const char *vg_train_mode_text(const vg_train_config *config);
/* Environments a preset trains on at once (the world must be opened with as many). */
int32_t vg_train_envs(int32_t preset);

/* Where training stands, after an iteration. Means are over the rollout just collected. */
typedef struct vg_train_stats {
    int64_t env_steps, agent_steps, trained_samples, updates, episodes; /* counted apart, since the run began */
    double team_reward, agent_reward;                                   /* per step */
    double mpjpe_mm, lost_joint_ratio, success_rate;                    /* of the target */
    double policy_loss, value_loss, wdl_loss, entropy, kl, clip_fraction, explained_variance, gradient_norm;
    double learning_rate;
    int64_t guard_interventions;           /* commands the guard changed, in this rollout */
    double rollout_seconds, learn_seconds; /* of this iteration */
} vg_train_stats;

typedef struct vg_trainer vg_trainer;

/* `world` is borrowed until vg_trainer_destroy and is owned by the trainer's calls meanwhile. */
vg_status vg_trainer_create(vg_trainer **out, const vg_train_config *config, vg_world *world, const vg_log *log,
                            vg_error *err);
/* One rollout on every environment and one update. Allocates nothing. */
vg_status vg_trainer_iterate(vg_trainer *trainer, vg_train_stats *stats, vg_error *err);
bool vg_trainer_done(const vg_trainer *trainer);
/* Writes FOLDER/checkpoint.vgc (all that a bit-exact resume needs) and FOLDER/policy.vgc (what acting needs). */
vg_status vg_trainer_save(const vg_trainer *trainer, const char *folder, vg_error *err);
/* Goes on from FOLDER/checkpoint.vgc; the config must describe the same run. */
vg_status vg_trainer_resume(vg_trainer *trainer, const char *folder, vg_error *err);
void vg_trainer_destroy(vg_trainer *trainer); /* NULL is allowed */

/* ---- evaluation ---------------------------------------------------------------------------------------------------- */

typedef struct vg_eval_config {
    const char *policy; /* "fixed" | "orbit" | "greedy" | "plan" | a run's folder | a policy file */
    vg_world_config world;
    int32_t episodes, episode_steps; /* episode_steps 0 = 500 */
    uint64_t seed;                   /* episode i uses a seed drawn from this and i; training never draws from it */
    int32_t threads;                 /* 0 = one a core */
    /* Called for every step of the first environment's episodes, from the calling thread or a worker; may be NULL. */
    void (*on_step)(void *context, int32_t episode, int32_t step, const vg_frame *frame, const vg_skeletons *skeletons,
                    double mpjpe_mm);
    void *context;
} vg_eval_config;

typedef struct vg_eval_result {
    char policy[256], scene[64];
    int32_t cameras, people, episodes;
    int64_t steps;
    struct {
        double mean, std, median, p95; /* over steps; std over the episodes' means */
    } mpjpe_mm;
    double success_rate;     /* share of steps with MPJPE <= 200 mm and an estimate */
    double pck150;           /* share of joints within 150 mm, lost ones counted as misses */
    double lost_joint_ratio; /* share of the target's joints without an estimate */
    double team_reward;      /* mean per step */
    int64_t violations_box, violations_camera_camera, violations_camera_person, violations_camera_obstacle;
    double steps_per_second;
} vg_eval_result;

vg_eval_config vg_eval_config_default(void);
vg_status vg_evaluate(vg_eval_result *out, const vg_eval_config *config, vg_error *err);

/* ---- live ---------------------------------------------------------------------------------------------------------- */

typedef struct vg_live_config {
    const char *policy;    /* as in vg_eval_config, or "" to begin untrained */
    bool learn;            /* gather experience and learn on line */
    vg_train_config train; /* how to learn */
    /* called for every frame with what was perceived in it, for recordings; may be NULL */
    void (*seen)(void *context, const vg_frame *frame, const vg_skeletons *skeletons);
    void *context;
} vg_live_config;

typedef struct vg_live_stats {
    int64_t ticks, episodes, policies;                    /* policies handed over so far */
    double team_reward, mpjpe_mm;                         /* of the last tick; NaN where the world has no truth */
    int32_t joints_measured, joints_carried, joints_lost; /* of the target, last tick */
    double decide_seconds;                                /* perceive to guard, last tick */
    int64_t guard_interventions;
    vg_train_stats learner; /* of the last update */
} vg_live_stats;

typedef struct vg_live vg_live;

/* `world` is borrowed and has one environment. */
vg_status vg_live_create(vg_live **out, const vg_live_config *config, vg_world *world, const vg_log *log,
                         vg_error *err);
/* One tick: step the world with the last command, perceive, reward, decide, guard. Takes a fresh policy if the learner
 * left one. Never waits for the learner. */
vg_status vg_live_tick(vg_live *live, vg_live_stats *stats, vg_error *err);
/* The learner's thread runs this: waits for experience, updates, hands over; returns once *stop becomes true. */
vg_status vg_live_learner_run(vg_live *live, const atomic_bool *stop, vg_error *err);
/* Call when the learner's thread is not running. */
vg_status vg_live_save(const vg_live *live, const char *folder, vg_error *err);
void vg_live_destroy(vg_live *live); /* NULL is allowed */

#endif
