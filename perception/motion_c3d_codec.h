/* Numbers of the three kinds of machine that C3D files come from. Private to motion_c3d*.c. */
#ifndef VG_PERCEPTION_MOTION_C3D_CODEC_H
#define VG_PERCEPTION_MOTION_C3D_CODEC_H

#include "perception/motion_c3d.h"

#include <math.h>
#include <string.h>

static inline uint16_t c3d_get_u16(const unsigned char *b, int32_t processor) {
    const uint32_t high = b[processor != VG_C3D_MIPS], low = b[processor == VG_C3D_MIPS];
    return (uint16_t)(high << 8 | low);
}

static inline int16_t c3d_get_i16(const unsigned char *b, int32_t processor) {
    return (int16_t)c3d_get_u16(b, processor);
}

static inline void c3d_put_u16(unsigned char *b, uint16_t v, int32_t processor) {
    b[processor == VG_C3D_MIPS] = (unsigned char)v;
    b[processor != VG_C3D_MIPS] = (unsigned char)(v >> 8);
}

/* IEEE floats, except DEC's F_floating: words swapped, exponent of base 2 biased by 128 over a mantissa in [0.5, 1). */
static inline float c3d_get_f32(const unsigned char *b, int32_t processor) {
    uint32_t bits;
    if (processor == VG_C3D_DEC) {
        bits = (uint32_t)b[1] << 24 | (uint32_t)b[0] << 16 | (uint32_t)b[3] << 8 | b[2];
        const int exponent = (int)(bits >> 23 & 0xff);
        if (!exponent) return 0;
        const float size = ldexpf((float)((bits & 0x7fffff) | 0x800000), exponent - 128 - 24);
        return bits >> 31 ? -size : size;
    }
    bits = processor == VG_C3D_MIPS ? (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3]
                                    : (uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[1] << 8 | b[0];
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* What F_floating cannot hold (NaN, infinities, below 2^-128) becomes 0 or its largest number. */
static inline void c3d_put_f32(unsigned char *b, float v, int32_t processor) {
    uint32_t bits = 0;
    if (processor == VG_C3D_DEC) {
        int exponent = 0;
        const float limit = 1.7e38f;
        const float clipped = isnan(v) ? 0 : fminf(fmaxf(v, -limit), limit);
        const float mantissa = frexpf(fabsf(clipped), &exponent);
        if (mantissa > 0 && exponent > -128)
            bits = (uint32_t)(clipped < 0) << 31 | (uint32_t)(exponent + 128) << 23 |
                   ((uint32_t)ldexpf(mantissa, 24) & 0x7fffff);
        b[1] = (unsigned char)(bits >> 24), b[0] = (unsigned char)(bits >> 16);
        b[3] = (unsigned char)(bits >> 8), b[2] = (unsigned char)bits;
        return;
    }
    memcpy(&bits, &v, sizeof bits);
    for (int i = 0; i < 4; i++) b[processor == VG_C3D_MIPS ? 3 - i : i] = (unsigned char)(bits >> 8 * i);
}

/* Number of values (bytes / |type|) that the dimensions hold. */
static inline int32_t c3d_count(const vg_c3d_parameter *p) {
    int64_t n = 1;
    for (int d = 0; d < p->dimensions && n <= 1 << 24; d++) n *= p->size[d];
    return n > 1 << 24 ? 1 << 24 : (int32_t)n;
}

static inline bool c3d_is_unsigned(const vg_c3d *c) {
    char format[16];
    vg_c3d_text(format, sizeof format, vg_c3d_find(c, "ANALOG", "FORMAT"), 0);
    return strcmp(format, "UNSIGNED") == 0;
}

/* Grows the list by one zeroed entry; NULL without memory. */
vg_c3d_parameter *c3d_append(vg_c3d *c);

#endif
