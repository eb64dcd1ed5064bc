/* The server's end. One ROUTER socket; requests are answered in the order they come. Who greets first holds the lease and
 * alone may reset and step; others are refused until that client says bye, or has been silent for the lease's time and
 * somebody else greets. Whatever a peer sends, the answer is at worst an error.
 *
 * Lock-step: time passes by requests alone, and nothing is dropped. Live: time passes by the clock; a frame that nobody
 * asked for is replaced by the next one, and a step that asks again for a frame already seen waits for that.
 *
 * Pictures are drawn when a reply needs them. They travel as further parts of the reply, or in shared memory. */
#include "sim_bridge/remote/serve.h"

#include "common/clock.h"
#include "sim_bridge/remote/paint.h"
#include "sim_bridge/remote/shared.h"
#include "sim_bridge/remote/wire.h"

#include "calibration/cv_wrap.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { IDENTITY_MAX = 255, POLL_MS = 100 };
#define VG_CANVAS ((size_t)4 * 320 * 240) /* bytes of a picture of the embedded simulator's cameras */

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
    vg_command *commands;       /* [envs] that are followed */
    vg_command *orders;         /* [envs] of the request being read */
    vg_wire_reset *wire_resets; /* [envs] */
    vg_reset *resets;           /* [envs] */
    identity holder;            /* of the lease; size 0: nobody */
    int64_t heard_ns;           /* when the holder was last heard */
    int32_t version;            /* spoken with the holder */
    /* pictures, for the holder */
    vg_painter *painter;       /* NULL: none are offered */
    uint32_t wanted;           /* bit per kind */
    bool jpeg;                 /* lit ones */
    vg_shared shared;          /* fd -1: they travel as parts */
    vg_wire_picture *pictures; /* [envs, cameras, kinds] of the reply being made */
    zmq_msg_t *parts;          /* the same, where they travel so */
    int32_t picture_count, part_count;
    unsigned char *canvas, *packed; /* one picture, raw and as JPEG */
    size_t canvas_size;
    /* live */
    bool *running;    /* [envs] was reset */
    bool *fresh;      /* [envs] its frame was not sent yet */
    uint64_t dropped; /* frames that were not */
    int64_t tick_ns;  /* when the next step is due */
    identity waiting; /* who waits for the next frame; size 0: nobody */
    uint64_t waiting_sequence;
    int32_t waiting_first, waiting_count;
} server;

vg_serve_config vg_serve_config_default(void) {
    return (vg_serve_config){.listen = "tcp://127.0.0.1:5555", .lease_seconds = 10};
}

