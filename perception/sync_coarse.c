/* Two cameras: for every lag, in each of some windows of the recording, people are paired one to one by how alike they
 * move; evidence adds up over windows, along lines of lag over time where the clocks may drift.
 *
 * Evidence that two tracks are one person, at a lag, in nats. Of speeds with correlation r over n independent values it is
 * -n / 2 log(1 - r^2), the log likelihood ratio of two Gaussians that are correlated to two that are not. With a calibration
 * the distances d of joints from each other's epipolar lines are added: n (mean of log(1 + d^2 / 2 s^2) at SIX s, less that
 * measured), for noise of heavy tails. */
#include "perception/sync_parts.h"

#include "calibration/calibration.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define INDEPENDENT 0.15  /* s between speeds that say something new of one another; places: four times that */
#define GROUPS      3.    /* a person's joints move as so many would by themselves */
#define MATCHING    2.    /* nats that a pair of people must be worth */
#define APART       0.5   /* s of a window that two tracks share, at least */
#define NOISE       0.005 /* of the focal length; s of the epipolar distances, at least 3 px */
#define FAR         2.944 /* log(1 + 6^2 / 2) */
#define MOST_DRIFT  0.003 /* seconds a second */
#define LEAST_SPAN  20.   /* s of recording, below which no drift is looked for */
enum { CANDIDATES = 256 };

/* ---- two people at one lag ---------------------------------------------------------------------------------------------- */

/* Samples `first` .. `last` of a's track and those `shift` later of b's. */
static void correlate(sync_match *m, const sync_track *a, const sync_track *b, int32_t first, int32_t last,
                      int32_t shift, int32_t lanes) {
    float xy[VG_MAX_JOINTS] = {0}, xx[VG_MAX_JOINTS] = {0}, yy[VG_MAX_JOINTS] = {0}, n[VG_MAX_JOINTS] = {0};
    for (int32_t s = first; s < last; s++) {
        const size_t i = (size_t)(s - a->from) * (size_t)lanes, k = (size_t)(s + shift - b->from) * (size_t)lanes;
        const float *x = a->up + i, *p = a->known + i, *y = b->up + k, *q = b->known + k;
        for (int32_t j = 0; j < lanes; j++) {
            xy[j] += x[j] * y[j], n[j] += p[j] * q[j];
            xx[j] += x[j] * x[j] * q[j], yy[j] += y[j] * y[j] * p[j];
        }
    }
    for (int32_t j = 0; j < lanes; j++)
        m->xy += (double)xy[j], m->xx += (double)xx[j], m->yy += (double)yy[j], m->n += (double)n[j];
}

/* How much nearer than by chance joints lie to epipolar lines, a joint; *n joints were compared. */
static double nearness(double *n, const sync_work *w, const sync_track *a, const sync_track *b, int32_t first,
                       int32_t last, int32_t shift, const double *E, double focal) {
    const double s = fmax(3, NOISE * focal) / focal;
    double sum = 0;
    *n = 0;
    for (int32_t at = (first + SYNC_STRIDE - 1) / SYNC_STRIDE * SYNC_STRIDE; at < last; at += SYNC_STRIDE)
        for (int32_t j = 0; j < w->k->set.joints; j++) {
            const size_t i = (size_t)(at - a->from) * (size_t)w->lanes + (size_t)j,
                         k = (size_t)(at + shift - b->from) * (size_t)w->lanes + (size_t)j;
            const double x = (double)a->x[i], y = (double)a->y[i], u = (double)b->x[k], v = (double)b->y[k];
            double slope[2];
            const double d = vg_epipolar_distance(slope, E, x, y, u, v);
            if (isnan(d)) continue; /* a joint that is not in both */
            sum += FAR - log1p(d * d / (2 * s * s)), *n += 1;
        }
    return *n > 0 ? sum / *n : 0;
}

