/* N points from V views, eight points at a time: weighted homogeneous DLT on undistorted coordinates (normal.h), then
 * Gauss-Newton steps on the distorted pixels. With e the pixel residuals and J their derivatives by the point,
 *   H = sum w J' J,  dX = H^-1 sum w J' e,  covariance = sigma^2 H^-1
 * at the final point. A step that raises the error is not taken. With `robust` k a view's error is Geman and McClure's,
 * s / (1 + s / k^2) for s = w e'e / sigma^2, and its weight in H is that function's derivative, 1 / (1 + s / k^2)^2. */
#include "calibration/lens_lanes.h"
#include "calibration/normal.h"

typedef struct fit {
    lanes X[3];
    lanes_sym3 H;
    lanes g[3];
    lanes cost;      /* what the steps lower */
    lanes square;    /* the same without weights */
    lane_mask front; /* in front of every camera used */
} fit;

vg_triangulate_options vg_triangulate_options_default(void) {
    return (vg_triangulate_options){.steps = 1, .min_views = 2, .sigma = 1, .cheirality = true};
}

/* Residuals of one view at f->X, added to the fit; soft = 1 / (robust sigma)^2. */
LANE_INLINE void fit_add_view(fit *f, const vg_view *view, lanes u, lanes v, lanes w, double soft) {
    const double *P = view->P;
    const lanes *X = f->X;
    const lane_mask seen = w > 0;
    lanes c[3], d[2], D[3];
    for (int r = 0; r < 3; r++) c[r] = P[4 * r] * X[0] + P[4 * r + 1] * X[1] + P[4 * r + 2] * X[2] + P[4 * r + 3];
    const lanes inverse = 1 / c[2], x = c[0] * inverse, y = c[1] * inverse;
    f->front &= ~seen | (c[2] > 0);
    lanes Ju[3], Jv[3];
    const lanes su = view->fx * inverse, sv = view->fy * inverse;
    if (view->ideal) {
        d[0] = x, d[1] = y;
        for (int k = 0; k < 3; k++) {
            Ju[k] = su * (P[k] - x * P[8 + k]);
            Jv[k] = sv * (P[4 + k] - y * P[8 + k]);
        }
    } else {
        lens_distort(d, D, view, x, y);
        for (int k = 0; k < 3; k++) {
            const lanes jx = P[k] - x * P[8 + k], jy = P[4 + k] - y * P[8 + k];
            Ju[k] = su * (D[0] * jx + D[1] * jy);
            Jv[k] = sv * (D[1] * jx + D[2] * jy);
        }
    }
    const lanes eu = lanes_keep(seen, u - (view->fx * d[0] + view->cx));
    const lanes ev = lanes_keep(seen, v - (view->fy * d[1] + view->cy));
    w = lanes_keep(seen, w);
    const lanes square = eu * eu + ev * ev;
    f->square += square;
    const lanes shrink = 1 / (1 + w * square * soft);
    f->cost += w * square * shrink;
    w *= shrink * shrink;
    for (int i = 0, n = 0; i < 3; i++) {
        const lanes wu = w * Ju[i], wv = w * Jv[i];
        f->g[i] += wu * eu + wv * ev;
        for (int j = i; j < 3; j++, n++) f->H.a[n] += wu * Ju[j] + wv * Jv[j];
    }
}

