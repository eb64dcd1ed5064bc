/* vergence demo: the whole story in one command. A team of cameras is trained, measured against baselines on seeds that
 * training never saw, and a report is written. */
#include "cli/cli.h"
#include "cli/report.h"

#include "common/clock.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How big the demo is. */
typedef struct demo_size {
    int64_t steps;        /* environment steps of training */
    double limit_seconds; /* training stops here, whatever it reached */
    int32_t cameras, people;
    int32_t seeds, episodes; /* evaluation: episodes for each seed */
    int32_t episode_steps;
} demo_size;

static const demo_size full_size = {
    .steps = 4000000, .limit_seconds = 320, .cameras = 4, .people = 6, .seeds = 5, .episodes = 4, .episode_steps = 500};
/* Small enough for a test: it shows that every part works, not that anything was learned. */
static const demo_size fast_size = {
    .steps = 6400, .limit_seconds = 15, .cameras = 4, .people = 3, .seeds = 2, .episodes = 1, .episode_steps = 100};

enum { EVAL_SEED = 1000, MOST_SEEDS = 16, POLICIES = 4 };
static const char *const policy_names[POLICIES] = {"fixed", "orbit", "greedy", "trained"};

typedef struct demo {
    demo_size size;
    const char *out, *motion, *scene;
    uint64_t seed;
    bool json;
    vg_session_config config;
    vg_world_info world;
    vg_eval_result results[POLICIES][MOST_SEEDS];
    vg_report_row rows[POLICIES];
    vg_episode episodes[POLICIES]; /* one of each policy, on the same seed */
    double train_seconds, eval_seconds;
} demo;

static vg_status train(demo *d, vg_error *err) {
    d->config = vg_session_config_default(VG_PRESET_DEFAULT);
    vg_session_config *c = &d->config;
    VG_TRY(vg_session_config_set(c, "session.name", "demo", err));
    VG_TRY(vg_session_config_set(c, "session.folder", d->out, err));
    VG_TRY(vg_session_config_set(c, "world.scene", d->scene, err));
    VG_TRY(vg_session_config_set(c, "world.motion", d->motion ? d->motion : "", err));
    c->world.cameras = d->size.cameras;
    c->world.people = d->size.people;
    c->train.people_max = d->size.people;
    c->train.steps = d->size.steps;
    c->train.seed = d->seed;
    VG_TRY(vg_session_config_check(c, err));
    const int64_t began = vg_clock_now_ns();
    const vg_follow_options follow = {.label = "train", .limit_seconds = d->size.limit_seconds};
    VG_TRY(vg_follow_training(c, &follow, NULL, err));
    d->train_seconds = (double)(vg_clock_now_ns() - began) * 1e-9;
    return VG_OK;
}

/* Keeps the first episode of an evaluation. */
static void keep_step(void *context, int32_t episode, int32_t step, const vg_frame *frame,
                      const vg_skeletons *skeletons, double mpjpe_mm) {
    (void)step;
    if (episode == 0) vg_episode_add(context, frame, skeletons, mpjpe_mm);
}

static vg_status evaluate(demo *d, vg_error *err) {
    const int64_t began = vg_clock_now_ns();
    for (int p = 0; p < POLICIES; p++) {
        VG_TRY(vg_episode_create(&d->episodes[p], d->size.episode_steps, d->size.people, d->size.cameras, err));
        for (int32_t s = 0; s < d->size.seeds; s++) {
            fprintf(stderr, "evaluate %s, seed %d of %d\n", policy_names[p], s + 1, d->size.seeds);
            vg_eval_config config = vg_eval_config_default();
            config.policy = p == POLICIES - 1 ? d->out : policy_names[p];
            const int32_t envs = config.world.envs;
            config.world = vg_session_config_world(&d->config, NULL);
            config.world.envs = envs;
            config.episodes = d->size.episodes;
            config.episode_steps = d->size.episode_steps;
            config.seed = EVAL_SEED + (uint64_t)s;
            if (s == 0) {
                config.on_step = keep_step;
                config.context = &d->episodes[p];
            }
            VG_TRY(vg_evaluate(&d->results[p][s], &config, err));
        }
        vg_report_row_of(&d->rows[p], policy_names[p], d->results[p], (size_t)d->size.seeds);
    }
    d->eval_seconds = (double)(vg_clock_now_ns() - began) * 1e-9;
    return VG_OK;
}

