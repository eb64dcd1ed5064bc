/* OpenCV's FileStorage (YAML and XML), and EasyMocap, which keeps two of them.
 *
 * Calibration sample: camera_matrix, distortion_coefficients, image_width, image_height, avg_reprojection_error. One
 *   camera; its place, where one is known, in rvec and tvec (world to camera), which are ours.
 * Stereo sample: M1 D1 M2 D2 in intrinsics.yml, R T (first to second camera) in extrinsics.yml. The first camera is the
 *   world. fisheye_model = 1 marks a fisheye lens.
 * Lengths are in the unit that the board's squares were given in: metres where nothing else is said.
 * EasyMocap: names; K_n, dist_n [, H_n, W_n] in intri.yml; R_n (Rodrigues), Rot_n (matrix), T_n in metres in extri.yml. */
#include "calibration/files_tree.h"

#include "common/text.h"
#include "common/transform.h"

#include <math.h>
#include <string.h>

/* --- reading ------------------------------------------------------------------------------------------------------- */

/* The member of either file. */
static const json_t *member(const json_t *a, const json_t *b, const char *key) {
    const json_t *value = json_object_get(a, key);
    return value ? value : json_object_get(b, key);
}

static vg_status read_lens(vg_camera *c, const json_t *K_value, const char *K_key, const json_t *D_value,
                           const char *D_key, bool fisheye, const tree_at *at) {
    double K[9], k[14];
    size_t count = 0;
    VG_TRY(tree_numbers(K, 9, K_value, K_key, at));
    VG_TRY(camera_set_intrinsics(c, K, at));
    if (D_value) VG_TRY(tree_numbers_upto(k, 14, &count, D_value, D_key, at));
    if (fisheye && count > 4) count = 4; /* EasyMocap keeps a fifth, zero */
    return camera_set_distortion(c, k, count, fisheye, at);
}

/* A rotation as a vector or a matrix. */
static vg_status read_rotation(double R[9], const json_t *value, const char *key, const tree_at *at) {
    double r[9];
    size_t n;
    VG_TRY(tree_numbers_upto(r, 9, &n, value, key, at));
    if (n == 0)
        return vg_fail(at->err, VG_CORRUPT, "%s: %s%s%s has no numbers; the file was cut short", at->name, at->camera,
                       at->camera[0] ? ": " : "", key);
    if (n == 3)
        vg_rotation_from_vector(R, r);
    else if (n == 9)
        memcpy(R, r, sizeof r);
    else
        return vg_fail(at->err, VG_INVALID, "%s: %s: %zu numbers; give a Rodrigues vector (3) or a matrix (9)",
                       at->name, key, n);
    return VG_OK;
}

static vg_status read_pair(vg_camera_set *out, const json_t *a, const json_t *b, double unit, const tree_at *at) {
    double R[9], t[3], fisheye, width, height;
    const json_t *file = json_object_get(a, "M1") ? a : b;
    VG_TRY(tree_member(&fisheye, file, "fisheye_model", 0, at));
    VG_TRY(tree_member(&width, file, "image_width", 0, at));
    VG_TRY(tree_member(&height, file, "image_height", 0, at));
    for (int i = 0; i < 2; i++) {
        vg_named_camera *c = &out->camera[i];
        char M[3] = {'M', (char)('1' + i), 0}, D[3] = {'D', (char)('1' + i), 0};
        snprintf(c->name, sizeof c->name, "%d", i + 1);
        VG_TRY(read_lens(&c->camera, member(a, b, M), M, member(a, b, D), D, fisheye > 0, at));
        VG_TRY(camera_set_size(&c->camera, width, height, at));
    }
    if (!member(a, b, "R") && !member(a, b, "T")) return VG_OK; /* intrinsics alone */
    VG_TRY(read_rotation(R, member(a, b, "R"), "R", at));
    VG_TRY(tree_numbers(t, 3, member(a, b, "T"), "T", at));
    VG_TRY(camera_set_pose(&out->camera[1].camera, R, t, unit, at));
    out->camera[0].placed = out->camera[1].placed = true;
    if (!member(a, b, "rvec")) return VG_OK;
    vg_rigid first, second = {.t = {0}};
    VG_TRY(read_rotation(first.R, member(a, b, "rvec"), "rvec", at));
    VG_TRY(tree_numbers(first.t, 3, member(a, b, "tvec"), "tvec", at));
    memcpy(second.R, R, sizeof R);
    memcpy(second.t, t, sizeof t);
    second = vg_rigid_compose(&second, &first);
    VG_TRY(camera_set_pose(&out->camera[0].camera, first.R, first.t, unit, at));
    return camera_set_pose(&out->camera[1].camera, second.R, second.t, unit, at);
}

