/* Experience. */
#include "agents/rollout.h"

#include <string.h>

static void plan(vg_rollout *r, vg_arena *a, const vg_net_config *c) {
    vg_batch *b = &r->batch;
    const size_t S = (size_t)b->S, N = S * (size_t)b->T, A = (size_t)c->axes, C = (size_t)c->cameras;
    const size_t P = (size_t)c->people, H = (size_t)c->hidden;
    const size_t flags = (size_t)r->steps * (size_t)r->envs, agents = flags * C;
    b->observation = VG_ARENA_NEW(a, float, N *(size_t)c->observation);
    b->critic = VG_ARENA_NEW(a, float, N *(size_t)c->critic);
    b->actions = VG_ARENA_NEW(a, float, N *C *A);
    b->reset = VG_ARENA_NEW(a, uint8_t, N);
    b->h0 = VG_ARENA_NEW(a, float, S *H), b->c0 = VG_ARENA_NEW(a, float, S *H);
    b->logits = VG_ARENA_NEW(a, float, N * 3 * A), b->logp = VG_ARENA_NEW(a, float, N);
    b->advantage = VG_ARENA_NEW(a, float, N), b->value_target = VG_ARENA_NEW(a, float, N);
    b->next_pose = VG_ARENA_NEW(a, float, N *C *VG_NET_POSE), b->next_reward = VG_ARENA_NEW(a, float, N);
    b->next_people = VG_ARENA_NEW(a, float, N *P * 2), b->people_mask = VG_ARENA_NEW(a, float, N *P);
    r->reward = VG_ARENA_NEW(a, float, agents), r->value = VG_ARENA_NEW(a, float, agents);
    r->final_value = VG_ARENA_NEW(a, float, agents), r->advantage = VG_ARENA_NEW(a, float, agents);
    r->last_value = VG_ARENA_NEW(a, float, (size_t)r->envs *C);
    r->done = VG_ARENA_NEW(a, uint8_t, flags), r->terminated = VG_ARENA_NEW(a, uint8_t, flags);
}

vg_status vg_rollout_create(vg_rollout *r, const vg_net_config *net, int32_t envs, int32_t steps, vg_error *err) {
    const int32_t chunks = steps / VG_SEQUENCE_STEPS;
    *r = (vg_rollout){.envs = envs, .cameras = net->cameras, .steps = steps, .chunks = chunks};
    r->batch.T = VG_SEQUENCE_STEPS;
    r->batch.S = envs * chunks * net->cameras;
    vg_arena measure = {0};
    plan(r, &measure, net);
    VG_TRY(vg_arena_create(&r->memory, measure.used, err));
    plan(r, &r->memory, net);
    return VG_OK;
}

void vg_rollout_destroy(vg_rollout *r) {
    vg_arena_destroy(&r->memory);
    *r = (vg_rollout){0};
}

void vg_rollout_finish(vg_rollout *r, double discount, double lambda) {
    const int32_t C = r->cameras, E = r->envs;
    for (int32_t agent = 0; agent < E * C; agent++) {
        const int32_t env = agent / C, camera = agent % C;
        const vg_gae gae = {.steps = r->steps,
                            .stride = (int64_t)E * C,
                            .flag_stride = E,
                            .reward = r->reward + agent,
                            .value = r->value + agent,
                            .final_value = r->final_value + agent,
                            .done = r->done + env,
                            .terminated = r->terminated + env,
                            .last_value = r->last_value[agent],
                            .discount = discount,
                            .lambda = lambda};
        vg_gae_run(r->advantage + agent, &gae);
        for (int32_t t = 0; t < r->steps; t++) {
            const int64_t row = vg_rollout_row(r, t, env) + camera, at = (int64_t)t * E * C + agent;
            r->batch.advantage[row] = r->advantage[at];
            r->batch.value_target[row] = r->advantage[at] + r->value[at];
        }
    }
}
