/* Who is who in cameras whose places are unknown, and what rigs come of it. */
#include "calibration/rig.h"
#include "calibration/sightings.h"
#include "calibration/tracks.h"
#include "perception/identify.h"
#include "tests/perception/crowd.h"
#include "tests/support/support.h"

#include <stdlib.h>

typedef struct recording {
    vg_keypoints k;
    int32_t *whose, *person; /* [detections] the truth, what was found */
    crowd crowd;
} recording;

/* A crowd at 25 pictures a second; who is nearest to a camera, and so the largest, differs from camera to camera. */
static void record(recording *r, int32_t cameras, int32_t persons, int32_t frames, uint32_t stream) {
    *r = (recording){0};
    crowd_begin(&r->crowd, cameras, persons, vg_test_rng(stream));
    r->crowd.opaque = true, r->crowd.mixed = 0.02, r->crowd.room = 0.9;
    const vg_dims dims = {.cameras = cameras, .people = persons, .joints = CROWD_JOINTS};
    vg_frame *f = calloc(1, vg_frame_bytes(dims));
    vg_frame_init(f, dims, 0);
    const size_t most = (size_t)(frames * cameras * persons);
    vg_joint_set_init(&r->k.set, VG_JOINTS_14);
    r->k.cameras = cameras, r->k.frames = frames;
    r->k.first = calloc((size_t)(frames * cameras) + 1, sizeof *r->k.first);
    r->k.points = calloc(most * CROWD_JOINTS, sizeof *r->k.points);
    r->k.names = calloc((size_t)cameras, sizeof *r->k.names);
    r->whose = calloc(most, sizeof *r->whose), r->person = calloc(most, sizeof *r->person);
    for (int32_t c = 0; c < cameras; c++) snprintf(r->k.names[c], sizeof r->k.names[c], "cam_%d", c);
    int64_t n = 0;
    for (int32_t t = 0; t < frames; t++) {
        crowd_step(&r->crowd, 1 / 25.0);
        crowd_look(&r->crowd, f);
        for (int32_t c = 0; c < cameras; c++) {
            for (int32_t i = 0; i < persons; i++) {
                if (r->crowd.whose[c][i] < 0) continue;
                memcpy(r->k.points + n * CROWD_JOINTS, vg_frame_keypoints(f) + (c * persons + i) * CROWD_JOINTS,
                       CROWD_JOINTS * sizeof *r->k.points);
                r->whose[n++] = r->crowd.whose[c][i];
            }
            r->k.first[t * cameras + c + 1] = n;
        }
    }
    free(f);
}

static void recording_free(recording *r) {
    vg_keypoints_free(&r->k);
    free(r->whose), free(r->person);
}

static int64_t detections(const recording *r) {
    return r->k.first[r->k.frames * r->k.cameras];
}

/* Shares of detections that were given a person, and of those the share whose person is mostly who they are. */
static void judge(double *given, double *right, const recording *r, int32_t people) {
    int64_t n = 0, good = 0;
    for (int32_t p = 0; p < people; p++) {
        int64_t count[CROWD_PEOPLE] = {0}, most = 0;
        for (int64_t i = 0; i < detections(r); i++)
            if (r->person[i] == p) count[r->whose[i]]++;
        for (int w = 0; w < CROWD_PEOPLE; w++) n += count[w], most = count[w] > most ? count[w] : most;
        good += most;
    }
    *given = (double)n / (double)detections(r), *right = (double)good / (double)n;
}

