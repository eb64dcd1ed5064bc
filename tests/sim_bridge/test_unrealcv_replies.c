/* Replies of games, as every version of the plug-in spells them, and others. */
#include "sim_bridge/unrealcv/client_replies.h"
#include "sim_bridge/unrealcv/image.h"
#include "tests/support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static vg_span span(const char *text) {
    return (vg_span){text, strlen(text)};
}

static void numbers_may_be_followed_by_blanks_and_nothing_else(void **state) {
    (void)state;
    double v[3];
    assert_true(ucv_read_numbers(v, 3, span("-126.500 2.000 1e2 ")));
    assert_close(v[0], -126.5, 0);
    assert_close(v[2], 100, 0);
    const char *const bad[] = {"",        "1 2",     "1 2 3 4", "1 2 x", "nan 1 2", "error Invalid sensor id",
                               "1 2 inf", "1 2 1e30"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_false(ucv_read_numbers(v, 3, span(bad[i])));
}

static void colours_and_status_are_found(void **state) {
    (void)state;
    uint8_t rgb[3];
    assert_true(ucv_read_colour(rgb, span("(R=127,G=255,B=0,A=255)")));
    assert_int_equal(rgb[0], 127);
    assert_int_equal(rgb[1], 255);
    assert_int_equal(rgb[2], 0);
    assert_false(ucv_read_colour(rgb, span("(R=127,G=256,B=0,A=255)")));
    assert_false(ucv_read_colour(rgb, span("error Can not find object")));
    assert_false(ucv_read_colour(rgb, span("(R=127,G=2,B=")));
    double height;
    assert_true(ucv_read_status(&height, span("Port: 9000\nHeigth: 480\nFOV: 90.0\n"), "Height", "Heigth"));
    assert_close(height, 480, 0);
    assert_true(ucv_read_status(&height, span("Port: 9000\r\nHeight: 240\r\n"), "Height", "Heigth"));
    assert_close(height, 240, 0);
    assert_false(ucv_read_status(&height, span("Port: 9000\nHeight: tall\n"), "Height", NULL));
    assert_true(ucv_lists_command(span("vget /a\nvset /action/tick [uint] [float]\n"), "vset /action/tick [uint]"));
    assert_false(ucv_lists_command(span("vget /a\nsee vset /action/tick\n"), "vset /action/tick"));
}

static void bones_are_read_with_keys_in_any_order(void **state) {
    (void)state;
    ucv_bones_read b;
    assert_true(ucv_read_bones(&b, span("[]")));
    assert_int_equal(b.count, 0);
    assert_true(ucv_read_bones(
        &b,
        span(" [ {\"KpWorld\" : {\"Z\":3.25,\"X\":-1e1,\"Y\":0.002,\"W\":[1,{\"a\":\"]\"}]}, \"Name\":\"head\\\"\"},\n"
             "{\"Name\":\"root\",\"Flag\":true,\"KpWorld\":{\"X\":123456.789,\"Y\":-0.5,\"Z\":7}}]\n")));
    assert_int_equal(b.count, 2);
    assert_close(b.at[0][0], -10, 0);
    assert_close(b.at[0][1], 0.002, 1e-9);
    assert_close(b.at[0][2], 3.25, 0);
    assert_close(b.at[1][0], 123456.789, 0.01);
    assert_true(vg_span_is(b.name[1], "root"));
    const char *const bad[] = {"",
                               "error Can not find object",
                               "[{}]",
                               "[{\"Name\":\"a\"}]",
                               "[{\"Name\":\"a\",\"KpWorld\":{\"X\":1,\"Y\":2}}]",
                               "[{\"Name\":\"a\",\"KpWorld\":{\"X\":1,\"Y\":2,\"Z\":\"3\"}}]",
                               "[{\"Name\":\"a\",\"KpWorld\":{\"X\":1,\"Y\":2,\"Z\":1e12}}]",
                               "[{\"Name\":\"a\",\"KpWorld\":{\"X\":1,\"Y\":2,\"Z\":3}}",
                               "[{\"Name\":\"a\",\"KpWorld\":{\"X\":1,\"Y\":2,\"Z\":3}}] more",
                               "[{\"Name\":\"a,\"KpWorld\":",
                               "[[[[[[[["};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (ucv_read_bones(&b, span(bad[i]))) fail_msg("read as bones: %s", bad[i]);
    char *many = malloc(100000); /* more bones than there is room for */
    size_t n = 1;
    many[0] = '[';
    for (int i = 0; i <= UCV_BONES_MAX; i++)
        n += (size_t)sprintf(many + n, "%s{\"KpWorld\":{\"X\":1,\"Y\":2,\"Z\":3}}", i ? "," : "");
    many[n++] = ']';
    assert_false(ucv_read_bones(&b, (vg_span){many, n}));
    free(many);
}

/* A reply of `count` bones in which `rig`'s joints form a body, and the others are strewn about. */
static void strew(ucv_bones_read *b, const ucv_rig *rig, int32_t count) {
    static const float height[14] = {142, 142, 112, 112, 88, 88, 92, 92, 49, 49, 8, 8, 160, 160};
    vg_rng rng = vg_test_rng(3);
    b->count = count;
    for (int32_t i = 0; i < count; i++) {
        b->name[i] = span("");
        for (int k = 0; k < 3; k++) b->at[i][k] = 100 * vg_rng_uniform(&rng);
    }
    for (int j = 0; rig && j < VG_JOINTS14; j++) {
        float *at = b->at[rig->joint[j]];
        at[0] = 10, at[1] = (j & 1 ? 15.0f : -15.0f), at[2] = height[j];
    }
}

static void the_four_rigs_are_told_apart(void **state) {
    (void)state;
    static const int32_t counts[UCV_RIGS] = {95, 95, 74, 75}; /* two have equally many */
    ucv_bones_read b;
    for (int32_t rig = 0; rig < UCV_RIGS; rig++) {
        strew(&b, &ucv_rigs[rig], counts[rig]);
        assert_int_equal(ucv_find_rig(&b), rig);
        float joints[VG_JOINTS14][3];
        assert_true(ucv_read_joints(joints, &b, rig));
        assert_close(joints[VG_R_ANKLE][1], -0.15, 1e-6); /* left-handed centimetres became right-handed metres */
        assert_close(joints[VG_R_ANKLE][2], 0.08, 1e-6);
    }
    strew(&b, NULL, 40);
    assert_int_equal(ucv_find_rig(&b), -1);
    float joints[VG_JOINTS14][3];
    assert_false(ucv_read_joints(joints, &b, -1));
    assert_false(ucv_read_joints(joints, &b, 0)); /* too few bones */
}

static void unreals_mannequin_is_known_by_its_bones_names(void **state) {
    (void)state;
    ucv_bones_read b;
    strew(&b, NULL, 68);
    for (int j = 0; j < VG_L_EYE; j++) { /* it has no eyes */
        b.name[10 + 3 * j] = span(ucv_joint_bones[j]);
        b.at[10 + 3 * j][2] = 5.0f * (float)j;
    }
    b.name[2] = span("Head");
    b.at[2][2] = 170;
    assert_int_equal(ucv_find_rig(&b), UCV_RIG_BY_NAME);
    float joints[VG_JOINTS14][3];
    assert_true(ucv_read_joints(joints, &b, UCV_RIG_BY_NAME));
    assert_close(joints[VG_L_EYE][2], 1.7, 1e-6);
    assert_close(joints[VG_R_WRIST][2], 0.25, 1e-6);
}

static void pictures_are_taken_from_the_tail(void **state) {
    (void)state;
    unsigned char bytes[400] = {0};
    ucv_picture p;
    for (size_t extra = 0; extra <= 4; extra += 4) {
        ucv_bmp_head(bytes, 5, 3);
        const size_t size = UCV_BMP_HEAD + extra + 60;
        memset(bytes + UCV_BMP_HEAD, 0x77, extra);
        for (unsigned i = 0; i < 60; i++) bytes[UCV_BMP_HEAD + extra + i] = (unsigned char)i;
        assert_true(ucv_read_bmp(&p, (vg_span){(char *)bytes, size}));
        assert_int_equal(p.width, 5);
        assert_int_equal(p.height, 3);
        assert_int_equal(ucv_picture_row(&p, 2)[0], 40);
        assert_false(ucv_read_bmp(&p, (vg_span){(char *)bytes, UCV_BMP_HEAD + 59}));
    }
    memcpy(bytes + 22, "\x03\x00\x00\x00", 4); /* the lowest row first */
    assert_true(ucv_read_bmp(&p, (vg_span){(char *)bytes, UCV_BMP_HEAD + 4 + 60}));
    assert_int_equal(ucv_picture_row(&p, 2)[0], 0);
    bytes[28] = 24;
    assert_false(ucv_read_bmp(&p, (vg_span){(char *)bytes, UCV_BMP_HEAD + 64}));
    bytes[28] = 32;
    memcpy(bytes + 18, "\xff\xff\xff\x7f", 4);
    assert_false(ucv_read_bmp(&p, (vg_span){(char *)bytes, UCV_BMP_HEAD + 64}));
}

static void depth_headers_of_any_length_are_understood(void **state) {
    (void)state;
    char bytes[512];
    const char *const shapes[] = {"(3, 5)", "(3, 5, 1)", "(3,5)"};
    for (size_t shape = 0; shape < 3; shape++)
        for (size_t pad = 0; pad < 70; pad += 13) {
            char text[256];
            const int n = snprintf(text, sizeof text, "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }%*s\n",
                                   shapes[shape], (int)pad, "");
            memcpy(bytes, "\x93NUMPY\x01\x00", 8);
            bytes[8] = (char)n, bytes[9] = 0;
            memcpy(bytes + 10, text, (size_t)n);
            const size_t size = 10 + (size_t)n + 60;
            ucv_picture p;
            assert_true(ucv_read_npy(&p, (vg_span){bytes, size}));
            assert_int_equal(p.width, 5);
            assert_int_equal(p.height, 3);
            assert_ptr_equal(p.pixels, bytes + size - 60);
            assert_false(ucv_read_npy(&p, (vg_span){bytes, size - 1}));
        }
    ucv_picture p;
    const char *const bad[] = {"'<f8', 'fortran_order': False, 'shape': (1, 1)",
                               "'<f4', 'fortran_order': True, 'shape': (1, 1)",
                               "'<f4', 'fortran_order': False, 'shape': (1, 1, 3)",
                               "'<f4', 'fortran_order': False, 'shape': (1", "'<f4', 'fortran_order': False"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const int n = snprintf(bytes + 10, 400, "{'descr': %s", bad[i]);
        memcpy(bytes, "\x93NUMPY\x01\x00", 8);
        bytes[8] = (char)n, bytes[9] = 0;
        assert_false(ucv_read_npy(&p, (vg_span){bytes, sizeof bytes}));
    }
    unsigned char ours[144 + 60] = {0};
    const size_t head = ucv_npy_head(ours, 5, 3);
    assert_true(ucv_read_npy(&p, (vg_span){(char *)ours, head + 60}));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_may_be_followed_by_blanks_and_nothing_else),
        cmocka_unit_test(colours_and_status_are_found),
        cmocka_unit_test(bones_are_read_with_keys_in_any_order),
        cmocka_unit_test(the_four_rigs_are_told_apart),
        cmocka_unit_test(unreals_mannequin_is_known_by_its_bones_names),
        cmocka_unit_test(pictures_are_taken_from_the_tail),
        cmocka_unit_test(depth_headers_of_any_length_are_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
