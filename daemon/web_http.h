/* The little of HTTP/1.1 (RFC 9112) and of WebSocket (RFC 6455) that the viewer's server speaks: GET and HEAD of a few files,
 * and one stream of messages to the browser. No sockets in here: bytes in, plain structs out. Whatever is not exactly what
 * the standards allow is refused. */
#ifndef VG_DAEMON_WEB_HTTP_H
#define VG_DAEMON_WEB_HTTP_H

#include "common/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- requests ---- */

typedef struct vg_web_request {
    bool head_only; /* HEAD instead of GET */
    bool upgrade;   /* asks for a WebSocket, and says all that one needs to say for it */
    vg_span path;   /* without the query */
    vg_span host;   /* as it stands, with the port */
    vg_span origin; /* at NULL where there is none */
    vg_span key;    /* Sec-WebSocket-Key of an upgrade: 24 characters */
} vg_web_request;

/* Bytes of a request's head, the empty line included; 0 where it is not all there yet. */
size_t vg_web_head_size(const char *data, size_t size);
/* Reads a head of so many bytes. 0, or the HTTP status to refuse it with; spans point into `head`. */
int vg_web_read_request(vg_web_request *out, const char *head, size_t size);

/* Whether a request may be for us: Host is an address, localhost, or one of `names` (NULL at the end), whatever the port. A
 * page of another site whose name was made to lead here (DNS rebinding) says that site's name. */
bool vg_web_host_is_ours(vg_span host, const char *const *names);
/* Whether a browser asks on behalf of our own page: Origin is http://HOST. Programs that are no browsers send none. */
bool vg_web_origin_is_ours(const vg_web_request *request);

/* ---- addresses ---- */

/* Parts of "HOST:PORT" or "[IPV6]:PORT", port 0 .. 65535. False where it is something else. */
bool vg_web_split(const char *listen, char host[256], uint16_t *port);

/* ---- WebSocket ---- */

enum { VG_WEB_ACCEPT = 28, VG_WEB_WS_HEAD = 10 };

/* Sec-WebSocket-Accept for a key: base64 of the SHA-1 of key and the standard's GUID; NUL-terminated. */
void vg_web_accept_of(char out[VG_WEB_ACCEPT + 1], vg_span key);

typedef enum vg_web_opcode {
    VG_WEB_CONTINUATION = 0,
    VG_WEB_TEXT = 1,
    VG_WEB_BINARY = 2,
    VG_WEB_CLOSE = 8,
    VG_WEB_PING = 9,
    VG_WEB_PONG = 10
} vg_web_opcode;

/* The head of an unmasked, whole message of `size` bytes; returns its own length. */
size_t vg_web_ws_head(uint8_t out[VG_WEB_WS_HEAD], vg_web_opcode opcode, size_t size);

/* One frame of a client. */
typedef struct vg_web_ws_frame {
    vg_web_opcode opcode;
    size_t size; /* of its payload, at most 125 */
    uint8_t payload[125];
} vg_web_ws_frame;

/* Takes the first frame off `data`. Positive: so many bytes were it; 0: it is not all there yet; negative: minus the status
 * to close the connection with: 1002 for what the standard forbids, 1009 for what is longer than a control frame may be. */
int vg_web_read_ws(vg_web_ws_frame *out, const uint8_t *data, size_t size);

#endif
