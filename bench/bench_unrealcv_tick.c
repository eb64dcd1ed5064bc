/* The daemon's whole tick over UnrealCV: a live session's decide, world step (our own server as the game, in a process of
 * its own, over its Unix socket), perceive and reward; 5 cameras, keypoints from projected truth. The reference is the
 * same client against a null server that answers every request with what the game answered to it at the start. */
#include "agents/agents.h"
#include "bench/bench.h"
#include "common/clock.h"
#include "sim_bridge/unrealcv/client_link.h"
#include "sim_bridge/unrealcv/server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CAMERAS = 5, PEOPLE = 7, WARM = 100, TICKS = 3000, RECORDED = 64, REQUEST_ROOM = 1 << 20 };

_Noreturn static void serve_game(const char *path) {
    const ucv_game_config config = {.scene = "blank",
                                    .people = PEOPLE,
                                    .cameras = CAMERAS + 1,
                                    .width = 320,
                                    .height = 240,
                                    .fov = 90,
                                    .files = "."};
    atomic_bool stop = false;
    ucv_server_config server = ucv_server_config_default();
    server.listen = "127.0.0.1:0", server.sockets[0] = path, server.socket_count = 1, server.stop = &stop;
    ucv_game *game;
    if (ucv_game_create(&game, &config, NULL) == VG_OK) ucv_serve(game, &server, NULL);
    _exit(1);
}

/* --- the null server ---------------------------------------------------------------------------------------------------- */

typedef struct recorded {
    char command[96];
    unsigned char *body;
    size_t size;
} recorded;

static recorded record[RECORDED];
static int record_count;

static vg_status keep(ucv_link *link, const char *command, vg_error *err) {
    vg_span reply;
    VG_TRY(ucv_request(link, &reply, err, "%s", command));
    recorded *r = &record[record_count++];
    snprintf(r->command, sizeof r->command, "%s", command);
    r->body = malloc(reply.size), r->size = reply.size;
    if (!r->body) return vg_fail(err, VG_NO_MEMORY, "unrealcv_tick: out of memory");
    memcpy(r->body, reply.at, reply.size);
    return VG_OK;
}

/* Asks the game all that the client will ask. */
static vg_status record_game(const char *endpoint, vg_error *err) {
    static const char *const once[] = {"vget /unrealcv/commands", "vget /unrealcv/help", "vget /unrealcv/status",
                                       "vget /cameras"};
    static const char *const of_camera[] = {"size", "fov", "horizontal_fieldofview", "pose"};
    char command[96];
    ucv_link link;
    VG_TRY(ucv_link_init(&link, endpoint, 0, 5, err));
    vg_status status = ucv_link_connect(&link, err);
    for (size_t i = 0; status == VG_OK && i < sizeof once / sizeof once[0]; i++) status = keep(&link, once[i], err);
    for (int c = 1; c <= CAMERAS; c++)
        for (size_t i = 0; status == VG_OK && i < sizeof of_camera / sizeof of_camera[0]; i++) {
            snprintf(command, sizeof command, "vget /camera/%d/%s", c, of_camera[i]);
            status = keep(&link, command, err);
        }
    for (int p = 1; status == VG_OK && p <= PEOPLE; p++) {
        snprintf(command, sizeof command, "vget /human/human%d/3d_keypoint", p);
        status = keep(&link, command, err);
    }
    ucv_link_close(&link);
    return status;
}

static void answer(ucv_buffer *out, vg_span payload) {
    vg_span id, command;
    if (!ucv_request_split(&id, &command, payload)) return;
    const size_t begun = ucv_reply_begin(out, &id);
    const recorded *found = NULL;
    for (int i = 0; !found && i < record_count; i++)
        if (vg_span_is(command, record[i].command)) found = &record[i];
    if (found)
        ucv_put(out, found->body, found->size);
    else
        ucv_put(out, vg_span_starts(command, "vset") ? "ok" : "error", vg_span_starts(command, "vset") ? 2 : 5);
    ucv_reply_end(out, begun);
}

