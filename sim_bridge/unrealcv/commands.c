/* The table of commands and what runs them. */
#include "sim_bridge/unrealcv/handlers.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const ucv_command commands[] = {
    {"vget /unrealcv/status", ucv_do_status, 0, "Status and configuration of the server"},
    {"vget /unrealcv/help", ucv_do_help, 1, "All commands and what they do"},
    {"vget /unrealcv/commands", ucv_do_help, 0, "All commands, one a line"},
    {"vget /unrealcv/version", ucv_do_version, 0, "Version of the command set"},
    {"vget /unrealcv/echo [str]", ucv_do_echo, 0, "Answers the argument"},
    {"vget /scene/name", ucv_do_name, 0, "Name of the project"},
    {"vget /level/name", ucv_do_name, 1, "Name of the level (scene)"},
    {"vget /persistent_level/id", ucv_do_name, 2, "Name of the level object"},
    {"vget /persistent_level/level_script_actor/id", ucv_do_name, 3, "Name of the level's script actor"},

    {"vget /cameras", ucv_do_cameras, 0, "Names of all cameras, in the order of their indices"},
    {"vset /cameras/spawn", ucv_do_camera_spawn, 0, "Adds a camera and answers its name"},
    {"vget /camera/[cam]/location", ucv_do_camera_location, UCV_GET, "Camera location x y z, cm"},
    {"vset /camera/[cam]/location [float] [float] [float]", ucv_do_camera_location, UCV_SET, "Places a camera"},
    {"vget /camera/[cam]/rotation", ucv_do_camera_rotation, UCV_GET, "Camera rotation pitch yaw roll, degrees"},
    {"vset /camera/[cam]/rotation [float] [float] [float]", ucv_do_camera_rotation, UCV_SET, "Turns a camera"},
    {"vget /camera/[cam]/pose", ucv_do_camera_pose, UCV_GET, "Camera x y z pitch yaw roll"},
    {"vset /camera/[cam]/pose [float] [float] [float] [float] [float] [float]", ucv_do_camera_pose, UCV_SET,
     "Places and turns a camera"},
    {"vget /camera/[cam]/fov", ucv_do_camera_fov, UCV_GET, "Horizontal field of view, degrees"},
    {"vset /camera/[cam]/fov [float]", ucv_do_camera_fov, UCV_SET, "Sets the horizontal field of view"},
    {"vget /camera/[cam]/horizontal_fieldofview", ucv_do_camera_fov, UCV_GET, "Horizontal field of view, degrees"},
    {"vset /camera/[cam]/horizontal_fieldofview [float]", ucv_do_camera_fov, UCV_SET,
     "Sets the horizontal field of view"},
    {"vget /camera/[cam]/size", ucv_do_camera_size, UCV_GET, "Width and height, px"},
    {"vset /camera/[cam]/size [uint] [uint]", ucv_do_camera_size, UCV_SET, "Sets width and height"},
    {"vset /camera/[cam]/moveto [float] [float] [float]", ucv_do_camera_move, 0,
     "Moves a camera until it is there or touches something"},
    {"vget /camera/[cam]/lit [str]", ucv_do_picture, VG_RENDER_LIT, "Colour picture: png, bmp or a file name"},
    {"vget /camera/[cam]/lit", ucv_do_picture, VG_RENDER_LIT, "Colour picture into a numbered file"},
    {"vget /camera/[cam]/object_mask [str]", ucv_do_picture, VG_RENDER_MASK, "Objects in their colours"},
    {"vget /camera/[cam]/object_mask", ucv_do_picture, VG_RENDER_MASK, "Objects in their colours, numbered file"},
    {"vget /camera/[cam]/seg [str]", ucv_do_picture, VG_RENDER_MASK, "Objects in their colours"},
    {"vget /camera/[cam]/normal [str]", ucv_do_picture, VG_RENDER_NORMAL, "Surface normals"},
    {"vget /camera/[cam]/normal", ucv_do_picture, VG_RENDER_NORMAL, "Surface normals into a numbered file"},
    {"vget /camera/[cam]/depth [str]", ucv_do_picture, VG_RENDER_DEPTH, "Depth along the axis, cm: npy or a file name"},
    {"vget /camera/[cam]/plane_depth [str]", ucv_do_picture, VG_RENDER_DEPTH, "Depth along the axis, cm"},
    {"vget /camera/[cam]/vis_depth [str]", ucv_do_picture, VG_RENDER_DISTANCE, "Distance from the camera, cm"},
    {"vget /camera/[cam]/screenshot", ucv_do_picture, VG_RENDER_LIT, "Colour picture into a numbered file"},
    {"vget /camera/[cam]/optical_flow [str]", ucv_do_unsupported, 0, "Not implemented"},
    {"vget /camera/[cam]/proj_matrix", ucv_do_camera_matrix, 0, "Projection matrix, row by row"},
    {"vset /camera/[cam]/projection_type [str]", ucv_do_camera_accept, 0, "perspective"},
    {"vset /camera/[cam]/ortho_width [float]", ucv_do_camera_accept, 0, "No effect here"},
    {"vset /camera/[cam]/exposure_method [str]", ucv_do_camera_accept, 0, "No effect here"},
    {"vset /camera/[cam]/exposure_bias [float]", ucv_do_camera_accept, 0, "No effect here"},
    {"vset /camera/[cam]/auto_speed [float] [float]", ucv_do_camera_accept, 0, "No effect here"},
    {"vset /camera/[cam]/auto_brightness [float] [float]", ucv_do_camera_accept, 0, "No effect here"},
    {"vset /camera/[cam]/physical_exposure [uint]", ucv_do_camera_accept, 0, "No effect here"},
    {"vset /camera/[cam]/motion_blur [float] [float] [float] [uint]", ucv_do_camera_accept, 0, "No effect here"},
    {"vset /camera/[cam]/focal [float] [float]", ucv_do_camera_accept, 0, "No effect here"},
    {"vset /camera/[cam]/lit_source [str]", ucv_do_camera_accept, 0, "No effect here"},
    {"vset /camera/[cam]/reflection [str]", ucv_do_camera_accept, 0, "No effect here"},
    {"vset /camera/[cam]/illumination [str]", ucv_do_camera_accept, 0, "No effect here"},
    {"vget /screenshot [str]", ucv_do_screenshot, 0, "What camera 0 sees in the present view mode"},
    {"vget /viewmode", ucv_do_viewmode, UCV_GET, "Present view mode"},
    {"vset /viewmode [str]", ucv_do_viewmode, UCV_SET, "lit, depth, object_mask, normal, ..."},
    {"vset /mode/[str]", ucv_do_viewmode, UCV_SET, "Old name of /viewmode"},
    {"vget /actor/location", ucv_do_pawn, 0, "Location of camera 0"},
    {"vget /actor/rotation", ucv_do_pawn, 1, "Rotation of camera 0"},

    {"vget /objects", ucv_do_objects, 0, "Names of all objects"},
    {"vset /objects/spawn [str]", ucv_do_spawn, 0, "Adds an object of a class"},
    {"vset /objects/spawn [str] [str]", ucv_do_spawn, 0, "Adds an object of a class under a name"},
    {"vset /objects/spawn_cube", ucv_do_spawn_cube, 0, "Adds a cube of one metre"},
    {"vset /objects/spawn_cube [str]", ucv_do_spawn_cube, 0, "Adds a cube of one metre under a name"},
    {"vset /objects/spawn_bp_asset [str] [str]", ucv_do_spawn_asset, 0,
     "Adds a stand-in for an asset: a person or a cube"},
    {"vget /object/[str]/location", ucv_do_object_location, UCV_GET, "Object location x y z, cm"},
    {"vset /object/[str]/location [float] [float] [float]", ucv_do_object_location, UCV_SET, "Places an object"},
    {"vget /object/[str]/rotation", ucv_do_object_rotation, UCV_GET, "Object rotation pitch yaw roll, degrees"},
    {"vset /object/[str]/rotation [float] [float] [float]", ucv_do_object_rotation, UCV_SET, "Turns an object"},
    {"vget /object/[str]/scale", ucv_do_object_scale, UCV_GET, "Object scale x y z"},
    {"vset /object/[str]/scale [float] [float] [float]", ucv_do_object_scale, UCV_SET, "Scales an object"},
    {"vget /object/[str]/color", ucv_do_object_colour, UCV_GET, "Colour in the object mask"},
    {"vset /object/[str]/color [uint] [uint] [uint]", ucv_do_object_colour, UCV_SET, "Sets the mask colour r g b"},
    {"vget /object/[str]/bounds", ucv_do_object_bounds, 0, "Smallest and largest x y z, cm"},
    {"vget /object/[str]/vertex_location", ucv_do_object_vertices, 0, "Corners, one a line"},
    {"vget /object/[str]/vertices", ucv_do_object_vertices, 0, "The same"},
    {"vget /object/[str]/uclass_name", ucv_do_object_class, 0, "Name of the class"},
    {"vget /object/[str]/mobility", ucv_do_object_mobility, 0, "Static or Movable"},
    {"vget /object/[str]/name", ucv_do_object_name, UCV_GET, "Name of the object"},
    {"vset /object/[str]/name [str]", ucv_do_object_name, UCV_SET, "Renames an object"},
    {"vget /object/[str]/label", ucv_do_object_name, UCV_GET, "Name of the object"},
    {"vset /object/[str]/label [str]", ucv_do_object_accept, 0, "No effect here"},
    {"vget /object/[str]/material", ucv_do_object_material, 0, "Material"},
    {"vset /object/[str]/material [uint] [str]", ucv_do_object_accept, 0, "No effect here"},
    {"vset /object/[str]/show", ucv_do_object_show, 1, "Shows an object"},
    {"vset /object/[str]/hide", ucv_do_object_show, 0, "Hides an object"},
    {"vset /object/[str]/destroy", ucv_do_object_destroy, 0, "Removes an object"},
    {"vset /object/[str]/physics [str]", ucv_do_object_accept, 0, "No effect here"},
    {"vset /object/[str]/collision [str]", ucv_do_object_accept, 0, "No effect here"},
    {"vset /object/[str]/object_mobility [str]", ucv_do_object_accept, 0, "No effect here"},

    {"vget /human/[str]/3d_keypoint", ucv_do_human_bones, 0, "Bones of a person as JSON, cm"},
    {"vset /human/[str]/mesh [str]", ucv_do_human_accept, 0, "Accepted; people look as they do"},
    {"vget /human/[str]/animation/frames [str]", ucv_do_human_frames, 0, "Frames of an animation"},
    {"vset /human/[str]/animation/ratio [str] [float]", ucv_do_human_accept, 0, "No effect here"},

    {"vset /action/game/pause", ucv_do_pause, 1, "Stops time"},
    {"vset /action/game/resume", ucv_do_pause, 0, "Lets time run"},
    {"vget /action/game/is_paused", ucv_do_is_paused, 0, "true or false"},
    {"vset /action/game/level [str]", ucv_do_level, 0, "Opens a scene anew"},
    {"vset /action/game/seed [uint]", ucv_do_seed, 0, "People begin anew from this seed"},
    {"vset /action/input/enable", ucv_do_accept, 0, "No effect here"},
    {"vset /action/input/disable", ucv_do_accept, 0, "No effect here"},
    {"vset /action/keyboard [str] [float]", ucv_do_accept, 0, "No effect here"},
    {"vset /action/eyes_distance [float]", ucv_do_eyes, 0,
     "Ties camera 1 to camera 0 as its right eye, so many cm aside"},
    {"vset /action/clean_garbage", ucv_do_accept, 0, "No effect here"},
    {"vset /action/tick", ucv_do_tick, 0, "One tick of the tick interval"},
    {"vset /action/tick [uint]", ucv_do_tick, 0, "N ticks of the tick interval"},
    {"vset /action/tick [uint] [float]", ucv_do_tick, 0, "N ticks of so many seconds"},
    {"vset /action/tick_interval [float]", ucv_do_tick_interval, 0, "Seconds of a tick"},
    {"vset /action/tick_intervel [float]", ucv_do_tick_interval, 0, "Seconds of a tick (a known misspelling)"},
    {"vset /action/set_fixed_frame_rate [float]", ucv_do_frame_rate, 0, "Ticks per second of simulated time"},

    {"vbatch [uint]", ucv_do_batch, 0, "The next N requests run in one tick"},
};

