/* The server's end. One ROUTER socket; requests are answered in the order they come. Who greets first holds the lease and
 * alone may reset and step; others are refused until that client says bye, or has been silent for the lease's time and
 * somebody else greets. Whatever a peer sends, the answer is at worst an error. */
#include "sim_bridge/remote/serve.h"

#include "common/clock.h"
#include "sim_bridge/remote/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { IDENTITY_MAX = 255, POLL_MS = 100 };

typedef struct identity {
    unsigned char bytes[IDENTITY_MAX];
    size_t size;
} identity;

typedef struct server {
    vg_world *world;
    const vg_serve_config *config;
    void *socket;
    vg_codec *codec;
    vg_wire_world wire;
    vg_frame *frames;           /* [envs] */
    vg_command *commands;       /* [envs] */
    vg_wire_reset *wire_resets; /* [envs] */
    vg_reset *resets;           /* [envs] */
    identity holder;            /* of the lease; size 0: nobody */
    int64_t heard_ns;           /* when the holder was last heard */
} server;

vg_serve_config vg_serve_config_default(void) {
    return (vg_serve_config){.listen = "tcp://127.0.0.1:5555", .lease_seconds = 10};
}

static bool same(const identity *a, const identity *b) {
    return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

static vg_status greet(server *s, const identity *from, uint64_t sequence, vg_bytes *reply, vg_error *err) {
    vg_wire_hello hello;
    VG_TRY(vg_decoded_hello(s->codec, &hello, err));
    if (hello.version != VG_PROTOCOL_VERSION)
        return vg_fail(err, VG_VERSION, "you speak protocol version %u, this world %d; use matching versions",
                       hello.version, VG_PROTOCOL_VERSION);
    const int64_t now = vg_clock_now_ns();
    const bool expired = (double)(now - s->heard_ns) * 1e-9 > s->config->lease_seconds;
    if (s->holder.size && !same(&s->holder, from) && !expired)
        return vg_fail(err, VG_REFUSED,
                       "another client holds this world; try again when it has left, or been silent for %g s",
                       s->config->lease_seconds);
    VG_INFOF(s->config->log, "client `%s` takes the world", hello.name);
    s->holder = *from;
    s->heard_ns = now;
    return vg_encode_world(s->codec, sequence, &s->wire, reply, err);
}

static vg_status check_holder(const server *s, const identity *from, vg_error *err) {
    if (same(&s->holder, from)) return VG_OK;
    return vg_fail(err, VG_REFUSED, "say hello first (another client may have taken the world meanwhile)");
}

static vg_status answer_reset(server *s, uint64_t sequence, vg_bytes *reply, vg_error *err) {
    int32_t first, count;
    VG_TRY(vg_decoded_reset(s->codec, &first, &count, s->wire_resets, s->world->info.envs, err));
    for (int32_t i = 0; i < count; i++)
        s->resets[i] = (vg_reset){s->wire_resets[i].seed, s->wire_resets[i].people, s->wire_resets[i].formation};
    vg_frame *frames = vg_frame_at(s->frames, first);
    VG_TRY(vg_world_reset(s->world, first, count, s->resets, frames, err));
    return vg_encode_frames(s->codec, sequence, first, count, frames, reply, err);
}

static vg_status answer_step(server *s, uint64_t sequence, vg_bytes *reply, vg_error *err) {
    int32_t first, count;
    VG_TRY(
        vg_decoded_step(s->codec, &first, &count, s->commands, s->world->info.envs, s->world->info.dims.cameras, err));
    vg_frame *frames = vg_frame_at(s->frames, first);
    VG_TRY(vg_world_step(s->world, first, count, s->commands, frames, err));
    return vg_encode_frames(s->codec, sequence, first, count, frames, reply, err);
}

/* What one request is answered with; an empty reply means no answer. */
static vg_status answer(server *s, const identity *from, const void *data, size_t size, uint64_t *sequence,
                        vg_bytes *reply, vg_error *err) {
    vg_message_kind kind;
    *sequence = 0;
    VG_TRY(vg_decode(s->codec, data, size, &kind, sequence, err));
    if (same(&s->holder, from)) s->heard_ns = vg_clock_now_ns();
    switch (kind) {
    case VG_MESSAGE_HELLO:
        return greet(s, from, *sequence, reply, err);
    case VG_MESSAGE_PING:
        return vg_encode_empty(s->codec, *sequence, VG_MESSAGE_PONG, reply, err);
    case VG_MESSAGE_BYE:
        if (same(&s->holder, from)) s->holder.size = 0;
        return VG_OK;
    case VG_MESSAGE_RESET:
        VG_TRY(check_holder(s, from, err));
        return answer_reset(s, *sequence, reply, err);
    case VG_MESSAGE_STEP:
        VG_TRY(check_holder(s, from, err));
        return answer_step(s, *sequence, reply, err);
    default:
        return vg_fail(err, VG_INVALID, "a message of kind %d is not a request", (int)kind);
    }
}

static void send_reply(server *s, const identity *to, vg_bytes reply) {
    /* a client that does not read must not hold up the others: what cannot be queued is dropped */
    if (zmq_send(s->socket, to->bytes, to->size, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) return;
    zmq_send(s->socket, reply.data, reply.size, ZMQ_DONTWAIT);
}

/* Takes one request of any number of parts: identity, then one body. True where it has that shape. */
static bool receive(server *s, identity *from, zmq_msg_t *body) {
    zmq_msg_t part;
    int parts = 0, more = 1;
    from->size = 0;
    while (more) {
        zmq_msg_init(&part);
        if (zmq_msg_recv(&part, s->socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&part);
            return false;
        }
        more = zmq_msg_more(&part);
        if (parts == 0 && zmq_msg_size(&part) <= IDENTITY_MAX) {
            from->size = zmq_msg_size(&part);
            memcpy(from->bytes, zmq_msg_data(&part), from->size);
        } else if (parts == 1) {
            zmq_msg_move(body, &part);
        }
        zmq_msg_close(&part);
        parts++;
    }
    return parts == 2 && from->size > 0;
}

static void serve_one(server *s) {
    identity from;
    zmq_msg_t body;
    zmq_msg_init(&body);
    const bool whole = receive(s, &from, &body);
    vg_error err = {0};
    vg_bytes reply = {0};
    uint64_t sequence = 0;
    vg_status status = VG_OK;
    if (whole)
        status = answer(s, &from, zmq_msg_data(&body), zmq_msg_size(&body), &sequence, &reply, &err);
    else if (from.size)
        status = vg_fail(&err, VG_CORRUPT, "a request is one message part");
    zmq_msg_close(&body);
    if (status) {
        vg_wire_error said = {.status = status};
        snprintf(said.message, sizeof said.message, "%.500s", err.message);
        VG_WARNF(s->config->log, "a request was refused: %s", err.message);
        if (vg_encode_error(s->codec, sequence, &said, &reply, NULL)) return;
    }
    if (reply.size) send_reply(s, &from, reply);
}

static vg_status make_room(server *s, vg_error *err) {
    const vg_world_info *w = &s->world->info;
    const size_t envs = (size_t)w->envs, bytes = vg_frame_bytes(w->dims);
    s->wire = vg_wire_of_info(w);
    VG_TRY(vg_codec_create(&s->codec, vg_codec_size(w->dims, w->envs), err));
    s->frames = calloc(envs, bytes);
    s->commands = calloc(envs, sizeof *s->commands);
    s->wire_resets = calloc(envs, sizeof *s->wire_resets);
    s->resets = calloc(envs, sizeof *s->resets);
    if (!s->frames || !s->commands || !s->wire_resets || !s->resets)
        return vg_fail(err, VG_NO_MEMORY, "no memory to serve %d environments", w->envs);
    for (int32_t e = 0; e < w->envs; e++)
        vg_frame_init((vg_frame *)(void *)((char *)s->frames + bytes * (size_t)e), w->dims, e);
    return VG_OK;
}

static vg_status listen_and_serve(server *s, void *context, vg_error *err) {
    VG_TRY(make_room(s, err));
    VG_TRY(vg_wire_socket(&s->socket, context, ZMQ_ROUTER, err));
    if (zmq_bind(s->socket, s->config->listen) != 0)
        return vg_fail(err, VG_INVALID, "cannot listen at `%s`: %s; use tcp://ADDRESS:PORT or ipc:///PATH",
                       s->config->listen, zmq_strerror(errno));
    char endpoint[512];
    size_t size = sizeof endpoint;
    if (zmq_getsockopt(s->socket, ZMQ_LAST_ENDPOINT, endpoint, &size) != 0)
        snprintf(endpoint, sizeof endpoint, "%s", s->config->listen);
    if (s->config->ready) s->config->ready(s->config->context, endpoint);
    while (!atomic_load(s->config->stop)) {
        zmq_pollitem_t item = {s->socket, 0, ZMQ_POLLIN, 0};
        if (zmq_poll(&item, 1, POLL_MS) > 0) serve_one(s);
    }
    return VG_OK;
}

vg_status vg_serve_world(vg_world *world, const vg_serve_config *config, vg_error *err) {
    void *context = zmq_ctx_new();
    if (!context) return vg_fail(err, VG_FAILED, "cannot start ZeroMQ: %s", zmq_strerror(errno));
    server s = {.world = world, .config = config};
    const vg_status status = listen_and_serve(&s, context, err);
    if (s.socket) zmq_close(s.socket);
    zmq_ctx_term(context);
    vg_codec_destroy(s.codec);
    free(s.frames), free(s.commands), free(s.wire_resets), free(s.resets);
    return status;
}
