/* A world over ZeroMQ: real sockets, real processes. */
#include "proto/proto.h"
#include "sim_bridge/remote/serve.h"
#include "sim_bridge/world.h"
#include "tests/support/support.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

enum { ENVS = 3 };

static vg_world_config world_config(void) {
    vg_world_config c = vg_world_config_default();
    c.cameras = 5, c.people = 7, c.envs = ENVS;
    return c;
}

/* ---- a server in a thread of this process ---- */

typedef struct server {
    pthread_t thread;
    atomic_bool stop, ready;
    char endpoint[512], listen[512];
    double lease;
    vg_status status;
    vg_error err;
} server;

static void on_ready(void *context, const char *endpoint) {
    server *s = context;
    snprintf(s->endpoint, sizeof s->endpoint, "%s", endpoint);
    atomic_store(&s->ready, true);
}

static void *serve(void *context) {
    server *s = context;
    vg_world_config config = world_config();
    vg_world *world;
    s->status = vg_world_open(&world, &config, &s->err);
    if (s->status == VG_OK) {
        vg_serve_config c = vg_serve_config_default();
        c.listen = s->listen, c.stop = &s->stop, c.ready = on_ready, c.context = s, c.lease_seconds = s->lease;
        s->status = vg_serve_world(world, &c, &s->err);
        vg_world_close(world);
    }
    atomic_store(&s->ready, true);
    return NULL;
}

static void start(server *s, const char *listen, double lease) {
    memset(s, 0, sizeof *s);
    snprintf(s->listen, sizeof s->listen, "%s", listen);
    s->lease = lease;
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
    while (!atomic_load(&s->ready)) usleep(1000);
}

static void finish(server *s) {
    atomic_store(&s->stop, true);
    pthread_join(s->thread, NULL);
}

static vg_world *connect_to(const char *endpoint, double timeout) {
    vg_error err = {0};
    vg_world_config c = world_config();
    c.kind = "remote", c.endpoint = endpoint, c.timeout_seconds = timeout, c.reconnect_seconds = 0;
    vg_world *world;
    assert_ok(vg_world_open(&world, &c, &err));
    return world;
}

static vg_frame *new_frames(const vg_world *w) {
    const size_t bytes = vg_frame_bytes(w->info.dims);
    vg_frame *frames = calloc((size_t)w->info.envs, bytes);
    for (int32_t i = 0; i < w->info.envs; i++)
        vg_frame_init((vg_frame *)(void *)((char *)frames + bytes * (size_t)i), w->info.dims, i);
    return frames;
}

static void random_commands(vg_command *out, vg_rng *rng, const vg_frame *frames) {
    for (int32_t e = 0; e < ENVS; e++) {
        out[e] = (vg_command){
            .environment = e, .cameras = 5, .frame_id = vg_frame_at((vg_frame *)(uintptr_t)frames, e)->frame_id};
        for (int c = 0; c < 5; c++)
            out[e].camera[c] =
                (vg_camera_command){{vg_rng_normal(rng), vg_rng_normal(rng), 0.2f * vg_rng_normal(rng)}, 0.5f, -0.1f};
    }
}

