/* What a 2D pose detector would report, from what a camera can see. Each keypoint's error is Gaussian with a scale that
 * is itself drawn, log-normal, so the errors are heavy-tailed; the drawn scale also lowers the confidence, so that
 * confidence tells something about the error, as a detector's does. The scale depends on the joint, on the person's
 * size in the image, on how much of the person is hidden, and on whether the joint itself is. A hidden joint mostly gets
 * a low confidence; now and then it is hallucinated with a middling one. */
#include "sim_bridge/embedded/sim.h"

#include "common/random.h"
#include "sim_bridge/embedded/lane_math.h"

/* Error scale of each joint, relative. */
static const float joint_scale[SIM_LANES] = {[VG_L_SHOULDER] = 0.80f,
                                             [VG_R_SHOULDER] = 0.80f,
                                             [VG_L_ELBOW] = 1.25f,
                                             [VG_R_ELBOW] = 1.25f,
                                             [VG_L_WRIST] = 1.60f,
                                             [VG_R_WRIST] = 1.60f,
                                             [VG_L_HIP] = 1.0f,
                                             [VG_R_HIP] = 1.0f,
                                             [VG_L_KNEE] = 0.95f,
                                             [VG_R_KNEE] = 0.95f,
                                             [VG_L_ANKLE] = 1.0f,
                                             [VG_R_ANKLE] = 1.0f,
                                             [VG_L_EYE] = 0.45f,
                                             [VG_R_EYE] = 0.45f,
                                             [14] = 1,
                                             [15] = 1};

/* One word block per joint: four words r[0 .. 3] of Philox, keyed by seed; counter (joint, step, camera and person,
 * purpose). Written as loops over lanes so that it vectorises; equal to vg_philox lane by lane. */
static void draw_lanes(uint32_t r[4][SIM_LANES], uint64_t seed, uint32_t step, uint32_t who, uint32_t purpose) {
    uint32_t c0[SIM_LANES], c1[SIM_LANES], c2[SIM_LANES], c3[SIM_LANES];
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (uint32_t l = 0; l < SIM_LANES; l++) c0[l] = l, c1[l] = step, c2[l] = who, c3[l] = purpose;
    for (int round = 0; round < 10; round++) {
        for (int l = 0; l < SIM_LANES; l++) {
            const uint64_t p0 = (uint64_t)0xD2511F53u * c0[l], p1 = (uint64_t)0xCD9E8D57u * c2[l];
            const uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1[l] ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3[l] ^ k1;
            c1[l] = (uint32_t)p1, c3[l] = (uint32_t)p0, c0[l] = n0, c2[l] = n2;
        }
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    memcpy(r[0], c0, sizeof c0), memcpy(r[1], c1, sizeof c1), memcpy(r[2], c2, sizeof c2), memcpy(r[3], c3, sizeof c3);
}

/* Two standard normals from two words (Box-Muller). */
static inline void normals(float *a, float *b, uint32_t w0, uint32_t w1) {
    const float radius = sqrtf(-2.0f * lane_log((float)((w0 >> 8) + 1) * 0x1p-24f));
    float s, c;
    lane_sincos_turns((float)(w1 >> 8) * 0x1p-24f, &s, &c);
    *a = radius * c, *b = radius * s;
}

static bool person_missed(const sim_sight *sight, const sim_world *world, const sim_state *state, int32_t camera,
                          int32_t person) {
    vg_rng rng = vg_rng_at(state->seed, (uint32_t)(camera << 8 | person), state->step, VG_DRAW_MISS);
    if (vg_rng_uniform(&rng) < world->miss_rate) return true;
    /* a detector overlooks people of whom little is to be seen, and the very small */
    const float seen = 1 - sight->hidden, overlook = fmaxf(0, 1 - seen / 0.3f) + fmaxf(0, 1 - sight->size / 14.0f);
    return vg_rng_uniform(&rng) < overlook;
}

void sim_detect(vg_keypoint *out, const sim_sight *sight, const sim_world *world, const sim_state *state,
                int32_t camera, int32_t person) {
    if (person_missed(sight, world, state, camera, person)) return;
    uint32_t r[4][SIM_LANES];
    float u[SIM_LANES], v[SIM_LANES], confidence[SIM_LANES];
    draw_lanes(r, state->seed, state->step, (uint32_t)(camera << 8 | person), VG_DRAW_NOISE);
    const float base = 0.75f + 0.018f * sight->size, doubt = 0.9f * sight->hidden;
    for (int l = 0; l < SIM_LANES; l++) {
        float g0, g1, g2, g3;
        normals(&g0, &g1, r[0][l], r[1][l]);
        normals(&g2, &g3, r[2][l], r[3][l]);
        const float luck = (float)((r[0][l] & 0xff) << 16 | (r[1][l] & 0xff) << 8 | (r[2][l] & 0xff)) * 0x1p-24f;
        const float hidden = 1 - sight->visible[l], hallucinated = luck < 0.25f ? hidden : 0;
        const float spread = lane_exp(0.65f * g2); /* the drawn scale */
        const float scale = base * joint_scale[l] * spread * (1 + doubt) * (1 + 1.8f * hidden);
        const float lost = (2.6f - 0.9f * hallucinated) * hidden;
        const float x =
            2.6f - 0.8f * joint_scale[l] - 0.7f * g2 - 1.2f * doubt - lost - 0.4f * hallucinated + 0.35f * g3;
        confidence[l] = sight->in_image[l] / (1 + lane_exp(-x));
        u[l] = sight->u[l] + scale * g0;
        v[l] = sight->v[l] + scale * g1;
        u[l] = u[l] < 0 ? 0 : u[l] > 319 ? 319 : u[l];
        v[l] = v[l] < 0 ? 0 : v[l] > 239 ? 239 : v[l];
    }
    for (int l = 0; l < world->dims.joints; l++)
        out[l] = confidence[l] > 0 ? (vg_keypoint){u[l], v[l], confidence[l]} : (vg_keypoint){0};
}

/* Neighbouring pairs: people whose middles are less than half a body height apart in the image. */
void sim_swap(vg_keypoint *keypoints, const sim_world *world, const sim_state *state, const sim_sight *sights,
              int32_t camera) {
    const int32_t joints = world->dims.joints;
    for (int32_t p = 0; p < state->people; p++)
        for (int32_t q = p + 1; q < state->people; q++) {
            const sim_sight *a = &sights[p], *b = &sights[q];
            if (a->size <= 0 || b->size <= 0) continue;
            const float near = 0.5f * fmaxf(a->size, b->size);
            if (fabsf(a->u[14] - b->u[14]) > near || fabsf(a->v[14] - b->v[14]) > near) continue;
            vg_rng rng =
                vg_rng_at(state->seed, (uint32_t)(camera << 16 | p << 8 | q) | 0x80000000u, state->step, VG_DRAW_MISS);
            if (vg_rng_uniform(&rng) >= world->swap_rate) continue;
            for (int32_t j = 0; j < joints; j++) {
                const vg_keypoint kept = keypoints[p * joints + j];
                keypoints[p * joints + j] = keypoints[q * joints + j];
                keypoints[q * joints + j] = kept;
            }
        }
}
