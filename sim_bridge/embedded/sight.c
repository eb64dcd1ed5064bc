/* What a camera can see of a person: exact pinhole projection of the joints, and for each joint whether anything stands
 * between it and the camera. The way is tested as a ray against the capsules of every body that could be in it (the
 * person's own limbs too, except those that meet at the joint) and against the obstacles. Candidates are culled in plan
 * and then capsule by capsule against the cone from the camera round the person.
 *
 * Ray against capsule: with unit direction d to the joint, the capsule's axis from a to a + e (relative to the camera),
 * the point of the axis nearest to the ray's line is at t = -(a.e - (a.d)(e.d)) / (e.e - (e.d)^2), clamped to [0, 1];
 * the joint is hidden where that point is nearer to the line than the radius and before the joint. */
#include "sim_bridge/embedded/sim.h"

#include <math.h>
#include <string.h>

#define NEAR_PLANE 0.10f /* m */

/* Own capsules that meet at a joint do not hide it: bit j of a capsule's mask. */
#define BIT(j) (1u << (j))
static const uint32_t own_mask[SIM_SEGMENTS] = {[SIM_TORSO] = BIT(VG_L_HIP) | BIT(VG_R_HIP) | BIT(14),
                                                [SIM_HEAD] = BIT(15),
                                                [SIM_L_UPPER_ARM] = BIT(VG_L_SHOULDER) | BIT(VG_L_ELBOW),
                                                [SIM_R_UPPER_ARM] = BIT(VG_R_SHOULDER) | BIT(VG_R_ELBOW),
                                                [SIM_L_FOREARM] = BIT(VG_L_ELBOW) | BIT(VG_L_WRIST),
                                                [SIM_R_FOREARM] = BIT(VG_R_ELBOW) | BIT(VG_R_WRIST),
                                                [SIM_L_THIGH] = BIT(VG_L_HIP) | BIT(VG_L_KNEE) | BIT(VG_R_HIP),
                                                [SIM_R_THIGH] = BIT(VG_R_HIP) | BIT(VG_R_KNEE) | BIT(VG_L_HIP),
                                                [SIM_L_SHANK] = BIT(VG_L_KNEE) | BIT(VG_L_ANKLE),
                                                [SIM_R_SHANK] = BIT(VG_R_KNEE) | BIT(VG_R_ANKLE),
                                                [SIM_L_FOOT] = BIT(VG_L_ANKLE),
                                                [SIM_R_FOOT] = BIT(VG_R_ANKLE)};

/* Rays from the camera to the joints of one person, and the cone round them. */
typedef struct rays {
    float d[3][SIM_LANES]; /* unit directions */
    float length[SIM_LANES];
    int32_t hidden[SIM_LANES]; /* 1 where something is in the way */
    float axis[3];             /* unit, towards the middle of the person */
    float slope;               /* tangent of the cone's half angle, generous */
    float far;                 /* length of the longest ray */
} rays;

static void aim(rays *out, const sim_pose *pose, const float eye[3]) {
    float middle[3] = {0, 0, 0};
    for (int l = 0; l < SIM_LANES; l++) {
        const float x = pose->joint[0][l] - eye[0], y = pose->joint[1][l] - eye[1], z = pose->joint[2][l] - eye[2];
        const float length = sqrtf(x * x + y * y + z * z) + 1e-6f, inverse = 1 / length;
        out->length[l] = length;
        out->d[0][l] = x * inverse, out->d[1][l] = y * inverse, out->d[2][l] = z * inverse;
        out->hidden[l] = 0;
    }
    for (int k = 0; k < 3; k++)
        for (int l = 0; l < VG_JOINTS14; l++) middle[k] += out->d[k][l];
    const float size = sqrtf(middle[0] * middle[0] + middle[1] * middle[1] + middle[2] * middle[2]) + 1e-6f;
    for (int k = 0; k < 3; k++) out->axis[k] = middle[k] / size;
    float least = 1, far = 0;
    for (int l = 0; l < VG_JOINTS14; l++) {
        const float c = out->axis[0] * out->d[0][l] + out->axis[1] * out->d[1][l] + out->axis[2] * out->d[2][l];
        least = c < least ? c : least;
        far = out->length[l] > far ? out->length[l] : far;
    }
    out->far = far;
    out->slope = least > 0.05f ? sqrtf(fmaxf(0, 1 - least * least)) / least : 20;
}

