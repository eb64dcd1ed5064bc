/* Armatures: rotations solved from positions carry the joints back to where they were. */
#include "common/transform.h"
#include "perception/armature.h"
#include "perception/reconstruct.h"
#include "tests/support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    vg_rig joint;
    vg_part part;
} same[] = {
    {VG_RIG_L_UPPER_ARM, VG_PART_L_SHOULDER}, {VG_RIG_L_LOWER_ARM, VG_PART_L_ELBOW}, {VG_RIG_L_HAND, VG_PART_L_WRIST},
    {VG_RIG_R_UPPER_ARM, VG_PART_R_SHOULDER}, {VG_RIG_R_LOWER_ARM, VG_PART_R_ELBOW}, {VG_RIG_R_HAND, VG_PART_R_WRIST},
    {VG_RIG_L_UPPER_LEG, VG_PART_L_HIP},      {VG_RIG_L_LOWER_LEG, VG_PART_L_KNEE},  {VG_RIG_L_FOOT, VG_PART_L_ANKLE},
    {VG_RIG_R_UPPER_LEG, VG_PART_R_HIP},      {VG_RIG_R_LOWER_LEG, VG_PART_R_KNEE},  {VG_RIG_R_FOOT, VG_PART_R_ANKLE}};
enum { SAME = sizeof same / sizeof same[0] };

/* The parts of a posed armature: joints, ears on both sides of the head, its top, a nose before it, toes. */
static void parts_of(double (*x)[3], const vg_armature *a) {
    double p[VG_RIG_JOINTS][3], R[VG_RIG_JOINTS][9];
    vg_armature_pose(p, R, a);
    for (int i = 0; i < VG_PARTS; i++) x[i][0] = x[i][1] = x[i][2] = (double)NAN;
    for (int i = 0; i < SAME; i++) memcpy(x[same[i].part], p[same[i].joint], sizeof *x);
    static const struct {
        vg_part part;
        vg_rig joint;
        double offset[3];
    } ends[] = {{VG_PART_L_EAR, VG_RIG_HEAD, {0.07, 0, 0}},       {VG_PART_R_EAR, VG_RIG_HEAD, {-0.07, 0, 0}},
                {VG_PART_HEAD, VG_RIG_HEAD, {0, 0.15, 0}},        {VG_PART_NOSE, VG_RIG_HEAD, {0, 0, 0.1}},
                {VG_PART_L_BIG_TOE, VG_RIG_L_FOOT, {0, 0, 0.18}}, {VG_PART_R_BIG_TOE, VG_RIG_R_FOOT, {0, 0, 0.18}}};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        double *to = x[ends[i].part];
        vg_mat3_mul_vec(to, R[ends[i].joint], ends[i].offset);
        for (int k = 0; k < 3; k++) to[k] += p[ends[i].joint][k];
    }
}

static void turn(double R[9], double x, double y, double z) {
    const double v[3] = {x, y, z};
    vg_rotation_from_vector(R, v);
}

static double farthest(const double (*x)[3], const vg_armature *a) {
    double p[VG_RIG_JOINTS][3], most = 0;
    vg_armature_pose(p, NULL, a);
    for (int i = 0; i < SAME; i++) {
        const double *to = x[same[i].part], *at = p[same[i].joint];
        const double e[3] = {at[0] - to[0], at[1] - to[1], at[2] - to[2]};
        most = fmax(most, vg_norm3(e));
    }
    return most;
}

static void the_rest_pose_needs_no_rotation(void **state) {
    (void)state;
    vg_armature a = vg_armature_default(), solved = vg_armature_default();
    double x[VG_PARTS][3];
    parts_of(x, &a);
    assert_int_equal(vg_armature_solve(&solved, (const double(*)[3])x), 2); /* hands show nothing */
    for (int j = 0; j < VG_RIG_JOINTS; j++)
        for (int k = 0; k < 9; k++) assert_close(solved.local[j][k], k % 4 == 0 ? 1 : 0, 1e-12);
}

static void a_bent_knee_and_elbow_turn_as_such(void **state) {
    (void)state;
    vg_armature a = vg_armature_default(), solved = vg_armature_default();
    double x[VG_PARTS][3];
    turn(a.local[VG_RIG_L_LOWER_LEG], 1.0, 0, 0); /* heel towards the back */
    turn(a.local[VG_RIG_R_LOWER_ARM], 0, 1.2, 0); /* hand forwards */
    turn(a.local[VG_RIG_L_LOWER_ARM], 0, -1.2, 0);
    turn(a.local[VG_RIG_HEAD], 0.2, 0.5, 0);
    turn(a.local[VG_RIG_HIPS], 0, 2.5, 0);
    parts_of(x, &a);
    vg_armature_solve(&solved, (const double(*)[3])x);
    for (int j = 0; j < VG_RIG_JOINTS; j++)
        for (int k = 0; k < 9; k++) assert_close(solved.local[j][k], a.local[j][k], 1e-9);
}

