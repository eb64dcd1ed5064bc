/* Observations. */
#include "agents/observe.h"

#include <math.h>
#include <string.h>

static const float metres_far = 10; /* scale of distances in a camera's frame */
static const float place_unit = 5;  /* half the size of the area people walk in */

int32_t vg_observation_size(int32_t preset, int32_t cameras, int32_t people) {
    if (preset != VG_PRESET_PAPER)
        return VG_OBSERVE_SELF + VG_OBSERVE_TARGET + VG_OBSERVE_OTHER * (people - 1) +
               VG_OBSERVE_FRIEND * (cameras - 1);
    return VG_OBSERVE_OWN + VG_OBSERVE_PERSON * people + VG_OBSERVE_MATE * (cameras - 1);
}

int32_t vg_critic_size(int32_t cameras, int32_t people, int32_t axes) {
    return VG_POSE_NUMBERS * cameras + (cameras - 1) * axes + 2 * people;
}

static float clamp1(float x) {
    return x < -1 ? -1 : x > 1 ? 1 : x;
}

static void scaled_position(float out[3], const vg_world_info *w, const float at[3]) {
    for (int i = 0; i < 3; i++) {
        const float half = (w->camera_high[i] - w->camera_low[i]) / 2,
                    centre = (w->camera_high[i] + w->camera_low[i]) / 2;
        out[i] = half > 0 ? clamp1((at[i] - centre) / half) : 0;
    }
}

vg_eye vg_eye_of(const vg_camera *camera) {
    vg_eye e;
    for (int i = 0; i < 9; i++) e.R[i] = (float)camera->R[i];
    for (int i = 0; i < 3; i++)
        e.at[i] =
            (float)-(camera->R[i] * camera->t[0] + camera->R[3 + i] * camera->t[1] + camera->R[6 + i] * camera->t[2]);
    return e;
}

void vg_pose_numbers(float out[VG_POSE_NUMBERS], const vg_world_info *w, const vg_eye *e) {
    scaled_position(out, w, e->at);
    memcpy(out + 3, e->R + 6, 3 * sizeof(float));
    const float level = sqrtf(e->R[6] * e->R[6] + e->R[7] * e->R[7]); /* cos pitch */
    out[6] = level;
    out[7] = level > 1e-6f ? e->R[6] / level : 1;
}

void vg_observe_poses(float *out, const vg_world_info *world, const vg_frame *frame) {
    for (int32_t c = 0; c < frame->dims.cameras; c++) {
        const vg_eye e = vg_eye_of(&vg_frame_cameras(frame)[c]);
        vg_pose_numbers(out + c * VG_POSE_NUMBERS, world, &e);
    }
}

bool vg_person_centre(float out[3], const vg_skeletons *skeletons, int32_t person) {
    const vg_joint *joints = vg_skeletons_joints(skeletons) + (int64_t)person * skeletons->joints;
    float sum[3] = {0};
    int32_t n = 0;
    for (int32_t j = 0; j < skeletons->joints; j++) {
        if (joints[j].state == VG_JOINT_LOST) continue;
        for (int i = 0; i < 3; i++) sum[i] += joints[j].position[i];
        n++;
    }
    for (int i = 0; i < 3; i++) out[i] = n ? sum[i] / (float)n : 0;
    return n > 0;
}

/* Facing is left of the line from the right to the left side, turned by a quarter. */
bool vg_facing(float out[2], const vg_joint *joints, int32_t count) {
    float side[2] = {0};
    const int pairs[2][2] = {{VG_L_SHOULDER, VG_R_SHOULDER}, {VG_L_HIP, VG_R_HIP}};
    out[0] = out[1] = 0;
    for (int k = 0; count == VG_JOINTS14 && k < 2; k++) {
        const vg_joint *left = &joints[pairs[k][0]], *right = &joints[pairs[k][1]];
        if (left->state == VG_JOINT_LOST || right->state == VG_JOINT_LOST) continue;
        for (int i = 0; i < 2; i++) side[i] += left->position[i] - right->position[i];
    }
    const float norm = sqrtf(side[0] * side[0] + side[1] * side[1]);
    if (norm <= 1e-3f) return false;
    out[0] = side[1] / norm, out[1] = -side[0] / norm;
    return true;
}

/* What is known of a person, whoever looks. */
typedef struct body {
    bool present, known;
    float centre[3], extent[3], facing[2], lost;
} body;

