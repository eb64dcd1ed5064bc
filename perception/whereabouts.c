/* One small filter a person, with constant velocity on the ground (alpha-beta, its gain from the two variances).
 *
 * A single camera's keypoints give a place because the joints' heights above the ground are about known: with the ray
 * a + s d of joint j and its usual height h, the point (x, y, h) should lie on the ray, (I - d d') ((x, y, h) - a) = 0; two
 * unknowns, least squares over the joints. A body 10 % taller than usual appears 10 % nearer, hence the deviation. */
#include "perception/whereabouts.h"

#include "calibration/calibration.h"

#include <math.h>
#include <string.h>

static const float usual_height = 1.7f;     /* m */
static const float height_spread = 0.10f;   /* share */
static const float wander = 0.45f;          /* m^2/s; how fast the place of somebody unseen becomes uncertain */
static const float straight_seconds = 1.5f; /* nobody walks straight on for much longer */
static const float forget_seconds = 4;
static const float confidence_least = 0.3f;
enum { JOINTS_LEAST = 4 };

/* Heights of the joints of somebody who walks, as a share of the body's. */
static const float joint_height[VG_JOINTS14] = {
    [VG_L_SHOULDER] = 0.82f, [VG_R_SHOULDER] = 0.82f, [VG_L_ELBOW] = 0.63f, [VG_R_ELBOW] = 0.63f, [VG_L_WRIST] = 0.49f,
    [VG_R_WRIST] = 0.49f,    [VG_L_HIP] = 0.53f,      [VG_R_HIP] = 0.53f,   [VG_L_KNEE] = 0.29f,  [VG_R_KNEE] = 0.29f,
    [VG_L_ANKLE] = 0.06f,    [VG_R_ANKLE] = 0.06f,    [VG_L_EYE] = 0.93f,   [VG_R_EYE] = 0.93f};

static bool of_skeleton(float at[2], float velocity[2], const vg_joint *joints, int32_t J) {
    int32_t n = 0;
    float place[2] = {0}, speed[2] = {0};
    for (int32_t j = 0; j < J; j++) {
        if (joints[j].state == VG_JOINT_LOST) continue;
        n++;
        for (int i = 0; i < 2; i++) place[i] += joints[j].position[i], speed[i] += joints[j].velocity[i];
    }
    if (n == 0) return false;
    for (int i = 0; i < 2; i++) at[i] = place[i] / (float)n, velocity[i] = speed[i] / (float)n;
    return true;
}

/* Where a body of usual height fits one camera's keypoints [14]; false where too few were seen. */
static bool of_one_view(float at[2], float *range, const vg_camera *camera, const vg_keypoint *keypoints) {
    double a[3], M[3] = {0}, b[2] = {0};
    int32_t n = 0;
    for (int32_t j = 0; j < VG_JOINTS14; j++) {
        double d[3];
        if (!(keypoints[j].confidence > confidence_least)) continue;
        if (!vg_unproject(a, d, camera, (double)keypoints[j].u, (double)keypoints[j].v)) continue;
        n++;
        const double down = a[2] - (double)(usual_height * joint_height[j]);
        const double xx = 1 - d[0] * d[0], xy = -d[0] * d[1], yy = 1 - d[1] * d[1];
        M[0] += xx, M[1] += xy, M[2] += yy;
        b[0] += -d[0] * d[2] * down, b[1] += -d[1] * d[2] * down;
    }
    const double det = M[0] * M[2] - M[1] * M[1];
    if (n < JOINTS_LEAST || det < 1e-3 * n * n) return false;
    const double x = (M[2] * b[0] - M[1] * b[1]) / det, y = (M[0] * b[1] - M[1] * b[0]) / det;
    at[0] = (float)(a[0] + x), at[1] = (float)(a[1] + y);
    *range = (float)hypot(x, y);
    return true;
}

/* Nobody saw this person for `seconds`. */
static void walk_on(vg_whereabouts *w, float seconds) {
    for (int i = 0; i < 2; i++) {
        w->at[i] += w->velocity[i] * seconds;
        w->velocity[i] *= expf(-seconds / straight_seconds);
    }
    w->deviation = sqrtf(w->deviation * w->deviation + wander * seconds);
    w->unseen += seconds;
    if (w->unseen > forget_seconds) *w = (vg_whereabouts){0};
}

static void correct(vg_whereabouts *w, const float at[2], float deviation, float seconds) {
    if (!w->known) {
        *w = (vg_whereabouts){.known = 1, .at = {at[0], at[1]}, .deviation = deviation};
        return;
    }
    const float own = w->deviation * w->deviation, gain = own / (own + deviation * deviation);
    const float beta = seconds > 0 ? gain * gain / (2 - gain) / seconds : 0, fastest = 2;
    for (int i = 0; i < 2; i++) {
        const float off = at[i] - w->at[i];
        w->at[i] += gain * off;
        w->velocity[i] = fminf(fmaxf(w->velocity[i] + beta * off, -fastest), fastest);
    }
    /* a wrong height stays wrong: further sightings do not average it away */
    w->deviation = fmaxf(sqrtf((1 - gain) * own), 0.7f * deviation);
    w->unseen = 0;
}

void vg_whereabouts_update(vg_whereabouts *people, const vg_frame *frame, const vg_skeletons *skeletons,
                           double seconds) {
    const int32_t C = frame->dims.cameras, P = frame->dims.people, J = frame->dims.joints, K = skeletons->joints;
    const bool single = (frame->flags & VG_FRAME_IDENTIFIED) && J == VG_JOINTS14;
    for (int32_t p = 0; p < P; p++) {
        vg_whereabouts *w = &people[p];
        float at[2], velocity[2], range;
        if (p < skeletons->people && vg_skeletons_present(skeletons)[p] &&
            of_skeleton(at, velocity, vg_skeletons_joints(skeletons) + (int64_t)p * K, K)) {
            *w = (vg_whereabouts){
                .known = 1, .at = {at[0], at[1]}, .velocity = {velocity[0], velocity[1]}, .deviation = 0.05f};
            continue;
        }
        if (w->known) walk_on(w, (float)seconds);
        for (int32_t c = 0; single && c < C; c++)
            if (of_one_view(at, &range, &vg_frame_cameras(frame)[c],
                            vg_frame_keypoints(frame) + ((int64_t)c * P + p) * J))
                correct(w, at, 0.05f + height_spread * range, (float)seconds);
    }
}
