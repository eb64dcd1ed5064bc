/* Motion capture with the real programs: a simulated rig publishes, a daemon captures, others listen; its recording survives
 * a kill, becomes motion files, and plays back to the same skeletons. */
#include "tests/support/process.h"

#include "daemon/daemon.h"
#include "perception/motion.h"
#include "proto/mcap.h"
#include "proto/proto.h"

#include <zmq.h>

static vg_test_output got;

static const char *in_folder(const char *name) {
    static char paths[8][4300]; /* valid for eight calls */
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", vg_test_folder(), name);
    return path;
}

static void run(int code, const char *format, const char *argument) {
    char words[9000];
    snprintf(words, sizeof words, format, argument);
    vg_test_run(&got, "vergence", words);
    if (got.code != code) fail_msg("vergence %s: exit %d, expected %d: %s%s", words, got.code, code, got.out, got.err);
}

/* NAME.yaml for a session called NAME with these lines in `world` and `mocap`. */
static const char *write_config(const char *name, const char *world, const char *mocap) {
    static char path[4300];
    snprintf(path, sizeof path, "%s.yaml", in_folder(name));
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fprintf(out, "session:\n  name: %s\n  kind: mocap\n  folder: %s\nworld:\n%s", name, in_folder(name), world);
    if (mocap[0]) fprintf(out, "mocap:\n%s", mocap);
    fclose(out);
    return path;
}

/* The simulated rig at 50 Hz; returns when its calibration is there. */
static pid_t start_rig(const char *socket_name) {
    char words[9000];
    snprintf(words, sizeof words, "sim --keypoints ipc://%s --calibration %s --cameras 4 --people 3 --rate 50 --seed 2",
             in_folder(socket_name), in_folder("rig.toml"));
    unlink(in_folder("rig.toml"));
    const pid_t rig = vg_test_start("vergence", words);
    VG_TEST_WAIT_FOR(access(in_folder("rig.toml"), F_OK) == 0);
    return rig;
}

static void end(pid_t pid, int signal_number, int code) {
    kill(pid, signal_number);
    assert_int_equal(vg_test_wait_code(pid), code);
}

static json_t *status_of(const char *name) {
    vg_error err = {0};
    vg_session_state state;
    json_t *reply = NULL;
    assert_ok(vg_session_state_find(&state, name, NULL, &err));
    assert_ok(vg_control_request(state.endpoint, "{\"request\":\"status\"}", 10, &reply, &err));
    return reply;
}

static int64_t frames_of(const char *name) {
    json_t *status = status_of(name);
    const int64_t frames = json_integer_value(json_object_get(json_object_get(status, "mocap"), "frames"));
    json_decref(status);
    return frames;
}

static int64_t refused_of(const char *name) {
    json_t *status = status_of(name);
    const int64_t refused = json_integer_value(json_object_get(json_object_get(status, "mocap"), "refused"));
    json_decref(status);
    return refused;
}

static bool is_silent(const char *name) {
    json_t *status = status_of(name);
    const json_t *camera = json_array_get(json_object_get(json_object_get(status, "mocap"), "cameras"), 0);
    const char *told = json_string_value(json_object_get(camera, "state"));
    const bool silent = told && strcmp(told, "silent") == 0;
    json_decref(status);
    return silent;
}

static bool runs(const char *name) {
    vg_error err = {0};
    vg_session_state session;
    int pid;
    assert_ok(vg_session_state_find(&session, name, NULL, &err));
    return vg_session_state_running(&session, &pid);
}

static const char *live_world(const char *socket_name) {
    static char text[9500];
    snprintf(text, sizeof text, "  kind: live\n  endpoint: ipc://%s\n  calibration: %s\n  people: 4\n  rate_hz: 50\n",
             in_folder(socket_name), in_folder("rig.toml"));
    return text;
}

