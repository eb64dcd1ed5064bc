/* The perceive stage: what it makes of exact and of noisy keypoints, what it does when they fail, and that its filter is
 * the textbook's. */
#include "perception/track.h"
#include "tests/calibration/geometry.h"
#include "tests/support/allocations.h"

#include <stdlib.h>

#define PEOPLE 3
#define JOINTS 5
#define TOTAL  (PEOPLE * JOINTS)
#define STEP   0.1 /* s between frames */

static const vg_dims dims = {5, PEOPLE, JOINTS};

typedef struct stage {
    vg_perception *perception;
    vg_frame *frame;
    vg_skeletons *out, *raw;
    double X[TOTAL][3], V[TOTAL][3];
    vg_rng rng;
    double noise; /* px */
} stage;

static void setup(stage *s, const vg_perception_config *config, int32_t envs, uint32_t stream) {
    vg_error err = {0};
    *s = (stage){.rng = vg_test_rng(stream)};
    assert_ok(vg_perception_create(&s->perception, config, dims, envs, &err));
    s->frame = calloc(1, vg_frame_bytes(dims));
    s->out = calloc(1, vg_skeletons_bytes(PEOPLE, JOINTS));
    s->raw = calloc(1, vg_skeletons_bytes(PEOPLE, JOINTS));
    vg_frame_init(s->frame, dims, 0);
    vg_skeletons_init(s->out, PEOPLE, JOINTS, 0);
    vg_skeletons_init(s->raw, PEOPLE, JOINTS, 0);
    s->frame->flags = VG_FRAME_IDENTIFIED;
    for (int c = 0; c < dims.cameras; c++) {
        vg_camera *camera = vg_frame_cameras(s->frame) + c;
        const double angle = 2 * VG_PI * c / dims.cameras;
        *camera = camera_of(c == 1 ? MILD : IDEAL);
        place_camera(camera, (double[3]){6 * cos(angle), 6 * sin(angle), 2.5}, (double[3]){0, 0, 1});
    }
    for (int p = 0; p < PEOPLE; p++) vg_frame_present(s->frame)[p] = 1;
    for (int i = 0; i < TOTAL; i++) {
        random_point(s->X[i], &s->rng);
        for (int k = 0; k < 3; k++) s->V[i][k] = k == 2 ? 0 : (double)vg_rng_range(&s->rng, -1, 1);
    }
}

static void teardown(stage *s) {
    vg_perception_destroy(s->perception);
    free(s->frame), free(s->out), free(s->raw);
}

static vg_keypoint *keypoint(stage *s, int camera, int joint) {
    return vg_frame_keypoints(s->frame) + camera * TOTAL + joint;
}

/* The next frame: everything has moved for one step. */
static void look(stage *s) {
    s->frame->frame_id++, s->frame->time_ns += (int64_t)(STEP * 1e9);
    for (int i = 0; i < TOTAL; i++)
        for (int k = 0; k < 3; k++) s->X[i][k] += STEP * s->V[i][k];
    for (int c = 0; c < dims.cameras; c++)
        for (int i = 0; i < TOTAL; i++) {
            double uv[2];
            *keypoint(s, c, i) = (vg_keypoint){0};
            if (!vg_project(uv, NULL, NULL, vg_frame_cameras(s->frame) + c, s->X[i])) continue;
            *keypoint(s, c, i) = (vg_keypoint){(float)(uv[0] + s->noise * (double)vg_rng_normal(&s->rng)),
                                               (float)(uv[1] + s->noise * (double)vg_rng_normal(&s->rng)), 1};
        }
}

static void perceive(stage *s, int32_t env) {
    vg_error err = {0};
    assert_ok(vg_perceive(s->perception, env, s->frame, s->out, s->raw, &err));
}

static vg_joint *joint(const stage *s, int i) {
    return vg_skeletons_joints(s->out) + i;
}

static double error_of(const vg_joint *j, const double X[3]) {
    double e[3];
    for (int k = 0; k < 3; k++) e[k] = (double)j->position[k] - X[k];
    return vg_norm3(e);
}

