/* Pictures and video in: files made on the fly whose pictures carry their numbers, and real recordings. */
#include "calibration/video.h"
#include "common/text.h"
#include "tests/support/rtsp.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static vg_error err;
static uint8_t pixels[VG_TEST_VIDEO_HEIGHT * VG_TEST_VIDEO_WIDTH * 3];

static const char *path_of(const char *name) {
    static char path[4300];
    snprintf(path, sizeof path, "%s/%s", vg_test_folder(), name);
    return path;
}

static const char *make(const char *name, vg_test_video video) {
    const char *path = path_of(name);
    vg_test_video_write(path, &video);
    return path;
}

static int read_number(vg_video *video, vg_picture *picture) {
    const vg_video_info *info = vg_video_about(video);
    const size_t stride = (size_t)(info->width * info->channels);
    bool got;
    assert_ok(vg_video_read(video, pixels, stride, picture, &got, &err));
    return got ? vg_test_number(pixels, stride, info->channels) : -1;
}

static void pictures_come_in_order_with_their_times(void **state) {
    (void)state;
    vg_video *video;
    assert_ok(vg_video_open(&video, make("a.mp4", (vg_test_video){.pictures = 75, .rate = 50}), NULL, &err));
    const vg_video_info *info = vg_video_about(video);
    assert_int_equal(info->width, VG_TEST_VIDEO_WIDTH);
    assert_int_equal(info->height, VG_TEST_VIDEO_HEIGHT);
    assert_int_equal(info->pictures, 75);
    assert_close(info->rate, 50, 1e-9);
    assert_false(info->live);
    assert_string_equal(info->codec, "mpeg4");
    vg_picture picture;
    for (int i = 0; i < 75; i++) {
        assert_int_equal(read_number(video, &picture), i);
        assert_int_equal(picture.index, i);
        assert_close((double)picture.time_ns, i * 2e7, 100e3);
    }
    assert_int_equal(read_number(video, &picture), -1);
    assert_int_equal(read_number(video, &picture), -1);
    vg_video_close(video);
}

static void uneven_times_are_kept(void **state) {
    (void)state;
    vg_video *video;
    assert_ok(
        vg_video_open(&video, make("u.mp4", (vg_test_video){.pictures = 20, .rate = 25, .uneven = true}), NULL, &err));
    vg_picture picture;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(read_number(video, &picture), i);
        assert_close((double)picture.time_ns, i * 4e7 + (i % 3 == 1 ? 2e7 : 0), 1e6);
    }
    vg_video_close(video);
}

static void seeking_is_exact(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(1);
    for (int uneven = 0; uneven < 2; uneven++) {
        vg_video *video;
        const char *path = make("s.mp4", (vg_test_video){.pictures = 200, .rate = 30, .uneven = uneven});
        assert_ok(vg_video_open(&video, path, NULL, &err));
        vg_picture picture;
        for (int i = 0; i < 60; i++) {
            const int to = i == 0 ? 0 : i == 1 ? 199 : (int)vg_rng_below(&rng, 200);
            assert_ok(vg_video_seek(video, to, &err));
            assert_int_equal(read_number(video, &picture), to);
            assert_int_equal(picture.index, to);
            if (to < 199) assert_int_equal(read_number(video, &picture), to + 1);
        }
        assert_error(vg_video_seek(video, 200, &err), VG_NOT_FOUND, "picture 200; it has 200");
        assert_ok(vg_video_seek(video, 7, &err));
        assert_int_equal(read_number(video, &picture), 7);
        vg_video_close(video);
    }
}

static void turned_cameras_give_upright_pictures(void **state) {
    (void)state;
    enum { W = VG_TEST_VIDEO_WIDTH, H = VG_TEST_VIDEO_HEIGHT };
    static uint8_t straight[W * H * 3], turned[W * H * 3];
    for (int quarter = 1; quarter < 4; quarter++) {
        const char *path = make("t.mp4", (vg_test_video){.pictures = 3, .rate = 25, .quarter = quarter});
        vg_video *upright, *stored;
        vg_video_options options = vg_video_options_default();
        assert_ok(vg_video_open(&upright, path, &options, &err));
        options.as_stored = true;
        assert_ok(vg_video_open(&stored, path, &options, &err));
        const int w = quarter & 1 ? H : W, h = quarter & 1 ? W : H;
        assert_int_equal(vg_video_about(upright)->width, w);
        assert_int_equal(vg_video_about(upright)->height, h);
        assert_int_equal(vg_video_about(stored)->width, W);
        vg_picture picture;
        bool got;
        assert_ok(vg_video_read(stored, straight, W * 3, &picture, &got, &err));
        assert_ok(vg_video_read(upright, turned, (size_t)w * 3, &picture, &got, &err));
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++) { /* where the stored pixel goes by a clockwise turn */
                const int X = quarter == 1 ? H - 1 - y : quarter == 2 ? W - 1 - x : y;
                const int Y = quarter == 1 ? x : quarter == 2 ? H - 1 - y : W - 1 - x;
                assert_memory_equal(&straight[(y * W + x) * 3], &turned[(Y * w + X) * 3], 3);
            }
        vg_video_close(upright);
        vg_video_close(stored);
    }
}

