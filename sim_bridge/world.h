/* Worlds: where frames come from and commands go. This is the only door; behind it stand the embedded simulator, a
 * remote world over ZeroMQ, a game over UnrealCV, real cameras' keypoint streams and recordings, and the rest of the
 * program cannot tell which one it is talking to. A world holds N environments that are stepped in lock-step batches. To add a world: one folder, one vg_world_ops table, one line in
 * the registry of world.c. */
#ifndef VG_SIM_BRIDGE_WORLD_H
#define VG_SIM_BRIDGE_WORLD_H

#include "common/frame.h"
#include "common/log.h"
#include "common/status.h"

#include <stdbool.h>

#define VG_MAX_OBSTACLES 128

typedef enum vg_obstacle_kind {
    VG_OBSTACLE_BOX = 0,     /* centre, half sizes along its own axes, turned by yaw about z */
    VG_OBSTACLE_CYLINDER = 1 /* upright: centre, half[0] = radius, half[2] = half height */
} vg_obstacle_kind;

/* Something solid: it hides people and must not be flown into. Walls are thin boxes. */
typedef struct vg_obstacle {
    int32_t kind;    /* vg_obstacle_kind */
    float centre[3]; /* metres */
    float half[3];   /* metres */
    float yaw;       /* radians */
} vg_obstacle;

/* What a world is, told once when it opens. Bounds are metres. */
typedef struct vg_world_info {
    char name[64]; /* "embedded", "remote ipc:///..." */
    char scene[64];
    vg_dims dims;        /* capacities of its frames */
    int32_t envs;        /* environments, stepped as a batch */
    double step_seconds; /* world time between two frames */
    bool truth;          /* frames carry the truth */
    bool resettable;     /* reset works (a live world cannot be reset) */
    bool concurrent;     /* disjoint ranges of environments may be stepped from different threads at once */
    bool paced;          /* steps take their time: the world has a pace of its own (see vg_world_step) */
    bool teleports;      /* cameras take commands as exact displacements; else they have dynamics */
    float camera_low[3], camera_high[3];   /* where cameras may be */
    float area_low[2], area_high[2];       /* where people walk */
    float max_speed, max_acceleration;     /* of a camera, m/s and m/s^2; 0 = unlimited (teleporting) */
    float max_turn_rate;                   /* rad/s */
    char joint_set[32];                    /* name of its joints (perception/joints.h); "" where not known */
    char camera_names[VG_MAX_CAMERAS][64]; /* as the calibration calls them; "" where they have none */
    int32_t obstacle_count;
    vg_obstacle obstacles[VG_MAX_OBSTACLES];
} vg_world_info;

typedef enum vg_camera_state {
    VG_CAMERA_WAITING = 0, /* not heard yet */
    VG_CAMERA_ACTIVE = 1,
    VG_CAMERA_SILENT = 2 /* was heard, and is no more */
} vg_camera_state;

/* What is known of a camera whose pictures come by themselves. */
typedef struct vg_source_report {
    int32_t state;                       /* vg_camera_state */
    int64_t pictures;                    /* that came */
    int64_t lost, duplicates, reordered; /* by their sequence numbers */
    int64_t late, surplus;               /* came after their frame had left; more than one in a frame */
    int64_t crowded;                     /* detections beyond dims.people */
    int64_t dropped;                     /* by the source itself, as it says */
    int64_t restarts;                    /* of the source */
    double rate_hz;                      /* pictures a second, lately */
    double age_seconds;                  /* since the last one; NaN: never */
    double clock_offset_seconds;         /* what is added to its times */
    double clock_correction_seconds;     /* how much of that people's motion told; 0 where it is not looked at */
    double clock_sigma_seconds;          /* standard deviation of that; NaN where it is not looked at */
} vg_source_report;

typedef struct vg_world_report {
    vg_source_report camera[VG_MAX_CAMERAS];
    int64_t refused;   /* messages that are not for this session, or no messages at all */
    char trouble[256]; /* why the last one was refused; "" */
    int64_t came_ns;   /* CLOCK_MONOTONIC when the last of the last frame's pictures came */
    double position;   /* of a recording, 0 .. 1; NaN elsewhere */
} vg_world_report;

