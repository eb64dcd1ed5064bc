/* Reading MCAP front to back, without the index, which a file cut short does not have. Every length is checked before it is
 * believed; a record that goes beyond the end of the file is where it was cut. */
#include "proto/mcap.h"

#include "proto/mcap_format.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

enum { CHANNELS = 16, TEXT = 96, TOLD = 8, TOLD_TEXT = 1200 };
#define LARGEST_CHUNK ((size_t)64 << 20) /* uncompressed */

typedef struct span {
    const unsigned char *at;
    size_t size;
} span;

typedef struct channel {
    uint16_t id;
    char topic[TEXT], schema[TEXT];
    char key[TOLD][TEXT], value[TOLD][TOLD_TEXT];
    size_t told;
} channel;

typedef struct schema {
    uint16_t id;
    char name[TEXT];
} schema;

struct vg_mcap_reader {
    char name[512];
    span file, rest; /* all of it; what was not read yet */
    span inside;     /* what was not read yet of the chunk */
    unsigned char *chunk;
    size_t chunk_room;
    bool mapped, ended, cut;
    schema schemas[CHANNELS];
    channel *channels; /* [CHANNELS] */
    size_t schema_count, channel_count;
};

uint32_t vg_crc32(uint32_t crc, const void *data, size_t size) {
    static const uint32_t nibble[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
                                        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    const unsigned char *at = data;
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc ^= at[i];
        crc = crc >> 4 ^ nibble[crc & 15];
        crc = crc >> 4 ^ nibble[crc & 15];
    }
    return ~crc;
}

/* ---- fields; false where the span is too short ---- */

static bool take(span *s, void *out, size_t size) {
    if (s->size < size) return false;
    memcpy(out, s->at, size);
    s->at += size, s->size -= size;
    return true;
}

static bool take_span(span *s, span *out, uint64_t size) {
    if (s->size < size) return false;
    *out = (span){s->at, (size_t)size};
    s->at += size, s->size -= (size_t)size;
    return true;
}

static bool take_text(span *s, char *out, size_t room) {
    uint32_t size;
    span text;
    if (!take(s, &size, 4) || !take_span(s, &text, size)) return false;
    const size_t n = text.size < room - 1 ? text.size : room - 1;
    memcpy(out, text.at, n);
    out[n] = '\0';
    return true;
}

static vg_status corrupt(const vg_mcap_reader *r, const char *what, const unsigned char *at, vg_error *err) {
    const bool inside = r->chunk && at >= r->chunk && at <= r->chunk + r->chunk_room;
    return vg_fail(err, VG_CORRUPT, "%s: %s at byte %zu%s", r->name, what,
                   (size_t)(inside ? at - r->chunk : at - r->file.at), inside ? " of a chunk" : "");
}

/* ---- records ---- */

static vg_status read_schema(vg_mcap_reader *r, span s, vg_error *err) {
    schema got = {0};
    if (!take(&s, &got.id, 2) || !take_text(&s, got.name, sizeof got.name))
        return corrupt(r, "a damaged schema", s.at, err);
    for (size_t i = 0; i < r->schema_count; i++)
        if (r->schemas[i].id == got.id) return VG_OK;
    if (r->schema_count < CHANNELS) r->schemas[r->schema_count++] = got;
    return VG_OK;
}

