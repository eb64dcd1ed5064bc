/* One thread and poll(). Every connection begins as a request: it is answered and closed, or becomes a viewer, a WebSocket that
 * frames are pushed to. A viewer has one message under way at a time; when the system has taken all of it, the next one is
 * made from what is newest then, so a slow browser skips frames and nothing queues up.
 *
 * Everything is bounded: connections, viewers, the size of a request, the time each state may take, and what a viewer may
 * send. Where all places are taken, the connection that got on least lately gives way; viewers keep theirs. */
#include "daemon/web.h"

#include "agents/mailbox.h"
#include "common/clock.h"
#include "daemon/viewer_files.h"
#include "daemon/web_http.h"
#include "daemon/web_message.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CONNECTIONS = 40,
    VIEWERS = 12,
    REQUEST = 8192,            /* bytes of a request's head */
    ANSWER = 1024,             /* of an answer's */
    LEAST_ROOM = 128 * 1024,   /* of a viewer's message */
    BEAT_MS = 15,              /* a viewer gets at most so many frames */
    IDLE_MS = 200,             /* between two looks at the time where nobody looks */
    MOST_FRAMES_A_SECOND = 50, /* that a viewer may send */
    LINGER_BYTES = 1 << 20     /* that are read and forgotten after a refusal */
};
#define REQUEST_NS 5000000000  /* a request must be there within it */
#define STALL_NS   10000000000 /* an answer or message must get on within it */
#define LINGER_NS  1000000000
#define SECOND_NS  1000000000

typedef enum phase { FREE, READING, ANSWERING, LINGERING, WATCHING } phase;

typedef struct client {
    phase phase;
    int fd;
    int64_t since_ns; /* when it got on last */
    size_t got;       /* bytes in `in` */
    uint8_t in[REQUEST];
    char head[ANSWER]; /* of an answer */
    const uint8_t *piece[2];
    size_t left[2]; /* what is to be sent: head, body */
    int64_t lingered;
    /* watching */
    uint8_t *message; /* [room]: the one under way */
    bool greeted, closing;
    int64_t status_ns, frame_ns, second_ns;
    uint64_t frame; /* the last one it was told */
    int frames_of_second;
    uint8_t reply[VG_WEB_WS_HEAD + 125];
    size_t reply_size; /* a pong or close that is due */
} client;

struct vg_web {
    vg_control *control;
    const vg_log *log;
    int listener, quit;
    char host[256], own_name[256], own_local[264], url[300];
    pthread_t thread;
    bool started;
    /* from the tick */
    vg_mailbox box;
    uint32_t writing, showing;
    size_t frame_size, slot_size;
    unsigned char *slots; /* [3]: frame, skeletons */
    uint64_t shown;       /* frames taken out of the box */
    /* the thread's */
    char *hello;
    size_t room;
    vg_web_errors errors;
    int64_t errors_ns, muted_ns;
    client clients[CONNECTIONS];
};

/* ---- the tick's side ---- */

static vg_frame *frame_at(const vg_web *w, uint32_t slot) {
    return (vg_frame *)(void *)(w->slots + slot * w->slot_size);
}

static vg_skeletons *skeletons_at(const vg_web *w, uint32_t slot) {
    return (vg_skeletons *)(void *)(w->slots + slot * w->slot_size + w->frame_size);
}

void vg_web_push(vg_web *w, const vg_frame *frame, const vg_skeletons *skeletons) {
    memcpy(frame_at(w, w->writing), frame, frame->bytes);
    memcpy(skeletons_at(w, w->writing), skeletons, skeletons->bytes);
    vg_mailbox_put(&w->box, &w->writing);
}

/* ---- answers ---- */

typedef struct file {
    const char *path, *type;
    const unsigned char *data;
    size_t size;
} file;

