/* TRC, Motion Analysis' and OpenSim's text table of marker positions:
 *     PathFileType  4  (X/Y/Z)  file  [axes NAME]
 *     DataRate CameraRate NumFrames NumMarkers Units OrigDataRate OrigDataStartFrame OrigNumFrames
 *     (their values)
 *     Frame# Time NAME _ _ NAME _ _ ...
 *     _ _ X1 Y1 Z1 X2 Y2 Z2 ...
 *     (an empty line, in some writers' files)
 *     frame time x y z x y z ...          empty = lost
 * Separated by tabs, by commas in some files. The format has no place for the direction of the axes; we add it at the
 * end of the first line, where readers do not look. */
#include "perception/motion.h"

#include "common/text.h"

#include <limits.h>
#include <math.h>
#include <string.h>

typedef struct header {
    double rate;
    long frames, points;
    vg_unit unit;
    vg_axes axes;
    char separator;
} header;

/* The value that stands under `key` in the header's two lines; trimmed, empty where absent. */
static vg_span header_value(vg_span keys, vg_span values, char separator, const char *key) {
    while (keys.at) {
        const vg_span k = vg_span_trim(vg_span_field(&keys, separator));
        const vg_span v = values.at ? vg_span_trim(vg_span_field(&values, separator)) : (vg_span){0};
        if (vg_span_is(k, key)) return v;
    }
    return (vg_span){0};
}

static vg_status fail_header(const char *name, const char *key, vg_span got, const char *mend, vg_error *err) {
    return vg_fail(err, VG_CORRUPT, "%s: line 3: %s: `%.*s`; %s", name, key, (int)(got.size < 60 ? got.size : 60),
                   got.size ? got.at : "", mend);
}

/* The axes named by a field "axes NAME" of the first line; `otherwise` where there is none. */
static vg_axes axes_of(vg_span line, vg_axes otherwise) {
    while (line.at) {
        vg_span field = vg_span_field(&line, '\t');
        char name[32];
        vg_axes axes;
        if (!vg_span_is(vg_span_word(&field), "axes")) continue;
        vg_span_copy(name, sizeof name, vg_span_trim(field));
        if (vg_axes_parse(name, &axes)) return axes;
    }
    return otherwise;
}

static vg_status read_header(header *h, vg_lines *lines, const char *name, const vg_motion_options *options,
                             vg_error *err) {
    vg_span line, keys, values;
    if (!vg_lines_next(lines, &line) || !vg_span_starts(line, "PathFileType"))
        return vg_fail(err, VG_CORRUPT, "%s: line 1 does not begin with PathFileType; not a TRC file", name);
    h->axes = axes_of(line, options ? (vg_axes)options->axes : VG_AXES_Z_UP);
    if (!vg_lines_next(lines, &keys) || !vg_lines_next(lines, &values))
        return vg_fail(err, VG_CORRUPT, "%s: the file ends in its header (line %d); it was cut short", name,
                       lines->number);
    h->separator = memchr(keys.at, '\t', keys.size) ? '\t' : ',';
    vg_span v = header_value(keys, values, h->separator, "DataRate");
    if (!vg_span_double(v, &h->rate) || !(h->rate > 0 && h->rate <= 1e6))
        return fail_header(name, "DataRate", v, "give the frames a second", err);
    v = header_value(keys, values, h->separator, "NumFrames");
    if (!vg_span_int(v, &h->frames) || h->frames < 0 || h->frames > VG_MOTION_MAX_FRAMES)
        return fail_header(name, "NumFrames", v, "give the number of rows", err);
    v = header_value(keys, values, h->separator, "NumMarkers");
    if (!vg_span_int(v, &h->points) || h->points < 1 || h->points > VG_MOTION_MAX_POINTS)
        return fail_header(name, "NumMarkers", v, "give the number of markers (1 .. 4096)", err);
    v = header_value(keys, values, h->separator, "Units");
    char unit[32];
    vg_span_copy(unit, sizeof unit, v);
    if (!vg_unit_parse(unit, &h->unit)) return fail_header(name, "Units", v, "write m, cm or mm", err);
    return VG_OK;
}

static vg_status read_names(vg_motion *m, vg_lines *lines, char separator, const char *name, vg_error *err) {
    vg_span line;
    if (!vg_lines_next(lines, &line))
        return vg_fail(err, VG_CORRUPT, "%s: the file ends before the markers' names (line 4); it was cut short", name);
    vg_span_field(&line, separator);
    if (line.at) vg_span_field(&line, separator);
    for (int32_t p = 0; p < m->points; p++) {
        const vg_span field = line.at ? vg_span_trim(vg_span_field(&line, separator)) : (vg_span){0};
        if (!field.size || field.size >= VG_MOTION_NAME)
            return vg_fail(err, VG_CORRUPT,
                           "%s: line 4: the name of marker %d of %d (column %d) is %s; NumMarkers and the names must "
                           "agree",
                           name, p + 1, m->points, 3 + 3 * p, field.size ? "too long" : "missing");
        vg_span_copy(m->names[p], VG_MOTION_NAME, field);
        if (line.at) vg_span_field(&line, separator);
        if (line.at) vg_span_field(&line, separator);
    }
    if (!vg_lines_next(lines, &line)) /* X1 Y1 Z1 ... */
        return vg_fail(err, VG_CORRUPT, "%s: the file ends before line 5 (X1 Y1 Z1 ...); it was cut short", name);
    return VG_OK;
}

static bool is_separators(vg_span line, char separator) {
    for (size_t i = 0; i < line.size; i++)
        if (line.at[i] != separator && line.at[i] != ' ' && line.at[i] != '\t') return false;
    return true;
}

