/* What cameras recorded: pictures or a video each, found by paths, folders and patterns. */
#ifndef VG_CALIBRATION_FOOTAGE_H
#define VG_CALIBRATION_FOOTAGE_H

#include "common/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VG_FOOTAGE_CAMERAS_MAX  64
#define VG_FOOTAGE_PICTURES_MAX 20000 /* of all cameras */

/* One camera's: pictures in the order of their names (numbers as numbers), or one video. */
typedef struct vg_camera_footage {
    char name[64]; /* of the folder, or of the video without its ending */
    bool video;
    char **file; /* [files] */
    size_t files;
} vg_camera_footage;

/* Release with vg_footage_free. */
typedef struct vg_footage {
    vg_camera_footage *camera; /* [cameras], in the order of the paths, in a folder by name */
    int32_t cameras;
} vg_footage;

/* Each of `paths` is a picture, a video, a pattern ("cam1*.png") or a folder. Pictures of one folder are one camera, each
 * video is one; a folder that holds neither is searched two levels down. */
vg_status vg_footage_find(vg_footage *out, const char *const *paths, size_t count, vg_error *err);
void vg_footage_free(vg_footage *footage);

/* Whose footage belongs to the camera `name`: the one whose own name holds it, or is held by it, "_", "-", blanks and case
 * aside ("cam_01" is in "int_cam01_img", "cam_1" is not). -1 where none does. */
int32_t vg_footage_of_camera(const vg_footage *footage, const char *name);

/* Width and height, px, of the first picture or of the video. */
vg_status vg_footage_size(const vg_camera_footage *footage, int32_t *width, int32_t *height, vg_error *err);

#endif
