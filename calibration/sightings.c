/* Sightings read from CSV: one line a sighting, or DeepLabCut's one line a frame. */
#include "calibration/sightings.h"

#include "common/text.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define COLUMNS_MAX   4096 /* of a line */
#define PIXEL_MOST    1e6  /* px: no picture is as large */
#define PIXELS_JUDGED 20   /* fewer say nothing of a picture's size */
#define OUTSIDE_SHARE 10   /* more than one in so many */
#define FILES_MAX     256  /* cameras of a folder */

/* ---- lists ------------------------------------------------------------------------------------------------------------- */

void vg_sightings_free(vg_sightings *s) {
    free(s->sighting), free(s->cameras.name), free(s->points.name);
    *s = (vg_sightings){0};
}

vg_status vg_sightings_add(vg_sightings *s, const vg_sighting *sighting, vg_error *err) {
    if (s->count == VG_SIGHTINGS_MAX)
        return vg_fail(err, VG_INVALID, "more than %d sightings; give every n-th frame", VG_SIGHTINGS_MAX);
    if (s->count == s->room) {
        const size_t room = s->room ? 2 * s->room : 1024;
        vg_sighting *more = realloc(s->sighting, room * sizeof *more);
        if (!more) return vg_fail(err, VG_NO_MEMORY, "sightings: out of memory");
        s->sighting = more, s->room = room;
    }
    s->sighting[s->count++] = *sighting;
    return VG_OK;
}

int32_t vg_names_find(const vg_names *names, const char *name) {
    for (int32_t i = 0; i < names->count; i++)
        if (strcmp(names->name[i], name) == 0) return i;
    return -1;
}

vg_status vg_names_index(int32_t *index, vg_names *names, const char *name, int32_t most, vg_error *err) {
    if (*index >= 0 && *index < names->count && strcmp(names->name[*index], name) == 0) return VG_OK;
    if ((*index = vg_names_find(names, name)) >= 0) return VG_OK;
    if (names->count == most) return vg_fail(err, VG_INVALID, "`%.40s` is one name more than %d", name, most);
    if (names->count == names->room) {
        const int32_t room = names->room ? 2 * names->room : 32;
        void *more = realloc(names->name, (size_t)room * sizeof *names->name);
        if (!more) return vg_fail(err, VG_NO_MEMORY, "names: out of memory");
        names->name = more, names->room = room;
    }
    *index = names->count++;
    snprintf(names->name[*index], sizeof names->name[*index], "%s", name);
    return VG_OK;
}

/* ---- one line a sighting ------------------------------------------------------------------------------------------------- */

typedef enum csv_column {
    FRAME,
    CAMERA,
    PERSON,
    POINT,
    U,
    V,
    CONFIDENCE,
    BOARD_X,
    BOARD_Y,
    BOARD_Z,
    COLUMNS
} csv_column;

/* Words of a header, the preferred first. */
#define HEADER_WORDS 8
static const char *const header_words[COLUMNS][HEADER_WORDS] = {
    {"frame", "frame_id", "frame_number", "framenum", "frame_index", "fnum", "time_index"},
    {"camera", "cam", "camera_id", "cam_id", "camera_name", "cam_name", "view"},
    {"person", "person_id", "object_id"},
    {"point", "keypoint", "point_id", "keypoint_id", "corner", "corner_id", "bodypart", "id"},
    {"u", "x", "img_x", "img_loc_x", "x_px", "px"},
    {"v", "y", "img_y", "img_loc_y", "y_px", "py"},
    {"confidence", "likelihood", "score", "conf"},
    {"board_x", "world_x", "obj_loc_x", "obj_x"},
    {"board_y", "world_y", "obj_loc_y", "obj_y"},
    {"board_z", "world_z", "obj_loc_z", "obj_z"},
};

typedef struct table {
    vg_sightings *out;
    const char *name, *camera;
    int32_t at[COLUMNS]; /* -1: the file has none */
    int32_t columns;
    int line;
    vg_error *err;
} table;

