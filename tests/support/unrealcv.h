/* A tiny UnrealCV client for tests: frames over a socket, requests and their replies. Waits 20 s at most for anything. */
#ifndef VG_TESTS_UNREALCV_H
#define VG_TESTS_UNREALCV_H

#include "tests/support/support.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct ucv_client {
    int fd;
    unsigned next; /* id of the next request */
    char *body;    /* of the last reply, NUL-terminated */
    size_t size, room;
} ucv_client;

static inline void ucv_send_bytes(ucv_client *c, const void *data, size_t size) {
    const char *at = data;
    while (size > 0) {
        const ssize_t n = send(c->fd, at, size, MSG_NOSIGNAL);
        if (n < 0) fail_msg("cannot send: %s", strerror(errno));
        at += n, size -= (size_t)n;
    }
}

/* Whole frame in one send. */
static inline void ucv_send_payload(ucv_client *c, const char *payload, size_t size) {
    unsigned char *frame = malloc(8 + size);
    const unsigned char head[8] = {0xc1,
                                   0x83,
                                   0x2b,
                                   0x9e,
                                   (unsigned char)size,
                                   (unsigned char)(size >> 8),
                                   (unsigned char)(size >> 16),
                                   (unsigned char)(size >> 24)};
    memcpy(frame, head, 8), memcpy(frame + 8, payload, size);
    ucv_send_bytes(c, frame, 8 + size);
    free(frame);
}

/* False at the connection's end. */
static inline bool ucv_receive(ucv_client *c, void *out, size_t size) {
    char *at = out;
    while (size > 0) {
        struct pollfd p = {.fd = c->fd, .events = POLLIN};
        if (poll(&p, 1, 20000) <= 0) fail_msg("no answer within 20 s");
        const ssize_t n = recv(c->fd, at, size, 0);
        if (n <= 0) return false;
        at += n, size -= (size_t)n;
    }
    return true;
}

/* The next frame's payload into body; false at the connection's end. */
static inline bool ucv_receive_payload(ucv_client *c) {
    unsigned char head[8];
    if (!ucv_receive(c, head, 8)) return false;
    const unsigned char magic[4] = {0xc1, 0x83, 0x2b, 0x9e};
    assert_memory_equal(head, magic, 4);
    c->size = (size_t)head[4] | (size_t)head[5] << 8 | (size_t)head[6] << 16 | (size_t)head[7] << 24;
    if (c->size + 1 > c->room) c->body = realloc(c->body, c->room = c->size + 1);
    if (!ucv_receive(c, c->body, c->size)) return false;
    c->body[c->size] = '\0';
    return true;
}

/* Takes the next reply, which must be that of request `id`; what stays in body is what follows the id. */
static inline const char *ucv_reply(ucv_client *c, unsigned id) {
    char expected[16];
    const size_t n = (size_t)snprintf(expected, sizeof expected, "%u:", id);
    if (!ucv_receive_payload(c)) fail_msg("the server hung up before its reply to request %u", id);
    if (c->size < n || memcmp(c->body, expected, n) != 0) fail_msg("reply %.20s instead of %u", c->body, id);
    memmove(c->body, c->body + n, c->size - n + 1);
    c->size -= n;
    return c->body;
}

/* Sends a request without waiting; returns its id. */
static inline unsigned ucv_ask(ucv_client *c, const char *command) {
    char payload[4096];
    const int n = snprintf(payload, sizeof payload, "%u:%s", c->next, command);
    ucv_send_payload(c, payload, (size_t)n);
    return c->next++;
}

static inline const char *ucv_request(ucv_client *c, const char *command) {
    return ucv_reply(c, ucv_ask(c, command));
}

#define assert_reply(client, command, expected) assert_string_equal(ucv_request((client), (command)), (expected))

static inline int ucv_socket_to(const char *path, int port) {
    struct sockaddr_un u = {.sun_family = AF_UNIX};
    struct sockaddr_in t = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    t.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (path) snprintf(u.sun_path, sizeof u.sun_path, "%.100s", path);
    const int fd = socket(path ? AF_UNIX : AF_INET, SOCK_STREAM, 0);
    const struct sockaddr *to = path ? (const struct sockaddr *)&u : (const struct sockaddr *)&t;
    if (connect(fd, to, path ? sizeof u : sizeof t) == 0) return fd;
    close(fd);
    return -1;
}

/* Connects and reads the greeting. `path`: a Unix socket, or NULL for TCP. */
static inline ucv_client ucv_connect(const char *path, int port) {
    ucv_client c = {.fd = ucv_socket_to(path, port)};
    if (c.fd < 0) fail_msg("cannot connect to %s: %s", path ? path : "the port", strerror(errno));
    assert_true(ucv_receive_payload(&c));
    assert_string_equal(c.body, "connected to Vergence");
    return c;
}

static inline void ucv_disconnect(ucv_client *c) {
    close(c->fd);
    free(c->body);
    *c = (ucv_client){.fd = -1};
}

#endif
