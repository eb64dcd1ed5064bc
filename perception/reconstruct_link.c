/* Who was lost is found again, looking both ways: every name is cut where the tracking had lost its person, and the pieces are
 * joined anew, each end with at most one beginning, so that all of it is likeliest. The tracking had to decide when
 * somebody appeared; here it is known who else appeared later, and each piece's bones are known from all of it. */
#include "common/transform.h"
#include "perception/people_parts.h"
#include "perception/reconstruct_who.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLES    24   /* frames of a piece that are placed to know its bones */
#define END_FRAMES 5    /* ... and to know where it begins and ends, and how fast */
#define END_TIME   0.3  /* s; over which */
#define SWAY       0.3  /* m; who has stayed is found within this ... */
#define STROLL     0.5  /* m/s; ... who has not, within this and so much more with time */
#define REACH      0.5  /* m; nobody gets farther than this ... */
#define WALK       1.5  /* m/s; ... and so much with time */
#define ELSEWHERE  400  /* m^2; where somebody new might as well have appeared, times how much rarer the new are */
#define POSE       0.03 /* relative; how much a body's size seems to change with its pose and its views */
#define BONES      5    /* fewer in common tell nothing of size */
#define SHORT      0.15 /* m; shorter ones neither */
#define GLIMPSE    0.2  /* s */
#define BATCH      60   /* ends joined together; more than are ever open at a time */
#define KEPT       0.5  /* the tracking's own opinion */

/* A person between two losses. */
typedef struct piece {
    int32_t person, first, last;    /* in the list; frames */
    int32_t next;                   /* piece that follows, -1 = none */
    bool follows;                   /* another */
    double begin[VG_MAX_JOINTS][3]; /* m; NaN where unknown */
    double end[VG_MAX_JOINTS][3];   /* m */
    double velocity[3];             /* m/s, at the end */
    double bone[VG_MAX_BONES];      /* m; 0 = unknown */
} piece;

typedef struct linker {
    const vg_keypoints *k;
    const vg_camera *cameras;
    double rate;
    const vg_people_config *config;
    const cast_list *list;
    piece *pieces;
    int32_t count, room;
} linker;

static const vg_keypoint *frame_at(const linker *l, int32_t person, int32_t frame) {
    const size_t size = (size_t)l->k->cameras * (size_t)l->k->set.joints;
    return l->list->person[person].points + (size_t)frame * size;
}

/* Two cameras saw a good part of the body: what fewer see of somebody lost is often somebody else's. */
static bool seen_at(const linker *l, int32_t person, int32_t frame) {
    const vg_keypoint *p = frame_at(l, person, frame);
    const int32_t J = l->k->set.joints, least = J / 4 > l->config->joints ? J / 4 : l->config->joints;
    int32_t joints = 0;
    for (int32_t j = 0; j < J; j++) {
        int32_t views = 0;
        for (int32_t c = 0; c < l->k->cameras; c++) views += p[c * J + j].confidence > 0;
        joints += views >= 2;
    }
    return joints >= least;
}

static vg_status add_piece(linker *l, int32_t person, int32_t first, int32_t last, vg_error *err) {
    if (l->count == l->room) {
        const int32_t room = l->room ? 2 * l->room : 32;
        piece *pieces = realloc(l->pieces, sizeof *pieces * (size_t)room);
        if (!pieces) return vg_fail(err, VG_NO_MEMORY, "no memory for %d pieces of people", room);
        l->pieces = pieces, l->room = room;
    }
    l->pieces[l->count++] = (piece){.person = person, .first = first, .last = last, .next = -1};
    return VG_OK;
}

/* Cut where nobody saw the person for so long that the tracking gave up. */
static vg_status cut(linker *l, vg_error *err) {
    const int32_t longest = (int32_t)(l->config->hold * l->rate) + 1;
    for (int32_t p = 0; p < l->list->people; p++) {
        int32_t first = -1, last = -1;
        for (int32_t f = 0; f < l->k->frames; f++) {
            if (!seen_at(l, p, f)) continue;
            if (first >= 0 && f - last > longest) {
                VG_TRY(add_piece(l, p, first, last, err));
                first = -1;
            }
            if (first < 0) first = f;
            last = f;
        }
        if (first >= 0) VG_TRY(add_piece(l, p, first, last, err));
    }
    return VG_OK;
}

static void place_frame(double (*x)[3], const linker *l, int32_t person, int32_t frame) {
    double u[VG_MAX_CAMERAS * VG_MAX_JOINTS], v[VG_MAX_CAMERAS * VG_MAX_JOINTS], w[VG_MAX_CAMERAS * VG_MAX_JOINTS];
    vg_consensus_point points[VG_MAX_JOINTS];
    const vg_consensus_options options = vg_consensus_options_default();
    const vg_keypoint *from = frame_at(l, person, frame);
    const int32_t n = l->k->cameras * l->k->set.joints;
    for (int32_t i = 0; i < n; i++)
        u[i] = (double)from[i].u, v[i] = (double)from[i].v, w[i] = (double)from[i].confidence;
    vg_triangulate_consensus(points, l->cameras, u, v, w, l->k->cameras, l->k->set.joints, &options);
    for (int32_t j = 0; j < l->k->set.joints; j++)
        for (int k = 0; k < 3; k++) x[j][k] = points[j].views ? points[j].x[k] : (double)NAN;
}

