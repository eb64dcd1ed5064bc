/* Keypoints of cameras with clocks of their own, at the instants of one common time: for each camera and instant the two
 * pictures around it, the same people in both, each joint on the line between its two places. */
#include "perception/clocks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SAME      0.02 /* of the way between two pictures: the nearer one is taken as it is */
#define TOO_FAR   2.5  /* periods between two pictures: what lies between them is not known */
#define MOST_MOVE 0.5  /* heights that a person moves between two pictures, at most */
#define HOLES     10   /* instants, for each picture there is, that the time all cameras share may have */

/* ---- the same people in two pictures ----------------------------------------------------------------------------------- */

/* Mean distance of two detections' common joints relative to the first one's height; INFINITY without a joint in common, or
 * with less than three where the first one has them. */
static double apart(const vg_keypoint *a, const vg_keypoint *b, int32_t joints, double confidence) {
    double sum = 0, low = (double)INFINITY, high = -(double)INFINITY;
    int32_t n = 0, has = 0;
    for (int32_t j = 0; j < joints; j++) {
        if (!((double)a[j].confidence > confidence)) continue;
        low = fmin(low, (double)a[j].v), high = fmax(high, (double)a[j].v), has++;
        if (!((double)b[j].confidence > confidence)) continue;
        sum += hypot((double)(a[j].u - b[j].u), (double)(a[j].v - b[j].v)), n++;
    }
    return n > 0 && (n >= 3 || has < 3) ? sum / n / fmax(high - low, 10) : (double)INFINITY;
}

/* The nearest of `b` to one of `a`. */
static int32_t nearest(const vg_keypoint *a, const vg_keypoint *b, int32_t count, int32_t joints, double confidence,
                       double most) {
    int32_t best = -1;
    for (int32_t i = 0; i < count; i++) {
        const double d = apart(a, b + (int64_t)i * joints, joints, confidence);
        if (d < most) most = d, best = i;
    }
    return best;
}

void vg_people_follow(int32_t *to, const vg_keypoint *a, int32_t count_a, const vg_keypoint *b, int32_t count_b,
                      int32_t joints, double confidence, double most) {
    for (int32_t i = 0; i < count_a; i++) {
        to[i] = nearest(a + (int64_t)i * joints, b, count_b, joints, confidence, most);
        if (to[i] < 0) continue;
        if (nearest(b + (int64_t)to[i] * joints, a, count_a, joints, confidence, (double)INFINITY) != i) to[i] = -1;
    }
}

/* ---- one camera ------------------------------------------------------------------------------------------------------ */

typedef struct film {
    const vg_keypoints *k;
    const vg_camera_clock *clock;
    int32_t camera;
    bool stamped;
    int32_t at; /* the last picture that is not after the instant looked at */
} film;

/* Common time of a picture; NaN where there is none. */
static double common_time(const film *m, int32_t frame) {
    const double own = vg_keypoints_time(m->k, frame, m->camera, m->stamped, m->clock->fps);
    return (own - m->clock->offset) / m->clock->rate;
}

/* The next picture there is, in the direction of `step`; -1: none. */
static int32_t picture_from(const film *m, int32_t frame, int32_t step) {
    while (frame >= m->k->begin[m->camera] && frame < m->k->end[m->camera]) {
        if (!isnan(common_time(m, frame))) return frame;
        frame += step;
    }
    return -1;
}

static int64_t seen_joints(const vg_keypoint *points, int64_t count) {
    int64_t n = 0;
    for (int64_t i = 0; i < count; i++) n += points[i].confidence > 0;
    return n;
}

/* A person between two pictures; joints that are not in both are lost. */
static void between(vg_keypoint *out, const vg_keypoint *a, const vg_keypoint *b, float part, int32_t joints) {
    for (int32_t j = 0; j < joints; j++)
        if (a[j].confidence > 0 && b[j].confidence > 0)
            out[j] = (vg_keypoint){a[j].u + part * (b[j].u - a[j].u), a[j].v + part * (b[j].v - a[j].v),
                                   fminf(a[j].confidence, b[j].confidence)};
}

