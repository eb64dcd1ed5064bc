/* The live outputs of a session. All sockets belong to the tick's thread. */
#include "daemon/outputs.h"

#include "daemon/vmc.h"
#include "proto/proto.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

enum { QUEUE = 64, LINGER_MS = 200 };

struct vg_outputs {
    void *context, *socket;
    vg_codec *codec;
    vg_wire_skeletons head;
    uint64_t sequence;
    vg_vmc *vmc;
    vg_outputs_stats stats;
};

/* ---- the stream ---- */

static vg_status open_stream(vg_outputs *o, const char *endpoint, vg_error *err) {
    o->context = zmq_ctx_new();
    o->socket = o->context ? zmq_socket(o->context, ZMQ_PUB) : NULL;
    if (!o->socket) return vg_fail(err, VG_FAILED, "cannot start ZeroMQ: %s", zmq_strerror(errno));
    const int queue = QUEUE, linger = LINGER_MS;
    const int64_t largest = 65536; /* nobody has anything to tell a publisher */
    if (zmq_setsockopt(o->socket, ZMQ_LINGER, &linger, sizeof linger) ||
        zmq_setsockopt(o->socket, ZMQ_SNDHWM, &queue, sizeof queue) ||
        zmq_setsockopt(o->socket, ZMQ_RCVHWM, &queue, sizeof queue) ||
        zmq_setsockopt(o->socket, ZMQ_MAXMSGSIZE, &largest, sizeof largest))
        return vg_fail(err, VG_FAILED, "cannot set up a ZeroMQ socket: %s", zmq_strerror(errno));
    if (zmq_bind(o->socket, endpoint) != 0)
        return vg_fail(err, errno == EADDRINUSE ? VG_REFUSED : VG_INVALID,
                       "mocap.publish: cannot publish at `%.300s`: %s; name a free port or another path", endpoint,
                       zmq_strerror(errno));
    return VG_OK;
}

static void publish(vg_outputs *o, const vg_skeletons *skeletons) {
    vg_bytes bytes;
    vg_error err = {0};
    if (vg_encode_skeletons(o->codec, ++o->sequence, &o->head, skeletons, &bytes, &err) != VG_OK) return;
    if (zmq_send(o->socket, bytes.data, bytes.size, ZMQ_DONTWAIT) >= 0) o->stats.published++;
}

/* ---- both ---- */

static vg_status set_up(vg_outputs *o, const vg_session_config *config, const vg_world_info *world, vg_error *err) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    o->head.version = VG_PROTOCOL_VERSION;
    o->head.stream = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec; /* differs from run to run */
    snprintf(o->head.joint_set, sizeof o->head.joint_set, "%s", world->joint_set);
    const size_t size = 4096 + vg_skeletons_bytes(world->dims.people, world->dims.joints) * 2;
    VG_TRY(vg_codec_create(&o->codec, size, err));
    if (config->mocap.publish[0]) VG_TRY(open_stream(o, config->mocap.publish, err));
    if (config->mocap.vmc[0])
        VG_TRY(vg_vmc_open(&o->vmc, config->mocap.vmc, world->joint_set, world->dims.people, err));
    return VG_OK;
}

vg_status vg_outputs_open(vg_outputs **out, const vg_session_config *config, const vg_world_info *world,
                          vg_error *err) {
    *out = NULL;
    vg_outputs *o = calloc(1, sizeof *o);
    if (!o) return vg_fail(err, VG_NO_MEMORY, "live outputs: out of memory");
    const vg_status status = set_up(o, config, world, err);
    if (status == VG_OK)
        *out = o;
    else
        vg_outputs_close(o);
    return status;
}

void vg_outputs_close(vg_outputs *o) {
    if (!o) return;
    if (o->socket) zmq_close(o->socket);
    if (o->context) zmq_ctx_term(o->context);
    vg_codec_destroy(o->codec);
    vg_vmc_close(o->vmc);
    free(o);
}

void vg_outputs_send(vg_outputs *o, const vg_skeletons *skeletons) {
    if (o->socket) publish(o, skeletons);
    if (o->vmc) vg_vmc_send(o->vmc, skeletons, &o->stats.vmc_packets, &o->stats.vmc_failures);
}

vg_outputs_stats vg_outputs_read(const vg_outputs *o) {
    return o->stats;
}
