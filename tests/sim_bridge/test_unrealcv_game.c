/* The simulator as an UnrealCV game, without sockets: the exact replies, time, people, and what the cameras show. */
#include "sim_bridge/unrealcv/coords.h"
#include "sim_bridge/unrealcv/game.h"
#include "sim_bridge/unrealcv/rigs.h"
#include "tests/support/support.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct fixture {
    ucv_game *game;
    ucv_session session;
    ucv_buffer out;
} fixture;

static fixture open_game(uint64_t seed) {
    vg_error err = {0};
    fixture f = {.session.local = true, .out.cap = (size_t)1 << 28};
    const ucv_game_config config = {.scene = "blank",
                                    .people = 4,
                                    .cameras = 1,
                                    .seed = seed,
                                    .width = 320,
                                    .height = 240,
                                    .fov = 90,
                                    .port = 9000,
                                    .files = vg_test_folder()};
    assert_ok(ucv_game_create(&f.game, &config, &err));
    return f;
}

static void close_game(fixture *f) {
    ucv_game_destroy(f->game);
    ucv_buffer_free(&f->out);
}

/* The body of the reply, NUL-terminated, until the next call. */
static const char *ask(fixture *f, const char *command) {
    f->out.size = 0;
    ucv_command_run(f->game, &f->session, (vg_span){command, strlen(command)}, &f->out);
    ucv_put(&f->out, "", 1);
    f->out.size--;
    return (const char *)f->out.data;
}

#define assert_answer(f, command, expected) assert_string_equal(ask((f), (command)), (expected))

static void assert_begins(fixture *f, const char *command, const char *beginning) {
    const char *got = ask(f, command);
    if (strncmp(got, beginning, strlen(beginning)) != 0) fail_msg("`%s`: `%.200s`, not `%s`", command, got, beginning);
}

