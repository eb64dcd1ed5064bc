/* embedded/: the world as the rest of the program sees it: same seed, same bytes; frames; camera dynamics; state saved and
 * loaded; errors; no allocation in a step. */
#include "sim_bridge/embedded/embedded.h"
#include "tests/support/support.h"

#include "common/transform.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifndef VG_SANITIZED
/* Counts what the whole process allocates. */
static size_t allocations;
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *malloc(size_t size) {
    allocations++;
    return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
    allocations++;
    return __libc_calloc(count, size);
}
void *realloc(void *old, size_t size) {
    allocations++;
    return __libc_realloc(old, size);
}
#endif

typedef struct fixture {
    vg_world *world;
    vg_frame *frames; /* [envs] */
    vg_command commands[8];
} fixture;

static fixture open_world(vg_world_config config) {
    vg_error err = {0};
    fixture f = {0};
    assert_ok(vg_world_open(&f.world, &config, &err));
    const size_t bytes = vg_frame_bytes(f.world->info.dims);
    f.frames = calloc((size_t)config.envs, bytes);
    assert_non_null(f.frames);
    f.frames->bytes = (uint32_t)bytes;
    for (int32_t e = 0; e < config.envs; e++) vg_frame_init(vg_frame_at(f.frames, e), f.world->info.dims, e);
    return f;
}

static void close_fixture(fixture *f) {
    vg_world_close(f->world);
    free(f->frames);
}

static vg_world_config config_of(int32_t cameras, int32_t people, int32_t envs, int32_t preset) {
    vg_world_config config = vg_world_config_default();
    config.cameras = cameras, config.people = people, config.envs = envs, config.preset = preset;
    return config;
}

/* Commands that wander, the same for all environments. */
static void wander(fixture *f, int32_t envs, int step) {
    for (int32_t e = 0; e < envs; e++)
        for (int c = 0; c < VG_MAX_CAMERAS; c++)
            f->commands[e].camera[c] = (vg_camera_command){.linear = {sinf((float)(step + c)), cosf((float)step), 0.2f},
                                                           .yaw_rate = 0.3f * sinf((float)step * 0.1f),
                                                           .pitch_rate = 0.05f};
}

/* Everything but where it is in the batch. */
static void assert_same_frame(const vg_frame *a, const vg_frame *b) {
    assert_int_equal(a->bytes, b->bytes);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->time_ns, b->time_ns);
    assert_memory_equal((const char *)a + sizeof *a, (const char *)b + sizeof *b, a->bytes - sizeof *a);
}

static void the_same_seed_gives_the_same_bytes_in_any_environment(void **state) {
    (void)state;
    vg_error err = {0};
    for (int32_t preset = 0; preset < 2; preset++) {
        vg_world_config config = config_of(5, 7, 3, preset);
        config.scene = "wilderness", config.miss_rate = 0.05, config.swap_rate = 0.1;
        fixture many = open_world(config);
        config.envs = 1;
        fixture one = open_world(config);
        const vg_reset resets[3] = {{7, 7, 0}, {8, 3, 0}, {7, 7, 0}};
        assert_ok(vg_world_reset(many.world, 0, 3, resets, many.frames, &err));
        assert_ok(vg_world_reset(one.world, 0, 1, resets, one.frames, &err));
        for (int i = 0; i < 60; i++) {
            wander(&many, 3, i), wander(&one, 1, i);
            assert_ok(vg_world_step(many.world, 0, 2, many.commands, many.frames, &err));
            assert_ok(vg_world_step(many.world, 2, 1, many.commands, vg_frame_at(many.frames, 2), &err));
            assert_ok(vg_world_step(one.world, 0, 1, one.commands, one.frames, &err));
            assert_same_frame(many.frames, vg_frame_at(many.frames, 2));
            assert_same_frame(many.frames, one.frames);
        }
        assert_memory_not_equal((char *)many.frames + sizeof(vg_frame),
                                (char *)vg_frame_at(many.frames, 1) + sizeof(vg_frame),
                                many.frames->bytes - sizeof(vg_frame));
        close_fixture(&many), close_fixture(&one);
    }
}

