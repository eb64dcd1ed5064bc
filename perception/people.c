/* People over time: prediction, the frame's course (look, share, give, place, update), and what is told. */
#include "perception/people.h"
#include "common/transform.h"
#include "perception/people_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TRUST    0.6  /* of a view's weight: what was expected of a joint speaks so loud where its views are at odds */
#define CALM     0.3  /* s; in which an unseen joint's own motion dies down to the body's */
#define LIMB     0.3  /* m; how far an unseen joint may be off in a body that is seen */
#define DRIFT    1.0  /* m/s; and in one that is not */
#define FORGET   1    /* s; a joint unseen for this long in a body that is seen may be anywhere */
#define LONGEST  1.5  /* of an adult's bone */
#define SLACK    0.1  /* m; and so much is noise */
#define STRAYS   8    /* joints of one person and frame, at most */
#define LEARN    1e-3 /* m a frame */
#define MISFIT   0.35 /* a view of which a smaller share of joints agrees with the others shows someone else */
#define TWIN     0.15 /* m; mean distance of the joints of two bodies that are one */
#define TURNED   0.4  /* view seconds; so much longer must left and right be shown exchanged */
#define WHOLE    4    /* a new body shows at least every fourth joint */
#define YOUNG    10   /* frames met; before them a body that is lost is forgotten at once */
#define PATIENCE 4    /* times `hold`: who is seen by one camera alone for so long is lost too */

vg_people_config vg_people_config_default(void) {
    return (vg_people_config){.confidence = 0.1,
                              .sigma = 2,
                              .body = 0.04,
                              .gate = 2.5,
                              .acceleration = 10,
                              .hold = 0.5,
                              .memory = 10,
                              .confirm = 3,
                              .joints = 3};
}

vg_status vg_people_config_check(const vg_people_config *c, vg_error *err) {
    const struct {
        const char *name;
        double value, low, high;
    } checks[] = {{"confidence", c->confidence, 0, 1},
                  {"sigma", c->sigma, 1e-3, 1e3},
                  {"body", c->body, 1e-4, 1},
                  {"gate", c->gate, 0.1, 100},
                  {"acceleration", c->acceleration, 0, 1e6},
                  {"hold", c->hold, 0, 60},
                  {"memory", c->memory, 0, 1e6},
                  {"confirm", (double)c->confirm, 1, 1000},
                  {"joints", (double)c->joints, 2, VG_MAX_JOINTS}};
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
        if (!(checks[i].value >= checks[i].low && checks[i].value <= checks[i].high))
            return vg_fail(err, VG_INVALID, "people: %s is %g; it must be %g to %g", checks[i].name, checks[i].value,
                           checks[i].low, checks[i].high);
    return VG_OK;
}

static void plan(vg_people *p, vg_arena *arena) {
    const int32_t C = p->dims.cameras, D = p->dims.people, J = p->dims.joints, B = p->capacity;
    const int32_t side = B > D ? B : D;
    p->state = vg_arena_alloc(arena, p->state_bytes);
    p->sights = VG_ARENA_NEW(arena, sight, C * D * J);
    p->seen = VG_ARENA_NEW(arena, int32_t, C * D);
    p->owner = VG_ARENA_NEW(arena, int32_t, C * D);
    p->casts = VG_ARENA_NEW(arena, cast, B * C * J);
    p->given = VG_ARENA_NEW(arena, const sight *, B *C *J);
    p->scores = VG_ARENA_NEW(arena, double, side *side);
    p->pairs = VG_ARENA_NEW(arena, pair, MAX_PAIRS);
}

