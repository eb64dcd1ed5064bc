/* The game behind the UnrealCV server: actors (ground, obstacles, people, spawned boxes, cameras), simulated time, and the
 * embedded simulator in which the people walk. Places are Unreal's (centimetres, degrees, left-handed). Plain state,
 * no sockets: everything follows from the seed, the commands and the time that is let pass. */
#ifndef VG_SIM_BRIDGE_UNREALCV_GAME_H
#define VG_SIM_BRIDGE_UNREALCV_GAME_H

#include "common/frame.h"
#include "common/log.h"
#include "sim_bridge/embedded/embedded.h"
#include "sim_bridge/render/render.h"
#include "sim_bridge/unrealcv/wire.h"
#include "sim_bridge/world.h"

#define UCV_ACTORS  640
#define UCV_CAMERAS 64
#define UCV_LIMBS   (VG_MAX_PEOPLE * 16)
#define UCV_NAME    64
#define UCV_BEAT_NS ((int64_t)10000000)   /* 10 ms */
#define UCV_HOLD_NS ((int64_t)2000000000) /* 2 s */
#define UCV_VERSION "1.0.0"               /* what /unrealcv/version says: official commands, no capability list */
#define UCV_PROJECT "Vergence"

typedef enum ucv_kind { UCV_FREE = 0, UCV_GROUND, UCV_OBSTACLE, UCV_PERSON, UCV_BOX, UCV_CAMERA } ucv_kind;

typedef struct ucv_actor {
    int32_t kind; /* ucv_kind; UCV_FREE: empty slot */
    char name[UCV_NAME];
    double location[3], rotation[3], scale[3]; /* cm; pitch, yaw, roll in degrees */
    bool hidden;
    bool resident; /* there since the level began: whoever spawns it by name is given it */
    vg_render_colour colour;
    int32_t shape;         /* obstacles and boxes: vg_obstacle_kind */
    double half[3];        /* obstacles and boxes: metres, before scaling */
    int32_t person;        /* people: index in the simulator */
    double velocity, turn; /* boxes driven by set_move: cm/s ahead, degrees/s */
    /* cameras */
    double fov;
    int32_t width, height;
    bool sized; /* got a size of its own: setres leaves it alone */
} ucv_actor;

typedef enum ucv_gait {
    UCV_GAIT_SIM,    /* walks as the simulator likes */
    UCV_GAIT_RADIUS, /* from one random point of a disc to the next */
    UCV_GAIT_GOAL,   /* to `goal`, then stands */
    UCV_GAIT_STAND
} ucv_gait;

/* How a person is driven, beyond what the simulator knows. Metres, m/s. */
typedef struct ucv_person {
    int32_t gait; /* ucv_gait */
    double goal[2], centre[2], radius, pace, dilation;
    uint32_t goals;  /* drawn so far */
    bool once;       /* stands at the goal it walks to */
    double aside[2]; /* from where the simulator has the person to where it was placed outside its area */
} ucv_person;

/* Where everybody is after one step of the simulator, metres. */
typedef struct ucv_snapshot {
    float at[VG_MAX_PEOPLE][2], heading[VG_MAX_PEOPLE];
    float joint[VG_MAX_PEOPLE][VG_JOINTS14][3];
    vg_embedded_capsule limb[UCV_LIMBS];
} ucv_snapshot;

/* Threads that draw rows: run(pool, task, context, n) does task(context, 0 .. n - 1) and returns when all are done. */
typedef struct ucv_workers {
    void (*run)(void *pool, void (*task)(void *context, int32_t part), void *context, int32_t parts);
    void *pool;
} ucv_workers;

typedef struct ucv_game_config {
    const char *scene;
    int32_t people, cameras;
    int32_t preset; /* vg_preset */
    uint64_t seed;
    int32_t width, height; /* px, of new cameras */
    double fov;            /* degrees, horizontal */
    const char *files;     /* folder that relative image names are written to */
    int32_t port;          /* for the status text */
    ucv_workers workers;   /* zero: the caller's thread draws alone */
    const vg_log *log;
} ucv_game_config;

