/* Each camera has a short queue of pictures, oldest first. The frame that leaves next begins at the oldest picture of all, T,
 * and takes of each camera the oldest picture within [T, T + window]. It can leave as soon as every camera that is not silent
 * has a picture queued: one that lies beyond the window tells that its camera has none in it. What comes later with a time up
 * to T + window is late. */
#include "sim_bridge/live/assembly.h"

#include <stdlib.h>
#include <string.h>

enum { QUEUE = 16 };

typedef struct picture {
    int64_t time_ns, came_ns;
    int32_t people;
    int32_t slot; /* where its keypoints are */
} picture;

typedef struct camera_queue {
    vg_assembly_camera account;
    picture pictures[QUEUE]; /* by time */
    int32_t count;
    int64_t taken_ns; /* its picture in the last frame */
    uint32_t free;    /* bit i: keypoint slot i is free */
} camera_queue;

struct vg_assembly {
    vg_assembly_config config;
    int64_t left_ns;        /* pictures up to here are late */
    size_t slot;            /* keypoints of one picture */
    vg_keypoint *keypoints; /* [cameras, QUEUE, people, joints] */
    camera_queue queue[VG_MAX_CAMERAS];
};

vg_status vg_assembly_create(vg_assembly **out, const vg_assembly_config *config, vg_error *err) {
    *out = NULL;
    vg_assembly *a = calloc(1, sizeof *a);
    if (!a) return vg_fail(err, VG_NO_MEMORY, "no memory to put frames together");
    a->config = *config;
    a->slot = (size_t)config->dims.people * (size_t)config->dims.joints;
    a->keypoints = calloc((size_t)config->dims.cameras * QUEUE * a->slot, sizeof *a->keypoints);
    if (!a->keypoints) {
        free(a);
        return vg_fail(err, VG_NO_MEMORY, "no memory to put frames together");
    }
    vg_assembly_restart(a);
    *out = a;
    return VG_OK;
}

void vg_assembly_destroy(vg_assembly *a) {
    if (!a) return;
    free(a->keypoints);
    free(a);
}

void vg_assembly_restart(vg_assembly *a) {
    a->left_ns = INT64_MIN;
    for (int32_t c = 0; c < a->config.dims.cameras; c++) a->queue[c].count = 0, a->queue[c].free = (1u << QUEUE) - 1;
}

int64_t vg_assembly_left(const vg_assembly *a) {
    return a->left_ns;
}

static vg_keypoint *keypoints_of(const vg_assembly *a, int32_t camera, int32_t slot) {
    return a->keypoints + ((size_t)camera * QUEUE + (size_t)slot) * a->slot;
}

static void remove_at(camera_queue *q, int32_t i) {
    q->free |= 1u << q->pictures[i].slot;
    q->count--;
    memmove(q->pictures + i, q->pictures + i + 1, sizeof *q->pictures * (size_t)(q->count - i));
}

static float confidence_of(const vg_keypoint *person, int32_t joints) {
    float sum = 0;
    for (int32_t j = 0; j < joints; j++) sum += person[j].confidence;
    return sum;
}

/* Copies detections; of more than there is room for, each further one takes the place of the least confident, if it is more
 * confident than that. Returns how many there are. */
static int32_t copy_people(const vg_assembly *a, vg_keypoint *to, int32_t people, const vg_keypoint *from) {
    const int32_t joints = a->config.dims.joints, room = a->config.dims.people;
    const size_t size = sizeof *to * (size_t)joints;
    const int32_t first = people < room ? people : room;
    memcpy(to, from, size * (size_t)first);
    for (int32_t p = room; p < people; p++) {
        int32_t least = 0;
        for (int32_t k = 1; k < room; k++)
            if (confidence_of(to + k * joints, joints) < confidence_of(to + least * joints, joints)) least = k;
        if (confidence_of(from + p * joints, joints) > confidence_of(to + least * joints, joints))
            memcpy(to + least * joints, from + p * joints, size);
    }
    return first;
}

