/* A connection to a game: see client_link.h. */
#include "sim_bridge/unrealcv/client_link.h"

#include "common/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define READ_AT_ONCE (256u << 10)
#define REPLY_MAX    ((size_t)128 << 20) /* bytes of one reply */
#define ROUND_BYTES  ((size_t)512 << 20) /* of all replies of a round */

/* --- the endpoint ---------------------------------------------------------------------------------------------------- */

static vg_status bad_endpoint(const char *endpoint, vg_error *err) {
    return vg_fail(err, VG_INVALID,
                   "world.endpoint is `%.200s`; a game's is tcp://HOST:PORT or unix:///PATH (or either as unrealcv://)",
                   endpoint);
}

/* Adds `index` to the last run of digits in `text`. False where there is none, or no room. */
static bool count_up(char *text, size_t room, int32_t index) {
    if (index == 0) return true;
    size_t end = strlen(text);
    while (end > 0 && !(text[end - 1] >= '0' && text[end - 1] <= '9')) end--;
    size_t begin = end;
    while (begin > 0 && end - begin < 9 && text[begin - 1] >= '0' && text[begin - 1] <= '9') begin--;
    if (begin == end) return false;
    char tail[256];
    snprintf(tail, sizeof tail, "%.250s", text + end);
    const long number = strtol(text + begin, NULL, 10) + index;
    return snprintf(text + begin, room - begin, "%ld%s", number, tail) < (int)(room - begin);
}

vg_status ucv_link_init(ucv_link *link, const char *endpoint, int32_t index, double timeout_seconds, vg_error *err) {
    *link = (ucv_link){.fd = -1, .timeout_ns = (int64_t)(timeout_seconds * 1e9), .out.cap = 1u << 20};
    const char *rest = strstr(endpoint, "://");
    const bool known = strncmp(endpoint, "tcp://", 6) == 0 || strncmp(endpoint, "unix://", 7) == 0 ||
                       strncmp(endpoint, "unrealcv://", 11) == 0;
    if (!known || !rest || !rest[3] || strlen(endpoint) >= sizeof link->endpoint) return bad_endpoint(endpoint, err);
    snprintf(link->endpoint, sizeof link->endpoint, "%s", endpoint);
    if (!count_up(link->endpoint, sizeof link->endpoint, index))
        return vg_fail(err, VG_INVALID,
                       "world.endpoint `%.200s` holds no number that could count up from one game to the next",
                       endpoint);
    rest = strstr(link->endpoint, "://") + 3;
    if (rest[0] == '/') {
        if (strncmp(endpoint, "tcp", 3) == 0 || strlen(rest) >= sizeof link->path) return bad_endpoint(endpoint, err);
        snprintf(link->path, sizeof link->path, "%s", rest);
        const size_t name = (size_t)(strrchr(rest, '/') - rest);
        size_t end = strlen(rest); /* .../unrealcv_9000.socket, .../9000.socket: the game's port */
        while (end > name && !(rest[end - 1] >= '0' && rest[end - 1] <= '9')) end--;
        size_t begin = end;
        while (begin > name && rest[begin - 1] >= '0' && rest[begin - 1] <= '9') begin--;
        if (end - begin >= 1 && end - begin <= 5) link->port = (int32_t)strtol(rest + begin, NULL, 10);
        snprintf(link->host, sizeof link->host, "127.0.0.1");
        return VG_OK;
    }
    const char *colon = strrchr(rest, ':');
    if (strncmp(endpoint, "unix", 4) == 0 || !colon || colon == rest || (size_t)(colon - rest) >= sizeof link->host)
        return bad_endpoint(endpoint, err);
    long port;
    if (!vg_span_int((vg_span){colon + 1, strlen(colon + 1)}, &port) || port < 1 || port > 65535)
        return bad_endpoint(endpoint, err);
    const bool bracketed = rest[0] == '[' && colon[-1] == ']' && colon - rest > 2; /* IPv6 */
    snprintf(link->host, sizeof link->host, "%.*s", (int)(colon - rest) - (bracketed ? 2 : 0),
             rest + (bracketed ? 1 : 0));
    link->port = (int32_t)port;
    return VG_OK;
}

