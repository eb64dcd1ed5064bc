/* Clocks corrected by the geometry of moving people, frame by frame: offsets are found and drift is followed, within the
 * bound; clocks that are exact, and those of people who stand still, are left alone. */
#include "sim_bridge/live/refine.h"
#include "tests/support/film.h"

static vg_error err;

enum { CAMERAS = 4, PEOPLE = 3, RATE = 60 };

typedef struct rig {
    film_people people;
    vg_refine *refine;
    vg_frame *frame;
    vg_rng rng;
} rig;

static void set_up(rig *r, double most, double seconds) {
    *r = (rig){.rng = vg_test_rng(9)};
    film_walk(&r->people, PEOPLE, CAMERAS, seconds + 2, 4);
    const vg_dims d = {CAMERAS, PEOPLE, FILM_JOINTS};
    assert_ok(vg_refine_create(&r->refine, d, most, &err));
    r->frame = calloc(1, vg_frame_bytes(d));
    vg_frame_init(r->frame, d, 0);
    memcpy(vg_frame_cameras(r->frame), r->people.camera, sizeof(vg_camera) * CAMERAS);
    r->frame->flags = VG_FRAME_IDENTIFIED;
    for (int32_t p = 0; p < PEOPLE; p++) vg_frame_present(r->frame)[p] = 1;
}

static void tear_down(rig *r) {
    vg_refine_destroy(r->refine);
    free(r->frame), free(r->people.place);
}

/* A frame of pictures whose corrected times are near t, one a period of the camera's own; camera c's was taken `late(c, t)`
 * later than its clock says without a correction. */
static void take(rig *r, double t, double (*late)(int camera, double t), bool still, const bool *exact) {
    vg_refine_pictures pictures = {0};
    r->frame->time_ns = (int64_t)(t * 1e9), r->frame->frame_id++;
    for (int32_t c = 0; c < CAMERAS; c++) {
        pictures.clock[c] = c, pictures.exact[c] = exact && exact[c];
        const double phase = 0.003 * c, by = vg_refine_correction(r->refine, c);
        const double own = floor((t - by) * RATE + 0.5) / RATE + phase; /* without the correction */
        pictures.time[c] = own + by;
        for (int32_t p = 0; p < PEOPLE; p++)
            for (int32_t j = 0; j < FILM_JOINTS; j++) {
                double X[3], uv[2];
                film_at(X, &r->people, p, j, still ? 1 : own + late(c, t));
                vg_keypoint *k = vg_frame_keypoints(r->frame) + (c * PEOPLE + p) * FILM_JOINTS + j;
                const bool seen = vg_project(uv, NULL, NULL, &r->people.camera[c], X) && vg_rng_below(&r->rng, 20) > 0;
                *k = (vg_keypoint){(float)uv[0] + 2 * vg_rng_normal(&r->rng), (float)uv[1] + 2 * vg_rng_normal(&r->rng),
                                   0.9f};
                if (!seen) *k = (vg_keypoint){0};
            }
    }
    vg_refine_take(r->refine, r->frame, &pictures);
}

static double some(int camera, double t) {
    (void)t;
    static const double by[CAMERAS] = {0.004, -0.031, 0.018, 0.009};
    return by[camera];
}

static double drifting(int camera, double t) {
    return some(camera, t) + (camera - 1.5) * 1e-4 * t;
}

/* The largest error of any two clocks against one another, ms. */
static double apart_ms(const rig *r, double (*late)(int camera, double t), double t) {
    double low = (double)INFINITY, high = -(double)INFINITY;
    for (int c = 0; c < CAMERAS; c++) {
        const double off = vg_refine_correction(r->refine, c) - late(c, t);
        low = fmin(low, off), high = fmax(high, off);
    }
    return 1000 * (high - low);
}

static void offsets_are_found_and_drift_is_followed(void **state) {
    (void)state;
    for (int drifts = 0; drifts < 2; drifts++) {
        rig r;
        double (*late)(int, double) = drifts ? drifting : some;
        set_up(&r, 0.1, 24);
        double worst = 0;
        for (int f = 60; f < 24 * RATE; f++) {
            take(&r, (double)f / RATE, late, false, NULL);
            if (f > 6 * RATE) worst = fmax(worst, apart_ms(&r, late, (double)f / RATE));
        }
        printf("%s: from 6 s on clocks are up to %.2f ms apart; it says +- %.2f ms\n",
               drifts ? "300 ppm apart" : "steady", worst, 1000 * vg_refine_sigma(r.refine, 1));
        assert_true(worst < 4);
        tear_down(&r);
    }
}

static void corrections_are_bounded(void **state) {
    (void)state;
    rig r;
    set_up(&r, 0.01, 8);
    for (int f = 60; f < 8 * RATE; f++) {
        take(&r, (double)f / RATE, some, false, NULL);
        for (int c = 0; c < CAMERAS; c++) assert_true(fabs(vg_refine_correction(r.refine, c)) <= 0.01);
    }
    assert_close(vg_refine_correction(r.refine, 1), -0.01, 0.002);
    tear_down(&r);
}

static void exact_clocks_stay_and_others_follow_them(void **state) {
    (void)state;
    static const bool exact[CAMERAS] = {true, false, false, true};
    rig r;
    set_up(&r, 0.1, 10);
    for (int f = 60; f < 10 * RATE; f++) take(&r, (double)f / RATE, some, false, exact);
    assert_close(vg_refine_correction(r.refine, 0), 0, 0);
    assert_close(vg_refine_correction(r.refine, 3), 0, 0);
    /* between what cameras 0 and 3, which are not quite together, ask for */
    assert_close(1000 * (vg_refine_correction(r.refine, 1) - some(1, 0)), -6.5, 4);
    assert_close(1000 * (vg_refine_correction(r.refine, 2) - some(2, 0)), -6.5, 4);
    vg_refine_forget(r.refine, 1);
    assert_close(vg_refine_correction(r.refine, 1), 0, 0);
    assert_close(vg_refine_sigma(r.refine, 1), 0.03, 1e-6);
    tear_down(&r);
}

static void people_who_stand_still_correct_nothing(void **state) {
    (void)state;
    rig r;
    set_up(&r, 0.1, 8);
    for (int f = 60; f < 8 * RATE; f++) take(&r, (double)f / RATE, some, true, NULL);
    for (int c = 0; c < CAMERAS; c++) {
        printf("standing still: %+.2f ms +- %.2f\n", 1000 * vg_refine_correction(r.refine, c),
               1000 * vg_refine_sigma(r.refine, c));
        assert_true(fabs(vg_refine_correction(r.refine, c)) < fmax(0.004, 2 * vg_refine_sigma(r.refine, c)));
    }
    tear_down(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_are_found_and_drift_is_followed),
        cmocka_unit_test(corrections_are_bounded),
        cmocka_unit_test(exact_clocks_stay_and_others_follow_them),
        cmocka_unit_test(people_who_stand_still_correct_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
