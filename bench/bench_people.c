/* People told apart and placed, from detections without names: 5 cameras, in a studio full of people. */
#include "bench/anonymous.h"
#include "bench/bench.h"
#include "bench/greedy.h"
#include "common/clock.h"
#include "perception/joints.h"
#include "perception/perception.h"
#include "sim_bridge/world.h"

#include <stdlib.h>

#define CAMERAS    5
#define DETECTIONS 12
#define REFERENCE  "greedy matching, frame by frame"

typedef struct stage {
    vg_world *world;
    vg_perception *ours, *theirs; /* theirs: of frames that the greedy matcher named */
    greedy greedy;
    vg_frame *frame, *anonymous, *named;
    vg_skeletons *out;
    int32_t people;
} stage;

static void close_stage(stage *s) {
    vg_world_close(s->world);
    vg_perception_destroy(s->ours), vg_perception_destroy(s->theirs);
    free(s->frame), free(s->anonymous), free(s->named), free(s->out);
}

static vg_status open_stage(stage *s, int32_t people, vg_error *err) {
    *s = (stage){.people = people};
    vg_world_config config = vg_world_config_default();
    config.scene = "studio", config.cameras = CAMERAS, config.people = people;
    config.miss_rate = 0.05, config.swap_rate = 0.02;
    VG_TRY(vg_world_open(&s->world, &config, err));
    const vg_dims in = s->world->info.dims, dims = {CAMERAS, DETECTIONS, in.joints};
    vg_joint_set set;
    vg_joint_set_init(&set, VG_JOINTS_14);
    vg_perception_config perceive = vg_perception_config_default();
    VG_TRY(vg_perception_create(&s->theirs, &perceive, dims, 1, err));
    perceive.match = true, perceive.people.set = &set;
    VG_TRY(vg_perception_create(&s->ours, &perceive, dims, 1, err));
    s->frame = calloc(1, vg_frame_bytes(in)), s->anonymous = calloc(1, vg_frame_bytes(dims));
    s->named = calloc(1, vg_frame_bytes(dims)), s->out = calloc(1, vg_skeletons_bytes(DETECTIONS, in.joints));
    if (!s->frame || !s->anonymous || !s->named || !s->out)
        return vg_fail(err, VG_NO_MEMORY, "cannot allocate the frames");
    vg_frame_init(s->frame, in, 0), vg_frame_init(s->anonymous, dims, 0), vg_frame_init(s->named, dims, 0);
    vg_skeletons_init(s->out, DETECTIONS, in.joints, 0);
    return VG_OK;
}

/* One frame of an episode that begins at step 0. */
static vg_status next_frame(stage *s, uint64_t seed, int32_t step, vg_rng *rng, vg_error *err) {
    const vg_reset reset = {seed, s->people, VG_FORMATION_FIXED};
    const vg_command stay = {.cameras = CAMERAS};
    VG_TRY(step ? vg_world_step(s->world, 0, 1, &stay, s->frame, err)
                : vg_world_reset(s->world, 0, 1, &reset, s->frame, err));
    anonymise(s->anonymous, s->frame, rng, 0.05f);
    return VG_OK;
}

static vg_status score_episode(crowd_score *ours, crowd_score *theirs, stage *s, uint64_t seed, vg_error *err) {
    vg_rng rng = vg_rng_at(seed, 0, 0, VG_DRAW_TEST);
    crowd_score_begin(ours), crowd_score_begin(theirs);
    for (int32_t i = 0; i < 300; i++) {
        int64_t names[DETECTIONS];
        VG_TRY(next_frame(s, seed, i, &rng, err));
        VG_TRY(vg_perceive(s->ours, 0, s->anonymous, s->out, NULL, err));
        for (int32_t p = 0; p < DETECTIONS; p++) names[p] = vg_people_name(vg_perception_people(s->ours, 0), p);
        crowd_score_frame(ours, s->frame, s->out, names);
        greedy_match(&s->greedy, s->anonymous, s->named);
        VG_TRY(vg_perceive(s->theirs, 0, s->named, s->out, NULL, err));
        for (int32_t p = 0; p < DETECTIONS; p++) names[p] = p + 1;
        crowd_score_frame(theirs, s->frame, s->out, names);
    }
    return VG_OK;
}