void ucv_link_disconnect(ucv_link *link) {
    if (link->fd >= 0) close(link->fd);
    link->fd = -1;
}

void ucv_link_close(ucv_link *link) {
    ucv_link_disconnect(link);
    ucv_buffer_free(&link->out);
    free(link->in);
    link->in = NULL, link->in_size = link->in_room = 0;
}

/* --- bytes in and out ------------------------------------------------------------------------------------------------- */

/* Waits until the socket is ready for `events` or the deadline has passed. */
static vg_status wait_for(const ucv_link *link, short events, int64_t deadline, vg_error *err) {
    for (;;) {
        const int64_t left = deadline - vg_clock_now_ns();
        struct pollfd item = {.fd = link->fd, .events = events};
        const int ready = left > 0 ? poll(&item, 1, (int)(left / 1000000 + 1)) : 0;
        if (ready > 0) return VG_OK;
        if (ready < 0 && errno == EINTR) continue;
        return vg_fail(err, VG_TIMEOUT, "%s: no answer within %.1f s", link->endpoint, (double)link->timeout_ns * 1e-9);
    }
}

static vg_status lost(ucv_link *link, const char *why, vg_error *err) {
    ucv_link_disconnect(link);
    return vg_fail(err, VG_UNREACHABLE, "%s: the connection is lost (%s); is the game still running?", link->endpoint,
                   why);
}

/* Room for more received bytes. */
static vg_status make_room(ucv_link *link, size_t bytes, vg_error *err) {
    if (link->in_room - link->in_size >= bytes) return VG_OK;
    size_t room = link->in_room ? link->in_room : READ_AT_ONCE;
    while (room - link->in_size < bytes) room *= 2;
    if (room > 2 * ROUND_BYTES)
        return vg_fail(err, VG_CORRUPT, "%s: more than %zu MiB came in answer to one round", link->endpoint,
                       ROUND_BYTES >> 20);
    unsigned char *in = realloc(link->in, room);
    if (!in) return vg_fail(err, VG_NO_MEMORY, "%s: no memory for %zu bytes", link->endpoint, room);
    link->in = in, link->in_room = room;
    return VG_OK;
}

/* Takes what has arrived; sets *some where anything did. */
static vg_status take_bytes(ucv_link *link, bool *some, vg_error *err) {
    *some = false;
    VG_TRY(make_room(link, READ_AT_ONCE, err));
    const ssize_t n = recv(link->fd, link->in + link->in_size, link->in_room - link->in_size, MSG_DONTWAIT);
    if (n > 0) {
        link->in_size += (size_t)n;
        *some = true;
        if (!link->path[0]) /* else the peer's two small writes a frame wait for our delayed acknowledgement */
            setsockopt(link->fd, IPPROTO_TCP, TCP_QUICKACK, &(int){1}, sizeof(int));
        return VG_OK;
    }
    if (n == 0) return lost(link, "the game closed it", err);
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return VG_OK;
    return lost(link, strerror(errno), err);
}

static vg_status give_bytes(ucv_link *link, vg_error *err) {
    ucv_buffer *b = &link->out;
    while (b->at < b->size) {
        const ssize_t n = send(link->fd, b->data + b->at, b->size - b->at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0)
            b->at += (size_t)n;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            break;
        else if (errno != EINTR)
            return lost(link, strerror(errno), err);
    }
    return VG_OK;
}

/* The next frame among the received bytes. False where it is not complete yet. */
static vg_status next_frame(ucv_link *link, vg_span *payload, bool *whole, vg_error *err) {
    *whole = false;
    const size_t size = link->in_size - link->scanned;
    if (size == 0) return VG_OK;
    switch (ucv_frame_scan(payload, link->in + link->scanned, size, REPLY_MAX)) {
    case UCV_SCAN_FRAME:
        link->scanned += UCV_HEAD + payload->size;
        *whole = true;
        return VG_OK;
    case UCV_SCAN_MORE:
        return VG_OK;
    case UCV_SCAN_MAGIC:
        ucv_link_disconnect(link);
        return vg_fail(err, VG_CORRUPT, "%s: what answers is no UnrealCV server (a frame begins with other bytes)",
                       link->endpoint);
    case UCV_SCAN_SIZE:
        break;
    }
    ucv_link_disconnect(link);
    return vg_fail(err, VG_CORRUPT, "%s: a reply claims to be empty or larger than %zu MiB", link->endpoint,
                   REPLY_MAX >> 20);
}