static void exact_keypoints_give_exact_joints(void **state) {
    (void)state;
    stage s;
    const vg_perception_config config = vg_perception_config_default();
    setup(&s, &config, 1, 1);
    for (int step = 0; step < 20; step++) {
        look(&s), perceive(&s, 0);
        for (int i = 0; i < TOTAL; i++) {
            assert_int_equal(joint(&s, i)->state, VG_JOINT_MEASURED);
            assert_int_equal(joint(&s, i)->views, 5);
            assert_close(error_of(vg_skeletons_joints(s.raw) + i, s.X[i]), 0, 1e-5);
            assert_close(error_of(joint(&s, i), s.X[i]), 0, 1e-2);
            assert_true(joint(&s, i)->covariance[0] > 0);
        }
    }
    for (int i = 0; i < TOTAL; i++)
        for (int k = 0; k < 3; k++) assert_close(joint(&s, i)->velocity[k], s.V[i][k], 0.03);
    assert_int_equal(s.out->frame_id, s.frame->frame_id);
    teardown(&s);
}

static void plain_mode_is_the_unweighted_dlt(void **state) {
    (void)state;
    stage s;
    vg_perception_config config = vg_perception_config_default();
    config.paper = true;
    setup(&s, &config, 1, 2);
    s.noise = 3;
    look(&s);
    for (int c = 0; c < 5; c++)
        for (int i = 0; i < TOTAL; i++) {
            keypoint(&s, c, i)->confidence = vg_rng_range(&s.rng, 0.1f, 1);
            if (c > 0 && i == 4) keypoint(&s, c, i)->confidence = 0.3f; /* not above the threshold */
        }
    perceive(&s, 0);
    for (int i = 0; i < TOTAL; i++) {
        double P[5][12], x[5], y[5], w[5], X[3];
        for (int c = 0; c < 5; c++) {
            double xy[2];
            const vg_keypoint *k = keypoint(&s, c, i);
            vg_camera_matrix(P[c], vg_frame_cameras(s.frame) + c);
            vg_undistort(xy, vg_frame_cameras(s.frame) + c, (double)k->u, (double)k->v);
            x[c] = xy[0], y[c] = xy[1], w[c] = k->confidence > 0.3f ? 1 : 0;
        }
        vg_triangulate_dlt_ref(X, P[0], x, y, w, 5, 1);
        assert_int_equal(joint(&s, i)->state == VG_JOINT_LOST, isnan(X[0]));
        if (!isnan(X[0])) assert_close(error_of(joint(&s, i), X), 0, 1e-5);
    }
    assert_int_equal(joint(&s, 4)->state, VG_JOINT_LOST);
    /* lost stays lost: there is no filter */
    look(&s), perceive(&s, 0);
    assert_int_equal(joint(&s, 4)->state, VG_JOINT_MEASURED);
    look(&s);
    for (int c = 1; c < 5; c++) keypoint(&s, c, 4)->confidence = 0;
    perceive(&s, 0);
    assert_int_equal(joint(&s, 4)->state, VG_JOINT_LOST);
    assert_true(isnan(joint(&s, 4)->position[0]));
    teardown(&s);
}

static void a_short_loss_is_carried_and_a_long_one_is_lost(void **state) {
    (void)state;
    stage s;
    vg_perception_config config = vg_perception_config_default();
    config.carry = 0.5;
    setup(&s, &config, 1, 3);
    s.noise = 0.3;
    for (int step = 0; step < 30; step++) look(&s), perceive(&s, 0);
    float before = joint(&s, 7)->covariance[0];
    for (int step = 1; step <= 8; step++) {
        look(&s);
        for (int c = 0; c < 4; c++) keypoint(&s, c, 7)->confidence = 0; /* one view is too few */
        perceive(&s, 0);
        const vg_joint *j = joint(&s, 7);
        if (step <= 5) {
            assert_int_equal(j->state, VG_JOINT_CARRIED);
            assert_close(error_of(j, s.X[7]), 0, 0.1);
            assert_true(j->covariance[0] > before);
            assert_true(isnan(j->reprojection));
            assert_int_equal(j->views, 0);
            before = j->covariance[0];
        } else {
            assert_int_equal(j->state, VG_JOINT_LOST);
            assert_true(isnan(j->position[2]) && isnan(j->covariance[5]));
        }
        assert_int_equal(joint(&s, 6)->state, VG_JOINT_MEASURED);
    }
    look(&s), perceive(&s, 0);
    assert_int_equal(joint(&s, 7)->state, VG_JOINT_MEASURED);
    teardown(&s);
}

static void an_outlier_is_gated_and_a_real_jump_is_followed(void **state) {
    (void)state;
    stage s;
    vg_perception_config config = vg_perception_config_default();
    config.gate_frames = 3;
    setup(&s, &config, 1, 4);
    s.noise = 0.3;
    for (int step = 0; step < 20; step++) look(&s), perceive(&s, 0);
    s.X[3][0] += 1;
    for (int step = 1; step <= 5; step++) {
        look(&s), perceive(&s, 0);
        assert_int_equal(joint(&s, 3)->state, step < 3 ? VG_JOINT_CARRIED : VG_JOINT_MEASURED);
        assert_close(error_of(joint(&s, 3), s.X[3]), step < 3 ? 1 : 0, 0.3);
    }
    teardown(&s);
}

