/* What the files of the codec share. Only proto/ includes it: protobuf-c's types stay here. */
#ifndef VG_PROTO_CODEC_H
#define VG_PROTO_CODEC_H

#include "proto/proto.h"

#include "proto/vergence.pb-c.h"

/* A block that is handed out front to back and taken back as a whole. */
typedef struct block {
    unsigned char *base;
    size_t size, used;
} block;

struct vg_codec {
    block parse, build; /* memory of the parsed message, and of what encoding needs beside the caller's arrays */
    unsigned char *out; /* the encoded bytes */
    size_t size;
    ProtobufCAllocator allocator;
    Vergence__Envelope *message; /* parsed; lives in `parse` */
};

/* The next `size` bytes of a block, 16-byte aligned; NULL where it is used up. */
void *codec_block_take(block *b, size_t size);
/* An envelope to the codec's bytes. */
vg_status codec_finish(vg_codec *codec, Vergence__Envelope *envelope, vg_bytes *out, vg_error *err);
Vergence__Envelope codec_envelope_of(uint64_t sequence, vg_message_kind kind);
/* A frame as its message, which borrows the frame's arrays. */
vg_status codec_build_frame(vg_codec *codec, Vergence__Frame *out, const vg_frame *frame, vg_error *err);

/* Printable UTF-8 into a field of our own; longer texts are cut at a character. */
vg_status codec_get_text(char *out, size_t room, const char *in, const char *field, vg_error *err);
vg_status codec_check_count(const char *field, size_t got, size_t wanted, vg_error *err);
vg_status codec_check_floats(const char *field, const float *x, size_t n, vg_error *err);
vg_status codec_check_range(const char *field, uint64_t value, uint64_t low, uint64_t high, vg_error *err);

#endif