static void weigh(sync_match *m, const sync_work *w, const sync_camera *ca, const sync_camera *cb,
                  const sync_window *window, int32_t shift, const double *E) {
    const sync_track *a = &ca->track[m->i], *b = &cb->track[m->j];
    int32_t first = window->from > a->from ? window->from : a->from, last = window->to < a->to ? window->to : a->to;
    if (b->from - shift > first) first = b->from - shift;
    if (b->to - shift < last) last = b->to - shift;
    if ((last - first) * w->step < APART) return;
    correlate(m, a, b, first, last, shift, w->lanes);
    const double joints = w->k->set.joints, seconds = m->n / joints * w->step;
    if (seconds < APART / 2 || !(m->xx > 0 && m->yy > 0)) return;
    const double r = m->xy / sqrt(m->xx * m->yy);
    m->evidence = r > 0 ? -0.5 * GROUPS * seconds / INDEPENDENT * log(fmax(1 - r * r, 1e-3)) : 0;
    if (!E) return;
    double n;
    const double near = nearness(&n, w, a, b, first, last, shift, E, cb->scale);
    m->evidence += near > 0 ? GROUPS * n / joints * SYNC_STRIDE * w->step / (4 * INDEPENDENT) * near : -m->evidence;
}

/* ---- all people at one lag --------------------------------------------------------------------------------------------- */

static int by_evidence(const void *a, const void *b) {
    const sync_match *p = a, *q = b;
    if (p->evidence > q->evidence || p->evidence < q->evidence) return p->evidence > q->evidence ? -1 : 1;
    return p->i != q->i ? (p->i > q->i) - (p->i < q->i) : (p->j > q->j) - (p->j < q->j);
}

static bool overlap(const sync_track *a, const sync_track *b) {
    return a->from < b->to && b->from < a->to;
}

/* A person of one camera cannot be two of the other's at once. */
static bool fits(const sync_match *m, const sync_match *chosen, int32_t count, const sync_camera *ca,
                 const sync_camera *cb) {
    for (int32_t k = 0; k < count; k++) {
        if (chosen[k].i == m->i && overlap(&cb->track[chosen[k].j], &cb->track[m->j])) return false;
        if (chosen[k].j == m->j && overlap(&ca->track[chosen[k].i], &ca->track[m->i])) return false;
    }
    return true;
}

/* Samples between b's and a's count at this lag. */
static int32_t shift_of(const sync_work *w, int32_t a, int32_t b, double lag) {
    return (int32_t)lround((w->camera[a].base - w->camera[b].base + lag) / w->step);
}

int32_t sync_match_window(sync_match out[SYNC_MATCHES], const sync_work *w, int32_t a, int32_t b,
                          const sync_window *window, double lag, const double *E) {
    const sync_camera *ca = &w->camera[a], *cb = &w->camera[b];
    const int32_t shift = shift_of(w, a, b, lag);
    sync_match candidate[CANDIDATES];
    int32_t found = 0, count = 0;
    for (int32_t i = 0; i < ca->tracks; i++) {
        if (ca->track[i].to <= window->from || ca->track[i].from >= window->to) continue;
        for (int32_t j = 0; j < cb->tracks && found < CANDIDATES; j++) {
            if (cb->track[j].to <= window->from + shift || cb->track[j].from >= window->to + shift) continue;
            sync_match *m = &candidate[found];
            *m = (sync_match){.i = i, .j = j};
            weigh(m, w, ca, cb, window, shift, E);
            found += m->evidence > MATCHING;
        }
    }
    qsort(candidate, (size_t)found, sizeof *candidate, by_evidence);
    for (int32_t k = 0; k < found && count < SYNC_MATCHES; k++)
        if (fits(&candidate[k], out, count, ca, cb)) out[count++] = candidate[k];
    return count;
}

/* ---- all lags ----------------------------------------------------------------------------------------------------------- */

/* Evidence of every window at every lag. */
typedef struct search {
    const sync_work *w;
    int32_t a, b;
    const sync_windows *windows;
    double E[9];
    double middle, span; /* s; of the windows */
    sync_curve *curve;
    double *score; /* [windows, 2 reach + 1] nats */
} search;

static search search_of(const sync_work *w, int32_t a, int32_t b) {
    search s = {.w = w, .a = a, .b = b, .windows = &w->windows[a]};
    double low = (double)INFINITY, high = -(double)INFINITY;
    for (int32_t k = 0; k < s.windows->count; k++) {
        low = fmin(low, s.windows->window[k].middle), high = fmax(high, s.windows->window[k].middle);
    }
    s.middle = (low + high) / 2, s.span = high - low;
    if (w->camera[a].camera && w->camera[b].camera) vg_epipolar_matrix(s.E, w->camera[a].camera, w->camera[b].camera);
    return s;
}

