/* The daemon's folder: what `vergenced` is made of, and what others need to talk to it.
 *   configuration  one YAML file, every key in one table (see docs/config.md)
 *   state folder   where sessions live: lock, pid, log and control socket of each
 *   session        the loop itself, for training, for live control and for motion capture
 *   control        requests to a running session and their answers (see docs/control.md)
 *   web            the viewer: a page that shows a running session
 * Threads: a session's loop runs in its caller's thread; beside it one thread answers the control socket, one serves the viewer
 * where there is one, and in a live session one learns. */
#ifndef VG_DAEMON_DAEMON_H
#define VG_DAEMON_DAEMON_H

#include "agents/agents.h"
#include "common/log.h"
#include "sim_bridge/world.h"

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define VG_VERSION "0.1.0"

/* What a process of ours exits with; the numbers are a contract with scripts. */
typedef enum vg_exit {
    VG_EXIT_OK = 0,
    VG_EXIT_FAILED = 1,
    VG_EXIT_USAGE = 2,
    VG_EXIT_UNREACHABLE = 3,
    VG_EXIT_REFUSED = 4,
    VG_EXIT_NOT_FOUND = 5,
    VG_EXIT_PROBLEMS = 6, /* a check found problems */
    VG_EXIT_TIMEOUT = 7
} vg_exit;

int vg_exit_code(vg_status status);

/* ---- configuration -------------------------------------------------------------------------------------------------
 */

typedef enum vg_session_kind { VG_SESSION_TRAIN, VG_SESSION_LIVE, VG_SESSION_MOCAP } vg_session_kind;

/* world.kind, in the order of its choices. */
typedef enum vg_session_world {
    VG_SESSION_EMBEDDED,
    VG_SESSION_REMOTE,
    VG_SESSION_UNREALCV,
    VG_SESSION_STREAMS,
    VG_SESSION_REPLAY
} vg_session_world;

#define VG_SESSION_NAME_MAX 63
#define VG_PATH_MAX         512

/* All that defines a session. Plain data; a config file sets any part of it. */
typedef struct vg_session_config {
    struct {
        int32_t kind; /* vg_session_kind */
        char name[VG_SESSION_NAME_MAX + 1];
        char folder[VG_PATH_MAX]; /* empty: runs/NAME */
    } session;
    struct {
        int32_t kind; /* vg_session_world */
        char scene[VG_PATH_MAX], motion[VG_PATH_MAX], endpoint[VG_PATH_MAX];
        int32_t cameras, people;
        int32_t envs;   /* 0: as many as the preset trains on, 1 in a live session */
        int32_t preset; /* vg_preset */
        double miss_rate, swap_rate, timeout_seconds, reconnect_seconds;
        char save_images[VG_PATH_MAX], images[64];
        bool shared_memory;
        int32_t keypoints; /* vg_keypoint_source */
        char calibration[VG_PATH_MAX], joint_set[32];
        double rate_hz, window_seconds, patience_seconds, silent_seconds, refine_seconds;
        char recording[VG_PATH_MAX];
        double speed;
    } world;
    struct {
        int32_t pace; /* vg_pace */
        char cameras[VG_PATH_MAX], people[VG_PATH_MAX];
        int32_t width, height;
        double fov;
    } game;
    int32_t mode;          /* bit 0 CTCR, bit 1 WDL; goes into train.ctcr and train.wdl */
    vg_train_config train; /* its preset follows world.preset */
    struct {
        char policy[VG_PATH_MAX];
        bool learn;
        double rate_hz;
    } live;
    struct {
        char publish[VG_PATH_MAX]; /* where skeletons are published; empty: nowhere */
        char vmc[128];             /* HOST:PORT that VMC messages go to; empty: none */
        double cutoff_hz, beta;    /* of the smoothing */
    } mocap;
    struct {
        bool enabled; /* live and mocap sessions leave a recording */
    } record;
    struct {
        char listen[128]; /* HOST:PORT of the viewer; empty: none */
    } web;
    struct {
        char endpoint[VG_PATH_MAX]; /* empty: an ipc socket in the state folder */
    } control;
    struct {
        double every_seconds;
    } checkpoint;
} vg_session_config;

