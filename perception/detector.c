/* One camera's people from picture to picture. Those who are followed are looked for where they were; where there is room
 * for more, they are searched in the whole picture: one person by BlazePose's own detector, several by MoveNet. */
#include "perception/detector.h"

#include "perception/blazepose.h"
#include "perception/movenet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double PRESENT = 0.5; /* the least score of a person */
enum { SEARCH_EVERY = 5 };         /* pictures, while somebody is followed and there is room for more */

/* A person that is followed. */
typedef struct follower {
    vg_roi roi; /* where to look in the next picture */
    int32_t track;
    bool active;
} follower;

struct vg_detector {
    vg_detector_options options;
    vg_blazepose *blazepose; /* NULL for VG_DETECTOR_MULTI */
    vg_movenet *movenet;     /* NULL for one person */
    int32_t people;          /* at most */
    follower follower[VG_DETECTOR_PEOPLE];
    int32_t tracks;   /* numbers given so far */
    int32_t since;    /* pictures since the last search */
    vg_detected last; /* VG_DETECTOR_MULTI: the last picture's */
};

vg_joint_set_kind vg_detector_joints(vg_detector_model model) {
    return model == VG_DETECTOR_MULTI ? VG_JOINTS_COCO_17 : VG_JOINTS_BLAZEPOSE;
}

static vg_status open_models(vg_detector *d, vg_error *err) {
    char folder[512];
    VG_TRY(vg_detector_folder(folder, &d->options, err));
    const vg_detector_model model = (vg_detector_model)d->options.model;
    const int32_t threads = d->options.threads > 0 ? d->options.threads : 1;
    if (model != VG_DETECTOR_MULTI) VG_TRY(vg_blazepose_open(&d->blazepose, folder, model, threads, err));
    if (model == VG_DETECTOR_MULTI || d->people > 1) VG_TRY(vg_movenet_open(&d->movenet, folder, err));
    return VG_OK;
}

vg_status vg_detector_create(vg_detector **out, const vg_detector_options *options, vg_error *err) {
    VG_ASSERT(options->people <= VG_DETECTOR_PEOPLE && options->model < VG_DETECTOR_MODELS);
    *out = NULL;
    vg_detector *d = calloc(1, sizeof *d);
    if (!d) return vg_fail(err, VG_NO_MEMORY, "out of memory for the detector");
    d->options = *options;
    d->people = options->people > 0 ? options->people : 1;
    const vg_status status = open_models(d, err);
    if (status != VG_OK) {
        vg_detector_destroy(d);
        return status;
    }
    *out = d;
    return VG_OK;
}

void vg_detector_destroy(vg_detector *d) {
    if (!d) return;
    vg_blazepose_close(d->blazepose);
    vg_movenet_close(d->movenet);
    free(d);
}

void vg_detector_reset(vg_detector *d) {
    for (int32_t i = 0; i < VG_DETECTOR_PEOPLE; i++) d->follower[i].active = false;
    d->last.people = 0;
    d->since = 0;
}

/* ---- BlazePose ------------------------------------------------------------------------------------------------------- */

/* The landmarks of the person a follower looks at, appended to `out`; without one it is active no more. */
static vg_status follow(vg_detector *d, follower *f, const vg_image *image, vg_detected *out, vg_error *err) {
    vg_detected_person *person = &out->person[out->people];
    vg_roi next;
    VG_TRY(vg_blazepose_landmarks(d->blazepose, person->keypoint, &person->score, &next, image, &f->roi, err));
    f->active = person->score > PRESENT && isfinite(next.side) && next.side > 8;
    f->roi = next;
    person->track = f->track;
    out->people += f->active;
    return VG_OK;
}

/* Middle of two joints. */
static void middle(double out[2], const vg_keypoint *joints, int a, int b) {
    out[0] = 0.5 * (double)(joints[a].u + joints[b].u), out[1] = 0.5 * (double)(joints[a].v + joints[b].v);
}

/* BlazePose's and COCO's shoulders and hips. */
static const int blaze_torso[4] = {11, 12, 23, 24}, coco_torso[4] = {5, 6, 11, 12};

/* Whether two people of one picture are the same: their torsos overlap by more than two bodies can. */
static bool same_torso(const vg_detected_person *a, const int *ta, const vg_detected_person *b, const int *tb) {
    double distance = 0, size[2];
    for (int i = 0; i < 4; i++)
        distance += 0.25 * hypot((double)(a->keypoint[ta[i]].u - b->keypoint[tb[i]].u),
                                 (double)(a->keypoint[ta[i]].v - b->keypoint[tb[i]].v));
    for (int k = 0; k < 2; k++) {
        const vg_detected_person *p = k ? b : a;
        const int *t = k ? tb : ta;
        double up[2], down[2];
        middle(up, p->keypoint, t[0], t[1]);
        middle(down, p->keypoint, t[2], t[3]);
        size[k] = hypot(up[0] - down[0], up[1] - down[1]);
    }
    return distance < 0.4 * fmin(size[0], size[1]);
}

static bool is_known(const vg_detected *people, const vg_detected_person *person, const int *torso) {
    for (int32_t i = 0; i < people->people; i++)
        if (same_torso(&people->person[i], blaze_torso, person, torso)) return true;
    return false;
}