static vg_status read_channel(vg_mcap_reader *r, span s, vg_error *err) {
    channel spare = {0};
    uint16_t schema_id;
    uint32_t size;
    span told;
    char encoding[TEXT];
    if (!take(&s, &spare.id, 2) || !take(&s, &schema_id, 2) || !take_text(&s, spare.topic, sizeof spare.topic) ||
        !take_text(&s, encoding, sizeof encoding) || !take(&s, &size, 4) || !take_span(&s, &told, size))
        return corrupt(r, "a damaged channel", s.at, err);
    for (size_t i = 0; i < r->channel_count; i++)
        if (r->channels[i].id == spare.id) return VG_OK; /* they are repeated */
    if (r->channel_count == CHANNELS) return VG_OK;
    while (told.size && spare.told < TOLD) {
        if (!take_text(&told, spare.key[spare.told], TEXT) || !take_text(&told, spare.value[spare.told], TOLD_TEXT))
            return corrupt(r, "damaged metadata of a channel", told.at, err);
        spare.told++;
    }
    for (size_t i = 0; i < r->schema_count; i++)
        if (r->schemas[i].id == schema_id) memcpy(spare.schema, r->schemas[i].name, TEXT);
    r->channels[r->channel_count++] = spare;
    return VG_OK;
}

/* A message's record; false where its channel is unknown. */
static bool read_message(const vg_mcap_reader *r, span s, vg_mcap_message *out) {
    uint16_t id;
    uint32_t sequence;
    uint64_t logged, published;
    if (!take(&s, &id, 2) || !take(&s, &sequence, 4) || !take(&s, &logged, 8) || !take(&s, &published, 8)) return false;
    for (size_t i = 0; i < r->channel_count; i++)
        if (r->channels[i].id == id) {
            *out = (vg_mcap_message){r->channels[i].topic, r->channels[i].schema, (int64_t)logged, s.at, s.size};
            return true;
        }
    return false;
}

static vg_status read_chunk(vg_mcap_reader *r, span s, vg_error *err) {
    uint64_t first, last, size, packed_size;
    uint32_t crc;
    char compression[16];
    span packed;
    if (!take(&s, &first, 8) || !take(&s, &last, 8) || !take(&s, &size, 8) || !take(&s, &crc, 4) ||
        !take_text(&s, compression, sizeof compression) || !take(&s, &packed_size, 8) ||
        !take_span(&s, &packed, packed_size))
        return corrupt(r, "a damaged chunk", s.at, err);
    if (size > LARGEST_CHUNK) return corrupt(r, "a chunk that is too large", s.at, err);
    if (strcmp(compression, "") == 0) {
        if (packed.size != size) return corrupt(r, "a damaged chunk", s.at, err);
        r->inside = packed;
    } else if (strcmp(compression, "zstd") == 0) {
        if (r->chunk_room < size || !r->chunk) {
            free(r->chunk);
            r->chunk = malloc(size ? size : 1);
            r->chunk_room = size;
            if (!r->chunk)
                return vg_fail(err, VG_NO_MEMORY, "%s: no memory for a chunk of %zu bytes", r->name, (size_t)size);
        }
        const size_t n = ZSTD_decompress(r->chunk, size, packed.at, packed.size);
        if (ZSTD_isError(n) || n != size) return corrupt(r, "a chunk that cannot be decompressed", packed.at, err);
        r->inside = (span){r->chunk, n};
    } else {
        return vg_fail(err, VG_UNSUPPORTED, "%s: compressed by `%s`; only zstd is read", r->name, compression);
    }
    if (crc && vg_crc32(0, r->inside.at, r->inside.size) != crc) {
        r->inside.size = 0;
        return corrupt(r, "a chunk whose checksum is wrong", packed.at, err);
    }
    return VG_OK;
}

vg_status vg_mcap_next(vg_mcap_reader *r, vg_mcap_message *out, vg_error *err) {
    for (;;) {
        const bool inside = r->inside.size > 0;
        span *from = inside ? &r->inside : &r->rest, record;
        uint8_t opcode;
        uint64_t length;
        const unsigned char *at = from->at;
        if (!inside && r->ended) return VG_ENDED;
        if (!take(from, &opcode, 1) || !take(from, &length, 8) || !take_span(from, &record, length)) {
            if (inside) return corrupt(r, "a damaged record", at, err);
            r->ended = r->cut = true;
            return VG_ENDED;
        }
        switch (opcode) {
        case MCAP_SCHEMA:
            VG_TRY(read_schema(r, record, err));
            break;
        case MCAP_CHANNEL:
            VG_TRY(read_channel(r, record, err));
            break;
        case MCAP_CHUNK:
            if (inside) return corrupt(r, "a chunk within a chunk", at, err);
            VG_TRY(read_chunk(r, record, err));
            break;
        case MCAP_MESSAGE:
            if (read_message(r, record, out)) return VG_OK;
            return corrupt(r, "a message of no channel", at, err);
        case MCAP_DATA_END:
        case MCAP_FOOTER:
            if (inside) return corrupt(r, "an end within a chunk", at, err);
            r->ended = true;
            return VG_ENDED;
        default:
            break; /* indexes, attachments, and what later versions add */
        }
    }
}