static void a_reset_forgets_the_episode_before(void **state) {
    (void)state;
    vg_error err = {0};
    fixture f = open_world(config_of(3, 5, 1, VG_PRESET_DEFAULT));
    const vg_reset reset = {99, 4, 0};
    assert_ok(vg_world_reset(f.world, 0, 1, &reset, f.frames, &err));
    vg_frame *first = malloc(f.frames->bytes);
    assert_non_null(first);
    memcpy(first, f.frames, f.frames->bytes);
    for (int i = 0; i < 20; i++) assert_ok(vg_world_step(f.world, 0, 1, f.commands, f.frames, &err));
    const uint64_t last_id = f.frames->frame_id;
    assert_int_equal(last_id, 20);
    assert_ok(vg_world_reset(f.world, 0, 1, &reset, f.frames, &err));
    assert_same_frame(first, f.frames);
    assert_int_equal(f.frames->frame_id, last_id + 1);
    free(first);
    close_fixture(&f);
}

static void frames_are_filled(void **state) {
    (void)state;
    vg_error err = {0};
    fixture f = open_world(config_of(5, 7, 1, VG_PRESET_PAPER));
    const vg_world_info *info = &f.world->info;
    assert_true(info->truth && info->resettable && info->concurrent && info->teleports);
    assert_close(info->step_seconds, 0.4, 1e-12);
    const vg_reset reset = {5, 6, 0};
    assert_ok(vg_world_reset(f.world, 0, 1, &reset, f.frames, &err));
    assert_int_equal(f.frames->flags, VG_FRAME_FIRST | VG_FRAME_TRUTH | VG_FRAME_IDENTIFIED);
    assert_int_equal(f.frames->target, 0);
    assert_int_equal(f.frames->time_ns, 0);
    for (int p = 0; p < 7; p++) assert_int_equal(vg_frame_present(f.frames)[p], p < 6);
    assert_ok(vg_world_step(f.world, 0, 1, f.commands, f.frames, &err));
    assert_int_equal(f.frames->flags, VG_FRAME_TRUTH | VG_FRAME_IDENTIFIED);
    assert_int_equal(f.frames->time_ns, 400000000);
    int seen = 0;
    for (int c = 0; c < 5; c++) {
        const vg_camera *camera = &vg_frame_cameras(f.frames)[c];
        assert_int_equal(camera->width, 320);
        assert_int_equal(camera->height, 240);
        assert_close(camera->fx, 160, 0);
        assert_close(vg_mat3_det(camera->R), 1, 1e-12);
        for (int k = 0; k < 7 * VG_JOINTS14; k++) {
            const vg_keypoint *kp = &vg_frame_keypoints(f.frames)[c * 7 * VG_JOINTS14 + k];
            assert_true(kp->confidence >= 0 && kp->confidence <= 1);
            if (kp->confidence > 0) {
                assert_true(kp->u >= 0 && kp->u <= 319 && kp->v >= 0 && kp->v <= 239);
                assert_true(k < 6 * VG_JOINTS14);
                seen++;
            } else {
                assert_true(kp->u == 0 && kp->v == 0);
            }
        }
    }
    assert_true(seen > 200);
    close_fixture(&f);
}

/* Places of the reference, metres and degrees. */
static void start_formations_are_those_of_the_reference(void **state) {
    (void)state;
    static const double pentagon[5][3] = {
        {0, -5, 90}, {4.755, -1.545, 162}, {2.939, 4.045, 234}, {-2.939, 4.045, 306}, {-4.755, -1.545, 18}};
    static const double corners[4][3] = {{5, 5, 225}, {-5, 5, 315}, {-5, -5, 45}, {5, -5, 135}};
    static const double three[3][3] = {{1.5, 5, 225}, {-1.5, 5, 315}, {0, -3, 90}};
    static const struct {
        int32_t cameras, formation;
        const double (*place)[3];
    } cases[] = {{5, VG_FORMATION_START, pentagon}, {5, VG_FORMATION_FIXED, pentagon}, {4, VG_FORMATION_START, corners},
                 {4, VG_FORMATION_FIXED, corners},  {3, VG_FORMATION_START, three},    {2, VG_FORMATION_START, three}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vg_error err = {0};
        fixture f = open_world(config_of(cases[i].cameras, 3, 1, VG_PRESET_PAPER));
        const vg_reset reset = {1, 3, cases[i].formation};
        assert_ok(vg_world_reset(f.world, 0, 1, &reset, f.frames, &err));
        for (int32_t c = 0; c < cases[i].cameras; c++) {
            vg_embedded_camera camera;
            double yaw, pitch;
            assert_ok(vg_embedded_get_camera(f.world, 0, c, &camera, &err));
            vg_yaw_pitch_of_rotation(&yaw, &pitch, vg_frame_cameras(f.frames)[c].R);
            assert_close(camera.at[0], cases[i].place[c][0], 1e-4);
            assert_close(camera.at[1], cases[i].place[c][1], 1e-4);
            assert_close(camera.at[2], 3, 1e-6);
            assert_close(vg_wrap_angle(yaw - cases[i].place[c][2] * VG_PI / 180), 0, 1e-6);
            assert_close(pitch, -35 * VG_PI / 180, 1e-6);
        }
        close_fixture(&f);
    }
}

