/* A sliding window of the last 64 numbers, as IPsec's anti-replay window has it (RFC 4303, 3.4.3). */
#include "proto/stream_count.h"

enum { WINDOW = 64 };
#define FARTHEST 1000000 /* a jump farther than this is not loss: counting begins anew */

static vg_stream_news begin(vg_stream_count *c, uint64_t stream, uint64_t sequence) {
    const bool again = c->begun;
    c->begun = true;
    c->stream = stream, c->last = sequence, c->seen = 1;
    c->received++;
    c->restarts += again;
    return again ? VG_STREAM_RESTARTED : VG_STREAM_NEW;
}

vg_stream_news vg_stream_count_take(vg_stream_count *c, uint64_t stream, uint64_t sequence) {
    if (!c->begun || c->stream != stream) return begin(c, stream, sequence);
    if (sequence > c->last) {
        const uint64_t step = sequence - c->last;
        if (step > FARTHEST) return begin(c, stream, sequence);
        c->lost += (int64_t)step - 1;
        c->seen = step < WINDOW ? c->seen << step | 1 : 1;
        c->last = sequence;
        c->received++;
        return VG_STREAM_NEW;
    }
    const uint64_t behind = c->last - sequence;
    if (behind >= WINDOW || c->seen >> behind & 1) {
        c->duplicates++;
        return VG_STREAM_DUPLICATE;
    }
    c->seen |= (uint64_t)1 << behind;
    c->received++, c->reordered++;
    if (c->lost > 0) c->lost--; /* not so where it was sent before the first one seen */
    return VG_STREAM_NEW;
}
