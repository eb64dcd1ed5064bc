/* Reading C3D: a header of 512 bytes, a section of parameters, then frames of points and analog samples. Where header
 * and parameters disagree on how much there is, the parameters count, as the format's guide asks. */
#include "perception/motion_c3d.h"

#include "common/text.h"
#include "perception/motion_c3d_codec.h"

#include <stdlib.h>

#define BLOCK 512

typedef struct reader {
    const char *name;
    const unsigned char *data;
    size_t size;
    const vg_motion_options *options;
    vg_c3d *c;
    int32_t first, frames, points;
    size_t data_at, frame_bytes;
    double rate;
    vg_error *err;
} reader;

bool vg_c3d_is(const char *data, size_t size) {
    return size >= BLOCK && data[0] > 0 && (unsigned char)data[1] == 0x50;
}

static uint16_t header_word(const reader *r, int word) {
    return c3d_get_u16(r->data + 2 * (word - 1), r->c->processor);
}

/* --- parameters ----------------------------------------------------------------------------------------------------
 */

static vg_status fail_parameters(reader *r, size_t at, const char *what) {
    return vg_fail(r->err, VG_CORRUPT, "%s: parameter section, byte %zu: %s; the file is damaged or was cut short",
                   r->name, at, what);
}

/* Copies a parameter's values into this machine's form. */
static vg_status read_values(reader *r, vg_c3d_parameter *p, const unsigned char *from) {
    p->data = malloc((size_t)p->bytes + 1);
    if (!p->data) return vg_fail(r->err, VG_NO_MEMORY, "%s: no memory for a parameter", r->name);
    if (p->type == 2)
        for (int32_t i = 0; i < p->bytes / 2; i++) {
            const int16_t v = c3d_get_i16(from + 2 * i, r->c->processor);
            memcpy(p->data + 2 * i, &v, sizeof v);
        }
    else if (p->type == 4)
        for (int32_t i = 0; i < p->bytes / 4; i++) {
            const float v = c3d_get_f32(from + 4 * i, r->c->processor);
            memcpy(p->data + 4 * i, &v, sizeof v);
        }
    else
        memcpy(p->data, from, (size_t)p->bytes);
    return VG_OK;
}

/* One entry at `*at`; moves on to the next, or to 0 after the last. `group` tells the entry's group number. */
static vg_status read_entry(reader *r, size_t *at, size_t end, int8_t *group) {
    const unsigned char *d = r->data;
    size_t i = *at;
    const int8_t letters = (int8_t)d[i];
    const size_t length = (size_t)(letters < 0 ? -letters : letters);
    if (!letters) {
        *at = 0;
        return VG_OK;
    }
    if (i + 4 + length > end || length > 127) return fail_parameters(r, i, "a name runs over its end");
    *group = (int8_t)d[i + 1];
    vg_c3d_parameter *p = c3d_append(r->c);
    if (!p) return vg_fail(r->err, VG_NO_MEMORY, "%s: no memory for its parameters", r->name);
    p->locked = letters < 0;
    vg_span_copy(*group < 0 ? p->group : p->name, sizeof p->name, (vg_span){(const char *)d + i + 2, length});
    i += 2 + length;
    const uint16_t step = c3d_get_u16(d + i, r->c->processor);
    const size_t next = step ? i + step : 0;
    i += 2;
    if (*group >= 0) {
        if (i + 2 > end) return fail_parameters(r, i, "a parameter runs over its end");
        p->type = (int8_t)d[i];
        p->dimensions = d[i + 1];
        if ((p->type != -1 && p->type != 1 && p->type != 2 && p->type != 4) || p->dimensions > VG_C3D_MAX_DIMENSIONS ||
            i + 2 + p->dimensions > end)
            return fail_parameters(r, i, "a parameter's type or dimensions are not C3D's");
        memcpy(p->size, d + i + 2, p->dimensions);
        i += 2 + (size_t)p->dimensions;
        const size_t bytes = (size_t)c3d_count(p) * (size_t)(p->type < 0 ? 1 : p->type);
        if (bytes > end - i) return fail_parameters(r, i, "a parameter's values run over its end");
        p->bytes = (int32_t)bytes;
        VG_TRY(read_values(r, p, d + i));
        i += bytes;
    }
    if (i < end && i + 1 + d[i] <= end)
        vg_span_copy(p->description, sizeof p->description, (vg_span){(const char *)d + i + 1, d[i]});
    if (next && (next <= *at || next >= end)) return fail_parameters(r, *at, "the next parameter lies outside");
    *at = next;
    return VG_OK;
}

