/* From choices to commands. */
#include "agents/action.h"

#include "common/transform.h"

#include <math.h>
#include <string.h>

vg_action_space vg_action_space_default(int32_t preset, double step_seconds, double speed) {
    const float degree = (float)(VG_PI / 180);
    const double preset_speed = preset == VG_PRESET_PAPER ? 0.30 / step_seconds : 1.5;
    return (vg_action_space){.axes = 3,
                             .speed = (float)(speed > 0 ? speed : preset_speed),
                             .pitch = 3 * degree,
                             .yaw = 5 * degree,
                             .gain = 0.8f,
                             .turn_limit = 30 * degree,
                             .pitch_limit = 85 * degree,
                             .point_at_truth = preset == VG_PRESET_PAPER};
}

static double clamp(double x, double limit) {
    return x < -limit ? -limit : x > limit ? limit : x;
}

void vg_action_point(vg_camera_command *out, const vg_action_space *space, double step_seconds, const vg_camera *camera,
                     const float aim[3]) {
    double yaw, pitch, to_yaw, to_pitch, at[3];
    vg_yaw_pitch_of_rotation(&yaw, &pitch, camera->R);
    vg_mat3_t_mul_vec(at, camera->R, camera->t);
    for (int i = 0; i < 3; i++) at[i] = -at[i];
    const double to[3] = {(double)aim[0], (double)aim[1], (double)aim[2]};
    vg_yaw_pitch_towards(&to_yaw, &to_pitch, at, to);
    const double limit = (double)space->pitch_limit, gain = (double)space->gain;
    const double turn = clamp(gain * vg_wrap_angle(to_yaw - yaw), (double)space->turn_limit);
    const double next = clamp(pitch + clamp(gain * (to_pitch - pitch), (double)space->turn_limit), limit);
    out->yaw_rate = (float)(turn / step_seconds);
    out->pitch_rate = (float)((next - pitch) / step_seconds);
}

void vg_action_command(vg_command *out, const vg_action_space *space, double step_seconds, const float *moves,
                       const vg_frame *frame, const float aim[3]) {
    const int32_t C = frame->dims.cameras, A = space->axes;
    out->environment = frame->environment;
    out->cameras = C;
    out->frame_id = frame->frame_id;
    for (int32_t c = 0; c < C; c++) {
        const vg_camera *camera = &vg_frame_cameras(frame)[c];
        vg_camera_command *m = &out->camera[c];
        for (int i = 0; i < 3; i++) {
            double v = 0;
            for (int k = 0; k < 3; k++) v += (double)moves[c * A + k] * camera->R[3 * k + i];
            m->linear[i] = (float)(v * (double)space->speed);
        }
        if (A == 5) {
            m->pitch_rate = (float)((double)(moves[c * A + 3] * space->pitch) / step_seconds);
            m->yaw_rate = (float)((double)(moves[c * A + 4] * space->yaw) / step_seconds);
        } else {
            vg_action_point(m, space, step_seconds, camera, aim);
        }
    }
}
