/* Calibration boards: chessboards and ChArUco boards, and their corners in pictures. */
#ifndef VG_CALIBRATION_BOARD_H
#define VG_CALIBRATION_BOARD_H

#include "calibration/corners.h"
#include "calibration/footage.h"

#include <stdbool.h>

#define VG_BOARD_SIDE_MAX 64 /* squares or corners */

typedef enum vg_board_kind { VG_BOARD_CHESSBOARD, VG_BOARD_CHARUCO } vg_board_kind;

/* The board's own frame: x along a row, y along a column, metres. A chessboard's origin is its first inner corner, a ChArUco
 * board's the outer corner of its first square (OpenCV's conventions). */
typedef struct vg_board {
    int32_t kind;          /* vg_board_kind */
    int32_t columns, rows; /* chessboard: inner corners; ChArUco: squares */
    double square;         /* side of a square, metres */
    double marker;         /* ChArUco: side of a marker, metres */
    int32_t dictionary;    /* ChArUco: number by vg_board_dictionary */
    bool inverted;         /* white and black exchanged; detection finds out by itself and sets it */
} vg_board;

/* "DICT_4X4_50", "4x4_50", any case. VG_INVALID lists the names. */
vg_status vg_board_dictionary(int32_t *out, const char *name, vg_error *err);
/* Caliscope's charuco.toml. */
vg_status vg_board_read(vg_board *out, const char *path, vg_error *err);
/* Bounds; the marker inside its square. */
vg_status vg_board_check(const vg_board *board, vg_error *err);

int32_t vg_board_corners(const vg_board *board); /* how many it has */
void vg_board_corner(double x[3], const vg_board *board, int32_t corner);

typedef struct vg_board_search {
    int32_t camera; /* number that goes into the corners */
    int32_t every;  /* of a video, each n-th picture; 0: so that about 300 are looked at */
    void (*progress)(void *context, int64_t done, int64_t pictures); /* pictures: -1 where unknown; NULL: silent */
    void *context;
} vg_board_search;

/* What a search has seen. */
typedef struct vg_board_sightings {
    int32_t width, height;        /* px, of all pictures */
    int32_t pictures, with_board; /* looked at; with at least one corner */
} vg_board_sightings;

/* Appends the corners of every picture that shows the board; sync and frame are the picture's index. Where the board as it is
 * described is not found, it is looked for with white and black exchanged; `board->inverted` then is set. Errors name the
 * picture. No board at all is no error: with_board is 0. */
vg_status vg_board_find(vg_corners *out, vg_board_sightings *seen, vg_board *board, const vg_camera_footage *footage,
                        const vg_board_search *search, vg_error *err);

#endif
