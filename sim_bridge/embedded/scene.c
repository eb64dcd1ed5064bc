/* Scene files: YAML checked against a schema (libcyaml), then for sense. Metres and degrees outside, metres and radians
 * inside. Walls are given by their ends and become thin boxes. */
#include "sim_bridge/embedded/sim.h"

#include "common/transform.h"

#include <cyaml/cyaml.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct yaml_rect {
    float low[2], high[2];
} yaml_rect;
typedef struct yaml_cuboid {
    float low[3], high[3];
} yaml_cuboid;
typedef struct yaml_box {
    float at[2], size[3], base, yaw;
} yaml_box;
typedef struct yaml_cylinder {
    float at[2], radius, height, base;
} yaml_cylinder;
typedef struct yaml_wall {
    float from[2], to[2], height, thickness, base;
} yaml_wall;
typedef struct yaml_scene {
    char *name;
    yaml_rect area;
    yaml_cuboid cameras;
    yaml_box *boxes;
    yaml_cylinder *cylinders;
    yaml_wall *walls;
    uint32_t boxes_count, cylinders_count, walls_count;
} yaml_scene;

static const cyaml_schema_value_t number = {CYAML_VALUE_FLOAT(CYAML_FLAG_DEFAULT, float)};
#define VECTOR(key, type, member, n) CYAML_FIELD_SEQUENCE_FIXED(key, CYAML_FLAG_DEFAULT, type, member, &number, n)
#define NUMBER(key, type, member)    CYAML_FIELD_FLOAT(key, CYAML_FLAG_DEFAULT, type, member)
#define MAYBE(key, type, member)     CYAML_FIELD_FLOAT(key, CYAML_FLAG_OPTIONAL, type, member)

static const cyaml_schema_field_t rect_fields[] = {VECTOR("low", yaml_rect, low, 2), VECTOR("high", yaml_rect, high, 2),
                                                   CYAML_FIELD_END};
static const cyaml_schema_field_t cuboid_fields[] = {VECTOR("low", yaml_cuboid, low, 3),
                                                     VECTOR("high", yaml_cuboid, high, 3), CYAML_FIELD_END};
static const cyaml_schema_field_t box_fields[] = {VECTOR("at", yaml_box, at, 2), VECTOR("size", yaml_box, size, 3),
                                                  MAYBE("base", yaml_box, base), MAYBE("yaw", yaml_box, yaw),
                                                  CYAML_FIELD_END};
static const cyaml_schema_field_t cylinder_fields[] = {
    VECTOR("at", yaml_cylinder, at, 2), NUMBER("radius", yaml_cylinder, radius),
    NUMBER("height", yaml_cylinder, height), MAYBE("base", yaml_cylinder, base), CYAML_FIELD_END};
static const cyaml_schema_field_t wall_fields[] = {
    VECTOR("from", yaml_wall, from, 2),        VECTOR("to", yaml_wall, to, 2), NUMBER("height", yaml_wall, height),
    NUMBER("thickness", yaml_wall, thickness), MAYBE("base", yaml_wall, base), CYAML_FIELD_END};

static const cyaml_schema_value_t box_value = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, yaml_box, box_fields)};
static const cyaml_schema_value_t cylinder_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, yaml_cylinder, cylinder_fields)};
static const cyaml_schema_value_t wall_value = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, yaml_wall, wall_fields)};

#define LIST (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
static const cyaml_schema_field_t scene_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, yaml_scene, name, 1, 63),
    CYAML_FIELD_MAPPING("area", CYAML_FLAG_DEFAULT, yaml_scene, area, rect_fields),
    CYAML_FIELD_MAPPING("cameras", CYAML_FLAG_DEFAULT, yaml_scene, cameras, cuboid_fields),
    CYAML_FIELD_SEQUENCE("boxes", LIST, yaml_scene, boxes, &box_value, 0, VG_MAX_OBSTACLES),
    CYAML_FIELD_SEQUENCE("cylinders", LIST, yaml_scene, cylinders, &cylinder_value, 0, VG_MAX_OBSTACLES),
    CYAML_FIELD_SEQUENCE("walls", LIST, yaml_scene, walls, &wall_value, 0, VG_MAX_OBSTACLES),
    CYAML_FIELD_END};
static const cyaml_schema_value_t scene_value = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, yaml_scene, scene_fields)};

/* libcyaml tells what is wrong, and then where, as log lines; this keeps them as one sentence. */
typedef struct complaint {
    char text[400];
} complaint;

