/* The insides of calibration files as one tree (jansson's), whatever their language: TOML, YAML, XML or JSON. Scalars of
 * YAML and XML are strings; tree_number takes both. Private to calibration/files*.c. */
#ifndef VG_CALIBRATION_FILES_TREE_H
#define VG_CALIBRATION_FILES_TREE_H

#include "calibration/files.h"

#include <jansson.h>
#include <stddef.h>

/* Deepest nesting accepted; calibration files nest four or five levels. */
#define TREE_MAX_DEPTH 32

/* Parsers. On VG_OK *out is a new reference. Errors name the line. */
vg_status tree_from_toml(json_t **out, const char *name, const char *text, size_t size, vg_error *err);
vg_status tree_from_yaml(json_t **out, const char *name, const char *text, size_t size, vg_error *err);
/* An element becomes {"@attribute": "value", "child": ...}; repeated children become an array; text "#text". The root
 * element's name is the tree's only key. */
vg_status tree_from_xml(json_t **out, const char *name, const char *text, size_t size, vg_error *err);
vg_status tree_from_json(json_t **out, const char *name, const char *text, size_t size, vg_error *err);

/* Where we are, for errors: "FILE: [camera] key". */
typedef struct tree_at {
    const char *name;   /* of the file */
    const char *camera; /* "" outside a camera */
    vg_error *err;
} tree_at;

/* A scalar as a number; false where it is none or not finite. */
bool tree_number(double *out, const json_t *value);
/* Fills out[n] from `value`: an array (nested or flat), an OpenCV matrix ({rows, cols, data}), or blank-separated text.
 * Fails where there are not exactly n numbers. */
vg_status tree_numbers(double *out, size_t n, const json_t *value, const char *key, const tree_at *at);
/* The same for 0 .. most numbers; `count` says how many. */
vg_status tree_numbers_upto(double *out, size_t most, size_t *count, const json_t *value, const char *key,
                            const tree_at *at);
/* The member `key` of an object as a number; `otherwise` where it is absent; fails where it is not a number. */
vg_status tree_member(double *out, const json_t *object, const char *key, double otherwise, const tree_at *at);

/* What readers share: checked placement of numbers into a camera. */
vg_status camera_set_intrinsics(vg_camera *camera, const double K[9], const tree_at *at);
vg_status camera_set_distortion(vg_camera *camera, const double *k, size_t count, bool fisheye, const tree_at *at);
vg_status camera_set_size(vg_camera *camera, double width, double height, const tree_at *at);
/* R (row-major) and t in file units. Fails where R is not finite; a reflection is kept, for the check to tell. */
vg_status camera_set_pose(vg_camera *camera, const double R[9], const double t[3], double unit, const tree_at *at);
vg_status camera_set_name(vg_named_camera *camera, const char *name, const tree_at *at);
/* How many distortion coefficients the camera needs: 4, 5 or 8 (fisheye 4). */
int camera_distortion_count(const vg_camera *camera);

/* What every reader owes: no two cameras of one name, lenses that can be, and the kind that was asked for. */
vg_status files_settle(const vg_camera_set *set, const vg_calibration_options *options, const char *name,
                       vg_error *err);

/* Readers and writers by format. */
vg_status files_read_toml(vg_camera_set *out, const json_t *tree, const vg_calibration_options *options,
                          const tree_at *at);
vg_status files_read_qualisys(vg_camera_set *out, const json_t *tree, const vg_calibration_options *options,
                              const tree_at *at);
vg_status files_read_opencv(vg_camera_set *out, const json_t *tree, const json_t *other,
                            const vg_calibration_options *options, const tree_at *at);
vg_status files_read_easymocap(vg_camera_set *out, const json_t *intri, const json_t *extri,
                               const vg_calibration_options *options, const tree_at *at, const char *extri_name);
vg_status files_read_json(vg_camera_set *out, const json_t *tree, const vg_calibration_options *options,
                          const tree_at *at);
vg_status files_read_colmap(vg_camera_set *out, const char *cameras, size_t cameras_size, const char *images,
                            size_t images_size, const vg_calibration_options *options, const char *name, vg_error *err);

vg_status files_write_pose2sim(FILE *f, const vg_camera_set *set, vg_error *err);
vg_status files_write_anipose(FILE *f, const vg_camera_set *set, vg_error *err);
vg_status files_write_caliscope(FILE *f, const vg_camera_set *set, vg_error *err);
vg_status files_write_qualisys(FILE *f, const vg_camera_set *set, vg_error *err);
vg_status files_write_opencv(FILE *f, const vg_camera_set *set, bool xml, vg_error *err);
vg_status files_write_easymocap_intri(FILE *f, const vg_camera_set *set, vg_error *err);
vg_status files_write_easymocap_extri(FILE *f, const vg_camera_set *set, vg_error *err);
vg_status files_write_panoptic(FILE *f, const vg_camera_set *set, vg_error *err);
vg_status files_write_human36m(FILE *f, const vg_camera_set *set, vg_error *err);
vg_status files_write_colmap_cameras(FILE *f, const vg_camera_set *set, vg_error *err);
vg_status files_write_colmap_images(FILE *f, const vg_camera_set *set, vg_error *err);

/* Prints n numbers, each so that it reads back exactly, with `between` between them. */
void print_numbers(FILE *f, const double *v, size_t n, const char *between);
/* Prints a JSON (and TOML) string with its quotes. */
void print_quoted(FILE *f, const char *text);

#endif
