/* The median of numbers; private to calibration/. */
#ifndef VG_CALIBRATION_MEDIAN_H
#define VG_CALIBRATION_MEDIAN_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

static inline int median_compare(const void *a, const void *b) {
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

/* The upper median; sorts `values`. NaN where there are none. */
static inline double median_of(double *values, int64_t n) {
    if (n <= 0) return (double)NAN;
    qsort(values, (size_t)n, sizeof *values, median_compare);
    return values[n / 2];
}

#endif
