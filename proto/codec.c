/* Encoding and decoding over protobuf-c. Encoding points protobuf-c at the caller's arrays wherever their layout is the
 * wire's, so a frame is copied once. Decoding gives protobuf-c an allocator over a fixed block: a message that would need
 * more is refused. */
#include "proto/codec.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PICTURE_NUMBERS = 8, CAMERA_NUMBERS = 24, MOTION = 5, BOUNDS = 10, LIMITS = 3 };

void *codec_block_take(block *b, size_t size) {
    const size_t padded = (size + 15) & ~(size_t)15;
    if (size > b->size || padded > b->size - b->used) return NULL;
    void *at = b->base + b->used;
    b->used += padded;
    return at;
}

static void *parse_alloc(void *data, size_t size) {
    return codec_block_take(data, size);
}

static void parse_free(void *data, void *pointer) {
    (void)data, (void)pointer; /* the block is taken back as a whole */
}

vg_status vg_codec_create(vg_codec **out, size_t size, vg_error *err) {
    *out = NULL;
    if (size > VG_MESSAGE_MAX)
        return vg_fail(err, VG_INVALID, "messages of %zu bytes are needed; the most is %zu: use fewer environments",
                       size, VG_MESSAGE_MAX);
    vg_codec *c = calloc(1, sizeof *c);
    if (!c) return vg_fail(err, VG_NO_MEMORY, "codec: out of memory");
    c->size = size;
    c->parse.size = 2 * size + 65536, c->build.size = size + 65536;
    c->parse.base = malloc(c->parse.size), c->build.base = malloc(c->build.size), c->out = malloc(size);
    c->allocator = (ProtobufCAllocator){parse_alloc, parse_free, &c->parse};
    if (!c->parse.base || !c->build.base || !c->out) {
        vg_codec_destroy(c);
        return vg_fail(err, VG_NO_MEMORY, "codec: cannot allocate %zu bytes", size);
    }
    *out = c;
    return VG_OK;
}

void vg_codec_destroy(vg_codec *c) {
    if (!c) return;
    free(c->parse.base), free(c->build.base), free(c->out);
    free(c);
}

size_t vg_codec_size(vg_dims dims, int32_t envs) {
    return 16384 + (size_t)envs * (vg_frame_bytes(dims) + 512 + (size_t)dims.cameras * VG_PICTURE_KINDS * 64);
}

/* ---- encoding ---------------------------------------------------------------------------------------------------------- */

vg_status codec_finish(vg_codec *c, Vergence__Envelope *envelope, vg_bytes *out, vg_error *err) {
    const size_t size = vergence__envelope__get_packed_size(envelope);
    if (size > c->size) return vg_fail(err, VG_INVALID, "a message has %zu bytes; the most is %zu", size, c->size);
    vergence__envelope__pack(envelope, c->out);
    *out = (vg_bytes){c->out, size};
    return VG_OK;
}

Vergence__Envelope codec_envelope_of(uint64_t sequence, vg_message_kind kind) {
    Vergence__Envelope e = VERGENCE__ENVELOPE__INIT;
    e.sequence = sequence;
    e.body_case = (Vergence__Envelope__BodyCase)kind;
    return e;
}

vg_status vg_encode_hello(vg_codec *c, uint64_t sequence, const vg_wire_hello *in, vg_bytes *out, vg_error *err) {
    Vergence__Envelope e = codec_envelope_of(sequence, VG_MESSAGE_HELLO);
    Vergence__Hello m = VERGENCE__HELLO__INIT;
    m.version = in->version, m.capabilities = in->capabilities, m.name = (char *)(uintptr_t)in->name;
    m.pictures = in->pictures, m.encodings = in->encodings, m.shared_memory = in->shared_memory;
    e.hello = &m;
    return codec_finish(c, &e, out, err);
}

