/* A whole environment step on one core: simulator, perception, CTCR; 5 cameras, 7 people. */
#include "agents/reward.h"
#include "bench/bench.h"
#include "common/clock.h"
#include "perception/perception.h"
#include "sim_bridge/world.h"

#include <stdlib.h>

enum { STEPS = 40000, CAMERAS = 5, PEOPLE = 7, EPISODE = 500 };

static vg_status run(vg_world *world, vg_perception *perception, vg_frame *frame, vg_skeletons *skeletons,
                     double *seconds, vg_error *err) {
    float team, agents[VG_MAX_CAMERAS];
    vg_command command = {.cameras = CAMERAS};
    const int64_t start = vg_clock_thread_cpu_ns();
    for (int i = 0; i < STEPS; i++) {
        const vg_reset reset = {.seed = (uint64_t)i, .people = PEOPLE};
        command.camera[i % CAMERAS].linear[i % 3] = (float)(i % 7 - 3) * 0.3f;
        if (i % EPISODE == 0)
            VG_TRY(vg_world_reset(world, 0, 1, &reset, frame, err));
        else
            VG_TRY(vg_world_step(world, 0, 1, &command, frame, err));
        VG_TRY(vg_perceive(perception, 0, frame, skeletons, NULL, err));
        vg_reward(&team, agents, frame, skeletons, true);
    }
    *seconds = (double)(vg_clock_thread_cpu_ns() - start) * 1e-9;
    return VG_OK;
}

vg_status vg_bench_sim_tick(vg_bench_result *out, vg_error *err) {
    vg_world_config config = vg_world_config_default();
    config.cameras = CAMERAS, config.people = PEOPLE;
    vg_world *world;
    VG_TRY(vg_world_open(&world, &config, err));
    const vg_perception_config p = vg_perception_config_default();
    vg_perception *perception = NULL;
    vg_frame *frame = calloc(1, vg_frame_bytes(world->info.dims));
    vg_skeletons *skeletons = calloc(1, vg_skeletons_bytes(PEOPLE, world->info.dims.joints));
    vg_status status = frame && skeletons ? VG_OK : vg_fail(err, VG_NO_MEMORY, "sim_tick: out of memory");
    if (status == VG_OK) status = vg_perception_create(&perception, &p, world->info.dims, 1, err);
    double seconds = 0;
    if (status == VG_OK) {
        vg_frame_init(frame, world->info.dims, 0);
        vg_skeletons_init(skeletons, PEOPLE, world->info.dims.joints, 0);
        status = run(world, perception, frame, skeletons, &seconds, err);
    }
    *out = (vg_bench_result){STEPS / seconds, "steps/s", 20000, "the bar set for one core", false};
    vg_perception_destroy(perception);
    vg_world_close(world);
    free(frame), free(skeletons);
    return status;
}
