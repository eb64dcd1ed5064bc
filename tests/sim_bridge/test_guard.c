/* The guard: what passes it is safe, and a second time changes nothing. */
#include "sim_bridge/guard.h"
#include "tests/support/scene.h"

static const vg_dims dims = {4, 2, 14};

static vg_command random_command(vg_rng *rng, float speed) {
    vg_command m = {.cameras = 4};
    for (int c = 0; c < 4; c++) {
        for (int i = 0; i < 3; i++) m.camera[c].linear[i] = speed * vg_rng_normal(rng);
        m.camera[c].yaw_rate = 3 * vg_rng_normal(rng), m.camera[c].pitch_rate = 3 * vg_rng_normal(rng);
    }
    return m;
}

static void place(vg_frame *f, int32_t c, const double at[3]) {
    vg_camera *k = &vg_frame_cameras(f)[c];
    vg_mat3_mul_vec(k->t, k->R, at);
    for (int i = 0; i < 3; i++) k->t[i] = -k->t[i];
}

static void where(double at[3], const vg_frame *f, int32_t c) {
    const vg_camera *k = &vg_frame_cameras(f)[c];
    vg_mat3_t_mul_vec(at, k->R, k->t);
    for (int i = 0; i < 3; i++) at[i] = -at[i];
}

static void commands_that_are_not_finite_stop_the_camera(void **state) {
    (void)state;
    const vg_world_info world = scene_world(dims);
    const vg_guard guard = vg_guard_default(&world, VG_PRESET_DEFAULT);
    vg_frame *f = scene_frame(dims, 1, 1);
    vg_command m = {.cameras = 4};
    m.camera[1].linear[2] = NAN;
    m.camera[2].yaw_rate = INFINITY;
    vg_guard_counts counts = {0};
    assert_int_equal(vg_guard_apply(&guard, &m, &(vg_guard_view){f, NULL, NULL}, &counts), 2);
    assert_int_equal(counts.nonfinite, 2);
    assert_true(m.camera[1].linear[2] == 0 && m.camera[2].yaw_rate == 0);
    free(f);
}

static void speed_and_turn_rate_are_limited(void **state) {
    (void)state;
    const vg_world_info world = scene_world(dims);
    const vg_guard guard = vg_guard_default(&world, VG_PRESET_DEFAULT);
    vg_frame *f = scene_frame(dims, 2, 1);
    vg_rng rng = vg_test_rng(3);
    for (int k = 0; k < 500; k++) {
        vg_command m = random_command(&rng, 5);
        vg_guard_counts counts = {0};
        vg_guard_apply(&guard, &m, &(vg_guard_view){f, NULL, NULL}, &counts);
        for (int c = 0; c < 4; c++) {
            const float *v = m.camera[c].linear;
            assert_true(sqrtf(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]) <= 2.001f);
            assert_true(fabsf(m.camera[c].yaw_rate) <= 2 && fabsf(m.camera[c].pitch_rate) <= 2);
        }
    }
    free(f);
}

static void a_second_time_changes_nothing(void **state) {
    (void)state;
    vg_world_info world = scene_world(dims);
    world.obstacle_count = 2;
    world.obstacles[0] = (vg_obstacle){VG_OBSTACLE_BOX, {2, 2, 1}, {0.5f, 1, 1}, 0.4f};
    world.obstacles[1] = (vg_obstacle){VG_OBSTACLE_CYLINDER, {-2, 1, 1}, {0.5f, 0, 1}, 0};
    const vg_guard guard = vg_guard_default(&world, VG_PRESET_DEFAULT);
    vg_rng rng = vg_test_rng(4);
    vg_frame *f = scene_frame(dims, 5, 1);
    vg_skeletons *people = scene_skeletons(f);
    for (int k = 0; k < 2000; k++) {
        for (int c = 0; c < 4; c++) {
            const double at[3] = {(double)vg_rng_range(&rng, -6.5f, 6.5f), (double)vg_rng_range(&rng, -6.5f, 6.5f),
                                  (double)vg_rng_range(&rng, 0.9f, 3)};
            place(f, c, at);
        }
        vg_command m = random_command(&rng, 2);
        vg_guard_counts counts = {0};
        vg_guard_apply(&guard, &m, &(vg_guard_view){f, people, NULL}, &counts);
        const vg_command once = m;
        vg_guard_apply(&guard, &m, &(vg_guard_view){f, people, NULL}, &counts);
        for (int c = 0; c < 4; c++)
            for (int i = 0; i < 3; i++) assert_close(m.camera[c].linear[i], once.camera[c].linear[i], 2e-3);
    }
    free(f), free(people);
}

