/* Where people walk. Each person walks to random points of the area at a pace of their own. Others are avoided by a
 * force that grows as the predicted time to a collision falls (after Karamouzas, Skinner and Guy, "Universal power law
 * governing pedestrian interactions", 2014), obstacles by a short-range repulsion. The force bends the wanted velocity;
 * a body can only follow it by turning at a limited rate and walking forward, which gives slow starts and turns in
 * place. What remains of an overlap is resolved by moving both apart. */
#include "sim_bridge/embedded/sim.h"

#include "common/random.h"

#include <math.h>

#define RADIUS      0.26f /* m, of a person when planning */
#define HORIZON     5.0f  /* collisions later than this many seconds (at 1 m/s) do not matter */
#define ARRIVED     0.45f /* m from the goal */
#define HEAD_ROOM   2.0f  /* obstacles that begin above this height do not stop people */
#define WALL_RANGE  0.50f /* m, reach of the repulsion by obstacles */
#define STUCK_AFTER 4.0f  /* seconds without progress, then another goal */
#define TAU         6.28318530718f

static float clamp(float x, float low, float high) {
    return x < low ? low : x > high ? high : x;
}

/* Distance from a point to an obstacle's outline in plan (negative inside), and the outward direction there. */
static float outline_distance(float normal[2], const vg_obstacle *o, const float at[2]) {
    const float x = at[0] - o->centre[0], y = at[1] - o->centre[1];
    if (o->kind == VG_OBSTACLE_CYLINDER) {
        const float d = sqrtf(x * x + y * y);
        normal[0] = d > 1e-6f ? x / d : 1, normal[1] = d > 1e-6f ? y / d : 0;
        return d - o->half[0];
    }
    const float c = cosf(o->yaw), s = sinf(o->yaw);
    const float lx = c * x + s * y, ly = -s * x + c * y; /* in the box's own axes */
    const float qx = fabsf(lx) - o->half[0], qy = fabsf(ly) - o->half[1];
    float nx, ny, distance;
    if (qx > 0 && qy > 0) {
        distance = sqrtf(qx * qx + qy * qy);
        nx = copysignf(qx / distance, lx), ny = copysignf(qy / distance, ly);
    } else if (qx > qy) {
        distance = qx, nx = copysignf(1, lx), ny = 0;
    } else {
        distance = qy, nx = 0, ny = copysignf(1, ly);
    }
    normal[0] = c * nx - s * ny, normal[1] = s * nx + c * ny;
    return distance;
}

static bool stops_people(const vg_obstacle *o) {
    return o->centre[2] - o->half[2] < HEAD_ROOM;
}

static bool is_free(const sim_scene *scene, const float at[2], float room) {
    for (int32_t i = 0; i < scene->obstacle_count; i++) {
        float normal[2];
        if (stops_people(&scene->obstacles[i]) && outline_distance(normal, &scene->obstacles[i], at) < room)
            return false;
    }
    return true;
}

/* A random place within `radius` of the area's centre, inside the area, off the obstacles. */
static void random_place(float at[2], const sim_scene *scene, float radius, vg_rng *rng) {
    for (int attempt = 0; attempt < 32; attempt++) {
        const float r = radius * sqrtf(vg_rng_uniform(rng)), angle = TAU * vg_rng_uniform(rng);
        const float offset[2] = {r * cosf(angle), r * sinf(angle)};
        for (int k = 0; k < 2; k++)
            at[k] = clamp(0.5f * (scene->area_low[k] + scene->area_high[k]) + offset[k], scene->area_low[k] + RADIUS,
                          scene->area_high[k] - RADIUS);
        if (is_free(scene, at, RADIUS + 0.1f)) return;
    }
}

static void choose_goal(sim_person *p, const sim_state *state, int32_t index, const sim_scene *scene,
                        const sim_params *params) {
    vg_rng rng = vg_rng_at(state->seed, (uint32_t)index, p->goals++, VG_DRAW_WALK);
    p->pace = vg_rng_range(&rng, params->walk_low, params->walk_high);
    if (p->goals > 1 && vg_rng_uniform(&rng) < params->pause_probability) p->pause = vg_rng_range(&rng, 0.5f, 2.5f);
    for (int attempt = 0; attempt < 8; attempt++) {
        random_place(p->goal, scene, params->goal_radius, &rng);
        if (hypotf(p->goal[0] - p->at[0], p->goal[1] - p->at[1]) > 1.5f) return;
    }
}

static void choose_body(sim_person *p, const sim_params *params, vg_rng *rng) {
    const float part = vg_rng_uniform(rng);
    p->body = params->paper_bodies
                  ? sim_body_of_paper(0.99f + 0.02f * part)
                  : sim_body_of_height(params->body_low + (params->body_high - params->body_low) * part);
    for (int i = 0; i < 4; i++) p->style[i] = vg_rng_range(rng, 0.75f, 1.25f);
}

