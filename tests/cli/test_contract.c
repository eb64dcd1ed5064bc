/* What scripts rely on: exit codes, what goes to stdout and what to stderr, fields of the JSON answers, and errors that name
 * the flag. Runs the real program. */
#include "tests/support/process.h"

#include <jansson.h>

static vg_test_output got;

/* Runs `vergence WORDS`, expecting the exit code and, where it is not NULL, a part of what it says on stderr. */
static void expect(const char *words, int code, const char *part) {
    vg_test_run(&got, "vergence", words);
    if (got.code != code || (part && !strstr(got.err, part)))
        fail_msg("vergence %s: exit %d, expected %d with `%s`; it said: %s%s", words, got.code, code, part ? part : "",
                 got.err, got.out);
}

static json_t *expect_json(const char *words) {
    expect(words, 0, NULL);
    json_error_t why;
    json_t *root = json_loads(got.out, 0, &why);
    if (!json_is_object(root)) fail_msg("vergence %s: stdout is not one JSON object: %s: %s", words, why.text, got.out);
    return root;
}

static void usage_errors_exit_2_and_name_the_flag(void **state) {
    (void)state;
    expect("", 2, "usage: vergence COMMAND");
    expect("trian", 2, "did you mean `train`?");
    expect("xyzzyplugh", 2, "`vergence help` lists");
    expect("eval", 2, "--policy is missing");
    expect("eval --polcy fixed", 2, "did you mean `--policy`?");
    expect("eval --policy", 2, "--policy needs a value");
    expect("eval --policy fixed --cameras 0", 2, "--cameras is `0`; it must be a whole number from 1 to 16");
    expect("eval --policy fixed --cameras 1.5", 2, "--cameras");
    expect("eval --policy fixed --episodes=x", 2, "--episodes is `x`");
    expect("eval --policy fixed --seed -1", 2, "--seed is `-1`");
    expect("eval --policy fixed --json=1", 2, "--json takes no value");
    expect("eval --policy fixed --preset papr", 2, "--preset");
    expect("eval fixed", 2, "one word too many");
    expect("train", 2, "--out is missing");
    expect("train --out x --steps many", 2, "--steps: train.steps is `many`");
    expect("train --out x --cameras 99", 2, "--cameras: world.cameras is `99`; it must be a whole number from 1 to 16");
    expect("train --out x --mode mapo", 2, "--mode: train.mode is `mapo`");
    expect("train --out x --set train.lerning_rate=1", 2, "did you mean `train.learning_rate`?");
    expect("train --out x --set nonsense", 2, "SECTION.KEY=VALUE");
    expect("start", 2, "--config is missing");
    expect("bench --jsn", 2, "did you mean `--json`?");
    expect("stop --timeout soon", 2, "--timeout is `soon`");
    expect("completion zsh", 2, "use bash");
}

static void help_and_version_go_to_stdout(void **state) {
    (void)state;
    static const char *const commands[] = {"demo", "train",  "eval",   "start", "status",
                                           "stop", "config", "doctor", "bench"};
    expect("help", 0, NULL);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        char words[64];
        vg_test_run(&got, "vergence", "help");
        if (!strstr(got.out, commands[i])) fail_msg("help does not list %s", commands[i]);
        snprintf(words, sizeof words, "%s --help", commands[i]);
        expect(words, 0, NULL);
        if (!strstr(got.out, "usage: vergence") || got.err[0]) fail_msg("%s: %s%s", words, got.out, got.err);
    }
    expect("version", 0, NULL);
    assert_true(strncmp(got.out, "vergence ", 9) == 0);
    json_t *version = expect_json("version --json");
    assert_true(json_is_string(json_object_get(version, "version")));
    json_decref(version);
    expect("completion", 0, NULL);
    assert_non_null(strstr(got.out, "complete -o filenames -F _vergence vergence"));
}

static void what_does_not_exist_exits_5(void **state) {
    (void)state;
    expect("eval --policy fixed --scene atlantis", 5, "atlantis");
    expect("eval --policy runs/no-such-run", 5, "no-such-run");
    expect("start --config /nowhere.yaml", 5, "/nowhere.yaml");
    expect("config --check /nowhere.yaml", 5, "/nowhere.yaml");
    expect("train --out /tmp/no-such-run --resume", 5, "no checkpoint");
    expect("bench no_such_benchmark", 5, "no_such_benchmark");
    expect("status no-such-session", 5, "no-such-session");
    expect("stop no-such-session", 5, "no-such-session");
}

static void no_daemon_exits_3(void **state) {
    (void)state;
    expect("status", 3, "no session runs");
    expect("status --json", 3, "no session runs");
    expect("stop", 3, "no session runs");
    expect("config", 3, "no session runs");
    char folder[4300];
    snprintf(folder, sizeof folder, "mkdir -p %s/sessions/ended", getenv("VERGENCE_STATE"));
    assert_int_equal(system(folder), 0);
    expect("status ended", 3, "does not run");
}

