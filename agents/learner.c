/* Updates. A minibatch is cut into `shards` parts of equal size whatever the number of threads; each part is gathered,
 * passed forward and back by one task into a gradient block of its own; the blocks are added, and Adam applied, in chunks
 * of fixed size. So the bits depend on the seed alone. */
#include "agents/learner.h"

#include "agents/net_float.h"

#include "agents/learner_impl.h"
#include "common/random.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SHARD_SEQUENCES = 12, SHARDS_MAX = 64, CHUNK = 16384 };

typedef struct shard {
    vg_f32_ws ws;
    vg_f32_targets y;
    uint8_t *reset; /* [T, S] */
    float *h0, *c0; /* [S, H] */
    float *gradient;
    vg_f32_loss_sums sums;
    int32_t first, count; /* of the minibatch's sequences */
} shard;

/* What a checkpoint must hold besides parameters and moments. */
typedef struct learner_counters {
    int64_t adam_step, updates, skipped;
    double kl_coefficient;
    double value_mean, value_square, value_weight; /* running moments of value targets and their debiasing weight */
} learner_counters;

struct vg_learner {
    vg_net *net;
    vg_learner_config config;
    int32_t T, S, shards, minibatch; /* minibatch: most sequences in one */
    vg_pool *pool;
    float *m, *v;           /* Adam's moments */
    int32_t *order, *index; /* [S] this epoch's order; the sequences of the current minibatch */
    float *advantage;       /* [T, S] normalised */
    double *chunk_norms;    /* [chunks] */
    const vg_batch *batch;
    double rate, scale;
    int32_t count; /* sequences in the current minibatch */
    int32_t rows;  /* valid rows in the current minibatch */
    learner_counters counters;
    shard shard[SHARDS_MAX];
    vg_arena memory;
};

vg_learner_config vg_learner_config_paper(void) {
    return (vg_learner_config){.epochs = 16,
                               .minibatches = 2,
                               .clip = 0.3,
                               .kl_coefficient = 0.2,
                               .kl_target = 0.01,
                               .value_weight = 0.1,
                               .value_clip = 1000,
                               .entropy_weight = 0,
                               .gradient_clip = 50,
                               .head_weight = 5,
                               .pedestrian_weight = 0.1,
                               .normalise_values = false};
}

/* ---- memory -------------------------------------------------------------------------------------------------------- */

static void plan_shard(shard *s, vg_arena *arena, const vg_net_layout *l, int32_t T, int32_t S) {
    const size_t N = (size_t)T * (size_t)S, H = (size_t)l->config.hidden, A = (size_t)l->config.axes;
    const size_t C = (size_t)l->config.cameras, P = (size_t)l->config.people;
    vg_f32_ws_plan(&s->ws, arena, l, T * S, S, true);
    s->reset = VG_ARENA_NEW(arena, uint8_t, N);
    s->h0 = VG_ARENA_NEW(arena, float, (size_t)S *H), s->c0 = VG_ARENA_NEW(arena, float, (size_t)S *H);
    s->gradient = VG_ARENA_NEW(arena, float, l->size);
    s->y.logits = VG_ARENA_NEW(arena, float, N * 3 * A), s->y.logp = VG_ARENA_NEW(arena, float, N);
    s->y.advantage = VG_ARENA_NEW(arena, float, N), s->y.value = VG_ARENA_NEW(arena, float, N);
    s->y.action = VG_ARENA_NEW(arena, int8_t, N * A), s->y.valid = VG_ARENA_NEW(arena, uint8_t, N);
    if (!l->heads) return;
    s->y.pose = VG_ARENA_NEW(arena, float, N *C *VG_NET_POSE), s->y.reward = VG_ARENA_NEW(arena, float, N);
    s->y.people = VG_ARENA_NEW(arena, float, N *P * 2), s->y.mask = VG_ARENA_NEW(arena, float, N *P);
}