vg_status vg_people_create(vg_people **out, const vg_people_config *config, vg_dims detections, int32_t slots,
                           vg_error *err) {
    *out = NULL;
    VG_TRY(vg_people_config_check(config, err));
    VG_TRY(vg_dims_check(detections, err));
    if (slots < 1 || slots > VG_MAX_PEOPLE)
        return vg_fail(err, VG_INVALID, "people: slots is %d; it must be 1 to %d", slots, VG_MAX_PEOPLE);
    if (config->set && config->set->joints != detections.joints)
        return vg_fail(err, VG_INVALID, "people: joint set %s has %d joints, the detections have %d", config->set->name,
                       config->set->joints, detections.joints);
    vg_people *p = calloc(1, sizeof *p);
    if (!p) return vg_fail(err, VG_NO_MEMORY, "cannot allocate %zu bytes", sizeof *p);
    p->config = *config, p->dims = detections, p->slots = slots, p->capacity = 2 * slots;
    p->joints = detections.joints;
    if (config->set) p->set = *config->set;
    p->config.set = NULL;
    p->state_bytes = sizeof(people_state) + (size_t)p->capacity * sizeof(body);
    vg_arena measure = {0};
    plan(p, &measure);
    const vg_status status = vg_arena_create(&p->arena, measure.used, err);
    if (status != VG_OK) {
        free(p);
        return status;
    }
    plan(p, &p->arena);
    for (int32_t c = 0; c < VG_MAX_CAMERAS; c++) p->views[c].lens = -1; /* no lens yet */
    *out = p;
    return VG_OK;
}

void vg_people_destroy(vg_people *p) {
    if (!p) return;
    vg_arena_destroy(&p->arena);
    free(p);
}

void vg_people_reset(vg_people *p) {
    memset(p->state, 0, p->state_bytes);
}

size_t vg_people_state_bytes(const vg_people *p) {
    return p->state_bytes;
}

void vg_people_save_state(const vg_people *p, void *out) {
    memcpy(out, p->state, p->state_bytes);
}

void vg_people_load_state(vg_people *p, const void *state) {
    memcpy(p->state, state, p->state_bytes);
}

static int32_t max_int(int32_t a, int32_t b) {
    return a > b ? a : b;
}

static bool is_active(const body *b) {
    return b->state == BODY_NEW || b->state == BODY_HELD;
}

/* --- prediction ------------------------------------------------------------------------------------------------------ */

static void mean_velocity(double out[3], const vg_people *p, const body *b) {
    int32_t count = 0;
    for (int k = 0; k < 3; k++) out[k] = 0;
    for (int32_t j = 0; j < p->joints; j++) {
        const body_joint *joint = b->joint + j;
        if (!joint->known || joint->unseen > 0) continue;
        for (int k = 0; k < 3; k++) out[k] += joint->v[k];
        count++;
    }
    for (int k = 0; k < 3 && count; k++) out[k] /= count;
}

static void predict(vg_people *p, body *b, double dt) {
    const double q = p->config.acceleration, calm = exp(-dt / CALM);
    double shared[3];
    mean_velocity(shared, p, b);
    b->unseen += dt, b->unmet += dt;
    for (int32_t j = 0; j < p->joints; j++) {
        body_joint *o = b->joint + j;
        if (!o->known) continue;
        if (o->unseen > 0)
            for (int k = 0; k < 3; k++) o->v[k] = shared[k] + calm * (o->v[k] - shared[k]);
        o->unseen += dt;
        if (o->unseen > FORGET && b->unseen < o->unseen - FORGET) o->known = 0;
        for (int k = 0; k < 3; k++) o->x[k] += dt * o->v[k];
        o->xx += dt * (2 * o->xv + dt * o->vv) + q * dt * dt * dt / 3;
        o->xv += dt * o->vv + q * dt * dt / 2;
        o->vv = fmin(o->vv + q * dt, 4);
        const double limit = LIMB + DRIFT * b->unseen;
        if (o->xx > limit * limit) o->xx = limit * limit;
        o->xv = fmin(o->xv, sqrt(o->xx * o->vv));
    }
}

static void cast_body(vg_people *p, int32_t at) {
    const body *b = p->state->bodies + at;
    for (int32_t c = 0; c < p->cameras; c++) {
        cast *casts = casts_of(p, at, c);
        for (int32_t j = 0; j < p->joints; j++) {
            casts[j].variance = 0;
            if (b->joint[j].known) people_cast(casts + j, p->eyes + c, b->joint[j].x, b->joint[j].xx);
        }
    }
}

