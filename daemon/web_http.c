/* Heads of requests are read in one pass over whole lines: "GET TARGET HTTP/1.1" and fields "Name: value", each ended by CR LF.
 * SHA-1 is here because the WebSocket handshake asks for it; it protects nothing. */
#include "daemon/web_http.h"

#include <arpa/inet.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- requests ---- */

size_t vg_web_head_size(const char *data, size_t size) {
    const char *end = size ? memmem(data, size, "\r\n\r\n", 4) : NULL;
    return end ? (size_t)(end - data) + 4 : 0;
}

static bool is_token(vg_span s) {
    for (size_t i = 0; i < s.size; i++) {
        const char c = s.at[i];
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (!c || !strchr("!#$%&'*+-.^_`|~", c))) return false;
    }
    return s.size > 0;
}

static bool is_printable(vg_span s, bool blanks) {
    for (size_t i = 0; i < s.size; i++) {
        const unsigned char c = (unsigned char)s.at[i];
        if (c == 127 || c < 32 + !blanks) {
            if (!blanks || c != '\t') return false;
        }
    }
    return true;
}

static bool is_name(vg_span s, const char *name) {
    return s.size == strlen(name) && strncasecmp(s.at, name, s.size) == 0;
}

/* Whether a list "a, b, c" holds a word. */
static bool lists(vg_span list, const char *word) {
    while (list.at)
        if (is_name(vg_span_trim(vg_span_field(&list, ',')), word)) return true;
    return false;
}

/* The next line without its CR LF; false at the empty line. The head ends with one. */
static bool next_line(vg_span *rest, vg_span *line) {
    const char *end = memmem(rest->at, rest->size, "\r\n", 2);
    *line = (vg_span){rest->at, (size_t)(end - rest->at)};
    rest->at += line->size + 2, rest->size -= line->size + 2;
    return line->size > 0;
}

static int read_request_line(vg_web_request *out, vg_span line) {
    const vg_span method = vg_span_field(&line, ' ');
    vg_span target = line.at ? vg_span_field(&line, ' ') : (vg_span){0};
    if (!line.at || !is_token(method)) return 400;
    if (!target.size || !is_printable(target, false)) return 400;
    if (!vg_span_starts(line, "HTTP/")) return 400;
    if (!vg_span_is(line, "HTTP/1.1") && !vg_span_is(line, "HTTP/1.0")) return 505;
    if (!vg_span_is(method, "GET") && !vg_span_is(method, "HEAD")) return 405;
    if (target.at[0] != '/') return 400;
    out->head_only = method.at[0] == 'H';
    out->path = vg_span_field(&target, '?');
    return 0;
}

/* What decides over an upgrade. */
typedef struct handshake {
    bool websocket, connection, version_given, version;
    int keys;
} handshake;

static int read_field(vg_web_request *out, handshake *h, vg_span line) {
    vg_span value = line;
    const vg_span name = vg_span_field(&value, ':');
    if (!value.at || !is_token(name) || !is_printable(value, true)) return 400;
    value = vg_span_trim(value);
    if (is_name(name, "host")) {
        if (out->host.at) return 400;
        out->host = value;
    } else if (is_name(name, "origin")) {
        if (out->origin.at) return 400;
        out->origin = value;
    } else if (is_name(name, "transfer-encoding") || (is_name(name, "content-length") && !vg_span_is(value, "0"))) {
        return 413; /* nothing here takes a body */
    } else if (is_name(name, "upgrade")) {
        h->websocket |= lists(value, "websocket");
    } else if (is_name(name, "connection")) {
        h->connection |= lists(value, "upgrade");
    } else if (is_name(name, "sec-websocket-version")) {
        h->version_given = true, h->version = vg_span_is(value, "13");
    } else if (is_name(name, "sec-websocket-key")) {
        out->key = value, h->keys++;
    }
    return 0;
}

/* A key is 16 bytes in base64. */
static bool is_key(vg_span key) {
    uint8_t bytes[16];
    size_t size;
    return key.size == 24 &&
           sodium_base642bin(bytes, sizeof bytes, key.at, key.size, NULL, &size, NULL,
                             sodium_base64_VARIANT_ORIGINAL) == 0 &&
           size == 16;
}

int vg_web_read_request(vg_web_request *out, const char *head, size_t size) {
    *out = (vg_web_request){0};
    if (vg_web_head_size(head, size) != size || size == 0) return 400;
    vg_span rest = {head, size}, line;
    if (!next_line(&rest, &line)) return 400;
    int refused = read_request_line(out, line);
    handshake h = {0};
    while (next_line(&rest, &line)) {
        const int wrong = read_field(out, &h, line);
        if (wrong && !refused) refused = wrong;
    }
    if (refused) return refused;
    if (!out->host.at) return 400;
    if (!h.websocket) return 0; /* other upgrades are only an offer */
    if (h.version_given && !h.version) return 426;
    if (out->head_only || !h.connection || !h.version_given || h.keys != 1 || !is_key(out->key)) return 400;
    out->upgrade = true;
    return 0;
}

