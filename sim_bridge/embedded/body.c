/* The body: lengths, and the joints and limbs that follow from root, feet and phase. Legs are solved from the feet up
 * (two-link inverse kinematics), so a planted foot stays where it is whatever the body does; the pelvis is as high as
 * the more stretched leg lets it, which gives the bob of walking. Proportions of ordinary bodies: Drillis and Contini,
 * "Body segment parameters", 1966, as in Winter, "Biomechanics and motor control of human movement". */
#include "sim_bridge/embedded/sim.h"

#include "sim_bridge/embedded/lane_math.h"

#include <math.h>

#define TAU          6.28318530718f
#define LEG_STRAIGHT 0.995f /* a leg never stretches beyond this share of its length */
#define LEG_REST     0.985f /* ... and hangs a little bent */

const float sim_segment_radius[SIM_LANES] = {
    [SIM_TORSO] = 0.135f,    [SIM_HEAD] = 0.10f,      [SIM_L_UPPER_ARM] = 0.045f, [SIM_R_UPPER_ARM] = 0.045f,
    [SIM_L_FOREARM] = 0.04f, [SIM_R_FOREARM] = 0.04f, [SIM_L_THIGH] = 0.075f,     [SIM_R_THIGH] = 0.075f,
    [SIM_L_SHANK] = 0.052f,  [SIM_R_SHANK] = 0.052f,  [SIM_L_FOOT] = 0.04f,       [SIM_R_FOOT] = 0.04f};

sim_body sim_body_of_height(float height) {
    return (sim_body){.ankle = 0.046f * height,
                      .shank = 0.243f * height,
                      .thigh = 0.245f * height,
                      .spine = 0.288f * height,
                      .neck = 0.118f * height,
                      .hip_half = 0.055f * height,
                      .shoulder_half = 0.112f * height,
                      .upper_arm = 0.178f * height,
                      .forearm = 0.146f * height,
                      .foot = 0.10f * height,
                      .scale = height / 1.75f};
}

/* Such that the mean heights when walking are the reference's: eyes 1.41, shoulders 1.26, hips 0.88, knees 0.50, ankles
 * 0.17 m (a game's characters, long in the leg and high in the ankle). */
sim_body sim_body_of_paper(float scale) {
    return (sim_body){.ankle = 0.138f * scale,
                      .shank = 0.356f * scale,
                      .thigh = 0.400f * scale,
                      .spine = 0.381f * scale,
                      .neck = 0.150f * scale,
                      .hip_half = 0.085f * scale,
                      .shoulder_half = 0.165f * scale,
                      .upper_arm = 0.265f * scale,
                      .forearm = 0.225f * scale,
                      .foot = 0.13f * scale,
                      .scale = 0.87f * scale};
}

static void set(float out[3][SIM_LANES], int lane, float x, float y, float z) {
    out[0][lane] = x, out[1][lane] = y, out[2][lane] = z;
}

/* The axes of a body part turned by yaw: forward and left in plan. */
typedef struct axes {
    float fx, fy, lx, ly;
} axes;

static axes axes_of(float yaw) {
    float s, c;
    lane_sincos_turns(yaw * (1 / TAU), &s, &c);
    return (axes){c, s, -s, c};
}

/* Height of an ankle: on the ground, with the heel rising in late stance and the foot lifted in swing. */
static float ankle_height(const sim_person *p, const sim_foot *foot, float step_length) {
    const float reach = fminf(1, step_length / 0.65f);
    const float heel = 0.07f * p->body.scale * reach, lift = (0.05f + 0.07f * reach) * p->body.scale;
    const float s = foot->progress;
    if (!foot->swinging) {
        const float r = fmaxf(0, (s - 0.65f) / 0.35f);
        return p->body.ankle + heel * r * r;
    }
    float sine, cosine;
    lane_sincos_turns(0.5f * s, &sine, &cosine);
    return p->body.ankle + heel * (1 - s) * (1 - s) + lift * sine * sine;
}

