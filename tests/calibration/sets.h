/* Sets of cameras as calibration files hold them, for the tests of readers and writers. */
#ifndef VG_TESTS_SETS_H
#define VG_TESTS_SETS_H

#include "calibration/files.h"
#include "tests/calibration/geometry.h"

#include <stdio.h>

/* `n` placed cameras with the lenses that `kinds` lists (repeated), named cam_01 ...; place rounded to no grid. */
static inline vg_camera_set random_set(vg_rng *rng, int32_t n, const lens_kind *kinds, size_t kind_count) {
    vg_error err = {0};
    vg_camera_set set;
    assert_ok(vg_camera_set_create(&set, n, &err));
    for (int32_t i = 0; i < n; i++) {
        set.camera[i].camera = random_camera(rng, kinds[(size_t)i % kind_count]);
        set.camera[i].camera.fx += (double)vg_rng_range(rng, -3, 3);
        set.camera[i].placed = true;
        snprintf(set.camera[i].name, sizeof set.camera[i].name, "cam_%02d", i + 1);
    }
    set.z_up = true;
    return set;
}

/* Same names, sizes, lenses and places: numbers that are written as they are come back exactly, those that are converted
 * (turns as vectors and quaternions, lengths in other units) to `slack` of their size. */
static inline void assert_same_set(const vg_camera_set *a, const vg_camera_set *b, double slack) {
    assert_int_equal(a->cameras, b->cameras);
    for (int32_t i = 0; i < a->cameras; i++) {
        const vg_camera *p = &a->camera[i].camera, *q = &b->camera[i].camera;
        assert_string_equal(a->camera[i].name, b->camera[i].name);
        assert_int_equal(a->camera[i].placed, b->camera[i].placed);
        assert_int_equal(p->lens, q->lens);
        assert_int_equal(p->width, q->width);
        assert_int_equal(p->height, q->height);
        assert_close(p->fx, q->fx, slack * p->fx);
        assert_close(p->fy, q->fy, slack * p->fy);
        assert_close(p->cx, q->cx, slack * p->fx);
        assert_close(p->cy, q->cy, slack * p->fx);
        for (int k = 0; k < 8; k++) assert_true(p->distortion[k] == q->distortion[k]);
        for (int k = 0; k < 9; k++) assert_close(p->R[k], q->R[k], slack);
        for (int k = 0; k < 3; k++) assert_close(p->t[k], q->t[k], slack * 10);
    }
}

#endif