/* --- update ---------------------------------------------------------------------------------------------------------- */

/* A joint that two views or more measured. */
static void measure(body_joint *o, const placed *at, const double shared[3]) {
    if (!o->known) {
        *o = (body_joint){.xx = at->variance, .vv = 1, .known = 1};
        for (int k = 0; k < 3; k++) o->x[k] = at->x[k], o->v[k] = shared[k];
    } else {
        const double s = o->xx + at->variance, gx = o->xx / s, gv = o->xv / s;
        for (int k = 0; k < 3; k++) {
            const double off = at->x[k] - o->x[k];
            o->x[k] += gx * off, o->v[k] += gv * off;
        }
        o->vv -= gv * o->xv, o->xv -= gx * o->xv, o->xx -= gx * o->xx;
    }
    o->unseen = 0;
}

/* A joint that one view sees: it moves onto that view's ray, at its depth. */
static void lean(body_joint *o, const eye *e, const sight *s) {
    double away[3], along;
    for (int k = 0; k < 3; k++) away[k] = o->x[k] - e->place[k];
    along = vg_dot3(away, s->ray);
    const double noise = e->low * along * along + e->high, gain = o->xx / (o->xx + noise);
    for (int k = 0; k < 3; k++) o->x[k] += gain * (e->place[k] + along * s->ray[k] - o->x[k]);
}

typedef struct outcome {
    placed joint[VG_MAX_JOINTS];
    int32_t given[VG_MAX_CAMERAS], agree[VG_MAX_CAMERAS]; /* joints of each view that others place; that agree */
} outcome;

static void place_joints(outcome *out, const vg_people *p, int32_t at) {
    const body *b = p->state->bodies + at;
    const sight *views[VG_MAX_CAMERAS];
    memset(out->given, 0, sizeof out->given), memset(out->agree, 0, sizeof out->agree);
    for (int32_t j = 0; j < p->joints; j++) {
        const body_joint *o = b->joint + j;
        placed *to = out->joint + j;
        bool any = false;
        for (int32_t c = 0; c < p->cameras; c++) views[c] = given_of(p, at, c)[j], any |= views[c] != NULL;
        *to = (placed){0};
        if (!any) continue;
        people_place(to, p, views, o->known ? o->x : NULL, o->xx + p->config.body * p->config.body, TRUST);
        for (int32_t c = 0; c < p->cameras && to->count >= 2; c++)
            if (views[c]) out->given[c]++, out->agree[c] += (int32_t)(to->views >> c & 1);
    }
}

static bool is_long(const double a[3], const double b[3], const vg_bone *bone) {
    const double d[3] = {a[0] - b[0], a[1] - b[1], a[2] - b[2]};
    return vg_norm3(d) > LONGEST * bone->length + SLACK;
}

/* A joint that is farther from its neighbours than any bone reaches is nowhere, the one with the most such bones first. */
static void drop_strays(outcome *o, const vg_people *p) {
    for (int round = 0; round < STRAYS; round++) {
        int32_t blame[VG_MAX_JOINTS] = {0}, worst = -1;
        for (int32_t i = 0; i < p->set.bones; i++) {
            const vg_bone *bone = p->set.bone + i;
            if (o->joint[bone->a].count < 2 || o->joint[bone->b].count < 2) continue;
            const int32_t more = is_long(o->joint[bone->a].x, o->joint[bone->b].x, bone) ? 2 : -1;
            blame[bone->a] += more, blame[bone->b] += more;
        }
        for (int32_t j = 0; j < p->set.joints; j++) {
            if (blame[j] <= 0 || (worst >= 0 && blame[j] < blame[worst])) continue;
            if (worst < 0 || blame[j] > blame[worst] || o->joint[j].score < o->joint[worst].score) worst = j;
        }
        if (worst < 0) return;
        o->joint[worst] = (placed){0};
    }
}

