/* Normal equations of a bundle and their Schur complement. Sightings are sorted by structure and camera, so one pass over
 * a structure's rows gives its block A, the blocks W of the cameras that see it, and what they leave in the reduced
 * system: H - W A^-1 W', h - W A^-1 b. */
#include "calibration/bundle_system.h"

#include "calibration/calibration.h"

#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Usual standard deviations of lens parts, for the prior; a centre's is a share of the width. */
static const double usual[LENS_PARTS] = {0.05, 0.01, 0.02, 0.02, 0.1, 0.1, 0.02, 0.02, 0.1};

static int compare_orders(const void *a, const void *b, void *context) {
    const vg_bundle_sighting *s = context, *x = s + *(const int32_t *)a, *y = s + *(const int32_t *)b;
    if (x->structure != y->structure) return x->structure < y->structure ? -1 : 1;
    if (x->camera != y->camera) return x->camera < y->camera ? -1 : 1;
    return *(const int32_t *)a < *(const int32_t *)b ? -1 : 1;
}

/* A structure takes part where it is seen enough to be placed: a point by two cameras, a board by four corners. */
static bool well_seen(const bundle_system *s, const int32_t *order, int32_t n) {
    if (!s->depth) return n > 0;
    if (s->depth == 6) return n >= MIN_BOARD_SEEN;
    return n > 1 && s->bundle->sighting[order[0]].camera != s->bundle->sighting[order[n - 1]].camera;
}

static void sort_sightings(bundle_system *s) {
    const vg_bundle *b = s->bundle;
    int32_t n = 0;
    for (int32_t i = 0; i < b->sightings; i++)
        if (b->sighting[i].weight > 0) s->order[n++] = i;
    qsort_r(s->order, (size_t)n, sizeof *s->order, compare_orders, (void *)(uintptr_t)b->sighting);
    int32_t kept = 0, at = 0;
    for (int32_t k = 0; k < b->structures; k++) {
        const int32_t from = at;
        while (at < n && b->sighting[s->order[at]].structure == k) at++;
        s->start[k] = kept;
        if (!well_seen(s, s->order + from, at - from)) continue;
        memmove(s->order + kept, s->order + from, (size_t)(at - from) * sizeof *s->order);
        kept += at - from;
    }
    s->start[b->structures] = kept;
}

vg_status bundle_system_create(bundle_system *s, const vg_bundle *b, const vg_bundle_options *o,
                               const vg_camera *origin, vg_error *err) {
    *s = (bundle_system){.bundle = b, .options = *o, .origin = origin};
    for (int32_t i = 0; i < LENS_PARTS && !o->hold_cameras; i++)
        if (o->lens >> i & 1) s->part[s->parts++] = i;
    s->width = 6 + s->parts;
    s->depth = o->hold_structures ? 0 : b->board ? 6 : 3;
    s->size = o->hold_cameras ? 0 : 6 * b->cameras + s->parts * (o->shared_lens ? 1 : b->cameras);
    const size_t sightings = (size_t)b->sightings, structures = (size_t)b->structures, size = (size_t)s->size;
    const size_t all = o->hold_cameras ? 0 : (size_t)(b->cameras * s->width), cameras = (size_t)b->cameras;
    s->order = calloc(sightings + 1, sizeof *s->order);
    s->start = calloc(structures + 1, sizeof *s->start);
    s->limit = calloc(cameras, sizeof *s->limit);
    s->H = calloc(all * all + 1, sizeof *s->H);
    s->h = calloc(2 * all + 1, sizeof *s->h);
    s->S = calloc(size * size + 1, sizeof *s->S);
    s->g = calloc(2 * size + 1, sizeof *s->g);
    s->gauge = calloc(GAUGE_MAX * size + 1, sizeof *s->gauge);
    s->structure_step = calloc(structures * 6 + 1, sizeof *s->structure_step);
    s->block = calloc(2 * cameras * CAMERA_WIDTH * 6, sizeof *s->block);
    bool ok =
        s->order && s->start && s->limit && s->H && s->h && s->S && s->g && s->gauge && s->structure_step && s->block;
    if (ok) {
        sort_sightings(s);
        s->row = calloc((size_t)s->start[b->structures] + 1, sizeof *s->row);
        ok = s->row != NULL;
    }
    if (!ok) {
        bundle_system_free(s);
        return vg_fail(err, VG_NO_MEMORY, "bundle adjustment of %d cameras and %d sightings: out of memory", b->cameras,
                       b->sightings);
    }
    s->diagonal = s->h + all, s->step = s->g + size;
    return VG_OK;
}

