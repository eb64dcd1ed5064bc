/* TOML to a tree, as much of TOML 1.0 as configuration files use: tables, arrays of tables, dotted and quoted keys,
 * strings of all four kinds, numbers, booleans, dates (kept as strings), arrays, inline tables. Our own, because camera
 * order is that of the file, which the packaged parser (cpptoml 0.1.1) loses in its hash maps, and because that one recurses
 * without bound: 200 kB of `[` end the process. */
#include "calibration/files_tree.h"
#include "common/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct parser {
    const char *name, *at, *end;
    int line;
    json_t *headed; /* which tables had a header of their own: their addresses */
    vg_error *err;
} parser;

static vg_status fail(parser *p, const char *what) {
    char near[41];
    const size_t left = (size_t)(p->end - p->at);
    size_t n = 0;
    while (n < left && n < sizeof near - 1 && p->at[n] != '\n' && p->at[n] != '\r') near[n] = p->at[n], n++;
    near[n] = '\0';
    if (!left)
        return vg_fail(p->err, VG_CORRUPT, "%s: line %d: the file ends where %s should be; it was cut short", p->name,
                       p->line, what);
    return vg_fail(p->err, VG_CORRUPT, "%s: line %d: `%s` where %s should be; not TOML, or damaged", p->name, p->line,
                   near, what);
}

static vg_status no_memory(parser *p) {
    return vg_fail(p->err, VG_NO_MEMORY, "%s: no memory for its content", p->name);
}

static char peek(const parser *p) {
    return p->at < p->end ? *p->at : '\0';
}

/* Skips blanks and comments; line ends too where `lines`. */
static void skip_blank(parser *p, bool lines) {
    for (; p->at < p->end; p->at++) {
        if (*p->at == '#') {
            while (p->at < p->end && *p->at != '\n') p->at++;
            if (p->at == p->end) return;
        }
        if (*p->at == '\n' || *p->at == '\r') {
            if (!lines) return;
            p->line += *p->at == '\n';
        } else if (*p->at != ' ' && *p->at != '\t') {
            return;
        }
    }
}

static bool is_bare(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

/* --- strings ------------------------------------------------------------------------------------------------------- */

static size_t put_utf8(char *out, unsigned long c) {
    if (c < 0x80) return out[0] = (char)c, 1;
    if (c < 0x800) return out[0] = (char)(0xc0 | c >> 6), out[1] = (char)(0x80 | (c & 63)), 2;
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12), out[1] = (char)(0x80 | (c >> 6 & 63)), out[2] = (char)(0x80 | (c & 63));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18), out[1] = (char)(0x80 | (c >> 12 & 63));
    out[2] = (char)(0x80 | (c >> 6 & 63)), out[3] = (char)(0x80 | (c & 63));
    return 4;
}

