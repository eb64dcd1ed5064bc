/* One camera and one point: Brown-Conrady (with the rational terms, OpenCV's order k1 k2 p1 p2 k3 k4 k5 k6) and the
 * equidistant fisheye (Kannala and Brandt 2006, as in cv::fisheye). */
#include "calibration/calibration.h"
#include "calibration/lens.h"
#include "common/transform.h"

#include <math.h>
#include <string.h>

#define NEWTON_MAX  50
#define LIMIT_STEPS 200
#define BROWN_REACH 10.0 /* normalised radius up to which a Brown-Conrady lens is looked at */

static bool is_ideal(const vg_camera *c) {
    for (int i = 0; i < 8; i++)
        if (c->distortion[i] != 0) return false;
    return c->lens == VG_LENS_BROWN_CONRADY;
}

/* Distorts normalised (x, y); D is the symmetric Jacobian xx xy yy. */
static void brown_distort(double d[2], double D[3], const double k[8], double x, double y) {
    const double r2 = x * x + y * y, p1 = k[2], p2 = k[3];
    const double n = 1 + r2 * (k[0] + r2 * (k[1] + r2 * k[4])), m = 1 / (1 + r2 * (k[5] + r2 * (k[6] + r2 * k[7])));
    const double dn = k[0] + r2 * (2 * k[1] + r2 * 3 * k[4]), dm = k[5] + r2 * (2 * k[6] + r2 * 3 * k[7]);
    const double radial = n * m, slope = 2 * (dn - radial * dm) * m; /* slope = d radial / d r2, doubled */
    d[0] = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x);
    d[1] = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y;
    D[0] = radial + x * x * slope + 2 * p1 * y + 6 * p2 * x;
    D[1] = x * y * slope + 2 * p1 * x + 2 * p2 * y;
    D[2] = radial + y * y * slope + 6 * p1 * y + 2 * p2 * x;
}

/* Angle from the axis to distorted radius, and its derivative. */
static double fisheye_radius(double *slope, const double k[8], double theta) {
    const double t2 = theta * theta;
    *slope = 1 + t2 * (3 * k[0] + t2 * (5 * k[1] + t2 * (7 * k[2] + t2 * 9 * k[3])));
    return theta * (1 + t2 * (k[0] + t2 * (k[1] + t2 * (k[2] + t2 * k[3]))));
}

/* The sign of this is the sign of d(distorted radius) / d(radius); negative too where the model has a pole. */
static double radial_slope(const vg_camera *c, double r) {
    const double *k = c->distortion;
    double slope;
    if (c->lens == VG_LENS_FISHEYE) {
        fisheye_radius(&slope, k, r);
        return slope;
    }
    const double s = r * r;
    const double n = 1 + s * (k[0] + s * (k[1] + s * k[4])), m = 1 + s * (k[5] + s * (k[6] + s * k[7]));
    const double dn = k[0] + s * (2 * k[1] + s * 3 * k[4]), dm = k[5] + s * (2 * k[6] + s * 3 * k[7]);
    return m > 0 ? n * m + 2 * s * (dn * m - n * dm) : -1;
}

double vg_lens_limit(const vg_camera *c) {
    if (is_ideal(c)) return (double)INFINITY;
    const double reach = c->lens == VG_LENS_FISHEYE ? VG_PI : BROWN_REACH;
    for (int i = 1; i <= LIMIT_STEPS; i++) {
        double low = reach * (i - 1) / LIMIT_STEPS, high = reach * i / LIMIT_STEPS;
        if (radial_slope(c, high) > 0) continue;
        for (int b = 0; b < 60; b++) {
            const double middle = 0.5 * (low + high);
            *(radial_slope(c, middle) > 0 ? &low : &high) = middle;
        }
        return low;
    }
    return reach;
}

/* r <= vg_lens_limit, on the same grid, without looking beyond r. */
static bool within_limit(const vg_camera *c, double r) {
    if (is_ideal(c)) return true;
    const double reach = c->lens == VG_LENS_FISHEYE ? VG_PI : BROWN_REACH, step = reach / LIMIT_STEPS;
    if (!(r <= reach && radial_slope(c, r) > 0)) return false;
    for (double at = step; at < r; at += step)
        if (!(radial_slope(c, at) > 0)) return false;
    return true;
}

/* d(distorted) / d(coefficients): B [2, 8]. */
static void brown_coefficients(double B[16], const double k[8], double x, double y) {
    const double r2 = x * x + y * y, n = 1 + r2 * (k[0] + r2 * (k[1] + r2 * k[4]));
    const double m = 1 / (1 + r2 * (k[5] + r2 * (k[6] + r2 * k[7])));
    const double up = m * r2, down = -n * m * m * r2, xy[2] = {x, y};
    for (int i = 0; i < 2; i++) {
        double *b = B + 8 * i;
        b[0] = xy[i] * up, b[1] = b[0] * r2, b[4] = b[1] * r2;
        b[2] = i ? r2 + 2 * y * y : 2 * x * y, b[3] = i ? 2 * x * y : r2 + 2 * x * x;
        b[5] = xy[i] * down, b[6] = b[5] * r2, b[7] = b[6] * r2;
    }
}

