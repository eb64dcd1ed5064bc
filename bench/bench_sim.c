/* Environment steps a second on one core: the embedded simulator alone. 5 cameras, 7 people, the default preset; the
 * cameras wander and point at the crowd. */
#include "bench/bench.h"
#include "common/clock.h"
#include "sim_bridge/embedded/embedded.h"

#include <math.h>
#include <stdlib.h>

#define SECONDS 0.6
#define EPISODE 200 /* steps between resets */

vg_status vg_bench_sim_step(vg_bench_result *out, vg_error *err) {
    vg_world_config config = vg_world_config_default();
    config.cameras = 5, config.people = 7;
    vg_world *world;
    VG_TRY(vg_embedded_open(&world, &config, err));
    vg_frame *frame = aligned_alloc(64, vg_frame_bytes(world->info.dims));
    vg_status status = frame ? VG_OK : vg_fail(err, VG_NO_MEMORY, "no memory for a frame");
    if (status == VG_OK) {
        vg_command command = {.cameras = config.cameras};
        const int64_t start = vg_clock_thread_cpu_ns();
        int64_t now = start, steps = 0;
        vg_frame_init(frame, world->info.dims, 0);
        for (uint64_t seed = 1; status == VG_OK && (double)(now - start) < SECONDS * 1e9; seed++) {
            const vg_reset reset = {seed, config.people, VG_FORMATION_START};
            status = vg_world_reset(world, 0, 1, &reset, frame, err);
            for (int i = 0; status == VG_OK && i < EPISODE; i++, steps++) {
                for (int c = 0; c < config.cameras; c++)
                    command.camera[c] = (vg_camera_command){.linear = {sinf((float)(i + c) * 0.1f), 0.5f, -0.1f}};
                status = vg_world_step(world, 0, 1, &command, frame, err);
            }
            now = vg_clock_thread_cpu_ns();
        }
        *out = (vg_bench_result){.value = (double)steps / ((double)(now - start) * 1e-9),
                                 .unit = "steps/s",
                                 .reference = 40000,
                                 .reference_name = "the simulator's share of 20,000 whole ticks a second"};
    }
    free(frame);
    vg_world_close(world);
    return status;
}
