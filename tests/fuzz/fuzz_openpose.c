/* OpenPose files of any content. */
#include "tests/fuzz/fuzz_keypoints.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    return fuzz_keypoints(vg_keypoints_openpose_parse, data, size);
}
