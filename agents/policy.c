/* Policy files. */
#include "agents/policy.h"

#include "agents/checkpoint.h"
#include "sim_bridge/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

vg_status vg_policy_save(const char *path, const vg_policy_task *task, const vg_net *net, vg_error *err) {
    vg_checkpoint_writer w = {0};
    vg_checkpoint_add(&w, "policy.task", task, sizeof *task);
    vg_checkpoint_add(&w, "policy.network", &net->layout.config, sizeof net->layout.config);
    vg_checkpoint_add(&w, "policy.parameters", net->p, net->layout.size * sizeof(float));
    return vg_checkpoint_write(&w, path, err);
}

static vg_status read_policy(vg_policy *policy, const vg_checkpoint *file, vg_error *err) {
    const void *task, *config, *parameters;
    VG_TRY(vg_checkpoint_get(file, "policy.task", sizeof policy->task, &task, err));
    VG_TRY(vg_checkpoint_get(file, "policy.network", sizeof(vg_net_config), &config, err));
    memcpy(&policy->task, task, sizeof policy->task);
    vg_net_config net;
    memcpy(&net, config, sizeof net);
    VG_TRY(vg_net_create(&policy->net, &net, 0, err));
    VG_TRY(vg_checkpoint_get(file, "policy.parameters", policy->net->layout.size * sizeof(float), &parameters, err));
    memcpy(policy->net->p, parameters, policy->net->layout.size * sizeof(float));
    return VG_OK;
}

vg_status vg_policy_load(vg_policy **out, const char *path, vg_error *err) {
    *out = NULL;
    char file_path[4096];
    struct stat st;
    const bool folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    snprintf(file_path, sizeof file_path, folder ? "%s/policy.vgc" : "%s", path);
    if (stat(file_path, &st) != 0)
        return vg_fail(err, VG_NOT_FOUND,
                       "policy `%s`: there is no %s; give fixed, orbit, greedy, plan, a run's folder or a policy file",
                       path, file_path);
    vg_checkpoint *file;
    VG_TRY(vg_checkpoint_open(&file, file_path, err));
    vg_policy *policy = calloc(1, sizeof *policy);
    vg_status status =
        policy ? read_policy(policy, file, err) : vg_fail(err, VG_NO_MEMORY, "%s: out of memory", file_path);
    vg_checkpoint_close(file);
    if (status)
        vg_policy_destroy(policy);
    else
        *out = policy;
    return status;
}

void vg_policy_destroy(vg_policy *policy) {
    if (!policy) return;
    vg_net_destroy(policy->net);
    free(policy);
}

vg_status vg_policy_check(const vg_policy *policy, int32_t cameras, int32_t people, int32_t preset, vg_error *err) {
    const vg_policy_task *t = &policy->task;
    if (t->cameras != cameras)
        return vg_fail(err, VG_INVALID, "the policy was trained for %d cameras, the world has %d; use --cameras %d",
                       t->cameras, cameras, t->cameras);
    if (people > t->people)
        return vg_fail(err, VG_INVALID, "the policy was trained for up to %d people, %d are asked for; use --people %d",
                       t->people, people, t->people);
    if (t->preset != preset)
        return vg_fail(err, VG_INVALID, "the policy was trained under the %s preset; use --preset %s",
                       t->preset == VG_PRESET_PAPER ? "paper" : "default",
                       t->preset == VG_PRESET_PAPER ? "paper" : "default");
    return VG_OK;
}