/* The same for a fisheye: (x, y) is the direction from the centre, unit length, or zero. */
static void fisheye_coefficients(double B[16], double theta, double x, double y) {
    const double t2 = theta * theta;
    double power = theta * t2;
    memset(B, 0, 16 * sizeof *B);
    for (int n = 0; n < 4; n++, power *= t2) B[n] = power * x, B[8 + n] = power * y;
}

double lens_project(double uv[2], double K[6], double D[2 * LENS_PARAMETERS], const vg_camera *c, const double p[3]) {
    double d[2], radius, B[16];
    if (c->lens == VG_LENS_FISHEYE) {
        const double rho2 = p[0] * p[0] + p[1] * p[1], rho = sqrt(rho2), square = rho2 + p[2] * p[2];
        const double theta = atan2(rho, p[2]);
        double slope;
        const double scale =
            rho > 1e-12 * fabs(p[2]) ? fisheye_radius(&slope, c->distortion, theta) / rho : (slope = 1, 1 / p[2]);
        /* d = scale (x, y); d scale / d rho = (slope z / square - scale) / rho, d scale / dz = -slope / square */
        const double along = rho > 1e-12 * fabs(p[2]) ? (slope * p[2] / square - scale) / rho2 : 0;
        const double dz = -slope / square;
        for (int i = 0; i < 2; i++) {
            d[i] = scale * p[i];
            for (int j = 0; j < 2; j++) K[3 * i + j] = along * p[i] * p[j] + (i == j ? scale : 0);
            K[3 * i + 2] = dz * p[i];
        }
        radius = theta;
        if (D) fisheye_coefficients(B, theta, rho > 0 ? p[0] / rho : 0, rho > 0 ? p[1] / rho : 0);
    } else {
        const double x = p[0] / p[2], y = p[1] / p[2];
        double slope[3];
        brown_distort(d, slope, c->distortion, x, y);
        for (int i = 0; i < 2; i++) {
            K[3 * i] = slope[i] / p[2], K[3 * i + 1] = slope[i + 1] / p[2];
            K[3 * i + 2] = -(slope[i] * x + slope[i + 1] * y) / p[2];
        }
        radius = sqrt(x * x + y * y);
        if (D) brown_coefficients(B, c->distortion, x, y);
    }
    if (D) {
        memset(D, 0, 2 * LENS_PARAMETERS * sizeof *D);
        D[0] = d[0], D[LENS_PARAMETERS + 1] = d[1], D[2] = D[LENS_PARAMETERS + 3] = 1;
        for (int k = 0; k < 8; k++) D[4 + k] = c->fx * B[k], D[LENS_PARAMETERS + 4 + k] = c->fy * B[8 + k];
    }
    for (int j = 0; j < 3; j++) K[j] *= c->fx, K[3 + j] *= c->fy;
    uv[0] = c->fx * d[0] + c->cx, uv[1] = c->fy * d[1] + c->cy;
    return radius;
}

bool vg_project(double uv[2], double *depth, double J[6], const vg_camera *c, const double X[3]) {
    double p[3], K[6];
    vg_mat3_mul_vec(p, c->R, X);
    for (int k = 0; k < 3; k++) p[k] += c->t[k];
    if (depth) *depth = p[2];
    const double radius = lens_project(uv, K, NULL, c, p);
    if (J)
        for (int i = 0; i < 2; i++)
            for (int j = 0; j < 3; j++)
                J[3 * i + j] = K[3 * i] * c->R[j] + K[3 * i + 1] * c->R[3 + j] + K[3 * i + 2] * c->R[6 + j];
    if (c->lens == VG_LENS_BROWN_CONRADY && !(p[2] > 0)) {
        uv[0] = uv[1] = (double)NAN;
        return false;
    }
    return within_limit(c, radius);
}

/* The angle whose distorted radius is `target`: Newton's method, with bisection inside [0, limit]. */
static double fisheye_angle(const double k[8], double target, double limit) {
    double slope, low = 0, high = limit, theta = fmin(target, 0.5 * limit);
    for (int i = 0; i < NEWTON_MAX; i++) {
        const double error = fisheye_radius(&slope, k, theta) - target;
        *(error > 0 ? &high : &low) = theta;
        double next = theta - error / slope;
        if (!(next >= low && next <= high)) next = 0.5 * (low + high);
        if (fabs(next - theta) <= 1e-15 * (1 + theta)) return next;
        theta = next;
    }
    return theta;
}