/* The start pattern is spread: a sunflower's seeds (Vogel, 1979), turned by a random angle and jittered. */
static void choose_start(sim_state *state, int32_t index, const sim_scene *scene, float turn, vg_rng *rng) {
    sim_person *p = &state->person[index];
    const float half_x = 0.5f * (scene->area_high[0] - scene->area_low[0]);
    const float half_y = 0.5f * (scene->area_high[1] - scene->area_low[1]);
    const float spread = 0.8f * fminf(half_x, half_y);
    float best = -1, at[2];
    for (int attempt = 0; attempt < 24; attempt++) {
        const float r = spread * sqrtf(((float)index + 0.5f) / (float)state->people),
                    a = turn + 2.39996323f * (float)index;
        const float loose = 0.3f + 0.12f * (float)attempt;
        at[0] = 0.5f * (scene->area_low[0] + scene->area_high[0]) + r * cosf(a) + vg_rng_range(rng, -loose, loose);
        at[1] = 0.5f * (scene->area_low[1] + scene->area_high[1]) + r * sinf(a) + vg_rng_range(rng, -loose, loose);
        for (int k = 0; k < 2; k++) at[k] = clamp(at[k], scene->area_low[k] + RADIUS, scene->area_high[k] - RADIUS);
        float room = is_free(scene, at, RADIUS) ? 1.0f : 0.0f;
        for (int32_t q = 0; q < index; q++)
            room = fminf(room, hypotf(at[0] - state->person[q].at[0], at[1] - state->person[q].at[1]));
        if (room > best) best = room, p->at[0] = at[0], p->at[1] = at[1];
        if (room > 0.7f) break;
    }
}

void sim_crowd_begin(sim_state *state, int32_t index, const sim_scene *scene, const sim_params *params) {
    vg_rng common = vg_rng_at(state->seed, 0xffff, 0, VG_DRAW_SCENE);
    const float turn = TAU * vg_rng_uniform(&common);
    vg_rng rng = vg_rng_at(state->seed, (uint32_t)index, 0, VG_DRAW_SCENE);
    sim_person *p = &state->person[index];
    *p = (sim_person){0};
    choose_body(p, params, &rng);
    choose_start(state, index, scene, turn, &rng);
    choose_goal(p, state, index, scene, params);
    p->heading = atan2f(p->goal[1] - p->at[1], p->goal[0] - p->at[0]);
    p->speed = p->pace;
    p->clip_phase = vg_rng_uniform(&rng);
    sim_gait_start(p, vg_rng_uniform(&rng));
}

void sim_crowd_start(sim_state *state, const sim_scene *scene, const sim_params *params) {
    for (int32_t i = 0; i < state->people; i++) sim_crowd_begin(state, i, scene, params);
}

/* Adds to `wanted` what person i does to stay clear of person j. */
static void avoid_person(float wanted[2], const sim_person *i, const float vi[2], const sim_person *j,
                         const float vj[2]) {
    const float x = i->at[0] - j->at[0], y = i->at[1] - j->at[1], vx = vi[0] - vj[0], vy = vi[1] - vj[1];
    const float distance2 = x * x + y * y, radius = 2 * RADIUS;
    if (distance2 > 16) return;
    const float distance = sqrtf(distance2) + 1e-6f;
    const float near = radius + 0.15f - distance; /* personal space */
    if (near > 0) {
        const float push = i->pace * fminf(1.5f, near / 0.25f);
        wanted[0] += push * x / distance, wanted[1] += push * y / distance;
    }
    const float a = vx * vx + vy * vy, b = x * vx + y * vy, c = distance2 - radius * radius;
    const float disc = b * b - a * c;
    if (c <= 0 || disc <= 0 || b >= 0) return;
    const float tau = (-b - sqrtf(disc)) / (a + 1e-9f);
    const float horizon = HORIZON / fmaxf(i->pace, 0.2f);
    if (tau > horizon) return;
    /* away from where the other will be when they touch, turned a little to the right so that head-on pairs part */
    float nx = x + vx * tau, ny = y + vy * tau;
    const float size = sqrtf(nx * nx + ny * ny) + 1e-6f;
    nx /= size, ny /= size;
    const float push = i->pace * 0.9f * (1 - tau / horizon) * (1 - tau / horizon);
    wanted[0] += push * (0.94f * nx + 0.34f * ny), wanted[1] += push * (0.94f * ny - 0.34f * nx);
}

