/* Bin i ends at SHORTEST * GROWTH^(i + 1) seconds. Every FORGET ticks all counts are halved. */
#include "daemon/latency.h"

#include <math.h>

#define SHORTEST 1e-7
#define GROWTH   1.05
#define FORGET   4096

void vg_latency_add(vg_latency *l, double seconds) {
    const double at = seconds > SHORTEST ? log(seconds / SHORTEST) / log(GROWTH) : 0;
    l->bins[at < VG_LATENCY_BINS - 1 ? (int)at : VG_LATENCY_BINS - 1] += 1;
    l->total += 1;
    if (seconds > l->worst) l->worst = seconds;
    if (++l->taken < FORGET) return;
    l->taken = 0;
    l->total *= 0.5;
    for (int i = 0; i < VG_LATENCY_BINS; i++) l->bins[i] *= 0.5;
}

double vg_latency_percentile(const vg_latency *l, double share) {
    double sum = 0;
    for (int i = 0; i < VG_LATENCY_BINS && l->total > 0; i++) {
        sum += l->bins[i];
        if (sum >= share * l->total) return SHORTEST * pow(GROWTH, i + 1);
    }
    return (double)NAN;
}