/* ---- life ---- */

static vg_status begin(vg_mcap_reader *r, vg_error *err) {
    if (r->file.size < MCAP_MAGIC_SIZE || memcmp(r->file.at, MCAP_MAGIC, MCAP_MAGIC_SIZE) != 0)
        return vg_fail(err, VG_CORRUPT, "%s: not an MCAP recording", r->name);
    r->channels = calloc(CHANNELS, sizeof *r->channels);
    if (!r->channels) return vg_fail(err, VG_NO_MEMORY, "%s: no memory to read it", r->name);
    r->rest = (span){r->file.at + MCAP_MAGIC_SIZE, r->file.size - MCAP_MAGIC_SIZE};
    return VG_OK;
}

static vg_status map_file(vg_mcap_reader *r, const char *path, vg_error *err) {
    struct stat st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return vg_fail(err, errno == ENOENT ? VG_NOT_FOUND : VG_IO, "%s: cannot be opened: %s", path, strerror(errno));
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size == 0) {
        close(fd);
        return vg_fail(err, VG_CORRUPT, "%s: not an MCAP recording", path);
    }
    void *at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (at == MAP_FAILED) return vg_fail(err, VG_IO, "%s: cannot be read: %s", path, strerror(errno));
    r->file = (span){at, (size_t)st.st_size};
    r->mapped = true;
    return VG_OK;
}

static vg_status open_reader(vg_mcap_reader **out, const char *name, const void *data, size_t size, vg_error *err) {
    *out = NULL;
    vg_mcap_reader *r = calloc(1, sizeof *r);
    if (!r) return vg_fail(err, VG_NO_MEMORY, "%s: no memory to read it", name);
    strncpy(r->name, name, sizeof r->name - 1);
    r->file = (span){data, size};
    vg_status status = data ? VG_OK : map_file(r, name, err);
    if (status == VG_OK) status = begin(r, err);
    if (status == VG_OK)
        *out = r;
    else
        vg_mcap_close(r);
    return status;
}

vg_status vg_mcap_open(vg_mcap_reader **out, const char *path, vg_error *err) {
    return open_reader(out, path, NULL, 0, err);
}

vg_status vg_mcap_open_memory(vg_mcap_reader **out, const char *name, const void *data, size_t size, vg_error *err) {
    return open_reader(out, name, data ? data : "", data ? size : 0, err);
}

void vg_mcap_close(vg_mcap_reader *r) {
    if (!r) return;
    if (r->mapped) munmap((void *)(uintptr_t)r->file.at, r->file.size);
    free(r->chunk), free(r->channels);
    free(r);
}

const char *vg_mcap_told(const vg_mcap_reader *r, const char *topic, const char *key) {
    for (size_t i = 0; i < r->channel_count; i++)
        for (size_t k = 0; k < r->channels[i].told; k++)
            if (strcmp(r->channels[i].topic, topic) == 0 && strcmp(r->channels[i].key[k], key) == 0)
                return r->channels[i].value[k];
    return NULL;
}

bool vg_mcap_cut(const vg_mcap_reader *r) {
    return r->cut;
}

double vg_mcap_position(const vg_mcap_reader *r) {
    return r->ended ? 1 : 1 - (double)r->rest.size / (double)r->file.size;
}
