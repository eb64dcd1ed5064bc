/* CSV of points over time, for spreadsheets and data frames:
 *     # vergence motion, unit m, axes z-up, rate 60
 *     frame,time,Hip_x,Hip_y,Hip_z,Knee_x,...
 *     1,0,0.12,0.3,0.95,nan,...
 * Each point has _x _y _z, then _residual where residuals are known, then _cxx _cxy _cxz _cyy _cyz _czz where
 * covariances are kept. Lost is nan; an empty field reads as nan too. */
#include "perception/motion.h"

#include "common/text.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const suffixes[10] = {"_x", "_y", "_z", "_residual", "_cxx", "_cxy", "_cxz", "_cyy", "_cyz", "_czz"};

/* Which of the suffixes each point has. */
typedef struct layout {
    int columns;
    int suffix[10];
} layout;

static layout layout_of(bool residuals, bool covariances) {
    layout l = {0};
    for (int s = 0; s < 10; s++)
        if (s < 3 || (s == 3 ? residuals : covariances)) l.suffix[l.columns++] = s;
    return l;
}

static double *slot_of(const vg_motion *m, size_t at, int suffix) {
    if (suffix < 3) return m->positions + 3 * at + suffix;
    return suffix == 3 ? m->residuals + at : m->covariances + 6 * at + (suffix - 4);
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

/* "key value" among the comma-separated parts of the first line. */
static bool comment_value(char *out, size_t room, vg_span line, const char *key) {
    while (line.at) {
        vg_span part = vg_span_field(&line, ',');
        if (!vg_span_is(vg_span_word(&part), key)) continue;
        vg_span_copy(out, room, vg_span_trim(part));
        return true;
    }
    return false;
}

static vg_status read_comment(vg_motion *m, vg_span line, const char *name, vg_error *err) {
    char value[64];
    vg_unit unit = VG_UNIT_METRE;
    vg_axes axes = (vg_axes)m->axes;
    if (comment_value(value, sizeof value, line, "unit") && !vg_unit_parse(value, &unit))
        return vg_fail(err, VG_INVALID, "%s: line 1: unit: `%s`; write m, cm or mm", name, value);
    if (comment_value(value, sizeof value, line, "axes") && !vg_axes_parse(value, &axes))
        return vg_fail(err, VG_INVALID, "%s: line 1: axes: `%s`; write z-up, y-up, y-up-yzx or y-down", name, value);
    if (comment_value(value, sizeof value, line, "rate") &&
        (!vg_span_double((vg_span){value, strlen(value)}, &m->rate) || !(m->rate > 0 && m->rate <= 1e6)))
        return vg_fail(err, VG_INVALID, "%s: line 1: rate: `%s`; give the frames a second", name, value);
    m->unit = (int32_t)unit;
    m->axes = (int32_t)axes;
    return VG_OK;
}

static bool ends_with(vg_span s, const char *ending) {
    const size_t n = strlen(ending);
    return s.size > n && memcmp(s.at + s.size - n, ending, n) == 0;
}

/* How many points the header names, and with which columns: the first point's columns are everyone's. */
static vg_status read_layout(layout *l, int32_t *points, vg_span header, const char *name, int line, vg_error *err) {
    int32_t columns = 0;
    bool first = true;
    *l = (layout){0};
    for (; header.at; columns++) {
        const vg_span column = vg_span_trim(vg_span_field(&header, ','));
        if (columns < 2) {
            if (!vg_span_is(column, columns ? "time" : "frame"))
                return vg_fail(err, VG_CORRUPT, "%s: line %d: column %d is `%.*s`; the first two are frame,time", name,
                               line, columns + 1, (int)(column.size < 60 ? column.size : 60), column.at);
            continue;
        }
        if (ends_with(column, "_x") && columns > 2) first = false;
        for (int s = 0; s < 10 && first && l->columns < 10; s++)
            if (ends_with(column, suffixes[s])) {
                l->suffix[l->columns++] = s;
                break;
            }
    }
    columns -= 2;
    if (l->columns < 3 || l->suffix[0] != 0 || l->suffix[1] != 1 || l->suffix[2] != 2 || columns <= 0 ||
        columns % l->columns || columns / l->columns > VG_MOTION_MAX_POINTS)
        return vg_fail(err, VG_CORRUPT,
                       "%s: line %d: %d columns after frame,time; every point needs the same ones: NAME_x,NAME_y,NAME_z"
                       "[,NAME_residual][,NAME_cxx ...]",
                       name, line, columns);
    *points = columns / l->columns;
    return VG_OK;
}

static vg_status read_names(vg_motion *m, const layout *l, vg_span header, const char *name, int line, vg_error *err) {
    vg_span_field(&header, ',');
    vg_span_field(&header, ',');
    for (int32_t p = 0; p < m->points; p++)
        for (int c = 0; c < l->columns; c++) {
            const vg_span column = vg_span_trim(vg_span_field(&header, ','));
            const char *suffix = suffixes[l->suffix[c]];
            const size_t n = column.size - strlen(suffix);
            const vg_span base = {column.at, n};
            if (!ends_with(column, suffix) || n >= VG_MOTION_NAME || (c && !vg_span_is(base, m->names[p])))
                return vg_fail(err, VG_CORRUPT, "%s: line %d: column %d is `%.*s`, where `%s%s` should be", name, line,
                               3 + p * l->columns + c, (int)(column.size < 60 ? column.size : 60), column.at,
                               c ? m->names[p] : "NAME", suffix);
            if (!c) vg_span_copy(m->names[p], VG_MOTION_NAME, base);
        }
    return VG_OK;
}

static vg_status read_row(vg_motion *m, int32_t f, const layout *l, vg_span row, const char *name, int line,
                          vg_error *err) {
    double number = 0;
    const vg_span frame = vg_span_field(&row, ',');
    const vg_span time = row.at ? vg_span_field(&row, ',') : (vg_span){0};
    if (!vg_span_double(frame, &number) || !(fabs(number) <= INT32_MAX) || !vg_span_double(time, &m->times[f]))
        return vg_fail(err, VG_CORRUPT, "%s: line %d: frame and time are `%.*s`,`%.*s`; give two numbers", name, line,
                       (int)(frame.size < 40 ? frame.size : 40), frame.at, (int)(time.size < 40 ? time.size : 40),
                       time.at ? time.at : "");
    m->numbers[f] = (int32_t)number;
    for (int32_t p = 0; p < m->points; p++)
        for (int c = 0; c < l->columns; c++) {
            if (!row.at)
                return vg_fail(err, VG_CORRUPT,
                               "%s: line %d: %d columns where the header has %d; the file was cut short, or damaged",
                               name, line, 2 + p * l->columns + c, 2 + m->points * l->columns);
            const vg_span field = vg_span_trim(vg_span_field(&row, ','));
            if (field.size &&
                !vg_span_double(field, slot_of(m, (size_t)f * (size_t)m->points + (size_t)p, l->suffix[c])))
                return vg_fail(err, VG_CORRUPT, "%s: line %d: %s%s: `%.*s` is not a number", name, line, m->names[p],
                               suffixes[l->suffix[c]], (int)(field.size < 60 ? field.size : 60), field.at);
        }
    return VG_OK;
}

static int32_t rows_left(vg_lines lines) {
    vg_span line;
    int32_t n = 0;
    while (vg_lines_next(&lines, &line)) n += vg_span_trim(line).size > 0;
    return n;
}

/* Where the file names no rate, the times tell. */
static vg_status settle_rate(vg_motion *m, const char *name, vg_error *err) {
    if (m->rate > 0) return VG_OK;
    const double seconds = m->frames > 1 ? m->times[m->frames - 1] - m->times[0] : 0;
    if (!(seconds > 0))
        return vg_fail(err, VG_INVALID, "%s: time: neither a rate in line 1 nor times that grow; add `# rate 60`",
                       name);
    m->rate = (m->frames - 1) / seconds;
    return VG_OK;
}

static vg_status parse(const char *name, const char *text, size_t size, const vg_motion_options *options,
                       vg_motion *out, vg_error *err) {
    vg_lines lines = vg_lines_of(text, size);
    vg_span line = {0};
    vg_motion said = {.axes = options ? options->axes : VG_AXES_Z_UP};
    if (!vg_lines_next(&lines, &line)) return vg_fail(err, VG_CORRUPT, "%s: the file is empty", name);
    if (vg_span_starts(line, "#")) {
        line.at++, line.size--;
        VG_TRY(read_comment(&said, line, name, err));
        if (!vg_lines_next(&lines, &line))
            return vg_fail(err, VG_CORRUPT, "%s: no header (frame,time,...) after line 1; it was cut short", name);
    }
    const int header_line = lines.number;
    layout l;
    int32_t points = 0;
    VG_TRY(read_layout(&l, &points, line, name, header_line, err));
    const int32_t frames = rows_left(lines);
    if ((size_t)frames * (size_t)points > size)
        return vg_fail(err, VG_CORRUPT, "%s: %d rows are too short for %d points; the file is damaged", name, frames,
                       points);
    vg_status status = vg_motion_create(out, frames, points, said.rate > 0 ? said.rate : 1, err);
    if (status != VG_OK) return vg_fail_context(err, status, "%s", name);
    out->unit = said.unit, out->axes = said.axes, out->rate = said.rate;
    bool covariances = false;
    for (int c = 0; c < l.columns; c++) covariances = covariances || l.suffix[c] > 3;
    if (covariances) VG_TRY(vg_motion_add_covariances(out, err));
    VG_TRY(read_names(out, &l, line, name, header_line, err));
    for (int32_t f = 0; f < frames;) {
        vg_lines_next(&lines, &line);
        if (!vg_span_trim(line).size) continue;
        VG_TRY(read_row(out, f++, &l, line, name, lines.number, err));
    }
    VG_TRY(settle_rate(out, name, err));
    return vg_motion_check(out, name, options, err);
}

vg_status vg_csv_parse(const char *name, const char *text, size_t size, const vg_motion_options *options,
                       vg_motion *out, vg_error *err) {
    *out = (vg_motion){0};
    const vg_status status = parse(name, text, size, options, out, err);
    if (status != VG_OK) vg_motion_free(out);
    return status;
}

/* --- writing ----------------------------------------------------------------------------------------------------- */

static bool any_residual(const vg_motion *m) {
    for (size_t i = 0; i < (size_t)m->frames * (size_t)m->points; i++)
        if (!isnan(m->residuals[i])) return true;
    return false;
}

vg_status vg_csv_write(const char *path, const vg_motion *motion, vg_error *err) {
    for (int32_t p = 0; p < motion->points; p++)
        if (strpbrk(motion->names[p], ",\"\r\n"))
            return vg_fail(err, VG_INVALID, "%s: point `%s`: a comma or quote in a name cannot stand in our CSV", path,
                           motion->names[p]);
    const layout l = layout_of(any_residual(motion), motion->covariances != NULL);
    vg_file file;
    VG_TRY(vg_file_create(&file, path, err));
    FILE *f = file.stream;
    char n[VG_NUMBER_SIZE];
    fprintf(f, "# vergence motion, unit %s, axes %s, rate %s\nframe,time", vg_unit_name((vg_unit)motion->unit),
            vg_axes_name((vg_axes)motion->axes), vg_number_text(n, motion->rate));
    for (int32_t p = 0; p < motion->points; p++)
        for (int c = 0; c < l.columns; c++) fprintf(f, ",%s%s", motion->names[p], suffixes[l.suffix[c]]);
    fputc('\n', f);
    for (int32_t i = 0; i < motion->frames; i++) {
        fprintf(f, "%d,%s", motion->numbers[i], vg_number_text(n, motion->times[i]));
        for (int32_t p = 0; p < motion->points; p++)
            for (int c = 0; c < l.columns; c++) {
                const size_t at = (size_t)i * (size_t)motion->points + (size_t)p;
                fprintf(f, ",%s", vg_number_text(n, *slot_of(motion, at, l.suffix[c])));
            }
        fputc('\n', f);
    }
    return vg_file_commit(&file, err);
}
