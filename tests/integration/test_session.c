/* Sessions in the real daemon: from start to stop, killed and resumed to the same bits, damaged checkpoints, garbage on the
 * control socket, and a live session that learns. */
#include "tests/support/process.h"

#include "common/text.h"
#include "daemon/daemon.h"

#include <zmq.h>

/* A run of a few seconds: small network, few environments, 60 updates. */
static const char tiny[] = "world:\n  envs: 4\n  cameras: 3\n  people: 3\n"
                           "train:\n  steps: %d\n  people_max: 3\n  hidden: 16\n  rollout_steps: 25\n  minibatches: 1\n"
                           "  epochs: 2\n  threads: 2\n  episode_steps: 60\n"
                           "checkpoint:\n  every_seconds: 0.1\n";

static vg_test_output got;

static const char *in_folder(const char *name) {
    static char paths[8][4300]; /* valid for eight calls */
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", vg_test_folder(), name);
    return path;
}

/* Writes NAME.yaml for a session called NAME whose folder is NAME. */
static const char *write_config(const char *name, int steps, const char *more) {
    char file[80];
    snprintf(file, sizeof file, "%s.yaml", name);
    static char path[4300]; /* valid until the next call */
    snprintf(path, sizeof path, "%s", in_folder(file));
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fprintf(out, "session:\n  name: %s\n  folder: %s\n", name, in_folder(name));
    fputs(more, out);
    fprintf(out, tiny, steps);
    fclose(out);
    return path;
}

static pid_t start_foreground(const char *config, bool resume) {
    char words[4600];
    snprintf(words, sizeof words, "--config %s --foreground%s", config, resume ? " --resume" : "");
    return vg_test_start("vergenced", words);
}

static void run(int code, const char *format, const char *argument) {
    char words[4600];
    snprintf(words, sizeof words, format, argument);
    vg_test_run(&got, "vergence", words);
    if (got.code != code) fail_msg("vergence %s: exit %d, expected %d: %s%s", words, got.code, code, got.out, got.err);
}

static bool exists(const char *folder, const char *name) {
    char file[160];
    snprintf(file, sizeof file, "%s/%s", folder, name);
    return access(in_folder(file), F_OK) == 0;
}

static void assert_same_file(const char *a, const char *b) {
    vg_error err = {0};
    char *x, *y;
    size_t n, m;
    assert_ok(vg_file_load(&x, &n, in_folder(a), &err));
    assert_ok(vg_file_load(&y, &m, in_folder(b), &err));
    if (n != m || memcmp(x, y, n) != 0) fail_msg("%s and %s differ (%zu and %zu bytes)", a, b, n, m);
    free(x);
    free(y);
}

static int64_t updates_of(const char *folder) {
    char file[160];
    snprintf(file, sizeof file, "%s/status.json", folder);
    json_t *status = json_load_file(in_folder(file), 0, NULL);
    const int64_t updates = json_integer_value(json_object_get(json_object_get(status, "train"), "updates"));
    json_decref(status);
    return updates;
}

static void a_daemon_starts_answers_and_stops(void **state) {
    (void)state;
    const char *config = write_config("life", 100000000, "  kind: train\n");
    run(0, "start --config %s", config);
    run(4, "start --config %s", config); /* it runs already */
    assert_non_null(strstr(got.err, "another vergenced"));
    run(0, "status %s --json", "life");
    json_t *status = json_loads(got.out, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(status, "session")), "life");
    assert_string_equal(json_string_value(json_object_get(status, "state")), "running");
    json_decref(status);
    run(0, "status%s", "");
    run(0, "config %s", "life");
    assert_non_null(strstr(got.out, "\"rollout_steps\": 25"));
    run(0, "stop %s", "life");
    run(3, "status %s", "life");
    assert_true(exists("life", "checkpoint.vgc") && exists("life", "policy.vgc") && exists("life", "curve.csv"));
}

