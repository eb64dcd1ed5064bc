/* `vergence unrealcv` as clients meet it: the real program, real sockets, clients that behave and clients that do not. */
#include "common/text.h"
#include "tests/support/process.h"
#include "tests/support/unrealcv.h"

#include <netinet/tcp.h>
#include <sys/stat.h>

typedef struct server {
    pid_t pid;
    int port;
    char socket[256];
} server;

static char output[65536];

static bool announced(server *s) {
    char path[4200], address[64];
    snprintf(path, sizeof path, "%s/stdout", vg_test_folder());
    vg_test_read_back(path, output, sizeof output);
    const char *at = strstr(output, "127.0.0.1:");
    return at && strchr(at, '\n') && sscanf(at, "%63[^:]:%d", address, &s->port) == 2;
}

static server start(const char *options) {
    server s = {0};
    char words[1024], path[4200];
    snprintf(path, sizeof path, "%s/stdout", vg_test_folder());
    unlink(path);
    snprintf(words, sizeof words, "unrealcv --listen 127.0.0.1:0 --seed 4 --size 320x240 --uds %s --files %s %s",
             vg_test_folder(), vg_test_folder(), options);
    s.pid = vg_test_start("vergence", words);
    VG_TEST_WAIT_FOR(announced(&s));
    snprintf(s.socket, sizeof s.socket, "%.200s/unrealcv_%d.socket", vg_test_folder(), s.port);
    return s;
}

static void stop(server *s) {
    kill(s->pid, SIGTERM);
    assert_int_equal(vg_test_wait_code(s->pid), 0);
    assert_int_not_equal(access(s->socket, F_OK), 0); /* leaves no socket behind */
}

static bool hung_up(ucv_client *c) {
    char byte;
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    return poll(&p, 1, 0) > 0 && recv(c->fd, &byte, 1, MSG_DONTWAIT) <= 0 && errno != EAGAIN;
}

static void requests_are_answered_over_tcp_and_unix_socket(void **state) {
    (void)state;
    server s = start("");
    for (int i = 0; i < 2; i++) {
        ucv_client c = ucv_connect(i ? s.socket : NULL, s.port);
        assert_reply(&c, "vget /unrealcv/echo hello", "hello");
        assert_reply(&c, "vget /cameras", "FusionCameraActor_0");
        ucv_request(&c, "vget /camera/0/lit bmp");
        assert_int_equal(c.size, 54 + 4 * 320 * 240);
        ucv_request(&c, "vget /camera/0/depth npy");
        assert_memory_equal(c.body, "\x93NUMPY", 6);
        char port[32];
        snprintf(port, sizeof port, "Port: %d\n", s.port);
        assert_non_null(strstr(ucv_request(&c, "vget /unrealcv/status"), port));
        ucv_disconnect(&c);
    }
    stop(&s);
}

/* Ids count from 0 on each connection, and replies keep the order of the requests, large ones among small ones. */
static void replies_keep_the_order_of_each_client(void **state) {
    (void)state;
    server s = start("");
    ucv_client a = ucv_connect(NULL, s.port), b = ucv_connect(s.socket, 0);
    static const char *const kinds[] = {"vget /camera/0/lit bmp", "vget /camera/0/location", "vget /objects",
                                        "vget /nothing", "vget /camera/0/object_mask png"};
    for (int i = 0; i < 60; i++) ucv_ask(&a, kinds[i % 5]), ucv_ask(&b, kinds[(i + 2) % 5]);
    for (unsigned i = 0; i < 60; i++) ucv_reply(&a, i), ucv_reply(&b, i);
    /* thousands of requests before the first reply is read */
    for (int i = 0; i < 3000; i++) ucv_ask(&a, "vget /camera/0/rotation");
    for (unsigned i = 0; i < 3000; i++) ucv_reply(&a, 60 + i);
    ucv_disconnect(&a), ucv_disconnect(&b);
    stop(&s);
}

