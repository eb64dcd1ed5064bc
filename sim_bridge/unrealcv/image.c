/* Image files as UnrealCV sends them: see image.h. */
#include "sim_bridge/unrealcv/image.h"

#include <png.h>
#include <stdio.h>
#include <string.h>

static void put_u32(unsigned char *out, uint32_t v) {
    for (int i = 0; i < 4; i++) out[i] = (unsigned char)(v >> 8 * i);
}

void ucv_bmp_head(unsigned char out[UCV_BMP_HEAD], int32_t width, int32_t height) {
    memset(out, 0, UCV_BMP_HEAD);
    const uint32_t pixels = 4u * (uint32_t)width * (uint32_t)height;
    out[0] = 'B', out[1] = 'M';
    put_u32(out + 2, UCV_BMP_HEAD + pixels);
    put_u32(out + 10, UCV_BMP_HEAD);
    put_u32(out + 14, 40); /* BITMAPINFOHEADER */
    put_u32(out + 18, (uint32_t)width);
    put_u32(out + 22, (uint32_t)-height); /* negative: the first row is the top one */
    out[26] = 1, out[28] = 32;            /* planes, bits a pixel */
    put_u32(out + 34, pixels);
}

size_t ucv_npy_head(unsigned char out[144], int32_t width, int32_t height) {
    char text[128];
    int size = snprintf(text, sizeof text - 16, "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", height,
                        width);
    const int padding = 16 - (10 + size) % 16;
    memset(text + size, ' ', (size_t)padding);
    size += padding;
    text[size - 1] = '\n';
    memcpy(out, "\x93NUMPY\x01\x00", 8);
    out[8] = (unsigned char)size, out[9] = 0;
    memcpy(out + 10, text, (size_t)size);
    return 10 + (size_t)size;
}

vg_status ucv_png(ucv_buffer *out, const void *bgra, int32_t width, int32_t height, vg_error *err) {
    png_image image;
    memset(&image, 0, sizeof image);
    image.version = PNG_IMAGE_VERSION;
    image.width = (png_uint_32)width, image.height = (png_uint_32)height;
    image.format = PNG_FORMAT_BGRA;
    image.flags = PNG_IMAGE_FLAG_FAST;
    const size_t begun = out->size;
    png_alloc_size_t bytes = PNG_IMAGE_PNG_SIZE_MAX(image);
    unsigned char *at = ucv_reserve(out, bytes);
    if (!at) return vg_fail(err, VG_NO_MEMORY, "PNG of %d x %d: no room in the reply", width, height);
    if (!png_image_write_to_memory(&image, at, &bytes, 0, bgra, 0, NULL)) {
        out->size = begun;
        return vg_fail(err, VG_FAILED, "PNG of %d x %d: %s", width, height, image.message);
    }
    out->size = begun + bytes;
    return VG_OK;
}
