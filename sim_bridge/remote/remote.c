/* The client's end: a world in another process. One DEALER socket; every request carries a new sequence number and waits
 * for the reply with the same one, so a late reply to an abandoned request is recognised and dropped. After a failure the
 * socket is made anew and the server greeted again: one that was restarted is picked up, if it still is the same world.
 * Where that happens in the middle of episodes, they are begun again from the resets they had, and their next frames are
 * marked as truncated.
 *
 * Pictures come as further parts of a reply or through shared memory; either way their sizes are compared with what the
 * frame says, and what lies elsewhere is an error. */
#include "sim_bridge/remote/remote.h"

#include "calibration/cv_wrap.h"
#include "common/clock.h"
#include "sim_bridge/finder.h"
#include "sim_bridge/picture.h"
#include "sim_bridge/remote/shared.h"
#include "sim_bridge/remote/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

/* Room for a picture; grows. */
typedef struct canvas {
    unsigned char *data;
    size_t size;
} canvas;

typedef struct remote {
    vg_world base;
    char endpoint[256];
    int64_t timeout_ns;
    void *context, *socket;
    vg_codec *codec;
    vg_wire_world wire;    /* what the server said it is */
    vg_wire_reset *resets; /* [envs] the last of each */
    bool *begun;           /* [envs] was reset */
    bool *cut;             /* [envs] its next frame is truncated: the server began it again */
    uint64_t sequence;
    bool greeted;
    int64_t reconnect_ns;
    bool (*stopped)(void *context);
    void *stop_context;
    vg_frame *scratch; /* [envs] */
    /* pictures */
    uint32_t wanted, saved; /* bit per kind: asked for; kept as files */
    bool sharing;           /* shared memory is asked for */
    vg_shared shared;
    vg_picture_store *store;
    vg_wire_picture *pictures; /* [picture_room] */
    zmq_msg_t *parts;          /* [picture_room] of the last reply */
    int32_t picture_room, part_count;
    canvas shared_canvas, lit_canvas; /* a picture out of shared memory; one out of a JPEG, or kept */
    vg_finder *finder;                /* keypoints from pictures; else NULL */
    uint64_t dropped;                 /* live: frames nobody saw, as the server told last */
    const vg_log *log;
} remote;

static void drop_parts(remote *r) {
    for (int32_t i = 0; i < r->part_count; i++) zmq_msg_close(&r->parts[i]);
    r->part_count = 0;
}

static vg_status connect_socket(remote *r, vg_error *err) {
    if (r->socket) zmq_close(r->socket);
    VG_TRY(vg_wire_socket(&r->socket, r->context, ZMQ_DEALER, err));
    if (zmq_connect(r->socket, r->endpoint) != 0)
        return vg_fail(err, VG_INVALID, "world.endpoint `%s`: %s; use tcp://HOST:PORT or ipc:///PATH", r->endpoint,
                       zmq_strerror(errno));
    return VG_OK;
}

