/* A world in another process, reached over ZeroMQ (see world.h and docs/protocol.md). */
#ifndef VG_SIM_BRIDGE_REMOTE_H
#define VG_SIM_BRIDGE_REMOTE_H

#include "sim_bridge/world.h"

vg_status vg_remote_open(vg_world **out, const vg_world_config *config, vg_error *err);

#endif
