/* The embedded world: opening, resetting, stepping, and copying its state. See sim.h for the stages of a step. */
#include "sim_bridge/embedded/embedded.h"

#include "common/arena.h"
#include "sim_bridge/embedded/sim.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATE_KIND 0x4d4953454756ull /* of saved states */

const sim_params sim_params_of_preset[2] = {
    [VG_PRESET_DEFAULT] = {.step_seconds = 0.1f,
                           .walk_low = 0.6f,
                           .walk_high = 1.4f,
                           .walk_acceleration = 1.2f,
                           .turn_rate = 2.0f,
                           .pause_probability = 0.2f,
                           .body_low = 1.5f,
                           .body_high = 1.9f,
                           .camera_speed = 2.0f,
                           .camera_acceleration = 4.0f,
                           .camera_turn_rate = 2.0f,
                           .goal_radius = 5.0f},
    [VG_PRESET_PAPER] = {.step_seconds = 0.4f,
                         .walk_low = 0.20f,
                         .walk_high = 0.29f,
                         .walk_acceleration = 0.5f,
                         .turn_rate = 1.0f,
                         .paper_bodies = true,
                         .teleport = true,
                         .goal_radius = 5.0f},
};

static sim_world *sim_of(const vg_world *world) {
    return (sim_world *)(void *)(uintptr_t)world;
}

/* --- frames ------------------------------------------------------------------------------------------------------------ */

static void write_truth(vg_frame *frame, const sim_pose *poses, int32_t people) {
    const int32_t joints = frame->dims.joints;
    float *truth = vg_frame_truth(frame);
    for (int32_t p = 0; p < people; p++)
        for (int32_t j = 0; j < joints; j++)
            for (int k = 0; k < 3; k++) truth[(p * joints + j) * 3 + k] = poses[p].joint[k][j];
}

static void look(vg_frame *frame, const sim_world *sim, const sim_state *state, const sim_pose *poses, int32_t camera) {
    sim_sight sights[VG_MAX_PEOPLE];
    const sim_camera *from = &state->camera[camera];
    vg_camera *view = &vg_frame_cameras(frame)[camera];
    const int32_t joints = frame->dims.joints;
    vg_keypoint *keypoints = vg_frame_keypoints(frame) + (size_t)camera * (size_t)(frame->dims.people * joints);
    sim_team_view(view, from);
    for (int32_t p = 0; p < state->people; p++)
        if (sim_sight_of(&sights[p], &sim->scene, view, from->at, poses, state->people, p))
            sim_detect(keypoints + p * joints, &sights[p], view, sim, state, camera, p);
    if (sim->swap_rate > 0) sim_swap(keypoints, sim, state, sights, camera);
}

void sim_observe(vg_frame *frame, const sim_world *sim, int32_t env) {
    const sim_state *state = sim_state_of(sim, env);
    const sim_pose *poses = sim_poses_of(sim, env);
    /* the header's size and offsets stay as they are: other threads read those of the first frame to find theirs */
    frame->environment = env;
    frame->flags = VG_FRAME_TRUTH | VG_FRAME_IDENTIFIED | (state->step == 0 ? (uint32_t)VG_FRAME_FIRST : 0u);
    frame->target = 0;
    frame->frame_id = state->frame_id;
    frame->time_ns = state->time_ns;
    const size_t keypoints = (size_t)(sim->dims.cameras * sim->dims.people * sim->dims.joints);
    memset(vg_frame_keypoints(frame), 0, keypoints * sizeof(vg_keypoint));
    memset(vg_frame_truth(frame), 0, (size_t)(sim->dims.people * sim->dims.joints * 3) * sizeof(float));
    for (int32_t p = 0; p < sim->dims.people; p++) vg_frame_present(frame)[p] = p < state->people;
    write_truth(frame, poses, state->people);
    for (int32_t c = 0; c < sim->dims.cameras; c++) look(frame, sim, state, poses, c);
}

void sim_pose_people(const sim_world *sim, int32_t env) {
    const sim_state *state = sim_state_of(sim, env);
    for (int32_t p = 0; p < state->people; p++)
        if (sim->clip)
            sim_clip_pose(&sim_poses_of(sim, env)[p], &state->person[p], sim->clip);
        else
            sim_body_pose(&sim_poses_of(sim, env)[p], &state->person[p]);
}

/* --- the world's operations ---------------------------------------------------------------------------------------------- */