static void gray_is_the_luma_of_colour(void **state) {
    (void)state;
    const char *path = make("g.mp4", (vg_test_video){.pictures = 3, .rate = 25});
    static uint8_t gray[VG_TEST_VIDEO_HEIGHT * VG_TEST_VIDEO_WIDTH];
    vg_video_options options = vg_video_options_default();
    vg_video *video;
    vg_picture picture;
    bool got;
    assert_ok(vg_video_open(&video, path, &options, &err));
    assert_int_equal(read_number(video, &picture), 0);
    vg_video_close(video);
    options.pixels = VG_PIXELS_GRAY;
    assert_ok(vg_video_open(&video, path, &options, &err));
    assert_int_equal(vg_video_about(video)->channels, 1);
    assert_ok(vg_video_read(video, gray, VG_TEST_VIDEO_WIDTH, &picture, &got, &err));
    vg_video_close(video);
    for (size_t i = 0; i < sizeof gray; i++) {
        const double luma = 0.114 * pixels[3 * i] + 0.587 * pixels[3 * i + 1] + 0.299 * pixels[3 * i + 2];
        assert_close(gray[i], luma, 3);
    }
}

/* A portable gray map with a number drawn in it. */
static void write_picture(const char *name, int number, int width) {
    FILE *file = fopen(path_of(name), "wb");
    assert_non_null(file);
    fprintf(file, "P5\n%d 48\n255\n", width);
    for (int y = 0; y < 48; y++)
        for (int x = 0; x < width; x++) fputc(x < 160 && number >> (x / 16) & 1 ? 220 : 30, file);
    fclose(file);
}

static void sequences_go_by_number(void **state) {
    (void)state;
    mkdir(path_of("seq"), 0777);
    static const int numbers[] = {1, 2, 10, 11, 100};
    for (int i = 4; i >= 0; i--) {
        char name[64];
        snprintf(name, sizeof name, "seq/shot%d.pgm", numbers[i]);
        write_picture(name, numbers[i], 160);
    }
    write_picture("seq/shot_last.pgm", 777, 160);
    FILE *notes = fopen(path_of("seq/notes.txt"), "w");
    fclose(notes);
    static const struct {
        const char *pattern;
        int count;
    } cases[] = {
        {"seq", 6}, {"seq/shot%d.pgm", 5}, {"seq/shot*.pgm", 6}, {"seq/shot1?.pgm", 2}, {"seq/shot%03d.pgm", 5}};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        vg_video *video;
        vg_picture picture;
        vg_video_options options = vg_video_options_default();
        options.rate = 10;
        assert_ok(vg_video_open(&video, path_of(cases[c].pattern), &options, &err));
        assert_int_equal(vg_video_about(video)->pictures, cases[c].count);
        for (int i = 0; i < cases[c].count; i++) {
            const int number = read_number(video, &picture);
            if (cases[c].count >= 5) assert_int_equal(number, i < 5 ? numbers[i] : 777);
            assert_int_equal(picture.time_ns, i * 100000000LL);
        }
        assert_int_equal(read_number(video, &picture), -1);
        assert_ok(vg_video_seek(video, 1, &err));
        assert_int_equal(read_number(video, &picture), cases[c].count == 2 ? 11 : 2);
        vg_video_close(video);
    }
    write_picture("seq/shot3.pgm", 3, 200); /* of another size */
    vg_video *video;
    vg_picture picture;
    bool got;
    assert_ok(vg_video_open(&video, path_of("seq"), NULL, &err));
    assert_int_equal(read_number(video, &picture), 1);
    assert_int_equal(read_number(video, &picture), 2);
    assert_error(vg_video_read(video, pixels, 480, &picture, &got, &err), VG_INVALID,
                 "shot3.pgm: picture 2 is 200 x 48 px");
    vg_video_close(video);
}