/* The mean at first, then a walk by small steps towards the median. */
static void learn_bones(body *who, const outcome *o, const vg_people *p) {
    for (int32_t i = 0; i < p->set.bones; i++) {
        const vg_bone *bone = p->set.bone + i;
        if (o->joint[bone->a].count < 2 || o->joint[bone->b].count < 2) continue;
        const double *a = o->joint[bone->a].x, *b = o->joint[bone->b].x, d[3] = {a[0] - b[0], a[1] - b[1], a[2] - b[2]};
        const double off = vg_norm3(d) - who->bone[i];
        if (who->bone_seen[i] < BONE_SURE)
            who->bone[i] += off / ++who->bone_seen[i];
        else
            who->bone[i] += fmax(-LEARN, fmin(LEARN, off));
    }
}

/* Takes away detections that are someone else's. */
static bool release_misfits(vg_people *p, int32_t at, const outcome *o) {
    body *b = p->state->bodies + at;
    bool any = false;
    for (int32_t c = 0; c < p->cameras; c++) {
        if (b->detection[c] < 0 || o->given[c] < p->config.joints || o->agree[c] >= MISFIT * o->given[c]) continue;
        *owner_of(p, c, b->detection[c]) = -1, b->detection[c] = -1, any = true;
        memset(given_of(p, at, c), 0, sizeof(const sight *) * (size_t)p->joints);
    }
    return any;
}

static void update(vg_people *p, int32_t at) {
    body *b = p->state->bodies + at;
    outcome o;
    double shared[3];
    place_joints(&o, p, at);
    if (release_misfits(p, at, &o)) place_joints(&o, p, at);
    drop_strays(&o, p);
    learn_bones(b, &o, p);
    mean_velocity(shared, p, b);
    int32_t met = 0, seen = 0;
    for (int32_t j = 0; j < p->joints; j++) {
        body_joint *joint = b->joint + j;
        const placed *to = o.joint + j;
        joint->views = to->count;
        if (to->count >= 2) {
            measure(joint, to, shared);
            met++;
        } else if (to->count == 1 && joint->known) {
            const int32_t c = __builtin_ctz(to->views);
            lean(joint, p->eyes + c, given_of(p, at, c)[j]);
            seen++;
        }
        for (int32_t c = 0; c < p->cameras; c++)
            if (!(to->views >> c & 1)) given_of(p, at, c)[j] = NULL; /* at odds with the others */
    }
    b->agreed = met;
    if (met + seen >= p->config.joints) b->unseen = 0;
    if (met >= (b->met < YOUNG ? max_int(p->config.joints, p->joints / WHOLE) : p->config.joints))
        b->unmet = 0, b->met++;
    else if (b->state == BODY_NEW)
        b->met = 0;
}

/* --- life ------------------------------------------------------------------------------------------------------------ */

static int32_t views_of(const vg_people *p, const body *b) {
    int32_t views = 0;
    for (int32_t c = 0; c < p->cameras; c++) views += b->detection[c] >= 0;
    return views;
}

/* A slot that nobody has, or else that of who was lost for longest; -1 where all are in use. */
static int32_t find_slot(vg_people *p) {
    body *bodies = p->state->bodies, *oldest = NULL;
    bool used[VG_MAX_PEOPLE] = {0};
    for (int32_t b = 0; b < p->capacity; b++) {
        if (!bodies[b].state || bodies[b].slot < 0) continue;
        used[bodies[b].slot] = true;
        if (bodies[b].state == BODY_LOST && (!oldest || bodies[b].unseen > oldest->unseen)) oldest = bodies + b;
    }
    for (int32_t s = 0; s < p->slots; s++)
        if (!used[s]) return s;
    if (!oldest) return -1;
    oldest->state = BODY_FREE;
    return oldest->slot;
}

