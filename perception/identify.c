/* Sequences of one person a camera, related across cameras by epipolar geometry. */
#include "perception/identify.h"

#include "calibration/calibration.h"
#include "calibration/minimal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SEEN         0.3f /* confidence of keypoints that take part */
#define LEAST_SEEN   4    /* joints of a detection that takes part */
#define REACH        0.25 /* of a person's size: how far joints move between frames, at most */
#define APART        2.0  /* times as far must be whoever else could be meant */
#define LEAVES       0.25 /* of a person's size: who never gets so far from where they were first stands */
#define STILL        0.02 /* of a person's size: frames that differ less say the same again */
#define LOST_FRAMES  5    /* a sequence goes on after so many without a detection */
#define SHORTEST     15   /* detections of a sequence that takes part */
#define SEQUENCES    24   /* of a camera that take part, the longest */
#define POINTS       300  /* of a pair of sequences, spread over its frames */
#define LEAST_POINTS 40
#define TRIALS       300
#define SHARE        0.5   /* of a pair's points that must agree */
#define RIVAL        1.25  /* times the share of any other pairing of either sequence at the same time */
#define THRESHOLD    0.006 /* of the picture's longer side: pixels farther off do not agree */

/* One person in one camera, as long as it is certain. */
typedef struct sequence {
    int32_t camera, count;
    int32_t *frame;     /* [count] ascending */
    int64_t *detection; /* [count] */
    int32_t who;        /* group it was joined to */
} sequence;

typedef struct identify {
    const vg_keypoints *k;
    const vg_camera *cameras;
    uint64_t seed;
    double *ray; /* [detections, joints, 3] in the camera's frame; NaN where not seen */
    sequence *sequence;
    int32_t sequences, room;
} identify;

/* ---- follow ------------------------------------------------------------------------------------------------------------------- */

static const vg_keypoint *points_of(const identify *d, int64_t detection) {
    return d->k->points + detection * d->k->set.joints;
}

/* The extent of a detection in the picture; 0 where too little of it was seen. */
static double size_of(const vg_keypoint *p, int32_t joints) {
    double low[2] = {(double)INFINITY, (double)INFINITY}, high[2] = {-(double)INFINITY, -(double)INFINITY};
    int32_t seen = 0;
    for (int32_t j = 0; j < joints; j++) {
        if (!(p[j].confidence > SEEN)) continue;
        const double at[2] = {(double)p[j].u, (double)p[j].v};
        for (int i = 0; i < 2; i++) low[i] = fmin(low[i], at[i]), high[i] = fmax(high[i], at[i]);
        seen++;
    }
    return seen >= LEAST_SEEN ? hypot(high[0] - low[0], high[1] - low[1]) : 0;
}

/* Mean distance of the joints that both show, in sizes of the person; INFINITY where they share too few. */
static double step_between(const vg_keypoint *a, const vg_keypoint *b, int32_t joints) {
    const double size = fmax(size_of(a, joints), size_of(b, joints));
    double sum = 0;
    int32_t n = 0;
    for (int32_t j = 0; j < joints; j++) {
        if (!(a[j].confidence > SEEN) || !(b[j].confidence > SEEN)) continue;
        sum += hypot((double)(a[j].u - b[j].u), (double)(a[j].v - b[j].v)), n++;
    }
    return n >= LEAST_SEEN && size > 0 ? sum / n / size : (double)INFINITY;
}

static vg_status append(identify *d, sequence *s, int32_t frame, int64_t detection, vg_error *err) {
    if ((s->count & (s->count - 1)) == 0) { /* a power of two: full */
        const size_t room = s->count ? 2 * (size_t)s->count : 1;
        int32_t *frames = realloc(s->frame, room * sizeof *frames);
        if (frames) s->frame = frames;
        int64_t *detections = frames ? realloc(s->detection, room * sizeof *detections) : NULL;
        if (!detections) return vg_fail(err, VG_NO_MEMORY, "%d frames: out of memory", d->k->frames);
        s->detection = detections;
    }
    s->frame[s->count] = frame, s->detection[s->count++] = detection;
    return VG_OK;
}

