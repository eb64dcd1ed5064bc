/* Calibration files: which kind a file is, its companion where it has one, and the doors to the readers and writers. */
#include "calibration/files.h"

#include "calibration/files_tree.h"
#include "common/text.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define FOCAL_MOST      1e7 /* px */
#define CENTRE_MOST     1e6 /* px */
#define DISTORTION_MOST 1e6 /* long lenses have hundreds */

static const char *const format_names[VG_CALIBRATION_FORMATS] = {
    "detected by content", "Pose2Sim TOML", "anipose TOML", "Caliscope TOML", "Qualisys .qca.txt", "OpenCV FileStorage",
    "EasyMocap YAML",      "Panoptic JSON", "COLMAP text",  "Human3.6M JSON", "VoxelPose JSON",    "K and RT JSON"};

static const char *const format_words[VG_CALIBRATION_FORMATS] = {"auto",     "pose2sim", "anipose",   "caliscope",
                                                                 "qualisys", "opencv",   "easymocap", "panoptic",
                                                                 "colmap",   "human36m", "voxelpose", "krt"};

const char *vg_calibration_format_word(vg_calibration_format format) {
    return format_words[format];
}

const char *vg_calibration_format_name(vg_calibration_format format) {
    return format_names[format];
}

vg_status vg_camera_set_create(vg_camera_set *out, int32_t cameras, vg_error *err) {
    VG_ASSERT(cameras >= 0);
    *out = (vg_camera_set){.unit_metres = 1, .error_px = (double)NAN};
    if (cameras > VG_CAMERA_SET_MAX)
        return vg_fail(err, VG_INVALID, "%d cameras; at most %d", cameras, VG_CAMERA_SET_MAX);
    out->camera = calloc((size_t)cameras + 1, sizeof *out->camera);
    if (!out->camera) return vg_fail(err, VG_NO_MEMORY, "no memory for %d cameras", cameras);
    out->cameras = cameras;
    for (int32_t i = 0; i < cameras; i++) {
        vg_named_camera *c = &out->camera[i];
        c->camera.R[0] = c->camera.R[4] = c->camera.R[8] = 1;
        c->error_px = c->error_metres = (double)NAN;
    }
    return VG_OK;
}

void vg_camera_set_free(vg_camera_set *set) {
    free(set->camera);
    *set = (vg_camera_set){0};
}

int32_t vg_camera_set_find(const vg_camera_set *set, const char *name) {
    for (int32_t i = 0; i < set->cameras; i++)
        if (strcmp(set->camera[i].name, name) == 0) return i;
    return -1;
}

/* --- names --------------------------------------------------------------------------------------------------------- */

/* Letters and digits in small letters, without the endings that recorders and detectors add. */
static void plain_name(char out[VG_CAMERA_NAME], const char *name) {
    static const char *const endings[] = {"_json", ".json", ".mp4", ".avi", ".mov", "_keypoints", "_pose"};
    size_t length = strlen(name), n = 0;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        const size_t e = strlen(endings[i]);
        if (length > e && strncasecmp(name + length - e, endings[i], e) == 0) length -= e;
    }
    for (size_t i = 0; i < length && n < VG_CAMERA_NAME - 1; i++)
        if (isalnum((unsigned char)name[i])) out[n++] = (char)tolower((unsigned char)name[i]);
    out[n] = '\0';
}

/* The last number in a name; -1 where there is none. */
static long last_number(const char *name) {
    size_t end = strlen(name);
    while (end > 0 && !isdigit((unsigned char)name[end - 1])) end--;
    size_t begin = end;
    while (begin > 0 && isdigit((unsigned char)name[begin - 1])) begin--;
    return end == begin || end - begin > 9 ? -1 : strtol(name + begin, NULL, 10);
}

typedef enum match_rule { SAME, PLAIN, NUMBER, BEGINS, MATCH_RULES } match_rule;

static bool matches(match_rule rule, const char *name, const char *known) {
    char a[VG_CAMERA_NAME], b[VG_CAMERA_NAME];
    if (rule == SAME) return strcmp(name, known) == 0;
    if (rule == BEGINS) {
        const size_t n = strlen(known);
        return n > 0 && strncmp(name, known, n) == 0 && !isdigit((unsigned char)name[n]);
    }
    plain_name(a, name), plain_name(b, known);
    return rule == PLAIN ? strcmp(a, b) == 0 : last_number(a) >= 0 && last_number(a) == last_number(b);
}

int32_t vg_camera_match(const char *name, const char *names, size_t stride, int32_t count) {
    for (match_rule rule = SAME; rule < MATCH_RULES; rule++) {
        int32_t found = -1, met = 0;
        for (int32_t i = 0; i < count; i++)
            if (matches(rule, name, names + (size_t)i * stride)) found = i, met++;
        if (met > 0) return met == 1 ? found : -1;
    }
    return -1;
}

