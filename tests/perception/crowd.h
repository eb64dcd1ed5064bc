/* People as stick figures that walk about among each other, and what a ring of cameras detects of them: noise, keypoints and
 * people missed, in an order of each camera's own. */
#ifndef VG_TESTS_CROWD_H
#define VG_TESTS_CROWD_H

#include "tests/calibration/geometry.h"

#include <math.h>
#include <string.h>

#define CROWD_JOINTS 14
#define CROWD_PEOPLE 12
#define CROWD_ROOM   64

typedef struct crowd {
    int32_t cameras, persons;
    vg_rng rng;
    double noise, miss, lost; /* px; share of keypoints, of people missed */
    double torn;              /* share of neighbours in a picture who exchange their legs */
    double mixed;             /* share of detections whose left and right are exchanged */
    double twice, halved; /* share of people detected twice in a picture, and as two halves; needs room in the frame */
    double room, radius;  /* m: between people; of where they walk */
    bool opaque;          /* who stands behind another in a picture is missed */
    double at[CROWD_PEOPLE][2], heading[CROWD_PEOPLE];     /* m, radians */
    double phase[CROWD_PEOPLE], size[CROWD_PEOPLE];        /* of the step, radians; of the body, 1 = 1.75 m */
    double X[CROWD_PEOPLE][CROWD_JOINTS][3];               /* m */
    double time;                                           /* s */
    bool hidden[VG_MAX_CAMERAS][CROWD_PEOPLE];             /* set by the test */
    int32_t whose[VG_MAX_CAMERAS][CROWD_ROOM];             /* person of each detection, -1 = nobody */
    bool seen[VG_MAX_CAMERAS][CROWD_PEOPLE][CROWD_JOINTS]; /* keypoints detected */
    vg_camera camera[VG_MAX_CAMERAS];
} crowd;

static inline void crowd_begin(crowd *k, int32_t cameras, int32_t persons, vg_rng rng) {
    *k = (crowd){.cameras = cameras,
                 .persons = persons,
                 .rng = rng,
                 .noise = 2,
                 .miss = 0.1,
                 .lost = 0.05,
                 .room = 0.45,
                 .radius = 1.5};
    for (int c = 0; c < cameras; c++) {
        const double angle = 2 * VG_PI * c / cameras + 0.1;
        k->camera[c] = camera_of(c == 1 ? MILD : IDEAL);
        place_camera(k->camera + c, (double[3]){5 * cos(angle), 5 * sin(angle), 2 + 0.3 * (c % 3)},
                     (double[3]){0, 0, 1});
    }
    for (int w = 0; w < persons; w++) {
        const double angle = 2 * VG_PI * w / persons;
        k->at[w][0] = cos(angle), k->at[w][1] = sin(angle), k->heading[w] = angle + 2.5;
        k->phase[w] = angle, k->size[w] = 0.9 + 0.2 * (double)vg_rng_uniform(&k->rng);
    }
}

/* Everyone walks at 1 m/s, turns back at the edge, and makes way for those nearer than `room`. */
static inline void crowd_step(crowd *k, double dt) {
    k->time += dt;
    for (int w = 0; w < k->persons; w++) {
        double *at = k->at[w], push[2] = {cos(k->heading[w]), sin(k->heading[w])};
        k->heading[w] += 0.8 * dt * (double)vg_rng_normal(&k->rng);
        if (at[0] * push[0] + at[1] * push[1] > 0 && hypot(at[0], at[1]) > k->radius) k->heading[w] += 2.5 * dt;
        for (int o = 0; o < k->persons; o++) {
            const double dx = at[0] - k->at[o][0], dy = at[1] - k->at[o][1], d = hypot(dx, dy);
            if (o == w || d >= k->room || d == 0) continue;
            push[0] += 3 * (k->room - d) / d * dx, push[1] += 3 * (k->room - d) / d * dy;
        }
        for (int i = 0; i < 2; i++) at[i] += dt * push[i];
        k->phase[w] += 6 * dt;
        const double s = k->size[w], f[2] = {cos(k->heading[w]), sin(k->heading[w])}, swing = sin(k->phase[w]);
        /* left and right of shoulder, elbow, wrist, hip, knee, ankle, eye: aside, forward (with the left leg), height */
        static const double shape[7][3] = {{0.19, 0, 1.42},   {0.24, -0.12, 1.14}, {0.22, -0.2, 0.92}, {0.11, 0, 0.93},
                                           {0.11, 0.2, 0.51}, {0.1, 0.3, 0.09},    {0.03, 0, 1.64}};
        for (int j = 0; j < CROWD_JOINTS; j++) {
            const double side = j % 2 ? -1 : 1, *b = shape[j / 2], ahead = b[1] * swing * side + (j >= 12 ? 0.1 : 0);
            k->X[w][j][0] = at[0] + s * (ahead * f[0] - side * b[0] * f[1]);
            k->X[w][j][1] = at[1] + s * (ahead * f[1] + side * b[0] * f[0]);
            k->X[w][j][2] = s * b[2];
        }
    }
}