/* Could a person at `pose` be in the way, seen in plan and in height? */
static bool may_hide(const sim_pose *pose, const sim_pose *target, const float eye[3]) {
    const float tx = target->centre[0] - eye[0], ty = target->centre[1] - eye[1];
    const float x = pose->centre[0] - eye[0], y = pose->centre[1] - eye[1];
    const float reach = sqrtf(tx * tx + ty * ty) + 1e-6f, ux = tx / reach, uy = ty / reach;
    const float along = x * ux + y * uy, across = fabsf(x * uy - y * ux);
    if (along < -pose->reach || along > reach + target->reach) return false;
    const float share = fminf(1, fmaxf(0, along + pose->reach) / reach);
    if (across > pose->reach + target->reach * share) return false;
    /* the lowest ray on the way goes to the floor under the target */
    return eye[2] * (1 - share) < pose->top || eye[2] < pose->top;
}

/* Which capsules of `pose` touch the cone round the rays. */
static uint32_t cull_capsules(const rays *r, const sim_pose *pose, const float eye[3]) {
    int32_t touches[SIM_LANES];
    for (int l = 0; l < SIM_LANES; l++) {
        const float mx = 0.5f * (pose->a[0][l] + pose->b[0][l]) - eye[0], hx = pose->b[0][l] - pose->a[0][l];
        const float my = 0.5f * (pose->a[1][l] + pose->b[1][l]) - eye[1], hy = pose->b[1][l] - pose->a[1][l];
        const float mz = 0.5f * (pose->a[2][l] + pose->b[2][l]) - eye[2], hz = pose->b[2][l] - pose->a[2][l];
        const float along = mx * r->axis[0] + my * r->axis[1] + mz * r->axis[2];
        const float across2 = mx * mx + my * my + mz * mz - along * along;
        const float radius = 0.5f * sqrtf(hx * hx + hy * hy + hz * hz) + sim_segment_radius[l] * pose->scale;
        const float cone = radius * (1 + r->slope) + r->slope * (along > 0 ? along : 0);
        touches[l] = (across2 < cone * cone) & (along > -radius) & (along < r->far + radius);
    }
    uint32_t mask = 0;
    for (uint32_t l = 0; l < SIM_SEGMENTS; l++) mask |= (uint32_t)touches[l] << l;
    return mask;
}

static inline void test_capsule(rays *r, const float a[3], const float e[3], float radius, uint32_t exempt) {
    const float ae = a[0] * e[0] + a[1] * e[1] + a[2] * e[2], ee = e[0] * e[0] + e[1] * e[1] + e[2] * e[2];
    const float aa = a[0] * a[0] + a[1] * a[1] + a[2] * a[2] - radius * radius;
    for (uint32_t l = 0; l < SIM_LANES; l++) {
        const float ad = a[0] * r->d[0][l] + a[1] * r->d[1][l] + a[2] * r->d[2][l];
        const float ed = e[0] * r->d[0][l] + e[1] * r->d[1][l] + e[2] * r->d[2][l];
        float t = (ad * ed - ae) / (ee - ed * ed + 1e-9f);
        t = t < 0 ? 0 : t;
        t = t > 1 ? 1 : t;
        const float depth = ad + t * ed, outside = aa + t * (2 * ae + t * ee) - depth * depth;
        r->hidden[l] |= (outside < 0) & (depth > 0) & (depth < r->length[l]) & (int32_t)(~exempt >> l & 1u);
    }
}

static void test_person(rays *r, const sim_pose *pose, const float eye[3], bool own) {
    uint32_t mask = own ? (1u << SIM_SEGMENTS) - 1 : cull_capsules(r, pose, eye);
    for (int s = 0; mask; s++, mask >>= 1) {
        if (!(mask & 1)) continue;
        float a[3], e[3];
        for (int k = 0; k < 3; k++) a[k] = pose->a[k][s] - eye[k], e[k] = pose->b[k][s] - pose->a[k][s];
        test_capsule(r, a, e, sim_segment_radius[s] * pose->scale, own ? own_mask[s] : 0);
    }
}

/* The part of each ray, 0 .. 1 from camera to joint, that is inside the slab |position| < half along one axis. */
static inline void clip_slab(float *enter, float *leave, float from, float step, float half) {
    const float inverse = 1 / (fabsf(step) > 1e-9f ? step : 1e-9f);
    const float a = (-half - from) * inverse, b = (half - from) * inverse;
    const float low = a < b ? a : b, high = a < b ? b : a;
    *enter = low > *enter ? low : *enter;
    *leave = high < *leave ? high : *leave;
}

static void test_box(rays *r, const vg_obstacle *o, const float eye[3], float c, float s) {
    const float x = eye[0] - o->centre[0], y = eye[1] - o->centre[1];
    const float fx = c * x + s * y, fy = -s * x + c * y, fz = eye[2] - o->centre[2];
    for (int l = 0; l < SIM_LANES; l++) {
        const float dx = (c * r->d[0][l] + s * r->d[1][l]) * r->length[l];
        const float dy = (-s * r->d[0][l] + c * r->d[1][l]) * r->length[l];
        float enter = 0, leave = 1;
        clip_slab(&enter, &leave, fx, dx, o->half[0]);
        clip_slab(&enter, &leave, fy, dy, o->half[1]);
        clip_slab(&enter, &leave, fz, r->d[2][l] * r->length[l], o->half[2]);
        r->hidden[l] |= enter < leave;
    }
}

