/* The UnrealCV client against games of several versions of the plug-in, and against games that go wrong. */
#include "calibration/calibration.h"
#include "sim_bridge/unrealcv/coords.h"
#include "sim_bridge/world.h"
#include "tests/support/fake_game.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

static vg_world_config config_of(const fake_game *g, char endpoint[64]) {
    vg_world_config c = vg_world_config_default();
    snprintf(endpoint, 64, "tcp://127.0.0.1:%d", g->port);
    c.kind = "unrealcv", c.endpoint = endpoint, c.cameras = 3, c.people = 2, c.timeout_seconds = 10;
    c.keypoints = VG_KEYPOINTS_EXACT;
    return c;
}

static vg_frame *new_frame(const vg_world *w) {
    vg_frame *frame = calloc(1, vg_frame_bytes(w->info.dims));
    vg_frame_init(frame, w->info.dims, 0);
    return frame;
}

static void begin(vg_world *w, vg_frame *frame) {
    vg_error err = {0};
    const vg_reset reset = {.seed = 1, .people = 2};
    assert_ok(vg_world_reset(w, 0, 1, &reset, frame, &err));
}

/* What a frame must hold after so many steps: the people where the game has them, cameras where they were sent, keypoints
 * that are the projections of those people. */
static void check_frame(const vg_frame *f, int steps, int ticks) {
    assert_int_equal(f->flags & VG_FRAME_TRUTH, VG_FRAME_TRUTH);
    assert_int_equal(f->target, 0);
    assert_int_equal(f->frame_id, steps);
    int seen = 0;
    for (int32_t p = 0; p < 2; p++)
        for (int j = 0; j < VG_JOINTS14; j++) {
            double game[3], ours[3], uv[2];
            fake_joint(game, p, j, ticks);
            ucv_to_world(ours, game);
            const float *truth = vg_frame_truth(f) + 3 * (p * VG_JOINTS14 + j);
            for (int k = 0; k < 3; k++) assert_close(truth[k], ours[k], 1e-5);
            for (int32_t c = 0; c < 3; c++) {
                const vg_keypoint *kp = vg_frame_keypoints(f) + (c * 2 + p) * VG_JOINTS14 + j;
                if (kp->confidence == 0) continue;
                assert_true(vg_project(uv, NULL, NULL, &vg_frame_cameras(f)[c], ours));
                assert_close(kp->u, uv[0], 0.01);
                assert_close(kp->v, uv[1], 0.01);
                seen++;
            }
        }
    assert_true(seen > 20);
}

static void play(const fake_dialect *dialect, int first_camera, bool ticking) {
    fake_game g;
    fake_start(&g, dialect);
    char endpoint[64];
    vg_error err = {0};
    vg_world_config c = config_of(&g, endpoint);
    vg_world *w;
    assert_ok(vg_world_open(&w, &c, &err));
    vg_frame *frame = new_frame(w);
    begin(w, frame);
    int ticks = g.ticks;
    check_frame(frame, 0, ticks);
    for (int step = 1; step <= 3; step++) {
        vg_command command = {.cameras = 3};
        command.camera[0].linear[0] = 0.7f, command.camera[1].yaw_rate = 0.3f;
        assert_ok(vg_world_step(w, 0, 1, &command, frame, &err));
        assert_int_equal(g.ticks, ++ticks);
        check_frame(frame, step, ticks);
        if (ticking) assert_int_equal(frame->time_ns, step * 100000000);
        assert_true(frame->time_ns >= step * 100000000);
    }
    assert_int_equal(g.reads_while_running, ticking ? g.reads_while_running : 2); /* people met at the start */
    assert_int_equal(g.exponents, 0);
    /* the first camera of the team moved in the game as it was told to: from rest, 4 m/s^2, to 0.7 m/s along x */
    const vg_camera *k = &vg_frame_cameras(frame)[0];
    double at[3];
    for (int i = 0; i < 3; i++) at[i] = -(k->R[i] * k->t[0] + k->R[3 + i] * k->t[1] + k->R[6 + i] * k->t[2]);
    assert_close(g.pose[first_camera][0], 100 * at[0], 2e-3);
    assert_close(g.pose[first_camera][1], -100 * at[1], 2e-3);
    assert_close(k->fx, FAKE_WIDTH / 2.0, 1e-9);
    vg_world_close(w);
    free(frame);
    fake_stop(&g);
}

