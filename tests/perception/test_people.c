/* Who is who: detections in each camera's own order become persons that keep their slot and name; what is nonsense stays
 * harmless; the order of detections and cameras does not matter. */
#include "common/clock.h"
#include "perception/people.h"
#include "perception/perception.h"
#include "tests/perception/crowd.h"
#include "tests/perception/pose2sim.h"

/* Every allocation of the process is counted here, where no sanitizer does the allocating itself. */
static _Thread_local long allocations;
#ifndef VG_SANITIZED
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

typedef struct stage {
    crowd crowd;
    vg_people *people;
    vg_frame *in, *out;
    int32_t slots;
} stage;

static void setup(stage *s, int32_t cameras, int32_t persons, int32_t detections, int32_t slots, uint32_t stream) {
    vg_error err = {0};
    const vg_dims in = {cameras, detections, CROWD_JOINTS}, out = {cameras, slots, CROWD_JOINTS};
    const vg_people_config config = vg_people_config_default();
    *s = (stage){.slots = slots};
    crowd_begin(&s->crowd, cameras, persons, vg_test_rng(stream));
    assert_ok(vg_people_create(&s->people, &config, in, slots, &err));
    s->in = calloc(1, vg_frame_bytes(in)), s->out = calloc(1, vg_frame_bytes(out));
    vg_frame_init(s->in, in, 0), vg_frame_init(s->out, out, 0);
}

static void teardown(stage *s) {
    vg_people_destroy(s->people);
    free(s->in), free(s->out);
}

static void match(stage *s) {
    vg_error err = {0};
    assert_ok(vg_people_match(s->people, s->in, s->out, &err));
    assert_true(s->out->flags & VG_FRAME_IDENTIFIED);
}

/* Slot of the person to whom most detections of person w were given, -1 = none. */
static int32_t slot_of(const stage *s, int32_t w) {
    int32_t best = -1, most = 0;
    for (int32_t p = 0; p < s->slots; p++) {
        int32_t votes = 0;
        for (int32_t c = 0; c < s->crowd.cameras; c++) {
            const int32_t d = vg_people_detection(s->people, p, c);
            votes += vg_frame_present(s->out)[p] && d >= 0 && s->crowd.whose[c][d] == w;
        }
        if (votes > most) most = votes, best = p;
    }
    return best;
}

typedef struct tally {
    int given, right, switches, told, people;
    int64_t name[CROWD_PEOPLE];
} tally;

static void count(tally *t, const stage *s) {
    for (int32_t p = 0; p < s->slots; p++) t->told += vg_frame_present(s->out)[p] != 0;
    for (int32_t w = 0; w < s->crowd.persons; w++) {
        const int32_t p = slot_of(s, w);
        t->people++;
        if (p < 0) continue;
        const int64_t name = vg_people_name(s->people, p);
        if (t->name[w] && t->name[w] != name) t->switches++;
        t->name[w] = name;
        for (int32_t c = 0; c < s->crowd.cameras; c++) {
            const int32_t d = vg_people_detection(s->people, p, c);
            if (d >= 0) t->given++, t->right += s->crowd.whose[c][d] == w;
        }
    }
}

static void walkers_are_told_apart_and_keep_their_names(void **state) {
    (void)state;
    stage s;
    tally t = {0};
    setup(&s, 5, 5, 8, 8, 1);
    for (int i = 0; i < 300; i++) {
        crowd_step(&s.crowd, 0.04), crowd_look(&s.crowd, s.in);
        match(&s), count(&t, &s);
    }
    printf("%d of %d detections right, %d switches, %d told of %d\n", t.right, t.given, t.switches, t.told, t.people);
    assert_int_equal(t.switches, 0);
    assert_true(t.right >= 0.998 * t.given);
    assert_true(t.told >= 0.99 * t.people && t.told <= 1.01 * t.people);
    teardown(&s);
}

static void both_participants_of_a_real_trial_are_told_apart(void **state) {
    (void)state;
    const char *calibration = vg_test_shared("pose2sim/S00_Calibration/Calib_qualisys.toml");
    const char *raw = vg_test_shared("pose2sim/multi/pose"), *known = vg_test_shared("pose2sim/multi/pose-associated");
    if (!calibration || !raw || !known) skip();
    enum { D = 6, S = 6, J = 25 };
    vg_error err = {0};
    const vg_dims in = {P2S_CAMERAS, D, J}, out = {P2S_CAMERAS, S, J};
    const vg_people_config config = vg_people_config_default();
    vg_people *people;
    assert_ok(vg_people_create(&people, &config, in, S, &err));
    vg_frame *f = calloc(1, vg_frame_bytes(in)), *o = calloc(1, vg_frame_bytes(out));
    vg_frame_init(f, in, 0), vg_frame_init(o, out, 0);
    p2s_cameras(vg_frame_cameras(f), calibration);
    int64_t name[2] = {0};
    int given = 0, right = 0, switches = 0;
    for (int i = 0; i < P2S_FRAMES; i++) {
        vg_keypoint kept[2][P2S_CAMERAS][J];
        f->frame_id = (uint64_t)i, f->time_ns = i * 1000000000ll / 60;
        p2s_read_people(vg_frame_keypoints(f), raw, i, D, J);
        for (int c = 0; c < P2S_CAMERAS; c++) {
            vg_keypoint both[2 * J];
            p2s_read_file(both, known, c, i, 2, J);
            for (int w = 0; w < 2; w++) memcpy(kept[w][c], both + w * J, sizeof kept[w][c]);
        }
        assert_ok(vg_people_match(people, f, o, &err));
        for (int w = 0; w < 2; w++) {
            int best = -1, most = 0;
            for (int s = 0; s < S; s++) {
                int same = 0;
                for (int c = 0; c < P2S_CAMERAS; c++)
                    for (int j = 0; j < J; j++) {
                        const vg_keypoint *k = vg_frame_keypoints(o) + (c * S + s) * J + j;
                        same += k->confidence > 0 && k->u == kept[w][c][j].u && k->v == kept[w][c][j].v;
                    }
                if (same > most) most = same, best = s;
            }
            assert_true(best >= 0);
            if (name[w] && name[w] != vg_people_name(people, best)) switches++;
            name[w] = vg_people_name(people, best);
            for (int c = 0; c < P2S_CAMERAS; c++)
                for (int j = 0; j < J; j++) {
                    const vg_keypoint *k = vg_frame_keypoints(o) + (c * S + best) * J + j, *r = kept[w][c] + j;
                    if (!(k->confidence > 0.3f) || !(r->confidence > 0)) continue;
                    given++, right += k->u == r->u && k->v == r->v;
                }
        }
    }
    printf("%d of %d keypoints as in the reference's association, %d switches\n", right, given, switches);
    assert_true(name[0] != name[1]);
    assert_int_equal(switches, 0);
    assert_true(given > 10000 && right >= 0.99 * given);
    vg_people_destroy(people);
    free(f), free(o);
}

