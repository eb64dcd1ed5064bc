/* The loop of the UnrealCV server: see server.h. Each round:
 *   1 wait for sockets, at most until the next chore, not at all while requests wait
 *   2 let the game's time pass
 *   3 read, run requests and write, client by client, each for a few milliseconds at most so that none starves
 *   4 chores: clients without patience left, Unix sockets whose file is gone */
#include "sim_bridge/unrealcv/server.h"

#include "common/clock.h"
#include "sim_bridge/unrealcv/peer.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define TURN_NS     (5 * (int64_t)1000000)   /* a client's share of a round */
#define CHORE_NS    (200 * (int64_t)1000000) /* between two rounds of chores */
#define FLUSH       ((size_t)256 << 10)      /* bytes that are sent before further requests are run */
#define LISTENERS   (1 + UCV_SOCKETS)
#define HELD_BATCH  (5 * (int64_t)1000000000) /* an open vbatch stops time for so long at most */
#define PEER_TAG(i) ((uint64_t)LISTENERS + (uint64_t)(i))

typedef struct server {
    const ucv_server_config *config;
    ucv_game *game;
    int epoll;
    ucv_listener listener[LISTENERS]; /* the first is TCP */
    int listeners;
    bool deaf; /* out of descriptors: nobody is accepted until the next chores */
    ucv_peer peer[UCV_PEERS];
    int peers;        /* connected */
    ucv_peer *writer; /* holds the lease; NULL: free */
    bool busy;        /* requests wait that a turn was too short for */
    bool tcp_left;    /* a TCP client disconnected: the socket files are made anew */
    int64_t last_ns, chores_ns, batch_ns;
} server;

ucv_server_config ucv_server_config_default(void) {
    return (ucv_server_config){.listen = "127.0.0.1:9000", .patience_seconds = 10, .request_cap = (size_t)1 << 20};
}

static void watch(const server *s, int fd, int operation, uint32_t events, uint64_t tag) {
    struct epoll_event event = {.events = events, .data.u64 = tag};
    epoll_ctl(s->epoll, operation, fd, &event);
}

static void drop(server *s, ucv_peer *p, const char *why) {
    if (why)
        VG_WARNF(s->config->log, "unrealcv: %s dropped: %s", p->name, why);
    else
        VG_INFOF(s->config->log, "unrealcv: %s disconnected", p->name);
    if (s->writer == p) s->writer = NULL;
    if (p->tcp) s->tcp_left = true;
    ucv_peer_close(p);
    s->peers--;
}

/* --- requests ------------------------------------------------------------------------------------------------------ */

