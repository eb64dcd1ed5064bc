/* embedded/: people who replay a motion clip: whose limbs keep the bodies' lengths, whose feet hold the ground, however the
 * file's axes and names are. */
#include "common/transform.h"
#include "sim_bridge/embedded/sim.h"
#include "tests/support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How a walker's file is written. */
typedef struct style {
    bool z_up;         /* else y up */
    const char *names; /* which of the naming habits below */
    double unit;       /* file units a metre */
    int frames;
} style;

/* name of a joint: habit "maya" LeftUpLeg / LeftLeg / LeftFoot; "plain" LeftHip / LeftKnee / LeftAnkle; "short" lHip ... */
static const char *joint_name(const style *s, int side, int joint) {
    static const char *const words[3][6] = {{"UpLeg", "Leg", "Foot", "Arm", "ForeArm", "Hand"},
                                            {"Hip", "Knee", "Ankle", "Shoulder", "Elbow", "Wrist"},
                                            {"Thigh", "Shin", "Foot", "Shldr", "ForeArm", "Hand"}};
    static char name[4][32];
    static int next;
    const int habit = strcmp(s->names, "maya") == 0 ? 0 : strcmp(s->names, "plain") == 0 ? 1 : 2;
    char *out = name[next++ % 4];
    snprintf(out, sizeof name[0], "%s%s", habit == 2 ? side ? "r" : "l" : side ? "Right" : "Left", words[habit][joint]);
    return out;
}

/* A body of one leg's length 0.9 m that walks 1.2 m/s along the file's forward axis, legs swinging as pendulums that put the
 * foot down without sliding on average. Writes it and returns its path. */
static const char *write_walker(const style *s) {
    static char path[1200];
    snprintf(path, sizeof path, "%s/walk.bvh", vg_test_folder());
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    const double u = s->unit;
    /* our axes (x forward, y left, z up) in the file's: y up has x = left, z = forward */
#define PUT(x, y, z) s->z_up ? (x)*u : (y)*u, s->z_up ? (y)*u : (z)*u, s->z_up ? (z)*u : (x)*u
    const char *swing = s->z_up ? "Yrotation" : "Xrotation", *other = s->z_up ? "Xrotation" : "Yrotation";
    fprintf(f, "HIERARCHY\nROOT Hips\n{\nOFFSET 0 0 0\nCHANNELS 6 Xposition Yposition Zposition Zrotation %s %s\n",
            swing, other);
    fprintf(f, "JOINT Chest\n{\nOFFSET %g %g %g\nCHANNELS 3 Zrotation %s %s\n", PUT(0, 0, 0.5), swing, other);
    fprintf(f, "JOINT Head\n{\nOFFSET %g %g %g\nCHANNELS 3 Zrotation %s %s\nEnd Site\n{\nOFFSET %g %g %g\n}\n}\n",
            PUT(0.02, 0, 0.2), swing, other, PUT(0, 0, 0.1));
    for (int side = 0; side < 2; side++) {
        const double left = side ? -1 : 1;
        fprintf(f, "JOINT %s\n{\nOFFSET %g %g %g\nCHANNELS 3 Zrotation %s %s\n", joint_name(s, side, 3),
                PUT(0, 0.2 * left, 0), swing, other);
        fprintf(f, "JOINT %s\n{\nOFFSET %g %g %g\nCHANNELS 3 Zrotation %s %s\n", joint_name(s, side, 4),
                PUT(0, 0, -0.3), swing, other);
        fprintf(f,
                "JOINT %s\n{\nOFFSET %g %g %g\nCHANNELS 3 Zrotation %s %s\nEnd Site\n{\nOFFSET %g %g %g\n}\n}\n}\n}\n",
                joint_name(s, side, 5), PUT(0, 0, -0.25), swing, other, PUT(0, 0, -0.1));
    }
    fprintf(f, "}\n");
    for (int side = 0; side < 2; side++) {
        const double left = side ? -1 : 1;
        fprintf(f, "JOINT %s\n{\nOFFSET %g %g %g\nCHANNELS 3 Zrotation %s %s\n", joint_name(s, side, 0),
                PUT(0, 0.1 * left, 0), swing, other);
        fprintf(f, "JOINT %s\n{\nOFFSET %g %g %g\nCHANNELS 3 Zrotation %s %s\n", joint_name(s, side, 1),
                PUT(0, 0, -0.45), swing, other);
        fprintf(f,
                "JOINT %s\n{\nOFFSET %g %g %g\nCHANNELS 3 Zrotation %s %s\nEnd Site\n{\nOFFSET %g %g %g\n}\n}\n}\n}\n",
                joint_name(s, side, 2), PUT(0, 0, -0.45), swing, other, PUT(0.15, 0, 0));
    }
    fprintf(f, "}\nMOTION\nFrames: %d\nFrame Time: 0.02\n", s->frames);
    for (int i = 0; i < s->frames; i++) {
        const double t = 0.02 * i, phase = 2 * VG_PI * t; /* one stride a second */
        fprintf(f, "%g %g %g 0 0 0 0 0 0 0 0 0", PUT(1.2 * t, 0, 0.9));
        for (int limb = 0; limb < 4; limb++) { /* arms, then legs; left, right; legs against arms */
            const double sign = (limb & 1 ? -1.0 : 1.0) * (limb < 2 ? -1 : 1);
            const double hip = (limb < 2 ? 15 : 20) * sign * cos(phase);
            const double lower = limb < 2 ? -10 : fmax(0, -sign * sin(phase)) * 40;
            /* forward swing is a negative turn about our left axis */
            fprintf(f, " 0 %g 0 0 %g 0 0 0 0", -hip, limb < 2 ? lower : lower);
        }
        fputc('\n', f);
    }
#undef PUT
    fclose(f);
    return path;
}