vg_status vg_encode_world(vg_codec *c, uint64_t sequence, const vg_wire_world *in, vg_bytes *out, vg_error *err) {
    Vergence__Envelope e = codec_envelope_of(sequence, VG_MESSAGE_WORLD);
    Vergence__World m = VERGENCE__WORLD__INIT;
    vg_wire_world copy = *in;
    m.version = in->version, m.capabilities = in->capabilities, m.name = copy.name, m.scene = copy.scene;
    m.cameras = (uint32_t)in->dims.cameras, m.people = (uint32_t)in->dims.people, m.joints = (uint32_t)in->dims.joints;
    m.environments = (uint32_t)in->environments, m.step_seconds = in->step_seconds;
    m.truth = in->truth, m.resettable = in->resettable, m.teleports = in->teleports;
    m.n_bounds = BOUNDS, m.bounds = copy.bounds, m.n_limits = LIMITS, m.limits = copy.limits;
    m.n_obstacles = (size_t)in->obstacle_count * VG_WIRE_OBSTACLE, m.obstacles = copy.obstacles;
    m.pictures = in->pictures, m.live = in->live;
    m.n_mask_colour = (size_t)in->mask_colours, m.mask_colour = copy.mask_colour;
    m.shared_memory = copy.shared_memory, m.shared_bytes = in->shared_bytes;
    e.world = &m;
    return codec_finish(c, &e, out, err);
}

vg_status vg_encode_reset(vg_codec *c, uint64_t sequence, int32_t first, int32_t count, const vg_wire_reset *in,
                          vg_bytes *out, vg_error *err) {
    Vergence__Envelope e = codec_envelope_of(sequence, VG_MESSAGE_RESET);
    Vergence__Reset m = VERGENCE__RESET__INIT;
    const size_t n = (size_t)count;
    c->build.used = 0;
    m.first = (uint32_t)first;
    m.n_seed = m.n_people = m.n_formation = n;
    m.seed = codec_block_take(&c->build, n * sizeof(uint64_t));
    m.people = codec_block_take(&c->build, n * sizeof(uint32_t)),
    m.formation = codec_block_take(&c->build, n * sizeof(uint32_t));
    if (!m.seed || !m.people || !m.formation)
        return vg_fail(err, VG_INVALID, "a reset of %d environments is too large", count);
    for (size_t i = 0; i < n; i++)
        m.seed[i] = in[i].seed, m.people[i] = (uint32_t)in[i].people, m.formation[i] = (uint32_t)in[i].formation;
    e.reset = &m;
    return codec_finish(c, &e, out, err);
}

vg_status vg_encode_step(vg_codec *c, uint64_t sequence, int32_t first, int32_t count, const vg_command *in,
                         vg_bytes *out, vg_error *err) {
    Vergence__Envelope e = codec_envelope_of(sequence, VG_MESSAGE_STEP);
    Vergence__Step m = VERGENCE__STEP__INIT;
    const size_t n = (size_t)count, C = (size_t)in->cameras;
    c->build.used = 0;
    m.first = (uint32_t)first;
    m.n_frame_id = n, m.frame_id = codec_block_take(&c->build, n * sizeof(uint64_t));
    m.n_motion = n * C * MOTION, m.motion = codec_block_take(&c->build, n * C * MOTION * sizeof(float));
    if (!m.frame_id || !m.motion) return vg_fail(err, VG_INVALID, "a step of %d environments is too large", count);
    for (size_t i = 0; i < n; i++) {
        m.frame_id[i] = in[i].frame_id;
        memcpy(m.motion + i * C * MOTION, in[i].camera, C * sizeof(vg_camera_command));
    }
    e.step = &m;
    return codec_finish(c, &e, out, err);
}

