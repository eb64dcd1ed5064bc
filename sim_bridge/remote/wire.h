/* What both ends of the wire share: sockets set up the way libzmq is safe with, and a world's info as it travels. */
#ifndef VG_SIM_BRIDGE_REMOTE_WIRE_H
#define VG_SIM_BRIDGE_REMOTE_WIRE_H

#include "proto/proto.h"
#include "sim_bridge/world.h"

/* A socket with LINGER, MAXMSGSIZE and high-water marks set. ZMQ_HEARTBEAT_* stay unset: with a finite high-water mark and
 * a slow reader libzmq 4.3.4 aborts the process. */
vg_status vg_wire_socket(void **out, void *context, int type, vg_error *err);

vg_wire_world vg_wire_of_info(const vg_world_info *info);
void vg_info_of_wire(vg_world_info *out, const vg_wire_world *wire);

#endif