static sim_person a_person(float height, float speed) {
    return (sim_person){.body = sim_body_of_height(height), .speed = speed, .pace = speed, .style = {1, 1, 1, 1}};
}

static sim_clip *open_clip(const char *path) {
    vg_error err = {0};
    sim_clip *clip;
    assert_ok(sim_clip_open(&clip, path, &err));
    return clip;
}

static void limbs_keep_the_bodys_lengths(void **state) {
    (void)state;
    sim_clip *clip = open_clip(write_walker(&(style){false, "maya", 100, 300}));
    for (int h = 0; h < 5; h++) {
        sim_person p = a_person(1.5f + 0.1f * (float)h, 1.2f);
        p.heading = (float)h;
        const sim_body *b = &p.body;
        const struct {
            int from, to;
            float length;
        } bones[] = {{VG_L_HIP, VG_L_KNEE, b->thigh},           {VG_R_KNEE, VG_R_ANKLE, b->shank},
                     {VG_L_SHOULDER, VG_L_ELBOW, b->upper_arm}, {VG_R_ELBOW, VG_R_WRIST, b->forearm},
                     {VG_L_HIP, VG_R_HIP, 2 * b->hip_half},     {VG_L_SHOULDER, VG_R_SHOULDER, 2 * b->shoulder_half}};
        for (int i = 0; i < 200; i++) {
            sim_pose pose;
            sim_clip_step(&p, clip, 0.02f);
            sim_clip_pose(&pose, &p, clip);
            for (size_t k = 0; k < sizeof bones / sizeof bones[0]; k++) {
                float d = 0;
                for (int a = 0; a < 3; a++) {
                    const float e = pose.joint[a][bones[k].from] - pose.joint[a][bones[k].to];
                    d += e * e;
                }
                assert_close(sqrtf(d), bones[k].length, 1e-4);
            }
            const float low = fminf(pose.joint[2][VG_L_ANKLE], pose.joint[2][VG_R_ANKLE]);
            assert_true(low >= b->ankle - 1e-4f && low < b->ankle + 0.1f);
            assert_true(pose.joint[2][VG_L_EYE] > 0.75f * (b->shank + b->thigh + b->spine + b->neck));
        }
    }
    sim_clip_destroy(clip);
}

/* The same walk in other axes, units and names gives the same poses. */
static void axes_units_and_names_do_not_matter(void **state) {
    (void)state;
    sim_clip *clip = open_clip(write_walker(&(style){false, "maya", 100, 300}));
    const style others[] = {{true, "maya", 100, 300}, {false, "plain", 1, 300}, {true, "short", 39.37, 300}};
    for (size_t k = 0; k < sizeof others / sizeof others[0]; k++) {
        sim_clip *other = open_clip(write_walker(&others[k]));
        sim_person p = a_person(1.7f, 1.1f), q = p;
        for (int i = 0; i < 100; i++) {
            sim_pose a, b;
            sim_clip_step(&p, clip, 0.02f), sim_clip_step(&q, other, 0.02f);
            sim_clip_pose(&a, &p, clip), sim_clip_pose(&b, &q, other);
            for (int j = 0; j < VG_JOINTS14; j++)
                for (int c = 0; c < 3; c++) assert_close(a.joint[c][j], b.joint[c][j], 2e-3);
        }
        sim_clip_destroy(other);
    }
    sim_clip_destroy(clip);
}

/* Mean speed over the ground of the lower foot, and the greatest speed of any joint, while walking straight on. */
static void measure(double *slide, double *fastest, const sim_clip *clip, float speed) {
    const float dt = 0.01f;
    sim_person p = a_person(1.75f, speed);
    sim_pose before, pose;
    sim_clip_pose(&before, &p, clip);
    *slide = *fastest = 0;
    const int steps = 600;
    for (int i = 0; i < steps; i++) {
        p.at[0] += speed * dt;
        sim_clip_step(&p, clip, dt);
        sim_clip_pose(&pose, &p, clip);
        const int low = pose.joint[2][VG_L_ANKLE] < pose.joint[2][VG_R_ANKLE] ? VG_L_ANKLE : VG_R_ANKLE;
        *slide += hypot((double)(pose.joint[0][low] - before.joint[0][low]),
                        (double)(pose.joint[1][low] - before.joint[1][low])) /
                  (double)(dt * (float)steps);
        for (int j = 0; j < VG_JOINTS14; j++) {
            double d = 0;
            for (int c = 0; c < 3; c++) d += pow((double)(pose.joint[c][j] - before.joint[c][j]), 2);
            *fastest = fmax(*fastest, sqrt(d) / (double)dt);
        }
        before = pose;
    }
}