static void replies_are_the_plug_ins_own(void **state) {
    (void)state;
    fixture f = open_game(1);
    static const char *const exact[][2] = {
        {"vget /unrealcv/version", UCV_VERSION},
        {"vget /unrealcv/echo hello", "hello"},
        {"vget /scene/name", "Vergence"},
        {"vget /level/name", "blank"},
        {"vget /cameras", "FusionCameraActor_0"},
        {"vget /objects", "Floor human1 human2 human3 human4 FusionCameraActor_0"},
        {"vset /cameras/spawn", "FusionCameraActor_1"},
        {"vset /objects/spawn FusionCameraActor 11", "ok"},
        {"vset /camera/11/location 1 -2.5 300", "ok"},
        {"vget /camera/11/location", "1.000 -2.500 300.000"},
        {"vget /camera/2/location", "1.000 -2.500 300.000"}, /* the same by index */
        {"vset /camera/11/rotation -10 20 0", "ok"},
        {"vget /camera/11/rotation", "-10.000 20.000 0.000"},
        {"vget /camera/11/pose", "1.000 -2.500 300.000 -10.000 20.000 0.000"},
        {"vset /camera/11/pose 0 0 100 1 2 3", "ok"},
        {"vget /camera/11/pose", "0.000 0.000 100.000 1.000 2.000 3.000"},
        {"vset /camera/11/fov 60", "ok"},
        {"vget /camera/11/fov", "60.000000"},
        {"vget /camera/11/horizontal_fieldofview", "60.000000"},
        {"vset /camera/11/size 64 48", "ok"},
        {"vget /camera/11/size", "64 48"},
        {"vget /camera/9/location", "error Invalid sensor id"},
        {"vget /camera/nobody/lit png", "error Invalid sensor id"},
        {"vset /camera/0/fov 200", "error Argument Invalid"},
        {"vget /camera/0/lit jpg", "error Invalid filename type, filename jpg"},
        {"vget /camera/0/lit npy", "error Invalid filename type, filename npy"},
        {"vget /camera/0/depth png", "error Invalid filename type, filename png"},
        {"vget /camera/0/lit /no/such/folder/a.tga", "error Invalid filename type, filename /no/such/folder/a.tga"},
        {"vget /object/nobody/location", "error Can not find object"},
        {"vget /human/nobody/3d_keypoint", "error Can not find object"},
        {"vget /nothing/here", "error Can not find a handler for URI 'vget /nothing/here'"},
        {"DisableAllScreenMessages", "error Can not find a handler for URI 'DisableAllScreenMessages'"},
        {"", "error Can not find a handler for URI ''"},
        {"vset /objects/spawn_cube Box", "Box"},
        {"vset /objects/spawn_cube Box", "error Failed to spawn Box, object exists."},
        {"vset /object/Box/location 10 20 30", "ok"},
        {"vget /object/Box/location", "10.000 20.000 30.000"},
        {"vset /object/Box/scale 2 1 0.5", "ok"},
        {"vget /object/Box/scale", "2.000 1.000 0.500"},
        {"vget /object/Box/bounds", "-90.00 -30.00 5.00 110.00 70.00 55.00"},
        {"vset /object/Box/color 1 2 3", "ok"},
        {"vget /object/Box/color", "(R=1,G=2,B=3,A=255)"},
        {"vget /object/Box/uclass_name", "CubeActor"},
        {"vget /object/Box/mobility", "Movable"},
        {"vget /object/Floor/mobility", "Static"},
        {"vset /object/Box/name Crate", "ok"},
        {"vget /object/Crate/name", "Crate"},
        {"vset /object/Crate/hide", "ok"},
        {"vset /object/Crate/show", "ok"},
        {"vset /object/Crate/destroy", "ok"},
        {"vset /object/Crate/destroy", "error Can not find object"},
        {"vset /objects/spawn Nonsense", "error Can not find a class with name 'Nonsense'"},
        {"vset /objects/spawn CvCharacter human1", "ok"}, /* given to whoever asks first */
        {"vset /objects/spawn CvCharacter human1", "error Failed to spawn human1, object exists."},
        {"vset /objects/spawn CvCharacter human5", "ok"},
        {"vset /objects/spawn bp_character_C player", "player"},
        {"vset /action/game/pause", "ok"},
        {"vget /action/game/is_paused", "true"},
        {"vset /action/game/resume", "ok"},
        {"vget /action/game/is_paused", "false"},
        {"vset /action/tick", "ok"},
        {"vset /action/tick 3 0.05", "ok"},
        {"vset /action/tick_intervel 0.1", "ok"},
        {"vset /action/set_fixed_frame_rate 30", "ok"},
        {"vset /action/set_fixed_frame_rate 0", "error Argument Invalid"},
        {"vset /action/clean_garbage", "ok"},
        {"vset /viewmode depth", "ok"},
        {"vget /viewmode", "depth"},
        {"vset /viewmode nonsense", "error Argument Invalid"},
        {"vrun setres 640x480w", "ok"},
        {"vget /camera/0/size", "640 480"},
        {"vget /camera/11/size", "64 48"}, /* has a size of its own */
        {"vrun sg.ShadowQuality 0", "ok"},
        {"vbatch 3", "ok"},
        {"vset /human/human1/mesh /Game/human_mesh/ch3", "ok"},
        {"vset /human/human1/animation/ratio /Game/human_anim/X 0.5", "ok"},
        {"vbp human1 set_dilation 1.5", "{\r\n}"},
        {"vbp human1 get_hit", "{\r\n\t\"Hit\": \"0\"\r\n}"},
        {"vexec human1 set_dilation 1", "ok"},
        {"vbp nobody get_speed", "error Can not find actor with id 'nobody'"},
        {"vbp human1 no_such_function", "error Fail to execute the function 'no_such_function' of human1"},
        {"vbp human5 destroy", "{\r\n}"},
        {"vget /object/human5/location", "error Can not find object"},
        {"vset /object/Floor/destroy", "error Argument Invalid"},
        {"vget /camera/0/optical_flow bmp", "error Not Implemented"},
        {"vset /action/game/level nowhere", "ok"},
        {"vget /level/name", "blank"},
        {"vset /action/game/level SchoolGym", "ok"},
        {"vget /level/name", "schoolgym"},
    };
    for (size_t i = 0; i < sizeof exact / sizeof exact[0]; i++)
        if (strcmp(ask(&f, exact[i][0]), exact[i][1]) != 0)
            fail_msg("`%s`: `%.300s`, not `%s`", exact[i][0], (const char *)f.out.data, exact[i][1]);
    assert_begins(&f, "vget /unrealcv/status", "Is Listening\nClient Connected\n9000\nConfiguration\nConfig file: /");
    assert_non_null(strstr(ask(&f, "vget /unrealcv/status"), "Port: 9000\nWidth: 640\nHeight: 480\nFOV: 90.000000\n"));
    assert_non_null(strstr(ask(&f, "vget /unrealcv/help"), "vget /unrealcv/status\n"));
    assert_non_null(strstr(ask(&f, "vget /unrealcv/commands"), "vget /unrealcv/commands\n"));
    assert_null(strstr(ask(&f, "vget /unrealcv/commands"), "_shared"));
    close_game(&f);
}