/* Writes the detections of one instant to `out` (room for as many as the camera has in any picture, zeroed); returns how many. */
static int32_t at_instant(vg_keypoint *out, vg_resampled *report, film *m, double t) {
    const int32_t J = m->k->set.joints;
    for (int32_t next; (next = picture_from(m, m->at + 1, 1)) >= 0 && common_time(m, next) <= t;) m->at = next;
    const int32_t a = m->at < m->k->begin[m->camera] ? -1 : m->at, b = picture_from(m, m->at + 1, 1);
    const double ta = a < 0 ? (double)NAN : common_time(m, a), tb = b < 0 ? (double)NAN : common_time(m, b);
    const double period = 1 / (m->clock->fps * m->clock->rate), gap = a >= 0 && b >= 0 ? tb - ta : period;
    const double part = a >= 0 ? (t - ta) / gap : 1 - (tb - t) / gap;
    if (!(part > -SAME && part < 1 + SAME)) return 0; /* before the first picture, or after the last */
    const int32_t near = b < 0 || (a >= 0 && part < 0.5) ? a : b;
    const int32_t count = vg_keypoints_count(m->k, near, m->camera);
    const vg_keypoint *points = vg_keypoints_at(m->k, near, m->camera, 0);
    const double off = fabs(part - (near == b && b >= 0 ? 1 : 0));
    if (off < SAME) {
        memcpy(out, points, sizeof *out * (size_t)J * (size_t)count);
        report->kept += seen_joints(points, (int64_t)count * J);
        return count;
    }
    int64_t kept = 0;
    const int64_t seen = seen_joints(points, (int64_t)count * J);
    if (a >= 0 && b >= 0 && gap < TOO_FAR * period) {
        int32_t to[VG_MAX_PEOPLE];
        const int32_t other = near == a ? b : a;
        const vg_keypoint *others = vg_keypoints_at(m->k, other, m->camera, 0);
        const int32_t followed = count < VG_MAX_PEOPLE ? count : VG_MAX_PEOPLE;
        vg_people_follow(to, points, followed, others, vg_keypoints_count(m->k, other, m->camera), J, 0, MOST_MOVE);
        for (int32_t i = 0; i < followed; i++)
            if (to[i] >= 0)
                between(out + i * J, points + (int64_t)i * J, others + (int64_t)to[i] * J,
                        (float)(near == a ? part : 1 - part), J);
        kept = seen_joints(out, (int64_t)count * J);
    }
    report->kept += kept, report->lost += seen - kept;
    return count;
}

/* ---- all cameras ----------------------------------------------------------------------------------------------------- */

static vg_status open_films(film *films, int32_t *count, const vg_keypoints *k, const vg_clocks *clocks,
                            vg_error *err) {
    *count = 0;
    for (int32_t c = 0; c < k->cameras; c++) {
        int32_t i = 0;
        while (i < clocks->cameras && strcmp(clocks->camera[i].name, k->names[c]) != 0) i++;
        if (i == clocks->cameras)
            return vg_fail(err, VG_INVALID,
                           "the clocks tell of %d cameras (%s%s%s), but not of `%s`, which has keypoints; are they "
                           "another rig's? `vergence sync` makes them",
                           clocks->cameras, clocks->camera[0].name, clocks->cameras > 1 ? ", " : "",
                           clocks->cameras > 1 ? clocks->camera[1].name : "", k->names[c]);
        if (isnan(clocks->camera[i].offset)) continue;
        film *m = &films[(*count)++];
        *m = (film){.k = k, .clock = &clocks->camera[i], .camera = c, .stamped = vg_keypoints_stamped(k, c)};
        m->at = k->begin[c] - 1;
    }
    return *count ? VG_OK : vg_fail(err, VG_INVALID, "the clocks know no camera's offset");
}

