/* Experience as the learner wants it: `steps` steps of E environments x C cameras, cut into sequences of
 * VG_SEQUENCE_STEPS. Step t of an environment lies in its chunk t / VG_SEQUENCE_STEPS; sequence s = (env x chunks + chunk)
 * x C + camera; time runs first in the batch's arrays. */
#ifndef VG_AGENTS_ROLLOUT_H
#define VG_AGENTS_ROLLOUT_H

#include "agents/learner.h"
#include "common/arena.h"

#define VG_SEQUENCE_STEPS 25

typedef struct vg_rollout {
    int32_t envs, cameras, steps, chunks; /* steps = chunks x VG_SEQUENCE_STEPS */
    vg_batch batch;
    float *reward, *value;      /* [steps, E, C]; values in reward units */
    float *final_value;         /* [steps, E, C] of the last state of an episode that was cut, where done */
    float *advantage;           /* [steps, E, C] */
    float *last_value;          /* [E, C] of the state after the last step */
    uint8_t *done, *terminated; /* [steps, E] the episode ended with this step; by its task and not by a cut */
    vg_arena memory;
} vg_rollout;

vg_status vg_rollout_create(vg_rollout *rollout, const vg_net_config *net, int32_t envs, int32_t steps, vg_error *err);
void vg_rollout_destroy(vg_rollout *rollout);

/* Row of (step, environment, camera 0) in the batch's arrays; the other cameras follow it. */
static inline int64_t vg_rollout_row(const vg_rollout *r, int32_t step, int32_t env) {
    const int32_t chunk = step / VG_SEQUENCE_STEPS, tau = step % VG_SEQUENCE_STEPS;
    return (int64_t)tau * r->batch.S + (int64_t)(env * r->chunks + chunk) * r->cameras;
}

/* Advantages and value targets of the whole rollout, by GAE per agent. */
void vg_rollout_finish(vg_rollout *rollout, double discount, double lambda);

#endif
