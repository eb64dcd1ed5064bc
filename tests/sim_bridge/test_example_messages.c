/* The engine-free half of examples/unreal: its bytes are those of our own encoder, its coordinates those of the UnrealCV
 * folder, and a world made with nothing else can be trained in. */
#include "calibration/calibration.h"
#include "examples/unreal/vergence_messages.h"
#include "proto/proto.h"
#include "sim_bridge/unrealcv/coords.h"
#include "sim_bridge/world.h"
#include "tests/support/support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zmq.h>

static void same(const vgm_out *out, vg_bytes bytes) {
    assert_true(out->size <= out->room);
    assert_int_equal(out->size, bytes.size);
    assert_memory_equal(out->data, bytes.data, bytes.size);
}

static vgm_out fresh(void) {
    static unsigned char room[1 << 20];
    return (vgm_out){room, 0, sizeof room};
}

static void what_it_writes_is_what_our_encoder_writes(void **state) {
    (void)state;
    vg_error err = {0};
    vg_codec *codec;
    vg_bytes bytes;
    assert_ok(vg_codec_create(&codec, 1 << 20, &err));
    vgm_world world = {.version = 2,
                       .name = "unreal",
                       .scene = "level",
                       .cameras = 5,
                       .people = 7,
                       .step_seconds = 0.1,
                       .truth = 1,
                       .resettable = 1,
                       .pictures = 3};
    vg_wire_world ours = {.version = 2,
                          .name = "unreal",
                          .scene = "level",
                          .dims = {5, 7, 14},
                          .environments = 1,
                          .step_seconds = 0.1,
                          .truth = true,
                          .resettable = true,
                          .pictures = 3};
    for (int i = 0; i < 10; i++) world.bounds[i] = ours.bounds[i] = 0.5f * (float)i - 2;
    for (int i = 0; i < 3; i++) world.limits[i] = ours.limits[i] = (float)i;
    vgm_out out = fresh();
    vgm_write_world(&out, 300, &world);
    assert_ok(vg_encode_world(codec, 300, &ours, &bytes, &err));
    same(&out, bytes);

    const vg_wire_error said = {VG_REFUSED, "somebody else"};
    out = fresh();
    vgm_write_error(&out, 7, VG_REFUSED, "somebody else");
    assert_ok(vg_encode_error(codec, 7, &said, &bytes, &err));
    same(&out, bytes);
    out = fresh();
    vgm_write_pong(&out, 8);
    assert_ok(vg_encode_empty(codec, 8, VG_MESSAGE_PONG, &bytes, &err));
    same(&out, bytes);
    vg_codec_destroy(codec);
}

/* A frame of random numbers, in both forms. */
static void random_frame(vgm_frame *f, vg_frame *ours, float *keypoints, vg_rng *rng) {
    const vg_dims d = ours->dims;
    f->frame_id = ours->frame_id = vg_rng_below(rng, 100000), f->time_ns = ours->time_ns = vg_rng_u32(rng) * 1000ll;
    f->flags = ours->flags = VG_FRAME_FIRST | VG_FRAME_TRUTH | VG_FRAME_IDENTIFIED;
    f->target = ours->target = (int32_t)vg_rng_below(rng, 3) - 1;
    f->cameras = (uint32_t)d.cameras, f->people = (uint32_t)d.people;
    for (int32_t c = 0; c < d.cameras; c++) {
        vg_camera *k = &vg_frame_cameras(ours)[c];
        const double location[3] = {(double)vg_rng_normal(rng) * 100, (double)vg_rng_normal(rng) * 100, 150};
        vgm_camera_from_unreal(&f->camera[c], location, -20, (double)vg_rng_normal(rng) * 90, 90, 320, 240);
        *k = (vg_camera){.width = 320, .height = 240, .fx = f->camera[c].fx, .fy = f->camera[c].fy};
        k->cx = f->camera[c].cx, k->cy = f->camera[c].cy;
        memcpy(k->R, f->camera[c].R, sizeof k->R), memcpy(k->t, f->camera[c].t, sizeof k->t);
    }
    for (int32_t p = 0; p < d.people; p++) f->present[p] = (uint8_t)(vg_frame_present(ours)[p] = p % 2);
    for (int32_t i = 0; i < d.people * 14 * 3; i++) vg_frame_truth(ours)[i] = vg_rng_normal(rng);
    for (int32_t i = 0; i < d.cameras * d.people * 14 * 3; i++)
        ((float *)(void *)vg_frame_keypoints(ours))[i] = keypoints[i] = vg_rng_uniform(rng);
    f->truth = vg_frame_truth(ours), f->keypoints = keypoints;
}

