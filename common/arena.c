/* Planned memory. */
#include "common/arena.h"

#include <stdlib.h>
#include <string.h>

static size_t align_up(size_t n) {
    return (n + (VG_ARENA_ALIGN - 1)) & ~(size_t)(VG_ARENA_ALIGN - 1);
}

vg_status vg_arena_create(vg_arena *arena, size_t size, vg_error *err) {
    *arena = (vg_arena){.size = align_up(size ? size : 1)};
    arena->base = aligned_alloc(VG_ARENA_ALIGN, arena->size);
    if (!arena->base) return vg_fail(err, VG_NO_MEMORY, "cannot allocate %zu bytes", arena->size);
    memset(arena->base, 0, arena->size);
    return VG_OK;
}

void vg_arena_destroy(vg_arena *arena) {
    free(arena->base);
    *arena = (vg_arena){0};
}

void *vg_arena_alloc(vg_arena *arena, size_t bytes) {
    const size_t at = arena->used;
    arena->used = at + align_up(bytes);
    if (!arena->base) return NULL;
    VG_ASSERT(arena->used <= arena->size);
    return arena->base + at;
}
