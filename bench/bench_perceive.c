/* The perceive stage of one frame: 5 cameras, 7 people, 14 joints, on one core. */
#include "bench/bench.h"
#include "calibration/calibration.h"
#include "common/clock.h"
#include "common/random.h"
#include "common/transform.h"
#include "perception/perception.h"

#include <math.h>
#include <stdlib.h>

#define FRAMES  64
#define SECONDS 0.5

/* A ring of cameras at 5 m and people who walk through it, with 1 px of noise; a fifth of the keypoints is not seen. */
static void fill(vg_frame *f, int32_t step, vg_rng *rng) {
    const vg_dims d = f->dims;
    vg_camera *cameras = vg_frame_cameras(f);
    f->flags = VG_FRAME_IDENTIFIED | (step == 0 ? VG_FRAME_FIRST : 0);
    f->time_ns = (int64_t)step * 100000000;
    for (int32_t c = 0; c < d.cameras; c++) {
        const double angle = 2 * VG_PI * c / d.cameras, from[3] = {5 * cos(angle), 5 * sin(angle), 3};
        double yaw, pitch, t[3];
        cameras[c] = (vg_camera){.width = 640, .height = 480, .fx = 320, .fy = 320, .cx = 319.5, .cy = 239.5};
        vg_yaw_pitch_towards(&yaw, &pitch, from, (double[3]){0, 0, 0.8});
        vg_rotation_from_yaw_pitch(cameras[c].R, yaw, pitch);
        vg_mat3_mul_vec(t, cameras[c].R, from);
        for (int k = 0; k < 3; k++) cameras[c].t[k] = -t[k];
    }
    for (int32_t p = 0; p < d.people; p++) vg_frame_present(f)[p] = 1;
    vg_keypoint *keypoint = vg_frame_keypoints(f);
    for (int32_t c = 0; c < d.cameras; c++)
        for (int32_t p = 0; p < d.people; p++)
            for (int32_t j = 0; j < d.joints; j++, keypoint++) {
                const double X[3] = {0.5 * p - 1.5 + 0.03 * step, 0.1 * (j % 5) + 0.3 * (p % 3), 0.12 * j};
                double uv[2];
                if (!vg_project(uv, NULL, NULL, cameras + c, X) || vg_rng_below(rng, 5) == 0) continue;
                *keypoint = (vg_keypoint){(float)uv[0] + vg_rng_normal(rng), (float)uv[1] + vg_rng_normal(rng),
                                          vg_rng_range(rng, 0.35f, 1)};
            }
}

vg_status vg_bench_perceive(vg_bench_result *out, vg_error *err) {
    const vg_dims dims = {5, 7, 14};
    const vg_perception_config config = vg_perception_config_default();
    vg_perception *perception = NULL;
    VG_TRY(vg_perception_create(&perception, &config, dims, 1, err));
    vg_frame *frames = aligned_alloc(64, FRAMES * vg_frame_bytes(dims));
    vg_skeletons *skeletons = aligned_alloc(64, vg_skeletons_bytes(dims.people, dims.joints));
    vg_status status = frames && skeletons ? VG_OK : vg_fail(err, VG_NO_MEMORY, "cannot allocate the frames");
    if (status == VG_OK) {
        vg_rng rng = vg_rng_at(1, 0, 0, VG_DRAW_TEST);
        for (size_t i = 0; i < FRAMES; i++) {
            vg_frame *f = (vg_frame *)(void *)((char *)frames + i * vg_frame_bytes(dims));
            vg_frame_init(f, dims, 0);
            for (int32_t k = 0; k < dims.cameras * dims.people * dims.joints; k++)
                vg_frame_keypoints(f)[k] = (vg_keypoint){0};
            fill(f, (int32_t)i, &rng);
        }
        vg_skeletons_init(skeletons, dims.people, dims.joints, 0);
        const int64_t start = vg_clock_thread_cpu_ns();
        int64_t now = start, done = 0;
        for (; status == VG_OK && (double)(now - start) < SECONDS * 1e9; now = vg_clock_thread_cpu_ns())
            for (int32_t i = 0; status == VG_OK && i < FRAMES; i++, done++)
                status = vg_perceive(perception, 0, vg_frame_at(frames, i), skeletons, NULL, err);
        *out = (vg_bench_result){
            .value = (double)(now - start) * 1e-9 / (double)done, .unit = "s", .lower_is_better = true};
    }
    free(frames), free(skeletons);
    vg_perception_destroy(perception);
    return status;
}
