/* vergence sync: how far the clocks of cameras are off against one another, from the keypoints of people who move. */
#include "cli/cli.h"

#include "common/text.h"
#include "perception/clocks.h"
#include "perception/openpose.h"
#include "perception/sync.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DOUBTFUL 0.5 /* confidence */

typedef struct plan {
    const char *keypoints, *calibration, *model, *out, *offsets;
    vg_texts pairs, fps;
    vg_sync_options options;
    bool json;
} plan;

/* What was found, and what became of the keypoints. */
typedef struct outcome {
    vg_sync_result sync;
    vg_clocks clocks;
    vg_resampled moved[VG_MAX_CAMERAS];
    int32_t frames; /* written */
} outcome;

/* ---- rates ------------------------------------------------------------------------------------------------------------ */

/* --fps N, or CAMERA=N. */
static vg_status read_fps(double *fps, const vg_keypoints *k, const char *text, vg_error *err) {
    const char *equals = strrchr(text, '='), *number = equals ? equals + 1 : text;
    double value;
    bool known = !equals;
    const bool good = vg_span_double((vg_span){number, strlen(number)}, &value) && value >= 0.01 && value <= 1e5;
    for (int32_t c = 0; good && c < k->cameras; c++)
        if (!equals || vg_span_is((vg_span){text, (size_t)(equals - text)}, k->names[c])) fps[c] = value, known = true;
    if (!good)
        return vg_fail(err, VG_INVALID, "--fps %.80s: write a number from 0.01 to 100000, or CAMERA=NUMBER", text);
    if (known) return VG_OK;
    return vg_fail(err, VG_INVALID, "--fps %.80s: no camera of the keypoints has that name; they are called like `%s`",
                   text, k->names[0]);
}

/* Pictures a second of each camera: as stamped, else as told, else 60. */
static vg_status choose_fps(double *fps, const plan *p, const vg_keypoints *k, vg_error *err) {
    bool assumed = false;
    for (int32_t c = 0; c < k->cameras; c++) fps[c] = 0;
    for (int pass = 0; pass < 2; pass++) /* one camera's own word goes before that for all */
        for (size_t i = 0; i < p->fps.count; i++)
            if ((strchr(p->fps.text[i], '=') != NULL) == (pass == 1)) VG_TRY(read_fps(fps, k, p->fps.text[i], err));
    for (int32_t c = 0; c < k->cameras; c++) {
        if (vg_keypoints_stamped(k, c) && vg_keypoints_rate(k, c) > 0) fps[c] = vg_keypoints_rate(k, c);
        if (fps[c] <= 0) fps[c] = 60, assumed = true;
    }
    if (assumed) fprintf(stderr, "vergence: 60 pictures a second are assumed; --fps says otherwise\n");
    return VG_OK;
}

/* ---- keypoints moved in time ----------------------------------------------------------------------------------------- */

static vg_status write_camera(const plan *p, const vg_keypoints *k, int32_t camera, vg_error *err) {
    char folder[VG_PATH_MAX];
    if ((size_t)snprintf(folder, sizeof folder, "%.400s/%s", p->out, k->names[camera]) >= sizeof folder)
        return vg_fail(err, VG_INVALID, "--out %.100s...: the name is too long", p->out);
    if (mkdir(folder, 0777) != 0) {
        if (errno == EEXIST) return vg_fail(err, VG_REFUSED, "%s is there already; choose another --out", folder);
        return vg_fail(err, VG_IO, "%s: cannot make the folder: %m", folder);
    }
    for (int32_t f = 0; f < k->frames; f++) {
        vg_openpose_person people[VG_MAX_PEOPLE];
        int32_t count = vg_keypoints_count(k, f, camera);
        if (count > VG_MAX_PEOPLE) count = VG_MAX_PEOPLE;
        for (int32_t i = 0; i < count; i++) people[i] = (vg_openpose_person){vg_keypoints_at(k, f, camera, i), -1};
        const vg_openpose_picture picture = {.camera = k->names[camera],
                                             .number = k->first_number + f,
                                             .time_seconds = k->times[(int64_t)f * k->cameras + camera],
                                             .joint_set = k->set.name,
                                             .joints = k->set.joints,
                                             .people = count,
                                             .person = people};
        VG_TRY(vg_openpose_write(folder, &picture, err));
    }
    return VG_OK;
}

static vg_status write_moved(const plan *p, const vg_keypoints *k, outcome *o, vg_error *err) {
    vg_keypoints moved;
    VG_TRY(vg_keypoints_resample(&moved, o->moved, k, &o->clocks, o->clocks.camera[0].fps, false, err));
    vg_status status = VG_OK;
    if (mkdir(p->out, 0777) != 0 && errno != EEXIST)
        status = vg_fail(err, VG_IO, "--out %s: cannot make the folder: %m", p->out);
    for (int32_t c = 0; status == VG_OK && c < moved.cameras; c++) status = write_camera(p, &moved, c, err);
    o->frames = moved.frames;
    vg_keypoints_free(&moved);
    return status;
}

/* ---- the report ------------------------------------------------------------------------------------------------------ */

