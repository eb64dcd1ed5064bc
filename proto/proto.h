/* The wire: frames, commands and the rest to bytes and back (vergence.proto; docs/protocol.md). protobuf-c's types stay in
 * this folder. Bytes from a peer are hostile until proven otherwise: their number is capped before parsing, parsing takes
 * its memory from a fixed block, and every count, flag, number and text is checked after. */
#ifndef VG_PROTO_PROTO_H
#define VG_PROTO_PROTO_H

#include "common/frame.h"
#include "common/status.h"

#include <stdbool.h>

#define VG_PROTOCOL_VERSION 1                  /* of keypoint and skeleton streams */
#define VG_WORLD_VERSION    2                  /* of the exchange with a world; 2 brought pictures */
#define VG_WORLD_OLDEST     1                  /* still spoken */
#define VG_MESSAGE_MAX      ((size_t)64 << 20) /* bytes of the largest message */

/* The values are the field numbers in the envelope. */
typedef enum vg_message_kind {
    VG_MESSAGE_HELLO = 2,
    VG_MESSAGE_WORLD,
    VG_MESSAGE_RESET,
    VG_MESSAGE_STEP,
    VG_MESSAGE_FRAMES,
    VG_MESSAGE_ERROR,
    VG_MESSAGE_PING,
    VG_MESSAGE_PONG,
    VG_MESSAGE_BYE,
    VG_MESSAGE_KEYPOINTS,
    VG_MESSAGE_SKELETONS
} vg_message_kind;

typedef struct vg_wire_hello {
    uint32_t version;
    uint64_t capabilities;
    char name[64];
    uint32_t pictures, encodings; /* bit per vg_picture_kind, per vg_picture_encoding */
    bool shared_memory;
} vg_wire_hello;

#define VG_WIRE_OBSTACLES_MAX 128
#define VG_WIRE_OBSTACLE      8 /* numbers of one */

/* What a world tells of itself: world.h's vg_world_info as it travels. */
typedef struct vg_wire_world {
    uint32_t version;
    uint64_t capabilities;
    char name[64], scene[64];
    vg_dims dims;
    int32_t environments;
    double step_seconds;
    bool truth, resettable, teleports;
    float bounds[10], limits[3];
    int32_t obstacle_count;
    float obstacles[VG_WIRE_OBSTACLES_MAX * VG_WIRE_OBSTACLE];
    uint32_t pictures;
    int32_t mask_colours; /* 0, or as many as people */
    uint32_t mask_colour[VG_MAX_PEOPLE];
    char shared_memory[64];
    uint64_t shared_bytes;
    bool live;
} vg_wire_world;

/* Pictures that travel beside frames. */
typedef enum vg_picture_kind { VG_PICTURE_LIT, VG_PICTURE_MASK, VG_PICTURE_DEPTH, VG_PICTURE_KINDS } vg_picture_kind;
typedef enum vg_picture_encoding { VG_PICTURE_RAW, VG_PICTURE_JPEG, VG_PICTURE_ENCODINGS } vg_picture_encoding;
#define VG_PICTURE_SIDE 16384 /* px, most */

/* One picture as a frame tells of it. Raw: 4 bytes a pixel, row by row from the top: blue, green, red, 255; depth: a
 * little-endian float, metres along the axis. */
typedef struct vg_wire_picture {
    int32_t environment, camera;
    int32_t kind, encoding; /* vg_picture_kind, vg_picture_encoding */
    int32_t width, height;
    uint64_t bytes;
    uint64_t
        place; /* in a part: which one, 0 is the first after the envelope; in shared memory: byte offset of its head */
    uint64_t stamp; /* 0: in a part; else what its head in shared memory must hold */
} vg_wire_picture;

typedef struct vg_wire_reset {
    uint64_t seed;
    int32_t people, formation;
} vg_wire_reset;

typedef struct vg_wire_error {
    vg_status status;
    char message[512];
} vg_wire_error;

/* One picture of one camera as a detector saw it: what a keypoint stream is made of. */
typedef struct vg_wire_keypoints {
    uint32_t version;
    uint64_t stream;              /* names this run of the publisher */
    char camera[64];              /* as the calibration calls it */
    char joint_set[32];           /* "vergence14", "body25", ... */
    char clock[64];               /* which clock time_ns was read from; "": one that no other camera shares */
    int64_t time_ns;              /* when the picture was taken */
    uint64_t dropped;             /* pictures the publisher could not send, so far */
    int32_t width, height;        /* px; 0 where unknown */
    int32_t people, joints;       /* detections, in no particular order */
    const vg_keypoint *keypoints; /* [people, joints]; decoded ones live in the codec until its next parsing */
} vg_wire_keypoints;

/* What travels beside skeletons. */
typedef struct vg_wire_skeletons {
    uint32_t version;
    uint64_t stream;
    char joint_set[32];
} vg_wire_skeletons;

/* Room to encode and decode one message at a time. Not for two threads at once. */
typedef struct vg_codec vg_codec;

/* `size` bounds both the bytes of a message and the memory its parsing may take. Release with vg_codec_destroy. */
vg_status vg_codec_create(vg_codec **out, size_t size, vg_error *err);
void vg_codec_destroy(vg_codec *codec); /* NULL is allowed */
/* Enough for messages about `envs` environments of these dimensions. */
size_t vg_codec_size(vg_dims dims, int32_t envs);

