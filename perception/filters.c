/* The filters of filters.h. Sources: Butterworth by the bilinear transform with pre-warping, run both ways with odd
 * extension and steady-state starts (Gustafsson, "Determining the initial states in forward-backward filtering", 1996);
 * Hampel's identifier (Davies and Gather 1993); Rauch, Tung, Striebel 1965. */
#include "perception/filters.h"
#include "common/transform.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ORDER_MAX 8 /* of one pass */

vg_filter_config vg_filter_config_pose2sim(void) {
    return (vg_filter_config){.kind = VG_FILTER_BUTTERWORTH,
                              .fill_ends = true,
                              .hampel_window = 7,
                              .hampel_sigmas = 2,
                              .order = 4,
                              .cutoff = 6,
                              .trust = 500,
                              .kalman_rough_start = true,
                              .one_euro_beta = 1.5,
                              .one_euro_d_cutoff = 1,
                              .gaussian_sigma = 1,
                              .median_window = 3,
                              .median_zero_edges = true};
}

vg_filter_config vg_filter_config_default(void) {
    vg_filter_config config = vg_filter_config_pose2sim();
    config.fill_gaps = 10;
    config.fill_ends = false;
    config.hampel_sigmas = 3;
    config.kalman_rough_start = false;
    config.median_zero_edges = false;
    return config;
}

static const char *const kind_names[VG_FILTER_KINDS] = {"none",     "butterworth", "kalman",
                                                        "one-euro", "gaussian",    "median"};

const char *vg_filter_kind_name(int32_t kind) {
    return kind >= 0 && kind < VG_FILTER_KINDS ? kind_names[kind] : "unknown";
}

vg_status vg_filter_kind_parse(const char *name, int32_t *kind, vg_error *err) {
    for (int32_t i = 0; i < VG_FILTER_KINDS; i++)
        if (strcmp(name, kind_names[i]) == 0) {
            *kind = i;
            return VG_OK;
        }
    return vg_fail(err, VG_INVALID,
                   "filter `%s` is unknown; use none, butterworth, kalman, one-euro, gaussian or median", name);
}

vg_status vg_filter_config_check(const vg_filter_config *c, double rate, vg_error *err) {
    const bool low_pass = c->kind == VG_FILTER_BUTTERWORTH || c->kind == VG_FILTER_ONE_EURO; /* others have no cutoff */
    const struct {
        const char *name;
        double value, low, high;
    } checks[] = {{"rate", rate, 1e-3, 1e6},
                  {"kind", (double)c->kind, 0, VG_FILTER_KINDS - 1},
                  {"fill_gaps", (double)c->fill_gaps, 0, 1e6},
                  {"fill_lines", (double)c->fill_lines, 0, 1e6},
                  {"hampel_window", (double)c->hampel_window, 0, 10001},
                  {"hampel_sigmas", c->hampel_sigmas, 0, 1e6},
                  {"order", (double)c->order, 2, 2 * ORDER_MAX},
                  {"cutoff", c->cutoff, low_pass ? rate * 1e-4 : 0, low_pass ? rate * 0.499 : (double)INFINITY},
                  {"trust", c->trust, 1e-6, 1e9},
                  {"one_euro_beta", c->one_euro_beta, 0, 1e6},
                  {"one_euro_d_cutoff", c->one_euro_d_cutoff, 1e-6, 1e6},
                  {"gaussian_sigma", c->gaussian_sigma, 1e-3, 1e4},
                  {"median_window", (double)c->median_window, 1, 10001}};
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
        if (!(checks[i].value >= checks[i].low && checks[i].value <= checks[i].high))
            return vg_fail(err, VG_INVALID, "filter: %s is %g; it must be %g to %g", checks[i].name, checks[i].value,
                           checks[i].low, checks[i].high);
    if (c->order % 2) return vg_fail(err, VG_INVALID, "filter: order is %d; it must be even", c->order);
    if ((c->hampel_window && c->hampel_window % 2 == 0) || c->median_window % 2 == 0)
        return vg_fail(err, VG_INVALID, "filter: windows of %d and %d frames; they must be odd", c->hampel_window,
                       c->median_window);
    return VG_OK;
}

/* ---- order statistics ------------------------------------------------------------------------------------------------ */

static void sort(double *x, int32_t n) {
    for (int32_t i = 1; i < n; i++) {
        const double value = x[i];
        int32_t at = i;
        for (; at > 0 && x[at - 1] > value; at--) x[at] = x[at - 1];
        x[at] = value;
    }
}

static double median_of(double *x, int32_t n) {
    sort(x, n);
    return n % 2 ? x[n / 2] : 0.5 * (x[n / 2 - 1] + x[n / 2]);
}

