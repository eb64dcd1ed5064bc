/* Pictures and live time over ZeroMQ: real sockets, real shared memory. */
#include "calibration/calibration.h"
#include "calibration/cv_wrap.h"
#include "common/clock.h"
#include "common/text.h"
#include "sim_bridge/picture.h"
#include "sim_bridge/remote/paint.h"
#include "sim_bridge/remote/serve.h"
#include "sim_bridge/remote/shared.h"
#include "sim_bridge/world.h"
#include "tests/support/support.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zmq.h>

enum { CAMERAS = 2, PEOPLE = 3, ENVS = 2 };

static vg_world_config world_config(void) {
    vg_world_config c = vg_world_config_default();
    c.cameras = CAMERAS, c.people = PEOPLE, c.envs = ENVS;
    return c;
}

typedef struct server {
    pthread_t thread;
    atomic_bool stop, ready;
    char endpoint[512];
    vg_serve_config config;
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
    const vg_world_config config = world_config();
    vg_world *world;
    s->status = vg_world_open(&world, &config, &s->err);
    if (s->status == VG_OK) s->status = vg_serve_world(world, &s->config, &s->err);
    vg_world_close(world);
    atomic_store(&s->ready, true);
    return NULL;
}

static void start(server *s, uint32_t pictures, int32_t jpeg, bool live) {
    memset(s, 0, sizeof *s);
    s->config = vg_serve_config_default();
    s->config.listen = "tcp://127.0.0.1:*", s->config.stop = &s->stop, s->config.ready = on_ready;
    s->config.context = s, s->config.pictures = pictures, s->config.jpeg_quality = jpeg, s->config.live = live;
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
    while (!atomic_load(&s->ready)) usleep(1000);
}

static void finish(server *s) {
    atomic_store(&s->stop, true);
    pthread_join(s->thread, NULL);
    if (s->status != VG_OK) fail_msg("the server: %s", s->err.message);
}

static vg_frame *new_frames(const vg_world *w) {
    const size_t bytes = vg_frame_bytes(w->info.dims);
    vg_frame *frames = calloc((size_t)w->info.envs, bytes);
    for (int32_t i = 0; i < w->info.envs; i++)
        vg_frame_init((vg_frame *)(void *)((char *)frames + bytes * (size_t)i), w->info.dims, i);
    return frames;
}

static const vg_reset resets[ENVS] = {{11, PEOPLE, 0}, {12, 1, 0}};
static const vg_command commands[ENVS] = {{.cameras = CAMERAS}, {.environment = 1, .cameras = CAMERAS}};

/* Two steps with pictures into `folder`. */
static void play(const char *endpoint, const char *folder, const char *images, bool shared_memory) {
    vg_error err = {0};
    vg_world_config c = world_config();
    c.kind = "remote", c.endpoint = endpoint;
    c.save_images = folder, c.images = images, c.shared_memory = shared_memory;
    vg_world *world;
    assert_ok(vg_world_open(&world, &c, &err));
    vg_frame *frames = new_frames(world);
    assert_ok(vg_world_reset(world, 0, ENVS, resets, frames, &err));
    for (int i = 0; i < 2; i++) assert_ok(vg_world_step(world, 0, ENVS, commands, frames, &err));
    vg_world_close(world);
    free(frames);
}

static const char *path_of(const char *folder, int env, int camera, int frame, const char *ending) {
    static char paths[2][640];
    static int next;
    char *path = paths[next++ % 2];
    snprintf(path, sizeof paths[0], "%s/e%d/c%d/%08d.%s", folder, env, camera, frame, ending);
    return path;
}

static void shared_memory_and_parts_bring_the_same_pictures(void **state) {
    (void)state;
    char folder[2][512];
    for (int way = 0; way < 2; way++) {
        server s;
        start(&s, 7, 0, false);
        snprintf(folder[way], sizeof folder[way], "%s/way%d", vg_test_folder(), way);
        play(s.endpoint, folder[way], "lit,mask,depth", way == 0);
        finish(&s);
    }
    static const char *const endings[] = {"lit.png", "mask.png", "depth.npy"};
    for (int env = 0; env < ENVS; env++)
        for (int camera = 0; camera < CAMERAS; camera++)
            for (int frame = 0; frame < 3; frame++)
                for (int k = 0; k < 3; k++) {
                    vg_error err = {0};
                    char *a, *b;
                    size_t m, n;
                    assert_ok(vg_file_load(&a, &m, path_of(folder[0], env, camera, frame, endings[k]), &err));
                    assert_ok(vg_file_load(&b, &n, path_of(folder[1], env, camera, frame, endings[k]), &err));
                    assert_int_equal(m, n);
                    assert_memory_equal(a, b, n);
                    assert_true(n > 500);
                    free(a), free(b);
                }
    FILE *shared = popen("ls /dev/shm | grep -c \"^vergence-$PPID-\"", "r"); /* the server took its name away */
    int left = -1;
    assert_int_equal(fscanf(shared, "%d", &left), 1);
    pclose(shared);
    assert_int_equal(left, 0);
}

