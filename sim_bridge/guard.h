/* The guard: the last one to touch a command, and it can only make it safer. It knows the world's bounds, the cameras'
 * places, and where people are believed to be. Every rule limits the speed towards something so that the camera can still
 * stop in front of it:
 *
 *   v(d) = sqrt((a dt)^2 + 2 a d) - a dt   for a free distance d, deceleration a and one step dt of delay,
 *
 * and d / dt where cameras teleport. People move by themselves: what they come nearer is taken off that speed, so that a
 * camera backs away from somebody who walks up to it. Under the paper preset only the reference's box rule holds: a move
 * that would leave the camera box along an axis has that axis set to zero. */
#ifndef VG_SIM_BRIDGE_GUARD_H
#define VG_SIM_BRIDGE_GUARD_H

#include "common/frame.h"
#include "perception/whereabouts.h"
#include "sim_bridge/world.h"

#include <stdbool.h>

typedef struct vg_guard {
    const vg_world_info *world; /* borrowed */
    bool box_only;              /* the paper preset's rule */
    float camera_distance;      /* least distance between two cameras, m */
    float person_distance;      /* least distance from a camera to any joint of anybody, m */
    float person_margin;     /* kept beside it, m: people are known by estimates; twice an estimate's standard deviation
                                   is added, at most as much again */
    float obstacle_distance; /* least distance from a camera to any obstacle, m */
} vg_guard;

/* How often each rule had to act, or was broken. */
typedef struct vg_guard_counts {
    int64_t nonfinite, speed, turn, box, camera_camera, camera_person, camera_obstacle;
} vg_guard_counts;

vg_guard vg_guard_default(const vg_world_info *world, int32_t preset);

/* What is known when a command is guarded. */
typedef struct vg_guard_view {
    const vg_frame *frame;             /* where the cameras are */
    const vg_skeletons *people;        /* estimates; NULL: nobody is known */
    const vg_whereabouts *whereabouts; /* [P] of those whom `people` has no joint of; NULL: not remembered */
} vg_guard_view;

/* Makes `command` safe for the cameras of the frame among the people. Adds to `counts` the cameras each rule touched and
 * returns how many cameras were changed at all. Applying it twice changes nothing more. */
int32_t vg_guard_apply(const vg_guard *guard, vg_command *command, const vg_guard_view *view, vg_guard_counts *counts);

/* Adds to `counts` what is broken in this frame: cameras out of the box, pairs of cameras too close, cameras too close to
 * a person (where they truly are; frames without truth count none) or to an obstacle. */
void vg_guard_violations(vg_guard_counts *counts, const vg_guard *guard, const vg_frame *frame);

#endif
