/* YAML (libyaml), XML (expat) and JSON (jansson) to one tree, and numbers out of it. libyaml rather than OpenCV's own
 * reader: OpenCV's YAML is YAML but for its first line, and libyaml refuses damaged text instead of crashing. */
#include "calibration/files_tree.h"

#include "common/text.h"

#include <expat.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

/* --- JSON ---------------------------------------------------------------------------------------------------------- */

vg_status tree_from_json(json_t **out, const char *name, const char *text, size_t size, vg_error *err) {
    json_error_t why;
    *out = json_loadb(text, size, 0, &why);
    if (!*out)
        return vg_fail(err, VG_CORRUPT, "%s: line %d, column %d: %s; the file was cut short, or is not JSON", name,
                       why.line, why.column, why.text);
    return VG_OK;
}

/* --- YAML ---------------------------------------------------------------------------------------------------------- */

/* What is open: containers, and the key that waits for its value where the container is a map. */
typedef struct builder {
    json_t *root;
    json_t *open[TREE_MAX_DEPTH];
    char *key[TREE_MAX_DEPTH];
    int depth;
} builder;

/* Puts `value` (stolen) where the document is; opens it where it is a container. Not VG_OK: too deep, no memory. */
static bool put(builder *b, json_t *value, bool container) {
    if (!value) return false;
    json_t *parent = b->depth ? b->open[b->depth - 1] : NULL;
    char **key = b->depth ? &b->key[b->depth - 1] : NULL;
    bool fine = true;
    if (!parent) {
        json_decref(b->root);
        b->root = value;
    } else if (json_is_array(parent)) {
        fine = json_array_append_new(parent, value) == 0;
    } else if (*key) {
        fine = json_object_set_new(parent, *key, value) == 0;
        free(*key);
        *key = NULL;
    } else { /* a map's key must be a scalar */
        if (container) {
            json_decref(value);
            return false;
        }
        *key = strdup(json_string_value(value));
        json_decref(value);
        return *key != NULL;
    }
    if (!fine || !container) return fine;
    if (b->depth == TREE_MAX_DEPTH) return false;
    b->key[b->depth] = NULL;
    b->open[b->depth++] = value;
    return true;
}

static void close_container(builder *b) {
    if (!b->depth) return;
    free(b->key[--b->depth]);
    b->key[b->depth] = NULL;
}

static bool put_event(builder *b, const yaml_event_t *event) {
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return put(b, json_stringn((const char *)event->data.scalar.value, event->data.scalar.length), false);
    case YAML_SEQUENCE_START_EVENT:
        return put(b, json_array(), true);
    case YAML_MAPPING_START_EVENT:
        return put(b, json_object(), true);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        close_container(b);
        return true;
    case YAML_ALIAS_EVENT:
        return false;
    default:
        return true;
    }
}

vg_status tree_from_yaml(json_t **out, const char *name, const char *text, size_t size, vg_error *err) {
    *out = NULL;
    /* OpenCV writes "%YAML:1.0" where YAML has "%YAML 1.0" */
    int skipped = 0;
    if (vg_span_starts((vg_span){text, size}, "%YAML:")) {
        const char *end = memchr(text, '\n', size);
        const size_t line = end ? (size_t)(end - text) + 1 : size;
        text += line, size -= line, skipped = 1;
    }
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) return vg_fail(err, VG_NO_MEMORY, "%s: no memory to read it", name);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    builder b = {0};
    vg_status status = VG_OK;
    for (bool done = false; !done && status == VG_OK;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            status = vg_fail(err, VG_CORRUPT, "%s: line %zu: %s; the file was cut short, or is not YAML", name,
                             parser.problem_mark.line + 1 + (size_t)skipped,
                             parser.problem ? parser.problem : "cannot be read");
            break;
        }
        done = event.type == YAML_STREAM_END_EVENT;
        if (!put_event(&b, &event))
            status = vg_fail(err, VG_CORRUPT,
                             "%s: line %zu: not what a calibration file holds (an alias, a key that is no word, text "
                             "that is not UTF-8, or nesting beyond %d)",
                             name, event.start_mark.line + 1 + (size_t)skipped, TREE_MAX_DEPTH);
        yaml_event_delete(&event);
    }
    while (b.depth) close_container(&b);
    yaml_parser_delete(&parser);
    if (status == VG_OK && !json_is_object(b.root))
        status = vg_fail(err, VG_CORRUPT, "%s: holds no `key: value` lines; not a calibration file", name);
    if (status != VG_OK) {
        json_decref(b.root);
        return status;
    }
    *out = b.root;
    return VG_OK;
}

/* --- XML ----------------------------------------------------------------------------------------------------------- */

#define XML_TEXT_MAX 65536 /* bytes of one element's text: 2,000 numbers and more */