static void frames_with_pictures_are_the_same_bytes(void **state) {
    (void)state;
    vg_error err = {0};
    vg_codec *codec;
    vg_bytes bytes;
    vg_rng rng = vg_test_rng(1);
    assert_ok(vg_codec_create(&codec, 1 << 20, &err));
    for (int round = 0; round < 20; round++) {
        const vg_dims d = {1 + round % 5, 1 + round % 7, 14};
        vg_frame *ours = calloc(1, vg_frame_bytes(d));
        vg_frame_init(ours, d, 0);
        static vgm_frame f;
        static float keypoints[5 * 7 * 14 * 3];
        memset(&f, 0, sizeof f);
        random_frame(&f, ours, keypoints, &rng);
        vg_wire_picture pictures[10];
        f.picture_count = (uint32_t)(2 * d.cameras * (round % 2));
        for (uint32_t i = 0; i < f.picture_count; i++) {
            f.picture[i] = (vgm_picture){i / 2, i % 2, 320, 240, i};
            pictures[i] = (vg_wire_picture){.camera = (int32_t)(i / 2),
                                            .kind = (int32_t)(i % 2),
                                            .width = 320,
                                            .height = 240,
                                            .bytes = 307200,
                                            .place = i};
        }
        vgm_out out = fresh();
        vgm_write_frames(&out, 5, &f);
        assert_ok(vg_encode_frames_pictures(codec, 5, 0, 1, ours, pictures, (int32_t)f.picture_count, 0, &bytes, &err));
        same(&out, bytes);
        vgm_out small = {out.data, 0, 100}; /* too little room is noticed and not run over */
        const size_t size = out.size;
        vgm_write_frames(&small, 5, &f);
        assert_true(small.size > small.room && small.size <= size);
        free(ours);
    }
    /* the bytes that docs/protocol.md shows */
    static const unsigned char shown[] = {0x52, 0x0c, 0, 0, 0, 0xc0, 0x02, 0xf0, 0x01, 0x80, 0xe0, 0x12, 0, 0};
    static vgm_frame f;
    f.cameras = 1, f.picture_count = 1, f.picture[0] = (vgm_picture){0, 0, 320, 240, 0};
    vgm_out out = fresh();
    vgm_write_frames(&out, 1, &f);
    assert_memory_equal(out.data + out.size - sizeof shown, shown, sizeof shown);
    vg_codec_destroy(codec);
}

