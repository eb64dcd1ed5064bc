/* The learner: advantages and Adam against their formulas, the same bits on any number of threads and after a resume,
 * numbers that are not finite, and two small tasks that must be learnt. */
#include "agents/learner.h"
#include "common/arena.h"
#include "tests/support/support.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every allocation of the process is counted here, where no sanitizer does the allocating itself. */
static atomic_long allocations;
#ifndef VG_SANITIZED
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *malloc(size_t size) {
    atomic_fetch_add(&allocations, 1);
    return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
    atomic_fetch_add(&allocations, 1);
    return __libc_calloc(count, size);
}
void *realloc(void *old, size_t size) {
    atomic_fetch_add(&allocations, 1);
    return __libc_realloc(old, size);
}
#endif

/* ---- a random batch ------------------------------------------------------------------------------------------------ */

enum { T = 5, S = 13, D = 11, K = 4, C = 3, P = 4, H = 32, A = 3, N = T * S };

typedef struct sample {
    vg_batch b;
    float observation[N * D], critic[N * K], actions[N * C * A], h0[S * H], c0[S * H], logits[N * 3 * A], logp[N];
    float advantage[N], value_target[N], next_pose[N * C * VG_NET_POSE], next_reward[N], next_people[N * P * 2];
    float people_mask[N * P];
    uint8_t reset[N], valid[N];
} sample;

static void fill(float *to, size_t n, vg_rng *rng, float scale) {
    for (size_t i = 0; i < n; i++) to[i] = scale * vg_rng_normal(rng);
}

static void fill_sample(sample *s, uint32_t stream) {
    vg_rng rng = vg_test_rng(stream);
    memset(s, 0, sizeof *s);
    s->b = (vg_batch){.T = T,
                      .S = S,
                      .observation = s->observation,
                      .critic = s->critic,
                      .actions = s->actions,
                      .reset = s->reset,
                      .h0 = s->h0,
                      .c0 = s->c0,
                      .logits = s->logits,
                      .logp = s->logp,
                      .advantage = s->advantage,
                      .value_target = s->value_target,
                      .next_pose = s->next_pose,
                      .next_reward = s->next_reward,
                      .next_people = s->next_people,
                      .people_mask = s->people_mask};
    fill(s->observation, N * D, &rng, 1), fill(s->critic, N * K, &rng, 1), fill(s->h0, S * H, &rng, 0.5f);
    fill(s->c0, S * H, &rng, 0.5f), fill(s->logits, N * 3 * A, &rng, 0.1f), fill(s->advantage, N, &rng, 1);
    fill(s->value_target, N, &rng, 1), fill(s->next_pose, N * C * VG_NET_POSE, &rng, 0.5f);
    fill(s->next_reward, N, &rng, 0.5f), fill(s->next_people, N * P * 2, &rng, 0.5f);
    for (int i = 0; i < N * C * A; i++) s->actions[i] = (float)vg_rng_below(&rng, 3) - 1;
    for (int i = 0; i < N * P; i++) s->people_mask[i] = vg_rng_below(&rng, 4) != 0;
    for (int i = 0; i < N; i++) {
        s->reset[i] = vg_rng_below(&rng, 9) == 0, s->valid[i] = vg_rng_below(&rng, 5) != 0;
        s->logp[i] = -3.3f + 0.1f * vg_rng_normal(&rng);
    }
}

static const vg_net_config small_net = {.cameras = C,
                                        .people = P,
                                        .observation = D,
                                        .critic = K,
                                        .axes = A,
                                        .hidden = H,
                                        .mixtures = 16,
                                        .recurrent = true,
                                        .world_heads = true};

typedef struct setup {
    vg_pool *pool;
    vg_learner *learner;
} setup;

static setup start(const vg_net_config *net, const vg_learner_config *config, int32_t steps, int32_t sequences,
                   int32_t threads) {
    vg_error err = {0};
    setup s;
    assert_ok(vg_pool_create(&s.pool, threads, &err));
    assert_ok(vg_learner_create(&s.learner, net, config, steps, sequences, s.pool, 5, &err));
    return s;
}

