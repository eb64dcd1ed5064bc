/* Recordings of a session: what the tick saw is in the file, and played back through the same loop it gives the same
 * skeletons, bit for bit; a full disk or a slow one does not hold the tick up. */
#include "daemon/recorder.h"

#include "perception/capture.h"
#include "proto/mcap.h"
#include "proto/proto.h"
#include "tests/support/support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { FRAMES = 150 };

typedef struct stage {
    vg_world *world;
    vg_capture *capture;
    vg_frame *frame;
    vg_skeletons *skeletons;
} stage;

static void take_off_identities(vg_frame *f, vg_rng *rng) {
    const int32_t P = f->dims.people, J = f->dims.joints;
    vg_keypoint spare[VG_MAX_JOINTS];
    f->flags &= ~(uint32_t)(VG_FRAME_IDENTIFIED | VG_FRAME_TRUTH);
    f->target = -1;
    for (int32_t c = 0; c < f->dims.cameras; c++)
        for (int32_t p = P - 1; p > 0; p--) { /* each camera its own order */
            vg_keypoint *a = vg_frame_keypoints(f) + (c * P + p) * J;
            vg_keypoint *b = vg_frame_keypoints(f) + (c * P + (int32_t)vg_rng_below(rng, (uint32_t)p + 1)) * J;
            const size_t size = sizeof *a * (size_t)J;
            if (a == b) continue;
            memcpy(spare, a, size), memcpy(a, b, size), memcpy(b, spare, size);
        }
}

static void set_up(stage *s, const vg_world_config *config) {
    vg_error err = {0};
    assert_ok(vg_world_open(&s->world, config, &err));
    const vg_dims d = s->world->info.dims;
    const vg_capture_config capture = vg_capture_config_default();
    assert_ok(vg_capture_create(&s->capture, &capture, d, s->world->info.joint_set, &err));
    s->frame = calloc(1, vg_frame_bytes(d));
    s->skeletons = calloc(1, vg_skeletons_bytes(d.people, d.joints));
    vg_frame_init(s->frame, d, 0);
    vg_skeletons_init(s->skeletons, d.people, d.joints, 0);
}

static void tear_down(stage *s) {
    vg_capture_destroy(s->capture);
    vg_world_close(s->world);
    free(s->frame), free(s->skeletons);
}

static vg_world_config simulator(void) {
    vg_world_config c = vg_world_config_default();
    c.cameras = 5, c.people = 4, c.step_seconds = 0.02;
    return c;
}

/* Simulates and records; returns the file. */
static const char *record(stage *s, vg_recorder_stats *stats) {
    vg_error err = {0};
    vg_recorder *r;
    vg_rng rng = vg_test_rng(1);
    const vg_world_config config = simulator();
    set_up(s, &config);
    for (int32_t c = 0; c < 5; c++) snprintf(s->world->info.camera_names[c], 64, "camera %d, left", c);
    assert_ok(vg_recorder_open(&r, vg_test_folder(), &s->world->info, NULL, &err));
    const vg_reset reset = {5, 4, VG_FORMATION_FIXED};
    const vg_command stand = {.cameras = 5};
    for (int k = 0; k < FRAMES; k++) {
        if (k == 0)
            assert_ok(vg_world_reset(s->world, 0, 1, &reset, s->frame, &err));
        else
            assert_ok(vg_world_step(s->world, 0, 1, &stand, s->frame, &err));
        take_off_identities(s->frame, &rng);
        assert_ok(vg_capture_step(s->capture, s->frame, s->skeletons, &err));
        vg_recorder_push(r, s->frame, s->skeletons);
    }
    assert_ok(vg_recorder_close(r, stats, &err));
    return stats->path;
}

static void a_replay_gives_the_same_skeletons_bit_for_bit(void **state) {
    (void)state;
    vg_error err = {0};
    stage live, again;
    vg_recorder_stats stats;
    const char *path = record(&live, &stats);
    assert_int_equal(stats.recorded, FRAMES);
    assert_int_equal(stats.dropped, 0);
    vg_world_config config = vg_world_config_default();
    config.kind = "replay", config.recording = path, config.speed = 0;
    set_up(&again, &config);
    const vg_world_info *w = &again.world->info;
    assert_true(w->dims.cameras == 5 && w->dims.people == 4 && w->dims.joints == 14 && w->paced);
    assert_close(w->step_seconds, 0.02, 1e-9);
    assert_string_equal(w->camera_names[3], "camera 3, left");
    assert_string_equal(w->joint_set, "vergence14");
    vg_mcap_reader *reader;
    vg_codec *codec;
    assert_ok(vg_mcap_open(&reader, path, &err));
    assert_ok(vg_codec_create(&codec, 1 << 20, &err));
    vg_skeletons *recorded = calloc(1, again.skeletons->bytes);
    vg_skeletons_init(recorded, 4, 14, 0);
    int frames = 0, measured = 0;
    const vg_command stand = {.cameras = 5};
    vg_status status;
    while ((status = vg_world_step(again.world, 0, 1, &stand, again.frame, &err)) == VG_OK) {
        assert_ok(vg_capture_step(again.capture, again.frame, again.skeletons, &err));
        vg_mcap_message m;
        do assert_ok(vg_mcap_next(reader, &m, &err));
        while (strcmp(m.topic, "/skeletons") != 0);
        assert_ok(vg_decode_bare(codec, VG_MESSAGE_SKELETONS, m.data, m.size, &err));
        assert_ok(vg_decoded_skeletons(codec, recorded, &err));
        assert_memory_equal(recorded, again.skeletons, recorded->bytes);
        for (int32_t i = 0; i < 4 * 14; i++) measured += vg_skeletons_joints(recorded)[i].state == VG_JOINT_MEASURED;
        frames++;
    }
    assert_int_equal(status, VG_ENDED);
    assert_int_equal(frames, FRAMES);
    assert_in_range(measured, FRAMES * 14, FRAMES * 4 * 14);            /* there was something to be the same */
    assert_memory_equal(again.frame, live.frame, live.frame->truth_at); /* the truth was not told */
    assert_memory_equal(again.skeletons, live.skeletons, live.skeletons->bytes);
    free(recorded);
    vg_codec_destroy(codec), vg_mcap_close(reader);
    tear_down(&live), tear_down(&again);
}