static void requests_of_ours_are_understood(void **state) {
    (void)state;
    vg_error err = {0};
    vg_codec *codec;
    vg_bytes bytes;
    vgm_request r;
    assert_ok(vg_codec_create(&codec, 65536, &err));
    const vg_wire_hello hello = {.version = 2, .name = "x", .pictures = 5, .encodings = 3, .shared_memory = true};
    assert_ok(vg_encode_hello(codec, 1, &hello, &bytes, &err));
    assert_true(vgm_read_request(&r, bytes.data, bytes.size));
    assert_int_equal(r.kind, VGM_HELLO);
    assert_true(r.version == 2 && r.pictures == 5 && r.encodings == 3 && r.shared_memory && r.sequence == 1);
    const vg_wire_reset reset = {1234567890123456789ull, 6, 1};
    assert_ok(vg_encode_reset(codec, 2, 0, 1, &reset, &bytes, &err));
    assert_true(vgm_read_request(&r, bytes.data, bytes.size));
    assert_true(r.kind == VGM_RESET && r.seed == reset.seed && r.people == 6 && r.formation == 1);
    vg_command command = {.cameras = 3, .frame_id = 77};
    command.camera[2] = (vg_camera_command){{0.5f, -1, 2}, -0.25f, 0.125f};
    assert_ok(vg_encode_step(codec, 3, 0, 1, &command, &bytes, &err));
    assert_true(vgm_read_request(&r, bytes.data, bytes.size));
    assert_true(r.kind == VGM_STEP && r.frame_id == 77 && r.motion_count == 3);
    assert_memory_equal(r.motion[2], &command.camera[2], sizeof r.motion[2]);
    /* bytes that are damaged are refused or read as something: never beyond their end */
    vg_rng rng = vg_test_rng(2);
    for (int i = 0; i < 20000; i++) {
        const size_t size = vg_rng_below(&rng, (uint32_t)bytes.size + 1);
        unsigned char *copy = malloc(size ? size : 1);
        memcpy(copy, bytes.data, size);
        for (int k = 0; k < 3 && size; k++) copy[vg_rng_below(&rng, (uint32_t)size)] = (unsigned char)vg_rng_u32(&rng);
        if (vgm_read_request(&r, copy, size)) assert_true(r.motion_count >= 0 && r.motion_count <= VGM_CAMERAS);
        free(copy);
    }
    vg_codec_destroy(codec);
}

static void coordinates_are_those_of_the_documents(void **state) {
    (void)state;
    /* docs/unreal.md: a camera at (300, 200, 150) cm with pitch -10, yaw 30 */
    const double location[3] = {300, 200, 150}, rotation[3] = {-10, 30, 0};
    vgm_camera c;
    double R[9], at[3];
    vgm_camera_from_unreal(&c, location, -10, 30, 90, 640, 480);
    ucv_camera_rotation(R, rotation);
    ucv_to_world(at, location);
    for (int i = 0; i < 9; i++) assert_close(c.R[i], R[i], 1e-12);
    const double shown_R[9] = {-0.5, -0.8660, 0, -0.1504, 0.0868, -0.9848, 0.8529, -0.4924, -0.1736};
    for (int i = 0; i < 9; i++) assert_close(c.R[i], shown_R[i], 5e-5);
    const double shown_t[3] = {-0.2321, 2.1020, -3.2829};
    for (int i = 0; i < 3; i++) assert_close(c.t[i], shown_t[i], 5e-5);
    assert_close(c.fx, 320, 1e-9);
    /* a bone at (500, 330, 140) cm */
    const double bone[3] = {500, 330, 140};
    double X[3], uv[2];
    float pixel[2] = {0, 0};
    vgm_from_unreal(X, bone);
    const vg_camera ours = {.width = 640, .height = 480, .fx = 320, .fy = 320, .cx = 319.5, .cy = 239.5};
    vg_camera k = ours;
    memcpy(k.R, c.R, sizeof k.R), memcpy(k.t, c.t, sizeof k.t);
    assert_true(vg_project(uv, NULL, NULL, &k, X));
    assert_close(uv[0], 336.539, 0.01);
    assert_close(uv[1], 196.825, 0.01);
    const float x[3] = {(float)X[0], (float)X[1], (float)X[2]};
    assert_true(vgm_project(pixel, &c, x));
    assert_close(pixel[0], uv[0], 1e-3);
    assert_close(pixel[1], uv[1], 1e-3);
    /* motion: 0.5 m/s east, 1 m/s north, turning left and up for 0.2 s */
    double place[3] = {300, 200, 150}, pitch = -10, yaw = 30;
    const float motion[5] = {0.5f, 1, 0, 0.5f, 0.25f};
    vgm_move(place, &pitch, &yaw, motion, 0.2);
    assert_close(place[0], 310, 1e-9);
    assert_close(place[1], 180, 1e-9);
    assert_close(yaw, 30 - 5.7296, 1e-4);
    assert_close(pitch, -10 + 2.8648, 1e-4);
}

