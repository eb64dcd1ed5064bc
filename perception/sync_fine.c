/* Clocks refined by geometry: at the right time, joints of one camera lie on the epipolar lines of the other's. Gauss-Newton
 * over all clocks at once on Sampson's distances, robust; without a calibration each pair's epipolar geometry is estimated
 * along with them (eight-point method, weighted to the same distances).
 *
 * What a camera shows between its pictures is its nearest picture moved by its joints' speed, so that it is as noisy whatever
 * the fraction. A joint that lies beside its line all the time says something of calibration or detector, not of time: each
 * joint of each person has a mean of its own, by a weak prior. What is left tells time by motion alone. Uncertainty is that
 * of the sums over blocks of half a second, which noise that lasts over pictures cannot make look small. */
#include "perception/sync_parts.h"

#include "calibration/calibration.h"
#include "common/transform.h"

#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK      0.5  /* s */
#define PRIOR      10.  /* samples that a joint's mean is held to zero by */
#define REACH      0.07 /* s, either way, over which speeds are taken */
#define LEAST_SPAN 20.  /* s, below which clocks do not drift apart */
#define TOLD       5e-4 /* s that a drift makes over the recording, below which it is none */
#define ROUGH      0.05 /* s; the same where only people's speeds told of a drift */
#define STILL      20. /* px a second; without a calibration, what moves less has no say, for geometry would bend to it */
#define NARROW     1.5 /* px; least scale of the robust weights */
enum { SAMPLES = 60000, PASSES = 12, UNKNOWNS = 2 * VG_MAX_CAMERAS, SCAN = 4, BINS = 256 };

/* A joint seen by both cameras of a pair. */
typedef struct sample {
    float xa[2], xb[2], vb[2][2]; /* places; two speeds of b's, a second */
    double t;                     /* common time */
    int32_t group;                /* whose joint */
    float d, slope, pull;         /* px off the line; px a second that this changes with b's clock, by either speed */
} sample;

typedef struct fine_match {
    int32_t window, i, j;
} fine_match;

typedef struct fine {
    sync_work *w;
    bool drifting[VG_MAX_CAMERAS]; /* its drift is unknown, else zero or as it stands */
    double begin;                  /* common time of block 0 */
    int32_t blocks;
    double *scores; /* [blocks, UNKNOWNS] */
    sample *samples;
    int32_t count;
    fine_match *match; /* [SYNC_WINDOWS * SYNC_MATCHES] of the pair in hand */
    int32_t matches;
    double *groups; /* [matches * joints, 6] sum of w, w d, w slope, w slope tau */
} fine;

/* ---- clocks ----------------------------------------------------------------------------------------------------------- */

static double common_of(const sync_work *w, int32_t c, double own) {
    return (own - w->shift[c] + w->drift[c] * w->centre) / (1 + w->drift[c]);
}

static double own_of(const sync_work *w, int32_t c, double t) {
    return t + w->shift[c] + w->drift[c] * (t - w->centre);
}

/* ---- samples of a pair --------------------------------------------------------------------------------------------------- */

static void match_pair(fine *f, int32_t a, int32_t b, const double *E) {
    const sync_windows *windows = &f->w->windows[a];
    f->matches = 0;
    for (int32_t k = 0; k < windows->count; k++) {
        sync_match found[SYNC_MATCHES];
        const double own = windows->window[k].middle;
        const int32_t n = sync_match_window(found, f->w, a, b, &windows->window[k],
                                            own_of(f->w, b, common_of(f->w, a, own)) - own, E);
        for (int32_t m = 0; m < n; m++) f->match[f->matches++] = (fine_match){k, found[m].i, found[m].j};
    }
}

/* The detection of a track at `by` pictures from frame g; -1: none. */
static int64_t beside(const sync_track *track, int32_t g, int32_t by) {
    const int32_t f = g + by;
    return f < track->begin || f >= track->end ? -1 : track->detection[f - track->begin];
}

/* A joint's speed around a detection, in places a second, by two lines: through the even ones of its neighbours, and through
 * the odd ones. What one of them errs the other does not: the one moves a picture to the time asked for, the other weighs
 * what is then off. With one speed for both, its error would draw every offset to whole pictures. NAN where neighbours are
 * missing. */
