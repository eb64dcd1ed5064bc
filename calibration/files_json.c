/* Calibrations in JSON.
 *
 * Panoptic (calibration_SEQ.json): cameras[] {name, type, resolution, K, distCoef k1 k2 p1 p2 k3, R, t}; centimetres;
 *   the world's y points down. We turn it so that z points up: our (x, y, z) is their (x, -z, y), exactly.
 * Human3.6M (camera-parameters.json): intrinsics[camera] {calibration_matrix, distortion}, extrinsics[subject][camera]
 *   {R, t}; millimetres; no picture sizes.
 * VoxelPose and mmpose (Shelf, Campus): camera id -> R, T, fx, fy, cx, cy, k[3], p[2]; x_c = R (X - T), T in mm is the
 *   camera's place.
 * K and RT (of the 4D Association data): camera id -> K (9 numbers), RT (12, row by row, world to camera) in metres,
 *   imgSize [w, h], distCoeff k1 k2 p1 p2 k3. */
#include "calibration/files_tree.h"

#include "common/transform.h"

#include <math.h>
#include <string.h>

/* Columns of R belong to world axes: from their (x, y, z), y down, to ours. R_ours = R_theirs M, M our -> their. */
static void world_from_y_down(double R[9]) {
    for (int row = 0; row < 3; row++) {
        double *r = R + 3 * row, y = r[1], z = r[2];
        r[1] = z, r[2] = -y; /* their z is our y; their y is our -z */
    }
}

static void world_to_y_down(double R[9]) {
    for (int row = 0; row < 3; row++) {
        double *r = R + 3 * row, y = r[1], z = r[2];
        r[1] = -z, r[2] = y;
    }
}

/* --- reading ------------------------------------------------------------------------------------------------------- */

static vg_status begin(vg_camera_set *out, size_t n, vg_calibration_format format, double unit, bool z_up,
                       const vg_calibration_options *options, const tree_at *at) {
    if (!n || n > VG_CAMERA_SET_MAX)
        return vg_fail(at->err, VG_INVALID, "%s: %zu cameras; give 1 to %d", at->name, n, VG_CAMERA_SET_MAX);
    VG_TRY(vg_camera_set_create(out, (int32_t)n, at->err));
    out->format = (int32_t)format;
    out->unit_metres = options->unit_metres > 0 ? options->unit_metres : unit;
    out->unit_stated = true;
    out->z_up = z_up;
    return VG_OK;
}

static vg_status read_panoptic(vg_camera_set *out, const json_t *list, const vg_calibration_options *options,
                               const tree_at *at) {
    VG_TRY(begin(out, json_array_size(list), VG_CALIBRATION_PANOPTIC, 1e-2, true, options, at));
    for (int32_t i = 0; i < out->cameras; i++) {
        const json_t *entry = json_array_get(list, (size_t)i);
        vg_named_camera *c = &out->camera[i];
        char where[VG_CAMERA_NAME + 32];
        const char *name = json_string_value(json_object_get(entry, "name"));
        snprintf(where, sizeof where, "cameras[%d] %.*s", i, VG_CAMERA_NAME, name ? name : "");
        const tree_at here = {at->name, where, at->err};
        double K[9], k[5], R[9], t[3], size[2];
        VG_TRY(camera_set_name(c, name, &here));
        VG_TRY(tree_numbers(K, 9, json_object_get(entry, "K"), "K", &here));
        VG_TRY(camera_set_intrinsics(&c->camera, K, &here));
        VG_TRY(tree_numbers(k, 5, json_object_get(entry, "distCoef"), "distCoef", &here));
        VG_TRY(camera_set_distortion(&c->camera, k, 5, false, &here));
        if (json_object_get(entry, "resolution")) {
            VG_TRY(tree_numbers(size, 2, json_object_get(entry, "resolution"), "resolution", &here));
            VG_TRY(camera_set_size(&c->camera, size[0], size[1], &here));
        }
        VG_TRY(tree_numbers(R, 9, json_object_get(entry, "R"), "R", &here));
        VG_TRY(tree_numbers(t, 3, json_object_get(entry, "t"), "t", &here));
        world_from_y_down(R);
        VG_TRY(camera_set_pose(&c->camera, R, t, out->unit_metres, &here));
        c->placed = true;
    }
    return VG_OK;
}