typedef struct xml_builder {
    json_t *open[TREE_MAX_DEPTH + 1]; /* [0]: the document */
    int depth;
    bool failed;
    XML_Parser parser;
} xml_builder;

static void xml_give_up(xml_builder *x) {
    x->failed = true;
    XML_StopParser(x->parser, XML_FALSE);
}

static void XMLCALL on_start(void *user, const XML_Char *element, const XML_Char **attributes) {
    xml_builder *x = user;
    if (x->depth == TREE_MAX_DEPTH) {
        xml_give_up(x);
        return;
    }
    json_t *node = json_object(), *parent = x->open[x->depth];
    bool fine = node != NULL;
    for (int i = 0; fine && attributes[i]; i += 2) {
        char key[128];
        snprintf(key, sizeof key, "@%s", attributes[i]);
        fine = json_object_set_new(node, key, json_string(attributes[i + 1])) == 0;
    }
    /* the second of a name makes a list of both */
    json_t *before = json_object_get(parent, element);
    if (fine && json_is_array(before)) {
        fine = json_array_append_new(before, node) == 0;
    } else if (fine && before) {
        json_t *list = json_array();
        fine = list && json_array_append(list, before) == 0 && json_array_append_new(list, node) == 0 &&
               json_object_set_new(parent, element, list) == 0;
    } else if (fine) {
        fine = json_object_set_new(parent, element, node) == 0;
    }
    if (!fine) {
        xml_give_up(x);
        return;
    }
    x->open[++x->depth] = node;
}

static void XMLCALL on_end(void *user, const XML_Char *element) {
    (void)element;
    xml_builder *x = user;
    if (x->depth) x->depth--;
}

static void XMLCALL on_text(void *user, const XML_Char *text, int length) {
    xml_builder *x = user;
    json_t *node = x->open[x->depth], *before = json_object_get(node, "#text");
    if (!before && !vg_span_trim((vg_span){text, (size_t)length}).size) return;
    const size_t had = before ? json_string_length(before) : 0;
    if (had > XML_TEXT_MAX) {
        xml_give_up(x);
        return;
    }
    char *joined = malloc(had + (size_t)length + 1);
    if (!joined) {
        xml_give_up(x);
        return;
    }
    if (had) memcpy(joined, json_string_value(before), had);
    memcpy(joined + had, text, (size_t)length);
    if (json_object_set_new(node, "#text", json_stringn(joined, had + (size_t)length))) xml_give_up(x);
    free(joined);
}

/* Entities could make a small file endless; calibration files declare none. */
static void XMLCALL on_doctype(void *user, const XML_Char *name, const XML_Char *system, const XML_Char *public_id,
                               int internal) {
    (void)name, (void)system, (void)public_id, (void)internal;
    xml_give_up(user);
}

/* Python's writers say "ASCII", which expat knows only as US-ASCII. */
static int XMLCALL on_encoding(void *user, const XML_Char *name, XML_Encoding *info) {
    (void)user;
    if (strcasecmp(name, "ascii") != 0) return XML_STATUS_ERROR;
    for (int i = 0; i < 256; i++) info->map[i] = i < 128 ? i : -1;
    return XML_STATUS_OK;
}

vg_status tree_from_xml(json_t **out, const char *name, const char *text, size_t size, vg_error *err) {
    *out = NULL;
    xml_builder x = {.open = {json_object()}, .parser = XML_ParserCreate(NULL)};
    if (!x.open[0] || !x.parser) {
        json_decref(x.open[0]);
        if (x.parser) XML_ParserFree(x.parser);
        return vg_fail(err, VG_NO_MEMORY, "%s: no memory to read it", name);
    }
    XML_SetUserData(x.parser, &x);
    XML_SetElementHandler(x.parser, on_start, on_end);
    XML_SetCharacterDataHandler(x.parser, on_text);
    XML_SetStartDoctypeDeclHandler(x.parser, on_doctype);
    XML_SetUnknownEncodingHandler(x.parser, on_encoding, NULL);
    vg_status status = VG_OK;
    /* in pieces: expat's lengths are ints, and text arrives in bounded parts */
    for (size_t at = 0; status == VG_OK;) {
        const size_t n = size - at < 65536 ? size - at : 65536;
        at += n;
        if (XML_Parse(x.parser, text + at - n, (int)n, at == size) != XML_STATUS_OK)
            status =
                vg_fail(err, VG_CORRUPT, "%s: line %lu: %s; the file was cut short, or is not XML", name,
                        (unsigned long)XML_GetCurrentLineNumber(x.parser),
                        x.failed ? "not what a calibration file holds (a DOCTYPE, very long text, or too deep nesting)"
                                 : XML_ErrorString(XML_GetErrorCode(x.parser)));
        if (at == size) break;
    }
    XML_ParserFree(x.parser);
    if (status != VG_OK) {
        json_decref(x.open[0]);
        return status;
    }
    *out = x.open[0];
    return VG_OK;
}

