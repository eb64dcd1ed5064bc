/* Detections to known people, camera by camera, and single keypoints to the people they fit. */
#include "perception/people_parts.h"

#include <math.h>
#include <string.h>

#define SIMILAR  0.2  /* least mean agreement of a detection with a body */
#define SURE     0.5  /* above this nobody asks whether left and right are exchanged */
#define TWICE    0.5  /* least mean agreement of a second detection of the same body */
#define MIRRORED 0.9  /* that they are is less likely than that they are not */
#define MIXED_UP 0.8  /* gain in agreement, of 4 at most, from which on left and right are exchanged */
#define SLOWEST  0.04 /* s; a frame counts for no more where they come slower */
#define MAX_SIDE (2 * VG_MAX_PEOPLE + 1)

/* The Hungarian method with potentials, O(rows^2 columns) (Kuhn 1955, Munkres 1957; in the form of shortest augmenting
 * paths, Jonker and Volgenant 1987), on costs -score, where "apart" costs 0 on a column of a row's own. */
void people_assign(int32_t *to, const double *score, int32_t rows, int32_t columns) {
    double row_at[MAX_SIDE] = {0}, column_at[2 * MAX_SIDE] = {0}, least[2 * MAX_SIDE];
    int32_t of[2 * MAX_SIDE] = {0}, way[2 * MAX_SIDE] = {0}; /* 1-based; 0 = none */
    bool done[2 * MAX_SIDE];
    const int32_t all = columns + rows;
    VG_ASSERT(rows < MAX_SIDE && columns < MAX_SIDE);
    for (int32_t r = 1; r <= rows; r++) {
        int32_t column = 0;
        of[0] = r;
        for (int32_t c = 0; c <= all; c++) least[c] = HUGE_VAL, done[c] = false;
        do {
            const int32_t row = of[column];
            int32_t next = 0;
            double delta = HUGE_VAL;
            done[column] = true;
            for (int32_t c = 1; c <= all; c++) {
                if (done[c]) continue;
                const double gain = c <= columns ? score[(row - 1) * columns + c - 1] : c - columns == row ? 0 : -1e9;
                const double cost = -(gain > 0 || c > columns ? gain : -1e9) - row_at[row] - column_at[c];
                if (cost < least[c]) least[c] = cost, way[c] = column;
                if (least[c] < delta) delta = least[c], next = c;
            }
            for (int32_t c = 0; c <= all; c++)
                if (done[c])
                    row_at[of[c]] += delta, column_at[c] -= delta;
                else
                    least[c] -= delta;
            column = next;
        } while (of[column] != 0);
        for (; column; column = way[column]) of[column] = of[way[column]];
    }
    for (int32_t r = 0; r < rows; r++) to[r] = -1;
    for (int32_t c = 1; c <= columns; c++)
        if (of[c]) to[of[c] - 1] = c - 1;
}

/* Sum of agreements, every joint with itself or with the joint of the other side. */
static double sum_agreements(double *total, const vg_people *p, const cast *casts, const sight *s, bool mirrored) {
    const double soft = 1 / (p->config.gate * p->config.gate);
    double sum = 0;
    int32_t compared = 0;
    *total = 0;
    for (int32_t j = 0; j < p->joints; j++) {
        const sight *t = s + (mirrored ? p->set.mirror[j] : j);
        if (!(casts[j].variance > 0 && t->weight > 0)) continue;
        const double weight = t->weight * casts[j].weight;
        sum += weight * people_agree(soft * cast_distance(casts + j, t));
        *total += weight, compared++;
    }
    return compared >= p->config.joints ? sum : 0;
}

double people_agreement(const vg_people *p, const cast *casts, int32_t camera, int32_t detection) {
    const sight *s = sights_of(p, camera, detection);
    double total, sum = sum_agreements(&total, p, casts, s, false);
    if (p->set.joints && sum < SURE * total) sum = fmax(sum, MIRRORED * sum_agreements(&total, p, casts, s, true));
    return sum > SIMILAR * total ? sum : 0;
}