static vg_status reset(vg_world *world, int32_t first, int32_t count, const vg_reset *resets, vg_frame *frames,
                       vg_error *err) {
    sim_world *sim = sim_of(world);
    for (int32_t i = 0; i < count; i++) {
        const vg_reset *r = &resets[i];
        if (r->formation != VG_FORMATION_START && r->formation != VG_FORMATION_FIXED)
            return vg_fail(err, VG_INVALID,
                           "reset of environment %d asks for formation %d; it must be 0 (start) or 1 (fixed)",
                           first + i, r->formation);
        sim_state *state = sim_state_of(sim, first + i);
        const uint64_t frame_id = state->ready ? state->frame_id + 1 : 0;
        memset(state, 0, sim->state_size);
        state->seed = r->seed, state->people = r->people, state->formation = r->formation;
        state->frame_id = frame_id, state->ready = 1;
        sim_team_start(state->camera, &sim->scene, sim->dims.cameras, r->formation);
        sim_crowd_start(state, &sim->scene, &sim->params);
        sim_pose_people(sim, first + i);
        sim_observe(vg_frame_at(frames, i), sim, first + i);
    }
    return VG_OK;
}

static vg_status check_command(const sim_world *sim, const sim_state *state, const vg_command *command, int32_t env,
                               vg_error *err) {
    if (!state->ready) return vg_fail(err, VG_INVALID, "environment %d was stepped before it was reset", env);
    for (int32_t c = 0; c < sim->dims.cameras; c++) {
        const vg_camera_command *m = &command->camera[c];
        const float sum = m->linear[0] + m->linear[1] + m->linear[2] + m->yaw_rate + m->pitch_rate;
        if (!isfinite(sum))
            return vg_fail(err, VG_INVALID, "the command to camera %d of environment %d is not finite", c, env);
    }
    return VG_OK;
}

static vg_status step(vg_world *world, int32_t first, int32_t count, const vg_command *commands, vg_frame *frames,
                      vg_error *err) {
    sim_world *sim = sim_of(world);
    const int substeps = (int)ceilf(sim->params.step_seconds / SIM_SUBSTEP - 1e-3f);
    const float dt = sim->params.step_seconds / (float)substeps;
    for (int32_t i = 0; i < count; i++)
        VG_TRY(check_command(sim, sim_state_of(sim, first + i), &commands[i], first + i, err));
    for (int32_t i = 0; i < count; i++) {
        sim_state *state = sim_state_of(sim, first + i);
        state->step++, state->frame_id++;
        state->time_ns += (int64_t)round((double)sim->params.step_seconds * 1e6) * 1000;
        sim_team_step(state->camera, sim, &commands[i]);
        for (int k = 0; k < substeps; k++) {
            sim_crowd_step(state, &sim->scene, &sim->params, dt);
            for (int32_t p = 0; sim->clip && p < state->people; p++) sim_clip_step(&state->person[p], sim->clip, dt);
        }
        sim_pose_people(sim, first + i);
        sim_observe(vg_frame_at(frames, i), sim, first + i);
    }
    return VG_OK;
}

static void close_world(vg_world *world) {
    sim_world *sim = sim_of(world);
    vg_arena_destroy(&sim->arena);
    sim_clip_destroy(sim->clip);
    free(sim);
}

/* --- state ----------------------------------------------------------------------------------------------------------------- */

/* FNV-1a (Fowler, Noll, Vo), over 8 bytes at a time, of a state without its `check`. */
static uint64_t checksum(const sim_state *state, size_t size) {
    const unsigned char *bytes = (const unsigned char *)state;
    uint64_t hash = 0xcbf29ce484222325ull;
    for (size_t at = sizeof state->check; at < size; at += 8) {
        uint64_t word;
        memcpy(&word, bytes + at, 8);
        hash = (hash ^ word) * 0x100000001b3ull;
    }
    return hash;
}

static uint64_t kind_of(const sim_world *sim) {
    return STATE_KIND << 16 ^ (uint64_t)sim->dims.cameras << 56 ^ (uint64_t)sim->dims.people << 48 ^
           (uint64_t)sim->params.teleport << 8 ^ sizeof(sim_person);
}

static size_t state_bytes(const vg_world *world) {
    return sim_of(world)->state_size;
}

static vg_status save_state(const vg_world *world, int32_t env, void *out, vg_error *err) {
    (void)err;
    const sim_world *sim = sim_of(world);
    sim_state *state = out;
    memcpy(out, sim_state_of(sim, env), sim->state_size);
    state->check[0] = kind_of(sim), state->check[1] = checksum(state, sim->state_size);
    return VG_OK;
}

static vg_status load_state(vg_world *world, int32_t env, const void *in, vg_error *err) {
    sim_world *sim = sim_of(world);
    const sim_state *state = in;
    if (state->check[0] != kind_of(sim))
        return vg_fail(err, VG_CORRUPT,
                       "the saved state is not of an embedded world with %d cameras, %d people and this preset",
                       sim->dims.cameras, sim->dims.people);
    if (state->check[1] != checksum(state, sim->state_size) || state->people < 0 || state->people > sim->dims.people)
        return vg_fail(err, VG_CORRUPT, "the saved state of environment %d is damaged (checksum)", env);
    memcpy(sim_state_of(sim, env), in, sim->state_size);
    sim_pose_people(sim, env);
    return VG_OK;
}