static vg_status begin_sequence(identify *d, int32_t camera, int32_t frame, int64_t detection, vg_error *err) {
    if (d->sequences == d->room) {
        const int32_t room = d->room ? 2 * d->room : 64;
        sequence *more = realloc(d->sequence, (size_t)room * sizeof *more);
        if (!more) return vg_fail(err, VG_NO_MEMORY, "%d sequences: out of memory", d->room);
        d->sequence = more, d->room = room;
    }
    d->sequence[d->sequences] = (sequence){.camera = camera, .who = -1};
    return append(d, d->sequence + d->sequences++, frame, detection, err);
}

/* The sequence that detection i of a frame continues: -1 where none is near, or another could be meant. `alive` [n]. */
static int32_t continues(const identify *d, const int32_t *alive, int32_t n, int32_t frame, int32_t camera, int32_t i) {
    const vg_keypoint *p = vg_keypoints_at(d->k, frame, camera, i);
    double best = (double)INFINITY, second = (double)INFINITY;
    int32_t which = -1;
    for (int32_t a = 0; a < n; a++) {
        const sequence *s = d->sequence + alive[a];
        const double far = step_between(points_of(d, s->detection[s->count - 1]), p, d->k->set.joints);
        if (far < best)
            second = best, best = far, which = a;
        else
            second = fmin(second, far);
    }
    if (which < 0 || !(best < REACH) || second < APART * best) return -1;
    const sequence *s = d->sequence + alive[which];
    for (int32_t o = 0; o < vg_keypoints_count(d->k, frame, camera); o++) {
        if (o == i) continue;
        const double far = step_between(points_of(d, s->detection[s->count - 1]),
                                        vg_keypoints_at(d->k, frame, camera, o), d->k->set.joints);
        if (far < APART * best) return -1;
    }
    return alive[which];
}

static vg_status follow(identify *d, int32_t camera, vg_error *err) {
    const vg_keypoints *k = d->k;
    int32_t from = d->sequences;
    int32_t *alive = NULL, *next = NULL;
    vg_status status = VG_OK;
    for (int32_t f = 0; f < k->frames && status == VG_OK; f++) {
        const int32_t count = vg_keypoints_count(k, f, camera);
        int32_t n = 0;
        free(alive), free(next);
        alive = malloc(((size_t)(d->sequences - from) + 1) * sizeof *alive);
        next = malloc(((size_t)count + 1) * sizeof *next);
        if (!alive || !next) status = vg_fail(err, VG_NO_MEMORY, "frame %d: out of memory", f);
        for (int32_t s = from; s < d->sequences && alive; s++)
            if (f - d->sequence[s].frame[d->sequence[s].count - 1] <= LOST_FRAMES) alive[n++] = s;
        for (int32_t i = 0; i < count && status == VG_OK; i++) next[i] = continues(d, alive, n, f, camera, i);
        for (int32_t i = 0; i < count && status == VG_OK; i++) {
            const int64_t detection = k->first[(int64_t)f * k->cameras + camera] + i;
            if (!(size_of(points_of(d, detection), k->set.joints) > 0)) continue;
            status = next[i] >= 0 ? append(d, d->sequence + next[i], f, detection, err)
                                  : begin_sequence(d, camera, f, detection, err);
        }
    }
    free(alive), free(next);
    return status;
}

static int longest_first(const void *x, const void *y) {
    const sequence *a = x, *b = y;
    if (a->camera != b->camera) return a->camera < b->camera ? -1 : 1;
    if (a->count != b->count) return a->count > b->count ? -1 : 1;
    return (a->detection[0] > b->detection[0]) - (a->detection[0] < b->detection[0]);
}

/* Keeps the longest of each camera. */
static void keep_long(identify *d) {
    int32_t kept = 0, of_camera = 0, camera = -1;
    qsort(d->sequence, (size_t)d->sequences, sizeof *d->sequence, longest_first);
    for (int32_t s = 0; s < d->sequences; s++) {
        sequence at = d->sequence[s];
        of_camera = at.camera == camera ? of_camera + 1 : 1, camera = at.camera;
        if (of_camera <= SEQUENCES && at.count >= SHORTEST)
            d->sequence[kept++] = at;
        else
            free(at.frame), free(at.detection);
    }
    d->sequences = kept;
}

