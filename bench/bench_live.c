/* A live session as it runs: keypoints of 5 cameras and 4 people go in through ZeroMQ, skeletons come out, between two
 * processes; recorder, control socket and VMC output are on. Measured is the time from sending an instant's last picture to
 * having its skeletons. The reference is a process that answers the same five messages with as many bytes and does nothing
 * else. */
#include "bench/bench.h"
#include "common/clock.h"
#include "daemon/daemon.h"
#include "sim_bridge/live/live.h"
#include "sim_bridge/live/publish.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

enum { CAMERAS = 5, PEOPLE = 4, JOINTS = 14, TICKS = 1200, WARM = 100, REPLY_BYTES = 3000 };
#define PERIOD_NS 8333333 /* of the pictures' time stamps: 120 Hz */
#define PAUSE_NS  8000000 /* between two instants, real time */

typedef struct rig {
    char folder[64], keypoints[128], skeletons[128], calibration[128];
    vg_world *world;
    vg_frame *frame;
    vg_keypoint_publisher *publisher;
    void *context, *socket;
    int64_t time_ns;
    char clock[64];
    double *seconds; /* [TICKS] */
} rig;

/* ---- the other process ---- */

_Noreturn static void run_session(const rig *r) {
    vg_session_config c = vg_session_config_default(VG_PRESET_DEFAULT);
    vg_session_state state;
    c.session.kind = VG_SESSION_MOCAP, c.world.kind = VG_SESSION_STREAMS, c.world.people = PEOPLE;
    c.train.people_max = PEOPLE, c.world.rate_hz = 120;
    snprintf(c.world.endpoint, sizeof c.world.endpoint, "%s", r->keypoints);
    snprintf(c.world.calibration, sizeof c.world.calibration, "%s", r->calibration);
    snprintf(c.mocap.publish, sizeof c.mocap.publish, "%s", r->skeletons);
    snprintf(c.mocap.vmc, sizeof c.mocap.vmc, "127.0.0.1:39539");
    snprintf(c.session.folder, sizeof c.session.folder, "%s/run", r->folder);
    snprintf(c.control.endpoint, sizeof c.control.endpoint, "ipc://%s/control", r->folder);
    setenv("VERGENCE_STATE", r->folder, 1);
    vg_error err = {0};
    const vg_session_options options = {0};
    if (vg_session_config_check(&c, &err) == VG_OK &&
        vg_session_state_find(&state, "bench", c.control.endpoint, &err) == VG_OK &&
        vg_session_state_take(&state, &err) == VG_OK)
        vg_session_run(&c, &state, &options, &err);
    fprintf(stderr, "tick_live: the session ended: %s\n", err.message);
    _exit(1);
}

_Noreturn static void run_echo(const rig *r) {
    void *context = zmq_ctx_new(), *in = zmq_socket(context, ZMQ_SUB), *out = zmq_socket(context, ZMQ_PUB);
    char request[8192], reply[REPLY_BYTES] = {0};
    zmq_setsockopt(in, ZMQ_SUBSCRIBE, "", 0);
    if (zmq_connect(in, r->keypoints) != 0 || zmq_bind(out, r->skeletons) != 0) _exit(1);
    for (int n = 1;; n++) {
        if (zmq_recv(in, request, sizeof request, 0) < 0) _exit(1);
        if (n % CAMERAS == 0) zmq_send(out, reply, sizeof reply, 0);
    }
}

/* ---- this one ---- */

static vg_status publish_instant(rig *r, vg_error *err) {
    const vg_frame *f = r->frame;
    r->time_ns += PERIOD_NS;
    for (int32_t c = 0; c < CAMERAS; c++) {
        const vg_camera *k = &vg_frame_cameras(f)[c];
        vg_wire_keypoints picture = {.joint_set = "vergence14",
                                     .time_ns = r->time_ns,
                                     .width = k->width,
                                     .height = k->height,
                                     .people = PEOPLE,
                                     .joints = JOINTS,
                                     .keypoints = vg_frame_keypoints(f) + c * PEOPLE * JOINTS};
        snprintf(picture.camera, sizeof picture.camera, "cam%d", c + 1);
        snprintf(picture.clock, sizeof picture.clock, "%s", r->clock);
        VG_TRY(vg_keypoint_publish(r->publisher, c, &picture, err));
    }
    return VG_OK;
}

