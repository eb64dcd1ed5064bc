/* Cameras placed from sightings alone: a first pair by its essential matrix (or a first camera by its boards), then one
 * after the other by resection among what the placed ones see, with an adjustment after each. */
#include "calibration/rig_solver.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PAIR_POINTS   400 /* shared points of a pair that are looked at */
#define RESECT_POINTS (RIG_RESECT_ROOM / 6)
#define TRIALS        600
#define STARTS_TRIED  4
#define GOOD_SCORE    0.35
#define WIDE          0.35 /* radians: more parallax than this makes a pair no better */

/* ---- adjusting what stands ---------------------------------------------------------------------------------------------------- */

/* A bundle of the placed cameras and the active, known structures. */
typedef struct part {
    vg_bundle bundle;
    int32_t *structure; /* [bundle.structures] index in the whole */
    int32_t camera[VG_BUNDLE_CAMERAS_MAX];
} part;

static void part_free(part *p) {
    free(p->bundle.camera), free(p->bundle.point), free(p->bundle.board), free((void *)(uintptr_t)p->bundle.sighting);
    free(p->structure);
}

static bool part_of(part *p, const rig_solver *s, const bool *used) {
    const vg_bundle *b = s->bundle;
    *p = (part){0};
    int32_t camera_at[VG_BUNDLE_CAMERAS_MAX];
    for (int32_t c = 0; c < b->cameras; c++) {
        camera_at[c] = p->bundle.cameras;
        if (s->placed[c]) p->camera[p->bundle.cameras++] = c;
    }
    p->bundle.camera = calloc((size_t)p->bundle.cameras + 1, sizeof *p->bundle.camera);
    p->structure = calloc((size_t)b->structures + 1, sizeof *p->structure);
    vg_bundle_sighting *sighting = calloc((size_t)b->sightings + 1, sizeof *sighting);
    p->bundle.sighting = sighting;
    if (b->board)
        p->bundle.board = calloc((size_t)b->structures + 1, sizeof *p->bundle.board);
    else
        p->bundle.point = calloc((size_t)b->structures * 3 + 1, sizeof *p->bundle.point);
    if (!p->bundle.camera || !p->structure || !sighting || !(p->bundle.board || p->bundle.point)) return false;
    p->bundle.corner = b->corner;
    for (int32_t i = 0; i < p->bundle.cameras; i++) p->bundle.camera[i] = b->camera[p->camera[i]];
    for (int32_t k = 0; k < b->structures; k++) {
        if (!s->active[k] || !s->known[k]) continue;
        const int32_t at = p->bundle.structures++;
        p->structure[at] = k;
        if (b->board)
            p->bundle.board[at] = b->board[k];
        else
            memcpy(p->bundle.point + 3 * at, b->point + 3 * k, 3 * sizeof(double));
        for (int32_t v = s->at[k]; v < s->at[k + 1]; v++)
            for (int32_t i = s->group[v].first; i < s->group[v].first + s->group[v].count; i++) {
                if (!s->placed[b->sighting[i].camera] || !isfinite(s->ray[3 * (size_t)i]) || (used && !used[i]))
                    continue;
                vg_bundle_sighting *g = sighting + p->bundle.sightings++;
                *g = b->sighting[i];
                g->camera = camera_at[g->camera], g->structure = at, g->weight = s->weight[i];
            }
    }
    return true;
}

vg_status rig_adjust(rig_solver *s, const vg_bundle_options *options, const bool *used, vg_bundle_result *result,
                     vg_error *err) {
    part p;
    vg_status status = part_of(&p, s, used) ? VG_OK : vg_fail(err, VG_NO_MEMORY, "rig: out of memory");
    if (status == VG_OK) status = vg_bundle_adjust(&p.bundle, options, result, err);
    if (status == VG_OK) {
        for (int32_t i = 0; i < p.bundle.cameras; i++) s->bundle->camera[p.camera[i]] = p.bundle.camera[i];
        for (int32_t i = 0; i < p.bundle.structures; i++) {
            if (s->bundle->board)
                s->bundle->board[p.structure[i]] = p.bundle.board[i];
            else
                memcpy(s->bundle->point + 3 * p.structure[i], p.bundle.point + 3 * i, 3 * sizeof(double));
        }
    }
    part_free(&p);
    if (status == VG_OK && options->lens) rig_refresh_lenses(s);
    return status;
}

/* The greatest threshold of the cameras: the scale of the losses. */
static double loss_scale(const rig_solver *s) {
    double most = 0;
    for (int32_t c = 0; c < s->bundle->cameras; c++)
        if (s->placed[c]) most = fmax(most, s->threshold_px[c]);
    return most;
}