/* Every advertised command, with something plausible in its brackets, finds its handler and answers something. */
static void every_advertised_command_has_a_handler(void **state) {
    (void)state;
    fixture f = open_game(1);
    char *list = strdup(ask(&f, "vget /unrealcv/commands"));
    int commands = 0;
    for (char *save = NULL, *line = strtok_r(list, "\n", &save); line; line = strtok_r(NULL, "\n", &save), commands++) {
        char command[512] = "";
        const bool person = strstr(line, "/human/") != NULL, object = strstr(line, "/object/") != NULL;
        for (const char *p = line; *p; p++) {
            const char *with = strncmp(p, "[uint]", 6) == 0    ? "1"
                               : strncmp(p, "[float]", 7) == 0 ? "2.5"
                               : strncmp(p, "[str]", 5) == 0   ? (person   ? "human2"
                                                                  : object ? "human3"
                                                                           : "lit")
                                                               : NULL;
            const size_t n = strlen(command);
            snprintf(command + n, sizeof command - n, "%.*s", with ? 8 : 1, with ? with : p);
            if (with) p = strchr(p, ']');
        }
        const char *got = ask(&f, command);
        if (strstr(got, "handler") && !strstr(command, "unrealcv")) fail_msg("`%s` is advertised: `%s`", command, got);
        assert_true(f.out.size > 0 || strcmp(command, "vget /objects") == 0);
    }
    assert_true(commands > 90);
    free(list);
    close_game(&f);
}

static void coordinates_survive_a_round_trip(void **state) {
    (void)state;
    fixture f = open_game(2);
    vg_rng rng = vg_test_rng(3);
    ask(&f, "vset /objects/spawn_cube Box");
    for (int i = 0; i < 300; i++) {
        static const char *const who[] = {"camera/0", "object/Box", "object/human1"};
        char command[200];
        double set[3], got[3];
        for (int k = 0; k < 3; k++) set[k] = (double)vg_rng_range(&rng, -3, 3) * pow(10, (double)vg_rng_below(&rng, 3));
        const bool rotation = i % 2 == 1;
        snprintf(command, sizeof command, "vset /%s/%s %.6f %.6f %.6f", who[i % 3], rotation ? "rotation" : "location",
                 set[0], set[1], set[2]);
        assert_answer(&f, command, "ok");
        snprintf(command, sizeof command, "vget /%s/%s", who[i % 3], rotation ? "rotation" : "location");
        assert_int_equal(sscanf(ask(&f, command), "%lf %lf %lf", &got[0], &got[1], &got[2]), 3);
        for (int k = 0; k < 3; k++) assert_close(got[k], set[k], 1e-3);
    }
    for (int i = 0; i < 1000; i++) { /* world to Unreal and back */
        double world[3], unreal[3], back[3];
        for (int k = 0; k < 3; k++) world[k] = (double)vg_rng_range(&rng, -100, 100);
        ucv_from_world(unreal, world), ucv_to_world(back, unreal);
        for (int k = 0; k < 3; k++) assert_close(back[k], world[k], 1e-9);
    }
    close_game(&f);
}

/* Unreal's documented rotations: yaw turns x towards y, pitch lifts x, roll turns y down (the right side down). */
static void rotations_turn_as_unreals_do(void **state) {
    (void)state;
    static const struct {
        double rotation[3], forward[3], right[3]; /* Unreal's axes */
    } cases[] = {{{0, 0, 0}, {1, 0, 0}, {0, 1, 0}},
                 {{0, 90, 0}, {0, 1, 0}, {-1, 0, 0}},
                 {{90, 0, 0}, {0, 0, 1}, {0, 1, 0}},
                 {{0, 0, 90}, {1, 0, 0}, {0, 0, -1}},
                 {{0, 180, 0}, {-1, 0, 0}, {0, -1, 0}}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double forward[3], right[3], up[3], f[3], r[3];
        ucv_axes(forward, right, up, cases[i].rotation);
        ucv_from_world(f, forward), ucv_from_world(r, right);
        for (int k = 0; k < 3; k++) {
            assert_close(f[k] / 100, cases[i].forward[k], 1e-12);
            assert_close(r[k] / 100, cases[i].right[k], 1e-12);
        }
    }
}

