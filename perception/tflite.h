/* A TensorFlow Lite model with one input, run on the CPU. The library is loaded at run time (dlopen), so that building needs
 * none of it; only the few functions of its C API that are used here are known. Private to the 2D detector. */
#ifndef VG_PERCEPTION_TFLITE_H
#define VG_PERCEPTION_TFLITE_H

#include "common/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct vg_tflite vg_tflite;

/* Loads `library` and `model` and makes the model ready on `threads` threads, by XNNPACK. */
vg_status vg_tflite_open(vg_tflite **out, const char *library, const char *model, int32_t threads, vg_error *err);
void vg_tflite_close(vg_tflite *model); /* NULL is allowed */
/* The input's values, to be filled before vg_tflite_run; NULL where it does not hold `count` of them. */
float *vg_tflite_input(const vg_tflite *model, size_t count);
/* The first output of exactly `count` values; NULL where there is none. */
const float *vg_tflite_output(const vg_tflite *model, size_t count);
vg_status vg_tflite_run(vg_tflite *model, vg_error *err);

#endif
