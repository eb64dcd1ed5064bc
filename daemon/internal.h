/* What the files of daemon/ share among themselves. */
#ifndef VG_DAEMON_INTERNAL_H
#define VG_DAEMON_INTERNAL_H

#include "daemon/daemon.h"
#include "daemon/latency.h"
#include "daemon/recorder.h"

#include <pthread.h>

/* ---- the table of configuration keys
 * --------------------------------------------------------------------------------- */

typedef enum vg_key_type {
    VG_KEY_TEXT,   /* char[size] */
    VG_KEY_CHOICE, /* int32_t: index in `choices` */
    VG_KEY_BOOL,
    VG_KEY_INT32,
    VG_KEY_INT64,
    VG_KEY_UINT64,
    VG_KEY_DOUBLE
} vg_key_type;

typedef struct vg_config_key {
    const char *section, *name;
    vg_key_type type;
    size_t offset, size; /* in vg_session_config */
    double low, high;    /* bounds of numbers, inclusive */
    const char *choices; /* "a|b|c" */
    const char *unit;    /* "" where there is none */
    const char *about;
} vg_config_key;

const vg_config_key *vg_config_keys(size_t *count);
/* The value of a key as text that vg_session_config_set takes. Returns `out`. */
const char *vg_config_text(const vg_session_config *config, const vg_config_key *key, char out[VG_PATH_MAX]);

/* ---- the control socket
 * ------------------------------------------------------------------------------------------------ */

/* What a motion-capture session tells. */
typedef struct vg_mocap_stats {
    int64_t frames;
    double fps;                                     /* frames a second, over the last second */
    double latency_p50, latency_p99, latency_worst; /* s, from the last picture of a frame to its skeletons sent */
    int32_t people;                                 /* in the last frame */
    int32_t joints_measured, joints_carried, joints_lost;
    double filter_delay_seconds, filter_delay_moving; /* of the smoothing, at rest and at 1 m/s */
    int64_t published, vmc_packets, vmc_failures;
    bool has_sources;
    vg_world_report sources;
} vg_mocap_stats;

/* What a session tells about itself: written by the loop, read by the control thread, under the mutex. */
typedef struct vg_session_status {
    char state[16]; /* starting, running, stopped, done, failed */
    char error[640];
    double elapsed_seconds;  /* since this process began its loop */
    double steps_per_second; /* environment steps, over the last iterations */
    double eta_seconds;      /* NaN where unknown */
    int64_t checkpoints;
    double checkpoint_age_seconds; /* NaN before the first */
    int64_t late_ticks;            /* live: ticks that began after the next one was due */
    vg_train_stats train;
    vg_live_stats live;
    vg_mocap_stats mocap;
    vg_recorder_stats recording; /* path "": none */
    char viewer[300];            /* the viewer's address; "": none */
} vg_session_status;

typedef struct vg_control {
    const vg_session_config *config;
    const char *folder;
    const vg_world_info *world;
    pthread_mutex_t mutex; /* guards status */
    vg_session_status status;
    atomic_bool stop;       /* a request to stop came in */
    atomic_bool checkpoint; /* a request to save came in */
    atomic_bool quit;       /* the thread shall end */
    pthread_t thread;
    void *zmq, *socket;
} vg_control;

/* Binds the socket and starts the thread. If it succeeds, vg_control_stop must follow. */
vg_status vg_control_start(vg_control *control, const char *endpoint, vg_error *err);
void vg_control_stop(vg_control *control);
/* Copies a status in, or out. */
void vg_control_publish(vg_control *control, const vg_session_status *status);
void vg_control_snapshot(vg_control *control, vg_session_status *out);
/* The answer to one request of `size` bytes; never NULL short of memory. `control` flags may be raised. */
json_t *vg_control_answer(vg_control *control, const char *request, size_t size);
json_t *vg_control_status_json(vg_control *control, const vg_session_status *status);

/* Locks the run's folder, named by `state->folder`, which exists: two sessions must not write into one. Release with
 * vg_session_state_release. */
vg_status vg_folder_take(vg_session_state *state, vg_error *err);

/* ---- files of a session's folder
 * --------------------------------------------------------------------------------------- */

/* curve.csv: one row an update. A resumed run cuts the rows that it is about to write again. */
typedef struct vg_curve {
    FILE *file;
    char path[VG_PATH_MAX + 32];
    bool resumed; /* rows of a former run may have to be cut */
} vg_curve;

vg_status vg_curve_open(vg_curve *curve, const char *folder, bool resume, vg_error *err);
vg_status vg_curve_add(vg_curve *curve, const vg_train_stats *stats, vg_error *err);
void vg_curve_close(vg_curve *curve);

/* ---- the kinds of session
 * ------------------------------------------------------------------------------------------ */

typedef struct vg_session {
    const vg_session_config *config;
    const vg_session_options *options;
    char folder[VG_PATH_MAX];
    vg_world *world;
    vg_recorder *recorder; /* NULL: none; belongs to session.c, as the viewer does */
    struct vg_web *web;
    vg_control control;
    vg_session_status status;
    int64_t began_ns, saved_ns, reported_ns;
} vg_session;

bool vg_session_should_stop(vg_session *session);
/* Publishes the status to the control socket and, at most once a second or with `force`, to status.json. */
vg_status vg_session_report(vg_session *session, bool force, vg_error *err);
/* Shows one instant to all who keep or look at what a session does: the recording, the viewer. For each tick; never waits. */
void vg_session_show(vg_session *session, const vg_frame *frame, const vg_skeletons *skeletons);
vg_status vg_session_train(vg_session *session, vg_error *err);
vg_status vg_session_live(vg_session *session, vg_error *err);
vg_status vg_session_mocap(vg_session *session, vg_error *err);

#endif
