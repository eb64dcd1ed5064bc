/* Clocks of cameras: people followed in each camera -> evidence for every lag of every pair -> where cameras agree best with
 * one another -> their clocks, by least squares -> refined by geometry. */
#include "perception/sync_parts.h"

#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FINEST 30. /* samples a second, at most */

vg_sync_options vg_sync_options_default(void) {
    return (vg_sync_options){.longest = 300, .confidence = 0.3};
}

/* ---- windows ---------------------------------------------------------------------------------------------------------- */

/* How much a camera's people move in some samples. */
static double motion_in(const sync_work *w, const sync_camera *c, int32_t from, int32_t to) {
    double sum = 0;
    for (int32_t t = 0; t < c->tracks; t++) {
        const sync_track *track = &c->track[t];
        const int32_t a = from > track->from ? from : track->from, b = to < track->to ? to : track->to;
        for (int64_t i = (int64_t)(a - track->from) * w->lanes; a < b && i < (int64_t)(b - track->from) * w->lanes; i++)
            sum += fmin((double)track->up[i] * (double)track->up[i], 1000);
    }
    return sum;
}

/* Windows side by side; of more than there is room for, those with most motion. */
static void choose_windows(sync_work *w, int32_t camera) {
    const sync_camera *c = &w->camera[camera];
    sync_windows *out = &w->windows[camera];
    double motion[SYNC_WINDOWS];
    int32_t samples = 0;
    for (int32_t t = 0; t < c->tracks; t++)
        if (c->track[t].to > samples) samples = c->track[t].to;
    const int32_t length = (int32_t)fmin(SYNC_WINDOW / w->step, fmax(samples, 1));
    const int32_t pieces = samples / length > 0 ? samples / length : 1;
    for (int32_t k = 0; k < pieces; k++) {
        const int32_t from = k * length, to = k == pieces - 1 && pieces == 1 ? samples : from + length;
        const double moves = motion_in(w, c, from, to);
        int32_t at = out->count;
        if (at == SYNC_WINDOWS) { /* instead of the calmest */
            for (int32_t i = at = 0; i < SYNC_WINDOWS; i++)
                if (motion[i] < motion[at]) at = i;
            if (motion[at] >= moves) continue;
        } else {
            out->count++;
        }
        motion[at] = moves;
        out->window[at] = (sync_window){c->base + (from + to) / 2. * w->step, from, to};
    }
}

/* ---- all cameras ------------------------------------------------------------------------------------------------------ */

/* Lags that many nats speak for are all as good as their sampling. */
static double trust(const vg_sync_pair *p) {
    return fmin(p->weight, 100);
}

/* How far a pair is from the clocks as they stand, s. */
static double residual(const sync_work *w, const vg_sync_pair *p) {
    const double t = (p->middle - w->shift[p->a] + w->drift[p->a] * w->centre) / (1 + w->drift[p->a]) - w->centre;
    return w->shift[p->b] - w->shift[p->a] + (w->drift[p->b] - w->drift[p->a]) * t - p->lag;
}

/* Weighted least squares of value_b - value_a = wanted over the pairs in use, the reference at zero. */
static vg_status solve(double *value, const vg_sync_result *r, const double *wanted, const double *weight,
                       int32_t cameras, vg_error *err) {
    double N[VG_MAX_CAMERAS * VG_MAX_CAMERAS] = {0}, rhs[VG_MAX_CAMERAS] = {0};
    for (int32_t c = 0; c < cameras; c++) N[c * cameras + c] = c == 0 || !r->known[c] ? 1 : 1e-9;
    for (int32_t i = 0; i < r->pairs; i++) {
        if (!r->pair[i].used) continue;
        const int32_t end[2] = {r->pair[i].a, r->pair[i].b};
        for (int k = 0; k < 2; k++) {
            if (end[k] == 0) continue;
            N[end[k] * cameras + end[k]] += weight[i];
            if (end[1 - k] != 0) N[end[k] * cameras + end[1 - k]] -= weight[i];
            rhs[end[k]] += (k ? 1 : -1) * weight[i] * wanted[i];
        }
    }
    if (LAPACKE_dposv(LAPACK_ROW_MAJOR, 'L', cameras, 1, N, cameras, rhs, 1) != 0)
        return vg_fail(err, VG_FAILED, "the cameras' offsets cannot be solved for");
    memcpy(value, rhs, sizeof *rhs * (size_t)cameras);
    return VG_OK;
}

/* The clocks from the pairs. Those far from the rest lose their weight (Geman and McClure, `slack` seconds). */
static vg_status solve_clocks(sync_work *w, const vg_sync_result *r, double slack, vg_error *err) {
    double wanted[VG_SYNC_PAIRS], weight[VG_SYNC_PAIRS];
    for (int32_t i = 0; i < r->pairs; i++) wanted[i] = r->pair[i].drift, weight[i] = trust(&r->pair[i]);
    VG_TRY(solve(w->drift, r, wanted, weight, w->k->cameras, err));
    for (int pass = 0; pass < 12; pass++) {
        for (int32_t i = 0; i < r->pairs; i++) {
            const vg_sync_pair *p = &r->pair[i];
            if (!p->used) continue;
            const double off = residual(w, p), e = pass > 1 ? off / slack : 0;
            wanted[i] = w->shift[p->b] - w->shift[p->a] - off;
            weight[i] = trust(p) / ((1 + e * e) * (1 + e * e));
        }
        VG_TRY(solve(w->shift, r, wanted, weight, w->k->cameras, err));
    }
    return VG_OK;
}

