/* A rig moved as a whole, and aligned with another. */
#include "calibration/median.h"
#include "calibration/rig.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void apply(double out[3], const vg_similarity *by, const double x[3]) {
    double scaled[3];
    for (int k = 0; k < 3; k++) scaled[k] = by->scale * x[k];
    vg_rigid_apply(out, &by->move, scaled);
}

void vg_rig_move(vg_bundle *b, const vg_similarity *by) {
    for (int32_t c = 0; c < b->cameras; c++) {
        double place[3], moved[3], R[9], Mt[9], t[3];
        vg_mat3_t_mul_vec(place, b->camera[c].R, b->camera[c].t);
        for (int k = 0; k < 3; k++) place[k] = -place[k];
        apply(moved, by, place);
        vg_mat3_transpose(Mt, by->move.R);
        vg_mat3_mul(R, b->camera[c].R, Mt);
        vg_mat3_mul_vec(t, R, moved);
        memcpy(b->camera[c].R, R, sizeof R);
        for (int k = 0; k < 3; k++) b->camera[c].t[k] = -t[k];
    }
    for (int32_t i = 0; i < b->structures; i++) {
        if (b->board) {
            b->board[i] = vg_rigid_compose(&by->move, b->board + i);
        } else {
            const double x[3] = {b->point[3 * i], b->point[3 * i + 1], b->point[3 * i + 2]};
            apply(b->point + 3 * i, by, x);
        }
    }
}

static void place_of(double out[3], const vg_camera *c) {
    vg_mat3_t_mul_vec(out, c->R, c->t);
    for (int k = 0; k < 3; k++) out[k] = -out[k];
}

/* The similarity by one camera's place and turn, its scale the median over the distances to others. */
static vg_similarity align_by(const vg_camera *to, const vg_camera *from, int32_t cameras, int32_t by, bool rigid) {
    vg_similarity s = {.scale = 1};
    double a[3], b[3], p[3], q[3], ratio[VG_BUNDLE_CAMERAS_MAX], Rt[9], moved[3];
    int32_t n = 0;
    place_of(a, from + by), place_of(b, to + by);
    for (int32_t c = 0; c < cameras; c++) {
        place_of(p, from + c), place_of(q, to + c);
        for (int k = 0; k < 3; k++) p[k] -= a[k], q[k] -= b[k];
        if (vg_norm3(p) > 0 && vg_norm3(q) > 0) ratio[n++] = vg_norm3(q) / vg_norm3(p);
    }
    if (n && !rigid) s.scale = median_of(ratio, n);
    vg_mat3_transpose(Rt, to[by].R);
    vg_mat3_mul(s.move.R, Rt, from[by].R);
    for (int k = 0; k < 3; k++) a[k] *= s.scale;
    vg_mat3_mul_vec(moved, s.move.R, a);
    for (int k = 0; k < 3; k++) s.move.t[k] = b[k] - moved[k];
    return s;
}

vg_similarity vg_rig_align(const vg_camera *to, const vg_camera *from, int32_t cameras, bool rigid) {
    vg_similarity best = {1, {{1, 0, 0, 0, 1, 0, 0, 0, 1}, {0}}};
    double least = (double)INFINITY, off[VG_BUNDLE_CAMERAS_MAX], p[3], q[3], moved[3];
    for (int32_t by = 0; by < cameras; by++) {
        const vg_similarity s = align_by(to, from, cameras, by, rigid);
        for (int32_t c = 0; c < cameras; c++) {
            place_of(p, from + c), place_of(q, to + c);
            apply(moved, &s, p);
            for (int k = 0; k < 3; k++) moved[k] -= q[k];
            off[c] = vg_norm3(moved);
        }
        const double error = median_of(off, cameras);
        if (error < least) least = error, best = s;
    }
    return best;
}
