/* The guard. Rules: a command that is not finite becomes a stop; speed and turn rate are limited; then the rules about
 * distances (box, cameras, people, obstacles) each take away speed towards what they watch. Taking away speed towards one
 * thing can add speed towards another, so the rules run a few times, and a camera that still breaks one then stops. */
#include "sim_bridge/guard.h"

#include <math.h>
#include <string.h>

enum { PASSES = 16 };
static const float tolerance = 1e-4f; /* m/s */

vg_guard vg_guard_default(const vg_world_info *world, int32_t preset) {
    return (vg_guard){.world = world,
                      .box_only = preset == VG_PRESET_PAPER,
                      .camera_distance = 0.5f,
                      .person_distance = 1.0f,
                      .obstacle_distance = 0.3f};
}

static void camera_place(float out[3], const vg_camera *camera) {
    for (int i = 0; i < 3; i++)
        out[i] =
            (float)-(camera->R[i] * camera->t[0] + camera->R[3 + i] * camera->t[1] + camera->R[6 + i] * camera->t[2]);
}

/* The greatest speed from which a camera can stop within `room` metres. */
static float stopping_speed(const vg_world_info *world, float room) {
    const float dt = (float)world->step_seconds, a = world->max_acceleration;
    if (room <= 0) return 0;
    if (world->teleports || a <= 0) return room / dt;
    return sqrtf(a * dt * a * dt + 2 * a * room) - a * dt;
}

/* Limits the speed along unit vector n to `limit`; true where it was above. */
static bool limit_towards(float v[3], const float n[3], float limit) {
    const float speed = v[0] * n[0] + v[1] * n[1] + v[2] * n[2];
    if (speed <= limit + tolerance) return false;
    for (int i = 0; i < 3; i++) v[i] -= (speed - limit) * n[i];
    return true;
}

