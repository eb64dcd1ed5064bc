/* Qualisys' .qca.txt (XML). Lengths in millimetres; focal lengths and principal point in 64ths of a pixel of the
 * sensor, on which fov_video is the window that pictures show; the distortion has no unit (it is not in 64ths).
 * transform: x y z is the camera's place; r11 .. r33 read row by row are the transpose of the rotation camera to world,
 * and the camera looks along its -z with y up, so a half turn about x leads to our camera frame:
 *     R_ours = Rx(pi) R_cw',  where R_cw = [r11 r21 r31; r12 r22 r32; r13 r23 r33],  t = -R_ours centre. */
#include "calibration/files_tree.h"

#include "common/text.h"
#include "common/transform.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *text_of(const json_t *element, const char *attribute) {
    return json_string_value(json_object_get(element, attribute));
}

/* A marker camera takes no video; its lens is calibrated all the same but no picture belongs to it. */
static bool has_video(const json_t *camera) {
    const char *model = text_of(camera, "@model");
    return !model || !model[0] || strcasestr(model, "video") || strcasestr(model, "hybrid") ||
           strcasecmp(model, "none") == 0;
}

static vg_status attribute(double *out, const json_t *element, const char *what, const char *key, const tree_at *at) {
    char name[64];
    snprintf(name, sizeof name, "@%s", key);
    const json_t *value = json_object_get(element, name);
    if (!value || !tree_number(out, value))
        return vg_fail(at->err, VG_INVALID, "%s: %s %s.%s: `%.60s`; give a finite number", at->name, at->camera, what,
                       key, value ? json_string_value(value) : "(absent)");
    return VG_OK;
}

static vg_status attributes(double *out, const json_t *element, const char *what, const char *const *keys, int n,
                            const tree_at *at) {
    for (int i = 0; i < n; i++) VG_TRY(attribute(&out[i], element, what, keys[i], at));
    return VG_OK;
}

static vg_status read_camera(vg_named_camera *out, const json_t *camera, double unit, const tree_at *at) {
    static const char *const fov_keys[] = {"left", "top", "right", "bottom"};
    static const char *const lens_keys[] = {"focalLengthU", "focalLengthV", "centerPointU", "centerPointV"};
    static const char *const distortion_keys[] = {"radialDistortion1", "radialDistortion2", "tangentalDistortion1",
                                                  "tangentalDistortion2"};
    static const char *const place_keys[] = {"x", "y", "z"};
    static const char *const turn_keys[] = {"r11", "r12", "r13", "r21", "r22", "r23", "r31", "r32", "r33"};
    VG_TRY(camera_set_name(out, text_of(camera, "@serial"), at));
    const json_t *fov = json_object_get(camera, "fov_video");
    if (!fov) fov = json_object_get(camera, "fov_video_max");
    double window[4], lens[4], k[4], centre[3], r[9], R[9], t[3], third = 0;
    VG_TRY(attributes(window, fov, "fov_video", fov_keys, 4, at));
    VG_TRY(camera_set_size(&out->camera, window[2] - window[0] + 1, window[3] - window[1] + 1, at));
    const json_t *intrinsic = json_object_get(camera, "intrinsic");
    VG_TRY(attributes(lens, intrinsic, "intrinsic", lens_keys, 4, at));
    VG_TRY(attributes(k, intrinsic, "intrinsic", distortion_keys, 4, at));
    const double K[9] = {lens[0] / 64, 0, lens[2] / 64 - window[0], 0, lens[1] / 64, lens[3] / 64 - window[1], 0, 0, 1};
    VG_TRY(camera_set_intrinsics(&out->camera, K, at));
    if (json_object_get(intrinsic, "@radialDistortion3"))
        VG_TRY(attribute(&third, intrinsic, "intrinsic", "radialDistortion3", at));
    const double all[5] = {k[0], k[1], k[2], k[3], third};
    VG_TRY(camera_set_distortion(&out->camera, all, 5, false, at));
    const json_t *transform = json_object_get(camera, "transform");
    VG_TRY(attributes(centre, transform, "transform", place_keys, 3, at));
    VG_TRY(attributes(r, transform, "transform", turn_keys, 9, at));
    /* r read row by row is R_cw' already; the half turn negates its second and third row */
    for (int i = 0; i < 9; i++) R[i] = i < 3 ? r[i] : -r[i];
    vg_mat3_mul_vec(t, R, centre);
    for (int i = 0; i < 3; i++) t[i] = -t[i];
    out->placed = true;
    double residual;
    VG_TRY(tree_member(&residual, camera, "@avg-residual", (double)NAN, at));
    out->error_metres = residual * unit;
    return camera_set_pose(&out->camera, R, t, unit, at);
}

static int by_serial(const void *a, const void *b) {
    return strcmp(((const vg_named_camera *)a)->name, ((const vg_named_camera *)b)->name);
}