static const file files[] = {
    {"/", "text/html; charset=utf-8", viewer_index_html, sizeof viewer_index_html},
    {"/viewer.js", "text/javascript; charset=utf-8", viewer_viewer_js, sizeof viewer_viewer_js},
    {"/viewer.css", "text/css; charset=utf-8", viewer_viewer_css, sizeof viewer_viewer_css},
};

static const char *reason_of(int status) {
    static const struct {
        int status;
        const char *text;
    } reasons[] = {{101, "Switching Protocols"},
                   {200, "OK"},
                   {400, "Bad Request"},
                   {403, "Forbidden"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {408, "Request Timeout"},
                   {413, "Content Too Large"},
                   {421, "Misdirected Request"},
                   {426, "Upgrade Required"},
                   {431, "Request Header Fields Too Large"},
                   {503, "Service Unavailable"},
                   {505, "HTTP Version Not Supported"}};
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status) return reasons[i].text;
    return "Error";
}

/* Head of every answer but the one to an upgrade. The page may load what is here and nothing else, from nowhere else. */
static void answer(client *c, int status, const char *type, const void *body, size_t size, bool head_only) {
    const int n = snprintf(
        c->head, sizeof c->head,
        "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\nCache-Control: no-cache\r\n"
        "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
        "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nCross-Origin-Opener-Policy: same-origin\r\n"
        "Cross-Origin-Resource-Policy: same-origin\r\nX-Frame-Options: DENY\r\n%s\r\n",
        status, reason_of(status), type, size,
        status == 405   ? "Allow: GET, HEAD\r\n"
        : status == 426 ? "Sec-WebSocket-Version: 13\r\n"
                        : "");
    c->piece[0] = (const uint8_t *)c->head, c->left[0] = (size_t)n;
    c->piece[1] = body, c->left[1] = head_only ? 0 : size;
    c->phase = ANSWERING;
}

static void refuse(client *c, int status, const char *sentence) {
    answer(c, status, "text/plain; charset=utf-8", sentence, strlen(sentence), false);
}

static int viewers_of(const vg_web *w) {
    int count = 0;
    for (int i = 0; i < CONNECTIONS; i++) count += w->clients[i].phase == WATCHING;
    return count;
}

