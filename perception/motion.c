/* Points over time: memory, units and axes, plausibility, and the choice of a file format. */
#include "perception/motion.h"

#include "common/text.h"
#include "perception/motion_c3d.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A person's points lie within a few metres; these bounds leave room for crowds in a stadium and for a hand. */
#define SPREAD_MAX_METRES 300.0
#define SPREAD_MIN_METRES 0.004

static const char *const unit_names[] = {"m", "mm", "cm"};
static const double unit_metres[] = {1, 1e-3, 1e-2};
static const char *const axes_names[VG_AXES_COUNT] = {"z-up", "y-up", "y-up-yzx", "y-down"};

/* Row i of a choice of axes: coordinate i is sign times world coordinate `from`. */
static const struct {
    int from[3];
    double sign[3];
} axes_rows[VG_AXES_COUNT] = {
    {{0, 1, 2}, {1, 1, 1}}, {{0, 2, 1}, {1, 1, -1}}, {{1, 2, 0}, {1, 1, 1}}, {{0, 2, 1}, {1, -1, 1}}};

const char *vg_unit_name(vg_unit unit) {
    return unit_names[unit];
}

const char *vg_axes_name(vg_axes axes) {
    return axes_names[axes];
}

bool vg_unit_parse(const char *name, vg_unit *out) {
    static const char *const longer[] = {"meters", "millimeters", "centimeters"};
    static const char *const british[] = {"metres", "millimetres", "centimetres"};
    for (int u = 0; u < 3; u++)
        if (strcasecmp(name, unit_names[u]) == 0 || strcasecmp(name, longer[u]) == 0 ||
            strcasecmp(name, british[u]) == 0) {
            *out = (vg_unit)u;
            return true;
        }
    return false;
}

bool vg_axes_parse(const char *name, vg_axes *out) {
    for (int a = 0; a < VG_AXES_COUNT; a++)
        if (strcasecmp(name, axes_names[a]) == 0) {
            *out = (vg_axes)a;
            return true;
        }
    return false;
}

vg_motion_options vg_motion_options_default(void) {
    return (vg_motion_options){.allow_short = false, .trust_unit = false, .axes = VG_AXES_Z_UP};
}

vg_status vg_motion_create(vg_motion *out, int32_t frames, int32_t points, double rate, vg_error *err) {
    *out = (vg_motion){0};
    if (frames < 0 || frames > VG_MOTION_MAX_FRAMES)
        return vg_fail(err, VG_INVALID, "frames: %d is outside 0 .. %d", frames, VG_MOTION_MAX_FRAMES);
    if (points < 0 || points > VG_MOTION_MAX_POINTS)
        return vg_fail(err, VG_INVALID, "points: %d is outside 0 .. %d", points, VG_MOTION_MAX_POINTS);
    if (!(rate > 0 && rate <= 1e6))
        return vg_fail(err, VG_INVALID, "rate: %g frames a second; give a number above 0", rate);
    const size_t f = (size_t)frames + 1, p = (size_t)points + 1; /* never an empty block */
    *out = (vg_motion){.frames = frames, .points = points, .rate = rate};
    out->names = calloc(p, sizeof *out->names);
    out->numbers = malloc(f * sizeof *out->numbers);
    out->times = malloc(f * sizeof *out->times);
    out->positions = malloc(f * p * 3 * sizeof *out->positions);
    out->residuals = malloc(f * p * sizeof *out->residuals);
    if (!out->names || !out->numbers || !out->times || !out->positions || !out->residuals) {
        vg_motion_free(out);
        return vg_fail(err, VG_NO_MEMORY, "no memory for %d frames of %d points", frames, points);
    }
    for (size_t i = 0; i < f; i++) out->numbers[i] = (int32_t)i + 1, out->times[i] = (double)i / rate;
    for (size_t i = 0; i < f * p * 3; i++) out->positions[i] = (double)NAN;
    for (size_t i = 0; i < f * p; i++) out->residuals[i] = (double)NAN;
    return VG_OK;
}

vg_status vg_motion_add_covariances(vg_motion *motion, vg_error *err) {
    const size_t n = ((size_t)motion->frames + 1) * (size_t)motion->points * 6;
    motion->covariances = malloc(n * sizeof *motion->covariances);
    if (!motion->covariances) return vg_fail(err, VG_NO_MEMORY, "no memory for %zu covariances", n / 6);
    for (size_t i = 0; i < n; i++) motion->covariances[i] = (double)NAN;
    return VG_OK;
}

void vg_motion_free(vg_motion *motion) {
    free(motion->names);
    free(motion->numbers);
    free(motion->times);
    free(motion->positions);
    free(motion->residuals);
    free(motion->covariances);
    *motion = (vg_motion){0};
}

int32_t vg_motion_find(const vg_motion *motion, const char *name) {
    for (int32_t p = 0; p < motion->points; p++)
        if (strcmp(motion->names[p], name) == 0) return p;
    return -1;
}

/* Where coordinate i of the new axes comes from, and its sign: M_to M_from^T. */
static void axes_change(int source[3], double sign[3], vg_axes from, vg_axes to) {
    for (int i = 0; i < 3; i++) {
        const int world = axes_rows[to].from[i];
        int k = 0;
        while (axes_rows[from].from[k] != world) k++;
        source[i] = k;
        sign[i] = axes_rows[to].sign[i] * axes_rows[from].sign[k];
    }
}

