/* What a rig's calibration says of itself: text, JSON, files. */
#include "cli/calibrate_rig.h"

#include "common/text.h"

#include <math.h>
#include <string.h>

#define NOT_LEVEL (2 * VG_PI / 180) /* a floor whose tilt is known no better rests on people's uprightness */

static void place_of(double out[3], const vg_camera *c) {
    vg_mat3_t_mul_vec(out, c->R, c->t);
    for (int k = 0; k < 3; k++) out[k] = -out[k];
}

/* ---- files ------------------------------------------------------------------------------------------------------------------------ */

/* Corners of rigid boards as points. */
static void write_row(FILE *out, const rig_job *job, int32_t k, const char *point, const double X[3],
                      const double *covariance) {
    fprintf(out, "%lld,%d,%s", (long long)job->tracks.frame[k], job->tracks.person[k], point);
    char text[VG_NUMBER_SIZE];
    for (int j = 0; j < 3; j++) fprintf(out, ",%s", vg_number_text(text, X[j]));
    for (int j = 0; j < 3; j++) fprintf(out, ",%s", covariance ? vg_number_text(text, sqrt(covariance[4 * j])) : "");
    fputc('\n', out);
}

static vg_status write_points(const rig_job *job, vg_error *err) {
    vg_file file;
    const vg_tracks *t = &job->tracks;
    VG_TRY(vg_file_create(&file, job->request->points_out, err));
    fputs("frame,person,point,x,y,z,sd_x,sd_y,sd_z\n", file.stream); /* metres */
    for (int32_t k = 0; k < t->bundle.structures; k++) {
        if (t->bundle.board) {
            for (int32_t i = 0; i < t->corners && isfinite(t->bundle.board[k].t[0]); i++) {
                double X[3];
                vg_rigid_apply(X, t->bundle.board + k, t->corner + 3 * i);
                write_row(file.stream, job, k, job->seen.points.name[t->corner_point[i]], X, NULL);
            }
        } else if (isfinite(t->bundle.point[3 * k])) {
            write_row(file.stream, job, k, job->seen.points.name[t->point[k]], t->bundle.point + 3 * k,
                      job->has_covariance && job->covariance.structure && !job->request->scene
                          ? job->covariance.structure + 9 * (size_t)k
                          : NULL);
        }
    }
    return vg_file_commit(&file, err);
}

vg_status rig_write(const rig_job *job, vg_error *err) {
    VG_TRY(vg_calibration_write(job->request->out, &job->set, VG_CALIBRATION_AUTO, err));
    return job->request->points_out ? write_points(job, err) : VG_OK;
}

/* ---- text --------------------------------------------------------------------------------------------------------------------------- */

static void print_checks(const rig_job *job) {
    if (job->squares.count) {
        printf("board: adjacent corners %.2f mm, sd %.2f, of %.2f mm (%lld, each placed by the cameras alone); ",
               1000 * job->squares.mean, 1000 * job->squares.sd, 1000 * job->squares.expected,
               (long long)job->squares.count);
        printf("corners lie %.2f mm off their plane\n", 1000 * job->flatness);
    }
    if (job->scene.checked)
        printf(
            "scene: points placed by cameras fitted without them land %.1f mm off on average, %.1f at worst (%lld)\n",
            1000 * job->scene.check_mean, 1000 * job->scene.check_worst, (long long)job->scene.checked);
    if (job->ground.steps)
        printf("floor: %lld foot positions, %.1f mm off one plane; level to %.1f deg (sd)%s; people lean %.1f deg\n",
               (long long)job->ground.steps, 1000 * job->ground.flatness, job->ground.tilt_sd * 180 / VG_PI,
               job->ground.tilt_sd > NOT_LEVEL ? ", as people stand upright: walk over more of it" : "",
               job->ground.lean * 180 / VG_PI);
}

