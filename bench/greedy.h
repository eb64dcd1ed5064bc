/* The plain way to tell people apart, for comparison: in each frame by itself, pairs of detections of different cameras whose
 * rays come close are joined, nearest first, one detection of a camera to a group; groups take the slot of the nearest group
 * of the frame before. */
#ifndef VG_BENCH_GREEDY_H
#define VG_BENCH_GREEDY_H

#include "calibration/calibration.h"
#include "common/frame.h"
#include "common/transform.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GREEDY_NEAR  0.15 /* m; mean distance of the rays of one person's joints */
#define GREEDY_STEP  0.5  /* m; how far a person gets in a frame */
#define GREEDY_NODES (VG_MAX_CAMERAS * VG_MAX_PEOPLE)

typedef struct greedy {
    double at[VG_MAX_PEOPLE][3]; /* middles of the last frame's groups */
    bool used[VG_MAX_PEOPLE];
} greedy;

typedef struct greedy_pair {
    double distance, middle[3];
    int32_t a, b;
} greedy_pair;

typedef struct greedy_ray {
    double from[3], to[3];
    bool seen;
} greedy_ray;

static inline int greedy_order(const void *a, const void *b) {
    const greedy_pair *x = a, *y = b;
    return (x->distance > y->distance) - (x->distance < y->distance);
}

/* Mean distance of two detections' rays and the middle of the points where they are closest. */
static inline bool greedy_meet(greedy_pair *out, const greedy_ray *a, const greedy_ray *b, int32_t joints) {
    double sum = 0, middle[3] = {0};
    int32_t count = 0;
    for (int32_t j = 0; j < joints; j++) {
        if (!a[j].seen || !b[j].seen) continue;
        double w[3];
        for (int k = 0; k < 3; k++) w[k] = a[j].from[k] - b[j].from[k];
        const double c = vg_dot3(a[j].to, b[j].to), sine2 = 1 - c * c;
        if (sine2 < 1e-4) continue;
        const double s = (c * vg_dot3(w, b[j].to) - vg_dot3(w, a[j].to)) / sine2;
        const double t = (vg_dot3(w, b[j].to) - c * vg_dot3(w, a[j].to)) / sine2;
        double square = 0;
        for (int k = 0; k < 3; k++) {
            const double p = a[j].from[k] + s * a[j].to[k], q = b[j].from[k] + t * b[j].to[k];
            square += (p - q) * (p - q), middle[k] += 0.5 * (p + q);
        }
        sum += sqrt(square), count++;
    }
    for (int k = 0; k < 3 && count; k++) out->middle[k] = middle[k] / count;
    out->distance = count >= 3 ? sum / count : (double)INFINITY;
    return out->distance < GREEDY_NEAR;
}

typedef struct greedy_groups {
    int32_t count, member[GREEDY_NODES][VG_MAX_CAMERAS]; /* camera * detections + detection, -1 = none */
    double at[GREEDY_NODES][3];
} greedy_groups;

/* Joins pairs, nearest first. */
static inline void greedy_join(greedy_groups *out, const greedy_pair *pairs, int32_t count, int32_t C, int32_t D) {
    int32_t group[GREEDY_NODES];
    out->count = 0;
    for (int32_t i = 0; i < C * D; i++) group[i] = -1;
    for (int32_t i = 0; i < count; i++) {
        const int32_t a = pairs[i].a, b = pairs[i].b;
        if (group[a] >= 0 && group[b] >= 0) continue;
        if (group[a] < 0 && group[b] < 0) {
            for (int32_t c = 0; c < C; c++) out->member[out->count][c] = -1;
            memcpy(out->at[out->count], pairs[i].middle, sizeof out->at[0]);
            group[a] = group[b] = out->count++;
            out->member[group[a]][a / D] = a, out->member[group[a]][b / D] = b;
            continue;
        }
        const int32_t into = group[a] >= 0 ? group[a] : group[b], node = group[a] >= 0 ? b : a;
        if (out->member[into][node / D] < 0) out->member[into][node / D] = node, group[node] = into;
    }
}

/* The slot of the nearest group of the last frame, or a free one; -1 where there is none. */
static inline int32_t greedy_slot(const greedy *g, const double at[3], const bool *taken, int32_t slots) {
    int32_t slot = -1;
    double least = GREEDY_STEP;
    for (int32_t s = 0; s < slots; s++) {
        const double d[3] = {g->at[s][0] - at[0], g->at[s][1] - at[1], g->at[s][2] - at[2]};
        if (g->used[s] && !taken[s] && vg_norm3(d) < least) least = vg_norm3(d), slot = s;
    }
    for (int32_t s = 0; s < slots && slot < 0; s++)
        if (!g->used[s] && !taken[s]) slot = s;
    return slot;
}

static inline void greedy_tell(greedy *g, const greedy_groups *groups, const vg_frame *in, vg_frame *out) {
    const int32_t C = in->dims.cameras, J = in->dims.joints, S = out->dims.people;
    bool taken[VG_MAX_PEOPLE] = {0};
    double now[VG_MAX_PEOPLE][3];
    out->flags = in->flags | VG_FRAME_IDENTIFIED, out->frame_id = in->frame_id, out->time_ns = in->time_ns;
    memcpy(vg_frame_cameras(out), vg_frame_cameras(in), sizeof(vg_camera) * (size_t)C);
    memset(vg_frame_keypoints(out), 0, sizeof(vg_keypoint) * (size_t)(C * S * J));
    for (int32_t k = 0; k < groups->count; k++) {
        const int32_t slot = greedy_slot(g, groups->at[k], taken, S);
        if (slot < 0) continue;
        taken[slot] = true;
        memcpy(now[slot], groups->at[k], sizeof now[slot]);
        for (int32_t c = 0; c < C; c++)
            if (groups->member[k][c] >= 0)
                memcpy(vg_frame_keypoints(out) + (c * S + slot) * J, vg_frame_keypoints(in) + groups->member[k][c] * J,
                       sizeof(vg_keypoint) * (size_t)J);
    }
    for (int32_t s = 0; s < S; s++) {
        vg_frame_present(out)[s] = g->used[s] = taken[s];
        if (taken[s]) memcpy(g->at[s], now[s], sizeof now[s]);
    }
}

static inline void greedy_match(greedy *g, const vg_frame *in, vg_frame *out) {
    enum { MOST = 4096 };
    const int32_t C = in->dims.cameras, D = in->dims.people, J = in->dims.joints;
    greedy_ray *rays = calloc((size_t)(C * D * J), sizeof *rays);
    greedy_pair *pairs = calloc(MOST, sizeof *pairs);
    greedy_groups *groups = calloc(1, sizeof *groups);
    int32_t count = 0;
    for (int32_t i = 0; i < C * D * J && rays; i++) {
        const vg_keypoint *k = vg_frame_keypoints(in) + i;
        const vg_camera *camera = vg_frame_cameras(in) + i / (D * J);
        rays[i].seen =
            k->confidence > 0.3f && vg_unproject(rays[i].from, rays[i].to, camera, (double)k->u, (double)k->v);
    }
    if (rays && pairs && groups) {
        for (int32_t a = 0; a < C * D; a++)
            for (int32_t b = (a / D + 1) * D; b < C * D && count < MOST; b++) {
                pairs[count].a = a, pairs[count].b = b;
                count += greedy_meet(pairs + count, rays + a * J, rays + b * J, J);
            }
        qsort(pairs, (size_t)count, sizeof *pairs, greedy_order);
        greedy_join(groups, pairs, count, C, D);
        greedy_tell(g, groups, in, out);
    }
    free(rays), free(pairs), free(groups);
}

#endif
