/* Rewards. A camera's contribution to a joint's triangulation is one 4 x 4 normal matrix; a subset's is the sum of its
 * cameras'. The subsets are walked depth first, each sum made from its parent's by one addition. */
#include "agents/reward.h"

#include "calibration/calibration.h"

#include <math.h>
#include <string.h>

enum { BLOCKS_MAX = VG_MAX_JOINTS / VG_LANES };

void vg_pose_error_of(vg_pose_error *out, const vg_frame *frame, const vg_skeletons *skeletons) {
    *out = (vg_pose_error){.mpjpe_mm = (double)NAN};
    if (!(frame->flags & VG_FRAME_TRUTH) || frame->target < 0) return;
    const int32_t J = frame->dims.joints;
    const float *truth = vg_frame_truth(frame) + (int64_t)frame->target * J * 3;
    const vg_joint *joints = vg_skeletons_joints(skeletons) + (int64_t)frame->target * J;
    double sum = 0;
    for (int32_t j = 0; j < J; j++) {
        if (joints[j].state == VG_JOINT_LOST) {
            out->lost++;
            out->joint_mm[j] = NAN;
            continue;
        }
        double square = 0;
        for (int i = 0; i < 3; i++) {
            const double d = (double)joints[j].position[i] - (double)truth[3 * j + i];
            square += d * d;
        }
        const double mm = 1000 * sqrt(square);
        out->joint_mm[j] = (float)mm;
        out->estimated++;
        out->within_150 += mm <= 150;
        sum += mm;
    }
    if (out->estimated) out->mpjpe_mm = sum / out->estimated;
}

/* Geman-McClure of a squared error in m^2; lost (NaN) is the limit. */
static double joint_reward(double square) {
    const double cm2 = square * 1e4;
    return cm2 >= 0 && cm2 < 1e30 ? (100 - cm2) / (100 + cm2) : -1;
}

/* The target's keypoints of one camera, normalised and weighted, padded with zeros to whole blocks. */
typedef struct views {
    double P[12];
    double x[VG_MAX_JOINTS], y[VG_MAX_JOINTS], w[VG_MAX_JOINTS];
} views;

static void gather_view(views *out, const vg_frame *frame, int32_t camera) {
    const int32_t J = frame->dims.joints;
    const vg_camera *c = &vg_frame_cameras(frame)[camera];
    const vg_keypoint *k = vg_frame_keypoints(frame) + ((int64_t)camera * frame->dims.people + frame->target) * J;
    vg_camera_matrix(out->P, c);
    bool ideal = c->lens == VG_LENS_BROWN_CONRADY;
    for (int i = 0; i < 8; i++) ideal = ideal && c->distortion[i] == 0.0;
    const double sx = 1 / c->fx, sy = 1 / c->fy;
    for (int32_t j = 0; j < J; j++) {
        out->x[j] = ((double)k[j].u - c->cx) * sx;
        out->y[j] = ((double)k[j].v - c->cy) * sy;
        out->w[j] = k[j].confidence > VG_CONFIDENCE_LEAST ? 1 : 0;
        if (!ideal && out->w[j] > 0) {
            double xy[2];
            if (vg_undistort(xy, c, (double)k[j].u, (double)k[j].v))
                out->x[j] = xy[0], out->y[j] = xy[1];
            else
                out->w[j] = 0;
        }
    }
    for (int32_t j = J; j % VG_LANES; j++) out->x[j] = out->y[j] = out->w[j] = 0;
}

/* Everything the walk over the subsets needs. */
typedef struct subsets {
    int32_t cameras, joints, blocks;
    const float *truth; /* [J, 3] */
    vg_normal8 normal[VG_CTCR_CAMERAS][BLOCKS_MAX];
    vg_normal8 sum[VG_CTCR_CAMERAS + 1][BLOCKS_MAX]; /* by depth */
    float value[1 << VG_CTCR_CAMERAS];               /* v(S), S as bits */
} subsets;

static float value_of(const subsets *s, const vg_normal8 *sums) {
    vg_points8 points[BLOCKS_MAX];
    vg_normal8_solve(points, sums, s->blocks);
    double total = 0;
    for (int32_t b = 0; b < s->blocks; b++) {
        double square[VG_LANES];
        const int32_t left = s->joints - b * VG_LANES, lanes = left < VG_LANES ? left : VG_LANES;
        for (int32_t i = 0; i < lanes; i++) {
            const float *t = s->truth + 3 * (b * VG_LANES + i);
            const double dx = points[b].x[0][i] - (double)t[0], dy = points[b].x[1][i] - (double)t[1],
                         dz = points[b].x[2][i] - (double)t[2];
            square[i] = dx * dx + dy * dy + dz * dz;
        }
        for (int32_t i = 0; i < lanes; i++) total += joint_reward(square[i]);
    }
    return (float)(total / s->joints);
}

/* Visits every subset that extends `mask` (of `size` cameras, its sum at that depth) by cameras from `next` on. */
static void walk(subsets *s, uint32_t mask, int32_t size, int32_t next) {
    for (int32_t c = next; c < s->cameras; c++) {
        const vg_normal8 *own = s->normal[c];
        vg_normal8 *sum = s->sum[size + 1];
        for (int32_t b = 0; b < s->blocks; b++) {
            if (size)
                vg_normal8_add(&sum[b], &s->sum[size][b], &own[b]);
            else
                sum[b] = own[b];
        }
        const uint32_t grown = mask | 1u << c;
        s->value[grown] = size ? value_of(s, sum) : 0;
        walk(s, grown, size + 1, c + 1);
    }
}