static void plan(vg_learner *l, vg_arena *arena) {
    const size_t size = l->net->layout.size, chunks = (size + CHUNK - 1) / CHUNK;
    l->m = VG_ARENA_NEW(arena, float, size), l->v = VG_ARENA_NEW(arena, float, size);
    l->order = VG_ARENA_NEW(arena, int32_t, l->S);
    l->advantage = VG_ARENA_NEW(arena, float, (size_t)l->T *(size_t)l->S);
    l->chunk_norms = VG_ARENA_NEW(arena, double, chunks);
    const int32_t most = (l->minibatch + l->shards - 1) / l->shards;
    for (int32_t i = 0; i < l->shards; i++) plan_shard(&l->shard[i], arena, &l->net->layout, l->T, most);
}

vg_status vg_learner_create(vg_learner **out, const vg_net_config *net, const vg_learner_config *config, int32_t T,
                            int32_t S, vg_pool *pool, uint64_t seed, vg_error *err) {
    *out = NULL;
    if (config->minibatches > S)
        return vg_fail(err, VG_INVALID, "train.minibatches is %d; a batch has only %d sequences", config->minibatches,
                       S);
    vg_learner *l = calloc(1, sizeof *l);
    if (!l) return vg_fail(err, VG_NO_MEMORY, "learner: out of memory");
    l->config = *config, l->T = T, l->S = S, l->pool = pool;
    l->minibatch = (S + config->minibatches - 1) / config->minibatches;
    /* small enough that many threads find work, large enough that products are efficient; an even number keeps two
     * threads equally busy */
    l->shards = 2 * ((l->minibatch + 2 * SHARD_SEQUENCES - 1) / (2 * SHARD_SEQUENCES));
    if (l->shards > SHARDS_MAX) l->shards = SHARDS_MAX;
    l->counters.kl_coefficient = config->kl_coefficient;
    vg_status status = vg_net_create(&l->net, net, seed, err);
    if (status == VG_OK) {
        vg_arena measure = {0};
        plan(l, &measure);
        status = vg_arena_create(&l->memory, measure.used, err);
        if (status == VG_OK) plan(l, &l->memory);
    }
    if (status)
        vg_learner_destroy(l);
    else
        *out = l;
    return status;
}

void vg_learner_destroy(vg_learner *l) {
    if (!l) return;
    vg_net_destroy(l->net);
    vg_arena_destroy(&l->memory);
    free(l);
}

vg_net *vg_learner_net(vg_learner *l) {
    return l->net;
}

/* ---- one minibatch ------------------------------------------------------------------------------------------------- */

static void value_moments(const vg_learner *l, double *mean, double *deviation) {
    *mean = 0, *deviation = 1;
    const learner_counters *c = &l->counters;
    if (!l->config.normalise_values || c->value_weight <= 0) return;
    *mean = c->value_mean / c->value_weight;
    const double variance = c->value_square / c->value_weight - *mean * *mean;
    *deviation = sqrt(variance > 1e-2 ? variance : 1e-2);
}

double vg_learner_denormalise(const vg_learner *l, double value) {
    double mean, deviation;
    value_moments(l, &mean, &deviation);
    return mean + deviation * value;
}

/* Copies the rows of the shard's sequences: array [T, S, width] of the batch to [T, count, width]. */
static void gather(float *to, const float *from, const vg_learner *l, const shard *s, size_t width) {
    for (int32_t t = 0; t < l->T; t++)
        for (int32_t i = 0; i < s->count; i++)
            memcpy(to + ((size_t)t * (size_t)s->count + (size_t)i) * width,
                   from + ((size_t)t * (size_t)l->S + (size_t)l->index[s->first + i]) * width, width * sizeof *to);
}

