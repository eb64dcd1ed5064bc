/* Calibration files of the field, read and written: cameras with names, in one form whatever the file. The kind of file
 * is found from its content. All that leaves here is in our convention (metres, x_c = R x + t, OpenCV's camera frame,
 * principal points with pixel (0, 0) at the centre of the top-left pixel); docs/calibration.md lists what each format
 * does instead. */
#ifndef VG_CALIBRATION_FILES_H
#define VG_CALIBRATION_FILES_H

#include "common/frame.h"

#include <stdbool.h>
#include <stdio.h>

#define VG_CAMERA_NAME    64
#define VG_CAMERA_SET_MAX 1024 /* cameras in a file (Panoptic has 521) */

typedef enum vg_calibration_format {
    VG_CALIBRATION_AUTO = 0,  /* reading: by content; writing: by the name's ending */
    VG_CALIBRATION_POSE2SIM,  /* TOML, metres */
    VG_CALIBRATION_ANIPOSE,   /* TOML, board units, in practice mm; FreeMoCap's too */
    VG_CALIBRATION_CALISCOPE, /* TOML, metres */
    VG_CALIBRATION_QUALISYS,  /* .qca.txt (XML), mm, pixels in 64ths */
    VG_CALIBRATION_OPENCV,    /* FileStorage YAML or XML: one camera, or a stereo pair */
    VG_CALIBRATION_EASYMOCAP, /* folder with intri.yml and extri.yml, metres */
    VG_CALIBRATION_PANOPTIC,  /* JSON, cm, world y down */
    VG_CALIBRATION_COLMAP,    /* folder with cameras.txt and images.txt, scale unknown */
    VG_CALIBRATION_HUMAN36M,  /* JSON, mm */
    VG_CALIBRATION_VOXELPOSE, /* JSON, mm; T is the camera's place; read only */
    VG_CALIBRATION_KRT,       /* JSON, metres; K and RT by camera (4D Association); read only */
    VG_CALIBRATION_FORMATS
} vg_calibration_format;

/* One camera of a set. */
typedef struct vg_named_camera {
    char name[VG_CAMERA_NAME];
    vg_camera camera;      /* width and height 0 where the file does not say */
    bool placed;           /* the file has its place; else it stands at the origin */
    int32_t quarter_turns; /* Caliscope: turns applied to pictures before keypoints are found */
    double error_px;       /* as the file states it; NaN where it does not */
    double error_metres;   /* the same, of formats that state it in millimetres */
} vg_named_camera;

/* The cameras of a calibration, in the file's order. Zero is empty. Release with vg_camera_set_free. */
typedef struct vg_camera_set {
    int32_t cameras;
    vg_named_camera *camera; /* [cameras] */
    int32_t format;          /* vg_calibration_format it was read from */
    double unit_metres;      /* the file's unit of length: 1, 0.01 or 0.001 */
    bool unit_stated;        /* by the format or the file; else assumed */
    bool z_up;               /* z is known to point up; else the world is that of a board or of a camera */
    double error_px;         /* of the whole calibration; NaN where it is not stated */
} vg_camera_set;

typedef struct vg_calibration_options {
    int32_t format;      /* vg_calibration_format */
    double unit_metres;  /* overrides the file's unit of length; 0 = as the file says */
    const char *subject; /* Human3.6M: whose session ("S1"); NULL = the first */
} vg_calibration_options;

/* `camera` zeroed, R the identity. */
vg_status vg_camera_set_create(vg_camera_set *out, int32_t cameras, vg_error *err);
void vg_camera_set_free(vg_camera_set *set);
/* Index of the camera of that name, -1 where there is none. */
int32_t vg_camera_set_find(const vg_camera_set *set, const char *name);
/* Which camera a recording's or stream's `name` means, of `count` names that lie `stride` bytes apart: the one of that
 * name; else of that name but for case, punctuation and endings ("cam01_json" is "cam_01"); else of that last number
 * ("cam01" is "int_cam01_img"); else the one it begins with (DeepLabCut appends its network). The first rule that any
 * name meets decides; -1 where none does, or where several meet it. */
int32_t vg_camera_match(const char *name, const char *names, size_t stride, int32_t count);
int32_t vg_camera_set_match(const vg_camera_set *set, const char *name);

/* Reads a calibration file, or the folder of those formats that have two files. `options` may be NULL. */
vg_status vg_calibration_read(const char *path, const vg_calibration_options *options, vg_camera_set *out,
                              vg_error *err);
/* From memory, formats of one file only; `name` is what errors call the text. */
vg_status vg_calibration_parse(const char *name, const char *text, size_t size, const vg_calibration_options *options,
                               vg_camera_set *out, vg_error *err);
/* Writes in a format. VG_CALIBRATION_AUTO chooses by the name: .toml Pose2Sim, .qca.txt Qualisys, .json Panoptic, .yml
 * .yaml .xml OpenCV. EasyMocap and COLMAP make `path` a folder. */
vg_status vg_calibration_write(const char *path, const vg_camera_set *set, vg_calibration_format format, vg_error *err);
const char *vg_calibration_format_name(vg_calibration_format format); /* "Pose2Sim TOML", ... */
const char *vg_calibration_format_word(vg_calibration_format format); /* "pose2sim", ..., as options have it */

/* --- in plain words ------------------------------------------------------------------------------------------------ */

typedef enum vg_finding_kind {
    VG_FINDING_MIRRORED,     /* R is a reflection */
    VG_FINDING_NOT_ROTATION, /* R is neither */
    VG_FINDING_UNDER_FLOOR,
    VG_FINDING_UPSIDE_DOWN,
    VG_FINDING_SAME_PLACE,
    VG_FINDING_UNIT,       /* metres mistaken for millimetres, or the reverse */
    VG_FINDING_DISTORTION, /* the lens formula folds back inside the picture */
    VG_FINDING_SIZE,       /* picture size unknown, exchanged, or not that of the pictures */
    VG_FINDING_FOCAL,      /* field of view or pixel shape that no lens has */
    VG_FINDING_LOOKS_AWAY, /* from where the others look */
    VG_FINDING_NOT_PLACED,
    VG_FINDING_ERROR /* the stated reprojection error is large */
} vg_finding_kind;

/* Something suspicious, and its mend. */
typedef struct vg_finding {
    int32_t kind;      /* vg_finding_kind */
    int32_t camera;    /* -1: of the whole set */
    char message[320]; /* names the camera */
} vg_finding;

/* Writes up to `room` findings, most serious kind first per camera; returns how many there are. `sizes` [cameras][2] are
 * the pictures' real widths and heights where the caller knows them (0 = unknown); may be NULL. */
int32_t vg_calibration_check(vg_finding *out, int32_t room, const vg_camera_set *set, const int32_t (*sizes)[2]);

/* Prints every camera: where it stands, what it looks at, field of view, lens; then the findings. As text, or as one JSON
 * object. Returns the number of findings, or -1 where it ran out of memory. */
int32_t vg_calibration_describe(FILE *out, const char *name, const vg_camera_set *set, const int32_t (*sizes)[2],
                                bool json);

#endif
