/* Recordings: MCAP files (mcap.dev, specification version 0), so that the field's viewers open them. A file is a row of
 * chunks, each compressed and checked by itself, with an index at the end. One that was cut short at any byte, because the
 * program or the disk died, is readable up to its last whole chunk. */
#ifndef VG_PROTO_MCAP_H
#define VG_PROTO_MCAP_H

#include "common/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- writing ---- */

typedef struct vg_mcap_pair {
    const char *key, *value;
} vg_mcap_pair;

typedef struct vg_mcap_channel {
    const char *topic;        /* "/frame" */
    const char *message;      /* a message of vergence.proto: "vergence.Frame" */
    const vg_mcap_pair *told; /* [told_count] what else a reader needs to know */
    size_t told_count;
} vg_mcap_channel;

typedef struct vg_mcap_writer vg_mcap_writer;

/* Makes a file, which must not exist. `channels` [count], at most 8. A chunk is closed when it holds `chunk_size` bytes. */
vg_status vg_mcap_create(vg_mcap_writer **out, const char *path, const vg_mcap_channel *channels, size_t count,
                         size_t chunk_size, vg_error *err);
/* Adds a message to a channel (its index). `time_ns`: since 1970. */
vg_status vg_mcap_add(vg_mcap_writer *writer, size_t channel, int64_t time_ns, const void *data, size_t size,
                      vg_error *err);
/* Closes the chunk and hands all that was added to the system; with `sync`, to the disk. */
vg_status vg_mcap_flush(vg_mcap_writer *writer, bool sync, vg_error *err);
int64_t vg_mcap_bytes(const vg_mcap_writer *writer); /* in the file so far */
/* Writes the index and closes; after a failure, only closes. NULL is allowed. */
vg_status vg_mcap_finish(vg_mcap_writer *writer, vg_error *err);

/* ---- reading ---- */

typedef struct vg_mcap_message {
    const char *topic, *schema; /* "/frame", "vergence.Frame" */
    int64_t time_ns;
    const void *data; /* valid until the next message */
    size_t size;
} vg_mcap_message;

typedef struct vg_mcap_reader vg_mcap_reader;

vg_status vg_mcap_open(vg_mcap_reader **out, const char *path, vg_error *err);
/* From memory, which must outlive the reader; `name` is what errors call it. */
vg_status vg_mcap_open_memory(vg_mcap_reader **out, const char *name, const void *data, size_t size, vg_error *err);
void vg_mcap_close(vg_mcap_reader *reader); /* NULL is allowed */
/* The next message in the order of the file. VG_ENDED at its end, also where it was cut short (vg_mcap_cut tells). */
vg_status vg_mcap_next(vg_mcap_reader *reader, vg_mcap_message *out, vg_error *err);
/* What the file tells about a topic under a key; NULL where nothing. Known once the topic's first message was read. */
const char *vg_mcap_told(const vg_mcap_reader *reader, const char *topic, const char *key);
bool vg_mcap_cut(const vg_mcap_reader *reader);        /* the end is missing */
double vg_mcap_position(const vg_mcap_reader *reader); /* share of the file that was read, 0 .. 1 */

/* CRC-32 as zlib computes it; `crc` is 0 to begin with. */
uint32_t vg_crc32(uint32_t crc, const void *data, size_t size);

#endif
