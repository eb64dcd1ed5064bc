/* The way of vg_rig_solve: rays, a start, the narrowing loss, the last adjustment. */
#include "calibration/rig_solver.h"

#include "calibration/calibration.h"
#include "calibration/lens.h"
#include "calibration/median.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START_POINTS 300  /* a pair, to judge a start and to narrow the loss */
#define FINAL_POINTS 1000 /* a pair, where sightings are dropped and admitted, and lenses judged */
#define WIDENED      2
#define ROUNDS       6
#define EVERYWHERE   1000 /* thresholds: as far as a picture is wide */
#define FREE_FROM    16   /* thresholds: where the loss begins that lenses are freed under */
#define FREE_PRIOR   6    /* times the usual doubt of a lens: 30 % of a focal length */
#define FREE_GAIN    0.9  /* what lenses freed early must bring */
#define FOCAL_MOST   2    /* times, or the inverse: how far a focal length may be off */
#define GOOD_START   0.3  /* score below which a start needs no rival */
#define FAR          5.0  /* standard deviations: farther off is dropped */
#define NEAR         1.0  /* thresholds: nearer is never dropped, or sightings that agree too well drive out the rest */
#define HUBER_NEAR   0.3  /* thresholds: where the last loss leaves the square, at least */
#define LENS_GAIN    0.9  /* what refined lenses must bring on frames held out */
#define LENS_BIAS    0.15 /* thresholds: or so much less of an error that the noise does not explain */
#define RAYLEIGH     1.17741 /* median of a distance whose parts have standard deviation 1 */

vg_rig_options vg_rig_options_default(void) {
    return (vg_rig_options){.start = true, .least = 12, .seed = 1};
}

void rig_say(const rig_solver *s, const char *format, ...) {
    if (!s->options->say) return;
    char text[256];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    s->options->say(s->options->context, text);
}

/* ---- set up --------------------------------------------------------------------------------------------------------------------- */

void rig_refresh_lenses(rig_solver *s) {
    const vg_bundle *b = s->bundle;
    for (int32_t c = 0; c < b->cameras; c++) s->limit[c] = vg_lens_limit(b->camera + c);
    for (int32_t i = 0; i < b->sightings; i++) {
        const vg_bundle_sighting *g = b->sighting + i;
        double *ray = s->ray + 3 * (size_t)i;
        const bool found = lens_direction(ray, b->camera + g->camera, g->u, g->v, s->limit[g->camera]);
        const double norm = found ? vg_norm3(ray) : (double)NAN;
        for (int k = 0; k < 3; k++) ray[k] /= norm;
    }
}

static bool find_groups(rig_solver *s) {
    const vg_bundle *b = s->bundle;
    int32_t groups = 0;
    for (int32_t i = 0; i < b->sightings; i++) {
        const vg_bundle_sighting *g = b->sighting + i, *before = g - 1;
        if (i &&
            (before->structure > g->structure || (before->structure == g->structure && before->camera > g->camera)))
            return false;
        if (i == 0 || before->structure != g->structure || before->camera != g->camera)
            s->group[groups++] = (view_group){.first = i, .camera = g->camera};
        s->group[groups - 1].count++;
    }
    for (int32_t k = 0, v = 0; k <= b->structures; k++) {
        while (v < groups && b->sighting[s->group[v].first].structure < k) v++;
        s->at[k] = v;
    }
    return true;
}

