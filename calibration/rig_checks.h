/* Lengths, planes and the floor in what a rig has placed: checks that the adjustment did not see, a scale, and a world with
 * its floor at z = 0. All take points (vg_tracks without boards); points that are not placed are NaN and left out. */
#ifndef VG_CALIBRATION_RIG_CHECKS_H
#define VG_CALIBRATION_RIG_CHECKS_H

#include "calibration/rig.h"
#include "calibration/tracks.h"

/* Lengths measured. */
typedef struct vg_length_check {
    int64_t count;
    double mean, median, sd; /* metres; sd about the mean */
    double expected;         /* metres; NaN where only the spread tells */
} vg_length_check;

/* Distances between adjacent corners of boards, against what the sightings say of the board. `flatness`: rms distance of
 * corners from their board's plane, metres; NaN where no board has four. Outliers are left out: 5 median deviations. */
vg_status vg_check_board(vg_length_check *squares, double *flatness, const vg_tracks *points, const vg_sightings *seen,
                         vg_error *err);

/* Distances between two points of the same frame and person, by index of their names. */
vg_status vg_check_length(vg_length_check *out, const vg_tracks *points, int32_t a, int32_t b, vg_error *err);

/* The plane through points [n, 3] by orthogonal distances: unit normal and the points' middle. Returns the rms distance; NaN
 * for fewer than three. */
double vg_fit_plane(double normal[3], double middle[3], const double *points, int32_t n);

typedef struct vg_floor {
    double normal[3], middle[3]; /* up; a point of the floor, in the middle of where feet stood */
    double flatness;             /* rms distance of the steps from it, metres */
    double tilt_sd;              /* radians: how well its tilt is known, in the worse direction */
    double lean;                 /* radians: people's mean upright against the normal */
    int64_t steps;               /* foot positions it rests on */
} vg_floor;

/* Which points' names (indices) are what. */
typedef struct vg_floor_points {
    const int32_t *foot;  /* [feet] heels, toes or ankles */
    const int32_t *trunk; /* [trunks] hips and shoulders: what weighs */
    int32_t feet, trunks;
    double foot_height; /* of the foot points above the floor, metres */
} vg_floor_points;

/* The floor under people's feet: the plane that standing feet share, and under which people stand upright on average. The
 * feet decide where they spread far; across a line walked, or under somebody who stands, the body does.
 * VG_FAILED: fewer than 50 positions near one plane. */
vg_status vg_floor_from_feet(vg_floor *out, const vg_tracks *points, const vg_floor_points *which, vg_error *err);

/* The world whose z is the normal, whose origin is `middle`, and in which `first` looks along +y. */
vg_similarity vg_floor_world(const vg_floor *floor, const vg_camera *first);
/* The world of a board lying on the floor: its origin and x, z up towards the cameras. */
vg_similarity vg_board_world(const vg_rigid *board, const vg_camera *cameras, int32_t count);

#endif
