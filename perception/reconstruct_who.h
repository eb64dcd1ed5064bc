/* Who is who in a recording. Private to reconstruct*.c. */
#ifndef VG_PERCEPTION_RECONSTRUCT_WHO_H
#define VG_PERCEPTION_RECONSTRUCT_WHO_H

#include "perception/reconstruct.h"

/* What all cameras saw of one person. */
typedef struct sights {
    int64_t name;
    vg_keypoint *points; /* [F, C, J] */
    int64_t frames;      /* in which two cameras or more saw something */
} sights;

typedef struct cast_list {
    sights *person;
    int32_t people, room;
    int32_t left_out;
} cast_list;

vg_status reconstruct_who(cast_list *out, const vg_keypoints *keypoints, const vg_camera *cameras, double rate,
                          const vg_reconstruct_config *config, vg_error *err);
void cast_list_free(cast_list *list);
/* One more, who has not been seen yet; NULL where memory is short. */
sights *cast_list_add(cast_list *list, const vg_keypoints *keypoints, int64_t name, vg_error *err);

/* reconstruct_link.c: who was lost and found under another name, or found as somebody else, gets one name again. Names are
 * 1, 2, ... in the order of appearance. On failure the list is as it was. */
vg_status reconstruct_link(cast_list *list, const vg_keypoints *keypoints, const vg_camera *cameras, double rate,
                           const vg_people_config *config, vg_error *err);

#endif
