/* Levenberg-Marquardt over bundle_system.c's steps (damping after Nielsen, "Damping parameter in Marquardt's method", IMM
 * 1999), and the covariance of where it ends. */
#include "calibration/bundle.h"

#include "calibration/bundle_system.h"
#include "calibration/calibration.h"
#include "calibration/lens.h"

#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LAMBDA_START 1e-4
#define LAMBDA_MIN   1e-12
#define LAMBDA_MAX   1e12

vg_bundle_options vg_bundle_options_default(void) {
    return (vg_bundle_options){.loss = VG_LOSS_SQUARE, .loss_scale = 1, .steps = 50, .tolerance = 1e-10};
}

static vg_status check(const vg_bundle *b, const vg_bundle_options *o, vg_error *err) {
    if (b->cameras < 1 || b->cameras > VG_BUNDLE_CAMERAS_MAX)
        return vg_fail(err, VG_INVALID, "bundle adjustment: %d cameras; it takes 1 to %d", b->cameras,
                       VG_BUNDLE_CAMERAS_MAX);
    if (b->structures < 1 || b->sightings < 1)
        return vg_fail(err, VG_INVALID, "bundle adjustment: %d points or boards and %d sightings; there must be some",
                       b->structures, b->sightings);
    if (o->hold_cameras && o->hold_structures)
        return vg_fail(err, VG_INVALID, "bundle adjustment: cameras and structures are both held; nothing can move");
    if (!(o->loss_scale > 0))
        return vg_fail(err, VG_INVALID, "bundle adjustment: the loss's scale is %g; it must be above 0", o->loss_scale);
    for (int32_t i = 0; i < b->sightings; i++) {
        const vg_bundle_sighting *g = b->sighting + i;
        if (g->camera < 0 || g->camera >= b->cameras || g->structure < 0 || g->structure >= b->structures ||
            g->corner < 0)
            return vg_fail(err, VG_INVALID,
                           "bundle adjustment: sighting %d is of camera %d, structure %d, corner %d; there "
                           "are %d cameras and %d structures",
                           i, g->camera, g->structure, g->corner, b->cameras, b->structures);
        if (g->weight > 0 && !(isfinite(g->u) && isfinite(g->v) && isfinite(g->weight)))
            return vg_fail(err, VG_INVALID, "bundle adjustment: sighting %d of camera %d is not a finite pixel", i,
                           g->camera);
    }
    return VG_OK;
}

/* A copy of what moves. */
typedef struct state {
    vg_camera *camera;
    double *structure;
} state;

static size_t structure_bytes(const vg_bundle *b) {
    return (size_t)b->structures * (b->board ? sizeof *b->board : 3 * sizeof *b->point);
}

static void state_save(state *s, const vg_bundle *b) {
    memcpy(s->camera, b->camera, (size_t)b->cameras * sizeof *b->camera);
    memcpy(s->structure, b->board ? (const void *)b->board : b->point, structure_bytes(b));
}

static void state_restore(vg_bundle *b, const state *s) {
    memcpy(b->camera, s->camera, (size_t)b->cameras * sizeof *b->camera);
    memcpy(b->board ? (void *)b->board : b->point, s->structure, structure_bytes(b));
}

static double step_length(const bundle_system *s) {
    double sum = 0;
    for (int32_t i = 0; i < s->size; i++) sum += s->step[i] * s->step[i];
    for (int32_t i = 0; i < s->bundle->structures * s->depth; i++) sum += s->structure_step[i] * s->structure_step[i];
    return sqrt(sum);
}

static void descend(vg_bundle *b, bundle_system *s, state *saved, vg_bundle_result *result) {
    double lambda = LAMBDA_START, grow = 2, cost = bundle_cost(s, NULL);
    result->cost_start = cost;
    bool fresh = true;
    while (result->steps < s->options.steps && lambda < LAMBDA_MAX) {
        if (fresh) bundle_linearise(s);
        fresh = false;
        result->steps++;
        state_save(saved, b);
        bundle_reduce(s, lambda);
        double trial = (double)NAN;
        if (bundle_solve(s, lambda)) {
            bundle_apply(b, s);
            trial = bundle_cost(s, NULL);
        }
        if (trial <= cost) {
            const double fall = cost - trial;
            cost = trial, fresh = true, grow = 2;
            lambda = fmax(lambda / 5, LAMBDA_MIN);
            if (fall <= s->options.tolerance * (cost + 1e-300) || step_length(s) < 1e-13) {
                result->converged = true;
                break;
            }
        } else {
            state_restore(b, saved);
            lambda *= grow, grow *= 2;
        }
    }
    if (lambda >= LAMBDA_MAX) result->converged = true; /* no step lowers the cost any further */
    result->cost = bundle_cost(s, result);
}