static void summarise(vg_sync_result *out, const sync_work *w, const double *margin) {
    double sum = 0, weights = 0;
    for (int32_t i = 0; i < out->pairs; i++) {
        const vg_sync_pair *p = &out->pair[i];
        if (!p->used) continue;
        const double off = residual(w, p);
        sum += trust(p) * off * off, weights += trust(p);
        for (int k = 0; k < 2; k++) {
            double *best = &out->correlation[k ? p->b : p->a];
            *best = fmax(*best, p->correlation);
        }
    }
    out->disagreement = weights > 0 ? sqrt(sum / weights) : 0;
    out->confidence[0] = 1;
    for (int32_t c = 0; c < w->k->cameras; c++) {
        if (c > 0) out->confidence[c] = 1 - exp(-margin[c] / 10);
        out->rate[c] = 1 + w->drift[c];
        out->offset[c] = out->known[c] ? w->shift[c] - w->drift[c] * w->centre : (double)NAN;
        /* geometry that is estimated along with the clocks errs in its own way, which pairs that contradict each other show */
        const double own = w->camera[c].camera || c == 0 ? 0 : out->disagreement;
        out->sigma[c] = out->known[c] ? hypot(w->sigma[c], own) : (double)NAN;
    }
}

/* ---- the stages in turn -------------------------------------------------------------------------------------------------- */

static vg_status look_at_pairs(vg_sync_result *out, sync_work *w, double *margin, vg_error *err) {
    const int32_t n = w->k->cameras;
    for (int32_t a = 0; a < n; a++)
        for (int32_t b = a + 1; b < n; b++) {
            const double none = (double)NAN;
            out->pair[out->pairs] = (vg_sync_pair){.a = a, .b = b, .lag = none, .correlation = none, .epipolar = none};
            VG_TRY(sync_coarse(&w->curve[out->pairs++], w, a, b, err));
        }
    VG_TRY(sync_place(out, margin, w, err));
    for (int32_t c = 1; c < n; c++)
        if (out->known[c]) return VG_OK;
    return vg_fail(err, VG_FAILED,
                   "no camera moves in time with `%s`, to a certainty, within %d frames; do they see the same people "
                   "move? A longer recording, a longer search or %s may help",
                   w->k->names[0], w->options->longest,
                   w->camera[0].camera ? "another calibration (or none)" : "a calibration");
}

static vg_status run(vg_sync_result *out, sync_work *w, bool calibrated, vg_error *err) {
    double margin[VG_MAX_CAMERAS];
    const int32_t n = w->k->cameras;
    for (int32_t c = 0; c < n; c++) {
        VG_TRY(sync_follow_people(w, c, err));
        choose_windows(w, c);
    }
    VG_TRY(look_at_pairs(out, w, margin, err));
    const double ends[2] = {w->camera[0].time[w->k->begin[0]], w->camera[0].time[w->k->end[0] - 1]};
    w->centre = (ends[0] + ends[1]) / 2;
    const double slack = 2 / w->camera[0].fps;
    VG_TRY(solve_clocks(w, out, slack, err));
    for (int32_t i = 0; i < out->pairs && !calibrated; i++)
        if (out->pair[i].used) VG_TRY(sync_scan(&out->pair[i], w, err));
    if (!calibrated) VG_TRY(solve_clocks(w, out, slack / 2, err));
    VG_TRY(sync_fine(w, out->known, out->pair, out->pairs, err));
    summarise(out, w, margin);
    return VG_OK;
}

vg_status vg_sync(vg_sync_result *out, const vg_keypoints *keypoints, const vg_camera *cameras, const double *fps,
                  const vg_sync_options *options, vg_error *err) {
    memset(out, 0, sizeof *out);
    if (keypoints->cameras < 2) return vg_fail(err, VG_INVALID, "one camera alone needs no synchronisation");
    sync_work *w = calloc(1, sizeof *w);
    if (!w) return vg_fail(err, VG_NO_MEMORY, "out of memory");
    w->k = keypoints, w->options = options;
    w->lanes = (keypoints->set.joints + 7) / 8 * 8;
    double finest = FINEST;
    for (int32_t c = 0; c < keypoints->cameras; c++) {
        finest = fmin(finest, fps[c]);
        w->camera[c].fps = fps[c], w->camera[c].camera = cameras ? &cameras[c] : NULL;
    }
    w->step = 1 / finest;
    const vg_status status = run(out, w, cameras != NULL, err);
    for (int32_t c = 0; c < keypoints->cameras; c++) sync_free_people(&w->camera[c]);
    for (int32_t i = 0; i < VG_SYNC_PAIRS; i++) free(w->curve[i].evidence);
    free(w);
    return status;
}