static vg_status read_human36m(vg_camera_set *out, const json_t *tree, const vg_calibration_options *options,
                               const tree_at *at) {
    json_t *intrinsics = json_object_get(tree, "intrinsics"), *extrinsics = json_object_get(tree, "extrinsics");
    void *first = json_object_iter(extrinsics);
    const json_t *places = options->subject ? json_object_get(extrinsics, options->subject)
                           : first          ? json_object_iter_value(first)
                                            : NULL;
    if (!json_is_object(places))
        return vg_fail(at->err, VG_NOT_FOUND, "%s: extrinsics: no subject `%s`; name one of those in the file",
                       at->name, options->subject ? options->subject : "(any)");
    VG_TRY(begin(out, json_object_size(places), VG_CALIBRATION_HUMAN36M, 1e-3, true, options, at));
    const char *name;
    json_t *place;
    int32_t i = 0;
    json_object_foreach((json_t *)(uintptr_t)places, name, place) {
        vg_named_camera *c = &out->camera[i++];
        char where[VG_CAMERA_NAME + 16];
        snprintf(where, sizeof where, "camera %.*s", VG_CAMERA_NAME, name);
        const tree_at here = {at->name, where, at->err};
        const json_t *lens = json_object_get(intrinsics, name);
        double K[9], k[5], R[9], t[3];
        VG_TRY(camera_set_name(c, name, &here));
        VG_TRY(tree_numbers(K, 9, json_object_get(lens, "calibration_matrix"), "calibration_matrix", &here));
        VG_TRY(camera_set_intrinsics(&c->camera, K, &here));
        VG_TRY(tree_numbers(k, 5, json_object_get(lens, "distortion"), "distortion", &here));
        VG_TRY(camera_set_distortion(&c->camera, k, 5, false, &here));
        VG_TRY(tree_numbers(R, 9, json_object_get(place, "R"), "R", &here));
        VG_TRY(tree_numbers(t, 3, json_object_get(place, "t"), "t", &here));
        VG_TRY(camera_set_pose(&c->camera, R, t, out->unit_metres, &here));
        c->placed = true;
    }
    return VG_OK;
}

static bool is_voxelpose(const json_t *tree) {
    void *first = json_object_iter((json_t *)(uintptr_t)tree);
    const json_t *camera = first ? json_object_iter_value(first) : NULL;
    return json_object_get(camera, "fx") && json_object_get(camera, "R") && json_object_get(camera, "T");
}

/* One camera of a file that maps names to cameras. */
typedef vg_status (*entry_reader)(vg_camera *c, const json_t *entry, double unit, const tree_at *at);

static vg_status read_entries(vg_camera_set *out, const json_t *tree, entry_reader read, const tree_at *at) {
    const char *name;
    json_t *entry;
    int32_t i = 0;
    json_object_foreach((json_t *)(uintptr_t)tree, name, entry) {
        vg_named_camera *c = &out->camera[i++];
        char where[VG_CAMERA_NAME + 16];
        snprintf(where, sizeof where, "camera %.*s", VG_CAMERA_NAME, name);
        const tree_at here = {at->name, where, at->err};
        VG_TRY(camera_set_name(c, name, &here));
        VG_TRY(read(&c->camera, entry, out->unit_metres, &here));
        c->placed = true;
    }
    return VG_OK;
}

static vg_status read_voxelpose(vg_camera *c, const json_t *entry, double unit, const tree_at *at) {
    static const char *const lens_keys[] = {"fx", "fy", "cx", "cy"};
    double lens[4], k[3], p[2], R[9], place[3], t[3];
    for (int l = 0; l < 4; l++)
        VG_TRY(tree_numbers(&lens[l], 1, json_object_get(entry, lens_keys[l]), lens_keys[l], at));
    const double K[9] = {lens[0], 0, lens[2], 0, lens[1], lens[3], 0, 0, 1};
    VG_TRY(camera_set_intrinsics(c, K, at));
    VG_TRY(tree_numbers(k, 3, json_object_get(entry, "k"), "k", at));
    VG_TRY(tree_numbers(p, 2, json_object_get(entry, "p"), "p", at));
    const double all[5] = {k[0], k[1], p[0], p[1], k[2]};
    VG_TRY(camera_set_distortion(c, all, 5, false, at));
    VG_TRY(tree_numbers(R, 9, json_object_get(entry, "R"), "R", at));
    VG_TRY(tree_numbers(place, 3, json_object_get(entry, "T"), "T", at));
    vg_mat3_mul_vec(t, R, place);
    for (int a = 0; a < 3; a++) t[a] = -t[a];
    return camera_set_pose(c, R, t, unit, at);
}

static bool is_krt(const json_t *tree) {
    void *first = json_object_iter((json_t *)(uintptr_t)tree);
    const json_t *camera = first ? json_object_iter_value(first) : NULL;
    return json_object_get(camera, "K") && json_object_get(camera, "RT");
}

static vg_status read_krt(vg_camera *c, const json_t *entry, double unit, const tree_at *at) {
    double K[9], RT[12], R[9], t[3], k[14], size[2];
    size_t n = 0;
    const json_t *bend = json_object_get(entry, "distCoeff"), *its_size = json_object_get(entry, "imgSize");
    VG_TRY(tree_numbers(K, 9, json_object_get(entry, "K"), "K", at));
    VG_TRY(camera_set_intrinsics(c, K, at));
    if (bend) VG_TRY(tree_numbers_upto(k, 14, &n, bend, "distCoeff", at));
    VG_TRY(camera_set_distortion(c, k, n, false, at));
    if (its_size) {
        VG_TRY(tree_numbers(size, 2, its_size, "imgSize", at));
        VG_TRY(camera_set_size(c, size[0], size[1], at));
    }
    VG_TRY(tree_numbers(RT, 12, json_object_get(entry, "RT"), "RT", at));
    for (int row = 0; row < 3; row++) {
        memcpy(R + 3 * row, RT + 4 * row, 3 * sizeof *R);
        t[row] = RT[4 * row + 3];
    }
    return camera_set_pose(c, R, t, unit, at);
}

