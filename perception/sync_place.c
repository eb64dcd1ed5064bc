/* Where cameras stand in time against one another, a sample exactly: each pair's evidence is a curve over lags, and a place of
 * a camera has the sum of its curves with all others. Cameras are placed in the order in which they are certain. */
#include "perception/sync_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SHOULDER 0.1 /* s beside a peak that belong to it, at least */
#define CERTAIN  3.  /* nats: a place must have so much more evidence than any other to be told at all */
enum { ROUNDS = 3 };

static int32_t pair_index(int32_t a, int32_t b, int32_t cameras) {
    if (a > b) return pair_index(b, a, cameras);
    return a * cameras - a * (a + 1) / 2 + b - a - 1;
}

/* A pair's evidence at a lag, between its samples on a line; 0 beyond. */
static double evidence_at(const sync_curve *c, double lag, double step) {
    const double at = (lag - c->centre) / step + c->reach;
    if (!(at >= 0 && at <= 2 * c->reach)) return 0;
    const int32_t i = at >= 2 * c->reach ? 2 * c->reach - 1 : (int32_t)at;
    return c->evidence[i] + (at - i) * (c->evidence[i + 1] - c->evidence[i]);
}

/* Where the parabola through three values at -1, 0, 1 is highest. */
static double parabola(double left, double middle, double right) {
    const double curve = left - 2 * middle + right;
    return curve < 0 ? fmax(-0.5, fmin(0.5, 0.5 * (left - right) / curve)) : 0;
}

/* The highest of `count` values; *margin: how far it stands out above all beyond its own slopes, which end where values rise
 * again. */
static int32_t peak_of(double *margin, const double *v, int32_t count, int32_t shoulder) {
    int32_t best = 0;
    for (int32_t l = 1; l < count; l++)
        if (v[l] > v[best]) best = l;
    int32_t low = best, high = best;
    while (low > 0 && !(v[low - 1] > v[low] && best - low >= shoulder)) low--;
    while (high < count - 1 && !(v[high + 1] > v[high] && high - best >= shoulder)) high++;
    double second = 0;
    for (int32_t l = 0; l < count; l++)
        if (l < low || l > high) second = fmax(second, v[l]);
    *margin = v[best] - second;
    return best;
}

typedef struct placing {
    const sync_work *w;
    double at[VG_MAX_CAMERAS]; /* s; own time less the reference's */
    bool placed[VG_MAX_CAMERAS];
    double *sum; /* [2 reach + 1] */
    int32_t shoulder;
} placing;

/* The best place of a camera among those that are placed; returns its margin. */
static double look(double *best, const placing *p, int32_t camera) {
    const int32_t cameras = p->w->k->cameras;
    const sync_curve *own = &p->w->curve[pair_index(0, camera, cameras)]; /* places count from the reference's */
    const int32_t count = 2 * own->reach + 1;
    for (int32_t l = 0; l < count; l++) {
        const double at = own->centre + (l - own->reach) * p->w->step;
        p->sum[l] = 0;
        for (int32_t c = 0; c < cameras; c++)
            if (c != camera && p->placed[c])
                p->sum[l] += evidence_at(&p->w->curve[pair_index(c, camera, cameras)],
                                         c < camera ? at - p->at[c] : p->at[c] - at, p->w->step);
    }
    double margin;
    const int32_t peak = peak_of(&margin, p->sum, count, p->shoulder);
    const double part = peak > 0 && peak < count - 1 ? parabola(p->sum[peak - 1], p->sum[peak], p->sum[peak + 1]) : 0;
    *best = own->centre + (peak - own->reach + part) * p->w->step;
    return p->sum[peak] > 0 ? margin : 0;
}

static void place_all(placing *p, double *margin) {
    const int32_t cameras = p->w->k->cameras;
    double first[VG_MAX_CAMERAS] = {0}, surest = (double)INFINITY;
    p->placed[0] = true;
    for (;;) {
        int32_t next = -1;
        double at = 0, most = CERTAIN;
        for (int32_t c = 1; c < cameras; c++) {
            double place;
            const double stands_out = p->placed[c] ? 0 : look(&place, p, c);
            if (!p->placed[c]) margin[c] = stands_out;
            if (stands_out >= most) next = c, most = stands_out, at = place;
        }
        if (next < 0) break;
        p->placed[next] = true, p->at[next] = at;
        surest = first[next] = fmin(surest, most); /* what stands on a doubtful place is doubtful too */
    }
    for (int32_t round = 0; round < ROUNDS; round++)
        for (int32_t c = 1; c < cameras; c++)
            if (p->placed[c]) margin[c] = fmin(look(&p->at[c], p, c), first[c]);
    for (int32_t c = 1; c < cameras; c++) p->placed[c] = p->placed[c] && margin[c] >= CERTAIN;
}

/* What a pair says by itself near where its cameras were placed; elsewhere, only by how much its best lag is better. */
static void tell_pair(vg_sync_pair *pair, const placing *p, const sync_curve *c) {
    const int32_t count = 2 * c->reach + 1;
    int32_t best = peak_of(&pair->evidence, c->evidence, count, p->shoulder);
    if (!(c->evidence[best] > 0)) return;
    if (p->placed[pair->a] && p->placed[pair->b]) {
        const int32_t at = (int32_t)lround((p->at[pair->b] - p->at[pair->a] - c->centre) / p->w->step) + c->reach;
        int32_t near = -1;
        for (int32_t l = at - p->shoulder; l <= at + p->shoulder; l++)
            if (l >= 0 && l < count && (near < 0 || c->evidence[l] > c->evidence[near])) near = l;
        pair->used = near > 0 && near < count - 1 && c->evidence[near] > 0;
        if (pair->used) pair->evidence -= c->evidence[best] - c->evidence[near], best = near;
    }
    const double part =
        best > 0 && best < count - 1 ? parabola(c->evidence[best - 1], c->evidence[best], c->evidence[best + 1]) : 0;
    pair->lag = c->centre + (best - c->reach + part) * p->w->step;
    pair->drift = c->drift[best], pair->middle = c->middle, pair->weight = c->evidence[best];
    pair->correlation = sync_correlation(p->w, pair->a, pair->b, pair->lag, pair->drift);
}

vg_status sync_place(vg_sync_result *out, double margin[VG_MAX_CAMERAS], const sync_work *w, vg_error *err) {
    placing p = {.w = w, .shoulder = (int32_t)ceil(SHOULDER / w->step)};
    p.sum = malloc(sizeof *p.sum * (2 * (size_t)w->curve[0].reach + 1));
    if (!p.sum) return vg_fail(err, VG_NO_MEMORY, "out of memory for the cameras' places in time");
    memset(margin, 0, sizeof *margin * VG_MAX_CAMERAS);
    place_all(&p, margin);
    for (int32_t i = 0; i < out->pairs; i++) tell_pair(&out->pair[i], &p, &w->curve[i]);
    memcpy(out->known, p.placed, sizeof out->known);
    free(p.sum);
    return VG_OK;
}
