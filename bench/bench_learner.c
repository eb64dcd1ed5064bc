/* The learner: one forward and backward pass of the paper's network at a minibatch of 1,750 samples (70 sequences of 25
 * steps, 5 cameras, 7 people, all heads), and one whole update of the paper preset (700 steps x 5 cameras, 16 epochs of 2
 * minibatches). Both on all cores. The reference of either is the time that OpenBLAS's sgemm at its best needs for the
 * same multiplications, measured in the same run.
 *
 * With VG_LEARNER_DUMP=FILE in the environment, learner_step writes its weights, batch and gradient to FILE, which
 * bench/learner_torch.py compares with PyTorch's. */
#include "agents/checkpoint.h"
#include "agents/learner.h"
#include "bench/bench.h"
#include "common/arena.h"
#include "common/clock.h"
#include "common/random.h"

#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>

enum { CAMERAS = 5, PEOPLE = 7, OBSERVATION = 209, CRITIC = 8 * CAMERAS + 3 * (CAMERAS - 1) + 2 * PEOPLE };
enum { STEPS = 25, SEQUENCES = 140, REPEATS = 9, FLOOR_SIZE = 1024 };

typedef struct problem {
    vg_net_config net;
    vg_batch batch;
    vg_arena memory;
} problem;

static void plan(problem *p, vg_arena *a, size_t S) {
    const size_t N = STEPS * S, H = (size_t)p->net.hidden, A = (size_t)p->net.axes;
    vg_batch *b = &p->batch;
    b->T = STEPS, b->S = (int32_t)S;
    b->observation = VG_ARENA_NEW(a, float, N *OBSERVATION), b->critic = VG_ARENA_NEW(a, float, N *CRITIC);
    b->actions = VG_ARENA_NEW(a, float, N *CAMERAS *A), b->reset = VG_ARENA_NEW(a, uint8_t, N);
    b->h0 = VG_ARENA_NEW(a, float, S *H), b->c0 = VG_ARENA_NEW(a, float, S *H);
    b->logits = VG_ARENA_NEW(a, float, N * 3 * A), b->logp = VG_ARENA_NEW(a, float, N);
    b->advantage = VG_ARENA_NEW(a, float, N), b->value_target = VG_ARENA_NEW(a, float, N);
    b->next_pose = VG_ARENA_NEW(a, float, N *CAMERAS *VG_NET_POSE), b->next_reward = VG_ARENA_NEW(a, float, N);
    b->next_people = VG_ARENA_NEW(a, float, N *PEOPLE * 2), b->people_mask = VG_ARENA_NEW(a, float, N *PEOPLE);
}

static void fill(float *to, size_t n, vg_rng *rng, float scale) {
    for (size_t i = 0; i < n; i++) to[i] = scale * vg_rng_normal(rng);
}

/* A batch that looks like experience: random observations, a policy near uniform, some episodes that end midway. */
static void fill_batch(const problem *p, vg_rng *rng) {
    const vg_batch *b = &p->batch;
    const size_t S = (size_t)b->S, N = STEPS * S, H = (size_t)p->net.hidden, A = (size_t)p->net.axes;
    fill(b->observation, N * OBSERVATION, rng, 0.5f), fill(b->critic, N * CRITIC, rng, 0.5f);
    fill(b->h0, S * H, rng, 0.3f), fill(b->c0, S * H, rng, 0.5f), fill(b->logits, N * 3 * A, rng, 0.1f);
    fill(b->advantage, N, rng, 1), fill(b->value_target, N, rng, 1), fill(b->next_reward, N, rng, 0.5f);
    fill(b->next_pose, N * CAMERAS * VG_NET_POSE, rng, 0.5f), fill(b->next_people, N * PEOPLE * 2, rng, 0.5f);
    for (size_t i = 0; i < N; i++) {
        b->reset[i] = vg_rng_below(rng, 60) == 0;
        b->logp[i] = -(float)A * 1.0986f + 0.05f * vg_rng_normal(rng);
        for (size_t k = 0; k < CAMERAS * A; k++) b->actions[i * CAMERAS * A + k] = (float)vg_rng_below(rng, 3) - 1;
        for (size_t k = 0; k < PEOPLE; k++) b->people_mask[i * PEOPLE + k] = k == 0 || vg_rng_below(rng, 8) != 0;
    }
}

