/* Where people are believed to be when fewer than two cameras see them. */
#include "perception/whereabouts.h"
#include "tests/support/scene.h"

static const vg_dims dims = {3, 2, 14};
static const double step = 0.1;

/* Heights of the joints of somebody 1.7 m tall, in the joints' order: shoulders, elbows, wrists, hips, knees, ankles, eyes. */
static const float heights[14] = {1.39f, 1.39f, 1.07f, 1.07f, 0.83f, 0.83f, 0.9f,
                                  0.9f,  0.49f, 0.49f, 0.1f,  0.1f,  1.58f, 1.58f};

/* Person 1 stands at (x, y), `tall` times as tall; the cameras in `seeing` (bits) see them, person 0 is seen by nobody. */
static vg_frame *frame_of(float x, float y, float tall, uint32_t seeing) {
    vg_frame *f = scene_frame(dims, 70, 0);
    for (int32_t c = 0; c < dims.cameras; c++)
        for (int32_t j = 0; j < 14; j++) {
            const double side = 0.15 * (j % 2 ? 1 : -1);
            const double X[3] = {(double)x, (double)y + side, (double)(heights[j] * tall)};
            double uv[2];
            vg_keypoint *k = vg_frame_keypoints(f) + (c * 2 + 1) * 14 + j;
            vg_frame_keypoints(f)[(c * 2) * 14 + j] = *k = (vg_keypoint){0};
            if ((seeing >> c & 1) && vg_project(uv, NULL, NULL, &vg_frame_cameras(f)[c], X))
                *k = (vg_keypoint){(float)uv[0], (float)uv[1], 0.9f};
        }
    for (int i = 0; i < 2 * 14 * 3; i++) vg_frame_truth(f)[i] = NAN; /* nothing here may read it */
    return f;
}

static void update(vg_whereabouts *w, vg_frame *f) {
    vg_skeletons *s = scene_skeletons(f);
    vg_whereabouts_update(w, f, s, step);
    free(f), free(s);
}

static void whoever_is_triangulated_is_where_the_skeleton_is(void **state) {
    (void)state;
    vg_whereabouts w[2] = {{0}};
    update(w, frame_of(0.5f, -0.3f, 1.1f, 3));
    assert_true(w[1].known && w[1].unseen == 0);
    assert_close(w[1].at[0], 0.5, 0.02);
    assert_close(w[1].at[1], -0.3, 0.02);
    assert_false(w[0].known);
}

static void one_camera_tells_about_where_somebody_is(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(71);
    for (int k = 0; k < 200; k++) {
        const float x = vg_rng_range(&rng, -2, 2), y = vg_rng_range(&rng, -2, 2), tall = vg_rng_range(&rng, 0.9f, 1.1f);
        vg_whereabouts w[2] = {{0}};
        update(w, frame_of(x, y, tall, 1));
        if (!w[1].known) continue; /* out of the picture */
        const float cx = 4 * cosf(0.3f), cy = 4 * sinf(0.3f), range = hypotf(x - cx, y - cy);
        const float off = hypotf(w[1].at[0] - x, w[1].at[1] - y);
        assert_true(off < (fabsf(tall - 1) * 1.3f + 0.03f) * range);
        assert_true(off < 3 * w[1].deviation);
    }
}

static void somebody_out_of_sight_walks_on_and_is_forgotten(void **state) {
    (void)state;
    vg_whereabouts w[2] = {{0}};
    for (int k = 0; k < 30; k++) update(w, frame_of(-1 + 0.1f * (float)k * 0.8f, 0.4f, 1, 1)); /* 0.8 m/s along x */
    assert_close(w[1].velocity[0], 0.8, 0.2);
    const float x = w[1].at[0];
    float deviation = w[1].deviation;
    for (int k = 1; k <= 10; k++) {
        update(w, frame_of(0, 0, 1, 0));
        assert_true(w[1].known && w[1].deviation > deviation);
        assert_close(w[1].unseen, 0.1 * k, 1e-5);
        deviation = w[1].deviation;
    }
    assert_true(w[1].at[0] > x + 0.4f && w[1].at[0] < x + 0.8f); /* a second later, and slower than before */
    for (int k = 0; k < 40; k++) update(w, frame_of(0, 0, 1, 0));
    assert_false(w[1].known);
}

static void slots_that_are_nobody_in_particular_are_not_trusted(void **state) {
    (void)state;
    vg_whereabouts w[2] = {{0}};
    vg_frame *f = frame_of(0, 0, 1, 1);
    vg_skeletons *s = scene_skeletons(f);
    f->flags &= ~(uint32_t)VG_FRAME_IDENTIFIED;
    vg_whereabouts_update(w, f, s, step);
    assert_false(w[1].known);
    free(f), free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_is_triangulated_is_where_the_skeleton_is),
        cmocka_unit_test(one_camera_tells_about_where_somebody_is),
        cmocka_unit_test(somebody_out_of_sight_walks_on_and_is_forgotten),
        cmocka_unit_test(slots_that_are_nobody_in_particular_are_not_trusted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
