/* What a 2D pose detector would report, from what a camera can see. Each keypoint's error is Gaussian with a scale that
 * is itself drawn, log-normal, so the errors are heavy-tailed; the drawn scale also lowers the confidence, so that
 * confidence tells something about the error, as a detector's does. The scale depends on the joint, on the person's
 * size in the image, on how much of the person is hidden, and on whether the joint itself is. A hidden joint mostly gets
 * a low confidence; now and then it is hallucinated with a middling one. */
#include "sim_bridge/embedded/sim.h"

#include "common/random.h"
#include "sim_bridge/embedded/lane_math.h"

/* The figures below are fitted: five cameras in the fixed formation, seven people, plain DLT of keypoints above 0.3. The
 * reference's own recording has MPJPE 83 mm, reprojection errors of 1.46 px (median), 2.6 (p75), 4.7 (p90), 36 (most),
 * wrists and elbows 60 to 180 mm, eyes 30; these give 79 mm, 1.5, 2.8, 4.8, 41, 90 to 120, 32. */
#define SCALE_FLOOR   0.97f  /* px: error scale of a joint of average difficulty, however small the person */
#define SCALE_GROWTH  0.006f /* ... and per px of the person's height */
#define SPREAD        0.90f  /* standard deviation of the log of the drawn scale: how heavy the tail is */
#define SPREAD_MOST   2.3f   /* draws beyond this many deviations count as this */
#define DOUBT         0.9f   /* how much hiding part of a person disturbs the rest */
#define HIDDEN_SCALE  1.3f   /* a hidden joint's error is larger by this share */
#define HALLUCINATED  0.25f  /* share of hidden joints that are guessed with some confidence */
#define LOGIT         1.05f  /* confidence of an average joint of a person 40 px tall, before what follows */
#define LOGIT_SPREAD  0.3f   /* per deviation of the log of the drawn scale */
#define LOGIT_NOISE   0.6f
#define LOGIT_JOINT   0.8f
#define LOGIT_DOUBT   1.1f /* per share of the person hidden */
#define LOGIT_SIZE    0.5f /* per e-fold of size */
#define LOGIT_HIDDEN  3.6f
#define LOGIT_GUESSED 1.1f /* instead, where hallucinated */

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
                                             [VG_L_EYE] = 0.36f,
                                             [VG_R_EYE] = 0.36f,
                                             [14] = 1,
                                             [15] = 1};

/* One word block per joint: four words r[0 .. 3] of Philox, keyed by seed; counter (joint, step, camera and person,
 * purpose). Written as loops over lanes so that it vectorises; equal to vg_philox lane by lane. */
void sim_draw_lanes(uint32_t r[4][SIM_LANES], uint64_t seed, uint32_t step, uint32_t who, uint32_t purpose) {
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
    /* a detector overlooks people of whom little is to be seen, and the very small */
    const float seen = 1 - sight->hidden, overlook = fmaxf(0, 1 - seen / 0.3f) + fmaxf(0, 1 - sight->size / 14.0f);
    const float missed = 1 - (1 - world->miss_rate) * (1 - fminf(1, overlook));
    if (missed <= 0) return false;
    vg_rng rng = vg_rng_at(state->seed, (uint32_t)(camera << 8 | person), state->step, VG_DRAW_MISS);
    return vg_rng_uniform(&rng) < missed;
}

/* The detector's answer for all lanes: positions and confidences from the exact ones and the draws. */
static void disturb(float u[SIM_LANES], float v[SIM_LANES], float confidence[SIM_LANES], const sim_sight *sight,
                    const uint32_t r[4][SIM_LANES], float right, float bottom) {
    const float base = SCALE_FLOOR + SCALE_GROWTH * sight->size, doubt = sight->hidden;
    const float logit = LOGIT + LOGIT_SIZE * lane_log(sight->size * 0.025f) - LOGIT_DOUBT * doubt;
    for (int l = 0; l < SIM_LANES; l++) {
        float g0, g1, g2, g3;
        normals(&g0, &g1, r[0][l], r[1][l]);
        normals(&g2, &g3, r[2][l], r[3][l]);
        /* the normals use the upper 24 bits of each word; these are of the lower 8 */
        const float luck = (float)((r[0][l] & 0xff) << 16 | (r[1][l] & 0xff) << 8 | (r[2][l] & 0xff)) * 0x1p-24f;
        const float hidden = 1 - sight->visible[l], deviation = g2 < SPREAD_MOST ? g2 : SPREAD_MOST;
        const float scale =
            base * joint_scale[l] * lane_exp(SPREAD * deviation) * (1 + DOUBT * doubt) * (1 + HIDDEN_SCALE * hidden);
        const float lost = hidden * (luck < HALLUCINATED ? LOGIT_GUESSED : LOGIT_HIDDEN);
        const float x = logit - LOGIT_JOINT * joint_scale[l] - LOGIT_SPREAD * deviation - lost + LOGIT_NOISE * g3;
        const float nu = sight->u[l] + scale * g0, nv = sight->v[l] + scale * g1;
        confidence[l] = sight->in_image[l] / (1 + lane_exp(-x));
        u[l] = nu < 0 ? 0 : nu > right ? right : nu;
        v[l] = nv < 0 ? 0 : nv > bottom ? bottom : nv;
    }
}

void sim_detect(vg_keypoint *out, const sim_sight *sight, const vg_camera *camera, const sim_world *world,
                const sim_state *state, int32_t camera_index, int32_t person) {
    if (person_missed(sight, world, state, camera_index, person)) return;
    uint32_t r[4][SIM_LANES];
    float u[SIM_LANES], v[SIM_LANES], confidence[SIM_LANES];
    sim_draw_lanes(r, state->seed, state->step, (uint32_t)(camera_index << 8 | person), VG_DRAW_NOISE);
    disturb(u, v, confidence, sight, r, (float)(camera->width - 1), (float)(camera->height - 1));
    for (int l = 0; l < VG_JOINTS14; l++)
        out[l] = confidence[l] > 0 ? (vg_keypoint){u[l], v[l], confidence[l]} : (vg_keypoint){0, 0, 0};
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
