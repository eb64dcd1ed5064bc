/* The live world with real sockets: what is published becomes frames; what is wrong is counted, named, and harmless. */
#include "calibration/files.h"
#include "common/clock.h"
#include "proto/proto.h"
#include "sim_bridge/live/live.h"
#include "sim_bridge/live/publish.h"
#include "tests/support/support.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { CAMERAS = 3, PEOPLE = 4, JOINTS = 14 };

typedef struct rig {
    char calibration[4200], endpoint[256];
    vg_keypoint_publisher *publisher;
    vg_world *world;
    vg_frame *frame;
    char clock[64];
    int64_t time_ns;
    bool oddly; /* cameras and joints are not spelled as the session does */
} rig;

static void write_calibration(const char *path) {
    vg_error err = {0};
    vg_camera_set set;
    assert_ok(vg_camera_set_create(&set, CAMERAS, &err));
    for (int32_t c = 0; c < CAMERAS; c++) {
        snprintf(set.camera[c].name, sizeof set.camera[c].name, "cam%d", c + 1);
        set.camera[c].placed = true;
        set.camera[c].camera = (vg_camera){.width = 640,
                                           .height = 480,
                                           .fx = 500,
                                           .fy = 500,
                                           .cx = 320,
                                           .cy = 240,
                                           .R = {1, 0, 0, 0, 0, -1, 0, 1, 0},
                                           .t = {c, 0, 3}};
    }
    assert_ok(vg_calibration_write(path, &set, VG_CALIBRATION_POSE2SIM, &err));
    vg_camera_set_free(&set);
}

static vg_world_config config_of(const rig *r) {
    vg_world_config c = vg_world_config_default();
    c.kind = "live", c.endpoint = r->endpoint, c.calibration = r->calibration, c.people = PEOPLE;
    c.rate_hz = 100, c.silent_seconds = 2; /* a loaded machine may be slow */
    return c;
}

static void set_up(rig *r) {
    vg_error err = {0};
    *r = (rig){.time_ns = vg_clock_now_ns() - 20000000000}; /* instants are made faster than time passes */
    snprintf(r->calibration, sizeof r->calibration, "%s/rig.toml", vg_test_folder());
    write_calibration(r->calibration);
    assert_ok(vg_keypoint_publisher_open(&r->publisher, "tcp://127.0.0.1:*", &err));
    snprintf(r->endpoint, sizeof r->endpoint, "%s", vg_keypoint_publisher_endpoint(r->publisher));
    const vg_world_config c = config_of(r);
    assert_ok(vg_world_open(&r->world, &c, &err));
    r->frame = calloc(1, vg_frame_bytes(r->world->info.dims));
    vg_frame_init(r->frame, r->world->info.dims, 0);
    vg_local_clock_name(r->clock);
}

static void tear_down(rig *r) {
    vg_world_close(r->world);
    vg_keypoint_publisher_close(r->publisher);
    free(r->frame);
}

/* One tick; true where a frame came. */
static bool step(rig *r) {
    vg_error err = {0};
    const vg_command stand = {.cameras = CAMERAS};
    const uint64_t last = r->frame->frame_id;
    assert_ok(vg_world_step(r->world, 0, 1, &stand, r->frame, &err));
    return r->frame->frame_id != last;
}

static vg_wire_keypoints picture(const rig *r, int32_t camera, const vg_keypoint *points, int32_t people) {
    vg_wire_keypoints k = {
        .time_ns = r->time_ns, .width = 640, .height = 480, .people = people, .joints = JOINTS, .keypoints = points};
    snprintf(k.joint_set, sizeof k.joint_set, "%s", r->oddly ? "Vergence_14" : "vergence14");
    snprintf(k.camera, sizeof k.camera, r->oddly ? "Kamera_%02d" : "cam%d", camera + 1);
    snprintf(k.clock, sizeof k.clock, "%s", r->clock);
    return k;
}

