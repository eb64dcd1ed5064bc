/* A pool of threads. Tasks are handed out by an atomic counter; workers sleep on a condition between runs. */
#include "agents/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

enum { THREADS_MAX = 256 };

struct vg_pool {
    pthread_mutex_t mutex;
    pthread_cond_t work, idle;
    vg_pool_task task;
    void *context;
    int32_t count;
    atomic_int next; /* the next task to hand out */
    uint64_t run;    /* counts the runs, so that a worker knows a new one */
    int32_t working; /* workers that have not finished the current run */
    bool stop;
    int32_t workers; /* threads besides the caller's */
    pthread_t thread[THREADS_MAX];
};

static void work(vg_pool *pool) {
    for (;;) {
        const int task = atomic_fetch_add(&pool->next, 1);
        if (task >= pool->count) return;
        pool->task(pool->context, task);
    }
}

static void *worker(void *argument) {
    vg_pool *pool = argument;
    uint64_t seen = 0;
    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        while (pool->run == seen && !pool->stop) pthread_cond_wait(&pool->work, &pool->mutex);
        if (pool->stop) break;
        seen = pool->run;
        pthread_mutex_unlock(&pool->mutex);
        work(pool);
        pthread_mutex_lock(&pool->mutex);
        if (--pool->working == 0) pthread_cond_signal(&pool->idle);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

vg_status vg_pool_create(vg_pool **out, int32_t threads, vg_error *err) {
    *out = NULL;
    if (threads < 0 || threads > THREADS_MAX)
        return vg_fail(err, VG_INVALID, "threads is %d; it must be 0 (one a core) to %d", threads, THREADS_MAX);
    if (threads == 0) {
        const long cores = sysconf(_SC_NPROCESSORS_ONLN);
        threads = cores < 1 ? 1 : cores > THREADS_MAX ? THREADS_MAX : (int32_t)cores;
    }
    vg_pool *pool = calloc(1, sizeof *pool);
    if (!pool) return vg_fail(err, VG_NO_MEMORY, "threads: out of memory");
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->idle, NULL);
    for (; pool->workers < threads - 1; pool->workers++)
        if (pthread_create(&pool->thread[pool->workers], NULL, worker, pool) != 0) {
            const int32_t started = pool->workers + 1;
            vg_pool_destroy(pool);
            return vg_fail(err, VG_FAILED, "the system gave only %d of %d threads; ask for fewer with --threads",
                           started, threads);
        }
    *out = pool;
    return VG_OK;
}

void vg_pool_destroy(vg_pool *pool) {
    if (!pool) return;
    pthread_mutex_lock(&pool->mutex);
    pool->stop = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->mutex);
    for (int32_t i = 0; i < pool->workers; i++) pthread_join(pool->thread[i], NULL);
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->idle);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

int32_t vg_pool_threads(const vg_pool *pool) {
    return pool->workers + 1;
}

void vg_pool_run(vg_pool *pool, vg_pool_task task, void *context, int32_t count) {
    if (count <= 0) return;
    if (pool->workers == 0 || count == 1) {
        for (int32_t i = 0; i < count; i++) task(context, i);
        return;
    }
    pthread_mutex_lock(&pool->mutex);
    pool->task = task;
    pool->context = context;
    pool->count = count;
    atomic_store(&pool->next, 0);
    pool->working = pool->workers;
    pool->run++;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->mutex);
    work(pool);
    pthread_mutex_lock(&pool->mutex);
    while (pool->working) pthread_cond_wait(&pool->idle, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
}
