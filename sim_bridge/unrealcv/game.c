/* The game behind the UnrealCV server: creation, levels, time. The simulator moves in fixed steps; what clients see is
 * interpolated between the last two of them, so any tick length works and the same ticks give the same bytes. */
#include "sim_bridge/unrealcv/game.h"

#include "common/transform.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_NS ((int64_t)1000000000) /* of real time caught up with at once */

static vg_status check(const ucv_game_config *c, vg_error *err) {
    if (c->people < 1 || c->people > VG_MAX_PEOPLE)
        return vg_fail(err, VG_INVALID, "unrealcv: people is %d; it must be 1 to %d", c->people, VG_MAX_PEOPLE);
    if (c->cameras < 1 || c->cameras > UCV_CAMERAS)
        return vg_fail(err, VG_INVALID, "unrealcv: cameras is %d; it must be 1 to %d", c->cameras, UCV_CAMERAS);
    if (c->width < 1 || c->width > VG_RENDER_MAX_SIZE || c->height < 1 || c->height > VG_RENDER_MAX_SIZE)
        return vg_fail(err, VG_INVALID, "unrealcv: the size is %d x %d px; both must be 1 to %d", c->width, c->height,
                       VG_RENDER_MAX_SIZE);
    if (!(c->fov >= 1 && c->fov <= 170))
        return vg_fail(err, VG_INVALID, "unrealcv: fov is %g; it must be 1 to 170 degrees", c->fov);
    if (strlen(c->files) >= sizeof((ucv_game *)0)->files)
        return vg_fail(err, VG_INVALID, "unrealcv: the folder for image files has too long a name");
    return VG_OK;
}

vg_status ucv_game_create(ucv_game **out, const ucv_game_config *config, vg_error *err) {
    *out = NULL;
    VG_TRY(check(config, err));
    ucv_game *g = calloc(1, sizeof *g);
    if (!g) return vg_fail(err, VG_NO_MEMORY, "unrealcv: no memory for the game");
    g->preset = config->preset, g->people = config->people, g->start_cameras = config->cameras;
    g->port = config->port, g->seed = config->seed, g->log = config->log, g->workers = config->workers;
    g->width = config->width, g->height = config->height, g->fov = config->fov;
    snprintf(g->files, sizeof g->files, "%s", config->files);
    snprintf(g->viewmode, sizeof g->viewmode, "lit");
    const int32_t room = UCV_LIMBS + UCV_ACTORS;
    g->solids = calloc((size_t)room, sizeof *g->solids);
    vg_status status = g->solids ? vg_render_create(&g->render, room, err)
                                 : vg_fail(err, VG_NO_MEMORY, "unrealcv: no memory for the scene");
    if (status == VG_OK) status = ucv_game_load(g, config->scene, err);
    if (status != VG_OK) {
        ucv_game_destroy(g);
        return status;
    }
    *out = g;
    return VG_OK;
}

void ucv_game_destroy(ucv_game *g) {
    if (!g) return;
    vg_world_close(g->world);
    vg_render_destroy(g->render);
    free(g->frame), free(g->solids), free(g->picture);
    free(g);
}

vg_status ucv_game_load(ucv_game *g, const char *scene, vg_error *err) {
    vg_world_config config = vg_world_config_default();
    config.scene = scene, config.people = VG_MAX_PEOPLE, /* room for who is spawned later */
        config.preset = g->preset, config.log = g->log;
    config.cameras = 2, config.envs = 1;
    vg_world *world;
    VG_TRY(vg_world_open(&world, &config, err));
    vg_frame *frame = calloc(1, vg_frame_bytes(world->info.dims));
    if (!frame) {
        vg_world_close(world);
        return vg_fail(err, VG_NO_MEMORY, "unrealcv: no memory for a frame");
    }
    vg_frame_init(frame, world->info.dims, 0);
    const vg_reset reset = {.seed = g->seed, .people = g->people, .formation = VG_FORMATION_START};
    const vg_status status = vg_world_reset(world, 0, 1, &reset, frame, err);
    if (status != VG_OK) {
        vg_world_close(world);
        free(frame);
        return status;
    }
    vg_world_close(g->world);
    free(g->frame);
    g->world = world, g->frame = frame;
    snprintf(g->scene, sizeof g->scene, "%s", world->info.scene[0] ? world->info.scene : scene);
    g->step_ns = (int64_t)llround(world->info.step_seconds * 1e9);
    g->tick_ns = g->step_ns;
    g->time_ns = 0, g->phase_ns = 0, g->slomo = 1, g->eyes = 0;
    g->paused = false, g->hold_ns = UCV_HOLD_NS, g->behind_ns = 0;
    ucv_people_start(g);
    ucv_populate(g);
    ucv_people_present(g);
    return VG_OK;
}

vg_status ucv_game_seed(ucv_game *g, uint64_t seed, vg_error *err) {
    const vg_reset reset = {.seed = seed, .people = g->people, .formation = VG_FORMATION_START};
    VG_TRY(vg_world_reset(g->world, 0, 1, &reset, g->frame, err));
    g->seed = seed;
    g->time_ns = 0, g->phase_ns = 0;
    ucv_people_start(g);
    ucv_show_people(g);
    ucv_people_present(g);
    return VG_OK;
}

/* Boxes that set_move drives. */
static void drive(ucv_game *g, double seconds) {
    for (int32_t i = 0; i < g->actors; i++) {
        ucv_actor *a = &g->actor[i];
        if (a->kind != UCV_BOX || (a->velocity == 0 && a->turn == 0)) continue;
        a->rotation[1] += a->turn * seconds;
        a->location[0] += a->velocity * seconds * cos(a->rotation[1] * VG_PI / 180);
        a->location[1] += a->velocity * seconds * sin(a->rotation[1] * VG_PI / 180);
    }
}

vg_status ucv_game_advance(ucv_game *g, int64_t ns, vg_error *err) {
    if (ns <= 0) return VG_OK;
    g->time_ns += ns;
    g->phase_ns += ns;
    while (g->phase_ns > g->step_ns) {
        VG_TRY(ucv_people_step(g, err));
        g->phase_ns -= g->step_ns;
    }
    drive(g, (double)ns * 1e-9);
    ucv_people_present(g);
    return VG_OK;
}

void ucv_game_start(ucv_game *g) {
    g->hold_ns = 0;
}

vg_status ucv_game_pass(ucv_game *g, int64_t ns, vg_error *err) {
    if (g->paused) return VG_OK;
    if (g->hold_ns > 0) {
        g->hold_ns -= ns;
        return VG_OK;
    }
    g->behind_ns += (int64_t)((double)(ns < LONGEST_NS ? ns : LONGEST_NS) * g->slomo);
    const int64_t beats = g->behind_ns / UCV_BEAT_NS;
    g->behind_ns -= beats * UCV_BEAT_NS;
    return ucv_game_advance(g, beats * UCV_BEAT_NS, err);
}
