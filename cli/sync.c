/* vergence sync: by how many frames cameras are off against one another, from the keypoints of a moving person. */
#include "cli/cli.h"

#include "perception/openpose.h"
#include "perception/sync.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct plan {
    const char *keypoints, *calibration, *model, *out;
    vg_texts pairs;
    vg_sync_options options;
    double fps;
    bool json;
} plan;

/* ---- keypoints moved in time ----------------------------------------------------------------------------------------- */

/* Frames of the reference that all known cameras have. */
static void common_frames(int32_t *first, int32_t *last, const vg_keypoints *k, const vg_sync_result *r) {
    *first = 0, *last = k->frames - 1;
    for (int32_t c = 0; c < k->cameras; c++) {
        if (!r->known[c]) continue;
        const int32_t shift = (int32_t)lround(r->offset[c]);
        if (-shift > *first) *first = -shift;
        if (k->frames - 1 - shift < *last) *last = k->frames - 1 - shift;
    }
}

static vg_status write_camera(const plan *p, const vg_keypoints *k, const vg_sync_result *r, int32_t camera,
                              int32_t first, int32_t last, vg_error *err) {
    char folder[VG_PATH_MAX];
    if ((size_t)snprintf(folder, sizeof folder, "%.400s/%s", p->out, k->names[camera]) >= sizeof folder)
        return vg_fail(err, VG_INVALID, "--out %.100s...: the name is too long", p->out);
    if (mkdir(folder, 0777) != 0) {
        if (errno == EEXIST) return vg_fail(err, VG_REFUSED, "%s is there already; choose another --out", folder);
        return vg_fail(err, VG_IO, "%s: cannot make the folder: %m", folder);
    }
    const int32_t shift = (int32_t)lround(r->offset[camera]);
    for (int32_t f = first; f <= last; f++) {
        vg_openpose_person people[VG_MAX_PEOPLE];
        const int32_t count = vg_keypoints_count(k, f + shift, camera);
        for (int32_t i = 0; i < count && i < VG_MAX_PEOPLE; i++)
            people[i] = (vg_openpose_person){vg_keypoints_at(k, f + shift, camera, i), -1};
        VG_TRY(vg_openpose_write(folder, k->names[camera], f - first, k->set.name, k->set.joints, people, count, err));
    }
    return VG_OK;
}

static vg_status write_moved(const plan *p, const vg_keypoints *k, const vg_sync_result *r, int32_t *frames,
                             vg_error *err) {
    int32_t first, last;
    common_frames(&first, &last, k, r);
    *frames = last - first + 1;
    if (last < first) return vg_fail(err, VG_FAILED, "the cameras have no time in common");
    if (mkdir(p->out, 0777) != 0 && errno != EEXIST)
        return vg_fail(err, VG_IO, "--out %s: cannot make the folder: %m", p->out);
    for (int32_t c = 0; c < k->cameras; c++)
        if (r->known[c]) VG_TRY(write_camera(p, k, r, c, first, last, err));
    return VG_OK;
}

/* ---- the report ------------------------------------------------------------------------------------------------------ */

/* JSON's null where a number is not known. */
static json_t *pair_json(const vg_sync_pair *q, const vg_keypoints *k) {
    json_t *o = json_pack("{s:s, s:s, s:b}", "a", k->names[q->a], "b", k->names[q->b], "used", q->used);
    json_object_set_new(o, "lag", vg_json_number(q->lag));
    json_object_set_new(o, "correlation", vg_json_number(q->peak));
    json_object_set_new(o, "second", vg_json_number(q->second));
    json_object_set_new(o, "epipolar_px", vg_json_number(q->epipolar));
    return o;
}

static void report_json(const plan *p, const vg_keypoints *k, const vg_sync_result *r, int32_t frames) {
    json_t *cameras = json_array(), *pairs = json_array();
    for (int32_t c = 0; c < k->cameras; c++) {
        json_t *o = json_pack("{s:s}", "name", k->names[c]);
        json_object_set_new(o, "offset_frames", vg_json_number(r->offset[c]));
        if (p->fps > 0) json_object_set_new(o, "offset_seconds", vg_json_number(r->offset[c] / p->fps));
        json_object_set_new(o, "correlation", vg_json_number(r->known[c] ? r->correlation[c] : (double)NAN));
        json_object_set_new(o, "confidence", vg_json_number(r->known[c] ? r->confidence[c] : (double)NAN));
        json_array_append_new(cameras, o);
    }
    for (int32_t i = 0; i < r->pairs; i++) json_array_append_new(pairs, pair_json(&r->pair[i], k));
    json_t *o = json_pack("{s:s, s:f, s:o, s:o}", "reference", k->names[0], "disagreement_frames", r->disagreement,
                          "cameras", cameras, "pairs", pairs);
    if (p->out) json_object_set_new(o, "frames", json_integer(frames));
    vg_json_print(o);
}

