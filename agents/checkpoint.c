/* Files of named arrays. The checksum is libsodium's generic hash (BLAKE2b, RFC 7693): it finds every damage, not only the
 * short bursts that a CRC is made for, at a gigabyte a second. */
#include "agents/checkpoint.h"

#include "common/text.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HASH = 32, HEADER = 24, ENTRY = VG_CHECKPOINT_NAME + 8 };
static const char magic[8] = {'V', 'G', 'C', 'H', 'E', 'C', 'K', '\n'};

/* ---- writing ------------------------------------------------------------------------------------------------------- */

void vg_checkpoint_add(vg_checkpoint_writer *writer, const char *name, const void *data, size_t bytes) {
    VG_ASSERT(writer->count < VG_CHECKPOINT_SECTIONS_MAX);
    VG_ASSERT(name[0] && strlen(name) < VG_CHECKPOINT_NAME);
    for (int32_t i = 0; i < writer->count; i++) VG_ASSERT(strcmp(writer->section[i].name, name) != 0);
    writer->section[writer->count].name = name;
    writer->section[writer->count].data = data;
    writer->section[writer->count].bytes = bytes;
    writer->count++;
}

typedef struct sink {
    FILE *stream;
    crypto_generichash_state hash;
} sink;

static bool put(sink *s, const void *data, size_t bytes) {
    if (bytes == 0) return true;
    crypto_generichash_update(&s->hash, data, bytes);
    return fwrite(data, 1, bytes, s->stream) == bytes;
}

static bool put_all(sink *s, const vg_checkpoint_writer *writer) {
    const uint32_t version = VG_CHECKPOINT_VERSION, count = (uint32_t)writer->count;
    uint64_t total = HEADER + (uint64_t)count * ENTRY + HASH;
    for (uint32_t i = 0; i < count; i++) total += writer->section[i].bytes;
    crypto_generichash_init(&s->hash, NULL, 0, HASH);
    bool ok = put(s, magic, sizeof magic) && put(s, &version, sizeof version) && put(s, &count, sizeof count) &&
              put(s, &total, sizeof total);
    for (uint32_t i = 0; ok && i < count; i++) {
        char name[VG_CHECKPOINT_NAME] = {0};
        const uint64_t bytes = writer->section[i].bytes;
        memcpy(name, writer->section[i].name, strlen(writer->section[i].name));
        ok = put(s, name, sizeof name) && put(s, &bytes, sizeof bytes);
    }
    for (uint32_t i = 0; ok && i < count; i++) ok = put(s, writer->section[i].data, writer->section[i].bytes);
    unsigned char digest[HASH];
    crypto_generichash_final(&s->hash, digest, HASH);
    return ok && fwrite(digest, 1, HASH, s->stream) == HASH;
}

/* A rename is on the disk once its folder is. */
static void sync_folder_of(const char *path) {
    char folder[1024];
    const char *slash = strrchr(path, '/');
    const size_t n = slash ? (size_t)(slash - path) : 0;
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(n ? n : 1) : 1, slash ? path : ".");
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    fsync(fd);
    close(fd);
}