static void check_same_as_in_process(const char *listen) {
    server s;
    start(&s, listen, 10);
    vg_error err = {0};
    vg_world_config config = world_config();
    vg_world *local, *remote = connect_to(s.endpoint, 5);
    assert_ok(vg_world_open(&local, &config, &err));
    vg_frame *a = new_frames(local), *b = new_frames(remote);
    vg_rng rng = vg_test_rng(5);
    const size_t bytes = vg_frame_bytes(local->info.dims);
    for (int step = 0; step < 250; step++) {
        if (step % 60 == 0) {
            vg_reset resets[ENVS];
            for (int e = 0; e < ENVS; e++)
                resets[e] = (vg_reset){vg_rng_u64(&rng), 1 + (int32_t)vg_rng_below(&rng, 7), VG_FORMATION_START};
            assert_ok(vg_world_reset(local, 0, ENVS, resets, a, &err));
            assert_ok(vg_world_reset(remote, 0, ENVS, resets, b, &err));
        } else if (step % 60 == 30) { /* a single environment begins anew */
            const vg_reset reset = {vg_rng_u64(&rng), 3, VG_FORMATION_FIXED};
            assert_ok(vg_world_reset(local, 1, 1, &reset, vg_frame_at(a, 1), &err));
            assert_ok(vg_world_reset(remote, 1, 1, &reset, vg_frame_at(b, 1), &err));
        } else {
            vg_command commands[ENVS];
            random_commands(commands, &rng, a);
            assert_ok(vg_world_step(local, 0, ENVS, commands, a, &err));
            assert_ok(vg_world_step(remote, 0, ENVS, commands, b, &err));
        }
        assert_memory_equal(a, b, bytes * ENVS);
    }
    vg_world_close(local), vg_world_close(remote);
    free(a), free(b);
    finish(&s);
    assert_int_equal(s.status, VG_OK);
}

static void frames_over_ipc_are_the_same_bytes_as_in_process(void **state) {
    (void)state;
    char listen[512];
    snprintf(listen, sizeof listen, "ipc://%s/world", vg_test_folder());
    check_same_as_in_process(listen);
}

static void frames_over_tcp_are_the_same_bytes_as_in_process(void **state) {
    (void)state;
    check_same_as_in_process("tcp://127.0.0.1:*");
}

static void nobody_there_is_a_clear_error(void **state) {
    (void)state;
    vg_error err = {0};
    vg_world_config c = world_config();
    c.kind = "remote", c.endpoint = "tcp://127.0.0.1:1", c.timeout_seconds = 0.2;
    vg_world *world;
    assert_error(vg_world_open(&world, &c, &err), VG_TIMEOUT, "no answer within 0.2 s");
    c.endpoint = "carrier-pigeon://roof";
    assert_error(vg_world_open(&world, &c, &err), VG_INVALID, "carrier-pigeon");
    c.endpoint = "";
    assert_error(vg_world_open(&world, &c, &err), VG_INVALID, "world.endpoint is empty");
}

static void a_world_of_another_size_is_refused(void **state) {
    (void)state;
    server s;
    start(&s, "tcp://127.0.0.1:*", 10);
    vg_error err = {0};
    vg_world_config c = world_config();
    c.kind = "remote", c.endpoint = s.endpoint, c.cameras = 4;
    vg_world *world;
    assert_error(vg_world_open(&world, &c, &err), VG_INVALID, "has 5 cameras; world.cameras is 4");
    finish(&s);
}

static void a_second_client_waits_until_the_first_is_gone(void **state) {
    (void)state;
    server s;
    start(&s, "tcp://127.0.0.1:*", 0.3);
    vg_error err = {0};
    vg_world *first = connect_to(s.endpoint, 5);
    vg_world_config c = world_config();
    c.kind = "remote", c.endpoint = s.endpoint;
    vg_world *second;
    assert_error(vg_world_open(&second, &c, &err), VG_REFUSED, "another client holds this world");
    usleep(400000); /* the first has been silent for longer than its lease */
    assert_ok(vg_world_open(&second, &c, &err));
    vg_frame *frames = new_frames(first);
    const vg_reset resets[ENVS] = {{1, 1, 0}, {2, 2, 0}, {3, 3, 0}};
    assert_error(vg_world_reset(first, 0, ENVS, resets, frames, &err), VG_REFUSED, "say hello first");
    vg_world_close(second); /* says bye */
    assert_ok(vg_world_reset(first, 0, ENVS, resets, frames, &err));
    vg_world_close(first);
    free(frames);
    finish(&s);
}

/* ---- a server that is killed: a process of its own ---- */

static pid_t fork_server(const char *listen) {
    const pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nothing behind */
        vg_error err = {0};
        atomic_bool stop = false;
        vg_world_config config = world_config();
        vg_world *world;
        vg_serve_config c = vg_serve_config_default();
        c.listen = listen, c.stop = &stop;
        if (vg_world_open(&world, &config, &err) == VG_OK) vg_serve_world(world, &c, &err);
        _exit(0);
    }
    return pid;
}

