/* The live world: one SUB socket connected to every endpoint, a message a picture, frames put together by assembly.c.
 *
 * What comes is checked in the order: can it be read, is it a picture, of this version, of a camera of the calibration, with
 * the session's joints, of the calibration's picture size, not seen before. What fails is counted, told in the report, and
 * logged: at once where it is a new kind of trouble, else every ten seconds. */
#include "sim_bridge/live/live.h"

#include "calibration/files.h"
#include "common/clock.h"
#include "perception/joints.h"
#include "proto/proto.h"
#include "proto/stream_count.h"
#include "sim_bridge/live/assembly.h"
#include "sim_bridge/live/refine.h"
#include "sim_bridge/live/stream_clock.h"
#include "sim_bridge/remote/wire.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zmq.h>

enum { CODEC_SIZE = 1 << 17, DRAIN = 256, QUEUE = 512 };
#define FARTHEST_TIME 4000000000000000000 /* ns; beyond it sums could run over */
#define PLAUSIBLE_NS  60000000000         /* a picture is at most this old when it comes, by the clock it names */
#define BACK_NS       1000000000          /* a source that was restarted this far in the past begins time anew */
#define LOG_EVERY_NS  10000000000
#define SETTLE_NS     2000000000 /* a clock's offset is taken as it is estimated for so long, then it is steered */
#define STEER         0.02       /* seconds a second that times may be moved by */
#define STEER_BASE    0.002      /* the same, towards what arrival tells */
#define SURE          0.004      /* s; standard deviation of a correction that is told in the log */

typedef struct source {
    vg_stream_count count;
    int32_t clock; /* index in clocks, -1 before its first picture */
    int64_t dropped;
    double interval; /* s between pictures, smoothed */
    bool silent;     /* as last logged */
    char name[64];   /* as its stream calls it */
} source;

/* How a clock's times are moved: towards its offset by arrival and the correction by geometry, without a jump. */
typedef struct steering {
    bool begun;
    int64_t since_ns, at_ns;
    double base, used; /* s */
    bool told;         /* in the log */
} steering;

typedef struct live {
    vg_world base;
    const vg_log *log;
    void *context, *socket;
    vg_codec *codec;
    vg_assembly *assembly;
    vg_camera cameras[VG_MAX_CAMERAS];
    source sources[VG_MAX_CAMERAS];
    vg_stream_clock clocks[VG_MAX_CAMERAS];
    steering steering[VG_MAX_CAMERAS]; /* of clocks */
    vg_refine *refine;                 /* NULL: geometry is not asked */
    double refine_seconds;
    uint32_t in_frame; /* cameras of the last one */
    int32_t clock_count;
    char own_clock[64];
    int64_t tick_ns, silent_ns;
    bool restarted; /* the next frame is the first of a new time */
    uint64_t frame_id;
    int64_t frame_time_ns;
    /* the report */
    int64_t refused, came_ns, logged_ns;
    uint32_t told; /* kinds of trouble that were logged, as bits */
    char trouble[256];
} live;