static void every_team_size_opens_and_sees_people(void **state) {
    (void)state;
    for (int32_t cameras = 1; cameras <= VG_MAX_CAMERAS; cameras++) {
        vg_error err = {0};
        fixture f = open_world(config_of(cameras, cameras == 16 ? 64 : 4, 1, VG_PRESET_DEFAULT));
        const vg_reset reset = {3, f.world->info.dims.people, 0};
        assert_ok(vg_world_reset(f.world, 0, 1, &reset, f.frames, &err));
        for (int i = 0; i < 10; i++) assert_ok(vg_world_step(f.world, 0, 1, f.commands, f.frames, &err));
        const int32_t per_camera = f.world->info.dims.people * VG_JOINTS14;
        for (int32_t c = 0; c < cameras; c++) {
            int seen = 0;
            for (int32_t k = 0; k < per_camera; k++)
                seen += vg_frame_keypoints(f.frames)[c * per_camera + k].confidence > 0.3f;
            assert_true(seen > 5);
        }
        close_fixture(&f);
    }
}

static void teleporting_cameras_move_exactly_as_told(void **state) {
    (void)state;
    vg_error err = {0};
    fixture f = open_world(config_of(1, 1, 1, VG_PRESET_PAPER));
    const vg_reset reset = {3, 1, 0};
    assert_ok(vg_world_reset(f.world, 0, 1, &reset, f.frames, &err));
    const vg_embedded_camera start = {.at = {1, 2, 2}, .yaw = 0.5f, .pitch = -0.3f};
    vg_embedded_camera now;
    assert_ok(vg_embedded_set_camera(f.world, 0, 0, &start, &err));
    f.commands[0].camera[0] =
        (vg_camera_command){.linear = {0.75f, -0.75f, -0.25f}, .yaw_rate = 0.5f, .pitch_rate = 0.1f};
    assert_ok(vg_world_step(f.world, 0, 1, f.commands, f.frames, &err));
    assert_ok(vg_embedded_get_camera(f.world, 0, 0, &now, &err));
    assert_close(now.at[0], 1.3, 1e-6);
    assert_close(now.at[1], 1.7, 1e-6);
    assert_close(now.at[2], 1.9, 1e-6);
    assert_close(now.yaw, 0.7, 1e-6);
    assert_close(now.pitch, -0.26, 1e-6);
    /* the box holds */
    f.commands[0].camera[0] = (vg_camera_command){.linear = {100, 0, -100}, .pitch_rate = -100};
    assert_ok(vg_world_step(f.world, 0, 1, f.commands, f.frames, &err));
    assert_ok(vg_embedded_get_camera(f.world, 0, 0, &now, &err));
    assert_close(now.at[0], 6.5, 1e-6);
    assert_close(now.at[2], 0.9, 1e-6);
    assert_close(now.pitch, -85 * VG_PI / 180, 1e-6);
    close_fixture(&f);
}

