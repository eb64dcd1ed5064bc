/* vergence sim: the embedded simulator as a world for others, or as a rig of cameras with detectors, over ZeroMQ
 * (docs/protocol.md). */
#include "cli/cli.h"

#include "sim_bridge/live/publish.h"
#include "sim_bridge/picture.h"
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

static void announce_rig(void *context, const char *endpoint) {
    (void)context;
    printf("publishing keypoints at %s\n", endpoint);
    fflush(stdout);
}

static int simulate_rig(vg_simulate_config *rig, const vg_world_config *world, double rate) {
    vg_error err = {0};
    rig->world = *world;
    rig->world.step_seconds = 1 / rate;
    rig->stop = &stop, rig->ready = announce_rig;
    const vg_status status = vg_simulate_keypoints(rig, &err);
    return status == VG_OK ? VG_EXIT_OK : vg_report_error(status, &err);
}

int vg_cmd_sim(int argc, char **argv) {
    vg_world_config world = vg_world_config_default();
    vg_serve_config serve = vg_serve_config_default();
    announcement said = {0};
    const char *preset = "default", *images = "";
    vg_simulate_config rig = {0};
    double rate = 60;
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
        {"keypoints", VG_OPTION_TEXT, &rig.listen, 0, 0, "ENDPOINT",
         "instead: publish what fixed cameras detect, in real time, without saying who is who"},
        {"calibration", VG_OPTION_TEXT, &rig.calibration, 0, 0, "FILE.toml",
         "with --keypoints: write the cameras here"},
        {"rate", VG_OPTION_REAL, &rate, 1, 240, "HZ", "with --keypoints: pictures a second of each camera (60)"},
        {"seconds", VG_OPTION_REAL, &rig.seconds, 0, 1e6, "S", "with --keypoints: stop after so long"},
        {"seed", VG_OPTION_UINT64, &rig.seed, 0, 18446744073709551615.0, "N",
         "of the people with --keypoints; else every reset of the client brings its seed"},
        {"images", VG_OPTION_TEXT, &images, 0, 0, "KINDS", "pictures to offer: lit,mask,depth (none)"},
        {"jpeg", VG_OPTION_INT, &serve.jpeg_quality, 0, 100, "N", "lit pictures as JPEG of this quality; 0: raw (0)"},
        {"live", VG_OPTION_FLAG, &serve.live, 0, 0, "", "time runs by the clock; old frames are dropped"},
        {"lease", VG_OPTION_REAL, &serve.lease_seconds, 0.1, 3600, "S",
         "a client silent for so long may be replaced (10)"},
        {"json", VG_OPTION_FLAG, &said.json, 0, 0, "", "announce as JSON"},
        {0}};
    const vg_usage usage = {
        "vergence sim --listen ENDPOINT | --keypoints ENDPOINT [OPTIONS]",
        "Serves the embedded simulator over ZeroMQ: as a world to be stepped (docs/protocol.md), or "
        "as a rig of\ncameras with detectors (docs/live.md).",
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
    if (rig.listen) return simulate_rig(&rig, &world, rate);
    const vg_log log = {stderr, VG_LOG_INFO};
    vg_error err = {0};
    vg_world *opened;
    vg_status status = vg_picture_kinds(&serve.pictures, images, &err);
    if (status != VG_OK) return vg_report_error(status, &err);
    status = vg_world_open(&opened, &world, &err);
    if (status != VG_OK) return vg_report_error(status, &err);
    said.world = opened;
    serve.stop = &stop, serve.ready = announce, serve.context = &said, serve.log = &log;
    status = vg_serve_world(opened, &serve, &err);
    vg_world_close(opened);
    return status == VG_OK ? VG_EXIT_OK : vg_report_error(status, &err);
}