static void a_mask_shows_people_where_they_are(void **state) {
    (void)state;
    vg_error err = {0};
    vg_world_config c = world_config();
    c.envs = 1;
    vg_world *world;
    assert_ok(vg_world_open(&world, &c, &err));
    vg_frame *frame = new_frames(world);
    const vg_reset reset = {5, 1, 0};
    assert_ok(vg_world_reset(world, 0, 1, &reset, frame, &err));
    vg_painter *painter;
    assert_ok(vg_painter_create(&painter, world, &err));
    vg_painter_look(painter, 0);
    static unsigned char mask[4 * 320 * 240], lit[4 * 320 * 240], again[4 * 320 * 240], packed[4 * 320 * 240];
    int inside = 0, shown = 0;
    for (int32_t camera = 0; camera < CAMERAS; camera++) {
        const vg_camera *view = &vg_frame_cameras(frame)[camera];
        assert_ok(vg_painter_draw(painter, view, VG_PICTURE_MASK, mask, &err));
        for (int j = 0; j < VG_JOINTS14; j++) {
            const float *x = vg_frame_truth(frame) + 3 * j;
            const double X[3] = {(double)x[0], (double)x[1], (double)x[2]};
            double uv[2];
            if (!vg_project(uv, NULL, NULL, view, X) || uv[0] < 0 || uv[1] < 0 || uv[0] > 319 || uv[1] > 239) continue;
            const unsigned char *p = mask + 4 * ((size_t)lrint(uv[1]) * 320 + (size_t)lrint(uv[0]));
            const uint32_t colour = (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
            inside++;
            shown += colour == vg_painter_colour(0);
        }
    }
    assert_true(inside > 10);
    assert_true(shown >= inside * 3 / 4); /* eyes lie outside the head's capsule, ankles on the rim of the foot's */
    /* a JPEG of the lit picture is nearly that picture, and is nothing else than it says */
    const vg_camera *view = &vg_frame_cameras(frame)[0];
    size_t size;
    assert_ok(vg_painter_draw(painter, view, VG_PICTURE_LIT, lit, &err));
    assert_ok(vg_cv_jpeg_encode(packed, sizeof packed, &size, lit, 320, 240, 90, &err));
    assert_true(size < 40000);
    assert_ok(vg_cv_jpeg_decode(again, 320, 240, packed, size, &err));
    double sum = 0;
    for (size_t i = 0; i < sizeof lit; i++) sum += fabs((double)lit[i] - (double)again[i]);
    assert_true(sum / sizeof lit < 4);
    assert_error(vg_cv_jpeg_decode(again, 319, 240, packed, size, &err), VG_CORRUPT, "no JPEG of 319 x 240");
    assert_int_not_equal(vg_cv_jpeg_decode(again, 320, 240, packed, 3, &err), VG_OK);
    assert_int_not_equal(vg_cv_jpeg_decode(again, 320, 240, lit, sizeof lit, &err), VG_OK);
    vg_painter_destroy(painter);
    vg_world_close(world);
    free(frame);
}

static void lit_pictures_may_come_as_jpeg(void **state) {
    (void)state;
    server s;
    start(&s, 3, 85, false);
    char folder[512];
    snprintf(folder, sizeof folder, "%s/jpeg", vg_test_folder());
    play(s.endpoint, folder, "lit,mask", true);
    finish(&s);
    vg_error err = {0};
    char *bytes;
    size_t size;
    static unsigned char bgra[4 * 320 * 240];
    assert_ok(vg_file_load(&bytes, &size, path_of(folder, 1, 1, 2, "lit.jpg"), &err));
    assert_ok(vg_cv_jpeg_decode(bgra, 320, 240, bytes, size, &err));
    free(bytes);
    assert_int_equal(access(path_of(folder, 1, 1, 2, "mask.png"), F_OK), 0); /* masks lose nothing */
}

static void pictures_that_a_world_has_not_are_refused(void **state) {
    (void)state;
    server s;
    start(&s, 1, 0, false);
    vg_error err = {0};
    char folder[512];
    snprintf(folder, sizeof folder, "%s/none", vg_test_folder());
    vg_world_config c = world_config();
    c.kind = "remote", c.endpoint = s.endpoint, c.save_images = folder, c.images = "lit,depth";
    vg_world *world;
    assert_error(vg_world_open(&world, &c, &err), VG_UNSUPPORTED, "world.images");
    c.images = "lit,depht";
    assert_error(vg_world_open(&world, &c, &err), VG_INVALID, "`depht` are unknown");
    c.save_images = NULL, c.keypoints = VG_KEYPOINTS_DETECTOR;
    setenv("VERGENCE_DETECTOR", vg_test_folder(), 1);
    assert_error(vg_world_open(&world, &c, &err), VG_NOT_FOUND, "make detector");
    unsetenv("VERGENCE_DETECTOR");
    finish(&s);
}

/* ---- live ---- */

static void live_time_runs_on_and_drops_what_nobody_asked_for(void **state) {
    (void)state;
    server s;
    start(&s, 0, 0, true);
    vg_error err = {0};
    vg_world_config c = world_config();
    c.kind = "remote", c.endpoint = s.endpoint;
    vg_world *world;
    assert_ok(vg_world_open(&world, &c, &err));
    vg_frame *frames = new_frames(world);
    assert_ok(vg_world_reset(world, 0, ENVS, resets, frames, &err));
    vg_command now[ENVS];
    memcpy(now, commands, sizeof now);
    uint64_t last = frames->frame_id;
    const int64_t first_time = frames->time_ns;
    for (int i = 0; i < 4; i++) { /* asked again at once: each the very next frame, and never the same one twice */
        for (int e = 0; e < ENVS; e++) now[e].frame_id = vg_frame_at(frames, e)->frame_id;
        assert_ok(vg_world_step(world, 0, ENVS, now, frames, &err));
        assert_true(frames->frame_id > last);
        last = frames->frame_id;
    }
    const int64_t began = vg_clock_now_ns();
    usleep(450000); /* four steps pass unseen */
    for (int e = 0; e < ENVS; e++) now[e].frame_id = vg_frame_at(frames, e)->frame_id;
    assert_ok(vg_world_step(world, 0, ENVS, now, frames, &err));
    const double waited = (double)(vg_clock_now_ns() - began) * 1e-9;
    assert_true(frames->frame_id >= last + 2);                            /* the newest, not the next */
    assert_true((double)(frames->frame_id - last) <= waited / 0.1 + 1.5); /* as many as time allows */
    assert_int_equal(frames->time_ns - first_time, (int64_t)frames->frame_id * 100000000);
    vg_world_close(world);
    free(frames);
    finish(&s);
}

static void lock_step_drops_nothing_however_slow_the_client(void **state) {
    (void)state;
    server s;
    start(&s, 0, 0, false);
    vg_error err = {0};
    vg_world_config c = world_config();
    c.kind = "remote", c.endpoint = s.endpoint;
    vg_world *world;
    assert_ok(vg_world_open(&world, &c, &err));
    vg_frame *frames = new_frames(world);
    assert_ok(vg_world_reset(world, 0, ENVS, resets, frames, &err));
    for (uint64_t i = 1; i < 4; i++) {
        usleep(150000);
        assert_ok(vg_world_step(world, 0, ENVS, commands, frames, &err));
        assert_int_equal(frames->frame_id, i);
    }
    vg_world_close(world);
    free(frames);
    finish(&s);
}

/* ---- shared memory that is not as it was said to be ---- */

static void shared_memory_is_never_trusted(void **state) {
    (void)state;
    vg_error err = {0};
    vg_shared writer, reader;
    char data[1000], out[1000];
    memset(data, 7, sizeof data);
    assert_ok(vg_shared_create(&writer, 4096, &err));
    assert_error(vg_shared_open(&reader, writer.name, 8192, &err), VG_CORRUPT, "smaller");
    assert_error(vg_shared_open(&reader, "/../etc/passwd", 10, &err), VG_CORRUPT, "a name is");
    assert_error(vg_shared_open(&reader, "", 10, &err), VG_CORRUPT, "a name is");
    assert_error(vg_shared_open(&reader, "/vergence-none", 10, &err), VG_NOT_FOUND, "vergence-none");
    assert_ok(vg_shared_open(&reader, writer.name, 4096, &err));
    const int again = shm_open(writer.name, O_RDWR, 0);
    vg_shared_forget(&writer);
    assert_error(vg_shared_open(&(vg_shared){0}, writer.name, 4096, &err), VG_CORRUPT, "a name is");
    uint64_t place[6], stamp[6];
    for (int i = 0; i < 6; i++) { /* the fourth picture begins at the front again */
        memset(data, 'a' + i, sizeof data);
        assert_ok(vg_shared_write(&writer, data, sizeof data, &place[i], &stamp[i], &err));
    }
    assert_ok(vg_shared_read(&reader, out, sizeof out, place[5], stamp[5], &err));
    assert_memory_equal(out, data, sizeof out);
    assert_error(vg_shared_read(&reader, out, sizeof out, place[0], stamp[0], &err), VG_NOT_FOUND, "written over");
    assert_error(vg_shared_read(&reader, out, 999, place[5], stamp[5], &err), VG_CORRUPT, "the frame says 999");
    static const uint64_t bad[] = {4096, 4095, 3090, UINT64_MAX, UINT64_MAX - 16};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_error(vg_shared_read(&reader, out, sizeof out, bad[i], 1, &err), VG_CORRUPT, "outside");
    assert_error(vg_shared_read(&reader, out, UINT64_MAX - 8, 0, 1, &err), VG_CORRUPT, "outside");
    assert_error(vg_shared_write(&writer, data, 4096, place, stamp, &err), VG_INVALID, "larger");
    assert_int_equal(ftruncate(again, 100), 0); /* a peer that cuts it off */
    assert_error(vg_shared_read(&reader, out, sizeof out, place[5], stamp[5], &err), VG_CORRUPT, "ends before");
    close(again);
    vg_shared_close(&reader), vg_shared_close(&writer);
}

/* ---- versions, and peers that lie about pictures ---- */

/* A server that answers in turn with these messages, each of two parts where `part` is set. */
typedef struct script {
    pthread_t thread;
    void *context, *socket;
    char endpoint[256];
    struct {
        unsigned char bytes[20000];
        size_t size, part;
    } answer[4];
    int answers;
} script;

static void *recite(void *context) {
    script *s = context;
    char identity[256], request[4096], part[64] = {0};
    for (int i = 0; i < s->answers; i++) {
        const int n = zmq_recv(s->socket, identity, sizeof identity, 0);
        if (n < 0 || zmq_recv(s->socket, request, sizeof request, 0) < 0) return NULL;
        zmq_send(s->socket, identity, (size_t)n, ZMQ_SNDMORE);
        zmq_send(s->socket, s->answer[i].bytes, s->answer[i].size, s->answer[i].part ? ZMQ_SNDMORE : 0);
        if (s->answer[i].part) zmq_send(s->socket, part, s->answer[i].part, 0);
    }
    return NULL;
}

static void add(script *s, vg_bytes bytes, size_t part) {
    memcpy(s->answer[s->answers].bytes, bytes.data, bytes.size);
    s->answer[s->answers].size = bytes.size, s->answer[s->answers++].part = part;
}

static void begin_script(script *s) {
    s->context = zmq_ctx_new(), s->socket = zmq_socket(s->context, ZMQ_ROUTER);
    const int linger = 0, timeout = 10000;
    zmq_setsockopt(s->socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(s->socket, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
    assert_int_equal(zmq_bind(s->socket, "tcp://127.0.0.1:*"), 0);
    size_t room = sizeof s->endpoint;
    zmq_getsockopt(s->socket, ZMQ_LAST_ENDPOINT, s->endpoint, &room);
    pthread_create(&s->thread, NULL, recite, s);
}

static void end_script(script *s) {
    pthread_join(s->thread, NULL);
    zmq_close(s->socket), zmq_ctx_term(s->context);
}

static void a_server_from_before_pictures_is_spoken_to_in_its_version(void **state) {
    (void)state;
    static script s;
    vg_error err = {0};
    vg_codec *codec;
    vg_bytes bytes;
    assert_ok(vg_codec_create(&codec, 65536, &err));
    const vg_wire_error refusal = {VG_VERSION, "you speak protocol version 2, this world 1"};
    const vg_wire_world old = {
        .version = 1, .dims = {CAMERAS, PEOPLE, 14}, .environments = ENVS, .step_seconds = 0.1, .resettable = true};
    assert_ok(vg_encode_error(codec, 1, &refusal, &bytes, &err));
    add(&s, bytes, 0);
    assert_ok(vg_encode_world(codec, 2, &old, &bytes, &err));
    add(&s, bytes, 0);
    begin_script(&s);
    vg_world_config c = world_config();
    c.kind = "remote", c.endpoint = s.endpoint;
    vg_world *world;
    assert_ok(vg_world_open(&world, &c, &err));
    assert_int_equal(world->info.dims.cameras, CAMERAS);
    vg_world_close(world);
    end_script(&s);
    vg_codec_destroy(codec);
}

/* Opens a world whose first frame tells of `picture`, beside a part of so many bytes. */
static void expect_of_picture(const vg_wire_picture *picture, size_t part, const char *says) {
    static script s;
    memset(&s, 0, sizeof s);
    vg_error err = {0};
    vg_codec *codec;
    vg_bytes bytes;
    assert_ok(vg_codec_create(&codec, 65536, &err));
    const vg_wire_world world = {.version = 2,
                                 .dims = {CAMERAS, PEOPLE, 14},
                                 .environments = 1,
                                 .step_seconds = 0.1,
                                 .resettable = true,
                                 .pictures = 1};
    assert_ok(vg_encode_world(codec, 1, &world, &bytes, &err));
    add(&s, bytes, 0);
    vg_frame *frame = calloc(1, vg_frame_bytes(world.dims));
    vg_frame_init(frame, world.dims, 0);
    for (int i = 0; i < CAMERAS; i++)
        vg_frame_cameras(frame)[i] = (vg_camera){.width = 3, .height = 2, .fx = 1, .fy = 1};
    assert_ok(vg_encode_frames_pictures(codec, 2, 0, 1, frame, picture, 1, 0, &bytes, &err));
    add(&s, bytes, part);
    begin_script(&s);
    char folder[512];
    snprintf(folder, sizeof folder, "%s/liar", vg_test_folder());
    vg_world_config c = world_config();
    c.envs = 1, c.kind = "remote", c.endpoint = s.endpoint, c.save_images = folder;
    vg_world *w;
    assert_ok(vg_world_open(&w, &c, &err));
    const vg_reset reset = {1, 1, 0};
    if (says)
        assert_error(vg_world_reset(w, 0, 1, &reset, frame, &err), VG_CORRUPT, says);
    else
        assert_ok(vg_world_reset(w, 0, 1, &reset, frame, &err));
    vg_world_close(w);
    end_script(&s);
    vg_codec_destroy(codec);
    free(frame);
}

static void pictures_that_are_not_as_told_are_refused(void **state) {
    (void)state;
    const vg_wire_picture good = {.camera = 1, .width = 3, .height = 2, .bytes = 24};
    expect_of_picture(&good, 24, NULL);
    expect_of_picture(&good, 23, "part 0 of 1");
    expect_of_picture(&good, 0, "part 0 of 0");
    vg_wire_picture bad = good;
    bad.place = 1;
    expect_of_picture(&bad, 24, "part 1 of 1");
    bad = good, bad.stamp = 5;
    expect_of_picture(&bad, 24, "shared memory, which was not agreed");
    bad = good, bad.bytes = 23;
    expect_of_picture(&bad, 23, "raw picture of 3 x 2 px has 23 bytes");
    bad = good, bad.camera = CAMERAS;
    expect_of_picture(&bad, 24, "picture camera");
    bad = good, bad.kind = VG_PICTURE_MASK, bad.encoding = VG_PICTURE_JPEG;
    expect_of_picture(&bad, 24, "JPEG of kind 1");
    bad = good, bad.width = 20000, bad.bytes = 160000;
    expect_of_picture(&bad, 24, "picture width");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_memory_and_parts_bring_the_same_pictures),
        cmocka_unit_test(a_mask_shows_people_where_they_are),
        cmocka_unit_test(lit_pictures_may_come_as_jpeg),
        cmocka_unit_test(pictures_that_a_world_has_not_are_refused),
        cmocka_unit_test(live_time_runs_on_and_drops_what_nobody_asked_for),
        cmocka_unit_test(lock_step_drops_nothing_however_slow_the_client),
        cmocka_unit_test(shared_memory_is_never_trusted),
        cmocka_unit_test(a_server_from_before_pictures_is_spoken_to_in_its_version),
        cmocka_unit_test(pictures_that_are_not_as_told_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
