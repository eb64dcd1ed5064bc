/* Any commands, one a line, to a game of their own: every one is answered, and the game stays whole. */
#include "sim_bridge/unrealcv/coords.h"
#include "sim_bridge/unrealcv/game.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const ucv_game *g) {
    VG_ASSERT(g->cameras >= 1 && g->cameras <= UCV_CAMERAS && g->actors <= UCV_ACTORS);
    for (int32_t c = 0; c < g->cameras; c++) VG_ASSERT(g->actor[g->camera[c]].kind == UCV_CAMERA);
    for (int32_t i = 0; i < g->actors; i++)
        for (int k = 0; k < 3; k++)
            VG_ASSERT(isfinite(g->actor[i].location[k]) && isfinite(g->actor[i].rotation[k]) &&
                      isfinite(g->actor[i].scale[k]));
}

/* Keeps an input from taking long: pictures stay small and little time passes. */
static void restrain(ucv_game *g) {
    for (int32_t i = 0; i < g->actors; i++) {
        ucv_actor *a = &g->actor[i];
        if (a->width > 64) a->width = 64;
        if (a->height > 48) a->height = 48;
    }
    if (g->tick_ns > 1000000000) g->tick_ns = 1000000000;
}

/* More than 99 ticks, or ticks of 10 s and more. */
static bool takes_long(vg_span line) {
    if (!vg_span_starts(line, "vset /action/tick ")) return false;
    vg_span_word(&line), vg_span_word(&line);
    return vg_span_word(&line).size > 2 || vg_span_word(&line).size > 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static ucv_game *game;
    vg_error err = {0};
    const ucv_game_config config = {.scene = "blank",
                                    .people = 3,
                                    .cameras = 2,
                                    .seed = 1,
                                    .width = 32,
                                    .height = 24,
                                    .fov = 90,
                                    .files = "/dev/null"};
    if (!game && ucv_game_create(&game, &config, &err) != VG_OK) return 0;
    if (ucv_game_load(game, "blank", &err) != VG_OK) return 0;
    game->width = 32, game->height = 24;
    ucv_session session = {0};
    ucv_buffer out = {.cap = (size_t)16 << 20};
    vg_lines lines = vg_lines_of((const char *)data, size);
    vg_span line;
    for (int i = 0; i < 40 && vg_lines_next(&lines, &line); i++) {
        if (takes_long(line)) continue;
        out.size = 0, out.full = false;
        ucv_command_writes(line);
        ucv_command_run(game, &session, line, &out);
        VG_ASSERT(!out.full);
        restrain(game);
        ucv_game_pass(game, 30000000, &err);
        check(game);
    }
    ucv_buffer_free(&out);
    return 0;
}
