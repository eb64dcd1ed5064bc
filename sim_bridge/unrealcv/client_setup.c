/* After connecting: what this game offers, which of its cameras and people are ours. Versions of the plug-in differ; what
 * is not offered is done without, and only what nothing can replace is an error. */
#include "sim_bridge/unrealcv/client_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static vg_status finish_round(ucv_link *link, vg_error *err) {
    VG_TRY(ucv_round_send(link, err));
    return ucv_round_receive(link, err);
}

/* --- what the game can do ----------------------------------------------------------------------------------------------- */

typedef struct offers {
    vg_span commands, help, status;
} offers;

static bool offered(const offers *o, const char *command) {
    return ucv_lists_command(o->commands, command) || ucv_lists_command(o->help, command);
}

/* How a step is let pass, by the commands the game lists. */
static vg_status choose_pace(const ucv_client *c, ucv_env *e, const offers *o, vg_error *err) {
    const double step = c->base.info.step_seconds;
    e->pace = c->wish.pace;
    const bool counted = offered(o, "vset /action/tick [uint] [float]");
    const bool plain = offered(o, "vset /action/tick") && offered(o, "vset /action/set_fixed_frame_rate");
    if (e->pace == VG_PACE_AUTO) e->pace = counted || plain ? VG_PACE_TICK : VG_PACE_PAUSE;
    if (e->pace != VG_PACE_TICK) return VG_OK;
    if (!counted && !plain)
        return vg_fail(err, VG_UNSUPPORTED, "%s offers no `vset /action/tick`; set game.pace to pause, free or auto",
                       e->link.endpoint);
    snprintf(e->tick, sizeof e->tick, counted ? "vset /action/tick 1 %.6f" : "vset /action/tick", step);
    vg_span reply;
    if (!counted) VG_TRY(ucv_request(&e->link, &reply, err, "vset /action/set_fixed_frame_rate %.3f", 1 / step));
    return VG_OK;
}

/* --- cameras ------------------------------------------------------------------------------------------------------------- */

static vg_status count_cameras(ucv_env *e, int32_t *count, vg_error *err) {
    vg_span list;
    *count = 0;
    VG_TRY(ucv_request(&e->link, &list, err, "vget /cameras"));
    if (vg_span_starts(list, "error")) { /* no list: the indices that answer */
        ucv_round_begin(&e->link);
        for (int32_t i = 0; i <= VG_MAX_CAMERAS; i++) ucv_ask(&e->link, "vget /camera/%d/location", i);
        VG_TRY(finish_round(&e->link, err));
        while (*count <= VG_MAX_CAMERAS && !ucv_reply_failed(&e->link, *count)) ++*count;
        return VG_OK;
    }
    while (vg_span_word(&list).size) ++*count;
    return VG_OK;
}

/* Indices 1 to n, camera 0 being the player's; missing ones are spawned. Where that cannot be, 0 to n - 1. */
static vg_status adopt_indices(const ucv_client *c, ucv_env *e, vg_error *err) {
    const int32_t wanted = c->sim.dims.cameras;
    int32_t count, before = -1, first = 1;
    VG_TRY(count_cameras(e, &count, err));
    while (count < wanted + 1 && count > before) {
        vg_span reply;
        before = count;
        VG_TRY(ucv_request(&e->link, &reply, err, "vset /cameras/spawn"));
        VG_TRY(count_cameras(e, &count, err));
    }
    if (count < wanted + 1) first = 0;
    if (count < wanted)
        return vg_fail(err, VG_FAILED,
                       "%s has %d cameras, spawns no more, and world.cameras is %d; put more camera actors "
                       "(FusionCameraActor) into the level, or name cameras in game.cameras",
                       e->link.endpoint, count, wanted);
    for (int32_t i = 0; i < wanted; i++) snprintf(e->camera[i], sizeof e->camera[i], "%d", first + i);
    return VG_OK;
}

