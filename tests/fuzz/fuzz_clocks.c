/* Clocks files of any content: read or refused with a sentence; what is read brings keypoints onto one time, or says why not. */
#include "perception/clocks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A person in eight frames of each of the file's cameras. */
static void resample(const vg_clocks *clocks) {
    enum { FRAMES = 8 };
    vg_error err = {0};
    vg_keypoints k = {.cameras = clocks->cameras, .frames = FRAMES}, out;
    char names[VG_MAX_CAMERAS][VG_CAMERA_NAME];
    int64_t first[FRAMES * VG_MAX_CAMERAS + 1];
    vg_keypoint points[FRAMES * VG_MAX_CAMERAS * VG_JOINTS14];
    vg_joint_set_init(&k.set, VG_JOINTS_14);
    k.names = names, k.first = first, k.points = points;
    for (int32_t c = 0; c < k.cameras; c++)
        memcpy(names[c], clocks->camera[c].name, sizeof names[c]), k.end[c] = FRAMES;
    for (int64_t i = 0; i <= FRAMES * k.cameras; i++) first[i] = i;
    for (int32_t i = 0; i < FRAMES * k.cameras * VG_JOINTS14; i++)
        points[i] = (vg_keypoint){(float)(i / VG_JOINTS14 / k.cameras), (float)(10 * (i % VG_JOINTS14)), 0.5f};
    for (int all = 0; all < 2; all++) {
        if (vg_keypoints_resample(&out, NULL, &k, clocks, 50, all, &err) != VG_OK) {
            VG_ASSERT(err.message[0] != '\0');
            continue;
        }
        VG_ASSERT(out.frames > 0 && out.cameras > 0 && out.cameras <= k.cameras);
        const int64_t count = out.first[(int64_t)out.frames * out.cameras] * VG_JOINTS14;
        for (int64_t i = 0; i < count; i++) VG_ASSERT(isfinite(out.points[i].u) && out.points[i].confidence <= 0.5f);
        vg_keypoints_free(&out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    if (!text) return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    vg_error err = {0};
    vg_clocks clocks;
    if (vg_clocks_parse("fuzz", text, size, &clocks, &err) == VG_OK)
        resample(&clocks);
    else
        VG_ASSERT(err.message[0] != '\0');
    free(text);
    return 0;
}
