/* Corner lists as CSV. */
#include "calibration/corners.h"

#include "common/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum column { SYNC, CAMERA, FRAME, TIME, OBJECT, POINT, U, V, BOARD_X, BOARD_Y, BOARD_Z, COLUMNS } column;

/* Today's name, then the older one; whether a file must have it. */
static const struct {
    const char *name, *older;
    bool needed;
} columns[COLUMNS] = {
    [SYNC] = {"sync_index", NULL, true},
    [CAMERA] = {"cam_id", "port", true},
    [FRAME] = {"frame_index", NULL, false},
    [TIME] = {"frame_time", NULL, false},
    [OBJECT] = {"object_id", NULL, false},
    [POINT] = {"keypoint_id", "point_id", true},
    [U] = {"img_loc_x", NULL, true},
    [V] = {"img_loc_y", NULL, true},
    [BOARD_X] = {"obj_loc_x", "board_loc_x", false},
    [BOARD_Y] = {"obj_loc_y", "board_loc_y", false},
    [BOARD_Z] = {"obj_loc_z", "board_loc_z", false},
};

enum { FIELDS_MAX = 64 };

#define FAR 1e6 /* px, or metres: nothing lies farther off */

vg_status vg_corners_add(vg_corners *corners, const vg_corner *corner, vg_error *err) {
    if (corners->count == corners->room) {
        if (corners->count >= VG_CORNERS_MAX)
            return vg_fail(err, VG_INVALID, "more than %d corners; use fewer pictures", VG_CORNERS_MAX);
        const size_t room = corners->room ? 2 * corners->room : 1024;
        vg_corner *more = realloc(corners->corner, room * sizeof *more);
        if (!more) return vg_fail(err, VG_NO_MEMORY, "no memory for %zu corners", room);
        corners->corner = more;
        corners->room = room;
    }
    corners->corner[corners->count++] = *corner;
    return VG_OK;
}

void vg_corners_free(vg_corners *corners) {
    free(corners->corner);
    *corners = (vg_corners){0};
}

/* Which column each field of the first line is; -1 for one that we pass over. */
static vg_status read_header(int which[FIELDS_MAX], int *fields, vg_span line, const char *name, vg_error *err) {
    bool found[COLUMNS] = {false};
    *fields = 0;
    while (line.at) {
        if (*fields == FIELDS_MAX)
            return vg_fail(err, VG_CORRUPT, "%s: line 1: more than %d columns; not a corner file", name, FIELDS_MAX);
        const vg_span field = vg_span_trim(vg_span_field(&line, ','));
        int c = 0;
        while (c < COLUMNS && !vg_span_is(field, columns[c].name) &&
               !(columns[c].older && vg_span_is(field, columns[c].older)))
            c++;
        which[(*fields)++] = c < COLUMNS && !found[c] ? c : -1;
        if (c < COLUMNS) found[c] = true;
    }
    for (int c = 0; c < COLUMNS; c++)
        if (columns[c].needed && !found[c])
            return vg_fail(err, VG_INVALID,
                           "%s: line 1 has no column `%s`%s%s%s; a corner file begins with sync_index,cam_id,"
                           "frame_index,frame_time,object_id,keypoint_id,img_loc_x,img_loc_y,obj_loc_x,obj_loc_y,"
                           "obj_loc_z",
                           name, columns[c].name, columns[c].older ? " (or `" : "",
                           columns[c].older ? columns[c].older : "", columns[c].older ? "`)" : "");
    return VG_OK;
}

/* One field into value[column]. Optional columns may be empty. */
static vg_status read_field(double value[COLUMNS], int c, vg_span field, const char *name, int line, vg_error *err) {
    field = vg_span_trim(field);
    if (!columns[c].needed && !field.size) return VG_OK;
    const bool whole = c == SYNC || c == CAMERA || c == FRAME || c == OBJECT || c == POINT;
    const double most = c == SYNC || c == FRAME ? 1e15 : 2147483647.0;
    double v;
    if (!vg_span_double(field, &v) || !isfinite(v) || (whole && (v != floor(v) || v < 0 || v > most)))
        return vg_fail(err, VG_INVALID, "%s: line %d: %s is `%.*s`; give a %s", name, line, columns[c].name,
                       (int)(field.size < 40 ? field.size : 40), field.at,
                       whole ? "whole number from 0" : "finite number");
    if ((c == U || c == V || c >= BOARD_X) && fabs(v) > FAR)
        return vg_fail(err, VG_INVALID, "%s: line %d: %s is %g; give %s", name, line, columns[c].name, v,
                       c >= BOARD_X ? "metres on the board" : "pixels");
    value[c] = v;
    return VG_OK;
}

