/* Bones: lengths learned from noisy joints, joints held to them, on simulated skeletons. */
#include "common/transform.h"
#include "perception/bones.h"
#include "tests/support/support.h"

#include <math.h>
#include <string.h>

static double distance(const double (*x)[3], const vg_bone *bone) {
    const double d[3] = {x[bone->a][0] - x[bone->b][0], x[bone->a][1] - x[bone->b][1], x[bone->a][2] - x[bone->b][2]};
    return vg_norm3(d);
}

/* A body of random joints; `scale` m apart. */
static void random_body(double (*x)[3], int32_t joints, double scale, vg_rng *rng) {
    for (int32_t j = 0; j < joints; j++)
        for (int k = 0; k < 3; k++) x[j][k] = scale * (double)vg_rng_normal(rng);
}

/* Covariances of random shape, and noise drawn from them. */
static void random_covariance(double S[6], double noise[3], double sigma, vg_rng *rng) {
    double L[3][3] = {{0}}, z[3];
    for (int i = 0; i < 3; i++) {
        z[i] = (double)vg_rng_normal(rng);
        for (int k = 0; k <= i; k++)
            L[i][k] = sigma * (double)(i == k ? vg_rng_range(rng, 0.3f, 1.3f) : vg_rng_range(rng, -0.5f, 0.5f));
    }
    for (int i = 0, n = 0; i < 3; i++) {
        noise[i] = vg_dot3(L[i], z);
        for (int k = i; k < 3; k++, n++) S[n] = vg_dot3(L[i], L[k]);
    }
}

/* The mean of many noisy distances is too long; the learned length is not. */
static void lengths_are_learned_without_bias(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(1);
    vg_joint_set set;
    vg_joint_set_init(&set, VG_JOINTS_14);
    const int32_t forearm = vg_joint_set_bone(&set, VG_L_ELBOW, VG_L_WRIST);
    vg_bones bones = {0};
    double mean = 0;
    const int frames = 3000;
    for (int f = 0; f < frames; f++) {
        double x[VG_MAX_JOINTS][3] = {{0}}, S[VG_MAX_JOINTS][6], noise[3];
        double direction[3] = {(double)vg_rng_normal(&rng), (double)vg_rng_normal(&rng), (double)vg_rng_normal(&rng)};
        const double norm = vg_norm3(direction);
        for (int32_t j = 0; j < set.joints; j++) {
            random_covariance(S[j], noise, 0.05, &rng);
            for (int k = 0; k < 3; k++) x[j][k] = noise[k] + (j == VG_L_WRIST ? 0.22 * direction[k] / norm : 0);
        }
        vg_bones_learn(&bones, &set, (const double(*)[3])x, (const double(*)[6])S);
        mean += distance((const double(*)[3])x, set.bone + forearm) / frames;
    }
    assert_true(mean > 0.228);
    assert_close(bones.length[forearm], 0.22, 0.006);
    assert_true(sqrt(bones.variance[forearm]) < 0.01);
}

static void an_outlier_hardly_moves_a_length(void **state) {
    (void)state;
    vg_joint_set set;
    vg_joint_set_init(&set, VG_JOINTS_14);
    vg_bones bones = {0};
    const int32_t shin = vg_joint_set_bone(&set, VG_L_KNEE, VG_L_ANKLE);
    double x[VG_MAX_JOINTS][3], S[VG_MAX_JOINTS][6];
    for (int32_t j = 0; j < set.joints; j++) {
        for (int k = 0; k < 3; k++) x[j][k] = (double)NAN;
        memcpy(S[j], (double[6]){1e-5, 0, 0, 1e-5, 0, 1e-5}, sizeof S[j]);
    }
    memset(x[VG_L_KNEE], 0, sizeof x[0]), memset(x[VG_L_ANKLE], 0, sizeof x[0]);
    for (int f = 0; f < 200; f++) {
        x[VG_L_ANKLE][2] = f % 10 == 9 ? 1.1 : 0.4;
        vg_bones_learn(&bones, &set, (const double(*)[3])x, (const double(*)[6])S);
    }
    assert_close(bones.length[shin], 0.4, 0.004);
    for (int32_t i = 0; i < set.bones; i++) /* those of lost joints are not known */
        if (i != shin) assert_true(bones.length[i] == 0);
}

/* sum (x - m)' S^-1 (x - m) + sum (|d| - length)^2 / compliance: what holding minimises */
static double cost(const double (*x)[3], const double (*m)[3], const double (*S)[6], const vg_bones *bones,
                   const vg_joint_set *set, const vg_bones_config *config) {
    double sum = 0;
    for (int32_t j = 0; j < set->joints; j++) {
        const double *s = S[j];
        const double A[9] = {s[0], s[1], s[2], s[1], s[3], s[4], s[2], s[4], s[5]};
        const double e[3] = {x[j][0] - m[j][0], x[j][1] - m[j][1], x[j][2] - m[j][2]};
        double rows[3][3];
        for (int i = 0; i < 3; i++) vg_cross3(rows[i], A + 3 * ((i + 1) % 3), A + 3 * ((i + 2) % 3));
        const double det = vg_dot3(A, rows[0]);
        for (int i = 0; i < 3; i++) sum += e[i] * vg_dot3(rows[i], e) / det;
    }
    for (int32_t i = 0; i < set->bones; i++) {
        const double slack = config->slack * set->bone[i].spread * bones->length[i];
        const double r = distance(x, set->bone + i) - bones->length[i];
        sum += r * r / (slack * slack + bones->variance[i]);
    }
    return sum;
}

