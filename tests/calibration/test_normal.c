/* Normal matrices and their solutions against LAPACKE's eigenvectors. */
#include "tests/calibration/geometry.h"

#include <lapacke.h>

typedef struct block {
    double P[8][12], x[8][VG_LANES], y[8][VG_LANES], w[8][VG_LANES], X[3][VG_LANES];
} block;

static void random_block(block *b, vg_rng *rng, int views, double noise) {
    for (int i = 0; i < VG_LANES; i++)
        for (int k = 0; k < 3; k++) b->X[k][i] = (double)vg_rng_range(rng, k == 2 ? 0 : -2, 2);
    for (int v = 0; v < views; v++) {
        const vg_camera camera = random_camera(rng, IDEAL);
        double *P = b->P[v];
        vg_camera_matrix(P, &camera);
        for (int i = 0; i < VG_LANES; i++) {
            double c[3];
            for (int r = 0; r < 3; r++)
                c[r] = P[4 * r] * b->X[0][i] + P[4 * r + 1] * b->X[1][i] + P[4 * r + 2] * b->X[2][i] + P[4 * r + 3];
            b->x[v][i] = c[0] / c[2] + noise * (double)vg_rng_normal(rng);
            b->y[v][i] = c[1] / c[2] + noise * (double)vg_rng_normal(rng);
            b->w[v][i] = (double)vg_rng_range(rng, 0.3f, 1);
        }
    }
}

static void sum_of(vg_normal8 *sum, const block *b, int views) {
    memset(sum, 0, sizeof *sum);
    for (int v = 0; v < views; v++) {
        vg_normal8 one;
        vg_normal8_view(&one, b->P[v], b->x[v], b->y[v], b->w[v]);
        vg_normal8_add(sum, sum, &one);
    }
}

static void full_matrix(double M[16], const vg_normal8 *sum, int lane) {
    for (int i = 0, n = 0; i < 4; i++)
        for (int j = i; j < 4; j++, n++) M[4 * i + j] = M[4 * j + i] = sum->m[n][lane];
}

static void noise_free_points_come_back(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(1);
    for (int trial = 0; trial < 500; trial++) {
        block b;
        vg_normal8 sum;
        vg_points8 got;
        const int views = 3 + (int)vg_rng_below(&rng, 6);
        random_block(&b, &rng, views, 0);
        sum_of(&sum, &b, views);
        vg_normal8_solve(&got, &sum, 1);
        for (int i = 0; i < VG_LANES; i++)
            for (int k = 0; k < 3; k++) assert_close(got.x[k][i], b.X[k][i], 1e-9);
    }
}

static void noisy_points_equal_lapack_s_eigenvector(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(2);
    int compared = 0;
    for (int trial = 0; trial < 2000; trial++) {
        block b;
        vg_normal8 sum;
        vg_points8 got;
        const int views = 2 + (int)vg_rng_below(&rng, 7);
        random_block(&b, &rng, views, 5.0 / 1200);
        sum_of(&sum, &b, views);
        vg_normal8_solve(&got, &sum, 1);
        for (int i = 0; i < VG_LANES; i++) {
            double M[16], X[3], A[9], values[3];
            full_matrix(M, &sum, i);
            vg_normal_solve_ref(X, M);
            for (int k = 0; k < 9; k++) A[k] = M[4 * (k / 3) + k % 3];
            assert_int_equal(LAPACKE_dsyev(LAPACK_ROW_MAJOR, 'N', 'U', 3, A, 3, values), 0);
            /* nearly parallel rays: the residuals rival the smallest curvature, and no answer means much */
            const double h[4] = {X[0], X[1], X[2], 1};
            double least = 0;
            for (int r = 0; r < 16; r++) least += h[r / 4] * M[r] * h[r % 4];
            least /= vg_dot3(X, X) + 1;
            if (least > 0.03 * values[0]) continue;
            compared++;
            for (int k = 0; k < 3; k++) assert_close(got.x[k][i], X[k], 1e-6);
        }
    }
    assert_true(compared > 15000);
}

static void points_of_fewer_than_two_views_are_nan(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(3);
    block b;
    vg_normal8 sum;
    vg_points8 got;
    random_block(&b, &rng, 4, 0);
    for (int i = 0; i < 4; i++)
        for (int v = i; v < 4; v++) b.w[v][i] = 0, b.x[v][i] = (double)NAN;
    b.w[2][5] = (double)NAN;
    sum_of(&sum, &b, 4);
    vg_normal8_solve(&got, &sum, 1);
    for (int i = 0; i < VG_LANES; i++) {
        assert_int_equal((int)sum.views[i], i < 4 ? i : i == 5 ? 3 : 4);
        assert_int_equal(isnan(got.x[0][i]) != 0, i < 2);
        if (i >= 2) assert_close(got.x[1][i], b.X[1][i], 1e-9);
    }
}

static void parallel_rays_are_nan(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(4);
    block b;
    vg_normal8 sum;
    vg_points8 got;
    random_block(&b, &rng, 1, 0);
    memcpy(b.P[1], b.P[0], sizeof b.P[0]);
    memcpy(b.x[1], b.x[0], sizeof b.x[0]), memcpy(b.y[1], b.y[0], sizeof b.y[0]), memcpy(b.w[1], b.w[0], sizeof b.w[0]);
    sum_of(&sum, &b, 2);
    vg_normal8_solve(&got, &sum, 1);
    for (int i = 0; i < VG_LANES; i++) assert_true(isnan(got.x[2][i]));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(noise_free_points_come_back),
        cmocka_unit_test(noisy_points_equal_lapack_s_eigenvector),
        cmocka_unit_test(points_of_fewer_than_two_views_are_nan),
        cmocka_unit_test(parallel_rays_are_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
