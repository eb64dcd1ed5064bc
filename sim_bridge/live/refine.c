/* A ring of the last frames -> speeds in the picture around the middle one -> its distances from epipolar lines, pair by pair
 * -> every quarter of a second, the filter's update.
 *
 * With d the distance (Sampson's, px) of camera b's joint at its time t_b from the line of a's at t_a, and s = dd/dt_b by b's
 * speed, d - s (t_b - t_a) = -s (e_b - e_a) for errors e of the two clocks. Speeds are taken twice, from neighbours at odd and
 * at even places of the ring and never from the picture itself, so that the error of the one that weighs the distances is none
 * of theirs. */
#include "sim_bridge/live/refine.h"

#include "calibration/calibration.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PRIOR        0.03   /* s; standard deviation of a correction before anybody moved */
#define WALK         0.0003 /* s; that of how it changes in a second */
#define UPDATE       0.25   /* s */
#define LEAST_RATIO  0.2    /* of what is told to what is asked: less is noise */
#define RATIO_MEMORY 2.     /* s */
#define MEMORY       10.    /* s; of the running means and the noise */
#define TOGETHER     10.    /* so many distances say as much as one: noise lasts, and joints of a person err together */
#define ROBUST       3.     /* standard deviations of a distance that counts a quarter */
#define JUMP         0.3    /* of a person's share of the picture that a joint moves between two frames, at most */
#define BREAK        0.25   /* s between frames, after which there is no motion to tell */
enum { RING = 7, CENTRE = 3, PEOPLE = 8 };

/* What a pair's distances say of its clocks. */
typedef struct evidence {
    double slope, rest; /* sums of z slope and z rest since the last update, z being what weighs a distance */
    double told, asked; /* running sums of z slope and of z^2: their ratio is 1 where speeds are, 0 where noise is */
} evidence;

/* A pair's running means of one joint. */
typedef struct means {
    double weight, y, pull;
} means;

typedef struct ring_frame {
    bool present[PEOPLE];
    vg_refine_pictures pictures;
    float *place; /* [C, PEOPLE, J, 2] normalised, undistorted; NAN where not seen */
} ring_frame;

struct vg_refine {
    vg_dims dims;
    double most;
    ring_frame ring[RING];
    int32_t next, held;
    float *places;
    means *mean;                /* [C, C, J] */
    double noise;               /* px; of the distances */
    double updated, last;       /* s */
    bool exact[VG_MAX_CAMERAS]; /* clocks */
    double correction[VG_MAX_CAMERAS];
    double P[VG_MAX_CAMERAS][VG_MAX_CAMERAS];      /* s^2; covariance of the corrections */
    evidence pair[VG_MAX_CAMERAS][VG_MAX_CAMERAS]; /* of clocks: distances that the second one's speed weighs */
    double N[VG_MAX_CAMERAS][VG_MAX_CAMERAS], rhs[VG_MAX_CAMERAS]; /* of an update */
    bool moved[VG_MAX_CAMERAS];                                    /* clocks that motion told something of */
};

vg_status vg_refine_create(vg_refine **out, vg_dims dims, double most, vg_error *err) {
    const size_t joints = (size_t)dims.joints, cameras = (size_t)dims.cameras, size = cameras * PEOPLE * joints * 2;
    vg_refine *r = calloc(1, sizeof *r);
    *out = r;
    if (r)
        r->places = malloc(sizeof *r->places * size * RING),
        r->mean = calloc(cameras * cameras * joints, sizeof *r->mean);
    if (!r || !r->places || !r->mean) {
        vg_refine_destroy(r);
        *out = NULL;
        return vg_fail(err, VG_NO_MEMORY, "no memory to refine clocks");
    }
    r->dims = dims, r->most = most;
    for (int32_t i = 0; i < RING; i++) r->ring[i].place = r->places + (size_t)i * size;
    r->noise = 5;
    for (int32_t k = 0; k < VG_MAX_CAMERAS; k++) vg_refine_forget(r, k);
    return VG_OK;
}

