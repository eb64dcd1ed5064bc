/* vergence sim: the embedded simulator as a world for others, over ZeroMQ (docs/protocol.md). */
#include "cli/cli.h"

#include "sim_bridge/remote/serve.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* A signal handler can reach nothing but a global. */
static atomic_bool stop;

static void on_signal(int number) {
    (void)number;
    atomic_store(&stop, true);
}

typedef struct announcement {
    bool json;
    const vg_world *world;
} announcement;

/* One line on stdout once the world can be reached, so that a script can wait for it. */
static void announce(void *context, const char *endpoint) {
    const announcement *a = context;
    const vg_world_info *w = &a->world->info;
    if (a->json) {
        json_t *out = json_object();
        json_object_set_new(out, "endpoint", json_string(endpoint));
        json_object_set_new(out, "scene", json_string(w->scene));
        json_object_set_new(out, "cameras", json_integer(w->dims.cameras));
        json_object_set_new(out, "people", json_integer(w->dims.people));
        json_object_set_new(out, "environments", json_integer(w->envs));
        char *text = json_dumps(out, JSON_COMPACT);
        puts(text ? text : "{}");
        free(text);
        json_decref(out);
    } else {
        printf("serving %s with %d cameras, %d people and %d environments at %s\n", w->scene, w->dims.cameras,
               w->dims.people, w->envs, endpoint);
    }
    fflush(stdout);
}

int vg_cmd_sim(int argc, char **argv) {
    vg_world_config world = vg_world_config_default();
    vg_serve_config serve = vg_serve_config_default();
    announcement said = {0};
    const char *preset = "default";
    uint64_t seed = 0; /* part of the command's contract; a remote world draws nothing of its own */
    const vg_option options[] = {
        {"listen", VG_OPTION_TEXT, &serve.listen, 0, 0, "ENDPOINT",
         "tcp://ADDRESS:PORT or ipc:///PATH (tcp://127.0.0.1:5555)"},
        {"scene", VG_OPTION_TEXT, &world.scene, 0, 0, "NAME|PATH", "a scene (blank)"},
        {"cameras", VG_OPTION_INT, &world.cameras, 1, VG_MAX_CAMERAS, "N", "size of the team (4)"},
        {"people", VG_OPTION_INT, &world.people, 1, VG_MAX_PEOPLE, "N", "room for so many people (6)"},
        {"envs", VG_OPTION_INT, &world.envs, 1, VG_MAX_ENVS, "N", "environments, stepped as a batch (1)"},
        {"preset", VG_OPTION_TEXT, &preset, 0, 0, "NAME", "default or paper"},
        {"motion", VG_OPTION_TEXT, &world.motion, 0, 0, "FILE.bvh", "people replay this motion"},
        {"miss-rate", VG_OPTION_REAL, &world.miss_rate, 0, 1, "X", "share of people a camera misses in a frame"},
        {"swap-rate", VG_OPTION_REAL, &world.swap_rate, 0, 1, "X", "share of neighbours swapped"},
        {"seed", VG_OPTION_UINT64, &seed, 0, 18446744073709551615.0, "N",
         "accepted and without effect: every reset of the client brings its seed"},
        {"lease", VG_OPTION_REAL, &serve.lease_seconds, 0.1, 3600, "S",
         "a client silent for so long may be replaced (10)"},
        {"json", VG_OPTION_FLAG, &said.json, 0, 0, "", "announce as JSON"},
        {0}};
    const vg_usage usage = {"vergence sim --listen ENDPOINT [OPTIONS]",
                            "Serves the embedded simulator over ZeroMQ. Episodes' seeds come with the client's resets.",
                            options, 0};
    int code;
    if (!vg_options_begin(&usage, argc, argv, NULL, &code)) return code;
    if (strcmp(preset, "paper") != 0 && strcmp(preset, "default") != 0) {
        fprintf(stderr, "vergence: --preset is `%.80s`; it must be default or paper\n", preset);
        return VG_EXIT_USAGE;
    }
    world.preset = strcmp(preset, "paper") == 0 ? VG_PRESET_PAPER : VG_PRESET_DEFAULT;
    const struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    const vg_log log = {stderr, VG_LOG_INFO};
    vg_error err = {0};
    vg_world *opened;
    vg_status status = vg_world_open(&opened, &world, &err);
    if (status != VG_OK) return vg_report_error(status, &err);
    said.world = opened;
    serve.stop = &stop, serve.ready = announce, serve.context = &said, serve.log = &log;
    status = vg_serve_world(opened, &serve, &err);
    vg_world_close(opened);
    return status == VG_OK ? VG_EXIT_OK : vg_report_error(status, &err);
}