/* --- connecting ---------------------------------------------------------------------------------------------------------- */

static vg_status finish_connect(ucv_link *link, const struct sockaddr *address, socklen_t size, int64_t deadline,
                                vg_error *err) {
    if (connect(link->fd, address, size) == 0) return VG_OK;
    if (errno != EINPROGRESS && errno != EAGAIN) {
        const int why = errno;
        ucv_link_disconnect(link);
        return vg_fail(err, VG_UNREACHABLE, "%s: nobody listens there (%s); start the game, or correct the endpoint",
                       link->endpoint, strerror(why));
    }
    const vg_status status = wait_for(link, POLLOUT, deadline, err);
    int why = 0;
    if (status == VG_OK) getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &why, &(socklen_t){sizeof why});
    if (status == VG_OK && why == 0) return VG_OK;
    ucv_link_disconnect(link);
    return vg_fail(err, VG_UNREACHABLE, "%s: nobody listens there (%s); start the game, or correct the endpoint",
                   link->endpoint, why ? strerror(why) : "no answer");
}

static vg_status connect_tcp(ucv_link *link, int64_t deadline, vg_error *err) {
    char port[16];
    snprintf(port, sizeof port, "%d", link->port);
    struct addrinfo *list = NULL;
    const int why = getaddrinfo(link->host, port, &(struct addrinfo){.ai_socktype = SOCK_STREAM}, &list);
    if (why)
        return vg_fail(err, VG_UNREACHABLE, "%s: the host `%s` is unknown (%s)", link->endpoint, link->host,
                       gai_strerror(why));
    vg_status status = VG_UNREACHABLE;
    for (const struct addrinfo *a = list; a && status != VG_OK; a = a->ai_next) {
        link->fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (link->fd < 0) {
            status = vg_fail(err, VG_FAILED, "%s: cannot make a socket: %s", link->endpoint, strerror(errno));
            continue;
        }
        setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        status = finish_connect(link, a->ai_addr, a->ai_addrlen, deadline, err);
    }
    freeaddrinfo(list);
    return status;
}

static vg_status connect_unix(ucv_link *link, int64_t deadline, vg_error *err) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", link->path);
    link->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (link->fd < 0) return vg_fail(err, VG_FAILED, "%s: cannot make a socket: %s", link->endpoint, strerror(errno));
    return finish_connect(link, (struct sockaddr *)&address, sizeof address, deadline, err);
}

/* The first frame: "connected to PROJECT". A game that serves somebody else accepts the connection and stays silent. */
static vg_status hear_greeting(ucv_link *link, int64_t deadline, vg_error *err) {
    vg_span payload;
    bool whole = false;
    link->in_size = link->scanned = 0;
    for (;;) {
        bool some;
        VG_TRY(next_frame(link, &payload, &whole, err));
        if (whole) break;
        if (wait_for(link, POLLIN, deadline, err) != VG_OK) {
            ucv_link_disconnect(link);
            return vg_fail(err, VG_TIMEOUT,
                           "%s: connected, but no greeting came within %.1f s; a game serves one client at a time: is "
                           "another one connected?",
                           link->endpoint, (double)link->timeout_ns * 1e-9);
        }
        VG_TRY(take_bytes(link, &some, err));
    }
    if (!vg_span_starts(payload, "connected")) {
        ucv_link_disconnect(link);
        return vg_fail(err, VG_CORRUPT, "%s: the greeting is `%.*s`; an UnrealCV game says `connected to NAME`",
                       link->endpoint, (int)(payload.size < 60 ? payload.size : 60), payload.at);
    }
    static const char prefix[] = "connected to ";
    const size_t skip = vg_span_starts(payload, prefix) ? sizeof prefix - 1 : payload.size;
    vg_span_copy(link->project, sizeof link->project, (vg_span){payload.at + skip, payload.size - skip});
    for (char *c = link->project; *c; c++)
        if ((unsigned char)*c < ' ') *c = ' ';
    return VG_OK;
}