void bundle_system_free(bundle_system *s) {
    free(s->order), free(s->start), free(s->row), free(s->limit), free(s->H), free(s->h), free(s->S), free(s->g);
    free(s->gauge), free(s->structure_step), free(s->block);
    *s = (bundle_system){0};
}

/* ---- loss and priors --------------------------------------------------------------------------------------------------- */

/* Loss of a squared residual (in standard deviations), and its derivative, the weight of the row. */
static double loss_of(double *weight, int32_t loss, double scale, double e2) {
    const double c2 = scale * scale;
    *weight = 1;
    switch (loss) {
    case VG_LOSS_HUBER:
        if (e2 <= c2) return e2;
        *weight = scale / sqrt(e2);
        return 2 * scale * sqrt(e2) - c2;
    case VG_LOSS_CAUCHY:
        *weight = 1 / (1 + e2 / c2);
        return c2 * log1p(e2 / c2);
    case VG_LOSS_GEMAN_MCCLURE:
        *weight = c2 / (c2 + e2) * (c2 / (c2 + e2));
        return c2 * e2 / (c2 + e2);
    default:
        return e2;
    }
}

/* Where a lens part is, and how far it usually is from where it starts. */
static double part_value(const vg_camera *c, int32_t part) {
    if (part == 0) return log(c->fx);
    if (part == 1) return log(c->fy / c->fx);
    if (part < 4) return part == 2 ? c->cx : c->cy;
    return c->distortion[part - 4];
}

static double prior_sigma(const bundle_system *s, int32_t camera, int32_t part) {
    const double sigma = s->options.lens_prior * usual[part];
    const vg_camera *c = s->origin + camera;
    return part == 2 || part == 3 ? sigma * (c->width > 0 ? c->width : 2 * c->cx) : sigma;
}

static double prior_cost(const bundle_system *s) {
    double cost = 0;
    for (int32_t c = 0; c < s->bundle->cameras && s->options.lens_prior > 0; c++)
        for (int32_t i = 0; i < s->parts; i++) {
            const int32_t part = s->part[i];
            const double off = part_value(s->bundle->camera + c, part) - part_value(s->origin + c, part);
            cost += 0.5 * off * off / (prior_sigma(s, c, part) * prior_sigma(s, c, part));
        }
    return cost;
}

/* ---- rows ---------------------------------------------------------------------------------------------------------------- */

/* The world point of a sighting; `arm` is its offset from the structure's own place (boards). */
static void point_of(double x[3], double arm[3], const vg_bundle *b, const vg_bundle_sighting *g) {
    if (!b->board) {
        memcpy(x, b->point + 3 * (size_t)g->structure, 3 * sizeof *x);
        return;
    }
    const vg_rigid *T = b->board + g->structure;
    vg_mat3_mul_vec(arm, T->R, b->corner + 3 * (size_t)g->corner);
    for (int k = 0; k < 3; k++) x[k] = arm[k] + T->t[k];
}

static bool in_sight(const vg_camera *c, double radius, double limit, double depth) {
    return (c->lens == VG_LENS_FISHEYE || depth > 0) && radius <= limit;
}

/* Projection of a sighting. False where the point cannot be seen there. */
static bool project_sighting(double uv[2], double xc[3], double K[6], double D[2 * LENS_PARAMETERS], double arm[3],
                             const vg_bundle *b, const vg_bundle_sighting *g, double limit) {
    const vg_camera *c = b->camera + g->camera;
    double x[3];
    point_of(x, arm, b, g);
    vg_mat3_mul_vec(xc, c->R, x);
    for (int k = 0; k < 3; k++) xc[k] += c->t[k];
    const double radius = lens_project(uv, K, D, c, xc);
    return in_sight(c, radius, limit, xc[2]);
}

static void refresh_limits(bundle_system *s) {
    for (int32_t c = 0; c < s->bundle->cameras; c++) s->limit[c] = vg_lens_limit(s->bundle->camera + c);
}

