/* Listening sockets: see listen.h. */
#include "sim_bridge/unrealcv/listen.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64

static vg_status split(char host[256], char port[24], const char *listen, vg_error *err) {
    const char *colon = strrchr(listen, ':'), *digits = colon ? colon + 1 : listen;
    const size_t size = colon ? (size_t)(colon - listen) : 0;
    char *end;
    const long number = strtol(digits, &end, 10);
    if (*digits < '0' || *digits > '9' || *end != '\0' || number > 65535)
        return vg_fail(err, VG_INVALID, "listen is `%.200s`; it must be HOST:PORT with a port of 0 to 65535", listen);
    if (size >= 256) return vg_fail(err, VG_INVALID, "listen is `%.200s`: the host's name is too long", listen);
    const bool brackets = size >= 2 && listen[0] == '[' && listen[size - 1] == ']';
    snprintf(host, 256, "%.*s", (int)(brackets ? size - 2 : size), brackets ? listen + 1 : listen);
    snprintf(port, 24, "%ld", number);
    return VG_OK;
}

static vg_status bind_one(ucv_listener *out, const struct addrinfo *a, const char *listen_text, vg_error *err) {
    const int on = 1;
    const int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return vg_fail(err, VG_IO, "cannot make a socket for %.200s: %s", listen_text, strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, a->ai_addr, a->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        const int reason = errno;
        close(fd);
        return vg_fail(err, reason == EADDRINUSE || reason == EACCES ? VG_REFUSED : VG_IO,
                       "cannot listen at %.200s: %s%s", listen_text, strerror(reason),
                       reason == EADDRINUSE ? " (does a game or another server run there? choose another port)" : "");
    }
    *out = (ucv_listener){.fd = fd};
    return VG_OK;
}

vg_status ucv_listen_tcp(ucv_listener *out, char address[80], int32_t *port, const char *text, vg_error *err) {
    char host[256], service[24];
    *out = (ucv_listener){.fd = -1};
    VG_TRY(split(host, service, text, err));
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found;
    const int reason = getaddrinfo(host[0] ? host : "0.0.0.0", service, &hints, &found);
    if (reason != 0) return vg_fail(err, VG_INVALID, "listen is `%.200s`: %s", text, gai_strerror(reason));
    const vg_status status = bind_one(out, found, text, err);
    freeaddrinfo(found);
    VG_TRY(status);
    struct sockaddr_storage bound;
    socklen_t size = sizeof bound;
    char name[48], number[24];
    getsockname(out->fd, (struct sockaddr *)&bound, &size);
    if (getnameinfo((struct sockaddr *)&bound, size, name, sizeof name, number, sizeof number,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        snprintf(name, sizeof name, "?"), snprintf(number, sizeof number, "%.20s", service);
    *port = (int32_t)atoi(number);
    snprintf(address, 80, strchr(name, ':') ? "[%s]:%s" : "%s:%s", name, number);
    return VG_OK;
}

static struct sockaddr_un unix_address(const char *path) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    return a;
}

/* Somebody who is not us accepts connections there. */
static bool answered(const struct sockaddr_un *a) {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    const bool yes = connect(fd, (const struct sockaddr *)a, sizeof *a) == 0 || errno == EAGAIN;
    close(fd);
    return yes;
}

vg_status ucv_listen_unix(ucv_listener *out, const char *path, vg_error *err) {
    *out = (ucv_listener){.fd = -1};
    const struct sockaddr_un a = unix_address(path);
    struct stat file;
    if (lstat(path, &file) == 0) {
        if (!S_ISSOCK(file.st_mode))
            return vg_fail(err, VG_REFUSED, "%.200s is no socket; move it away or give another folder", path);
        if (answered(&a)) return vg_fail(err, VG_REFUSED, "another server listens at %.200s; end it first", path);
        unlink(path);
    }
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&a, sizeof a) != 0 || listen(fd, BACKLOG) != 0) {
        const int reason = errno;
        if (fd >= 0) close(fd);
        return vg_fail(err, VG_IO, "cannot listen at %.200s: %s", path, strerror(reason));
    }
    out->fd = fd;
    snprintf(out->path, sizeof out->path, "%s", path);
    if (stat(path, &file) == 0) out->device = (uint64_t)file.st_dev, out->inode = (uint64_t)file.st_ino;
    return VG_OK;
}

bool ucv_listener_reachable(const ucv_listener *l) {
    struct stat file;
    return lstat(l->path, &file) == 0 && (uint64_t)file.st_dev == l->device && (uint64_t)file.st_ino == l->inode;
}

void ucv_listener_close(ucv_listener *l) {
    if (l->fd >= 0) close(l->fd);
    if (l->path[0] && l->fd >= 0 && ucv_listener_reachable(l)) unlink(l->path);
    l->fd = -1;
}

vg_status ucv_socket_path(char out[UCV_SOCKET_PATH], const char *where, int32_t port, vg_error *err) {
    const char *folder = where ? where : getenv("TMPDIR");
    if (!folder || !*folder) folder = "/tmp";
    const size_t size = strlen(folder);
    const bool whole = where && size > 7 && strcmp(folder + size - 7, ".socket") == 0;
    const int n = whole ? snprintf(out, UCV_SOCKET_PATH, "%s", folder)
                        : snprintf(out, UCV_SOCKET_PATH, "%s/unrealcv_%d.socket", folder, port);
    if (n >= UCV_SOCKET_PATH)
        return vg_fail(err, VG_INVALID, "the path of the Unix socket in `%.200s` has more than %d bytes", folder,
                       UCV_SOCKET_PATH - 1);
    return VG_OK;
}
