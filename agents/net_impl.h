/* Forward and backward of the network, for one number type: include with VG_REAL (float or double), VG_NET(name) and
 * VG_GEMM (cblas_sgemm or cblas_dgemm) defined. net.c makes the float version that is used; a test makes the double
 * version, in which finite differences mean something. Rows are time-major: row t S + s is step t of sequence s. */

#include <math.h>
#include <string.h>

#ifndef FEW_ROWS
#define FEW_ROWS                                                                                                       \
    40 /* up to so many rows our own product is as fast as the best BLAS kernel, and far faster than others */
#endif

typedef VG_REAL VG_NET(real);

/* All that forward leaves for backward, for at most `rows` rows. */
typedef struct VG_NET(ws) {
    const vg_net_layout *layout;
    int32_t rows_max, sequences_max;
    VG_REAL *x;           /* [N, D] observations */
    VG_REAL *critic_in;   /* [N, K] */
    VG_REAL *e1, *e2;     /* [N, H] encoder */
    VG_REAL *features;    /* [N, F] embedding || hidden || projected target head */
    VG_REAL *gates;       /* [N, 4H] i f g o, activated; in backward: their gradients */
    VG_REAL *h_in, *c_in; /* [N, H] state each step began from */
    VG_REAL *c, *tanh_c;  /* [N, H] */
    VG_REAL *a1, *logits; /* [N, H], [N, 3A] */
    VG_REAL *v1, *value;  /* [N, H], [N] */
    VG_REAL *h1, *h2;     /* [N, heads H] */
    VG_REAL *out;         /* heads' outputs one after another, each [N, O_k] */
    VG_REAL *act;         /* [N, C, A] actions as -1, 0, 1: own first, then teammates in their order */
    /* gradients */
    VG_REAL *d_features, *d_logits, *d_value, *d_out, *d_h1, *d_h2, *d_a, *d_e, *d_h, *d_c;
    VG_REAL *ones; /* [N] */
} VG_NET(ws);

static VG_REAL *VG_NET(take)(vg_arena *arena, size_t count) {
    return vg_arena_alloc(arena, count * sizeof(VG_REAL));
}

static size_t VG_NET(out_width)(const vg_net_layout *l) {
    size_t width = 0;
    for (int32_t k = 0; k < l->heads; k++) width += (size_t)l->param[l->head_out + 2 * k].columns;
    return width;
}

static int32_t VG_NET(feature_width)(const vg_net_layout *l) {
    return l->param[l->actor[0]].rows;
}

/* Plans (or, on a measuring arena, measures) a workspace. Without `train` only what forward needs. */
static void VG_NET(ws_plan)(VG_NET(ws) * w, vg_arena *arena, const vg_net_layout *l, int32_t rows, int32_t sequences,
                            bool train) {
    const vg_net_config *c = &l->config;
    const size_t N = (size_t)rows, H = (size_t)c->hidden, D = (size_t)c->observation, K = (size_t)c->critic;
    const size_t F = (size_t)VG_NET(feature_width)(l), heads = (size_t)l->heads, A = (size_t)c->axes;
    *w = (VG_NET(ws)){.layout = l, .rows_max = rows, .sequences_max = sequences};
    w->x = VG_NET(take)(arena, N * D), w->critic_in = VG_NET(take)(arena, N * K);
    w->e1 = VG_NET(take)(arena, N * H), w->e2 = VG_NET(take)(arena, N * H);
    w->features = VG_NET(take)(arena, N * F);
    if (c->recurrent) {
        w->gates = VG_NET(take)(arena, N * 4 * H);
        w->h_in = VG_NET(take)(arena, N * H), w->c_in = VG_NET(take)(arena, N * H);
        w->c = VG_NET(take)(arena, N * H), w->tanh_c = VG_NET(take)(arena, N * H);
    }
    w->a1 = VG_NET(take)(arena, N * H), w->logits = VG_NET(take)(arena, N * 3 * A);
    w->v1 = VG_NET(take)(arena, N * H), w->value = VG_NET(take)(arena, N);
    if (heads) {
        w->h1 = VG_NET(take)(arena, N * heads * H), w->h2 = VG_NET(take)(arena, N * heads * H);
        w->out = VG_NET(take)(arena, N * VG_NET(out_width)(l));
        w->act = VG_NET(take)(arena, N * (size_t)c->cameras * A);
    }
    if (!train) return;
    w->d_features = VG_NET(take)(arena, N * F), w->d_logits = VG_NET(take)(arena, N * 3 * A);
    w->d_value = VG_NET(take)(arena, N), w->d_a = VG_NET(take)(arena, N * H), w->d_e = VG_NET(take)(arena, N * H);
    w->d_h = VG_NET(take)(arena, (size_t)sequences * H), w->d_c = VG_NET(take)(arena, (size_t)sequences * H);
    w->ones = VG_NET(take)(arena, N);
    if (heads) {
        w->d_out = VG_NET(take)(arena, N * VG_NET(out_width)(l));
        w->d_h1 = VG_NET(take)(arena, N * heads * H), w->d_h2 = VG_NET(take)(arena, N * heads * H);
    }
    if (arena->base)
        for (size_t i = 0; i < N; i++) w->ones[i] = 1;
}

