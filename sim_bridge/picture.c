/* Pictures to files: see picture.h. */
#include "sim_bridge/picture.h"

#include "common/text.h"
#include "sim_bridge/unrealcv/image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const kind_names[VG_PICTURE_KINDS] = {"lit", "mask", "depth"};

struct vg_picture_store {
    char folder[512];
    ucv_buffer buffer; /* a PNG being made */
};

vg_status vg_picture_kinds(uint32_t *out, const char *words, vg_error *err) {
    *out = 0;
    vg_span rest = {words ? words : "", words ? strlen(words) : 0};
    while (rest.at && vg_span_trim(rest).size) {
        const vg_span word = vg_span_trim(vg_span_field(&rest, ','));
        int kind = 0;
        while (kind < VG_PICTURE_KINDS && !vg_span_is(word, kind_names[kind])) kind++;
        if (kind == VG_PICTURE_KINDS)
            return vg_fail(err, VG_INVALID, "pictures of kind `%.*s` are unknown; use lit, mask and depth, with commas",
                           (int)(word.size < 40 ? word.size : 40), word.at);
        *out |= 1u << kind;
    }
    return VG_OK;
}

static vg_status make_folder(const char *path, vg_error *err) {
    if (mkdir(path, 0777) == 0 || errno == EEXIST) return VG_OK;
    return vg_fail(err, VG_IO, "%s: cannot make the folder for pictures: %s", path, strerror(errno));
}

vg_status vg_picture_store_create(vg_picture_store **out, const char *folder, vg_error *err) {
    *out = NULL;
    if (strlen(folder) >= sizeof((vg_picture_store *)0)->folder)
        return vg_fail(err, VG_INVALID, "the folder for pictures has too long a name");
    VG_TRY(make_folder(folder, err));
    vg_picture_store *s = calloc(1, sizeof *s);
    if (!s) return vg_fail(err, VG_NO_MEMORY, "pictures: out of memory");
    snprintf(s->folder, sizeof s->folder, "%s", folder);
    s->buffer.cap = (size_t)2 << 30;
    *out = s;
    return VG_OK;
}

void vg_picture_store_destroy(vg_picture_store *s) {
    if (!s) return;
    ucv_buffer_free(&s->buffer);
    free(s);
}

static vg_status write_picture(vg_picture_store *s, const vg_picture *p, FILE *stream, vg_error *err) {
    const void *data = p->data;
    size_t size = p->size;
    if (p->kind == VG_PICTURE_DEPTH) {
        unsigned char head[144];
        fwrite(head, 1, ucv_npy_head(head, p->width, p->height), stream);
    } else if (p->encoding == VG_PICTURE_RAW) {
        s->buffer.size = 0;
        VG_TRY(ucv_png(&s->buffer, p->data, p->width, p->height, err));
        data = s->buffer.data, size = s->buffer.size;
    }
    fwrite(data, 1, size, stream);
    return VG_OK;
}

vg_status vg_picture_store_put(vg_picture_store *s, const vg_picture *p, vg_error *err) {
    char path[640];
    snprintf(path, sizeof path, "%s/e%d", s->folder, p->environment);
    VG_TRY(make_folder(path, err));
    snprintf(path, sizeof path, "%s/e%d/c%d", s->folder, p->environment, p->camera);
    VG_TRY(make_folder(path, err));
    const char *const ending = p->kind == VG_PICTURE_DEPTH ? "npy" : p->encoding == VG_PICTURE_JPEG ? "jpg" : "png";
    snprintf(path, sizeof path, "%s/e%d/c%d/%08llu.%s.%s", s->folder, p->environment, p->camera,
             (unsigned long long)p->frame_id, kind_names[p->kind], ending);
    vg_file file;
    VG_TRY(vg_file_create(&file, path, err));
    const vg_status status = write_picture(s, p, file.stream, err);
    if (status == VG_OK) return vg_file_commit(&file, err);
    vg_file_abandon(&file);
    return status;
}
