/* Lock-step over ZeroMQ ipc between two processes: one environment of 5 cameras and 7 people. The reference is a server
 * that only echoes messages of the same sizes. */
#include "bench/bench.h"
#include "common/clock.h"
#include "sim_bridge/remote/serve.h"
#include "sim_bridge/world.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

enum { FRAMES = 20000, CAMERAS = 5, PEOPLE = 7, REQUEST_BYTES = 128, REPLY_BYTES = 8400 };

static vg_world_config world_config(void) {
    vg_world_config c = vg_world_config_default();
    c.cameras = CAMERAS, c.people = PEOPLE;
    return c;
}

_Noreturn static void serve(const char *endpoint) {
    const vg_world_config config = world_config();
    vg_world *world;
    atomic_bool stop = false;
    vg_serve_config c = vg_serve_config_default();
    c.listen = endpoint, c.stop = &stop;
    if (vg_world_open(&world, &config, NULL) == VG_OK) vg_serve_world(world, &c, NULL);
    _exit(1);
}

_Noreturn static void echo(const char *endpoint) {
    void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_ROUTER);
    char identity[256], request[REQUEST_BYTES], reply[REPLY_BYTES] = {0};
    if (zmq_bind(socket, endpoint) != 0) _exit(1);
    for (;;) {
        const int n = zmq_recv(socket, identity, sizeof identity, 0);
        if (n < 0 || zmq_recv(socket, request, sizeof request, 0) < 0) _exit(1);
        zmq_send(socket, identity, (size_t)n, ZMQ_SNDMORE);
        zmq_send(socket, reply, sizeof reply, 0);
    }
}

static pid_t start(void (*run)(const char *), const char *endpoint) {
    const pid_t pid = fork();
    if (pid == 0) run(endpoint);
    return pid;
}

static void end(pid_t pid) {
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static vg_status measure_world(const char *endpoint, double *rate, vg_error *err) {
    vg_world_config config = world_config();
    config.kind = "remote", config.endpoint = endpoint;
    vg_world *world;
    VG_TRY(vg_world_open(&world, &config, err));
    vg_frame *frame = calloc(1, vg_frame_bytes(world->info.dims));
    if (!frame) return vg_fail(err, VG_NO_MEMORY, "zmq_lockstep: out of memory");
    vg_frame_init(frame, world->info.dims, 0);
    const vg_reset reset = {.seed = 1, .people = PEOPLE};
    const vg_command command = {.cameras = CAMERAS};
    vg_status status = vg_world_reset(world, 0, 1, &reset, frame, err);
    const int64_t begin = vg_clock_now_ns();
    for (int i = 0; i < FRAMES && status == VG_OK; i++) status = vg_world_step(world, 0, 1, &command, frame, err);
    *rate = FRAMES / ((double)(vg_clock_now_ns() - begin) * 1e-9);
    vg_world_close(world);
    free(frame);
    return status;
}

static double measure_echo(const char *endpoint) {
    void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_DEALER);
    const int linger = 0;
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    char request[REQUEST_BYTES] = {0}, reply[REPLY_BYTES];
    zmq_connect(socket, endpoint);
    const int64_t begin = vg_clock_now_ns();
    for (int i = 0; i < FRAMES; i++)
        if (zmq_send(socket, request, sizeof request, 0) < 0 || zmq_recv(socket, reply, sizeof reply, 0) < 0) break;
    const double rate = FRAMES / ((double)(vg_clock_now_ns() - begin) * 1e-9);
    zmq_close(socket), zmq_ctx_term(context);
    return rate;
}

vg_status vg_bench_zmq_lockstep(vg_bench_result *out, vg_error *err) {
    char folder[] = "/tmp/vergence-bench-XXXXXX", world[64], null[64];
    if (!mkdtemp(folder)) return vg_fail(err, VG_IO, "zmq_lockstep: cannot make %s", folder);
    snprintf(world, sizeof world, "ipc://%s/world", folder);
    snprintf(null, sizeof null, "ipc://%s/null", folder);
    double rate = 0;
    pid_t pid = start(serve, world);
    const vg_status status = measure_world(world, &rate, err);
    end(pid);
    pid = start(echo, null);
    const double reference = measure_echo(null);
    end(pid);
    unlink(world + 6), unlink(null + 6), rmdir(folder);
    *out = (vg_bench_result){rate, "frames/s", reference, "a server that only echoes as many bytes", false};
    return status;
}
