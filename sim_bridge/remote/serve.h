/* Serves any world to one client at a time over ZeroMQ (docs/protocol.md). */
#ifndef VG_SIM_BRIDGE_REMOTE_SERVE_H
#define VG_SIM_BRIDGE_REMOTE_SERVE_H

#include "sim_bridge/world.h"

#include <stdatomic.h>

typedef struct vg_serve_config {
    const char *listen;                                 /* tcp://ADDRESS:PORT (PORT may be *) or ipc:///PATH */
    double lease_seconds;                               /* a client silent for so long may be replaced by another one */
    const atomic_bool *stop;                            /* the server returns soon after this becomes true */
    void (*ready)(void *context, const char *endpoint); /* called once with the bound endpoint; may be NULL */
    void *context;
    uint32_t pictures;    /* offered: bit per vg_picture_kind; only of embedded worlds */
    int32_t jpeg_quality; /* of lit pictures, 1 to 100; 0: raw */
    bool live;            /* time runs by the clock, and a step is answered with the newest frame */
    const vg_log *log;    /* may be NULL */
} vg_serve_config;

vg_serve_config vg_serve_config_default(void); /* tcp://127.0.0.1:5555, 10 s */

/* Runs on the calling thread until stopped. The world is stepped here and nowhere else. */
vg_status vg_serve_world(vg_world *world, const vg_serve_config *config, vg_error *err);

#endif
