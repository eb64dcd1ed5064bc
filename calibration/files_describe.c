/* A calibration in plain words: where each camera stands, what it looks at, how wide it sees, what its lens does; and
 * what is suspicious about it. Distances in metres, angles in degrees. */
#include "calibration/files.h"

#include "calibration/calibration.h"
#include "calibration/files_tree.h"
#include "common/text.h"
#include "common/transform.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define DEGREES (180 / VG_PI)

/* What a rig of cameras around people can be; beyond it the unit of length is in doubt. */
#define RIG_MAX_METRES     300.0
#define RIG_MIN_METRES     0.05
#define SAME_PLACE_METRES  0.02
#define FLOOR_SLACK_METRES 0.05
#define ERROR_LARGE_PX     3.0
#define FOV_MIN_DEGREES    4.0
#define FOV_MAX_DEGREES    160.0 /* of a pinhole lens; a fisheye may see more */

static void place_of(double centre[3], const vg_camera *c) {
    vg_mat3_t_mul_vec(centre, c->R, c->t);
    for (int i = 0; i < 3; i++) centre[i] = centre[i] == 0 ? 0 : -centre[i];
}

/* Angle of view along x or y, degrees: between the rays of opposite edges' middles. NaN where the size is unknown or the
 * lens formula does not reach there. */
static double field_of_view(const vg_camera *c, bool vertical) {
    double d[2][3];
    for (int i = 0; i < 2; i++) {
        const double u = vertical ? c->cx : i * (c->width - 1.0), v = vertical ? i * (c->height - 1.0) : c->cy;
        double origin[3];
        if (!c->width || !c->height || !vg_unproject(origin, d[i], c, u, v)) return (double)NAN;
    }
    return acos(fmax(-1, fmin(1, vg_dot3(d[0], d[1])))) * DEGREES;
}

/* The point nearest to all optical axes, by least squares: sum (I - d d')(x - p) = 0. False where they are parallel. */
static bool common_point(double x[3], const vg_camera_set *set) {
    double A[9] = {0}, b[3] = {0};
    int placed = 0;
    for (int32_t i = 0; i < set->cameras; i++) {
        if (!set->camera[i].placed) continue;
        const vg_camera *c = &set->camera[i].camera;
        double p[3];
        place_of(p, c);
        placed++;
        for (int r = 0; r < 3; r++)
            for (int k = 0; k < 3; k++) {
                const double m = (r == k) - c->R[6 + r] * c->R[6 + k];
                A[3 * r + k] += m;
                b[r] += m * p[k];
            }
    }
    const double det = vg_mat3_det(A);
    if (placed < 2 || !(det > 1e-4)) return false;
    for (int k = 0; k < 3; k++) { /* Cramer */
        double M[9];
        memcpy(M, A, sizeof M);
        for (int r = 0; r < 3; r++) M[3 * r + k] = b[r];
        x[k] = vg_mat3_det(M) / det;
    }
    return true;
}

/* --- findings ------------------------------------------------------------------------------------------------------ */

typedef struct list {
    vg_finding *out;
    int32_t room, count;
} list;

static void add(list *l, vg_finding_kind kind, int32_t camera, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static void add(list *l, vg_finding_kind kind, int32_t camera, const char *format, ...) {
    if (l->count < l->room) {
        vg_finding *f = &l->out[l->count];
        f->kind = (int32_t)kind;
        f->camera = camera;
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(f->message, sizeof f->message, format, arguments);
        va_end(arguments);
    }
    l->count++;
}

/* Largest |R R' - I|. */
static double off_orthonormal(const double R[9]) {
    double worst = 0;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) worst = fmax(worst, fabs(vg_dot3(R + 3 * i, R + 3 * j) - (i == j)));
    return worst;
}

