/* COLMAP's text model: cameras.txt "ID MODEL WIDTH HEIGHT PARAMS..." and images.txt, two lines an image, "ID QW QX QY QZ
 * TX TY TZ CAMERA_ID NAME" (world to camera, Hamilton) and its 2D points. A camera of ours is an image of theirs. COLMAP
 * puts the centre of the top-left pixel at (0.5, 0.5): half a pixel is taken off cx and cy. Its scale and world are its
 * own choice. */
#include "calibration/files_tree.h"

#include "common/text.h"

#include <math.h>
#include <string.h>

#define MAX_PARAMS 12

/* Where each parameter goes: f both focal lengths, x fx, y fy, u cx, v cy, 1-6 k1-k6, p p1, q p2. */
static const struct {
    const char *name, *layout;
    bool fisheye;
} models[] = {
    {"SIMPLE_PINHOLE", "fuv", false},     {"PINHOLE", "xyuv", false},
    {"SIMPLE_RADIAL", "fuv1", false},     {"RADIAL", "fuv12", false},
    {"OPENCV", "xyuv12pq", false},        {"FULL_OPENCV", "xyuv12pq3456", false},
    {"OPENCV_FISHEYE", "xyuv1234", true}, {"SIMPLE_RADIAL_FISHEYE", "fuv1", true},
    {"RADIAL_FISHEYE", "fuv12", true},
};

typedef struct lens {
    long id;
    vg_camera camera;
} lens;

static bool is_content(vg_span line) {
    line = vg_span_trim(line);
    return line.size && line.at[0] != '#';
}

static void place_parameter(vg_camera *c, char where, double v) {
    static const int at[2][7] = {{-1, 0, 1, 4, 5, 6, 7}, {-1, 0, 1, 2, 3, -1, -1}}; /* by lens kind: k -> its place */
    if (where == 'f')
        c->fx = c->fy = v;
    else if (where == 'x')
        c->fx = v;
    else if (where == 'y')
        c->fy = v;
    else if (where == 'u')
        c->cx = v - 0.5;
    else if (where == 'v')
        c->cy = v - 0.5;
    else if (where == 'p')
        c->distortion[2] = v;
    else if (where == 'q')
        c->distortion[3] = v;
    else
        c->distortion[at[c->lens][where - '0']] = v;
}

static vg_status read_lens(lens *out, vg_span line, const tree_at *at, int number) {
    char where[40];
    snprintf(where, sizeof where, "cameras.txt line %d", number);
    const tree_at here = {at->name, where, at->err};
    *out = (lens){0};
    if (!vg_span_int(vg_span_word(&line), &out->id))
        return vg_fail(at->err, VG_CORRUPT, "%s: %s: does not begin with a camera's number; not COLMAP's", at->name,
                       where);
    const vg_span model = vg_span_word(&line);
    size_t m = 0;
    while (m < sizeof models / sizeof models[0] && !vg_span_is(model, models[m].name)) m++;
    if (m == sizeof models / sizeof models[0])
        return vg_fail(at->err, VG_UNSUPPORTED,
                       "%s: %s: model `%.*s`; use PINHOLE, RADIAL, OPENCV, FULL_OPENCV, OPENCV_FISHEYE or one of their "
                       "simple forms",
                       at->name, where, (int)(model.size < 40 ? model.size : 40), model.at);
    out->camera.lens = models[m].fisheye ? VG_LENS_FISHEYE : VG_LENS_BROWN_CONRADY;
    double v[2 + MAX_PARAMS];
    const size_t n = 2 + strlen(models[m].layout);
    for (size_t i = 0; i < n; i++)
        if (!vg_span_double(vg_span_word(&line), &v[i]) || !isfinite(v[i]))
            return vg_fail(at->err, VG_CORRUPT, "%s: %s: number %zu of %zu after %s is missing or damaged", at->name,
                           where, i + 1, n, models[m].name);
    VG_TRY(camera_set_size(&out->camera, v[0], v[1], &here));
    for (size_t i = 2; i < n; i++) place_parameter(&out->camera, models[m].layout[i - 2], v[i]);
    const double K[9] = {out->camera.fx, 0, out->camera.cx, 0, out->camera.fy, out->camera.cy, 0, 0, 1};
    return camera_set_intrinsics(&out->camera, K, &here);
}

