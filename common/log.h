/* Levelled logging to a stream: one line an event, "2026-01-31T12:00:00.123Z level message". Thread-safe per line. */
#ifndef VG_COMMON_LOG_H
#define VG_COMMON_LOG_H

#include "common/status.h"

#include <stdio.h>

typedef enum vg_log_level { VG_LOG_ERROR, VG_LOG_WARN, VG_LOG_INFO, VG_LOG_DEBUG } vg_log_level;

/* Owned by the process's main; modules are handed a pointer. NULL is allowed everywhere and logs nothing. */
typedef struct vg_log {
    FILE *stream;       /* where lines go; not owned */
    vg_log_level level; /* lines above this level are dropped */
} vg_log;

void vg_log_write(const vg_log *log, vg_log_level level, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* "error" | "warn" | "info" | "debug" to a level. */
vg_status vg_log_level_parse(const char *text, vg_log_level *out, vg_error *err);

#define VG_ERRORF(log, ...) vg_log_write((log), VG_LOG_ERROR, __VA_ARGS__)
#define VG_WARNF(log, ...)  vg_log_write((log), VG_LOG_WARN, __VA_ARGS__)
#define VG_INFOF(log, ...)  vg_log_write((log), VG_LOG_INFO, __VA_ARGS__)
#define VG_DEBUGF(log, ...) vg_log_write((log), VG_LOG_DEBUG, __VA_ARGS__)

#endif