void vg_refine_destroy(vg_refine *r) {
    if (!r) return;
    free(r->places), free(r->mean);
    free(r);
}

void vg_refine_forget(vg_refine *r, int32_t clock) {
    const size_t all = (size_t)(r->dims.cameras * r->dims.cameras * r->dims.joints);
    for (int32_t k = 0; k < VG_MAX_CAMERAS; k++) r->P[k][clock] = r->P[clock][k] = 0;
    r->P[clock][clock] = PRIOR * PRIOR, r->correction[clock] = 0;
    r->moved[clock] = false;
    memset(r->pair, 0, sizeof r->pair), memset(r->mean, 0, sizeof *r->mean * all);
    r->held = 0; /* the ring's times are of the old clock */
}

double vg_refine_correction(const vg_refine *r, int32_t clock) {
    return r->exact[clock] ? 0 : r->correction[clock];
}

/* Of clocks none of which is ours, how far one is from their mean: where that is, nobody's motion tells, nor matters. */
double vg_refine_sigma(const vg_refine *r, int32_t clock) {
    double n = 0, row = 0, all = 0;
    bool anchored = false;
    if (r->exact[clock]) return 0;
    for (int32_t i = 0; i < VG_MAX_CAMERAS; i++) {
        if (!r->moved[i]) continue;
        anchored = anchored || r->exact[i];
        n++, row += r->P[clock][i];
        for (int32_t j = 0; j < VG_MAX_CAMERAS; j++) all += r->moved[j] ? r->P[i][j] : 0;
    }
    const double variance = r->P[clock][clock];
    return sqrt(anchored || n < 1 || !r->moved[clock] ? variance : fmax(0, variance - 2 * row / n + all / (n * n)));
}

/* ---- the ring ---------------------------------------------------------------------------------------------------------- */

static void hold(vg_refine *r, const vg_frame *f, const vg_refine_pictures *pictures) {
    ring_frame *to = &r->ring[r->next];
    const int32_t people = f->dims.people < PEOPLE ? f->dims.people : PEOPLE, J = r->dims.joints;
    r->next = (r->next + 1) % RING;
    if (r->held < RING) r->held++;
    to->pictures = *pictures;
    for (int32_t p = 0; p < PEOPLE; p++) to->present[p] = p < people && vg_frame_present(f)[p];
    for (int32_t c = 0; c < r->dims.cameras; c++)
        for (int32_t p = 0; p < people; p++) {
            const vg_keypoint *k = vg_frame_keypoints(f) + (size_t)(c * f->dims.people + p) * (size_t)J;
            float *place = to->place + 2 * (size_t)((c * PEOPLE + p) * J);
            for (int32_t j = 0; j < J; j++) {
                double xy[2] = {(double)NAN, (double)NAN};
                if (to->present[p] && k[j].confidence > 0.2f)
                    vg_undistort(xy, &vg_frame_cameras(f)[c], (double)k[j].u, (double)k[j].v);
                place[2 * j] = (float)xy[0], place[2 * j + 1] = (float)xy[1];
            }
        }
}

/* A joint's two speeds around the ring's middle, in places a second; false where neighbours are missing. */
static bool speeds(float v[2][2], const vg_refine *r, int32_t camera, int32_t person, int32_t joint) {
    double sum[2][7] = {{0}}, from = 0;
    float last[2] = {NAN, NAN};
    for (int32_t i = 0; i < RING; i++) {
        const ring_frame *f = &r->ring[(r->next + i) % RING];
        const float *x = f->place + 2 * (size_t)((camera * PEOPLE + person) * r->dims.joints + joint);
        if (f->pictures.clock[camera] < 0 || !f->present[person] || isnan(x[0])) {
            if (i == CENTRE) return false;
            continue;
        }
        if (fabsf(x[0] - last[0]) > (float)JUMP || fabsf(x[1] - last[1]) > (float)JUMP) return false; /* someone else */
        last[0] = x[0], last[1] = x[1];
        if (i == CENTRE) continue;
        if (sum[0][0] + sum[1][0] == 0) from = f->pictures.time[camera];
        const double dt = f->pictures.time[camera] - from, u = (double)x[0], w = (double)x[1];
        const double term[7] = {1, dt, dt * dt, u, dt * u, w, dt * w};
        for (int k = 0; k < 7; k++) sum[i & 1][k] += term[k];
    }
    for (int even = 0; even < 2; even++) { /* places -3 -1 1 3 and -2 2 */
        const double *m = sum[even], spread = m[2] - m[1] * m[1] / fmax(m[0], 1);
        if (m[0] < 2 || !(spread > 1e-9)) return false;
        v[even][0] = (float)((m[4] - m[1] * m[3] / m[0]) / spread);
        v[even][1] = (float)((m[6] - m[1] * m[5] / m[0]) / spread);
    }
    return true;
}

