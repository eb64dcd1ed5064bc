/* Motion files, read and written: TRC, C3D, CSV and JSON lines (named points over time) and BVH (skeletons as joint
 * rotations). Reading then writing then reading gives exactly the same values: everything stays in the file's own unit
 * and axes until vg_motion_convert is asked for others. C3D with all it can hold is in motion_c3d.h. */
#ifndef VG_PERCEPTION_MOTION_H
#define VG_PERCEPTION_MOTION_H

#include "common/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VG_MOTION_NAME      96 /* bytes of a name, its NUL included */
#define VG_BVH_MAX_JOINTS   4096
#define VG_BVH_MAX_CHANNELS 6 /* of one joint */

/* --- points over time ----------------------------------------------------------------------------------------------
 */

#define VG_MOTION_MAX_POINTS 4096
#define VG_MOTION_MAX_FRAMES 10000000

typedef enum vg_unit { VG_UNIT_METRE, VG_UNIT_MILLIMETRE, VG_UNIT_CENTIMETRE } vg_unit;

/* Which way the axes of positions point, as seen from our world (x east, y north, z up). Every choice is a proper
 * rotation of it that only exchanges axes, so converting loses nothing. */
typedef enum vg_axes {
    VG_AXES_Z_UP,     /* (x, y, z): our world */
    VG_AXES_Y_UP,     /* (x, z, -y): z-up turned about x; the usual way into BVH and game engines */
    VG_AXES_Y_UP_YZX, /* (y, z, x): columns in the order of Pose2Sim and OpenSim's TRC files */
    VG_AXES_Y_DOWN,   /* (x, -z, y): as a level camera sees (Panoptic) */
    VG_AXES_COUNT
} vg_axes;

/* Positions of named points. Several people are points called "PERSON:JOINT" ("P1:LWrist"), as C3D files do. */
typedef struct vg_motion {
    int32_t frames, points;
    int32_t unit;                  /* vg_unit of positions, residuals (and covariances, squared) */
    int32_t axes;                  /* vg_axes */
    double rate;                   /* frames a second, > 0 */
    char (*names)[VG_MOTION_NAME]; /* [points] */
    int32_t *numbers;              /* [frames] as the file counts them */
    double *times;                 /* [frames] seconds */
    double *positions;             /* [frames, points, 3]; NaN where a point is lost */
    double *residuals;             /* [frames, points] how well the point fits its views; NaN where unknown */
    double *covariances; /* [frames, points, 6] xx xy xz yy yz zz, or NULL; only CSV and JSON lines keep them */
} vg_motion;

/* Positions NaN, residuals NaN, names empty, frame i numbered i + 1 at time i / rate. Release with vg_motion_free. */
vg_status vg_motion_create(vg_motion *out, int32_t frames, int32_t points, double rate, vg_error *err);
vg_status vg_motion_add_covariances(vg_motion *motion, vg_error *err); /* NaN */
void vg_motion_free(vg_motion *motion);
int32_t vg_motion_find(const vg_motion *motion, const char *name); /* index of a point, -1 where there is none */

/* Brings positions, residuals and covariances to another unit and other axes, in place. */
void vg_motion_convert(vg_motion *motion, vg_unit unit, vg_axes axes);
const char *vg_unit_name(vg_unit unit); /* "m", "mm", "cm" */
const char *vg_axes_name(vg_axes axes); /* "z-up", "y-up", "y-up-yzx", "y-down" */
bool vg_unit_parse(const char *name, vg_unit *out);
bool vg_axes_parse(const char *name, vg_axes *out);

typedef struct vg_motion_options {
    bool allow_short; /* take a file that holds fewer frames than it says, instead of failing */
    bool trust_unit;  /* do not fail where the points' spread cannot be that of people in the unit given */
    int32_t axes;     /* vg_axes to assume where the file does not say (TRC never does) */
} vg_motion_options;
vg_motion_options vg_motion_options_default(void); /* strict; z-up */

/* Reads .trc, .c3d, .csv, .jsonl by their content. `options` may be NULL. */
vg_status vg_motion_read(const char *path, const vg_motion_options *options, vg_motion *out, vg_error *err);
/* Writes by the name's ending: .trc .c3d .csv .jsonl (.json). */
vg_status vg_motion_write(const char *path, const vg_motion *motion, vg_error *err);

/* From memory; `name` is what errors call the text. */
vg_status vg_trc_parse(const char *name, const char *text, size_t size, const vg_motion_options *options,
                       vg_motion *out, vg_error *err);
vg_status vg_csv_parse(const char *name, const char *text, size_t size, const vg_motion_options *options,
                       vg_motion *out, vg_error *err);
vg_status vg_jsonl_parse(const char *name, const char *text, size_t size, const vg_motion_options *options,
                         vg_motion *out, vg_error *err);

/* TRC: tab-separated, header of five lines, lost points left empty. Residuals are not kept. */
vg_status vg_trc_write(const char *path, const vg_motion *motion, vg_error *err);
/* CSV: "# vergence motion, unit m, axes z-up, rate 60", then frame,time,NAME_x,NAME_y,NAME_z,... */
vg_status vg_csv_write(const char *path, const vg_motion *motion, vg_error *err);
/* JSON lines: a header object with format, unit, axes, rate and point names, then one object a frame. */
vg_status vg_jsonl_write(const char *path, const vg_motion *motion, vg_error *err);

/* Fails where a motion cannot be what its header says: no point anywhere, or a spread that belongs to another unit.
 * All readers call it. */
vg_status vg_motion_check(const vg_motion *motion, const char *name, const vg_motion_options *options, vg_error *err);

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
