/* Real motion: a BVH clip whose movement people repeat while they walk where the crowd takes them. Once, when the world
 * opens:
 *   1. the joints are found by name and by who hangs on whom (an elbow is what a wrist hangs on);
 *   2. every frame becomes the directions of the limbs, in axes that turn with where the person faces, and the heights and
 *      sways over the length of the leg, so that any body can wear them;
 *   3. the stretch whose end is most like its beginning is cut out, and the end faded into the beginning (as in motion
 *      graphs: Kovar, Gleicher, Pighin 2002).
 * Each step, a walking clip goes on by the distance walked, so that its feet hold the ground at any speed; where the person
 * stands, it stands upright. A clip that does not walk goes on with time. */
#include "sim_bridge/embedded/sim.h"

#include "perception/motion.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- what a frame is made of ---------------------------------------------------------------------------------------- */

typedef enum part {
    SPINE,     /* middle of the hips to middle of the shoulders */
    NECK,      /* middle of the shoulders to the head */
    HIPS,      /* right hip to left hip */
    SHOULDERS, /* right shoulder to left shoulder */
    UPPER_ARM, /* left, right */
    FOREARM = UPPER_ARM + 2,
    THIGH = FOREARM + 2,
    SHANK = THIGH + 2,
    PARTS = SHANK + 2
} part;

/* In axes x forward, y left, z up, turning with the person; lengths over the leg's. */
typedef struct clip_frame {
    float direction[PARTS][3]; /* unit vectors */
    float sway[2];             /* of the hips' middle about its smoothed path */
    float lift;                /* of the lower ankle over where it stands */
} clip_frame;

struct sim_clip {
    int32_t frames;  /* of the loop; after the last comes the first */
    bool walks;      /* goes on by distance, else by time */
    float travelled; /* in one loop, over the leg */
    float seconds;   /* of one loop */
    clip_frame frame[];
};

static const clip_frame standing = {.direction = {[SPINE] = {0.03f, 0, 1},
                                                  [NECK] = {0.15f, 0, 0.99f},
                                                  [HIPS] = {0, 1, 0},
                                                  [SHOULDERS] = {0, 1, 0},
                                                  [UPPER_ARM] = {0, 0.12f, -0.99f},
                                                  [UPPER_ARM + 1] = {0, -0.12f, -0.99f},
                                                  [FOREARM] = {0.2f, 0.03f, -0.98f},
                                                  [FOREARM + 1] = {0.2f, -0.03f, -0.98f},
                                                  [THIGH] = {0.03f, 0, -1},
                                                  [THIGH + 1] = {0.03f, 0, -1},
                                                  [SHANK] = {-0.03f, 0, -1},
                                                  [SHANK + 1] = {-0.03f, 0, -1}}};

/* --- finding the joints ---------------------------------------------------------------------------------------------- */

typedef enum joint {
    HEAD,
    SHOULDER,
    ELBOW = SHOULDER + 2,
    WRIST = ELBOW + 2,
    HIP = WRIST + 2,
    KNEE = HIP + 2,
    ANKLE = KNEE + 2,
    JOINTS = ANKLE + 2
} joint; /* pairs: left, right */

typedef struct source {
    const vg_bvh *bvh;
    const char *path;
    int32_t at[JOINTS]; /* index of the BVH's joint */
} source;

static bool contains(const char *name, const char *word) {
    const size_t n = strlen(word);
    for (; *name; name++) {
        size_t i = 0;
        while (i < n && tolower((unsigned char)name[i]) == word[i]) i++;
        if (i == n) return true;
    }
    return false;
}

/* "LeftFoot", "lFoot", "L_foot", "foot_l", "mixamorig:LeftFoot". */
static bool is_of_side(const char *name, int side) {
    const char *colon = strrchr(name, ':');
    if (colon) name = colon + 1;
    if (contains(name, side ? "right" : "left")) return true;
    if (contains(name, "left") || contains(name, "right")) return false;
    const char letter = side ? 'r' : 'l';
    const size_t n = strlen(name);
    if (n > 2 && tolower((unsigned char)name[0]) == letter && (isupper((unsigned char)name[1]) || name[1] == '_'))
        return true;
    return n > 2 && tolower((unsigned char)name[n - 1]) == letter && strchr("_.", name[n - 2]);
}

