/* A game with the UnrealCV plug-in as a world (see world.h, docs/unreal.md): cameras are placed, people's bones are read,
 * keypoints are made from them. One game is one environment; of several games the endpoint's last number counts up.
 * The scene file tells where cameras may be, where people walk and what is solid. */
#ifndef VG_SIM_BRIDGE_UNREALCV_CLIENT_H
#define VG_SIM_BRIDGE_UNREALCV_CLIENT_H

#include "sim_bridge/world.h"

vg_status vg_unrealcv_open(vg_world **out, const vg_world_config *config, vg_error *err);

#endif
