/* Looking into one environment of an embedded world, and placing people and cameras in it. */
#include "sim_bridge/embedded/embedded.h"

#include "sim_bridge/embedded/sim.h"

#include <math.h>

static sim_world *sim_of(const vg_world *world) {
    VG_ASSERT(world->ops == &sim_ops);
    return (sim_world *)(void *)(uintptr_t)world;
}

static vg_status check_env(const sim_world *sim, int32_t env, vg_error *err) {
    if (env < 0 || env >= sim->head.info.envs)
        return vg_fail(err, VG_INVALID, "environment %d is out of range; the world has %d", env, sim->head.info.envs);
    if (!sim_state_of(sim, env)->ready) return vg_fail(err, VG_INVALID, "environment %d was not reset yet", env);
    return VG_OK;
}

static vg_status check_person(const sim_world *sim, int32_t env, int32_t person, vg_error *err) {
    VG_TRY(check_env(sim, env, err));
    const int32_t people = sim_state_of(sim, env)->people;
    if (person < 0 || person >= people)
        return vg_fail(err, VG_NOT_FOUND, "person %d does not exist; %d people walk in environment %d", person, people,
                       env);
    return VG_OK;
}

static vg_status check_camera(const sim_world *sim, int32_t env, int32_t camera, vg_error *err) {
    VG_TRY(check_env(sim, env, err));
    if (camera < 0 || camera >= sim->dims.cameras)
        return vg_fail(err, VG_NOT_FOUND, "camera %d does not exist; the team has %d", camera, sim->dims.cameras);
    return VG_OK;
}

int32_t vg_embedded_people(const vg_world *world, int32_t env) {
    const sim_world *sim = sim_of(world);
    VG_ASSERT(env >= 0 && env < sim->head.info.envs);
    return sim_state_of(sim, env)->people;
}

int32_t vg_embedded_capsules(const vg_world *world, int32_t env, vg_embedded_capsule *out, int32_t room) {
    const sim_world *sim = sim_of(world);
    const int32_t people = vg_embedded_people(world, env);
    int32_t count = 0;
    for (int32_t p = 0; p < people; p++) {
        const sim_pose *pose = &sim_poses_of(sim, env)[p];
        for (int s = 0; s < SIM_SEGMENTS; s++, count++) {
            if (count >= room) continue;
            out[count].person = p;
            out[count].radius = sim_segment_radius[s] * pose->scale;
            for (int k = 0; k < 3; k++) out[count].a[k] = pose->a[k][s], out[count].b[k] = pose->b[k][s];
        }
    }
    return count;
}

vg_status vg_embedded_joints(const vg_world *world, int32_t env, int32_t person, float out[VG_JOINTS14][3],
                             vg_error *err) {
    const sim_world *sim = sim_of(world);
    VG_TRY(check_person(sim, env, person, err));
    const sim_pose *pose = &sim_poses_of(sim, env)[person];
    for (int j = 0; j < VG_JOINTS14; j++)
        for (int k = 0; k < 3; k++) out[j][k] = pose->joint[k][j];
    return VG_OK;
}

static bool is_inside(const float *at, const float *low, const float *high, int n) {
    for (int k = 0; k < n; k++)
        if (!(at[k] >= low[k] && at[k] <= high[k])) return false;
    return true;
}

vg_status vg_embedded_get_person(const vg_world *world, int32_t env, int32_t person, vg_embedded_person *out,
                                 vg_error *err) {
    const sim_world *sim = sim_of(world);
    VG_TRY(check_person(sim, env, person, err));
    const sim_person *p = &sim_state_of(sim, env)->person[person];
    *out = (vg_embedded_person){
        .at = {p->at[0], p->at[1]}, .heading = p->heading, .speed = p->speed, .height = 1.75f * p->body.scale};
    return VG_OK;
}