/* Commands that end in words of any number. */
static const ucv_command open_ended[] = {
    {"vrun [str] ...", ucv_do_run, 0, "Console command"},
    {"vexec [str] [str] ...", ucv_do_call, 0, "Calls a function of an object"},
    {"vbp [str] [str] ...", ucv_do_call, 1, "Calls a function of an object, answers its outputs as JSON"},
};

const ucv_command *ucv_commands(size_t *count) {
    *count = sizeof commands / sizeof commands[0];
    return commands;
}

void ucv_commands_print(FILE *stream) {
    fputs("| command | what it does |\n|---|---|\n", stream);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        fprintf(stream, "| `%s` | %s |\n", commands[i].pattern, commands[i].about);
    for (size_t i = 0; i < sizeof open_ended / sizeof open_ended[0]; i++)
        fprintf(stream, "| `%s` | %s |\n", open_ended[i].pattern, open_ended[i].about);
}

/* --- what handlers share ------------------------------------------------------------------------------------------- */

void ucv_ok(ucv_call *call) {
    ucv_put(call->out, "ok", 2);
}

void ucv_say(ucv_call *call, const char *text) {
    ucv_put(call->out, text, strlen(text));
}

void ucv_error(ucv_call *call, const char *format, ...) {
    char text[800];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    ucv_put(call->out, "error ", 6);
    ucv_say(call, text);
}