/* Knee of a leg from hip to ankle, bent towards (fx, fy). Pulls the ankle in where the leg does not reach. */
static void solve_leg(float knee[3], float ankle[3], const float hip[3], const sim_body *body, float fx, float fy) {
    const float l1 = body->thigh, l2 = body->shank;
    float u[3] = {ankle[0] - hip[0], ankle[1] - hip[1], ankle[2] - hip[2]};
    float d = sqrtf(u[0] * u[0] + u[1] * u[1] + u[2] * u[2]);
    const float most = 0.9995f * (l1 + l2), shrink = d > most ? most / d : 1;
    for (int k = 0; k < 3; k++) ankle[k] = hip[k] + u[k] * shrink, u[k] /= d;
    d *= shrink;
    const float along = (l1 * l1 - l2 * l2 + d * d) / (2 * d);
    const float out = sqrtf(fmaxf(0, l1 * l1 - along * along));
    /* forward, made perpendicular to the leg */
    const float fu = fx * u[0] + fy * u[1];
    float n[3] = {fx - fu * u[0], fy - fu * u[1], -fu * u[2]};
    const float size = sqrtf(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]);
    for (int k = 0; k < 3; k++) knee[k] = hip[k] + along * u[k] + out * n[k] / size;
}

/* Height of the pelvis over which the leg on `ankle` would be too short. */
static float pelvis_limit(const sim_body *body, const float hip[2], const float ankle[3]) {
    const float leg = LEG_STRAIGHT * (body->shank + body->thigh);
    const float x = ankle[0] - hip[0], y = ankle[1] - hip[1];
    return ankle[2] + sqrtf(fmaxf(leg * leg - x * x - y * y, 0.25f * leg * leg));
}

typedef struct trunk {
    float pelvis[3], chest[3]; /* middle of the hip line and of the shoulder line */
    axes hips, shoulders;
} trunk;

/* Hips, legs and feet; tells where the pelvis is. */
static void pose_legs(sim_pose *out, const sim_person *p, trunk *t, float swing_cosine, float swing_sine) {
    const sim_body *b = &p->body;
    const float step_length = 0.5f * p->speed / p->cadence, reach = fminf(1, step_length / 0.65f);
    /* the pelvis turns with the forward leg and shifts over the standing one (left foot stands at phase 0 to DUTY) */
    t->hips = axes_of(p->heading - 0.08f * reach * swing_cosine);
    const float sway = 0.02f * b->scale * swing_sine;
    t->pelvis[0] = p->at[0] + t->hips.lx * sway, t->pelvis[1] = p->at[1] + t->hips.ly * sway;
    float hip[2][3], ankle[2][3], knee[2][3];
    t->pelvis[2] = b->ankle + LEG_REST * (b->shank + b->thigh);
    for (int side = 0; side < 2; side++) {
        const float half = side == 0 ? b->hip_half : -b->hip_half;
        hip[side][0] = t->pelvis[0] + t->hips.lx * half, hip[side][1] = t->pelvis[1] + t->hips.ly * half;
        ankle[side][0] = p->foot[side].at[0], ankle[side][1] = p->foot[side].at[1];
        ankle[side][2] = ankle_height(p, &p->foot[side], step_length);
        t->pelvis[2] = fminf(t->pelvis[2], pelvis_limit(b, hip[side], ankle[side]));
    }
    for (int side = 0; side < 2; side++) {
        hip[side][2] = t->pelvis[2];
        const axes foot = axes_of(p->foot[side].yaw);
        const float fx = t->hips.fx + foot.fx, fy = t->hips.fy + foot.fy;
        solve_leg(knee[side], ankle[side], hip[side], b, fx, fy);
        const float *h = hip[side], *k = knee[side], *a = ankle[side];
        set(out->joint, VG_L_HIP + side, h[0], h[1], h[2]);
        set(out->joint, VG_L_KNEE + side, k[0], k[1], k[2]);
        set(out->joint, VG_L_ANKLE + side, a[0], a[1], a[2]);
    }
}

static void pose_trunk(const sim_person *p, trunk *t, float swing_cosine) {
    const sim_body *b = &p->body;
    const float lean = 0.03f * p->style[2] + 0.05f * fminf(p->speed, 1.5f); /* rad */
    const float forward = b->spine * lean;
    t->shoulders = axes_of(p->heading + 0.10f * fminf(1, p->speed) * swing_cosine);
    t->chest[0] = t->pelvis[0] + t->hips.fx * forward, t->chest[1] = t->pelvis[1] + t->hips.fy * forward;
    t->chest[2] = t->pelvis[2] + b->spine * (1 - 0.5f * lean * lean);
}

