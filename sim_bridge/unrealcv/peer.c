/* One client's buffers and socket: see peer.h. */
#include "sim_bridge/unrealcv/peer.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK    ((size_t)64 << 10) /* bytes read at once */
#define KEEP     ((size_t)8 << 20)  /* a buffer larger than this is given back once it is empty */
#define OUT_CAP  ((size_t)512 << 20)
#define SEND_BUF (4 << 20)

/* Clients of old send header and payload apart and wait for both; NODELAY and QUICKACK keep that from costing 40 ms. */
static void acknowledge_at_once(const ucv_peer *p) {
    const int on = 1;
    if (p->tcp) setsockopt(p->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

void ucv_peer_open(ucv_peer *p, int fd, bool tcp, const char *name) {
    const int on = 1, room = SEND_BUF;
    *p = (ucv_peer){.fd = fd, .tcp = tcp};
    snprintf(p->name, sizeof p->name, "%s", name);
    p->in.cap = p->out.cap = OUT_CAP;
    if (tcp)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    else /* TCP sizes its buffers itself */
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    acknowledge_at_once(p);
    const size_t begun = ucv_reply_begin(&p->out, NULL);
    ucv_print(&p->out, "connected to %s", UCV_PROJECT);
    ucv_reply_end(&p->out, begun);
}

void ucv_peer_close(ucv_peer *p) {
    close(p->fd);
    ucv_buffer_free(&p->in), ucv_buffer_free(&p->out);
    p->fd = -1;
}

/* Forgets what was used up; keeps the rest at the beginning. */
static void compact(ucv_buffer *b) {
    if (b->at == b->size) {
        b->at = b->size = 0;
        if (b->room > KEEP) ucv_buffer_free(b);
    } else if (b->at > b->room / 2) {
        memmove(b->data, b->data + b->at, b->size - b->at);
        b->size -= b->at, b->at = 0;
    }
}

bool ucv_peer_read(ucv_peer *p) {
    compact(&p->in);
    unsigned char *at = ucv_reserve(&p->in, CHUNK);
    if (!at) return false;
    const ssize_t n = recv(p->fd, at, CHUNK, 0);
    p->in.size -= CHUNK - (n > 0 ? (size_t)n : 0);
    acknowledge_at_once(p);
    if (n == 0) p->closed = true;
    return n >= 0 || errno == EAGAIN || errno == EINTR;
}

bool ucv_peer_write(ucv_peer *p, int64_t now_ns) {
    while (ucv_peer_unsent(p) > 0) {
        const ssize_t n = send(p->fd, p->out.data + p->out.at, ucv_peer_unsent(p), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) {
            if (p->stuck_ns == 0) p->stuck_ns = now_ns;
            return true;
        }
        if (n < 0) return false;
        p->out.at += (size_t)n;
        p->stuck_ns = 0;
    }
    compact(&p->out);
    p->stuck_ns = 0;
    return true;
}

ucv_scan ucv_peer_next(ucv_peer *p, vg_span *payload, size_t cap, int64_t now_ns) {
    const size_t waiting = p->in.size - p->in.at;
    if (waiting == 0) {
        p->partial_ns = 0;
        return UCV_SCAN_MORE;
    }
    const ucv_scan scan = ucv_frame_scan(payload, p->in.data + p->in.at, waiting, cap);
    if (scan == UCV_SCAN_FRAME) {
        p->in.at += UCV_HEAD + payload->size;
        p->partial_ns = 0;
    } else if (scan == UCV_SCAN_MORE && p->partial_ns == 0) {
        p->partial_ns = now_ns;
    }
    return scan;
}