static void what_is_not_there_is_named(void **state) {
    (void)state;
    vg_video *video;
    assert_error(vg_video_open(&video, "/nowhere/x.mp4", NULL, &err), VG_NOT_FOUND, "/nowhere/x.mp4");
    assert_error(vg_video_open(&video, "/nowhere/*.png", NULL, &err), VG_NOT_FOUND, "/nowhere/*.png: no picture");
    assert_error(vg_video_open(&video, "/dev/video97", NULL, &err), VG_NOT_FOUND, "/dev/video97");
    assert_error(vg_video_open(&video, "rtsp://127.0.0.1:1/x", NULL, &err), VG_UNREACHABLE, "rtsp://127.0.0.1:1/x");
    assert_error(vg_video_open(&video, "nonsense://x", NULL, &err), VG_UNSUPPORTED, "nonsense://x");
    assert_null(video);
}

/* Reads to the end or to the first error; returns what ended it. */
static vg_status drain(const char *path, int *pictures) {
    vg_video *video;
    vg_picture picture;
    bool got = true;
    *pictures = 0;
    vg_status status = vg_video_open(&video, path, NULL, &err);
    if (status != VG_OK) return status;
    const vg_video_info info = *vg_video_about(video);
    uint8_t *room = malloc((size_t)(info.width * info.channels) * (size_t)info.height);
    while (status == VG_OK && got) {
        status = vg_video_read(video, room, (size_t)(info.width * info.channels), &picture, &got, &err);
        *pictures += got;
    }
    free(room);
    vg_video_close(video);
    return status;
}

static void write_file(const char *path, const char *data, size_t size) {
    FILE *file = fopen(path, "wb");
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
}

static void cut_and_damaged_files_are_errors(void **state) {
    (void)state;
    char *data;
    size_t size;
    char source[4300], broken[4300];
    for (int faststart = 0; faststart < 2; faststart++) {
        snprintf(source, sizeof source, "%s",
                 make("whole.mp4", (vg_test_video){.pictures = 60, .rate = 30, .faststart = faststart}));
        snprintf(broken, sizeof broken, "%s", path_of("broken.mp4"));
        assert_ok(vg_file_load(&data, &size, source, &err));
        int pictures;
        for (size_t part = 0; part < 10; part++) {
            write_file(broken, data, size * part / 10);
            const vg_status status = drain(broken, &pictures);
            assert_int_equal(status, VG_CORRUPT);
            assert_non_null(strstr(err.message, "broken.mp4"));
            if (faststart && part >= 6) assert_true(pictures > 0);
        }
        /* bytes turned over anywhere: pictures or an error, never a crash */
        vg_rng rng = vg_test_rng(2);
        for (int i = 0; i < 150; i++) {
            char *copy = malloc(size);
            memcpy(copy, data, size);
            for (int k = 0; k < 1 + i % 20; k++)
                copy[vg_rng_below(&rng, (uint32_t)size)] ^= (char)vg_rng_below(&rng, 256);
            write_file(broken, copy, size);
            const vg_status status = drain(broken, &pictures);
            if (status != VG_OK) assert_non_null(strstr(err.message, "broken.mp4"));
            free(copy);
        }
        free(data);
    }
    write_file(broken, "not a video at all, but text\n", 29);
    int pictures;
    assert_int_equal(drain(broken, &pictures), VG_CORRUPT);
    write_file(broken, "", 0);
    assert_int_equal(drain(broken, &pictures), VG_CORRUPT);
}

static void an_interrupted_reader_stops(void **state) {
    (void)state;
    vg_video *video;
    vg_picture picture;
    bool got;
    assert_ok(vg_video_open(&video, make("i.mp4", (vg_test_video){.pictures = 5, .rate = 25}), NULL, &err));
    vg_video_interrupt(video);
    assert_error(vg_video_read(video, NULL, 0, &picture, &got, &err), VG_INTERRUPTED, "i.mp4");
    vg_video_close(video);
}

