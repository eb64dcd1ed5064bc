/* Keypoints as rays, and points where rays meet. */
#include "calibration/lens_lanes.h"
#include "common/transform.h"
#include "perception/people_parts.h"

#include <math.h>
#include <string.h>

#define PARALLEL    0.05 /* sine of the angle under which two rays fix no point */
#define NEAR        0.05 /* m; nothing is closer to a camera */
#define PLACE_PAIRS 36   /* pairs of views tried for one joint */

static void look_from(vg_people *p, int32_t c, const vg_camera *camera) {
    eye *e = p->eyes + c;
    vg_view_update(p->views + c, camera);
    vg_camera_matrix(e->P, camera);
    vg_mat3_t_mul_vec(e->place, camera->R, camera->t);
    for (int k = 0; k < 3; k++) e->place[k] = -e->place[k];
    e->focal = 0.5 * (fabs(camera->fx) + fabs(camera->fy));
    e->low = p->config.sigma / e->focal;
    e->low *= e->low;
    e->high = p->config.body * p->config.body;
}

/* One detection's keypoints, eight at a time; returns how many are of use. */
static int32_t look_at(vg_people *p, int32_t c, sight *out, const vg_keypoint *k) {
    const eye *e = p->eyes + c;
    int32_t seen = 0;
    for (int32_t at = 0; at < p->joints; at += VG_LANES) {
        const int32_t count = p->joints - at < VG_LANES ? p->joints - at : VG_LANES;
        lanes u = {0}, v = {0}, w = {0}, x, y;
        for (int32_t i = 0; i < count; i++) {
            const vg_keypoint *from = k + at + i;
            if (!(from->confidence > (float)p->config.confidence && isfinite(from->u) && isfinite(from->v))) continue;
            u[i] = (double)from->u, v[i] = (double)from->v;
            w[i] = fmin((double)from->confidence, 1);
        }
        const lane_mask valid = lens_undistort(&x, &y, p->views + c, u, v, w > 0) & (w > 0);
        for (int32_t i = 0; i < count; i++) {
            sight *s = out + at + i;
            *s = (sight){.x = x[i], .y = y[i], .weight = valid[i] ? w[i] : 0, .u = u[i], .v = v[i]};
            if (!valid[i]) continue;
            const double d[3] = {x[i], y[i], 1}, n = 1 / vg_norm3(d);
            for (int r = 0; r < 3; r++) s->ray[r] = n * (e->P[r] * d[0] + e->P[4 + r] * d[1] + e->P[8 + r]);
            seen++;
        }
    }
    return seen;
}

void people_look(vg_people *p, const vg_frame *f) {
    const vg_keypoint *keypoints = vg_frame_keypoints(f);
    p->cameras = f->dims.cameras;
    for (int32_t c = 0; c < p->cameras; c++) {
        look_from(p, c, vg_frame_cameras(f) + c);
        for (int32_t d = 0; d < p->dims.people; d++) {
            *owner_of(p, c, d) = -1;
            p->seen[c * p->dims.people + d] = 0;
            if (d >= f->dims.people) continue;
            const size_t at = ((size_t)c * (size_t)f->dims.people + (size_t)d) * (size_t)p->joints;
            p->seen[c * p->dims.people + d] = look_at(p, c, sights_of(p, c, d), keypoints + at);
        }
    }
}

bool people_cast(cast *out, const eye *e, const double X[3], double variance) {
    const double *P = e->P, z = P[8] * X[0] + P[9] * X[1] + P[10] * X[2] + P[11], scale = 1 / z;
    out->variance = 0;
    if (!(z > NEAR)) return false;
    out->x = scale * (P[0] * X[0] + P[1] * X[1] + P[2] * X[2] + P[3]);
    out->y = scale * (P[4] * X[0] + P[5] * X[1] + P[6] * X[2] + P[7]);
    const double known = e->low + e->high * scale * scale;
    out->variance = known + variance * scale * scale;
    out->weight = sqrt(known / out->variance);
    return true;
}

bool people_meet(double X[3], double *distance, const eye *a, const sight *s, const eye *b, const sight *t) {
    const double w[3] = {a->place[0] - b->place[0], a->place[1] - b->place[1], a->place[2] - b->place[2]};
    const double cosine = vg_dot3(s->ray, t->ray), sine2 = 1 - cosine * cosine;
    if (!(sine2 > PARALLEL * PARALLEL)) return false;
    const double ws = vg_dot3(w, s->ray), wt = vg_dot3(w, t->ray);
    const double ls = (cosine * wt - ws) / sine2, lt = (wt - cosine * ws) / sine2;
    if (!(ls > NEAR && lt > NEAR)) return false;
    double square = 0;
    for (int k = 0; k < 3; k++) {
        const double p = a->place[k] + ls * s->ray[k], q = b->place[k] + lt * t->ray[k];
        X[k] = 0.5 * (p + q), square += (p - q) * (p - q);
    }
    *distance = square / (a->low * ls * ls + a->high + b->low * lt * lt + b->high);
    return true;
}