static void a_wrong_view_is_outvoted(void **state) {
    (void)state;
    stage s;
    const vg_perception_config config = vg_perception_config_default();
    setup(&s, &config, 1, 5);
    s.noise = 0.5;
    look(&s);
    for (int i = 0; i < TOTAL; i++) keypoint(&s, i % 5, i)->u += 60;
    perceive(&s, 0);
    for (int i = 0; i < TOTAL; i++) assert_close(error_of(vg_skeletons_joints(s.raw) + i, s.X[i]), 0, 0.05);
    teardown(&s);
}

static void truth_is_never_looked_at(void **state) {
    (void)state;
    stage a, b;
    const vg_perception_config config = vg_perception_config_default();
    setup(&a, &config, 1, 6), setup(&b, &config, 1, 6);
    for (int step = 0; step < 5; step++) {
        a.noise = b.noise = 2;
        look(&a), look(&b);
        b.frame->flags |= VG_FRAME_TRUTH;
        for (int k = 0; k < TOTAL * 3; k++) vg_frame_truth(b.frame)[k] = vg_rng_normal(&b.rng);
        b.rng = a.rng;
        perceive(&a, 0), perceive(&b, 0);
        assert_memory_equal(a.out, b.out, a.out->bytes);
    }
    teardown(&a), teardown(&b);
}

static void who_leaves_is_forgotten(void **state) {
    (void)state;
    stage s;
    const vg_perception_config config = vg_perception_config_default();
    setup(&s, &config, 1, 7);
    for (int step = 0; step < 3; step++) look(&s), perceive(&s, 0);
    vg_frame_present(s.frame)[1] = 0;
    look(&s), perceive(&s, 0);
    for (int i = 0; i < TOTAL; i++)
        assert_int_equal(joint(&s, i)->state, i / JOINTS == 1 ? VG_JOINT_LOST : VG_JOINT_MEASURED);
    assert_int_equal(vg_skeletons_present(s.out)[1], 0);
    /* and a new episode forgets everyone: somebody else may stand anywhere */
    s.frame->flags |= VG_FRAME_FIRST;
    for (int i = 0; i < TOTAL; i++) s.X[i][0] += 0.7;
    look(&s), perceive(&s, 0);
    for (int i = 0; i < TOTAL; i++)
        if (i / JOINTS != 1) assert_close(error_of(joint(&s, i), s.X[i]), 0, 1e-4);
    teardown(&s);
}

static void a_saved_state_goes_on_bit_exactly(void **state) {
    (void)state;
    stage s;
    const vg_perception_config config = vg_perception_config_default();
    setup(&s, &config, 3, 8);
    s.noise = 1;
    for (int step = 0; step < 5; step++) look(&s), perceive(&s, 0);
    void *saved = malloc(vg_perception_state_bytes(s.perception));
    vg_perception_save_state(s.perception, 0, saved);
    vg_perception_load_state(s.perception, 2, saved);
    look(&s), perceive(&s, 0);
    vg_skeletons *first = malloc(s.out->bytes);
    memcpy(first, s.out, s.out->bytes);
    perceive(&s, 2);
    assert_memory_equal(first, s.out, first->bytes);
    free(first), free(saved);
    teardown(&s);
}

static void a_tick_allocates_nothing(void **state) {
    (void)state;
    stage s;
    const vg_perception_config config = vg_perception_config_default();
    setup(&s, &config, 2, 9);
    s.noise = 2;
    for (int step = 0; step < 20; step++) {
        look(&s);
        const long before = allocations;
        perceive(&s, step % 2);
        assert_int_equal(allocations - before, 0);
    }
    teardown(&s);
}

/* The same filter with 6 x 6 matrices, one joint at a time. */
typedef struct plain_track {
    double x[6], P[6][6];
} plain_track;

static void plain_predict(plain_track *t, double dt, double q) {
    double F[6][6] = {{0}}, FP[6][6] = {{0}}, P[6][6] = {{0}}, x[6] = {0};
    for (int i = 0; i < 6; i++) F[i][i] = 1;
    for (int i = 0; i < 3; i++) F[i][i + 3] = dt;
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 6; j++) {
            x[i] += F[i][j] * t->x[j];
            for (int k = 0; k < 6; k++) FP[i][j] += F[i][k] * t->P[k][j];
        }
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 6; j++)
            for (int k = 0; k < 6; k++) P[i][j] += FP[i][k] * F[j][k];
    for (int i = 0; i < 3; i++) {
        P[i][i] += q * dt * dt * dt / 3, P[i + 3][i + 3] += q * dt;
        P[i][i + 3] += q * dt * dt / 2, P[i + 3][i] += q * dt * dt / 2;
    }
    memcpy(t->x, x, sizeof x), memcpy(t->P, P, sizeof P);
}

