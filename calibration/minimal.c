/* Minimal solvers: three points to a pose, five pairs to an essential matrix. */
#include "calibration/minimal.h"

#include <complex.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

/* ---- three points ---------------------------------------------------------------------------------------------------------- */

#define ROOT_STEPS 60

/* Real roots of c[4] x^4 + ... + c[0], by Durand and Kerner's simultaneous iteration. */
static int quartic_roots(double out[4], const double c[5]) {
    double most = 0;
    for (int i = 0; i < 5; i++) most = fmax(most, fabs(c[i]));
    if (!(fabs(c[4]) > 1e-14 * most)) return 0;
    double complex z[4];
    double size = 0;
    for (int i = 0; i < 4; i++) size = fmax(size, pow(fabs(c[i] / c[4]), 1.0 / (4 - i)));
    const double complex spread = 0.4 + 0.9 * (double complex)I; /* no root of unity, not real */
    for (int i = 0; i < 4; i++) z[i] = (i ? z[i - 1] : size) * spread;
    for (int step = 0; step < ROOT_STEPS; step++) {
        double moved = 0;
        for (int i = 0; i < 4; i++) {
            double complex value = 1, others = 1;
            for (int k = 3; k >= 0; k--) value = value * z[i] + c[k] / c[4];
            for (int k = 0; k < 4; k++)
                if (k != i) others *= z[i] - z[k];
            const double complex change = value / others;
            if (!isfinite(creal(change)) || !isfinite(cimag(change))) return 0;
            z[i] -= change, moved = fmax(moved, cabs(change));
        }
        if (moved < 1e-14 * size) break;
    }
    int n = 0;
    for (int i = 0; i < 4; i++)
        if (fabs(cimag(z[i])) < 1e-5 * (1 + cabs(z[i]))) out[n++] = creal(z[i]);
    return n;
}

/* Axes of a triangle: along its first side, and its normal. Columns of F. False where it is a line. */
static bool triangle_frame(double F[9], const double a[3], const double b[3], const double c[3]) {
    double x[3], y[3], z[3], ac[3];
    for (int k = 0; k < 3; k++) x[k] = b[k] - a[k], ac[k] = c[k] - a[k];
    vg_cross3(z, x, ac);
    const double nx = vg_norm3(x), nz = vg_norm3(z);
    if (!(nz > 1e-9 * nx * vg_norm3(ac))) return false;
    for (int k = 0; k < 3; k++) x[k] /= nx, z[k] /= nz;
    vg_cross3(y, z, x);
    for (int k = 0; k < 3; k++) F[3 * k] = x[k], F[3 * k + 1] = y[k], F[3 * k + 2] = z[k];
    return true;
}

/* World -> camera from a triangle and its three points in the camera's frame. */
static bool pose_of_triangles(vg_rigid *out, const double X[9], const double Y[9]) {
    double F[9], G[9], Ft[9], moved[3];
    if (!triangle_frame(F, X, X + 3, X + 6) || !triangle_frame(G, Y, Y + 3, Y + 6)) return false;
    vg_mat3_transpose(Ft, F);
    vg_mat3_mul(out->R, G, Ft);
    memset(out->t, 0, sizeof out->t);
    for (int i = 0; i < 3; i++) {
        vg_mat3_mul_vec(moved, out->R, X + 3 * i);
        for (int k = 0; k < 3; k++) out->t[k] += (Y[3 * i + k] - moved[k]) / 3;
    }
    return true;
}

static double distance2(const double a[3], const double b[3]) {
    const double d[3] = {a[0] - b[0], a[1] - b[1], a[2] - b[2]};
    return vg_dot3(d, d);
}

int32_t vg_pose_of_three(vg_rigid out[VG_P3P_MAX], const double X[9], const double f[9]) {
    const double a2 = distance2(X + 3, X + 6), b2 = distance2(X, X + 6), c2 = distance2(X, X + 3);
    if (!(a2 > 0 && b2 > 0 && c2 > 0)) return 0;
    const double ca = vg_dot3(f + 3, f + 6), cb = vg_dot3(f, f + 6), cg = vg_dot3(f, f + 3);
    const double p = (a2 - c2) / b2, q = (a2 + c2) / b2, ra = a2 / b2, rc = c2 / b2; /* Haralick et al., (9) */
    const double c[5] = {
        (1 + p) * (1 + p) - 4 * ra * cg * cg,
        4 * (-p * (1 + p) * cb + 2 * ra * cg * cg * cb - (1 - q) * ca * cg),
        2 * (p * p - 1 + 2 * p * p * cb * cb + 2 * (1 - rc) * ca * ca - 4 * q * ca * cb * cg + 2 * (1 - ra) * cg * cg),
        4 * (p * (1 - p) * cb - (1 - q) * ca * cg + 2 * rc * ca * ca * cb),
        (p - 1) * (p - 1) - 4 * rc * ca * ca,
    };
    double root[4];
    const int roots = quartic_roots(root, c);
    int32_t n = 0;
    for (int i = 0; i < roots; i++) {
        const double v = root[i], below = 2 * (cg - v * ca), square = 1 + v * v - 2 * v * cb;
        if (!(v > 0 && fabs(below) > 1e-12 && square > 0)) continue;
        const double u = ((p - 1) * v * v - 2 * p * cb * v + 1 + p) / below, s = sqrt(b2 / square);
        if (!(u > 0)) continue;
        const double far[3] = {s, u * s, v * s};
        double Y[9];
        for (int k = 0; k < 9; k++) Y[k] = far[k / 3] * f[k];
        n += pose_of_triangles(out + n, X, Y);
    }
    return n;
}

/* ---- five pairs ------------------------------------------------------------------------------------------------------------ */