static void bones_are_the_rigs_that_clients_read(void **state) {
    (void)state;
    fixture f = open_game(3);
    ask(&f, "vset /action/tick 20");
    json_t *bones = json_loads(ask(&f, "vget /human/human2/3d_keypoint"), 0, NULL);
    assert_true(json_is_array(bones));
    assert_true(json_array_size(bones) >= 91);
    float joint[VG_JOINTS14][3];
    vg_error err = {0};
    assert_ok(vg_embedded_joints(f.game->world, 0, 1, joint, &err));
    for (int j = 0; j < VG_JOINTS14; j++) {
        const json_t *bone = json_array_get(bones, (size_t)ucv_rigs[0].joint[j]);
        assert_non_null(json_string_value(json_object_get(bone, "Name")));
        const json_t *at = json_object_get(bone, "KpWorld");
        const double unreal[3] = {json_number_value(json_object_get(at, "X")),
                                  json_number_value(json_object_get(at, "Y")),
                                  json_number_value(json_object_get(at, "Z"))};
        double world[3];
        ucv_to_world(world, unreal);
        /* ticks of one step each: the moment shown is that of the simulator's last step */
        for (int k = 0; k < 3; k++) assert_close(world[k], joint[j][k], 1e-5);
    }
    json_decref(bones);
    close_game(&f);
}

/* --- time ---------------------------------------------------------------------------------------------------------- */

static char *everything(fixture *f) {
    static const char *const pictures[] = {"lit bmp",    "lit png",   "object_mask bmp", "seg png",
                                           "normal bmp", "depth npy", "plane_depth npy", "vis_depth npy"};
    ucv_buffer all = {.cap = (size_t)1 << 28};
    for (size_t i = 0; i < sizeof pictures / sizeof pictures[0]; i++) {
        char command[64];
        snprintf(command, sizeof command, "vget /camera/0/%s", pictures[i]);
        const char *got = ask(f, command);
        assert_true(f->out.size > 1000);
        ucv_put(&all, got, f->out.size);
    }
    for (int p = 1; p <= 4; p++) {
        char command[64];
        snprintf(command, sizeof command, "vget /human/human%d/3d_keypoint", p);
        ask(f, command);
        ucv_put(&all, f->out.data, f->out.size);
    }
    uint64_t hash = 1469598103934665603u;
    for (size_t i = 0; i < all.size; i++) hash = (hash ^ all.data[i]) * 1099511628211u;
    ucv_buffer_free(&all);
    static char text[4][32];
    static int next;
    char *out = text[next++ % 4];
    snprintf(out, 32, "%016llx", (unsigned long long)hash);
    return out;
}

static void in_reverse(void *pool, void (*task)(void *context, int32_t part), void *context, int32_t parts) {
    (void)pool;
    for (int32_t i = parts - 1; i >= 0; i--) task(context, i);
}

static void same_seed_same_bytes(void **state) {
    (void)state;
    char first[32], later[32];
    for (int round = 0; round < 2; round++) {
        fixture f = open_game(77);
        if (round == 1) f.game->workers = (ucv_workers){.run = in_reverse}; /* parts in any order, on any thread */
        ask(&f, "vset /action/game/pause");
        if (round == 0) snprintf(first, sizeof first, "%s", everything(&f));
        assert_string_equal(everything(&f), first);
        ask(&f, "vset /action/tick 37 0.033");
        if (round == 0) snprintf(later, sizeof later, "%s", everything(&f));
        assert_string_equal(everything(&f), later);
        assert_string_not_equal(later, first);
        close_game(&f);
    }
    fixture other = open_game(78);
    assert_string_not_equal(everything(&other), first);
    close_game(&other);
}

static void where(fixture *f, const char *who, double at[3]) {
    char command[64];
    snprintf(command, sizeof command, "vget /object/%s/location", who);
    assert_int_equal(sscanf(ask(f, command), "%lf %lf %lf", &at[0], &at[1], &at[2]), 3);
}

static double moved(fixture *f, const char *who, const double from[3]) {
    double at[3];
    where(f, who, at);
    return hypot(at[0] - from[0], at[1] - from[1]);
}

