/* Image files as UnrealCV sends them: BMP (32 bit, top-down, 54 + 4 W H bytes), PNG (RGBA), NPY (v1.0, <f4, (H, W)). */
#ifndef VG_SIM_BRIDGE_UNREALCV_IMAGE_H
#define VG_SIM_BRIDGE_UNREALCV_IMAGE_H

#include "sim_bridge/unrealcv/wire.h"

#define UCV_BMP_HEAD 54

void ucv_bmp_head(unsigned char out[UCV_BMP_HEAD], int32_t width, int32_t height);
/* The header of an array (height, width) of little-endian floats; returns its bytes (at most 144). */
size_t ucv_npy_head(unsigned char out[144], int32_t width, int32_t height);
/* Appends a PNG of `bgra` to the buffer. */
vg_status ucv_png(ucv_buffer *out, const void *bgra, int32_t width, int32_t height, vg_error *err);

#endif
