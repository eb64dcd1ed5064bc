/* Configuration files. libcyaml checks the structure against a schema made from the table of keys: sections, keys,
 * nesting, no key twice. It takes every value as text, because its own numbers are lenient (`1e6` would read as 1,
 * `maybe` as true); the table's strict conversion follows. Each key lands in a pointer of its own, so what the file
 * left out stays NULL and keeps its default. */
#include "daemon/internal.h"

#include "common/text.h"

#include <cyaml/cyaml.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_KEYS = 128, MOST_SECTIONS = 16, LONGEST_FILE = 1 << 20 };

/* ---- schema ---- */

typedef struct schema {
    cyaml_schema_field_t fields[MOST_KEYS + MOST_SECTIONS]; /* each section's keys, closed by an entry without a key */
    cyaml_schema_field_t sections[MOST_SECTIONS + 1];
    cyaml_schema_value_t root;
    const char *section_names[MOST_SECTIONS];
    size_t section_count;
} schema;

static void schema_build(schema *s) {
    memset(s, 0, sizeof *s);
    size_t count, f = 0;
    const vg_config_key *keys = vg_config_keys(&count);
    VG_ASSERT(count <= MOST_KEYS);
    for (size_t i = 0; i < count;) {
        const char *section = keys[i].section;
        const size_t first = i, first_field = f;
        for (; i < count && strcmp(keys[i].section, section) == 0; i++)
            s->fields[f++] =
                (cyaml_schema_field_t){.key = keys[i].name,
                                       .data_offset = (uint32_t)((i - first) * sizeof(char *)),
                                       .value = {.type = CYAML_STRING,
                                                 .flags = (enum cyaml_flag)(CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL),
                                                 .data_size = 1,
                                                 .string = {.min = 0, .max = VG_PATH_MAX * 2}}};
        f++; /* the entry without a key */
        VG_ASSERT(s->section_count < MOST_SECTIONS);
        s->section_names[s->section_count] = section;
        s->sections[s->section_count++] =
            (cyaml_schema_field_t){.key = section,
                                   .data_offset = (uint32_t)(first * sizeof(char *)),
                                   .value = {.type = CYAML_MAPPING,
                                             .flags = CYAML_FLAG_OPTIONAL,
                                             .data_size = (uint32_t)((i - first) * sizeof(char *)),
                                             .mapping = {.fields = &s->fields[first_field]}}};
    }
    s->root = (cyaml_schema_value_t){.type = CYAML_MAPPING,
                                     .flags = CYAML_FLAG_POINTER,
                                     .data_size = (uint32_t)(count * sizeof(char *)),
                                     .mapping = {.fields = s->sections}};
}

/* ---- what libcyaml has to say: a message, then where it happened, innermost first ---- */

typedef struct complaint {
    char message[256];
    char section[64]; /* of the trouble; empty at the top */
    char key[64];
    int line;
    bool warned;
} complaint;

static void on_log(cyaml_log_t level, void *context, const char *format, va_list args) {
    complaint *c = context;
    char text[320], field[64];
    vsnprintf(text, sizeof text, format, args);
    text[strcspn(text, "\n")] = '\0';
    const char *where = strstr(text, "(line: ");
    if (level == CYAML_LOG_WARNING) c->warned = true;
    if (strncmp(text, "Load: ", 6) == 0 && !c->message[0] && !strstr(text, "Backtrace")) {
        snprintf(c->message, sizeof c->message, "%.200s", text + 6);
    } else if (where) {
        if (!c->line) sscanf(where, "(line: %d", &c->line);
        if (sscanf(text, "  in mapping field '%63[^']'", field) == 1) {
            if (c->section[0]) snprintf(c->key, sizeof c->key, "%s", c->section);
            snprintf(c->section, sizeof c->section, "%s", field);
        }
    }
}

