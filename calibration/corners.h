/* Corners of calibration boards seen in pictures, kept as CSV in Caliscope's xy format, so that detecting them (slow) and
 * calibrating from them (fast) are two steps, and either can be other software's.
 *
 * Columns, in any order, by name: sync_index, cam_id (older: port), keypoint_id (older: point_id), img_loc_x, img_loc_y;
 * optionally frame_index, frame_time (s), object_id, obj_loc_x, obj_loc_y, obj_loc_z (older: board_loc_*; metres on the
 * board). Others are passed over. */
#ifndef VG_CALIBRATION_CORNERS_H
#define VG_CALIBRATION_CORNERS_H

#include "common/status.h"

#include <stddef.h>
#include <stdint.h>

#define VG_CORNERS_MAX 20000000

/* One corner in one picture. */
typedef struct vg_corner {
    int64_t sync;    /* pictures of different cameras with the same number were taken together */
    int64_t frame;   /* of the camera's own video or folder; = sync where the file does not say */
    double time;     /* s; NaN where not stated */
    int32_t camera;  /* the file's number: that in the camera's name, as cam_2 */
    int32_t object;  /* which board; 0 */
    int32_t point;   /* which corner of it */
    double u, v;     /* px */
    double board[3]; /* metres on the board; NaN where not stated, z 0 where only x and y are */
} vg_corner;

/* A growing list. Zero is empty; release with vg_corners_free. */
typedef struct vg_corners {
    vg_corner *corner; /* [count] */
    size_t count, room;
} vg_corners;

vg_status vg_corners_add(vg_corners *corners, const vg_corner *corner, vg_error *err);
void vg_corners_free(vg_corners *corners);

/* Errors name file, line, column and value. */
vg_status vg_corners_read(const char *path, vg_corners *out, vg_error *err);
vg_status vg_corners_parse(const char *name, const char *text, size_t size, vg_corners *out, vg_error *err);
/* Writes every column named above, in the order of the list. */
vg_status vg_corners_write(const char *path, const vg_corners *corners, vg_error *err);

#endif
