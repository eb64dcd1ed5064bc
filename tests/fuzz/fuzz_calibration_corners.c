/* Corner lists of any content: read or refused with a sentence. */
#include "calibration/corners.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    if (!text) return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    vg_error err = {0};
    vg_corners corners;
    if (vg_corners_parse("fuzz", text, size, &corners, &err) == VG_OK)
        for (size_t i = 0; i < corners.count; i++) {
            const vg_corner *c = &corners.corner[i];
            VG_ASSERT(c->sync >= 0 && c->frame >= 0 && c->camera >= 0 && c->point >= 0 && c->object >= 0);
            VG_ASSERT(isfinite(c->u) && isfinite(c->v));
        }
    else
        VG_ASSERT(err.message[0] != '\0');
    vg_corners_free(&corners);
    free(text);
    return 0;
}
