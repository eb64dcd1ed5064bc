/* Text files of others: see text.h. */
#include "common/text.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

vg_status vg_file_load(char **data, size_t *size, const char *path, vg_error *err) {
    *data = NULL;
    *size = 0;
    FILE *f = fopen(path, "rb");
    if (!f)
        return vg_fail(err, errno == ENOENT ? VG_NOT_FOUND : VG_IO, "%s: cannot be opened: %s", path, strerror(errno));
    struct stat st;
    if (fstat(fileno(f), &st) != 0 || !S_ISREG(st.st_mode)) {
        fclose(f);
        return vg_fail(err, VG_INVALID, "%s: is not a regular file; name a file", path);
    }
    if ((unsigned long long)st.st_size > VG_FILE_MAX) {
        fclose(f);
        return vg_fail(err, VG_INVALID, "%s: %lld bytes exceed the limit of %zu; split the file", path,
                       (long long)st.st_size, VG_FILE_MAX);
    }
    const size_t room = (size_t)st.st_size;
    char *text = malloc(room + 1);
    if (!text) {
        fclose(f);
        return vg_fail(err, VG_NO_MEMORY, "%s: no memory for its %zu bytes", path, room);
    }
    const size_t got = fread(text, 1, room, f);
    const bool bad = ferror(f) != 0;
    fclose(f);
    if (bad) {
        free(text);
        return vg_fail(err, VG_IO, "%s: cannot be read: %s", path, strerror(errno));
    }
    text[got] = '\0';
    *data = text;
    *size = got;
    return VG_OK;
}

vg_status vg_text_check(char *text, size_t *size, const char *name, vg_error *err) {
    if (*size == 0) return vg_fail(err, VG_CORRUPT, "%s: the file is empty", name);
    if (*size >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
        return vg_fail(err, VG_CORRUPT, "%s: the text is UTF-16; save it as UTF-8", name);
    const char *nul = memchr(text, '\0', *size);
    if (nul)
        return vg_fail(err, VG_CORRUPT, "%s: byte %zu is zero: a binary file where text should be, or a damaged one",
                       name, (size_t)(nul - text) + 1);
    if (*size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) memmove(text, text + 3, *size - 2), *size -= 3;
    return VG_OK;
}

vg_status vg_text_load(char **text, size_t *size, const char *path, vg_error *err) {
    VG_TRY(vg_file_load(text, size, path, err));
    const vg_status status = vg_text_check(*text, size, path, err);
    if (status != VG_OK) free(*text), *text = NULL;
    return status;
}

bool vg_span_is(vg_span span, const char *text) {
    return span.size == strlen(text) && memcmp(span.at, text, span.size) == 0;
}

bool vg_span_starts(vg_span span, const char *text) {
    const size_t n = strlen(text);
    return span.size >= n && memcmp(span.at, text, n) == 0;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f';
}

vg_span vg_span_trim(vg_span span) {
    while (span.size && is_blank(span.at[0])) span.at++, span.size--;
    while (span.size && is_blank(span.at[span.size - 1])) span.size--;
    return span;
}

void vg_span_copy(char *out, size_t room, vg_span span) {
    const size_t n = span.size < room - 1 ? span.size : room - 1;
    if (n) memcpy(out, span.at, n);
    out[n] = '\0';
}

vg_span vg_span_field(vg_span *rest, char separator) {
    const char *stop = rest->size ? memchr(rest->at, separator, rest->size) : NULL;
    vg_span field = *rest;
    if (stop) {
        field.size = (size_t)(stop - rest->at);
        rest->at = stop + 1;
        rest->size -= field.size + 1;
    } else {
        *rest = (vg_span){0};
    }
    return field;
}

vg_span vg_span_word(vg_span *rest) {
    while (rest->size && is_blank(rest->at[0])) rest->at++, rest->size--;
    vg_span word = {rest->at, 0};
    while (rest->size && !is_blank(rest->at[0])) rest->at++, rest->size--, word.size++;
    return word;
}

bool vg_span_double(vg_span span, double *out) {
    char text[64];
    span = vg_span_trim(span);
    if (!span.size || span.size >= sizeof text) return false;
    for (size_t i = 0; i < span.size; i++)
        if (span.at[i] == 'x' || span.at[i] == 'X' || span.at[i] == '\0')
            return false; /* strtod would take hexadecimal */
    vg_span_copy(text, sizeof text, span);
    char *end;
    *out = strtod(text, &end);
    return end == text + span.size;
}

bool vg_span_int(vg_span span, long *out) {
    char text[32];
    span = vg_span_trim(span);
    if (!span.size || span.size >= sizeof text) return false;
    vg_span_copy(text, sizeof text, span);
    char *end;
    errno = 0;
    *out = strtol(text, &end, 10);
    return end == text + span.size && errno == 0;
}

vg_lines vg_lines_of(const char *text, size_t size) {
    return (vg_lines){text, text + size, 0};
}

bool vg_lines_next(vg_lines *lines, vg_span *line) {
    if (lines->at >= lines->end) return false;
    const char *c = lines->at;
    while (c < lines->end && *c != '\n' && *c != '\r') c++;
    *line = (vg_span){lines->at, (size_t)(c - lines->at)};
    if (c < lines->end && *c == '\r' && c + 1 < lines->end && c[1] == '\n') c++;
    lines->at = c < lines->end ? c + 1 : c;
    lines->number++;
    return true;
}

const char *vg_number_text(char out[VG_NUMBER_SIZE], double value) {
    if (isnan(value)) return strcpy(out, "nan");
    for (int digits = 6; digits <= 17; digits += digits < 15 ? 9 : 1) {
        snprintf(out, VG_NUMBER_SIZE, "%.*g", digits, value);
        if (digits == 17 || strtod(out, NULL) == value) break;
    }
    return out;
}

vg_status vg_file_create(vg_file *file, const char *path, vg_error *err) {
    *file = (vg_file){0};
    char part[sizeof file->path + 8];
    if (strlen(path) >= sizeof file->path)
        return vg_fail(err, VG_INVALID, "%.200s...: the path is longer than %zu bytes", path, sizeof file->path - 1);
    snprintf(file->path, sizeof file->path, "%s", path);
    snprintf(part, sizeof part, "%s.part", path);
    file->stream = fopen(part, "wb");
    if (!file->stream)
        return vg_fail(err, VG_IO, "%s: cannot be written: %s; name a folder that exists and is writable", path,
                       strerror(errno));
    return VG_OK;
}

vg_status vg_file_commit(vg_file *file, vg_error *err) {
    char part[sizeof file->path + 8];
    snprintf(part, sizeof part, "%s.part", file->path);
    const bool bad = ferror(file->stream) != 0;
    const bool unflushed = fclose(file->stream) != 0;
    file->stream = NULL;
    if (bad || unflushed || rename(part, file->path) != 0) {
        const int why = errno;
        remove(part);
        return vg_fail(err, VG_IO, "%s: cannot be written: %s", file->path, strerror(why));
    }
    return VG_OK;
}

void vg_file_abandon(vg_file *file) {
    if (!file->stream) return;
    char part[sizeof file->path + 8];
    snprintf(part, sizeof part, "%s.part", file->path);
    fclose(file->stream);
    file->stream = NULL;
    remove(part);
}