/* A camera as its three integers and 24 numbers. */
static void put_camera(uint32_t image[3], double numbers[CAMERA_NUMBERS], const vg_camera *k) {
    image[0] = (uint32_t)k->width, image[1] = (uint32_t)k->height, image[2] = (uint32_t)k->lens;
    numbers[0] = k->fx, numbers[1] = k->fy, numbers[2] = k->cx, numbers[3] = k->cy;
    memcpy(numbers + 4, k->distortion, sizeof k->distortion);
    memcpy(numbers + 12, k->R, sizeof k->R);
    memcpy(numbers + 21, k->t, sizeof k->t);
}

static void get_camera(vg_camera *k, const uint32_t image[3], const double numbers[CAMERA_NUMBERS]) {
    *k = (vg_camera){.width = (int32_t)image[0],
                     .height = (int32_t)image[1],
                     .lens = (int32_t)image[2],
                     .fx = numbers[0],
                     .fy = numbers[1],
                     .cx = numbers[2],
                     .cy = numbers[3]};
    memcpy(k->distortion, numbers + 4, sizeof k->distortion);
    memcpy(k->R, numbers + 12, sizeof k->R);
    memcpy(k->t, numbers + 21, sizeof k->t);
}

vg_status codec_build_frame(vg_codec *c, Vergence__Frame *w, const vg_frame *f, vg_error *err) {
    const size_t C = (size_t)f->dims.cameras, P = (size_t)f->dims.people, J = (size_t)f->dims.joints;
    vergence__frame__init(w);
    w->image = codec_block_take(&c->build, C * 3 * sizeof *w->image);
    w->camera = codec_block_take(&c->build, C * CAMERA_NUMBERS * sizeof *w->camera);
    if (!w->image || !w->camera)
        return vg_fail(err, VG_INVALID, "frame %llu is too large for a message", (unsigned long long)f->frame_id);
    w->frame_id = f->frame_id, w->time_ns = f->time_ns, w->flags = f->flags, w->target = f->target;
    w->n_image = 3 * C, w->n_camera = CAMERA_NUMBERS * C;
    for (size_t k = 0; k < C; k++)
        put_camera(w->image + 3 * k, w->camera + CAMERA_NUMBERS * k, &vg_frame_cameras(f)[k]);
    w->n_keypoints = C * P * J * 3, w->keypoints = (float *)vg_frame_keypoints(f);
    w->n_present = P, w->present = vg_frame_present(f);
    if (f->flags & VG_FRAME_TRUTH) w->n_truth = P * J * 3, w->truth = vg_frame_truth(f);
    return VG_OK;
}

/* The pictures of one environment, of those from *next on. */
static vg_status build_pictures(vg_codec *c, Vergence__Frame *w, int32_t environment, const vg_wire_picture *pictures,
                                int32_t count, int32_t *next, vg_error *err) {
    int32_t n = 0;
    while (*next + n < count && pictures[*next + n].environment == environment) n++;
    if (n == 0) return VG_OK;
    uint64_t *to = w->picture = codec_block_take(&c->build, (size_t)n * PICTURE_NUMBERS * sizeof *w->picture);
    if (!to) return vg_fail(err, VG_INVALID, "%d pictures are too many for a message", count);
    for (int32_t i = 0; i < n; i++, to += PICTURE_NUMBERS) {
        const vg_wire_picture *p = &pictures[*next + i];
        to[0] = (uint64_t)p->camera, to[1] = (uint64_t)p->kind, to[2] = (uint64_t)p->encoding;
        to[3] = (uint64_t)p->width, to[4] = (uint64_t)p->height;
        to[5] = p->bytes, to[6] = p->place, to[7] = p->stamp;
    }
    w->n_picture = (size_t)n * PICTURE_NUMBERS;
    *next += n;
    return VG_OK;
}

vg_status vg_encode_frames(vg_codec *c, uint64_t sequence, int32_t first, int32_t count, vg_frame *in, vg_bytes *out,
                           vg_error *err) {
    return vg_encode_frames_pictures(c, sequence, first, count, in, NULL, 0, 0, out, err);
}

