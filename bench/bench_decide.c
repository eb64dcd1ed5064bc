/* One decision of a team of 5 cameras by the paper's network on one core: from observations to sampled actions, the
 * recurrent state moved on. The 99th percentile. */
#include "agents/net.h"
#include "bench/bench.h"
#include "common/clock.h"
#include "common/random.h"

#include <stdlib.h>
#include <string.h>

enum { CAMERAS = 5, PEOPLE = 7, OBSERVATION = 209, CRITIC = 66, HIDDEN = 128, DECISIONS = 20000, WARM = 500 };

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The likeliest of each three logits after adding noise from a table: a draw by the Gumbel-max trick. */
static int32_t draw(const float *logits, const float *gumbel) {
    int32_t chosen = 0;
    for (int32_t k = 0; k < 3 * CAMERAS; k++) {
        const float *x = logits + 3 * k, *g = gumbel + 3 * k;
        const float a = x[0] + g[0], b = x[1] + g[1], c = x[2] + g[2];
        chosen += b > a ? (c > b ? 2 : 1) : (c > a ? 2 : 0);
    }
    return chosen;
}

vg_status vg_bench_decide(vg_bench_result *out, vg_error *err) {
    const vg_net_config config = vg_net_config_default(CAMERAS, PEOPLE, OBSERVATION, CRITIC);
    vg_net *net = NULL;
    vg_net_room *room = NULL;
    float h[CAMERAS * HIDDEN] = {0}, c[CAMERAS * HIDDEN] = {0}, gumbel[9 * CAMERAS];
    double *seconds = malloc(sizeof *seconds * DECISIONS);
    vg_status status = seconds ? VG_OK : vg_fail(err, VG_NO_MEMORY, "no memory for %d timings", DECISIONS);
    if (status == VG_OK) status = vg_net_create(&net, &config, 1, err);
    if (status == VG_OK) status = vg_net_room_create(&room, &net->layout, CAMERAS, err);
    if (status == VG_OK) {
        vg_rng rng = vg_rng_at(1, 0, 0, VG_DRAW_TEST);
        for (int i = 0; i < CAMERAS * OBSERVATION; i++) vg_net_observations(room)[i] = vg_rng_range(&rng, -1, 1);
        for (int i = 0; i < 9 * CAMERAS; i++) gumbel[i] = vg_rng_normal(&rng);
        volatile int32_t sink = 0;
        for (int i = -WARM; i < DECISIONS; i++) {
            const int64_t start = vg_clock_now_ns();
            sink = sink + draw(vg_net_act(net, room, CAMERAS, h, c), gumbel);
            if (i >= 0) seconds[i] = (double)(vg_clock_now_ns() - start) * 1e-9;
        }
        qsort(seconds, DECISIONS, sizeof *seconds, compare);
        *out = (vg_bench_result){.value = seconds[DECISIONS / 100 * 99],
                                 .unit = "s",
                                 .reference = 275e-6,
                                 .reference_name = "PyTorch 1.13 on this network, as measured when the project began",
                                 .lower_is_better = true};
    }
    free(seconds);
    vg_net_room_destroy(room);
    vg_net_destroy(net);
    return status;
}