static void time_passes_unless_it_is_stopped(void **state) {
    (void)state;
    vg_error err = {0};
    const int64_t second = 1000000000;
    fixture f = open_game(5);
    double at[3];
    where(&f, "human1", at);
    assert_ok(ucv_game_pass(f.game, second, &err)); /* a new level stands still for a while */
    assert_true(moved(&f, "human1", at) == 0);
    assert_ok(ucv_game_pass(f.game, 3 * second, &err));
    for (int i = 0; i < 10; i++) assert_ok(ucv_game_pass(f.game, second / 10, &err));
    assert_true(moved(&f, "human1", at) > 20);
    assert_answer(&f, "vset /action/game/pause", "ok");
    where(&f, "human1", at);
    assert_ok(ucv_game_pass(f.game, second, &err));
    assert_true(moved(&f, "human1", at) == 0);
    assert_answer(&f, "vset /action/tick 10 0.1", "ok");
    assert_true(moved(&f, "human1", at) > 20);
    assert_answer(&f, "vget /action/game/is_paused", "true");
    assert_answer(&f, "vset /action/game/resume", "ok");
    assert_answer(&f, "vrun slomo 0.5", "ok");
    const int64_t before = f.game->time_ns;
    for (int i = 0; i < 10; i++) assert_ok(ucv_game_pass(f.game, second / 10, &err));
    assert_int_equal((f.game->time_ns - before) / (second / 100), 50);
    assert_answer(&f, "vset /action/game/level blank", "ok");
    assert_int_equal(f.game->time_ns, 0);
    close_game(&f);
}

/* --- people -------------------------------------------------------------------------------------------------------- */

static void people_do_as_they_are_told(void **state) {
    (void)state;
    fixture f = open_game(6);
    double at[3];
    ask(&f, "vset /action/game/pause");
    ask(&f, "vset /object/human1/location 0 0 90");
    ask(&f, "vbp human1 set_speed 100");
    assert_answer(&f, "vbp human1 move_to 200 -150 0", "{\r\n}");
    ask(&f, "vset /action/tick 60 0.1");
    where(&f, "human1", at);
    assert_close(at[0], 200, 60), assert_close(at[1], -150, 60); /* others may stand in the way */
    ask(&f, "vbp human1 stop");
    where(&f, "human1", at);
    ask(&f, "vset /action/tick 20 0.1");
    assert_true(moved(&f, "human1", at) < 30);
    /* twice the dilation, twice the way */
    double way[2];
    for (int i = 0; i < 2; i++) {
        ask(&f, "vset /object/human2/location -400 400 90");
        ask(&f, i == 0 ? "vbp human2 set_dilation 1" : "vbp human2 set_dilation 2");
        ask(&f, "vbp human2 set_speed 60");
        ask(&f, "vbp human2 move_to 400 400 0");
        ask(&f, "vset /action/tick 40 0.1");
        where(&f, "human2", at);
        way[i] = at[0] + 400;
    }
    assert_true(way[0] > 100);
    assert_close(way[1] / way[0], 2, 0.4);
    ask(&f, "vbp human3 set_walk_radius 100");
    ask(&f, "vset /action/tick 150 0.1");
    for (int i = 0; i < 40; i++) {
        ask(&f, "vset /action/tick 5 0.1");
        where(&f, "human3", at);
        assert_true(hypot(at[0], at[1]) < 160);
    }
    assert_answer(&f, "vbp human4 destroy", "{\r\n}");
    assert_null(strstr(ask(&f, "vget /objects"), "human4"));
    assert_begins(&f, "vbp human1 generate_nav_goal 300 100", "{\r\n\t\"nav_goal\": \"X=");
    assert_begins(&f, "vbp human1 nav_random 300 1", "{\r\n\t\"nav_goal\": \"X=");
    close_game(&f);
}

static void a_spawned_person_can_be_seen_and_walks(void **state) {
    (void)state;
    fixture f = open_game(7);
    char name[32], command[128];
    for (int p = 5; p <= VG_MAX_PEOPLE; p++) {
        snprintf(name, sizeof name, "human%d", p);
        snprintf(command, sizeof command, "vset /objects/spawn CvCharacter %s", name);
        assert_answer(&f, command, "ok");
        snprintf(command, sizeof command, "vset /object/%s/location %d 0 90", name, p % 8 * 100 - 400);
        assert_answer(&f, command, "ok");
    }
    assert_begins(&f, "vset /objects/spawn CvCharacter one_too_many", "error Failed to spawn");
    double at[3];
    where(&f, "human9", at);
    assert_answer(&f, "vbp human9 move_to 0 300 0", "{\r\n}");
    ask(&f, "vset /action/tick 30 0.1");
    assert_true(moved(&f, "human9", at) > 30);
    json_t *bones = json_loads(ask(&f, "vget /human/human64/3d_keypoint"), 0, NULL);
    assert_int_equal(json_array_size(bones), UCV_BONES);
    json_decref(bones);
    close_game(&f);
}

/* --- pictures ------------------------------------------------------------------------------------------------------ */

typedef struct stretch {
    double sum[2];
    int pixels;
} stretch;

