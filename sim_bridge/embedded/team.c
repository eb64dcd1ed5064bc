/* The camera team: start formations of the reference task and the two ways of following a command. */
#include "sim_bridge/embedded/sim.h"

#include "common/transform.h"

#include <math.h>

#define WIDTH       320
#define HEIGHT      240
#define FOCAL       160.0 /* px: horizontal field of view 90 degrees */
#define DEGREE      ((float)(VG_PI / 180))
#define PITCH_LIMIT (85 * DEGREE)
#define START_PITCH (-35 * DEGREE)
#define CIRCLE      5.0f /* m, radius of formations that the reference does not name */

/* x, y in metres, yaw in degrees */
typedef struct station {
    float x, y, yaw;
} station;

static const station pentagon[5] = {
    {0, -5, 90}, {4.755f, -1.545f, 162}, {2.939f, 4.045f, 234}, {-2.939f, 4.045f, 306}, {-4.755f, -1.545f, 18}};
static const station corners[4] = {{5, 5, -135}, {-5, 5, -45}, {-5, -5, 45}, {5, -5, 135}};
static const station three[3] = {{1.5f, 5, -135}, {-1.5f, 5, -45}, {0, -3, 90}};
static const station fixed_three[3] = {{0, -5, 90}, {-5, 5, -45}, {5, 5, -135}};

static station station_of(int32_t camera, int32_t cameras, int32_t formation) {
    const bool fixed = formation == VG_FORMATION_FIXED;
    switch (cameras) {
    case 2:
        return fixed ? corners[camera] : three[camera];
    case 3:
        return fixed ? fixed_three[camera] : three[camera];
    case 4:
        return corners[camera];
    case 5:
        return pentagon[camera];
    default:
        break;
    }
    const float turn = 360.0f * (float)camera / (float)cameras, angle = (turn - 90) * DEGREE;
    return (station){CIRCLE * cosf(angle), CIRCLE * sinf(angle), turn + 90};
}

static float clamp(float x, float low, float high) {
    return x < low ? low : x > high ? high : x;
}

void sim_team_start(sim_camera camera[], const sim_scene *scene, int32_t cameras, int32_t formation) {
    for (int32_t c = 0; c < cameras; c++) {
        const station s = station_of(c, cameras, formation);
        const float at[3] = {s.x, s.y, 3.0f};
        camera[c] = (sim_camera){.yaw = (float)vg_wrap_angle((double)(s.yaw * DEGREE)), .pitch = START_PITCH};
        for (int k = 0; k < 3; k++) camera[c].at[k] = clamp(at[k], scene->camera_low[k], scene->camera_high[k]);
    }
}

/* Velocity moves towards the commanded one, within the vehicle's speed and acceleration. */
static void accelerate(float velocity[3], const float wanted[3], const sim_params *p) {
    float target[3], change[3];
    const float norm = sqrtf(wanted[0] * wanted[0] + wanted[1] * wanted[1] + wanted[2] * wanted[2]);
    const float scale = norm > p->camera_speed ? p->camera_speed / norm : 1;
    for (int k = 0; k < 3; k++) target[k] = wanted[k] * scale, change[k] = target[k] - velocity[k];
    const float size = sqrtf(change[0] * change[0] + change[1] * change[1] + change[2] * change[2]);
    const float most = p->camera_acceleration * p->step_seconds;
    for (int k = 0; k < 3; k++) velocity[k] += size > most ? change[k] * (most / size) : change[k];
}

void sim_team_step(sim_camera camera[], const sim_world *world, const vg_command *command) {
    const sim_params *p = &world->params;
    const float dt = p->step_seconds;
    for (int32_t c = 0; c < world->dims.cameras; c++) {
        sim_camera *cam = &camera[c];
        const vg_camera_command *cmd = &command->camera[c];
        float before[3], yaw_rate = cmd->yaw_rate, pitch_rate = cmd->pitch_rate;
        for (int k = 0; k < 3; k++) before[k] = cam->velocity[k];
        if (p->teleport) {
            for (int k = 0; k < 3; k++) cam->velocity[k] = before[k] = cmd->linear[k];
        } else {
            accelerate(cam->velocity, cmd->linear, p);
            yaw_rate = clamp(yaw_rate, -p->camera_turn_rate, p->camera_turn_rate);
            pitch_rate = clamp(pitch_rate, -p->camera_turn_rate, p->camera_turn_rate);
        }
        for (int k = 0; k < 3; k++) {
            const float next = cam->at[k] + 0.5f * (before[k] + cam->velocity[k]) * dt;
            cam->at[k] = clamp(next, world->scene.camera_low[k], world->scene.camera_high[k]);
            if (cam->at[k] != next) cam->velocity[k] = 0;
        }
        cam->yaw = (float)vg_wrap_angle((double)(cam->yaw + yaw_rate * dt));
        cam->pitch = clamp(cam->pitch + pitch_rate * dt, -PITCH_LIMIT, PITCH_LIMIT);
    }
}

void sim_team_view(vg_camera *out, const sim_camera *camera) {
    const double at[3] = {(double)camera->at[0], (double)camera->at[1], (double)camera->at[2]};
    *out = (vg_camera){.width = WIDTH,
                       .height = HEIGHT,
                       .lens = VG_LENS_BROWN_CONRADY,
                       .fx = FOCAL,
                       .fy = FOCAL,
                       .cx = (WIDTH - 1) / 2.0,
                       .cy = (HEIGHT - 1) / 2.0};
    vg_rotation_from_yaw_pitch(out->R, (double)camera->yaw, (double)camera->pitch);
    vg_mat3_mul_vec(out->t, out->R, at);
    for (int k = 0; k < 3; k++) out->t[k] = -out->t[k];
}
