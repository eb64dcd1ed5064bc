/* BVH: forward kinematics against two independent implementations (real clips) and against a plain matrix product,
 * exact round trips, header variants, and what damaged files are told. */
#include "common/text.h"
#include "common/transform.h"
#include "perception/motion.h"
#include "tests/support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char small[] = "HIERARCHY\n"
                            "ROOT Hips\n"
                            "{\n"
                            "\tOFFSET 1 2 3\n"
                            "\tCHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation\n"
                            "\tJOINT Left Leg\n"
                            "\t{\n"
                            "\t\tOFFSET 0 -0.4 0\n"
                            "\t\tCHANNELS 3 Zrotation Xrotation Yrotation\n"
                            "\t\tEnd Site\n"
                            "\t\t{\n"
                            "\t\t\tOFFSET 0 -0.5 0.1\n"
                            "\t\t}\n"
                            "\t}\n"
                            "}\n"
                            "MOTION\n"
                            "Frames: 2\n"
                            "Frame Time: .0083333\n"
                            "10 20 30 0 0 0 0 0 0\n"
                            "0 0 0 90 0 0 0 0 0\n";

static vg_status parse(const char *text, vg_bvh *out, vg_error *err) {
    return vg_bvh_parse("small.bvh", text, strlen(text), out, err);
}

/* `small` with its first `from` replaced by `to`. */
static const char *edited(const char *from, const char *to) {
    static char text[4096];
    const char *at = strstr(small, from);
    assert_non_null(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - small), small, to, at + strlen(from));
    return text;
}

static void forward_kinematics_of_a_small_tree_is_the_closed_form(void **state) {
    (void)state;
    vg_error err = {0};
    vg_bvh b;
    assert_ok(parse(small, &b, &err));
    assert_int_equal(b.joints, 3);
    assert_int_equal(b.channels, 9);
    assert_string_equal(b.joint[1].name, "Left Leg");
    assert_string_equal(b.joint[2].name, "Left Leg_End");
    assert_true(b.frame_seconds == 0.0083333);
    double p[3][3];
    vg_bvh_pose(p, NULL, &b, 0);
    const double straight[3][3] = {{10, 20, 30}, {10, 19.6, 30}, {10, 19.1, 30.1}};
    for (int j = 0; j < 3; j++)
        for (int i = 0; i < 3; i++) assert_close(p[j][i], straight[j][i], 1e-12);
    vg_bvh_pose(p, NULL, &b, 1); /* a quarter turn about z takes -y to +x */
    const double turned[3][3] = {{0, 0, 0}, {0.4, 0, 0}, {0.9, 0, 0.1}};
    for (int j = 0; j < 3; j++)
        for (int i = 0; i < 3; i++) assert_close(p[j][i], turned[j][i], 1e-12);
    vg_bvh_free(&b);
}

static void root_offset_is_replaced_or_added_as_asked(void **state) {
    (void)state;
    vg_error err = {0};
    vg_bvh b;
    assert_ok(parse(small, &b, &err));
    double p[3][3];
    vg_bvh_pose(p, NULL, &b, 0);
    assert_close(p[0][0], 10, 0);
    b.offset_rule = VG_BVH_ADDED;
    vg_bvh_pose(p, NULL, &b, 0);
    assert_close(p[0][0], 11, 0);
    assert_close(p[0][1], 22, 0);
    assert_close(p[1][2], 33, 0);
    vg_bvh_free(&b);
}

