/* One camera's people: linked from picture to picture, then sampled at even steps of the camera's time. */
#include "perception/sync_parts.h"

#include "calibration/calibration.h"
#include "perception/clocks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SHORTEST 0.4 /* s; who is followed for less tells nothing */
enum {
    BRIDGE = 3, /* pictures that a person may be missed in, and one */
    HALF = 3,   /* samples either way over which a speed is taken */
    ENOUGH = 5  /* of those that must be known */
};

void sync_free_people(sync_camera *c) {
    for (int32_t i = 0; i < c->tracks; i++) free(c->track[i].detection), free(c->track[i].up);
    free(c->time), free(c->first), free(c->track_of), free(c->place), free(c->track);
    *c = (sync_camera){0};
}

/* ---- linking --------------------------------------------------------------------------------------------------------- */

static int32_t add_track(sync_camera *c, int32_t *room, int32_t frame) {
    if (c->tracks == *room) {
        *room = 2 * *room + 16;
        sync_track *grown = realloc(c->track, sizeof *grown * (size_t)*room);
        if (!grown) return -1;
        c->track = grown;
    }
    c->track[c->tracks] = (sync_track){.begin = frame, .end = frame + 1};
    return c->tracks++;
}

static bool link_people(sync_work *w, int32_t camera) {
    const vg_keypoints *k = w->k;
    sync_camera *c = &w->camera[camera];
    const double most = fmin(0.5, fmax(0.2, 8 / c->fps));
    int32_t room = 0, to[VG_MAX_PEOPLE];
    for (int32_t f = 0; f < k->frames; f++) {
        const int32_t count = (int32_t)(c->first[f + 1] - c->first[f]);
        int32_t *own = c->track_of + c->first[f];
        for (int32_t i = 0; i < count; i++) own[i] = -1;
        for (int32_t gap = 1; gap <= BRIDGE && gap <= f && count > 0; gap++) {
            const int32_t g = f - gap, before = (int32_t)(c->first[g + 1] - c->first[g]);
            vg_people_follow(to, vg_keypoints_at(k, g, camera, 0), before, vg_keypoints_at(k, f, camera, 0), count,
                             k->set.joints, w->options->confidence, most);
            for (int32_t i = 0; i < before; i++) {
                const int32_t t = c->track_of[c->first[g] + i];
                if (to[i] < 0 || own[to[i]] >= 0 || c->track[t].end != g + 1) continue;
                own[to[i]] = t;
            }
            for (int32_t i = 0; i < count; i++)
                if (own[i] >= 0) c->track[own[i]].end = f + 1;
        }
        for (int32_t i = 0; i < count; i++)
            if (own[i] < 0 && (own[i] = add_track(c, &room, f)) < 0) return false;
    }
    for (int32_t t = 0; t < c->tracks; t++) {
        sync_track *track = &c->track[t];
        const size_t frames = (size_t)(track->end - track->begin);
        track->detection = malloc(sizeof *track->detection * frames);
        if (!track->detection) return false;
        for (size_t i = 0; i < frames; i++) track->detection[i] = -1;
    }
    for (int32_t f = 0; f < k->frames; f++)
        for (int64_t d = c->first[f]; d < c->first[f + 1]; d++) {
            sync_track *track = &c->track[c->track_of[d]];
            track->detection[f - track->begin] = d;
        }
    return true;
}

/* ---- where joints are -------------------------------------------------------------------------------------------------- */

static bool find_places(sync_work *w, int32_t camera) {
    const vg_keypoints *k = w->k;
    sync_camera *c = &w->camera[camera];
    const size_t joints = (size_t)k->set.joints;
    c->place = malloc(sizeof *c->place * 2 * joints * (size_t)(c->first[k->frames] + 1));
    if (!c->place) return false;
    c->scale = c->camera ? c->camera->fx : 1000;
    for (int32_t f = 0; f < k->frames; f++)
        for (int64_t d = c->first[f]; d < c->first[f + 1]; d++) {
            const vg_keypoint *q = vg_keypoints_at(k, f, camera, (int32_t)(d - c->first[f]));
            for (size_t j = 0; j < joints; j++) {
                float *to = c->place + 2 * ((size_t)d * joints + j);
                double xy[2] = {(double)q[j].u / c->scale, (double)q[j].v / c->scale};
                to[0] = to[1] = NAN;
                if (!((double)q[j].confidence > w->options->confidence)) continue;
                if (c->camera && !vg_undistort(xy, c->camera, (double)q[j].u, (double)q[j].v)) continue;
                to[0] = (float)xy[0], to[1] = (float)xy[1];
            }
        }
    return true;
}

/* ---- samples ---------------------------------------------------------------------------------------------------------- */