static void report_text(const plan *p, const vg_keypoints *k, const vg_sync_result *r, int32_t frames) {
    printf("%-24s %10s %12s %11s\n", "camera", "offset", "correlation", "confidence");
    for (int32_t c = 0; c < k->cameras; c++)
        if (r->known[c])
            printf("%-24s %+10.2f %12.2f %11.2f\n", k->names[c], r->offset[c], r->correlation[c], r->confidence[c]);
        else
            printf("%-24s %10s  moves in time with no other camera\n", k->names[c], "unknown");
    printf("offsets in frames: frame f + offset of a camera shows what frame f of %s does; the pairs of cameras\n"
           "disagree by %.2f frames\n",
           k->names[0], r->disagreement);
    if (p->out) printf("%s  %d frames that all cameras have, moved by whole frames\n", p->out, frames);
}

/* ---- the command ----------------------------------------------------------------------------------------------------- */

static vg_status read_cameras(const plan *p, vg_camera *cameras, const vg_keypoints *k, vg_error *err) {
    vg_camera_set set;
    VG_TRY(vg_calibration_read(p->calibration, NULL, &set, err));
    const vg_status status = vg_keypoints_cameras(cameras, k, &set, p->pairs.text, p->pairs.count, true, err);
    vg_camera_set_free(&set);
    return status;
}

static vg_status synchronise(const plan *p, const vg_keypoints *k, bool *doubtful, vg_error *err) {
    vg_camera cameras[VG_MAX_CAMERAS];
    vg_sync_result *r = malloc(sizeof *r);
    if (!r) return vg_fail(err, VG_NO_MEMORY, "out of memory");
    vg_status status = p->calibration ? read_cameras(p, cameras, k, err) : VG_OK;
    if (status == VG_OK) status = vg_sync(r, k, p->calibration ? cameras : NULL, &p->options, err);
    int32_t frames = 0;
    if (status == VG_OK && p->out) status = write_moved(p, k, r, &frames, err);
    if (status == VG_OK) {
        if (p->json)
            report_json(p, k, r, frames);
        else
            report_text(p, k, r, frames);
        *doubtful = r->disagreement > 1;
        for (int32_t c = 0; c < k->cameras; c++) *doubtful = *doubtful || !r->known[c];
    }
    free(r);
    return status;
}

int vg_cmd_sync(int argc, char **argv) {
    plan p = {.options = vg_sync_options_default()};
    const vg_option options[] = {
        {"keypoints", VG_OPTION_TEXT, &p.keypoints, 0, 0, "DIR",
         "a folder with one OpenPose folder a camera, or a CSV file"},
        {"calibration", VG_OPTION_TEXT, &p.calibration, 0, 0, "FILE", "cameras: refines the offsets by epipolar lines"},
        {"out", VG_OPTION_TEXT, &p.out, 0, 0, "DIR", "write the keypoints moved in time, for `vergence triangulate`"},
        {"longest", VG_OPTION_INT, &p.options.longest, 1, 100000, "FRAMES", "longest offset that is looked for (300)"},
        {"fps", VG_OPTION_REAL, &p.fps, 0.001, 100000, "N", "frames a second: tells offsets in seconds too, in JSON"},
        {"confidence", VG_OPTION_REAL, &p.options.confidence, 0, 1, "C", "keypoints below take no part (0.3)"},
        {"model", VG_OPTION_TEXT, &p.model, 0, 0, "NAME", "joint set of the keypoints (found from their number)"},
        {"camera", VG_OPTION_LIST, &p.pairs, 0, 0, "A=B", "keypoints A belong to calibrated camera B"},
        {"json", VG_OPTION_FLAG, &p.json, 0, 0, "", "print JSON"},
        {0}};
    const vg_usage usage = {"vergence sync --keypoints DIR [--calibration FILE] [--out DIR] [OPTIONS]",
                            "By how many frames cameras are off against one another, from a person who moves.", options,
                            0};
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
    bool doubtful = false;
    vg_status status = p.model ? vg_joint_set_parse(p.model, &kind, &err) : VG_OK;
    if (status == VG_OK && p.model) vg_joint_set_init(&set, kind);
    const vg_keypoints_options read = {.set = p.model ? &set : NULL, .frames = VG_FRAMES_ALL};
    if (status == VG_OK) status = vg_keypoints_read(p.keypoints, &read, &k, &err);
    if (status == VG_OK) status = synchronise(&p, &k, &doubtful, &err);
    vg_keypoints_free(&k);
    if (status != VG_OK) return vg_report_error(status, &err);
    return doubtful ? VG_EXIT_PROBLEMS : VG_EXIT_OK;
}
