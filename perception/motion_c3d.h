/* C3D, biomechanics' binary file of marker positions and analog signals (The C3D File Format User Guide, c3d.org): all
 * it can hold. Reads Intel, DEC and MIPS files with whole-number or float points; writes what it read so that reading
 * again gives exactly the same. Those who only want points over time use vg_motion_read and vg_motion_write. */
#ifndef VG_PERCEPTION_MOTION_C3D_H
#define VG_PERCEPTION_MOTION_C3D_H

#include "perception/motion.h"

#define VG_C3D_MAX_DIMENSIONS 7

typedef enum vg_c3d_processor { VG_C3D_INTEL = 84, VG_C3D_DEC = 85, VG_C3D_MIPS = 86 } vg_c3d_processor;

/* A parameter, or a group's own entry (type 0, no data). */
typedef struct vg_c3d_parameter {
    char group[128], name[128], description[256];
    bool locked;
    int8_t type; /* -1 text, 1 byte, 2 whole number of 16 bits, 4 float; 0 for a group */
    uint8_t dimensions, size[VG_C3D_MAX_DIMENSIONS]; /* no dimension: one value */
    int32_t bytes;
    unsigned char *data; /* [bytes], this machine's byte order and float format */
} vg_c3d_parameter;

typedef struct vg_c3d_event {
    double time; /* seconds from the first frame's zero */
    char label[VG_MOTION_NAME], context[VG_MOTION_NAME];
} vg_c3d_event;

/* A C3D file. Zero is empty. */
typedef struct vg_c3d {
    int32_t processor; /* vg_c3d_processor: how the file is written */
    bool is_float;     /* points and analog samples as floats, else 16-bit whole numbers */
    double scale;      /* whole-number points: position = number * scale; residuals are stored in steps of it */
    vg_motion points;  /* unit of POINT:UNITS (usually mm); axes from POINT:X_SCREEN and Y_SCREEN */
    uint8_t *cameras;  /* [frames, points] mask of the cameras that saw the point */
    int32_t analog_channels, analog_per_frame; /* samples of each channel in a frame */
    float *analog;                             /* [frames * analog_per_frame, channels] as stored, unscaled */
    int32_t parameters;
    vg_c3d_parameter *parameter; /* [parameters] in the file's order */
    int32_t events;
    vg_c3d_event *event;       /* [events] */
    int32_t interpolation_gap; /* header word 6 */
} vg_c3d;

bool vg_c3d_is(const char *data, size_t size); /* begins as a C3D file does */
vg_status vg_c3d_read(const char *path, const vg_motion_options *options, vg_c3d *out, vg_error *err);
vg_status vg_c3d_parse(const char *name, const char *data, size_t size, const vg_motion_options *options, vg_c3d *out,
                       vg_error *err);
vg_status vg_c3d_write(const char *path, const vg_c3d *c3d, vg_error *err);
void vg_c3d_free(vg_c3d *c3d);

/* The parameter, NULL where there is none. Names match whatever the case. */
const vg_c3d_parameter *vg_c3d_find(const vg_c3d *c3d, const char *group, const char *name);
/* Element `i` of a number parameter; `otherwise` where it has none. */
double vg_c3d_number(const vg_c3d_parameter *parameter, int32_t i, double otherwise);
/* Text `i` of a text parameter without trailing blanks; empty where it has none. */
void vg_c3d_text(char *out, size_t room, const vg_c3d_parameter *parameter, int32_t i);

/* The direction of the axes by POINT:X_SCREEN and Y_SCREEN. */
vg_axes vg_c3d_axes(const vg_c3d *c3d, vg_axes otherwise);

/* Sets or replaces a parameter. Text: `texts` [count] padded with blanks to the longest. Numbers: 16-bit or float. */
vg_status vg_c3d_set_texts(vg_c3d *c3d, const char *group, const char *name, const char *const *texts, int32_t count,
                           vg_error *err);
vg_status vg_c3d_set_numbers(vg_c3d *c3d, const char *group, const char *name, int8_t type, const double *values,
                             int32_t count, vg_error *err);

/* An analog sample in its channel's unit: (stored - ANALOG:OFFSET) * ANALOG:SCALE * ANALOG:GEN_SCALE. */
double vg_c3d_analog(const vg_c3d *c3d, int32_t sample, int32_t channel);

/* Points alone. Writing makes an Intel float file in the motion's unit; positions are rounded to floats. */
vg_status vg_c3d_parse_motion(const char *name, const char *data, size_t size, const vg_motion_options *options,
                              vg_motion *out, vg_error *err);
vg_status vg_c3d_write_motion(const char *path, const vg_motion *motion, vg_error *err);

#endif
