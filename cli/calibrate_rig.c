/* Cameras placed from 2D points: the steps of `calibrate extrinsics` and `calibrate bundle`. */
#include "cli/calibrate_rig.h"

#include "common/clock.h"
#include "common/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define KEYPOINT_CONFIDENCE 0.3
#define SCENE_THRESHOLD     10.0 /* px; scene points are picked by hand */

rig_request rig_request_default(void) {
    return (rig_request){.min_confidence = -1, .seed = 1, .every = 1, .origin_frame = -1};
}

/* ---- what was asked for ------------------------------------------------------------------------------------------------------ */

static vg_status one_of(const char *option, const char *word, const char *const *words, size_t count, vg_error *err) {
    if (!word) return VG_OK;
    char list[160] = "";
    for (size_t i = 0; i < count; i++) {
        if (strcmp(word, words[i]) == 0) return VG_OK;
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? ", " : "", words[i]);
    }
    return vg_fail(err, VG_INVALID, "--%s is `%.40s`; it must be one of %s", option, word, list);
}

static vg_status check_request(const rig_request *r, vg_error *err) {
    static const char *const corners[] = {"rigid", "free"}, *const lenses[] = {"keep", "auto", "focal", "all"};
    static const char *const floors[] = {"feet", "board"};
    if (!r->calibration)
        return vg_fail(err, VG_INVALID, "--calibration is missing: name the file that has the cameras' lenses");
    if (!r->points == !r->footage.count)
        return vg_fail(err, VG_INVALID,
                       r->points ? "give --points or pictures, not both"
                                 : "--points is missing: name the 2D points (a CSV file, or OpenPose folders)");
    if (!r->out) return vg_fail(err, VG_INVALID, "--out is missing: name the calibration to write");
    VG_TRY(one_of("corners", r->corners, corners, 2, err));
    VG_TRY(one_of("lens", r->lens, lenses, 4, err));
    VG_TRY(one_of("floor", r->floor, floors, 2, err));
    if (r->floor && strcmp(r->floor, "board") == 0 && r->origin_frame < 0)
        return vg_fail(err, VG_INVALID,
                       "--floor board needs --origin-frame N: the frame in which the board lies on the "
                       "floor");
    return VG_OK;
}

static vg_rig_options options_of(const rig_request *r) {
    vg_rig_options o = vg_rig_options_default();
    const char *lens = r->lens ? r->lens : r->start ? "auto" : "keep";
    o.start = r->start, o.keep_all = r->keep_all, o.threshold_px = r->threshold_px, o.seed = r->seed;
    o.shared_lens = r->shared_lens, o.lens_if_better = strcmp(lens, "auto") == 0;
    o.lens = strcmp(lens, "keep") == 0 ? 0 : strcmp(lens, "all") == 0 ? VG_LENS_ALL : VG_LENS_FOCAL | VG_LENS_K1;
    if (strcmp(lens, "focal") == 0) o.lens = VG_LENS_FOCAL;
    return o;
}

static void say(void *context, const char *text) {
    (void)context;
    fprintf(stderr, "%s\n", text);
}

/* ---- the steps ---------------------------------------------------------------------------------------------------------------- */

