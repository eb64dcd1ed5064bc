/* vergence start, status, stop, config: the life of sessions that run as daemons. */
#include "cli/cli.h"

#include "common/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_SECONDS 2.0 /* a daemon answers at once; a machine under load may need longer */

/* ---- start ---- */

int vg_cmd_start(int argc, char **argv) {
    const char *config = NULL, *name = NULL;
    bool resume = false;
    const vg_option options[] = {{"config", VG_OPTION_TEXT, &config, 0, 0, "FILE", "the session's configuration"},
                                 {"name", VG_OPTION_TEXT, &name, 0, 0, "NAME", "instead of session.name"},
                                 {"resume", VG_OPTION_FLAG, &resume, 0, 0, "", "go on from the folder's checkpoint"},
                                 {0}};
    const vg_usage usage = {"vergence start --config FILE [OPTIONS]",
                            "Starts a session as a daemon and returns once it runs.", options, 0};
    int code;
    if (!vg_options_begin(&usage, argc, argv, NULL, &code)) return code;
    if (!config) {
        fputs("vergence: --config is missing: a configuration file (docs/config.md)\n", stderr);
        return VG_EXIT_USAGE;
    }
    char program[VG_PATH_MAX];
    vg_find_program(program, "vergenced");
    const char *arguments[8] = {program, "--config", config};
    size_t count = 3;
    if (resume) arguments[count++] = "--resume";
    if (name) {
        arguments[count++] = "--name";
        arguments[count++] = name;
    }
    execvp(program, (char *const *)(uintptr_t)arguments);
    fprintf(stderr, "vergence: cannot run %s: %s\n", program, strerror(errno));
    return VG_EXIT_FAILED;
}

/* ---- which session ---- */

typedef struct session_list {
    char names[64][VG_SESSION_NAME_MAX + 1]; /* of those that run */
    size_t count;
} session_list;

static void collect(void *context, const char *name) {
    session_list *list = context;
    vg_session_state state;
    int pid;
    if (list->count < 64 && vg_session_state_find(&state, name, NULL, NULL) == VG_OK &&
        vg_session_state_running(&state, &pid))
        snprintf(list->names[list->count++], sizeof list->names[0], "%s", name);
}

/* The session named, or the only one that runs. */
static vg_status pick(const vg_texts *words, vg_session_state *state, char name[VG_SESSION_NAME_MAX + 1],
                      vg_error *err) {
    int pid;
    if (words->count) {
        if (strlen(words->text[0]) > VG_SESSION_NAME_MAX || strchr(words->text[0], '/'))
            return vg_fail(err, VG_NOT_FOUND, "there is no session `%.80s`", words->text[0]);
        snprintf(name, VG_SESSION_NAME_MAX + 1, "%s", words->text[0]);
        VG_TRY(vg_session_state_find(state, name, NULL, err));
        if (access(state->folder, F_OK) != 0)
            return vg_fail(err, VG_NOT_FOUND, "there is no session `%s` (%s is absent)", name, state->folder);
    } else {
        session_list list = {0};
        VG_TRY(vg_session_state_each(collect, &list, err));
        if (list.count > 1)
            return vg_fail(err, VG_INVALID, "%zu sessions run (%s, %s%s); name one", list.count, list.names[0],
                           list.names[1], list.count > 2 ? ", ..." : "");
        if (list.count == 0) return vg_fail(err, VG_UNREACHABLE, "no session runs; vergence start begins one");
        snprintf(name, VG_SESSION_NAME_MAX + 1, "%s", list.names[0]);
        VG_TRY(vg_session_state_find(state, name, NULL, err));
    }
    if (!vg_session_state_running(state, &pid))
        return vg_fail(err, VG_UNREACHABLE, "session `%s` does not run; vergence start begins one", name);
    return VG_OK;
}

/* ---- status ---- */

static double number(const json_t *object, const char *name) {
    return json_number_value(json_object_get(object, name));
}

static void print_camera(const json_t *c) {
    printf("  %-12s %-8s %6.1f pictures/s; %lld lost, %lld late, %lld twice, %lld dropped by the source\n",
           json_string_value(json_object_get(c, "name")), json_string_value(json_object_get(c, "state")),
           number(c, "rate_hz"), (long long)number(c, "lost"), (long long)number(c, "late"),
           (long long)number(c, "duplicates"), (long long)number(c, "dropped"));
    if (json_is_number(json_object_get(c, "clock_sigma_seconds")))
        printf("  %-12s its clock is corrected by %+.1f ms (+- %.1f) by people's motion\n", "",
               1e3 * number(c, "clock_correction_seconds"), 1e3 * number(c, "clock_sigma_seconds"));
}