static void stop(setup *s) {
    vg_learner_destroy(s->learner);
    vg_pool_destroy(s->pool);
}

static vg_learner_config small_config(void) {
    vg_learner_config config = vg_learner_config_paper();
    config.epochs = 3, config.seed = 9, config.normalise_values = true, config.entropy_weight = 0.01;
    return config;
}

/* ---- formulas ------------------------------------------------------------------------------------------------------ */

/* A_t = sum over k of (gamma lambda)^k delta_(t+k), up to the episode's end: the definition, written out. */
static void advantages_follow_their_definition(void **state) {
    (void)state;
    enum { LONG = 60, STRIDE = 3 };
    vg_rng rng = vg_test_rng(1);
    float reward[LONG * STRIDE], value[LONG * STRIDE], final_value[LONG * STRIDE], advantage[LONG * STRIDE];
    uint8_t done[LONG], terminated[LONG];
    for (int trial = 0; trial < 200; trial++) {
        fill(reward, LONG * STRIDE, &rng, 1), fill(value, LONG * STRIDE, &rng, 1);
        fill(final_value, LONG * STRIDE, &rng, 1);
        for (int t = 0; t < LONG; t++)
            done[t] = vg_rng_below(&rng, 8) == 0, terminated[t] = done[t] && vg_rng_below(&rng, 2);
        const vg_gae g = {.steps = LONG,
                          .stride = STRIDE,
                          .flag_stride = 1,
                          .reward = reward + 1,
                          .value = value + 1,
                          .final_value = final_value + 1,
                          .done = done,
                          .terminated = terminated,
                          .last_value = vg_rng_normal(&rng),
                          .discount = 0.97,
                          .lambda = trial % 2 ? 0.9 : 1};
        vg_gae_run(advantage + 1, &g);
        for (int t = 0; t < LONG; t++) {
            double sum = 0, weight = 1;
            for (int k = t; k < LONG; k++) {
                const double after = terminated[k]   ? 0
                                     : done[k]       ? (double)g.final_value[k * STRIDE]
                                     : k == LONG - 1 ? (double)g.last_value
                                                     : (double)g.value[(k + 1) * STRIDE];
                sum += weight * ((double)g.reward[k * STRIDE] + 0.97 * after - (double)g.value[k * STRIDE]);
                if (done[k]) break;
                weight *= 0.97 * g.lambda;
            }
            assert_close(advantage[1 + t * STRIDE], sum, 1e-5);
        }
    }
}