static void speeds_at(float v[2][2], const sync_work *w, const sync_camera *c, const sync_track *track, int32_t g,
                      int32_t joint) {
    const int32_t reach = (int32_t)fmax(2, round(REACH * c->fps)), joints = w->k->set.joints;
    double sum[2][7] = {{0}};
    for (int32_t by = -reach; by <= reach; by++) {
        const int64_t d = beside(track, g, by);
        if (d < 0) continue;
        const double *t = &c->time[g];
        const double x = (double)c->place[2 * (d * joints + joint)], y = (double)c->place[2 * (d * joints + joint) + 1];
        if (isnan(x)) continue;
        const double dt = t[by] - *t, term[7] = {1, dt, dt * dt, x, dt * x, y, dt * y};
        for (int k = 0; k < 7; k++) sum[by & 1][k] += term[k];
    }
    for (int odd = 0; odd < 2; odd++) {
        const double *m = sum[odd], spread = m[2] - m[1] * m[1] / m[0];
        const bool enough = m[0] >= 2 && m[0] >= 0.6 * reach && spread > 0;
        v[odd][0] = enough ? (float)((m[4] - m[1] * m[3] / m[0]) / spread) : NAN;
        v[odd][1] = enough ? (float)((m[6] - m[1] * m[5] / m[0]) / spread) : NAN;
    }
}

/* The picture of b's track nearest to own time `t`, searched on from `*g`; false where there is none near. */
static bool nearest_picture(int32_t *g, const sync_camera *c, const sync_track *track, double t) {
    int32_t best = -1;
    for (int32_t f = *g; f < track->end; f++) {
        if (track->detection[f - track->begin] < 0) continue;
        if (best >= 0 && fabs(c->time[f] - t) > fabs(c->time[best] - t)) break;
        best = f;
    }
    if (best < 0) return false;
    *g = best;
    return fabs(c->time[best] - t) <= 0.75 / c->fps;
}

static void gather_match(fine *f, int32_t ia, int32_t ib, const fine_match *m, int32_t group, int32_t every,
                         double extra) {
    const sync_camera *a = &f->w->camera[ia], *b = &f->w->camera[ib];
    const sync_track *ta = &a->track[m->i], *tb = &b->track[m->j];
    const int32_t joints = f->w->k->set.joints;
    const double middle = f->w->windows[ia].window[m->window].middle;
    const double slowest = a->camera && b->camera ? 0 : STILL;
    int32_t g = tb->begin;
    for (int32_t frame = ta->begin; frame < ta->end; frame += every) {
        const int64_t da = ta->detection[frame - ta->begin];
        if (da < 0 || fabs(a->time[frame] - middle) > SYNC_WINDOW / 2) continue;
        const double t = common_of(f->w, ia, a->time[frame]), own = own_of(f->w, ib, t) + extra;
        if (!nearest_picture(&g, b, tb, own)) continue;
        const int64_t d = beside(tb, g, 0);
        const float part = (float)(own - b->time[g]);
        for (int32_t j = 0; j < joints && f->count < SAMPLES; j++) {
            const float *xa = a->place + 2 * (da * joints + j), *xb = b->place + 2 * (d * joints + j);
            float v[2][2];
            if (isnan(xa[0]) || isnan(xb[0])) continue;
            speeds_at(v, f->w, b, tb, g, j);
            if (isnan(v[0][0] + v[1][0])) continue;
            if (hypot((double)v[0][0], (double)v[0][1]) * b->scale < slowest) continue;
            f->samples[f->count++] = (sample){.xa = {xa[0], xa[1]},
                                              .xb = {xb[0] + part * v[0][0], xb[1] + part * v[0][1]},
                                              .vb = {{v[0][0], v[0][1]}, {v[1][0], v[1][1]}},
                                              .t = t,
                                              .group = group * joints + j};
        }
    }
}

