/* The simulator's people filmed by cameras with clocks of their own: fractions of a picture, other rates, drift, stamps that
 * jitter, pictures that are missing. Cameras are the simulator's fixed ones with sixteen times the pixels. */
#ifndef VG_TESTS_FILM_H
#define VG_TESTS_FILM_H

#include "calibration/calibration.h"
#include "perception/keypoints.h"
#include "sim_bridge/world.h"
#include "tests/support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FILM_RATE = 120, FILM_JOINTS = VG_JOINTS14 };

/* Where people truly are, 120 times a second. */
typedef struct film_people {
    int32_t people, frames, cameras;
    float *place; /* [frames, people, joints, 3] */
    vg_camera camera[VG_MAX_CAMERAS];
} film_people;

typedef struct film_camera {
    double fps, offset, rate; /* own time = offset + rate t */
    double jitter;            /* s; of when pictures are taken, which their stamps tell */
    bool stamped;
    double missing; /* share of pictures that were never taken */
} film_camera;

static inline void film_walk(film_people *out, int32_t people, int32_t cameras, double seconds, uint64_t seed) {
    vg_error err = {0};
    vg_world *world;
    vg_world_config config = vg_world_config_default();
    config.cameras = cameras, config.people = people, config.step_seconds = 1.0 / FILM_RATE;
    assert_ok(vg_world_open(&world, &config, &err));
    const size_t bytes = vg_frame_bytes(world->info.dims), frame = (size_t)people * FILM_JOINTS * 3;
    vg_frame *f = calloc(1, bytes);
    vg_frame_init(f, world->info.dims, 0);
    const vg_reset reset = {seed, people, VG_FORMATION_FIXED};
    const vg_command stand = {.cameras = cameras};
    assert_ok(vg_world_reset(world, 0, 1, &reset, f, &err));
    *out = (film_people){.people = people, .frames = (int32_t)(seconds * FILM_RATE), .cameras = cameras};
    out->place = malloc(sizeof *out->place * frame * (size_t)out->frames);
    for (int32_t i = 0; i < out->frames; i++) {
        memcpy(out->place + (size_t)i * frame, vg_frame_truth(f), sizeof *out->place * frame);
        assert_ok(vg_world_step(world, 0, 1, &stand, f, &err));
    }
    for (int32_t c = 0; c < cameras; c++) {
        vg_camera *k = &out->camera[c];
        *k = vg_frame_cameras(f)[c];
        k->width *= 4, k->height *= 4, k->fx *= 4, k->fy *= 4, k->cx = 4 * k->cx + 1.5, k->cy = 4 * k->cy + 1.5;
    }
    vg_world_close(world);
    free(f);
}

/* A joint at time t, by the cubic through its places around. */
static inline void film_at(double X[3], const film_people *p, int32_t person, int32_t joint, double t) {
    const double at = fmax(1, fmin(p->frames - 3, t * FILM_RATE));
    const int32_t i = (int32_t)at;
    const double u = at - i;
    const size_t frame = (size_t)p->people * FILM_JOINTS * 3;
    const float *x = p->place + (size_t)(i - 1) * frame + 3 * (size_t)(person * FILM_JOINTS + joint);
    for (int a = 0; a < 3; a++) {
        const double p0 = (double)x[a], p1 = (double)x[frame + (size_t)a], p2 = (double)x[2 * frame + (size_t)a],
                     p3 = (double)x[3 * frame + (size_t)a];
        X[a] = p1 + 0.5 * u * (p2 - p0 + u * (2 * p0 - 5 * p1 + 4 * p2 - p3 + u * (3 * (p1 - p2) + p3 - p0)));
    }
}

/* What one camera sees at a time, people in random order: at most `people` detections to `out`; returns how many. Errors are
 * `noise_px` with every thirtieth joint six times as far off, and every twentieth joint unseen. */