/* ---- small kernels ------------------------------------------------------------------------------------------------- */

/* Y [N, n] = tanh(Y + b), rows `ld` apart */
static void VG_NET(bias_tanh)(VG_REAL *Y, const VG_REAL *b, int32_t N, int32_t n, int32_t ld) {
    for (int32_t r = 0; r < N; r++) {
        VG_REAL *y = Y + (int64_t)r * ld;
        for (int32_t i = 0; i < n; i++) y[i] = VG_NET(tanh)(y[i] + b[i]);
    }
}

static void VG_NET(bias)(VG_REAL *Y, const VG_REAL *b, int32_t N, int32_t n) {
    for (int32_t r = 0; r < N; r++) {
        VG_REAL *y = Y + (int64_t)r * n;
        for (int32_t i = 0; i < n; i++) y[i] += b[i];
    }
}

/* dZ = dY (1 - y^2), in place in dY [N, n] (rows ldd apart), y rows ldy apart */
static void VG_NET(tanh_backward)(VG_REAL *dY, int32_t ldd, const VG_REAL *Y, int32_t ldy, int32_t N, int32_t n) {
    for (int32_t r = 0; r < N; r++) {
        VG_REAL *d = dY + (int64_t)r * ldd;
        const VG_REAL *y = Y + (int64_t)r * ldy;
        for (int32_t i = 0; i < n; i++) d[i] *= 1 - y[i] * y[i];
    }
}

/* db [n] += column sums of dZ [N, n] */
static void VG_NET(bias_backward)(VG_REAL *db, const VG_REAL *dZ, int32_t ld, int32_t N, int32_t n) {
    for (int32_t r = 0; r < N; r++) {
        const VG_REAL *d = dZ + (int64_t)r * ld;
        for (int32_t i = 0; i < n; i++) db[i] += d[i];
    }
}

/* One register-wide piece of a row. */
#ifdef __AVX512F__
enum { VG_NET(width) = 64 / sizeof(VG_REAL), VG_NET(pieces) = 4 };
#else
enum { VG_NET(width) = 32 / sizeof(VG_REAL), VG_NET(pieces) = 2 };
#endif
typedef VG_REAL VG_NET(piece) __attribute__((vector_size(VG_NET(width) * sizeof(VG_REAL))));
typedef VG_REAL VG_NET(stored)
    __attribute__((vector_size(VG_NET(width) * sizeof(VG_REAL)), aligned(sizeof(VG_REAL)), may_alias));

