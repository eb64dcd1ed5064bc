/* The world that a game is: opening, resetting, stepping, and picking a game up again that went away. The games of a batch
 * are asked at once and then listened to one after the other, so that they work side by side.
 *
 * A step fails in two ways. Where the game is only late, the frame is asked for a second time, without another tick. Where
 * the connection is lost, it is made anew, with growing pauses, and the game set up as at the beginning; the frame that then
 * comes is marked as truncated, because the game may be another one by now. */
#include "sim_bridge/unrealcv/client.h"

#include "common/clock.h"
#include "sim_bridge/unrealcv/client_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAUSE_LEAST_NS 100000000 /* between two attempts to connect */
#define PAUSE_MOST_NS  2000000000
#define WRONG_MOST     4 /* games that answer, but not as they must: perhaps still loading */

static ucv_client *client_of(vg_world *world) {
    return (ucv_client *)(void *)world;
}

/* --- a frame, and what can go wrong with it ------------------------------------------------------------------------------- */

static vg_status receive_frame(ucv_client *c, ucv_env *e, vg_frame *frame, vg_error *err) {
    VG_TRY(ucv_round_receive(&e->link, err));
    return ucv_take_frame(c, e, frame, err);
}

static vg_status whole_frame(ucv_client *c, ucv_env *e, vg_frame *frame, vg_error *err) {
    ucv_ask_frame(c, e, false);
    VG_TRY(ucv_round_send(&e->link, err));
    return receive_frame(c, e, frame, err);
}

static vg_status begin_anew(ucv_client *c, ucv_env *e, vg_frame *frame, vg_error *err) {
    VG_TRY(ucv_link_connect(&e->link, err));
    VG_TRY(ucv_setup(c, e, err));
    return whole_frame(c, e, frame, err);
}

/* After a failure: the same frame once more, or the game from its beginning. */
static vg_status recover(ucv_client *c, ucv_env *e, vg_frame *frame, vg_status status, vg_error *err) {
    vg_error again;
    if (status == VG_TIMEOUT && whole_frame(c, e, frame, &again) == VG_OK) {
        VG_WARNF(c->wish.log, "%s was late", e->link.endpoint);
        return VG_OK;
    }
    if (c->wish.reconnect_seconds <= 0) {
        ucv_link_disconnect(&e->link);
        return status;
    }
    VG_WARNF(c->wish.log, "%s; waiting for it to come back", err->message);
    const int64_t deadline = vg_clock_now_ns() + (int64_t)(c->wish.reconnect_seconds * 1e9);
    int64_t pause = PAUSE_LEAST_NS;
    int wrong = 0;
    do {
        const vg_status now = begin_anew(c, e, frame, &again);
        if (now == VG_OK) {
            VG_INFOF(c->wish.log, "%s is back", e->link.endpoint);
            frame->flags |= VG_FRAME_TRUNCATED;
            return VG_OK;
        }
        VG_DEBUGF(c->wish.log, "%s", again.message);
        ucv_link_disconnect(&e->link);
        wrong += now != VG_UNREACHABLE && now != VG_TIMEOUT;
        if (wrong == WRONG_MOST) { /* it is there, and has not what is needed */
            *err = again;
            return again.status;
        }
        vg_clock_sleep_until_ns(vg_clock_now_ns() + pause);
        pause = 2 * pause < PAUSE_MOST_NS ? 2 * pause : PAUSE_MOST_NS;
        if (c->wish.stopped && c->wish.stopped(c->wish.stop_context))
            return vg_fail(err, VG_INTERRUPTED, "stopped while waiting for %s", e->link.endpoint);
    } while (vg_clock_now_ns() < deadline);
    *err = again;
    return vg_fail_context(err, again.status, "the game did not come back within world.reconnect_seconds = %g",
                           c->wish.reconnect_seconds);
}

/* --- reset ------------------------------------------------------------------------------------------------------------------ */