/* Takes one whole message: its first part, and the others into r->parts. False where nothing has come. */
static bool receive(remote *r, zmq_msg_t *first) {
    drop_parts(r);
    zmq_msg_init(first);
    if (zmq_msg_recv(first, r->socket, ZMQ_DONTWAIT) < 0) {
        zmq_msg_close(first);
        return false;
    }
    for (bool more = zmq_msg_more(first); more;) {
        zmq_msg_t part;
        zmq_msg_init(&part);
        if (zmq_msg_recv(&part, r->socket, 0) < 0) break; /* parts of a message come together */
        more = zmq_msg_more(&part);
        if (r->part_count < r->picture_room)
            r->parts[r->part_count++] = part;
        else
            zmq_msg_close(&part);
    }
    return true;
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
        if (!receive(r, &message)) continue;
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

static vg_status hello(remote *r, uint32_t version, vg_wire_world *out, vg_error *err) {
    VG_TRY(connect_socket(r, err));
    const vg_wire_hello said = {.version = version,
                                .name = "vergenced",
                                .pictures = version >= 2 ? r->wanted : 0,
                                .encodings = 1u << VG_PICTURE_RAW | 1u << VG_PICTURE_JPEG,
                                .shared_memory = version >= 2 && r->wanted && r->sharing};
    vg_bytes bytes;
    VG_TRY(vg_encode_hello(r->codec, ++r->sequence, &said, &bytes, err));
    VG_TRY(exchange(r, bytes, VG_MESSAGE_WORLD, err));
    return vg_decoded_world(r->codec, out, err);
}

/* Opens the shared memory that the server tells of; where that cannot be, pictures are asked for as parts. */
static vg_status open_shared(remote *r, vg_wire_world *out, vg_error *err) {
    vg_shared_close(&r->shared);
    if (!out->shared_memory[0]) return VG_OK;
    vg_error why;
    if (vg_shared_open(&r->shared, out->shared_memory, out->shared_bytes, &why) == VG_OK) return VG_OK;
    VG_WARNF(r->log, "%s: %s; pictures come as parts instead", r->endpoint, why.message);
    r->sharing = false;
    return hello(r, VG_WORLD_VERSION, out, err);
}

static vg_status greet(remote *r, vg_wire_world *out, vg_error *err) {
    vg_status status = hello(r, VG_WORLD_VERSION, out, err);
    if (status == VG_VERSION) status = hello(r, VG_WORLD_OLDEST, out, err); /* a peer from before pictures */
    VG_TRY(status);
    if (out->version < VG_WORLD_OLDEST || out->version > VG_WORLD_VERSION)
        return vg_fail(err, VG_VERSION, "%s speaks protocol version %u, this program %d to %d; use matching versions",
                       r->endpoint, out->version, VG_WORLD_OLDEST, VG_WORLD_VERSION);
    VG_TRY(open_shared(r, out, err));
    if (r->wanted & ~out->pictures)
        return vg_fail(err, VG_UNSUPPORTED,
                       "%s has not all the pictures asked for (world.images, world.keypoints); start it with "
                       "--images, or ask for fewer",
                       r->endpoint);
    out->shared_memory[0] = '\0', out->shared_bytes = 0; /* another one each time; not part of what the world is */
    r->greeted = true;
    return VG_OK;
}

/* Greets again; the world must be the one that it was. */
static vg_status greet_again(remote *r, vg_error *err) {
    vg_wire_world now;
    VG_TRY(greet(r, &now, err));
    if (memcmp(&now, &r->wire, sizeof now) == 0) {
        VG_INFOF(r->log, "%s is back", r->endpoint);
        return VG_OK;
    }
    r->greeted = false;
    return vg_fail(err, VG_REFUSED,
                   "%s is another world than before (scene %s, %d cameras, %d people, %d environments)", r->endpoint,
                   now.scene, now.dims.cameras, now.dims.people, now.environments);
}

/* --- frames and their pictures ------------------------------------------------------------------------------------------- */

static vg_status grow(canvas *c, size_t size, vg_error *err) {
    if (size <= c->size) return VG_OK;
    unsigned char *data = realloc(c->data, size);
    if (!data) return vg_fail(err, VG_NO_MEMORY, "no memory for a picture");
    *c = (canvas){data, size};
    return VG_OK;
}

/* The bytes of a picture, as they came: until the next one is fetched. */
static vg_status fetch(remote *r, const vg_wire_picture *w, const void **data, vg_error *err) {
    if (w->stamp == 0) {
        if (w->place >= (uint64_t)r->part_count || zmq_msg_size(&r->parts[w->place]) != w->bytes)
            return vg_fail(err, VG_CORRUPT, "a picture of %llu bytes is said to be part %llu of %d",
                           (unsigned long long)w->bytes, (unsigned long long)w->place, r->part_count);
        *data = zmq_msg_data(&r->parts[w->place]);
        return VG_OK;
    }
    if (r->shared.fd < 0) return vg_fail(err, VG_CORRUPT, "a picture lies in shared memory, which was not agreed");
    VG_TRY(grow(&r->shared_canvas, w->bytes, err));
    *data = r->shared_canvas.data;
    return vg_shared_read(&r->shared, r->shared_canvas.data, w->bytes, w->place, w->stamp, err);
}

static vg_status keep_picture(remote *r, const vg_wire_picture *w, uint64_t frame_id, vg_error *err) {
    vg_picture p = {.environment = w->environment,
                    .camera = w->camera,
                    .kind = w->kind,
                    .encoding = w->encoding,
                    .width = w->width,
                    .height = w->height,
                    .frame_id = frame_id,
                    .size = w->bytes};
    VG_TRY(fetch(r, w, &p.data, err));
    return r->store && r->saved & 1u << w->kind ? vg_picture_store_put(r->store, &p, err) : VG_OK;
}

/* A lit picture into its canvas, raw. */
static vg_status unpack_lit(remote *r, const vg_wire_picture *w, ucv_picture *out, vg_error *err) {
    const void *data;
    const size_t size = (size_t)4 * (size_t)w->width * (size_t)w->height;
    VG_TRY(fetch(r, w, &data, err));
    VG_TRY(grow(&r->lit_canvas, size, err));
    *out = (ucv_picture){.width = w->width, .height = w->height, .pixels = r->lit_canvas.data};
    if (w->encoding == VG_PICTURE_JPEG)
        return vg_cv_jpeg_decode(r->lit_canvas.data, w->width, w->height, data, w->bytes, err);
    memcpy(r->lit_canvas.data, data, size);
    return VG_OK;
}

/* Keypoints of everybody in one camera, from its lit picture and its mask. */
static vg_status find_people(remote *r, vg_frame *frame, const vg_wire_picture *lit_at, const vg_wire_picture *mask_at,
                             vg_error *err) {
    ucv_picture lit, mask = {.width = mask_at->width, .height = mask_at->height};
    const void *pixels;
    VG_TRY(unpack_lit(r, lit_at, &lit, err));
    VG_TRY(fetch(r, mask_at, &pixels, err));
    mask.pixels = pixels;
    vg_keypoint *keypoints =
        vg_frame_keypoints(frame) + (size_t)lit_at->camera * (size_t)frame->dims.people * VG_JOINTS14;
    for (int32_t p = 0; p < frame->dims.people; p++) {
        const uint32_t colour = r->wire.mask_colour[p];
        const uint8_t rgb[3] = {(uint8_t)(colour >> 16), (uint8_t)(colour >> 8), (uint8_t)colour};
        VG_TRY(vg_finder_run(r->finder, keypoints + p * VG_JOINTS14, &lit, &mask, rgb, err));
    }
    return VG_OK;
}

/* What is done with picture i of `count`: it is kept; a lit one is searched once its mask is there too. */
static vg_status take_picture(remote *r, int32_t i, int32_t count, vg_frame *frame, vg_error *err) {
    const vg_wire_picture *w = &r->pictures[i];
    VG_TRY(keep_picture(r, w, frame->frame_id, err));
    for (int32_t k = 0; r->finder && w->kind == VG_PICTURE_LIT && k < count; k++) {
        const vg_wire_picture *m = &r->pictures[k];
        if (m->kind == VG_PICTURE_MASK && m->environment == w->environment && m->camera == w->camera)
            return find_people(r, frame, w, m, err);
    }
    return VG_OK;
}

static vg_status take_pictures(remote *r, int32_t first, vg_frame *frames, vg_error *err) {
    int32_t count;
    uint64_t dropped;
    VG_TRY(vg_decoded_pictures(r->codec, r->wire.dims.cameras, r->pictures, r->picture_room, &count, &dropped, err));
    for (int32_t i = 0; i < count; i++) {
        vg_frame *frame = vg_frame_at(frames, r->pictures[i].environment - first);
        const vg_status status = take_picture(r, i, count, frame, err);
        if (status == VG_NOT_FOUND && r->wire.live) { /* too slow: the next one, then */
            VG_WARNF(r->log, "%s: frame %llu: %s", r->endpoint, (unsigned long long)frame->frame_id, err->message);
            continue;
        }
        if (status) return vg_fail_context(err, status, "%s", r->endpoint);
    }
    if (dropped > r->dropped)
        VG_DEBUGF(r->log, "%s: %llu frames dropped so far", r->endpoint, (unsigned long long)dropped);
    r->dropped = dropped;
    drop_parts(r);
    return VG_OK;
}

static vg_status take_frames(remote *r, int32_t first, int32_t count, vg_frame *frames, vg_error *err) {
    const vg_status status = vg_decoded_frames(r->codec, first, count, frames, err);
    if (status) return vg_fail_context(err, status, "%s", r->endpoint);
    return take_pictures(r, first, frames, err);
}

/* --- reset, step, and a server that went away ------------------------------------------------------------------------------ */

static vg_status begin(remote *r, int32_t first, int32_t count, vg_frame *frames, vg_error *err) {
    vg_bytes bytes;
    VG_TRY(vg_encode_reset(r->codec, ++r->sequence, first, count, r->resets + first, &bytes, err));
    VG_TRY(request(r, bytes, VG_MESSAGE_FRAMES, err));
    return take_frames(r, first, count, frames, err);
}

/* Greets again and begins every episode that was under way once more. */
static vg_status begin_again(remote *r, vg_error *err) {
    VG_TRY(greet_again(r, err));
    for (int32_t i = 0; i < r->wire.environments; i++) {
        if (!r->begun[i]) continue;
        VG_TRY(begin(r, i, 1, vg_frame_at(r->scratch, i), err));
        r->cut[i] = true;
    }
    return VG_OK;
}

static bool gone(vg_status status) {
    return status == VG_TIMEOUT || status == VG_UNREACHABLE;
}

/* Waits for the server to come back, as long as that may take; `err` holds why it is missed. One that refuses us was
 * started anew and does not know us, or has another client by now: a greeting tells which. */
static vg_status wait_for_return(remote *r, vg_status status, vg_error *err) {
    if (!(gone(status) || status == VG_REFUSED) || r->reconnect_ns == 0) return status;
    VG_WARNF(r->log, "%s; waiting for it to come back", err->message);
    const int64_t deadline = vg_clock_now_ns() + r->reconnect_ns;
    int64_t pause = 100000000;
    do {
        status = begin_again(r, err);
        if (!gone(status)) return status;
        vg_clock_sleep_until_ns(vg_clock_now_ns() + pause);
        pause = pause < 1000000000 ? 2 * pause : 2000000000;
        if (r->stopped && r->stopped(r->stop_context))
            return vg_fail(err, VG_INTERRUPTED, "stopped while waiting for %s", r->endpoint);
    } while (vg_clock_now_ns() < deadline);
    return vg_fail_context(err, status, "the world did not come back within world.reconnect_seconds = %g",
                           (double)r->reconnect_ns * 1e-9);
}

static vg_status remote_reset(vg_world *world, int32_t first, int32_t count, const vg_reset *resets, vg_frame *frames,
                              vg_error *err) {
    remote *r = (remote *)world;
    if (!r->greeted) VG_TRY(greet_again(r, err));
    for (int32_t i = 0; i < count; i++) {
        r->resets[first + i] = (vg_wire_reset){resets[i].seed, resets[i].people, resets[i].formation};
        r->begun[first + i] = true;
    }
    vg_status status = begin(r, first, count, frames, err);
    if (status != VG_OK) {
        status = wait_for_return(r, status, err);
        if (status == VG_OK) status = begin(r, first, count, frames, err);
    }
    for (int32_t i = 0; i < count; i++) r->cut[first + i] = false;
    return status;
}

/* The frames of a step that was lost with its server: those that the episodes began again with. */
static void copy_scratch(const remote *r, int32_t first, int32_t count, vg_frame *frames) {
    for (int32_t i = 0; i < count; i++)
        memcpy(vg_frame_at(frames, i), vg_frame_at(r->scratch, first + i), r->scratch->bytes);
}

static vg_status remote_step(vg_world *world, int32_t first, int32_t count, const vg_command *commands,
                             vg_frame *frames, vg_error *err) {
    remote *r = (remote *)world;
    if (!r->greeted)
        return vg_fail(err, VG_UNREACHABLE, "%s: the connection was lost; reset the environments to go on",
                       r->endpoint);
    vg_bytes bytes;
    VG_TRY(vg_encode_step(r->codec, ++r->sequence, first, count, commands, &bytes, err));
    vg_status status = request(r, bytes, VG_MESSAGE_FRAMES, err);
    if (status == VG_OK) {
        status = take_frames(r, first, count, frames, err);
    } else {
        status = wait_for_return(r, status, err);
        if (status == VG_OK) copy_scratch(r, first, count, frames);
    }
    VG_TRY(status);
    for (int32_t i = 0; i < count; i++) {
        if (r->cut[first + i]) vg_frame_at(frames, i)->flags |= VG_FRAME_TRUNCATED;
        r->cut[first + i] = false;
    }
    return VG_OK;
}

static void remote_close(vg_world *world) {
    remote *r = (remote *)world;
    vg_bytes bytes;
    if (r->greeted && vg_encode_empty(r->codec, ++r->sequence, VG_MESSAGE_BYE, &bytes, NULL) == VG_OK)
        zmq_send(r->socket, bytes.data, bytes.size, ZMQ_DONTWAIT);
    drop_parts(r);
    if (r->socket) zmq_close(r->socket);
    if (r->context) zmq_ctx_term(r->context);
    vg_codec_destroy(r->codec);
    vg_shared_close(&r->shared);
    vg_picture_store_destroy(r->store);
    free(r->resets), free(r->begun), free(r->cut), free(r->scratch);
    vg_finder_destroy(r->finder);
    free(r->pictures), free(r->parts), free(r->shared_canvas.data), free(r->lit_canvas.data);
    free(r);
}

static const vg_world_ops remote_ops = {
    .name = "remote", .reset = remote_reset, .step = remote_step, .close = remote_close};

static vg_status make_room(remote *r, vg_error *err) {
    const size_t envs = (size_t)r->wire.environments, bytes = vg_frame_bytes(r->wire.dims);
    r->resets = calloc(envs, sizeof *r->resets);
    r->begun = calloc(envs, sizeof *r->begun), r->cut = calloc(envs, sizeof *r->cut);
    r->scratch = calloc(envs, bytes);
    if (r->wanted) {
        r->picture_room = (int32_t)(envs * (size_t)r->wire.dims.cameras * VG_PICTURE_KINDS);
        r->pictures = calloc((size_t)r->picture_room, sizeof *r->pictures);
        r->parts = calloc((size_t)r->picture_room, sizeof *r->parts);
    }
    if (!r->resets || !r->begun || !r->cut || !r->scratch || (r->wanted && (!r->pictures || !r->parts)))
        return vg_fail(err, VG_NO_MEMORY, "remote world: out of memory");
    for (int32_t e = 0; e < r->wire.environments; e++)
        vg_frame_init((vg_frame *)(void *)((char *)r->scratch + bytes * (size_t)e), r->wire.dims, e);
    return VG_OK;
}

/* Whether the server can be on this machine only. */
static bool is_local(const char *endpoint) {
    return strncmp(endpoint, "ipc://", 6) == 0 || strncmp(endpoint, "tcp://127.", 10) == 0 ||
           strncmp(endpoint, "tcp://localhost:", 16) == 0;
}

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
    if (r->finder && (w->mask_colours == 0 || w->dims.joints != VG_JOINTS14))
        return vg_fail(
            err, VG_UNSUPPORTED,
            "%s does not tell people's colours in masks, or has other joints; world.keypoints cannot be detector",
            r->endpoint);
    vg_info_of_wire(&r->base.info, w);
    snprintf(r->base.info.name, sizeof r->base.info.name, "remote %.50s", r->endpoint);
    vg_codec_destroy(r->codec);
    r->codec = NULL;
    VG_TRY(vg_codec_create(&r->codec, vg_codec_size(w->dims, w->environments), err));
    return make_room(r, err);
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
    r->reconnect_ns = (int64_t)(config->reconnect_seconds * 1e9);
    r->stopped = config->stopped, r->stop_context = config->stop_context;
    r->shared.fd = -1;
    r->sharing = config->shared_memory && is_local(config->endpoint);
    snprintf(r->endpoint, sizeof r->endpoint, "%s", config->endpoint);
    vg_status status = VG_OK;
    if (config->save_images && config->save_images[0]) {
        status = vg_picture_kinds(&r->saved, config->images && config->images[0] ? config->images : "lit", err);
        if (status == VG_OK) status = vg_picture_store_create(&r->store, config->save_images, err);
    }
    r->wanted = r->saved;
    if (config->keypoints == VG_KEYPOINTS_DETECTOR) {
        r->wanted |= 1u << VG_PICTURE_LIT | 1u << VG_PICTURE_MASK;
        if (status == VG_OK) status = vg_finder_create(&r->finder, err);
    }
    if (status == VG_OK) status = meet(r, config, err);
    if (status)
        remote_close(&r->base);
    else
        *out = &r->base;
    return status;
}
