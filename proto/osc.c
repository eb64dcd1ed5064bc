/* Everything is big-endian and padded to four bytes. */
#include "proto/osc.h"

#include "common/status.h"

#include <stdarg.h>
#include <string.h>

enum { HEAD = 16 }; /* "#bundle" and a time tag; the tag 1 means at once */

void vg_osc_begin(vg_osc *o, void *data, size_t room) {
    static const unsigned char head[HEAD] = "#bundle\0\0\0\0\0\0\0\0\1";
    VG_ASSERT(room >= HEAD);
    *o = (vg_osc){.data = data, .size = HEAD, .room = room};
    memcpy(data, head, HEAD);
}

bool vg_osc_empty(const vg_osc *o) {
    return o->size == HEAD;
}

static bool put(vg_osc *o, const void *data, size_t size) {
    const size_t padded = (size + 3) & ~(size_t)3;
    if (padded > o->room - o->size) return false;
    memset(o->data + o->size, 0, padded);
    memcpy(o->data + o->size, data, size);
    o->size += padded;
    return true;
}

static bool put_text(vg_osc *o, const char *text) {
    return put(o, text, strlen(text) + 1);
}

static void store_u32(unsigned char *at, uint32_t x) {
    at[0] = (unsigned char)(x >> 24), at[1] = (unsigned char)(x >> 16), at[2] = (unsigned char)(x >> 8),
    at[3] = (unsigned char)x;
}

static bool put_u32(vg_osc *o, uint32_t x) {
    unsigned char bytes[4];
    store_u32(bytes, x);
    return put(o, bytes, sizeof bytes);
}

static bool put_float(vg_osc *o, double x) {
    const float narrow = (float)x;
    uint32_t bits;
    memcpy(&bits, &narrow, sizeof bits);
    return put_u32(o, bits);
}

bool vg_osc_add(vg_osc *o, const char *address, const char *types, ...) {
    const size_t start = o->size;
    char tags[32] = ",";
    VG_ASSERT(strlen(types) < sizeof tags - 1);
    strcat(tags, types);
    bool good = put_u32(o, 0) && put_text(o, address) && put_text(o, tags);
    va_list args;
    va_start(args, types);
    for (const char *t = types; *t && good; t++)
        good = *t == 's'   ? put_text(o, va_arg(args, const char *))
               : *t == 'i' ? put_u32(o, (uint32_t)va_arg(args, int32_t))
                           : put_float(o, va_arg(args, double));
    va_end(args);
    if (good)
        store_u32(o->data + start, (uint32_t)(o->size - start - 4));
    else
        o->size = start;
    return good;
}
