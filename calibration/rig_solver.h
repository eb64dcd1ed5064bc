/* What the steps of vg_rig_solve share; private to calibration/. */
#ifndef VG_CALIBRATION_RIG_SOLVER_H
#define VG_CALIBRATION_RIG_SOLVER_H

#include "calibration/minimal.h"
#include "calibration/rig.h"

/* Sightings of one structure by one camera. */
typedef struct view_group {
    int32_t first, count;
    int32_t camera;
    vg_rigid pose; /* boards: board -> camera, from this view alone */
    bool posed;
} view_group;

typedef struct rig_solver {
    vg_bundle *bundle;
    const vg_rig_options *options;
    const char *const *names;
    double *ray;       /* [sightings, 3] unit, camera's frame; NaN outside the lens's valid radius */
    float *weight;     /* [sightings] the confidences as they came */
    view_group *group; /* [groups] */
    int32_t *at;       /* [structures + 1] into group */
    int32_t *shared;   /* [cameras, cameras] */
    bool *known;       /* [structures] has a place */
    bool *active;      /* [structures] takes part in this stage */
    bool placed[VG_BUNDLE_CAMERAS_MAX];
    double threshold_px[VG_BUNDLE_CAMERAS_MAX];
    double limit[VG_BUNDLE_CAMERAS_MAX]; /* of the lens */
    uint32_t draws;                      /* streams of random numbers used so far */
} rig_solver;

vg_status rig_solver_create(rig_solver *out, vg_bundle *bundle, const vg_rig_options *options, const char *const *names,
                            vg_error *err);
void rig_solver_free(rig_solver *s);
void rig_say(const rig_solver *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Rays and valid radii anew: after lenses have changed. */
void rig_refresh_lenses(rig_solver *s);

/* Distance between a sighting and its projection, px; INFINITY where it cannot be projected. */
double rig_distance(const rig_solver *s, int32_t sighting);

/* ---- structures from placed cameras (rig_structures.c) ------------------------------------------------------------------- */

/* Chooses structures so that every pair of cameras shares about `per_pair` of them; 0 = all. */
void rig_choose(rig_solver *s, int32_t per_pair);
/* Places the active structures by consensus: sightings within `scale` times the threshold count. */
void rig_place_structures(rig_solver *s, double scale);
/* Board poses from each view alone. */
void rig_pose_boards(rig_solver *s);
/* Mean of the squared distances, truncated at the threshold and divided by it, over the active structures' sightings in
 * placed cameras: 0 .. 1. `median` (may be NULL): of the distances, px, where there
 * are such. */
double rig_score(const rig_solver *s, double *median);

/* ---- cameras (rig_cameras.c) ------------------------------------------------------------------------------------------------ */

/* The world point of a sighting, from its structure. */
void rig_world_point(double X[3], const rig_solver *s, const vg_bundle_sighting *g);
/* Places all cameras from the sightings alone. False where some could not be; `missing` gets the first of them. */
bool rig_from_scratch(rig_solver *s, int32_t *missing);
#define RIG_RESECT_ROOM 18000
/* Places camera c among what is known. `room` [RIG_RESECT_ROOM]. The share of its points that agree; 0, and the camera as it
 * was, where it cannot be placed. */
double rig_resect(rig_solver *s, int32_t c, double *room);
/* One adjustment of the placed cameras and the active structures. `used` NULL: all sightings. */
vg_status rig_adjust(rig_solver *s, const vg_bundle_options *options, const bool *used, vg_bundle_result *result,
                     vg_error *err);

/* ---- what stands wrong (rig_mend.c) --------------------------------------------------------------------------------------- */

/* Cameras that agree with much less than the others do are placed anew among what the others placed, and stay there where
 * more agrees. True where one moved. */
bool rig_reseat(rig_solver *s);
/* The lens parts asked for, of each camera by itself from its own views of the boards, where that fits them clearly
 * better: lenses that are far off would keep the boards' poses from fitting together. Boards only. */
void rig_own_lenses(rig_solver *s);

#endif
