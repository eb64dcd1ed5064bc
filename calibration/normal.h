/* Homogeneous DLT by 4 x 4 normal matrices, eight points at a time.
 *
 * The DLT point is the unit vector h that minimises h' M h (Hartley and Zisserman, Multiple View Geometry, 12.2).
 * Partition M = [A b; b' c] and write h = (X, 1) / norm. Then (A - l I) X = -b and l = c + b' X, so l is the smallest
 * root of f(l) = c - l + b' X(l),   X(l) = -(A - l I)^-1 b,   f'(l) = -(1 + |X|^2). At l = 0, X is the inhomogeneous
 * least-squares point. f is concave below the smallest eigenvalue of A, and that lies above the root (interlacing), so
 * Newton's method from 0 (it is Rayleigh-quotient iteration) overshoots once and then descends to the root,
 * quadratically. l is of the order of the squared residuals: three steps reach the rounding error at pixel noise. */
#ifndef VG_CALIBRATION_NORMAL_H
#define VG_CALIBRATION_NORMAL_H

#include "calibration/calibration.h"
#include "common/lanes.h"

_Static_assert(LANE_COUNT == VG_LANES, "a block is one value of lanes");

#define NEWTON_STEPS 3
#define MIN_DET      1e-14 /* of A / (trace / 3)^3: rays that span less than about 1e-6 rad count as parallel */

/* Adds one view to the sums (upper triangle: 00 01 02 03 11 12 13 22 23 33). */
LANE_INLINE void normal_add_view(lanes sum[10], lanes *views, const double P[12], lanes x, lanes y, lanes w) {
    const lane_mask seen = w > 0;
    x = lanes_keep(seen, x), y = lanes_keep(seen, y), w = lanes_keep(seen, w);
    lanes rx[4], ry[4];
    for (int k = 0; k < 4; k++) rx[k] = x * P[8 + k] - P[k], ry[k] = y * P[8 + k] - P[4 + k];
    for (int i = 0, n = 0; i < 4; i++) {
        const lanes wx = w * rx[i], wy = w * ry[i];
        for (int j = i; j < 4; j++, n++) sum[n] += wx * rx[j] + wy * ry[j];
    }
    *views += lanes_keep(seen, lanes_of(1));
}

/* X(l) in `X`; the lanes where A - l I is positive definite, with room. */
LANE_INLINE lane_mask normal_shifted(lanes X[3], const lanes m[10], lanes l) {
    const lanes_sym3 a = {{m[0] - l, m[1], m[2], m[4] - l, m[5], m[7] - l}};
    const lanes b[3] = {m[3], m[6], m[8]};
    lanes_sym3 adj;
    const lanes det = lanes_adjugate(&adj, &a), third = (a.a[0] + a.a[3] + a.a[5]) * (1.0 / 3), scale = -1 / det;
    lanes_sym3_mul(X, &adj, b);
    for (int k = 0; k < 3; k++) X[k] *= scale;
    return (det > MIN_DET * third * third * third) & (adj.a[0] > 0) & (a.a[0] > 0);
}

/* The smallest eigenvector of each lane's M, as a point; the lanes where there is one. */
LANE_INLINE lane_mask normal_solve(lanes X[3], const lanes m[10]) {
    lanes l = {0};
    const lane_mask good = normal_shifted(X, m, l);
    for (int step = 0; step < NEWTON_STEPS; step++) {
        const lanes f = m[9] - l + m[3] * X[0] + m[6] * X[1] + m[8] * X[2];
        l += f / (1 + X[0] * X[0] + X[1] * X[1] + X[2] * X[2]);
        lanes next[3];
        const lane_mask better = normal_shifted(next, m, l);
        for (int k = 0; k < 3; k++) X[k] = lanes_pick(better, next[k], X[k]);
    }
    return good;
}

#endif
