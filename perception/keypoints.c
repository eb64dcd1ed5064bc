/* Keypoints of several cameras: gathering what readers find into one structure, and pairing it with a calibration. */
#include "perception/keypoints_build.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void vg_keypoints_free(vg_keypoints *k) {
    free(k->names), free(k->first), free(k->points), free(k->times);
    *k = (vg_keypoints){0};
}

bool vg_keypoints_stamped(const vg_keypoints *k, int32_t camera) {
    for (int32_t f = k->begin[camera]; k->times && f < k->end[camera]; f++)
        if (!isnan(k->times[(int64_t)f * k->cameras + camera])) return true;
    return false;
}

static int compare_doubles(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* By the median time between neighbouring pictures: the mean of those within a tenth of it, for stamps are often rounded. */
double vg_keypoints_rate(const vg_keypoints *k, int32_t camera) {
    double *between = vg_keypoints_stamped(k, camera) ? malloc(sizeof *between * (size_t)k->frames) : NULL;
    if (!between) return (double)NAN;
    int32_t n = 0, near = 0;
    for (int32_t f = k->begin[camera] + 1; f < k->end[camera]; f++) {
        const double *t = k->times + (int64_t)f * k->cameras + camera;
        if (!isnan(t[0]) && !isnan(t[-k->cameras])) between[n++] = t[0] - t[-k->cameras];
    }
    qsort(between, (size_t)n, sizeof *between, compare_doubles);
    const double median = n ? between[n / 2] : (double)NAN;
    double sum = 0;
    for (int32_t i = 0; i < n; i++)
        if (fabs(between[i] - median) < 0.1 * median) sum += between[i], near++;
    free(between);
    return near / sum;
}

double vg_keypoints_confidence(const vg_keypoints *k) {
    enum { BINS = 1000 };
    int64_t count[BINS + 1] = {0}, seen = 0, below = 0;
    const int64_t points = k->first ? k->first[(int64_t)k->frames * k->cameras] * k->set.joints : 0;
    for (int64_t i = 0; i < points; i++) {
        if (!(k->points[i].confidence > 0)) continue;
        count[(int32_t)(fminf(k->points[i].confidence, 1) * BINS)]++, seen++;
    }
    if (seen == 0) return 0;
    for (int32_t b = 0; b <= BINS; b++)
        if ((below += count[b]) * 2 >= seen) return (double)b / BINS;
    return 1;
}

int32_t vg_keypoints_most(const vg_keypoints *k) {
    int32_t most = 0;
    for (int32_t f = 0; f < k->frames; f++)
        for (int32_t c = 0; c < k->cameras; c++)
            if (vg_keypoints_count(k, f, c) > most) most = vg_keypoints_count(k, f, c);
    return most;
}

vg_status vg_keypoints_read(const char *path, const vg_keypoints_options *options, vg_keypoints *out, vg_error *err) {
    *out = (vg_keypoints){0};
    struct stat info;
    if (stat(path, &info) != 0)
        return vg_fail(err, VG_NOT_FOUND, "%s: there is no such folder or file of keypoints", path);
    if (S_ISDIR(info.st_mode)) {
        kp_builder b = {.name = path, .options = options};
        vg_status status = kp_openpose_read(&b, path, err);
        if (status == VG_OK) status = kp_builder_finish(&b, true, out, err);
        kp_builder_free(&b);
        return status;
    }
    char *text;
    size_t size;
    VG_TRY(vg_text_load(&text, &size, path, err));
    const vg_status status = vg_keypoints_csv_parse(path, text, size, options, out, err);
    free(text);
    return status;
}

/* ---- gathering --------------------------------------------------------------------------------------------------- */

void kp_builder_free(kp_builder *b) {
    free(b->place), free(b->points), free(b->time);
    b->place = NULL, b->points = NULL, b->time = NULL;
}

int32_t kp_builder_camera(kp_builder *b, vg_span name, vg_error *err) {
    for (int32_t c = 0; c < b->cameras; c++)
        if (vg_span_is(name, b->names[c])) return c;
    if (b->cameras == VG_MAX_CAMERAS || name.size == 0 || name.size >= VG_CAMERA_NAME) {
        if (b->cameras == VG_MAX_CAMERAS)
            vg_fail(err, VG_INVALID, "%s: more than %d cameras; split the recording", b->name, VG_MAX_CAMERAS);
        else
            vg_fail(err, VG_INVALID, "%s: camera name `%.*s` must have 1 to %d characters", b->name,
                    (int)(name.size < 80 ? name.size : 80), name.at, VG_CAMERA_NAME - 1);
        return -1;
    }
    vg_span_copy(b->names[b->cameras], VG_CAMERA_NAME, name);
    return b->cameras++;
}

void kp_builder_frame(kp_builder *b, int32_t camera, int64_t number) {
    const bool new = b->numbers[camera]++ == 0;
    if (new || number < b->low[camera]) b->low[camera] = number;
    if (new || number > b->high[camera]) b->high[camera] = number;
}

vg_status kp_builder_time(kp_builder *b, int32_t camera, int64_t number, double seconds, const char *where,
                          vg_error *err) {
    if (!(fabs(seconds) <= 1e10))
        return vg_fail(err, VG_CORRUPT, "%s: time_seconds is %g; write seconds by the camera's clock, or leave it out",
                       where, seconds);
    if (b->times == b->times_room) {
        const int64_t room = b->times_room ? 2 * b->times_room : 256;
        struct kp_time *grown = realloc(b->time, sizeof *grown * (size_t)room);
        if (!grown) return vg_fail(err, VG_NO_MEMORY, "%s: no memory for %lld times", b->name, (long long)room);
        b->time = grown, b->times_room = room;
    }
    b->time[b->times++] = (struct kp_time){.number = number, .camera = camera, .seconds = seconds};
    b->timed[camera]++;
    return VG_OK;
}

vg_keypoint *kp_builder_add(kp_builder *b, int32_t camera, int64_t number, vg_error *err) {
    if (b->detections == b->room) {
        const int64_t room = b->room ? 2 * b->room : 256;
        struct kp_place *place = realloc(b->place, sizeof *place * (size_t)room);
        if (place) b->place = place;
        vg_keypoint *points = place ? realloc(b->points, sizeof *points * (size_t)(room * b->joints)) : NULL;
        if (!points) {
            vg_fail(err, VG_NO_MEMORY, "%s: no memory for %lld detections", b->name, (long long)room);
            return NULL;
        }
        b->points = points, b->room = room;
    }
    b->place[b->detections] = (struct kp_place){.number = number, .camera = camera};
    vg_keypoint *out = b->points + b->detections++ * b->joints;
    memset(out, 0, sizeof *out * (size_t)b->joints);
    return out;
}

bool kp_keypoint(vg_keypoint *out, double u, double v, double confidence) {
    *out = (vg_keypoint){0};
    if (isnan(u) || isnan(v) || isnan(confidence) || confidence <= 0) return true; /* not seen */
    if (!(fabs(u) <= 1e6 && fabs(v) <= 1e6 && confidence <= 1e6)) return false;
    *out = (vg_keypoint){(float)u, (float)v, (float)fmin(confidence, 1)};
    return true;
}

/* BODY_25B has its ankles where BODY_25 has eyes: far below the nose, compared with the person's height. */
static vg_joint_set_kind which_25(const kp_builder *b) {
    int64_t feet = 0, eyes = 0;
    for (int64_t i = 0; i < b->detections; i++) {
        const vg_keypoint *k = b->points + i * 25;
        float low = 1e9f, high = -1e9f;
        for (int j = 0; j < 25; j++)
            if (k[j].confidence > 0) low = fminf(low, k[j].v), high = fmaxf(high, k[j].v);
        for (int j = 15; j <= 16; j++)
            if (k[0].confidence > 0 && k[j].confidence > 0 && high > low)
                fabsf(k[j].v - k[0].v) > 0.4f * (high - low) ? feet++ : eyes++;
    }
    return feet > eyes ? VG_JOINTS_BODY_25B : VG_JOINTS_BODY_25;
}

static vg_status choose_set(const kp_builder *b, vg_joint_set *out, vg_error *err) {
    if (b->options && b->options->set) {
        *out = *b->options->set;
        if (out->joints == b->joints) return VG_OK;
        return vg_fail(err, VG_INVALID, "%s: %d joints a person, but joint set %s has %d; choose another with --joints",
                       b->name, b->joints, out->name, out->joints);
    }
    if (b->joints == 25) {
        vg_joint_set_init(out, which_25(b));
        return VG_OK;
    }
    for (int kind = 0; kind < VG_JOINTS_KINDS; kind++) {
        vg_joint_set_init(out, (vg_joint_set_kind)kind);
        if (out->joints == b->joints) return VG_OK;
    }
    return vg_fail(err, VG_UNSUPPORTED,
                   "%s: %d joints a person; known sets have 14 (vergence14), 17 (coco17), 18 (coco18), 25 (body25, "
                   "body25b), 26 (halpe26) and 33 (blazepose33)",
                   b->name, b->joints);
}

/* The first and last frame to keep. */
static vg_status choose_frames(const kp_builder *b, bool frames_known, int64_t *low, int64_t *high, vg_error *err) {
    const int32_t rule = b->options ? b->options->frames : VG_FRAMES_EQUAL;
    const bool common = frames_known && rule == VG_FRAMES_COMMON;
    int64_t most = 0;
    *low = common ? INT64_MIN : INT64_MAX, *high = common ? INT64_MAX : INT64_MIN;
    for (int32_t c = 0; c < b->cameras; c++) {
        if (b->numbers[c] == 0) continue; /* only in CSV: a camera always has a row */
        *low = common ? (b->low[c] > *low ? b->low[c] : *low) : (b->low[c] < *low ? b->low[c] : *low);
        *high = common ? (b->high[c] < *high ? b->high[c] : *high) : (b->high[c] > *high ? b->high[c] : *high);
        if (b->numbers[c] > most) most = b->numbers[c];
    }
    for (int32_t c = 1; frames_known && rule == VG_FRAMES_EQUAL && c < b->cameras; c++)
        if (b->numbers[c] != b->numbers[0] || b->low[c] != b->low[0] || b->high[c] != b->high[0])
            return vg_fail(
                err, VG_INVALID,
                "%s: camera %s has %lld frames (%lld to %lld), but %s has %lld (%lld to %lld); are files "
                "missing? --frames common takes what all have, --frames all takes a missing file for nobody seen",
                b->name, b->names[c], (long long)b->numbers[c], (long long)b->low[c], (long long)b->high[c],
                b->names[0], (long long)b->numbers[0], (long long)b->low[0], (long long)b->high[0]);
    if (*high < *low) return vg_fail(err, VG_INVALID, "%s: the cameras have no frame in common", b->name);
    if (*high - *low >= VG_KEYPOINT_FRAMES_MAX || *high - *low > 1000 + 100 * most)
        return vg_fail(
            err, VG_INVALID,
            "%s: frame numbers run from %lld to %lld, but a camera has at most %lld frames; mend the numbers", b->name,
            (long long)*low, (long long)*high, (long long)most);
    return VG_OK;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* order[c]: the place of camera c among the sorted names. */
static void sort_cameras(const kp_builder *b, int32_t order[VG_MAX_CAMERAS], vg_keypoints *out) {
    const char *names[VG_MAX_CAMERAS];
    for (int32_t c = 0; c < b->cameras; c++) names[c] = b->names[c];
    qsort(names, (size_t)b->cameras, sizeof *names, compare_names);
    for (int32_t i = 0; i < b->cameras; i++) {
        order[(names[i] - b->names[0]) / VG_CAMERA_NAME] = i;
        memcpy(out->names[i], names[i], VG_CAMERA_NAME);
    }
}

/* Times increase, and a camera has them for all of its pictures or for none. */
static vg_status check_times(const kp_builder *b, const int32_t order[VG_MAX_CAMERAS], const vg_keypoints *k,
                             vg_error *err) {
    for (int32_t c = 0; c < b->cameras; c++) {
        if (b->timed[c] > 0 && b->timed[c] < b->numbers[c])
            return vg_fail(err, VG_CORRUPT,
                           "%s: camera %s: only some of its pictures have time_seconds; give it for all or for none",
                           b->name, b->names[c]);
        int32_t last = -1;
        for (int32_t f = 0; f < k->frames; f++) {
            const double *t = k->times + (int64_t)f * k->cameras + order[c];
            if (isnan(*t)) continue;
            const double before = last < 0 ? -(double)INFINITY : t[(int64_t)(last - f) * k->cameras];
            if (!(*t > before))
                return vg_fail(err, VG_CORRUPT,
                               "%s: camera %s: time_seconds is %.9g in frame %d and %.9g in frame %d; times must "
                               "increase: mend them, or leave time_seconds out",
                               b->name, b->names[c], before, k->first_number + last, *t, k->first_number + f);
            last = f;
        }
    }
    return VG_OK;
}

static vg_status place_times(const kp_builder *b, const int32_t order[VG_MAX_CAMERAS], vg_keypoints *k, vg_error *err) {
    if (b->times == 0) return VG_OK;
    const int64_t cells = (int64_t)k->frames * k->cameras;
    k->times = malloc(sizeof *k->times * (size_t)cells);
    if (!k->times) return vg_fail(err, VG_NO_MEMORY, "%s: no memory for %lld times", b->name, (long long)cells);
    for (int64_t i = 0; i < cells; i++) k->times[i] = (double)NAN;
    for (int64_t i = 0; i < b->times; i++) {
        const struct kp_time *t = b->time + i;
        if (t->number < k->first_number || t->number >= (int64_t)k->first_number + k->frames) continue;
        double *to = k->times + (t->number - k->first_number) * k->cameras + order[t->camera];
        if (!isnan(*to) && (*to > t->seconds || *to < t->seconds))
            return vg_fail(err, VG_CORRUPT,
                           "%s: camera %s: frame %lld is stamped %.9g s and %.9g s; a picture has one time", b->name,
                           b->names[t->camera], (long long)t->number, *to, t->seconds);
        *to = t->seconds;
    }
    return check_times(b, order, k, err);
}

vg_status kp_builder_finish(kp_builder *b, bool frames_known, vg_keypoints *out, vg_error *err) {
    int64_t low, high;
    int32_t order[VG_MAX_CAMERAS];
    *out = (vg_keypoints){0};
    if (b->cameras == 0) return vg_fail(err, VG_CORRUPT, "%s: no camera is in it", b->name);
    if (b->detections == 0)
        return vg_fail(err, VG_CORRUPT, "%s: nobody is seen in any frame of any camera; were the right files given?",
                       b->name);
    VG_TRY(choose_set(b, &out->set, err));
    VG_TRY(choose_frames(b, frames_known, &low, &high, err));
    out->cameras = b->cameras, out->frames = (int32_t)(high - low + 1), out->first_number = (int32_t)low;
    const size_t cells = (size_t)out->frames * (size_t)out->cameras, joints = (size_t)b->joints;
    out->names = calloc((size_t)b->cameras, sizeof *out->names);
    out->first = calloc(cells + 1, sizeof *out->first);
    out->points = malloc(sizeof *out->points * joints * (size_t)b->detections);
    if (!out->names || !out->first || !out->points) {
        vg_keypoints_free(out);
        return vg_fail(err, VG_NO_MEMORY, "%s: no memory for %zu views", b->name, cells);
    }
    sort_cameras(b, order, out);
    for (int32_t c = 0; c < b->cameras; c++) {
        out->begin[order[c]] = (int32_t)((b->low[c] > low ? b->low[c] : low) - low);
        out->end[order[c]] = (int32_t)((b->high[c] < high ? b->high[c] : high) - low) + 1;
    }
    const vg_status status = place_times(b, order, out, err);
    if (status != VG_OK) {
        vg_keypoints_free(out);
        return status;
    }
    bool seen = false;
    for (int pass = 0; pass < 2; pass++) { /* count, then place in the order found */
        for (int64_t i = 0; i < b->detections; i++) {
            const struct kp_place *p = b->place + i;
            if (p->number < low || p->number > high) continue;
            const int64_t cell = (p->number - low) * b->cameras + order[p->camera];
            if (pass == 0)
                out->first[cell + 1]++;
            else
                memcpy(out->points + (size_t)out->first[cell]++ * joints, b->points + (size_t)i * joints,
                       sizeof *out->points * joints);
        }
        for (size_t i = 1; pass == 0 && i <= cells; i++) out->first[i] += out->first[i - 1];
    }
    memmove(out->first + 1, out->first, sizeof *out->first * cells); /* placing moved each to its end */
    out->first[0] = 0;
    const int64_t points = out->first[cells] * b->joints;
    for (int64_t i = 0; i < points && !seen; i++) seen = out->points[i].confidence > 0;
    if (seen) return VG_OK;
    vg_keypoints_free(out);
    return vg_fail(err, VG_CORRUPT, "%s: no keypoint has a confidence above 0 in any frame of any camera", b->name);
}

/* ---- pairing with a calibration ---------------------------------------------------------------------------------- */

static void list_names(char *out, size_t room, const vg_keypoints *k, const vg_camera_set *set) {
    size_t n = 0;
    const int32_t count = k ? k->cameras : set->cameras;
    out[0] = '\0';
    for (int32_t i = 0; i < count && n + 8 < room; i++)
        n += (size_t)snprintf(out + n, room - n, "%s%s", i ? ", " : "", k ? k->names[i] : set->camera[i].name);
    if (n + 8 >= room) snprintf(out + room - 8, 8, ", ...");
}

static vg_status apply_pairs(int32_t *map, const vg_keypoints *k, const vg_camera_set *set, const char *const *pairs,
                             size_t count, vg_error *err) {
    for (size_t p = 0; p < count; p++) {
        const char *equals = strchr(pairs[p], '=');
        int32_t c = 0;
        while (equals && c < k->cameras && !vg_span_is((vg_span){pairs[p], (size_t)(equals - pairs[p])}, k->names[c]))
            c++;
        const int32_t to = equals ? vg_camera_set_find(set, equals + 1) : -1;
        if (!equals || c == k->cameras || to < 0) {
            char recorded[200], calibrated[200];
            list_names(recorded, sizeof recorded, k, NULL), list_names(calibrated, sizeof calibrated, NULL, set);
            return vg_fail(err, VG_INVALID, "--camera %s: write KEYPOINTS=CALIBRATED with one of (%s) = one of (%s)",
                           pairs[p], recorded, calibrated);
        }
        map[c] = to;
    }
    return VG_OK;
}

/* Keypoints that cannot be pixels of this camera's pictures. */
static vg_status check_pixels(const vg_keypoints *k, int32_t c, const vg_named_camera *named, vg_error *err) {
    int64_t seen = 0, outside = 0;
    float most = 0;
    for (int32_t f = 0; f < k->frames; f++)
        for (int32_t i = 0; i < vg_keypoints_count(k, f, c); i++)
            for (int32_t j = 0; j < k->set.joints; j++) {
                const vg_keypoint *p = vg_keypoints_at(k, f, c, i) + j;
                if (!(p->confidence > 0)) continue;
                seen++;
                most = fmaxf(most, fmaxf(p->u, p->v));
                if (named->camera.width > 0 &&
                    ((double)p->u > 1.02 * named->camera.width + 2 || (double)p->v > 1.02 * named->camera.height + 2))
                    outside++;
            }
    if (seen > 0 && most <= 2)
        return vg_fail(err, VG_INVALID,
                       "camera %s: keypoints reach %.3g; they look like shares of the picture, and pixels are needed: "
                       "multiply x and y by width and height",
                       k->names[c], (double)most);
    if (outside > seen / 10 && outside > 10)
        return vg_fail(
            err, VG_INVALID,
            "camera %s: %.0f %% of the keypoints lie outside the %d x %d pictures of calibrated camera %s (up "
            "to %.0f px); is it another camera, were pictures turned (--turned), or is the calibration for another "
            "resolution?",
            k->names[c], 100.0 * (double)outside / (double)seen, named->camera.width, named->camera.height, named->name,
            (double)most);
    return VG_OK;
}

static vg_status check_map(const int32_t *map, const vg_keypoints *k, const vg_camera_set *set, bool allow_missing,
                           vg_error *err) {
    char recorded[200], calibrated[200];
    list_names(recorded, sizeof recorded, k, NULL), list_names(calibrated, sizeof calibrated, NULL, set);
    for (int32_t c = 0; c < k->cameras; c++) {
        if (map[c] < 0)
            return vg_fail(err, VG_INVALID,
                           "%d cameras have keypoints (%s), %d are calibrated (%s): none is `%s`; add it to the "
                           "calibration, or pair names with --camera %s=NAME",
                           k->cameras, recorded, set->cameras, calibrated, k->names[c], k->names[c]);
        for (int32_t other = 0; other < c; other++)
            if (map[other] == map[c])
                return vg_fail(
                    err, VG_INVALID,
                    "keypoints %s and %s both belong to calibrated camera %s; pair names with --camera %s=NAME",
                    k->names[other], k->names[c], set->camera[map[c]].name, k->names[c]);
        if (!set->camera[map[c]].placed)
            return vg_fail(err, VG_INVALID, "calibrated camera %s has no place (extrinsics); calibrate them first",
                           set->camera[map[c]].name);
    }
    for (int32_t i = 0; i < set->cameras && !allow_missing; i++) {
        int32_t c = 0;
        while (c < k->cameras && map[c] != i) c++;
        if (c == k->cameras)
            return vg_fail(
                err, VG_INVALID,
                "%d cameras are calibrated (%s), %d have keypoints (%s): none for `%s`; --allow-missing goes on "
                "without it",
                set->cameras, calibrated, k->cameras, recorded, set->camera[i].name);
    }
    return VG_OK;
}

vg_status vg_keypoints_cameras(vg_camera *out, const vg_keypoints *k, const vg_camera_set *set,
                               const char *const *pairs, size_t pair_count, bool allow_missing, vg_error *err) {
    int32_t map[VG_MAX_CAMERAS];
    for (int32_t c = 0; c < k->cameras; c++) map[c] = -1;
    VG_TRY(apply_pairs(map, k, set, pairs, pair_count, err));
    for (int32_t c = 0; c < k->cameras; c++)
        if (map[c] < 0) map[c] = vg_camera_set_match(set, k->names[c]);
    VG_TRY(check_map(map, k, set, allow_missing, err));
    for (int32_t c = 0; c < k->cameras; c++) {
        VG_TRY(check_pixels(k, c, set->camera + map[c], err));
        out[c] = set->camera[map[c]].camera;
    }
    return VG_OK;
}

void vg_keypoint_turn_back(vg_keypoint *p, int32_t quarter, int32_t width, int32_t height) {
    const float u = p->u, v = p->v, w = (float)(width - 1), h = (float)(height - 1);
    switch ((quarter % 4 + 4) % 4) {
    case 1:
        p->u = v, p->v = h - u;
        break;
    case 2:
        p->u = w - u, p->v = h - v;
        break;
    case 3:
        p->u = w - v, p->v = u;
        break;
    default:
        break;
    }
}

void vg_keypoints_turn_back(vg_keypoints *k, int32_t camera, int32_t quarter, int32_t width, int32_t height) {
    for (int32_t f = 0; f < k->frames; f++) {
        const int64_t *first = k->first + (int64_t)f * k->cameras + camera;
        for (int64_t i = first[0] * k->set.joints; i < first[1] * k->set.joints; i++)
            if (k->points[i].confidence > 0) vg_keypoint_turn_back(k->points + i, quarter, width, height);
    }
}

void vg_keypoints_frame(const vg_keypoints *k, int32_t frame, double rate, vg_frame *out) {
    const vg_dims dims = out->dims;
    const int32_t joints = k->set.joints < dims.joints ? k->set.joints : dims.joints;
    VG_ASSERT(dims.cameras >= k->cameras);
    memset(vg_frame_keypoints(out), 0, sizeof(vg_keypoint) * (size_t)(dims.cameras * dims.people * dims.joints));
    memset(vg_frame_present(out), 0, sizeof(int32_t) * (size_t)dims.people);
    for (int32_t c = 0; c < k->cameras; c++) {
        const int32_t count = vg_keypoints_count(k, frame, c);
        for (int32_t i = 0; i < count && i < dims.people; i++) {
            memcpy(vg_frame_keypoints(out) + (c * dims.people + i) * dims.joints, vg_keypoints_at(k, frame, c, i),
                   sizeof(vg_keypoint) * (size_t)joints);
            vg_frame_present(out)[i] = 1;
        }
    }
    out->flags = frame == 0 ? VG_FRAME_FIRST : 0;
    out->target = -1;
    out->frame_id = (uint64_t)frame;
    out->time_ns = (int64_t)llround(1e9 * frame / rate);
}