/* ---- relate ------------------------------------------------------------------------------------------------------------------- */

/* Directions of what two sequences have in common, spread over their frames. */
typedef struct common {
    double a[3 * POINTS], b[3 * POINTS];
    int32_t n;
} common;

static void find_common(common *out, const identify *d, const sequence *a, const sequence *b) {
    const int32_t joints = d->k->set.joints;
    int32_t all = 0;
    out->n = 0;
    for (int pass = 0; pass < 2; pass++) {
        const int32_t every = all / POINTS + 1;
        int32_t at = 0;
        for (int32_t i = 0, k = 0; i < a->count && k < b->count;) {
            if (a->frame[i] != b->frame[k]) {
                *(a->frame[i] < b->frame[k] ? &i : &k) += 1;
                continue;
            }
            for (int32_t j = 0; j < joints; j++) {
                const double *f = d->ray + 3 * (a->detection[i] * joints + j),
                             *g = d->ray + 3 * (b->detection[k] * joints + j);
                if (!isfinite(f[0]) || !isfinite(g[0])) continue;
                all += pass == 0;
                if (pass == 0 || at++ % every || out->n == POINTS) continue;
                memcpy(out->a + 3 * out->n, f, 3 * sizeof *f), memcpy(out->b + 3 * out->n++, g, 3 * sizeof *g);
            }
            i++, k++;
        }
    }
}

/* Two sequences that may be one person, by what two cameras think of one another. */
typedef struct pairing {
    int32_t a, b;
    double share, support; /* of the points in common that agree; how many there are */
} pairing;

static double threshold_of(const vg_camera *c) {
    const double width = c->width > 0 ? c->width : 2 * c->cx, height = c->height > 0 ? c->height : 2 * c->cy;
    return THRESHOLD * fmax(width, height) / c->fx;
}

/* Both have a picture of the same time. */
static bool overlap(const sequence *a, const sequence *b) {
    for (int32_t i = 0, k = 0; i < a->count && k < b->count;) {
        if (a->frame[i] == b->frame[k]) return true;
        *(a->frame[i] < b->frame[k] ? &i : &k) += 1;
    }
    return false;
}

/* What the sequences of two cameras have in common: [na, nb]. */
typedef struct pair_room {
    common *common;
    double *share, *best_share; /* of the common points that agree with a pose */
    bool *chosen, *best_chosen;
    const sequence *a, *b;
    int32_t na, nb;
} pair_room;

/* Whether a pairing of one of the two sequences is at the same time, so that only one of both can be right. */
static bool rivals(const pair_room *r, int32_t i, int32_t j, int32_t k, int32_t l) {
    if ((i == k) == (j == l)) return false;
    return i == k ? overlap(r->b + j, r->b + l) : overlap(r->a + i, r->a + k);
}

/* Whether (i, j) is free beside what was chosen. */
static bool is_free(const pair_room *r, int32_t i, int32_t j) {
    if (r->chosen[i * r->nb + j]) return false;
    for (int32_t k = 0; k < r->na; k++)
        for (int32_t l = 0; l < r->nb; l++)
            if (r->chosen[k * r->nb + l] && rivals(r, i, j, k, l)) return false;
    return true;
}

/* Pairs off what agrees with a pose, best first; returns how many points agree in all. */
static double pair_off(pair_room *r, const vg_rigid *pose, double threshold) {
    double support = 0;
    const int32_t n = r->na * r->nb;
    for (int32_t i = 0; i < n; i++) {
        const common *c = r->common + i;
        r->chosen[i] = false, r->share[i] = 0;
        if (c->n >= LEAST_POINTS) r->share[i] = (double)vg_relative_inliers(pose, c->a, c->b, c->n, threshold) / c->n;
    }
    for (;;) {
        int32_t best = -1;
        double most = 0;
        for (int32_t i = 0; i < n; i++) {
            const double points = r->share[i] * r->common[i].n;
            if (r->share[i] >= SHARE && points > most && is_free(r, i / r->nb, i % r->nb)) most = points, best = i;
        }
        if (best < 0) return support;
        r->chosen[best] = true, support += most;
    }
}

