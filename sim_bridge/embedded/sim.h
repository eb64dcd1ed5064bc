/* The embedded simulator, inside. A step runs in this order, one file each:
 *   team.c   cameras follow the command        crowd.c  people choose where to walk and avoid each other
 *   gait.c   feet are planted and lifted       body.c   joints and limbs follow from root and feet
 *   sight.c  what each camera can see          noise.c  what a detector would make of it
 * scene.c reads scene files, clip.c real motion, embedded.c is the world (state, reset, step).
 * The state of an environment (sim_state and its people) is plain data: everything after a step follows from it and from
 * the command, so copying it is a checkpoint. Lanes of 16 floats hold the joints of one person; 14 and 15 are spare.
 * A game driven over UnrealCV borrows team, sight and noise (unrealcv/client_*.c). */
#ifndef VG_SIM_BRIDGE_EMBEDDED_SIM_H
#define VG_SIM_BRIDGE_EMBEDDED_SIM_H

#include "common/arena.h"
#include "sim_bridge/embedded/embedded.h"
#include "sim_bridge/world.h"

#define SIM_LANES    16
#define SIM_SUBSTEP  0.2f  /* longest step of the crowd, s */
#define SIM_DUTY     0.62f /* share of the stride that a foot is on the ground (walking, Perry 1992) */
#define SIM_HARD_GAP 0.40f /* people's axes are never nearer than this, m */

/* --- scene ------------------------------------------------------------------------------------------------------- */

typedef struct sim_scene {
    char name[64];
    float area_low[2], area_high[2];     /* where people walk, m */
    float camera_low[3], camera_high[3]; /* where cameras may be, m */
    int32_t obstacle_count;
    vg_obstacle obstacles[VG_MAX_OBSTACLES];
} sim_scene;

/* A scene by name or by path; see embedded.h on where names are looked up. */
vg_status sim_scene_load(sim_scene *out, const char *name_or_path, vg_error *err);

/* --- what the two presets differ in -------------------------------------------------------------------------------- */

typedef struct sim_params {
    float step_seconds;
    float walk_low, walk_high;                                 /* walking speeds, m/s */
    float walk_acceleration;                                   /* m/s^2 */
    float turn_rate;                                           /* of people, rad/s */
    float pause_probability;                                   /* share of goals where a person stops for a moment */
    float body_low, body_high;                                 /* body heights, m (where paper_bodies is false) */
    bool paper_bodies;                                         /* the reference's small characters */
    bool teleport;                                             /* cameras take commands as exact displacements */
    float camera_speed, camera_acceleration, camera_turn_rate; /* m/s, m/s^2, rad/s */
    float goal_radius;                                         /* goals are within this distance of the centre, m */
} sim_params;

extern const sim_params sim_params_of_preset[2]; /* [vg_preset] */

/* --- people -------------------------------------------------------------------------------------------------------- */

/* Lengths of one body, metres. */
typedef struct sim_body {
    float ankle;                   /* height of the ankle joint over a flat sole */
    float shank, thigh;            /* ankle to knee, knee to hip */
    float spine, neck;             /* hip line to shoulder line, shoulder line to eyes */
    float hip_half, shoulder_half; /* half the distance between the joints */
    float upper_arm, forearm;      /* shoulder to elbow, elbow to wrist */
    float foot;                    /* ankle to ball of the foot */
    float scale;                   /* body height over 1.75 m: widths follow it */
} sim_body;

/* A foot: planted, or on its way from `from` to a landing point that follows from the walk. z is not stored: it
 * follows from the phase. */
typedef struct sim_foot {
    float at[2], yaw;        /* where the ankle is now, and where the foot points */
    float from[2], from_yaw; /* where it left the ground */
    int32_t swinging;
    float progress; /* of the swing or of the stance, 0 .. 1 */
} sim_foot;

typedef struct sim_person {
    float at[2];           /* root on the ground, m */
    float heading;         /* rad */
    float speed, yaw_rate; /* along heading m/s; rad/s */
    float goal[2];
    uint32_t goals;   /* goals chosen so far: the draw's counter */
    float pace;       /* preferred speed, m/s */
    float pause;      /* seconds left to stand still */
    float stuck;      /* seconds without progress */
    float phase;      /* of the gait cycle, 0 .. 1; 0 is the left foot's touch-down */
    float cadence;    /* strides per second, now */
    float clip_phase; /* place in the motion clip, 0 .. 1, where people replay one */
    sim_foot foot[2]; /* left, right */
    sim_body body;
    float style[4]; /* individual: arm swing, elbow bend, lean, step width; around 1 */
} sim_person;

/* --- cameras ------------------------------------------------------------------------------------------------------- */

typedef struct sim_camera {
    float at[3], velocity[3];
    float yaw, pitch;
} sim_camera;

/* --- one environment ----------------------------------------------------------------------------------------------- */

typedef struct sim_state {
    uint64_t check[2]; /* of saved states: kind and size, checksum */
    uint64_t seed, frame_id;
    int64_t time_ns;
    uint32_t step;  /* since reset */
    int32_t ready;  /* was reset */
    int32_t people; /* walking now */
    int32_t formation;
    sim_camera camera[VG_MAX_CAMERAS];
    sim_person person[]; /* [capacity] */
} sim_state;