_Noreturn static void serve_null(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1) != 0) _exit(1);
    const int peer = accept(listener, NULL, NULL);
    static unsigned char in[REQUEST_ROOM];
    size_t held = 0;
    ucv_buffer out = {.cap = 64u << 20};
    const size_t begun = ucv_reply_begin(&out, NULL);
    ucv_put(&out, "connected to Null", 17);
    ucv_reply_end(&out, begun);
    for (;;) {
        if (send(peer, out.data, out.size, MSG_NOSIGNAL) < (ssize_t)out.size) _exit(1);
        out.size = 0;
        const ssize_t n = recv(peer, in + held, sizeof in - held, 0);
        if (n <= 0) _exit(0);
        held += (size_t)n;
        size_t at = 0;
        vg_span payload;
        while (ucv_frame_scan(&payload, in + at, held - at, sizeof in) == UCV_SCAN_FRAME) {
            answer(&out, payload);
            at += UCV_HEAD + payload.size;
        }
        memmove(in, in + at, held - at);
        held -= at;
    }
}

/* --- the tick ------------------------------------------------------------------------------------------------------------- */

static vg_status measure(const char *endpoint, double *rate, vg_error *err) {
    vg_world_config config = vg_world_config_default();
    config.kind = "unrealcv", config.endpoint = endpoint, config.cameras = CAMERAS, config.people = PEOPLE;
    vg_live_config live_config = {.policy = "orbit", .train = vg_train_config_default(VG_PRESET_DEFAULT)};
    live_config.train.people_min = live_config.train.people_max = PEOPLE;
    vg_world *world;
    vg_live *live = NULL;
    vg_live_stats stats;
    VG_TRY(vg_world_open(&world, &config, err));
    vg_status status = vg_live_create(&live, &live_config, world, NULL, err);
    for (int i = 0; i < WARM && status == VG_OK; i++) status = vg_live_tick(live, &stats, err);
    const int64_t begin = vg_clock_now_ns();
    for (int i = 0; i < TICKS && status == VG_OK; i++) status = vg_live_tick(live, &stats, err);
    *rate = TICKS / ((double)(vg_clock_now_ns() - begin) * 1e-9);
    vg_live_destroy(live);
    vg_world_close(world);
    return status;
}

/* Starts a server and waits for its socket. */
static pid_t start(void (*run)(const char *), const char *path) {
    const pid_t pid = fork();
    if (pid == 0) run(path);
    for (int i = 0; i < 500 && access(path, F_OK) != 0; i++) usleep(10000);
    usleep(50000); /* bound is not yet listening */
    return pid;
}

static void end(pid_t pid) {
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

vg_status vg_bench_unrealcv_tick(vg_bench_result *out, vg_error *err) {
    char folder[] = "/tmp/vergence-bench-XXXXXX", game[64], null[64], endpoint[96];
    if (!mkdtemp(folder)) return vg_fail(err, VG_IO, "unrealcv_tick: cannot make %s", folder);
    snprintf(game, sizeof game, "%s/game.socket", folder);
    snprintf(null, sizeof null, "%s/null.socket", folder);
    double rate = 0, reference = 0;
    pid_t pid = start(serve_game, game);
    snprintf(endpoint, sizeof endpoint, "unix://%s", game);
    record_count = 0;
    vg_status status = record_game(endpoint, err);
    if (status == VG_OK) status = measure(endpoint, &rate, err);
    end(pid);
    if (status == VG_OK) {
        pid = start(serve_null, null);
        snprintf(endpoint, sizeof endpoint, "unix://%s", null);
        status = measure(endpoint, &reference, err);
        end(pid);
    }
    for (int i = 0; i < record_count; i++) free(record[i].body);
    unlink(game), unlink(null), rmdir(folder);
    *out = (vg_bench_result){rate, "frames/s", reference, "the same client and a server with ready answers", false};
    return status;
}