/* How one environment shall begin. */
typedef struct vg_reset {
    uint64_t seed;     /* everything of the episode follows from it */
    int32_t people;    /* how many people walk, 1 .. dims.people; the others are absent */
    int32_t formation; /* vg_formation */
} vg_reset;

typedef enum vg_formation {
    VG_FORMATION_START = 0, /* the flying team's start formation */
    VG_FORMATION_FIXED = 1  /* where the fixed-camera baseline stands */
} vg_formation;

typedef struct vg_world vg_world;

typedef struct vg_world_ops {
    const char *name;
    vg_status (*reset)(vg_world *world, int32_t first, int32_t count, const vg_reset *resets, vg_frame *frames,
                       vg_error *err);
    vg_status (*step)(vg_world *world, int32_t first, int32_t count, const vg_command *commands, vg_frame *frames,
                      vg_error *err);
    void (*close)(vg_world *world);
    /* optional, all or none: the state of one environment as bytes */
    size_t (*state_bytes)(const vg_world *world);
    vg_status (*save_state)(const vg_world *world, int32_t env, void *out, vg_error *err);
    vg_status (*load_state)(vg_world *world, int32_t env, const void *state, vg_error *err);
    /* optional: what is known of the sources of its frames */
    void (*report)(const vg_world *world, vg_world_report *out);
    /* optional: what became of its last frame */
    void (*observe)(vg_world *world, const vg_frame *matched);
} vg_world_ops;

/* The head of every world; implementations put it first in their own struct. */
struct vg_world {
    const vg_world_ops *ops;
    vg_world_info info;
};

/* How an embedded camera follows commands, and which of the two task settings is simulated. */
typedef enum vg_preset {
    VG_PRESET_DEFAULT = 0, /* 0.1 s steps, walking 0.6 to 1.4 m/s, cameras with speed and acceleration limits */
    VG_PRESET_PAPER = 1    /* the reference task exactly: 0.4 s steps, 0.20 to 0.29 m/s, teleporting cameras */
} vg_preset;

/* Where a game's 2D keypoints come from; those of a remote world are its own, or the detector's. */
typedef enum vg_keypoint_source {
    VG_KEYPOINTS_PROJECTED =
        0,                  /* the true joints, projected, hidden by bodies and obstacles, with the simulator's noise */
    VG_KEYPOINTS_EXACT = 1, /* the same without noise */
    VG_KEYPOINTS_MASKED = 2,  /* as projected, but hidden where the object mask shows something else */
    VG_KEYPOINTS_DETECTOR = 3 /* found by the 2D detector in pictures; who is who by the colours of the object mask */
} vg_keypoint_source;

/* How a step of a game's time is let pass. */
typedef enum vg_pace {
    VG_PACE_AUTO = 0,  /* tick where the game offers it, else pause */
    VG_PACE_TICK = 1,  /* the game stands still but for fixed ticks */
    VG_PACE_PAUSE = 2, /* it runs for a step's time, and is paused while it is looked at */
    VG_PACE_FREE = 3   /* it runs all the time */
} vg_pace;

/* What is particular to a game (kind unrealcv). */
typedef struct vg_game_config {
    int32_t pace; /* vg_pace */
    const char
        *cameras;       /* names or indices between blanks; NULL or "": those behind the player's, spawned if need be */
    const char *people; /* names between blanks; one word: that with 1, 2, ... behind it; NULL or "": human */
    int32_t width, height; /* px */
    double fov;            /* degrees, horizontal */
} vg_game_config;