vg_status vg_checkpoint_write(const vg_checkpoint_writer *writer, const char *path, vg_error *err) {
    char part[1024];
    if ((size_t)snprintf(part, sizeof part, "%s.part", path) >= sizeof part)
        return vg_fail(err, VG_INVALID, "%s: the path is longer than %zu bytes", path, sizeof part - 6);
    sink s = {.stream = fopen(part, "wb")};
    if (!s.stream) return vg_fail(err, VG_IO, "%s: cannot be created: %s", part, strerror(errno));
    bool ok = put_all(&s, writer) && fflush(s.stream) == 0 && fsync(fileno(s.stream)) == 0;
    int why = errno;
    if (fclose(s.stream) != 0 && ok) ok = false, why = errno;
    if (ok && rename(part, path) != 0) ok = false, why = errno;
    if (!ok) {
        remove(part);
        return vg_fail(err, VG_IO, "%s: cannot be written: %s; what was there before is untouched", path,
                       strerror(why));
    }
    sync_folder_of(path);
    return VG_OK;
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

typedef struct section {
    char name[VG_CHECKPOINT_NAME];
    size_t bytes;
    unsigned char *data;
} section;

struct vg_checkpoint {
    char path[512];
    uint32_t count;
    section section[VG_CHECKPOINT_SECTIONS_MAX];
    unsigned char *block; /* the sections' bytes, each aligned */
};

static uint32_t u32_at(const unsigned char *p) {
    uint32_t x;
    memcpy(&x, p, sizeof x);
    return x;
}
static uint64_t u64_at(const unsigned char *p) {
    uint64_t x;
    memcpy(&x, p, sizeof x);
    return x;
}

/* Magic, version, sizes and checksum. */
static vg_status check_envelope(const unsigned char *data, size_t size, const char *path, vg_error *err) {
    if (size < sizeof magic || memcmp(data, magic, sizeof magic) != 0)
        return vg_fail(err, VG_CORRUPT, "%s: is not a checkpoint or policy file (it begins otherwise)", path);
    if (size < HEADER + HASH)
        return vg_fail(err, VG_CORRUPT, "%s: is cut short: %zu bytes do not even hold a header; use an older one", path,
                       size);
    const uint32_t version = u32_at(data + 8), count = u32_at(data + 12);
    if (version != VG_CHECKPOINT_VERSION)
        return vg_fail(err, VG_VERSION, "%s: is of format version %u; this program reads version %d", path, version,
                       VG_CHECKPOINT_VERSION);
    const uint64_t total = u64_at(data + 16);
    if (total != size)
        return vg_fail(err, VG_CORRUPT, "%s: is %s: %zu bytes, its header says %llu; use an older one", path,
                       size < total ? "cut short" : "longer than it should be", size, (unsigned long long)total);
    unsigned char digest[HASH];
    crypto_generichash(digest, HASH, data, size - HASH, NULL, 0);
    if (memcmp(digest, data + size - HASH, HASH) != 0)
        return vg_fail(err, VG_CORRUPT, "%s: is damaged: its checksum does not match its bytes; use an older one",
                       path);
    if (count > VG_CHECKPOINT_SECTIONS_MAX || count > (size - HEADER - HASH) / ENTRY)
        return vg_fail(err, VG_CORRUPT, "%s: claims %u sections; at most %d fit", path, count,
                       VG_CHECKPOINT_SECTIONS_MAX);
    return VG_OK;
}

/* The table of sections; `*room` receives the bytes they need when each is aligned. */
static vg_status read_table(vg_checkpoint *c, const unsigned char *data, size_t size, size_t *room, vg_error *err) {
    c->count = u32_at(data + 12);
    uint64_t left = size - HEADER - HASH - (uint64_t)c->count * ENTRY;
    *room = 0;
    for (uint32_t i = 0; i < c->count; i++) {
        const unsigned char *entry = data + HEADER + (size_t)i * ENTRY;
        section *s = &c->section[i];
        memcpy(s->name, entry, VG_CHECKPOINT_NAME);
        const uint64_t bytes = u64_at(entry + VG_CHECKPOINT_NAME);
        if (s->name[0] == '\0' || s->name[VG_CHECKPOINT_NAME - 1] != '\0')
            return vg_fail(err, VG_CORRUPT, "%s: section %u has no proper name", c->path, i);
        for (uint32_t k = 0; k < i; k++)
            if (strcmp(c->section[k].name, s->name) == 0)
                return vg_fail(err, VG_CORRUPT, "%s: holds section `%s` twice", c->path, s->name);
        if (bytes > left)
            return vg_fail(err, VG_CORRUPT, "%s: section `%s` claims %llu bytes where %llu are left", c->path, s->name,
                           (unsigned long long)bytes, (unsigned long long)left);
        left -= bytes;
        s->bytes = (size_t)bytes;
        *room += (s->bytes + 15) & ~(size_t)15;
    }
    if (left)
        return vg_fail(err, VG_CORRUPT, "%s: has %llu bytes that belong to no section", c->path,
                       (unsigned long long)left);
    return VG_OK;
}

static vg_status read_sections(vg_checkpoint *c, const unsigned char *data, size_t size, vg_error *err) {
    size_t room;
    VG_TRY(read_table(c, data, size, &room, err));
    c->block = malloc(room + 16); /* malloc aligns to 16 */
    if (!c->block) return vg_fail(err, VG_NO_MEMORY, "%s: no memory for its %zu bytes", c->path, room);
    const unsigned char *from = data + HEADER + (size_t)c->count * ENTRY;
    unsigned char *to = c->block;
    for (uint32_t i = 0; i < c->count; i++) {
        section *s = &c->section[i];
        s->data = to;
        if (s->bytes) memcpy(to, from, s->bytes);
        from += s->bytes;
        to += (s->bytes + 15) & ~(size_t)15;
    }
    return VG_OK;
}

vg_status vg_checkpoint_parse(vg_checkpoint **out, const void *data, size_t size, const char *name, vg_error *err) {
    *out = NULL;
    VG_TRY(check_envelope(data, size, name, err));
    vg_checkpoint *c = calloc(1, sizeof *c);
    if (!c) return vg_fail(err, VG_NO_MEMORY, "%s: out of memory", name);
    snprintf(c->path, sizeof c->path, "%s", name);
    const vg_status status = read_sections(c, data, size, err);
    if (status)
        vg_checkpoint_close(c);
    else
        *out = c;
    return status;
}

vg_status vg_checkpoint_open(vg_checkpoint **out, const char *path, vg_error *err) {
    *out = NULL;
    char *data;
    size_t size;
    VG_TRY(vg_file_load(&data, &size, path, err));
    const vg_status status = vg_checkpoint_parse(out, data, size, path, err);
    free(data);
    return status;
}

void vg_checkpoint_close(vg_checkpoint *c) {
    if (!c) return;
    free(c->block);
    free(c);
}

static const section *find(const vg_checkpoint *c, const char *name) {
    for (uint32_t i = 0; i < c->count; i++)
        if (strcmp(c->section[i].name, name) == 0) return &c->section[i];
    return NULL;
}

vg_status vg_checkpoint_get(const vg_checkpoint *c, const char *name, size_t bytes, const void **out, vg_error *err) {
    *out = NULL;
    const section *s = find(c, name);
    if (!s)
        return vg_fail(err, VG_CORRUPT, "%s: has no section `%s`; it was written for another purpose", c->path, name);
    if (s->bytes != bytes)
        return vg_fail(err, VG_INVALID,
                       "%s: section `%s` holds %zu bytes, this run needs %zu; it is of another network or another run",
                       c->path, name, s->bytes, bytes);
    *out = s->data;
    return VG_OK;
}

size_t vg_checkpoint_bytes(const vg_checkpoint *c, const char *name) {
    const section *s = find(c, name);
    return s ? s->bytes : 0;
}