static bool span_is_word(vg_span span, const char *word) {
    return span.size == strlen(word) && strncasecmp(span.at, word, span.size) == 0;
}

/* Fields of a line, trimmed; quotes around a whole field are taken off. */
static int32_t split(vg_span *fields, vg_span line) {
    int32_t n = 0;
    for (vg_span rest = line; rest.at && n < COLUMNS_MAX;) {
        vg_span field = vg_span_trim(vg_span_field(&rest, ','));
        if (field.size >= 2 && field.at[0] == '"' && field.at[field.size - 1] == '"') field.at++, field.size -= 2;
        fields[n++] = field;
    }
    return n;
}

static vg_status read_header(table *t, const vg_span *fields, int32_t n) {
    for (int c = 0; c < COLUMNS; c++) {
        t->at[c] = -1;
        for (int w = 0; w < HEADER_WORDS && header_words[c][w] && t->at[c] < 0; w++)
            for (int32_t i = 0; i < n && t->at[c] < 0; i++)
                if (span_is_word(fields[i], header_words[c][w])) t->at[c] = i;
    }
    t->columns = n;
    static const csv_column needed[] = {POINT, U, V, CAMERA};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (t->at[needed[i]] < 0 && !(needed[i] == CAMERA && t->camera))
            return vg_fail(t->err, VG_CORRUPT,
                           "%s: line %d: no column `%s`; the first line names the columns, as in "
                           "frame,camera,point,u,v",
                           t->name, t->line, header_words[needed[i]][0]);
    return VG_OK;
}

static vg_status bad_value(const table *t, csv_column c, vg_span value, const char *expected) {
    char text[40];
    vg_span_copy(text, sizeof text, value);
    return vg_fail(t->err, VG_CORRUPT, "%s: line %d: column `%s` is `%s`; it must be %s", t->name, t->line,
                   header_words[c][0], text, expected);
}

/* A number, NaN where the field is empty or there is no such column. */
static vg_status number(double *out, const table *t, csv_column c, const vg_span *fields) {
    *out = (double)NAN;
    if (t->at[c] < 0) return VG_OK;
    const vg_span value = fields[t->at[c]];
    if (value.size == 0 || vg_span_double(value, out)) return VG_OK;
    return bad_value(t, c, value, "a number");
}

/* Pixels: empty or NaN is not seen; a number that no picture has is an error. */
static vg_status pixel(double *out, const table *t, csv_column c, vg_span value) {
    if (value.size == 0) *out = (double)NAN;
    if (value.size && !vg_span_double(value, out)) return bad_value(t, c, value, "a number");
    return fabs(*out) > PIXEL_MOST ? bad_value(t, c, value, "a pixel") : VG_OK;
}

static vg_status whole(int64_t *out, const table *t, csv_column c, const vg_span *fields) {
    double value;
    VG_TRY(number(&value, t, c, fields));
    if (!(fabs(value) <= 1e15) || value != floor(value)) return bad_value(t, c, fields[t->at[c]], "a whole number");
    *out = (int64_t)value;
    return VG_OK;
}

/* A name, or a number written as one ("3" and "3.0" are the same point). */
static vg_status name_index(int32_t *out, const table *t, csv_column c, const vg_span *fields, vg_names *names,
                            int32_t most) {
    char text[VG_CAMERA_NAME];
    const vg_span value = fields[t->at[c]];
    if (value.size == 0 || value.size >= sizeof text) return bad_value(t, c, value, "a name or a number");
    vg_span_copy(text, sizeof text, value);
    double as_number;
    if (vg_span_double(value, &as_number) && as_number == floor(as_number) && fabs(as_number) < 1e9)
        snprintf(text, sizeof text, "%.0f", as_number);
    const vg_status status = vg_names_index(out, names, text, most, t->err);
    return status == VG_OK ? VG_OK : vg_fail_context(t->err, status, "%s: line %d", t->name, t->line);
}

