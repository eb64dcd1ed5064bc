/* log, exp and sine in single precision as straight-line code, so that loops over lanes of floats vectorise. The
 * polynomials are those of Cephes (Moshier, single-precision logf, expf, sinf); relative error below 3e-7 in the ranges
 * used here. */
#ifndef VG_SIM_BRIDGE_EMBEDDED_LANE_MATH_H
#define VG_SIM_BRIDGE_EMBEDDED_LANE_MATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline float lane_from_bits(uint32_t bits) {
    float out;
    memcpy(&out, &bits, sizeof out);
    return out;
}
static inline uint32_t lane_to_bits(float value) {
    uint32_t out;
    memcpy(&out, &value, sizeof out);
    return out;
}

/* Natural logarithm of a positive normal number. */
static inline float lane_log(float x) {
    const uint32_t bits = lane_to_bits(x) - 0x3f3504f3u; /* sqrt(1/2): mantissa comes out in [sqrt(1/2), sqrt(2)) */
    const float e = (float)((int32_t)bits >> 23);
    const float m = lane_from_bits((bits & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
    const float z = m * m;
    float y = 7.0376836292e-2f;
    y = y * m - 1.1514610310e-1f, y = y * m + 1.1676998740e-1f, y = y * m - 1.2420140846e-1f;
    y = y * m + 1.4249322787e-1f, y = y * m - 1.6668057665e-1f, y = y * m + 2.0000714765e-1f;
    y = y * m - 2.4999993993e-1f, y = y * m + 3.3333331174e-1f;
    return m + (y * m * z - 0.5f * z) + e * 0.69314718056f;
}

/* e^x for |x| < 80. */
static inline float lane_exp(float x) {
    const float n = rintf(x * 1.44269504089f);
    const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float y = 1.9875691500e-4f;
    y = y * r + 1.3981999507e-3f, y = y * r + 8.3334519073e-3f, y = y * r + 4.1665795894e-2f;
    y = y * r + 1.6666665459e-1f, y = y * r + 5.0000001201e-1f;
    return (y * r * r + r + 1.0f) * lane_from_bits((uint32_t)((int32_t)n + 127) << 23);
}

/* Sine and cosine of 2 pi x. */
static inline void lane_sincos_turns(float x, float *sine, float *cosine) {
    const float quarter = rintf(x * 4.0f);
    const float r = (x - quarter * 0.25f) * 6.28318530718f; /* [-pi/4, pi/4] */
    const int32_t q = (int32_t)quarter & 3;
    const float z = r * r;
    const float s = ((-1.9515295891e-4f * z + 8.3321608736e-3f) * z - 1.6666654611e-1f) * z * r + r;
    const float c =
        ((2.443315711809948e-5f * z - 1.388731625493765e-3f) * z + 4.166664568298827e-2f) * z * z - 0.5f * z + 1.0f;
    const float a = q & 1 ? c : s, b = q & 1 ? s : c;
    *sine = q & 2 ? -a : a;
    *cosine = (q + 1) & 2 ? -b : b;
}

#endif
