/* Writing C3D: parameters are kept as they were read, save those that say how much there is, which follow the data. */
#include "perception/motion_c3d.h"

#include "common/text.h"
#include "perception/motion_c3d_codec.h"

#include <stdlib.h>
#include <strings.h>

#define BLOCK        512
#define FRAMES_MAX16 65535

/* Bytes under construction. `failed` sticks, so that only the end needs to ask. */
typedef struct buffer {
    unsigned char *data;
    size_t size, room;
    bool failed;
} buffer;

static unsigned char *extend(buffer *b, size_t more) {
    if (!b->failed && b->size + more > b->room) {
        const size_t room = 2 * (b->size + more) + 4096;
        unsigned char *grown = realloc(b->data, room);
        if (grown)
            b->data = grown, b->room = room;
        else
            b->failed = true;
    }
    if (b->failed) return NULL;
    unsigned char *at = b->data + b->size;
    memset(at, 0, more);
    b->size += more;
    return at;
}

/* --- parameters that follow the data -------------------------------------------------------------------------------
 */

/* Sets numbers only where they differ, so that the type a file chose stays. */
static vg_status keep_numbers(vg_c3d *c, const char *group, const char *name, int8_t type, const double *values,
                              int32_t count, vg_error *err) {
    const vg_c3d_parameter *p = vg_c3d_find(c, group, name);
    bool same = p && c3d_count(p) == count;
    for (int32_t i = 0; same && i < count; i++) {
        const double held = vg_c3d_number(p, i, (double)NAN);
        same =
            p->type == 2 ? ((int32_t)held & 0xffff) == ((int32_t)values[i] & 0xffff) : (float)held == (float)values[i];
    }
    if (same) return VG_OK;
    return vg_c3d_set_numbers(c, group, name, p && p->type == 4 ? 4 : type, values, count, err);
}

static vg_status keep_number(vg_c3d *c, const char *group, const char *name, int8_t type, double value, vg_error *err) {
    return keep_numbers(c, group, name, type, &value, 1, err);
}

static bool labels_agree(const vg_c3d *c) {
    int32_t i = 0;
    for (int part = 1; part < 64 && i < c->points.points; part++) {
        char name[16], label[VG_MOTION_NAME];
        snprintf(name, sizeof name, part > 1 ? "LABELS%d" : "LABELS", part);
        const vg_c3d_parameter *p = vg_c3d_find(c, "POINT", name);
        if (!p) return false;
        const int32_t each = p->dimensions ? p->size[0] : 1, count = each ? p->bytes / each : 0;
        for (int32_t k = 0; k < count && i < c->points.points; k++, i++) {
            vg_c3d_text(label, sizeof label, p, k);
            if (strcmp(label, c->points.names[i]) != 0) return false;
        }
    }
    return true;
}

/* LABELS holds 255 names, LABELS2 the next 255, and so on. */
static vg_status keep_labels(vg_c3d *c, vg_error *err) {
    if (labels_agree(c)) return VG_OK;
    for (int32_t part = 0; part * 255 < c->points.points; part++) {
        const char *texts[255];
        const int32_t left = c->points.points - 255 * part, n = left < 255 ? left : 255;
        for (int32_t i = 0; i < n; i++) texts[i] = c->points.names[255 * part + i];
        char name[16];
        snprintf(name, sizeof name, part ? "LABELS%d" : "LABELS", part + 1);
        VG_TRY(vg_c3d_set_texts(c, "POINT", name, texts, n, err));
    }
    return VG_OK;
}

