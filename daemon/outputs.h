/* Where a session's skeletons go while it runs: a ZeroMQ stream (docs/protocol.md, "Streams"), and VMC messages over UDP for
 * Unity, Unreal, Blender and Godot (docs/live.md). Sending never waits: who cannot follow misses some. */
#ifndef VG_DAEMON_OUTPUTS_H
#define VG_DAEMON_OUTPUTS_H

#include "daemon/daemon.h"

typedef struct vg_outputs vg_outputs;

typedef struct vg_outputs_stats {
    int64_t published;    /* skeletons sent to the stream */
    int64_t vmc_packets;  /* sent */
    int64_t vmc_failures; /* that the system did not take */
} vg_outputs_stats;

/* As config->mocap says, for skeletons of the world's dimensions. */
vg_status vg_outputs_open(vg_outputs **out, const vg_session_config *config, const vg_world_info *world, vg_error *err);
void vg_outputs_close(vg_outputs *outputs); /* NULL is allowed */

/* Sends one instant. */
void vg_outputs_send(vg_outputs *outputs, const vg_skeletons *skeletons);
vg_outputs_stats vg_outputs_read(const vg_outputs *outputs);

#endif