void vg_hampel(double *x, int32_t n, int32_t window, double sigmas, double *spare) {
    const int32_t half = window / 2;
    double *out = spare, *values = spare + n, *deviations = values + window;
    memcpy(out, x, sizeof(double) * (size_t)n);
    for (int32_t i = half; i < n - half; i++) {
        memcpy(values, x + i - half, sizeof(double) * (size_t)window);
        const double median = median_of(values, window);
        for (int32_t k = 0; k < window; k++) deviations[k] = fabs(values[k] - median);
        const double mad = median_of(deviations, window); /* 0.6745: the normal's upper quartile */
        if (mad > 0 && 0.6745 * fabs(x[i] - median) / mad > sigmas) out[i] = median;
    }
    memcpy(x, out, sizeof(double) * (size_t)n);
}

void vg_median(double *x, int32_t n, int32_t window, bool zero_edges, double *spare) {
    const int32_t half = window / 2;
    double *out = spare, *values = spare + n;
    for (int32_t i = 0; i < n; i++) {
        int32_t count = 0;
        for (int32_t k = i - half; k <= i + half; k++) {
            if (k >= 0 && k < n)
                values[count++] = x[k];
            else if (zero_edges)
                values[count++] = 0;
        }
        out[i] = median_of(values, count);
    }
    memcpy(x, out, sizeof(double) * (size_t)n);
}

/* ---- Butterworth ----------------------------------------------------------------------------------------------------- */

/* Digital low-pass of `order`, normalised to a[0] = 1: b and a [order + 1]. `cutoff` as a share of half the rate. */
static void butterworth_design(double b[], double a[], int order, double cutoff) {
    const double warped = tan(VG_PI * cutoff / 2); /* bilinear transform with T = 2 */
    memset(a, 0, sizeof(double) * (size_t)(order + 1)), memset(b, 0, sizeof(double) * (size_t)(order + 1));
    a[0] = b[0] = 1;
    int degree = 0;
    double gain = 1;
    for (int k = 0; k < (order + 1) / 2; k++) {
        /* s^2 + 2 cos(angle) w s + w^2 of a pair of poles, or s + w of the real one */
        const bool real = 2 * k + 1 == order;
        const double damping = 2 * cos(VG_PI * (order - 1 - 2 * k) / (2.0 * order)), w = warped, w2 = w * w;
        const double scale = real ? 1 + w : 1 + damping * w + w2;
        const double section[3] = {1, real ? (w - 1) / scale : 2 * (w2 - 1) / scale,
                                   real ? 0 : (1 - damping * w + w2) / scale};
        const double zeros[3] = {1, real ? 1 : 2, real ? 0 : 1};
        gain *= (real ? w : w2) / scale;
        degree += real ? 1 : 2;
        for (int i = degree; i > 0; i--) { /* multiply the polynomials, highest first */
            a[i] += section[1] * a[i - 1] + (i > 1 ? section[2] * a[i - 2] : 0);
            b[i] += zeros[1] * b[i - 1] + (i > 1 ? zeros[2] * b[i - 2] : 0);
        }
    }
    for (int i = 0; i <= order; i++) b[i] *= gain;
}

/* One pass over x [n] from the steady state of x[0]. */
static void pass(double *x, int32_t n, const double *b, const double *a, int order, int step) {
    double z[ORDER_MAX + 1] = {0}, sum_a = 0, sum_b = 0;
    for (int i = 1; i <= order; i++) sum_b += b[i] - a[i] * b[0];
    for (int i = 0; i <= order; i++) sum_a += a[i];
    const double first = x[step > 0 ? 0 : n - 1], z0 = sum_b / sum_a;
    double as = 1, cs = 0;
    z[0] = z0;
    for (int i = 1; i < order; i++) {
        as += a[i], cs += b[i] - a[i] * b[0];
        z[i] = as * z0 - cs;
    }
    for (int i = 0; i < order; i++) z[i] *= first;
    for (int32_t i = step > 0 ? 0 : n - 1; i >= 0 && i < n; i += step) {
        const double in = x[i], out = b[0] * in + z[0];
        for (int k = 1; k <= order; k++) z[k - 1] = b[k] * in - a[k] * out + z[k];
        x[i] = out;
    }
}

static int32_t butterworth_padding(int32_t order) {
    return 3 * (order / 2 + 1);
}

