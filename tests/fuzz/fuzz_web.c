/* What connects to the viewer's port: requests, names, and frames of WebSockets, of any content. */
#include "daemon/web_http.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_request(const char *text, size_t size) {
    static const char *const names[] = {"studio", NULL};
    const size_t head = vg_web_head_size(text, size);
    VG_ASSERT(head <= size);
    vg_web_request r;
    if (vg_web_read_request(&r, text, head)) return;
    VG_ASSERT(r.path.size > 0 && r.path.at[0] == '/' && r.host.at);
    vg_web_host_is_ours(r.host, names);
    vg_web_origin_is_ours(&r);
    if (!r.upgrade) return;
    char accept[VG_WEB_ACCEPT + 1];
    vg_web_accept_of(accept, r.key);
    VG_ASSERT(strlen(accept) == VG_WEB_ACCEPT);
}

static void read_frames(const uint8_t *data, size_t size) {
    size_t at = 0;
    for (int n = 1; n > 0; at += n > 0 ? (size_t)n : 0) {
        vg_web_ws_frame frame;
        n = vg_web_read_ws(&frame, data + at, size - at);
        VG_ASSERT(n <= (int)(size - at) && (n <= 0 || frame.size <= sizeof frame.payload));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char text[256], host[256];
    uint16_t port;
    read_request((const char *)data, size);
    read_frames(data, size);
    const size_t n = size < sizeof text - 1 ? size : sizeof text - 1;
    memcpy(text, data, n);
    text[n] = '\0';
    vg_web_split(text, host, &port);
    return 0;
}