/* No other pairing of either sequence at the same time fits nearly as well. */
static bool stands_out(const pair_room *r, int32_t i, int32_t j) {
    for (int32_t k = 0; k < r->na; k++)
        for (int32_t l = 0; l < r->nb; l++)
            if (RIVAL * r->best_share[k * r->nb + l] > r->best_share[i * r->nb + j] && rivals(r, i, j, k, l))
                return false;
    return true;
}

/* The pairings of the sequences [a0, a0 + na) of one camera with [b0, b0 + nb) of another. Returns how many. */
static int32_t relate(pairing *out, const identify *d, int32_t a0, int32_t b0, pair_room *r, uint32_t stream) {
    const double threshold =
        0.5 * (threshold_of(d->cameras + d->sequence[a0].camera) + threshold_of(d->cameras + d->sequence[b0].camera));
    const int32_t pairs = r->na * r->nb;
    double best = 0;
    int32_t n = 0;
    r->a = d->sequence + a0, r->b = d->sequence + b0;
    for (int32_t i = 0; i < pairs; i++) find_common(r->common + i, d, r->a + i / r->nb, r->b + i % r->nb);
    for (int32_t i = 0; i < pairs; i++) {
        const common *c = r->common + i;
        if (c->n < LEAST_POINTS) continue;
        const vg_ransac ransac = {
            .threshold = threshold, .trials = TRIALS, .seed = d->seed, .stream = stream + (uint32_t)i};
        vg_rigid pose;
        if (vg_relate(&pose, NULL, NULL, c->a, c->b, c->n, &ransac) < SHARE * c->n) continue;
        const double support = pair_off(r, &pose, threshold);
        if (support <= best) continue;
        best = support;
        memcpy(r->best_share, r->share, sizeof *r->share * (size_t)pairs);
        memcpy(r->best_chosen, r->chosen, sizeof *r->chosen * (size_t)pairs);
    }
    for (int32_t i = 0; i < pairs && best > 0; i++) {
        if (!r->best_chosen[i] || !stands_out(r, i / r->nb, i % r->nb)) continue;
        out[n++] = (pairing){a0 + i / r->nb, b0 + i % r->nb, r->best_share[i], r->best_share[i] * r->common[i].n};
    }
    return n;
}

/* ---- join --------------------------------------------------------------------------------------------------------------------- */

static int strongest_first(const void *x, const void *y) {
    const pairing *a = x, *b = y;
    if (a->support != b->support) return a->support > b->support ? -1 : 1;
    return a->a != b->a ? a->a - b->a : a->b - b->b;
}

/* Whether somebody would be twice in a picture if two groups were one. */
static bool clash(const identify *d, int32_t p, int32_t q) {
    for (int32_t s = 0; s < d->sequences; s++)
        for (int32_t t = 0; t < d->sequences && d->sequence[s].who == p; t++)
            if (d->sequence[t].who == q && d->sequence[t].camera == d->sequence[s].camera &&
                overlap(d->sequence + s, d->sequence + t))
                return true;
    return false;
}

static void join(identify *d, pairing *pairs, int32_t n) {
    qsort(pairs, (size_t)n, sizeof *pairs, strongest_first);
    for (int32_t s = 0; s < d->sequences; s++) d->sequence[s].who = s;
    for (int32_t i = 0; i < n; i++) {
        const int32_t p = d->sequence[pairs[i].a].who, q = d->sequence[pairs[i].b].who;
        if (p == q || clash(d, p, q)) continue;
        for (int32_t s = 0; s < d->sequences; s++)
            if (d->sequence[s].who == q) d->sequence[s].who = p;
    }
}

