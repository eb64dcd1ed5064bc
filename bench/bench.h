/* Benchmarks that anyone can run: `vergence bench [NAME...]`. Each measures one figure and, in the same run, the reference
 * it is held against. */
#ifndef VG_BENCH_BENCH_H
#define VG_BENCH_BENCH_H

#include "common/status.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct vg_bench_result {
    double value;
    const char *unit;           /* "s", "points/s", ...: static text */
    double reference;           /* in the same unit; 0 where there is none */
    const char *reference_name; /* what the reference is: static text */
    bool lower_is_better;
} vg_bench_result;

typedef struct vg_bench {
    const char *name;
    const char *what; /* one line */
    vg_status (*run)(vg_bench_result *out, vg_error *err);
} vg_bench;

/* The list, in printing order. */
const vg_bench *vg_bench_list(size_t *count);

#endif
