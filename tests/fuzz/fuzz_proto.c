/* Whatever bytes a peer sends, every decoder answers. */
#include "proto/proto.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The streams' messages, and what follows from their own dimensions. */
static void read_stream(vg_codec *codec, vg_message_kind kind) {
    vg_wire_keypoints picture;
    vg_wire_skeletons head;
    int32_t people, joints;
    vg_error err = {0};
    if (kind == VG_MESSAGE_KEYPOINTS) {
        if (vg_decoded_keypoints(codec, &picture, &err) != VG_OK) return;
        for (int32_t i = 0; i < picture.people * picture.joints; i++)
            if (!(picture.keypoints[i].confidence <= 1)) abort();
    } else if (vg_decoded_skeletons_head(codec, &head, &people, &joints, &err) == VG_OK) {
        vg_skeletons *skeletons = calloc(1, vg_skeletons_bytes(people, joints));
        if (!skeletons) abort();
        vg_skeletons_init(skeletons, people, joints, 0);
        vg_decoded_skeletons(codec, skeletons, &err);
        free(skeletons);
    }
}

/* A recording's messages have no envelope. */
static void read_bare(vg_codec *codec, const uint8_t *data, size_t size) {
    vg_error err = {0};
    vg_dims dims;
    if (vg_decode_bare(codec, VG_MESSAGE_SKELETONS, data, size, &err) == VG_OK)
        read_stream(codec, VG_MESSAGE_SKELETONS);
    if (vg_decode_bare(codec, VG_MESSAGE_FRAMES, data, size, &err) != VG_OK ||
        vg_decoded_frame_dims(codec, &dims, &err) != VG_OK)
        return;
    vg_frame *frame = calloc(1, vg_frame_bytes(dims));
    if (!frame) abort();
    vg_frame_init(frame, dims, 0);
    vg_decoded_frames(codec, 0, 1, frame, &err);
    free(frame);
}

static void read_pictures(vg_codec *codec, vg_dims dims) {
    vg_wire_picture pictures[5];
    int32_t count;
    uint64_t dropped;
    vg_error err = {0};
    if (vg_decoded_pictures(codec, dims.cameras, pictures, 5, &count, &dropped, &err) != VG_OK) return;
    for (int32_t i = 0; i < count; i++)
        if (pictures[i].camera >= dims.cameras || pictures[i].bytes > VG_MESSAGE_MAX || pictures[i].width < 1) abort();
}

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
    read_bare(codec, data, size);
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
        read_pictures(codec, dims);
        break;
    case VG_MESSAGE_ERROR:
        vg_decoded_error(codec, &said, &err);
        break;
    case VG_MESSAGE_KEYPOINTS:
    case VG_MESSAGE_SKELETONS:
        read_stream(codec, kind);
        break;
    default:
        break;
    }
    return 0;
}
