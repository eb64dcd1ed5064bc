/* The replay world. The first frame is read when it opens, because it tells the dimensions; after that one is always read
 * ahead. */
#include "sim_bridge/replay/replay.h"

#include "common/clock.h"
#include "proto/mcap.h"
#include "proto/proto.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CODEC_SIZE = 8 << 20 }; /* a frame of 16 cameras, 64 people and 64 joints has 0.8 MB */

typedef struct replay {
    vg_world base;
    vg_mcap_reader *reader;
    vg_codec *codec;
    const vg_log *log;
    char path[512];
    double speed;
    vg_frame *next; /* read ahead */
    bool ended;
    int64_t began_ns, first_ns, came_ns; /* our clock and the recording's at the first frame; our clock at the last */
} replay;

/* Reads on to the next frame; its message stays in the codec. */
static vg_status next_message(replay *r, vg_error *err) {
    vg_mcap_message m;
    do VG_TRY(vg_mcap_next(r->reader, &m, err));
    while (strcmp(m.topic, "/frame") != 0 || strcmp(m.schema, "vergence.Frame") != 0);
    const vg_status status = vg_decode_bare(r->codec, VG_MESSAGE_FRAMES, m.data, m.size, err);
    return status == VG_OK ? VG_OK : vg_fail_context(err, status, "%s", r->path);
}

static vg_status read_ahead(replay *r, vg_error *err) {
    vg_status status = next_message(r, err);
    if (status == VG_ENDED) {
        r->ended = true;
        if (vg_mcap_cut(r->reader)) VG_WARNF(r->log, "%s: was cut short; it ends with its last whole chunk", r->path);
        return VG_OK;
    }
    if (status == VG_OK) status = vg_decoded_frames(r->codec, 0, 1, r->next, err);
    return status == VG_OK ? VG_OK : vg_fail_context(err, status, "%s", r->path);
}

static vg_status replay_reset(vg_world *world, int32_t first, int32_t count, const vg_reset *resets, vg_frame *frames,
                              vg_error *err) {
    (void)world, (void)first, (void)count, (void)resets, (void)frames;
    return vg_fail(err, VG_UNSUPPORTED, "a recording cannot be reset");
}

static vg_status replay_step(vg_world *world, int32_t first, int32_t count, const vg_command *commands, vg_frame *frame,
                             vg_error *err) {
    (void)first, (void)count, (void)commands; /* what was seen was seen */
    replay *r = (replay *)(void *)world;
    if (r->ended) return vg_fail(err, VG_ENDED, "%s: the recording is at its end", r->path);
    if (r->speed > 0) {
        const int64_t now = vg_clock_now_ns(), tick = (int64_t)(world->info.step_seconds * 1e9);
        if (!r->began_ns) r->began_ns = now;
        const int64_t due = r->began_ns + (int64_t)((double)(r->next->time_ns - r->first_ns) / r->speed);
        vg_clock_sleep_until_ns(due < now + tick ? due : now + tick);
        if (due > now + tick) {
            memcpy(vg_frame_cameras(frame), vg_frame_cameras(r->next), sizeof(vg_camera) * (size_t)frame->dims.cameras);
            return VG_OK;
        }
    }
    r->came_ns = vg_clock_now_ns();
    memcpy(frame, r->next, frame->bytes);
    return read_ahead(r, err);
}

static void replay_report(const vg_world *world, vg_world_report *out) {
    const replay *r = (const replay *)(const void *)world;
    *out = (vg_world_report){.came_ns = r->came_ns, .position = r->ended ? 1 : vg_mcap_position(r->reader)};
    for (int32_t c = 0; c < world->info.dims.cameras; c++)
        out->camera[c] = (vg_source_report){.state = VG_CAMERA_ACTIVE, .age_seconds = (double)NAN};
}

static void replay_close(vg_world *world) {
    replay *r = (replay *)(void *)world;
    vg_mcap_close(r->reader);
    vg_codec_destroy(r->codec);
    free(r->next);
    free(r);
}