/* The cameras of game.cameras, each spawned under its name where it is missing. */
static vg_status adopt_named(const ucv_client *c, ucv_env *e, vg_error *err) {
    vg_span rest = {c->wish.cameras, strlen(c->wish.cameras)};
    for (int32_t i = 0; i < c->sim.dims.cameras; i++) {
        const vg_span name = vg_span_word(&rest);
        if (!name.size)
            return vg_fail(err, VG_INVALID, "game.cameras names %d cameras; world.cameras is %d", i,
                           c->sim.dims.cameras);
        vg_span_copy(e->camera[i], sizeof e->camera[i], name);
        vg_span reply;
        VG_TRY(ucv_request(&e->link, &reply, err, "vget /camera/%s/location", e->camera[i]));
        if (!vg_span_starts(reply, "error")) continue;
        VG_TRY(ucv_request(&e->link, &reply, err, "vset /objects/spawn FusionCameraActor %s", e->camera[i]));
        VG_TRY(ucv_request(&e->link, &reply, err, "vget /camera/%s/location", e->camera[i]));
        if (vg_span_starts(reply, "error"))
            return ucv_reply_wrong(&e->link, 0, "game.cameras names a camera that is not there and cannot be spawned",
                                   err);
    }
    return VG_OK;
}

/* Asks every camera for the wanted size and field of view, and takes what it then has. */
static vg_status set_lenses(const ucv_client *c, ucv_env *e, const offers *o, vg_error *err) {
    ucv_link *link = &e->link;
    double width = 0, height = 0, size[2];
    if (!ucv_read_status(&width, o->status, "Width", NULL) ||
        !ucv_read_status(&height, o->status, "Height", "Heigth")) /* as 0.3.10 spells it */
        width = c->wish.width, height = c->wish.height;
    const int32_t cameras = c->sim.dims.cameras;
    ucv_round_begin(link);
    for (int32_t i = 0; i < cameras; i++) {
        ucv_ask(link, "vset /camera/%s/size %d %d", e->camera[i], c->wish.width, c->wish.height);
        ucv_ask(link, "vset /camera/%s/fov %.3f", e->camera[i], c->wish.fov);
        ucv_ask(link, "vset /camera/%s/horizontal_fieldofview %.3f", e->camera[i], c->wish.fov);
        ucv_ask(link, "vget /camera/%s/size", e->camera[i]);
        ucv_ask(link, "vget /camera/%s/fov", e->camera[i]);
        ucv_ask(link, "vget /camera/%s/horizontal_fieldofview", e->camera[i]);
        ucv_ask(link, "vget /camera/%s/pose", e->camera[i]);
    }
    VG_TRY(finish_round(link, err));
    e->has_pose = true;
    for (int32_t i = 0; i < cameras; i++) {
        double pose[6], fov = c->wish.fov, other[2] = {width, height};
        if (ucv_read_numbers(size, 2, ucv_reply(link, 7 * i + 3))) memcpy(other, size, sizeof other);
        if (!ucv_read_numbers(&fov, 1, ucv_reply(link, 7 * i + 4)) &&
            !ucv_read_numbers(&fov, 1, ucv_reply(link, 7 * i + 5)))
            fov = c->wish.fov;
        if (!(fov > 0 && fov < 180)) return ucv_reply_wrong(link, 7 * i + 4, "0 to 180 degrees were expected", err);
        if (!(other[0] >= 1 && other[0] <= 16384 && other[1] >= 1 && other[1] <= 16384))
            return ucv_reply_wrong(link, 7 * i + 3, "1 to 16384 px were expected", err);
        if (i > 0 && ((int32_t)other[0] != e->width || (int32_t)other[1] != e->height || fabs(fov - e->fov) > 1e-3))
            VG_WARNF(c->wish.log, "%s: camera %s has another size or field of view than the others", link->endpoint,
                     e->camera[i]);
        e->width = (int32_t)other[0], e->height = (int32_t)other[1], e->fov = fov;
        if (!ucv_read_numbers(pose, 6, ucv_reply(link, 7 * i + 6))) e->has_pose = false;
    }
    return VG_OK;
}

/* --- people -------------------------------------------------------------------------------------------------------------- */

