/* The stages of reconstruct.h, a stretch of frames at a time. */
#include "perception/reconstruct.h"
#include "common/clock.h"
#include "common/transform.h"
#include "perception/reconstruct_who.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STRETCH     512  /* frames triangulated together */
#define NOISE_PRIOR 20   /* observations that the table's noise counts for */
#define LONG_BONE   0.15 /* m; shorter bones say nothing about lost places */
#define BONE_REACH  1.8  /* lengths; joints farther apart are not of one body ... */
#define BONE_EXCESS 0.25 /* m; ... if it is also by this much */
#define NOISE_CUT   60.0 /* px; residuals beyond are no noise */

vg_reconstruct_config vg_reconstruct_config_default(void) {
    return (vg_reconstruct_config){.who = VG_WHO_MAIN,
                                   .people = vg_people_config_default(),
                                   .least_seconds = 0.5,
                                   .confidence = 0.3,
                                   .consensus = vg_consensus_options_default(),
                                   .learn_noise = true,
                                   .hold_bones = true,
                                   .bones = vg_bones_config_default()};
}

vg_reconstruct_config vg_reconstruct_config_pose2sim(void) {
    vg_reconstruct_config config = vg_reconstruct_config_default();
    config.squared_weights = true;
    config.consensus = vg_consensus_options_pose2sim();
    config.hold_bones = false;
    return config;
}

void vg_reconstruction_free(vg_reconstruction *r) {
    for (int32_t p = 0; p < r->people; p++)
        free(r->person[p].points), free(r->person[p].residuals), free(r->person[p].squares);
    free(r->person);
    *r = (vg_reconstruction){0};
}

/* ---- triangulation -------------------------------------------------------------------------------------------------- */

static double weight_of(const vg_keypoint *k, const vg_reconstruct_config *config) {
    const double confidence = (double)k->confidence;
    if (!(confidence >= config->confidence) || !(confidence > 0)) return 0;
    return config->squared_weights ? confidence * confidence : confidence;
}

static vg_status triangulate_person(vg_consensus_point *out, const sights *who, const vg_reconstruction *r,
                                    const vg_camera *cameras, const vg_reconstruct_config *config, vg_error *err) {
    const size_t J = (size_t)r->set.joints, C = (size_t)r->cameras, room = STRETCH * J;
    double *block = malloc(3 * sizeof *block * C * room);
    if (!block) return vg_fail(err, VG_NO_MEMORY, "no memory to triangulate %d frames", STRETCH);
    for (size_t at = 0; at < (size_t)r->frames; at += STRETCH) {
        const size_t frames = (size_t)r->frames - at < STRETCH ? (size_t)r->frames - at : STRETCH, n = frames * J;
        double *u = block, *v = u + C * n, *w = v + C * n;
        for (size_t f = 0; f < frames; f++)
            for (size_t c = 0; c < C; c++)
                for (size_t j = 0; j < J; j++) {
                    const vg_keypoint *k = who->points + ((at + f) * C + c) * J + j;
                    const size_t i = c * n + f * J + j;
                    u[i] = (double)k->u, v[i] = (double)k->v, w[i] = weight_of(k, config);
                }
        vg_triangulate_consensus(out + at * J, cameras, u, v, w, r->cameras, (int32_t)n, &config->consensus);
    }
    free(block);
    return VG_OK;
}

/* ---- how well points fit ----------------------------------------------------------------------------------------------
 */

/* The lens as the consensus took it. */
static void lenses_of(vg_camera *out, const vg_camera *cameras, int32_t count, const vg_reconstruct_config *config) {
    for (int32_t c = 0; c < count; c++) {
        out[c] = cameras[c];
        if (config->consensus.undistort) continue;
        memset(out[c].distortion, 0, sizeof out[c].distortion);
        out[c].lens = VG_LENS_BROWN_CONRADY;
    }
}

/* Updates a point's mean distance in pixels, and in metres, after it was moved. `square` receives the sum of squares. */
static void measure_point(vg_consensus_point *p, double *metres, double *square, const sights *who, size_t frame,
                          size_t joint, const vg_reconstruction *r, const vg_camera *lenses) {
    double sum = 0, ray = 0;
    *square = 0;
    *metres = (double)NAN;
    if (!p->views) return;
    for (size_t c = 0; c < (size_t)r->cameras; c++) {
        double uv[2], depth;
        if (!(p->views >> c & 1)) continue;
        const vg_keypoint *k = who->points + (frame * (size_t)r->cameras + c) * (size_t)r->set.joints + joint;
        vg_project(uv, &depth, NULL, lenses + c, p->x);
        const double distance = hypot(uv[0] - (double)k->u, uv[1] - (double)k->v);
        sum += distance, *square += distance * distance;
        ray += distance * depth / (0.5 * (lenses[c].fx + lenses[c].fy));
    }
    const int views = __builtin_popcount(p->views);
    p->reprojection = sum / views;
    *metres = ray / views;
}

