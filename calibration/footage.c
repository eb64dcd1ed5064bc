/* Footage: walks paths, sorts files into cameras. */
#include "calibration/footage.h"

#include "calibration/video.h"

#include <ctype.h>
#include <dirent.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { LEVELS = 2 };

typedef enum kind { OTHER, PICTURE, VIDEO, FOLDER } kind;

static kind kind_of(const char *path) {
    static const char *const pictures[] = {"png", "jpg", "jpeg", "bmp", "tif", "tiff", "webp", "pgm", "ppm"};
    static const char *const videos[] = {"mp4", "avi", "mov", "mkv", "webm", "m4v", "mts", "mpg", "mpeg"};
    struct stat st;
    if (stat(path, &st) != 0) return OTHER;
    if (S_ISDIR(st.st_mode)) return FOLDER;
    const char *dot = strrchr(path, '.');
    if (!dot || !S_ISREG(st.st_mode)) return OTHER;
    for (size_t i = 0; i < sizeof pictures / sizeof pictures[0]; i++)
        if (strcasecmp(dot + 1, pictures[i]) == 0) return PICTURE;
    for (size_t i = 0; i < sizeof videos / sizeof videos[0]; i++)
        if (strcasecmp(dot + 1, videos[i]) == 0) return VIDEO;
    return OTHER;
}

/* The last part of a path, without its ending where `cut`. */
static void name_from(char out[64], const char *path, size_t size, bool cut) {
    while (size > 1 && path[size - 1] == '/') size--;
    size_t from = size;
    while (from && path[from - 1] != '/') from--;
    size_t n = size - from;
    for (size_t i = n; cut && i-- > 1;)
        if (path[from + i] == '.') {
            n = i;
            break;
        }
    snprintf(out, 64, "%.*s", (int)(n < 63 ? n : 63), path + from);
}

/* The camera of pictures in one folder, or a new one for a video. NULL: no room. */
static vg_camera_footage *camera_for(vg_footage *f, const char *path, bool video) {
    const char *slash = strrchr(path, '/');
    const size_t folder = slash ? (size_t)(slash - path) : 0;
    for (int32_t i = 0; !video && i < f->cameras; i++) {
        const char *other = f->camera[i].file[0], *its = strrchr(other, '/');
        const size_t length = its ? (size_t)(its - other) : 0;
        if (!f->camera[i].video && length == folder && strncmp(other, path, folder) == 0) return &f->camera[i];
    }
    if (f->cameras == VG_FOOTAGE_CAMERAS_MAX) return NULL;
    vg_camera_footage *c = &f->camera[f->cameras++];
    c->video = video;
    if (video || !folder)
        name_from(c->name, path, strlen(path), true);
    else
        name_from(c->name, path, folder, false);
    return c;
}

static vg_status add_file(vg_footage *f, const char *path, bool video, vg_error *err) {
    vg_camera_footage *c = camera_for(f, path, video);
    if (!c) return vg_fail(err, VG_INVALID, "%s: more than %d cameras", path, VG_FOOTAGE_CAMERAS_MAX);
    if (c->files == VG_FOOTAGE_PICTURES_MAX)
        return vg_fail(err, VG_INVALID, "%s: more than %d pictures of one camera", path, VG_FOOTAGE_PICTURES_MAX);
    if ((c->files & (c->files - 1)) == 0) { /* at powers of two, room for as many again */
        char **more = realloc(c->file, (c->files ? 2 * c->files : 1) * sizeof *more);
        if (!more) return vg_fail(err, VG_NO_MEMORY, "no memory for %zu file names", c->files);
        c->file = more;
    }
    c->file[c->files] = strdup(path);
    if (!c->file[c->files]) return vg_fail(err, VG_NO_MEMORY, "no memory for a file name");
    c->files++;
    return VG_OK;
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strverscmp((*a)->d_name, (*b)->d_name);
}