/* Valid as it is: trains 4 cameras on 6 people in `blank`. */
vg_session_config vg_session_config_default(vg_preset preset);
/* Reads a YAML file over the defaults. Errors name file, line, key, value, and the nearest known key or the bounds. */
vg_status vg_session_config_load(vg_session_config *out, const char *path, vg_error *err);
/* The same from memory: `text` of `size` bytes with a NUL behind them; `path` is what errors call it. */
vg_status vg_session_config_parse(vg_session_config *out, const char *text, size_t size, const char *path,
                                  vg_error *err);
/* Writes a file that vg_session_config_load reads back to the same values; every key with its meaning beside it. */
vg_status vg_session_config_save(const vg_session_config *config, const char *path, vg_error *err);
/* Sets one key ("train.steps") from text. Does not check how it fits the other keys. */
vg_status vg_session_config_set(vg_session_config *config, const char *key, const char *value, vg_error *err);
/* How the keys fit together; the last check before a session starts. */
vg_status vg_session_config_check(vg_session_config *config, vg_error *err);
/* The world that a config asks for; strings are borrowed from it. */
vg_world_config vg_session_config_world(const vg_session_config *config, const vg_log *log);
/* All keys as a JSON object of sections; the caller releases it. */
json_t *vg_session_config_json(const vg_session_config *config);
/* The reference of all keys in Markdown: the text of docs/config.md. */
void vg_session_config_reference(FILE *out);
/* The entry of `list` [count] nearest to `word` in edits; NULL where none is near enough to be worth suggesting. */
const char *vg_nearest(const char *word, const char *const *list, size_t count);

/* ---- state folder --------------------------------------------------------------------------------------------------
 */

/* Where one session keeps what it needs while it runs: STATE/sessions/NAME. */
typedef struct vg_session_state {
    char folder[VG_PATH_MAX];
    char endpoint[VG_PATH_MAX]; /* where its control socket listens, or would */
    char log[VG_PATH_MAX + 32];
    char pid_file[VG_PATH_MAX + 32];
    int lock; /* file descriptor of the lock held, -1 otherwise */
} vg_session_state;

/* $VERGENCE_STATE, else ~/.local/state/vergence. */
vg_status vg_state_root(char out[VG_PATH_MAX], vg_error *err);
/* Makes every missing folder of a path. */
vg_status vg_make_folders(const char *path, vg_error *err);
/* Names the paths of a session; touches nothing. `control` is the configured endpoint or "". */
vg_status vg_session_state_find(vg_session_state *out, const char *name, const char *control, vg_error *err);
/* Takes the session for this process: makes the folder, locks it, writes pid and endpoint. VG_REFUSED where another
 * process holds it. Release with vg_session_state_release. */
vg_status vg_session_state_take(vg_session_state *state, vg_error *err);
void vg_session_state_release(vg_session_state *state);
/* Whether a process holds the session; its pid (0 where unknown) and endpoint are filled in. */
bool vg_session_state_running(vg_session_state *state, int *pid);
/* Calls `visit` for the name of each session in the state folder. */
vg_status vg_session_state_each(void (*visit)(void *context, const char *name), void *context, vg_error *err);

/* ---- session -------------------------------------------------------------------------------------------------------
 */

typedef struct vg_session_options {
    bool resume;                  /* train: go on from the folder's checkpoint */
    const atomic_bool *stop;      /* becomes true: finish the iteration or tick, save, return; may be NULL */
    const vg_log *log;            /* may be NULL */
    void (*ready)(void *context); /* called once, when the control socket answers and the world is open; may be NULL */
    void *context;
} vg_session_options;

/* Runs a session to its end. The state must have been taken. Leaves in the session's folder: config.yaml, curve.csv
 * (one row an update), checkpoint.vgc, policy.vgc, status.json. */
vg_status vg_session_run(const vg_session_config *config, const vg_session_state *state,
                         const vg_session_options *options, vg_error *err);

/* One number of vg_train_stats: how curve.csv, status.json and the control socket call it. */
typedef struct vg_stat_field {
    const char *name;
    bool integer; /* int64_t, else double */
    size_t offset;
} vg_stat_field;
const vg_stat_field *vg_train_stat_fields(size_t *count);

/* ---- control -------------------------------------------------------------------------------------------------------
 */

/* Sends one request ({"request": "status"}) and waits for the answer, at most `seconds`. VG_UNREACHABLE where nobody
 * answers, VG_CORRUPT where the answer is not ours; an answer with "ok": false gives the status and sentence in it. The
 * caller releases *reply. */
vg_status vg_control_request(const char *endpoint, const char *request, double seconds, json_t **reply, vg_error *err);

#endif
