/* libwebsockets serves the page and the viewers, from one thread that it is given. A viewer has at most one message under way;
 * when the system has taken all of it, the next one is made from what is newest then, so a slow browser skips frames and
 * nothing queues up.
 *
 * Everything is bounded: connections, viewers, the size of a request and the time it may take. */
#include "daemon/web.h"

#include "agents/mailbox.h"
#include "common/clock.h"
#include "common/text.h"
#include "daemon/viewer_files.h"
#include "daemon/web_message.h"

#include <arpa/inet.h>
#include <libwebsockets.h>
#include <netdb.h>
#include <netinet/tcp.h>

enum {
    CONNECTIONS = 400,
    VIEWERS = 12,
    REQUEST = 8192,          /* bytes of a request's head */
    REQUEST_SECONDS = 5,     /* it must be there within */
    KEPT_SECONDS = 5,        /* a connection is kept for another one */
    LEAST_ROOM = 128 * 1024, /* of a viewer's message */
    PIECE = 16 * 1024,       /* of a file, at a time */
    BEAT_US = 15000,         /* a viewer gets at most so many frames */
    GOODBYE_MS = 300
};
#define SECOND_NS 1000000000

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

/* What libwebsockets keeps for each connection, zero at first. */
typedef struct client {
    const file *file; /* that it is being sent */
    size_t sent;
    bool watches, greeted, left;
    int goodbye; /* enum lws_close_status that it is due, 0: none */
    int64_t status_ns;
    uint64_t frame; /* the last one it was told */
} client;

struct vg_web {
    vg_control *control;
    const vg_log *log;
    struct lws_context *context;
    struct lws_protocols protocols[2];
    char host[256], own_name[256], own_local[264], url[300];
    pthread_t thread;
    bool started;
    atomic_bool quit;
    /* from the tick */
    vg_mailbox box;
    uint32_t writing, showing;
    size_t frame_size, slot_size;
    unsigned char *slots; /* [3]: frame, skeletons */
    uint64_t shown;       /* frames taken out of the box */
    /* the thread's */
    char *hello;
    size_t room;
    unsigned char *message; /* [LWS_PRE + room] */
    vg_web_errors errors;
    int64_t errors_ns;
    int viewers;
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

/* ---- who asks ---- */

/* The host of "HOST:PORT" as a request names it, in `text`; brackets of IPv6 stay. */
static vg_span host_of(const char *text) {
    const char *colon = strrchr(text, ':'), *bracket = strrchr(text, ']');
    const bool port = colon && (!bracket || colon > bracket);
    return (vg_span){text, port ? (size_t)(colon - text) : strlen(text)};
}

static bool is_address(const char *text) {
    unsigned char scratch[16];
    char plain[64];
    const size_t n = strlen(text);
    if (text[0] == '[' && n > 2 && n < sizeof plain && text[n - 1] == ']') {
        snprintf(plain, sizeof plain, "%.*s", (int)(n - 2), text + 1);
        return inet_pton(AF_INET6, plain, scratch) == 1;
    }
    return inet_pton(AF_INET, text, scratch) == 1;
}

/* Whether a request may be for us: Host is an address, localhost, or a name of this machine. A page of another site whose name
 * was made to lead here (DNS rebinding) says that site's name. */
static bool is_for_us(const vg_web *w, struct lws *wsi, char host[256]) {
    char name[256];
    if (lws_hdr_copy(wsi, host, 256, WSI_TOKEN_HOST) <= 0 &&
        lws_hdr_copy(wsi, host, 256, WSI_TOKEN_HTTP_COLON_AUTHORITY) <= 0)
        return false;
    vg_span_copy(name, sizeof name, host_of(host));
    const char *const names[] = {"localhost", w->host, w->own_name, w->own_local};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(name, names[i]) == 0) return true;
    return is_address(name);
}

/* Whether a browser asks on behalf of our own page: Origin is http://HOST. Programs that are no browsers send none. */
static bool is_our_page(struct lws *wsi, const char *host) {
    char origin[300];
    const int n = lws_hdr_copy(wsi, origin, sizeof origin, WSI_TOKEN_ORIGIN);
    if (n == 0 && lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN) == 0) return true;
    return n > 0 && strncasecmp(origin, "http://", 7) == 0 && strcasecmp(origin + 7, host) == 0;
}

/* ---- files ---- */

static int refuse(struct lws *wsi, unsigned status, const char *sentence) {
    lws_return_http_status(wsi, status, sentence);
    return -1;
}

