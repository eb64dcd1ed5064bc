/* The floor under people's feet, and the world that it gives. */
#include "calibration/median.h"
#include "calibration/rig_checks.h"

#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MIN_STEPS   50
#define FITS        12
#define SAME_HEIGHT 0.05  /* of the body: feet this much above the lowest carry weight too */
#define FOOT_SD     0.012 /* of the body: keypoints of a foot lie this far from its sole, always to the same side */
#define BODY_SD     0.07  /* radians: how upright people are on average */

/* A person in a frame: its feet, from `first` on, and the middle of its trunk. */
typedef struct stance {
    int32_t first, feet;
    bool whole; /* the trunk is known */
    double trunk[3];
} stance;

typedef struct walk {
    double *foot; /* [feet, 3] */
    double *near; /* [feet, 3] those that stand, as last judged */
    double *height;
    stance *stance;
    int32_t feet, stances;
    double size; /* mean distance of trunk and feet */
} walk;

static bool among(int32_t point, const int32_t *list, int32_t n) {
    for (int32_t i = 0; i < n; i++)
        if (list[i] == point) return true;
    return false;
}

static vg_status gather(walk *w, const vg_tracks *t, const vg_floor_points *which, vg_error *err) {
    const size_t n = (size_t)t->bundle.structures + 1;
    *w = (walk){.foot = malloc(n * 3 * sizeof *w->foot),
                .near = malloc(n * 3 * sizeof *w->near),
                .height = malloc(n * sizeof *w->height),
                .stance = malloc(n * sizeof *w->stance)};
    if (!w->foot || !w->near || !w->height || !w->stance) return vg_fail(err, VG_NO_MEMORY, "floor: out of memory");
    double sum = 0;
    int32_t whole = 0;
    for (int32_t from = 0, to; from < t->bundle.structures; from = to) {
        to = vg_tracks_together(t, from);
        stance s = {.first = w->feet};
        int32_t trunks = 0;
        double mean[3] = {0};
        for (int32_t i = from; i < to; i++) {
            const double *x = t->bundle.point + 3 * i;
            if (!isfinite(x[0])) continue;
            if (among(t->point[i], which->foot, which->feet)) {
                memcpy(w->foot + 3 * w->feet++, x, 3 * sizeof *x), s.feet++;
                for (int k = 0; k < 3; k++) mean[k] += x[k];
            } else if (among(t->point[i], which->trunk, which->trunks)) {
                for (int k = 0; k < 3; k++) s.trunk[k] += x[k];
                trunks++;
            }
        }
        if (!s.feet) continue;
        s.whole = trunks == which->trunks && trunks > 0;
        for (int k = 0; k < 3 && s.whole; k++) s.trunk[k] /= trunks, mean[k] = s.trunk[k] - mean[k] / s.feet;
        if (s.whole) sum += vg_norm3(mean), whole++;
        w->stance[w->stances++] = s;
    }
    w->size = whole ? sum / whole : (double)NAN;
    return VG_OK;
}

static void walk_free(walk *w) {
    free(w->foot), free(w->near), free(w->height), free(w->stance);
}

/* People stand under their own weight: on average the trunk is straight above the feet that carry it, which `up`, as far
 * as it is known (zero: not at all), tells from those in the air. */
static void body_up(double up[3], const walk *w) {
    const bool known = vg_norm3(up) > 0;
    double sum[3] = {0};
    for (const stance *s = w->stance; s < w->stance + w->stances; s++) {
        if (!s->whole) continue;
        double low = (double)INFINITY, middle[3] = {0}, d[3];
        int32_t n = 0;
        const double *foot = w->foot + 3 * s->first;
        for (int32_t i = 0; i < s->feet; i++) low = fmin(low, vg_dot3(up, foot + 3 * i));
        for (int32_t i = 0; i < s->feet; i++) {
            if (known && vg_dot3(up, foot + 3 * i) > low + SAME_HEIGHT * w->size) continue;
            for (int k = 0; k < 3; k++) middle[k] += foot[3 * i + k];
            n++;
        }
        for (int k = 0; k < 3; k++) d[k] = s->trunk[k] - middle[k] / n;
        const double norm = vg_norm3(d);
        for (int k = 0; k < 3 && norm > 0; k++) sum[k] += d[k] / norm;
    }
    const double norm = vg_norm3(sum);
    for (int k = 0; k < 3; k++) up[k] = norm > 0 ? sum[k] / norm : 0;
}