/* The names of all keys of a section; of the sections where `section` is empty. */
static size_t names_of(const schema *s, const char *section, const char *names[MOST_KEYS]) {
    if (!section[0]) {
        memcpy(names, s->section_names, s->section_count * sizeof *names);
        return s->section_count;
    }
    size_t count, n = 0;
    const vg_config_key *keys = vg_config_keys(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(keys[i].section, section) == 0) names[n++] = keys[i].name;
    return n;
}

/* The line of `section: ... key:` (of `key:` at the top where `section` is empty) in block style; 0 where it is written
 * otherwise. */
static int line_of(const char *text, const char *section, const char *key) {
    vg_lines lines = vg_lines_of(text, strlen(text));
    vg_span line;
    bool inside = section[0] == '\0';
    while (vg_lines_next(&lines, &line)) {
        const bool top = line.size && line.at[0] != ' ' && line.at[0] != '#';
        vg_span rest = line;
        const vg_span name = vg_span_trim(vg_span_field(&rest, ':'));
        if (!rest.at) continue;
        if (top && section[0]) inside = vg_span_is(name, section);
        if (inside && top == (section[0] == '\0') && vg_span_is(name, key)) return lines.number;
    }
    return 0;
}

/* "; did you mean ..." for an unknown key, also where the key belongs into another section. */
static vg_status unknown_key(const schema *s, const complaint *c, const char *text, const char *path, const char *key,
                             vg_error *err) {
    const char *names[MOST_KEYS];
    char place[96] = "at the top", where[VG_PATH_MAX + 16];
    if (c->section[0]) snprintf(place, sizeof place, "in `%s`", c->section);
    /* libcyaml names the line where the section begins; the key's own is better where it can be found */
    const int line = line_of(text, c->section, key);
    snprintf(where, sizeof where, "%.500s:%d", path, line ? line : c->line);
    size_t count;
    const vg_config_key *keys = vg_config_keys(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(keys[i].name, key) == 0)
            return vg_fail(err, VG_INVALID, "%s: key `%s` is unknown %s; it belongs into `%s`", where, key, place,
                           keys[i].section);
    const char *near = vg_nearest(key, names, names_of(s, c->section, names));
    if (near)
        return vg_fail(err, VG_INVALID, "%s: key `%s` is unknown %s; did you mean `%s`?", where, key, place, near);
    return vg_fail(err, VG_INVALID, "%s: key `%s` is unknown %s; docs/config.md lists all keys", where, key, place);
}

static vg_status explain(const schema *s, cyaml_err_t code, const complaint *c, const char *text, const char *path,
                         vg_error *err) {
    static const char unexpected[] = "Unexpected key: ";
    if (code == CYAML_ERR_OOM) return vg_fail(err, VG_NO_MEMORY, "%s: out of memory", path);
    if (code == CYAML_ERR_INVALID_KEY && strncmp(c->message, unexpected, sizeof unexpected - 1) == 0)
        return unknown_key(s, c, text, path, c->message + sizeof unexpected - 1, err);
    if (code == CYAML_ERR_LIBYAML_PARSER || !c->message[0])
        return vg_fail(err, VG_INVALID, "%s: not a configuration in YAML, from line %d on: %s", path, c->line,
                       c->message[0] ? c->message : "syntax");
    if (c->line && c->key[0])
        return vg_fail(err, VG_INVALID, "%s:%d: %s.%s: %s", path, c->line, c->section, c->key, c->message);
    if (c->line && c->section[0])
        return vg_fail(err, VG_INVALID, "%s:%d: `%s` must hold `key: value` lines (%s)", path, c->line, c->section,
                       c->message);
    return vg_fail(err, VG_INVALID, "%s: not a configuration in YAML: %s", path, c->message);
}

/* ---- reading ---- */

