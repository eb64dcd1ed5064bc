/* Commands about cameras and pictures. */
#include "common/transform.h"
#include "sim_bridge/unrealcv/handlers.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define SWEEP_GAP 10.0 /* cm: a moving camera stops this far from what it touches */

void ucv_do_cameras(ucv_call *call) {
    const ucv_game *g = call->game;
    for (int32_t c = 0; c < g->cameras; c++) ucv_print(call->out, "%s%s", c ? " " : "", g->actor[g->camera[c]].name);
}

void ucv_do_camera_spawn(ucv_call *call) {
    const ucv_actor *camera = ucv_spawn(call->game, UCV_CAMERA, (vg_span){0});
    if (camera)
        ucv_say(call, camera->name);
    else
        ucv_error(call, "Failed to spawn actor");
}

void ucv_do_camera_location(ucv_call *call) {
    double location[3];
    ucv_actor *camera = ucv_call_camera(call);
    if (!camera) return;
    if (call->detail == UCV_GET)
        ucv_put_triple(call->out, camera->location);
    else if (ucv_numbers(call, 1, 3, location))
        ucv_set_location(call, camera, location);
}

void ucv_do_camera_rotation(ucv_call *call) {
    double rotation[3];
    ucv_actor *camera = ucv_call_camera(call);
    if (!camera) return;
    if (call->detail == UCV_GET)
        ucv_put_triple(call->out, camera->rotation);
    else if (ucv_numbers(call, 1, 3, rotation))
        ucv_set_rotation(call, camera, rotation);
}

void ucv_do_camera_pose(ucv_call *call) {
    double pose[6];
    ucv_actor *camera = ucv_call_camera(call);
    if (!camera) return;
    if (call->detail == UCV_GET) {
        ucv_put_triple(call->out, camera->location);
        ucv_put(call->out, " ", 1);
        ucv_put_triple(call->out, camera->rotation);
    } else if (ucv_numbers(call, 1, 6, pose)) {
        memcpy(camera->location, pose, sizeof camera->location);
        memcpy(camera->rotation, pose + 3, sizeof camera->rotation);
        ucv_ok(call);
    }
}

void ucv_do_camera_fov(ucv_call *call) {
    double fov;
    ucv_actor *camera = ucv_call_camera(call);
    if (!camera) return;
    if (call->detail == UCV_GET) {
        ucv_print(call->out, "%f", camera->fov);
    } else if (ucv_numbers(call, 1, 1, &fov)) {
        if (!(fov >= 1 && fov <= 170)) {
            ucv_error(call, "Argument Invalid");
            return;
        }
        camera->fov = fov;
        ucv_ok(call);
    }
}

void ucv_do_camera_size(ucv_call *call) {
    double size[2];
    ucv_actor *camera = ucv_call_camera(call);
    if (!camera) return;
    if (call->detail == UCV_GET) {
        ucv_print(call->out, "%d %d", camera->width, camera->height);
    } else if (ucv_numbers(call, 1, 2, size)) {
        if (!(size[0] >= 1 && size[0] <= VG_RENDER_MAX_SIZE && size[1] >= 1 && size[1] <= VG_RENDER_MAX_SIZE)) {
            ucv_error(call, "Argument Invalid");
            return;
        }
        camera->width = (int32_t)size[0], camera->height = (int32_t)size[1], camera->sized = true;
        ucv_ok(call);
    }
}

void ucv_do_camera_move(ucv_call *call) {
    double to[3];
    ucv_actor *camera = ucv_call_camera(call);
    if (!camera || !ucv_numbers(call, 1, 3, to)) return;
    const double length =
        hypot(hypot(to[0] - camera->location[0], to[1] - camera->location[1]), to[2] - camera->location[2]);
    const double free = fmax(ucv_view_clearance(call->game, camera, to) - SWEEP_GAP, 0);
    const double share = length > free ? free / length : 1;
    for (int k = 0; k < 3; k++) camera->location[k] += share * (to[k] - camera->location[k]);
    if (share == 1) memcpy(camera->location, to, sizeof to);
    ucv_ok(call);
}

void ucv_do_camera_accept(ucv_call *call) {
    if (ucv_call_camera(call)) ucv_ok(call);
}

void ucv_do_pawn(ucv_call *call) {
    const ucv_game *g = call->game;
    const ucv_actor *camera = &g->actor[g->camera[0]];
    ucv_put_triple(call->out, call->detail ? camera->rotation : camera->location);
}

/* Stereo, as the plug-in had it up to 0.3.10: camera 1 is made where there is none. */
void ucv_do_eyes(ucv_call *call) {
    ucv_game *g = call->game;
    double distance;
    if (!ucv_numbers(call, 0, 1, &distance)) return;
    if (distance < 0 || (g->cameras < 2 && !ucv_spawn(g, UCV_CAMERA, (vg_span){0}))) {
        ucv_error(call, "Argument Invalid");
        return;
    }
    g->eyes = distance;
    ucv_ok(call);
}

/* The engine's matrix for row vectors: depth runs from 1 at the near plane (10 cm) to 0 far away. */
void ucv_do_camera_matrix(ucv_call *call) {
    const ucv_actor *camera = ucv_call_camera(call);
    if (!camera) return;
    const double x = 1 / tan(camera->fov * VG_PI / 360), y = x * camera->width / camera->height;
    ucv_print(call->out, "[%g 0 0 0] [0 %g 0 0] [0 0 0 1] [0 0 10 0] ", x, y);
}