/* Begins an episode as far as a game can: people from the seed where it takes one, those not wanted hidden. */
static vg_status begin_episode(ucv_client *c, ucv_env *e, const vg_reset *reset, vg_error *err) {
    sim_state *s = e->state;
    *s = (sim_state){.seed = reset->seed,
                     .people = reset->people,
                     .formation = reset->formation,
                     .frame_id = s->ready ? s->frame_id + 1 : 0,
                     .ready = 1};
    sim_team_start(s->camera, &c->sim.scene, c->sim.dims.cameras, reset->formation);
    e->running_ns = vg_clock_now_ns();
    if (e->link.fd < 0) return vg_fail(err, VG_UNREACHABLE, "%s: not connected", e->link.endpoint);
    ucv_round_begin(&e->link);
    if (e->has_seed) ucv_ask(&e->link, "vset /action/game/seed %llu", (unsigned long long)reset->seed);
    for (int32_t p = 0; p < c->sim.dims.people; p++)
        ucv_ask(&e->link, "vset /object/%s/%s", e->person[p], p < reset->people ? "show" : "hide");
    VG_TRY(ucv_round_send(&e->link, err));
    return ucv_round_receive(&e->link, err); /* a game that cannot do this is none the worse */
}

static vg_status reset(vg_world *world, int32_t first, int32_t count, const vg_reset *resets, vg_frame *frames,
                       vg_error *err) {
    ucv_client *c = client_of(world);
    for (int32_t i = 0; i < count; i++)
        if (resets[i].formation != VG_FORMATION_START && resets[i].formation != VG_FORMATION_FIXED)
            return vg_fail(err, VG_INVALID, "reset of environment %d asks for formation %d; it must be 0 or 1",
                           first + i, resets[i].formation);
    for (int32_t i = 0; i < count; i++) {
        ucv_env *e = &c->env[first + i];
        vg_frame *frame = vg_frame_at(frames, i);
        vg_status status = begin_episode(c, e, &resets[i], err);
        if (status == VG_OK) status = whole_frame(c, e, frame, err);
        if (status != VG_OK) VG_TRY(recover(c, e, frame, status, err));
        frame->flags = (frame->flags & ~(uint32_t)VG_FRAME_TRUNCATED) | VG_FRAME_FIRST;
    }
    return VG_OK;
}

/* --- step ------------------------------------------------------------------------------------------------------------------- */

static vg_status check_command(const ucv_client *c, int32_t env, const vg_command *command, vg_error *err) {
    if (!c->env[env].state->ready)
        return vg_fail(err, VG_INVALID, "environment %d was stepped before it was reset", env);
    for (int32_t i = 0; i < c->sim.dims.cameras; i++) {
        const vg_camera_command *m = &command->camera[i];
        if (!isfinite(m->linear[0] + m->linear[1] + m->linear[2] + m->yaw_rate + m->pitch_rate))
            return vg_fail(err, VG_INVALID, "the command to camera %d of environment %d is not finite", i, env);
    }
    return VG_OK;
}

/* Lets a paused game run, or waits until a step has passed in a running one. */
static void let_run(ucv_client *c, int32_t first, int32_t count) {
    const int64_t step_ns = (int64_t)llround(c->base.info.step_seconds * 1e9);
    for (int32_t i = first; i < first + count; i++) {
        ucv_env *e = &c->env[i];
        vg_span reply;
        vg_error ignored; /* the frame's round meets the same trouble and mends it */
        if (e->pace != VG_PACE_PAUSE || e->link.fd < 0) continue;
        ucv_request(&e->link, &reply, &ignored, "vset /action/game/resume");
        e->running_ns = vg_clock_now_ns();
    }
    for (int32_t i = first; i < first + count; i++)
        if (c->env[i].pace != VG_PACE_TICK) vg_clock_sleep_until_ns(c->env[i].running_ns + step_ns);
}

