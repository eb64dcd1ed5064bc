/* The perceive stage: eight joints at a time (of whichever persons) through gathering, triangulation and filter. */
#include "perception/perception.h"
#include "common/arena.h"
#include "perception/track.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One environment's state, followed by its tracks. */
typedef struct env_state {
    int64_t time_ns; /* of the last frame */
    int64_t known;   /* 0: no frame since the reset */
} env_state;

#define STATE_HEAD 64 /* bytes before the tracks, which want whole cache lines */
_Static_assert(sizeof(env_state) <= STATE_HEAD, "the tracks begin behind the state");

struct vg_perception {
    vg_perception_config config;
    vg_triangulate_options options;
    vg_dims dims;
    int32_t envs;
    size_t state_bytes; /* of one environment */
    unsigned char *states;
    vg_view *views;     /* [envs, C] kept from frame to frame, because a lens seldom changes */
    vg_people **people; /* [envs] NULL unless people are told apart; their state follows the tracks where it is saved */
    vg_frame **matched; /* [envs] */
    vg_arena arena;
};

vg_perception_config vg_perception_config_default(void) {
    return (vg_perception_config){.filter = true,
                                  .confidence = 0.3,
                                  .steps = 2,
                                  .sigma = 1.5,
                                  .robust = 3,
                                  .widen = true,
                                  .acceleration = 5,
                                  .speed = 1.5,
                                  .gate = 40,
                                  .gate_frames = 3,
                                  .carry = 1,
                                  .people = vg_people_config_default()};
}

vg_status vg_perception_config_check(const vg_perception_config *c, vg_error *err) {
    const struct {
        const char *name;
        double value, low, high;
    } checks[] = {{"confidence", c->confidence, 0, 1},
                  {"steps", (double)c->steps, 0, 20},
                  {"sigma", c->sigma, 1e-6, 1e4},
                  {"robust", c->robust, 0, 1e4},
                  {"acceleration", c->acceleration, 0, 1e6},
                  {"speed", c->speed, 0, 1e3},
                  {"gate", c->gate, 0, 1e12},
                  {"gate_frames", (double)c->gate_frames, 1, 1000},
                  {"carry", c->carry, 0, 1e3}};
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
        if (!(checks[i].value >= checks[i].low && checks[i].value <= checks[i].high))
            return vg_fail(err, VG_INVALID, "perception: %s is %g; it must be %g to %g", checks[i].name,
                           checks[i].value, checks[i].low, checks[i].high);
    return VG_OK;
}

static void plan(vg_perception *p, vg_arena *arena) {
    p->states = vg_arena_alloc(arena, p->state_bytes * (size_t)p->envs);
    p->views = VG_ARENA_NEW(arena, vg_view, p->envs * p->dims.cameras);
    p->people = VG_ARENA_NEW(arena, vg_people *, p->envs);
    p->matched = VG_ARENA_NEW(arena, vg_frame *, p->envs);
    for (int32_t i = 0; i < p->envs && p->config.match; i++) {
        vg_frame *frame = vg_arena_alloc(arena, vg_frame_bytes(p->dims));
        if (frame) p->matched[i] = frame;
    }
}

vg_status vg_perception_create(vg_perception **out, const vg_perception_config *config, vg_dims dims, int32_t envs,
                               vg_error *err) {
    *out = NULL;
    VG_TRY(vg_perception_config_check(config, err));
    if (config->match) VG_TRY(vg_people_config_check(&config->people, err));
    VG_TRY(vg_dims_check(dims, err));
    if (envs < 1 || envs > VG_MAX_ENVS)
        return vg_fail(err, VG_INVALID, "perception: envs is %d; it must be 1 to %d", envs, VG_MAX_ENVS);
    vg_perception *p = calloc(1, sizeof *p);
    if (!p) return vg_fail(err, VG_NO_MEMORY, "cannot allocate %zu bytes", sizeof *p);
    p->config = *config, p->dims = dims, p->envs = envs;
    p->options = (vg_triangulate_options){.steps = config->paper ? 0 : config->steps,
                                          .min_views = 2,
                                          .sigma = config->sigma,
                                          .robust = config->paper ? 0 : config->robust,
                                          .cheirality = !config->paper};
    const size_t blocks = ((size_t)(dims.people * dims.joints) + VG_LANES - 1) / VG_LANES;
    p->state_bytes = STATE_HEAD + blocks * sizeof(track8);
    vg_arena measure = {0};
    plan(p, &measure);
    vg_status status = vg_arena_create(&p->arena, measure.used, err);
    if (status != VG_OK) {
        free(p);
        return status;
    }
    plan(p, &p->arena);
    for (int32_t i = 0; i < envs * dims.cameras; i++) p->views[i].lens = -1; /* no lens yet */
    for (int32_t i = 0; i < envs && config->match && status == VG_OK; i++)
        status = vg_people_create(p->people + i, &config->people, dims, dims.people, err);
    if (status != VG_OK) {
        vg_perception_destroy(p);
        return status;
    }
    *out = p;
    return VG_OK;
}

