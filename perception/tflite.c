/* TensorFlow Lite by its C API (tensorflow/lite/c/c_api.h, version 2.9), loaded at run time. */
#include "perception/tflite.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Result, name behind "TfLite", parameters. All objects are opaque; a status of 0 is success. */
#define FUNCTIONS(X)                                                                                                   \
    X(void *, ModelCreateFromFile, (const char *path))                                                                 \
    X(void, ModelDelete, (void *model))                                                                                \
    X(void *, InterpreterOptionsCreate, (void))                                                                        \
    X(void, InterpreterOptionsDelete, (void *options))                                                                 \
    X(void, InterpreterOptionsSetNumThreads, (void *options, int32_t threads))                                         \
    X(void, InterpreterOptionsAddDelegate, (void *options, void *delegate))                                            \
    X(void, InterpreterOptionsSetErrorReporter,                                                                        \
      (void *options, void (*report)(void *context, const char *format, va_list args), void *context))                 \
    X(void *, InterpreterCreate, (const void *model, const void *options))                                             \
    X(void, InterpreterDelete, (void *interpreter))                                                                    \
    X(int32_t, InterpreterGetInputTensorCount, (const void *interpreter))                                              \
    X(void *, InterpreterGetInputTensor, (const void *interpreter, int32_t index))                                     \
    X(int, InterpreterAllocateTensors, (void *interpreter))                                                            \
    X(int, InterpreterInvoke, (void *interpreter))                                                                     \
    X(int32_t, InterpreterGetOutputTensorCount, (const void *interpreter))                                             \
    X(const void *, InterpreterGetOutputTensor, (const void *interpreter, int32_t index))                              \
    X(int, TensorType, (const void *tensor))                                                                           \
    X(size_t, TensorByteSize, (const void *tensor))                                                                    \
    X(void *, TensorData, (const void *tensor))                                                                        \
    X(void *, XNNPackDelegateCreate, (const void *options))                                                            \
    X(void, XNNPackDelegateDelete, (void *delegate))

enum { FLOAT32 = 1 };

struct vg_tflite {
    char name[512];
    void *library, *model, *options, *delegate, *interpreter;
    vg_error reported; /* what the library said last */
#define POINTER(result, name, parameters) result(*name) parameters;
    FUNCTIONS(POINTER)
#undef POINTER
};

static void report(void *context, const char *format, va_list args) {
    vg_tflite *m = context;
    vsnprintf(m->reported.message, sizeof m->reported.message, format, args);
}

static vg_status load_library(vg_tflite *m, const char *library, vg_error *err) {
    m->library = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (!m->library) return vg_fail(err, VG_UNSUPPORTED, "cannot load TensorFlow Lite: %.400s", dlerror());
#define LOOK_UP(result, function, parameters)                                                                          \
    {                                                                                                                  \
        void *symbol = dlsym(m->library, "TfLite" #function);                                                          \
        if (!symbol) return vg_fail(err, VG_UNSUPPORTED, "%.300s: it has no function TfLite%s", library, #function);   \
        memcpy(&m->function, &symbol, sizeof symbol);                                                                  \
    }
    FUNCTIONS(LOOK_UP)
#undef LOOK_UP
    return VG_OK;
}

static vg_status prepare(vg_tflite *m, int32_t threads, vg_error *err) {
    m->model = m->ModelCreateFromFile(m->name);
    if (!m->model) return vg_fail(err, VG_CORRUPT, "%.300s: TensorFlow Lite cannot read this model", m->name);
    m->options = m->InterpreterOptionsCreate();
    m->InterpreterOptionsSetNumThreads(m->options, threads);
    m->InterpreterOptionsSetErrorReporter(m->options, report, m);
    /* the options' struct has no public header; its first field is the number of threads, zero elsewhere is the default */
    int32_t xnnpack[32] = {threads};
    m->delegate = m->XNNPackDelegateCreate(xnnpack);
    if (m->delegate) m->InterpreterOptionsAddDelegate(m->options, m->delegate);
    m->interpreter = m->InterpreterCreate(m->model, m->options);
    if (!m->interpreter || m->InterpreterAllocateTensors(m->interpreter) != 0)
        return vg_fail(err, VG_CORRUPT, "%.200s: TensorFlow Lite cannot prepare this model: %.300s", m->name,
                       m->reported.message);
    if (m->InterpreterGetInputTensorCount(m->interpreter) != 1)
        return vg_fail(err, VG_UNSUPPORTED, "%.300s: the model must have one input", m->name);
    return VG_OK;
}

vg_status vg_tflite_open(vg_tflite **out, const char *library, const char *model, int32_t threads, vg_error *err) {
    *out = NULL;
    vg_tflite *m = calloc(1, sizeof *m);
    if (!m) return vg_fail(err, VG_NO_MEMORY, "%.300s: out of memory", model);
    snprintf(m->name, sizeof m->name, "%s", model);
    vg_status status = load_library(m, library, err);
    if (status == VG_OK) status = prepare(m, threads, err);
    if (status != VG_OK) {
        vg_tflite_close(m);
        return status;
    }
    *out = m;
    return VG_OK;
}

void vg_tflite_close(vg_tflite *m) {
    if (!m) return;
    if (m->interpreter) m->InterpreterDelete(m->interpreter);
    if (m->delegate) m->XNNPackDelegateDelete(m->delegate);
    if (m->options) m->InterpreterOptionsDelete(m->options);
    if (m->model) m->ModelDelete(m->model);
    if (m->library) dlclose(m->library);
    free(m);
}

static void *values(const vg_tflite *m, const void *tensor, size_t count) {
    if (!tensor || m->TensorType(tensor) != FLOAT32 || m->TensorByteSize(tensor) != count * sizeof(float)) return NULL;
    return m->TensorData(tensor);
}

float *vg_tflite_input(const vg_tflite *m, size_t count) {
    return values(m, m->InterpreterGetInputTensor(m->interpreter, 0), count);
}

const float *vg_tflite_output(const vg_tflite *m, size_t count) {
    const int32_t outputs = m->InterpreterGetOutputTensorCount(m->interpreter);
    for (int32_t i = 0; i < outputs; i++) {
        const float *data = values(m, m->InterpreterGetOutputTensor(m->interpreter, i), count);
        if (data) return data;
    }
    return NULL;
}

vg_status vg_tflite_run(vg_tflite *m, vg_error *err) {
    if (m->InterpreterInvoke(m->interpreter) != 0)
        return vg_fail(err, VG_FAILED, "%.200s: the model failed: %.300s", m->name, m->reported.message);
    return VG_OK;
}
