/* Triangulation from the views that agree: sets of views are tried eight at a time (a lane is a set, its normal matrix the
 * sum of its views'), then the chosen ones are refined eight points at a time. */
#include "calibration/lens_lanes.h"
#include "calibration/normal.h"
#include "common/transform.h"

#include <string.h>

#define MEAN_STEPS   4
#define ALL_SETS_MAX 8 /* views; above, sets grow from pairs */

vg_consensus_options vg_consensus_options_default(void) {
    return (vg_consensus_options){.threshold = 14,
                                  .min_views = 2,
                                  .min_angle = 5 * VG_PI / 180,
                                  .undistort = true,
                                  .cheirality = true,
                                  .steps = 3,
                                  .sigma = 5,
                                  .robust = 4};
}

vg_consensus_options vg_consensus_options_pose2sim(void) {
    return (vg_consensus_options){.threshold = 15, .min_views = 2, .sigma = 5};
}

/* What the views see of one point. */
typedef struct sight {
    const vg_consensus_options *options;
    int32_t views;
    uint32_t seen;                               /* bit c: camera c takes part */
    double M[VG_MAX_CAMERAS][10];                /* normal matrix of each view */
    double u[VG_MAX_CAMERAS], v[VG_MAX_CAMERAS]; /* px of an ideal lens */
    double ray[VG_MAX_CAMERAS][3];               /* unit vectors, world */
    const double (*P)[12];                       /* K [R | t] */
} sight;

/* The best set found so far. */
typedef struct choice {
    double error; /* px, mean; INFINITY = none */
    uint32_t views;
    double x[3];
} choice;

static void pixel_matrix(double P[12], const vg_camera *c) {
    double M[12];
    vg_camera_matrix(M, c);
    for (int k = 0; k < 4; k++) {
        P[k] = c->fx * M[k] + c->cx * M[8 + k];
        P[4 + k] = c->fy * M[4 + k] + c->cy * M[8 + k];
        P[8 + k] = M[8 + k];
    }
}

/* Eight points as ideal cameras see them. */
typedef struct block {
    alignas(64) double x[VG_MAX_CAMERAS][VG_LANES], y[VG_MAX_CAMERAS][VG_LANES]; /* normalised */
    bool valid[VG_MAX_CAMERAS][VG_LANES];
} block;

static lanes load_some(const double *p, int count) {
    lanes x = {0};
    for (int i = 0; i < count; i++) x[i] = p[i];
    return x;
}

static void block_init(block *b, const vg_view *views, const double *u, const double *v, const double *weight,
                       int32_t view_count, size_t stride, int count) {
    for (size_t c = 0; c < (size_t)view_count; c++) {
        const lanes w = load_some(weight + c * stride, count);
        lanes x, y;
        const lane_mask valid = lens_undistort(&x, &y, views + c, load_some(u + c * stride, count),
                                               load_some(v + c * stride, count), w > 0);
        lanes_store(b->x[c], x), lanes_store(b->y[c], y);
        for (int i = 0; i < VG_LANES; i++) b->valid[c][i] = valid[i] && w[i] > 0;
    }
}

static void sight_init(sight *s, const vg_camera *cameras, const block *b, int lane, const double *weight,
                       size_t stride) {
    s->seen = 0;
    for (int32_t c = 0; c < s->views; c++) {
        const vg_camera *camera = cameras + c;
        if (!b->valid[c][lane]) continue;
        s->seen |= 1u << c;
        const double x = b->x[c][lane], y = b->y[c][lane], w = weight[(size_t)c * stride];
        s->u[c] = camera->fx * x + camera->cx, s->v[c] = camera->fy * y + camera->cy;
        const double direction[3] = {x, y, 1}, norm = vg_norm3(direction), *P = s->P[c];
        vg_mat3_t_mul_vec(s->ray[c], camera->R, direction);
        for (int k = 0; k < 3; k++) s->ray[c][k] /= norm;
        double rx[4], ry[4];
        for (int k = 0; k < 4; k++) rx[k] = s->u[c] * P[8 + k] - P[k], ry[k] = s->v[c] * P[8 + k] - P[4 + k];
        for (int a = 0, n = 0; a < 4; a++)
            for (int k = a; k < 4; k++, n++) s->M[c][n] = w * (rx[a] * rx[k] + ry[a] * ry[k]);
    }
}