/* Numbers for groups of two cameras or more, those seen most first. */
static int32_t number(int32_t *person, const identify *d) {
    int64_t *seen = calloc((size_t)d->sequences + 1, sizeof *seen);
    int32_t people = 0;
    for (int32_t s = 0; s < d->sequences && seen; s++) seen[d->sequence[s].who] += d->sequence[s].count;
    for (int32_t g = 0; g < d->sequences && seen; g++) { /* groups of one camera say nothing */
        int32_t first = -1;
        bool several = false;
        for (int32_t s = 0; s < d->sequences; s++) {
            if (d->sequence[s].who != g) continue;
            if (first >= 0) several |= d->sequence[s].camera != first;
            first = d->sequence[s].camera;
        }
        if (!several) seen[g] = 0;
    }
    for (;;) {
        int32_t best = -1;
        for (int32_t g = 0; g < d->sequences && seen; g++)
            if (seen[g] > 0 && (best < 0 || seen[g] > seen[best])) best = g;
        if (best < 0) break;
        seen[best] = 0;
        for (int32_t s = 0; s < d->sequences; s++)
            for (int32_t i = 0; i < d->sequence[s].count && d->sequence[s].who == best; i++)
                person[d->sequence[s].detection[i]] = people;
        people++;
    }
    free(seen);
    return people;
}

/* ---- stand still -------------------------------------------------------------------------------------------------------------- */

/* Of those who never leave their place, only frames are kept that differ from the last one kept: who stands in the
 * background would outweigh, by one place repeated, all those who walk. */
typedef struct stills {
    int64_t *last; /* [people, cameras] detection; -1: none yet */
    bool *moves;   /* [people] */
    bool *differs; /* [people] in the frame at hand */
} stills;

/* Marks in `moved` who is farther than `limit` from where `last` has them. */
static void compare_frame(bool *moved, stills *s, const int32_t *person, const vg_keypoints *k, int32_t frame,
                          double limit) {
    const int64_t *first = k->first + (int64_t)frame * k->cameras;
    for (int32_t c = 0; c < k->cameras; c++)
        for (int64_t i = first[c]; i < first[c + 1]; i++) {
            if (person[i] < 0) continue;
            const int64_t before = s->last[person[i] * k->cameras + c];
            const double step = before < 0 ? 0
                                           : step_between(k->points + before * k->set.joints,
                                                          k->points + i * k->set.joints, k->set.joints);
            moved[person[i]] |= isfinite(step) && step > limit;
        }
}

static void keep_frame(stills *s, int32_t *person, const vg_keypoints *k, int32_t frame, bool all) {
    const int64_t *first = k->first + (int64_t)frame * k->cameras;
    for (int32_t c = 0; c < k->cameras; c++)
        for (int64_t i = first[c]; i < first[c + 1]; i++) {
            if (person[i] < 0) continue;
            int64_t *last = s->last + person[i] * k->cameras + c;
            if (*last < 0 || (!all && (s->moves[person[i]] || s->differs[person[i]])))
                *last = i;
            else if (!all)
                person[i] = -1;
        }
}

