/* Counting the messages of a stream by their sequence numbers: what was lost on the way, came twice or out of order.
 * Zero-initialise. */
#ifndef VG_PROTO_STREAM_COUNT_H
#define VG_PROTO_STREAM_COUNT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct vg_stream_count {
    uint64_t stream;    /* which run of the publisher */
    uint64_t last;      /* highest number seen */
    uint64_t seen;      /* bit i: number last - i was seen */
    int64_t received;   /* messages that were new */
    int64_t lost;       /* numbers passed over and not seen since */
    int64_t duplicates; /* came again, or too late to tell */
    int64_t reordered;  /* came after a later one */
    int64_t restarts;   /* of the publisher */
    bool begun;
} vg_stream_count;

typedef enum vg_stream_news { VG_STREAM_NEW, VG_STREAM_DUPLICATE, VG_STREAM_RESTARTED } vg_stream_news;

/* Takes in one message's numbers. RESTARTED: it is new, and the first of another run. */
vg_stream_news vg_stream_count_take(vg_stream_count *count, uint64_t stream, uint64_t sequence);

#endif