double bundle_cost(bundle_system *s, vg_bundle_result *result) {
    const vg_bundle *b = s->bundle;
    double cost = 0, squares = 0, weighted = 0, weight;
    int64_t used = 0, behind = 0;
    refresh_limits(s);
    for (int32_t i = 0; i < s->start[b->structures]; i++) {
        const vg_bundle_sighting *g = b->sighting + s->order[i];
        double uv[2], xc[3], K[6], arm[3], e2 = BEHIND_PX * BEHIND_PX;
        if (project_sighting(uv, xc, K, NULL, arm, b, g, s->limit[g->camera])) {
            e2 = (uv[0] - g->u) * (uv[0] - g->u) + (uv[1] - g->v) * (uv[1] - g->v);
            squares += e2, used++, weighted += (double)g->weight * e2;
        } else {
            behind++;
        }
        cost += 0.5 * loss_of(&weight, s->options.loss, s->options.loss_scale, (double)g->weight * e2);
    }
    if (result) {
        result->used = used, result->behind = behind;
        result->rms_px = used ? sqrt(squares / (double)used) : (double)NAN;
        int64_t unknowns = s->size - (s->options.hold_structures || !s->size ? 0 : b->board ? 6 : 7);
        for (int32_t k = 0; k < b->structures; k++) unknowns += s->start[k + 1] > s->start[k] ? s->depth : 0;
        result->variance = 2 * used > unknowns ? weighted / (double)(2 * used - unknowns) : (double)NAN;
    }
    return cost + prior_cost(s);
}

static void fill_row(bundle_row *row, const bundle_system *s, const vg_bundle_sighting *g) {
    const vg_bundle *b = s->bundle;
    const vg_camera *c = b->camera + g->camera;
    double uv[2], x[3], K[6], D[2 * LENS_PARAMETERS], arm[3], KR[6];
    row->camera = g->camera;
    if (!project_sighting(uv, x, K, s->parts ? D : NULL, arm, b, g, s->limit[g->camera])) {
        row->w = 0;
        return;
    }
    row->r[0] = g->u - uv[0], row->r[1] = g->v - uv[1];
    double weight;
    loss_of(&weight, s->options.loss, s->options.loss_scale,
            (double)g->weight * (row->r[0] * row->r[0] + row->r[1] * row->r[1]));
    row->w = weight * (double)g->weight;
    for (int i = 0; i < 2; i++) {
        const double *k = K + 3 * i, *d = D + LENS_PARAMETERS * i;
        for (int j = 0; j < 3; j++) KR[3 * i + j] = k[0] * c->R[j] + k[1] * c->R[3 + j] + k[2] * c->R[6 + j];
        vg_cross3(row->Jc[i], x, k); /* k . (w x x) = w . (x x k) */
        for (int j = 0; j < 3; j++) row->Jc[i][3 + j] = -KR[3 * i + j];
        for (int32_t p = 0; p < s->parts; p++) {
            const int32_t part = s->part[p];
            row->Jc[i][6 + p] = part == 0 ? d[0] * c->fx + d[1] * c->fy : part == 1 ? d[1] * c->fy : d[part];
        }
        if (!b->board) {
            memcpy(row->Js[i], KR + 3 * i, 3 * sizeof(double));
        } else {
            vg_cross3(row->Js[i], arm, KR + 3 * i);
            memcpy(row->Js[i] + 3, KR + 3 * i, 3 * sizeof(double));
        }
    }
}

void bundle_linearise(bundle_system *s) {
    refresh_limits(s);
    for (int32_t i = 0; i < s->start[s->bundle->structures]; i++)
        fill_row(s->row + i, s, s->bundle->sighting + s->order[i]);
}

/* ---- the reduced system -------------------------------------------------------------------------------------------------- */

int32_t bundle_column(const bundle_system *s, int32_t camera, int32_t i) {
    if (i < 6) return 6 * camera + i;
    return 6 * s->bundle->cameras + (s->options.shared_lens ? 0 : camera * s->parts) + i - 6;
}

bool bundle_invert(double *inverse, const double *A, int32_t n) {
    double L[36], d[6]; /* A = L diag(d) L', L with unit diagonal */
    for (int32_t i = 0; i < n; i++) {
        for (int32_t j = 0; j <= i; j++) {
            double sum = A[i * n + j];
            for (int32_t k = 0; k < j; k++) sum -= L[i * n + k] * L[j * n + k] * d[k];
            if (j < i)
                L[i * n + j] = sum / d[j];
            else
                d[i] = sum;
        }
        if (!(d[i] > 1e-14 * A[i * n + i])) return false;
    }
    for (int32_t c = 0; c < n; c++) {
        double y[6];
        for (int32_t i = 0; i < n; i++) {
            y[i] = i == c;
            for (int32_t k = 0; k < i; k++) y[i] -= L[i * n + k] * y[k];
        }
        for (int32_t i = n - 1; i >= 0; i--) {
            y[i] /= d[i];
            for (int32_t k = i + 1; k < n; k++) y[i] -= L[k * n + i] * inverse[k * n + c];
            inverse[i * n + c] = y[i];
        }
    }
    return true;
}