/* Header and payload apart, byte by byte, several frames in one piece: all the same. */
static void frames_may_arrive_in_any_pieces(void **state) {
    (void)state;
    server s = start("");
    ucv_client c = ucv_connect(NULL, s.port);
    const int on = 1;
    setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const unsigned char frame[] = "\xc1\x83\x2b\x9e\x17\0\0\0" /* 23 bytes */
                                  "0:vget /unrealcv/echo x";
    for (size_t i = 0; i < 31; i++) ucv_send_bytes(&c, frame + i, 1);
    assert_string_equal(ucv_reply(&c, 0), "x");
    unsigned char three[93];
    for (int i = 0; i < 3; i++) memcpy(three + 31 * i, frame, 31), three[31 * i + 8] = (unsigned char)('1' + i);
    ucv_send_bytes(&c, three, sizeof three);
    for (unsigned i = 1; i <= 3; i++) assert_string_equal(ucv_reply(&c, i), "x");
    ucv_send_payload(&c, "no id at all", 12); /* a game answers nothing */
    c.next = 4;
    assert_reply(&c, "vget /unrealcv/echo y", "y");
    ucv_disconnect(&c);
    stop(&s);
}

static void one_client_writes_and_the_others_read(void **state) {
    (void)state;
    server s = start("");
    ucv_client a = ucv_connect(NULL, s.port), b = ucv_connect(NULL, s.port);
    assert_reply(&b, "vget /camera/0/fov", "90.000000");
    assert_reply(&a, "vset /camera/0/fov 60", "ok");
    assert_true(strncmp(ucv_request(&b, "vset /camera/0/fov 70"), "error ", 6) == 0);
    assert_true(strncmp(ucv_request(&b, "vbp human1 set_speed 9"), "error ", 6) == 0);
    assert_reply(&b, "vget /camera/0/fov", "60.000000");
    assert_reply(&b, "vbp human1 get_hit", "{\r\n\t\"Hit\": \"0\"\r\n}"); /* asking is no writing */
    ucv_disconnect(&a);
    assert_reply(&b, "vset /camera/0/fov 70", "ok"); /* at once: the lease went with its holder */
    a = ucv_connect(NULL, s.port);
    assert_true(strncmp(ucv_request(&a, "vset /camera/0/fov 80"), "error ", 6) == 0);
    ucv_disconnect(&a), ucv_disconnect(&b);
    stop(&s);
}

static void a_batch_runs_in_one_instant(void **state) {
    (void)state;
    server s = start("");
    ucv_client c = ucv_connect(NULL, s.port);
    char before[128];
    assert_reply(&c, "vset /action/game/resume", "ok");
    snprintf(before, sizeof before, "%s", ucv_request(&c, "vget /object/human1/location"));
    VG_TEST_WAIT_FOR(strcmp(ucv_request(&c, "vget /object/human1/location"), before) != 0); /* time passes */
    assert_reply(&c, "vbatch 3", "ok");
    snprintf(before, sizeof before, "%s", ucv_request(&c, "vget /object/human1/location"));
    vg_test_sleep_ms(300);
    assert_reply(&c, "vget /object/human1/location", before);
    vg_test_sleep_ms(100);
    assert_reply(&c, "vget /object/human1/location", before);
    VG_TEST_WAIT_FOR(strcmp(ucv_request(&c, "vget /object/human1/location"), before) != 0);
    ucv_disconnect(&c);
    stop(&s);
}

static void the_socket_file_comes_back(void **state) {
    (void)state;
    server s = start("");
    assert_int_equal(access(s.socket, F_OK), 0); /* there from the start */
    ucv_client c = ucv_connect(NULL, s.port);
    assert_int_equal(unlink(s.socket), 0);
    ucv_disconnect(&c);
    VG_TEST_WAIT_FOR(access(s.socket, F_OK) == 0);
    c = ucv_connect(s.socket, 0);
    assert_reply(&c, "vget /unrealcv/echo x", "x");
    ucv_disconnect(&c);
    assert_int_equal(unlink(s.socket), 0); /* nobody connected: it comes back too */
    VG_TEST_WAIT_FOR(access(s.socket, F_OK) == 0);
    stop(&s);
}

