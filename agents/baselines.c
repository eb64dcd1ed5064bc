/* Teams that do not learn. Greedy and plan share one model of how well a point is triangulated: a camera adds the
 * information J' J / sigma^2 of its pixel (J the projection's Jacobian, for a camera that looks at the target), unless the
 * point lies outside its picture or behind somebody or something; the cost is the trace of the inverse of the sum, over a
 * few points of the target's body (the A-optimal design of experiments; Chaloner and Verdinelli 1995). */
#include "agents/baselines.h"

#include "agents/observe.h"

#include <math.h>
#include <string.h>

enum { POINTS = 3, MOVES = 27 };

static const char *const names[] = {"fixed", "orbit", "greedy", "plan"};

bool vg_baseline_find(const char *name, vg_baseline *out) {
    for (int i = 0; i < 4; i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (vg_baseline)i;
            return true;
        }
    return false;
}

static void place_of(float out[3], const vg_camera *c) {
    for (int i = 0; i < 3; i++) out[i] = (float)-(c->R[i] * c->t[0] + c->R[3 + i] * c->t[1] + c->R[6 + i] * c->t[2]);
}

/* Velocity towards `to`, at most `speed`, not overshooting within one step. */
static void go_to(float v[3], const float from[3], const float to[3], float speed, float step) {
    float d = 0;
    for (int i = 0; i < 3; i++) v[i] = to[i] - from[i], d += v[i] * v[i];
    d = sqrtf(d);
    const float pace = fminf(speed, d / step);
    for (int i = 0; i < 3; i++) v[i] = d > 1e-4f ? v[i] / d * pace : 0;
}

static void orbit(vg_command *out, const vg_baseline_view *view) {
    const vg_world_info *w = view->world;
    const int32_t C = view->frame->dims.cameras;
    const float radius = 1.8f, height = 2.1f, full = 6.28318531f;
    for (int32_t c = 0; c < C; c++) {
        const float angle = full * (float)c / (float)C;
        float at[3], to[3] = {view->aim[0] + radius * cosf(angle), view->aim[1] + radius * sinf(angle), height};
        place_of(at, &vg_frame_cameras(view->frame)[c]);
        for (int i = 0; i < 3; i++) to[i] = fminf(fmaxf(to[i], w->camera_low[i]), w->camera_high[i]);
        go_to(out->camera[c].linear, at, to, view->space->speed, (float)w->step_seconds);
    }
}

/* The scene as the planner sees it, `seconds` ahead. */
typedef struct outlook {
    float point[POINTS][3]; /* of the target: at the ankles, the middle and the eyes */
    int32_t people;
    float person[VG_MAX_PEOPLE][2]; /* the others, on the ground */
    const vg_world_info *world;
    float focal, tan_x, tan_y; /* of the cameras' pictures */
} outlook;

/* People walk on at the mean velocity of their joints. */
static void look_ahead(outlook *o, const vg_baseline_view *view, float seconds) {
    const vg_skeletons *s = view->skeletons;
    const int32_t target = view->frame->target;
    const vg_camera *camera = vg_frame_cameras(view->frame);
    *o = (outlook){.world = view->world,
                   .focal = (float)camera->fx,
                   .tan_x = (float)(camera->width / (2 * camera->fx)),
                   .tan_y = (float)(camera->height / (2 * camera->fy))};
    float aim[3];
    memcpy(aim, view->aim, sizeof aim);
    for (int32_t p = 0; p < s->people; p++) {
        float centre[3], velocity[2] = {0};
        if (!vg_skeletons_present(s)[p] || !vg_person_centre(centre, s, p)) continue;
        const vg_joint *joints = vg_skeletons_joints(s) + (int64_t)p * s->joints;
        for (int32_t j = 0; j < s->joints; j++)
            for (int i = 0; i < 2; i++)
                if (joints[j].state != VG_JOINT_LOST) velocity[i] += joints[j].velocity[i] / (float)s->joints;
        for (int i = 0; i < 2; i++) centre[i] += seconds * velocity[i];
        if (p == target)
            aim[0] = centre[0], aim[1] = centre[1];
        else
            memcpy(o->person[o->people++], centre, 2 * sizeof(float));
    }
    const float heights[POINTS] = {0.15f, 0.9f, 1.55f};
    for (int k = 0; k < POINTS; k++) o->point[k][0] = aim[0], o->point[k][1] = aim[1], o->point[k][2] = heights[k];
}

/* Whether the segment from a to b passes through an upright cylinder of this radius and height about (x, y). */
static bool through_cylinder(const float a[3], const float b[3], float x, float y, float radius, float low,
                             float high) {
    const float dx = b[0] - a[0], dy = b[1] - a[1], fx = a[0] - x, fy = a[1] - y;
    const float A = dx * dx + dy * dy, B = fx * dx + fy * dy, C = fx * fx + fy * fy - radius * radius;
    const float root = B * B - A * C;
    if (A < 1e-9f || root <= 0) return false;
    const float t = (-B - sqrtf(root)) / A;
    if (t <= 0 || t >= 1) return false;
    const float z = a[2] + t * (b[2] - a[2]);
    return z < high && z > low;
}

