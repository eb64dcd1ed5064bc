/* Keypoints from pictures: the object mask says where each person is in a picture, and whose body that is; the 2D detector
 * looks at that part of the lit picture alone. */
#include "sim_bridge/finder.h"

#include "perception/detector.h"

#include <stdlib.h>
#include <string.h>

#define BOX_LEAST  12   /* px: people lower than that are not looked at */
#define BOX_MARGIN 0.2f /* of its size, on every side */

struct vg_finder {
    vg_detector *detector;
    int32_t from[VG_JOINTS14]; /* the detector's joint for each of ours, -1: none */
    uint8_t *rgb;
    size_t room;
    vg_detected found;
};

/* Pixels x0 .. x1 - 1, y0 .. y1 - 1. */
typedef struct box {
    int32_t x0, y0, x1, y1;
} box;

vg_status vg_finder_create(vg_finder **out, vg_error *err) {
    const vg_detector_options options = {.model = VG_DETECTOR_LITE};
    *out = calloc(1, sizeof **out);
    if (!*out) return vg_fail(err, VG_NO_MEMORY, "detector: out of memory");
    const vg_status status = vg_detector_create(&(*out)->detector, &options, err);
    if (status != VG_OK) {
        vg_finder_destroy(*out);
        *out = NULL;
        return vg_fail_context(err, status, "world.keypoints is detector");
    }
    vg_joint_set ours, theirs;
    vg_joint_set_init(&ours, VG_JOINTS_14);
    vg_joint_set_init(&theirs, vg_detector_joints(VG_DETECTOR_LITE));
    for (int j = 0; j < VG_JOINTS14; j++) (*out)->from[j] = vg_joint_set_find(&theirs, (vg_part)ours.part[j]);
    return VG_OK;
}

void vg_finder_destroy(vg_finder *d) {
    if (!d) return;
    vg_detector_destroy(d->detector);
    free(d->rgb);
    free(d);
}

/* The extent of a colour in the mask. False where it is not there. */
static bool find_box(box *out, const ucv_picture *mask, const uint8_t rgb[3]) {
    *out = (box){mask->width, mask->height, 0, 0};
    for (int32_t y = 0; y < mask->height; y++) {
        const unsigned char *p = ucv_picture_row(mask, y);
        for (int32_t x = 0; x < mask->width; x++, p += 4) {
            if (p[2] != rgb[0] || p[1] != rgb[1] || p[0] != rgb[2]) continue;
            if (x < out->x0) out->x0 = x;
            if (x >= out->x1) out->x1 = x + 1;
            if (y < out->y0) out->y0 = y;
            out->y1 = y + 1;
        }
    }
    return out->x1 > out->x0;
}

static void widen(box *b, int32_t width, int32_t height) {
    const int32_t mx = (int32_t)(BOX_MARGIN * (float)(b->x1 - b->x0)),
                  my = (int32_t)(BOX_MARGIN * (float)(b->y1 - b->y0));
    b->x0 = b->x0 > mx ? b->x0 - mx : 0, b->y0 = b->y0 > my ? b->y0 - my : 0;
    b->x1 = b->x1 + mx < width ? b->x1 + mx : width, b->y1 = b->y1 + my < height ? b->y1 + my : height;
}

static vg_status cut_out(vg_finder *d, vg_image *out, const ucv_picture *lit, const box *b, vg_error *err) {
    const int32_t width = b->x1 - b->x0, height = b->y1 - b->y0;
    const size_t size = (size_t)3 * (size_t)width * (size_t)height;
    if (size > d->room) {
        uint8_t *rgb = realloc(d->rgb, size);
        if (!rgb) return vg_fail(err, VG_NO_MEMORY, "detector: no memory for a picture");
        d->rgb = rgb, d->room = size;
    }
    uint8_t *to = d->rgb;
    for (int32_t y = b->y0; y < b->y1; y++) {
        const unsigned char *p = ucv_picture_row(lit, y) + 4 * (size_t)b->x0;
        for (int32_t x = 0; x < width; x++, p += 4, to += 3) to[0] = p[2], to[1] = p[1], to[2] = p[0];
    }
    *out = (vg_image){.rgb = d->rgb, .width = width, .height = height, .stride = (size_t)3 * (size_t)width};
    return VG_OK;
}

vg_status vg_finder_run(vg_finder *d, vg_keypoint out[VG_JOINTS14], const ucv_picture *lit, const ucv_picture *mask,
                        const uint8_t rgb[3], vg_error *err) {
    box b;
    vg_image image;
    memset(out, 0, sizeof *out * VG_JOINTS14);
    if (lit->width != mask->width || lit->height != mask->height)
        return vg_fail(err, VG_CORRUPT, "the lit picture has %d x %d px, the object mask %d x %d", lit->width,
                       lit->height, mask->width, mask->height);
    if (!find_box(&b, mask, rgb) || b.y1 - b.y0 < BOX_LEAST) return VG_OK;
    widen(&b, lit->width, lit->height);
    VG_TRY(cut_out(d, &image, lit, &b, err));
    vg_detector_reset(d->detector); /* the box before was another person's */
    VG_TRY(vg_detector_run(d->detector, &image, &d->found, err));
    for (int j = 0; j < VG_JOINTS14 && d->found.people > 0; j++) {
        if (d->from[j] < 0) continue;
        const vg_keypoint *k = &d->found.person[0].keypoint[d->from[j]];
        const float u = k->u + (float)b.x0, v = k->v + (float)b.y0;
        if (k->confidence <= 0 || u < 0 || v < 0 || u > (float)(lit->width - 1) || v > (float)(lit->height - 1))
            continue;
        out[j] = (vg_keypoint){u, v, k->confidence < 1 ? k->confidence : 1};
    }
    return VG_OK;
}
