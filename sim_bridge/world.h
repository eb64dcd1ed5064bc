/* Worlds: where frames come from and commands go. This is the only door; behind it stand the embedded simulator, a
 * remote world over ZeroMQ and a game over UnrealCV, and the rest of the program cannot tell which one it is talking to. A world holds N
 * environments that are stepped in lock-step batches. To add a world: one folder, one vg_world_ops table, one line in
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
    bool teleports;      /* cameras take commands as exact displacements; else they have dynamics */
    float camera_low[3], camera_high[3]; /* where cameras may be */
    float area_low[2], area_high[2];     /* where people walk */
    float max_speed, max_acceleration;   /* of a camera, m/s and m/s^2; 0 = unlimited (teleporting) */
    float max_turn_rate;                 /* rad/s */
    int32_t obstacle_count;
    vg_obstacle obstacles[VG_MAX_OBSTACLES];
} vg_world_info;

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

/* Where a game's 2D keypoints come from. */
typedef enum vg_keypoint_source {
    VG_KEYPOINTS_PROJECTED =
        0,                  /* the true joints, projected, hidden by bodies and obstacles, with the simulator's noise */
    VG_KEYPOINTS_EXACT = 1, /* the same without noise */
    VG_KEYPOINTS_MASKED = 2 /* as projected, but hidden where the object mask shows something else */
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
    int32_t width, height;    /* px */
    double fov;               /* degrees, horizontal */
    double reconnect_seconds; /* a game that went away is waited for so long */
} vg_game_config;

/* How to open a world. vg_world_config_default() is valid as it is (embedded, blank). Strings are borrowed for the call. */
typedef struct vg_world_config {
    const char *kind; /* "embedded" | "remote" | "unrealcv" */
    /* embedded */
    const char *scene;  /* name of a scene in the scenes folder, or a path to a scene file */
    const char *motion; /* NULL, or a BVH file whose walk the simulated people replay */
    int32_t cameras, people, envs;
    int32_t preset; /* vg_preset */
    double miss_rate,
        swap_rate; /* share of visible people missed per camera and frame; share of neighbouring pairs whose keypoints are swapped */
    /* remote, unrealcv */
    const char *endpoint;   /* tcp://host:port or ipc:///path; a game: tcp://host:port or unix:///path */
    double timeout_seconds; /* how long a step may take before the peer counts as dead */
    int32_t keypoints;      /* vg_keypoint_source */
    vg_game_config game;
    const vg_log *log; /* may be NULL */
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
 * Allocates nothing. An environment that was never reset is an error. */
vg_status vg_world_step(vg_world *world, int32_t first, int32_t count, const vg_command *commands, vg_frame *frames,
                        vg_error *err);

/* Bytes of one environment's state, for checkpoints that resume bit-exactly; 0 where the world cannot hand it out. */
size_t vg_world_state_bytes(const vg_world *world);
/* Copies the state of one environment to `out`, or back from `state`: vg_world_state_bytes bytes. After a load the next
 * step goes on exactly as it would have after the save (in any environment of a world opened with the same config). A
 * state of another kind of world, or a damaged one, is an error and changes nothing. */
vg_status vg_world_save_state(const vg_world *world, int32_t env, void *out, vg_error *err);
vg_status vg_world_load_state(vg_world *world, int32_t env, const void *state, vg_error *err);

#endif