/* Cameras with the world's dynamics (they reach a commanded speed by limited acceleration) never leave the box. */
static void guarded_motion_never_leaves_the_box(void **state) {
    (void)state;
    const vg_world_info world = scene_world(dims);
    vg_guard guard = vg_guard_default(&world, VG_PRESET_DEFAULT);
    guard.camera_distance = 0;
    vg_frame *f = scene_frame(dims, 6, 1);
    vg_rng rng = vg_test_rng(7);
    double v[4][3] = {{0}};
    const double dt = world.step_seconds, most = (double)world.max_acceleration * dt;
    for (int step = 0; step < 5000; step++) {
        vg_command m = random_command(&rng, 2);
        if (step / 100 % 2) /* long runs into one corner */
            for (int c = 0; c < 4; c++)
                for (int i = 0; i < 3; i++) m.camera[c].linear[i] = 1.9f;
        vg_guard_counts counts = {0};
        vg_guard_apply(&guard, &m, &(vg_guard_view){f, NULL, NULL}, &counts);
        for (int c = 0; c < 4; c++) {
            double at[3];
            where(at, f, c);
            for (int i = 0; i < 3; i++) {
                const double change = (double)m.camera[c].linear[i] - v[c][i];
                v[c][i] += change > most ? most : change < -most ? -most : change;
                at[i] += v[c][i] * dt;
                assert_true(at[i] <= (double)world.camera_high[i] + 1e-3 &&
                            at[i] >= (double)world.camera_low[i] - 1e-3);
            }
            place(f, c, at);
        }
    }
    free(f);
}

static void the_paper_preset_only_zeroes_the_axis_that_would_leave(void **state) {
    (void)state;
    vg_world_info world = scene_world(dims);
    world.teleports = true;
    world.max_speed = 0;
    const vg_guard guard = vg_guard_default(&world, VG_PRESET_PAPER);
    vg_frame *f = scene_frame(dims, 8, 1);
    place(f, 0, (double[3]){6.45, 0, 2});
    vg_command m = {.cameras = 4};
    m.camera[0].linear[0] = 1, m.camera[0].linear[1] = 1, m.camera[0].linear[2] = 1;
    vg_guard_counts counts = {0};
    assert_int_equal(vg_guard_apply(&guard, &m, &(vg_guard_view){f, NULL, NULL}, &counts), 1);
    assert_int_equal(counts.box, 1);
    assert_true(m.camera[0].linear[0] == 0 && m.camera[0].linear[1] == 1 && m.camera[0].linear[2] == 1);
    free(f);
}

static void a_camera_stops_before_people_and_backs_away_from_who_comes(void **state) {
    (void)state;
    const vg_world_info world = scene_world(dims);
    const vg_guard guard = vg_guard_default(&world, VG_PRESET_DEFAULT);
    vg_frame *f = scene_frame(dims, 9, 0);
    vg_skeletons *people = scene_skeletons(f);
    vg_joint *joints = vg_skeletons_joints(people);
    for (int j = 0; j < 28; j++) joints[j].state = VG_JOINT_LOST;
    joints[0] = (vg_joint){.position = {0, 0, 1.2f}, .state = VG_JOINT_MEASURED};
    place(f, 0, (double[3]){-1.05, 0, 1.2});
    vg_command m = {.cameras = 4};
    m.camera[0].linear[0] = 2;
    vg_guard_counts counts = {0};
    vg_guard_apply(&guard, &m, &(vg_guard_view){f, people, NULL}, &counts);
    assert_int_equal(counts.camera_person, 1);
    assert_true(m.camera[0].linear[0] < 0); /* nearer than the margin */
    joints[0].velocity[0] = -1;
    m.camera[0].linear[0] = 0;
    vg_guard_apply(&guard, &m, &(vg_guard_view){f, people, NULL}, &counts);
    assert_true(m.camera[0].linear[0] < -0.5f);
    free(f), free(people);
}

/* Moves a camera by a command as the world's dynamics would. */
static void fly(const vg_world_info *world, double at[3], double v[3], const float command[3]) {
    const double most = (double)world->max_acceleration * world->step_seconds;
    double change[3], norm = 0;
    for (int i = 0; i < 3; i++) change[i] = (double)command[i] - v[i], norm += change[i] * change[i];
    norm = sqrt(norm);
    for (int i = 0; i < 3; i++) {
        v[i] += norm > most ? change[i] * most / norm : change[i];
        at[i] += v[i] * world->step_seconds;
    }
}