/* What both cameras saw, b's clock being `extra` later than is thought. */
static void gather(fine *f, int32_t a, int32_t b, double extra) {
    int64_t frames = 0;
    for (int32_t m = 0; m < f->matches; m++) {
        const sync_track *ta = &f->w->camera[a].track[f->match[m].i];
        frames += (int64_t)fmin(ta->end - ta->begin, SYNC_WINDOW * f->w->camera[a].fps);
    }
    const int32_t every = (int32_t)(frames * f->w->k->set.joints / SAMPLES) + 1;
    f->count = 0;
    for (int32_t m = 0; m < f->matches; m++) gather_match(f, a, b, &f->match[m], m, every, extra);
}

/* ---- epipolar geometry ---------------------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b) {
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* d and slope of every sample; returns the median of |d|. `room` [SAMPLES]. */
static double measure(fine *f, const double E[9], double scale) {
    for (int32_t i = 0; i < f->count; i++) {
        sample *s = &f->samples[i];
        double slope[2];
        s->d = (float)(scale * vg_epipolar_distance(slope, E, (double)s->xa[0], (double)s->xa[1], (double)s->xb[0],
                                                    (double)s->xb[1]));
        s->slope = (float)(scale * (slope[0] * (double)s->vb[0][0] + slope[1] * (double)s->vb[0][1]));
        s->pull = (float)(scale * (slope[0] * (double)s->vb[1][0] + slope[1] * (double)s->vb[1][1]));
    }
    enum { FEW = 2048 };
    float some[FEW];
    int32_t n = 0;
    const int32_t every = f->count / FEW + 1;
    for (int32_t i = 0; i < f->count; i += every) some[n++] = fabsf(f->samples[i].d);
    qsort(some, (size_t)n, sizeof *some, by_value);
    return n ? (double)some[n / 2] : (double)NAN;
}

static double weight_of(double d, double s) {
    const double r = d * d / (s * s);
    return 1 / ((1 + r) * (1 + r)); /* Geman and McClure */
}

static double misfit(const fine *f, double s) {
    double sum = 0;
    for (int32_t i = 0; i < f->count; i++) {
        const double d2 = (double)f->samples[i].d * (double)f->samples[i].d;
        sum += d2 / (d2 + s * s);
    }
    return sum / f->count;
}

/* Mean and spread of the places in one camera. */
static void spread(double mean[2], double *scale, const fine *f, bool b) {
    double sum[2] = {0}, square = 0;
    for (int32_t i = 0; i < f->count; i++) {
        const float *x = b ? f->samples[i].xb : f->samples[i].xa;
        for (int k = 0; k < 2; k++) sum[k] += (double)x[k], square += (double)x[k] * (double)x[k];
    }
    const double n = f->count;
    mean[0] = sum[0] / n, mean[1] = sum[1] / n;
    *scale = sqrt(fmax(square / n - mean[0] * mean[0] - mean[1] * mean[1], 1e-12) / 2);
}

/* The F that samples agree with best; false where they do not tell. */
static bool fit_geometry(double F[9], fine *f, double scale) {
    double ma[2], mb[2], sa, sb, value[9], G[9];
    if (f->count < 200) return false;
    spread(ma, &sa, f, false), spread(mb, &sb, f, true);
    for (int pass = 0; pass < 4; pass++) {
        double N[81] = {0};
        const double s = pass ? fmax(2 * NARROW, 4 * measure(f, F, scale)) : 0;
        for (int32_t i = 0; i < f->count; i++) {
            const sample *q = &f->samples[i];
            const double a[3] = {((double)q->xa[0] - ma[0]) / sa, ((double)q->xa[1] - ma[1]) / sa, 1};
            const double b[3] = {((double)q->xb[0] - mb[0]) / sb, ((double)q->xb[1] - mb[1]) / sb, 1};
            double row[9], weight = 1;
            for (int k = 0; k < 9; k++) row[k] = b[k / 3] * a[k % 3];
            if (pass) { /* the algebraic error becomes Sampson's */
                double l[2] = {0}, m[2] = {0};
                for (int k = 0; k < 3; k++) {
                    for (int r = 0; r < 2; r++) l[r] += G[3 * r + k] * a[k], m[r] += G[3 * k + r] * b[k];
                }
                weight = weight_of((double)q->d, s) / fmax(l[0] * l[0] / (sb * sb) + l[1] * l[1] / (sb * sb) +
                                                               m[0] * m[0] / (sa * sa) + m[1] * m[1] / (sa * sa),
                                                           1e-12);
            }
            for (int r = 0; r < 9; r++)
                for (int k = 0; k <= r; k++) N[9 * r + k] += weight * row[r] * row[k];
        }
        if (LAPACKE_dsyev(LAPACK_ROW_MAJOR, 'V', 'L', 9, N, 9, value) != 0) return false;
        for (int k = 0; k < 9; k++) G[k] = N[9 * k];
        const double Ta[9] = {1 / sa, 0, -ma[0] / sa, 0, 1 / sa, -ma[1] / sa, 0, 0, 1};
        const double Tb[9] = {1 / sb, 0, 0, 0, 1 / sb, 0, -mb[0] / sb, -mb[1] / sb, 1}; /* transposed */
        double half[9];
        vg_mat3_mul(half, G, Ta), vg_mat3_mul(F, Tb, half);
    }
    return true;
}