void vg_local_clock_name(char out[64]) {
    out[0] = '\0';
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");
    if (!file) return;
    if (!fgets(out, 64, file)) out[0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    fclose(file);
}

/* ---- a message ---- */

static void refuse(live *l, const vg_error *err, int64_t now) {
    l->refused++;
    snprintf(l->trouble, sizeof l->trouble, "%.250s", err->message);
    const bool news = !(l->told & 1u << err->status);
    l->told |= 1u << err->status;
    if (!news && now - l->logged_ns < LOG_EVERY_NS) return;
    VG_WARNF(l->log, "a message was refused (%lld so far): %s", (long long)l->refused, err->message);
    l->logged_ns = now;
}

/* The calibrated camera that a stream's name means: one stream each, until it is silent. */
static vg_status find_camera(const live *l, const char *name, int32_t *out, vg_error *err) {
    const vg_world_info *w = &l->base.info;
    const int32_t cameras = w->dims.cameras;
    *out = vg_camera_match(name, w->camera_names[0], sizeof w->camera_names[0], cameras);
    if (*out < 0)
        return vg_fail(err, VG_NOT_FOUND, "camera `%s` is not in the calibration, which has %s%s%s; use its names",
                       name, w->camera_names[0], cameras > 1 ? ", " : "", cameras > 1 ? w->camera_names[1] : "");
    const source *s = &l->sources[*out];
    if (s->name[0] && strcmp(s->name, name) != 0 && !s->silent)
        return vg_fail(err, VG_INVALID, "cameras `%s` and `%s` both mean `%s` of the calibration; use its names",
                       s->name, name, w->camera_names[*out]);
    return VG_OK;
}

static bool same_joints(const char *name, const char *own) {
    vg_joint_set_kind kind;
    vg_error ignored;
    return vg_joint_set_parse(name, &kind, &ignored) == VG_OK && strcmp(vg_joint_set_kind_name(kind), own) == 0;
}

/* Another resolution. Codecs pad pictures and players cut that off again: 1080 lines of one are 1088 of the other. */
static bool differ(int32_t size, int32_t calibrated) {
    return abs(size - calibrated) > 8 + calibrated / 100;
}

static vg_status check_picture(const live *l, const vg_wire_keypoints *k, int32_t *camera, vg_error *err) {
    const vg_world_info *w = &l->base.info;
    if (k->version != VG_PROTOCOL_VERSION)
        return vg_fail(err, VG_VERSION,
                       "camera `%s` speaks protocol version %u, this program %d; use matching versions", k->camera,
                       k->version, VG_PROTOCOL_VERSION);
    VG_TRY(find_camera(l, k->camera, camera, err));
    if (!same_joints(k->joint_set, w->joint_set) || k->joints != w->dims.joints)
        return vg_fail(err, VG_INVALID,
                       "camera `%s` sends joints `%s` (%d), this session takes `%s` (%d); set "
                       "world.joint_set",
                       k->camera, k->joint_set, k->joints, w->joint_set, w->dims.joints);
    const vg_camera *c = &l->cameras[*camera];
    if (k->width && k->height && (differ(k->width, c->width) || differ(k->height, c->height)))
        return vg_fail(err, VG_UNSUPPORTED,
                       "camera `%s` sends pictures of %d x %d, its calibration is of %d x %d; calibrate it as it runs",
                       k->camera, k->width, k->height, c->width, c->height);
    if (k->time_ns > FARTHEST_TIME || k->time_ns < -FARTHEST_TIME)
        return vg_fail(err, VG_CORRUPT, "camera `%s` sends time %lld, which no clock shows", k->camera,
                       (long long)k->time_ns);
    return VG_OK;
}

/* ---- clocks ---- */

static void forget_clock(live *l, int32_t clock) {
    l->steering[clock] = (steering){0};
    if (l->refine) vg_refine_forget(l->refine, clock);
}

static double towards(double from, double to, double most) {
    return from + fmax(-most, fmin(most, to - from));
}

/* What a clock's times should be moved by, as far as is known. */
static double wanted_offset(const live *l, int32_t clock) {
    return l->steering[clock].base + (l->refine ? vg_refine_correction(l->refine, clock) : 0);
}

/* What a clock's times are moved by now, ns. The offset by arrival falls in steps while shorter ways are met and as old ones
 * fade out, and a correction comes four times a second; the times change by little from picture to picture. */
static int64_t steer(live *l, int32_t clock, int64_t now) {
    steering *s = &l->steering[clock];
    const int64_t offset_ns = vg_stream_clock_offset(&l->clocks[clock]);
    if (!l->refine) return offset_ns;
    const double offset = (double)offset_ns * 1e-9, passed = (double)(now - s->at_ns) * 1e-9;
    if (!s->begun) *s = (steering){.begun = true, .since_ns = now};
    s->at_ns = now;
    if (l->clocks[clock].known || now - s->since_ns < SETTLE_NS) {
        s->base = offset, s->used = wanted_offset(l, clock);
    } else {
        s->base = towards(s->base, offset, STEER_BASE * passed);
        s->used = towards(s->used, wanted_offset(l, clock), STEER * passed);
    }
    return (int64_t)llround(s->used * 1e9);
}

static bool clock_is_used(const live *l, int32_t clock, int32_t but_by) {
    for (int32_t c = 0; c < l->base.info.dims.cameras; c++)
        if (c != but_by && l->sources[c].clock == clock) return true;
    return false;
}

/* The clock that a picture names, made at its first picture. There are never more clocks than cameras. */
static vg_stream_clock *clock_of(live *l, int32_t camera, const vg_wire_keypoints *k, int64_t now) {
    char name[sizeof l->clocks[0].name];
    if (k->clock[0])
        snprintf(name, sizeof name, "%s", k->clock);
    else
        snprintf(name, sizeof name, "camera %d", camera);
    source *s = &l->sources[camera];
    if (s->clock >= 0 && strcmp(l->clocks[s->clock].name, name) == 0) return &l->clocks[s->clock];
    for (int32_t i = 0; i < l->clock_count; i++)
        if (strcmp(l->clocks[i].name, name) == 0) {
            s->clock = i;
            return &l->clocks[i];
        }
    /* of as many entries as cameras, one is used by no other camera */
    if (l->clock_count < l->base.info.dims.cameras)
        s->clock = l->clock_count++;
    else
        for (s->clock = 0; clock_is_used(l, s->clock, camera);) s->clock++;
    vg_stream_clock *c = &l->clocks[s->clock];
    *c = (vg_stream_clock){0};
    forget_clock(l, s->clock);
    snprintf(c->name, sizeof c->name, "%s", name);
    const int64_t age = now - k->time_ns;
    c->known = strcmp(name, l->own_clock) == 0 && age >= 0 && age < PLAUSIBLE_NS;
    return c;
}

static void take_picture(live *l, int32_t camera, uint64_t sequence, const vg_wire_keypoints *k, int64_t now) {
    source *s = &l->sources[camera];
    const vg_stream_news news = vg_stream_count_take(&s->count, k->stream, sequence);
    if (news == VG_STREAM_DUPLICATE) return;
    vg_stream_clock *clock = clock_of(l, camera, k, now);
    if (news == VG_STREAM_RESTARTED) {
        VG_INFOF(l->log, "camera `%s`: its source was restarted", k->camera);
        const int64_t age = now - k->time_ns;
        clock->begun = false;
        forget_clock(l, s->clock);
        clock->known = clock->known && age >= 0 && age < PLAUSIBLE_NS;
    }
    vg_stream_clock_take(clock, k->time_ns, now);
    const int64_t time = k->time_ns + steer(l, s->clock, now), left = vg_assembly_left(l->assembly);
    if (news == VG_STREAM_RESTARTED && left > INT64_MIN && time < left - BACK_NS) {
        vg_assembly_restart(l->assembly);
        l->restarted = true;
    }
    const int64_t heard = vg_assembly_camera_at(l->assembly, camera)->heard_ns;
    if (heard) {
        const double interval = (double)(now - heard) * 1e-9;
        s->interval = s->interval > 0 ? s->interval + 0.05 * (interval - s->interval) : interval;
    }
    snprintf(s->name, sizeof s->name, "%s", k->camera);
    s->dropped = (int64_t)(k->dropped > INT64_MAX ? INT64_MAX : k->dropped);
    vg_assembly_add(l->assembly, camera, time, now, k->people, k->keypoints);
}

static void take_message(live *l, zmq_msg_t *message, bool whole) {
    vg_error err = {0};
    vg_message_kind kind;
    vg_wire_keypoints k;
    uint64_t sequence;
    int32_t camera = -1;
    const int64_t now = vg_clock_now_ns();
    vg_status status = whole ? vg_decode(l->codec, zmq_msg_data(message), zmq_msg_size(message), &kind, &sequence, &err)
                             : vg_fail(&err, VG_CORRUPT, "a message has several parts; a picture has one");
    if (status == VG_OK && kind != VG_MESSAGE_KEYPOINTS)
        status =
            vg_fail(&err, VG_REFUSED, "a message of kind %d came; world.endpoint must name keypoint streams", kind);
    if (status == VG_OK) status = vg_decoded_keypoints(l->codec, &k, &err);
    if (status == VG_OK) status = check_picture(l, &k, &camera, &err);
    if (status == VG_OK)
        take_picture(l, camera, sequence, &k, now);
    else
        refuse(l, &err, now);
}

/* Takes what has come, but not so much that a flood could hold up the tick. False where there was nothing. */
static bool drain(live *l) {
    for (int i = 0; i < DRAIN; i++) {
        zmq_msg_t message;
        zmq_msg_init(&message);
        if (zmq_msg_recv(&message, l->socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&message);
            return i > 0;
        }
        const bool whole = !zmq_msg_more(&message);
        take_message(l, &message, whole);
        zmq_msg_close(&message);
        for (bool more = !whole; more;) { /* the rest of a message that no picture has */
            zmq_msg_init(&message);
            more = zmq_msg_recv(&message, l->socket, ZMQ_DONTWAIT) >= 0 && zmq_msg_more(&message);
            zmq_msg_close(&message);
        }
    }
    return true;
}

/* ---- the world ---- */

static void note_silence(live *l, int64_t now) {
    for (int32_t c = 0; c < l->base.info.dims.cameras; c++) {
        source *s = &l->sources[c];
        const bool silent = s->count.begun && vg_assembly_silent(l->assembly, c, now);
        if (silent == s->silent) continue;
        s->silent = silent;
        if (silent)
            VG_WARNF(l->log, "camera `%s` is silent: frames go on without it", l->base.info.camera_names[c]);
        else
            VG_INFOF(l->log, "camera `%s` is back", l->base.info.camera_names[c]);
    }
}

static vg_status live_reset(vg_world *world, int32_t first, int32_t count, const vg_reset *resets, vg_frame *frames,
                            vg_error *err) {
    (void)world, (void)first, (void)count, (void)resets, (void)frames;
    return vg_fail(err, VG_UNSUPPORTED, "a live world cannot be reset: its people do as they like");
}

static vg_status live_step(vg_world *world, int32_t first, int32_t count, const vg_command *commands, vg_frame *frame,
                           vg_error *err) {
    (void)first, (void)count, (void)commands, (void)err; /* cameras that stand where they stand */
    live *l = (live *)(void *)world;
    memcpy(vg_frame_cameras(frame), l->cameras, sizeof(vg_camera) * (size_t)world->info.dims.cameras);
    frame->target = -1;
    frame->frame_id = l->frame_id, frame->time_ns = l->frame_time_ns, frame->flags = 0;
    int64_t now = vg_clock_now_ns();
    const int64_t end = now + l->tick_ns;
    for (;;) {
        const bool more = drain(l);
        now = vg_clock_now_ns();
        note_silence(l, now);
        if (vg_assembly_ready(l->assembly, now)) break;
        if (now >= end) return VG_OK;
        if (more) continue;
        const int64_t deadline = vg_assembly_deadline(l->assembly), until = deadline < end ? deadline : end;
        zmq_pollitem_t item = {.socket = l->socket, .events = ZMQ_POLLIN};
        if (zmq_poll(&item, 1, (long)((until - now) / 1000000 + 1)) < 0 && errno == EINTR) return VG_OK;
    }
    l->came_ns = vg_assembly_take(l->assembly, frame, &l->in_frame);
    frame->flags = l->restarted ? VG_FRAME_FIRST : 0;
    l->restarted = false;
    frame->frame_id = ++l->frame_id;
    l->frame_time_ns = frame->time_ns;
    return VG_OK;
}

static void tell_clocks(live *l) {
    for (int32_t c = 0; c < l->base.info.dims.cameras; c++) {
        const int32_t k = l->sources[c].clock;
        if (k < 0 || l->clocks[k].known || l->steering[k].told || vg_refine_sigma(l->refine, k) > SURE) continue;
        l->steering[k].told = true;
        const double by = vg_refine_correction(l->refine, k);
        VG_INFOF(l->log, "camera `%s`: people's motion corrects its clock by %+.1f ms (+- %.1f)", l->sources[c].name,
                 1e3 * by, 1e3 * vg_refine_sigma(l->refine, k));
        if (fabs(by) >= l->refine_seconds)
            VG_WARNF(l->log, "camera `%s`: that is as far as world.refine_seconds allows; is its calibration right?",
                     l->sources[c].name);
    }
}

static void live_observe(vg_world *world, const vg_frame *matched) {
    live *l = (live *)(void *)world;
    if (!l->refine || matched->frame_id != l->frame_id) return;
    vg_refine_pictures pictures;
    for (int32_t c = 0; c < VG_MAX_CAMERAS; c++) {
        const int32_t k = c < world->info.dims.cameras && l->in_frame >> c & 1 ? l->sources[c].clock : -1;
        pictures.clock[c] = k, pictures.exact[c] = l->clocks[c].known;
        if (k < 0) continue;
        /* the times that clocks will be steered to, not where they are on their way */
        pictures.time[c] = (double)vg_assembly_taken(l->assembly, c) * 1e-9;
        if (l->steering[k].begun) pictures.time[c] += wanted_offset(l, k) - l->steering[k].used;
    }
    vg_refine_take(l->refine, matched, &pictures);
    tell_clocks(l);
}

static void live_report(const vg_world *world, vg_world_report *out) {
    const live *l = (const live *)(const void *)world;
    const int64_t now = vg_clock_now_ns();
    *out = (vg_world_report){.refused = l->refused, .came_ns = l->came_ns, .position = (double)NAN};
    snprintf(out->trouble, sizeof out->trouble, "%s", l->trouble);
    for (int32_t c = 0; c < world->info.dims.cameras; c++) {
        const source *s = &l->sources[c];
        const vg_assembly_camera *a = vg_assembly_camera_at(l->assembly, c);
        vg_source_report *r = &out->camera[c];
        *r = (vg_source_report){.pictures = s->count.received,
                                .lost = s->count.lost,
                                .duplicates = s->count.duplicates,
                                .reordered = s->count.reordered,
                                .restarts = s->count.restarts,
                                .late = a->late,
                                .surplus = a->surplus,
                                .crowded = a->crowded,
                                .dropped = s->dropped,
                                .age_seconds = (double)NAN,
                                .clock_sigma_seconds = (double)NAN};
        if (!s->count.begun) continue;
        r->state = vg_assembly_silent(l->assembly, c, now) ? VG_CAMERA_SILENT : VG_CAMERA_ACTIVE;
        r->rate_hz = r->state == VG_CAMERA_ACTIVE && s->interval > 0 ? 1 / s->interval : 0;
        r->age_seconds = (double)(now - a->heard_ns) * 1e-9;
        r->clock_offset_seconds = (double)vg_stream_clock_offset(&l->clocks[s->clock]) * 1e-9;
        if (!l->refine || l->clocks[s->clock].known) continue;
        r->clock_offset_seconds = l->steering[s->clock].used;
        r->clock_correction_seconds = vg_refine_correction(l->refine, s->clock);
        r->clock_sigma_seconds = vg_refine_sigma(l->refine, s->clock);
    }
}

static void live_close(vg_world *world) {
    live *l = (live *)(void *)world;
    if (l->socket) zmq_close(l->socket);
    if (l->context) zmq_ctx_term(l->context);
    vg_codec_destroy(l->codec);
    vg_assembly_destroy(l->assembly);
    vg_refine_destroy(l->refine);
    free(l);
}

static const vg_world_ops live_ops = {.name = "live",
                                      .reset = live_reset,
                                      .step = live_step,
                                      .close = live_close,
                                      .report = live_report,
                                      .observe = live_observe};

/* ---- opening ---- */

static vg_status take_cameras(live *l, const vg_camera_set *set, const char *path, vg_error *err) {
    vg_world_info *w = &l->base.info;
    if (set->cameras < 1 || set->cameras > VG_MAX_CAMERAS)
        return vg_fail(err, VG_INVALID, "%s has %d cameras; a session has 1 to %d", path, set->cameras, VG_MAX_CAMERAS);
    w->dims.cameras = set->cameras;
    for (int32_t c = 0; c < set->cameras; c++) {
        const vg_named_camera *n = &set->camera[c];
        if (!n->placed && set->cameras > 1)
            return vg_fail(err, VG_INVALID, "%s: camera `%s` has no place; calibrate its extrinsics", path, n->name);
        snprintf(w->camera_names[c], sizeof w->camera_names[c], "%.63s", n->name);
        vg_camera *k = &l->cameras[c];
        *k = n->camera;
        if (k->width <= 0) k->width = (int32_t)lround(fmax(1, 2 * k->cx + 1)); /* the file does not say */
        if (k->height <= 0) k->height = (int32_t)lround(fmax(1, 2 * k->cy + 1));
        for (int a = 0; a < 3; a++) {
            const float at = (float)-(k->R[a] * k->t[0] + k->R[3 + a] * k->t[1] + k->R[6 + a] * k->t[2]);
            w->camera_low[a] = c ? fminf(w->camera_low[a], at) : at;
            w->camera_high[a] = c ? fmaxf(w->camera_high[a], at) : at;
        }
    }
    for (int a = 0; a < 2; a++) w->area_low[a] = w->camera_low[a], w->area_high[a] = w->camera_high[a];
    return VG_OK;
}

static vg_status connect_all(live *l, const char *endpoints, vg_error *err) {
    l->context = zmq_ctx_new();
    if (!l->context) return vg_fail(err, VG_FAILED, "cannot start ZeroMQ: %s", zmq_strerror(errno));
    VG_TRY(vg_wire_socket(&l->socket, l->context, ZMQ_SUB, err));
    const int queue = QUEUE;
    const int64_t largest = CODEC_SIZE;
    if (zmq_setsockopt(l->socket, ZMQ_RCVHWM, &queue, sizeof queue) ||
        zmq_setsockopt(l->socket, ZMQ_MAXMSGSIZE, &largest, sizeof largest) ||
        zmq_setsockopt(l->socket, ZMQ_SUBSCRIBE, "", 0))
        return vg_fail(err, VG_FAILED, "cannot set up a ZeroMQ socket: %s", zmq_strerror(errno));
    char list[1024];
    snprintf(list, sizeof list, "%s", endpoints);
    int32_t count = 0;
    for (char *save = NULL, *at = strtok_r(list, " ,", &save); at; at = strtok_r(NULL, " ,", &save), count++)
        if (zmq_connect(l->socket, at) != 0)
            return vg_fail(err, VG_INVALID,
                           "world.endpoint: cannot connect to `%.200s`: %s; use tcp://HOST:PORT or "
                           "ipc:///PATH",
                           at, zmq_strerror(errno));
    if (count == 0) return vg_fail(err, VG_INVALID, "world.endpoint is empty; name where keypoints are published");
    return VG_OK;
}

static vg_status check_numbers(const vg_world_config *c, vg_error *err) {
    const struct {
        const char *name;
        double value, low, high;
    } checks[] = {{"rate_hz", c->rate_hz, 1, 1000},
                  {"window_seconds", c->window_seconds, 0, 1},
                  {"patience_seconds", c->patience_seconds, 0, 5},
                  {"silent_seconds", c->silent_seconds, 0.01, 60},
                  {"refine_seconds", c->refine_seconds, 0, 1}};
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        if (!(checks[i].value >= checks[i].low && checks[i].value <= checks[i].high))
            return vg_fail(err, VG_INVALID, "world.%s is %g; it must be %g to %g", checks[i].name, checks[i].value,
                           checks[i].low, checks[i].high);
    return VG_OK;
}

static vg_status set_up(live *l, const vg_world_config *config, vg_error *err) {
    vg_world_info *w = &l->base.info;
    vg_joint_set_kind kind;
    vg_joint_set joints;
    vg_camera_set set = {0};
    VG_TRY(check_numbers(config, err));
    const vg_status known = vg_joint_set_parse(config->joint_set ? config->joint_set : "", &kind, err);
    if (known != VG_OK) return vg_fail_context(err, known, "world.joint_set");
    vg_joint_set_init(&joints, kind);
    if (!config->calibration || !config->calibration[0])
        return vg_fail(err, VG_INVALID, "world.calibration is empty; a live world needs its cameras' calibration file");
    VG_TRY(vg_calibration_read(config->calibration, NULL, &set, err));
    const vg_status status = take_cameras(l, &set, config->calibration, err);
    vg_camera_set_free(&set);
    VG_TRY(status);
    w->dims.people = config->people, w->dims.joints = joints.joints;
    VG_TRY(vg_dims_check(w->dims, err));
    w->envs = 1, w->paced = true, w->step_seconds = 1 / config->rate_hz;
    snprintf(w->name, sizeof w->name, "live");
    snprintf(w->scene, sizeof w->scene, "live");
    snprintf(w->joint_set, sizeof w->joint_set, "%s", joints.name);
    l->tick_ns = (int64_t)(1e9 / config->rate_hz), l->silent_ns = (int64_t)(config->silent_seconds * 1e9);
    const vg_assembly_config assembly = {
        .dims = w->dims,
        .window_ns = (int64_t)((config->window_seconds > 0 ? config->window_seconds : 0.8 / config->rate_hz) * 1e9),
        .patience_ns = (int64_t)(config->patience_seconds * 1e9),
        .silent_ns = l->silent_ns};
    VG_TRY(vg_assembly_create(&l->assembly, &assembly, err));
    VG_TRY(vg_codec_create(&l->codec, CODEC_SIZE, err));
    l->refine_seconds = config->refine_seconds;
    if (config->refine_seconds > 0 && w->dims.cameras > 1)
        VG_TRY(vg_refine_create(&l->refine, w->dims, config->refine_seconds, err));
    for (int32_t c = 0; c < w->dims.cameras; c++) l->sources[c].clock = -1;
    vg_local_clock_name(l->own_clock);
    l->restarted = true;
    return connect_all(l, config->endpoint ? config->endpoint : "", err);
}

vg_status vg_live_world_open(vg_world **out, const vg_world_config *config, vg_error *err) {
    *out = NULL;
    live *l = calloc(1, sizeof *l);
    if (!l) return vg_fail(err, VG_NO_MEMORY, "live world: out of memory");
    l->base.ops = &live_ops;
    l->log = config->log;
    const vg_status status = set_up(l, config, err);
    if (status == VG_OK)
        *out = &l->base;
    else
        live_close(&l->base);
    return status;
}
