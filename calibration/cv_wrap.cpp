/* The OpenCV wrapper. */
extern "C" {
#include "calibration/cv_wrap.h"
}

#include <climits>
#include <opencv2/aruco/charuco.hpp>
#include <opencv2/calib3d.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <exception>
#include <vector>

namespace {

cv::Mat matrix_of(const vg_camera *c) {
    return (cv::Mat_<double>(3, 3) << c->fx, 0, c->cx, 0, c->fy, c->cy, 0, 0, 1);
}

cv::Mat distortion_of(const vg_camera *c) {
    return cv::Mat(1, c->lens == VG_LENS_FISHEYE ? 4 : 8, CV_64F, const_cast<double *>(c->distortion)).clone();
}

cv::Mat points_of(const double *points, int n, int channels) {
    return cv::Mat(n, 1, CV_64FC(channels), const_cast<double *>(points));
}

void copy_out(double *out, const cv::Mat &points, int n, int channels) {
    cv::Mat doubles;
    points.reshape(channels).convertTo(doubles, CV_64F);
    std::memcpy(out, doubles.ptr<double>(), sizeof(double) * static_cast<size_t>(n) * static_cast<size_t>(channels));
}

template <typename Work> vg_status guarded(const char *what, vg_error *err, Work work) {
    try {
        work();
        return VG_OK;
    } catch (const std::exception &e) {
        return vg_fail(err, VG_FAILED, "OpenCV's %s: %s", what, e.what());
    }
}

} // namespace

vg_status vg_cv_project(double *uv, const vg_camera *camera, const double *X, int n, vg_error *err) {
    return guarded("projectPoints", err, [&] {
        cv::Mat r, out, R(3, 3, CV_64F, const_cast<double *>(camera->R)),
            t(3, 1, CV_64F, const_cast<double *>(camera->t));
        cv::Rodrigues(R, r);
        if (camera->lens == VG_LENS_FISHEYE)
            cv::fisheye::projectPoints(points_of(X, n, 3), out, r, t, matrix_of(camera), distortion_of(camera));
        else
            cv::projectPoints(points_of(X, n, 3), r, t, matrix_of(camera), distortion_of(camera), out);
        copy_out(uv, out, n, 2);
    });
}

vg_status vg_cv_undistort(double *xy, const vg_camera *camera, const double *uv, int n, vg_error *err) {
    return guarded("undistortPoints", err, [&] {
        cv::Mat out;
        if (camera->lens == VG_LENS_FISHEYE)
            cv::fisheye::undistortPoints(points_of(uv, n, 2), out, matrix_of(camera), distortion_of(camera));
        else
            cv::undistortPoints(points_of(uv, n, 2), out, matrix_of(camera), distortion_of(camera), cv::noArray(),
                                cv::noArray(),
                                cv::TermCriteria(cv::TermCriteria::MAX_ITER | cv::TermCriteria::EPS, 200, 1e-14));
        copy_out(xy, out, n, 2);
    });
}

vg_status vg_cv_triangulate(double *X, const double P0[12], const double P1[12], const double *xy0, const double *xy1,
                            int n, vg_error *err) {
    return guarded("triangulatePoints", err, [&] {
        const cv::Mat A(3, 4, CV_64F, const_cast<double *>(P0)), B(3, 4, CV_64F, const_cast<double *>(P1));
        cv::Mat h;
        cv::triangulatePoints(A, B, points_of(xy0, n, 2), points_of(xy1, n, 2), h);
        h.convertTo(h, CV_64F);
        for (int i = 0; i < n; i++)
            for (int k = 0; k < 3; k++) X[3 * i + k] = h.at<double>(k, i) / h.at<double>(3, i);
    });
}

namespace {

cv::Mat grey_of(const vg_cv_picture *p) {
    cv::Mat grey(p->height, p->width, CV_8UC(p->channels), const_cast<uint8_t *>(p->pixels), p->stride);
    if (p->channels == 3) cv::cvtColor(grey, grey, cv::COLOR_BGR2GRAY);
    if (p->inverted) grey = 255 - grey;
    return grey;
}

/* Half the side of the window in which a corner is refined: OpenCV's usual 11, less where squares are small, so that no
 * window holds two corners. */
int window_of(const std::vector<cv::Point2f> &corners, int columns) {
    float nearest = 1e9f;
    for (size_t i = 0; i + 1 < corners.size(); i++)
        if ((i + 1) % static_cast<size_t>(columns) != 0)
            nearest = std::min(nearest, static_cast<float>(cv::norm(corners[i + 1] - corners[i])));
    return std::clamp(static_cast<int>(0.4f * nearest), 2, 11);
}

} // namespace

vg_status vg_cv_find_chessboard(double *uv, bool *found, const vg_cv_picture *picture, int columns, int rows,
                                vg_error *err) {
    *found = false;
    return guarded("findChessboardCorners", err, [&] {
        const cv::Mat grey = grey_of(picture);
        std::vector<cv::Point2f> corners;
        if (!cv::findChessboardCorners(grey, cv::Size(columns, rows), corners)) return;
        const int half = window_of(corners, columns);
        cv::cornerSubPix(grey, corners, cv::Size(half, half), cv::Size(-1, -1),
                         cv::TermCriteria(cv::TermCriteria::EPS | cv::TermCriteria::COUNT, 30, 0.001));
        for (size_t i = 0; i < corners.size(); i++) {
            uv[2 * i] = static_cast<double>(corners[i].x);
            uv[2 * i + 1] = static_cast<double>(corners[i].y);
        }
        *found = true;
    });
}

