/* vergence calibrate: the words its subcommands share. Each is one function, int calibrate_NAME(int argc, char **argv), in a
 * file of its own; cli/calibrate.c lists them. argv[0] is the subcommand's name. */
#ifndef VG_CLI_CALIBRATE_H
#define VG_CLI_CALIBRATE_H

#include "calibration/files.h"
#include "cli/cli.h"

int calibrate_bundle(int argc, char **argv);
int calibrate_extrinsics(int argc, char **argv);
int calibrate_show(int argc, char **argv);
int calibrate_convert(int argc, char **argv);

/* How calibration files are to be read, as options have it. */
typedef struct calibrate_reading {
    const char *format, *unit, *subject; /* NULL: as the file says */
} calibrate_reading;

/* The options' lines, for a subcommand's table: CALIBRATE_READING_OPTIONS(reading) */
#define CALIBRATE_READING_OPTIONS(reading)                                                                             \
    {"format",                                                                                                         \
     VG_OPTION_TEXT,                                                                                                   \
     &(reading).format,                                                                                                \
     0,                                                                                                                \
     0,                                                                                                                \
     "NAME",                                                                                                           \
     "the file's format, where its content deceives: pose2sim anipose caliscope ..."},                                 \
        {"unit", VG_OPTION_TEXT, &(reading).unit, 0, 0, "mm|cm|m", "the file's unit of length, where it is another"},  \
    {                                                                                                                  \
        "subject", VG_OPTION_TEXT, &(reading).subject, 0, 0, "NAME", "Human3.6M: whose session (the first)"            \
    }

/* Reads the calibration at `path` so. */
vg_status calibrate_read(vg_camera_set *out, const char *path, const calibrate_reading *reading, vg_error *err);

/* A format by its word ("pose2sim"); VG_INVALID names the option and the nearest word. NULL is VG_CALIBRATION_AUTO. */
vg_status calibrate_format(vg_calibration_format *out, const char *option, const char *word, vg_error *err);

#endif