static void check_place(list *l, const vg_camera_set *set, int32_t i) {
    const vg_named_camera *n = &set->camera[i];
    const double *R = n->camera.R;
    if (!n->placed) { /* where no camera has a place, the file holds lenses: nothing is missing */
        bool others = false;
        for (int32_t k = 0; k < set->cameras; k++) others = others || set->camera[k].placed;
        if (others)
            add(l, VG_FINDING_NOT_PLACED, i, "%s: has no place in the file; calibrate extrinsics before triangulating",
                n->name);
        return;
    }
    const double off = off_orthonormal(R);
    if (off > 1e-3)
        add(l, VG_FINDING_NOT_ROTATION, i,
            "%s: its rotation is none (off by %.2g); rows may be exchanged, or digits lost", n->name, off);
    else if (vg_mat3_det(R) < 0)
        add(l, VG_FINDING_MIRRORED, i,
            "%s: mirrored: its rotation is a reflection (determinant -1); one axis of the file has the wrong sign",
            n->name);
    double centre[3];
    place_of(centre, &n->camera);
    if (set->z_up && centre[2] < -FLOOR_SLACK_METRES)
        add(l, VG_FINDING_UNDER_FLOOR, i,
            "%s: stands %.2f m under the floor; z may point down in this file, or its place is inverted (the file "
            "holds the camera's place where the translation of world to camera belongs, or the reverse)",
            n->name, -centre[2]);
    if (set->z_up && R[5] > 0.5)
        add(l, VG_FINDING_UPSIDE_DOWN, i,
            "%s: hangs upside down (the picture's lower edge points to the ceiling); right if it is mounted so",
            n->name);
}

/* Where along the way to a corner the lens formula stops being one-to-one; 1 = reaches it. */
static double reach_of_lens(const vg_camera *c) {
    double reach = 1;
    for (int corner = 0; corner < 4; corner++) {
        const double u = corner & 1 ? c->width - 1.0 : 0, v = corner & 2 ? c->height - 1.0 : 0;
        double xy[2], low = 0, high = 1;
        double origin[3], ray[3];
        if (vg_undistort(xy, c, u, v) || vg_unproject(origin, ray, c, u, v)) continue;
        for (int step = 0; step < 20; step++) {
            const double middle = (low + high) / 2;
            const double mu = c->cx + middle * (u - c->cx), mv = c->cy + middle * (v - c->cy);
            if (vg_undistort(xy, c, mu, mv))
                low = middle;
            else
                high = middle;
        }
        reach = fmin(reach, low);
    }
    return reach;
}

static void check_lens(list *l, const vg_camera_set *set, int32_t i, const int32_t *size) {
    const vg_named_camera *n = &set->camera[i];
    const vg_camera *c = &n->camera;
    if (!c->width || !c->height) { /* where none has a size the format knows none */
        bool others = false;
        for (int32_t k = 0; k < set->cameras; k++) others = others || set->camera[k].camera.width > 0;
        if (others)
            add(l, VG_FINDING_SIZE, i, "%s: the file gives no picture size; distortion and field of view are unchecked",
                n->name);
    } else if (fabs(c->cx - c->width / 2.0) > 0.25 * c->width || fabs(c->cy - c->height / 2.0) > 0.25 * c->height) {
        const bool exchanged =
            fabs(c->cx - c->height / 2.0) < 0.15 * c->height && fabs(c->cy - c->width / 2.0) < 0.15 * c->width;
        add(l, VG_FINDING_SIZE, i,
            "%s: the optical centre (%.0f, %.0f) is far from the middle of a picture of %d x %d; %s", n->name, c->cx,
            c->cy, c->width, c->height,
            exchanged ? "width and height look exchanged" : "the size is not that of the calibrated pictures");
    }
    if (size && size[0] && c->width && (size[0] != c->width || size[1] != c->height))
        add(l, VG_FINDING_SIZE, i,
            "%s: calibrated at %d x %d, but its pictures are %d x %d; scale the calibration, or calibrate at this size",
            n->name, c->width, c->height, size[0], size[1]);
    if (c->fx > 1.1 * c->fy || c->fy > 1.1 * c->fx)
        add(l, VG_FINDING_FOCAL, i, "%s: focal lengths %.1f and %.1f px differ by more than 10 %%; pixels are square",
            n->name, c->fx, c->fy);
    if (!c->width || !c->height) return;
    const double reach = reach_of_lens(c);
    if (reach < 0.999)
        add(l, VG_FINDING_DISTORTION, i,
            "%s: the distortion is valid only to %.0f %% of the way to a corner, beyond it the formula folds back; "
            "calibrate with boards near the corners, or with fewer coefficients",
            n->name, 100 * reach);
    const double across = field_of_view(c, false);
    if (across < FOV_MIN_DEGREES || (c->lens != VG_LENS_FISHEYE && across > FOV_MAX_DEGREES))
        add(l, VG_FINDING_FOCAL, i, "%s: sees %.1f degrees across, which no usual lens does; check the focal length",
            n->name, across);
}