/* Polynomials in x, y, z up to degree 3, in this order of powers: degree 3 first, the constant last. */
static const int powers[20][3] = {{3, 0, 0}, {2, 1, 0}, {1, 2, 0}, {0, 3, 0}, {2, 0, 1}, {1, 1, 1}, {0, 2, 1},
                                  {1, 0, 2}, {0, 1, 2}, {0, 0, 3}, {2, 0, 0}, {1, 1, 0}, {0, 2, 0}, {1, 0, 1},
                                  {0, 1, 1}, {0, 0, 2}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {0, 0, 0}};

typedef struct poly {
    double c[20];
} poly;

static int power_index(int x, int y, int z) {
    for (int i = 0; i < 20; i++)
        if (powers[i][0] == x && powers[i][1] == y && powers[i][2] == z) return i;
    return -1;
}

/* Where the product of two powers stands. */
typedef struct product_table {
    signed char at[20][20];
} product_table;

static void product_table_fill(product_table *t) {
    for (int i = 0; i < 20; i++)
        for (int j = 0; j < 20; j++)
            t->at[i][j] = (signed char)power_index(powers[i][0] + powers[j][0], powers[i][1] + powers[j][1],
                                                   powers[i][2] + powers[j][2]);
}

/* out += scale a b; `a` has no powers before `from_a`, `b` none before `from_b`. */
static void add_product(poly *out, const product_table *t, double scale, const poly *a, int from_a, const poly *b,
                        int from_b) {
    for (int i = from_a; i < 20; i++)
        for (int j = from_b; j < 20; j++) out->c[(int)t->at[i][j]] += scale * a->c[i] * b->c[j];
}

/* The ten cubics that make x E0 + y E1 + z E2 + E3 essential: det E = 0, 2 E E'E - trace(E E') E = 0. */
static void essential_cubics(double A[10][20], const double N[4][9]) {
    product_table t;
    product_table_fill(&t);
    poly E[9] = {0}, S[9] = {0}, cofactor, row;
    for (int i = 0; i < 9; i++)
        for (int k = 0; k < 4; k++) E[i].c[16 + k] = N[k][i];
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            for (int k = 0; k < 3; k++) add_product(S + 3 * i + j, &t, 2, E + 3 * i + k, 16, E + 3 * j + k, 16);
    for (int m = 10; m < 20; m++) {
        const double half_trace = 0.5 * (S[0].c[m] + S[4].c[m] + S[8].c[m]);
        for (int i = 0; i < 3; i++) S[4 * i].c[m] -= half_trace;
    }
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            row = (poly){0};
            for (int k = 0; k < 3; k++) add_product(&row, &t, 1, S + 3 * i + k, 10, E + 3 * k + j, 16);
            memcpy(A[3 * i + j], row.c, sizeof row.c);
        }
    row = (poly){0};
    for (int i = 0; i < 3; i++) {
        const int j = (i + 1) % 3, k = (i + 2) % 3;
        cofactor = (poly){0};
        add_product(&cofactor, &t, 1, E + 3 + j, 16, E + 6 + k, 16);
        add_product(&cofactor, &t, -1, E + 3 + k, 16, E + 6 + j, 16);
        add_product(&row, &t, 1, E + i, 16, &cofactor, 10);
    }
    memcpy(A[9], row.c, sizeof row.c);
}

int32_t vg_essential_of_five(double out[VG_FIVEPOINT_MAX][9], const double f0[15], const double f1[15]) {
    double Q[45], s[5], U[25], Vt[81], superb[8], N[4][9], A[10][20], left[100], right[100];
    for (int i = 0; i < 5; i++)
        for (int r = 0; r < 3; r++)
            for (int c = 0; c < 3; c++) Q[9 * i + 3 * r + c] = f1[3 * i + r] * f0[3 * i + c];
    if (LAPACKE_dgesvd(LAPACK_ROW_MAJOR, 'N', 'A', 5, 9, Q, 9, s, U, 5, Vt, 9, superb) != 0) return 0;
    memcpy(N, Vt + 45, sizeof N);
    essential_cubics(A, (const double(*)[9])N);
    for (int i = 0; i < 10; i++)
        for (int j = 0; j < 10; j++) left[10 * i + j] = A[i][j], right[10 * i + j] = A[i][10 + j];
    lapack_int pivot[10];
    if (LAPACKE_dgesv(LAPACK_ROW_MAJOR, 10, 10, left, 10, pivot, right, 10) != 0) return 0;
    /* multiplication by x in the basis x2 xy y2 xz yz z2 x y z 1 */
    static const int reduced[6] = {0, 1, 2, 4, 5, 7}, shifted[4] = {0, 1, 3, 6};
    double M[100] = {0}, wr[10], wi[10], V[100];
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 10; j++) M[10 * i + j] = -right[10 * reduced[i] + j];
    for (int i = 0; i < 4; i++) M[10 * (6 + i) + shifted[i]] = 1;
    if (LAPACKE_dgeev(LAPACK_ROW_MAJOR, 'N', 'V', 10, M, 10, wr, wi, NULL, 10, V, 10) != 0) return 0;
    int32_t n = 0;
    for (int e = 0; e < 10; e++) {
        const double one = V[90 + e];
        if (wi[e] != 0 || !(fabs(one) > 1e-12)) continue;
        double norm = 0;
        for (int k = 0; k < 9; k++) {
            out[n][k] = N[3][k];
            for (int j = 0; j < 3; j++) out[n][k] += V[10 * (6 + j) + e] / one * N[j][k];
            norm += out[n][k] * out[n][k];
        }
        for (int k = 0; k < 9; k++) out[n][k] /= sqrt(norm);
        n++;
    }
    return n;
}
