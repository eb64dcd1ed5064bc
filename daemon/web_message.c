/* Numbers that come sixty times a second are packed 32-bit floats; the rest is JSON. */
#include "daemon/web_message.h"

#include "calibration/calibration.h"
#include "perception/joints.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- hello ---- */

static const char *side_of(const vg_joint_set *set, int32_t j) {
    if (set->mirror[j] == j || set->part[j] < 0) return "middle";
    return vg_part_name((vg_part)set->part[j])[0] == 'L' ? "left" : "right";
}

static void add_joints(json_t *hello, const vg_world_info *world) {
    vg_joint_set set;
    vg_joint_set_kind kind;
    json_t *joints = json_array(), *bones = json_array();
    vg_error ignored = {0};
    const bool known = vg_joint_set_parse(world->joint_set, &kind, &ignored) == VG_OK;
    if (known) vg_joint_set_init(&set, kind);
    for (int32_t j = 0; j < world->dims.joints; j++) {
        char number[24];
        snprintf(number, sizeof number, "%d", j + 1);
        const bool named = known && j < set.joints;
        const char *part = named && set.part[j] >= 0 ? vg_part_name((vg_part)set.part[j]) : "";
        json_t *joint = json_object();
        json_object_set_new(joint, "name", json_string(named ? set.names[j] : number));
        json_object_set_new(joint, "part", json_string(part));
        json_object_set_new(joint, "side", json_string(named ? side_of(&set, j) : "middle"));
        json_array_append_new(joints, joint);
    }
    for (int32_t b = 0; known && set.joints <= world->dims.joints && b < set.bones; b++) {
        json_t *bone = json_array();
        json_array_append_new(bone, json_integer(set.bone[b].a));
        json_array_append_new(bone, json_integer(set.bone[b].b));
        json_array_append_new(bones, bone);
    }
    json_object_set_new(hello, "joint_set", json_string(world->joint_set));
    json_object_set_new(hello, "joints", joints);
    json_object_set_new(hello, "bones", bones);
}

static json_t *numbers(const float *values, int count) {
    json_t *out = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(out, isfinite(values[i]) ? json_real((double)values[i]) : json_null());
    return out;
}

/* The place: where people walk, and what stands there. */
static void add_scene(json_t *hello, const vg_world_info *world) {
    json_t *obstacles = json_array();
    for (int32_t i = 0; i < world->obstacle_count; i++) {
        const vg_obstacle *o = &world->obstacles[i];
        json_t *obstacle = json_object();
        json_object_set_new(obstacle, "kind", json_string(o->kind == VG_OBSTACLE_BOX ? "box" : "cylinder"));
        json_object_set_new(obstacle, "centre", numbers(o->centre, 3));
        json_object_set_new(obstacle, "half", numbers(o->half, 3));
        json_object_set_new(obstacle, "yaw", json_real((double)o->yaw));
        json_array_append_new(obstacles, obstacle);
    }
    json_object_set_new(hello, "area_low", numbers(world->area_low, 2));
    json_object_set_new(hello, "area_high", numbers(world->area_high, 2));
    json_object_set_new(hello, "obstacles", obstacles);
}

/* Names come from files and peers: one that is no UTF-8 is replaced by its number. */
static json_t *camera_names(const vg_world_info *world) {
    json_t *out = json_array();
    for (int32_t c = 0; c < world->dims.cameras; c++) {
        char number[24];
        snprintf(number, sizeof number, "camera %d", c + 1);
        json_t *name = world->camera_names[c][0] ? json_string(world->camera_names[c]) : NULL;
        json_array_append_new(out, name ? name : json_string(number));
    }
    return out;
}

static char *text_of(json_t *message) {
    char *text = json_dumps(message, JSON_COMPACT);
    json_decref(message);
    return text;
}