/* ---- Gauss-Newton ---------------------------------------------------------------------------------------------------------- */

/* Places of a pair's four unknowns; -1: it is not one. */
static void places_of(int32_t at[4], const fine *f, int32_t a, int32_t b) {
    at[0] = a ? 2 * a : -1, at[1] = a && f->drifting[a] ? 2 * a + 1 : -1;
    at[2] = b ? 2 * b : -1, at[3] = b && f->drifting[b] ? 2 * b + 1 : -1;
}

/* What weighs a sample's distance: how it changes with the clock, less the mean of its joint. */
static void pulls(double *z, double *y, const fine *f, const sample *q, double s) {
    const double *g = f->groups + 4 * (size_t)q->group, w = weight_of((double)q->d, s), all = g[0] + PRIOR;
    *z = w * ((double)q->pull - g[2] / all), *y = w * ((double)q->pull * (q->t - f->w->centre) - g[3] / all);
}

static void sum_groups(fine *f, double s) {
    memset(f->groups, 0, sizeof *f->groups * 4 * (size_t)f->matches * (size_t)f->w->k->set.joints);
    for (int32_t i = 0; i < f->count; i++) {
        const sample *q = &f->samples[i];
        double *g = f->groups + 4 * (size_t)q->group;
        const double w = weight_of((double)q->d, s), pull = (double)q->pull;
        g[0] += w, g[1] += w * (double)q->d, g[2] += w * pull, g[3] += w * pull * (q->t - f->w->centre);
    }
}

/* Adds a pair's measured samples to the equations, of which H is not symmetric, and to the blocks' scores; the pair's lag
 * becomes what it would have by itself. */
static void assemble(fine *f, vg_sync_pair *pair, double s, double *H, double *rhs) {
    int32_t at[4];
    double own_H = 0, own_rhs = 0;
    places_of(at, f, pair->a, pair->b);
    sum_groups(f, s);
    for (int32_t i = 0; i < f->count; i++) {
        const sample *q = &f->samples[i];
        const double *g = f->groups + 4 * (size_t)q->group, late = q->t - f->w->centre, slope = (double)q->slope;
        const double own = (double)q->d - g[1] / (g[0] + PRIOR);
        double z, y;
        pulls(&z, &y, f, q, s);
        const double Z[4] = {-z, -y, z, y}, J[4] = {-slope, -slope * late, slope, slope * late};
        int32_t block = (int32_t)((q->t - f->begin) / BLOCK);
        block = block < 0 ? 0 : block >= f->blocks ? f->blocks - 1 : block;
        own_H += z * slope, own_rhs -= z * (double)q->d;
        for (int r = 0; r < 4; r++) {
            if (at[r] < 0) continue;
            f->scores[(size_t)block * UNKNOWNS + (size_t)at[r]] += Z[r] * own;
            rhs[at[r]] -= Z[r] * (double)q->d;
            for (int k = 0; k < 4; k++)
                if (at[k] >= 0) H[at[r] * UNKNOWNS + at[k]] += Z[r] * J[k];
        }
    }
    const double now = own_of(f->w, pair->b, common_of(f->w, pair->a, pair->middle)) - pair->middle;
    if (own_H > 0 && pair->used) pair->lag = now + own_rhs / own_H;
}