vg_status rig_solver_create(rig_solver *s, vg_bundle *b, const vg_rig_options *options, const char *const *names,
                            vg_error *err) {
    *s = (rig_solver){.bundle = b, .options = options, .names = names};
    if (b->cameras < 2 || b->cameras > VG_BUNDLE_CAMERAS_MAX)
        return vg_fail(err, VG_INVALID, "placing cameras takes 2 to %d of them; there are %d", VG_BUNDLE_CAMERAS_MAX,
                       b->cameras);
    const size_t sightings = (size_t)b->sightings, structures = (size_t)b->structures;
    s->ray = calloc(3 * sightings + 1, sizeof *s->ray), s->weight = calloc(sightings + 1, sizeof *s->weight);
    s->group = calloc(sightings + 1, sizeof *s->group), s->at = calloc(structures + 1, sizeof *s->at);
    s->shared = calloc((size_t)(b->cameras * b->cameras), sizeof *s->shared);
    s->known = calloc(structures + 1, sizeof *s->known), s->active = calloc(structures + 1, sizeof *s->active);
    if (!s->ray || !s->weight || !s->group || !s->at || !s->shared || !s->known || !s->active) {
        rig_solver_free(s);
        return vg_fail(err, VG_NO_MEMORY, "rig of %d sightings: out of memory", b->sightings);
    }
    if (!find_groups(s)) {
        rig_solver_free(s);
        return vg_fail(err, VG_INVALID, "rig: sightings are not sorted by structure and camera");
    }
    for (int32_t c = 0; c < b->cameras; c++) {
        const vg_camera *camera = b->camera + c;
        const double width = camera->width > 0 ? camera->width : 2 * camera->cx;
        const double size = fmax(width, camera->height > 0 ? camera->height : 2 * camera->cy);
        s->threshold_px[c] = options->threshold_px > 0 ? options->threshold_px : fmin(fmax(0.006 * size, 3), 25);
    }
    for (int32_t i = 0; i < b->sightings; i++) s->weight[i] = b->sighting[i].weight;
    rig_refresh_lenses(s);
    vg_rig_pairs(s->shared, b);
    return VG_OK;
}

void rig_solver_free(rig_solver *s) {
    free(s->ray), free(s->weight), free(s->group), free(s->at), free(s->shared), free(s->known), free(s->active);
    *s = (rig_solver){0};
}

/* ---- a start -------------------------------------------------------------------------------------------------------------------- */

static void stand_all(rig_solver *s) {
    for (int32_t c = 0; c < s->bundle->cameras; c++) s->placed[c] = true;
    for (int32_t k = 0; k < s->bundle->structures; k++) s->known[k] = false;
}

/* Adjustments whose loss narrows from `from` to `to` thresholds, with lens parts free where `lens` has some. */
static void narrow(rig_solver *s, double from, double to, int32_t steps, int32_t lens) {
    double most = 0;
    for (int32_t c = 0; c < s->bundle->cameras; c++) most = fmax(most, s->threshold_px[c]);
    for (double scale = from; scale > 0.7 * to; scale /= 2) {
        vg_bundle_options options = vg_bundle_options_default();
        options.loss = VG_LOSS_GEMAN_MCCLURE, options.steps = steps, options.tolerance = 1e-4;
        options.loss_scale = scale * most;
        options.lens = lens, options.shared_lens = s->options->shared_lens, options.lens_prior = FREE_PRIOR;
        rig_place_structures(s, scale);
        if (rig_adjust(s, &options, NULL, NULL, NULL) != VG_OK) return;
    }
    rig_place_structures(s, to);
}

/* Places all cameras from the sightings alone; where one does not find its place, again with wider thresholds: lenses may be
 * wrong. */
static bool from_scratch(rig_solver *s, int32_t *missing) {
    double kept[VG_BUNDLE_CAMERAS_MAX];
    memcpy(kept, s->threshold_px, sizeof kept);
    bool all = rig_from_scratch(s, missing);
    for (int widen = 0; widen < WIDENED && !all; widen++) {
        for (int32_t c = 0; c < s->bundle->cameras; c++) s->threshold_px[c] *= 2;
        rig_say(s, "camera %s found no place; again, with thresholds of %.0f px", s->names[*missing],
                s->threshold_px[0]);
        all = rig_from_scratch(s, missing);
    }
    memcpy(s->threshold_px, kept, sizeof kept);
    return all;
}

