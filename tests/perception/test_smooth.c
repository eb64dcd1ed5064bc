/* The live smoothing: it lags by what it states, calms what is still, and begins anew where a joint was lost. */
#include "perception/smooth.h"
#include "tests/support/support.h"

#include <math.h>
#include <stdlib.h>

enum { RATE = 120 };

typedef struct stage {
    vg_smooth *smooth;
    vg_skeletons *s;
} stage;

static stage set_up(const vg_smooth_config *config) {
    vg_error err = {0};
    stage t;
    assert_ok(vg_smooth_create(&t.smooth, config, 1, 2, &err));
    t.s = calloc(1, vg_skeletons_bytes(1, 2));
    vg_skeletons_init(t.s, 1, 2, 0);
    return t;
}

static void tear_down(stage *t) {
    vg_smooth_destroy(t->smooth);
    free(t->s);
}

/* One frame with joint 0 at x; returns where it is put. */
static double step(stage *t, double x, int16_t state) {
    t->s->time_ns += 1000000000 / RATE;
    vg_skeletons_present(t->s)[0] = 1;
    vg_joint *joint = vg_skeletons_joints(t->s);
    *joint = (vg_joint){.position = {(float)x, 0, 1}, .state = state};
    joint[1] = (vg_joint){.position = {NAN, NAN, NAN}, .state = VG_JOINT_LOST};
    vg_smooth_step(t->smooth, t->s);
    assert_true(isnan(joint[1].position[0]));
    return (double)joint->position[0];
}

static void it_lags_by_the_delay_it_states(void **state) {
    (void)state;
    const vg_smooth_config config = {.cutoff = 4, .beta = 3, .d_cutoff = 1};
    for (double speed = 0.25; speed < 5; speed *= 2) {
        stage t = set_up(&config);
        double lag = 0;
        for (int k = 0; k < 10 * RATE; k++) {
            const double x = speed * k / RATE;
            lag = (x - step(&t, x, VG_JOINT_MEASURED)) / speed;
        }
        assert_close(lag, vg_smooth_delay(&config, speed, RATE), 0.02 * lag);
        tear_down(&t);
    }
    assert_close(vg_smooth_delay(&config, 0, RATE), 1 / (2 * 3.14159265 * 4), 1e-6);
}

static void it_calms_what_is_still(void **state) {
    (void)state;
    const vg_smooth_config config = vg_smooth_config_default();
    stage t = set_up(&config);
    vg_rng rng = vg_test_rng(1);
    double in = 0, out = 0, last = 0, last_raw = 0;
    for (int k = 0; k < 20 * RATE; k++) {
        const double raw = 2 + 0.004 * (double)vg_rng_normal(&rng), x = step(&t, raw, VG_JOINT_MEASURED);
        if (k > RATE) in += pow(raw - last_raw, 2), out += pow(x - last, 2);
        last = x, last_raw = raw;
    }
    assert_true(sqrt(out / in) < 0.4); /* from frame to frame it trembles less */
    tear_down(&t);
}

static void a_joint_that_was_lost_begins_anew(void **state) {
    (void)state;
    const vg_smooth_config config = {.cutoff = 1, .beta = 0, .d_cutoff = 1};
    stage t = set_up(&config);
    assert_close(step(&t, 0, VG_JOINT_MEASURED), 0, 0);
    assert_true(step(&t, 1, VG_JOINT_CARRIED) < 0.2);
    step(&t, 0, VG_JOINT_LOST);
    assert_close(step(&t, 5, VG_JOINT_MEASURED), 5, 0);
    t.s->time_ns += 5000000000; /* and after a pause */
    assert_close(step(&t, 8, VG_JOINT_MEASURED), 8, 0);
    tear_down(&t);
    const vg_smooth_config off = {.cutoff = 0, .beta = 1, .d_cutoff = 1};
    t = set_up(&off);
    step(&t, 0, VG_JOINT_MEASURED);
    assert_close(step(&t, 1, VG_JOINT_MEASURED), 1, 0);
    tear_down(&t);
    vg_error err = {0};
    vg_smooth *s;
    const vg_smooth_config bad = {.cutoff = -1, .beta = 1, .d_cutoff = 1};
    assert_error(vg_smooth_create(&s, &bad, 1, 1, &err), VG_INVALID, "cutoff is -1; it must be 0 to 1000");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_lags_by_the_delay_it_states),
        cmocka_unit_test(it_calms_what_is_still),
        cmocka_unit_test(a_joint_that_was_lost_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