static const vg_world_ops replay_ops = {
    .name = "replay", .reset = replay_reset, .step = replay_step, .close = replay_close, .report = replay_report};

static const char *told(const replay *r, const char *key) {
    const char *text = vg_mcap_told(r->reader, "/frame", key);
    return text ? text : "";
}

static void describe(replay *r) {
    vg_world_info *w = &r->base.info;
    const double step = strtod(told(r, "step_seconds"), NULL);
    snprintf(w->name, sizeof w->name, "replay");
    snprintf(w->scene, sizeof w->scene, "%s", told(r, "scene"));
    snprintf(w->joint_set, sizeof w->joint_set, "%s", told(r, "joint_set"));
    w->envs = 1, w->paced = true, w->step_seconds = step > 1e-4 && step <= 60 ? step : 1.0 / 60;
    w->truth = (r->next->flags & VG_FRAME_TRUTH) != 0;
    const char *name = told(r, "cameras");
    for (int32_t c = 0; c < w->dims.cameras && *name; c++) {
        const size_t n = strcspn(name, "\n");
        snprintf(w->camera_names[c], sizeof w->camera_names[c], "%.*s", (int)n, name);
        name += n + (name[n] == '\n');
    }
    for (int32_t c = 0; c < w->dims.cameras; c++) {
        const vg_camera *k = &vg_frame_cameras(r->next)[c];
        for (int a = 0; a < 3; a++) {
            const float at = (float)-(k->R[a] * k->t[0] + k->R[3 + a] * k->t[1] + k->R[6 + a] * k->t[2]);
            w->camera_low[a] = c ? fminf(w->camera_low[a], at) : at;
            w->camera_high[a] = c ? fmaxf(w->camera_high[a], at) : at;
        }
    }
    for (int a = 0; a < 2; a++) w->area_low[a] = w->camera_low[a], w->area_high[a] = w->camera_high[a];
}

static vg_status set_up(replay *r, const vg_world_config *config, vg_error *err) {
    if (!config->recording || !config->recording[0])
        return vg_fail(err, VG_INVALID, "world.recording is empty; a replay needs a recording, a .mcap file");
    if (!(config->speed >= 0 && config->speed <= 1000))
        return vg_fail(err, VG_INVALID, "world.speed is %g; it must be 0 to 1000", config->speed);
    snprintf(r->path, sizeof r->path, "%s", config->recording);
    r->speed = config->speed;
    VG_TRY(vg_mcap_open(&r->reader, config->recording, err));
    VG_TRY(vg_codec_create(&r->codec, CODEC_SIZE, err));
    vg_status status = next_message(r, err);
    if (status == VG_ENDED) return vg_fail(err, VG_CORRUPT, "%s: holds no frames (topic /frame)", r->path);
    VG_TRY(status);
    vg_world_info *w = &r->base.info;
    status = vg_decoded_frame_dims(r->codec, &w->dims, err);
    if (status != VG_OK) return vg_fail_context(err, status, "%s", r->path);
    r->next = calloc(1, vg_frame_bytes(w->dims));
    if (!r->next) return vg_fail(err, VG_NO_MEMORY, "replay: out of memory");
    vg_frame_init(r->next, w->dims, 0);
    status = vg_decoded_frames(r->codec, 0, 1, r->next, err);
    if (status != VG_OK) return vg_fail_context(err, status, "%s", r->path);
    r->first_ns = r->next->time_ns;
    describe(r);
    return VG_OK;
}

vg_status vg_replay_open(vg_world **out, const vg_world_config *config, vg_error *err) {
    *out = NULL;
    replay *r = calloc(1, sizeof *r);
    if (!r) return vg_fail(err, VG_NO_MEMORY, "replay: out of memory");
    r->base.ops = &replay_ops;
    r->log = config->log;
    const vg_status status = set_up(r, config, err);
    if (status == VG_OK)
        *out = &r->base;
    else
        replay_close(&r->base);
    return status;
}