static inline int32_t film_see(vg_keypoint *out, const film_people *p, const vg_camera *camera, double t,
                               double noise_px, vg_rng *rng) {
    int32_t order[VG_MAX_PEOPLE], count = 0;
    for (int32_t i = 0; i < p->people; i++) {
        const int32_t at = (int32_t)vg_rng_below(rng, (uint32_t)i + 1);
        order[i] = order[at], order[at] = i;
    }
    for (int32_t i = 0; i < p->people; i++) {
        vg_keypoint *q = out + (size_t)count * FILM_JOINTS;
        int32_t seen = 0;
        for (int32_t j = 0; j < FILM_JOINTS; j++) {
            double X[3], uv[2];
            const double s = noise_px * (vg_rng_below(rng, 30) == 0 ? 6 : 1), du = s * (double)vg_rng_normal(rng),
                         dv = s * (double)vg_rng_normal(rng);
            const bool missed = vg_rng_below(rng, 20) == 0;
            film_at(X, p, order[i], j, t);
            q[j] = (vg_keypoint){0};
            if (missed || !vg_project(uv, NULL, NULL, camera, X)) continue;
            if (uv[0] < 0 || uv[1] < 0 || uv[0] >= camera->width || uv[1] >= camera->height) continue;
            q[j] = (vg_keypoint){(float)(uv[0] + du), (float)(uv[1] + dv), 0.9f};
            seen++;
        }
        count += seen > 0;
    }
    return count;
}

/* All cameras' recordings of the time from `begin` to `end`. `offset` [cameras]: what a reader of the recording finds, for a
 * camera without stamps counts its time from its first picture. */
static inline void film_record(double *offset, vg_keypoints *k, const film_people *p, const film_camera *cameras,
                               double begin, double end, double noise_px, uint32_t stream) {
    vg_rng rng = vg_test_rng(stream);
    *k = (vg_keypoints){.cameras = p->cameras};
    vg_joint_set_init(&k->set, VG_JOINTS_14);
    double first[VG_MAX_CAMERAS];
    bool stamped = false;
    for (int32_t c = 0; c < p->cameras; c++) {
        const film_camera *m = &cameras[c];
        first[c] = ceil((m->offset + m->rate * begin) * m->fps);
        k->end[c] = (int32_t)(floor((m->offset + m->rate * end) * m->fps) - first[c]);
        offset[c] = m->offset - (m->stamped ? 0 : first[c] / m->fps);
        if (k->end[c] > k->frames) k->frames = k->end[c];
        stamped = stamped || m->stamped;
    }
    const size_t cells = (size_t)k->frames * (size_t)k->cameras, person = FILM_JOINTS;
    k->names = calloc((size_t)k->cameras, sizeof *k->names);
    k->first = calloc(cells + 1, sizeof *k->first);
    k->points = calloc(cells * (size_t)p->people * person, sizeof *k->points);
    if (stamped) k->times = malloc(sizeof *k->times * cells);
    for (int32_t c = 0; c < k->cameras; c++) snprintf(k->names[c], sizeof k->names[c], "cam%d", c + 1);
    for (size_t i = 0; i < cells; i++) {
        const int32_t f = (int32_t)(i / (size_t)k->cameras), c = (int32_t)(i % (size_t)k->cameras);
        const film_camera *m = &cameras[c];
        const bool taken =
            f < k->end[c] && (f == 0 || f == k->end[c] - 1 || (double)vg_rng_range(&rng, 0, 1) >= m->missing);
        const double own = (first[c] + f) / m->fps + m->jitter * (double)vg_rng_range(&rng, -1, 1);
        k->first[i + 1] = k->first[i];
        if (stamped) k->times[i] = taken && m->stamped ? own : (double)NAN;
        if (taken)
            k->first[i + 1] += film_see(k->points + (size_t)k->first[i] * person, p, &p->camera[c],
                                        (own - m->offset) / m->rate, noise_px, &rng);
    }
}

#endif