static int32_t depth(const vg_bvh *bvh, int32_t j) {
    int32_t d = 0;
    while ((j = bvh->joint[j].parent) >= 0) d++;
    return d;
}

/* The joint nearest to the root whose name has one of two words; side -1: either. */
static int32_t find(const vg_bvh *bvh, int side, const char *word, const char *other) {
    int32_t best = -1;
    for (int32_t j = 0; j < bvh->joints; j++) {
        const char *name = bvh->joint[j].name;
        if (bvh->joint[j].is_end || (side >= 0 && !is_of_side(name, side))) continue;
        if (!contains(name, word) && !contains(name, other)) continue;
        if (best < 0 || depth(bvh, j) < depth(bvh, best)) best = j;
    }
    return best;
}

/* What a joint hangs on, twist joints left out. */
static int32_t above(const vg_bvh *bvh, int32_t j) {
    if (j >= 0) j = bvh->joint[j].parent;
    while (j >= 0 && (contains(bvh->joint[j].name, "roll") || contains(bvh->joint[j].name, "twist")))
        j = bvh->joint[j].parent;
    return j;
}

static vg_status find_joints(source *s, vg_error *err) {
    static const char *const wrist_words[2] = {"wrist", "hand"}, *const ankle_words[2] = {"ankle", "foot"};
    s->at[HEAD] = find(s->bvh, -1, "head", "skull");
    if (s->at[HEAD] < 0)
        return vg_fail(err, VG_INVALID, "%s: no joint's name has `head` in it; motion needs a whole body", s->path);
    for (int side = 0; side < 2; side++) {
        const char *name = side ? "right" : "left";
        const int32_t wrist = find(s->bvh, side, wrist_words[0], wrist_words[1]);
        const int32_t ankle = find(s->bvh, side, ankle_words[0], ankle_words[1]);
        s->at[WRIST + side] = wrist, s->at[ELBOW + side] = above(s->bvh, wrist);
        s->at[SHOULDER + side] = above(s->bvh, s->at[ELBOW + side]);
        s->at[ANKLE + side] = ankle, s->at[KNEE + side] = above(s->bvh, ankle);
        s->at[HIP + side] = above(s->bvh, s->at[KNEE + side]);
        if (s->at[SHOULDER + side] < 0)
            return vg_fail(err, VG_INVALID,
                           "%s: no %s arm: a joint named ...Hand or ...Wrist with two joints above it is needed",
                           s->path, name);
        if (s->at[HIP + side] < 0)
            return vg_fail(err, VG_INVALID,
                           "%s: no %s leg: a joint named ...Foot or ...Ankle with two joints above it is needed",
                           s->path, name);
    }
    return VG_OK;
}

/* --- frames of the whole clip ------------------------------------------------------------------------------------------ */

/* The clip while it is prepared: joints in metres-like file units, z up. */
typedef struct take {
    int32_t frames;
    double seconds; /* of a frame */
    double leg;     /* mean length, file units */
    double floor;   /* lowest ankle */
    double (*x)[JOINTS][3];
    double (*root)[2]; /* smoothed path of the hips' middle */
    double *facing;    /* smoothed, unwrapped, radians */
    double *spare;     /* [frames] */
} take;

static double middle(const take *t, int32_t f, int pair, int k) {
    const double(*x)[3] = (const double(*)[3])t->x[f];
    return 0.5 * (x[pair][k] + x[pair + 1][k]);
}