/* The pixels of the BMP in `f->out` that wear `colour`. */
static stretch pixels_of(const fixture *f, int32_t width, int32_t height, const uint8_t colour[3]) {
    stretch s = {{0, 0}, 0};
    const unsigned char *p = f->out.data + 54;
    for (int32_t y = 0; y < height; y++)
        for (int32_t x = 0; x < width; x++, p += 4)
            if (p[2] == colour[0] && p[1] == colour[1] && p[0] == colour[2]) s.sum[0] += x, s.sum[1] += y, s.pixels++;
    return s;
}

/* A point of the world in the picture, and its depth. */
static double project(double uv[2], const vg_render_view *view, const double point[3]) {
    double p[3], q[3];
    for (int k = 0; k < 3; k++) p[k] = point[k] - view->eye[k];
    for (int k = 0; k < 3; k++) q[k] = view->R[3 * k] * p[0] + view->R[3 * k + 1] * p[1] + view->R[3 * k + 2] * p[2];
    uv[0] = view->fx * q[0] / q[2] + view->cx, uv[1] = view->fy * q[1] / q[2] + view->cy;
    return q[2];
}

/* The body in the picture by projection alone: discs along each limb's axis, their union's middle. */
static void projected_body(double uv[2], const fixture *f, int32_t person, const vg_render_view *view) {
    static bool shown[240][320];
    memset(shown, 0, sizeof shown);
    for (int32_t i = 0; i < f->game->limbs; i++) {
        const vg_embedded_capsule *c = &f->game->after.limb[i];
        for (int s = 0; s <= 60 && c->person == person; s++) {
            double p[3], at[2];
            for (int k = 0; k < 3; k++) p[k] = (double)c->a[k] + s / 60.0 * ((double)c->b[k] - (double)c->a[k]);
            const double radius = view->fx * (double)c->radius / project(at, view, p);
            for (int y = (int)fmax(at[1] - radius, 0); y <= (int)fmin(at[1] + radius + 1, 239); y++)
                for (int x = (int)fmax(at[0] - radius, 0); x <= (int)fmin(at[0] + radius + 1, 319); x++)
                    shown[y][x] |= hypot(x - at[0], y - at[1]) <= radius;
        }
    }
    double sum[3] = {0, 0, 0};
    for (int y = 0; y < 240; y++)
        for (int x = 0; x < 320; x++)
            if (shown[y][x]) sum[0] += x, sum[1] += y, sum[2] += 1;
    uv[0] = sum[0] / sum[2], uv[1] = sum[1] / sum[2];
}

/* Whether a pixel within `reach` of (u, v) wears `colour`. */
static bool shown_near(const fixture *f, const double uv[2], double reach, const uint8_t colour[3]) {
    for (int y = 0; y < 240; y++)
        for (int x = 0; x < 320; x++) {
            const unsigned char *p = f->out.data + 54 + 4 * (320 * y + x);
            if (hypot(x - uv[0], y - uv[1]) <= reach && p[2] == colour[0] && p[1] == colour[1] && p[0] == colour[2])
                return true;
        }
    return false;
}

static void a_camera_shows_a_person_where_projection_says(void **state) {
    (void)state;
    fixture f = open_game(8);
    ask(&f, "vset /action/tick 25");
    for (int p = 2; p <= 4; p++) { /* nobody in the way */
        char command[64];
        snprintf(command, sizeof command, "vset /object/human%d/hide", p);
        assert_answer(&f, command, "ok");
    }
    vg_rng rng = vg_test_rng(11);
    double person[3];
    where(&f, "human1", person);
    const uint8_t *colour = ucv_find(f.game, (vg_span){"human1", 6})->colour.mask;
    for (int i = 0; i < 40; i++) {
        /* round about, at all heights and turns, the person anywhere in the picture */
        const double turn = (double)vg_rng_range(&rng, -180, 180), away = (double)vg_rng_range(&rng, 400, 900);
        const double d = VG_PI / 180, height = (double)vg_rng_range(&rng, 40, 350);
        char command[200];
        snprintf(command, sizeof command, "vset /camera/0/pose %.3f %.3f %.3f %.3f %.3f %.3f",
                 person[0] - away * cos(turn * d), person[1] - away * sin(turn * d), height,
                 atan2(person[2] - height, away) / d + (double)vg_rng_range(&rng, -8, 8),
                 turn + (double)vg_rng_range(&rng, -15, 15), (double)vg_rng_range(&rng, -30, 30));
        assert_answer(&f, command, "ok");
        ask(&f, "vget /camera/0/object_mask bmp");
        assert_int_equal(f.out.size, 54 + 4 * 320 * 240);
        const stretch s = pixels_of(&f, 320, 240, colour);
        assert_true(s.pixels > 100);
        double uv[2];
        const vg_render_view view = ucv_view_of(&f.game->actor[f.game->camera[0]]);
        projected_body(uv, &f, 0, &view);
        assert_close(s.sum[0] / s.pixels, uv[0], 0.5);
        assert_close(s.sum[1] / s.pixels, uv[1], 0.5);
        for (int j = 0; j < VG_JOINTS14; j++) { /* the skeleton's joints lie in the body */
            const float *joint = f.game->after.joint[0][j];
            const double point[3] = {(double)joint[0], (double)joint[1], (double)joint[2]};
            project(uv, &view, point);
            if (uv[0] > 2 && uv[0] < 317 && uv[1] > 2 && uv[1] < 237) assert_true(shown_near(&f, uv, 2, colour));
        }
    }
    close_game(&f);
}