/* Two steps, by hand: reward 1 each, values 10 and 20, discount 0.5, lambda 1. */
static void a_cut_episode_is_bootstrapped_from_its_last_state(void **state) {
    (void)state;
    const float reward[2] = {1, 1}, value[2] = {10, 20}, final_value[2] = {100, 200};
    const struct {
        uint8_t done[2], terminated[2];
        float advantage[2];
    } cases[] = {
        /* goes on: d1 = 1 + 0.5 * 40 - 20 = 1, d0 = 1 + 0.5 * 20 - 10 = 1 */
        {{0, 0}, {0, 0}, {1.5f, 1}},
        /* ends with step 1: d1 = 1 - 20 = -19 */
        {{0, 1}, {0, 1}, {-8.5f, -19}},
        /* is cut after step 1: d1 = 1 + 0.5 * 200 - 20 = 81, whatever follows */
        {{0, 1}, {0, 0}, {41.5f, 81}},
        /* is cut after step 0: d0 = 1 + 0.5 * 100 - 10 = 41; step 1 is another episode */
        {{1, 0}, {0, 0}, {41, 1}},
        /* ends with step 0: d0 = 1 - 10 */
        {{1, 0}, {1, 0}, {-9, 1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        float advantage[2];
        const vg_gae g = {.steps = 2,
                          .stride = 1,
                          .flag_stride = 1,
                          .reward = reward,
                          .value = value,
                          .final_value = final_value,
                          .done = cases[i].done,
                          .terminated = cases[i].terminated,
                          .last_value = 40,
                          .discount = 0.5,
                          .lambda = 1};
        vg_gae_run(advantage, &g);
        for (int t = 0; t < 2; t++) assert_close(advantage[t], cases[i].advantage[t], 1e-5);
    }
}

static void advantages_are_normalised_over_valid_rows(void **state) {
    (void)state;
    float a[5] = {1, 1000, 3, -1000, 5};
    const uint8_t valid[5] = {1, 0, 1, 0, 1};
    vg_normalise_advantages(a, valid, 5);
    assert_close(a[0], -2 / sqrt(8.0 / 3), 1e-4);
    assert_close(a[2], 0, 1e-6);
    assert_close(a[4], 2 / sqrt(8.0 / 3), 1e-4);
    float same[3] = {4, 4, 4};
    vg_normalise_advantages(same, NULL, 3);
    for (int i = 0; i < 3; i++) assert_true(same[i] == 0);
}

/* Kingma and Ba's algorithm 1, in double precision. */
static void adam_follows_its_formula(void **state) {
    (void)state;
    enum { COUNT = 37 };
    vg_rng rng = vg_test_rng(2);
    float p[COUNT], m[COUNT] = {0}, v[COUNT] = {0}, g[COUNT];
    double p2[COUNT], m2[COUNT] = {0}, v2[COUNT] = {0};
    fill(p, COUNT, &rng, 1);
    for (int i = 0; i < COUNT; i++) p2[i] = (double)p[i];
    const vg_adam adam = {1e-2, 0.9, 0.999, 1e-8};
    for (int step = 1; step <= 50; step++) {
        fill(g, COUNT, &rng, step % 7 ? 1 : 100);
        vg_adam_step(p, m, v, g, COUNT, 0.5, step, &adam);
        for (int i = 0; i < COUNT; i++) {
            const double d = 0.5 * (double)g[i];
            m2[i] = 0.9 * m2[i] + 0.1 * d;
            v2[i] = 0.999 * v2[i] + 0.001 * d * d;
            const double m_hat = m2[i] / (1 - pow(0.9, step)), v_hat = v2[i] / (1 - pow(0.999, step));
            p2[i] -= 1e-2 * m_hat / (sqrt(v_hat) + 1e-8);
            assert_close(p[i], p2[i], 3e-6);
        }
    }
}

static void the_schedule_is_the_references(void **state) {
    (void)state;
    assert_close(vg_learning_rate_paper(0), 5e-4, 1e-12);
    assert_close(vg_learning_rate_paper(199999), 5e-4, 1e-12);
    assert_close(vg_learning_rate_paper(200000), 1e-4, 1e-12);
    assert_close(vg_learning_rate_paper(400000), 1e-4, 1e-12);
    assert_close(vg_learning_rate_paper(500000), 7.5e-5, 1e-12);
    assert_close(vg_learning_rate_paper(5000000), 5e-5, 1e-12);
}

/* ---- gradients ----------------------------------------------------------------------------------------------------- */

/* max |a - b| over max |b| */
static double difference(const float *a, const float *b, size_t n) {
    double most = 0, scale = 0;
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, fabs((double)a[i] - (double)b[i]));
        scale = fmax(scale, fabs((double)b[i]));
    }
    return most / scale;
}

/* Each sequence keeps its own recurrent state and critic inputs wherever it stands in the minibatch, and the minibatch's
 * gradient is the mean of its parts'. */
static void gradients_do_not_depend_on_order_and_add_up(void **state) {
    (void)state;
    static sample s;
    fill_sample(&s, 3);
    vg_learner_config config = small_config();
    config.minibatches = 1;
    setup one = start(&small_net, &config, T, S, 1);
    const size_t size = vg_learner_net(one.learner)->layout.size, bytes = size * sizeof(float);
    float *forward = malloc(bytes), *sum = calloc(size, sizeof(float));
    int32_t index[S], reversed[S];
    for (int32_t i = 0; i < S; i++) index[i] = i, reversed[i] = S - 1 - i;
    memcpy(forward, vg_learner_gradient(one.learner, &s.b, index, S), bytes);
    assert_true(difference(vg_learner_gradient(one.learner, &s.b, reversed, S), forward, size) < 2e-5);
    for (int32_t i = 0; i < S; i++) {
        const float *g = vg_learner_gradient(one.learner, &s.b, index + i, 1);
        for (size_t k = 0; k < size; k++) sum[k] += g[k] / S;
    }
    assert_true(difference(sum, forward, size) < 2e-5);
    free(forward), free(sum);
    stop(&one);
}

