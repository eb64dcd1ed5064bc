/* The viewer's HTTP and WebSocket, as bytes: what the standards allow is read, all else is refused with the right status; names
 * of other sites are not ours; the handshake is the standard's own example. */
#include "tests/support/support.h"

#include "daemon/web_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int read_text(vg_web_request *r, const char *text) {
    return vg_web_read_request(r, text, strlen(text));
}

static void expect_status(int status, const char *text) {
    vg_web_request r;
    const int got = read_text(&r, text);
    if (got != status) fail_msg("`%s`: status %d, expected %d", text, got, status);
}

#define UPGRADE                                                                                                        \
    "GET /live HTTP/1.1\r\nHost: localhost:1\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"             \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static void plain_requests_are_read(void **state) {
    (void)state;
    vg_web_request r;
    assert_int_equal(read_text(&r, "GET /a/b?x=1 HTTP/1.1\r\nhOsT: \t Localhost:80 \r\nAccept: */*\r\n\r\n"), 0);
    assert_true(vg_span_is(r.path, "/a/b"));
    assert_true(vg_span_is(r.host, "Localhost:80"));
    assert_false(r.head_only || r.upgrade || r.origin.at);
    assert_int_equal(read_text(&r, "HEAD / HTTP/1.0\r\nHost: x\r\nOrigin: http://x\r\n\r\n"), 0);
    assert_true(r.head_only && vg_span_is(r.origin, "http://x"));
    assert_int_equal(read_text(&r, UPGRADE "\r\n"), 0);
    assert_true(r.upgrade);
    /* an offer to speak HTTP/2 is an offer only */
    assert_int_equal(read_text(&r, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"), 0);
    assert_false(r.upgrade);
}

static void all_else_is_refused(void **state) {
    (void)state;
    expect_status(400, "");
    expect_status(400, "\r\n\r\n");
    expect_status(400, "GET /\r\n\r\n");
    expect_status(400, "GET  / HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_status(400, "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_status(400, "GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_status(400, "GET / HTTP/1.1\r\n\r\n");
    expect_status(400, "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n");
    expect_status(400, "GET / HTTP/1.1\r\nHost : x\r\n\r\n");
    expect_status(400, "GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n");
    expect_status(400, "GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n");
    expect_status(400, "GET / HTTP/1.1\r\nHost: x\nX: y\r\n\r\n");
    expect_status(400, "GET / HTTP/1.1\nHost: x\n\n");
    expect_status(405, "POST / HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_status(413, "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n");
    expect_status(413, "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    expect_status(505, "GET / HTTP/2.0\r\nHost: x\r\n\r\n");
    expect_status(400, "GET / HTTP/1.1\r\nHost: x\r\n\r\nmore");
    expect_status(426, "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                       "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    expect_status(400, "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
    expect_status(400, UPGRADE "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    expect_status(400, "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                       "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n\r\n");
}

static bool is_ours(const char *host) {
    static const char *const names[] = {"studio", "studio.local", NULL};
    return vg_web_host_is_ours((vg_span){host, strlen(host)}, names);
}

static void names_of_other_sites_are_not_ours(void **state) {
    (void)state;
    static const char *const ours[] = {"127.0.0.1",  "127.0.0.1:8080", "10.0.0.7:80", "localhost",   "LOCALHOST:1",
                                       "[::1]:8080", "[fe80::1]",      "studio:8080", "Studio.local"};
    static const char *const others[] = {"",
                                         "evil.example",
                                         "evil.example:8080",
                                         "localhost.evil.example",
                                         "127.0.0.1.evil.example",
                                         "studio.evil",
                                         "localhost:80x",
                                         "[::1",
                                         "[::1]x",
                                         "[localhost]",
                                         ":8080",
                                         "127.1",
                                         "2130706433",
                                         "a@localhost"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (!is_ours(ours[i])) fail_msg("%s is not taken", ours[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (is_ours(others[i])) fail_msg("%s is taken", others[i]);
}

static void a_page_of_another_origin_is_known(void **state) {
    (void)state;
    static const struct {
        const char *origin;
        bool ours;
    } cases[] = {{"http://localhost:1", true},   {"http://LOCALHOST:1", true},       {"http://localhost", false},
                 {"https://localhost:1", false}, {"http://localhost:1/", false},     {"null", false},
                 {"http://localhost:2", false},  {"http://localhost:1.evil", false}, {"", false}};
    vg_web_request r;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        snprintf(text, sizeof text, UPGRADE "Origin: %s\r\n\r\n", cases[i].origin);
        assert_int_equal(read_text(&r, text), 0);
        if (vg_web_origin_is_ours(&r) != cases[i].ours) fail_msg("origin `%s`", cases[i].origin);
    }
    assert_int_equal(read_text(&r, UPGRADE "\r\n"), 0);
    assert_true(vg_web_origin_is_ours(&r)); /* no browser */
}

static void addresses_are_split(void **state) {
    (void)state;
    char host[256];
    uint16_t port;
    assert_true(vg_web_split("127.0.0.1:8080", host, &port));
    assert_string_equal(host, "127.0.0.1");
    assert_int_equal(port, 8080);
    assert_true(vg_web_split("[::1]:0", host, &port));
    assert_string_equal(host, "::1");
    static const char *const bad[] = {"",     "8080",  ":8080",  "h:",    "h:65536",
                                      "h:-1", "h:80a", "::1:80", "[]:80", "h:080000"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (vg_web_split(bad[i], host, &port)) fail_msg("`%s` is taken", bad[i]);
}

/* RFC 6455, section 1.3. */
static void the_handshake_is_the_standards(void **state) {
    (void)state;
    char accept[VG_WEB_ACCEPT + 1];
    vg_web_accept_of(accept, (vg_span){"dGhlIHNhbXBsZSBub25jZQ==", 24});
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static void frames_have_heads_of_three_lengths(void **state) {
    (void)state;
    uint8_t head[VG_WEB_WS_HEAD];
    assert_int_equal(vg_web_ws_head(head, VG_WEB_TEXT, 125), 2);
    assert_memory_equal(head, "\x81\x7d", 2);
    assert_int_equal(vg_web_ws_head(head, VG_WEB_BINARY, 126), 4);
    assert_memory_equal(head, "\x82\x7e\x00\x7e", 4);
    assert_int_equal(vg_web_ws_head(head, VG_WEB_BINARY, 65535), 4);
    assert_memory_equal(head, "\x82\x7e\xff\xff", 4);
    assert_int_equal(vg_web_ws_head(head, VG_WEB_BINARY, 65536), 10);
    assert_memory_equal(head, "\x82\x7f\0\0\0\0\0\x01\0\0", 10);
}

/* RFC 6455, section 5.7: a masked "Hello"; then what is forbidden. */
static void frames_of_clients_are_unmasked(void **state) {
    (void)state;
    static const uint8_t hello[] = {0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58};
    vg_web_ws_frame frame;
    assert_int_equal(vg_web_read_ws(&frame, hello, sizeof hello), 11);
    assert_int_equal(frame.opcode, VG_WEB_TEXT);
    assert_int_equal(frame.size, 5);
    assert_memory_equal(frame.payload, "Hello", 5);
    for (size_t n = 0; n < sizeof hello; n++) assert_int_equal(vg_web_read_ws(&frame, hello, n), 0);
    static const struct {
        uint8_t head[2];
        int status;
    } bad[] = {{{0x81, 0x05}, -1002}, {{0xc1, 0x85}, -1002}, {{0x83, 0x80}, -1002}, {{0x8b, 0x80}, -1002},
               {{0x09, 0x80}, -1002}, {{0x89, 0xfe}, -1002}, {{0x82, 0xfe}, -1009}, {{0x82, 0xff}, -1009}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(vg_web_read_ws(&frame, bad[i].head, 2), bad[i].status);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_requests_are_read),
        cmocka_unit_test(all_else_is_refused),
        cmocka_unit_test(names_of_other_sites_are_not_ours),
        cmocka_unit_test(a_page_of_another_origin_is_known),
        cmocka_unit_test(addresses_are_split),
        cmocka_unit_test(the_handshake_is_the_standards),
        cmocka_unit_test(frames_have_heads_of_three_lengths),
        cmocka_unit_test(frames_of_clients_are_unmasked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
