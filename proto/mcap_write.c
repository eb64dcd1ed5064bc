/* Writing MCAP. Records are built in growing buffers, integers in little endian as the machine has them. Schemas and
 * channels stand in front of the first chunk and again in the summary. */
#include "proto/mcap.h"

#include "proto/descriptor.h"
#include "proto/mcap_format.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

enum { CHANNELS = 8, ZSTD_LEVEL = 1 };

typedef struct buffer {
    unsigned char *data;
    size_t size, room;
    bool failed; /* ran out of memory */
} buffer;

/* A chunk's index: how its record looks in the summary. */
typedef struct chunk_entry {
    int64_t first_ns, last_ns;
    uint64_t at, length, index_at[CHANNELS], index_length, compressed, uncompressed;
    bool has[CHANNELS];
} chunk_entry;

struct vg_mcap_writer {
    int fd;
    char path[1024];
    bool failed;
    uint64_t at; /* bytes in the file */
    size_t chunk_size, channel_count;
    buffer definitions;       /* schema and channel records */
    buffer chunk;             /* message records of the open chunk */
    buffer index[CHANNELS];   /* time and offset of each message in it */
    buffer packed, out, list; /* compressed; records to be written; chunk_entry[] */
    ZSTD_CCtx *zstd;
    int64_t first_ns, last_ns;     /* of the open chunk */
    int64_t file_first, file_last; /* of all */
    uint64_t messages[CHANNELS], chunks;
};

/* ---- building records ---- */

static void put(buffer *b, const void *data, size_t size) {
    if (b->size + size > b->room) {
        const size_t room = (b->size + size) * 2;
        unsigned char *grown = realloc(b->data, room);
        if (!grown) {
            b->failed = true;
            return;
        }
        b->data = grown, b->room = room;
    }
    if (size) memcpy(b->data + b->size, data, size);
    b->size += size;
}

static void put_u8(buffer *b, uint8_t x) {
    put(b, &x, sizeof x);
}
static void put_u16(buffer *b, uint16_t x) {
    put(b, &x, sizeof x);
}
static void put_u32(buffer *b, uint32_t x) {
    put(b, &x, sizeof x);
}
static void put_u64(buffer *b, uint64_t x) {
    put(b, &x, sizeof x);
}
static void put_text(buffer *b, const char *text) {
    put_u32(b, (uint32_t)strlen(text));
    put(b, text, strlen(text));
}

/* Begins a record; returns where, for end_record, which writes the length. */
static size_t begin_record(buffer *b, uint8_t opcode) {
    put_u8(b, opcode);
    put_u64(b, 0);
    return b->size;
}

static void end_record(buffer *b, size_t start) {
    const uint64_t length = b->size - start;
    if (!b->failed) memcpy(b->data + start - 8, &length, 8);
}

/* The 4-byte length of what was put since `start`, which points behind it. */
static void end_list(buffer *b, size_t start) {
    const uint32_t length = (uint32_t)(b->size - start);
    if (!b->failed) memcpy(b->data + start - 4, &length, 4);
}

static void put_definitions(buffer *b, const vg_mcap_channel *channels, size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t at = begin_record(b, MCAP_SCHEMA);
        put_u16(b, (uint16_t)(i + 1));
        put_text(b, channels[i].message);
        put_text(b, "protobuf");
        put_u32(b, sizeof vg_proto_descriptor);
        put(b, vg_proto_descriptor, sizeof vg_proto_descriptor);
        end_record(b, at);
        at = begin_record(b, MCAP_CHANNEL);
        put_u16(b, (uint16_t)i);
        put_u16(b, (uint16_t)(i + 1));
        put_text(b, channels[i].topic);
        put_text(b, "protobuf");
        put_u32(b, 0);
        const size_t list = b->size;
        for (size_t k = 0; k < channels[i].told_count; k++)
            put_text(b, channels[i].told[k].key), put_text(b, channels[i].told[k].value);
        end_list(b, list);
        end_record(b, at);
    }
}

/* ---- the file ---- */

static vg_status no_memory(vg_mcap_writer *w, vg_error *err) {
    w->failed = true;
    return vg_fail(err, VG_NO_MEMORY, "%s: no memory to record", w->path);
}

static vg_status write_all(vg_mcap_writer *w, buffer *b, vg_error *err) {
    if (b->failed) return no_memory(w, err);
    for (size_t done = 0; done < b->size;) {
        const ssize_t n = write(w->fd, b->data + done, b->size - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            w->failed = true;
            return vg_fail(err, VG_IO, "%s: recording stopped: %s", w->path, n < 0 ? strerror(errno) : "disk full");
        }
        done += (size_t)n, w->at += (uint64_t)n;
    }
    b->size = 0;
    return VG_OK;
}