/* A person's body in space, derived from the state. */
typedef struct sim_pose {
    float joint[3][SIM_LANES];              /* x, y, z by joint; spare lanes: pelvis, head */
    float a[3][SIM_LANES], b[3][SIM_LANES]; /* ends of the capsules (lanes: sim_segment) */
    float centre[2], reach;                 /* in plan: middle and radius of everything */
    float top, scale;                       /* highest point, m; of the capsules' radii */
} sim_pose;

typedef enum sim_segment {
    SIM_TORSO,
    SIM_HEAD,
    SIM_L_UPPER_ARM,
    SIM_R_UPPER_ARM,
    SIM_L_FOREARM,
    SIM_R_FOREARM,
    SIM_L_THIGH,
    SIM_R_THIGH,
    SIM_L_SHANK,
    SIM_R_SHANK,
    SIM_L_FOOT,
    SIM_R_FOOT,
    SIM_SEGMENTS
} sim_segment;
extern const float sim_segment_radius[SIM_LANES]; /* of a 1.75 m body, m; times body.scale */

typedef struct sim_clip sim_clip;

typedef struct sim_world {
    vg_world head;
    vg_arena arena;
    sim_scene scene;
    sim_params params;
    vg_dims dims;
    size_t state_size; /* bytes of one sim_state with its people */
    float miss_rate, swap_rate;
    sim_clip *clip;        /* NULL: procedural gait */
    unsigned char *states; /* [envs] sim_state */
    sim_pose *poses;       /* [envs, people] */
} sim_world;

static inline sim_state *sim_state_of(const sim_world *world, int32_t env) {
    return (sim_state *)(void *)(world->states + world->state_size * (size_t)env);
}
static inline sim_pose *sim_poses_of(const sim_world *world, int32_t env) {
    return world->poses + (size_t)env * (size_t)world->dims.people;
}

/* embedded.c */
extern const vg_world_ops sim_ops;
void sim_pose_people(const sim_world *world, int32_t env);              /* derives the poses from the state */
void sim_observe(vg_frame *frame, const sim_world *world, int32_t env); /* what the cameras see now */

/* team.c */
void sim_team_start(sim_camera camera[], const sim_scene *scene, int32_t cameras, int32_t formation);
void sim_team_step(sim_camera camera[], const sim_world *world, const vg_command *command);
void sim_team_view(vg_camera *out, const sim_camera *camera);

/* crowd.c */
void sim_crowd_start(sim_state *state, const sim_scene *scene, const sim_params *params);
void sim_crowd_begin(sim_state *state, int32_t index, const sim_scene *scene,
                     const sim_params *params); /* one person */
/* People move on by dt: goals, avoidance, speed and heading, then the gait. */
void sim_crowd_step(sim_state *state, const sim_scene *scene, const sim_params *params, float dt);

/* gait.c */
void sim_gait_start(sim_person *person, float phase);
void sim_gait_step(sim_person *person, float dt);
float sim_gait_cadence(const sim_body *body, float speed);

/* body.c */
sim_body sim_body_of_height(float height);
sim_body sim_body_of_paper(float scale);
void sim_body_pose(sim_pose *out, const sim_person *person);
/* The body round 14 joints that come from elsewhere. */
void sim_pose_of_joints(sim_pose *out, const float joint[VG_JOINTS14][3]);
/* What the limbs' joints do not tell of a pose. */
typedef struct sim_frame_of_body {
    float pelvis[3], chest[3]; /* middle of the hip line and of the shoulder line */
    float head[3], head_yaw;
    float foot_yaw[2];
} sim_frame_of_body;
/* Adds head, eyes and all capsules to a pose whose limbs' joints (shoulders to ankles) are set. */
void sim_body_finish(sim_pose *out, const sim_body *body, const sim_frame_of_body *frame);

/* clip.c */
/* Reads a BVH file and prepares the stretch of it that repeats best. Release with sim_clip_destroy. */
vg_status sim_clip_open(sim_clip **out, const char *path, vg_error *err);
void sim_clip_destroy(sim_clip *clip); /* NULL is allowed */
/* The person's place in the clip follows from how far it walked (of a clip that walks), else from time. */
void sim_clip_step(sim_person *person, const sim_clip *clip, float dt);
void sim_clip_pose(sim_pose *out, const sim_person *person, const sim_clip *clip);

/* sight.c: exact image positions (lanes of one camera and person) and who hides what. */
typedef struct sim_sight {
    float u[SIM_LANES], v[SIM_LANES]; /* px, exact */
    float in_image[SIM_LANES];        /* 1 or 0 */
    float visible[SIM_LANES];         /* 1 or 0: in the image and nothing in the way */
    float size;                       /* height of the person in the image, px, were it all visible */
    float hidden;                     /* share of the 14 joints that cannot be seen */
} sim_sight;
/* False where no joint is in the image. */
bool sim_sight_of(sim_sight *out, const sim_scene *scene, const vg_camera *camera, const float eye[3],
                  const sim_pose *poses, int32_t people, int32_t person);

/* noise.c */
void sim_draw_lanes(uint32_t r[4][SIM_LANES], uint64_t seed, uint32_t step, uint32_t who, uint32_t purpose);
void sim_detect(vg_keypoint *out /* [J] */, const sim_sight *sight, const vg_camera *camera, const sim_world *world,
                const sim_state *state, int32_t camera_index, int32_t person);
/* Whole-person faults of one camera: swapped pairs. */
void sim_swap(vg_keypoint *keypoints /* [P, J] */, const sim_world *world, const sim_state *state,
              const sim_sight *sights, int32_t camera);

#endif
