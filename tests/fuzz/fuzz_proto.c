/* Whatever bytes a peer sends, every decoder answers. */
#include "proto/proto.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static vg_codec *codec;
    static vg_frame *frames;
    const vg_dims dims = {2, 2, 3};
    enum { ENVS = 2 };
    if (!codec) {
        const size_t bytes = vg_frame_bytes(dims);
        if (vg_codec_create(&codec, vg_codec_size(dims, ENVS), NULL) != VG_OK || !(frames = calloc(ENVS, bytes)))
            abort();
        for (int32_t i = 0; i < ENVS; i++)
            vg_frame_init((vg_frame *)(void *)((char *)frames + bytes * (size_t)i), dims, i);
    }
    vg_message_kind kind;
    uint64_t sequence;
    int32_t first, count;
    vg_error err = {0};
    if (vg_decode(codec, data, size, &kind, &sequence, &err) != VG_OK) return 0;
    vg_wire_hello hello;
    vg_wire_world world;
    vg_wire_reset resets[ENVS];
    vg_command commands[ENVS];
    vg_wire_error said;
    switch (kind) {
    case VG_MESSAGE_HELLO:
        vg_decoded_hello(codec, &hello, &err);
        break;
    case VG_MESSAGE_WORLD:
        vg_decoded_world(codec, &world, &err);
        break;
    case VG_MESSAGE_RESET:
        vg_decoded_reset(codec, &first, &count, resets, ENVS, &err);
        break;
    case VG_MESSAGE_STEP:
        vg_decoded_step(codec, &first, &count, commands, ENVS, dims.cameras, &err);
        break;
    case VG_MESSAGE_FRAMES:
        vg_decoded_frames(codec, 0, 1, frames, &err);
        vg_decoded_frames(codec, 0, ENVS, frames, &err);
        break;
    case VG_MESSAGE_ERROR:
        vg_decoded_error(codec, &said, &err);
        break;
    default:
        break;
    }
    return 0;
}
