/* The viewer's server on real sockets: files with their types and a strict policy, a WebSocket that tells the newest; slow,
 * half-open, greedy and hostile clients; a tick that neither waits nor allocates. */
#include "tests/support/web.h"

#include "calibration/calibration.h"
#include "daemon/web.h"
#include "daemon/web_message.h"
#include "tests/support/allocations.h"
#include "tests/support/process.h"

#include <math.h>

enum { TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 }; /* opcodes */
enum { CAMERAS = 2, PEOPLE = 3, JOINTS = 14, VIEWERS = 12 };

static vg_session_config config;
static vg_world_info world;
static vg_control control;
static vg_web *web;
static int port, half_open;
static vg_frame *frame;
static vg_skeletons *skeletons;
static web_message got;

/* Two cameras that look at the origin from +x and from +y, and a person whom both see exactly. */
static void make_scene(void) {
    const vg_dims d = {CAMERAS, PEOPLE, JOINTS};
    frame = calloc(1, vg_frame_bytes(d)), skeletons = calloc(1, vg_skeletons_bytes(PEOPLE, JOINTS));
    vg_frame_init(frame, d, 0), vg_skeletons_init(skeletons, PEOPLE, JOINTS, 0);
    static const double R[CAMERAS][9] = {{0, 1, 0, 0, 0, -1, -1, 0, 0}, {-1, 0, 0, 0, 0, -1, 0, -1, 0}};
    for (int c = 0; c < CAMERAS; c++) {
        vg_camera *camera = &vg_frame_cameras(frame)[c];
        *camera = (vg_camera){.width = 640, .height = 480, .fx = 500, .fy = 500, .cx = 319.5, .cy = 239.5};
        memcpy(camera->R, R[c], sizeof R[c]);
        camera->t[1] = 1, camera->t[2] = 5; /* 5 m away, 1 m up */
    }
    vg_skeletons_present(skeletons)[1] = 1;
    vg_frame_present(frame)[0] = 1;
    for (int j = 0; j < JOINTS; j++) {
        vg_joint *joint = &vg_skeletons_joints(skeletons)[JOINTS + j];
        *joint = (vg_joint){.state = VG_JOINT_MEASURED, .views = 2, .reprojection = 0.5f};
        joint->position[0] = 0.1f * (float)j, joint->position[1] = 0.5f, joint->position[2] = 0.1f * (float)j;
        const double at[3] = {(double)joint->position[0], (double)joint->position[1], (double)joint->position[2]};
        for (int c = 0; c < CAMERAS; c++) {
            double uv[2];
            assert_true(vg_project(uv, NULL, NULL, &vg_frame_cameras(frame)[c], at));
            vg_frame_keypoints(frame)[c * PEOPLE * JOINTS + j] = (vg_keypoint){(float)uv[0], (float)uv[1], 0.9f};
        }
    }
    vg_skeletons_joints(skeletons)[JOINTS + 3].state = VG_JOINT_LOST;
    vg_skeletons_joints(skeletons)[JOINTS + 3].position[0] = NAN;
}

static void push(uint64_t id) {
    frame->frame_id = skeletons->frame_id = id;
    frame->time_ns = (int64_t)id * 10000000;
    vg_web_push(web, frame, skeletons);
}

static int begin(void **state) {
    (void)state;
    vg_error err = {0};
    make_scene();
    config = vg_session_config_default(VG_PRESET_DEFAULT);
    config.session.kind = VG_SESSION_MOCAP;
    snprintf(config.session.name, sizeof config.session.name, "stage");
    snprintf(config.web.listen, sizeof config.web.listen, "127.0.0.1:0");
    world =
        (vg_world_info){.name = "live", .scene = "live", .dims = {CAMERAS, PEOPLE, JOINTS}, .joint_set = "vergence14"};
    snprintf(world.camera_names[0], sizeof world.camera_names[0], "left <b>");
    snprintf(world.camera_names[1], sizeof world.camera_names[1], "bad \xff");
    control = (vg_control){.config = &config, .folder = "runs/x", .world = &world};
    pthread_mutex_init(&control.mutex, NULL);
    snprintf(control.status.state, sizeof control.status.state, "running");
    assert_ok(vg_web_open(&web, &control, NULL, &err));
    port = web_port_of(vg_web_url(web));
    half_open = web_connect(port); /* the last test sees what becomes of it */
    web_send(half_open, "GET / HTT", 9);
    return 0;
}

static int end(void **state) {
    (void)state;
    vg_web_close(web);
    free(frame), free(skeletons);
    return 0;
}