static void perceive_takes_frames_without_identity(void **state) {
    (void)state;
    stage s;
    vg_error err = {0};
    setup(&s, 5, 4, 6, 6, 4);
    vg_perception_config config = vg_perception_config_default();
    config.match = true;
    vg_perception *perception;
    assert_ok(vg_perception_create(&perception, &config, s.in->dims, 1, &err));
    const size_t bytes = vg_skeletons_bytes(6, CROWD_JOINTS);
    vg_skeletons *out = calloc(1, bytes), *again = calloc(1, bytes);
    vg_skeletons_init(out, 6, CROWD_JOINTS, 0);
    void *saved = malloc(vg_perception_state_bytes(perception));
    double sum = 0;
    int found = 0;
    for (int i = 0; i < 100; i++) {
        crowd_step(&s.crowd, 0.04), crowd_look(&s.crowd, s.in);
        vg_perception_save_state(perception, 0, saved);
        const long before = allocations;
        assert_ok(vg_perceive(perception, 0, s.in, out, NULL, &err));
        assert_int_equal(allocations, before);
        assert_true(vg_perception_matched(perception, 0)->flags & VG_FRAME_IDENTIFIED);
        for (int w = 0; w < 4 && i >= 10; w++) {
            double least = HUGE_VAL;
            for (int p = 0; p < 6; p++) {
                double e = 0;
                int n = 0;
                for (int j = 0; j < CROWD_JOINTS && vg_skeletons_present(out)[p]; j++) {
                    const vg_joint *k = vg_skeletons_joints(out) + p * CROWD_JOINTS + j;
                    double d[3];
                    for (int r = 0; r < 3; r++) d[r] = (double)k->position[r] - s.crowd.X[w][j][r];
                    if (k->state != VG_JOINT_LOST) e += vg_norm3(d), n++;
                }
                if (n > 10) least = fmin(least, e / n);
            }
            if (least < 0.3) sum += least, found++;
        }
    }
    printf("mean error %.1f mm of %d people\n", 1000 * sum / found, found);
    assert_int_equal(found, 90 * 4);
    assert_true(sum / found < 0.03);
    memcpy(again, out, bytes); /* the last frame again, from the state before it */
    vg_perception_load_state(perception, 0, saved);
    assert_ok(vg_perceive(perception, 0, s.in, out, NULL, &err));
    assert_memory_equal(again, out, bytes);
    free(saved), free(out), free(again);
    vg_perception_destroy(perception);
    teardown(&s);
}

static void nothing_is_allocated_in_a_frame(void **state) {
    (void)state;
    stage s;
    setup(&s, 5, 5, 8, 8, 2);
    for (int i = 0; i < 20; i++) {
        crowd_step(&s.crowd, 0.04), crowd_look(&s.crowd, s.in);
        const long before = allocations;
        match(&s);
        assert_int_equal(allocations, before);
    }
    teardown(&s);
}

static void wrong_settings_and_frames_are_named(void **state) {
    (void)state;
    vg_error err = {0};
    vg_people *people;
    vg_people_config config = vg_people_config_default();
    config.gate = (double)NAN;
    assert_error(vg_people_create(&people, &config, (vg_dims){2, 2, 14}, 2, &err), VG_INVALID, "gate is");
    config = vg_people_config_default();
    assert_error(vg_people_create(&people, &config, (vg_dims){2, 2, 14}, 0, &err), VG_INVALID, "slots is 0");
    assert_error(vg_people_create(&people, &config, (vg_dims){2, 0, 14}, 2, &err), VG_INVALID, "people is 0");
    stage s;
    setup(&s, 3, 2, 4, 4, 3);
    s.in->dims.joints = 13;
    assert_error(vg_people_match(s.people, s.in, s.out, &err), VG_INVALID, "13 joints");
    s.in->dims.joints = CROWD_JOINTS, s.out->dims.people = 3;
    assert_error(vg_people_match(s.people, s.in, s.out, &err), VG_INVALID, "3 people");
    teardown(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walkers_are_told_apart_and_keep_their_names),
        cmocka_unit_test(both_participants_of_a_real_trial_are_told_apart),
        cmocka_unit_test(perceive_takes_frames_without_identity),
        cmocka_unit_test(nothing_is_allocated_in_a_frame),
        cmocka_unit_test(wrong_settings_and_frames_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