static bool hidden(const outlook *o, const float from[3], const float to[3]) {
    for (int32_t p = 0; p < o->people; p++)
        if (through_cylinder(from, to, o->person[p][0], o->person[p][1], 0.25f, 0, 1.75f)) return true;
    for (int32_t i = 0; i < o->world->obstacle_count;
         i++) { /* boxes by the cylinder that holds them: on the safe side */
        const vg_obstacle *b = &o->world->obstacles[i];
        const float radius = b->kind == VG_OBSTACLE_CYLINDER ? b->half[0] : fminf(b->half[0], b->half[1]);
        if (through_cylinder(from, to, b->centre[0], b->centre[1], radius, b->centre[2] - b->half[2],
                             b->centre[2] + b->half[2]))
            return true;
    }
    return false;
}

/* Adds a camera's information on one point: (I - d d') f^2 / z^2 for unit ray d, as an isotropic pixel noise gives. */
static void add_information(float M[6], const outlook *o, const float at[3], const float aim[3], const float x[3]) {
    float d[3], a[3], range = 0, far = 0;
    for (int i = 0; i < 3; i++) d[i] = x[i] - at[i], a[i] = aim[i] - at[i], range += d[i] * d[i], far += a[i] * a[i];
    range = sqrtf(range), far = sqrtf(far);
    if (range < 0.3f || far < 0.3f) return;
    float along = 0;
    for (int i = 0; i < 3; i++) d[i] /= range, a[i] /= far, along += d[i] * a[i];
    if (along <= 0.1f) return;
    /* inside the picture of a camera that looks at the aim? the vertical part of the offset decides for a person */
    const float off = sqrtf(fmaxf(0, 1 - along * along)) / along;
    if (off > 0.95f * o->tan_y || hidden(o, at, x)) return;
    const float w = o->focal * o->focal / (range * range);
    M[0] += w * (1 - d[0] * d[0]), M[1] -= w * d[0] * d[1], M[2] -= w * d[0] * d[2];
    M[3] += w * (1 - d[1] * d[1]), M[4] -= w * d[1] * d[2], M[5] += w * (1 - d[2] * d[2]);
}

/* Trace of the inverse of a symmetric positive definite matrix, with a weak prior (1 m) so that it always exists. */
static float trace_inverse(const float M[6]) {
    const float a = M[0] + 1, b = M[1], c = M[2], d = M[3] + 1, e = M[4], f = M[5] + 1;
    const float A = d * f - e * e, D = a * f - c * c, F = a * d - b * b;
    const float det = a * A - b * (b * f - c * e) + c * (b * e - c * d);
    return (A + D + F) / det;
}

static float expected_cost(const outlook *o, float (*place)[3], int32_t cameras) {
    float cost = 0;
    for (int k = 0; k < POINTS; k++) {
        float M[6] = {0};
        for (int32_t c = 0; c < cameras; c++) add_information(M, o, place[c], o->point[1], o->point[k]);
        cost += trace_inverse(M);
    }
    return cost;
}

static void search(vg_command *out, const vg_baseline_view *view, float seconds) {
    const vg_world_info *w = view->world;
    const int32_t C = view->frame->dims.cameras;
    float place[VG_MAX_CAMERAS][3];
    outlook o;
    look_ahead(&o, view, seconds);
    for (int32_t c = 0; c < C; c++) place_of(place[c], &vg_frame_cameras(view->frame)[c]);
    for (int32_t c = 0; c < C; c++) {
        const double *R = vg_frame_cameras(view->frame)[c].R;
        float from[3], best_place[3], best = INFINITY;
        memcpy(from, place[c], sizeof from);
        memcpy(best_place, from, sizeof best_place);
        for (int m = 0; m < MOVES; m++) { /* beginning with staying, which wins ties */
            const int order = (m + 13) % MOVES, a[3] = {order % 3 - 1, order / 3 % 3 - 1, order / 9 - 1};
            float v[3], near = INFINITY;
            for (int i = 0; i < 3; i++) {
                v[i] = view->space->speed * (float)(a[0] * R[i] + a[1] * R[3 + i] + a[2] * R[6 + i]);
                place[c][i] = fminf(fmaxf(from[i] + v[i] * seconds, w->camera_low[i]), w->camera_high[i]);
            }
            for (int32_t i = 0; i < C; i++)
                if (i != c) {
                    const float dx = place[c][0] - place[i][0], dy = place[c][1] - place[i][1],
                                dz = place[c][2] - place[i][2];
                    near = fminf(near, dx * dx + dy * dy + dz * dz);
                }
            float cost = expected_cost(&o, place, C);
            if (near < 0.6f * 0.6f) cost += 1; /* the guard would stop it */
            if (cost < best * (1 - 1e-4f)) {
                best = cost;
                memcpy(best_place, place[c], sizeof best_place);
                memcpy(out->camera[c].linear, v, sizeof v);
            }
        }
        memcpy(place[c], best_place, sizeof best_place);
    }
}

void vg_baseline_act(vg_command *out, vg_baseline baseline, const vg_baseline_view *view) {
    const int32_t C = view->frame->dims.cameras;
    const float step = (float)view->world->step_seconds;
    *out = (vg_command){.environment = view->frame->environment, .cameras = C, .frame_id = view->frame->frame_id};
    if (baseline == VG_BASELINE_FIXED) return;
    for (int32_t c = 0; c < C; c++)
        vg_action_point(&out->camera[c], view->space, view->world->step_seconds, &vg_frame_cameras(view->frame)[c],
                        view->aim);
    if (baseline == VG_BASELINE_ORBIT)
        orbit(out, view);
    else
        search(out, view, baseline == VG_BASELINE_GREEDY ? step : fmaxf(1, step));
}