static void print_mocap(const json_t *m) {
    printf("  %lld frames, %.1f a second; %lld people, %lld joints measured, %lld carried, %lld lost\n",
           (long long)number(m, "frames"), number(m, "fps"), (long long)number(m, "people"),
           (long long)number(m, "joints_measured"), (long long)number(m, "joints_carried"),
           (long long)number(m, "joints_lost"));
    printf("  keypoints in to skeletons out: %.3f ms (p50), %.3f ms (p99); smoothing delays by %.0f ms at rest, %.0f "
           "ms at "
           "1 m/s\n",
           number(m, "latency_p50_seconds") * 1e3, number(m, "latency_p99_seconds") * 1e3,
           number(m, "filter_delay_seconds") * 1e3, number(m, "filter_delay_moving_seconds") * 1e3);
    const json_t *cameras = json_object_get(m, "cameras");
    for (size_t i = 0; i < json_array_size(cameras); i++) print_camera(json_array_get(cameras, i));
    if (number(m, "refused") > 0)
        printf("  %lld messages refused, the last because: %s\n", (long long)number(m, "refused"),
               json_string_value(json_object_get(m, "trouble")));
}

static void print_status(const json_t *s) {
    char age[32], eta[32], done[32], all[32];
    const json_t *train = json_object_get(s, "train"), *live = json_object_get(s, "live");
    const json_t *mocap = json_object_get(s, "mocap");
    printf("%s: %s, %s, process %lld, up %s, scene %s, %lld cameras, %lld people\n",
           json_string_value(json_object_get(s, "session")), json_string_value(json_object_get(s, "kind")),
           json_string_value(json_object_get(s, "state")), (long long)number(s, "pid"),
           vg_duration_text(age, number(s, "elapsed_seconds")), json_string_value(json_object_get(s, "scene")),
           (long long)number(s, "cameras"), (long long)number(s, "people"));
    if (train)
        printf("  %s of %s steps, %.0f a second, ETA %s; reward %.4f, MPJPE %.1f mm; %lld checkpoints in %s\n",
               vg_count_text(done, number(train, "env_steps")), vg_count_text(all, number(s, "steps_total")),
               number(s, "steps_per_second"), vg_duration_text(eta, number(s, "eta_seconds")),
               number(train, "team_reward"), number(train, "mpjpe_mm"), (long long)number(s, "checkpoints"),
               json_string_value(json_object_get(s, "folder")));
    if (live)
        printf("  %lld ticks, %lld late; %lld joints measured, %lld carried, %lld lost; %lld policies taken over\n",
               (long long)number(live, "ticks"), (long long)number(live, "late_ticks"),
               (long long)number(live, "joints_measured"), (long long)number(live, "joints_carried"),
               (long long)number(live, "joints_lost"), (long long)number(live, "policies"));
    if (mocap) print_mocap(mocap);
    const char *viewer = json_string_value(json_object_get(s, "viewer"));
    if (viewer) printf("  viewer at %s\n", viewer);
    const json_t *recording = json_object_get(s, "recording");
    if (recording)
        printf("  recorded %lld instants (%.1f MB) in %s; %lld dropped%s\n", (long long)number(recording, "recorded"),
               number(recording, "bytes") * 1e-6, json_string_value(json_object_get(recording, "file")),
               (long long)number(recording, "dropped"),
               json_string_length(json_object_get(recording, "error")) ? "; ended early, see the log" : "");
}

/* Every session that runs; used where none is named and several run, or --all is given. */
static int status_of_all(bool json) {
    vg_error err = {0};
    session_list list = {0};
    vg_status status = vg_session_state_each(collect, &list, &err);
    if (status != VG_OK) return vg_report_error(status, &err);
    json_t *all = json_array();
    for (size_t i = 0; i < list.count; i++) {
        vg_session_state state;
        json_t *reply = NULL;
        status = vg_session_state_find(&state, list.names[i], NULL, &err);
        if (status == VG_OK)
            status = vg_control_request(state.endpoint, "{\"request\":\"status\"}", ANSWER_SECONDS, &reply, &err);
        if (status != VG_OK) {
            vg_report_error(status, &err);
            continue;
        }
        if (!json) print_status(reply);
        json_array_append_new(all, reply);
    }
    if (json)
        vg_json_print(json_pack("{s:o}", "sessions", all));
    else
        json_decref(all);
    return VG_EXIT_OK;
}