/* Which of the file's axes points up: the one along which heads are above ankles. */
static vg_status find_up(int *up, const take *t, const char *path, vg_error *err) {
    double rise[3] = {0}, size = 0;
    for (int32_t f = 0; f < t->frames; f++)
        for (int k = 0; k < 3; k++) rise[k] += t->x[f][HEAD][k] - middle(t, f, ANKLE, k);
    *up = 0;
    for (int k = 0; k < 3; k++) {
        size += rise[k] * rise[k];
        if (rise[k] > rise[*up]) *up = k;
    }
    if (!(rise[*up] > 0.7 * sqrt(size)))
        return vg_fail(err, VG_INVALID,
                       "%s: the head is not above the feet along any axis; the clip must be of an upright person",
                       path);
    return VG_OK;
}

/* Forward kinematics of every frame, turned so that z is up. */
static vg_status pose_all(take *t, const source *s, vg_error *err) {
    double(*world)[3] = calloc((size_t)s->bvh->joints, sizeof *world);
    if (!world) return vg_fail(err, VG_NO_MEMORY, "%s: no memory", s->path);
    bool finite = true;
    for (int32_t f = 0; f < t->frames; f++) {
        vg_bvh_pose(world, NULL, s->bvh, f);
        for (int j = 0; j < JOINTS; j++)
            for (int k = 0; k < 3; k++) {
                t->x[f][j][k] = world[s->at[j]][k];
                finite = finite && fabs(t->x[f][j][k]) < 1e9;
            }
    }
    free(world);
    if (!finite) return vg_fail(err, VG_INVALID, "%s: positions are not finite", s->path);
    int up;
    VG_TRY(find_up(&up, t, s->path, err));
    for (int32_t f = 0; f < t->frames; f++)
        for (int j = 0; j < JOINTS; j++) {
            const double v[3] = {t->x[f][j][(up + 1) % 3], t->x[f][j][(up + 2) % 3], t->x[f][j][up]};
            memcpy(t->x[f][j], v, sizeof v); /* a rotation: the axes keep their order */
        }
    return VG_OK;
}

/* Mean over `reach` frames to both sides, fewer at the ends. */
static void smooth(double *x, size_t stride, int32_t n, int32_t reach, double *spare) {
    for (int32_t f = 0; f < n; f++) {
        int32_t r = reach;
        if (r > f) r = f;
        if (r > n - 1 - f) r = n - 1 - f;
        double sum = 0;
        for (int32_t i = f - r; i <= f + r; i++) sum += x[stride * (size_t)i];
        spare[f] = sum / (2 * r + 1);
    }
    for (int32_t f = 0; f < n; f++) x[stride * (size_t)f] = spare[f];
}

static double distance(const double a[3], const double b[3]) {
    return sqrt((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) + (a[2] - b[2]) * (a[2] - b[2]));
}

static vg_status measure(take *t, const char *path, vg_error *err) {
    t->leg = 0, t->floor = (double)INFINITY;
    for (int32_t f = 0; f < t->frames; f++) {
        double left[2] = {0};
        for (int side = 0; side < 2; side++) {
            const double *hip = t->x[f][HIP + side], *knee = t->x[f][KNEE + side], *ankle = t->x[f][ANKLE + side];
            t->leg += (distance(hip, knee) + distance(knee, ankle)) / (2 * t->frames);
            t->floor = fmin(t->floor, ankle[2]);
        }
        for (int k = 0; k < 2; k++) {
            left[k] = t->x[f][HIP][k] - t->x[f][HIP + 1][k] + t->x[f][SHOULDER][k] - t->x[f][SHOULDER + 1][k];
            t->root[f][k] = middle(t, f, HIP, k);
        }
        const double facing = atan2(-left[0], left[1]), before = f ? t->facing[f - 1] : facing;
        t->facing[f] = before + remainder(facing - before, 2 * M_PI);
    }
    if (!(t->leg > 1e-6)) return vg_fail(err, VG_INVALID, "%s: the legs have no length", path);
    const int32_t half_second = (int32_t)fmin(0.5 / t->seconds, (double)t->frames);
    for (int k = 0; k < 2; k++) smooth(&t->root[0][k], 2, t->frames, half_second, t->spare);
    smooth(t->facing, 1, t->frames, half_second, t->spare);
    return VG_OK;
}

