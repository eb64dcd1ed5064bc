/* The network and its loss: hand-derived gradients against finite differences in double precision, sequences against
 * single steps, initialisation, the fast functions. */
#include "agents/learner.h"
#include "agents/net_float.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* the same passes in double precision */
static inline double vg_f64_tanh(double x) {
    return tanh(x);
}
static inline double vg_f64_sigmoid(double x) {
    return 1 / (1 + exp(-x));
}
static inline double vg_f64_exp(double x) {
    return exp(x);
}
static inline double vg_f64_log(double x) {
    return log(x);
}
#undef VG_REAL
#undef VG_NET
#undef VG_GEMM
#define VG_REAL      double
#define VG_NET(name) vg_f64_##name
#define VG_GEMM      cblas_dgemm
#include "agents/net_impl.h"

#include "agents/learner_impl.h"

typedef struct problem {
    vg_net_layout layout;
    vg_learner_config config;
    vg_arena memory;
    vg_f64_ws ws;
    vg_f64_targets y;
    double *p, *g, *h0, *c0;
    uint8_t *reset;
    int32_t T, S;
} problem;

static void plan_problem(problem *q, vg_arena *arena) {
    const vg_net_config *c = &q->layout.config;
    const size_t N = (size_t)(q->T * q->S), A = (size_t)c->axes, C = (size_t)c->cameras, P = (size_t)c->people;
    vg_f64_ws_plan(&q->ws, arena, &q->layout, q->T * q->S, q->S, true);
    q->p = VG_ARENA_NEW(arena, double, q->layout.size), q->g = VG_ARENA_NEW(arena, double, q->layout.size);
    q->h0 = VG_ARENA_NEW(arena, double, q->S * c->hidden), q->c0 = VG_ARENA_NEW(arena, double, q->S * c->hidden);
    q->reset = VG_ARENA_NEW(arena, uint8_t, N);
    q->y.logits = VG_ARENA_NEW(arena, double, N * 3 * A), q->y.logp = VG_ARENA_NEW(arena, double, N);
    q->y.advantage = VG_ARENA_NEW(arena, double, N), q->y.value = VG_ARENA_NEW(arena, double, N);
    q->y.action = VG_ARENA_NEW(arena, int8_t, N * A);
    q->y.pose = VG_ARENA_NEW(arena, double, N *C *VG_NET_POSE), q->y.reward = VG_ARENA_NEW(arena, double, N);
    q->y.people = VG_ARENA_NEW(arena, double, N *P * 2), q->y.mask = VG_ARENA_NEW(arena, double, N *P);
}

static void fill(double *to, size_t n, vg_rng *rng, double scale) {
    for (size_t i = 0; i < n; i++) to[i] = scale * (double)vg_rng_normal(rng);
}