/* f = W / (2 tan(fov / 2)), the centre at W / 2, H / 2 of the picture's edges: a small cube must lie there. */
static void intrinsics_are_those_that_clients_assume(void **state) {
    (void)state;
    fixture f = open_game(9);
    ask(&f, "vset /objects/spawn_cube Dot"), ask(&f, "vset /object/Dot/scale 0.1 0.1 0.1");
    ask(&f, "vset /object/Dot/color 255 0 255");
    const uint8_t colour[3] = {255, 0, 255};
    ask(&f, "vset /camera/0/pose 0 0 1000 0 0 0"), ask(&f, "vset /camera/0/fov 70");
    ask(&f, "vset /camera/0/size 400 300");
    const double focal = 400 / (2 * tan(35 * VG_PI / 180));
    for (int i = 0; i < 9; i++) {
        const double right = (i % 3 - 1) * 150, up = (i / 3 - 1) * 110;
        char command[128];
        snprintf(command, sizeof command, "vset /object/Dot/location 500 %g %g", right, 1000 + up);
        assert_answer(&f, command, "ok");
        ask(&f, "vget /camera/0/object_mask bmp");
        const stretch s = pixels_of(&f, 400, 300, colour);
        assert_true(s.pixels > 20);
        assert_close(s.sum[0] / s.pixels + 0.5, 200 + focal * right / 500, 1.2);
        assert_close(s.sum[1] / s.pixels + 0.5, 150 - focal * up / 500, 1.2);
    }
    /* depth is along the axis: the same for a wall at right angles, wherever in the picture */
    ask(&f, "vset /object/Dot/scale 1 40 40"), ask(&f, "vset /object/Dot/location 550 0 1000");
    ask(&f, "vget /camera/0/depth npy");
    float corner, middle, distance;
    memcpy(&corner, f.out.data + f.out.size - sizeof corner, sizeof corner);
    memcpy(&middle, f.out.data + f.out.size - 4 * (400 * 150 + 200), sizeof middle);
    assert_close(corner, 500, 0.01), assert_close(middle, 500, 0.01);
    ask(&f, "vget /camera/0/vis_depth npy");
    memcpy(&distance, f.out.data + f.out.size - sizeof distance, sizeof distance);
    assert_close(distance, 500 * sqrt(1 + (199.5 * 199.5 + 149.5 * 149.5) / (focal * focal)), 0.05);
    close_game(&f);
}

/* From high above each scene: no colour but the objects' own, and most obstacles are to be seen. */
static void every_object_wears_its_own_colour(void **state) {
    (void)state;
    fixture f = open_game(13);
    static const char *const scenes[] = {"blank", "schoolgym", "urbanstreet", "wilderness"};
    for (size_t i = 0; i < sizeof scenes / sizeof scenes[0]; i++) {
        char command[128];
        snprintf(command, sizeof command, "vset /action/game/level %s", scenes[i]);
        assert_answer(&f, command, "ok");
        assert_answer(&f, "vget /level/name", scenes[i]);
        ask(&f, "vset /camera/0/pose 0 0 3000 -90 0 0"), ask(&f, "vset /camera/0/fov 60");
        ask(&f, "vset /camera/0/size 600 600"), ask(&f, "vget /camera/0/object_mask bmp");
        assert_int_equal(f.out.size, 54 + 4 * 600 * 600);
        bool seen[UCV_ACTORS] = {false};
        for (int p = 0; p < 600 * 600; p++) {
            const unsigned char *c = f.out.data + 54 + 4 * p;
            int32_t a = 0;
            while (a < f.game->actors && memcmp((uint8_t[3]){c[2], c[1], c[0]}, f.game->actor[a].colour.mask, 3) != 0)
                a++;
            if (a < f.game->actors)
                seen[a] = true;
            else if (c[0] || c[1] || c[2]) /* black: the sky */
                fail_msg("%s: a pixel of colour %d %d %d is nobody's", scenes[i], c[2], c[1], c[0]);
        }
        int obstacles = 0, visible = 0;
        for (int32_t a = 0; a < f.game->actors; a++) {
            const int32_t kind = f.game->actor[a].kind;
            if (kind == UCV_OBSTACLE) obstacles++, visible += seen[a];
            if (kind == UCV_GROUND) assert_true(seen[a]);
            if (kind == UCV_PERSON && i == 0) assert_true(seen[a]);
        }
        assert_int_equal(obstacles, f.game->world->info.obstacle_count);
        assert_true(2 * visible >= obstacles);
    }
    close_game(&f);
}