static void plug_in_0_3_10_has_indices_poses_and_a_spelling_of_its_own(void **state) {
    (void)state;
    play(&fake_0_3_10, 1, false);
}

static void plug_in_4_27_lists_with_a_trailing_space_and_has_no_pose(void **state) {
    (void)state;
    play(&fake_4_27, 1, false);
}

static void plug_in_5_2_has_errors_of_its_own(void **state) {
    (void)state;
    play(&fake_5_2, 1, false);
}

static void unrealcv_plus_has_poses_again(void **state) {
    (void)state;
    play(&fake_plus, 1, false);
}

static void a_game_with_ticks_stands_still_between_them(void **state) {
    (void)state;
    play(&fake_simworld, 1, true);
}

static void without_spawning_the_players_camera_is_taken_too(void **state) {
    (void)state;
    fake_dialect d = fake_simworld;
    d.cameras = 3;
    play(&d, 0, true);
    d.cameras = 2;
    fake_game g;
    fake_start(&g, &d);
    char endpoint[64];
    vg_error err = {0};
    vg_world_config c = config_of(&g, endpoint);
    vg_world *w;
    assert_error(vg_world_open(&w, &c, &err), VG_FAILED, "has 2 cameras, spawns no more, and world.cameras is 3");
    fake_stop(&g);
}

static void masks_with_four_extra_bytes_hide_what_they_show_otherwise(void **state) {
    (void)state;
    fake_game g;
    fake_start(&g, &fake_4_27);
    char endpoint[64];
    vg_error err = {0};
    vg_world_config c = config_of(&g, endpoint);
    c.keypoints = VG_KEYPOINTS_MASKED;
    char folder[512], path[600];
    snprintf(folder, sizeof folder, "%s/kept", vg_test_folder());
    c.save_images = folder, c.images = "mask";
    vg_world *w;
    assert_ok(vg_world_open(&w, &c, &err));
    vg_frame *frame = new_frame(w);
    begin(w, frame);
    /* person 0's colour fills the left half: a confident keypoint lies there; person 1's colour is nowhere */
    int left = 0;
    float confident = 0, hidden = 0;
    for (int32_t cam = 0; cam < 3; cam++)
        for (int j = 0; j < VG_JOINTS14; j++) {
            const vg_keypoint *kp = vg_frame_keypoints(frame) + (cam * 2) * VG_JOINTS14 + j;
            if (kp->confidence > 0.5f && kp->u < FAKE_WIDTH / 2.0f + 3) left++;
            if (kp->u < FAKE_WIDTH / 2.0f) confident = fmaxf(confident, kp->confidence);
            hidden = fmaxf(hidden, kp[VG_JOINTS14].confidence);
        }
    assert_true(left > 3);
    assert_true(confident > hidden); /* the second person is hidden everywhere */
    snprintf(path, sizeof path, "%s/e0/c2/00000000.mask.png", folder);
    assert_int_equal(access(path, F_OK), 0);
    vg_world_close(w);
    free(frame);
    fake_stop(&g);
}

static void a_missing_detector_says_how_to_get_it(void **state) {
    (void)state;
    fake_game g;
    fake_start(&g, &fake_4_27);
    char endpoint[64];
    vg_error err = {0};
    vg_world_config c = config_of(&g, endpoint);
    c.keypoints = VG_KEYPOINTS_DETECTOR;
    vg_world *w;
    setenv("VERGENCE_DETECTOR", vg_test_folder(), 1);
    assert_error(vg_world_open(&w, &c, &err), VG_NOT_FOUND, "make detector");
    unsetenv("VERGENCE_DETECTOR");
    fake_stop(&g);
}

