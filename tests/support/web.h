/* For tests of the viewer's server: raw connections, requests as they are typed, WebSocket messages as bytes. */
#ifndef VG_TESTS_WEB_H
#define VG_TESTS_WEB_H

#include "tests/support/support.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static inline int web_port_of(const char *url) {
    const char *colon = strrchr(url, ':');
    if (!colon) fail_msg("no port in `%s`", url);
    return atoi(colon + 1);
}

/* A connection whose reads wait 20 s at most; `buffer` > 0 bounds what the system keeps for it. */
static inline int web_connect_narrow(int port, int buffer) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const struct timeval patience = {20, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (buffer) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    at.sin_port = htons((uint16_t)port);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) != 0) fail_msg("cannot connect to port %d", port);
    return fd;
}

static inline int web_connect(int port) {
    return web_connect_narrow(port, 0);
}

static inline void web_send(int fd, const void *bytes, size_t size) {
    for (size_t at = 0; at < size;) {
        const ssize_t n = send(fd, (const char *)bytes + at, size - at, MSG_NOSIGNAL);
        if (n <= 0) return; /* the server closed: what it said is still there to be read */
        at += (size_t)n;
    }
}

/* Everything until the server closes; the caller frees it. */
static inline char *web_read_all(int fd, size_t *size) {
    size_t room = 1 << 16, n = 0;
    char *out = malloc(room);
    for (;;) {
        const ssize_t got = recv(fd, out + n, room - n - 1, 0);
        if (got <= 0) break;
        n += (size_t)got;
        if (room - n < 4096) out = realloc(out, room *= 2);
    }
    out[n] = '\0';
    *size = n;
    return out;
}

/* One request on a connection of its own; the answer with its head. A request that does not say what becomes of the
 * connection stands without the empty line: the connection is to be closed then. */
static inline char *web_ask(int port, const char *request, size_t *size) {
    static const char end[] = "Connection: close\r\n\r\n";
    const int fd = web_connect(port);
    web_send(fd, request, strlen(request));
    if (!strstr(request, "Connection:")) web_send(fd, end, strlen(end));
    char *out = web_read_all(fd, size);
    close(fd);
    return out;
}

static inline void web_expect_status(int port, const char *request, int status) {
    size_t size;
    char *answer = web_ask(port, request, &size), expected[32];
    snprintf(expected, sizeof expected, "%d ", status);
    if (strncmp(answer, "HTTP/1.", 7) != 0 || strncmp(answer + 9, expected, strlen(expected)) != 0)
        fail_msg("`%.200s` is answered `%.60s`, expected %d", request, answer, status);
    free(answer);
}

static inline bool web_read_exactly(int fd, void *out, size_t size) {
    for (size_t at = 0; at < size;) {
        const ssize_t n = recv(fd, (char *)out + at, size - at, 0);
        if (n <= 0) return false;
        at += (size_t)n;
    }
    return true;
}

/* A viewer; its head is read. */
static inline int web_watch_narrow(int port, int buffer) {
    static const char request[] = "GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: "
                                  "Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    const int fd = web_connect_narrow(port, buffer);
    web_send(fd, request, sizeof request - 1);
    char head[1024];
    size_t n = 0;
    while (n < sizeof head - 1 && (n < 4 || memcmp(head + n - 4, "\r\n\r\n", 4) != 0))
        if (!web_read_exactly(fd, head + n++, 1)) break;
    head[n] = '\0';
    if (!strstr(head, "101 ") || !strstr(head, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")) fail_msg("no viewer: %s", head);
    return fd;
}

static inline int web_watch(int port) {
    return web_watch_narrow(port, 0);
}

typedef struct web_message {
    int opcode; /* 0 where the connection is over */
    size_t size;
    unsigned char data[1 << 18]; /* NUL behind it */
} web_message;

static inline void web_read_message(int fd, web_message *m) {
    unsigned char head[10];
    m->opcode = 0;
    if (!web_read_exactly(fd, head, 2)) return;
    const int more = head[1] < 126 ? 0 : head[1] == 126 ? 2 : 8;
    if (!web_read_exactly(fd, head + 2, (size_t)more)) return;
    m->size = more ? 0 : head[1];
    for (int i = 0; i < more; i++) m->size = m->size << 8 | head[2 + i];
    if (m->size >= sizeof m->data) fail_msg("a message of %zu bytes", m->size);
    if (!web_read_exactly(fd, m->data, m->size)) return;
    m->data[m->size] = '\0';
    m->opcode = head[0] & 15;
}

/* The next message of this kind; others are passed over. */
static inline void web_await(int fd, web_message *m, int opcode) {
    do {
        web_read_message(fd, m);
        if (!m->opcode) fail_msg("the connection ended before a message of kind %d came", opcode);
    } while (m->opcode != opcode);
}

/* A masked frame of at most 125 bytes. */
static inline void web_say(int fd, int opcode, const void *payload, size_t size) {
    unsigned char out[6 + 125] = {(unsigned char)(0x80 | opcode), (unsigned char)(0x80 | size), 1, 2, 3, 4};
    for (size_t i = 0; i < size; i++) out[6 + i] = ((const unsigned char *)payload)[i] ^ out[2 + i % 4];
    web_send(fd, out, 6 + size);
}

#endif