static bool wide_enough(const sight *s, uint32_t views) {
    if (!(s->options->min_angle > 0)) return true;
    const double most = cos(s->options->min_angle);
    for (int32_t a = 0; a < s->views; a++)
        for (int32_t b = 0; b < a; b++)
            if ((views >> a & views >> b & 1) && vg_dot3(s->ray[a], s->ray[b]) <= most) return true;
    return false;
}

/* Distances of each view's pixel to the projections of eight points, and whether they are in front. */
static lanes distance_to(const sight *s, int32_t c, const lanes X[3], lane_mask *front) {
    const double *P = s->P[c];
    lanes p[3];
    for (int r = 0; r < 3; r++) p[r] = P[4 * r] * X[0] + P[4 * r + 1] * X[1] + P[4 * r + 2] * X[2] + P[4 * r + 3];
    const lanes inverse = 1 / p[2], du = p[0] * inverse - s->u[c], dv = p[1] * inverse - s->v[c];
    *front = p[2] > 0;
    return lanes_sqrt(du * du + dv * dv);
}

/* Moves eight points to where the sum of the distances to their sets' pixels is least: Gauss-Newton steps weighted by
 * 1 / distance (Weiszfeld). */
static void lower_mean(lanes X[3], const sight *s, const lane_mask in[VG_MAX_CAMERAS]) {
    for (int step = 0; step < MEAN_STEPS; step++) {
        lanes_sym3 H = {0}, adj;
        lanes g[3] = {0}, dX[3];
        for (int32_t c = 0; c < s->views; c++) {
            if (!(s->seen >> c & 1)) continue;
            const double *P = s->P[c];
            lanes p[3], J[2][3];
            for (int r = 0; r < 3; r++)
                p[r] = P[4 * r] * X[0] + P[4 * r + 1] * X[1] + P[4 * r + 2] * X[2] + P[4 * r + 3];
            const lanes inverse = 1 / p[2], u = p[0] * inverse, v = p[1] * inverse, eu = s->u[c] - u, ev = s->v[c] - v;
            for (int k = 0; k < 3; k++)
                J[0][k] = (P[k] - u * P[8 + k]) * inverse, J[1][k] = (P[4 + k] - v * P[8 + k]) * inverse;
            const lanes weight = lanes_keep(in[c], 1 / (lanes_sqrt(eu * eu + ev * ev) + 1));
            for (int a = 0, n = 0; a < 3; a++) {
                g[a] += weight * (J[0][a] * eu + J[1][a] * ev);
                for (int b = a; b < 3; b++, n++) H.a[n] += weight * (J[0][a] * J[0][b] + J[1][a] * J[1][b]);
            }
        }
        const lanes scale = 1 / lanes_adjugate(&adj, &H);
        lanes_sym3_mul(dX, &adj, g);
        for (int k = 0; k < 3; k++) X[k] += dX[k] * scale;
    }
}

/* The points of eight sets and their mean errors; INFINITY where a set has none. Unused lanes have the empty set. */
static lanes solve_sets(lanes X[3], const sight *s, const uint32_t sets[VG_LANES]) {
    lanes m[10] = {0}, used = {0}, sum = {0};
    lane_mask in[VG_MAX_CAMERAS];
    for (int32_t c = 0; c < s->views; c++) {
        lane_mask mask = {0};
        for (int i = 0; i < VG_LANES; i++) mask[i] = (sets[i] >> c & 1) ? -1 : 0;
        in[c] = mask;
        if (!(s->seen >> c & 1)) continue;
        used += lanes_keep(mask, lanes_of(1));
        for (int k = 0; k < 10; k++) m[k] += lanes_keep(mask, lanes_of(s->M[c][k]));
    }
    lane_mask good = normal_solve(X, m) & (used >= 2);
    if (s->options->steps > 0) lower_mean(X, s, in);
    for (int32_t c = 0; c < s->views; c++) {
        if (!(s->seen >> c & 1)) continue;
        lane_mask front;
        sum += lanes_keep(in[c], distance_to(s, c, X, &front));
        if (s->options->cheirality) good &= ~in[c] | front;
    }
    const lanes error = sum / used;
    good &= error == error;
    return lanes_pick(good, error, lanes_of((double)INFINITY));
}

