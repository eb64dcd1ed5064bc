/* Simulated people without their names: each camera's detections in an order of their own, some of them false; and how well
 * they were told apart and placed, held against the truth. For the benchmarks and for the tests of perception/people.h. */
#ifndef VG_BENCH_ANONYMOUS_H
#define VG_BENCH_ANONYMOUS_H

#include "common/frame.h"
#include "common/random.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* `in`'s people (at most `out`'s) into random places of each camera of `out`; the other places hold, with probability
 * `strange`, somebody's detection moved elsewhere with two in five keypoints gone. */
static inline void anonymise(vg_frame *out, const vg_frame *in, vg_rng *rng, float strange) {
    const int32_t P = in->dims.people, D = out->dims.people, J = in->dims.joints;
    out->flags = in->flags & VG_FRAME_FIRST, out->frame_id = in->frame_id, out->time_ns = in->time_ns;
    memcpy(vg_frame_cameras(out), vg_frame_cameras(in), sizeof(vg_camera) * (size_t)in->dims.cameras);
    memset(vg_frame_keypoints(out), 0, sizeof(vg_keypoint) * (size_t)(in->dims.cameras * D * J));
    for (int32_t c = 0; c < in->dims.cameras; c++) {
        int32_t order[VG_MAX_PEOPLE];
        for (int32_t d = 0; d < D; d++) order[d] = d;
        for (int32_t d = D - 1; d > 0; d--) {
            const int32_t o = (int32_t)vg_rng_below(rng, (uint32_t)d + 1), held = order[d];
            order[d] = order[o], order[o] = held;
        }
        for (int32_t d = 0; d < D; d++) {
            const int32_t who = d < P ? d : (int32_t)vg_rng_below(rng, (uint32_t)P);
            const bool made_up = d >= P && vg_rng_uniform(rng) < strange;
            const float du = made_up ? vg_rng_range(rng, -60, 60) : 0, dv = made_up ? vg_rng_range(rng, -30, 30) : 0;
            for (int32_t j = 0; j < J && (d < P || made_up); j++) {
                vg_keypoint k = vg_frame_keypoints(in)[(c * P + who) * J + j];
                if (made_up && vg_rng_uniform(rng) < 0.4f) k.confidence = 0;
                vg_frame_keypoints(out)[(c * D + order[d]) * J + j] = (vg_keypoint){k.u + du, k.v + dv, k.confidence};
            }
        }
    }
}

#define SCORE_NEAR 0.4 /* m; mean distance of the joints below which a skeleton is that person's */

typedef struct crowd_score {
    long people, found, strange, switches; /* people there; found; skeletons of nobody; changes of name */
    long bones, bones_right;               /* PCP: both ends together no farther off than the bone is long */
    double error;                          /* m, sum over `joints` */
    long joints;
    int64_t name[VG_MAX_PEOPLE]; /* of each person, last */
    int32_t slot[VG_MAX_PEOPLE];
} crowd_score;

/* Before each episode. */
static inline void crowd_score_begin(crowd_score *s) {
    for (int32_t p = 0; p < VG_MAX_PEOPLE; p++) s->name[p] = 0, s->slot[p] = -1;
}

static inline double score_distance(const vg_joint *j, const float *truth) {
    double square = 0;
    for (int k = 0; k < 3; k++) square += pow((double)j->position[k] - (double)truth[k], 2);
    return sqrt(square); /* NaN where lost */
}

static inline double score_body(const vg_skeletons *s, int32_t slot, const float *truth) {
    double sum = 0;
    int32_t count = 0;
    for (int32_t j = 0; j < s->joints; j++) {
        const vg_joint *k = vg_skeletons_joints(s) + slot * s->joints + j;
        if (k->state != VG_JOINT_LOST) sum += score_distance(k, truth + 3 * j), count++;
    }
    return count >= 3 ? sum / count : (double)INFINITY;
}

/* Whose skeleton is in which slot: as before where that still fits, else the nearest (Bernardin and Stiefelhagen, CLEAR MOT,
 * 2008). */
static inline void score_pair_up(crowd_score *s, const vg_frame *truth, const vg_skeletons *out) {
    const int32_t P = truth->dims.people, S = out->people, J = out->joints;
    double distance[VG_MAX_PEOPLE][VG_MAX_PEOPLE];
    bool used[VG_MAX_PEOPLE] = {0}, done[VG_MAX_PEOPLE] = {0};
    for (int32_t p = 0; p < P; p++) {
        const float *X = vg_frame_truth(truth) + p * J * 3;
        for (int32_t q = 0; q < S; q++)
            distance[p][q] = vg_skeletons_present(out)[q] ? score_body(out, q, X) : (double)INFINITY;
        const int32_t q = s->slot[p];
        done[p] = !vg_frame_present(truth)[p] || (q >= 0 && distance[p][q] < SCORE_NEAR && !used[q]);
        if (done[p] && q >= 0) used[q] = true;
        if (!done[p]) s->slot[p] = -1;
    }
    for (;;) {
        double least = SCORE_NEAR;
        int32_t best = -1;
        for (int32_t p = 0; p < P; p++)
            for (int32_t q = 0; q < S; q++)
                if (!done[p] && !used[q] && distance[p][q] < least) least = distance[p][q], best = p, s->slot[p] = q;
        if (best < 0) break;
        done[best] = used[s->slot[best]] = true;
    }
    for (int32_t q = 0; q < S; q++) s->strange += vg_skeletons_present(out)[q] && !used[q];
    for (int32_t p = 0; p < P; p++)
        if (!done[p]) s->slot[p] = -1;
}

/* One frame of 14 joints; `names` [slots]. */
static inline void crowd_score_frame(crowd_score *s, const vg_frame *truth, const vg_skeletons *out,
                                     const int64_t *names) {
    static const int32_t bones[][2] = {{0, 2},  {2, 4}, {1, 3},  {3, 5}, {6, 8},
                                       {8, 10}, {7, 9}, {9, 11}, {0, 6}, {1, 7}};
    score_pair_up(s, truth, out);
    for (int32_t p = 0; p < truth->dims.people; p++) {
        if (!vg_frame_present(truth)[p]) continue;
        const float *X = vg_frame_truth(truth) + p * out->joints * 3;
        const int32_t q = s->slot[p];
        s->people++, s->bones += 10;
        if (q < 0) continue;
        const vg_joint *joint = vg_skeletons_joints(out) + q * out->joints;
        for (int b = 0; b < 10; b++) {
            const float *x = X + 3 * bones[b][0], *y = X + 3 * bones[b][1];
            const double length =
                sqrt(pow((double)(x[0] - y[0]), 2) + pow((double)(x[1] - y[1]), 2) + pow((double)(x[2] - y[2]), 2));
            s->bones_right += score_distance(joint + bones[b][0], x) + score_distance(joint + bones[b][1], y) <= length;
        }
        for (int32_t j = 0; j < out->joints; j++)
            if (joint[j].state != VG_JOINT_LOST) s->error += score_distance(joint + j, X + 3 * j), s->joints++;
        s->found++;
        s->switches += s->name[p] && s->name[p] != names[q];
        s->name[p] = names[q];
    }
}

#endif
