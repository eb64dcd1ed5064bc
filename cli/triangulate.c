/* vergence triangulate: a calibration and a folder of keypoints to motion files. */
#include "cli/cli.h"
#include "cli/people_picture.h"

#include "common/text.h"
#include "common/transform.h"
#include "perception/armature.h"
#include "perception/clocks.h"
#include "perception/filters.h"
#include "perception/reconstruct.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LONG_GAP                                                                                                       \
    1.0 /* s; among several people losses are mostly occlusions, and people mostly stay: filled up to this */

/* What the words on the command line say. */
typedef struct plan {
    const char *calibration, *calibration_unit, *keypoints, *people, *preset, *model, *joints, *frames, *axes, *unit,
        *report, *sync;
    vg_texts out, filters, pairs, turned;
    double fps, confidence, threshold, cutoff;
    int32_t gaps, least_views;
    bool allow_missing, no_bones, json;
    bool pose2sim; /* the preset */
} plan;

/* One run's results. */
typedef struct outcome {
    vg_keypoints keypoints;
    vg_camera cameras[VG_MAX_CAMERAS];
    vg_reconstruction people;
    int32_t joints[VG_MAX_JOINTS], count; /* those written */
    vg_motion *motion;                    /* [people] all joints, metres, z up */
    double fps;                           /* of the result */
    int64_t filled, kept;                 /* points that gap filling made; rotations kept through losses */
    vg_fit fit;
    double median;      /* px */
    int64_t moved_lost; /* keypoints that were lost between pictures by --sync */
    json_t *files;
} outcome;

/* ---- reading ------------------------------------------------------------------------------------------------------- */

static vg_status read_rule(const char *name, int32_t *out, vg_error *err) {
    static const char *const rules[] = {"equal", "common", "all"};
    for (int32_t i = 0; i < 3; i++)
        if (strcmp(name, rules[i]) == 0) {
            *out = i;
            return VG_OK;
        }
    return vg_fail(err, VG_INVALID, "--frames is `%.40s`; it must be equal, common or all", name);
}

/* Warns of what is suspicious; a wrong unit of length is an error, for nothing would come out right. */
static vg_status check_calibration(const plan *p, const vg_camera_set *set, vg_error *err) {
    vg_finding findings[32];
    int32_t count = vg_calibration_check(findings, 32, set, NULL);
    if (count > 32) count = 32;
    for (int32_t i = 0; i < count; i++) {
        if (findings[i].kind == VG_FINDING_UNIT && !p->calibration_unit)
            return vg_fail(err, VG_INVALID, "%s: %s (--calibration-unit m, cm or mm says what it is)", p->calibration,
                           findings[i].message);
        fprintf(stderr, "vergence: %s: %s\n", p->calibration, findings[i].message);
    }
    if (!set->z_up)
        fprintf(stderr, "vergence: %s does not say which way is up; its z axis is taken for that\n", p->calibration);
    return VG_OK;
}

static vg_status read_calibration(const plan *p, vg_camera_set *set, vg_error *err) {
    static const double metres[] = {1, 1e-3, 1e-2};
    vg_calibration_options options = {0};
    vg_unit unit;
    if (p->calibration_unit) {
        if (!vg_unit_parse(p->calibration_unit, &unit))
            return vg_fail(err, VG_INVALID, "--calibration-unit is `%.40s`; it must be m, cm or mm",
                           p->calibration_unit);
        options.unit_metres = metres[unit];
    }
    VG_TRY(vg_calibration_read(p->calibration, &options, set, err));
    const vg_status status = check_calibration(p, set, err);
    if (status != VG_OK) vg_camera_set_free(set);
    return status;
}