/* Somebody walks through the corner in which a camera wants to stay: straight at it, from every side. */
static void a_cornered_camera_gets_out_of_the_way(void **state) {
    (void)state;
    const vg_world_info world = scene_world(dims);
    const vg_guard guard = vg_guard_default(&world, VG_PRESET_DEFAULT);
    vg_frame *f = scene_frame(dims, 9, 0);
    vg_skeletons *people = scene_skeletons(f);
    vg_joint *joints = vg_skeletons_joints(people);
    for (int c = 1; c < 4; c++) place(f, c, (double[3]){-5, -5 + c, 2.9});
    for (int way = 0; way < 16; way++) {
        const float angle = (float)way * (float)VG_PI / 8, speed = 1.2f;
        double at[3] = {(double)world.camera_high[0], (double)world.camera_high[1], 1.2}, v[3] = {0};
        double nearest = 9;
        for (int step = 0; step < 60; step++) {
            const float along = speed * ((float)step * (float)world.step_seconds - 3);
            for (int j = 0; j < 28; j++) joints[j].state = VG_JOINT_LOST;
            for (int j = 0; j < 14; j++) {
                joints[j] =
                    (vg_joint){.state = VG_JOINT_MEASURED,
                               .position = {(float)world.camera_high[0] + along * cosf(angle),
                                            (float)world.camera_high[1] + along * sinf(angle), 0.1f * (float)(j + 1)},
                               .velocity = {speed * cosf(angle), speed * sinf(angle), 0}};
                double d = 0;
                for (int i = 0; i < 3; i++) {
                    const double e = (double)joints[j].position[i] - at[i];
                    d += e * e;
                }
                nearest = fmin(nearest, sqrt(d));
            }
            place(f, 0, at);
            vg_command m = {.cameras = 4};
            vg_guard_counts counts = {0};
            vg_guard_apply(&guard, &m, &(vg_guard_view){f, people, NULL}, &counts);
            fly(&world, at, v, m.camera[0].linear);
        }
        assert_true(nearest > 0.9);
    }
    free(f), free(people);
}

/* Four people walk up to it from all sides and stop before they meet: the way out is up, although that begins with coming
 * nearer to heads. */
static void a_surrounded_camera_leaves_over_their_heads(void **state) {
    (void)state;
    const vg_dims crowd = {4, 4, 14};
    const vg_world_info world = scene_world(crowd);
    const vg_guard guard = vg_guard_default(&world, VG_PRESET_DEFAULT);
    vg_frame *f = scene_frame(crowd, 9, 0);
    vg_skeletons *people = scene_skeletons(f);
    vg_joint *joints = vg_skeletons_joints(people);
    for (int c = 1; c < 4; c++) place(f, c, (double[3]){-5, -5 + c, 2.9});
    double at[3] = {0, 0, 1}, v[3] = {0}, nearest = 9;
    for (int step = 0; step < 80; step++) {
        const float t = (float)step * (float)world.step_seconds, off = fmaxf(3 - t, 0.5f), speed = off > 0.5f ? 1 : 0;
        for (int i = 0; i < 4 * 14; i++) {
            const float x = (float)((i / 14 == 0) - (i / 14 == 1)), y = (float)((i / 14 == 2) - (i / 14 == 3));
            joints[i] = (vg_joint){.state = VG_JOINT_MEASURED,
                                   .position = {x * off, y * off, 0.1f * (float)(i % 14 + 1)},
                                   .velocity = {-x * speed, -y * speed, 0}};
            double d = 0;
            for (int k = 0; k < 3; k++) {
                const double e = (double)joints[i].position[k] - at[k];
                d += e * e;
            }
            nearest = fmin(nearest, sqrt(d));
        }
        place(f, 0, at);
        vg_command m = {.cameras = 4};
        vg_guard_counts counts = {0};
        vg_guard_apply(&guard, &m, &(vg_guard_view){f, people, NULL}, &counts);
        fly(&world, at, v, m.camera[0].linear);
    }
    assert_true(nearest > 0.8 && at[2] > 2);
    free(f), free(people);
}

