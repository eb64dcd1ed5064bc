/* A small scripted game for tests of the UnrealCV client: it answers as one version of the plug-in or another does, with the
 * texts that those were seen to send, and keeps what it was asked. One client at a time, in a thread of its own. */
#ifndef VG_TESTS_FAKE_GAME_H
#define VG_TESTS_FAKE_GAME_H

#include "tests/support/support.h"

#include <arpa/inet.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { FAKE_CAMERAS = 12, FAKE_WIDTH = 64, FAKE_HEIGHT = 48 };

/* How a version differs from the others. */
typedef struct fake_dialect {
    const char *no_handler; /* the text before the quoted command */
    const char *lists;      /* what /unrealcv/help answers; NULL: no handler */
    const char *status;
    int cameras; /* at the start */
    bool camera_list, spawns, pose, size, old_fov_alone;
    bool trailing_space;
    int bones;       /* of a character: 74, 75, 91 or 95 */
    int extra_bytes; /* before a BMP's pixels */
    bool two_writes; /* header and payload apart */
    bool unix_late;  /* the Unix socket opens when the first TCP client has left */
} fake_dialect;

typedef struct fake_game {
    fake_dialect dialect;
    pthread_t thread;
    int listener, port, peer;
    char socket_path[100];
    atomic_bool stop;
    atomic_int connections;
    /* the game */
    int cameras;
    double pose[FAKE_CAMERAS][6];
    double fov;
    int ticks;
    bool paused;
    int reads_while_running; /* bones or pictures asked for while time ran */
    int exponents;           /* commands with a number that games cannot read */
    int commands;
    /* faults: counted in commands; 0 never */
    int close_at, late_at, mix_at, die_at;
    char last[512];
} fake_game;

static inline void fake_write(fake_game *g, const void *payload, size_t size) {
    unsigned char head[8] = {0xc1, 0x83, 0x2b, 0x9e};
    for (int i = 0; i < 4; i++) head[4 + i] = (unsigned char)(size >> 8 * i);
    if (g->dialect.two_writes) {
        send(g->peer, head, 8, MSG_NOSIGNAL);
        send(g->peer, payload, size, MSG_NOSIGNAL);
        return;
    }
    unsigned char *both = malloc(size + 8);
    memcpy(both, head, 8), memcpy(both + 8, payload, size);
    for (size_t at = 0; at < size + 8;) {
        const ssize_t n = send(g->peer, both + at, size + 8 - at, MSG_NOSIGNAL);
        if (n <= 0) break;
        at += (size_t)n;
    }
    free(both);
}

/* Joints of person k after so many ticks, cm in the game's world: walks along x, stands straight. */
static inline void fake_joint(double out[3], int person, int joint, int ticks) {
    static const double side[14] = {-18, 18, -20, 20, -21, 21, -10, 10, -10, 10, -10, 10, -3, 3};
    static const double height[14] = {142, 142, 112, 112, 88, 88, 92, 92, 49, 49, 8, 8, 160, 160};
    out[0] = 100 * person - 100 + 5 * ticks + (joint >= 12 ? 10 : 0);
    out[1] = 150 * person - 75 + side[joint];
    out[2] = height[joint];
}

/* Bone `b` of a rig of so many bones. */
static inline void fake_bone(double out[3], const fake_game *g, int person, int b) {
    static const struct {
        int bones, of[14];
    } rigs[] = {{74, {27, 6, 28, 7, 29, 8, 61, 55, 62, 56, 64, 58, 51, 52}},
                {75, {6, 27, 7, 28, 8, 29, 56, 62, 57, 63, 59, 65, 54, 55}},
                {91, {13, 34, 14, 35, 15, 36, 81, 87, 82, 88, 84, 90, 60, 63}},
                {95, {23, 49, 24, 50, 25, 51, 74, 81, 75, 82, 76, 83, 11, 13}}};
    for (size_t r = 0; r < 4; r++)
        for (int j = 0; rigs[r].bones == g->dialect.bones && j < 14; j++)
            if (rigs[r].of[j] == b) {
                fake_joint(out, person, j, g->ticks);
                return;
            }
    /* other bones: fingers and the like, where nothing of a body is to be recognised */
    fake_joint(out, person, b % 14, g->ticks);
    out[0] += 7.0 * (b % 5), out[2] = 60 + 13.0 * (b * 7 % 9);
}