static vg_status read_line(table *t, const vg_span *fields, int32_t n, vg_sighting *last) {
    if (n != t->columns)
        return vg_fail(t->err, VG_CORRUPT,
                       "%s: line %d has %d columns, the header %d; the file is cut short or damaged", t->name, t->line,
                       n, t->columns);
    vg_sighting s = {.camera = last->camera, .point = last->point, .confidence = 1};
    double confidence;
    int64_t person = 0;
    if (t->at[FRAME] >= 0) VG_TRY(whole(&s.frame, t, FRAME, fields));
    if (t->at[PERSON] >= 0) VG_TRY(whole(&person, t, PERSON, fields));
    if (t->at[CAMERA] >= 0) VG_TRY(name_index(&s.camera, t, CAMERA, fields, &t->out->cameras, VG_CAMERA_SET_MAX));
    VG_TRY(name_index(&s.point, t, POINT, fields, &t->out->points, VG_POINTS_MAX));
    VG_TRY(pixel(&s.u, t, U, fields[t->at[U]]));
    VG_TRY(pixel(&s.v, t, V, fields[t->at[V]]));
    VG_TRY(number(&confidence, t, CONFIDENCE, fields));
    for (int k = 0; k < 3; k++) VG_TRY(number(s.board + k, t, (csv_column)(BOARD_X + k), fields));
    if (isfinite(s.board[0]) && t->at[BOARD_Z] < 0) s.board[2] = 0;
    if (person < 0 || person > INT32_MAX) return bad_value(t, PERSON, fields[t->at[PERSON]], "a number from 0");
    s.person = (int32_t)person;
    if (t->at[CONFIDENCE] >= 0) s.confidence = isfinite(confidence) ? (float)confidence : 0;
    *last = s;
    if (!isfinite(s.u) || !isfinite(s.v) || !(s.confidence > 0)) return VG_OK; /* not seen */
    return vg_sightings_add(t->out, &s, t->err);
}

/* ---- one line a frame ------------------------------------------------------------------------------------------------------ */

/* DeepLabCut's header lines, each as wide as the table; `individuals` may be missing. */
typedef struct wide_header {
    vg_span *bodypart, *individual, *coord; /* [columns] */
    int32_t *person;                        /* [columns] how many other individuals stand before it */
    int32_t columns;
} wide_header;

static bool same_span(vg_span a, vg_span b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.at, b.at, a.size) == 0);
}

static void number_people(wide_header *h) {
    for (int32_t i = 2; i < h->columns && h->individual; i++)
        h->person[i] = h->person[i - 1] + !same_span(h->individual[i], h->individual[i - 1]);
}

static vg_status read_wide_line(table *t, const wide_header *h, const vg_span *fields, int32_t n, int32_t camera) {
    if (n != h->columns)
        return vg_fail(t->err, VG_CORRUPT,
                       "%s: line %d has %d columns, the header %d; the file is cut short or damaged", t->name, t->line,
                       n, h->columns);
    long frame;
    if (!vg_span_int(fields[0], &frame)) return bad_value(t, FRAME, fields[0], "a whole number");
    vg_sighting s = {.frame = frame, .camera = camera, .board = {(double)NAN, (double)NAN, (double)NAN}};
    for (int32_t i = 1; i + 2 < n; i += 3) {
        double value[3];
        for (int k = 0; k < 3; k++) {
            value[k] = (double)NAN;
            if (k < 2) VG_TRY(pixel(value + k, t, k == 0 ? U : V, fields[i + k]));
            if (k == 2 && fields[i + k].size && !vg_span_double(fields[i + k], value + k))
                return bad_value(t, CONFIDENCE, fields[i + k], "a number");
        }
        if (!isfinite(value[0]) || !isfinite(value[1]) || !(value[2] > 0)) continue;
        char name[VG_CAMERA_NAME];
        vg_span_copy(name, sizeof name, h->bodypart[i]);
        s.point = (i - 1) / 3, s.person = h->person[i];
        VG_TRY(vg_names_index(&s.point, &t->out->points, name, VG_POINTS_MAX, t->err));
        s.u = value[0], s.v = value[1], s.confidence = (float)value[2];
        VG_TRY(vg_sightings_add(t->out, &s, t->err));
    }
    return VG_OK;
}

