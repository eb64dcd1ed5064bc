/* Teams that do not learn, to be compared with. None of them uses the truth.
 *   fixed   stands and looks where its rig was put (VG_FORMATION_FIXED)
 *   orbit   evenly spread on a circle about the target, looking at it; its radius and height are those at which four
 *           cameras do best among six people in the embedded simulator
 *   greedy  each camera in turn takes the move after which the target is expected to be triangulated best
 *   plan    the same, with every move held for a second and everybody walking on as they do */
#ifndef VG_AGENTS_BASELINES_H
#define VG_AGENTS_BASELINES_H

#include "agents/action.h"
#include "common/frame.h"
#include "sim_bridge/world.h"

#include <stdbool.h>

typedef enum vg_baseline { VG_BASELINE_FIXED, VG_BASELINE_ORBIT, VG_BASELINE_GREEDY, VG_BASELINE_PLAN } vg_baseline;

/* False where no baseline has this name. */
bool vg_baseline_find(const char *name, vg_baseline *out);

/* What a baseline decides from. */
typedef struct vg_baseline_view {
    const vg_world_info *world;
    const vg_action_space *space;
    const vg_frame *frame;
    const vg_skeletons *skeletons;
    const float *aim; /* [3] where the target is believed to be */
} vg_baseline_view;

void vg_baseline_act(vg_command *out, vg_baseline baseline, const vg_baseline_view *view);

#endif