static void rows_that_are_not_valid_teach_nothing(void **state) {
    (void)state;
    static sample s;
    fill_sample(&s, 4);
    s.b.valid = s.valid;
    vg_learner_config config = small_config();
    config.minibatches = 1;
    setup one = start(&small_net, &config, T, S, 1);
    const size_t size = vg_learner_net(one.learner)->layout.size;
    float *before = malloc(size * sizeof(float));
    int32_t index[S];
    for (int32_t i = 0; i < S; i++) index[i] = i;
    memcpy(before, vg_learner_gradient(one.learner, &s.b, index, S), size * sizeof(float));
    for (int i = 0; i < N; i++) {
        if (s.valid[i]) continue;
        s.advantage[i] = 1e6f, s.value_target[i] = -1e6f, s.next_reward[i] = 1e6f, s.logp[i] = -20;
        for (int k = 0; k < C * VG_NET_POSE; k++) s.next_pose[i * C * VG_NET_POSE + k] = NAN;
    }
    assert_memory_equal(before, vg_learner_gradient(one.learner, &s.b, index, S), size * sizeof(float));
    memset(s.valid, 0, sizeof s.valid);
    const float *none = vg_learner_gradient(one.learner, &s.b, index, S);
    for (size_t i = 0; i < size; i++) assert_true(none[i] == 0);
    free(before);
    stop(&one);
}

/* ---- updates ------------------------------------------------------------------------------------------------------- */

static void the_bits_do_not_depend_on_the_number_of_threads(void **state) {
    (void)state;
    static sample s;
    fill_sample(&s, 5);
    const vg_learner_config config = small_config();
    float *first = NULL;
    vg_learner_stats first_stats = {0};
    for (int32_t threads = 1; threads <= 4; threads++) {
        setup one = start(&small_net, &config, T, S, threads);
        vg_learner_stats stats;
        for (int i = 0; i < 3; i++) vg_learner_update(one.learner, &s.b, 1e-3, &stats);
        const vg_net *net = vg_learner_net(one.learner);
        const size_t bytes = net->layout.size * sizeof(float);
        if (!first) {
            first = malloc(bytes);
            memcpy(first, net->p, bytes);
            first_stats = stats;
        }
        assert_memory_equal(net->p, first, bytes);
        assert_memory_equal(&stats, &first_stats, sizeof stats);
        stop(&one);
    }
    free(first);
}

static void a_resumed_learner_goes_on_with_the_same_bits(void **state) {
    (void)state;
    static sample s, other;
    fill_sample(&s, 6), fill_sample(&other, 7);
    const vg_learner_config config = small_config();
    setup whole = start(&small_net, &config, T, S, 1), resumed = start(&small_net, &config, T, S, 2);
    vg_learner_stats a, b;
    vg_learner_update(whole.learner, &s.b, 1e-3, &a);
    void *kept = malloc(vg_learner_state_bytes(whole.learner));
    vg_learner_save_state(whole.learner, kept);
    vg_learner_update(whole.learner, &other.b, 1e-3, &a);
    vg_learner_load_state(resumed.learner, kept);
    vg_learner_update(resumed.learner, &other.b, 1e-3, &b);
    const size_t bytes = vg_learner_net(whole.learner)->layout.size * sizeof(float);
    assert_memory_equal(vg_learner_net(whole.learner)->p, vg_learner_net(resumed.learner)->p, bytes);
    assert_memory_equal(&a, &b, sizeof a);
    assert_true(vg_learner_denormalise(whole.learner, 0.3) == vg_learner_denormalise(resumed.learner, 0.3));
    free(kept);
    stop(&whole), stop(&resumed);
}

