/* One pixel the plain way, in double precision and without any culling: what the lanes of meet.c are compared with. */
#include "common/transform.h"
#include "sim_bridge/render/inside.h"

#include <math.h>

typedef struct ray {
    double o[3], d[3];
} ray;

/* Smaller root of |o + t d - c|^2 = radius^2; infinity where there is none. */
static double meet_ball(const ray *r, const double c[3], double radius) {
    const double p[3] = {r->o[0] - c[0], r->o[1] - c[1], r->o[2] - c[2]};
    const double a = vg_dot3(r->d, r->d), b = vg_dot3(p, r->d), q = vg_dot3(p, p) - radius * radius;
    const double disc = b * b - a * q;
    return disc < 0 ? HUGE_VAL : (-b - sqrt(disc)) / a;
}

static double meet_capsule_ref(const ray *r, const vg_solid *s) {
    double a[3], b[3], axis[3], p[3];
    for (int k = 0; k < 3; k++) {
        a[k] = (double)s->a[k], b[k] = (double)s->b[k], axis[k] = b[k] - a[k], p[k] = r->o[k] - a[k];
    }
    const double radius = (double)s->radius, axis2 = vg_dot3(axis, axis);
    double best = fmin(meet_ball(r, a, radius), meet_ball(r, b, radius));
    const double ad = vg_dot3(axis, r->d), ap = vg_dot3(axis, p);
    const double qa = axis2 * vg_dot3(r->d, r->d) - ad * ad, qb = axis2 * vg_dot3(p, r->d) - ap * ad;
    const double qc = axis2 * (vg_dot3(p, p) - radius * radius) - ap * ap, disc = qb * qb - qa * qc;
    if (qa > 0 && disc >= 0) {
        const double t = (-qb - sqrt(disc)) / qa, h = ap + t * ad;
        if (h >= 0 && h <= axis2) best = fmin(best, t);
    }
    return best;
}

static void normal_of_capsule(double n[3], const vg_solid *s, const double p[3]) {
    double axis[3], q[3];
    for (int k = 0; k < 3; k++) axis[k] = (double)s->b[k] - (double)s->a[k], q[k] = p[k] - (double)s->a[k];
    const double axis2 = vg_dot3(axis, axis);
    const double h = axis2 > 0 ? fmin(fmax(vg_dot3(q, axis) / axis2, 0), 1) : 0;
    for (int k = 0; k < 3; k++) n[k] = (q[k] - h * axis[k]) / (double)s->radius;
}

static double meet_local(double n[3], const ray *r, const vg_solid *s) {
    double R[9], p[3], q[3], d[3], enter = -HUGE_VAL, leave = HUGE_VAL, local[3] = {0};
    for (int k = 0; k < 9; k++) R[k] = (double)s->R[k];
    for (int k = 0; k < 3; k++) p[k] = r->o[k] - (double)s->a[k];
    vg_mat3_t_mul_vec(q, R, p);
    vg_mat3_t_mul_vec(d, R, r->d);
    const int first = s->kind == VG_SOLID_CYLINDER ? 2 : 0;
    if (s->kind == VG_SOLID_CYLINDER) {
        const double a = d[0] * d[0] + d[1] * d[1], b = d[0] * q[0] + d[1] * q[1];
        const double radius = (double)s->half[0], disc = b * b - a * (q[0] * q[0] + q[1] * q[1] - radius * radius);
        if (disc < 0) return HUGE_VAL;
        enter = (-b - sqrt(disc)) / a, leave = (-b + sqrt(disc)) / a;
        local[0] = (q[0] + enter * d[0]) / radius, local[1] = (q[1] + enter * d[1]) / radius;
    }
    for (int k = first; k < 3; k++) {
        const double t0 = (-(double)s->half[k] - q[k]) / d[k], t1 = ((double)s->half[k] - q[k]) / d[k];
        if (fmin(t0, t1) > enter) {
            enter = fmin(t0, t1);
            local[0] = local[1] = local[2] = 0;
            local[k] = d[k] > 0 ? -1 : 1;
        }
        leave = fmin(leave, fmax(t0, t1));
    }
    vg_mat3_mul_vec(n, R, local);
    return enter <= leave ? enter : HUGE_VAL;
}

vg_render_hit vg_render_pixel_ref(const vg_render_scene *scene, const vg_render_view *view, int32_t x, int32_t y) {
    const double c[3] = {(x - view->cx) / view->fx, (y - view->cy) / view->fy, 1};
    ray r;
    vg_mat3_t_mul_vec(r.d, view->R, c);
    for (int k = 0; k < 3; k++) r.o[k] = view->eye[k];
    vg_render_hit hit = {.depth = HUGE_VAL, .object = -1};
    if (scene->ground_object >= 0) {
        const double t = -r.o[2] / r.d[2];
        if (t >= (double)RENDER_NEAR && t < 1e6)
            hit = (vg_render_hit){.depth = t, .object = scene->ground_object, .normal = {0, 0, 1}};
    }
    for (int32_t i = 0; i < scene->solid_count; i++) {
        const vg_solid *s = &scene->solids[i];
        double n[3] = {0}, p[3];
        const double t = s->kind == VG_SOLID_CAPSULE ? meet_capsule_ref(&r, s) : meet_local(n, &r, s);
        if (!(t >= (double)RENDER_NEAR) || t >= hit.depth) continue;
        for (int k = 0; k < 3; k++) p[k] = r.o[k] + t * r.d[k];
        if (s->kind == VG_SOLID_CAPSULE) normal_of_capsule(n, s, p);
        hit = (vg_render_hit){.depth = t, .object = s->object, .normal = {n[0], n[1], n[2]}};
    }
    return hit;
}
