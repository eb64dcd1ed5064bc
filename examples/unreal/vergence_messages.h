/* The messages of Vergence's world protocol (docs/protocol.md, version 2) for a plug-in that is one environment, and Unreal's
 * coordinates to Vergence's and back. Plain C99 and C++, no engine, no protobuf library, no allocation: include it and go.
 * Its bytes are those of Vergence's own encoder (tests/sim_bridge/test_example_messages.c). */
#ifndef VERGENCE_MESSAGES_H
#define VERGENCE_MESSAGES_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VGM_VERSION     2
#define VGM_CAMERAS     16
#define VGM_PEOPLE      64
#define VGM_JOINTS      14 /* left and right shoulder, elbow, wrist, hip, knee, ankle, eye */
#define VGM_MESSAGE_MAX ((size_t)64 << 20)

/* --- what is said ---------------------------------------------------------------------------------------------------- */

enum vgm_kind {
    VGM_HELLO = 2,
    VGM_WORLD = 3,
    VGM_RESET = 4,
    VGM_STEP = 5,
    VGM_FRAMES = 6,
    VGM_ERROR = 7,
    VGM_PING = 8,
    VGM_PONG = 9,
    VGM_BYE = 10
};
enum vgm_flag { VGM_FIRST = 1, VGM_TERMINATED = 2, VGM_TRUNCATED = 4, VGM_TRUTH = 8, VGM_IDENTIFIED = 16 };

/* A request of the client. */
typedef struct vgm_request {
    int kind; /* vgm_kind; others than Hello, Reset, Step, Ping and Bye are no requests */
    uint64_t sequence;
    uint32_t version, pictures, encodings; /* Hello */
    int shared_memory;
    uint64_t seed; /* Reset */
    uint32_t people, formation;
    uint64_t frame_id;            /* Step: the frame it answers */
    int motion_count;             /* cameras */
    float motion[VGM_CAMERAS][5]; /* velocity x y z m/s in world axes, yaw rate, pitch rate rad/s */
} vgm_request;

/* What this world is. */
typedef struct vgm_world {
    uint32_t version; /* the request's, or VGM_VERSION where that is newer */
    const char *name, *scene;
    uint32_t cameras, people;
    double step_seconds;
    int truth, resettable, teleports, live;
    float bounds[10];  /* m: camera box low xyz, high xyz, people's area low xy, high xy */
    float limits[3];   /* a camera's greatest speed (0: none), acceleration, turn rate */
    uint32_t pictures; /* that will come: sum of 1 lit, 2 mask, 4 depth */
} vgm_world;

typedef struct vgm_camera {
    uint32_t width, height; /* px */
    double fx, fy, cx, cy;  /* px; pixel (0, 0) is the centre of the top-left one */
    double R[9], t[3];      /* world to camera: x right, y down, z forward; m */
} vgm_camera;

/* A picture in part `part` after the message, raw: 4 bytes a pixel, blue green red 255, from the top. */
typedef struct vgm_picture {
    uint32_t camera, kind /* 0 lit, 1 mask, 2 depth */, width, height, part;
} vgm_picture;

typedef struct vgm_frame {
    uint64_t frame_id;
    int64_t time_ns;
    uint32_t flags; /* vgm_flag */
    int32_t target; /* -1: none */
    uint32_t cameras, people;
    vgm_camera camera[VGM_CAMERAS];
    const float *keypoints; /* [cameras, people, 14, 3] px, px, confidence; NULL: none seen */
    uint8_t present[VGM_PEOPLE];
    const float *truth; /* [people, 14, 3] m; NULL: unknown */
    uint32_t picture_count;
    vgm_picture picture[VGM_CAMERAS * 3];
} vgm_frame;

/* --- coordinates: Unreal is left-handed, centimetres, x forward, y right, z up; pitch, yaw, roll in degrees ------------------- */

#define VGM_DEGREE (3.14159265358979323846 / 180)

static inline void vgm_from_unreal(double out[3], const double location[3]) {
    out[0] = location[0] / 100, out[1] = -location[1] / 100, out[2] = location[2] / 100;
}

static inline void vgm_to_unreal(double location[3], const double at[3]) {
    location[0] = at[0] * 100, location[1] = -at[1] * 100, location[2] = at[2] * 100;
}

