/* What the fuzzers of keypoint files share: read or refused with a sentence; what is read is as keypoints.h promises. */
#ifndef VG_FUZZ_KEYPOINTS_H
#define VG_FUZZ_KEYPOINTS_H

#include "perception/keypoints.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef vg_status keypoints_parser(const char *name, const char *text, size_t size, const vg_keypoints_options *options,
                                   vg_keypoints *out, vg_error *err);

static inline void fuzz_check_keypoints(const vg_keypoints *k) {
    VG_ASSERT(k->frames > 0 && k->cameras > 0 && k->cameras <= VG_MAX_CAMERAS && k->first[0] == 0);
    for (int32_t c = 0; c < k->cameras; c++) {
        VG_ASSERT(k->begin[c] >= 0 && k->begin[c] < k->end[c] && k->end[c] <= k->frames);
        const bool stamped = vg_keypoints_stamped(k, c);
        double last = -(double)INFINITY;
        for (int32_t f = 0; f < k->frames; f++) {
            const double t = vg_keypoints_time(k, f, c, stamped, 30);
            VG_ASSERT(isnan(t) || t > last);
            if (!isnan(t)) last = t;
        }
    }
    for (int32_t f = 0; f < k->frames; f++)
        for (int32_t c = 0; c < k->cameras; c++)
            for (int32_t i = 0; i < vg_keypoints_count(k, f, c); i++)
                for (int32_t j = 0; j < k->set.joints; j++) {
                    const vg_keypoint *p = vg_keypoints_at(k, f, c, i) + j;
                    VG_ASSERT(isfinite(p->u) && isfinite(p->v) && p->confidence >= 0 && p->confidence <= 1);
                }
}

static inline int fuzz_keypoints(keypoints_parser *parse, const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    if (!text) return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    vg_error err = {0};
    vg_keypoints k;
    if (parse("fuzz", text, size, NULL, &k, &err) == VG_OK)
        fuzz_check_keypoints(&k);
    else
        VG_ASSERT(err.message[0] != '\0');
    vg_keypoints_free(&k);
    free(text);
    return 0;
}

#endif