static vg_status read_one(vg_camera_set *out, const json_t *tree, double unit, const tree_at *at) {
    vg_named_camera *c = &out->camera[0];
    double R[9], t[3], fisheye, width, height;
    const json_t *K = json_object_get(tree, "camera_matrix"), *D = json_object_get(tree, "distortion_coefficients");
    if (!K) K = json_object_get(tree, "Camera_Matrix");
    if (!D) D = json_object_get(tree, "Distortion_Coefficients");
    if (!K) K = json_object_get(tree, "K"), D = json_object_get(tree, "D");
    VG_TRY(tree_member(&fisheye, tree, "fisheye_model", 0, at));
    VG_TRY(tree_member(&width, tree, "image_width", 0, at));
    VG_TRY(tree_member(&height, tree, "image_height", 0, at));
    VG_TRY(read_lens(&c->camera, K, "camera_matrix", D, "distortion_coefficients", fisheye > 0, at));
    VG_TRY(camera_set_size(&c->camera, width, height, at));
    VG_TRY(tree_member(&out->error_px, tree, "avg_reprojection_error", (double)NAN, at));
    c->error_px = out->error_px;
    const char *name = json_string_value(json_object_get(tree, "camera_name"));
    if (!name) name = json_string_value(json_object_get(json_object_get(tree, "camera_name"), "#text"));
    VG_TRY(camera_set_name(c, name ? name : "camera", at));
    if (!json_object_get(tree, "rvec")) return VG_OK;
    VG_TRY(read_rotation(R, json_object_get(tree, "rvec"), "rvec", at));
    VG_TRY(tree_numbers(t, 3, json_object_get(tree, "tvec"), "tvec", at));
    c->placed = true;
    return camera_set_pose(&c->camera, R, t, unit, at);
}

vg_status files_read_opencv(vg_camera_set *out, const json_t *tree, const json_t *other,
                            const vg_calibration_options *options, const tree_at *at) {
    const json_t *storage = json_object_get(tree, "opencv_storage"); /* XML */
    if (storage) tree = storage;
    storage = json_object_get(other, "opencv_storage");
    if (storage) other = storage;
    const bool pair = member(tree, other, "M1") != NULL;
    const bool one =
        json_object_get(tree, "camera_matrix") || json_object_get(tree, "Camera_Matrix") || json_object_get(tree, "K");
    if (!pair && !one)
        return vg_fail(at->err, VG_INVALID,
                       "%s: neither camera_matrix nor M1 and M2 in it; a stereo extrinsics file needs its intrinsics "
                       "file (intrinsics.yml) in the same folder",
                       at->name);
    VG_TRY(vg_camera_set_create(out, pair ? 2 : 1, at->err));
    out->format = VG_CALIBRATION_OPENCV;
    out->unit_metres = options->unit_metres > 0 ? options->unit_metres : 1;
    out->unit_stated = options->unit_metres > 0;
    return pair ? read_pair(out, tree, other, out->unit_metres, at) : read_one(out, tree, out->unit_metres, at);
}

/* Name i of the list: a word, or a number that stood there without quotes. */
static const char *name_of(const json_t *names, size_t i) {
    return json_string_value(json_array_get(names, i));
}