static void check_finite(const vg_learner *learner, const vg_net *net) {
    for (size_t i = 0; i < net->layout.size; i++) assert_true(isfinite(net->p[i]));
    assert_true(isfinite(vg_learner_denormalise(learner, 1)));
}

static void numbers_that_are_not_finite_change_nothing(void **state) {
    (void)state;
    static sample s;
    const vg_learner_config config = small_config(); /* 2 minibatches x 3 epochs */
    for (int where = 0; where < 6; where++) {
        fill_sample(&s, 8);
        setup one = start(&small_net, &config, T, S, 2);
        const vg_net *net = vg_learner_net(one.learner);
        vg_learner_stats stats;
        vg_learner_update(one.learner, &s.b, 1e-3, &stats);
        assert_int_equal(stats.skipped_updates, 0);
        float *before = malloc(net->layout.size * sizeof(float));
        memcpy(before, net->p, net->layout.size * sizeof(float));
        float *const places[] = {s.observation, s.critic, s.advantage, s.value_target, s.next_pose, s.h0};
        const float keep = places[where][7];
        places[where][7] = where == 0 ? INFINITY : NAN;
        s.reset[0] = 0; /* so that h0 is looked at */
        vg_learner_update(one.learner, &s.b, 1e-3, &stats);
        assert_true(stats.skipped_updates >= 3); /* one minibatch of each epoch, at least */
        check_finite(one.learner, net);
        if (where == 2) /* an advantage that is not finite spoils the mean, so nothing is learnt */
            assert_memory_equal(before, net->p, net->layout.size * sizeof(float));
        else
            assert_true(isfinite(stats.policy_loss) && isfinite(stats.kl) && isfinite(stats.gradient_norm));
        places[where][7] = keep;
        const int64_t skipped = stats.skipped_updates;
        vg_learner_update(one.learner, &s.b, 1e-3, &stats);
        assert_int_equal(stats.skipped_updates, skipped);
        check_finite(one.learner, net);
        assert_true(isfinite(stats.policy_loss) && isfinite(stats.gradient_norm));
        free(before);
        stop(&one);
    }
}

static void the_kl_penalty_adapts(void **state) {
    (void)state;
    static sample s;
    fill_sample(&s, 9);
    vg_learner_config config = small_config();
    setup one = start(&small_net, &config, T, S, 1);
    vg_learner_stats stats;
    vg_learner_update(one.learner, &s.b, 0, &stats); /* no step: only the distance to the random old logits */
    const double kl = stats.kl, coefficient = stats.kl_coefficient;
    assert_true(kl > 0);
    stop(&one);
    const struct { double target, factor; } cases[] = {{kl / 3, 1.5}, {kl / 1.5, 1}, {kl * 1.5, 1}, {kl * 3, 0.5}};
    for (int i = 0; i < 4; i++) {
        config.kl_target = cases[i].target;
        one = start(&small_net, &config, T, S, 1);
        vg_learner_update(one.learner, &s.b, 0, &stats);
        assert_close(stats.kl_coefficient, 0.2 * cases[i].factor, 1e-12);
        stop(&one);
    }
    assert_true(coefficient > 0);
}

static void an_update_allocates_nothing(void **state) {
    (void)state;
    static sample s;
    fill_sample(&s, 10);
    const vg_learner_config config = small_config();
    setup one = start(&small_net, &config, T, S, 2);
    vg_learner_stats stats;
    const long before = atomic_load(&allocations);
    vg_learner_update(one.learner, &s.b, 1e-3, &stats);
    assert_int_equal(atomic_load(&allocations), before);
    stop(&one);
}