void bundle_structure_block(double *A, double *b, double *W, int32_t *cameras, int32_t *count, const bundle_system *s,
                            int32_t structure) {
    const int32_t d = s->depth, m = s->width;
    memset(A, 0, (size_t)(d * d) * sizeof *A);
    memset(b, 0, (size_t)d * sizeof *b);
    *count = 0;
    double *w = NULL;
    for (int32_t i = s->start[structure]; i < s->start[structure + 1]; i++) {
        const bundle_row *row = s->row + i;
        if (!*count || cameras[*count - 1] != row->camera) {
            w = W + (size_t)(*count * m * d);
            cameras[(*count)++] = row->camera;
            memset(w, 0, (size_t)(m * d) * sizeof *w);
        }
        if (!(row->w > 0)) continue;
        for (int e = 0; e < 2; e++) {
            const double *Jc = row->Jc[e], *Js = row->Js[e], weight = row->w;
            for (int32_t x = 0; x < d; x++) {
                const double wx = weight * Js[x];
                b[x] += wx * row->r[e];
                for (int32_t y = 0; y < d; y++) A[x * d + y] += wx * Js[y];
            }
            for (int32_t x = 0; x < m && s->size; x++)
                for (int32_t y = 0; y < d; y++) w[x * d + y] += weight * Jc[x] * Js[y];
        }
    }
}

static void add_camera_blocks(bundle_system *s) {
    const int32_t m = s->width;
    const size_t all = (size_t)(s->bundle->cameras * m);
    for (int32_t i = 0; i < s->start[s->bundle->structures]; i++) {
        const bundle_row *row = s->row + i;
        if (!(row->w > 0)) continue;
        const size_t at = (size_t)(row->camera * m);
        for (int e = 0; e < 2; e++)
            for (int32_t x = 0; x < m; x++) {
                const double wx = row->w * row->Jc[e][x];
                s->h[at + (size_t)x] += wx * row->r[e];
                double *H = s->H + (at + (size_t)x) * all + at;
                for (int32_t y = 0; y < m; y++) H[y] += wx * row->Jc[e][y];
            }
    }
    for (size_t i = 0; i < all; i++) s->diagonal[i] = s->H[i * all + i];
}

static void damp(double *A, int32_t n, double lambda) {
    double trace = 0;
    for (int32_t i = 0; i < n; i++) trace += A[i * n + i];
    for (int32_t i = 0; i < n; i++) A[i * n + i] += lambda * A[i * n + i] + 1e-13 * trace + 1e-300;
}

/* What one structure takes from the system of the cameras that see it. */
static void eliminate(bundle_system *s, int32_t structure, double lambda, int32_t *cameras) {
    const int32_t d = s->depth, m = s->width;
    const size_t all = (size_t)(s->bundle->cameras * m);
    double A[36], inverse[36], b[6], *W = s->block, *Y = s->block + (size_t)(s->bundle->cameras * CAMERA_WIDTH * 6);
    int32_t count;
    bundle_structure_block(A, b, W, cameras, &count, s, structure);
    damp(A, d, lambda);
    if (!bundle_invert(inverse, A, d)) return;
    for (int32_t i = 0; i < count * m; i++)
        for (int32_t y = 0; y < d; y++) {
            double sum = 0;
            for (int32_t k = 0; k < d; k++) sum += W[i * d + k] * inverse[k * d + y];
            Y[i * d + y] = sum;
        }
    for (int32_t i = 0; i < count; i++) {
        const size_t at = (size_t)(cameras[i] * m);
        for (int32_t x = 0; x < m; x++) {
            const double *y = Y + (i * m + x) * d;
            for (int32_t k = 0; k < d; k++) s->h[at + (size_t)x] -= y[k] * b[k];
            for (int32_t j = 0; j < count; j++) {
                double *H = s->H + (at + (size_t)x) * all + (size_t)(cameras[j] * m);
                const double *w = W + j * m * d;
                for (int32_t q = 0; q < m; q++)
                    for (int32_t k = 0; k < d; k++) H[q] -= y[k] * w[q * d + k];
            }
        }
    }
}

