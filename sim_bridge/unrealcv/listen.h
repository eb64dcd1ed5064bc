/* The sockets an UnrealCV server listens on: TCP, and Unix sockets at the paths that clients of Linux games expect. */
#ifndef VG_SIM_BRIDGE_UNREALCV_LISTEN_H
#define VG_SIM_BRIDGE_UNREALCV_LISTEN_H

#include "common/status.h"

#include <stdbool.h>
#include <stdint.h>

#define UCV_SOCKET_PATH 108 /* room of sockaddr_un */

typedef struct ucv_listener {
    int fd;                     /* -1: none */
    char path[UCV_SOCKET_PATH]; /* empty: TCP */
    uint64_t device, inode;     /* of the file at `path` */
} ucv_listener;

/* Binds "HOST:PORT", ":PORT" (every address) or "PORT"; port 0 takes a free one. `address` receives "host:port" as bound. */
vg_status ucv_listen_tcp(ucv_listener *out, char address[80], int32_t *port, const char *listen, vg_error *err);

/* Binds a Unix socket. A file that is there is replaced where nobody answers at it any more. */
vg_status ucv_listen_unix(ucv_listener *out, const char *path, vg_error *err);

/* Whether the file at the listener's path is still the one it made. */
bool ucv_listener_reachable(const ucv_listener *listener);

void ucv_listener_close(ucv_listener *listener); /* removes the file where it is its own */

/* Where clients look for the Unix socket of a port: the system temporary folder, or `where`: a folder, or a file whose
 * name ends in .socket. */
vg_status ucv_socket_path(char out[UCV_SOCKET_PATH], const char *where, int32_t port, vg_error *err);

#endif
