/* Whatever a recording's file holds, the reader and the decoders of its messages answer. */
#include "proto/mcap.h"
#include "proto/proto.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static vg_codec *codec;
    vg_error err = {0};
    if (!codec && vg_codec_create(&codec, 1 << 20, &err) != VG_OK) abort();
    vg_mcap_reader *reader;
    if (vg_mcap_open_memory(&reader, "fuzz", data, size, &err) != VG_OK) return 0;
    vg_mcap_message m;
    while (vg_mcap_next(reader, &m, &err) == VG_OK) {
        vg_dims dims;
        vg_wire_skeletons head;
        int32_t people, joints;
        vg_mcap_told(reader, m.topic, "cameras");
        if (strcmp(m.schema, "vergence.Frame") == 0) {
            if (vg_decode_bare(codec, VG_MESSAGE_FRAMES, m.data, m.size, &err) == VG_OK)
                vg_decoded_frame_dims(codec, &dims, &err);
        } else if (vg_decode_bare(codec, VG_MESSAGE_SKELETONS, m.data, m.size, &err) == VG_OK) {
            vg_decoded_skeletons_head(codec, &head, &people, &joints, &err);
        }
    }
    vg_mcap_close(reader);
    return 0;
}
