/* A made-up frame for the tests of agents/ and the guard: cameras on a circle, people on a line, keypoints by exact projection plus noise. */
#ifndef VG_TESTS_SCENE_H
#define VG_TESTS_SCENE_H

#include "calibration/calibration.h"
#include "common/frame.h"
#include "common/transform.h"
#include "perception/perception.h"
#include "sim_bridge/world.h"
#include "tests/support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static inline vg_frame *scene_frame(vg_dims dims, uint32_t stream, double noise_px) {
    vg_rng rng = vg_test_rng(stream);
    vg_frame *f = aligned_alloc(64, vg_frame_bytes(dims));
    memset(f, 0, vg_frame_bytes(dims));
    vg_frame_init(f, dims, 0);
    f->target = 0;
    f->flags = VG_FRAME_TRUTH | VG_FRAME_IDENTIFIED | VG_FRAME_FIRST;
    for (int32_t p = 0; p < dims.people; p++) {
        vg_frame_present(f)[p] = 1;
        for (int32_t j = 0; j < dims.joints; j++) {
            float *x = vg_frame_truth(f) + (p * dims.joints + j) * 3;
            x[0] = (float)p * 1.5f + 0.2f * vg_rng_normal(&rng), x[1] = 0.2f * vg_rng_normal(&rng);
            x[2] = 0.2f + 1.4f * (float)j / (float)dims.joints;
        }
    }
    for (int32_t c = 0; c < dims.cameras; c++) {
        vg_camera *k = &vg_frame_cameras(f)[c];
        const double a = 2 * VG_PI * c / dims.cameras + 0.3, at[3] = {4 * cos(a), 4 * sin(a), 2.2 + 0.1 * c},
                     to[3] = {0, 0, 0.9};
        double yaw, pitch, Rc[3];
        *k = (vg_camera){.width = 320, .height = 240, .fx = 160, .fy = 160, .cx = 159.5, .cy = 119.5};
        vg_yaw_pitch_towards(&yaw, &pitch, at, to);
        vg_rotation_from_yaw_pitch(k->R, yaw, pitch);
        vg_mat3_mul_vec(Rc, k->R, at);
        for (int i = 0; i < 3; i++) k->t[i] = -Rc[i];
        for (int32_t i = 0; i < dims.people * dims.joints; i++) {
            const float *x = vg_frame_truth(f) + 3 * i;
            const double X[3] = {(double)x[0], (double)x[1], (double)x[2]};
            double uv[2];
            if (!vg_project(uv, NULL, NULL, k, X)) continue;
            vg_frame_keypoints(f)[c * dims.people * dims.joints + i] =
                (vg_keypoint){(float)(uv[0] + noise_px * (double)vg_rng_normal(&rng)),
                              (float)(uv[1] + noise_px * (double)vg_rng_normal(&rng)), 0.9f};
        }
    }
    return f;
}

/* Its skeletons, each frame by itself. */
static inline vg_skeletons *scene_skeletons(const vg_frame *f) {
    vg_error err = {0};
    vg_perception_config config = vg_perception_config_default();
    config.filter = false;
    vg_perception *p;
    assert_ok(vg_perception_create(&p, &config, f->dims, 1, &err));
    vg_skeletons *s = calloc(1, vg_skeletons_bytes(f->dims.people, f->dims.joints));
    vg_skeletons_init(s, f->dims.people, f->dims.joints, 0);
    assert_ok(vg_perceive(p, 0, f, s, NULL, &err));
    vg_perception_destroy(p);
    return s;
}

static inline vg_world_info scene_world(vg_dims dims) {
    return (vg_world_info){.dims = dims,
                           .envs = 1,
                           .step_seconds = 0.1,
                           .camera_low = {-6.5f, -6.5f, 0.9f},
                           .camera_high = {6.5f, 6.5f, 3},
                           .area_low = {-5, -5},
                           .area_high = {5, 5},
                           .max_speed = 2,
                           .max_acceleration = 4,
                           .max_turn_rate = 2};
}

#endif
