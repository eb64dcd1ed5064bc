/* Where a solid can show in the image: the rectangle around its outline. A sphere's outline is bounded by the tangent
 * planes through the eye; a capsule by its two end spheres; boxes and cylinders by the corners of their box, its edges
 * cut at the near plane. A rectangle may be too large, never too small. */
#include "sim_bridge/render/inside.h"

#include <math.h>
#include <string.h>

typedef struct rectangle {
    double u0, u1, v0, v1; /* slopes x/z, y/z */
} rectangle;

static const rectangle nothing = {HUGE_VAL, -HUGE_VAL, HUGE_VAL, -HUGE_VAL};
static const double far_slope = 1e9;

static void widen(rectangle *r, double u0, double u1, double v0, double v1) {
    r->u0 = fmin(r->u0, u0), r->u1 = fmax(r->u1, u1);
    r->v0 = fmin(r->v0, v0), r->v1 = fmax(r->v1, v1);
}

/* Slopes between which a circle of `radius` about (x, z) lies as seen from the origin. */
static void circle_slopes(double *low, double *high, double x, double z, double radius) {
    const double distance2 = x * x + z * z, reach2 = distance2 - radius * radius;
    *low = -far_slope, *high = far_slope;
    if (reach2 <= 0) return;
    /* the two tangents are the direction (x, z) turned by +-asin(radius / distance) */
    const double reach = sqrt(reach2);
    const double zl = z * reach + x * radius, xl = x * reach - z * radius;
    const double zh = z * reach - x * radius, xh = x * reach + z * radius;
    if (zl > 0) *low = xl / zl;
    if (zh > 0) *high = xh / zh;
}

static void widen_by_sphere(rectangle *r, const double c[3], double radius) {
    double u0, u1, v0, v1;
    circle_slopes(&u0, &u1, c[0], c[2], radius);
    circle_slopes(&v0, &v1, c[1], c[2], radius);
    widen(r, u0, u1, v0, v1);
}

static void to_camera(double out[3], const vg_render_view *view, const double p[3]) {
    for (int i = 0; i < 3; i++) out[i] = view->R[3 * i] * p[0] + view->R[3 * i + 1] * p[1] + view->R[3 * i + 2] * p[2];
}

static bool bound_capsule(rectangle *r, double *nearest, double *middle, const vg_render_view *view,
                          const vg_solid *s) {
    double end[2][3];
    for (int e = 0; e < 2; e++) {
        double p[3];
        for (int k = 0; k < 3; k++) p[k] = (double)(e == 0 ? s->a[k] : s->b[k]) - view->eye[k];
        to_camera(end[e], view, p);
    }
    const double radius = (double)s->radius, near = (double)RENDER_NEAR;
    *nearest = fmin(end[0][2], end[1][2]) - radius;
    *middle = (end[0][2] + end[1][2]) / 2;
    if (fmax(end[0][2], end[1][2]) + radius < near) return false;
    *r = nothing;
    for (int e = 0; e < 2; e++) widen_by_sphere(r, end[e], radius);
    if (*nearest < near) widen(r, -far_slope, far_slope, -far_slope, far_slope);
    return true;
}

static bool bound_box(rectangle *r, double *nearest, double *middle, const vg_render_view *view, const vg_solid *s) {
    double corner[8][3];
    const double half[3] = {(double)s->half[0], s->kind == VG_SOLID_CYLINDER ? (double)s->half[0] : (double)s->half[1],
                            (double)s->half[2]};
    const double near = (double)RENDER_NEAR;
    double low = HUGE_VAL, high = -HUGE_VAL;
    for (int i = 0; i < 8; i++) {
        double p[3];
        for (int k = 0; k < 3; k++) {
            p[k] = (double)s->a[k] - view->eye[k];
            for (int j = 0; j < 3; j++) p[k] += (double)s->R[3 * k + j] * ((i >> j & 1) ? half[j] : -half[j]);
        }
        to_camera(corner[i], view, p);
        low = fmin(low, corner[i][2]), high = fmax(high, corner[i][2]);
    }
    *nearest = low, *middle = (low + high) / 2;
    if (high < near) return false;
    *r = nothing;
    for (int i = 0; i < 8; i++) {
        const double *c = corner[i];
        if (c[2] >= near) widen(r, c[0] / c[2], c[0] / c[2], c[1] / c[2], c[1] / c[2]);
        for (int j = 0; j < 3; j++) { /* edges to higher corners */
            const double *d = corner[i | 1 << j];
            if (d == c || (c[2] >= near) == (d[2] >= near)) continue;
            const double f = (near - c[2]) / (d[2] - c[2]);
            const double x = c[0] + f * (d[0] - c[0]), y = c[1] + f * (d[1] - c[1]);
            widen(r, x / near, x / near, y / near, y / near);
        }
    }
    return true;
}

/* Slopes to whole pixels, one spare on each side against rounding. */
static void to_pixels(int32_t *first, int32_t *last, double low, double high, double f, double c, int32_t size) {
    *first = (int32_t)fmin(fmax(floor(low * f + c) - 1, 0), size);
    *last = (int32_t)fmin(fmax(ceil(high * f + c) + 2, 0), size);
}

bool render_prepare(render_solid *out, const vg_solid *s, const vg_render_view *view) {
    rectangle r;
    double nearest, middle;
    const bool ahead = s->kind == VG_SOLID_CAPSULE ? bound_capsule(&r, &nearest, &middle, view, s)
                                                   : bound_box(&r, &nearest, &middle, view, s);
    if (!ahead) return false;
    *out = (render_solid){.kind = s->kind, .object = s->object, .radius = s->radius};
    to_pixels(&out->x0, &out->x1, r.u0, r.u1, view->fx, view->cx, view->width);
    to_pixels(&out->y0, &out->y1, r.v0, r.v1, view->fy, view->cy, view->height);
    if (out->x0 >= out->x1 || out->y0 >= out->y1) return false;
    out->x0 -= out->x0 % RENDER_LANES;
    out->middle = (float)fmax(middle, (double)RENDER_NEAR);
    out->near = (float)fmax(nearest, 0);
    double axis2 = 0;
    for (int k = 0; k < 3; k++) {
        const double axis = (double)s->b[k] - (double)s->a[k];
        out->a[k] = (float)((double)s->a[k] - view->eye[k]);
        out->axis[k] = (float)axis;
        axis2 += axis * axis;
    }
    out->axis2 = (float)fmax(axis2, 1e-12);
    memcpy(out->R, s->R, sizeof out->R);
    memcpy(out->half, s->half, sizeof out->half);
    return true;
}
