/* What both ends of the wire share. */
#include "sim_bridge/remote/wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

vg_status vg_wire_socket(void **out, void *context, int type, vg_error *err) {
    void *socket = *out = zmq_socket(context, type);
    if (!socket) return vg_fail(err, VG_FAILED, "cannot make a ZeroMQ socket: %s", zmq_strerror(errno));
    const int linger_ms = 200, mark = 64;
    const int64_t most = (int64_t)VG_MESSAGE_MAX;
    if (zmq_setsockopt(socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms) ||
        zmq_setsockopt(socket, ZMQ_SNDHWM, &mark, sizeof mark) ||
        zmq_setsockopt(socket, ZMQ_RCVHWM, &mark, sizeof mark) ||
        zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &most, sizeof most)) {
        zmq_close(socket);
        *out = NULL;
        return vg_fail(err, VG_FAILED, "cannot set up a ZeroMQ socket: %s", zmq_strerror(errno));
    }
    return VG_OK;
}

vg_wire_world vg_wire_of_info(const vg_world_info *i) {
    vg_wire_world w = {.version = VG_WORLD_VERSION,
                       .dims = i->dims,
                       .environments = i->envs,
                       .step_seconds = i->step_seconds,
                       .truth = i->truth,
                       .resettable = i->resettable,
                       .teleports = i->teleports,
                       .limits = {i->max_speed, i->max_acceleration, i->max_turn_rate},
                       .obstacle_count = i->obstacle_count};
    snprintf(w.name, sizeof w.name, "%s", i->name);
    snprintf(w.scene, sizeof w.scene, "%s", i->scene);
    memcpy(w.bounds, i->camera_low, sizeof i->camera_low);
    memcpy(w.bounds + 3, i->camera_high, sizeof i->camera_high);
    memcpy(w.bounds + 6, i->area_low, sizeof i->area_low);
    memcpy(w.bounds + 8, i->area_high, sizeof i->area_high);
    for (int32_t k = 0; k < i->obstacle_count; k++) {
        const vg_obstacle *o = &i->obstacles[k];
        float *to = w.obstacles + k * VG_WIRE_OBSTACLE;
        to[0] = (float)o->kind;
        memcpy(to + 1, o->centre, sizeof o->centre);
        memcpy(to + 4, o->half, sizeof o->half);
        to[7] = o->yaw;
    }
    return w;
}

void vg_info_of_wire(vg_world_info *out, const vg_wire_world *w) {
    *out = (vg_world_info){.dims = w->dims,
                           .envs = w->environments,
                           .step_seconds = w->step_seconds,
                           .truth = w->truth,
                           .resettable = w->resettable,
                           .teleports = w->teleports,
                           .max_speed = w->limits[0],
                           .max_acceleration = w->limits[1],
                           .max_turn_rate = w->limits[2],
                           .obstacle_count = w->obstacle_count};
    snprintf(out->scene, sizeof out->scene, "%s", w->scene);
    memcpy(out->camera_low, w->bounds, sizeof out->camera_low);
    memcpy(out->camera_high, w->bounds + 3, sizeof out->camera_high);
    memcpy(out->area_low, w->bounds + 6, sizeof out->area_low);
    memcpy(out->area_high, w->bounds + 8, sizeof out->area_high);
    for (int32_t k = 0; k < w->obstacle_count; k++) {
        const float *from = w->obstacles + k * VG_WIRE_OBSTACLE;
        vg_obstacle *o = &out->obstacles[k];
        o->kind = (int32_t)from[0];
        memcpy(o->centre, from + 1, sizeof o->centre);
        memcpy(o->half, from + 4, sizeof o->half);
        o->yaw = from[7];
    }
}