static body body_of(const vg_skeletons *s, int32_t person) {
    body b = {.present = vg_skeletons_present(s)[person] != 0, .lost = 1};
    const vg_joint *joints = vg_skeletons_joints(s) + (int64_t)person * s->joints;
    float low[3] = {INFINITY, INFINITY, INFINITY}, high[3] = {-INFINITY, -INFINITY, -INFINITY};
    int32_t n = 0;
    for (int32_t j = 0; j < s->joints; j++) {
        if (joints[j].state == VG_JOINT_LOST) continue;
        n++;
        for (int i = 0; i < 3; i++) {
            b.centre[i] += joints[j].position[i];
            low[i] = fminf(low[i], joints[j].position[i]), high[i] = fmaxf(high[i], joints[j].position[i]);
        }
    }
    b.known = b.present && n > 0;
    if (!b.known) return b;
    b.lost = 1 - (float)n / (float)s->joints;
    for (int i = 0; i < 3; i++) b.centre[i] /= (float)n, b.extent[i] = high[i] - low[i];
    vg_facing(b.facing, joints, s->joints);
    return b;
}

vg_box vg_box_of(const vg_keypoint *k, int32_t joints) {
    vg_box b = {INFINITY, INFINITY, -INFINITY, -INFINITY, false};
    for (int32_t j = 0; j < joints; j++) {
        if (!(k[j].confidence > 0.3f)) continue;
        b.left = fminf(b.left, k[j].u), b.right = fmaxf(b.right, k[j].u);
        b.top = fminf(b.top, k[j].v), b.bottom = fmaxf(b.bottom, k[j].v);
        b.seen = true;
    }
    return b;
}

float vg_box_overlap(const vg_box *a, const vg_box *b) {
    if (!a->seen || !b->seen) return 0;
    const float w = fminf(a->right, b->right) - fmaxf(a->left, b->left);
    const float h = fminf(a->bottom, b->bottom) - fmaxf(a->top, b->top);
    if (w <= 0 || h <= 0) return 0;
    const float both = w * h,
                all = (a->right - a->left) * (a->bottom - a->top) + (b->right - b->left) * (b->bottom - b->top);
    return both / (all - both);
}

static void turn(float out[3], const vg_eye *e, const float v[3]) {
    for (int i = 0; i < 3; i++) out[i] = e->R[3 * i] * v[0] + e->R[3 * i + 1] * v[1] + e->R[3 * i + 2] * v[2];
}

static void observe_person(float *out, const vg_world_info *w, const body *b, const vg_box *seen, const vg_box *target,
                           bool is_target, float target_depth, const vg_eye *e, const vg_camera *camera) {
    if (!b->present) return;
    out[3] = b->lost;
    if (b->known) {
        const float offset[3] = {b->centre[0] - e->at[0], b->centre[1] - e->at[1], b->centre[2] - e->at[2]};
        const float facing[3] = {b->facing[0], b->facing[1], 0};
        float there[3];
        for (int i = 0; i < 3; i++) out[i] = clamp1(b->extent[i] / 2);
        scaled_position(out + 4, w, b->centre);
        out[7] = b->facing[0], out[8] = b->facing[1];
        turn(there, e, offset);
        for (int i = 0; i < 3; i++) out[9 + i] = clamp1(there[i] / metres_far);
        turn(out + 12, e, facing);
        out[19] = clamp1(there[2] / metres_far);
        const float both = vg_box_overlap(seen, target);
        out[20] = is_target ? 0 : both;
        out[23] = !is_target && both > 0 && there[2] < target_depth;
    }
    if (seen->seen) {
        const float sx = 2 / (float)camera->width, sy = 2 / (float)camera->height;
        out[15] = clamp1(seen->left * sx - 1), out[16] = clamp1(seen->top * sy - 1);
        out[17] = clamp1(seen->right * sx - 1), out[18] = clamp1(seen->bottom * sy - 1);
    }
    out[21] = 1;
    out[22] = seen->seen;
}

/* Mates in rotation, people by slot after the target. */
static void order_by_slot(vg_order *order, int32_t camera, int32_t C, int32_t P, int32_t target) {
    for (int32_t k = 0; k < C; k++) order->camera[k] = (uint8_t)((camera + k) % C);
    order->person[0] = (uint8_t)(target < 0 ? 0 : target);
    for (int32_t p = 0, at = 1; p < P; p++)
        if (p != order->person[0]) order->person[at++] = (uint8_t)p;
}

