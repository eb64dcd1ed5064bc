/* The default preset's observations, from where the camera stands. The two things a camera must foresee are written out:
 * who is about to step between it and the target, and where its mates stand round the target. */
#include "agents/observe.h"

#include <math.h>
#include <string.h>

static const float speed_unit = 2;        /* m/s */
static const float near_unit = 5;         /* m */
static const float far_unit = 10;         /* m */
static const float deviation_unit = 0.1f; /* m, of joints */
static const float circle = 6.28318531f;

static float clamp1(float x) {
    return x < -1 ? -1 : x > 1 ? 1 : x;
}

/* The same for all cameras of a frame. */
typedef struct scene {
    const vg_scene_view *view;
    int32_t C, P, J, target;
    vg_eye eye[VG_MAX_CAMERAS];
    float aim[3];
    float seen[VG_MAX_CAMERAS], confidence[VG_MAX_CAMERAS];  /* of the target's joints: share, mean */
    float bearing[VG_MAX_CAMERAS], distance[VG_MAX_CAMERAS]; /* about the target, on the ground */
} scene;

static void turn(float out[3], const vg_eye *e, const float v[3]) {
    for (int i = 0; i < 3; i++) out[i] = e->R[3 * i] * v[0] + e->R[3 * i + 1] * v[1] + e->R[3 * i + 2] * v[2];
}

/* Writes v, turned into the camera's frame and scaled, to out [3]. */
static void put_vector(float *out, const vg_eye *e, const float v[3], float unit) {
    float turned[3];
    turn(turned, e, v);
    for (int i = 0; i < 3; i++) out[i] = clamp1(turned[i] / unit);
}

static const vg_keypoint *keypoints_of(const scene *s, int32_t camera, int32_t person) {
    return vg_frame_keypoints(s->view->frame) + ((int64_t)camera * s->P + person) * s->J;
}

static void survey(scene *s, const vg_scene_view *view) {
    const vg_frame *frame = view->frame;
    *s = (scene){.view = view,
                 .C = frame->dims.cameras,
                 .P = frame->dims.people,
                 .J = frame->dims.joints,
                 .target = frame->target < frame->dims.people ? frame->target : -1};
    memcpy(s->aim, view->aim, sizeof s->aim);
    for (int32_t c = 0; c < s->C; c++) {
        s->eye[c] = vg_eye_of(&vg_frame_cameras(frame)[c]);
        const float x = s->eye[c].at[0] - s->aim[0], y = s->eye[c].at[1] - s->aim[1];
        s->bearing[c] = atan2f(y, x), s->distance[c] = sqrtf(x * x + y * y);
        const vg_keypoint *k = s->target >= 0 ? keypoints_of(s, c, s->target) : NULL;
        for (int32_t j = 0; k && j < s->J; j++) {
            s->seen[c] += k[j].confidence > 0.3f;
            s->confidence[c] += k[j].confidence;
        }
        s->seen[c] /= (float)s->J, s->confidence[c] = clamp1(s->confidence[c] / (float)s->J);
    }
}

/* ---- mates ----------------------------------------------------------------------------------------------------------- */

/* Angle about the target from camera c to camera m, 0 .. 2 pi, against the clock. */
static float angle_to(const scene *s, int32_t c, int32_t m) {
    const float a = s->bearing[m] - s->bearing[c];
    return a < 0 ? a + circle : a;
}

static void order_mates(vg_order *order, const scene *s, int32_t c) {
    order->camera[0] = (uint8_t)c;
    for (int32_t k = 1; k < s->C; k++) { /* insertion; equal angles keep the rotation's order */
        const int32_t m = (c + k) % s->C;
        int32_t at = k;
        while (at > 1 && angle_to(s, c, order->camera[at - 1]) > angle_to(s, c, m))
            order->camera[at] = order->camera[at - 1], at--;
        order->camera[at] = (uint8_t)m;
    }
}

static void put_mate(float *out, const scene *s, int32_t c, int32_t m) {
    const vg_eye *e = &s->eye[c], *mate = &s->eye[m];
    const float offset[3] = {mate->at[0] - e->at[0], mate->at[1] - e->at[1], mate->at[2] - e->at[2]};
    const float angle = angle_to(s, c, m);
    put_vector(out, e, offset, far_unit);
    put_vector(out + 3, e, s->view->motion[m].velocity, speed_unit);
    out[6] = clamp1(cosf(angle)), out[7] = clamp1(sinf(angle));
    out[8] = clamp1(s->distance[m] / near_unit);
    out[9] = s->seen[m];
}