/* --- a world made of it: people who stand, cameras that go where they are told ------------------------------------------------ */

typedef struct level {
    pthread_t thread;
    atomic_bool stop;
    void *context, *socket;
    char endpoint[256];
    double location[3][3], pitch[3], yaw[3];
    uint64_t frame_id;
} level;

static void send_frame(level *l, uint64_t sequence, uint32_t flags) {
    static vgm_frame f;
    static float truth[2 * 14 * 3], keypoints[3 * 2 * 14 * 3];
    static unsigned char room[65536], picture[4 * 32 * 24];
    memset(&f, 0, sizeof f);
    f.frame_id = l->frame_id, f.time_ns = (int64_t)l->frame_id * 100000000, f.cameras = 3, f.people = 2;
    f.flags = flags | VGM_TRUTH | VGM_IDENTIFIED, f.truth = truth, f.keypoints = keypoints;
    for (int i = 0; i < 28; i++) {
        truth[3 * i] = (float)(i / 14), truth[3 * i + 1] = 0.1f * (float)(i % 2),
                  truth[3 * i + 2] = 0.1f * (float)(i % 14);
        f.present[i / 14] = 1;
    }
    memset(keypoints, 0, sizeof keypoints);
    for (int c = 0; c < 3; c++) {
        vgm_camera_from_unreal(&f.camera[c], l->location[c], l->pitch[c], l->yaw[c], 90, 320, 240);
        for (int i = 0; i < 28; i++) {
            float *k = keypoints + 3 * (28 * c + i);
            if (vgm_project(k, &f.camera[c], truth + 3 * i))
                k[2] = 1;
            else
                k[0] = k[1] = 0;
        }
    }
    f.picture_count = 1, f.picture[0] = (vgm_picture){2, 0, 32, 24, 0};
    vgm_out out = {room, 0, sizeof room};
    vgm_write_frames(&out, sequence, &f);
    zmq_send(l->socket, out.data, out.size, ZMQ_SNDMORE);
    zmq_send(l->socket, picture, sizeof picture, 0);
}

static void answer(level *l, const vgm_request *r) {
    static const double start[3][3] = {{-400, 0, 200}, {300, -300, 200}, {300, 300, 200}}, facing[3] = {0, 135, -135};
    unsigned char room[1024];
    vgm_out out = {room, 0, sizeof room};
    vgm_world world = {.version = r->version, .name = "level", .scene = "none", .cameras = 3, .people = 2};
    world.step_seconds = 0.1, world.truth = world.resettable = world.teleports = 1, world.pictures = r->pictures & 1;
    const float bounds[10] = {-6, -6, 0.5f, 6, 6, 4, -5, -5, 5, 5};
    memcpy(world.bounds, bounds, sizeof bounds);
    switch (r->kind) {
    case VGM_HELLO:
        vgm_write_world(&out, r->sequence, &world);
        zmq_send(l->socket, out.data, out.size, 0);
        break;
    case VGM_RESET:
        for (int c = 0; c < 3; c++)
            memcpy(l->location[c], start[c], sizeof start[c]), l->yaw[c] = facing[c], l->pitch[c] = -20;
        l->frame_id++;
        send_frame(l, r->sequence, VGM_FIRST);
        break;
    case VGM_STEP:
        for (int c = 0; c < 3; c++) vgm_move(l->location[c], &l->pitch[c], &l->yaw[c], r->motion[c], 0.1);
        l->frame_id++;
        send_frame(l, r->sequence, 0);
        break;
    default:
        vgm_write_error(&out, r->sequence, 1, "no request");
        zmq_send(l->socket, out.data, out.size, 0);
    }
}