/* One block: u, v, w [V, stride]. */
static void triangulate_block(vg_solved8 *out, const vg_view *views, const double *u, const double *v, const double *w,
                              int32_t view_count, size_t stride, const vg_triangulate_options *options) {
    lanes sum[10] = {0}, used = {0}, weight[VG_MAX_CAMERAS];
    for (int32_t c = 0; c < view_count; c++) {
        lanes x, y;
        weight[c] = lanes_load(w + (size_t)c * stride);
        const lane_mask valid = lens_undistort(&x, &y, views + c, lanes_load(u + (size_t)c * stride),
                                               lanes_load(v + (size_t)c * stride), weight[c] > 0);
        weight[c] = lanes_keep(valid & (weight[c] > 0), weight[c]);
        normal_add_view(sum, &used, views[c].P, x, y, weight[c]);
    }
    const double soft =
        options->robust > 0 ? 1 / (options->robust * options->robust * options->sigma * options->sigma) : 0;
    fit best = {0};
    lane_mask good = normal_solve(best.X, sum) & (used >= (double)options->min_views) & (used >= 2);
    for (int32_t step = 0; step <= options->steps; step++) {
        fit next = {.front = ~(lane_mask){0}};
        for (int k = 0; k < 3; k++) next.X[k] = best.X[k];
        if (step > 0) {
            lanes_sym3 adj;
            lanes dX[3];
            const lanes det = lanes_adjugate(&adj, &best.H);
            lanes_sym3_mul(dX, &adj, best.g);
            for (int k = 0; k < 3; k++) next.X[k] += dX[k] / det;
        }
        for (int32_t c = 0; c < view_count; c++)
            fit_add_view(&next, views + c, lanes_load(u + (size_t)c * stride), lanes_load(v + (size_t)c * stride),
                         weight[c], soft);
        if (step == 0) {
            best = next;
            continue;
        }
        const lane_mask better = next.cost <= best.cost;
        lanes *to = (lanes *)&best;
        const lanes *from = (const lanes *)&next;
        for (size_t k = 0; k < sizeof(fit) / sizeof(lanes); k++) to[k] = lanes_pick(better, from[k], to[k]);
    }
    if (options->cheirality) good &= best.front;
    lanes_sym3 adj;
    const lanes lost = lanes_of((double)NAN), det = lanes_adjugate(&adj, &best.H);
    const lanes scale = options->sigma * options->sigma / det;
    for (int k = 0; k < 3; k++) lanes_store(out->x[k], lanes_pick(good, best.X[k], lost));
    for (int k = 0; k < 6; k++) lanes_store(out->covariance[k], lanes_pick(good, adj.a[k] * scale, lost));
    lanes_store(out->reprojection, lanes_pick(good, lanes_sqrt(best.square / used), lost));
    lanes_store(out->views, used);
}

void vg_triangulate(vg_solved8 *out, const vg_view *views, const double *u, const double *v, const double *weight,
                    int32_t view_count, int32_t blocks, const vg_triangulate_options *options) {
    VG_ASSERT(view_count >= 0 && view_count <= VG_MAX_CAMERAS);
    const size_t stride = (size_t)blocks * VG_LANES;
    for (size_t b = 0; b < (size_t)blocks; b++)
        triangulate_block(out + b, views, u + b * VG_LANES, v + b * VG_LANES, weight + b * VG_LANES, view_count, stride,
                          options);
}

/* `left` < 8 values and zeros after them. */
static lanes load_some(const double *p, int32_t left) {
    lanes x = {0};
    for (int32_t i = 0; i < left; i++) x[i] = p[i];
    return x;
}

void vg_triangulate_dlt(double *X, const double *P, const double *x, const double *y, const double *w,
                        int32_t view_count, int32_t n) {
    const size_t N = (size_t)n;
    for (int32_t at = 0; at < n; at += VG_LANES) {
        const int32_t left = n - at;
        lanes sum[10] = {0}, used = {0}, point[3];
        for (size_t c = 0; c < (size_t)view_count; c++) {
            const size_t i = c * N + (size_t)at;
            if (left >= VG_LANES)
                normal_add_view(sum, &used, P + 12 * c, lanes_load(x + i), lanes_load(y + i), lanes_load(w + i));
            else
                normal_add_view(sum, &used, P + 12 * c, load_some(x + i, left), load_some(y + i, left),
                                load_some(w + i, left));
        }
        const lane_mask good = normal_solve(point, sum) & (used >= 2);
        for (size_t k = 0; k < 3; k++) {
            const lanes value = lanes_pick(good, point[k], lanes_of((double)NAN));
            if (left >= VG_LANES)
                lanes_store(X + k * N + (size_t)at, value);
            else
                for (int32_t i = 0; i < left; i++) X[k * N + (size_t)(at + i)] = value[i];
        }
    }
}