static vg_status set_all(vg_session_config *out, char *const *values, const char *text, const char *path,
                         vg_error *err) {
    size_t count;
    const vg_config_key *keys = vg_config_keys(&count);
    /* the preset chooses the defaults, so it comes first */
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < count; i++) {
            const bool preset = strcmp(keys[i].section, "world") == 0 && strcmp(keys[i].name, "preset") == 0;
            if (!values[i] || preset != (pass == 0)) continue;
            char name[64];
            snprintf(name, sizeof name, "%s.%s", keys[i].section, keys[i].name);
            const vg_status status = vg_session_config_set(out, name, values[i], err);
            if (status != VG_OK) {
                const int line = line_of(text, keys[i].section, keys[i].name);
                return line ? vg_fail_context(err, status, "%s:%d", path, line)
                            : vg_fail_context(err, status, "%s", path);
            }
            if (preset) *out = vg_session_config_default((vg_preset)out->world.preset);
        }
    }
    return VG_OK;
}

vg_status vg_session_config_parse(vg_session_config *out, const char *text, size_t size, const char *path,
                                  vg_error *err) {
    *out = vg_session_config_default(VG_PRESET_DEFAULT);
    if (size > LONGEST_FILE || strlen(text) != size)
        return vg_fail(err, VG_INVALID, "%s: not a configuration: %s", path,
                       size > LONGEST_FILE ? "longer than 1 MiB" : "it contains a NUL byte");
    schema s;
    schema_build(&s);
    complaint c = {0};
    const cyaml_config_t config = {.log_fn = on_log,
                                   .log_ctx = &c,
                                   .mem_fn = cyaml_mem,
                                   .log_level = CYAML_LOG_WARNING,
                                   .flags = CYAML_CFG_NO_ALIAS};
    char **values = NULL;
    const cyaml_err_t code =
        cyaml_load_data((const uint8_t *)text, size, &config, &s.root, (cyaml_data_t **)(void *)&values, NULL);
    vg_status status = VG_OK;
    if (code != CYAML_OK)
        status = explain(&s, code, &c, text, path, err);
    else if (c.warned)
        status = vg_fail(err, VG_INVALID, "%s: holds more than one YAML document", path);
    else if (values)
        status = set_all(out, values, text, path, err);
    if (values) cyaml_free(&config, &s.root, values, 0);
    if (status != VG_OK) return status;
    status = vg_session_config_check(out, err);
    return status == VG_OK ? VG_OK : vg_fail_context(err, status, "%s", path);
}

vg_status vg_session_config_load(vg_session_config *out, const char *path, vg_error *err) {
    char *text;
    size_t size;
    *out = vg_session_config_default(VG_PRESET_DEFAULT);
    VG_TRY(vg_file_load(&text, &size, path, err));
    const vg_status status = vg_session_config_parse(out, text, size, path, err);
    free(text);
    return status;
}

/* ---- writing ---- */