/* Five episodes of 30 s; `minutes` of one person. */
static vg_status score_both(crowd_score *ours, crowd_score *theirs, double *minutes, vg_error *err) {
    stage s;
    *ours = *theirs = (crowd_score){0};
    vg_status status = open_stage(&s, 6, err);
    for (uint64_t seed = 1; status == VG_OK && seed <= 5; seed++) status = score_episode(ours, theirs, &s, seed, err);
    if (status == VG_OK) *minutes = (double)ours->people * s.world->info.step_seconds / 60;
    close_stage(&s);
    return status;
}

vg_status vg_bench_people(vg_bench_result *out, vg_error *err) {
    crowd_score ours, theirs;
    double minutes;
    VG_TRY(score_both(&ours, &theirs, &minutes, err));
    *out = (vg_bench_result){.value = 100 * (double)ours.bones_right / (double)ours.bones,
                             .unit = "% PCP",
                             .reference = 100 * (double)theirs.bones_right / (double)theirs.bones,
                             .reference_name = REFERENCE};
    return VG_OK;
}

vg_status vg_bench_people_switches(vg_bench_result *out, vg_error *err) {
    crowd_score ours, theirs;
    double minutes;
    VG_TRY(score_both(&ours, &theirs, &minutes, err));
    *out = (vg_bench_result){.value = (double)ours.switches / minutes,
                             .unit = "switches/min",
                             .reference = (double)theirs.switches / minutes,
                             .reference_name = REFERENCE,
                             .lower_is_better = true};
    return VG_OK;
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* p99 of keypoints in to skeletons out, 4 people; births and re-births of everyone included. */
vg_status vg_bench_associate(vg_bench_result *out, vg_error *err) {
    enum { EPISODES = 20, STEPS = 200, FRAMES = EPISODES * STEPS };
    stage s;
    double *ours = calloc(FRAMES, sizeof *ours), *theirs = calloc(FRAMES, sizeof *theirs);
    vg_status status = ours && theirs ? VG_OK : vg_fail(err, VG_NO_MEMORY, "cannot allocate the times");
    if (status == VG_OK) status = open_stage(&s, 4, err);
    for (int32_t i = 0; status == VG_OK && i < FRAMES; i++) {
        const int32_t episode = i / STEPS;
        vg_rng rng = vg_rng_at(1, (uint32_t)episode, (uint32_t)i, VG_DRAW_TEST);
        status = next_frame(&s, 1 + (uint64_t)episode, i % STEPS, &rng, err);
        if (status != VG_OK) break;
        const int64_t start = vg_clock_thread_cpu_ns();
        status = vg_perceive(s.ours, 0, s.anonymous, s.out, NULL, err);
        const int64_t middle = vg_clock_thread_cpu_ns();
        if (status != VG_OK) break;
        greedy_match(&s.greedy, s.anonymous, s.named);
        status = vg_perceive(s.theirs, 0, s.named, s.out, NULL, err);
        theirs[i] = (double)(vg_clock_thread_cpu_ns() - middle) * 1e-9, ours[i] = (double)(middle - start) * 1e-9;
    }
    if (status == VG_OK) {
        qsort(ours, FRAMES, sizeof *ours, by_size), qsort(theirs, FRAMES, sizeof *theirs, by_size);
        *out = (vg_bench_result){.value = ours[FRAMES * 99 / 100],
                                 .unit = "s",
                                 .reference = theirs[FRAMES * 99 / 100],
                                 .reference_name = REFERENCE,
                                 .lower_is_better = true};
    }
    close_stage(&s);
    free(ours), free(theirs);
    return status;
}
