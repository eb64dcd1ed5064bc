/* Points and boards placed from cameras that stand, by consensus among views. */
#include "calibration/rig_solver.h"

#include "calibration/calibration.h"
#include "calibration/lens.h"
#include "calibration/median.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PAIRS_TRIED  24
#define MIN_PARALLAX 0.01 /* radians: rays nearer to parallel do not place a point */
#define POINT_STEPS  4
#define BOARD_TRIALS 60

void rig_world_point(double X[3], const rig_solver *s, const vg_bundle_sighting *g) {
    const vg_bundle *b = s->bundle;
    if (b->board)
        vg_rigid_apply(X, b->board + g->structure, b->corner + 3 * (size_t)g->corner);
    else
        memcpy(X, b->point + 3 * (size_t)g->structure, 3 * sizeof *X);
}

/* Pixel distance of a world point to a sighting, and the projection's Jacobian where J is not NULL. */
static double distance_of(const rig_solver *s, const vg_bundle_sighting *g, const double X[3], double e[2],
                          double J[6]) {
    const vg_camera *c = s->bundle->camera + g->camera;
    double p[3], uv[2], K[6];
    vg_mat3_mul_vec(p, c->R, X);
    for (int k = 0; k < 3; k++) p[k] += c->t[k];
    const double radius = lens_project(uv, K, NULL, c, p);
    if ((c->lens != VG_LENS_FISHEYE && !(p[2] > 0)) || !(radius <= s->limit[g->camera])) return (double)INFINITY;
    e[0] = g->u - uv[0], e[1] = g->v - uv[1];
    for (int i = 0; i < 2 && J; i++)
        for (int j = 0; j < 3; j++)
            J[3 * i + j] = K[3 * i] * c->R[j] + K[3 * i + 1] * c->R[3 + j] + K[3 * i + 2] * c->R[6 + j];
    return sqrt(e[0] * e[0] + e[1] * e[1]);
}

double rig_distance(const rig_solver *s, int32_t sighting) {
    const vg_bundle_sighting *g = s->bundle->sighting + sighting;
    double X[3], e[2];
    if (!s->known[g->structure] || !s->placed[g->camera]) return (double)INFINITY;
    rig_world_point(X, s, g);
    return distance_of(s, g, X, e, NULL);
}

/* ---- choosing -------------------------------------------------------------------------------------------------------------- */

/* An odd step that visits all of n structures, far apart. */
static int32_t stride_of(int32_t n) {
    int32_t step = (int32_t)(0.618 * n) | 1, a, b;
    for (;; step += 2) {
        for (a = n, b = step; b;) {
            const int32_t r = a % b;
            a = b, b = r;
        }
        if (a == 1) return step;
    }
}

void rig_choose(rig_solver *s, int32_t per_pair) {
    const vg_bundle *b = s->bundle;
    if (per_pair == 0) {
        for (int32_t k = 0; k < b->structures; k++) s->active[k] = true;
        return;
    }
    int32_t *count = calloc((size_t)(b->cameras * b->cameras), sizeof *count);
    const int32_t step = stride_of(b->structures);
    for (int64_t i = 0; i < b->structures; i++) {
        const int32_t k = (int32_t)(i * step % b->structures);
        s->active[k] = !count;
        for (int pass = 0; pass < 2 && count; pass++) {
            for (int32_t x = s->at[k]; x < s->at[k + 1]; x++)
                for (int32_t y = s->at[k]; y < s->at[k + 1]; y++) {
                    if (x == y && b->board == NULL) continue;
                    int32_t *seen = count + s->group[x].camera * b->cameras + s->group[y].camera;
                    if (pass == 0) s->active[k] |= *seen < per_pair;
                    if (pass == 1 && s->active[k]) *seen += b->board ? s->group[y].count : 1;
                }
        }
    }
    free(count);
}

/* ---- points ------------------------------------------------------------------------------------------------------------------ */

/* A view of the point at hand. */
typedef struct sight {
    const vg_bundle_sighting *g;
    double o[3], d[3]; /* its ray, world */
    double threshold;  /* px */
} sight;