static void settle(rig_solver *s, double scale, int32_t steps) {
    vg_bundle_options options = vg_bundle_options_default();
    options.loss = VG_LOSS_GEMAN_MCCLURE, options.steps = steps, options.tolerance = 1e-4;
    options.loss_scale = scale * loss_scale(s);
    rig_place_structures(s, scale);
    if (rig_adjust(s, &options, NULL, NULL, NULL) == VG_OK) rig_place_structures(s, scale);
}

/* ---- the first pair ---------------------------------------------------------------------------------------------------------- */

typedef struct pair {
    int32_t a, b;
    vg_rigid pose; /* of b in a's frame */
    double score;
} pair;

/* Directions of points that both cameras saw, spread over the recording. */
static int32_t shared_rays(double *fa, double *fb, const rig_solver *s, int32_t a, int32_t b) {
    int32_t n = 0, seen = 0;
    const int32_t every = s->shared[a * s->bundle->cameras + b] / PAIR_POINTS + 1;
    for (int32_t k = 0; k < s->bundle->structures && n < PAIR_POINTS; k++) {
        const double *ra = NULL, *rb = NULL;
        for (int32_t v = s->at[k]; v < s->at[k + 1]; v++) {
            const view_group *group = s->group + v;
            if (!(s->weight[group->first] > 0) || !isfinite(s->ray[3 * (size_t)group->first])) continue;
            if (group->camera == a) ra = s->ray + 3 * (size_t)group->first;
            if (group->camera == b) rb = s->ray + 3 * (size_t)group->first;
        }
        if (!ra || !rb || seen++ % every) continue;
        memcpy(fa + 3 * n, ra, 3 * sizeof *fa), memcpy(fb + 3 * n++, rb, 3 * sizeof *fb);
    }
    return n;
}

static double angle_threshold(const rig_solver *s, int32_t c) {
    return s->threshold_px[c] / s->bundle->camera[c].fx;
}

static int compare_pairs(const void *x, const void *y) {
    const pair *a = x, *b = y;
    if (a->score != b->score) return a->score > b->score ? -1 : 1;
    return a->a != b->a ? a->a - b->a : a->b - b->b;
}

/* Pairs worth starting from, the best first. */
static int32_t find_pairs(pair *out, rig_solver *s) {
    const int32_t cameras = s->bundle->cameras;
    double *f = malloc(6 * PAIR_POINTS * sizeof *f);
    int32_t n = 0;
    for (int32_t a = 0; a < cameras && f; a++)
        for (int32_t b = a + 1; b < cameras; b++) {
            const uint32_t stream = s->draws++;
            if (s->shared[a * cameras + b] < s->options->least) continue;
            const int32_t points = shared_rays(f, f + 3 * PAIR_POINTS, s, a, b);
            const vg_ransac ransac = {.threshold = 0.5 * (angle_threshold(s, a) + angle_threshold(s, b)),
                                      .trials = TRIALS,
                                      .seed = s->options->seed,
                                      .stream = stream};
            double parallax = 0;
            pair *p = out + n;
            const int32_t inliers = vg_relate(&p->pose, NULL, &parallax, f, f + 3 * PAIR_POINTS, points, &ransac);
            if (inliers < 6) continue;
            const double share = (double)inliers / points;
            p->a = a, p->b = b, p->score = inliers * share * fmin(parallax / WIDE, 1);
            n++;
        }
    free(f);
    qsort(out, (size_t)n, sizeof *out, compare_pairs);
    return n;
}

/* ---- one camera more --------------------------------------------------------------------------------------------------------- */

/* Points in the world that camera c saw, and their directions. Returns how many there are in all; writes at most `room`. */
static int32_t seen_points(double *X, double *f, int32_t room, const rig_solver *s, int32_t c) {
    int32_t all = 0, n = 0;
    for (int pass = 0; pass < 2; pass++) {
        const int32_t every = pass ? all / (room + 1) + 1 : 1;
        int32_t at = 0;
        for (int32_t k = 0; k < s->bundle->structures; k++) {
            if (!s->active[k] || !s->known[k]) continue;
            for (int32_t v = s->at[k]; v < s->at[k + 1]; v++)
                for (int32_t i = s->group[v].first; i < s->group[v].first + s->group[v].count; i++) {
                    if (s->group[v].camera != c || !(s->weight[i] > 0) || !isfinite(s->ray[3 * (size_t)i])) continue;
                    if (pass == 0) {
                        all++;
                    } else if (at++ % every == 0 && n < room) {
                        rig_world_point(X + 3 * n, s, s->bundle->sighting + i);
                        memcpy(f + 3 * n++, s->ray + 3 * (size_t)i, 3 * sizeof *f);
                    }
                }
        }
        if (!X) return all;
    }
    return n;
}

