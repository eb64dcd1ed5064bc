/* embedded/: scene files, good and bad. */
#include "sim_bridge/embedded/sim.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GOOD "name: x\narea: {low: [-2, -2], high: [2, 2]}\ncameras: {low: [-3, -3, 1], high: [3, 3, 2]}\n"

static const char *write_scene(const char *text) {
    static char path[512];
    snprintf(path, sizeof path, "%s/scene.yaml", vg_test_folder());
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return path;
}

static void every_scene_loads_and_leaves_room(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int least, most; /* obstacles */
    } cases[] = {{"blank", 0, 0}, {"schoolgym", 8, 40}, {"urbanstreet", 8, 40}, {"wilderness", 8, 40}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vg_error err = {0};
        sim_scene scene;
        assert_ok(sim_scene_load(&scene, cases[i].name, &err));
        assert_string_equal(scene.name, cases[i].name);
        assert_in_range(scene.obstacle_count, cases[i].least, cases[i].most);
        for (int k = 0; k < 2; k++) {
            assert_close(scene.area_low[k], -5, 0);
            assert_close(scene.area_high[k], 5, 0);
            assert_close(scene.camera_low[k], -6.5, 0);
            assert_close(scene.camera_high[k], 6.5, 0);
        }
        assert_close(scene.camera_low[2], 0.9, 1e-6);
        assert_close(scene.camera_high[2], 3.0, 0);
    }
}

static void obstacles_mean_what_the_file_says(void **state) {
    (void)state;
    vg_error err = {0};
    sim_scene scene;
    const char *path = write_scene(GOOD "boxes:\n  - {at: [1, 2], size: [4, 2, 1], base: 0.5, yaw: 90}\n"
                                        "cylinders:\n  - {at: [-1, 0], radius: 0.5, height: 2}\n"
                                        "walls:\n  - {from: [0, 0], to: [0, 4], height: 3, thickness: 0.2}\n");
    assert_ok(sim_scene_load(&scene, path, &err));
    assert_int_equal(scene.obstacle_count, 3);
    const vg_obstacle *box = &scene.obstacles[0], *cylinder = &scene.obstacles[1], *wall = &scene.obstacles[2];
    assert_close(box->centre[2], 1.0, 1e-6);
    assert_close(box->half[0], 2, 1e-6);
    assert_close(box->yaw, 1.5707963, 1e-6);
    assert_int_equal(cylinder->kind, VG_OBSTACLE_CYLINDER);
    assert_close(cylinder->half[2], 1, 1e-6);
    assert_close(cylinder->half[0], 0.5, 1e-6);
    assert_int_equal(wall->kind, VG_OBSTACLE_BOX);
    assert_close(wall->centre[1], 2, 1e-6);
    assert_close(wall->half[0], 2, 1e-6);
    assert_close(wall->half[1], 0.1, 1e-6);
}

static void a_bad_scene_is_one_clear_error(void **state) {
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {GOOD "colour: red\n", "colour"},
        {GOOD "boxes:\n  - {at: [0, 0], size: [1, 1, 1], tilt: 3}\n", "tilt"},
        {GOOD "boxes:\n  - {at: [0, 0], size: [1, 1, -1]}\n", "boxes[0]"},
        {GOOD "cylinders:\n  - {at: [0, 0], radius: 0, height: 1}\n", "cylinders[0]"},
        {GOOD "walls:\n  - {from: [1, 1], to: [1, 1], height: 1, thickness: 0.1}\n", "walls[0]"},
        {GOOD "cylinders:\n  - {at: [nan, 0], radius: 1, height: 1}\n", "cylinders[0]"},
        {GOOD "cylinders:\n  - {at: [0, 0], radius: wide, height: 1}\n", "radius"},
        {"name: x\narea: {low: [-2, -2], high: [2, 2]}\n", "cameras"},
        {"name: x\narea: {low: [2, -2], high: [-2, 2]}\ncameras: {low: [-3, -3, 1], high: [3, 3, 2]}\n", "area"},
        {"name: x\narea: {low: [-2, -2, 0], high: [2, 2]}\ncameras: {low: [-3, -3, 1], high: [3, 3, 2]}\n", "low"},
        {"- 1\n- 2\n", "scene.yaml"},
        {"", "scene.yaml"},
        {"name: [unclosed\n", "scene.yaml"},
        {"\x01\xff\xfe", "scene.yaml"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vg_error err = {0};
        sim_scene scene;
        const char *path = write_scene(cases[i].text);
        assert_error(sim_scene_load(&scene, path, &err), VG_INVALID, cases[i].part);
        assert_non_null(strstr(err.message, "scene.yaml"));
    }
}

static void too_many_obstacles_are_an_error(void **state) {
    (void)state;
    static char text[16384] = GOOD "boxes:\n";
    for (int i = 0; i < 100; i++) strcat(text, "  - {at: [0, 0], size: [1, 1, 1]}\n");
    strcat(text, "cylinders:\n");
    for (int i = 0; i < 100; i++) strcat(text, "  - {at: [0, 0], radius: 1, height: 1}\n");
    vg_error err = {0};
    sim_scene scene;
    assert_error(sim_scene_load(&scene, write_scene(text), &err), VG_INVALID, "128");
}

static void a_missing_scene_names_those_that_exist(void **state) {
    (void)state;
    vg_error err = {0};
    sim_scene scene;
    assert_error(sim_scene_load(&scene, "moon", &err), VG_NOT_FOUND,
                 "blank, schoolgym, studio, urbanstreet, wilderness");
    assert_error(sim_scene_load(&scene, "/nowhere/moon.yaml", &err), VG_NOT_FOUND, "/nowhere/moon.yaml");
    assert_error(sim_scene_load(&scene, "", &err), VG_INVALID, "scene");
    assert_error(sim_scene_load(&scene, NULL, &err), VG_INVALID, "scene");
}

static void the_scenes_folder_can_be_set(void **state) {
    (void)state;
    vg_error err = {0};
    sim_scene scene;
    write_scene(GOOD);
    assert_int_equal(setenv("VERGENCE_SCENES", vg_test_folder(), 1), 0);
    assert_ok(sim_scene_load(&scene, "scene", &err));
    assert_string_equal(scene.name, "x");
    unsetenv("VERGENCE_SCENES");
    assert_error(sim_scene_load(&scene, "scene", &err), VG_NOT_FOUND, "scene");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_scene_loads_and_leaves_room),      cmocka_unit_test(obstacles_mean_what_the_file_says),
        cmocka_unit_test(a_bad_scene_is_one_clear_error),         cmocka_unit_test(too_many_obstacles_are_an_error),
        cmocka_unit_test(a_missing_scene_names_those_that_exist), cmocka_unit_test(the_scenes_folder_can_be_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
