/* The UnrealCV server beside a null server that only sends as many bytes: both in a process of their own, one client over
 * TCP. Small requests one at a time, pictures with a few requests under way, and what further cameras cost. */
#include "agents/pool.h"
#include "bench/bench.h"
#include "common/clock.h"
#include "sim_bridge/unrealcv/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SMALL = 40000, PICTURES = 600, UNDER_WAY = 4, WIDTH = 640, HEIGHT = 480, PEOPLE = 7, CAMERAS = 7 };
enum { BMP_BYTES = 54 + 4 * WIDTH * HEIGHT, SMALL_BYTES = 24 };

/* --- the servers --------------------------------------------------------------------------------------------------- */

static void tell_port(void *context, const char *address) {
    const int port = atoi(strrchr(address, ':') + 1);
    if (write(*(int *)context, &port, sizeof port) != sizeof port) _exit(1);
}

static void on_pool(void *pool, void (*task)(void *context, int32_t part), void *context, int32_t parts) {
    vg_pool_run(pool, task, context, parts);
}

_Noreturn static void serve(int pipe_end) {
    vg_pool *pool;
    ucv_game *game;
    if (vg_pool_create(&pool, 0, NULL) != VG_OK) _exit(1);
    const ucv_game_config config = {.scene = "blank",
                                    .people = PEOPLE,
                                    .cameras = CAMERAS,
                                    .seed = 1,
                                    .width = WIDTH,
                                    .height = HEIGHT,
                                    .fov = 90,
                                    .files = "/tmp",
                                    .workers = {on_pool, pool}};
    if (ucv_game_create(&game, &config, NULL) != VG_OK) _exit(1);
    ucv_server_config c = ucv_server_config_default();
    c.listen = "127.0.0.1:0", c.no_socket = true, c.ready = tell_port, c.context = &pipe_end;
    ucv_serve(game, &c, NULL);
    _exit(1);
}

static bool read_all(int fd, void *out, size_t size) {
    for (char *at = out; size > 0;) {
        const ssize_t n = read(fd, at, size);
        if (n <= 0) return false;
        at += n, size -= (size_t)n;
    }
    return true;
}

static bool write_all(int fd, const void *data, size_t size) {
    for (const char *at = data; size > 0;) {
        const ssize_t n = send(fd, at, size, MSG_NOSIGNAL);
        if (n <= 0) return false;
        at += n, size -= (size_t)n;
    }
    return true;
}

/* Answers every frame with one of as many bytes as the real server's. */
static void echo_client(int fd) {
    static unsigned char reply[BMP_BYTES + 64], request[256];
    ucv_frame_head(reply, SMALL_BYTES);
    if (!write_all(fd, reply, UCV_HEAD + SMALL_BYTES)) return;
    while (read_all(fd, request, UCV_HEAD)) {
        const size_t size = request[4];
        if (!read_all(fd, request, size)) return;
        const bool picture = memmem(request, size, "bmp", 3) != NULL;
        const size_t body = picture ? BMP_BYTES + 8 : SMALL_BYTES;
        ucv_frame_head(reply, (uint32_t)body);
        if (!write_all(fd, reply, UCV_HEAD + body)) return;
    }
}