/* R rows by V pieces of Y = beta Y + X W, held in registers while W passes by once. */
static inline __attribute__((always_inline)) void VG_NET(tile)(VG_REAL *Y, int32_t ldy, const VG_REAL *X, int32_t ldx,
                                                               const VG_REAL *W, int32_t ldw, int32_t in, VG_REAL beta,
                                                               const int R, const int V) {
    VG_NET(piece) sum[6][VG_NET(pieces)];
    for (int r = 0; r < R; r++)
        for (int v = 0; v < V; v++) {
            const VG_NET(stored) *y = (const void *)(Y + (int64_t)r * ldy + v * VG_NET(width));
            sum[r][v] = (VG_NET(piece)){0};
            if (beta != 0) sum[r][v] = beta * *y;
        }
    for (int32_t i = 0; i < in; i++) {
        VG_NET(piece) w[VG_NET(pieces)];
        for (int v = 0; v < V; v++)
            w[v] = *(const VG_NET(stored) *)(const void *)(W + (int64_t)i * ldw + v * VG_NET(width));
        for (int r = 0; r < R; r++)
            for (int v = 0; v < V; v++) sum[r][v] += X[(int64_t)r * ldx + i] * w[v];
    }
    for (int r = 0; r < R; r++)
        for (int v = 0; v < V; v++) *(VG_NET(stored) *)(void *)(Y + (int64_t)r * ldy + v * VG_NET(width)) = sum[r][v];
}

/* R rows of Y = beta Y + X W: wide tiles, then narrow ones, then single columns. */
static inline __attribute__((always_inline)) void VG_NET(strip)(VG_REAL *Y, int32_t ldy, const VG_REAL *X, int32_t ldx,
                                                                const VG_REAL *W, int32_t ldw, int32_t in, int32_t out,
                                                                VG_REAL beta, const int R) {
    int32_t j = 0;
    for (; j + VG_NET(pieces) * VG_NET(width) <= out; j += VG_NET(pieces) * VG_NET(width))
        VG_NET(tile)(Y + j, ldy, X, ldx, W + j, ldw, in, beta, R, VG_NET(pieces));
    for (; j + VG_NET(width) <= out; j += VG_NET(width)) VG_NET(tile)(Y + j, ldy, X, ldx, W + j, ldw, in, beta, R, 1);
    for (; j < out; j++)
        for (int r = 0; r < R; r++) {
            VG_REAL sum = beta != 0 ? beta * Y[(int64_t)r * ldy + j] : 0;
            for (int32_t i = 0; i < in; i++) sum += X[(int64_t)r * ldx + i] * W[(int64_t)i * ldw + j];
            Y[(int64_t)r * ldy + j] = sum;
        }
}

/* Y = beta Y + X W for a few rows, as when acting: BLAS libraries pack W first, which takes longer than the product. Each
 * number is summed in the same order whatever N is. */
static void VG_NET(few_rows)(VG_REAL *Y, int32_t ldy, const VG_REAL *X, int32_t ldx, const VG_REAL *W, int32_t ldw,
                             int32_t N, int32_t in, int32_t out, VG_REAL beta) {
    while (N > 0) {
        const int32_t rows = N > 6 ? (N > 10 ? 5 : (N + 1) / 2) : N;
        switch (rows) {
        case 6:
            VG_NET(strip)(Y, ldy, X, ldx, W, ldw, in, out, beta, 6);
            break;
        case 5:
            VG_NET(strip)(Y, ldy, X, ldx, W, ldw, in, out, beta, 5);
            break;
        case 4:
            VG_NET(strip)(Y, ldy, X, ldx, W, ldw, in, out, beta, 4);
            break;
        case 3:
            VG_NET(strip)(Y, ldy, X, ldx, W, ldw, in, out, beta, 3);
            break;
        case 2:
            VG_NET(strip)(Y, ldy, X, ldx, W, ldw, in, out, beta, 2);
            break;
        default:
            VG_NET(strip)(Y, ldy, X, ldx, W, ldw, in, out, beta, 1);
            break;
        }
        Y += (int64_t)rows * ldy, X += (int64_t)rows * ldx, N -= rows;
    }
}