/* The instants: k / fps after `origin` for k = low .. high. */
static vg_status choose_instants(int64_t *low, int64_t *high, double *origin, const film *films, int32_t count,
                                 const vg_clocks *clocks, double fps, bool all, vg_error *err) {
    double begin = all ? (double)INFINITY : -(double)INFINITY, end = -begin;
    int64_t pictures = 0;
    *origin = 0;
    for (int32_t i = 0; i < count; i++) {
        const film *m = &films[i];
        const int32_t a = picture_from(m, m->k->begin[m->camera], 1), b = picture_from(m, m->k->end[m->camera] - 1, -1);
        if (a < 0) continue;
        const double first = common_time(m, a), last = common_time(m, b);
        begin = all ? fmin(begin, first) : fmax(begin, first), end = all ? fmax(end, last) : fmin(end, last);
        pictures += b - a + 1;
        if (m->clock == &clocks->camera[clocks->reference]) *origin = first;
    }
    const double slack = SAME / 2; /* of a picture */
    *low = (int64_t)ceil((begin - *origin) * fps - slack), *high = (int64_t)floor((end - *origin) * fps + slack);
    if (!(end >= begin) || *high < *low)
        return vg_fail(err, VG_FAILED,
                       "the cameras have no time in common: the last one begins at %.3f s, the first one ends at %.3f "
                       "s; are the offsets another recording's?",
                       begin, end);
    if (!((end - begin) * fps < VG_KEYPOINT_FRAMES_MAX) || *high - *low > 1000 + HOLES * pictures)
        return vg_fail(err, VG_INVALID,
                       "the cameras' time runs from %.9g to %.9g s, %.3g instants at %g a second, but there are only "
                       "%lld pictures; mend time_seconds, offsets or --fps",
                       begin, end, (end - begin) * fps, fps, (long long)pictures);
    return VG_OK;
}

static vg_status allocate(vg_keypoints *out, const vg_keypoints *k, int32_t cameras, int32_t frames, vg_error *err) {
    const size_t cells = (size_t)frames * (size_t)cameras;
    *out = (vg_keypoints){.set = k->set, .cameras = cameras, .frames = frames};
    out->names = calloc((size_t)cameras, sizeof *out->names);
    out->first = calloc(cells + 1, sizeof *out->first);
    out->times = malloc(sizeof *out->times * cells);
    if (out->names && out->first && out->times) return VG_OK;
    return vg_fail(err, VG_NO_MEMORY, "no memory for %d instants of %d cameras", frames, cameras);
}

/* Zeroed room for `most` more detections behind the first `count`. */
static vg_status make_room(vg_keypoints *out, int64_t *room, int64_t count, int32_t most, vg_error *err) {
    const size_t person = sizeof *out->points * (size_t)out->set.joints;
    if (count + most > *room) {
        *room = 2 * *room + most + 256;
        vg_keypoint *grown = realloc(out->points, person * (size_t)*room);
        if (!grown) return vg_fail(err, VG_NO_MEMORY, "no memory for %lld detections", (long long)*room);
        out->points = grown;
    }
    memset(out->points + count * out->set.joints, 0, person * (size_t)most);
    return VG_OK;
}

static vg_status fill(vg_keypoints *out, vg_resampled *told, film *films, double origin, int64_t low, double fps,
                      vg_error *err) {
    const int32_t most = vg_keypoints_most(films[0].k);
    int64_t room = 0;
    for (int32_t f = 0; f < out->frames; f++)
        for (int32_t c = 0; c < out->cameras; c++) {
            int64_t *first = out->first + (int64_t)f * out->cameras + c;
            const double t = origin + (double)(low + f) / fps;
            VG_TRY(make_room(out, &room, first[0], most, err));
            first[1] =
                first[0] + at_instant(out->points + first[0] * out->set.joints, &told[films[c].camera], &films[c], t);
            out->times[(int64_t)f * out->cameras + c] = t;
        }
    return VG_OK;
}

vg_status vg_keypoints_resample(vg_keypoints *out, vg_resampled *report, const vg_keypoints *k, const vg_clocks *clocks,
                                double fps, bool all, vg_error *err) {
    film films[VG_MAX_CAMERAS];
    vg_resampled own[VG_MAX_CAMERAS], *told = report ? report : own;
    int32_t count;
    int64_t low, high;
    double origin;
    *out = (vg_keypoints){0};
    VG_TRY(open_films(films, &count, k, clocks, err));
    VG_TRY(choose_instants(&low, &high, &origin, films, count, clocks, fps, all, err));
    memset(told, 0, sizeof *told * (size_t)k->cameras);
    vg_status status = allocate(out, k, count, (int32_t)(high - low + 1), err);
    for (int32_t c = 0; status == VG_OK && c < count; c++) {
        memcpy(out->names[c], k->names[films[c].camera], sizeof *out->names);
        out->end[c] = out->frames;
    }
    if (status == VG_OK) status = fill(out, told, films, origin, low, fps, err);
    if (status != VG_OK) vg_keypoints_free(out);
    return status;
}