static void gather_shard(const vg_learner *l, shard *s) {
    const vg_net_config *c = &l->net->layout.config;
    const vg_batch *b = l->batch;
    const size_t A = (size_t)c->axes, C = (size_t)c->cameras, P = (size_t)c->people, H = (size_t)c->hidden;
    gather(s->ws.x, b->observation, l, s, (size_t)c->observation);
    if (c->critic) gather(s->ws.critic_in, b->critic, l, s, (size_t)c->critic);
    gather(s->y.logits, b->logits, l, s, 3 * A);
    gather(s->y.logp, b->logp, l, s, 1);
    gather(s->y.advantage, l->advantage, l, s, 1);
    gather(s->y.value, b->value_target, l, s, 1);
    if (l->net->layout.heads) {
        gather(s->ws.act, b->actions, l, s, C * A);
        gather(s->y.pose, b->next_pose, l, s, C * VG_NET_POSE);
        gather(s->y.reward, b->next_reward, l, s, 1);
        gather(s->y.people, b->next_people, l, s, P * 2);
        gather(s->y.mask, b->people_mask, l, s, P);
    }
    double mean, deviation;
    value_moments(l, &mean, &deviation);
    for (int32_t r = 0; r < l->T * s->count; r++) s->y.value[r] = (float)(((double)s->y.value[r] - mean) / deviation);
    for (int32_t t = 0; t < l->T; t++)
        for (int32_t i = 0; i < s->count; i++) {
            const size_t from = (size_t)t * (size_t)l->S + (size_t)l->index[s->first + i];
            const size_t to = (size_t)t * (size_t)s->count + (size_t)i;
            s->reset[to] = b->reset[from];
            s->y.valid[to] = b->valid ? b->valid[from] : 1;
            for (size_t a = 0; a < A; a++) s->y.action[to * A + a] = (int8_t)(b->actions[from * C * A + a] + 1.5f);
        }
    for (int32_t i = 0; i < s->count && c->recurrent; i++) {
        const size_t from = (size_t)l->index[s->first + i] * H;
        memcpy(s->h0 + (size_t)i * H, b->h0 + from, H * sizeof(float));
        memcpy(s->c0 + (size_t)i * H, b->c0 + from, H * sizeof(float));
    }
}

/* Gradients of a settled policy sink below the smallest normal number, where products take ten times as long: while a shard
 * is worked on, such numbers count as zero. Returns what to hand to denormals_back. */
static unsigned denormals_off(void) {
#if defined(__SSE2__)
    const unsigned before = _mm_getcsr();
    _mm_setcsr(before | 0x8040); /* flush to zero, denormals are zero */
    return before;
#else
    return 0;
#endif
}

static void denormals_back(unsigned before) {
#if defined(__SSE2__)
    _mm_setcsr(before);
#else
    (void)before;
#endif
}

static void shard_gradient(vg_learner *l, shard *s) {
    const int32_t N = l->T * s->count;
    gather_shard(l, s);
    vg_f32_actor_forward(&s->ws, l->net->p, l->T, s->count, s->h0, s->c0, s->reset);
    vg_f32_critic_forward(&s->ws, l->net->p, N);
    if (l->net->layout.heads) vg_f32_heads_forward(&s->ws, l->net->p, N, 1, l->net->layout.heads - 1);
    vg_f32_loss(&s->ws, &s->y, &l->config, l->counters.kl_coefficient, N, l->rows, &s->sums);
    vg_f32_backward(&s->ws, l->net->p, s->gradient, l->T, s->count, s->reset);
}

static void shard_task(void *context, int32_t task) {
    vg_learner *l = context;
    shard *s = &l->shard[task];
    const int32_t base = l->count / l->shards, extra = l->count % l->shards;
    s->first = task * base + (task < extra ? task : extra);
    s->count = base + (task < extra);
    s->sums = (vg_f32_loss_sums){0};
    memset(s->gradient, 0, l->net->layout.size * sizeof(float));
    if (s->count == 0) return;
    const unsigned before = denormals_off();
    shard_gradient(l, s);
    denormals_back(before);
}

/* Adds the shards' gradients into the first one, a chunk a task, and squares them. */
static void reduce_task(void *context, int32_t task) {
    vg_learner *l = context;
    const size_t first = (size_t)task * CHUNK, size = l->net->layout.size;
    const size_t n = first + CHUNK < size ? CHUNK : size - first;
    float *sum = l->shard[0].gradient + first;
    for (int32_t k = 1; k < l->shards; k++) {
        const float *g = l->shard[k].gradient + first;
        for (size_t i = 0; i < n; i++) sum[i] += g[i];
    }
    double lanes[8] = {0};
    for (size_t i = 0; i + 8 <= n; i += 8)
        for (size_t j = 0; j < 8; j++) lanes[j] += (double)sum[i + j] * (double)sum[i + j];
    l->chunk_norms[task] =
        ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}

