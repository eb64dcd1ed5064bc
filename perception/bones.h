/* Bone lengths, learned while a person moves, and joints held to them.
 *
 * Learning: each length is a scalar Kalman filter whose measurement is the distance between the two joints, with the
 * variance their covariances give it along the bone; outliers count little, and the length keeps following slowly.
 * Holding: the joints are moved to where their Mahalanobis distance from the measured places plus that of the bones from
 * their lengths is least. Nothing here allocates; both are made for live use and used for recordings too. */
#ifndef VG_PERCEPTION_BONES_H
#define VG_PERCEPTION_BONES_H

#include "perception/joints.h"

/* One person's bones. A zeroed one knows nothing. Plain data. */
typedef struct vg_bones {
    double length[VG_MAX_BONES];   /* m; 0 = never seen */
    double variance[VG_MAX_BONES]; /* m^2, of the length */
} vg_bones;

typedef struct vg_bones_config {
    double slack;   /* how far bones may differ from their lengths: times vg_bone.spread */
    double settled; /* a length takes part once its standard deviation is below this share of it */
    int32_t sweeps; /* over all bones; about 10 settle a body */
} vg_bones_config;

vg_bones_config vg_bones_config_default(void);

/* Takes in one frame: x [J, 3] m, NaN where lost; covariance [J, 6] m^2, xx xy xz yy yz zz. */
void vg_bones_learn(vg_bones *bones, const vg_joint_set *set, const double (*x)[3], const double (*covariance)[6]);

/* Moves x [J, 3] in place; lost joints (NaN) stay lost. `slack` of the config at least 1e-6. */
void vg_bones_hold(double (*x)[3], const double (*covariance)[6], const vg_bones *bones, const vg_joint_set *set,
                   const vg_bones_config *config);

#endif