double rig_resect(rig_solver *s, int32_t c, double *room) {
    double *X = room, *f = room + 3 * RESECT_POINTS;
    const int32_t n = seen_points(X, f, RESECT_POINTS, s, c);
    const vg_ransac ransac = {
        .threshold = 1.5 * angle_threshold(s, c), .trials = TRIALS, .seed = s->options->seed, .stream = s->draws++};
    vg_rigid pose;
    const int32_t inliers = vg_resect(&pose, NULL, X, f, n, &ransac);
    if (inliers < 6) return 0;
    memcpy(s->bundle->camera[c].R, pose.R, sizeof pose.R), memcpy(s->bundle->camera[c].t, pose.t, sizeof pose.t);
    return (double)inliers / n;
}

/* The unplaced camera that sees most of what is known, of those whose `tried` is below `round`. -1: none is left. */
static int32_t next_camera(const rig_solver *s, const bool *tried) {
    int32_t best = -1, most = 5;
    for (int32_t c = 0; c < s->bundle->cameras; c++) {
        if (s->placed[c] || tried[c]) continue;
        const int32_t n = seen_points(NULL, NULL, 0, s, c);
        if (n > most) most = n, best = c;
    }
    return best;
}

/* Places the cameras that are not yet, best seen first. Returns how many stand. */
static int32_t grow(rig_solver *s) {
    double *X = malloc(RIG_RESECT_ROOM * sizeof *X);
    bool tried[VG_BUNDLE_CAMERAS_MAX] = {false};
    int32_t standing = 0;
    settle(s, 2, 10);
    for (int32_t c; X && (c = next_camera(s, tried)) >= 0;) {
        const double share = rig_resect(s, c, X);
        tried[c] = true;
        if (share < 0.15) continue;
        s->placed[c] = true;
        memset(tried, 0, sizeof tried); /* what it sees may help those that failed before */
        settle(s, 2, 10);
    }
    free(X);
    for (int32_t c = 0; c < s->bundle->cameras; c++) standing += s->placed[c];
    settle(s, 2, 20);
    settle(s, 1, 20);
    return standing;
}

static void set_pose(vg_camera *c, const vg_rigid *pose) {
    memcpy(c->R, pose->R, sizeof c->R), memcpy(c->t, pose->t, sizeof c->t);
}

static void begin(rig_solver *s, const pair *p) {
    const vg_rigid origin = {{1, 0, 0, 0, 1, 0, 0, 0, 1}, {0}};
    memset(s->placed, 0, sizeof s->placed);
    for (int32_t k = 0; k < s->bundle->structures; k++) s->known[k] = false;
    set_pose(s->bundle->camera + p->a, &origin);
    s->placed[p->a] = true;
    if (p->b < 0) return;
    set_pose(s->bundle->camera + p->b, &p->pose);
    s->placed[p->b] = true;
}

/* Boards stand by themselves: starts are single cameras, those that share most first. */
static int32_t find_board_starts(pair *out, const rig_solver *s) {
    const int32_t cameras = s->bundle->cameras;
    for (int32_t a = 0; a < cameras; a++) {
        out[a] = (pair){.a = a, .b = -1};
        for (int32_t b = 0; b < cameras; b++) out[a].score += b == a ? 0 : s->shared[a * cameras + b];
    }
    qsort(out, (size_t)cameras, sizeof *out, compare_pairs);
    return cameras;
}

bool rig_from_scratch(rig_solver *s, int32_t *missing) {
    const int32_t cameras = s->bundle->cameras;
    pair *pairs = calloc((size_t)(cameras * cameras + 1), sizeof *pairs);
    vg_camera *best = calloc((size_t)cameras, sizeof *best);
    if (!pairs || !best) {
        free(pairs), free(best), *missing = 0;
        return false;
    }
    rig_choose(s, PAIR_POINTS / 2);
    const int32_t n = s->bundle->board ? find_board_starts(pairs, s) : find_pairs(pairs, s);
    double least = (double)INFINITY;
    int32_t most = 0;
    bool stood[VG_BUNDLE_CAMERAS_MAX] = {false};
    for (int32_t i = 0; i < n && i < STARTS_TRIED; i++) {
        begin(s, pairs + i);
        const int32_t standing = grow(s);
        double median;
        const double score = rig_score(s, &median);
        rig_say(s, "start at %s%s%s: %d of %d cameras placed, median %.2f px", s->names[pairs[i].a],
                pairs[i].b >= 0 ? " and " : "", pairs[i].b >= 0 ? s->names[pairs[i].b] : "", standing, cameras, median);
        if (standing < most || (standing == most && score >= least)) continue;
        most = standing, least = score;
        memcpy(best, s->bundle->camera, (size_t)cameras * sizeof *best), memcpy(stood, s->placed, sizeof stood);
        if (most == cameras && least < GOOD_SCORE) break;
    }
    memcpy(s->bundle->camera, best, (size_t)cameras * sizeof *best), memcpy(s->placed, stood, sizeof stood);
    free(pairs), free(best);
    *missing = -1;
    for (int32_t c = cameras - 1; c >= 0; c--)
        if (!s->placed[c]) *missing = c;
    return *missing < 0;
}
