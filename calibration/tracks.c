/* Sightings sorted into structures: by frame, person and point, so that neighbours in memory are what is adjusted
 * together. */
#include "calibration/tracks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CORNERS_MAX    8192
#define CORNER_DIFFERS 1e-4 /* metres: a corner that is at two places on its board */

void vg_tracks_free(vg_tracks *t) {
    free(t->bundle.camera), free(t->bundle.point), free(t->bundle.board), free(t->sighting), free(t->used);
    free(t->frame), free(t->person), free(t->point), free(t->corner), free(t->corner_point);
    *t = (vg_tracks){0};
}

static int compare(const void *a, const void *b, bool boards) {
    const vg_sighting *x = *(const vg_sighting *const *)a, *y = *(const vg_sighting *const *)b;
    if (x->frame != y->frame) return x->frame < y->frame ? -1 : 1;
    if (x->person != y->person) return x->person < y->person ? -1 : 1;
    if (!boards && x->point != y->point) return x->point < y->point ? -1 : 1;
    if (x->camera != y->camera) return x->camera < y->camera ? -1 : 1;
    if (x->point != y->point) return x->point < y->point ? -1 : 1;
    return x < y ? -1 : x > y; /* as the file has them */
}

static int compare_points(const void *a, const void *b) {
    return compare(a, b, false);
}

static int compare_boards(const void *a, const void *b) {
    return compare(a, b, true);
}

/* Index of a corner of a board; its place is that of its first sighting. */
static vg_status corner_of(int32_t *out, vg_tracks *t, int32_t *object, const vg_sighting *s, const char *name,
                           vg_error *err) {
    int32_t i = 0;
    while (i < t->corners && (t->corner_point[i] != s->point || object[i] != s->person)) i++;
    *out = i;
    for (int k = 0; k < 3; k++) {
        if (!isfinite(s->board[k]))
            return vg_fail(err, VG_INVALID,
                           "point %s of frame %lld has no place on a board (obj_loc_x, obj_loc_y); "
                           "give its places, or leave its corners free",
                           name, (long long)s->frame);
        if (i < t->corners && fabs(t->corner[3 * i + k] - s->board[k]) > CORNER_DIFFERS)
            return vg_fail(err, VG_INVALID, "point %s is at two places on its board, %.6g and %.6g m (frame %lld)",
                           name, t->corner[3 * i + k], s->board[k], (long long)s->frame);
    }
    if (i < t->corners) return VG_OK;
    if (i == CORNERS_MAX) return vg_fail(err, VG_INVALID, "boards of more than %d corners", CORNERS_MAX);
    t->corner_point[i] = s->point, object[i] = s->person;
    memcpy(t->corner + 3 * i, s->board, 3 * sizeof(double));
    t->corners++;
    return VG_OK;
}

static bool same_structure(const vg_sighting *a, const vg_sighting *b, bool boards) {
    return a->frame == b->frame && a->person == b->person && (boards || a->point == b->point);
}

static vg_status fill(vg_tracks *t, const vg_sighting **sorted, size_t n, const int32_t *camera_of,
                      const vg_names *points, const vg_tracks_options *o, int32_t *object, vg_error *err) {
    vg_bundle *b = &t->bundle;
    const vg_sighting *before = NULL;
    for (size_t i = 0; i < n; i++) {
        const vg_sighting *s = sorted[i];
        if (before && same_structure(before, s, o->boards) && before->camera == s->camera && before->point == s->point)
            continue; /* the same point twice in one picture: the first counts */
        if (!before || !same_structure(before, s, o->boards)) {
            const int32_t k = b->structures++;
            t->frame[k] = s->frame, t->person[k] = s->person, t->point[k] = o->boards ? -1 : s->point;
            t->frames += !before || before->frame != s->frame;
        }
        int32_t corner = 0;
        if (o->boards) VG_TRY(corner_of(&corner, t, object, s, points->name[s->point], err));
        t->sighting[b->sightings++] = (vg_bundle_sighting){.camera = camera_of[s->camera],
                                                           .structure = b->structures - 1,
                                                           .corner = corner,
                                                           .weight = o->one_weight ? 1 : s->confidence,
                                                           .u = s->u,
                                                           .v = s->v};
        before = s;
    }
    return VG_OK;
}