/* Keypoints brought onto one time by the clocks file, at --fps or as many a second as the reference camera. */
static vg_status synchronise(const plan *p, outcome *o, bool all, vg_error *err) {
    vg_clocks clocks;
    vg_keypoints moved;
    vg_resampled report[VG_MAX_CAMERAS];
    VG_TRY(vg_clocks_read(p->sync, &clocks, err));
    o->fps = p->fps > 0 ? p->fps : clocks.camera[clocks.reference].fps;
    const vg_status status = vg_keypoints_resample(&moved, report, &o->keypoints, &clocks, o->fps, all, err);
    if (status != VG_OK) return vg_fail_context(err, status, "%s", p->sync);
    for (int32_t c = 0; c < clocks.cameras; c++)
        if (isnan(clocks.camera[c].offset))
            fprintf(stderr, "vergence: %s does not know the clock of `%s`: that camera takes no part\n", p->sync,
                    clocks.camera[c].name);
    int64_t kept = 0;
    for (int32_t c = 0; c < o->keypoints.cameras; c++) kept += report[c].kept, o->moved_lost += report[c].lost;
    fprintf(stderr, "vergence: %s: %d instants, %g a second; of %lld keypoints %lld were lost between pictures\n",
            p->sync, moved.frames, o->fps, (long long)(kept + o->moved_lost), (long long)o->moved_lost);
    vg_keypoints_free(&o->keypoints);
    o->keypoints = moved;
    return VG_OK;
}

/* Without a clocks file, frame f of all cameras is one instant; times in the files that contradict are told. */
static void warn_of_times(const outcome *o) {
    const vg_keypoints *k = &o->keypoints;
    double low = (double)INFINITY, high = 0;
    for (int32_t c = 0; c < k->cameras; c++) {
        const double rate = vg_keypoints_rate(k, c);
        if (rate > 0) low = fmin(low, rate), high = fmax(high, rate);
    }
    if (high > 1.01 * low)
        fprintf(stderr,
                "vergence: the cameras have %.4g to %.4g pictures a second, but frames are taken for simultaneous; "
                "`vergence sync --offsets FILE` and --sync FILE bring them to one time\n",
                low, high);
}

/* Keypoints of turned pictures, back into the pictures as they were calibrated. */
static vg_status turn_back(const plan *p, vg_keypoints *k, const vg_camera_set *set, vg_error *err) {
    const char *names[VG_MAX_CAMERAS];
    for (int32_t c = 0; c < k->cameras; c++) names[c] = k->names[c];
    VG_TRY(vg_turns_check("turned", &p->turned, names, (size_t)k->cameras, err));
    for (int32_t c = 0; c < k->cameras; c++) {
        int32_t quarter;
        VG_TRY(vg_turn_of(&quarter, "turned", &p->turned, names[c], err));
        const int32_t at = quarter ? vg_camera_set_match(set, names[c]) : -1;
        if (quarter && (at < 0 || set->camera[at].camera.width <= 0))
            return vg_fail(err, VG_INVALID, "--turned %s: the calibration does not say how large its pictures are",
                           names[c]);
        if (quarter) vg_keypoints_turn_back(k, c, quarter, set->camera[at].camera.width, set->camera[at].camera.height);
    }
    return VG_OK;
}

static vg_status read_inputs(const plan *p, outcome *o, vg_error *err) {
    vg_keypoints_options options = {0};
    vg_joint_set set;
    vg_camera_set calibration;
    VG_TRY(read_rule(p->frames, &options.frames, err));
    const bool all = options.frames == VG_FRAMES_ALL;
    if (p->sync) options.frames = VG_FRAMES_ALL;
    o->fps = p->fps;
    if (p->model) {
        vg_joint_set_kind kind;
        VG_TRY(vg_joint_set_parse(p->model, &kind, err));
        vg_joint_set_init(&set, kind);
        options.set = &set;
    }
    VG_TRY(read_calibration(p, &calibration, err));
    vg_status status = vg_keypoints_read(p->keypoints, &options, &o->keypoints, err);
    if (status == VG_OK && p->sync)
        status = synchronise(p, o, all, err);
    else if (status == VG_OK)
        warn_of_times(o);
    if (status == VG_OK) status = turn_back(p, &o->keypoints, &calibration, err);
    if (status == VG_OK)
        status = vg_keypoints_cameras(o->cameras, &o->keypoints, &calibration, p->pairs.text, p->pairs.count,
                                      p->allow_missing, err);
    vg_camera_set_free(&calibration);
    return status;
}

