/* Eight doubles as one value, for the kernels that work on eight points at a time; only .c files and private headers
 * include it. GCC and clang map it to one AVX-512 register, or to several narrower ones. */
#ifndef VG_COMMON_LANES_H
#define VG_COMMON_LANES_H

#include <math.h>
#include <stdint.h>

/* Every function that takes or returns lanes is inlined, so no calling convention is involved. */
#pragma GCC diagnostic ignored "-Wpsabi"

typedef double lanes __attribute__((vector_size(64), may_alias));
typedef int64_t lane_mask __attribute__((vector_size(64), may_alias)); /* 0 or -1 a lane */
typedef double lanes_unaligned __attribute__((vector_size(64), aligned(8), may_alias));

#define LANE_COUNT  8
#define LANE_INLINE static inline __attribute__((always_inline))

LANE_INLINE lanes lanes_load(const double *p) {
    return *(const lanes_unaligned *)(const void *)p;
}
LANE_INLINE void lanes_store(double *p, lanes x) {
    *(lanes_unaligned *)(void *)p = x;
}
LANE_INLINE lanes lanes_of(double x) {
    return (lanes){x, x, x, x, x, x, x, x};
}
/* mask ? a : b */
LANE_INLINE lanes lanes_pick(lane_mask mask, lanes a, lanes b) {
    return (lanes)((mask & (lane_mask)a) | (~mask & (lane_mask)b));
}
/* mask ? a : 0 */
LANE_INLINE lanes lanes_keep(lane_mask mask, lanes a) {
    return (lanes)(mask & (lane_mask)a);
}
LANE_INLINE lanes lanes_sqrt(lanes x) {
    for (int i = 0; i < LANE_COUNT; i++) x[i] = sqrt(x[i]);
    return x;
}

/* A symmetric 3 x 3 matrix a lane: 00 01 02 11 12 22. */
typedef struct lanes_sym3 {
    lanes a[6];
} lanes_sym3;

/* Adjugate (symmetric) and determinant. */
LANE_INLINE lanes lanes_adjugate(lanes_sym3 *adj, const lanes_sym3 *s) {
    const lanes *a = s->a;
    adj->a[0] = a[3] * a[5] - a[4] * a[4];
    adj->a[1] = a[2] * a[4] - a[1] * a[5];
    adj->a[2] = a[1] * a[4] - a[2] * a[3];
    adj->a[3] = a[0] * a[5] - a[2] * a[2];
    adj->a[4] = a[1] * a[2] - a[0] * a[4];
    adj->a[5] = a[0] * a[3] - a[1] * a[1];
    return a[0] * adj->a[0] + a[1] * adj->a[1] + a[2] * adj->a[2];
}

LANE_INLINE void lanes_sym3_mul(lanes out[3], const lanes_sym3 *s, const lanes v[3]) {
    const lanes *a = s->a;
    out[0] = a[0] * v[0] + a[1] * v[1] + a[2] * v[2];
    out[1] = a[1] * v[0] + a[3] * v[1] + a[4] * v[2];
    out[2] = a[2] * v[0] + a[4] * v[1] + a[5] * v[2];
}

#endif