/* Bytes of an encoded message; valid until the codec's next encoding. */
typedef struct vg_bytes {
    const void *data;
    size_t size;
} vg_bytes;

vg_status vg_encode_hello(vg_codec *codec, uint64_t sequence, const vg_wire_hello *in, vg_bytes *out, vg_error *err);
vg_status vg_encode_world(vg_codec *codec, uint64_t sequence, const vg_wire_world *in, vg_bytes *out, vg_error *err);
vg_status vg_encode_reset(vg_codec *codec, uint64_t sequence, int32_t first, int32_t count, const vg_wire_reset *in,
                          vg_bytes *out, vg_error *err);
vg_status vg_encode_step(vg_codec *codec, uint64_t sequence, int32_t first, int32_t count, const vg_command *in,
                         vg_bytes *out, vg_error *err);
vg_status vg_encode_frames(vg_codec *codec, uint64_t sequence, int32_t first, int32_t count, vg_frame *in,
                           vg_bytes *out, vg_error *err);
/* The same with pictures [picture_count], sorted by environment, and the count of frames dropped so far. */
vg_status vg_encode_frames_pictures(vg_codec *codec, uint64_t sequence, int32_t first, int32_t count, vg_frame *in,
                                    const vg_wire_picture *pictures, int32_t picture_count, uint64_t dropped,
                                    vg_bytes *out, vg_error *err);
vg_status vg_encode_error(vg_codec *codec, uint64_t sequence, const vg_wire_error *in, vg_bytes *out, vg_error *err);
/* `sequence` counts the pictures of this camera, or the skeletons of this stream, from 1. */
vg_status vg_encode_keypoints(vg_codec *codec, uint64_t sequence, const vg_wire_keypoints *in, vg_bytes *out,
                              vg_error *err);
vg_status vg_encode_skeletons(vg_codec *codec, uint64_t sequence, const vg_wire_skeletons *head, const vg_skeletons *in,
                              vg_bytes *out, vg_error *err);
/* Ping, Pong and Bye. */
vg_status vg_encode_empty(vg_codec *codec, uint64_t sequence, vg_message_kind kind, vg_bytes *out, vg_error *err);

/* Parses `size` bytes; the message stays in the codec until its next parsing. */
vg_status vg_decode(vg_codec *codec, const void *data, size_t size, vg_message_kind *kind, uint64_t *sequence,
                    vg_error *err);
/* The parsed message's contents; the kind must be the one that vg_decode told. */
vg_status vg_decoded_hello(const vg_codec *codec, vg_wire_hello *out, vg_error *err);
vg_status vg_decoded_world(const vg_codec *codec, vg_wire_world *out, vg_error *err);
/* `out` [room]; environments first .. first + count - 1 lie within 0 .. room - 1. */
vg_status vg_decoded_reset(const vg_codec *codec, int32_t *first, int32_t *count, vg_wire_reset *out, int32_t room,
                           vg_error *err);
vg_status vg_decoded_step(const vg_codec *codec, int32_t *first, int32_t *count, vg_command *out, int32_t room,
                          int32_t cameras, vg_error *err);
/* Into `count` initialised frames; the message must hold exactly those, for environments from `first` on. */
vg_status vg_decoded_frames(const vg_codec *codec, int32_t first, int32_t count, vg_frame *out, vg_error *err);
/* The pictures that the frames tell of, at most `room`: cameras, kinds and sizes are possible ones, and raw pictures have
 * as many bytes as their size needs. Where they lie is the caller's to check. */
vg_status vg_decoded_pictures(const vg_codec *codec, int32_t cameras, vg_wire_picture *out, int32_t room,
                              int32_t *count, uint64_t *dropped, vg_error *err);
/* Confidences above 1 become 1. */
vg_status vg_decoded_keypoints(const vg_codec *codec, vg_wire_keypoints *out, vg_error *err);
/* The dimensions first; then into skeletons initialised for exactly those. */
vg_status vg_decoded_skeletons_head(const vg_codec *codec, vg_wire_skeletons *head, int32_t *people, int32_t *joints,
                                    vg_error *err);
vg_status vg_decoded_skeletons(const vg_codec *codec, vg_skeletons *out, vg_error *err);
vg_status vg_decoded_error(const vg_codec *codec, vg_wire_error *out, vg_error *err);

/* The messages of a recording: one vergence.Frame or vergence.Skeletons without an envelope. After vg_decode_bare (kind
 * VG_MESSAGE_FRAMES or VG_MESSAGE_SKELETONS) the contents are read by vg_decoded_frames (one frame, the first) and
 * vg_decoded_skeletons. */
vg_status vg_encode_bare_frame(vg_codec *codec, const vg_frame *in, vg_bytes *out, vg_error *err);
vg_status vg_encode_bare_skeletons(vg_codec *codec, const vg_wire_skeletons *head, const vg_skeletons *in,
                                   vg_bytes *out, vg_error *err);
vg_status vg_decode_bare(vg_codec *codec, vg_message_kind kind, const void *data, size_t size, vg_error *err);
/* What a parsed frame was made for. */
vg_status vg_decoded_frame_dims(const vg_codec *codec, vg_dims *out, vg_error *err);

#endif
