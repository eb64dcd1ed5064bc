/* Offsets between cameras: track people within each camera -> the one who moves most -> vertical speed of each joint ->
 * normalised cross-correlation of every pair of cameras, its peak refined by a parabola -> (epipolar distance) -> the
 * offsets that agree best with all pairs, by least squares that doubts the odd one out. */
#include "perception/sync.h"

#include "calibration/calibration.h"
#include "common/transform.h"

#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    REACH = 2,    /* frames, either way, over which speeds are taken */
    STRIDE = 10,  /* frames over which a person's motion is judged */
    TRACKS = 256, /* people in one camera */
    SHOULDER = 3  /* frames beside a peak that belong to it, at least */
};

/* One camera's person over time. */
typedef struct signal {
    const vg_keypoint **person; /* [frames] NULL where not seen */
    float *speed;               /* [frames, joints] px a frame, downwards; NaN where unknown */
} signal;

typedef struct sync_work {
    const vg_keypoints *k;
    const vg_sync_options *options;
    signal signal[VG_MAX_CAMERAS];
} sync_work;

vg_sync_options vg_sync_options_default(void) {
    return (vg_sync_options){.longest = 300, .overlap = 30, .confidence = 0.3, .least_peak = 0.4};
}

/* ---- one camera ------------------------------------------------------------------------------------------------------ */

/* Mean distance of two detections' common joints relative to the first one's height; INFINITY without three of them. */
static double apart(const vg_keypoint *a, const vg_keypoint *b, int32_t joints, double confidence) {
    double sum = 0, low = (double)INFINITY, high = -(double)INFINITY;
    int32_t n = 0;
    for (int32_t j = 0; j < joints; j++) {
        if ((double)a[j].confidence < confidence || (double)b[j].confidence < confidence) continue;
        sum += hypot((double)(a[j].u - b[j].u), (double)(a[j].v - b[j].v)), n++;
        low = fmin(low, (double)a[j].v), high = fmax(high, (double)a[j].v);
    }
    return n >= 3 ? sum / n / fmax(high - low, 1) : (double)INFINITY;
}

/* People of one camera, each followed to the nearest detection of the next frame. */
typedef struct track {
    const vg_keypoint *last, *earlier;
    int32_t frame, earlier_frame; /* of those */
    double motion;                /* sum of distances from `earlier`, relative to height */
} track;

static int32_t nearest_track(const track *tracks, int32_t count, const vg_keypoint *person, int32_t frame,
                             const sync_work *w, double *distance) {
    int32_t best = -1;
    *distance = 0.2; /* of the height, in one frame */
    for (int32_t i = 0; i < count; i++) {
        if (tracks[i].frame >= frame || frame - tracks[i].frame > 15) continue;
        const double d = apart(tracks[i].last, person, w->k->set.joints, w->options->confidence);
        if (d < *distance) *distance = d, best = i;
    }
    return best;
}

/* The track of each detection (-1: none), and the track that moves most. */
static int32_t track_people(int32_t *track_of, const sync_work *w, int32_t camera) {
    const vg_keypoints *k = w->k;
    track tracks[TRACKS];
    int32_t count = 0, at = 0;
    for (int32_t f = 0; f < k->frames; f++)
        for (int32_t i = 0; i < vg_keypoints_count(k, f, camera); i++, at++) {
            const vg_keypoint *person = vg_keypoints_at(k, f, camera, i);
            double distance;
            int32_t t = nearest_track(tracks, count, person, f, w, &distance);
            if (t < 0 && count < TRACKS) tracks[t = count++] = (track){.earlier = person, .earlier_frame = f};
            track_of[at] = t;
            if (t < 0) continue;
            tracks[t].last = person, tracks[t].frame = f;
            if (f - tracks[t].earlier_frame < STRIDE) continue; /* far enough apart for motion to outdo noise */
            const double moved = apart(tracks[t].earlier, person, k->set.joints, w->options->confidence);
            tracks[t].motion += fmin(moved, 0.5);
            tracks[t].earlier = person, tracks[t].earlier_frame = f;
        }
    int32_t best = -1;
    for (int32_t t = 0; t < count; t++)
        if (best < 0 || tracks[t].motion > tracks[best].motion) best = t;
    return best;
}