bool ucv_numbers(ucv_call *call, int first, int n, double *out) {
    for (int i = 0; i < n; i++) {
        vg_span text = call->arg[first + i];
        if (text.size > 0 && *text.at == '+') text.at++, text.size--;
        if (!vg_span_double(text, &out[i]) || !(fabs(out[i]) <= 1e7)) {
            ucv_error(call, "Argument Invalid");
            return false;
        }
    }
    return true;
}

ucv_actor *ucv_call_camera(ucv_call *call) {
    ucv_actor *camera = ucv_find_camera(call->game, call->arg[0]);
    if (!camera) ucv_error(call, "Invalid sensor id");
    return camera;
}

ucv_actor *ucv_call_object(ucv_call *call) {
    ucv_actor *object = ucv_find(call->game, call->arg[0]);
    if (!object) ucv_error(call, "Can not find object");
    return object;
}

/* --- running ------------------------------------------------------------------------------------------------------- */

bool ucv_command_writes(vg_span command) {
    const vg_span verb = vg_span_word(&command);
    if (vg_span_is(verb, "vset") || vg_span_is(verb, "vrun")) return true;
    if (!vg_span_is(verb, "vbp") && !vg_span_is(verb, "vexec")) return false;
    vg_span_word(&command); /* the object */
    const vg_span function = vg_span_word(&command);
    return !vg_span_starts(function, "get_") && !vg_span_starts(function, "is_") && !vg_span_starts(function, "Get");
}

