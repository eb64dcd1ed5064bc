/* Sightings sorted into what bundle adjustment moves: one point for every (frame, person, point name), or one board pose
 * for every (frame, board). */
#ifndef VG_CALIBRATION_TRACKS_H
#define VG_CALIBRATION_TRACKS_H

#include "calibration/bundle.h"
#include "calibration/sightings.h"

/* Release with vg_tracks_free. */
typedef struct vg_tracks {
    vg_bundle bundle;             /* cameras as the calibration has them; structures not placed yet */
    vg_bundle_sighting *sighting; /* the bundle's own, in its order */
    bool *used;                   /* [bundle.sightings] for vg_rig_solve */
    int64_t *frame;               /* [structures] */
    int32_t *person;              /* [structures] */
    int32_t *point;               /* [structures] index of the name; -1 of boards */
    double *corner;               /* [corners, 3] of boards */
    int32_t *corner_point;        /* [corners] index of the name */
    int32_t corners;
    int32_t camera_at[VG_BUNDLE_CAMERAS_MAX]; /* index in the set of the bundle's cameras */
    int64_t frames;                           /* different ones */
} vg_tracks;

typedef struct vg_tracks_options {
    bool boards;           /* boards are rigid; else each corner of each frame is a point */
    double min_confidence; /* sightings below take no part */
    bool one_weight;       /* all sightings that take part weigh the same; else as their confidence */
} vg_tracks_options;

/* `seen` matched to `set`. Cameras of the set without sightings have no part: the bundle holds the others only.
 * VG_INVALID: fewer than two cameras have sightings; boards are asked for and sightings lack their place on one. */
vg_status vg_tracks_create(vg_tracks *out, const vg_sightings *seen, const vg_camera_set *set,
                           const vg_tracks_options *options, vg_error *err);
void vg_tracks_free(vg_tracks *tracks);
/* The end of the structures that are of one frame and person with that at `from`. */
int32_t vg_tracks_together(const vg_tracks *tracks, int32_t from);

#endif
