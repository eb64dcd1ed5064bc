/* Skeletons as avatars' bones: the VMC protocol (protocol.vmc.info) over UDP, which Unity, Unreal (VMC4UE), Blender (VMC4B)
 * and Godot receive. Person slot p goes to the port PORT + p: one avatar, one port. */
#ifndef VG_DAEMON_VMC_H
#define VG_DAEMON_VMC_H

#include "common/frame.h"

#include <stdint.h>

typedef struct vg_vmc vg_vmc;

/* `address` is HOST:PORT; `joint_set` names the skeletons' joints. */
vg_status vg_vmc_open(vg_vmc **out, const char *address, const char *joint_set, int32_t people, vg_error *err);
void vg_vmc_close(vg_vmc *vmc); /* NULL is allowed */

/* Sends everybody who is there, and for those who left, once, that they are gone. Never waits, allocates nothing. Adds to
 * the counts of packets that were sent and that the system did not take. */
void vg_vmc_send(vg_vmc *vmc, const vg_skeletons *skeletons, int64_t *sent, int64_t *failed);

#endif