/* The file after its line `scorer`. */
static vg_status parse_wide(table *t, vg_lines *lines, vg_span *fields) {
    wide_header h = {0};
    vg_span line, *header = calloc(3 * COLUMNS_MAX, sizeof *header);
    h.person = calloc(COLUMNS_MAX, sizeof *h.person);
    vg_status status = header && h.person ? VG_OK : vg_fail(t->err, VG_NO_MEMORY, "%s: out of memory", t->name);
    int32_t camera = -1, n = 0;
    if (status == VG_OK && !t->camera)
        status = vg_fail(t->err, VG_INVALID,
                         "%s: a DeepLabCut file is of one camera; give the folder that holds one such file a camera",
                         t->name);
    if (status == VG_OK) status = vg_names_index(&camera, &t->out->cameras, t->camera, VG_CAMERA_SET_MAX, t->err);
    while (status == VG_OK && !h.coord && vg_lines_next(lines, &line)) {
        t->line = lines->number;
        n = split(fields, line);
        vg_span *into = header;
        if (span_is_word(fields[0], "bodyparts"))
            h.bodypart = into = header + COLUMNS_MAX;
        else if (span_is_word(fields[0], "individuals"))
            h.individual = into;
        else if (span_is_word(fields[0], "coords"))
            h.coord = into = header + 2 * COLUMNS_MAX;
        else
            status = bad_value(t, FRAME, fields[0], "`bodyparts`, `individuals` or `coords` in the header");
        memcpy(into, fields, (size_t)n * sizeof *fields);
        h.columns = n;
    }
    if (status == VG_OK && (!h.bodypart || !h.coord || h.columns < 4 || (h.columns - 1) % 3 != 0))
        status = vg_fail(t->err, VG_CORRUPT,
                         "%s: a DeepLabCut header has lines `bodyparts` and `coords` and three columns "
                         "a body part",
                         t->name);
    number_people(&h);
    while (status == VG_OK && vg_lines_next(lines, &line)) {
        t->line = lines->number;
        if (vg_span_trim(line).size) status = read_wide_line(t, &h, fields, split(fields, line), camera);
    }
    free(header), free(h.person);
    return status;
}

/* ---- files ------------------------------------------------------------------------------------------------------------------- */

static vg_status parse_lines(table *t, vg_lines *lines, vg_span *fields) {
    vg_span line;
    vg_sighting last = {.camera = -1, .point = -1};
    bool header = false;
    int64_t rows = 0;
    const size_t before = t->out->count;
    if (t->camera) VG_TRY(vg_names_index(&last.camera, &t->out->cameras, t->camera, VG_CAMERA_SET_MAX, t->err));
    while (vg_lines_next(lines, &line)) {
        t->line = lines->number;
        if (vg_span_trim(line).size == 0) continue;
        const int32_t n = split(fields, line);
        if (!header && span_is_word(fields[0], "scorer")) return parse_wide(t, lines, fields);
        rows += header;
        VG_TRY(header ? read_line(t, fields, n, &last) : read_header(t, fields, n));
        header = true;
    }
    if (t->out->count == before && !t->camera)
        return vg_fail(t->err, VG_CORRUPT, "%s: %s", t->name,
                       rows ? "no row has pixels and a confidence above 0; was anything detected?"
                            : "no sightings; the file is empty or cut short");
    return VG_OK;
}

