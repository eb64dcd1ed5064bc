/* vergence detect, as a user runs it. */
#include "perception/keypoints.h"
#include "proto/proto.h"
#include "tests/support/detector.h"
#include "tests/support/process.h"
#include "tests/support/video.h"

#include <signal.h>
#include <zmq.h>

static vg_test_output got;

static void run(const char *format, ...) {
    char words[8192];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    vg_test_run(&got, "vergence", words);
}

static void wrong_use_is_told(void **state) {
    (void)state;
    run("detect");
    assert_int_equal(got.code, 2);
    assert_non_null(strstr(got.err, "--video"));
    run("detect --video x.mp4 --out y --model huge");
    assert_int_equal(got.code, 2);
    assert_non_null(strstr(got.err, "model `huge` is unknown; use lite, full"));
}

static void without_models_it_says_how_to_get_them(void **state) {
    (void)state;
    const char *folder = getenv("VERGENCE_DETECTOR");
    char *kept = folder ? strdup(folder) : NULL;
    setenv("VERGENCE_DETECTOR", vg_test_folder(), 1);
    run("detect --video x.mp4 --out %s/none", vg_test_folder());
    assert_int_equal(got.code, 5);
    assert_non_null(strstr(got.err, "make detector"));
    if (kept)
        setenv("VERGENCE_DETECTOR", kept, 1);
    else
        unsetenv("VERGENCE_DETECTOR");
    free(kept);
}

static void errors_of_videos_name_them(void **state) {
    (void)state;
    if (!vg_test_has_detector()) skip();
    run("detect --video /nowhere/a.mp4 --out %s/e", vg_test_folder());
    assert_int_equal(got.code, 5);
    assert_non_null(strstr(got.err, "/nowhere/a.mp4"));
    run("detect --video /a/x.mp4 --video /b/x.mp4 --out %s/f", vg_test_folder());
    assert_int_equal(got.code, 2);
    assert_non_null(strstr(got.err, "would both be camera `x`"));
}

static void a_video_without_people_gives_empty_frames(void **state) {
    (void)state;
    if (!vg_test_has_detector()) skip();
    char path[4300];
    snprintf(path, sizeof path, "%s/empty.mp4", vg_test_folder());
    vg_test_video_write(path, &(vg_test_video){.pictures = 7, .rate = 25});
    run("detect --video %s --out %s/g --every 3", path, vg_test_folder());
    assert_int_equal(got.code, 0);
    snprintf(path, sizeof path, "%s/g/empty/empty_000000000002_keypoints.json", vg_test_folder());
    char text[4096];
    vg_test_read_back(path, text, sizeof text);
    assert_non_null(strstr(text, "\"people\":[]"));
    snprintf(path, sizeof path, "%s/g/empty/empty_000000000003_keypoints.json", vg_test_folder());
    assert_int_not_equal(access(path, F_OK), 0); /* pictures 0, 3 and 6 */
}

static void real_videos_become_folders_that_are_read_back(void **state) {
    (void)state;
    const char *videos = vg_test_shared("pose2sim/single/videos");
    if (!videos || !vg_test_has_detector()) skip();
    char out[4200];
    snprintf(out, sizeof out, "%s/real", vg_test_folder());
    run("detect --model lite --video %s/cam01.mp4 --video %s/cam03.mp4 --out %s --limit 4 --json", videos, videos, out);
    if (got.code != 0) fail_msg("%s", got.err);
    assert_non_null(strstr(got.out, "\"frames\": 8"));
    vg_keypoints k;
    vg_error err = {0};
    assert_ok(vg_keypoints_read(out, NULL, &k, &err));
    assert_int_equal(k.cameras, 2);
    assert_int_equal(k.frames, 4);
    assert_string_equal(k.set.name, "blazepose33");
    assert_string_equal(k.names[0], "cam01");
    for (int f = 0; f < 4; f++)
        for (int c = 0; c < 2; c++) {
            assert_int_equal(vg_keypoints_count(&k, f, c), 1);
            const vg_keypoint *nose = vg_keypoints_at(&k, f, c, 0);
            assert_true(nose->confidence > 0.9f && nose->v > 300 && nose->v < 700);
        }
    vg_keypoints_free(&k);
    run("detect --video %s/cam01.mp4 --out %s", videos, out); /* nothing is overwritten */
    assert_int_equal(got.code, 4);
    assert_non_null(strstr(got.err, "--resume"));
    run("detect --video %s/cam01.mp4 --video %s/cam02.mp4 --out %s --limit 2 --resume", videos, videos, out);
    assert_int_equal(got.code, 0);
    assert_non_null(strstr(got.out, "cam01  was complete"));
    assert_non_null(strstr(got.out, "cam02  2 pictures"));
}

/* Two files, played at their rate, seen by a listener; SIGTERM ends it well. */
static void keypoints_are_published_as_they_are_found(void **state) {
    (void)state;
    if (!vg_test_has_detector()) skip();
    char path[4300], endpoint[4300], words[9000];
    vg_error err = {0};
    snprintf(path, sizeof path, "%s/played.mp4", vg_test_folder());
    vg_test_video_write(path, &(vg_test_video){.pictures = 900, .rate = 15});
    snprintf(endpoint, sizeof endpoint, "ipc://%s/kp", vg_test_folder());
    snprintf(words, sizeof words, "detect --video %s --publish %s", path, endpoint);
    const pid_t child = vg_test_start("vergence", words);
    void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_SUB);
    const int wait_ms = 20000, linger = 0;
    zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0);
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &wait_ms, sizeof wait_ms);
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    assert_int_equal(zmq_connect(socket, endpoint), 0);
    vg_codec *codec;
    assert_ok(vg_codec_create(&codec, 1 << 20, &err));
    int64_t last_ns = 0;
    for (int i = 0; i < 4; i++) {
        char bytes[65536];
        int more = 1, size = 0;
        for (size_t room = sizeof more; more; zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &room)) /* the last part */
            size = zmq_recv(socket, bytes, sizeof bytes, 0);
        assert_in_range(size, 1, sizeof bytes);
        vg_message_kind kind;
        uint64_t sequence;
        vg_wire_keypoints k;
        assert_ok(vg_decode(codec, bytes, (size_t)size, &kind, &sequence, &err));
        assert_int_equal(kind, VG_MESSAGE_KEYPOINTS);
        assert_ok(vg_decoded_keypoints(codec, &k, &err));
        assert_string_equal(k.camera, "played");
        assert_string_equal(k.joint_set, "blazepose33");
        assert_int_equal(k.width, VG_TEST_VIDEO_WIDTH);
        assert_int_equal(k.people, 0);
        assert_true(k.clock[0] != '\0' && k.time_ns > last_ns);
        last_ns = k.time_ns;
    }
    kill(child, SIGTERM);
    assert_int_equal(vg_test_wait_code(child), 0);
    vg_codec_destroy(codec);
    zmq_close(socket);
    zmq_ctx_term(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_use_is_told),
        cmocka_unit_test(without_models_it_says_how_to_get_them),
        cmocka_unit_test(errors_of_videos_name_them),
        cmocka_unit_test(a_video_without_people_gives_empty_frames),
        cmocka_unit_test(keypoints_are_published_as_they_are_found),
        cmocka_unit_test(real_videos_become_folders_that_are_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