_Noreturn static void echo(int pipe_end) {
    ucv_listener listener;
    char address[80];
    int32_t port;
    if (ucv_listen_tcp(&listener, address, &port, "127.0.0.1:0", NULL) != VG_OK) _exit(1);
    tell_port(&pipe_end, address);
    for (;;) {
        struct timespec wait = {.tv_nsec = 1000000};
        const int fd = accept(listener.fd, NULL, NULL), on = 1;
        if (fd < 0 && errno == EAGAIN) {
            nanosleep(&wait, NULL);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        echo_client(fd);
        close(fd);
    }
}

typedef struct peer_process {
    pid_t pid;
    int fd; /* connected, greeting read */
} peer_process;

static int connect_to(int port) {
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    if (connect(fd, (const struct sockaddr *)&to, sizeof to) != 0) return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static size_t read_frame(int fd, unsigned char *room) {
    unsigned char head[UCV_HEAD];
    if (!read_all(fd, head, sizeof head)) return 0;
    const size_t size = (size_t)head[4] | (size_t)head[5] << 8 | (size_t)head[6] << 16 | (size_t)head[7] << 24;
    return read_all(fd, room, size) ? size : 0;
}

static unsigned char *room_for_frames(void) {
    static unsigned char room[BMP_BYTES + 4096];
    return room;
}

static vg_status start(peer_process *out, void (*run)(int), vg_error *err) {
    int ends[2], port = 0;
    *out = (peer_process){.fd = -1};
    if (pipe(ends) != 0) return vg_fail(err, VG_IO, "unrealcv: no pipe");
    out->pid = fork();
    if (out->pid == 0) run(ends[1]);
    close(ends[1]);
    const bool told = read_all(ends[0], &port, sizeof port);
    close(ends[0]);
    out->fd = told ? connect_to(port) : -1;
    if (out->fd < 0 || read_frame(out->fd, room_for_frames()) == 0)
        return vg_fail(err, VG_FAILED, "unrealcv: the server did not start");
    return VG_OK;
}

static void end(peer_process *p) {
    close(p->fd);
    kill(p->pid, SIGKILL);
    waitpid(p->pid, NULL, 0);
}

/* --- the client ---------------------------------------------------------------------------------------------------- */

static bool ask(int fd, int id, const char *command) {
    unsigned char frame[256];
    const int n = snprintf((char *)frame + UCV_HEAD, sizeof frame - UCV_HEAD, "%d:%s", id, command);
    ucv_frame_head(frame, (uint32_t)n);
    return write_all(fd, frame, UCV_HEAD + (size_t)n);
}

typedef struct timing {
    double rate, p99;
} timing;

static int ascending(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static timing small_requests(int fd) {
    static int64_t took[SMALL];
    const int64_t begin = vg_clock_now_ns();
    for (int i = 0; i < SMALL; i++) {
        const int64_t sent = vg_clock_now_ns();
        if (!ask(fd, i, i % 2 ? "vget /camera/0/location" : "vget /object/human1/rotation") ||
            read_frame(fd, room_for_frames()) == 0)
            return (timing){0};
        took[i] = vg_clock_now_ns() - sent;
    }
    const double seconds = (double)(vg_clock_now_ns() - begin) * 1e-9;
    qsort(took, SMALL, sizeof took[0], ascending);
    return (timing){SMALL / seconds, (double)took[SMALL * 99 / 100] * 1e-9};
}

/* Pictures a second, of `cameras` cameras in turn. */
static double pictures(int fd, int cameras) {
    int asked = 0;
    const int64_t begin = vg_clock_now_ns();
    for (int done = 0; done < PICTURES; done++) {
        for (; asked < PICTURES && asked < done + UNDER_WAY; asked++) {
            char command[64];
            snprintf(command, sizeof command, "vget /camera/%d/lit bmp", asked % cameras);
            if (!ask(fd, asked, command)) return 0;
        }
        if (read_frame(fd, room_for_frames()) < BMP_BYTES) return 0;
    }
    return PICTURES / ((double)(vg_clock_now_ns() - begin) * 1e-9);
}

/* Seconds for one round of `cameras` pictures, all asked for at once as a client's batch. */
static double batch_seconds(int fd, int cameras) {
    const int rounds = PICTURES / 4 / cameras;
    int id = 0;
    const int64_t begin = vg_clock_now_ns();
    for (int round = 0; round < rounds; round++) {
        for (int c = 0; c < cameras; c++) {
            char command[64];
            snprintf(command, sizeof command, "vget /camera/%d/lit bmp", c);
            if (!ask(fd, id++, command)) return 0;
        }
        for (int c = 0; c < cameras; c++)
            if (read_frame(fd, room_for_frames()) < BMP_BYTES) return 0;
    }
    return (double)(vg_clock_now_ns() - begin) * 1e-9 / rounds;
}

/* Runs `measure` against the real server, then against the null one. */
static vg_status beside_null(double *value, double *reference, double (*measure)(int fd), vg_error *err) {
    peer_process p = {.fd = -1};
    VG_TRY(start(&p, serve, err));
    *value = measure(p.fd);
    end(&p);
    VG_TRY(start(&p, echo, err));
    *reference = measure(p.fd);
    end(&p);
    if (*value > 0 && *reference > 0) return VG_OK;
    return vg_fail(err, VG_FAILED, "unrealcv: a server hung up");
}

static double small_rate(int fd) {
    return small_requests(fd).rate;
}

static double small_p99(int fd) {
    return small_requests(fd).p99;
}

static double picture_rate(int fd) {
    pictures(fd, 1); /* warm */
    return pictures(fd, 1);
}

static const char null_server[] = "a server that only sends as many bytes";

vg_status vg_bench_unrealcv_small(vg_bench_result *out, vg_error *err) {
    double value, reference;
    VG_TRY(beside_null(&value, &reference, small_rate, err));
    *out = (vg_bench_result){value, "requests/s", reference, null_server, false};
    return VG_OK;
}

vg_status vg_bench_unrealcv_small_p99(vg_bench_result *out, vg_error *err) {
    double value, reference;
    VG_TRY(beside_null(&value, &reference, small_p99, err));
    *out = (vg_bench_result){value, "s", reference, null_server, true};
    return VG_OK;
}

vg_status vg_bench_unrealcv_bmp(vg_bench_result *out, vg_error *err) {
    double value, reference;
    VG_TRY(beside_null(&value, &reference, picture_rate, err));
    *out = (vg_bench_result){value, "images/s", reference, null_server, false};
    return VG_OK;
}

vg_status vg_bench_unrealcv_cameras(vg_bench_result *out, vg_error *err) {
    peer_process p = {.fd = -1};
    VG_TRY(start(&p, serve, err));
    batch_seconds(p.fd, CAMERAS); /* warm */
    const double one = batch_seconds(p.fd, 1), all = batch_seconds(p.fd, CAMERAS);
    end(&p);
    if (!(one > 0 && all > 0)) return vg_fail(err, VG_FAILED, "unrealcv_cameras: the server hung up");
    *out = (vg_bench_result){all / CAMERAS, "s/image", one, "one camera alone", true};
    return VG_OK;
}
