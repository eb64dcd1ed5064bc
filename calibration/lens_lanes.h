/* The lenses of camera.c for eight points at a time. */
#ifndef VG_CALIBRATION_LENS_LANES_H
#define VG_CALIBRATION_LENS_LANES_H

#include "calibration/calibration.h"
#include "common/lanes.h"

#define LENS_NEWTON_MAX 20

/* Distorts normalised coordinates in front of the camera; D is the symmetric Jacobian xx xy yy. */
LANE_INLINE void brown_distort_lanes(lanes d[2], lanes D[3], const double k[8], lanes x, lanes y) {
    const lanes r2 = x * x + y * y;
    const double p1 = k[2], p2 = k[3];
    const lanes n = 1 + r2 * (k[0] + r2 * (k[1] + r2 * k[4])), m = 1 / (1 + r2 * (k[5] + r2 * (k[6] + r2 * k[7])));
    const lanes dn = k[0] + r2 * (2 * k[1] + r2 * 3 * k[4]), dm = k[5] + r2 * (2 * k[6] + r2 * 3 * k[7]);
    const lanes radial = n * m, slope = 2 * (dn - radial * dm) * m;
    d[0] = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x);
    d[1] = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y;
    D[0] = radial + x * x * slope + 2 * p1 * y + 6 * p2 * x;
    D[1] = x * y * slope + 2 * p1 * x + 2 * p2 * y;
    D[2] = radial + y * y * slope + 6 * p1 * y + 2 * p2 * x;
}

static inline void fisheye_distort_lanes(lanes d[2], lanes D[3], const double k[8], lanes x, lanes y) {
    const lanes r2 = x * x + y * y, r = lanes_sqrt(r2);
    lanes theta = r;
    for (int i = 0; i < VG_LANES; i++) theta[i] = atan(theta[i]);
    const lanes t2 = theta * theta;
    const lanes radius = theta * (1 + t2 * (k[0] + t2 * (k[1] + t2 * (k[2] + t2 * k[3]))));
    const lanes slope = 1 + t2 * (3 * k[0] + t2 * (5 * k[1] + t2 * (7 * k[2] + t2 * 9 * k[3])));
    const lane_mask centre = r2 < 1e-12;
    const lanes scale = lanes_pick(centre, lanes_of(1), radius / r);
    const lanes along = lanes_pick(centre, lanes_of(2 * (k[0] - 1.0 / 3)), (slope / (1 + r2) - scale) / r2);
    d[0] = scale * x, d[1] = scale * y;
    D[0] = scale + along * x * x, D[1] = along * x * y, D[2] = scale + along * y * y;
}

LANE_INLINE void lens_distort(lanes d[2], lanes D[3], const vg_view *view, lanes x, lanes y) {
    if (view->lens == VG_LENS_FISHEYE)
        fisheye_distort_lanes(d, D, view->k, x, y);
    else
        brown_distort_lanes(d, D, view->k, x, y);
}

/* Newton's method in all lanes that `wanted` names, from the distorted coordinates; lanes it does not bring home within the
 * valid radius are handed to vg_undistort. */
static inline lane_mask lens_undistort_slow(lanes *x, lanes *y, const vg_view *view, lanes u, lanes v,
                                            lane_mask wanted) {
    const lanes du = lanes_keep(wanted, (u - view->cx) / view->fx), dv = lanes_keep(wanted, (v - view->cy) / view->fy);
    lanes px = du, py = dv, d[2], D[3];
    lane_mask home = {0};
    for (int step = 0; step < LENS_NEWTON_MAX; step++) {
        lens_distort(d, D, view, px, py);
        const lanes ex = d[0] - du, ey = d[1] - dv, det = D[0] * D[2] - D[1] * D[1];
        home = (ex * ex + ey * ey <= 1e-26) & (det > 0);
        bool all = true;
        for (int i = 0; i < VG_LANES; i++) all &= home[i] != 0;
        if (all) break;
        px -= lanes_keep(~home, (D[2] * ex - D[1] * ey) / det);
        py -= lanes_keep(~home, (D[0] * ey - D[1] * ex) / det);
    }
    const double limit = view->lens == VG_LENS_FISHEYE ? tan(fmin(view->limit, 1.57)) : view->limit;
    home &= px * px + py * py <= limit * limit;
    for (int i = 0; i < VG_LANES; i++) {
        if (home[i] || !wanted[i]) continue;
        vg_camera camera = {.lens = view->lens, .fx = view->fx, .fy = view->fy, .cx = view->cx, .cy = view->cy};
        for (int k = 0; k < 8; k++) camera.distortion[k] = view->k[k];
        double xy[2];
        if (vg_undistort(xy, &camera, u[i], v[i])) px[i] = xy[0], py[i] = xy[1], home[i] = -1;
    }
    *x = px, *y = py;
    return home;
}

/* Pixels to normalised coordinates; the lanes where there are any. */
LANE_INLINE lane_mask lens_undistort(lanes *x, lanes *y, const vg_view *view, lanes u, lanes v, lane_mask wanted) {
    if (!view->ideal) return lens_undistort_slow(x, y, view, u, v, wanted);
    *x = (u - view->cx) * (1 / view->fx), *y = (v - view->cy) * (1 / view->fy);
    return (u - u == 0) & (v - v == 0);
}

#endif