/* --joints: body, all, or names. */
static vg_status choose_joints(const plan *p, outcome *o, vg_error *err) {
    const vg_joint_set *set = &o->keypoints.set;
    if (strcmp(p->joints, "body") == 0) {
        o->count = vg_joint_set_body(set, o->joints);
        return VG_OK;
    }
    if (strcmp(p->joints, "all") == 0) {
        for (o->count = 0; o->count < set->joints; o->count++) o->joints[o->count] = o->count;
        return VG_OK;
    }
    for (vg_span rest = {p->joints, strlen(p->joints)}; rest.at;) {
        char name[VG_JOINT_NAME];
        vg_span_copy(name, sizeof name, vg_span_trim(vg_span_field(&rest, ',')));
        const int32_t j = vg_joint_set_find_name(set, name);
        if (j < 0 || o->count == VG_MAX_JOINTS) {
            const char *names[VG_MAX_JOINTS];
            for (int32_t i = 0; i < set->joints; i++) names[i] = set->names[i];
            const char *near = vg_nearest(name, names, (size_t)set->joints);
            return vg_fail(err, VG_INVALID, "--joints: %s has no joint `%s`; %s%s", set->name, name,
                           near ? "did you mean " : "its joints are named like ", near ? near : names[0]);
        }
        o->joints[o->count++] = j;
    }
    return VG_OK;
}

/* ---- reconstruction and filters -------------------------------------------------------------------------------------- */

/* Detectors differ in what they call sure: where half of what one saw is less than twice the threshold, the threshold is half
 * of that. */
static void fit_confidence(vg_reconstruct_config *config, const vg_keypoints *keypoints) {
    const double usual = vg_keypoints_confidence(keypoints), scale = 0.5 * usual / config->confidence;
    if (!(usual > 0 && scale < 1)) return;
    fprintf(stderr, "vergence: half of the confidences are below %.3g: keypoints above %.3g take part\n", usual,
            scale * config->confidence);
    config->confidence *= scale, config->people.confidence *= scale;
}

static vg_status config_of(const plan *p, vg_reconstruct_config *config, const vg_keypoints *keypoints, vg_error *err) {
    *config = p->pose2sim ? vg_reconstruct_config_pose2sim() : vg_reconstruct_config_default();
    if (strcmp(p->people, "1") == 0)
        config->who = p->pose2sim ? VG_WHO_NECK : VG_WHO_MAIN;
    else if (strcmp(p->people, "all") == 0)
        config->who = VG_WHO_ALL;
    else if (strcmp(p->people, "associated") == 0)
        config->who = VG_WHO_ASSOCIATED;
    else
        return vg_fail(err, VG_INVALID, "--people is `%.40s`; it must be 1, all or associated", p->people);
    if (p->confidence >= 0)
        config->confidence = p->confidence;
    else if (!p->pose2sim)
        fit_confidence(config, keypoints);
    if (p->threshold > 0) config->consensus.threshold = p->threshold;
    config->consensus.min_views = p->least_views;
    if (p->no_bones) config->hold_bones = false;
    return VG_OK;
}

/* Points that are there, of the joints written. */
static int64_t found_points(const vg_motion *m, const outcome *o) {
    int64_t found = 0;
    for (size_t f = 0; f < (size_t)m->frames; f++)
        for (int32_t i = 0; i < o->count; i++)
            found += !isnan(m->positions[3 * (f * (size_t)m->points + (size_t)o->joints[i])]);
    return found;
}

static vg_status filter_person(const plan *p, vg_motion *m, const outcome *o, int64_t *filled, vg_error *err) {
    vg_filter_config config = p->pose2sim ? vg_filter_config_pose2sim() : vg_filter_config_default();
    config.kind = VG_FILTER_NONE, config.hampel_window = 0;
    const bool everybody = strcmp(p->people, "all") == 0;
    config.fill_gaps = p->gaps >= 0 ? p->gaps : p->pose2sim ? 9 : p->filters.count > 0 || everybody ? 10 : 0;
    if (p->gaps < 0 && everybody && !p->pose2sim) config.fill_lines = (int32_t)(LONG_GAP * p->fps);
    const int64_t before = found_points(m, o);
    if (config.fill_gaps > 0) VG_TRY(vg_filter_motion(m, &config, err));
    *filled += found_points(m, o) - before;
    config.fill_gaps = config.fill_lines = 0;
    if (p->cutoff > 0) config.cutoff = p->cutoff;
    for (size_t i = 0; i < p->filters.count; i++) {
        config.kind = VG_FILTER_NONE, config.hampel_window = 0;
        if (strcmp(p->filters.text[i], "hampel") == 0)
            config.hampel_window = 7;
        else
            VG_TRY(vg_filter_kind_parse(p->filters.text[i], &config.kind, err));
        VG_TRY(vg_filter_motion(m, &config, err));
    }
    return VG_OK;
}

