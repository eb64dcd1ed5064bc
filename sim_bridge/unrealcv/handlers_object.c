/* Commands about objects and people. */
#include "sim_bridge/unrealcv/handlers.h"

#include <math.h>
#include <string.h>
#include <strings.h>

void ucv_do_objects(ucv_call *call) {
    const ucv_game *g = call->game;
    bool first = true;
    for (int32_t i = 0; i < g->actors; i++) {
        if (g->actor[i].kind == UCV_FREE) continue;
        ucv_print(call->out, "%s%s", first ? "" : " ", g->actor[i].name);
        first = false;
    }
}

/* --- spawning ------------------------------------------------------------------------------------------------------ */

/* A name that clients can use in a command, not taken yet. */
static bool name_is_free(ucv_call *call, vg_span name) {
    if (name.size >= UCV_NAME) {
        ucv_error(call, "Argument Invalid");
        return false;
    }
    if (ucv_find(call->game, name)) {
        ucv_error(call, "Failed to spawn %.*s, object exists.", (int)name.size, name.at);
        return false;
    }
    return true;
}

static bool holds(vg_span text, const char *part) {
    const size_t size = strlen(part);
    for (size_t i = 0; i + size <= text.size; i++)
        if (strncasecmp(text.at + i, part, size) == 0) return true;
    return false;
}

/* What an object of a class is here. Games have classes of their own, made from blueprints, whose names end in _C:
 * people stand in for characters, cubes for the rest. */
static ucv_kind kind_of(vg_span class) {
    if (vg_span_is(class, "FusionCameraActor")) return UCV_CAMERA;
    if (vg_span_is(class, "CvCharacter")) return UCV_PERSON;
    if (vg_span_is(class, "CubeActor") || vg_span_is(class, "Cube")) return UCV_BOX;
    if (class.size < 3 || memcmp(class.at + class.size - 2, "_C", 2) != 0) return UCV_FREE;
    const bool person = holds(class, "character") || holds(class, "human") || holds(class, "pedestrian") ||
                        holds(class, "target") || holds(class, "agent");
    return person ? UCV_PERSON : UCV_BOX;
}

static void spawn(ucv_call *call, ucv_kind kind, vg_span name) {
    ucv_actor *there = name.size > 0 ? ucv_find(call->game, name) : NULL;
    const bool given = there && there->resident && there->kind == (int32_t)kind;
    if (given)
        there->resident = false;
    else if (name.size > 0 && !name_is_free(call, name))
        return;
    const ucv_actor *a = given                ? there
                         : kind == UCV_PERSON ? ucv_person_spawn(call->game, name)
                                              : ucv_spawn(call->game, kind, name);
    if (!a)
        ucv_error(call, "Failed to spawn actor");
    else if (kind != UCV_BOX && name.size > 0 && call->detail)
        ucv_ok(call); /* the answer that clients of cameras and people wait for */
    else
        ucv_say(call, a->name);
}

void ucv_do_spawn(ucv_call *call) {
    const vg_span class = call->arg[0], name = call->count > 1 ? call->arg[1] : (vg_span){0};
    const ucv_kind kind = kind_of(class);
    if (kind == UCV_FREE) {
        ucv_error(call, "Can not find a class with name '%.*s'", (int)(class.size < 400 ? class.size : 400), class.at);
        return;
    }
    call->detail = vg_span_is(class, "FusionCameraActor") || vg_span_is(class, "CvCharacter");
    spawn(call, kind, name);
}

/* SimWorld names an asset's path. */
void ucv_do_spawn_asset(ucv_call *call) {
    const ucv_kind kind = kind_of(call->arg[0]);
    call->detail = 0;
    spawn(call, kind == UCV_FREE ? UCV_BOX : kind, call->arg[1]);
}

void ucv_do_spawn_cube(ucv_call *call) {
    call->detail = 0;
    spawn(call, UCV_BOX, call->count > 0 ? call->arg[0] : (vg_span){0});
}

bool ucv_destroy_object(ucv_call *call, ucv_actor *a) {
    ucv_game *g = call->game;
    if (a->kind == UCV_GROUND || a == &g->actor[g->camera[0]]) {
        ucv_error(call, "Argument Invalid"); /* the ground and the player's camera stay */
        return false;
    }
    ucv_destroy(g, a);
    return true;
}

void ucv_do_object_destroy(ucv_call *call) {
    ucv_actor *a = ucv_call_object(call);
    if (a && ucv_destroy_object(call, a)) ucv_ok(call);
}

/* --- place --------------------------------------------------------------------------------------------------------- */

static void place(ucv_call *call, ucv_actor *a) {
    vg_error err = {0};
    call->game->stale = true;
    if (a->kind == UCV_PERSON && ucv_person_place(call->game, a, &err) != VG_OK)
        ucv_error(call, "%s", err.message);
    else
        ucv_ok(call);
}

void ucv_set_location(ucv_call *call, ucv_actor *a, const double location[3]) {
    memcpy(a->location, location, sizeof a->location);
    place(call, a);
}

void ucv_set_rotation(ucv_call *call, ucv_actor *a, const double rotation[3]) {
    memcpy(a->rotation, rotation, sizeof a->rotation);
    place(call, a);
}

void ucv_do_object_location(ucv_call *call) {
    double location[3];
    ucv_actor *a = ucv_call_object(call);
    if (!a) return;
    if (call->detail == UCV_GET)
        ucv_put_triple(call->out, a->location);
    else if (ucv_numbers(call, 1, 3, location))
        ucv_set_location(call, a, location);
}

