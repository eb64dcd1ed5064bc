/* The control socket answers what is asked, refuses what is not, and survives garbage of every kind; the state folder keeps
 * two daemons apart; curves of resumed runs stay whole. */
#include "tests/support/support.h"

#include "daemon/internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

static vg_control *make_control(vg_session_config *config) {
    *config = vg_session_config_default(VG_PRESET_DEFAULT);
    vg_control *control = calloc(1, sizeof *control);
    control->config = config;
    static const vg_world_info world = {.name = "embedded", .scene = "blank", .dims = {4, 6, 14}};
    control->folder = "runs/x", control->world = &world;
    pthread_mutex_init(&control->mutex, NULL);
    return control;
}

static void expect(vg_control *control, const char *request, bool ok, const char *part) {
    json_t *answer = vg_control_answer(control, request, strlen(request));
    char *text = json_dumps(answer, 0);
    assert_non_null(text);
    if (json_is_true(json_object_get(answer, "ok")) != ok || !strstr(text, part))
        fail_msg("%s: answered %s; expected ok %d and `%s`", request, text, ok, part);
    free(text);
    json_decref(answer);
}

static void requests_are_answered(void **state) {
    (void)state;
    vg_session_config config;
    vg_control *control = make_control(&config);
    vg_session_status status = {.state = "running", .eta_seconds = (double)NAN, .steps_per_second = 100};
    status.train.env_steps = 1234;
    status.train.mpjpe_mm = (double)NAN;
    vg_control_publish(control, &status);
    expect(control, "{\"request\":\"status\"}", true, "\"env_steps\": 1234");
    expect(control, "{\"request\":\"status\"}", true, "\"mpjpe_mm\": null");
    expect(control, "{\"request\":\"config\"}", true, "\"learning_rate\"");
    assert_false(atomic_load(&control->checkpoint) || atomic_load(&control->stop));
    expect(control, "{\"request\":\"checkpoint\"}", true, "checkpoint");
    assert_true(atomic_load(&control->checkpoint));
    expect(control, "{\"request\":\"stop\"}", true, "ends");
    assert_true(atomic_load(&control->stop));
    free(control);
}

static void other_requests_are_refused_with_a_reason(void **state) {
    (void)state;
    vg_session_config config;
    vg_control *control = make_control(&config);
    expect(control, "", false, "not JSON");
    expect(control, "{", false, "not JSON");
    expect(control, "[1, 2]", false, "one key");
    expect(control, "{}", false, "one key");
    expect(control, "{\"request\": 5}", false, "one key");
    expect(control, "{\"request\": \"status\", \"x\": 1}", false, "one key");
    expect(control, "{\"request\": \"statsu\"}", false, "did you mean `status`?");
    expect(control, "{\"request\": \"fly\"}", false, "use status, config, checkpoint or stop");
    expect(control, "{\"request\": \"stop\", \"request\": \"stop\"}", false, "duplicate");
    assert_false(atomic_load(&control->stop));
    free(control);
}

static void random_bytes_never_crash_the_answer(void **state) {
    (void)state;
    static const char alphabet[] = "{}[]\":,\\ request status\xff\x00\n0123eE+-.tfn";
    vg_rng rng = vg_test_rng(3);
    vg_session_config config;
    vg_control *control = make_control(&config);
    for (int round = 0; round < 5000; round++) {
        char text[64];
        const size_t n = vg_rng_below(&rng, sizeof text);
        for (size_t i = 0; i < n; i++) text[i] = alphabet[vg_rng_below(&rng, sizeof alphabet - 1)];
        json_t *answer = vg_control_answer(control, text, n);
        assert_non_null(answer);
        json_decref(answer);
    }
    assert_false(atomic_load(&control->stop));
    free(control);
}