vg_status files_read_easymocap(vg_camera_set *out, const json_t *intri, const json_t *extri,
                               const vg_calibration_options *options, const tree_at *at, const char *extri_name) {
    const json_t *names = json_object_get(intri, "names");
    const size_t n = json_array_size(names);
    if (!n || n > VG_CAMERA_SET_MAX)
        return vg_fail(at->err, VG_INVALID, "%s: names: %zu cameras; give 1 to %d", at->name, n, VG_CAMERA_SET_MAX);
    if (extri && json_array_size(json_object_get(extri, "names")) != n)
        return vg_fail(at->err, VG_INVALID,
                       "%s: names: %zu cameras in intri.yml, %zu in extri.yml; both must list the same", at->name, n,
                       json_array_size(json_object_get(extri, "names")));
    VG_TRY(vg_camera_set_create(out, (int32_t)n, at->err));
    out->format = VG_CALIBRATION_EASYMOCAP;
    out->unit_metres = options->unit_metres > 0 ? options->unit_metres : 1;
    out->unit_stated = true;
    out->z_up = true;
    for (size_t i = 0; i < n; i++) {
        vg_named_camera *c = &out->camera[i];
        char where[VG_CAMERA_NAME + 16], K[VG_CAMERA_NAME + 8], D[VG_CAMERA_NAME + 8], key[VG_CAMERA_NAME + 8];
        const char *name = name_of(names, i);
        VG_TRY(camera_set_name(c, name, at));
        snprintf(where, sizeof where, "camera %s", name);
        const tree_at here = {at->name, where, at->err};
        double R[9], t[3], width, height;
        snprintf(K, sizeof K, "K_%s", name);
        snprintf(D, sizeof D, "dist_%s", name);
        VG_TRY(read_lens(&c->camera, json_object_get(intri, K), K, json_object_get(intri, D), D, false, &here));
        snprintf(key, sizeof key, "W_%s", name);
        VG_TRY(tree_member(&width, intri, key, 0, &here));
        snprintf(key, sizeof key, "H_%s", name);
        VG_TRY(tree_member(&height, intri, key, 0, &here));
        VG_TRY(camera_set_size(&c->camera, width, height, &here));
        if (!extri) continue;
        const tree_at there = {extri_name, where, at->err};
        snprintf(key, sizeof key, "Rot_%s", name);
        if (!json_object_get(extri, key)) snprintf(key, sizeof key, "R_%s", name);
        VG_TRY(read_rotation(R, json_object_get(extri, key), key, &there));
        snprintf(key, sizeof key, "T_%s", name);
        VG_TRY(tree_numbers(t, 3, json_object_get(extri, key), key, &there));
        VG_TRY(camera_set_pose(&c->camera, R, t, out->unit_metres, &there));
        c->placed = true;
    }
    return VG_OK;
}

/* --- writing ------------------------------------------------------------------------------------------------------- */

static void put_matrix(FILE *f, const char *key, const double *m, int rows, int cols, bool xml) {
    const size_t n = (size_t)(rows * cols);
    if (xml) {
        fprintf(f, "<%s type_id=\"opencv-matrix\">\n  <rows>%d</rows>\n  <cols>%d</cols>\n  <dt>d</dt>\n  <data>\n    ",
                key, rows, cols);
        print_numbers(f, m, n, " ");
        fprintf(f, "</data></%s>\n", key);
    } else {
        fprintf(f, "%s: !!opencv-matrix\n   rows: %d\n   cols: %d\n   dt: d\n   data: [ ", key, rows, cols);
        print_numbers(f, m, n, ", ");
        fputs(" ]\n", f);
    }
}

static void put_number(FILE *f, const char *key, double value, bool xml) {
    char text[VG_NUMBER_SIZE];
    vg_number_text(text, value);
    fprintf(f, xml ? "<%s>%s" : "%s: %s\n", key, text);
    if (xml) fprintf(f, "</%s>\n", key);
}

static void put_lens(FILE *f, const char *K_key, const char *D_key, const vg_camera *c, bool xml) {
    const double K[9] = {c->fx, 0, c->cx, 0, c->fy, c->cy, 0, 0, 1};
    int n = camera_distortion_count(c);
    if (n == 4 && c->lens != VG_LENS_FISHEYE) n = 5; /* the usual five */
    put_matrix(f, K_key, K, 3, 3, xml);
    put_matrix(f, D_key, c->distortion, n, 1, xml);
}

static void put_place(FILE *f, const vg_camera *c, bool xml) {
    double r[3];
    vg_rotation_to_vector(r, c->R);
    put_matrix(f, "rvec", r, 3, 1, xml);
    put_matrix(f, "tvec", c->t, 3, 1, xml);
}

/* A name that YAML and XML take as it is. */
static bool is_plain(const char *name) {
    for (; *name; name++)
        if ((unsigned char)*name < 0x20 || strchr("<>&\"'\\", *name)) return false;
    return true;
}