static void make_problem(problem *q, bool recurrent, bool heads) {
    vg_rng rng = vg_test_rng(7);
    const vg_net_config c = {.cameras = 3,
                             .people = 3,
                             .observation = 7,
                             .critic = 5,
                             .axes = 3,
                             .hidden = 16,
                             .mixtures = 16,
                             .recurrent = recurrent,
                             .world_heads = heads};
    *q = (problem){.T = 4, .S = 3, .config = vg_learner_config_paper()};
    q->config.entropy_weight = 0.05;
    vg_net_layout_make(&q->layout, &c);
    vg_arena measure = {0};
    plan_problem(q, &measure);
    vg_error err = {0};
    assert_ok(vg_arena_create(&q->memory, measure.used, &err));
    plan_problem(q, &q->memory);
    const size_t N = (size_t)(q->T * q->S);
    for (int32_t k = 0; k < q->layout.count; k++) {
        const vg_net_param *param = &q->layout.param[k];
        fill(q->p + param->at, (size_t)param->rows * (size_t)param->columns, &rng, 0.4);
    }
    /* wide Gaussians, so that no error is clipped at 5 sigma, where sigma is detached and differences would see it */
    for (int32_t k = 0; k < q->layout.heads; k++) {
        const vg_net_param *W = &q->layout.param[q->layout.head_out + 2 * k];
        for (size_t i = 0; i < (size_t)(W->rows * W->columns); i++) q->p[W->at + i] *= 0.2;
        for (int32_t i = 0; i < W->columns; i++) q->p[W[1].at + (size_t)i] = 1;
    }
    fill(q->ws.x, N * 7, &rng, 1), fill(q->ws.critic_in, N * 5, &rng, 1);
    fill(q->h0, (size_t)q->S * 16, &rng, 0.5), fill(q->c0, (size_t)q->S * 16, &rng, 0.5);
    fill(q->y.logits, N * 9, &rng, 0.5), fill(q->y.advantage, N, &rng, 1), fill(q->y.value, N, &rng, 1);
    fill(q->y.pose, N * 3 * VG_NET_POSE, &rng, 0.5), fill(q->y.reward, N, &rng, 0.5),
        fill(q->y.people, N * 6, &rng, 0.5);
    for (size_t i = 0; i < N * 3; i++) q->y.mask[i] = i % 5 != 0;
    for (size_t i = 0; i < N; i++) q->reset[i] = i == 7;
    for (size_t i = 0; i < N * 3; i++) q->y.action[i] = (int8_t)vg_rng_below(&rng, 3);
    for (size_t i = 0; i < N; i++) {
        q->y.logp[i] = -3.3 + 0.2 * (double)vg_rng_normal(&rng);
        if (heads)
            for (size_t k = 0; k < 9; k++) q->ws.act[i * 9 + k] = (double)vg_rng_below(&rng, 3) - 1;
    }
}

/* The mean loss; everything but the detached parts is differentiated through. */
static double loss_of(problem *q, bool backward) {
    const int32_t N = q->T * q->S;
    vg_f64_loss_sums sums = {0};
    vg_f64_actor_forward(&q->ws, q->p, q->T, q->S, q->h0, q->c0, q->reset);
    vg_f64_critic_forward(&q->ws, q->p, N);
    if (q->layout.heads) vg_f64_heads_forward(&q->ws, q->p, N, 1, q->layout.heads - 1);
    vg_f64_loss(&q->ws, &q->y, &q->config, 0.2, N, N, &sums);
    if (backward) vg_f64_backward(&q->ws, q->p, q->g, q->T, q->S, q->reset);
    return (sums.policy + q->config.value_weight * sums.value + sums.world + 0.2 * sums.kl -
            q->config.entropy_weight * sums.entropy) /
           N;
}

/* The projection reads the target head detached, so the head's own parameters feel the heads' losses alone: their
 * finite differences are taken with the projection's weights at zero, where that path is closed. */
static void check_gradients(bool recurrent, bool heads) {
    problem q;
    make_problem(&q, recurrent, heads);
    if (heads) {
        const vg_net_param *W = &q.layout.param[q.layout.projection];
        memset(q.p + W->at, 0, sizeof(double) * (size_t)W->rows * (size_t)W->columns);
    }
    memset(q.g, 0, sizeof(double) * q.layout.size);
    loss_of(&q, true);
    double *g = malloc(sizeof(double) * q.layout.size);
    memcpy(g, q.g, sizeof(double) * q.layout.size);
    vg_rng rng = vg_test_rng(8);
    for (int32_t k = 0; k < q.layout.count; k++) {
        const vg_net_param *param = &q.layout.param[k];
        const uint32_t n = (uint32_t)(param->rows * param->columns);
        for (int32_t trial = 0; trial < 12; trial++) {
            const size_t at = param->at + vg_rng_below(&rng, n);
            const double keep = q.p[at], step = 1e-5;
            double sides[4];
            const double offsets[4] = {-2, -1, 1, 2};
            for (int i = 0; i < 4; i++) q.p[at] = keep + offsets[i] * step, sides[i] = loss_of(&q, false);
            q.p[at] = keep;
            const double numeric = (sides[0] - 8 * sides[1] + 8 * sides[2] - sides[3]) / (12 * step);
            if (fabs(numeric - g[at]) > 1e-6 * (1 + fabs(numeric)))
                fail_msg("%s[%zu]: gradient %.10g, finite differences %.10g", param->name, at - param->at, g[at],
                         numeric);
        }
    }
    free(g);
    vg_arena_destroy(&q.memory);
}

