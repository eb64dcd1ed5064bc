/* The viewer with the real programs: sessions of every kind show themselves, the address is told, a taken port is an error of its
 * own; and the page in a real browser, where there is one. */
#include "tests/support/process.h"
#include "tests/support/web.h"

#include "daemon/daemon.h"

#include <math.h>

enum { TEXT = 1, BINARY = 2, CLOSE = 8 };

static vg_test_output got;
static web_message message;

static const char *in_folder(const char *name) {
    static char paths[8][4300]; /* valid for eight calls */
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", vg_test_folder(), name);
    return path;
}

/* `vergence WORDS ARGUMENT`, and what it exits with. */
static void run(int code, const char *words, const char *argument) {
    char line[9000];
    snprintf(line, sizeof line, "%s %s", words, argument);
    vg_test_run(&got, "vergence", line);
    if (got.code != code) fail_msg("vergence %s: exit %d, expected %d: %s%s", line, got.code, code, got.out, got.err);
}

/* NAME.yaml: a session of that name and kind with a viewer at `listen`, and these lines. */
static const char *write_config(const char *name, const char *kind, const char *listen_at, const char *lines) {
    static char path[4300];
    snprintf(path, sizeof path, "%s.yaml", in_folder(name));
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fprintf(out, "session:\n  name: %s\n  kind: %s\n  folder: %s\nweb:\n  listen: %s\n%s", name, kind, in_folder(name),
            listen_at, lines);
    fclose(out);
    return path;
}

/* Starts a session; the port of its viewer, as `status` tells. */
static int start(const char *name, const char *kind, const char *lines) {
    run(0, "start --config", write_config(name, kind, "127.0.0.1:0", lines));
    run(0, "status", name);
    const char *url = strstr(got.out, "viewer at http://127.0.0.1:");
    if (!url) fail_msg("status does not tell where the viewer is: %s", got.out);
    return atoi(url + strlen("viewer at http://127.0.0.1:"));
}

static json_t *next_text(int fd) {
    web_await(fd, &message, TEXT);
    json_t *out = json_loads((char *)message.data, 0, NULL);
    assert_non_null(out);
    return out;
}

