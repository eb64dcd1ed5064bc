/* Experience as the learner wants it: T steps of E environments x C cameras, cut into sequences of VG_SEQUENCE_STEPS.
 * Sequence s = (env * chunks + chunk) * C + camera; time runs first in every array. */
#ifndef VG_AGENTS_ROLLOUT_H
#define VG_AGENTS_ROLLOUT_H

#include "agents/learner.h"
#include "common/arena.h"

#define VG_SEQUENCE_STEPS 25

typedef struct vg_rollout {
    int32_t envs, cameras, steps, chunks; /* steps = chunks x VG_SEQUENCE_STEPS */
    vg_batch batch;                       /* arrays [VG_SEQUENCE_STEPS, S, ...] in the rollout's own memory */
    float *reward;                        /* [steps, E, C] */
    float *value;                         /* [steps, E, C] as predicted when acting, in reward units */
    uint8_t *terminated, *done;           /* [steps, E] the episode ended with this step; done also where it was cut */
    float *final_value;                   /* [steps, E, C] value of the last state of a cut episode, where done */
    float *last_value;                    /* [E, C] value of the state after the last step */
} vg_rollout;

#endif