static void from_cameras_to_skeletons_and_files(void **state) {
    (void)state;
    char words[4500], publish[4500];
    const pid_t rig = start_rig("kp1");
    snprintf(publish, sizeof publish, "  publish: ipc://%s\n", in_folder("sk1"));
    run(0, "start --config %s", write_config("take", live_world("kp1"), publish));
    VG_TEST_WAIT_FOR(frames_of("take") > 30);
    snprintf(words, sizeof words, "listen ipc://%s --count 3 --json --seconds 20", in_folder("sk1"));
    run(0, "%s", words);
    json_t *line = json_loads(got.out, JSON_DISABLE_EOF_CHECK, NULL);
    const json_t *people = json_object_get(line, "people");
    assert_in_range(json_array_size(people), 1, 4);
    assert_int_equal(json_object_size(json_object_get(json_array_get(people, 0), "joints")), 14);
    json_decref(line);
    run(0, "status %s", "take");
    assert_non_null(strstr(got.out, "keypoints in to skeletons out"));
    assert_non_null(strstr(got.out, "cam4         active"));
    assert_non_null(strstr(got.out, "0 dropped"));
    end(rig, SIGTERM, 0); /* the cameras go away: the session stays and says so */
    VG_TEST_WAIT_FOR(is_silent("take"));
    run(0, "stop %s", "take");
    run(0, "take show %s --json", in_folder("take/take-1.mcap"));
    json_t *show = json_loads(got.out, 0, NULL);
    assert_true(json_integer_value(json_object_get(show, "frames")) > 30);
    assert_true(json_is_false(json_object_get(show, "cut")));
    json_decref(show);
    vg_error err = {0};
    static const char *const endings[] = {"c3d", "csv", "jsonl"};
    for (size_t i = 0; i < 3; i++) {
        char file[32];
        snprintf(file, sizeof file, "all.%s", endings[i]);
        snprintf(words, sizeof words, "take export %s --out %s", in_folder("take/take-1.mcap"), in_folder(file));
        run(0, "%s", words);
        vg_motion motion;
        assert_ok(vg_motion_read(in_folder(file), NULL, &motion, &err));
        assert_true(motion.frames > 30 && motion.points >= 14 && vg_motion_find(&motion, "P1:LWrist") >= 0);
        vg_motion_free(&motion);
    }
    snprintf(words, sizeof words, "take export %s --out %s", in_folder("take/take-1.mcap"), in_folder("one.trc"));
    run(0, "%s", words);
    assert_int_equal(access(in_folder("one_P1.trc"), F_OK), 0);
    snprintf(words, sizeof words, "take export %s --out %s --person 1", in_folder("take/take-1.mcap"),
             in_folder("one.bvh"));
    run(0, "%s", words);
    vg_bvh bvh;
    assert_ok(vg_bvh_read(in_folder("one.bvh"), &bvh, &err));
    vg_bvh_free(&bvh);
    snprintf(words, sizeof words, "take export %s --out %s --person 4", in_folder("take/take-1.mcap"),
             in_folder("x.trc"));
    run(5, "%s", words);
    assert_non_null(strstr(got.err, "person 4 is in no frame"));
}

/* Skeletons of the recording by frame number, as bytes. */
typedef struct recorded {
    unsigned char *bytes[4096];
    size_t size[4096];
} recorded;

static void load_skeletons(recorded *out, const char *path) {
    vg_error err = {0};
    vg_mcap_reader *reader;
    vg_mcap_message m;
    vg_codec *codec;
    vg_wire_skeletons head;
    int32_t people, joints;
    memset(out, 0, sizeof *out);
    assert_ok(vg_codec_create(&codec, 1 << 20, &err));
    assert_ok(vg_mcap_open(&reader, path, &err));
    while (vg_mcap_next(reader, &m, &err) == VG_OK) {
        if (strcmp(m.topic, "/skeletons") != 0) continue;
        assert_ok(vg_decode_bare(codec, VG_MESSAGE_SKELETONS, m.data, m.size, &err));
        assert_ok(vg_decoded_skeletons_head(codec, &head, &people, &joints, &err));
        vg_skeletons *s = calloc(1, vg_skeletons_bytes(people, joints));
        vg_skeletons_init(s, people, joints, 0);
        assert_ok(vg_decoded_skeletons(codec, s, &err));
        assert_true(s->frame_id < 4096);
        out->bytes[s->frame_id] = (unsigned char *)s, out->size[s->frame_id] = s->bytes;
    }
    vg_mcap_close(reader), vg_codec_destroy(codec);
}

