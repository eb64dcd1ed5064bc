/* Live capture from detections without identities, at the rate of cameras: people are found, kept apart, and nearer to where
 * they truly are than each frame by itself tells; a whole tick, its outputs and recorder included, allocates nothing. */
#include "daemon/recorder.h"
#include "daemon/vmc.h"
#include "perception/capture.h"
#include "tests/support/allocations.h"
#include "tests/support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CAMERAS = 5, PEOPLE = 4, JOINTS = 14, FRAMES = 900, WARM = 60 };

/* The simulator at 60 Hz, its detections in random order and nothing said about who is who. */
typedef struct rig {
    vg_world *world;
    vg_frame *truth, *frame;
    vg_rng rng;
} rig;

static void rig_open(rig *r, uint64_t seed) {
    vg_error err = {0};
    vg_world_config c = vg_world_config_default();
    c.cameras = CAMERAS, c.people = PEOPLE, c.step_seconds = 1.0 / 60;
    assert_ok(vg_world_open(&r->world, &c, &err));
    const size_t bytes = vg_frame_bytes(r->world->info.dims);
    r->truth = calloc(1, bytes), r->frame = calloc(1, bytes);
    vg_frame_init(r->truth, r->world->info.dims, 0);
    const vg_reset reset = {seed, PEOPLE, VG_FORMATION_FIXED};
    assert_ok(vg_world_reset(r->world, 0, 1, &reset, r->truth, &err));
    r->rng = vg_rng_at(seed, 0, 0, VG_DRAW_TEST);
}

static void rig_close(rig *r) {
    vg_world_close(r->world);
    free(r->truth), free(r->frame);
}

static void rig_step(rig *r) {
    vg_error err = {0};
    const vg_command stand = {.cameras = CAMERAS};
    assert_ok(vg_world_step(r->world, 0, 1, &stand, r->truth, &err));
    memcpy(r->frame, r->truth, r->truth->bytes);
    r->frame->flags &= ~(uint32_t)(VG_FRAME_IDENTIFIED | VG_FRAME_TRUTH);
    memset(vg_frame_truth(r->frame), 0, sizeof(float) * PEOPLE * JOINTS * 3);
    vg_keypoint spare[JOINTS];
    for (int32_t c = 0; c < CAMERAS; c++)
        for (int32_t p = PEOPLE - 1; p > 0; p--) {
            const int32_t q = (int32_t)vg_rng_below(&r->rng, (uint32_t)p + 1);
            vg_keypoint *a = vg_frame_keypoints(r->frame) + (c * PEOPLE + p) * JOINTS;
            vg_keypoint *b = vg_frame_keypoints(r->frame) + (c * PEOPLE + q) * JOINTS;
            memcpy(spare, a, sizeof spare), memmove(a, b, sizeof spare), memcpy(b, spare, sizeof spare);
        }
}

/* Mean distance of a slot's joints from a true person's, mm; NaN where none is told. */
static double distance(const vg_skeletons *s, int32_t slot, const vg_frame *truth, int32_t person) {
    double sum = 0;
    int n = 0;
    for (int32_t j = 0; j < JOINTS; j++) {
        const vg_joint *joint = &vg_skeletons_joints(s)[slot * JOINTS + j];
        const float *x = vg_frame_truth(truth) + (person * JOINTS + j) * 3;
        if (joint->state == VG_JOINT_LOST) continue;
        double d = 0;
        for (int a = 0; a < 3; a++) d += pow((double)(joint->position[a] - x[a]), 2);
        sum += sqrt(d), n++;
    }
    return n ? 1000 * sum / n : (double)NAN;
}

typedef struct score {
    double mm;       /* mean joint error of people who were told */
    double told;     /* share of people told */
    int32_t changes; /* of who stands in a slot */
} score;

static score run(const vg_capture_config *config, uint64_t seed) {
    vg_error err = {0};
    rig r;
    vg_capture *c;
    rig_open(&r, seed);
    assert_ok(vg_capture_create(&c, config, r.world->info.dims, "vergence14", &err));
    vg_skeletons *s = calloc(1, vg_skeletons_bytes(PEOPLE, JOINTS));
    vg_skeletons_init(s, PEOPLE, JOINTS, 0);
    score got = {0};
    int32_t count = 0, who[PEOPLE] = {-1, -1, -1, -1};
    for (int k = 0; k < FRAMES; k++) {
        rig_step(&r);
        assert_ok(vg_capture_step(c, r.frame, s, &err));
        if (k < WARM) continue;
        for (int32_t p = 0; p < PEOPLE; p++) {
            if (!vg_skeletons_present(s)[p]) continue;
            int32_t best = 0;
            for (int32_t q = 1; q < PEOPLE; q++)
                if (distance(s, p, r.truth, q) < distance(s, p, r.truth, best)) best = q;
            const double mm = distance(s, p, r.truth, best);
            if (isnan(mm)) continue;
            got.mm += mm, count++;
            got.changes += who[p] >= 0 && who[p] != best;
            who[p] = best;
        }
    }
    got.mm /= count, got.told = (double)count / ((FRAMES - WARM) * PEOPLE);
    vg_capture_destroy(c), free(s);
    rig_close(&r);
    return got;
}

static void people_are_found_kept_apart_and_near_the_truth(void **state) {
    (void)state;
    vg_capture_config full = vg_capture_config_default(), plain = full;
    plain.hold_bones = false, plain.smooth.cutoff = 0, plain.perception.filter = false;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        const score a = run(&full, seed), b = run(&plain, seed);
        printf("seed %d: %.1f mm, %.1f %% told, %d changes; each frame by itself %.1f mm\n", (int)seed, a.mm,
               100 * a.told, a.changes, b.mm);
        assert_true(a.mm < 0.75 * b.mm);
        assert_true(a.told > 0.97);
        assert_int_equal(a.changes, 0);
        vg_capture_config loose = full;
        loose.hold_bones = false;
        assert_true(a.mm < run(&loose, seed).mm); /* bones tell something */
    }
}

static void a_tick_allocates_nothing(void **state) {
    (void)state;
    vg_error err = {0};
    rig r;
    vg_capture *c;
    vg_vmc *vmc;
    vg_recorder *recorder;
    rig_open(&r, 4);
    const vg_capture_config config = vg_capture_config_default();
    assert_ok(vg_capture_create(&c, &config, r.world->info.dims, "vergence14", &err));
    assert_ok(vg_vmc_open(&vmc, "127.0.0.1:9", "vergence14", PEOPLE, &err));
    assert_ok(vg_recorder_open(&recorder, vg_test_folder(), &r.world->info, NULL, &err));
    vg_skeletons *s = calloc(1, vg_skeletons_bytes(PEOPLE, JOINTS));
    vg_skeletons_init(s, PEOPLE, JOINTS, 0);
    int64_t sent = 0, failed = 0;
    for (int k = 0; k < 120; k++) {
        rig_step(&r);
        const long before = allocations;
        assert_ok(vg_capture_step(c, r.frame, s, &err));
        vg_vmc_send(vmc, s, &sent, &failed);
        vg_recorder_push(recorder, r.frame, s);
        assert_int_equal(allocations - before, 0);
    }
    assert_true(sent > 0);
    assert_ok(vg_recorder_close(recorder, NULL, &err));
    vg_vmc_close(vmc), vg_capture_destroy(c), free(s);
    rig_close(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(people_are_found_kept_apart_and_near_the_truth),
        cmocka_unit_test(a_tick_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
