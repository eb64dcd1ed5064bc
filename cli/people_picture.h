/* A picture of people in 3D over time, as SVG. */
#ifndef VG_CLI_PEOPLE_PICTURE_H
#define VG_CLI_PEOPLE_PICTURE_H

#include "perception/joints.h"
#include "perception/motion.h"

/* Stick figures at a few instants of a recording, seen from above and aside, later ones stronger; left limbs blue, right ones
 * red; the paths of the feet; the floor in squares of a metre. `people` motions of all joints of the set, metres, z up. */
vg_status vg_people_picture(const char *path, const vg_motion *motions, int32_t people, const vg_joint_set *set,
                            vg_error *err);

#endif
