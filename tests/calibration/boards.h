/* Boards seen by known cameras: as corner lists, and as pictures drawn ray by ray. */
#ifndef VG_TESTS_BOARDS_H
#define VG_TESTS_BOARDS_H

#include "calibration/board.h"
#include "tests/calibration/geometry.h"

#include <stdio.h>
#include <stdlib.h>

/* A camera frame somewhere before the board, which then is near the middle of the picture or off it, slanted up to 45
 * degrees, and all of it is seen. `camera` keeps its lens. */
static inline void pose_before_board(vg_camera *camera, const vg_board *board, vg_rng *rng) {
    const int32_t last = vg_board_corners(board) - 1;
    double far[3], middle[3];
    vg_board_corner(far, board, last);
    for (int k = 0; k < 3; k++) middle[k] = far[k] / 2;
    for (;;) {
        double r[3], Rm[3];
        for (int k = 0; k < 3; k++) r[k] = (double)vg_rng_range(rng, -0.55f, 0.55f);
        vg_rotation_from_vector(camera->R, r);
        vg_mat3_mul_vec(Rm, camera->R, middle);
        const double depth = (double)vg_rng_range(rng, 1.2f, 2.5f) * vg_norm3(far);
        const double wide = camera->lens == VG_LENS_FISHEYE ? 1.2 : 0.9;
        const double at[3] = {depth * wide * (double)vg_rng_range(rng, -0.6f, 0.6f),
                              depth * wide * (double)vg_rng_range(rng, -0.4f, 0.4f), depth};
        for (int k = 0; k < 3; k++) camera->t[k] = at[k] - Rm[k];
        bool seen = true;
        for (int32_t i = 0; i <= last; i++) {
            double x[3], uv[2];
            vg_board_corner(x, board, i);
            seen = seen && vg_project(uv, NULL, NULL, camera, x) && uv[0] > 5 && uv[1] > 5 &&
                   uv[0] < camera->width - 6 && uv[1] < camera->height - 6;
        }
        if (seen) return;
    }
}

/* Corners of `views` boards with normal noise. */
static inline void see_boards(vg_corners *out, const vg_camera *lens, const vg_board *board, int32_t number, int views,
                              double noise_px, vg_rng *rng) {
    vg_error err = {0};
    for (int v = 0; v < views; v++) {
        vg_camera camera = *lens;
        pose_before_board(&camera, board, rng);
        for (int32_t i = 0; i < vg_board_corners(board); i++) {
            vg_corner c = {.sync = v, .frame = v, .time = (double)NAN, .camera = number, .point = i};
            double uv[2];
            vg_board_corner(c.board, board, i);
            vg_project(uv, NULL, NULL, &camera, c.board);
            c.u = uv[0] + noise_px * (double)vg_rng_normal(rng);
            c.v = uv[1] + noise_px * (double)vg_rng_normal(rng);
            assert_ok(vg_corners_add(out, &c, &err));
        }
    }
}

/* Brightness of the chessboard's plane at (x, y) metres: squares of 20 and 230, a white border of one square, grey beyond. */
static inline double chessboard_at(const vg_board *b, double x, double y) {
    const double column = x / b->square + 1, row = y / b->square + 1; /* squares, from the outer edge */
    if (column < -1 || row < -1 || column > b->columns + 2 || row > b->rows + 2) return 128;
    if (column < 0 || row < 0 || column > b->columns + 1 || row > b->rows + 1) return 230;
    return ((int)floor(column) + (int)floor(row)) % 2 ? 230 : 20;
}

/* Draws what the camera sees of a chessboard, 3 x 3 rays a pixel, as a PGM file. */
static inline void draw_chessboard(const char *path, const vg_camera *camera, const vg_board *board, bool inverted) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fprintf(f, "P5\n%d %d\n255\n", camera->width, camera->height);
    for (int32_t v = 0; v < camera->height; v++)
        for (int32_t u = 0; u < camera->width; u++) {
            double sum = 0;
            for (int s = 0; s < 9; s++) {
                double o[3], d[3];
                if (!vg_unproject(o, d, camera, u + (s % 3 - 1) / 3.0, v + (s / 3 - 1) / 3.0)) continue;
                const double k = -o[2] / d[2];
                sum += chessboard_at(board, o[0] + k * d[0], o[1] + k * d[1]) / 9;
            }
            fputc((int)lround(inverted ? 255 - sum : sum), f);
        }
    fclose(f);
}

#endif