static void a_server_that_dies_is_missed_and_picked_up_again(void **state) {
    (void)state;
    char listen[512];
    snprintf(listen, sizeof listen, "ipc://%s/dying", vg_test_folder());
    pid_t pid = fork_server(listen);
    vg_error err = {0};
    vg_world *world = connect_to(listen, 2);
    vg_frame *frames = new_frames(world), *again = new_frames(world);
    const vg_reset resets[ENVS] = {{1, 1, 0}, {2, 2, 0}, {3, 3, 0}};
    assert_ok(vg_world_reset(world, 0, ENVS, resets, frames, &err));
    vg_command commands[ENVS];
    vg_rng rng = vg_test_rng(6);
    random_commands(commands, &rng, frames);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_error(vg_world_step(world, 0, ENVS, commands, frames, &err), VG_TIMEOUT, "no answer");
    assert_error(vg_world_step(world, 0, ENVS, commands, frames, &err), VG_UNREACHABLE, "reset the environments");
    pid = fork_server(listen);
    assert_ok(vg_world_reset(world, 0, ENVS, resets, again, &err));
    assert_int_equal(vg_frame_at(again, 1)->flags & VG_FRAME_FIRST, VG_FRAME_FIRST);
    vg_world_close(world);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    free(frames), free(again);
}

static void a_server_that_comes_back_is_waited_for_and_episodes_begin_again(void **state) {
    (void)state;
    char listen[512];
    snprintf(listen, sizeof listen, "ipc://%s/returning", vg_test_folder());
    pid_t pid = fork_server(listen);
    vg_error err = {0};
    vg_world_config c = world_config();
    c.kind = "remote", c.endpoint = listen, c.timeout_seconds = 1, c.reconnect_seconds = 60;
    vg_world *world;
    assert_ok(vg_world_open(&world, &c, &err));
    vg_frame *frames = new_frames(world), *first = new_frames(world);
    const vg_reset resets[ENVS] = {{1, 1, 0}, {2, 2, 0}, {3, 3, 0}};
    assert_ok(vg_world_reset(world, 0, ENVS, resets, first, &err));
    vg_command commands[ENVS];
    vg_rng rng = vg_test_rng(6);
    random_commands(commands, &rng, first);
    assert_ok(vg_world_step(world, 0, ENVS, commands, frames, &err));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    pid = fork_server(listen);
    assert_ok(vg_world_step(world, 1, 1, commands + 1, vg_frame_at(frames, 1), &err));
    const vg_frame *again = vg_frame_at(frames, 1), *before = vg_frame_at(first, 1);
    assert_int_equal(again->flags, before->flags | VG_FRAME_TRUNCATED);
    assert_memory_equal(vg_frame_truth(again), vg_frame_truth(before), sizeof(float) * 7 * 14 * 3);
    /* the other environments began again too, and say so when they are stepped next */
    assert_ok(vg_world_step(world, 0, 1, commands, frames, &err));
    assert_int_equal(frames->flags & VG_FRAME_TRUNCATED, VG_FRAME_TRUNCATED);
    assert_ok(vg_world_step(world, 0, ENVS, commands, frames, &err));
    assert_int_equal(frames->flags & VG_FRAME_TRUNCATED, 0);
    assert_int_equal(vg_frame_at(frames, 2)->flags & VG_FRAME_TRUNCATED, VG_FRAME_TRUNCATED);
    vg_world_close(world);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    free(frames), free(first);
}

static bool raised(void *context) {
    return atomic_load((atomic_bool *)context);
}

