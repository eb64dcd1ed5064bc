/* OpenPose's JSON: FOLDER/CAMERA/NAME_000000000123_keypoints.json with {"people": [{"pose_keypoints_2d": [x, y, c, ...]},
 * ...]}. `{}` in place of a person, or of everything, means that nobody was seen: Pose2Sim's associated files keep a
 * person's place that way. */
#include "perception/keypoints_build.h"

#include <ctype.h>
#include <dirent.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define JSON_MAX ((size_t)16 << 20) /* bytes of one frame's file */

static vg_status add_person(kp_builder *b, int32_t camera, int64_t number, const char *name, size_t index,
                            const json_t *person, vg_error *err) {
    if (!json_is_object(person)) return vg_fail(err, VG_CORRUPT, "%s: people[%zu] is not an object", name, index);
    const json_t *list = json_object_get(person, "pose_keypoints_2d");
    const size_t size = json_array_size(list);
    if (json_object_size(person) > 0 && !json_is_array(list))
        return vg_fail(err, VG_CORRUPT, "%s: people[%zu] has no list pose_keypoints_2d", name, index);
    if (size > 0) {
        if (size % 3 || size / 3 > VG_MAX_JOINTS)
            return vg_fail(
                err, VG_CORRUPT,
                "%s: people[%zu].pose_keypoints_2d has %zu numbers; it must hold x, y, confidence of 1 to %d "
                "joints",
                name, index, size, VG_MAX_JOINTS);
        if (size != 3 * (size_t)b->joints)
            return vg_fail(
                err, VG_CORRUPT,
                "%s: people[%zu].pose_keypoints_2d has %zu numbers, those before have %d; all files must come "
                "from one model",
                name, index, size, 3 * b->joints);
    }
    if (b->joints == 0) return VG_OK; /* nobody in this file, nor before it: no place to keep */
    vg_keypoint *out = kp_builder_add(b, camera, number, err);
    if (!out) return err ? err->status : VG_NO_MEMORY;
    for (size_t i = 0; i < size; i += 3) {
        double value[3];
        for (size_t k = 0; k < 3; k++) {
            const json_t *number_json = json_array_get(list, i + k);
            if (!json_is_number(number_json) && !json_is_null(number_json))
                return vg_fail(err, VG_CORRUPT, "%s: people[%zu].pose_keypoints_2d[%zu] is not a number", name, index,
                               i + k);
            value[k] = json_number_value(number_json); /* null is 0 */
        }
        if (!kp_keypoint(out + i / 3, value[0], value[1], value[2]))
            return vg_fail(err, VG_CORRUPT,
                           "%s: people[%zu].pose_keypoints_2d[%zu]: (%g, %g) of confidence %g cannot be a pixel", name,
                           index, i, value[0], value[1], value[2]);
    }
    return VG_OK;
}

static int32_t joints_of(const json_t *person) {
    const size_t size = json_array_size(json_object_get(person, "pose_keypoints_2d"));
    return size % 3 == 0 && size / 3 <= VG_MAX_JOINTS ? (int32_t)(size / 3) : 0;
}

vg_status kp_openpose_add(kp_builder *b, int32_t camera, int64_t number, const char *name, const char *text,
                          size_t size, vg_error *err) {
    if (size > JSON_MAX)
        return vg_fail(err, VG_INVALID, "%s: %zu bytes; a frame of OpenPose has at most %zu", name, size, JSON_MAX);
    json_error_t error;
    json_t *root = json_loadb(text, size, 0, &error);
    if (!root)
        return vg_fail(err, VG_CORRUPT, "%s:%d: not JSON: %s; was the file cut short?", name, error.line, error.text);
    const json_t *people = json_object_get(root, "people");
    vg_status status = VG_OK;
    for (size_t i = 0; b->joints == 0 && i < json_array_size(people); i++) /* before any `{}` is given its place */
        b->joints = joints_of(json_array_get(people, i));
    if (!json_is_object(root) || (json_object_size(root) > 0 && !json_is_array(people)))
        status = vg_fail(err, VG_CORRUPT, "%s: there is no list `people`; is it an OpenPose file?", name);
    else if (json_array_size(people) > VG_MAX_PEOPLE)
        status = vg_fail(err, VG_INVALID, "%s: %zu people; at most %d are possible", name, json_array_size(people),
                         VG_MAX_PEOPLE);
    for (size_t i = 0; status == VG_OK && i < json_array_size(people); i++)
        status = add_person(b, camera, number, name, i, json_array_get(people, i), err);
    const json_t *time = json_object_get(root, "time_seconds");
    if (status == VG_OK && time && !json_is_number(time))
        status =
            vg_fail(err, VG_CORRUPT, "%s: time_seconds is not a number; write seconds by the camera's clock", name);
    kp_builder_frame(b, camera, number);
    if (status == VG_OK && time) status = kp_builder_time(b, camera, number, json_number_value(time), name, err);
    json_decref(root);
    return status;
}