/* The unit vector from a to b in the person's axes. */
static void direction_of(float out[3], const double a[3], const double b[3], double facing) {
    const double c = cos(facing), s = sin(facing), x = b[0] - a[0], y = b[1] - a[1], z = b[2] - a[2];
    const double norm = sqrt(x * x + y * y + z * z);
    const double scale = norm > 1e-9 ? 1 / norm : 0;
    out[0] = (float)((c * x + s * y) * scale), out[1] = (float)((-s * x + c * y) * scale), out[2] = (float)(z * scale);
}

static void describe(clip_frame *out, const take *t, int32_t f) {
    const double(*x)[3] = (const double(*)[3])t->x[f];
    double hips[3], chest[3];
    for (int k = 0; k < 3; k++) hips[k] = middle(t, f, HIP, k), chest[k] = middle(t, f, SHOULDER, k);
    const double facing = t->facing[f];
    direction_of(out->direction[SPINE], hips, chest, facing);
    direction_of(out->direction[NECK], chest, x[HEAD], facing);
    direction_of(out->direction[HIPS], x[HIP + 1], x[HIP], facing);
    direction_of(out->direction[SHOULDERS], x[SHOULDER + 1], x[SHOULDER], facing);
    for (int side = 0; side < 2; side++) {
        direction_of(out->direction[UPPER_ARM + side], x[SHOULDER + side], x[ELBOW + side], facing);
        direction_of(out->direction[FOREARM + side], x[ELBOW + side], x[WRIST + side], facing);
        direction_of(out->direction[THIGH + side], x[HIP + side], x[KNEE + side], facing);
        direction_of(out->direction[SHANK + side], x[KNEE + side], x[ANKLE + side], facing);
    }
    const double dx = hips[0] - t->root[f][0], dy = hips[1] - t->root[f][1], c = cos(facing), s = sin(facing);
    out->sway[0] = (float)((c * dx + s * dy) / t->leg), out->sway[1] = (float)((-s * dx + c * dy) / t->leg);
    out->lift = (float)((fmin(x[ANKLE][2], x[ANKLE + 1][2]) - t->floor) / t->leg);
}

/* --- the stretch that repeats -------------------------------------------------------------------------------------------- */

static double unlike(const clip_frame *a, const clip_frame *b) {
    double sum = 0;
    for (int p = 0; p < PARTS; p++)
        for (int k = 0; k < 3; k++) {
            const double d = (double)(a->direction[p][k] - b->direction[p][k]);
            sum += d * d;
        }
    return sum;
}

/* How badly a loop that goes from `last` to `first` joins: poses there, and a moment before. */
static double seam(const clip_frame *frames, int32_t first, int32_t last, int32_t moment) {
    return unlike(&frames[first], &frames[last]) + unlike(&frames[first - moment], &frames[last - moment]);
}

/* The longest of the loops that join nearly as well as the best. */
static void find_loop(int32_t *first, int32_t *last, const clip_frame *frames, int32_t n, double seconds) {
    const int32_t moment = (int32_t)fmax(1, 0.1 / seconds), least = (int32_t)(0.8 / seconds) + 1;
    const int32_t stride = n / 400 + 1; /* at most 400 x 400 pairs */
    *first = 0, *last = n;
    if (n < least + 2 * moment) return;
    double best = (double)INFINITY;
    for (int32_t i = moment; i + least < n; i += stride)
        for (int32_t j = i + least; j < n; j += stride) best = fmin(best, seam(frames, i, j, moment));
    for (int32_t i = moment; i + least < n; i += stride)
        for (int32_t j = i + least; j < n; j += stride)
            if (seam(frames, i, j, moment) <= 1.5 * best + 0.02 && (*last == n || j - i > *last - *first))
                *first = i, *last = j;
}