/* The heads' terms are told apart: the weighted sum of their means is the world-dynamics loss. */
static void the_heads_losses_add_up(void **state) {
    (void)state;
    static sample s;
    fill_sample(&s, 11);
    double target = 0, others = 0;
    for (int i = 0; i < N; i++)
        for (int q = 0; q < P; q++) *(q ? &others : &target) += (double)s.people_mask[i * P + q] / N;
    const vg_learner_config config = small_config();
    setup one = start(&small_net, &config, T, S, 1);
    vg_learner_stats stats;
    vg_learner_update(one.learner, &s.b, 0, &stats);
    const double *nll = stats.nll;
    const double sum = target * nll[VG_HEAD_TARGET] + nll[VG_HEAD_OWN] + (C - 1) * nll[VG_HEAD_TEAM] +
                       nll[VG_HEAD_REWARD] + 0.1 * others * nll[VG_HEAD_PEOPLE];
    assert_close(stats.world_loss, 5 * sum, 1e-6 * fabs(stats.world_loss));
    stop(&one);
}

static void wrong_shapes_are_refused(void **state) {
    (void)state;
    vg_error err = {0};
    vg_learner_config config = small_config();
    config.minibatches = S + 1;
    vg_pool *pool;
    vg_learner *learner;
    assert_ok(vg_pool_create(&pool, 1, &err));
    assert_error(vg_learner_create(&learner, &small_net, &config, T, S, pool, 1, &err), VG_INVALID,
                 "minibatches is 14; a batch has only 13 sequences");
    vg_pool_destroy(pool);
}

/* ---- small tasks --------------------------------------------------------------------------------------------------- */

enum { TASK_STEPS = 8, TASK_SEQUENCES = 64, CUES = 3 };

/* Acts out one batch of a task: the observation is a cue (one-hot) and a constant; the reward is 1 for the right action.
 * With `memory` the cue shows only in the first step and the answer counts in the last; else every step is a bandit whose
 * right action is always 2. Returns the share of right answers. */
static double play(vg_net *net, vg_net_room *room, const vg_learner *learner, vg_batch *b, bool memory,
                   uint32_t round) {
    enum { B = TASK_SEQUENCES, W = CUES + 1 };
    static float h[TASK_SEQUENCES * H], c[TASK_SEQUENCES * H], value[TASK_STEPS * TASK_SEQUENCES];
    static float reward[TASK_STEPS * TASK_SEQUENCES];
    static uint8_t done[TASK_STEPS * TASK_SEQUENCES];
    uint32_t cue[B];
    double right = 0;
    memset(h, 0, sizeof h), memset(c, 0, sizeof c), memset(done, 0, sizeof done);
    vg_rng rng = vg_rng_at(77, round, 0, VG_DRAW_TEST);
    for (int i = 0; i < B; i++) cue[i] = vg_rng_below(&rng, CUES), done[(TASK_STEPS - 1) * B + i] = 1;
    for (int t = 0; t < TASK_STEPS; t++) {
        float *x = vg_net_observations(room);
        for (int i = 0; i < B; i++)
            for (uint32_t k = 0; k < W; k++)
                x[i * W + (int)k] = k == CUES ? 1 : memory && t == 0 && k == cue[i] ? 1 : 0;
        memcpy(b->observation + t * B * W, x, sizeof(float) * B * W);
        const float *logits = vg_net_act(net, room, B, h, c);
        memcpy(b->logits + t * B * 3, logits, sizeof(float) * B * 3);
        for (int i = 0; i < B; i++) {
            const float *y = logits + 3 * i;
            double total = 0, u = (double)vg_rng_uniform(&rng);
            for (int k = 0; k < 3; k++) total += exp((double)y[k]);
            int chosen = 0;
            for (u -= exp((double)y[0]) / total; u > 0 && chosen < 2; u -= exp((double)y[chosen]) / total) chosen++;
            const bool counts = !memory || t == TASK_STEPS - 1;
            const bool good = (uint32_t)chosen == (memory ? cue[i] : 2);
            b->actions[t * B + i] = (float)chosen - 1;
            b->logp[t * B + i] = (float)log(exp((double)y[chosen]) / total);
            reward[t * B + i] = counts && good ? 1 : 0;
            right += counts && good;
        }
        const float *v = vg_net_value(net, room, B);
        for (int i = 0; i < B; i++) value[t * B + i] = (float)vg_learner_denormalise(learner, (double)v[i]);
    }
    for (int i = 0; i < B; i++) {
        const vg_gae g = {.steps = TASK_STEPS,
                          .stride = B,
                          .flag_stride = B,
                          .reward = reward + i,
                          .value = value + i,
                          .final_value = value + i,
                          .done = done + i,
                          .terminated = done + i,
                          .discount = 0.99,
                          .lambda = 0.95};
        vg_gae_run(b->advantage + i, &g);
    }
    for (int i = 0; i < TASK_STEPS * B; i++) b->value_target[i] = b->advantage[i] + value[i];
    return right / (memory ? B : TASK_STEPS * B);
}

