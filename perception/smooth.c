/* One filter a coordinate of every joint of every slot; see filters.h for the filter. */
#include "perception/smooth.h"

#include "common/transform.h"
#include "perception/filters.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct vg_smooth {
    vg_smooth_config config;
    int32_t people, joints;
    int64_t time_ns;
    vg_one_euro *filters; /* [people, joints, 3] */
};

vg_smooth_config vg_smooth_config_default(void) {
    return (vg_smooth_config){.cutoff = 6, .beta = 10, .d_cutoff = 1};
}

vg_status vg_smooth_config_check(const vg_smooth_config *c, vg_error *err) {
    const struct {
        const char *name;
        double value, low, high;
    } checks[] = {{"cutoff", c->cutoff, 0, 1000}, {"beta", c->beta, 0, 1e4}, {"d_cutoff", c->d_cutoff, 0.01, 1000}};
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        if (!(checks[i].value >= checks[i].low && checks[i].value <= checks[i].high))
            return vg_fail(err, VG_INVALID, "smoothing: %s is %g; it must be %g to %g", checks[i].name, checks[i].value,
                           checks[i].low, checks[i].high);
    return VG_OK;
}

/* A lag L of the output at speed v makes the filter see v (1 + L rate), so L = 1 / (2 pi (cutoff + beta v (1 + L rate))):
 * a quadratic in L. */
double vg_smooth_delay(const vg_smooth_config *c, double speed, double rate) {
    if (c->cutoff <= 0) return 0;
    const double a = 2 * VG_PI * c->beta * speed * rate, b = 2 * VG_PI * (c->cutoff + c->beta * speed);
    return 2 / (b + sqrt(b * b + 4 * a));
}

vg_status vg_smooth_create(vg_smooth **out, const vg_smooth_config *config, int32_t people, int32_t joints,
                           vg_error *err) {
    *out = NULL;
    VG_TRY(vg_smooth_config_check(config, err));
    VG_TRY(vg_dims_check((vg_dims){1, people, joints}, err));
    vg_smooth *s = calloc(1, sizeof *s);
    if (s) s->filters = calloc((size_t)people * (size_t)joints * 3, sizeof *s->filters);
    if (!s || !s->filters) {
        free(s);
        return vg_fail(err, VG_NO_MEMORY, "no memory to smooth %d people", people);
    }
    s->config = *config, s->people = people, s->joints = joints;
    for (int32_t i = 0; i < people * joints * 3; i++)
        s->filters[i] = (vg_one_euro){.cutoff = config->cutoff, .beta = config->beta, .d_cutoff = config->d_cutoff};
    *out = s;
    return VG_OK;
}

void vg_smooth_destroy(vg_smooth *s) {
    if (!s) return;
    free(s->filters);
    free(s);
}

void vg_smooth_step(vg_smooth *s, vg_skeletons *k) {
    VG_ASSERT(k->people == s->people && k->joints == s->joints);
    if (s->config.cutoff == 0) return;
    const double dt = (double)(k->time_ns - s->time_ns) * 1e-9;
    const bool anew = !(dt > 0 && dt < 1);
    s->time_ns = k->time_ns;
    for (int32_t p = 0; p < s->people; p++) {
        const bool here = vg_skeletons_present(k)[p] != 0;
        for (int32_t j = 0; j < s->joints; j++) {
            vg_joint *joint = &vg_skeletons_joints(k)[p * s->joints + j];
            vg_one_euro *f = s->filters + (p * s->joints + j) * 3;
            const bool lost = !here || joint->state == VG_JOINT_LOST;
            for (int a = 0; a < 3; a++) {
                if (anew || lost) f[a].begun = false;
                if (!lost)
                    joint->position[a] = (float)vg_one_euro_step(&f[a], (double)joint->position[a], anew ? 1 : dt);
            }
        }
    }
}
