/* What a first placing may leave wrong: a camera in the wrong one of two places that a board allows, lenses that are far
 * off. */
#include "calibration/rig_solver.h"

#include "calibration/calibration.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define POORLY      0.75 /* of the share that the median camera agrees with: less is looked at */
#define OWN_VIEWS   60   /* of a camera, to fit its lens by */
#define OWN_LEAST   4
#define OWN_GAIN    0.8 /* what another lens must bring */
#define OWN_PRIOR   6   /* times the usual doubt of a lens: 30 % of a focal length */
#define OWN_CORNERS 30000

/* ---- cameras ----------------------------------------------------------------------------------------------------------------- */

/* Share of a camera's sightings of what is known that agree with it. */
static double agreeing(const rig_solver *s, int32_t c) {
    const vg_bundle *b = s->bundle;
    int64_t all = 0, near = 0;
    for (int32_t i = 0; i < b->sightings; i++) {
        const vg_bundle_sighting *g = b->sighting + i;
        if (g->camera != c || !s->active[g->structure] || !s->known[g->structure] || !(s->weight[i] > 0)) continue;
        all++, near += rig_distance(s, i) < s->threshold_px[c];
    }
    return all ? (double)near / (double)all : 0;
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

bool rig_reseat(rig_solver *s) {
    bool moved = false;
    const int32_t cameras = s->bundle->cameras;
    double share[VG_BUNDLE_CAMERAS_MAX], sorted[VG_BUNDLE_CAMERAS_MAX], *room = malloc(RIG_RESECT_ROOM * sizeof *room);
    for (int32_t c = 0; c < cameras; c++) sorted[c] = share[c] = agreeing(s, c);
    qsort(sorted, (size_t)cameras, sizeof *sorted, compare);
    for (int32_t c = 0; c < cameras && room && cameras > 2; c++) {
        if (share[c] > POORLY * sorted[cameras / 2]) continue;
        const vg_camera before = s->bundle->camera[c];
        s->placed[c] = false;
        rig_place_structures(s, 1);
        const double was = (s->placed[c] = true, agreeing(s, c));
        rig_resect(s, c, room);
        const double now = agreeing(s, c);
        moved |= now > was;
        if (now > was)
            rig_say(s, "camera %s placed anew: %.0f %% of its points agree with the others, before %.0f %%",
                    s->names[c], 100 * now, 100 * was);
        else
            s->bundle->camera[c] = before;
        rig_place_structures(s, 1);
    }
    free(room);
    return moved;
}

/* ---- lenses ------------------------------------------------------------------------------------------------------------------ */

/* One camera's views of boards as a bundle whose world is the camera's frame. */
typedef struct own_views {
    vg_bundle bundle;
    vg_camera camera;
    vg_rigid board[OWN_VIEWS];
    vg_bundle_sighting sighting[OWN_CORNERS];
    double distance[OWN_CORNERS];
} own_views;

static void gather(own_views *o, const rig_solver *s, int32_t c) {
    const vg_bundle *b = s->bundle;
    int32_t all = 0, seen = 0;
    o->camera = b->camera[c];
    memcpy(o->camera.R, (const double[9]){1, 0, 0, 0, 1, 0, 0, 0, 1}, sizeof o->camera.R);
    memset(o->camera.t, 0, sizeof o->camera.t);
    o->bundle = (vg_bundle){
        .camera = &o->camera, .cameras = 1, .board = o->board, .corner = b->corner, .sighting = o->sighting};
    for (int32_t v = 0; v < s->at[b->structures]; v++) all += s->group[v].camera == c && s->group[v].posed;
    for (int32_t v = 0; v < s->at[b->structures] && o->bundle.structures < OWN_VIEWS; v++) {
        const view_group *g = s->group + v;
        if (g->camera != c || !g->posed || seen++ % (all / OWN_VIEWS + 1)) continue;
        if (o->bundle.sightings + g->count > OWN_CORNERS) break;
        o->board[o->bundle.structures] = g->pose;
        for (int32_t i = g->first; i < g->first + g->count; i++) {
            vg_bundle_sighting *at = o->sighting + o->bundle.sightings++;
            *at = b->sighting[i];
            at->camera = 0, at->structure = o->bundle.structures, at->weight = s->weight[i] > 0;
        }
        o->bundle.structures++;
    }
}

/* Mean of the truncated squared distances, in thresholds. */
static double score(own_views *o, double threshold) {
    double sum = 0;
    vg_bundle_residuals(o->distance, &o->bundle);
    for (int32_t i = 0; i < o->bundle.sightings; i++) {
        const double share = o->distance[i] / threshold;
        sum += share < 1 ? share * share : 1;
    }
    return sum / fmax(o->bundle.sightings, 1);
}

/* Fits poses, and with `lens` the lens, under a narrowing loss. */
static double fit(own_views *o, double threshold, int32_t lens) {
    vg_bundle_options options = vg_bundle_options_default();
    options.loss = VG_LOSS_GEMAN_MCCLURE, options.steps = 20, options.tolerance = 1e-5;
    options.lens = lens, options.lens_prior = OWN_PRIOR, options.hold_cameras = lens == 0;
    for (double scale = 4; scale > 0.3; scale /= 2) {
        options.loss_scale = scale * threshold;
        if (vg_bundle_adjust(&o->bundle, &options, NULL, NULL) != VG_OK) return (double)INFINITY;
    }
    return score(o, 0.5 * threshold);
}

void rig_own_lenses(rig_solver *s) {
    own_views *kept = malloc(sizeof *kept), *free_lens = malloc(sizeof *free_lens);
    bool changed = false;
    for (int32_t c = 0; c < s->bundle->cameras && kept && free_lens; c++) {
        vg_camera *camera = s->bundle->camera + c;
        gather(kept, s, c), gather(free_lens, s, c);
        if (kept->bundle.structures < OWN_LEAST) continue;
        const double before = fit(kept, s->threshold_px[c], 0);
        const double after = fit(free_lens, s->threshold_px[c], s->options->lens);
        if (!(after < OWN_GAIN * before)) continue;
        rig_say(s, "camera %s by itself: focal length %.0f px instead of %.0f fits its boards better", s->names[c],
                free_lens->camera.fx, camera->fx);
        camera->fx = free_lens->camera.fx, camera->fy = free_lens->camera.fy;
        camera->cx = free_lens->camera.cx, camera->cy = free_lens->camera.cy;
        memcpy(camera->distortion, free_lens->camera.distortion, sizeof camera->distortion);
        changed = true;
    }
    free(kept), free(free_lens);
    if (!changed) return;
    rig_refresh_lenses(s);
    rig_pose_boards(s);
}
