/* When feet are lifted and where they land. The gait cycle runs from one touch-down of the left foot to the next. A foot
 * is on the ground, unmoved, for SIM_DUTY of it; then it swings to where the body will be when it lands, so it never
 * slides. Cadence follows speed by the walk ratio: step length over step rate is nearly the same at all speeds, 0.0065
 * m/(steps/min) for adults (Sekiya et al., "The invariant relationship between step length and step rate during free
 * walking", 1996), and grows with leg length to the power 3/2 (a length over a pendulum's frequency). */
#include "sim_bridge/embedded/sim.h"

#include <math.h>

#define WALK_RATIO   0.0065f /* m per step/min */
#define ADULT_LEG    0.87f   /* m, leg of the adults that was measured on */
#define SLOW_CADENCE 0.40f   /* strides per second at least, while a foot must move */
#define STAND_SPEED  0.03f   /* m/s below which a person stands */
#define STAND_TURN   0.15f   /* rad/s */
#define REACH        0.55f   /* a planted foot may trail by this share of the leg; then the gait hurries */
#define FOOT_TOE_OUT 0.10f   /* rad */

static float fraction(float x) {
    return x - floorf(x);
}

static float leg_of(const sim_body *body) {
    return body->shank + body->thigh;
}

float sim_gait_cadence(const sim_body *body, float speed) {
    const float relative = leg_of(body) / ADULT_LEG;
    const float ratio = WALK_RATIO * relative * sqrtf(relative);
    return sqrtf(60 * speed / ratio) / 120; /* steps per minute to strides per second */
}

/* Where foot `side` would stand under a root at x, y, turned by heading, `ahead` metres in front of it. */
static void stance_place(float at[2], const sim_person *p, int side, const float root[2], float heading, float ahead) {
    const float lateral = (side == 0 ? 1.0f : -1.0f) * p->body.hip_half * 0.85f * p->style[3];
    const float c = cosf(heading), s = sinf(heading);
    at[0] = root[0] + c * ahead - s * lateral;
    at[1] = root[1] + s * ahead + c * lateral;
}

void sim_gait_start(sim_person *p, float phase) {
    p->phase = phase;
    p->cadence = fmaxf(sim_gait_cadence(&p->body, p->speed), SLOW_CADENCE);
    for (int side = 0; side < 2; side++) {
        sim_foot *foot = &p->foot[side];
        const float q = fraction(phase + 0.5f * (float)side);
        const float travel = SIM_DUTY * p->speed / p->cadence;
        foot->swinging = q >= SIM_DUTY;
        foot->progress = foot->swinging ? (q - SIM_DUTY) / (1 - SIM_DUTY) : q / SIM_DUTY;
        stance_place(foot->at, p, side, p->at, p->heading,
                     travel * (foot->swinging ? foot->progress - 0.5f : 0.5f - foot->progress));
        foot->yaw = p->heading + (side == 0 ? FOOT_TOE_OUT : -FOOT_TOE_OUT);
        stance_place(foot->from, p, side, p->at, p->heading, -0.5f * travel);
        foot->from_yaw = foot->yaw;
    }
}

/* Where a swinging foot will land, from how the body moves now. */
static void landing(float at[2], float *yaw, const sim_person *p, int side, float seconds) {
    const float turned = p->yaw_rate * seconds, mean = p->heading + 0.5f * turned;
    const float root[2] = {p->at[0] + p->speed * seconds * cosf(mean), p->at[1] + p->speed * seconds * sinf(mean)};
    float ahead = 0.5f * SIM_DUTY * p->speed / p->cadence;
    const float most = 0.5f * leg_of(&p->body);
    if (ahead > most) ahead = most;
    /* while turning the foot is set a little ahead of the turn, so that it is right in mid-stance */
    const float heading = p->heading + turned + 0.25f * SIM_DUTY * p->yaw_rate / p->cadence;
    stance_place(at, p, side, root, heading, ahead);
    *yaw = heading + (side == 0 ? FOOT_TOE_OUT : -FOOT_TOE_OUT);
}

static void move_foot(sim_person *p, int side) {
    sim_foot *foot = &p->foot[side];
    const float q = fraction(p->phase + 0.5f * (float)side);
    const bool swinging = q >= SIM_DUTY;
    if (!swinging && !foot->swinging) {
        foot->progress = q / SIM_DUTY;
        return;
    }
    if (swinging && !foot->swinging) {
        foot->from[0] = foot->at[0], foot->from[1] = foot->at[1], foot->from_yaw = foot->yaw;
        foot->swinging = 1;
    }
    const float s = swinging ? (q - SIM_DUTY) / (1 - SIM_DUTY) : 1;
    float to[2], yaw;
    landing(to, &yaw, p, side, (1 - s) * (1 - SIM_DUTY) / p->cadence);
    const float ease = s * s * s * (10 - s * (15 - 6 * s)); /* minimum jerk */
    for (int k = 0; k < 2; k++) foot->at[k] = foot->from[k] + (to[k] - foot->from[k]) * ease;
    foot->yaw = foot->from_yaw + remainderf(yaw - foot->from_yaw, 6.28318530718f) * ease;
    foot->progress = s;
    if (!swinging) {
        foot->swinging = 0;
        foot->progress = q / SIM_DUTY;
    }
}

/* How far the farther planted foot is from where it would stand at rest, over the leg's length. */
static float stretch(const sim_person *p) {
    float most = 0;
    for (int side = 0; side < 2; side++) {
        float home[2];
        stance_place(home, p, side, p->at, p->heading, 0);
        const float x = p->foot[side].at[0] - home[0], y = p->foot[side].at[1] - home[1];
        if (!p->foot[side].swinging) most = fmaxf(most, sqrtf(x * x + y * y));
    }
    return most / leg_of(&p->body);
}

void sim_gait_step(sim_person *p, float dt) {
    const bool moving = p->speed > STAND_SPEED || fabsf(p->yaw_rate) > STAND_TURN;
    const float far = stretch(p);
    if (!moving && !p->foot[0].swinging && !p->foot[1].swinging && far < 0.12f) return; /* stands */
    float cadence = fmaxf(sim_gait_cadence(&p->body, p->speed), SLOW_CADENCE);
    cadence = fmaxf(cadence, 0.35f * fabsf(p->yaw_rate)); /* about 50 degrees a step at most */
    if (far > REACH * 0.8f) cadence *= 1 + 2 * (far - REACH * 0.8f) / REACH;
    p->cadence += (cadence - p->cadence) * fminf(1, 4 * dt);
    p->phase = fraction(p->phase + p->cadence * dt);
    for (int side = 0; side < 2; side++) move_foot(p, side);
}