int vg_cmd_status(int argc, char **argv) {
    bool json = false, all = false;
    const vg_option options[] = {{"json", VG_OPTION_FLAG, &json, 0, 0, "", "print JSON"},
                                 {"all", VG_OPTION_FLAG, &all, 0, 0, "", "every session that runs"},
                                 {0}};
    const vg_usage usage = {"vergence status [NAME] [--json] [--all]",
                            "What a session is doing: the one named, or the only one that runs.", options, 1};
    vg_texts words;
    int code;
    if (!vg_options_begin(&usage, argc, argv, &words, &code)) return code;
    if (all) return status_of_all(json);
    vg_error err = {0};
    vg_session_state state;
    char name[VG_SESSION_NAME_MAX + 1];
    json_t *reply = NULL;
    vg_status status = pick(&words, &state, name, &err);
    if (status == VG_OK)
        status = vg_control_request(state.endpoint, "{\"request\":\"status\"}", ANSWER_SECONDS, &reply, &err);
    if (status != VG_OK) return vg_report_error(status, &err);
    if (json) {
        vg_json_print(reply);
    } else {
        print_status(reply);
        json_decref(reply);
    }
    return VG_EXIT_OK;
}

/* ---- stop ---- */

/* Waits until nobody holds the session's lock. */
static vg_status wait_for_end(vg_session_state *state, const char *name, double seconds, vg_error *err) {
    const int64_t deadline = vg_clock_now_ns() + (int64_t)(seconds * 1e9);
    int pid;
    while (vg_session_state_running(state, &pid)) {
        if (vg_clock_now_ns() > deadline)
            return vg_fail(err, VG_TIMEOUT, "session `%s` (process %d) has not ended within %g s; it may still end",
                           name, pid, seconds);
        vg_clock_sleep_until_ns(vg_clock_now_ns() + 20000000);
    }
    return VG_OK;
}

int vg_cmd_stop(int argc, char **argv) {
    double seconds = 60;
    bool json = false;
    const vg_option options[] = {
        {"timeout", VG_OPTION_REAL, &seconds, 0, 86400, "SECONDS", "how long to wait for the end (60)"},
        {"json", VG_OPTION_FLAG, &json, 0, 0, "", "print JSON"},
        {0}};
    const vg_usage usage = {"vergence stop [NAME] [--timeout SECONDS]",
                            "Ends a session gracefully: the iteration is finished and a checkpoint written.", options,
                            1};
    vg_texts words;
    int code;
    if (!vg_options_begin(&usage, argc, argv, &words, &code)) return code;
    vg_error err = {0};
    vg_session_state state;
    char name[VG_SESSION_NAME_MAX + 1];
    json_t *reply = NULL;
    int pid;
    vg_status status = pick(&words, &state, name, &err);
    if (status == VG_OK) {
        status = vg_control_request(state.endpoint, "{\"request\":\"stop\"}", ANSWER_SECONDS, &reply, &err);
        if (status == VG_UNREACHABLE && !vg_session_state_running(&state, &pid))
            status = VG_OK; /* it ended by itself */
    }
    json_decref(reply);
    if (status == VG_OK) status = wait_for_end(&state, name, seconds, &err);
    if (status != VG_OK) return vg_report_error(status, &err);
    if (json)
        vg_json_print(json_pack("{s:s,s:s}", "session", name, "state", "stopped"));
    else
        printf("%s: stopped\n", name);
    return VG_EXIT_OK;
}

/* ---- config ---- */

int vg_cmd_config(int argc, char **argv) {
    const char *check = NULL;
    bool reference = false;
    const vg_option options[] = {
        {"check", VG_OPTION_TEXT, &check, 0, 0, "FILE", "check a file and print all its keys as JSON"},
        {"reference", VG_OPTION_FLAG, &reference, 0, 0, "", "print docs/config.md"},
        {"json", VG_OPTION_FLAG, &(bool){false}, 0, 0, "", "the answer is JSON in any case"},
        {0}};
    const vg_usage usage = {"vergence config [NAME] [--check FILE] [--reference]",
                            "The configuration that a session runs with, or what a file would give.", options, 1};
    vg_texts words;
    int code;
    if (!vg_options_begin(&usage, argc, argv, &words, &code)) return code;
    if (reference) {
        vg_session_config_reference(stdout);
        return VG_EXIT_OK;
    }
    vg_error err = {0};
    if (check) {
        vg_session_config config;
        const vg_status status = vg_session_config_load(&config, check, &err);
        if (status != VG_OK) return vg_report_error(status, &err);
        vg_json_print(vg_session_config_json(&config));
        return VG_EXIT_OK;
    }
    vg_session_state state;
    char name[VG_SESSION_NAME_MAX + 1];
    json_t *reply = NULL;
    vg_status status = pick(&words, &state, name, &err);
    if (status == VG_OK)
        status = vg_control_request(state.endpoint, "{\"request\":\"config\"}", ANSWER_SECONDS, &reply, &err);
    if (status != VG_OK) return vg_report_error(status, &err);
    vg_json_print(json_incref(json_object_get(reply, "config")));
    json_decref(reply);
    return VG_EXIT_OK;
}
