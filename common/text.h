/* Text files of others: loading whole files, walking through their lines and words, numbers that survive a round trip,
 * and writing so that a reader never sees half a file. Numbers are read and written in the "C" locale, which the
 * program never leaves. */
#ifndef VG_COMMON_TEXT_H
#define VG_COMMON_TEXT_H

#include "common/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define VG_FILE_MAX ((size_t)1 << 30) /* bytes; larger files are refused */

/* The whole file at `path`, with one NUL after its last byte. Release with free(). */
vg_status vg_file_load(char **data, size_t *size, const char *path, vg_error *err);

/* What was loaded, as text: a byte order mark is taken off. VG_CORRUPT, with the mend, where it is empty, UTF-16 or binary. */
vg_status vg_text_check(char *text, size_t *size, const char *name, vg_error *err);
/* vg_file_load and vg_text_check. */
vg_status vg_text_load(char **text, size_t *size, const char *path, vg_error *err);

/* A stretch of text inside another; not NUL-terminated. */
typedef struct vg_span {
    const char *at;
    size_t size;
} vg_span;

bool vg_span_is(vg_span span, const char *text);         /* equal */
bool vg_span_starts(vg_span span, const char *text);     /* begins with */
vg_span vg_span_trim(vg_span span);                      /* without blanks, tabs, CR, LF at both ends */
void vg_span_copy(char *out, size_t room, vg_span span); /* NUL-terminated, cut where it does not fit */
/* The part before the next `separator`; `rest` moves behind it. At the end of the text `rest->at` becomes NULL. */
vg_span vg_span_field(vg_span *rest, char separator);
/* The next word between blanks, tabs and line ends; empty at the end. */
vg_span vg_span_word(vg_span *rest);

/* The whole span as a decimal number ("1.5", "-2e3", ".0083", "nan"). False where it is anything else. */
bool vg_span_double(vg_span span, double *out);
bool vg_span_int(vg_span span, long *out);

/* Walks a text line by line; understands LF, CRLF and CR. */
typedef struct vg_lines {
    const char *at, *end;
    int number; /* of the line last handed out, from 1 */
} vg_lines;

vg_lines vg_lines_of(const char *text, size_t size);
bool vg_lines_next(vg_lines *lines, vg_span *line); /* without its line end; false after the last line */

#define VG_NUMBER_SIZE 32
/* The shortest decimal text that reads back as exactly `value`; "nan" for NaN. Returns `out`. */
const char *vg_number_text(char out[VG_NUMBER_SIZE], double value);

/* A file being written: it carries the name PATH.part until vg_file_commit renames it. */
typedef struct vg_file {
    FILE *stream;
    char path[1024];
} vg_file;

vg_status vg_file_create(vg_file *file, const char *path, vg_error *err);
vg_status vg_file_commit(vg_file *file, vg_error *err);
void vg_file_abandon(vg_file *file); /* removes what was written; harmless after commit */

#endif
