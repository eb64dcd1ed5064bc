/* vergence doctor: whether this machine has what is needed, and what to do where it has not. */
#include "cli/cli.h"

#include <cblas.h>
#include <cyaml/cyaml.h>
#include <protobuf-c/protobuf-c.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

typedef struct findings {
    json_t *checks; /* array of {name, ok, detail, mend} */
    bool json;
    size_t problems;
} findings;

/* Notes one finding; `mend` tells what to do where it is a problem. */
static void note(findings *f, const char *name, bool ok, const char *detail, const char *mend) {
    if (!ok) f->problems++;
    json_array_append_new(f->checks, json_pack("{s:s,s:b,s:s,s:s}", "name", name, "ok", (int)ok, "detail", detail,
                                               "mend", ok ? "" : mend));
    if (f->json) return;
    printf("%-8s %-16s %s\n", ok ? "ok" : "PROBLEM", name, detail);
    if (!ok) printf("%-8s %-16s %s\n", "", "", mend);
}

static void check_machine(findings *f) {
    vg_machine m;
    char text[256];
    vg_machine_read(&m);
    snprintf(text, sizeof text, "%s, %d cores%s%s%s", m.cpu, m.cores, m.avx2 ? ", AVX2" : "", m.fma ? ", FMA" : "",
             m.avx512 ? ", AVX-512" : "");
    note(f, "cpu", m.avx2 && m.fma, text,
         "works, but slowly: without AVX2 and FMA training takes several times longer");
    snprintf(text, sizeof text, "%.1f GB", m.memory_gb);
    note(f, "memory", m.memory_gb > 1.9, text, "training wants 2 GB; use fewer environments (train --envs)");
}

static void check_libraries(findings *f) {
    char text[256];
    int major, minor, patch;
    zmq_version(&major, &minor, &patch);
    snprintf(text, sizeof text, "%d.%d.%d, ipc %s, CURVE %s", major, minor, patch, zmq_has("ipc") ? "yes" : "no",
             zmq_has("curve") ? "yes" : "no");
    note(f, "zeromq", zmq_has("ipc") == 1 && zmq_has("curve") == 1, text,
         "install a libzmq built with libsodium (Debian: libzmq5)");
    /* on a CPU with AVX-512 the other kernels reach half the speed; a setting of the environment, so not a problem */
    const char *kernel = openblas_get_corename();
    vg_machine m;
    vg_machine_read(&m);
    const bool wide = strcasecmp(kernel, "SkylakeX") == 0 || strcasecmp(kernel, "Cooperlake") == 0 ||
                      strcasecmp(kernel, "SapphireRapids") == 0;
    snprintf(text, sizeof text, "%.60s, %d threads, kernel %s%s", openblas_get_config(), openblas_get_num_threads(),
             kernel, m.avx512 && !wide ? " (slow here: unset OPENBLAS_CORETYPE, or set it to SkylakeX)" : "");
    note(f, "openblas", true, text, "");
    snprintf(text, sizeof text, "jansson %s, cyaml %s, protobuf-c %s, sodium %s", jansson_version_str(),
             cyaml_version_str, protobuf_c_version(), sodium_version_string());
    note(f, "libraries", true, text, "");
}

/* Tries to leave a file in a folder, made where missing. */
static void check_writable(findings *f, const char *name, const char *folder, const char *mend) {
    vg_error err = {0};
    char path[VG_PATH_MAX + 32];
    vg_status status = vg_make_folders(folder, &err);
    if (status == VG_OK) {
        snprintf(path, sizeof path, "%.480s/.doctor-XXXXXX", folder);
        const int fd = mkstemp(path);
        if (fd < 0) {
            status = vg_fail(&err, VG_IO, "%s: not writable", folder);
        } else {
            close(fd);
            unlink(path);
        }
    }
    note(f, name, status == VG_OK, status == VG_OK ? folder : err.message, mend);
}

static void check_folders(findings *f) {
    vg_error err = {0};
    char root[VG_PATH_MAX], text[VG_PATH_MAX + 64];
    if (vg_state_root(root, &err) != VG_OK) {
        note(f, "state folder", false, err.message, "set VERGENCE_STATE to a folder");
    } else {
        check_writable(f, "state folder", root, "set VERGENCE_STATE to a folder that is writable");
        const size_t most = sizeof((struct sockaddr_un *)0)->sun_path - 1, fixed = strlen("/sessions//control");
        const long left = (long)most - (long)strlen(root) - (long)fixed;
        snprintf(text, sizeof text, "session names may have %ld bytes", left < 0 ? 0 : left);
        note(f, "control socket", left >= 8, text,
             "set VERGENCE_STATE to a shorter path, or control.endpoint to tcp://127.0.0.1:PORT");
    }
    check_writable(f, "runs folder", "runs", "run from a folder that is writable, or name one with --out");
}

static void check_programs(findings *f) {
    char path[VG_PATH_MAX];
    vg_find_program(path, "vergenced");
    note(f, "vergenced", strchr(path, '/') != NULL, path, "install vergenced beside vergence, or on the PATH");
}

static void check_scenes(findings *f) {
    static const char *const scenes[] = {"blank", "schoolgym", "studio", "urbanstreet", "wilderness"};
    for (size_t i = 0; i < sizeof scenes / sizeof scenes[0]; i++) {
        vg_error err = {0};
        vg_world_config config = vg_world_config_default();
        config.scene = scenes[i];
        vg_world *world = NULL;
        char text[160];
        const vg_status status = vg_world_open(&world, &config, &err);
        if (status == VG_OK)
            snprintf(text, sizeof text, "scene %s, %d obstacles", world->info.scene, world->info.obstacle_count);
        note(f, scenes[i], status == VG_OK, status == VG_OK ? text : err.message,
             "run from the source folder, or run make install");
        vg_world_close(world);
    }
}

static void check_session(void *context, const char *name) {
    findings *f = context;
    vg_session_state state;
    int pid;
    vg_error err = {0};
    json_t *reply = NULL;
    char text[160];
    if (vg_session_state_find(&state, name, NULL, &err) != VG_OK || !vg_session_state_running(&state, &pid)) return;
    const vg_status status = vg_control_request(state.endpoint, "{\"request\":\"status\"}", 2, &reply, &err);
    snprintf(text, sizeof text, "session %s, process %d answers", name, pid);
    note(f, "daemon", status == VG_OK, status == VG_OK ? text : err.message,
         "it holds the session but does not answer; see its log, or end the process");
    json_decref(reply);
}

int vg_cmd_doctor(int argc, char **argv) {
    findings f = {.checks = json_array()};
    const vg_option options[] = {{"json", VG_OPTION_FLAG, &f.json, 0, 0, "", "print JSON"}, {0}};
    const vg_usage usage = {"vergence doctor [--json]",
                            "Checks that this machine has what is needed; exit 6 where it has not.", options, 0};
    int code;
    if (!vg_options_begin(&usage, argc, argv, NULL, &code)) {
        json_decref(f.checks);
        return code;
    }
    check_machine(&f);
    check_libraries(&f);
    check_programs(&f);
    check_folders(&f);
    check_scenes(&f);
    vg_session_state_each(check_session, &f, NULL);
    if (f.json) {
        vg_json_print(json_pack("{s:b,s:I,s:o}", "ok", (int)(f.problems == 0), "problems", (json_int_t)f.problems,
                                "checks", f.checks));
    } else {
        json_decref(f.checks);
        printf("%zu problems\n", f.problems);
    }
    return f.problems ? VG_EXIT_PROBLEMS : VG_EXIT_OK;
}