vg_status vg_sightings_add_corners(vg_sightings *out, const vg_corners *corners, const char *const *cameras,
                                   vg_error *err) {
    vg_sighting s = {.camera = -1, .point = -1, .confidence = 1};
    for (size_t i = 0; i < corners->count; i++) {
        const vg_corner *c = corners->corner + i;
        char number[16], point[16];
        snprintf(number, sizeof number, "%d", c->camera), snprintf(point, sizeof point, "%d", c->point);
        s.frame = c->sync, s.person = c->object, s.u = c->u, s.v = c->v;
        memcpy(s.board, c->board, sizeof s.board);
        VG_TRY(vg_names_index(&s.camera, &out->cameras, cameras ? cameras[c->camera] : number, VG_CAMERA_SET_MAX, err));
        VG_TRY(vg_names_index(&s.point, &out->points, point, VG_POINTS_MAX, err));
        VG_TRY(vg_sightings_add(out, &s, err));
    }
    return VG_OK;
}

static vg_status parse_caliscope(vg_sightings *out, const char *name, const char *text, size_t size, vg_error *err) {
    vg_corners corners = {0};
    vg_status status = vg_corners_parse(name, text, size, &corners, err);
    if (status == VG_OK) status = vg_sightings_add_corners(out, &corners, NULL, err);
    vg_corners_free(&corners);
    return status;
}

/* Whether a column of the first line is sync_index. */
static bool is_caliscope(const char *text, size_t size) {
    vg_lines lines = vg_lines_of(text, size);
    vg_span rest;
    if (!vg_lines_next(&lines, &rest)) return false;
    while (rest.at)
        if (span_is_word(vg_span_trim(vg_span_field(&rest, ',')), "sync_index")) return true;
    return false;
}

static bool is_hdf5(const char *text, size_t size) {
    return size > 8 && memcmp(text, "\x89HDF\r\n\x1a\n", 8) == 0;
}

vg_status vg_sightings_parse(vg_sightings *out, const char *name, const char *text, size_t size, const char *camera,
                             vg_error *err) {
    if (is_hdf5(text, size))
        return vg_fail(err, VG_UNSUPPORTED,
                       "%s: an HDF5 file; export it as CSV (DeepLabCut: analyze_videos with "
                       "save_as_csv=True; pandas: read_hdf(FILE).to_csv(OUT))",
                       name);
    if (is_caliscope(text, size)) return parse_caliscope(out, name, text, size, err);
    vg_span *fields = malloc(COLUMNS_MAX * sizeof *fields);
    if (!fields) return vg_fail(err, VG_NO_MEMORY, "%s: out of memory", name);
    vg_lines lines = vg_lines_of(text, size);
    table t = {.out = out, .name = name, .camera = camera, .err = err};
    const vg_status status = parse_lines(&t, &lines, fields);
    free(fields);
    return status;
}

static vg_status read_file(vg_sightings *out, const char *path, const char *camera, vg_error *err) {
    char *text;
    size_t size;
    VG_TRY(vg_file_load(&text, &size, path, err));
    vg_status status = is_hdf5(text, size) ? VG_OK : vg_text_check(text, &size, path, err);
    if (status == VG_OK) status = vg_sightings_parse(out, path, text, size, camera, err);
    free(text);
    return status;
}

static int is_csv(const struct dirent *entry) {
    const size_t n = strlen(entry->d_name);
    return n > 4 && strcasecmp(entry->d_name + n - 4, ".csv") == 0;
}

static vg_status read_folder(vg_sightings *out, const char *path, vg_error *err) {
    struct dirent **entries;
    const int n = scandir(path, &entries, is_csv, versionsort);
    if (n < 0) return vg_fail(err, VG_IO, "%s: %s", path, strerror(errno));
    vg_status status = n ? VG_OK : vg_fail(err, VG_NOT_FOUND, "%s: no .csv files in this folder", path);
    if (n > FILES_MAX) status = vg_fail(err, VG_INVALID, "%s: %d .csv files; at most %d cameras", path, n, FILES_MAX);
    for (int i = 0; i < n; i++) {
        char file[1024], camera[VG_CAMERA_NAME];
        if (status == VG_OK) {
            snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
            snprintf(camera, sizeof camera, "%.*s", (int)strlen(entries[i]->d_name) - 4, entries[i]->d_name);
            status = read_file(out, file, camera, err);
        }
        free(entries[i]);
    }
    free(entries);
    if (status == VG_OK && out->count == 0) status = vg_fail(err, VG_CORRUPT, "%s: no sightings in its files", path);
    return status;
}