static void fill_speed(const sync_work *w, signal *s) {
    const int32_t joints = w->k->set.joints;
    for (int32_t f = 0; f < w->k->frames; f++)
        for (int32_t j = 0; j < joints; j++) {
            const bool inside = f >= REACH && f + REACH < w->k->frames;
            const vg_keypoint *a = inside ? s->person[f - REACH] : NULL, *b = inside ? s->person[f + REACH] : NULL;
            const bool seen = a && b && (double)a[j].confidence > w->options->confidence &&
                              (double)b[j].confidence > w->options->confidence;
            s->speed[(size_t)f * (size_t)joints + (size_t)j] = seen ? (b[j].v - a[j].v) / (2 * REACH) : NAN;
        }
}

static vg_status make_signal(sync_work *w, int32_t camera, vg_error *err) {
    signal *s = &w->signal[camera];
    const size_t frames = (size_t)w->k->frames;
    int64_t detections = 0;
    for (int32_t f = 0; f < w->k->frames; f++) detections += vg_keypoints_count(w->k, f, camera);
    int32_t *track_of = malloc(sizeof *track_of * (size_t)(detections + 1));
    s->person = calloc(frames, sizeof(const vg_keypoint *));
    s->speed = malloc(sizeof *s->speed * frames * (size_t)w->k->set.joints);
    if (!track_of || !s->person || !s->speed) {
        free(track_of);
        return vg_fail(err, VG_NO_MEMORY, "out of memory for the motion of camera %s", w->k->names[camera]);
    }
    const int32_t best = track_people(track_of, w, camera);
    int64_t at = 0;
    for (int32_t f = 0; f < w->k->frames; f++)
        for (int32_t i = 0; i < vg_keypoints_count(w->k, f, camera); i++, at++)
            if (best >= 0 && track_of[at] == best) s->person[f] = vg_keypoints_at(w->k, f, camera, i);
    free(track_of);
    fill_speed(w, s);
    return VG_OK;
}

/* ---- two cameras ----------------------------------------------------------------------------------------------------- */

/* Normalised correlation of b's speeds, `lag` frames later, with a's; NaN where they share too little. */
static double correlation(const sync_work *w, int32_t a, int32_t b, int32_t lag) {
    const int32_t frames = w->k->frames, joints = w->k->set.joints;
    const float *x = w->signal[a].speed, *y = w->signal[b].speed;
    double xy = 0, xx = 0, yy = 0;
    int32_t shared = 0;
    for (int32_t f = lag < 0 ? -lag : 0; f < frames && f + lag < frames; f++) {
        int32_t n = 0;
        for (int32_t j = 0; j < joints; j++) {
            const double p = (double)x[(size_t)f * (size_t)joints + (size_t)j];
            const double q = (double)y[(size_t)(f + lag) * (size_t)joints + (size_t)j];
            if (isnan(p) || isnan(q)) continue;
            xy += p * q, xx += p * p, yy += q * q, n++;
        }
        shared += n >= 3;
    }
    return shared >= w->options->overlap && xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : (double)NAN;
}

/* Where the parabola through three values at -1, 0, 1 is highest. */
static double parabola(double left, double middle, double right) {
    const double curve = left - 2 * middle + right;
    return curve < 0 ? fmax(-0.5, fmin(0.5, 0.5 * (left - right) / curve)) : 0;
}