/* A camera without roll, from its Unreal pose and horizontal field of view. */
static inline void vgm_camera_from_unreal(vgm_camera *out, const double location[3], double pitch, double yaw,
                                          double fov, uint32_t width, uint32_t height) {
    const double p = pitch * VGM_DEGREE, y = -yaw * VGM_DEGREE;
    const double R[9] = {sin(y),          -cos(y),         0,       /* right */
                         sin(p) * cos(y), sin(p) * sin(y), -cos(p), /* down */
                         cos(p) * cos(y), cos(p) * sin(y), sin(p)}; /* forward */
    double at[3];
    int i;
    vgm_from_unreal(at, location);
    out->width = width, out->height = height;
    out->fx = out->fy = width / (2 * tan(fov * VGM_DEGREE / 2));
    out->cx = (width - 1) / 2.0, out->cy = (height - 1) / 2.0;
    memcpy(out->R, R, sizeof R);
    for (i = 0; i < 3; i++) out->t[i] = -(R[3 * i] * at[0] + R[3 * i + 1] * at[1] + R[3 * i + 2] * at[2]);
}

/* Where a point (m) is in the picture; 0 where it is behind the camera or outside. */
static inline int vgm_project(float uv[2], const vgm_camera *c, const float x[3]) {
    double p[3];
    int i;
    for (i = 0; i < 3; i++)
        p[i] = c->R[3 * i] * (double)x[0] + c->R[3 * i + 1] * (double)x[1] + c->R[3 * i + 2] * (double)x[2] + c->t[i];
    if (p[2] < 0.1) return 0;
    uv[0] = (float)(c->fx * p[0] / p[2] + c->cx), uv[1] = (float)(c->fy * p[1] / p[2] + c->cy);
    return uv[0] >= -0.5f && uv[1] >= -0.5f && uv[0] < (float)c->width - 0.5f && uv[1] < (float)c->height - 0.5f;
}

/* Where a camera is after a step of this motion: the pose is Unreal's and is changed. */
static inline void vgm_move(double location[3], double *pitch, double *yaw, const float motion[5], double seconds) {
    location[0] += 100 * (double)motion[0] * seconds;
    location[1] -= 100 * (double)motion[1] * seconds;
    location[2] += 100 * (double)motion[2] * seconds;
    *yaw -= (double)motion[3] * seconds / VGM_DEGREE;
    *pitch += (double)motion[4] * seconds / VGM_DEGREE;
    if (*pitch > 85) *pitch = 85;
    if (*pitch < -85) *pitch = -85;
}

/* --- writing ---------------------------------------------------------------------------------------------------------------- */

/* Bytes being written; `size` counts on where there is no room, so that size > room tells that it was too small. */
typedef struct vgm_out {
    unsigned char *data;
    size_t size, room;
} vgm_out;

static inline void vgm_byte(vgm_out *o, unsigned char b) {
    if (o->size < o->room) o->data[o->size] = b;
    o->size++;
}

static inline void vgm_varint(vgm_out *o, uint64_t v) {
    for (; v >= 128; v >>= 7) vgm_byte(o, (unsigned char)(v | 128));
    vgm_byte(o, (unsigned char)v);
}

static inline void vgm_tag(vgm_out *o, unsigned field, unsigned wire) {
    vgm_varint(o, field << 3 | wire);
}

/* Zero is the default and is not written. */
static inline void vgm_uint(vgm_out *o, unsigned field, uint64_t v) {
    if (v) vgm_tag(o, field, 0), vgm_varint(o, v);
}

static inline void vgm_f32(vgm_out *o, float v) {
    uint32_t u;
    int i;
    memcpy(&u, &v, 4);
    for (i = 0; i < 4; i++) vgm_byte(o, (unsigned char)(u >> 8 * i));
}

static inline void vgm_f64(vgm_out *o, double v) {
    uint64_t u;
    int i;
    memcpy(&u, &v, 8);
    for (i = 0; i < 8; i++) vgm_byte(o, (unsigned char)(u >> 8 * i));
}

static inline void vgm_floats(vgm_out *o, unsigned field, const float *v, size_t count) {
    size_t i;
    if (!count) return;
    vgm_tag(o, field, 2), vgm_varint(o, 4 * count);
    for (i = 0; i < count; i++) vgm_f32(o, v ? v[i] : 0.0f);
}

static inline void vgm_text(vgm_out *o, unsigned field, const char *text) {
    size_t i, size = strlen(text);
    if (!size) return;
    vgm_tag(o, field, 2), vgm_varint(o, size);
    for (i = 0; i < size; i++) vgm_byte(o, (unsigned char)text[i]);
}

/* A message or packed array inside another: its length comes first and is known last. */
static inline size_t vgm_begin(vgm_out *o, unsigned field) {
    vgm_tag(o, field, 2);
    return o->size;
}

