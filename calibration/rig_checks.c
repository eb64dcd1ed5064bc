/* Lengths and planes. */
#include "calibration/rig_checks.h"
#include "calibration/median.h"

#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define OUTLIER  5.0  /* median deviations */
#define ADJACENT 1.05 /* times the least distance on the board */

/* Sorts `values`; figures without outliers. */
static void sum_up(vg_length_check *out, double *values, int64_t n) {
    const double expected = out->expected;
    *out = (vg_length_check){.mean = (double)NAN, .median = (double)NAN, .sd = (double)NAN, .expected = expected};
    if (n == 0) return;
    const double median = median_of(values, n);
    double *off = malloc((size_t)n * sizeof *off), sum = 0, square = 0;
    if (!off) return;
    for (int64_t i = 0; i < n; i++) off[i] = fabs(values[i] - median);
    const double limit = OUTLIER * median_of(off, n);
    free(off);
    for (int64_t i = 0; i < n; i++) {
        if (fabs(values[i] - median) > limit) continue;
        out->count++, sum += values[i], square += (values[i] - median) * (values[i] - median);
    }
    out->median = median, out->mean = sum / (double)out->count;
    out->sd = sqrt(fmax(0, square / (double)out->count - (out->mean - median) * (out->mean - median)));
}

static double distance(const double *a, const double *b) {
    const double d[3] = {a[0] - b[0], a[1] - b[1], a[2] - b[2]};
    return vg_norm3(d);
}

/* Where each named point is on its board: place [points.count, 3], NaN where unknown. */
static double *board_places(const vg_sightings *seen, double *spacing) {
    double *place = malloc(((size_t)seen->points.count * 3 + 1) * sizeof *place);
    for (int32_t i = 0; i < 3 * seen->points.count && place; i++) place[i] = (double)NAN;
    for (size_t i = 0; i < seen->count && place; i++) {
        double *p = place + 3 * seen->sighting[i].point;
        if (!isfinite(p[0])) memcpy(p, seen->sighting[i].board, 3 * sizeof *p);
    }
    *spacing = (double)INFINITY;
    for (int32_t i = 0; i < seen->points.count && place; i++)
        for (int32_t j = 0; j < i; j++) {
            const double d = distance(place + 3 * i, place + 3 * j);
            if (d > 0 && d < *spacing) *spacing = d;
        }
    return place;
}

vg_status vg_check_board(vg_length_check *squares, double *flatness, const vg_tracks *t, const vg_sightings *seen,
                         vg_error *err) {
    double spacing, off = 0;
    double *place = board_places(seen, &spacing);
    double *value = malloc(((size_t)t->bundle.structures * 4 + 1) * sizeof *value);
    double *corner = malloc(((size_t)t->bundle.structures * 3 + 1) * sizeof *corner);
    int64_t n = 0, boards = 0;
    *flatness = (double)NAN;
    squares->expected = isfinite(spacing) ? spacing : (double)NAN;
    const bool ok = place && value && corner;
    for (int32_t from = 0, to; ok && from < t->bundle.structures; from = to) {
        to = vg_tracks_together(t, from);
        int32_t corners = 0;
        for (int32_t i = from; i < to; i++) {
            const double *x = t->bundle.point + 3 * i, *on = place + 3 * t->point[i];
            if (!isfinite(x[0])) continue;
            memcpy(corner + 3 * corners++, x, 3 * sizeof *x);
            for (int32_t j = from; j < i; j++)
                if (isfinite(t->bundle.point[3 * j]) && distance(on, place + 3 * t->point[j]) < ADJACENT * spacing)
                    value[n++] = distance(x, t->bundle.point + 3 * j);
        }
        double normal[3], middle[3];
        if (corners < 4) continue;
        const double rms = vg_fit_plane(normal, middle, corner, corners);
        off += rms * rms, boards++;
    }
    if (ok) sum_up(squares, value, n);
    if (boards) *flatness = sqrt(off / (double)boards);
    free(place), free(value), free(corner);
    return ok ? VG_OK : vg_fail(err, VG_NO_MEMORY, "board check: out of memory");
}

vg_status vg_check_length(vg_length_check *out, const vg_tracks *t, int32_t a, int32_t b, vg_error *err) {
    double *value = malloc(((size_t)t->bundle.structures + 1) * sizeof *value);
    if (!value) return vg_fail(err, VG_NO_MEMORY, "length check: out of memory");
    int64_t n = 0;
    out->expected = (double)NAN;
    for (int32_t from = 0, to; from < t->bundle.structures; from = to) {
        to = vg_tracks_together(t, from);
        const double *end[2] = {NULL, NULL};
        for (int32_t i = from; i < to; i++)
            if (isfinite(t->bundle.point[3 * i]) && (t->point[i] == a || t->point[i] == b))
                end[t->point[i] == b] = t->bundle.point + 3 * i;
        if (end[0] && end[1]) value[n++] = distance(end[0], end[1]);
    }
    sum_up(out, value, n);
    free(value);
    return VG_OK;
}

double vg_fit_plane(double normal[3], double middle[3], const double *points, int32_t n) {
    double A[9] = {0}, w[3];
    memset(middle, 0, 3 * sizeof *middle);
    for (int k = 0; k < 3; k++) normal[k] = (double)NAN;
    if (n < 3) return (double)NAN;
    for (int32_t i = 0; i < n; i++)
        for (int k = 0; k < 3; k++) middle[k] += points[3 * i + k] / n;
    for (int32_t i = 0; i < n; i++)
        for (int a = 0; a < 3; a++)
            for (int c = 0; c < 3; c++)
                A[3 * a + c] += (points[3 * i + a] - middle[a]) * (points[3 * i + c] - middle[c]) / n;
    if (LAPACKE_dsyev(LAPACK_ROW_MAJOR, 'V', 'U', 3, A, 3, w) != 0) return (double)NAN;
    for (int k = 0; k < 3; k++) normal[k] = A[3 * k];
    return sqrt(fmax(w[0], 0));
}