/* The height below which the lowest fifth of the feet are. */
static double low_height(walk *w, const double up[3]) {
    for (int32_t i = 0; i < w->feet; i++) w->height[i] = vg_dot3(up, w->foot + 3 * i);
    qsort(w->height, (size_t)w->feet, sizeof *w->height, median_compare);
    return w->height[w->feet / 5];
}

/* The feet that stand: within `reach` of the plane, and of their person the lowest. To the front of `near`. */
static int32_t standing(walk *w, const double normal[3], double height, double reach) {
    int32_t count = 0;
    for (const stance *s = w->stance; s < w->stance + w->stances; s++) {
        double low = (double)INFINITY;
        const double *foot = w->foot + 3 * s->first;
        for (int32_t i = 0; i < s->feet; i++) low = fmin(low, vg_dot3(normal, foot + 3 * i));
        for (int32_t i = 0; i < s->feet; i++) {
            const double h = vg_dot3(normal, foot + 3 * i);
            if (fabs(h - height) < reach && h <= low + SAME_HEIGHT * w->size)
                memcpy(w->near + 3 * count++, foot + 3 * i, 3 * sizeof *w->near);
        }
    }
    return count;
}

/* The normal between what the feet's plane says and what the body says. A foot's keypoints are off its sole by about the
 * same everywhere, so the plane's tilt is known to FOOT_SD over the feet's spread, in each direction by itself: where
 * people stand still or walk a line, the plane says nothing about the tilt across it, and the body does. Ridge regression
 * of the slope; `tilt_sd` is that of the worse direction. False where the figures do not allow it. */
static bool fuse(double normal[3], double *tilt_sd, double middle[3], const double *near, int32_t n, const double up[3],
                 double size) {
    double S[9] = {0}, w[3];
    memset(middle, 0, 3 * sizeof *middle);
    for (int32_t i = 0; i < n; i++)
        for (int k = 0; k < 3; k++) middle[k] += near[3 * i + k] / n;
    for (int32_t i = 0; i < n; i++)
        for (int a = 0; a < 3; a++)
            for (int c = 0; c < 3; c++)
                S[3 * a + c] += (near[3 * i + a] - middle[a]) * (near[3 * i + c] - middle[c]) / n;
    if (LAPACKE_dsyev(LAPACK_ROW_MAJOR, 'V', 'U', 3, S, 3, w) != 0) return false;
    const double prior = FOOT_SD * size * FOOT_SD * size / (BODY_SD * BODY_SD);
    memset(normal, 0, 3 * sizeof *normal);
    for (int k = 0; k < 3; k++) {
        const double axis[3] = {S[k], S[3 + k], S[6 + k]}, along = vg_dot3(axis, up) / (fmax(w[k], 0) + prior);
        for (int a = 0; a < 3; a++) normal[a] += along * axis[a];
    }
    const double norm = vg_norm3(normal);
    for (int k = 0; k < 3; k++) normal[k] /= norm;
    *tilt_sd = FOOT_SD * size / sqrt(fmax(w[1], 0) + prior);
    return norm > 0 && isfinite(norm);
}

static double rms_of(const double *points, int32_t n, const double normal[3], const double middle[3]) {
    double sum = 0;
    for (int32_t i = 0; i < n; i++) {
        const double off = vg_dot3(normal, points + 3 * i) - vg_dot3(normal, middle);
        sum += off * off / n;
    }
    return sqrt(sum);
}