static void gradients_match_finite_differences(void **state) {
    (void)state;
    check_gradients(true, true);
}
static void gradients_match_without_heads(void **state) {
    (void)state;
    check_gradients(true, false);
}
static void gradients_match_without_recurrence(void **state) {
    (void)state;
    check_gradients(false, true);
}

/* The projection's own weights, and everything before it but the target head, with the path open: the head's raw output is
 * frozen by perturbing only parameters that the raw output does not depend on. */
static void the_projection_learns_from_the_detached_head(void **state) {
    (void)state;
    problem q;
    make_problem(&q, true, true);
    memset(q.g, 0, sizeof(double) * q.layout.size);
    loss_of(&q, true);
    const vg_net_param *W = &q.layout.param[q.layout.projection];
    for (size_t i = 0; i < 40; i++) {
        const size_t at = W->at + i * 7;
        const double keep = q.p[at], step = 1e-5;
        q.p[at] = keep + step;
        const double up = loss_of(&q, false);
        q.p[at] = keep - step;
        const double down = loss_of(&q, false);
        q.p[at] = keep;
        assert_close((up - down) / (2 * step), q.g[at], 1e-7);
    }
    /* detached: with a zero weight on every head, nothing reaches the target head's parameters */
    q.config.head_weight = 0;
    memset(q.g, 0, sizeof(double) * q.layout.size);
    loss_of(&q, true);
    const vg_net_param *head = &q.layout.param[q.layout.head_out];
    for (int32_t i = 0; i < head->rows * head->columns; i++) assert_true(q.g[head->at + (size_t)i] == 0);
    vg_arena_destroy(&q.memory);
}

static void a_sequence_equals_single_steps(void **state) {
    (void)state;
    problem q;
    make_problem(&q, true, true);
    loss_of(&q, false);
    const int32_t H = 16, F = vg_f64_feature_width(&q.layout);
    double logits[12 * 9];
    memcpy(logits, q.ws.logits, sizeof logits);
    /* step by step, clearing the state of sequence 1 before step 2 (row 7) */
    double x[12 * 7], h[3 * 16], c[3 * 16];
    memcpy(x, q.ws.x, sizeof x);
    memcpy(h, q.h0, sizeof h), memcpy(c, q.c0, sizeof c);
    for (int32_t t = 0; t < 4; t++) {
        if (t == 2) memset(h + H, 0, sizeof(double) * 16), memset(c + H, 0, sizeof(double) * 16);
        memcpy(q.ws.x, x + t * 21, sizeof(double) * 21);
        vg_f64_actor_forward(&q.ws, q.p, 1, 3, h, c, NULL);
        for (int32_t i = 0; i < 27; i++) assert_close(q.ws.logits[i], logits[t * 27 + i], 1e-12);
        for (int32_t s = 0; s < 3; s++) memcpy(h + s * H, q.ws.features + s * F + H, sizeof(double) * 16);
        memcpy(c, q.ws.c, sizeof c);
    }
    vg_arena_destroy(&q.memory);
}

/* Beyond 5 sigma an error counts as 5 sigma, a constant to the mean, and sigma feels it through 1 / sigma alone. */
static void a_wild_target_is_limited_to_five_sigma(void **state) {
    (void)state;
    enum { G = 16 };
    double out[3 * G] = {0}, d[3 * G], y = 1000;
    for (int g = 0; g < G; g++) out[G + g] = 0.5, out[2 * G + g] = log(0.1);
    const double nll = vg_f64_mixture_nll(d, out, &y, 1, 2);
    assert_close(nll, 12.5 + log(0.1) + 0.5 * log(2 * 3.14159265358979), 1e-12);
    for (int g = 0; g < G; g++) {
        assert_close(d[g], 0, 1e-12); /* equal components: no reason to prefer one */
        assert_true(d[G + g] == 0);
        assert_close(d[2 * G + g], -2.0 / G * 24, 1e-12);
    }
    y = 0.5 + 0.1; /* one sigma off */
    assert_close(vg_f64_mixture_nll(d, out, &y, 1, 2), 0.5 + log(0.1) + 0.5 * log(2 * 3.14159265358979), 1e-12);
    for (int g = 0; g < G; g++) assert_close(d[G + g], -2.0 / G * 10, 1e-10), assert_close(d[2 * G + g], 0, 1e-10);
    for (int g = 0; g < G; g++) out[2 * G + g] = -1000; /* sigma is kept above 1e-6, and does not pull there */
    y = 0.5;
    assert_close(vg_f64_mixture_nll(d, out, &y, 1, 1), log(1e-6) + 0.5 * log(2 * 3.14159265358979), 1e-9);
    for (int g = 0; g < G; g++) assert_true(d[2 * G + g] == 0);
}