void ucv_do_object_rotation(ucv_call *call) {
    double rotation[3];
    ucv_actor *a = ucv_call_object(call);
    if (!a) return;
    if (call->detail == UCV_GET)
        ucv_put_triple(call->out, a->rotation);
    else if (ucv_numbers(call, 1, 3, rotation))
        ucv_set_rotation(call, a, rotation);
}

void ucv_do_object_scale(ucv_call *call) {
    double scale[3];
    ucv_actor *a = ucv_call_object(call);
    if (!a) return;
    if (call->detail == UCV_GET) {
        ucv_put_triple(call->out, a->scale);
    } else if (ucv_numbers(call, 1, 3, scale)) {
        for (int k = 0; k < 3; k++)
            if (!(scale[k] >= 0 && scale[k] <= 1000)) {
                ucv_error(call, "Argument Invalid");
                return;
            }
        memcpy(a->scale, scale, sizeof a->scale);
        call->game->stale = true;
        ucv_ok(call);
    }
}

/* --- looks --------------------------------------------------------------------------------------------------------- */

void ucv_do_object_colour(ucv_call *call) {
    double rgb[3];
    ucv_actor *a = ucv_call_object(call);
    if (!a) return;
    if (call->detail == UCV_GET) {
        const uint8_t *c = a->colour.mask;
        ucv_print(call->out, "(R=%d,G=%d,B=%d,A=255)", c[0], c[1], c[2]);
    } else if (ucv_numbers(call, 1, 3, rgb)) {
        for (int k = 0; k < 3; k++) a->colour.mask[k] = (uint8_t)fmin(rgb[k], 255);
        call->game->stale = true;
        ucv_ok(call);
    }
}

void ucv_do_object_show(ucv_call *call) {
    ucv_actor *a = ucv_call_object(call);
    if (!a) return;
    a->hidden = call->detail == 0;
    call->game->stale = true;
    ucv_ok(call);
}

void ucv_do_object_bounds(ucv_call *call) {
    const ucv_actor *a = ucv_call_object(call);
    if (!a) return;
    double vertex[128][3], low[3], high[3];
    const int32_t n = ucv_vertices(call->game, a, vertex);
    for (int k = 0; k < 3; k++) {
        low[k] = high[k] = vertex[0][k];
        for (int32_t i = 1; i < n; i++) low[k] = fmin(low[k], vertex[i][k]), high[k] = fmax(high[k], vertex[i][k]);
    }
    for (int k = 0; k < 6; k++) {
        if (k) ucv_put(call->out, " ", 1);
        ucv_put_number(call->out, k < 3 ? low[k] : high[k - 3], 2);
    }
}

void ucv_do_object_vertices(ucv_call *call) {
    const ucv_actor *a = ucv_call_object(call);
    if (!a) return;
    double vertex[128][3];
    const int32_t n = ucv_vertices(call->game, a, vertex);
    for (int32_t i = 0; i < n; i++) {
        for (int k = 0; k < 3; k++) {
            ucv_put_number(call->out, vertex[i][k], 5);
            ucv_put(call->out, k < 2 ? "     " : "\n", k < 2 ? 5 : 1);
        }
    }
}

void ucv_do_object_class(ucv_call *call) {
    static const char *const names[] = {"None",        "StaticMeshActor", "StaticMeshActor",
                                        "CvCharacter", "CubeActor",       "FusionCameraActor"};
    const ucv_actor *a = ucv_call_object(call);
    if (a) ucv_say(call, names[a->kind]);
}

void ucv_do_object_mobility(ucv_call *call) {
    const ucv_actor *a = ucv_call_object(call);
    if (a) ucv_say(call, a->kind == UCV_GROUND || a->kind == UCV_OBSTACLE ? "Static" : "Movable");
}

void ucv_do_object_name(ucv_call *call) {
    ucv_actor *a = ucv_call_object(call);
    if (!a) return;
    const vg_span name = call->arg[1];
    if (call->detail == UCV_GET) {
        ucv_say(call, a->name);
    } else if (vg_span_is(name, a->name)) {
        ucv_say(call, "The name has already been set");
    } else if (name.size == 0 || name.size >= UCV_NAME) {
        ucv_error(call, "Argument Invalid");
    } else if (ucv_find(call->game, name)) {
        ucv_error(call, "Renaming an object to overwrite an existing object is not allowed: %.*s", (int)name.size,
                  name.at);
    } else {
        vg_span_copy(a->name, sizeof a->name, name);
        ucv_ok(call);
    }
}

void ucv_do_object_accept(ucv_call *call) {
    if (ucv_call_object(call)) ucv_ok(call);
}

void ucv_do_object_material(ucv_call *call) {
    if (ucv_call_object(call)) ucv_say(call, "[0] /Vergence/Plain");
}

/* --- people -------------------------------------------------------------------------------------------------------- */

static ucv_actor *human_of(ucv_call *call) {
    ucv_actor *a = ucv_call_object(call);
    if (a && a->kind != UCV_PERSON) {
        ucv_error(call, "Can not find object");
        a = NULL;
    }
    return a;
}

void ucv_do_human_bones(ucv_call *call) {
    const ucv_actor *a = human_of(call);
    if (a) ucv_person_bones(call->game, a, call->out);
}

void ucv_do_human_accept(ucv_call *call) {
    if (human_of(call)) ucv_ok(call);
}

void ucv_do_human_frames(ucv_call *call) {
    if (human_of(call)) ucv_say(call, "100");
}
