/* Status texts and error sentences. */
#include "common/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *vg_status_text(vg_status status) {
    switch (status) {
#define VG_STATUS_CASE(name, text)                                                                                     \
    case VG_##name:                                                                                                    \
        return text;
        VG_STATUS_MAP(VG_STATUS_CASE)
#undef VG_STATUS_CASE
    }
    return "unknown status";
}

vg_status vg_fail(vg_error *err, vg_status status, const char *format, ...) {
    if (err) {
        va_list args;
        va_start(args, format);
        vsnprintf(err->message, sizeof err->message, format, args);
        va_end(args);
        err->status = status;
    }
    return status;
}

vg_status vg_fail_context(vg_error *err, vg_status status, const char *format, ...) {
    if (err) {
        char inner[sizeof err->message];
        memcpy(inner, err->message, sizeof inner);
        inner[sizeof inner - 1] = '\0';
        va_list args;
        va_start(args, format);
        int n = vsnprintf(err->message, sizeof err->message, format, args);
        va_end(args);
        if (n < 0) n = 0;
        const size_t used = (size_t)n < sizeof err->message ? (size_t)n : sizeof err->message - 1;
        snprintf(err->message + used, sizeof err->message - used, ": %s", inner);
        err->status = status;
    }
    return status;
}

_Noreturn void vg_assert_failed(const char *condition, const char *file, int line, const char *function) {
    fprintf(stderr, "vergence: bug: %s:%d: %s: assertion `%s` failed\n", file, line, function, condition);
    abort();
}
