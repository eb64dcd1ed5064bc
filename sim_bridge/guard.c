/* The guard. Rules: a command that is not finite becomes a stop; speed and turn rate are limited; then the rules about
 * distances (box, cameras, people, obstacles) each bound the speed in one direction. A velocity is projected onto one bound
 * after the other until it keeps them all (von Neumann's alternating projections). Where they contradict each other, as in a
 * corner that people walk into, the camera takes the velocity that breaks them least (as in the dynamic window approach: Fox,
 * Burgard, Thrun 1997). */
#include "sim_bridge/guard.h"

#include <math.h>
#include <string.h>

enum { PASSES = 24 };
static const float tolerance = 1e-4f;    /* m/s */
static const float camera_margin = 0.1f; /* m; both of a pair may have to give way to somebody else */
static const float person_height = 1.9f; /* m */

vg_guard vg_guard_default(const vg_world_info *world, int32_t preset) {
    return (vg_guard){.world = world,
                      .box_only = preset == VG_PRESET_PAPER,
                      .camera_distance = 0.5f,
                      .person_distance = 1.0f,
                      .person_margin = 0.2f,
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

/* A half-space of velocities: speed along unit vector n at most `limit`. */
typedef struct rule {
    float n[3], limit;
    int32_t kind; /* rule_kind */
    /* what it is about, where that is a point */
    float to[3], velocity[3]; /* m from the camera, m/s */
    float distance;           /* m to be kept; 0: no point */
} rule;

typedef enum rule_kind { RULE_BOX = 1, RULE_CAMERA = 2, RULE_PERSON = 4, RULE_OBSTACLE = 8 } rule_kind;

/* The box's six sides, the other cameras, each person's joints and axis, the obstacles. */
enum { RULES_MAX = 6 + VG_MAX_CAMERAS + VG_MAX_PEOPLE * (VG_MAX_JOINTS + 1) + VG_MAX_OBSTACLES };

typedef struct rules {
    int32_t count;
    rule rule[RULES_MAX];
} rules;

/* Rules that no allowed speed can break are left out. */
static void add_rule(rules *r, const vg_world_info *w, const float n[3], float limit, rule_kind kind) {
    if (w->max_speed > 0 && limit >= w->max_speed) return;
    r->rule[r->count++] = (rule){.n = {n[0], n[1], n[2]}, .limit = limit, .kind = (int32_t)kind};
}

/* A point that moves and must stay `distance` away. */
static void add_point(rules *r, const vg_world_info *w, const float at[3], const float point[3],
                      const float velocity[3], float distance, float limit, rule_kind kind) {
    float n[3];
    direction(n, at, point);
    const int32_t before = r->count;
    add_rule(r, w, n, limit, kind);
    if (r->count == before) return;
    rule *own = &r->rule[before];
    own->distance = distance;
    for (int i = 0; i < 3; i++) own->to[i] = point[i] - at[i], own->velocity[i] = velocity[i];
}

/* The reference's rule: an axis that would leave the box is set to zero. */
static bool zero_leaving_axes(const vg_world_info *w, float v[3], const float at[3]) {
    bool acted = false;
    for (int i = 0; i < 3; i++) {
        const float next = at[i] + v[i] * (float)w->step_seconds;
        if ((next > w->camera_high[i] + 1e-5f || next < w->camera_low[i] - 1e-5f) && v[i] != 0.0f)
            v[i] = 0, acted = true;
    }
    return acted;
}

/* The greatest speed towards a point d metres off that must stay `distance` away: what the free distance allows, less the
 * speed at which the point itself comes nearer; what is too near already is backed away from. */
static float person_limit(const vg_guard *guard, float d, float distance, const float n[3], const float velocity[3]) {
    const float room = d - distance, back_rate = 2; /* 1/s */
    const float coming = -(n[0] * velocity[0] + n[1] * velocity[1] + n[2] * velocity[2]);
    const float most = guard->world->max_speed > 0 ? guard->world->max_speed : INFINITY;
    const float limit = room > 0 ? stopping_speed(guard->world, room) : room * back_rate;
    return fmaxf(limit - fminf(fmaxf(coming, 0), 3),
                 -0.9f * most); /* joints that seem to fly at the camera are noise */
}

/* Standard deviation of a joint along n. */
static float deviation(const vg_joint *joint, const float n[3]) {
    const float *c = joint->covariance;
    const float variance = n[0] * n[0] * c[0] + n[1] * n[1] * c[3] + n[2] * n[2] * c[5] +
                           2 * (n[0] * n[1] * c[1] + n[0] * n[2] * c[2] + n[1] * n[2] * c[4]);
    return variance > 0 ? sqrtf(variance) : 0;
}

/* The upright axis through where somebody is, or is believed to be. */
static void add_axis(rules *r, const vg_guard *guard, const float at[3], const float place[2], const float velocity[2],
                     float unsure) {
    const float middle[3] = {place[0], place[1], fminf(fmaxf(at[2], 0), person_height)};
    const float speed[3] = {velocity[0], velocity[1], 0};
    float n[3];
    const float d = direction(n, at, middle), distance = guard->person_distance + guard->person_margin + unsure;
    add_point(r, guard->world, at, middle, speed, distance, person_limit(guard, d, distance, n, speed), RULE_PERSON);
}

/* The joints that are known; and, for those that are not, the upright axis through their middle. False where no joint is
 * known. */
static bool add_person(rules *r, const vg_guard *guard, const float at[3], const vg_joint *joints, int32_t J) {
    float middle[3] = {0}, velocity[3] = {0}, n[3];
    int32_t known = 0;
    for (int32_t j = 0; j < J; j++) {
        if (joints[j].state == VG_JOINT_LOST) continue;
        known++;
        for (int i = 0; i < 3; i++) middle[i] += joints[j].position[i], velocity[i] += joints[j].velocity[i];
    }
    if (known == 0) return false;
    for (int i = 0; i < 3; i++) middle[i] /= (float)known, velocity[i] /= (float)known;
    if (direction(n, at, middle) > 6 + guard->person_distance) return true; /* nobody is so large */
    for (int32_t j = 0; j < J; j++) {
        if (joints[j].state == VG_JOINT_LOST) continue;
        const float d = direction(n, at, joints[j].position);
        const float unsure = fminf(2 * deviation(&joints[j], n), guard->person_margin);
        const float distance = guard->person_distance + guard->person_margin + unsure;
        add_point(r, guard->world, at, joints[j].position, velocity, distance,
                  person_limit(guard, d, distance, n, joints[j].velocity), RULE_PERSON);
    }
    add_axis(r, guard, at, middle, velocity, 0);
    return true;
}

static void add_people(rules *r, const vg_guard *guard, const float at[3], const vg_guard_view *view) {
    const vg_skeletons *s = view->people;
    for (int32_t p = 0; s && p < s->people; p++) {
        const vg_joint *joints = vg_skeletons_joints(s) + (int64_t)p * s->joints;
        if (vg_skeletons_present(s)[p] && add_person(r, guard, at, joints, s->joints)) continue;
        if (!view->whereabouts || p >= view->frame->dims.people || !view->whereabouts[p].known) continue;
        const vg_whereabouts *w = &view->whereabouts[p];
        add_axis(r, guard, at, w->at, w->velocity, fminf(w->deviation, 2 * guard->person_margin));
    }
}

static void gather(rules *r, const vg_guard *guard, int32_t c, const vg_guard_view *view, float (*place)[3]) {
    const vg_world_info *w = guard->world;
    const float *at = place[c];
    float n[3];
    r->count = 0;
    for (int i = 0; i < 3; i++) {
        float up[3] = {0}, down[3] = {0};
        up[i] = 1, down[i] = -1;
        add_rule(r, w, up, stopping_speed(w, w->camera_high[i] - at[i]), RULE_BOX);
        add_rule(r, w, down, stopping_speed(w, at[i] - w->camera_low[i]), RULE_BOX);
    }
    for (int32_t i = 0; i < view->frame->dims.cameras; i++) {
        if (i == c) continue;
        const float d = direction(n, at, place[i]); /* both may close in: each gets half of the room */
        const float still[3] = {0};
        add_point(r, w, at, place[i], still, guard->camera_distance + camera_margin,
                  stopping_speed(w, (d - guard->camera_distance - camera_margin) / 2), RULE_CAMERA);
    }
    add_people(r, guard, at, view);
    for (int32_t o = 0; o < w->obstacle_count; o++) {
        const float d = obstacle_direction(n, at, &w->obstacles[o]);
        add_rule(r, w, n, stopping_speed(w, d - guard->obstacle_distance), RULE_OBSTACLE);
    }
}

/* Projects v onto one half-space after the other until none acts; false where they go on contradicting each other. Adds
 * to `hit` the kinds of the rules that acted. */
static bool settle(const rules *r, const vg_world_info *w, float v[3], int32_t *hit) {
    for (int pass = 0; pass < PASSES; pass++) {
        bool acted = pass > 0 && limit_speed(w, v); /* backing away may have added some */
        for (int32_t k = 0; k < r->count; k++)
            if (limit_towards(v, r->rule[k].n, r->rule[k].limit)) {
                acted = true;
                *hit |= r->rule[k].kind;
            }
        if (!acted) return true;
    }
    return false;
}

static float dot(const float a[3], const float b[3]) {
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/* How far into what the rules protect v would lead within the next second, if everybody walked on: the squares of the worst
 * intrusions at a few instants, people counting twice. Walking out between two people begins with coming nearer to one, so the
 * speeds of this instant alone would say to stand still. */
static float breach(const rules *r, const float v[3]) {
    float sum = 0;
    for (int instant = 1; instant <= 4; instant++) {
        const float t = 0.25f * (float)instant;
        float worst = 0;
        for (int32_t k = 0; k < r->count; k++) {
            const rule *own = &r->rule[k];
            float into = (dot(v, own->n) - own->limit) * t;
            if (own->distance > 0) {
                float there[3];
                for (int i = 0; i < 3; i++) there[i] = own->to[i] + (own->velocity[i] - v[i]) * t;
                into = own->distance - sqrtf(dot(there, there));
            }
            worst = fmaxf(worst, own->kind == RULE_PERSON ? 2 * into : into);
        }
        sum += worst * worst;
    }
    return sum;
}

/* Where no velocity keeps all rules: of standing still and 26 directions at three speeds, the one that intrudes least. */
static void escape(const rules *r, const vg_world_info *w, float v[3]) {
    const float most = w->max_speed > 0 ? w->max_speed : 1;
    memset(v, 0, 3 * sizeof *v);
    float best = breach(r, v);
    for (int step = 0; step < 81; step++) {
        const int x = step / 3 % 3 - 1, y = step / 9 % 3 - 1, z = step / 27 - 1;
        const float norm = sqrtf((float)(x * x + y * y + z * z));
        if (norm == 0) continue;
        const float speed = most * (float)(step % 3 + 1) / 3 / norm;
        const float candidate[3] = {speed * (float)x, speed * (float)y, speed * (float)z};
        const float over = breach(r, candidate);
        if (over < best - tolerance) {
            best = over;
            memcpy(v, candidate, sizeof candidate);
        }
    }
}

/* Makes one velocity safe; returns the kinds of rules that acted. */
static int32_t make_safe(const rules *r, const vg_world_info *w, float v[3]) {
    int32_t hit = 0;
    if (settle(r, w, v, &hit)) return hit;
    escape(r, w, v);
    float settled[3] = {v[0], v[1], v[2]};
    if (settle(r, w, settled, &hit)) memcpy(v, settled, sizeof settled);
    return hit;
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

int32_t vg_guard_apply(const vg_guard *guard, vg_command *command, const vg_guard_view *view, vg_guard_counts *counts) {
    const vg_frame *frame = view->frame;
    const int32_t C = frame->dims.cameras;
    float place[VG_MAX_CAMERAS][3];
    rules r;
    for (int32_t c = 0; c < C; c++) camera_place(place[c], &vg_frame_cameras(frame)[c]);
    int32_t changed = 0;
    for (int32_t c = 0; c < C; c++) {
        vg_camera_command *m = &command->camera[c];
        const bool limited = limit_rates(guard, m, counts);
        int32_t hit;
        if (guard->box_only) {
            hit = zero_leaving_axes(guard->world, m->linear, place[c]) ? RULE_BOX : 0;
        } else {
            gather(&r, guard, c, view, place);
            hit = make_safe(&r, guard->world, m->linear);
        }
        counts->box += (hit & RULE_BOX) != 0, counts->camera_camera += (hit & RULE_CAMERA) != 0;
        counts->camera_person += (hit & RULE_PERSON) != 0, counts->camera_obstacle += (hit & RULE_OBSTACLE) != 0;
        changed += limited || hit;
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