void vg_adam_step(float *p, float *m, float *v, const float *g, int64_t n, double scale, int64_t step,
                  const vg_adam *adam) {
    const float b1 = (float)adam->beta1, b2 = (float)adam->beta2, s = (float)scale, epsilon = (float)adam->epsilon;
    const float rate = (float)(adam->rate / (1 - pow(adam->beta1, (double)step)));
    const float v_scale = (float)(1 / (1 - pow(adam->beta2, (double)step)));
    for (int64_t i = 0; i < n; i++) {
        const float d = g[i] * s;
        m[i] = b1 * m[i] + (1 - b1) * d;
        v[i] = b2 * v[i] + (1 - b2) * d * d;
        p[i] -= rate * m[i] / (sqrtf(v[i] * v_scale) + epsilon);
    }
}

static void adam_task(void *context, int32_t task) {
    vg_learner *l = context;
    const size_t first = (size_t)task * CHUNK, size = l->net->layout.size;
    const size_t n = first + CHUNK < size ? CHUNK : size - first;
    const vg_adam adam = {l->rate, 0.9, 0.999, 1e-8};
    vg_adam_step(l->net->p + first, l->m + first, l->v + first, l->shard[0].gradient + first, (int64_t)n, l->scale,
                 l->counters.adam_step, &adam);
}

static int32_t chunk_count(const vg_learner *l) {
    return (int32_t)((l->net->layout.size + CHUNK - 1) / CHUNK);
}

static int32_t valid_rows(const vg_batch *b, const int32_t *index, int32_t count) {
    if (!b->valid) return b->T * count;
    int32_t rows = 0;
    for (int32_t t = 0; t < b->T; t++)
        for (int32_t i = 0; i < count; i++) rows += b->valid[(int64_t)t * b->S + index[i]] != 0;
    return rows;
}

/* Gradient of the minibatch in shard[0].gradient; returns its norm. */
static double minibatch_gradient(vg_learner *l, const vg_batch *batch, int32_t *index, int32_t count) {
    l->batch = batch, l->index = index, l->count = count;
    l->rows = valid_rows(batch, index, count);
    if (l->rows == 0) l->rows = 1; /* nothing to learn from: the gradient is zero */
    vg_pool_run(l->pool, shard_task, l, l->shards);
    vg_pool_run(l->pool, reduce_task, l, chunk_count(l));
    double square = 0;
    for (int32_t i = 0; i < chunk_count(l); i++) square += l->chunk_norms[i];
    return sqrt(square);
}

const float *vg_learner_gradient(vg_learner *l, const vg_batch *batch, const int32_t *index, int32_t count) {
    VG_ASSERT(count <= l->minibatch);
    memcpy(l->advantage, batch->advantage, sizeof(float) * (size_t)l->T * (size_t)l->S);
    memcpy(l->order, index, sizeof *index * (size_t)count);
    minibatch_gradient(l, batch, l->order, count);
    return l->shard[0].gradient;
}

/* ---- one update ---------------------------------------------------------------------------------------------------- */

/* Moves the running moments of the value targets on; a batch with a target that is not finite leaves them alone. */
static void normaliser_update(vg_learner *l, const vg_batch *batch) {
    const int64_t rows = (int64_t)l->T * l->S;
    double mean = 0, square = 0, n = 0;
    for (int64_t i = 0; i < rows; i++) {
        if (batch->valid && !batch->valid[i]) continue;
        const double x = (double)batch->value_target[i];
        mean += x, square += x * x, n++;
    }
    if (!isfinite(square) || n == 0) return;
    const double keep = 0.99;
    learner_counters *c = &l->counters;
    c->value_mean = keep * c->value_mean + (1 - keep) * mean / n;
    c->value_square = keep * c->value_square + (1 - keep) * square / n;
    c->value_weight = keep * c->value_weight + (1 - keep);
}

