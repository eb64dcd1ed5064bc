/* JSON lines of points over time: a header object, then one object a frame.
 *     {"format":"vergence-motion","version":1,"unit":"m","axes":"z-up","rate":60,"points":["Hip","Knee"]}
 *     {"frame":1,"time":0,"positions":[[0.12,0.3,0.95],null],"residuals":[0.002,null]}
 * null is lost or unknown. "residuals" and "covariances" ([xx,xy,xz,yy,yz,zz] a point) may be absent. */
#include "perception/motion.h"

#include "common/text.h"

#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static vg_status load_line(json_t **out, vg_span line, const char *name, int number, vg_error *err) {
    json_error_t why;
    *out = json_loadb(line.at, line.size, 0, &why);
    if (!*out)
        return vg_fail(err, VG_CORRUPT, "%s: line %d, column %d: %s; the file was cut short, or is not JSON lines",
                       name, number, why.column, why.text);
    if (!json_is_object(*out)) {
        json_decref(*out);
        *out = NULL;
        return vg_fail(err, VG_CORRUPT, "%s: line %d: not an object ({...})", name, number);
    }
    return VG_OK;
}

static vg_status read_header(vg_motion *m, json_t *header, int32_t frames, const char *name,
                             const vg_motion_options *options, vg_error *err) {
    const char *format = json_string_value(json_object_get(header, "format"));
    if (!format || strcmp(format, "vergence-motion") != 0)
        return vg_fail(err, VG_CORRUPT, "%s: line 1: format: `%s`; a motion file says vergence-motion", name,
                       format ? format : "(absent)");
    const char *unit_name = json_string_value(json_object_get(header, "unit"));
    const char *axes_name = json_string_value(json_object_get(header, "axes"));
    vg_unit unit = VG_UNIT_METRE;
    vg_axes axes = options ? (vg_axes)options->axes : VG_AXES_Z_UP;
    if (!unit_name || !vg_unit_parse(unit_name, &unit))
        return vg_fail(err, VG_INVALID, "%s: line 1: unit: `%s`; write m, cm or mm", name,
                       unit_name ? unit_name : "(absent)");
    if (axes_name && !vg_axes_parse(axes_name, &axes))
        return vg_fail(err, VG_INVALID, "%s: line 1: axes: `%s`; write z-up, y-up, y-up-yzx or y-down", name,
                       axes_name);
    json_t *names = json_object_get(header, "points");
    const size_t points = json_array_size(names);
    if (points < 1 || points > VG_MOTION_MAX_POINTS)
        return vg_fail(err, VG_INVALID, "%s: line 1: points: %zu names; give 1 .. %d", name, points,
                       VG_MOTION_MAX_POINTS);
    const vg_status status =
        vg_motion_create(m, frames, (int32_t)points, json_number_value(json_object_get(header, "rate")), err);
    if (status != VG_OK) return vg_fail_context(err, status, "%s: line 1", name);
    m->unit = (int32_t)unit;
    m->axes = (int32_t)axes;
    for (size_t p = 0; p < points; p++) {
        const char *point = json_string_value(json_array_get(names, p));
        if (!point || strlen(point) >= VG_MOTION_NAME)
            return vg_fail(err, VG_INVALID, "%s: line 1: points[%zu]: not a name of at most %d bytes", name, p,
                           VG_MOTION_NAME - 1);
        strcpy(m->names[p], point);
    }
    return VG_OK;
}

/* An array of `each` numbers a point (or one plain number where each is 1); null stays NaN. */
static vg_status read_array(double *out, json_t *array, int32_t points, size_t each, const char *key, const char *name,
                            int line, vg_error *err) {
    if (json_array_size(array) != (size_t)points)
        return vg_fail(err, VG_CORRUPT, "%s: line %d: %s: %zu entries, where line 1 names %d points", name, line, key,
                       json_array_size(array), points);
    for (size_t p = 0; p < (size_t)points; p++) {
        json_t *entry = json_array_get(array, p);
        if (json_is_null(entry)) continue;
        if (each > 1 && json_array_size(entry) != each)
            return vg_fail(err, VG_CORRUPT, "%s: line %d: %s[%zu]: not %zu numbers", name, line, key, p, each);
        for (size_t i = 0; i < each; i++) {
            json_t *number = each > 1 ? json_array_get(entry, i) : entry;
            if (json_is_null(number)) continue;
            if (!json_is_number(number))
                return vg_fail(err, VG_CORRUPT, "%s: line %d: %s[%zu]: not a number", name, line, key, p);
            out[each * p + i] = json_number_value(number);
        }
    }
    return VG_OK;
}

