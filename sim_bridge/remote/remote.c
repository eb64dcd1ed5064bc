/* The client's end: a world in another process. One DEALER socket; every request carries a new sequence number and waits
 * for the reply with the same one, so a late reply to an abandoned request is recognised and dropped. After a failure the
 * socket is made anew and the next reset greets the server again: a server that was restarted is picked up, if it still is
 * the same world. */
#include "sim_bridge/remote/remote.h"

#include "common/clock.h"
#include "sim_bridge/remote/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

typedef struct remote {
    vg_world base;
    char endpoint[256];
    int64_t timeout_ns;
    void *context, *socket;
    vg_codec *codec;
    vg_wire_world wire;    /* what the server said it is */
    vg_wire_reset *resets; /* [envs] */
    uint64_t sequence;
    bool greeted;
    const vg_log *log;
} remote;

static vg_status connect_socket(remote *r, vg_error *err) {
    if (r->socket) zmq_close(r->socket);
    VG_TRY(vg_wire_socket(&r->socket, r->context, ZMQ_DEALER, err));
    if (zmq_connect(r->socket, r->endpoint) != 0)
        return vg_fail(err, VG_INVALID, "world.endpoint `%s`: %s; use tcp://HOST:PORT or ipc:///PATH", r->endpoint,
                       zmq_strerror(errno));
    return VG_OK;
}

/* Sends a request that was encoded with the current sequence number and parses its reply. */
static vg_status exchange(remote *r, vg_bytes request, vg_message_kind wanted, vg_error *err) {
    if (zmq_send(r->socket, request.data, request.size, ZMQ_DONTWAIT) < 0)
        return vg_fail(err, VG_UNREACHABLE, "%s: nobody takes our messages (%s)", r->endpoint, zmq_strerror(errno));
    const int64_t deadline = vg_clock_now_ns() + r->timeout_ns;
    for (;;) {
        const int64_t left = deadline - vg_clock_now_ns();
        zmq_pollitem_t item = {r->socket, 0, ZMQ_POLLIN, 0};
        const int ready = left > 0 ? zmq_poll(&item, 1, (long)(left / 1000000 + 1)) : 0;
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0)
            return vg_fail(err, VG_TIMEOUT, "%s: no answer within %.1f s; is the world running there?", r->endpoint,
                           (double)r->timeout_ns * 1e-9);
        zmq_msg_t message;
        zmq_msg_init(&message);
        if (zmq_msg_recv(&message, r->socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&message);
            continue;
        }
        vg_message_kind kind;
        uint64_t sequence;
        const vg_status status =
            vg_decode(r->codec, zmq_msg_data(&message), zmq_msg_size(&message), &kind, &sequence, err);
        zmq_msg_close(&message);
        if (status) return vg_fail_context(err, status, "%s", r->endpoint);
        if (sequence != r->sequence) continue; /* the late answer to a request that was given up */
        if (kind == wanted) return VG_OK;
        if (kind != VG_MESSAGE_ERROR)
            return vg_fail(err, VG_CORRUPT, "%s: an answer of kind %d came; %d was asked for", r->endpoint, (int)kind,
                           (int)wanted);
        vg_wire_error said;
        VG_TRY(vg_decoded_error(r->codec, &said, err));
        return vg_fail(err, said.status, "%s answers: %s", r->endpoint, said.message);
    }
}

/* The same after a failure as before the first word: the next reset begins with a greeting on a fresh socket. */
static vg_status request(remote *r, vg_bytes bytes, vg_message_kind wanted, vg_error *err) {
    const vg_status status = exchange(r, bytes, wanted, err);
    if (status) r->greeted = false;
    return status;
}

static vg_status greet(remote *r, vg_wire_world *out, vg_error *err) {
    VG_TRY(connect_socket(r, err));
    const vg_wire_hello hello = {.version = VG_PROTOCOL_VERSION, .name = "vergenced"};
    vg_bytes bytes;
    VG_TRY(vg_encode_hello(r->codec, ++r->sequence, &hello, &bytes, err));
    VG_TRY(exchange(r, bytes, VG_MESSAGE_WORLD, err));
    VG_TRY(vg_decoded_world(r->codec, out, err));
    if (out->version != VG_PROTOCOL_VERSION)
        return vg_fail(err, VG_VERSION, "%s speaks protocol version %u, this program %d; use matching versions",
                       r->endpoint, out->version, VG_PROTOCOL_VERSION);
    r->greeted = true;
    return VG_OK;
}

