/* Homogeneous DLT, eight points at a time: the primitives that callers sum by themselves. */
#include "calibration/normal.h"
#include "calibration/calibration.h"

#include <lapacke.h>
#include <string.h>

void vg_normal8_view(vg_normal8 *out, const double P[12], const double x[VG_LANES], const double y[VG_LANES],
                     const double w[VG_LANES]) {
    lanes sum[10] = {0}, views = {0};
    normal_add_view(sum, &views, P, lanes_load(x), lanes_load(y), lanes_load(w));
    for (int k = 0; k < 10; k++) lanes_store(out->m[k], sum[k]);
    lanes_store(out->views, views);
}

void vg_normal8_solve(vg_points8 *out, const vg_normal8 *sums, int count) {
    for (int n = 0; n < count; n++) {
        lanes m[10], X[3];
        for (int k = 0; k < 10; k++) m[k] = lanes_load(sums[n].m[k]);
        const lane_mask good = normal_solve(X, m) & (lanes_load(sums[n].views) >= 2);
        for (int k = 0; k < 3; k++) lanes_store(out[n].x[k], lanes_pick(good, X[k], lanes_of((double)NAN)));
    }
}

void vg_normal_solve_ref(double X[3], const double M[16]) {
    double vectors[16], values[4];
    memcpy(vectors, M, sizeof vectors);
    const lapack_int info = LAPACKE_dsyev(LAPACK_ROW_MAJOR, 'V', 'U', 4, vectors, 4, values);
    for (int k = 0; k < 3; k++) X[k] = info == 0 ? vectors[4 * k] / vectors[12] : (double)NAN;
}
