/* Detections that nobody owns: those that meet in one body across cameras, strongest meeting first. */
#include "common/transform.h"
#include "perception/people_parts.h"

#include <math.h>
#include <string.h>

#define FREE_MAX   12   /* detections of one camera looked at */
#define TRIED      48   /* meetings of two that are followed into the other cameras */
#define REACH      1.4  /* m; no joint is farther from the middle of a body */
#define SPREAD     0.06 /* m, rms; less is no body */
#define SHORT      0.15 /* m; shorter bones tell nothing */
#define SMALL      0.4  /* of an adult's bones, noise included */
#define TALL       1.8  /* ... */
#define WRONG      0.34 /* share of bones that may be neither */
#define TWIN       0.2  /* m; mean distance of the joints of one body found twice */
#define WALK       1.5  /* m/s; how far the lost get */
#define LINGER     0.3  /* m, m/s; how far most of them get: people in a room mostly stay where they are */
#define POSE       0.03 /* relative; how much a body's size seems to change with its pose */
#define MISMADE    0.7  /* times config.body; error of a joint in one frame */
#define BONES      5    /* fewer bones in common tell nothing of size */
#define STEP_ASIDE 0.5  /* m; and how far off their prediction is at once */

/* Detections of a camera that are free, those of most keypoints first. */
static int32_t list_free(const vg_people *p, int32_t c, int32_t list[FREE_MAX]) {
    int32_t count = 0;
    const int32_t *seen = p->seen + c * p->dims.people;
    for (int32_t d = 0; d < p->dims.people; d++) {
        if (*owner_of(p, c, d) >= 0 || seen[d] < p->config.joints) continue;
        int32_t at = count < FREE_MAX ? count++ : FREE_MAX;
        for (; at > 0 && seen[list[at - 1]] < seen[d]; at--)
            if (at < FREE_MAX) list[at] = list[at - 1];
        if (at < FREE_MAX) list[at] = d;
    }
    return count;
}

static double pair_score(const vg_people *p, const int32_t camera[2], const int32_t detection[2]) {
    const sight *a = sights_of(p, camera[0], detection[0]), *b = sights_of(p, camera[1], detection[1]);
    const double soft = 1 / (p->config.gate * p->config.gate);
    double sum = 0, total = 0;
    int32_t compared = 0;
    for (int32_t j = 0; j < p->joints; j++) {
        if (!(a[j].weight > 0 && b[j].weight > 0)) continue;
        double X[3], distance;
        const double weight = sqrt(a[j].weight * b[j].weight);
        const bool meets = people_meet(X, &distance, p->eyes + camera[0], a + j, p->eyes + camera[1], b + j);
        sum += weight * (meets ? people_agree(soft * distance) : -1);
        total += weight, compared++;
    }
    return compared >= p->config.joints && sum > 0.3 * total ? sum : 0;
}

static int32_t list_pairs(vg_people *p) {
    int32_t list[VG_MAX_CAMERAS][FREE_MAX], count[VG_MAX_CAMERAS], pairs = 0;
    for (int32_t c = 0; c < p->cameras; c++) count[c] = list_free(p, c, list[c]);
    for (int32_t a = 0; a < p->cameras; a++)
        for (int32_t b = a + 1; b < p->cameras; b++)
            for (int32_t i = 0; i < count[a]; i++)
                for (int32_t k = 0; k < count[b] && pairs < MAX_PAIRS; k++) {
                    const double score = pair_score(p, (int32_t[2]){a, b}, (int32_t[2]){list[a][i], list[b][k]});
                    if (!(score > 0)) continue;
                    pair next = {score, {(int16_t)a, (int16_t)b}, {(int16_t)list[a][i], (int16_t)list[b][k]}};
                    int32_t at = pairs++;
                    for (; at > 0 && p->pairs[at - 1].score < score; at--) p->pairs[at] = p->pairs[at - 1];
                    p->pairs[at] = next;
                }
    return pairs;
}

/* A body where two detections meet. */
static void body_of_pair(body *out, const vg_people *p, const pair *from) {
    const sight *a = sights_of(p, from->camera[0], from->detection[0]);
    const sight *b = sights_of(p, from->camera[1], from->detection[1]);
    memset(out, 0, sizeof *out);
    out->state = BODY_NEW, out->slot = -1;
    for (int32_t c = 0; c < VG_MAX_CAMERAS; c++) out->detection[c] = -1;
    for (int k = 0; k < 2; k++) out->detection[from->camera[k]] = from->detection[k];
    for (int32_t j = 0; j < p->joints; j++) {
        double distance;
        body_joint *joint = out->joint + j;
        if (!(a[j].weight > 0 && b[j].weight > 0)) continue;
        if (!people_meet(joint->x, &distance, p->eyes + from->camera[0], a + j, p->eyes + from->camera[1], b + j))
            continue;
        if (distance > p->config.gate * p->config.gate) continue;
        joint->known = 1, joint->xx = p->config.body * p->config.body, joint->vv = 1;
    }
}