/* Cameras that may be the start, and how well they fit. */
typedef struct candidate {
    vg_camera *camera; /* [cameras] */
    double score;      /* INFINITY: there are none */
} candidate;

static void take(candidate *to, const rig_solver *s, double score) {
    memcpy(to->camera, s->bundle->camera, (size_t)s->bundle->cameras * sizeof *to->camera);
    to->score = score;
}

static void stand_at(rig_solver *s, const candidate *from) {
    memcpy(s->bundle->camera, from->camera, (size_t)s->bundle->cameras * sizeof *from->camera);
    rig_refresh_lenses(s);
    rig_choose(s, START_POINTS);
    stand_all(s);
    rig_place_structures(s, 1);
}

static void adjust_start(candidate *out, rig_solver *s, vg_rig_result *result) {
    rig_choose(s, START_POINTS);
    stand_all(s);
    rig_place_structures(s, EVERYWHERE);
    const double score = rig_score(s, &result->start_px);
    rig_say(s, "the start given: median %.2f px, score %.2f", result->start_px, score);
    narrow(s, fmin(32, fmax(4, 2 * result->start_px / s->threshold_px[0])), 1, 12, 0);
    take(out, s, rig_score(s, NULL));
    rig_say(s, "adjusted from there: score %.2f", out->score);
}

/* A focal length that went where none can be is put back. True where there was one. */
static bool tame_lenses(rig_solver *s, const candidate *from) {
    bool any = false;
    for (int32_t c = 0; c < s->bundle->cameras; c++) {
        vg_camera *camera = s->bundle->camera + c;
        const double factor = camera->fx / from->camera[c].fx;
        if (factor > 1 / FOCAL_MOST && factor < FOCAL_MOST) continue;
        camera->fx = from->camera[c].fx, camera->fy = from->camera[c].fy;
        camera->cx = from->camera[c].cx, camera->cy = from->camera[c].cy;
        memcpy(camera->distortion, from->camera[c].distortion, sizeof camera->distortion);
        any = true;
    }
    if (any) rig_refresh_lenses(s);
    return any;
}

/* Where nothing fits well, lenses may be far off: they are freed before the loss narrows, and stay so where much more fits. */
static void free_lenses(candidate *best, rig_solver *s, const candidate *from) {
    if (!isfinite(from->score)) return;
    stand_at(s, from);
    narrow(s, FREE_FROM, 1, 20, s->options->lens);
    for (int again = 0; again < 2; again++) { /* those that ran away come back among the others */
        const bool back = tame_lenses(s, from);
        if (!rig_reseat(s) && !back) break;
        narrow(s, 4, 1, 20, s->options->lens);
    }
    tame_lenses(s, from);
    const double now = rig_score(s, NULL);
    rig_say(s, "with lenses free from the beginning: score %.2f", now);
    if (now < FREE_GAIN * best->score) take(best, s, now);
}

/* Places from the start, from the sightings, or from whichever of both fits better. `by` are two candidates and room for a
 * third. */
static vg_status choose_start(rig_solver *s, candidate by[3], vg_rig_result *result, vg_error *err) {
    candidate *start = by, *scratch = by + 1, *best = by + 2;
    if (s->options->start) adjust_start(start, s, result);
    if (!(start->score < GOOD_START)) {
        int32_t missing;
        if (s->bundle->board && s->options->lens) rig_own_lenses(s);
        if (from_scratch(s, &missing)) {
            rig_choose(s, START_POINTS);
            for (int32_t k = 0; k < s->bundle->structures; k++) s->known[k] = false;
            rig_place_structures(s, 1);
            take(scratch, s, rig_score(s, NULL));
            rig_say(s, "from the sightings alone: score %.2f", scratch->score);
        } else if (!s->options->start) {
            return vg_fail(err, VG_FAILED,
                           "camera %s cannot be placed: too few of its points agree with what the others "
                           "see; is its lens right, are its frames in step with the others' (`vergence sync` tells)?",
                           s->names[missing]);
        }
    }
    result->from_start = start->score < scratch->score;
    *best = (candidate){best->camera, (double)INFINITY};
    stand_at(s, result->from_start ? start : scratch);
    take(best, s, fmin(start->score, scratch->score));
    for (int i = 0; i < 2 && best->score > GOOD_START && s->options->lens; i++) free_lenses(best, s, by + i);
    stand_at(s, best);
    return VG_OK;
}

