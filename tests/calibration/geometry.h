/* What the geometry tests share: cameras on a ring, and the lenses of real ones. */
#ifndef VG_TESTS_GEOMETRY_H
#define VG_TESTS_GEOMETRY_H

#include "calibration/calibration.h"
#include "common/transform.h"
#include "tests/support/support.h"

#include <math.h>
#include <string.h>

typedef enum lens_kind { IDEAL, MILD, RATIONAL, FISHEYE, LENS_KINDS } lens_kind;

static inline vg_camera camera_of(lens_kind kind) {
    static const double k[LENS_KINDS][8] = {{0},
                                            {-0.052, 0.141, 0.0011, -0.0007, -0.09},
                                            {0.41, -0.12, 0.0009, -0.0012, 0.03, 0.62, -0.05, 0.04},
                                            {0.021, -0.013, 0.004, -0.0011}};
    vg_camera camera = {.width = 1920, .height = 1080, .fx = 1200, .fy = 1190, .cx = 960, .cy = 545};
    if (kind == FISHEYE) camera.fx = 620, camera.fy = 618;
    memcpy(camera.distortion, k[kind], sizeof camera.distortion);
    camera.lens = kind == FISHEYE ? VG_LENS_FISHEYE : VG_LENS_BROWN_CONRADY;
    return camera;
}

/* Stands at `from` and looks at `at`. */
static inline void place_camera(vg_camera *camera, const double from[3], const double at[3]) {
    double yaw, pitch, t[3];
    vg_yaw_pitch_towards(&yaw, &pitch, from, at);
    vg_rotation_from_yaw_pitch(camera->R, yaw, pitch);
    vg_mat3_mul_vec(t, camera->R, from);
    for (int k = 0; k < 3; k++) camera->t[k] = -t[k];
}

/* Somewhere on a ring of 3 to 9 m, looking roughly at the middle. */
static inline vg_camera random_camera(vg_rng *rng, lens_kind kind) {
    vg_camera camera = camera_of(kind);
    const double angle = 2 * VG_PI * (double)vg_rng_uniform(rng), radius = (double)vg_rng_range(rng, 4, 9);
    const double from[3] = {radius * cos(angle), radius * sin(angle), (double)vg_rng_range(rng, 0.5f, 4)};
    const double at[3] = {(double)vg_rng_range(rng, -1, 1), (double)vg_rng_range(rng, -1, 1), 1};
    place_camera(&camera, from, at);
    return camera;
}

static inline void random_point(double X[3], vg_rng *rng) {
    for (int k = 0; k < 3; k++) X[k] = (double)vg_rng_range(rng, k == 2 ? 0 : -1.5f, 2);
}

#endif
