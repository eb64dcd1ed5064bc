/* Who is who in pictures of cameras whose places are unknown: what is needed to place cameras by several people at once.
 *
 *   follow   each camera by itself: detections of neighbouring frames are linked where nobody else could be meant
 *   relate   two cameras: the essential matrix of one such sequence in either, over its common frames, says which other
 *            sequences of both are the same person too; the pairing that most keypoints agree with counts
 *   join     sequences related are one person, those with most keypoints first, as long as nobody is twice in a picture
 *
 * One caller's thread; memory is allocated for the call. */
#ifndef VG_PERCEPTION_IDENTIFY_H
#define VG_PERCEPTION_IDENTIFY_H

#include "perception/keypoints.h"

/* person [detections of `keypoints`]: numbers from 0, those seen most first; -1 where it cannot be said, and
 * of who stays in one place, in frames that only repeat what an earlier one says. `cameras`
 * [keypoints->cameras]: their lenses and picture sizes; places are not looked at. Returns VG_OK where nobody could be
 * identified, too. */
vg_status vg_identify(int32_t *person, int32_t *people, const vg_keypoints *keypoints, const vg_camera *cameras,
                      uint64_t seed, vg_error *err);

#endif