/* A new body is told once it is sure, in a slot of its own. */
static void come_in(vg_people *p, body *b) {
    const bool sure = b->met >= p->config.confirm || (views_of(p, b) >= 3 && b->agreed >= p->joints / 2);
    if (sure && b->met > 0 && (b->slot = find_slot(p)) >= 0) b->state = BODY_HELD, b->name = ++p->state->names;
}

static void go(const vg_people *p, body *b) {
    const vg_people_config *k = &p->config;
    if (b->state == BODY_HELD && (b->unseen > k->hold || b->unmet > PATIENCE * k->hold)) b->state = BODY_LOST;
    const bool young = b->met < YOUNG && b->unmet > k->hold; /* was hardly ever there: most likely nobody */
    if (young || (b->state == BODY_LOST && b->unseen > k->memory)) b->state = BODY_FREE;
}

/* Two that have become one: their joints are in the same places, in most of the body where cameras show both. */
static bool are_one(const vg_people *p, const body *a, const body *b) {
    int32_t both = 0;
    for (int32_t c = 0; c < p->cameras; c++) both += a->detection[c] >= 0 && b->detection[c] >= 0;
    const int32_t least = both ? max_int(p->config.joints, p->joints / 2) : p->config.joints;
    return people_apart(p, a, b, least) < TWIN;
}

/* Of two that are one, who has been somebody for shorter ends. Who had been somebody is lost: hidden by the other, most
 * likely, whose detections both have shared since. */
static void end_twins(vg_people *p) {
    body *bodies = p->state->bodies;
    for (int32_t a = 0; a < p->capacity; a++)
        for (int32_t b = a + 1; b < p->capacity; b++) {
            if (!is_active(bodies + a) || !is_active(bodies + b) || !are_one(p, bodies + a, bodies + b)) continue;
            const int32_t more = bodies[a].alone - bodies[b].alone;
            const bool a_younger = bodies[b].name && (!bodies[a].name || bodies[a].name > bodies[b].name);
            body *ends = bodies + ((more ? more < 0 : a_younger) ? a : b);
            ends->state = ends->state == BODY_HELD && ends->alone >= YOUNG ? BODY_LOST : BODY_FREE;
        }
    for (int32_t a = 0; a < p->capacity; a++) {
        bool alone = is_active(bodies + a) && bodies[a].unmet == 0;
        for (int32_t b = 0; b < p->capacity && alone; b++)
            alone = a == b || !is_active(bodies + b) ||
                    people_apart(p, bodies + a, bodies + b, p->config.joints) > 2 * TWIN;
        if (alone && bodies[a].alone < ALONE_MAX) bodies[a].alone++;
    }
}

/* A body whose left and right most views have long shown exchanged was begun the wrong way round. */
static void face_about(const vg_people *p, body *b) {
    b->facing = fmin(b->facing, FACING_MAX);
    if (b->facing > -TURNED) return;
    const body was = *b;
    for (int32_t j = 0; j < p->set.joints; j++) b->joint[j] = was.joint[p->set.mirror[j]];
    for (int32_t i = 0; i < p->set.bones; i++) {
        b->bone[i] = was.bone[p->set.bone[i].mirror];
        b->bone_seen[i] = was.bone_seen[p->set.bone[i].mirror];
    }
    b->facing = -was.facing;
}

/* --- what is told ---------------------------------------------------------------------------------------------------- */

static vg_status check(const vg_people *p, const vg_frame *in, const vg_frame *out, vg_error *err) {
    if (in->dims.cameras > p->dims.cameras || in->dims.people > p->dims.people || in->dims.joints != p->dims.joints)
        return vg_fail(
            err, VG_INVALID,
            "frame %llu has %d cameras, %d detections, %d joints; people were to be told apart in %d, %d, %d",
            (unsigned long long)in->frame_id, in->dims.cameras, in->dims.people, in->dims.joints, p->dims.cameras,
            p->dims.people, p->dims.joints);
    if (out->dims.cameras != in->dims.cameras || out->dims.people != p->slots || out->dims.joints != in->dims.joints)
        return vg_fail(err, VG_INVALID,
                       "a frame for %d cameras, %d people, %d joints cannot hold the %d, %d, %d of %llu",
                       out->dims.cameras, out->dims.people, out->dims.joints, in->dims.cameras, p->slots,
                       in->dims.joints, (unsigned long long)in->frame_id);
    return VG_OK;
}

