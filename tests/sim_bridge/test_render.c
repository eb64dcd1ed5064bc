/* The renderer against its plain twin (every solid, double precision, no culling), and what its bytes promise. */
#include "common/clock.h"
#include "common/transform.h"
#include "sim_bridge/render/render.h"
#include "tests/support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOLIDS 40

typedef struct made_scene {
    vg_solid solids[SOLIDS];
    vg_render_colour colours[SOLIDS + 1];
    vg_render_scene scene;
} made_scene;

static void random_rotation(float R[9], vg_rng *rng) {
    double r[3], M[9];
    for (int k = 0; k < 3; k++) r[k] = (double)vg_rng_range(rng, -2, 2);
    vg_rotation_from_vector(M, r);
    for (int k = 0; k < 9; k++) R[k] = (float)M[k];
}

static void make_scene(made_scene *s, vg_rng *rng, float spread) {
    *s = (made_scene){0};
    for (int i = 0; i < SOLIDS; i++) {
        vg_solid *o = &s->solids[i];
        o->kind = (int32_t)vg_rng_below(rng, 3), o->object = i;
        for (int k = 0; k < 3; k++) {
            o->a[k] = vg_rng_range(rng, -spread, spread) + (k == 2 ? 1.0f : 0.0f);
            o->b[k] = o->a[k] + vg_rng_range(rng, -0.6f, 0.6f);
            o->half[k] = vg_rng_range(rng, 0.05f, 0.8f);
        }
        o->radius = vg_rng_range(rng, 0.03f, 0.3f);
        random_rotation(o->R, rng);
        s->colours[i] = (vg_render_colour){{(uint8_t)(40 + i), 120, 200}, {(uint8_t)(i + 1), (uint8_t)(7 * i), 9}};
    }
    s->colours[SOLIDS] = (vg_render_colour){{150, 150, 140}, {200, 201, 202}};
    s->scene = (vg_render_scene){s->solids, SOLIDS, s->colours, SOLIDS};
}

static vg_render_view make_view(int32_t width, int32_t height, double fov, const double eye[3], double yaw,
                                double pitch) {
    vg_render_view v = {.width = width, .height = height, .cx = (width - 1) / 2.0, .cy = (height - 1) / 2.0};
    v.fx = v.fy = width / (2 * tan(fov * VG_PI / 360));
    vg_rotation_from_yaw_pitch(v.R, yaw, pitch);
    memcpy(v.eye, eye, sizeof v.eye);
    return v;
}

/* Outlines may differ by a rounding: a pixel counts as wrong only if its neighbours in the plain image do not explain it. */
static bool near_an_edge(const vg_render_scene *scene, const vg_render_view *view, int32_t x, int32_t y) {
    vg_render_view shifted = *view;
    const int32_t object = vg_render_pixel_ref(scene, view, x, y).object;
    for (int i = 0; i < 8; i++) {
        shifted.cx = view->cx + 0.02 * cos(i * VG_PI / 4), shifted.cy = view->cy + 0.02 * sin(i * VG_PI / 4);
        if (vg_render_pixel_ref(scene, &shifted, x, y).object != object) return true;
    }
    return false;
}

static void pixels_match_the_plain_twin(void **state) {
    (void)state;
    vg_error err = {0};
    vg_rng rng = vg_test_rng(71);
    vg_render *render;
    assert_ok(vg_render_create(&render, SOLIDS, &err));
    const vg_render_options options = {.depth_scale = 1, .depth_sky = 65504};
    int edges = 0, checked = 0;
    for (int round = 0; round < 30; round++) {
        made_scene s;
        make_scene(&s, &rng, round % 3 == 0 ? 1.5f : 6.0f); /* every third among the solids */
        const double eye[3] = {(double)vg_rng_range(&rng, -7, 7), (double)vg_rng_range(&rng, -7, 7), 1.7};
        const int32_t width = 40 + (int32_t)vg_rng_below(&rng, 60), height = 48;
        const vg_render_view view = make_view(width, height, (double)vg_rng_range(&rng, 30, 120), eye,
                                              (double)vg_rng_range(&rng, -3, 3), (double)vg_rng_range(&rng, -1, 1));
        assert_ok(vg_render_begin(render, &s.scene, &view, &options, &err));
        float *depth = malloc(4 * (size_t)(width * height));
        uint8_t *mask = malloc(4 * (size_t)(width * height)), *normal = malloc(4 * (size_t)(width * height));
        vg_render_rows(render, VG_RENDER_DEPTH, depth, 0, height);
        vg_render_rows(render, VG_RENDER_MASK, mask, 0, height);
        vg_render_rows(render, VG_RENDER_NORMAL, normal, 0, height);
        for (int32_t y = 0; y < height; y++)
            for (int32_t x = 0; x < width; x++, checked++) {
                const int32_t at = y * width + x;
                const vg_render_hit hit = vg_render_pixel_ref(&s.scene, &view, x, y);
                const uint8_t *c = &mask[4 * at], black[3] = {0};
                const uint8_t *expected = hit.object < 0 ? black : s.colours[hit.object].mask;
                if (c[2] != expected[0] || c[1] != expected[1] || c[0] != expected[2]) {
                    if (!near_an_edge(&s.scene, &view, x, y))
                        fail_msg("round %d pixel %d, %d: mask %d %d %d, expected object %d", round, x, y, c[2], c[1],
                                 c[0], hit.object);
                    edges++;
                    continue;
                }
                if (hit.object < 0) {
                    assert_true(depth[at] == 65504.0f);
                    continue;
                }
                assert_int_equal(c[3], 255);
                if (near_an_edge(&s.scene, &view, x, y)) continue;
                assert_close(depth[at], hit.depth, 2e-4 * (1 + hit.depth));
                for (int k = 0; k < 3; k++) assert_close(normal[4 * at + 2 - k], 127.5 + 127.5 * hit.normal[k], 4);
            }
        free(depth), free(mask), free(normal);
    }
    assert_true(edges * 500 < checked);
    vg_render_destroy(render);
}

