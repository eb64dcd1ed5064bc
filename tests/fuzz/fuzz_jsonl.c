/* JSON-lines files of any content. */
#include "tests/fuzz/fuzz_motion.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    return fuzz_motion(vg_jsonl_parse, data, size);
}