/* `value` [2 longest + 1] is room for the correlations. */
static void correlate(vg_sync_pair *pair, const sync_work *w, double *value) {
    const int32_t longest = w->options->longest, count = 2 * longest + 1;
    int32_t best = -1;
    for (int32_t i = 0; i < count; i++) {
        value[i] = correlation(w, pair->a, pair->b, i - longest);
        if (!isnan(value[i]) && (best < 0 || value[i] > value[best])) best = i;
    }
    *pair = (vg_sync_pair){.a = pair->a,
                           .b = pair->b,
                           .lag = (double)NAN,
                           .peak = (double)NAN,
                           .second = (double)NAN,
                           .epipolar = (double)NAN};
    if (best < 0) return;
    pair->peak = value[best], pair->lag = best - longest;
    if (best > 0 && best + 1 < count && !isnan(value[best - 1]) && !isnan(value[best + 1]))
        pair->lag += parabola(value[best - 1], value[best], value[best + 1]);
    /* the peak's own slopes end where the correlation begins to rise again */
    int32_t low = best, high = best;
    while (low > 0 && !(value[low - 1] > value[low] && best - low >= SHOULDER)) low--;
    while (high + 1 < count && !(value[high + 1] > value[high] && high - best >= SHOULDER)) high++;
    pair->second = -1;
    for (int32_t i = 0; i < count; i++)
        if ((i < low || i > high) && value[i] > pair->second) pair->second = value[i];
    pair->used = pair->peak >= w->options->least_peak;
}

/* ---- epipolar lines -------------------------------------------------------------------------------------------------- */

/* F such that (x_b)' F x_a = 0 for normalised coordinates. */
static void essential(double E[9], const vg_camera *a, const vg_camera *b) {
    double R[9], Rt[9], t[3], moved[3];
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 3; c++) Rt[3 * r + c] = a->R[3 * c + r];
    vg_mat3_mul(R, b->R, Rt);
    vg_mat3_mul_vec(moved, R, a->t);
    for (int i = 0; i < 3; i++) t[i] = b->t[i] - moved[i];
    const double cross[9] = {0, -t[2], t[1], t[2], 0, -t[0], -t[1], t[0], 0};
    vg_mat3_mul(E, cross, R);
}

