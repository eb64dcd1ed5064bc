/* The filter of track.h. Per lane, with F = [1 dt; 0 1] and white acceleration of density q:
 *   predict   x += dt v,  PP += dt (PV + PV') + dt^2 VV + q dt^3 / 3,  PV += dt VV + q dt^2 / 2,  VV += q dt
 *   update    S = PP + R,  K_x = PP S^-1,  K_v = PV' S^-1,  x += K_x y,  v += K_v y
 *             PP -= K_x PP,  PV -= K_x PV,  VV -= K_v PV */
#include "perception/track.h"
#include "common/lanes.h"

typedef struct track {
    lanes x[3], v[3];
    lanes_sym3 pp, vv;
    lanes pv[9];
} track;

static const int sym_at[9] = {0, 1, 2, 1, 3, 4, 2, 4, 5};

/* out = A B for a symmetric B. */
LANE_INLINE void mul_sym(lanes out[9], const lanes A[9], const lanes_sym3 *B) {
    for (int r = 0; r < 3; r++) lanes_sym3_mul(out + 3 * r, B, A + 3 * r);
}

LANE_INLINE void predict(track *t, double dt, double q) {
    for (int k = 0; k < 3; k++) t->x[k] += dt * t->v[k];
    for (int r = 0, n = 0; r < 3; r++)
        for (int c = r; c < 3; c++, n++)
            t->pp.a[n] += dt * (t->pv[3 * r + c] + t->pv[3 * c + r]) + dt * dt * t->vv.a[n];
    for (int k = 0; k < 9; k++) t->pv[k] += dt * t->vv.a[sym_at[k]];
    for (int r = 0; r < 3; r++) {
        t->pp.a[sym_at[4 * r]] += q * dt * dt * dt / 3;
        t->pv[4 * r] += q * dt * dt / 2;
        t->vv.a[sym_at[4 * r]] += q * dt;
    }
}

/* Takes in z with covariance R; returns the squared Mahalanobis distance of z. */
LANE_INLINE lanes update(track *t, const lanes z[3], const lanes_sym3 *R) {
    lanes_sym3 S, inverse;
    lanes y[3], Sy[3], P[9], Kx[9], Kv[9], VP[9];
    for (int k = 0; k < 6; k++) S.a[k] = t->pp.a[k] + R->a[k];
    const lanes det = lanes_adjugate(&inverse, &S), scale = 1 / det;
    for (int k = 0; k < 6; k++) inverse.a[k] *= scale;
    for (int k = 0; k < 3; k++) y[k] = z[k] - t->x[k];
    lanes_sym3_mul(Sy, &inverse, y);
    for (int k = 0; k < 9; k++) P[k] = t->pp.a[sym_at[k]], VP[k] = t->pv[3 * (k % 3) + k / 3];
    mul_sym(Kx, P, &inverse);
    mul_sym(Kv, VP, &inverse);
    for (int r = 0; r < 3; r++) {
        t->x[r] += Kx[3 * r] * y[0] + Kx[3 * r + 1] * y[1] + Kx[3 * r + 2] * y[2];
        t->v[r] += Kv[3 * r] * y[0] + Kv[3 * r + 1] * y[1] + Kv[3 * r + 2] * y[2];
    }
    for (int r = 0, n = 0; r < 3; r++)
        for (int c = r; c < 3; c++, n++) {
            t->pp.a[n] -= Kx[3 * r] * P[c] + Kx[3 * r + 1] * P[3 + c] + Kx[3 * r + 2] * P[6 + c];
            t->vv.a[n] -= Kv[3 * r] * t->pv[c] + Kv[3 * r + 1] * t->pv[3 + c] + Kv[3 * r + 2] * t->pv[6 + c];
        }
    lanes pv[9];
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 3; c++)
            pv[3 * r + c] =
                t->pv[3 * r + c] - (Kx[3 * r] * t->pv[c] + Kx[3 * r + 1] * t->pv[3 + c] + Kx[3 * r + 2] * t->pv[6 + c]);
    for (int k = 0; k < 9; k++) t->pv[k] = pv[k];
    return y[0] * Sy[0] + y[1] * Sy[1] + y[2] * Sy[2];
}

LANE_INLINE void store_picked(double *to, lane_mask use_a, lanes a, lane_mask use_b, lanes b, lanes other) {
    lanes_store(to, lanes_pick(use_a, a, lanes_pick(use_b, b, other)));
}

void track8_step(track8 *o, const vg_solved8 *measured, double dt, const vg_perception_config *config) {
    track predicted, updated;
    for (int k = 0; k < 3; k++) predicted.x[k] = lanes_load(o->x[k]), predicted.v[k] = lanes_load(o->v[k]);
    for (int k = 0; k < 6; k++) predicted.pp.a[k] = lanes_load(o->pp[k]), predicted.vv.a[k] = lanes_load(o->vv[k]);
    for (int k = 0; k < 9; k++) predicted.pv[k] = lanes_load(o->pv[k]);
    predict(&predicted, dt, config->acceleration);

    const lanes first = lanes_load(measured->x[0]);
    const lane_mask seen = first == first;
    lanes z[3];
    lanes_sym3 R;
    for (int k = 0; k < 3; k++) z[k] = lanes_keep(seen, lanes_load(measured->x[k]));
    for (int k = 0; k < 6; k++)
        R.a[k] = lanes_pick(seen, lanes_load(measured->covariance[k]), lanes_of(k == 0 || k == 3 || k == 5));
    updated = predicted;
    const lanes distance = update(&updated, z, &R);

    /* what happens to each lane: accepted, begun (anew), carried, or nobody there */
    const lane_mask alive = lanes_load(o->alive) > 0;
    const lane_mask accepted = seen & alive & (distance <= config->gate);
    lanes rejected = lanes_load(o->rejected) + lanes_keep(seen & ~accepted, lanes_of(1));
    const lane_mask begun = seen & ~accepted & (~alive | (rejected >= (double)config->gate_frames));
    const lane_mask fresh = accepted | begun;
    const lanes age = lanes_keep(~fresh, lanes_load(o->age) + dt);
    const lane_mask carried = alive & ~fresh & (age <= config->carry);

    const lanes none = {0};
    for (int k = 0; k < 3; k++) {
        store_picked(o->x[k], accepted, updated.x[k], begun, z[k], lanes_keep(carried, predicted.x[k]));
        store_picked(o->v[k], accepted, updated.v[k], begun, none, lanes_keep(carried, predicted.v[k]));
    }
    const double vv = config->speed * config->speed;
    for (int k = 0; k < 6; k++) {
        const lanes start = lanes_of(k == 0 || k == 3 || k == 5 ? vv : 0);
        store_picked(o->pp[k], accepted, updated.pp.a[k], begun, R.a[k], lanes_keep(carried, predicted.pp.a[k]));
        store_picked(o->vv[k], accepted, updated.vv.a[k], begun, start, lanes_keep(carried, predicted.vv.a[k]));
    }
    for (int k = 0; k < 9; k++)
        store_picked(o->pv[k], accepted, updated.pv[k], begun, none, lanes_keep(carried, predicted.pv[k]));
    lanes_store(o->age, lanes_keep(carried, age));
    lanes_store(o->rejected, lanes_keep(carried, rejected));
    lanes_store(o->alive, lanes_keep(fresh | carried, lanes_of(1)));
    lanes_store(o->state,
                lanes_keep(fresh, lanes_of(VG_JOINT_MEASURED)) + lanes_keep(carried, lanes_of(VG_JOINT_CARRIED)));
}
