/* Each camera among the others' points at shifted frames: the pose of a sample of its sightings by RANSAC, at every lag. */
#include "calibration/rig_lag.h"

#include "calibration/calibration.h"
#include "calibration/lens.h"
#include "calibration/minimal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLE      400 /* sightings of a camera that are looked at */
#define LEAST       60  /* fewer that meet a point say nothing */
#define TRIALS      150
#define OTHERS      2 /* cameras that must have placed a point besides */
#define CLEARLY     2.0
#define LEAST_SHARE 0.25
#define STANDS_OUT  1.5 /* above every lag that is not beside it */
#define IN_STEP     0.6 /* a camera of which so much is used is not looked at */

/* One camera's sightings that are looked at. */
typedef struct sample {
    int32_t sighting[SAMPLE];
    double ray[3 * SAMPLE];
    int32_t count;
} sample;

static int compare_key(const vg_tracks *t, int32_t k, int64_t frame, int32_t person, int32_t point) {
    if (t->frame[k] != frame) return t->frame[k] < frame ? -1 : 1;
    if (t->person[k] != person) return t->person[k] < person ? -1 : 1;
    return (t->point[k] > point) - (t->point[k] < point);
}

/* The structure of a frame, person and point; -1 where there is none. */
static int32_t find_structure(const vg_tracks *t, int64_t frame, int32_t person, int32_t point) {
    int32_t low = 0, high = t->bundle.structures;
    while (low < high) {
        const int32_t middle = low + (high - low) / 2, order = compare_key(t, middle, frame, person, point);
        if (order == 0) return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

/* The usual step between frames of the recording: every n-th may have been looked at. */
static int64_t frame_step(const vg_tracks *t) {
    int64_t least = 0;
    for (int32_t k = 1; k < t->bundle.structures; k++) {
        const int64_t step = t->frame[k] - t->frame[k - 1];
        if (step > 0 && (least == 0 || step < least)) least = step;
    }
    return least > 0 ? least : 1;
}

static bool is_placed(const vg_bundle *b, int32_t k) {
    return isfinite(b->board ? b->board[k].t[0] : b->point[3 * (size_t)k]);
}

/* others [structures]: sightings used, and `own` those of the camera at hand. */
static bool placed_by_others(const vg_bundle *b, const int32_t *others, const int32_t *own, int32_t k) {
    return is_placed(b, k) && others[k] - own[k] >= (b->board ? 4 * OTHERS : OTHERS);
}

static void take_sample(sample *out, const vg_tracks *t, int32_t camera) {
    const vg_bundle *b = &t->bundle;
    const double limit = vg_lens_limit(b->camera + camera);
    int32_t all = 0, seen = 0;
    for (int32_t i = 0; i < b->sightings; i++) all += b->sighting[i].camera == camera && b->sighting[i].weight > 0;
    const int32_t every = all / SAMPLE + 1;
    out->count = 0;
    for (int32_t i = 0; i < b->sightings && out->count < SAMPLE; i++) {
        const vg_bundle_sighting *g = b->sighting + i;
        if (g->camera != camera || !(g->weight > 0) || seen++ % every) continue;
        double *ray = out->ray + 3 * out->count;
        if (!lens_direction(ray, b->camera + camera, g->u, g->v, limit)) continue;
        const double norm = vg_norm3(ray);
        for (int k = 0; k < 3; k++) ray[k] /= norm;
        out->sighting[out->count++] = i;
    }
}

/* How many of the sample meet a placed point at a lag, and how many of those one pose explains. */
static int32_t agreeing(int32_t *met, const sample *s, const vg_tracks *t, const int32_t *others, const int32_t *own,
                        int64_t shift, const vg_ransac *ransac) {
    const vg_bundle *b = &t->bundle;
    double X[3 * SAMPLE], f[3 * SAMPLE];
    int32_t n = 0;
    for (int32_t i = 0; i < s->count; i++) {
        const vg_bundle_sighting *g = b->sighting + s->sighting[i];
        const int32_t k = shift == 0 ? g->structure
                                     : find_structure(t, t->frame[g->structure] - shift, t->person[g->structure],
                                                      t->point[g->structure]);
        if (k < 0 || !placed_by_others(b, others, own, k)) continue;
        if (b->board)
            vg_rigid_apply(X + 3 * n, b->board + k, b->corner + 3 * (size_t)g->corner);
        else
            memcpy(X + 3 * n, b->point + 3 * (size_t)k, 3 * sizeof *X);
        memcpy(f + 3 * n++, s->ray + 3 * i, 3 * sizeof *f);
    }
    vg_rigid pose;
    *met = n;
    return n < LEAST ? 0 : vg_resect(&pose, NULL, X, f, n, ransac);
}

static void find_lag(vg_camera_lag *lag, const vg_tracks *t, const int32_t *others, const int32_t *own, int32_t camera,
                     const sample *s, int64_t step, vg_ransac ransac) {
    double share[2 * VG_LAG_LONGEST + 1], rival = 0;
    int32_t best = 0;
    for (int32_t l = -VG_LAG_LONGEST; l <= VG_LAG_LONGEST; l++) {
        int32_t met;
        ransac.stream = (uint32_t)(camera * 1000 + l + 500);
        const int32_t agree = agreeing(&met, s, t, others, own, l * step, &ransac);
        share[l + VG_LAG_LONGEST] = met ? (double)agree / met : 0;
        if (share[l + VG_LAG_LONGEST] > share[best + VG_LAG_LONGEST]) best = l;
    }
    for (int32_t l = -VG_LAG_LONGEST; l <= VG_LAG_LONGEST; l++)
        if (abs(l - best) > 2) rival = fmax(rival, share[l + VG_LAG_LONGEST]);
    const double most = share[best + VG_LAG_LONGEST], now = share[VG_LAG_LONGEST];
    const bool clear = most >= LEAST_SHARE && most >= CLEARLY * now && most >= STANDS_OUT * rival;
    *lag = (vg_camera_lag){.frames = clear ? best : 0, .share = clear ? most : now, .share_now = now};
}

vg_status vg_rig_lags(vg_camera_lag *lag, const vg_tracks *t, double threshold_px, uint64_t seed, vg_error *err) {
    const vg_bundle *b = &t->bundle;
    const int64_t step = frame_step(t);
    int32_t *others = calloc((size_t)b->structures + 1, sizeof *others);
    int32_t *own = calloc((size_t)b->structures + 1, sizeof *own);
    sample *s = malloc(sizeof *s);
    const vg_status status = others && own && s ? VG_OK : vg_fail(err, VG_NO_MEMORY, "rig: out of memory");
    for (int32_t i = 0; i < b->sightings && status == VG_OK; i++) others[b->sighting[i].structure] += t->used[i];
    for (int32_t c = 0; c < b->cameras; c++) {
        lag[c] = (vg_camera_lag){0};
        if (status != VG_OK) continue;
        int64_t met = 0, used = 0;
        memset(own, 0, (size_t)b->structures * sizeof *own);
        for (int32_t i = 0; i < b->sightings; i++) {
            if (b->sighting[i].camera != c) continue;
            own[b->sighting[i].structure] += t->used[i], used += t->used[i];
            met += is_placed(b, b->sighting[i].structure);
        }
        if ((double)used > IN_STEP * (double)met) continue;
        take_sample(s, t, c);
        const vg_ransac ransac = {
            .threshold = threshold_px / b->camera[c].fx, .trials = TRIALS, .seed = seed, .stream = (uint32_t)c};
        find_lag(lag + c, t, others, own, c, s, step, ransac);
    }
    free(others), free(own), free(s);
    return status;
}
