/* A motion of named points as BVH: lengths measured, rotations solved frame by frame, angles made continuous. */
#include "common/transform.h"
#include "perception/armature.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* x [F, VG_PARTS, 3]: metres, y up. */
static double (*parts_of(const vg_motion *m))[3] {
    static const double metres[] = {1, 1e-3, 1e-2};
    double(*x)[3] = malloc(sizeof *x * ((size_t)m->frames * VG_PARTS + 1));
    int32_t column[VG_PARTS];
    if (!x) return NULL;
    for (int p = 0; p < VG_PARTS; p++) column[p] = vg_motion_find(m, vg_part_name((vg_part)p));
    for (size_t f = 0; f < (size_t)m->frames; f++)
        for (size_t p = 0; p < VG_PARTS; p++) {
            double *to = x[f * VG_PARTS + p];
            const double *from = m->positions + 3 * (f * (size_t)m->points + (size_t)column[p]);
            for (int k = 0; k < 3; k++) to[k] = column[p] < 0 ? (double)NAN : from[k] * metres[m->unit];
        }
    return x;
}

/* Turns y-up-of-the-motion into y up proper. */
static void turn(double (*x)[3], size_t count, int32_t axes) {
    for (size_t i = 0; i < count; i++) {
        const double a = x[i][0], b = x[i][1], c = x[i][2];
        const double turned[VG_AXES_COUNT][3] = {{a, c, -b}, {a, b, c}, {a, b, c}, {a, -b, -c}};
        memcpy(x[i], turned[axes], sizeof x[i]);
    }
}

/* R = Rz Rx Ry, degrees (z, x, y). */
static void angles_of(double out[3], const double R[9]) {
    const double degrees = 180 / VG_PI, sx = fmin(fmax(R[7], -1), 1);
    out[1] = asin(sx) * degrees;
    if (fabs(sx) < 1 - 1e-12) {
        out[0] = atan2(-R[1], R[4]) * degrees;
        out[2] = atan2(-R[6], R[8]) * degrees;
    } else { /* z and y turn about one axis */
        out[0] = atan2(R[3], R[0]) * degrees;
        out[2] = 0;
    }
}

static double near(double angle, double last) {
    return angle - 360 * round((angle - last) / 360);
}

/* Of the two ways to write a rotation, and whole turns, that which is nearest to the last angles. */
static void continue_angles(double now[3], const double last[3]) {
    const double other[3] = {near(now[0] + 180, last[0]), near(180 - now[1], last[1]), near(now[2] + 180, last[2])};
    double here = 0, there = 0;
    for (int k = 0; k < 3; k++) {
        now[k] = near(now[k], last[k]);
        here += fabs(now[k] - last[k]), there += fabs(other[k] - last[k]);
    }
    if (there < here) memcpy(now, other, 3 * sizeof *now);
}

static bool has_end(int joint) {
    return joint == VG_RIG_HEAD || joint == VG_RIG_L_HAND || joint == VG_RIG_R_HAND || joint == VG_RIG_L_FOOT ||
           joint == VG_RIG_R_FOOT;
}

/* Joints in the order of the tree, end sites behind their parents. `place` [VG_RIG_JOINTS] receives their indices. */
static void lay_out(vg_bvh *out, const vg_armature *a, double scale, int32_t place[VG_RIG_JOINTS]) {
    static const int32_t root[6] = {VG_BVH_X_POSITION, VG_BVH_Y_POSITION, VG_BVH_Z_POSITION,
                                    VG_BVH_Z_ROTATION, VG_BVH_X_ROTATION, VG_BVH_Y_ROTATION};
    for (int j = 0; j < VG_RIG_JOINTS; j++) {
        vg_bvh_joint *b = out->joint + out->joints;
        place[j] = out->joints++;
        snprintf(b->name, sizeof b->name, "%s", vg_rig_names[j]);
        b->parent = j ? place[vg_rig_parent((vg_rig)j)] : -1;
        b->channels = j ? 3 : 6, b->first_channel = out->channels;
        memcpy(b->channel, j ? root + 3 : root, sizeof *root * (size_t)b->channels);
        for (int k = 0; k < 3; k++) b->offset[k] = scale * a->offset[j][k];
        out->channels += b->channels;
        if (!has_end(j)) continue;
        b = out->joint + out->joints++;
        snprintf(b->name, sizeof b->name, "%s_End", vg_rig_names[j]);
        b->parent = place[j], b->is_end = 1, b->first_channel = out->channels;
        for (int k = 0; k < 3; k++) b->offset[k] = scale * a->end[j][k];
    }
}

static vg_status solve_all(vg_bvh *out, vg_armature *a, const double (*x)[3], double scale, int64_t *kept,
                           vg_error *err) {
    int32_t place[VG_RIG_JOINTS];
    out->joint = calloc(2 * VG_RIG_JOINTS, sizeof *out->joint);
    if (!out->joint) return vg_fail(err, VG_NO_MEMORY, "no memory for an armature");
    lay_out(out, a, scale, place);
    out->values = calloc((size_t)out->frames * (size_t)out->channels + 1, sizeof *out->values);
    if (!out->values) return vg_fail(err, VG_NO_MEMORY, "no memory for %d frames of an armature", out->frames);
    for (int32_t f = 0; f < out->frames; f++) {
        double *values = out->values + (size_t)f * (size_t)out->channels;
        *kept += vg_armature_solve(a, x + (size_t)f * VG_PARTS);
        for (int k = 0; k < 3; k++) values[k] = scale * a->root[k];
        for (int j = 0; j < VG_RIG_JOINTS; j++) {
            double *angles = values + out->joint[place[j]].first_channel + (j ? 0 : 3);
            angles_of(angles, a->local[j]);
            if (f > 0) continue_angles(angles, angles - out->channels);
        }
    }
    return VG_OK;
}

vg_status vg_bvh_from_motion(vg_bvh *out, const vg_motion *motion, vg_unit unit, int64_t *kept, vg_error *err) {
    static const double per_metre[] = {1, 1000, 100};
    int64_t lost = 0;
    *out = (vg_bvh){.frames = motion->frames, .frame_seconds = 1 / motion->rate};
    double(*x)[3] = parts_of(motion);
    if (!x) return vg_fail(err, VG_NO_MEMORY, "no memory for %d frames of an armature", motion->frames);
    turn(x, (size_t)motion->frames * VG_PARTS, motion->axes);
    vg_armature a = vg_armature_default();
    bool found = false;
    for (size_t f = 0; f < (size_t)motion->frames && !found; f++) {
        const double(*frame)[3] = x + f * VG_PARTS;
        double sum = 0;
        for (int k = 0; k < 3; k++)
            sum += frame[VG_PART_L_HIP][k] + frame[VG_PART_R_HIP][k] + frame[VG_PART_L_SHOULDER][k] +
                   frame[VG_PART_R_SHOULDER][k];
        found = isfinite(sum);
        if (found) vg_armature_solve(&a, frame); /* what comes before is posed like this */
    }
    vg_status status = VG_OK;
    if (!found)
        status = vg_fail(err, VG_INVALID,
                         "an armature (BVH) needs LHip, RHip, LShoulder and RShoulder, but no frame has all four");
    else if (!vg_armature_measure(&a, (const double(*)[3])x, motion->frames))
        status = vg_fail(err, VG_NO_MEMORY, "no memory to measure bones");
    if (status == VG_OK) status = solve_all(out, &a, (const double(*)[3])x, per_metre[unit], &lost, err);
    free(x);
    if (kept) *kept = lost;
    if (status != VG_OK) vg_bvh_free(out);
    return status;
}
