/* Learning from experience: PPO with a central critic, an adaptive KL penalty and world-dynamics heads. The result does not
 * depend on the number of threads: a minibatch is cut into a fixed number of shards, and their gradients are added in a
 * fixed order.
 *
 * Sources: PPO, Schulman et al. 2017; GAE, Schulman et al. 2016; Adam, Kingma and Ba 2015; mixture density networks,
 * Bishop 1994; value normalisation as in MAPPO, Yu et al. 2022; the weights of the heads, the reference method. */
#ifndef VG_AGENTS_LEARNER_H
#define VG_AGENTS_LEARNER_H

#include "agents/net.h"
#include "agents/pool.h"

/* Experience of S sequences of T steps; a sequence is one camera of one environment. Time runs first. */
typedef struct vg_batch {
    int32_t T, S;
    float *observation;  /* [T, S, D] */
    float *critic;       /* [T, S, K] */
    float *actions;      /* [T, S, C, A] -1, 0 or 1; own first, then teammates as the observation orders them */
    uint8_t *reset;      /* [T, S] 1 where an episode begins: the recurrent state is cleared before this step */
    float *h0, *c0;      /* [S, H] recurrent state before the first step */
    float *logits;       /* [T, S, A, 3] of the policy that acted */
    float *logp;         /* [T, S] log-probability of the action taken */
    float *advantage;    /* [T, S] */
    float *value_target; /* [T, S] in reward units */
    float *next_pose;    /* [T, S, C, 8] poses after the step; own first */
    float *next_reward;  /* [T, S] team reward of the step */
    float *next_people;  /* [T, S, P, 2] places after the step, target first */
    float *people_mask;  /* [T, S, P] 1 where that person's place is known */
    uint8_t *valid;      /* [T, S] 0 where a row only carries the recurrent state on and is not learnt from (its numbers
                            must still be finite); NULL = all rows count */
} vg_batch;

typedef struct vg_learner_config {
    int32_t epochs, minibatches;
    double clip;
    double kl_coefficient, kl_target; /* adaptive: x 1.5 above twice the target, x 0.5 below half of it; 0 = off */
    double value_weight, value_clip;  /* squared errors above value_clip do not pull; 0 = no such limit */
    double entropy_weight, gradient_clip;
    double head_weight, pedestrian_weight; /* of the world-dynamics losses; the pedestrians' on top of head_weight */
    bool normalise_values;
    uint64_t seed; /* of the shuffles */
} vg_learner_config;

vg_learner_config vg_learner_config_paper(void);

/* What the world-dynamics heads predict. */
typedef enum vg_head { VG_HEAD_TARGET, VG_HEAD_OWN, VG_HEAD_TEAM, VG_HEAD_REWARD, VG_HEAD_PEOPLE, VG_HEADS } vg_head;

typedef struct vg_learner_stats {
    double policy_loss, value_loss, world_loss, entropy, kl, clip_fraction, explained_variance, gradient_norm;
    double kl_coefficient;
    double nll[VG_HEADS]; /* mean negative log-likelihood of one prediction by each kind of head, unweighted; NaN where
                             there was none */
    int64_t samples;      /* trained samples of this update, epochs counted */
    int64_t skipped_updates; /* minibatches without a finite gradient, since the learner began; they change nothing */
} vg_learner_stats;

typedef struct vg_learner vg_learner;

/* `pool` is borrowed. `S` is the number of sequences of every batch, T their length. */
vg_status vg_learner_create(vg_learner **out, const vg_net_config *net, const vg_learner_config *config, int32_t T,
                            int32_t S, vg_pool *pool, uint64_t seed, vg_error *err);
void vg_learner_destroy(vg_learner *learner); /* NULL is allowed */

/* The network being trained; its numbers change with every update. */
vg_net *vg_learner_net(vg_learner *learner);

/* All epochs over one batch. Allocates nothing. Advantages are normalised here, over the batch's valid rows. Means of the
 * statistics are over the minibatches that were learnt from; NaN where there was none. */
void vg_learner_update(vg_learner *learner, const vg_batch *batch, double learning_rate, vg_learner_stats *stats);

/* Forward and backward of one minibatch, sequences index[0 .. count - 1] of the batch: the gradient [layout.size] of the
 * mean loss. For tests and benchmarks; valid until the next call. */
const float *vg_learner_gradient(vg_learner *learner, const vg_batch *batch, const int32_t *index, int32_t count);

/* From normalised value outputs to reward units. */
double vg_learner_denormalise(const vg_learner *learner, double value);

/* Everything that a bit-exact resume needs: a fixed number of bytes. */
size_t vg_learner_state_bytes(const vg_learner *learner);
void vg_learner_save_state(const vg_learner *learner, void *out);
void vg_learner_load_state(vg_learner *learner, const void *in);

/* Generalised advantage estimation of one agent over `steps` steps, arrays `stride` apart: reward, value, final_value (the
 * value of an episode's last state, used where done and not terminated), advantage out. last_value follows the last step. */
typedef struct vg_gae {
    int32_t steps;
    int64_t stride, flag_stride; /* of the agent's arrays, and of the flags */
    const float *reward, *value, *final_value;
    const uint8_t *done, *terminated;
    float last_value;
    double discount, lambda;
} vg_gae;
void vg_gae_run(float *advantage, const vg_gae *g);

/* (A - mean) / (std + 1e-5) of n numbers, mean and std over those that are valid (NULL = all). */
void vg_normalise_advantages(float *advantage, const uint8_t *valid, int64_t n);

/* The reference's schedule by environment steps (piecewise linear, as RLlib reads it): 5e-4, from 200,000 on 1e-4, from
 * 400,000 to 600,000 down to 5e-5. */
double vg_learning_rate_paper(int64_t env_steps);

/* One Adam step on n numbers; m and v are the moments, step counts from 1. */
typedef struct vg_adam {
    double rate, beta1, beta2, epsilon;
} vg_adam;
void vg_adam_step(float *p, float *m, float *v, const float *g, int64_t n, double scale, int64_t step,
                  const vg_adam *adam);

#endif
