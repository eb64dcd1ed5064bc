/* A session's recording: frames and skeletons as they come, into one MCAP file (proto/mcap.h), topics /frame and /skeletons.
 * The tick copies them into a queue and goes on; a thread of its own compresses and writes. Where the queue is full, because the
 * disk is slow, instants are dropped and counted; where the disk is full the recording ends and the session goes on. */
#ifndef VG_DAEMON_RECORDER_H
#define VG_DAEMON_RECORDER_H

#include "common/log.h"
#include "sim_bridge/world.h"

typedef struct vg_recorder vg_recorder;

typedef struct vg_recorder_stats {
    char path[1024];
    int64_t recorded, dropped, bytes; /* instants in the file, instants that found the queue full, bytes of the file */
    char error[640];                  /* why the recording ended before the session; "" */
} vg_recorder_stats;

/* Begins FOLDER/take-N.mcap, N the first number that is free. */
vg_status vg_recorder_open(vg_recorder **out, const char *folder, const vg_world_info *world, const vg_log *log,
                           vg_error *err);
/* Puts one instant into the queue; never waits, allocates nothing. */
void vg_recorder_push(vg_recorder *recorder, const vg_frame *frame, const vg_skeletons *skeletons);
void vg_recorder_read(vg_recorder *recorder, vg_recorder_stats *out);
/* Writes what is queued and the index. NULL is allowed. Fails where the recording ended before. */
vg_status vg_recorder_close(vg_recorder *recorder, vg_recorder_stats *out, vg_error *err);

#endif