vg_status vg_mcap_create(vg_mcap_writer **out, const char *path, const vg_mcap_channel *channels, size_t count,
                         size_t chunk_size, vg_error *err) {
    VG_ASSERT(count >= 1 && count <= CHANNELS);
    *out = NULL;
    vg_mcap_writer *w = calloc(1, sizeof *w);
    if (!w) return vg_fail(err, VG_NO_MEMORY, "%s: no memory to record", path);
    strncpy(w->path, path, sizeof w->path - 1);
    w->chunk_size = chunk_size, w->channel_count = count;
    w->zstd = ZSTD_createCCtx();
    w->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    vg_status status = VG_OK;
    if (w->fd < 0)
        status = vg_fail(err, errno == EEXIST ? VG_REFUSED : VG_IO, "%s: cannot be made: %s", path, strerror(errno));
    else if (!w->zstd)
        status = no_memory(w, err);
    if (status == VG_OK) {
        put(&w->out, MCAP_MAGIC, MCAP_MAGIC_SIZE);
        const size_t at = begin_record(&w->out, MCAP_HEADER);
        put_text(&w->out, "");
        put_text(&w->out, "vergence");
        end_record(&w->out, at);
        put_definitions(&w->definitions, channels, count);
        put(&w->out, w->definitions.data, w->definitions.size);
        status = write_all(w, &w->out, err);
    }
    if (status == VG_OK) {
        *out = w;
        return VG_OK;
    }
    w->failed = true;
    vg_mcap_finish(w, NULL);
    return status;
}

/* ---- chunks ---- */

static void put_chunk(vg_mcap_writer *w, chunk_entry *e) {
    buffer *b = &w->out;
    e->at = w->at;
    const size_t at = begin_record(b, MCAP_CHUNK);
    put_u64(b, (uint64_t)e->first_ns);
    put_u64(b, (uint64_t)e->last_ns);
    put_u64(b, w->chunk.size);
    put_u32(b, vg_crc32(0, w->chunk.data, w->chunk.size));
    put_text(b, "zstd");
    put_u64(b, w->packed.size);
    put(b, w->packed.data, w->packed.size);
    end_record(b, at);
    e->length = b->size;
    for (size_t c = 0; c < w->channel_count; c++) {
        e->has[c] = w->index[c].size > 0;
        if (!e->has[c]) continue;
        e->index_at[c] = w->at + b->size;
        const size_t start = begin_record(b, MCAP_MESSAGE_INDEX);
        put_u16(b, (uint16_t)c);
        put_u32(b, (uint32_t)w->index[c].size);
        put(b, w->index[c].data, w->index[c].size);
        end_record(b, start);
        w->index[c].size = 0;
    }
    e->index_length = b->size - e->length;
}

static vg_status close_chunk(vg_mcap_writer *w, vg_error *err) {
    if (w->failed) return vg_fail(err, VG_IO, "%s: recording stopped before", w->path);
    if (!w->chunk.size) return VG_OK;
    const size_t most = ZSTD_compressBound(w->chunk.size);
    if (w->packed.room < most) {
        free(w->packed.data);
        w->packed = (buffer){.data = malloc(most), .room = most};
        if (!w->packed.data) {
            w->packed.room = 0;
            return no_memory(w, err);
        }
    }
    w->packed.size = ZSTD_compressCCtx(w->zstd, w->packed.data, most, w->chunk.data, w->chunk.size, ZSTD_LEVEL);
    if (ZSTD_isError(w->packed.size)) {
        w->failed = true;
        return vg_fail(err, VG_FAILED, "%s: cannot compress: %s", w->path, ZSTD_getErrorName(w->packed.size));
    }
    chunk_entry e = {
        .first_ns = w->first_ns, .last_ns = w->last_ns, .compressed = w->packed.size, .uncompressed = w->chunk.size};
    put_chunk(w, &e);
    VG_TRY(write_all(w, &w->out, err));
    w->chunk.size = 0;
    w->chunks++;
    put(&w->list, &e, sizeof e);
    return w->list.failed ? no_memory(w, err) : VG_OK;
}

