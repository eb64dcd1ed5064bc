/* BlazePose (Bazarevsky et al., "BlazePose: on-device real-time body pose tracking", 2020), the models of MediaPipe:
 *
 *   find       the whole picture, letterboxed to 224 x 224, [-1, 1] -> 2254 anchors with a box, 4 key points and a logit each;
 *              key point 0 is the hips' centre, 1 is on the circle around the whole body. Of answers that overlap the best
 *              is kept.
 *   landmarks  the person turned upright in a square crop, 256 x 256, [0, 1] -> 39 points of x, y, z, visibility and presence
 *              in crop pixels; 33 of the body, and two (33, 34) that are the hips' centre and the circle again, from which the
 *              next picture's crop follows without `find`.
 *
 * Each landmark feeds back into the next crop, which makes the last bit of any step count: within some pictures it grows to
 * pixels. So what is rounded, where, to float or to double, is that of a pipeline around OpenCV (resize INTER_AREA,
 * warpAffine), which gives the same landmarks however long a person is followed. */
#include "perception/blazepose.h"

#include "perception/tflite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIND_SIZE = 224,
    ANCHORS = 2254,
    BOX = 12, /* cx cy w h, 4 key points */
    CROP_SIZE = 256,
    POINTS = 39
};
static const double FIND_SCORE = 0.5, FIND_OVERLAP = 0.3;

struct vg_blazepose {
    vg_tflite *find, *landmark;
    float *find_input, *landmark_input;
    const float *boxes, *logits; /* [ANCHORS, BOX], [ANCHORS] */
    const float *points, *flag;  /* [POINTS, 5], [1] */
    double anchor[ANCHORS][2];   /* centres, 0 .. 1 */
};

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

/* ---- crops ----------------------------------------------------------------------------------------------------------- */

vg_roi vg_roi_of_person(double hip_x, double hip_y, double circle_x, double circle_y) {
    const double dx = circle_x - hip_x, dy = circle_y - hip_y;
    /* a quarter of margin; upright is where the circle's point is straight above the hips */
    return (vg_roi){hip_x, hip_y, 2 * 1.25 * hypot(dx, dy), dx == 0 && dy == 0 ? 0 : atan2(dx, -dy)};
}

/* Places in 32nds of a pixel, as cv::warpAffine computes them; from 10 bits behind the point. */
enum { PLACE_BITS = 5, FINE_BITS = 10 };

/* The four pixels around a place, black outside the picture: [up left, up right, down left, down right][RGB]. */
static void around(uint8_t out[4][3], const vg_image *image, int32_t x, int32_t y) {
    for (int32_t k = 0; k < 4; k++) {
        const int32_t px = x + (k & 1), py = y + (k >> 1);
        if (px >= 0 && py >= 0 && px < image->width && py < image->height)
            memcpy(out[k], image->rgb + (size_t)py * image->stride + (size_t)px * 3, 3);
        else
            memset(out[k], 0, 3);
    }
}

void vg_roi_cut(float *out, int32_t size, const vg_image *image, const vg_roi *roi, float unit, float low) {
    const double step = roi->side / size, c = cos(roi->angle) * step, s = sin(roi->angle) * step, half = size / 2.0;
    const double x0 = roi->x - c * half + s * half, y0 = roi->y - s * half - c * half, fine = 1 << FINE_BITS;
    const int64_t round_up = 1 << (FINE_BITS - PLACE_BITS - 1);
    for (int32_t i = 0; i < size; i++) {
        const int64_t row_x = llrint((x0 - s * i) * fine) + round_up, row_y = llrint((y0 + c * i) * fine) + round_up;
        float *pixel = out + (size_t)i * (size_t)size * 3;
        for (int32_t j = 0; j < size; j++, pixel += 3) {
            const int64_t X = (row_x + llrint(c * j * fine)) >> (FINE_BITS - PLACE_BITS);
            const int64_t Y = (row_y + llrint(s * j * fine)) >> (FINE_BITS - PLACE_BITS);
            const int64_t x = X >> PLACE_BITS, y = Y >> PLACE_BITS;
            const int32_t fx = X & ((1 << PLACE_BITS) - 1), fy = Y & ((1 << PLACE_BITS) - 1);
            const int32_t gx = (1 << PLACE_BITS) - fx, gy = (1 << PLACE_BITS) - fy;
            int32_t sum[3] = {0, 0, 0};
            if (x >= 0 && y >= 0 && x + 1 < image->width && y + 1 < image->height) {
                const uint8_t *a = image->rgb + (size_t)y * image->stride + (size_t)x * 3, *b = a + image->stride;
                for (int k = 0; k < 3; k++)
                    sum[k] = gy * (gx * a[k] + fx * a[k + 3]) + fy * (gx * b[k] + fx * b[k + 3]);
            } else if (x >= -1 && y >= -1 && x < image->width && y < image->height) {
                uint8_t p[4][3];
                around(p, image, (int32_t)x, (int32_t)y);
                for (int k = 0; k < 3; k++)
                    sum[k] = gy * (gx * p[0][k] + fx * p[1][k]) + fy * (gx * p[2][k] + fx * p[3][k]);
            }
            for (int k = 0; k < 3; k++)
                pixel[k] = low + (float)((sum[k] + (1 << (2 * PLACE_BITS - 1))) >> 2 * PLACE_BITS) / unit;
        }
    }
}

