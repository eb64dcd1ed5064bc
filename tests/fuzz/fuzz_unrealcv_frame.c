/* What clients send, in pieces of any size: frames are found whole, within what arrived, and as in one piece. */
#include "sim_bridge/unrealcv/handlers.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CAP ((size_t)1 << 16)

/* Walks `data` as if only `arrived` bytes were there; returns how many frames it found and where it stopped. */
static size_t walk(const uint8_t *data, size_t arrived, size_t *stopped, ucv_scan *last) {
    size_t frames = 0, at = 0;
    for (;;) {
        vg_span payload, id, command, args[UCV_ARGS];
        *last = ucv_frame_scan(&payload, data + at, arrived - at, CAP);
        *stopped = at;
        if (*last != UCV_SCAN_FRAME) return frames;
        VG_ASSERT(payload.size > 0 && payload.size <= CAP && payload.at == (const char *)data + at + UCV_HEAD);
        at += UCV_HEAD + payload.size, frames++;
        VG_ASSERT(at <= arrived);
        if (!ucv_request_split(&id, &command, payload)) continue;
        VG_ASSERT(id.size > 0 && command.at + command.size <= payload.at + payload.size);
        size_t count;
        const ucv_command *commands = ucv_commands(&count);
        for (size_t i = 0; i < count; i++) {
            int n;
            if (!ucv_match(commands[i].pattern, command, args, &n)) continue;
            for (int k = 0; k < n; k++)
                VG_ASSERT(args[k].at >= command.at && args[k].at + args[k].size <= command.at + command.size);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    /* a copy of exactly these bytes, so that reading beyond them is seen */
    uint8_t *copy = malloc(size);
    memcpy(copy, data, size);
    size_t whole_stop, part_stop;
    ucv_scan whole, part;
    const size_t frames = walk(copy, size, &whole_stop, &whole);
    for (size_t arrived = data[0] % 7; arrived < size; arrived += 1 + data[arrived] % 13) {
        VG_ASSERT(walk(copy, arrived, &part_stop, &part) <= frames && part_stop <= whole_stop);
        /* a connection is given up early only where it would be in the end */
        VG_ASSERT(part == UCV_SCAN_MORE || (part == whole && part_stop == whole_stop));
    }
    free(copy);
    return 0;
}