static void shuffle(vg_learner *l, int32_t epoch) {
    for (int32_t i = 0; i < l->S; i++) l->order[i] = i;
    vg_rng rng = vg_rng_at(l->config.seed, (uint32_t)epoch, (uint32_t)l->counters.updates, VG_DRAW_SHUFFLE);
    for (int32_t i = l->S - 1; i > 0; i--) {
        const int32_t j = (int32_t)vg_rng_below(&rng, (uint32_t)i + 1), swap = l->order[i];
        l->order[i] = l->order[j], l->order[j] = swap;
    }
}

/* How much of the targets' variance the values explain, before the update: 1 - Var(target - value) / Var(target), where
 * target - value is the raw advantage. */
static double explained_variance(const vg_batch *b) {
    const int64_t rows = (int64_t)b->T * b->S;
    double sum = 0, square = 0, error = 0, error_square = 0, n = 0;
    for (int64_t i = 0; i < rows; i++) {
        if (b->valid && !b->valid[i]) continue;
        const double y = (double)b->value_target[i], e = (double)b->advantage[i];
        sum += y, square += y * y, error += e, error_square += e * e, n++;
    }
    if (n == 0) return (double)NAN;
    const double variance = square - sum * sum / n, rest = error_square - error * error / n;
    return variance > 0 ? 1 - rest / variance : 0;
}

void vg_normalise_advantages(float *advantage, const uint8_t *valid, int64_t n) {
    double mean = 0, square = 0, count = 0;
    for (int64_t i = 0; i < n; i++)
        if (!valid || valid[i]) mean += (double)advantage[i], count++;
    if (count == 0) return;
    mean /= count;
    for (int64_t i = 0; i < n; i++)
        if (!valid || valid[i]) square += ((double)advantage[i] - mean) * ((double)advantage[i] - mean);
    const double scale = 1 / (sqrt(square / count) + 1e-5);
    for (int64_t i = 0; i < n; i++) advantage[i] = (float)(((double)advantage[i] - mean) * scale);
}

double vg_learning_rate_paper(int64_t env_steps) {
    const double steps = (double)env_steps;
    if (steps < 200e3) return 5e-4;
    if (steps < 400e3) return 1e-4;
    if (steps < 600e3) return 1e-4 + (5e-5 - 1e-4) * (steps - 400e3) / 200e3;
    return 5e-5;
}

static void add_sums(vg_f32_loss_sums *to, const vg_f32_loss_sums *s) {
    to->policy += s->policy, to->value += s->value, to->world += s->world, to->entropy += s->entropy;
    to->kl += s->kl, to->clipped += s->clipped, to->rows += s->rows;
    for (int k = 0; k < VG_HEADS; k++) to->nll[k] += s->nll[k], to->predictions[k] += s->predictions[k];
}

/* One minibatch: gradient, clipping, Adam. Adds to `sums`; returns the gradient's norm, NaN where it was skipped. */
static double learn_minibatch(vg_learner *l, const vg_batch *batch, int32_t *index, int32_t count,
                              vg_f32_loss_sums *sums) {
    const double norm = minibatch_gradient(l, batch, index, count);
    if (!isfinite(norm)) {
        l->counters.skipped++;
        return (double)NAN;
    }
    for (int32_t i = 0; i < l->shards; i++) add_sums(sums, &l->shard[i].sums);
    l->scale = norm > l->config.gradient_clip ? l->config.gradient_clip / norm : 1;
    l->counters.adam_step++;
    vg_pool_run(l->pool, adam_task, l, chunk_count(l));
    return norm;
}

/* RLlib's rule: the KL of the last epoch is how far the policy has come; it steers the penalty. */
static void adapt_kl(vg_learner *l, double kl) {
    if (l->config.kl_coefficient <= 0) return;
    if (kl > 2 * l->config.kl_target) l->counters.kl_coefficient *= 1.5;
    if (kl < 0.5 * l->config.kl_target) l->counters.kl_coefficient *= 0.5;
}