/* All followers; where two have come to follow one person, the later one gives up. *lost: somebody was. */
static vg_status follow_all(vg_detector *d, const vg_image *image, vg_detected *out, bool *lost, vg_error *err) {
    for (int32_t i = 0; i < d->people; i++) {
        follower *f = &d->follower[i];
        if (!f->active) continue;
        VG_TRY(follow(d, f, image, out, err));
        if (f->active) {
            out->people--;
            f->active = !is_known(out, &out->person[out->people], blaze_torso);
            out->people += f->active;
        }
        *lost = *lost || !f->active;
    }
    return VG_OK;
}

/* Follows a new person from `roi` on: once to see where exactly, and, where asked, again from there. */
static vg_status begin(vg_detector *d, const vg_roi *roi, bool twice, const vg_image *image, vg_detected *out,
                       vg_error *err) {
    follower *f = d->follower;
    while (f->active) f++;
    f->roi = *roi, f->track = d->tracks + 1;
    for (int pass = 0; pass < 1 + twice; pass++) {
        VG_TRY(follow(d, f, image, out, err));
        if (!f->active) return VG_OK;
        out->people--;
    }
    f->active = !is_known(out, &out->person[out->people], blaze_torso);
    out->people += f->active, d->tracks += f->active;
    return VG_OK;
}

/* The square for BlazePose around a person that MoveNet found: from the hips, upright along the spine, as far as the
 * farthest keypoint, which is an ankle or an eye, and a little more for feet and skull. False where the hips are unsure. */
static bool roi_of_keypoints(vg_roi *out, const vg_detected_person *person) {
    double hips[2], shoulders[2], reach = 0;
    const vg_keypoint *k = person->keypoint;
    if (k[11].confidence + k[12].confidence < 0.2f || k[5].confidence + k[6].confidence < 0.2f) return false;
    middle(hips, k, 11, 12);
    middle(shoulders, k, 5, 6);
    for (int j = 0; j < VG_MOVENET_JOINTS; j++) {
        if (k[j].confidence < 0.15f) continue;
        reach = fmax(reach, hypot((double)k[j].u - hips[0], (double)k[j].v - hips[1]));
    }
    const double x = shoulders[0] - hips[0], y = shoulders[1] - hips[1], spine = hypot(x, y);
    if (spine < 2) return false;
    reach = 1.1 * fmax(reach, 1.5 * spine);
    *out = vg_roi_of_person(hips[0], hips[1], hips[0] + x / spine * reach, hips[1] + y / spine * reach);
    return true;
}

static vg_status search(vg_detector *d, const vg_image *image, vg_detected *out, vg_error *err) {
    d->since = 0;
    if (!d->movenet) {
        vg_candidate found[VG_BLAZEPOSE_CANDIDATES];
        int32_t count;
        VG_TRY(vg_blazepose_find(d->blazepose, found, &count, image, err));
        for (int32_t i = 0; i < count && out->people < d->people; i++)
            VG_TRY(begin(d, &found[i].roi, false, image, out, err));
        return VG_OK;
    }
    vg_detected found;
    VG_TRY(vg_movenet_run(d->movenet, image, &found, err));
    for (int32_t i = 0; i < found.people && out->people < d->people; i++) {
        vg_roi roi;
        if (is_known(out, &found.person[i], coco_torso) || !roi_of_keypoints(&roi, &found.person[i])) continue;
        VG_TRY(begin(d, &roi, true, image, out, err));
    }
    return VG_OK;
}

/* ---- MoveNet alone --------------------------------------------------------------------------------------------------- */

/* Mean distance of two people's keypoints, relative to the size of the first. */
static double apart(const vg_detected_person *a, const vg_detected_person *b) {
    double low[2] = {(double)INFINITY, (double)INFINITY}, high[2] = {-(double)INFINITY, -(double)INFINITY}, sum = 0;
    for (int j = 0; j < VG_MOVENET_JOINTS; j++) {
        const vg_keypoint *p = &a->keypoint[j], *q = &b->keypoint[j];
        sum += hypot((double)(p->u - q->u), (double)(p->v - q->v)) / VG_MOVENET_JOINTS;
        low[0] = fmin(low[0], (double)p->u), high[0] = fmax(high[0], (double)p->u);
        low[1] = fmin(low[1], (double)p->v), high[1] = fmax(high[1], (double)p->v);
    }
    return sum / fmax(hypot(high[0] - low[0], high[1] - low[1]), 1);
}

/* Each person of this picture is the nearest one of the last that is left. */
static void number_people(vg_detector *d, vg_detected *people) {
    bool taken[VG_DETECTOR_PEOPLE] = {false};
    for (int32_t i = 0; i < people->people; i++) {
        int32_t best = -1;
        double least = 0.25;
        for (int32_t k = 0; k < d->last.people; k++) {
            const double distance = apart(&d->last.person[k], &people->person[i]);
            if (!taken[k] && distance < least) least = distance, best = k;
        }
        if (best >= 0) taken[best] = true;
        people->person[i].track = best >= 0 ? d->last.person[best].track : ++d->tracks;
    }
    d->last = *people;
}

vg_status vg_detector_run(vg_detector *d, const vg_image *image, vg_detected *out, vg_error *err) {
    out->people = 0;
    if (!d->blazepose) {
        VG_TRY(vg_movenet_run(d->movenet, image, out, err));
        if (out->people > d->people) out->people = d->people;
        number_people(d, out);
        return VG_OK;
    }
    bool lost = false;
    VG_TRY(follow_all(d, image, out, &lost, err));
    d->since++;
    const bool room = out->people < d->people;
    if (room && (out->people == 0 || lost || d->since >= SEARCH_EVERY)) VG_TRY(search(d, image, out, err));
    return VG_OK;
}
