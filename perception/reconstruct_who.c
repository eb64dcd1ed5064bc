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

sights *cast_list_add(cast_list *list, const vg_keypoints *k, int64_t name, vg_error *err) {
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
        const sights *s = cast_list_add(list, k, p + 1, err);
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
    vg_people_config known = *config;
    known.set = &k->set;
    VG_TRY(vg_people_create(&m->people, &known, in, m->slots, err));
    m->detections = frame_of(in, cameras), m->identified = frame_of(out, cameras);
    return m->detections && m->identified ? VG_OK : vg_fail(err, VG_NO_MEMORY, "no memory for a frame");
}

/* Copies what a slot's person was seen as: the matched keypoints; of the main person also those of the detection that the
 * matching took out (triangulation judges again). */
static void take_slot(sights *s, const vg_keypoints *k, const matcher *m, int32_t frame, int32_t slot, bool whole) {
    const vg_keypoint *from = vg_frame_keypoints(m->identified);
    int32_t views = 0;
    for (int32_t c = 0; c < k->cameras; c++) {
        const int32_t detection = vg_people_detection(m->people, slot, c);
        const vg_keypoint *matched = from + (size_t)(c * m->slots + slot) * view_size(k);
        vg_keypoint *to = view_at(s, k, frame, c);
        bool any = false;
        for (int32_t j = 0; j < k->set.joints; j++) {
            to[j] = matched[j];
            if (whole && detection >= 0 && !(to[j].confidence > 0)) to[j] = vg_keypoints_at(k, frame, c, detection)[j];
            any |= to[j].confidence > 0;
        }
        views += any;
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
            sights *person = p < list->people ? list->person + p : cast_list_add(list, k, name, err);
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

/* ---- the combination that fits best in each frame ------------------------------------------------------------------ */

#define COMBINATIONS_MAX 20000 /* in a frame */

/* Where the part is in every detection of a frame; `choice` [C] is one combination of them, -1 where a camera has none. */
typedef struct search {
    const vg_keypoints *k;
    const vg_camera *cameras;
    vg_consensus_options options;
    int32_t frame, joint;
    int32_t choice[VG_MAX_CAMERAS], best[VG_MAX_CAMERAS];
    uint32_t views; /* of the best */
    double error;
} search;

static void try_combination(search *s) {
    double u[VG_MAX_CAMERAS], v[VG_MAX_CAMERAS], w[VG_MAX_CAMERAS];
    for (int32_t c = 0; c < s->k->cameras; c++) {
        const vg_keypoint none = {0};
        const vg_keypoint *p = s->choice[c] < 0 ? &none : vg_keypoints_at(s->k, s->frame, c, s->choice[c]) + s->joint;
        const double confidence = (double)p->confidence;
        u[c] = (double)p->u, v[c] = (double)p->v, w[c] = confidence < 0.2 ? 0 : confidence * confidence;
    }
    vg_consensus_point point;
    vg_triangulate_consensus(&point, s->cameras, u, v, w, s->k->cameras, 1, &s->options);
    const int more = __builtin_popcount(point.views) - __builtin_popcount(s->views);
    if (point.views == 0 || more < 0 || (more == 0 && !(point.reprojection < s->error))) return;
    s->views = point.views, s->error = point.reprojection;
    memcpy(s->best, s->choice, sizeof s->best);
}

/* All combinations: the choices counted like the digits of a number. */
static vg_status search_frame(search *s, vg_error *err) {
    double combinations = 1;
    s->views = 0, s->error = 0;
    for (int32_t c = 0; c < s->k->cameras; c++) {
        const int32_t count = vg_keypoints_count(s->k, s->frame, c);
        s->choice[c] = count ? 0 : -1;
        if (count) combinations *= count;
    }
    if (combinations > COMBINATIONS_MAX)
        return vg_fail(
            err, VG_UNSUPPORTED,
            "frame %d: %.0f combinations of detections; Pose2Sim's way of trying them all takes too long: leave the "
            "preset out, or use --people all",
            s->frame, combinations);
    for (;;) {
        int32_t c = 0;
        try_combination(s);
        while (c < s->k->cameras && ++s->choice[c] >= vg_keypoints_count(s->k, s->frame, c)) {
            s->choice[c] = vg_keypoints_count(s->k, s->frame, c) ? 0 : -1;
            c++;
        }
        if (c == s->k->cameras) return VG_OK;
    }
}

/* As Pose2Sim's personAssociation: the combination whose neck fits to 20 px with most cameras; other cameras see nobody. */
static vg_status by_neck(cast_list *list, const vg_keypoints *k, const vg_camera *cameras, vg_error *err) {
    search s = {.k = k, .cameras = cameras, .options = vg_consensus_options_pose2sim()};
    s.options.threshold = 20;
    s.joint = vg_joint_set_find(&k->set, VG_PART_NECK);
    if (s.joint < 0) s.joint = vg_joint_set_find(&k->set, VG_PART_R_SHOULDER);
    if (s.joint < 0)
        return vg_fail(err, VG_UNSUPPORTED,
                       "Pose2Sim finds the main person by the neck or the right shoulder; %s has neither", k->set.name);
    sights *person = cast_list_add(list, k, 1, err);
    if (!person) return VG_NO_MEMORY;
    for (s.frame = 0; s.frame < k->frames; s.frame++) {
        VG_TRY(search_frame(&s, err));
        for (int32_t c = 0; c < k->cameras; c++)
            if (s.views >> c & 1)
                memcpy(view_at(person, k, s.frame, c), vg_keypoints_at(k, s.frame, c, s.best[c]),
                       sizeof(vg_keypoint) * view_size(k));
        person->frames += s.views != 0;
    }
    return VG_OK;
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

static vg_status find_people(cast_list *out, const vg_keypoints *k, const vg_camera *cameras, double rate,
                             const vg_reconstruct_config *config, vg_error *err) {
    switch (config->who) {
    case VG_WHO_ASSOCIATED:
        return by_order(out, k, err);
    case VG_WHO_NECK:
        return by_neck(out, k, cameras, err);
    default:
        return by_tracking(out, k, cameras, rate, &config->people, config->who == VG_WHO_MAIN, err);
    }
}

vg_status reconstruct_who(cast_list *out, const vg_keypoints *k, const vg_camera *cameras, double rate,
                          const vg_reconstruct_config *config, vg_error *err) {
    *out = (cast_list){0};
    vg_status status = find_people(out, k, cameras, rate, config, err);
    if (status == VG_OK && out->people == 0)
        status =
            vg_fail(err, VG_FAILED,
                    "nobody is seen by two cameras at once in any frame; do the calibration and the keypoints belong "
                    "together, and are the cameras synchronised?");
    if (status != VG_OK)
        cast_list_free(out);
    else if (config->who == VG_WHO_MAIN)
        keep_main(out, k);
    else if (config->who == VG_WHO_ALL) {
        status = reconstruct_link(out, k, cameras, rate, &config->people, err);
        if (status == VG_OK) keep_long_seen(out, config->least_seconds * rate);
    }
    return status;
}