static void mix(clip_frame *out, const clip_frame *a, const clip_frame *b, float w) {
    const float *x = (const float *)a, *y = (const float *)b;
    float *z = (float *)out;
    for (size_t i = 0; i < sizeof(clip_frame) / sizeof(float); i++) z[i] = x[i] + (y[i] - x[i]) * w;
}

/* Copies the loop out of the take; its last moment fades into what came before its first frame. */
static vg_status cut(sim_clip **out, const take *t, const clip_frame *frames, const char *path, vg_error *err) {
    int32_t first, last;
    find_loop(&first, &last, frames, t->frames, t->seconds);
    const int32_t n = last - first;
    sim_clip *clip = calloc(1, sizeof *clip + (size_t)n * sizeof(clip_frame));
    if (!clip) return vg_fail(err, VG_NO_MEMORY, "%s: no memory", path);
    clip->frames = n;
    clip->seconds = (float)(n * t->seconds);
    memcpy(clip->frame, frames + first, (size_t)n * sizeof(clip_frame));
    const int32_t fade = (int32_t)fmin(0.2 / t->seconds, fmin(first, n / 2));
    for (int32_t k = 1; k <= fade; k++)
        mix(&clip->frame[n - k], &frames[last - k], &frames[first - k], 1 - (float)k / (float)(fade + 1));
    double way = 0;
    for (int32_t f = first + 1; f < last; f++)
        way += hypot(t->root[f][0] - t->root[f - 1][0], t->root[f][1] - t->root[f - 1][1]);
    clip->travelled = (float)(way / t->leg);
    clip->walks = clip->travelled > 0.25f * clip->seconds; /* a slow walk is a leg's length a second */
    *out = clip;
    return VG_OK;
}

static vg_status prepare(sim_clip **out, const source *s, vg_error *err) {
    take t = {.frames = s->bvh->frames, .seconds = s->bvh->frame_seconds};
    const size_t n = (size_t)t.frames;
    clip_frame *frames = calloc(n, sizeof *frames);
    t.x = calloc(n, sizeof *t.x), t.root = calloc(n, sizeof *t.root);
    t.facing = calloc(n, sizeof *t.facing), t.spare = calloc(n, sizeof *t.spare);
    vg_status status = VG_OK;
    if (!frames || !t.x || !t.root || !t.facing || !t.spare)
        status = vg_fail(err, VG_NO_MEMORY, "%s: no memory for %d frames", s->path, t.frames);
    if (status == VG_OK) status = pose_all(&t, s, err);
    if (status == VG_OK) status = measure(&t, s->path, err);
    for (int32_t f = 0; status == VG_OK && f < t.frames; f++) describe(&frames[f], &t, f);
    if (status == VG_OK) status = cut(out, &t, frames, s->path, err);
    free(frames), free(t.x), free(t.root), free(t.facing), free(t.spare);
    return status;
}

vg_status sim_clip_open(sim_clip **out, const char *path, vg_error *err) {
    *out = NULL;
    vg_bvh bvh;
    VG_TRY(vg_bvh_read(path, &bvh, err));
    source s = {.bvh = &bvh, .path = path};
    vg_status status =
        bvh.frames > 0 ? VG_OK : vg_fail(err, VG_INVALID, "%s: Frames: 0; motion needs at least one", path);
    if (status == VG_OK) status = find_joints(&s, err);
    if (status == VG_OK) status = prepare(out, &s, err);
    vg_bvh_free(&bvh);
    return status;
}

void sim_clip_destroy(sim_clip *clip) {
    free(clip);
}

/* --- while the world runs -------------------------------------------------------------------------------------------------- */

void sim_clip_step(sim_person *p, const sim_clip *clip, float dt) {
    const float leg = p->body.thigh + p->body.shank;
    /* turning on the spot takes steps too */
    const float on =
        clip->walks ? (p->speed + 0.1f * fabsf(p->yaw_rate)) * dt / (clip->travelled * leg) : dt / clip->seconds;
    p->clip_phase += on;
    p->clip_phase -= floorf(p->clip_phase);
}

