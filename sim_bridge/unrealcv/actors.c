/* The actors of the game: names, colours, cameras by name and number, and the corners of what they are made of. */
#include "sim_bridge/unrealcv/coords.h"
#include "sim_bridge/unrealcv/game.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MASK_LEVELS 9 /* per channel, 31 apart: clients tell colours apart with a tolerance of 3 */

static const char *const class_of[] = {"None",        "StaticMeshActor", "StaticMeshActor",
                                       "CvCharacter", "CubeActor",       "FusionCameraActor"};

/* The i-th mask colour: all differ by 31 or more in a channel, neighbours in number differ much. */
static void colour_of(vg_render_colour *out, int32_t i, ucv_kind kind) {
    const int32_t all = MASK_LEVELS * MASK_LEVELS * MASK_LEVELS;
    const int32_t k = (int32_t)(((int64_t)(i % (all - 1) + 1) * 181) % all); /* 181 and 9^3 share no factor: never 0 */
    out->mask[0] = (uint8_t)(31 * (k / 81)), out->mask[1] = (uint8_t)(31 * (k / 9 % 9)),
    out->mask[2] = (uint8_t)(31 * (k % 9));
    static const uint8_t cloth[8][3] = {{196, 78, 82},   {76, 114, 176},  {85, 168, 104}, {221, 132, 82},
                                        {129, 114, 178}, {218, 139, 195}, {140, 140, 60}, {100, 181, 205}};
    static const uint8_t plain[6][3] = {{0, 0, 0}, {150, 152, 146}, {172, 160, 142},
                                        {0, 0, 0}, {224, 196, 120}, {0, 0, 0}};
    memcpy(out->lit, kind == UCV_PERSON ? cloth[i % 8] : plain[kind], 3);
}

ucv_actor *ucv_find(ucv_game *g, vg_span name) {
    for (int32_t i = 0; i < g->actors; i++)
        if (g->actor[i].kind != UCV_FREE && vg_span_is(name, g->actor[i].name)) return &g->actor[i];
    return NULL;
}

/* The right eye of camera 0 stands where that one is now. */
static void follow_eye(const ucv_game *g, ucv_actor *eye) {
    const ucv_actor *left = &g->actor[g->camera[0]];
    double forward[3], right[3], up[3];
    ucv_axes(forward, right, up, left->rotation);
    ucv_from_world(right, right); /* cm for a metre aside */
    for (int k = 0; k < 3; k++) eye->location[k] = left->location[k] + right[k] * g->eyes / 100;
    memcpy(eye->rotation, left->rotation, sizeof eye->rotation);
}

ucv_actor *ucv_find_camera(ucv_game *g, vg_span name) {
    long index = 0;
    while (index < g->cameras && !vg_span_is(name, g->actor[g->camera[index]].name)) index++;
    if (index == g->cameras && (!vg_span_int(name, &index) || index < 0 || index >= g->cameras)) return NULL;
    ucv_actor *camera = &g->actor[g->camera[index]];
    if (index == 1 && g->eyes > 0) follow_eye(g, camera);
    return camera;
}

static void name_actor(ucv_game *g, ucv_actor *a, ucv_kind kind, vg_span name) {
    if (name.size > 0) {
        vg_span_copy(a->name, sizeof a->name, name);
        return;
    }
    do snprintf(a->name, sizeof a->name, "%s_%d", class_of[kind], g->spawned++);
    while (ucv_find(g, (vg_span){a->name, strlen(a->name)}) != NULL);
}

ucv_actor *ucv_spawn(ucv_game *g, ucv_kind kind, vg_span name) {
    if (kind == UCV_CAMERA && g->cameras == UCV_CAMERAS) return NULL;
    int32_t i = 0;
    while (i < g->actors && g->actor[i].kind != UCV_FREE) i++;
    if (i == UCV_ACTORS) return NULL;
    if (i == g->actors) g->actors++;
    ucv_actor *a = &g->actor[i];
    *a =
        (ucv_actor){.scale = {1, 1, 1}, .half = {0.5, 0.5, 0.5}, .fov = g->fov, .width = g->width, .height = g->height};
    name_actor(g, a, kind, name);
    a->kind = (int32_t)kind;
    colour_of(&a->colour, i, kind);
    if (kind == UCV_CAMERA) g->camera[g->cameras++] = i;
    g->stale = true;
    return a;
}

void ucv_destroy(ucv_game *g, ucv_actor *a) {
    const int32_t i = (int32_t)(a - g->actor);
    for (int32_t c = 0; c < g->cameras; c++)
        if (g->camera[c] == i) {
            memmove(&g->camera[c], &g->camera[c + 1], sizeof g->camera[0] * (size_t)(g->cameras - c - 1));
            g->cameras--;
            break;
        }
    a->kind = UCV_FREE;
    g->stale = true;
}

static vg_span span_of(const char *text) {
    return (vg_span){text, strlen(text)};
}