/* --- numbers ------------------------------------------------------------------------------------------------------- */

bool tree_number(double *out, const json_t *value) {
    if (json_is_number(value))
        *out = json_number_value(value);
    else if (json_is_string(value)) {
        if (!vg_span_double((vg_span){json_string_value(value), json_string_length(value)}, out)) return false;
    } else if (json_is_object(value)) { /* an XML element */
        return tree_number(out, json_object_get(value, "#text"));
    } else
        return false;
    return isfinite(*out);
}

static vg_status fail_number(const tree_at *at, const char *key, size_t index, const json_t *value) {
    char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    const vg_status status =
        vg_fail(at->err, VG_INVALID, "%s: %s%s%s: value %zu is `%.60s`; give a finite number", at->name, at->camera,
                at->camera[0] ? " " : "", key, index + 1, text ? text : "(absent)");
    free(text);
    return status;
}

/* Appends the numbers of `value`, walking into lists; at most `most`, counting on beyond it. */
static vg_status gather(double *out, size_t most, size_t *count, const json_t *value, const char *key,
                        const tree_at *at, int depth) {
    if (json_is_array(value) && depth < 4) {
        for (size_t i = 0; i < json_array_size(value) && *count <= most; i++)
            VG_TRY(gather(out, most, count, json_array_get(value, i), key, at, depth + 1));
        return VG_OK;
    }
    double number = 0;
    if (!tree_number(&number, value)) return fail_number(at, key, *count, value);
    if (*count < most) out[*count] = number;
    (*count)++;
    return VG_OK;
}

/* An OpenCV matrix is its data; XML's data is text with blanks between the numbers. */
static vg_status gather_any(double *out, size_t most, size_t *count, const json_t *value, const char *key,
                            const tree_at *at) {
    json_t *data = json_object_get(value, "data");
    if (data) value = data;
    const json_t *text = json_is_object(value) ? json_object_get(value, "#text") : value;
    if (!json_is_string(text)) return gather(out, most, count, value, key, at, 0);
    vg_span rest = {json_string_value(text), json_string_length(text)};
    for (vg_span word = vg_span_word(&rest); word.size; word = vg_span_word(&rest)) {
        double number;
        if (!vg_span_double(word, &number) || !isfinite(number))
            return vg_fail(at->err, VG_INVALID, "%s: %s%s%s: value %zu is `%.*s`; give a finite number", at->name,
                           at->camera, at->camera[0] ? " " : "", key, *count + 1,
                           (int)(word.size < 60 ? word.size : 60), word.at);
        if (*count < most) out[*count] = number;
        (*count)++;
    }
    return VG_OK;
}

vg_status tree_numbers_upto(double *out, size_t most, size_t *count, const json_t *value, const char *key,
                            const tree_at *at) {
    *count = 0;
    if (!value || json_is_null(value))
        return vg_fail(at->err, VG_INVALID, "%s: %s%s%s is absent; give it", at->name, at->camera,
                       at->camera[0] ? " " : "", key);
    if (json_object_get(value, "rows") && !json_object_get(value, "data"))
        return vg_fail(at->err, VG_CORRUPT, "%s: %s%s%s has no data; the file was cut short", at->name, at->camera,
                       at->camera[0] ? " " : "", key);
    VG_TRY(gather_any(out, most, count, value, key, at));
    if (*count > most)
        return vg_fail(at->err, VG_INVALID, "%s: %s%s%s: more than %zu numbers; not what the format has", at->name,
                       at->camera, at->camera[0] ? " " : "", key, most);
    return VG_OK;
}

vg_status tree_numbers(double *out, size_t n, const json_t *value, const char *key, const tree_at *at) {
    size_t count = 0;
    VG_TRY(tree_numbers_upto(out, n, &count, value, key, at));
    if (count != n)
        return vg_fail(at->err, VG_INVALID, "%s: %s%s%s: %zu numbers where %zu are needed", at->name, at->camera,
                       at->camera[0] ? " " : "", key, count, n);
    return VG_OK;
}

vg_status tree_member(double *out, const json_t *object, const char *key, double otherwise, const tree_at *at) {
    const json_t *value = json_object_get(object, key);
    *out = otherwise;
    if (!value || json_is_null(value)) return VG_OK;
    return tree_number(out, value) ? VG_OK : fail_number(at, key, 0, value);
}

/* --- into a camera ------------------------------------------------------------------------------------------------- */

