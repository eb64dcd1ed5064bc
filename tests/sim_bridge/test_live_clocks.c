/* A live world whose cameras are processes with clocks of their own, skewed, drifting, and heard after delays that differ and
 * jitter: people's motion tells how far the clocks are off, the skeletons lie nearer to the truth for it, and the stream does
 * not jump. Two worlds hear the same streams, one of which may not correct its clocks. */
#include "calibration/files.h"
#include "common/clock.h"
#include "common/transform.h"
#include "perception/capture.h"
#include "proto/proto.h"
#include "sim_bridge/live/publish.h"
#include "tests/support/allocations.h"
#include "tests/support/film.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static vg_error err;

enum { CAMERAS = 4, PEOPLE = 3, RATE = 60, LATE = 3 /* s before skeletons are judged */, JUDGED = 2 };

/* How each camera is heard. Shortest delays differ by up to 45 ms. */
static const struct {
    double delay, jitter, skew, drift, phase; /* s, s, s, seconds a second, s */
} heard[CAMERAS] = {{0.005, 0.002, 0, 0, 0},
                    {0.050, 0.010, 1000, 5e-5, 0.002},
                    {0.025, 0.004, -86400.5, -5e-5, 0.004},
                    {0.010, 0.003, 7, 0, 0.001}};

static film_people people;
static char endpoints[CAMERAS * 300], calibration[4300];

static void write_calibration(void) {
    vg_camera_set set;
    snprintf(calibration, sizeof calibration, "%s/rig.toml", vg_test_folder());
    assert_ok(vg_camera_set_create(&set, CAMERAS, &err));
    for (int32_t c = 0; c < CAMERAS; c++) {
        snprintf(set.camera[c].name, sizeof set.camera[c].name, "cam%d", c + 1);
        set.camera[c].placed = true, set.camera[c].camera = people.camera[c];
    }
    assert_ok(vg_calibration_write(calibration, &set, VG_CALIBRATION_POSE2SIM, &err));
    vg_camera_set_free(&set);
}

/* One camera's process: publishes until it is killed, or the film ends. */
static void film_camera_process(int32_t c, const char *endpoint, int64_t began) {
    vg_keypoint_publisher *publisher;
    vg_rng rng = vg_rng_at(7, (uint32_t)c, 0, VG_DRAW_TEST);
    vg_keypoint points[PEOPLE * FILM_JOINTS];
    if (vg_keypoint_publisher_open(&publisher, endpoint, &err) != VG_OK) _exit(1);
    int64_t sent = 0;
    for (int32_t f = 0; f < people.frames * RATE / FILM_RATE; f++) {
        const double t = (double)f / RATE + heard[c].phase;
        const int64_t taken = began + (int64_t)(t * 1e9);
        const double u = (double)vg_rng_range(&rng, 1e-4f, 1), late = heard[c].delay - heard[c].jitter * log(u);
        vg_wire_keypoints k = {.joints = FILM_JOINTS, .keypoints = points, .joint_set = "vergence14"};
        k.time_ns = (int64_t)((double)taken * (1 + heard[c].drift) + heard[c].skew * 1e9);
        k.people = film_see(points, &people, &people.camera[c], t, 2, &rng);
        snprintf(k.camera, sizeof k.camera, "cam%d", c + 1);
        snprintf(k.clock, sizeof k.clock, "clock %d", c + 1);
        const int64_t due = taken + (int64_t)(late * 1e9);
        sent = due > sent ? due : sent;
        vg_clock_sleep_until_ns(sent);
        if (vg_rng_below(&rng, 50) == 0) continue; /* lost on the way */
        if (vg_keypoint_publish(publisher, c, &k, &err) != VG_OK) _exit(1);
    }
    _exit(0);
}

typedef struct listener {
    vg_world *world;
    vg_capture *capture;
    vg_frame *frame;
    vg_skeletons *skeletons;
    int64_t frames;
    double biggest_step; /* s between frames, less a period */
    vg_skeletons *kept[JUDGED * RATE * 2];
    int32_t count;
} listener;

static void listener_open(listener *l, double refine_seconds) {
    vg_world_config c = vg_world_config_default();
    c.kind = "live", c.endpoint = endpoints, c.calibration = calibration, c.people = PEOPLE, c.rate_hz = RATE;
    c.joint_set = "vergence14", c.patience_seconds = 0.2, c.refine_seconds = refine_seconds;
    *l = (listener){0};
    assert_ok(vg_world_open(&l->world, &c, &err));
    const vg_dims d = l->world->info.dims;
    vg_capture_config capture = vg_capture_config_default();
    assert_ok(vg_capture_create(&l->capture, &capture, d, "vergence14", &err));
    l->frame = calloc(1, vg_frame_bytes(d)), l->skeletons = calloc(1, vg_skeletons_bytes(d.people, d.joints));
    vg_frame_init(l->frame, d, 0), vg_skeletons_init(l->skeletons, d.people, d.joints, 0);
}

static void listener_close(listener *l) {
    vg_world_close(l->world), vg_capture_destroy(l->capture);
    free(l->frame), free(l->skeletons);
    for (int32_t i = 0; i < l->count; i++) free(l->kept[i]);
}