/* The spread of H^-1 times the blocks' scores; H is given by its factors. */
static void tell_sigma(fine *f, const double *H, const lapack_int *pivots, const bool *known,
                       double sigma_drift[VG_MAX_CAMERAS]) {
    double variance[UNKNOWNS] = {0};
    int32_t full = 0;
    for (int32_t b = 0; b < f->blocks; b++) {
        double *g = f->scores + (size_t)b * UNKNOWNS;
        double sum = 0;
        for (int32_t k = 0; k < UNKNOWNS; k++) sum += fabs(g[k]);
        if (!(sum > 0)) continue;
        full++;
        LAPACKE_dgetrs(LAPACK_ROW_MAJOR, 'N', UNKNOWNS, 1, H, UNKNOWNS, pivots, g, 1);
        for (int32_t k = 0; k < UNKNOWNS; k++) variance[k] += g[k] * g[k];
    }
    const double few = full > 2 ? full / (full - 1.) : 4; /* so few blocks hide what they have in common */
    for (int32_t c = 1; c < f->w->k->cameras; c++) {
        if (!known[c]) continue;
        f->w->sigma[c] = sqrt(few * variance[2 * c]), sigma_drift[c] = sqrt(few * variance[2 * c + 1]);
    }
}

/* One step over all pairs; true where it was small. */
static bool step(fine *f, const bool *known, vg_sync_pair *pairs, int32_t count, double *sigma_drift) {
    sync_work *w = f->w;
    double *H = calloc(UNKNOWNS * UNKNOWNS + UNKNOWNS, sizeof *H), *rhs = H ? H + UNKNOWNS * UNKNOWNS : NULL;
    if (!H) return true;
    memset(f->scores, 0, sizeof *f->scores * UNKNOWNS * (size_t)f->blocks);
    for (int32_t i = 0; i < count; i++) {
        const int32_t a = pairs[i].a, b = pairs[i].b;
        const bool calibrated = w->camera[a].camera && w->camera[b].camera;
        double E[9];
        if (!known[a] || !known[b] || !(calibrated || pairs[i].used)) continue;
        if (calibrated) vg_epipolar_matrix(E, w->camera[a].camera, w->camera[b].camera);
        match_pair(f, a, b, calibrated ? E : NULL);
        gather(f, a, b, 0);
        if (!calibrated && !fit_geometry(E, f, w->camera[b].scale)) continue;
        pairs[i].epipolar = measure(f, E, w->camera[b].scale);
        assemble(f, &pairs[i], fmax(NARROW, 3 * 1.4826 * pairs[i].epipolar), H, rhs);
    }
    for (int32_t k = 0; k < UNKNOWNS; k++)
        if (!(fabs(H[k * UNKNOWNS + k]) > 0)) H[k * UNKNOWNS + k] = 1; /* nothing is asked of it */
    bool small = true;
    lapack_int pivots[UNKNOWNS];
    if (LAPACKE_dgetrf(LAPACK_ROW_MAJOR, UNKNOWNS, UNKNOWNS, H, UNKNOWNS, pivots) == 0) {
        LAPACKE_dgetrs(LAPACK_ROW_MAJOR, 'N', UNKNOWNS, 1, H, UNKNOWNS, pivots, rhs, 1);
        for (int32_t c = 1; c < w->k->cameras; c++) {
            const double most = 1 / w->camera[c].fps;
            w->shift[c] += fmax(-most, fmin(most, rhs[2 * c]));
            w->drift[c] += fmax(-1e-3, fmin(1e-3, rhs[2 * c + 1]));
            small = small && fabs(rhs[2 * c]) < 2e-5 && fabs(rhs[2 * c + 1]) < 1e-6;
        }
        if (sigma_drift) tell_sigma(f, H, pivots, known, sigma_drift);
    }
    free(H);
    return small;
}

/* Keeps a drift only where the recording shows it. */
static bool drop_drifts(fine *f, const double *sigma_drift, double span) {
    bool dropped = false;
    for (int32_t c = 1; c < f->w->k->cameras; c++) {
        const double drift = fabs(f->w->drift[c]);
        if (!f->drifting[c] || (drift > 3 * sigma_drift[c] && drift * span / 2 > TOLD)) continue;
        f->drifting[c] = false, f->w->drift[c] = 0, dropped = true;
    }
    return dropped;
}

