/* Whatever bytes a game sends in answer to two rounds of requests: replies lie inside what was received, and the link ends
 * in an answer, a lost connection or a complaint, never anywhere else. */
#include "sim_bridge/unrealcv/client_link.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static ucv_link link;
    vg_error err = {0};
    int pair[2];
    if (size > 60000 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0) return 0;
    if (!link.endpoint[0] && ucv_link_init(&link, "unix:///fuzz", 0, 1, &err) != VG_OK) abort();
    if (write(pair[1], data, size) != (ssize_t)size) abort();
    shutdown(pair[1], SHUT_WR);
    ucv_link_disconnect(&link);
    link.fd = pair[0], link.first_id = 0, link.count = link.done = 0;
    link.in_size = link.scanned = 0, link.out.size = link.out.at = 0;
    for (int round = 0; round < 2; round++) {
        ucv_round_begin(&link);
        for (int i = 0; i < 3; i++) ucv_ask(&link, "vget /camera/%d/pose", i);
        if (ucv_round_send(&link, &err) != VG_OK || ucv_round_receive(&link, &err) != VG_OK) break;
        for (int i = 0; i < 3; i++) {
            const vg_span reply = ucv_reply(&link, i);
            if (reply.at < (const char *)link.in || reply.at + reply.size > (const char *)link.in + link.in_size)
                abort();
        }
    }
    close(pair[1]);
    return 0;
}