/* Where track's joints are at own time t, [joints, 2]; NAN where not seen on both sides. `at` moves along with t. */
static void place_at(float *out, const sync_work *w, const sync_camera *c, const sync_track *track, double t,
                     int32_t *at) {
    const int32_t joints = w->k->set.joints;
    for (int32_t j = 0; j < 2 * joints; j++) out[j] = NAN;
    for (int32_t f = *at + 1; f < track->end && (isnan(c->time[f]) || c->time[f] <= t); f++)
        if (!isnan(c->time[f]) && track->detection[f - track->begin] >= 0) *at = f;
    int32_t b = *at + 1;
    while (b < track->end && (isnan(c->time[b]) || track->detection[b - track->begin] < 0)) b++;
    if (b >= track->end || c->time[*at] > t || c->time[b] - c->time[*at] > (BRIDGE + 0.5) / c->fps) return;
    const float part = (float)((t - c->time[*at]) / (c->time[b] - c->time[*at]));
    const float *p = c->place + 2 * track->detection[*at - track->begin] * joints;
    const float *q = c->place + 2 * track->detection[b - track->begin] * joints;
    for (int32_t j = 0; j < 2 * joints; j++) out[j] = p[j] + part * (q[j] - p[j]);
}

/* Which way is down in the picture: as the calibration says, else straight down. */
static void down_of(double down[2], const sync_camera *c) {
    down[0] = 0, down[1] = 1;
    if (!c->camera) return;
    const double x = -c->camera->R[2], y = -c->camera->R[5], n = hypot(x, y);
    if (n > 0.2) down[0] = x / n, down[1] = y / n;
}

/* The slope of a straight line through a joint's places in `2 HALF + 1` samples, px a sample downwards; NaN where too few of
 * them are known. */
static double slope_of(const float *x, const float *y, size_t lanes, const double down[2], double scale) {
    double n = 0, t = 0, tt = 0, p = 0, tp = 0;
    for (int32_t k = -HALF; k <= HALF; k++) {
        const size_t at = (size_t)(k + HALF) * lanes;
        const double value = scale * (down[0] * (double)x[at] + down[1] * (double)y[at]);
        if (isnan(value)) continue;
        n++, t += k, tt += (double)k * k, p += value, tp += k * value;
    }
    return n >= ENOUGH ? (tp - t * p / n) / (tt - t * t / n) : (double)NAN;
}

static bool sample_track(const sync_work *w, sync_camera *c, sync_track *track) {
    const size_t joints = (size_t)w->k->set.joints, lanes = (size_t)w->lanes;
    const double begin = (c->time[track->begin] - c->base) / w->step,
                 end = (c->time[track->end - 1] - c->base) / w->step;
    track->from = (int32_t)ceil(begin) + HALF, track->to = (int32_t)floor(end) - HALF + 1;
    if ((end - begin) * w->step < SHORTEST || track->to <= track->from) {
        track->to = track->from;
        return true;
    }
    /* places have HALF samples more at either end, which are not kept in view */
    const size_t samples = (size_t)(track->to - track->from), all = samples * lanes,
                 more = (samples + 2 * HALF) * lanes;
    float *block = calloc(2 * all + 2 * more, sizeof *block), *row = malloc(2 * joints * sizeof *row);
    track->up = block;
    if (!block || !row) {
        free(row);
        return false;
    }
    track->known = block + all, track->x = block + 2 * all, track->y = track->x + more;
    double down[2];
    down_of(down, c);
    int32_t at = track->begin;
    for (size_t s = 0; s < samples + 2 * HALF; s++) {
        place_at(row, w, c, track, c->base + (track->from - HALF + (double)s) * w->step, &at);
        for (size_t j = 0; j < joints; j++)
            track->x[s * lanes + j] = row[2 * j], track->y[s * lanes + j] = row[2 * j + 1];
    }
    for (size_t s = 0; s < samples; s++)
        for (size_t j = 0; j < joints; j++) {
            const double slope = slope_of(track->x + s * lanes + j, track->y + s * lanes + j, lanes, down, c->scale);
            if (!isnan(slope)) track->up[s * lanes + j] = (float)slope, track->known[s * lanes + j] = 1;
        }
    track->x += HALF * lanes, track->y += HALF * lanes;
    free(row);
    return true;
}

vg_status sync_follow_people(sync_work *w, int32_t camera, vg_error *err) {
    const vg_keypoints *k = w->k;
    sync_camera *c = &w->camera[camera];
    const size_t frames = (size_t)k->frames;
    c->time = malloc(sizeof *c->time * frames);
    c->first = calloc(frames + 1, sizeof *c->first);
    const bool stamped = vg_keypoints_stamped(k, camera);
    for (int32_t f = 0; c->time && c->first && f < k->frames; f++) {
        c->time[f] = vg_keypoints_time(k, f, camera, stamped, c->fps);
        c->first[f + 1] = c->first[f] + (isnan(c->time[f]) ? 0 : vg_keypoints_count(k, f, camera));
    }
    if (c->first) c->track_of = malloc(sizeof *c->track_of * (size_t)(c->first[frames] + 1));
    bool good = c->track_of && link_people(w, camera) && find_places(w, camera);
    c->base = c->time ? c->time[k->begin[camera]] : 0;
    for (int32_t t = 0; good && t < c->tracks; t++) good = sample_track(w, c, &c->track[t]);
    return good ? VG_OK : vg_fail(err, VG_NO_MEMORY, "out of memory for the people of camera %s", k->names[camera]);
}
