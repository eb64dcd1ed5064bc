/* CTCR of one frame: 5 cameras, 14 joints, all 26 subsets. */
#include "agents/reward.h"
#include "bench/bench.h"
#include "common/clock.h"
#include "sim_bridge/world.h"

#include <stdlib.h>
#include <string.h>

/* One frame of the embedded simulator; release with free. */
static vg_status make_frame(vg_frame **out, vg_error *err) {
    vg_world_config config = vg_world_config_default();
    config.cameras = 5, config.people = 7;
    vg_world *world;
    VG_TRY(vg_world_open(&world, &config, err));
    vg_frame *frame = *out = calloc(1, vg_frame_bytes(world->info.dims));
    vg_status status = frame ? VG_OK : vg_fail(err, VG_NO_MEMORY, "ctcr: out of memory");
    if (status == VG_OK) {
        vg_frame_init(frame, world->info.dims, 0);
        const vg_reset reset = {.seed = 1, .people = 7};
        status = vg_world_reset(world, 0, 1, &reset, frame, err);
    }
    vg_world_close(world);
    return status;
}

vg_status vg_bench_ctcr(vg_bench_result *out, vg_error *err) {
    vg_frame *frame;
    VG_TRY(make_frame(&frame, err));
    enum { ROUNDS = 20000, ROUNDS_REF = 20 };
    float agents[VG_MAX_CAMERAS], sum = 0;
    for (int i = 0; i < 1000; i++) sum += vg_ctcr(agents, frame);
    int64_t start = vg_clock_thread_cpu_ns();
    for (int i = 0; i < ROUNDS; i++) sum += vg_ctcr(agents, frame);
    const double fast = (double)(vg_clock_thread_cpu_ns() - start) * 1e-9 / ROUNDS;
    start = vg_clock_thread_cpu_ns();
    for (int i = 0; i < ROUNDS_REF; i++) sum += vg_ctcr_ref(agents, frame);
    const double slow = (double)(vg_clock_thread_cpu_ns() - start) * 1e-9 / ROUNDS_REF;
    free(frame);
    *out = (vg_bench_result){fast, "s", sum > -1e9f ? slow : 0, "every subset by SVD", true};
    return VG_OK;
}
