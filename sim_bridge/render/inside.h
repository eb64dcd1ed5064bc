/* The renderer, inside: solids prepared for one view. bounds.c finds where a solid can show, meet.c meets lanes of rays with
 * solids, shade.c turns what was met into bytes, render.c walks the rows. */
#ifndef VG_SIM_BRIDGE_RENDER_INSIDE_H
#define VG_SIM_BRIDGE_RENDER_INSIDE_H

#include "sim_bridge/render/render.h"

#define RENDER_LANES 16
#define RENDER_NEAR  0.01f /* m: what is nearer than this is not drawn */
#define RENDER_SKY   1e30f /* depth of nothing */
#define RENDER_BAND  8     /* rows that share one list of solids */

#define RENDER_MAX_SOLIDS 4096

/* Numbers that do not change within a view; all positions relative to the eye. */
typedef struct render_solid {
    int32_t kind, object;
    int32_t x0, x1, y0, y1; /* px, where it can show: x0 <= x < x1; x0 is a multiple of RENDER_LANES */
    float middle;           /* depth of its middle: rays are met from there, to lose no digits */
    float near;             /* no point of it is nearer */
    float a[3];             /* capsule: first end; others: centre */
    float axis[3];          /* capsule: b - a */
    float axis2, radius;    /* |b - a|^2, radius */
    float R[9], half[3];    /* own axes -> world */
} render_solid;

/* Rays of one row: direction(x) = start + x step, scaled so that the depth of start + t direction is t. */
typedef struct render_row {
    float start[3], step[3];
    float eye[3];
} render_row;

struct vg_render {
    int32_t max_solids, count; /* room; solids that can show */
    int32_t ground_object;
    vg_render_view view;
    vg_render_options options;
    const vg_render_colour *colours;
    render_solid *solids; /* [count], nearest first */
};

/* Smaller and larger of two numbers as the vector units have them (fminf's rules for NaN would keep loops scalar). */
static inline float lower(float a, float b) {
    return a < b ? a : b;
}
static inline float higher(float a, float b) {
    return a > b ? a : b;
}

/* bounds.c: false where no pixel can show the solid. */
bool render_prepare(render_solid *out, const vg_solid *solid, const vg_render_view *view);

/* meet.c: lowers depth[] and sets solid[] to `index` in those of the 16 lanes from pixel `x` on where `s` is nearer. */
void render_meet(float depth[RENDER_LANES], int32_t solid[RENDER_LANES], const render_solid *s, int32_t index,
                 const render_row *row, int32_t x);
/* Sky and ground: solid[] becomes -1 (sky) or -2 (ground). */
void render_background(float *depth, int32_t *solid, const render_row *row, int32_t width, bool ground);

/* shade.c: 16 pixels */
void render_shade(uint32_t out[RENDER_LANES], const vg_render *render, vg_render_mode mode, const render_row *row,
                  int32_t x, const float depth[RENDER_LANES], const int32_t solid[RENDER_LANES]);

#endif
