/* Pictures of an embedded world, for those who want to see what its cameras see. */
#ifndef VG_SIM_BRIDGE_REMOTE_PAINT_H
#define VG_SIM_BRIDGE_REMOTE_PAINT_H

#include "proto/proto.h"
#include "sim_bridge/world.h"

typedef struct vg_painter vg_painter;

/* VG_UNSUPPORTED where the world is no embedded one. Release with vg_painter_destroy. */
vg_status vg_painter_create(vg_painter **out, const vg_world *world, vg_error *err);
void vg_painter_destroy(vg_painter *painter); /* NULL is allowed */
/* The colour of a person in masks, 0xRRGGBB. */
uint32_t vg_painter_colour(int32_t person);
/* Takes in how an environment is now. */
void vg_painter_look(vg_painter *painter, int32_t env);
/* Draws what was looked at as a camera of its frame sees it: width x height x 4 bytes (see vg_wire_picture). */
vg_status vg_painter_draw(vg_painter *painter, const vg_camera *camera, vg_picture_kind kind, void *out, vg_error *err);

#endif
