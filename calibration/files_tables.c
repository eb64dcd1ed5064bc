/* Calibrations in TOML.
 *
 * Pose2Sim (Calib.toml): a table a camera: name, size [w, h], matrix 3 x 3, distortions k1 k2 p1 p2 [...], rotation as
 *   a Rodrigues vector (world to camera), translation in metres, fisheye; then [metadata] adjusted, error. World z up.
 * anipose, FreeMoCap (calibration.toml): the same keys in tables cam_0, cam_1, ..., five distortions, translation in the
 *   board's unit, in practice millimetres; FreeMoCap adds metadata.charuco_square_size.
 * Caliscope (camera_array.toml): tables cameras.N with cam_id, rotation as a 3 x 3 matrix, translation in metres,
 *   rotation_count, error in px; in older files tables cam_N with port. "null" stands for no place. Its cameras have numbers, not names: we
 *   call them cam_N, as its videos are.
 *
 * Pose2Sim writes sizes as floats and four distortions, which tells it from anipose. Where our own files need to be
 * told apart, metadata.units says so. */
#include "calibration/files_tree.h"

#include "common/text.h"
#include "common/transform.h"

#include <math.h>
#include <string.h>

/* --- reading ------------------------------------------------------------------------------------------------------- */

static bool is_camera(const json_t *table) {
    return json_is_object(table) && json_object_get(table, "matrix");
}

static bool is_null_place(const json_t *value) {
    return !value || json_is_null(value) || (json_is_string(value) && strcmp(json_string_value(value), "null") == 0);
}

/* Rotation and translation, where the table has both. */
static vg_status read_place(vg_named_camera *c, const json_t *table, double unit, const tree_at *at) {
    const json_t *rotation = json_object_get(table, "rotation"), *translation = json_object_get(table, "translation");
    if (is_null_place(rotation) && is_null_place(translation)) return VG_OK;
    double r[9], R[9], t[3];
    size_t n;
    VG_TRY(tree_numbers_upto(r, 9, &n, rotation, "rotation", at));
    VG_TRY(tree_numbers(t, 3, translation, "translation", at));
    if (n == 3)
        vg_rotation_from_vector(R, r);
    else if (n == 9)
        memcpy(R, r, sizeof R);
    else
        return vg_fail(at->err, VG_INVALID, "%s: %s rotation: %zu numbers; give a Rodrigues vector (3) or a matrix (9)",
                       at->name, at->camera, n);
    c->placed = true;
    return camera_set_pose(&c->camera, R, t, unit, at);
}

/* `name`; where there is none, Caliscope's number as "cam_N", which is what its videos are called; else the table's. */
static vg_status read_name(vg_named_camera *c, const char *key, const json_t *table, const tree_at *at) {
    const char *name = json_string_value(json_object_get(table, "name"));
    if (name && name[0]) return camera_set_name(c, name, at);
    const json_t *number = json_object_get(table, "cam_id");
    if (!number) number = json_object_get(table, "port");
    if (!json_is_integer(number)) return camera_set_name(c, key, at);
    char text[VG_CAMERA_NAME];
    snprintf(text, sizeof text, "cam_%lld", (long long)json_integer_value(number));
    return camera_set_name(c, text, at);
}

static vg_status read_camera(vg_named_camera *c, const char *key, const json_t *table, double unit, const tree_at *at) {
    double K[9], size[2], k[14], fisheye = 0, turns = 0;
    size_t count = 0;
    VG_TRY(read_name(c, key, table, at));
    VG_TRY(tree_numbers(K, 9, json_object_get(table, "matrix"), "matrix", at));
    VG_TRY(camera_set_intrinsics(&c->camera, K, at));
    const json_t *size_value = json_object_get(table, "size");
    if (size_value) {
        VG_TRY(tree_numbers(size, 2, size_value, "size", at));
        VG_TRY(camera_set_size(&c->camera, size[0], size[1], at));
    }
    if (json_is_boolean(json_object_get(table, "fisheye"))) fisheye = json_is_true(json_object_get(table, "fisheye"));
    const json_t *distortions = json_object_get(table, "distortions");
    if (distortions) VG_TRY(tree_numbers_upto(k, 14, &count, distortions, "distortions", at));
    VG_TRY(camera_set_distortion(&c->camera, k, count, fisheye > 0, at));
    VG_TRY(tree_member(&turns, table, "rotation_count", 0, at));
    c->quarter_turns = turns > -4 && turns < 4 ? (int32_t)turns : 0;
    const json_t *error = json_object_get(table, "error");
    if (error && !json_is_string(error) && !json_is_null(error))
        VG_TRY(tree_member(&c->error_px, table, "error", (double)NAN, at));
    return read_place(c, table, unit, at);
}

