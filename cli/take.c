/* vergence take: recordings of live sessions and motion files, told and turned into motion files. */
#include "cli/cli.h"

#include "perception/armature.h"
#include "perception/joints.h"
#include "perception/motion.h"
#include "proto/mcap.h"
#include "proto/proto.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { CODEC_SIZE = 8 << 20 };

/* A recording's skeletons. */
typedef struct take {
    int32_t people, joints; /* slots, joints of each */
    char joint_set[32];
    int64_t frames, skeletons; /* messages */
    int64_t first_ns, last_ns; /* of the skeletons */
    bool cut;
    int64_t *times;       /* [skeletons] */
    float *positions;     /* [skeletons, people, joints, 3] NaN where lost */
    float *covariances;   /* [skeletons, people, joints, 6] */
    float *reprojections; /* [skeletons, people, joints] */
    bool *seen;           /* [people] ever */
} take;

static void take_free(take *t) {
    free(t->times), free(t->positions), free(t->covariances), free(t->reprojections), free(t->seen);
}

static void *grow(void *old, size_t count, size_t size) {
    return realloc(old, count * size);
}

static bool make_room(take *t, int64_t room) {
    const size_t n = (size_t)t->people * (size_t)t->joints * (size_t)room;
    void *times = grow(t->times, (size_t)room, sizeof *t->times), *positions, *covariances, *reprojections;
    if (times) t->times = times;
    if ((positions = grow(t->positions, n, 3 * sizeof(float)))) t->positions = positions;
    if ((covariances = grow(t->covariances, n, 6 * sizeof(float)))) t->covariances = covariances;
    if ((reprojections = grow(t->reprojections, n, sizeof(float)))) t->reprojections = reprojections;
    return times && positions && covariances && reprojections;
}

/* The first skeletons tell how many people and joints there are. */
static vg_status begin(take *t, vg_skeletons **skeletons, int32_t people, int32_t joints, const char *joint_set,
                       vg_error *err) {
    t->people = people, t->joints = joints;
    snprintf(t->joint_set, sizeof t->joint_set, "%s", joint_set);
    t->seen = calloc((size_t)people, sizeof *t->seen);
    *skeletons = calloc(1, vg_skeletons_bytes(people, joints));
    if (!t->seen || !*skeletons) return vg_fail(err, VG_NO_MEMORY, "out of memory");
    vg_skeletons_init(*skeletons, people, joints, 0);
    return VG_OK;
}

static void keep(take *t, const vg_skeletons *s) {
    const int64_t n = (int64_t)t->people * t->joints, at = t->skeletons * n;
    t->times[t->skeletons] = s->time_ns;
    for (int32_t p = 0; p < t->people; p++) t->seen[p] |= vg_skeletons_present(s)[p] != 0;
    for (int64_t i = 0; i < n; i++) {
        const vg_joint *j = &vg_skeletons_joints(s)[i];
        memcpy(t->positions + 3 * (at + i), j->position, sizeof j->position);
        memcpy(t->covariances + 6 * (at + i), j->covariance, sizeof j->covariance);
        t->reprojections[at + i] = j->reprojection;
    }
    if (!t->skeletons) t->first_ns = s->time_ns;
    t->last_ns = s->time_ns;
    t->skeletons++;
}

static vg_status read_skeletons(take *t, vg_codec *codec, vg_mcap_reader *reader, vg_skeletons **skeletons,
                                vg_error *err) {
    vg_mcap_message m;
    vg_wire_skeletons head;
    int64_t room = 0;
    int32_t people, joints;
    vg_status status;
    while ((status = vg_mcap_next(reader, &m, err)) == VG_OK) {
        t->frames += strcmp(m.topic, "/frame") == 0;
        if (strcmp(m.topic, "/skeletons") != 0) continue;
        VG_TRY(vg_decode_bare(codec, VG_MESSAGE_SKELETONS, m.data, m.size, err));
        VG_TRY(vg_decoded_skeletons_head(codec, &head, &people, &joints, err));
        if (!*skeletons) VG_TRY(begin(t, skeletons, people, joints, head.joint_set, err));
        VG_TRY(vg_decoded_skeletons(codec, *skeletons, err));
        if (t->skeletons == room && !make_room(t, room = room ? 2 * room : 1024))
            return vg_fail(err, VG_NO_MEMORY, "no memory for %lld skeletons", (long long)room);
        keep(t, *skeletons);
    }
    t->cut = vg_mcap_cut(reader);
    return status == VG_ENDED ? VG_OK : status;
}