static vg_status read_all(rig_job *job, vg_error *err) {
    const rig_request *r = job->request;
    VG_TRY(calibrate_read(&job->set, r->calibration, &r->reading, err));
    VG_TRY(rig_read_points(job, err));
    VG_TRY(vg_sightings_match(&job->seen, &job->set, err));
    vg_error doubt = {0}; /* the stated size may be what is wrong */
    if (vg_sightings_check(&job->seen, &job->set, &doubt) != VG_OK) fprintf(stderr, "warning: %s\n", doubt.message);
    if (r->scene && !job->has_board)
        return vg_fail(err, VG_INVALID,
                       "%s: scene points need their places: columns world_x, world_y, world_z, in metres", r->points);
    const bool rigid = !r->scene && (r->corners ? strcmp(r->corners, "rigid") == 0 : job->has_board);
    const vg_tracks_options options = {.boards = rigid,
                                       .one_weight = job->has_board,
                                       .min_confidence = r->min_confidence >= 0 ? r->min_confidence
                                                         : job->has_board       ? 0
                                                                                : KEYPOINT_CONFIDENCE};
    VG_TRY(vg_tracks_create(&job->tracks, &job->seen, &job->set, &options, err));
    for (int32_t i = 0; i < job->tracks.bundle.cameras; i++)
        job->names[i] = job->set.camera[job->tracks.camera_at[i]].name;
    if (job->tracks.bundle.cameras < job->set.cameras)
        fprintf(stderr, "%d of the calibration's %d cameras have no points; they are left out\n",
                job->set.cameras - job->tracks.bundle.cameras, job->set.cameras);
    return VG_OK;
}

/* The start: places that the file has. A camera that it does not place makes the whole start worthless. */
static bool has_start(const rig_job *job) {
    for (int32_t i = 0; i < job->tracks.bundle.cameras; i++)
        if (!job->set.camera[job->tracks.camera_at[i]].placed) return false;
    return job->request->start;
}

/* Covariance over what was used, scaled by the residuals that are left. Where it cannot be had, the report says nothing of
 * it. */
static void find_covariance(rig_job *job) {
    vg_bundle b = job->tracks.bundle;
    vg_bundle_sighting *sighting = malloc(((size_t)b.sightings + 1) * sizeof *sighting);
    if (!sighting) return;
    for (int32_t i = 0; i < b.sightings; i++) {
        sighting[i] = b.sighting[i];
        if (!job->tracks.used[i]) sighting[i].weight = 0;
    }
    b.sighting = sighting;
    vg_bundle_options options = vg_bundle_options_default();
    if (job->result.lens_refined) options.lens = options_of(job->request).lens, options.lens_prior = 2;
    options.shared_lens = job->request->shared_lens, options.hold_structures = job->request->scene;
    vg_error ignored = {0};
    job->has_covariance =
        vg_bundle_covariances(&job->covariance, &b, &options, job->result.variance, &ignored) == VG_OK;
    free(sighting);
}

/* Among known points: they stay. */
static vg_status solve_scene(rig_job *job, vg_error *err) {
    const rig_request *r = job->request;
    vg_tracks *t = &job->tracks;
    for (size_t i = 0; i < job->seen.count; i++)
        for (int32_t k = 0; k < t->bundle.structures; k++)
            if (t->point[k] == job->seen.sighting[i].point)
                memcpy(t->bundle.point + 3 * k, job->seen.sighting[i].board, 3 * sizeof(double));
    for (int32_t k = 0; k < t->bundle.structures; k++)
        if (!isfinite(t->bundle.point[3 * k] + t->bundle.point[3 * k + 1] + t->bundle.point[3 * k + 2]))
            return vg_fail(err, VG_INVALID, "scene point %s has no place: columns world_x, world_y, world_z, in metres",
                           job->seen.points.name[t->point[k]]);
    const vg_scene_options options = {.threshold_px = r->threshold_px > 0 ? r->threshold_px : SCENE_THRESHOLD,
                                      .lens = r->lens ? options_of(r).lens : 0,
                                      .shared_lens = r->shared_lens,
                                      .seed = r->seed};
    VG_TRY(vg_scene_solve(&job->scene, t->used, &t->bundle, &options, job->names, err));
    job->result = (vg_rig_result){.lens_refined = options.lens != 0,
                                  .start_px = (double)NAN,
                                  .rms_px = job->scene.rms_px,
                                  .variance = job->scene.variance,
                                  .sightings = t->bundle.sightings,
                                  .used = job->scene.used,
                                  .structures = t->bundle.structures};
    vg_rig_distances(&job->result, &t->bundle);
    job->scale_by = "the scene points", job->flatness = (double)NAN;
    return VG_OK;
}