/* How much of source pixel `at` lies in the cell that begins at `begin`, as part of the cell. */
static float share(int32_t at, double begin, double step) {
    return (float)((fmin(at + 1, begin + step) - fmax(at, begin)) / step);
}

/* The cells' means over the source rows of one row of cells: sum [size * 3]. */
static void average_row(float *sum, float *line, int32_t size, const vg_image *image, vg_letterbox box, int32_t i) {
    const double step = (double)box.side / size, top = i * step - box.top;
    const int32_t first = (int32_t)floor(fmax(top, 0)), last = (int32_t)ceil(fmin(top + step - 1e-3, image->height));
    memset(sum, 0, sizeof *sum * (size_t)size * 3);
    for (int32_t y = first; y < last; y++) {
        const uint8_t *row = image->rgb + (size_t)y * image->stride;
        memset(line, 0, sizeof *line * (size_t)size * 3);
        for (int32_t j = 0; j < size; j++) {
            const double left = j * step - box.left;
            const int32_t a = (int32_t)floor(fmax(left, 0)), b = (int32_t)ceil(fmin(left + step - 1e-3, image->width));
            for (int32_t x = a; x < b; x++)
                for (int k = 0; k < 3; k++) line[3 * j + k] += share(x, left, step) * (float)row[3 * x + k];
        }
        const float weight = share(y, top, step);
        for (int32_t j = 0; j < 3 * size; j++) sum[j] += weight * line[j];
    }
}

vg_letterbox vg_letterbox_cut(float *out, int32_t size, const vg_image *image, float unit, float low) {
    const int32_t side = image->width > image->height ? image->width : image->height;
    const vg_letterbox box = {(side - image->width) / 2, (side - image->height) / 2, side};
    float line[3 * VG_LETTERBOX_MAX];
    VG_ASSERT(size <= VG_LETTERBOX_MAX);
    for (int32_t i = 0; i < size; i++) {
        float *row = out + (size_t)i * (size_t)size * 3;
        average_row(row, line, size, image, box, i);
        for (int32_t j = 0; j < 3 * size; j++) row[j] = low + rintf(row[j]) / unit;
    }
    return box;
}

/* ---- opening --------------------------------------------------------------------------------------------------------- */

static void lay_anchors(vg_blazepose *b) {
    static const struct {
        int cells, each;
    } layers[] = {{28, 2}, {14, 2}, {7, 6}}; /* strides 8, 16, and 32 three times */
    int n = 0;
    for (size_t l = 0; l < 3; l++)
        for (int y = 0; y < layers[l].cells; y++)
            for (int x = 0; x < layers[l].cells; x++)
                for (int k = 0; k < layers[l].each; k++, n++) {
                    b->anchor[n][0] = (x + 0.5) / layers[l].cells;
                    b->anchor[n][1] = (y + 0.5) / layers[l].cells;
                }
    VG_ASSERT(n == ANCHORS);
}

static vg_status open_models(vg_blazepose *b, const char *folder, vg_detector_model model, int32_t threads,
                             vg_error *err) {
    static const char *const files[] = {"pose_landmark_lite.tflite", "pose_landmark_full.tflite",
                                        "pose_landmark_heavy.tflite"};
    char library[700], path[700];
    snprintf(library, sizeof library, "%.600s/libtensorflowlite_c.so", folder);
    snprintf(path, sizeof path, "%.600s/pose_detection.tflite", folder);
    VG_TRY(vg_tflite_open(&b->find, library, path, threads, err));
    snprintf(path, sizeof path, "%.600s/%s", folder, files[model]);
    VG_TRY(vg_tflite_open(&b->landmark, library, path, threads, err));
    b->find_input = vg_tflite_input(b->find, (size_t)FIND_SIZE * FIND_SIZE * 3);
    b->boxes = vg_tflite_output(b->find, (size_t)ANCHORS * BOX);
    b->logits = vg_tflite_output(b->find, ANCHORS);
    b->landmark_input = vg_tflite_input(b->landmark, (size_t)CROP_SIZE * CROP_SIZE * 3);
    b->points = vg_tflite_output(b->landmark, (size_t)POINTS * 5);
    b->flag = vg_tflite_output(b->landmark, 1);
    if (!b->find_input || !b->boxes || !b->logits || !b->landmark_input || !b->points || !b->flag)
        return vg_fail(err, VG_VERSION, "%.300s: these are not the BlazePose models that this program knows", folder);
    return VG_OK;
}

vg_status vg_blazepose_open(vg_blazepose **out, const char *folder, vg_detector_model model, int32_t threads,
                            vg_error *err) {
    VG_ASSERT(model <= VG_DETECTOR_HEAVY);
    *out = NULL;
    vg_blazepose *b = calloc(1, sizeof *b);
    if (!b) return vg_fail(err, VG_NO_MEMORY, "out of memory for the detector");
    lay_anchors(b);
    const vg_status status = open_models(b, folder, model, threads, err);
    if (status != VG_OK) {
        vg_blazepose_close(b);
        return status;
    }
    *out = b;
    return VG_OK;
}

