/* C3D: parameters, and the way between a C3D file and points over time. */
#include "perception/motion_c3d.h"

#include "common/text.h"
#include "perception/motion_c3d_codec.h"

#include <stdlib.h>
#include <strings.h>

static const char *const screen[VG_AXES_COUNT][2] = {
    /* world x and world up in the file's axes: what X_SCREEN and Y_SCREEN say */
    {"+X", "+Z"},
    {"+X", "+Y"},
    {"+Z", "+Y"},
    {"+X", "-Y"}};

void vg_c3d_free(vg_c3d *c3d) {
    vg_motion_free(&c3d->points);
    free(c3d->cameras);
    free(c3d->analog);
    for (int32_t i = 0; i < c3d->parameters; i++) free(c3d->parameter[i].data);
    free(c3d->parameter);
    free(c3d->event);
    *c3d = (vg_c3d){0};
}

const vg_c3d_parameter *vg_c3d_find(const vg_c3d *c3d, const char *group, const char *name) {
    for (int32_t i = 0; i < c3d->parameters; i++) {
        const vg_c3d_parameter *p = &c3d->parameter[i];
        if (p->type && strcasecmp(p->group, group) == 0 && strcasecmp(p->name, name) == 0) return p;
    }
    return NULL;
}

double vg_c3d_number(const vg_c3d_parameter *parameter, int32_t i, double otherwise) {
    if (!parameter || i < 0 || i >= c3d_count(parameter)) return otherwise;
    if (parameter->type == 1) return (double)(int8_t)parameter->data[i];
    if (parameter->type == 2) {
        int16_t v;
        memcpy(&v, parameter->data + 2 * i, sizeof v);
        return (double)v;
    }
    if (parameter->type == 4) {
        float v;
        memcpy(&v, parameter->data + 4 * i, sizeof v);
        return (double)v;
    }
    return otherwise;
}

void vg_c3d_text(char *out, size_t room, const vg_c3d_parameter *parameter, int32_t i) {
    out[0] = '\0';
    if (!parameter || parameter->type != -1) return;
    const int32_t each = parameter->dimensions ? parameter->size[0] : 1;
    if (i < 0 || each == 0 || ((int64_t)i + 1) * each > parameter->bytes) return;
    vg_span text = {(const char *)parameter->data + (size_t)i * (size_t)each, (size_t)each};
    const char *nul = memchr(text.at, '\0', text.size);
    if (nul) text.size = (size_t)(nul - text.at);
    vg_span_copy(out, room, vg_span_trim(text));
}

/* --- setting -------------------------------------------------------------------------------------------------------
 */

vg_c3d_parameter *c3d_append(vg_c3d *c) {
    if ((c->parameters & (c->parameters - 1)) == 0) { /* grow at powers of two */
        const size_t room = c->parameters ? 2 * (size_t)c->parameters : 1;
        vg_c3d_parameter *grown = realloc(c->parameter, room * sizeof *grown);
        if (!grown) return NULL;
        c->parameter = grown;
    }
    vg_c3d_parameter *p = &c->parameter[c->parameters++];
    *p = (vg_c3d_parameter){0};
    return p;
}

/* The parameter to be set, with room for `bytes`; made, with its group, where absent. */
static vg_status slot(vg_c3d_parameter **out, vg_c3d *c, const char *group, const char *name, size_t bytes,
                      vg_error *err) {
    vg_c3d_parameter *p = NULL;
    bool has_group = false;
    for (int32_t i = 0; i < c->parameters; i++) {
        vg_c3d_parameter *q = &c->parameter[i];
        if (strcasecmp(q->group, group) != 0) continue;
        if (!q->type) has_group = true;
        if (q->type && strcasecmp(q->name, name) == 0) p = q;
    }
    unsigned char *data = calloc(bytes + 1, 1);
    if (!data) return vg_fail(err, VG_NO_MEMORY, "no memory for C3D parameter %s:%s", group, name);
    if (!has_group) {
        vg_c3d_parameter *g = c3d_append(c);
        if (g) snprintf(g->group, sizeof g->group, "%s", group);
    }
    if (!p) {
        p = c3d_append(c);
        if (!p) {
            free(data);
            return vg_fail(err, VG_NO_MEMORY, "no memory for C3D parameter %s:%s", group, name);
        }
        snprintf(p->group, sizeof p->group, "%s", group);
        snprintf(p->name, sizeof p->name, "%s", name);
    }
    free(p->data);
    p->data = data;
    p->bytes = (int32_t)bytes;
    *out = p;
    return VG_OK;
}