vg_status vg_encode_frames_pictures(vg_codec *c, uint64_t sequence, int32_t first, int32_t count, vg_frame *in,
                                    const vg_wire_picture *pictures, int32_t picture_count, uint64_t dropped,
                                    vg_bytes *out, vg_error *err) {
    int32_t next = 0;
    Vergence__Envelope e = codec_envelope_of(sequence, VG_MESSAGE_FRAMES);
    Vergence__Frames m = VERGENCE__FRAMES__INIT;
    const size_t n = (size_t)count;
    c->build.used = 0;
    m.first = (uint32_t)first;
    m.n_frame = n, m.frame = codec_block_take(&c->build, n * sizeof *m.frame);
    Vergence__Frame *frames = codec_block_take(&c->build, n * sizeof *frames);
    if (!m.frame || !frames) return vg_fail(err, VG_INVALID, "%d frames are too many for a message", count);
    for (size_t i = 0; i < n; i++) {
        m.frame[i] = &frames[i];
        VG_TRY(codec_build_frame(c, &frames[i], vg_frame_at(in, (int32_t)i), err));
        VG_TRY(build_pictures(c, &frames[i], first + (int32_t)i, pictures, picture_count, &next, err));
    }
    VG_ASSERT(next == picture_count);
    m.dropped = dropped;
    e.frames = &m;
    return codec_finish(c, &e, out, err);
}

vg_status vg_encode_error(vg_codec *c, uint64_t sequence, const vg_wire_error *in, vg_bytes *out, vg_error *err) {
    Vergence__Envelope e = codec_envelope_of(sequence, VG_MESSAGE_ERROR);
    Vergence__Error m = VERGENCE__ERROR__INIT;
    m.status = (uint32_t)in->status, m.message = (char *)(uintptr_t)in->message;
    e.error = &m;
    return codec_finish(c, &e, out, err);
}

vg_status vg_encode_empty(vg_codec *c, uint64_t sequence, vg_message_kind kind, vg_bytes *out, vg_error *err) {
    Vergence__Envelope e = codec_envelope_of(sequence, kind);
    Vergence__Ping ping = VERGENCE__PING__INIT;
    Vergence__Pong pong = VERGENCE__PONG__INIT;
    Vergence__Bye bye = VERGENCE__BYE__INIT;
    if (kind == VG_MESSAGE_PING)
        e.ping = &ping;
    else if (kind == VG_MESSAGE_PONG)
        e.pong = &pong;
    else
        e.bye = &bye;
    return codec_finish(c, &e, out, err);
}

/* ---- decoding ---------------------------------------------------------------------------------------------------------- */

vg_status vg_decode(vg_codec *c, const void *data, size_t size, vg_message_kind *kind, uint64_t *sequence,
                    vg_error *err) {
    c->message = NULL;
    if (size > c->size) return vg_fail(err, VG_CORRUPT, "a message has %zu bytes; the most is %zu", size, c->size);
    c->parse.used = 0;
    Vergence__Envelope *m = vergence__envelope__unpack(&c->allocator, size, data);
    if (!m)
        return vg_fail(err, VG_CORRUPT, "a message of %zu bytes is not a vergence.Envelope (or needs too much memory)",
                       size);
    if (m->body_case == VERGENCE__ENVELOPE__BODY__NOT_SET)
        return vg_fail(err, VG_CORRUPT, "a message without a body, or with one that version %d does not know",
                       VG_PROTOCOL_VERSION);
    c->message = m;
    *kind = (vg_message_kind)m->body_case;
    *sequence = m->sequence;
    return VG_OK;
}