/* Tries up to eight sets and keeps the best that is wide enough. */
static void try_sets(choice *best, const sight *s, const uint32_t sets[VG_LANES]) {
    lanes X[3];
    const lanes error = solve_sets(X, s, sets);
    for (int i = 0; i < VG_LANES; i++) {
        if (!(error[i] < best->error) || !wide_enough(s, sets[i])) continue;
        *best = (choice){.error = error[i], .views = sets[i]};
        for (int k = 0; k < 3; k++) best->x[k] = X[k][i];
    }
}

/* All sets of `size` of the views seen. */
static void try_size(choice *best, const sight *s, int size) {
    uint32_t sets[VG_LANES] = {0};
    int waiting = 0;
    for (uint32_t set = s->seen; set; set = (set - 1) & s->seen) { /* all subsets, in falling order */
        if (__builtin_popcount(set) != size) continue;
        sets[waiting++] = set;
        if (waiting < VG_LANES) continue;
        try_sets(best, s, sets);
        memset(sets, 0, sizeof sets), waiting = 0;
    }
    if (waiting) try_sets(best, s, sets);
}

/* The views within the threshold of a point; their mean distance. */
static uint32_t agreeing(const sight *s, const double x[3], double *mean) {
    const lanes X[3] = {lanes_of(x[0]), lanes_of(x[1]), lanes_of(x[2])};
    uint32_t views = 0;
    double sum = 0;
    for (int32_t c = 0; c < s->views; c++) {
        lane_mask front;
        if (!(s->seen >> c & 1)) continue;
        const double distance = distance_to(s, c, X, &front)[0];
        if (!(distance <= s->options->threshold) || (s->options->cheirality && !front[0])) continue;
        views |= 1u << c, sum += distance;
    }
    *mean = views ? sum / __builtin_popcount(views) : (double)INFINITY;
    return views;
}

/* Many views: the pair with which most views agree, then all of those. */
static void try_pairs(choice *best, const sight *s) {
    uint32_t most = 0;
    double least = (double)INFINITY;
    for (int32_t a = 0; a < s->views; a++)
        for (int32_t b = 0; b < a; b++) {
            const uint32_t pair = 1u << a | 1u << b;
            if ((pair & s->seen) != pair) continue;
            choice two = {.error = (double)INFINITY};
            try_sets(&two, s, (uint32_t[VG_LANES]){pair});
            if (!(two.error <= s->options->threshold)) continue;
            double mean;
            const uint32_t views = agreeing(s, two.x, &mean);
            const int more = __builtin_popcount(views) - __builtin_popcount(most);
            if (more > 0 || (more == 0 && mean < least)) most = views, least = mean;
        }
    if (__builtin_popcount(most) >= s->options->min_views) try_sets(best, s, (uint32_t[VG_LANES]){most});
}

static choice choose(const sight *s) {
    choice best = {.error = (double)INFINITY};
    const int seen = __builtin_popcount(s->seen), least = s->options->min_views > 2 ? s->options->min_views : 2;
    if (seen > ALL_SETS_MAX) {
        if (seen >= least) try_sets(&best, s, (uint32_t[VG_LANES]){s->seen});
        if (!(best.error <= s->options->threshold)) try_pairs(&best, s);
    } else {
        for (int size = seen; size >= least && !(best.error <= s->options->threshold); size--) try_size(&best, s, size);
    }
    if (!(best.error <= s->options->threshold)) best = (choice){.error = (double)NAN};
    return best;
}

static void store_choice(vg_consensus_point *out, const sight *s, const choice *best) {
    const bool found = best->views != 0;
    out->views = best->views;
    out->removed = __builtin_popcount(s->seen & ~best->views);
    out->reprojection = best->error;
    for (int k = 0; k < 3; k++) out->x[k] = found ? best->x[k] : (double)NAN;
    for (int k = 0; k < 6; k++) out->covariance[k] = (double)NAN;
}