static inline size_t fake_bones(char *out, size_t room, const fake_game *g, int person) {
    size_t n = (size_t)snprintf(out, room, "[");
    for (int b = 0; b < g->dialect.bones; b++) {
        double at[3];
        fake_bone(at, g, person, b);
        n += (size_t)snprintf(out + n, room - n,
                              "%s\r\n\t{\r\n\t\t\"Name\": \"b%d\",\r\n\t\t\"KpWorld\":\r\n\t\t{\r\n\t\t\t\"X\": %f,\r\n"
                              "\t\t\t\"Y\": %f,\r\n\t\t\t\"Z\": %f\r\n\t\t}\r\n\t}",
                              b ? "," : "", b, at[0], at[1], at[2]);
    }
    return n + (size_t)snprintf(out + n, room - n, "\r\n]");
}

/* A mask whose left half is person 0's colour. */
static inline size_t fake_bmp(unsigned char *out, const fake_game *g) {
    const size_t head = 54 + (size_t)g->dialect.extra_bytes, pixels = 4 * FAKE_WIDTH * FAKE_HEIGHT;
    memset(out, 0, head + pixels);
    out[0] = 'B', out[1] = 'M', out[10] = (unsigned char)head, out[14] = 40;
    out[18] = FAKE_WIDTH, out[26] = 1, out[28] = 32;
    const int32_t minus = -FAKE_HEIGHT;
    memcpy(out + 22, &minus, 4);
    for (int y = 0; y < FAKE_HEIGHT; y++)
        for (int x = 0; x < FAKE_WIDTH / 2; x++) {
            unsigned char *p = out + head + 4 * (y * FAKE_WIDTH + x);
            p[0] = 30, p[1] = 20, p[2] = 10, p[3] = 255;
        }
    return head + pixels;
}

static inline bool fake_camera(fake_game *g, const char *command, char *body, size_t room) {
    int camera, used = 0;
    char what[32] = "";
    double v[6];
    const bool set = strncmp(command, "vset", 4) == 0;
    if (sscanf(command + 5, "/camera/%d/%31[a-z_]%n", &camera, what, &used) != 2) return false;
    const int count = sscanf(command + 5 + used, "%lf %lf %lf %lf %lf %lf", v, v + 1, v + 2, v + 3, v + 4, v + 5);
    const bool known = strcmp(what, "location") == 0 || strcmp(what, "rotation") == 0 ||
                       (strcmp(what, "pose") == 0 && g->dialect.pose) ||
                       (strcmp(what, "size") == 0 && g->dialect.size) ||
                       (strcmp(what, "fov") == 0 && !g->dialect.old_fov_alone) ||
                       (strcmp(what, "horizontal_fieldofview") == 0 && g->dialect.old_fov_alone);
    if (!known) return false;
    double *p = g->pose[camera >= 0 && camera < FAKE_CAMERAS ? camera : 0];
    const int from = what[0] == 'r' ? 3 : 0, numbers = what[0] == 'p' ? 6 : 3;
    if (camera < 0 || camera >= g->cameras) {
        snprintf(body, room, "error Invalid sensor id");
    } else if (what[0] == 's') {
        snprintf(body, room, set ? "ok" : "%d %d", FAKE_WIDTH, FAKE_HEIGHT);
    } else if (what[0] == 'f' || what[0] == 'h') {
        if (set) g->fov = v[0];
        snprintf(body, room, set ? "ok" : "%f", g->fov);
    } else if (set && count == numbers) {
        memcpy(p + from, v, sizeof(double) * (size_t)numbers);
        snprintf(body, room, "ok");
    } else if (set) {
        snprintf(body, room, "error Argument Invalid");
    } else if (numbers == 6) {
        snprintf(body, room, "%.3f %.3f %.3f %.3f %.3f %.3f", p[0], p[1], p[2], p[3], p[4], p[5]);
    } else {
        snprintf(body, room, "%.3f %.3f %.3f", p[from], p[from + 1], p[from + 2]);
    }
    return true;
}

static inline void fake_list(const fake_game *g, char *body, size_t room) {
    size_t n = 0;
    for (int i = 0; i < g->cameras; i++)
        n += (size_t)snprintf(body + n, room - n, "%sFusionCameraActor_%d", i ? " " : "", i);
    if (g->dialect.trailing_space) snprintf(body + n, room - n, " ");
}

