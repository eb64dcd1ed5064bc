/* CSV files of keypoints of any content: read or refused with a sentence; what is read is as keypoints.h promises. */
#include "perception/keypoints.h"

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
    vg_keypoints k;
    if (vg_keypoints_csv_parse("fuzz", text, size, NULL, &k, &err) == VG_OK) {
        VG_ASSERT(k.frames > 0 && k.cameras > 0 && k.cameras <= VG_MAX_CAMERAS && k.first[0] == 0);
        for (int32_t f = 0; f < k.frames; f++)
            for (int32_t c = 0; c < k.cameras; c++)
                for (int32_t i = 0; i < vg_keypoints_count(&k, f, c); i++)
                    for (int32_t j = 0; j < k.set.joints; j++) {
                        const vg_keypoint *p = vg_keypoints_at(&k, f, c, i) + j;
                        VG_ASSERT(isfinite(p->u) && isfinite(p->v) && p->confidence >= 0 && p->confidence <= 1);
                    }
    } else {
        VG_ASSERT(err.message[0] != '\0');
    }
    vg_keypoints_free(&k);
    free(text);
    return 0;
}