static vg_status solve(rig_job *job, vg_error *err) {
    if (job->request->scene) return solve_scene(job, err);
    vg_rig_options options = options_of(job->request);
    options.start = has_start(job), options.say = say;
    return vg_rig_solve(&job->result, job->tracks.used, &job->tracks.bundle, &options, job->names, err);
}

/* Says which cameras are out of step. Places found from such points alone would be wrong, so that is an error there. */
static vg_status check_steps(rig_job *job, vg_error *err) {
    const rig_request *r = job->request;
    const vg_bundle *b = &job->tracks.bundle;
    char text[400] = "";
    int32_t late = 0;
    VG_TRY(vg_rig_lags(job->lag, &job->tracks, fmax(3 * job->result.rms_px, 2), r->seed, err));
    for (int32_t c = 0; c < b->cameras && strlen(text) < 300; c++) {
        const vg_camera_lag *l = job->lag + c;
        if (l->frames == 0) continue;
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 "%s%s runs %d frame%s %s (%.0f %% of its points agree so, %.0f %% as they are)", late++ ? ", " : "",
                 job->names[c], abs(l->frames), abs(l->frames) == 1 ? "" : "s", l->frames > 0 ? "late" : "early",
                 100 * l->share, 100 * l->share_now);
    }
    if (!late) return VG_OK;
    static const char *const mend =
        "bring the cameras into step first (`vergence sync` tells and mends offsets of keypoints)";
    if (!r->start && !r->allow_lag)
        return vg_fail(err, VG_FAILED, "cameras are out of step: %s; %s, or give --allow-lag", text, mend);
    fprintf(stderr, "warning: cameras are out of step: %s; %s\n", text, mend);
    return VG_OK;
}

static void put_back(rig_job *job) {
    for (int32_t i = 0; i < job->tracks.bundle.cameras; i++) {
        vg_named_camera *c = job->set.camera + job->tracks.camera_at[i];
        c->camera = job->tracks.bundle.camera[i];
        c->placed = true, c->error_px = job->report[i].rms_px, c->error_metres = (double)NAN;
    }
    int32_t kept = 0;
    for (int32_t i = 0; i < job->tracks.bundle.cameras; i++)
        job->set.camera[kept++] = job->set.camera[job->tracks.camera_at[i]];
    job->set.cameras = kept;
    job->set.error_px = job->result.rms_px;
    if (job->has_floor || job->request->scene) job->set.z_up = true;
}

static vg_status run(rig_job *job, vg_error *err) {
    const int64_t began = vg_clock_now_ns();
    VG_TRY(check_request(job->request, err));
    VG_TRY(read_all(job, err));
    VG_TRY(solve(job, err));
    if (!job->request->scene) VG_TRY(check_steps(job, err));
    if (!job->request->scene) VG_TRY(rig_choose_world(job, err));
    find_covariance(job);
    vg_rig_report(job->report, &job->tracks.bundle, job->tracks.used, job->has_covariance ? &job->covariance : NULL);
    put_back(job);
    VG_TRY(rig_write(job, err));
    job->seconds = (double)(vg_clock_now_ns() - began) * 1e-9;
    return VG_OK;
}

int rig_run(const rig_request *request) {
    vg_error err = {0};
    rig_job *job = calloc(1, sizeof *job);
    if (!job) return vg_report_error(vg_fail(&err, VG_NO_MEMORY, "calibrate: out of memory"), &err);
    job->request = request, job->scale = 1;
    const vg_status status = run(job, &err);
    if (status == VG_OK && request->json) vg_json_print(rig_json(job));
    if (status == VG_OK && !request->json) rig_print(job);
    vg_camera_set_free(&job->set);
    vg_sightings_free(&job->seen);
    vg_tracks_free(&job->tracks), vg_tracks_free(&job->corners);
    vg_bundle_covariance_free(&job->covariance);
    free(job);
    return status == VG_OK ? VG_EXIT_OK : vg_report_error(status, &err);
}