typedef struct noise_sum {
    double square[VG_MAX_JOINTS], observations[VG_MAX_JOINTS];
} noise_sum;

/* A point of V views leaves 2 V - 3 of its 2 V residuals free: each square is scaled up by that. */
static void noise_add(noise_sum *sum, size_t joint, const vg_consensus_point *p, double square) {
    const int views = __builtin_popcount(p->views);
    if (views < 2 || !(square < NOISE_CUT * NOISE_CUT * views)) return;
    sum->square[joint] += square;
    sum->observations[joint] += 2 * views - 3;
}

/* Variance per axis of each joint: what the table says of the detector's, and what this recording shows. */
static void learn_noise(vg_reconstruction *r, const noise_sum *sum, double sigma) {
    for (int32_t j = 0; j < r->set.joints; j++) {
        const double prior = sigma * r->set.noise[j];
        r->noise[j] = sqrt((sum->square[j] + NOISE_PRIOR * prior * prior) / (sum->observations[j] + NOISE_PRIOR));
    }
}

static void scale_covariances(vg_reconstructed *person, const vg_reconstruction *r, double sigma) {
    for (size_t i = 0; i < (size_t)r->frames * (size_t)r->set.joints; i++) {
        const double s = r->noise[i % (size_t)r->set.joints] / sigma;
        for (int k = 0; k < 6; k++) person->points[i].covariance[k] *= s * s;
    }
}

/* ---- bones ------------------------------------------------------------------------------------------------------------ */

static void unpack(double (*x)[3], double (*covariance)[6], const vg_consensus_point *p, int32_t joints) {
    for (int32_t j = 0; j < joints; j++) {
        memcpy(x[j], p[j].x, sizeof x[j]);
        memcpy(covariance[j], p[j].covariance, sizeof covariance[j]);
    }
}

static void learn_bones(vg_reconstructed *person, const vg_reconstruction *r) {
    double x[VG_MAX_JOINTS][3], covariance[VG_MAX_JOINTS][6];
    for (int32_t f = 0; f < r->frames; f++) {
        unpack(x, covariance, person->points + (size_t)f * (size_t)r->set.joints, r->set.joints);
        vg_bones_learn(&person->bones, &r->set, (const double(*)[3])x, (const double(*)[6])covariance);
    }
}

static double trace(const double S[6]) {
    return S[0] + S[3] + S[5];
}

/* Loses joints that cannot be where they are said to be: of the bone that is most too long, the end that is known worse, until
 * none is too long. */
static void drop_impossible(vg_consensus_point *p, const vg_bones *bones, const vg_joint_set *set) {
    for (;;) {
        double worst = 1;
        int32_t bad = -1;
        for (int32_t b = 0; b < set->bones; b++) {
            const vg_bone *bone = set->bone + b;
            const vg_consensus_point *a = p + bone->a, *c = p + bone->b;
            const double learned = bones->length[b],
                         usual = learned > 0 && learned < 1.5 * bone->length ? learned : bone->length;
            const double d[3] = {a->x[0] - c->x[0], a->x[1] - c->x[1], a->x[2] - c->x[2]}, length = vg_norm3(d);
            if (!a->views || !c->views || bone->length < LONG_BONE) continue;
            const double excess = fmin(length / (BONE_REACH * usual), length / (usual + BONE_EXCESS));
            if (excess > worst) worst = excess, bad = trace(a->covariance) > trace(c->covariance) ? bone->a : bone->b;
        }
        if (bad < 0) return;
        p[bad].views = 0;
        for (int k = 0; k < 3; k++) p[bad].x[k] = (double)NAN;
        for (int k = 0; k < 6; k++) p[bad].covariance[k] = (double)NAN;
    }
}

static void hold_bones(vg_reconstructed *person, const vg_reconstruction *r, const vg_bones_config *config) {
    double x[VG_MAX_JOINTS][3], covariance[VG_MAX_JOINTS][6];
    for (int32_t f = 0; f < r->frames; f++) {
        vg_consensus_point *p = person->points + (size_t)f * (size_t)r->set.joints;
        drop_impossible(p, &person->bones, &r->set);
        unpack(x, covariance, p, r->set.joints);
        vg_bones_hold(x, (const double(*)[6])covariance, &person->bones, &r->set, config);
        for (int32_t j = 0; j < r->set.joints; j++) memcpy(p[j].x, x[j], sizeof x[j]);
    }
}

/* ---- the whole ---------------------------------------------------------------------------------------------------------- */

static void measure_person(vg_reconstructed *person, noise_sum *noise, const sights *who, const vg_reconstruction *r,
                           const vg_camera *lenses) {
    const size_t J = (size_t)r->set.joints;
    for (size_t i = 0; i < (size_t)r->frames * J; i++) {
        measure_point(person->points + i, person->residuals + i, person->squares + i, who, i / J, i % J, r, lenses);
        if (noise) noise_add(noise, i % J, person->points + i, person->squares[i]);
    }
}