/* Bones as long as people's, or nearly all of them: where two people are taken for one, they are not. */
static bool has_bones(const vg_people *p, const body *b) {
    int32_t right = 0, wrong = 0;
    for (int32_t i = 0; i < p->set.bones; i++) {
        const vg_bone *bone = p->set.bone + i;
        const body_joint *m = b->joint + bone->a, *n = b->joint + bone->b;
        if (!m->known || !n->known || bone->length < SHORT) continue;
        const double d[3] = {m->x[0] - n->x[0], m->x[1] - n->x[1], m->x[2] - n->x[2]},
                     size = vg_norm3(d) / bone->length;
        size > SMALL &&size < TALL ? right++ : wrong++;
    }
    return wrong <= WRONG * (right + wrong);
}

static bool is_plausible(const vg_people *p, const body *b) {
    double middle[3] = {0}, square = 0, farthest = 0;
    int32_t count = 0;
    for (int32_t j = 0; j < p->joints; j++)
        for (int k = 0; k < 3 && b->joint[j].known; k++) middle[k] += b->joint[j].x[k], count += k == 0;
    if (count < p->config.joints) return false;
    for (int k = 0; k < 3; k++) middle[k] /= count;
    for (int32_t j = 0; j < p->joints; j++) {
        if (!b->joint[j].known) continue;
        double away[3];
        for (int k = 0; k < 3; k++) away[k] = b->joint[j].x[k] - middle[k];
        square += vg_dot3(away, away), farthest = fmax(farthest, vg_norm3(away));
    }
    return farthest < REACH && sqrt(square / count) > SPREAD && has_bones(p, b);
}

static double mean_distance(const vg_people *p, const body *a, const body *b, int32_t least, bool mirrored) {
    double sum = 0;
    int32_t count = 0;
    for (int32_t j = 0; j < p->joints; j++) {
        const body_joint *m = a->joint + j, *n = b->joint + (mirrored ? p->set.mirror[j] : j);
        if (!m->known || !n->known || m->unseen > p->config.hold || n->unseen > p->config.hold) continue;
        const double d[3] = {m->x[0] - n->x[0], m->x[1] - n->x[1], m->x[2] - n->x[2]};
        sum += vg_norm3(d), count++;
    }
    return count >= least ? sum / count : (double)INFINITY;
}

double people_apart(const vg_people *p, const body *a, const body *b, int32_t least) {
    const double direct = mean_distance(p, a, b, least, false);
    return p->set.joints ? fmin(direct, mean_distance(p, a, b, least, true)) : direct;
}

static bool is_twin(const vg_people *p, const body *candidate) {
    for (int32_t b = 0; b < p->capacity; b++) {
        const body *other = p->state->bodies + b;
        if ((other->state == BODY_NEW || other->state == BODY_HELD) &&
            people_apart(p, candidate, other, p->config.joints) < TWIN)
            return true;
    }
    return false;
}

/* Adds the best free detection of every other camera; returns the whole score. */
static double follow(body *b, const vg_people *p, double score, cast *casts) {
    for (int32_t c = 0; c < p->cameras; c++) {
        if (b->detection[c] >= 0) continue;
        double best = 0;
        for (int32_t j = 0; j < p->joints; j++) {
            casts[j].variance = 0;
            if (b->joint[j].known) people_cast(casts + j, p->eyes + c, b->joint[j].x, b->joint[j].xx);
        }
        for (int32_t d = 0; d < p->dims.people; d++) {
            if (*owner_of(p, c, d) >= 0 || p->seen[c * p->dims.people + d] < p->config.joints) continue;
            const double agreement = people_agreement(p, casts, c, d);
            if (agreement > best) best = agreement, b->detection[c] = d;
        }
        score += best;
    }
    return score;
}

static bool is_free(const vg_people *p, const pair *from) {
    return *owner_of(p, from->camera[0], from->detection[0]) < 0 &&
           *owner_of(p, from->camera[1], from->detection[1]) < 0;
}

/* The next new body, into a free place; its index, or -1. */
static int32_t next_body(vg_people *p, int32_t pairs) {
    int32_t at = 0, tried = 0;
    double best = 0;
    while (at < p->capacity && p->state->bodies[at].state) at++;
    if (at == p->capacity) return -1;
    body *place = p->state->bodies + at, candidate;
    for (int32_t i = 0; i < pairs && tried < TRIED; i++) {
        if (!is_free(p, p->pairs + i)) continue;
        tried++;
        body_of_pair(&candidate, p, p->pairs + i);
        if (!is_plausible(p, &candidate) || is_twin(p, &candidate)) continue;
        const double score = follow(&candidate, p, p->pairs[i].score, casts_of(p, at, 0));
        if (score > best) best = score, *place = candidate;
    }
    if (!(best > 0)) {
        place->state = BODY_FREE;
        return -1;
    }
    for (int32_t c = 0; c < p->cameras; c++)
        if (place->detection[c] >= 0) *owner_of(p, c, place->detection[c]) = at;
    return at;
}

