/* Publishing keypoint streams, from detectors and from the simulator. */
#include "sim_bridge/live/publish.h"

#include "calibration/files.h"
#include "common/clock.h"
#include "common/random.h"
#include "sim_bridge/live/live.h"
#include "sim_bridge/remote/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

enum { CODEC_SIZE = 1 << 17, QUEUE = 512 };

struct vg_keypoint_publisher {
    void *context, *socket;
    vg_codec *codec;
    uint64_t stream, sequence[VG_MAX_CAMERAS];
    char endpoint[256];
};

void vg_keypoint_publisher_close(vg_keypoint_publisher *p) {
    if (!p) return;
    if (p->socket) zmq_close(p->socket);
    if (p->context) zmq_ctx_term(p->context);
    vg_codec_destroy(p->codec);
    free(p);
}

static vg_status bind_socket(vg_keypoint_publisher *p, const char *endpoint, vg_error *err) {
    p->context = zmq_ctx_new();
    if (!p->context) return vg_fail(err, VG_FAILED, "cannot start ZeroMQ: %s", zmq_strerror(errno));
    VG_TRY(vg_wire_socket(&p->socket, p->context, ZMQ_PUB, err));
    const int queue = QUEUE;
    if (zmq_setsockopt(p->socket, ZMQ_SNDHWM, &queue, sizeof queue))
        return vg_fail(err, VG_FAILED, "cannot set up a ZeroMQ socket: %s", zmq_strerror(errno));
    if (zmq_bind(p->socket, endpoint) != 0)
        return vg_fail(err, errno == EADDRINUSE ? VG_REFUSED : VG_INVALID,
                       "cannot publish at `%s`: %s; use tcp://ADDRESS:PORT or ipc:///PATH", endpoint,
                       zmq_strerror(errno));
    size_t size = sizeof p->endpoint;
    if (zmq_getsockopt(p->socket, ZMQ_LAST_ENDPOINT, p->endpoint, &size) != 0)
        snprintf(p->endpoint, sizeof p->endpoint, "%s", endpoint);
    return VG_OK;
}

vg_status vg_keypoint_publisher_open(vg_keypoint_publisher **out, const char *endpoint, vg_error *err) {
    *out = NULL;
    vg_keypoint_publisher *p = calloc(1, sizeof *p);
    if (!p) return vg_fail(err, VG_NO_MEMORY, "keypoint publisher: out of memory");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    p->stream = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec; /* differs from run to run */
    vg_status status = vg_codec_create(&p->codec, CODEC_SIZE, err);
    if (status == VG_OK) status = bind_socket(p, endpoint, err);
    if (status == VG_OK)
        *out = p;
    else
        vg_keypoint_publisher_close(p);
    return status;
}

const char *vg_keypoint_publisher_endpoint(const vg_keypoint_publisher *p) {
    return p->endpoint;
}

vg_status vg_keypoint_publish(vg_keypoint_publisher *p, int32_t camera, const vg_wire_keypoints *picture,
                              vg_error *err) {
    VG_ASSERT(camera >= 0 && camera < VG_MAX_CAMERAS);
    vg_wire_keypoints k = *picture;
    vg_bytes bytes;
    k.version = VG_PROTOCOL_VERSION, k.stream = p->stream;
    VG_TRY(vg_encode_keypoints(p->codec, ++p->sequence[camera], &k, &bytes, err));
    if (zmq_send(p->socket, bytes.data, bytes.size, ZMQ_DONTWAIT) < 0 && errno != EAGAIN)
        return vg_fail(err, VG_IO, "cannot publish at %s: %s", p->endpoint, zmq_strerror(errno));
    return VG_OK;
}

/* ---- the simulated rig ---- */

vg_status vg_write_rig_calibration(const vg_frame *frame, const char *path, vg_error *err) {
    vg_camera_set set;
    VG_TRY(vg_camera_set_create(&set, frame->dims.cameras, err));
    for (int32_t c = 0; c < frame->dims.cameras; c++) {
        snprintf(set.camera[c].name, sizeof set.camera[c].name, "cam%d", c + 1);
        set.camera[c].camera = vg_frame_cameras(frame)[c];
        set.camera[c].placed = true;
    }
    set.z_up = true;
    const vg_status status = vg_calibration_write(path, &set, VG_CALIBRATION_AUTO, err);
    vg_camera_set_free(&set);
    return status;
}