static vg_calibration_format format_of(const json_t *tree, const json_t *list, const json_t *metadata) {
    if (list != tree) return VG_CALIBRATION_CALISCOPE;
    const char *key;
    json_t *table;
    bool floats = false, few = true;
    json_object_foreach((json_t *)(uintptr_t)list, key, table) {
        if (!is_camera(table)) continue;
        if (json_object_get(table, "port") || json_object_get(table, "cam_id") ||
            json_array_size(json_array_get(json_object_get(table, "rotation"), 0)) == 3)
            return VG_CALIBRATION_CALISCOPE;
        floats = floats || json_is_real(json_array_get(json_object_get(table, "size"), 0));
        few = few && json_array_size(json_object_get(table, "distortions")) == 4 &&
              !json_is_true(json_object_get(table, "fisheye"));
    }
    if (json_object_get(metadata, "charuco_square_size")) return VG_CALIBRATION_ANIPOSE;
    return floats || few ? VG_CALIBRATION_POSE2SIM : VG_CALIBRATION_ANIPOSE;
}

static vg_status read_unit(vg_camera_set *set, const json_t *metadata, const vg_calibration_options *options,
                           const tree_at *at) {
    const char *units = json_string_value(json_object_get(metadata, "units"));
    set->unit_metres = set->format == VG_CALIBRATION_ANIPOSE ? 1e-3 : 1;
    set->unit_stated = set->format != VG_CALIBRATION_ANIPOSE || json_object_get(metadata, "charuco_square_size");
    if (units) {
        if (strcmp(units, "m") != 0 && strcmp(units, "cm") != 0 && strcmp(units, "mm") != 0)
            return vg_fail(at->err, VG_INVALID, "%s: metadata.units: `%.60s`; write m, cm or mm", at->name, units);
        set->unit_metres = units[0] == 'c' ? 1e-2 : units[1] ? 1e-3 : 1;
        set->unit_stated = true;
    }
    if (options->unit_metres > 0) set->unit_metres = options->unit_metres, set->unit_stated = true;
    return VG_OK;
}

vg_status files_read_toml(vg_camera_set *out, const json_t *tree, const vg_calibration_options *options,
                          const tree_at *at) {
    json_t *list = json_object_get(tree, "cameras");
    const json_t *metadata = json_object_get(tree, "metadata");
    if (!json_is_object(list)) list = (json_t *)(uintptr_t)tree;
    const char *key;
    json_t *table;
    int32_t n = 0;
    json_object_foreach(list, key, table) n += is_camera(table);
    if (!n)
        return vg_fail(at->err, VG_INVALID,
                       "%s: no table holds a camera (`matrix`, `size`, `rotation`, `translation`); not a calibration, "
                       "or one without intrinsics",
                       at->name);
    VG_TRY(vg_camera_set_create(out, n, at->err));
    out->format = options->format ? options->format : (int32_t)format_of(tree, list, metadata);
    VG_TRY(read_unit(out, metadata, options, at));
    out->z_up = out->format == VG_CALIBRATION_POSE2SIM;
    VG_TRY(tree_member(&out->error_px, metadata, "error", (double)NAN, at));
    if (out->error_px == 0) out->error_px = (double)NAN; /* Pose2Sim's way to say that it does not know */
    n = 0;
    json_object_foreach(list, key, table) {
        if (!is_camera(table)) continue;
        char where[VG_CAMERA_NAME + 4];
        snprintf(where, sizeof where, "[%.*s]", VG_CAMERA_NAME, key);
        const tree_at here = {at->name, where, at->err};
        VG_TRY(read_camera(&out->camera[n++], key, table, out->unit_metres, &here));
    }
    return VG_OK;
}

/* --- writing ------------------------------------------------------------------------------------------------------- */

static void print_matrix(FILE *f, const double *m) {
    fputs("[ ", f);
    for (int row = 0; row < 3; row++) {
        fputs(row ? ", [ " : "[ ", f);
        print_numbers(f, m + 3 * row, 3, ", ");
        fputc(']', f);
    }
    fputs("]\n", f);
}

static void print_list(FILE *f, const char *key, const double *v, size_t n) {
    fprintf(f, "%s = [ ", key);
    print_numbers(f, v, n, ", ");
    fputs("]\n", f);
}

