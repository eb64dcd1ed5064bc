/* Handlers of commands: each gets what the template's brackets matched and appends the reply's body. The texts are the
 * plug-in's own, because clients compare them. */
#ifndef VG_SIM_BRIDGE_UNREALCV_HANDLERS_H
#define VG_SIM_BRIDGE_UNREALCV_HANDLERS_H

#include "sim_bridge/unrealcv/game.h"

typedef struct ucv_call {
    ucv_game *game;
    ucv_session *session;
    vg_span arg[UCV_ARGS];
    int count;
    int detail; /* the table's number for handlers that serve several commands */
    ucv_buffer *out;
} ucv_call;

typedef struct ucv_command {
    const char *pattern;
    void (*run)(ucv_call *call);
    int detail;
    const char *about;
} ucv_command;

/* The table, in the order in which templates are tried. */
const ucv_command *ucv_commands(size_t *count);

void ucv_ok(ucv_call *call);
void ucv_say(ucv_call *call, const char *text);
void ucv_error(ucv_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Arguments first .. first + n - 1 as numbers; answers `error Argument Invalid` and returns false where one is not
 * finite or beyond any scene (1e7). */
bool ucv_numbers(ucv_call *call, int first, int n, double *out);

/* Camera of argument 0, object of argument 0; answers the error and returns NULL where there is none. */
ucv_actor *ucv_call_camera(ucv_call *call);
ucv_actor *ucv_call_object(ucv_call *call);
/* Moves or turns an actor, people included. */
void ucv_set_location(ucv_call *call, ucv_actor *actor, const double location[3]);
void ucv_set_rotation(ucv_call *call, ucv_actor *actor, const double rotation[3]);

enum { UCV_GET, UCV_SET };

/* handlers_game.c */
void ucv_do_status(ucv_call *call);
void ucv_do_help(ucv_call *call); /* detail: 1 with descriptions, 0 templates alone */
void ucv_do_version(ucv_call *call);
void ucv_do_echo(ucv_call *call);
void ucv_do_name(ucv_call *call); /* detail: 0 scene, 1 level, 2 level id, 3 level script id */
void ucv_do_accept(ucv_call *call);
void ucv_do_unsupported(ucv_call *call);
void ucv_do_pause(ucv_call *call); /* detail: paused */
void ucv_do_is_paused(ucv_call *call);
void ucv_do_level(ucv_call *call);
void ucv_do_seed(ucv_call *call);
void ucv_do_tick(ucv_call *call); /* up to two arguments: ticks, seconds */
void ucv_do_tick_interval(ucv_call *call);
void ucv_do_frame_rate(ucv_call *call);
void ucv_do_batch(ucv_call *call);
void ucv_do_run(ucv_call *call); /* vrun */

/* handlers_call.c */
void ucv_do_call(ucv_call *call); /* vbp: detail 1 answers with JSON, vexec: 0 with ok */

/* handlers_camera.c */
void ucv_do_cameras(ucv_call *call);
void ucv_do_camera_spawn(ucv_call *call);
void ucv_do_camera_location(ucv_call *call); /* detail: UCV_GET, UCV_SET */
void ucv_do_camera_rotation(ucv_call *call);
void ucv_do_camera_pose(ucv_call *call);
void ucv_do_camera_fov(ucv_call *call);
void ucv_do_camera_size(ucv_call *call);
void ucv_do_camera_move(ucv_call *call);
void ucv_do_camera_accept(ucv_call *call);
void ucv_do_picture(ucv_call *call); /* detail: vg_render_mode */
void ucv_do_screenshot(ucv_call *call);
void ucv_do_viewmode(ucv_call *call);
void ucv_do_pawn(ucv_call *call); /* detail: 0 location, 1 rotation */
void ucv_do_eyes(ucv_call *call);
void ucv_do_camera_matrix(ucv_call *call);

/* handlers_object.c */
void ucv_do_objects(ucv_call *call);
void ucv_do_spawn(ucv_call *call);       /* class [name] */
void ucv_do_spawn_asset(ucv_call *call); /* asset name */
void ucv_do_spawn_cube(ucv_call *call);  /* [name] */
void ucv_do_object_location(ucv_call *call);
void ucv_do_object_rotation(ucv_call *call);
void ucv_do_object_scale(ucv_call *call);
void ucv_do_object_colour(ucv_call *call);
void ucv_do_object_bounds(ucv_call *call);
void ucv_do_object_vertices(ucv_call *call);
void ucv_do_object_class(ucv_call *call);
void ucv_do_object_mobility(ucv_call *call);
void ucv_do_object_show(ucv_call *call); /* detail: 1 show, 0 hide */
void ucv_do_object_destroy(ucv_call *call);
void ucv_do_object_name(ucv_call *call);
void ucv_do_object_accept(ucv_call *call);
void ucv_do_object_material(ucv_call *call);
void ucv_do_human_bones(ucv_call *call);
void ucv_do_human_accept(ucv_call *call);
void ucv_do_human_frames(ucv_call *call);
/* Removes an actor; false after an error where it is one that must stay. */
bool ucv_destroy_object(ucv_call *call, ucv_actor *actor);

#endif
