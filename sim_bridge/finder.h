/* Keypoints from a world's pictures: the object mask says where each person is and whose body that is, the 2D detector
 * looks at that part of the lit picture alone. For one thread at a time. */
#ifndef VG_SIM_BRIDGE_FINDER_H
#define VG_SIM_BRIDGE_FINDER_H

#include "sim_bridge/unrealcv/client_replies.h"

typedef struct vg_finder vg_finder;

/* VG_NOT_FOUND, with how to get them, where the detector's models are not installed. Release with vg_finder_destroy. */
vg_status vg_finder_create(vg_finder **out, vg_error *err);
void vg_finder_destroy(vg_finder *finder); /* NULL is allowed */
/* The keypoints of the person whose colour in the mask is `rgb`; all zero where the mask does not show it. */
vg_status vg_finder_run(vg_finder *finder, vg_keypoint out[VG_JOINTS14], const ucv_picture *lit,
                        const ucv_picture *mask, const uint8_t rgb[3], vg_error *err);

#endif
