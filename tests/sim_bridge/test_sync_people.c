/* Synchronisation of cameras that film several of the simulator's people: other rates, fractions, drift, uneven and missing
 * pictures; how far off it is, and that it knows. */
#include "perception/sync.h"
#include "tests/support/film.h"

static vg_error err;

enum { CAMERAS = 4 };

/* Errors in the middle of the recording: below `most` seconds and five of its own deviations (and half a millisecond that
 * interpolation and the cameras' rates leave), the drift within `ppm`. */
static void check(const char *name, const film_people *p, const film_camera *m, double begin, double end, double most,
                  double ppm) {
    vg_keypoints k;
    vg_sync_result r;
    double offset[CAMERAS], fps[CAMERAS];
    const vg_sync_options options = vg_sync_options_default();
    film_record(offset, &k, p, m, begin, end, 3, 5);
    for (int c = 0; c < CAMERAS; c++) fps[c] = m[c].fps;
    assert_ok(vg_sync(&r, &k, p->camera, fps, &options, &err));
    for (int c = 1; c < CAMERAS; c++) {
        const double rate = m[c].rate / m[0].rate, t = m[0].stamped ? (begin + end) / 2 : (end - begin) / 2;
        const double off = r.offset[c] + r.rate[c] * t - (offset[c] - rate * offset[0] + rate * t);
        printf("%s: camera %d is off by %+.2f ms (it says +- %.2f), %+.1f ppm\n", name, c + 1, 1e3 * off,
               1e3 * r.sigma[c], 1e6 * (r.rate[c] - rate));
        assert_true(r.known[c] && r.confidence[c] > 0.9);
        assert_close(off, 0, most);
        assert_close(off, 0, 5 * r.sigma[c] + 0.0005);
        assert_close(1e6 * (r.rate[c] - rate), 0, ppm);
    }
    assert_true(r.disagreement < 0.005);
    vg_keypoints_free(&k);
}

static void clocks_of_cameras_that_see_several_people_are_found(void **state) {
    (void)state;
    static const film_camera same[CAMERAS] = {{60, 0, 1, 0, false, 0},
                                              {60, 0.2137, 1, 0, false, 0},
                                              {60, -0.7391, 1, 0, false, 0},
                                              {60, 1.3333, 1, 0, false, 0}};
    static const film_camera mixed[CAMERAS] = {{60, 0, 1, 0.002, true, 0.05},
                                               {30, 0.2137, 1.00004, 0.004, true, 0.05},
                                               {50, -0.7391, 0.9999, 0.003, true, 0.05},
                                               {59.94, 1.3333, 1, 0.001, true, 0.05}};
    for (int32_t people = 3; people <= 5; people += 2) {
        film_people p;
        film_walk(&p, people, CAMERAS, 14, 1);
        check(people == 3 ? "3 people" : "5 people", &p, same, 2, 12, 0.005, 0);
        check(people == 3 ? "3 people, mixed cameras" : "5 people, mixed cameras", &p, mixed, 2, 12, 0.005, 101);
        free(p.place);
    }
}

static void drift_is_found_where_a_recording_is_long_enough(void **state) {
    (void)state;
    static const film_camera drifting[CAMERAS] = {{30, 0, 1, 0, false, 0},
                                                  {30, 0.2137, 1.0002, 0, false, 0},
                                                  {30, -0.7391, 0.9998, 0, false, 0},
                                                  {30, 1.3333, 1.001, 0, false, 0}};
    film_people p;
    film_walk(&p, 2, CAMERAS, 74, 3);
    check("70 s, drifting", &p, drifting, 2, 72, 0.004, 90);
    free(p.place);
}

static void without_a_calibration_it_is_less_sure_and_says_so(void **state) {
    (void)state;
    static const film_camera same[CAMERAS] = {{60, 0, 1, 0, false, 0},
                                              {60, 0.2137, 1, 0, false, 0},
                                              {60, -0.7391, 1, 0, false, 0},
                                              {60, 1.3333, 1, 0, false, 0}};
    const vg_sync_options options = vg_sync_options_default();
    static const double fps[CAMERAS] = {60, 60, 60, 60};
    for (uint64_t seed = 1; seed < 4; seed++) {
        film_people p;
        vg_keypoints k;
        vg_sync_result r;
        double offset[CAMERAS];
        film_walk(&p, 3, CAMERAS, 14, seed);
        film_record(offset, &k, &p, same, 2, 12, 3, 5);
        assert_ok(vg_sync(&r, &k, NULL, fps, &options, &err));
        for (int c = 1; c < CAMERAS; c++) {
            const double off = r.offset[c] - (offset[c] - offset[0]);
            printf("seed %d, not calibrated: camera %d is off by %+.2f ms (it says +- %.2f, confidence %.2f)\n",
                   (int)seed, c + 1, 1e3 * off, 1e3 * r.sigma[c], r.confidence[c]);
            if (r.known[c] && r.confidence[c] > 0.5) assert_close(off, 0, 3 * r.sigma[c] + 0.005);
        }
        vg_keypoints_free(&k), free(p.place);
    }
}

static void one_camera_or_no_motion_is_an_error(void **state) {
    (void)state;
    static const film_camera same[CAMERAS] = {
        {60, 0, 1, 0, false, 0}, {60, 0.2, 1, 0, false, 0}, {60, -0.7, 1, 0, false, 0}, {60, 1.3, 1, 0, false, 0}};
    const vg_sync_options options = vg_sync_options_default();
    static const double fps[CAMERAS] = {60, 60, 60, 60};
    film_people p;
    vg_keypoints k;
    vg_sync_result r;
    double offset[CAMERAS];
    film_walk(&p, 2, CAMERAS, 8, 1);
    const size_t frame = 2 * FILM_JOINTS * 3;
    for (int32_t f = 1; f < p.frames; f++) memcpy(p.place + (size_t)f * frame, p.place, sizeof *p.place * frame);
    film_record(offset, &k, &p, same, 2, 6, 1, 5);
    for (int calibrated = 0; calibrated < 2; calibrated++)
        assert_error(vg_sync(&r, &k, calibrated ? p.camera : NULL, fps, &options, &err), VG_FAILED,
                     "no camera moves in time with `cam1`");
    k.cameras = 1; /* the first of them alone */
    assert_error(vg_sync(&r, &k, NULL, fps, &options, &err), VG_INVALID, "one camera alone");
    k.cameras = CAMERAS;
    vg_keypoints_free(&k), free(p.place);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks_of_cameras_that_see_several_people_are_found),
        cmocka_unit_test(drift_is_found_where_a_recording_is_long_enough),
        cmocka_unit_test(without_a_calibration_it_is_less_sure_and_says_so),
        cmocka_unit_test(one_camera_or_no_motion_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
