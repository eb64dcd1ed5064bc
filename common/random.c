/* The one draw that needs libm. */
#include "common/random.h"

#include <math.h>

float vg_rng_normal(vg_rng *rng) {
    const float u = ((float)(vg_rng_u32(rng) >> 8) + 1.0f) * 0x1p-24f; /* (0, 1] so that the log is finite */
    const float v = vg_rng_uniform(rng);
    return sqrtf(-2.0f * logf(u)) * cosf(6.28318530718f * v);
}