static void pass_time(const ucv_client *c, ucv_env *e) {
    const int64_t now = vg_clock_now_ns();
    e->state->step++, e->state->frame_id++;
    if (e->pace == VG_PACE_TICK) {
        e->state->time_ns += (int64_t)llround(c->base.info.step_seconds * 1e9);
    } else {
        e->state->time_ns += now - e->running_ns;
        e->running_ns = now;
    }
}

static vg_status step(vg_world *world, int32_t first, int32_t count, const vg_command *commands, vg_frame *frames,
                      vg_error *err) {
    ucv_client *c = client_of(world);
    for (int32_t i = 0; i < count; i++) VG_TRY(check_command(c, first + i, &commands[i], err));
    let_run(c, first, count);
    for (int32_t i = 0; i < count; i++) {
        ucv_env *e = &c->env[first + i];
        vg_error ignored; /* told by receive */
        sim_team_step(e->state->camera, &c->sim, &commands[i]);
        pass_time(c, e);
        ucv_ask_frame(c, e, true);
        ucv_round_send(&e->link, &ignored);
    }
    for (int32_t i = 0; i < count; i++) {
        ucv_env *e = &c->env[first + i];
        vg_frame *frame = vg_frame_at(frames, i);
        const vg_status status = receive_frame(c, e, frame, err);
        if (status != VG_OK) VG_TRY(recover(c, e, frame, status, err));
    }
    return VG_OK;
}

/* --- open and close ----------------------------------------------------------------------------------------------------------- */

static void close_world(vg_world *world) {
    ucv_client *c = client_of(world);
    for (int32_t i = 0; c->env && i < c->base.info.envs; i++) {
        ucv_env *e = &c->env[i];
        vg_span reply;
        if (e->link.fd >= 0 && e->pace == VG_PACE_PAUSE)
            ucv_request(&e->link, &reply, NULL, "vset /action/game/resume"); /* as it was found */
        ucv_link_close(&e->link);
        vg_finder_destroy(e->finder);
        free(e->state), free(e->canvas);
    }
    vg_picture_store_destroy(c->wish.store);
    free(c->env);
    free(c);
}

static const vg_world_ops client_ops = {.name = "unrealcv", .reset = reset, .step = step, .close = close_world};

static vg_status check_config(const vg_world_config *config, vg_error *err) {
    const vg_game_config *g = &config->game;
    VG_TRY(vg_dims_check((vg_dims){config->cameras, config->people, VG_JOINTS14}, err));
    if (!config->endpoint || !config->endpoint[0])
        return vg_fail(err, VG_INVALID, "world.endpoint is empty; a game's is tcp://HOST:PORT or unix:///PATH");
    if (config->envs < 0 || config->envs > 256)
        return vg_fail(err, VG_INVALID, "world.envs is %d; it must be 1 to 256 games", config->envs);
    if (!(config->timeout_seconds > 0 && config->timeout_seconds <= 3600))
        return vg_fail(err, VG_INVALID, "world.timeout_seconds is %g; it must be above 0, to 3600",
                       config->timeout_seconds);
    if (config->preset != VG_PRESET_DEFAULT && config->preset != VG_PRESET_PAPER)
        return vg_fail(err, VG_INVALID, "world.preset is %d; it must be 0 (default) or 1 (paper)", config->preset);
    if (g->width < 16 || g->width > 4096 || g->height < 16 || g->height > 4096)
        return vg_fail(err, VG_INVALID, "game.width and game.height are %d and %d; they must be 16 to 4096 px",
                       g->width, g->height);
    if (!(g->fov >= 1 && g->fov <= 170))
        return vg_fail(err, VG_INVALID, "game.fov is %g; it must be 1 to 170 degrees", g->fov);
    return VG_OK;
}

static void copy_words(char out[512], const char *words) {
    snprintf(out, 512, "%s", words ? words : "");
}