static vg_status find_start(rig_solver *s, vg_rig_result *result, vg_error *err) {
    const size_t cameras = (size_t)s->bundle->cameras;
    vg_camera *room = calloc(3 * cameras, sizeof *room);
    if (!room) return vg_fail(err, VG_NO_MEMORY, "rig: out of memory");
    candidate by[3];
    for (size_t i = 0; i < 3; i++) by[i] = (candidate){room + i * cameras, (double)INFINITY};
    result->start_px = (double)NAN;
    const vg_status status = choose_start(s, by, result, err);
    free(room);
    return status;
}

/* ---- the end -------------------------------------------------------------------------------------------------------------------- */

/* Marks what is near: within FAR standard deviations (the deviation is that of the median), or NEAR. Returns the deviation. */
static double choose_used(rig_solver *s, bool *used) {
    double median;
    rig_score(s, &median);
    const double sigma = isfinite(median) ? fmax(median / RAYLEIGH, 1e-6) : s->threshold_px[0];
    for (int32_t i = 0; i < s->bundle->sightings; i++) {
        const double d = rig_distance(s, i);
        const double reach = fmax(FAR * sigma, NEAR * s->threshold_px[s->bundle->sighting[i].camera]);
        used[i] = s->weight[i] > 0 && isfinite(d) && (s->options->keep_all || d < reach);
    }
    return sigma;
}

/* Adjusts under Huber's loss what is near, and chooses anew what that is, until about as much is used as before. */
static vg_status settle_used(rig_solver *s, bool *used, int32_t lens, vg_error *err) {
    vg_bundle_options options = vg_bundle_options_default();
    options.lens = lens, options.shared_lens = s->options->shared_lens, options.lens_prior = lens ? 2 : 0;
    options.loss = VG_LOSS_HUBER, options.steps = 15, options.tolerance = 1e-5;
    int64_t before = 0;
    for (int round = 0; round < ROUNDS; round++) {
        int64_t now = 0;
        const double sigma = choose_used(s, used);
        for (int32_t i = 0; i < s->bundle->sightings; i++) now += used[i];
        if (round > 1 && now < before + before / 50) break;
        before = now;
        options.loss_scale = fmax(2 * sigma, HUBER_NEAR * s->threshold_px[0]);
        VG_TRY(rig_adjust(s, &options, used, NULL, err));
        rig_place_structures(s, fmax(1, 3 * sigma / s->threshold_px[0]));
    }
    return VG_OK;
}

/* The last adjustment, over everything. */
static vg_status adjust_all(rig_solver *s, bool *used, int32_t lens, vg_bundle_result *result, vg_error *err) {
    vg_bundle_options options = vg_bundle_options_default();
    options.lens = lens, options.shared_lens = s->options->shared_lens, options.lens_prior = lens ? 2 : 0;
    const double sigma = choose_used(s, used), reach = fmax(1, 3 * sigma / s->threshold_px[0]);
    rig_choose(s, 0);
    rig_place_structures(s, s->options->keep_all ? EVERYWHERE : reach);
    choose_used(s, used);
    options.loss = s->options->keep_all ? VG_LOSS_SQUARE : VG_LOSS_HUBER;
    options.loss_scale = fmax(2 * sigma, HUBER_NEAR * s->threshold_px[0]);
    options.steps = s->options->keep_all ? 100 : 12, options.tolerance = s->options->keep_all ? 1e-10 : 1e-6;
    VG_TRY(rig_adjust(s, &options, used, result, err));
    choose_used(s, used);
    return VG_OK;
}

