/* The embedded simulator as a world (see world.h): people walk through a scene, a team of cameras sees them. Deterministic:
 * an episode follows from its seed and the commands alone, whatever environment and thread it runs in.
 *
 * Scenes are YAML files. A scene is given as a path, or as a name that is looked up as NAME.yaml in: ./scenes,
 * $VERGENCE_SCENES, and ../../scenes and ../share/vergence/scenes beside the executable. */
#ifndef VG_SIM_BRIDGE_EMBEDDED_H
#define VG_SIM_BRIDGE_EMBEDDED_H

#include "sim_bridge/world.h"

vg_status vg_embedded_open(vg_world **out, const vg_world_config *config, vg_error *err);

/* --- looking into one environment (for renderers, servers and reports). `world` must be an embedded one. ----------- */

/* A limb as a solid. */
typedef struct vg_embedded_capsule {
    float a[3], b[3]; /* ends of the axis, metres */
    float radius;     /* metres */
    int32_t person;
} vg_embedded_capsule;

/* How a person stands and walks. */
typedef struct vg_embedded_person {
    float at[2];   /* root on the ground, metres */
    float heading; /* radians, from +x towards +y */
    float speed;   /* m/s */
    float height;  /* metres */
} vg_embedded_person;

/* Where a camera is and looks. */
typedef struct vg_embedded_camera {
    float at[3];      /* metres */
    float yaw, pitch; /* radians */
} vg_embedded_camera;

int32_t vg_embedded_people(const vg_world *world, int32_t env); /* people walking now */
/* Writes up to `room` capsules of everybody; returns how many there are. */
int32_t vg_embedded_capsules(const vg_world *world, int32_t env, vg_embedded_capsule *out, int32_t room);
/* The 14 joints of one person, exactly. */
vg_status vg_embedded_joints(const vg_world *world, int32_t env, int32_t person, float out[VG_JOINTS14][3],
                             vg_error *err);

vg_status vg_embedded_get_person(const vg_world *world, int32_t env, int32_t person, vg_embedded_person *out,
                                 vg_error *err);
/* Places a person: at, heading and speed are taken (height is not); the feet are set anew under the body. */
vg_status vg_embedded_set_person(vg_world *world, int32_t env, int32_t person, const vg_embedded_person *in,
                                 vg_error *err);
/* One more person, who stands where `in` says (its height is not taken: bodies follow from the seed) and then walks as
 * the others do; *index receives the number. Fails where the world has no room for more. */
vg_status vg_embedded_add_person(vg_world *world, int32_t env, int32_t *index, const vg_embedded_person *in,
                                 vg_error *err);
/* Sets the pace at which a person likes to walk until the next goal, and that goal. */
vg_status vg_embedded_set_goal(vg_world *world, int32_t env, int32_t person, const float goal[2], float pace,
                               vg_error *err);
vg_status vg_embedded_get_camera(const vg_world *world, int32_t env, int32_t camera, vg_embedded_camera *out,
                                 vg_error *err);
/* Places a camera; positions outside the camera box are an error. */
vg_status vg_embedded_set_camera(vg_world *world, int32_t env, int32_t camera, const vg_embedded_camera *in,
                                 vg_error *err);
/* What the cameras see now, without time passing (after placing something, for instance). */
vg_status vg_embedded_observe(const vg_world *world, int32_t env, vg_frame *out, vg_error *err);

#endif