static void files_have_types_and_a_strict_policy(void **state) {
    (void)state;
    static const char *const files[][3] = {{"/", "text/html; charset=utf-8", "viewer.js"},
                                           {"/viewer.js", "text/javascript; charset=utf-8", "WebSocket"},
                                           {"/viewer.css", "text/css; charset=utf-8", "#panel"}};
    for (size_t i = 0; i < 3; i++) {
        char request[128], type[64];
        size_t size;
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n", files[i][0]);
        snprintf(type, sizeof type, "content-type: %s\r\n", files[i][1]);
        char *answer = web_ask(port, request, &size), *body = strstr(answer, "\r\n\r\n") + 4;
        assert_memory_equal(answer, "HTTP/1.1 200 OK\r\n", 17);
        assert_non_null(strstr(answer, type));
        assert_non_null(strstr(answer, "content-security-policy: default-src 'none'; "));
        assert_non_null(strstr(answer, "x-content-type-options: nosniff\r\n"));
        assert_non_null(strstr(body, files[i][2]));
        const char *length = strstr(answer, "content-length: ");
        assert_int_equal(atoi(length + 16), answer + size - body);
        assert_null(strstr(body, "http://cdn"));
        free(answer);
    }
    size_t size;
    char *answer = web_ask(port, "HEAD /viewer.js HTTP/1.1\r\nHost: localhost\r\n", &size);
    assert_string_equal(answer + size - 4, "\r\n\r\n"); /* a head and no body */
    free(answer);
}

/* Not a file: an error, or the connection is closed without a word. */
static void web_expect_nothing(int to, const char *request) {
    size_t size;
    char *answer = web_ask(to, request, &size);
    if (size > 0 && (strncmp(answer, "HTTP/1.", 7) != 0 || answer[9] != '4'))
        fail_msg("`%.40s` is answered `%.60s`", request, answer);
    free(answer);
}

static void what_is_not_here_or_not_ours_is_refused(void **state) {
    (void)state;
    web_expect_status(port, "GET /../etc/passwd HTTP/1.1\r\nHost: localhost\r\n", 404);
    web_expect_status(port, "GET /viewer.js HTTP/1.1\r\nHost: evil.example\r\n", 421);
    web_expect_status(port, "GET /live HTTP/1.1\r\nHost: localhost\r\n", 426);
    web_expect_status(port, "POST / HTTP/1.1\r\nHost: localhost\r\n", 405);
    web_expect_nothing(port, "PUT / HTTP/1.1\r\nHost: localhost\r\n");
    web_expect_nothing(port, "\x16\x03\x01 a TLS hello\r\n\r\n");
    static const char upgrade[] =
        "GET /live HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: %s\r\n\r\n";
    char request[512];
    snprintf(request, sizeof request, upgrade, "localhost:9", "http://evil.example");
    web_expect_status(port, request, 403);
    snprintf(request, sizeof request, upgrade, "evil.example", "http://evil.example");
    web_expect_status(port, request, 421);
}

static void a_request_that_is_too_long_is_refused(void **state) {
    (void)state;
    char *request = malloc(100000);
    int n = sprintf(request, "GET / HTTP/1.1\r\nHost: localhost\r\nCookie: ");
    memset(request + n, 'x', 90000), request[n + 90000] = '\0';
    web_expect_nothing(port, request);
    free(request);
}