void vg_assembly_add(vg_assembly *a, int32_t camera, int64_t time_ns, int64_t now_ns, int32_t people,
                     const vg_keypoint *keypoints) {
    camera_queue *q = &a->queue[camera];
    q->account.heard_ns = now_ns;
    if (time_ns <= a->left_ns) {
        q->account.late++;
        return;
    }
    if (q->count == QUEUE) {
        q->account.surplus++;
        remove_at(q, 0);
    }
    int32_t at = q->count;
    while (at > 0 && q->pictures[at - 1].time_ns > time_ns) at--;
    memmove(q->pictures + at + 1, q->pictures + at, sizeof *q->pictures * (size_t)(q->count - at));
    const int32_t slot = __builtin_ctz(q->free);
    q->free &= ~(1u << slot);
    q->count++;
    if (people > a->config.dims.people) q->account.crowded += people - a->config.dims.people;
    q->pictures[at] =
        (picture){time_ns, now_ns, copy_people(a, keypoints_of(a, camera, slot), people, keypoints), slot};
}

bool vg_assembly_silent(const vg_assembly *a, int32_t camera, int64_t now_ns) {
    const int64_t heard = a->queue[camera].account.heard_ns;
    return heard == 0 || now_ns - heard > a->config.silent_ns;
}

/* The camera of the oldest picture, -1 where there is none. */
static int32_t oldest(const vg_assembly *a) {
    int32_t best = -1;
    for (int32_t c = 0; c < a->config.dims.cameras; c++)
        if (a->queue[c].count && (best < 0 || a->queue[c].pictures[0].time_ns < a->queue[best].pictures[0].time_ns))
            best = c;
    return best;
}

int64_t vg_assembly_deadline(const vg_assembly *a) {
    const int32_t first = oldest(a);
    return first < 0 ? INT64_MAX : a->queue[first].pictures[0].came_ns + a->config.patience_ns;
}

bool vg_assembly_ready(const vg_assembly *a, int64_t now_ns) {
    if (oldest(a) < 0) return false;
    bool all = true;
    for (int32_t c = 0; c < a->config.dims.cameras; c++)
        if (!a->queue[c].count && !vg_assembly_silent(a, c, now_ns)) all = false;
    return all || now_ns >= vg_assembly_deadline(a);
}

int64_t vg_assembly_take(vg_assembly *a, vg_frame *frame, uint32_t *cameras) {
    const vg_dims d = a->config.dims;
    const int32_t first = oldest(a);
    VG_ASSERT(first >= 0);
    const int64_t begin = a->queue[first].pictures[0].time_ns, end = begin + a->config.window_ns;
    int64_t late_by = 0, came = 0, count = 0;
    int32_t *present = vg_frame_present(frame);
    memset(present, 0, sizeof *present * (size_t)d.people);
    memset(vg_frame_keypoints(frame), 0, sizeof(vg_keypoint) * (size_t)d.cameras * a->slot);
    *cameras = 0;
    for (int32_t c = 0; c < d.cameras; c++) {
        camera_queue *q = &a->queue[c];
        if (!q->count || q->pictures[0].time_ns > end) continue;
        const picture *p = &q->pictures[0];
        memcpy(vg_frame_keypoints(frame) + (size_t)c * a->slot, keypoints_of(a, c, p->slot),
               sizeof(vg_keypoint) * (size_t)p->people * (size_t)d.joints);
        for (int32_t i = 0; i < p->people; i++) present[i] = 1;
        if (p->came_ns > came) came = p->came_ns;
        q->taken_ns = p->time_ns;
        late_by += p->time_ns - begin, count++;
        *cameras |= 1u << c;
        remove_at(q, 0);
        while (q->count && q->pictures[0].time_ns <= end) remove_at(q, 0), q->account.surplus++;
    }
    frame->time_ns = begin + late_by / count;
    a->left_ns = end;
    return came;
}

int64_t vg_assembly_taken(const vg_assembly *a, int32_t camera) {
    return a->queue[camera].taken_ns;
}

const vg_assembly_camera *vg_assembly_camera_at(const vg_assembly *a, int32_t camera) {
    return &a->queue[camera].account;
}