static vg_status remote_reset(vg_world *world, int32_t first, int32_t count, const vg_reset *resets, vg_frame *frames,
                              vg_error *err) {
    remote *r = (remote *)world;
    if (!r->greeted) {
        vg_wire_world now;
        VG_TRY(greet(r, &now, err));
        if (memcmp(&now, &r->wire, sizeof now) != 0) {
            r->greeted = false;
            return vg_fail(err, VG_REFUSED,
                           "%s is another world than before (scene %s, %d cameras, %d people, %d environments)",
                           r->endpoint, now.scene, now.dims.cameras, now.dims.people, now.environments);
        }
        VG_INFOF(r->log, "%s is back", r->endpoint);
    }
    for (int32_t i = 0; i < count; i++)
        r->resets[i] = (vg_wire_reset){resets[i].seed, resets[i].people, resets[i].formation};
    vg_bytes bytes;
    VG_TRY(vg_encode_reset(r->codec, ++r->sequence, first, count, r->resets, &bytes, err));
    VG_TRY(request(r, bytes, VG_MESSAGE_FRAMES, err));
    const vg_status status = vg_decoded_frames(r->codec, first, count, frames, err);
    return status ? vg_fail_context(err, status, "%s", r->endpoint) : VG_OK;
}

static vg_status remote_step(vg_world *world, int32_t first, int32_t count, const vg_command *commands,
                             vg_frame *frames, vg_error *err) {
    remote *r = (remote *)world;
    if (!r->greeted)
        return vg_fail(err, VG_UNREACHABLE, "%s: the connection was lost; reset the environments to go on",
                       r->endpoint);
    vg_bytes bytes;
    VG_TRY(vg_encode_step(r->codec, ++r->sequence, first, count, commands, &bytes, err));
    VG_TRY(request(r, bytes, VG_MESSAGE_FRAMES, err));
    const vg_status status = vg_decoded_frames(r->codec, first, count, frames, err);
    return status ? vg_fail_context(err, status, "%s", r->endpoint) : VG_OK;
}

static void remote_close(vg_world *world) {
    remote *r = (remote *)world;
    vg_bytes bytes;
    if (r->greeted && vg_encode_empty(r->codec, ++r->sequence, VG_MESSAGE_BYE, &bytes, NULL) == VG_OK)
        zmq_send(r->socket, bytes.data, bytes.size, ZMQ_DONTWAIT);
    if (r->socket) zmq_close(r->socket);
    if (r->context) zmq_ctx_term(r->context);
    vg_codec_destroy(r->codec);
    free(r->resets);
    free(r);
}

static const vg_world_ops remote_ops = {
    .name = "remote", .reset = remote_reset, .step = remote_step, .close = remote_close};

/* Greets the server and makes room for the world it says it is. */
static vg_status meet(remote *r, const vg_world_config *config, vg_error *err) {
    r->context = zmq_ctx_new();
    if (!r->context) return vg_fail(err, VG_FAILED, "cannot start ZeroMQ: %s", zmq_strerror(errno));
    VG_TRY(vg_codec_create(&r->codec, 65536, err)); /* enough for the greeting */
    VG_TRY(greet(r, &r->wire, err));
    const vg_wire_world *w = &r->wire;
    if (config->cameras && w->dims.cameras != config->cameras)
        return vg_fail(err, VG_INVALID, "%s has %d cameras; world.cameras is %d", r->endpoint, w->dims.cameras,
                       config->cameras);
    if (config->envs && w->environments != config->envs)
        return vg_fail(err, VG_INVALID, "%s has %d environments; world.envs is %d: start it with --envs %d",
                       r->endpoint, w->environments, config->envs, config->envs);
    if (config->people && w->dims.people != config->people)
        return vg_fail(err, VG_INVALID, "%s has room for %d people; world.people is %d", r->endpoint, w->dims.people,
                       config->people);
    vg_info_of_wire(&r->base.info, w);
    snprintf(r->base.info.name, sizeof r->base.info.name, "remote %.50s", r->endpoint);
    vg_codec_destroy(r->codec);
    r->codec = NULL;
    VG_TRY(vg_codec_create(&r->codec, vg_codec_size(w->dims, w->environments), err));
    r->resets = calloc((size_t)w->environments, sizeof *r->resets);
    return r->resets ? VG_OK : vg_fail(err, VG_NO_MEMORY, "remote world: out of memory");
}

vg_status vg_remote_open(vg_world **out, const vg_world_config *config, vg_error *err) {
    *out = NULL;
    if (!config->endpoint || !config->endpoint[0])
        return vg_fail(err, VG_INVALID, "world.endpoint is empty; a remote world needs tcp://HOST:PORT or ipc:///PATH");
    if (!(config->timeout_seconds > 0 && config->timeout_seconds <= 3600))
        return vg_fail(err, VG_INVALID, "world.timeout_seconds is %g; it must be above 0, to 3600",
                       config->timeout_seconds);
    remote *r = calloc(1, sizeof *r);
    if (!r) return vg_fail(err, VG_NO_MEMORY, "remote world: out of memory");
    r->base.ops = &remote_ops;
    r->timeout_ns = (int64_t)(config->timeout_seconds * 1e9);
    r->log = config->log;
    snprintf(r->endpoint, sizeof r->endpoint, "%s", config->endpoint);
    const vg_status status = meet(r, config, err);
    if (status)
        remote_close(&r->base);
    else
        *out = &r->base;
    return status;
}