static void a_killed_session_leaves_its_take_and_a_replay_repeats_it(void **state) {
    (void)state;
    vg_error err = {0};
    char words[4700], world[4700], publish[4800];
    const pid_t rig = start_rig("kp2");
    snprintf(words, sizeof words, "--config %s --foreground", write_config("killed", live_world("kp2"), ""));
    const pid_t daemon_process = vg_test_start("vergenced", words);
    VG_TEST_WAIT_FOR(access(in_folder("killed/take-1.mcap"), F_OK) == 0);
    vg_test_sleep_ms(500);
    VG_TEST_WAIT_FOR(frames_of("killed") > 90);
    end(daemon_process, SIGKILL, 128 + SIGKILL);
    end(rig, SIGTERM, 0);
    run(0, "take show %s --json", in_folder("killed/take-1.mcap"));
    json_t *show = json_loads(got.out, 0, NULL);
    assert_true(json_is_true(json_object_get(show, "cut")));
    const int64_t frames = json_integer_value(json_object_get(show, "skeletons"));
    assert_true(frames > 40); /* at most a second is missing */
    json_decref(show);

    static recorded take;
    load_skeletons(&take, in_folder("killed/take-1.mcap"));
    void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_SUB);
    const int linger = 0, patience = 20000, queue = 0;
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &patience, sizeof patience);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &queue, sizeof queue);
    zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0);
    snprintf(world, sizeof world, "ipc://%s", in_folder("sk2"));
    assert_int_equal(zmq_connect(socket, world), 0);
    snprintf(publish, sizeof publish, "  publish: %s\n", world);
    snprintf(world, sizeof world, "  kind: replay\n  recording: %s\n  speed: 3\n", in_folder("killed/take-1.mcap"));
    run(0, "start --config %s", write_config("again", world, publish));
    vg_codec *codec;
    assert_ok(vg_codec_create(&codec, 1 << 20, &err));
    int64_t compared = 0;
    for (bool last = false; !last;) {
        zmq_msg_t m;
        zmq_msg_init(&m);
        if (zmq_msg_recv(&m, socket, 0) < 0) fail_msg("the replay fell silent after %d skeletons", (int)compared);
        vg_message_kind kind;
        uint64_t sequence;
        vg_wire_skeletons head;
        int32_t people, joints;
        assert_ok(vg_decode(codec, zmq_msg_data(&m), zmq_msg_size(&m), &kind, &sequence, &err));
        assert_ok(vg_decoded_skeletons_head(codec, &head, &people, &joints, &err));
        vg_skeletons *s = calloc(1, vg_skeletons_bytes(people, joints));
        vg_skeletons_init(s, people, joints, 0);
        assert_ok(vg_decoded_skeletons(codec, s, &err));
        assert_true(s->frame_id < 4096 && take.bytes[s->frame_id]);
        assert_memory_equal(s, take.bytes[s->frame_id], s->bytes);
        last = !take.bytes[s->frame_id + 1];
        compared++;
        free(s), zmq_msg_close(&m);
    }
    assert_true(compared > frames / 2); /* the first ones go before the subscription arrives */
    VG_TEST_WAIT_FOR(!runs("again"));   /* a recording ends, and its session with it */
    assert_int_equal(access(in_folder("again/take-1.mcap"), F_OK), -1);
    json_t *status = json_load_file(in_folder("again/status.json"), 0, NULL);
    assert_string_equal(json_string_value(json_object_get(status, "state")), "done");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(status, "mocap"), "frames")), frames);
    json_decref(status);
    for (int i = 0; i < 4096; i++) free(take.bytes[i]);
    vg_codec_destroy(codec);
    zmq_close(socket), zmq_ctx_term(context);
}

static void what_does_not_fit_is_told(void **state) {
    (void)state;
    const pid_t rig = start_rig("kp3");
    char world[9700];
    snprintf(world, sizeof world, "%s  joint_set: body_25\n", live_world("kp3"));
    run(0, "start --config %s", write_config("wrong", world, ""));
    VG_TEST_WAIT_FOR(refused_of("wrong") > 10);
    run(0, "status %s", "wrong");
    assert_non_null(strstr(got.out, "messages refused, the last because: camera `cam"));
    assert_non_null(strstr(got.out, "sends joints `vergence14` (14), this session takes `body25` (25)"));
    run(0, "stop %s", "wrong");
    end(rig, SIGTERM, 0);
    snprintf(world, sizeof world, "  kind: live\n  endpoint: ipc:///tmp/none\n  calibration: %s\n",
             in_folder("none.toml"));
    run(5, "start --config %s", write_config("nowhere", world, ""));
    assert_non_null(strstr(got.err, "none.toml"));
    run(1, "take show %s", in_folder("rig.toml"));
    assert_non_null(strstr(got.err, "not an MCAP recording"));
    run(7, "listen ipc://%s --seconds 0.2", in_folder("nobody"));
    run(2, "listen%s", "");
    run(2, "take export %s", in_folder("rig.toml"));
}

int main(void) {
    setenv("VERGENCE_STATE", in_folder("s"), 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_cameras_to_skeletons_and_files),
        cmocka_unit_test(a_killed_session_leaves_its_take_and_a_replay_repeats_it),
        cmocka_unit_test(what_does_not_fit_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
