/* A world that plays a recording of a live session: its frames again, at its pace or as fast as asked for. The same loop
 * makes the same skeletons of them, bit for bit. */
#ifndef VG_SIM_BRIDGE_REPLAY_H
#define VG_SIM_BRIDGE_REPLAY_H

#include "sim_bridge/world.h"

vg_status vg_replay_open(vg_world **out, const vg_world_config *config, vg_error *err);

#endif
