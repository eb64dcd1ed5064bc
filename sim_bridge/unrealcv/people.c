/* The people of the game: the simulator walks them; goals, speeds and places set by commands are laid over it. */
#include "common/random.h"
#include "sim_bridge/unrealcv/coords.h"
#include "sim_bridge/unrealcv/game.h"
#include "sim_bridge/unrealcv/rigs.h"

#include <math.h>
#include <string.h>

#define ARRIVED    0.25 /* m: a goal this near counts as reached */
#define PACE_LOW   0.02 /* m/s: what the simulator takes for a pace */
#define PACE_HIGH  2.9
#define PACE_USUAL 1.25

static void take_snapshot(ucv_game *g, ucv_snapshot *s) {
    vg_error err = {0};
    const int32_t people = vg_embedded_people(g->world, 0);
    g->limbs = vg_embedded_capsules(g->world, 0, s->limb, UCV_LIMBS);
    if (g->limbs > UCV_LIMBS) g->limbs = UCV_LIMBS;
    for (int32_t p = 0; p < people; p++) {
        vg_embedded_person person = {0};
        vg_embedded_get_person(g->world, 0, p, &person, &err);
        memcpy(s->at[p], person.at, sizeof s->at[p]);
        s->heading[p] = person.heading;
        vg_embedded_joints(g->world, 0, p, s->joint[p], &err);
    }
}

void ucv_people_start(ucv_game *g) {
    for (int32_t p = 0; p < VG_MAX_PEOPLE; p++) g->person[p] = (ucv_person){.dilation = 1, .pace = PACE_USUAL};
    take_snapshot(g, &g->after);
    g->before = g->after;
    g->stale = true;
}

/* A random point of the person's disc, inside the area where people walk. */
static void draw_goal(const ucv_game *g, int32_t p, ucv_person *person) {
    const vg_world_info *info = &g->world->info;
    vg_rng rng = vg_rng_at(g->seed, (uint32_t)p, person->goals++, VG_DRAW_WALK);
    const double r = person->radius * sqrt((double)vg_rng_uniform(&rng)),
                 turn = 2 * VG_PI * (double)vg_rng_uniform(&rng);
    const double offset[2] = {r * cos(turn), r * sin(turn)};
    for (int k = 0; k < 2; k++) {
        const double low = (double)info->area_low[k], high = (double)info->area_high[k];
        person->goal[k] = fmin(fmax(person->centre[k] + offset[k], low), high);
    }
}

static bool stands(const ucv_person *p) {
    return p->gait == UCV_GAIT_STAND || p->dilation <= 0;
}

/* Before a step: where each driven person shall go. */
static void drive_person(ucv_game *g, int32_t p) {
    ucv_person *person = &g->person[p];
    vg_error err = {0};
    vg_embedded_person now;
    if (person->gait == UCV_GAIT_SIM || stands(person)) return;
    if (vg_embedded_get_person(g->world, 0, p, &now, &err) != VG_OK) return;
    const double left = hypot(person->goal[0] - (double)now.at[0], person->goal[1] - (double)now.at[1]);
    if (left < ARRIVED) {
        if (person->gait == UCV_GAIT_GOAL || person->once) {
            person->gait = UCV_GAIT_STAND;
            return;
        }
        draw_goal(g, p, person);
    }
    const double pace = fmin(fmax(person->pace * person->dilation, PACE_LOW), PACE_HIGH);
    const float goal[2] = {(float)person->goal[0], (float)person->goal[1]};
    vg_embedded_set_goal(g->world, 0, p, goal, (float)pace, &err);
}