static vg_status read_parameters(reader *r) {
    const size_t start = (size_t)(r->data[0] - 1) * BLOCK;
    if (start + 4 > r->size)
        return vg_fail(r->err, VG_CORRUPT,
                       "%s: the header places the parameters at block %d, but the file has %zu bytes; it was cut short",
                       r->name, r->data[0], r->size);
    r->c->processor = r->data[start + 3];
    if (r->c->processor < VG_C3D_INTEL || r->c->processor > VG_C3D_MIPS)
        return vg_fail(
            r->err, VG_CORRUPT,
            "%s: processor type %d; C3D knows 84 (Intel), 85 (DEC) and 86 (MIPS); not a C3D file, or damaged", r->name,
            r->c->processor);
    size_t end = start + (size_t)r->data[start + 2] * BLOCK;
    if (!r->data[start + 2] || end > r->size) end = r->size;
    int8_t *groups = calloc(r->size / 4 + 1, 1); /* of each entry; an entry takes at least four bytes */
    if (!groups) return vg_fail(r->err, VG_NO_MEMORY, "%s: no memory for its parameters", r->name);
    vg_status status = VG_OK;
    for (size_t at = start + 4; at && at < end && status == VG_OK;) {
        int8_t group = 0;
        const int32_t before = r->c->parameters;
        status = read_entry(r, &at, end, &group);
        if (r->c->parameters > before) groups[before] = group;
    }
    /* groups carry minus their number and may follow their parameters */
    for (int32_t i = 0; i < r->c->parameters && status == VG_OK; i++) {
        vg_c3d_parameter *p = &r->c->parameter[i];
        if (!p->type) continue;
        for (int32_t g = 0; g < r->c->parameters && !p->group[0]; g++)
            if (!r->c->parameter[g].type && groups[g] == -groups[i])
                memcpy(p->group, r->c->parameter[g].group, sizeof p->group);
        if (!p->group[0]) snprintf(p->group, sizeof p->group, "GROUP%d", groups[i]);
    }
    free(groups);
    return status;
}

/* A count of 16 bits without sign, however it was stored; 0 where the number is none. */
static int32_t count_of(double number) {
    return number > -32769 && number < 65536 ? (int32_t)number & 0xffff : 0;
}

/* --- how much there is ---------------------------------------------------------------------------------------------
 */

/* First and last frame; the header's 16 bits do not reach beyond 65535. */
static vg_status read_span(reader *r) {
    int64_t first = header_word(r, 4), last = header_word(r, 5);
    const vg_c3d_parameter *start = vg_c3d_find(r->c, "TRIAL", "ACTUAL_START_FIELD");
    const vg_c3d_parameter *end = vg_c3d_find(r->c, "TRIAL", "ACTUAL_END_FIELD");
    if (start && end && start->type == 2 && end->type == 2 && c3d_count(start) >= 2 && c3d_count(end) >= 2) {
        first = count_of(vg_c3d_number(start, 0, 0)) + 65536 * (int64_t)vg_c3d_number(start, 1, 0);
        last = count_of(vg_c3d_number(end, 0, 0)) + 65536 * (int64_t)vg_c3d_number(end, 1, 0);
    } else {
        const double longer = vg_c3d_number(vg_c3d_find(r->c, "POINT", "LONG_FRAMES"), 0, 0);
        if (last == 65535 && longer > (double)(last - first + 1) && longer < VG_MOTION_MAX_FRAMES)
            last = first + (int64_t)longer - 1;
    }
    if (last < first - 1 || last - first >= VG_MOTION_MAX_FRAMES || first < 0)
        return vg_fail(r->err, VG_CORRUPT, "%s: first frame %lld, last frame %lld; not what a C3D file can hold",
                       r->name, (long long)first, (long long)last);
    r->first = (int32_t)first;
    r->frames = (int32_t)(last - first + 1);
    return VG_OK;
}

