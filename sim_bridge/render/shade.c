/* From what each ray met to bytes. Light falls from one side and above; a surface shows its colour times
 * 0.55 + 0.45 n.l, so that the solid's shape is visible and no side is black. The ground is a chessboard of one metre that
 * fades into the distance, the sky grows darker upwards. */
#include "sim_bridge/render/inside.h"

#include <math.h>
#include <string.h>

static const float light[3] = {0.37139067f, -0.55708601f, 0.74278135f}; /* (2, -3, 4) / |.| */

typedef struct lanes3 {
    float v[3][RENDER_LANES];
} lanes3;

static inline void points_of(lanes3 *out, const render_row *row, int32_t x, const float depth[RENDER_LANES]) {
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < RENDER_LANES; i++)
            out->v[k][i] = depth[i] * (row->start[k] + (float)(x + i) * row->step[k]);
}

static void capsule_normals(lanes3 *n, const lanes3 *p, const render_solid *s) {
    const float inverse = 1.0f / s->radius;
    for (int i = 0; i < RENDER_LANES; i++) {
        const float x = p->v[0][i] - s->a[0], y = p->v[1][i] - s->a[1], z = p->v[2][i] - s->a[2];
        float h = (x * s->axis[0] + y * s->axis[1] + z * s->axis[2]) / s->axis2;
        h = lower(higher(h, 0.0f), 1.0f);
        n->v[0][i] = (x - h * s->axis[0]) * inverse;
        n->v[1][i] = (y - h * s->axis[1]) * inverse;
        n->v[2][i] = (z - h * s->axis[2]) * inverse;
    }
}

/* Boxes: the axis on which the point is furthest out. Cylinders: the mantle or a lid, whichever is nearer. */
static void local_normals(lanes3 *n, const lanes3 *p, const render_solid *s) {
    const float *R = s->R;
    const int box = s->kind == VG_SOLID_BOX;
    const float hx = 1.0f / s->half[0], hy = 1.0f / s->half[1], hz = 1.0f / s->half[2];
    for (int i = 0; i < RENDER_LANES; i++) {
        const float x = p->v[0][i] - s->a[0], y = p->v[1][i] - s->a[1], z = p->v[2][i] - s->a[2];
        const float lx = R[0] * x + R[3] * y + R[6] * z, ly = R[1] * x + R[4] * y + R[7] * z;
        const float lz = R[2] * x + R[5] * y + R[8] * z;
        const float around = sqrtf(lx * lx + ly * ly);
        const float ox = box ? fabsf(lx) * hx : around * hx, oy = box ? fabsf(ly) * hy : -1.0f, oz = fabsf(lz) * hz;
        const int on_z = (oz >= ox) & (oz >= oy), on_y = (oy > ox) & !on_z, on_x = !on_z & !on_y;
        const float sx = lx < 0.0f ? -1.0f : 1.0f, sy = ly < 0.0f ? -1.0f : 1.0f, sz = lz < 0.0f ? -1.0f : 1.0f;
        const float mx = box ? sx : lx / higher(around, 1e-9f), my = box ? 0.0f : ly / higher(around, 1e-9f);
        const float nx = on_x ? mx : 0.0f, ny = on_x ? my : (on_y ? sy : 0.0f), nz = on_z ? sz : 0.0f;
        n->v[0][i] = R[0] * nx + R[1] * ny + R[2] * nz;
        n->v[1][i] = R[3] * nx + R[4] * ny + R[5] * nz;
        n->v[2][i] = R[6] * nx + R[7] * ny + R[8] * nz;
    }
}

static inline uint32_t pack(float red, float green, float blue) {
    return 0xFF000000u | (uint32_t)(int32_t)(red + 0.5f) << 16 | (uint32_t)(int32_t)(green + 0.5f) << 8 |
           (uint32_t)(int32_t)(blue + 0.5f);
}

static inline uint32_t pack_bytes(const uint8_t c[3]) {
    return 0xFF000000u | (uint32_t)c[0] << 16 | (uint32_t)c[1] << 8 | c[2];
}

static void shade_sky(uint32_t out[RENDER_LANES], const render_row *row, int32_t x) {
    for (int i = 0; i < RENDER_LANES; i++) {
        const float dx = row->start[0] + (float)(x + i) * row->step[0];
        const float dy = row->start[1] + (float)(x + i) * row->step[1];
        const float dz = row->start[2] + (float)(x + i) * row->step[2];
        const float up = lower(higher(dz / sqrtf(dx * dx + dy * dy + dz * dz), 0.0f), 1.0f);
        out[i] = pack(196.0f - 110.0f * up, 214.0f - 86.0f * up, 232.0f - 42.0f * up);
    }
}