/* Sampson's distance in pixels of b. */
static double epipolar_distance(const double E[9], const double a[2], const double b[2], double focal) {
    double line_b[3], line_a[3];
    for (int i = 0; i < 3; i++) {
        line_b[i] = E[3 * i] * a[0] + E[3 * i + 1] * a[1] + E[3 * i + 2];
        line_a[i] = E[i] * b[0] + E[3 + i] * b[1] + E[6 + i];
    }
    const double off = b[0] * line_b[0] + b[1] * line_b[1] + line_b[2];
    const double slope = line_b[0] * line_b[0] + line_b[1] * line_b[1] + line_a[0] * line_a[0] + line_a[1] * line_a[1];
    return slope > 0 ? fabs(off) / sqrt(slope) * focal : (double)INFINITY;
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* A joint of b between two frames; false where it is not seen in both. */
static bool between(double uv[2], const sync_work *w, int32_t camera, double frame, int32_t joint) {
    const int32_t f = (int32_t)floor(frame);
    if (f < 0 || f + 1 >= w->k->frames) return false;
    const vg_keypoint *a = w->signal[camera].person[f], *b = w->signal[camera].person[f + 1];
    if (!a || !b || (double)a[joint].confidence < w->options->confidence ||
        (double)b[joint].confidence < w->options->confidence)
        return false;
    const double part = frame - f;
    uv[0] = (1 - part) * (double)a[joint].u + part * (double)b[joint].u;
    uv[1] = (1 - part) * (double)a[joint].v + part * (double)b[joint].v;
    return true;
}

/* How badly keypoints fit epipolar lines at a lag: mean of d^2 / (d^2 + s^2), which outliers cannot rule. */
static double misfit(const sync_work *w, const vg_camera *cameras, const vg_sync_pair *pair, double lag, double *room,
                     double *median) {
    const double s = 10; /* px */
    double E[9], sum = 0;
    size_t n = 0;
    const vg_camera *ca = &cameras[pair->a], *cb = &cameras[pair->b];
    essential(E, ca, cb);
    for (int32_t f = 0; f < w->k->frames; f++) {
        const vg_keypoint *person = w->signal[pair->a].person[f];
        if (!person) continue;
        for (int32_t j = 0; j < w->k->set.joints; j++) {
            double uv[2], xa[2], xb[2];
            if ((double)person[j].confidence < w->options->confidence || !between(uv, w, pair->b, f + lag, j)) continue;
            if (!vg_undistort(xa, ca, (double)person[j].u, (double)person[j].v)) continue;
            if (!vg_undistort(xb, cb, uv[0], uv[1])) continue;
            const double d = epipolar_distance(E, xa, xb, cb->fx);
            sum += d * d / (d * d + s * s);
            room[n++] = d;
        }
    }
    if (median) {
        qsort(room, n, sizeof *room, by_value);
        *median = n ? room[n / 2] : (double)NAN;
    }
    return n ? sum / (double)n : (double)NAN;
}

/* Moves the lag to the best epipolar fit within a few frames of the correlation's peak. Whole frames are compared, whose
 * keypoints are all equally noisy; the parabola through the best three finds the fraction. */
static void refine(vg_sync_pair *pair, const sync_work *w, const vg_camera *cameras, double *room) {
    enum { HALF = 6 };
    double value[2 * HALF + 1];
    int32_t best = 0;
    const double start = nearbyint(pair->lag);
    for (int32_t i = 0; i <= 2 * HALF; i++) {
        value[i] = misfit(w, cameras, pair, start + i - HALF, room, NULL);
        if (value[i] < value[best] || isnan(value[best])) best = i;
    }
    if (best > 0 && best < 2 * HALF) /* at the edge there is no minimum: the calibration does not fit */
        pair->lag = start + best - HALF + parabola(-value[best - 1], -value[best], -value[best + 1]);
    misfit(w, cameras, pair, pair->lag, room, &pair->epipolar);
}

/* ---- all cameras ----------------------------------------------------------------------------------------------------- */

static double trust(const vg_sync_pair *p) {
    const double stands_out = p->peak - fmax(p->second, 0);
    return p->peak * p->peak * fmax(stands_out, 0.01);
}

/* Which cameras pairs in use tie to the reference. */
static void mark_known(vg_sync_result *out, int32_t cameras) {
    memset(out->known, 0, sizeof out->known);
    out->known[0] = true;
    for (int32_t pass = 0; pass < cameras; pass++)
        for (int32_t i = 0; i < out->pairs; i++) {
            const vg_sync_pair *p = &out->pair[i];
            if (p->used && (out->known[p->a] || out->known[p->b])) out->known[p->a] = out->known[p->b] = true;
        }
}

/* Least squares of offset_b - offset_a = lag; pairs far from the rest lose their weight (Geman and McClure, 1 frame). */
static vg_status solve(vg_sync_result *out, int32_t cameras, vg_error *err) {
    double N[VG_MAX_CAMERAS * VG_MAX_CAMERAS], rhs[VG_MAX_CAMERAS];
    memset(out->offset, 0, sizeof out->offset);
    for (int32_t pass = 0; pass < 10; pass++) {
        memset(N, 0, sizeof N), memset(rhs, 0, sizeof rhs);
        for (int32_t c = 0; c < cameras; c++) N[c * cameras + c] = c == 0 || !out->known[c] ? 1 : 1e-9;
        for (int32_t i = 0; i < out->pairs; i++) {
            const vg_sync_pair *p = &out->pair[i];
            if (!p->used) continue;
            const double r = pass ? out->offset[p->b] - out->offset[p->a] - p->lag : 0;
            const double weight = trust(p) / ((1 + r * r) * (1 + r * r));
            const int32_t end[2] = {p->a, p->b};
            for (int k = 0; k < 2; k++) {
                if (end[k] == 0) continue; /* the reference stays at zero */
                N[end[k] * cameras + end[k]] += weight;
                if (end[1 - k] != 0) N[end[k] * cameras + end[1 - k]] -= weight;
                rhs[end[k]] += (k ? 1 : -1) * weight * p->lag;
            }
        }
        if (LAPACKE_dposv(LAPACK_ROW_MAJOR, 'L', cameras, 1, N, cameras, rhs, 1) != 0)
            return vg_fail(err, VG_FAILED, "the cameras' offsets cannot be solved for");
        memcpy(out->offset, rhs, sizeof *rhs * (size_t)cameras);
    }
    return VG_OK;
}

static void summarise(vg_sync_result *out, int32_t cameras) {
    double sum = 0, weights = 0;
    for (int32_t i = 0; i < out->pairs; i++) {
        const vg_sync_pair *p = &out->pair[i];
        if (!p->used) continue;
        const double r = out->offset[p->b] - out->offset[p->a] - p->lag;
        sum += trust(p) * r * r, weights += trust(p);
        const int32_t end[2] = {p->a, p->b};
        for (int k = 0; k < 2; k++) {
            if (!(p->peak > out->correlation[end[k]])) continue;
            out->correlation[end[k]] = p->peak;
            out->confidence[end[k]] = fmax(0, fmin(1, (p->peak - fmax(p->second, 0)) / p->peak));
        }
    }
    out->disagreement = weights > 0 ? sqrt(sum / weights) : 0;
    for (int32_t c = 0; c < cameras; c++)
        if (!out->known[c]) out->offset[c] = (double)NAN;
}

static vg_status run(vg_sync_result *out, sync_work *w, const vg_camera *cameras, vg_error *err) {
    const int32_t n = w->k->cameras;
    for (int32_t c = 0; c < n; c++) VG_TRY(make_signal(w, c, err));
    const size_t lags = 2 * (size_t)w->options->longest + 1, points = (size_t)w->k->frames * (size_t)w->k->set.joints;
    double *room = malloc(sizeof *room * (lags > points ? lags : points));
    if (!room) return vg_fail(err, VG_NO_MEMORY, "out of memory for the correlations");
    int32_t used = 0;
    for (int32_t a = 0; a < n; a++)
        for (int32_t b = a + 1; b < n; b++) {
            vg_sync_pair *p = &out->pair[out->pairs++];
            p->a = a, p->b = b;
            correlate(p, w, room);
            if (p->used && cameras) refine(p, w, cameras, room);
            used += p->used;
        }
    free(room);
    if (used == 0)
        return vg_fail(err, VG_FAILED,
                       "no two cameras move in time with one another within %d frames; do they see the same person "
                       "move? A longer search may help",
                       w->options->longest);
    mark_known(out, n);
    VG_TRY(solve(out, n, err));
    summarise(out, n);
    return VG_OK;
}

vg_status vg_sync(vg_sync_result *out, const vg_keypoints *keypoints, const vg_camera *cameras, const double *fps,
                  const vg_sync_options *options, vg_error *err) {
    memset(out, 0, sizeof *out);
    if (keypoints->cameras < 2) return vg_fail(err, VG_INVALID, "one camera alone needs no synchronisation");
    sync_work *w = calloc(1, sizeof *w);
    if (!w) return vg_fail(err, VG_NO_MEMORY, "out of memory");
    w->k = keypoints, w->options = options;
    const vg_status status = run(out, w, cameras, err);
    for (int32_t c = 0; c < keypoints->cameras; c++) free(w->signal[c].person), free(w->signal[c].speed);
    free(w);
    out->disagreement /= fps[0];
    for (int32_t i = 0; i < out->pairs; i++) out->pair[i].lag /= fps[0];
    for (int32_t c = 0; c < keypoints->cameras; c++)
        out->offset[c] /= fps[0], out->rate[c] = 1, out->sigma[c] = out->known[c] ? out->disagreement : (double)NAN;
    return status;
}
