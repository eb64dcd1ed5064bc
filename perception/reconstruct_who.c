/* Who is who in a recording: the order of the files, or people told apart over time (people.h). The main person is who was
 * met in most views; where that one is lost to the tracking and found under another name, both are one. */
#include "perception/reconstruct_who.h"

#include <stdlib.h>
#include <string.h>

void cast_list_free(cast_list *list) {
    for (int32_t p = 0; p < list->people; p++) free(list->person[p].points);
    free(list->person);
    *list = (cast_list){0};
}

static size_t view_size(const vg_keypoints *k) {
    return (size_t)k->set.joints;
}

static vg_keypoint *view_at(const sights *s, const vg_keypoints *k, int32_t frame, int32_t camera) {
    return s->points + ((size_t)frame * (size_t)k->cameras + (size_t)camera) * view_size(k);
}

static sights *add_person(cast_list *list, const vg_keypoints *k, int64_t name, vg_error *err) {
    if (list->people == list->room) {
        const int32_t room = list->room ? 2 * list->room : 8;
        sights *person = realloc(list->person, sizeof *person * (size_t)room);
        if (!person) {
            vg_fail(err, VG_NO_MEMORY, "no memory for %d people", room);
            return NULL;
        }
        list->person = person, list->room = room;
    }
    sights *s = list->person + list->people;
    *s = (sights){.name = name};
    s->points = calloc((size_t)k->frames * (size_t)k->cameras * view_size(k), sizeof *s->points);
    if (!s->points) {
        vg_fail(err, VG_NO_MEMORY, "no memory for a person's keypoints in %d frames", k->frames);
        return NULL;
    }
    list->people++;
    return s;
}

static vg_status by_order(cast_list *list, const vg_keypoints *k, vg_error *err) {
    const int32_t people = vg_keypoints_most(k);
    for (int32_t p = 0; p < people; p++) {
        const sights *s = add_person(list, k, p + 1, err);
        if (!s) return VG_NO_MEMORY;
        for (int32_t f = 0; f < k->frames; f++)
            for (int32_t c = 0; c < k->cameras; c++)
                if (p < vg_keypoints_count(k, f, c))
                    memcpy(view_at(s, k, f, c), vg_keypoints_at(k, f, c, p), sizeof(vg_keypoint) * view_size(k));
    }
    return VG_OK;
}

/* ---- told apart over time ------------------------------------------------------------------------------------------ */

typedef struct matcher {
    vg_people *people;
    vg_frame *detections, *identified;
    int32_t slots;
} matcher;

static void matcher_free(matcher *m) {
    vg_people_destroy(m->people);
    free(m->detections), free(m->identified);
}

static vg_frame *frame_of(vg_dims dims, const vg_camera *cameras) {
    vg_frame *frame = calloc(1, vg_frame_bytes(dims));
    if (!frame) return NULL;
    vg_frame_init(frame, dims, 0);
    memcpy(vg_frame_cameras(frame), cameras, sizeof *cameras * (size_t)dims.cameras);
    return frame;
}

static vg_status matcher_init(matcher *m, const vg_keypoints *k, const vg_camera *cameras,
                              const vg_people_config *config, vg_error *err) {
    const int32_t most = vg_keypoints_most(k);
    m->slots = most + 4 < VG_MAX_PEOPLE ? most + 4 : VG_MAX_PEOPLE;
    const vg_dims in = {.cameras = k->cameras, .people = most, .joints = k->set.joints};
    const vg_dims out = {.cameras = k->cameras, .people = m->slots, .joints = k->set.joints};
    VG_TRY(vg_people_create(&m->people, config, in, m->slots, err));
    m->detections = frame_of(in, cameras), m->identified = frame_of(out, cameras);
    return m->detections && m->identified ? VG_OK : vg_fail(err, VG_NO_MEMORY, "no memory for a frame");
}

/* Copies what a slot's person was seen as: the matched keypoints, or, of the main person, the whole detections. */
static void take_slot(sights *s, const vg_keypoints *k, const matcher *m, int32_t frame, int32_t slot, bool whole) {
    const vg_keypoint *from = vg_frame_keypoints(m->identified);
    int32_t views = 0;
    for (int32_t c = 0; c < k->cameras; c++) {
        const int32_t detection = vg_people_detection(m->people, slot, c);
        if (detection < 0) continue;
        memcpy(view_at(s, k, frame, c),
               whole ? vg_keypoints_at(k, frame, c, detection) : from + (size_t)(c * m->slots + slot) * view_size(k),
               sizeof *from * view_size(k));
        views++;
    }
    if (views >= 2) s->frames++;
}