vg_status files_write_opencv(FILE *f, const vg_camera_set *set, bool xml, vg_error *err) {
    if (set->cameras < 1 || set->cameras > 2)
        return vg_fail(err, VG_UNSUPPORTED,
                       "%d cameras: OpenCV's files hold one camera or a stereo pair; write EasyMocap (the same syntax, "
                       "any number) or Pose2Sim TOML",
                       set->cameras);
    const vg_named_camera *a = &set->camera[0], *b = &set->camera[set->cameras - 1];
    fputs(xml ? "<?xml version=\"1.0\"?>\n<opencv_storage>\n" : "%YAML:1.0\n---\n", f);
    put_number(f, "image_width", a->camera.width, xml);
    put_number(f, "image_height", a->camera.height, xml);
    if (a->camera.lens == VG_LENS_FISHEYE) put_number(f, "fisheye_model", 1, xml);
    if (set->cameras == 1) {
        put_lens(f, "camera_matrix", "distortion_coefficients", &a->camera, xml);
        if (is_plain(a->name))
            fprintf(f, xml ? "<camera_name>\"%s\"</camera_name>\n" : "camera_name: \"%s\"\n", a->name);
        const double error = isfinite(a->error_px) ? a->error_px : set->error_px;
        if (isfinite(error)) put_number(f, "avg_reprojection_error", error, xml);
        if (a->placed) put_place(f, &a->camera, xml);
    } else {
        if (a->camera.lens != b->camera.lens || a->camera.width != b->camera.width ||
            a->camera.height != b->camera.height)
            return vg_fail(err, VG_UNSUPPORTED,
                           "cameras `%s` and `%s` differ in lens kind or picture size, which a stereo file cannot say; "
                           "write EasyMocap or Pose2Sim TOML",
                           a->name, b->name);
        put_lens(f, "M1", "D1", &a->camera, xml);
        put_lens(f, "M2", "D2", &b->camera, xml);
        if (a->placed && b->placed) {
            vg_rigid first, second;
            memcpy(first.R, a->camera.R, sizeof first.R), memcpy(first.t, a->camera.t, sizeof first.t);
            memcpy(second.R, b->camera.R, sizeof second.R), memcpy(second.t, b->camera.t, sizeof second.t);
            const vg_rigid inverse = vg_rigid_inverse(&first), between = vg_rigid_compose(&second, &inverse);
            put_matrix(f, "R", between.R, 3, 3, xml);
            put_matrix(f, "T", between.t, 3, 1, xml);
            put_place(f, &a->camera, xml);
        }
    }
    if (xml) fputs("</opencv_storage>\n", f);
    return VG_OK;
}

static vg_status put_names(FILE *f, const vg_camera_set *set, vg_error *err) {
    fputs("%YAML:1.0\n---\nnames:\n", f);
    for (int32_t i = 0; i < set->cameras; i++) {
        const vg_named_camera *n = &set->camera[i];
        if (!is_plain(n->name) || strpbrk(n->name, " :#,[]{}"))
            return vg_fail(err, VG_UNSUPPORTED,
                           "camera `%s`: EasyMocap makes keys of names; rename it to letters, digits, _ . or -",
                           n->name);
        if (n->camera.lens != VG_LENS_BROWN_CONRADY || camera_distortion_count(&n->camera) > 5 || !n->placed)
            return vg_fail(err, VG_UNSUPPORTED,
                           "camera `%s`: EasyMocap holds placed cameras with k1 k2 p1 p2 k3 only; write Pose2Sim TOML",
                           n->name);
        fprintf(f, "  - \"%s\"\n", n->name);
    }
    return VG_OK;
}

vg_status files_write_easymocap_intri(FILE *f, const vg_camera_set *set, vg_error *err) {
    VG_TRY(put_names(f, set, err));
    for (int32_t i = 0; i < set->cameras; i++) {
        const vg_camera *c = &set->camera[i].camera;
        const double K[9] = {c->fx, 0, c->cx, 0, c->fy, c->cy, 0, 0, 1};
        char key[VG_CAMERA_NAME + 8];
        snprintf(key, sizeof key, "K_%s", set->camera[i].name);
        put_matrix(f, key, K, 3, 3, false);
        snprintf(key, sizeof key, "dist_%s", set->camera[i].name);
        put_matrix(f, key, c->distortion, 1, 5, false);
        if (c->width) fprintf(f, "H_%s: %d\nW_%s: %d\n", set->camera[i].name, c->height, set->camera[i].name, c->width);
    }
    return VG_OK;
}

vg_status files_write_easymocap_extri(FILE *f, const vg_camera_set *set, vg_error *err) {
    VG_TRY(put_names(f, set, err));
    for (int32_t i = 0; i < set->cameras; i++) {
        const vg_camera *c = &set->camera[i].camera;
        char key[VG_CAMERA_NAME + 8];
        double r[3];
        vg_rotation_to_vector(r, c->R);
        snprintf(key, sizeof key, "R_%s", set->camera[i].name);
        put_matrix(f, key, r, 3, 1, false);
        snprintf(key, sizeof key, "Rot_%s", set->camera[i].name);
        put_matrix(f, key, c->R, 3, 3, false);
        snprintf(key, sizeof key, "T_%s", set->camera[i].name);
        put_matrix(f, key, c->t, 3, 1, false);
    }
    return VG_OK;
}
