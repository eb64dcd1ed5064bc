/* The UnrealCV server: a game (game.h) behind TCP and Unix sockets. One thread owns all sockets and the game; it waits in
 * epoll, runs the requests of each client in order and answers each with one write. Pictures are drawn by the workers
 * that the game was given.
 *
 * Several clients may be connected. The first that gives a command which changes the game holds the writer lease until it
 * disconnects; the others read. Time passes only while somebody is connected, and not while a vbatch is open. */
#ifndef VG_SIM_BRIDGE_UNREALCV_SERVER_H
#define VG_SIM_BRIDGE_UNREALCV_SERVER_H

#include "sim_bridge/unrealcv/game.h"
#include "sim_bridge/unrealcv/listen.h"

#include <stdatomic.h>

#define UCV_PEERS   64
#define UCV_SOCKETS 4 /* Unix sockets */

typedef struct ucv_server_config {
    const char *listen;               /* "HOST:PORT", ":PORT"; port 0: a free one */
    const char *sockets[UCV_SOCKETS]; /* folders or files of Unix sockets; none: the system temporary folder */
    size_t socket_count;
    bool no_socket;          /* TCP alone */
    double patience_seconds; /* half a frame, or replies nobody reads: dropped after so long */
    size_t request_cap;      /* bytes of a request's payload; larger ones close the connection */
    const atomic_bool *stop; /* the server returns soon after this becomes true */
    void (*ready)(void *context, const char *address); /* called once with "host:port"; may be NULL */
    void *context;
    const vg_log *log; /* may be NULL */
} ucv_server_config;

ucv_server_config ucv_server_config_default(void); /* 127.0.0.1:9000, 10 s, 1 MiB */

/* Runs on the calling thread until stopped. */
vg_status ucv_serve(ucv_game *game, const ucv_server_config *config, vg_error *err);

#endif