static vg_status read_world(demo *d, vg_error *err) {
    vg_world_config config = vg_session_config_world(&d->config, NULL);
    config.envs = 1;
    vg_world *world;
    VG_TRY(vg_world_open(&world, &config, err));
    d->world = world->info;
    vg_world_close(world);
    return VG_OK;
}

/* The picture of the README: the trained team from above, as a file of its own. */
static vg_status write_picture(const demo *d, vg_error *err) {
    char path[VG_PATH_MAX + 32];
    snprintf(path, sizeof path, "%.480s/top_view.svg", d->out);
    FILE *file = fopen(path, "w");
    if (!file) return vg_fail(err, VG_IO, "%s: cannot be written", path);
    vg_svg_top_view(file, &d->episodes[POLICIES - 1], &d->world, true);
    return fclose(file) == 0 ? VG_OK : vg_fail(err, VG_IO, "%s: cannot be written", path);
}

static vg_status write_report(const demo *d, const char *path, vg_error *err) {
    vg_report_curve curve;
    char csv[VG_PATH_MAX + 32], world[256], train_text[256], eval_text[128], machine_text[256], subtitle[256];
    snprintf(csv, sizeof csv, "%.480s/curve.csv", d->out);
    VG_TRY(vg_report_curve_load(&curve, csv, err));
    const vg_train_config *t = &d->config.train;
    const double reached = curve.count ? curve.steps[curve.count - 1] : 0;
    vg_machine machine;
    vg_machine_read(&machine);
    snprintf(world, sizeof world, "scene %.64s, %d cameras, up to %d people, %g s a step", d->world.scene,
             d->size.cameras, d->size.people, d->world.step_seconds);
    snprintf(
        train_text, sizeof train_text,
        "%s, %.0f of %lld environment steps in %.0f s, seed %llu, width %d%s, %d environments of %d steps, %d epochs",
        vg_train_mode_text(t), reached, (long long)t->steps, d->train_seconds, (unsigned long long)t->seed, t->hidden,
        t->recurrent ? " with LSTM" : "", d->config.world.envs, t->rollout_steps, t->epochs);
    snprintf(eval_text, sizeof eval_text, "%d seeds from %d on, %d episodes each of %d steps, in %.0f s", d->size.seeds,
             EVAL_SEED, d->size.episodes, d->size.episode_steps, d->eval_seconds);
    snprintf(machine_text, sizeof machine_text, "%s, %d cores, %.0f GB", machine.cpu, machine.cores, machine.memory_gb);
    snprintf(subtitle, sizeof subtitle,
             "%d cameras learned where to fly so that a walking person can be reconstructed in 3D", d->size.cameras);
    const char *const settings[][2] = {{"World", world},          {"Motion", d->motion ? d->motion : "synthetic gait"},
                                       {"Training", train_text},  {"Evaluation", eval_text},
                                       {"Machine", machine_text}, {"All settings", "config.yaml beside this file"}};
    const vg_report report = {.title = "Vergence: a camera team learns to see",
                              .subtitle = subtitle,
                              .curve = &curve,
                              .rows = d->rows,
                              .row_count = POLICIES,
                              .episode = &d->episodes[POLICIES - 1],
                              .baseline = &d->episodes[0],
                              .world = &d->world,
                              .settings = settings,
                              .setting_count = sizeof settings / sizeof settings[0]};
    const vg_status status = vg_report_write(&report, path, err);
    vg_report_curve_destroy(&curve);
    return status;
}

/* By how many percent the trained team's error is lower than a baseline's. */
static double lower_than(const demo *d, int baseline) {
    return (1 - d->rows[POLICIES - 1].mpjpe_mm / d->rows[baseline].mpjpe_mm) * 100;
}

static int best_baseline(const demo *d) {
    int best = 0;
    for (int p = 1; p < POLICIES - 1; p++)
        if (d->rows[p].mpjpe_mm < d->rows[best].mpjpe_mm) best = p;
    return best;
}