void vg_butterworth(double *x, int32_t n, double rate, int32_t order, double cutoff, double *spare) {
    double b[ORDER_MAX + 1], a[ORDER_MAX + 1];
    const int half = order / 2, pad = butterworth_padding(order);
    if (n <= pad) return;
    butterworth_design(b, a, half, 2 * cutoff / rate);
    for (int32_t i = 0; i < pad; i++) { /* odd extension */
        spare[i] = 2 * x[0] - x[pad - i];
        spare[pad + n + i] = 2 * x[n - 1] - x[n - 2 - i];
    }
    memcpy(spare + pad, x, sizeof(double) * (size_t)n);
    pass(spare, n + 2 * pad, b, a, half, 1);
    pass(spare, n + 2 * pad, b, a, half, -1);
    memcpy(x, spare + pad, sizeof(double) * (size_t)n);
}

/* ---- Kalman, smoothed ------------------------------------------------------------------------------------------------- */

typedef struct kalman_model {
    double F[3][3], Q[3][3], R;
} kalman_model;

static kalman_model kalman_model_of(double rate, double trust) {
    const double dt = 1 / rate, R = 20,
                 q = R * trust * R * trust; /* 20: Pose2Sim's unit of noise; only the start sees it */
    const double g[3] = {dt * dt / 2, dt, 1};
    kalman_model m = {.F = {{1, dt, dt * dt / 2}, {0, 1, dt}, {0, 0, 1}}, .R = R * R};
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) m.Q[i][j] = g[i] * g[j] * q;
    return m;
}

/* x' = F x, P' = F P F' + Q */
static void kalman_predict(double x[3], double P[3][3], const kalman_model *m) {
    double y[3] = {0}, FP[3][3] = {{0}};
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            y[i] += m->F[i][j] * x[j];
            for (int k = 0; k < 3; k++) FP[i][j] += m->F[i][k] * P[k][j];
        }
    memcpy(x, y, sizeof y);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            P[i][j] = m->Q[i][j];
            for (int k = 0; k < 3; k++) P[i][j] += FP[i][k] * m->F[j][k];
        }
}

static void kalman_update(double x[3], double P[3][3], double z, double R) {
    const double s = P[0][0] + R, K[3] = {P[0][0] / s, P[1][0] / s, P[2][0] / s}, y = z - x[0];
    double old[3][3];
    memcpy(old, P, sizeof old);
    for (int i = 0; i < 3; i++) {
        x[i] += K[i] * y;
        for (int j = 0; j < 3; j++) P[i][j] = old[i][j] - K[i] * old[0][j];
    }
}

static void symmetric_inverse(double out[3][3], double A[3][3]) {
    double n[3][3];
    for (int i = 0; i < 3; i++) vg_cross3(n[i], A[(i + 1) % 3], A[(i + 2) % 3]);
    const double det = vg_dot3(A[0], n[0]);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) out[i][j] = n[j][i] / det;
}

/* x += K (next - F x), K = P F' (F P F' + Q)^-1; P is not needed further. */
static void smooth_step(double x[3], double P[3][3], const double next[3], const kalman_model *m) {
    double ahead[3], Pp[3][3], inverse[3][3], PF[3][3] = {{0}};
    memcpy(ahead, x, sizeof ahead), memcpy(Pp, P, sizeof Pp);
    kalman_predict(ahead, Pp, m);
    /* Q has rank one, so Pp may be nearly singular in metres and seconds: scale it to a unit diagonal first */
    double d[3];
    for (int i = 0; i < 3; i++) d[i] = 1 / sqrt(Pp[i][i]);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) Pp[i][j] *= d[i] * d[j];
    symmetric_inverse(inverse, Pp);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            for (int k = 0; k < 3; k++) PF[i][j] += P[i][k] * m->F[j][k];
    double e[3] = {0};
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) e[i] += d[i] * inverse[i][j] * d[j] * (next[j] - ahead[j]);
    for (int i = 0; i < 3; i++) x[i] += vg_dot3(PF[i], e);
}

void vg_kalman_smooth(double *x, int32_t n, double rate, double trust, bool rough_start, double *spare) {
    if (n < 3) return;
    const kalman_model m = kalman_model_of(rate, trust);
    double(*states)[3] = (double(*)[3])(void *)spare;
    double(*covariances)[3][3] = (double(*)[3][3])(void *)(spare + 3 * (size_t)n);
    double s[3] = {x[0], (x[1] - x[0]) * rate, (x[2] - 2 * x[1] + x[0]) * rate * rate};
    const double wide = 1e4 * m.R * rate * rate;
    double P[3][3] = {{m.R, 0, 0}, {0, wide, 0}, {0, 0, wide * rate * rate}};
    if (rough_start) {
        s[1] /= rate, s[2] /= rate * rate;
        P[0][0] = P[1][1] = P[2][2] = sqrt(m.R);
    }
    for (int32_t i = 0; i < n; i++) {
        if (i > 0 || rough_start) kalman_predict(s, P, &m);
        kalman_update(s, P, x[i], m.R);
        memcpy(states[i], s, sizeof s), memcpy(covariances[i], P, sizeof P);
    }
    for (int32_t i = n - 2; i >= 0; i--) smooth_step(states[i], covariances[i], states[i + 1], &m);
    for (int32_t i = 0; i < n; i++) x[i] = states[i][0];
}