/* Another person's middle is in front of this one's, and less than 0.25 m aside. */
static inline bool crowd_covered(const crowd *k, int c, int w) {
    const double *R = k->camera[c].R, *t = k->camera[c].t;
    double p[CROWD_PEOPLE][3];
    for (int o = 0; o < k->persons; o++) {
        vg_mat3_mul_vec(p[o], R, (double[3]){k->at[o][0], k->at[o][1], 1});
        for (int i = 0; i < 3; i++) p[o][i] += t[i];
    }
    for (int o = 0; o < k->persons; o++)
        if (o != w && p[o][2] < p[w][2] && fabs(p[o][0] / p[o][2] - p[w][0] / p[w][2]) * p[w][2] < 0.25) return true;
    return false;
}

/* Knees and ankles of two neighbouring detections change owners. */
static inline void crowd_tear(crowd *k, vg_keypoint *keypoints, const int32_t *place, int c) {
    for (int a = 0; a < k->persons; a++)
        for (int b = a + 1; b < k->persons; b++) {
            const bool torn = (double)vg_rng_uniform(&k->rng) < k->torn;
            if (!torn || hypot(k->at[a][0] - k->at[b][0], k->at[a][1] - k->at[b][1]) > 0.8) continue;
            if (k->whose[c][place[a]] < 0 || k->whose[c][place[b]] < 0) continue;
            for (int j = 8; j < 12; j++) {
                vg_keypoint *x = keypoints + place[a] * CROWD_JOINTS + j, *y = keypoints + place[b] * CROWD_JOINTS + j;
                const vg_keypoint held = *x;
                *x = *y, *y = held;
            }
        }
}

/* Some are detected once more, a little aside; of others the legs are a detection of their own. */
static inline void crowd_repeat(crowd *k, vg_keypoint *keypoints, const int32_t *place, int c, int32_t room) {
    int32_t next = k->persons;
    for (int w = 0; w < k->persons; w++) {
        const bool twice = (double)vg_rng_uniform(&k->rng) < k->twice,
                   halved = (double)vg_rng_uniform(&k->rng) < k->halved;
        if (k->whose[c][place[w]] < 0 || !(twice || halved) || next == room) continue;
        vg_keypoint *from = keypoints + place[w] * CROWD_JOINTS, *to = keypoints + place[next] * CROWD_JOINTS;
        for (int j = 0; j < CROWD_JOINTS; j++) {
            to[j] = from[j];
            if (twice) to[j].u += 2 * vg_rng_normal(&k->rng), to[j].v += 2 * vg_rng_normal(&k->rng);
            if (!twice) (j >= 6 && j < 12 ? from : to)[j].confidence = 0;
        }
        k->whose[c][place[next++]] = w;
    }
}

/* What the cameras detect now; detections beyond the people are empty. */
static inline void crowd_look(crowd *k, vg_frame *f) {
    const int32_t D = f->dims.people;
    f->frame_id++, f->time_ns = (int64_t)(k->time * 1e9);
    f->flags = f->frame_id == 1 ? VG_FRAME_FIRST : 0;
    memset(vg_frame_keypoints(f), 0, sizeof(vg_keypoint) * (size_t)(k->cameras * D * CROWD_JOINTS));
    memset(k->seen, 0, sizeof k->seen);
    for (int c = 0; c < k->cameras; c++) {
        int32_t order[CROWD_ROOM];
        vg_frame_cameras(f)[c] = k->camera[c];
        for (int d = 0; d < D; d++) order[d] = d, k->whose[c][d] = -1;
        for (int d = D - 1; d > 0; d--) {
            const int o = (int)vg_rng_below(&k->rng, (uint32_t)d + 1), held = order[d];
            order[d] = order[o], order[o] = held;
        }
        for (int w = 0; w < k->persons; w++) {
            const bool unseen = (double)vg_rng_uniform(&k->rng) < k->lost;
            vg_keypoint *to = vg_frame_keypoints(f) + (c * D + order[w]) * CROWD_JOINTS;
            if (unseen || k->hidden[c][w] || (k->opaque && crowd_covered(k, c, w))) continue;
            k->whose[c][order[w]] = w;
            for (int j = 0; j < CROWD_JOINTS; j++) {
                double uv[2];
                const float nu = vg_rng_normal(&k->rng), nv = vg_rng_normal(&k->rng);
                const bool missed = (double)vg_rng_uniform(&k->rng) < k->miss;
                if (missed || !vg_project(uv, NULL, NULL, k->camera + c, k->X[w][j])) continue;
                k->seen[c][w][j] = true;
                to[j] = (vg_keypoint){(float)(uv[0] + k->noise * (double)nu), (float)(uv[1] + k->noise * (double)nv),
                                      vg_rng_range(&k->rng, 0.4f, 1)};
            }
        }
        for (int w = 0; w < k->persons; w++) {
            vg_keypoint *to = vg_frame_keypoints(f) + (c * D + order[w]) * CROWD_JOINTS;
            if (!((double)vg_rng_uniform(&k->rng) < k->mixed)) continue;
            for (int j = 0; j < CROWD_JOINTS; j += 2) {
                const vg_keypoint held = to[j];
                to[j] = to[j + 1], to[j + 1] = held;
            }
        }
        crowd_tear(k, vg_frame_keypoints(f) + c * D * CROWD_JOINTS, order, c);
        if (k->twice > 0 || k->halved > 0) crowd_repeat(k, vg_frame_keypoints(f) + c * D * CROWD_JOINTS, order, c, D);
    }
}

#endif
