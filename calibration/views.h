/* The views of a board by one camera: corners sorted into pictures, the most different of many pictures. Private to the
 * intrinsics. */
#ifndef VG_CALIBRATION_VIEWS_H
#define VG_CALIBRATION_VIEWS_H

#include "calibration/corners.h"

#include <stdbool.h>

/* View v has the points start[v] .. start[v + 1] - 1. Release with views_free. */
typedef struct views {
    int32_t count, points;
    int32_t *start; /* [count + 1] */
    double *X;      /* [points, 3] metres on the board */
    double *uv;     /* [points, 2] px */
    double spacing; /* between neighbours on the board, metres */
} views;

#define VIEW_LEAST_CORNERS 6

/* The views of one camera that hold enough of the board, in the order of their pictures. */
vg_status views_of(views *out, const vg_corners *corners, int32_t camera, vg_error *err);
void views_free(views *v);
/* The views that `keep` [count] marks. */
vg_status views_keep(views *out, const views *from, const bool *keep, vg_error *err);
/* Marks the `most` views that differ most in place, size and slant. */
vg_status views_choose(bool *keep, const views *v, int32_t most, double width, vg_error *err);
/* Share of the picture covered by the boards' hulls, on a grid; how far they reach towards its corners. */
void views_cover(double *coverage, double *reach, const views *v, int32_t width, int32_t height);

#endif
