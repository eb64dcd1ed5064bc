/* Unreal's world and ours. Unreal: left-handed centimetres, x forward, y right, z up; rotations as pitch (nose up), yaw
 * (clockwise seen from above), roll (right side down), degrees. Ours: right-handed metres, x east, y north, z up. The two
 * share x and z; y changes sign, and with it yaw. */
#ifndef VG_SIM_BRIDGE_UNREALCV_COORDS_H
#define VG_SIM_BRIDGE_UNREALCV_COORDS_H

#include "common/transform.h"

#include <math.h>

/* Centimetres of Unreal's world to metres of ours and back. */
static inline void ucv_to_world(double out[3], const double unreal[3]) {
    out[0] = unreal[0] / 100, out[1] = -unreal[1] / 100, out[2] = unreal[2] / 100;
}
static inline void ucv_from_world(double out[3], const double world[3]) {
    out[0] = world[0] * 100, out[1] = -world[1] * 100, out[2] = world[2] * 100;
}

/* Own axes of something turned by (pitch, yaw, roll), in our world: forward, right and up as columns
 * 0, 1, 2 of Unreal's rotation matrix with y mirrored. */
static inline void ucv_axes(double forward[3], double right[3], double up[3], const double rotation[3]) {
    const double d = VG_PI / 180;
    const double cp = cos(rotation[0] * d), sp = sin(rotation[0] * d), cy = cos(rotation[1] * d);
    const double sy = sin(rotation[1] * d), cr = cos(rotation[2] * d), sr = sin(rotation[2] * d);
    forward[0] = cp * cy, forward[1] = -cp * sy, forward[2] = sp;
    right[0] = sr * sp * cy - cr * sy, right[1] = -(sr * sp * sy + cr * cy), right[2] = -sr * cp;
    up[0] = -(cr * sp * cy + sr * sy), up[1] = -(cy * sr - cr * sp * sy), up[2] = cr * cp;
}

/* World -> camera rotation (x right, y down, z forward), row-major. */
static inline void ucv_camera_rotation(double R[9], const double rotation[3]) {
    double forward[3], right[3], up[3];
    ucv_axes(forward, right, up, rotation);
    for (int k = 0; k < 3; k++) R[k] = right[k], R[3 + k] = -up[k], R[6 + k] = forward[k];
}

/* Degrees of Unreal's yaw to radians of our heading and back. */
static inline double ucv_heading_of_yaw(double yaw) {
    return -yaw * VG_PI / 180;
}
static inline double ucv_yaw_of_heading(double heading) {
    return -heading * 180 / VG_PI;
}

#endif