static void waiting_ends_when_somebody_wants_to_stop(void **state) {
    (void)state;
    char listen[512];
    snprintf(listen, sizeof listen, "ipc://%s/gone", vg_test_folder());
    const pid_t pid = fork_server(listen);
    vg_error err = {0};
    atomic_bool stop = true;
    vg_world_config c = world_config();
    c.kind = "remote", c.endpoint = listen, c.timeout_seconds = 1, c.reconnect_seconds = 3600;
    c.stopped = raised, c.stop_context = &stop;
    vg_world *world;
    assert_ok(vg_world_open(&world, &c, &err));
    vg_frame *frames = new_frames(world);
    const vg_reset resets[ENVS] = {{1, 1, 0}, {2, 2, 0}, {3, 3, 0}};
    assert_ok(vg_world_reset(world, 0, ENVS, resets, frames, &err));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_error(vg_world_reset(world, 0, ENVS, resets, frames, &err), VG_INTERRUPTED, "stopped while waiting");
    vg_world_close(world);
    free(frames);
}

/* ---- peers that do not speak as they should ---- */

/* A server of our own making that answers the first request with these bytes. */
typedef struct liar {
    pthread_t thread;
    void *context, *socket;
    char endpoint[256];
    const void *answer;
    size_t size;
} liar;

static void *lie(void *context) {
    liar *l = context;
    char identity[256], request[4096];
    const int n = zmq_recv(l->socket, identity, sizeof identity, 0);
    if (n < 0) return NULL;
    zmq_recv(l->socket, request, sizeof request, 0);
    zmq_send(l->socket, identity, (size_t)n, ZMQ_SNDMORE);
    zmq_send(l->socket, l->answer, l->size, 0);
    return NULL;
}

static void expect_of_liar(const void *answer, size_t size, vg_status status, const char *part) {
    liar l = {.answer = answer, .size = size};
    l.context = zmq_ctx_new();
    l.socket = zmq_socket(l.context, ZMQ_ROUTER);
    const int linger = 0;
    zmq_setsockopt(l.socket, ZMQ_LINGER, &linger, sizeof linger);
    assert_int_equal(zmq_bind(l.socket, "tcp://127.0.0.1:*"), 0);
    size_t room = sizeof l.endpoint;
    zmq_getsockopt(l.socket, ZMQ_LAST_ENDPOINT, l.endpoint, &room);
    pthread_create(&l.thread, NULL, lie, &l);
    vg_error err = {0};
    vg_world_config c = world_config();
    c.kind = "remote", c.endpoint = l.endpoint, c.timeout_seconds = 1;
    vg_world *world;
    assert_error(vg_world_open(&world, &c, &err), status, part);
    pthread_join(l.thread, NULL);
    zmq_close(l.socket);
    zmq_ctx_term(l.context);
}

static void a_server_of_another_version_or_without_manners_is_refused(void **state) {
    (void)state;
    vg_error err = {0};
    vg_codec *codec;
    vg_bytes bytes;
    assert_ok(vg_codec_create(&codec, 65536, &err));
    const vg_wire_world world = {.version = 3, .dims = {5, 7, 14}, .environments = ENVS, .step_seconds = 0.1};
    assert_ok(vg_encode_world(codec, 1, &world, &bytes, &err));
    expect_of_liar(bytes.data, bytes.size, VG_VERSION, "protocol version 3");
    expect_of_liar("\x08\x01nonsense", 10, VG_CORRUPT, "not a vergence.Envelope");
    assert_ok(vg_encode_empty(codec, 1, VG_MESSAGE_PONG, &bytes, &err));
    expect_of_liar(bytes.data, bytes.size, VG_CORRUPT, "kind 9");
    assert_ok(vg_encode_empty(codec, 99, VG_MESSAGE_PONG, &bytes, &err)); /* an answer to another request */
    expect_of_liar(bytes.data, bytes.size, VG_TIMEOUT, "no answer");
    const vg_wire_error said = {VG_REFUSED, "go away"};
    assert_ok(vg_encode_error(codec, 1, &said, &bytes, &err));
    expect_of_liar(bytes.data, bytes.size, VG_REFUSED, "go away");
    vg_codec_destroy(codec);
}

