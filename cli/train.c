/* vergence train: a training run from the command line. The flags become a configuration file in the run's folder, and a
 * vergenced of our own runs it. */
#include "cli/cli.h"

#include <string.h>
#include <unistd.h>

typedef struct train_flags {
    const char *scene, *cameras, *people, *mode, *preset, *steps, *seed, *out, *threads, *motion, *envs, *endpoint,
        *config;
    vg_texts set;
    bool resume, force, json, quiet;
} train_flags;

/* The flag's value under its configuration key; the error names the flag. */
static vg_status set(vg_session_config *config, const char *flag, const char *key, const char *value, vg_error *err) {
    if (!value) return VG_OK;
    const vg_status status = vg_session_config_set(config, key, value, err);
    return status == VG_OK ? VG_OK : vg_fail_context(err, status, "--%s", flag);
}

/* The session's name: the last part of the folder's path, with what a name cannot hold replaced. */
static void name_from_folder(char *out, size_t room, const char *folder) {
    size_t end = strlen(folder);
    while (end > 1 && folder[end - 1] == '/') end--;
    size_t begin = end;
    while (begin > 0 && folder[begin - 1] != '/') begin--;
    snprintf(out, room, "%.*s", (int)(end - begin), folder + begin);
    for (char *c = out; *c; c++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", *c) ||
            (c == out && (*c == '.' || *c == '-')))
            *c = '_';
    if (!out[0]) snprintf(out, room, "run");
}

/* Where the settings begin: the run's own when it is resumed, a file, or the preset's defaults. */
static vg_status base_config(vg_session_config *config, const train_flags *f, vg_error *err) {
    char path[VG_PATH_MAX + 32];
    if (f->config) return vg_session_config_load(config, f->config, err);
    if (f->resume) {
        snprintf(path, sizeof path, "%s/config.yaml", f->out);
        return vg_session_config_load(config, path, err);
    }
    *config = vg_session_config_default(VG_PRESET_DEFAULT);
    if (!f->preset) return VG_OK;
    VG_TRY(set(config, "preset", "world.preset", f->preset, err));
    *config = vg_session_config_default((vg_preset)config->world.preset);
    return VG_OK;
}

static vg_status apply_flags(vg_session_config *config, const train_flags *f, vg_error *err) {
    VG_TRY(set(config, "out", "session.folder", f->out, err));
    name_from_folder(config->session.name, sizeof config->session.name, f->out);
    VG_TRY(set(config, "preset", "world.preset", f->preset, err));
    VG_TRY(set(config, "scene", "world.scene", f->scene, err));
    VG_TRY(set(config, "motion", "world.motion", f->motion, err));
    VG_TRY(set(config, "cameras", "world.cameras", f->cameras, err));
    VG_TRY(set(config, "envs", "world.envs", f->envs, err));
    VG_TRY(set(config, "people", "world.people", f->people, err));
    if (f->people) { /* crowds up to what was asked for */
        config->train.people_max = config->world.people;
        if (config->train.people_min > config->train.people_max) config->train.people_min = config->train.people_max;
    }
    if (f->endpoint) VG_TRY(set(config, "endpoint", "world.kind", vg_world_kind_of_endpoint(f->endpoint), err));
    VG_TRY(set(config, "endpoint", "world.endpoint", f->endpoint, err));
    VG_TRY(set(config, "mode", "train.mode", f->mode, err));
    VG_TRY(set(config, "steps", "train.steps", f->steps, err));
    VG_TRY(set(config, "seed", "train.seed", f->seed, err));
    VG_TRY(set(config, "threads", "train.threads", f->threads, err));
    VG_TRY(vg_set_pairs(config, &f->set, err));
    config->session.kind = VG_SESSION_TRAIN;
    return vg_session_config_check(config, err);
}

/* A run is hours of work: it is not overwritten by accident. */
static vg_status check_folder(const train_flags *f, vg_error *err) {
    char path[VG_PATH_MAX + 32];
    snprintf(path, sizeof path, "%.500s/checkpoint.vgc", f->out);
    const bool exists = access(path, F_OK) == 0;
    if (f->resume && !exists)
        return vg_fail(err, VG_NOT_FOUND, "%s: there is no checkpoint to resume from; start without --resume", path);
    if (!f->resume && exists && !f->force)
        return vg_fail(err, VG_REFUSED, "%s holds a run; --resume goes on with it, --force replaces it", f->out);
    return VG_OK;
}