/* --- pictures ------------------------------------------------------------------------------------------------------ */

static bool is_range(vg_render_mode mode) {
    return mode == VG_RENDER_DEPTH || mode == VG_RENDER_DISTANCE;
}

/* The format that `file` ("png" or "folder/name.png") asks for, where the mode has it; else NULL. */
static const char *format_of(vg_span file, vg_render_mode mode) {
    const char *const known[] = {"png", "bmp", "npy"};
    const char *dot = NULL;
    for (size_t i = 0; i < file.size; i++)
        if (file.at[i] == '.') dot = file.at + i + 1;
    const vg_span ending = dot ? (vg_span){dot, (size_t)(file.at + file.size - dot)} : file;
    for (int i = 0; i < 3; i++)
        if (vg_span_is(ending, known[i]) && is_range(mode) == (i == 2)) return known[i];
    return NULL;
}

/* Where a picture of that name goes; false where the client may not write there. */
static bool path_of(ucv_call *call, vg_span file, char *out, size_t room) {
    char name[512];
    vg_span_copy(name, sizeof name, file);
    if (file.size >= sizeof name || strstr(name, "..")) return false;
    if (name[0] == '/') return call->session->local && snprintf(out, room, "%s", name) < (int)room;
    return snprintf(out, room, "%s/%s", call->game->files, name) < (int)room;
}

/* Turns the body written since `begun` into a file and the reply into the file's name. */
static bool save(ucv_call *call, vg_span file, size_t begun) {
    ucv_buffer *out = call->out;
    char path[1100];
    const bool allowed = path_of(call, file, path, sizeof path);
    FILE *stream = allowed ? fopen(path, "wb") : NULL;
    bool written = stream && fwrite(out->data + begun, 1, out->size - begun, stream) == out->size - begun;
    const int reason = errno;
    if (stream && fclose(stream) != 0) written = false;
    out->size = begun;
    if (written)
        ucv_put(out, file.at, file.size);
    else
        ucv_error(call, "Can not write %.*s: %s", (int)file.size, file.at,
                  allowed ? strerror(reason) : "outside the folder for files");
    return written;
}

/* Answers with the picture, or saves it; false after an error. */
static bool take(ucv_call *call, const ucv_actor *camera, vg_render_mode mode, vg_span file) {
    const char *format = format_of(file, mode);
    if (!format) {
        ucv_error(call, "Invalid filename type, filename %.*s", (int)(file.size < 400 ? file.size : 400), file.at);
        return false;
    }
    const size_t begun = call->out->size;
    vg_error err = {0};
    if (ucv_view_take(call->game, camera, mode, format, call->out, &err) != VG_OK) {
        call->out->size = begun, call->out->full = false;
        ucv_error(call, "%s", err.message);
        return false;
    }
    return vg_span_is(file, format) || save(call, file, begun);
}

void ucv_do_picture(ucv_call *call) {
    const ucv_actor *camera = ucv_call_camera(call);
    if (!camera) return;
    if (call->count > 1) {
        take(call, camera, (vg_render_mode)call->detail, call->arg[1]);
        return;
    }
    /* 0.3.10: without a name, into a numbered file; the answer is its whole path */
    char name[32];
    snprintf(name, sizeof name, "%08d.png", call->game->pictures++);
    const size_t begun = call->out->size;
    if (!take(call, camera, (vg_render_mode)call->detail, (vg_span){name, strlen(name)})) return;
    call->out->size = begun;
    ucv_print(call->out, "%s/%s", call->game->files, name);
}

static const struct {
    const char *name;
    vg_render_mode mode;
} viewmodes[] = {{"lit", VG_RENDER_LIT},         {"unlit", VG_RENDER_LIT},        {"base_color", VG_RENDER_LIT},
                 {"depth", VG_RENDER_LIT},       {"object_mask", VG_RENDER_MASK}, {"seg", VG_RENDER_MASK},
                 {"normal", VG_RENDER_NORMAL},   {"wireframe", VG_RENDER_LIT},    {"vis_depth", VG_RENDER_LIT},
                 {"plane_depth", VG_RENDER_LIT}, {"debug_depth", VG_RENDER_LIT},  {"default", VG_RENDER_LIT}};

void ucv_do_viewmode(ucv_call *call) {
    if (call->detail == UCV_GET) {
        ucv_say(call, call->game->viewmode);
        return;
    }
    for (size_t i = 0; i < sizeof viewmodes / sizeof viewmodes[0]; i++)
        if (vg_span_is(call->arg[0], viewmodes[i].name)) {
            snprintf(call->game->viewmode, sizeof call->game->viewmode, "%s", viewmodes[i].name);
            ucv_ok(call);
            return;
        }
    ucv_error(call, "Argument Invalid");
}

void ucv_do_screenshot(ucv_call *call) {
    const ucv_game *g = call->game;
    vg_render_mode mode = VG_RENDER_LIT;
    for (size_t i = 0; i < sizeof viewmodes / sizeof viewmodes[0]; i++)
        if (strcmp(g->viewmode, viewmodes[i].name) == 0) mode = viewmodes[i].mode;
    take(call, &g->actor[g->camera[0]], mode, call->arg[0]);
}