char *vg_web_hello(const vg_session_config *config, const vg_world_info *world) {
    static const char *const kinds[] = {"train", "live", "mocap"}; /* by vg_session_kind */
    json_t *hello = json_object();
    json_object_set_new(hello, "type", json_string("hello"));
    json_object_set_new(hello, "version", json_integer(VG_WEB_MESSAGE_VERSION));
    json_object_set_new(hello, "session", json_string(config->session.name));
    json_object_set_new(hello, "kind", json_string(kinds[config->session.kind]));
    json_object_set_new(hello, "replay", json_boolean(config->world.kind == VG_SESSION_REPLAY));
    json_object_set_new(hello, "people", json_integer(world->dims.people));
    json_object_set_new(hello, "cameras", camera_names(world));
    add_joints(hello, world);
    add_scene(hello, world);
    return text_of(hello);
}

/* ---- frames ---- */

enum { HEAD_WORDS = 8, CAMERA_WORDS = 30, JOINT_WORDS = 11 };

size_t vg_web_frame_bytes(vg_dims d) {
    return sizeof(uint32_t) * (size_t)(HEAD_WORDS + CAMERA_WORDS * d.cameras + d.people * (1 + JOINT_WORDS * d.joints));
}

static void put(unsigned char **to, const void *from, size_t size) {
    memcpy(*to, from, size);
    *to += size;
}

static void put_u32(unsigned char **to, uint32_t value) {
    put(to, &value, sizeof value);
}

static void put_floats(unsigned char **to, const double *values, int count) {
    for (int i = 0; i < count; i++) {
        const float value = (float)values[i];
        put(to, &value, sizeof value);
    }
}

/* The world's direction to a corner of the picture; where the lens has none there, to the outermost point on the way that
 * has one. */
static void corner_ray(double out[3], const vg_camera *camera, double u, double v) {
    double origin[3];
    for (int step = 10; step > 0; step--) {
        const double share = step / 10.0, pu = camera->cx + share * (u - camera->cx),
                     pv = camera->cy + share * (v - camera->cy);
        if (vg_unproject(origin, out, camera, pu, pv)) return;
    }
    memcpy(out, camera->R + 6, 3 * sizeof *out);
}

static void put_camera(unsigned char **to, const vg_camera *c) {
    const double w = c->width - 0.5, h = c->height - 0.5, corners[4][2] = {{-0.5, -0.5}, {w, -0.5}, {w, h}, {-0.5, h}};
    double at[3];
    for (int k = 0; k < 3; k++) at[k] = -(c->R[k] * c->t[0] + c->R[3 + k] * c->t[1] + c->R[6 + k] * c->t[2]);
    put_floats(to, at, 3);
    put_floats(to, c->R, 9);
    for (int i = 0; i < 4; i++) {
        double ray[3];
        corner_ray(ray, c, corners[i][0], corners[i][1]);
        put_floats(to, ray, 3);
    }
    put_floats(to, (const double[]){c->fx, c->fy, c->cx, c->cy, c->width, c->height}, 6);
}

static void put_joint(unsigned char **to, const vg_joint *joint) {
    put(to, joint->position, sizeof joint->position);
    put(to, joint->covariance, sizeof joint->covariance);
    put(to, &joint->reprojection, sizeof joint->reprojection);
    put_u32(to, (uint32_t)(uint16_t)joint->state | (uint32_t)(uint16_t)joint->views << 16);
}

size_t vg_web_frame(void *out, const vg_frame *frame, const vg_skeletons *s) {
    const double seconds = (double)frame->time_ns * 1e-9, id = (double)frame->frame_id;
    unsigned char *at = out;
    uint32_t people = 0;
    for (int32_t p = 0; p < s->people; p++) people += vg_skeletons_present(s)[p] != 0;
    put_u32(&at, VG_WEB_MESSAGE_VERSION);
    put_u32(&at, (uint32_t)frame->dims.cameras);
    put_u32(&at, people);
    put_u32(&at, (uint32_t)s->joints);
    put(&at, &seconds, sizeof seconds);
    put(&at, &id, sizeof id);
    for (int32_t c = 0; c < frame->dims.cameras; c++) put_camera(&at, &vg_frame_cameras(frame)[c]);
    for (int32_t p = 0; p < s->people; p++) {
        if (!vg_skeletons_present(s)[p]) continue;
        put_u32(&at, (uint32_t)p);
        for (int32_t j = 0; j < s->joints; j++) put_joint(&at, &vg_skeletons_joints(s)[p * s->joints + j]);
    }
    return (size_t)(at - (unsigned char *)out);
}

