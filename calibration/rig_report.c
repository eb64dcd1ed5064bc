/* Figures of merit of a rig. */
#include "calibration/rig_report.h"

#include "calibration/calibration.h"
#include "calibration/median.h"

#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COVER_X      8
#define COVER_Y      6
#define BIAS_SIGHTED 20 /* fewer sightings in a field say nothing of a bias */

/* Square root of the largest eigenvalue of a symmetric 3 x 3 block of a 6 x 6 matrix. */
static double longest_axis(const double *block) {
    double A[9], w[3];
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) A[3 * i + j] = block[6 * i + j];
    if (LAPACKE_dsyev(LAPACK_ROW_MAJOR, 'N', 'U', 3, A, 3, w) != 0) return (double)NAN;
    return sqrt(fmax(w[2], 0));
}

typedef struct tally {
    double square, field[VG_BIAS_CELLS * VG_BIAS_CELLS][2];
    int32_t in_field[VG_BIAS_CELLS * VG_BIAS_CELLS];
    bool covered[COVER_X * COVER_Y];
} tally;

static int32_t field_of(double at, double size, int32_t fields) {
    const double share = at / size * fields;
    return share < 0 ? 0 : share >= fields ? fields - 1 : (int32_t)share;
}

static void count_sighting(tally *t, const vg_camera *c, const vg_bundle_sighting *g, const double uv[2]) {
    const double width = c->width > 0 ? c->width : 2 * c->cx, height = c->height > 0 ? c->height : 2 * c->cy;
    const double e[2] = {g->u - uv[0], g->v - uv[1]};
    const int32_t field = field_of(g->v, height, VG_BIAS_CELLS) * VG_BIAS_CELLS + field_of(g->u, width, VG_BIAS_CELLS);
    t->square += e[0] * e[0] + e[1] * e[1];
    t->in_field[field]++;
    for (int k = 0; k < 2; k++) t->field[field][k] += e[k];
    t->covered[field_of(g->v, height, COVER_Y) * COVER_X + field_of(g->u, width, COVER_X)] = true;
}

static void close_report(vg_camera_report *r, const tally *t) {
    int32_t covered = 0;
    for (int i = 0; i < COVER_X * COVER_Y; i++) covered += t->covered[i];
    r->coverage = (double)covered / (COVER_X * COVER_Y);
    r->rms_px = sqrt(t->square / (double)r->used);
    for (int i = 0; i < VG_BIAS_CELLS * VG_BIAS_CELLS; i++)
        if (t->in_field[i] >= BIAS_SIGHTED)
            r->bias_px = fmax(r->bias_px, hypot(t->field[i][0], t->field[i][1]) / t->in_field[i]);
}

void vg_rig_report(vg_camera_report *report, const vg_bundle *b, const bool *used,
                   const vg_bundle_covariance *covariance) {
    double *distance = malloc(((size_t)b->sightings + 1) * sizeof *distance);
    double *of_camera = malloc(((size_t)b->sightings + 1) * sizeof *of_camera);
    if (distance) vg_bundle_residuals(distance, b);
    for (int32_t c = 0; c < b->cameras; c++) {
        tally t = {0};
        report[c] = (vg_camera_report){.median_px = (double)NAN, .place_sd = (double)NAN, .turn_sd = (double)NAN};
        int32_t n = 0;
        for (int32_t i = 0; i < b->sightings && distance && of_camera; i++) {
            const vg_bundle_sighting *g = b->sighting + i;
            double uv[2], X[3];
            if (g->camera != c || !(g->weight > 0)) continue;
            report[c].sightings++;
            if (isfinite(distance[i])) of_camera[n++] = distance[i];
            if (!used[i]) continue;
            if (b->board)
                vg_rigid_apply(X, b->board + g->structure, b->corner + 3 * (size_t)g->corner);
            else
                memcpy(X, b->point + 3 * (size_t)g->structure, sizeof X);
            report[c].used++;
            vg_project(uv, NULL, NULL, b->camera + c, X);
            count_sighting(&t, b->camera + c, g, uv);
        }
        report[c].median_px = median_of(of_camera, n);
        close_report(report + c, &t);
        if (!covariance) continue;
        report[c].turn_sd = longest_axis(covariance->camera + 36 * (size_t)c);
        report[c].place_sd = longest_axis(covariance->camera + 36 * (size_t)c + 21);
    }
    free(distance), free(of_camera);
}