/* Printable UTF-8 into a field of our own; longer texts are cut at a character. */
vg_status codec_get_text(char *out, size_t room, const char *in, const char *field, vg_error *err) {
    const size_t size = strlen(in);
    for (size_t i = 0; i < size;) {
        const unsigned char b = (unsigned char)in[i];
        const size_t more = b < 0x80                ? 0
                            : b >= 0xc2 && b < 0xe0 ? 1
                            : b >= 0xe0 && b < 0xf0 ? 2
                            : b >= 0xf0 && b < 0xf5 ? 3
                                                    : 4;
        bool good = more < 4 && b >= 0x20 && b != 0x7f;
        for (size_t k = 1; good && k <= more; k++) good = ((unsigned char)in[i + k] & 0xc0) == 0x80;
        if (!good) return vg_fail(err, VG_CORRUPT, "%s is not printable UTF-8 at byte %zu", field, i);
        i += more + 1;
    }
    size_t n = size < room - 1 ? size : room - 1;
    while (n && n < size && ((unsigned char)in[n] & 0xc0) == 0x80) n--;
    memcpy(out, in, n);
    out[n] = '\0';
    return VG_OK;
}

vg_status codec_check_count(const char *field, size_t got, size_t wanted, vg_error *err) {
    if (got == wanted) return VG_OK;
    return vg_fail(err, VG_CORRUPT, "%s has %zu numbers; %zu are needed", field, got, wanted);
}

vg_status codec_check_floats(const char *field, const float *x, size_t n, vg_error *err) {
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i])) return vg_fail(err, VG_CORRUPT, "%s[%zu] is not finite", field, i);
    return VG_OK;
}

vg_status codec_check_range(const char *field, uint64_t value, uint64_t low, uint64_t high, vg_error *err) {
    if (value >= low && value <= high) return VG_OK;
    return vg_fail(err, VG_CORRUPT, "%s is %llu; it must be %llu to %llu", field, (unsigned long long)value,
                   (unsigned long long)low, (unsigned long long)high);
}

vg_status vg_decoded_hello(const vg_codec *c, vg_wire_hello *out, vg_error *err) {
    const Vergence__Hello *m = c->message->hello;
    *out = (vg_wire_hello){.version = m->version,
                           .capabilities = m->capabilities,
                           .pictures = m->pictures,
                           .encodings = m->encodings,
                           .shared_memory = m->shared_memory != 0};
    return codec_get_text(out->name, sizeof out->name, m->name, "hello.name", err);
}

