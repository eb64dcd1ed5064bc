/* Clocks files. */
#include "perception/clocks.h"

#include "common/text.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT "vergence clocks"

/* ---- reading --------------------------------------------------------------------------------------------------------- */

/* What errors need to say where they are. */
typedef struct place {
    const char *file, *camera;
} place;

/* A number of a camera's entry within its bounds; where it is absent and `needed` is false, NaN. `null` reads as NaN. */
static vg_status number(double *out, const json_t *entry, const char *key, double low, double high, bool needed,
                        place at, vg_error *err) {
    const json_t *value = json_object_get(entry, key);
    *out = (double)NAN;
    if (!needed && (!value || json_is_null(value))) return VG_OK;
    if (!json_is_number(value))
        return vg_fail(err, VG_CORRUPT, "%s: camera `%s`: %s is %s; write a number from %g to %g", at.file, at.camera,
                       key, value ? "not a number" : "missing", low, high);
    *out = json_number_value(value);
    if (*out >= low && *out <= high) return VG_OK;
    return vg_fail(err, VG_CORRUPT, "%s: camera `%s`: %s is %g; it must be %g to %g", at.file, at.camera, key, *out,
                   low, high);
}

static vg_status read_camera(vg_clocks *out, const char *file, const json_t *entry, vg_error *err) {
    const char *name = json_string_value(json_object_get(entry, "name"));
    if (!name || !name[0] || strlen(name) >= VG_CAMERA_NAME)
        return vg_fail(err, VG_CORRUPT, "%s: cameras[%d].name is missing, or longer than %d characters", file,
                       out->cameras, VG_CAMERA_NAME - 1);
    for (int32_t c = 0; c < out->cameras; c++)
        if (strcmp(out->camera[c].name, name) == 0)
            return vg_fail(err, VG_CORRUPT, "%s: camera `%s` is given twice; leave one", file, name);
    vg_camera_clock *c = &out->camera[out->cameras++];
    snprintf(c->name, sizeof c->name, "%s", name);
    const place at = {file, c->name};
    const json_t *offset = json_object_get(entry, "offset_seconds");
    if (!offset)
        return vg_fail(err, VG_CORRUPT, "%s: camera `%s`: offset_seconds is missing; write null where it is not known",
                       file, name);
    VG_TRY(number(&c->fps, entry, "fps", 0.01, 1e5, true, at, err));
    VG_TRY(number(&c->offset, entry, "offset_seconds", -1e10, 1e10, false, at, err));
    VG_TRY(number(&c->rate, entry, "rate", 0.9, 1.1, true, at, err));
    VG_TRY(number(&c->sigma, entry, "sigma_seconds", 0, 1e10, false, at, err));
    return number(&c->confidence, entry, "confidence", 0, 1, false, at, err);
}

static vg_status read_root(vg_clocks *out, const char *file, const json_t *root, vg_error *err) {
    const char *format = json_string_value(json_object_get(root, "format"));
    const json_t *cameras = json_object_get(root, "cameras"), *version = json_object_get(root, "version");
    if (!format || strcmp(format, FORMAT) != 0)
        return vg_fail(err, VG_CORRUPT, "%s: format is not \"" FORMAT "\"; is it what `vergence sync --offsets` wrote?",
                       file);
    if (json_integer_value(version) != 1)
        return vg_fail(err, VG_VERSION, "%s: version is %lld, this program reads 1", file,
                       (long long)json_integer_value(version));
    if (json_array_size(cameras) < 1 || json_array_size(cameras) > VG_MAX_CAMERAS)
        return vg_fail(err, VG_CORRUPT, "%s: cameras is a list of %zu; it must have 1 to %d", file,
                       json_array_size(cameras), VG_MAX_CAMERAS);
    for (size_t i = 0; i < json_array_size(cameras); i++)
        VG_TRY(read_camera(out, file, json_array_get(cameras, i), err));
    const char *reference = json_string_value(json_object_get(root, "reference"));
    for (out->reference = 0; reference && out->reference < out->cameras; out->reference++)
        if (strcmp(out->camera[out->reference].name, reference) == 0) return VG_OK;
    out->reference = 0;
    return vg_fail(err, VG_CORRUPT, "%s: reference is `%.80s`, which is none of its cameras; name one", file,
                   reference ? reference : "");
}

vg_status vg_clocks_parse(const char *name, const char *text, size_t size, vg_clocks *out, vg_error *err) {
    *out = (vg_clocks){0};
    json_error_t error;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        return vg_fail(err, VG_CORRUPT, "%s:%d: not JSON: %s; was the file cut short?", name, error.line, error.text);
    const vg_status status = read_root(out, name, root, err);
    json_decref(root);
    return status;
}

vg_status vg_clocks_read(const char *path, vg_clocks *out, vg_error *err) {
    char *text;
    size_t size;
    VG_TRY(vg_text_load(&text, &size, path, err));
    const vg_status status = vg_clocks_parse(path, text, size, out, err);
    free(text);
    return status;
}

/* ---- writing --------------------------------------------------------------------------------------------------------- */

static void set_number(json_t *object, const char *key, double value) {
    json_object_set_new(object, key, isfinite(value) ? json_real(value) : json_null());
}

vg_status vg_clocks_write(const char *path, const vg_clocks *clocks, vg_error *err) {
    vg_file file;
    json_t *cameras = json_array();
    for (int32_t i = 0; i < clocks->cameras; i++) {
        const vg_camera_clock *c = &clocks->camera[i];
        json_t *o = json_pack("{s:s}", "name", c->name);
        set_number(o, "fps", c->fps);
        set_number(o, "offset_seconds", c->offset);
        set_number(o, "rate", c->rate);
        set_number(o, "sigma_seconds", c->sigma);
        set_number(o, "confidence", c->confidence);
        json_array_append_new(cameras, o);
    }
    json_t *root = json_pack("{s:s, s:i, s:s, s:o}", "format", FORMAT, "version", 1, "reference",
                             clocks->camera[clocks->reference].name, "cameras", cameras);
    vg_status status = vg_file_create(&file, path, err);
    if (status == VG_OK) {
        json_dumpf(root, file.stream, JSON_INDENT(2));
        fputc('\n', file.stream);
        status = vg_file_commit(&file, err);
    }
    json_decref(root);
    return status;
}