static void begin_watching(vg_web *w, client *c, const vg_web_request *r) {
    char accept[VG_WEB_ACCEPT + 1];
    if (!vg_web_origin_is_ours(r)) {
        refuse(c, 403, "A page of another origin cannot look at this session.\n");
        return;
    }
    if (viewers_of(w) >= VIEWERS || !(c->message = malloc(w->room))) {
        refuse(c, 503, "Too many viewers; close another one.\n");
        return;
    }
    vg_web_accept_of(accept, r->key);
    const int n =
        snprintf(c->head, sizeof c->head,
                 "HTTP/1.1 101 %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                 reason_of(101), accept);
    c->piece[0] = (const uint8_t *)c->head, c->left[0] = (size_t)n, c->left[1] = 0;
    c->phase = WATCHING;
    /* little may wait in the system: what is old when it comes is of no use */
    const int one = 1, unsent = 16 * 1024, patience_ms = 20000;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    setsockopt(c->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience_ms, sizeof patience_ms);
}

static void serve_request(vg_web *w, client *c, size_t head_size) {
    const char *const names[] = {w->host, w->own_name, w->own_local, NULL};
    vg_web_request r;
    const int refused = vg_web_read_request(&r, (const char *)c->in, head_size);
    if (refused) {
        refuse(c, refused, "This is not a request that can be answered here.\n");
    } else if (!vg_web_host_is_ours(r.host, names)) {
        refuse(c, 421, "This name is not known here. Use the address, localhost, or the name of this machine.\n");
    } else if (vg_span_is(r.path, "/live")) {
        if (r.upgrade)
            begin_watching(w, c, &r);
        else
            refuse(c, 426, "Here is a WebSocket.\n");
    } else {
        const file *found = NULL;
        for (size_t i = 0; i < sizeof files / sizeof *files; i++)
            if (vg_span_is(r.path, files[i].path)) found = &files[i];
        if (found)
            answer(c, 200, found->type, found->data, found->size, r.head_only);
        else
            refuse(c, 404, "There is nothing here.\n");
    }
    /* a WebSocket's client may have begun to speak */
    c->got = c->phase == WATCHING ? c->got - head_size : 0;
    memmove(c->in, c->in + head_size, c->got);
}

/* ---- viewers ---- */

static void put_message(client *c, vg_web_opcode opcode, size_t size) {
    c->piece[0] = (const uint8_t *)c->head, c->left[0] = vg_web_ws_head((uint8_t *)c->head, opcode, size);
    c->piece[1] = c->message, c->left[1] = size;
}

/* False where it is longer than a message may be: it is left out. */
static bool put_text(const vg_web *w, client *c, const char *text) {
    const size_t size = text ? strlen(text) : 0;
    if (size == 0 || size > w->room) return false;
    memcpy(c->message, text, size);
    put_message(c, VG_WEB_TEXT, size);
    return true;
}

/* What a viewer is to be told next, if anything. */
static void put_next(vg_web *w, client *c, int64_t now) {
    if (c->reply_size) {
        memcpy(c->head, c->reply, c->reply_size);
        c->piece[0] = (const uint8_t *)c->head, c->left[0] = c->reply_size;
        c->reply_size = 0;
    } else if (c->closing) {
        c->phase = LINGERING;
        shutdown(c->fd, SHUT_WR);
    } else if (!c->greeted) {
        c->greeted = true;
        put_text(w, c, w->hello);
    } else if (now - c->status_ns >= SECOND_NS) {
        c->status_ns = now;
        char *status = vg_web_status(w->control, &w->errors, viewers_of(w));
        put_text(w, c, status);
        free(status);
    } else if (c->frame != w->shown && now - c->frame_ns >= BEAT_MS * INT64_C(900000)) {
        c->frame = w->shown, c->frame_ns = now;
        put_message(c, VG_WEB_BINARY, vg_web_frame(c->message, frame_at(w, w->showing), skeletons_at(w, w->showing)));
    }
}

static void reply(client *c, vg_web_opcode opcode, const uint8_t *payload, size_t size) {
    const size_t head = vg_web_ws_head(c->reply, opcode, size);
    memcpy(c->reply + head, payload, size);
    c->reply_size = head + size;
}

static void say_goodbye(client *c, int status) {
    reply(c, VG_WEB_CLOSE, (const uint8_t[]){(uint8_t)(status >> 8), (uint8_t)status}, 2);
    c->closing = true;
}

/* One frame of a viewer: it may ask whether we are there, and say goodbye; it has nothing to tell. */
static void hear(client *c, const vg_web_ws_frame *frame, int64_t now) {
    if (now - c->second_ns >= SECOND_NS) c->second_ns = now, c->frames_of_second = 0;
    if (++c->frames_of_second > MOST_FRAMES_A_SECOND)
        say_goodbye(c, 1008);
    else if (frame->opcode == VG_WEB_PING)
        reply(c, VG_WEB_PONG, frame->payload, frame->size);
    else if (frame->opcode == VG_WEB_CLOSE)
        say_goodbye(c, 1000);
    else if (frame->opcode != VG_WEB_PONG)
        say_goodbye(c, 1003);
}

static void hear_all(client *c, int64_t now) {
    size_t at = 0;
    while (!c->closing && !c->reply_size) {
        vg_web_ws_frame frame;
        const int n = vg_web_read_ws(&frame, c->in + at, c->got - at);
        if (n == 0) break;
        if (n < 0)
            say_goodbye(c, -n);
        else
            hear(c, &frame, now), at += (size_t)n;
    }
    c->got = c->closing ? 0 : c->got - at;
    memmove(c->in, c->in + at, c->got);
}

/* ---- connections ---- */

static void drop(client *c) {
    close(c->fd);
    free(c->message);
    c->phase = FREE, c->fd = -1, c->message = NULL;
}

static void accept_one(vg_web *w, int fd, int64_t now) {
    client *place = NULL;
    for (int i = 0; i < CONNECTIONS && !place; i++)
        if (w->clients[i].phase == FREE) place = &w->clients[i];
    for (int i = 0; i < CONNECTIONS && (!place || place->phase != FREE); i++) {
        client *c = &w->clients[i];
        if (c->phase != WATCHING && (!place || c->since_ns < place->since_ns)) place = c;
    }
    if (!place) {
        close(fd);
        return;
    }
    if (place->phase != FREE) drop(place);
    memset(place, 0, offsetof(client, in));
    memset(place->piece, 0, sizeof *place - offsetof(client, piece));
    place->fd = fd, place->phase = READING, place->since_ns = now;
}

static void accept_some(vg_web *w, int64_t now) {
    for (int i = 0; i < CONNECTIONS; i++) {
        const int fd = accept4(w->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            accept_one(w, fd, now);
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            w->muted_ns = now + SECOND_NS / 4; /* no handles: ask again later instead of all the time */
        if (fd < 0 && errno != ECONNABORTED && errno != EINTR) return;
    }
}

/* A viewer is heard while nothing is under way to it. */
static bool is_heard(const client *c) {
    if (c->phase == WATCHING) return c->left[0] + c->left[1] == 0 && !c->closing && !c->reply_size;
    return c->phase != ANSWERING;
}

/* False where the connection is over. */
static bool receive(vg_web *w, client *c, int64_t now) {
    if (!is_heard(c)) return true;
    if (c->phase == LINGERING) c->got = 0;
    const ssize_t n = recv(c->fd, c->in + c->got, sizeof c->in - c->got, 0);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    if (n == 0) return false;
    c->got += (size_t)n;
    if (c->phase == LINGERING) return (c->lingered += n) < LINGER_BYTES;
    if (c->phase == WATCHING) return true;
    const size_t head_size = vg_web_head_size((const char *)c->in, c->got);
    if (head_size) {
        c->since_ns = now;
        serve_request(w, c, head_size);
    } else if (c->got == sizeof c->in) {
        refuse(c, 431, "The request is too long.\n");
    }
    return true;
}

/* Sends what the system takes. False where the connection is over. */
static bool transmit(client *c, int64_t now) {
    for (int i = 0; i < 2; i++) {
        while (c->left[i]) {
            const ssize_t n =
                send(c->fd, c->piece[i], c->left[i], MSG_NOSIGNAL | (i == 0 && c->left[1] ? MSG_MORE : 0));
            if (n < 0) return errno == EAGAIN || errno == EINTR;
            c->piece[i] += n, c->left[i] -= (size_t)n;
            c->since_ns = now;
        }
    }
    if (c->phase != ANSWERING) return true;
    /* closing now could reset the connection before the answer is read: what comes yet is read first */
    c->phase = LINGERING;
    shutdown(c->fd, SHUT_WR);
    return true;
}

static bool is_too_slow(const client *c, int64_t now) {
    const int64_t waited = now - c->since_ns;
    switch (c->phase) {
    case READING:
        return waited > REQUEST_NS;
    case LINGERING:
        return waited > LINGER_NS;
    default:
        return waited > STALL_NS && c->left[0] + c->left[1] > 0;
    }
}

static void serve_client(vg_web *w, client *c, short events, int64_t now) {
    bool on = !(events & (POLLERR | POLLNVAL));
    if (on && (events & (POLLIN | POLLHUP))) on = receive(w, c, now);
    if (on && c->phase == WATCHING && c->left[0] + c->left[1] == 0) {
        hear_all(c, now); /* what waited for its predecessor's reply to be on its way */
        put_next(w, c, now);
        if (c->left[0]) c->since_ns = now;
    }
    if (on && c->left[0] + c->left[1] > 0) on = transmit(c, now);
    if (!on || is_too_slow(c, now)) drop(c);
}

/* Takes the newest frame; now and then, how well the cameras agree with it. */
static void look(vg_web *w, int64_t now) {
    if (!vg_mailbox_take(&w->box, &w->showing)) return;
    w->shown++;
    if (now - w->errors_ns < SECOND_NS / 10) return;
    w->errors_ns = now;
    vg_web_errors_add(&w->errors, frame_at(w, w->showing), skeletons_at(w, w->showing));
}

static short wanted(const client *c) {
    return (short)((is_heard(c) ? POLLIN : 0) | (c->left[0] + c->left[1] > 0 ? POLLOUT : 0));
}

/* The session ends: who looks is told so where nothing is under way. */
static void say_it_is_over(vg_web *w) {
    static const uint8_t going_away[] = {0x80 | VG_WEB_CLOSE, 2, 1001 >> 8, 1001 & 255};
    for (int i = 0; i < CONNECTIONS; i++) {
        const client *c = &w->clients[i];
        if (c->phase != WATCHING || c->left[0] + c->left[1] > 0) continue;
        const ssize_t n = send(c->fd, going_away, sizeof going_away, MSG_NOSIGNAL);
        (void)n; /* who cannot take it notices anyway */
    }
}

static void *serve(void *context) {
    vg_web *w = context;
    for (;;) {
        struct pollfd polls[2 + CONNECTIONS];
        int of[CONNECTIONS], count = 0, timeout = -1;
        const int64_t began = vg_clock_now_ns();
        for (int i = 0; i < CONNECTIONS; i++) {
            client *c = &w->clients[i];
            if (c->phase == FREE) continue;
            if (c->phase == WATCHING)
                timeout = BEAT_MS;
            else if (timeout < 0)
                timeout = IDLE_MS;
            polls[2 + count] = (struct pollfd){.fd = c->fd, .events = wanted(c)};
            of[count++] = i;
        }
        const bool muted = w->muted_ns > began;
        if (muted && timeout < 0) timeout = IDLE_MS;
        polls[0] = (struct pollfd){.fd = w->quit, .events = POLLIN};
        polls[1] = (struct pollfd){.fd = muted ? -1 : w->listener, .events = POLLIN};
        if (poll(polls, (nfds_t)(2 + count), timeout) < 0 && errno != EINTR) break;
        if (polls[0].revents) break;
        const int64_t now = vg_clock_now_ns();
        look(w, now);
        for (int i = 0; i < count; i++) serve_client(w, &w->clients[of[i]], polls[2 + i].revents, now);
        if (polls[1].revents) accept_some(w, now);
    }
    say_it_is_over(w);
    return NULL;
}

/* ---- life ---- */

static vg_status listen_at(vg_web *w, const char *listen_text, vg_error *err) {
    uint16_t port;
    char service[8];
    if (!vg_web_split(listen_text, w->host, &port))
        return vg_fail(err, VG_INVALID, "web.listen is `%.200s`; it must be HOST:PORT (127.0.0.1:8080)", listen_text);
    snprintf(service, sizeof service, "%u", port);
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found;
    const int why = getaddrinfo(w->host, service, &hints, &found);
    if (why != 0)
        return vg_fail(err, VG_INVALID, "web.listen: host `%.200s` is unknown: %s", w->host, gai_strerror(why));
    const int one = 1;
    w->listener = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool on = w->listener >= 0 && setsockopt(w->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
              bind(w->listener, found->ai_addr, found->ai_addrlen) == 0 && listen(w->listener, SOMAXCONN) == 0;
    const int trouble = errno;
    freeaddrinfo(found);
    if (on) return VG_OK;
    if (trouble == EADDRINUSE)
        return vg_fail(err, VG_REFUSED,
                       "web.listen: port %u of %.200s is taken; name another, or 0 for any that is free", port,
                       w->host);
    return vg_fail(err, VG_INVALID, "web.listen: cannot listen at %.200s: %s", listen_text, strerror(trouble));
}

/* Names that this machine and the listener go by, and the address for people to open. */
static vg_status name_places(vg_web *w, vg_error *err) {
    struct sockaddr_storage at;
    socklen_t size = sizeof at;
    if (getsockname(w->listener, (struct sockaddr *)&at, &size) != 0)
        return vg_fail(err, VG_FAILED, "web.listen: %s", strerror(errno));
    const bool six = at.ss_family == AF_INET6;
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)&at;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)&at;
    const bool all = six ? IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr) : v4->sin_addr.s_addr == htonl(INADDR_ANY);
    const bool here = six ? IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) : ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    if (gethostname(w->own_name, sizeof w->own_name - 1) != 0) snprintf(w->own_name, sizeof w->own_name, "localhost");
    snprintf(w->own_local, sizeof w->own_local, "%s.local", w->own_name);
    const char *host = all ? w->own_name : w->host;
    const bool brackets = strchr(host, ':') != NULL;
    snprintf(w->url, sizeof w->url, "http://%s%s%s:%u/", brackets ? "[" : "", host, brackets ? "]" : "",
             ntohs(six ? v6->sin6_port : v4->sin_port));
    VG_INFOF(w->log, "viewer at %s", w->url);
    if (!here) VG_WARNF(w->log, "the viewer is open to the network: whoever reaches %s sees the session", w->url);
    return VG_OK;
}