/* Y [N, out] = beta Y + X [N, in] W [in, out] */
static void VG_NET(forward_gemm)(VG_REAL *Y, int32_t ldy, const VG_REAL *X, int32_t ldx, const VG_REAL *W, int32_t ldw,
                                 int32_t N, int32_t in, int32_t out, VG_REAL beta) {
    if (N <= FEW_ROWS)
        VG_NET(few_rows)(Y, ldy, X, ldx, W, ldw, N, in, out, beta);
    else
        VG_GEMM(CblasRowMajor, CblasNoTrans, CblasNoTrans, N, out, in, 1, X, ldx, W, ldw, beta, Y, ldy);
}

/* dW [in, out] += X' dZ */
static void VG_NET(weight_gemm)(VG_REAL *dW, int32_t ldw, const VG_REAL *X, int32_t ldx, const VG_REAL *dZ, int32_t ldz,
                                int32_t N, int32_t in, int32_t out) {
    VG_GEMM(CblasRowMajor, CblasTrans, CblasNoTrans, in, out, N, 1, X, ldx, dZ, ldz, 1, dW, ldw);
}

/* dX [N, in] = beta dX + dZ W' */
static void VG_NET(input_gemm)(VG_REAL *dX, int32_t ldx, const VG_REAL *dZ, int32_t ldz, const VG_REAL *W, int32_t ldw,
                               int32_t N, int32_t in, int32_t out, VG_REAL beta) {
    VG_GEMM(CblasRowMajor, CblasNoTrans, CblasTrans, N, in, out, 1, dZ, ldz, W, ldw, beta, dX, ldx);
}

/* ---- forward ------------------------------------------------------------------------------------------------------- */

/* Y = tanh(X W + b) of the layer whose W is param[index] */
static void VG_NET(dense_tanh)(const vg_net_layout *l, const VG_REAL *p, int32_t index, VG_REAL *Y, int32_t ldy,
                               const VG_REAL *X, int32_t ldx, int32_t N) {
    const vg_net_param *W = &l->param[index];
    VG_NET(forward_gemm)(Y, ldy, X, ldx, p + W->at, W->columns, N, W->rows, W->columns, 0);
    VG_NET(bias_tanh)(Y, p + W[1].at, N, W->columns, ldy);
}

/* The LSTM over T steps of S sequences. h0, c0 [S, H]; reset [T, S] nonzero where the state is cleared first. */
static void VG_NET(lstm_forward)(VG_NET(ws) * w, const VG_REAL *p, int32_t T, int32_t S, const VG_REAL *h0,
                                 const VG_REAL *c0, const uint8_t *reset) {
    const vg_net_layout *l = w->layout;
    const int32_t H = l->config.hidden, F = VG_NET(feature_width)(l), N = T * S;
    const VG_REAL *Wx = p + l->param[l->lstm_x].at, *b = p + l->param[l->lstm_x + 1].at;
    const VG_REAL *Wh = p + l->param[l->lstm_h].at;
    VG_NET(forward_gemm)(w->gates, 4 * H, w->features, F, Wx, 4 * H, N, H, 4 * H, 0);
    for (int32_t t = 0; t < T; t++) {
        const int64_t row = (int64_t)t * S;
        for (int32_t s = 0; s < S; s++) { /* the state this step begins from */
            VG_REAL *h_in = w->h_in + (row + s) * H, *c_in = w->c_in + (row + s) * H;
            if (reset && reset[row + s]) {
                memset(h_in, 0, sizeof(VG_REAL) * (size_t)H);
                memset(c_in, 0, sizeof(VG_REAL) * (size_t)H);
            } else {
                const VG_REAL *h = t ? w->features + (row - S + s) * F + H : h0 + (int64_t)s * H;
                const VG_REAL *c = t ? w->c + (row - S + s) * H : c0 + (int64_t)s * H;
                memcpy(h_in, h, sizeof(VG_REAL) * (size_t)H);
                memcpy(c_in, c, sizeof(VG_REAL) * (size_t)H);
            }
        }
        VG_NET(forward_gemm)(w->gates + row * 4 * H, 4 * H, w->h_in + row * H, H, Wh, 4 * H, S, H, 4 * H, 1);
        for (int32_t s = 0; s < S; s++) {
            VG_REAL *g = w->gates + (row + s) * 4 * H, *c = w->c + (row + s) * H, *tc = w->tanh_c + (row + s) * H;
            VG_REAL *h = w->features + (row + s) * F + H;
            const VG_REAL *c_in = w->c_in + (row + s) * H;
            for (int32_t i = 0; i < 2 * H; i++) g[i] = VG_NET(sigmoid)(g[i] + b[i]);
            for (int32_t i = 2 * H; i < 3 * H; i++) g[i] = VG_NET(tanh)(g[i] + b[i]);
            for (int32_t i = 3 * H; i < 4 * H; i++) g[i] = VG_NET(sigmoid)(g[i] + b[i]);
            for (int32_t i = 0; i < H; i++) c[i] = g[H + i] * c_in[i] + g[i] * g[2 * H + i];
            for (int32_t i = 0; i < H; i++) tc[i] = VG_NET(tanh)(c[i]);
            for (int32_t i = 0; i < H; i++) h[i] = g[3 * H + i] * tc[i];
        }
    }
}

