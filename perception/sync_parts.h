/* What the stages of synchronisation hand to one another. Private to sync*.c.
 *
 *   people   each camera's people are followed from picture to picture (tracks); where their joints are and how fast they
 *            move upwards is sampled at even steps of the camera's own time
 *   coarse   two cameras: at every lag, which person of one is which of the other, and how much speaks for that
 *   place    all cameras: where they agree best with one another
 *   fine     all cameras at once: clocks that lay joints on each other's epipolar lines */
#ifndef VG_PERCEPTION_SYNC_PARTS_H
#define VG_PERCEPTION_SYNC_PARTS_H

#include "perception/sync.h"

#define SYNC_STRIDE  8   /* samples between those whose places are compared */
#define SYNC_WINDOW  10. /* s; a stretch of the recording in which clocks do not drift apart */
#define SYNC_WINDOWS 24  /* at most */

/* One person in one camera while it is followed. */
typedef struct sync_track {
    int32_t begin, end; /* frames */
    int64_t *detection; /* [end - begin] in the camera's own count; -1 where it was not seen */
    int32_t from, to;   /* samples */
    float *up, *known;  /* [to - from, lanes] px a sample, downwards; whether it is known, 1 or 0 */
    float *x, *y;       /* [to - from, lanes] undistorted and normalised; NAN where not known */
} sync_track;

typedef struct sync_camera {
    const vg_camera *camera; /* NULL without calibration */
    double fps, base;        /* own time of sample 0 */
    double *time;            /* [frames] own; NaN: no picture */
    int64_t *first;          /* [frames + 1] detections of this camera */
    int32_t *track_of;       /* [detections] */
    float *place;            /* [detections, joints, 2] as the samples' x, y; without calibration px over `scale` */
    double scale;            /* px in one unit of `place` */
    sync_track *track;
    int32_t tracks;
} sync_camera;

/* An instant's person of `a` is one of `b`. */
typedef struct sync_match {
    int32_t i, j;         /* tracks */
    double evidence;      /* nats: log likelihood ratio of being the same person's against being anything */
    double xy, xx, yy, n; /* sums of the correlation; samples that both have */
} sync_match;

/* A stretch of a camera's own time. */
typedef struct sync_window {
    double middle; /* s */
    int32_t from, to;
} sync_window;

typedef struct sync_windows {
    int32_t count;
    sync_window window[SYNC_WINDOWS];
} sync_windows;

/* What speaks for each lag of two cameras. */
typedef struct sync_curve {
    double centre, middle; /* s; lag of the one in the middle, and when in a's time */
    int32_t reach;         /* lags either way, a sample apart */
    double *evidence;      /* [2 reach + 1] nats */
    double *drift;         /* [2 reach + 1] seconds a second */
} sync_curve;

typedef struct sync_work {
    const vg_keypoints *k;
    const vg_sync_options *options;
    double step;   /* s between samples */
    int32_t lanes; /* joints, and zeros up to a multiple of eight */
    sync_camera camera[VG_MAX_CAMERAS];
    sync_windows windows[VG_MAX_CAMERAS];
    sync_curve curve[VG_SYNC_PAIRS]; /* in the pairs' order */
    /* clocks as they are known so far: own time = t + shift + drift (t - centre) */
    double shift[VG_MAX_CAMERAS], drift[VG_MAX_CAMERAS], centre;
    double sigma[VG_MAX_CAMERAS];
} sync_work;

/* people */
vg_status sync_follow_people(sync_work *w, int32_t camera, vg_error *err);
void sync_free_people(sync_camera *c);

/* coarse */
enum { SYNC_MATCHES = 64 };
/* Who of camera a is who of camera b in a window of a, if b's time is `lag` later; returns how many. E may be NULL. */
int32_t sync_match_window(sync_match out[SYNC_MATCHES], const sync_work *w, int32_t a, int32_t b,
                          const sync_window *window, double lag, const double *E);
/* Evidence of two cameras' lags, each at the drift that it is largest with. */
vg_status sync_coarse(sync_curve *out, const sync_work *w, int32_t a, int32_t b, vg_error *err);
/* Correlation of all that is matched at a lag in the middle of the recording. */
double sync_correlation(const sync_work *w, int32_t a, int32_t b, double lag, double drift);

/* place */
/* Puts cameras, one after the other, where they agree best with all before them, then each again with all others. Fills in
 * the pairs' lags, whether they are used, and evidence; tells which cameras are known, and how much likelier than any other
 * its place is, in nats. */
vg_status sync_place(vg_sync_result *out, double margin[VG_MAX_CAMERAS], const sync_work *w, vg_error *err);

/* fine */
/* Improves w->shift and w->drift of the cameras that `known` tells, and tells sigma; epipolar distances into the pairs. */
vg_status sync_fine(sync_work *w, const bool *known, vg_sync_pair *pairs, int32_t count, vg_error *err);
/* Without a calibration: the lag of one pair within a few frames of the clocks as they stand, by the epipolar geometry that
 * fits best at each. */
vg_status sync_scan(vg_sync_pair *pair, sync_work *w, vg_error *err);

#endif