static vg_status read_sizes(reader *r) {
    vg_c3d *c = r->c;
    r->points = count_of(vg_c3d_number(vg_c3d_find(c, "POINT", "USED"), 0, (double)header_word(r, 2)));
    if (r->points != header_word(r, 2))
        return vg_fail(r->err, VG_CORRUPT, "%s: POINT:USED says %d points, the header %d; correct one of them", r->name,
                       r->points, header_word(r, 2));
    const int total = header_word(r, 3), each = header_word(r, 10);
    if (total && (!each || total % each))
        return vg_fail(r->err, VG_CORRUPT,
                       "%s: %d analog values a frame do not divide into %d samples; header words 3 and 10 must agree",
                       r->name, total, each);
    c->analog_per_frame = total ? each : 0;
    c->analog_channels = total ? total / each : 0;
    c->scale = (double)c3d_get_f32(r->data + 12, c->processor);
    if (!(fabs(c->scale) > 0) || isinf(c->scale)) c->scale = vg_c3d_number(vg_c3d_find(c, "POINT", "SCALE"), 0, 0);
    if (!(fabs(c->scale) > 0) || isinf(c->scale))
        return vg_fail(r->err, VG_CORRUPT, "%s: POINT:SCALE is %g; give the length of one step, negative for floats",
                       r->name, c->scale);
    c->is_float = c->scale < 0;
    c->scale = fabs(c->scale);
    r->rate = (double)c3d_get_f32(r->data + 20, c->processor);
    if (!(r->rate > 0) || isinf(r->rate)) r->rate = vg_c3d_number(vg_c3d_find(c, "POINT", "RATE"), 0, 0);
    c->interpolation_gap = header_word(r, 6);
    int block = header_word(r, 9);
    if (!block) block = count_of(vg_c3d_number(vg_c3d_find(c, "POINT", "DATA_START"), 0, 0));
    if (!block) return vg_fail(r->err, VG_CORRUPT, "%s: POINT:DATA_START is 0; the data's block is unknown", r->name);
    r->data_at = (size_t)(block - 1) * BLOCK;
    r->frame_bytes = ((size_t)r->points * 4 + (size_t)total) * (c->is_float ? 4 : 2);
    const size_t room = r->data_at < r->size ? r->size - r->data_at : 0;
    const size_t held = r->frame_bytes ? room / r->frame_bytes : (size_t)r->frames;
    if (!r->frame_bytes) r->frames = 0; /* neither points nor analog channels: nothing lasts */
    if (held < (size_t)r->frames) {
        if (!(r->options && r->options->allow_short))
            return vg_fail(r->err, VG_CORRUPT,
                           "%s: %d frames of %zu bytes are announced, but the file holds only %zu; it was cut short",
                           r->name, r->frames, r->frame_bytes, held);
        r->frames = (int32_t)held;
    }
    return VG_OK;
}

/* --- contents ------------------------------------------------------------------------------------------------------
 */

/* Label i of POINT or ANALOG: LABELS holds 255, LABELS2 the next, and so on. */
static void label_of(char out[VG_MOTION_NAME], const vg_c3d *c, const char *group, int32_t i) {
    out[0] = '\0';
    for (int part = 1; part < 64; part++) {
        char name[16];
        snprintf(name, sizeof name, part > 1 ? "LABELS%d" : "LABELS", part);
        const vg_c3d_parameter *p = vg_c3d_find(c, group, name);
        if (!p || p->type != -1) return;
        const int32_t each = p->dimensions ? p->size[0] : 1, count = each ? p->bytes / each : 0;
        if (i < count) {
            vg_c3d_text(out, VG_MOTION_NAME, p, i);
            return;
        }
        i -= count;
    }
}

static void read_point(const reader *r, const unsigned char *from, size_t at) {
    vg_c3d *c = r->c;
    double *x = c->points.positions + 3 * at;
    int word;
    if (c->is_float) {
        for (int i = 0; i < 3; i++) x[i] = (double)c3d_get_f32(from + 4 * i, c->processor);
        const float fourth = c3d_get_f32(from + 12, c->processor);
        word = fourth >= 0 && fourth < 32768 ? (int)fourth : -1;
    } else {
        for (int i = 0; i < 3; i++) x[i] = (double)c3d_get_i16(from + 2 * i, c->processor) * c->scale;
        word = c3d_get_i16(from + 6, c->processor);
    }
    if (word < 0 || !isfinite(x[0]) || !isfinite(x[1]) || !isfinite(x[2])) {
        x[0] = x[1] = x[2] = (double)NAN;
        return;
    }
    c->cameras[at] = (uint8_t)(word >> 8);
    c->points.residuals[at] = (double)(word & 0xff) * c->scale;
}

