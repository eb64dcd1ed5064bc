/* The UnrealCV wire: frames, request ids, command templates, numbers, image files. */
#include "sim_bridge/unrealcv/image.h"
#include "sim_bridge/unrealcv/wire.h"
#include "tests/support/support.h"

#include <math.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

static vg_span span_of(const char *text) {
    return (vg_span){text, strlen(text)};
}

static void frames_are_found_whatever_part_has_arrived(void **state) {
    (void)state;
    const char frame[] = "\xc1\x83\x2b\x9e\x05\0\0\0hello and more";
    vg_span payload = {0};
    for (size_t n = 0; n < 13; n++) assert_int_equal(ucv_frame_scan(&payload, frame, n, 100), UCV_SCAN_MORE);
    for (size_t n = 13; n < sizeof frame; n++) {
        assert_int_equal(ucv_frame_scan(&payload, frame, n, 100), UCV_SCAN_FRAME);
        assert_true(vg_span_is(payload, "hello"));
    }
    assert_int_equal(ucv_frame_scan(&payload, frame, 8, 4), UCV_SCAN_SIZE);
    unsigned char head[UCV_HEAD];
    ucv_frame_head(head, 5);
    assert_memory_equal(head, frame, 8);
}

static void wrong_magic_and_impossible_sizes_are_noticed_at_once(void **state) {
    (void)state;
    vg_span payload;
    assert_int_equal(ucv_frame_scan(&payload, "G", 1, 100), UCV_SCAN_MAGIC);
    assert_int_equal(ucv_frame_scan(&payload, "\xc1\x83\x2a", 3, 100), UCV_SCAN_MAGIC);
    assert_int_equal(ucv_frame_scan(&payload, "\xc1\x83\x2b\x9e\0\0\0\0", 8, 100), UCV_SCAN_SIZE);
    assert_int_equal(ucv_frame_scan(&payload, "\xc1\x83\x2b\x9e\xff\xff\xff\xff", 8, UCV_PAYLOAD_MAX), UCV_SCAN_SIZE);
}