/* Writes the body of the reply; returns its bytes. */
static inline size_t fake_answer(fake_game *g, const char *command, char *body, size_t room) {
    const fake_dialect *d = &g->dialect;
    int person = 0, camera = 0;
    char end[2];
    const bool bones = sscanf(command, "vget /human/human%d/3d_keypoin%1[t]", &person, end) == 2;
    if ((bones || strstr(command, "object_mask")) && !g->paused) g->reads_while_running++;
    if (strcmp(command, "vget /unrealcv/help") == 0 && d->lists) return (size_t)snprintf(body, room, "%s", d->lists);
    if (strcmp(command, "vget /unrealcv/status") == 0) return (size_t)snprintf(body, room, "%s", d->status);
    if (strcmp(command, "vget /cameras") == 0 && d->camera_list) {
        fake_list(g, body, room);
    } else if (strcmp(command, "vset /cameras/spawn") == 0 && d->spawns) {
        snprintf(body, room, "FusionCameraActor_%d", g->cameras++);
    } else if (strcmp(command, "vset /action/game/pause") == 0 || strcmp(command, "vset /action/game/resume") == 0) {
        g->paused = command[18] == 'p';
        if (!g->paused) g->ticks++;
        snprintf(body, room, "ok");
    } else if (strcmp(command, "vset /action/tick") == 0 && d->lists && strstr(d->lists, "/action/tick")) {
        g->ticks++;
        snprintf(body, room, "ok");
    } else if (strncmp(command, "vset /action/set_fixed_frame_rate ", 34) == 0 && d->lists) {
        snprintf(body, room, "ok");
    } else if (bones) {
        if (person >= 1 && person <= 2) return fake_bones(body, room, g, person - 1);
        snprintf(body, room, "error Can not find object");
    } else if (sscanf(command, "vget /object/human%d/colo%1[r]", &person, end) == 2) {
        snprintf(body, room, "(R=%d,G=%d,B=%d,A=255)", 10 * person, 20 * person, 30 * person);
    } else if (sscanf(command, "vget /camera/%d/object_mask bm%1[p]", &camera, end) == 2) {
        return fake_bmp((unsigned char *)body, g);
    } else if (strncmp(command, "vset /object/", 13) == 0) {
        snprintf(body, room, "ok");
    } else if (!fake_camera(g, command, body, room)) {
        snprintf(body, room, "error %s '%s'", d->no_handler, command);
    }
    return strlen(body);
}

/* One request; false where the connection ends with it. */
static inline bool fake_serve(fake_game *g, const char *payload) {
    static _Thread_local char reply[65536];
    const char *colon = strchr(payload, ':');
    if (!colon) return true;
    g->commands++;
    snprintf(g->last, sizeof g->last, "%.500s", colon + 1);
    const char *first_digit = strpbrk(colon + 1, "0123456789");
    if (first_digit && strpbrk(first_digit, "eE") && strncmp(colon + 1, "vset /camera", 12) == 0 &&
        (first_digit[1] == 'e' || strstr(first_digit, "e-0")))
        g->exponents++;
    if (g->commands == g->close_at) return false;
    if (g->commands == g->late_at) usleep(700000);
    size_t n = (size_t)snprintf(reply, sizeof reply, "%d:", atoi(payload) + (g->commands == g->mix_at ? 3 : 0));
    n += fake_answer(g, colon + 1, reply + n, sizeof reply - n);
    fake_write(g, reply, n);
    return true;
}

static inline bool fake_read(fake_game *g, void *out, size_t size) {
    for (size_t at = 0; at < size;) {
        const ssize_t n = recv(g->peer, (char *)out + at, size - at, 0);
        if (n <= 0) return false;
        at += (size_t)n;
    }
    return true;
}

static inline void fake_talk(fake_game *g) {
    char greeting[] = "connected to FakeProject";
    fake_write(g, greeting, strlen(greeting));
    for (;;) {
        unsigned char head[8];
        char payload[4096];
        if (!fake_read(g, head, 8)) return;
        const size_t size = head[4] | (size_t)head[5] << 8;
        if (size >= sizeof payload || !fake_read(g, payload, size)) return;
        payload[size] = '\0';
        if (!fake_serve(g, payload)) return;
    }
}

