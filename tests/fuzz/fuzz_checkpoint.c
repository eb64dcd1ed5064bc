/* Checkpoint files of any content: read or refused with a sentence. The checksum would keep the fuzzer out of what lies
 * behind it, so each input is tried as it is and with its size and checksum put right. */
#include "agents/checkpoint.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try(const uint8_t *data, size_t size) {
    vg_error err = {0};
    vg_checkpoint *checkpoint;
    if (vg_checkpoint_parse(&checkpoint, data, size, "fuzz.vgc", &err) != VG_OK) {
        VG_ASSERT(!checkpoint && err.message[0] != '\0');
        return;
    }
    const size_t bytes = vg_checkpoint_bytes(checkpoint, "network");
    const void *at;
    unsigned sum = 0;
    if (bytes) {
        VG_ASSERT(vg_checkpoint_get(checkpoint, "network", bytes, &at, &err) == VG_OK);
        for (size_t i = 0; i < bytes; i++) sum += ((const unsigned char *)at)[i];
    }
    VG_ASSERT(vg_checkpoint_get(checkpoint, "network", bytes + 1, &at, &err) != VG_OK && sum < ~0u);
    vg_checkpoint_close(checkpoint);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    try(data, size);
    if (size < 56) return 0;
    uint8_t *mended = malloc(size);
    if (!mended) return 0;
    memcpy(mended, data, size);
    const uint32_t version = VG_CHECKPOINT_VERSION;
    const uint64_t total = size;
    memcpy(mended, "VGCHECK\n", 8), memcpy(mended + 8, &version, 4), memcpy(mended + 16, &total, 8);
    crypto_generichash(mended + size - 32, 32, mended, size - 32, NULL, 0);
    try(mended, size);
    free(mended);
    return 0;
}