static bool is_socket(const char *path) {
    struct stat about;
    return stat(path, &about) == 0 && S_ISSOCK(about.st_mode);
}

/* What a real game wants before it opens its Unix socket: a TCP client that comes and leaves. */
static vg_status invite_unix(ucv_link *link, int64_t deadline, vg_error *err) {
    if (is_socket(link->path)) unlink(link->path); /* nobody listens at it: left over from an earlier game */
    char path[sizeof link->path];
    memcpy(path, link->path, sizeof path);
    link->path[0] = '\0'; /* the TCP socket is treated as one */
    vg_status status = connect_tcp(link, deadline, err);
    if (status == VG_OK) status = hear_greeting(link, deadline, err);
    ucv_link_disconnect(link);
    memcpy(link->path, path, sizeof path);
    while (status == VG_OK) {
        if (is_socket(link->path) && connect_unix(link, deadline, err) == VG_OK) return VG_OK;
        if (vg_clock_now_ns() > deadline)
            status = vg_fail(err, VG_TIMEOUT,
                             "%s: the game on port %d opened no socket there within %.1f s; use tcp://127.0.0.1:%d",
                             link->endpoint, link->port, (double)link->timeout_ns * 1e-9, link->port);
        vg_clock_sleep_until_ns(vg_clock_now_ns() + 20000000);
    }
    return status;
}

vg_status ucv_link_connect(ucv_link *link, vg_error *err) {
    ucv_link_disconnect(link);
    link->first_id = 0, link->count = link->done = 0;
    link->out.size = link->out.at = 0;
    const int64_t deadline = vg_clock_now_ns() + link->timeout_ns;
    vg_status status = link->path[0] ? connect_unix(link, deadline, err) : connect_tcp(link, deadline, err);
    if (status && link->path[0] && link->port) status = invite_unix(link, deadline, err);
    return status ? status : hear_greeting(link, deadline, err);
}

/* --- rounds ---------------------------------------------------------------------------------------------------------------- */

void ucv_round_begin(ucv_link *link) {
    link->first_id = (link->first_id + (uint32_t)link->count) % UCV_IDS;
    link->count = link->done = 0;
    /* what is left of the round before: perhaps half a frame to read, perhaps half a frame to write */
    if (link->scanned) {
        memmove(link->in, link->in + link->scanned, link->in_size - link->scanned);
        link->in_size -= link->scanned, link->scanned = 0;
    }
    if (link->out.at) {
        memmove(link->out.data, link->out.data + link->out.at, link->out.size - link->out.at);
        link->out.size -= link->out.at, link->out.at = 0;
    }
}

static size_t ask_begin(ucv_link *link) {
    VG_ASSERT(link->count < UCV_ROUND_MAX);
    char id[16];
    const int digits = snprintf(id, sizeof id, "%u", (link->first_id + (uint32_t)link->count) % UCV_IDS);
    const size_t begun = ucv_reply_begin(&link->out, &(vg_span){id, (size_t)digits});
    link->command[link->count] = link->out.size;
    return begun;
}

static int32_t ask_end(ucv_link *link, size_t begun) {
    link->command_size[link->count] = link->out.size - link->command[link->count];
    ucv_reply_end(&link->out, begun);
    return link->count++;
}

int32_t ucv_ask(ucv_link *link, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const size_t begun = ask_begin(link);
    ucv_put(&link->out, text, strlen(text));
    return ask_end(link, begun);
}

int32_t ucv_ask_numbers(ucv_link *link, const char *text, const double *numbers, int count) {
    const size_t begun = ask_begin(link);
    ucv_put(&link->out, text, strlen(text));
    for (int i = 0; i < count; i++) {
        ucv_put(&link->out, " ", 1);
        ucv_put_number(&link->out, numbers[i], 3);
    }
    return ask_end(link, begun);
}

