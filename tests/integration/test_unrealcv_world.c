/* The whole chain over UnrealCV with real processes: `vergence unrealcv` is the game, our programs drive it. */
#include "tests/support/process.h"

#include "perception/detector.h"
#include "sim_bridge/world.h"

#include <jansson.h>
#include <math.h>
#include <sys/stat.h>

typedef struct game {
    pid_t pid;
    int port;
} game;

/* Starts a game on `port` (0: a free one), with its Unix socket in the test's folder. */
static game start_game(int port) {
    char words[8192], path[4200], text[4096];
    snprintf(words, sizeof words, "unrealcv --listen 127.0.0.1:%d --people 4 --seed 7 --uds %s --json", port,
             vg_test_folder());
    snprintf(path, sizeof path, "%s/stdout", vg_test_folder());
    unlink(path); /* what an earlier game said */
    game g = {.pid = vg_test_start("vergence", words)};
    const char *at = NULL;
    VG_TEST_WAIT_FOR((vg_test_read_back(path, text, sizeof text), (at = strstr(text, "\"port\":")) && strchr(at, '}')));
    g.port = atoi(at + 7);
    return g;
}

static void end_game(game *g, int signal_number) {
    kill(g->pid, signal_number);
    vg_test_wait_code(g->pid);
}

static double number(const char *text, const char *object, const char *key) {
    json_t *json = json_loads(text, 0, NULL);
    const json_t *in = object ? json_object_get(json, object) : json;
    const double value = json_number_value(json_object_get(in, key));
    json_decref(json);
    return value;
}

/* The game answers with people who walk as the simulator's, and the client adds the simulator's noise: the same team on the
 * same seeds does about as well there as in process. */
static void eval_of_a_game_is_that_of_the_simulator(void **state) {
    (void)state;
    static vg_test_output there, again, here, unix_socket;
    game g = start_game(0);
    char words[8192];
    const char *const common =
        "--policy fixed --cameras 5 --people 4 --episodes 2 --episode-steps 150 --seed 100 --json";
    char out[4096]; /* the game's own output lies where vg_test_run writes */
    snprintf(out, sizeof out, "eval --endpoint unrealcv://127.0.0.1:%d %s", g.port, common);
    vg_test_run(&there, "vergence", out);
    assert_int_equal(there.code, 0);
    vg_test_run(&again, "vergence", out);
    snprintf(words, sizeof words, "eval --endpoint unrealcv://%s/unrealcv_%d.socket %s", vg_test_folder(), g.port,
             common);
    vg_test_run(&unix_socket, "vergence", words);
    assert_int_equal(unix_socket.code, 0);
    snprintf(words, sizeof words, "eval %s", common);
    vg_test_run(&here, "vergence", words);
    end_game(&g, SIGTERM);
    const double a = number(there.out, "mpjpe_mm", "mean"), b = number(here.out, "mpjpe_mm", "mean");
    if (!(a > 5 && fabs(a - b) < 0.25 * b)) fail_msg("MPJPE over UnrealCV %.2f mm, in process %.2f mm", a, b);
    assert_close(a, number(again.out, "mpjpe_mm", "mean"), 0); /* the game takes seeds: episodes repeat */
    assert_close(a, number(unix_socket.out, "mpjpe_mm", "mean"), 0);
    assert_close(number(there.out, NULL, "steps"), 300, 0);
}

static void a_policy_is_trained_on_a_game(void **state) {
    (void)state;
    static vg_test_output got;
    game g = start_game(0);
    char words[8192], path[4200];
    struct stat about;
    snprintf(words, sizeof words,
             "train --endpoint unrealcv://127.0.0.1:%d --cameras 3 --people 4 --steps 200 --set train.hidden=16 --set "
             "train.minibatches=1 --out %s/run --quiet --json",
             g.port, vg_test_folder());
    vg_test_run(&got, "vergence", words);
    end_game(&g, SIGTERM);
    if (got.code != 0) fail_msg("%s", got.err);
    snprintf(path, sizeof path, "%s/run/policy.vgc", vg_test_folder());
    assert_int_equal(stat(path, &about), 0);
}