static int32_t collect_sights(sight *out, const rig_solver *s, int32_t structure, double scale) {
    int32_t n = 0;
    for (int32_t v = s->at[structure]; v < s->at[structure + 1]; v++) {
        const view_group *group = s->group + v;
        const double *ray = s->ray + 3 * (size_t)group->first;
        if (!s->placed[group->camera] || !isfinite(ray[0]) || !(s->weight[group->first] > 0)) continue;
        const vg_camera *c = s->bundle->camera + group->camera;
        sight *at = out + n++;
        at->g = s->bundle->sighting + group->first;
        vg_mat3_t_mul_vec(at->o, c->R, c->t);
        for (int k = 0; k < 3; k++) at->o[k] = -at->o[k];
        vg_mat3_t_mul_vec(at->d, c->R, ray);
        at->threshold = scale * s->threshold_px[group->camera];
    }
    return n;
}

/* Sum of truncated squares over the views, in thresholds. */
static double score_point(const rig_solver *s, const sight *sights, int32_t n, const double X[3]) {
    double sum = 0, e[2];
    for (int32_t i = 0; i < n; i++) {
        const double share = distance_of(s, sights[i].g, X, e, NULL) / sights[i].threshold;
        sum += share < 1 ? share * share : 1;
    }
    return sum;
}

/* Gauss-Newton under Geman and McClure's loss. Leaves X where a step leads nowhere. */
static void refine_point(double X[3], const rig_solver *s, const sight *sights, int32_t n) {
    for (int step = 0; step < POINT_STEPS; step++) {
        double H[9] = {0}, g[3] = {0}, e[2], J[6];
        for (int32_t i = 0; i < n; i++) {
            const double distance = distance_of(s, sights[i].g, X, e, J);
            if (!isfinite(distance)) continue;
            const double share = distance / sights[i].threshold, root = 1 / (1 + share * share);
            for (int r = 0; r < 2; r++)
                for (int a = 0; a < 3; a++) {
                    g[a] += root * root * J[3 * r + a] * e[r];
                    for (int b = 0; b < 3; b++) H[3 * a + b] += root * root * J[3 * r + a] * J[3 * r + b];
                }
        }
        const double det = vg_mat3_det(H);
        if (!(fabs(det) > 0)) return;
        double next[3];
        for (int a = 0; a < 3; a++) { /* Cramer's rule */
            double M[9];
            memcpy(M, H, sizeof M);
            for (int r = 0; r < 3; r++) M[3 * r + a] = g[r];
            next[a] = X[a] + vg_mat3_det(M) / det;
        }
        if (!(score_point(s, sights, n, next) <= score_point(s, sights, n, X))) return;
        memcpy(X, next, sizeof next);
    }
}

static bool place_point(rig_solver *s, int32_t structure, double scale) {
    sight sights[VG_BUNDLE_CAMERAS_MAX];
    const int32_t n = collect_sights(sights, s, structure, scale);
    double best = (double)INFINITY, X[3], *out = s->bundle->point + 3 * (size_t)structure;
    /* all pairs of few views; of many, pairs at growing distance in the list */
    int tried = 0;
    for (int32_t apart = 1; apart < n && tried < PAIRS_TRIED; apart++)
        for (int32_t i = 0; i + apart < n && tried < PAIRS_TRIED; i++) {
            const sight *a = sights + i, *b = sights + i + apart;
            if (acos(fmin(1, vg_dot3(a->d, b->d))) < MIN_PARALLAX || !vg_nearest_point(X, a->o, a->d, b->o, b->d))
                continue;
            tried++;
            const double score = score_point(s, sights, n, X);
            if (score < best) best = score, memcpy(out, X, sizeof X);
        }
    if (!(best < n - 1.0)) return false; /* two views at least agree */
    refine_point(out, s, sights, n);
    return true;
}

/* ---- boards ------------------------------------------------------------------------------------------------------------------ */