/* Distance of two cameras, NaN where one has no place. */
static double distance_apart(const vg_named_camera *a, const vg_named_camera *b) {
    double p[3], q[3];
    if (!a->placed || !b->placed) return (double)NAN;
    place_of(p, &a->camera);
    place_of(q, &b->camera);
    const double d[3] = {p[0] - q[0], p[1] - q[1], p[2] - q[2]};
    return vg_norm3(d);
}

static void check_pairs(list *l, const vg_camera_set *set) {
    double widest = 0;
    for (int32_t i = 0; i < set->cameras; i++)
        for (int32_t j = i + 1; j < set->cameras; j++)
            widest = fmax(widest, distance_apart(&set->camera[i], &set->camera[j]));
    if (widest > RIG_MAX_METRES)
        add(l, VG_FINDING_UNIT, -1,
            "cameras stand up to %.4g m apart; the file's lengths look like millimetres read as metres", widest);
    if (widest > 0 && widest < RIG_MIN_METRES) {
        add(l, VG_FINDING_UNIT, -1,
            "all cameras stand within %.3g m; the file's lengths look like metres read as millimetres", widest);
        return;
    }
    for (int32_t i = 0; i < set->cameras; i++)
        for (int32_t j = i + 1; j < set->cameras; j++) {
            const vg_named_camera *a = &set->camera[i], *b = &set->camera[j];
            const double apart = distance_apart(a, b);
            if (apart < SAME_PLACE_METRES)
                add(l, VG_FINDING_SAME_PLACE, j,
                    "%s and %s: stand in one place (%.1f mm apart); triangulating from both gives no depth", a->name,
                    b->name, 1000 * apart);
        }
}

static void check_view(list *l, const vg_camera_set *set) {
    double x[3];
    if (!common_point(x, set)) return;
    for (int32_t i = 0; i < set->cameras; i++) {
        const vg_named_camera *n = &set->camera[i];
        if (!n->placed) continue;
        double p[3];
        place_of(p, &n->camera);
        const double to[3] = {x[0] - p[0], x[1] - p[1], x[2] - p[2]}, far = vg_norm3(to);
        const double cosine = far > 0 ? vg_dot3(n->camera.R + 6, to) / far : 1;
        if (cosine < 0)
            add(l, VG_FINDING_LOOKS_AWAY, i,
                "%s: looks away from where the others look (by %.0f degrees); its rotation may be inverted or its z "
                "axis point backwards",
                n->name, acos(fmax(-1, cosine)) * DEGREES);
    }
}

int32_t vg_calibration_check(vg_finding *out, int32_t room, const vg_camera_set *set, const int32_t (*sizes)[2]) {
    list l = {out, room, 0};
    for (int32_t i = 0; i < set->cameras; i++) {
        const vg_named_camera *n = &set->camera[i];
        check_place(&l, set, i);
        check_lens(&l, set, i, sizes ? sizes[i] : NULL);
        if (n->error_px > ERROR_LARGE_PX)
            add(&l, VG_FINDING_ERROR, i, "%s: its stated reprojection error is %.1f px; below 1 is usual", n->name,
                n->error_px);
    }
    check_pairs(&l, set);
    check_view(&l, set);
    return l.count;
}

/* --- words --------------------------------------------------------------------------------------------------------- */

/* Compass word of a direction in the plane; our world has x east and y north. */
static const char *compass(double x, double y) {
    static const char *const words[8] = {"+x", "+x+y", "+y", "-x+y", "-x", "-x-y", "-y", "+x-y"};
    const int octant = (int)lround(atan2(y, x) / (VG_PI / 4));
    return words[(octant + 8) % 8];
}

/* What a camera looks at: where its axis meets the floor, else the point that all look at. */
typedef struct gaze {
    double yaw, pitch, roll;        /* degrees; roll: clockwise turn of the picture */
    bool floor;                     /* the axis meets the floor within 100 m */
    double floor_at[3], floor_away; /* metres */
} gaze;

static gaze gaze_of(const vg_camera *c) {
    gaze g = {0};
    double centre[3];
    place_of(centre, c);
    const double *forward = c->R + 6;
    vg_yaw_pitch_of_rotation(&g.yaw, &g.pitch, c->R);
    double upright[9];
    vg_rotation_from_yaw_pitch(upright, g.yaw, g.pitch);
    g.roll = atan2(vg_dot3(c->R, upright + 3), vg_dot3(c->R, upright)) * DEGREES;
    g.yaw *= DEGREES, g.pitch *= DEGREES;
    if (centre[2] > 0 && forward[2] < -1e-3) {
        g.floor_away = -centre[2] / forward[2];
        g.floor = g.floor_away < 100;
        for (int i = 0; i < 3; i++) g.floor_at[i] = centre[i] + g.floor_away * forward[i];
    }
    return g;
}