static int begin_file(struct lws *wsi, client *c, const file *f, bool head_only) {
    unsigned char room[LWS_PRE + 2048], *start = room + LWS_PRE, *at = start, *end = room + sizeof room - 1;
    static const unsigned char fresh[] = "no-cache", same[] = "same-origin";
    if (lws_add_http_common_headers(wsi, HTTP_STATUS_OK, f->type, f->size, &at, end) ||
        lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_CACHE_CONTROL, fresh, sizeof fresh - 1, &at, end) ||
        lws_add_http_header_by_name(wsi, (const unsigned char *)"cross-origin-resource-policy:", same, sizeof same - 1,
                                    &at, end) ||
        lws_finalize_write_http_header(wsi, start, &at, end))
        return -1;
    if (head_only) return lws_http_transaction_completed(wsi) ? -1 : 0;
    c->file = f, c->sent = 0;
    lws_callback_on_writable(wsi);
    return 0;
}

static int go_on_with_file(struct lws *wsi, client *c) {
    unsigned char room[LWS_PRE + PIECE];
    if (!c->file) return 0;
    const size_t left = c->file->size - c->sent, n = left < PIECE ? left : PIECE;
    memcpy(room + LWS_PRE, c->file->data + c->sent, n);
    lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, REQUEST_SECONDS);
    if (lws_write(wsi, room + LWS_PRE, n, n == left ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) != (int)n) return -1;
    c->sent += n;
    if (n == left) {
        c->file = NULL;
        return lws_http_transaction_completed(wsi) ? -1 : 0;
    }
    lws_callback_on_writable(wsi);
    return 0;
}

static int serve_request(const vg_web *w, struct lws *wsi, client *c, const char *path) {
    char host[256];
    const bool head_only = lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI) > 0;
    if (!head_only && lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) == 0 &&
        lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_COLON_PATH) == 0)
        return refuse(wsi, HTTP_STATUS_METHOD_NOT_ALLOWED, "There is nothing to do but look.");
    if (!is_for_us(w, wsi, host))
        return refuse(wsi, 421,
                      "This name is not known here. Use the address, localhost, or the name of this machine.");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (strcmp(path, files[i].path) == 0) return begin_file(wsi, c, &files[i], head_only);
    if (strcmp(path, "/live") == 0) return refuse(wsi, 426, "Here is a WebSocket.");
    return refuse(wsi, HTTP_STATUS_NOT_FOUND, "There is nothing here.");
}

/* ---- viewers ---- */

static int may_watch(const vg_web *w, struct lws *wsi) {
    char host[256], path[16];
    if (!is_for_us(w, wsi, host))
        return refuse(wsi, 421,
                      "This name is not known here. Use the address, localhost, or the name of this machine.");
    if (lws_hdr_copy(wsi, path, sizeof path, WSI_TOKEN_GET_URI) <= 0 || strcmp(path, "/live") != 0)
        return refuse(wsi, HTTP_STATUS_NOT_FOUND, "There is no WebSocket here.");
    if (!is_our_page(wsi, host))
        return refuse(wsi, HTTP_STATUS_FORBIDDEN, "A page of another origin cannot look at this session.");
    if (w->viewers >= VIEWERS)
        return refuse(wsi, HTTP_STATUS_SERVICE_UNAVAILABLE, "Too many viewers; close another one.");
    return 0;
}

static int begin_watching(vg_web *w, struct lws *wsi, client *c) {
    /* little may wait in the system: what is old when it comes is of no use */
    const int fd = lws_get_socket_fd(wsi), one = 1, unsent = 16 * 1024, patience_ms = 20000;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience_ms, sizeof patience_ms);
    *c = (client){.watches = true};
    w->viewers++;
    lws_set_timer_usecs(wsi, BEAT_US);
    lws_callback_on_writable(wsi);
    return 0;
}

/* Takes the newest frame; now and then, how well the cameras agree with it. */
static void look(vg_web *w, int64_t now) {
    if (!vg_mailbox_take(&w->box, &w->showing)) return;
    w->shown++;
    if (now - w->errors_ns < SECOND_NS / 10) return;
    w->errors_ns = now;
    vg_web_errors_add(&w->errors, frame_at(w, w->showing), skeletons_at(w, w->showing));
}

/* A text that is longer than a message may be is left out. */
static int tell_text(const vg_web *w, struct lws *wsi, const char *text) {
    const size_t size = text ? strlen(text) : 0;
    if (size == 0 || size > w->room) return 0;
    memcpy(w->message + LWS_PRE, text, size);
    return lws_write(wsi, w->message + LWS_PRE, size, LWS_WRITE_TEXT) < 0 ? -1 : 0; /* 0: a goodbye is on its way */
}

