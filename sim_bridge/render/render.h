/* A small software renderer: flat-coloured solids (capsules for people, boxes, cylinders) on a ground plane under a sky, as
 * a pinhole camera sees them. Each pixel is one ray met with each solid in closed form, so depth, masks and normals are
 * exact and free of sampling patterns. Same scene, same view: same bytes. Starts no threads: rows are independent, so a
 * caller that has threads hands each of them a range of rows. SI units, world right-handed, z up. */
#ifndef VG_SIM_BRIDGE_RENDER_H
#define VG_SIM_BRIDGE_RENDER_H

#include "common/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VG_RENDER_MAX_SIZE 4096 /* px, width and height */

typedef enum vg_solid_kind {
    VG_SOLID_CAPSULE = 0, /* all points within `radius` of the segment a, b */
    VG_SOLID_BOX = 1,     /* half sizes `half` about `a`, along the columns of R */
    VG_SOLID_CYLINDER = 2 /* axis = third column of R; half[0] radius, half[2] half height, about `a` */
} vg_solid_kind;

typedef struct vg_solid {
    int32_t kind;   /* vg_solid_kind */
    int32_t object; /* whose colours it wears: index into the scene's colours */
    float a[3], b[3];
    float radius;  /* metres */
    float half[3]; /* metres */
    float R[9];    /* own axes -> world, row-major */
} vg_solid;

/* Red, green, blue. */
typedef struct vg_render_colour {
    uint8_t lit[3];  /* under full light */
    uint8_t mask[3]; /* in the object mask, exact */
} vg_render_colour;

typedef struct vg_render_scene {
    const vg_solid *solids;
    int32_t solid_count;
    const vg_render_colour *colours; /* [objects] */
    int32_t ground_object;           /* colours of the plane z = 0; -1: no ground */
} vg_render_scene;

/* Pixel (0, 0) is the centre of the top-left pixel; R is world -> camera (x right, y down, z forward), row-major. */
typedef struct vg_render_view {
    int32_t width, height;
    double fx, fy, cx, cy;
    double R[9];
    double eye[3];
} vg_render_view;

typedef enum vg_render_mode {
    VG_RENDER_LIT = 0,      /* 4 bytes: blue, green, red, 255 */
    VG_RENDER_MASK = 1,     /* 4 bytes: the object's mask colour; sky is black */
    VG_RENDER_NORMAL = 2,   /* 4 bytes: world normal as (n + 1) / 2 * 255, red = x; sky is black */
    VG_RENDER_DEPTH = 3,    /* float: along the optical axis */
    VG_RENDER_DISTANCE = 4, /* float: from the eye */
    VG_RENDER_MODES
} vg_render_mode;

typedef struct vg_render_options {
    float depth_scale; /* of depth and distance: 1 for metres, 100 for centimetres */
    float depth_sky;   /* what the sky's depth reads, after scaling */
    bool flip_y;       /* normals in a left-handed world (y mirrored) */
} vg_render_options;

typedef struct vg_render vg_render;

/* Room for scenes of up to `max_solids` solids. Release with vg_render_destroy. */
vg_status vg_render_create(vg_render **out, int32_t max_solids, vg_error *err);
void vg_render_destroy(vg_render *render);

/* Takes scene and view in (the scene's arrays must stay until the last row is drawn). Solids beyond the planned number
 * are an error, and so is a view larger than VG_RENDER_MAX_SIZE or without extent. */
vg_status vg_render_begin(vg_render *render, const vg_render_scene *scene, const vg_render_view *view,
                          const vg_render_options *options, vg_error *err);
/* Draws rows first .. last - 1 into `out`, which holds the whole image, 4 bytes a pixel, row by row, at any alignment.
 * May be called for different rows from several threads at once. */
void vg_render_rows(const vg_render *render, vg_render_mode mode, void *out, int32_t first, int32_t last);

/* One pixel the plain way (every solid, double precision), for tests: depth along the axis in metres (infinity for the
 * sky), the object (-1 for the sky) and the normal. */
typedef struct vg_render_hit {
    double depth;
    int32_t object;
    double normal[3];
} vg_render_hit;
vg_render_hit vg_render_pixel_ref(const vg_render_scene *scene, const vg_render_view *view, int32_t x, int32_t y);

#endif