static void fit_floor(vg_floor *out, walk *w) {
    double up[3] = {0};
    body_up(up, w);
    memcpy(out->normal, up, sizeof up);
    double height = low_height(w, up), reach = 0.25 * w->size;
    for (int fit = 0; fit < FITS; fit++) {
        memcpy(up, out->normal, sizeof up);
        body_up(up, w);
        out->steps = standing(w, out->normal, height, reach);
        if (out->steps < MIN_STEPS) return;
        double normal[3];
        if (!fuse(normal, &out->tilt_sd, out->middle, w->near, (int32_t)out->steps, up, w->size)) return;
        memcpy(out->normal, normal, sizeof normal);
        out->flatness = rms_of(w->near, (int32_t)out->steps, normal, out->middle);
        height = vg_dot3(normal, out->middle);
        reach = fmax(fmin(reach * 0.8, 3 * out->flatness), 0.03 * w->size);
    }
    out->lean = acos(fmin(1, vg_dot3(out->normal, up)));
}

vg_status vg_floor_from_feet(vg_floor *out, const vg_tracks *t, const vg_floor_points *which, vg_error *err) {
    walk w;
    *out = (vg_floor){0};
    const vg_status status = gather(&w, t, which, err);
    if (status == VG_OK && w.feet && isfinite(w.size)) fit_floor(out, &w);
    walk_free(&w);
    VG_TRY(status);
    if (out->steps < MIN_STEPS)
        return vg_fail(err, VG_FAILED,
                       "floor: %lld foot positions lie in one plane; it takes %d. Walk on level ground in "
                       "view of two cameras, or give the floor by a board",
                       (long long)out->steps, MIN_STEPS);
    for (int k = 0; k < 3; k++) out->middle[k] -= which->foot_height * out->normal[k];
    return VG_OK;
}

/* World axes of a z and a direction for y. */
static vg_similarity world_of(const double z[3], const double towards[3], const double origin[3]) {
    vg_similarity out = {.scale = 1};
    double y[3], x[3], moved[3];
    const double along = vg_dot3(towards, z);
    for (int k = 0; k < 3; k++) y[k] = towards[k] - along * z[k];
    const double norm = vg_norm3(y);
    for (int k = 0; k < 3; k++) y[k] /= norm;
    vg_cross3(x, y, z);
    for (int k = 0; k < 3; k++) out.move.R[k] = x[k], out.move.R[3 + k] = y[k], out.move.R[6 + k] = z[k];
    vg_mat3_mul_vec(moved, out.move.R, origin);
    for (int k = 0; k < 3; k++) out.move.t[k] = -moved[k];
    return out;
}

vg_similarity vg_floor_world(const vg_floor *floor, const vg_camera *first) {
    const double *forward = first->R + 6;
    const bool down = fabs(vg_dot3(forward, floor->normal)) > 0.999; /* straight down: its up is forward */
    const double up[3] = {-first->R[3], -first->R[4], -first->R[5]};
    return world_of(floor->normal, down ? up : forward, floor->middle);
}

vg_similarity vg_board_world(const vg_rigid *board, const vg_camera *cameras, int32_t count) {
    double z[3], y[3], sum = 0;
    for (int k = 0; k < 3; k++) z[k] = board->R[3 * k + 2], y[k] = board->R[3 * k + 1];
    for (int32_t c = 0; c < count; c++) {
        double place[3];
        vg_mat3_t_mul_vec(place, cameras[c].R, cameras[c].t);
        for (int k = 0; k < 3; k++) place[k] = -place[k] - board->t[k];
        sum += vg_dot3(place, z);
    }
    if (sum < 0) /* z points into the floor: turn about the board's x */
        for (int k = 0; k < 3; k++) z[k] = -z[k], y[k] = -y[k];
    return world_of(z, y, board->t);
}