static void print_summary(const vg_session_config *config, const json_t *summary) {
    const json_t *train = json_object_get(summary, "train");
    printf("%s: %s after %lld steps, reward %.4f, MPJPE %.1f mm; policy in %s/policy.vgc\n", config->session.name,
           json_string_value(json_object_get(summary, "state")),
           (long long)json_integer_value(json_object_get(train, "env_steps")),
           json_number_value(json_object_get(train, "team_reward")),
           json_number_value(json_object_get(train, "mpjpe_mm")), config->session.folder);
}

int vg_cmd_train(int argc, char **argv) {
    train_flags f = {0};
    const vg_option options[] = {
        {"scene", VG_OPTION_TEXT, &f.scene, 0, 0, "NAME|PATH", "a scene (blank)"},
        {"cameras", VG_OPTION_TEXT, &f.cameras, 0, 0, "N", "size of the team (4)"},
        {"people", VG_OPTION_TEXT, &f.people, 0, 0, "N", "largest crowd, the target included (6)"},
        {"mode", VG_OPTION_TEXT, &f.mode, 0, 0, "MODE", "mappo, mappo+ctcr, mappo+wdl or mappo+ctcr+wdl"},
        {"preset", VG_OPTION_TEXT, &f.preset, 0, 0, "NAME", "default or paper"},
        {"steps", VG_OPTION_TEXT, &f.steps, 0, 0, "N", "environment steps in all (1e6)"},
        {"seed", VG_OPTION_TEXT, &f.seed, 0, 0, "N", "every random draw follows from it (1)"},
        {"out", VG_OPTION_TEXT, &f.out, 0, 0, "FOLDER", "where the run goes, runs/NAME"},
        {"resume", VG_OPTION_FLAG, &f.resume, 0, 0, "", "go on from the folder's checkpoint, with its settings"},
        {"force", VG_OPTION_FLAG, &f.force, 0, 0, "", "replace the run in the folder"},
        {"threads", VG_OPTION_TEXT, &f.threads, 0, 0, "N", "worker threads; 0: one a core"},
        {"envs", VG_OPTION_TEXT, &f.envs, 0, 0, "N", "environments at once; 0: the preset's"},
        {"motion", VG_OPTION_TEXT, &f.motion, 0, 0, "FILE.bvh", "people replay this motion"},
        {"endpoint", VG_OPTION_TEXT, &f.endpoint, 0, 0, "ADDRESS",
         "train on a world elsewhere: tcp://HOST:PORT or ipc:///PATH; a game: unrealcv://HOST:PORT"},
        {"config", VG_OPTION_TEXT, &f.config, 0, 0, "FILE", "begin with this configuration (docs/config.md)"},
        {"set", VG_OPTION_LIST, &f.set, 0, 0, "KEY=VALUE", "set any configuration key, e.g. train.hidden=128"},
        {"quiet", VG_OPTION_FLAG, &f.quiet, 0, 0, "", "no progress"},
        {"json", VG_OPTION_FLAG, &f.json, 0, 0, "", "print a summary as JSON at the end"},
        {0}};
    const vg_usage usage = {
        "vergence train --out FOLDER [OPTIONS]",
        "Trains a camera team in a vergenced of its own. Ctrl-C stops gracefully: --resume goes on.", options, 0};
    int code;
    if (!vg_options_begin(&usage, argc, argv, NULL, &code)) return code;
    if (!f.out || !f.out[0]) {
        fputs("vergence: --out is missing: the folder of the run, runs/NAME\n", stderr);
        return VG_EXIT_USAGE;
    }
    vg_error err = {0};
    vg_session_config config;
    json_t *summary = NULL;
    vg_status status = check_folder(&f, &err);
    if (status == VG_OK) status = base_config(&config, &f, &err);
    if (status == VG_OK) status = apply_flags(&config, &f, &err);
    if (status == VG_OK)
        status = vg_follow_training(
            &config, &(vg_follow_options){.resume = f.resume, .quiet = f.quiet, .label = "train"}, &summary, &err);
    if (status != VG_OK) return vg_report_error(status, &err);
    if (f.json) {
        vg_json_print(summary);
    } else {
        print_summary(&config, summary);
        json_decref(summary);
    }
    return VG_EXIT_OK;
}
