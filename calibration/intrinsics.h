/* Intrinsics of one camera from the corners of a flat board, and a report that shows where to trust them. */
#ifndef VG_CALIBRATION_INTRINSICS_H
#define VG_CALIBRATION_INTRINSICS_H

#include "calibration/corners.h"
#include "common/frame.h"

#include <stdbool.h>

#define VG_INTRINSICS_PARTS 12 /* fx fy cx cy, then the distortion */

typedef struct vg_intrinsics_options {
    int32_t lens; /* vg_lens */
    int32_t
        coefficients; /* of distortion, the others are zero: 0, 2 (k1 k2), 4 (and p1 p2), 5 (and k3), 8; fisheye 4 */
    int32_t pictures; /* most pictures to use; of more, the most different are chosen */
} vg_intrinsics_options;

vg_intrinsics_options vg_intrinsics_options_default(void); /* Brown-Conrady, 4, 60 */

typedef struct vg_intrinsics_report {
    int32_t boards;   /* pictures with enough of the board: 6 corners that are not in one line */
    int32_t used;     /* of those, in the result */
    int32_t left_out; /* dropped because they do not fit the others: their rms is over 4 times the median and 1 px */
    int32_t corners;  /* used */
    double rms_px;    /* of the distances between corners and their projections */
    double coverage;  /* share of the picture's area that boards covered, 0 .. 1 */
    double reach;     /* how far from the middle towards the picture's corners there are boards, 0 .. 1 */
    /* The mean of corner minus projection in each ninth of the picture [row][column][u, v], px; NaN where there are fewer
     * than 10 corners. `bias` is the longest of them, with its place. Noise alone has none. */
    double bias_px[3][3][2];
    double bias;
    int32_t bias_row, bias_column;
    /* Checks by pictures that took no part: each fifth of the pictures is measured with the lens that the others give. Each
     * board's pose is taken from every other corner; the corners between show the error in px and the side of the squares.
     * NaN with fewer than 4 pictures. */
    double held_out_px;
    double square, square_mean, square_sd; /* metres: as given, as measured */
    double parameter[VG_INTRINSICS_PARTS]; /* fx fy cx cy px, then coefficients */
    double deviation[VG_INTRINSICS_PARTS]; /* their standard deviations, from the corners' noise; 0 where held */
} vg_intrinsics_report;

/* Fills lens, fx .. cy and distortion of `camera`, whose width and height are given, from the corners of that number. R and t
 * stay. VG_FAILED with a mend where there are too few boards or they do not determine a lens. `report` may not be NULL. */
vg_status vg_intrinsics_calibrate(vg_camera *camera, vg_intrinsics_report *report, const vg_corners *corners,
                                  int32_t number, const vg_intrinsics_options *options, vg_error *err);

#endif