static vg_status keep_events(vg_c3d *c, vg_error *err) {
    if (!c->events || vg_c3d_find(c, "EVENT", "TIMES")) return VG_OK;
    const char *labels[255], *contexts[255];
    double times[510];
    if (c->events > 127)
        return vg_fail(err, VG_INVALID, "events: %d do not fit; a C3D file holds 127 written by us", c->events);
    for (int32_t i = 0; i < c->events; i++) {
        labels[i] = c->event[i].label, contexts[i] = c->event[i].context;
        times[2 * i] = floor(c->event[i].time / 60);
        times[2 * i + 1] = c->event[i].time - 60 * times[2 * i];
    }
    VG_TRY(keep_number(c, "EVENT", "USED", 2, c->events, err));
    VG_TRY(vg_c3d_set_texts(c, "EVENT", "CONTEXTS", contexts, c->events, err));
    VG_TRY(vg_c3d_set_texts(c, "EVENT", "LABELS", labels, c->events, err));
    VG_TRY(vg_c3d_set_numbers(c, "EVENT", "TIMES", 4, times, 2 * c->events, err));
    vg_c3d_parameter *p = (vg_c3d_parameter *)(uintptr_t)vg_c3d_find(c, "EVENT", "TIMES");
    p->dimensions = 2;
    p->size[0] = 2, p->size[1] = (uint8_t)c->events;
    return VG_OK;
}

static vg_status update(vg_c3d *c, vg_error *err) {
    const vg_motion *m = &c->points;
    const int32_t first = m->frames ? m->numbers[0] : 1, last = first + m->frames - 1;
    const double frames = m->frames < FRAMES_MAX16 ? m->frames : FRAMES_MAX16;
    VG_TRY(keep_number(c, "POINT", "USED", 2, m->points, err));
    VG_TRY(keep_number(c, "POINT", "FRAMES", 2, frames, err));
    VG_TRY(keep_number(c, "POINT", "DATA_START", 2, 0, err));
    VG_TRY(keep_number(c, "POINT", "SCALE", 4, c->is_float ? -c->scale : c->scale, err));
    VG_TRY(keep_number(c, "POINT", "RATE", 4, m->rate, err));
    VG_TRY(keep_labels(c, err));
    if (last > FRAMES_MAX16 || vg_c3d_find(c, "TRIAL", "ACTUAL_END_FIELD")) {
        const double start[2] = {first & 0xffff, first >> 16}, end[2] = {last & 0xffff, last >> 16};
        VG_TRY(keep_numbers(c, "TRIAL", "ACTUAL_START_FIELD", 2, start, 2, err));
        VG_TRY(keep_numbers(c, "TRIAL", "ACTUAL_END_FIELD", 2, end, 2, err));
    }
    VG_TRY(keep_number(c, "ANALOG", "USED", 2, c->analog_channels, err));
    if (c->analog_channels) VG_TRY(keep_number(c, "ANALOG", "RATE", 4, m->rate * c->analog_per_frame, err));
    return keep_events(c, err);
}

/* --- bytes ---------------------------------------------------------------------------------------------------------
 */

static void emit_values(unsigned char *at, const vg_c3d_parameter *p, int32_t processor) {
    if (p->type == 2)
        for (int32_t i = 0; i < p->bytes / 2; i++) {
            uint16_t v;
            memcpy(&v, p->data + 2 * i, sizeof v);
            c3d_put_u16(at + 2 * i, v, processor);
        }
    else if (p->type == 4)
        for (int32_t i = 0; i < p->bytes / 4; i++) {
            float v;
            memcpy(&v, p->data + 4 * i, sizeof v);
            c3d_put_f32(at + 4 * i, v, processor);
        }
    else
        memcpy(at, p->data, (size_t)p->bytes);
}

/* Number of the group that entry `i` belongs to: groups count from 1 in their order. */
static int group_number(const vg_c3d *c, int32_t i) {
    int n = 0;
    for (int32_t g = 0; g < c->parameters; g++) {
        if (c->parameter[g].type) continue;
        n++;
        if (strcasecmp(c->parameter[g].group, c->parameter[i].group) == 0) return n;
    }
    return 0;
}

