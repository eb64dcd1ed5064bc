/* One lens and its boards by Levenberg-Marquardt. The poses are eliminated view by view (Schur complement), so that a step
 * costs a small dense system whatever the number of pictures: OpenCV's calibrateCamera decomposes the whole system instead,
 * and takes seconds for sixty pictures where this takes a hundredth. The same elimination gives the standard deviations, which
 * OpenCV does not have for a fisheye. */
#include "calibration/lens_fit.h"

#include "calibration/calibration.h"
#include "calibration/cv_wrap.h"
#include "common/transform.h"

#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 200 };

vg_camera lens_posed(const vg_camera *lens, const double pose[12]) {
    vg_camera c = *lens;
    memcpy(c.R, pose, sizeof c.R);
    memcpy(c.t, pose + 9, sizeof c.t);
    return c;
}

/* Sum of squares over all corners; INFINITY where one is behind the camera. */
static double square_sum(const vg_camera *camera, const double *pose, const views *v) {
    double sum = 0;
    for (int32_t view = 0; view < v->count; view++) {
        const vg_camera c = lens_posed(camera, pose + 12 * view);
        for (int32_t i = v->start[view]; i < v->start[view + 1]; i++) {
            double uv[2];
            vg_project(uv, NULL, NULL, &c, v->X + 3 * i);
            const double d[2] = {v->uv[2 * i] - uv[0], v->uv[2 * i + 1] - uv[1]};
            sum += d[0] * d[0] + d[1] * d[1];
        }
    }
    return isfinite(sum) ? sum : (double)INFINITY;
}

/* --- start --------------------------------------------------------------------------------------------------------- */

vg_status lens_start(vg_camera *camera, double *pose, const views *v, vg_error *err) {
    static const double focals[] = {0.25, 0.4, 0.6, 0.85, 1.2, 1.7, 2.4, 3.5, 5}; /* of the picture's longer side */
    const double side = camera->width > camera->height ? camera->width : camera->height;
    double *tried = calloc((size_t)v->count, 12 * sizeof *tried), best = (double)INFINITY;
    if (!tried) return vg_fail(err, VG_NO_MEMORY, "no memory for %d boards", v->count);
    for (size_t f = 0; f < sizeof focals / sizeof focals[0]; f++) {
        vg_camera c = *camera;
        vg_error ignored;
        c.fx = c.fy = focals[f] * side;
        c.cx = (camera->width - 1) / 2.0, c.cy = (camera->height - 1) / 2.0;
        memset(c.distortion, 0, sizeof c.distortion);
        bool fine = true;
        for (int32_t i = 0; fine && i < v->count; i++) {
            const int32_t from = v->start[i];
            double *p = tried + 12 * i;
            fine = vg_cv_solve_pnp(p, p + 9, &c, v->X + 3 * from, v->uv + 2 * from, v->start[i + 1] - from, &ignored) ==
                   VG_OK;
        }
        const double sum = fine ? square_sum(&c, tried, v) : (double)INFINITY;
        if (sum >= best) continue;
        best = sum;
        *camera = c;
        memcpy(pose, tried, sizeof *pose * 12 * (size_t)v->count);
    }
    free(tried);
    if (isfinite(best)) return VG_OK;
    return vg_fail(err, VG_FAILED, "%d boards fit no lens; is the board described as it is, the picture not mirrored?",
                   v->count);
}

/* --- steps --------------------------------------------------------------------------------------------------------- */