/* The references list every joint and end site of a few frames with six decimals. */
static void real_clips_match_independent_forward_kinematics(void **state) {
    (void)state;
    static const char *const clips[] = {"bvh_test1", "bvh_test3", "cmu_12_01_walk"};
    for (int k = 0; k < 3; k++) {
        char name[128];
        snprintf(name, sizeof name, "bvh/%s.bvh", clips[k]);
        const char *path = vg_test_shared(name);
        snprintf(name, sizeof name, "bvh/%s_fk.csv", clips[k]);
        const char *reference = vg_test_shared(name);
        if (!path || !reference) skip();
        vg_error err = {0};
        vg_bvh b;
        assert_ok(vg_bvh_read(path, &b, &err));
        double(*p)[3] = malloc(sizeof *p * (size_t)b.joints);
        char *text;
        size_t size;
        assert_ok(vg_file_load(&text, &size, reference, &err));
        vg_lines lines = vg_lines_of(text, size);
        vg_span line;
        vg_lines_next(&lines, &line);
        int rows = 0, next = 0;
        long at = -1;
        double worst = 0;
        while (vg_lines_next(&lines, &line)) {
            long frame;
            assert_true(vg_span_int(vg_span_field(&line, ','), &frame));
            if (frame != at) vg_bvh_pose(p, NULL, &b, (int32_t)frame), at = frame, next = 0;
            assert_true(vg_span_is(vg_span_field(&line, ','), b.joint[next].name));
            for (int i = 0; i < 3; i++) {
                double expected;
                assert_true(vg_span_double(vg_span_field(&line, ','), &expected));
                worst = fmax(worst, fabs(p[next][i] - expected));
            }
            next++, rows++;
        }
        assert_true(rows >= b.joints);
        assert_close(worst, 0, 5.01e-7); /* half a unit of the reference's last decimal */
        free(text);
        free(p);
        vg_bvh_free(&b);
    }
}

/* The plain way: one matrix per channel, multiplied in listed order. */
static void pose_ref(double (*p)[3], double (*R)[9], const vg_bvh *b, int32_t frame) {
    for (int32_t j = 0; j < b->joints; j++) {
        const vg_bvh_joint *joint = &b->joint[j];
        double local[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1}, offset[3];
        memcpy(offset, joint->offset, sizeof offset);
        for (int i = 0; i < joint->channels; i++) {
            const double v = b->values[(size_t)frame * (size_t)b->channels + (size_t)(joint->first_channel + i)];
            if (joint->channel[i] < 3) {
                offset[joint->channel[i]] = v;
                continue;
            }
            double r[3] = {0}, turn[9], product[9];
            r[joint->channel[i] - 3] = v * VG_PI / 180;
            vg_rotation_from_vector(turn, r);
            vg_mat3_mul(product, local, turn);
            memcpy(local, product, sizeof local);
        }
        if (joint->parent < 0) {
            memcpy(R[j], local, sizeof local);
            memcpy(p[j], offset, sizeof offset);
            continue;
        }
        vg_mat3_mul(R[j], R[joint->parent], local);
        vg_mat3_mul_vec(p[j], R[joint->parent], offset);
        for (int i = 0; i < 3; i++) p[j][i] += p[joint->parent][i];
    }
}

static void forward_kinematics_equals_the_plain_matrix_product(void **state) {
    (void)state;
    const char *path = vg_test_shared("bvh/bvh_test3.bvh");
    if (!path) skip();
    vg_error err = {0};
    vg_bvh b;
    assert_ok(vg_bvh_read(path, &b, &err));
    double(*p)[3] = calloc((size_t)b.joints * 2, sizeof *p), (*R)[9] = calloc((size_t)b.joints * 2, sizeof *R);
    for (int32_t frame = 0; frame < b.frames; frame++) {
        vg_bvh_pose(p, R, &b, frame);
        pose_ref(p + b.joints, R + b.joints, &b, frame);
        for (int32_t j = 0; j < b.joints; j++) {
            for (int i = 0; i < 3; i++) assert_close(p[j][i], p[b.joints + j][i], 1e-9);
            for (int i = 0; i < 9; i++) assert_close(R[j][i], R[b.joints + j][i], 1e-11);
        }
    }
    free(p);
    free(R);
    vg_bvh_free(&b);
}

static void assert_same(const vg_bvh *a, const vg_bvh *b) {
    assert_int_equal(a->joints, b->joints);
    assert_int_equal(a->channels, b->channels);
    assert_int_equal(a->frames, b->frames);
    assert_true(a->frame_seconds == b->frame_seconds);
    assert_memory_equal(a->joint, b->joint, sizeof *a->joint * (size_t)a->joints);
    assert_memory_equal(a->values, b->values, sizeof *a->values * (size_t)a->frames * (size_t)a->channels);
}