static VG_REAL *VG_NET(head_out)(const VG_NET(ws) * w, VG_REAL *base, int32_t k, int32_t N) {
    size_t before = 0;
    for (int32_t i = 0; i < k; i++) before += (size_t)w->layout->param[w->layout->head_out + 2 * i].columns;
    return base + before * (size_t)N;
}

/* First layers of heads first .. first + count - 1 from the features, actions added to those that take them; then their
 * second and output layers. */
static void VG_NET(heads_forward)(VG_NET(ws) * w, const VG_REAL *p, int32_t N, int32_t first, int32_t count) {
    const vg_net_layout *l = w->layout;
    const int32_t H = l->config.hidden, F = VG_NET(feature_width)(l), nh = l->heads, A = l->config.axes;
    const int32_t C = l->config.cameras, FH = l->param[l->head_features].rows;
    const VG_REAL *W1 = p + l->param[l->head_features].at, *b1 = p + l->param[l->head_features + 1].at;
    VG_NET(forward_gemm)(w->h1 + first * H, nh * H, w->features, F, W1 + first * H, nh * H, N, FH, count * H, 0);
    for (int32_t k = first; k < first + count; k++) {
        if (k >= 1 && k <= C + 1) { /* pose heads take their camera's action, the reward head one's own */
            const int32_t who = k <= C ? k - 1 : 0;
            const VG_REAL *Wa = p + l->param[l->head_action].at + (int64_t)(k - 1) * A * H;
            VG_NET(forward_gemm)(w->h1 + k * H, nh * H, w->act + who * A, C * A, Wa, H, N, A, H, 1);
        }
    }
    VG_NET(bias_tanh)(w->h1 + first * H, b1 + first * H, N, count * H, nh * H);
    for (int32_t k = first; k < first + count; k++) {
        const vg_net_param *W2 = &l->param[l->head_second], *W3 = &l->param[l->head_out + 2 * k];
        VG_NET(forward_gemm)
        (w->h2 + k * H, nh * H, w->h1 + k * H, nh * H, p + W2->at + (int64_t)k * H * H, H, N, H, H, 0);
        VG_NET(bias_tanh)(w->h2 + k * H, p + W2[1].at + k * H, N, H, nh * H);
        VG_REAL *out = VG_NET(head_out)(w, w->out, k, N);
        VG_NET(forward_gemm)(out, W3->columns, w->h2 + k * H, nh * H, p + W3->at, W3->columns, N, H, W3->columns, 0);
        VG_NET(bias)(out, p + W3[1].at, N, W3->columns);
    }
}