/* d(u, v) / d(lens) and d(u, v) / d(turn, move) of one point. */
static void jacobian(double lens[2][LENS_PARTS], double pose[2][6], double uv[2], const vg_camera *c, const double X[3],
                     int parts) {
    double J[6], Rx[3];
    vg_project(uv, NULL, J, c, X);
    vg_mat3_mul_vec(Rx, c->R, X);
    memset(lens, 0, sizeof(double[2][LENS_PARTS]));
    lens[0][0] = (uv[0] - c->cx) / c->fx, lens[1][1] = (uv[1] - c->cy) / c->fy;
    lens[0][2] = lens[1][3] = 1;
    for (int k = 0; k < parts - 4; k++) { /* smooth in each coefficient: symmetric differences are good to 1e-9 */
        vg_camera low = *c, high = *c;
        double a[2], b[2];
        const double step = 1e-5;
        low.distortion[k] -= step, high.distortion[k] += step;
        vg_project(a, NULL, NULL, &low, X);
        vg_project(b, NULL, NULL, &high, X);
        for (int r = 0; r < 2; r++) lens[r][4 + k] = (b[r] - a[r]) / (2 * step);
    }
    for (int r = 0; r < 2; r++) {
        double M[3]; /* d / d(point in the camera's frame) = J R'; that point moves by turn x R X + move */
        vg_mat3_mul_vec(M, c->R, J + 3 * r);
        vg_cross3(pose[r], Rx, M);
        memcpy(pose[r] + 3, M, sizeof M);
    }
}

/* What one view says: normal matrices and gradients of lens (A, a), pose (C, c) and between (B [lens, pose]). */
typedef struct view_normal {
    double A[LENS_PARTS][LENS_PARTS], a[LENS_PARTS], B[LENS_PARTS][6], C[6][6], c[6];
} view_normal;

static void view_normals(view_normal *n, const vg_camera *camera, const double *pose, const views *v, int32_t view,
                         int parts) {
    const vg_camera c = lens_posed(camera, pose + 12 * view);
    *n = (view_normal){0};
    for (int32_t i = v->start[view]; i < v->start[view + 1]; i++) {
        double L[2][LENS_PARTS], P[2][6], uv[2];
        jacobian(L, P, uv, &c, v->X + 3 * i, parts);
        for (int r = 0; r < 2; r++) {
            const double error = v->uv[2 * i + r] - uv[r];
            for (int j = 0; j < parts; j++) {
                for (int k = 0; k < parts; k++) n->A[j][k] += L[r][j] * L[r][k];
                for (int k = 0; k < 6; k++) n->B[j][k] += L[r][j] * P[r][k];
                n->a[j] += L[r][j] * error;
            }
            for (int j = 0; j < 6; j++) {
                for (int k = 0; k < 6; k++) n->C[j][k] += P[r][j] * P[r][k];
                n->c[j] += P[r][j] * error;
            }
        }
    }
}

/* W = C^-1 [B', c], columns of 6, with the diagonal of C made larger by `damping`. */
static bool eliminate(double W[LENS_PARTS + 1][6], const view_normal *n, int parts, double damping) {
    double C[6][6];
    memcpy(C, n->C, sizeof C);
    for (int k = 0; k < 6; k++) C[k][k] *= 1 + damping;
    memcpy(W, n->B, sizeof n->B);
    memcpy(W[parts], n->c, sizeof n->c);
    return LAPACKE_dposv(LAPACK_COL_MAJOR, 'L', 6, parts + 1, &C[0][0], 6, &W[0][0], 6) == 0;
}

/* The system of the lens alone: S = sum A - B C^-1 B', s = sum a - B C^-1 c. */
static bool reduce(double S[LENS_PARTS * LENS_PARTS], double s[LENS_PARTS], const view_normal *n, int32_t count,
                   int parts, double damping) {
    memset(S, 0, sizeof(double[LENS_PARTS * LENS_PARTS]));
    memset(s, 0, sizeof(double[LENS_PARTS]));
    for (int32_t view = 0; view < count; view++) {
        double W[LENS_PARTS + 1][6];
        if (!eliminate(W, &n[view], parts, damping)) return false;
        for (int j = 0; j < parts; j++) {
            for (int k = 0; k < parts; k++) {
                S[parts * j + k] += n[view].A[j][k] * (j == k ? 1 + damping : 1);
                for (int q = 0; q < 6; q++) S[parts * j + k] -= n[view].B[j][q] * W[k][q];
            }
            s[j] += n[view].a[j];
            for (int q = 0; q < 6; q++) s[j] -= n[view].B[j][q] * W[parts][q];
        }
    }
    return true;
}