vg_status vg_embedded_set_person(vg_world *world, int32_t env, int32_t person, const vg_embedded_person *in,
                                 vg_error *err) {
    sim_world *sim = sim_of(world);
    VG_TRY(check_person(sim, env, person, err));
    if (!is_inside(in->at, sim->scene.area_low, sim->scene.area_high, 2))
        return vg_fail(err, VG_INVALID, "person %d cannot stand at (%g, %g): outside the scene's area", person,
                       (double)in->at[0], (double)in->at[1]);
    if (!isfinite(in->heading) || !(in->speed >= 0 && in->speed <= 3))
        return vg_fail(err, VG_INVALID, "person %d: heading must be finite and speed 0 to 3 m/s, not %g", person,
                       (double)in->speed);
    sim_person *p = &sim_state_of(sim, env)->person[person];
    p->at[0] = in->at[0], p->at[1] = in->at[1];
    p->heading = remainderf(in->heading, 6.28318530718f), p->speed = in->speed, p->yaw_rate = 0;
    sim_gait_start(p, p->phase);
    sim_pose_people(sim, env);
    return VG_OK;
}

vg_status vg_embedded_add_person(vg_world *world, int32_t env, int32_t *index, const vg_embedded_person *in,
                                 vg_error *err) {
    sim_world *sim = sim_of(world);
    VG_TRY(check_env(sim, env, err));
    sim_state *state = sim_state_of(sim, env);
    if (state->people == sim->dims.people)
        return vg_fail(err, VG_REFUSED, "%d people walk already; the world has room for no more", state->people);
    sim_crowd_begin(state, state->people++, &sim->scene, &sim->params);
    const vg_status status = vg_embedded_set_person(world, env, state->people - 1, in, err);
    if (status != VG_OK) state->people--;
    *index = state->people - 1;
    return status;
}

vg_status vg_embedded_set_goal(vg_world *world, int32_t env, int32_t person, const float goal[2], float pace,
                               vg_error *err) {
    sim_world *sim = sim_of(world);
    VG_TRY(check_person(sim, env, person, err));
    if (!is_inside(goal, sim->scene.area_low, sim->scene.area_high, 2))
        return vg_fail(err, VG_INVALID, "person %d cannot go to (%g, %g): outside the scene's area", person,
                       (double)goal[0], (double)goal[1]);
    if (!(pace > 0 && pace <= 3))
        return vg_fail(err, VG_INVALID, "person %d: pace is %g; it must be above 0 and at most 3 m/s", person,
                       (double)pace);
    sim_person *p = &sim_state_of(sim, env)->person[person];
    p->goal[0] = goal[0], p->goal[1] = goal[1], p->pace = pace, p->pause = 0;
    return VG_OK;
}

vg_status vg_embedded_get_camera(const vg_world *world, int32_t env, int32_t camera, vg_embedded_camera *out,
                                 vg_error *err) {
    const sim_world *sim = sim_of(world);
    VG_TRY(check_camera(sim, env, camera, err));
    const sim_camera *c = &sim_state_of(sim, env)->camera[camera];
    *out = (vg_embedded_camera){.at = {c->at[0], c->at[1], c->at[2]}, .yaw = c->yaw, .pitch = c->pitch};
    return VG_OK;
}

vg_status vg_embedded_set_camera(vg_world *world, int32_t env, int32_t camera, const vg_embedded_camera *in,
                                 vg_error *err) {
    sim_world *sim = sim_of(world);
    VG_TRY(check_camera(sim, env, camera, err));
    if (!is_inside(in->at, sim->scene.camera_low, sim->scene.camera_high, 3))
        return vg_fail(err, VG_INVALID, "camera %d cannot be at (%g, %g, %g): outside the scene's camera box", camera,
                       (double)in->at[0], (double)in->at[1], (double)in->at[2]);
    if (!isfinite(in->yaw) || !(fabsf(in->pitch) <= 1.5708f))
        return vg_fail(err, VG_INVALID, "camera %d: yaw must be finite and pitch within 90 degrees", camera);
    sim_camera *c = &sim_state_of(sim, env)->camera[camera];
    *c = (sim_camera){
        .at = {in->at[0], in->at[1], in->at[2]}, .yaw = remainderf(in->yaw, 6.28318530718f), .pitch = in->pitch};
    return VG_OK;
}

vg_status vg_embedded_observe(const vg_world *world, int32_t env, vg_frame *out, vg_error *err) {
    const sim_world *sim = sim_of(world);
    VG_TRY(check_env(sim, env, err));
    sim_observe(out, sim, env);
    return VG_OK;
}
