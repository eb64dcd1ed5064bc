/* OpenCV behind a C door: no OpenCV type leaves cv_wrap.cpp. Every function answers VG_FAILED with OpenCV's own words where
 * OpenCV throws. */
#ifndef VG_CALIBRATION_CV_WRAP_H
#define VG_CALIBRATION_CV_WRAP_H

#include "common/frame.h"

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

/* Width and height of a picture file, px. */
vg_status vg_cv_picture_size(int32_t *width, int32_t *height, const char *path, vg_error *err);

/* A JPEG of `bgra` (4 bytes a pixel) into `out`, which holds `room` bytes. */
vg_status vg_cv_jpeg_encode(void *out, size_t room, size_t *size, const void *bgra, int32_t width, int32_t height,
                            int32_t quality, vg_error *err);
/* A JPEG to `bgra`; VG_CORRUPT where it is none, or of another size. */
vg_status vg_cv_jpeg_decode(void *bgra, int32_t width, int32_t height, const void *data, size_t size, vg_error *err);

#ifdef __cplusplus
}
#endif

#endif
