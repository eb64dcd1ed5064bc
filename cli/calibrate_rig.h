/* What `vergence calibrate extrinsics` and `vergence calibrate bundle` share: points in, cameras placed, a world chosen, a
 * report out. */
#ifndef VG_CLI_CALIBRATE_RIG_H
#define VG_CLI_CALIBRATE_RIG_H

#include "calibration/rig.h"
#include "calibration/rig_checks.h"
#include "calibration/rig_lag.h"
#include "calibration/rig_report.h"
#include "calibration/scene.h"
#include "calibration/sightings.h"
#include "calibration/tracks.h"
#include "cli/calibrate.h"
#include "perception/joints.h"

/* As the options have it; zero and NULL: not given. */
typedef struct rig_request {
    calibrate_reading reading;
    const char *calibration, *points, *out, *points_out;
    calibrate_board_words pattern; /* the board in `footage` */
    vg_texts footage;              /* pictures or videos of a board, instead of points */
    int32_t every;                 /* look at each n-th picture */
    const char *corners;           /* rigid, free */
    const char *lens;              /* keep, auto, focal, all */
    const char *floor;             /* feet, board */
    vg_texts lengths;              /* A-B=METRES */
    double height;                 /* metres, of the person */
    double min_confidence, threshold_px;
    int64_t origin_frame;
    bool shared_lens, keep_all, allow_lag, json;
    uint64_t seed;
    bool start; /* the calibration's places are a start */
    bool scene; /* points' places in the world are known, and stay */
} rig_request;

/* The options' lines for a subcommand's table. */
#define RIG_REQUEST_OPTIONS(r)                                                                                           \
    {"calibration", VG_OPTION_TEXT, &(r).calibration, 0, 0, "FILE", "the cameras: lenses, and places where known"},      \
        {"points", VG_OPTION_TEXT, &(r).points, 0, 0, "PATH", "2D points: CSV, a folder of CSV, or OpenPose folders"},   \
        {"keypoints", VG_OPTION_TEXT, &(r).points, 0, 0, "PATH", "the same as --points"},                                \
        {"out", VG_OPTION_TEXT, &(r).out, 0, 0, "FILE", "the calibration to write (.toml: Pose2Sim's)"},                 \
        {"points-out", VG_OPTION_TEXT, &(r).points_out, 0, 0, "FILE.csv", "the points in 3D, with covariance"},          \
        {"corners",                                                                                                      \
         VG_OPTION_TEXT,                                                                                                 \
         &(r).corners,                                                                                                   \
         0,                                                                                                              \
         0,                                                                                                              \
         "rigid|free",                                                                                                   \
         "of a board: held rigid (the default), or free points"},                                                        \
        {"lens", VG_OPTION_TEXT, &(r).lens, 0, 0, "keep|auto|focal|all", "what of the lenses to refine"},                \
        {"shared-lens", VG_OPTION_FLAG, &(r).shared_lens, 0, 0, "", "one change for all lenses"},                        \
        {"keep-all", VG_OPTION_FLAG, &(r).keep_all, 0, 0, "", "least squares over all points; drop none"},               \
        {"length", VG_OPTION_LIST, &(r).lengths, 0, 0, "A-B=METRES", "the distance of two points, for the scale"},       \
        {"height", VG_OPTION_REAL, &(r).height, 0.3, 3, "METRES", "the person's height, for the scale"},                 \
        {"floor", VG_OPTION_TEXT, &(r).floor, 0, 0, "feet|board", "where z = 0 is: under walking feet, or a board"},     \
        {"origin-frame", VG_OPTION_INT64, &(r).origin_frame, 0, 1e15, "N", "--floor board: the frame in which it lies"}, \
        {"min-confidence", VG_OPTION_REAL, &(r).min_confidence, 0, 1, "C", "points below take no part (0.3)"},           \
        {"threshold",                                                                                                    \
         VG_OPTION_REAL,                                                                                                 \
         &(r).threshold_px,                                                                                              \
         0.1,                                                                                                            \
         1000,                                                                                                           \
         "PX",                                                                                                           \
         "farther off is no evidence (0.6 % of the picture)"},                                                           \
        {"allow-lag", VG_OPTION_FLAG, &(r).allow_lag, 0, 0, "", "place cameras that are out of step all the same"},      \
        {"seed", VG_OPTION_UINT64, &(r).seed, 0, 0, "N", "of the random samples"},                                       \
        CALIBRATE_READING_OPTIONS((r).reading), {                                                                        \
        "json", VG_OPTION_FLAG, &(r).json, 0, 0, "", "print JSON"                                                        \
    }

rig_request rig_request_default(void);

/* All that the steps share. */
typedef struct rig_job {
    const rig_request *request;
    vg_camera_set set;
    vg_sightings seen;
    vg_joint_set joints; /* joints.joints 0 where the points are no known skeleton's */
    bool has_board;      /* sightings say where they are on a board */
    vg_tracks tracks;    /* what was adjusted */
    vg_tracks corners;   /* boards: the corners as points, placed by the cameras alone */
    const char *names[VG_BUNDLE_CAMERAS_MAX];
    vg_rig_result result;
    vg_bundle_covariance covariance;
    bool has_covariance;
    vg_camera_report report[VG_BUNDLE_CAMERAS_MAX];
    vg_camera_lag lag[VG_BUNDLE_CAMERAS_MAX];
    double scale; /* applied; NaN: unknown */
    const char *scale_by;
    vg_length_check squares, height;
    double flatness;
    vg_floor ground;
    bool has_floor;
    vg_scene_result scene;
    double seconds;
} rig_job;

/* Reads the points: CSV, OpenPose folders, or the corners of boards in pictures. */
vg_status rig_read_points(rig_job *job, vg_error *err);
/* Scale, floor and origin, and the checks. */
vg_status rig_choose_world(rig_job *job, vg_error *err);
vg_status rig_write(const rig_job *job, vg_error *err);
void rig_print(const rig_job *job);
json_t *rig_json(const rig_job *job);

/* The whole of both subcommands. */
int rig_run(const rig_request *request);

#endif