/* Refines `count` <= 8 chosen points together. */
static void refine(vg_consensus_point *out, const vg_view *views, const double *u, const double *v,
                   const double *weight, int32_t view_count, size_t stride, int count,
                   const vg_consensus_options *options) {
    alignas(64) double U[VG_MAX_CAMERAS][VG_LANES] = {{0}}, V[VG_MAX_CAMERAS][VG_LANES] = {{0}};
    alignas(64) double W[VG_MAX_CAMERAS][VG_LANES] = {{0}};
    for (size_t c = 0; c < (size_t)view_count; c++)
        for (int i = 0; i < count; i++) {
            const size_t at = c * stride + (size_t)i;
            U[c][i] = u[at], V[c][i] = v[at], W[c][i] = (out[i].views >> c & 1) ? weight[at] : 0;
        }
    const vg_triangulate_options fit = {.steps = options->steps,
                                        .min_views = 2,
                                        .sigma = options->sigma,
                                        .robust = options->robust,
                                        .cheirality = options->cheirality};
    vg_solved8 solved;
    vg_triangulate(&solved, views, U[0], V[0], W[0], view_count, 1, &fit);
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < 6; k++) out[i].covariance[k] = solved.covariance[k][i];
        if (options->steps == 0 || !out[i].views || isnan(solved.x[0][i])) continue;
        for (int k = 0; k < 3; k++) out[i].x[k] = solved.x[k][i];
    }
}

/* The mean distances after the refinement, on the pixels as they were given. */
static void measure(vg_consensus_point *out, const vg_view *views, const double *u, const double *v, int32_t view_count,
                    size_t stride, int count) {
    lanes X[3] = {0}, sum = {0}, used = {0};
    for (int i = 0; i < count; i++)
        for (int k = 0; k < 3; k++) X[k][i] = out[i].x[k];
    for (size_t c = 0; c < (size_t)view_count; c++) {
        const double *P = views[c].P;
        lanes p[3], d[2], D[3];
        lane_mask in = {0};
        for (int i = 0; i < count; i++) in[i] = (out[i].views >> c & 1) ? -1 : 0;
        for (int r = 0; r < 3; r++) p[r] = P[4 * r] * X[0] + P[4 * r + 1] * X[1] + P[4 * r + 2] * X[2] + P[4 * r + 3];
        lens_distort(d, D, views + c, p[0] / p[2], p[1] / p[2]);
        const lanes du = views[c].fx * d[0] + views[c].cx - load_some(u + c * stride, count);
        const lanes dv = views[c].fy * d[1] + views[c].cy - load_some(v + c * stride, count);
        sum += lanes_keep(in, lanes_sqrt(du * du + dv * dv)), used += lanes_keep(in, lanes_of(1));
    }
    for (int i = 0; i < count; i++)
        if (out[i].views) out[i].reprojection = sum[i] / used[i];
}

void vg_triangulate_consensus(vg_consensus_point *out, const vg_camera *cameras, const double *u, const double *v,
                              const double *weight, int32_t view_count, int32_t n,
                              const vg_consensus_options *options) {
    VG_ASSERT(view_count >= 0 && view_count <= VG_MAX_CAMERAS);
    vg_camera lenses[VG_MAX_CAMERAS];
    vg_view views[VG_MAX_CAMERAS];
    double P[VG_MAX_CAMERAS][12];
    for (int32_t c = 0; c < view_count; c++) {
        lenses[c] = cameras[c];
        if (!options->undistort) {
            memset(lenses[c].distortion, 0, sizeof lenses[c].distortion);
            lenses[c].lens = VG_LENS_BROWN_CONRADY;
        }
        vg_view_init(views + c, lenses + c);
        pixel_matrix(P[c], lenses + c);
    }
    sight s = {.options = options, .views = view_count, .P = (const double(*)[12])P};
    block b;
    for (int32_t at = 0; at < n; at += VG_LANES) {
        const int count = n - at < VG_LANES ? n - at : VG_LANES;
        const double *U = u + at, *V = v + at, *W = weight + at;
        block_init(&b, views, U, V, W, view_count, (size_t)n, count);
        for (int i = 0; i < count; i++) {
            sight_init(&s, lenses, &b, i, W + i, (size_t)n);
            const choice best = choose(&s);
            store_choice(out + at + i, &s, &best);
        }
        refine(out + at, views, U, V, W, view_count, (size_t)n, count, options);
        if (options->steps > 0) measure(out + at, views, U, V, view_count, (size_t)n, count);
    }
}