static void shade_ground(uint32_t out[RENDER_LANES], const vg_render *render, const render_row *row, int32_t x,
                         const float depth[RENDER_LANES]) {
    const uint8_t *c = render->colours[render->ground_object].lit;
    const float red = (float)c[0], green = (float)c[1], blue = (float)c[2];
    for (int i = 0; i < RENDER_LANES; i++) {
        const float gx = row->eye[0] + depth[i] * (row->start[0] + (float)(x + i) * row->step[0]);
        const float gy = row->eye[1] + depth[i] * (row->start[1] + (float)(x + i) * row->step[1]);
        /* 1 on the light squares; floors differ by one where a square ends */
        const float cells = floorf(lower(higher(gx, -1e6f), 1e6f)) + floorf(lower(higher(gy, -1e6f), 1e6f));
        const float odd = cells - 2.0f * floorf(cells * 0.5f);
        const float fade = 1.0f / (1.0f + depth[i] * depth[i] * 0.0009f);
        const float shade = (0.80f + 0.14f * odd) * fade + 0.86f * (1.0f - fade);
        out[i] = pack(red * shade, green * shade, blue * shade);
    }
}

static void shade_solid(uint32_t out[RENDER_LANES], const vg_render *render, vg_render_mode mode, const render_row *row,
                        int32_t x, const float depth[RENDER_LANES], const render_solid *s) {
    lanes3 p, n;
    points_of(&p, row, x, depth);
    if (s->kind == VG_SOLID_CAPSULE)
        capsule_normals(&n, &p, s);
    else
        local_normals(&n, &p, s);
    if (mode == VG_RENDER_NORMAL) {
        const float y = render->options.flip_y ? -1.0f : 1.0f;
        for (int i = 0; i < RENDER_LANES; i++) {
            float rgb[3] = {n.v[0][i], y * n.v[1][i], n.v[2][i]};
            for (int k = 0; k < 3; k++) rgb[k] = 127.5f + 127.5f * lower(higher(rgb[k], -1.0f), 1.0f);
            out[i] = pack(rgb[0], rgb[1], rgb[2]);
        }
        return;
    }
    const uint8_t *c = render->colours[s->object].lit;
    const float red = (float)c[0], green = (float)c[1], blue = (float)c[2];
    for (int i = 0; i < RENDER_LANES; i++) {
        const float facing = n.v[0][i] * light[0] + n.v[1][i] * light[1] + n.v[2][i] * light[2];
        const float shade = 0.55f + 0.45f * lower(higher(facing, -0.9f), 1.0f);
        out[i] = pack(red * shade, green * shade, blue * shade);
    }
}

static void shade_one(uint32_t out[RENDER_LANES], const vg_render *render, vg_render_mode mode, const render_row *row,
                      int32_t x, const float depth[RENDER_LANES], int32_t solid) {
    if (mode == VG_RENDER_MASK) {
        const uint32_t c =
            solid == -1
                ? 0xFF000000u
                : pack_bytes(render->colours[solid == -2 ? render->ground_object : render->solids[solid].object].mask);
        for (int i = 0; i < RENDER_LANES; i++) out[i] = c;
    } else if (solid >= 0) {
        shade_solid(out, render, mode, row, x, depth, &render->solids[solid]);
    } else if (mode == VG_RENDER_NORMAL) {
        for (int i = 0; i < RENDER_LANES; i++) out[i] = solid == -1 ? 0xFF000000u : 0xFF8080FFu;
    } else if (solid == -1) {
        shade_sky(out, row, x);
    } else {
        shade_ground(out, render, row, x, depth);
    }
}

void render_shade(uint32_t out[RENDER_LANES], const vg_render *render, vg_render_mode mode, const render_row *row,
                  int32_t x, const float depth[RENDER_LANES], const int32_t solid[RENDER_LANES]) {
    uint32_t left = (1u << RENDER_LANES) - 1; /* lanes not shaded yet */
    while (left != 0) {
        const int32_t first = solid[__builtin_ctz(left)];
        uint32_t same = 0;
        for (int i = 0; i < RENDER_LANES; i++) same |= (uint32_t)(solid[i] == first) << i;
        if (same == (1u << RENDER_LANES) - 1) {
            shade_one(out, render, mode, row, x, depth, first);
            return;
        }
        uint32_t part[RENDER_LANES];
        shade_one(part, render, mode, row, x, depth, first);
        for (int i = 0; i < RENDER_LANES; i++) out[i] = (same >> i & 1) ? part[i] : out[i];
        left &= ~same;
    }
}