static void *run_level(void *context) {
    level *l = context;
    while (!atomic_load(&l->stop)) {
        unsigned char identity[256], request[4096];
        vgm_request r;
        const int n = zmq_recv(l->socket, identity, sizeof identity, 0);
        if (n < 0) continue; /* nobody asked for a while */
        const int size = zmq_recv(l->socket, request, sizeof request, 0);
        if (size < 0 || !vgm_read_request(&r, request, (size_t)size) || r.kind == VGM_BYE) continue;
        zmq_send(l->socket, identity, (size_t)n, ZMQ_SNDMORE);
        answer(l, &r);
    }
    return NULL;
}

static void a_world_made_of_it_is_driven_by_our_client(void **state) {
    (void)state;
    static level l;
    const int linger = 0, timeout = 50;
    l.context = zmq_ctx_new(), l.socket = zmq_socket(l.context, ZMQ_ROUTER);
    zmq_setsockopt(l.socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(l.socket, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
    assert_int_equal(zmq_bind(l.socket, "tcp://127.0.0.1:*"), 0);
    size_t room = sizeof l.endpoint;
    zmq_getsockopt(l.socket, ZMQ_LAST_ENDPOINT, l.endpoint, &room);
    pthread_create(&l.thread, NULL, run_level, &l);
    vg_error err = {0};
    char folder[512], path[600];
    snprintf(folder, sizeof folder, "%s/pictures", vg_test_folder());
    vg_world_config c = vg_world_config_default();
    c.kind = "remote", c.endpoint = l.endpoint, c.cameras = 3, c.people = 2, c.save_images = folder;
    vg_world *world;
    assert_ok(vg_world_open(&world, &c, &err));
    vg_frame *frame = calloc(1, vg_frame_bytes(world->info.dims));
    vg_frame_init(frame, world->info.dims, 0);
    const vg_reset reset = {.seed = 3, .people = 2};
    assert_ok(vg_world_reset(world, 0, 1, &reset, frame, &err));
    const double before = vg_frame_cameras(frame)[0].t[2];
    vg_command command = {.cameras = 3};
    command.camera[0].linear[0] = 1; /* towards +x, which camera 0 faces with 20 degrees down */
    for (int i = 0; i < 5; i++) assert_ok(vg_world_step(world, 0, 1, &command, frame, &err));
    assert_close(before - vg_frame_cameras(frame)[0].t[2], 0.5 * cos(20 * VG_PI / 180), 1e-6);
    int seen = 0;
    for (int i = 0; i < 3 * 28; i++) seen += vg_frame_keypoints(frame)[i].confidence > 0;
    assert_true(seen > 60);
    snprintf(path, sizeof path, "%s/e0/c2/%08llu.lit.png", folder, (unsigned long long)frame->frame_id);
    assert_int_equal(access(path, F_OK), 0);
    vg_world_close(world);
    free(frame);
    atomic_store(&l.stop, true);
    pthread_join(l.thread, NULL);
    zmq_close(l.socket), zmq_ctx_term(l.context);
}

static void it_compiles_as_cpp_too(void **state) {
    (void)state;
    if (access("examples/unreal/vergence_messages.h", F_OK) != 0 || system("command -v g++ >/dev/null") != 0) {
        print_message("no g++, or not in the source tree: skipping\n");
        skip();
    }
    assert_int_equal(system("g++ -std=c++17 -Wall -Wextra -Werror -Wno-unused-function -fsyntax-only -x c++ "
                            "examples/unreal/vergence_messages.h -Wno-pragma-once-outside-header"),
                     0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_writes_is_what_our_encoder_writes),
        cmocka_unit_test(frames_with_pictures_are_the_same_bytes),
        cmocka_unit_test(requests_of_ours_are_understood),
        cmocka_unit_test(coordinates_are_those_of_the_documents),
        cmocka_unit_test(a_world_made_of_it_is_driven_by_our_client),
        cmocka_unit_test(it_compiles_as_cpp_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
