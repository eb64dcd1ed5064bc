/* A pool of threads that are started once and then run numbered tasks. The caller's thread works too. */
#ifndef VG_AGENTS_POOL_H
#define VG_AGENTS_POOL_H

#include "common/status.h"

#include <stdint.h>

typedef struct vg_pool vg_pool;
typedef void (*vg_pool_task)(void *context, int32_t task);

/* `threads` counts the caller's; 0 = one a core. Release with vg_pool_destroy. */
vg_status vg_pool_create(vg_pool **out, int32_t threads, vg_error *err);
void vg_pool_destroy(vg_pool *pool); /* NULL is allowed */
int32_t vg_pool_threads(const vg_pool *pool);

/* Runs task(context, 0 .. count - 1), each once, in any order, and returns when all are done. Allocates nothing. One
 * caller at a time. */
void vg_pool_run(vg_pool *pool, vg_pool_task task, void *context, int32_t count);

#endif