/* Unit quaternion (w, x, y, z) to matrix; normalised first, as text has rounded it. */
static bool rotation_from_quaternion(double R[9], const double q[4]) {
    const double n = sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
    if (!(n > 0.5 && n < 2)) return false;
    const double w = q[0] / n, x = q[1] / n, y = q[2] / n, z = q[3] / n;
    const double m[9] = {1 - 2 * (y * y + z * z), 2 * (x * y - w * z),     2 * (x * z + w * y),
                         2 * (x * y + w * z),     1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
                         2 * (x * z - w * y),     2 * (y * z + w * x),     1 - 2 * (x * x + y * y)};
    memcpy(R, m, sizeof m);
    return true;
}

/* The largest of the four components is computed by a root, the others from it (Shepperd's method). */
static void quaternion_from_rotation(double q[4], const double R[9]) {
    const double d[4] = {R[0] + R[4] + R[8], R[0] - R[4] - R[8], R[4] - R[0] - R[8], R[8] - R[0] - R[4]};
    int big = 0;
    for (int i = 1; i < 4; i++)
        if (d[i] > d[big]) big = i;
    const double s = sqrt(fmax(1 + d[big], 0)), f = 0.5 / s;
    const double sum[3] = {R[7] - R[5], R[2] - R[6], R[3] - R[1]};
    const double pair[3] = {R[1] + R[3], R[2] + R[6], R[5] + R[7]}; /* xy xz yz */
    if (big == 0) {
        q[0] = s / 2;
        for (int i = 0; i < 3; i++) q[1 + i] = sum[i] * f;
        return;
    }
    q[0] = sum[big - 1] * f;
    q[1] = big == 1 ? s / 2 : pair[big == 2 ? 0 : 1] * f;
    q[2] = big == 2 ? s / 2 : pair[big == 1 ? 0 : 2] * f;
    q[3] = big == 3 ? s / 2 : pair[big == 1 ? 1 : 2] * f;
}

static vg_status read_image(vg_named_camera *c, vg_span line, const lens *lenses, int32_t n_lenses, double unit,
                            const tree_at *at, int number) {
    char where[40], name[VG_CAMERA_NAME + 4];
    snprintf(where, sizeof where, "images.txt line %d", number);
    const tree_at here = {at->name, where, at->err};
    long id, camera = 0;
    double v[7], R[9];
    bool fine = vg_span_int(vg_span_word(&line), &id);
    for (int i = 0; i < 7 && fine; i++) fine = vg_span_double(vg_span_word(&line), &v[i]) && isfinite(v[i]);
    fine = fine && vg_span_int(vg_span_word(&line), &camera);
    if (!fine || !rotation_from_quaternion(R, v))
        return vg_fail(at->err, VG_CORRUPT,
                       "%s: %s: not `IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME` with a unit quaternion; every image "
                       "has two lines, the second may be empty",
                       at->name, where);
    int32_t l = 0;
    while (l < n_lenses && lenses[l].id != camera) l++;
    if (l == n_lenses)
        return vg_fail(at->err, VG_INVALID, "%s: %s: CAMERA_ID %ld is not in cameras.txt", at->name, where, camera);
    c->camera = lenses[l].camera;
    vg_span_copy(name, sizeof name, vg_span_trim(line));
    VG_TRY(camera_set_name(c, name, &here));
    c->placed = true;
    return camera_set_pose(&c->camera, R, v + 4, unit, &here);
}

/* Lenses without places: cameras named by their number. */
static vg_status unplaced(vg_camera_set *out, const lens *lenses, int32_t n, vg_error *err) {
    VG_TRY(vg_camera_set_create(out, n, err));
    for (int32_t i = 0; i < n; i++) {
        vg_camera *c = &out->camera[i].camera;
        double R[9];
        memcpy(R, c->R, sizeof R);
        *c = lenses[i].camera;
        memcpy(c->R, R, sizeof R);
        snprintf(out->camera[i].name, VG_CAMERA_NAME, "%ld", lenses[i].id);
    }
    return VG_OK;
}