static void garbage_on_the_control_socket_does_no_harm(void **state) {
    (void)state;
    vg_error err = {0};
    run(0, "start --config %s", write_config("garbage", 100000000, ""));
    vg_session_state session;
    assert_ok(vg_session_state_find(&session, "garbage", NULL, &err));
    void *zmq = zmq_ctx_new(), *dealer = zmq_socket(zmq, ZMQ_DEALER);
    const int zero = 0;
    zmq_setsockopt(dealer, ZMQ_LINGER, &zero, sizeof zero);
    assert_int_equal(zmq_connect(dealer, session.endpoint), 0);
    vg_rng rng = vg_test_rng(1);
    for (int i = 0; i < 200; i++) {
        char bytes[256];
        const size_t n = vg_rng_below(&rng, sizeof bytes);
        for (size_t k = 0; k < n; k++) bytes[k] = (char)vg_rng_u32(&rng);
        if (vg_rng_below(&rng, 2)) zmq_send(dealer, "", 0, ZMQ_SNDMORE | ZMQ_DONTWAIT);
        zmq_send(dealer, bytes, n, ZMQ_DONTWAIT);
    }
    json_t *reply = NULL;
    assert_error(vg_control_request(session.endpoint, "{\"request\":\"statuss\"}", 5, &reply, &err), VG_INVALID,
                 "status");
    assert_ok(vg_control_request(session.endpoint, "{\"request\":\"status\"}", 5, &reply, &err));
    json_decref(reply);
    zmq_close(dealer);
    zmq_ctx_term(zmq);
    run(0, "stop %s", "garbage");
}

static void sigterm_writes_a_checkpoint_and_exits_0(void **state) {
    (void)state;
    const pid_t child = start_foreground(write_config("term", 100000000, ""), false);
    VG_TEST_WAIT_FOR(exists("term", "curve.csv") && updates_of("term") >= 1);
    kill(child, SIGTERM);
    assert_int_equal(vg_test_wait_code(child), 0);
    assert_true(exists("term", "checkpoint.vgc"));
    json_t *status = json_load_file(in_folder("term/status.json"), 0, NULL);
    assert_string_equal(json_string_value(json_object_get(status, "state")), "stopped");
    json_decref(status);
}

static void a_run_killed_and_resumed_ends_with_the_same_bits(void **state) {
    (void)state;
    assert_int_equal(vg_test_wait_code(start_foreground(write_config("whole", 6000, ""), false)), 0);
    const char *config = write_config("killed", 6000, "");
    pid_t child = start_foreground(config, false);
    VG_TEST_WAIT_FOR(exists("killed", "checkpoint.vgc"));
    kill(child, SIGKILL);
    vg_test_wait_code(child);
    child = start_foreground(config, true);
    assert_int_equal(vg_test_wait_code(child), 0);
    assert_same_file("whole/policy.vgc", "killed/policy.vgc");
    assert_same_file("whole/checkpoint.vgc", "killed/checkpoint.vgc");
    assert_int_equal(updates_of("whole"), updates_of("killed"));
}

static void training_over_zeromq_gives_the_same_policy(void **state) {
    (void)state;
    char words[4600], remote[8800], endpoint[4300];
    snprintf(endpoint, sizeof endpoint, "%s", in_folder("sim"));
    snprintf(words, sizeof words, "sim --listen ipc://%s --cameras 3 --people 3 --envs 4 --seed 5", endpoint);
    const pid_t sim = vg_test_start("vergence", words);
    VG_TEST_WAIT_FOR(access(endpoint, F_OK) == 0);
    snprintf(remote, sizeof remote,
             "train --out %s --cameras 3 --people 3 --envs 4 --steps 1500 --seed 3 --endpoint ipc://%s "
             "--set train.hidden=16 --set train.rollout_steps=25 --set train.minibatches=1 --quiet",
             in_folder("remote"), endpoint);
    vg_test_run(&got, "vergence", remote);
    if (got.code != 0) fail_msg("exit %d: %s", got.code, got.err);
    kill(sim, SIGTERM);
    assert_int_equal(vg_test_wait_code(sim), 0);
    snprintf(remote, sizeof remote,
             "train --out %s --cameras 3 --people 3 --envs 4 --steps 1500 --seed 3 "
             "--set train.hidden=16 --set train.rollout_steps=25 --set train.minibatches=1 --quiet --threads 1",
             in_folder("local"));
    vg_test_run(&got, "vergence", remote);
    if (got.code != 0) fail_msg("exit %d: %s", got.code, got.err);
    assert_same_file("remote/policy.vgc", "local/policy.vgc");
}

