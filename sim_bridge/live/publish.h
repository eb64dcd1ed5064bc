/* The other end of a live world: publishing keypoint streams (docs/protocol.md, "Streams"). */
#ifndef VG_SIM_BRIDGE_LIVE_PUBLISH_H
#define VG_SIM_BRIDGE_LIVE_PUBLISH_H

#include "common/log.h"
#include "proto/proto.h"
#include "sim_bridge/world.h"

#include <stdatomic.h>

typedef struct vg_keypoint_publisher vg_keypoint_publisher;

/* Binds a PUB socket at tcp://ADDRESS:PORT or ipc:///PATH. Release with vg_keypoint_publisher_close. */
vg_status vg_keypoint_publisher_open(vg_keypoint_publisher **out, const char *endpoint, vg_error *err);
void vg_keypoint_publisher_close(vg_keypoint_publisher *publisher); /* NULL is allowed */
/* Where it listens: the endpoint with "*" resolved. */
const char *vg_keypoint_publisher_endpoint(const vg_keypoint_publisher *publisher);

/* Sends one picture of camera `camera` (0 .. VG_MAX_CAMERAS - 1: whose pictures are counted). Fills in version and stream;
 * `picture->clock` is "" for a clock of the camera's own, or vg_local_clock_name() where time_ns is CLOCK_MONOTONIC. Never
 * waits: listeners that cannot follow miss pictures, and see it by the numbers. */
vg_status vg_keypoint_publish(vg_keypoint_publisher *publisher, int32_t camera, const vg_wire_keypoints *picture,
                              vg_error *err);

/* Writes a frame's cameras as a calibration file, called cam1, cam2, ... */
vg_status vg_write_rig_calibration(const vg_frame *frame, const char *path, vg_error *err);

/* A simulated rig: the embedded simulator's fixed cameras publish what they detect, people in random order, in real time. */
typedef struct vg_simulate_config {
    vg_world_config world; /* embedded; step_seconds is 1 / rate */
    const char *listen;
    const char *calibration; /* file to write the cameras to, before anything is published; NULL: none */
    uint64_t seed;
    double seconds; /* 0: until stopped */
    const atomic_bool *stop;
    void (*ready)(void *context, const char *endpoint); /* once it publishes; may be NULL */
    void *context;
} vg_simulate_config;

vg_status vg_simulate_keypoints(const vg_simulate_config *config, vg_error *err);

#endif