/* From w->x to features and logits. */
static void VG_NET(actor_forward)(VG_NET(ws) * w, const VG_REAL *p, int32_t T, int32_t S, const VG_REAL *h0,
                                  const VG_REAL *c0, const uint8_t *reset) {
    const vg_net_layout *l = w->layout;
    const int32_t H = l->config.hidden, F = VG_NET(feature_width)(l), N = T * S;
    VG_NET(dense_tanh)(l, p, l->encoder[0], w->e1, H, w->x, l->config.observation, N);
    VG_NET(dense_tanh)(l, p, l->encoder[1], w->e2, H, w->e1, H, N);
    VG_NET(dense_tanh)(l, p, l->encoder[2], w->features, F, w->e2, H, N);
    if (l->config.recurrent) VG_NET(lstm_forward)(w, p, T, S, h0, c0, reset);
    if (l->heads) {
        const int32_t width = l->param[l->head_out].columns;
        VG_NET(heads_forward)(w, p, N, 0, 1);
        VG_NET(dense_tanh)(l, p, l->projection, w->features + l->param[l->head_features].rows, F, w->out, width, N);
    }
    VG_NET(dense_tanh)(l, p, l->actor[0], w->a1, H, w->features, F, N);
    const vg_net_param *W = &l->param[l->actor[1]];
    VG_NET(forward_gemm)(w->logits, W->columns, w->a1, H, p + W->at, W->columns, N, H, W->columns, 0);
    VG_NET(bias)(w->logits, p + W[1].at, N, W->columns);
}

/* From features and w->critic_in to values. */
static void VG_NET(critic_forward)(VG_NET(ws) * w, const VG_REAL *p, int32_t N) {
    const vg_net_layout *l = w->layout;
    const int32_t H = l->config.hidden, F = VG_NET(feature_width)(l), K = l->config.critic;
    const vg_net_param *W = &l->param[l->critic[0]], *V = &l->param[l->critic[1]];
    VG_NET(forward_gemm)(w->v1, H, w->features, F, p + W->at, H, N, F, H, 0);
    if (K) VG_NET(forward_gemm)(w->v1, H, w->critic_in, K, p + W->at + (int64_t)F * H, H, N, K, H, 1);
    VG_NET(bias_tanh)(w->v1, p + W[1].at, N, H, H);
    for (int32_t r = 0; r < N; r++) {
        VG_REAL sum = p[V[1].at];
        for (int32_t i = 0; i < H; i++) sum += w->v1[(int64_t)r * H + i] * p[V->at + (size_t)i];
        w->value[r] = sum;
    }
}

/* ---- backward ------------------------------------------------------------------------------------------------------ */

/* Gradients of a tanh layer whose output gradient is dY (overwritten by dZ); dX = beta dX + ... unless NULL. */
static void VG_NET(dense_backward)(const vg_net_layout *l, const VG_REAL *p, VG_REAL *g, int32_t index, VG_REAL *dY,
                                   int32_t ldd, const VG_REAL *Y, int32_t ldy, const VG_REAL *X, int32_t ldx,
                                   VG_REAL *dX, int32_t lddx, VG_REAL beta, int32_t N) {
    const vg_net_param *W = &l->param[index];
    VG_NET(tanh_backward)(dY, ldd, Y, ldy, N, W->columns);
    VG_NET(weight_gemm)(g + W->at, W->columns, X, ldx, dY, ldd, N, W->rows, W->columns);
    VG_NET(bias_backward)(g + W[1].at, dY, ldd, N, W->columns);
    if (dX) VG_NET(input_gemm)(dX, lddx, dY, ldd, p + W->at, W->columns, N, W->rows, W->columns, beta);
}