/* A network camera that hangs up after 40 pictures and takes calls again; then it is gone for good. */
static void a_network_camera_that_hangs_up_is_called_again(void **state) {
    (void)state;
    vg_test_camera camera = {.rate = 50, .pictures = 40};
    vg_test_camera_start(&camera);
    char url[64];
    snprintf(url, sizeof url, "rtsp://127.0.0.1:%d/live", camera.port);
    vg_video_options options = vg_video_options_default();
    options.open_seconds = 20, options.read_seconds = 20;
    vg_video *video;
    assert_ok(vg_video_open(&video, url, &options, &err));
    assert_true(vg_video_about(video)->live);
    assert_int_equal(vg_video_about(video)->width, VG_TEST_VIDEO_WIDTH);
    int returns = 0, last = -1, lost = 0;
    int64_t last_ns = 0;
    for (int i = 0; i < 100; i++) {
        vg_picture picture;
        const int number = read_number(video, &picture);
        assert_int_equal(picture.index, i);
        assert_in_range(number, 0, 39);
        if (picture.reopened) {
            returns++;
        } else if (i > 0) {
            assert_true(number > last && picture.time_ns > last_ns);
            lost += number - last - 1;
            assert_close((double)(picture.time_ns - last_ns) * 1e-9, (number - last) / 50.0, 0.001);
        }
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        const double age = (double)now.tv_sec - (double)picture.received_ns * 1e-9;
        assert_true(age > -2 && age < 2);
        last = number, last_ns = picture.time_ns;
    }
    assert_in_range(returns, 1, 4);
    assert_true(lost < 30);
    vg_test_camera_stop(&camera);
    vg_video_close(video);
    /* nobody answers: an error after the deadline, and the next read tries again */
    vg_test_camera_start(&camera);
    snprintf(url, sizeof url, "rtsp://127.0.0.1:%d/live", camera.port);
    options.read_seconds = 1;
    assert_ok(vg_video_open(&video, url, &options, &err));
    vg_test_camera_stop(&camera);
    vg_picture picture;
    bool got = true;
    vg_status status = VG_OK;
    for (int i = 0; i < 60 && status == VG_OK; i++) status = vg_video_read(video, NULL, 0, &picture, &got, &err);
    assert_int_equal(status, VG_TIMEOUT);
    assert_non_null(strstr(err.message, "did not come back within 1 s"));
    assert_error(vg_video_read(video, NULL, 0, &picture, &got, &err), VG_TIMEOUT, "127.0.0.1");
    vg_video_close(video);
}

static void real_recordings_are_read(void **state) {
    (void)state;
    const char *folder = vg_test_shared("pose2sim/single/videos");
    if (!folder) skip();
    static const int widths[] = {1080, 1080, 1088, 1088};
    for (int c = 0; c < 4; c++) { /* H.264 and VP9 with sound */
        char path[4300];
        snprintf(path, sizeof path, "%s/cam%02d.mp4", folder, c + 1);
        vg_video *video;
        assert_ok(vg_video_open(&video, path, NULL, &err));
        const vg_video_info *info = vg_video_about(video);
        assert_int_equal(info->width, widths[c]);
        assert_int_equal(info->height, 1920);
        assert_int_equal(info->pictures, 100);
        assert_close(info->rate, 60, 1e-9);
        vg_picture picture;
        bool got;
        /* nothing is written behind the rows, whatever their width */
        const size_t row = (size_t)info->width * 3, all = row * (size_t)info->height;
        uint8_t *room = malloc(all + 64);
        memset(room, 0xa5, all + 64);
        assert_ok(vg_video_read(video, room, row, &picture, &got, &err));
        for (size_t i = 0; i < 64; i++) assert_int_equal(room[all + i], 0xa5);
        free(room);
        int count = 1;
        while (vg_video_read(video, NULL, 0, &picture, &got, &err) == VG_OK && got) {
            assert_close((double)picture.time_ns, (double)picture.index / 60.0 * 1e9, 1e6);
            count++;
        }
        assert_int_equal(count, 100);
        vg_video_close(video);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_come_in_order_with_their_times),
        cmocka_unit_test(uneven_times_are_kept),
        cmocka_unit_test(seeking_is_exact),
        cmocka_unit_test(turned_cameras_give_upright_pictures),
        cmocka_unit_test(gray_is_the_luma_of_colour),
        cmocka_unit_test(sequences_go_by_number),
        cmocka_unit_test(what_is_not_there_is_named),
        cmocka_unit_test(cut_and_damaged_files_are_errors),
        cmocka_unit_test(an_interrupted_reader_stops),
        cmocka_unit_test(a_network_camera_that_hangs_up_is_called_again),
        cmocka_unit_test(real_recordings_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
