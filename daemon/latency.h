/* Percentiles of durations as they come: a histogram whose bins grow by 5 %, old ticks forgotten by and by. Zero-initialise. */
#ifndef VG_DAEMON_LATENCY_H
#define VG_DAEMON_LATENCY_H

#include <stdint.h>

enum { VG_LATENCY_BINS = 384 }; /* 100 ns to 13 s */

typedef struct vg_latency {
    double bins[VG_LATENCY_BINS];
    double total;
    int64_t taken; /* since the last forgetting */
    double worst;  /* s, ever */
} vg_latency;

void vg_latency_add(vg_latency *latency, double seconds);
/* The duration that a share of the ticks (0.99) stays under, to 5 %; NaN before the first. */
double vg_latency_percentile(const vg_latency *latency, double share);

#endif
