/* The UnrealCV client, inside. client.c is the world (open, reset, step, and picking up a game that went away);
 * client_setup.c finds out what a game offers and takes its cameras and people; client_frame.c asks for a frame in one
 * round and makes it from the replies; client_link.c is the connection,
 * client_replies.c reads what comes.
 * Cameras move, and keypoints are hidden and disturbed, by the embedded simulator's own rules (sim.h). */
#ifndef VG_SIM_BRIDGE_UNREALCV_CLIENT_IMPL_H
#define VG_SIM_BRIDGE_UNREALCV_CLIENT_IMPL_H

#include "sim_bridge/embedded/sim.h"
#include "sim_bridge/finder.h"
#include "sim_bridge/picture.h"
#include "sim_bridge/unrealcv/client_link.h"
#include "sim_bridge/unrealcv/client_replies.h"

#define UCV_LABEL 64 /* bytes of a name */

/* What a game is asked for, resolved from vg_world_config. */
typedef struct ucv_wishes {
    int32_t pace, keypoints;
    char cameras[512], people[512];
    int32_t width, height;
    double fov;
    double reconnect_seconds;
    bool (*stopped)(void *context); /* may be NULL */
    void *stop_context;
    uint32_t save;           /* pictures to be kept: bit per vg_picture_kind */
    vg_picture_store *store; /* where */
    const vg_log *log;
} ucv_wishes;

/* One game. */
typedef struct ucv_env {
    ucv_link link;
    sim_state *state; /* seed, step, clock, and where the team is meant to be */
    char camera[VG_MAX_CAMERAS][UCV_LABEL];
    char person[VG_MAX_PEOPLE][UCV_LABEL];
    int32_t rig[VG_MAX_PEOPLE]; /* -1: not known yet */
    uint8_t colour[VG_MAX_PEOPLE][3];
    bool has_colour[VG_MAX_PEOPLE];
    int32_t width, height; /* px, of every camera */
    double fov;            /* degrees */
    int32_t pace;          /* vg_pace, not AUTO */
    bool has_pose, has_seed, has_batch, has_bones;
    char tick[64];      /* the command that lets one step pass */
    int64_t running_ns; /* wall clock: since when the game runs (pause, free) */
    /* the round that asks for a frame: index of the first reply of each kind, -1 where it was not asked for */
    int32_t tick_at, place_at, look_at, bones_at, picture_at[VG_PICTURE_KINDS];
    vg_finder *finder;     /* keypoints from pictures; else NULL */
    unsigned char *canvas; /* a picture on its way to a file */
    size_t canvas_size;
    ucv_bones_read bones;
} ucv_env;

typedef struct ucv_client {
    vg_world base;
    sim_world sim; /* scene, parameters and dimensions for the borrowed parts; no states */
    ucv_wishes wish;
    ucv_env *env; /* [envs] */
} ucv_client;

/* client_setup.c: after connecting. */
vg_status ucv_setup(ucv_client *client, ucv_env *env, vg_error *err);

/* client_frame.c: asks for everything a frame holds, at one instant. `tick`: let a step pass first. */
void ucv_ask_frame(ucv_client *client, ucv_env *env, bool tick);
vg_status ucv_take_frame(ucv_client *client, ucv_env *env, vg_frame *frame, vg_error *err);

#endif