/* Arms swing against the legs: upper arm and elbow as angles in the plane of walking. */
static void pose_arms(sim_pose *out, const sim_person *p, const trunk *t, float swing_cosine) {
    const sim_body *b = &p->body;
    const float amplitude = (0.06f + 0.38f * fminf(p->speed, 1.4f) / 1.3f) * p->style[0];
    for (int side = 0; side < 2; side++) {
        const float sign = side == 0 ? 1 : -1, swing = -sign * swing_cosine; /* left foot leads at phase 0 */
        const float upper = 0.04f + amplitude * swing;
        const float elbow = 0.22f * p->style[1] + 0.5f * amplitude * (1 + swing);
        const float away = 0.10f; /* rad, from the trunk */
        float su, cu, sf, cf;
        lane_sincos_turns(upper * (1 / TAU), &su, &cu);
        lane_sincos_turns((upper + elbow) * (1 / TAU), &sf, &cf);
        const axes *s = &t->shoulders;
        const float x = t->chest[0] + s->lx * sign * b->shoulder_half,
                    y = t->chest[1] + s->ly * sign * b->shoulder_half;
        const float z = t->chest[2], lateral = sign * away;
        const float ex = x + b->upper_arm * (s->fx * su + s->lx * lateral);
        const float ey = y + b->upper_arm * (s->fy * su + s->ly * lateral), ez = z - b->upper_arm * cu * 0.995f;
        const float wx = ex + b->forearm * s->fx * sf, wy = ey + b->forearm * s->fy * sf, wz = ez - b->forearm * cf;
        set(out->joint, VG_L_SHOULDER + side, x, y, z);
        set(out->joint, VG_L_ELBOW + side, ex, ey, ez);
        set(out->joint, VG_L_WRIST + side, wx, wy, wz);
    }
}

/* A limb's capsule runs from joint to joint. */
static void limb(sim_pose *out, int segment, int from, int to) {
    for (int k = 0; k < 3; k++) {
        out->a[k][segment] = out->joint[k][from];
        out->b[k][segment] = out->joint[k][to];
    }
}

/* The ball of a planted foot stays on the floor; a swinging foot points down a little. */
static void add_foot(sim_pose *out, const sim_body *b, int side, axes direction) {
    const int ankle = VG_L_ANKLE + side;
    const float x = out->joint[0][ankle], y = out->joint[1][ankle], z = out->joint[2][ankle];
    const float sole = 0.03f * b->scale, drop = fmaxf(fminf(z - sole, 0.9f * b->foot), -0.9f * b->foot);
    const float level = sqrtf(b->foot * b->foot - drop * drop * 0.81f);
    set(out->a, SIM_L_FOOT + side, x, y, z - 0.5f * b->ankle);
    set(out->b, SIM_L_FOOT + side, x + direction.fx * level, y + direction.fy * level, z - drop);
}

/* Eyes are a little outside the head's sphere, so that the head hides them from behind and not from the front. */
static void add_head(sim_pose *out, const sim_body *b, const float at[3], axes facing) {
    const float radius = sim_segment_radius[SIM_HEAD] * b->scale;
    for (int side = 0; side < 2; side++) {
        const float half = (side == 0 ? 0.32f : -0.32f) * radius, front = 0.98f * radius;
        set(out->joint, VG_L_EYE + side, at[0] + facing.fx * front + facing.lx * half,
            at[1] + facing.fy * front + facing.ly * half, at[2]);
    }
    set(out->joint, 15, at[0], at[1], at[2]);
    set(out->a, SIM_HEAD, at[0], at[1], at[2] - 0.3f * radius);
    set(out->b, SIM_HEAD, at[0], at[1], at[2] + 0.4f * radius);
}

static void bound(sim_pose *out, float scale) {
    float reach = 0, top = 0;
    out->centre[0] = out->joint[0][14], out->centre[1] = out->joint[1][14];
    for (int j = 0; j < SIM_LANES; j++) {
        const float x = out->joint[0][j] - out->centre[0], y = out->joint[1][j] - out->centre[1];
        reach = fmaxf(reach, x * x + y * y);
        top = fmaxf(top, out->joint[2][j]);
    }
    out->reach = sqrtf(reach) + 0.14f * scale;
    out->top = top + 0.14f * scale;
    out->scale = scale;
}