vg_status camera_set_intrinsics(vg_camera *camera, const double K[9], const tree_at *at) {
    if (!(K[0] > 0 && K[4] > 0))
        return vg_fail(at->err, VG_INVALID, "%s: %s: focal lengths %g and %g px; both must be above 0", at->name,
                       at->camera, K[0], K[4]);
    camera->fx = K[0], camera->fy = K[4], camera->cx = K[2], camera->cy = K[5];
    return VG_OK;
}

vg_status camera_set_distortion(vg_camera *camera, const double *k, size_t count, bool fisheye, const tree_at *at) {
    if (fisheye && count != 4)
        return vg_fail(at->err, VG_INVALID, "%s: %s: %zu distortion coefficients; a fisheye lens has 4", at->name,
                       at->camera, count);
    for (size_t i = 8; i < count; i++)
        if (k[i] != 0)
            return vg_fail(at->err, VG_UNSUPPORTED,
                           "%s: %s: distortion coefficient %zu is %g; thin prism and tilt (beyond k6) are not "
                           "supported: calibrate without them",
                           at->name, at->camera, i + 1, k[i]);
    camera->lens = fisheye ? VG_LENS_FISHEYE : VG_LENS_BROWN_CONRADY;
    for (size_t i = 0; i < 8; i++) camera->distortion[i] = i < count ? k[i] : 0;
    return VG_OK;
}

vg_status camera_set_size(vg_camera *camera, double width, double height, const tree_at *at) {
    if (!(width >= 0 && height >= 0 && width <= 65536 && height <= 65536))
        return vg_fail(at->err, VG_INVALID, "%s: %s: size %g x %g px; give width and height up to 65536", at->name,
                       at->camera, width, height);
    camera->width = (int32_t)lround(width);
    camera->height = (int32_t)lround(height);
    return VG_OK;
}

vg_status camera_set_pose(vg_camera *camera, const double R[9], const double t[3], double unit, const tree_at *at) {
    for (int i = 0; i < 9; i++)
        if (!(fabs(R[i]) <= 1e3))
            return vg_fail(at->err, VG_INVALID, "%s: %s: rotation element %d is %g; a rotation's lie within 1",
                           at->name, at->camera, i + 1, R[i]);
    memcpy(camera->R, R, sizeof camera->R);
    /* most units are a whole part of a metre (1/100, 1/1000): dividing rounds once */
    const double parts = round(1 / unit);
    const bool whole = fabs(parts * unit - 1) < 1e-12;
    for (int i = 0; i < 3; i++) {
        camera->t[i] = whole ? t[i] / parts : t[i] * unit;
        if (!(fabs(camera->t[i]) <= 1e9))
            return vg_fail(at->err, VG_INVALID, "%s: %s: translation element %d is %g m; no rig is as large", at->name,
                           at->camera, i + 1, camera->t[i]);
    }
    return VG_OK;
}

vg_status camera_set_name(vg_named_camera *camera, const char *name, const tree_at *at) {
    if (!name || !name[0] || strlen(name) >= VG_CAMERA_NAME)
        return vg_fail(at->err, VG_INVALID, "%s: %s%scamera name `%.70s`; give 1 to %d bytes", at->name, at->camera,
                       at->camera[0] ? ": " : "", name ? name : "(absent)", VG_CAMERA_NAME - 1);
    json_t *utf8 = json_string(name); /* NULL where it is not */
    bool fine = utf8 != NULL;
    json_decref(utf8);
    for (const char *c = name; *c; c++) fine = fine && (unsigned char)*c >= 0x20;
    if (!fine)
        return vg_fail(at->err, VG_INVALID, "%s: %s%scamera name is not text in UTF-8; rename it", at->name, at->camera,
                       at->camera[0] ? ": " : "");
    snprintf(camera->name, sizeof camera->name, "%s", name);
    return VG_OK;
}

int camera_distortion_count(const vg_camera *camera) {
    if (camera->lens == VG_LENS_FISHEYE) return 4;
    for (int i = 5; i < 8; i++)
        if (camera->distortion[i] != 0) return 8;
    return camera->distortion[4] != 0 ? 5 : 4;
}

void print_numbers(FILE *f, const double *v, size_t n, const char *between) {
    char text[VG_NUMBER_SIZE];
    for (size_t i = 0; i < n; i++) {
        vg_number_text(text, v[i]);
        /* TOML and OpenCV tell whole numbers from others by the point */
        const bool whole = !strpbrk(text, ".enai");
        fprintf(f, "%s%s%s", i ? between : "", text, whole ? ".0" : "");
    }
}

void print_quoted(FILE *f, const char *text) {
    fputc('"', f);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fprintf(f, "\\%c", *text);
        else if ((unsigned char)*text < 0x20)
            fprintf(f, "\\u%04x", (unsigned)*text);
        else
            fputc(*text, f);
    }
    fputc('"', f);
}