static void publish(rig *r, int32_t camera, int32_t people) {
    vg_error err = {0};
    vg_keypoint points[PEOPLE * JOINTS];
    for (int32_t i = 0; i < PEOPLE * JOINTS; i++) points[i] = (vg_keypoint){(float)camera, (float)i, 0.9f};
    const vg_wire_keypoints k = picture(r, camera, points, people);
    assert_ok(vg_keypoint_publish(r->publisher, camera, &k, &err));
}

/* Publishes instants until the first frame with all cameras is there: a new subscriber misses the first messages. */
static void warm_up(rig *r) {
    vg_world_report report;
    for (int tries = 0; tries < 1000; tries++) {
        r->time_ns += 10000000;
        for (int32_t c = 0; c < CAMERAS; c++) publish(r, c, 2);
        while (step(r)) {
        }
        int32_t heard = 0;
        assert_true(vg_world_sources(r->world, &report));
        for (int32_t c = 0; c < CAMERAS; c++) heard += report.camera[c].state == VG_CAMERA_ACTIVE;
        if (heard == CAMERAS) return;
    }
    fail_msg("no picture arrived");
}

/* Ticks until a frame comes. */
static void next_frame(rig *r) {
    for (int i = 0; i < 1000; i++)
        if (step(r)) return;
    fail_msg("no frame within 10 s");
}

static vg_world_report report_of(const rig *r) {
    vg_world_report report;
    assert_true(vg_world_sources(r->world, &report));
    return report;
}

static void pictures_become_frames(void **state) {
    (void)state;
    rig r;
    set_up(&r);
    assert_int_equal(r.world->info.dims.cameras, CAMERAS);
    assert_string_equal(r.world->info.camera_names[2], "cam3");
    assert_true(r.world->info.paced && !r.world->info.resettable);
    assert_false(step(&r)); /* nothing there: a tick without a frame, with cameras in place */
    assert_close(vg_frame_cameras(r.frame)[1].fx, 500, 0);
    warm_up(&r);
    const uint64_t before = r.frame->frame_id;
    const vg_world_report begun = report_of(&r); /* while cameras come in one by one, some are late */
    for (int k = 0; k < 50; k++) {
        r.time_ns += 10000000;
        for (int32_t c = 0; c < CAMERAS; c++) publish(&r, c, k % 3);
        next_frame(&r);
        assert_int_equal(r.frame->time_ns, r.time_ns); /* its clock is ours */
        if (k) assert_int_equal(r.frame->flags, 0);
        for (int32_t p = 0; p < PEOPLE; p++) assert_int_equal(vg_frame_present(r.frame)[p], p < k % 3);
        if (k % 3) assert_close(vg_frame_keypoints(r.frame)[2 * PEOPLE * JOINTS + 5].v, 5, 0);
    }
    assert_int_equal(r.frame->frame_id, before + 50);
    const vg_world_report report = report_of(&r);
    assert_int_equal(report.refused, 0);
    for (int32_t c = 0; c < CAMERAS; c++) {
        assert_int_equal(report.camera[c].lost + report.camera[c].duplicates, 0);
        assert_int_equal(report.camera[c].late, begun.camera[c].late);
        assert_close(report.camera[c].clock_offset_seconds, 0, 0);
    }
    vg_error err = {0};
    const vg_reset reset = {1, 1, 0};
    assert_error(vg_world_reset(r.world, 0, 1, &reset, r.frame, &err), VG_UNSUPPORTED, "cannot be reset");
    tear_down(&r);
}

static void a_foreign_clock_is_brought_to_ours(void **state) {
    (void)state;
    rig r;
    set_up(&r);
    warm_up(&r);
    for (int k = 0; k < 20; k++) {
        vg_clock_sleep_until_ns(r.time_ns + 20000000);
        r.time_ns = vg_clock_now_ns();
        publish(&r, 0, 1), publish(&r, 1, 1);
        const int64_t here = r.time_ns;
        char ours[64];
        memcpy(ours, r.clock, sizeof ours);
        r.time_ns -= 3600000000000, snprintf(r.clock, sizeof r.clock, "another machine"); /* an hour behind */
        publish(&r, 2, 1);
        r.time_ns = here, memcpy(r.clock, ours, sizeof ours);
        next_frame(&r);
    }
    /* by chance of scheduling a message may be slow, but the quickest of 20 is quick */
    assert_close(report_of(&r).camera[2].clock_offset_seconds, 3600, 0.1);
    assert_close(report_of(&r).camera[1].clock_offset_seconds, 0, 0);
    tear_down(&r);
}

