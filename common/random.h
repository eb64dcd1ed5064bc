/* Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3",
 * SC 2011). A draw is a pure function of (seed, environment, step, purpose, index), so results do not depend on the
 * number of threads or on the order in which parts of the program draw. */
#ifndef VG_COMMON_RANDOM_H
#define VG_COMMON_RANDOM_H

#include <stdint.h>

/* What a draw is for; two purposes never share numbers. Append only: the values are part of reproducibility. */
typedef enum vg_purpose {
    VG_DRAW_SCENE = 1,       /* episode set-up: start positions, body sizes */
    VG_DRAW_WALK = 2,        /* people's goals and speeds */
    VG_DRAW_NOISE = 3,       /* keypoint noise and confidences */
    VG_DRAW_MISS = 4,        /* missed and swapped detections */
    VG_DRAW_ACTION = 5,      /* sampling of the policy's actions */
    VG_DRAW_INIT = 6,        /* network initialisation */
    VG_DRAW_SHUFFLE = 7,     /* order of training sequences */
    VG_DRAW_EPISODE = 8,     /* episode seeds, people per episode */
    VG_DRAW_CAMERA = 9,      /* camera dynamics noise */
    VG_DRAW_BASELINE = 10,   /* planners that sample */
    VG_DRAW_CALIBRATE = 11,  /* RANSAC and the like */
    VG_DRAW_EVALUATE = 12,   /* seeds of evaluation episodes */
    VG_DRAW_DETECTIONS = 20, /* the order in which a simulated detector reports people */
    VG_DRAW_TEST = 99        /* property tests */
} vg_purpose;

/* One Philox4x32-10 block: out[4] from counter[4] and key[2]. */
static inline void vg_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3], k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        const uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1, c3 = (uint32_t)p0, c0 = n0, c2 = n2;
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

/* A stream of draws at one (seed, environment, step, purpose). A plain value: copy it to fork the stream. */
typedef struct vg_rng {
    uint32_t key[2];     /* the seed */
    uint32_t counter[4]; /* block index, step, environment, purpose */
    uint32_t block[4];   /* the current block */
    uint32_t at;         /* next word of the block; 4 = a new block is due */
} vg_rng;

static inline vg_rng vg_rng_at(uint64_t seed, uint32_t environment, uint32_t step, vg_purpose purpose) {
    return (vg_rng){
        .key = {(uint32_t)seed, (uint32_t)(seed >> 32)}, .counter = {0, step, environment, (uint32_t)purpose}, .at = 4};
}

static inline uint32_t vg_rng_u32(vg_rng *rng) {
    if (rng->at == 4) {
        vg_philox(rng->counter, rng->key, rng->block);
        rng->counter[0]++;
        rng->at = 0;
    }
    return rng->block[rng->at++];
}

static inline uint64_t vg_rng_u64(vg_rng *rng) {
    const uint64_t low = vg_rng_u32(rng);
    return low | (uint64_t)vg_rng_u32(rng) << 32;
}

/* Uniform in [0, 1), 24 bits. */
static inline float vg_rng_uniform(vg_rng *rng) {
    return (float)(vg_rng_u32(rng) >> 8) * 0x1p-24f;
}

/* Uniform in [low, high). */
static inline float vg_rng_range(vg_rng *rng, float low, float high) {
    return low + (high - low) * vg_rng_uniform(rng);
}

/* Uniform integer in [0, n), n > 0, without bias to speak of (Lemire's multiply-shift, bias < n / 2^32). */
static inline uint32_t vg_rng_below(vg_rng *rng, uint32_t n) {
    return (uint32_t)(((uint64_t)vg_rng_u32(rng) * n) >> 32);
}

/* Standard normal (Box-Muller; consumes two words). */
float vg_rng_normal(vg_rng *rng);

#endif