/* ---- distances --------------------------------------------------------------------------------------------------------- */

/* One joint of one person in cameras a and b: into the equations of their clocks. */
static void measure(vg_refine *r, const double E[9], double focal, int32_t a, int32_t b, int32_t person, int32_t joint,
                    double forget) {
    const ring_frame *f = &r->ring[(r->next + CENTRE) % RING];
    const float *xa = f->place + 2 * (size_t)((a * PEOPLE + person) * r->dims.joints + joint);
    const float *xb = f->place + 2 * (size_t)((b * PEOPLE + person) * r->dims.joints + joint);
    float v[2][2];
    if (isnan(xa[0]) || isnan(xb[0]) || !speeds(v, r, b, person, joint)) return;
    double line[2];
    const double d = focal * vg_epipolar_distance(line, E, (double)xa[0], (double)xa[1], (double)xb[0], (double)xb[1]);
    const double slope = focal * (line[0] * (double)v[0][0] + line[1] * (double)v[0][1]);
    const double pull = focal * (line[0] * (double)v[1][0] + line[1] * (double)v[1][1]);
    if (!isfinite(d) || !isfinite(slope) || !isfinite(pull)) return;
    const double q = d / (ROBUST * r->noise), weight = 1 / ((1 + q * q) * (1 + q * q));
    const double off = d - slope * (f->pictures.time[b] - f->pictures.time[a]);
    means *mean = &r->mean[(a * r->dims.cameras + b) * r->dims.joints + joint];
    const double all = fmax(mean->weight, 1), z = weight * (pull - mean->pull / all), rest = off - mean->y / all;
    evidence *e = &r->pair[f->pictures.clock[a]][f->pictures.clock[b]];
    e->slope += z * slope, e->rest += z * rest, e->told += z * slope, e->asked += z * z;
    mean->weight = forget * mean->weight + weight, mean->y = forget * mean->y + weight * off;
    mean->pull = forget * mean->pull + weight * pull;
    const double near = fmin(fabs(d), 3 * r->noise); /* the noise follows the mean distance, 0.8 of it */
    r->noise = fmax(0.3, r->noise + 0.001 * (near / 0.8 - r->noise));
}

static void measure_all(vg_refine *r, const vg_frame *frame, double forget) {
    const ring_frame *f = &r->ring[(r->next + CENTRE) % RING];
    const vg_camera *cameras = vg_frame_cameras(frame);
    for (int32_t a = 0; a < r->dims.cameras; a++)
        for (int32_t b = 0; b < r->dims.cameras; b++) { /* both ways: the speeds are b's */
            const int32_t ka = f->pictures.clock[a], kb = f->pictures.clock[b];
            if (a == b || ka < 0 || kb < 0 || ka == kb) continue;
            double E[9];
            vg_epipolar_matrix(E, &cameras[a], &cameras[b]);
            for (int32_t p = 0; p < PEOPLE; p++)
                for (int32_t j = 0; f->present[p] && j < r->dims.joints; j++)
                    measure(r, E, cameras[b].fx, a, b, p, j, forget);
        }
}

/* ---- the filter -------------------------------------------------------------------------------------------------------- */

