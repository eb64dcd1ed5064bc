/* Joint sets: their orders, sides and bones. */
#include "perception/joints.h"
#include "tests/support/support.h"

#include <string.h>

static void every_set_is_consistent(void **state) {
    (void)state;
    static const int32_t joints[VG_JOINTS_KINDS] = {25, 25, 18, 17, 26, 33, 14};
    for (int kind = 0; kind < VG_JOINTS_KINDS; kind++) {
        vg_joint_set set;
        vg_joint_set_init(&set, (vg_joint_set_kind)kind);
        assert_int_equal(set.joints, joints[kind]);
        assert_true(set.bones >= set.joints - 4);
        for (int32_t j = 0; j < set.joints; j++) {
            assert_int_equal(vg_joint_set_find(&set, (vg_part)set.part[j]), j); /* each part once */
            assert_int_equal(vg_joint_set_find_name(&set, set.names[j]), j);
            assert_int_equal(set.mirror[set.mirror[j]], j);
            const char *name = set.names[j], *other = set.names[set.mirror[j]];
            if (name[0] == 'L' || name[0] == 'R') {
                assert_string_equal(name + 1, other + 1);
                assert_true(name[0] != other[0]);
            }
            assert_true(set.noise[j] == set.noise[set.mirror[j]] && set.noise[j] > 0);
        }
        for (int32_t i = 0; i < set.bones; i++) {
            const vg_bone *bone = set.bone + i, *mirror = set.bone + bone->mirror;
            assert_true(bone->a != bone->b && bone->length > 0 && bone->spread > 0);
            assert_int_equal(mirror->mirror, i);
            assert_true(mirror->length == bone->length);
        }
    }
}

static void orders_are_the_models_own(void **state) {
    (void)state;
    static const struct {
        vg_joint_set_kind kind;
        int32_t joint;
        const char *name;
    } known[] = {
        {VG_JOINTS_BODY_25, 8, "MidHip"},   {VG_JOINTS_BODY_25, 24, "RHeel"},       {VG_JOINTS_BODY_25, 4, "RWrist"},
        {VG_JOINTS_BODY_25B, 17, "Neck"},   {VG_JOINTS_BODY_25B, 16, "RAnkle"},     {VG_JOINTS_BODY_25B, 19, "LBigToe"},
        {VG_JOINTS_COCO_17, 11, "LHip"},    {VG_JOINTS_COCO_18, 13, "LAnkle"},      {VG_JOINTS_HALPE_26, 19, "MidHip"},
        {VG_JOINTS_HALPE_26, 25, "RHeel"},  {VG_JOINTS_BLAZEPOSE, 11, "LShoulder"}, {VG_JOINTS_BLAZEPOSE, 28, "RAnkle"},
        {VG_JOINTS_BLAZEPOSE, 29, "LHeel"}, {VG_JOINTS_BLAZEPOSE, 32, "RBigToe"}};
    vg_joint_set set;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        vg_joint_set_init(&set, known[i].kind);
        assert_string_equal(set.names[known[i].joint], known[i].name);
    }
    vg_joint_set_init(&set, VG_JOINTS_14);
    for (int j = 0; j < VG_JOINTS14; j++) assert_string_equal(set.names[j], vg_joint14_names[j]);
}

static void limbs_are_bones_of_both_sides(void **state) {
    (void)state;
    vg_joint_set set;
    vg_joint_set_init(&set, VG_JOINTS_BODY_25B);
    const int32_t left = vg_joint_set_bone(&set, 13, 15), right = vg_joint_set_bone(&set, 16, 14);
    assert_true(left >= 0 && right >= 0);
    assert_int_equal(set.bone[left].mirror, right);
    assert_int_equal(vg_joint_set_bone(&set, 13, 16), -1);
}

static void sets_of_names_know_what_they_can(void **state) {
    (void)state;
    vg_error err = {0};
    vg_joint_set set;
    const char *names[] = {"left_knee", "LAnkle", "tail", "RKnee"};
    assert_ok(vg_joint_set_of_names(&set, "mine", names, 4, &err));
    assert_int_equal(set.part[0], VG_PART_L_KNEE);
    assert_int_equal(set.part[2], VG_PART_OTHER);
    assert_int_equal(set.mirror[0], 3);
    assert_int_equal(set.bones, 1);
    const char *twice[] = {"LKnee", "lknee"};
    assert_error(vg_joint_set_of_names(&set, "mine", twice, 2, &err), VG_INVALID, "named twice");
    assert_error(vg_joint_set_of_names(&set, "mine", twice, 0, &err), VG_INVALID, "0 joints");
    vg_joint_set_kind kind;
    assert_ok(vg_joint_set_parse("body_25b", &kind, &err));
    assert_int_equal(kind, VG_JOINTS_BODY_25B);
    assert_error(vg_joint_set_parse("BODY_26", &kind, &err), VG_INVALID, "body25b");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_set_is_consistent),
        cmocka_unit_test(orders_are_the_models_own),
        cmocka_unit_test(limbs_are_bones_of_both_sides),
        cmocka_unit_test(sets_of_names_know_what_they_can),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