static void wrong_configurations_are_refused_before_anything_starts(void **state) {
    (void)state;
    char path[4200], words[4300];
    snprintf(path, sizeof path, "%s/wrong.yaml", vg_test_folder());
    FILE *file = fopen(path, "w");
    fputs("train:\n  stepps: 5\n", file);
    fclose(file);
    snprintf(words, sizeof words, "start --config %s", path);
    expect(words, 2, "wrong.yaml:2: key `stepps` is unknown in `train`; did you mean `steps`?");
    snprintf(words, sizeof words, "config --check %s", path);
    expect(words, 2, "did you mean `steps`?");
}

static void has(const json_t *object, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!json_object_get(object, names[i])) fail_msg("the answer lacks `%s`", names[i]);
}

static void eval_answers_with_the_fields_of_the_contract(void **state) {
    (void)state;
    static const char *const top[] = {"policy",      "scene",      "cameras",         "people", "episodes",
                                      "steps",       "mpjpe_mm",   "success_rate",    "pck150", "lost_joint_ratio",
                                      "team_reward", "violations", "steps_per_second"};
    static const char *const mpjpe[] = {"mean", "std", "median", "p95"};
    static const char *const violations[] = {"box", "camera_camera", "camera_person", "camera_obstacle"};
    json_t *r = expect_json(
        "eval --policy fixed --scene blank --cameras 5 --people 7 --episodes 2 --episode-steps 50 --seed 100 --json");
    has(r, top, sizeof top / sizeof top[0]);
    has(json_object_get(r, "mpjpe_mm"), mpjpe, 4);
    has(json_object_get(r, "violations"), violations, 4);
    assert_true(json_is_number(json_object_get(json_object_get(r, "team_reward"), "mean")));
    assert_int_equal(json_integer_value(json_object_get(r, "cameras")), 5);
    assert_int_equal(json_integer_value(json_object_get(r, "people")), 7);
    assert_int_equal(json_integer_value(json_object_get(r, "episodes")), 2);
    const double mean = json_number_value(json_object_get(json_object_get(r, "mpjpe_mm"), "mean"));
    assert_true(mean > 5 && mean < 2000);
    json_decref(r);
    r = expect_json(
        "eval --policy fixed --cameras 5 --people 7 --episodes 2 --episode-steps 50 --seed 100 --threads 1 --json");
    assert_true(json_number_value(json_object_get(json_object_get(r, "mpjpe_mm"), "mean")) == mean);
    json_decref(r);
}

/* Away from the source tree, scenes are found beside the program. */
static void scenes_are_found_from_any_folder(void **state) {
    (void)state;
    char here[PATH_MAX];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir("/"), 0);
    vg_test_run(&got, "vergence",
                "eval --policy fixed --scene wilderness --cameras 2 --people 1 --episodes 1 --episode-steps 5");
    assert_int_equal(chdir(here), 0);
    if (got.code != 0) fail_msg("exit %d: %s", got.code, got.err);
}

static void doctor_reports_and_exits_0_or_6(void **state) {
    (void)state;
    vg_test_run(&got, "vergence", "doctor --json");
    json_t *r = json_loads(got.out, 0, NULL);
    assert_non_null(r);
    const bool ok = json_is_true(json_object_get(r, "ok"));
    assert_int_equal(got.code, ok ? 0 : 6);
    assert_true(json_array_size(json_object_get(r, "checks")) >= 8);
    json_decref(r);
    const char *state_folder = getenv("VERGENCE_STATE");
    char *kept = strdup(state_folder);
    setenv("VERGENCE_STATE", "/proc/nowhere", 1);
    expect("doctor", 6, NULL);
    assert_non_null(strstr(got.out, "PROBLEM"));
    setenv("VERGENCE_STATE", kept, 1);
    free(kept);
}

static void bench_lists_what_it_can_measure(void **state) {
    (void)state;
    expect("bench --list", 0, NULL);
}

static int set_up(void **state) {
    (void)state;
    char path[4200];
    snprintf(path, sizeof path, "%s/s", vg_test_folder());
    return setenv("VERGENCE_STATE", path, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usage_errors_exit_2_and_name_the_flag),
        cmocka_unit_test(help_and_version_go_to_stdout),
        cmocka_unit_test(what_does_not_exist_exits_5),
        cmocka_unit_test(no_daemon_exits_3),
        cmocka_unit_test(wrong_configurations_are_refused_before_anything_starts),
        cmocka_unit_test(eval_answers_with_the_fields_of_the_contract),
        cmocka_unit_test(scenes_are_found_from_any_folder),
        cmocka_unit_test(doctor_reports_and_exits_0_or_6),
        cmocka_unit_test(bench_lists_what_it_can_measure),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