static void flying_cameras_keep_their_limits(void **state) {
    (void)state;
    vg_error err = {0};
    fixture f = open_world(config_of(2, 1, 1, VG_PRESET_DEFAULT));
    const vg_world_info *info = &f.world->info;
    const vg_reset reset = {3, 1, 0};
    vg_rng rng = vg_test_rng(3);
    assert_ok(vg_world_reset(f.world, 0, 1, &reset, f.frames, &err));
    float at[2][3], velocity[2][3] = {{0}}, yaw[2];
    for (int step = 0; step < 500; step++) {
        for (int c = 0; c < 2; c++) {
            vg_camera_command *m = &f.commands[0].camera[c];
            for (int k = 0; k < 3; k++) m->linear[k] = vg_rng_range(&rng, -6, 6);
            m->yaw_rate = vg_rng_range(&rng, -9, 9), m->pitch_rate = vg_rng_range(&rng, -9, 9);
        }
        assert_ok(vg_world_step(f.world, 0, 1, f.commands, f.frames, &err));
        for (int c = 0; c < 2; c++) {
            vg_embedded_camera now;
            assert_ok(vg_embedded_get_camera(f.world, 0, c, &now, &err));
            double speed2 = 0;
            for (int k = 0; k < 3; k++) {
                assert_true(now.at[k] >= info->camera_low[k] && now.at[k] <= info->camera_high[k]);
                velocity[c][k] = step ? (now.at[k] - at[c][k]) / 0.1f : 0;
                speed2 += pow((double)velocity[c][k], 2);
                at[c][k] = now.at[k];
            }
            assert_true(sqrt(speed2) <= (double)info->max_speed * 1.001);
            if (step)
                assert_true(fabs(vg_wrap_angle((double)(now.yaw - yaw[c]))) <=
                            0.1 * (double)info->max_turn_rate + 1e-5);
            yaw[c] = now.yaw;
        }
    }
    /* from rest, a 2 m/s command gives 4 m/s^2 until it is reached */
    const vg_embedded_camera rest = {.at = {0, 0, 2}};
    vg_embedded_camera now;
    assert_ok(vg_embedded_set_camera(f.world, 0, 0, &rest, &err));
    f.commands[0].camera[0] = (vg_camera_command){.linear = {2, 0, 0}};
    for (int i = 0; i < 5; i++) assert_ok(vg_world_step(f.world, 0, 1, f.commands, f.frames, &err));
    assert_ok(vg_embedded_get_camera(f.world, 0, 0, &now, &err));
    assert_close(now.at[0], 0.5 * 4 * 0.5 * 0.5, 1e-4);
    close_fixture(&f);
}

static void a_loaded_state_goes_on_as_the_saved_one(void **state) {
    (void)state;
    vg_error err = {0};
    for (int32_t preset = 0; preset < 2; preset++) {
        vg_world_config config = config_of(4, 6, 2, preset);
        config.scene = "schoolgym", config.swap_rate = 0.2;
        fixture a = open_world(config), b = open_world(config);
        const vg_reset resets[2] = {{1, 6, 0}, {2, 5, 1}};
        assert_ok(vg_world_reset(a.world, 0, 2, resets, a.frames, &err));
        for (int i = 0; i < 37; i++) {
            wander(&a, 2, i);
            assert_ok(vg_world_step(a.world, 0, 2, a.commands, a.frames, &err));
        }
        const size_t bytes = vg_world_state_bytes(a.world);
        assert_true(bytes > 0 && bytes == vg_world_state_bytes(b.world));
        unsigned char *saved = malloc(bytes);
        assert_non_null(saved);
        for (int32_t e = 0; e < 2; e++) { /* into a fresh world, and into the other slots */
            assert_ok(vg_world_save_state(a.world, e, saved, &err));
            assert_ok(vg_world_load_state(b.world, 1 - e, saved, &err));
        }
        for (int i = 0; i < 50; i++) {
            wander(&a, 2, i), wander(&b, 2, i);
            assert_ok(vg_world_step(a.world, 0, 2, a.commands, a.frames, &err));
            assert_ok(vg_world_step(b.world, 0, 2, b.commands, b.frames, &err));
            for (int32_t e = 0; e < 2; e++) {
                assert_same_frame(vg_frame_at(a.frames, e), vg_frame_at(b.frames, 1 - e));
                assert_int_equal(vg_frame_at(a.frames, e)->frame_id, vg_frame_at(b.frames, 1 - e)->frame_id);
            }
        }
        /* damage is found */
        saved[bytes / 2] ^= 4;
        assert_error(vg_world_load_state(b.world, 0, saved, &err), VG_CORRUPT, "damaged");
        saved[bytes / 2] ^= 4, saved[0] ^= 1;
        assert_error(vg_world_load_state(b.world, 0, saved, &err), VG_CORRUPT, "4 cameras");
        free(saved);
        close_fixture(&a), close_fixture(&b);
    }
}