static void tell(const vg_people *p, const vg_frame *in, vg_frame *out) {
    const size_t J = (size_t)p->joints, S = (size_t)p->slots, C = (size_t)p->cameras;
    out->flags = in->flags | VG_FRAME_IDENTIFIED;
    out->flags &= ~(uint32_t)VG_FRAME_TRUTH;
    out->environment = in->environment, out->target = -1, out->frame_id = in->frame_id, out->time_ns = in->time_ns;
    memcpy(vg_frame_cameras(out), vg_frame_cameras(in), C * sizeof(vg_camera));
    memset(vg_frame_keypoints(out), 0, C * S * J * sizeof(vg_keypoint));
    memset(vg_frame_present(out), 0, S * sizeof(int32_t));
    for (int32_t b = 0; b < p->capacity; b++) {
        const body *who = p->state->bodies + b;
        if (who->state != BODY_HELD) continue;
        vg_frame_present(out)[who->slot] = 1;
        for (size_t c = 0; c < C; c++)
            for (size_t j = 0; j < J; j++) {
                const sight *s = given_of(p, b, (int32_t)c)[j];
                if (!s) continue;
                vg_frame_keypoints(out)[(c * S + (size_t)who->slot) * J + j] =
                    (vg_keypoint){(float)s->u, (float)s->v, (float)s->weight};
            }
    }
}

vg_status vg_people_match(vg_people *p, const vg_frame *in, vg_frame *out, vg_error *err) {
    VG_TRY(check(p, in, out, err));
    if (in->flags & VG_FRAME_FIRST) vg_people_reset(p);
    people_state *state = p->state;
    double dt = state->known ? (double)(in->time_ns - state->time_ns) * 1e-9 : 0;
    if (!(dt > 0)) dt = 0;
    state->time_ns = in->time_ns, state->known = 1;
    p->dt = dt;

    bool takes[2 * VG_MAX_PEOPLE] = {0};
    people_look(p, in);
    for (int32_t b = 0; b < p->capacity; b++) {
        body *who = state->bodies + b;
        if (!who->state) continue;
        for (int32_t c = 0; c < VG_MAX_CAMERAS; c++) who->detection[c] = -1;
        predict(p, who, dt);
        takes[b] = is_active(who);
        if (takes[b]) cast_body(p, b);
    }
    people_share(p, 0, p->capacity, takes);
    people_absorb(p);
    people_birth(p);
    people_give(p);
    for (int32_t b = 0; b < p->capacity; b++)
        if (is_active(state->bodies + b)) update(p, b), face_about(p, state->bodies + b);
    end_twins(p);
    for (int32_t b = 0; b < p->capacity;
         b++) /* before others go: a slot is empty for a frame before it changes hands */
        if (state->bodies[b].state == BODY_NEW) come_in(p, state->bodies + b);
    for (int32_t b = 0; b < p->capacity; b++) go(p, state->bodies + b);
    tell(p, in, out);
    return VG_OK;
}

static const body *body_in(const vg_people *p, int32_t slot) {
    for (int32_t b = 0; b < p->capacity; b++)
        if (p->state->bodies[b].state && p->state->bodies[b].slot == slot) return p->state->bodies + b;
    return NULL;
}

int64_t vg_people_name(const vg_people *p, int32_t slot) {
    const body *b = body_in(p, slot);
    return b ? b->name : 0;
}

int32_t vg_people_detection(const vg_people *p, int32_t slot, int32_t camera) {
    const body *b = body_in(p, slot);
    return b && camera >= 0 && camera < p->cameras ? b->detection[camera] : -1;
}