static vg_status leave_out_stills(int32_t *person, int32_t people, const vg_keypoints *k, vg_error *err) {
    const size_t n = (size_t)people * (size_t)k->cameras;
    stills s = {.last = malloc((n + 1) * sizeof *s.last),
                .moves = calloc((size_t)people + 1, sizeof(bool)),
                .differs = calloc((size_t)people + 1, sizeof(bool))};
    const vg_status status =
        s.last && s.moves && s.differs ? VG_OK : vg_fail(err, VG_NO_MEMORY, "%d people: out of memory", people);
    for (size_t i = 0; i < n && s.last; i++) s.last[i] = -1;
    for (int32_t f = 0; f < k->frames && status == VG_OK; f++) { /* against where they were first */
        compare_frame(s.moves, &s, person, k, f, LEAVES);
        keep_frame(&s, person, k, f, true);
    }
    for (size_t i = 0; i < n && s.last; i++) s.last[i] = -1;
    for (int32_t f = 0; f < k->frames && status == VG_OK; f++) {
        memset(s.differs, 0, (size_t)people * sizeof(bool));
        compare_frame(s.differs, &s, person, k, f, STILL);
        keep_frame(&s, person, k, f, false);
    }
    free(s.last), free(s.moves), free(s.differs);
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------------ */

static void find_rays(identify *d) {
    const vg_keypoints *k = d->k;
    for (int32_t c = 0; c < k->cameras; c++) {
        vg_camera camera = d->cameras[c];
        memcpy(camera.R, (const double[9]){1, 0, 0, 0, 1, 0, 0, 0, 1}, sizeof camera.R);
        for (int32_t f = 0; f < k->frames; f++)
            for (int32_t i = 0; i < vg_keypoints_count(k, f, c); i++) {
                const int64_t detection = k->first[(int64_t)f * k->cameras + c] + i;
                for (int32_t j = 0; j < k->set.joints; j++) {
                    const vg_keypoint *p = points_of(d, detection) + j;
                    double origin[3], *ray = d->ray + 3 * (detection * k->set.joints + j);
                    ray[0] = (double)NAN;
                    if (p->confidence > SEEN) vg_unproject(origin, ray, &camera, (double)p->u, (double)p->v);
                }
            }
    }
}

static vg_status relate_all(identify *d, vg_error *err) {
    int32_t first[VG_MAX_CAMERAS + 1], cameras = d->k->cameras, n = 0;
    for (int32_t c = 0, s = 0; c <= cameras; c++) {
        while (s < d->sequences && d->sequence[s].camera < c) s++;
        first[c] = s;
    }
    const size_t most = SEQUENCES * SEQUENCES;
    pairing *pairs = calloc((size_t)(cameras * cameras) * most + 1, sizeof *pairs);
    pair_room r = {.common = malloc(most * sizeof *r.common),
                   .share = calloc(2 * most, sizeof *r.share),
                   .chosen = calloc(2 * most, sizeof *r.chosen)};
    const bool room = pairs && r.common && r.share && r.chosen;
    const vg_status status = room ? VG_OK : vg_fail(err, VG_NO_MEMORY, "%d sequences: out of memory", d->sequences);
    if (room) r.best_share = r.share + most, r.best_chosen = r.chosen + most;
    for (int32_t a = 0; a < cameras && status == VG_OK; a++)
        for (int32_t b = a + 1; b < cameras; b++) {
            r.na = first[a + 1] - first[a], r.nb = first[b + 1] - first[b];
            if (r.na && r.nb)
                n += relate(pairs + n, d, first[a], first[b], &r, (uint32_t)((a * VG_MAX_CAMERAS + b) * 1000));
        }
    if (status == VG_OK) join(d, pairs, n);
    free(pairs), free(r.common), free(r.share), free(r.chosen);
    return status;
}

vg_status vg_identify(int32_t *person, int32_t *people, const vg_keypoints *k, const vg_camera *cameras, uint64_t seed,
                      vg_error *err) {
    const int64_t detections = k->first[(int64_t)k->frames * k->cameras];
    identify d = {.k = k, .cameras = cameras, .seed = seed};
    *people = 0;
    for (int64_t i = 0; i < detections; i++) person[i] = -1;
    d.ray = malloc(((size_t)detections * (size_t)k->set.joints * 3 + 1) * sizeof *d.ray);
    vg_status status =
        d.ray ? VG_OK : vg_fail(err, VG_NO_MEMORY, "%lld detections: out of memory", (long long)detections);
    if (status == VG_OK) find_rays(&d);
    for (int32_t c = 0; c < k->cameras && status == VG_OK; c++) status = follow(&d, c, err);
    if (status == VG_OK) {
        keep_long(&d);
        status = relate_all(&d, err);
    }
    if (status == VG_OK) *people = number(person, &d);
    if (status == VG_OK) status = leave_out_stills(person, *people, k, err);
    for (int32_t s = 0; s < d.sequences; s++) free(d.sequence[s].frame), free(d.sequence[s].detection);
    free(d.sequence), free(d.ray);
    return status;
}