static void a_step_allocates_nothing(void **state) {
    (void)state;
#ifdef VG_SANITIZED
    skip();
#else
    vg_error err = {0};
    vg_world_config config = config_of(5, 7, 1, VG_PRESET_DEFAULT);
    config.scene = "urbanstreet", config.miss_rate = 0.1, config.swap_rate = 0.1;
    fixture f = open_world(config);
    const vg_reset reset = {3, 7, 0};
    const size_t before_open = allocations;
    assert_true(before_open > 0);
    assert_ok(vg_world_reset(f.world, 0, 1, &reset, f.frames, &err));
    for (int i = 0; i < 200; i++) {
        wander(&f, 1, i);
        assert_ok(vg_world_step(f.world, 0, 1, f.commands, f.frames, &err));
    }
    assert_int_equal(allocations, before_open);
    close_fixture(&f);
#endif
}

/* Counts people that a camera does not report at all. */
static double share_missed(double miss_rate) {
    vg_error err = {0};
    vg_world_config config = config_of(4, 3, 1, VG_PRESET_PAPER);
    config.miss_rate = miss_rate;
    fixture f = open_world(config);
    const vg_reset reset = {3, 3, 0};
    assert_ok(vg_world_reset(f.world, 0, 1, &reset, f.frames, &err));
    int missed = 0, all = 0;
    for (int i = 0; i < 500; i++) {
        assert_ok(vg_world_step(f.world, 0, 1, f.commands, f.frames, &err));
        for (int k = 0; k < 4 * 3; k++, all++) {
            bool any = false;
            for (int j = 0; j < VG_JOINTS14; j++)
                any |= vg_frame_keypoints(f.frames)[k * VG_JOINTS14 + j].confidence > 0;
            missed += !any;
        }
    }
    close_fixture(&f);
    return (double)missed / all;
}

static void people_are_missed_at_the_asked_rate(void **state) {
    (void)state;
    const double none = share_missed(0), some = share_missed(0.2);
    assert_true(none < 0.25);
    assert_close(some, none + (1 - none) * 0.2, 0.015);
    assert_close(share_missed(1), 1, 0);
}

/* Two people side by side: now and then their keypoints change places. */
static void neighbours_are_swapped_at_the_asked_rate(void **state) {
    (void)state;
    vg_error err = {0};
    vg_world_config config = config_of(1, 2, 1, VG_PRESET_PAPER);
    config.swap_rate = 0.3;
    fixture f = open_world(config);
    const vg_reset reset = {3, 2, 0};
    assert_ok(vg_world_reset(f.world, 0, 1, &reset, f.frames, &err));
    int swapped = 0, all = 0;
    for (int i = 0; i < 1000; i++) {
        const vg_embedded_camera eye = {.at = {-4, 0, 1.5f}, .pitch = -0.1f};
        const vg_embedded_person left = {.at = {0, 0.25f}}, right = {.at = {0, -0.25f}};
        assert_ok(vg_world_step(f.world, 0, 1, f.commands, f.frames, &err));
        assert_ok(vg_embedded_set_camera(f.world, 0, 0, &eye, &err));
        assert_ok(vg_embedded_set_person(f.world, 0, 0, &left, &err));
        assert_ok(vg_embedded_set_person(f.world, 0, 1, &right, &err));
        assert_ok(vg_embedded_observe(f.world, 0, f.frames, &err));
        double middle[2] = {0, 0};
        for (int k = 0; k < 2 * VG_JOINTS14; k++) middle[k / VG_JOINTS14] += (double)vg_frame_keypoints(f.frames)[k].u;
        swapped += middle[0] > middle[1], all++;
    }
    assert_close((double)swapped / all, 0.3, 0.05);
    close_fixture(&f);
}