int32_t vg_camera_set_match(const vg_camera_set *set, const char *name) {
    return set->cameras > 0 ? vg_camera_match(name, set->camera[0].name, sizeof *set->camera, set->cameras) : -1;
}

/* --- reading ------------------------------------------------------------------------------------------------------- */

/* A file's text and what it holds. */
typedef struct source {
    char *text;
    size_t size;
    json_t *tree;
} source;

static void release(source *s) {
    free(s->text);
    json_decref(s->tree);
    *s = (source){0};
}

static bool is_folder(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool is_file(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* `name` in the folder `path`, or beside the file `path`. */
static void beside(char out[1024], const char *path, const char *name) {
    const char *slash = strrchr(path, '/');
    const size_t folder = is_folder(path) ? strlen(path) : slash ? (size_t)(slash - path) : 0;
    if (!folder && !is_folder(path))
        snprintf(out, 1024, "%s", name);
    else
        snprintf(out, 1024, "%.*s/%s", (int)(folder < 900 ? folder : 900), path, name);
}

static vg_status load_tree(source *s, const char *path, vg_error *err) {
    VG_TRY(vg_text_load(&s->text, &s->size, path, err));
    return tree_from_yaml(&s->tree, path, s->text, s->size, err);
}

typedef enum language { TOML, YAML, XML, JSON, COLMAP } language;

/* The language of a text by its first characters. */
static language language_of(vg_span text) {
    if (vg_span_starts(text, "\xef\xbb\xbf")) text.at += 3, text.size -= 3;
    text = vg_span_trim(text);
    if (vg_span_starts(text, "%YAML") || vg_span_starts(text, "---")) return YAML;
    if (vg_span_starts(text, "<")) return XML;
    if (vg_span_starts(text, "{")) return JSON;
    if (vg_span_starts(text, "# Camera list") || vg_span_starts(text, "# Image list")) return COLMAP;
    /* "1 PINHOLE 640 480 ..." begins with a number; TOML never does; YAML without its mark has colons, not equals */
    vg_span rest = text;
    long number;
    if (vg_span_int(vg_span_word(&rest), &number)) return COLMAP;
    vg_lines lines = vg_lines_of(text.at, text.size);
    for (vg_span line; vg_lines_next(&lines, &line);) {
        line = vg_span_trim(line);
        if (!line.size || line.at[0] == '#') continue;
        if (line.at[0] == '[') return TOML;
        return !memchr(line.at, '=', line.size) && memchr(line.at, ':', line.size) ? YAML : TOML;
    }
    return TOML;
}

/* EasyMocap's pair, or OpenCV's one or two files. `path` is NULL when there is only the text. */
static vg_status read_yaml(vg_camera_set *out, const char *path, const char *name, const json_t *tree,
                           const vg_calibration_options *options, vg_error *err) {
    const tree_at at = {name, "", err};
    const bool easymocap = json_is_array(json_object_get(tree, "names"));
    const bool places = !json_object_get(tree, "M1") && json_object_get(tree, "R") && json_object_get(tree, "T");
    char other_path[1024];
    source other = {0};
    vg_status status = VG_OK;
    bool is_extri = false;
    if (easymocap && json_array_size(json_object_get(tree, "names"))) {
        const char *first = json_string_value(json_array_get(json_object_get(tree, "names"), 0));
        char key[VG_CAMERA_NAME + 8];
        snprintf(key, sizeof key, "K_%.*s", VG_CAMERA_NAME, first ? first : "");
        is_extri = !json_object_get(tree, key);
    }
    if (path && (easymocap || places || json_object_get(tree, "M1"))) {
        beside(other_path, path,
               easymocap ? (is_extri ? "intri.yml" : "extri.yml") : (places ? "intrinsics.yml" : "extrinsics.yml"));
        if (is_file(other_path)) status = load_tree(&other, other_path, err);
    }
    if (status == VG_OK && easymocap && is_extri && !other.tree)
        status = vg_fail(err, VG_NOT_FOUND, "%s: places without lenses; put intri.yml beside it", name);
    else if (status == VG_OK && easymocap)
        status = is_extri ? files_read_easymocap(out, other.tree, tree, options, &(tree_at){other_path, "", err}, name)
                          : files_read_easymocap(out, tree, other.tree, options, &at, other_path);
    else if (status == VG_OK)
        status = files_read_opencv(out, tree, other.tree, options, &at);
    release(&other);
    return status;
}

static vg_status read_colmap(vg_camera_set *out, const char *path, const vg_calibration_options *options,
                             vg_error *err) {
    char cameras_path[1024], images_path[1024];
    source cameras = {0}, images = {0};
    beside(cameras_path, path, "cameras.txt");
    beside(images_path, path, "images.txt");
    vg_status status = vg_text_load(&cameras.text, &cameras.size, cameras_path, err);
    if (status == VG_OK && is_file(images_path)) status = vg_text_load(&images.text, &images.size, images_path, err);
    char folder[1024]; /* the reader says which of both files */
    beside(folder, path, ".");
    if (strlen(folder) > 2) folder[strlen(folder) - 2] = '\0';
    if (status == VG_OK)
        status = files_read_colmap(out, cameras.text, cameras.size, images.text, images.size, options, folder, err);
    release(&cameras);
    release(&images);
    return status;
}

static vg_status read_text(vg_camera_set *out, const char *path, const char *name, const char *text, size_t size,
                           const vg_calibration_options *options, vg_error *err) {
    const tree_at at = {name, "", err};
    json_t *tree = NULL;
    vg_status status;
    switch (language_of((vg_span){text, size})) {
    case COLMAP:
        return path ? read_colmap(out, path, options, err)
                    : files_read_colmap(out, text, size, NULL, 0, options, name, err);
    case XML:
        VG_TRY(tree_from_xml(&tree, name, text, size, err));
        status = json_object_get(tree, "calibration") ? files_read_qualisys(out, tree, options, &at)
                                                      : files_read_opencv(out, tree, NULL, options, &at);
        break;
    case JSON:
        VG_TRY(tree_from_json(&tree, name, text, size, err));
        status = files_read_json(out, tree, options, &at);
        break;
    case YAML:
        VG_TRY(tree_from_yaml(&tree, name, text, size, err));
        status = read_yaml(out, path, name, tree, options, err);
        break;
    default:
        VG_TRY(tree_from_toml(&tree, name, text, size, err));
        status = files_read_toml(out, tree, options, &at);
    }
    json_decref(tree);
    return status;
}

/* Numbers that no lens has: digits lost, or a file of something else. */
static vg_status check_lens(const vg_named_camera *n, const char *name, vg_error *err) {
    const vg_camera *c = &n->camera;
    if (!(c->fx > 0 && c->fy > 0 && c->fx < FOCAL_MOST && c->fy < FOCAL_MOST))
        return vg_fail(err, VG_INVALID, "%s: camera %s: focal lengths %g and %g px; give numbers above 0 and below %g",
                       name, n->name, c->fx, c->fy, FOCAL_MOST);
    if (!(fabs(c->cx) < CENTRE_MOST && fabs(c->cy) < CENTRE_MOST))
        return vg_fail(err, VG_INVALID, "%s: camera %s: optical centre (%g, %g) px; give numbers below %g", name,
                       n->name, c->cx, c->cy, CENTRE_MOST);
    for (int k = 0; k < 8; k++)
        if (!(fabs(c->distortion[k]) < DISTORTION_MOST))
            return vg_fail(err, VG_INVALID, "%s: camera %s: distortion %d is %g; no lens has one above %g", name,
                           n->name, k + 1, c->distortion[k], DISTORTION_MOST);
    return VG_OK;
}

vg_status files_settle(const vg_camera_set *out, const vg_calibration_options *options, const char *name,
                       vg_error *err) {
    if (options->format && options->format != out->format)
        return vg_fail(err, VG_INVALID, "%s: is %s, not %s", name, format_names[out->format],
                       format_names[options->format]);
    for (int32_t i = 0; i < out->cameras; i++)
        if (vg_camera_set_find(out, out->camera[i].name) != i)
            return vg_fail(err, VG_INVALID, "%s: two cameras are called `%s`; rename one", name, out->camera[i].name);
    for (int32_t i = 0; i < out->cameras; i++) VG_TRY(check_lens(out->camera + i, name, err));
    return VG_OK;
}

vg_status vg_calibration_parse(const char *name, const char *text, size_t size, const vg_calibration_options *options,
                               vg_camera_set *out, vg_error *err) {
    const vg_calibration_options o = options ? *options : (vg_calibration_options){0};
    *out = (vg_camera_set){0};
    vg_status status = read_text(out, NULL, name, text, size, &o, err);
    if (status == VG_OK) status = files_settle(out, &o, name, err);
    if (status != VG_OK) vg_camera_set_free(out);
    return status;
}

vg_status vg_calibration_read(const char *path, const vg_calibration_options *options, vg_camera_set *out,
                              vg_error *err) {
    const vg_calibration_options o = options ? *options : (vg_calibration_options){0};
    *out = (vg_camera_set){0};
    char file[1024];
    snprintf(file, sizeof file, "%s", path);
    if (is_folder(path)) {
        static const char *const inside[] = {"intri.yml", "cameras.txt", "intrinsics.yml", "camera_array.toml",
                                             "Calib.toml"};
        size_t i = 0;
        for (; i < sizeof inside / sizeof inside[0]; i++) {
            beside(file, path, inside[i]);
            if (is_file(file)) break;
        }
        if (i == sizeof inside / sizeof inside[0])
            return vg_fail(err, VG_NOT_FOUND,
                           "%s: a folder with none of intri.yml, cameras.txt, intrinsics.yml, camera_array.toml, "
                           "Calib.toml; name the calibration file",
                           path);
    }
    source s = {0};
    VG_TRY(vg_text_load(&s.text, &s.size, file, err));
    vg_status status = read_text(out, file, file, s.text, s.size, &o, err);
    if (status == VG_OK) status = files_settle(out, &o, file, err);
    release(&s);
    if (status != VG_OK) vg_camera_set_free(out);
    return status;
}

/* --- writing ------------------------------------------------------------------------------------------------------- */

typedef vg_status (*writer)(FILE *f, const vg_camera_set *set, vg_error *err);

static vg_status write_yaml(FILE *f, const vg_camera_set *set, vg_error *err) {
    return files_write_opencv(f, set, false, err);
}

static vg_status write_xml(FILE *f, const vg_camera_set *set, vg_error *err) {
    return files_write_opencv(f, set, true, err);
}

static vg_status write_file(const char *path, const vg_camera_set *set, writer write, vg_error *err) {
    vg_file file;
    VG_TRY(vg_file_create(&file, path, err));
    const vg_status status = write(file.stream, set, err);
    if (status == VG_OK) return vg_file_commit(&file, err);
    vg_file_abandon(&file);
    return vg_fail_context(err, status, "%s", path);
}

static vg_status write_folder(const char *path, const vg_camera_set *set, const char *first, writer write_first,
                              const char *second, writer write_second, vg_error *err) {
    char file[1024];
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return vg_fail(err, VG_IO, "%s: cannot be made: %s; name a folder", path, strerror(errno));
    if (!is_folder(path)) return vg_fail(err, VG_INVALID, "%s: this format needs a folder, not a file", path);
    beside(file, path, first);
    VG_TRY(write_file(file, set, write_first, err));
    beside(file, path, second);
    return write_file(file, set, write_second, err);
}

static bool ends_with(const char *path, const char *ending) {
    const size_t n = strlen(path), m = strlen(ending);
    return n >= m && strcasecmp(path + n - m, ending) == 0;
}

static vg_calibration_format format_by_name(const char *path) {
    if (ends_with(path, ".toml")) return VG_CALIBRATION_POSE2SIM;
    if (ends_with(path, ".qca.txt")) return VG_CALIBRATION_QUALISYS;
    if (ends_with(path, ".json")) return VG_CALIBRATION_PANOPTIC;
    if (ends_with(path, ".yml") || ends_with(path, ".yaml") || ends_with(path, ".xml")) return VG_CALIBRATION_OPENCV;
    return VG_CALIBRATION_AUTO;
}

vg_status vg_calibration_write(const char *path, const vg_camera_set *set, vg_calibration_format format,
                               vg_error *err) {
    if (set->cameras < 1) return vg_fail(err, VG_INVALID, "%s: no cameras to write", path);
    if (format == VG_CALIBRATION_AUTO) format = format_by_name(path);
    switch (format) {
    case VG_CALIBRATION_POSE2SIM:
        return write_file(path, set, files_write_pose2sim, err);
    case VG_CALIBRATION_ANIPOSE:
        return write_file(path, set, files_write_anipose, err);
    case VG_CALIBRATION_CALISCOPE:
        return write_file(path, set, files_write_caliscope, err);
    case VG_CALIBRATION_QUALISYS:
        return write_file(path, set, files_write_qualisys, err);
    case VG_CALIBRATION_OPENCV:
        return write_file(path, set, ends_with(path, ".xml") ? write_xml : write_yaml, err);
    case VG_CALIBRATION_PANOPTIC:
        return write_file(path, set, files_write_panoptic, err);
    case VG_CALIBRATION_HUMAN36M:
        return write_file(path, set, files_write_human36m, err);
    case VG_CALIBRATION_EASYMOCAP:
        return write_folder(path, set, "intri.yml", files_write_easymocap_intri, "extri.yml",
                            files_write_easymocap_extri, err);
    case VG_CALIBRATION_COLMAP:
        return write_folder(path, set, "cameras.txt", files_write_colmap_cameras, "images.txt",
                            files_write_colmap_images, err);
    default:
        return vg_fail(err, VG_UNSUPPORTED,
                       "%s: end the name in .toml, .qca.txt, .json, .yml or .xml, or name the format to write", path);
    }
}