static void inverse3(double out[9], const double A[9]) {
    const double det = vg_mat3_det(A);
    for (int c = 0; c < 3; c++) {
        double n[3];
        vg_cross3(n, A + 3 * ((c + 1) % 3), A + 3 * ((c + 2) % 3));
        for (int r = 0; r < 3; r++) out[3 * r + c] = n[r] / det;
    }
}

static void plain_update(plain_track *t, const double z[3], const double R[9]) {
    double S[9], inverse[9], K[6][3] = {{0}}, P[6][6];
    for (int i = 0; i < 9; i++) S[i] = t->P[i / 3][i % 3] + R[i];
    inverse3(inverse, S);
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 3; j++)
            for (int k = 0; k < 3; k++) K[i][j] += t->P[i][k] * inverse[3 * k + j];
    memcpy(P, t->P, sizeof P);
    const double y[3] = {z[0] - t->x[0], z[1] - t->x[1], z[2] - t->x[2]};
    for (int i = 0; i < 6; i++) {
        t->x[i] += vg_dot3(K[i], y);
        for (int j = 0; j < 6; j++)
            for (int k = 0; k < 3; k++) t->P[i][j] -= K[i][k] * P[k][j];
    }
}

static void random_covariance(double R[9], vg_rng *rng) {
    double A[9];
    for (int k = 0; k < 9; k++) A[k] = 0.03 * (double)vg_rng_normal(rng);
    for (int i = 0; i < 9; i++) {
        R[i] = i % 4 == 0 ? 1e-5 : 0;
        for (int k = 0; k < 3; k++) R[i] += A[3 * (i / 3) + k] * A[3 * (i % 3) + k];
    }
}

static void the_filter_is_the_textbook_s(void **state) {
    (void)state;
    static const int at[6] = {0, 1, 2, 4, 5, 8};
    vg_rng rng = vg_test_rng(10);
    vg_perception_config config = vg_perception_config_default();
    config.gate = 1e9;
    track8 track = {0};
    plain_track plain[VG_LANES] = {0};
    for (int step = 0; step < 60; step++) {
        vg_solved8 z;
        const double dt = step ? 0.05 + 0.1 * (double)vg_rng_uniform(&rng) : 0;
        for (int i = 0; i < VG_LANES; i++) {
            double R[9], point[3];
            const bool seen = step == 0 || vg_rng_below(&rng, 4) != 0;
            random_covariance(R, &rng);
            for (int k = 0; k < 3; k++) z.x[k][i] = point[k] = seen ? (double)vg_rng_normal(&rng) : (double)NAN;
            for (int k = 0; k < 6; k++) z.covariance[k][i] = seen ? R[at[k]] : (double)NAN;
            if (step > 0) {
                plain_predict(plain + i, dt, config.acceleration);
                if (seen) plain_update(plain + i, point, R);
            } else {
                for (int k = 0; k < 9; k++) plain[i].P[k / 3][k % 3] = R[k];
                for (int k = 0; k < 3; k++)
                    plain[i].x[k] = point[k], plain[i].P[k + 3][k + 3] = config.speed * config.speed;
            }
        }
        track8_step(&track, &z, dt, &config);
        for (int i = 0; i < VG_LANES; i++) {
            for (int k = 0; k < 3; k++) {
                assert_close(track.x[k][i], plain[i].x[k], 1e-9);
                assert_close(track.v[k][i], plain[i].x[k + 3], 1e-9);
            }
            for (int k = 0; k < 6; k++) {
                assert_close(track.pp[k][i], plain[i].P[at[k] / 3][at[k] % 3], 1e-10);
                assert_close(track.vv[k][i], plain[i].P[3 + at[k] / 3][3 + at[k] % 3], 1e-10);
            }
            for (int k = 0; k < 9; k++) assert_close(track.pv[k][i], plain[i].P[k / 3][3 + k % 3], 1e-10);
        }
    }
}

