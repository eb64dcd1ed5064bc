/* The smallest difference is kept for two stretches of time in turn, so that an old one fades out. */
#include "sim_bridge/live/stream_clock.h"

#define STRETCH_NS 10000000000

int64_t vg_stream_clock_offset(const vg_stream_clock *c) {
    if (c->known || !c->begun) return 0;
    return c->smallest[0] < c->smallest[1] ? c->smallest[0] : c->smallest[1];
}

int64_t vg_stream_clock_take(vg_stream_clock *c, int64_t time_ns, int64_t now_ns) {
    const int64_t difference = now_ns - time_ns;
    if (!c->begun) {
        c->begun = true;
        c->since_ns = now_ns;
        c->smallest[0] = c->smallest[1] = difference;
    } else if (now_ns - c->since_ns > STRETCH_NS) {
        c->since_ns = now_ns;
        c->smallest[1] = c->smallest[0];
        c->smallest[0] = difference;
    } else if (difference < c->smallest[0]) {
        c->smallest[0] = difference;
    }
    return time_ns + vg_stream_clock_offset(c);
}