static void avoid_obstacles(float wanted[2], const sim_person *p, const sim_scene *scene) {
    for (int32_t i = 0; i < scene->obstacle_count; i++) {
        const vg_obstacle *o = &scene->obstacles[i];
        float n[2];
        if (!stops_people(o)) continue;
        const float gap = outline_distance(n, o, p->at) - RADIUS;
        if (gap > WALL_RANGE) continue;
        const float closeness = clamp(1 - gap / WALL_RANGE, 0, 1.5f);
        const float inward = wanted[0] * n[0] + wanted[1] * n[1];
        /* walk along the wall: take away what leads into it, and push out a little */
        const float push = closeness * (p->pace * 0.4f + fmaxf(0, -inward));
        wanted[0] += push * n[0], wanted[1] += push * n[1];
        if (inward < -0.8f * p->pace) { /* straight into it: pass on the side where the goal is */
            const float side = (p->goal[0] - p->at[0]) * -n[1] + (p->goal[1] - p->at[1]) * n[0] > 0 ? 1.0f : -1.0f;
            wanted[0] -= side * n[1] * p->pace * closeness, wanted[1] += side * n[0] * p->pace * closeness;
        }
    }
}

/* Speed and heading follow the wanted velocity as far as a walking body can. */
static void steer(sim_person *p, const float wanted[2], const sim_params *params, float dt) {
    const float size = sqrtf(wanted[0] * wanted[0] + wanted[1] * wanted[1]);
    float error = 0, speed = 0;
    if (size > 0.05f * p->pace) {
        error = remainderf(atan2f(wanted[1], wanted[0]) - p->heading, TAU);
        speed = fminf(size, 1.15f * p->pace) * fmaxf(0, cosf(error));
    }
    const float rate = clamp(error * 2.5f, -params->turn_rate, params->turn_rate);
    p->yaw_rate += clamp(rate - p->yaw_rate, -4 * params->turn_rate * dt, 4 * params->turn_rate * dt);
    p->speed += clamp(speed - p->speed, -1.5f * params->walk_acceleration * dt, params->walk_acceleration * dt);
    const float turned = p->yaw_rate * dt;
    p->at[0] += p->speed * dt * cosf(p->heading + 0.5f * turned);
    p->at[1] += p->speed * dt * sinf(p->heading + 0.5f * turned);
    p->heading = remainderf(p->heading + turned, TAU);
}

/* Moves bodies that stand in each other or in an obstacle apart, and back into the area. */
static void separate(sim_state *state, const sim_scene *scene) {
    for (int32_t i = 0; i < state->people; i++)
        for (int32_t j = i + 1; j < state->people; j++) {
            sim_person *p = &state->person[i], *q = &state->person[j];
            const float x = p->at[0] - q->at[0], y = p->at[1] - q->at[1], d2 = x * x + y * y;
            if (d2 >= SIM_HARD_GAP * SIM_HARD_GAP) continue;
            const float d = sqrtf(d2) + 1e-6f, half = 0.5f * (SIM_HARD_GAP - d) / d;
            p->at[0] += half * x, p->at[1] += half * y, q->at[0] -= half * x, q->at[1] -= half * y;
        }
    for (int32_t i = 0; i < state->people; i++) {
        sim_person *p = &state->person[i];
        for (int32_t k = 0; k < scene->obstacle_count; k++) {
            float n[2];
            if (!stops_people(&scene->obstacles[k])) continue;
            const float inside = 0.2f - outline_distance(n, &scene->obstacles[k], p->at);
            if (inside > 0) p->at[0] += n[0] * inside, p->at[1] += n[1] * inside;
        }
        for (int k = 0; k < 2; k++) p->at[k] = clamp(p->at[k], scene->area_low[k] + 0.2f, scene->area_high[k] - 0.2f);
    }
}

static void walk(sim_state *state, int32_t index, const float (*velocity)[2], const sim_scene *scene,
                 const sim_params *params, float dt) {
    sim_person *p = &state->person[index];
    const float to[2] = {p->goal[0] - p->at[0], p->goal[1] - p->at[1]};
    const float distance = sqrtf(to[0] * to[0] + to[1] * to[1]);
    p->stuck = p->speed < 0.3f * p->pace && p->pause <= 0 ? p->stuck + dt : 0;
    if (distance < ARRIVED || p->stuck > STUCK_AFTER) {
        p->stuck = 0;
        choose_goal(p, state, index, scene, params);
    }
    float wanted[2] = {0, 0};
    if (p->pause > 0)
        p->pause -= dt;
    else
        for (int k = 0; k < 2; k++) wanted[k] = p->pace * to[k] / (distance + 1e-6f);
    for (int32_t j = 0; j < state->people; j++)
        if (j != index) avoid_person(wanted, p, velocity[index], &state->person[j], velocity[j]);
    avoid_obstacles(wanted, p, scene);
    steer(p, wanted, params, dt);
}

void sim_crowd_step(sim_state *state, const sim_scene *scene, const sim_params *params, float dt) {
    float velocity[VG_MAX_PEOPLE][2];
    for (int32_t i = 0; i < state->people; i++) {
        const sim_person *p = &state->person[i];
        velocity[i][0] = p->speed * cosf(p->heading), velocity[i][1] = p->speed * sinf(p->heading);
    }
    for (int32_t i = 0; i < state->people; i++) walk(state, i, velocity, scene, params, dt);
    separate(state, scene);
    for (int32_t i = 0; i < state->people; i++) sim_gait_step(&state->person[i], dt);
}
