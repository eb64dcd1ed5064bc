/* Lengths, planes and floors. */
#include "calibration/rig_checks.h"
#include "calibration/median.h"

#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define OUTLIER    5.0  /* median deviations */
#define ADJACENT   1.05 /* times the least distance on the board */
#define MIN_STEPS  50
#define FLOOR_FITS 12

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

/* Structures of one frame and person: [from, to). */
static int32_t together(const vg_tracks *t, int32_t from) {
    int32_t to = from + 1;
    while (to < t->bundle.structures && t->frame[to] == t->frame[from] && t->person[to] == t->person[from]) to++;
    return to;
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
        to = together(t, from);
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
        to = together(t, from);
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

/* ---- the floor -------------------------------------------------------------------------------------------------------------- */

static bool is_foot(int32_t point, const int32_t *feet, int32_t n) {
    for (int32_t i = 0; i < n; i++)
        if (feet[i] == point) return true;
    return false;
}

/* Foot points into `foot` [.., 3]; `up` is the mean direction from people's feet to the rest of them, `size` its mean
 * length. */
static int32_t gather_feet(double *foot, double up[3], double *size, const vg_tracks *t, const int32_t *feet,
                           int32_t n) {
    int32_t count = 0, people = 0;
    double sum = 0;
    memset(up, 0, 3 * sizeof *up);
    for (int32_t from = 0, to; from < t->bundle.structures; from = to) {
        to = together(t, from);
        double low[3] = {0}, high[3] = {0};
        int32_t lows = 0, highs = 0;
        for (int32_t i = from; i < to; i++) {
            const double *x = t->bundle.point + 3 * i;
            if (!isfinite(x[0])) continue;
            const bool is_low = is_foot(t->point[i], feet, n);
            if (is_low) memcpy(foot + 3 * count++, x, 3 * sizeof *x), lows++;
            if (!is_low) highs++;
            for (int k = 0; k < 3; k++) *(is_low ? low + k : high + k) += x[k];
        }
        if (!lows || highs < 4) continue;
        double d[3];
        for (int k = 0; k < 3; k++) d[k] = high[k] / highs - low[k] / lows;
        const double norm = vg_norm3(d);
        for (int k = 0; k < 3; k++) up[k] += d[k] / norm;
        sum += norm, people++;
    }
    const double norm = vg_norm3(up);
    for (int k = 0; k < 3; k++) up[k] /= norm;
    *size = people ? sum / people : (double)NAN;
    return count;
}

/* Of `foot`, those within `reach` of the plane, to the front of `near`. */
static int32_t near_plane(double *near, const double *foot, int32_t n, const double normal[3], double height,
                          double reach) {
    int32_t count = 0;
    for (int32_t i = 0; i < n; i++)
        if (fabs(vg_dot3(normal, foot + 3 * i) - height) < reach)
            memcpy(near + 3 * count++, foot + 3 * i, 3 * sizeof *near);
    return count;
}

/* The height below which the lowest fifth of the points lie. */
static double low_height(double *scratch, const double *foot, int32_t n, const double normal[3]) {
    for (int32_t i = 0; i < n; i++) scratch[i] = vg_dot3(normal, foot + 3 * i);
    qsort(scratch, (size_t)n, sizeof *scratch, median_compare);
    return scratch[n / 5];
}

vg_status vg_floor_from_feet(vg_floor *out, const vg_tracks *t, const int32_t *feet, int32_t n, double foot_height,
                             vg_error *err) {
    double *foot = malloc(((size_t)t->bundle.structures * 7 + 1) * sizeof *foot), up[3], size;
    if (!foot) return vg_fail(err, VG_NO_MEMORY, "floor: out of memory");
    double *near = foot + 3 * (size_t)t->bundle.structures, *scratch = near + 3 * (size_t)t->bundle.structures;
    const int32_t count = gather_feet(foot, up, &size, t, feet, n);
    *out = (vg_floor){0};
    memcpy(out->normal, up, sizeof up);
    double height = count ? low_height(scratch, foot, count, up) : 0, reach = 0.25 * size;
    for (int fit = 0; fit < FLOOR_FITS && count; fit++) {
        const int32_t steps = near_plane(near, foot, count, out->normal, height, reach);
        out->steps = steps;
        double normal[3];
        out->flatness = vg_fit_plane(normal, out->middle, near, steps);
        if (steps < MIN_STEPS || !(fabs(vg_dot3(normal, up)) > 0.8)) break;
        const double sign = vg_dot3(normal, up) < 0 ? -1 : 1;
        for (int k = 0; k < 3; k++) out->normal[k] = sign * normal[k];
        height = vg_dot3(out->normal, out->middle);
        reach = fmax(fmin(reach * 0.8, 3 * out->flatness), 0.02 * size);
    }
    free(foot);
    if (out->steps < MIN_STEPS)
        return vg_fail(err, VG_FAILED,
                       "floor: %lld foot positions lie in one plane; it takes %d. Walk on level ground in "
                       "view of two cameras, or give the floor by a board",
                       (long long)out->steps, MIN_STEPS);
    out->lean = acos(fmin(1, vg_dot3(out->normal, up)));
    for (int k = 0; k < 3; k++) out->middle[k] -= foot_height * out->normal[k];
    return VG_OK;
}

/* World axes of a z and a direction for y. */
static vg_similarity world_of(const double z[3], const double towards[3], const double origin[3]) {
    vg_similarity out = {.scale = 1};
    double y[3], x[3], moved[3];
    const double along = vg_dot3(towards, z);
    for (int k = 0; k < 3; k++) y[k] = towards[k] - along * z[k];
    const double norm = vg_norm3(y);
    for (int k = 0; k < 3; k++) y[k] /= norm;
    vg_cross3(x, y, z);
    for (int k = 0; k < 3; k++) out.move.R[k] = x[k], out.move.R[3 + k] = y[k], out.move.R[6 + k] = z[k];
    vg_mat3_mul_vec(moved, out.move.R, origin);
    for (int k = 0; k < 3; k++) out.move.t[k] = -moved[k];
    return out;
}

vg_similarity vg_floor_world(const vg_floor *floor, const vg_camera *first) {
    const double *forward = first->R + 6;
    const bool down = fabs(vg_dot3(forward, floor->normal)) > 0.999; /* straight down: its up is forward */
    const double up[3] = {-first->R[3], -first->R[4], -first->R[5]};
    return world_of(floor->normal, down ? up : forward, floor->middle);
}

vg_similarity vg_board_world(const vg_rigid *board, const vg_camera *cameras, int32_t count) {
    double z[3], y[3], sum = 0;
    for (int k = 0; k < 3; k++) z[k] = board->R[3 * k + 2], y[k] = board->R[3 * k + 1];
    for (int32_t c = 0; c < count; c++) {
        double place[3];
        vg_mat3_t_mul_vec(place, cameras[c].R, cameras[c].t);
        for (int k = 0; k < 3; k++) place[k] = -place[k] - board->t[k];
        sum += vg_dot3(place, z);
    }
    if (sum < 0) /* z points into the floor: turn about the board's x */
        for (int k = 0; k < 3; k++) z[k] = -z[k], y[k] = -y[k];
    return world_of(z, y, board->t);
}