/* JSON's null where a number is not known. */
static json_t *pair_json(const vg_sync_pair *q, const vg_keypoints *k, double fps) {
    json_t *o = json_pack("{s:s, s:s, s:b}", "a", k->names[q->a], "b", k->names[q->b], "used", q->used);
    json_object_set_new(o, "lag", vg_json_number(q->lag * fps));
    json_object_set_new(o, "correlation", vg_json_number(q->correlation));
    json_object_set_new(o, "evidence", vg_json_number(q->evidence));
    json_object_set_new(o, "epipolar_px", vg_json_number(q->epipolar));
    return o;
}

static json_t *camera_json(const plan *p, const vg_keypoints *k, const outcome *o, int32_t c) {
    const vg_sync_result *r = &o->sync;
    json_t *j = json_pack("{s:s}", "name", k->names[c]);
    json_object_set_new(j, "offset_frames", vg_json_number(r->offset[c] * o->clocks.camera[0].fps));
    json_object_set_new(j, "offset_seconds", vg_json_number(r->offset[c]));
    json_object_set_new(j, "sigma_seconds", vg_json_number(r->sigma[c]));
    json_object_set_new(j, "rate", vg_json_number(r->rate[c]));
    json_object_set_new(j, "fps", vg_json_number(o->clocks.camera[c].fps));
    json_object_set_new(j, "correlation", vg_json_number(r->known[c] ? r->correlation[c] : (double)NAN));
    json_object_set_new(j, "confidence", vg_json_number(r->known[c] ? r->confidence[c] : (double)NAN));
    if (p->out && r->known[c]) json_object_set_new(j, "keypoints_lost", json_integer(o->moved[c].lost));
    return j;
}

static void report_json(const plan *p, const vg_keypoints *k, const outcome *o) {
    const double fps = o->clocks.camera[0].fps;
    json_t *cameras = json_array(), *pairs = json_array();
    for (int32_t c = 0; c < k->cameras; c++) json_array_append_new(cameras, camera_json(p, k, o, c));
    for (int32_t i = 0; i < o->sync.pairs; i++) json_array_append_new(pairs, pair_json(&o->sync.pair[i], k, fps));
    json_t *root = json_pack("{s:s, s:f, s:f, s:o, s:o}", "reference", k->names[0], "disagreement_frames",
                             o->sync.disagreement * fps, "disagreement_seconds", o->sync.disagreement, "cameras",
                             cameras, "pairs", pairs);
    if (p->out) json_object_set_new(root, "frames", json_integer(o->frames));
    vg_json_print(root);
}

static void report_text(const plan *p, const vg_keypoints *k, const outcome *o) {
    const vg_sync_result *r = &o->sync;
    printf("%-20s %9s %11s %9s %9s %12s %11s\n", "camera", "frames", "ms", "+- ms", "drift ppm", "correlation",
           "confidence");
    for (int32_t c = 0; c < k->cameras; c++)
        if (r->known[c])
            printf("%-20s %+9.2f %+11.2f %9.2f %+9.1f %12.2f %11.2f\n", k->names[c],
                   r->offset[c] * o->clocks.camera[0].fps, 1000 * r->offset[c], 1000 * r->sigma[c],
                   1e6 * (r->rate[c] - 1), r->correlation[c], r->confidence[c]);
        else
            printf("%-20s %9s  moves in time with no other camera\n", k->names[c], "unknown");
    printf("what happens at time t of %s is at t + offset in a camera; frames are of %g a second; the pairs of\n"
           "cameras disagree by %.2f ms\n",
           k->names[0], o->clocks.camera[0].fps, 1000 * r->disagreement);
    if (p->offsets) printf("%s  for `vergence triangulate --sync`\n", p->offsets);
    if (!p->out) return;
    int64_t kept = 0, lost = 0;
    for (int32_t c = 0; c < k->cameras; c++) kept += o->moved[c].kept, lost += o->moved[c].lost;
    printf("%s  %d frames that all cameras have; %lld keypoints, %lld lost between pictures\n", p->out, o->frames,
           (long long)kept, (long long)lost);
}

/* ---- the command ----------------------------------------------------------------------------------------------------- */

static vg_status read_cameras(const plan *p, vg_camera *cameras, const vg_keypoints *k, vg_error *err) {
    vg_camera_set set;
    VG_TRY(vg_calibration_read(p->calibration, NULL, &set, err));
    const vg_status status = vg_keypoints_cameras(cameras, k, &set, p->pairs.text, p->pairs.count, true, err);
    vg_camera_set_free(&set);
    return status;
}

static void make_clocks(outcome *o, const vg_keypoints *k, const double *fps) {
    o->clocks = (vg_clocks){.cameras = k->cameras};
    for (int32_t c = 0; c < k->cameras; c++) {
        vg_camera_clock *clock = &o->clocks.camera[c];
        *clock = (vg_camera_clock){.fps = fps[c],
                                   .offset = o->sync.offset[c],
                                   .rate = o->sync.known[c] ? o->sync.rate[c] : 1,
                                   .sigma = o->sync.sigma[c],
                                   .confidence = o->sync.known[c] ? o->sync.confidence[c] : (double)NAN};
        memcpy(clock->name, k->names[c], sizeof clock->name);
    }
}

