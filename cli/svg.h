/* Pictures as inline SVG: line charts and the top view of an episode. Colours come from the page's style sheet through the
 * custom properties --ink, --muted, --grid, --card and --c0 to --c7, so one picture suits light and dark pages. */
#ifndef VG_CLI_SVG_H
#define VG_CLI_SVG_H

#include "sim_bridge/world.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* One line of a chart. Points whose y is not finite leave a gap. */
typedef struct vg_series {
    const char *label;
    int colour; /* 0 .. 7 */
    const double *x, *y;
    size_t count;
    bool smooth; /* draw the points faintly and a running mean over them */
} vg_series;

typedef struct vg_chart {
    const char *title, *x_label, *y_label;
    const vg_series *series;
    size_t count;
    int width;      /* of the picture; its height is fixed */
    bool from_zero; /* the y axis begins at 0 */
} vg_chart;

void vg_svg_chart(FILE *out, const vg_chart *chart);

/* Where everyone was during one episode, in the world's x and y (metres). */
typedef struct vg_episode {
    int32_t steps, capacity; /* steps recorded, steps there is room for */
    int32_t people, cameras, target;
    float *people_xy;  /* [T, P, 2]; NaN where absent */
    float *cameras_xy; /* [T, C, 2] */
    float *looks_xy;   /* [T, C, 2] where the optical axis points, horizontal part */
    double *mpjpe_mm;  /* [T] */
} vg_episode;

/* Room for one episode. Release with vg_episode_destroy. */
vg_status vg_episode_create(vg_episode *episode, int32_t steps, int32_t people, int32_t cameras, vg_error *err);
void vg_episode_destroy(vg_episode *episode);
/* Appends one step; steps beyond the capacity are dropped. People stand where the truth has them, else where they were seen. */
void vg_episode_add(vg_episode *episode, const vg_frame *frame, const vg_skeletons *skeletons, double mpjpe_mm);

#define VG_TOP_VIEW_SECONDS 20.0 /* longer tracks would cover each other */

/* The first VG_TOP_VIEW_SECONDS of an episode. `standalone` carries its own colours, for a file of its own. */
void vg_svg_top_view(FILE *out, const vg_episode *episode, const vg_world_info *info, bool standalone);

/* Text with <, >, & and quotes escaped, for HTML and SVG. */
void vg_svg_text(FILE *out, const char *text);

#endif
