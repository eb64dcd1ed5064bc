/* Neural networks by OpenCV's DNN, behind a C door: no OpenCV type leaves cv_net.cpp. */
#ifndef VG_CALIBRATION_CV_NET_H
#define VG_CALIBRATION_CV_NET_H

#include "common/status.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vg_cv_net vg_cv_net;

/* A TensorFlow graph (.pb), for the CPU. VG_FAILED with OpenCV's own words where it throws. */
vg_status vg_cv_net_open(vg_cv_net **out, const char *path, vg_error *err);
void vg_cv_net_close(vg_cv_net *net); /* NULL is allowed */
/* Input [channels, height, width]; the output named outputs[i] goes to values[i], which holds exactly sizes[i] numbers. */
vg_status vg_cv_net_run(vg_cv_net *net, const float *input, int channels, int height, int width,
                        const char *const *outputs, float *const *values, const size_t *sizes, int count,
                        vg_error *err);

/* How many threads of its own OpenCV may use in this process; networks otherwise take all cores. */
void vg_cv_set_threads(int threads);

#ifdef __cplusplus
}
#endif

#endif