/* ---- One-Euro, Gaussian ------------------------------------------------------------------------------------------------ */

static double smoothing(double dt, double cutoff) {
    const double r = 2 * VG_PI * cutoff * dt;
    return r / (r + 1);
}

double vg_one_euro_step(vg_one_euro *f, double x, double dt) {
    if (!f->begun) {
        f->begun = true, f->x = x, f->dx = 0;
        return x;
    }
    const double d = smoothing(dt, f->d_cutoff);
    f->dx = d * (x - f->x) / dt + (1 - d) * f->dx;
    const double a = smoothing(dt, f->cutoff + f->beta * fabs(f->dx));
    f->x = a * x + (1 - a) * f->x;
    return f->x;
}

void vg_one_euro_smooth(double *x, int32_t n, double rate, double cutoff, double beta, double d_cutoff) {
    vg_one_euro there = {.cutoff = cutoff, .beta = beta, .d_cutoff = d_cutoff}, back = there;
    for (int32_t i = 0; i < n; i++) x[i] = vg_one_euro_step(&there, x[i], 1 / rate);
    for (int32_t i = n - 1; i >= 0; i--) x[i] = vg_one_euro_step(&back, x[i], 1 / rate);
}

/* Kernel cut at 4 sigma; beyond its ends the curve is mirrored (its end value twice). */
void vg_gaussian(double *x, int32_t n, double sigma, double *spare) {
    const int32_t radius = (int32_t)(4 * sigma + 0.5);
    memcpy(spare, x, sizeof(double) * (size_t)n);
    for (int32_t i = 0; i < n; i++) {
        double sum = 0, weights = 0;
        for (int32_t k = -radius; k <= radius; k++) {
            int32_t at = (i + k) % (2 * n);
            if (at < 0) at += 2 * n;
            if (at >= n) at = 2 * n - 1 - at;
            const double weight = exp(-0.5 * k * k / (sigma * sigma));
            sum += weight * spare[at], weights += weight;
        }
        x[i] = sum / weights;
    }
}

/* ---- gaps -------------------------------------------------------------------------------------------------------------- */

/* Second derivatives of the cubic spline through (t, y) [n], n >= 4, whose first and last two pieces are one polynomial
 * each (not-a-knot). Thomas' algorithm after eliminating both end conditions; `c` and `d` are spare. */
static void spline_curvature(double *m, const double *t, const double *y, int32_t n, double *c, double *d) {
    for (int32_t i = 1; i < n - 1; i++) {
        const double h0 = t[i] - t[i - 1], h1 = t[i + 1] - t[i];
        double low = h0, middle = 2 * (h0 + h1), high = h1;
        if (i == 1) low = 0, middle = (h0 + h1) * (h0 + 2 * h1) / h1, high = (h1 * h1 - h0 * h0) / h1;
        if (i == n - 2) {
            low = (h0 * h0 - h1 * h1) / h0, middle = (h0 + h1) * (h1 + 2 * h0) / h0, high = 0;
        }
        const double right = 6 * ((y[i + 1] - y[i]) / h1 - (y[i] - y[i - 1]) / h0);
        const double pivot = middle - (i > 1 ? low * c[i - 1] : 0);
        c[i] = high / pivot;
        d[i] = (right - (i > 1 ? low * d[i - 1] : 0)) / pivot;
    }
    m[n - 2] = d[n - 2];
    for (int32_t i = n - 3; i >= 1; i--) m[i] = d[i] - c[i] * m[i + 1];
    const double a0 = t[1] - t[0], a1 = t[2] - t[1], b0 = t[n - 2] - t[n - 3], b1 = t[n - 1] - t[n - 2];
    m[0] = ((a0 + a1) * m[1] - a0 * m[2]) / a1;
    m[n - 1] = ((b0 + b1) * m[n - 2] - b1 * m[n - 3]) / b0;
}