vg_status vg_sightings_read(vg_sightings *out, const char *path, vg_error *err) {
    *out = (vg_sightings){0};
    struct stat info;
    if (stat(path, &info) != 0)
        return vg_fail(err, errno == ENOENT ? VG_NOT_FOUND : VG_IO, "%s: %s", path, strerror(errno));
    const vg_status status = S_ISDIR(info.st_mode) ? read_folder(out, path, err) : read_file(out, path, NULL, err);
    if (status != VG_OK) vg_sightings_free(out);
    return status;
}

/* ---- whose camera ------------------------------------------------------------------------------------------------------------ */

vg_status vg_sightings_match(vg_sightings *s, const vg_camera_set *set, vg_error *err) {
    int32_t *to = malloc((size_t)(s->cameras.count + 1) * sizeof *to);
    if (!to) return vg_fail(err, VG_NO_MEMORY, "sightings: out of memory");
    for (int32_t i = 0; i < s->cameras.count; i++) {
        to[i] = vg_camera_set_match(set, s->cameras.name[i]);
        if (to[i] >= 0) continue;
        char names[400] = "";
        for (int32_t c = 0; c < set->cameras && strlen(names) < 300; c++)
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", c ? ", " : "", set->camera[c].name);
        free(to);
        return vg_fail(err, VG_NOT_FOUND, "the points are of a camera `%s` that the calibration lacks; it has %s",
                       s->cameras.name[i], names);
    }
    for (size_t i = 0; i < s->count; i++) s->sighting[i].camera = to[s->sighting[i].camera];
    free(to);
    return VG_OK;
}

/* What may be wrong with a camera's pixels, by how many lie where. */
static vg_status judge_pixels(const vg_named_camera *c, int64_t all, int64_t outside, int64_t tiny, const double far[2],
                              vg_error *err) {
    const int32_t w = c->camera.width, h = c->camera.height;
    if (all >= PIXELS_JUDGED && tiny == all)
        return vg_fail(err, VG_INVALID,
                       "camera %s: all its points lie within 2 px of the corner; they look like shares of the "
                       "picture, and must be pixels",
                       c->name);
    if (outside * OUTSIDE_SHARE <= all || outside < PIXELS_JUDGED) return VG_OK;
    const bool turned = w != h && far[0] < h * 1.02 && far[1] < w * 1.02;
    return vg_fail(err, VG_INVALID,
                   "camera %s: %lld of %lld points lie outside its picture of %d x %d px (the farthest at %.0f, "
                   "%.0f); %s",
                   c->name, (long long)outside, (long long)all, w, h, far[0], far[1],
                   turned ? "was it turned by 90 degrees when it was calibrated?"
                          : "the lens was calibrated at another size, or is another camera's");
}

vg_status vg_sightings_check(const vg_sightings *s, const vg_camera_set *set, vg_error *err) {
    for (int32_t c = 0; c < set->cameras; c++) {
        const vg_camera *camera = &set->camera[c].camera;
        int64_t all = 0, outside = 0, tiny = 0;
        double far[2] = {0};
        for (size_t i = 0; i < s->count; i++) {
            const vg_sighting *g = s->sighting + i;
            if (g->camera != c) continue;
            all++;
            far[0] = fmax(far[0], g->u), far[1] = fmax(far[1], g->v);
            tiny += fabs(g->u) <= 2 && fabs(g->v) <= 2;
            outside += camera->width > 0 && camera->height > 0 &&
                       (g->u < -0.5 || g->v < -0.5 || g->u > camera->width - 0.5 || g->v > camera->height - 0.5);
        }
        VG_TRY(judge_pixels(set->camera + c, all, outside, tiny, far, err));
    }
    return VG_OK;
}