/* Joints that move as the filter believes, seen with the noise it believes: its normalised error squared is chi^2 of 3. */
static void filter_covariance_is_honest(void **state) {
    (void)state;
    stage s;
    vg_perception_config config = vg_perception_config_default();
    config.robust = 0, config.widen = false, config.gate = 1e9, config.sigma = 2, config.acceleration = 0.5;
    setup(&s, &config, 1, 11);
    s.noise = 2;
    const double q = config.acceleration;
    double sum = 0, raw = 0, filtered = 0;
    int n = 0;
    for (int run = 0; run < 60; run++) {
        s.frame->flags |= VG_FRAME_FIRST;
        for (int i = 0; i < TOTAL; i++) {
            random_point(s.X[i], &s.rng);
            for (int k = 0; k < 3; k++) s.V[i][k] = config.speed * (double)vg_rng_normal(&s.rng);
            for (int k = 0; k < 3; k++) s.X[i][k] -= 0.8 * s.V[i][k];
        }
        for (int step = 0; step < 15; step++) {
            look(&s), perceive(&s, 0);
            s.frame->flags = VG_FRAME_IDENTIFIED;
            for (int i = 0; i < TOTAL && step < 14; i++)
                for (int k = 0; k < 3; k++) { /* white acceleration over one step: correlated in x and v */
                    const double a = (double)vg_rng_normal(&s.rng), b = (double)vg_rng_normal(&s.rng);
                    const double sv = sqrt(q * STEP);
                    s.V[i][k] += sv * a;
                    s.X[i][k] += sv * STEP * (a / 2 + b / sqrt(12.0)) - STEP * sv * a;
                }
        }
        for (int i = 0; i < TOTAL; i++) {
            const vg_joint *j = joint(&s, i);
            const float *c = j->covariance;
            const double C[9] = {(double)c[0], (double)c[1], (double)c[2], (double)c[1], (double)c[3],
                                 (double)c[4], (double)c[2], (double)c[4], (double)c[5]};
            double inverse[9], e[3], Ce[3];
            inverse3(inverse, C);
            for (int k = 0; k < 3; k++) e[k] = (double)j->position[k] - s.X[i][k];
            vg_mat3_mul_vec(Ce, inverse, e);
            sum += vg_dot3(e, Ce), n++;
            filtered += vg_dot3(e, e);
            const double r = error_of(vg_skeletons_joints(s.raw) + i, s.X[i]);
            raw += r * r;
        }
    }
    assert_close(sum / n, 3, 4 * sqrt(6.0 / n));
    assert_true(filtered < raw);
    teardown(&s);
}

static void wrong_input_is_named(void **state) {
    (void)state;
    vg_error err = {0};
    vg_perception *p = NULL;
    vg_perception_config config = vg_perception_config_default();
    assert_error(vg_perception_create(&p, &config, dims, 0, &err), VG_INVALID, "envs is 0");
    assert_error(vg_perception_create(&p, &config, (vg_dims){5, 99, 5}, 1, &err), VG_INVALID, "people is 99");
    config.confidence = 2;
    assert_error(vg_perception_create(&p, &config, dims, 1, &err), VG_INVALID, "confidence is 2");
    assert_null(p);
    vg_perception_destroy(p);
    stage s;
    config = vg_perception_config_default();
    setup(&s, &config, 1, 12);
    look(&s);
    s.frame->flags = 0;
    assert_error(vg_perceive(s.perception, 0, s.frame, s.out, NULL, &err), VG_UNSUPPORTED, "VG_FRAME_IDENTIFIED");
    s.frame->flags = VG_FRAME_IDENTIFIED;
    s.out->people = 2;
    assert_error(vg_perceive(s.perception, 0, s.frame, s.out, NULL, &err), VG_INVALID, "2 people");
    s.frame->dims.joints = 4;
    assert_error(vg_perceive(s.perception, 0, s.frame, s.out, NULL, &err), VG_INVALID, "4 joints");
    teardown(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_keypoints_give_exact_joints),
        cmocka_unit_test(plain_mode_is_the_unweighted_dlt),
        cmocka_unit_test(a_short_loss_is_carried_and_a_long_one_is_lost),
        cmocka_unit_test(an_outlier_is_gated_and_a_real_jump_is_followed),
        cmocka_unit_test(a_wrong_view_is_outvoted),
        cmocka_unit_test(truth_is_never_looked_at),
        cmocka_unit_test(who_leaves_is_forgotten),
        cmocka_unit_test(a_saved_state_goes_on_bit_exactly),
        cmocka_unit_test(a_tick_allocates_nothing),
        cmocka_unit_test(the_filter_is_the_textbook_s),
        cmocka_unit_test(filter_covariance_is_honest),
        cmocka_unit_test(wrong_input_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