/* min(ratio A, clip(ratio) A) with clip 0.3, case by case; uniform policy, so the chosen action's logit feels
 * -ratio A (1 - 1/3), or nothing. */
static void the_clipped_objective_case_by_case(void **state) {
    (void)state;
    const struct {
        double ratio, advantage, objective;
        bool pulls;
    } cases[] = {
        {1, 2, 2, true},     {1.29, 2, 2.58, true},   {1.31, 2, 2.6, false},   {0.5, 2, 1, true},
        {1.5, -2, -3, true}, {0.71, -2, -1.42, true}, {0.69, -2, -1.4, false}, {5, -2, -10, true},
    };
    const vg_learner_config config = {.clip = 0.3};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const double logits[3] = {0, 0, 0}, old[3] = {0.1, 0, 0};
        const int8_t action = 1;
        double d[3];
        vg_f64_loss_sums sums = {0};
        vg_f64_policy_row(d, &sums, logits, old, &action, 1, log(1.0 / 3) - log(cases[i].ratio), cases[i].advantage,
                          &config, 0, 1);
        assert_close(sums.policy, -cases[i].objective, 1e-12);
        assert_true((sums.clipped == 0) == cases[i].pulls);
        const double pull = cases[i].pulls ? -cases[i].ratio * cases[i].advantage : 0;
        assert_close(d[1], pull * 2 / 3, 1e-12);
        assert_close(d[0], -pull / 3, 1e-12);
        assert_close(sums.entropy, log(3), 1e-12);
        assert_true(sums.kl > 0);
    }
}

static void products_of_few_rows_match_blas(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(11);
    for (int trial = 0; trial < 400; trial++) {
        const int32_t rows = 1 + (int32_t)vg_rng_below(&rng, 40), in = (int32_t)vg_rng_below(&rng, 70);
        const int32_t out = 1 + (int32_t)vg_rng_below(&rng, 150), ldx = in + 1 + trial % 3, ldw = out + trial % 5;
        const int32_t ldy = out + 3;
        static double x[40 * 75], w[70 * 160], y[40 * 160], expected[40 * 160];
        fill(x, 40 * 75, &rng, 1), fill(w, 70 * 160, &rng, 1), fill(y, 40 * 160, &rng, 1);
        memcpy(expected, y, sizeof y);
        const double beta = trial % 2;
        if (in) /* BLAS takes no empty product */
            cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, out, in, 1, x, ldx, w, ldw, beta, expected,
                        ldy);
        else
            for (int32_t i = 0; i < rows * ldy; i++) expected[i] *= i % ldy < out ? beta : 1;
        vg_f64_few_rows(y, ldy, x, ldx, w, ldw, rows, in, out, beta);
        for (int i = 0; i < 40 * 160; i++) assert_close(y[i], expected[i], 1e-12);
    }
}