static vg_status prepare(fine *f, sync_work *w, double *span, vg_error *err) {
    double end = -(double)INFINITY;
    *f = (fine){.w = w, .begin = (double)INFINITY};
    for (int32_t k = 0; k < w->windows[0].count; k++) {
        f->begin = fmin(f->begin, w->windows[0].window[k].middle - SYNC_WINDOW);
        end = fmax(end, w->windows[0].window[k].middle + SYNC_WINDOW);
    }
    *span = end - f->begin - 2 * SYNC_WINDOW;
    f->blocks = (int32_t)fmin(1e6, ceil((end - f->begin) / BLOCK)) + 1;
    for (int32_t c = 1; c < w->k->cameras; c++) {
        f->drifting[c] = *span >= LEAST_SPAN && w->camera[c].camera;
        if (!w->camera[c].camera && fabs(w->drift[c]) * *span / 2 < ROUGH) w->drift[c] = 0;
    }
    f->scores = malloc(sizeof *f->scores * UNKNOWNS * (size_t)f->blocks);
    f->samples = malloc(sizeof *f->samples * SAMPLES);
    f->match = malloc(sizeof *f->match * SYNC_WINDOWS * SYNC_MATCHES);
    f->groups = malloc(sizeof *f->groups * 4 * SYNC_WINDOWS * SYNC_MATCHES * (size_t)w->k->set.joints);
    return f->scores && f->samples && f->match && f->groups
               ? VG_OK
               : vg_fail(err, VG_NO_MEMORY, "out of memory to refine the cameras' offsets");
}

static void release(fine *f) {
    free(f->scores), free(f->samples), free(f->match), free(f->groups);
}

vg_status sync_fine(sync_work *w, const bool *known, vg_sync_pair *pairs, int32_t count, vg_error *err) {
    fine f;
    double span, sigma_drift[VG_MAX_CAMERAS] = {0};
    const vg_status status = prepare(&f, w, &span, err);
    for (int32_t pass = 0; status == VG_OK && pass < PASSES; pass++)
        if (step(&f, known, pairs, count, NULL)) break;
    if (status == VG_OK) step(&f, known, pairs, count, sigma_drift);
    if (status == VG_OK && drop_drifts(&f, sigma_drift, span)) {
        for (int32_t pass = 0; pass < PASSES / 2; pass++)
            if (step(&f, known, pairs, count, NULL)) break;
        step(&f, known, pairs, count, sigma_drift);
    }
    release(&f);
    return status;
}

/* ---- one pair without a calibration ------------------------------------------------------------------------------------ */

vg_status sync_scan(vg_sync_pair *pair, sync_work *w, vg_error *err) {
    fine f;
    double span, value[2 * SCAN + 1], F[9];
    const double frame = 1 / fmin(w->camera[pair->a].fps, w->camera[pair->b].fps), scale = w->camera[pair->b].scale;
    const vg_status status = prepare(&f, w, &span, err);
    if (status == VG_OK) match_pair(&f, pair->a, pair->b, NULL);
    bool good = status == VG_OK && f.matches > 0;
    for (int32_t i = 0; good && i <= 2 * SCAN; i++) {
        gather(&f, pair->a, pair->b, (i - SCAN) * frame);
        good = fit_geometry(F, &f, scale);
        if (good) measure(&f, F, scale), value[i] = misfit(&f, 8);
    }
    release(&f);
    int32_t best = 0;
    for (int32_t i = 1; good && i <= 2 * SCAN; i++)
        if (value[i] < value[best]) best = i;
    if (!good || best == 0 || best == 2 * SCAN) return status; /* no minimum: the correlation's word stands */
    const double l = value[best - 1], m = value[best], r = value[best + 1], curve = l - 2 * m + r;
    const double own = pair->middle, now = own_of(w, pair->b, common_of(w, pair->a, own)) - own;
    pair->lag = now + (best - SCAN + (curve > 0 ? fmax(-0.5, fmin(0.5, 0.5 * (l - r) / curve)) : 0)) * frame;
    return status;
}