/* The people that camera c detected, in random order. */
static int32_t shuffle_people(vg_keypoint *out, const vg_frame *f, int32_t c, uint64_t seed) {
    const int32_t P = f->dims.people, J = f->dims.joints;
    vg_rng rng = vg_rng_at(seed, (uint32_t)c, (uint32_t)f->frame_id, VG_DRAW_DETECTIONS);
    int32_t order[VG_MAX_PEOPLE], count = 0;
    for (int32_t p = 0; p < P; p++) {
        const vg_keypoint *person = vg_frame_keypoints(f) + (c * P + p) * J;
        bool seen = false;
        for (int32_t j = 0; j < J; j++) seen |= person[j].confidence > 0;
        if (!seen) continue;
        const int32_t at = (int32_t)vg_rng_below(&rng, (uint32_t)count + 1);
        order[count] = order[at], order[at] = p;
        count++;
    }
    for (int32_t k = 0; k < count; k++)
        memcpy(out + k * J, vg_frame_keypoints(f) + (c * P + order[k]) * J, sizeof *out * (size_t)J);
    return count;
}

static vg_status publish_frame(vg_keypoint_publisher *p, const vg_frame *f, int64_t time_ns, const char *clock,
                               vg_keypoint *spare, uint64_t seed, vg_error *err) {
    for (int32_t c = 0; c < f->dims.cameras; c++) {
        const vg_camera *k = &vg_frame_cameras(f)[c];
        vg_wire_keypoints picture = {.joint_set = "vergence14",
                                     .time_ns = time_ns,
                                     .width = k->width,
                                     .height = k->height,
                                     .people = shuffle_people(spare, f, c, seed),
                                     .joints = f->dims.joints,
                                     .keypoints = spare};
        snprintf(picture.camera, sizeof picture.camera, "cam%d", c + 1);
        snprintf(picture.clock, sizeof picture.clock, "%s", clock);
        VG_TRY(vg_keypoint_publish(p, c, &picture, err));
    }
    return VG_OK;
}

static vg_status simulate(const vg_simulate_config *config, vg_world *world, vg_frame *frame, vg_keypoint *spare,
                          vg_error *err) {
    vg_keypoint_publisher *p;
    const vg_reset reset = {config->seed, world->info.dims.people, VG_FORMATION_FIXED};
    const vg_command stand = {.cameras = world->info.dims.cameras};
    const int64_t step = (int64_t)(world->info.step_seconds * 1e9);
    char clock[64];
    vg_local_clock_name(clock);
    VG_TRY(vg_world_reset(world, 0, 1, &reset, frame, err));
    if (config->calibration) VG_TRY(vg_write_rig_calibration(frame, config->calibration, err));
    VG_TRY(vg_keypoint_publisher_open(&p, config->listen, err));
    if (config->ready) config->ready(config->context, vg_keypoint_publisher_endpoint(p));
    vg_status status = VG_OK;
    const int64_t began = vg_clock_now_ns();
    for (int64_t due = began; status == VG_OK && !atomic_load(config->stop); due += step) {
        if (config->seconds > 0 && (double)(due - began) * 1e-9 >= config->seconds) break;
        vg_clock_sleep_until_ns(due);
        status = publish_frame(p, frame, due, clock, spare, config->seed, err);
        if (status == VG_OK) status = vg_world_step(world, 0, 1, &stand, frame, err);
    }
    vg_keypoint_publisher_close(p);
    return status;
}

vg_status vg_simulate_keypoints(const vg_simulate_config *config, vg_error *err) {
    vg_world *world;
    VG_TRY(vg_world_open(&world, &config->world, err));
    const vg_dims d = world->info.dims;
    vg_frame *frame = aligned_alloc(64, vg_frame_bytes(d));
    vg_keypoint *spare = calloc((size_t)d.people * (size_t)d.joints, sizeof *spare);
    vg_status status = VG_NO_MEMORY;
    if (frame && spare) {
        memset(frame, 0, vg_frame_bytes(d));
        vg_frame_init(frame, d, 0);
        status = simulate(config, world, frame, spare, err);
    } else {
        vg_fail(err, status, "no memory to simulate a rig");
    }
    free(frame), free(spare);
    vg_world_close(world);
    return status;
}