static void written_files_read_back_exactly(void **state) {
    (void)state;
    static const char *const clips[] = {"bvh_example",       "bvh_test1",          "bvh_test2",
                                        "bvh_test3",         "cmu_12_01_walk",     "full_precision_frame_time",
                                        "standard_skeleton", "rotation_first_root"};
    vg_error err = {0};
    char out[4200];
    snprintf(out, sizeof out, "%s/round.bvh", vg_test_folder());
    for (size_t k = 0; k < sizeof clips / sizeof clips[0]; k++) {
        char name[128];
        snprintf(name, sizeof name, "bvh/%s.bvh", clips[k]);
        const char *path = vg_test_shared(name);
        if (!path) skip();
        vg_bvh a, b;
        assert_ok(vg_bvh_read(path, &a, &err));
        assert_ok(vg_bvh_write(out, &a, &err));
        assert_ok(vg_bvh_read(out, &b, &err));
        assert_same(&a, &b);
        vg_bvh_free(&a);
        vg_bvh_free(&b);
    }
}

static void header_variants_are_understood(void **state) {
    (void)state;
    static const char *const edits[][2] = {
        {"Frames: 2", "Frames:\t2"},          {"Frames: 2", "Frames:2"},
        {"Frames: 2", "Frames : 2\r"},        {"Hips\n{", "Hips {"},
        {"End Site\n", "End Site LeftToe\n"}, {"10 20 30 0", "1e1 20. +30 0"},
        {"HIERARCHY", "\nHIERARCHY "},        {"Zrotation", "ZROTATION"},
    };
    vg_error err = {0};
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        vg_bvh a, b;
        assert_ok(parse(small, &a, &err));
        assert_ok(parse(edited(edits[i][0], edits[i][1]), &b, &err));
        assert_same(&a, &b);
        vg_bvh_free(&a);
        vg_bvh_free(&b);
    }
}

static void damaged_files_are_told_line_and_value(void **state) {
    (void)state;
    static const char *const edits[][3] = {
        {"HIERARCHY", "TRAJECTORY", "`TRAJECTORY` where `HIERARCHY`"},
        {"-0.4", "nan", "line 8: `nan` where a coordinate of OFFSET"},
        {"CHANNELS 3", "CHANNELS 7", "`7` where the number of CHANNELS"},
        {"Xrotation Yrotation\n", "Xrotation Wrotation\n", "`Wrotation` where a channel"},
        {"Frames: 2", "Frames: 3", "Frames: 3 of 9 channels"},
        {"0 0 0 90 0 0 0 0 0", "0.00 0 0 90 0 0 0 0", "ends in frame 2 at value 9 of 9"},
        {"Frames: 2", "Frames: 1", "follows after the 1 frames"},
        {"Frames: 2", "Frames: 90000000", "only"},
        {".0083333", "0", "Frame Time: 0"},
        {"0 0 0 90", "0 0 zero 90", "`zero` where a number"},
    };
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        vg_error err = {0};
        vg_bvh b;
        const vg_status status = parse(edited(edits[i][0], edits[i][1]), &b, &err);
        if (status == VG_OK || !strstr(err.message, edits[i][2]) || !strstr(err.message, "small.bvh"))
            fail_msg("`%s` -> `%s`: `%s` lacks `%s`", edits[i][0], edits[i][1], err.message, edits[i][2]);
    }
}

static void a_file_cut_anywhere_gives_an_error_and_nothing_else(void **state) {
    (void)state;
    for (size_t n = 0; n + 2 < sizeof small; n++) {
        vg_error err = {0};
        vg_bvh b;
        if (n + 3 == sizeof small) continue; /* only the line end is missing */
        assert_true(vg_bvh_parse("cut.bvh", small, n, &b, &err) != VG_OK);
        assert_non_null(strstr(err.message, "cut.bvh"));
        assert_null(b.joint);
    }
    vg_error err = {0};
    vg_bvh b;
    assert_error(vg_bvh_read("/nowhere/x.bvh", &b, &err), VG_NOT_FOUND, "/nowhere/x.bvh");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_kinematics_of_a_small_tree_is_the_closed_form),
        cmocka_unit_test(root_offset_is_replaced_or_added_as_asked),
        cmocka_unit_test(real_clips_match_independent_forward_kinematics),
        cmocka_unit_test(forward_kinematics_equals_the_plain_matrix_product),
        cmocka_unit_test(written_files_read_back_exactly),
        cmocka_unit_test(header_variants_are_understood),
        cmocka_unit_test(damaged_files_are_told_line_and_value),
        cmocka_unit_test(a_file_cut_anywhere_gives_an_error_and_nothing_else),
    };
    return cmocka_run_group_tests_name("motion_bvh", tests, NULL, NULL);
}
