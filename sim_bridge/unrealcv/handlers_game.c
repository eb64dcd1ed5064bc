/* Commands about the server, time and console. */
#include "sim_bridge/unrealcv/handlers.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICKS_AT_ONCE   100000
#define SECONDS_AT_ONCE 3600.0

void ucv_do_status(ucv_call *call) {
    const ucv_game *g = call->game;
    ucv_print(call->out,
              "Is Listening\nClient Connected\n%d\nConfiguration\nConfig file: %s/unrealcv.ini\nPort: %d\nWidth: "
              "%d\nHeight: %d\nFOV: %f\nEnableInput: true\nEnableRightEye: false\n",
              g->port, g->files, g->port, g->width, g->height, g->fov);
}

void ucv_do_help(ucv_call *call) {
    size_t count;
    const ucv_command *commands = ucv_commands(&count);
    for (size_t i = 0; i < count; i++) {
        /* cameras are shown as the plug-in shows them */
        const char *pattern = commands[i].pattern, *camera = strstr(pattern, "[cam]");
        if (camera)
            ucv_print(call->out, "%.*s[uint]%s\n", (int)(camera - pattern), pattern, camera + 5);
        else
            ucv_print(call->out, "%s\n", pattern);
        if (call->detail) ucv_print(call->out, "%s\n", commands[i].about);
    }
    ucv_say(call, call->detail ? "vrun [str]\nConsole command\nvexec [str] [str]\nCalls a function of an object\n"
                                 "vbp [str] [str]\nCalls a function of an object, answers its outputs as JSON\n"
                               : "vrun [str]\nvexec [str] [str]\nvbp [str] [str]\n");
}

void ucv_do_version(ucv_call *call) {
    ucv_say(call, UCV_VERSION);
}

void ucv_do_echo(ucv_call *call) {
    ucv_put(call->out, call->arg[0].at, call->arg[0].size);
}

void ucv_do_name(ucv_call *call) {
    const char *const names[] = {UCV_PROJECT, call->game->scene, "PersistentLevel", "LevelScriptActor_0"};
    ucv_say(call, names[call->detail]);
}

void ucv_do_accept(ucv_call *call) {
    ucv_ok(call);
}

void ucv_do_unsupported(ucv_call *call) {
    ucv_error(call, "Not Implemented");
}

/* --- time ---------------------------------------------------------------------------------------------------------- */

void ucv_do_pause(ucv_call *call) {
    call->game->paused = call->detail != 0;
    if (!call->game->paused) ucv_game_start(call->game);
    ucv_ok(call);
}

void ucv_do_is_paused(ucv_call *call) {
    ucv_say(call, call->game->paused ? "true" : "false");
}

/* As in a game, an unknown level changes nothing and is answered with ok: the log says so. Unreal's names ignore case, our
 * scenes' are in small letters. */
void ucv_do_level(ucv_call *call) {
    char name[256], small[256];
    vg_span_copy(name, sizeof name, call->arg[0]);
    for (size_t i = 0; i < sizeof name; i++) small[i] = (char)tolower((unsigned char)name[i]);
    vg_error err = {0}, again = {0};
    if (strchr(name, '/') || strchr(name, '.'))
        vg_fail(&err, VG_INVALID, "a level's name holds neither / nor .");
    else if (ucv_game_load(call->game, name, &err) == VG_OK || ucv_game_load(call->game, small, &again) == VG_OK)
        err = (vg_error){0};
    if (err.status) VG_WARNF(call->game->log, "unrealcv: level `%s` stays closed: %s", name, err.message);
    ucv_ok(call);
}

void ucv_do_seed(ucv_call *call) {
    char text[24];
    vg_span_copy(text, sizeof text, call->arg[0]);
    errno = 0;
    const uint64_t seed = strtoull(text, NULL, 10);
    vg_error err = {0};
    if (errno != 0 || strlen(text) != call->arg[0].size)
        ucv_error(call, "Argument Invalid");
    else if (ucv_game_seed(call->game, seed, &err) != VG_OK)
        ucv_error(call, "%s", err.message);
    else
        ucv_ok(call);
}

void ucv_do_tick(ucv_call *call) {
    ucv_game *g = call->game;
    double ticks = 1, seconds = (double)g->tick_ns * 1e-9;
    if (call->count > 0 && !ucv_numbers(call, 0, 1, &ticks)) return;
    if (call->count > 1 && !ucv_numbers(call, 1, 1, &seconds)) return;
    if (!(seconds > 0) || ticks > TICKS_AT_ONCE || ticks * seconds > SECONDS_AT_ONCE) {
        ucv_error(call, "Argument Invalid");
        return;
    }
    const int64_t ns = llround(seconds * 1e9);
    g->paused = true; /* whoever counts ticks wants no other time to pass; resume ends that */
    for (int64_t i = 0; i < (int64_t)ticks; i++) {
        vg_error err = {0};
        if (ucv_game_advance(g, ns, &err) == VG_OK) continue;
        ucv_error(call, "%s", err.message);
        return;
    }
    ucv_ok(call);
}

static void set_tick(ucv_call *call, double seconds) {
    if (!(seconds >= 1e-6 && seconds <= SECONDS_AT_ONCE)) {
        ucv_error(call, "Argument Invalid");
        return;
    }
    call->game->tick_ns = llround(seconds * 1e9);
    ucv_ok(call);
}

void ucv_do_tick_interval(ucv_call *call) {
    double seconds;
    if (ucv_numbers(call, 0, 1, &seconds)) set_tick(call, seconds);
}

void ucv_do_frame_rate(ucv_call *call) {
    double rate;
    if (ucv_numbers(call, 0, 1, &rate)) set_tick(call, rate > 0 ? 1 / rate : 0);
}

void ucv_do_batch(ucv_call *call) {
    double count;
    if (!ucv_numbers(call, 0, 1, &count)) return;
    call->session->batch = (int32_t)fmin(count, 100000) + 1; /* this request included */
    ucv_ok(call);
}

/* --- console ------------------------------------------------------------------------------------------------------- */

static void resize(ucv_call *call, vg_span size) {
    ucv_game *g = call->game;
    char text[32];
    int width, height;
    vg_span_copy(text, sizeof text, size);
    if (sscanf(text, "%5dx%5d", &width, &height) != 2) return;
    if (width < 1 || height < 1 || width > VG_RENDER_MAX_SIZE || height > VG_RENDER_MAX_SIZE) return;
    g->width = width, g->height = height;
    for (int32_t c = 0; c < g->cameras; c++) {
        ucv_actor *camera = &g->actor[g->camera[c]];
        if (!camera->sized) camera->width = width, camera->height = height;
    }
}

void ucv_do_run(ucv_call *call) {
    double factor;
    if (call->count >= 2 && (vg_span_is(call->arg[0], "setres") || vg_span_is(call->arg[0], "r.setres"))) {
        resize(call, call->arg[1]);
    } else if (call->count >= 2 && vg_span_is(call->arg[0], "slomo")) {
        if (!ucv_numbers(call, 1, 1, &factor)) return;
        call->game->slomo = fmin(fmax(factor, 0), 100);
        ucv_game_start(call->game);
    }
    ucv_ok(call); /* everything else concerns an engine that is not there */
}