vg_status vg_keypoints_openpose_parse(const char *name, const char *text, size_t size,
                                      const vg_keypoints_options *options, vg_keypoints *out, vg_error *err) {
    kp_builder b = {.name = name, .options = options, .cameras = 1, .names = {"camera"}};
    *out = (vg_keypoints){0};
    vg_status status = kp_openpose_add(&b, 0, 0, name, text, size, err);
    if (status == VG_OK) status = kp_builder_finish(&b, true, out, err);
    kp_builder_free(&b);
    return status;
}

/* ---- folders ------------------------------------------------------------------------------------------------------ */

/* A frame's file. */
typedef struct frame_file {
    int64_t number;
    char name[NAME_MAX + 1];
} frame_file;

typedef struct frame_files {
    frame_file *file;
    size_t count, room;
} frame_files;

static bool ends_with(const char *name, const char *ending) {
    const size_t n = strlen(name), e = strlen(ending);
    return n > e && strcmp(name + n - e, ending) == 0;
}

/* The last number in the name of a file, without its ending; -1 where there is none. */
static int64_t frame_number(const char *name) {
    size_t end = strlen(name) - strlen(".json");
    while (end > 0 && !isdigit((unsigned char)name[end - 1])) end--;
    size_t begin = end;
    while (begin > 0 && end - begin < 18 && isdigit((unsigned char)name[begin - 1])) begin--;
    return end == begin ? -1 : strtoll(name + begin, NULL, 10);
}

static int compare_files(const void *a, const void *b) {
    const int64_t x = ((const frame_file *)a)->number, y = ((const frame_file *)b)->number;
    return (x > y) - (x < y);
}

static vg_status list_frames(frame_files *out, const char *folder, vg_error *err) {
    DIR *directory = opendir(folder);
    if (!directory) return vg_fail(err, VG_IO, "%s: cannot open the folder", folder);
    vg_status status = VG_OK;
    for (const struct dirent *entry; status == VG_OK && (entry = readdir(directory));) {
        if (entry->d_name[0] == '.' || !ends_with(entry->d_name, ".json")) continue;
        if (out->count == out->room) {
            const size_t room = out->room ? 2 * out->room : 128;
            frame_file *file = realloc(out->file, sizeof *file * room);
            if (!file) {
                status = vg_fail(err, VG_NO_MEMORY, "%s: no memory for %zu names", folder, room);
                break;
            }
            out->file = file, out->room = room;
        }
        frame_file *f = out->file + out->count++;
        snprintf(f->name, sizeof f->name, "%s", entry->d_name);
        f->number = frame_number(f->name);
        if (f->number < 0 || f->number > INT_MAX / 2)
            status =
                vg_fail(err, VG_INVALID, "%s/%s: its name has no frame number; name files NAME_000123_keypoints.json",
                        folder, f->name);
    }
    closedir(directory);
    if (status != VG_OK || out->count == 0) return status;
    qsort(out->file, out->count, sizeof *out->file, compare_files);
    for (size_t i = 1; i < out->count; i++)
        if (out->file[i].number == out->file[i - 1].number)
            return vg_fail(err, VG_INVALID, "%s: %s and %s are both frame %lld; keep one recording a folder", folder,
                           out->file[i - 1].name, out->file[i].name, (long long)out->file[i].number);
    return VG_OK;
}

static vg_status read_frames(kp_builder *b, const char *folder, const char *camera_name, const frame_files *files,
                             vg_error *err) {
    const int32_t camera = kp_builder_camera(b, (vg_span){camera_name, strlen(camera_name)}, err);
    if (camera < 0) return VG_INVALID;
    for (size_t i = 0; i < files->count; i++) {
        char path[PATH_MAX + NAME_MAX + 2], *text;
        size_t size;
        snprintf(path, sizeof path, "%s/%s", folder, files->file[i].name);
        VG_TRY(vg_text_load(&text, &size, path, err));
        const vg_status status = kp_openpose_add(b, camera, files->file[i].number, path, text, size, err);
        free(text);
        VG_TRY(status);
    }
    return VG_OK;
}

vg_status kp_openpose_read(kp_builder *b, const char *folder, vg_error *err) {
    struct dirent **entries;
    const int count = scandir(folder, &entries, NULL, alphasort);
    if (count < 0) return vg_fail(err, VG_IO, "%s: cannot open the folder", folder);
    vg_status status = VG_OK;
    char inside[NAME_MAX + 16] = "";
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        struct stat info;
        const char *name = entries[i]->d_name;
        if (status == VG_OK && name[0] != '.' &&
            (size_t)snprintf(path, sizeof path, "%s/%s", folder, name) < sizeof path && stat(path, &info) == 0 &&
            S_ISDIR(info.st_mode)) {
            frame_files files = {0};
            status = list_frames(&files, path, err);
            if (status == VG_OK && files.count > 0) status = read_frames(b, path, name, &files, err);
            if (files.count == 0) snprintf(inside, sizeof inside, "; is it %s/%.200s?", "FOLDER", name);
            free(files.file);
        }
        free(entries[i]);
    }
    free(entries);
    if (status == VG_OK && b->cameras == 0)
        return vg_fail(err, VG_NOT_FOUND,
                       "%s: no folder in it holds .json files; each camera's files belong in a folder of their own "
                       "(FOLDER/cam01_json/...)%s",
                       folder, inside);
    return status;
}
