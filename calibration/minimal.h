/* Poses from few points, and by trying many few (RANSAC): where one camera stands among known points, and how two stand to
 * each other. Directions of pixels are unit vectors in the camera's frame, so lenses of any width will do.
 *
 * Three points: Grunert's quartic, as in Haralick, Lee, Ottenberg and Noelle, IJCV 1994. Five directions: the essential
 * matrix by Stewenius, Engels and Nister, ISPRS 2006. Samples are scored by truncated squares (MSAC; Torr and Zisserman,
 * CVIU 2000). */
#ifndef VG_CALIBRATION_MINIMAL_H
#define VG_CALIBRATION_MINIMAL_H

#include "common/random.h"
#include "common/status.h"
#include "common/transform.h"

#include <stdbool.h>

#define VG_P3P_MAX       4
#define VG_FIVEPOINT_MAX 10

/* World -> camera poses from three points X [3, 3] and their directions f [3, 3]. Returns how many there are. */
int32_t vg_pose_of_three(vg_rigid out[VG_P3P_MAX], const double X[9], const double f[9]);

/* Essential matrices E, f1' E f0 = 0, from five pairs of directions f0, f1 [5, 3]. Returns how many there are. */
int32_t vg_essential_of_five(double E[VG_FIVEPOINT_MAX][9], const double f0[15], const double f1[15]);

typedef struct vg_ransac {
    double threshold; /* radians: directions farther off are outliers */
    int32_t trials;   /* at most; fewer where the share of inliers shows that more are in vain */
    uint64_t seed;
    uint32_t stream; /* tells draws of one seed apart */
} vg_ransac;

/* The pose of a camera among points X [n, 3] seen in directions f [n, 3]. `inlier` [n] may be NULL. Returns the number of
 * inliers; 0 where no pose was found. */
int32_t vg_resect(vg_rigid *pose, bool *inlier, const double *X, const double *f, int32_t n, const vg_ransac *ransac);

/* The pose of camera 1 in camera 0's frame, |t| = 1, from directions f0, f1 [n, 3] of the same points. Inliers lie before
 * both cameras. `parallax` (may be NULL): the median angle between their rays, radians. */
int32_t vg_relate(vg_rigid *pose, bool *inlier, double *parallax, const double *f0, const double *f1, int32_t n,
                  const vg_ransac *ransac);

/* How many of the directions f0, f1 [n, 3] agree to `threshold` radians with camera 1 standing at `pose`, before both. */
int32_t vg_relative_inliers(const vg_rigid *pose, const double *f0, const double *f1, int32_t n, double threshold);

/* The point nearest to two rays (unit directions), and whether it lies before both. */
bool vg_nearest_point(double X[3], const double o0[3], const double d0[3], const double o1[3], const double d1[3]);

#endif