static vg_status read_row(vg_motion *m, int32_t f, vg_span line, char separator, const char *name, int number,
                          vg_error *err) {
    vg_span field = vg_span_field(&line, separator);
    double frame;
    if (!vg_span_double(field, &frame) || !(fabs(frame) <= INT32_MAX))
        return vg_fail(err, VG_CORRUPT, "%s: line %d: Frame#: `%.*s` is not a number", name, number,
                       (int)(field.size < 60 ? field.size : 60), field.at);
    m->numbers[f] = (int32_t)frame;
    field = line.at ? vg_span_trim(vg_span_field(&line, separator)) : (vg_span){0};
    if (field.size && !vg_span_double(field, &m->times[f]))
        return vg_fail(err, VG_CORRUPT, "%s: line %d: Time: `%.*s` is not a number", name, number,
                       (int)(field.size < 60 ? field.size : 60), field.at);
    double *x = m->positions + 3 * (size_t)f * (size_t)m->points;
    for (int32_t i = 0; i < 3 * m->points; i++) {
        if (!line.at)
            return vg_fail(err, VG_CORRUPT,
                           "%s: line %d: %d columns, where %d markers need %d; the row was cut short, or NumMarkers "
                           "is wrong",
                           name, number, i + 2, m->points, 2 + 3 * m->points);
        field = vg_span_trim(vg_span_field(&line, separator));
        if (!field.size) continue;
        if (!vg_span_double(field, &x[i]) || isinf(x[i]))
            return vg_fail(err, VG_CORRUPT, "%s: line %d: %c of marker `%s`: `%.*s` is not a number", name, number,
                           "XYZ"[i % 3], m -> names[i / 3], (int)(field.size < 60 ? field.size : 60), field.at);
    }
    return VG_OK;
}

static vg_status read_rows(vg_motion *m, vg_lines *lines, char separator, const char *name,
                           const vg_motion_options *options, vg_error *err) {
    vg_span line;
    int32_t f = 0;
    while (vg_lines_next(lines, &line)) {
        if (is_separators(line, separator)) continue;
        if (f == m->frames)
            return vg_fail(err, VG_CORRUPT, "%s: line %d: NumFrames: %d, but more rows follow; correct NumFrames", name,
                           lines->number, m->frames);
        VG_TRY(read_row(m, f, line, separator, name, lines->number, err));
        f++;
    }
    if (f < m->frames && !(options && options->allow_short))
        return vg_fail(err, VG_CORRUPT,
                       "%s: NumFrames: %d, but only %d rows follow; the file was cut short, or NumFrames is wrong",
                       name, m->frames, f);
    m->frames = f;
    return VG_OK;
}

vg_status vg_trc_parse(const char *name, const char *text, size_t size, const vg_motion_options *options,
                       vg_motion *out, vg_error *err) {
    *out = (vg_motion){0};
    vg_lines lines = vg_lines_of(text, size);
    header h;
    VG_TRY(read_header(&h, &lines, name, options, err));
    /* a row is at least a digit and its separators: do not plan memory for more rows than the file can hold */
    const long fits = (long)(size / (2 + 3 * (size_t)h.points)) + 1;
    if (h.frames > fits) {
        if (!(options && options->allow_short))
            return vg_fail(err, VG_CORRUPT,
                           "%s: NumFrames: %ld rows of %ld markers do not fit in the %zu bytes of the file; it was cut "
                           "short, or NumFrames is wrong",
                           name, h.frames, h.points, size);
        h.frames = fits;
    }
    vg_status status = vg_motion_create(out, (int32_t)h.frames, (int32_t)h.points, h.rate, err);
    if (status != VG_OK) return vg_fail_context(err, status, "%s", name);
    out->unit = (int32_t)h.unit;
    out->axes = (int32_t)h.axes;
    status = read_names(out, &lines, h.separator, name, err);
    if (status == VG_OK) status = read_rows(out, &lines, h.separator, name, options, err);
    if (status == VG_OK) status = vg_motion_check(out, name, options, err);
    if (status != VG_OK) vg_motion_free(out);
    return status;
}

vg_status vg_trc_write(const char *path, const vg_motion *motion, vg_error *err) {
    vg_file file;
    VG_TRY(vg_file_create(&file, path, err));
    FILE *f = file.stream;
    const char *base = strrchr(path, '/');
    char n[VG_NUMBER_SIZE];
    vg_number_text(n, motion->rate);
    fprintf(f, "PathFileType\t4\t(X/Y/Z)\t%s\taxes %s\n", base ? base + 1 : path, vg_axes_name((vg_axes)motion->axes));
    fprintf(f, "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames\n");
    fprintf(f, "%s\t%s\t%d\t%d\t%s\t%s\t%d\t%d\n", n, n, motion->frames, motion->points,
            vg_unit_name((vg_unit)motion->unit), n, motion->frames ? motion->numbers[0] : 1, motion->frames);
    fprintf(f, "Frame#\tTime");
    for (int32_t p = 0; p < motion->points; p++)
        fprintf(f, "\t%s%s", motion->names[p], p + 1 < motion->points ? "\t\t" : "");
    fprintf(f, "\t\t\n\t");
    for (int32_t p = 1; p <= motion->points; p++) fprintf(f, "\tX%d\tY%d\tZ%d", p, p, p);
    fputc('\n', f);
    for (int32_t i = 0; i < motion->frames; i++) {
        fprintf(f, "%d\t%s", motion->numbers[i], vg_number_text(n, motion->times[i]));
        const double *x = motion->positions + 3 * (size_t)i * (size_t)motion->points;
        for (int32_t k = 0; k < 3 * motion->points; k++) fprintf(f, "\t%s", isnan(x[k]) ? "" : vg_number_text(n, x[k]));
        fputc('\n', f);
    }
    return vg_file_commit(&file, err);
}