vg_status vg_decoded_world(const vg_codec *c, vg_wire_world *out, vg_error *err) {
    const Vergence__World *m = c->message->world;
    *out = (vg_wire_world){.version = m->version,
                           .capabilities = m->capabilities,
                           .step_seconds = m->step_seconds,
                           .truth = m->truth != 0,
                           .resettable = m->resettable != 0,
                           .teleports = m->teleports != 0};
    VG_TRY(codec_get_text(out->name, sizeof out->name, m->name, "world.name", err));
    VG_TRY(codec_get_text(out->scene, sizeof out->scene, m->scene, "world.scene", err));
    VG_TRY(codec_check_range("world.cameras", m->cameras, 1, VG_MAX_CAMERAS, err));
    VG_TRY(codec_check_range("world.people", m->people, 1, VG_MAX_PEOPLE, err));
    VG_TRY(codec_check_range("world.joints", m->joints, 1, VG_MAX_JOINTS, err));
    VG_TRY(codec_check_range("world.environments", m->environments, 1, VG_MAX_ENVS, err));
    if (!(m->step_seconds > 1e-6 && m->step_seconds <= 60))
        return vg_fail(err, VG_CORRUPT, "world.step_seconds is %g; it must be 1e-6 to 60", m->step_seconds);
    VG_TRY(codec_check_count("world.bounds", m->n_bounds, BOUNDS, err));
    VG_TRY(codec_check_floats("world.bounds", m->bounds, BOUNDS, err));
    VG_TRY(codec_check_count("world.limits", m->n_limits, LIMITS, err));
    VG_TRY(codec_check_floats("world.limits", m->limits, LIMITS, err));
    if (m->n_obstacles % VG_WIRE_OBSTACLE || m->n_obstacles > VG_WIRE_OBSTACLES_MAX * VG_WIRE_OBSTACLE)
        return vg_fail(err, VG_CORRUPT, "world.obstacles has %zu numbers; it must be 8 for each of at most %d",
                       m->n_obstacles, VG_WIRE_OBSTACLES_MAX);
    VG_TRY(codec_check_floats("world.obstacles", m->obstacles, m->n_obstacles, err));
    for (size_t i = 0; i < m->n_obstacles; i += VG_WIRE_OBSTACLE)
        if (m->obstacles[i] != 0.0f && m->obstacles[i] != 1.0f)
            return vg_fail(err, VG_CORRUPT, "world.obstacles[%zu] is kind %g; it must be 0 (box) or 1 (cylinder)", i,
                           (double)m->obstacles[i]);
    out->dims = (vg_dims){(int32_t)m->cameras, (int32_t)m->people, (int32_t)m->joints};
    out->environments = (int32_t)m->environments;
    memcpy(out->bounds, m->bounds, sizeof out->bounds);
    memcpy(out->limits, m->limits, sizeof out->limits);
    out->obstacle_count = (int32_t)(m->n_obstacles / VG_WIRE_OBSTACLE);
    if (m->n_obstacles) memcpy(out->obstacles, m->obstacles, m->n_obstacles * sizeof(float));
    VG_TRY(codec_check_range("world.pictures", m->pictures, 0, (1u << VG_PICTURE_KINDS) - 1, err));
    if (m->n_mask_colour) VG_TRY(codec_check_count("world.mask_colour", m->n_mask_colour, m->people, err));
    out->pictures = m->pictures, out->live = m->live != 0;
    out->mask_colours = (int32_t)m->n_mask_colour;
    for (size_t i = 0; i < m->n_mask_colour; i++) out->mask_colour[i] = m->mask_colour[i] & 0xffffff;
    out->shared_bytes = m->shared_bytes;
    return codec_get_text(out->shared_memory, sizeof out->shared_memory, m->shared_memory, "world.shared_memory", err);
}

/* first + count <= room, count >= 1 */
static vg_status check_environments(const char *message, uint32_t first, size_t count, int32_t room, vg_error *err) {
    if (count >= 1 && count <= (size_t)room && first <= (size_t)room - count) return VG_OK;
    return vg_fail(err, VG_CORRUPT, "%s is for %zu environments from %u on; the world has %d", message, count, first,
                   room);
}

vg_status vg_decoded_reset(const vg_codec *c, int32_t *first, int32_t *count, vg_wire_reset *out, int32_t room,
                           vg_error *err) {
    const Vergence__Reset *m = c->message->reset;
    VG_TRY(check_environments("reset", m->first, m->n_seed, room, err));
    VG_TRY(codec_check_count("reset.people", m->n_people, m->n_seed, err));
    VG_TRY(codec_check_count("reset.formation", m->n_formation, m->n_seed, err));
    for (size_t i = 0; i < m->n_seed; i++) {
        VG_TRY(codec_check_range("reset.people", m->people[i], 1, VG_MAX_PEOPLE, err));
        VG_TRY(codec_check_range("reset.formation", m->formation[i], 0, 1, err));
        out[i] = (vg_wire_reset){m->seed[i], (int32_t)m->people[i], (int32_t)m->formation[i]};
    }
    *first = (int32_t)m->first, *count = (int32_t)m->n_seed;
    return VG_OK;
}

