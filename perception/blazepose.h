/* BlazePose: one person's 33 landmarks in a crop of a picture, and where to look for persons. Private to the 2D detector. */
#ifndef VG_PERCEPTION_BLAZEPOSE_H
#define VG_PERCEPTION_BLAZEPOSE_H

#include "perception/detector.h"

enum { VG_BLAZEPOSE_JOINTS = 33, VG_BLAZEPOSE_CANDIDATES = 16 };

/* A square of the picture that is cut out, turned: its centre and side in pixels, and the angle by which its upright is
 * turned clockwise from the picture's. */
typedef struct vg_roi {
    double x, y, side, angle;
} vg_roi;

/* The square that holds a person of this hip centre and of this point on the circle around the whole body. */
vg_roi vg_roi_of_person(double hip_x, double hip_y, double circle_x, double circle_y);

/* Cuts out `roi` as size x size RGB values, low + (0 .. 255) / unit, bilinear; black outside the picture. Pixel (j, i) is
 * taken at (j, i) - size / 2 pixels from the roi's centre: as MediaPipe does it on the CPU. */
void vg_roi_cut(float *out, int32_t size, const vg_image *image, const vg_roi *roi, float unit, float low);

/* The whole picture in the middle of a black square, px. */
typedef struct vg_letterbox {
    int32_t left, top, side;
} vg_letterbox;

#define VG_LETTERBOX_MAX 512
/* The same for the whole picture in such a square, averaged over areas; size <= VG_LETTERBOX_MAX. */
vg_letterbox vg_letterbox_cut(float *out, int32_t size, const vg_image *image, float unit, float low);

typedef struct vg_blazepose vg_blazepose;
vg_status vg_blazepose_open(vg_blazepose **out, const char *folder, vg_detector_model model, int32_t threads,
                            vg_error *err);
void vg_blazepose_close(vg_blazepose *b); /* NULL is allowed */

typedef struct vg_candidate {
    vg_roi roi;
    double score; /* 0 .. 1 */
} vg_candidate;

/* Looks for persons in the whole picture; writes up to VG_BLAZEPOSE_CANDIDATES, best first, and their number. */
vg_status vg_blazepose_find(vg_blazepose *b, vg_candidate *out, int32_t *count, const vg_image *image, vg_error *err);

/* The landmarks of the person in `roi`; *score is how sure the model is that there is one, and `next` where that person is
 * to be looked for in the next picture. */
vg_status vg_blazepose_landmarks(vg_blazepose *b, vg_keypoint out[VG_BLAZEPOSE_JOINTS], double *score, vg_roi *next,
                                 const vg_image *image, const vg_roi *roi, vg_error *err);

#endif