static void hear(cyaml_log_t level, void *context, const char *format, va_list arguments) {
    complaint *c = context;
    char line[200];
    if (level < CYAML_LOG_ERROR) return;
    vsnprintf(line, sizeof line, format, arguments);
    char *start = strncmp(line, "Load: ", 6) == 0 ? line + 6 : line;
    while (*start == ' ') start++;
    start[strcspn(start, "\n")] = 0;
    if (strncmp(start, "Backtrace", 9) == 0 || !*start) return;
    const size_t used = strlen(c->text);
    snprintf(c->text + used, sizeof c->text - used, "%s%s", used ? ", " : "", start);
}

static float radians(float degrees) {
    return degrees * (float)(VG_PI / 180);
}

/* The finished obstacle, checked. */
static vg_status add(sim_scene *scene, vg_obstacle o, const char *path, const char *list, uint32_t index,
                     vg_error *err) {
    for (int k = 0; k < 3; k++)
        if (!isfinite(o.centre[k]) || !isfinite(o.half[k]) || !(o.half[k] > 0) || fabsf(o.centre[k]) > 1000 ||
            o.half[k] > 1000)
            return vg_fail(err, VG_INVALID,
                           "%s: %s[%u] has a size that is not positive, or is farther than 1000 m away", path, list,
                           index);
    if (!isfinite(o.yaw)) return vg_fail(err, VG_INVALID, "%s: %s[%u].yaw is not a number", path, list, index);
    if (scene->obstacle_count == VG_MAX_OBSTACLES)
        return vg_fail(err, VG_INVALID, "%s: more than %d obstacles; merge some", path, VG_MAX_OBSTACLES);
    scene->obstacles[scene->obstacle_count++] = o;
    return VG_OK;
}

static vg_status add_obstacles(sim_scene *out, const yaml_scene *in, const char *path, vg_error *err) {
    for (uint32_t i = 0; i < in->boxes_count; i++) {
        const yaml_box *b = &in->boxes[i];
        VG_TRY(add(out,
                   (vg_obstacle){.kind = VG_OBSTACLE_BOX,
                                 .centre = {b->at[0], b->at[1], b->base + b->size[2] / 2},
                                 .half = {b->size[0] / 2, b->size[1] / 2, b->size[2] / 2},
                                 .yaw = radians(b->yaw)},
                   path, "boxes", i, err));
    }
    for (uint32_t i = 0; i < in->cylinders_count; i++) {
        const yaml_cylinder *c = &in->cylinders[i];
        VG_TRY(add(out,
                   (vg_obstacle){.kind = VG_OBSTACLE_CYLINDER,
                                 .centre = {c->at[0], c->at[1], c->base + c->height / 2},
                                 .half = {c->radius, c->radius, c->height / 2}},
                   path, "cylinders", i, err));
    }
    for (uint32_t i = 0; i < in->walls_count; i++) {
        const yaml_wall *w = &in->walls[i];
        const float x = w->to[0] - w->from[0], y = w->to[1] - w->from[1];
        VG_TRY(add(
            out,
            (vg_obstacle){.kind = VG_OBSTACLE_BOX,
                          .centre = {(w->from[0] + w->to[0]) / 2, (w->from[1] + w->to[1]) / 2, w->base + w->height / 2},
                          .half = {hypotf(x, y) / 2, w->thickness / 2, w->height / 2},
                          .yaw = atan2f(y, x)},
            path, "walls", i, err));
    }
    return VG_OK;
}

static vg_status check_bounds(const char *path, const char *key, const float *low, const float *high, int n,
                              float least, vg_error *err) {
    for (int k = 0; k < n; k++)
        if (!isfinite(low[k]) || !isfinite(high[k]) || !(high[k] - low[k] >= least) || high[k] - low[k] > 1000)
            return vg_fail(err, VG_INVALID, "%s: %s spans %g to %g on axis %c; `high` must be %g to 1000 m above `low`",
                           path, key, (double)low[k], (double)high[k], "xyz"[k], (double)least);
    return VG_OK;
}

static vg_status convert(sim_scene *out, const yaml_scene *in, const char *path, vg_error *err) {
    *out = (sim_scene){0};
    snprintf(out->name, sizeof out->name, "%s", in->name);
    VG_TRY(check_bounds(path, "area", in->area.low, in->area.high, 2, 2, err));
    VG_TRY(check_bounds(path, "cameras", in->cameras.low, in->cameras.high, 3, 0.1f, err));
    memcpy(out->area_low, in->area.low, sizeof out->area_low);
    memcpy(out->area_high, in->area.high, sizeof out->area_high);
    memcpy(out->camera_low, in->cameras.low, sizeof out->camera_low);
    memcpy(out->camera_high, in->cameras.high, sizeof out->camera_high);
    return add_obstacles(out, in, path, err);
}