static bool allocate(vg_tracks *t, size_t n, int32_t cameras, bool boards) {
    t->sighting = calloc(n + 1, sizeof *t->sighting), t->used = calloc(n + 1, sizeof *t->used);
    t->frame = calloc(n + 1, sizeof *t->frame), t->person = calloc(n + 1, sizeof *t->person);
    t->point = calloc(n + 1, sizeof *t->point), t->bundle.camera = calloc((size_t)cameras, sizeof *t->bundle.camera);
    if (boards) {
        t->bundle.board = calloc(n + 1, sizeof *t->bundle.board);
        t->corner = calloc(3 * CORNERS_MAX, sizeof *t->corner);
        t->corner_point = calloc(CORNERS_MAX, sizeof *t->corner_point);
    } else {
        t->bundle.point = calloc(3 * n + 1, sizeof *t->bundle.point);
    }
    return t->sighting && t->used && t->frame && t->person && t->point && t->bundle.camera &&
           (boards ? t->bundle.board && t->corner && t->corner_point : t->bundle.point != NULL);
}

/* The bundle's cameras: those with sightings, in the set's order. */
static vg_status choose_cameras(vg_tracks *t, int32_t *camera_of, const size_t *count, const vg_camera_set *set,
                                vg_error *err) {
    for (int32_t c = 0; c < set->cameras; c++) {
        camera_of[c] = t->bundle.cameras;
        if (!count[c]) continue;
        if (t->bundle.cameras == VG_BUNDLE_CAMERAS_MAX)
            return vg_fail(err, VG_INVALID, "points of more than %d cameras", VG_BUNDLE_CAMERAS_MAX);
        t->bundle.camera[t->bundle.cameras] = set->camera[c].camera;
        t->camera_at[t->bundle.cameras++] = c;
    }
    if (t->bundle.cameras < 2)
        return vg_fail(err, VG_INVALID, "the points are of %d camera%s of the calibration; placing them takes two",
                       t->bundle.cameras, t->bundle.cameras == 1 ? "" : "s");
    return VG_OK;
}

vg_status vg_tracks_create(vg_tracks *t, const vg_sightings *seen, const vg_camera_set *set, const vg_tracks_options *o,
                           vg_error *err) {
    *t = (vg_tracks){0};
    const vg_sighting **sorted = malloc((seen->count + 1) * sizeof *sorted);
    size_t *count = calloc((size_t)set->cameras + 1, sizeof *count), n = 0;
    int32_t *camera_of = calloc((size_t)set->cameras + 1, sizeof *camera_of),
            *object = calloc(CORNERS_MAX, sizeof *object);
    vg_status status = sorted && count && camera_of && object && allocate(t, seen->count, set->cameras, o->boards)
                           ? VG_OK
                           : vg_fail(err, VG_NO_MEMORY, "%zu sightings: out of memory", seen->count);
    for (size_t i = 0; i < seen->count && status == VG_OK; i++) {
        const vg_sighting *s = seen->sighting + i;
        if ((double)s->confidence < o->min_confidence || !(s->confidence > 0)) continue;
        sorted[n++] = s, count[s->camera]++;
    }
    if (status == VG_OK) {
        qsort(sorted, n, sizeof *sorted, o->boards ? compare_boards : compare_points);
        status = choose_cameras(t, camera_of, count, set, err);
    }
    if (status == VG_OK) status = fill(t, sorted, n, camera_of, &seen->points, o, object, err);
    t->bundle.sighting = t->sighting, t->bundle.corner = t->corner;
    free(sorted), free(count), free(camera_of), free(object);
    if (status != VG_OK) vg_tracks_free(t);
    return status;
}

int32_t vg_tracks_together(const vg_tracks *t, int32_t from) {
    int32_t to = from + 1;
    while (to < t->bundle.structures && t->frame[to] == t->frame[from] && t->person[to] == t->person[from]) to++;
    return to;
}