void vg_perception_destroy(vg_perception *p) {
    if (!p) return;
    for (int32_t i = 0; i < p->envs; i++) vg_people_destroy(p->people[i]);
    vg_arena_destroy(&p->arena);
    free(p);
}

static void *state_of(const vg_perception *p, int32_t env) {
    VG_ASSERT(env >= 0 && env < p->envs);
    return p->states + p->state_bytes * (size_t)env;
}

void vg_perception_reset(vg_perception *p, int32_t env) {
    memset(state_of(p, env), 0, p->state_bytes);
    if (p->people[env]) vg_people_reset(p->people[env]);
}

const vg_frame *vg_perception_matched(const vg_perception *p, int32_t env) {
    return p->people[env] && p->matched[env]->bytes ? p->matched[env] : NULL;
}

const vg_people *vg_perception_people(const vg_perception *p, int32_t env) {
    return p->people[env];
}

size_t vg_perception_state_bytes(const vg_perception *p) {
    return p->state_bytes + (p->people[0] ? vg_people_state_bytes(p->people[0]) : 0);
}

void vg_perception_save_state(const vg_perception *p, int32_t env, void *out) {
    memcpy(out, state_of(p, env), p->state_bytes);
    if (p->people[env]) vg_people_save_state(p->people[env], (char *)out + p->state_bytes);
}

void vg_perception_load_state(vg_perception *p, int32_t env, const void *state) {
    memcpy(state_of(p, env), state, p->state_bytes);
    if (p->people[env]) vg_people_load_state(p->people[env], (const char *)state + p->state_bytes);
}

static vg_status check_frame(const vg_perception *p, const vg_frame *f, const vg_skeletons *out, vg_error *err) {
    if (f->dims.cameras > p->dims.cameras || f->dims.people > p->dims.people || f->dims.joints != p->dims.joints)
        return vg_fail(err, VG_INVALID,
                       "frame %llu has %d cameras, %d people, %d joints; perception was made for %d, %d, %d",
                       (unsigned long long)f->frame_id, f->dims.cameras, f->dims.people, f->dims.joints,
                       p->dims.cameras, p->dims.people, p->dims.joints);
    if (out->people != f->dims.people || out->joints != f->dims.joints)
        return vg_fail(err, VG_INVALID, "skeletons for %d people and %d joints do not fit frame %llu with %d and %d",
                       out->people, out->joints, (unsigned long long)f->frame_id, f->dims.people, f->dims.joints);
    return VG_OK;
}

/* The frame itself where its slots are persons; else the same with its people told apart. */
static vg_status identify(const vg_frame **identified, vg_perception *p, int32_t env, const vg_frame *f,
                          vg_error *err) {
    *identified = f;
    if (f->flags & VG_FRAME_IDENTIFIED) return VG_OK;
    if (!p->people[env])
        return vg_fail(err, VG_UNSUPPORTED,
                       "frame %llu does not tell who is who across cameras (VG_FRAME_IDENTIFIED is not set)",
                       (unsigned long long)f->frame_id);
    vg_frame *to = p->matched[env];
    vg_frame_init(to, (vg_dims){f->dims.cameras, p->dims.people, f->dims.joints}, env);
    *identified = to;
    return vg_people_match(p->people[env], f, to, err);
}

static void write_head(vg_skeletons *out, const vg_frame *f) {
    out->environment = f->environment;
    out->frame_id = f->frame_id;
    out->time_ns = f->time_ns;
    out->target = f->target;
    memcpy(vg_skeletons_present(out), vg_frame_present(f), sizeof(int32_t) * (size_t)f->dims.people);
}

/* Eight keypoints of every camera, from joint `at` (= person * joints + joint) on, as the kernels want them. */
typedef struct gathered {
    alignas(64) double u[VG_MAX_CAMERAS][VG_LANES], v[VG_MAX_CAMERAS][VG_LANES], w[VG_MAX_CAMERAS][VG_LANES];
} gathered;

static void gather(gathered *g, const vg_frame *f, int32_t at, int32_t count, const double here[VG_LANES],
                   const vg_perception_config *config) {
    const vg_keypoint *from = vg_frame_keypoints(f) + at;
    const size_t stride = (size_t)f->dims.people * (size_t)f->dims.joints;
    const float threshold = (float)config->confidence;
    for (size_t c = 0; c < (size_t)f->dims.cameras; c++) {
        vg_keypoint spare[VG_LANES] = {0};
        const vg_keypoint *k = from + c * stride;
        if (count < VG_LANES) k = memcpy(spare, k, sizeof(vg_keypoint) * (size_t)count);
        for (int i = 0; i < VG_LANES; i++) {
            g->u[c][i] = (double)k[i].u, g->v[c][i] = (double)k[i].v;
            const double weight = config->paper ? here[i] : here[i] * (double)k[i].confidence;
            g->w[c][i] = k[i].confidence > threshold ? weight : 0;
        }
    }
}