static void add_obstacle(ucv_game *g, const vg_obstacle *o) {
    ucv_actor *a = ucv_spawn(g, UCV_OBSTACLE, (vg_span){0});
    if (!a) return;
    double centre[3];
    for (int k = 0; k < 3; k++) centre[k] = (double)o->centre[k], a->half[k] = (double)o->half[k];
    ucv_from_world(a->location, centre);
    a->rotation[1] = ucv_yaw_of_heading((double)o->yaw);
    a->shape = o->kind;
    if (o->kind == VG_OBSTACLE_CYLINDER) a->half[1] = a->half[0];
}

/* A person's actor where the simulator has the person. */
static void show_person(ucv_game *g, ucv_actor *a) {
    vg_error err = {0};
    vg_embedded_person person = {0};
    if (vg_embedded_get_person(g->world, 0, a->person, &person, &err) != VG_OK) return;
    const double at[3] = {(double)person.at[0], (double)person.at[1], (double)person.height / 2};
    ucv_from_world(a->location, at); /* a character's origin is half way up */
    a->rotation[1] = ucv_yaw_of_heading((double)person.heading);
}

void ucv_show_people(ucv_game *g) {
    for (int32_t i = 0; i < g->actors; i++) {
        ucv_actor *a = &g->actor[i];
        if (a->kind != UCV_PERSON) continue;
        if (a->person < vg_embedded_people(g->world, 0))
            show_person(g, a);
        else
            ucv_destroy(g, a); /* was spawned into the world before */
    }
}

void ucv_populate(ucv_game *g) {
    const vg_world_info *info = &g->world->info;
    g->actors = 0, g->cameras = 0, g->spawned = 0, g->draws = 0;
    ucv_spawn(g, UCV_GROUND, span_of("Floor"));
    for (int32_t i = 0; i < info->obstacle_count; i++) add_obstacle(g, &info->obstacles[i]);
    for (int32_t p = 0; p < g->people; p++) {
        char name[UCV_NAME];
        snprintf(name, sizeof name, "human%d", p + 1);
        ucv_actor *a = ucv_spawn(g, UCV_PERSON, span_of(name));
        if (!a) break;
        a->person = p, a->resident = true;
        show_person(g, a);
    }
    g->spawned = 0;
    for (int32_t c = 0; c < g->start_cameras; c++) {
        ucv_actor *a = ucv_spawn(g, UCV_CAMERA, (vg_span){0});
        if (!a) break;
        /* on a circle about the middle, 3 m up, looking in: as good a place as any to begin with */
        const double turn = 2 * VG_PI * c / g->start_cameras;
        double at[3] = {0, 0, 3};
        for (int k = 0; k < 2; k++) {
            const double low = (double)info->area_low[k], high = (double)info->area_high[k];
            at[k] = (low + high) / 2 - (k == 0 ? cos(turn) : sin(turn)) * (high - low) / 2;
        }
        ucv_from_world(a->location, at);
        a->rotation[0] = -25, a->rotation[1] = ucv_yaw_of_heading(turn);
    }
}

static int32_t person_vertices(const ucv_game *g, const ucv_actor *a, double out[128][3]) {
    double joint[VG_JOINTS14][3];
    ucv_person_joints(g, a, joint);
    int32_t n = 0;
    for (int j = 0; j < VG_JOINTS14; j++) /* a limb's thickness about each joint */
        for (int i = 0; i < 6; i++, n++) {
            memcpy(out[n], joint[j], sizeof out[n]);
            out[n][i / 2] += (i % 2 ? 8.0 : -8.0) * a->scale[i / 2];
        }
    for (int i = 0; i < 2; i++, n++) { /* top of the head, soles */
        memcpy(out[n], joint[i ? VG_L_ANKLE : VG_L_EYE], sizeof out[n]);
        out[n][2] = i ? 0 : out[n][2] + 12 * a->scale[2];
    }
    return n;
}

int32_t ucv_vertices(const ucv_game *g, const ucv_actor *a, double out[128][3]) {
    if (a->kind == UCV_PERSON) return person_vertices(g, a, out);
    if (a->kind == UCV_CAMERA) {
        memcpy(out[0], a->location, sizeof out[0]);
        return 1;
    }
    double axis[3][3], half[3];
    ucv_axes(axis[0], axis[1], axis[2], a->rotation);
    for (int k = 0; k < 3; k++) half[k] = a->half[k] * a->scale[k];
    if (a->kind == UCV_GROUND) half[0] = half[1] = 50, half[2] = 0;
    const bool round = a->kind != UCV_GROUND && a->shape == VG_OBSTACLE_CYLINDER;
    const int32_t n = round ? 64 : 8;
    for (int32_t i = 0; i < n; i++) {
        const double turn = 2 * VG_PI * (i / 2) / (n / 2);
        const double local[3] = {round ? half[0] * cos(turn) : (i & 1 ? half[0] : -half[0]),
                                 round ? half[0] * sin(turn) : (i & 2 ? half[1] : -half[1]),
                                 (round ? i & 1 : i & 4) ? half[2] : -half[2]};
        double world[3];
        for (int k = 0; k < 3; k++) world[k] = local[0] * axis[0][k] + local[1] * axis[1][k] + local[2] * axis[2][k];
        ucv_from_world(out[i], world);
        for (int k = 0; k < 3; k++) out[i][k] += a->location[k];
    }
    return n;
}
