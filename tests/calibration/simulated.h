/* A simulated rig: cameras on a ring, points or boards in the middle, and what the cameras see of them. */
#ifndef VG_TESTS_SIMULATED_H
#define VG_TESTS_SIMULATED_H

#include "calibration/bundle.h"
#include "tests/calibration/geometry.h"

#include <stdlib.h>

#define SIM_COLUMNS 4
#define SIM_ROWS    3
#define SIM_SQUARE  0.08
#define SIM_CORNERS (SIM_COLUMNS * SIM_ROWS)

typedef struct simulated {
    vg_bundle bundle; /* at the truth */
    vg_camera camera[VG_BUNDLE_CAMERAS_MAX];
    double corner[SIM_CORNERS][3];
    vg_bundle_sighting *sighting;
} simulated;

static inline double normal(vg_rng *rng) {
    return (double)vg_rng_normal(rng);
}

static inline void sim_free(simulated *s) {
    free(s->bundle.point), free(s->bundle.board), free(s->sighting);
}

/* `seen` is the share of points (corners) in the picture that a camera sees; `noise` in px. */
static inline void sim_see(simulated *s, vg_rng *rng, double seen, double noise) {
    vg_bundle *b = &s->bundle;
    const int32_t corners = b->board ? SIM_CORNERS : 1;
    s->sighting = calloc((size_t)(b->cameras * b->structures * corners), sizeof *s->sighting);
    for (int32_t k = 0; k < b->structures; k++)
        for (int32_t i = 0; i < corners; i++)
            for (int32_t c = 0; c < b->cameras; c++) {
                double X[3], uv[2];
                const vg_camera *camera = s->camera + c;
                memcpy(X, b->board ? b->board[k].t : b->point + 3 * k, sizeof X);
                if (b->board) vg_rigid_apply(X, b->board + k, s->corner[i]);
                if (!vg_project(uv, NULL, NULL, camera, X) || uv[0] < 0 || uv[1] < 0 || uv[0] > camera->width ||
                    uv[1] > camera->height || (double)vg_rng_uniform(rng) > seen)
                    continue;
                s->sighting[b->sightings++] =
                    (vg_bundle_sighting){.camera = c,
                                         .structure = k,
                                         .corner = i,
                                         .u = uv[0] + noise * normal(rng),
                                         .v = uv[1] + noise * normal(rng),
                                         .weight = noise > 0 ? (float)(1 / (noise * noise)) : 1};
            }
    b->sighting = s->sighting;
}

static inline void sim_ring(simulated *s, vg_rng *rng, int32_t cameras, lens_kind kind) {
    *s = (simulated){0};
    for (int32_t c = 0; c < cameras; c++) {
        s->camera[c] = camera_of(kind);
        const double angle = 2 * VG_PI * (c + 0.3 * (double)vg_rng_uniform(rng)) / cameras;
        const double from[3] = {5 * cos(angle), 5 * sin(angle), (double)vg_rng_range(rng, 1, 3)};
        place_camera(s->camera + c, from, (const double[3]){0, 0, 1});
    }
    s->bundle = (vg_bundle){.camera = s->camera, .cameras = cameras};
}

static inline void sim_points(simulated *s, vg_rng *rng, int32_t cameras, int32_t points, lens_kind kind, double seen,
                              double noise) {
    sim_ring(s, rng, cameras, kind);
    s->bundle.structures = points;
    s->bundle.point = calloc((size_t)points * 3, sizeof(double));
    for (int32_t i = 0; i < points; i++) random_point(s->bundle.point + 3 * i, rng);
    sim_see(s, rng, seen, noise);
}

static inline void sim_boards(simulated *s, vg_rng *rng, int32_t cameras, int32_t boards, lens_kind kind, double seen,
                              double noise) {
    sim_ring(s, rng, cameras, kind);
    s->bundle.structures = boards;
    s->bundle.board = calloc((size_t)boards, sizeof(vg_rigid));
    s->bundle.corner = s->corner[0];
    for (int i = 0; i < SIM_CORNERS; i++)
        s->corner[i][0] = SIM_SQUARE * (i % SIM_COLUMNS), s->corner[i][1] = SIM_SQUARE * (i / SIM_COLUMNS);
    for (int32_t i = 0; i < boards; i++) {
        const double w[3] = {normal(rng), normal(rng), normal(rng)};
        vg_rotation_from_vector(s->bundle.board[i].R, w);
        random_point(s->bundle.board[i].t, rng);
    }
    sim_see(s, rng, seen, noise);
}

/* Turns and shifts cameras (radians, metres), moves points or boards. */
static inline void sim_disturb(simulated *s, vg_rng *rng, double angle, double shift, double points) {
    vg_bundle *b = &s->bundle;
    for (int32_t c = 0; c < b->cameras; c++) {
        double w[3], E[9], R[9];
        for (int k = 0; k < 3; k++) w[k] = angle * normal(rng), s->camera[c].t[k] += shift * normal(rng);
        vg_rotation_from_vector(E, w);
        vg_mat3_mul(R, E, s->camera[c].R);
        memcpy(s->camera[c].R, R, sizeof R);
    }
    for (int32_t k = 0; k < b->structures; k++)
        for (int j = 0; j < 3; j++) *(b->board ? b->board[k].t + j : b->point + 3 * k + j) += points * normal(rng);
}

#endif