static void write_lost(vg_joint *joint) {
    *joint = (vg_joint){.reprojection = NAN, .state = VG_JOINT_LOST};
    for (int k = 0; k < 3; k++) joint->position[k] = NAN;
    for (int k = 0; k < 6; k++) joint->covariance[k] = NAN;
}

static void write_measured(vg_joint *joints, const vg_solved8 *s, int32_t count) {
    for (int i = 0; i < count; i++) {
        vg_joint *joint = joints + i;
        for (int k = 0; k < 3; k++) joint->position[k] = (float)s->x[k][i], joint->velocity[k] = 0;
        for (int k = 0; k < 6; k++) joint->covariance[k] = (float)s->covariance[k][i];
        joint->reprojection = (float)s->reprojection[i];
        joint->views = (int16_t)s->views[i];
        joint->state = VG_JOINT_MEASURED;
        if (isnan(s->x[0][i])) write_lost(joint);
    }
}

static void write_tracked(vg_joint *joints, const track8 *t, const vg_solved8 *s, int32_t count) {
    for (int i = 0; i < count; i++) {
        vg_joint *joint = joints + i;
        if (t->state[i] == VG_JOINT_LOST) {
            write_lost(joint);
            continue;
        }
        const bool measured = t->state[i] == VG_JOINT_MEASURED;
        for (int k = 0; k < 3; k++) joint->position[k] = (float)t->x[k][i], joint->velocity[k] = (float)t->v[k][i];
        for (int k = 0; k < 6; k++) joint->covariance[k] = (float)t->pp[k][i];
        joint->reprojection = measured ? (float)s->reprojection[i] : NAN;
        joint->views = (int16_t)(measured ? s->views[i] : 0);
        joint->state = measured ? VG_JOINT_MEASURED : VG_JOINT_CARRIED;
    }
}

/* Views that disagree by more than sigma tell that sigma was too small here: the covariance grows by chi^2 per degree of
 * freedom (Birge's ratio), never shrinks. */
static void widen(vg_solved8 *s, double sigma) {
    for (int i = 0; i < VG_LANES; i++) {
        const double freedom = 2 * s->views[i] - 3, square = s->reprojection[i] * s->reprojection[i] * s->views[i];
        const double ratio = square / (sigma * sigma * freedom), scale = ratio > 1 ? ratio : 1;
        for (int k = 0; k < 6; k++) s->covariance[k][i] *= scale;
    }
}

vg_status vg_perceive(vg_perception *p, int32_t env, const vg_frame *f, vg_skeletons *out, vg_skeletons *raw,
                      vg_error *err) {
    VG_TRY(identify(&f, p, env, f, err));
    VG_TRY(check_frame(p, f, out, err));
    if (raw) VG_TRY(check_frame(p, f, raw, err));
    unsigned char *memory = state_of(p, env);
    if (f->flags & VG_FRAME_FIRST) memset(memory, 0, p->state_bytes);
    env_state *state = (env_state *)(void *)memory;
    track8 *tracks = (track8 *)(void *)(memory + STATE_HEAD);
    double dt = state->known ? (double)(f->time_ns - state->time_ns) * 1e-9 : 0;
    if (!(dt > 0)) dt = 0;
    state->time_ns = f->time_ns, state->known = 1;

    vg_view *views = p->views + (size_t)env * (size_t)p->dims.cameras;
    for (int32_t c = 0; c < f->dims.cameras; c++) vg_view_update(views + c, vg_frame_cameras(f) + c);
    const int32_t *present = vg_frame_present(f), total = f->dims.people * f->dims.joints;
    for (int32_t at = 0; at < total; at += VG_LANES) {
        const int32_t count = total - at < VG_LANES ? total - at : VG_LANES;
        double here[VG_LANES] = {0}; /* 1 where the lane's person is present */
        for (int32_t i = 0; i < count; i++) here[i] = present[(at + i) / f->dims.joints] ? 1 : 0;
        gathered g;
        vg_solved8 solved;
        gather(&g, f, at, count, here, &p->config);
        vg_triangulate(&solved, views, g.u[0], g.v[0], g.w[0], f->dims.cameras, 1, &p->options);
        if (raw) write_measured(vg_skeletons_joints(raw) + at, &solved, count);
        if (p->config.paper || !p->config.filter) {
            write_measured(vg_skeletons_joints(out) + at, &solved, count);
            continue;
        }
        track8 *track = tracks + at / VG_LANES;
        for (int i = 0; i < VG_LANES; i++) track->alive[i] *= here[i]; /* who has gone is forgotten */
        if (p->config.widen) widen(&solved, p->config.sigma);
        track8_step(track, &solved, dt, &p->config);
        write_tracked(vg_skeletons_joints(out) + at, track, &solved, count);
    }
    write_head(out, f);
    if (raw) write_head(raw, f);
    return VG_OK;
}