static void bad_input_is_one_clear_error(void **state) {
    (void)state;
    vg_error err = {0};
    vg_world *world;
    vg_world_config config = config_of(0, 7, 1, 0);
    assert_error(vg_world_open(&world, &config, &err), VG_INVALID, "cameras is 0");
    config = config_of(4, 65, 1, 0);
    assert_error(vg_world_open(&world, &config, &err), VG_INVALID, "people is 65");
    config = config_of(4, 6, 0, 0);
    assert_error(vg_world_open(&world, &config, &err), VG_INVALID, "envs");
    config = config_of(4, 6, 1, 7);
    assert_error(vg_world_open(&world, &config, &err), VG_INVALID, "preset");
    config = config_of(4, 6, 1, 0), config.miss_rate = 1.5;
    assert_error(vg_world_open(&world, &config, &err), VG_INVALID, "miss_rate");
    config = config_of(4, 6, 1, 0), config.swap_rate = (double)NAN;
    assert_error(vg_world_open(&world, &config, &err), VG_INVALID, "swap_rate");
    config = config_of(4, 6, 1, 0), config.scene = "atlantis";
    assert_error(vg_world_open(&world, &config, &err), VG_NOT_FOUND, "wilderness");
    config = config_of(4, 6, 1, 0), config.kind = "imaginary";
    assert_error(vg_world_open(&world, &config, &err), VG_INVALID, "imaginary");

    fixture f = open_world(config_of(2, 3, 2, 0));
    assert_error(vg_world_step(f.world, 0, 1, f.commands, f.frames, &err), VG_INVALID, "before it was reset");
    vg_reset reset = {1, 4, 0};
    assert_error(vg_world_reset(f.world, 0, 1, &reset, f.frames, &err), VG_INVALID, "4 people");
    reset = (vg_reset){1, 3, 9};
    assert_error(vg_world_reset(f.world, 0, 1, &reset, f.frames, &err), VG_INVALID, "formation");
    reset = (vg_reset){1, 3, 0};
    assert_ok(vg_world_reset(f.world, 0, 1, &reset, f.frames, &err));
    assert_error(vg_world_step(f.world, 1, 2, f.commands, f.frames, &err), VG_INVALID, "out of range");
    f.commands[0].camera[1].linear[2] = NAN;
    assert_error(vg_world_step(f.world, 0, 1, f.commands, f.frames, &err), VG_INVALID, "camera 1");
    const vg_embedded_camera outside = {.at = {0, 0, 9}};
    assert_error(vg_embedded_set_camera(f.world, 0, 0, &outside, &err), VG_INVALID, "camera box");
    const vg_embedded_person away = {.at = {0, 9}};
    assert_error(vg_embedded_set_person(f.world, 0, 0, &away, &err), VG_INVALID, "area");
    assert_error(vg_embedded_set_person(f.world, 0, 5, &away, &err), VG_NOT_FOUND, "person 5");
    close_fixture(&f);
}

static void a_look_inside_agrees_with_the_truth(void **state) {
    (void)state;
    vg_error err = {0};
    fixture f = open_world(config_of(2, 3, 1, 0));
    const vg_reset reset = {1, 3, 0};
    assert_ok(vg_world_reset(f.world, 0, 1, &reset, f.frames, &err));
    for (int i = 0; i < 25; i++) assert_ok(vg_world_step(f.world, 0, 1, f.commands, f.frames, &err));
    assert_int_equal(vg_embedded_people(f.world, 0), 3);
    for (int32_t p = 0; p < 3; p++) {
        float joints[VG_JOINTS14][3];
        assert_ok(vg_embedded_joints(f.world, 0, p, joints, &err));
        assert_memory_equal(joints, vg_frame_truth(f.frames) + p * VG_JOINTS14 * 3, sizeof joints);
    }
    vg_embedded_capsule capsules[64];
    const int32_t count = vg_embedded_capsules(f.world, 0, capsules, 64);
    assert_int_equal(count, 36);
    for (int32_t i = 0; i < count; i++) {
        assert_true(capsules[i].radius > 0.02f && capsules[i].radius < 0.2f);
        assert_int_equal(capsules[i].person, i / 12);
    }
    assert_int_equal(vg_embedded_capsules(f.world, 0, capsules, 5), 36);
    close_fixture(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_bytes_in_any_environment),
        cmocka_unit_test(a_reset_forgets_the_episode_before),
        cmocka_unit_test(frames_are_filled),
        cmocka_unit_test(start_formations_are_those_of_the_reference),
        cmocka_unit_test(every_team_size_opens_and_sees_people),
        cmocka_unit_test(teleporting_cameras_move_exactly_as_told),
        cmocka_unit_test(flying_cameras_keep_their_limits),
        cmocka_unit_test(a_loaded_state_goes_on_as_the_saved_one),
        cmocka_unit_test(a_step_allocates_nothing),
        cmocka_unit_test(people_are_missed_at_the_asked_rate),
        cmocka_unit_test(neighbours_are_swapped_at_the_asked_rate),
        cmocka_unit_test(bad_input_is_one_clear_error),
        cmocka_unit_test(a_look_inside_agrees_with_the_truth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