static int is_shown(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

/* The pictures and videos of a folder; where it has none, those of the folders in it. */
static vg_status add_folder(vg_footage *f, const char *path, int levels, vg_error *err) {
    struct dirent **entry = NULL;
    const int n = scandir(path, &entry, is_shown, by_name);
    if (n < 0) return vg_fail(err, VG_IO, "%s: cannot be listed", path);
    vg_status status = VG_OK;
    bool found = false;
    const size_t length = strlen(path);
    const char *between = length && path[length - 1] == '/' ? "" : "/";
    for (int pass = 0; pass < 2 && !found; pass++)
        for (int i = 0; i < n && status == VG_OK; i++) {
            char file[4096];
            if (snprintf(file, sizeof file, "%s%s%s", path, between, entry[i]->d_name) >= (int)sizeof file) continue;
            const kind k = kind_of(file);
            if (pass == 0 && (k == PICTURE || k == VIDEO)) {
                status = add_file(f, file, k == VIDEO, err);
                found = true;
            } else if (pass == 1 && k == FOLDER && levels > 0) {
                status = add_folder(f, file, levels - 1, err);
            }
        }
    for (int i = 0; i < n; i++) free(entry[i]);
    free(entry);
    return status;
}

static vg_status add_path(vg_footage *f, const char *path, vg_error *err) {
    const kind k = kind_of(path);
    if (k == FOLDER) return add_folder(f, path, LEVELS, err);
    struct stat st;
    if (k != OTHER || stat(path, &st) == 0) {
        if (k == OTHER)
            return vg_fail(err, VG_UNSUPPORTED,
                           "%s: neither a picture (png, jpg, bmp, tif) nor a video (mp4, avi, mov, mkv) by its name",
                           path);
        return add_file(f, path, k == VIDEO, err);
    }
    glob_t found;
    vg_status status = VG_OK;
    if (glob(path, 0, NULL, &found) != 0)
        return vg_fail(err, VG_NOT_FOUND, "%s: no such file or folder, and no file fits it as a pattern", path);
    for (size_t i = 0; i < found.gl_pathc && status == VG_OK; i++) status = add_path(f, found.gl_pathv[i], err);
    globfree(&found);
    return status;
}

vg_status vg_footage_find(vg_footage *out, const char *const *paths, size_t count, vg_error *err) {
    *out = (vg_footage){.camera = calloc(VG_FOOTAGE_CAMERAS_MAX, sizeof *out->camera)};
    if (!out->camera) return vg_fail(err, VG_NO_MEMORY, "no memory for a list of cameras");
    vg_status status = VG_OK;
    for (size_t i = 0; i < count && status == VG_OK; i++) {
        const int32_t before = out->cameras;
        status = add_path(out, paths[i], err);
        if (status == VG_OK && count == 1 && out->cameras == before)
            status = vg_fail(err, VG_NOT_FOUND, "%s: no pictures or videos in it, nor in the folders in it", paths[i]);
    }
    if (status != VG_OK) vg_footage_free(out);
    return status;
}

void vg_footage_free(vg_footage *footage) {
    for (int32_t i = 0; i < footage->cameras; i++) {
        for (size_t k = 0; k < footage->camera[i].files; k++) free(footage->camera[i].file[k]);
        free(footage->camera[i].file);
    }
    free(footage->camera);
    *footage = (vg_footage){0};
}

/* Lower case letters and digits only. */
static void plain(char out[64], const char *name) {
    size_t n = 0;
    for (; *name && n < 63; name++)
        if (isalnum((unsigned char)*name)) out[n++] = (char)tolower((unsigned char)*name);
    out[n] = '\0';
}

/* Does `text` hold `part`, not as the beginning or end of a longer number? */
static bool holds(const char *text, const char *part) {
    const size_t size = strlen(part);
    if (!size) return false;
    for (const char *at = text; (at = strstr(at, part)); at++) {
        const bool cut_before = isdigit((unsigned char)part[0]) && at > text && isdigit((unsigned char)at[-1]);
        const bool cut_after = isdigit((unsigned char)part[size - 1]) && isdigit((unsigned char)at[size]);
        if (!cut_before && !cut_after) return true;
    }
    return false;
}

int32_t vg_footage_of_camera(const vg_footage *footage, const char *name) {
    char wanted[64];
    int32_t found = -1;
    plain(wanted, name);
    for (int pass = 0; pass < 2 && found < 0; pass++)
        for (int32_t i = 0; i < footage->cameras && found < 0; i++) {
            char its[64];
            plain(its, footage->camera[i].name);
            if (pass ? strlen(its) > 1 && holds(wanted, its) : holds(its, wanted)) found = i;
        }
    return found;
}

vg_status vg_footage_size(const vg_camera_footage *footage, int32_t *width, int32_t *height, vg_error *err) {
    vg_video *video;
    VG_TRY(vg_video_open(&video, footage->file[0], NULL, err));
    *width = vg_video_about(video)->width;
    *height = vg_video_about(video)->height;
    vg_video_close(video);
    return VG_OK;
}
