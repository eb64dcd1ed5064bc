/* Rays met with solids, 16 pixels at a time. Capsule and cylinder: a quadratic in the ray parameter; box: slabs (Kay and
 * Kajiya 1986). A ray enters a solid at the smaller root; a camera inside one does not see it. Rays are shifted to the
 * depth of the solid's middle first: the quadratics then deal with lengths of the solid's size instead of the distance,
 * and single precision is enough. */
#include "sim_bridge/render/inside.h"

#include <math.h>

/* Directions of 16 rays and their squared lengths. */
typedef struct rays {
    float d[3][RENDER_LANES];
} rays;

static inline void rays_at(rays *out, const render_row *row, int32_t x) {
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < RENDER_LANES; i++) out->d[k][i] = row->start[k] + (float)(x + i) * row->step[k];
}

static inline void keep_nearer(float depth[RENDER_LANES], int32_t solid[RENDER_LANES], const float t[RENDER_LANES],
                               int32_t index) {
    for (int i = 0; i < RENDER_LANES; i++) {
        const int nearer = (t[i] >= RENDER_NEAR) & (t[i] < depth[i]);
        depth[i] = nearer ? t[i] : depth[i];
        solid[i] = nearer ? index : solid[i];
    }
}

static void meet_capsule(float depth[RENDER_LANES], int32_t solid[RENDER_LANES], const render_solid *s, int32_t index,
                         const render_row *row, int32_t x) {
    rays r;
    rays_at(&r, row, x);
    float t[RENDER_LANES];
    const float ax = s->axis[0], ay = s->axis[1], az = s->axis[2], axis2 = s->axis2, m = s->middle;
    const float radius2 = s->radius * s->radius;
    for (int i = 0; i < RENDER_LANES; i++) {
        const float dx = r.d[0][i], dy = r.d[1][i], dz = r.d[2][i];
        const float px = m * dx - s->a[0], py = m * dy - s->a[1], pz = m * dz - s->a[2]; /* from end a */
        const float dd = dx * dx + dy * dy + dz * dz;
        const float ad = ax * dx + ay * dy + az * dz, ap = ax * px + ay * py + az * pz;
        const float dp = dx * px + dy * py + dz * pz, pp = px * px + py * py + pz * pz;
        /* infinite cylinder */
        const float qa = higher(axis2 * dd - ad * ad, 1e-20f), qb = axis2 * dp - ap * ad;
        const float qc = axis2 * (pp - radius2) - ap * ap, disc = qb * qb - qa * qc;
        const float side = (-qb - sqrtf(higher(disc, 0.0f))) / qa, along = ap + side * ad;
        /* the ball at whichever end the ray passes */
        const int low = along <= 0.0f;
        const float ex = low ? px : px - ax, ey = low ? py : py - ay, ez = low ? pz : pz - az;
        const float eb = ex * dx + ey * dy + ez * dz;
        const float ec = ex * ex + ey * ey + ez * ez - radius2, disc2 = eb * eb - dd * ec;
        const float ball = (-eb - sqrtf(higher(disc2, 0.0f))) / dd;
        const int on_side = (along > 0.0f) & (along < axis2);
        const int hit = (disc >= 0.0f) & (on_side | (disc2 >= 0.0f));
        t[i] = hit ? m + (on_side ? side : ball) : RENDER_SKY;
    }
    keep_nearer(depth, solid, t, index);
}

/* Eye and directions in a solid's own axes, from the middle depth on. */
typedef struct local_rays {
    float p[3][RENDER_LANES], d[3][RENDER_LANES];
} local_rays;

