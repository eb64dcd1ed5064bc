/* Bones: see bones.h. Holding is extended position-based dynamics (Macklin, Mueller, Chentanez, "XPBD", 2016) with a joint's
 * covariance in place of the inverse mass and a bone's variance as its compliance: sweeping over the bones, each time solving
 * one multiplier along its present direction, comes to the minimum (but for how much the bones turned on the way) of
 *   sum over joints (x - m)' S^-1 (x - m) + sum over bones (|x_a - x_b| - length)^2 / (slack spread length)^2. */
#include "perception/bones.h"
#include "common/transform.h"

#include <math.h>

#define START     0.2  /* standard deviation of a first length, as a share of the usual one */
#define FLOOR     0.01 /* errors of neighbouring frames are alike, so a length is never known better than this share */
#define OUTLIER   2.5  /* deviations at which a measurement counts a quarter */
#define NEAR_ZERO 1e-9

vg_bones_config vg_bones_config_default(void) {
    return (vg_bones_config){.slack = 5, .settled = 0.05, .sweeps = 12};
}

/* out = S n */
static void covariance_times(double out[3], const double S[6], const double n[3]) {
    out[0] = S[0] * n[0] + S[1] * n[1] + S[2] * n[2];
    out[1] = S[1] * n[0] + S[3] * n[1] + S[4] * n[2];
    out[2] = S[2] * n[0] + S[4] * n[1] + S[5] * n[2];
}

/* Unit vector from b to a, and the distance; false where there is none. */
static bool direction(double n[3], double *distance, const double a[3], const double b[3]) {
    for (int k = 0; k < 3; k++) n[k] = a[k] - b[k];
    *distance = vg_norm3(n);
    if (!(*distance > NEAR_ZERO)) return false; /* NaN too */
    for (int k = 0; k < 3; k++) n[k] /= *distance;
    return true;
}

void vg_bones_learn(vg_bones *bones, const vg_joint_set *set, const double (*x)[3], const double (*covariance)[6]) {
    for (int32_t i = 0; i < set->bones; i++) {
        const vg_bone *bone = set->bone + i;
        double n[3], distance, Sa[3], Sb[3];
        if (!direction(n, &distance, x[bone->a], x[bone->b])) continue;
        const double *A = covariance[bone->a], *B = covariance[bone->b];
        covariance_times(Sa, A, n), covariance_times(Sb, B, n);
        const double along = vg_dot3(n, Sa) + vg_dot3(n, Sb), all = A[0] + A[3] + A[5] + B[0] + B[3] + B[5];
        if (!isfinite(all) || !(along >= 0)) continue;
        /* noise across a bone makes it look longer, by its variance / (2 length) */
        const double measured = fmax(distance - (all - along) / (2 * distance), 0.5 * distance);
        const double bend = bone->spread * bone->length, noise = along + bend * bend;
        if (!(bones->length[i] > 0)) {
            bones->length[i] = bone->length;
            bones->variance[i] = START * START * bone->length * bone->length;
        }
        const double error = measured - bones->length[i], expected = bones->variance[i] + noise;
        const double doubt = 1 + error * error / (OUTLIER * OUTLIER * expected);
        const double gain = bones->variance[i] / (bones->variance[i] + noise * doubt * doubt);
        const double least = FLOOR * bones->length[i];
        bones->length[i] = fmax(bones->length[i] + gain * error, 0.2 * bone->length);
        bones->variance[i] = fmax((1 - gain) * bones->variance[i], least * least);
    }
}

void vg_bones_hold(double (*x)[3], const double (*covariance)[6], const vg_bones *bones, const vg_joint_set *set,
                   const vg_bones_config *config) {
    double lambda[VG_MAX_BONES] = {0};
    for (int32_t sweep = 0; sweep < config->sweeps; sweep++)
        for (int32_t i = 0; i < set->bones; i++) {
            const vg_bone *bone = set->bone + i;
            const double length = bones->length[i], slack = config->slack * bone->spread * length;
            double n[3], distance, Sa[3], Sb[3];
            if (!(length > 0) || bones->variance[i] > config->settled * config->settled * length * length) continue;
            if (!direction(n, &distance, x[bone->a], x[bone->b])) continue;
            covariance_times(Sa, covariance[bone->a], n), covariance_times(Sb, covariance[bone->b], n);
            const double compliance = slack * slack + bones->variance[i];
            const double step =
                -(distance - length + compliance * lambda[i]) / (vg_dot3(n, Sa) + vg_dot3(n, Sb) + compliance);
            if (!isfinite(step)) continue;
            lambda[i] += step;
            for (int k = 0; k < 3; k++) x[bone->a][k] += step * Sa[k], x[bone->b][k] -= step * Sb[k];
        }
}
