/* RANSAC over the minimal solvers. */
#include "calibration/median.h"
#include "calibration/minimal.h"

#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CONFIDENCE 0.999

bool vg_nearest_point(double X[3], const double o0[3], const double d0[3], const double o1[3], const double d1[3]) {
    const double w[3] = {o0[0] - o1[0], o0[1] - o1[1], o0[2] - o1[2]};
    const double b = vg_dot3(d0, d1), d = vg_dot3(d0, w), e = vg_dot3(d1, w), below = 1 - b * b;
    const double s = (b * e - d) / below, t = (e - b * d) / below;
    for (int k = 0; k < 3; k++) X[k] = 0.5 * (o0[k] + s * d0[k] + o1[k] + t * d1[k]);
    return below > 1e-12 && s > 0 && t > 0;
}

/* Different numbers below n. */
static void draw(int32_t *out, int32_t count, int32_t n, vg_rng *rng) {
    for (int32_t i = 0; i < count; i++) {
        bool again = true;
        while (again) {
            out[i] = (int32_t)vg_rng_below(rng, (uint32_t)n);
            again = false;
            for (int32_t j = 0; j < i; j++) again |= out[j] == out[i];
        }
    }
}

/* Trials after which all samples of `size` would have held an outlier by a chance of 1 - CONFIDENCE only. */
static int32_t trials_needed(int32_t inliers, int32_t n, int32_t size, int32_t most) {
    const double share = pow((double)inliers / n, size);
    if (share >= 1) return 1;
    const double trials = log(1 - CONFIDENCE) / log1p(-share);
    return trials < most ? (int32_t)ceil(trials) : most;
}

/* ---- one camera among points --------------------------------------------------------------------------------------------- */

/* Sum of truncated squared sines of the angles between directions and points. */
static double score_pose(int32_t *inliers, bool *inlier, const vg_rigid *pose, const double *X, const double *f,
                         int32_t n, double limit2, double stop) {
    double sum = 0;
    *inliers = 0;
    for (int32_t i = 0; i < n; i++) {
        double p[3], c[3];
        vg_rigid_apply(p, pose, X + 3 * i);
        vg_cross3(c, p, f + 3 * i);
        const bool front = vg_dot3(p, f + 3 * i) > 0;
        const double e2 = vg_dot3(c, c) / vg_dot3(p, p);
        const bool in = front && e2 < limit2;
        *inliers += in;
        sum += in ? e2 : limit2;
        if (inlier) inlier[i] = in;
        if (sum > stop) break;
    }
    return sum;
}

int32_t vg_resect(vg_rigid *pose, bool *inlier, const double *X, const double *f, int32_t n, const vg_ransac *ransac) {
    if (n < 4) return 0;
    vg_rng rng = vg_rng_at(ransac->seed, ransac->stream, 0, VG_DRAW_CALIBRATE);
    const double limit2 = ransac->threshold * ransac->threshold;
    double best = (double)INFINITY;
    int32_t most = 0, trials = ransac->trials;
    for (int32_t trial = 0; trial < trials; trial++) {
        int32_t sample[3];
        double Xs[9], fs[9];
        draw(sample, 3, n, &rng);
        for (int i = 0; i < 3; i++) {
            memcpy(Xs + 3 * i, X + 3 * sample[i], 3 * sizeof *Xs);
            memcpy(fs + 3 * i, f + 3 * sample[i], 3 * sizeof *fs);
        }
        vg_rigid found[VG_P3P_MAX];
        const int32_t poses = vg_pose_of_three(found, Xs, fs);
        for (int32_t i = 0; i < poses; i++) {
            int32_t inliers;
            const double score = score_pose(&inliers, NULL, found + i, X, f, n, limit2, best);
            if (!(score < best)) continue;
            best = score, most = inliers, *pose = found[i];
            trials = trials_needed(inliers, n, 3, ransac->trials);
        }
    }
    if (most && inlier) score_pose(&most, inlier, pose, X, f, n, limit2, (double)INFINITY);
    return most;
}

/* ---- two cameras ------------------------------------------------------------------------------------------------------------ */

/* Truncated squared Sampson distances of directions to their epipolar planes, radians. */
static double score_essential(const double E[9], const double *f0, const double *f1, int32_t n, double limit2,
                              double stop) {
    double sum = 0;
    for (int32_t i = 0; i < n && sum <= stop; i++) {
        double l1[3], l0[3], a[3], b[3];
        vg_mat3_mul_vec(l1, E, f0 + 3 * i);
        vg_mat3_t_mul_vec(l0, E, f1 + 3 * i);
        vg_cross3(a, l1, f1 + 3 * i), vg_cross3(b, l0, f0 + 3 * i);
        const double off = vg_dot3(f1 + 3 * i, l1);
        sum += fmin(off * off / (vg_dot3(a, a) + vg_dot3(b, b) + 1e-300), limit2);
    }
    return sum;
}