/* Publishes one picture that something is wrong with, and a good one after it; expects the sentence. */
static void refused(rig *r, const vg_wire_keypoints *wrong, const char *part) {
    vg_error err = {0};
    const int64_t before = report_of(r).refused;
    assert_ok(vg_keypoint_publish(r->publisher, 15, wrong, &err));
    for (int i = 0; i < 500 && report_of(r).refused == before; i++) step(r);
    const vg_world_report report = report_of(r);
    assert_int_equal(report.refused, before + 1);
    if (!strstr(report.trouble, part)) fail_msg("the trouble is `%s`, which does not say `%s`", report.trouble, part);
}

static void pictures_that_do_not_belong_here_are_refused_by_name(void **state) {
    (void)state;
    rig r;
    set_up(&r);
    warm_up(&r);
    vg_keypoint points[PEOPLE * JOINTS] = {0};
    vg_wire_keypoints k = picture(&r, 0, points, 1);
    snprintf(k.camera, sizeof k.camera, "cam9");
    refused(&r, &k, "camera `cam9` is not in the calibration, which has cam1, cam2");
    k = picture(&r, 0, points, 1);
    snprintf(k.joint_set, sizeof k.joint_set, "body_25");
    refused(&r, &k, "sends joints `body_25` (14), this session takes `vergence14` (14)");
    k = picture(&r, 0, points, 1);
    snprintf(k.camera, sizeof k.camera, "Kamera_2");
    refused(&r, &k, "cameras `cam2` and `Kamera_2` both mean `cam2` of the calibration");
    k = picture(&r, 0, points, 1);
    k.joints = 13;
    refused(&r, &k, "set world.joint_set");
    k = picture(&r, 0, points, 1);
    k.width = 1280;
    refused(&r, &k, "pictures of 1280 x 480, its calibration is of 640 x 480");
    points[3].u = NAN;
    k = picture(&r, 0, points, 1);
    refused(&r, &k, "keypoints.keypoints[9] is nan");
    points[3].u = 0;
    k = picture(&r, 0, points, 1);
    k.time_ns = INT64_MAX;
    refused(&r, &k, "which no clock shows");
    r.time_ns += 10000000;
    for (int32_t c = 0; c < CAMERAS; c++) publish(&r, c, 1); /* and the good ones go on */
    next_frame(&r);
    assert_int_equal(r.frame->time_ns, r.time_ns);
    tear_down(&r);
}

static void streams_may_spell_cameras_and_joints_their_own_way(void **state) {
    (void)state;
    rig r;
    set_up(&r);
    r.oddly = true;
    warm_up(&r);
    const vg_world_report report = report_of(&r);
    assert_int_equal(report.refused, 0);
    for (int32_t c = 0; c < CAMERAS; c++) assert_true(report.camera[c].pictures > 0);
    tear_down(&r);
}

/* A publisher of our own, for what the real one would not send. */
typedef struct liar {
    void *context, *socket;
    char endpoint[256];
} liar;

static liar new_liar(int type) {
    liar l = {.context = zmq_ctx_new()};
    l.socket = zmq_socket(l.context, type);
    const int linger = 0;
    zmq_setsockopt(l.socket, ZMQ_LINGER, &linger, sizeof linger);
    assert_int_equal(zmq_bind(l.socket, "tcp://127.0.0.1:*"), 0);
    size_t size = sizeof l.endpoint;
    zmq_getsockopt(l.socket, ZMQ_LAST_ENDPOINT, l.endpoint, &size);
    return l;
}