vg_status vg_decoded_step(const vg_codec *c, int32_t *first, int32_t *count, vg_command *out, int32_t room,
                          int32_t cameras, vg_error *err) {
    const Vergence__Step *m = c->message->step;
    const size_t width = (size_t)cameras * MOTION;
    VG_TRY(check_environments("step", m->first, m->n_frame_id, room, err));
    VG_TRY(codec_check_count("step.motion", m->n_motion, m->n_frame_id * width, err));
    VG_TRY(codec_check_floats("step.motion", m->motion, m->n_motion, err));
    for (size_t i = 0; i < m->n_frame_id; i++) {
        out[i] = (vg_command){.environment = (int32_t)(m->first + i), .cameras = cameras, .frame_id = m->frame_id[i]};
        memcpy(out[i].camera, m->motion + i * width, width * sizeof(float));
    }
    *first = (int32_t)m->first, *count = (int32_t)m->n_frame_id;
    return VG_OK;
}

static vg_status get_frame(vg_frame *f, const Vergence__Frame *m, vg_error *err) {
    const size_t C = (size_t)f->dims.cameras, P = (size_t)f->dims.people, J = (size_t)f->dims.joints;
    const uint32_t known =
        VG_FRAME_FIRST | VG_FRAME_TERMINATED | VG_FRAME_TRUNCATED | VG_FRAME_TRUTH | VG_FRAME_IDENTIFIED;
    if (m->flags & ~known)
        return vg_fail(err, VG_CORRUPT, "frame.flags is %#x; bits %#x are unknown", m->flags, m->flags & ~known);
    if (m->target < -1 || m->target >= f->dims.people)
        return vg_fail(err, VG_CORRUPT, "frame.target is %d; it must be -1 to %d", m->target, f->dims.people - 1);
    const bool truth = (m->flags & VG_FRAME_TRUTH) != 0;
    VG_TRY(codec_check_count("frame.image", m->n_image, C * 3, err));
    VG_TRY(codec_check_count("frame.camera", m->n_camera, C * CAMERA_NUMBERS, err));
    VG_TRY(codec_check_count("frame.keypoints", m->n_keypoints, C * P * J * 3, err));
    VG_TRY(codec_check_count("frame.present", m->n_present, P, err));
    VG_TRY(codec_check_count("frame.truth", m->n_truth, truth ? P * J * 3 : 0, err));
    VG_TRY(codec_check_floats("frame.keypoints", m->keypoints, m->n_keypoints, err));
    VG_TRY(codec_check_floats("frame.truth", m->truth, m->n_truth, err));
    for (size_t k = 0; k < C; k++) {
        VG_TRY(codec_check_range("frame.image width", m->image[3 * k], 1, 65536, err));
        VG_TRY(codec_check_range("frame.image height", m->image[3 * k + 1], 1, 65536, err));
        VG_TRY(codec_check_range("frame.image lens", m->image[3 * k + 2], 0, 1, err));
        const double *n = m->camera + CAMERA_NUMBERS * k;
        for (size_t i = 0; i < CAMERA_NUMBERS; i++)
            if (!isfinite(n[i]))
                return vg_fail(err, VG_CORRUPT, "frame.camera[%zu] is not finite", CAMERA_NUMBERS * k + i);
        if (!(n[0] > 0 && n[1] > 0))
            return vg_fail(err, VG_CORRUPT, "frame.camera %zu has focal lengths %g, %g; they must be positive", k, n[0],
                           n[1]);
        get_camera(&vg_frame_cameras(f)[k], m->image + 3 * k, n);
    }
    for (size_t p = 0; p < P; p++)
        if (m->present[p] != 0 && m->present[p] != 1)
            return vg_fail(err, VG_CORRUPT, "frame.present[%zu] is %d; it must be 0 or 1", p, m->present[p]);
    f->frame_id = m->frame_id, f->time_ns = m->time_ns, f->flags = m->flags, f->target = m->target;
    memcpy(vg_frame_keypoints(f), m->keypoints, C * P * J * 3 * sizeof(float));
    memcpy(vg_frame_present(f), m->present, P * sizeof(int32_t));
    if (truth)
        memcpy(vg_frame_truth(f), m->truth, P * J * 3 * sizeof(float));
    else
        memset(vg_frame_truth(f), 0, P * J * 3 * sizeof(float));
    return VG_OK;
}

