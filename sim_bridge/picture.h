/* Pictures beside frames: what a camera of a world saw, for those who want more than keypoints. */
#ifndef VG_SIM_BRIDGE_PICTURE_H
#define VG_SIM_BRIDGE_PICTURE_H

#include "proto/proto.h"

typedef struct vg_picture {
    int32_t environment, camera;
    int32_t kind, encoding; /* vg_picture_kind, vg_picture_encoding */
    int32_t width, height;  /* px */
    uint64_t frame_id;
    const void *data; /* transient; raw ones as vg_wire_picture says */
    size_t size;
} vg_picture;

/* "lit,mask" to a bit per vg_picture_kind. Empty and NULL: none. */
vg_status vg_picture_kinds(uint32_t *out, const char *words, vg_error *err);

/* Pictures as files FOLDER/eE/cC/FRAME.lit.png (or .jpg), .mask.png, .depth.npy. Release with vg_picture_store_destroy. */
typedef struct vg_picture_store vg_picture_store;
vg_status vg_picture_store_create(vg_picture_store **out, const char *folder, vg_error *err);
void vg_picture_store_destroy(vg_picture_store *store); /* NULL is allowed */
vg_status vg_picture_store_put(vg_picture_store *store, const vg_picture *picture, vg_error *err);

#endif