static void add_priors(bundle_system *s) {
    if (!(s->options.lens_prior > 0)) return;
    for (int32_t c = 0; c < s->bundle->cameras; c++)
        for (int32_t i = 0; i < s->parts; i++) {
            const int32_t part = s->part[i], column = bundle_column(s, c, 6 + i);
            const double off = part_value(s->bundle->camera + c, part) - part_value(s->origin + c, part);
            const double sigma = prior_sigma(s, c, part);
            s->S[(size_t)column * (size_t)s->size + (size_t)column] += 1 / (sigma * sigma);
            s->g[column] -= off / (sigma * sigma);
        }
}

/* Places of the cameras, their middle and radius. */
static double rig_extent(double (*place)[3], double middle[3], const vg_bundle *b) {
    double radius = 0;
    middle[0] = middle[1] = middle[2] = 0;
    for (int32_t c = 0; c < b->cameras; c++) {
        vg_mat3_t_mul_vec(place[c], b->camera[c].R, b->camera[c].t);
        for (int k = 0; k < 3; k++) place[c][k] = -place[c][k], middle[k] += place[c][k] / b->cameras;
    }
    for (int32_t c = 0; c < b->cameras; c++)
        for (int k = 0; k < 3; k++) radius += (place[c][k] - middle[k]) * (place[c][k] - middle[k]) / b->cameras;
    return radius > 0 ? sqrt(radius) : 1;
}

/* Takes out of v what lies along `count` unit vectors and makes the rest one of them. False where nothing is left. */
static bool orthonormalise(double *v, const double *basis, int32_t count, size_t n, double scale) {
    double norm = 0;
    for (int32_t h = 0; h < count; h++) {
        double dot = 0;
        for (size_t i = 0; i < n; i++) dot += v[i] * basis[(size_t)h * n + i];
        for (size_t i = 0; i < n; i++) v[i] -= dot * basis[(size_t)h * n + i];
    }
    for (size_t i = 0; i < n; i++) norm += v[i] * v[i];
    const bool left = norm > 1e-18 * scale * scale;
    for (size_t i = 0; i < n; i++) v[i] = left ? v[i] / sqrt(norm) : 0;
    return left;
}

/* Directions in which the whole can move without a pixel noticing: three turns, three shifts and, of points, growth.
 * Orthonormal where a radian counts as much as the rig's radius; S gets gauge_weight v v' for each, so that steps keep
 * off them. */
static void add_gauge(bundle_system *s) {
    s->gauges = 0;
    if (!s->depth) return;
    const vg_bundle *b = s->bundle;
    const size_t n = (size_t)s->size;
    double place[VG_BUNDLE_CAMERAS_MAX][3], middle[3];
    s->radius = rig_extent(place, middle, b);
    for (int g = 0; g < (b->board ? 6 : 7); g++) {
        double *v = s->gauge + (size_t)s->gauges * n;
        const double axis[3] = {g % 3 == 0, g % 3 == 1, g % 3 == 2};
        memset(v, 0, n * sizeof *v);
        for (int32_t c = 0; c < b->cameras; c++) {
            double arm[3], turned[3];
            for (int k = 0; k < 3; k++) arm[k] = place[c][k] - middle[k];
            vg_mat3_mul_vec(turned, b->camera[c].R, axis);
            if (g < 3) vg_cross3(v + 6 * c + 3, axis, arm);
            for (int k = 0; k < 3; k++) {
                if (g < 3) v[6 * c + k] = -turned[k] * s->radius;
                if (g >= 3) v[6 * c + 3 + k] = g == 6 ? arm[k] : axis[k];
            }
        }
        s->gauges += orthonormalise(v, s->gauge, s->gauges, n, s->radius);
    }
    s->gauge_weight = 0;
    for (size_t i = 0; i < n; i++) s->gauge_weight += s->S[i * n + i] / (double)n;
    for (int32_t g = 0; g < s->gauges; g++) {
        double *v = s->gauge + (size_t)g * n;
        for (int32_t c = 0; c < b->cameras; c++)
            for (int k = 0; k < 3; k++) v[6 * c + k] *= s->radius;
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n && v[i] != 0; j++) s->S[i * n + j] += s->gauge_weight * v[i] * v[j];
    }
}

