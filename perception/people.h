/* Who is who: detections of several people in several calibrated cameras, told apart by geometry and motion alone.
 *
 * A frame whose slots are unidentified detections (in each camera its own order) becomes one whose slot p is the same person
 * in every camera and over time (VG_FRAME_IDENTIFIED), with those keypoints that do not fit the person taken out: ready for
 * vg_perceive.
 *
 * How: every known person's joints are predicted and compared, joint by joint, with every detection of each camera; the
 * assignment of the best sum is taken (one to one). Keypoints that a detector gave to the wrong neighbour go back to the
 * person they fit. Each joint is then placed where most of its views agree. Detections left over make new people where those
 * of two or more cameras meet in a plausible body. Who is lost keeps the slot and the name for `memory` seconds and gets both
 * back when found near enough.
 *
 * Appearance is not used: two people who exchange places while nobody sees them exchange names. */
#ifndef VG_PERCEPTION_PEOPLE_H
#define VG_PERCEPTION_PEOPLE_H

#include "common/frame.h"

#include <stdbool.h>

struct vg_joint_set; /* joints.h */

/* vg_people_config_default() is valid as it is. */
typedef struct vg_people_config {
    double confidence;   /* keypoints above this take part, 0 .. 1 */
    double sigma;        /* px; error of a keypoint in its picture, each axis */
    double body;         /* m; how far apart detectors place one joint when they look from different sides */
    double gate;         /* sigmas; farther off is another joint */
    double acceleration; /* m^2/s^3; spectral density of the accelerations of joints */
    double hold; /* s; who was seen by no camera for this long is lost: must be met by two cameras to be found again */
    double memory;   /* s; who was lost for this long is forgotten, name and slot */
    int32_t confirm; /* frames; a new person seen by only two of many cameras is told after being met so often */
    int32_t joints;  /* fewer keypoints in common say nothing */
    const struct vg_joint_set
        *set; /* what the joints are, against bodies that cannot be and left and right mixed up; copied;
                                       NULL = not known */
} vg_people_config;

vg_people_config vg_people_config_default(void);
vg_status vg_people_config_check(const vg_people_config *config, vg_error *err);

typedef struct vg_people vg_people;

/* For frames of at most `detections.cameras` cameras and `detections.people` detections in each, and up to `slots` people at
 * once. All memory is planned here. Release with vg_people_destroy. */
vg_status vg_people_create(vg_people **out, const vg_people_config *config, vg_dims detections, int32_t slots,
                           vg_error *err);
void vg_people_destroy(vg_people *people); /* NULL is allowed */

/* Forgets everyone; names start again at 1. A frame with VG_FRAME_FIRST does this by itself. */
void vg_people_reset(vg_people *people);

/* One frame. `out` is a block made by vg_frame_init for the same cameras and joints and `slots` people; everything in it is
 * written, but the truth. A detection is a slot with keypoints in that camera, whatever vg_frame_present says. Allocates
 * nothing. */
vg_status vg_people_match(vg_people *people, const vg_frame *detections, vg_frame *out, vg_error *err);

/* The name of the person in a slot after the last frame: 1, 2, ... in the order of their appearance, never used again; 0
 * where the slot is free. A slot keeps its person through losses of up to `memory` seconds (vg_frame_present tells who was
 * seen). */
int64_t vg_people_name(const vg_people *people, int32_t slot);
/* Which detection of a camera a slot's person was given in the last frame; -1 = none. */
int32_t vg_people_detection(const vg_people *people, int32_t slot, int32_t camera);

/* The state as bytes, for checkpoints. */
size_t vg_people_state_bytes(const vg_people *people);
void vg_people_save_state(const vg_people *people, void *out);
void vg_people_load_state(vg_people *people, const void *state);

#endif