static void a_world_that_dies_ends_the_session_with_one_error(void **state) {
    (void)state;
    char words[8800], endpoint[4300];
    snprintf(endpoint, sizeof endpoint, "%s", in_folder("dying"));
    snprintf(words, sizeof words, "sim --listen ipc://%s --cameras 3 --people 3 --envs 4", endpoint);
    const pid_t sim = vg_test_start("vergence", words);
    VG_TEST_WAIT_FOR(access(endpoint, F_OK) == 0);
    snprintf(
        words, sizeof words,
        "train --out %s --cameras 3 --people 3 --envs 4 --steps 1e8 --endpoint ipc://%s --set train.hidden=16 --set "
        "train.rollout_steps=25 --set train.minibatches=1 --set world.timeout_seconds=0.5 --set "
        "world.reconnect_seconds=0 --quiet",
        in_folder("orphan"), endpoint);
    const pid_t train = vg_test_start("vergence", words);
    VG_TEST_WAIT_FOR(exists("orphan", "curve.csv"));
    kill(sim, SIGKILL);
    vg_test_wait_code(sim);
    const int code = vg_test_wait_code(train);
    assert_true(code == VG_EXIT_UNREACHABLE || code == VG_EXIT_TIMEOUT);
    char text[4096];
    vg_test_read_back(in_folder("stderr"), text, sizeof text);
    assert_non_null(strstr(text, endpoint));
}

static void a_damaged_checkpoint_is_refused(void **state) {
    (void)state;
    const char *config = write_config("damaged", 400, "");
    assert_int_equal(vg_test_wait_code(start_foreground(config, false)), 0);
    char path[4300];
    snprintf(path, sizeof path, "%s", in_folder("damaged/checkpoint.vgc"));
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    const long size = ftell(file);
    fseek(file, size / 2, SEEK_SET);
    const int byte = fgetc(file);
    fseek(file, size / 2, SEEK_SET);
    fputc(byte ^ 0x40, file);
    fclose(file);
    char words[4600];
    snprintf(words, sizeof words, "--config %s --foreground --resume", config);
    vg_test_run(&got, "vergenced", words);
    assert_int_equal(got.code, 1);
    assert_non_null(strstr(got.err, "checkpoint.vgc"));
    assert_int_equal(truncate(path, size / 3), 0);
    vg_test_run(&got, "vergenced", words);
    assert_int_equal(got.code, 1);
    assert_int_equal(truncate(path, 0), 0);
    vg_test_run(&got, "vergenced", words);
    assert_int_equal(got.code, 1);
}

static void a_missing_scene_is_named(void **state) {
    (void)state;
    const char *config = write_config("lost", 400, "");
    FILE *file = fopen(config, "a");
    fputs("control:\n  endpoint: \"\"\n", file);
    fclose(file);
    char words[4600];
    snprintf(words, sizeof words, "train --config %s --out %s --scene atlantis --json", config, in_folder("lost"));
    vg_test_run(&got, "vergence", words);
    assert_int_equal(got.code, 5);
    assert_non_null(strstr(got.err, "atlantis"));
}