void people_share(vg_people *p, int32_t first, int32_t end, const bool *takes) {
    int32_t to[2 * VG_MAX_PEOPLE], rows[2 * VG_MAX_PEOPLE], columns[VG_MAX_PEOPLE];
    for (int32_t c = 0; c < p->cameras; c++) {
        int32_t row_count = 0, column_count = 0;
        for (int32_t d = 0; d < p->dims.people; d++)
            if (*owner_of(p, c, d) < 0 && p->seen[c * p->dims.people + d] >= p->config.joints)
                columns[column_count++] = d;
        for (int32_t b = first; b < end; b++)
            if (takes[b] && p->state->bodies[b].detection[c] < 0) rows[row_count++] = b;
        if (!row_count || !column_count) continue;
        for (int32_t r = 0; r < row_count; r++)
            for (int32_t k = 0; k < column_count; k++)
                p->scores[r * column_count + k] = people_agreement(p, casts_of(p, rows[r], c), c, columns[k]);
        people_assign(to, p->scores, row_count, column_count);
        for (int32_t r = 0; r < row_count; r++) {
            if (to[r] < 0) continue;
            p->state->bodies[rows[r]].detection[c] = columns[to[r]];
            *owner_of(p, c, columns[to[r]]) = rows[r];
        }
    }
}

/* How much a detection looks like a body's own one in the same picture, or, joints that this one lacks, like what is exactly
 * known of the body: mean agreement, -1 where they have too little in common. */
static double again(const vg_people *p, int32_t b, int32_t c, int32_t d) {
    const sight *s = sights_of(p, c, d), *own = sights_of(p, c, p->state->bodies[b].detection[c]);
    const cast *k = casts_of(p, b, c);
    const double soft = 1 / (p->config.gate * p->config.gate);
    double sum = 0, total = 0;
    int32_t compared = 0;
    for (int32_t j = 0; j < p->joints; j++) {
        if (!(s[j].weight > 0 && k[j].variance > 0)) continue;
        const double dx = own[j].x - s[j].x, dy = own[j].y - s[j].y, known = k[j].weight * k[j].weight * k[j].variance;
        sum += s[j].weight * (own[j].weight > 0 ? people_agree(soft * (dx * dx + dy * dy) / (2 * known))
                                                : k[j].weight * people_agree(soft * cast_distance(k + j, s + j)));
        total += s[j].weight, compared++;
    }
    return compared >= p->config.joints ? sum / total : -1;
}

void people_absorb(vg_people *p) {
    for (int32_t c = 0; c < p->cameras; c++)
        for (int32_t d = 0; d < p->dims.people; d++) {
            double best = TWICE;
            if (*owner_of(p, c, d) >= 0 || p->seen[c * p->dims.people + d] < p->config.joints) continue;
            for (int32_t b = 0; b < p->capacity; b++) {
                const body *who = p->state->bodies + b;
                if (who->state == BODY_FREE || who->state == BODY_LOST || who->detection[c] < 0) continue;
                const double agreement = again(p, b, c, d);
                if (agreement > best) best = agreement, *owner_of(p, c, d) = b;
            }
        }
}

static double agreement_at(const cast *k, const sight *s, double soft) {
    return k->weight * people_agree(soft * cast_distance(k, s));
}

static double distance_to(const vg_people *p, int32_t at, int32_t camera, int32_t joint, const sight *s) {
    const cast *k = casts_of(p, at, camera) + joint;
    return k->variance > 0 && s->weight > 0 ? cast_distance(k, s) : HUGE_VAL;
}

/* Its owner expects the joint elsewhere. */
static bool is_strange(const vg_people *p, int32_t owner, int32_t camera, int32_t joint, const sight *s, double far) {
    const cast *k = casts_of(p, owner, camera) + joint;
    return k->variance > 0 && cast_distance(k, s) > far;
}

/* A keypoint of a neighbour's detection (or of one that nobody owns) goes to a body whose own is missing or far off, where
 * it fits well and its owner badly. */