/* Mean way of the joints that both know; false where there are too few. */
static bool way_between(double way[3], const linker *l, double (*a)[3], double (*b)[3]) {
    int32_t count = 0;
    for (int k = 0; k < 3; k++) way[k] = 0;
    for (int32_t j = 0; j < l->k->set.joints; j++) {
        if (isnan(a[j][0]) || isnan(b[j][0])) continue;
        for (int k = 0; k < 3; k++) way[k] += b[j][k] - a[j][k];
        count++;
    }
    for (int k = 0; k < 3 && count; k++) way[k] /= count;
    return count >= l->config->joints;
}

/* Where the joints are over a few frames from `from` on, each as it is known first. */
static void place_end(double (*out)[3], const linker *l, const piece *p, int32_t from, int32_t step) {
    double x[VG_MAX_JOINTS][3];
    for (int32_t j = 0; j < l->k->set.joints; j++) out[j][0] = out[j][1] = out[j][2] = (double)NAN;
    for (int i = 0, f = from; i < END_FRAMES && f >= p->first && f <= p->last; i++, f += step) {
        place_frame(x, l, p->person, f);
        for (int32_t j = 0; j < l->k->set.joints; j++)
            if (isnan(out[j][0])) memcpy(out[j], x[j], sizeof x[j]);
    }
}

static void know_bones(piece *p, const linker *l) {
    const vg_joint_set *set = &l->k->set;
    const int32_t frames = p->last - p->first + 1, step = 1 + (frames - 1) / SAMPLES;
    vg_bones bones = {0};
    for (int32_t f = p->first; f <= p->last; f += step) {
        double x[VG_MAX_JOINTS][3], covariance[VG_MAX_JOINTS][6] = {{0}};
        const double noise = l->config->body * l->config->body;
        for (int32_t j = 0; j < set->joints; j++) covariance[j][0] = covariance[j][3] = covariance[j][5] = noise;
        place_frame(x, l, p->person, f);
        vg_bones_learn(&bones, set, (const double(*)[3])x, (const double(*)[6])covariance);
    }
    memcpy(p->bone, bones.length, sizeof p->bone);
}

static void know(piece *p, const linker *l) {
    double before[VG_MAX_JOINTS][3], way[3];
    const int32_t back = (int32_t)(END_TIME * l->rate);
    place_end(p->begin, l, p, p->first, 1);
    place_end(p->end, l, p, p->last, -1);
    know_bones(p, l);
    memset(p->velocity, 0, sizeof p->velocity);
    if (back < 1 || p->last - back < p->first) return;
    place_end(before, l, p, p->last - back, -1);
    if (!way_between(way, l, before, p->end)) return;
    for (int k = 0; k < 3; k++) p->velocity[k] = way[k] * l->rate / back;
}

/* How much larger or smaller, in standard deviations. */
static double grown(const linker *l, const piece *a, const piece *b) {
    double sum = 0;
    int32_t count = 0;
    for (int32_t i = 0; i < l->k->set.bones; i++) {
        if (!(a->bone[i] > 0 && b->bone[i] > 0) || l->k->set.bone[i].length < SHORT) continue;
        sum += fmax(-0.5, fmin(0.5, log(b->bone[i] / a->bone[i]))), count++;
    }
    return count >= BONES ? sum / count / POSE : 0;
}

/* Likelihood, 1/m^2, that who was lost is found so far away: half of them have stayed, half of them have not. */
static double found_at(double way, double gap) {
    const double s = SWAY + STROLL * gap, near = way / SWAY, far = way / s;
    return (exp(-0.5 * near * near) / (SWAY * SWAY) + pow(1 + far * far, -1.5) / (s * s)) / (4 * VG_PI);
}

/* By how much likelier a piece goes on with another than with somebody new, as a logarithm; 0 = it cannot. */
static double score_of(const linker *l, const piece *a, const piece *b) {
    const double gap = (b->first - a->last) / l->rate;
    double way[3], on[3];
    if (!(gap > 0 && gap <= l->config->memory)) return 0;
    if (!way_between(way, l, (double(*)[3])a->end, (double(*)[3])b->begin)) return 0;
    for (int k = 0; k < 3; k++) on[k] = way[k] - gap * a->velocity[k];
    if (vg_norm3(way) > REACH + WALK * gap) return 0;
    const double size = grown(l, a, b);
    return log(ELSEWHERE * found_at(fmin(vg_norm3(way), vg_norm3(on)), gap)) - 2 * log(1 + size * size / 4) +
           (a->person == b->person ? KEPT : 0);
}