/* Half a frame, a size of 4 GiB or 0, another protocol, replies never read: dropped, and a client beside notices nothing. */
static void clients_that_misbehave_are_dropped(void **state) {
    (void)state;
    server s = start("--patience 0.5");
    ucv_client good = ucv_connect(NULL, s.port);
    enum { BAD = 6 };
    static const struct {
        const char *bytes;
        size_t size;
    } sends[BAD] = {{"\xc1\x83\x2b\x9e\xff\xff\xff\xff", 8},
                    {"\xc1\x83\x2b\x9e\0\0\0\0", 8},
                    {"GET / HTTP/1.1\r\n\r\n", 18},
                    {"\xc1\x83\x2b\x9e\x17\0\0\0"
                     "0:vge",
                     13},
                    {"\xc1\x83", 2},
                    {NULL, 0}};
    ucv_client bad[BAD];
    for (int i = 0; i < BAD; i++) {
        bad[i] = ucv_connect(i % 2 ? s.socket : NULL, s.port);
        if (sends[i].bytes) ucv_send_bytes(&bad[i], sends[i].bytes, sends[i].size);
    }
    for (int i = 0; i < 200; i++) ucv_ask(&bad[BAD - 1], "vget /camera/0/lit bmp"); /* 60 MB that nobody reads */
    for (int i = 0; i < BAD - 1; i++)
        VG_TEST_WAIT_FOR((ucv_request(&good, "vget /camera/0/location"), hung_up(&bad[i])));
    char path[4200], log[16384];
    snprintf(path, sizeof path, "%s/stderr", vg_test_folder());
    VG_TEST_WAIT_FOR((ucv_request(&good, "vget /objects"), vg_test_read_back(path, log, sizeof log),
                      strstr(log, "does not read its replies") != NULL));
    ucv_request(&good, "vget /camera/0/lit bmp");
    assert_int_equal(good.size, 54 + 4 * 320 * 240);
    for (int i = 0; i < BAD; i++) ucv_disconnect(&bad[i]);
    ucv_disconnect(&good);
    stop(&s);
}

static void many_come_and_go(void **state) {
    (void)state;
    server s = start("");
    enum { MANY = 40 };
    ucv_client c[MANY];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MANY; i++) c[i] = ucv_connect(i % 2 ? s.socket : NULL, s.port);
        for (int i = 0; i < MANY; i++) ucv_ask(&c[i], "vget /camera/0/lit bmp");
        for (int i = 0; i < MANY; i++) {
            if (i % 3 == 0) ucv_reply(&c[i], 0); /* others leave while their picture is under way */
            ucv_disconnect(&c[i]);
        }
    }
    ucv_client last = ucv_connect(NULL, s.port);
    assert_reply(&last, "vset /camera/0/fov 60", "ok");
    ucv_disconnect(&last);
    stop(&s);
}

/* Two programs, other thread numbers, one seed: the same bytes of every kind of picture, at the start and after ticks. */
static void two_servers_show_the_same(void **state) {
    (void)state;
    static const char *const what[] = {"vget /camera/0/lit bmp",        "vget /camera/0/lit png",
                                       "vget /camera/0/normal png",     "vget /camera/0/object_mask bmp",
                                       "vget /camera/0/depth npy",      "vget /camera/0/vis_depth npy",
                                       "vget /human/human1/3d_keypoint"};
    enum { KINDS = sizeof what / sizeof what[0] };
    char *kept[2 * KINDS];
    size_t size[2 * KINDS];
    for (int run = 0; run < 2; run++) {
        server s = start(run ? "--threads 3" : "--threads 1");
        ucv_client c = ucv_connect(NULL, s.port);
        assert_reply(&c, "vset /camera/0/size 640 480", "ok");
        for (int i = 0; i < 2 * KINDS; i++) {
            if (i == KINDS) assert_reply(&c, "vset /action/tick 30 0.05", "ok");
            ucv_request(&c, what[i % KINDS]);
            if (run == 0) {
                kept[i] = malloc(c.size), size[i] = c.size;
                memcpy(kept[i], c.body, c.size);
                continue;
            }
            assert_int_equal(c.size, size[i]);
            assert_memory_equal(c.body, kept[i], c.size);
            free(kept[i]);
        }
        ucv_disconnect(&c);
        stop(&s);
    }
}