/* One instant there and back; NaN where nothing came back within 0.2 s. */
static vg_status there_and_back(rig *r, double *seconds, vg_error *err) {
    const vg_command stand = {.cameras = CAMERAS};
    VG_TRY(vg_world_step(r->world, 0, 1, &stand, r->frame, err));
    vg_clock_sleep_until_ns(vg_clock_now_ns() + PAUSE_NS);
    VG_TRY(publish_instant(r, err));
    const int64_t sent = vg_clock_now_ns();
    char answer[65536];
    zmq_pollitem_t item = {.socket = r->socket, .events = ZMQ_POLLIN};
    const bool came = zmq_poll(&item, 1, 200) > 0 && zmq_recv(r->socket, answer, sizeof answer, 0) >= 0;
    *seconds = came ? (double)(vg_clock_now_ns() - sent) * 1e-9 : (double)NAN;
    return VG_OK;
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The duration that this share of the instants stayed under. */
static vg_status measure(rig *r, double share, double *out, vg_error *err) {
    r->context = zmq_ctx_new();
    r->socket = zmq_socket(r->context, ZMQ_SUB);
    const int linger = 0;
    zmq_setsockopt(r->socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(r->socket, ZMQ_SUBSCRIBE, "", 0);
    zmq_connect(r->socket, r->skeletons);
    int32_t done = 0;
    vg_status status = VG_OK;
    for (int32_t warm = 0, lost = 0; done < TICKS && status == VG_OK;) {
        double seconds;
        status = there_and_back(r, &seconds, err);
        if (isnan(seconds)) {
            if (++lost > 50) status = vg_fail(err, VG_TIMEOUT, "tick_live: no skeletons come back");
        } else if (++warm > WARM) {
            r->seconds[done++] = seconds;
        }
    }
    zmq_close(r->socket), zmq_ctx_term(r->context);
    if (status != VG_OK) return status;
    qsort(r->seconds, TICKS, sizeof *r->seconds, ascending);
    *out = r->seconds[(int)(share * TICKS)];
    return VG_OK;
}

static vg_status with_process(rig *r, void (*run)(const rig *), double share, double *out, vg_error *err) {
    const pid_t pid = fork();
    if (pid == 0) run(r);
    const vg_status status = measure(r, share, out, err);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return status;
}

static vg_status set_up(rig *r, vg_error *err) {
    vg_world_config world = vg_world_config_default();
    world.cameras = CAMERAS, world.people = PEOPLE, world.step_seconds = 1.0 / 120;
    snprintf(r->folder, sizeof r->folder, "/tmp/vergence-bench-XXXXXX");
    if (!mkdtemp(r->folder)) return vg_fail(err, VG_IO, "tick_live: cannot make %s", r->folder);
    snprintf(r->keypoints, sizeof r->keypoints, "ipc://%s/keypoints", r->folder);
    snprintf(r->skeletons, sizeof r->skeletons, "ipc://%s/skeletons", r->folder);
    snprintf(r->calibration, sizeof r->calibration, "%s/rig.toml", r->folder);
    VG_TRY(vg_world_open(&r->world, &world, err));
    r->frame = calloc(1, vg_frame_bytes(r->world->info.dims));
    r->seconds = calloc(TICKS, sizeof *r->seconds);
    if (!r->frame || !r->seconds) return vg_fail(err, VG_NO_MEMORY, "tick_live: out of memory");
    vg_frame_init(r->frame, r->world->info.dims, 0);
    const vg_reset reset = {1, PEOPLE, VG_FORMATION_FIXED};
    VG_TRY(vg_world_reset(r->world, 0, 1, &reset, r->frame, err));
    VG_TRY(vg_write_rig_calibration(r->frame, r->calibration, err));
    vg_local_clock_name(r->clock);
    r->time_ns = vg_clock_now_ns() - 40000000000; /* instants are sent faster than they were taken */
    return vg_keypoint_publisher_open(&r->publisher, r->keypoints, err);
}

static vg_status live(vg_bench_result *out, double share, vg_error *err) {
    rig r = {0};
    *out = (vg_bench_result){
        .unit = "s", .reference_name = "the same messages through ZeroMQ alone", .lower_is_better = true};
    vg_status status = set_up(&r, err);
    if (status == VG_OK) status = with_process(&r, run_session, share, &out->value, err);
    if (status == VG_OK) status = with_process(&r, run_echo, share, &out->reference, err);
    vg_keypoint_publisher_close(r.publisher);
    vg_world_close(r.world);
    free(r.frame), free(r.seconds);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", r.folder);
    if (strncmp(r.folder, "/tmp/vergence-bench-", 20) == 0 && system(command) != 0) return status;
    return status;
}

vg_status vg_bench_tick_live(vg_bench_result *out, vg_error *err) {
    return live(out, 0.999, err);
}

vg_status vg_bench_tick_live_p99(vg_bench_result *out, vg_error *err) {
    return live(out, 0.99, err);
}