static void unsure_places_are_kept_further_from(void **state) {
    (void)state;
    const vg_world_info world = scene_world(dims);
    const vg_guard guard = vg_guard_default(&world, VG_PRESET_DEFAULT);
    vg_frame *f = scene_frame(dims, 9, 0);
    vg_skeletons *people = scene_skeletons(f);
    vg_joint *joints = vg_skeletons_joints(people);
    float speed[2];
    for (int k = 0; k < 2; k++) {
        for (int j = 0; j < 28; j++) joints[j].state = VG_JOINT_LOST;
        joints[0] = (vg_joint){.position = {0, 0, 1.2f}, .state = VG_JOINT_MEASURED};
        joints[0].covariance[0] = k ? 0.09f : 0; /* along x alone */
        place(f, 0, (double[3]){-1.6, 0, 1.2});
        vg_command m = {.cameras = 4};
        m.camera[0].linear[0] = 2;
        vg_guard_counts counts = {0};
        vg_guard_apply(&guard, &m, &(vg_guard_view){f, people, NULL}, &counts);
        speed[k] = m.camera[0].linear[0];
    }
    assert_true(speed[1] < 0.8f * speed[0]);
    free(f), free(people);
}

/* Somebody whom nobody sees any more, but who must be near. */
static void a_camera_stops_before_where_somebody_was_last_seen(void **state) {
    (void)state;
    const vg_world_info world = scene_world(dims);
    const vg_guard guard = vg_guard_default(&world, VG_PRESET_DEFAULT);
    vg_frame *f = scene_frame(dims, 9, 0);
    vg_skeletons *people = scene_skeletons(f);
    for (int j = 0; j < 28; j++) vg_skeletons_joints(people)[j].state = VG_JOINT_LOST;
    vg_whereabouts whereabouts[2] = {{0}};
    float speed[3];
    for (int k = 0; k < 3; k++) { /* forgotten, remembered, remembered vaguely */
        whereabouts[1] = (vg_whereabouts){.known = k > 0, .deviation = k > 1 ? 0.3f : 0.05f};
        place(f, 0, (double[3]){-1.7, 0, 1.2});
        vg_command m = {.cameras = 4};
        m.camera[0].linear[0] = 2;
        vg_guard_counts counts = {0};
        vg_guard_apply(&guard, &m, &(vg_guard_view){f, people, whereabouts}, &counts);
        speed[k] = m.camera[0].linear[0];
    }
    assert_true(speed[0] == 2 && speed[1] < 1.7f && speed[2] < 0.8f * speed[1]);
    free(f), free(people);
}

static void violations_are_counted_by_kind(void **state) {
    (void)state;
    vg_world_info world = scene_world(dims);
    world.obstacle_count = 1;
    world.obstacles[0] = (vg_obstacle){VG_OBSTACLE_BOX, {3, -3, 1}, {1, 1, 1}, 0};
    const vg_guard guard = vg_guard_default(&world, VG_PRESET_DEFAULT);
    vg_frame *f = scene_frame(dims, 10, 0);
    place(f, 0, (double[3]){7, 0, 2});
    place(f, 1, (double[3]){-5, -5, 2});
    place(f, 2, (double[3]){-5, -5.2, 2});
    place(f, 3, (double[3]){3, -3, 1});
    vg_guard_counts counts = {0};
    vg_guard_violations(&counts, &guard, f);
    assert_int_equal(counts.box, 1);
    assert_int_equal(counts.camera_camera, 1);
    assert_int_equal(counts.camera_obstacle, 1);
    assert_int_equal(counts.camera_person, 0);
    place(f, 3, (double[3]){0.3, 0, 1});
    vg_guard_violations(&counts, &guard, f);
    assert_int_equal(counts.camera_person, 1);
    free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_that_are_not_finite_stop_the_camera),
        cmocka_unit_test(speed_and_turn_rate_are_limited),
        cmocka_unit_test(a_second_time_changes_nothing),
        cmocka_unit_test(guarded_motion_never_leaves_the_box),
        cmocka_unit_test(the_paper_preset_only_zeroes_the_axis_that_would_leave),
        cmocka_unit_test(a_camera_stops_before_people_and_backs_away_from_who_comes),
        cmocka_unit_test(a_cornered_camera_gets_out_of_the_way),
        cmocka_unit_test(a_surrounded_camera_leaves_over_their_heads),
        cmocka_unit_test(unsure_places_are_kept_further_from),
        cmocka_unit_test(a_camera_stops_before_where_somebody_was_last_seen),
        cmocka_unit_test(violations_are_counted_by_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