static inline void vgm_end(vgm_out *o, size_t begun) {
    const size_t length = o->size - begun;
    size_t digits = 1, v;
    for (v = length; v >= 128; v >>= 7) digits++;
    if (o->size + digits <= o->room) memmove(o->data + begun + digits, o->data + begun, length);
    o->size = begun;
    vgm_varint(o, length);
    o->size += length;
}

static inline void vgm_write_world(vgm_out *o, uint64_t sequence, const vgm_world *w) {
    size_t body;
    vgm_uint(o, 1, sequence);
    body = vgm_begin(o, VGM_WORLD);
    vgm_uint(o, 1, w->version);
    vgm_text(o, 3, w->name), vgm_text(o, 4, w->scene);
    vgm_uint(o, 5, w->cameras), vgm_uint(o, 6, w->people), vgm_uint(o, 7, VGM_JOINTS), vgm_uint(o, 8, 1);
    vgm_tag(o, 9, 1), vgm_f64(o, w->step_seconds);
    vgm_uint(o, 10, w->truth != 0), vgm_uint(o, 11, w->resettable != 0), vgm_uint(o, 12, w->teleports != 0);
    vgm_floats(o, 13, w->bounds, 10), vgm_floats(o, 14, w->limits, 3);
    vgm_uint(o, 16, w->pictures), vgm_uint(o, 20, w->live != 0);
    vgm_end(o, body);
}

static inline void vgm_write_camera(vgm_out *o, const vgm_camera *c) {
    int i;
    vgm_f64(o, c->fx), vgm_f64(o, c->fy), vgm_f64(o, c->cx), vgm_f64(o, c->cy);
    for (i = 0; i < 8; i++) vgm_f64(o, 0); /* no distortion */
    for (i = 0; i < 9; i++) vgm_f64(o, c->R[i]);
    for (i = 0; i < 3; i++) vgm_f64(o, c->t[i]);
}

/* The answer to Reset and Step; send its pictures as further parts, in the order of their numbers. */
static inline void vgm_write_frames(vgm_out *o, uint64_t sequence, const vgm_frame *f) {
    const size_t joints = (size_t)f->people * VGM_JOINTS;
    size_t body, frame, array;
    uint32_t i;
    vgm_uint(o, 1, sequence);
    body = vgm_begin(o, VGM_FRAMES);
    frame = vgm_begin(o, 2);
    vgm_uint(o, 1, f->frame_id), vgm_uint(o, 2, (uint64_t)f->time_ns), vgm_uint(o, 3, f->flags);
    vgm_uint(o, 4, (uint32_t)f->target << 1 ^ (uint32_t)(f->target < 0 ? -1 : 0)); /* zigzag */
    array = vgm_begin(o, 5);
    for (i = 0; i < f->cameras; i++)
        vgm_varint(o, f->camera[i].width), vgm_varint(o, f->camera[i].height), vgm_varint(o, 0);
    vgm_end(o, array);
    array = vgm_begin(o, 6);
    for (i = 0; i < f->cameras; i++) vgm_write_camera(o, &f->camera[i]);
    vgm_end(o, array);
    vgm_floats(o, 7, f->keypoints, f->cameras * joints * 3);
    array = vgm_begin(o, 8);
    for (i = 0; i < f->people; i++) vgm_varint(o, f->present[i] != 0);
    vgm_end(o, array);
    if (f->truth) vgm_floats(o, 9, f->truth, joints * 3);
    if (f->picture_count) {
        array = vgm_begin(o, 10);
        for (i = 0; i < f->picture_count; i++) {
            const vgm_picture *p = &f->picture[i];
            vgm_varint(o, p->camera), vgm_varint(o, p->kind), vgm_varint(o, 0);
            vgm_varint(o, p->width), vgm_varint(o, p->height), vgm_varint(o, (uint64_t)4 * p->width * p->height);
            vgm_varint(o, p->part), vgm_varint(o, 0);
        }
        vgm_end(o, array);
    }
    vgm_end(o, frame);
    vgm_end(o, body);
}

/* Status: 1 invalid value ... 12 failed (docs/protocol.md). */
static inline void vgm_write_error(vgm_out *o, uint64_t sequence, uint32_t status, const char *message) {
    size_t body;
    vgm_uint(o, 1, sequence);
    body = vgm_begin(o, VGM_ERROR);
    vgm_uint(o, 1, status), vgm_text(o, 2, message);
    vgm_end(o, body);
}

static inline void vgm_write_pong(vgm_out *o, uint64_t sequence) {
    vgm_uint(o, 1, sequence);
    vgm_end(o, vgm_begin(o, VGM_PONG));
}

