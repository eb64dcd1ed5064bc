/* Views of a board. */
#include "calibration/views.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- sorting ------------------------------------------------------------------------------------------------------- */

static int by_picture(const void *a, const void *b) {
    const vg_corner *p = *(const vg_corner *const *)a, *q = *(const vg_corner *const *)b;
    if (p->sync != q->sync) return p->sync < q->sync ? -1 : 1;
    if (p->object != q->object) return p->object < q->object ? -1 : 1;
    return p->point < q->point ? -1 : p->point > q->point;
}

static bool same_view(const vg_corner *p, const vg_corner *q) {
    return p->sync == q->sync && p->object == q->object;
}

/* Do the corners span a plane? The smaller eigenvalue of their spread on the board against the larger. */
static bool spans_plane(const vg_corner *const *c, size_t n) {
    double mean[2] = {0}, xx = 0, xy = 0, yy = 0;
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < 2; k++) mean[k] += c[i]->board[k] / (double)n;
    for (size_t i = 0; i < n; i++) {
        const double x = c[i]->board[0] - mean[0], y = c[i]->board[1] - mean[1];
        xx += x * x, xy += x * y, yy += y * y;
    }
    return xx * yy - xy * xy > 1e-3 * (xx + yy) * (xx + yy);
}

/* Smallest distance of two corners on the board. */
static double spacing_of(const vg_corner *const *c, size_t n) {
    double least = (double)INFINITY;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++) {
            const double d = hypot(c[i]->board[0] - c[j]->board[0], c[i]->board[1] - c[j]->board[1]);
            if (d > 0 && d < least) least = d;
        }
    return least;
}

static vg_status views_create(views *out, size_t count, size_t points, vg_error *err) {
    *out = (views){.spacing = (double)INFINITY};
    out->start = calloc(count + 1, sizeof *out->start);
    out->X = calloc(points + 1, 3 * sizeof *out->X);
    out->uv = calloc(points + 1, 2 * sizeof *out->uv);
    if (out->start && out->X && out->uv) return VG_OK;
    views_free(out);
    return vg_fail(err, VG_NO_MEMORY, "no memory for %zu corners", points);
}

void views_free(views *v) {
    free(v->start);
    free(v->X);
    free(v->uv);
    *v = (views){0};
}

static void put_view(views *out, const vg_corner *const *c, size_t n) {
    for (size_t i = 0; i < n; i++) {
        memcpy(out->X + 3 * out->points, c[i]->board, sizeof c[i]->board);
        out->uv[2 * out->points] = c[i]->u;
        out->uv[2 * out->points + 1] = c[i]->v;
        out->points++;
    }
    out->start[++out->count] = out->points;
    out->spacing = fmin(out->spacing, spacing_of(c, n));
}

vg_status views_of(views *out, const vg_corners *corners, int32_t camera, vg_error *err) {
    const vg_corner **its = calloc(corners->count + 1, sizeof *its);
    size_t n = 0;
    *out = (views){0};
    if (!its) return vg_fail(err, VG_NO_MEMORY, "no memory for %zu corners", corners->count);
    for (size_t i = 0; i < corners->count; i++) {
        const vg_corner *c = &corners->corner[i];
        if (c->camera == camera && isfinite(c->board[0]) && isfinite(c->board[1])) its[n++] = c;
    }
    qsort(its, n, sizeof *its, by_picture);
    vg_status status = views_create(out, n, n, err);
    for (size_t from = 0, to; status == VG_OK && from < n; from = to) {
        for (to = from + 1; to < n && same_view(its[from], its[to]);) to++;
        if (to - from >= VIEW_LEAST_CORNERS && spans_plane(its + from, to - from)) put_view(out, its + from, to - from);
    }
    free(its);
    return status;
}

vg_status views_keep(views *out, const views *from, const bool *keep, vg_error *err) {
    VG_TRY(views_create(out, (size_t)from->count, (size_t)from->points, err));
    out->spacing = from->spacing;
    for (int32_t v = 0; v < from->count; v++) {
        if (!keep[v]) continue;
        const int32_t at = from->start[v], n = from->start[v + 1] - at;
        memcpy(out->X + 3 * out->points, from->X + 3 * at, sizeof(double) * 3 * (size_t)n);
        memcpy(out->uv + 2 * out->points, from->uv + 2 * at, sizeof(double) * 2 * (size_t)n);
        out->points += n;
        out->start[++out->count] = out->points;
    }
    return VG_OK;
}

/* --- choosing ------------------------------------------------------------------------------------------------------ */

enum { TRAITS = 7 };