/* ---- people ---------------------------------------------------------------------------------------------------------- */

/* How a person stands to a camera's line of sight to the target, on the ground. */
typedef struct crossing {
    float across; /* m to the right of the line */
    float along;  /* share of the way to the target */
    float gap;    /* m, distance from the line where it runs between the two */
} crossing;

static crossing crossing_of(const scene *s, int32_t c, const float at[2]) {
    const float *from = s->eye[c].at;
    const float lx = s->aim[0] - from[0], ly = s->aim[1] - from[1], x = at[0] - from[0], y = at[1] - from[1];
    const float length = fmaxf(s->distance[c], 0.1f);
    const float along = (lx * x + ly * y) / (length * length), across = (ly * x - lx * y) / length;
    const float beyond = fmaxf(fmaxf(-along, along - 1), 0) * length;
    return (crossing){across, along, sqrtf(across * across + beyond * beyond)};
}

static void order_people(vg_order *order, crossing *crossings, const scene *s, int32_t c) {
    float gap[VG_MAX_PEOPLE];
    int32_t count = 1;
    order->person[0] = (uint8_t)(s->target < 0 ? 0 : s->target);
    for (int32_t p = 0; p < s->P; p++) {
        const vg_whereabouts *w = &s->view->whereabouts[p];
        if (w->known) crossings[p] = crossing_of(s, c, w->at);
        gap[p] = w->known ? crossings[p].gap : INFINITY;
        if (p == order->person[0]) continue;
        int32_t at = count++;
        while (at > 1 && gap[order->person[at - 1]] > gap[p]) order->person[at] = order->person[at - 1], at--;
        order->person[at] = (uint8_t)p;
    }
}

static void put_person(float *out, const scene *s, int32_t c, int32_t p, const crossing *line, const vg_box *target) {
    const vg_whereabouts *w = &s->view->whereabouts[p];
    if (!w->known) return;
    const vg_eye *e = &s->eye[c];
    const vg_motion *own = &s->view->motion[c];
    const float *goal = s->target >= 0 ? s->view->whereabouts[s->target].velocity : (const float[2]){0, 0};
    const float x = w->at[0] - e->at[0], y = w->at[1] - e->at[1];
    const float ahead[2] = {cosf(s->bearing[c]) * -1, sinf(s->bearing[c]) * -1}; /* towards the target */
    out[0] = 1 / (1 + w->unseen);
    out[1] = clamp1((ahead[1] * x - ahead[0] * y) / near_unit);
    out[2] = clamp1((ahead[0] * x + ahead[1] * y) / near_unit);
    out[3] = clamp1((ahead[1] * w->velocity[0] - ahead[0] * w->velocity[1]) / speed_unit);
    out[4] = clamp1((ahead[0] * w->velocity[0] + ahead[1] * w->velocity[1]) / speed_unit);
    /* the line moves with both of its ends */
    const float part = fminf(fmaxf(line->along, 0), 1);
    float drift[2];
    for (int i = 0; i < 2; i++) drift[i] = w->velocity[i] - (1 - part) * own->velocity[i] - part * goal[i];
    out[5] = clamp1(line->across);
    out[6] = clamp1((ahead[1] * drift[0] - ahead[0] * drift[1]) / speed_unit);
    out[7] = clamp1(line->along / 1.5f);
    out[8] = 1 / fmaxf(1, sqrtf(x * x + y * y));
    out[9] = clamp1(w->deviation);
    const vg_box seen = vg_box_of(keypoints_of(s, c, p), s->J);
    out[10] = vg_box_overlap(&seen, target);
    out[11] = out[10] > 0 && line->along < 1;
}