static void describe(vg_world_info *info, const ucv_client *c, const vg_world_config *config) {
    const sim_params *p = &c->sim.params;
    const sim_scene *s = &c->sim.scene;
    snprintf(info->name, sizeof info->name, "unrealcv %.50s", config->endpoint);
    snprintf(info->scene, sizeof info->scene, "%s", s->name);
    info->dims = c->sim.dims;
    info->envs = config->envs ? config->envs : 1;
    info->step_seconds = round((double)p->step_seconds * 1e6) / 1e6;
    info->truth = info->resettable = info->concurrent = true;
    info->teleports = p->teleport;
    memcpy(info->camera_low, s->camera_low, sizeof info->camera_low);
    memcpy(info->camera_high, s->camera_high, sizeof info->camera_high);
    memcpy(info->area_low, s->area_low, sizeof info->area_low);
    memcpy(info->area_high, s->area_high, sizeof info->area_high);
    info->max_speed = p->camera_speed, info->max_acceleration = p->camera_acceleration;
    info->max_turn_rate = p->camera_turn_rate;
    info->obstacle_count = s->obstacle_count;
    memcpy(info->obstacles, s->obstacles, sizeof info->obstacles);
}

static vg_status open_games(ucv_client *c, const vg_world_config *config, vg_error *err) {
    const int32_t envs = c->base.info.envs;
    c->env = calloc((size_t)envs, sizeof *c->env);
    if (!c->env) return vg_fail(err, VG_NO_MEMORY, "unrealcv: out of memory");
    for (int32_t i = 0; i < envs; i++) c->env[i].link.fd = -1;
    for (int32_t i = 0; i < envs; i++) {
        ucv_env *e = &c->env[i];
        e->state = calloc(1, sizeof *e->state);
        if (!e->state) return vg_fail(err, VG_NO_MEMORY, "unrealcv: out of memory");
        if (config->keypoints == VG_KEYPOINTS_DETECTOR) VG_TRY(vg_finder_create(&e->finder, err));
        VG_TRY(ucv_link_init(&e->link, config->endpoint, i, config->timeout_seconds, err));
        VG_TRY(ucv_link_connect(&e->link, err));
        VG_TRY(ucv_setup(c, e, err));
        c->base.info.truth &= e->has_bones;
    }
    return VG_OK;
}

vg_status vg_unrealcv_open(vg_world **out, const vg_world_config *config, vg_error *err) {
    *out = NULL;
    VG_TRY(check_config(config, err));
    ucv_client *c = calloc(1, sizeof *c);
    if (!c) return vg_fail(err, VG_NO_MEMORY, "unrealcv: out of memory");
    c->base.ops = &client_ops;
    c->sim.dims = (vg_dims){config->cameras, config->people, VG_JOINTS14};
    c->sim.params = sim_params_of_preset[config->preset];
    c->sim.miss_rate = (float)config->miss_rate, c->sim.swap_rate = (float)config->swap_rate;
    c->wish = (ucv_wishes){.pace = config->game.pace,
                           .keypoints = config->keypoints,
                           .width = config->game.width,
                           .height = config->game.height,
                           .fov = config->game.fov,
                           .reconnect_seconds = config->reconnect_seconds,
                           .stopped = config->stopped,
                           .stop_context = config->stop_context,
                           .log = config->log};
    copy_words(c->wish.cameras, config->game.cameras);
    copy_words(c->wish.people, config->game.people);
    vg_status status = sim_scene_load(&c->sim.scene, config->scene, err);
    if (status == VG_OK && config->save_images && config->save_images[0]) {
        status = vg_picture_kinds(&c->wish.save, config->images && config->images[0] ? config->images : "lit", err);
        if (status == VG_OK) status = vg_picture_store_create(&c->wish.store, config->save_images, err);
    }
    if (status == VG_OK) {
        describe(&c->base.info, c, config);
        status = open_games(c, config, err);
    }
    if (status == VG_OK)
        *out = &c->base;
    else
        close_world(&c->base);
    return status;
}
