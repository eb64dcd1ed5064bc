/* One client of the UnrealCV server: what came in, what goes out, and when it last made progress. */
#ifndef VG_SIM_BRIDGE_UNREALCV_PEER_H
#define VG_SIM_BRIDGE_UNREALCV_PEER_H

#include "sim_bridge/unrealcv/game.h"

typedef struct ucv_peer {
    int fd;      /* -1: free */
    bool tcp;    /* else a Unix socket */
    bool closed; /* the other side sends nothing more */
    char name[64];
    ucv_session session;
    ucv_buffer in, out;
    int64_t partial_ns; /* since when half a frame waits for its rest; 0: none waits */
    int64_t stuck_ns;   /* since when nothing of `out` could be sent; 0: nothing waits */
    uint32_t events;    /* epoll's interest */
} ucv_peer;

/* Requests are taken up while no more than this waits to be sent. */
#define UCV_OUT_HIGH ((size_t)4 << 20)

void ucv_peer_open(ucv_peer *peer, int fd, bool tcp, const char *name);
void ucv_peer_close(ucv_peer *peer);

/* Reads what is there. False where the connection is broken. */
bool ucv_peer_read(ucv_peer *peer);
/* Sends what the socket takes. False where the connection is broken. */
bool ucv_peer_write(ucv_peer *peer, int64_t now_ns);

static inline size_t ucv_peer_unsent(const ucv_peer *peer) {
    return peer->out.size - peer->out.at;
}

/* The next complete request; its bytes stay valid until ucv_peer_read. UCV_SCAN_MORE where there is none yet. */
ucv_scan ucv_peer_next(ucv_peer *peer, vg_span *payload, size_t cap, int64_t now_ns);

#endif
