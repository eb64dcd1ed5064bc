/* Keypoints as CSV, a row each: BlazePose landmarks (cam,frame,landmark,x,y,visibility), Caliscope's xy files
 * (sync_index,cam_id,...,img_loc_x,img_loc_y), and the like. */
#include "perception/keypoints_build.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { CAMERA, FRAME, JOINT, X, Y, CONFIDENCE, PERSON, TIME, COLUMNS };

/* Names of each column, the most telling first. */
static const char *const known[COLUMNS][7] = {
    [CAMERA] = {"camera", "cam", "cam_id", "port", "view"},
    [FRAME] = {"sync_index", "frame", "frame_index"},
    [JOINT] = {"joint", "landmark", "keypoint", "keypoint_id", "point_id", "bodypart"},
    [X] = {"x", "u", "x_px", "img_loc_x"},
    [Y] = {"y", "v", "y_px", "img_loc_y"},
    [CONFIDENCE] = {"confidence", "visibility", "likelihood", "score", "c"},
    [PERSON] = {"person", "person_id", "track", "track_id", "id"},
    [TIME] = {"time_seconds"},
};

typedef struct table {
    const char *name;
    const vg_joint_set *set; /* that names must be of; NULL = any */
    char separator;
    int at[COLUMNS]; /* -1 where there is none */
    int32_t joints;
    bool named; /* joints by name, else by number */
    char joint_names[VG_MAX_JOINTS][VG_JOINT_NAME];
} table;

/* One row, cut up. */
typedef struct row {
    vg_span camera;
    long frame, person;
    int32_t joint;
    double x, y, confidence, time; /* time NaN where there is no such column */
} row;

static vg_status read_header(table *t, vg_span line, vg_error *err) {
    int rank[COLUMNS];
    for (int c = 0; c < COLUMNS; c++) t->at[c] = -1, rank[c] = INT_MAX;
    t->separator = memchr(line.at, ';', line.size) ? ';' : ',';
    int column = 0;
    for (vg_span rest = line; rest.at; column++) {
        char name[40];
        vg_span_copy(name, sizeof name, vg_span_trim(vg_span_field(&rest, t->separator)));
        for (int c = 0; c < COLUMNS; c++)
            for (int k = 0; k < 7 && known[c][k]; k++)
                if (strcasecmp(name, known[c][k]) == 0 && k < rank[c]) t->at[c] = column, rank[c] = k;
    }
    for (int c = 0; c <= Y; c++)
        if (t->at[c] < 0)
            return vg_fail(err, VG_CORRUPT,
                           "%s: line 1: there is no column `%s`; the header must name camera, frame, joint, x, y "
                           "(confidence and person where there are such)",
                           t->name, known[c][0]);
    return VG_OK;
}

static vg_status bad_value(const table *t, int line, const char *what, vg_span value, const char *mend, vg_error *err) {
    return vg_fail(err, VG_CORRUPT, "%s:%d: %s is `%.*s`; %s", t->name, line, what,
                   (int)(value.size < 40 ? value.size : 40), value.size ? value.at : "", mend);
}

static vg_status read_joint(table *t, vg_span value, int line, int32_t *out, vg_error *err) {
    long number;
    if (!t->named && vg_span_int(value, &number)) {
        if (number < 0 || number >= VG_MAX_JOINTS)
            return bad_value(t, line, "joint", value, "numbers run from 0 to 63", err);
        if (number >= t->joints) t->joints = (int32_t)number + 1;
        *out = (int32_t)number;
        return VG_OK;
    }
    if (t->joints > 0 && !t->named) return bad_value(t, line, "joint", value, "joints before are numbers", err);
    t->named = true;
    if (t->set) {
        char name[VG_JOINT_NAME];
        vg_span_copy(name, sizeof name, value);
        *out = vg_joint_set_find_name(t->set, name);
        t->joints = t->set->joints;
        return *out >= 0 ? VG_OK
                         : bad_value(t, line, "joint", value, "the joint set that was asked for has none such", err);
    }
    for (*out = 0; *out < t->joints; (*out)++)
        if (vg_span_is(value, t->joint_names[*out])) return VG_OK;
    if (value.size == 0 || value.size >= VG_JOINT_NAME || t->joints == VG_MAX_JOINTS)
        return bad_value(t, line, "joint", value, "there may be 64 names of 1 to 31 characters", err);
    vg_span_copy(t->joint_names[t->joints++], VG_JOINT_NAME, value);
    return VG_OK;
}