static void a_unix_socket_that_opens_late_is_waited_for(void **state) {
    (void)state;
    fake_dialect d = fake_4_27;
    d.unix_late = true;
    fake_game g;
    fake_start(&g, &d);
    char endpoint[128];
    snprintf(endpoint, sizeof endpoint, "unrealcv://%s", g.socket_path);
    fclose(fopen(g.socket_path, "w")); /* something else is there: not ours to remove, nor to be taken for the game */
    unlink(g.socket_path);
    vg_error err = {0};
    char unused[64];
    vg_world_config c = config_of(&g, unused);
    c.endpoint = endpoint;
    vg_world *w;
    assert_ok(vg_world_open(&w, &c, &err));
    assert_int_equal(atomic_load(&g.connections), 2);
    vg_frame *frame = new_frame(w);
    begin(w, frame);
    check_frame(frame, 0, g.ticks);
    vg_world_close(w);
    free(frame);
    fake_stop(&g);
}

/* --- games that go wrong --------------------------------------------------------------------------------------------- */

static void a_late_reply_is_dropped_and_the_frame_asked_for_again(void **state) {
    (void)state;
    fake_game g;
    fake_start(&g, &fake_simworld);
    char endpoint[64];
    vg_error err = {0};
    vg_world_config c = config_of(&g, endpoint);
    c.timeout_seconds = 0.5;
    vg_world *w;
    assert_ok(vg_world_open(&w, &c, &err));
    vg_frame *frame = new_frame(w);
    begin(w, frame);
    g.late_at = g.commands + 8;
    const vg_command command = {.cameras = 3};
    assert_ok(vg_world_step(w, 0, 1, &command, frame, &err));
    check_frame(frame, 1, g.ticks);
    assert_int_equal(frame->flags & VG_FRAME_TRUNCATED, 0);
    assert_int_equal(atomic_load(&g.connections), 1); /* the same connection */
    assert_int_equal(g.ticks, 1);                     /* time passed once */
    assert_ok(vg_world_step(w, 0, 1, &command, frame, &err));
    check_frame(frame, 2, 2);
    vg_world_close(w);
    free(frame);
    fake_stop(&g);
}

static void a_lost_connection_is_made_anew_and_the_frame_says_so(void **state) {
    (void)state;
    fake_game g;
    fake_start(&g, &fake_4_27);
    char endpoint[64];
    vg_error err = {0};
    vg_world_config c = config_of(&g, endpoint);
    vg_world *w;
    assert_ok(vg_world_open(&w, &c, &err));
    vg_frame *frame = new_frame(w);
    begin(w, frame);
    g.close_at = g.commands + 7;
    const vg_command command = {.cameras = 3};
    assert_ok(vg_world_step(w, 0, 1, &command, frame, &err));
    assert_int_equal(frame->flags & VG_FRAME_TRUNCATED, VG_FRAME_TRUNCATED);
    assert_int_equal(atomic_load(&g.connections), 2);
    check_frame(frame, 1, g.ticks);
    g.mix_at = g.commands + 7; /* a reply with another's id */
    assert_ok(vg_world_step(w, 0, 1, &command, frame, &err));
    assert_int_equal(frame->flags & VG_FRAME_TRUNCATED, VG_FRAME_TRUNCATED);
    assert_int_equal(atomic_load(&g.connections), 3);
    vg_world_close(w);
    free(frame);
    fake_stop(&g);
}

