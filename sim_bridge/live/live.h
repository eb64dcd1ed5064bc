/* A world whose cameras are keypoint streams: real cameras with detectors, or whatever speaks docs/protocol.md, "Streams". */
#ifndef VG_SIM_BRIDGE_LIVE_H
#define VG_SIM_BRIDGE_LIVE_H

#include "sim_bridge/world.h"

vg_status vg_live_world_open(vg_world **out, const vg_world_config *config, vg_error *err);

/* The name of this machine's monotonic clock in keypoint streams: its boot id. */
void vg_local_clock_name(char out[64]);

#endif
