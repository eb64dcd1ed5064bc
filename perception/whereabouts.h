/* Where everybody is, or was last: a coarse place on the ground for each person, also for those whom fewer than two cameras
 * see now. Whoever is triangulated is where the skeleton is. Whoever a single camera sees is put where a body of usual
 * height would fit the keypoints. Whoever nobody sees is expected to walk on, ever more uncertainly, and is forgotten
 * after a few seconds. Nothing here reads a frame's truth. */
#ifndef VG_PERCEPTION_WHEREABOUTS_H
#define VG_PERCEPTION_WHEREABOUTS_H

#include "common/frame.h"

typedef struct vg_whereabouts {
    int32_t known;     /* 0: never seen, or forgotten; what follows is then zero */
    float at[2];       /* m */
    float velocity[2]; /* m/s */
    float deviation;   /* m, standard deviation of `at`, each axis */
    float unseen;      /* s since somebody saw this person; 0: seen now */
} vg_whereabouts;

/* Moves `people` [P] on by `seconds` to `frame`, whose `skeletons` have been perceived. Begin with zeroes. Single cameras'
 * sightings count only in frames that are VG_FRAME_IDENTIFIED. Allocates nothing. */
void vg_whereabouts_update(vg_whereabouts *people, const vg_frame *frame, const vg_skeletons *skeletons,
                           double seconds);

#endif