static int compare_doubles(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static vg_status measure(outcome *o, vg_error *err) {
    const size_t points = (size_t)o->people.people * (size_t)o->people.frames * (size_t)o->count;
    o->fit.errors = malloc(sizeof *o->fit.errors * (points + 1));
    if (!o->fit.errors) return vg_fail(err, VG_NO_MEMORY, "no memory for %zu points", points);
    for (int32_t i = 0; i < o->people.people; i++) vg_reconstruction_fit(&o->fit, &o->people, i, o->joints, o->count);
    qsort(o->fit.errors, (size_t)o->fit.points, sizeof *o->fit.errors, compare_doubles);
    const size_t half = (size_t)o->fit.points / 2;
    o->median = o->fit.points == 0       ? (double)NAN
                : o->fit.points % 2 == 1 ? o->fit.errors[half]
                                         : 0.5 * (o->fit.errors[half - 1] + o->fit.errors[half]);
    return VG_OK;
}

/* The limbs' lengths over those of an adult of 1.75 m, on average. */
static void warn_of_scale(const outcome *o) {
    const vg_joint_set *set = &o->people.set;
    double sum = 0, n = 0;
    for (int32_t i = 0; i < o->people.people; i++)
        for (int32_t b = 0; b < set->bones; b++) {
            const double length = o->people.person[i].bones.length[b];
            if (length > 0 && set->bone[b].length > 0.2) sum += length / set->bone[b].length, n++;
        }
    if (n > 0 && (sum / n > 1.7 || sum / n < 0.5))
        fprintf(stderr, "vergence: bones are %.3g times as long as an adult's; is the calibration's scale right?\n",
                sum / n);
}

static vg_status reconstruct(const plan *p, outcome *o, vg_error *err) {
    vg_reconstruct_config config;
    VG_TRY(config_of(p, &config, &o->keypoints, err));
    VG_TRY(choose_joints(p, o, err));
    VG_TRY(vg_reconstruct(&o->people, &o->keypoints, o->cameras, o->fps, &config, err));
    VG_TRY(measure(o, err));
    warn_of_scale(o);
    if (o->fit.points == 0)
        return vg_fail(
            err, VG_FAILED,
            "no joint could be placed in any frame: the views never agree to %g px; do calibration and keypoints "
            "belong together, and are the cameras synchronised?",
            config.consensus.threshold);
    o->motion = calloc((size_t)o->people.people, sizeof *o->motion);
    if (!o->motion) return vg_fail(err, VG_NO_MEMORY, "no memory for %d people", o->people.people);
    for (int32_t i = 0; i < o->people.people; i++) {
        int32_t all[VG_MAX_JOINTS];
        for (int32_t j = 0; j < o->people.set.joints; j++) all[j] = j;
        VG_TRY(vg_reconstruction_motion(o->motion + i, &o->people, i, all, o->people.set.joints, o->fps, err));
        VG_TRY(filter_person(p, o->motion + i, o, &o->filled, err));
        for (int32_t f = 0; p->pose2sim && f < o->motion[i].frames; f++) o->motion[i].times[f] = (f + 1) / o->fps;
    }
    return VG_OK;
}

static void outcome_free(outcome *o) {
    for (int32_t i = 0; o->motion && i < o->people.people; i++) vg_motion_free(o->motion + i);
    free(o->motion), free(o->fit.errors);
    vg_reconstruction_free(&o->people);
    vg_keypoints_free(&o->keypoints);
    json_decref(o->files);
}

/* ---- writing ----------------------------------------------------------------------------------------------------------- */

static bool ends_with(const char *path, const char *ending) {
    const size_t n = strlen(path), e = strlen(ending);
    return n > e && strcasecmp(path + n - e, ending) == 0;
}

/* The chosen joints of `people` people from `first` on in one motion; named "P1:LKnee" where `prefixed`. */
static vg_status gather(vg_motion *out, const outcome *o, int32_t first, int32_t people, bool prefixed, vg_error *err) {
    const vg_motion *from = o->motion + first;
    const size_t count = (size_t)o->count, frames = (size_t)from->frames, all = (size_t)people * count;
    VG_TRY(vg_motion_create(out, from->frames, people * o->count, from->rate, err));
    vg_status status = vg_motion_add_covariances(out, err);
    if (status != VG_OK) {
        vg_motion_free(out);
        return status;
    }
    memcpy(out->times, from->times, frames * sizeof *out->times);
    for (size_t i = 0; i < all; i++) {
        const size_t person = i / count, joint = (size_t)o->joints[i % count];
        const vg_motion *m = from + person;
        if (prefixed)
            snprintf(out->names[i], VG_MOTION_NAME, "P%d:%s", first + (int)person + 1, m->names[joint]);
        else
            snprintf(out->names[i], VG_MOTION_NAME, "%s", m->names[joint]);
        for (size_t f = 0; f < frames; f++) {
            const size_t to = f * all + i, at = f * (size_t)m->points + joint;
            memcpy(out->positions + 3 * to, m->positions + 3 * at, 3 * sizeof *out->positions);
            memcpy(out->covariances + 6 * to, m->covariances + 6 * at, 6 * sizeof *out->covariances);
            out->residuals[to] = m->residuals[at];
        }
    }
    return VG_OK;
}

static void note_file(outcome *o, const char *path, const char *unit, const char *axes) {
    json_array_append_new(o->files, json_pack("{s:s,s:s,s:s}", "path", path, "unit", unit, "axes", axes));
}

static vg_status write_bvh(outcome *o, const char *path, int32_t person, vg_unit unit, vg_error *err) {
    vg_bvh bvh;
    int64_t kept;
    vg_motion *m = o->motion + person;
    vg_motion_convert(m, VG_UNIT_METRE, VG_AXES_Y_UP);
    vg_status status = vg_bvh_from_motion(&bvh, m, unit, &kept, err);
    vg_motion_convert(m, VG_UNIT_METRE, VG_AXES_Z_UP);
    VG_TRY(status);
    status = vg_bvh_write(path, &bvh, err);
    vg_bvh_free(&bvh);
    o->kept += kept;
    if (status == VG_OK) note_file(o, path, vg_unit_name(unit), "y-up");
    return status;
}

/* People `first` to `first + people - 1` to one file. */
static vg_status write_file(const plan *p, outcome *o, const char *path, int32_t first, int32_t people, bool prefixed,
                            vg_error *err) {
    const bool trc = ends_with(path, ".trc"), bvh = ends_with(path, ".bvh");
    vg_axes axes = trc ? VG_AXES_Y_UP_YZX : VG_AXES_Z_UP;
    vg_unit unit = ends_with(path, ".c3d") ? VG_UNIT_MILLIMETRE : bvh ? VG_UNIT_CENTIMETRE : VG_UNIT_METRE;
    vg_motion m;
    if (p->axes && !vg_axes_parse(p->axes, &axes))
        return vg_fail(err, VG_INVALID, "--frame is `%.40s`; it must be z-up, y-up, y-up-yzx or y-down", p->axes);
    if (p->unit && !vg_unit_parse(p->unit, &unit))
        return vg_fail(err, VG_INVALID, "--unit is `%.40s`; it must be m, cm or mm", p->unit);
    if (bvh) return write_bvh(o, path, first, unit, err);
    VG_TRY(gather(&m, o, first, people, prefixed, err));
    vg_motion_convert(&m, unit, axes);
    const vg_status status = vg_motion_write(path, &m, err);
    vg_motion_free(&m);
    if (status == VG_OK) note_file(o, path, vg_unit_name(unit), vg_axes_name(axes));
    return status;
}

/* PATH, or PATH_P2.trc for the second of several people. */
static void person_path(char out[VG_PATH_MAX], const char *path, int32_t person) {
    const char *dot = strrchr(path, '.');
    snprintf(out, VG_PATH_MAX, "%.*s_P%d%s", (int)(dot - path), path, person + 1, dot);
}

static vg_status check_outputs(const plan *p, vg_error *err) {
    static const char *const endings[] = {".trc", ".c3d", ".bvh", ".csv", ".jsonl", ".json"};
    for (size_t i = 0; i < p->out.count; i++) {
        size_t k = 0;
        while (k < 6 && !ends_with(p->out.text[i], endings[k])) k++;
        if (k == 6 || strlen(p->out.text[i]) > VG_PATH_MAX - 32)
            return vg_fail(err, VG_INVALID, "--out is `%.200s`; it must end in .trc, .c3d, .bvh, .csv or .jsonl",
                           p->out.text[i]);
    }
    return VG_OK;
}

static vg_status write_all(const plan *p, outcome *o, vg_error *err) {
    const bool several = strcmp(p->people, "1") != 0;
    o->files = json_array();
    for (size_t i = 0; i < p->out.count; i++) {
        const char *path = p->out.text[i];
        const bool own_files = several && (ends_with(path, ".trc") || ends_with(path, ".bvh"));
        if (!own_files) VG_TRY(write_file(p, o, path, 0, o->people.people, several, err));
        for (int32_t person = 0; own_files && person < o->people.people; person++) {
            char own[VG_PATH_MAX];
            person_path(own, path, person);
            const vg_status status = write_file(p, o, own, person, 1, false, err);
            if (status != VG_INVALID || !ends_with(path, ".bvh"))
                VG_TRY(status);
            else /* one of several who was never seen whole */
                fprintf(stderr, "vergence: %s is not written: %s\n", own, err->message);
        }
    }
    if (!p->report) return VG_OK;
    VG_TRY(vg_people_picture(p->report, o->motion, o->people.people, &o->people.set, err));
    note_file(o, p->report, "m", "picture");
    return VG_OK;
}

/* ---- telling ------------------------------------------------------------------------------------------------------------ */

/* Mean and standard deviation of the bones between written joints, as written. */
static json_t *bones_json(const outcome *o, int32_t person) {
    const vg_joint_set *set = &o->people.set;
    const vg_motion *m = o->motion + person;
    bool written[VG_MAX_JOINTS] = {false};
    json_t *out = json_object();
    for (int32_t i = 0; i < o->count; i++) written[o->joints[i]] = true;
    for (int32_t b = 0; b < set->bones; b++) {
        const int32_t a = set->bone[b].a, c = set->bone[b].b;
        if (!written[a] || !written[c]) continue;
        double sum = 0, square = 0, n = 0;
        for (int32_t f = 0; f < m->frames; f++) {
            const double *x = m->positions + 3 * ((size_t)f * (size_t)m->points);
            const double d[3] = {x[3 * a] - x[3 * c], x[3 * a + 1] - x[3 * c + 1], x[3 * a + 2] - x[3 * c + 2]};
            const double length = 1000 * vg_norm3(d);
            if (!isnan(length)) sum += length, square += length * length, n++;
        }
        if (n == 0) continue;
        char name[2 * VG_JOINT_NAME];
        snprintf(name, sizeof name, "%s-%s", set->names[a], set->names[c]);
        json_object_set_new(out, name,
                            json_pack("{s:o,s:o}", "mean", vg_json_number(sum / n), "sd",
                                      vg_json_number(sqrt(fmax(square / n - sum / n * sum / n, 0)))));
    }
    return out;
}

static void tell(const plan *p, outcome *o) {
    const vg_fit *fit = &o->fit;
    const double n = (double)fit->points, mean = fit->error / n, rms = sqrt(fit->square / (double)fit->observations);
    const double all = (double)o->people.frames * o->people.set.joints * o->people.people;
    if (!p->json) {
        printf("%d frames, %d %s (%s, %d joints), %lld points, %lld lost, %lld filled\n"
               "reprojection: mean %.2f px, median %.2f, rms %.2f; cameras left out: %.2f a point\n",
               o->people.frames, o->people.people, o->people.people == 1 ? "person" : "people", o->people.set.name,
               o->count, (long long)fit->points, (long long)fit->lost, (long long)o->filled, mean, o->median, rms,
               (double)fit->unused / n);
        size_t i;
        const json_t *file;
        json_array_foreach(o->files, i, file)
            printf("wrote %s (%s, %s)\n", json_string_value(json_object_get(file, "path")),
                   json_string_value(json_object_get(file, "unit")), json_string_value(json_object_get(file, "axes")));
        return;
    }
    json_t *bones = json_array();
    for (int32_t i = 0; i < o->people.people; i++) json_array_append_new(bones, bones_json(o, i));
    json_t *noise = json_object();
    for (int32_t i = 0; i < o->count; i++)
        json_object_set_new(noise, o->people.set.names[o->joints[i]], vg_json_number(o->people.noise[o->joints[i]]));
    vg_json_print(json_pack(
        "{s:i,s:i,s:I,s:I,s:{s:o,s:o,s:o},s:o,s:o,s:o,s:I,s:I,s:i,s:s,s:f,s:o,s:o,s:O}", "frames", o->people.frames,
        "people", o->people.people, "points", (json_int_t)fit->points, "lost", (json_int_t)fit->lost, "reprojection_px",
        "mean", vg_json_number(mean), "median", vg_json_number(o->median), "rms", vg_json_number(rms),
        "points_per_second", vg_json_number(all / o->people.seconds), "cameras_removed",
        vg_json_number((double)fit->unused / n), "cameras_rejected", vg_json_number((double)fit->removed / n), "filled",
        (json_int_t)o->filled, "rotations_kept", (json_int_t)o->kept, "people_left_out", o->people.left_out, "model",
        o->people.set.name, "fps", o->fps, "noise_px", noise, "bones_mm", bones, "files", o->files));
}

/* ---- the command --------------------------------------------------------------------------------------------------------- */

static vg_status check_plan(plan *p, vg_error *err) {
    if (!p->calibration) return vg_fail(err, VG_INVALID, "--calibration is needed: the cameras' file");
    if (!p->keypoints)
        return vg_fail(err, VG_INVALID, "--keypoints is needed: a folder of OpenPose folders, or a CSV file");
    p->pose2sim = p->preset && strcmp(p->preset, "pose2sim") == 0;
    if (p->preset && !p->pose2sim) return vg_fail(err, VG_INVALID, "--preset is `%.40s`; there is pose2sim", p->preset);
    for (size_t i = 0; i < p->filters.count; i++) {
        int32_t kind;
        if (strcmp(p->filters.text[i], "hampel") != 0) VG_TRY(vg_filter_kind_parse(p->filters.text[i], &kind, err));
    }
    if (p->fps <= 0 && !p->sync) {
        p->fps = 60;
        fprintf(stderr, "vergence: 60 frames a second are assumed; --fps says otherwise\n");
    }
    return check_outputs(p, err);
}

int vg_cmd_triangulate(int argc, char **argv) {
    plan p = {.people = "1", .joints = "body", .frames = "equal", .confidence = -1, .gaps = -1, .least_views = 2};
    const vg_option options[] = {
        {"calibration", VG_OPTION_TEXT, &p.calibration, 0, 0, "FILE", "cameras, in any format of docs/calibration.md"},
        {"keypoints", VG_OPTION_TEXT, &p.keypoints, 0, 0, "DIR",
         "a folder with one OpenPose folder a camera, or a CSV file"},
        {"out", VG_OPTION_LIST, &p.out, 0, 0, "FILE", ".trc .c3d .bvh .csv .jsonl; may be given several times"},
        {"people", VG_OPTION_TEXT, &p.people, 0, 0, "WHO",
         "1: the main person; all; associated: by the files' order (1)"},
        {"preset", VG_OPTION_TEXT, &p.preset, 0, 0, "NAME", "pose2sim: that program's method, settings and axes"},
        {"calibration-unit", VG_OPTION_TEXT, &p.calibration_unit, 0, 0, "UNIT",
         "of the calibration file: m, cm, mm (as it says)"},
        {"fps", VG_OPTION_REAL, &p.fps, 0.01, 1e5, "N", "frames a second (60; with --sync: the reference's)"},
        {"model", VG_OPTION_TEXT, &p.model, 0, 0, "NAME", "joint set of the keypoints (found from their number)"},
        {"joints", VG_OPTION_TEXT, &p.joints, 0, 0, "NAMES", "what is written: body, all, or names with commas (body)"},
        {"filter", VG_OPTION_LIST, &p.filters, 0, 0, "KIND",
         "hampel, butterworth, kalman, one-euro, gaussian, median; in the order given (none)"},
        {"cutoff", VG_OPTION_REAL, &p.cutoff, 1e-3, 1e5, "HZ", "of butterworth and one-euro (6)"},
        {"gaps", VG_OPTION_INT, &p.gaps, 0, 1e6, "FRAMES",
         "longest gap that is filled (10 with a filter, a second for all, else 0)"},
        {"confidence", VG_OPTION_REAL, &p.confidence, 0, 1, "C",
         "keypoints below take no part (0.3; less where half of them are below 0.6)"},
        {"threshold", VG_OPTION_REAL, &p.threshold, 0.01, 1e4, "PX", "views agree where their mean error is below"},
        {"min-cameras", VG_OPTION_INT, &p.least_views, 2, VG_MAX_CAMERAS, "N", "fewer views: lost (2)"},
        {"no-bones", VG_OPTION_FLAG, &p.no_bones, 0, 0, "", "do not hold bones to their learned lengths"},
        {"frames", VG_OPTION_TEXT, &p.frames, 0, 0, "RULE",
         "where cameras' frames differ: equal (an error), common, all"},
        {"sync", VG_OPTION_TEXT, &p.sync, 0, 0, "FILE",
         "what `vergence sync --offsets` wrote: cameras' keypoints are brought onto one time first"},
        {"camera", VG_OPTION_LIST, &p.pairs, 0, 0, "A=B", "keypoints A belong to calibrated camera B"},
        {"turned", VG_OPTION_LIST, &p.turned, 0, 0, "CAMERA=N",
         "keypoints are of pictures turned by N quarter turns clockwise after calibration"},
        {"allow-missing", VG_OPTION_FLAG, &p.allow_missing, 0, 0, "", "calibrated cameras may lack keypoints"},
        {"frame", VG_OPTION_TEXT, &p.axes, 0, 0, "AXES",
         "z-up, y-up, y-up-yzx, y-down (y-up-yzx for .trc, else z-up; .bvh is y-up)"},
        {"unit", VG_OPTION_TEXT, &p.unit, 0, 0, "UNIT", "m, cm, mm (mm for .c3d, cm for .bvh, else m)"},
        {"report", VG_OPTION_TEXT, &p.report, 0, 0, "FILE.svg", "a picture of the result"},
        {"json", VG_OPTION_FLAG, &p.json, 0, 0, "", "print JSON"},
        {0}};
    const vg_usage usage = {"vergence triangulate --calibration FILE --keypoints DIR --out FILE [OPTIONS]",
                            "People in 3D over time from calibrated cameras' 2D keypoints.", options, 0};
    int code;
    if (!vg_options_begin(&usage, argc, argv, NULL, &code)) return code;
    vg_error err = {0};
    vg_status status = check_plan(&p, &err);
    if (status != VG_OK) {
        vg_report_error(status, &err);
        return VG_EXIT_USAGE;
    }
    outcome *o = calloc(1, sizeof *o);
    status = o ? read_inputs(&p, o, &err) : vg_fail(&err, VG_NO_MEMORY, "no memory");
    if (status == VG_OK) status = reconstruct(&p, o, &err);
    if (status == VG_OK) status = write_all(&p, o, &err);
    if (status == VG_OK) tell(&p, o);
    if (o) outcome_free(o);
    free(o);
    return status == VG_OK ? VG_EXIT_OK : vg_report_error(status, &err);
}
