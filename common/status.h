/* Errors are values: every function that can fail returns a vg_status, and writes into the caller's vg_error a sentence
 * that names what was wrong (file, key, value, bound) and what to do. Nothing here allocates or keeps global state. */
#ifndef VG_COMMON_STATUS_H
#define VG_COMMON_STATUS_H

/* name, text */
#define VG_STATUS_MAP(X)                                                                                               \
    X(OK, "ok")                                                                                                        \
    X(INVALID, "invalid value")                                                                                        \
    X(NOT_FOUND, "not found")                                                                                          \
    X(IO, "input/output error")                                                                                        \
    X(CORRUPT, "corrupt data")                                                                                         \
    X(VERSION, "incompatible version")                                                                                 \
    X(NO_MEMORY, "out of memory")                                                                                      \
    X(TIMEOUT, "timed out")                                                                                            \
    X(UNREACHABLE, "peer unreachable")                                                                                 \
    X(REFUSED, "refused")                                                                                              \
    X(UNSUPPORTED, "not supported")                                                                                    \
    X(INTERRUPTED, "interrupted")                                                                                      \
    X(FAILED, "failed")                                                                                                \
    X(ENDED, "at the end")

typedef enum vg_status {
#define VG_STATUS_ENUM(name, text) VG_##name,
    VG_STATUS_MAP(VG_STATUS_ENUM)
#undef VG_STATUS_ENUM
} vg_status;

/* Room for one error's sentence. Zero-initialised means "no error". */
typedef struct vg_error {
    vg_status status;
    char message[640];
} vg_error;

/* Short text of a status ("invalid value"); never NULL. */
const char *vg_status_text(vg_status status);

/* Writes the sentence into `err` (NULL is allowed) and returns `status`, so that a failing line reads
 * `return vg_fail(err, VG_INVALID, "%s: key `%s` ...", file, key);` */
vg_status vg_fail(vg_error *err, vg_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts "context: " before the sentence already in `err` and returns its status. */
vg_status vg_fail_context(vg_error *err, vg_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define VG_TRY(expression)                                                                                             \
    do {                                                                                                               \
        const vg_status vg_try_status_ = (expression);                                                                 \
        if (vg_try_status_ != VG_OK) return vg_try_status_;                                                            \
    } while (0)

/* For what only a bug can cause; stays on in release builds. Never for input. */
#define VG_ASSERT(condition) ((condition) ? (void)0 : vg_assert_failed(#condition, __FILE__, __LINE__, __func__))
void vg_assert_failed(const char *condition, const char *file, int line, const char *function)
    __attribute__((noreturn));

#endif
