/* The parts of people.h. Private to people*.c (reconstruct_link.c uses the assignment).
 *
 * Inside, lenses are undone: a keypoint is a sight, normalised coordinates and a ray. Distances are squared and in units of
 * their variance; agreement goes from 1 (exact) over 0 (at the gate) to -1 (far off), heavy-tailed as detectors' errors are. */
#ifndef VG_PERCEPTION_PEOPLE_PARTS_H
#define VG_PERCEPTION_PEOPLE_PARTS_H

#include "calibration/calibration.h"
#include "common/arena.h"
#include "perception/joints.h"
#include "perception/people.h"

typedef struct sight {
    double x, y;   /* normalised */
    double ray[3]; /* unit, world */
    double weight; /* confidence; 0 = not seen */
    double u, v;   /* px as it came */
} sight;

typedef struct eye {
    double P[12];     /* [R | t] */
    double place[3];  /* m, world */
    double focal;     /* px */
    double low, high; /* squared: (sigma / focal)^2 and body^2 */
} eye;

/* A predicted joint as a camera would see it. */
typedef struct cast {
    double x, y;     /* normalised */
    double variance; /* of each, normalised; 0 = behind the camera, or the joint is unknown */
    double weight;   /* 1 for a joint just measured, less the less is known */
} cast;

typedef struct body_joint {
    double x[3], v[3]; /* m, m/s */
    double xx, xv, vv; /* variances, the same on every axis */
    double unseen;     /* s since two views measured it */
    int32_t known;     /* 0 = never measured */
    int32_t views;     /* that agreed in this frame */
} body_joint;

#define BONE_SURE  30  /* frames after which a bone's length is known */
#define ALONE_MAX  250 /* frames */
#define FACING_MAX 5.0 /* view seconds */

typedef enum body_state { BODY_FREE = 0, BODY_NEW, BODY_HELD, BODY_LOST } body_state;

/* A person. Plain data; a zeroed one is nobody. */
typedef struct body {
    int64_t name;
    int32_t state;                     /* body_state */
    int32_t met;                       /* frames in which views agreed, in a row while new */
    int32_t agreed;                    /* joints that two views placed in this frame */
    int32_t slot;                      /* -1 while new */
    int32_t alone;                     /* frames met, in which no other body was in the same place; up to ALONE_MAX */
    int32_t detection[VG_MAX_CAMERAS]; /* given in this frame; -1 = none */
    double unseen, unmet;              /* s since any view saw the body; since two of them agreed */
    double
        facing; /* view seconds that show left and right as they are known here less those that show them exchanged */
    body_joint joint[VG_MAX_JOINTS];
    double bone[VG_MAX_BONES];       /* m; learned length; 0 = never seen */
    int32_t bone_seen[VG_MAX_BONES]; /* times, up to BONE_SURE */
} body;

typedef struct people_state {
    int64_t time_ns, known, names; /* names: given so far */
    body bodies[];                 /* [capacity] */
} people_state;

struct vg_people {
    vg_people_config config;
    vg_joint_set set; /* joints = 0: not known */
    vg_dims dims;     /* of detections */
    int32_t slots;    /* people told */
    int32_t capacity; /* bodies followed: slots and as many again for those not yet told */
    size_t state_bytes;
    people_state *state;
    /* of the frame at hand */
    double dt; /* s since the one before */
    int32_t cameras, joints;
    eye eyes[VG_MAX_CAMERAS];
    vg_view views[VG_MAX_CAMERAS];
    sight *sights;       /* [C, D, J] */
    int32_t *seen;       /* [C, D] keypoints in use */
    int32_t *owner;      /* [C, D] body that has it; -1 = none */
    cast *casts;         /* [capacity, C, J] */
    const sight **given; /* [capacity, C, J] the keypoint that each body's joint has in each camera; NULL = none */
    double *scores;      /* [max(capacity, D) ^ 2] */
    struct pair *pairs;  /* [MAX_PAIRS] */
    vg_arena arena;
};