static vg_status make_people(vg_reconstruction *r, const cast_list *list, const vg_camera *cameras,
                             const vg_reconstruct_config *config, vg_error *err) {
    const size_t points = (size_t)r->frames * (size_t)r->set.joints;
    vg_camera lenses[VG_MAX_CAMERAS];
    noise_sum noise = {0};
    lenses_of(lenses, cameras, r->cameras, config);
    r->person = calloc((size_t)list->people, sizeof *r->person);
    if (!r->person) return vg_fail(err, VG_NO_MEMORY, "no memory for %d people", list->people);
    for (int32_t p = 0; p < list->people; p++) {
        vg_reconstructed *person = r->person + p;
        person->name = list->person[p].name;
        person->points = calloc(points, sizeof *person->points);
        person->residuals = calloc(points, sizeof *person->residuals);
        person->squares = calloc(points, sizeof *person->squares);
        r->people++;
        if (!person->points || !person->residuals)
            return vg_fail(err, VG_NO_MEMORY, "no memory for %zu points", points);
        const int64_t start = vg_clock_thread_cpu_ns();
        VG_TRY(triangulate_person(person->points, list->person + p, r, cameras, config, err));
        r->seconds += 1e-9 * (double)(vg_clock_thread_cpu_ns() - start);
        measure_person(person, &noise, list->person + p, r, lenses);
    }
    for (int32_t j = 0; j < r->set.joints; j++) r->noise[j] = config->consensus.sigma;
    if (config->learn_noise) learn_noise(r, &noise, config->consensus.sigma);
    for (int32_t p = 0; p < r->people; p++) {
        scale_covariances(r->person + p, r, config->consensus.sigma);
        learn_bones(r->person + p, r);
        if (!config->hold_bones) continue;
        hold_bones(r->person + p, r, &config->bones);
        measure_person(r->person + p, NULL, list->person + p, r, lenses);
    }
    return VG_OK;
}

vg_status vg_reconstruct(vg_reconstruction *out, const vg_keypoints *keypoints, const vg_camera *cameras, double rate,
                         const vg_reconstruct_config *config, vg_error *err) {
    *out = (vg_reconstruction){.set = keypoints->set, .frames = keypoints->frames, .cameras = keypoints->cameras};
    if (keypoints->cameras < 2)
        return vg_fail(err, VG_INVALID, "one camera (%s) cannot place anything; at least two are needed",
                       keypoints->names[0]);
    if (!(rate > 0 && rate <= 1e5))
        return vg_fail(err, VG_INVALID, "rate is %g frames a second; it must be above 0, to 100000", rate);
    cast_list list;
    VG_TRY(reconstruct_who(&list, keypoints, cameras, rate, config, err));
    out->left_out = list.left_out;
    const vg_status status = make_people(out, &list, cameras, config, err);
    cast_list_free(&list);
    if (status != VG_OK) vg_reconstruction_free(out);
    return status;
}

void vg_reconstruction_fit(vg_fit *fit, const vg_reconstruction *r, int32_t person, const int32_t *joints,
                           int32_t count) {
    for (int32_t f = 0; f < r->frames; f++)
        for (int32_t i = 0; i < count; i++) {
            const size_t at = (size_t)f * (size_t)r->set.joints + (size_t)joints[i];
            const vg_consensus_point *p = r->person[person].points + at;
            const int views = __builtin_popcount(p->views);
            if (views == 0) {
                fit->lost++;
                continue;
            }
            if (fit->errors) fit->errors[fit->points] = p->reprojection;
            fit->points++, fit->removed += p->removed, fit->unused += r->cameras - views;
            fit->error += p->reprojection, fit->square += r->person[person].squares[at], fit->observations += views;
        }
}

vg_status vg_reconstruction_motion(vg_motion *out, const vg_reconstruction *r, int32_t person, const int32_t *joints,
                                   int32_t count, double rate, vg_error *err) {
    VG_TRY(vg_motion_create(out, r->frames, count, rate, err));
    const vg_status status = vg_motion_add_covariances(out, err);
    if (status != VG_OK) {
        vg_motion_free(out);
        return status;
    }
    for (int32_t i = 0; i < count; i++) snprintf(out->names[i], VG_MOTION_NAME, "%s", r->set.names[joints[i]]);
    for (size_t f = 0; f < (size_t)r->frames; f++)
        for (size_t i = 0; i < (size_t)count; i++) {
            const size_t from = f * (size_t)r->set.joints + (size_t)joints[i], to = f * (size_t)count + i;
            const vg_consensus_point *p = r->person[person].points + from;
            if (!p->views) continue;
            memcpy(out->positions + 3 * to, p->x, sizeof p->x);
            memcpy(out->covariances + 6 * to, p->covariance, sizeof p->covariance);
            out->residuals[to] = r->person[person].residuals[from];
        }
    return VG_OK;
}