/* The four poses of an essential matrix. */
static bool poses_of_essential(vg_rigid out[4], const double E[9]) {
    double A[9], s[3], U[9], Vt[9], superb[2];
    memcpy(A, E, sizeof A);
    if (LAPACKE_dgesvd(LAPACK_ROW_MAJOR, 'A', 'A', 3, 3, A, 3, s, U, 3, Vt, 3, superb) != 0) return false;
    const double sign = vg_mat3_det(U) * vg_mat3_det(Vt) < 0 ? -1 : 1;
    for (int i = 0; i < 4; i++) {
        const double z = i & 1 ? -1 : 1;
        const double W[9] = {0, -z, 0, z, 0, 0, 0, 0, 1};
        double UW[9];
        vg_mat3_mul(UW, U, W);
        vg_mat3_mul(out[i].R, UW, Vt);
        for (int k = 0; k < 9; k++) out[i].R[k] *= sign;
        for (int k = 0; k < 3; k++) out[i].t[k] = (i & 2 ? -1 : 1) * U[3 * k + 2];
    }
    return true;
}

/* Inliers of a pose: rays that pass each other within the threshold, before both cameras. `angle` [n] between them. */
static int32_t relative_inliers(bool *inlier, double *angle, const vg_rigid *pose, const double *f0, const double *f1,
                                int32_t n, double limit2) {
    const double origin[3] = {0};
    double o1[3], tx[9] = {0, -pose->t[2], pose->t[1], pose->t[2], 0, -pose->t[0], -pose->t[1], pose->t[0], 0}, E[9];
    vg_mat3_t_mul_vec(o1, pose->R, pose->t);
    for (int k = 0; k < 3; k++) o1[k] = -o1[k];
    vg_mat3_mul(E, tx, pose->R);
    int32_t count = 0;
    for (int32_t i = 0; i < n; i++) {
        double d1[3], X[3];
        vg_mat3_t_mul_vec(d1, pose->R, f1 + 3 * i);
        const bool in = score_essential(E, f0 + 3 * i, f1 + 3 * i, 1, limit2, (double)INFINITY) < limit2 &&
                        vg_nearest_point(X, origin, f0 + 3 * i, o1, d1);
        if (angle && in) angle[count] = acos(fmin(1, vg_dot3(f0 + 3 * i, d1)));
        if (inlier) inlier[i] = in;
        count += in;
    }
    return count;
}

int32_t vg_relative_inliers(const vg_rigid *pose, const double *f0, const double *f1, int32_t n, double threshold) {
    return relative_inliers(NULL, NULL, pose, f0, f1, n, threshold * threshold);
}

int32_t vg_relate(vg_rigid *pose, bool *inlier, double *parallax, const double *f0, const double *f1, int32_t n,
                  const vg_ransac *ransac) {
    if (n < 6) return 0;
    vg_rng rng = vg_rng_at(ransac->seed, ransac->stream, 1, VG_DRAW_CALIBRATE);
    const double limit2 = ransac->threshold * ransac->threshold;
    double best = (double)INFINITY;
    int32_t most = 0, trials = ransac->trials;
    for (int32_t trial = 0; trial < trials; trial++) {
        int32_t sample[5];
        double a[15], b[15], E[VG_FIVEPOINT_MAX][9];
        draw(sample, 5, n, &rng);
        for (int i = 0; i < 5; i++) {
            memcpy(a + 3 * i, f0 + 3 * sample[i], 3 * sizeof *a);
            memcpy(b + 3 * i, f1 + 3 * sample[i], 3 * sizeof *b);
        }
        const int32_t found = vg_essential_of_five(E, a, b);
        for (int32_t e = 0; e < found; e++) {
            const double score = score_essential(E[e], f0, f1, n, limit2, best);
            vg_rigid four[4];
            if (!(score < best) || !poses_of_essential(four, E[e])) continue;
            int32_t front = 0, which = 0;
            for (int i = 0; i < 4; i++) {
                const int32_t count = relative_inliers(NULL, NULL, four + i, f0, f1, n, limit2);
                if (count > front) front = count, which = i;
            }
            if (front < 6 || front < most / 2) continue;
            best = score, most = front, *pose = four[which];
            trials = trials_needed(front, n, 5, ransac->trials);
        }
    }
    double *angle = most ? malloc((size_t)n * sizeof *angle) : NULL;
    if (!angle) return 0;
    most = relative_inliers(inlier, angle, pose, f0, f1, n, limit2);
    if (parallax) *parallax = median_of(angle, most);
    free(angle);
    return most;
}
