/* The thread pool: every task once, all done on return, run after run. */
#include "agents/pool.h"
#include "tests/support/support.h"

#include <stdatomic.h>
#include <string.h>

enum { TASKS_MAX = 1000 };

typedef struct job {
    atomic_int done[TASKS_MAX];
    atomic_int total;
} job;

static void count_task(void *context, int32_t task) {
    job *j = context;
    atomic_fetch_add(&j->done[task], 1);
    atomic_fetch_add(&j->total, 1);
}

static void every_task_runs_once(void **state) {
    (void)state;
    vg_error err = {0};
    static job j;
    for (int32_t threads = 1; threads <= 5; threads++) {
        vg_pool *pool;
        assert_ok(vg_pool_create(&pool, threads, &err));
        assert_int_equal(vg_pool_threads(pool), threads);
        for (int32_t run = 0; run < 400; run++) {
            const int32_t count = run % 20 == 0 ? TASKS_MAX : run % 7;
            memset(&j, 0, sizeof j);
            vg_pool_run(pool, count_task, &j, count);
            assert_int_equal(atomic_load(&j.total), count);
            for (int32_t i = 0; i < count; i++) assert_int_equal(atomic_load(&j.done[i]), 1);
        }
        vg_pool_destroy(pool);
    }
    vg_pool_destroy(NULL);
}

typedef struct meeting {
    atomic_int arrived;
} meeting;

/* Waits until as many tasks are under way as there are threads. */
static void meet_task(void *context, int32_t task) {
    (void)task;
    meeting *m = context;
    atomic_fetch_add(&m->arrived, 1);
    while (atomic_load(&m->arrived) < 3) {
    }
}

static void tasks_run_at_the_same_time(void **state) {
    (void)state;
    vg_error err = {0};
    vg_pool *pool;
    assert_ok(vg_pool_create(&pool, 3, &err));
    meeting m = {0};
    vg_pool_run(pool, meet_task, &m, 3);
    assert_int_equal(atomic_load(&m.arrived), 3);
    vg_pool_destroy(pool);
}

static void thread_counts_are_checked(void **state) {
    (void)state;
    vg_error err = {0};
    vg_pool *pool;
    assert_error(vg_pool_create(&pool, -1, &err), VG_INVALID, "threads is -1");
    assert_error(vg_pool_create(&pool, 100000, &err), VG_INVALID, "threads is 100000");
    assert_ok(vg_pool_create(&pool, 0, &err));
    assert_true(vg_pool_threads(pool) >= 1);
    vg_pool_destroy(pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs_once),
        cmocka_unit_test(tasks_run_at_the_same_time),
        cmocka_unit_test(thread_counts_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