static void garbage_other_versions_and_other_streams_do_no_harm(void **state) {
    (void)state;
    vg_error err = {0};
    rig r;
    set_up(&r);
    vg_world_close(r.world);
    liar l = new_liar(ZMQ_PUB), router = new_liar(ZMQ_ROUTER);
    char both[800];
    snprintf(both, sizeof both, "%s %s, %s", r.endpoint, l.endpoint, router.endpoint);
    vg_world_config config = config_of(&r);
    config.endpoint = both; /* a router is not a publisher: it is never heard */
    assert_ok(vg_world_open(&r.world, &config, &err));
    warm_up(&r);
    vg_codec *codec;
    assert_ok(vg_codec_create(&codec, 65536, &err));
    vg_bytes bytes;
    vg_keypoint points[PEOPLE * JOINTS] = {0};
    vg_wire_keypoints k = picture(&r, 0, points, 1);
    k.version = 7;
    assert_ok(vg_encode_keypoints(codec, 1, &k, &bytes, &err));
    for (int i = 0; i < 1000 && !strstr(report_of(&r).trouble, "protocol version 7"); i++)
        zmq_send(l.socket, bytes.data, bytes.size, 0), step(&r);
    assert_non_null(strstr(report_of(&r).trouble, "protocol version 7, this program 1"));
    assert_ok(vg_encode_empty(codec, 1, VG_MESSAGE_PING, &bytes, &err));
    zmq_send(l.socket, bytes.data, bytes.size, 0);
    for (int i = 0; i < 1000 && !strstr(report_of(&r).trouble, "kind 8"); i++) step(&r);
    assert_non_null(strstr(report_of(&r).trouble, "must name keypoint streams"));
    int64_t before = report_of(&r).refused;
    zmq_send(l.socket, "two", 3, ZMQ_SNDMORE), zmq_send(l.socket, "parts", 5, 0);
    vg_rng rng = vg_test_rng(3);
    for (int i = 0; i < 200; i++) {
        unsigned char noise[200];
        for (size_t b = 0; b < sizeof noise; b++) noise[b] = (unsigned char)vg_rng_u32(&rng);
        zmq_send(l.socket, noise, vg_rng_below(&rng, sizeof noise), 0);
    }
    for (int i = 0; i < 1000 && report_of(&r).refused < before + 201; i++) step(&r);
    assert_int_equal(report_of(&r).refused, before + 201);
    r.time_ns += 10000000;
    for (int32_t c = 0; c < CAMERAS; c++) publish(&r, c, 1);
    next_frame(&r);
    assert_int_equal(r.frame->time_ns, r.time_ns);
    vg_codec_destroy(codec);
    tear_down(&r);
    zmq_close(l.socket), zmq_ctx_term(l.context), zmq_close(router.socket), zmq_ctx_term(router.context);
}

/* Starts the source again, with its clock moved by `jump_ns`, and publishes until frames come: their flags together. */
static uint32_t restart_source(rig *r, int64_t jump_ns) {
    vg_error err = {0};
    vg_keypoint_publisher_close(r->publisher);
    assert_ok(vg_keypoint_publisher_open(&r->publisher, r->endpoint, &err));
    r->time_ns += jump_ns;
    uint32_t flags = 0;
    const uint64_t before = r->frame->frame_id;
    for (int i = 0; i < 1000 && r->frame->frame_id < before + 5; i++) {
        r->time_ns += 10000000;
        for (int32_t c = 0; c < CAMERAS; c++) publish(r, c, 1);
        while (step(r)) flags |= r->frame->flags;
    }
    assert_true(r->frame->frame_id >= before + 5);
    return flags;
}

static void a_source_that_is_restarted_is_taken_up_again(void **state) {
    (void)state;
    rig r;
    set_up(&r);
    warm_up(&r);
    assert_int_equal(restart_source(&r, -5000000000), VG_FRAME_FIRST); /* time goes back: everything begins anew */
    assert_int_equal(report_of(&r).camera[0].restarts, 1);
    /* its times begin at zero: they can no longer be of our clock, which goes on */
    assert_int_equal(restart_source(&r, -r.time_ns), 0);
    assert_int_equal(report_of(&r).camera[0].restarts, 2);
    assert_true(r.frame->time_ns > vg_clock_now_ns() - 10000000000);
    tear_down(&r);
}