typedef struct ucv_game {
    vg_world *world;
    char scene[64], files[512];
    int32_t preset, people, start_cameras, port;
    uint64_t seed;
    int32_t width, height;
    double fov;
    ucv_workers workers;
    const vg_log *log;

    ucv_actor actor[UCV_ACTORS];
    int32_t actors;                       /* slots in use lie below */
    int32_t camera[UCV_CAMERAS], cameras; /* actors that are cameras, by index */
    int32_t spawned;                      /* for names and colours */
    int32_t pictures;                     /* saved under counted names */
    uint32_t draws;                       /* random places given to clients */
    char viewmode[32];
    double eyes; /* cm between camera 0 and its right eye, camera 1; 0: they are not tied together */

    /* time */
    bool paused;
    int64_t hold_ns;   /* real time left until the level begins to move by itself */
    int64_t behind_ns; /* time that passed and does not fill a UCV_BEAT yet */
    double slomo;
    int64_t tick_ns;  /* one bare `vset /action/tick` */
    int64_t time_ns;  /* simulated, since the level began */
    int64_t step_ns;  /* of the simulator */
    int64_t phase_ns; /* time since snapshot `now`'s predecessor: 0 .. step_ns */
    vg_frame *frame;

    ucv_person person[VG_MAX_PEOPLE];
    ucv_snapshot before, after; /* around the present moment */
    int32_t limbs;              /* in each snapshot */

    vg_render *render;
    vg_solid *solids;
    vg_render_colour colours[UCV_ACTORS];
    int32_t solid_count;
    bool stale;             /* solids must be built anew */
    unsigned char *picture; /* BGRA of the largest image asked for as PNG so far */
    size_t picture_room;
} ucv_game;

vg_status ucv_game_create(ucv_game **out, const ucv_game_config *config, vg_error *err);
void ucv_game_destroy(ucv_game *game);
/* Opens another scene, or the same again: people, objects and cameras as at the start. */
vg_status ucv_game_load(ucv_game *game, const char *scene, vg_error *err);
/* People begin anew from another seed; objects and cameras stay. */
vg_status ucv_game_seed(ucv_game *game, uint64_t seed, vg_error *err);
/* Lets simulated time pass. */
vg_status ucv_game_advance(ucv_game *game, int64_t ns, vg_error *err);
/* Lets real time pass: the game follows in beats of UCV_BEAT_NS unless it is paused. A new level stands still for
 * UCV_HOLD_NS, or until somebody asks for motion (ucv_game_start): whoever pauses by then begins at time 0. */
vg_status ucv_game_pass(ucv_game *game, int64_t ns, vg_error *err);
void ucv_game_start(ucv_game *game);

/* actors.c */
ucv_actor *ucv_find(ucv_game *game, vg_span name); /* NULL: none */
/* By actor name, else by index in the order of creation. */
ucv_actor *ucv_find_camera(ucv_game *game, vg_span name);
ucv_actor *ucv_spawn(ucv_game *game, ucv_kind kind, vg_span name /* empty: made up */); /* NULL: no room */
void ucv_destroy(ucv_game *game, ucv_actor *actor);
void ucv_populate(ucv_game *game);
void ucv_show_people(ucv_game *game); /* people's actors where the simulator has begun them */
/* Writes the corners of what an actor is made of, cm; returns how many (at most 128). */
int32_t ucv_vertices(const ucv_game *game, const ucv_actor *actor, double out[128][3]);

/* people.c */
void ucv_people_start(ucv_game *game);
vg_status ucv_people_step(ucv_game *game, vg_error *err); /* one step of the simulator */
void ucv_people_present(ucv_game *game);                  /* people's actors to where they are at this moment */
vg_status ucv_person_place(ucv_game *game, ucv_actor *actor, vg_error *err); /* where the actor says */
double ucv_person_share(const ucv_game *game); /* how far from `before` to `after`, 0 .. 1 */
void ucv_person_joints(const ucv_game *game, const ucv_actor *actor, double out[VG_JOINTS14][3]); /* cm */
void ucv_person_bones(const ucv_game *game, const ucv_actor *actor, ucv_buffer *out);             /* JSON */
vg_status ucv_person_goal(ucv_game *game, ucv_actor *actor, const double goal[2], vg_error *err);
/* Walks between random points within `radius` metres of `centre`, or to one of them. */
void ucv_person_roam(ucv_game *game, ucv_actor *actor, const double centre[2], double radius, bool once);
/* A further person under `name` (empty: made up), standing in the middle; NULL: no room. */
ucv_actor *ucv_person_spawn(ucv_game *game, vg_span name);

/* view.c */
void ucv_view_build(ucv_game *game);
vg_render_view ucv_view_of(const ucv_actor *camera);
/* Appends the picture as a file of `format` ("png", "bmp", "npy") to the buffer. */
vg_status ucv_view_take(ucv_game *game, const ucv_actor *camera, vg_render_mode mode, const char *format,
                        ucv_buffer *out, vg_error *err);
/* Distance in cm at which a camera moving from its place to `to` would touch something; infinity where nothing is. */
double ucv_view_clearance(ucv_game *game, const ucv_actor *camera, const double to[3]);

/* commands.c: one command of one client */
typedef struct ucv_session {
    bool local;    /* shares this machine's disk: may name absolute paths */
    int32_t batch; /* requests left that must run within one tick */
} ucv_session;

/* True where the command changes the game, so that only the holder of the writer lease may give it. */
bool ucv_command_writes(vg_span command);
/* Prints the table of commands, as docs/unreal.md has it. */
void ucv_commands_print(FILE *stream);
/* Runs it and appends the reply's body. */
void ucv_command_run(ucv_game *game, ucv_session *session, vg_span command, ucv_buffer *out);

#endif
