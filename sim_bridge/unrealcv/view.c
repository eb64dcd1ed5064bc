/* What the cameras of the game see: actors to solids, pictures to files. */
#include "sim_bridge/unrealcv/coords.h"
#include "sim_bridge/unrealcv/game.h"
#include "sim_bridge/unrealcv/image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PART_ROWS       16
#define PIXELS_TO_SHARE (160 * 120)

static void add_limbs(ucv_game *g, const ucv_actor *a, int32_t object) {
    const int32_t p = a->person;
    const double share = ucv_person_share(g), thickness = cbrt(a->scale[0] * a->scale[1] * a->scale[2]);
    for (int32_t i = 0; i < g->limbs; i++) {
        const vg_embedded_capsule *before = &g->before.limb[i], *after = &g->after.limb[i];
        if (after->person != p) continue;
        vg_solid *s = &g->solids[g->solid_count++];
        *s = (vg_solid){
            .kind = VG_SOLID_CAPSULE, .object = object, .radius = (float)((double)after->radius * thickness)};
        for (int k = 0; k < 3; k++) {
            const double from = k < 2 ? (double)g->before.at[p][k] : 0, to = k < 2 ? (double)g->after.at[p][k] : 0;
            const double root = from + share * (to - from), aside = k < 2 ? g->person[p].aside[k] : 0;
            const double a0 = (double)before->a[k], a1 = (double)after->a[k];
            const double b0 = (double)before->b[k], b1 = (double)after->b[k];
            s->a[k] = (float)(root + aside + (a0 + share * (a1 - a0) - root) * a->scale[k]);
            s->b[k] = (float)(root + aside + (b0 + share * (b1 - b0) - root) * a->scale[k]);
        }
    }
}

static void add_block(ucv_game *g, const ucv_actor *a, int32_t object) {
    vg_solid *s = &g->solids[g->solid_count++];
    *s = (vg_solid){.kind = a->shape == VG_OBSTACLE_CYLINDER ? VG_SOLID_CYLINDER : VG_SOLID_BOX, .object = object};
    double at[3], axis[3][3];
    ucv_to_world(at, a->location);
    ucv_axes(axis[0], axis[1], axis[2], a->rotation);
    for (int k = 0; k < 3; k++) {
        s->a[k] = (float)at[k], s->half[k] = (float)fmax(fabs(a->half[k] * a->scale[k]), 1e-4);
        for (int j = 0; j < 3; j++) s->R[3 * k + j] = (float)axis[j][k];
    }
}

void ucv_view_build(ucv_game *g) {
    if (!g->stale) return;
    g->solid_count = 0;
    for (int32_t i = 0; i < g->actors; i++) {
        const ucv_actor *a = &g->actor[i];
        g->colours[i] = a->colour;
        if (a->hidden) continue;
        if (a->kind == UCV_PERSON)
            add_limbs(g, a, i);
        else if (a->kind == UCV_OBSTACLE || a->kind == UCV_BOX)
            add_block(g, a, i);
    }
    g->stale = false;
}

static vg_render_scene scene_of(const ucv_game *g) {
    int32_t ground = -1;
    for (int32_t i = 0; i < g->actors && ground < 0; i++)
        if (g->actor[i].kind == UCV_GROUND && !g->actor[i].hidden) ground = i;
    return (vg_render_scene){g->solids, g->solid_count, g->colours, ground};
}

vg_render_view ucv_view_of(const ucv_actor *c) {
    vg_render_view v = {
        .width = c->width, .height = c->height, .cx = (c->width - 1) / 2.0, .cy = (c->height - 1) / 2.0};
    v.fx = v.fy = c->width / (2 * tan(c->fov * VG_PI / 360));
    ucv_camera_rotation(v.R, c->rotation);
    ucv_to_world(v.eye, c->location);
    return v;
}

static vg_status room_for_picture(ucv_game *g, size_t bytes, vg_error *err) {
    if (bytes <= g->picture_room) return VG_OK;
    unsigned char *picture = realloc(g->picture, bytes);
    if (!picture) return vg_fail(err, VG_NO_MEMORY, "no memory for a picture of %zu bytes", bytes);
    g->picture = picture, g->picture_room = bytes;
    return VG_OK;
}

typedef struct drawing {
    const vg_render *render;
    vg_render_mode mode;
    void *out;
    int32_t height;
} drawing;

static void draw_part(void *context, int32_t part) {
    const drawing *d = context;
    const int32_t first = part * PART_ROWS, last = first + PART_ROWS;
    vg_render_rows(d->render, d->mode, d->out, first, last < d->height ? last : d->height);
}

/* Small pictures are drawn sooner than others are woken. */
static void draw(const ucv_game *g, vg_render_mode mode, void *out, const vg_render_view *view) {
    drawing d = {g->render, mode, out, view->height};
    if (g->workers.run && view->width * view->height >= PIXELS_TO_SHARE)
        g->workers.run(g->workers.pool, draw_part, &d, (view->height + PART_ROWS - 1) / PART_ROWS);
    else
        vg_render_rows(g->render, mode, out, 0, view->height);
}

vg_status ucv_view_take(ucv_game *g, const ucv_actor *camera, vg_render_mode mode, const char *format, ucv_buffer *out,
                        vg_error *err) {
    ucv_view_build(g);
    const vg_render_scene scene = scene_of(g);
    const vg_render_view view = ucv_view_of(camera);
    const vg_render_options options = {.depth_scale = 100, .depth_sky = 65504, .flip_y = true}; /* largest half float */
    VG_TRY(vg_render_begin(g->render, &scene, &view, &options, err));
    const size_t pixels = 4 * (size_t)view.width * (size_t)view.height;
    if (strcmp(format, "png") == 0) {
        VG_TRY(room_for_picture(g, pixels, err));
        draw(g, mode, g->picture, &view);
        return ucv_png(out, g->picture, view.width, view.height, err);
    }
    unsigned char head[144];
    size_t head_size = UCV_BMP_HEAD;
    if (strcmp(format, "bmp") == 0)
        ucv_bmp_head(head, view.width, view.height);
    else
        head_size = ucv_npy_head(head, view.width, view.height);
    unsigned char *at = ucv_reserve(out, head_size + pixels);
    if (!at) return vg_fail(err, VG_NO_MEMORY, "no room for a picture of %zu bytes", pixels);
    memcpy(at, head, head_size);
    draw(g, mode, at + head_size, &view);
    return VG_OK;
}

double ucv_view_clearance(ucv_game *g, const ucv_actor *camera, const double to[3]) {
    ucv_view_build(g);
    const double d[3] = {to[0] - camera->location[0], to[1] - camera->location[1], to[2] - camera->location[2]};
    if (vg_norm3(d) < 1e-6) return HUGE_VAL;
    const vg_render_scene scene = scene_of(g);
    vg_render_view view = {.width = 1, .height = 1, .fx = 1, .fy = 1};
    const double degrees = 180 / VG_PI;
    const double rotation[3] = {atan2(d[2], hypot(d[0], d[1])) * degrees, atan2(d[1], d[0]) * degrees, 0};
    ucv_camera_rotation(view.R, rotation);
    ucv_to_world(view.eye, camera->location);
    return vg_render_pixel_ref(&scene, &view, 0, 0).depth * 100;
}