vg_status vg_bundle_adjust(vg_bundle *b, const vg_bundle_options *options, vg_bundle_result *result, vg_error *err) {
    vg_bundle_result own;
    if (!result) result = &own;
    *result = (vg_bundle_result){0};
    VG_TRY(check(b, options, err));
    const size_t cameras = (size_t)b->cameras * sizeof *b->camera;
    vg_camera *origin = malloc(cameras);
    state saved = {malloc(cameras), malloc(structure_bytes(b))};
    bundle_system system = {0};
    vg_status status =
        origin && saved.camera && saved.structure ? VG_OK : vg_fail(err, VG_NO_MEMORY, "bundle: out of memory");
    if (status == VG_OK) memcpy(origin, b->camera, cameras);
    if (status == VG_OK) status = bundle_system_create(&system, b, options, origin, err);
    if (status == VG_OK && system.start[b->structures] == 0)
        status = vg_fail(err, VG_INVALID,
                         b->board ? "bundle adjustment: no board has %d corners seen"
                                  : "bundle adjustment: no point is seen by %d cameras",
                         b->board ? MIN_BOARD_SEEN : 2);
    if (status == VG_OK) descend(b, &system, &saved, result);
    bundle_system_free(&system);
    free(saved.camera), free(saved.structure), free(origin);
    return status;
}

void vg_bundle_residuals(double *distance, const vg_bundle *b) {
    double limit[VG_BUNDLE_CAMERAS_MAX];
    for (int32_t c = 0; c < b->cameras && c < VG_BUNDLE_CAMERAS_MAX; c++) limit[c] = vg_lens_limit(b->camera + c);
    for (int32_t i = 0; i < b->sightings; i++) {
        const vg_bundle_sighting *g = b->sighting + i;
        double uv[2], x[3];
        if (b->board) {
            vg_rigid_apply(x, b->board + g->structure, b->corner + 3 * (size_t)g->corner);
        } else {
            memcpy(x, b->point + 3 * (size_t)g->structure, sizeof x);
        }
        const vg_camera *c = b->camera + g->camera;
        double p[3], K[6];
        vg_mat3_mul_vec(p, c->R, x);
        for (int k = 0; k < 3; k++) p[k] += c->t[k];
        const double radius = lens_project(uv, K, NULL, c, p);
        const bool seen = (c->lens == VG_LENS_FISHEYE || p[2] > 0) && radius <= limit[g->camera];
        distance[i] = seen ? hypot(uv[0] - g->u, uv[1] - g->v) : (double)NAN;
    }
}

/* ---- covariance ------------------------------------------------------------------------------------------------------------ */

/* The inverse of S, in place, times `variance`, without what S holds along the gauge: there it is v v' / gauge_weight, with
 * v turned back from the scale in which a radian counts as the rig's radius. */
static bool invert_reduced(bundle_system *s, double variance) {
    const lapack_int n = s->size;
    const size_t size = (size_t)n;
    if (LAPACKE_dpotrf(LAPACK_ROW_MAJOR, 'U', n, s->S, n) != 0 ||
        LAPACKE_dpotri(LAPACK_ROW_MAJOR, 'U', n, s->S, n) != 0)
        return false;
    const double r2 = s->radius * s->radius;
    for (int32_t g = 0; g < s->gauges; g++)
        for (int32_t c = 0; c < s->bundle->cameras; c++)
            for (int k = 0; k < 3; k++) s->gauge[(size_t)g * size + (size_t)(6 * c + k)] /= r2;
    for (size_t i = 0; i < size; i++)
        for (size_t j = i; j < size; j++) {
            double along = 0;
            for (int32_t g = 0; g < s->gauges; g++)
                along += s->gauge[(size_t)g * size + i] * s->gauge[(size_t)g * size + j] / s->gauge_weight;
            s->S[j * size + i] = s->S[i * size + j] = variance * (s->S[i * size + j] - along);
        }
    return true;
}