/* Too short to be sure that it is anybody. */
static bool is_glimpse(const linker *l, const piece *p) {
    return p->last - p->first + 1 < fmin(GLIMPSE * l->rate, END_FRAMES);
}

static int by_end(const void *a, const void *b) {
    const piece *const *p = a, *const *q = b;
    return (*p)->last != (*q)->last ? (*p)->last - (*q)->last : (*p)->first - (*q)->first;
}

/* The ends rows [count], in order of time, each with at most one beginning after it: the best sum. */
static void join_batch(linker *l, piece *const *rows, int32_t count, double *score) {
    int32_t columns[2 * BATCH], to[BATCH], width = 0;
    for (int32_t b = 0; b < l->count && width < 2 * BATCH; b++) {
        const piece *p = l->pieces + b;
        const double gap = (p->first - rows[0]->last) / l->rate, least = (p->first - rows[count - 1]->last) / l->rate;
        if (gap > 0 && least <= l->config->memory && !p->follows && !is_glimpse(l, p)) columns[width++] = b;
    }
    if (width == 0) return;
    for (int32_t r = 0; r < count; r++)
        for (int32_t c = 0; c < width; c++) score[r * width + c] = score_of(l, rows[r], l->pieces + columns[c]);
    people_assign(to, score, count, width);
    for (int32_t r = 0; r < count; r++)
        if (to[r] >= 0) rows[r]->next = columns[to[r]], l->pieces[columns[to[r]]].follows = true;
}

static vg_status join_pieces(linker *l, vg_error *err) {
    piece **ends = malloc(sizeof(piece *) * (size_t)(l->count + 1));
    double *score = malloc(sizeof *score * BATCH * 2 * BATCH);
    int32_t count = 0;
    for (int32_t i = 0; i < l->count && ends && score; i++)
        if (!is_glimpse(l, l->pieces + i)) ends[count++] = l->pieces + i;
    if (ends && score) qsort(ends, (size_t)count, sizeof *ends, by_end);
    for (int32_t at = 0; at < count; at += BATCH)
        join_batch(l, ends + at, count - at < BATCH ? count - at : BATCH, score);
    const bool done = ends && score;
    free(ends), free(score);
    return done ? VG_OK : vg_fail(err, VG_NO_MEMORY, "no memory to join %d pieces of people", l->count);
}

static int by_beginning(const void *a, const void *b) {
    const piece *p = a, *q = b;
    return p->first != q->first ? p->first - q->first : p->person - q->person;
}

/* Frames in which two cameras or more saw something. */
static int32_t met(const linker *l, const piece *p) {
    int32_t frames = 0;
    for (int32_t f = p->first; f <= p->last; f++) {
        const vg_keypoint *at = frame_at(l, p->person, f);
        int32_t views = 0;
        for (int32_t c = 0; c < l->k->cameras; c++, at += l->k->set.joints) {
            int32_t j = 0;
            while (j < l->k->set.joints && !(at[j].confidence > 0)) j++;
            views += j < l->k->set.joints;
        }
        frames += views >= 2;
    }
    return frames;
}

static vg_status rebuild(cast_list *out, const linker *l, vg_error *err) {
    const size_t size = (size_t)l->k->cameras * (size_t)l->k->set.joints;
    for (int32_t i = 0; i < l->count; i++) {
        if (l->pieces[i].follows) continue;
        sights *s = cast_list_add(out, l->k, out->people + 1, err);
        if (!s) return VG_NO_MEMORY;
        for (int32_t at = i; at >= 0; at = l->pieces[at].next) {
            const piece *p = l->pieces + at;
            memcpy(s->points + (size_t)p->first * size, frame_at(l, p->person, p->first),
                   sizeof *s->points * size * (size_t)(p->last - p->first + 1));
            s->frames += met(l, p);
        }
    }
    return VG_OK;
}

vg_status reconstruct_link(cast_list *list, const vg_keypoints *k, const vg_camera *cameras, double rate,
                           const vg_people_config *config, vg_error *err) {
    linker l = {k, cameras, rate, config, list, NULL, 0, 0};
    cast_list joined = {0};
    vg_status status = cut(&l, err);
    if (status == VG_OK) {
        qsort(l.pieces, (size_t)l.count, sizeof *l.pieces, by_beginning);
        for (int32_t i = 0; i < l.count; i++) know(l.pieces + i, &l);
        status = join_pieces(&l, err);
    }
    if (status == VG_OK) status = rebuild(&joined, &l, err);
    free(l.pieces);
    cast_list_free(status == VG_OK ? list : &joined);
    if (status == VG_OK) *list = joined;
    return status;
}