static void a_game_that_is_killed_and_started_again_is_picked_up(void **state) {
    (void)state;
    game g = start_game(0);
    char endpoint[64];
    vg_error err = {0};
    vg_world_config c = vg_world_config_default();
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", g.port);
    c.kind = "unrealcv", c.endpoint = endpoint, c.cameras = 5, c.people = 4;
    vg_world *world;
    assert_ok(vg_world_open(&world, &c, &err));
    vg_frame *frame = calloc(1, vg_frame_bytes(world->info.dims));
    vg_frame_init(frame, world->info.dims, 0);
    const vg_reset reset = {.seed = 1, .people = 4};
    vg_command command = {.cameras = 5};
    command.camera[2].linear[2] = -0.5f;
    assert_ok(vg_world_reset(world, 0, 1, &reset, frame, &err));
    for (int i = 0; i < 5; i++) assert_ok(vg_world_step(world, 0, 1, &command, frame, &err));
    const vg_camera before = vg_frame_cameras(frame)[2];
    end_game(&g, SIGKILL);
    g = start_game(g.port);
    assert_ok(vg_world_step(world, 0, 1, &command, frame, &err));
    assert_int_equal(frame->flags & VG_FRAME_TRUNCATED, VG_FRAME_TRUNCATED);
    assert_int_equal(frame->frame_id, 6);
    const vg_camera after =
        vg_frame_cameras(frame)[2]; /* the team is where it was, in a game that knew nothing of it */
    assert_close(after.t[1] - before.t[1], -0.05 * -before.R[5], 0.02);
    assert_memory_equal(before.R, after.R, sizeof before.R);
    assert_ok(vg_world_step(world, 0, 1, &command, frame, &err));
    assert_int_equal(frame->flags & VG_FRAME_TRUNCATED, 0);
    vg_world_close(world);
    free(frame);
    end_game(&g, SIGTERM);
}

/* Pictures to poses: people drawn by our own server are found by the detector, without a look at their bones. */
static void people_are_found_in_the_pictures_of_a_game(void **state) {
    (void)state;
    static vg_test_output got;
    char folder[512], words[8192];
    vg_error err = {0};
    if (vg_detector_folder(folder, &(vg_detector_options){0}, &err) != VG_OK) {
        print_message("%s: skipping\n", err.message);
        skip();
    }
    game g = start_game(0);
    snprintf(
        words, sizeof words,
        "eval --policy fixed --endpoint unrealcv://127.0.0.1:%d --cameras 4 --people 2 --episodes 1 --episode-steps 6 "
        "--json --set world.keypoints=detector --set game.width=640 --set game.height=480",
        g.port);
    vg_test_run(&got, "vergence", words);
    end_game(&g, SIGTERM);
    if (got.code != 0) fail_msg("%s", got.err);
    const double error = number(got.out, "mpjpe_mm", "mean");
    assert_true(error > 20 && error < 300); /* capsules are not quite people: 130 mm */
}

/* The same over ZeroMQ: pictures come as JPEG, through shared memory and as parts, and either way the same people are found. */
static void people_are_found_in_pictures_over_zeromq(void **state) {
    (void)state;
    static vg_test_output got[2];
    char folder[512], words[8192], socket[4300];
    vg_error err = {0};
    if (vg_detector_folder(folder, &(vg_detector_options){0}, &err) != VG_OK) {
        print_message("%s: skipping\n", err.message);
        skip();
    }
    snprintf(socket, sizeof socket, "%s/pictures", vg_test_folder());
    snprintf(words, sizeof words, "sim --listen ipc://%s --cameras 4 --people 2 --images lit,mask --jpeg 95", socket);
    const pid_t sim = vg_test_start("vergence", words);
    VG_TEST_WAIT_FOR(access(socket, F_OK) == 0);
    for (int shared = 0; shared < 2; shared++) {
        snprintf(words, sizeof words,
                 "eval --policy fixed --endpoint ipc://%s --cameras 4 --people 2 --episodes 1 --episode-steps 6 --json "
                 "--set "
                 "world.keypoints=detector --set world.shared_memory=%s",
                 socket, shared ? "true" : "false");
        vg_test_run(&got[shared], "vergence", words);
        if (got[shared].code != 0) fail_msg("%s", got[shared].err);
    }
    kill(sim, SIGTERM);
    vg_test_wait_code(sim);
    const double error = number(got[0].out, "mpjpe_mm", "mean");
    assert_true(error > 20 && error < 900); /* people 50 px high */
    assert_close(number(got[1].out, "mpjpe_mm", "mean"), error, 1e-9);
}

static void a_game_that_is_not_there_is_one_clear_error(void **state) {
    (void)state;
    static vg_test_output got;
    vg_test_run(&got, "vergence", "eval --policy fixed --endpoint unrealcv://127.0.0.1:1 --episodes 1");
    assert_int_not_equal(got.code, 0);
    assert_non_null(strstr(got.err, "unrealcv://127.0.0.1:1: nobody listens there"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eval_of_a_game_is_that_of_the_simulator),
        cmocka_unit_test(a_policy_is_trained_on_a_game),
        cmocka_unit_test(a_game_that_is_killed_and_started_again_is_picked_up),
        cmocka_unit_test(people_are_found_in_the_pictures_of_a_game),
        cmocka_unit_test(people_are_found_in_pictures_over_zeromq),
        cmocka_unit_test(a_game_that_is_not_there_is_one_clear_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
