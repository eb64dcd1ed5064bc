/* The UnrealCV wire: see wire.h. */
#include "sim_bridge/unrealcv/wire.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- frames -------------------------------------------------------------------------------------------------------- */

static void put_u32(unsigned char *out, uint32_t v) {
    for (int i = 0; i < 4; i++) out[i] = (unsigned char)(v >> 8 * i);
}

void ucv_frame_head(unsigned char out[UCV_HEAD], uint32_t payload) {
    put_u32(out, UCV_MAGIC);
    put_u32(out + 4, payload);
}

ucv_scan ucv_frame_scan(vg_span *payload, const void *data, size_t size, size_t cap) {
    const unsigned char *d = data;
    unsigned char magic[4];
    put_u32(magic, UCV_MAGIC);
    if (memcmp(d, magic, size < 4 ? size : 4) != 0) return UCV_SCAN_MAGIC;
    if (size < UCV_HEAD) return UCV_SCAN_MORE;
    const size_t bytes = (size_t)d[4] | (size_t)d[5] << 8 | (size_t)d[6] << 16 | (size_t)d[7] << 24;
    if (bytes == 0 || bytes > cap) return UCV_SCAN_SIZE;
    if (size - UCV_HEAD < bytes) return UCV_SCAN_MORE;
    *payload = (vg_span){(const char *)d + UCV_HEAD, bytes};
    return UCV_SCAN_FRAME;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool ucv_request_split(vg_span *id, vg_span *command, vg_span payload) {
    const char *end = payload.at + payload.size;
    for (const char *p = payload.at; p < end;) {
        if (!is_digit(*p)) {
            p++;
            continue;
        }
        const char *first = p;
        while (p < end && is_digit(*p)) p++;
        if (p == end || *p != ':' || p - first > 20) continue;
        *id = (vg_span){first, (size_t)(p - first)};
        const char *body = ++p;
        while (p < end && *p != '\n' && *p != '\r') p++;
        *command = (vg_span){body, (size_t)(p - body)};
        return true;
    }
    return false;
}

/* --- command templates --------------------------------------------------------------------------------------------- */

static const char *digits_of(const char *p, const char *end) {
    while (p < end && is_digit(*p)) p++;
    return p;
}

/* End of the decimal number at p, or NULL. */
static const char *float_of(const char *p, const char *end) {
    if (p < end && (*p == '-' || *p == '+')) p++;
    const char *whole = digits_of(p, end);
    const char *after = whole;
    if (after < end && *after == '.') after = digits_of(after + 1, end);
    if (whole == p && after <= whole + 1) return NULL; /* no digit at all */
    if (after < end && (*after == 'e' || *after == 'E')) {
        const char *exponent = after + 1;
        if (exponent < end && (*exponent == '-' || *exponent == '+')) exponent++;
        const char *last = digits_of(exponent, end);
        if (last > exponent) after = last;
    }
    return after;
}

typedef struct matcher {
    vg_span *args;
    int count;
    const char *end; /* of the text */
} matcher;

static bool match_from(matcher *m, const char *pattern, const char *text);

/* A bracket that took the text up to `stop`, or less of it: the longest that lets the rest match. */
static bool match_upto(matcher *m, const char *pattern, const char *text, const char *stop, const char *least) {
    const int slot = m->count;
    if (slot >= UCV_ARGS) return false;
    for (const char *p = stop; p >= least; p--) {
        m->args[slot] = (vg_span){text, (size_t)(p - text)};
        m->count = slot + 1;
        if (match_from(m, pattern, p)) return true;
    }
    m->count = slot;
    return false;
}

static bool match_bracket(matcher *m, const char *pattern, const char *text) {
    const char *rest = strchr(pattern, ']') + 1, *stop = text;
    if (strncmp(pattern, "[str]", 5) == 0) {
        while (stop < m->end && *stop != ' ') stop++;
        /* a blank or the end follows in most templates: nothing to go back for */
        const bool alone = *rest == '\0' || *rest == ' ';
        return match_upto(m, rest, text, stop, alone ? stop : text);
    }
    if (strncmp(pattern, "[cam]", 5) == 0) {
        while (stop < m->end && *stop != ' ' && *stop != '/') stop++;
        return stop > text && match_upto(m, rest, text, stop, stop);
    }
    stop = strncmp(pattern, "[uint]", 6) == 0 ? digits_of(text, m->end) : float_of(text, m->end);
    return stop && stop > text && match_upto(m, rest, text, stop, stop);
}

static bool match_from(matcher *m, const char *pattern, const char *text) {
    for (; *pattern; pattern++, text++) {
        if (*pattern == '[') return match_bracket(m, pattern, text);
        if (text == m->end || *text != *pattern) return false;
    }
    while (text < m->end && *text == ' ') text++;
    return text == m->end;
}

bool ucv_match(const char *pattern, vg_span text, vg_span args[UCV_ARGS], int *count) {
    matcher m = {.args = args, .end = text.at + text.size};
    const bool matches = match_from(&m, pattern, text.at);
    *count = m.count;
    return matches;
}

/* --- replies ------------------------------------------------------------------------------------------------------- */

void ucv_buffer_free(ucv_buffer *b) {
    free(b->data);
    *b = (ucv_buffer){.cap = b->cap};
}

unsigned char *ucv_reserve(ucv_buffer *b, size_t bytes) {
    if (bytes > b->cap || b->size > b->cap - bytes) {
        b->full = true;
        return NULL;
    }
    if (b->size + bytes > b->room) {
        size_t room = b->room ? b->room : 4096;
        while (room < b->size + bytes) room *= 2;
        unsigned char *data = realloc(b->data, room);
        if (!data) {
            b->full = true;
            return NULL;
        }
        b->data = data, b->room = room;
    }
    unsigned char *out = b->data + b->size;
    b->size += bytes;
    return out;
}

void ucv_put(ucv_buffer *b, const void *bytes, size_t size) {
    if (size == 0) return;
    unsigned char *out = ucv_reserve(b, size);
    if (out) memcpy(out, bytes, size);
}

void ucv_print(ucv_buffer *b, const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    const int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (size > 0) ucv_put(b, text, (size_t)size < sizeof text ? (size_t)size : sizeof text - 1);
}

void ucv_put_number(ucv_buffer *b, double value, int digits) {
    static const double power[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};
    VG_ASSERT(digits >= 0 && digits <= 6);
    const double scaled = rint(fabs(value) * power[digits]);
    char text[352], *end = text + sizeof text, *p = end;
    if (!(scaled < 1e15)) { /* too large to count in, or not a number */
        ucv_print(b, "%.*f", digits, value);
        return;
    }
    uint64_t units = (uint64_t)scaled;
    const bool negative = value < 0 && units != 0;
    for (int i = 0; i < digits; i++, units /= 10) *--p = (char)('0' + units % 10);
    if (digits > 0) *--p = '.';
    do *--p = (char)('0' + units % 10);
    while ((units /= 10) != 0);
    if (negative) *--p = '-';
    ucv_put(b, p, (size_t)(end - p));
}

void ucv_put_triple(ucv_buffer *b, const double v[3]) {
    for (int k = 0; k < 3; k++) {
        if (k) ucv_put(b, " ", 1);
        ucv_put_number(b, v[k], 3);
    }
}

size_t ucv_reply_begin(ucv_buffer *b, const vg_span *id) {
    const size_t begun = b->size;
    ucv_reserve(b, UCV_HEAD);
    if (id) {
        ucv_put(b, id->at, id->size);
        ucv_put(b, ":", 1);
    }
    return begun;
}

void ucv_reply_end(ucv_buffer *b, size_t begun) {
    if (!b->full) ucv_frame_head(b->data + begun, (uint32_t)(b->size - begun - UCV_HEAD));
}