/* The point of the smallest sum of squared distances to the rays of `views` (and from what is expected, with a weight of
 * `hold` per m^2). False where they are nearly parallel. */
static bool meet_all(double X[3], double *variance, const vg_people *p, const sight *const *views, uint32_t which,
                     const double near[3], const double *expected, double hold) {
    double A[6] = {hold, 0, 0, hold, 0, hold}, b[3] = {0, 0, 0};
    for (int k = 0; k < 3 && expected; k++) b[k] = hold * expected[k];
    for (int32_t c = 0; c < p->cameras; c++) {
        if (!(which >> c & 1)) continue;
        const eye *e = p->eyes + c;
        const double *d = views[c]->ray;
        double away[3], square = 0;
        for (int k = 0; k < 3; k++) away[k] = near[k] - e->place[k], square += away[k] * away[k];
        const double w = views[c]->weight / (e->low * square + e->high), along = vg_dot3(d, e->place);
        A[0] += w * (1 - d[0] * d[0]), A[1] -= w * d[0] * d[1], A[2] -= w * d[0] * d[2];
        A[3] += w * (1 - d[1] * d[1]), A[4] -= w * d[1] * d[2], A[5] += w * (1 - d[2] * d[2]);
        for (int k = 0; k < 3; k++) b[k] += w * (e->place[k] - along * d[k]);
    }
    const double i0 = A[3] * A[5] - A[4] * A[4], i1 = A[2] * A[4] - A[1] * A[5], i2 = A[1] * A[4] - A[2] * A[3];
    const double i3 = A[0] * A[5] - A[2] * A[2], i4 = A[1] * A[2] - A[0] * A[4], i5 = A[0] * A[3] - A[1] * A[1];
    const double det = A[0] * i0 + A[1] * i1 + A[2] * i2, trace = A[0] + A[3] + A[5];
    if (!(det > 1e-5 * trace * trace * trace)) return false;
    X[0] = (i0 * b[0] + i1 * b[1] + i2 * b[2]) / det;
    X[1] = (i1 * b[0] + i3 * b[1] + i4 * b[2]) / det;
    X[2] = (i2 * b[0] + i4 * b[1] + i5 * b[2]) / det;
    *variance = (i0 + i3 + i5) / (3 * det);
    return true;
}

typedef struct task {
    const vg_people *p;
    const sight *const *views;
    const double *expected;
    double variance, trust;
} task;

/* How far the views agree with a point, and which of them do. */
static void judge(placed *out, const task *t) {
    const double gate = t->p->config.gate * t->p->config.gate;
    out->score = 0, out->views = 0, out->count = 0;
    for (int32_t c = 0; c < t->p->cameras; c++) {
        if (!t->views[c]) continue;
        cast seen;
        if (!people_cast(&seen, t->p->eyes + c, out->x, 0)) continue;
        const double agreement = people_agree(cast_distance(&seen, t->views[c]) / gate);
        if (agreement <= 0) continue;
        out->score += agreement * t->views[c]->weight, out->views |= 1u << c, out->count++;
    }
    if (!t->expected) return;
    double square = 0;
    for (int k = 0; k < 3; k++) square += (out->x[k] - t->expected[k]) * (out->x[k] - t->expected[k]);
    out->score += t->trust * people_agree(square / (gate * t->variance));
}

static void try_point(placed *best, const task *t, const double X[3]) {
    placed next = {.x = {X[0], X[1], X[2]}};
    judge(&next, t);
    if (next.score > best->score || best->count == 0) *best = next;
}

/* Moves to the middle of the views that agree, which may bring in others or lose some. */
static bool settle(placed *best, const task *t) {
    for (int round = 0; round < 2 && best->count >= 2; round++) {
        placed next = {0};
        if (!meet_all(next.x, &next.variance, t->p, t->views, best->views, best->x, NULL, 0)) return false;
        judge(&next, t);
        const bool same = next.views == best->views;
        if (next.count < 2) return false;
        *best = next;
        if (same) break;
    }
    return best->count >= 2;
}

void people_place(placed *out, const vg_people *p, const sight *const *views, const double *expected, double variance,
                  double trust) {
    const task t = {p, views, expected, variance, trust};
    int32_t list[VG_MAX_CAMERAS], count = 0;
    *out = (placed){0};
    for (int32_t c = 0; c < p->cameras; c++)
        if (views[c]) list[count++] = c;
    if (expected) try_point(out, &t, expected);
    if (count >= 2 && !(expected && out->count == count)) {
        const int32_t total = count * (count - 1) / 2, skip = 1 + (total - 1) / PLACE_PAIRS;
        for (int32_t i = 0, n = 0; i < count; i++)
            for (int32_t k = i + 1; k < count; k++, n++) {
                double X[3], distance;
                if (n % skip) continue;
                if (people_meet(X, &distance, p->eyes + list[i], views[list[i]], p->eyes + list[k], views[list[k]]) &&
                    distance < p->config.gate * p->config.gate)
                    try_point(out, &t, X);
            }
    }
    if (!settle(out, &t) && out->count > 1) out->count = 1;
}
