/* The embedded simulator as a world (see world.h). */
#ifndef VG_SIM_BRIDGE_EMBEDDED_H
#define VG_SIM_BRIDGE_EMBEDDED_H

#include "sim_bridge/world.h"

vg_status vg_embedded_open(vg_world **out, const vg_world_config *config, vg_error *err);

#endif