static vg_status read_row(table *t, row *out, vg_span text, int line, vg_error *err) {
    vg_span value[COLUMNS] = {0};
    int column = 0;
    for (vg_span rest = text; rest.at; column++) {
        const vg_span field = vg_span_trim(vg_span_field(&rest, t->separator));
        for (int c = 0; c < COLUMNS; c++)
            if (t->at[c] == column) value[c] = field;
    }
    *out = (row){.camera = value[CAMERA], .confidence = 1, .time = (double)NAN};
    if (!value[Y].at || !value[X].at || !value[JOINT].at || !value[FRAME].at || !value[CAMERA].at)
        return vg_fail(err, VG_CORRUPT, "%s:%d: only %d columns; the file was cut short, or a value is missing",
                       t->name, line, column);
    double frame;
    if (!vg_span_double(value[FRAME], &frame) || !(fabs(frame) < INT_MAX / 2) || frame != floor(frame))
        return bad_value(t, line, "frame", value[FRAME], "write a whole number", err);
    out->frame = (long)frame;
    if (value[PERSON].size && (!vg_span_int(value[PERSON], &out->person) || labs(out->person) > INT_MAX / 2))
        return bad_value(t, line, "person", value[PERSON], "write a whole number", err);
    VG_TRY(read_joint(t, value[JOINT], line, &out->joint, err));
    const struct {
        const char *name;
        vg_span text;
        double *out;
    } numbers[] = {
        {"x", value[X], &out->x}, {"y", value[Y], &out->y}, {"confidence", value[CONFIDENCE], &out->confidence}};
    for (int i = 0; i < 3; i++) {
        if (numbers[i].text.size == 0) {
            if (i < 2) *numbers[i].out = (double)NAN; /* empty: not seen */
        } else if (!vg_span_double(numbers[i].text, numbers[i].out)) {
            return bad_value(t, line, numbers[i].name, numbers[i].text, "write a number", err);
        }
    }
    if (t->at[TIME] >= 0 &&
        (!vg_span_double(value[TIME].at ? value[TIME] : (vg_span){"", 0}, &out->time) || !isfinite(out->time)))
        return bad_value(t, line, "time_seconds", value[TIME], "write seconds, or leave the column out", err);
    vg_keypoint probe;
    if (!kp_keypoint(&probe, out->x, out->y, out->confidence))
        return bad_value(t, line, "x or y", value[X], "it cannot be a pixel", err);
    return VG_OK;
}

/* ---- rows to detections -------------------------------------------------------------------------------------------- */

typedef struct rows {
    struct sorted_row {
        int32_t camera, joint;
        long frame, person;
        int64_t order;
        vg_keypoint point;
    } * row;
    int64_t count, room;
} rows;

static int compare_rows(const void *a, const void *b) {
    const struct sorted_row *p = a, *q = b;
    if (p->camera != q->camera) return p->camera < q->camera ? -1 : 1;
    if (p->frame != q->frame) return p->frame < q->frame ? -1 : 1;
    if (p->person != q->person) return p->person < q->person ? -1 : 1;
    return (p->order > q->order) - (p->order < q->order);
}

static vg_status read_rows(rows *out, table *t, kp_builder *b, vg_lines *lines, vg_error *err) {
    vg_span line;
    while (vg_lines_next(lines, &line)) {
        row r;
        if (vg_span_trim(line).size == 0) continue;
        VG_TRY(read_row(t, &r, line, lines->number, err));
        const int32_t camera = kp_builder_camera(b, r.camera, err);
        if (camera < 0) return VG_INVALID;
        kp_builder_frame(b, camera, r.frame);
        if (!isnan(r.time)) {
            char where[300];
            snprintf(where, sizeof where, "%.260s:%d", t->name, lines->number);
            VG_TRY(kp_builder_time(b, camera, r.frame, r.time, where, err));
        }
        if (out->count == out->room) {
            const int64_t room = out->room ? 2 * out->room : 1024;
            struct sorted_row *grown = realloc(out->row, sizeof *grown * (size_t)room);
            if (!grown) return vg_fail(err, VG_NO_MEMORY, "%s: no memory for %lld rows", t->name, (long long)room);
            out->row = grown, out->room = room;
        }
        struct sorted_row *s = out->row + out->count;
        *s = (struct sorted_row){.camera = camera, .joint = r.joint, .frame = r.frame, .person = r.person};
        s->order = out->count++;
        kp_keypoint(&s->point, r.x, r.y, r.confidence);
    }
    return VG_OK;
}