static vg_status problem_create(problem *p, size_t sequences, vg_error *err) {
    *p = (problem){.net = vg_net_config_default(CAMERAS, PEOPLE, OBSERVATION, CRITIC)};
    vg_arena measure = {0};
    plan(p, &measure, sequences);
    VG_TRY(vg_arena_create(&p->memory, measure.used, err));
    plan(p, &p->memory, sequences);
    vg_rng rng = vg_rng_at(1, 0, 0, VG_DRAW_TEST);
    fill_batch(p, &rng);
    return VG_OK;
}

/* ---- the floor ----------------------------------------------------------------------------------------------------- */

/* Multiply-adds x 2 of one forward and backward pass over `samples`: three products a weight, two where no gradient flows
 * on to the layer's input (observations, actions, the critic's own inputs, the detached head). */
static double flops(const vg_net_layout *l, double samples) {
    double sum = 0;
    for (int32_t k = 0; k < l->count; k++) {
        const vg_net_param *W = &l->param[k];
        if (W->rows == 1) continue;
        const double n = (double)W->rows * W->columns;
        const bool input = k == l->encoder[0] || k == l->head_action || k == l->projection;
        sum += n * (input ? 2 : 3);
        if (k == l->critic[0]) sum -= (double)l->config.critic * W->columns;
    }
    return 2 * sum * samples;
}

typedef struct floor_work {
    float *x; /* [tasks, 3, FLOOR_SIZE, FLOOR_SIZE] */
} floor_work;

static void floor_task(void *context, int32_t task) {
    const floor_work *w = context;
    const size_t n = (size_t)FLOOR_SIZE * FLOOR_SIZE;
    float *a = w->x + 3 * n * (size_t)task;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, FLOOR_SIZE, FLOOR_SIZE, FLOOR_SIZE, 1, a, FLOOR_SIZE, a + n,
                FLOOR_SIZE, 0, a + 2 * n, FLOOR_SIZE);
}

static double seconds_since(int64_t start) {
    return (double)(vg_clock_now_ns() - start) * 1e-9;
}

/* Floating-point operations a second of sgemm on all threads of the pool. */
static vg_status sgemm_rate(double *rate, vg_pool *pool, vg_error *err) {
    const int32_t threads = vg_pool_threads(pool);
    const size_t n = 3 * (size_t)threads * FLOOR_SIZE * FLOOR_SIZE;
    vg_arena memory;
    VG_TRY(vg_arena_create(&memory, n * sizeof(float), err));
    floor_work w = {VG_ARENA_NEW(&memory, float, n)};
    for (size_t i = 0; i < n; i++) w.x[i] = (float)(i % 7) * 0.1f;
    double best = 1e9;
    for (int i = 0; i < 6; i++) {
        const int64_t start = vg_clock_now_ns();
        vg_pool_run(pool, floor_task, &w, threads);
        const double seconds = seconds_since(start);
        if (i && seconds < best) best = seconds;
    }
    *rate = 2.0 * threads * FLOOR_SIZE * (double)FLOOR_SIZE * FLOOR_SIZE / best;
    vg_arena_destroy(&memory);
    return VG_OK;
}

/* ---- the benchmarks ------------------------------------------------------------------------------------------------ */

