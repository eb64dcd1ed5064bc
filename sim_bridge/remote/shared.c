/* Pictures in shared memory: see shared.h. */
#include "sim_bridge/remote/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static void put_u64(unsigned char *out, uint64_t v) {
    for (int i = 0; i < 8; i++) out[i] = (unsigned char)(v >> 8 * i);
}

static uint64_t get_u64(const unsigned char *in) {
    uint64_t v = 0;
    for (int i = 0; i < 8; i++) v |= (uint64_t)in[i] << 8 * i;
    return v;
}

vg_status vg_shared_create(vg_shared *out, uint64_t bytes, vg_error *err) {
    uint64_t random = 0;
    *out = (vg_shared){.fd = -1, .bytes = bytes};
    if (getrandom(&random, sizeof random, 0) != sizeof random) random = (uint64_t)(uintptr_t)out;
    snprintf(out->name, sizeof out->name, "/vergence-%d-%016llx", (int)getpid(), (unsigned long long)random);
    out->fd = shm_open(out->name, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (out->fd < 0) return vg_fail(err, VG_IO, "shared memory %s: cannot be made: %s", out->name, strerror(errno));
    const int why = posix_fallocate(out->fd, 0, (off_t)bytes); /* what is not there now would be missing later */
    if (why) {
        vg_shared_close(out);
        return vg_fail(err, VG_IO, "shared memory of %llu bytes: %s; /dev/shm may be too small",
                       (unsigned long long)bytes, strerror(why));
    }
    return VG_OK;
}

void vg_shared_forget(vg_shared *s) {
    if (s->name[0] && s->fd >= 0) shm_unlink(s->name);
    s->name[0] = '\0';
}

void vg_shared_close(vg_shared *s) {
    if (s->fd < 0) return;
    vg_shared_forget(s);
    close(s->fd);
    s->fd = -1;
}

static vg_status write_at(const vg_shared *s, const void *data, uint64_t bytes, uint64_t at, vg_error *err) {
    for (uint64_t done = 0; done < bytes;) {
        const ssize_t n = pwrite(s->fd, (const char *)data + done, bytes - done, (off_t)(at + done));
        if (n <= 0 && errno != EINTR) return vg_fail(err, VG_IO, "shared memory: %s", strerror(errno));
        if (n > 0) done += (uint64_t)n;
    }
    return VG_OK;
}

vg_status vg_shared_write(vg_shared *s, const void *data, uint64_t bytes, uint64_t *place, uint64_t *stamp,
                          vg_error *err) {
    if (bytes + VG_SHARED_HEAD > s->bytes)
        return vg_fail(err, VG_INVALID, "a picture of %llu bytes is larger than the shared memory",
                       (unsigned long long)bytes);
    if (s->next + VG_SHARED_HEAD + bytes > s->bytes) s->next = 0;
    unsigned char head[VG_SHARED_HEAD] = {0};
    put_u64(head + 8, bytes);
    VG_TRY(write_at(s, head, sizeof head, s->next, err));
    VG_TRY(write_at(s, data, bytes, s->next + VG_SHARED_HEAD, err));
    put_u64(head, ++s->stamp);
    VG_TRY(write_at(s, head, 8, s->next, err));
    *place = s->next, *stamp = s->stamp;
    s->next += (VG_SHARED_HEAD + bytes + 63) & ~(uint64_t)63;
    return VG_OK;
}

vg_status vg_shared_open(vg_shared *out, const char *name, uint64_t bytes, vg_error *err) {
    *out = (vg_shared){.fd = -1, .bytes = bytes};
    if (name[0] != '/' || strchr(name + 1, '/') || !name[1] || name[1] == '.')
        return vg_fail(err, VG_CORRUPT, "shared memory is called `%.60s`; a name is one / and letters", name);
    out->fd = shm_open(name, O_RDONLY, 0);
    if (out->fd < 0) return vg_fail(err, VG_NOT_FOUND, "shared memory %s: %s", name, strerror(errno));
    struct stat about;
    if (fstat(out->fd, &about) != 0 || !S_ISREG(about.st_mode) || (uint64_t)about.st_size < bytes) {
        close(out->fd);
        out->fd = -1;
        return vg_fail(err, VG_CORRUPT, "shared memory %s is smaller than the %llu bytes it was said to have", name,
                       (unsigned long long)bytes);
    }
    return VG_OK;
}

static vg_status read_at(const vg_shared *s, void *out, uint64_t bytes, uint64_t at, vg_error *err) {
    for (uint64_t done = 0; done < bytes;) {
        const ssize_t n = pread(s->fd, (char *)out + done, bytes - done, (off_t)(at + done));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return vg_fail(err, VG_CORRUPT, "shared memory ends before the picture does");
        done += (uint64_t)n;
    }
    return VG_OK;
}

vg_status vg_shared_read(const vg_shared *s, void *out, uint64_t bytes, uint64_t place, uint64_t stamp, vg_error *err) {
    unsigned char head[VG_SHARED_HEAD];
    if (place > s->bytes || s->bytes - place < VG_SHARED_HEAD || s->bytes - place - VG_SHARED_HEAD < bytes)
        return vg_fail(err, VG_CORRUPT, "a picture at %llu of %llu bytes lies outside the shared memory of %llu",
                       (unsigned long long)place, (unsigned long long)bytes, (unsigned long long)s->bytes);
    VG_TRY(read_at(s, head, sizeof head, place, err));
    const bool before = get_u64(head) == stamp;
    if (before && get_u64(head + 8) != bytes)
        return vg_fail(err, VG_CORRUPT, "a picture in shared memory has %llu bytes; the frame says %llu",
                       (unsigned long long)get_u64(head + 8), (unsigned long long)bytes);
    if (before) VG_TRY(read_at(s, out, bytes, place + VG_SHARED_HEAD, err));
    if (before) VG_TRY(read_at(s, head, 8, place, err));
    if (!before || get_u64(head) != stamp)
        return vg_fail(err, VG_NOT_FOUND, "a picture in shared memory was written over before it was read");
    return VG_OK;
}