vg_status files_read_qualisys(vg_camera_set *out, const json_t *tree, const vg_calibration_options *options,
                              const tree_at *at) {
    const json_t *list = json_object_get(json_object_get(json_object_get(tree, "calibration"), "cameras"), "camera");
    const size_t all = json_is_array(list) ? json_array_size(list) : json_is_object(list) ? 1 : 0;
    int32_t n = 0;
    for (size_t i = 0; i < all; i++) n += has_video(json_is_array(list) ? json_array_get(list, i) : list);
    if (!n)
        return vg_fail(at->err, VG_INVALID,
                       "%s: calibration.cameras: %zu cameras, none of which takes video (model contains video, hybrid "
                       "or none); export the calibration with the video cameras",
                       at->name, all);
    VG_TRY(vg_camera_set_create(out, n, at->err));
    out->format = VG_CALIBRATION_QUALISYS;
    out->unit_metres = options->unit_metres > 0 ? options->unit_metres : 1e-3;
    out->unit_stated = true;
    out->z_up = true;
    n = 0;
    for (size_t i = 0; i < all; i++) {
        const json_t *camera = json_is_array(list) ? json_array_get(list, i) : list;
        if (!has_video(camera)) continue;
        char where[VG_CAMERA_NAME + 16];
        const char *serial = text_of(camera, "@serial");
        snprintf(where, sizeof where, "camera %.*s", VG_CAMERA_NAME, serial ? serial : "(no serial)");
        const tree_at here = {at->name, where, at->err};
        VG_TRY(read_camera(&out->camera[n++], camera, out->unit_metres, &here));
    }
    qsort(out->camera, (size_t)n, sizeof *out->camera, by_serial);
    return VG_OK;
}

static void print_attribute(FILE *f, const char *key, double v) {
    char number[VG_NUMBER_SIZE];
    fprintf(f, " %s=\"%s\"", key, vg_number_text(number, v));
}

static void print_xml(FILE *f, const char *text) {
    for (; *text; text++) {
        const char *entity = *text == '<' ? "&lt;" : *text == '&' ? "&amp;" : *text == '"' ? "&quot;" : NULL;
        if (entity)
            fputs(entity, f);
        else
            fputc(*text, f);
    }
}

vg_status files_write_qualisys(FILE *f, const vg_camera_set *set, vg_error *err) {
    static const char *const fovs[] = {"fov_marker", "fov_marker_max", "fov_video", "fov_video_max"};
    static const char *const turn_keys[] = {"r11", "r12", "r13", "r21", "r22", "r23", "r31", "r32", "r33"};
    fputs("<?xml version='1.0' encoding='UTF-8'?>\n<calibration type=\"regular\" source=\"vergence\">\n  <cameras>\n",
          f);
    for (int32_t i = 0; i < set->cameras; i++) {
        const vg_named_camera *n = &set->camera[i];
        const vg_camera *c = &n->camera;
        if (c->lens != VG_LENS_BROWN_CONRADY || camera_distortion_count(c) > 5 || !n->placed)
            return vg_fail(err, VG_UNSUPPORTED,
                           "camera `%s`: Qualisys files hold placed cameras with k1 k2 p1 p2 k3 only; write Pose2Sim "
                           "TOML",
                           n->name);
        fputs("    <camera active=\"1\" model=\"none\" viewrotation=\"0\" serial=\"", f);
        print_xml(f, n->name);
        fputc('"', f);
        if (isfinite(n->error_metres)) print_attribute(f, "avg-residual", n->error_metres * 1000);
        fputs(">\n", f);
        for (int k = 0; k < 4; k++)
            fprintf(f, "      <%s left=\"0\" top=\"0\" right=\"%d\" bottom=\"%d\"/>\n", fovs[k], c->width - 1,
                    c->height - 1);
        double centre[3];
        vg_mat3_t_mul_vec(centre, c->R, c->t);
        fputs("      <transform", f);
        for (int k = 0; k < 3; k++) print_attribute(f, (const char *const[]){"x", "y", "z"}[k], -1000 * centre[k]);
        for (int k = 0; k < 9; k++) print_attribute(f, turn_keys[k], k < 3 ? c->R[k] : -c->R[k]);
        fputs("/>\n      <intrinsic", f);
        print_attribute(f, "focalLengthU", c->fx * 64);
        print_attribute(f, "focalLengthV", c->fy * 64);
        print_attribute(f, "centerPointU", c->cx * 64);
        print_attribute(f, "centerPointV", c->cy * 64);
        print_attribute(f, "radialDistortion1", c->distortion[0]);
        print_attribute(f, "radialDistortion2", c->distortion[1]);
        print_attribute(f, "tangentalDistortion1", c->distortion[2]);
        print_attribute(f, "tangentalDistortion2", c->distortion[3]);
        print_attribute(f, "radialDistortion3", c->distortion[4]);
        fprintf(f,
                " sensorMinU=\"0\" sensorMinV=\"0\" sensorMaxU=\"%d\" sensorMaxV=\"%d\" skew=\"0\"/>\n    </camera>\n",
                64 * (c->width - 1), 64 * (c->height - 1));
    }
    fputs("  </cameras>\n</calibration>\n", f);
    return VG_OK;
}
