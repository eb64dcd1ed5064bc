/* What cameras saw of points that have names: board corners, joints of people, parts of animals. This is what cameras are
 * placed from.
 *
 * Files:
 *   CSV, one line a sighting: a header with the columns camera (cam), point (keypoint), u, v (x, y), and optionally frame
 *     (else all are of one instant), person, confidence (likelihood), board_x, board_y, board_z (metres on a board) or
 *     world_x, world_y, world_z (of scene points). Points and cameras are numbers or names. Usual other words for these
 *     columns are known (camera_id, corner_id, img_x, score, ...).
 *   Caliscope's xy CSV, which has a column sync_index (corners.h).
 *   A folder of CSV files, one a camera: in the form above without the column camera, or DeepLabCut's, with header lines
 *     scorer, (individuals,) bodyparts, coords, and x, y, likelihood of every body part; one line a frame.
 * A camera of a folder is named by its file, without the ending. */
#ifndef VG_CALIBRATION_SIGHTINGS_H
#define VG_CALIBRATION_SIGHTINGS_H

#include "calibration/corners.h"
#include "calibration/files.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VG_SIGHTINGS_MAX 20000000
#define VG_POINTS_MAX    4096 /* names of points */

typedef struct vg_sighting {
    int64_t frame;    /* sightings of one frame were made at the same time */
    int32_t camera;   /* index of its name */
    int32_t person;   /* or board; 0 where there is one */
    int32_t point;    /* index of its name */
    float confidence; /* 0 .. 1; 1 where the file has none */
    double u, v;      /* px, distorted */
    double board[3];  /* metres, on the board, or of scene points in the world; NaN where not stated */
} vg_sighting;

typedef struct vg_names {
    char (*name)[VG_CAMERA_NAME]; /* [count] */
    int32_t count, room;
} vg_names;

/* Zero is empty. Release with vg_sightings_free. */
typedef struct vg_sightings {
    vg_sighting *sighting; /* [count] */
    size_t count, room;
    vg_names cameras, points;
} vg_sightings;

void vg_sightings_free(vg_sightings *sightings);
vg_status vg_sightings_add(vg_sightings *sightings, const vg_sighting *sighting, vg_error *err);
/* Index of a name, which is added where it is new. VG_INVALID past `most` names. */
vg_status vg_names_index(int32_t *index, vg_names *names, const char *name, int32_t most, vg_error *err);
/* Index of a name, or -1. */
int32_t vg_names_find(const vg_names *names, const char *name);

/* Reads a file or folder as above. Errors name file, line, column and value. */
vg_status vg_sightings_read(vg_sightings *out, const char *path, vg_error *err);
/* One file's text. `camera`: whose file it is, NULL where the file has a column camera. Adds to `out`. */
vg_status vg_sightings_parse(vg_sightings *out, const char *name, const char *text, size_t size, const char *camera,
                             vg_error *err);

/* Corners of boards as sightings. `cameras`: names by the corners' numbers; NULL: the numbers are the names. */
vg_status vg_sightings_add_corners(vg_sightings *out, const vg_corners *corners, const char *const *cameras,
                                   vg_error *err);

/* Makes `camera` of every sighting an index into `set`, by vg_camera_match. VG_NOT_FOUND names the camera that the
 * calibration lacks and those it has. */
vg_status vg_sightings_match(vg_sightings *sightings, const vg_camera_set *set, vg_error *err);

/* Matched sightings against the pictures' sizes: VG_INVALID, naming the camera, where many lie outside, or all are shares
 * of the picture instead of pixels. */
vg_status vg_sightings_check(const vg_sightings *sightings, const vg_camera_set *set, vg_error *err);

#endif