static vg_status emit_parameters(buffer *b, const vg_c3d *c, const char *path, vg_error *err) {
    b->size = 0;
    extend(b, 4);
    for (int32_t i = 0; i < c->parameters; i++) {
        const vg_c3d_parameter *p = &c->parameter[i];
        const int group = group_number(c, i);
        if (!group || group > 127) continue; /* a parameter of no group cannot be found again */
        const char *name = p->type ? p->name : p->group;
        const size_t letters = strlen(name), words = strlen(p->description);
        const size_t values = p->type ? 2 + (size_t)p->dimensions + (size_t)p->bytes : 0;
        const size_t step = 2 + values + 1 + words;
        if (step > 65535 || letters > 127)
            return vg_fail(err, VG_INVALID, "%s: parameter %s:%s: %zu bytes do not fit in a C3D file", path, p->group,
                           p->name, step);
        unsigned char *at = extend(b, 2 + letters + step);
        if (!at) break;
        at[0] = (unsigned char)(p->locked ? -(int)letters : (int)letters);
        at[1] = (unsigned char)(p->type ? group : -group);
        memcpy(at + 2, name, letters);
        at += 2 + letters;
        c3d_put_u16(at, (uint16_t)step, c->processor);
        at += 2;
        if (p->type) {
            at[0] = (unsigned char)p->type, at[1] = p->dimensions;
            memcpy(at + 2, p->size, p->dimensions);
            emit_values(at + 2 + p->dimensions, p, c->processor);
            at += values;
        }
        at[0] = (unsigned char)words;
        memcpy(at + 1, p->description, words);
    }
    extend(b, 2); /* an entry without letters ends the section */
    const size_t blocks = (b->size + BLOCK - 1) / BLOCK;
    extend(b, blocks * BLOCK - b->size);
    if (b->failed) return vg_fail(err, VG_NO_MEMORY, "%s: no memory for its parameters", path);
    if (blocks > 255)
        return vg_fail(err, VG_INVALID, "%s: %zu blocks of parameters; C3D holds 255: use shorter names", path, blocks);
    b->data[0] = 1, b->data[1] = 0x50;
    b->data[2] = (unsigned char)blocks, b->data[3] = (unsigned char)c->processor;
    return VG_OK;
}

static void emit_header(unsigned char h[BLOCK], const vg_c3d *c, size_t data_block) {
    const vg_motion *m = &c->points;
    const int32_t first = m->frames ? m->numbers[0] : 1, last = first + m->frames - 1;
    const int32_t words[10] = {0,
                               m->points,
                               c->analog_channels * c->analog_per_frame,
                               first < FRAMES_MAX16 ? first : FRAMES_MAX16,
                               last < FRAMES_MAX16 ? last : FRAMES_MAX16,
                               c->interpolation_gap,
                               0,
                               0,
                               (int32_t)data_block,
                               c->analog_per_frame};
    memset(h, 0, BLOCK);
    for (int i = 1; i < 10; i++) c3d_put_u16(h + 2 * i, (uint16_t)words[i], c->processor);
    h[0] = 2, h[1] = 0x50;
    c3d_put_f32(h + 12, (float)(c->is_float ? -c->scale : c->scale), c->processor);
    c3d_put_f32(h + 20, (float)m->rate, c->processor);
    c3d_put_u16(h + 298, 12345, c->processor); /* event labels have four letters */
}

