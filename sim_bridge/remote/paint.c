/* The embedded world's people and obstacles as solids, and the software renderer on them. */
#include "sim_bridge/remote/paint.h"

#include "common/transform.h"
#include "sim_bridge/embedded/embedded.h"
#include "sim_bridge/render/render.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LIMBS_EACH = 16 };

struct vg_painter {
    const vg_world *world;
    vg_render *render;
    int32_t solid_count;
    vg_embedded_capsule limbs[VG_MAX_PEOPLE * LIMBS_EACH];
    vg_solid solids[VG_MAX_PEOPLE * LIMBS_EACH + VG_MAX_OBSTACLES];
    vg_render_colour colours[1 + VG_MAX_PEOPLE + VG_MAX_OBSTACLES]; /* ground, people, obstacles */
};

/* Distinct for all objects: red alone is, 73 being coprime to 251. */
static void colour_of(vg_render_colour *out, int32_t object) {
    const uint32_t n = (uint32_t)object + 1;
    out->mask[0] = (uint8_t)(4 + n * 73 % 251), out->mask[1] = (uint8_t)(6 + n * 151 % 249);
    out->mask[2] = (uint8_t)(8 + n * 199 % 247);
    for (int k = 0; k < 3; k++) out->lit[k] = (uint8_t)(150 + out->mask[k] * 2 / 5); /* light: detectors find people */
}

uint32_t vg_painter_colour(int32_t person) {
    vg_render_colour c;
    colour_of(&c, 1 + person);
    return (uint32_t)c.mask[0] << 16 | (uint32_t)c.mask[1] << 8 | c.mask[2];
}

vg_status vg_painter_create(vg_painter **out, const vg_world *world, vg_error *err) {
    *out = NULL;
    if (strcmp(world->ops->name, "embedded") != 0)
        return vg_fail(err, VG_UNSUPPORTED, "world %s has no pictures; only the embedded simulator is drawn",
                       world->info.name);
    vg_painter *p = calloc(1, sizeof *p);
    if (!p) return vg_fail(err, VG_NO_MEMORY, "no memory to draw pictures");
    p->world = world;
    for (int32_t i = 0; i < 1 + VG_MAX_PEOPLE + VG_MAX_OBSTACLES; i++) colour_of(&p->colours[i], i);
    memcpy(p->colours[0].lit, (const uint8_t[3]){96, 104, 88}, 3);
    const vg_status status = vg_render_create(&p->render, (int32_t)(sizeof p->solids / sizeof p->solids[0]), err);
    if (status == VG_OK)
        *out = p;
    else
        free(p);
    return status;
}

void vg_painter_destroy(vg_painter *p) {
    if (!p) return;
    vg_render_destroy(p->render);
    free(p);
}

void vg_painter_look(vg_painter *p, int32_t env) {
    const vg_world_info *info = &p->world->info;
    const int32_t room = (int32_t)(sizeof p->limbs / sizeof p->limbs[0]);
    const int32_t limbs = vg_embedded_capsules(p->world, env, p->limbs, room);
    VG_ASSERT(limbs <= room);
    for (int32_t i = 0; i < limbs; i++) {
        const vg_embedded_capsule *c = &p->limbs[i];
        p->solids[i] = (vg_solid){.kind = VG_SOLID_CAPSULE, .object = 1 + c->person, .radius = c->radius};
        memcpy(p->solids[i].a, c->a, sizeof c->a), memcpy(p->solids[i].b, c->b, sizeof c->b);
    }
    for (int32_t i = 0; i < info->obstacle_count; i++) {
        const vg_obstacle *o = &info->obstacles[i];
        const float c = cosf(o->yaw), s = sinf(o->yaw);
        vg_solid *to = &p->solids[limbs + i];
        *to = (vg_solid){.kind = o->kind == VG_OBSTACLE_CYLINDER ? VG_SOLID_CYLINDER : VG_SOLID_BOX,
                         .object = 1 + VG_MAX_PEOPLE + i,
                         .R = {c, -s, 0, s, c, 0, 0, 0, 1}};
        memcpy(to->a, o->centre, sizeof to->a), memcpy(to->half, o->half, sizeof to->half);
    }
    p->solid_count = limbs + info->obstacle_count;
}

vg_status vg_painter_draw(vg_painter *p, const vg_camera *camera, vg_picture_kind kind, void *out, vg_error *err) {
    static const vg_render_mode modes[VG_PICTURE_KINDS] = {VG_RENDER_LIT, VG_RENDER_MASK, VG_RENDER_DEPTH};
    const vg_render_scene scene = {.solids = p->solids, .solid_count = p->solid_count, .colours = p->colours};
    vg_render_view view = {.width = camera->width,
                           .height = camera->height,
                           .fx = camera->fx,
                           .fy = camera->fy,
                           .cx = camera->cx,
                           .cy = camera->cy};
    memcpy(view.R, camera->R, sizeof view.R);
    for (int k = 0; k < 3; k++)
        view.eye[k] =
            -(camera->R[k] * camera->t[0] + camera->R[3 + k] * camera->t[1] + camera->R[6 + k] * camera->t[2]);
    const vg_render_options options = {.depth_scale = 1, .depth_sky = 65504}; /* the largest half-precision number */
    VG_TRY(vg_render_begin(p->render, &scene, &view, &options, err));
    vg_render_rows(p->render, modes[kind], out, 0, camera->height);
    return VG_OK;
}
