/* What defines a training run: the two presets, the bounds of each field, and the names of the modes. The paper preset is
 * the reference's set-up (PPO as in RLlib, 28 environments x 25 steps, 16 epochs); the default one learns the same task
 * in a fraction of the time: the simulator gives steps faster than a large network learns from them, so it takes few passes
 * over many steps with a small one, a value normaliser and a shorter credit horizon. */
#include "agents/agents.h"

#include "agents/team.h"

#include <string.h>

vg_train_config vg_train_config_default(int32_t preset) {
    if (preset == VG_PRESET_PAPER)
        return (vg_train_config){.preset = preset,
                                 .ctcr = true,
                                 .wdl = true,
                                 .steps = 1000000,
                                 .seed = 1,
                                 .rollout_steps = 25,
                                 .episode_steps = 500,
                                 .people_min = 1,
                                 .people_max = 6,
                                 .hidden = 128,
                                 .recurrent = true,
                                 .epochs = 16,
                                 .minibatches = 2,
                                 .learning_rate = 5e-4,
                                 .learning_rate_end = 5e-5,
                                 .discount = 0.99,
                                 .gae_lambda = 1.0,
                                 .clip = 0.3,
                                 .kl_coefficient = 0.2,
                                 .kl_target = 0.01,
                                 .value_weight = 0.1,
                                 .entropy_weight = 0,
                                 .gradient_clip = 50,
                                 .normalise_values = false};
    return (vg_train_config){.preset = preset,
                             .ctcr = true,
                             .wdl = false,
                             .steps = 4000000,
                             .seed = 1,
                             .rollout_steps = 50,
                             .episode_steps = 500,
                             .people_min = 1,
                             .people_max = 6,
                             .hidden = 64,
                             .recurrent = false,
                             .epochs = 4,
                             .minibatches = 4,
                             .learning_rate = 1e-3,
                             .learning_rate_end = 1e-5,
                             .discount = 0.97,
                             .gae_lambda = 0.95,
                             .clip = 0.2,
                             .kl_coefficient = 0,
                             .kl_target = 0.02,
                             .value_weight = 0.5,
                             .entropy_weight = 0.003,
                             .gradient_clip = 10,
                             .normalise_values = true};
}

int32_t vg_train_envs(int32_t preset) {
    return preset == VG_PRESET_PAPER ? 28 : 64;
}

static vg_status check_integer(const char *name, int64_t value, int64_t low, int64_t high, vg_error *err) {
    if (value >= low && value <= high) return VG_OK;
    return vg_fail(err, VG_INVALID, "train.%s is %lld; it must be %lld to %lld", name, (long long)value, (long long)low,
                   (long long)high);
}

static vg_status check_real(const char *name, double value, double low, double high, vg_error *err) {
    if (value >= low && value <= high) return VG_OK; /* NaN fails */
    return vg_fail(err, VG_INVALID, "train.%s is %g; it must be %g to %g", name, value, low, high);
}

vg_status vg_train_config_check(const vg_train_config *c, vg_error *err) {
    VG_TRY(check_integer("preset", c->preset, VG_PRESET_DEFAULT, VG_PRESET_PAPER, err));
    VG_TRY(check_integer("steps", c->steps, 1, (int64_t)1 << 40, err));
    VG_TRY(check_integer("threads", c->threads, 0, 256, err));
    VG_TRY(check_integer("rollout_steps", c->rollout_steps, VG_SEQUENCE_STEPS, 1000, err));
    if (c->rollout_steps % VG_SEQUENCE_STEPS)
        return vg_fail(err, VG_INVALID,
                       "train.rollout_steps is %d; it must be a multiple of %d, the length of a sequence",
                       c->rollout_steps, VG_SEQUENCE_STEPS);
    VG_TRY(check_integer("episode_steps", c->episode_steps, 1, 1000000, err));
    VG_TRY(check_integer("people_min", c->people_min, 1, VG_MAX_PEOPLE, err));
    VG_TRY(check_integer("people_max", c->people_max, c->people_min, VG_MAX_PEOPLE, err));
    VG_TRY(check_integer("hidden", c->hidden, 16, 1024, err));
    if (c->hidden % 16) return vg_fail(err, VG_INVALID, "train.hidden is %d; it must be a multiple of 16", c->hidden);
    VG_TRY(check_real("speed", c->speed, 0, 20, err));
    VG_TRY(check_integer("epochs", c->epochs, 1, 100, err));
    VG_TRY(check_integer("minibatches", c->minibatches, 1, 1000, err));
    VG_TRY(check_real("learning_rate", c->learning_rate, 0, 1, err));
    VG_TRY(check_real("learning_rate_end", c->learning_rate_end, 0, 1, err));
    VG_TRY(check_real("discount", c->discount, 0, 1, err));
    VG_TRY(check_real("gae_lambda", c->gae_lambda, 0, 1, err));
    VG_TRY(check_real("clip", c->clip, 0.01, 10, err));
    VG_TRY(check_real("kl_coefficient", c->kl_coefficient, 0, 100, err));
    VG_TRY(check_real("kl_target", c->kl_target, 1e-6, 10, err));
    VG_TRY(check_real("value_weight", c->value_weight, 0, 100, err));
    VG_TRY(check_real("entropy_weight", c->entropy_weight, 0, 10, err));
    return check_real("gradient_clip", c->gradient_clip, 1e-6, 1e9, err);
}

static const struct {
    const char *text;
    bool ctcr, wdl;
} modes[] = {
    {"mappo", false, false}, {"mappo+ctcr", true, false}, {"mappo+wdl", false, true}, {"mappo+ctcr+wdl", true, true}};

vg_status vg_train_mode_parse(vg_train_config *config, const char *mode, vg_error *err) {
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        if (strcmp(mode, modes[i].text) == 0) {
            config->ctcr = modes[i].ctcr;
            config->wdl = modes[i].wdl;
            return VG_OK;
        }
    return vg_fail(err, VG_INVALID, "train.mode `%s` is unknown; use mappo, mappo+ctcr, mappo+wdl or mappo+ctcr+wdl",
                   mode);
}

const char *vg_train_mode_text(const vg_train_config *config) {
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        if (modes[i].ctcr == config->ctcr && modes[i].wdl == config->wdl) return modes[i].text;
    return modes[0].text;
}

vg_learner_config vg_learner_config_of(const vg_train_config *c) {
    vg_learner_config l = vg_learner_config_paper();
    l.epochs = c->epochs, l.minibatches = c->minibatches;
    l.clip = c->clip, l.kl_coefficient = c->kl_coefficient, l.kl_target = c->kl_target;
    l.value_weight = c->value_weight, l.entropy_weight = c->entropy_weight, l.gradient_clip = c->gradient_clip;
    l.normalise_values = c->normalise_values;
    if (c->preset != VG_PRESET_PAPER) l.value_clip = 0, l.head_weight = 0.02;
    l.seed = c->seed;
    return l;
}

void vg_train_stats_learned(vg_train_stats *stats, const vg_learner_stats *learned) {
    stats->policy_loss = learned->policy_loss, stats->value_loss = learned->value_loss;
    stats->wdl_loss = learned->world_loss, stats->entropy = learned->entropy, stats->kl = learned->kl;
    stats->clip_fraction = learned->clip_fraction, stats->explained_variance = learned->explained_variance;
    stats->gradient_norm = learned->gradient_norm;
}