static vg_status take_read(take *t, const char *path, vg_error *err) {
    vg_mcap_reader *reader = NULL;
    vg_codec *codec = NULL;
    vg_skeletons *skeletons = NULL;
    vg_status status = vg_mcap_open(&reader, path, err);
    if (status != VG_OK) return status;
    status = vg_codec_create(&codec, CODEC_SIZE, err);
    if (status == VG_OK) status = read_skeletons(t, codec, reader, &skeletons, err);
    if (status == VG_OK && !t->skeletons) status = vg_fail(err, VG_CORRUPT, "holds no skeletons (topic /skeletons)");
    if (status != VG_OK && !strstr(err->message, path)) vg_fail_context(err, status, "%s", path);
    vg_codec_destroy(codec);
    vg_mcap_close(reader);
    free(skeletons);
    return status;
}

/* ---- motion ---- */

/* Frames a second: from the median time between two. */
static int ascending(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double rate_of(const take *t) {
    const int64_t n = t->skeletons - 1;
    int64_t *steps = n > 0 ? malloc((size_t)n * sizeof *steps) : NULL;
    if (!steps) return 60;
    for (int64_t i = 0; i < n; i++) steps[i] = t->times[i + 1] - t->times[i];
    qsort(steps, (size_t)n, sizeof *steps, ascending);
    const double median = (double)steps[n / 2] * 1e-9;
    free(steps);
    return median > 1e-5 ? fmin(median, 10) > 0 ? 1 / fmin(median, 10) : 60 : 60;
}

/* The people of `wanted` (bits), each frame at its place in time: where frames are missing, all is lost. */
static vg_status to_motion(vg_motion *out, const take *t, uint64_t wanted, bool prefix, double rate, vg_error *err) {
    const double span = (double)(t->last_ns - t->first_ns) * 1e-9;
    if (!(span >= 0) || span * rate > 1e7)
        return vg_fail(err, VG_INVALID, "the recording spans %g s at %g frames a second; that is no take", span, rate);
    const int32_t frames = (int32_t)lround(span * rate) + 1, people = __builtin_popcountll(wanted);
    vg_joint_set_kind kind;
    vg_joint_set set = {0};
    if (vg_joint_set_parse(t->joint_set, &kind, NULL) == VG_OK) vg_joint_set_init(&set, kind);
    VG_TRY(vg_motion_create(out, frames, people * t->joints, rate, err));
    VG_TRY(vg_motion_add_covariances(out, err));
    for (int32_t p = 0, point = 0; p < t->people; p++) {
        if (!(wanted >> p & 1)) continue;
        for (int32_t j = 0; j < t->joints; j++, point++) {
            char joint[32];
            snprintf(joint, sizeof joint, "J%d", j + 1);
            const char *name = j < set.joints ? set.names[j] : joint;
            if (prefix)
                snprintf(out->names[point], VG_MOTION_NAME, "P%d:%s", p + 1, name);
            else
                snprintf(out->names[point], VG_MOTION_NAME, "%s", name);
            for (int64_t i = 0; i < t->skeletons; i++) {
                const int64_t f = llround((double)(t->times[i] - t->first_ns) * 1e-9 * rate);
                if (f < 0 || f >= frames) continue; /* time that went back */
                const int64_t from = (i * t->people + p) * t->joints + j, to = f * out->points + point;
                for (int a = 0; a < 3; a++) out->positions[3 * to + a] = (double)t->positions[3 * from + a];
                for (int a = 0; a < 6; a++) out->covariances[6 * to + a] = (double)t->covariances[6 * from + a];
                out->residuals[to] = (double)t->reprojections[from];
            }
        }
    }
    return VG_OK;
}

static bool ends_with(const char *text, const char *end) {
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcasecmp(text + n - m, end) == 0;
}

typedef struct export_plan {
    const char *out, *axes, *unit, *from;
    double rate;
    int32_t person; /* 0: all */
} export_plan;

static vg_status write_motion(const char *path, vg_motion *m, const export_plan *plan, vg_error *err) {
    vg_unit unit = ends_with(path, ".c3d")   ? VG_UNIT_MILLIMETRE
                   : ends_with(path, ".bvh") ? VG_UNIT_CENTIMETRE
                                             : VG_UNIT_METRE;
    vg_axes axes = ends_with(path, ".trc") ? VG_AXES_Y_UP_YZX : VG_AXES_Z_UP;
    if (plan->unit && !vg_unit_parse(plan->unit, &unit))
        return vg_fail(err, VG_INVALID, "--unit is `%.40s`; it must be m, cm or mm", plan->unit);
    if (plan->axes && !vg_axes_parse(plan->axes, &axes))
        return vg_fail(err, VG_INVALID, "--frame is `%.40s`; it must be z-up, y-up, y-up-yzx or y-down", plan->axes);
    if (ends_with(path, ".bvh")) {
        vg_bvh bvh = {0};
        VG_TRY(vg_bvh_from_motion(&bvh, m, unit, NULL, err));
        const vg_status status = vg_bvh_write(path, &bvh, err);
        vg_bvh_free(&bvh);
        return status;
    }
    vg_motion_convert(m, unit, axes);
    return vg_motion_write(path, m, err);
}

/* ---- motion files: other formats, units and axes ---- */

static bool is_motion(const char *path) {
    static const char *const endings[] = {".trc", ".c3d", ".csv", ".jsonl"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (ends_with(path, endings[i])) return true;
    return false;
}

/* `unit` and `axes` are those that were read. */
static void print_motion(const vg_motion *m, vg_unit was_unit, vg_axes was_axes, const char *path,
                         const export_plan *plan, bool json) {
    int64_t lost = 0;
    const int64_t all = (int64_t)m->frames * m->points;
    for (int64_t i = 0; i < all; i++) lost += !isfinite(m->positions[3 * i]);
    const char *unit = vg_unit_name(was_unit), *axes = vg_axes_name(was_axes);
    if (json) {
        json_t *names = json_array();
        for (int32_t i = 0; i < m->points; i++) json_array_append_new(names, json_string(m->names[i]));
        vg_json_print(json_pack("{s:s,s:i,s:f,s:s,s:s,s:I,s:o,s:s*}", "file", path, "frames", m->frames, "rate_hz",
                                m->rate, "unit", unit, "axes", axes, "lost", (json_int_t)lost, "points", names, "wrote",
                                plan->out));
        return;
    }
    printf("%s: %d frames of %d points at %g a second; %s, %s; %.1f %% lost\n", path, m->frames, m->points, m->rate,
           unit, axes, all ? 100.0 * (double)lost / (double)all : 0.0);
    if (plan->out) printf("  wrote %s\n", plan->out);
}

static vg_status take_motion(const char *path, const export_plan *plan, bool json, vg_error *err) {
    vg_motion m;
    vg_motion_options options = vg_motion_options_default();
    vg_axes axes;
    if (plan->from && !vg_axes_parse(plan->from, &axes))
        return vg_fail(err, VG_INVALID, "--from is `%.40s`; it must be z-up, y-up, y-up-yzx or y-down", plan->from);
    if (plan->from) options.axes = (int32_t)axes;
    VG_TRY(vg_motion_read(path, &options, &m, err));
    const vg_unit unit = (vg_unit)m.unit;
    axes = (vg_axes)m.axes;
    const vg_status status = plan->out ? write_motion(plan->out, &m, plan, err) : VG_OK;
    if (status == VG_OK) print_motion(&m, unit, axes, path, plan, json);
    vg_motion_free(&m);
    return status;
}

/* Formats of one person get a file for each: OUT_P2.trc. */
static vg_status export_take(const take *t, const export_plan *plan, json_t *files, vg_error *err) {
    const bool single = ends_with(plan->out, ".trc") || ends_with(plan->out, ".bvh");
    uint64_t people = 0;
    for (int32_t p = 0; p < t->people; p++)
        if (t->seen[p] && (plan->person == 0 || plan->person == p + 1)) people |= (uint64_t)1 << p;
    if (!people)
        return vg_fail(err, VG_NOT_FOUND, plan->person ? "person %d is in no frame" : "nobody is in any frame",
                       plan->person);
    const int32_t count = __builtin_popcountll(people);
    const double rate = plan->rate > 0 ? plan->rate : rate_of(t);
    for (int32_t p = 0; p < t->people; p++) {
        const uint64_t these = single ? people & (uint64_t)1 << p : people;
        if (!these) continue;
        char path[1200];
        snprintf(path, sizeof path, "%.1100s", plan->out);
        if (single && count > 1)
            snprintf(path, sizeof path, "%.*s_P%d%s", (int)strlen(plan->out) - 4, plan->out, p + 1,
                     plan->out + strlen(plan->out) - 4);
        vg_motion motion = {0};
        vg_status status = to_motion(&motion, t, these, count > 1 && !single, rate, err);
        if (status == VG_OK) status = write_motion(path, &motion, plan, err);
        vg_motion_free(&motion);
        VG_TRY(status);
        json_array_append_new(files, json_string(path));
        if (!single) break;
    }
    return VG_OK;
}

static int print_take(const take *t, const char *path, json_t *files, bool json) {
    const double seconds = (double)(t->last_ns - t->first_ns) * 1e-9;
    int32_t people = 0;
    for (int32_t p = 0; p < t->people; p++) people += t->seen[p];
    if (json) {
        vg_json_print(json_pack("{s:s,s:I,s:I,s:f,s:f,s:i,s:i,s:s,s:b,s:O}", "file", path, "frames",
                                (json_int_t)t->frames, "skeletons", (json_int_t)t->skeletons, "seconds", seconds,
                                "rate_hz", rate_of(t), "people", people, "joints", t->joints, "joint_set", t->joint_set,
                                "cut", t->cut, "files", files));
    } else {
        printf("%s: %lld frames, %lld skeletons in %.1f s (%.1f a second), %d people of %d joints (%s)%s\n", path,
               (long long)t->frames, (long long)t->skeletons, seconds, rate_of(t), people, t->joints, t->joint_set,
               t->cut ? "; its end is missing" : "");
        for (size_t i = 0; i < json_array_size(files); i++)
            printf("  wrote %s\n", json_string_value(json_array_get(files, i)));
    }
    json_decref(files);
    return VG_EXIT_OK;
}

int vg_cmd_take(int argc, char **argv) {
    export_plan plan = {0};
    bool json = false;
    const vg_option options[] = {
        {"out", VG_OPTION_TEXT, &plan.out, 0, 0, "FILE", "export: .trc .c3d .bvh .csv .jsonl"},
        {"person", VG_OPTION_INT, &plan.person, 1, VG_MAX_PEOPLE, "N", "export: this one alone (all)"},
        {"fps", VG_OPTION_REAL, &plan.rate, 0.01, 1e5, "N", "export: frames a second (as recorded)"},
        {"frame", VG_OPTION_TEXT, &plan.axes, 0, 0, "AXES",
         "z-up, y-up, y-up-yzx, y-down (y-up-yzx for .trc, else z-up; .bvh is y-up)"},
        {"unit", VG_OPTION_TEXT, &plan.unit, 0, 0, "UNIT", "m, cm, mm (mm for .c3d, cm for .bvh, else m)"},
        {"from", VG_OPTION_TEXT, &plan.from, 0, 0, "AXES", "axes of a TRC that does not name them (z-up)"},
        {"json", VG_OPTION_FLAG, &json, 0, 0, "", "print JSON"},
        {0}};
    const vg_usage usage = {"vergence take show|export FILE.mcap|.trc|.c3d|.csv|.jsonl [OPTIONS]",
                            "What a recording or motion file holds, and the same as another motion file.", options, 2};
    vg_texts words;
    int code;
    if (!vg_options_begin(&usage, argc, argv, &words, &code)) return code;
    const bool exporting = words.count == 2 && strcmp(words.text[0], "export") == 0;
    if (words.count != 2 || (!exporting && strcmp(words.text[0], "show") != 0) || exporting != (plan.out != NULL)) {
        fputs("vergence: use `vergence take show FILE.mcap` or `vergence take export FILE.mcap --out FILE`\n", stderr);
        return VG_EXIT_USAGE;
    }
    vg_error err = {0};
    if (is_motion(words.text[1])) {
        const vg_status read = take_motion(words.text[1], &plan, json, &err);
        return read == VG_OK ? VG_EXIT_OK : vg_report_error(read, &err);
    }
    take t = {0};
    json_t *files = json_array();
    vg_status status = take_read(&t, words.text[1], &err);
    if (status == VG_OK && exporting) status = export_take(&t, &plan, files, &err);
    code = status == VG_OK ? print_take(&t, words.text[1], files, json) : vg_report_error(status, &err);
    if (status != VG_OK) json_decref(files);
    take_free(&t);
    return code;
}