static vg_status synchronise(const plan *p, const vg_keypoints *k, outcome *o, vg_error *err) {
    vg_camera cameras[VG_MAX_CAMERAS];
    double fps[VG_MAX_CAMERAS];
    if (p->calibration) VG_TRY(read_cameras(p, cameras, k, err));
    VG_TRY(choose_fps(fps, p, k, err));
    VG_TRY(vg_sync(&o->sync, k, p->calibration ? cameras : NULL, fps, &p->options, err));
    make_clocks(o, k, fps);
    if (p->out) VG_TRY(write_moved(p, k, o, err));
    if (p->offsets) VG_TRY(vg_clocks_write(p->offsets, &o->clocks, err));
    if (p->json)
        report_json(p, k, o);
    else
        report_text(p, k, o);
    return VG_OK;
}

/* Cameras that no other moves in time with or that may well stand elsewhere, and pairs that contradict each other by more than
 * a picture; each is told. */
static bool is_doubtful(const outcome *o, const vg_keypoints *k) {
    bool doubtful = o->sync.disagreement * o->clocks.camera[0].fps > 1;
    if (doubtful)
        fprintf(stderr, "vergence: the pairs of cameras contradict each other by %.1f ms\n",
                1000 * o->sync.disagreement);
    for (int32_t c = 0; c < k->cameras; c++) {
        if (o->sync.known[c] && o->sync.confidence[c] >= DOUBTFUL) continue;
        fprintf(stderr, "vergence: %s %s; a longer recording, a longer search or --calibration may tell\n", k->names[c],
                o->sync.known[c] ? "may well be off by something else" : "moves in time with no other camera");
        doubtful = true;
    }
    return doubtful;
}

int vg_cmd_sync(int argc, char **argv) {
    plan p = {.options = vg_sync_options_default()};
    const vg_option options[] = {
        {"keypoints", VG_OPTION_TEXT, &p.keypoints, 0, 0, "DIR",
         "a folder with one OpenPose folder a camera, or a CSV file"},
        {"calibration", VG_OPTION_TEXT, &p.calibration, 0, 0, "FILE", "cameras: refines the offsets by their geometry"},
        {"offsets", VG_OPTION_TEXT, &p.offsets, 0, 0, "FILE",
         "write what was found, for `vergence triangulate --sync`"},
        {"out", VG_OPTION_TEXT, &p.out, 0, 0, "DIR",
         "write the keypoints themselves, moved onto the first camera's time"},
        {"longest", VG_OPTION_INT, &p.options.longest, 1, 100000, "FRAMES", "longest offset that is looked for (300)"},
        {"fps", VG_OPTION_LIST, &p.fps, 0, 0, "N",
         "pictures a second, or CAMERA=N, where the keypoints do not say (60)"},
        {"confidence", VG_OPTION_REAL, &p.options.confidence, 0, 1, "C", "keypoints below take no part (0.3)"},
        {"model", VG_OPTION_TEXT, &p.model, 0, 0, "NAME", "joint set of the keypoints (found from their number)"},
        {"camera", VG_OPTION_LIST, &p.pairs, 0, 0, "A=B", "keypoints A belong to calibrated camera B"},
        {"json", VG_OPTION_FLAG, &p.json, 0, 0, "", "print JSON"},
        {0}};
    const vg_usage usage = {"vergence sync --keypoints DIR [--calibration FILE] [--offsets FILE] [--out DIR] [OPTIONS]",
                            "How far cameras are off against one another in time, from people who move.", options, 0};
    int code;
    if (!vg_options_begin(&usage, argc, argv, NULL, &code)) return code;
    vg_error err = {0};
    if (!p.keypoints) {
        vg_report_error(vg_fail(&err, VG_INVALID, "sync needs --keypoints DIR; --help tells more"), &err);
        return VG_EXIT_USAGE;
    }
    vg_joint_set set;
    vg_joint_set_kind kind;
    vg_keypoints k = {0};
    outcome *o = calloc(1, sizeof *o);
    vg_status status = o ? VG_OK : vg_fail(&err, VG_NO_MEMORY, "out of memory");
    if (status == VG_OK && p.model) status = vg_joint_set_parse(p.model, &kind, &err);
    if (status == VG_OK && p.model) vg_joint_set_init(&set, kind);
    const vg_keypoints_options read = {.set = p.model ? &set : NULL, .frames = VG_FRAMES_ALL};
    if (status == VG_OK) status = vg_keypoints_read(p.keypoints, &read, &k, &err);
    if (status == VG_OK) status = synchronise(&p, &k, o, &err);
    const bool doubtful = status == VG_OK && is_doubtful(o, &k);
    vg_keypoints_free(&k);
    free(o);
    if (status != VG_OK) return vg_report_error(status, &err);
    return doubtful ? VG_EXIT_PROBLEMS : VG_EXIT_OK;
}