static void learn(bool memory, int rounds, double share) {
    vg_error err = {0};
    const vg_net_config net = {
        .cameras = 1, .people = 1, .observation = CUES + 1, .axes = 1, .hidden = H, .mixtures = 16, .recurrent = true};
    vg_learner_config config = {.epochs = 4,
                                .minibatches = 2,
                                .clip = 0.2,
                                .value_weight = 0.5,
                                .entropy_weight = 0.01,
                                .gradient_clip = 1,
                                .normalise_values = true,
                                .kl_target = 0.01};
    setup one = start(&net, &config, TASK_STEPS, TASK_SEQUENCES, 2);
    enum { ROWS = TASK_STEPS * TASK_SEQUENCES };
    static float observation[ROWS * (CUES + 1)], actions[ROWS], state[TASK_SEQUENCES * H], logits[ROWS * 3];
    static float logp[ROWS], advantage[ROWS], value_target[ROWS];
    static uint8_t reset[ROWS];
    memset(state, 0, sizeof state);
    vg_batch b = {.T = TASK_STEPS,
                  .S = TASK_SEQUENCES,
                  .observation = observation,
                  .actions = actions,
                  .reset = reset,
                  .h0 = state,
                  .c0 = state,
                  .logits = logits,
                  .logp = logp,
                  .advantage = advantage,
                  .value_target = value_target};
    vg_net_room *room;
    vg_net *net_now = vg_learner_net(one.learner);
    assert_ok(vg_net_room_create(&room, &net_now->layout, TASK_SEQUENCES, &err));
    vg_learner_stats stats;
    double right = 0;
    int round = 0;
    for (; round < rounds && right < share; round++) {
        const double now = play(net_now, room, one.learner, &b, memory, (uint32_t)round);
        right = 0.8 * right + 0.2 * now;
        vg_learner_update(one.learner, &b, 3e-3, &stats);
    }
    printf("%s: %.3f right after %d updates\n", memory ? "memory" : "bandit", right, round);
    assert_true(right >= share);
    vg_net_room_destroy(room);
    stop(&one);
}

static void a_bandit_is_learnt(void **state) {
    (void)state;
    learn(false, 100, 0.95);
}

static void a_cue_is_remembered_over_eight_steps(void **state) {
    (void)state;
    learn(true, 400, 0.95);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(advantages_follow_their_definition),
        cmocka_unit_test(a_cut_episode_is_bootstrapped_from_its_last_state),
        cmocka_unit_test(advantages_are_normalised_over_valid_rows),
        cmocka_unit_test(adam_follows_its_formula),
        cmocka_unit_test(the_schedule_is_the_references),
        cmocka_unit_test(gradients_do_not_depend_on_order_and_add_up),
        cmocka_unit_test(rows_that_are_not_valid_teach_nothing),
        cmocka_unit_test(the_bits_do_not_depend_on_the_number_of_threads),
        cmocka_unit_test(a_resumed_learner_goes_on_with_the_same_bits),
        cmocka_unit_test(numbers_that_are_not_finite_change_nothing),
        cmocka_unit_test(the_kl_penalty_adapts),
        cmocka_unit_test(an_update_allocates_nothing),
        cmocka_unit_test(the_heads_losses_add_up),
        cmocka_unit_test(wrong_shapes_are_refused),
        cmocka_unit_test(a_bandit_is_learnt),
        cmocka_unit_test(a_cue_is_remembered_over_eight_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