/* Names of people: those of game.people, or its one word with 1, 2, ... behind it. */
static vg_status name_people(const ucv_client *c, ucv_env *e, vg_error *err) {
    const char *wish = c->wish.people[0] ? c->wish.people : "human";
    vg_span rest = {wish, strlen(wish)}, more = rest;
    const vg_span first = vg_span_word(&more);
    const bool counted = vg_span_trim(more).size == 0 && c->sim.dims.people > 1;
    const bool single = vg_span_trim(more).size == 0 && !c->wish.people[0];
    for (int32_t p = 0; p < c->sim.dims.people; p++) {
        if (counted || single) {
            snprintf(e->person[p], sizeof e->person[p], "%.*s%d", (int)(first.size < 48 ? first.size : 48), first.at,
                     p + 1);
            continue;
        }
        const vg_span name = vg_span_word(&rest);
        if (!name.size)
            return vg_fail(err, VG_INVALID, "game.people names %d people; world.people is %d", p, c->sim.dims.people);
        vg_span_copy(e->person[p], sizeof e->person[p], name);
    }
    return VG_OK;
}

static vg_status meet_people(const ucv_client *c, ucv_env *e, vg_error *err) {
    VG_TRY(name_people(c, e, err));
    const int32_t people = c->sim.dims.people;
    ucv_round_begin(&e->link);
    for (int32_t p = 0; p < people; p++) ucv_ask(&e->link, "vget /human/%s/3d_keypoint", e->person[p]);
    for (int32_t p = 0; p < people; p++) ucv_ask(&e->link, "vget /object/%s/color", e->person[p]);
    VG_TRY(finish_round(&e->link, err));
    bool coloured = false;
    e->has_bones = false;
    for (int32_t p = 0; p < people; p++) {
        e->rig[p] = -1;
        e->has_bones |= !ucv_reply_failed(&e->link, p);
        e->has_colour[p] = ucv_read_colour(e->colour[p], ucv_reply(&e->link, people + p));
        coloured |= e->has_colour[p];
        if (c->wish.keypoints == VG_KEYPOINTS_MASKED && !e->has_colour[p] && !ucv_reply_failed(&e->link, p))
            return ucv_reply_wrong(&e->link, people + p,
                                   "keypoints from masks need it: set world.keypoints to projected", err);
    }
    if (c->wish.keypoints == VG_KEYPOINTS_DETECTOR && !coloured)
        return ucv_reply_wrong(&e->link, people,
                               "without colours in the object mask nobody can be told apart: name the "
                               "game's people in game.people",
                               err);
    if (!e->has_bones && c->wish.keypoints != VG_KEYPOINTS_DETECTOR)
        return ucv_reply_wrong(&e->link, 0,
                               "without bones there are no keypoints: name the game's people in game.people, or use a "
                               "game that tells bones",
                               err);
    return VG_OK;
}

/* --- all of it ------------------------------------------------------------------------------------------------------------- */

vg_status ucv_setup(ucv_client *c, ucv_env *e, vg_error *err) {
    ucv_link *link = &e->link;
    ucv_round_begin(link);
    ucv_ask(link, "vget /unrealcv/commands");
    ucv_ask(link, "vget /unrealcv/help");
    ucv_ask(link, "vget /unrealcv/status");
    VG_TRY(finish_round(link, err));
    char *text[3];
    offers o;
    vg_span *const part[3] = {&o.commands, &o.help, &o.status};
    for (int i = 0; i < 3; i++) { /* the replies are gone with the next round */
        const vg_span reply = ucv_reply(link, i);
        text[i] = strndup(reply.at, reply.size);
        *part[i] = (vg_span){text[i] ? text[i] : "", text[i] ? strlen(text[i]) : 0};
    }
    e->has_seed = offered(&o, "vset /action/game/seed [uint]");
    e->has_batch = offered(&o, "vbatch");
    vg_status status = choose_pace(c, e, &o, err);
    if (status == VG_OK) status = c->wish.cameras[0] ? adopt_named(c, e, err) : adopt_indices(c, e, err);
    if (status == VG_OK) status = set_lenses(c, e, &o, err);
    for (int i = 0; i < 3; i++) free(text[i]);
    VG_TRY(status);
    VG_TRY(meet_people(c, e, err));
    vg_span reply;
    if (e->pace != VG_PACE_FREE) VG_TRY(ucv_request(link, &reply, err, "vset /action/game/pause"));
    static const char *const paces[] = {"auto", "fixed ticks", "paused while looked at", "running freely"};
    VG_INFOF(c->wish.log, "%s: %s, %d cameras of %d x %d px and %.1f degrees, %s", link->endpoint, link->project,
             c->sim.dims.cameras, e->width, e->height, e->fov, paces[e->pace]);
    return VG_OK;
}
