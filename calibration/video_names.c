/* Which pictures a folder or a pattern stands for. A pattern is glob's (*, ?, [..]) or has one printf number (%d, %04d). */
#include "calibration/video.h"

#include <ctype.h>
#include <dirent.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static const char *const endings[] = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm"};

static bool is_folder(const char *path) {
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

static bool is_picture(const char *name) {
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof endings[0]; i++)
        if (strcasecmp(dot, endings[i]) == 0) return true;
    return false;
}

/* The printf number in a pattern: its start, and behind it. */
static const char *number_field(const char *pattern, const char **behind) {
    for (const char *at = pattern; (at = strchr(at, '%')) != NULL; at++) {
        const char *end = at + 1;
        while (isdigit((unsigned char)*end)) end++;
        if (*end != 'd' || end - at > 4) continue;
        *behind = end + 1;
        return at;
    }
    return NULL;
}

bool vg_is_picture_pattern(const char *source) {
    struct stat about;
    const char *behind;
    if (strstr(source, "://")) return false;
    if (stat(source, &about) == 0) return S_ISDIR(about.st_mode); /* a file may be called "a[1].mp4" */
    return strpbrk(source, "*?[") || number_field(source, &behind);
}

static int by_number(const void *a, const void *b) {
    return strverscmp(*(char *const *)a, *(char *const *)b);
}

static vg_status keep(char ***names, int32_t *count, const char *name, const char *pattern, vg_error *err) {
    if ((*count & (*count - 1)) == 0) { /* grows at powers of two */
        char **more = realloc(*names, sizeof *more * (size_t)(*count ? 2 * *count : 1));
        if (!more) return vg_fail(err, VG_NO_MEMORY, "%.300s: out of memory for the pictures' names", pattern);
        *names = more;
    }
    char *copy = strdup(name);
    if (!copy) return vg_fail(err, VG_NO_MEMORY, "%.300s: out of memory for the pictures' names", pattern);
    (*names)[(*count)++] = copy;
    return VG_OK;
}

static vg_status of_folder(char ***names, int32_t *count, const char *folder, vg_error *err) {
    DIR *dir = opendir(folder);
    if (!dir) return vg_fail(err, VG_IO, "%.300s: cannot read the folder: %m", folder);
    vg_status status = VG_OK;
    for (struct dirent *entry; status == VG_OK && (entry = readdir(dir)) != NULL;) {
        char path[VG_VIDEO_NAME + 300];
        if (entry->d_name[0] == '.' || !is_picture(entry->d_name)) continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        status = keep(names, count, path, folder, err);
    }
    closedir(dir);
    return status;
}

/* Only digits where the pattern has its number. */
static bool number_matches(const char *name, size_t before, const char *behind) {
    const size_t n = strlen(name), after = strlen(behind);
    if (n <= before + after || strcmp(name + n - after, behind) != 0) return false;
    for (size_t i = before; i < n - after; i++)
        if (!isdigit((unsigned char)name[i])) return false;
    return true;
}

static vg_status of_pattern(char ***names, int32_t *count, const char *pattern, vg_error *err) {
    char expression[VG_VIDEO_NAME + 8];
    const char *behind = NULL, *number = number_field(pattern, &behind);
    if (number)
        snprintf(expression, sizeof expression, "%.*s*%s", (int)(number - pattern), pattern, behind);
    else
        snprintf(expression, sizeof expression, "%s", pattern);
    glob_t found;
    const int code = glob(expression, 0, NULL, &found);
    if (code == GLOB_NOSPACE) return vg_fail(err, VG_NO_MEMORY, "%.300s: out of memory for the names", pattern);
    vg_status status = VG_OK;
    for (size_t i = 0; code == 0 && i < found.gl_pathc && status == VG_OK; i++) {
        if (number && !number_matches(found.gl_pathv[i], (size_t)(number - pattern), behind)) continue;
        if (!is_folder(found.gl_pathv[i])) status = keep(names, count, found.gl_pathv[i], pattern, err);
    }
    if (code == 0) globfree(&found);
    return status;
}

vg_status vg_picture_names(char ***names, int32_t *count, const char *pattern, vg_error *err) {
    *names = NULL, *count = 0;
    if (strlen(pattern) >= VG_VIDEO_NAME) return vg_fail(err, VG_INVALID, "%.100s...: the name is too long", pattern);
    vg_status status =
        is_folder(pattern) ? of_folder(names, count, pattern, err) : of_pattern(names, count, pattern, err);
    if (status == VG_OK && *count == 0)
        status = vg_fail(err, VG_NOT_FOUND,
                         "%.300s: no picture there; a folder's pictures end in .jpg .png .bmp .tif .webp .ppm .pgm",
                         pattern);
    if (status != VG_OK) {
        vg_picture_names_free(*names, *count);
        *names = NULL, *count = 0;
        return status;
    }
    qsort(*names, (size_t)*count, sizeof **names, by_number);
    return VG_OK;
}

void vg_picture_names_free(char **names, int32_t count) {
    for (int32_t i = 0; i < count; i++) free(names[i]);
    free(names);
}