static vg_status read_frame(vg_motion *m, int32_t f, json_t *frame, const char *name, int line, vg_error *err) {
    json_t *number = json_object_get(frame, "frame"), *time = json_object_get(frame, "time");
    const double count = json_number_value(number);
    if (!json_is_number(number) || !(fabs(count) <= INT32_MAX) || !json_is_number(time))
        return vg_fail(err, VG_CORRUPT, "%s: line %d: frame and time must be numbers", name, line);
    m->numbers[f] = (int32_t)count;
    m->times[f] = json_number_value(time);
    const size_t at = (size_t)f * (size_t)m->points;
    json_t *residuals = json_object_get(frame, "residuals"), *covariances = json_object_get(frame, "covariances");
    VG_TRY(read_array(m->positions + 3 * at, json_object_get(frame, "positions"), m->points, 3, "positions", name, line,
                      err));
    if (residuals) VG_TRY(read_array(m->residuals + at, residuals, m->points, 1, "residuals", name, line, err));
    if (!covariances) return VG_OK;
    if (!m->covariances) VG_TRY(vg_motion_add_covariances(m, err));
    return read_array(m->covariances + 6 * at, covariances, m->points, 6, "covariances", name, line, err);
}

static vg_status parse(const char *name, const char *text, size_t size, const vg_motion_options *options,
                       vg_motion *out, vg_error *err) {
    vg_span line;
    int32_t frames = -1;
    for (vg_lines count = vg_lines_of(text, size); vg_lines_next(&count, &line);) frames += vg_span_trim(line).size > 0;
    vg_lines lines = vg_lines_of(text, size);
    for (int32_t f = -1; f < frames && vg_lines_next(&lines, &line);) {
        if (!vg_span_trim(line).size) continue;
        json_t *object;
        VG_TRY(load_line(&object, line, name, lines.number, err));
        /* memory for frames only once the header can be paid for by the file's own bytes */
        vg_status status = VG_OK;
        if (f < 0 && (size_t)frames * json_array_size(json_object_get(object, "points")) > size)
            status = vg_fail(err, VG_CORRUPT, "%s: its %d frames are too short for the points of line 1", name, frames);
        else if (f < 0)
            status = read_header(out, object, frames, name, options, err);
        else
            status = read_frame(out, f, object, name, lines.number, err);
        json_decref(object);
        VG_TRY(status);
        f++;
    }
    if (frames < 0) return vg_fail(err, VG_CORRUPT, "%s: the file is empty", name);
    return vg_motion_check(out, name, options, err);
}

vg_status vg_jsonl_parse(const char *name, const char *text, size_t size, const vg_motion_options *options,
                         vg_motion *out, vg_error *err) {
    *out = (vg_motion){0};
    const vg_status status = parse(name, text, size, options, out, err);
    if (status != VG_OK) vg_motion_free(out);
    return status;
}

/* --- writing ----------------------------------------------------------------------------------------------------- */

static const char *number_or_null(char out[VG_NUMBER_SIZE], double v) {
    return isfinite(v) ? vg_number_text(out, v) : "null";
}

static void write_array(FILE *f, const char *key, const double *v, int32_t points, int each) {
    char n[VG_NUMBER_SIZE];
    fprintf(f, ",\"%s\":[", key);
    for (int32_t p = 0; p < points; p++, v += each) {
        bool lost = true;
        for (int i = 0; i < each; i++) lost = lost && !isfinite(v[i]);
        if (p) fputc(',', f);
        if (lost || each == 1) {
            fputs(number_or_null(n, v[0]), f);
            continue;
        }
        for (int i = 0; i < each; i++) fprintf(f, "%c%s", i ? ',' : '[', number_or_null(n, v[i]));
        fputc(']', f);
    }
    fputc(']', f);
}

static bool any_finite(const double *v, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (isfinite(v[i])) return true;
    return false;
}

vg_status vg_jsonl_write(const char *path, const vg_motion *motion, vg_error *err) {
    vg_file file;
    VG_TRY(vg_file_create(&file, path, err));
    FILE *f = file.stream;
    char n[VG_NUMBER_SIZE];
    fprintf(f, "{\"format\":\"vergence-motion\",\"version\":1,\"unit\":\"%s\",\"axes\":\"%s\",\"rate\":%s,\"points\":[",
            vg_unit_name((vg_unit)motion->unit), vg_axes_name((vg_axes)motion->axes), vg_number_text(n, motion->rate));
    for (int32_t p = 0; p < motion->points; p++) {
        json_t *name = json_string(motion->names[p]);
        if (!name) {
            vg_file_abandon(&file);
            return vg_fail(err, VG_INVALID, "%s: point %d: its name is not UTF-8, which JSON asks for", path, p);
        }
        char *text = json_dumps(name, JSON_ENCODE_ANY);
        fprintf(f, "%s%s", p ? "," : "", text ? text : "\"\"");
        free(text);
        json_decref(name);
    }
    fputs("]}\n", f);
    const size_t points = (size_t)motion->points;
    const bool residuals = any_finite(motion->residuals, (size_t)motion->frames * points);
    for (int32_t i = 0; i < motion->frames; i++) {
        const size_t at = (size_t)i * points;
        fprintf(f, "{\"frame\":%d,\"time\":%s", motion->numbers[i], number_or_null(n, motion->times[i]));
        write_array(f, "positions", motion->positions + 3 * at, motion->points, 3);
        if (residuals) write_array(f, "residuals", motion->residuals + at, motion->points, 1);
        if (motion->covariances) write_array(f, "covariances", motion->covariances + 6 * at, motion->points, 6);
        fputs("}\n", f);
    }
    return vg_file_commit(&file, err);
}