static const double *geometry(const search *s) {
    return s->w->camera[s->a].camera && s->w->camera[s->b].camera ? s->E : NULL;
}

static void fill_scores(search *s) {
    const int32_t count = 2 * s->curve->reach + 1;
    for (int32_t k = 0; k < s->windows->count; k++)
        for (int32_t l = 0; l < count; l++) {
            sync_match matches[SYNC_MATCHES];
            const int32_t n = sync_match_window(matches, s->w, s->a, s->b, &s->windows->window[k],
                                                s->curve->centre + (l - s->curve->reach) * s->w->step, geometry(s));
            double sum = 0;
            for (int32_t m = 0; m < n; m++) sum += matches[m].evidence - MATCHING;
            s->score[(int64_t)k * count + l] = sum;
        }
}

/* Evidence over all windows, along the line through lag index `l` in the middle. */
static double along(const search *s, int32_t l, double drift) {
    const int32_t count = 2 * s->curve->reach + 1;
    double sum = 0;
    for (int32_t k = 0; k < s->windows->count; k++) {
        const double at = l + drift * (s->windows->window[k].middle - s->middle) / s->w->step;
        if (!(at >= 0 && at <= count - 1)) continue;
        const int32_t i = at > count - 2 ? count - 2 : (int32_t)at;
        const double *v = s->score + (int64_t)k * count + i;
        sum += v[0] + (at - i) * (v[1] - v[0]);
    }
    return sum;
}

static void find_best(search *s) {
    sync_curve *c = s->curve;
    const int32_t steps = s->span >= LEAST_SPAN ? (int32_t)ceil(MOST_DRIFT * s->span / s->w->step) : 0;
    for (int32_t l = 0; l <= 2 * c->reach; l++) {
        c->evidence[l] = along(s, l, 0), c->drift[l] = 0;
        for (int32_t d = -steps; d <= steps; d++) {
            const double drift = MOST_DRIFT * d / (steps ? steps : 1), value = along(s, l, drift);
            if (value > c->evidence[l]) c->evidence[l] = value, c->drift[l] = drift;
        }
    }
}

double sync_correlation(const sync_work *w, int32_t a, int32_t b, double lag, double drift) {
    const search s = search_of(w, a, b);
    double xy = 0, xx = 0, yy = 0;
    for (int32_t k = 0; k < s.windows->count; k++) {
        sync_match matches[SYNC_MATCHES];
        const sync_window *window = &s.windows->window[k];
        const int32_t n =
            sync_match_window(matches, w, a, b, window, lag + drift * (window->middle - s.middle), geometry(&s));
        for (int32_t m = 0; m < n; m++) xy += matches[m].xy, xx += matches[m].xx, yy += matches[m].yy;
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : (double)NAN;
}

/* Times of a clock that both cameras share are compared as they are; else both recordings begin at about the same time. */
static double centre_of(const sync_work *w, int32_t a, int32_t b) {
    const double *ta = w->camera[a].time + w->k->begin[a], *tb = w->camera[b].time + w->k->begin[b];
    const double end_a = w->camera[a].time[w->k->end[a] - 1], end_b = w->camera[b].time[w->k->end[b] - 1];
    const double shared = fmin(end_a, end_b) - fmax(*ta, *tb), shorter = fmin(end_a - *ta, end_b - *tb);
    return shared > 0.5 * shorter ? 0 : *tb - *ta;
}

vg_status sync_coarse(sync_curve *out, const sync_work *w, int32_t a, int32_t b, vg_error *err) {
    search s = search_of(w, a, b);
    *out = (sync_curve){.centre = centre_of(w, a, b), .middle = s.middle};
    out->reach = (int32_t)ceil(w->options->longest / w->camera[0].fps / w->step);
    const size_t lags = 2 * (size_t)out->reach + 1;
    out->evidence = malloc(sizeof *out->evidence * 2 * lags);
    s.score = malloc(sizeof *s.score * lags * (size_t)(s.windows->count + 1));
    s.curve = out;
    if (!out->evidence || !s.score) {
        free(s.score);
        return vg_fail(err, VG_NO_MEMORY, "out of memory for the correlations");
    }
    out->drift = out->evidence + lags;
    fill_scores(&s);
    find_best(&s);
    free(s.score);
    return VG_OK;
}
