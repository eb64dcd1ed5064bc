/* Hand-over between two threads without locks: three slots, of which the writer owns one, the reader one, and one lies in
 * the box. Putting swaps the writer's slot with the box, taking swaps the reader's; neither ever waits, and the reader
 * always gets the newest. Slots are indices 0..2 into arrays that the owner keeps. */
#ifndef VG_AGENTS_MAILBOX_H
#define VG_AGENTS_MAILBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { VG_MAILBOX_WRITER_FIRST = 0, VG_MAILBOX_READER_FIRST = 2, VG_MAILBOX_FRESH = 4 };

typedef struct vg_mailbox {
    _Atomic uint32_t box; /* slot index, plus VG_MAILBOX_FRESH where the reader has not seen it */
} vg_mailbox;

static inline void vg_mailbox_init(vg_mailbox *m) {
    atomic_init(&m->box, 1);
}

/* Puts the writer's slot in the box; *slot becomes the one to write next. True where a slot that nobody took was
 * overwritten. */
static inline bool vg_mailbox_put(vg_mailbox *m, uint32_t *slot) {
    const uint32_t old = atomic_exchange_explicit(&m->box, *slot | VG_MAILBOX_FRESH, memory_order_acq_rel);
    *slot = old & 3u;
    return (old & VG_MAILBOX_FRESH) != 0;
}

/* Takes what is in the box if it is fresh; *slot becomes the one to read. */
static inline bool vg_mailbox_take(vg_mailbox *m, uint32_t *slot) {
    if (!(atomic_load_explicit(&m->box, memory_order_acquire) & VG_MAILBOX_FRESH)) return false;
    *slot = atomic_exchange_explicit(&m->box, *slot, memory_order_acq_rel) & 3u;
    return true;
}

#endif