/* Inverse of a symmetric positive definite matrix of the first n rows, in place, by Gauss and Jordan. */
static bool invert(double A[VG_MAX_CAMERAS][VG_MAX_CAMERAS], int32_t n) {
    for (int32_t k = 0; k < n; k++) {
        if (!(A[k][k] > 0) || !isfinite(A[k][k])) return false;
        const double pivot = 1 / A[k][k];
        A[k][k] = 1;
        for (int32_t j = 0; j < n; j++) A[k][j] *= pivot;
        for (int32_t i = 0; i < n; i++) {
            if (i == k) continue;
            const double factor = A[i][k];
            A[i][k] = 0;
            for (int32_t j = 0; j < n; j++) A[i][j] -= factor * A[k][j];
        }
    }
    return true;
}

/* The equations of all clocks from their pairs. With speeds as noisy as they are, sums of z slope are worth less than they
 * look: by the ratio of what they should be made of. */
static void gather(vg_refine *r, double seconds) {
    memset(r->N, 0, sizeof r->N), memset(r->rhs, 0, sizeof r->rhs);
    for (int32_t a = 0; a < VG_MAX_CAMERAS; a++)
        for (int32_t b = 0; b < VG_MAX_CAMERAS; b++) {
            evidence *e = &r->pair[a][b];
            const double ratio = e->asked > 0 ? fmin(e->told / e->asked, 1) : 0;
            if (ratio > LEAST_RATIO) {
                const double slope = ratio * e->slope, rest = ratio * e->rest;
                r->N[b][b] += slope, r->N[a][a] += slope, r->N[a][b] -= slope, r->N[b][a] -= slope;
                r->rhs[b] -= rest, r->rhs[a] += rest;
                r->moved[a] = r->moved[b] = true;
            }
            e->slope = e->rest = 0;
            e->told *= exp(-seconds / RATIO_MEMORY), e->asked *= exp(-seconds / RATIO_MEMORY);
        }
}

/* P' = (P^-1 + N / variance)^-1 over the clocks that are not ours; the corrections lose what they were found to be off. */
static void update(vg_refine *r, double seconds) {
    int32_t clock[VG_MAX_CAMERAS], n = 0;
    double P[VG_MAX_CAMERAS][VG_MAX_CAMERAS];
    const double variance = TOGETHER * r->noise * r->noise;
    gather(r, seconds);
    for (int32_t k = 0; k < VG_MAX_CAMERAS; k++)
        if (!r->exact[k] && r->moved[k]) clock[n++] = k;
    for (int32_t i = 0; i < n; i++) {
        for (int32_t j = 0; j < n; j++) P[i][j] = r->P[clock[i]][clock[j]];
        P[i][i] += WALK * WALK * seconds;
    }
    bool good = n > 0 && invert(P, n);
    for (int32_t i = 0; i < n && good; i++)
        for (int32_t j = 0; j < n; j++) P[i][j] += r->N[clock[i]][clock[j]] / variance;
    if (!good || !invert(P, n)) return; /* noise alone: nothing is learned */
    for (int32_t i = 0; i < n; i++) {
        double off = 0;
        for (int32_t j = 0; j < n; j++) {
            off += P[i][j] * r->rhs[clock[j]] / variance;
            r->P[clock[i]][clock[j]] = P[i][j];
        }
        double *c = &r->correction[clock[i]];
        *c = fmax(-r->most, fmin(r->most, *c - off));
    }
}

void vg_refine_take(vg_refine *r, const vg_frame *frame, const vg_refine_pictures *pictures) {
    const double now = (double)frame->time_ns * 1e-9, passed = now - r->last;
    if (!(frame->flags & VG_FRAME_IDENTIFIED) || frame->dims.joints != r->dims.joints ||
        frame->dims.cameras != r->dims.cameras)
        return;
    if (!(passed >= 0 && passed < BREAK)) r->held = 0, r->updated = now;
    r->last = now;
    memcpy(r->exact, pictures->exact, sizeof r->exact);
    hold(r, frame, pictures);
    if (r->held < RING) return;
    measure_all(r, frame, exp(-passed / MEMORY));
    if (now - r->updated < UPDATE) return;
    update(r, now - r->updated);
    r->updated = now;
}