static void structure_covariance(double *out, const bundle_system *s, int32_t structure, double variance, double *T) {
    const int32_t d = s->depth, m = s->width;
    int32_t cameras[VG_BUNDLE_CAMERAS_MAX], count;
    double A[36], inverse[36], b[6], *W = s->block;
    bundle_structure_block(A, b, W, cameras, &count, s, structure);
    if (!count || !bundle_invert(inverse, A, d)) {
        for (int32_t i = 0; i < d * d; i++) out[i] = (double)NAN;
        return;
    }
    for (int32_t i = 0; i < d * d; i++) out[i] = variance * inverse[i];
    const int32_t n = count * m;
    double *Y = s->block + (size_t)(s->bundle->cameras * CAMERA_WIDTH * 6);
    for (int32_t i = 0; i < n; i++)
        for (int32_t y = 0; y < d; y++) {
            double sum = 0;
            for (int32_t k = 0; k < d; k++) sum += W[i * d + k] * inverse[k * d + y];
            Y[i * d + y] = sum;
        }
    for (int32_t i = 0; i < n && s->size; i++) { /* T = Sigma Y, then out += Y' T */
        const size_t row = (size_t)bundle_column(s, cameras[i / m], i % m) * (size_t)s->size;
        for (int32_t y = 0; y < d; y++) T[i * d + y] = 0;
        for (int32_t j = 0; j < n; j++) {
            const double sigma = s->S[row + (size_t)bundle_column(s, cameras[j / m], j % m)];
            for (int32_t y = 0; y < d; y++) T[i * d + y] += sigma * Y[j * d + y];
        }
    }
    for (int32_t i = 0; i < n && s->size; i++)
        for (int32_t x = 0; x < d; x++)
            for (int32_t y = 0; y < d; y++) out[x * d + y] += Y[i * d + x] * T[i * d + y];
}

static void hand_out(vg_bundle_covariance *out, bundle_system *s, double variance, double *T) {
    const vg_bundle *b = s->bundle;
    const size_t n = (size_t)s->size, d = (size_t)s->depth;
    for (int32_t c = 0; c < b->cameras && n; c++) {
        for (size_t i = 0; i < 6; i++)
            for (size_t j = 0; j < 6; j++)
                out->camera[36 * (size_t)c + 6 * i + j] = s->S[(6 * (size_t)c + i) * n + 6 * (size_t)c + j];
        for (int32_t i = 0; i < s->parts; i++)
            out->lens[c * s->parts + i] = s->S[(size_t)bundle_column(s, c, 6 + i) * (n + 1)];
    }
    for (int32_t k = 0; k < b->structures && d; k++)
        structure_covariance(out->structure + d * d * (size_t)k, s, k, variance, T);
    memcpy(out->full, s->S, n * n * sizeof *out->full);
}

vg_status vg_bundle_covariances(vg_bundle_covariance *out, const vg_bundle *b, const vg_bundle_options *options,
                                double variance, vg_error *err) {
    *out = (vg_bundle_covariance){0};
    VG_TRY(check(b, options, err));
    bundle_system s;
    VG_TRY(bundle_system_create(&s, b, options, b->camera, err));
    const size_t cameras = (size_t)b->cameras, d = (size_t)s.depth, n = (size_t)s.size;
    *out = (vg_bundle_covariance){
        .cameras = b->cameras, .structures = b->structures, .lens_parts = s.parts, .size = s.size};
    out->camera = calloc(cameras * 36, sizeof *out->camera);
    out->lens = calloc(cameras * LENS_PARTS, sizeof *out->lens);
    out->structure = calloc((size_t)b->structures * d * d + 1, sizeof *out->structure);
    out->full = calloc(n * n + 1, sizeof *out->full);
    double *T = calloc(cameras * CAMERA_WIDTH * 6, sizeof *T);
    vg_status status = out->camera && out->lens && out->structure && out->full && T
                           ? VG_OK
                           : vg_fail(err, VG_NO_MEMORY, "covariance: out of memory");
    if (status == VG_OK) {
        bundle_linearise(&s);
        bundle_reduce(&s, 0);
        if (n && !invert_reduced(&s, variance))
            status = vg_fail(err, VG_FAILED, "covariance: the sightings leave a camera or a lens undetermined");
        else
            hand_out(out, &s, variance, T);
    }
    free(T);
    bundle_system_free(&s);
    if (status != VG_OK) vg_bundle_covariance_free(out);
    return status;
}

void vg_bundle_covariance_free(vg_bundle_covariance *c) {
    free(c->camera), free(c->lens), free(c->structure), free(c->full);
    *c = (vg_bundle_covariance){0};
}