static vg_status load_file(sim_scene *out, const char *path, vg_error *err) {
    complaint heard = {""};
    const cyaml_config_t config = {.log_fn = hear,
                                   .log_ctx = &heard,
                                   .mem_fn = cyaml_mem,
                                   .log_level = CYAML_LOG_ERROR,
                                   .flags = CYAML_CFG_NO_ALIAS};
    yaml_scene *yaml = NULL;
    const cyaml_err_t code = cyaml_load_file(path, &config, &scene_value, (cyaml_data_t **)&yaml, NULL);
    if (code != CYAML_OK)
        return vg_fail(err, code == CYAML_ERR_OOM ? VG_NO_MEMORY : VG_INVALID, "%s: %s%s%s", path, cyaml_strerror(code),
                       heard.text[0] ? ": " : "", heard.text);
    if (!yaml) return vg_fail(err, VG_INVALID, "%s: the file is empty; a scene needs name, area and cameras", path);
    const vg_status status = convert(out, yaml, path, err);
    cyaml_free(&config, &scene_value, yaml, 0);
    return status;
}

/* --- finding a scene by name ----------------------------------------------------------------------------------------- */

#define PATH_ROOM 1024
enum { FOLDERS = 4 };

/* The folders where scenes may be; empty strings where there is none. */
static void scene_folders(char folder[FOLDERS][PATH_ROOM]) {
    memset(folder, 0, FOLDERS * PATH_ROOM);
    snprintf(folder[0], PATH_ROOM, "scenes");
    const char *set = getenv("VERGENCE_SCENES");
    if (set && *set) snprintf(folder[1], PATH_ROOM, "%s", set);
    char exe[PATH_ROOM - 64];
    const ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n <= 0) return;
    exe[n] = 0;
    char *slash = strrchr(exe, '/');
    if (!slash) return;
    *slash = 0;
    snprintf(folder[2], PATH_ROOM, "%s/../../scenes", exe);
    snprintf(folder[3], PATH_ROOM, "%s/../share/vergence/scenes", exe);
}

static int compare_names(const void *a, const void *b) {
    return strcmp(a, b);
}

/* "blank, schoolgym, ..." of the first folder that holds any. */
static void list_scenes(char *out, size_t room, char folder[FOLDERS][PATH_ROOM]) {
    char names[64][64];
    int count = 0;
    for (int f = 0; f < FOLDERS && count == 0; f++) {
        DIR *dir = folder[f][0] ? opendir(folder[f]) : NULL;
        if (!dir) continue;
        for (const struct dirent *entry; (entry = readdir(dir)) && count < 64;) {
            const size_t size = strlen(entry->d_name);
            if (size <= 5 || size > 60 || strcmp(entry->d_name + size - 5, ".yaml") != 0) continue;
            memcpy(names[count], entry->d_name, size - 5);
            names[count++][size - 5] = 0;
        }
        closedir(dir);
    }
    qsort(names, (size_t)count, sizeof names[0], compare_names);
    out[0] = 0;
    for (int i = 0; i < count; i++) {
        const size_t used = strlen(out);
        snprintf(out + used, room - used, "%s%s", i ? ", " : "", names[i]);
    }
}

static bool is_path(const char *text) {
    const size_t size = strlen(text);
    return strchr(text, '/') || (size > 5 && strcmp(text + size - 5, ".yaml") == 0);
}

vg_status sim_scene_load(sim_scene *out, const char *name_or_path, vg_error *err) {
    if (!name_or_path || !*name_or_path)
        return vg_fail(err, VG_INVALID, "world.scene is empty; give a scene's name (blank) or a path to a scene file");
    if (is_path(name_or_path)) {
        if (access(name_or_path, R_OK) != 0)
            return vg_fail(err, VG_NOT_FOUND, "scene file %s does not exist or cannot be read", name_or_path);
        return load_file(out, name_or_path, err);
    }
    char folder[FOLDERS][PATH_ROOM], path[PATH_ROOM + 256], names[300];
    scene_folders(folder);
    for (int f = 0; f < FOLDERS; f++) {
        if (!folder[f][0]) continue;
        snprintf(path, sizeof path, "%.1023s/%.200s.yaml", folder[f], name_or_path);
        if (access(path, R_OK) == 0) return load_file(out, path, err);
    }
    list_scenes(names, sizeof names, folder);
    if (!names[0])
        return vg_fail(err, VG_NOT_FOUND,
                       "scene `%.64s` not found, and no scenes folder: run where `scenes/` is or set VERGENCE_SCENES",
                       name_or_path);
    return vg_fail(err, VG_NOT_FOUND, "scene `%.64s` does not exist; there are: %s", name_or_path, names);
}
