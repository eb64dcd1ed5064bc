/* Planned memory: one block, handed out front to back, freed as a whole. The usual way to size it is to run the same
 * allocation code twice: first on an arena in measuring mode (no memory; every pointer is NULL, only `used` grows),
 * then on one of exactly that size. */
#ifndef VG_COMMON_ARENA_H
#define VG_COMMON_ARENA_H

#include "common/status.h"

#include <stddef.h>

typedef struct vg_arena {
    unsigned char *base; /* NULL while measuring */
    size_t size;         /* bytes in the block */
    size_t used;         /* bytes handed out, alignment included */
} vg_arena;

#define VG_ARENA_ALIGN 64 /* every allocation starts on a cache line, which also suits the widest vectors */

/* An arena of `size` zeroed bytes. Release with vg_arena_destroy. */
vg_status vg_arena_create(vg_arena *arena, size_t size, vg_error *err);
void vg_arena_destroy(vg_arena *arena);

/* The next `bytes` bytes, zeroed, 64-byte aligned, valid until the arena is destroyed. NULL while measuring. Running
 * over the planned size is a bug and asserts. */
void *vg_arena_alloc(vg_arena *arena, size_t bytes);

#define VG_ARENA_NEW(arena, type, count) ((type *)vg_arena_alloc((arena), sizeof(type) * (size_t)(count)))

#endif
