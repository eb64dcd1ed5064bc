/* Levelled logging. A line is built in one buffer and written with one call, so lines of several threads never mix. */
#include "common/log.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>

static const char *const level_names[] = {"error", "warn", "info", "debug"};

void vg_log_write(const vg_log *log, vg_log_level level, const char *format, ...) {
    if (!log || !log->stream || level > log->level) return;
    char line[1024];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm utc;
    gmtime_r(&now.tv_sec, &utc);
    size_t used = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%S", &utc);
    used +=
        (size_t)snprintf(line + used, sizeof line - used, ".%03ldZ %-5s ", now.tv_nsec / 1000000, level_names[level]);
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(line + used, sizeof line - used - 1, format, args);
    va_end(args);
    if (n > 0) used += (size_t)n;
    if (used > sizeof line - 2) used = sizeof line - 2;
    line[used++] = '\n';
    fwrite(line, 1, used, log->stream);
    fflush(log->stream);
}

vg_status vg_log_level_parse(const char *text, vg_log_level *out, vg_error *err) {
    for (int i = 0; i < 4; i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *out = (vg_log_level)i;
            return VG_OK;
        }
    }
    return vg_fail(err, VG_INVALID, "log level `%s` is unknown; use error, warn, info or debug", text);
}
