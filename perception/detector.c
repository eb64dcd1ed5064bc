/* One camera's people from picture to picture. One person: BlazePose looks for a person where it follows none. */
#include "perception/detector.h"

#include "perception/blazepose.h"

#include <stdlib.h>

static const double PRESENT = 0.5; /* the least score of a person */

struct vg_detector {
    vg_detector_options options;
    vg_blazepose *blazepose;
    bool following;
    vg_roi roi; /* where the person is looked for */
    int32_t track;
};

vg_joint_set_kind vg_detector_joints(vg_detector_model model) {
    return model == VG_DETECTOR_MULTI ? VG_JOINTS_COCO_17 : VG_JOINTS_BLAZEPOSE;
}

vg_status vg_detector_create(vg_detector **out, const vg_detector_options *options, vg_error *err) {
    char folder[512];
    *out = NULL;
    VG_TRY(vg_detector_folder(folder, options, err));
    vg_detector *d = calloc(1, sizeof *d);
    if (!d) return vg_fail(err, VG_NO_MEMORY, "out of memory for the detector");
    d->options = *options;
    const int32_t threads = options->threads > 0 ? options->threads : 1;
    const vg_status status = vg_blazepose_open(&d->blazepose, folder, (vg_detector_model)options->model, threads, err);
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
    free(d);
}

void vg_detector_reset(vg_detector *d) {
    d->following = false;
}

/* The landmarks of the person in d->roi; without one, d->following becomes false. */
static vg_status follow(vg_detector *d, const vg_image *image, vg_detected *out, vg_error *err) {
    vg_detected_person *person = &out->person[0];
    vg_roi next;
    VG_TRY(vg_blazepose_landmarks(d->blazepose, person->keypoint, &person->score, &next, image, &d->roi, err));
    d->following = person->score > PRESENT;
    out->people = d->following;
    d->roi = next;
    person->track = d->track;
    return VG_OK;
}

vg_status vg_detector_run(vg_detector *d, const vg_image *image, vg_detected *out, vg_error *err) {
    out->people = 0;
    if (d->following) VG_TRY(follow(d, image, out, err));
    if (d->following) return VG_OK;
    vg_candidate found[VG_BLAZEPOSE_CANDIDATES];
    int32_t count;
    VG_TRY(vg_blazepose_find(d->blazepose, found, &count, image, err));
    for (int32_t i = 0; i < count && !d->following; i++) {
        d->roi = found[i].roi;
        d->track++;
        VG_TRY(follow(d, image, out, err));
    }
    return VG_OK;
}