/* The holder may be gone without our having looked at its socket yet. */
static bool holder_is_gone(const ucv_peer *p) {
    char byte;
    return p->in.at == p->in.size && recv(p->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static bool may_write(server *s, ucv_peer *p) {
    if (s->writer && s->writer != p && holder_is_gone(s->writer)) drop(s, s->writer, NULL);
    if (!s->writer) s->writer = p;
    return s->writer == p;
}

static void run(server *s, ucv_peer *p, vg_span payload) {
    vg_span id, command;
    if (!ucv_request_split(&id, &command, payload)) return; /* a game answers nothing either */
    const size_t begun = ucv_reply_begin(&p->out, &id);
    if (ucv_command_writes(command) && !may_write(s, p)) {
        static const char refusal[] = "error Another client holds the writer lease: this one may only read";
        ucv_put(&p->out, refusal, sizeof refusal - 1);
    } else {
        ucv_command_run(s->game, &p->session, command, &p->out);
    }
    if (p->session.batch > 0) p->session.batch--;
    ucv_reply_end(&p->out, begun);
}

/* Runs what the client asked for, for one turn. False where it must be dropped; `why` says for what. */
static bool serve(server *s, ucv_peer *p, const char **why) {
    const int64_t begun = vg_clock_now_ns();
    int64_t now = begun;
    for (;;) {
        vg_span payload;
        if (ucv_peer_unsent(p) >= FLUSH && !ucv_peer_write(p, now)) return false;
        if (ucv_peer_unsent(p) >= UCV_OUT_HIGH) return true; /* goes on when the client has read */
        const ucv_scan scan = ucv_peer_next(p, &payload, s->config->request_cap, now);
        if (scan == UCV_SCAN_MORE) break;
        if (scan != UCV_SCAN_FRAME) {
            *why = scan == UCV_SCAN_MAGIC ? "it does not speak UnrealCV (wrong magic)"
                                          : "its request is empty or too large";
            return false;
        }
        run(s, p, payload);
        if (p->out.full) {
            *why = "its reply found no room";
            return false;
        }
        now = vg_clock_now_ns();
        if (now - begun > TURN_NS) {
            s->busy = true;
            break;
        }
    }
    return ucv_peer_write(p, now) && !(p->closed && ucv_peer_unsent(p) == 0 && !s->busy);
}

/* Reads while the client is not behind with reading replies, writes while there is something to write. */
static void set_interest(const server *s, ucv_peer *p) {
    const bool full = ucv_peer_unsent(p) >= UCV_OUT_HIGH;
    const uint32_t events = (full || p->closed ? 0u : EPOLLIN) | (ucv_peer_unsent(p) > 0 ? EPOLLOUT : 0u);
    if (events == p->events) return;
    p->events = events;
    watch(s, p->fd, EPOLL_CTL_MOD, events, PEER_TAG(p - s->peer));
}

static void turn(server *s, ucv_peer *p, uint32_t events) {
    const char *why = NULL;
    bool alive = (events & EPOLLERR) == 0;
    if (alive && (events & EPOLLOUT)) alive = ucv_peer_write(p, s->last_ns);
    if (alive && (events & (EPOLLIN | EPOLLHUP)) && !p->closed) alive = ucv_peer_read(p);
    if (alive) alive = serve(s, p, &why);
    if (!alive)
        drop(s, p, why);
    else
        set_interest(s, p);
}

/* --- connections --------------------------------------------------------------------------------------------------- */

static void greet(server *s, int fd, bool tcp, const struct sockaddr_storage *from, socklen_t size) {
    char host[40] = "", name[64] = "a client at the Unix socket";
    if (tcp) {
        char port[8] = "";
        getnameinfo((const struct sockaddr *)from, size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV);
        snprintf(name, sizeof name, "%s:%s", host, port);
    }
    ucv_peer *p = s->peer;
    while (p < s->peer + UCV_PEERS && p->fd >= 0) p++;
    if (p == s->peer + UCV_PEERS) {
        VG_WARNF(s->config->log, "unrealcv: %s turned away: %d clients are connected", name, UCV_PEERS);
        close(fd);
        return;
    }
    ucv_peer_open(p, fd, tcp, name);
    p->session.local = !tcp || strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
    s->peers++;
    p->events = EPOLLIN;
    watch(s, fd, EPOLL_CTL_ADD, EPOLLIN, PEER_TAG(p - s->peer));
    VG_INFOF(s->config->log, "unrealcv: %s connected", name);
    turn(s, p, 0);
}

static void accept_all(server *s, int listener) {
    for (;;) {
        struct sockaddr_storage from;
        socklen_t size = sizeof from;
        const int fd = accept4(s->listener[listener].fd, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            greet(s, fd, listener == 0, &from, size);
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno == EAGAIN) return;
        VG_WARNF(s->config->log, "unrealcv: cannot accept: %s", strerror(errno));
        for (int i = 0; i < s->listeners; i++) watch(s, s->listener[i].fd, EPOLL_CTL_MOD, 0, (uint64_t)i);
        s->deaf = true;
        return;
    }
}

/* Clients of a real game delete the socket's file, disconnect from TCP and wait for the file to come back. */
static void renew_sockets(server *s) {
    for (int i = 1; i < s->listeners; i++) {
        ucv_listener *l = &s->listener[i];
        if (ucv_listener_reachable(l)) continue;
        vg_error err = {0};
        ucv_listener fresh;
        accept_all(s, i); /* who connected before the file went */
        if (ucv_listen_unix(&fresh, l->path, &err) != VG_OK) {
            VG_WARNF(s->config->log, "unrealcv: %s", err.message);
            continue;
        }
        close(l->fd);
        *l = fresh;
        watch(s, l->fd, EPOLL_CTL_ADD, EPOLLIN, (uint64_t)i);
    }
}

/* --- time ---------------------------------------------------------------------------------------------------------- */

static void pass_time(server *s) {
    const int64_t now = vg_clock_now_ns(), passed = now - s->last_ns;
    s->last_ns = now;
    bool batch = false;
    for (int i = 0; i < UCV_PEERS; i++) batch |= s->peer[i].fd >= 0 && s->peer[i].session.batch > 0;
    s->batch_ns = batch ? s->batch_ns + passed : 0;
    if (s->peers == 0 || (batch && s->batch_ns < HELD_BATCH)) return;
    vg_error err = {0};
    if (ucv_game_pass(s->game, passed, &err) != VG_OK) {
        VG_ERRORF(s->config->log, "unrealcv: the simulator stopped: %s", err.message);
        s->game->paused = true;
    }
}

static void chores(server *s) {
    if (s->last_ns - s->chores_ns < CHORE_NS && !s->tcp_left) return;
    s->chores_ns = s->last_ns;
    s->tcp_left = false;
    renew_sockets(s);
    if (s->deaf)
        for (int i = 0; i < s->listeners; i++) watch(s, s->listener[i].fd, EPOLL_CTL_MOD, EPOLLIN, (uint64_t)i);
    s->deaf = false;
    const int64_t patience = (int64_t)(s->config->patience_seconds * 1e9);
    for (ucv_peer *p = s->peer; p < s->peer + UCV_PEERS; p++) {
        if (p->fd < 0) continue;
        if (p->partial_ns && s->last_ns - p->partial_ns > patience)
            drop(s, p, "the rest of its request did not come");
        else if (p->stuck_ns && s->last_ns - p->stuck_ns > patience)
            drop(s, p, "it does not read its replies");
    }
}

/* --- the loop ------------------------------------------------------------------------------------------------------ */

static void round_of(server *s) {
    struct epoll_event events[UCV_PEERS + LISTENERS];
    const int wait_ms = s->busy ? 0 : (int)(CHORE_NS / 1000000);
    const int n = epoll_wait(s->epoll, events, UCV_PEERS + LISTENERS, wait_ms);
    pass_time(s);
    uint32_t happened[UCV_PEERS] = {0};
    const bool busy = s->busy;
    s->busy = false;
    for (int i = 0; i < n; i++) {
        const uint64_t tag = events[i].data.u64;
        if (tag < LISTENERS)
            accept_all(s, (int)tag);
        else
            happened[tag - LISTENERS] = events[i].events;
    }
    for (int i = 0; i < UCV_PEERS; i++) /* in busy rounds everybody, for requests left over */
        if (s->peer[i].fd >= 0 && (happened[i] || busy)) turn(s, &s->peer[i], happened[i]);
    chores(s);
}

static vg_status open_sockets(server *s, char address[80], vg_error *err) {
    const ucv_server_config *c = s->config;
    VG_TRY(ucv_listen_tcp(&s->listener[0], address, &s->game->port, c->listen, err));
    s->listeners = 1;
    const char *where[UCV_SOCKETS] = {"/tmp", getenv("TMPDIR")}; /* clients look in /tmp whatever TMPDIR says */
    size_t count = c->no_socket ? 0 : where[1] && *where[1] ? 2 : 1;
    if (c->socket_count > 0) {
        count = c->socket_count;
        memcpy(where, c->sockets, sizeof where);
    }
    for (size_t i = 0; i < count; i++) {
        char path[UCV_SOCKET_PATH];
        vg_error reason = {0};
        vg_status status = ucv_socket_path(path, where[i], s->game->port, &reason);
        for (int k = 1; k < s->listeners && status == VG_OK; k++)
            if (strcmp(s->listener[k].path, path) == 0) status = VG_INTERRUPTED; /* the same once more */
        if (status == VG_INTERRUPTED) continue;
        if (status == VG_OK) status = ucv_listen_unix(&s->listener[s->listeners], path, &reason);
        if (status == VG_OK) {
            s->listeners++;
        } else if (c->socket_count > 0) {
            return vg_fail(err, status, "%s", reason.message);
        } else { /* nobody asked for it by name: TCP goes on alone */
            VG_WARNF(c->log, "unrealcv: no Unix socket: %s", reason.message);
        }
    }
    return VG_OK;
}

static vg_status start(server *s, vg_error *err) {
    char address[80];
    VG_TRY(open_sockets(s, address, err));
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (s->epoll < 0) return vg_fail(err, VG_IO, "unrealcv: epoll: %s", strerror(errno));
    for (int i = 0; i < s->listeners; i++) watch(s, s->listener[i].fd, EPOLL_CTL_ADD, EPOLLIN, (uint64_t)i);
    s->last_ns = s->chores_ns = vg_clock_now_ns();
    if (s->config->ready) s->config->ready(s->config->context, address);
    return VG_OK;
}

vg_status ucv_serve(ucv_game *game, const ucv_server_config *config, vg_error *err) {
    if (config->socket_count > UCV_SOCKETS)
        return vg_fail(err, VG_INVALID, "unrealcv: at most %d Unix sockets", UCV_SOCKETS);
    server *s = calloc(1, sizeof *s);
    if (!s) return vg_fail(err, VG_NO_MEMORY, "unrealcv: no memory for the server");
    s->config = config, s->game = game, s->epoll = -1;
    for (int i = 0; i < UCV_PEERS; i++) s->peer[i].fd = -1;
    for (int i = 0; i < LISTENERS; i++) s->listener[i].fd = -1;
    const vg_status status = start(s, err);
    while (status == VG_OK && !(config->stop && atomic_load(config->stop))) round_of(s);
    for (int i = 0; i < UCV_PEERS; i++)
        if (s->peer[i].fd >= 0) ucv_peer_close(&s->peer[i]);
    for (int i = 0; i < LISTENERS; i++) ucv_listener_close(&s->listener[i]);
    if (s->epoll >= 0) close(s->epoll);
    free(s);
    return status;
}