/* ---- how well cameras agree with the skeletons ---- */

/* Where a person's measured joints appear in a camera; NaN where they do not. Returns how many do. */
static int project_person(double (*uv)[2], const vg_camera *camera, const vg_joint *joints, int32_t count) {
    int seen = 0;
    for (int32_t j = 0; j < count; j++) {
        uv[j][0] = uv[j][1] = (double)NAN;
        if (joints[j].state != VG_JOINT_MEASURED) continue;
        const double at[3] = {(double)joints[j].position[0], (double)joints[j].position[1],
                              (double)joints[j].position[2]};
        if (vg_project(uv[j], NULL, NULL, camera, at))
            seen++;
        else
            uv[j][0] = uv[j][1] = (double)NAN;
    }
    return seen;
}

/* Distances, px, of the joints that both have, and their mean; returns how many. */
static int compare(double *distances, double *mean, const double (*uv)[2], const vg_keypoint *found, int32_t joints) {
    int points = 0;
    double sum = 0;
    for (int32_t j = 0; j < joints; j++) {
        if (!(found[j].confidence > 0) || isnan(uv[j][0])) continue;
        distances[points] = hypot(uv[j][0] - (double)found[j].u, uv[j][1] - (double)found[j].v);
        sum += distances[points++];
    }
    *mean = points ? sum / points : (double)INFINITY;
    return points;
}

enum { FEWEST = 4 }; /* joints that are worth comparing */

/* The distances of that detection which lies nearest to a person, within a tenth of the picture; returns how many. */
static int nearest_detection(double *out, const vg_frame *frame, int32_t c, const vg_joint *joints, int32_t count) {
    const vg_camera *camera = &vg_frame_cameras(frame)[c];
    double uv[VG_MAX_JOINTS][2], distances[VG_MAX_JOINTS], mean, best = 0.1 * camera->width;
    int best_points = 0;
    if (project_person(uv, camera, joints, count) < FEWEST) return 0;
    for (int32_t k = 0; k < frame->dims.people; k++) {
        const vg_keypoint *found =
            vg_frame_keypoints(frame) + ((int64_t)c * frame->dims.people + k) * frame->dims.joints;
        const int points = compare(distances, &mean, (const double(*)[2])uv, found, count);
        if (points < FEWEST || mean >= best) continue;
        best = mean, best_points = points;
        memcpy(out, distances, (size_t)points * sizeof *out);
    }
    return best_points;
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void vg_web_errors_add(vg_web_errors *errors, const vg_frame *frame, const vg_skeletons *s) {
    const double fading = 0.95;
    for (int32_t c = 0; c < frame->dims.cameras; c++) {
        double distances[VG_MAX_PEOPLE * VG_MAX_JOINTS];
        int points = 0;
        for (int32_t p = 0; p < s->people; p++)
            if (vg_skeletons_present(s)[p])
                points += nearest_detection(distances + points, frame, c,
                                            vg_skeletons_joints(s) + (int64_t)p * s->joints, s->joints);
        errors->sum[c] *= fading, errors->weight[c] *= fading;
        if (!points) continue;
        qsort(distances, (size_t)points, sizeof *distances, by_size);
        errors->sum[c] += distances[points / 2], errors->weight[c] += 1;
    }
}

double vg_web_errors_of(const vg_web_errors *errors, int32_t camera) {
    return errors->weight[camera] >= 1 ? errors->sum[camera] / errors->weight[camera] : (double)NAN;
}

/* ---- status ---- */

char *vg_web_status(vg_control *control, const vg_web_errors *errors, int viewers) {
    vg_session_status status;
    vg_control_snapshot(control, &status);
    json_t *out = json_object(), *reprojection = json_array();
    for (int32_t c = 0; c < control->world->dims.cameras; c++) {
        const double px = vg_web_errors_of(errors, c);
        json_array_append_new(reprojection, isfinite(px) ? json_real(px) : json_null());
    }
    json_object_set_new(out, "type", json_string("status"));
    json_object_set_new(out, "status", vg_control_status_json(control, &status));
    json_object_set_new(out, "reprojection_px", reprojection);
    json_object_set_new(out, "viewers", json_integer(viewers));
    return text_of(out);
}