static bool is_bare_key(const char *key) {
    return key[0] && !key[strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")];
}

static void print_intrinsics(FILE *f, const vg_camera *c, int distortions) {
    const double K[9] = {c->fx, 0, c->cx, 0, c->fy, c->cy, 0, 0, 1};
    fputs("matrix = ", f);
    print_matrix(f, K);
    print_list(f, "distortions", c->distortion, (size_t)distortions);
}

/* The name of a camera's table: the camera's own, but for words with a meaning of their own as tables. */
static void print_header(FILE *f, const vg_camera_set *set, const char *name) {
    char key[VG_CAMERA_NAME + 16];
    snprintf(key, sizeof key, "%s", name);
    if (strcmp(name, "metadata") == 0 || strcmp(name, "cameras") == 0) do
            strcat(key, "_");
        while (vg_camera_set_find(set, key) >= 0 && strlen(key) + 2 < sizeof key);
    fputc('[', f);
    if (is_bare_key(key))
        fputs(key, f);
    else
        print_quoted(f, key);
    fputs("]\n", f);
}

static vg_status write_rodrigues(FILE *f, const vg_camera_set *set, bool anipose) {
    const double unit = anipose ? 1000 : 1;
    for (int32_t i = 0; i < set->cameras; i++) {
        const vg_named_camera *n = &set->camera[i];
        const vg_camera *c = &n->camera;
        int distortions = camera_distortion_count(c);
        if (anipose && distortions == 4 && c->lens != VG_LENS_FISHEYE) distortions = 5;
        double r[3], t[3];
        vg_rotation_to_vector(r, c->R);
        for (int k = 0; k < 3; k++) t[k] = c->t[k] * unit;
        if (anipose)
            fprintf(f, "[cam_%d]\n", i);
        else
            print_header(f, set, n->name);
        fputs("name = ", f);
        print_quoted(f, n->name);
        if (anipose)
            fprintf(f, "\nsize = [ %d, %d]\n", c->width, c->height);
        else
            fprintf(f, "\nsize = [ %d.0, %d.0]\n", c->width, c->height);
        print_intrinsics(f, c, distortions);
        if (n->placed) print_list(f, "rotation", r, 3), print_list(f, "translation", t, 3);
        fprintf(f, "fisheye = %s\n\n", c->lens == VG_LENS_FISHEYE ? "true" : "false");
    }
    const double error = isfinite(set->error_px) ? set->error_px : 0;
    fputs("[metadata]\nadjusted = false\nerror = ", f);
    print_numbers(f, &error, 1, "");
    fprintf(f, "\nunits = \"%s\"\n", anipose ? "mm" : "m");
    return VG_OK;
}

vg_status files_write_pose2sim(FILE *f, const vg_camera_set *set, vg_error *err) {
    (void)err;
    return write_rodrigues(f, set, false);
}

vg_status files_write_anipose(FILE *f, const vg_camera_set *set, vg_error *err) {
    (void)err;
    return write_rodrigues(f, set, true);
}

vg_status files_write_caliscope(FILE *f, const vg_camera_set *set, vg_error *err) {
    (void)err;
    for (int32_t i = 0; i < set->cameras; i++) {
        const vg_named_camera *n = &set->camera[i];
        const vg_camera *c = &n->camera;
        int distortions = camera_distortion_count(c);
        if (distortions == 4 && c->lens != VG_LENS_FISHEYE) distortions = 5;
        int number = i;
        if (sscanf(n->name, "cam_%6d", &number) != 1 || number < 0) number = i;
        fprintf(f, "[cameras.%d]\ncam_id = %d\nname = ", i, number);
        print_quoted(f, n->name);
        fprintf(f, "\nrotation_count = %d\n", n->quarter_turns);
        if (isfinite(n->error_px)) fputs("error = ", f), print_numbers(f, &n->error_px, 1, ""), fputc('\n', f);
        fprintf(f, "ignore = false\nfisheye = %s\nsize = [%d, %d]\n", c->lens == VG_LENS_FISHEYE ? "true" : "false",
                c->width, c->height);
        print_intrinsics(f, c, distortions);
        if (n->placed) {
            print_list(f, "translation", c->t, 3);
            fputs("rotation = ", f);
            print_matrix(f, c->R);
        } else {
            fputs("translation = \"null\"\nrotation = \"null\"\n", f);
        }
        fputc('\n', f);
    }
    return VG_OK;
}
