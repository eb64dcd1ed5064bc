/* Motion files, read and written: BVH (skeletons as joint rotations). Reading then writing then reading gives exactly
 * the same values. Everything stays in the file's own unit and axes. */
#ifndef VG_PERCEPTION_MOTION_H
#define VG_PERCEPTION_MOTION_H

#include "common/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VG_MOTION_NAME      96 /* bytes of a name, its NUL included */
#define VG_BVH_MAX_JOINTS   4096
#define VG_BVH_MAX_CHANNELS 6 /* of one joint */

/* --- BVH --------------------------------------------------------------------------------------------------------- */

typedef enum vg_bvh_channel {
    VG_BVH_X_POSITION,
    VG_BVH_Y_POSITION,
    VG_BVH_Z_POSITION,
    VG_BVH_X_ROTATION,
    VG_BVH_Y_ROTATION,
    VG_BVH_Z_ROTATION
} vg_bvh_channel;

/* Readers of BVH differ where a joint has position channels and an OFFSET that is not zero. */
typedef enum vg_bvh_offset_rule {
    VG_BVH_ABSOLUTE = 0, /* a position channel replaces that coordinate of OFFSET (Blender, pybvh; the default) */
    VG_BVH_ADDED = 1     /* a position channel is added to it */
} vg_bvh_offset_rule;

/* A joint, or the end site of one (named after its parent: "Head_End"). */
typedef struct vg_bvh_joint {
    char name[VG_MOTION_NAME];
    int32_t parent;                       /* always before the joint itself; -1 for a root */
    int32_t is_end;                       /* 1 for an end site, which has no channels */
    int32_t channels;                     /* 0 .. 6 */
    int32_t first_channel;                /* its place in a frame's values */
    int32_t channel[VG_BVH_MAX_CHANNELS]; /* vg_bvh_channel, in the file's order */
    double offset[3];                     /* from the parent, in the parent's axes; file units */
} vg_bvh_joint;

/* A BVH file. Lengths are in the file's own unit (BVH names none), angles in degrees, usually Y up. Zero is empty. */
typedef struct vg_bvh {
    int32_t joints, channels, frames;
    int32_t offset_rule;  /* vg_bvh_offset_rule; may be set after reading */
    double frame_seconds; /* > 0 */
    vg_bvh_joint *joint;  /* [joints] */
    double *values;       /* [frames, channels] */
} vg_bvh;

/* Reads a BVH file. Release with vg_bvh_free (harmless after a failure). */
vg_status vg_bvh_read(const char *path, vg_bvh *out, vg_error *err);
/* The same from memory; `name` is what errors call the text. */
vg_status vg_bvh_parse(const char *name, const char *text, size_t size, vg_bvh *out, vg_error *err);
vg_status vg_bvh_write(const char *path, const vg_bvh *bvh, vg_error *err);
void vg_bvh_free(vg_bvh *bvh);

/* Index of the joint of that name, -1 where there is none. */
int32_t vg_bvh_find(const vg_bvh *bvh, const char *name);

/* Forward kinematics: where every joint and end site is in the file's world at `frame` (0 .. frames - 1), and how it is
 * turned (joint axes to world, row-major). Either output may be NULL. Does not allocate. */
void vg_bvh_pose(double (*positions)[3] /* [joints] */, double (*rotations)[9] /* [joints] */, const vg_bvh *bvh,
                 int32_t frame);

#endif