static inline sight *sights_of(const vg_people *p, int32_t camera, int32_t detection) {
    return p->sights + ((size_t)camera * (size_t)p->dims.people + (size_t)detection) * (size_t)p->joints;
}
static inline cast *casts_of(const vg_people *p, int32_t at, int32_t camera) {
    return p->casts + ((size_t)at * (size_t)p->dims.cameras + (size_t)camera) * (size_t)p->joints;
}
static inline const sight **given_of(const vg_people *p, int32_t at, int32_t camera) {
    return p->given + ((size_t)at * (size_t)p->dims.cameras + (size_t)camera) * (size_t)p->joints;
}
static inline int32_t *owner_of(const vg_people *p, int32_t camera, int32_t detection) {
    return p->owner + camera * p->dims.people + detection;
}

/* --- people_sight.c: geometry -------------------------------------------------------------------------------------- */

/* The frame's cameras and keypoints. */
void people_look(vg_people *p, const vg_frame *frame);

/* Squared distance of a sight from a cast in its variance. */
static inline double cast_distance(const cast *c, const sight *s) {
    const double ex = c->x - s->x, ey = c->y - s->y;
    return (ex * ex + ey * ey) / c->variance;
}
/* Agreement of a squared distance given in squared gates (Geman and McClure's loss, turned and shifted). */
static inline double people_agree(double distance) {
    return 2 / (1 + distance) - 1;
}
/* World point with a variance (m^2) through a camera. False behind it. */
bool people_cast(cast *out, const eye *e, const double X[3], double variance);

/* A joint placed by its views. */
typedef struct placed {
    double x[3];
    double variance; /* m^2, mean of the axes */
    double score;    /* sum of the agreements */
    uint32_t views;  /* bit c: camera c agrees */
    int32_t count;   /* of those */
} placed;

/* Where most views meet. `views` [C], NULL = not seen. `expected` (NULL = nothing is) and its variance speak as one view
 * does, with `trust` of its weight. count < 2: `x` is not to be used. */
void people_place(placed *out, const vg_people *p, const sight *const *views, const double *expected, double variance,
                  double trust);

/* Closest points of two rays: their middle, and their squared distance in its variance. False where they are nearly parallel
 * or meet behind a camera. */
bool people_meet(double X[3], double *distance, const eye *a, const sight *s, const eye *b, const sight *t);

/* --- people_assign.c ------------------------------------------------------------------------------------------------- */

/* The one-to-one assignment of the largest sum; score [rows, columns] (stride columns), pairs of score <= 0 stay apart. `to`
 * [rows] receives columns or -1. rows, columns <= 2 VG_MAX_PEOPLE. */
void people_assign(int32_t *to, const double *score, int32_t rows, int32_t columns);

/* Sum of agreements of a detection with the casts of a body; 0 where they do not speak for each other. */
double people_agreement(const vg_people *p, const cast *casts, int32_t camera, int32_t detection);

/* Gives the detections of every camera that nobody owns to bodies first .. end - 1 (those whose `takes` is set). */
void people_share(vg_people *p, int32_t first, int32_t end, const bool *takes);

/* Detections left over that show a body which has another one in that camera already: it was detected twice, or in pieces.
 * They become its own, so that nobody is made of them. */
void people_absorb(vg_people *p);

/* Sets `given` from the detections' owners, then moves single keypoints to the bodies they fit. */
void people_give(vg_people *p);

/* --- people_birth.c -------------------------------------------------------------------------------------------------- */

#define MAX_PAIRS 4096

/* Two detections that meet. */
typedef struct pair {
    double score;
    int16_t camera[2], detection[2];
} pair;

/* Mean distance of the joints that both bodies know of late, m, left and right exchanged where that makes it less; infinite
 * where they have fewer than `least` in common. */
double people_apart(const vg_people *p, const body *a, const body *b, int32_t least);

/* Makes bodies of detections that nobody owns: finds the lost again, and begins new ones. */
void people_birth(vg_people *p);

#endif
