/* Clocks of other machines, from when messages came: a picture cannot come before it was taken, so the smallest difference
 * between arrival and capture over the last 10 to 20 seconds is the clock's offset plus the shortest way there is. Two clocks
 * are off against one another by the difference of their shortest ways, a millisecond or so in one network. Zero-initialise. */
#ifndef VG_SIM_BRIDGE_LIVE_STREAM_CLOCK_H
#define VG_SIM_BRIDGE_LIVE_STREAM_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

typedef struct vg_stream_clock {
    char name[72];
    bool known; /* it is ours: nothing to estimate */
    bool begun;
    int64_t since_ns;    /* when the newer of the two stretches of time began */
    int64_t smallest[2]; /* difference in the newer and in the older */
} vg_stream_clock;

/* Takes in a message taken at `time_ns` by that clock, which came at `now_ns` by ours; returns when it was taken by ours. */
int64_t vg_stream_clock_take(vg_stream_clock *clock, int64_t time_ns, int64_t now_ns);
/* What to add to its times. */
int64_t vg_stream_clock_offset(const vg_stream_clock *clock);

#endif