static vg_status read_line(vg_corners *out, const int which[FIELDS_MAX], int fields, vg_span line, const char *name,
                           int number, vg_error *err) {
    double value[COLUMNS];
    for (int c = 0; c < COLUMNS; c++) value[c] = c == OBJECT ? 0 : (double)NAN;
    for (int i = 0; i < fields; i++) {
        if (!line.at)
            return vg_fail(err, VG_CORRUPT, "%s: line %d: %d fields where %d are needed; the file was cut short", name,
                           number, i, fields);
        const vg_span field = vg_span_field(&line, ',');
        if (which[i] >= 0) VG_TRY(read_field(value, which[i], field, name, number, err));
    }
    if (line.at)
        return vg_fail(err, VG_CORRUPT, "%s: line %d: more than %d fields, the first line has %d", name, number, fields,
                       fields);
    const vg_corner corner = {.sync = (int64_t)value[SYNC],
                              .frame = (int64_t)(isnan(value[FRAME]) ? value[SYNC] : value[FRAME]),
                              .time = value[TIME],
                              .camera = (int32_t)value[CAMERA],
                              .object = (int32_t)value[OBJECT],
                              .point = (int32_t)value[POINT],
                              .u = value[U],
                              .v = value[V],
                              .board = {value[BOARD_X], value[BOARD_Y],
                                        isnan(value[BOARD_Z]) && !isnan(value[BOARD_X]) ? 0 : value[BOARD_Z]}};
    return vg_corners_add(out, &corner, err);
}

vg_status vg_corners_parse(const char *name, const char *text, size_t size, vg_corners *out, vg_error *err) {
    *out = (vg_corners){0};
    vg_lines lines = vg_lines_of(text, size);
    vg_span line;
    int which[FIELDS_MAX], fields;
    if (!vg_lines_next(&lines, &line)) return vg_fail(err, VG_CORRUPT, "%s: is empty; not a corner file", name);
    if (vg_span_starts(line, "\xef\xbb\xbf")) line.at += 3, line.size -= 3;
    VG_TRY(read_header(which, &fields, line, name, err));
    vg_status status = VG_OK;
    while (status == VG_OK && vg_lines_next(&lines, &line))
        if (vg_span_trim(line).size) status = read_line(out, which, fields, line, name, lines.number, err);
    if (status != VG_OK) vg_corners_free(out);
    return status;
}

vg_status vg_corners_read(const char *path, vg_corners *out, vg_error *err) {
    char *text;
    size_t size;
    *out = (vg_corners){0};
    VG_TRY(vg_text_load(&text, &size, path, err));
    const vg_status status = vg_corners_parse(path, text, size, out, err);
    free(text);
    return status;
}

/* A number, nothing for NaN. */
static void print_number(FILE *f, double v) {
    char text[VG_NUMBER_SIZE];
    fprintf(f, ",%s", isnan(v) ? "" : vg_number_text(text, v));
}

vg_status vg_corners_write(const char *path, const vg_corners *corners, vg_error *err) {
    vg_file file;
    VG_TRY(vg_file_create(&file, path, err));
    for (int c = 0; c < COLUMNS; c++) fprintf(file.stream, "%s%s", c ? "," : "", columns[c].name);
    fputc('\n', file.stream);
    for (size_t i = 0; i < corners->count; i++) {
        const vg_corner *c = &corners->corner[i];
        fprintf(file.stream, "%lld,%d,%lld", (long long)c->sync, c->camera, (long long)c->frame);
        print_number(file.stream, c->time);
        fprintf(file.stream, ",%d,%d", c->object, c->point);
        print_number(file.stream, c->u);
        print_number(file.stream, c->v);
        for (int k = 0; k < 3; k++) print_number(file.stream, c->board[k]);
        fputc('\n', file.stream);
    }
    return vg_file_commit(&file, err);
}