static void a_viewer_is_told_who_is_who_and_where(void **state) {
    (void)state;
    push(7);
    const int fd = web_watch(port);
    web_await(fd, &got, TEXT);
    json_t *hello = json_loads((char *)got.data, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(hello, "type")), "hello");
    assert_string_equal(json_string_value(json_object_get(hello, "session")), "stage");
    const json_t *names = json_object_get(hello, "cameras");
    assert_string_equal(json_string_value(json_array_get(names, 0)), "left <b>");
    assert_string_equal(json_string_value(json_array_get(names, 1)), "camera 2");
    const json_t *joint = json_array_get(json_object_get(hello, "joints"), VG_R_KNEE);
    assert_string_equal(json_string_value(json_object_get(joint, "name")), "RKnee");
    assert_string_equal(json_string_value(json_object_get(joint, "side")), "right");
    assert_true(json_array_size(json_object_get(hello, "bones")) > 10);
    json_decref(hello);
    web_await(fd, &got, TEXT);
    json_t *status = json_loads((char *)got.data, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(json_object_get(status, "status"), "state")), "running");
    assert_int_equal(json_integer_value(json_object_get(status, "viewers")), 1);
    json_decref(status);
    web_await(fd, &got, BINARY);
    uint32_t head[4], slot, joint_state;
    double times[2];
    float camera[30], first[11];
    memcpy(head, got.data, 16), memcpy(times, got.data + 16, 16);
    assert_int_equal(head[0], 1);
    assert_int_equal(head[1], CAMERAS);
    assert_int_equal(head[2], 1); /* one person is there */
    assert_int_equal(head[3], JOINTS);
    assert_close(times[0], 0.07, 1e-9);
    assert_close(times[1], 7, 0);
    memcpy(camera, got.data + 32, sizeof camera);
    const float *at = camera, *corner = camera + 12;
    assert_close(at[0], 5, 1e-6);
    assert_close(at[2], 1, 1e-6);
    assert_close(corner[0], -1 / sqrt(1 + 0.64 * 0.64 + 0.48 * 0.48), 1e-6); /* (0 - 320) / 500, (0 - 240) / 500 */
    assert_true(corner[1] < 0 && corner[2] > 0);                             /* the picture's left is the world's -y */
    assert_int_equal(got.size, 32 + 4 * (CAMERAS * 30 + 1 + JOINTS * 11));
    const unsigned char *person = got.data + 32 + 4 * CAMERAS * 30;
    memcpy(&slot, person, 4), memcpy(first, person + 4 + 4 * 11 * 5, 44);
    assert_int_equal(slot, 1);
    assert_close(first[0], 0.5, 1e-6);
    memcpy(&joint_state, person + 4 + 4 * 11 * 3 + 40, 4);
    assert_int_equal(joint_state, 2 << 16 | VG_JOINT_LOST);
    close(fd);
}

static void a_camera_that_was_knocked_shows(void **state) {
    (void)state;
    vg_web_errors errors = {0};
    assert_true(isnan(vg_web_errors_of(&errors, 0)));
    for (int j = 0; j < JOINTS; j++) vg_frame_keypoints(frame)[PEOPLE * JOINTS + j].u += 3;
    for (int i = 0; i < 5; i++) vg_web_errors_add(&errors, frame, skeletons);
    for (int j = 0; j < JOINTS; j++) vg_frame_keypoints(frame)[PEOPLE * JOINTS + j].u -= 3;
    assert_close(vg_web_errors_of(&errors, 0), 0, 1e-3);
    assert_close(vg_web_errors_of(&errors, 1), 3, 1e-3);
}

/* Frames come far quicker than a viewer that does not read takes them: it misses most, and the last it gets is the newest. */
static void who_is_slow_misses_frames_and_gets_the_newest(void **state) {
    (void)state;
    enum { MANY = 40000 };
    const int slow = web_watch_narrow(port, 4096);
    const long before = allocations;
    for (uint64_t id = 1; id <= MANY; id++) {
        push(id);
        if (id % 100 == 0) vg_test_sleep_ms(2);
    }
    assert_int_equal(allocations, before);
    int frames = 0;
    double newest = 0;
    while (newest < MANY) {
        web_await(slow, &got, BINARY);
        double id;
        memcpy(&id, got.data + 24, sizeof id);
        assert_true(id > newest);
        newest = id;
        frames++;
    }
    assert_true(frames < 1000);
    close(slow);
}

static void expect_goodbye(int fd, int code) {
    web_await(fd, &got, CLOSE);
    assert_int_equal(got.data[0] << 8 | got.data[1], code);
    web_read_message(fd, &got);
    assert_int_equal(got.opcode, 0);
    close(fd);
}

static void expect_end(int fd) {
    do {
        web_read_message(fd, &got);
    } while (got.opcode && got.opcode != CLOSE);
    close(fd);
}

static void viewers_may_ask_whether_we_are_there_and_leave(void **state) {
    (void)state;
    const int fd = web_watch(port);
    web_say(fd, PING, "here?", 5);
    web_await(fd, &got, PONG);
    assert_int_equal(got.size, 5);
    assert_memory_equal(got.data, "here?", 5);
    web_say(fd, PONG, "", 0);
    web_say(fd, CLOSE, "\x03\xe8", 2);
    expect_end(fd); /* with a goodbye, unless a message is on its way */
}

static void viewers_that_talk_are_shown_out(void **state) {
    (void)state;
    int fd = web_watch(port);
    web_say(fd, TEXT, "{\"request\":\"stop\"}", 18);
    expect_goodbye(fd, 1003);
    fd = web_watch(port);
    web_send(fd, "\x82\xff\0\0\0\x7f\0\0\0\0mask and so on", 24); /* 500 GB are announced */
    expect_end(fd);
    fd = web_watch(port);
    web_send(fd, "\x81\x05hello", 7); /* not masked */
    expect_end(fd);
    assert_false(atomic_load(&control.stop));
}