static void a_game_that_stays_away_is_one_clear_error(void **state) {
    (void)state;
    fake_game g;
    fake_start(&g, &fake_simworld);
    char endpoint[64];
    vg_error err = {0};
    vg_world_config c = config_of(&g, endpoint);
    c.reconnect_seconds = 0.3;
    vg_world *w;
    assert_ok(vg_world_open(&w, &c, &err));
    vg_frame *frame = new_frame(w);
    begin(w, frame);
    g.close_at = g.commands + 3;
    atomic_store(&g.stop, true);
    const vg_command command = {.cameras = 3};
    shutdown(g.listener, SHUT_RDWR);
    assert_error(vg_world_step(w, 0, 1, &command, frame, &err), VG_UNREACHABLE, "world.reconnect_seconds = 0.3");
    vg_world_close(w);
    free(frame);
    fake_stop(&g);
}

static void errors_name_endpoint_command_reply_and_mend(void **state) {
    (void)state;
    fake_dialect d = fake_5_2;
    fake_game g;
    fake_start(&g, &d);
    char endpoint[64];
    vg_error err = {0};
    vg_world_config c = config_of(&g, endpoint);
    c.game.people = "nobody";
    vg_world *w;
    assert_error(vg_world_open(&w, &c, &err), VG_FAILED, endpoint);
    assert_non_null(strstr(err.message, "`vget /human/nobody1/3d_keypoint` is answered by `error No handler found"));
    assert_non_null(strstr(err.message, "game.people"));
    c.game.people = NULL, c.game.pace = VG_PACE_TICK;
    assert_error(vg_world_open(&w, &c, &err), VG_UNSUPPORTED, "game.pace");
    c.game.pace = VG_PACE_AUTO, c.game.cameras = "1 17 18";
    assert_error(vg_world_open(&w, &c, &err), VG_FAILED, "game.cameras names a camera that is not there");
    c.game.cameras = "1";
    assert_error(vg_world_open(&w, &c, &err), VG_INVALID, "game.cameras names 1 cameras; world.cameras is 3");
    fake_stop(&g);
    c.game.cameras = NULL, c.timeout_seconds = 2;
    assert_error(vg_world_open(&w, &c, &err), VG_UNREACHABLE, "nobody listens there");
    static const char *const bad[] = {"tcp://", "tcp://host", "unix://host:1", "tcp:///path", "9000", "tcp://h:99999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        c.endpoint = bad[i];
        assert_error(vg_world_open(&w, &c, &err), VG_INVALID, "world.endpoint");
    }
    c.endpoint = "";
    assert_error(vg_world_open(&w, &c, &err), VG_INVALID, "world.endpoint is empty");
    /* digits of a folder are no port: nobody is called there, and a socket that is silent stays where it is */
    char path[100], unix_endpoint[128];
    snprintf(path, sizeof path, "%.60s/7", vg_test_folder());
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%.60s/7/game.socket", vg_test_folder());
    snprintf(unix_endpoint, sizeof unix_endpoint, "unix://%s", path);
    close(fake_listen_unix(path));
    c.endpoint = unix_endpoint;
    assert_error(vg_world_open(&w, &c, &err), VG_UNREACHABLE, "nobody listens there");
    assert_int_equal(access(path, F_OK), 0);
}