static void train_follows_its_daemon_and_prints_a_summary(void **state) {
    (void)state;
    char words[4600];
    snprintf(words, sizeof words,
             "train --out %s --cameras 3 --people 3 --envs 4 --steps 1e3 --seed 7 --threads 1 --mode mappo --set "
             "train.hidden=16 --set train.rollout_steps=25 --set train.minibatches=1 --json",
             in_folder("followed"));
    vg_test_run(&got, "vergence", words);
    if (got.code != 0) fail_msg("exit %d: %s", got.code, got.err);
    json_t *summary = json_loads(got.out, 0, NULL);
    assert_non_null(summary);
    assert_string_equal(json_string_value(json_object_get(summary, "state")), "done");
    assert_true(json_integer_value(json_object_get(json_object_get(summary, "train"), "env_steps")) >= 1000);
    json_decref(summary);
    assert_true(exists("followed", "config.yaml") && exists("followed", "policy.vgc"));
    vg_test_run(&got, "vergence", words); /* a run is not overwritten by accident */
    assert_int_equal(got.code, 4);
    snprintf(words, sizeof words, "eval --policy %s --cameras 3 --people 3 --episodes 1 --episode-steps 20 --json",
             in_folder("followed"));
    vg_test_run(&got, "vergence", words);
    if (got.code != 0) fail_msg("exit %d: %s", got.code, got.err);
}

static void a_live_session_ticks_learns_and_stops(void **state) {
    (void)state;
    const char *config = write_config("live", 1000000, "  kind: live\n");
    FILE *file = fopen(config, "r+");
    char text[2048];
    const size_t n = fread(text, 1, sizeof text - 1, file);
    text[n] = '\0';
    char *envs = strstr(text, "envs: 4");
    assert_non_null(envs);
    envs[6] = '1';
    rewind(file);
    fprintf(file, "%slive:\n  learn: true\n  rate_hz: 200\n", text);
    fclose(file);
    run(0, "start --config %s", config);
    int64_t ticks = 0;
    for (int i = 0; i < 200 && ticks < 50; i++) {
        run(0, "status %s --json", "live");
        json_t *status = json_loads(got.out, 0, NULL);
        ticks = json_integer_value(json_object_get(json_object_get(status, "live"), "ticks"));
        json_decref(status);
        vg_test_sleep_ms(50);
    }
    assert_true(ticks >= 50);
    run(0, "stop %s", "live");
}

static void the_fast_demo_writes_its_report(void **state) {
    (void)state;
    char words[4600];
    snprintf(words, sizeof words, "demo --fast --out %s --json", in_folder("demo"));
    vg_test_run(&got, "vergence", words);
    if (got.code != 0) fail_msg("exit %d: %s", got.code, got.err);
    json_t *answer = json_loads(got.out, 0, NULL);
    assert_true(json_is_object(json_object_get(answer, "policies")));
    json_decref(answer);
    vg_error err = {0};
    char *page;
    size_t size;
    assert_ok(vg_file_load(&page, &size, in_folder("demo/report.html"), &err));
    assert_non_null(strstr(page, "</html>"));
    assert_non_null(strstr(page, "Team reward while learning"));
    assert_null(strstr(page, "src=\"http"));
    free(page);
    assert_true(exists("demo", "top_view.svg"));
}

static int set_up(void **state) {
    (void)state;
    return setenv("VERGENCE_STATE", in_folder("s"), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_daemon_starts_answers_and_stops),
        cmocka_unit_test(garbage_on_the_control_socket_does_no_harm),
        cmocka_unit_test(sigterm_writes_a_checkpoint_and_exits_0),
        cmocka_unit_test(a_run_killed_and_resumed_ends_with_the_same_bits),
        cmocka_unit_test(training_over_zeromq_gives_the_same_policy),
        cmocka_unit_test(a_world_that_dies_ends_the_session_with_one_error),
        cmocka_unit_test(a_damaged_checkpoint_is_refused),
        cmocka_unit_test(a_missing_scene_is_named),
        cmocka_unit_test(train_follows_its_daemon_and_prints_a_summary),
        cmocka_unit_test(a_live_session_ticks_learns_and_stops),
        cmocka_unit_test(the_fast_demo_writes_its_report),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