static void the_documented_commands_are_those_understood(void **state) {
    (void)state;
    static vg_test_output got;
    vg_error err = {0};
    char *text;
    size_t size;
    vg_test_run(&got, "vergence", "unrealcv --commands");
    assert_int_equal(got.code, 0);
    assert_true(strlen(got.out) > 5000);
    assert_ok(vg_file_load(&text, &size, "docs/unreal.md", &err));
    if (!strstr(text, got.out)) fail_msg("docs/unreal.md does not hold what `vergence unrealcv --commands` prints");
    free(text);
}

/* The documents' script in the place of a game's binary: it reads unrealcv.ini as environments write it. */
static void the_documented_launcher_is_a_game(void **state) {
    (void)state;
    vg_error err = {0};
    char *text, path[4300], bin[PATH_MAX + 64], search[PATH_MAX + 4096];
    size_t size;
    assert_ok(vg_file_load(&text, &size, "docs/unreal.md", &err));
    char *script = strstr(text, "#!/bin/sh");
    assert_non_null(script);
    *strstr(script, "```") = '\0';
    snprintf(path, sizeof path, "%s/Game", vg_test_folder());
    FILE *f = fopen(path, "w");
    fputs(script, f), fclose(f), free(text);
    chmod(path, 0755);
    server s = {0};
    const int port = 20000 + (int)(getpid() % 12000); /* the system lends none of these to the tests beside this one */
    snprintf(bin, sizeof bin, "%s/unrealcv.ini", vg_test_folder());
    f = fopen(bin, "w");
    fprintf(f, "[UnrealCV.Core]\nPort=%d\nWidth=160\nHeight=120\nFOV=90\n", port);
    fclose(f);
    snprintf(bin, sizeof bin, "%s", vg_test_program("vergence"));
    *strrchr(bin, '/') = '\0';
    char scenes[PATH_MAX + 16], here[PATH_MAX];
    snprintf(scenes, sizeof scenes, "%s/scenes", getcwd(here, sizeof here));
    snprintf(search, sizeof search, "%s:%s", bin, getenv("PATH"));
    s.pid = fork();
    if (s.pid == 0) {
        setenv("PATH", search, 1), setenv("VERGENCE_SCENES", scenes, 1);
        execl(path, path, "-RenderOffScreen", (char *)NULL);
        _exit(127);
    }
    snprintf(s.socket, sizeof s.socket, "%.200s/%d.socket", vg_test_folder(), port);
    VG_TEST_WAIT_FOR(access(s.socket, F_OK) == 0);
    ucv_client c = ucv_connect(s.socket, 0);
    assert_reply(&c, "vget /camera/0/size", "160 120");
    ucv_disconnect(&c);
    stop(&s);
}

static void what_cannot_be_served_is_said_plainly(void **state) {
    (void)state;
    static vg_test_output got;
    vg_test_run(&got, "vergence", "unrealcv --listen nonsense");
    assert_int_not_equal(got.code, 0);
    assert_non_null(strstr(got.err, "HOST:PORT"));
    vg_test_run(&got, "vergence", "unrealcv --size 640");
    assert_int_equal(got.code, 2);
    server s = start("");
    char words[128];
    snprintf(words, sizeof words, "unrealcv --listen 127.0.0.1:%d --uds %s", s.port, "/tmp");
    const pid_t second = vg_test_start("vergence", words);
    assert_int_equal(vg_test_wait_code(second), 4);
    stop(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_answered_over_tcp_and_unix_socket),
        cmocka_unit_test(replies_keep_the_order_of_each_client),
        cmocka_unit_test(frames_may_arrive_in_any_pieces),
        cmocka_unit_test(one_client_writes_and_the_others_read),
        cmocka_unit_test(a_batch_runs_in_one_instant),
        cmocka_unit_test(the_socket_file_comes_back),
        cmocka_unit_test(clients_that_misbehave_are_dropped),
        cmocka_unit_test(many_come_and_go),
        cmocka_unit_test(two_servers_show_the_same),
        cmocka_unit_test(the_documented_commands_are_those_understood),
        cmocka_unit_test(the_documented_launcher_is_a_game),
        cmocka_unit_test(what_cannot_be_served_is_said_plainly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
