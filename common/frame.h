/* The words everyone uses: camera, frame, skeletons, command. Plain data: capacities are fixed when a session starts; each
 * is one block with offsets instead of pointers, so it can be copied, sent and recorded as it is, and a batch of
 * environments is an array of such blocks. SI units; world right-handed, Z up; angles in radians; camera frame x right,
 * y down, z forward; pixel (0, 0) is the centre of the top-left pixel. */
#ifndef VG_COMMON_FRAME_H
#define VG_COMMON_FRAME_H

#include "common/status.h"

#include <stddef.h>
#include <stdint.h>

#define VG_MAX_CAMERAS 16
#define VG_MAX_PEOPLE  64
#define VG_MAX_JOINTS  64
#define VG_MAX_ENVS    4096

/* The 14 joints of the reference method, in its order (COCO 5..16, then 1, 2). */
typedef enum vg_joint14 {
    VG_L_SHOULDER,
    VG_R_SHOULDER,
    VG_L_ELBOW,
    VG_R_ELBOW,
    VG_L_WRIST,
    VG_R_WRIST,
    VG_L_HIP,
    VG_R_HIP,
    VG_L_KNEE,
    VG_R_KNEE,
    VG_L_ANKLE,
    VG_R_ANKLE,
    VG_L_EYE,
    VG_R_EYE,
    VG_JOINTS14
} vg_joint14;
extern const char *const vg_joint14_names[VG_JOINTS14]; /* "LShoulder", ... */

typedef struct vg_dims {
    int32_t cameras, people, joints; /* capacities: 1 .. VG_MAX_* */
} vg_dims;

vg_status vg_dims_check(vg_dims dims, vg_error *err);

typedef enum vg_lens {
    VG_LENS_BROWN_CONRADY = 0, /* distortion k1 k2 p1 p2 k3 k4 k5 k6, OpenCV's order */
    VG_LENS_FISHEYE = 1        /* equidistant, Kannala-Brandt k1 k2 k3 k4 (cv::fisheye) */
} vg_lens;

/* One camera: lens and place. x_camera = R x_world + t; the camera stands at -R^T t. */
typedef struct vg_camera {
    int32_t width, height; /* px */
    int32_t lens;          /* vg_lens */
    int32_t reserved;
    double fx, fy, cx, cy; /* px */
    double distortion[8];  /* zero for an ideal lens */
    double R[9];           /* world -> camera, row-major */
    double t[3];           /* metres */
} vg_camera;

/* One 2D keypoint; confidence 0 means "not seen" (u, v are then 0). */
typedef struct vg_keypoint {
    float u, v;       /* px, distorted (as the camera saw it) */
    float confidence; /* 0 .. 1 */
} vg_keypoint;

typedef enum vg_frame_flag {
    VG_FRAME_FIRST = 1,      /* first frame after a reset */
    VG_FRAME_TERMINATED = 2, /* the world ended the episode; its value is zero after this */
    VG_FRAME_TRUNCATED = 4,  /* the world cut the episode short; bootstrap from this frame */
    VG_FRAME_TRUTH = 8,      /* `truth` holds where people really are */
    VG_FRAME_IDENTIFIED = 16 /* slot p is the same person in every camera and frame */
} vg_frame_flag;

/* What the cameras saw at one instant. Arrays follow the header in the same block; reach them by the accessors. */
typedef struct vg_frame {
    uint32_t bytes; /* size of the whole block */
    uint32_t flags; /* vg_frame_flag */
    vg_dims dims;
    int32_t environment; /* index in the batch */
    int32_t target;      /* the person the reward is about; -1 where unknown */
    int32_t reserved;
    uint64_t frame_id; /* counts the frames of this environment since the world opened */
    int64_t time_ns;   /* world time: simulated, or capture time */
    uint32_t cameras_at, keypoints_at, present_at, truth_at; /* byte offsets */
} vg_frame;

/* Bytes of one frame block of these capacities (a multiple of 64). */
size_t vg_frame_bytes(vg_dims dims);
/* Writes header and offsets into a zeroed block of vg_frame_bytes(dims) bytes; arrays stay zero. */
void vg_frame_init(vg_frame *frame, vg_dims dims, int32_t environment);
/* Element i of an array of equal blocks. */
static inline vg_frame *vg_frame_at(vg_frame *frames, int32_t i) {
    return (vg_frame *)(void *)((char *)frames + (size_t)frames->bytes * (size_t)i);
}
static inline vg_camera *vg_frame_cameras(const vg_frame *f) { /* [C] */
    return (vg_camera *)(void *)((char *)(uintptr_t)f + f->cameras_at);
}
static inline vg_keypoint *vg_frame_keypoints(const vg_frame *f) { /* [C, P, J] */
    return (vg_keypoint *)(void *)((char *)(uintptr_t)f + f->keypoints_at);
}
static inline int32_t *vg_frame_present(const vg_frame *f) { /* [P] 1 where slot p holds a person */
    return (int32_t *)(void *)((char *)(uintptr_t)f + f->present_at);
}
static inline float *vg_frame_truth(const vg_frame *f) { /* [P, J, 3] metres; meaningful with VG_FRAME_TRUTH */
    return (float *)(void *)((char *)(uintptr_t)f + f->truth_at);
}

typedef enum vg_joint_state {
    VG_JOINT_LOST = 0,    /* no estimate; position is NaN */
    VG_JOINT_CARRIED = 1, /* predicted by the filter through a short loss */
    VG_JOINT_MEASURED = 2 /* triangulated in this frame */
} vg_joint_state;

/* A joint in 3D. */
typedef struct vg_joint {
    float position[3];   /* metres, world; NaN when lost */
    float covariance[6]; /* m^2: xx xy xz yy yz zz */
    float velocity[3];   /* m/s; zero where there is no filter */
    float reprojection;  /* px, rms over the views used; NaN when not measured */
    int16_t state;       /* vg_joint_state */
    int16_t views;       /* cameras used */
} vg_joint;

/* People in 3D at one instant. */
typedef struct vg_skeletons {
    uint32_t bytes; /* size of the whole block */
    int32_t people, joints;
    int32_t environment;
    uint64_t frame_id;
    int64_t time_ns;
    int32_t target; /* slot of the target; -1 where unknown */
    uint32_t present_at, joints_at;
    uint32_t reserved;
} vg_skeletons;

size_t vg_skeletons_bytes(int32_t people, int32_t joints);
void vg_skeletons_init(vg_skeletons *skeletons, int32_t people, int32_t joints, int32_t environment);
static inline vg_skeletons *vg_skeletons_at(vg_skeletons *s, int32_t i) {
    return (vg_skeletons *)(void *)((char *)s + (size_t)s->bytes * (size_t)i);
}
static inline int32_t *vg_skeletons_present(const vg_skeletons *s) { /* [P] */
    return (int32_t *)(void *)((char *)(uintptr_t)s + s->present_at);
}
static inline vg_joint *vg_skeletons_joints(const vg_skeletons *s) { /* [P, J] */
    return (vg_joint *)(void *)((char *)(uintptr_t)s + s->joints_at);
}

/* What one camera shall do until the next frame. */
typedef struct vg_camera_command {
    float linear[3];  /* m/s, world axes */
    float yaw_rate;   /* rad/s, about world z, from +x towards +y */
    float pitch_rate; /* rad/s, up positive */
} vg_camera_command;

/* One command for a team: fixed capacity, so it needs no offsets. */
typedef struct vg_command {
    int32_t environment;
    int32_t cameras;
    uint64_t frame_id; /* the frame this answers */
    vg_camera_command camera[VG_MAX_CAMERAS];
} vg_command;

#endif