static void test_cylinder(rays *r, const vg_obstacle *o, const float eye[3]) {
    const float x = eye[0] - o->centre[0], y = eye[1] - o->centre[1], fz = eye[2] - o->centre[2];
    const float c = x * x + y * y - o->half[0] * o->half[0];
    for (int l = 0; l < SIM_LANES; l++) {
        const float dx = r->d[0][l] * r->length[l], dy = r->d[1][l] * r->length[l];
        const float a = dx * dx + dy * dy + 1e-12f, b = x * dx + y * dy, disc = b * b - a * c;
        const float root = sqrtf(disc > 0 ? disc : 0);
        float enter = (-b - root) / a, leave = (-b + root) / a;
        enter = enter > 0 ? enter : 0, leave = leave < 1 ? leave : 1;
        clip_slab(&enter, &leave, fz, r->d[2][l] * r->length[l], o->half[2]);
        r->hidden[l] |= (disc > 0) & (enter < leave);
    }
}

/* Could an obstacle be between camera and person, in plan? */
static void test_obstacles(rays *r, const sim_scene *scene, const sim_pose *target, const float eye[3]) {
    const float tx = target->centre[0] - eye[0], ty = target->centre[1] - eye[1];
    const float reach = sqrtf(tx * tx + ty * ty) + 1e-6f, ux = tx / reach, uy = ty / reach;
    for (int32_t i = 0; i < scene->obstacle_count; i++) {
        const vg_obstacle *o = &scene->obstacles[i];
        const bool box = o->kind == VG_OBSTACLE_BOX;
        const float size = box ? sqrtf(o->half[0] * o->half[0] + o->half[1] * o->half[1]) : o->half[0];
        const float x = o->centre[0] - eye[0], y = o->centre[1] - eye[1];
        const float along = x * ux + y * uy, across = fabsf(x * uy - y * ux);
        if (along < -size || along > reach + size + target->reach || across > size + target->reach) continue;
        if (box)
            test_box(r, o, eye, cosf(o->yaw), sinf(o->yaw));
        else
            test_cylinder(r, o, eye);
    }
}

/* Exact image positions. False where no joint is in the image. */
static bool project(sim_sight *out, const vg_camera *camera, const sim_pose *pose) {
    float R[9], t[3];
    for (int k = 0; k < 9; k++) R[k] = (float)camera->R[k];
    for (int k = 0; k < 3; k++) t[k] = (float)camera->t[k];
    const float f = (float)camera->fx, cx = (float)camera->cx, cy = (float)camera->cy;
    const float right = (float)camera->width - 0.5f, bottom = (float)camera->height - 0.5f;
    float any = 0;
    for (int l = 0; l < SIM_LANES; l++) {
        const float x = pose->joint[0][l], y = pose->joint[1][l], z = pose->joint[2][l];
        const float depth = R[6] * x + R[7] * y + R[8] * z + t[2];
        const float inverse = f / (depth > NEAR_PLANE ? depth : NEAR_PLANE);
        const float u = (R[0] * x + R[1] * y + R[2] * z + t[0]) * inverse + cx;
        const float v = (R[3] * x + R[4] * y + R[5] * z + t[1]) * inverse + cy;
        const float in = depth > NEAR_PLANE && u >= -0.5f && u < right && v >= -0.5f && v < bottom ? 1.0f : 0.0f;
        out->u[l] = u, out->v[l] = v, out->in_image[l] = in;
        any = l < VG_JOINTS14 && in > 0 ? 1.0f : any;
    }
    return any > 0;
}

bool sim_sight_of(sim_sight *out, const sim_scene *scene, const vg_camera *camera, const float eye[3],
                  const sim_pose *poses, int32_t people, int32_t person) {
    const sim_pose *pose = &poses[person];
    out->size = 0, out->hidden = 1;
    if (!project(out, camera, pose)) return false;
    rays r;
    aim(&r, pose, eye);
    test_person(&r, pose, eye, true);
    for (int32_t q = 0; q < people; q++)
        if (q != person && may_hide(&poses[q], pose, eye)) test_person(&r, &poses[q], eye, false);
    test_obstacles(&r, scene, pose, eye);
    float seen = 0, distance = 0;
    for (int l = 0; l < SIM_LANES; l++) out->visible[l] = out->in_image[l] * (float)(1 - r.hidden[l]);
    for (int l = 0; l < VG_JOINTS14; l++) seen += out->visible[l], distance += r.length[l];
    out->hidden = 1 - seen / VG_JOINTS14;
    out->size = (float)camera->fx * pose->top * VG_JOINTS14 / distance;
    return true;
}
