/* Vectors, rotations and rigid transforms. Rotation vectors: Rodrigues' formula, see Murray, Li, Sastry, "A Mathematical
 * Introduction to Robotic Manipulation", 1994, section 2.2. */
#include "common/transform.h"

#include <math.h>

double vg_norm3(const double a[3]) {
    return sqrt(vg_dot3(a, a));
}

void vg_cross3(double out[3], const double a[3], const double b[3]) {
    out[0] = a[1] * b[2] - a[2] * b[1];
    out[1] = a[2] * b[0] - a[0] * b[2];
    out[2] = a[0] * b[1] - a[1] * b[0];
}

void vg_mat3_mul_vec(double out[3], const double M[9], const double v[3]) {
    for (int i = 0; i < 3; i++) out[i] = vg_dot3(M + 3 * i, v);
}

void vg_mat3_t_mul_vec(double out[3], const double M[9], const double v[3]) {
    for (int i = 0; i < 3; i++) out[i] = M[i] * v[0] + M[3 + i] * v[1] + M[6 + i] * v[2];
}

void vg_mat3_mul(double out[9], const double A[9], const double B[9]) {
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            out[3 * i + j] = A[3 * i] * B[j] + A[3 * i + 1] * B[3 + j] + A[3 * i + 2] * B[6 + j];
}

void vg_mat3_transpose(double out[9], const double M[9]) {
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) out[3 * i + j] = M[3 * j + i];
}

double vg_mat3_det(const double M[9]) {
    return M[0] * (M[4] * M[8] - M[5] * M[7]) - M[1] * (M[3] * M[8] - M[5] * M[6]) + M[2] * (M[3] * M[7] - M[4] * M[6]);
}

void vg_rigid_apply(double out[3], const vg_rigid *T, const double x[3]) {
    for (int i = 0; i < 3; i++) out[i] = vg_dot3(T->R + 3 * i, x) + T->t[i];
}

vg_rigid vg_rigid_inverse(const vg_rigid *T) {
    vg_rigid inverse;
    vg_mat3_transpose(inverse.R, T->R);
    vg_mat3_mul_vec(inverse.t, inverse.R, T->t);
    for (int i = 0; i < 3; i++) inverse.t[i] = -inverse.t[i];
    return inverse;
}

vg_rigid vg_rigid_compose(const vg_rigid *second, const vg_rigid *first) {
    vg_rigid out;
    vg_mat3_mul(out.R, second->R, first->R);
    vg_rigid_apply(out.t, second, first->t);
    return out;
}

void vg_rotation_from_vector(double R[9], const double r[3]) {
    const double angle2 = vg_dot3(r, r), angle = sqrt(angle2);
    /* sin(a)/a and (1 - cos(a))/a^2, by series where the quotient loses digits */
    const double s = angle > 1e-4 ? sin(angle) / angle : 1 - angle2 / 6;
    const double c = angle > 1e-4 ? 2 * sin(angle / 2) * sin(angle / 2) / angle2 : 0.5 - angle2 / 24;
    const double d = cos(angle);
    R[0] = d + c * r[0] * r[0], R[1] = c * r[0] * r[1] - s * r[2], R[2] = c * r[0] * r[2] + s * r[1];
    R[3] = c * r[0] * r[1] + s * r[2], R[4] = d + c * r[1] * r[1], R[5] = c * r[1] * r[2] - s * r[0];
    R[6] = c * r[0] * r[2] - s * r[1], R[7] = c * r[1] * r[2] + s * r[0], R[8] = d + c * r[2] * r[2];
}

void vg_rotation_to_vector(double r[3], const double R[9]) {
    const double skew[3] = {(R[7] - R[5]) / 2, (R[2] - R[6]) / 2, (R[3] - R[1]) / 2}; /* axis times sin(angle) */
    const double sine = vg_norm3(skew), cosine = (R[0] + R[4] + R[8] - 1) / 2, angle = atan2(sine, cosine);
    if (cosine > -0.999) { /* away from half a turn the skew part gives the axis */
        const double scale = sine > 1e-8 ? angle / sine : 1;
        for (int i = 0; i < 3; i++) r[i] = scale * skew[i];
        return;
    }
    /* near half a turn: (R + R^T)/2 = cos I + (1 - cos) a a^T; take the largest column, sign from the skew part */
    int k = 0;
    for (int i = 1; i < 3; i++)
        if (R[4 * i] > R[4 * k]) k = i;
    double axis[3];
    for (int i = 0; i < 3; i++) axis[i] = (R[3 * i + k] + R[3 * k + i]) / 2 - (i == k ? cosine : 0);
    const double norm = vg_norm3(axis), sign = vg_dot3(axis, skew) < 0 ? -1 : 1;
    for (int i = 0; i < 3; i++) r[i] = sign * angle * axis[i] / norm;
}

void vg_rotation_from_yaw_pitch(double R[9], double yaw, double pitch) {
    const double cy = cos(yaw), sy = sin(yaw), cp = cos(pitch), sp = sin(pitch);
    R[0] = sy, R[1] = -cy, R[2] = 0;            /* right */
    R[3] = sp * cy, R[4] = sp * sy, R[5] = -cp; /* down */
    R[6] = cp * cy, R[7] = cp * sy, R[8] = sp;  /* forward */
}

void vg_yaw_pitch_of_rotation(double *yaw, double *pitch, const double R[9]) {
    *yaw = atan2(R[7], R[6]);
    *pitch = atan2(R[8], hypot(R[6], R[7]));
}

void vg_yaw_pitch_towards(double *yaw, double *pitch, const double from[3], const double to[3]) {
    const double dx = to[0] - from[0], dy = to[1] - from[1], dz = to[2] - from[2];
    *yaw = atan2(dy, dx);
    *pitch = atan2(dz, hypot(dx, dy));
}

double vg_wrap_angle(double angle) {
    return angle - 2 * VG_PI * floor((angle + VG_PI) / (2 * VG_PI));
}