/* Real walking: the foot on the ground goes back under the body about as fast as the body goes on, at every speed (the lower
 * ankle is that of the planted foot but for the moments around heel-off), and no seam of the loop makes a limb jump. */
static void feet_of_real_walks_hold_the_ground(void **state) {
    (void)state;
    const char *path = vg_test_shared("bvh/cmu_12_01_walk.bvh");
    if (!path) skip();
    sim_clip *clip = open_clip(path);
    for (float speed = 0.7f; speed < 1.5f; speed += 0.35f) {
        double slide, fastest;
        measure(&slide, &fastest, clip, speed);
        printf("at %.2f m/s: the lower foot moves %.3f m/s, the fastest joint %.2f m/s\n", (double)speed, slide,
               fastest);
        assert_true(slide < 0.35 * (double)speed);
        assert_true(fastest < 6 * (double)speed);
    }
    sim_clip_destroy(clip);
}

static void who_stands_stands_still(void **state) {
    (void)state;
    sim_clip *clip = open_clip(write_walker(&(style){false, "maya", 100, 300}));
    sim_person p = a_person(1.7f, 0);
    p.pace = 1;
    sim_pose a, b;
    memset(&a, 0, sizeof a), memset(&b, 0, sizeof b); /* spare lanes too */
    sim_clip_pose(&a, &p, clip);
    for (int i = 0; i < 100; i++) sim_clip_step(&p, clip, 0.02f);
    sim_clip_pose(&b, &p, clip);
    assert_memory_equal(&a, &b, sizeof a);
    assert_close(a.joint[0][VG_L_ANKLE], a.joint[0][VG_R_ANKLE], 1e-4); /* upright, feet side by side */
    sim_clip_destroy(clip);
}

static void clips_without_a_body_are_refused_by_name(void **state) {
    (void)state;
    vg_error err = {0};
    sim_clip *clip;
    char path[1200];
    assert_error(sim_clip_open(&clip, "/nowhere/walk.bvh", &err), VG_NOT_FOUND, "/nowhere/walk.bvh");
    snprintf(path, sizeof path, "%s/headless.bvh", vg_test_folder());
    FILE *f = fopen(path, "w");
    fputs("HIERARCHY\nROOT Hips\n{\nOFFSET 0 0 0\nCHANNELS 3 Xposition Yposition Zposition\nEnd Site\n{\nOFFSET 0 1 "
          "0\n}\n}\n"
          "MOTION\nFrames: 1\nFrame Time: 0.1\n0 0 0\n",
          f);
    fclose(f);
    assert_error(sim_clip_open(&clip, path, &err), VG_INVALID, "`head`");
    f = fopen(path, "w");
    fputs(
        "HIERARCHY\nROOT Hips\n{\nOFFSET 0 0 0\nCHANNELS 3 Xposition Yposition Zposition\nJOINT Head\n{\nOFFSET 0 1 0\n"
        "CHANNELS 0\nEnd Site\n{\nOFFSET 0 1 0\n}\n}\n}\nMOTION\nFrames: 1\nFrame Time: 0.1\n0 0 0\n",
        f);
    fclose(f);
    assert_error(sim_clip_open(&clip, path, &err), VG_INVALID, "no left arm");
    assert_null(clip);
}

/* A world with a motion is another world: its people move by the clip, and the same seed gives the same bytes. */
static void worlds_replay_the_clip(void **state) {
    (void)state;
    vg_error err = {0};
    vg_world_config config = vg_world_config_default();
    config.cameras = 2, config.people = 3;
    const char *motions[3] = {NULL, write_walker(&(style){false, "maya", 100, 300}), NULL};
    motions[2] = motions[1];
    vg_frame *frames[3];
    for (int k = 0; k < 3; k++) {
        config.motion = motions[k];
        vg_world *world;
        assert_ok(vg_world_open(&world, &config, &err));
        frames[k] = calloc(1, vg_frame_bytes(world->info.dims));
        vg_frame_init(frames[k], world->info.dims, 0);
        const vg_reset reset = {.seed = 5, .people = 3};
        assert_ok(vg_world_reset(world, 0, 1, &reset, frames[k], &err));
        const vg_command still = {.cameras = 2};
        for (int i = 0; i < 20; i++) assert_ok(vg_world_step(world, 0, 1, &still, frames[k], &err));
        vg_world_close(world);
    }
    assert_memory_equal(frames[1], frames[2], frames[1]->bytes);
    assert_true(memcmp(frames[0], frames[1], frames[0]->bytes) != 0);
    for (int k = 0; k < 3; k++) free(frames[k]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limbs_keep_the_bodys_lengths),
        cmocka_unit_test(axes_units_and_names_do_not_matter),
        cmocka_unit_test(feet_of_real_walks_hold_the_ground),
        cmocka_unit_test(who_stands_stands_still),
        cmocka_unit_test(clips_without_a_body_are_refused_by_name),
        cmocka_unit_test(worlds_replay_the_clip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
