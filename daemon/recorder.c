/* One writer, one reader: the tick moves `head`, the thread moves `tail`; a semaphore wakes the thread. A chunk is closed
 * when it is full or half a second old, and the disk is asked to keep it every second. */
#include "daemon/recorder.h"

#include "common/clock.h"
#include "daemon/daemon.h"
#include "proto/mcap.h"
#include "proto/proto.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK_SIZE = 1 << 20, FEWEST = 8, MOST = 1024 };
#define QUEUE_BYTES ((size_t)32 << 20)
#define CHUNK_NS    500000000
#define SYNC_NS     1000000000

struct vg_recorder {
    const vg_log *log;
    vg_codec *codec;
    vg_mcap_writer *writer;
    vg_wire_skeletons head_of_skeletons;
    /* the queue: slots of frame, skeletons, wall-clock time */
    unsigned char *slots;
    size_t slot_size, frame_size, skeletons_size, count;
    atomic_size_t head, tail;
    sem_t queued;
    atomic_bool quit;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards stats */
    vg_recorder_stats stats;
    atomic_llong dropped;
    int64_t chunk_ns, sync_ns;
};

typedef struct slot {
    int64_t wall_ns;
    vg_frame *frame;
    vg_skeletons *skeletons;
} slot;

static slot slot_at(const vg_recorder *r, size_t i) {
    unsigned char *at = r->slots + (i % r->count) * r->slot_size;
    slot s = {.frame = (vg_frame *)(void *)(at + 64), .skeletons = (vg_skeletons *)(void *)(at + 64 + r->frame_size)};
    memcpy(&s.wall_ns, at, sizeof s.wall_ns);
    return s;
}

/* ---- the tick's side ---- */

void vg_recorder_push(vg_recorder *r, const vg_frame *frame, const vg_skeletons *skeletons) {
    const size_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    if (head - atomic_load_explicit(&r->tail, memory_order_acquire) == r->count) {
        atomic_fetch_add(&r->dropped, 1);
        return;
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const int64_t wall = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    const slot s = slot_at(r, head);
    memcpy(r->slots + (head % r->count) * r->slot_size, &wall, sizeof wall);
    memcpy(s.frame, frame, r->frame_size);
    memcpy(s.skeletons, skeletons, r->skeletons_size);
    atomic_store_explicit(&r->head, head + 1, memory_order_release);
    sem_post(&r->queued);
}

/* ---- the thread's side ---- */

static vg_status write_slot(vg_recorder *r, const slot *s, vg_error *err) {
    vg_bytes bytes;
    VG_TRY(vg_encode_bare_frame(r->codec, s->frame, &bytes, err));
    VG_TRY(vg_mcap_add(r->writer, 0, s->wall_ns, bytes.data, bytes.size, err));
    VG_TRY(vg_encode_bare_skeletons(r->codec, &r->head_of_skeletons, s->skeletons, &bytes, err));
    return vg_mcap_add(r->writer, 1, s->wall_ns, bytes.data, bytes.size, err);
}

static vg_status flush_in_time(vg_recorder *r, vg_error *err) {
    const int64_t now = vg_clock_now_ns();
    if (now - r->chunk_ns < CHUNK_NS) return VG_OK;
    const bool sync = now - r->sync_ns >= SYNC_NS;
    r->chunk_ns = now;
    if (sync) r->sync_ns = now;
    return vg_mcap_flush(r->writer, sync, err);
}

/* Tells once that the recording is over although the session is not. */
static void fail_once(vg_recorder *r, const vg_error *why) {
    pthread_mutex_lock(&r->mutex);
    const bool first = !r->stats.error[0];
    if (first) snprintf(r->stats.error, sizeof r->stats.error, "%s", why->message);
    pthread_mutex_unlock(&r->mutex);
    if (first) VG_ERRORF(r->log, "%s; the session goes on without a recording", why->message);
}

static void *record(void *context) {
    setpriority(PRIO_PROCESS, (id_t)gettid(), 10); /* compressing must never hold up the tick; refused: no harm */
    vg_recorder *r = context;
    bool failed = false;
    for (;;) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 100000000;
        if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
        const bool got = sem_timedwait(&r->queued, &until) == 0;
        vg_error err = {0};
        vg_status status = VG_OK;
        if (got) {
            const size_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
            const slot s = slot_at(r, tail);
            if (!failed) status = write_slot(r, &s, &err);
            atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
            pthread_mutex_lock(&r->mutex);
            if (!failed && status == VG_OK) r->stats.recorded++;
            pthread_mutex_unlock(&r->mutex);
        } else if (errno == ETIMEDOUT && atomic_load(&r->quit)) {
            return NULL; /* the queue is empty */
        }
        if (!failed && status == VG_OK) status = flush_in_time(r, &err);
        pthread_mutex_lock(&r->mutex);
        r->stats.bytes = vg_mcap_bytes(r->writer);
        pthread_mutex_unlock(&r->mutex);
        if (status != VG_OK) failed = true, fail_once(r, &err);
    }
}