static const char *text_in(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

static uint32_t word(int at) {
    uint32_t out;
    memcpy(&out, message.data + 4 * at, 4);
    return out;
}

static void a_camera_team_shows_where_its_cameras_fly(void **state) {
    (void)state;
    const int port = start("team", "live",
                           "world: {kind: embedded, cameras: 3, people: 2}\ntrain: {people_max: 2}\nlive: {policy: "
                           "orbit, rate_hz: 50}\n");
    const int fd = web_watch(port);
    json_t *hello = next_text(fd);
    assert_string_equal(text_in(hello, "kind"), "live");
    assert_int_equal(json_array_size(json_object_get(hello, "cameras")), 3);
    assert_int_equal(json_array_size(json_object_get(hello, "joints")), 14);
    json_decref(hello);
    float first[2], place[2];
    web_await(fd, &message, BINARY);
    memcpy(first, message.data + 32, sizeof first);
    memcpy(place, first, sizeof place);
    while (hypotf(place[0] - first[0], place[1] - first[1]) < 0.2f) { /* the team orbits */
        web_await(fd, &message, BINARY);
        memcpy(place, message.data + 32, sizeof place);
    }
    json_t *status = next_text(fd);
    assert_true(json_is_object(json_object_get(json_object_get(status, "status"), "live")));
    json_decref(status);
    char listen_at[32];
    snprintf(listen_at, sizeof listen_at, "127.0.0.1:%d", port);
    run(4, "start --config", write_config("second", "live", listen_at, "live: {policy: orbit}\n"));
    assert_non_null(strstr(got.err, "is taken; name another, or 0 for any that is free"));
    run(0, "stop", "team");
    do web_read_message(fd, &message);
    while (message.opcode == TEXT || message.opcode == BINARY);
    assert_true(message.opcode == CLOSE || message.opcode == 0);
    close(fd);
}

static void a_session_that_trains_tells_how_far_it_is(void **state) {
    (void)state;
    const int port =
        start("school", "train", "world: {envs: 2}\ntrain: {steps: 1e9, hidden: 16, minibatches: 1, threads: 1}\n");
    const int fd = web_watch(port);
    json_t *hello = next_text(fd), *status = next_text(fd);
    assert_string_equal(text_in(hello, "kind"), "train");
    assert_true(json_is_object(json_object_get(json_object_get(status, "status"), "train")));
    json_decref(hello), json_decref(status);
    run(0, "stop", "school");
    close(fd);
}

static void motion_capture_shows_people_and_so_does_its_recording(void **state) {
    (void)state;
    char words[9000], lines[9500];
    snprintf(words, sizeof words, "sim --keypoints ipc://%s --calibration %s --cameras 4 --people 3 --rate 50 --seed 2",
             in_folder("kp"), in_folder("rig.toml"));
    const pid_t rig = vg_test_start("vergence", words);
    VG_TEST_WAIT_FOR(access(in_folder("rig.toml"), F_OK) == 0);
    snprintf(lines, sizeof lines, "world:\n  kind: live\n  endpoint: ipc://%s\n  calibration: %s\n  rate_hz: 50\n",
             in_folder("kp"), in_folder("rig.toml"));
    int fd = web_watch(start("take", "mocap", lines));
    int frames = 0;
    for (web_await(fd, &message, BINARY); word(2) < 3 || frames < 50; frames++) web_await(fd, &message, BINARY);
    assert_int_equal(word(1), 4);
    json_t *status = next_text(fd);
    while (!json_is_number(json_array_get(json_object_get(status, "reprojection_px"), 3)))
        json_decref(status), status = next_text(fd);
    json_decref(status);
    close(fd);
    run(0, "stop", "take");
    kill(rig, SIGTERM);
    assert_int_equal(vg_test_wait_code(rig), 0);
    snprintf(lines, sizeof lines, "world:\n  kind: replay\n  recording: %s\n", in_folder("take/take-1.mcap"));
    fd = web_watch(start("again", "mocap", lines));
    json_t *hello = next_text(fd);
    assert_true(json_is_true(json_object_get(hello, "replay")));
    json_decref(hello);
    do web_read_message(fd, &message);
    while (message.opcode == TEXT || (message.opcode == BINARY && word(2) < 3));
    assert_int_equal(message.opcode, BINARY);
    close(fd);
}

/* web/test/browser.js says what is looked at. */
static void the_page_in_a_browser(void **state) {
    (void)state;
#ifdef VG_SANITIZED
    printf("skipping: the browser looks at the plain build\n");
    skip();
#endif
    if (system("command -v node >/dev/null 2>&1") != 0) {
        printf("skipping: node is not there; .ci/run installs it\n");
        skip();
    }
    char command[16384], folder[4300], bin[PATH_MAX + 64];
    snprintf(bin, sizeof bin, "%s", vg_test_program("vergence"));
    *strrchr(bin, '/') = '\0';
    snprintf(folder, sizeof folder, "%s", in_folder("browser"));
    snprintf(command, sizeof command, "mkdir -p %s && timeout 400 node web/test/browser.js %s %s", folder, bin, folder);
    fflush(stdout);
    const int status = system(command);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) skip();
    assert_int_equal(status, 0);
}

static int begin(void **state) {
    (void)state;
    return setenv("VERGENCE_STATE", vg_test_folder(), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_camera_team_shows_where_its_cameras_fly),
        cmocka_unit_test(a_session_that_trains_tells_how_far_it_is),
        cmocka_unit_test(motion_capture_shows_people_and_so_does_its_recording),
        cmocka_unit_test(the_page_in_a_browser),
    };
    return cmocka_run_group_tests(tests, begin, NULL);
}