void rig_pose_boards(rig_solver *s) {
    const vg_bundle *b = s->bundle;
    double X[3 * 1024], f[3 * 1024];
    for (int32_t v = 0; v < s->at[b->structures]; v++) {
        view_group *group = s->group + v;
        int32_t n = 0;
        for (int32_t i = group->first; i < group->first + group->count && n < 1024; i++) {
            if (!isfinite(s->ray[3 * (size_t)i])) continue;
            memcpy(X + 3 * n, b->corner + 3 * (size_t)b->sighting[i].corner, 3 * sizeof *X);
            memcpy(f + 3 * n++, s->ray + 3 * (size_t)i, 3 * sizeof *f);
        }
        const vg_ransac ransac = {.threshold = s->threshold_px[group->camera] / b->camera[group->camera].fx,
                                  .trials = BOARD_TRIALS,
                                  .seed = s->options->seed,
                                  .stream = s->draws++};
        group->posed = n >= 4 && vg_resect(&group->pose, NULL, X, f, n, &ransac) >= 4;
        if (!group->posed) continue;
        /* refined among its own corners, in a world that is the camera's frame */
        vg_camera camera = b->camera[group->camera];
        memcpy(camera.R, (const double[9]){1, 0, 0, 0, 1, 0, 0, 0, 1}, sizeof camera.R);
        memset(camera.t, 0, sizeof camera.t);
        vg_bundle_sighting own[1024];
        for (int32_t i = 0; i < group->count && i < 1024; i++) {
            own[i] = b->sighting[group->first + i];
            own[i].camera = own[i].structure = 0,
            own[i].weight = isfinite(s->ray[3 * (size_t)(group->first + i)]) ? 1 : 0;
        }
        vg_bundle one = {.camera = &camera,
                         .cameras = 1,
                         .structures = 1,
                         .board = &group->pose,
                         .corner = b->corner,
                         .sighting = own,
                         .sightings = group->count < 1024 ? group->count : 1024};
        vg_bundle_options options = vg_bundle_options_default();
        options.hold_cameras = true, options.steps = 15, options.tolerance = 1e-6;
        options.loss = VG_LOSS_GEMAN_MCCLURE, options.loss_scale = s->threshold_px[group->camera];
        vg_bundle_adjust(&one, &options, NULL, NULL);
    }
}

static double score_board(const rig_solver *s, int32_t structure, const vg_rigid *pose, double scale) {
    double sum = 0, X[3], e[2];
    for (int32_t v = s->at[structure]; v < s->at[structure + 1]; v++) {
        const view_group *group = s->group + v;
        if (!s->placed[group->camera]) continue;
        for (int32_t i = group->first; i < group->first + group->count; i++) {
            const vg_bundle_sighting *g = s->bundle->sighting + i;
            vg_rigid_apply(X, pose, s->bundle->corner + 3 * (size_t)g->corner);
            const double share = distance_of(s, g, X, e, NULL) / (scale * s->threshold_px[group->camera]);
            sum += share < 1 ? share * share : 1;
        }
    }
    return sum;
}

static bool place_board(rig_solver *s, int32_t structure, double scale) {
    double best = (double)INFINITY;
    for (int32_t v = s->at[structure] - 1; v < s->at[structure + 1]; v++) { /* the first: where it is now */
        vg_rigid pose = s->bundle->board[structure];
        if (v < s->at[structure] && !s->known[structure]) continue;
        if (v >= s->at[structure]) {
            const view_group *group = s->group + v;
            if (!s->placed[group->camera] || !group->posed) continue;
            vg_rigid camera;
            memcpy(camera.R, s->bundle->camera[group->camera].R, sizeof camera.R);
            memcpy(camera.t, s->bundle->camera[group->camera].t, sizeof camera.t);
            camera = vg_rigid_inverse(&camera);
            pose = vg_rigid_compose(&camera, &group->pose);
        }
        const double score = score_board(s, structure, &pose, scale);
        if (score < best) best = score, s->bundle->board[structure] = pose;
    }
    return isfinite(best);
}

void rig_place_structures(rig_solver *s, double scale) {
    for (int32_t k = 0; k < s->bundle->structures; k++)
        if (s->active[k]) s->known[k] = s->bundle->board ? place_board(s, k, scale) : place_point(s, k, scale);
}

/* ---- how well all fits ------------------------------------------------------------------------------------------------------- */

double rig_score(const rig_solver *s, double *median) {
    const vg_bundle *b = s->bundle;
    double *distance = median ? malloc(((size_t)b->sightings + 1) * sizeof *distance) : NULL, sum = 0;
    int32_t n = 0, finite = 0;
    for (int32_t k = 0; k < b->structures; k++) {
        int32_t cameras = 0;
        for (int32_t v = s->at[k]; v < s->at[k + 1]; v++) cameras += s->placed[s->group[v].camera];
        for (int32_t v = s->at[k]; v < s->at[k + 1] && s->active[k] && cameras > 1; v++)
            for (int32_t i = s->group[v].first; i < s->group[v].first + s->group[v].count; i++) {
                if (!s->placed[s->group[v].camera] || !(s->weight[i] > 0)) continue;
                const double d = rig_distance(s, i), share = d / s->threshold_px[s->group[v].camera];
                sum += share < 1 ? share * share : 1;
                if (distance && isfinite(d)) distance[finite++] = d;
                n++;
            }
    }
    if (median) {
        *median = median_of(distance, finite);
        free(distance);
    }
    return n ? sum / n : 1;
}