/* The new bodies' detections shared out again, now that all of them are known. */
static void share_anew(vg_people *p, const bool *fresh) {
    for (int32_t b = 0; b < p->capacity; b++) {
        if (!fresh[b]) continue;
        body *who = p->state->bodies + b;
        for (int32_t c = 0; c < p->cameras; c++) {
            if (who->detection[c] >= 0) *owner_of(p, c, who->detection[c]) = -1;
            who->detection[c] = -1;
            cast *casts = casts_of(p, b, c);
            for (int32_t j = 0; j < p->joints; j++) {
                casts[j].variance = 0;
                if (who->joint[j].known) people_cast(casts + j, p->eyes + c, who->joint[j].x, who->joint[j].xx);
            }
        }
    }
    people_share(p, 0, p->capacity, fresh);
}

/* How far the lost one would have moved, m. */
static double moved(const vg_people *p, const body *lost, const body *found) {
    double sum[3] = {0};
    int32_t count = 0;
    for (int32_t j = 0; j < p->joints; j++) {
        if (!lost->joint[j].known || !found->joint[j].known) continue;
        for (int k = 0; k < 3; k++) sum[k] += found->joint[j].x[k] - lost->joint[j].x[k];
        count++;
    }
    return count ? vg_norm3(sum) / count : (double)INFINITY;
}

/* How much larger or smaller, in standard deviations: the mean logarithm of the bones' lengths over its error in one frame. */
static double grown(const vg_people *p, const body *lost, const body *found) {
    double sum = 0, noise = 0;
    int32_t count = 0;
    for (int32_t i = 0; i < p->set.bones; i++) {
        const body_joint *a = found->joint + p->set.bone[i].a, *b = found->joint + p->set.bone[i].b;
        if (!a->known || !b->known || lost->bone_seen[i] < BONE_SURE || p->set.bone[i].length < SHORT) continue;
        const double d[3] = {a->x[0] - b->x[0], a->x[1] - b->x[1], a->x[2] - b->x[2]};
        const double off = MISMADE * p->config.body / lost->bone[i];
        sum += fmax(-0.5, fmin(0.5, log(vg_norm3(d) / lost->bone[i]))), noise += 2 * off * off, count++;
    }
    return count >= BONES ? sum / count / sqrt(noise / (count * count) + POSE * POSE) : 0;
}

/* How well one found goes with one lost, above 0; 0 where they cannot be the same. Both doubts have heavy tails: some walk on,
 * some joints are mistaken. */
static double alike(const vg_people *p, const body *lost, const body *found) {
    const double way = moved(p, lost, found), size = grown(p, lost, found);
    if (!(way < STEP_ASIDE + WALK * lost->unseen)) return 0;
    const double far = way / (LINGER * (1 + lost->unseen));
    return fmax(1e-3, 10 - log(1 + far * far) - 2 * log(1 + size * size / 4));
}

/* The lost among the new: near where they were last, and of their size. */
static void recognise(vg_people *p, const bool *fresh) {
    int32_t rows[2 * VG_MAX_PEOPLE], columns[2 * VG_MAX_PEOPLE], to[2 * VG_MAX_PEOPLE], row_count = 0, column_count = 0;
    body *bodies = p->state->bodies;
    for (int32_t b = 0; b < p->capacity; b++) {
        if (fresh[b]) rows[row_count++] = b;
        if (bodies[b].state == BODY_LOST) columns[column_count++] = b;
    }
    for (int32_t r = 0; r < row_count; r++)
        for (int32_t k = 0; k < column_count; k++)
            p->scores[r * column_count + k] = alike(p, bodies + columns[k], bodies + rows[r]);
    people_assign(to, p->scores, row_count, column_count);
    for (int32_t r = 0; r < row_count; r++) {
        if (to[r] < 0) continue;
        body *lost = bodies + columns[to[r]], *found = bodies + rows[r];
        found->name = lost->name, found->slot = lost->slot, found->state = BODY_HELD, found->met = lost->met,
        found->alone = lost->alone;
        memcpy(found->bone, lost->bone, sizeof found->bone);
        memcpy(found->bone_seen, lost->bone_seen, sizeof found->bone_seen);
        lost->state = BODY_FREE;
    }
}

void people_birth(vg_people *p) {
    bool fresh[2 * VG_MAX_PEOPLE] = {0}, any = false;
    const int32_t pairs = list_pairs(p);
    for (int32_t b; pairs && (b = next_body(p, pairs)) >= 0;) fresh[b] = any = true;
    if (!any) return;
    share_anew(p, fresh);
    recognise(p, fresh);
}