static void print_coefficients(FILE *out, const vg_camera *c) {
    static const char *const names[2][8] = {{"k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6"}, {"k1", "k2", "k3", "k4"}};
    const int n = camera_distortion_count(c);
    for (int k = 0; k < n; k++) fprintf(out, "%s%s %.5g", k ? ", " : "", names[c->lens][k], c->distortion[k]);
}

/* Without the sign that rounding to `step` would leave on a zero. */
static double shown(double v, double step) {
    return fabs(v) < step / 2 ? 0 : v;
}

static void print_camera(FILE *out, const vg_camera_set *set, int32_t i) {
    const vg_named_camera *n = &set->camera[i];
    const vg_camera *c = &n->camera;
    fprintf(out, "\n%s\n", n->name);
    if (n->placed) {
        double centre[3];
        place_of(centre, c);
        const gaze g = gaze_of(c);
        fprintf(out, "  stands at   x %.3f, y %.3f, z %.3f m\n", shown(centre[0], 1e-3), shown(centre[1], 1e-3),
                shown(centre[2], 1e-3));
        fprintf(out, "  looks       towards %s, %.1f degrees %s", compass(c->R[6], c->R[7]), fabs(g.pitch),
                g.pitch < 0 ? "down" : "up");
        if (fabs(g.roll) > 2) fprintf(out, ", its picture turned by %.0f degrees", g.roll);
        fputc('\n', out);
        if (g.floor)
            fprintf(out, "  looks at    %s at x %.2f, y %.2f, %.2f m away\n",
                    set->z_up ? "the floor" : "the plane z = 0", shown(g.floor_at[0], 1e-2), shown(g.floor_at[1], 1e-2),
                    g.floor_away);
    } else {
        fprintf(out, "  stands at   (not in the file)\n");
    }
    if (c->width) {
        const double across = field_of_view(c, false), down = field_of_view(c, true);
        if (isfinite(across) && isfinite(down))
            fprintf(out, "  sees        %.1f x %.1f degrees in %d x %d px\n", across, down, c->width, c->height);
        else
            fprintf(out, "  sees        further than its distortion formula reaches, in %d x %d px\n", c->width,
                    c->height);
    } else {
        fprintf(out, "  sees        (the file gives no picture size: give --sizes)\n");
    }
    fprintf(out, "  lens        %s, focal length %.1f x %.1f px, centre (%.1f, %.1f); ",
            c->lens == VG_LENS_FISHEYE ? "fisheye" : "pinhole with Brown-Conrady distortion", c->fx, c->fy, c->cx,
            c->cy);
    print_coefficients(out, c);
    fputc('\n', out);
    if (isfinite(n->error_px)) fprintf(out, "  error       %.3f px, as the file states\n", n->error_px);
    if (isfinite(n->error_metres)) fprintf(out, "  error       %.3f mm, as the file states\n", 1000 * n->error_metres);
}

static const char *const kind_names[] = {"mirrored",   "not_a_rotation", "under_floor", "upside_down",
                                         "same_place", "unit",           "distortion",  "size",
                                         "focal",      "looks_away",     "not_placed",  "error"};

static const char *unit_name(double unit) {
    return unit == 1 ? "metres" : unit == 1e-2 ? "centimetres" : unit == 1e-3 ? "millimetres" : "a unit of its own";
}

static void describe_text(FILE *out, const char *name, const vg_camera_set *set, const vg_finding *findings,
                          int32_t count) {
    fprintf(out, "%s: %d camera%s, %s; lengths in the file: %s%s; %s\n", name, set->cameras,
            set->cameras == 1 ? "" : "s", vg_calibration_format_name((vg_calibration_format)set->format),
            unit_name(set->unit_metres), set->unit_stated ? "" : " (assumed)",
            set->z_up ? "z up" : "the direction of z is not stated");
    if (isfinite(set->error_px)) fprintf(out, "stated reprojection error: %.3f px\n", set->error_px);
    for (int32_t i = 0; i < set->cameras; i++) print_camera(out, set, i);
    double x[3];
    if (common_point(x, set))
        fprintf(out, "\nTogether they look at x %.2f, y %.2f, z %.2f m.\n", shown(x[0], 1e-2), shown(x[1], 1e-2),
                shown(x[2], 1e-2));
    fputc('\n', out);
    for (int32_t i = 0; i < count; i++) fprintf(out, "warning: %s\n", findings[i].message);
    if (!count) fprintf(out, "Nothing suspicious.\n");
}