void vg_learner_update(vg_learner *l, const vg_batch *batch, double learning_rate, vg_learner_stats *stats) {
    VG_ASSERT(batch->T == l->T && batch->S == l->S);
    const int64_t n = (int64_t)l->T * l->S;
    *stats = (vg_learner_stats){.explained_variance = explained_variance(batch)};
    if (l->config.normalise_values) normaliser_update(l, batch);
    memcpy(l->advantage, batch->advantage, sizeof(float) * (size_t)n);
    vg_normalise_advantages(l->advantage, batch->valid, n);
    l->rate = learning_rate;
    vg_f32_loss_sums all = {0}, last = {0};
    double norms = 0;
    int64_t passes = 0;
    for (int32_t epoch = 0; epoch < l->config.epochs; epoch++) {
        shuffle(l, epoch);
        last = (vg_f32_loss_sums){0};
        for (int32_t k = 0; k < l->config.minibatches; k++) {
            const int32_t first = (int32_t)((int64_t)l->S * k / l->config.minibatches);
            const int32_t end = (int32_t)((int64_t)l->S * (k + 1) / l->config.minibatches);
            const double norm = learn_minibatch(l, batch, l->order + first, end - first, &last);
            stats->samples += (int64_t)(end - first) * l->T;
            if (isfinite(norm)) norms += norm, passes++;
        }
        add_sums(&all, &last);
    }
    l->counters.updates++;
    stats->kl = last.kl / last.rows;
    adapt_kl(l, stats->kl);
    stats->policy_loss = all.policy / all.rows, stats->value_loss = all.value / all.rows;
    stats->world_loss = all.world / all.rows, stats->entropy = all.entropy / all.rows;
    stats->clip_fraction = all.clipped / all.rows;
    for (int k = 0; k < VG_HEADS; k++) stats->nll[k] = all.nll[k] / all.predictions[k];
    stats->gradient_norm = passes ? norms / (double)passes : (double)NAN;
    stats->kl_coefficient = l->counters.kl_coefficient;
    stats->skipped_updates = l->counters.skipped;
}

/* ---- advantages ---------------------------------------------------------------------------------------------------- */

void vg_gae_run(float *advantage, const vg_gae *g) {
    double next_value = (double)g->last_value, next_advantage = 0;
    for (int32_t t = g->steps - 1; t >= 0; t--) {
        const int64_t at = t * g->stride, flag = t * g->flag_stride;
        if (g->done
                [flag]) { /* nothing flows back over an episode's end, except the value of a state that was cut off */
            next_advantage = 0;
            next_value = g->terminated[flag] ? 0 : (double)g->final_value[at];
        }
        const double delta = (double)g->reward[at] + g->discount * next_value - (double)g->value[at];
        next_advantage = delta + g->discount * g->lambda * next_advantage;
        next_value = (double)g->value[at];
        advantage[at] = (float)next_advantage;
    }
}

/* ---- state --------------------------------------------------------------------------------------------------------- */

size_t vg_learner_state_bytes(const vg_learner *l) {
    return sizeof l->counters + 3 * l->net->layout.size * sizeof(float);
}

void vg_learner_save_state(const vg_learner *l, void *out) {
    const size_t bytes = l->net->layout.size * sizeof(float);
    char *at = out;
    memcpy(at, &l->counters, sizeof l->counters), at += sizeof l->counters;
    memcpy(at, l->net->p, bytes), at += bytes;
    memcpy(at, l->m, bytes), at += bytes;
    memcpy(at, l->v, bytes);
}

void vg_learner_load_state(vg_learner *l, const void *in) {
    const size_t bytes = l->net->layout.size * sizeof(float);
    const char *at = in;
    memcpy(&l->counters, at, sizeof l->counters), at += sizeof l->counters;
    memcpy(l->net->p, at, bytes), at += bytes;
    memcpy(l->m, at, bytes), at += bytes;
    memcpy(l->v, at, bytes);
}