/* Every other twentieth of the recording, to fit or to judge. */
static void choose_half(rig_solver *s, bool judge) {
    for (int32_t k = 0; k < s->bundle->structures; k++)
        s->active[k] = s->known[k] && ((int64_t)k * 20 / s->bundle->structures % 2 == 1) == judge;
}

/* Median distance in the half that had no part in an adjustment with these lens parts free. Leaves cameras as they were. */
static vg_status judge_lens(double *median, rig_solver *s, bool *used, int32_t lens, vg_error *err) {
    const size_t bytes = (size_t)s->bundle->cameras * sizeof *s->bundle->camera;
    vg_camera *before = malloc(bytes);
    if (!before) return vg_fail(err, VG_NO_MEMORY, "rig: out of memory");
    memcpy(before, s->bundle->camera, bytes);
    rig_choose(s, FINAL_POINTS);
    rig_place_structures(s, 1);
    choose_half(s, false);
    vg_status status = settle_used(s, used, lens, err);
    if (status == VG_OK) {
        vg_bundle_options options = vg_bundle_options_default();
        options.hold_cameras = true, options.steps = 15, options.tolerance = 1e-4;
        options.loss = VG_LOSS_HUBER, options.loss_scale = HUBER_NEAR * s->threshold_px[0];
        rig_choose(s, FINAL_POINTS);
        rig_place_structures(s, 1);
        choose_half(s, true);
        status = rig_adjust(s, &options, NULL, NULL, err);
        rig_score(s, median);
    }
    memcpy(s->bundle->camera, before, bytes);
    rig_refresh_lenses(s);
    free(before);
    return status;
}

/* Whether free lenses fit clearly better where they had no part in the fit. */
static vg_status lens_helps(bool *helps, rig_solver *s, bool *used, vg_error *err) {
    double kept, refined;
    VG_TRY(judge_lens(&kept, s, used, 0, err));
    VG_TRY(judge_lens(&refined, s, used, s->options->lens, err));
    const double bias = sqrt(fmax(kept * kept - refined * refined, 0));
    *helps = refined < LENS_GAIN * kept || bias > LENS_BIAS * s->threshold_px[0];
    rig_say(s, "lenses refined: %.3f px on held-out frames, kept: %.3f px; they are %s", refined, kept,
            *helps ? "refined" : "kept");
    return VG_OK;
}

/* The last adjustments, with the lenses held and then, where it was asked for and helps, free. */
static vg_status last_steps(rig_solver *s, bool *used, vg_rig_result *result, vg_error *err) {
    vg_bundle_result last = {0};
    bool lens = s->options->lens != 0;
    int32_t known = 0;
    for (int32_t k = 0; k < s->bundle->structures; k++) known += s->known[k] && s->active[k];
    if (known == 0)
        return vg_fail(
            err, VG_FAILED,
            "no two cameras agree on any point: are these pixels of the cameras in the calibration, and in step?");
    narrow(s, 2, 1, 15, 0);
    if (rig_reseat(s)) narrow(s, 2, 1, 15, 0);
    rig_choose(s, FINAL_POINTS);
    rig_place_structures(s, 1);
    VG_TRY(settle_used(s, used, 0, err));
    if (lens && s->options->lens_if_better) VG_TRY(lens_helps(&lens, s, used, err));
    if (s->options->lens) {
        rig_choose(s, FINAL_POINTS);
        rig_place_structures(s, 1);
        VG_TRY(settle_used(s, used, lens ? s->options->lens : 0, err));
    }
    VG_TRY(adjust_all(s, used, lens ? s->options->lens : 0, &last, err));
    result->lens_refined = lens, result->variance = last.variance;
    return VG_OK;
}