static void the_socket_survives_garbage_and_still_answers(void **state) {
    (void)state;
    vg_error err = {0};
    vg_session_config config;
    vg_control *control = make_control(&config);
    char endpoint[4200];
    snprintf(endpoint, sizeof endpoint, "ipc://%s/control", vg_test_folder());
    assert_ok(vg_control_start(control, endpoint, &err));
    void *zmq = zmq_ctx_new(), *dealer = zmq_socket(zmq, ZMQ_DEALER);
    const int zero = 0;
    zmq_setsockopt(dealer, ZMQ_LINGER, &zero, sizeof zero);
    assert_int_equal(zmq_connect(dealer, endpoint), 0);
    char *big = calloc(1, 1 << 20);
    for (int i = 0; i < 20; i++) {
        zmq_send(dealer, "no delimiter", 12, ZMQ_DONTWAIT);
        zmq_send(dealer, "", 0, ZMQ_SNDMORE | ZMQ_DONTWAIT);
        zmq_send(dealer, "\xff\xfe{", 3, ZMQ_DONTWAIT);
        zmq_send(dealer, "", 0, ZMQ_SNDMORE | ZMQ_DONTWAIT);
        zmq_send(dealer, "two", 3, ZMQ_SNDMORE | ZMQ_DONTWAIT);
        zmq_send(dealer, "parts", 5, ZMQ_DONTWAIT);
    }
    json_t *reply;
    assert_ok(vg_control_request(endpoint, "{\"request\":\"status\"}", 60, &reply, &err));
    json_decref(reply);
    zmq_send(dealer, "", 0, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    zmq_send(dealer, big, 1 << 20, ZMQ_DONTWAIT); /* too large: the connection ends */
    free(big);
    assert_error(vg_control_request(endpoint, "garbage", 60, &reply, &err), VG_CORRUPT, "not JSON");
    assert_error(vg_control_request(endpoint, "{\"request\":\"x\"}", 60, &reply, &err), VG_INVALID, "unknown");
    assert_ok(vg_control_request(endpoint, "{\"request\":\"status\"}", 60, &reply, &err));
    json_decref(reply);
    zmq_close(dealer);
    zmq_ctx_term(zmq);
    vg_control_stop(control);
    assert_error(vg_control_request(endpoint, "{\"request\":\"status\"}", 0.2, &reply, &err), VG_UNREACHABLE,
                 "no answer");
    free(control);
}

static void an_endpoint_that_cannot_be_bound_is_named(void **state) {
    (void)state;
    vg_error err = {0};
    vg_session_config config;
    vg_control *control = make_control(&config);
    assert_error(vg_control_start(control, "tcp://256.0.0.1:99999", &err), VG_INVALID, "tcp://256.0.0.1:99999");
    assert_error(vg_control_start(control, "ipc:///nowhere/at/all", &err), VG_INVALID, "ipc:///nowhere/at/all");
    free(control);
}

static void two_daemons_do_not_share_a_session(void **state) {
    (void)state;
    vg_error err = {0};
    int pid;
    setenv("VERGENCE_STATE", vg_test_folder(), 1);
    vg_session_state first, second, found;
    assert_ok(vg_session_state_find(&first, "s", "", &err));
    assert_false(vg_session_state_running(&first, &pid));
    assert_ok(vg_session_state_take(&first, &err));
    assert_ok(vg_session_state_find(&second, "s", "tcp://127.0.0.1:5", &err));
    assert_error(vg_session_state_take(&second, &err), VG_REFUSED, "another vergenced");
    assert_true(vg_session_state_running(&second, &pid));
    assert_int_equal(pid, getpid());
    assert_ok(vg_session_state_find(&found, "s", NULL, &err));
    assert_string_equal(found.endpoint, first.endpoint);
    vg_session_state_release(&first);
    assert_false(vg_session_state_running(&found, &pid));
    assert_ok(vg_session_state_take(&second, &err));
    assert_ok(vg_session_state_find(&found, "s", NULL, &err));
    assert_string_equal(found.endpoint, "tcp://127.0.0.1:5");
    vg_session_state_release(&second);
}

static void a_state_folder_too_deep_for_a_socket_is_an_error(void **state) {
    (void)state;
    vg_error err = {0};
    char deep[400];
    snprintf(deep, sizeof deep, "%s/", vg_test_folder());
    while (strlen(deep) < 120) strcat(deep, "deeper");
    setenv("VERGENCE_STATE", deep, 1);
    vg_session_state s;
    assert_ok(vg_session_state_find(&s, "s", "", &err));
    assert_error(vg_session_state_take(&s, &err), VG_INVALID, "control.endpoint to tcp://127.0.0.1:PORT");
    assert_ok(vg_session_state_find(&s, "s", "tcp://127.0.0.1:5", &err));
    assert_ok(vg_session_state_take(&s, &err));
    vg_session_state_release(&s);
}

static void a_resumed_curve_has_each_update_once(void **state) {
    (void)state;
    vg_error err = {0};
    vg_curve curve;
    vg_train_stats stats = {0};
    assert_ok(vg_curve_open(&curve, vg_test_folder(), false, &err));
    for (stats.updates = 1; stats.updates <= 5; stats.updates++) assert_ok(vg_curve_add(&curve, &stats, &err));
    fputs("6,1", curve.file); /* killed while writing */
    vg_curve_close(&curve);
    assert_ok(vg_curve_open(&curve, vg_test_folder(), true, &err));
    for (stats.updates = 4; stats.updates <= 6; stats.updates++) assert_ok(vg_curve_add(&curve, &stats, &err));
    vg_curve_close(&curve);
    FILE *file = fopen(curve.path, "r");
    char line[1024];
    int rows = 0;
    assert_non_null(fgets(line, sizeof line, file));
    assert_true(strncmp(line, "updates,env_steps,", 18) == 0);
    while (fgets(line, sizeof line, file)) assert_int_equal(strtol(line, NULL, 10), ++rows);
    assert_int_equal(rows, 6);
    fclose(file);
}

static void every_status_has_its_exit_code(void **state) {
    (void)state;
    assert_int_equal(vg_exit_code(VG_OK), 0);
    assert_int_equal(vg_exit_code(VG_FAILED), 1);
    assert_int_equal(vg_exit_code(VG_CORRUPT), 1);
    assert_int_equal(vg_exit_code(VG_INVALID), 2);
    assert_int_equal(vg_exit_code(VG_UNREACHABLE), 3);
    assert_int_equal(vg_exit_code(VG_REFUSED), 4);
    assert_int_equal(vg_exit_code(VG_NOT_FOUND), 5);
    assert_int_equal(vg_exit_code(VG_TIMEOUT), 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_answered),
        cmocka_unit_test(other_requests_are_refused_with_a_reason),
        cmocka_unit_test(random_bytes_never_crash_the_answer),
        cmocka_unit_test(the_socket_survives_garbage_and_still_answers),
        cmocka_unit_test(an_endpoint_that_cannot_be_bound_is_named),
        cmocka_unit_test(two_daemons_do_not_share_a_session),
        cmocka_unit_test(a_state_folder_too_deep_for_a_socket_is_an_error),
        cmocka_unit_test(a_resumed_curve_has_each_update_once),
        cmocka_unit_test(every_status_has_its_exit_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