void vg_recorder_read(vg_recorder *r, vg_recorder_stats *out) {
    pthread_mutex_lock(&r->mutex);
    *out = r->stats;
    pthread_mutex_unlock(&r->mutex);
    out->dropped = (int64_t)atomic_load(&r->dropped);
}

/* ---- life ---- */

static vg_status create_file(vg_recorder *r, const char *folder, const vg_world_info *world, vg_error *err) {
    char step[32], cameras[VG_MAX_CAMERAS * 66] = "";
    for (int32_t c = 0; c < world->dims.cameras; c++) { /* one a line */
        strcat(cameras, world->camera_names[c]);
        strcat(cameras, "\n");
    }
    snprintf(step, sizeof step, "%.9g", world->step_seconds);
    const vg_mcap_pair told[] = {{"joint_set", world->joint_set}, {"cameras", cameras},    {"step_seconds", step},
                                 {"world", world->name},          {"scene", world->scene}, {"vergence", VG_VERSION}};
    const vg_mcap_channel channels[] = {{"/frame", "vergence.Frame", told, sizeof told / sizeof *told},
                                        {"/skeletons", "vergence.Skeletons", told, sizeof told / sizeof *told}};
    vg_status status = VG_REFUSED;
    for (int n = 1; n < 100000 && status == VG_REFUSED; n++) {
        snprintf(r->stats.path, sizeof r->stats.path, "%.900s/take-%d.mcap", folder, n);
        status = vg_mcap_create(&r->writer, r->stats.path, channels, 2, CHUNK_SIZE, err);
    }
    return status;
}

static vg_status make_queue(vg_recorder *r, const vg_world_info *world, vg_error *err) {
    const vg_dims d = world->dims;
    r->frame_size = vg_frame_bytes(d), r->skeletons_size = vg_skeletons_bytes(d.people, d.joints);
    r->slot_size = (64 + r->frame_size + r->skeletons_size + 63) & ~(size_t)63;
    r->count = QUEUE_BYTES / r->slot_size;
    if (r->count < FEWEST) r->count = FEWEST;
    if (r->count > MOST) r->count = MOST;
    r->slots = aligned_alloc(64, r->count * r->slot_size);
    if (!r->slots) return vg_fail(err, VG_NO_MEMORY, "no memory to record");
    memset(r->slots, 0, r->count * r->slot_size); /* its pages are there before the first tick */
    return vg_codec_create(&r->codec, 65536 + 2 * (r->frame_size + r->skeletons_size), err);
}

static void destroy(vg_recorder *r) {
    vg_codec_destroy(r->codec);
    free(r->slots);
    free(r);
}

vg_status vg_recorder_open(vg_recorder **out, const char *folder, const vg_world_info *world, const vg_log *log,
                           vg_error *err) {
    *out = NULL;
    vg_recorder *r = calloc(1, sizeof *r);
    if (!r) return vg_fail(err, VG_NO_MEMORY, "no memory to record");
    r->log = log;
    r->head_of_skeletons = (vg_wire_skeletons){.version = VG_PROTOCOL_VERSION};
    snprintf(r->head_of_skeletons.joint_set, sizeof r->head_of_skeletons.joint_set, "%s", world->joint_set);
    vg_status status = make_queue(r, world, err);
    if (status == VG_OK) status = create_file(r, folder, world, err);
    if (status != VG_OK) {
        destroy(r);
        return status;
    }
    sem_init(&r->queued, 0, 0);
    pthread_mutex_init(&r->mutex, NULL);
    r->chunk_ns = r->sync_ns = vg_clock_now_ns();
    if (pthread_create(&r->thread, NULL, record, r) == 0) {
        *out = r;
        return VG_OK;
    }
    status = vg_fail(err, VG_FAILED, "cannot start the recorder's thread: %s", strerror(errno));
    vg_mcap_finish(r->writer, NULL);
    sem_destroy(&r->queued), pthread_mutex_destroy(&r->mutex);
    destroy(r);
    return status;
}

vg_status vg_recorder_close(vg_recorder *r, vg_recorder_stats *out, vg_error *err) {
    if (!r) return VG_OK;
    atomic_store(&r->quit, true);
    pthread_join(r->thread, NULL);
    vg_error why = {0};
    vg_status status = vg_mcap_finish(r->writer, &why);
    if (status != VG_OK) fail_once(r, &why);
    if (r->stats.error[0]) status = vg_fail(err, VG_IO, "%s", r->stats.error);
    r->stats.dropped = (int64_t)atomic_load(&r->dropped);
    if (out) *out = r->stats;
    sem_destroy(&r->queued), pthread_mutex_destroy(&r->mutex);
    destroy(r);
    return status;
}