static void listen_once(listener *l, bool keep) {
    const vg_command stand = {.cameras = CAMERAS};
    const uint64_t last = l->frame->frame_id;
    const int64_t before = l->frame->time_ns;
    assert_ok(vg_world_step(l->world, 0, 1, &stand, l->frame, &err));
    if (l->frame->frame_id == last) return;
    assert_true(l->frame->time_ns > before || l->frames == 0);
    assert_ok(vg_capture_step(l->capture, l->frame, l->skeletons, &err));
    const long allocated = allocations;
    vg_world_observe(l->world, vg_capture_matched(l->capture));
    assert_int_equal(allocations, allocated);
    l->frames++;
    if (!keep || l->count == JUDGED * RATE * 2) return;
    vg_skeletons *copy = malloc(l->skeletons->bytes);
    memcpy(copy, l->skeletons, l->skeletons->bytes);
    l->kept[l->count++] = copy;
}

/* Mean distance of joints `from` to `to` from those of the nearest true person, mm, at the common shift of time that suits
 * best. */
static double error_mm(const listener *l, int64_t began, int32_t from, int32_t to) {
    double best = (double)INFINITY;
    for (double shift = -0.12; shift <= 0.05; shift += 0.004) {
        double sum = 0, n = 0;
        for (int32_t i = 0; i < l->count; i += 3) {
            const vg_skeletons *s = l->kept[i];
            const double t = (double)(s->time_ns - began) * 1e-9 + shift;
            for (int32_t p = 0; p < s->people; p++) {
                double nearest = (double)INFINITY;
                if (!vg_skeletons_present(s)[p]) continue;
                for (int32_t q = 0; q < PEOPLE; q++) {
                    double d = 0, count = 0;
                    for (int32_t j = from; j <= to; j++) {
                        const vg_joint *joint = &vg_skeletons_joints(s)[p * FILM_JOINTS + j];
                        double X[3];
                        if (joint->state == VG_JOINT_LOST) continue;
                        film_at(X, &people, q, j, t);
                        for (int a = 0; a < 3; a++) X[a] -= (double)joint->position[a];
                        d += vg_norm3(X), count++;
                    }
                    if (count > 0) nearest = fmin(nearest, d / count);
                }
                if (isfinite(nearest)) sum += nearest, n++;
            }
        }
        best = fmin(best, 1000 * sum / n);
    }
    return best;
}

/* The largest difference between two cameras' corrected clocks, ms: a correction should take back the shortest delay. */
static double apart_ms(const listener *l) {
    vg_world_report r;
    double low = (double)INFINITY, high = -(double)INFINITY;
    assert_true(vg_world_sources(l->world, &r));
    const double now = (double)vg_clock_now_ns() * 1e-9;
    for (int32_t c = 0; c < CAMERAS; c++) { /* what is added to its times, less what should be */
        const double own = now * (1 + heard[c].drift) + heard[c].skew,
                     off = own + r.camera[c].clock_offset_seconds - now;
        low = fmin(low, off), high = fmax(high, off);
    }
    return 1000 * (high - low);
}

static void clocks_of_processes_are_corrected_by_motion(void **state) {
    (void)state;
    pid_t child[CAMERAS];
    listener with, without;
    film_walk(&people, PEOPLE, CAMERAS, LATE + JUDGED + 60, 3);
    write_calibration();
    const int64_t began = vg_clock_now_ns() + 500000000;
    for (int32_t c = 0; c < CAMERAS; c++) {
        char endpoint[300];
        snprintf(endpoint, sizeof endpoint, "ipc://%s/cam%d", vg_test_folder(), c + 1);
        snprintf(endpoints + strlen(endpoints), sizeof endpoints - strlen(endpoints), "%s ", endpoint);
        fflush(NULL);
        child[c] = fork();
        if (child[c] == 0) film_camera_process(c, endpoint, began);
    }
    listener_open(&with, 0.1), listener_open(&without, 0);
    double told = 0;
    for (double t = 0; t < LATE + JUDGED;) {
        listen_once(&with, t > LATE), listen_once(&without, t > LATE);
        t = (double)(vg_clock_now_ns() - began) * 1e-9;
        if (t < told + 2) continue;
        told = t;
        printf("after %.0f s: clocks up to %.1f ms apart, %.1f without geometry\n", t, apart_ms(&with),
               apart_ms(&without));
    }
    for (int32_t c = 0; c < CAMERAS; c++) kill(child[c], SIGKILL);
    for (int32_t c = 0; c < CAMERAS; c++) waitpid(child[c], NULL, 0);
    const double all[2] = {error_mm(&with, began, 0, FILM_JOINTS - 1), error_mm(&without, began, 0, FILM_JOINTS - 1)};
    const double feet[2] = {error_mm(&with, began, VG_L_ANKLE, VG_R_ANKLE),
                            error_mm(&without, began, VG_L_ANKLE, VG_R_ANKLE)};
    printf("joints %.1f mm off the truth, %.1f without geometry; ankles %.1f and %.1f; %d and %d frames\n", all[0],
           all[1], feet[0], feet[1], (int)with.frames, (int)without.frames);
    assert_true(apart_ms(&with) < 10 && apart_ms(&without) > 25);
    assert_true(all[0] < all[1] && feet[0] < feet[1]);
    vg_world_report r;
    assert_true(vg_world_sources(with.world, &r));
    for (int32_t c = 0; c < CAMERAS; c++) assert_true(r.camera[c].clock_sigma_seconds < 0.02);
    listener_close(&with), listener_close(&without);
    free(people.place);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks_of_processes_are_corrected_by_motion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