static bool same(const identity *a, const identity *b) {
    return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

/* Room for every picture of one reply, and the shared memory where the client asks for it. */
static void prepare_pictures(server *s, const vg_wire_hello *hello) {
    vg_shared_close(&s->shared);
    s->wanted = s->painter ? hello->pictures & s->config->pictures : 0;
    s->jpeg = s->config->jpeg_quality > 0 && (hello->encodings & 1u << VG_PICTURE_JPEG);
    if (!s->wanted || !hello->shared_memory) return;
    const vg_world_info *w = &s->world->info;
    const uint64_t each = (s->canvas_size + VG_SHARED_HEAD + 64) * VG_PICTURE_KINDS * (uint64_t)w->dims.cameras;
    vg_error ignored; /* without it they travel as parts */
    if (vg_shared_create(&s->shared, 3 * each * (uint64_t)w->envs, &ignored) != VG_OK)
        VG_WARNF(s->config->log, "%s; pictures travel as parts", ignored.message);
}

static vg_status greet(server *s, const identity *from, uint64_t sequence, vg_bytes *reply, vg_error *err) {
    vg_wire_hello hello;
    VG_TRY(vg_decoded_hello(s->codec, &hello, err));
    if (hello.version < VG_WORLD_OLDEST)
        return vg_fail(err, VG_VERSION, "you speak protocol version %u, this world %d to %d; use matching versions",
                       hello.version, VG_WORLD_OLDEST, VG_WORLD_VERSION);
    const int64_t now = vg_clock_now_ns();
    const bool expired = (double)(now - s->heard_ns) * 1e-9 > s->config->lease_seconds;
    if (s->holder.size && !same(&s->holder, from) && !expired)
        return vg_fail(err, VG_REFUSED,
                       "another client holds this world; try again when it has left, or been silent for %g s",
                       s->config->lease_seconds);
    prepare_pictures(s, &hello);
    VG_INFOF(s->config->log, "client `%s` takes the world", hello.name);
    s->holder = *from;
    s->heard_ns = now;
    s->waiting.size = 0;
    /* a newer client is answered in our version, which it may refuse; an older one in its own */
    s->wire.version = hello.version < VG_WORLD_VERSION ? hello.version : VG_WORLD_VERSION;
    s->wire.pictures = s->wanted;
    s->wire.mask_colours = s->wanted & 1u << VG_PICTURE_MASK ? s->wire.dims.people : 0;
    snprintf(s->wire.shared_memory, sizeof s->wire.shared_memory, "%s", s->shared.fd >= 0 ? s->shared.name : "");
    s->wire.shared_bytes = s->shared.fd >= 0 ? s->shared.bytes : 0;
    return vg_encode_world(s->codec, sequence, &s->wire, reply, err);
}

/* --- pictures of a reply --------------------------------------------------------------------------------------------- */

static void drop_parts(server *s) {
    for (int32_t i = 0; i < s->part_count; i++) zmq_msg_close(&s->parts[i]);
    s->part_count = s->picture_count = 0;
}

static vg_status add_picture(server *s, int32_t env, const vg_frame *frame, int32_t camera, int32_t kind,
                             vg_error *err) {
    const vg_camera *view = &vg_frame_cameras(frame)[camera];
    vg_wire_picture *p = &s->pictures[s->picture_count];
    *p = (vg_wire_picture){.environment = env,
                           .camera = camera,
                           .kind = kind,
                           .width = view->width,
                           .height = view->height,
                           .bytes = (uint64_t)4 * (uint64_t)view->width * (uint64_t)view->height,
                           .place = (uint64_t)s->part_count};
    VG_ASSERT(p->bytes <= s->canvas_size);
    VG_TRY(vg_painter_draw(s->painter, view, (vg_picture_kind)kind, s->canvas, err));
    const void *data = s->canvas;
    if (s->jpeg && kind == VG_PICTURE_LIT) {
        size_t size;
        VG_TRY(vg_cv_jpeg_encode(s->packed, s->canvas_size, &size, s->canvas, view->width, view->height,
                                 s->config->jpeg_quality, err));
        p->encoding = VG_PICTURE_JPEG, p->bytes = size, data = s->packed;
    }
    s->picture_count++;
    if (s->shared.fd >= 0) return vg_shared_write(&s->shared, data, p->bytes, &p->place, &p->stamp, err);
    if (zmq_msg_init_size(&s->parts[s->part_count], p->bytes) != 0)
        return vg_fail(err, VG_NO_MEMORY, "no memory for a picture");
    memcpy(zmq_msg_data(&s->parts[s->part_count++]), data, p->bytes);
    return VG_OK;
}

static vg_status answer_frames(server *s, uint64_t sequence, int32_t first, int32_t count, vg_bytes *reply,
                               vg_error *err) {
    vg_frame *frames = vg_frame_at(s->frames, first);
    drop_parts(s);
    for (int32_t i = 0; s->wanted && i < count; i++) {
        const vg_frame *frame = vg_frame_at(frames, i);
        vg_painter_look(s->painter, first + i);
        for (int32_t c = 0; c < frame->dims.cameras; c++)
            for (int32_t kind = 0; kind < VG_PICTURE_KINDS; kind++)
                if (s->wanted & 1u << kind) VG_TRY(add_picture(s, first + i, frame, c, kind, err));
    }
    for (int32_t i = 0; i < count; i++) s->fresh[first + i] = false;
    return vg_encode_frames_pictures(s->codec, sequence, first, count, frames, s->pictures, s->picture_count,
                                     s->dropped, reply, err);
}

/* --- requests ----------------------------------------------------------------------------------------------------------- */

static vg_status check_holder(const server *s, const identity *from, vg_error *err) {
    if (same(&s->holder, from)) return VG_OK;
    return vg_fail(err, VG_REFUSED, "say hello first (another client may have taken the world meanwhile)");
}

static vg_status answer_reset(server *s, uint64_t sequence, vg_bytes *reply, vg_error *err) {
    int32_t first, count;
    VG_TRY(vg_decoded_reset(s->codec, &first, &count, s->wire_resets, s->world->info.envs, err));
    for (int32_t i = 0; i < count; i++)
        s->resets[i] = (vg_reset){s->wire_resets[i].seed, s->wire_resets[i].people, s->wire_resets[i].formation};
    VG_TRY(vg_world_reset(s->world, first, count, s->resets, vg_frame_at(s->frames, first), err));
    vg_shared_forget(&s->shared); /* the client has it open by now */
    for (int32_t i = first; i < first + count; i++) {
        s->running[i] = true;
        s->commands[i] = (vg_command){.environment = i, .cameras = s->world->info.dims.cameras};
    }
    return answer_frames(s, sequence, first, count, reply, err);
}

static vg_status answer_step(server *s, uint64_t sequence, vg_bytes *reply, vg_error *err) {
    int32_t first, count;
    vg_command *commands = s->orders;
    VG_TRY(vg_decoded_step(s->codec, &first, &count, commands, s->world->info.envs, s->world->info.dims.cameras, err));
    if (!s->config->live) {
        VG_TRY(vg_world_step(s->world, first, count, commands, vg_frame_at(s->frames, first), err));
        return answer_frames(s, sequence, first, count, reply, err);
    }
    bool newer = true;
    for (int32_t i = 0; i < count; i++) {
        if (!s->running[first + i])
            return vg_fail(err, VG_INVALID, "environment %d was stepped before it was reset", first + i);
        s->commands[first + i] = commands[i];
        newer &= vg_frame_at(s->frames, first + i)->frame_id > commands[i].frame_id;
    }
    if (newer) return answer_frames(s, sequence, first, count, reply, err);
    s->waiting = s->holder;
    s->waiting_sequence = sequence, s->waiting_first = first, s->waiting_count = count;
    return VG_OK;
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
        if (same(&s->holder, from)) s->holder.size = s->waiting.size = 0;
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

/* The reply and its pictures' parts. */
static void send_reply(server *s, const identity *to, vg_bytes reply) {
    /* a client that does not read must not hold up the others: what cannot be queued is dropped */
    if (zmq_send(s->socket, to->bytes, to->size, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0) {
        zmq_send(s->socket, reply.data, reply.size, ZMQ_DONTWAIT | (s->part_count ? ZMQ_SNDMORE : 0));
        for (int32_t i = 0; i < s->part_count; i++)
            zmq_msg_send(&s->parts[i], s->socket, ZMQ_DONTWAIT | (i + 1 < s->part_count ? ZMQ_SNDMORE : 0));
    }
    drop_parts(s);
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
    if (status) drop_parts(s);
    if (reply.size) send_reply(s, &from, reply);
}

/* --- live time ----------------------------------------------------------------------------------------------------------- */

/* One step of all environments that run, and the frame for who waits. */
static void tick(server *s) {
    vg_error err = {0};
    for (int32_t i = 0; i < s->world->info.envs; i++) {
        if (!s->running[i]) continue;
        s->dropped += s->fresh[i];
        s->fresh[i] = vg_world_step(s->world, i, 1, &s->commands[i], vg_frame_at(s->frames, i), &err) == VG_OK;
        if (!s->fresh[i]) VG_WARNF(s->config->log, "live step: %s", err.message);
    }
    if (!s->waiting.size) return;
    vg_bytes reply = {0};
    if (answer_frames(s, s->waiting_sequence, s->waiting_first, s->waiting_count, &reply, &err) == VG_OK)
        send_reply(s, &s->waiting, reply);
    else
        VG_WARNF(s->config->log, "live frame: %s", err.message);
    s->waiting.size = 0;
}

/* Ticks that are due; milliseconds until the next. Steps missed while this process was held up are not made up for. */
static long run_live(server *s) {
    if (!s->config->live || !s->holder.size) {
        s->tick_ns = 0;
        return POLL_MS;
    }
    const int64_t step = (int64_t)llround(s->world->info.step_seconds * 1e9), now = vg_clock_now_ns();
    if (s->tick_ns == 0) s->tick_ns = now + step;
    if (now >= s->tick_ns) {
        tick(s);
        s->tick_ns += step;
        if (s->tick_ns < now) s->tick_ns = now + step;
    }
    const int64_t left = (s->tick_ns - vg_clock_now_ns() + 999999) / 1000000;
    return left < 0 ? 0 : left < POLL_MS ? (long)left : POLL_MS;
}

static vg_status make_room(server *s, vg_error *err) {
    const vg_world_info *w = &s->world->info;
    const size_t envs = (size_t)w->envs, bytes = vg_frame_bytes(w->dims);
    s->wire = vg_wire_of_info(w);
    VG_TRY(vg_codec_create(&s->codec, vg_codec_size(w->dims, w->envs), err));
    s->frames = calloc(envs, bytes);
    s->commands = calloc(envs, sizeof *s->commands);
    s->orders = calloc(envs, sizeof *s->orders);
    s->running = calloc(envs, sizeof *s->running);
    s->fresh = calloc(envs, sizeof *s->fresh);
    s->wire_resets = calloc(envs, sizeof *s->wire_resets);
    s->resets = calloc(envs, sizeof *s->resets);
    if (!s->frames || !s->commands || !s->orders || !s->running || !s->fresh || !s->wire_resets || !s->resets)
        return vg_fail(err, VG_NO_MEMORY, "no memory to serve %d environments", w->envs);
    for (int32_t e = 0; e < w->envs; e++)
        vg_frame_init((vg_frame *)(void *)((char *)s->frames + bytes * (size_t)e), w->dims, e);
    return VG_OK;
}

/* What is needed to offer pictures. */
static vg_status make_canvas(server *s, vg_error *err) {
    if (!s->config->pictures) return VG_OK;
    const vg_world_info *w = &s->world->info;
    const size_t most = (size_t)w->envs * (size_t)w->dims.cameras * VG_PICTURE_KINDS;
    VG_TRY(vg_painter_create(&s->painter, s->world, err));
    s->canvas_size = VG_CANVAS;
    s->canvas = malloc(s->canvas_size), s->packed = malloc(s->canvas_size);
    s->pictures = calloc(most, sizeof *s->pictures), s->parts = calloc(most, sizeof *s->parts);
    if (!s->canvas || !s->packed || !s->pictures || !s->parts)
        return vg_fail(err, VG_NO_MEMORY, "no memory for pictures of %d environments", w->envs);
    for (int32_t p = 0; p < w->dims.people; p++) s->wire.mask_colour[p] = vg_painter_colour(p);
    return VG_OK;
}

static vg_status listen_and_serve(server *s, void *context, vg_error *err) {
    VG_TRY(make_room(s, err));
    VG_TRY(make_canvas(s, err));
    s->wire.live = s->config->live;
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
        if (zmq_poll(&item, 1, run_live(s)) > 0) serve_one(s);
    }
    return VG_OK;
}

vg_status vg_serve_world(vg_world *world, const vg_serve_config *config, vg_error *err) {
    void *context = zmq_ctx_new();
    if (!context) return vg_fail(err, VG_FAILED, "cannot start ZeroMQ: %s", zmq_strerror(errno));
    server s = {.world = world, .config = config, .shared.fd = -1};
    const vg_status status = listen_and_serve(&s, context, err);
    if (s.socket) zmq_close(s.socket);
    zmq_ctx_term(context);
    vg_codec_destroy(s.codec);
    drop_parts(&s);
    vg_shared_close(&s.shared);
    vg_painter_destroy(s.painter);
    free(s.canvas), free(s.packed), free(s.pictures), free(s.parts);
    free(s.frames), free(s.commands), free(s.orders), free(s.running), free(s.fresh);
    free(s.wire_resets), free(s.resets);
    return status;
}