static void the_same_view_gives_the_same_bytes_in_any_order_of_rows(void **state) {
    (void)state;
    vg_error err = {0};
    vg_rng rng = vg_test_rng(72);
    made_scene s;
    make_scene(&s, &rng, 5);
    const vg_render_view view = make_view(123, 77, 90, (double[3]){-8, 0, 2}, 0, -0.1);
    const vg_render_options options = {.depth_scale = 100, .depth_sky = 65504, .flip_y = true};
    vg_render *render;
    assert_ok(vg_render_create(&render, SOLIDS, &err));
    const size_t bytes = 4 * 123 * 77;
    char *a = malloc(bytes + 1), *b = malloc(bytes + 1);
    for (int mode = 0; mode < VG_RENDER_MODES; mode++) {
        assert_ok(vg_render_begin(render, &s.scene, &view, &options, &err));
        vg_render_rows(render, (vg_render_mode)mode, a + 1, 0, 77); /* at an odd address */
        assert_ok(vg_render_begin(render, &s.scene, &view, &options, &err));
        for (int32_t y = 70; y >= 0; y -= 7) vg_render_rows(render, (vg_render_mode)mode, b, y, y + 7);
        assert_memory_equal(a + 1, b, bytes);
    }
    free(a), free(b);
    vg_render_destroy(render);
}

static void distance_is_depth_along_the_ray(void **state) {
    (void)state;
    vg_error err = {0};
    vg_rng rng = vg_test_rng(73);
    made_scene s;
    make_scene(&s, &rng, 5);
    const vg_render_view view = make_view(64, 48, 90, (double[3]){-8, 0, 2}, 0, -0.1);
    const vg_render_options options = {.depth_scale = 100, .depth_sky = 65504};
    vg_render *render;
    float depth[64 * 48], distance[64 * 48];
    assert_ok(vg_render_create(&render, SOLIDS, &err));
    assert_ok(vg_render_begin(render, &s.scene, &view, &options, &err));
    vg_render_rows(render, VG_RENDER_DEPTH, depth, 0, 48);
    vg_render_rows(render, VG_RENDER_DISTANCE, distance, 0, 48);
    for (int y = 0; y < 48; y++)
        for (int x = 0; x < 64; x++) {
            const double u = (x - view.cx) / view.fx, v = (y - view.cy) / view.fy;
            const float d = depth[64 * y + x];
            if (d < 60000.0f) assert_close(distance[64 * y + x], (double)d * sqrt(1 + u * u + v * v), 1e-3 * (double)d);
        }
    vg_render_destroy(render);
}

static void views_and_scenes_out_of_range_are_refused(void **state) {
    (void)state;
    vg_error err = {0};
    vg_rng rng = vg_test_rng(74);
    made_scene s;
    make_scene(&s, &rng, 5);
    vg_render *render;
    assert_error(vg_render_create(&render, -1, &err), VG_INVALID, "max_solids");
    assert_ok(vg_render_create(&render, 3, &err));
    vg_render_view view = make_view(64, 48, 90, (double[3]){0, 0, 2}, 0, 0);
    const vg_render_options options = {.depth_scale = 1};
    assert_error(vg_render_begin(render, &s.scene, &view, &options, &err), VG_INVALID, "40 solids");
    s.scene.solid_count = 0;
    assert_ok(vg_render_begin(render, &s.scene, &view, &options, &err));
    view.width = 0;
    assert_error(vg_render_begin(render, &s.scene, &view, &options, &err), VG_INVALID, "0 x 48");
    view.width = 64, view.fx = (double)NAN;
    assert_error(vg_render_begin(render, &s.scene, &view, &options, &err), VG_INVALID, "focal");
    vg_render_destroy(render);
}

/* Prints, does not judge: the machine may be busy. */
static void a_vga_image_takes_this_long(void **state) {
    (void)state;
    vg_error err = {0};
    vg_rng rng = vg_test_rng(75);
    made_scene s;
    make_scene(&s, &rng, 6);
    const vg_render_view view = make_view(640, 480, 90, (double[3]){-9, 0, 2}, 0, -0.1);
    const vg_render_options options = {.depth_scale = 100, .depth_sky = 65504};
    vg_render *render;
    assert_ok(vg_render_create(&render, SOLIDS, &err));
    void *image = malloc(640 * 480 * 4);
    for (int mode = 0; mode < VG_RENDER_MODES; mode++) {
        const int64_t start = vg_clock_thread_cpu_ns();
        for (int i = 0; i < 20; i++) {
            assert_ok(vg_render_begin(render, &s.scene, &view, &options, &err));
            vg_render_rows(render, (vg_render_mode)mode, image, 0, 480);
        }
        print_message("mode %d: %.2f ms\n", mode, (double)(vg_clock_thread_cpu_ns() - start) / 20e6);
    }
    free(image);
    vg_render_destroy(render);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_match_the_plain_twin),
        cmocka_unit_test(the_same_view_gives_the_same_bytes_in_any_order_of_rows),
        cmocka_unit_test(distance_is_depth_along_the_ray),
        cmocka_unit_test(views_and_scenes_out_of_range_are_refused),
        cmocka_unit_test(a_vga_image_takes_this_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