/* What a viewer is to be told next, if anything; the beat asks again. Nothing told before is under way any more, so that
 * a goodbye comes through. */
static int tell(vg_web *w, struct lws *wsi, client *c) {
    const int64_t now = vg_clock_now_ns();
    if (c->left) return 0;
    if (atomic_load(&w->quit)) c->goodbye = LWS_CLOSE_STATUS_GOINGAWAY;
    if (c->goodbye) {
        c->left = true;
        lws_close_reason(wsi, (enum lws_close_status)c->goodbye, NULL, 0);
        return -1;
    }
    look(w, now);
    if (!c->greeted) {
        c->greeted = true;
        lws_callback_on_writable(wsi);
        return tell_text(w, wsi, w->hello);
    }
    if (now - c->status_ns >= SECOND_NS) {
        c->status_ns = now;
        lws_callback_on_writable(wsi);
        char *status = vg_web_status(w->control, &w->errors, w->viewers);
        const int on = tell_text(w, wsi, status);
        free(status);
        return on;
    }
    if (c->frame == w->shown) return 0;
    c->frame = w->shown;
    const size_t size = vg_web_frame(w->message + LWS_PRE, frame_at(w, w->showing), skeletons_at(w, w->showing));
    return lws_write(wsi, w->message + LWS_PRE, size, LWS_WRITE_BINARY) < 0 ? -1 : 0;
}

/* ---- what libwebsockets asks ---- */

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t size) {
    vg_web *w = lws_context_user(lws_get_context(wsi));
    client *c = user;
    switch ((int)reason) {
    case LWS_CALLBACK_HTTP:
        return serve_request(w, wsi, c, in);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return go_on_with_file(wsi, c);
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        return may_watch(w, wsi);
    case LWS_CALLBACK_ESTABLISHED:
        return begin_watching(w, wsi, c);
    case LWS_CALLBACK_TIMER:
        lws_set_timer_usecs(wsi, BEAT_US);
        lws_callback_on_writable(wsi);
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return tell(w, wsi, c);
    case LWS_CALLBACK_RECEIVE: /* a viewer has nothing to tell */
        c->goodbye = LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE;
        lws_callback_on_writable(wsi);
        return 0;
    case LWS_CALLBACK_CLOSED:
        w->viewers -= c->watches;
        return 0;
    default:
        return lws_callback_http_dummy(wsi, reason, user, in, size);
    }
}

static void *serve(void *context) {
    vg_web *w = context;
    while (!atomic_load(&w->quit) && lws_service(w->context, 0) >= 0) {
    }
    const int64_t end = vg_clock_now_ns() + GOODBYE_MS * INT64_C(1000000); /* the beats say goodbye */
    while (w->viewers > 0 && vg_clock_now_ns() < end && lws_service(w->context, 0) >= 0) {
    }
    return NULL;
}

/* ---- life ---- */

vg_status vg_web_place(const char *listen_text, char host[256], char port[8], vg_error *err) {
    const vg_span part = host_of(listen_text);
    const char *digits = part.at + part.size + 1;
    const bool bracket = part.size > 2 && listen_text[0] == '[' && listen_text[part.size - 1] == ']';
    const size_t n = listen_text[part.size] == ':' ? strlen(digits) : 0;
    const bool plain = memchr(part.at, ':', part.size) == NULL;
    if (n == 0 || n > 5 || strspn(digits, "0123456789") != n || atoi(digits) > 65535 || !(bracket || plain) ||
        part.size == 0 || part.size > 255)
        return vg_fail(err, VG_INVALID, "web.listen is `%.200s`; it must be HOST:PORT (127.0.0.1:8080)", listen_text);
    vg_span_copy(host, 256, (vg_span){part.at + bracket, part.size - 2 * bracket});
    snprintf(port, 8, "%s", digits);
    return VG_OK;
}

/* Whether there is such a place and it is free, in words that libwebsockets would only log. `at` is its address. */
static vg_status try_place(const vg_web *w, const char *port, struct sockaddr_storage *at, vg_error *err) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found;
    const int why = getaddrinfo(w->host, port, &hints, &found), one = 1;
    if (why != 0)
        return vg_fail(err, VG_INVALID, "web.listen: host `%.200s` is unknown: %s", w->host, gai_strerror(why));
    const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool free_place = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
                            bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, 1) == 0;
    const int trouble = errno;
    memset(at, 0, sizeof *at);
    memcpy(at, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    if (fd >= 0) close(fd);
    if (free_place) return VG_OK;
    if (trouble == EADDRINUSE)
        return vg_fail(err, VG_REFUSED,
                       "web.listen: port %s of %.200s is taken; name another, or 0 for any that is free", port,
                       w->host);
    return vg_fail(err, VG_INVALID, "web.listen: cannot listen at %.200s:%s: %s", w->host, port, strerror(trouble));
}

