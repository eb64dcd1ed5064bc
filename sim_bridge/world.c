/* The registry of worlds and the checks that every world shares. */
#include "sim_bridge/world.h"

#include "sim_bridge/embedded/embedded.h"
#include "sim_bridge/live/live.h"
#include "sim_bridge/remote/remote.h"
#include "sim_bridge/replay/replay.h"
#include "sim_bridge/unrealcv/client.h"

#include <stdio.h>
#include <string.h>

/* One line a world. */
static const struct {
    const char *kind;
    vg_status (*open)(vg_world **out, const vg_world_config *config, vg_error *err);
} registry[] = {
    {"embedded", vg_embedded_open}, {"remote", vg_remote_open}, {"unrealcv", vg_unrealcv_open},
    {"live", vg_live_world_open},   {"replay", vg_replay_open},
};

vg_world_config vg_world_config_default(void) {
    return (vg_world_config){.kind = "embedded",
                             .scene = "blank",
                             .cameras = 4,
                             .people = 6,
                             .envs = 1,
                             .preset = VG_PRESET_DEFAULT,
                             .timeout_seconds = 5,
                             .reconnect_seconds = 30,
                             .shared_memory = true,
                             .game = {.width = 320, .height = 240, .fov = 90},
                             .joint_set = "vergence14",
                             .rate_hz = 60,
                             .patience_seconds = 0.05,
                             .silent_seconds = 0.5,
                             .refine_seconds = 0.1,
                             .speed = 1};
}

/* Worlds that do not say have the simulator's joints, or ones that nobody knows. */
static void name_joints(vg_world_info *info) {
    if (!info->joint_set[0] && info->dims.joints == VG_JOINTS14)
        snprintf(info->joint_set, sizeof info->joint_set, "vergence14");
}

const char *vg_world_kind_of_endpoint(const char *endpoint) {
    return strncmp(endpoint, "unrealcv://", 11) == 0 ? "unrealcv" : "remote";
}

vg_status vg_world_open(vg_world **out, const vg_world_config *config, vg_error *err) {
    *out = NULL;
    for (size_t i = 0; i < sizeof registry / sizeof registry[0]; i++) {
        if (strcmp(config->kind, registry[i].kind) != 0) continue;
        VG_TRY(registry[i].open(out, config, err));
        name_joints(&(*out)->info);
        return VG_OK;
    }
    return vg_fail(err, VG_INVALID, "world.kind `%s` is unknown; use embedded, remote, unrealcv, live or replay",
                   config->kind);
}

void vg_world_close(vg_world *world) {
    if (world) world->ops->close(world);
}

static vg_status check_range(const vg_world *world, int32_t first, int32_t count, const vg_frame *frames,
                             vg_error *err) {
    if (first < 0 || count < 1 || first > world->info.envs - count)
        return vg_fail(err, VG_INVALID, "environments %d to %d are out of range; the world has %d", first,
                       first + count - 1, world->info.envs);
    VG_ASSERT(memcmp(&frames->dims, &world->info.dims, sizeof frames->dims) == 0);
    return VG_OK;
}

vg_status vg_world_reset(vg_world *world, int32_t first, int32_t count, const vg_reset *resets, vg_frame *frames,
                         vg_error *err) {
    VG_TRY(check_range(world, first, count, frames, err));
    for (int32_t i = 0; i < count; i++)
        if (resets[i].people < 1 || resets[i].people > world->info.dims.people)
            return vg_fail(err, VG_INVALID, "reset of environment %d asks for %d people; it must be 1 to %d", first + i,
                           resets[i].people, world->info.dims.people);
    return world->ops->reset(world, first, count, resets, frames, err);
}

vg_status vg_world_step(vg_world *world, int32_t first, int32_t count, const vg_command *commands, vg_frame *frames,
                        vg_error *err) {
    VG_TRY(check_range(world, first, count, frames, err));
    return world->ops->step(world, first, count, commands, frames, err);
}

bool vg_world_sources(const vg_world *world, vg_world_report *out) {
    if (!world->ops->report) return false;
    world->ops->report(world, out);
    return true;
}

void vg_world_observe(vg_world *world, const vg_frame *matched) {
    if (matched && world->ops->observe) world->ops->observe(world, matched);
}

static vg_status check_state(const vg_world *world, int32_t env, vg_error *err) {
    if (!world->ops->state_bytes)
        return vg_fail(err, VG_UNSUPPORTED,
                       "world %s keeps its state to itself; checkpoints of it cannot hold episodes", world->info.name);
    if (env < 0 || env >= world->info.envs)
        return vg_fail(err, VG_INVALID, "environment %d is out of range; the world has %d", env, world->info.envs);
    return VG_OK;
}

size_t vg_world_state_bytes(const vg_world *world) {
    return world->ops->state_bytes ? world->ops->state_bytes(world) : 0;
}

vg_status vg_world_save_state(const vg_world *world, int32_t env, void *out, vg_error *err) {
    VG_TRY(check_state(world, env, err));
    return world->ops->save_state(world, env, out, err);
}

vg_status vg_world_load_state(vg_world *world, int32_t env, const void *state, vg_error *err) {
    VG_TRY(check_state(world, env, err));
    return world->ops->load_state(world, env, state, err);
}