static void viewers_are_bounded(void **state) {
    (void)state;
    int fds[VIEWERS];
    vg_test_sleep_ms(50); /* those of other tests are gone */
    for (int i = 0; i < VIEWERS; i++) fds[i] = web_watch(port), web_await(fds[i], &got, TEXT);
    web_expect_status(port,
                      "GET /live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                      503);
    for (int i = 0; i < VIEWERS; i++) close(fds[i]);
}

/* Connections that say nothing, ask and do not read, or send bytes without end: a request finds its way between them. */
static void floods_do_not_keep_others_out(void **state) {
    (void)state;
    enum { FLOOD = 300 };
    int fds[FLOOD];
    vg_rng rng = vg_test_rng(8);
    const int viewer = web_watch(port);
    for (int i = 0; i < FLOOD; i++) {
        char junk[300];
        fds[i] = web_connect_narrow(port, 4096);
        if (i % 5 == 0) web_send(fds[i], "GET /viewer.js HTTP/1.1\r\nHost: localhost\r\n\r\n", 44);
        const size_t n = vg_rng_below(&rng, sizeof junk);
        for (size_t k = 0; k < n; k++) junk[k] = (char)vg_rng_below(&rng, 256);
        if (i % 3) web_send(fds[i], junk, n);
        if (i % 50 == 0) web_expect_status(port, "GET / HTTP/1.1\r\nHost: localhost\r\n", 200);
    }
    web_expect_status(port, "GET / HTTP/1.1\r\nHost: localhost\r\n", 200);
    push(50000);
    web_await(viewer, &got, TEXT); /* who was there before is served */
    for (int i = 0; i < FLOOD; i++) close(fds[i]);
    close(viewer);
}

static void a_port_that_is_taken_or_no_port_is_named(void **state) {
    (void)state;
    vg_error err = {0};
    vg_web *second;
    char part[128];
    vg_session_config other = config;
    vg_control its = control;
    its.config = &other;
    snprintf(other.web.listen, sizeof other.web.listen, "127.0.0.1:%d", port);
    snprintf(part, sizeof part, "web.listen: port %d of 127.0.0.1 is taken", port);
    assert_error(vg_web_open(&second, &its, NULL, &err), VG_REFUSED, part);
    assert_int_equal(vg_exit_code(VG_REFUSED), VG_EXIT_REFUSED);
    snprintf(other.web.listen, sizeof other.web.listen, "8080");
    assert_error(vg_web_open(&second, &its, NULL, &err), VG_INVALID, "it must be HOST:PORT");
    snprintf(other.web.listen, sizeof other.web.listen, "256.1.1.1:80");
    assert_error(vg_web_open(&second, &its, NULL, &err), VG_INVALID, "host `256.1.1.1` is unknown");
    snprintf(other.web.listen, sizeof other.web.listen, "192.0.2.1:0"); /* an address of nobody */
    assert_error(vg_web_open(&second, &its, NULL, &err), VG_INVALID, "cannot listen at 192.0.2.1:0");
}

static void a_request_that_never_ends_is_dropped_and_viewers_are_told_the_end(void **state) {
    (void)state;
    char byte;
    assert_int_equal(recv(half_open, &byte, 1, 0), 0); /* 5 s after it came, or when the flood took its place */
    close(half_open);
    const int slow = web_connect(port);
    web_send(slow, "GET / HTTP/1.1\r\n", 16);
    assert_int_equal(recv(slow, &byte, 1, 0), 0);
    close(slow);
    const int viewer = web_watch(port);
    web_await(viewer, &got, TEXT);
    vg_test_sleep_ms(100);
    vg_web_close(web), web = NULL;
    expect_goodbye(viewer, 1001);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_have_types_and_a_strict_policy),
        cmocka_unit_test(what_is_not_here_or_not_ours_is_refused),
        cmocka_unit_test(a_request_that_is_too_long_is_refused),
        cmocka_unit_test(a_viewer_is_told_who_is_who_and_where),
        cmocka_unit_test(a_camera_that_was_knocked_shows),
        cmocka_unit_test(who_is_slow_misses_frames_and_gets_the_newest),
        cmocka_unit_test(viewers_may_ask_whether_we_are_there_and_leave),
        cmocka_unit_test(viewers_that_talk_are_shown_out),
        cmocka_unit_test(viewers_are_bounded),
        cmocka_unit_test(floods_do_not_keep_others_out),
        cmocka_unit_test(a_port_that_is_taken_or_no_port_is_named),
        cmocka_unit_test(a_request_that_never_ends_is_dropped_and_viewers_are_told_the_end),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