vg_status ucv_people_step(ucv_game *g, vg_error *err) {
    const int32_t people = vg_embedded_people(g->world, 0);
    for (int32_t p = 0; p < people; p++) drive_person(g, p);
    const vg_command command = {
        .environment = 0, .cameras = g->world->info.dims.cameras, .frame_id = g->frame->frame_id};
    VG_TRY(vg_world_step(g->world, 0, 1, &command, g->frame, err));
    for (int32_t p = 0; p < people; p++) { /* those who stand are put back */
        if (!stands(&g->person[p])) continue;
        vg_error ignored = {0};
        const vg_embedded_person still = {.at = {g->after.at[p][0], g->after.at[p][1]}, .heading = g->after.heading[p]};
        vg_embedded_set_person(g->world, 0, p, &still, &ignored);
    }
    g->before = g->after;
    take_snapshot(g, &g->after);
    g->stale = true;
    return VG_OK;
}

double ucv_person_share(const ucv_game *g) {
    return g->step_ns > 0 ? (double)g->phase_ns / (double)g->step_ns : 0;
}

static double between(float a, float b, double share) {
    return (double)a + share * ((double)b - (double)a);
}

void ucv_people_present(ucv_game *g) {
    const double share = ucv_person_share(g);
    for (int32_t i = 0; i < g->actors; i++) {
        ucv_actor *a = &g->actor[i];
        if (a->kind != UCV_PERSON) continue;
        const int32_t p = a->person;
        const float *from = g->before.at[p], *to = g->after.at[p];
        if (from[0] == to[0] && from[1] == to[1] && g->before.heading[p] == g->after.heading[p]) continue;
        for (int k = 0; k < 2; k++) {
            const double at = between(from[k], to[k], share) + g->person[p].aside[k];
            a->location[k] = k == 0 ? at * 100 : -at * 100;
        }
        const double turn = vg_wrap_angle((double)g->after.heading[p] - (double)g->before.heading[p]);
        a->rotation[1] = ucv_yaw_of_heading(vg_wrap_angle((double)g->before.heading[p] + share * turn));
    }
    g->stale = true;
}

/* One person's part of a snapshot. */
static void copy_person(ucv_snapshot *to, const ucv_snapshot *from, int32_t p, int32_t limbs) {
    memcpy(to->at[p], from->at[p], sizeof to->at[p]);
    to->heading[p] = from->heading[p];
    memcpy(to->joint[p], from->joint[p], sizeof to->joint[p]);
    for (int32_t i = 0; i < limbs; i++)
        if (from->limb[i].person == p) to->limb[i] = from->limb[i];
}

vg_status ucv_person_place(ucv_game *g, ucv_actor *a, vg_error *err) {
    const int32_t p = a->person;
    const vg_world_info *info = &g->world->info;
    double at[3];
    ucv_to_world(at, a->location);
    vg_embedded_person person;
    VG_TRY(vg_embedded_get_person(g->world, 0, p, &person, err));
    for (int k = 0; k < 2; k++) {
        const float low = info->area_low[k], high = info->area_high[k];
        person.at[k] = fminf(fmaxf((float)at[k], low), high);
        g->person[p].aside[k] = at[k] - (double)person.at[k];
        if (fabs(g->person[p].aside[k]) < 1e-4) g->person[p].aside[k] = 0;
    }
    person.heading = (float)vg_wrap_angle(ucv_heading_of_yaw(a->rotation[1]));
    person.speed = 0;
    VG_TRY(vg_embedded_set_person(g->world, 0, p, &person, err));
    take_snapshot(g, &g->after);
    copy_person(&g->before, &g->after, p, g->limbs);
    g->stale = true;
    return VG_OK;
}

vg_status ucv_person_goal(ucv_game *g, ucv_actor *a, const double goal[2], vg_error *err) {
    ucv_person *person = &g->person[a->person];
    const vg_world_info *info = &g->world->info;
    for (int k = 0; k < 2; k++)
        if (!(goal[k] >= (double)info->area_low[k] && goal[k] <= (double)info->area_high[k]))
            return vg_fail(err, VG_INVALID, "the goal lies outside the area where people walk");
    person->gait = UCV_GAIT_GOAL;
    person->goal[0] = goal[0], person->goal[1] = goal[1];
    return VG_OK;
}

