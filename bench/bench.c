/* The list of benchmarks: one declaration and one line each. */
#include "bench/bench.h"

/* function suffix (vg_bench_NAME), what it measures */
#define VG_BENCH_LIST(X)                                                                                               \
    X(triangulate_dlt, "weighted DLT alone, 4 views, one core")                                                        \
    X(triangulate_refine, "DLT, one refinement step and covariance, 4 views, one core")                                \
    X(bundle, "bundle adjustment to convergence: 8 cameras, 2,000 points, 12,000 sightings, one core")                 \
    X(sim_tick, "environment step with perception and CTCR: 5 cameras, 7 people, one core")                            \
    X(ctcr, "Shapley values of 5 cameras over 14 joints, one core")                                                    \
    X(zmq_lockstep, "lock-step over ipc: one environment, 5 cameras, 7 people, two processes")                         \
    X(unrealcv_small, "UnrealCV server: small requests one at a time, one client over TCP")                            \
    X(unrealcv_small_p99, "UnrealCV server: p99 of a small request, one client over TCP")                              \
    X(unrealcv_bmp, "UnrealCV server: 640 x 480 lit BMP to a pipelining client over TCP, 7 people")                    \
    X(unrealcv_cameras, "UnrealCV server: one picture's share of a batch of 7 cameras")                                \
    X(unrealcv_tick, "the daemon's whole tick over UnrealCV and our server: 5 cameras, 7 people, two processes")       \
    X(sim_step, "embedded simulator alone: 5 cameras, 7 people, one core")                                             \
    X(perceive, "keypoints to filtered skeletons: 5 cameras, 7 people, 14 joints, one core")                           \
    X(associate, "p99 of detections without names to skeletons: 5 cameras, 4 people, one core")                        \
    X(people, "limbs in their place (PCP), detections without names: 5 cameras, 6 people in a studio")                 \
    X(people_switches, "the same: changes of name, per person and minute")                                             \
    X(tick_live, "p99.9 of keypoints in to skeletons out: a live session, 5 cameras, 4 people, two processes")         \
    X(tick_live_p99, "the same, p99")                                                                                  \
    X(detect_lite, "BlazePose lite, 4 cameras x 1 person, two cores (needs `make detector`)")                          \
    X(decide, "p99 of one decision of 5 cameras by the paper's network, one core")                                     \
    X(learner_step, "forward and backward of the paper's network, 1,750 samples, all cores")                           \
    X(paper_update, "a whole update of the paper preset: 700 steps x 5 cameras, 16 epochs, all cores")

#define VG_BENCH_DECLARE(name, text) vg_status vg_bench_##name(vg_bench_result *out, vg_error *err);
VG_BENCH_LIST(VG_BENCH_DECLARE)
#undef VG_BENCH_DECLARE

const vg_bench *vg_bench_list(size_t *count) {
    static const vg_bench list[] = {
#define VG_BENCH_ROW(name, text) {#name, text, vg_bench_##name},
        VG_BENCH_LIST(VG_BENCH_ROW)
#undef VG_BENCH_ROW
            {0}};
    *count = sizeof list / sizeof list[0] - 1;
    return list;
}
