/* BlazePose lite following one person in each of 4 cameras: pictures a second on two cores, from pixels to landmarks,
 * without decoding. Its cost does not depend on what is in the picture. Needs the models (`make detector`). */
#include "agents/pool.h"
#include "bench/bench.h"
#include "common/clock.h"
#include "common/random.h"
#include "perception/blazepose.h"

#include <stdlib.h>

enum { CAMERAS = 4, WIDTH = 1920, HEIGHT = 1080, PICTURES = 40 };

typedef struct camera {
    vg_blazepose *model;
    uint8_t *pixels;
    vg_status status;
    vg_error err;
} camera;

static void follow(void *context, int32_t index) {
    camera *c = (camera *)context + index;
    const vg_image image = {c->pixels, WIDTH, HEIGHT, (size_t)WIDTH * 3};
    const vg_roi roi = {WIDTH / 2.0, HEIGHT / 2.0, 900, 0.1};
    for (int i = 0; i < PICTURES && c->status == VG_OK; i++) {
        vg_keypoint joints[VG_BLAZEPOSE_JOINTS];
        double score;
        vg_roi next;
        c->status = vg_blazepose_landmarks(c->model, joints, &score, &next, &image, &roi, &c->err);
    }
}

static vg_status open_camera(camera *c, uint32_t index, vg_error *err) {
    char folder[512];
    VG_TRY(vg_detector_folder(folder, &(vg_detector_options){.model = VG_DETECTOR_LITE}, err));
    VG_TRY(vg_blazepose_open(&c->model, folder, VG_DETECTOR_LITE, 1, err));
    c->pixels = malloc((size_t)WIDTH * HEIGHT * 3);
    if (!c->pixels) return vg_fail(err, VG_NO_MEMORY, "out of memory for a picture");
    vg_rng rng = vg_rng_at(1, index, 0, VG_DRAW_TEST);
    for (size_t i = 0; i < (size_t)WIDTH * HEIGHT * 3; i++) c->pixels[i] = (uint8_t)vg_rng_u32(&rng);
    return VG_OK;
}

vg_status vg_bench_detect_lite(vg_bench_result *out, vg_error *err) {
    camera cameras[CAMERAS] = {0};
    vg_pool *pool = NULL;
    vg_status status = VG_OK;
    for (uint32_t i = 0; i < CAMERAS && status == VG_OK; i++) status = open_camera(&cameras[i], i, err);
    if (status == VG_OK) status = vg_pool_create(&pool, 2, err);
    double best = 0;
    for (int run = 0; run < 3 && status == VG_OK; run++) {
        const int64_t began = vg_clock_now_ns();
        vg_pool_run(pool, follow, cameras, CAMERAS);
        const double rate = CAMERAS * PICTURES / ((double)(vg_clock_now_ns() - began) * 1e-9);
        if (rate > best) best = rate;
        for (int i = 0; i < CAMERAS; i++)
            if (cameras[i].status != VG_OK) status = cameras[i].status, *err = cameras[i].err;
    }
    vg_pool_destroy(pool);
    for (int i = 0; i < CAMERAS; i++) vg_blazepose_close(cameras[i].model), free(cameras[i].pixels);
    *out = (vg_bench_result){
        .value = best, .unit = "pictures/s", .reference = 60, .reference_name = "4 cameras at 15 pictures a second"};
    return status;
}