static void a_full_disk_ends_the_recording_and_nothing_else(void **state) {
    (void)state;
    vg_error err = {0};
    stage s;
    vg_recorder *r;
    vg_recorder_stats stats;
    const vg_world_config config = simulator();
    set_up(&s, &config);
    const vg_reset reset = {5, 4, VG_FORMATION_FIXED};
    assert_ok(vg_world_reset(s.world, 0, 1, &reset, s.frame, &err));
    assert_ok(vg_recorder_open(&r, vg_test_folder(), &s.world->info, NULL, &err));
    struct rlimit old, low;
    getrlimit(RLIMIT_FSIZE, &old);
    low = old, low.rlim_cur = 30000;
    setrlimit(RLIMIT_FSIZE, &low);
    for (int k = 0; k < 2000; k++) {
        s.frame->frame_id++;
        vg_recorder_push(r, s.frame, s.skeletons);
        vg_recorder_read(r, &stats);
        if (stats.error[0]) break;
        usleep(2000);
    }
    setrlimit(RLIMIT_FSIZE, &old);
    assert_non_null(strstr(stats.error, "recording stopped"));
    for (int k = 0; k < 100; k++) vg_recorder_push(r, s.frame, s.skeletons); /* goes on without harm */
    assert_error(vg_recorder_close(r, &stats, &err), VG_IO, "recording stopped");
    vg_world_config replay = vg_world_config_default();
    replay.kind = "replay", replay.recording = stats.path;
    vg_world *w;
    const vg_status opened = vg_world_open(&w, &replay, &err); /* what was whole before it was full can be read */
    assert_true(opened == VG_OK || strstr(err.message, "holds no frames"));
    if (opened == VG_OK) vg_world_close(w);
    tear_down(&s);
}

static void a_flood_is_dropped_and_counted_never_waited_for(void **state) {
    (void)state;
    vg_error err = {0};
    stage s;
    vg_recorder *r;
    vg_recorder_stats stats;
    const vg_world_config config = simulator();
    set_up(&s, &config);
    const vg_reset reset = {5, 4, VG_FORMATION_FIXED};
    assert_ok(vg_world_reset(s.world, 0, 1, &reset, s.frame, &err));
    assert_ok(vg_recorder_open(&r, vg_test_folder(), &s.world->info, NULL, &err));
    for (int k = 0; k < 5000; k++) s.frame->frame_id++, vg_recorder_push(r, s.frame, s.skeletons);
    assert_ok(vg_recorder_close(r, &stats, &err));
    assert_int_equal(stats.recorded + stats.dropped, 5000);
    assert_true(stats.recorded >= 1024);
    tear_down(&s);
}

static void what_is_no_recording_is_refused(void **state) {
    (void)state;
    vg_error err = {0};
    char path[4200];
    snprintf(path, sizeof path, "%s/no.mcap", vg_test_folder());
    FILE *file = fopen(path, "w");
    fputs("\x89MCAP0\r\n", file);
    fclose(file);
    vg_world_config config = vg_world_config_default();
    config.kind = "replay", config.recording = path;
    vg_world *w;
    assert_error(vg_world_open(&w, &config, &err), VG_CORRUPT, "no.mcap: holds no frames");
    config.recording = "absent.mcap";
    assert_error(vg_world_open(&w, &config, &err), VG_NOT_FOUND, "absent.mcap");
    config.speed = -1;
    assert_error(vg_world_open(&w, &config, &err), VG_INVALID, "world.speed is -1");
    vg_recorder *r;
    const vg_world_info info = {.dims = {1, 1, 14}};
    assert_error(vg_recorder_open(&r, "/nowhere/at/all", &info, NULL, &err), VG_IO, "/nowhere/at/all/take-1.mcap");
}

int main(void) {
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error, as a full disk is */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_replay_gives_the_same_skeletons_bit_for_bit),
        cmocka_unit_test(a_full_disk_ends_the_recording_and_nothing_else),
        cmocka_unit_test(a_flood_is_dropped_and_counted_never_waited_for),
        cmocka_unit_test(what_is_no_recording_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
