/* Intrinsics: which boards take part, the fit, and the report: standard deviations, bias, coverage, and checks by boards that
 * took no part. */
#include "calibration/intrinsics.h"

#include "calibration/calibration.h"
#include "calibration/cv_wrap.h"
#include "calibration/lens_fit.h"
#include "calibration/views.h"
#include "common/transform.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FOLDS         5
#define LEAST_BOARDS  3
#define BIAS_CORNERS  10
#define OUTLIER_TIMES 4.0
#define OUTLIER_PX    1.0

vg_intrinsics_options vg_intrinsics_options_default(void) {
    return (vg_intrinsics_options){.lens = VG_LENS_BROWN_CONRADY, .coefficients = 4, .pictures = 60};
}

/* --- pictures that do not fit -------------------------------------------------------------------------------------- */

static double view_rms(const vg_camera *camera, const views *v, int32_t view, const double *pose) {
    const vg_camera c = lens_posed(camera, pose + 12 * view);
    double sum = 0;
    for (int32_t i = v->start[view]; i < v->start[view + 1]; i++) {
        double uv[2];
        vg_project(uv, NULL, NULL, &c, v->X + 3 * i);
        sum += pow(uv[0] - v->uv[2 * i], 2) + pow(uv[1] - v->uv[2 * i + 1], 2);
    }
    return sqrt(sum / (v->start[view + 1] - v->start[view]));
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Clears `keep` where a view does not fit the others; returns how many. */
static int32_t drop_outliers(bool *keep, const vg_camera *camera, const views *v, const double *pose, double *room) {
    for (int32_t i = 0; i < v->count; i++) room[i] = room[v->count + i] = view_rms(camera, v, i, pose);
    qsort(room, (size_t)v->count, sizeof *room, by_value);
    const double limit = fmax(OUTLIER_PX, OUTLIER_TIMES * room[v->count / 2]);
    int32_t dropped = 0;
    for (int32_t i = 0; i < v->count; i++) {
        keep[i] = room[v->count + i] <= limit;
        dropped += !keep[i];
    }
    return dropped;
}

/* --- bias ---------------------------------------------------------------------------------------------------------- */

static void measure_bias(vg_intrinsics_report *report, const vg_camera *camera, const views *v, const double *pose) {
    int n[3][3] = {{0}};
    memset(report->bias_px, 0, sizeof report->bias_px);
    for (int32_t view = 0; view < v->count; view++) {
        const vg_camera c = lens_posed(camera, pose + 12 * view);
        for (int32_t i = v->start[view]; i < v->start[view + 1]; i++) {
            const double *seen = v->uv + 2 * i;
            double uv[2];
            vg_project(uv, NULL, NULL, &c, v->X + 3 * i);
            const int row = (int)fmax(0, fmin(2, floor(3 * seen[1] / c.height)));
            const int column = (int)fmax(0, fmin(2, floor(3 * seen[0] / c.width)));
            for (int k = 0; k < 2; k++) report->bias_px[row][column][k] += seen[k] - uv[k];
            n[row][column]++;
        }
    }
    report->bias = 0;
    for (int row = 0; row < 3; row++)
        for (int column = 0; column < 3; column++) {
            double *b = report->bias_px[row][column];
            for (int k = 0; k < 2; k++) b[k] = n[row][column] < BIAS_CORNERS ? (double)NAN : b[k] / n[row][column];
            if (hypot(b[0], b[1]) > report->bias)
                report->bias = hypot(b[0], b[1]), report->bias_row = row, report->bias_column = column;
        }
}

/* --- checks by pictures that took no part -------------------------------------------------------------------------- */

typedef struct check {
    double px, length, length2; /* sums of squares of px, of lengths, of their squares */
    int64_t points, lengths;
} check;

/* Colour of a corner as on a chessboard of corners. */
static bool is_even(const double X[3], double spacing) {
    return (lround(X[0] / spacing) + lround(X[1] / spacing)) % 2 == 0;
}

/* The pixel's place on the board's plane, metres in the camera's frame. */
static bool on_plane(double x[3], const vg_camera *c, const double uv[2]) {
    double xy[2];
    if (!vg_undistort(xy, c, uv[0], uv[1])) return false;
    const double ray[3] = {xy[0], xy[1], 1}, n[3] = {c->R[2], c->R[5], c->R[8]};
    const double s = vg_dot3(n, c->t) / vg_dot3(n, ray);
    for (int k = 0; k < 3; k++) x[k] = s * ray[k];
    return isfinite(s) && s > 0;
}

/* One board that took no part: pose by its even corners, measured on the odd ones. `room` has space for 5 doubles a corner. */
static void check_view(check *sum, const vg_camera *lens, const views *v, int32_t view, double *room) {
    const int32_t from = v->start[view], to = v->start[view + 1];
    double *X = room, *uv = room + 3 * (to - from);
    int n = 0;
    for (int32_t i = from; i < to; i++) {
        if (!is_even(v->X + 3 * i, v->spacing)) continue;
        memcpy(X + 3 * n, v->X + 3 * i, 3 * sizeof *X);
        memcpy(uv + 2 * n++, v->uv + 2 * i, 2 * sizeof *uv);
    }
    vg_camera c = *lens;
    vg_error ignored;
    /* a board seen in part may have its even corners in one line: it says nothing here */
    if (n < VIEW_LEAST_CORNERS || vg_cv_solve_pnp(c.R, c.t, lens, X, uv, n, &ignored) != VG_OK) return;
    for (int32_t i = from; i < to; i++) {
        double p[2], a[3], b[3];
        if (is_even(v->X + 3 * i, v->spacing)) continue;
        if (!vg_project(p, NULL, NULL, &c, v->X + 3 * i)) continue;
        sum->px += pow(p[0] - v->uv[2 * i], 2) + pow(p[1] - v->uv[2 * i + 1], 2);
        sum->points++;
        for (int32_t j = i + 1; j < to; j++) { /* odd corners are neighbours along the diagonals */
            const double d = hypot(v->X[3 * i] - v->X[3 * j], v->X[3 * i + 1] - v->X[3 * j + 1]);
            if (is_even(v->X + 3 * j, v->spacing) || d > 1.5 * v->spacing) continue;
            if (!on_plane(a, &c, v->uv + 2 * i) || !on_plane(b, &c, v->uv + 2 * j)) continue;
            const double e[3] = {a[0] - b[0], a[1] - b[1], a[2] - b[2]}, side = vg_norm3(e) / sqrt(2);
            sum->length += side, sum->length2 += side * side;
            sum->lengths++;
        }
    }
}

/* The lens without every folds-th board, then those boards measured with it. `room` has space for 12 doubles a board and 5 a
 * corner. */
static vg_status check_fold(check *sum, const vg_camera *camera, const double *pose, const views *v, int32_t fold,
                            int32_t folds, const vg_intrinsics_options *o, bool *keep, double *room, vg_error *err) {
    views others;
    vg_camera lens = *camera;
    double rms;
    int32_t n = 0;
    for (int32_t i = 0; i < v->count; i++) {
        keep[i] = i % folds != fold;
        if (keep[i]) memcpy(room + 12 * n++, pose + 12 * i, 12 * sizeof *room);
    }
    VG_TRY(views_keep(&others, v, keep, err));
    vg_status status = lens_fit(&lens, room, &rms, &others, o->coefficients, err);
    for (int32_t i = fold; status == VG_OK && i < v->count; i += folds) check_view(sum, &lens, v, i, room);
    views_free(&others);
    return status;
}

static vg_status check_held_out(vg_intrinsics_report *report, const vg_camera *camera, const double *pose,
                                const views *v, const vg_intrinsics_options *o, bool *keep, vg_error *err) {
    const int32_t folds = v->count < FOLDS ? v->count : FOLDS;
    check sum = {0};
    report->square = v->spacing;
    report->held_out_px = report->square_mean = report->square_sd = (double)NAN;
    if (v->count <= LEAST_BOARDS) return VG_OK;
    double *room = calloc((size_t)(12 * v->count + 5 * v->points), sizeof *room);
    vg_status status = room ? VG_OK : vg_fail(err, VG_NO_MEMORY, "no memory for the checks");
    for (int32_t fold = 0; status == VG_OK && fold < folds; fold++)
        status = check_fold(&sum, camera, pose, v, fold, folds, o, keep, room, err);
    free(room);
    if (status != VG_OK) return VG_OK; /* too few boards for a lens without some of them: nothing to report */
    if (sum.points) report->held_out_px = sqrt(sum.px / (double)sum.points);
    if (sum.lengths > 1) {
        const double n = (double)sum.lengths;
        report->square_mean = sum.length / n;
        report->square_sd = sqrt(fmax(0, (sum.length2 - sum.length * sum.length / n) / (n - 1)));
    }
    return VG_OK;
}

/* --- all together -------------------------------------------------------------------------------------------------- */

/* Calibrates from `v`, once more without the views that do not fit; `v` is replaced by those used. */
static vg_status fit(vg_camera *camera, vg_intrinsics_report *report, views *v, double *pose, bool *keep,
                     const vg_intrinsics_options *o, vg_error *err) {
    camera->lens = o->lens;
    VG_TRY(lens_start(camera, pose, v, err));
    VG_TRY(lens_fit(camera, pose, &report->rms_px, v, o->coefficients, err));
    double *room = calloc((size_t)v->count, 2 * sizeof *room);
    if (!room) return vg_fail(err, VG_NO_MEMORY, "no memory for %d boards", v->count);
    report->left_out = drop_outliers(keep, camera, v, pose, room);
    free(room);
    if (!report->left_out || v->count - report->left_out < LEAST_BOARDS) {
        report->left_out = 0;
        return VG_OK;
    }
    views fitting;
    int32_t n = 0;
    VG_TRY(views_keep(&fitting, v, keep, err));
    for (int32_t i = 0; i < v->count; i++)
        if (keep[i]) memmove(pose + 12 * n++, pose + 12 * i, 12 * sizeof *pose);
    views_free(v);
    *v = fitting;
    return lens_fit(camera, pose, &report->rms_px, v, o->coefficients, err);
}

static vg_status calibrate(vg_camera *camera, vg_intrinsics_report *report, views *v, const vg_intrinsics_options *o,
                           vg_error *err) {
    double *pose = calloc((size_t)v->count, 12 * sizeof *pose);
    bool *keep = calloc((size_t)v->count, sizeof *keep);
    vg_status status = pose && keep ? VG_OK : vg_fail(err, VG_NO_MEMORY, "no memory for %d boards", v->count);
    if (status == VG_OK) status = views_choose(keep, v, o->pictures, camera->width, err);
    if (status == VG_OK && v->count > o->pictures) {
        views chosen;
        status = views_keep(&chosen, v, keep, err);
        if (status == VG_OK) views_free(v), *v = chosen;
    }
    if (status == VG_OK) status = fit(camera, report, v, pose, keep, o, err);
    if (status == VG_OK) {
        report->used = v->count;
        report->corners = v->points;
        const double focal[4] = {camera->fx, camera->fy, camera->cx, camera->cy};
        memcpy(report->parameter, focal, sizeof focal);
        memcpy(report->parameter + 4, camera->distortion, sizeof camera->distortion);
        views_cover(&report->coverage, &report->reach, v, camera->width, camera->height);
        measure_bias(report, camera, v, pose);
        lens_deviations(report->deviation, camera, pose, report->rms_px, v, o->coefficients);
        status = check_held_out(report, camera, pose, v, o, keep, err);
    }
    free(pose);
    free(keep);
    return status;
}

vg_status vg_intrinsics_calibrate(vg_camera *camera, vg_intrinsics_report *report, const vg_corners *corners,
                                  int32_t number, const vg_intrinsics_options *options, vg_error *err) {
    const int n = options->coefficients;
    *report = (vg_intrinsics_report){0};
    if (camera->width < 1 || camera->height < 1)
        return vg_fail(err, VG_INVALID, "the size of the pictures is unknown; give it");
    if (options->lens == VG_LENS_FISHEYE ? n != 4 : n != 0 && n != 2 && n != 4 && n != 5 && n != 8)
        return vg_fail(err, VG_INVALID, "%d distortion coefficients; %s", n,
                       options->lens == VG_LENS_FISHEYE ? "a fisheye has 4" : "use 0, 2, 4, 5 or 8");
    views v;
    VG_TRY(views_of(&v, corners, number, err));
    report->boards = v.count;
    vg_status status;
    if (!v.count)
        status = vg_fail(err, VG_FAILED,
                         "no picture shows the board with %d corners or more; is it described as it is (a chessboard's "
                         "inner corners, not its squares; a ChArUco board's dictionary)?",
                         VIEW_LEAST_CORNERS);
    else if (v.count < LEAST_BOARDS)
        status = vg_fail(err, VG_FAILED,
                         "%d picture%s the board with %d corners or more; %d are the least, 15 slanted ones in all "
                         "parts of the picture are good",
                         v.count, v.count == 1 ? " shows" : "s show", VIEW_LEAST_CORNERS, LEAST_BOARDS);
    else
        status = calibrate(camera, report, &v, options, err);
    views_free(&v);
    return status;
}