/* A text in YAML's double quotes, which carry any bytes that `set_text` lets in. */
static void write_quoted(FILE *out, const char *text) {
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') fputc('\\', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

vg_status vg_session_config_save(const vg_session_config *config, const char *path, vg_error *err) {
    vg_file file;
    VG_TRY(vg_file_create(&file, path, err));
    size_t count;
    const vg_config_key *keys = vg_config_keys(&count);
    fprintf(file.stream, "# Vergence %s: one session. docs/config.md explains every key.\n", VG_VERSION);
    for (size_t i = 0; i < count; i++) {
        char text[VG_PATH_MAX];
        if (i == 0 || strcmp(keys[i - 1].section, keys[i].section) != 0) fprintf(file.stream, "%s:\n", keys[i].section);
        fprintf(file.stream, "  %s: ", keys[i].name);
        vg_config_text(config, &keys[i], text);
        if (keys[i].type == VG_KEY_TEXT)
            write_quoted(file.stream, text);
        else
            fputs(text, file.stream);
        fprintf(file.stream, "%s%s\n", keys[i].unit[0] ? " # " : "", keys[i].unit);
    }
    return vg_file_commit(&file, err);
}

json_t *vg_session_config_json(const vg_session_config *config) {
    size_t count;
    const vg_config_key *keys = vg_config_keys(&count);
    json_t *root = json_object();
    for (size_t i = 0; i < count; i++) {
        const void *at = (const char *)config + keys[i].offset;
        char text[VG_PATH_MAX];
        json_t *value = NULL;
        switch (keys[i].type) {
        case VG_KEY_BOOL:
            value = json_boolean(*(const bool *)at);
            break;
        case VG_KEY_INT32:
            value = json_integer(*(const int32_t *)at);
            break;
        case VG_KEY_INT64:
            value = json_integer(*(const int64_t *)at);
            break;
        case VG_KEY_UINT64:
            value = json_integer((json_int_t) * (const uint64_t *)at);
            break;
        case VG_KEY_DOUBLE:
            value = json_real(*(const double *)at);
            break;
        default:
            value = json_string(vg_config_text(config, &keys[i], text));
            break;
        }
        if (!json_object_get(root, keys[i].section)) json_object_set_new(root, keys[i].section, json_object());
        json_object_set_new(json_object_get(root, keys[i].section), keys[i].name, value);
    }
    return root;
}

/* ---- docs/config.md ---- */

static void write_bounds(FILE *out, const vg_config_key *key) {
    char low[VG_NUMBER_SIZE], high[VG_NUMBER_SIZE];
    if (key->choices[0]) {
        vg_span rest = {key->choices, strlen(key->choices)};
        for (bool first = true; rest.at; first = false) {
            const vg_span name = vg_span_field(&rest, '|');
            fprintf(out, "%s`%.*s`", first ? "" : ", ", (int)name.size, name.at);
        }
    } else if (key->type == VG_KEY_UINT64) {
        fputs("0 … 2^64 − 1", out);
    } else if (key->type == VG_KEY_INT64 && key->high == 1099511627776.0) {
        fputs("1 … 2^40", out);
    } else if (key->type != VG_KEY_TEXT) {
        fprintf(out, "%s … %s", vg_number_text(low, key->low), vg_number_text(high, key->high));
    } else {
        fprintf(out, "text, at most %zu bytes", key->size - 1);
    }
}

void vg_session_config_reference(FILE *out) {
    const vg_session_config plain = vg_session_config_default(VG_PRESET_DEFAULT);
    const vg_session_config paper = vg_session_config_default(VG_PRESET_PAPER);
    size_t count;
    const vg_config_key *keys = vg_config_keys(&count);
    fputs("# Configuration of a session\n\n"
          "One YAML file: sections, each with `key: value` lines. Every key may be left out; then it has its default. "
          "Unknown\n"
          "keys and impossible values are errors that name the file, the line, the key, and the nearest known key or "
          "the\n"
          "bounds. `vergence train --set SECTION.KEY=VALUE` sets any key from the command line.\n"
          "Whole numbers may be written as `1e6`. This page is printed by `vergence config --reference`.\n",
          out);
    for (size_t i = 0; i < count; i++) {
        char a[VG_PATH_MAX], b[VG_PATH_MAX];
        if (i == 0 || strcmp(keys[i - 1].section, keys[i].section) != 0)
            fprintf(out, "\n## %s\n\n| key | default | bounds | unit | meaning |\n|---|---|---|---|---|\n",
                    keys[i].section);
        vg_config_text(&plain, &keys[i], a);
        vg_config_text(&paper, &keys[i], b);
        fprintf(out, "| `%s` | ", keys[i].name);
        if (a[0])
            fprintf(out, "`%s`", a);
        else
            fputs("empty", out);
        if (strcmp(a, b) != 0) fprintf(out, " (preset `paper`: `%s`)", b);
        fputs(" | ", out);
        write_bounds(out, &keys[i]);
        fprintf(out, " | %s | %s |\n", keys[i].unit, keys[i].about);
    }
}