/* From w->d_out (of all heads) to the heads' gradients and w->d_features (added). */
static void VG_NET(heads_backward)(VG_NET(ws) * w, const VG_REAL *p, VG_REAL *g, int32_t N) {
    const vg_net_layout *l = w->layout;
    const int32_t H = l->config.hidden, F = VG_NET(feature_width)(l), nh = l->heads, A = l->config.axes;
    const int32_t C = l->config.cameras, FH = l->param[l->head_features].rows;
    const vg_net_param *W1 = &l->param[l->head_features], *W2 = &l->param[l->head_second];
    for (int32_t k = 0; k < nh; k++) {
        const vg_net_param *W3 = &l->param[l->head_out + 2 * k];
        const VG_REAL *d = VG_NET(head_out)(w, w->d_out, k, N);
        const int32_t O = W3->columns, ld = nh * H;
        VG_REAL *d2 = w->d_h2 + k * H, *d1 = w->d_h1 + k * H;
        VG_NET(weight_gemm)(g + W3->at, O, w->h2 + k * H, ld, d, O, N, H, O);
        VG_NET(bias_backward)(g + W3[1].at, d, O, N, O);
        VG_NET(input_gemm)(d2, ld, d, O, p + W3->at, O, N, H, O, 0);
        VG_NET(tanh_backward)(d2, ld, w->h2 + k * H, ld, N, H);
        VG_NET(weight_gemm)(g + W2->at + (int64_t)k * H * H, H, w->h1 + k * H, ld, d2, ld, N, H, H);
        VG_NET(bias_backward)(g + W2[1].at + k * H, d2, ld, N, H);
        VG_NET(input_gemm)(d1, ld, d2, ld, p + W2->at + (int64_t)k * H * H, H, N, H, H, 0);
    }
    VG_NET(tanh_backward)(w->d_h1, nh * H, w->h1, nh * H, N, nh * H);
    for (int32_t k = 1; k <= C + 1 && k < nh; k++) {
        const int32_t who = k <= C ? k - 1 : 0;
        VG_NET(weight_gemm)
        (g + l->param[l->head_action].at + (int64_t)(k - 1) * A * H, H, w->act + who * A, C * A, w->d_h1 + k * H,
         nh * H, N, A, H);
    }
    VG_NET(weight_gemm)(g + W1->at, nh * H, w->features, F, w->d_h1, nh * H, N, FH, nh * H);
    VG_NET(bias_backward)(g + W1[1].at, w->d_h1, nh * H, N, nh * H);
    VG_NET(input_gemm)(w->d_features, F, w->d_h1, nh * H, p + W1->at, nh * H, N, FH, nh * H, 1);
}

/* Through time: from w->d_features' hidden columns to the LSTM's gradients and (added) its embedding columns. */
static void VG_NET(lstm_backward)(VG_NET(ws) * w, const VG_REAL *p, VG_REAL *grad, int32_t T, int32_t S,
                                  const uint8_t *reset) {
    const vg_net_layout *l = w->layout;
    const int32_t H = l->config.hidden, F = VG_NET(feature_width)(l), N = T * S;
    const vg_net_param *Wx = &l->param[l->lstm_x], *Wh = &l->param[l->lstm_h];
    memset(w->d_h, 0, sizeof(VG_REAL) * (size_t)S * (size_t)H);
    memset(w->d_c, 0, sizeof(VG_REAL) * (size_t)S * (size_t)H);
    for (int32_t t = T - 1; t >= 0; t--) {
        const int64_t row = (int64_t)t * S;
        for (int32_t s = 0; s < S; s++) {
            VG_REAL *q = w->gates + (row + s) * 4 * H, *dc = w->d_c + (int64_t)s * H;
            const VG_REAL *dh_out = w->d_features + (row + s) * F + H, *dh_next = w->d_h + (int64_t)s * H;
            const VG_REAL *tc = w->tanh_c + (row + s) * H, *c_in = w->c_in + (row + s) * H;
            for (int32_t i = 0; i < H; i++) {
                const VG_REAL in = q[i], forget = q[H + i], cand = q[2 * H + i], o = q[3 * H + i];
                const VG_REAL dh = dh_out[i] + dh_next[i], d = dc[i] + dh * o * (1 - tc[i] * tc[i]);
                q[i] = d * cand * in * (1 - in);
                q[H + i] = d * c_in[i] * forget * (1 - forget);
                q[2 * H + i] = d * in * (1 - cand * cand);
                q[3 * H + i] = dh * tc[i] * o * (1 - o);
                dc[i] = d * forget;
            }
        }
        if (t == 0) break;
        VG_NET(input_gemm)(w->d_h, H, w->gates + row * 4 * H, 4 * H, p + Wh->at, 4 * H, S, H, 4 * H, 0);
        for (int32_t s = 0; s < S; s++)
            if (reset && reset[row + s]) { /* the state before was not used */
                memset(w->d_h + (int64_t)s * H, 0, sizeof(VG_REAL) * (size_t)H);
                memset(w->d_c + (int64_t)s * H, 0, sizeof(VG_REAL) * (size_t)H);
            }
    }
    VG_NET(weight_gemm)(grad + Wh->at, 4 * H, w->h_in, H, w->gates, 4 * H, N, H, 4 * H);
    VG_NET(weight_gemm)(grad + Wx->at, 4 * H, w->features, F, w->gates, 4 * H, N, H, 4 * H);
    VG_NET(bias_backward)(grad + Wx[1].at, w->gates, 4 * H, N, 4 * H);
    VG_NET(input_gemm)(w->d_features, F, w->gates, 4 * H, p + Wx->at, 4 * H, N, H, 4 * H, 1);
}