vg_status files_read_json(vg_camera_set *out, const json_t *tree, const vg_calibration_options *options,
                          const tree_at *at) {
    const json_t *list = json_object_get(tree, "cameras");
    if (json_is_array(list)) return read_panoptic(out, list, options, at);
    if (json_object_get(tree, "intrinsics") && json_object_get(tree, "extrinsics"))
        return read_human36m(out, tree, options, at);
    if (is_voxelpose(tree)) {
        VG_TRY(begin(out, json_object_size(tree), VG_CALIBRATION_VOXELPOSE, 1e-3, true, options, at));
        return read_entries(out, tree, read_voxelpose, at);
    }
    if (is_krt(tree)) {
        VG_TRY(begin(out, json_object_size(tree), VG_CALIBRATION_KRT, 1, false, options, at));
        return read_entries(out, tree, read_krt, at);
    }
    return vg_fail(at->err, VG_UNSUPPORTED,
                   "%s: JSON, but neither Panoptic's (cameras[]), Human3.6M's (intrinsics, extrinsics) VoxelPose's "
                   "(camera id -> R, T, fx ...) nor K and RT by camera",
                   at->name);
}

/* --- writing ------------------------------------------------------------------------------------------------------- */

/* A list of `cols` numbers a row; one row without inner brackets where cols = n. */
static void put_rows(FILE *f, const double *v, size_t n, size_t cols) {
    fputc('[', f);
    for (size_t i = 0; i < n; i += cols) {
        if (cols < n) fputs(i ? ",[" : "[", f);
        print_numbers(f, v + i, cols, ",");
        if (cols < n) fputc(']', f);
    }
    fputc(']', f);
}

static vg_status check_lens(const vg_named_camera *n, const char *format, vg_error *err) {
    if (n->camera.lens == VG_LENS_BROWN_CONRADY && camera_distortion_count(&n->camera) <= 5 && n->placed) return VG_OK;
    return vg_fail(err, VG_UNSUPPORTED,
                   "camera `%s`: %s files hold placed cameras with k1 k2 p1 p2 k3 only; write Pose2Sim TOML", n->name,
                   format);
}

vg_status files_write_panoptic(FILE *f, const vg_camera_set *set, vg_error *err) {
    fputs("{\"calibDataSource\":\"vergence\",\"cameras\":[", f);
    for (int32_t i = 0; i < set->cameras; i++) {
        const vg_named_camera *n = &set->camera[i];
        const vg_camera *c = &n->camera;
        VG_TRY(check_lens(n, "Panoptic", err));
        const double K[9] = {c->fx, 0, c->cx, 0, c->fy, c->cy, 0, 0, 1};
        double R[9], t[3];
        memcpy(R, c->R, sizeof R);
        world_to_y_down(R);
        for (int k = 0; k < 3; k++) t[k] = c->t[k] * 100;
        fprintf(f, "%s\n{\"name\":", i ? "," : "");
        print_quoted(f, n->name);
        fprintf(f, ",\"type\":\"hd\",\"resolution\":[%d,%d],\"panel\":0,\"node\":%d,\"K\":", c->width, c->height, i);
        put_rows(f, K, 9, 3);
        fputs(",\"distCoef\":", f);
        put_rows(f, c->distortion, 5, 5);
        fputs(",\"R\":", f);
        put_rows(f, R, 9, 3);
        fputs(",\"t\":", f);
        put_rows(f, t, 3, 1);
        fputc('}', f);
    }
    fputs("\n]}\n", f);
    return VG_OK;
}

vg_status files_write_human36m(FILE *f, const vg_camera_set *set, vg_error *err) {
    fputs("{\"intrinsics\":{", f);
    for (int32_t i = 0; i < set->cameras; i++) {
        const vg_camera *c = &set->camera[i].camera;
        const double K[9] = {c->fx, 0, c->cx, 0, c->fy, c->cy, 0, 0, 1};
        VG_TRY(check_lens(&set->camera[i], "Human3.6M", err));
        fprintf(f, "%s\n", i ? "," : "");
        print_quoted(f, set->camera[i].name);
        fputs(":{\"calibration_matrix\":", f);
        put_rows(f, K, 9, 3);
        fputs(",\"distortion\":", f);
        put_rows(f, c->distortion, 5, 5);
        fputc('}', f);
    }
    fputs("},\n\"extrinsics\":{\"S1\":{", f);
    for (int32_t i = 0; i < set->cameras; i++) {
        const vg_camera *c = &set->camera[i].camera;
        double t[3];
        for (int k = 0; k < 3; k++) t[k] = c->t[k] * 1000;
        fprintf(f, "%s\n", i ? "," : "");
        print_quoted(f, set->camera[i].name);
        fputs(":{\"R\":", f);
        put_rows(f, c->R, 9, 3);
        fputs(",\"t\":", f);
        put_rows(f, t, 3, 1);
        fputc('}', f);
    }
    fputs("}}}\n", f);
    return VG_OK;
}