vg_status files_read_colmap(vg_camera_set *out, const char *cameras, size_t cameras_size, const char *images,
                            size_t images_size, const vg_calibration_options *options, const char *name,
                            vg_error *err) {
    static const size_t most = VG_CAMERA_SET_MAX;
    const tree_at at = {name, "", err};
    const double unit = options->unit_metres > 0 ? options->unit_metres : 1;
    lens *lenses = calloc(most, sizeof *lenses);
    if (!lenses) return vg_fail(err, VG_NO_MEMORY, "%s: no memory to read it", name);
    int32_t n = 0;
    vg_status status = VG_OK;
    vg_span line;
    for (vg_lines lines = vg_lines_of(cameras, cameras_size); status == VG_OK && vg_lines_next(&lines, &line);) {
        if (!is_content(line)) continue;
        if ((size_t)n == most)
            status = vg_fail(err, VG_INVALID, "%s: cameras.txt: more than %zu cameras", name, most);
        else
            status = read_lens(&lenses[n++], line, &at, lines.number);
    }
    if (status == VG_OK && !n) status = vg_fail(err, VG_INVALID, "%s: cameras.txt holds no camera", name);
    if (status == VG_OK && !images) status = unplaced(out, lenses, n, err);
    if (status == VG_OK && images) {
        status = vg_camera_set_create(out, VG_CAMERA_SET_MAX, err);
        out->cameras = 0;
        for (vg_lines lines = vg_lines_of(images, images_size); status == VG_OK && vg_lines_next(&lines, &line);) {
            if (!is_content(line)) continue;
            if (out->cameras == VG_CAMERA_SET_MAX) {
                status = vg_fail(err, VG_INVALID, "%s: images.txt: more than %d images; keep one per camera", name,
                                 VG_CAMERA_SET_MAX);
                break;
            }
            status = read_image(&out->camera[out->cameras++], line, lenses, n, unit, &at, lines.number);
            vg_lines_next(&lines, &line); /* its points, perhaps an empty line */
        }
        if (status == VG_OK && !out->cameras) status = vg_fail(err, VG_INVALID, "%s: images.txt holds no image", name);
    }
    free(lenses);
    out->format = VG_CALIBRATION_COLMAP;
    out->unit_metres = unit;
    out->unit_stated = options->unit_metres > 0;
    return status;
}

/* --- writing ------------------------------------------------------------------------------------------------------- */

vg_status files_write_colmap_cameras(FILE *f, const vg_camera_set *set, vg_error *err) {
    (void)err;
    fprintf(f,
            "# Camera list with one line of data per camera:\n#   CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]\n"
            "# Number of cameras: %d\n",
            set->cameras);
    for (int32_t i = 0; i < set->cameras; i++) {
        const vg_camera *c = &set->camera[i].camera;
        const double *k = c->distortion;
        const bool fisheye = c->lens == VG_LENS_FISHEYE, full = camera_distortion_count(c) > 4;
        const double simple[8] = {c->fx, c->fy, c->cx + 0.5, c->cy + 0.5, k[0], k[1], k[2], k[3]};
        fprintf(f, "%d %s %d %d ", i + 1,
                fisheye ? "OPENCV_FISHEYE"
                : full  ? "FULL_OPENCV"
                        : "OPENCV",
                c->width, c->height);
        print_numbers(f, simple, 8, " ");
        if (full) fputc(' ', f), print_numbers(f, k + 4, 4, " ");
        fputc('\n', f);
    }
    return VG_OK;
}

vg_status files_write_colmap_images(FILE *f, const vg_camera_set *set, vg_error *err) {
    fprintf(
        f,
        "# Image list with two lines of data per image:\n#   IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME\n"
        "#   POINTS2D[] as (X, Y, POINT3D_ID)\n# Number of images: %d, in metres\n",
        set->cameras);
    for (int32_t i = 0; i < set->cameras; i++) {
        const vg_named_camera *n = &set->camera[i];
        if (!n->placed)
            return vg_fail(err, VG_UNSUPPORTED, "camera `%s` has no place, which images.txt needs", n->name);
        double v[7];
        quaternion_from_rotation(v, n->camera.R);
        memcpy(v + 4, n->camera.t, sizeof n->camera.t);
        fprintf(f, "%d ", i + 1);
        print_numbers(f, v, 7, " ");
        fprintf(f, " %d %s\n\n", i + 1, n->name);
    }
    return VG_OK;
}