/* The host of "HOST[:PORT]" or "[IPV6][:PORT]" without brackets; empty where it is neither. */
static vg_span host_of(vg_span s, bool *six) {
    vg_span host = {0}, port = {0};
    *six = s.size && s.at[0] == '[';
    if (*six) {
        const char *end = memchr(s.at, ']', s.size);
        if (!end) return (vg_span){"", 0};
        host = (vg_span){s.at + 1, (size_t)(end - s.at) - 1};
        port = (vg_span){end + 1, s.size - host.size - 2};
        if (port.size && port.at[0] != ':') return (vg_span){"", 0};
        if (port.size) port.at++, port.size--;
    } else {
        port = s;
        host = vg_span_field(&port, ':');
    }
    for (size_t i = 0; port.at && i < port.size; i++)
        if (port.at[i] < '0' || port.at[i] > '9') return (vg_span){"", 0};
    return host;
}

bool vg_web_host_is_ours(vg_span host, const char *const *names) {
    char text[256];
    bool six;
    const vg_span span = host_of(host, &six);
    if (span.size == 0 || span.size >= sizeof text || memchr(span.at, '\0', span.size)) return false;
    vg_span_copy(text, sizeof text, span);
    unsigned char address[16];
    if (six) return inet_pton(AF_INET6, text, address) == 1;
    if (inet_pton(AF_INET, text, address) == 1 || strcasecmp(text, "localhost") == 0) return true;
    for (; *names; names++)
        if (strcasecmp(text, *names) == 0) return true;
    return false;
}

bool vg_web_origin_is_ours(const vg_web_request *r) {
    if (!r->origin.at) return true;
    return r->origin.size == r->host.size + 7 && strncasecmp(r->origin.at, "http://", 7) == 0 &&
           strncasecmp(r->origin.at + 7, r->host.at, r->host.size) == 0;
}

/* ---- addresses ---- */

bool vg_web_split(const char *listen, char host[256], uint16_t *port) {
    const char *colon = strrchr(listen, ':');
    if (!colon || colon == listen || !colon[1] || strlen(colon + 1) > 5 ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1))
        return false;
    const long number = strtol(colon + 1, NULL, 10);
    vg_span span = {listen, (size_t)(colon - listen)};
    const bool six = span.at[0] == '[' && span.at[span.size - 1] == ']';
    if (six) span.at++, span.size -= 2;
    if (number > 65535 || span.size == 0 || span.size > 255 || (!six && memchr(span.at, ':', span.size))) return false;
    vg_span_copy(host, 256, span);
    *port = (uint16_t)number;
    return true;
}

/* ---- WebSocket ---- */

static uint32_t rotate(uint32_t x, int n) {
    return x << n | x >> (32 - n);
}

static void sha1_block(uint32_t state[5], const uint8_t block[64]) {
    uint32_t w[80], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 |
               block[4 * i + 3];
    for (int i = 16; i < 80; i++) w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    for (int i = 0; i < 80; i++) {
        const uint32_t f = i < 20   ? ((b & c) | (~b & d)) + 0x5a827999
                           : i < 40 ? (b ^ c ^ d) + 0x6ed9eba1
                           : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
                                    : (b ^ c ^ d) + 0xca62c1d6;
        const uint32_t next = rotate(a, 5) + f + e + w[i];
        e = d, d = c, c = rotate(b, 30), b = a, a = next;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
}

/* SHA-1 (FIPS 180-4) of key and GUID: 60 bytes, which with padding and length are two blocks. */
void vg_web_accept_of(char out[VG_WEB_ACCEPT + 1], vg_span key) {
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    uint8_t data[128] = {0}, digest[20];
    memcpy(data, key.at, 24), memcpy(data + 24, guid, 36);
    data[60] = 0x80, data[126] = 480 >> 8, data[127] = 480 & 255;
    uint32_t state[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    sha1_block(state, data), sha1_block(state, data + 64);
    for (int i = 0; i < 20; i++) digest[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
    sodium_bin2base64(out, VG_WEB_ACCEPT + 1, digest, sizeof digest, sodium_base64_VARIANT_ORIGINAL);
}

size_t vg_web_ws_head(uint8_t out[VG_WEB_WS_HEAD], vg_web_opcode opcode, size_t size) {
    out[0] = (uint8_t)(0x80 | opcode);
    const int bytes = size < 126 ? 0 : size < 65536 ? 2 : 8; /* of the length that follows */
    out[1] = (uint8_t)(bytes == 0 ? size : bytes == 2 ? 126 : 127);
    for (int i = 0; i < bytes; i++) out[2 + i] = (uint8_t)((uint64_t)size >> 8 * (bytes - 1 - i));
    return 2 + (size_t)bytes;
}

int vg_web_read_ws(vg_web_ws_frame *out, const uint8_t *data, size_t size) {
    enum { HEAD = 6 }; /* two bytes and the mask */
    if (size < 2) return 0;
    const int opcode = data[0] & 15;
    const bool control = opcode == VG_WEB_CLOSE || opcode == VG_WEB_PING || opcode == VG_WEB_PONG;
    const bool known = control || opcode <= VG_WEB_BINARY;
    const bool last = (data[0] & 0x80) != 0, masked = (data[1] & 0x80) != 0;
    if ((data[0] & 0x70) || !known || !masked || (control && !last)) return -1002;
    const size_t length = data[1] & 127;
    if (length > 125) return control ? -1002 : -1009;
    if (size < HEAD + length) return 0;
    out->opcode = (vg_web_opcode)opcode, out->size = length;
    for (size_t i = 0; i < length; i++) out->payload[i] = data[HEAD + i] ^ data[2 + i % 4];
    return (int)(HEAD + length);
}
