/* vergence calibrate: the words its subcommands share. Each is one function, int calibrate_NAME(int argc, char **argv), in a
 * file of its own; cli/calibrate.c lists them. argv[0] is the subcommand's name. */
#ifndef VG_CLI_CALIBRATE_H
#define VG_CLI_CALIBRATE_H

#include "calibration/board.h"
#include "calibration/files.h"
#include "cli/cli.h"

int calibrate_bundle(int argc, char **argv);
int calibrate_extrinsics(int argc, char **argv);
int calibrate_show(int argc, char **argv);
int calibrate_convert(int argc, char **argv);
int calibrate_intrinsics(int argc, char **argv);

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

/* A calibration board, as options have it. Sides in millimetres. */
typedef struct calibrate_board_words {
    const char *chessboard, *charuco, *dictionary, *file;
    double square_mm, marker_mm;
    bool inverted;
} calibrate_board_words;

/* The options' lines: CALIBRATE_BOARD_OPTIONS(board) */
#define CALIBRATE_BOARD_OPTIONS(words)                                                                                 \
    {"chessboard", VG_OPTION_TEXT, &(words).chessboard, 0, 0, "CxR", "a chessboard of CxR inner corners"},             \
        {"charuco", VG_OPTION_TEXT, &(words).charuco, 0, 0, "CxR", "a ChArUco board of CxR squares"},                  \
        {"square", VG_OPTION_REAL, &(words).square_mm, 0.1, 10000, "MM", "the side of a square, mm"},                  \
        {"marker", VG_OPTION_REAL, &(words).marker_mm, 0.1, 10000, "MM", "the side of a marker, mm (0.75 squares)"},   \
        {"dictionary", VG_OPTION_TEXT, &(words).dictionary, 0, 0, "NAME", "the markers' dictionary (4X4_1000)"},       \
        {"inverted", VG_OPTION_FLAG, &(words).inverted, 0, 0, "", "white and black are exchanged (found out anyway)"}, \
    {                                                                                                                  \
        "board", VG_OPTION_TEXT, &(words).file, 0, 0, "FILE", "the board from a Caliscope charuco.toml"                \
    }

/* The board that the options describe; VG_INVALID names the option. */
vg_status calibrate_board(vg_board *out, const calibrate_board_words *words, vg_error *err);

/* "1920x1080" into two numbers from 1 to 65536; true where all of `text` is that, or a comma follows (*end then is there). */
bool calibrate_size(int32_t out[2], const char *text, const char **end);

/* Sizes of `cameras` cameras: one for all, or one each with commas between. The error names --`option`. */
vg_status calibrate_sizes(int32_t (*sizes)[2], const char *option, const char *text, int32_t cameras, vg_error *err);

/* A format by its word ("pose2sim"); VG_INVALID names the option and the nearest word. NULL is VG_CALIBRATION_AUTO. */
vg_status calibrate_format(vg_calibration_format *out, const char *option, const char *word, vg_error *err);

#endif
