/* Points a second on one core, from 4 views: the DLT alone, and with one refinement step and covariance. */
#include "bench/bench.h"
#include "calibration/calibration.h"
#include "common/clock.h"
#include "common/random.h"
#include "common/transform.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define VIEWS     4
#define POINTS    4096 /* fits the second-level cache */
#define SECONDS   0.5
#define REFERENCE 1024 /* points a call of the reference: it is 100 times slower */

typedef struct shot {
    vg_camera cameras[VIEWS];
    vg_view views[VIEWS];
    double P[VIEWS][12];
    alignas(64) double u[VIEWS][POINTS], v[VIEWS][POINTS], x[VIEWS][POINTS], y[VIEWS][POINTS], w[VIEWS][POINTS];
    double X[3][POINTS];
    vg_solved8 solved[POINTS / VG_LANES];
} shot;

/* Four corner cameras, people-sized points between them, 1 px of noise. */
static shot *shot_create(void) {
    shot *s = aligned_alloc(64, sizeof *s);
    if (!s) return NULL;
    memset(s, 0, sizeof *s);
    vg_rng rng = vg_rng_at(1, 0, 0, VG_DRAW_TEST);
    for (int c = 0; c < VIEWS; c++) {
        vg_camera *camera = s->cameras + c;
        *camera = (vg_camera){.width = 1920, .height = 1080, .fx = 1200, .fy = 1200, .cx = 959.5, .cy = 539.5};
        const double from[3] = {c & 1 ? 5 : -5, c & 2 ? 5 : -5, 3}, at[3] = {0, 0, 1};
        double yaw, pitch, t[3];
        vg_yaw_pitch_towards(&yaw, &pitch, from, at);
        vg_rotation_from_yaw_pitch(camera->R, yaw, pitch);
        vg_mat3_mul_vec(t, camera->R, from);
        for (int k = 0; k < 3; k++) camera->t[k] = -t[k];
        vg_view_init(s->views + c, camera);
        vg_camera_matrix(s->P[c], camera);
    }
    for (int i = 0; i < POINTS; i++) {
        double X[3];
        for (int k = 0; k < 3; k++) X[k] = (double)vg_rng_range(&rng, k == 2 ? 0 : -2, 2);
        for (int c = 0; c < VIEWS; c++) {
            double uv[2], xy[2];
            vg_project(uv, NULL, NULL, s->cameras + c, X);
            s->u[c][i] = uv[0] + (double)vg_rng_normal(&rng), s->v[c][i] = uv[1] + (double)vg_rng_normal(&rng);
            vg_undistort(xy, s->cameras + c, s->u[c][i], s->v[c][i]);
            s->x[c][i] = xy[0], s->y[c][i] = xy[1];
            s->w[c][i] = (double)vg_rng_range(&rng, 0.4f, 1);
        }
    }
    return s;
}

static void run_dlt(shot *s) {
    vg_triangulate_dlt(s->X[0], s->P[0], s->x[0], s->y[0], s->w[0], VIEWS, POINTS);
}

static void run_refine(shot *s) {
    const vg_triangulate_options options = vg_triangulate_options_default();
    vg_triangulate(s->solved, s->views, s->u[0], s->v[0], s->w[0], VIEWS, POINTS / VG_LANES, &options);
}

static void run_dlt_ref(shot *s) {
    for (int i = 0; i < REFERENCE; i++) {
        double x[VIEWS], y[VIEWS], w[VIEWS], X[3];
        for (int c = 0; c < VIEWS; c++) x[c] = s->x[c][i], y[c] = s->y[c][i], w[c] = s->w[c][i];
        vg_triangulate_dlt_ref(X, s->P[0], x, y, w, VIEWS, 1);
        s->X[0][i] = X[0];
    }
}

/* Points a second of CPU time. */
static double rate_of(void (*work)(shot *), shot *s, int points) {
    work(s);
    const int64_t start = vg_clock_thread_cpu_ns();
    int64_t now = start;
    double done = 0;
    while ((double)(now - start) < SECONDS * 1e9) {
        for (int k = 0; k < 8; k++) work(s), done += points;
        now = vg_clock_thread_cpu_ns();
    }
    return done / ((double)(now - start) * 1e-9);
}

static vg_status run(vg_bench_result *out, void (*work)(shot *), vg_error *err) {
    shot *s = shot_create();
    if (!s) return vg_fail(err, VG_NO_MEMORY, "cannot allocate %zu bytes", sizeof *s);
    *out = (vg_bench_result){.value = rate_of(work, s, POINTS),
                             .unit = "points/s",
                             .reference = rate_of(run_dlt_ref, s, REFERENCE),
                             .reference_name = "LAPACKE dgesvd, DLT alone"};
    free(s);
    return VG_OK;
}

vg_status vg_bench_triangulate_dlt(vg_bench_result *out, vg_error *err) {
    return run(out, run_dlt, err);
}

vg_status vg_bench_triangulate_refine(vg_bench_result *out, vg_error *err) {
    return run(out, run_refine, err);
}