/* --- reading: nothing that a peer sends is trusted -------------------------------------------------------------------------- */

typedef struct vgm_in {
    const unsigned char *p, *end;
    int ok;
} vgm_in;

static inline uint64_t vgm_get_varint(vgm_in *in) {
    uint64_t v = 0;
    unsigned shift;
    for (shift = 0; shift < 64 && in->p < in->end; shift += 7) {
        const unsigned char b = *in->p++;
        v |= (uint64_t)(b & 127) << shift;
        if (b < 128) return v;
    }
    in->ok = 0;
    return 0;
}

static inline uint32_t vgm_get_u32(vgm_in *in) {
    uint32_t v = 0;
    int i;
    if (in->end - in->p < 4) {
        in->ok = 0, in->p = in->end;
        return 0;
    }
    for (i = 0; i < 4; i++) v |= (uint32_t)*in->p++ << 8 * i;
    return v;
}

/* The next field: its number, 0 at the end. A field of bytes becomes `inside`; numbers become `value`. */
static inline unsigned vgm_field(vgm_in *in, uint64_t *value, vgm_in *inside) {
    uint64_t key;
    *value = 0, inside->p = inside->end = in->end, inside->ok = 1;
    if (!in->ok || in->p >= in->end) return 0;
    key = vgm_get_varint(in);
    switch (key & 7) {
    case 0:
        *value = vgm_get_varint(in);
        break;
    case 1:
        *value = vgm_get_u32(in), *value |= (uint64_t)vgm_get_u32(in) << 32;
        break;
    case 5:
        *value = vgm_get_u32(in);
        break;
    case 2: {
        const uint64_t size = vgm_get_varint(in);
        if (size > (uint64_t)(in->end - in->p)) in->ok = 0;
        if (!in->ok) return 0;
        inside->p = in->p, inside->end = in->p += size;
        break;
    }
    default:
        in->ok = 0;
    }
    return in->ok && key >> 3 && key >> 3 < 0x20000000 ? (unsigned)(key >> 3) : (in->ok = 0, 0u);
}

/* The first number of an array, packed or not. */
static inline uint64_t vgm_first(uint64_t value, vgm_in *inside) {
    return inside->p < inside->end ? vgm_get_varint(inside) : value;
}

static inline void vgm_read_body(vgm_request *out, vgm_in *in) {
    uint64_t value;
    vgm_in inside;
    unsigned field;
    while ((field = vgm_field(in, &value, &inside)) != 0) {
        if (out->kind == VGM_HELLO) {
            if (field == 1) out->version = (uint32_t)value;
            if (field == 4) out->pictures = (uint32_t)value;
            if (field == 5) out->encodings = (uint32_t)value;
            if (field == 6) out->shared_memory = value != 0;
        } else if (out->kind == VGM_RESET) {
            if (field == 2) out->seed = vgm_first(value, &inside);
            if (field == 3) out->people = (uint32_t)vgm_first(value, &inside);
            if (field == 4) out->formation = (uint32_t)vgm_first(value, &inside);
        } else if (out->kind == VGM_STEP) {
            if (field == 2) out->frame_id = vgm_first(value, &inside);
            if (field == 3) {
                int n = 0;
                for (; inside.end - inside.p >= 4 && n < VGM_CAMERAS * 5; n++) {
                    const uint32_t u = vgm_get_u32(&inside);
                    memcpy(&out->motion[n / 5][n % 5], &u, 4);
                    if (!(fabs((double)out->motion[n / 5][n % 5]) < 1e4)) in->ok = 0;
                }
                if (inside.p != inside.end || n % 5) in->ok = 0;
                out->motion_count = n / 5;
            }
        }
        if (!inside.ok) in->ok = 0;
    }
}

/* 1 where the bytes are a request; its kind may still be one that a world does not answer. */
static inline int vgm_read_request(vgm_request *out, const void *data, size_t size) {
    vgm_in in, inside;
    uint64_t value;
    unsigned field;
    memset(out, 0, sizeof *out);
    if (size > VGM_MESSAGE_MAX) return 0;
    in.p = (const unsigned char *)data, in.end = in.p + size, in.ok = 1;
    while ((field = vgm_field(&in, &value, &inside)) != 0) {
        if (field == 1) out->sequence = value;
        if (field >= VGM_HELLO && field <= VGM_BYE) {
            out->kind = (int)field;
            vgm_read_body(out, &inside);
            if (!inside.ok) in.ok = 0;
        }
    }
    return in.ok && out->kind != 0;
}

#endif