vg_status vg_cv_jpeg_encode(void *out, size_t room, size_t *size, const void *bgra, int32_t width, int32_t height,
                            int32_t quality, vg_error *err) {
    return guarded("imencode", err, [&] {
        const cv::Mat four(height, width, CV_8UC4, const_cast<void *>(bgra));
        cv::Mat three;
        std::vector<unsigned char> bytes;
        cv::cvtColor(four, three, cv::COLOR_BGRA2BGR);
        if (!cv::imencode(".jpg", three, bytes, {cv::IMWRITE_JPEG_QUALITY, quality}) || bytes.size() > room)
            throw std::runtime_error("the picture cannot be made a JPEG of the size there is room for");
        std::memcpy(out, bytes.data(), bytes.size());
        *size = bytes.size();
    });
}

/* Width and height as the file's own header has them, before anything is allocated for them. */
static bool jpeg_header_says(const unsigned char *p, size_t size, int32_t width, int32_t height) {
    for (size_t at = 2; at + 9 <= size && p[at] == 0xff;) {
        const unsigned char marker = p[at + 1];
        if (marker == 0xff) {
            at++;
            continue;
        }
        if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc)
            return (p[at + 5] << 8 | p[at + 6]) == height && (p[at + 7] << 8 | p[at + 8]) == width;
        at += 2u + (static_cast<size_t>(p[at + 2]) << 8 | p[at + 3]);
    }
    return false;
}

vg_status vg_cv_jpeg_decode(void *bgra, int32_t width, int32_t height, const void *data, size_t size, vg_error *err) {
    const unsigned char *p = static_cast<const unsigned char *>(data);
    if (size < 4 || size > INT_MAX || p[0] != 0xff || p[1] != 0xd8 || !jpeg_header_says(p, size, width, height))
        return vg_fail(err, VG_CORRUPT, "%zu bytes are no JPEG of %d x %d px", size, width, height);
    return guarded("imdecode", err, [&] {
        const cv::Mat bytes(1, static_cast<int>(size), CV_8U, const_cast<void *>(data));
        const cv::Mat three = cv::imdecode(bytes, cv::IMREAD_COLOR | cv::IMREAD_IGNORE_ORIENTATION);
        if (three.cols != width || three.rows != height) throw std::runtime_error("the JPEG cannot be read");
        cv::Mat four(height, width, CV_8UC4, bgra);
        cv::cvtColor(three, four, cv::COLOR_BGR2BGRA);
    });
}

vg_status vg_cv_find_charuco(double *uv, int32_t *id, int32_t *count, const vg_cv_picture *picture,
                             const vg_cv_charuco *board, vg_error *err) {
    *count = 0;
    return guarded("aruco", err, [&] {
        const cv::Mat grey = grey_of(picture);
        const auto dictionary = cv::aruco::getPredefinedDictionary(board->dictionary);
        const auto its = cv::aruco::CharucoBoard::create(board->columns, board->rows, static_cast<float>(board->square),
                                                         static_cast<float>(board->marker), dictionary);
        std::vector<std::vector<cv::Point2f>> markers;
        std::vector<int> marker_ids, ids;
        std::vector<cv::Point2f> corners;
        cv::aruco::detectMarkers(grey, dictionary, markers, marker_ids);
        if (marker_ids.empty()) return;
        cv::aruco::interpolateCornersCharuco(markers, marker_ids, grey, its, corners, ids);
        /* 4.6 counts these corners, unlike all else, from the outer corner of the first pixel instead of its centre */
        for (size_t i = 0; i < ids.size(); i++) {
            uv[2 * i] = static_cast<double>(corners[i].x) - 0.5;
            uv[2 * i + 1] = static_cast<double>(corners[i].y) - 0.5;
            id[i] = ids[i];
        }
        *count = static_cast<int32_t>(ids.size());
    });
}

vg_status vg_cv_solve_pnp(double R[9], double t[3], const vg_camera *camera, const double *X, const double *uv, int n,
                          vg_error *err) {
    vg_status status = VG_OK;
    const vg_status cv_status = guarded("solvePnP", err, [&] {
        /* a fisheye's pixels first become those of an ideal lens: solvePnP knows no other model */
        cv::Mat pixels = points_of(uv, n, 2).clone(), K = matrix_of(camera), k = distortion_of(camera), r, move;
        if (camera->lens == VG_LENS_FISHEYE) {
            cv::fisheye::undistortPoints(points_of(uv, n, 2), pixels, K, k);
            K = cv::Mat::eye(3, 3, CV_64F);
            k = cv::Mat();
        }
        if (!cv::solvePnP(points_of(X, n, 3), pixels, K, k, r, move)) {
            status = vg_fail(err, VG_FAILED, "%d points give no place for a camera", n);
            return;
        }
        cv::Mat turn(3, 3, CV_64F, R);
        cv::Rodrigues(r, turn);
        std::memcpy(t, move.ptr<double>(), 3 * sizeof(double));
    });
    return cv_status == VG_OK ? status : cv_status;
}