/* The numbers by which people are called, sorted; 0 where there are more than VG_MAX_PEOPLE. */
static int32_t list_people(long names[VG_MAX_PEOPLE], const rows *all) {
    int32_t count = 0;
    for (int64_t i = 0; i < all->count; i++) {
        const long person = all->row[i].person;
        int32_t at = count;
        while (at > 0 && names[at - 1] >= person) at--;
        if (at < count && names[at] == person) continue;
        if (count == VG_MAX_PEOPLE) return 0;
        memmove(names + at + 1, names + at, sizeof *names * (size_t)(count - at));
        names[at] = person;
        count++;
    }
    return count;
}

/* One more person of a view. Where the file calls few people by number, each keeps a place of its own in all views: those
 * before it who are not seen get an empty detection. */
static vg_keypoint *next_person(kp_builder *b, const struct sorted_row *r, const long *names, int32_t named,
                                int32_t *people, vg_error *err) {
    vg_keypoint *out = NULL;
    do {
        if (*people == VG_MAX_PEOPLE) {
            vg_fail(err, VG_INVALID, "%s: camera %s, frame %ld: more than %d people", b->name, b->names[r->camera],
                    r->frame, VG_MAX_PEOPLE);
            return NULL;
        }
        out = kp_builder_add(b, r->camera, r->frame, err);
        (*people)++;
    } while (out && named > 0 && names[*people - 1] != r->person);
    return out;
}

static vg_status add_rows(kp_builder *b, rows *all, vg_error *err) {
    long names[VG_MAX_PEOPLE];
    const int32_t named = list_people(names, all);
    if (all->count > 0) qsort(all->row, (size_t)all->count, sizeof *all->row, compare_rows);
    vg_keypoint *person = NULL;
    int32_t people = 0;
    for (int64_t i = 0; i < all->count; i++) {
        const struct sorted_row *r = all->row + i, *last = i ? r - 1 : NULL;
        const bool view = last && last->camera == r->camera && last->frame == r->frame;
        if (!view) people = 0;
        if (!view || last->person != r->person) {
            person = next_person(b, r, names, named, &people, err);
            if (!person) return err ? err->status : VG_NO_MEMORY;
        }
        if (person[r->joint].confidence > 0)
            return vg_fail(err, VG_CORRUPT, "%s: camera %s, frame %ld, person %ld: joint %d is given twice", b->name,
                           b->names[r->camera], r->frame, r->person, r->joint);
        person[r->joint] = r->point;
    }
    return VG_OK;
}

vg_status vg_keypoints_csv_parse(const char *name, const char *text, size_t size, const vg_keypoints_options *options,
                                 vg_keypoints *out, vg_error *err) {
    vg_keypoints_options chosen = options ? *options : (vg_keypoints_options){0};
    kp_builder b = {.name = name, .options = &chosen};
    table *t = calloc(1, sizeof *t);
    vg_joint_set *set = calloc(1, sizeof *set);
    rows all = {0};
    *out = (vg_keypoints){0};
    vg_lines lines = vg_lines_of(text, size);
    vg_span line = {0};
    vg_status status = t && set ? VG_OK : vg_fail(err, VG_NO_MEMORY, "%s: no memory for a table", name);
    if (status == VG_OK && !vg_lines_next(&lines, &line)) status = vg_fail(err, VG_CORRUPT, "%s: is empty", name);
    if (status == VG_OK) t->name = name, t->set = chosen.set, status = read_header(t, line, err);
    if (status == VG_OK) status = read_rows(&all, t, &b, &lines, err);
    if (status == VG_OK && t->named && !chosen.set) {
        const char *names[VG_MAX_JOINTS];
        for (int32_t j = 0; j < t->joints; j++) names[j] = t->joint_names[j];
        status = vg_joint_set_of_names(set, name, names, t->joints, err);
        chosen.set = set;
    }
    if (status == VG_OK) {
        /* numbered joints of which the last were never seen */
        b.joints = chosen.set && !t->named && chosen.set->joints > t->joints ? chosen.set->joints : t->joints;
        status = add_rows(&b, &all, err);
    }
    if (status == VG_OK) status = kp_builder_finish(&b, false, out, err);
    kp_builder_free(&b);
    free(all.row), free(t), free(set);
    return status;
}