vg_status vg_c3d_set_texts(vg_c3d *c3d, const char *group, const char *name, const char *const *texts, int32_t count,
                           vg_error *err) {
    VG_ASSERT(count >= 0 && count <= 255);
    size_t each = 1;
    for (int32_t i = 0; i < count; i++)
        if (strlen(texts[i]) > each) each = strlen(texts[i]);
    if (each > 127)
        return vg_fail(err, VG_INVALID, "C3D parameter %s:%s: a text of %zu bytes; at most 127", group, name, each);
    vg_c3d_parameter *p;
    VG_TRY(slot(&p, c3d, group, name, each * (size_t)count, err));
    p->type = -1;
    p->dimensions = 2;
    p->size[0] = (uint8_t)each, p->size[1] = (uint8_t)count;
    memset(p->data, ' ', each * (size_t)count);
    for (int32_t i = 0; i < count; i++) memcpy(p->data + each * (size_t)i, texts[i], strlen(texts[i]));
    return VG_OK;
}

vg_status vg_c3d_set_numbers(vg_c3d *c3d, const char *group, const char *name, int8_t type, const double *values,
                             int32_t count, vg_error *err) {
    VG_ASSERT((type == 2 || type == 4) && count >= 1 && count <= 255);
    vg_c3d_parameter *p;
    VG_TRY(slot(&p, c3d, group, name, (size_t)type * (size_t)count, err));
    p->type = type;
    p->dimensions = count > 1;
    p->size[0] = (uint8_t)count;
    for (int32_t i = 0; i < count; i++) {
        const int16_t whole = (int16_t)(uint16_t)(int64_t)values[i]; /* counts above 32767 are read as unsigned */
        const float real = (float)values[i];
        memcpy(p->data + type * i, type == 2 ? (const void *)&whole : (const void *)&real, (size_t)type);
    }
    return VG_OK;
}

double vg_c3d_analog(const vg_c3d *c3d, int32_t sample, int32_t channel) {
    const double stored = (double)c3d->analog[(size_t)sample * (size_t)c3d->analog_channels + (size_t)channel];
    double offset = vg_c3d_number(vg_c3d_find(c3d, "ANALOG", "OFFSET"), channel, 0);
    if (offset < 0 && c3d_is_unsigned(c3d)) offset += 65536;
    return (stored - offset) * vg_c3d_number(vg_c3d_find(c3d, "ANALOG", "SCALE"), channel, 1) *
           vg_c3d_number(vg_c3d_find(c3d, "ANALOG", "GEN_SCALE"), 0, 1);
}

/* --- points alone --------------------------------------------------------------------------------------------------
 */

vg_status vg_c3d_parse_motion(const char *name, const char *data, size_t size, const vg_motion_options *options,
                              vg_motion *out, vg_error *err) {
    vg_c3d c;
    *out = (vg_motion){0};
    VG_TRY(vg_c3d_parse(name, data, size, options, &c, err));
    *out = c.points;
    c.points = (vg_motion){0};
    vg_c3d_free(&c);
    const vg_status status = vg_motion_check(out, name, options, err);
    if (status != VG_OK) vg_motion_free(out);
    return status;
}

vg_status vg_c3d_write_motion(const char *path, const vg_motion *motion, vg_error *err) {
    vg_c3d c = {.processor = VG_C3D_INTEL, .is_float = true, .points = *motion};
    /* residuals are kept in 255 steps: 0.1 mm each */
    c.scale = motion->unit == VG_UNIT_METRE ? 1e-4 : motion->unit == VG_UNIT_CENTIMETRE ? 0.01 : 0.1;
    const char *unit = vg_unit_name((vg_unit)motion->unit);
    vg_status status = vg_c3d_set_texts(&c, "POINT", "UNITS", &unit, 1, err);
    for (int i = 0; i < 2 && status == VG_OK; i++)
        status = vg_c3d_set_texts(&c, "POINT", i ? "Y_SCREEN" : "X_SCREEN", &screen[motion->axes][i], 1, err);
    if (status == VG_OK) {
        const char *software = "Vergence";
        status = vg_c3d_set_texts(&c, "MANUFACTURER", "SOFTWARE", &software, 1, err);
    }
    if (status == VG_OK) status = vg_c3d_write(path, &c, err);
    c.points = (vg_motion){0}; /* the caller's */
    vg_c3d_free(&c);
    return status;
}

/* The axes that X_SCREEN and Y_SCREEN describe. */
vg_axes vg_c3d_axes(const vg_c3d *c3d, vg_axes otherwise) {
    char x[8], y[8];
    vg_c3d_text(x, sizeof x, vg_c3d_find(c3d, "POINT", "X_SCREEN"), 0);
    vg_c3d_text(y, sizeof y, vg_c3d_find(c3d, "POINT", "Y_SCREEN"), 0);
    for (int a = 0; a < VG_AXES_COUNT; a++)
        if (strcasecmp(x, screen[a][0]) == 0 && strcasecmp(y, screen[a][1]) == 0) return (vg_axes)a;
    return otherwise;
}