/* The escape after a backslash, written to `out`; its length there, or -1. */
static int read_escape(parser *p, char *out) {
    static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
    const char c = peek(p);
    const char *found = c ? strchr(from, c) : NULL;
    if (found) {
        p->at++;
        return out[0] = to[found - from], 1;
    }
    const int digits = c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (!digits || p->end - p->at <= digits) return -1;
    char hex[9] = {0}, *stop;
    memcpy(hex, p->at + 1, (size_t)digits);
    const unsigned long code = strtoul(hex, &stop, 16);
    if (*stop || code == 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return -1;
    p->at += 1 + digits;
    return (int)put_utf8(out, code);
}

/* A string of any kind; its quote is the next character. */
static vg_status read_string(parser *p, json_t **out) {
    const char quote = *p->at;
    const bool triple = p->end - p->at >= 3 && p->at[1] == quote && p->at[2] == quote;
    p->at += triple ? 3 : 1;
    if (triple && peek(p) == '\r') p->at++;
    if (triple && peek(p) == '\n') p->at++, p->line++;
    char *text = malloc((size_t)(p->end - p->at) + 1); /* escapes only shrink */
    if (!text) return no_memory(p);
    size_t n = 0;
    for (;;) {
        const char c = peek(p);
        if (p->at >= p->end || (!triple && (c == '\n' || c == '\r'))) {
            free(text);
            return fail(p, "the end of a string");
        }
        if (c == quote && (!triple || (p->end - p->at >= 3 && p->at[1] == quote && p->at[2] == quote))) break;
        p->at++;
        p->line += c == '\n';
        if (c == '\\' && quote == '"') {
            const int got = read_escape(p, text + n);
            if (got < 0) {
                free(text);
                return fail(p, "an escape of a string");
            }
            n += (size_t)got;
        } else {
            text[n++] = c;
        }
    }
    p->at += triple ? 3 : 1;
    *out = json_stringn(text, n);
    free(text);
    return *out ? VG_OK : fail(p, "a string in UTF-8");
}

/* One part of a key; its text, NUL-terminated, into `key`. */
static vg_status read_key(parser *p, char *key, size_t room) {
    skip_blank(p, false);
    if (peek(p) == '"' || peek(p) == '\'') {
        json_t *text = NULL;
        VG_TRY(read_string(p, &text));
        const size_t n = json_string_length(text);
        const bool fits = n < room && strlen(json_string_value(text)) == n;
        if (fits) memcpy(key, json_string_value(text), n + 1);
        json_decref(text);
        if (!fits) return fail(p, "a shorter key before this");
    } else {
        size_t n = 0;
        while (p->at < p->end && is_bare(*p->at) && n + 1 < room) key[n++] = *p->at++;
        key[n] = '\0';
        if (!n || is_bare(peek(p))) return fail(p, "a key");
    }
    skip_blank(p, false);
    return VG_OK;
}

/* --- values -------------------------------------------------------------------------------------------------------- */

static vg_status read_value(parser *p, json_t **out, int depth);
static vg_status read_pair(parser *p, json_t *table, int depth);

/* Numbers, booleans and dates: everything up to a comma, bracket, comment or line end. */
static vg_status read_bare(parser *p, json_t **out) {
    vg_span word = {p->at, 0};
    while (p->at < p->end && !strchr(",]}#\n\r", *p->at)) p->at++, word.size++;
    word = vg_span_trim(word);
    char digits[64];
    size_t n = 0;
    for (size_t i = 0; i < word.size && n < sizeof digits; i++)
        if (word.at[i] != '_') digits[n++] = word.at[i];
    double number;
    long whole;
    const vg_span plain = {digits, n};
    if (vg_span_is(word, "true") || vg_span_is(word, "false"))
        *out = json_boolean(word.at[0] == 't');
    else if (n < sizeof digits && vg_span_int(plain, &whole))
        *out = json_integer(whole);
    else if (n < sizeof digits && vg_span_double(plain, &number) && isfinite(number))
        *out = json_real(number);
    else if (word.size && n < sizeof digits && word.at[0] != '=')
        *out = json_stringn(word.at, word.size); /* a date, inf or nan: who needs a number will say so */
    else {
        p->at = word.at;
        return fail(p, "a value");
    }
    return *out ? VG_OK : fail(p, "a value in UTF-8");
}

static vg_status read_array(parser *p, json_t **out, int depth) {
    p->at++;
    *out = json_array();
    if (!*out) return no_memory(p);
    for (;;) {
        skip_blank(p, true);
        if (peek(p) == ']') break;
        json_t *value = NULL;
        VG_TRY(read_value(p, &value, depth + 1));
        if (json_array_append_new(*out, value)) return no_memory(p);
        skip_blank(p, true);
        if (peek(p) == ',')
            p->at++;
        else if (peek(p) != ']')
            return fail(p, "`,` or `]`");
    }
    p->at++;
    return VG_OK;
}

static vg_status read_inline_table(parser *p, json_t **out, int depth) {
    p->at++;
    *out = json_object();
    if (!*out) return no_memory(p);
    for (;;) {
        skip_blank(p, false);
        if (peek(p) == '}') break;
        VG_TRY(read_pair(p, *out, depth + 1));
        skip_blank(p, false);
        if (peek(p) == ',')
            p->at++;
        else if (peek(p) != '}')
            return fail(p, "`,` or `}`");
    }
    p->at++;
    return VG_OK;
}

/* On failure *out may hold what was begun; the caller releases it. */
static vg_status read_value_into(parser *p, json_t **out, int depth) {
    if (depth > TREE_MAX_DEPTH) return fail(p, "a value nested less deeply");
    const char c = peek(p);
    if (c == '"' || c == '\'') return read_string(p, out);
    if (c == '[') return read_array(p, out, depth);
    if (c == '{') return read_inline_table(p, out, depth);
    return read_bare(p, out);
}

static vg_status read_value(parser *p, json_t **out, int depth) {
    *out = NULL;
    const vg_status status = read_value_into(p, out, depth);
    if (status != VG_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return status;
}

/* --- tables -------------------------------------------------------------------------------------------------------- */

/* The table under `key`, made where absent; of an array of tables, the last. */
static json_t *enter(json_t *table, const char *key) {
    json_t *inner = json_object_get(table, key);
    if (json_is_array(inner)) inner = json_array_get(inner, json_array_size(inner) - 1);
    if (inner) return json_is_object(inner) ? inner : NULL;
    inner = json_object();
    return inner && !json_object_set_new(table, key, inner) ? inner : NULL;
}

/* key = value, the key perhaps dotted. */
static vg_status read_pair(parser *p, json_t *table, int depth) {
    char key[256];
    VG_TRY(read_key(p, key, sizeof key));
    for (int parts = depth; peek(p) == '.'; parts++) {
        p->at++;
        table = enter(table, key);
        if (!table || parts > TREE_MAX_DEPTH) return fail(p, "a key that is not taken");
        VG_TRY(read_key(p, key, sizeof key));
    }
    if (peek(p) != '=') return fail(p, "`=`");
    p->at++;
    skip_blank(p, false);
    if (json_object_get(table, key)) return fail(p, "a key that was not given before");
    json_t *value = NULL;
    VG_TRY(read_value(p, &value, depth));
    return json_object_set_new(table, key, value) ? fail(p, "a key in UTF-8") : VG_OK;
}

/* [table] or [[array of tables]]; `current` becomes it. */
static vg_status read_header(parser *p, json_t *root, json_t **current) {
    const char *header = p->at;
    const bool array = p->end - p->at >= 2 && header[1] == '[';
    p->at += array ? 2 : 1;
    json_t *table = root;
    char key[256];
    VG_TRY(read_key(p, key, sizeof key));
    for (int parts = 0; peek(p) == '.'; parts++) {
        p->at++;
        table = enter(table, key);
        if (!table || parts > TREE_MAX_DEPTH) return fail(p, "the name of a table");
        VG_TRY(read_key(p, key, sizeof key));
    }
    if (peek(p) != ']' || (array && (p->end - p->at < 2 || p->at[1] != ']'))) return fail(p, "`]`");
    p->at += array ? 2 : 1;
    if (!array) {
        *current = enter(table, key);
        char address[32];
        snprintf(address, sizeof address, "%p", (void *)*current);
        if (!*current || json_object_get(p->headed, address)) {
            p->at = header;
            return fail(p, "a table whose name is not taken");
        }
        return json_object_set_new(p->headed, address, json_true()) ? no_memory(p) : VG_OK;
    }
    json_t *list = json_object_get(table, key);
    if (!list) {
        list = json_array();
        if (!list || json_object_set_new(table, key, list)) return no_memory(p);
    }
    if (!json_is_array(list)) return fail(p, "a table whose name is not taken");
    *current = json_object();
    if (!*current || json_array_append_new(list, *current)) return no_memory(p);
    return VG_OK;
}

vg_status tree_from_toml(json_t **out, const char *name, const char *text, size_t size, vg_error *err) {
    parser p = {.name = name, .at = text, .end = text + size, .line = 1, .headed = json_object(), .err = err};
    json_t *root = json_object(), *current = root;
    vg_status status = root && p.headed ? VG_OK : no_memory(&p);
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) p.at += 3;
    while (status == VG_OK) {
        skip_blank(&p, true);
        if (p.at >= p.end) break;
        status = *p.at == '[' ? read_header(&p, root, &current) : read_pair(&p, current, 0);
        if (status != VG_OK) break;
        skip_blank(&p, false);
        if (p.at < p.end && *p.at != '\n' && *p.at != '\r') status = fail(&p, "the end of the line");
    }
    json_decref(p.headed);
    if (status != VG_OK) {
        json_decref(root);
        root = NULL;
    }
    *out = root;
    return status;
}