vg_status vg_mcap_add(vg_mcap_writer *w, size_t channel, int64_t time_ns, const void *data, size_t size,
                      vg_error *err) {
    VG_ASSERT(channel < w->channel_count);
    if (w->failed) return vg_fail(err, VG_IO, "%s: recording stopped before", w->path);
    buffer *b = &w->chunk;
    if (!b->size) w->first_ns = w->last_ns = time_ns;
    if (!w->chunks && !b->size) w->file_first = w->file_last = time_ns;
    if (time_ns < w->first_ns) w->first_ns = time_ns;
    if (time_ns > w->last_ns) w->last_ns = time_ns;
    if (time_ns < w->file_first) w->file_first = time_ns;
    if (time_ns > w->file_last) w->file_last = time_ns;
    put_u64(&w->index[channel], (uint64_t)time_ns);
    put_u64(&w->index[channel], b->size);
    const size_t at = begin_record(b, MCAP_MESSAGE);
    put_u16(b, (uint16_t)channel);
    put_u32(b, (uint32_t)w->messages[channel]++);
    put_u64(b, (uint64_t)time_ns);
    put_u64(b, (uint64_t)time_ns);
    put(b, data, size);
    end_record(b, at);
    if (b->failed || w->index[channel].failed) return no_memory(w, err);
    return b->size >= w->chunk_size ? close_chunk(w, err) : VG_OK;
}

vg_status vg_mcap_flush(vg_mcap_writer *w, bool sync, vg_error *err) {
    VG_TRY(close_chunk(w, err));
    if (!sync || fdatasync(w->fd) == 0) return VG_OK;
    w->failed = true;
    return vg_fail(err, VG_IO, "%s: recording stopped: %s", w->path, strerror(errno));
}

int64_t vg_mcap_bytes(const vg_mcap_writer *w) {
    return (int64_t)w->at;
}

/* ---- the end ---- */

static void put_chunk_index(buffer *b, const chunk_entry *e, size_t channels) {
    const size_t at = begin_record(b, MCAP_CHUNK_INDEX);
    put_u64(b, (uint64_t)e->first_ns);
    put_u64(b, (uint64_t)e->last_ns);
    put_u64(b, e->at);
    put_u64(b, e->length);
    put_u32(b, 0);
    const size_t list = b->size;
    for (size_t c = 0; c < channels; c++)
        if (e->has[c]) put_u16(b, (uint16_t)c), put_u64(b, e->index_at[c]);
    end_list(b, list);
    put_u64(b, e->index_length);
    put_text(b, "zstd");
    put_u64(b, e->compressed);
    put_u64(b, e->uncompressed);
    end_record(b, at);
}

static void put_statistics(buffer *b, const vg_mcap_writer *w) {
    uint64_t all = 0;
    for (size_t c = 0; c < w->channel_count; c++) all += w->messages[c];
    const size_t at = begin_record(b, MCAP_STATISTICS);
    put_u64(b, all);
    put_u16(b, (uint16_t)w->channel_count);
    put_u32(b, (uint32_t)w->channel_count);
    put_u32(b, 0); /* attachments */
    put_u32(b, 0); /* metadata */
    put_u32(b, (uint32_t)w->chunks);
    put_u64(b, (uint64_t)w->file_first);
    put_u64(b, (uint64_t)w->file_last);
    put_u32(b, 0);
    const size_t list = b->size;
    for (size_t c = 0; c < w->channel_count; c++) put_u16(b, (uint16_t)c), put_u64(b, w->messages[c]);
    end_list(b, list);
    end_record(b, at);
}

static vg_status write_summary(vg_mcap_writer *w, vg_error *err) {
    buffer *b = &w->out;
    size_t at = begin_record(b, MCAP_DATA_END);
    put_u32(b, 0); /* 0: the data's CRC is not given; each chunk has its own */
    end_record(b, at);
    VG_TRY(write_all(w, b, err));
    const uint64_t start = w->at;
    put(b, w->definitions.data, w->definitions.size);
    put_statistics(b, w);
    for (uint64_t i = 0; i < w->chunks; i++)
        put_chunk_index(b, (const chunk_entry *)(const void *)w->list.data + i, w->channel_count);
    begin_record(b, MCAP_FOOTER);
    const uint64_t footer = 8 + 8 + 4;
    if (!b->failed) memcpy(b->data + b->size - 8, &footer, 8);
    put_u64(b, start);
    put_u64(b, 0); /* no summary offsets */
    put_u32(b, b->failed ? 0 : vg_crc32(0, b->data, b->size));
    put(b, MCAP_MAGIC, MCAP_MAGIC_SIZE);
    return write_all(w, b, err);
}

vg_status vg_mcap_finish(vg_mcap_writer *w, vg_error *err) {
    if (!w) return VG_OK;
    vg_status status = VG_OK;
    if (!w->failed) status = close_chunk(w, err);
    if (!w->failed && status == VG_OK) status = write_summary(w, err);
    if (w->fd >= 0 && close(w->fd) != 0 && status == VG_OK && !w->failed)
        status = vg_fail(err, VG_IO, "%s: recording not finished: %s", w->path, strerror(errno));
    ZSTD_freeCCtx(w->zstd);
    for (size_t c = 0; c < CHANNELS; c++) free(w->index[c].data);
    free(w->definitions.data), free(w->chunk.data), free(w->packed.data), free(w->out.data), free(w->list.data);
    free(w);
    return status;
}