void rig_print(const rig_job *job) {
    const vg_rig_result *r = &job->result;
    const vg_tracks *t = &job->tracks;
    printf("%d cameras, %lld frames, %d %s, %lld sightings, %lld used; %.1f s\n", t->bundle.cameras,
           (long long)t->frames, r->structures, t->bundle.board ? "boards" : "points", (long long)r->sightings,
           (long long)r->used, job->seconds);
    if (isfinite(r->start_px))
        printf("the start given: median %.2f px; %s\n", r->start_px,
               r->from_start ? "adjusted from there" : "replaced by places found from the points alone");
    printf("reprojection: median %.3f px, rms %.3f px over those used, %.3f px over all; noise %.3f px; lenses %s\n",
           r->median_px, r->rms_px, r->rms_all_px, r->noise_px, r->lens_refined ? "refined" : "kept");
    printf("scale by %s\n\n%-16s %9s %9s %8s %8s %8s %8s %26s %8s %8s\n", job->scale_by, "camera", "sightings", "used",
           "rms px", "median", "covers", "bias px", "stands at, m", "sd mm", "sd deg");
    for (int32_t c = 0; c < t->bundle.cameras; c++) {
        const vg_camera_report *p = job->report + c;
        double place[3];
        place_of(place, t->bundle.camera + c);
        printf("%-16s %9lld %9lld %8.3f %8.3f %7.0f%% %8.2f %8.3f %8.3f %8.3f %8.2f %8.3f\n", job->names[c],
               (long long)p->sightings, (long long)p->used, p->rms_px, p->median_px, 100 * p->coverage, p->bias_px,
               place[0], place[1], place[2], 1000 * p->place_sd, p->turn_sd * 180 / VG_PI);
    }
    putchar('\n');
    print_checks(job);
    printf("%s\n", job->request->out);
}

/* ---- JSON --------------------------------------------------------------------------------------------------------------------------- */

static json_t *cameras_json(const rig_job *job) {
    json_t *out = json_array();
    for (int32_t c = 0; c < job->tracks.bundle.cameras; c++) {
        const vg_camera_report *p = job->report + c;
        double place[3];
        place_of(place, job->tracks.bundle.camera + c);
        json_array_append_new(
            out,
            json_pack("{s:s,s:I,s:I,s:i,s:o,s:o,s:o,s:o,s:[o,o,o],s:o,s:o}", "name", job->names[c], "sightings",
                      (json_int_t)p->sightings, "used", (json_int_t)p->used, "lag_frames", job->lag[c].frames, "rms_px",
                      vg_json_number(p->rms_px), "median_px", vg_json_number(p->median_px), "coverage",
                      vg_json_number(p->coverage), "bias_px", vg_json_number(p->bias_px), "place_m",
                      vg_json_number(place[0]), vg_json_number(place[1]), vg_json_number(place[2]), "place_sd_mm",
                      vg_json_number(1000 * p->place_sd), "turn_sd_deg", vg_json_number(p->turn_sd * 180 / VG_PI)));
    }
    return out;
}

static json_t *checks_json(const rig_job *job) {
    json_t *out = json_object();
    if (job->squares.count)
        json_object_set_new(out, "squares_mm",
                            json_pack("{s:I,s:o,s:o,s:o,s:o}", "count", (json_int_t)job->squares.count, "mean",
                                      vg_json_number(1000 * job->squares.mean), "sd",
                                      vg_json_number(1000 * job->squares.sd), "expected",
                                      vg_json_number(1000 * job->squares.expected), "flatness",
                                      vg_json_number(1000 * job->flatness)));
    if (job->scene.checked)
        json_object_set_new(out, "scene_mm",
                            json_pack("{s:I,s:o,s:o}", "count", (json_int_t)job->scene.checked, "mean",
                                      vg_json_number(1000 * job->scene.check_mean), "worst",
                                      vg_json_number(1000 * job->scene.check_worst)));
    if (job->ground.steps)
        json_object_set_new(out, "floor",
                            json_pack("{s:I,s:o,s:o,s:o}", "steps", (json_int_t)job->ground.steps, "flatness_mm",
                                      vg_json_number(1000 * job->ground.flatness), "tilt_sd_deg",
                                      vg_json_number(job->ground.tilt_sd * 180 / VG_PI), "lean_deg",
                                      vg_json_number(job->ground.lean * 180 / VG_PI)));
    return out;
}

json_t *rig_json(const rig_job *job) {
    const vg_rig_result *r = &job->result;
    return json_pack("{s:i,s:I,s:i,s:I,s:I,s:o,s:s,s:b,s:{s:o,s:o,s:o},s:o,s:{s:o,s:s},s:o,s:o,s:o,s:s}", "cameras",
                     job->tracks.bundle.cameras, "frames", (json_int_t)job->tracks.frames,
                     job->tracks.bundle.board ? "boards" : "points", r->structures, "sightings",
                     (json_int_t)r->sightings, "used", (json_int_t)r->used, "start_px", vg_json_number(r->start_px),
                     "from", r->from_start ? "start" : "points", "lens_refined", r->lens_refined, "reprojection_px",
                     "median", vg_json_number(r->median_px), "rms", vg_json_number(r->rms_px), "rms_all",
                     vg_json_number(r->rms_all_px), "noise_px", vg_json_number(r->noise_px), "scale", "factor",
                     vg_json_number(job->scale), "by", job->scale_by, "per_camera", cameras_json(job), "checks",
                     checks_json(job), "seconds", vg_json_number(job->seconds), "out", job->request->out);
}