void sim_body_finish(sim_pose *out, const sim_body *b, const sim_frame_of_body *f) {
    const float top = 0.85f;
    add_head(out, b, f->head, axes_of(f->head_yaw));
    set(out->joint, 14, f->pelvis[0], f->pelvis[1], f->pelvis[2]);
    set(out->a, SIM_TORSO, f->pelvis[0], f->pelvis[1], f->pelvis[2] + 0.02f);
    set(out->b, SIM_TORSO, f->pelvis[0] + (f->chest[0] - f->pelvis[0]) * top,
        f->pelvis[1] + (f->chest[1] - f->pelvis[1]) * top, f->pelvis[2] + (f->chest[2] - f->pelvis[2]) * top);
    for (int side = 0; side < 2; side++) {
        add_foot(out, b, side, axes_of(f->foot_yaw[side]));
        limb(out, SIM_L_UPPER_ARM + side, VG_L_SHOULDER + side, VG_L_ELBOW + side);
        limb(out, SIM_L_FOREARM + side, VG_L_ELBOW + side, VG_L_WRIST + side);
        limb(out, SIM_L_THIGH + side, VG_L_HIP + side, VG_L_KNEE + side);
        limb(out, SIM_L_SHANK + side, VG_L_KNEE + side, VG_L_ANKLE + side);
    }
    bound(out, b->scale);
}

void sim_body_pose(sim_pose *out, const sim_person *p) {
    trunk t;
    float sine, cosine;
    lane_sincos_turns(p->phase, &sine, &cosine);
    pose_legs(out, p, &t, cosine, sine);
    pose_trunk(p, &t, cosine);
    pose_arms(out, p, &t, cosine);
    const axes facing = axes_of(p->heading);
    const sim_frame_of_body f = {
        .pelvis = {t.pelvis[0], t.pelvis[1], t.pelvis[2]},
        .chest = {t.chest[0], t.chest[1], t.chest[2]},
        .head = {t.chest[0] + facing.fx * 0.02f, t.chest[1] + facing.fy * 0.02f, t.chest[2] + p->body.neck},
        .head_yaw = p->heading,
        .foot_yaw = {p->foot[0].yaw, p->foot[1].yaw}};
    sim_body_finish(out, &p->body, &f);
}

void sim_pose_of_joints(sim_pose *out, const float joint[VG_JOINTS14][3]) {
    const sim_body usual = sim_body_of_height(1.75f);
    float leg = 0;
    for (int j = 0; j < VG_JOINTS14; j++) set(out->joint, j, joint[j][0], joint[j][1], joint[j][2]);
    for (int side = 0; side < 2; side++) {
        const float *hip = joint[VG_L_HIP + side], *knee = joint[VG_L_KNEE + side], *ankle = joint[VG_L_ANKLE + side];
        leg += sqrtf((hip[0] - knee[0]) * (hip[0] - knee[0]) + (hip[1] - knee[1]) * (hip[1] - knee[1]) +
                     (hip[2] - knee[2]) * (hip[2] - knee[2]));
        leg += sqrtf((ankle[0] - knee[0]) * (ankle[0] - knee[0]) + (ankle[1] - knee[1]) * (ankle[1] - knee[1]) +
                     (ankle[2] - knee[2]) * (ankle[2] - knee[2]));
    }
    const float scale = fminf(2, fmaxf(0.2f, 0.5f * leg / (usual.shank + usual.thigh)));
    const sim_body body = sim_body_of_height(1.75f * scale);
    /* the head lies behind the eyes, across the line between the shoulders */
    const float lx = joint[VG_L_SHOULDER][0] - joint[VG_R_SHOULDER][0],
                ly = joint[VG_L_SHOULDER][1] - joint[VG_R_SHOULDER][1];
    const float yaw = atan2f(-lx, ly), behind = 0.98f * sim_segment_radius[SIM_HEAD] * scale;
    sim_frame_of_body f = {.head_yaw = yaw, .foot_yaw = {yaw, yaw}};
    for (int k = 0; k < 3; k++) {
        f.pelvis[k] = 0.5f * (joint[VG_L_HIP][k] + joint[VG_R_HIP][k]);
        f.chest[k] = 0.5f * (joint[VG_L_SHOULDER][k] + joint[VG_R_SHOULDER][k]);
        f.head[k] = 0.5f * (joint[VG_L_EYE][k] + joint[VG_R_EYE][k]);
    }
    f.head[0] -= behind * cosf(yaw), f.head[1] -= behind * sinf(yaw);
    sim_body_finish(out, &body, &f);
    for (int j = VG_L_EYE; j <= VG_R_EYE; j++) set(out->joint, j, joint[j][0], joint[j][1], joint[j][2]);
}