void vg_fill_gaps(double *x, int32_t n, int32_t longest, bool ends, double *spare) {
    double *t = spare, *y = t + n, *m = y + n, *c = m + n, *d = c + n, *filled = d + n;
    int32_t known = 0;
    for (int32_t i = 0; i < n; i++)
        if (!isnan(x[i])) t[known] = i, y[known] = x[i], known++;
    if (known == n || known < 4) return;
    spline_curvature(m, t, y, known, c, d);
    for (int32_t i = 0, k = 0; i < n; i++) { /* pieces of the ends continue beyond them */
        while (k < known - 2 && t[k + 1] < i) k++;
        const double h = t[k + 1] - t[k], a = (t[k + 1] - i) / h, b = (i - t[k]) / h;
        filled[i] = a * y[k] + b * y[k + 1] + ((a * a * a - a) * m[k] + (b * b * b - b) * m[k + 1]) * h * h / 6;
    }
    for (int32_t i = 0; i < n;) {
        int32_t end = i;
        while (end < n && isnan(x[end])) end++;
        const bool inside = i > 0 && end < n;
        if (end - i <= longest && (inside || ends)) memcpy(x + i, filled + i, sizeof(double) * (size_t)(end - i));
        i = end + (end == i);
    }
}

void vg_fill_lines(double *x, int32_t n, int32_t longest) {
    for (int32_t i = 1, last = 0; i < n; i++) {
        if (isnan(x[i])) continue;
        const int32_t gap = i - last - 1;
        if (gap > 0 && gap <= longest && !isnan(x[last]))
            for (int32_t k = last + 1; k < i; k++) x[k] = x[last] + (x[i] - x[last]) * (k - last) / (i - last);
        last = i;
    }
}

/* ---- curves and motions ------------------------------------------------------------------------------------------------ */

static void filter_stretch(double *x, int32_t n, double rate, const vg_filter_config *c, double *spare) {
    if (c->hampel_window && n >= c->hampel_window) vg_hampel(x, n, c->hampel_window, c->hampel_sigmas, spare);
    switch (c->kind) {
    case VG_FILTER_BUTTERWORTH:
        vg_butterworth(x, n, rate, c->order, c->cutoff, spare);
        break;
    case VG_FILTER_KALMAN:
        vg_kalman_smooth(x, n, rate, c->trust, c->kalman_rough_start, spare);
        break;
    case VG_FILTER_ONE_EURO:
        vg_one_euro_smooth(x, n, rate, c->cutoff, c->one_euro_beta, c->one_euro_d_cutoff);
        break;
    case VG_FILTER_GAUSSIAN:
        vg_gaussian(x, n, c->gaussian_sigma, spare);
        break;
    case VG_FILTER_MEDIAN:
        vg_median(x, n, c->median_window, c->median_zero_edges, spare);
        break;
    default:
        break;
    }
}

/* Doubles that any of the parts needs for n frames. */
static size_t spare_size(int32_t n, const vg_filter_config *c) {
    return 12 * (size_t)n + 2 * (size_t)c->hampel_window + (size_t)c->median_window + 64;
}

static void filter_curve(double *x, int32_t n, double rate, const vg_filter_config *c, double *spare) {
    if (c->fill_gaps) vg_fill_gaps(x, n, c->fill_gaps, c->fill_ends, spare);
    if (c->fill_lines) vg_fill_lines(x, n, c->fill_lines);
    for (int32_t i = 0; i < n;) {
        int32_t end = i;
        while (end < n && !isnan(x[end])) end++;
        if (end > i) filter_stretch(x + i, end - i, rate, c, spare);
        i = end + (end == i);
    }
}

bool vg_filter_curve(double *x, int32_t n, double rate, const vg_filter_config *config) {
    double *spare = malloc(sizeof(double) * spare_size(n, config));
    if (!spare) return false;
    filter_curve(x, n, rate, config, spare);
    free(spare);
    return true;
}

vg_status vg_filter_motion(vg_motion *motion, const vg_filter_config *config, vg_error *err) {
    VG_TRY(vg_filter_config_check(config, motion->rate, err));
    const size_t frames = (size_t)motion->frames, stride = 3 * (size_t)motion->points;
    double *curve = malloc(sizeof(double) * (frames + spare_size(motion->frames, config)));
    if (!curve) return vg_fail(err, VG_NO_MEMORY, "cannot allocate the filter's memory for %d frames", motion->frames);
    for (size_t k = 0; k < stride; k++) {
        for (size_t f = 0; f < frames; f++) curve[f] = motion->positions[f * stride + k];
        filter_curve(curve, motion->frames, motion->rate, config, curve + frames);
        for (size_t f = 0; f < frames; f++) motion->positions[f * stride + k] = curve[f];
    }
    free(curve);
    return VG_OK;
}
