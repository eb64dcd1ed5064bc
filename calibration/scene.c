/* Resection among known points by RANSAC, then least squares on pixels. The check leaves each point out in turn. */
#include "calibration/scene.h"

#include "calibration/calibration.h"
#include "calibration/minimal.h"
#include "calibration/rig.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TRIALS 400

/* A camera's points and directions, in sighting order. */
typedef struct seen_points {
    double *X, *f; /* [n, 3] */
    int32_t *at;   /* [n] sighting */
    int32_t n;
} seen_points;

static void gather(seen_points *out, const vg_bundle *b, int32_t c) {
    vg_camera camera = b->camera[c];
    memcpy(camera.R, (const double[9]){1, 0, 0, 0, 1, 0, 0, 0, 1}, sizeof camera.R);
    out->n = 0;
    for (int32_t i = 0; i < b->sightings; i++) {
        const vg_bundle_sighting *g = b->sighting + i;
        double origin[3];
        if (g->camera != c || !(g->weight > 0)) continue;
        if (!vg_unproject(origin, out->f + 3 * out->n, &camera, g->u, g->v)) continue;
        memcpy(out->X + 3 * out->n, b->point + 3 * g->structure, 3 * sizeof *out->X);
        out->at[out->n++] = i;
    }
}

static vg_status place_camera(vg_bundle *b, int32_t c, bool *used, seen_points *seen, const vg_scene_options *o,
                              const char *name, vg_error *err) {
    gather(seen, b, c);
    if (seen->n < VG_SCENE_POINTS_MIN)
        return vg_fail(err, VG_FAILED, "camera %s: %d scene points; it takes %d", name, seen->n, VG_SCENE_POINTS_MIN);
    bool *inlier = calloc((size_t)seen->n, sizeof *inlier);
    if (!inlier) return vg_fail(err, VG_NO_MEMORY, "scene: out of memory");
    const vg_ransac ransac = {
        .threshold = o->threshold_px / b->camera[c].fx, .trials = TRIALS, .seed = o->seed, .stream = (uint32_t)c};
    vg_rigid pose;
    const int32_t inliers = vg_resect(&pose, inlier, seen->X, seen->f, seen->n, &ransac);
    for (int32_t i = 0; i < seen->n; i++) used[seen->at[i]] = inlier[i];
    free(inlier);
    if (inliers < VG_SCENE_POINTS_MIN)
        return vg_fail(err, VG_FAILED,
                       "camera %s: no place from which %d of its %d scene points are within %.1f px of where "
                       "they were seen; check their places, their pixels and the lens",
                       name, VG_SCENE_POINTS_MIN, seen->n, o->threshold_px);
    memcpy(b->camera[c].R, pose.R, sizeof pose.R), memcpy(b->camera[c].t, pose.t, sizeof pose.t);
    return VG_OK;
}

/* Least squares over what is used, without point `without` (-1: all). */
static vg_status adjust(vg_bundle *b, const bool *used, int32_t without, const vg_scene_options *o,
                        vg_bundle_result *result, vg_error *err) {
    vg_bundle_sighting *sighting = malloc(((size_t)b->sightings + 1) * sizeof *sighting);
    if (!sighting) return vg_fail(err, VG_NO_MEMORY, "scene: out of memory");
    vg_bundle part = *b;
    for (int32_t i = 0; i < b->sightings; i++) {
        sighting[i] = b->sighting[i];
        if (!used[i] || sighting[i].structure == without) sighting[i].weight = 0;
    }
    part.sighting = sighting;
    vg_bundle_options options = vg_bundle_options_default();
    options.hold_structures = true, options.lens = o->lens, options.lens_prior = o->lens ? 1 : 0;
    options.shared_lens = o->shared_lens;
    const vg_status status = vg_bundle_adjust(&part, &options, result, err);
    free(sighting);
    return status;
}

/* Each point in turn: cameras fitted without it place it. */
static vg_status check(vg_scene_result *result, const vg_bundle *b, const bool *used, const vg_scene_options *o,
                       vg_error *err) {
    const size_t bytes = (size_t)b->cameras * sizeof *b->camera, room = 3 * (size_t)b->structures * sizeof(double);
    vg_bundle copy = *b;
    copy.camera = malloc(bytes), copy.point = malloc(room);
    vg_status status = copy.camera && copy.point ? VG_OK : vg_fail(err, VG_NO_MEMORY, "scene: out of memory");
    double sum = 0;
    for (int32_t k = 0; k < b->structures && status == VG_OK && b->cameras > 1; k++) {
        memcpy(copy.camera, b->camera, bytes), memcpy(copy.point, b->point, room);
        vg_bundle_result ignored;
        if (adjust(&copy, used, k, o, &ignored, NULL) != VG_OK) continue;
        status = vg_rig_place_points(&copy, o->threshold_px, err);
        const double *x = copy.point + 3 * k, *truth = b->point + 3 * k;
        const double off[3] = {x[0] - truth[0], x[1] - truth[1], x[2] - truth[2]};
        if (status != VG_OK || !isfinite(x[0])) continue;
        result->checked++, sum += vg_norm3(off);
        result->check_worst = fmax(result->checked == 1 ? 0 : result->check_worst, vg_norm3(off));
    }
    result->check_mean = sum / (double)result->checked;
    free(copy.camera), free(copy.point);
    return status;
}

vg_status vg_scene_solve(vg_scene_result *result, bool *used, vg_bundle *b, const vg_scene_options *o,
                         const char *const *names, vg_error *err) {
    *result = (vg_scene_result){.check_mean = (double)NAN, .check_worst = (double)NAN};
    const size_t n = (size_t)b->sightings + 1;
    seen_points seen = {malloc(3 * n * sizeof(double)), malloc(3 * n * sizeof(double)), malloc(n * sizeof(int32_t)), 0};
    vg_status status = seen.X && seen.f && seen.at ? VG_OK : vg_fail(err, VG_NO_MEMORY, "scene: out of memory");
    memset(used, 0, (size_t)b->sightings * sizeof *used);
    for (int32_t c = 0; c < b->cameras && status == VG_OK; c++)
        status = place_camera(b, c, used, &seen, o, names[c], err);
    free(seen.X), free(seen.f), free(seen.at);
    vg_bundle_result last = {0};
    if (status == VG_OK) status = adjust(b, used, -1, o, &last, err);
    if (status == VG_OK) status = check(result, b, used, o, err);
    result->used = last.used, result->rms_px = last.rms_px, result->variance = last.variance;
    return status;
}