/* One frame; false where a position does not fit in 16 bits of steps. */
static bool emit_frame(unsigned char *at, const vg_c3d *c, int32_t f) {
    const vg_motion *m = &c->points;
    for (int32_t p = 0; p < m->points; p++, at += c->is_float ? 16 : 8) {
        const size_t i = (size_t)f * (size_t)m->points + (size_t)p;
        const double *x = m->positions + 3 * i;
        const bool lost = !isfinite(x[0]) || !isfinite(x[1]) || !isfinite(x[2]);
        const double steps = isfinite(m->residuals[i]) ? fmin(round(m->residuals[i] / c->scale), 255) : 0;
        const int word = lost ? -1 : (c->cameras ? (c->cameras[i] & 0x7f) << 8 : 0) | (int)fmax(steps, 0);
        for (int k = 0; k < 3; k++) {
            const double value = lost ? 0 : x[k];
            const double step = round(value / c->scale);
            if (c->is_float)
                c3d_put_f32(at + 4 * k, (float)value, c->processor);
            else if (step >= -32768 && step <= 32767)
                c3d_put_u16(at + 2 * k, (uint16_t)(int16_t)step, c->processor);
            else
                return false;
        }
        if (c->is_float)
            c3d_put_f32(at + 12, (float)word, c->processor);
        else
            c3d_put_u16(at + 6, (uint16_t)(int16_t)word, c->processor);
    }
    const int32_t n = c->analog_channels * c->analog_per_frame;
    for (int32_t i = 0; i < n; i++, at += c->is_float ? 4 : 2) {
        const float v = c->analog[(size_t)f * (size_t)n + (size_t)i];
        if (c->is_float)
            c3d_put_f32(at, v, c->processor);
        else if (v >= -32768.0f && v <= 65535.0f)
            c3d_put_u16(at, (uint16_t)(int32_t)v, c->processor);
        else
            return false;
    }
    return true;
}

static vg_status write_all(FILE *out, vg_c3d *c, const char *path, buffer *b, vg_error *err) {
    unsigned char header[BLOCK];
    VG_TRY(emit_parameters(b, c, path, err)); /* a first time to learn its length */
    const size_t data_block = 2 + b->size / BLOCK;
    VG_TRY(keep_number(c, "POINT", "DATA_START", 2, (double)data_block, err));
    VG_TRY(emit_parameters(b, c, path, err));
    emit_header(header, c, data_block);
    fwrite(header, 1, BLOCK, out);
    fwrite(b->data, 1, b->size, out);
    const size_t frame_bytes =
        ((size_t)c->points.points * 4 + (size_t)(c->analog_channels * c->analog_per_frame)) * (c->is_float ? 4 : 2);
    b->size = 0;
    unsigned char *frame = extend(b, frame_bytes + BLOCK);
    if (!frame) return vg_fail(err, VG_NO_MEMORY, "%s: no memory for a frame", path);
    for (int32_t f = 0; f < c->points.frames; f++) {
        if (!emit_frame(frame, c, f))
            return vg_fail(err, VG_INVALID,
                           "%s: frame %d: a value does not fit in 16 bits at scale %g; write floats, or a larger scale",
                           path, c->points.numbers[f], c->scale);
        fwrite(frame, 1, frame_bytes, out);
    }
    const size_t tail = frame_bytes * (size_t)c->points.frames % BLOCK;
    memset(frame, 0, BLOCK);
    if (tail) fwrite(frame, 1, BLOCK - tail, out);
    return VG_OK;
}

vg_status vg_c3d_write(const char *path, const vg_c3d *c3d, vg_error *err) {
    vg_c3d c = *c3d; /* its own list of parameters, so that the caller's stays as it is */
    c.parameter = NULL;
    c.parameters = 0;
    vg_status status = VG_OK;
    for (int32_t i = 0; i < c3d->parameters && status == VG_OK; i++) {
        const vg_c3d_parameter *from = &c3d->parameter[i];
        vg_c3d_parameter *to = c3d_append(&c);
        unsigned char *data = malloc((size_t)from->bytes + 1);
        if (to) *to = *from, to->data = data;
        if (!to || !data) {
            if (!to) free(data);
            status = vg_fail(err, VG_NO_MEMORY, "%s: no memory for its parameters", path);
        } else if (from->bytes) {
            memcpy(data, from->data, (size_t)from->bytes);
        }
    }
    buffer b = {0};
    vg_file file = {0};
    if (status == VG_OK) status = update(&c, err);
    if (status == VG_OK) status = vg_file_create(&file, path, err);
    if (status == VG_OK) status = write_all(file.stream, &c, path, &b, err);
    if (status == VG_OK)
        status = vg_file_commit(&file, err);
    else
        vg_file_abandon(&file);
    free(b.data);
    for (int32_t i = 0; i < c.parameters; i++) free(c.parameter[i].data);
    free(c.parameter);
    return status;
}