static vg_status dump(const char *path, const vg_net *net, const problem *p, const float *gradient, vg_error *err) {
    const vg_batch *b = &p->batch;
    const size_t N = (size_t)b->T * (size_t)b->S, H = (size_t)p->net.hidden, A = (size_t)p->net.axes, F = sizeof(float);
    const size_t size = net->layout.size * F;
    const int32_t shape[8] = {b->T, b->S, OBSERVATION, CRITIC, CAMERAS, PEOPLE, p->net.hidden, p->net.axes};
    vg_checkpoint_writer w = {0};
    vg_checkpoint_add(&w, "shape", shape, sizeof shape);
    vg_checkpoint_add(&w, "table", net->layout.param, sizeof *net->layout.param * (size_t)net->layout.count);
    vg_checkpoint_add(&w, "weights", net->p, size), vg_checkpoint_add(&w, "gradient", gradient, size);
    vg_checkpoint_add(&w, "observation", b->observation, N * OBSERVATION * F);
    vg_checkpoint_add(&w, "critic", b->critic, N * CRITIC * F);
    vg_checkpoint_add(&w, "actions", b->actions, N * CAMERAS * A * F), vg_checkpoint_add(&w, "reset", b->reset, N);
    vg_checkpoint_add(&w, "h0", b->h0, (size_t)b->S * H * F), vg_checkpoint_add(&w, "c0", b->c0, (size_t)b->S * H * F);
    vg_checkpoint_add(&w, "logits", b->logits, N * 3 * A * F), vg_checkpoint_add(&w, "logp", b->logp, N * F);
    vg_checkpoint_add(&w, "advantage", b->advantage, N * F);
    vg_checkpoint_add(&w, "value_target", b->value_target, N * F);
    vg_checkpoint_add(&w, "next_pose", b->next_pose, N * CAMERAS * VG_NET_POSE * F);
    vg_checkpoint_add(&w, "next_reward", b->next_reward, N * F);
    vg_checkpoint_add(&w, "next_people", b->next_people, N * PEOPLE * 2 * F);
    vg_checkpoint_add(&w, "people_mask", b->people_mask, N * PEOPLE * F);
    return vg_checkpoint_write(&w, path, err);
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static vg_status time_step(vg_bench_result *out, const problem *p, vg_pool *pool, vg_learner *learner, vg_error *err) {
    int32_t index[SEQUENCES / 2];
    for (int32_t i = 0; i < SEQUENCES / 2; i++) index[i] = i;
    double seconds[REPEATS];
    const float *gradient = NULL;
    for (int i = -2; i < REPEATS; i++) {
        const int64_t start = vg_clock_now_ns();
        gradient = vg_learner_gradient(learner, &p->batch, index, SEQUENCES / 2);
        if (i >= 0) seconds[i] = seconds_since(start);
    }
    const char *path = getenv("VG_LEARNER_DUMP");
    if (path) VG_TRY(dump(path, vg_learner_net(learner), p, gradient, err));
    qsort(seconds, REPEATS, sizeof *seconds, compare);
    double rate;
    VG_TRY(sgemm_rate(&rate, pool, err));
    *out = (vg_bench_result){.value = seconds[REPEATS / 2],
                             .unit = "s",
                             .reference = flops(&vg_learner_net(learner)->layout, STEPS * SEQUENCES / 2) / rate,
                             .reference_name = "OpenBLAS sgemm's time for the same multiplications",
                             .lower_is_better = true};
    return VG_OK;
}

static vg_status time_update(vg_bench_result *out, const problem *p, vg_pool *pool, vg_learner *learner,
                             vg_error *err) {
    vg_learner_stats stats;
    const int64_t start = vg_clock_now_ns();
    vg_learner_update(learner, &p->batch, 5e-4, &stats);
    const double seconds = seconds_since(start);
    double rate;
    VG_TRY(sgemm_rate(&rate, pool, err));
    *out = (vg_bench_result){.value = seconds,
                             .unit = "s",
                             .reference = flops(&vg_learner_net(learner)->layout, (double)stats.samples) / rate,
                             .reference_name = "OpenBLAS sgemm's time for the same multiplications",
                             .lower_is_better = true};
    return VG_OK;
}

static vg_status run(vg_bench_result *out, bool update, vg_error *err) {
    problem p;
    VG_TRY(problem_create(&p, update ? SEQUENCES : SEQUENCES / 2, err));
    vg_learner_config config = vg_learner_config_paper();
    if (!update) config.minibatches = 1;
    vg_pool *pool = NULL;
    vg_learner *learner = NULL;
    vg_status status = vg_pool_create(&pool, 0, err);
    if (status == VG_OK) status = vg_learner_create(&learner, &p.net, &config, STEPS, p.batch.S, pool, 1, err);
    if (status == VG_OK)
        status = update ? time_update(out, &p, pool, learner, err) : time_step(out, &p, pool, learner, err);
    vg_learner_destroy(learner);
    vg_pool_destroy(pool);
    vg_arena_destroy(&p.memory);
    return status;
}

vg_status vg_bench_learner_step(vg_bench_result *out, vg_error *err) {
    return run(out, false, err);
}

vg_status vg_bench_paper_update(vg_bench_result *out, vg_error *err) {
    return run(out, true, err);
}
