/* A policy at rest: the network's shape and weights and the task it was trained for, in one file (see checkpoint.h). */
#ifndef VG_AGENTS_POLICY_H
#define VG_AGENTS_POLICY_H

#include "agents/net.h"
#include "common/status.h"

/* What the weights were trained for; acting elsewhere is refused. */
typedef struct vg_policy_task {
    int32_t preset; /* vg_preset */
    int32_t cameras, people, joints;
    double speed; /* m/s of one choice; 0 = the preset's */
} vg_policy_task;

typedef struct vg_policy {
    vg_policy_task task;
    vg_net *net; /* owned */
} vg_policy;

vg_status vg_policy_save(const char *path, const vg_policy_task *task, const vg_net *net, vg_error *err);
/* `path`: a policy file, or a folder that holds policy.vgc. Release with vg_policy_destroy. */
vg_status vg_policy_load(vg_policy **out, const char *path, vg_error *err);
void vg_policy_destroy(vg_policy *policy); /* NULL is allowed */
/* Refuses a world that the policy was not trained for, naming what differs. */
vg_status vg_policy_check(const vg_policy *policy, int32_t cameras, int32_t people, int32_t preset, vg_error *err);

#endif