/* The clip's frame at the person's place in it, its directions made unit vectors again. */
static void sample(clip_frame *out, const sim_person *p, const sim_clip *clip) {
    const float at = p->clip_phase * (float)clip->frames;
    int32_t f = (int32_t)at;
    if (f >= clip->frames) f = clip->frames - 1;
    mix(out, &clip->frame[f], &clip->frame[f + 1 < clip->frames ? f + 1 : 0], at - (float)f);
    const float moving = fminf(fmaxf((p->speed + 0.2f * fabsf(p->yaw_rate)) / (0.25f * p->pace), 0), 1);
    if (clip->walks && moving < 1) mix(out, &standing, out, moving);
    for (int k = 0; k < PARTS; k++) {
        float *d = out->direction[k];
        const float norm = sqrtf(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
        if (norm > 1e-3f)
            for (int i = 0; i < 3; i++) d[i] /= norm;
        else
            memcpy(d, standing.direction[k], sizeof standing.direction[k]);
    }
}

/* to = from + length along a direction of the frame, turned by the person's heading (c, s). */
static void reach(float to[3], const float from[3], const float d[3], float length, float c, float s) {
    to[0] = from[0] + length * (c * d[0] - s * d[1]);
    to[1] = from[1] + length * (s * d[0] + c * d[1]);
    to[2] = from[2] + length * d[2];
}

void sim_clip_pose(sim_pose *out, const sim_person *p, const sim_clip *clip) {
    const sim_body *b = &p->body;
    const float leg = b->thigh + b->shank, c = cosf(p->heading), s = sinf(p->heading);
    clip_frame f;
    sample(&f, p, clip);
    float x[VG_JOINTS14][3];
    sim_frame_of_body frame = {.pelvis = {p->at[0] + leg * (c * f.sway[0] - s * f.sway[1]),
                                          p->at[1] + leg * (s * f.sway[0] + c * f.sway[1]), 0},
                               .foot_yaw = {p->heading, p->heading}};
    float lowest = INFINITY;
    for (int side = 0; side < 2; side++) {
        const float half = side ? -b->hip_half : b->hip_half;
        reach(x[VG_L_HIP + side], frame.pelvis, f.direction[HIPS], half, c, s);
        reach(x[VG_L_KNEE + side], x[VG_L_HIP + side], f.direction[THIGH + side], b->thigh, c, s);
        reach(x[VG_L_ANKLE + side], x[VG_L_KNEE + side], f.direction[SHANK + side], b->shank, c, s);
        lowest = fminf(lowest, x[VG_L_ANKLE + side][2]);
    }
    /* the pelvis is as high as puts the lower foot where it is in the clip */
    const float up = b->ankle + leg * f.lift - lowest;
    frame.pelvis[2] = up;
    for (int j = VG_L_HIP; j <= VG_R_ANKLE; j++) x[j][2] += up;
    reach(frame.chest, frame.pelvis, f.direction[SPINE], b->spine, c, s);
    reach(frame.head, frame.chest, f.direction[NECK], b->neck, c, s);
    frame.head_yaw = p->heading + atan2f(-f.direction[SHOULDERS][0], f.direction[SHOULDERS][1]);
    for (int side = 0; side < 2; side++) {
        const float half = side ? -b->shoulder_half : b->shoulder_half;
        reach(x[VG_L_SHOULDER + side], frame.chest, f.direction[SHOULDERS], half, c, s);
        reach(x[VG_L_ELBOW + side], x[VG_L_SHOULDER + side], f.direction[UPPER_ARM + side], b->upper_arm, c, s);
        reach(x[VG_L_WRIST + side], x[VG_L_ELBOW + side], f.direction[FOREARM + side], b->forearm, c, s);
    }
    for (int j = VG_L_SHOULDER; j <= VG_R_ANKLE; j++)
        for (int k = 0; k < 3; k++) out->joint[k][j] = x[j][k];
    sim_body_finish(out, b, &frame);
}