void vg_rig_distances(vg_rig_result *result, const vg_bundle *b) {
    double *distance = malloc(((size_t)b->sightings + 1) * sizeof *distance), sum = 0;
    int32_t n = 0;
    result->median_px = result->rms_all_px = result->noise_px = (double)NAN;
    if (!distance) return;
    vg_bundle_residuals(distance, b);
    for (int32_t i = 0; i < b->sightings; i++)
        if (b->sighting[i].weight > 0 && isfinite(distance[i]))
            sum += distance[i] * distance[i], distance[n++] = distance[i];
    result->median_px = median_of(distance, n);
    if (n) result->rms_all_px = sqrt(sum / n);
    result->noise_px = result->median_px / RAYLEIGH;
    free(distance);
}

static bool same_lenses(const vg_camera *a, const vg_camera *b, int32_t cameras) {
    for (int32_t c = 0; c < cameras; c++)
        if (a[c].fx != b[c].fx || memcmp(a[c].distortion, b[c].distortion, sizeof a[c].distortion) != 0) return false;
    return true;
}

static void sum_up(rig_solver *s, const bool *used, vg_rig_result *result) {
    vg_bundle *b = s->bundle;
    double of_used = 0;
    for (int32_t k = 0; k < b->structures; k++) {
        result->structures += s->known[k];
        for (int j = 0; j < 3 && !s->known[k]; j++)
            *(b->board ? b->board[k].t + j : b->point + 3 * k + j) = (double)NAN;
    }
    vg_rig_distances(result, b);
    for (int32_t i = 0; i < b->sightings; i++) {
        const double d = rig_distance(s, i);
        result->sightings += s->weight[i] > 0;
        if (used[i]) result->used++, of_used += d * d;
    }
    result->rms_px = sqrt(of_used / (double)result->used);
}

vg_status vg_rig_solve(vg_rig_result *result, bool *used, vg_bundle *bundle, const vg_rig_options *options,
                       const char *const *names, vg_error *err) {
    *result = (vg_rig_result){0};
    rig_solver s;
    VG_TRY(rig_solver_create(&s, bundle, options, names, err));
    const size_t bytes = (size_t)bundle->cameras * sizeof *bundle->camera;
    vg_camera *start = malloc(bytes);
    vg_status status = start ? VG_OK : vg_fail(err, VG_NO_MEMORY, "rig: out of memory");
    if (status == VG_OK) memcpy(start, bundle->camera, bytes);
    if (status == VG_OK) status = vg_rig_connected(s.shared, names, bundle->cameras, options->least, err);
    if (status == VG_OK) {
        if (bundle->board) rig_pose_boards(&s);
        status = find_start(&s, result, err);
    }
    if (status == VG_OK) status = last_steps(&s, used, result, err);
    if (status == VG_OK) {
        result->lens_refined |= !same_lenses(start, bundle->camera, bundle->cameras);
        if (options->start) {
            const vg_similarity to_start = vg_rig_align(start, bundle->camera, bundle->cameras, bundle->board != NULL);
            vg_rig_move(bundle, &to_start);
        }
        sum_up(&s, used, result);
    }
    free(start);
    rig_solver_free(&s);
    return status;
}

vg_status vg_rig_place_points(vg_bundle *bundle, double threshold_px, vg_error *err) {
    vg_rig_options options = vg_rig_options_default();
    options.threshold_px = threshold_px;
    rig_solver s;
    VG_TRY(rig_solver_create(&s, bundle, &options, NULL, err));
    stand_all(&s);
    rig_choose(&s, 0);
    rig_place_structures(&s, 1);
    for (int32_t k = 0; k < bundle->structures; k++)
        for (int j = 0; j < 3 && !s.known[k]; j++) bundle->point[3 * k + j] = (double)NAN;
    rig_solver_free(&s);
    return VG_OK;
}