static void any_pose_is_met_exactly(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(1);
    vg_armature solved = vg_armature_default();
    for (int trial = 0; trial < 500; trial++) {
        vg_armature a = vg_armature_default();
        double x[VG_PARTS][3];
        for (int k = 0; k < 3; k++) a.root[k] = (double)vg_rng_normal(&rng);
        for (int j = 0; j < VG_RIG_JOINTS; j++) {
            const double size = j == VG_RIG_HIPS ? 3 : 0.7;
            turn(a.local[j], size * (double)vg_rng_normal(&rng), size * (double)vg_rng_normal(&rng),
                 size * (double)vg_rng_normal(&rng));
        }
        parts_of(x, &a);
        vg_armature_solve(&solved, (const double(*)[3])x);
        assert_true(farthest((const double(*)[3])x, &solved) < 1e-9);
        for (int j = 0; j < VG_RIG_JOINTS; j++) assert_close(vg_mat3_det(solved.local[j]), 1, 1e-9);
    }
}

static void lost_joints_keep_their_rotations(void **state) {
    (void)state;
    vg_armature a = vg_armature_default(), solved = vg_armature_default();
    double x[VG_PARTS][3];
    turn(a.local[VG_RIG_L_UPPER_LEG], 0.4, 0, 0), turn(a.local[VG_RIG_L_LOWER_LEG], 0.9, 0, 0);
    parts_of(x, &a);
    vg_armature_solve(&solved, (const double(*)[3])x);
    const vg_armature before = solved;
    x[VG_PART_L_KNEE][1] = (double)NAN;
    assert_int_equal(vg_armature_solve(&solved, (const double(*)[3])x),
                     3); /* the thigh and the hands; the shin aims at its ankle */
    for (int k = 0; k < 9; k++)
        assert_close(solved.local[VG_RIG_L_UPPER_LEG][k], before.local[VG_RIG_L_UPPER_LEG][k], 1e-12);
    for (int p = 0; p < VG_PARTS; p++) x[p][0] = (double)NAN;
    assert_int_equal(vg_armature_solve(&solved, (const double(*)[3])x), VG_RIG_JOINTS);
    assert_memory_equal(solved.local, before.local, sizeof before.local);
}

/* ---- motions ---------------------------------------------------------------------------------------------------------- */

/* The armature's joints as a motion's points. */
static void store(vg_motion *m, int32_t frame, const double (*x)[3]) {
    for (int32_t i = 0; i < m->points; i++)
        for (int p = 0; p < VG_PARTS; p++)
            if (strcmp(m->names[i], vg_part_name((vg_part)p)) == 0)
                memcpy(m->positions + 3 * (frame * m->points + i), x[p], sizeof *x);
}

static void turning_twice_around_makes_no_jump(void **state) {
    (void)state;
    vg_error err = {0};
    vg_motion m;
    const int frames = 200;
    assert_ok(vg_motion_create(&m, frames, VG_PARTS, 50, &err));
    m.axes = VG_AXES_Y_UP;
    for (int p = 0; p < VG_PARTS; p++) snprintf(m.names[p], VG_MOTION_NAME, "%s", vg_part_name((vg_part)p));
    for (int f = 0; f < frames; f++) {
        vg_armature a = vg_armature_default();
        double x[VG_PARTS][3], lean[9], about[9];
        turn(about, 0, 4 * VG_PI * f / frames, 0), turn(lean, 0.4, 0, 0.3);
        vg_mat3_mul(a.local[VG_RIG_HIPS], about, lean);
        a.root[1] = 1;
        parts_of(x, &a);
        store(&m, f, (const double(*)[3])x);
    }
    vg_motion_convert(&m, VG_UNIT_MILLIMETRE, VG_AXES_Z_UP);
    vg_bvh bvh;
    int64_t kept;
    assert_ok(vg_bvh_from_motion(&bvh, &m, VG_UNIT_CENTIMETRE, &kept, &err));
    assert_int_equal(kept, 2 * frames);
    for (int f = 1; f < frames; f++)
        for (int k = 3; k < bvh.channels; k++)
            assert_true(fabs(bvh.values[f * bvh.channels + k] - bvh.values[(f - 1) * bvh.channels + k]) < 8);
    const int32_t foot = vg_bvh_find(&bvh, "LeftFoot"), ankle = vg_motion_find(&m, "LAnkle");
    double p[64][3];
    for (int f = 0; f < frames; f++) {
        const double *x = m.positions + 3 * (f * m.points + ankle); /* mm, z up */
        vg_bvh_pose(p, NULL, &bvh, f);
        assert_close(p[foot][0], 0.1 * x[0], 1e-6);
        assert_close(p[foot][1], 0.1 * x[2], 1e-6);
        assert_close(p[foot][2], -0.1 * x[1], 1e-6);
    }
    vg_bvh_free(&bvh);
    vg_motion_free(&m);
}

