/* Open Sound Control 1.0 (opensoundcontrol.org), the part that VMC needs: messages of text, whole and real numbers in bundles
 * that fit a datagram. */
#ifndef VG_PROTO_OSC_H
#define VG_PROTO_OSC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A bundle being built in the caller's memory. */
typedef struct vg_osc {
    unsigned char *data;
    size_t size, room;
} vg_osc;

/* Begins an empty bundle, to be acted on at once. `room` at least 16. */
void vg_osc_begin(vg_osc *osc, void *data, size_t room);
bool vg_osc_empty(const vg_osc *osc);
/* Adds a message. `types` says what follows: 's' const char *, 'i' int32_t, 'f' double. False, and nothing added, where it
 * does not fit. */
bool vg_osc_add(vg_osc *osc, const char *address, const char *types, ...);

#endif