/* A damped step from the normals into `to` and `pose_to`; false where the system is singular. */
static bool step(vg_camera *to, double *pose_to, const vg_camera *from, const double *pose, const view_normal *n,
                 int32_t count, int parts, double damping) {
    double S[LENS_PARTS * LENS_PARTS], d[LENS_PARTS];
    if (!reduce(S, d, n, count, parts, damping)) return false;
    if (LAPACKE_dposv(LAPACK_COL_MAJOR, 'L', parts, 1, S, parts, d, parts) != 0) return false;
    *to = *from;
    to->fx += d[0], to->fy += d[1], to->cx += d[2], to->cy += d[3];
    for (int k = 0; k < parts - 4; k++) to->distortion[k] += d[4 + k];
    for (int32_t view = 0; view < count; view++) {
        double W[LENS_PARTS + 1][6], turn[9];
        if (!eliminate(W, &n[view], parts, damping)) return false;
        for (int q = 0; q < 6; q++) /* pose = C^-1 (c - B' lens) */
            for (int j = 0; j < parts; j++) W[parts][q] -= W[j][q] * d[j];
        vg_rotation_from_vector(turn, W[parts]);
        vg_mat3_mul(pose_to + 12 * view, turn, pose + 12 * view);
        for (int k = 0; k < 3; k++) pose_to[12 * view + 9 + k] = pose[12 * view + 9 + k] + W[parts][3 + k];
    }
    return to->fx > 0 && to->fy > 0;
}

/* One LM iteration: tries smaller and smaller steps until one lowers the sum. False: none does, this is the minimum. */
static bool iterate(vg_camera *camera, double *pose, double *room, double *sum, double *damping, view_normal *n,
                    const views *v, int parts) {
    for (int32_t view = 0; view < v->count; view++) view_normals(&n[view], camera, pose, v, view, parts);
    for (; *damping < 1e12; *damping *= 8) {
        vg_camera to;
        if (!step(&to, room, camera, pose, n, v->count, parts, *damping)) continue;
        const double now = square_sum(&to, room, v);
        if (!(now < *sum)) continue;
        const bool done = *sum - now < 1e-12 * *sum;
        *camera = to;
        memcpy(pose, room, sizeof *pose * 12 * (size_t)v->count);
        *sum = now;
        *damping = fmax(*damping / 8, 1e-15);
        return !done;
    }
    return false;
}

vg_status lens_fit(vg_camera *camera, double *pose, double *rms, const views *v, int coefficients, vg_error *err) {
    double *room = calloc((size_t)v->count, 12 * sizeof *room), damping = 1e-3;
    view_normal *n = calloc((size_t)v->count, sizeof *n);
    vg_status status = room && n ? VG_OK : vg_fail(err, VG_NO_MEMORY, "no memory for %d boards", v->count);
    if (status == VG_OK) {
        double sum = square_sum(camera, pose, v);
        for (int s = 0; s < STEPS; s++)
            if (!iterate(camera, pose, room, &sum, &damping, n, v, 4 + coefficients)) break;
        *rms = sqrt(sum / v->points);
        if (!isfinite(*rms)) status = vg_fail(err, VG_FAILED, "%d boards fit no lens", v->count);
    }
    free(room);
    free(n);
    return status;
}

void lens_deviations(double deviation[LENS_PARTS], const vg_camera *camera, const double *pose, double rms,
                     const views *v, int coefficients) {
    const int parts = 4 + coefficients;
    double S[LENS_PARTS * LENS_PARTS], s[LENS_PARTS];
    view_normal *n = calloc((size_t)v->count, sizeof *n);
    bool known = n != NULL;
    for (int32_t view = 0; known && view < v->count; view++) view_normals(&n[view], camera, pose, v, view, parts);
    known = known && reduce(S, s, n, v->count, parts, 0) &&
            LAPACKE_dpotrf(LAPACK_COL_MAJOR, 'L', parts, S, parts) == 0 &&
            LAPACKE_dpotri(LAPACK_COL_MAJOR, 'L', parts, S, parts) == 0;
    free(n);
    const double freedom = fmax(1, 2.0 * v->points - parts - 6.0 * v->count);
    for (int k = 0; k < LENS_PARTS; k++)
        deviation[k] = k >= parts ? 0
                       : known    ? sqrt(rms * rms * v->points / freedom * S[(parts + 1) * k])
                                  : (double)NAN;
}
