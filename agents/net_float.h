/* The float version of the passes. */
#ifndef VG_AGENTS_NET_FLOAT_H
#define VG_AGENTS_NET_FLOAT_H

#include "agents/math.h"
#include "agents/net.h"

#include <cblas.h>

static inline float vg_f32_tanh(float x) {
    return vg_tanh(x);
}
static inline float vg_f32_sigmoid(float x) {
    return vg_sigmoid(x);
}
static inline float vg_f32_exp(float x) {
    return vg_exp(x);
}
static inline float vg_f32_log(float x) {
    return vg_log(x);
}

#define VG_REAL      float
#define VG_NET(name) vg_f32_##name
#define VG_GEMM      cblas_sgemm
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include "agents/net_impl.h"
#pragma GCC diagnostic pop

#endif