static void put_target(float *out, const scene *s, int32_t c, const vg_box *box) {
    const vg_skeletons *skeletons = s->view->skeletons;
    const vg_eye *e = &s->eye[c];
    const float offset[3] = {s->aim[0] - e->at[0], s->aim[1] - e->at[1], s->aim[2] - e->at[2]};
    put_vector(out, e, offset, near_unit);
    out[9] = 1;
    if (box->seen) {
        const vg_camera *camera = &vg_frame_cameras(s->view->frame)[c];
        const float sx = 2 / (float)camera->width, sy = 2 / (float)camera->height;
        out[11] = clamp1(box->left * sx - 1), out[12] = clamp1(box->top * sy - 1);
        out[13] = clamp1(box->right * sx - 1), out[14] = clamp1(box->bottom * sy - 1);
    }
    if (s->target < 0 || s->target >= skeletons->people) return;
    const vg_joint *joints = vg_skeletons_joints(skeletons) + (int64_t)s->target * skeletons->joints;
    float velocity[3] = {0}, facing[3] = {0}, variance = 0;
    int32_t known = 0;
    for (int32_t j = 0; j < skeletons->joints; j++) {
        if (joints[j].state == VG_JOINT_LOST) continue;
        known++;
        for (int i = 0; i < 3; i++) velocity[i] += joints[j].velocity[i];
        variance += (joints[j].covariance[0] + joints[j].covariance[3] + joints[j].covariance[5]) / 3;
    }
    if (!known) return;
    for (int i = 0; i < 3; i++) velocity[i] /= (float)known;
    vg_facing(facing, joints, skeletons->joints);
    put_vector(out + 3, e, velocity, speed_unit);
    put_vector(out + 6, e, facing, 1);
    out[9] = 1 - (float)known / (float)skeletons->joints;
    out[10] = clamp1(sqrtf(fmaxf(variance / (float)known, 0)) / deviation_unit);
    out[15] = 1;
}

/* Metres from `at` along the unit vector (x, y) to the side of the box where cameras may be. */
static float room(const vg_world_info *w, const float at[3], float x, float y) {
    const float d[2] = {x, y};
    float most = far_unit;
    for (int i = 0; i < 2; i++) {
        if (d[i] > 1e-6f) most = fminf(most, (w->camera_high[i] - at[i]) / d[i]);
        if (d[i] < -1e-6f) most = fminf(most, (w->camera_low[i] - at[i]) / d[i]);
    }
    return fmaxf(most, 0);
}

static void put_self(float *out, const scene *s, int32_t c, const vg_order *order) {
    const vg_eye *e = &s->eye[c];
    const vg_motion *m = &s->view->motion[c];
    const vg_world_info *w = s->view->world;
    const float ax = -cosf(s->bearing[c]), ay = -sinf(s->bearing[c]); /* towards the target */
    vg_pose_numbers(out, w, e);
    put_vector(out + 8, e, m->velocity, speed_unit);
    put_vector(out + 11, e, m->push, speed_unit);
    out[14] = s->seen[c], out[15] = s->confidence[c];
    out[16] = 1 / fmaxf(1, s->distance[c]);
    out[17] = clamp1(s->distance[c] / far_unit);
    out[18] = clamp1(room(w, e->at, ay, -ax) / near_unit), out[19] = clamp1(room(w, e->at, -ay, ax) / near_unit);
    out[20] = clamp1(room(w, e->at, ax, ay) / near_unit), out[21] = clamp1(room(w, e->at, -ax, -ay) / near_unit);
    if (s->C < 2) return;
    out[22] = angle_to(s, c, order->camera[1]) / circle;
    out[23] = 1 - angle_to(s, c, order->camera[s->C - 1]) / circle;
}

void vg_observe_own(float *out, vg_order *order, const vg_scene_view *view) {
    scene s;
    survey(&s, view);
    const int32_t D = vg_observation_size(view->preset, s.C, s.P);
    memset(out, 0, sizeof(float) * (size_t)s.C * (size_t)D);
    for (int32_t c = 0; c < s.C; c++) {
        float *row = out + (int64_t)c * D, *people = row + VG_OBSERVE_SELF + VG_OBSERVE_TARGET;
        float *mates = people + (s.P - 1) * VG_OBSERVE_OTHER;
        crossing crossings[VG_MAX_PEOPLE];
        vg_box box = {0};
        if (s.target >= 0) box = vg_box_of(keypoints_of(&s, c, s.target), s.J);
        order_mates(&order[c], &s, c);
        order_people(&order[c], crossings, &s, c);
        put_self(row, &s, c, &order[c]);
        put_target(row + VG_OBSERVE_SELF, &s, c, &box);
        for (int32_t k = 1; k < s.P; k++)
            put_person(people + (k - 1) * VG_OBSERVE_OTHER, &s, c, order[c].person[k], &crossings[order[c].person[k]],
                       &box);
        for (int32_t k = 1; k < s.C; k++) put_mate(mates + (k - 1) * VG_OBSERVE_FRIEND, &s, c, order[c].camera[k]);
    }
}
