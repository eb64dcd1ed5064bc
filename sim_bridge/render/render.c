/* Walks the rows of one view: solids are first reduced to those that can show, nearest first; each band of rows then meets
 * those that reach it, and each row is shaded once its nearest surfaces are known. */
#include "sim_bridge/render/inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

vg_status vg_render_create(vg_render **out, int32_t max_solids, vg_error *err) {
    *out = NULL;
    if (max_solids < 0 || max_solids > RENDER_MAX_SOLIDS)
        return vg_fail(err, VG_INVALID, "renderer: max_solids is %d; it must be 0 to %d", max_solids,
                       RENDER_MAX_SOLIDS);
    vg_render *r = calloc(1, sizeof *r);
    render_solid *solids = calloc((size_t)max_solids + 1, sizeof *solids);
    if (!r || !solids) {
        free(r), free(solids);
        return vg_fail(err, VG_NO_MEMORY, "renderer: no memory for %d solids", max_solids);
    }
    r->max_solids = max_solids, r->solids = solids;
    *out = r;
    return VG_OK;
}

void vg_render_destroy(vg_render *render) {
    if (!render) return;
    free(render->solids);
    free(render);
}

static int nearest_first(const void *a, const void *b) {
    const render_solid *x = a, *y = b;
    return (x->near > y->near) - (x->near < y->near);
}

vg_status vg_render_begin(vg_render *render, const vg_render_scene *scene, const vg_render_view *view,
                          const vg_render_options *options, vg_error *err) {
    if (view->width < 1 || view->width > VG_RENDER_MAX_SIZE || view->height < 1 || view->height > VG_RENDER_MAX_SIZE)
        return vg_fail(err, VG_INVALID, "renderer: the view is %d x %d px; both must be 1 to %d", view->width,
                       view->height, VG_RENDER_MAX_SIZE);
    if (!(view->fx > 0) || !(view->fy > 0) || !isfinite(view->fx) || !isfinite(view->fy))
        return vg_fail(err, VG_INVALID, "renderer: the focal lengths are %g and %g px; they must be positive", view->fx,
                       view->fy);
    if (scene->solid_count > render->max_solids)
        return vg_fail(err, VG_INVALID, "renderer: the scene has %d solids; room was planned for %d",
                       scene->solid_count, render->max_solids);
    render->view = *view;
    render->options = *options;
    render->colours = scene->colours;
    render->ground_object = scene->ground_object;
    render->count = 0;
    for (int32_t i = 0; i < scene->solid_count; i++)
        if (render_prepare(&render->solids[render->count], &scene->solids[i], view)) render->count++;
    qsort(render->solids, (size_t)render->count, sizeof *render->solids, nearest_first);
    return VG_OK;
}

static void row_of(render_row *row, const vg_render_view *v, int32_t y) {
    for (int k = 0; k < 3; k++) {
        const double right = v->R[k], down = v->R[3 + k], forward = v->R[6 + k];
        row->start[k] = (float)(-v->cx / v->fx * right + (y - v->cy) / v->fy * down + forward);
        row->step[k] = (float)(right / v->fx);
        row->eye[k] = (float)v->eye[k];
    }
}

/* Depth or distance of 16 pixels. */
static void ranges(float out[RENDER_LANES], const vg_render *render, vg_render_mode mode, const render_row *row,
                   int32_t x, const float depth[RENDER_LANES]) {
    const float scale = render->options.depth_scale, sky = render->options.depth_sky;
    for (int i = 0; i < RENDER_LANES; i++) {
        const float dx = row->start[0] + (float)(x + i) * row->step[0];
        const float dy = row->start[1] + (float)(x + i) * row->step[1];
        const float dz = row->start[2] + (float)(x + i) * row->step[2];
        const float length = mode == VG_RENDER_DISTANCE ? sqrtf(dx * dx + dy * dy + dz * dz) : 1.0f;
        out[i] = depth[i] >= RENDER_SKY ? sky : lower(depth[i] * length * scale, sky);
    }
}

static void draw_row(const vg_render *render, vg_render_mode mode, unsigned char *out, int32_t y,
                     const uint16_t *active, int32_t active_count) {
    /* a row of the widest image; lanes beyond its end are drawn and dropped */
    _Alignas(64) float depth[VG_RENDER_MAX_SIZE];
    _Alignas(64) int32_t solid[VG_RENDER_MAX_SIZE];
    _Alignas(64) uint32_t pixels[RENDER_LANES];
    const int32_t width = render->view.width;
    render_row row;
    row_of(&row, &render->view, y);
    render_background(depth, solid, &row, width, render->ground_object >= 0);
    for (int32_t a = 0; a < active_count; a++) {
        const render_solid *s = &render->solids[active[a]];
        if (y < s->y0 || y >= s->y1) continue;
        for (int32_t x = s->x0; x < s->x1; x += RENDER_LANES) render_meet(depth + x, solid + x, s, active[a], &row, x);
    }
    for (int32_t x = 0; x < width; x += RENDER_LANES) {
        if (mode == VG_RENDER_DEPTH || mode == VG_RENDER_DISTANCE) {
            float range[RENDER_LANES];
            ranges(range, render, mode, &row, x, depth + x);
            memcpy(pixels, range, sizeof pixels);
        } else {
            render_shade(pixels, render, mode, &row, x, depth + x, solid + x);
        }
        const int32_t left = width - x < RENDER_LANES ? width - x : RENDER_LANES;
        if (left == RENDER_LANES)
            memcpy(out + 4 * (size_t)x, pixels, sizeof pixels);
        else
            memcpy(out + 4 * (size_t)x, pixels, 4 * (size_t)left);
    }
}

void vg_render_rows(const vg_render *render, vg_render_mode mode, void *out, int32_t first, int32_t last) {
    uint16_t active[RENDER_MAX_SOLIDS];
    const size_t pitch = 4 * (size_t)render->view.width;
    for (int32_t y0 = first; y0 < last; y0 += RENDER_BAND) {
        const int32_t y1 = y0 + RENDER_BAND < last ? y0 + RENDER_BAND : last;
        int32_t count = 0;
        for (int32_t s = 0; s < render->count; s++)
            if (render->solids[s].y0 < y1 && render->solids[s].y1 > y0) active[count++] = (uint16_t)s;
        for (int32_t y = y0; y < y1; y++)
            draw_row(render, mode, (unsigned char *)out + pitch * (size_t)y, y, active, count);
    }
}