static void move_keypoint(vg_people *p, int32_t b, int32_t c, int32_t j) {
    const double gate = p->config.gate * p->config.gate, good = 0.35 * gate;
    const sight **mine = given_of(p, b, c) + j, **theirs = NULL, *best = NULL;
    double least = *mine ? fmin(good, 0.25 * distance_to(p, b, c, j, *mine)) : good;
    if (*mine && distance_to(p, b, c, j, *mine) < gate) return;
    for (int32_t d = 0; d < p->dims.people; d++) {
        const int32_t owner = *owner_of(p, c, d);
        if (d == p->state->bodies[b].detection[c] || p->seen[c * p->dims.people + d] == 0) continue;
        const sight *s = sights_of(p, c, d) + j;
        const double distance = distance_to(p, b, c, j, s);
        if (!(distance < least)) continue;
        const bool others = owner >= 0 && owner != b;
        if (others && (given_of(p, owner, c)[j] != s || !is_strange(p, owner, c, j, s, 4 * distance))) continue;
        least = distance, best = s, theirs = others ? given_of(p, owner, c) + j : NULL;
    }
    if (!best) return;
    if (theirs) *theirs = NULL;
    *mine = best;
}

/* By how much two joints of a body agree better exchanged, of 4 at most. */
static double gain_exchanged(const vg_people *p, int32_t b, int32_t c, int32_t j, int32_t m) {
    const double soft = 1 / (p->config.gate * p->config.gate);
    const cast *casts = casts_of(p, b, c);
    const sight *const *mine = given_of(p, b, c);
    double gain = 0;
    if (!(casts[j].variance > 0 && casts[m].variance > 0)) return 0;
    if (mine[j]) gain += agreement_at(casts + m, mine[j], soft) - agreement_at(casts + j, mine[j], soft);
    if (mine[m]) gain += agreement_at(casts + j, mine[m], soft) - agreement_at(casts + m, mine[m], soft);
    return gain;
}

/* Left and right that a detector has mixed up: of single pairs that show it, or, where no pair speaks against it, of all
 * of the detection, those too close together to tell. */
static void turn_about(vg_people *p, int32_t b, int32_t c) {
    double gain[VG_MAX_JOINTS];
    int32_t direct = 0, exchanged = 0;
    const sight **mine = given_of(p, b, c);
    for (int32_t j = 0; j < p->set.joints; j++) {
        if (p->set.mirror[j] <= j) continue;
        gain[j] = gain_exchanged(p, b, c, j, p->set.mirror[j]);
        direct += gain[j] < -MIXED_UP, exchanged += gain[j] >= MIXED_UP;
    }
    const double enough = direct == 0 && exchanged >= 2 ? -MIXED_UP : MIXED_UP;
    for (int32_t j = 0; j < p->set.joints; j++) {
        const int32_t m = p->set.mirror[j];
        if (m <= j || gain[j] < enough) continue;
        const sight *held = mine[j];
        mine[j] = mine[m], mine[m] = held;
    }
    p->state->bodies[b].facing += fmin(p->dt, SLOWEST) * ((direct > exchanged) - (exchanged > direct));
}

void people_give(vg_people *p) {
    for (int32_t b = 0; b < p->capacity; b++) {
        const body *who = p->state->bodies + b;
        for (int32_t c = 0; c < p->cameras && who->state; c++) {
            const int32_t d = who->detection[c];
            const sight *s = d >= 0 ? sights_of(p, c, d) : NULL, **mine = given_of(p, b, c);
            for (int32_t j = 0; j < p->joints; j++) mine[j] = s && s[j].weight > 0 ? s + j : NULL;
        }
    }
    for (int32_t b = 0; b < p->capacity; b++)
        for (int32_t c = 0; c < p->cameras && p->state->bodies[b].state; c++)
            if (p->state->bodies[b].detection[c] >= 0) {
                turn_about(p, b, c);
                for (int32_t j = 0; j < p->joints; j++) move_keypoint(p, b, c, j);
            }
}