/* True where the speed was above the camera's greatest. */
static bool limit_speed(const vg_world_info *world, float v[3]) {
    const float speed = sqrtf(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
    if (world->max_speed <= 0 || speed <= world->max_speed * (1 + 1e-5f)) return false;
    for (int i = 0; i < 3; i++) v[i] *= world->max_speed / speed;
    return true;
}

/* Unit vector and distance from `from` to `to`. */
static float direction(float n[3], const float from[3], const float to[3]) {
    float d = 0;
    for (int i = 0; i < 3; i++) n[i] = to[i] - from[i], d += n[i] * n[i];
    d = sqrtf(d);
    for (int i = 0; i < 3; i++) n[i] = d > 1e-6f ? n[i] / d : 0;
    return d;
}

/* Unit vector towards the nearest point of an obstacle, and how far it is; inside, the vector points to the centre. */
static float obstacle_direction(float n[3], const float at[3], const vg_obstacle *o) {
    const float c = cosf(o->yaw), s = sinf(o->yaw), dx = at[0] - o->centre[0], dy = at[1] - o->centre[1];
    float local[3] = {c * dx + s * dy, -s * dx + c * dy, at[2] - o->centre[2]}, nearest[3];
    if (o->kind == VG_OBSTACLE_CYLINDER) {
        const float radius = hypotf(local[0], local[1]), scale = radius > o->half[0] ? o->half[0] / radius : 1;
        nearest[0] = local[0] * scale, nearest[1] = local[1] * scale;
    } else {
        for (int i = 0; i < 2; i++) nearest[i] = fminf(fmaxf(local[i], -o->half[i]), o->half[i]);
    }
    nearest[2] = fminf(fmaxf(local[2], -o->half[2]), o->half[2]);
    const bool inside = memcmp(nearest, local, sizeof nearest) == 0;
    if (inside) memset(nearest, 0, sizeof nearest);
    const float to[3] = {o->centre[0] + c * nearest[0] - s * nearest[1], o->centre[1] + s * nearest[0] + c * nearest[1],
                         o->centre[2] + nearest[2]};
    const float d = direction(n, at, to);
    return inside ? 0 : d;
}

/* Stays in the box; returns whether the rule acted. */
static bool box_rule(const vg_guard *guard, float v[3], const float at[3]) {
    const vg_world_info *w = guard->world;
    const float dt = (float)w->step_seconds;
    bool acted = false;
    for (int i = 0; i < 3; i++) {
        if (guard->box_only) {
            const float next = at[i] + v[i] * dt;
            if ((next > w->camera_high[i] + 1e-5f || next < w->camera_low[i] - 1e-5f) && v[i] != 0.0f)
                v[i] = 0, acted = true;
            continue;
        }
        const float up = stopping_speed(w, w->camera_high[i] - at[i]),
                    down = -stopping_speed(w, at[i] - w->camera_low[i]);
        const float safe = fminf(fmaxf(v[i], down), up);
        if (fabsf(safe - v[i]) > tolerance) acted = true;
        v[i] = safe;
    }
    return acted;
}

/* The greatest speed towards a joint d metres off: what the free distance allows, less the speed at which the joint itself
 * comes nearer; somebody who is too near already is backed away from. */
static float person_limit(const vg_guard *guard, float d, const float n[3], const float velocity[3]) {
    const float room = d - guard->person_distance, back_rate = 2; /* 1/s */
    const float coming = -(n[0] * velocity[0] + n[1] * velocity[1] + n[2] * velocity[2]);
    const float most = guard->world->max_speed > 0 ? guard->world->max_speed : INFINITY;
    const float limit = room > 0 ? stopping_speed(guard->world, room) : room * back_rate;
    return fmaxf(limit - fminf(fmaxf(coming, 0), 3),
                 -0.9f * most); /* joints that seem to fly at the camera are noise */
}

typedef struct rules_hit {
    bool box, camera, person, obstacle;
} rules_hit;

/* One pass of the distance rules over camera c. */
static bool distance_rules(const vg_guard *guard, float v[3], int32_t c, const vg_frame *frame, float (*place)[3],
                           const vg_skeletons *people, rules_hit *hit) {
    bool acted = box_rule(guard, v, place[c]);
    hit->box |= acted;
    if (guard->box_only) return acted;
    acted |= limit_speed(guard->world, v); /* backing away may have added some */
    float n[3];
    for (int32_t i = 0; i < frame->dims.cameras; i++) {
        if (i == c) continue;
        const float d = direction(n, place[c], place[i]); /* both may close in: each gets half of the room */
        if (limit_towards(v, n, stopping_speed(guard->world, (d - guard->camera_distance) / 2)))
            acted = hit->camera = true;
    }
    for (int32_t p = 0; people && p < people->people; p++) {
        if (!vg_skeletons_present(people)[p]) continue;
        const vg_joint *joints = vg_skeletons_joints(people) + (int64_t)p * people->joints;
        for (int32_t j = 0; j < people->joints; j++) {
            if (joints[j].state == VG_JOINT_LOST) continue;
            const float d = direction(n, place[c], joints[j].position);
            if (d > 6 + guard->person_distance) break; /* nobody is so large */
            if (limit_towards(v, n, person_limit(guard, d, n, joints[j].velocity))) acted = hit->person = true;
        }
    }
    for (int32_t o = 0; o < guard->world->obstacle_count; o++) {
        const float d = obstacle_direction(n, place[c], &guard->world->obstacles[o]);
        if (limit_towards(v, n, stopping_speed(guard->world, d - guard->obstacle_distance)))
            acted = hit->obstacle = true;
    }
    return acted;
}

/* Runs the rules until none acts; false where they go on contradicting each other. */
static bool settle(const vg_guard *guard, float v[3], int32_t c, const vg_frame *frame, float (*place)[3],
                   const vg_skeletons *people, rules_hit *hit, bool *touched) {
    for (int pass = 0; pass < PASSES; pass++) {
        if (!distance_rules(guard, v, c, frame, place, people, hit)) return true;
        *touched = true;
    }
    return false;
}

static bool limit_rates(const vg_guard *guard, vg_camera_command *m, vg_guard_counts *counts) {
    const vg_world_info *w = guard->world;
    bool finite = isfinite(m->yaw_rate) && isfinite(m->pitch_rate);
    for (int i = 0; i < 3; i++) finite = finite && isfinite(m->linear[i]);
    if (!finite) {
        memset(m, 0, sizeof *m);
        counts->nonfinite++;
        return true;
    }
    bool changed = false;
    if (limit_speed(w, m->linear)) {
        counts->speed++;
        changed = true;
    }
    float *rates[2] = {&m->yaw_rate, &m->pitch_rate};
    bool turned = false;
    for (int i = 0; i < 2; i++)
        if (w->max_turn_rate > 0 && fabsf(*rates[i]) > w->max_turn_rate) {
            *rates[i] = copysignf(w->max_turn_rate, *rates[i]);
            turned = true;
        }
    counts->turn += turned;
    return changed || turned;
}

int32_t vg_guard_apply(const vg_guard *guard, vg_command *command, const vg_frame *frame, const vg_skeletons *people,
                       vg_guard_counts *counts) {
    const int32_t C = frame->dims.cameras;
    float place[VG_MAX_CAMERAS][3];
    for (int32_t c = 0; c < C; c++) camera_place(place[c], &vg_frame_cameras(frame)[c]);
    int32_t changed = 0;
    for (int32_t c = 0; c < C; c++) {
        vg_camera_command *m = &command->camera[c];
        bool touched = limit_rates(guard, m, counts);
        rules_hit hit = {0};
        /* where the rules contradict each other the camera stops, if standing still suits them better than moving */
        if (!settle(guard, m->linear, c, frame, place, people, &hit, &touched)) {
            memset(m->linear, 0, sizeof m->linear);
            if (!settle(guard, m->linear, c, frame, place, people, &hit, &touched))
                memset(m->linear, 0, sizeof m->linear);
        }
        counts->box += hit.box, counts->camera_camera += hit.camera;
        counts->camera_person += hit.person, counts->camera_obstacle += hit.obstacle;
        changed += touched;
    }
    return changed;
}

static bool near_anybody(const vg_guard *guard, const vg_frame *frame, const float at[3]) {
    if (!(frame->flags & VG_FRAME_TRUTH)) return false;
    const float *truth = vg_frame_truth(frame);
    const float least = guard->person_distance * guard->person_distance;
    for (int32_t p = 0; p < frame->dims.people; p++) {
        if (!vg_frame_present(frame)[p]) continue;
        for (int32_t j = 0; j < frame->dims.joints; j++) {
            const float *x = truth + ((int64_t)p * frame->dims.joints + j) * 3;
            const float dx = x[0] - at[0], dy = x[1] - at[1], dz = x[2] - at[2];
            if (dx * dx + dy * dy + dz * dz < least) return true;
        }
    }
    return false;
}

void vg_guard_violations(vg_guard_counts *counts, const vg_guard *guard, const vg_frame *frame) {
    const vg_world_info *w = guard->world;
    const int32_t C = frame->dims.cameras;
    float place[VG_MAX_CAMERAS][3], n[3];
    for (int32_t c = 0; c < C; c++) camera_place(place[c], &vg_frame_cameras(frame)[c]);
    for (int32_t c = 0; c < C; c++) {
        bool out = false, hit = false;
        for (int i = 0; i < 3; i++)
            out = out || place[c][i] > w->camera_high[i] + 0.01f || place[c][i] < w->camera_low[i] - 0.01f;
        counts->box += out;
        for (int32_t i = 0; i < c; i++)
            counts->camera_camera += direction(n, place[c], place[i]) < guard->camera_distance - 0.01f;
        counts->camera_person += near_anybody(guard, frame, place[c]);
        for (int32_t o = 0; o < w->obstacle_count; o++)
            hit = hit || obstacle_direction(n, place[c], &w->obstacles[o]) < guard->obstacle_distance - 0.01f;
        counts->camera_obstacle += hit;
    }
}