/* Cameras placed from the people told apart; the worst distance from the truth, metres, of a ring 5 m in radius. */
static double rig_error(const recording *r) {
    vg_sightings seen = {0};
    vg_camera_set set;
    vg_tracks tracks;
    vg_error err = {0};
    vg_rig_result result;
    const int32_t cameras = r->k.cameras;
    const char *names[VG_MAX_CAMERAS];
    assert_ok(vg_camera_set_create(&set, cameras, &err));
    for (int32_t c = 0; c < cameras; c++) set.camera[c].camera = r->crowd.camera[c], names[c] = r->k.names[c];
    for (int32_t f = 0; f < r->k.frames; f++)
        for (int32_t c = 0; c < cameras; c++)
            for (int64_t i = r->k.first[f * cameras + c]; i < r->k.first[f * cameras + c + 1]; i++)
                for (int32_t j = 0; j < CROWD_JOINTS && r->person[i] >= 0; j++) {
                    const vg_keypoint *p = r->k.points + i * CROWD_JOINTS + j;
                    const vg_sighting s = {.frame = f,
                                           .camera = c,
                                           .person = r->person[i],
                                           .point = j,
                                           .confidence = p->confidence,
                                           .u = (double)p->u,
                                           .v = (double)p->v};
                    if (p->confidence > 0) assert_ok(vg_sightings_add(&seen, &s, &err));
                }
    const vg_tracks_options options = {.min_confidence = 0.3};
    assert_ok(vg_tracks_create(&tracks, &seen, &set, &options, &err));
    vg_rig_options rig = vg_rig_options_default();
    rig.start = false;
    assert_ok(vg_rig_solve(&result, tracks.used, &tracks.bundle, &rig, names, &err));
    const vg_similarity s = vg_rig_align(r->crowd.camera, tracks.bundle.camera, cameras, false);
    vg_rig_move(&tracks.bundle, &s);
    double worst = 0;
    for (int32_t c = 0; c < cameras; c++) {
        double p[3], q[3], d[3];
        vg_mat3_t_mul_vec(p, tracks.bundle.camera[c].R, tracks.bundle.camera[c].t);
        vg_mat3_t_mul_vec(q, r->crowd.camera[c].R, r->crowd.camera[c].t);
        for (int k = 0; k < 3; k++) d[k] = p[k] - q[k];
        worst = fmax(worst, vg_norm3(d));
    }
    vg_tracks_free(&tracks), vg_sightings_free(&seen), vg_camera_set_free(&set);
    return worst;
}

static void cameras_are_placed_by(int32_t cameras, int32_t persons, uint32_t stream) {
    recording r;
    vg_error err = {0};
    int32_t people;
    record(&r, cameras, persons, 150, stream);
    assert_ok(vg_identify(r.person, &people, &r.k, r.crowd.camera, 1, &err));
    double given, right;
    judge(&given, &right, &r, people);
    const double error = people ? rig_error(&r) : (double)INFINITY;
    print_message(
        "%d people, %d cameras: %.0f %% of detections told apart, %.2f %% of those rightly; cameras to %.0f mm\n",
        persons, cameras, 100 * given, 100 * right, 1000 * error);
    assert_true(given > 0.5);
    assert_true(right > 0.97);
    assert_true(error < 0.1);
    recording_free(&r);
}

static void one_person_places_cameras(void **state) {
    (void)state;
    cameras_are_placed_by(4, 1, 1);
}

static void two_people_place_cameras(void **state) {
    (void)state;
    cameras_are_placed_by(4, 2, 2);
}

static void three_people_place_cameras(void **state) {
    (void)state;
    cameras_are_placed_by(5, 3, 3);
}

static void four_people_place_cameras(void **state) {
    (void)state;
    cameras_are_placed_by(6, 4, 4);
}

static void the_largest_person_is_not_the_same_everywhere(void **state) {
    (void)state;
    recording r;
    record(&r, 5, 3, 150, 3);
    int64_t largest[CROWD_PEOPLE] = {0}, all = 0;
    for (int64_t at = 0; at < r.k.frames * r.k.cameras; at++) {
        int64_t best = -1;
        double tallest = 0;
        for (int64_t i = r.k.first[at]; i < r.k.first[at + 1]; i++) {
            double low = 1e9, high = 0;
            for (int32_t j = 0; j < CROWD_JOINTS; j++) {
                const vg_keypoint *p = r.k.points + i * CROWD_JOINTS + j;
                if (p->confidence > 0) low = fmin(low, (double)p->v), high = fmax(high, (double)p->v);
            }
            if (high - low > tallest) tallest = high - low, best = i;
        }
        if (best >= 0) largest[r.whose[best]]++, all++;
    }
    for (int w = 0; w < 3; w++) assert_true(largest[w] < all * 2 / 3); /* what the tests above must do without */
    recording_free(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_person_places_cameras),
        cmocka_unit_test(two_people_place_cameras),
        cmocka_unit_test(three_people_place_cameras),
        cmocka_unit_test(four_people_place_cameras),
        cmocka_unit_test(the_largest_person_is_not_the_same_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