float vg_ctcr(float *agents, const vg_frame *frame) {
    const int32_t n = frame->dims.cameras, J = frame->dims.joints;
    VG_ASSERT(n <= VG_CTCR_CAMERAS && frame->target >= 0);
    subsets s;
    s.cameras = n, s.joints = J, s.blocks = (J + VG_LANES - 1) / VG_LANES;
    s.truth = vg_frame_truth(frame) + (int64_t)frame->target * J * 3;
    for (int32_t c = 0; c < n; c++) {
        views v;
        gather_view(&v, frame, c);
        for (int32_t b = 0; b < s.blocks; b++)
            vg_normal8_view(&s.normal[c][b], v.P, v.x + b * VG_LANES, v.y + b * VG_LANES, v.w + b * VG_LANES);
    }
    s.value[0] = 0;
    walk(&s, 0, 0, 0);
    /* weight[k] = n (k - 1)! (n - k)! / n!, the share of one subset of k cameras */
    double weight[VG_CTCR_CAMERAS + 1];
    weight[1] = 1;
    for (int32_t k = 2; k <= n; k++) weight[k] = weight[k - 1] * (k - 1) / (n - k + 1);
    for (int32_t i = 0; i < n; i++) {
        double sum = 0;
        for (uint32_t mask = 0; mask < 1u << n; mask++) {
            const int32_t size = __builtin_popcount(mask);
            if ((mask >> i & 1u) && size >= 2)
                sum += weight[size] * (double)(s.value[mask] - s.value[mask & ~(1u << i)]);
        }
        agents[i] = (float)sum;
    }
    return s.value[(1u << n) - 1];
}

/* v of a subset, each joint by the SVD of its views' rows */
static double value_ref(const vg_frame *frame, uint32_t mask) {
    const int32_t n = frame->dims.cameras, J = frame->dims.joints;
    if (__builtin_popcount(mask) < 2) return 0;
    const float *truth = vg_frame_truth(frame) + (int64_t)frame->target * J * 3;
    double total = 0;
    for (int32_t j = 0; j < J; j++) {
        double P[VG_MAX_CAMERAS * 12], x[VG_MAX_CAMERAS], y[VG_MAX_CAMERAS], w[VG_MAX_CAMERAS], X[3], square = 0;
        for (int32_t c = 0; c < n; c++) {
            views v;
            gather_view(&v, frame, c);
            memcpy(P + 12 * c, v.P, sizeof v.P);
            x[c] = v.x[j], y[c] = v.y[j], w[c] = mask >> c & 1u ? v.w[j] : 0;
        }
        vg_triangulate_dlt_ref(X, P, x, y, w, n, 1);
        for (int i = 0; i < 3; i++) square += (X[i] - (double)truth[3 * j + i]) * (X[i] - (double)truth[3 * j + i]);
        total += joint_reward(square);
    }
    return total / J;
}

/* Adds the contributions along every order that continues `mask`; returns how many orders there are. */
static double walk_orders(double *sum, const double *value, uint32_t mask, int32_t n) {
    double orders = mask == (1u << n) - 1 ? 1 : 0;
    for (int32_t c = 0; c < n; c++) {
        if (mask >> c & 1u) continue;
        const double ways = walk_orders(sum, value, mask | 1u << c, n);
        sum[c] += ways * (value[mask | 1u << c] - value[mask]);
        orders += ways;
    }
    return orders;
}

float vg_ctcr_ref(float *agents, const vg_frame *frame) {
    const int32_t n = frame->dims.cameras;
    VG_ASSERT(n <= 6);
    double value[1 << 6], sum[6] = {0};
    for (uint32_t mask = 0; mask < 1u << n; mask++) value[mask] = value_ref(frame, mask);
    const double orders = walk_orders(sum, value, 0, n);
    for (int32_t i = 0; i < n; i++) agents[i] = (float)(n * sum[i] / orders);
    return (float)value[(1u << n) - 1];
}

/* v(all) alone */
static float team_value(const vg_frame *frame) {
    const int32_t J = frame->dims.joints;
    subsets s; /* only the sums at depth 0 and 1 are used */
    s.joints = J, s.blocks = (J + VG_LANES - 1) / VG_LANES;
    s.truth = vg_frame_truth(frame) + (int64_t)frame->target * J * 3;
    for (int32_t c = 0; c < frame->dims.cameras; c++) {
        views v;
        gather_view(&v, frame, c);
        for (int32_t b = 0; b < s.blocks; b++) {
            vg_normal8 *to = c ? &s.sum[1][b] : &s.sum[0][b];
            vg_normal8_view(to, v.P, v.x + b * VG_LANES, v.y + b * VG_LANES, v.w + b * VG_LANES);
            if (c) vg_normal8_add(&s.sum[0][b], &s.sum[0][b], to);
        }
    }
    return value_of(&s, s.sum[0]);
}

static float expected_reward(const vg_skeletons *skeletons) {
    if (skeletons->target < 0) return -1;
    const vg_joint *joints = vg_skeletons_joints(skeletons) + (int64_t)skeletons->target * skeletons->joints;
    double total = 0;
    for (int32_t j = 0; j < skeletons->joints; j++) {
        const float *s = joints[j].covariance;
        total += joints[j].state == VG_JOINT_LOST ? -1 : joint_reward((double)(s[0] + s[3] + s[5]));
    }
    return (float)(total / skeletons->joints);
}

void vg_reward(float *team, float *agents, const vg_frame *frame, const vg_skeletons *skeletons, bool shapley) {
    const int32_t C = frame->dims.cameras;
    const bool truth = (frame->flags & VG_FRAME_TRUTH) && frame->target >= 0;
    if (truth && shapley && C > 2 && C <= VG_CTCR_CAMERAS) {
        *team = vg_ctcr(agents, frame);
        return;
    }
    *team = truth ? team_value(frame) : expected_reward(skeletons);
    for (int32_t c = 0; c < C; c++) agents[c] = *team;
}