void vg_motion_convert(vg_motion *motion, vg_unit unit, vg_axes axes) {
    static const int packed[3][3] = {{0, 1, 2}, {1, 3, 4}, {2, 4, 5}}; /* place of (i, j) in a covariance */
    int source[3];
    double sign[3];
    axes_change(source, sign, (vg_axes)motion->axes, axes);
    /* a quotient of whole numbers: multiply or divide by 10, 100 or 1000, which rounds once */
    const double from = unit_metres[motion->unit], to = unit_metres[unit];
    const double up = from > to ? round(from / to) : 1, down = to > from ? round(to / from) : 1;
    const size_t n = (size_t)motion->frames * (size_t)motion->points;
    for (size_t k = 0; k < n; k++) {
        double *p = motion->positions + 3 * k;
        const double old[3] = {p[0], p[1], p[2]};
        for (int i = 0; i < 3; i++) p[i] = sign[i] * old[source[i]] * up / down;
        motion->residuals[k] = motion->residuals[k] * up / down;
        if (!motion->covariances) continue;
        double *c = motion->covariances + 6 * k, was[6];
        memcpy(was, c, sizeof was);
        for (int i = 0; i < 3; i++)
            for (int j = i; j < 3; j++)
                c[packed[i][j]] = sign[i] * sign[j] * was[packed[source[i]][source[j]]] * (up * up) / (down * down);
    }
    motion->unit = (int32_t)unit;
    motion->axes = (int32_t)axes;
}

/* Diagonal of the box around a frame's points; -1 with fewer than two points. */
static double spread_of(const vg_motion *m, int32_t frame) {
    double low[3] = {(double)INFINITY, (double)INFINITY, (double)INFINITY},
           high[3] = {-(double)INFINITY, -(double)INFINITY, -(double)INFINITY};
    int seen = 0;
    for (int32_t p = 0; p < m->points; p++) {
        const double *x = m->positions + 3 * ((size_t)frame * (size_t)m->points + (size_t)p);
        if (!isfinite(x[0]) || !isfinite(x[1]) || !isfinite(x[2])) continue;
        for (int i = 0; i < 3; i++) low[i] = fmin(low[i], x[i]), high[i] = fmax(high[i], x[i]);
        seen++;
    }
    if (seen < 2) return seen ? -1 : -2;
    return sqrt((high[0] - low[0]) * (high[0] - low[0]) + (high[1] - low[1]) * (high[1] - low[1]) +
                (high[2] - low[2]) * (high[2] - low[2]));
}

vg_status vg_motion_check(const vg_motion *motion, const char *name, const vg_motion_options *options, vg_error *err) {
    const vg_motion_options o = options ? *options : vg_motion_options_default();
    double largest = -1;
    bool any = motion->frames == 0 || motion->points == 0;
    for (int32_t f = 0; f < motion->frames; f++) {
        const double spread = spread_of(motion, f);
        if (spread > -2) any = true;
        largest = fmax(largest, spread);
    }
    if (!any)
        return vg_fail(err, VG_INVALID,
                       "%s: none of its %d frames holds a single point (all %d points are empty or NaN); write the "
                       "file again from data that has points",
                       name, motion->frames, motion->points);
    if (o.trust_unit || largest < 0) return VG_OK;
    const double metres = largest * unit_metres[motion->unit];
    if (metres > SPREAD_MAX_METRES || (metres < SPREAD_MIN_METRES && metres > 0))
        return vg_fail(err, VG_INVALID,
                       "%s: Units: %s, but its points lie up to %.4g %s = %.4g m apart in one frame; the numbers look "
                       "like %s: correct the unit in the file, or read it with its unit trusted",
                       name, unit_names[motion->unit], largest, unit_names[motion->unit], metres,
                       metres > 1 ? "millimetres" : "metres");
    return VG_OK;
}

/* --- by format -----------------------------------------------------------------------------------------------------
 */

static bool ends_with(const char *path, const char *ending) {
    const size_t n = strlen(path), m = strlen(ending);
    return n >= m && strcasecmp(path + n - m, ending) == 0;
}

vg_status vg_motion_read(const char *path, const vg_motion_options *options, vg_motion *out, vg_error *err) {
    *out = (vg_motion){0};
    char *text;
    size_t size;
    VG_TRY(vg_file_load(&text, &size, path, err));
    const bool c3d = vg_c3d_is(text, size);
    vg_status status = c3d ? VG_OK : vg_text_check(text, &size, path, err);
    const vg_span all = {text, size};
    if (status != VG_OK)
        ;
    else if (vg_span_starts(all, "PathFileType"))
        status = vg_trc_parse(path, text, size, options, out, err);
    else if (c3d)
        status = vg_c3d_parse_motion(path, text, size, options, out, err);
    else if (vg_span_starts(vg_span_trim(all), "{"))
        status = vg_jsonl_parse(path, text, size, options, out, err);
    else if (vg_span_starts(all, "#") || vg_span_starts(all, "frame,"))
        status = vg_csv_parse(path, text, size, options, out, err);
    else
        status = vg_fail(err, VG_UNSUPPORTED,
                         "%s: begins neither as a TRC (PathFileType), a C3D, a JSON lines nor one of our CSV files "
                         "(frame,time,NAME_x,...)",
                         path);
    free(text);
    return status;
}

vg_status vg_motion_write(const char *path, const vg_motion *motion, vg_error *err) {
    if (ends_with(path, ".trc")) return vg_trc_write(path, motion, err);
    if (ends_with(path, ".c3d")) return vg_c3d_write_motion(path, motion, err);
    if (ends_with(path, ".csv")) return vg_csv_write(path, motion, err);
    if (ends_with(path, ".jsonl") || ends_with(path, ".json")) return vg_jsonl_write(path, motion, err);
    return vg_fail(err, VG_UNSUPPORTED, "%s: end the name in .trc, .c3d, .csv or .jsonl", path);
}