/* Names that this machine and the listener go by, and the address for people to open. */
static void name_places(vg_web *w, const struct sockaddr_storage *at, int port) {
    const bool six = at->ss_family == AF_INET6;
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)at;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)at;
    const bool all = six ? IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr) : v4->sin_addr.s_addr == htonl(INADDR_ANY);
    const bool here = six ? IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) : ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    if (gethostname(w->own_name, sizeof w->own_name - 1) != 0) snprintf(w->own_name, sizeof w->own_name, "localhost");
    snprintf(w->own_local, sizeof w->own_local, "%s.local", w->own_name);
    const char *host = all ? w->own_name : w->host;
    const bool brackets = strchr(host, ':') != NULL;
    snprintf(w->url, sizeof w->url, "http://%s%s%s:%d/", brackets ? "[" : "", host, brackets ? "]" : "", port);
    VG_INFOF(w->log, "viewer at %s", w->url);
    if (!here) VG_WARNF(w->log, "the viewer is open to the network: whoever reaches %s sees the session", w->url);
}

static vg_status begin_listening(vg_web *w, vg_error *err) {
    struct sockaddr_storage at;
    char port[8], address[INET6_ADDRSTRLEN] = "";
    const char *text = w->control->config->web.listen;
    VG_TRY(vg_web_place(text, w->host, port, err));
    VG_TRY(try_place(w, port, &at, err));
    getnameinfo((const struct sockaddr *)&at, sizeof at, address, sizeof address, NULL, 0, NI_NUMERICHOST);
    w->protocols[0] = (struct lws_protocols){.name = "http",
                                             .callback = on_event,
                                             .per_session_data_size = sizeof(client),
                                             .rx_buffer_size = 128,
                                             .tx_packet_size = LEAST_ROOM};
    const struct lws_context_creation_info info = {.port = atoi(port),
                                                   .iface = address,
                                                   .protocols = w->protocols,
                                                   .user = w,
                                                   .gid = -1,
                                                   .uid = -1,
                                                   .options =
                                                       LWS_SERVER_OPTION_HTTP_HEADERS_SECURITY_BEST_PRACTICES_ENFORCE |
                                                       (at.ss_family == AF_INET6 ? 0 : LWS_SERVER_OPTION_DISABLE_IPV6),
                                                   .max_http_header_data = REQUEST,
                                                   .max_http_header_pool = CONNECTIONS,
                                                   .fd_limit_per_thread = CONNECTIONS,
                                                   .timeout_secs = REQUEST_SECONDS,
                                                   .keepalive_timeout = KEPT_SECONDS,
                                                   .pt_serv_buf_size = PIECE};
    lws_set_log_level(0, NULL);
    w->context = lws_create_context(&info);
    if (!w->context) return vg_fail(err, VG_FAILED, "web.listen: cannot serve at %.200s", text);
    name_places(w, &at, lws_get_vhost_listen_port(lws_get_vhost_by_name(w->context, "default")));
    return VG_OK;
}

static vg_status set_up(vg_web *w, vg_error *err) {
    const vg_dims d = w->control->world->dims;
    w->frame_size = vg_frame_bytes(d);
    w->slot_size = (w->frame_size + vg_skeletons_bytes(d.people, d.joints) + 63) & ~(size_t)63;
    w->room = vg_web_frame_bytes(d) > LEAST_ROOM ? vg_web_frame_bytes(d) : LEAST_ROOM;
    w->slots = aligned_alloc(64, 3 * w->slot_size);
    w->message = malloc(LWS_PRE + w->room);
    w->hello = vg_web_hello(w->control->config, w->control->world);
    if (!w->slots || !w->message || !w->hello) return vg_fail(err, VG_NO_MEMORY, "viewer: out of memory");
    memset(w->slots, 0, 3 * w->slot_size); /* its pages are there before the first tick */
    VG_TRY(begin_listening(w, err));
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
        atomic_store(&w->quit, true);
        lws_cancel_service(w->context);
        pthread_join(w->thread, NULL);
    }
    if (w->context) lws_context_destroy(w->context);
    free(w->hello);
    free(w->message);
    free(w->slots);
    free(w);
}

const char *vg_web_url(const vg_web *w) {
    return w->url;
}