/* A listener that sends these bytes to whoever connects, and then nothing. */
static void expect_of_bytes(const void *bytes, size_t size, vg_status status, const char *part) {
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t room = sizeof address;
    assert_int_equal(bind(listener, (struct sockaddr *)&address, room), 0);
    assert_int_equal(listen(listener, 4), 0);
    getsockname(listener, (struct sockaddr *)&address, &room);
    const pid_t child = fork();
    if (child == 0) {
        const int peer = accept(listener, NULL, NULL);
        send(peer, bytes, size, MSG_NOSIGNAL);
        sleep(20);
        _exit(0);
    }
    close(listener);
    char endpoint[64];
    vg_error err = {0};
    vg_world_config c = vg_world_config_default();
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", ntohs(address.sin_port));
    c.kind = "unrealcv", c.endpoint = endpoint, c.timeout_seconds = 0.5;
    vg_world *w;
    assert_error(vg_world_open(&w, &c, &err), status, part);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void what_is_no_game_is_told_apart(void **state) {
    (void)state;
    expect_of_bytes("", 0, VG_TIMEOUT, "one client at a time");
    expect_of_bytes("HTTP/1.1 400 Bad Request\r\n\r\n", 28, VG_CORRUPT, "no UnrealCV server");
    expect_of_bytes("\xc1\x83\x2b\x9e\xff\xff\xff\xff", 8, VG_CORRUPT, "larger than 128 MiB");
    expect_of_bytes("\xc1\x83\x2b\x9e\x00\x00\x00\x00", 8, VG_CORRUPT, "empty");
    expect_of_bytes("\xc1\x83\x2b\x9e\x05\x00\x00\x00hello", 13, VG_CORRUPT, "the greeting is `hello`");
    expect_of_bytes("\xc1\x83\x2b\x9e\x20\x00\x00\x00half", 12, VG_TIMEOUT, "no greeting");
}

static void several_games_are_several_environments(void **state) {
    (void)state;
    fake_game g[2];
    int tries = 0;
    do { /* two ports in a row */
        fake_start(&g[0], &fake_simworld);
        if (fake_start_at(&g[1], &fake_simworld, g[0].port + 1)) break;
        fake_stop(&g[0]);
    } while (++tries < 100);
    assert_true(tries < 100);
    char endpoint[64];
    vg_error err = {0};
    vg_world_config c = config_of(&g[0], endpoint);
    c.envs = 2;
    vg_world *w;
    assert_ok(vg_world_open(&w, &c, &err));
    const size_t bytes = vg_frame_bytes(w->info.dims);
    vg_frame *frames = calloc(2, bytes);
    for (int32_t i = 0; i < 2; i++)
        vg_frame_init((vg_frame *)(void *)((char *)frames + bytes * (size_t)i), w->info.dims, i);
    const vg_reset resets[2] = {{.seed = 1, .people = 2}, {.seed = 2, .people = 1}};
    const vg_command commands[2] = {{.cameras = 3}, {.environment = 1, .cameras = 3}};
    assert_ok(vg_world_reset(w, 0, 2, resets, frames, &err));
    assert_ok(vg_world_step(w, 1, 1, commands + 1, vg_frame_at(frames, 1), &err));
    assert_ok(vg_world_step(w, 0, 2, commands, frames, &err));
    assert_int_equal(g[0].ticks, 1);
    assert_int_equal(g[1].ticks, 2);
    check_frame(frames, 1, 1);
    assert_int_equal(vg_frame_at(frames, 1)->environment, 1);
    assert_int_equal(vg_frame_present(vg_frame_at(frames, 1))[1], 0); /* only one person was asked for */
    vg_world_close(w);
    free(frames);
    fake_stop(&g[0]), fake_stop(&g[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plug_in_0_3_10_has_indices_poses_and_a_spelling_of_its_own),
        cmocka_unit_test(plug_in_4_27_lists_with_a_trailing_space_and_has_no_pose),
        cmocka_unit_test(plug_in_5_2_has_errors_of_its_own),
        cmocka_unit_test(unrealcv_plus_has_poses_again),
        cmocka_unit_test(a_game_with_ticks_stands_still_between_them),
        cmocka_unit_test(without_spawning_the_players_camera_is_taken_too),
        cmocka_unit_test(masks_with_four_extra_bytes_hide_what_they_show_otherwise),
        cmocka_unit_test(a_missing_detector_says_how_to_get_it),
        cmocka_unit_test(a_unix_socket_that_opens_late_is_waited_for),
        cmocka_unit_test(a_late_reply_is_dropped_and_the_frame_asked_for_again),
        cmocka_unit_test(a_lost_connection_is_made_anew_and_the_frame_says_so),
        cmocka_unit_test(a_game_that_stays_away_is_one_clear_error),
        cmocka_unit_test(errors_name_endpoint_command_reply_and_mend),
        cmocka_unit_test(what_is_no_game_is_told_apart),
        cmocka_unit_test(several_games_are_several_environments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