vg_status ucv_round_send(ucv_link *link, vg_error *err) {
    if (link->fd < 0) return vg_fail(err, VG_UNREACHABLE, "%s: not connected", link->endpoint);
    if (link->out.full) {
        link->out.full = false;
        ucv_link_disconnect(link);
        return vg_fail(err, VG_UNREACHABLE, "%s: the game takes no more requests", link->endpoint);
    }
    return give_bytes(link, err);
}

/* Finds whose reply a frame is. Frames without id (a game's own messages) and late replies are dropped. */
static vg_status sort_in(ucv_link *link, vg_span payload, vg_error *err) {
    uint32_t id = 0;
    size_t digits = 0;
    while (digits < payload.size && digits < 9 && payload.at[digits] >= '0' && payload.at[digits] <= '9')
        id = id * 10 + (uint32_t)(payload.at[digits++] - '0');
    if (digits == 0 || digits == payload.size || payload.at[digits] != ':') return VG_OK;
    const uint32_t ahead = (id + UCV_IDS - link->first_id) % UCV_IDS;
    if (id >= UCV_IDS || ahead >= UCV_IDS / 2) return VG_OK;
    if (ahead != (uint32_t)link->done) {
        ucv_link_disconnect(link);
        return vg_fail(err, VG_CORRUPT, "%s: reply %u came where %u was due; the game mixes up its replies",
                       link->endpoint, id, (link->first_id + (uint32_t)link->done) % UCV_IDS);
    }
    link->reply[link->done++] =
        (ucv_place){(size_t)((const unsigned char *)payload.at - link->in) + digits + 1, payload.size - digits - 1};
    return VG_OK;
}

vg_status ucv_round_receive(ucv_link *link, vg_error *err) {
    if (link->fd < 0) return vg_fail(err, VG_UNREACHABLE, "%s: not connected", link->endpoint);
    const int64_t deadline = vg_clock_now_ns() + link->timeout_ns;
    while (link->done < link->count) {
        bool whole = true, some;
        while (whole && link->done < link->count) {
            vg_span payload;
            VG_TRY(next_frame(link, &payload, &whole, err));
            if (whole) VG_TRY(sort_in(link, payload, err));
        }
        if (link->done == link->count) break;
        VG_TRY(give_bytes(link, err));
        VG_TRY(take_bytes(link, &some, err));
        if (some) continue;
        const bool writing = link->out.at < link->out.size;
        const vg_status status = wait_for(link, writing ? POLLIN | POLLOUT : POLLIN, deadline, err);
        if (status) {
            const size_t command = link->command[link->done], size = link->command_size[link->done];
            return vg_fail_context(err, status, "`%.*s`", (int)(size < 80 ? size : 80), link->out.data + command);
        }
    }
    return VG_OK;
}

vg_span ucv_reply(const ucv_link *link, int32_t index) {
    VG_ASSERT(index >= 0 && index < link->done);
    return (vg_span){(const char *)link->in + link->reply[index].at, link->reply[index].size};
}

bool ucv_reply_failed(const ucv_link *link, int32_t index) {
    return vg_span_starts(ucv_reply(link, index), "error");
}

vg_status ucv_reply_wrong(const ucv_link *link, int32_t index, const char *mend, vg_error *err) {
    char reply[101];
    vg_span_copy(reply, sizeof reply, ucv_reply(link, index));
    for (char *c = reply; *c; c++)
        if ((unsigned char)*c < ' ' || (unsigned char)*c > '~') *c = '?';
    const size_t size = link->command_size[index];
    return vg_fail(err, VG_FAILED, "%s: `%.*s` is answered by `%s`; %s", link->endpoint, (int)(size < 120 ? size : 120),
                   link->out.data + link->command[index], reply, mend);
}

vg_status ucv_request(ucv_link *link, vg_span *reply, vg_error *err, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    ucv_round_begin(link);
    ucv_ask(link, "%s", text);
    VG_TRY(ucv_round_send(link, err));
    VG_TRY(ucv_round_receive(link, err));
    *reply = ucv_reply(link, 0);
    return VG_OK;
}