void ucv_person_roam(ucv_game *g, ucv_actor *a, const double centre[2], double radius, bool once) {
    ucv_person *person = &g->person[a->person];
    person->gait = UCV_GAIT_RADIUS, person->radius = radius, person->once = once;
    person->centre[0] = centre[0], person->centre[1] = centre[1];
    draw_goal(g, a->person, person);
}

/* Numbers of people who were removed are given out again before the simulator is asked for one more. */
ucv_actor *ucv_person_spawn(ucv_game *g, vg_span name) {
    bool taken[VG_MAX_PEOPLE] = {false};
    for (int32_t i = 0; i < g->actors; i++)
        if (g->actor[i].kind == UCV_PERSON) taken[g->actor[i].person] = true;
    const vg_world_info *info = &g->world->info;
    const vg_embedded_person middle = {
        .at = {(info->area_low[0] + info->area_high[0]) / 2, (info->area_low[1] + info->area_high[1]) / 2}};
    int32_t p = 0;
    vg_error err = {0};
    while (p < vg_embedded_people(g->world, 0) && taken[p]) p++;
    if (p == vg_embedded_people(g->world, 0) && vg_embedded_add_person(g->world, 0, &p, &middle, &err) != VG_OK)
        return NULL;
    ucv_actor *a = ucv_spawn(g, UCV_PERSON, name);
    if (!a) return NULL;
    a->person = p;
    g->person[p] = (ucv_person){.gait = UCV_GAIT_STAND, .dilation = 1, .pace = PACE_USUAL};
    const double at[3] = {(double)middle.at[0], (double)middle.at[1], 0.9};
    ucv_from_world(a->location, at);
    ucv_person_place(g, a, &err);
    return a;
}

/* A point of a person's body, metres in the simulator, to cm where the game shows it: moved aside and scaled. */
static void show_point(double out[3], const ucv_game *g, const ucv_actor *a, const double point[3]) {
    const int32_t p = a->person;
    const double share = ucv_person_share(g);
    double world[3];
    for (int k = 0; k < 3; k++) {
        const double root = k < 2 ? between(g->before.at[p][k], g->after.at[p][k], share) : 0;
        const double aside = k < 2 ? g->person[p].aside[k] : 0;
        world[k] = root + aside + (point[k] - root) * a->scale[k];
    }
    ucv_from_world(out, world);
}

void ucv_person_joints(const ucv_game *g, const ucv_actor *a, double out[VG_JOINTS14][3]) {
    const double share = ucv_person_share(g);
    for (int j = 0; j < VG_JOINTS14; j++) {
        double point[3];
        for (int k = 0; k < 3; k++)
            point[k] = between(g->before.joint[a->person][j][k], g->after.joint[a->person][j][k], share);
        show_point(out[j], g, a, point);
    }
}

void ucv_person_bones(const ucv_game *g, const ucv_actor *a, ucv_buffer *out) {
    double joint[VG_JOINTS14][3];
    ucv_person_joints(g, a, joint);
    ucv_put(out, "[", 1);
    for (int b = 0; b < UCV_BONES; b++) {
        const ucv_bone *bone = &ucv_bones[b];
        ucv_print(out, "%s{\"Name\":\"%s\",\"KpWorld\":{", b ? "," : "", bone->name);
        for (int k = 0; k < 3; k++) {
            const double *p = joint[bone->from], *q = joint[bone->to], *r = joint[bone->also];
            const double at = bone->to == bone->also ? p[k] + (double)bone->share * (q[k] - p[k])
                                                     : p[k] + (double)bone->share * ((q[k] + r[k]) / 2 - p[k]);
            ucv_put(out, k == 0 ? "\"X\":" : k == 1 ? ",\"Y\":" : ",\"Z\":", k == 0 ? 4 : 5);
            ucv_put_number(out, at, 4);
        }
        ucv_put(out, "}}", 2);
    }
    ucv_put(out, "]", 1);
}