/* --- JSON ---------------------------------------------------------------------------------------------------------- */

static json_t *reals(const double *v, int n) {
    json_t *array = json_array();
    for (int i = 0; i < n; i++) json_array_append_new(array, isfinite(v[i]) ? json_real(v[i]) : json_null());
    return array;
}

static json_t *real_or_null(double v) {
    return isfinite(v) ? json_real(v) : json_null();
}

static json_t *camera_json(const vg_named_camera *n) {
    const vg_camera *c = &n->camera;
    double centre[3];
    place_of(centre, c);
    const gaze g = gaze_of(c);
    json_t *o = json_object();
    json_object_set_new(o, "name", json_string(n->name));
    json_object_set_new(o, "placed", json_boolean(n->placed));
    json_object_set_new(o, "position_m", n->placed ? reals(centre, 3) : json_null());
    json_object_set_new(o, "yaw_deg", n->placed ? real_or_null(g.yaw) : json_null());
    json_object_set_new(o, "pitch_deg", n->placed ? real_or_null(g.pitch) : json_null());
    json_object_set_new(o, "roll_deg", n->placed ? real_or_null(g.roll) : json_null());
    json_object_set_new(o, "floor_point_m", n->placed && g.floor ? reals(g.floor_at, 3) : json_null());
    const double fov[2] = {field_of_view(c, false), field_of_view(c, true)};
    json_object_set_new(o, "fov_deg", reals(fov, 2));
    json_object_set_new(o, "size_px", json_pack("[i,i]", c->width, c->height));
    json_object_set_new(o, "lens", json_string(c->lens == VG_LENS_FISHEYE ? "fisheye" : "brown-conrady"));
    const double focal[2] = {c->fx, c->fy}, principal[2] = {c->cx, c->cy};
    json_object_set_new(o, "focal_px", reals(focal, 2));
    json_object_set_new(o, "centre_px", reals(principal, 2));
    json_object_set_new(o, "distortion", reals(c->distortion, camera_distortion_count(c)));
    json_object_set_new(o, "R", reals(c->R, 9));
    json_object_set_new(o, "t_m", reals(c->t, 3));
    json_object_set_new(o, "error_px", real_or_null(n->error_px));
    return o;
}

static bool describe_json(FILE *out, const char *name, const vg_camera_set *set, const vg_finding *findings,
                          int32_t count) {
    json_t *root = json_object(), *cameras = json_array(), *list_of = json_array();
    json_object_set_new(root, "file", json_string(name));
    json_object_set_new(root, "format", json_string(vg_calibration_format_name((vg_calibration_format)set->format)));
    json_object_set_new(root, "unit_metres", json_real(set->unit_metres));
    json_object_set_new(root, "unit_stated", json_boolean(set->unit_stated));
    json_object_set_new(root, "z_up", json_boolean(set->z_up));
    json_object_set_new(root, "error_px", real_or_null(set->error_px));
    for (int32_t i = 0; i < set->cameras; i++) json_array_append_new(cameras, camera_json(&set->camera[i]));
    for (int32_t i = 0; i < count; i++) {
        const int32_t camera = findings[i].camera;
        json_array_append_new(list_of,
                              json_pack("{s:s,s:s?,s:s}", "kind", kind_names[findings[i].kind], "camera",
                                        camera < 0 ? NULL : set->camera[camera].name, "message", findings[i].message));
    }
    json_object_set_new(root, "cameras", cameras);
    json_object_set_new(root, "warnings", list_of);
    const bool fine = root && json_dumpf(root, out, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) == 0;
    fputc('\n', out);
    json_decref(root);
    return fine;
}

int32_t vg_calibration_describe(FILE *out, const char *name, const vg_camera_set *set, const int32_t (*sizes)[2],
                                bool json) {
    const int32_t count = vg_calibration_check(NULL, 0, set, sizes);
    vg_finding *findings = calloc((size_t)count + 1, sizeof *findings);
    if (!findings) return -1;
    vg_calibration_check(findings, count, set, sizes);
    bool fine = true;
    if (json)
        fine = describe_json(out, name, set, findings, count);
    else
        describe_text(out, name, set, findings, count);
    free(findings);
    return fine ? count : -1;
}