/* --- opening --------------------------------------------------------------------------------------------------------------- */

const vg_world_ops sim_ops = {.name = "embedded",
                              .reset = reset,
                              .step = step,
                              .close = close_world,
                              .state_bytes = state_bytes,
                              .save_state = save_state,
                              .load_state = load_state};

static vg_status check_config(const vg_world_config *config, vg_error *err) {
    const vg_dims dims = {config->cameras, config->people, VG_JOINTS14};
    VG_TRY(vg_dims_check(dims, err));
    if (config->envs < 1 || config->envs > VG_MAX_ENVS)
        return vg_fail(err, VG_INVALID, "world.envs is %d; it must be 1 to %d", config->envs, VG_MAX_ENVS);
    if (config->preset != VG_PRESET_DEFAULT && config->preset != VG_PRESET_PAPER)
        return vg_fail(err, VG_INVALID, "world.preset is %d; it must be 0 (default) or 1 (paper)", config->preset);
    if (!(config->miss_rate >= 0 && config->miss_rate <= 1))
        return vg_fail(err, VG_INVALID, "world.miss_rate is %g; it must be 0 to 1", config->miss_rate);
    if (config->step_seconds != 0 && !(config->step_seconds >= 0.001 && config->step_seconds <= 1))
        return vg_fail(err, VG_INVALID, "world.step_seconds is %g; it must be 0.001 to 1, or 0 for the preset's",
                       config->step_seconds);
    if (!(config->swap_rate >= 0 && config->swap_rate <= 1))
        return vg_fail(err, VG_INVALID, "world.swap_rate is %g; it must be 0 to 1", config->swap_rate);
    return VG_OK;
}

static void describe(vg_world_info *info, const sim_world *sim, const vg_world_config *config) {
    snprintf(info->name, sizeof info->name, "embedded");
    snprintf(info->scene, sizeof info->scene, "%s", sim->scene.name);
    info->dims = sim->dims;
    info->envs = config->envs;
    info->step_seconds = round((double)sim->params.step_seconds * 1e6) / 1e6; /* the decimal, not the float */
    info->truth = info->resettable = info->concurrent = true;
    info->teleports = sim->params.teleport;
    memcpy(info->camera_low, sim->scene.camera_low, sizeof info->camera_low);
    memcpy(info->camera_high, sim->scene.camera_high, sizeof info->camera_high);
    memcpy(info->area_low, sim->scene.area_low, sizeof info->area_low);
    memcpy(info->area_high, sim->scene.area_high, sizeof info->area_high);
    info->max_speed = sim->params.camera_speed;
    info->max_acceleration = sim->params.camera_acceleration;
    info->max_turn_rate = sim->params.camera_turn_rate;
    info->obstacle_count = sim->scene.obstacle_count;
    memcpy(info->obstacles, sim->scene.obstacles, sizeof info->obstacles);
}

static void plan_memory(sim_world *sim, vg_arena *arena, int32_t envs) {
    sim->states = vg_arena_alloc(arena, sim->state_size * (size_t)envs);
    sim->poses = VG_ARENA_NEW(arena, sim_pose, envs * sim->dims.people);
}

vg_status vg_embedded_open(vg_world **out, const vg_world_config *config, vg_error *err) {
    *out = NULL;
    VG_TRY(check_config(config, err));
    sim_world *sim = calloc(1, sizeof *sim);
    if (!sim) return vg_fail(err, VG_NO_MEMORY, "no memory for the embedded world");
    sim->dims = (vg_dims){config->cameras, config->people, VG_JOINTS14};
    sim->params = sim_params_of_preset[config->preset];
    if (config->step_seconds > 0) sim->params.step_seconds = (float)config->step_seconds;
    sim->miss_rate = (float)config->miss_rate, sim->swap_rate = (float)config->swap_rate;
    sim->state_size = (sizeof(sim_state) + (size_t)config->people * sizeof(sim_person) + 63) & ~(size_t)63;
    vg_status status = sim_scene_load(&sim->scene, config->scene, err);
    if (status == VG_OK && config->motion && *config->motion) status = sim_clip_open(&sim->clip, config->motion, err);
    if (status == VG_OK) {
        vg_arena measure = {0};
        plan_memory(sim, &measure, config->envs);
        status = vg_arena_create(&sim->arena, measure.used, err);
    }
    if (status != VG_OK) {
        sim_clip_destroy(sim->clip);
        free(sim);
        return status;
    }
    plan_memory(sim, &sim->arena, config->envs);
    sim->head.ops = &sim_ops;
    describe(&sim->head.info, sim, config);
    *out = &sim->head;
    return VG_OK;
}
