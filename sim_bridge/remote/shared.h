/* Pictures in shared memory, for a client on the same machine. The server makes a POSIX shared memory object and writes
 * pictures into it one behind the other, beginning anew at its end; each has a head in front:
 *
 *   offset 0  u64 little-endian  stamp: counts the pictures written, from 1; 0 while the picture is being written
 *   offset 8  u64 little-endian  bytes of the picture
 *   offset 16 the picture
 *
 * Neither side maps the object: both read and write it like a file, so a peer that shortens or spoils it causes an error
 * and never a fault. */
#ifndef VG_SIM_BRIDGE_REMOTE_SHARED_H
#define VG_SIM_BRIDGE_REMOTE_SHARED_H

#include "common/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VG_SHARED_HEAD 16

typedef struct vg_shared {
    int fd; /* -1: none */
    char name[64];
    uint64_t bytes;
    uint64_t next, stamp; /* the writer's: where the next picture goes, stamp of the last */
} vg_shared;

/* The server's end: a new object of a name of its own. Its name is taken away by vg_shared_forget, once the client has it
 * open, or by vg_shared_close. */
vg_status vg_shared_create(vg_shared *out, uint64_t bytes, vg_error *err);
void vg_shared_forget(vg_shared *shared);
void vg_shared_close(vg_shared *shared);
/* Writes a picture; tells where its head is and its stamp. */
vg_status vg_shared_write(vg_shared *shared, const void *data, uint64_t bytes, uint64_t *place, uint64_t *stamp,
                          vg_error *err);

/* The client's end. The object must be at least as large as the server says. */
vg_status vg_shared_open(vg_shared *out, const char *name, uint64_t bytes, vg_error *err);
/* Copies a picture out. VG_NOT_FOUND where another one has been written over it since. */
vg_status vg_shared_read(const vg_shared *shared, void *out, uint64_t bytes, uint64_t place, uint64_t stamp,
                         vg_error *err);

#endif