static vg_status read_data(reader *r) {
    vg_c3d *c = r->c;
    const int32_t points = r->points;
    vg_status status = vg_motion_create(&c->points, r->frames, points, r->rate, r->err);
    if (status != VG_OK) return vg_fail_context(r->err, status, "%s", r->name);
    vg_motion *m = &c->points;
    const size_t values = (size_t)r->frames * (size_t)points;
    const size_t samples = (size_t)r->frames * (size_t)c->analog_per_frame * (size_t)c->analog_channels;
    c->cameras = calloc(values + 1, 1);
    c->analog = malloc((samples + 1) * sizeof *c->analog);
    if (!c->cameras || !c->analog)
        return vg_fail(r->err, VG_NO_MEMORY, "%s: no memory for its %zu points and %zu samples", r->name, values,
                       samples);
    const bool is_unsigned = c3d_is_unsigned(c);
    float *analog = c->analog;
    for (int32_t f = 0; f < r->frames; f++) {
        m->numbers[f] = r->first + f;
        const unsigned char *from = r->data + r->data_at + r->frame_bytes * (size_t)f;
        for (int32_t p = 0; p < r->points; p++, from += c->is_float ? 16 : 8)
            read_point(r, from, (size_t)f * (size_t)points + (size_t)p);
        for (int32_t i = 0; i < c->analog_channels * c->analog_per_frame; i++, from += c->is_float ? 4 : 2)
            *analog++ = c->is_float   ? c3d_get_f32(from, c->processor)
                        : is_unsigned ? (float)c3d_get_u16(from, c->processor)
                                      : (float)c3d_get_i16(from, c->processor);
    }
    for (int32_t p = 0; p < points; p++) {
        label_of(m->names[p], c, "POINT", p);
        if (!m->names[p][0]) snprintf(m->names[p], VG_MOTION_NAME, "M%03d", p + 1);
    }
    return VG_OK;
}

static vg_status read_unit(reader *r) {
    char unit[32];
    vg_c3d_text(unit, sizeof unit, vg_c3d_find(r->c, "POINT", "UNITS"), 0);
    vg_unit parsed = VG_UNIT_MILLIMETRE; /* where the file does not say: nearly all are in mm */
    if (unit[0] && !vg_unit_parse(unit, &parsed))
        return vg_fail(r->err, VG_INVALID, "%s: POINT:UNITS: `%s`; write m, cm or mm", r->name, unit);
    r->c->points.unit = (int32_t)parsed;
    r->c->points.axes = (int32_t)vg_c3d_axes(r->c, r->options ? (vg_axes)r->options->axes : VG_AXES_Z_UP);
    return VG_OK;
}

/* Events of the EVENT group; else those of the header (words 150 on: count, times, four-letter labels). */
static vg_status read_events(reader *r) {
    vg_c3d *c = r->c;
    const vg_c3d_parameter *times = vg_c3d_find(c, "EVENT", "TIMES");
    const double used = vg_c3d_number(vg_c3d_find(c, "EVENT", "USED"), 0, 0);
    int32_t n = times && times->type == 4 ? (int32_t)fmin(fmax(used, 0), (double)c3d_count(times) / 2) : 0;
    const bool from_header = !n && header_word(r, 150) == 12345 && header_word(r, 151) <= 18;
    if (from_header) n = header_word(r, 151);
    c->event = calloc((size_t)n + 1, sizeof *c->event);
    if (!c->event) return vg_fail(r->err, VG_NO_MEMORY, "%s: no memory for %d events", r->name, n);
    c->events = n;
    for (int32_t i = 0; i < n; i++) {
        vg_c3d_event *e = &c->event[i];
        if (from_header) {
            e->time = (double)c3d_get_f32(r->data + 304 + 4 * i, c->processor);
            vg_span_copy(e->label, sizeof e->label, vg_span_trim((vg_span){(const char *)r->data + 396 + 4 * i, 4}));
            continue;
        }
        e->time = 60 * vg_c3d_number(times, 2 * i, 0) + vg_c3d_number(times, 2 * i + 1, 0);
        vg_c3d_text(e->label, sizeof e->label, vg_c3d_find(c, "EVENT", "LABELS"), i);
        vg_c3d_text(e->context, sizeof e->context, vg_c3d_find(c, "EVENT", "CONTEXTS"), i);
    }
    return VG_OK;
}

vg_status vg_c3d_parse(const char *name, const char *data, size_t size, const vg_motion_options *options, vg_c3d *out,
                       vg_error *err) {
    *out = (vg_c3d){0};
    if (!vg_c3d_is(data, size))
        return vg_fail(err, VG_CORRUPT,
                       "%s: %zu bytes that do not begin as a C3D file (second byte 0x50, at least 512 bytes)", name,
                       size);
    reader r = {
        .name = name, .data = (const unsigned char *)data, .size = size, .options = options, .c = out, .err = err};
    vg_status status = read_parameters(&r);
    if (status == VG_OK) status = read_span(&r);
    if (status == VG_OK) status = read_sizes(&r);
    if (status == VG_OK) status = read_data(&r);
    if (status == VG_OK) status = read_unit(&r);
    if (status == VG_OK) status = read_events(&r);
    if (status != VG_OK) vg_c3d_free(out);
    return status;
}

vg_status vg_c3d_read(const char *path, const vg_motion_options *options, vg_c3d *out, vg_error *err) {
    *out = (vg_c3d){0};
    char *data;
    size_t size;
    VG_TRY(vg_file_load(&data, &size, path, err));
    const vg_status status = vg_c3d_parse(path, data, size, options, out, err);
    free(data);
    return status;
}