static void a_config_that_cannot_be_is_refused_by_name(void **state) {
    (void)state;
    vg_error err = {0};
    rig r;
    set_up(&r);
    vg_world *w;
    vg_world_config c = config_of(&r);
    c.calibration = "nowhere.toml";
    assert_error(vg_world_open(&w, &c, &err), VG_NOT_FOUND, "nowhere.toml");
    c = config_of(&r), c.calibration = "";
    assert_error(vg_world_open(&w, &c, &err), VG_INVALID, "world.calibration is empty");
    c = config_of(&r), c.joint_set = "octopus";
    assert_error(vg_world_open(&w, &c, &err), VG_INVALID, "world.joint_set");
    c = config_of(&r), c.endpoint = "carrier pigeon";
    assert_error(vg_world_open(&w, &c, &err), VG_INVALID, "cannot connect to `carrier`");
    c = config_of(&r), c.endpoint = "";
    assert_error(vg_world_open(&w, &c, &err), VG_INVALID, "world.endpoint is empty");
    c = config_of(&r), c.rate_hz = 0;
    assert_error(vg_world_open(&w, &c, &err), VG_INVALID, "world.rate_hz is 0");
    tear_down(&r);
}

/* ---- the simulated rig ---- */

typedef struct simulation {
    vg_simulate_config config;
    pthread_t thread;
    atomic_bool ready;
    char endpoint[256];
    vg_status status;
} simulation;

static void on_ready(void *context, const char *endpoint) {
    simulation *s = context;
    snprintf(s->endpoint, sizeof s->endpoint, "%s", endpoint);
    atomic_store(&s->ready, true);
}

static void *simulate(void *context) {
    simulation *s = context;
    s->status = vg_simulate_keypoints(&s->config, NULL);
    return NULL;
}

static void the_simulated_rig_is_seen_through_its_own_calibration(void **state) {
    (void)state;
    vg_error err = {0};
    rig r = {0};
    snprintf(r.calibration, sizeof r.calibration, "%s/sim.toml", vg_test_folder());
    static atomic_bool stop;
    simulation s = {.config = {.world = vg_world_config_default(),
                               .listen = "tcp://127.0.0.1:*",
                               .calibration = r.calibration,
                               .seed = 3,
                               .stop = &stop,
                               .ready = on_ready}};
    s.config.context = &s;
    s.config.world.cameras = 5, s.config.world.people = PEOPLE, s.config.world.step_seconds = 0.02;
    pthread_create(&s.thread, NULL, simulate, &s);
    while (!atomic_load(&s.ready)) vg_clock_sleep_until_ns(vg_clock_now_ns() + 1000000);
    snprintf(r.endpoint, sizeof r.endpoint, "%s", s.endpoint);
    const vg_world_config c = config_of(&r);
    assert_ok(vg_world_open(&r.world, &c, &err));
    assert_int_equal(r.world->info.dims.cameras, 5);
    r.frame = calloc(1, vg_frame_bytes(r.world->info.dims));
    vg_frame_init(r.frame, r.world->info.dims, 0);
    for (int frames = 0; frames < 20;) frames += step(&r);
    int32_t seen = 0;
    for (int32_t i = 0; i < 5 * PEOPLE * JOINTS; i++) seen += vg_frame_keypoints(r.frame)[i].confidence > 0.3f;
    assert_in_range(seen, 50, 5 * PEOPLE * JOINTS);
    atomic_store(&stop, true);
    pthread_join(s.thread, NULL);
    assert_int_equal(s.status, VG_OK);
    vg_world_close(r.world);
    free(r.frame);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_become_frames),
        cmocka_unit_test(a_foreign_clock_is_brought_to_ours),
        cmocka_unit_test(pictures_that_do_not_belong_here_are_refused_by_name),
        cmocka_unit_test(streams_may_spell_cameras_and_joints_their_own_way),
        cmocka_unit_test(garbage_other_versions_and_other_streams_do_no_harm),
        cmocka_unit_test(a_source_that_is_restarted_is_taken_up_again),
        cmocka_unit_test(a_config_that_cannot_be_is_refused_by_name),
        cmocka_unit_test(the_simulated_rig_is_seen_through_its_own_calibration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
