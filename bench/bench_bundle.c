/* Bundle adjustment: 8 cameras, 2,000 points, one core, beside the same steps without the Schur complement. */
#include "bench/bench.h"
#include "calibration/bundle.h"
#include "calibration/bundle_system.h"
#include "calibration/calibration.h"
#include "common/clock.h"
#include "common/random.h"

#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CAMERAS 8

typedef struct scene {
    vg_bundle bundle;
    vg_camera camera[CAMERAS];
    vg_bundle_sighting *sighting;
} scene;

/* A ring of cameras around points, seen with a pixel of noise; the start is off by a degree and centimetres. */
static vg_status scene_create(scene *s, int32_t points, vg_error *err) {
    *s = (scene){0};
    vg_rng rng = vg_rng_at(1, 0, 0, VG_DRAW_CALIBRATE);
    s->bundle = (vg_bundle){.camera = s->camera, .cameras = CAMERAS, .structures = points};
    s->bundle.point = calloc((size_t)points * 3, sizeof(double));
    s->sighting = calloc((size_t)(points * CAMERAS), sizeof *s->sighting);
    s->bundle.sighting = s->sighting;
    if (!s->bundle.point || !s->sighting) return vg_fail(err, VG_NO_MEMORY, "bundle: out of memory");
    for (int c = 0; c < CAMERAS; c++) {
        vg_camera *camera = s->camera + c;
        *camera = (vg_camera){
            .width = 1920, .height = 1080, .fx = 1200, .fy = 1200, .cx = 960, .cy = 540, .distortion = {-0.05, 0.1}};
        const double angle = 2 * VG_PI * c / CAMERAS, from[3] = {5 * cos(angle), 5 * sin(angle), 2}, at[3] = {0, 0, 1};
        double yaw, pitch, t[3];
        vg_yaw_pitch_towards(&yaw, &pitch, from, at);
        vg_rotation_from_yaw_pitch(camera->R, yaw, pitch);
        vg_mat3_mul_vec(t, camera->R, from);
        for (int k = 0; k < 3; k++) camera->t[k] = -t[k];
    }
    for (int32_t i = 0; i < points; i++) {
        double *X = s->bundle.point + 3 * i;
        for (int k = 0; k < 3; k++) X[k] = (double)vg_rng_range(&rng, k == 2 ? 0 : -1.5f, k == 2 ? 2 : 1.5f);
        for (int c = 0; c < CAMERAS; c++) {
            double uv[2];
            if (vg_rng_below(&rng, 4) == 0 || !vg_project(uv, NULL, NULL, s->camera + c, X)) continue;
            s->sighting[s->bundle.sightings++] = (vg_bundle_sighting){.camera = c,
                                                                      .structure = i,
                                                                      .weight = 1,
                                                                      .u = uv[0] + (double)vg_rng_normal(&rng),
                                                                      .v = uv[1] + (double)vg_rng_normal(&rng)};
        }
    }
    for (int32_t i = 0; i < 3 * points; i++) s->bundle.point[i] += 0.03 * (double)vg_rng_normal(&rng);
    for (int c = 0; c < CAMERAS; c++)
        for (int k = 0; k < 3; k++) s->camera[c].t[k] += 0.03 * (double)vg_rng_normal(&rng);
    return VG_OK;
}

static void scene_free(scene *s) {
    free(s->bundle.point), free(s->sighting);
}

/* The step of the whole normal matrix, without elimination: what the Schur complement spares. */
static bool dense_step(bundle_system *s, double *H, double *g, double lambda) {
    const int32_t n = s->size + 3 * s->bundle->structures;
    memset(H, 0, (size_t)n * (size_t)n * sizeof *H), memset(g, 0, (size_t)n * sizeof *g);
    for (int32_t k = 0; k < s->bundle->structures; k++)
        for (int32_t i = s->start[k]; i < s->start[k + 1]; i++)
            for (int e = 0; e < 2; e++) {
                const bundle_row *row = s->row + i;
                double J[9];
                int32_t at[9];
                for (int32_t j = 0; j < 6; j++) J[j] = row->Jc[e][j], at[j] = bundle_column(s, row->camera, j);
                for (int32_t j = 0; j < 3; j++) J[6 + j] = row->Js[e][j], at[6 + j] = s->size + 3 * k + j;
                for (int a = 0; a < 9; a++) {
                    g[at[a]] += row->w * J[a] * row->r[e];
                    for (int b = 0; b < 9; b++) H[(size_t)at[a] * (size_t)n + (size_t)at[b]] += row->w * J[a] * J[b];
                }
            }
    for (int32_t i = 0; i < n; i++)
        H[(size_t)i * (size_t)(n + 1)] = H[(size_t)i * (size_t)(n + 1)] * (1 + lambda) + 1e-9;
    return LAPACKE_dposv(LAPACK_ROW_MAJOR, 'U', n, 1, H, n, g, 1) == 0;
}

/* Seconds of one dense step, linearisation included. */
static vg_status dense_seconds(double *seconds, scene *s, vg_error *err) {
    const size_t n = 6 * CAMERAS + 3 * (size_t)s->bundle.structures;
    double *H = malloc(n * n * sizeof *H), *g = malloc(n * sizeof *g);
    const vg_bundle_options options = vg_bundle_options_default();
    bundle_system system = {0};
    vg_status status = H && g ? bundle_system_create(&system, &s->bundle, &options, s->camera, err)
                              : vg_fail(err, VG_NO_MEMORY, "bundle: out of memory");
    if (status == VG_OK) {
        const int64_t began = vg_clock_thread_cpu_ns();
        bundle_linearise(&system);
        if (!dense_step(&system, H, g, 1e-4)) status = vg_fail(err, VG_FAILED, "bundle: the dense step failed");
        *seconds = (double)(vg_clock_thread_cpu_ns() - began) * 1e-9;
    }
    bundle_system_free(&system);
    free(H), free(g);
    return status;
}

vg_status vg_bench_bundle(vg_bench_result *out, vg_error *err) {
    scene s;
    VG_TRY(scene_create(&s, 2000, err));
    const vg_bundle_options options = vg_bundle_options_default();
    double dense = 0;
    vg_status status = dense_seconds(&dense, &s, err);
    vg_bundle_result result = {0};
    const int64_t began = vg_clock_thread_cpu_ns();
    if (status == VG_OK) status = vg_bundle_adjust(&s.bundle, &options, &result, err);
    const double seconds = (double)(vg_clock_thread_cpu_ns() - began) * 1e-9;
    scene_free(&s);
    *out = (vg_bench_result){seconds, "s", dense * result.steps, "as many steps of the dense normal matrix", true};
    return status;
}
