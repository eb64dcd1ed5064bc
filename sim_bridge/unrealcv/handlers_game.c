/* Commands about the server, time, console and functions of objects. */
#include "sim_bridge/unrealcv/coords.h"
#include "sim_bridge/unrealcv/handlers.h"

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

/* As in a game, an unknown level changes nothing and is answered with ok: the log says so. */
void ucv_do_level(ucv_call *call) {
    char name[256];
    vg_span_copy(name, sizeof name, call->arg[0]);
    vg_error err = {0};
    if (strchr(name, '/') || strchr(name, '.') || ucv_game_load(call->game, name, &err) != VG_OK)
        VG_WARNF(call->game->log, "unrealcv: level `%s` stays closed: %s", name,
                 err.status ? err.message : "a level's name holds neither / nor .");
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

/* --- functions of objects ------------------------------------------------------------------------------------------ */

static void answer(ucv_call *call) {
    if (call->detail)
        ucv_say(call, "{\r\n}");
    else
        ucv_ok(call);
}

static void answer_value(ucv_call *call, const char *key, double value) {
    if (call->detail)
        ucv_print(call->out, "{\r\n\t\"%s\": \"%f\"\r\n}", key, value);
    else
        ucv_ok(call);
}

/* Drives someone or something: `angle` degrees to the right now, then `speed` cm/s ahead. */
static void move_ahead(ucv_call *call, ucv_actor *a, double angle, double speed) {
    ucv_game *g = call->game;
    ucv_game_start(g);
    a->rotation[1] += angle;
    if (a->kind != UCV_PERSON) {
        a->velocity = a->kind == UCV_BOX ? speed : 0;
        g->stale = true;
        return;
    }
    ucv_person *person = &g->person[a->person];
    vg_error err = {0};
    ucv_person_place(g, a, &err);
    person->gait = UCV_GAIT_STAND;
    if (speed <= 0) return;
    double goal[2] = {a->location[0] / 100, -a->location[1] / 100};
    const double heading = ucv_heading_of_yaw(a->rotation[1]);
    for (int k = 0; k < 2; k++) { /* as far ahead as the area goes */
        goal[k] += 50 * (k == 0 ? cos(heading) : sin(heading));
        goal[k] = fmin(fmax(goal[k], (double)g->world->info.area_low[k]), (double)g->world->info.area_high[k]);
    }
    person->pace = speed / 100;
    ucv_person_goal(g, a, goal, &err);
}

/* Functions of people. False where the name is none of them. */
static bool person_function(ucv_call *call, ucv_actor *a, vg_span name, const double *value, int values) {
    ucv_game *g = call->game;
    ucv_person *person = &g->person[a->person];
    const double first = values > 0 ? value[0] : 0;
    if (vg_span_is(name, "set_dilation")) {
        person->dilation = fmax(first, 0);
        if (person->gait == UCV_GAIT_SIM && person->dilation != 1) /* take over from the simulator */
            person->gait = UCV_GAIT_RADIUS, person->goals = 0;
    } else if (vg_span_is(name, "set_walk_radius")) {
        person->gait = UCV_GAIT_RADIUS, person->radius = fmax(first, 0) / 100, person->goals = 0;
    } else if (vg_span_is(name, "set_speed") || vg_span_is(name, "set_nav_speed")) {
        person->pace = fmax(first, 0) / 100;
        if (person->gait == UCV_GAIT_SIM) person->gait = UCV_GAIT_RADIUS, person->goals = 0;
    } else if (vg_span_is(name, "move_to") || vg_span_is(name, "nav_to_goal")) {
        vg_error err = {0};
        const double goal[2] = {first / 100, values > 1 ? -value[1] / 100 : 0};
        if (ucv_person_goal(g, a, goal, &err) != VG_OK) {
            ucv_error(call, "%s", err.message);
            return true;
        }
    } else {
        return false;
    }
    ucv_game_start(g);
    answer(call);
    return true;
}

static const char *const getters[][2] = {{"get_speed", "Speed"},
                                         {"get_angle", "Angle"},
                                         {"get_hit", "Hit"},
                                         {"is_picked", "Picked"},
                                         {"is_carrying", "Carrying"}};

/* Functions that games have and that change nothing here. */
static const char *const accepted[] = {"set_rot_speed",
                                       "set_anim_bp",
                                       "set_anim_asset",
                                       "set_cam",
                                       "set_phy",
                                       "set_app",
                                       "set_random",
                                       "set_interval",
                                       "nav_random",
                                       "nav_to_target",
                                       "generate_nav_goal",
                                       "set_jump",
                                       "set_crouch",
                                       "set_liedown",
                                       "set_standup",
                                       "enter_exit_car",
                                       "carry_body",
                                       "drop_body",
                                       "set_light",
                                       "set_mat",
                                       "set_viewport",
                                       "reset",
                                       "stop"};

static double speed_of(const ucv_game *g, const ucv_actor *a) {
    if (a->kind != UCV_PERSON) return a->velocity;
    const float *from = g->before.at[a->person], *to = g->after.at[a->person];
    return hypot((double)to[0] - (double)from[0], (double)to[1] - (double)from[1]) * 1e11 / (double)g->step_ns;
}

static bool getter(ucv_call *call, const ucv_actor *a, vg_span name) {
    for (size_t i = 0; i < sizeof getters / sizeof getters[0]; i++) {
        if (!vg_span_is(name, getters[i][0])) continue;
        const double value = i == 0 ? speed_of(call->game, a) : i == 1 ? a->rotation[1] : 0;
        answer_value(call, getters[i][1], value);
        return true;
    }
    return false;
}

void ucv_do_call(ucv_call *call) {
    ucv_actor *a = ucv_find(call->game, call->arg[0]);
    const vg_span name = call->arg[1];
    double value[UCV_ARGS];
    int values = 0;
    while (values < call->count - 2 && vg_span_double(call->arg[2 + values], &value[values]) &&
           fabs(value[values]) <= 1e7)
        values++;
    if (!a) {
        if (vg_span_is(call->arg[0], "PersistentLevel") || vg_span_is(call->arg[0], "LevelScriptActor_0"))
            answer(call);
        else
            ucv_error(call, "Can not find actor with id '%.*s'", (int)call->arg[0].size, call->arg[0].at);
        return;
    }
    if (vg_span_is(name, "destroy")) {
        ucv_destroy_object(call, a);
        return;
    }
    if (a->kind == UCV_PERSON && person_function(call, a, name, value, values)) return;
    if (vg_span_is(name, "set_move") && values == 2) {
        move_ahead(call, a, value[0], value[1]);
        answer(call);
        return;
    }
    if (vg_span_is(name, "set_move") && values >= 4) { /* velocity ahead and aside, up, yaw rate */
        move_ahead(call, a, value[3], hypot(value[0], value[1]));
        answer(call);
        return;
    }
    if (getter(call, a, name)) return;
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++)
        if (vg_span_is(name, accepted[i])) {
            answer(call);
            return;
        }
    ucv_error(call, "Argument Invalid");
}