/* From w->d_logits, w->d_value and w->d_out to the gradients of all parameters, added to `g`. */
static void VG_NET(backward)(VG_NET(ws) * w, const VG_REAL *p, VG_REAL *g, int32_t T, int32_t S, const uint8_t *reset) {
    const vg_net_layout *l = w->layout;
    const int32_t H = l->config.hidden, F = VG_NET(feature_width)(l), K = l->config.critic, N = T * S;
    const vg_net_param *A2 = &l->param[l->actor[1]], *V1 = &l->param[l->critic[0]], *V2 = &l->param[l->critic[1]];
    /* actor */
    VG_NET(weight_gemm)(g + A2->at, A2->columns, w->a1, H, w->d_logits, A2->columns, N, H, A2->columns);
    VG_NET(bias_backward)(g + A2[1].at, w->d_logits, A2->columns, N, A2->columns);
    VG_NET(input_gemm)(w->d_a, H, w->d_logits, A2->columns, p + A2->at, A2->columns, N, H, A2->columns, 0);
    VG_NET(dense_backward)(l, p, g, l->actor[0], w->d_a, H, w->a1, H, w->features, F, w->d_features, F, 0, N);
    /* critic */
    for (int32_t r = 0; r < N; r++) {
        const VG_REAL d = w->d_value[r];
        for (int32_t i = 0; i < H; i++) {
            g[V2->at + (size_t)i] += d * w->v1[(int64_t)r * H + i];
            w->d_a[(int64_t)r * H + i] = d * p[V2->at + (size_t)i];
        }
        g[V2[1].at] += d;
    }
    VG_NET(tanh_backward)(w->d_a, H, w->v1, H, N, H);
    VG_NET(weight_gemm)(g + V1->at, H, w->features, F, w->d_a, H, N, F, H);
    if (K) VG_NET(weight_gemm)(g + V1->at + (int64_t)F * H, H, w->critic_in, K, w->d_a, H, N, K, H);
    VG_NET(bias_backward)(g + V1[1].at, w->d_a, H, N, H);
    VG_NET(input_gemm)(w->d_features, F, w->d_a, H, p + V1->at, H, N, F, H, 1);
    if (l->heads) {
        const int32_t at = l->param[l->head_features].rows, width = l->param[l->projection].rows;
        /* the projection learns; the head's raw output is detached */
        VG_NET(dense_backward)
        (l, p, g, l->projection, w->d_features + at, F, w->features + at, F, w->out, width, NULL, 0, 0, N);
        VG_NET(heads_backward)(w, p, g, N);
    }
    if (l->config.recurrent) VG_NET(lstm_backward)(w, p, g, T, S, reset);
    VG_NET(dense_backward)(l, p, g, l->encoder[2], w->d_features, F, w->features, F, w->e2, H, w->d_a, H, 0, N);
    VG_NET(dense_backward)(l, p, g, l->encoder[1], w->d_a, H, w->e2, H, w->e1, H, w->d_e, H, 0, N);
    VG_NET(dense_backward)(l, p, g, l->encoder[0], w->d_e, H, w->e1, H, w->x, l->config.observation, NULL, 0, 0, N);
}