/* How to open a world. vg_world_config_default() is valid as it is (embedded, blank). Strings are borrowed for the call. */
typedef struct vg_world_config {
    const char *kind; /* "embedded" | "remote" | "unrealcv" | "live" | "replay" */
    /* embedded */
    const char *scene;  /* name of a scene in the scenes folder, or a path to a scene file */
    const char *motion; /* NULL, or a BVH file whose walk the simulated people replay */
    int32_t cameras, people, envs;
    int32_t preset; /* vg_preset */
    double miss_rate,
        swap_rate; /* share of visible people missed per camera and frame; share of neighbouring pairs whose keypoints are swapped */
    /* remote, unrealcv */
    const char *endpoint;           /* tcp://host:port or ipc:///path; a game: tcp://host:port or unix:///path */
    double timeout_seconds;         /* how long a step may take before the peer counts as dead */
    double reconnect_seconds;       /* a peer that went away is waited for so long; 0: not at all */
    bool (*stopped)(void *context); /* may be NULL; true: wait no longer, somebody wants to stop */
    void *stop_context;
    int32_t keypoints;       /* vg_keypoint_source; of games, and the last of remote worlds */
    const char *save_images; /* NULL or "", or a folder that pictures go to (see picture.h) */
    const char *images;      /* which: "lit,mask,depth"; NULL or "": lit */
    bool shared_memory;      /* remote: pictures come through shared memory where the peer is on this machine */
    vg_game_config game;
    /* embedded: */
    double step_seconds; /* world time of a step; 0: the preset's */
    /* live: `endpoint` is where keypoint streams are published, several separated by blanks; `people` is the most
     * detections in a picture; the cameras are those of the calibration */
    const char *calibration; /* a file that calibration/files.h reads */
    const char *joint_set;   /* what the streams' joints must be */
    double rate_hz;          /* pictures a second of a camera, about: a tick is as long as one; 1 to 1000 */
    double window_seconds;   /* pictures taken within it make a frame; 0: 0.8 / rate_hz */
    double patience_seconds; /* how long a frame waits for cameras that are late */
    double silent_seconds;   /* a camera unheard for so long is no longer waited for */
    double refine_seconds;   /* how far people's motion may correct the cameras' clocks; 0: not at all */
    /* replay */
    const char *recording; /* a .mcap file */
    double speed;          /* of the recording's pace; 0: as fast as asked for */
    const vg_log *log;     /* may be NULL */
} vg_world_config;

vg_world_config vg_world_config_default(void);
/* The kind of world that an endpoint means: "unrealcv" for unrealcv://..., else "remote". */
const char *vg_world_kind_of_endpoint(const char *endpoint);

/* Opens a world. Release with vg_world_close. Errors name the field, its value and the mend. */
vg_status vg_world_open(vg_world **out, const vg_world_config *config, vg_error *err);
void vg_world_close(vg_world *world); /* NULL is allowed */

/* Begins new episodes in environments first .. first + count - 1. `resets` [count]; `frames` is the array of `count`
 * initialised frame blocks (see vg_frame_init) that receives the first frames (VG_FRAME_FIRST set). */
vg_status vg_world_reset(vg_world *world, int32_t first, int32_t count, const vg_reset *resets, vg_frame *frames,
                         vg_error *err);

/* Lets one step of world time pass under `commands` [count] and writes what is seen after it into `frames` [count].
 * Allocates nothing. An environment that was never reset is an error (where the world can be reset at all).
 *
 * A paced world waits for its next frame, but no longer than step_seconds: where none came, frame_id stays as it was, and
 * nothing but the cameras is written. It cannot be reset. Where it has an end, VG_ENDED says so. */
vg_status vg_world_step(vg_world *world, int32_t first, int32_t count, const vg_command *commands, vg_frame *frames,
                        vg_error *err);

/* What is known of the sources of its frames. False, and nothing written, where there is nothing to tell. */
bool vg_world_sources(const vg_world *world, vg_world_report *out);

/* Tells a world whose cameras have clocks of their own what its last frame looks like with people told apart
 * (VG_FRAME_IDENTIFIED), so that it can mend its clocks. Other worlds do not care; NULL is allowed. Allocates nothing. */
void vg_world_observe(vg_world *world, const vg_frame *matched);

/* Bytes of one environment's state, for checkpoints that resume bit-exactly; 0 where the world cannot hand it out. */
size_t vg_world_state_bytes(const vg_world *world);
/* Copies the state of one environment to `out`, or back from `state`: vg_world_state_bytes bytes. After a load the next
 * step goes on exactly as it would have after the save (in any environment of a world opened with the same config). A
 * state of another kind of world, or a damaged one, is an error and changes nothing. */
vg_status vg_world_save_state(const vg_world *world, int32_t env, void *out, vg_error *err);
vg_status vg_world_load_state(vg_world *world, int32_t env, const void *state, vg_error *err);

#endif
