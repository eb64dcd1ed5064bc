/* BVH files of any content: read or refused with a sentence; every frame of what is read has a pose. */
#include "perception/motion.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    if (!text) return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    vg_error err = {0};
    vg_bvh bvh = {0};
    if (vg_bvh_parse("fuzz", text, size, &bvh, &err) == VG_OK) {
        static double positions[VG_BVH_MAX_JOINTS][3], rotations[VG_BVH_MAX_JOINTS][9];
        for (int32_t j = 0; j < bvh.joints; j++) VG_ASSERT(bvh.joint[j].parent < j);
        for (int32_t f = 0; f < bvh.frames && f < 3; f++) vg_bvh_pose(positions, rotations, &bvh, f);
    } else {
        VG_ASSERT(err.message[0] != '\0');
    }
    vg_bvh_free(&bvh);
    free(text);
    return 0;
}