static void pictures_are_saved_where_the_client_may_write(void **state) {
    (void)state;
    fixture f = open_game(10);
    char path[4200], command[4400];
    snprintf(path, sizeof path, "%s/a.png", vg_test_folder());
    assert_answer(&f, "vget /camera/0/lit a.png", "a.png");
    assert_int_equal(access(path, R_OK), 0);
    snprintf(path, sizeof path, "%s/b.npy", vg_test_folder());
    snprintf(command, sizeof command, "vget /camera/0/depth %s", path);
    assert_answer(&f, command, path);
    assert_int_equal(access(path, R_OK), 0);
    snprintf(path, sizeof path, "%s/00000000.png", vg_test_folder());
    assert_answer(&f, "vget /camera/0/lit", path);
    snprintf(path, sizeof path, "%s/00000001.png", vg_test_folder());
    assert_answer(&f, "vget /camera/0/screenshot", path);
    snprintf(path, sizeof path, "%s/b.npy", vg_test_folder());
    assert_begins(&f, "vget /camera/0/lit ../a.png", "error ");
    assert_begins(&f, "vget /camera/0/lit no/such/folder/a.png", "error ");
    f.session.local = false; /* a client on another machine */
    assert_begins(&f, command, "error ");
    assert_answer(&f, "vget /camera/0/lit a.png", "a.png");
    close_game(&f);
}

static void a_moving_camera_stops_at_walls(void **state) {
    (void)state;
    fixture f = open_game(11);
    ask(&f, "vset /objects/spawn_cube Wall"), ask(&f, "vset /object/Wall/location 300 0 1000");
    ask(&f, "vset /camera/0/pose 0 0 1000 0 0 0");
    assert_answer(&f, "vset /camera/0/moveto 100 0 1000", "ok");
    assert_answer(&f, "vget /camera/0/location", "100.000 0.000 1000.000");
    assert_answer(&f, "vset /camera/0/moveto 500 0 1000", "ok");
    double x, y, z;
    assert_int_equal(sscanf(ask(&f, "vget /camera/0/location"), "%lf %lf %lf", &x, &y, &z), 3);
    assert_true(x > 150 && x < 250);
    close_game(&f);
}

static void the_right_eye_follows_the_left(void **state) {
    (void)state;
    fixture f = open_game(12);
    assert_answer(&f, "vset /action/eyes_distance 20", "ok");
    assert_answer(&f, "vset /camera/0/pose 10 20 30 0 90 0", "ok");
    assert_answer(&f, "vget /camera/1/location", "-10.000 20.000 30.000");
    assert_answer(&f, "vget /actor/location", "10.000 20.000 30.000");
    close_game(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_are_the_plug_ins_own),
        cmocka_unit_test(every_advertised_command_has_a_handler),
        cmocka_unit_test(coordinates_survive_a_round_trip),
        cmocka_unit_test(rotations_turn_as_unreals_do),
        cmocka_unit_test(bones_are_the_rigs_that_clients_read),
        cmocka_unit_test(same_seed_same_bytes),
        cmocka_unit_test(time_passes_unless_it_is_stopped),
        cmocka_unit_test(people_do_as_they_are_told),
        cmocka_unit_test(a_spawned_person_can_be_seen_and_walks),
        cmocka_unit_test(a_camera_shows_a_person_where_projection_says),
        cmocka_unit_test(intrinsics_are_those_that_clients_assume),
        cmocka_unit_test(every_object_wears_its_own_colour),
        cmocka_unit_test(pictures_are_saved_where_the_client_may_write),
        cmocka_unit_test(a_moving_camera_stops_at_walls),
        cmocka_unit_test(the_right_eye_follows_the_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
