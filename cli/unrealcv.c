/* vergence unrealcv: the embedded simulator as a game with the UnrealCV plug-in (docs/unreal.md). */
#include "cli/cli.h"

#include "agents/pool.h"
#include "sim_bridge/unrealcv/server.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A signal handler can reach nothing but a global. */
static atomic_bool stop;

static void on_signal(int number) {
    (void)number;
    atomic_store(&stop, true);
}

typedef struct announcement {
    bool json;
    const ucv_game *game;
} announcement;

/* One line on stdout once clients can connect, so that a script can wait for it. */
static void announce(void *context, const char *address) {
    const announcement *a = context;
    const ucv_game *g = a->game;
    if (a->json) {
        json_t *out = json_pack("{s:s, s:i, s:s, s:i, s:i, s:i, s:i, s:f}", "address", address, "port", (int)g->port,
                                "scene", g->scene, "people", (int)g->people, "cameras", (int)g->cameras, "width",
                                (int)g->width, "height", (int)g->height, "fov", g->fov);
        char *text = json_dumps(out, JSON_COMPACT);
        puts(text ? text : "{}");
        free(text);
        json_decref(out);
    } else {
        printf("serving %s with %d people and %d cameras of %d x %d px at %s\n", g->scene, g->people, g->cameras,
               g->width, g->height, address);
    }
    fflush(stdout);
}

static void on_pool(void *pool, void (*task)(void *context, int32_t part), void *context, int32_t parts) {
    vg_pool_run(pool, task, context, parts);
}

static bool read_size(const char *text, int32_t *width, int32_t *height) {
    int used = 0;
    return sscanf(text, "%5dx%5d%n", width, height, &used) == 2 && text[used] == '\0';
}

static vg_status serve(ucv_game_config *game_config, ucv_server_config *config, int32_t threads, bool json,
                       vg_error *err) {
    vg_pool *pool;
    VG_TRY(vg_pool_create(&pool, threads, err));
    if (vg_pool_threads(pool) > 1) game_config->workers = (ucv_workers){on_pool, pool};
    ucv_game *game;
    vg_status status = ucv_game_create(&game, game_config, err);
    if (status == VG_OK) {
        announcement said = {json, game};
        config->ready = announce, config->context = &said;
        status = ucv_serve(game, config, err);
        ucv_game_destroy(game);
    }
    vg_pool_destroy(pool);
    return status;
}

int vg_cmd_unrealcv(int argc, char **argv) {
    const vg_log log = {stderr, VG_LOG_INFO};
    ucv_game_config game = {.scene = "blank", .people = 6, .cameras = 1, .width = 640, .height = 480, .fov = 90};
    ucv_server_config config = ucv_server_config_default();
    const char *preset = "default", *size = "640x480", *files = NULL;
    vg_texts sockets = {0};
    int32_t threads = 0;
    bool json = false, commands = false;
    const vg_option options[] = {
        {"listen", VG_OPTION_TEXT, &config.listen, 0, 0, "HOST:PORT", "where clients connect (127.0.0.1:9000)"},
        {"scene", VG_OPTION_TEXT, &game.scene, 0, 0, "NAME|PATH", "a scene (blank)"},
        {"people", VG_OPTION_INT, &game.people, 1, VG_MAX_PEOPLE, "N", "people who walk there, human1 ... (6)"},
        {"cameras", VG_OPTION_INT, &game.cameras, 1, UCV_CAMERAS, "N", "cameras at the start; clients add more (1)"},
        {"seed", VG_OPTION_UINT64, &game.seed, 0, 18446744073709551615.0, "N", "same seed, same people (0)"},
        {"size", VG_OPTION_TEXT, &size, 0, 0, "WxH", "pixels of a new camera (640x480)"},
        {"fov", VG_OPTION_REAL, &game.fov, 1, 170, "DEG", "horizontal field of view of a new camera (90)"},
        {"threads", VG_OPTION_INT, &threads, 0, 256, "N", "threads that draw; 0: one a core (0)"},
        {"uds", VG_OPTION_LIST, &sockets, 0, 0, "DIR|FILE",
         "Unix socket: DIR/unrealcv_PORT.socket or a file name in .socket (/tmp); may be repeated"},
        {"files", VG_OPTION_TEXT, &files, 0, 0, "DIR", "where pictures are saved under relative names (.)"},
        {"preset", VG_OPTION_TEXT, &preset, 0, 0, "NAME", "how people walk: default or paper"},
        {"patience", VG_OPTION_REAL, &config.patience_seconds, 0.1, 86400, "S",
         "a client that leaves a frame half sent or replies unread for so long is dropped (10)"},
        {"commands", VG_OPTION_FLAG, &commands, 0, 0, "", "print the commands it understands and exit"},
        {"json", VG_OPTION_FLAG, &json, 0, 0, "", "announce as JSON"},
        {0}};
    const vg_usage usage = {"vergence unrealcv --listen HOST:PORT [OPTIONS]",
                            "Serves the embedded simulator to UnrealCV clients, in the place of a game.", options, 0};
    int code;
    if (!vg_options_begin(&usage, argc, argv, NULL, &code)) return code;
    if (commands) {
        ucv_commands_print(stdout);
        return VG_EXIT_OK;
    }
    if (strcmp(preset, "paper") != 0 && strcmp(preset, "default") != 0) {
        fprintf(stderr, "vergence: --preset is `%.80s`; it must be default or paper\n", preset);
        return VG_EXIT_USAGE;
    }
    if (!read_size(size, &game.width, &game.height)) {
        fprintf(stderr, "vergence: --size is `%.80s`; it must be WIDTHxHEIGHT, such as 640x480\n", size);
        return VG_EXIT_USAGE;
    }
    if (sockets.count > UCV_SOCKETS) {
        fprintf(stderr, "vergence: --uds is given %zu times; at most %d are served\n", sockets.count, UCV_SOCKETS);
        return VG_EXIT_USAGE;
    }
    game.preset = strcmp(preset, "paper") == 0 ? VG_PRESET_PAPER : VG_PRESET_DEFAULT;
    char here[VG_PATH_MAX];
    if (!files) files = getcwd(here, sizeof here) ? here : ".";
    game.files = files, game.log = &log;
    for (size_t i = 0; i < sockets.count; i++) config.sockets[i] = sockets.text[i];
    config.socket_count = sockets.count, config.stop = &stop, config.log = &log;
    const struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    vg_error err = {0};
    const vg_status status = serve(&game, &config, threads, json, &err);
    return status == VG_OK ? VG_EXIT_OK : vg_report_error(status, &err);
}
