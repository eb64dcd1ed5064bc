/* A person who walks about under simulated cameras: joints, what each camera sees of them, and all that goes wrong. */
#ifndef VG_TESTS_WALKER_H
#define VG_TESTS_WALKER_H

#include "calibration/rig.h"
#include "tests/calibration/geometry.h"

#include <stdio.h>
#include <stdlib.h>

#define WALKER_JOINTS 15

typedef struct walker_options {
    int32_t cameras, frames;
    lens_kind lens;
    double noise_px;   /* of every keypoint */
    double wrong;      /* share of keypoints that are anywhere */
    double swapped;    /* share of a camera's frames with left and right exchanged */
    double seen;       /* share of keypoints a camera sees */
    double start_turn; /* radians: how wrong the start is */
    double start_shift;
    double radius; /* of the ring, metres */
    double arc;    /* of the ring that the cameras stand on, radians */
} walker_options;

typedef struct walker {
    vg_bundle bundle; /* at the start; points unknown */
    vg_camera camera[VG_MAX_CAMERAS], truth[VG_MAX_CAMERAS];
    vg_bundle_sighting *sighting;
    double *point;
    bool *used;
    const char *names[VG_MAX_CAMERAS];
    char name[VG_MAX_CAMERAS][16];
} walker;

/* Half the height of a joint's place on a body 1.7 m high, and its side. */
static inline void walker_joint(double out[3], int32_t joint, double phase) {
    static const double height[8] = {1.6, 1.4, 1.1, 0.85, 0.95, 0.5, 0.08, 0.02};
    static const double side[8] = {0, 0.18, 0.22, 0.25, 0.12, 0.12, 0.12, 0.14};
    const int32_t level = (joint + 1) / 2, left = joint % 2 ? 1 : -1;
    out[0] = 0.25 * sin(phase + (left > 0 ? 0 : VG_PI)) * (level == 0 ? 0 : 1 - 0.1 * level);
    out[1] = left * side[level], out[2] = height[level];
}

static inline bool walker_see(vg_bundle_sighting *out, const walker_options *o, const vg_camera *camera,
                              const double X[3], vg_rng *rng) {
    double uv[2];
    if (!vg_project(uv, NULL, NULL, camera, X) || uv[0] < 0 || uv[1] < 0 || uv[0] > camera->width ||
        uv[1] > camera->height || (double)vg_rng_uniform(rng) > o->seen)
        return false;
    for (int k = 0; k < 2; k++) uv[k] += o->noise_px * (double)vg_rng_normal(rng);
    if ((double)vg_rng_uniform(rng) < o->wrong)
        uv[0] = camera->width * (double)vg_rng_uniform(rng), uv[1] = camera->height * (double)vg_rng_uniform(rng);
    *out = (vg_bundle_sighting){.u = uv[0], .v = uv[1], .weight = 1};
    return true;
}

static inline void walker_create(walker *w, const walker_options *o, vg_rng *rng) {
    *w = (walker){0};
    for (int32_t c = 0; c < o->cameras; c++) {
        w->truth[c] = camera_of(o->lens);
        const double angle = o->arc * (c + 0.4 * (double)vg_rng_uniform(rng)) / o->cameras;
        const double from[3] = {o->radius * cos(angle), o->radius * sin(angle), (double)vg_rng_range(rng, 1, 3)};
        const double at[3] = {(double)vg_rng_range(rng, -0.5f, 0.5f), (double)vg_rng_range(rng, -0.5f, 0.5f), 1};
        place_camera(w->truth + c, from, at);
        w->camera[c] = w->truth[c];
        double turn[3], E[9], R[9];
        for (int k = 0; k < 3; k++) turn[k] = o->start_turn * (double)vg_rng_normal(rng);
        vg_rotation_from_vector(E, turn);
        vg_mat3_mul(R, E, w->camera[c].R);
        memcpy(w->camera[c].R, R, sizeof R);
        for (int k = 0; k < 3; k++) w->camera[c].t[k] += o->start_shift * (double)vg_rng_normal(rng);
        snprintf(w->name[c], sizeof w->name[c], "cam_%d", c), w->names[c] = w->name[c];
    }
    const int32_t points = o->frames * WALKER_JOINTS;
    w->sighting = calloc((size_t)(points * o->cameras), sizeof *w->sighting);
    w->point = calloc((size_t)points * 3, sizeof *w->point);
    w->used = calloc((size_t)(points * o->cameras), sizeof *w->used);
    w->bundle = (vg_bundle){
        .camera = w->camera, .cameras = o->cameras, .structures = points, .point = w->point, .sighting = w->sighting};
    for (int32_t f = 0; f < o->frames; f++) {
        const double s = 0.13 * f, heading = 1.3 * sin(0.7 * s) + s;
        const double middle[3] = {1.5 * sin(0.37 * s), 1.5 * cos(0.53 * s), 0};
        bool swapped[VG_MAX_CAMERAS];
        for (int32_t c = 0; c < o->cameras; c++) swapped[c] = (double)vg_rng_uniform(rng) < o->swapped;
        for (int32_t j = 0; j < WALKER_JOINTS; j++)
            for (int32_t c = 0; c < o->cameras; c++) {
                double local[3], X[3];
                walker_joint(local, !swapped[c] || j == 0 ? j : j % 2 ? j + 1 : j - 1, 3 * s);
                X[0] = middle[0] + cos(heading) * local[0] - sin(heading) * local[1];
                X[1] = middle[1] + sin(heading) * local[0] + cos(heading) * local[1];
                X[2] = local[2];
                vg_bundle_sighting *g = w->sighting + w->bundle.sightings;
                if (!walker_see(g, o, w->truth + c, X, rng)) continue;
                g->camera = c, g->structure = f * WALKER_JOINTS + j;
                w->bundle.sightings++;
            }
    }
}

static inline void walker_free(walker *w) {
    free(w->sighting), free(w->point), free(w->used);
}

/* Greatest distance of a camera from the truth, metres, after the best similarity. */
static inline double walker_error(const walker *w) {
    vg_camera moved[VG_MAX_CAMERAS];
    memcpy(moved, w->camera, sizeof moved);
    vg_bundle b = {.camera = moved, .cameras = w->bundle.cameras};
    const vg_similarity s = vg_rig_align(w->truth, moved, b.cameras, false);
    vg_rig_move(&b, &s);
    double worst = 0;
    for (int32_t c = 0; c < b.cameras; c++) {
        double p[3], q[3];
        vg_mat3_t_mul_vec(p, moved[c].R, moved[c].t), vg_mat3_t_mul_vec(q, w->truth[c].R, w->truth[c].t);
        worst = fmax(worst, sqrt(pow(p[0] - q[0], 2) + pow(p[1] - q[1], 2) + pow(p[2] - q[2], 2)));
    }
    return worst;
}

#endif