static const char *lower_or_higher(double percent) {
    return percent >= 0 ? "lower" : "higher";
}

static void print_outcome(const demo *d, const char *report) {
    const int best = best_baseline(d);
    const double fixed = lower_than(d, 0), other = lower_than(d, best);
    if (d->json) {
        json_t *policies = json_object();
        for (int p = 0; p < POLICIES; p++) {
            json_t *seeds = json_array();
            for (int32_t s = 0; s < d->size.seeds; s++) json_array_append_new(seeds, vg_eval_json(&d->results[p][s]));
            json_object_set_new(policies, policy_names[p],
                                json_pack("{s:o,s:o,s:o}", "mpjpe_mm", vg_json_number(d->rows[p].mpjpe_mm), "mpjpe_std",
                                          vg_json_number(d->rows[p].mpjpe_std), "seeds", seeds));
        }
        vg_json_print(json_pack("{s:s,s:o,s:s,s:o,s:f,s:f,s:o}", "report", report, "lower_than_fixed_percent",
                                vg_json_number(fixed), "best_baseline", policy_names[best],
                                "lower_than_best_baseline_percent", vg_json_number(other), "train_seconds",
                                d->train_seconds, "eval_seconds", d->eval_seconds, "policies", policies));
        return;
    }
    vg_report_print(stdout, d->rows, POLICIES);
    printf("\nThe trained team's error is %.0f %% %s than the fixed cameras'", fabs(fixed), lower_or_higher(fixed));
    if (best != 0)
        printf(", and %.0f %% %s than the best baseline's (%s)", fabs(other), lower_or_higher(other),
               policy_names[best]);
    printf(". Trained for %.0f s.\nReport: %s\n", d->train_seconds, report);
}

static vg_status run(demo *d, vg_error *err) {
    char path[VG_PATH_MAX + 32];
    snprintf(path, sizeof path, "%.480s/report.html", d->out);
    VG_TRY(train(d, err));
    VG_TRY(read_world(d, err));
    VG_TRY(evaluate(d, err));
    VG_TRY(write_picture(d, err));
    VG_TRY(write_report(d, path, err));
    print_outcome(d, path);
    return VG_OK;
}

int vg_cmd_demo(int argc, char **argv) {
    bool fast = false;
    double steps = 0;
    demo *d = calloc(1, sizeof *d);
    if (!d) return VG_EXIT_FAILED;
    d->out = "runs/demo", d->scene = "blank", d->seed = 1;
    const vg_option options[] = {
        {"motion", VG_OPTION_TEXT, &d->motion, 0, 0, "FILE.bvh", "people replay this motion"},
        {"scene", VG_OPTION_TEXT, &d->scene, 0, 0, "NAME|PATH", "a scene (blank)"},
        {"out", VG_OPTION_TEXT, &d->out, 0, 0, "FOLDER", "where the run and report.html go (runs/demo); replaced"},
        {"seed", VG_OPTION_UINT64, &d->seed, 0, 18446744073709551615.0, "N", "training's seed (1)"},
        {"steps", VG_OPTION_REAL, &steps, 1, 1e12, "N", "environment steps of training"},
        {"fast", VG_OPTION_FLAG, &fast, 0, 0, "", "tiny: shows that it works, learns nothing"},
        {"json", VG_OPTION_FLAG, &d->json, 0, 0, "", "print JSON"},
        {0}};
    const vg_usage usage = {
        "vergence demo [OPTIONS]",
        "Trains a team of four cameras for a few minutes, measures it against baselines on seeds that "
        "training never saw,\nand writes a report.",
        options, 0};
    int code;
    if (vg_options_begin(&usage, argc, argv, NULL, &code)) {
        vg_error err = {0};
        d->size = fast ? fast_size : full_size;
        if (steps >= 1) d->size.steps = (int64_t)steps;
        const vg_status status = run(d, &err);
        code = status == VG_OK ? VG_EXIT_OK : vg_report_error(status, &err);
        for (int p = 0; p < POLICIES; p++) vg_episode_destroy(&d->episodes[p]);
    }
    free(d);
    return code;
}
