/* The plain twins of the triangulation kernels: one point at a time, singular vectors by LAPACKE. */
#include "calibration/calibration.h"

#include <lapacke.h>
#include <math.h>

/* The smallest right singular vector of `rows` x 4 (at most 2 VG_MAX_CAMERAS rows; destroyed), divided by its last part. */
static bool smallest_vector(double X[3], double *rows_by_4, int rows) {
    double values[4], vt[16], spare[4];
    const lapack_int m = rows;
    if (LAPACKE_dgesvd(LAPACK_ROW_MAJOR, 'N', 'A', m, 4, rows_by_4, 4, values, NULL, 1, vt, 4, spare) != 0)
        return false;
    for (int k = 0; k < 3; k++) X[k] = vt[12 + k] / vt[15];
    return true;
}

static void lose(double X[3]) {
    for (int k = 0; k < 3; k++) X[k] = (double)NAN;
}

/* The DLT of one point from the views with w > 0. */
static int dlt_point(double X[3], const double *P, const double *x, const double *y, const double *w,
                     int32_t view_count, size_t stride) {
    double rows[2 * VG_MAX_CAMERAS][4];
    int used = 0;
    for (size_t c = 0; c < (size_t)view_count; c++) {
        if (!(w[c * stride] > 0)) continue;
        const double *p = P + 12 * c, root = sqrt(w[c * stride]);
        for (int k = 0; k < 4; k++) {
            rows[2 * used][k] = root * (x[c * stride] * p[8 + k] - p[k]);
            rows[2 * used + 1][k] = root * (y[c * stride] * p[8 + k] - p[4 + k]);
        }
        used++;
    }
    if (used < 2 || !smallest_vector(X, rows[0], 2 * used)) lose(X);
    return used;
}

void vg_triangulate_dlt_ref(double *X, const double *P, const double *x, const double *y, const double *w,
                            int32_t view_count, int32_t n) {
    VG_ASSERT(view_count <= VG_MAX_CAMERAS);
    const size_t N = (size_t)n;
    for (size_t i = 0; i < N; i++) {
        double point[3];
        dlt_point(point, P, x + i, y + i, w + i, view_count, N);
        for (size_t k = 0; k < 3; k++) X[k * N + i] = point[k];
    }
}

typedef struct fit {
    double H[9], g[3], cost, square;
    bool front;
} fit;

static fit fit_at(const double X[3], const vg_camera *cameras, const double *u, const double *v, const double *w,
                  int32_t view_count, double soft) {
    fit f = {.front = true};
    for (int32_t c = 0; c < view_count; c++) {
        if (!(w[c] > 0)) continue;
        double uv[2], J[6], depth;
        vg_project(uv, &depth, J, cameras + c, X);
        f.front &= depth > 0;
        const double e[2] = {u[c] - uv[0], v[c] - uv[1]};
        const double square = e[0] * e[0] + e[1] * e[1], shrink = 1 / (1 + w[c] * square * soft);
        const double weight = w[c] * shrink * shrink;
        f.square += square;
        f.cost += w[c] * square * shrink;
        for (int i = 0; i < 3; i++) {
            f.g[i] += weight * (J[i] * e[0] + J[3 + i] * e[1]);
            for (int j = 0; j < 3; j++) f.H[3 * i + j] += weight * (J[i] * J[j] + J[3 + i] * J[3 + j]);
        }
    }
    return f;
}

void vg_triangulate_ref(double X[3], double covariance[6], double *reprojection, int32_t *views_used,
                        const vg_camera *cameras, const double *u, const double *v, const double *weight,
                        int32_t view_count, const vg_triangulate_options *options) {
    VG_ASSERT(view_count <= VG_MAX_CAMERAS);
    double P[VG_MAX_CAMERAS * 12], x[VG_MAX_CAMERAS], y[VG_MAX_CAMERAS], w[VG_MAX_CAMERAS];
    for (int32_t c = 0; c < view_count; c++) {
        double xy[2];
        vg_camera_matrix(P + 12 * c, cameras + c);
        w[c] = weight[c] > 0 && vg_undistort(xy, cameras + c, u[c], v[c]) ? weight[c] : 0;
        x[c] = w[c] > 0 ? xy[0] : 0, y[c] = w[c] > 0 ? xy[1] : 0;
    }
    *views_used = dlt_point(X, P, x, y, w, view_count, 1);
    const double soft =
        options->robust > 0 ? 1 / (options->robust * options->robust * options->sigma * options->sigma) : 0;
    fit f = fit_at(X, cameras, u, v, w, view_count, soft);
    for (int32_t step = 0; step < options->steps; step++) {
        double H[9], d[3] = {f.g[0], f.g[1], f.g[2]}, next[3];
        for (int k = 0; k < 9; k++) H[k] = f.H[k];
        if (LAPACKE_dposv(LAPACK_ROW_MAJOR, 'U', 3, 1, H, 3, d, 1) != 0) break;
        for (int k = 0; k < 3; k++) next[k] = X[k] + d[k];
        const fit g = fit_at(next, cameras, u, v, w, view_count, soft);
        if (!(g.cost <= f.cost)) break;
        f = g;
        for (int k = 0; k < 3; k++) X[k] = next[k];
    }
    static const int at[6] = {0, 1, 2, 4, 5, 8};
    const bool found = *views_used >= 2 && *views_used >= options->min_views && (f.front || !options->cheirality) &&
                       LAPACKE_dpotrf(LAPACK_ROW_MAJOR, 'U', 3, f.H, 3) == 0 &&
                       LAPACKE_dpotri(LAPACK_ROW_MAJOR, 'U', 3, f.H, 3) == 0;
    for (int k = 0; k < 6; k++) covariance[k] = found ? options->sigma * options->sigma * f.H[at[k]] : (double)NAN;
    *reprojection = found ? sqrt(f.square / *views_used) : (double)NAN;
    if (!found) lose(X);
}