static void observe_paper(float *out, vg_order *order, const vg_world_info *world, const vg_frame *frame,
                          const vg_skeletons *skeletons) {
    const int32_t C = frame->dims.cameras, P = frame->dims.people, J = frame->dims.joints;
    const int32_t D = vg_observation_size(VG_PRESET_PAPER, C, P), target = frame->target;
    const vg_camera *cameras = vg_frame_cameras(frame);
    float poses[VG_MAX_CAMERAS][VG_POSE_NUMBERS];
    vg_eye eyes[VG_MAX_CAMERAS];
    body bodies[VG_MAX_PEOPLE];
    for (int32_t c = 0; c < C; c++) {
        eyes[c] = vg_eye_of(&cameras[c]);
        vg_pose_numbers(poses[c], world, &eyes[c]);
    }
    for (int32_t p = 0; p < P; p++) bodies[p] = body_of(skeletons, p);
    memset(out, 0, sizeof(float) * (size_t)C * (size_t)D);
    for (int32_t c = 0; c < C; c++) {
        float *row = out + (int64_t)c * D, *person = row + VG_OBSERVE_OWN;
        const vg_keypoint *keypoints = vg_frame_keypoints(frame) + (int64_t)c * P * J;
        order_by_slot(&order[c], c, C, P, target);
        row[0] = C > 1 ? 2 * (float)c / (float)(C - 1) - 1 : 0;
        memcpy(row + 1, poses[c], sizeof poses[c]);
        vg_box seen_target = {0};
        float target_depth = INFINITY;
        if (target >= 0) {
            seen_target = vg_box_of(keypoints + (int64_t)target * J, J);
            const float *at = bodies[target].centre;
            if (bodies[target].known)
                target_depth = eyes[c].R[6] * (at[0] - eyes[c].at[0]) + eyes[c].R[7] * (at[1] - eyes[c].at[1]) +
                               eyes[c].R[8] * (at[2] - eyes[c].at[2]);
        }
        for (int32_t p = 0; p < P; p++) {
            const vg_box seen = p == target ? seen_target : vg_box_of(keypoints + (int64_t)p * J, J);
            observe_person(person + p * VG_OBSERVE_PERSON, world, &bodies[p], &seen, &seen_target, p == target,
                           target_depth, &eyes[c], &cameras[c]);
        }
        float *mate = person + P * VG_OBSERVE_PERSON;
        for (int32_t k = 1; k < C; k++) memcpy(mate + (k - 1) * VG_OBSERVE_MATE, poses[(c + k) % C], sizeof poses[0]);
    }
}

void vg_observe(float *out, vg_order *order, const vg_scene_view *view) {
    if (view->preset == VG_PRESET_PAPER)
        observe_paper(out, order, view->world, view->frame, view->skeletons);
    else
        vg_observe_own(out, order, view);
}

void vg_observe_critic(float *out, int32_t *mates_at, int32_t axes, const float *poses, const float *places,
                       const vg_order *order, const vg_dims *dims) {
    const int32_t C = dims->cameras, P = dims->people, K = vg_critic_size(C, P, axes);
    for (int32_t c = 0; c < C; c++) {
        float *row = out + (int64_t)c * K, *people = row + C * VG_POSE_NUMBERS + (C - 1) * axes;
        for (int32_t k = 0; k < C; k++)
            memcpy(row + k * VG_POSE_NUMBERS, poses + order[c].camera[k] * VG_POSE_NUMBERS,
                   VG_POSE_NUMBERS * sizeof(float));
        for (int32_t p = 0; p < P; p++) memcpy(people + 2 * p, places + 2 * order[c].person[p], 2 * sizeof(float));
    }
    *mates_at = C * VG_POSE_NUMBERS;
}

void vg_observe_places(float *places, float *mask, const vg_frame *frame, const vg_skeletons *skeletons) {
    const int32_t P = frame->dims.people, J = frame->dims.joints;
    const bool truth = (frame->flags & VG_FRAME_TRUTH) != 0;
    for (int32_t p = 0; p < P; p++) {
        float centre[3] = {0};
        bool known = vg_frame_present(frame)[p] != 0;
        if (known && truth) {
            const float *x = vg_frame_truth(frame) + (int64_t)p * J * 3;
            for (int32_t j = 0; j < J; j++)
                for (int i = 0; i < 2; i++) centre[i] += x[3 * j + i] / (float)J;
        } else if (known) {
            known = vg_person_centre(centre, skeletons, p);
        }
        for (int i = 0; i < 2; i++) places[2 * p + i] = known ? centre[i] / place_unit : 0;
        mask[p] = known;
    }
}
