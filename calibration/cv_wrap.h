/* OpenCV behind a C door: no OpenCV type leaves cv_wrap.cpp. Every function answers VG_FAILED with OpenCV's own words where
 * OpenCV throws. */
#ifndef VG_CALIBRATION_CV_WRAP_H
#define VG_CALIBRATION_CV_WRAP_H

#include "common/frame.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* cv::projectPoints or cv::fisheye::projectPoints: uv [n, 2] px from X [n, 3] metres. */
vg_status vg_cv_project(double *uv, const vg_camera *camera, const double *X, int n, vg_error *err);

/* cv::undistortPoints (iterated to convergence) or cv::fisheye::undistortPoints: xy [n, 2] normalised from uv [n, 2]. */
vg_status vg_cv_undistort(double *xy, const vg_camera *camera, const double *uv, int n, vg_error *err);

/* cv::triangulatePoints: X [n, 3] from two views, P0 and P1 3 x 4 row-major, xy0 and xy1 [n, 2] in the matrices' own
 * coordinates. */
vg_status vg_cv_triangulate(double *X, const double P0[12], const double P1[12], const double *xy0, const double *xy1,
                            int n, vg_error *err);

/* A picture, borrowed. */
typedef struct vg_cv_picture {
    int32_t width, height;
    int32_t channels; /* bytes a pixel: 1 grey, 3 BGR */
    size_t stride;    /* bytes a row */
    bool inverted;    /* to be looked at with white and black exchanged */
    const uint8_t *pixels;
} vg_cv_picture;

/* cv::findChessboardCorners, refined by cornerSubPix in a window that stays inside the squares: uv [columns * rows, 2] px,
 * a row at a time. `columns` and `rows` count inner corners. *found is false where the whole board is not seen. */
vg_status vg_cv_find_chessboard(double *uv, bool *found, const vg_cv_picture *picture, int columns, int rows,
                                vg_error *err);

/* A ChArUco board as Debian's OpenCV 4.6 draws it: markers of a predefined dictionary in the white squares. */
typedef struct vg_cv_charuco {
    int32_t columns, rows; /* squares */
    double square, marker; /* sides, metres */
    int32_t dictionary;    /* cv::aruco::PREDEFINED_DICTIONARY_NAME */
} vg_cv_charuco;

/* cv::aruco::detectMarkers, then interpolateCornersCharuco: uv [(columns - 1) * (rows - 1), 2] px and id of `count`
 * corners, in any order. */
vg_status vg_cv_find_charuco(double *uv, int32_t *id, int32_t *count, const vg_cv_picture *picture,
                             const vg_cv_charuco *board, vg_error *err);

/* cv::solvePnP: the place (world -> camera) from which X [n, 3] project to uv [n, 2] px, n >= 4, lens held. */
vg_status vg_cv_solve_pnp(double R[9], double t[3], const vg_camera *camera, const double *X, const double *uv, int n,
                          vg_error *err);

/* A JPEG of `bgra` (4 bytes a pixel) into `out`, which holds `room` bytes. */
vg_status vg_cv_jpeg_encode(void *out, size_t room, size_t *size, const void *bgra, int32_t width, int32_t height,
                            int32_t quality, vg_error *err);
/* A JPEG to `bgra`; VG_CORRUPT where it is none, or of another size. */
vg_status vg_cv_jpeg_decode(void *bgra, int32_t width, int32_t height, const void *data, size_t size, vg_error *err);

#ifdef __cplusplus
}
#endif

#endif