/* Pose2Sim's participant, bones made rigid: the BVH's own kinematics, as read back from the file, meet them. */
static void a_real_recording_with_rigid_bones_is_met_within_millimetres(void **state) {
    (void)state;
    vg_error err = {0};
    vg_motion m;
    const char *path = vg_test_shared("pose2sim/single/pose-3d/S00_P00_T01_BalancingTrial_0-100.trc");
    if (!path) skip();
    vg_motion_options options = vg_motion_options_default();
    options.axes = VG_AXES_Y_UP_YZX;
    assert_ok(vg_motion_read(path, &options, &m, &err));
    vg_joint_set set;
    const char *names[VG_MAX_JOINTS];
    for (int32_t i = 0; i < m.points; i++) names[i] = m.names[i];
    assert_ok(vg_joint_set_of_names(&set, "trc", names, m.points, &err));
    const vg_bones_config rigid = {.slack = 1e-3, .settled = 1, .sweeps = 400};
    double S[VG_MAX_JOINTS][6];
    for (int j = 0; j < VG_MAX_JOINTS; j++) memcpy(S[j], (double[6]){4e-4, 0, 0, 4e-4, 0, 4e-4}, sizeof S[j]);
    vg_bones bones = {0};
    for (int pass = 0; pass < 2; pass++)
        for (int f = 0; f < m.frames; f++) {
            double(*x)[3] = (double(*)[3])(void *)(m.positions + 3 * f * m.points);
            if (pass == 0)
                vg_bones_learn(&bones, &set, (const double(*)[3])x, (const double(*)[6])S);
            else
                vg_bones_hold(x, (const double(*)[6])S, &bones, &set, &rigid);
        }
    char file[4200];
    vg_bvh bvh;
    assert_ok(vg_bvh_from_motion(&bvh, &m, VG_UNIT_CENTIMETRE, NULL, &err));
    snprintf(file, sizeof file, "%s/person.bvh", vg_test_folder());
    assert_ok(vg_bvh_write(file, &bvh, &err));
    vg_bvh_free(&bvh);
    assert_ok(vg_bvh_read(file, &bvh, &err));
    assert_int_equal(bvh.frames, 100);
    assert_close(bvh.frame_seconds, 1 / 60.0, 1e-9);
    double sum = 0, most = 0, p[64][3];
    int n = 0;
    for (int f = 0; f < m.frames; f++) {
        vg_bvh_pose(p, NULL, &bvh, f);
        for (int i = 0; i < SAME; i++) {
            const int32_t to = vg_motion_find(&m, vg_part_name(same[i].part));
            const double *x = m.positions + 3 * (f * m.points + to),
                         *at = p[vg_bvh_find(&bvh, vg_rig_names[same[i].joint])];
            const double e[3] = {at[0] / 100 - x[0], at[1] / 100 - x[1], at[2] / 100 - x[2]};
            sum += vg_norm3(e), most = fmax(most, vg_norm3(e)), n++;
        }
    }
    printf("rigid bones: %.2f mm mean, %.2f mm at most\n", 1000 * sum / n, 1000 * most);
    assert_true(sum / n < 0.004);
    assert_true(most < 0.02);
    vg_bvh_free(&bvh);
    vg_motion_free(&m);
}

static void a_motion_without_hips_is_refused(void **state) {
    (void)state;
    vg_error err = {0};
    vg_motion m;
    vg_bvh bvh;
    assert_ok(vg_motion_create(&m, 3, 2, 60, &err));
    snprintf(m.names[0], VG_MOTION_NAME, "LKnee"), snprintf(m.names[1], VG_MOTION_NAME, "LAnkle");
    assert_error(vg_bvh_from_motion(&bvh, &m, VG_UNIT_METRE, NULL, &err), VG_INVALID, "needs LHip, RHip");
    vg_motion_free(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rest_pose_needs_no_rotation),
        cmocka_unit_test(a_bent_knee_and_elbow_turn_as_such),
        cmocka_unit_test(any_pose_is_met_exactly),
        cmocka_unit_test(lost_joints_keep_their_rotations),
        cmocka_unit_test(turning_twice_around_makes_no_jump),
        cmocka_unit_test(a_real_recording_with_rigid_bones_is_met_within_millimetres),
        cmocka_unit_test(a_motion_without_hips_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