/* Distorted normalised to undistorted normalised; steps that would leave the valid radius are halved. */
static bool brown_undistort(double xy[2], const vg_camera *c, const double d[2], double limit) {
    double x = d[0], y = d[1];
    const double r = sqrt(x * x + y * y), tolerance = 1e-13 * (1 + r);
    if (r > limit) x *= 0.9 * limit / r, y *= 0.9 * limit / r;
    for (int i = 0; i < NEWTON_MAX; i++) {
        double e[2], D[3];
        brown_distort(e, D, c->distortion, x, y);
        e[0] -= d[0], e[1] -= d[1];
        if (fabs(e[0]) + fabs(e[1]) <= tolerance) {
            xy[0] = x, xy[1] = y;
            return true;
        }
        const double det = D[0] * D[2] - D[1] * D[1];
        const double dx = (D[2] * e[0] - D[1] * e[1]) / det, dy = (D[0] * e[1] - D[1] * e[0]) / det;
        double scale = 1;
        while (scale > 1e-6 && hypot(x - scale * dx, y - scale * dy) > limit) scale *= 0.5;
        if (!(scale > 1e-6)) return false;
        x -= scale * dx, y -= scale * dy;
    }
    return false;
}

bool lens_direction(double p[3], const vg_camera *c, double u, double v, double limit) {
    const double d[2] = {(u - c->cx) / c->fx, (v - c->cy) / c->fy};
    if (c->lens == VG_LENS_FISHEYE) {
        const double r = sqrt(d[0] * d[0] + d[1] * d[1]);
        double slope;
        if (!(r <= fisheye_radius(&slope, c->distortion, limit))) return false;
        const double theta = fisheye_angle(c->distortion, r, limit), s = r > 0 ? sin(theta) / r : 0;
        p[0] = s * d[0], p[1] = s * d[1], p[2] = cos(theta);
        return true;
    }
    p[2] = 1;
    if (isinf(limit)) {
        p[0] = d[0], p[1] = d[1];
        return isfinite(d[0]) && isfinite(d[1]);
    }
    return brown_undistort(p, c, d, limit);
}

bool vg_undistort(double xy[2], const vg_camera *c, double u, double v) {
    double p[3];
    const bool found = lens_direction(p, c, u, v, vg_lens_limit(c)) && p[2] > 1e-9;
    for (int k = 0; k < 2; k++) xy[k] = found ? p[k] / p[2] : (double)NAN;
    return found;
}

bool vg_unproject(double origin[3], double direction[3], const vg_camera *c, double u, double v) {
    double p[3] = {0};
    const bool found = lens_direction(p, c, u, v, vg_lens_limit(c));
    const double norm = found ? vg_norm3(p) : (double)NAN;
    vg_mat3_t_mul_vec(direction, c->R, p);
    vg_mat3_t_mul_vec(origin, c->R, c->t);
    for (int k = 0; k < 3; k++) direction[k] /= norm, origin[k] = -origin[k];
    return found;
}

void vg_camera_matrix(double P[12], const vg_camera *camera) {
    for (int r = 0; r < 3; r++) {
        memcpy(P + 4 * r, camera->R + 3 * r, 3 * sizeof(double));
        P[4 * r + 3] = camera->t[r];
    }
}

void vg_view_update(vg_view *view, const vg_camera *c) {
    vg_camera_matrix(view->P, c);
    view->fx = c->fx, view->fy = c->fy, view->cx = c->cx, view->cy = c->cy;
    if (view->lens == c->lens && memcmp(view->k, c->distortion, sizeof view->k) == 0) return;
    memcpy(view->k, c->distortion, sizeof view->k);
    view->lens = c->lens;
    view->ideal = is_ideal(c);
    view->limit = vg_lens_limit(c);
}

void vg_view_init(vg_view *view, const vg_camera *c) {
    *view = (vg_view){.lens = -1};
    vg_view_update(view, c);
}

/* ---- two cameras ------------------------------------------------------------------------------------------------------- */

void vg_epipolar_matrix(double E[9], const vg_camera *a, const vg_camera *b) {
    double R[9], Rt[9], t[3], moved[3];
    for (int k = 0; k < 9; k++) Rt[k] = a->R[3 * (k % 3) + k / 3];
    vg_mat3_mul(R, b->R, Rt);
    vg_mat3_mul_vec(moved, R, a->t);
    for (int k = 0; k < 3; k++) t[k] = b->t[k] - moved[k];
    const double cross[9] = {0, -t[2], t[1], t[2], 0, -t[0], -t[1], t[0], 0};
    vg_mat3_mul(E, cross, R);
}