void bundle_reduce(bundle_system *s, double lambda) {
    const vg_bundle *b = s->bundle;
    const size_t n = (size_t)s->size, m = (size_t)s->width, all = (size_t)b->cameras * m;
    if (!n) return;
    int32_t cameras[VG_BUNDLE_CAMERAS_MAX];
    memset(s->H, 0, all * all * sizeof *s->H);
    memset(s->h, 0, all * sizeof *s->h);
    add_camera_blocks(s);
    for (int32_t k = 0; k < b->structures && s->depth; k++)
        if (s->start[k + 1] > s->start[k]) eliminate(s, k, lambda, cameras);
    memset(s->S, 0, n * n * sizeof *s->S);
    memset(s->g, 0, n * sizeof *s->g);
    for (int32_t c = 0; c < b->cameras; c++)
        for (int32_t i = 0; i < s->width; i++) {
            const size_t from = (size_t)c * m + (size_t)i, row = (size_t)bundle_column(s, c, i);
            s->g[row] += s->h[from];
            s->S[row * n + row] += lambda * s->diagonal[from];
            for (int32_t e = 0; e < b->cameras; e++)
                for (int32_t j = 0; j < s->width; j++)
                    s->S[row * n + (size_t)bundle_column(s, e, j)] += s->H[from * all + (size_t)e * m + (size_t)j];
        }
    add_priors(s);
    for (size_t i = 0; i < n; i++)
        if (!(s->S[i * n + i] > 0)) s->S[i * n + i] = 1; /* a camera that sees nothing stays where it is */
    add_gauge(s);
}

/* b - W' step of the cameras, then A^-1 of it. */
static void step_back(bundle_system *s, int32_t structure, double lambda, int32_t *cameras) {
    const int32_t d = s->depth, m = s->width;
    double A[36], inverse[36], b[6], *W = s->block, *out = s->structure_step + (size_t)(structure * d);
    int32_t count;
    memset(out, 0, (size_t)d * sizeof *out);
    bundle_structure_block(A, b, W, cameras, &count, s, structure);
    damp(A, d, lambda);
    if (!bundle_invert(inverse, A, d)) return;
    for (int32_t i = 0; i < count && s->size; i++)
        for (int32_t x = 0; x < m; x++) {
            const double step = s->step[bundle_column(s, cameras[i], x)];
            for (int32_t y = 0; y < d; y++) b[y] -= W[(i * m + x) * d + y] * step;
        }
    for (int32_t x = 0; x < d; x++)
        for (int32_t y = 0; y < d; y++) out[x] += inverse[x * d + y] * b[y];
}

bool bundle_solve(bundle_system *s, double lambda) {
    const lapack_int n = s->size;
    int32_t cameras[VG_BUNDLE_CAMERAS_MAX];
    if (n) {
        memcpy(s->step, s->g, (size_t)n * sizeof *s->g);
        if (LAPACKE_dposv(LAPACK_ROW_MAJOR, 'U', n, 1, s->S, n, s->step, 1) != 0) return false;
    }
    for (int32_t k = 0; k < s->bundle->structures && s->depth; k++)
        if (s->start[k + 1] > s->start[k]) step_back(s, k, lambda, cameras);
    return true;
}

/* ---- moving ---------------------------------------------------------------------------------------------------------------- */

static void turn(double R[9], const double w[3]) {
    double E[9], out[9];
    vg_rotation_from_vector(E, w);
    vg_mat3_mul(out, E, R);
    memcpy(R, out, sizeof out);
}

static void move_camera(vg_camera *camera, const bundle_system *s, int32_t c) {
    const double *step = s->step + (size_t)(6 * c);
    double place[3], t[3];
    vg_mat3_t_mul_vec(place, camera->R, camera->t);
    for (int k = 0; k < 3; k++) place[k] = -place[k] + step[3 + k];
    turn(camera->R, step);
    vg_mat3_mul_vec(t, camera->R, place);
    for (int k = 0; k < 3; k++) camera->t[k] = -t[k];
    for (int32_t i = 0; i < s->parts; i++) {
        const int32_t part = s->part[i];
        const double change = s->step[bundle_column(s, c, 6 + i)];
        if (part < 2) camera->fy *= exp(change);
        if (part == 0) camera->fx *= exp(change);
        if (part == 2) camera->cx += change;
        if (part == 3) camera->cy += change;
        if (part >= 4) camera->distortion[part - 4] += change;
    }
}

void bundle_apply(vg_bundle *b, const bundle_system *s) {
    for (int32_t c = 0; c < b->cameras && s->size; c++) move_camera(b->camera + c, s, c);
    for (int32_t k = 0; k < b->structures && s->depth; k++) {
        if (s->start[k + 1] == s->start[k]) continue;
        const double *step = s->structure_step + (size_t)(k * s->depth);
        if (b->board) turn(b->board[k].R, step);
        for (int j = 0; j < 3; j++)
            *(b->board ? b->board[k].t + j : b->point + 3 * (size_t)k + j) += step[b->board ? 3 + j : j];
    }
}
