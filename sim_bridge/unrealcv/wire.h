/* The UnrealCV wire: frames, requests, command templates, and the buffer replies are written into.
 *   frame    u32 LE magic, u32 LE payload size (> 0), payload; both directions, no checksum
 *   request  payload "ID:COMMAND"; reply payload "ID:" and a body (text or raw bytes) */
#ifndef VG_SIM_BRIDGE_UNREALCV_WIRE_H
#define VG_SIM_BRIDGE_UNREALCV_WIRE_H

#include "common/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UCV_MAGIC       0x9E2B83C1u
#define UCV_HEAD        8                   /* bytes before the payload */
#define UCV_PAYLOAD_MAX ((size_t)256 << 20) /* what the newest clients and servers accept */
#define UCV_ARGS        12                  /* most arguments of a command */

/* --- frames -------------------------------------------------------------------------------------------------------- */

typedef enum ucv_scan {
    UCV_SCAN_FRAME, /* `payload` is complete; the frame takes UCV_HEAD + payload.size bytes */
    UCV_SCAN_MORE,  /* the beginning of a frame */
    UCV_SCAN_MAGIC, /* not a frame: wrong magic */
    UCV_SCAN_SIZE   /* payload empty or larger than `cap` */
} ucv_scan;

/* Looks for a frame at the beginning of `data`. A wrong magic is noticed at its first wrong byte. */
ucv_scan ucv_frame_scan(vg_span *payload, const void *data, size_t size, size_t cap);
void ucv_frame_head(unsigned char out[UCV_HEAD], uint32_t payload);

/* "12:vget /x" -> "12", "vget /x". The id is the first run of digits before a colon, wherever it stands; the command ends
 * at a line end. False where there is no such thing (a game then answers nothing). */
bool ucv_request_split(vg_span *id, vg_span *command, vg_span payload);

/* --- command templates --------------------------------------------------------------------------------------------- */

/* Matches `text` with a template such as "vset /camera/[cam]/location [float] [float] [float]":
 *   [str] anything without a blank   [uint] digits   [float] a decimal number, exponent allowed
 *   [cam] a camera's index or name: anything without blank and slash, not empty
 * Trailing blanks are allowed. `args` receives what the brackets matched. */
bool ucv_match(const char *pattern, vg_span text, vg_span args[UCV_ARGS], int *count);

/* --- replies ------------------------------------------------------------------------------------------------------- */

/* Bytes waiting to be sent: data[at .. size). Grows up to `cap`; what would go beyond it is dropped and `full` is set. */
typedef struct ucv_buffer {
    unsigned char *data;
    size_t at, size, room, cap;
    bool full;
} ucv_buffer;

void ucv_buffer_free(ucv_buffer *b);
unsigned char *ucv_reserve(ucv_buffer *b, size_t bytes); /* `bytes` more bytes at the end, or NULL (and full) */
void ucv_put(ucv_buffer *b, const void *bytes, size_t size);
void ucv_print(ucv_buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A number with `digits` (0 to 6) decimals as printf has it (ties aside), without "-0.000". */
void ucv_put_number(ucv_buffer *b, double value, int digits);
/* "%.3f %.3f %.3f" */
void ucv_put_triple(ucv_buffer *b, const double v[3]);

/* Begins a reply frame "ID:" (NULL id: a frame without one) and closes it once its body is written. */
size_t ucv_reply_begin(ucv_buffer *b, const vg_span *id);
void ucv_reply_end(ucv_buffer *b, size_t begun);

#endif