/* What one agent is told to do does not depend on who else is asked at the same time. */
static void acting_does_not_depend_on_the_batch(void **state) {
    (void)state;
    enum { B = 13 };
    vg_error err = {0};
    const vg_net_config config = vg_net_config_default(3, 4, 50, 10);
    vg_net *net;
    vg_net_room *room;
    assert_ok(vg_net_create(&net, &config, 3, &err));
    assert_ok(vg_net_room_create(&room, &net->layout, B, &err));
    static float x[B * 50], h[B * 128], c[B * 128], h1[B * 128], c1[B * 128], logits[B * 9], values[B];
    vg_rng rng = vg_test_rng(12);
    for (int i = 0; i < B * 50; i++) x[i] = vg_rng_normal(&rng);
    for (int i = 0; i < B * 128; i++) h[i] = h1[i] = vg_rng_normal(&rng), c[i] = c1[i] = vg_rng_normal(&rng);
    memcpy(vg_net_observations(room), x, sizeof x);
    memset(vg_net_critic_inputs(room), 0, sizeof(float) * B * 10);
    memcpy(logits, vg_net_act(net, room, B, h, c), sizeof logits);
    memcpy(values, vg_net_value(net, room, B), sizeof values);
    for (int b = 0; b < B; b++) {
        memcpy(vg_net_observations(room), x + b * 50, sizeof(float) * 50);
        assert_memory_equal(vg_net_act(net, room, 1, h1 + b * 128, c1 + b * 128), logits + 9 * b, sizeof(float) * 9);
        assert_memory_equal(vg_net_value(net, room, 1), values + b, sizeof(float));
    }
    assert_memory_equal(h, h1, sizeof h);
    assert_memory_equal(c, c1, sizeof c);
    vg_net_room_destroy(room);
    vg_net_destroy(net);
}

static void initial_weights_are_orthogonal(void **state) {
    (void)state;
    vg_error err = {0};
    const vg_net_config config = vg_net_config_default(5, 7, 209, 89);
    vg_net *net;
    assert_ok(vg_net_create(&net, &config, 3, &err));
    printf("parameters: %zu\n", net->layout.parameters);
    assert_true(net->layout.parameters > 900000 && net->layout.parameters < 1100000);
    const vg_net_param *W = &net->layout.param[net->layout.encoder[1]];
    for (int32_t a = 0; a < 128; a += 17)
        for (int32_t b = 0; b < 128; b += 13) {
            double dot = 0;
            for (int32_t i = 0; i < 128; i++)
                dot += (double)net->p[W->at + (size_t)(i * 128 + a)] * (double)net->p[W->at + (size_t)(i * 128 + b)];
            assert_close(dot, a == b ? 2 : 0, 1e-5);
        }
    vg_net *again;
    assert_ok(vg_net_create(&again, &config, 3, &err));
    assert_memory_equal(net->p, again->p, net->layout.size * sizeof(float));
    vg_net_destroy(net), vg_net_destroy(again);
    vg_net_config bad = config;
    bad.hidden = 100;
    assert_error(vg_net_create(&net, &bad, 3, &err), VG_INVALID, "hidden is 100");
}

static void fast_functions_are_accurate(void **state) {
    (void)state;
    for (double x = -80; x < 80; x += 0.0137) {
        assert_close((double)vg_exp((float)x) / exp((double)(float)x), 1, 3e-7);
        assert_close(vg_tanh((float)x), tanh((double)(float)x), 4e-7);
        assert_close(vg_sigmoid((float)x), 1 / (1 + exp(-(double)(float)x)), 4e-7);
        const double y = exp(x / 3);
        assert_close((double)vg_log((float)y), log((double)(float)y), 3e-7 * (1 + fabs(x)));
    }
}

extern void openblas_set_num_threads(int threads);

int main(void) {
    openblas_set_num_threads(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_match_finite_differences),
        cmocka_unit_test(gradients_match_without_heads),
        cmocka_unit_test(gradients_match_without_recurrence),
        cmocka_unit_test(the_projection_learns_from_the_detached_head),
        cmocka_unit_test(a_sequence_equals_single_steps),
        cmocka_unit_test(a_wild_target_is_limited_to_five_sigma),
        cmocka_unit_test(the_clipped_objective_case_by_case),
        cmocka_unit_test(products_of_few_rows_match_blas),
        cmocka_unit_test(acting_does_not_depend_on_the_batch),
        cmocka_unit_test(initial_weights_are_orthogonal),
        cmocka_unit_test(fast_functions_are_accurate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