static bool run_open_ended(ucv_call *call, vg_span command) {
    vg_span rest = command;
    const vg_span verb = vg_span_word(&rest);
    for (size_t i = 0; i < sizeof open_ended / sizeof open_ended[0]; i++) {
        const ucv_command *c = &open_ended[i];
        const size_t size = strcspn(c->pattern, " ");
        if (verb.size != size || memcmp(verb.at, c->pattern, size) != 0) continue;
        while (call->count < UCV_ARGS) {
            const vg_span word = vg_span_word(&rest);
            if (word.size == 0) break;
            call->arg[call->count++] = word;
        }
        const int least = c->run == ucv_do_run ? 1 : 2;
        if (call->count < least) return false;
        call->detail = c->detail;
        c->run(call);
        return true;
    }
    return false;
}

void ucv_command_run(ucv_game *game, ucv_session *session, vg_span command, ucv_buffer *out) {
    ucv_call call = {.game = game, .session = session, .out = out};
    vg_span text = command;
    while (text.size > 0 && *text.at == ' ') text.at++, text.size--;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        /* templates that begin otherwise are told apart cheaply */
        if (text.size < 6 || text.at[0] != commands[i].pattern[0] || text.at[1] != commands[i].pattern[1]) continue;
        if (!ucv_match(commands[i].pattern, text, call.arg, &call.count)) continue;
        call.detail = commands[i].detail;
        commands[i].run(&call);
        return;
    }
    call.count = 0;
    if (run_open_ended(&call, text)) return;
    if (vg_span_is(text, "vget") || vg_span_is(text, "vset") || vg_span_is(text, "vrun") || vg_span_is(text, "vbp") ||
        vg_span_is(text, "vexec") || vg_span_is(text, "vbatch")) {
        ucv_do_help(&call); /* a bare verb lists the commands */
        return;
    }
    const size_t size = command.size < 400 ? command.size : 400;
    ucv_error(&call, "Can not find a handler for URI '%.*s'", (int)size, command.at);
}
