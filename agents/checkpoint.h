/* Files of named arrays: policies and checkpoints. All of a file is checked before any of it is used, and a file is
 * replaced as a whole or not at all, so a crash or a full disk leaves the old one.
 *
 * Layout (little-endian, no padding):
 *   magic "VGCHECK\n" | uint32 version | uint32 sections | uint64 bytes of the whole file
 *   per section: char name[32], zero-filled | uint64 bytes
 *   the sections' bytes, one after another, in that order
 *   BLAKE2b-256 of everything before it (32 bytes) */
#ifndef VG_AGENTS_CHECKPOINT_H
#define VG_AGENTS_CHECKPOINT_H

#include "common/status.h"

#include <stddef.h>
#include <stdint.h>

enum { VG_CHECKPOINT_VERSION = 1, VG_CHECKPOINT_SECTIONS_MAX = 64, VG_CHECKPOINT_NAME = 32 };

/* What shall be written. Zero-initialise; names and data are borrowed until vg_checkpoint_write has returned. */
typedef struct vg_checkpoint_writer {
    int32_t count;
    struct {
        const char *name; /* shorter than VG_CHECKPOINT_NAME, unique */
        const void *data;
        size_t bytes;
    } section[VG_CHECKPOINT_SECTIONS_MAX];
} vg_checkpoint_writer;

void vg_checkpoint_add(vg_checkpoint_writer *writer, const char *name, const void *data, size_t bytes);
/* Writes PATH.part, has the disk take it, renames it to PATH. */
vg_status vg_checkpoint_write(const vg_checkpoint_writer *writer, const char *path, vg_error *err);

/* A file read and checked. */
typedef struct vg_checkpoint vg_checkpoint;

/* Errors say what is wrong with the file: absent, not of this format, another version, cut short, damaged. Release with
 * vg_checkpoint_close. */
vg_status vg_checkpoint_open(vg_checkpoint **out, const char *path, vg_error *err);
/* The same from bytes in memory (copied); `name` stands for the path in messages. */
vg_status vg_checkpoint_parse(vg_checkpoint **out, const void *data, size_t size, const char *name, vg_error *err);
void vg_checkpoint_close(vg_checkpoint *checkpoint); /* NULL is allowed */

/* The section's bytes, 16-byte aligned, valid until close; an error where it is absent or not exactly `bytes` long. Get
 * all sections before changing anything, and a file of another run changes nothing. */
vg_status vg_checkpoint_get(const vg_checkpoint *checkpoint, const char *name, size_t bytes, const void **out,
                            vg_error *err);
/* The size of a section; 0 where it is absent. */
size_t vg_checkpoint_bytes(const vg_checkpoint *checkpoint, const char *name);

#endif