static vg_status set_up(vg_web *w, vg_error *err) {
    const vg_dims d = w->control->world->dims;
    w->frame_size = vg_frame_bytes(d);
    w->slot_size = (w->frame_size + vg_skeletons_bytes(d.people, d.joints) + 63) & ~(size_t)63;
    w->room = vg_web_frame_bytes(d) > LEAST_ROOM ? vg_web_frame_bytes(d) : LEAST_ROOM;
    w->slots = aligned_alloc(64, 3 * w->slot_size);
    w->hello = vg_web_hello(w->control->config, w->control->world);
    if (!w->slots || !w->hello) return vg_fail(err, VG_NO_MEMORY, "viewer: out of memory");
    memset(w->slots, 0, 3 * w->slot_size); /* its pages are there before the first tick */
    w->quit = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->quit < 0) return vg_fail(err, VG_FAILED, "viewer: %s", strerror(errno));
    VG_TRY(listen_at(w, w->control->config->web.listen, err));
    VG_TRY(name_places(w, err));
    if (pthread_create(&w->thread, NULL, serve, w) != 0)
        return vg_fail(err, VG_FAILED, "cannot start the viewer's thread: %s", strerror(errno));
    w->started = true;
    return VG_OK;
}

vg_status vg_web_open(vg_web **out, vg_control *control, const vg_log *log, vg_error *err) {
    *out = NULL;
    vg_web *w = calloc(1, sizeof *w);
    if (!w) return vg_fail(err, VG_NO_MEMORY, "viewer: out of memory");
    w->control = control, w->log = log;
    w->listener = w->quit = -1;
    vg_mailbox_init(&w->box);
    w->writing = VG_MAILBOX_WRITER_FIRST, w->showing = VG_MAILBOX_READER_FIRST;
    const vg_status status = set_up(w, err);
    if (status == VG_OK)
        *out = w;
    else
        vg_web_close(w);
    return status;
}

void vg_web_close(vg_web *w) {
    if (!w) return;
    if (w->started) {
        const uint64_t one = 1;
        const ssize_t written = write(w->quit, &one, sizeof one);
        VG_ASSERT(written == (ssize_t)sizeof one);
        pthread_join(w->thread, NULL);
    }
    for (int i = 0; i < CONNECTIONS; i++)
        if (w->clients[i].phase != FREE) drop(&w->clients[i]);
    if (w->listener >= 0) close(w->listener);
    if (w->quit >= 0) close(w->quit);
    free(w->hello);
    free(w->slots);
    free(w);
}

const char *vg_web_url(const vg_web *w) {
    return w->url;
}
