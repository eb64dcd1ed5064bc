/* Monotonic time. */
#ifndef VG_COMMON_CLOCK_H
#define VG_COMMON_CLOCK_H

#include <stdint.h>

/* Nanoseconds of CLOCK_MONOTONIC. */
int64_t vg_clock_now_ns(void);

/* Nanoseconds of CPU time the calling thread has used. */
int64_t vg_clock_thread_cpu_ns(void);

/* Sleeps until CLOCK_MONOTONIC reaches `deadline_ns`; returns early only on a signal (returns nonzero then). */
int vg_clock_sleep_until_ns(int64_t deadline_ns);

#endif