void vg_blazepose_close(vg_blazepose *b) {
    if (!b) return;
    vg_tflite_close(b->find);
    vg_tflite_close(b->landmark);
    free(b);
}

/* ---- find ------------------------------------------------------------------------------------------------------------ */

/* An anchor's answer, in 0 .. 1 of the letterboxed square. */
typedef struct answer {
    double box[4]; /* x0 y0 x1 y1 */
    double point[2][2];
    double score;
} answer;

static double overlap(const answer *a, const answer *b) {
    const double w = fmin(a->box[2], b->box[2]) - fmax(a->box[0], b->box[0]);
    const double h = fmin(a->box[3], b->box[3]) - fmax(a->box[1], b->box[1]);
    if (w <= 0 || h <= 0) return 0;
    const double area_a = (a->box[2] - a->box[0]) * (a->box[3] - a->box[1]);
    const double area_b = (b->box[2] - b->box[0]) * (b->box[3] - b->box[1]);
    return w * h / (area_a + area_b - w * h);
}

enum { ANSWERS = 256 };

static int gather(const vg_blazepose *b, answer *out) {
    int n = 0;
    for (int i = 0; i < ANCHORS && n < ANSWERS; i++) {
        const double score = sigmoid(fmax(-100, fmin(100, (double)b->logits[i])));
        if (!(score >= FIND_SCORE)) continue;
        double v[8];
        for (int k = 0; k < 8; k++)
            v[k] = (double)(b->boxes[i * BOX + k] / FIND_SIZE) + (k == 2 || k == 3 ? 0 : b->anchor[i][k & 1]);
        out[n++] = (answer){
            {v[0] - v[2] / 2, v[1] - v[3] / 2, v[0] + v[2] / 2, v[1] + v[3] / 2}, {{v[4], v[5]}, {v[6], v[7]}}, score};
    }
    return n;
}

/* The best answer; it and all that overlap it are taken out of the list. */
static answer take_best(answer *list, int *count) {
    int best = 0;
    for (int i = 1; i < *count; i++)
        if (list[i].score > list[best].score) best = i;
    const answer top = list[best];
    int left = 0;
    for (int i = 0; i < *count; i++)
        if (i != best && overlap(&list[i], &top) <= FIND_OVERLAP) list[left++] = list[i];
    *count = left;
    return top;
}

vg_status vg_blazepose_find(vg_blazepose *b, vg_candidate *out, int32_t *count, const vg_image *image, vg_error *err) {
    const vg_letterbox box = vg_letterbox_cut(b->find_input, FIND_SIZE, image, 127.5f, -1);
    VG_TRY(vg_tflite_run(b->find, err));
    answer list[ANSWERS];
    int n = gather(b, list);
    for (*count = 0; n > 0 && *count < VG_BLAZEPOSE_CANDIDATES;) {
        const answer a = take_best(list, &n);
        double p[4];
        for (int k = 0; k < 4; k++) p[k] = a.point[k >> 1][k & 1] * box.side - (k & 1 ? box.top : box.left);
        out[(*count)++] = (vg_candidate){vg_roi_of_person(p[0], p[1], p[2], p[3]), a.score};
    }
    return VG_OK;
}

/* ---- landmarks ------------------------------------------------------------------------------------------------------- */

/* Crop pixels to the picture. */
static void to_picture(double out[2], const vg_roi *roi, double x, double y) {
    const double dx = (x / CROP_SIZE - 0.5) * roi->side, dy = (y / CROP_SIZE - 0.5) * roi->side;
    out[0] = roi->x + dx * cos(roi->angle) - dy * sin(roi->angle);
    out[1] = roi->y + dx * sin(roi->angle) + dy * cos(roi->angle);
}

vg_status vg_blazepose_landmarks(vg_blazepose *b, vg_keypoint out[VG_BLAZEPOSE_JOINTS], double *score, vg_roi *next,
                                 const vg_image *image, const vg_roi *roi, vg_error *err) {
    vg_roi_cut(b->landmark_input, CROP_SIZE, image, roi, 255, 0);
    VG_TRY(vg_tflite_run(b->landmark, err));
    *score = (double)b->flag[0];
    double p[2], hip[2], circle[2];
    for (int j = 0; j < VG_BLAZEPOSE_JOINTS; j++) {
        const float *v = b->points + 5 * j;
        to_picture(p, roi, (double)v[0], (double)v[1]);
        out[j] = (vg_keypoint){(float)p[0], (float)p[1], (float)sigmoid((double)v[3])};
    }
    to_picture(hip, roi, (double)b->points[5 * 33], (double)b->points[5 * 33 + 1]);
    to_picture(circle, roi, (double)b->points[5 * 34], (double)b->points[5 * 34 + 1]);
    *next = vg_roi_of_person(hip[0], hip[1], circle[0], circle[1]);
    return VG_OK;
}