static void holding_finds_the_least_cost(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(2);
    for (int trial = 0; trial < 20; trial++) {
        vg_joint_set set;
        vg_joint_set_init(&set, trial % 2 ? VG_JOINTS_BODY_25B : VG_JOINTS_14);
        vg_bones_config config = vg_bones_config_default();
        config.slack = 1, config.sweeps = 300;
        double truth[VG_MAX_JOINTS][3], m[VG_MAX_JOINTS][3], x[VG_MAX_JOINTS][3], S[VG_MAX_JOINTS][6];
        random_body(truth, set.joints, 0.5, &rng);
        vg_bones bones = {0};
        for (int32_t i = 0; i < set.bones; i++) {
            bones.length[i] = distance((const double(*)[3])truth, set.bone + i);
            bones.variance[i] = 1e-6;
        }
        for (int32_t j = 0; j < set.joints; j++) {
            double noise[3];
            random_covariance(S[j], noise, 0.04, &rng);
            for (int k = 0; k < 3; k++) m[j][k] = x[j][k] = truth[j][k] + noise[k];
        }
        vg_bones_hold(x, (const double(*)[6])S, &bones, &set, &config);
        const double least =
            cost((const double(*)[3])x, (const double(*)[3])m, (const double(*)[6])S, &bones, &set, &config);
        assert_true(least <
                    cost((const double(*)[3])m, (const double(*)[3])m, (const double(*)[6])S, &bones, &set, &config));
        for (int probe = 0; probe < 200; probe++) {
            double y[VG_MAX_JOINTS][3];
            memcpy(y, x, sizeof y);
            for (int32_t j = 0; j < set.joints; j++)
                for (int k = 0; k < 3; k++) y[j][k] += 1e-4 * (double)vg_rng_normal(&rng);
            assert_true(cost((const double(*)[3])y, (const double(*)[3])m, (const double(*)[6])S, &bones, &set,
                             &config) > least - 2e-3 * least);
        }
        /* the default's few sweeps are already near */
        config.sweeps = vg_bones_config_default().sweeps;
        memcpy(x, m, sizeof x);
        vg_bones_hold(x, (const double(*)[6])S, &bones, &set, &config);
        assert_true(cost((const double(*)[3])x, (const double(*)[3])m, (const double(*)[6])S, &bones, &set, &config) <
                    1.2 * least);
    }
}

static void nearer_to_the_truth_and_lost_joints_stay_lost(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(3);
    vg_joint_set set;
    vg_joint_set_init(&set, VG_JOINTS_BODY_25B);
    const vg_bones_config config = {.slack = 0.5, .settled = 0.05, .sweeps = 12};
    double before = 0, after = 0;
    for (int trial = 0; trial < 200; trial++) {
        double truth[VG_MAX_JOINTS][3], x[VG_MAX_JOINTS][3], S[VG_MAX_JOINTS][6], noise[VG_MAX_JOINTS][3];
        random_body(truth, set.joints, 0.3, &rng);
        vg_bones bones = {0};
        for (int32_t i = 0; i < set.bones; i++)
            bones.length[i] = distance((const double(*)[3])truth, set.bone + i), bones.variance[i] = 1e-6;
        for (int32_t j = 0; j < set.joints; j++) {
            random_covariance(S[j], noise[j], 0.03, &rng);
            for (int k = 0; k < 3; k++) x[j][k] = truth[j][k] + noise[j][k];
        }
        x[13][0] = x[13][1] = x[13][2] = (double)NAN;
        vg_bones_hold(x, (const double(*)[6])S, &bones, &set, &config);
        for (int32_t j = 0; j < set.joints; j++) {
            if (j == 13) continue;
            const double e[3] = {x[j][0] - truth[j][0], x[j][1] - truth[j][1], x[j][2] - truth[j][2]};
            before += vg_dot3(noise[j], noise[j]), after += vg_dot3(e, e);
        }
        assert_true(isnan(x[13][0]) && isnan(x[13][2]));
    }
    assert_true(after < 0.9 * before);
}

static void nonsense_is_survived(void **state) {
    (void)state;
    vg_joint_set set;
    vg_joint_set_init(&set, VG_JOINTS_14);
    const vg_bones_config config = vg_bones_config_default();
    double x[VG_MAX_JOINTS][3] = {{0}}, S[VG_MAX_JOINTS][6] = {{0}}; /* all joints in one place, known exactly */
    vg_bones bones = {0};
    vg_bones_learn(&bones, &set, (const double(*)[3])x, (const double(*)[6])S);
    vg_bones_hold(x, (const double(*)[6])S, &bones, &set, &config);
    for (int32_t j = 0; j < set.joints; j++) {
        x[j][0] = j, S[j][0] = (double)NAN;
        assert_true(isfinite(x[j][1]));
    }
    vg_bones_learn(&bones, &set, (const double(*)[3])x, (const double(*)[6])S);
    for (int32_t i = 0; i < set.bones; i++) assert_true(bones.length[i] == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_are_learned_without_bias),
        cmocka_unit_test(an_outlier_hardly_moves_a_length),
        cmocka_unit_test(holding_finds_the_least_cost),
        cmocka_unit_test(nearer_to_the_truth_and_lost_joints_stay_lost),
        cmocka_unit_test(nonsense_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