static void requests_are_split_as_a_game_splits_them(void **state) {
    (void)state;
    static const struct {
        const char *payload, *id, *command; /* id NULL: dropped */
    } cases[] = {
        {"0:vget /unrealcv/status", "0", "vget /unrealcv/status"},
        {"123456789:x", "123456789", "x"},
        {"  7:vget /objects", "7", "vget /objects"},
        {"abc 12:vget /a:b", "12", "vget /a:b"},
        {"3:first line\nsecond", "3", "first line"},
        {"5:", "5", ""},
        {"vget /objects", NULL, NULL},
        {":vget /objects", NULL, NULL},
        {"12", NULL, NULL},
        {"", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vg_span id, command;
        const bool found = ucv_request_split(&id, &command, span_of(cases[i].payload));
        assert_int_equal(found, cases[i].id != NULL);
        if (!found) continue;
        assert_true(vg_span_is(id, cases[i].id));
        assert_true(vg_span_is(command, cases[i].command));
    }
}

static void templates_match_what_the_plug_in_matches(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *text;
        int count; /* -1: no match */
        const char *first;
    } cases[] = {
        {"vget /camera/[cam]/lit [str]", "vget /camera/0/lit png", 2, "0"},
        {"vget /camera/[cam]/lit [str]", "vget /camera/Cam_1/lit a/b.png  ", 2, "Cam_1"},
        {"vget /camera/[cam]/lit [str]", "vget /camera//lit png", -1, NULL},
        {"vget /camera/[cam]/lit [str]", "vget /camera/0/lit", -1, NULL},
        {"vget /camera/[cam]/lit [str]", "vget /camera/0/lit a b", -1, NULL},
        {"vset /action/tick [uint] [float]", "vset /action/tick 3 .5", 2, "3"},
        {"vset /action/tick [uint] [float]", "vset /action/tick -3 .5", -1, NULL},
        {"vset /x [float]", "vset /x -1.5e-05", 1, "-1.5e-05"},
        {"vset /x [float]", "vset /x +7.", 1, "+7."},
        {"vset /x [float]", "vset /x .", -1, NULL},
        {"vset /x [float]", "vset /x 1e", -1, NULL},
        {"vset /x [float]", "vset /x nan", -1, NULL},
        {"vget /object/[str]/color", "vget /object/a/b/color", 1, "a/b"},
        {"vget /objects", "vget /objects   ", 0, NULL},
        {"vget /objects", "vget /objectss", -1, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vg_span args[UCV_ARGS];
        int count;
        const bool matches = ucv_match(cases[i].pattern, span_of(cases[i].text), args, &count);
        if (matches != (cases[i].count >= 0)) fail_msg("`%s` on `%s`: %d", cases[i].pattern, cases[i].text, matches);
        if (!matches) continue;
        assert_int_equal(count, cases[i].count);
        if (cases[i].first) assert_true(vg_span_is(args[0], cases[i].first));
    }
}

static void numbers_read_as_printf_writes_them(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(5);
    ucv_buffer b = {.cap = 1 << 16};
    for (int i = 0; i < 20000; i++) {
        const double v = (double)vg_rng_range(&rng, -1, 1) * pow(10, (double)vg_rng_range(&rng, -6, 12));
        const int digits = (int)vg_rng_below(&rng, 7);
        char expected[64];
        snprintf(expected, sizeof expected, "%.*f", digits, v);
        b.size = 0;
        ucv_put_number(&b, v, digits);
        ucv_put(&b, "", 1);
        /* where the decimal lies between two, either neighbour is right */
        assert_close(atof((const char *)b.data), v, 0.5000001 * pow(10, -digits) + 1e-9 * fabs(v));
        assert_int_equal(strlen((const char *)b.data), strlen(expected) - (strtod(expected, NULL) == 0 && v < 0));
    }
    const double odd[3] = {-0.0004, 1e300, -1e9};
    b.size = 0;
    ucv_put_triple(&b, odd);
    assert_memory_equal(b.data, "0.000 1", 7);
    ucv_buffer_free(&b);
}

static void a_reply_beyond_the_cap_is_noticed(void **state) {
    (void)state;
    ucv_buffer b = {.cap = 64};
    const vg_span id = span_of("12");
    const size_t begun = ucv_reply_begin(&b, &id);
    for (int i = 0; i < 40; i++) ucv_print(&b, "%d ", i);
    assert_true(b.full);
    ucv_reply_end(&b, begun);
    assert_true(b.size <= 64);
    ucv_buffer_free(&b);
}

static void image_files_are_what_readers_expect(void **state) {
    (void)state;
    vg_error err = {0};
    unsigned char bmp[UCV_BMP_HEAD], npy[144];
    ucv_bmp_head(bmp, 640, 480);
    assert_memory_equal(bmp, "BM", 2);
    int32_t width, height, offset;
    uint32_t size;
    memcpy(&size, bmp + 2, 4), memcpy(&offset, bmp + 10, 4), memcpy(&width, bmp + 18, 4), memcpy(&height, bmp + 22, 4);
    assert_int_equal(size, 54 + 4 * 640 * 480);
    assert_int_equal(offset, 54);
    assert_int_equal(width, 640);
    assert_int_equal(height, -480);
    for (int32_t w = 1; w < 20000; w = w * 3 + 1) { /* header lengths of all kinds */
        const size_t n = ucv_npy_head(npy, w, w / 2 + 1);
        assert_int_equal(n % 16, 0);
        assert_memory_equal(npy, "\x93NUMPY\x01\x00", 8);
        assert_int_equal(npy[8] + 256 * npy[9] + 10, n);
        assert_int_equal(npy[n - 1], '\n');
    }
    unsigned char pixels[5 * 3 * 4], back[sizeof pixels];
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = i % 4 == 3 ? 255 : (unsigned char)(17 * i);
    ucv_buffer b = {.cap = 1 << 20};
    assert_ok(ucv_png(&b, pixels, 5, 3, &err));
    png_image image = {.version = PNG_IMAGE_VERSION};
    assert_true(png_image_begin_read_from_memory(&image, b.data, b.size));
    assert_int_equal(image.format & (PNG_FORMAT_FLAG_ALPHA | PNG_FORMAT_FLAG_COLOR),
                     PNG_FORMAT_FLAG_ALPHA | PNG_FORMAT_FLAG_COLOR);
    image.format = PNG_FORMAT_BGRA;
    assert_true(png_image_finish_read(&image, NULL, back, 0, NULL));
    assert_memory_equal(back, pixels, sizeof pixels);
    ucv_buffer_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_found_whatever_part_has_arrived),
        cmocka_unit_test(wrong_magic_and_impossible_sizes_are_noticed_at_once),
        cmocka_unit_test(requests_are_split_as_a_game_splits_them),
        cmocka_unit_test(templates_match_what_the_plug_in_matches),
        cmocka_unit_test(numbers_read_as_printf_writes_them),
        cmocka_unit_test(a_reply_beyond_the_cap_is_noticed),
        cmocka_unit_test(image_files_are_what_readers_expect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