static inline void localize(local_rays *out, const render_solid *s, const render_row *row, int32_t x) {
    for (int k = 0; k < 3; k++) {
        const float *R = s->R;
        const float d0 = R[k] * row->start[0] + R[3 + k] * row->start[1] + R[6 + k] * row->start[2];
        const float d1 = R[k] * row->step[0] + R[3 + k] * row->step[1] + R[6 + k] * row->step[2];
        const float p = -(R[k] * s->a[0] + R[3 + k] * s->a[1] + R[6 + k] * s->a[2]);
        for (int i = 0; i < RENDER_LANES; i++) {
            const float d = d0 + (float)(x + i) * d1;
            out->d[k][i] = d, out->p[k][i] = p + s->middle * d;
        }
    }
}

/* Where the ray is between -half and half: [enter, leave]. A ray along the slab divides by a tiny number instead of 0. */
static inline float slab_inverse(float d) {
    return 1.0f / (fabsf(d) < 1e-12f ? 1e-12f : d);
}

static void meet_box(float depth[RENDER_LANES], int32_t solid[RENDER_LANES], const render_solid *s, int32_t index,
                     const render_row *row, int32_t x) {
    local_rays r;
    localize(&r, s, row, x);
    float t[RENDER_LANES];
    for (int i = 0; i < RENDER_LANES; i++) {
        float enter = -RENDER_SKY, leave = RENDER_SKY;
        for (int k = 0; k < 3; k++) {
            const float inverse = slab_inverse(r.d[k][i]);
            const float t0 = (-s->half[k] - r.p[k][i]) * inverse, t1 = (s->half[k] - r.p[k][i]) * inverse;
            enter = higher(enter, lower(t0, t1)), leave = lower(leave, higher(t0, t1));
        }
        t[i] = enter <= leave ? s->middle + enter : RENDER_SKY;
    }
    keep_nearer(depth, solid, t, index);
}

static void meet_cylinder(float depth[RENDER_LANES], int32_t solid[RENDER_LANES], const render_solid *s, int32_t index,
                          const render_row *row, int32_t x) {
    local_rays r;
    localize(&r, s, row, x);
    float t[RENDER_LANES];
    const float radius2 = s->half[0] * s->half[0];
    for (int i = 0; i < RENDER_LANES; i++) {
        const float dx = r.d[0][i], dy = r.d[1][i], px = r.p[0][i], py = r.p[1][i];
        const float qa = higher(dx * dx + dy * dy, 1e-20f), qb = dx * px + dy * py;
        const float disc = qb * qb - qa * (px * px + py * py - radius2), root = sqrtf(higher(disc, 0.0f));
        const float inverse = slab_inverse(r.d[2][i]);
        const float t0 = (-s->half[2] - r.p[2][i]) * inverse, t1 = (s->half[2] - r.p[2][i]) * inverse;
        const float enter = higher((-qb - root) / qa, lower(t0, t1));
        const float leave = lower((-qb + root) / qa, higher(t0, t1));
        const int hit = (disc >= 0.0f) & (enter <= leave);
        t[i] = hit ? s->middle + enter : RENDER_SKY;
    }
    keep_nearer(depth, solid, t, index);
}

void render_meet(float depth[RENDER_LANES], int32_t solid[RENDER_LANES], const render_solid *s, int32_t index,
                 const render_row *row, int32_t x) {
    if (s->kind == VG_SOLID_CAPSULE)
        meet_capsule(depth, solid, s, index, row, x);
    else if (s->kind == VG_SOLID_BOX)
        meet_box(depth, solid, s, index, row, x);
    else
        meet_cylinder(depth, solid, s, index, row, x);
}

void render_background(float *depth, int32_t *solid, const render_row *row, int32_t width, bool ground) {
    const float height = -row->eye[2];
    for (int32_t x = 0; x < width; x += RENDER_LANES)
        for (int i = 0; i < RENDER_LANES; i++) {
            const float dz = row->start[2] + (float)(x + i) * row->step[2];
            const float t = height / (fabsf(dz) < 1e-9f ? 1e-9f : dz);
            const int hit = ground & (t >= RENDER_NEAR) & (t < 1e6f);
            depth[x + i] = hit ? t : RENDER_SKY;
            solid[x + i] = hit ? -2 : -1;
        }
}