vg_status vg_decoded_frames(const vg_codec *c, int32_t first, int32_t count, vg_frame *out, vg_error *err) {
    const Vergence__Frames *m = c->message->frames;
    if (m->first != (uint32_t)first || m->n_frame != (size_t)count)
        return vg_fail(err, VG_CORRUPT, "frames of %zu environments from %u on came; %d from %d on were asked for",
                       m->n_frame, m->first, count, first);
    for (int32_t i = 0; i < count; i++) {
        vg_frame *f = vg_frame_at(out, i);
        f->environment = first + i;
        const vg_status status = get_frame(f, m->frame[i], err);
        if (status) return vg_fail_context(err, status, "environment %d", first + i);
    }
    return VG_OK;
}

static vg_status get_picture(vg_wire_picture *out, const uint64_t n[PICTURE_NUMBERS], int32_t environment,
                             int32_t cameras, vg_error *err) {
    VG_TRY(codec_check_range("picture camera", n[0], 0, (uint64_t)cameras - 1, err));
    VG_TRY(codec_check_range("picture kind", n[1], 0, VG_PICTURE_KINDS - 1, err));
    VG_TRY(codec_check_range("picture encoding", n[2], 0, VG_PICTURE_ENCODINGS - 1, err));
    VG_TRY(codec_check_range("picture width", n[3], 1, VG_PICTURE_SIDE, err));
    VG_TRY(codec_check_range("picture height", n[4], 1, VG_PICTURE_SIDE, err));
    VG_TRY(codec_check_range("picture bytes", n[5], 1, VG_MESSAGE_MAX, err));
    if (n[2] == VG_PICTURE_RAW && n[5] != 4 * n[3] * n[4])
        return vg_fail(err, VG_CORRUPT, "a raw picture of %llu x %llu px has %llu bytes", (unsigned long long)n[3],
                       (unsigned long long)n[4], (unsigned long long)n[5]);
    if (n[2] == VG_PICTURE_JPEG && n[1] != VG_PICTURE_LIT)
        return vg_fail(err, VG_CORRUPT, "a JPEG of kind %llu; only lit pictures may lose a little",
                       (unsigned long long)n[1]);
    *out = (vg_wire_picture){.environment = environment,
                             .camera = (int32_t)n[0],
                             .kind = (int32_t)n[1],
                             .encoding = (int32_t)n[2],
                             .width = (int32_t)n[3],
                             .height = (int32_t)n[4],
                             .bytes = n[5],
                             .place = n[6],
                             .stamp = n[7]};
    return VG_OK;
}

vg_status vg_decoded_pictures(const vg_codec *c, int32_t cameras, vg_wire_picture *out, int32_t room, int32_t *count,
                              uint64_t *dropped, vg_error *err) {
    const Vergence__Frames *m = c->message->frames;
    *count = 0, *dropped = m->dropped;
    for (size_t f = 0; f < m->n_frame; f++) {
        const size_t n = m->frame[f]->n_picture;
        if (n % PICTURE_NUMBERS || n / PICTURE_NUMBERS > (size_t)(room - *count))
            return vg_fail(err, VG_CORRUPT, "frame.picture has %zu numbers; it must be 8 for each of at most %d", n,
                           room);
        for (size_t i = 0; i < n; i += PICTURE_NUMBERS)
            VG_TRY(get_picture(&out[(*count)++], m->frame[f]->picture + i, (int32_t)(m->first + f), cameras, err));
    }
    return VG_OK;
}

vg_status vg_decoded_error(const vg_codec *c, vg_wire_error *out, vg_error *err) {
    const Vergence__Error *m = c->message->error;
    *out = (vg_wire_error){.status = m->status > VG_OK && m->status <= VG_FAILED ? (vg_status)m->status : VG_FAILED};
    return codec_get_text(out->message, sizeof out->message, m->message, "error.message", err);
}