static inline int fake_listen_unix(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    unlink(path);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 4) != 0) abort();
    return fd;
}

static inline void *fake_run(void *context) {
    fake_game *g = context;
    while (!atomic_load(&g->stop)) {
        g->peer = accept(g->listener, NULL, NULL);
        if (g->peer < 0) break;
        atomic_fetch_add(&g->connections, 1);
        fake_talk(g);
        close(g->peer);
        if (g->dialect.unix_late && atomic_load(&g->connections) == 1) { /* and never TCP again */
            close(g->listener);
            g->listener = fake_listen_unix(g->socket_path);
        }
    }
    return NULL;
}

/* On that port, 0 for any; false where it is taken. */
static inline bool fake_start_at(fake_game *g, const fake_dialect *dialect, int port) {
    *g = (fake_game){.dialect = *dialect, .cameras = dialect->cameras, .fov = 90};
    g->listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons((uint16_t)port);
    socklen_t size = sizeof address;
    if (bind(g->listener, (struct sockaddr *)&address, size) != 0 || listen(g->listener, 4) != 0) {
        close(g->listener);
        return false;
    }
    getsockname(g->listener, (struct sockaddr *)&address, &size);
    g->port = ntohs(address.sin_port);
    snprintf(g->socket_path, sizeof g->socket_path, "%.60s/unrealcv_%d.socket", vg_test_folder(), g->port);
    assert_int_equal(pthread_create(&g->thread, NULL, fake_run, g), 0);
    return true;
}

static inline void fake_start(fake_game *g, const fake_dialect *dialect) {
    assert_true(fake_start_at(g, dialect, 0));
}

static inline void fake_stop(fake_game *g) {
    atomic_store(&g->stop, true);
    shutdown(g->listener, SHUT_RDWR);
    pthread_join(g->thread, NULL);
    close(g->listener);
    unlink(g->socket_path);
}

/* --- the versions ----------------------------------------------------------------------------------------------------- */

#define FAKE_STATUS(height)                                                                                            \
    "Is Listening\nClient Connected\n9000\nConfiguration\nConfig file: /tmp/unrealcv.ini\nPort: 9000\nWidth: "         \
    "64\n" height ": 48\nFOV: 90.000000\nEnableInput: true\nEnableRightEye: false\n"

static const fake_dialect fake_0_3_10 = {.no_handler = "Can not find a handler for URI",
                                         .status = FAKE_STATUS("Heigth"),
                                         .cameras = 4,
                                         .pose = true,
                                         .old_fov_alone = true,
                                         .bones = 74,
                                         .two_writes = true};
static const fake_dialect fake_4_27 = {.no_handler = "Can not find a handler for URI",
                                       .lists = "vget /unrealcv/status\nGet the status\nvbatch [uint]\nBatch\n",
                                       .status = FAKE_STATUS("Height"),
                                       .cameras = 1,
                                       .camera_list = true,
                                       .spawns = true,
                                       .size = true,
                                       .trailing_space = true,
                                       .bones = 91,
                                       .extra_bytes = 4};
static const fake_dialect fake_5_2 = {.no_handler = "No handler found for URI",
                                      .lists = "vget /unrealcv/status\nvbatch [uint]\n",
                                      .status = FAKE_STATUS("Height"),
                                      .cameras = 2,
                                      .camera_list = true,
                                      .spawns = true,
                                      .size = true,
                                      .trailing_space = true,
                                      .bones = 75,
                                      .extra_bytes = 4};
static const fake_dialect fake_plus = {.no_handler = "Can not find a handler for URI",
                                       .lists = "vget /camera/[uint]/pose\nvset /cameras/spawn\n",
                                       .status = FAKE_STATUS("Height"),
                                       .cameras = 1,
                                       .camera_list = true,
                                       .spawns = true,
                                       .pose = true,
                                       .size = true,
                                       .bones = 95};
static const fake_dialect fake_simworld = {
    .no_handler = "Can not find a handler for URI",
    .lists = "vset /action/tick\nvset /action/tick_intervel [float]\nvset /action/set_fixed_frame_rate [float]\n",
    .status = FAKE_STATUS("Height"),
    .cameras = 5,
    .camera_list = true,
    .size = true,
    .trailing_space = true,
    .bones = 95};

#endif
