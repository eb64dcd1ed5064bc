/* The stages in turn, each with its own memory. */
#include "perception/capture.h"

#include <stdlib.h>

struct vg_capture {
    vg_perception *perception;
    vg_smooth *smooth;
    bool identified; /* the last frame brought its people's identities along: a slot is a name */
};

vg_capture_config vg_capture_config_default(void) {
    vg_capture_config c = {.perception = vg_perception_config_default(), .smooth = vg_smooth_config_default()};
    c.perception.match = true;
    return c;
}

vg_status vg_capture_create(vg_capture **out, const vg_capture_config *config, vg_dims dims, vg_error *err) {
    *out = NULL;
    vg_capture *c = calloc(1, sizeof *c);
    if (!c) return vg_fail(err, VG_NO_MEMORY, "motion capture: out of memory");
    vg_status status = vg_perception_create(&c->perception, &config->perception, dims, 1, err);
    if (status == VG_OK) status = vg_smooth_create(&c->smooth, &config->smooth, dims.people, dims.joints, err);
    if (status == VG_OK)
        *out = c;
    else
        vg_capture_destroy(c);
    return status;
}

void vg_capture_destroy(vg_capture *c) {
    if (!c) return;
    vg_perception_destroy(c->perception);
    vg_smooth_destroy(c->smooth);
    free(c);
}

vg_status vg_capture_step(vg_capture *c, const vg_frame *frame, vg_skeletons *out, vg_error *err) {
    VG_TRY(vg_perceive(c->perception, 0, frame, out, NULL, err));
    c->identified = (frame->flags & VG_FRAME_IDENTIFIED) != 0;
    vg_smooth_step(c->smooth, out);
    return VG_OK;
}

int64_t vg_capture_name(const vg_capture *c, int32_t slot) {
    const vg_people *people = vg_perception_people(c->perception, 0);
    return c->identified || !people ? slot + 1 : vg_people_name(people, slot);
}
