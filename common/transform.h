/* Vectors, rotations and rigid transforms in double precision. The world is right-handed, Z up (x east, y north); a
 * camera's own frame is x right, y down, z forward. Rotations are 3 x 3, row-major. */
#ifndef VG_COMMON_TRANSFORM_H
#define VG_COMMON_TRANSFORM_H

#define VG_PI 3.14159265358979323846

/* x_to = R x_from + t */
typedef struct vg_rigid {
    double R[9]; /* row-major */
    double t[3]; /* metres */
} vg_rigid;

static inline double vg_dot3(const double a[3], const double b[3]) {
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}
double vg_norm3(const double a[3]);
void vg_cross3(double out[3], const double a[3], const double b[3]);

/* out = M v; out = M^T v; out = A B. `out` may not alias an input. */
void vg_mat3_mul_vec(double out[3], const double M[9], const double v[3]);
void vg_mat3_t_mul_vec(double out[3], const double M[9], const double v[3]);
void vg_mat3_mul(double out[9], const double A[9], const double B[9]);
void vg_mat3_transpose(double out[9], const double M[9]);
double vg_mat3_det(const double M[9]);

void vg_rigid_apply(double out[3], const vg_rigid *T, const double x[3]);
vg_rigid vg_rigid_inverse(const vg_rigid *T);
vg_rigid vg_rigid_compose(const vg_rigid *second, const vg_rigid *first); /* x -> second(first(x)) */

/* Rodrigues' formula: rotation vector (axis times angle, radians) to matrix and back. The inverse returns an angle in
 * [0, pi] and is accurate at both ends. */
void vg_rotation_from_vector(double R[9], const double r[3]);
void vg_rotation_to_vector(double r[3], const double R[9]);

/* World -> camera rotation of a camera without roll that looks along yaw (from +x towards +y) and pitch (up positive),
 * radians. Rows: right, down, forward. */
void vg_rotation_from_yaw_pitch(double R[9], double yaw, double pitch);
/* Yaw and pitch of a camera's optical axis, radians; roll is ignored. */
void vg_yaw_pitch_of_rotation(double *yaw, double *pitch, const double R[9]);
/* Yaw and pitch of the direction from `from` to `to`, radians. */
void vg_yaw_pitch_towards(double *yaw, double *pitch, const double from[3], const double to[3]);

/* Angle wrapped to [-pi, pi). */
double vg_wrap_angle(double angle);

#endif