/* Asks with raw bytes and returns the kind of the answer; an error's text goes to `said`. */
static vg_message_kind ask(void *socket, vg_codec *codec, const void *data, size_t size, vg_wire_error *said) {
    vg_error err = {0};
    zmq_send(socket, data, size, 0);
    zmq_msg_t message;
    zmq_msg_init(&message);
    assert_true(zmq_msg_recv(&message, socket, 0) >= 0);
    vg_message_kind kind;
    uint64_t sequence;
    assert_ok(vg_decode(codec, zmq_msg_data(&message), zmq_msg_size(&message), &kind, &sequence, &err));
    if (kind == VG_MESSAGE_ERROR) assert_ok(vg_decoded_error(codec, said, &err));
    zmq_msg_close(&message);
    return kind;
}

static void clients_without_manners_get_an_error_and_the_world_goes_on(void **state) {
    (void)state;
    server s;
    start(&s, "tcp://127.0.0.1:*", 10);
    vg_world *good = connect_to(s.endpoint, 5);
    void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_DEALER);
    const int linger = 0, timeout = 5000;
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
    assert_int_equal(zmq_connect(socket, s.endpoint), 0);
    vg_error err = {0};
    vg_codec *codec;
    vg_bytes bytes;
    vg_wire_error said;
    assert_ok(vg_codec_create(&codec, 1 << 20, &err));
    assert_int_equal(ask(socket, codec, "\xff\xff\xff", 3, &said), VG_MESSAGE_ERROR);
    assert_ok(vg_encode_empty(codec, 1, VG_MESSAGE_PING, &bytes, &err));
    assert_int_equal(ask(socket, codec, bytes.data, bytes.size, &said), VG_MESSAGE_PONG);
    const vg_wire_hello old = {.version = 0, .name = "old"};
    assert_ok(vg_encode_hello(codec, 2, &old, &bytes, &err));
    assert_int_equal(ask(socket, codec, bytes.data, bytes.size, &said), VG_MESSAGE_ERROR);
    assert_int_equal(said.status, VG_VERSION);
    const vg_wire_reset reset = {1, 1, 0};
    assert_ok(vg_encode_reset(codec, 3, 0, 1, &reset, &bytes, &err));
    assert_int_equal(ask(socket, codec, bytes.data, bytes.size, &said), VG_MESSAGE_ERROR);
    assert_int_equal(said.status, VG_REFUSED);
    zmq_send(socket, "two", 3, ZMQ_SNDMORE); /* more parts than a request has */
    assert_int_equal(ask(socket, codec, "parts", 5, &said), VG_MESSAGE_ERROR);
    vg_rng rng = vg_test_rng(7);
    for (int k = 0; k < 300; k++) {
        unsigned char noise[64];
        for (size_t i = 0; i < sizeof noise; i++) noise[i] = (unsigned char)vg_rng_u32(&rng);
        ask(socket, codec, noise, vg_rng_below(&rng, sizeof noise), &said);
    }
    vg_frame *frames = new_frames(good);
    const vg_reset resets[ENVS] = {{1, 1, 0}, {2, 2, 0}, {3, 3, 0}};
    assert_ok(vg_world_reset(good, 0, ENVS, resets, frames, &err));
    vg_world_close(good);
    zmq_close(socket), zmq_ctx_term(context);
    vg_codec_destroy(codec), free(frames);
    finish(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_over_ipc_are_the_same_bytes_as_in_process),
        cmocka_unit_test(frames_over_tcp_are_the_same_bytes_as_in_process),
        cmocka_unit_test(nobody_there_is_a_clear_error),
        cmocka_unit_test(a_world_of_another_size_is_refused),
        cmocka_unit_test(a_second_client_waits_until_the_first_is_gone),
        cmocka_unit_test(a_server_that_dies_is_missed_and_picked_up_again),
        cmocka_unit_test(a_server_that_comes_back_is_waited_for_and_episodes_begin_again),
        cmocka_unit_test(waiting_ends_when_somebody_wants_to_stop),
        cmocka_unit_test(a_server_of_another_version_or_without_manners_is_refused),
        cmocka_unit_test(clients_without_manners_get_an_error_and_the_world_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