/* Where a board is, how large, how slanted: centre and the affine map from board to picture, in picture widths. */
static void traits_of(double out[TRAITS], const views *v, int32_t view, double width) {
    const int32_t from = v->start[view], to = v->start[view + 1];
    double mean[4] = {0}, xx = 0, xy = 0, yy = 0, cross[4] = {0};
    for (int32_t i = from; i < to; i++)
        for (int k = 0; k < 2; k++)
            mean[k] += v->X[3 * i + k] / (to - from), mean[2 + k] += v->uv[2 * i + k] / (to - from);
    for (int32_t i = from; i < to; i++) {
        const double x = v->X[3 * i] - mean[0], y = v->X[3 * i + 1] - mean[1];
        xx += x * x, xy += x * y, yy += y * y;
        for (int k = 0; k < 2; k++) {
            const double p = v->uv[2 * i + k] - mean[2 + k];
            cross[2 * k] += p * x, cross[2 * k + 1] += p * y;
        }
    }
    const double det = xx * yy - xy * xy;
    double size = 0;
    out[0] = mean[2] / width, out[1] = mean[3] / width;
    for (int k = 0; k < 2; k++) {
        out[2 + 2 * k] = (cross[2 * k] * yy - cross[2 * k + 1] * xy) / det;
        out[3 + 2 * k] = (cross[2 * k + 1] * xx - cross[2 * k] * xy) / det;
    }
    for (int k = 2; k < 6; k++) size += out[k] * out[k];
    size = sqrt(size) + 1e-9;
    for (int k = 2; k < 6; k++) out[k] /= size; /* turn and slant */
    out[6] = 0.5 * log(size * v->spacing / width);
}

/* Farthest-point sampling: always next the view that is least like those chosen. */
vg_status views_choose(bool *keep, const views *v, int32_t most, double width, vg_error *err) {
    for (int32_t i = 0; i < v->count; i++) keep[i] = v->count <= most;
    if (v->count <= most) return VG_OK;
    double(*traits)[TRAITS] = calloc((size_t)v->count, sizeof *traits);
    double *apart = calloc((size_t)v->count, sizeof *apart);
    if (!traits || !apart) {
        free(traits);
        free(apart);
        return vg_fail(err, VG_NO_MEMORY, "no memory to compare %d pictures", v->count);
    }
    int32_t next = 0;
    for (int32_t i = 0; i < v->count; i++) { /* the first: the one with most corners */
        traits_of(traits[i], v, i, width);
        apart[i] = (double)INFINITY;
        if (v->start[i + 1] - v->start[i] > v->start[next + 1] - v->start[next]) next = i;
    }
    for (int32_t taken = 0; taken < most; taken++) {
        keep[next] = true;
        apart[next] = -1;
        int32_t best = 0;
        for (int32_t i = 0; i < v->count; i++) {
            double d = 0;
            for (int k = 0; k < TRAITS; k++) d += pow(traits[i][k] - traits[next][k], 2);
            apart[i] = fmin(apart[i], d);
            if (apart[i] > apart[best]) best = i;
        }
        next = best;
    }
    free(traits);
    free(apart);
    return VG_OK;
}

/* --- coverage ------------------------------------------------------------------------------------------------------ */

enum { GRID = 24 };

static int by_place(const void *a, const void *b) {
    const double *p = a, *q = b;
    if (p[0] != q[0]) return p[0] < q[0] ? -1 : 1;
    return p[1] < q[1] ? -1 : p[1] > q[1];
}

static double turn(const double *a, const double *b, const double *c) {
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
}

/* Convex hull of n points [n, 2], which are sorted in place; by Andrew's monotone chain. `hull` has room for 2 n. */
static int32_t convex_hull(double *hull, double *p, int32_t n) {
    int32_t h = 0;
    qsort(p, (size_t)n, 2 * sizeof *p, by_place);
    for (int pass = 0; pass < 2; pass++) {
        const int32_t first = h;
        for (int32_t k = 0; k < n; k++) {
            const double *q = p + 2 * (pass ? n - 1 - k : k);
            while (h >= first + 2 && turn(hull + 2 * (h - 2), hull + 2 * (h - 1), q) <= 0) h--;
            memcpy(hull + 2 * h++, q, 2 * sizeof *q);
        }
        h--; /* each pass ends where the other begins */
    }
    return h;
}

static bool inside(const double *hull, int32_t n, const double *q) {
    for (int32_t i = 0; i < n; i++)
        if (turn(hull + 2 * i, hull + 2 * ((i + 1) % n), q) < 0) return false;
    return n > 2;
}

void views_cover(double *coverage, double *reach, const views *v, int32_t width, int32_t height) {
    static const int32_t most = 64 * 64;
    bool cell[GRID][GRID] = {{false}};
    int covered = 0;
    double far = 0;
    double *points = calloc((size_t)most, 2 * sizeof *points), *hull = calloc((size_t)most, 4 * sizeof *hull);
    for (int32_t view = 0; points && hull && view < v->count; view++) {
        const int32_t n = v->start[view + 1] - v->start[view] < most ? v->start[view + 1] - v->start[view] : most;
        memcpy(points, v->uv + 2 * v->start[view], sizeof(double) * 2 * (size_t)n);
        const int32_t h = convex_hull(hull, points, n);
        for (int32_t i = 0; i < h; i++)
            far = fmax(far, hypot(hull[2 * i] - width / 2.0, hull[2 * i + 1] - height / 2.0));
        for (int row = 0; row < GRID; row++)
            for (int column = 0; column < GRID; column++) {
                const double q[2] = {(column + 0.5) * width / GRID, (row + 0.5) * height / GRID};
                cell[row][column] = cell[row][column] || inside(hull, h, q);
            }
    }
    for (int row = 0; row < GRID; row++)
        for (int column = 0; column < GRID; column++) covered += cell[row][column];
    *coverage = covered / (double)(GRID * GRID);
    *reach = fmin(1, far / hypot(width / 2.0, height / 2.0));
    free(points);
    free(hull);
}