static vg_status by_tracking(cast_list *list, const vg_keypoints *k, const vg_camera *cameras, double rate,
                             const vg_people_config *config, bool whole, vg_error *err) {
    matcher m = {0};
    vg_status status = matcher_init(&m, k, cameras, config, err);
    for (int32_t f = 0; f < k->frames && status == VG_OK; f++) {
        vg_keypoints_frame(k, f, rate, m.detections);
        status = vg_people_match(m.people, m.detections, m.identified, err);
        for (int32_t s = 0; s < m.slots && status == VG_OK; s++) {
            const int64_t name = vg_people_name(m.people, s);
            if (name == 0 || !vg_frame_present(m.identified)[s]) continue;
            int32_t p = 0;
            while (p < list->people && list->person[p].name != name) p++;
            sights *person = p < list->people ? list->person + p : add_person(list, k, name, err);
            if (!person) {
                status = VG_NO_MEMORY;
                break;
            }
            take_slot(person, k, &m, f, s, whole);
        }
    }
    matcher_free(&m);
    return status;
}

/* ---- choosing ------------------------------------------------------------------------------------------------------- */

static int by_frames(const void *a, const void *b) {
    const sights *p = a, *q = b;
    if (p->frames != q->frames) return p->frames > q->frames ? -1 : 1;
    return (p->name > q->name) - (p->name < q->name);
}

static int64_t views_of(const sights *s, const vg_keypoints *k) {
    int64_t views = 0;
    const size_t all = (size_t)k->frames * (size_t)k->cameras * view_size(k);
    for (size_t i = 0; i < all; i++) views += s->points[i].confidence > 0;
    return views;
}

static bool seen_in(const sights *s, const vg_keypoints *k, int32_t frame) {
    const vg_keypoint *p = view_at(s, k, frame, 0);
    for (size_t i = 0; i < (size_t)k->cameras * view_size(k); i++)
        if (p[i].confidence > 0) return true;
    return false;
}

/* Fills frames in which the main person is missing with those of another name that is never there at the same time. */
static void join(sights *main, const sights *other, const vg_keypoints *k) {
    const size_t frame_size = (size_t)k->cameras * view_size(k);
    for (int32_t f = 0; f < k->frames; f++)
        if (seen_in(other, k, f) && seen_in(main, k, f)) return;
    for (int32_t f = 0; f < k->frames; f++)
        if (seen_in(other, k, f))
            memcpy(view_at(main, k, f, 0), view_at(other, k, f, 0), sizeof(vg_keypoint) * frame_size);
    main->frames += other->frames;
}

static void keep_main(cast_list *list, const vg_keypoints *k) {
    int32_t best = 0;
    int64_t most = -1;
    for (int32_t p = 0; p < list->people; p++) {
        const int64_t views = views_of(list->person + p, k);
        if (views > most) most = views, best = p;
    }
    const sights first = list->person[0];
    list->person[0] = list->person[best], list->person[best] = first;
    qsort(list->person + 1, (size_t)(list->people - 1), sizeof *list->person, by_frames);
    for (int32_t p = 1; p < list->people; p++) {
        join(list->person, list->person + p, k);
        free(list->person[p].points);
    }
    list->people = 1;
    list->person[0].name = 1;
}

static void keep_long_seen(cast_list *list, double frames) {
    qsort(list->person, (size_t)list->people, sizeof *list->person, by_frames);
    while (list->people > 1 && (double)list->person[list->people - 1].frames < frames) {
        free(list->person[--list->people].points);
        list->left_out++;
    }
}

vg_status reconstruct_who(cast_list *out, const vg_keypoints *k, const vg_camera *cameras, double rate,
                          const vg_reconstruct_config *config, vg_error *err) {
    *out = (cast_list){0};
    const bool main = config->who == VG_WHO_MAIN;
    vg_status status = config->who == VG_WHO_ASSOCIATED
                           ? by_order(out, k, err)
                           : by_tracking(out, k, cameras, rate, &config->people, main, err);
    if (status == VG_OK && out->people == 0)
        status =
            vg_fail(err, VG_FAILED,
                    "nobody is seen by two cameras at once in any frame; do the calibration and the keypoints belong "
                    "together, and are the cameras synchronised?");
    if (status != VG_OK)
        cast_list_free(out);
    else if (main)
        keep_main(out, k);
    else if (config->who == VG_WHO_ALL)
        keep_long_seen(out, config->least_seconds * rate);
    return status;
}
