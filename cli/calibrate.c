/* vergence calibrate: the dispatcher of its subcommands, and how they read calibration files. */
#include "cli/calibrate.h"

#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *about;
} commands[] = {
    {"show", calibrate_show, "what a calibration file holds, in plain words, and what is suspicious in it"},
    {"intrinsics", calibrate_intrinsics, "lenses from pictures or videos of a chessboard or ChArUco board"},
    {"convert", calibrate_convert, "a calibration file in another format"},
    {"extrinsics", calibrate_extrinsics, "where cameras stand, from a board or from people's keypoints alone"},
    {"bundle", calibrate_bundle, "cameras and points moved together until the pixels fit"},
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void print_commands(FILE *out) {
    fputs("usage: vergence calibrate COMMAND [OPTIONS]\nCalibrates cameras, and reads and writes calibration files "
          "(docs/calibration.md).\n\ncommands:\n",
          out);
    for (size_t i = 0; i < COMMANDS; i++) fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].about);
}

int vg_cmd_calibrate(int argc, char **argv) {
    if (argc < 2) {
        print_commands(stderr);
        return VG_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_commands(stdout);
        return VG_EXIT_OK;
    }
    const char *names[COMMANDS];
    for (size_t i = 0; i < COMMANDS; i++) {
        names[i] = commands[i].name;
        if (strcmp(argv[1], commands[i].name) == 0) return commands[i].run(argc - 1, argv + 1);
    }
    const char *near = vg_nearest(argv[1], names, COMMANDS);
    fprintf(stderr, "vergence: calibrate `%.80s` is unknown; %s%s%s\n", argv[1], near ? "did you mean `" : "",
            near ? near : "`vergence calibrate --help` lists the commands", near ? "`?" : "");
    return VG_EXIT_USAGE;
}

/* --- reading ------------------------------------------------------------------------------------------------------- */

vg_status calibrate_format(vg_calibration_format *out, const char *option, const char *word, vg_error *err) {
    *out = VG_CALIBRATION_AUTO;
    if (!word) return VG_OK;
    const char *words[VG_CALIBRATION_FORMATS];
    for (int i = 1; i < VG_CALIBRATION_FORMATS; i++) {
        words[i - 1] = vg_calibration_format_word((vg_calibration_format)i);
        if (strcmp(word, words[i - 1]) == 0) {
            *out = (vg_calibration_format)i;
            return VG_OK;
        }
    }
    const char *near = vg_nearest(word, words, VG_CALIBRATION_FORMATS - 1);
    return vg_fail(err, VG_INVALID, "--%s is `%.60s`; %s%s%s", option, word, near ? "did you mean `" : "",
                   near ? near
                        : "it must be pose2sim, anipose, caliscope, qualisys, opencv, easymocap, panoptic, colmap, "
                          "human36m, voxelpose or krt",
                   near ? "`?" : "");
}

vg_status calibrate_read(vg_camera_set *out, const char *path, const calibrate_reading *reading, vg_error *err) {
    vg_calibration_options options = {.subject = reading->subject};
    vg_calibration_format format;
    VG_TRY(calibrate_format(&format, "format", reading->format, err));
    options.format = (int32_t)format;
    const char *unit = reading->unit;
    if (unit) {
        options.unit_metres = strcmp(unit, "m") == 0    ? 1
                              : strcmp(unit, "cm") == 0 ? 1e-2
                              : strcmp(unit, "mm") == 0 ? 1e-3
                                                        : 0;
        if (options.unit_metres == 0)
            return vg_fail(err, VG_INVALID, "--unit is `%.60s`; it must be mm, cm or m", unit);
    }
    return vg_calibration_read(path, &options, out, err);
}

/* --- boards and sizes ---------------------------------------------------------------------------------------------- */

bool calibrate_size(int32_t out[2], const char *text, const char **end) {
    int width = 0, height = 0, used = 0;
    if (sscanf(text, "%5dx%5d%n", &width, &height, &used) != 2 || width < 1 || height < 1 || width > 65536 ||
        height > 65536 || (text[used] != ',' && text[used] != '\0'))
        return false;
    out[0] = width, out[1] = height;
    *end = text + used;
    return true;
}

vg_status calibrate_sizes(int32_t (*sizes)[2], const char *option, const char *text, int32_t cameras, vg_error *err) {
    int32_t n = 0;
    for (const char *at = text;; at++, n++) {
        int32_t size[2];
        if (!calibrate_size(size, at, &at))
            return vg_fail(err, VG_INVALID, "--%s is `%.80s`; write 1920x1080, or one a camera with commas between",
                           option, text);
        if (n < cameras) memcpy(sizes[n], size, sizeof size);
        if (*at == '\0') break;
    }
    n++;
    for (int32_t i = 1; n == 1 && i < cameras; i++) memcpy(sizes[i], sizes[0], sizeof sizes[0]);
    if (n != 1 && n != cameras)
        return vg_fail(err, VG_INVALID, "--%s has %d sizes for %d cameras; give one for all, or one each", option, n,
                       cameras);
    return VG_OK;
}

vg_status calibrate_board(vg_board *out, const calibrate_board_words *words, vg_error *err) {
    const int given = (words->chessboard != NULL) + (words->charuco != NULL) + (words->file != NULL);
    if (given != 1)
        return vg_fail(err, VG_INVALID, "%s",
                       given ? "--chessboard, --charuco and --board exclude one another; give one"
                             : "the board is missing: --chessboard 4x7, --charuco 4x5 (with "
                               "--square MM) or --board FILE");
    if (words->file) return vg_board_read(out, words->file, err);
    const char *text = words->chessboard ? words->chessboard : words->charuco, *end;
    int32_t size[2];
    if (!calibrate_size(size, text, &end) || *end)
        return vg_fail(err, VG_INVALID, "--%s is `%.40s`; write columns x rows, such as 4x7",
                       words->chessboard ? "chessboard" : "charuco", text);
    if (words->square_mm <= 0) return vg_fail(err, VG_INVALID, "--square is missing: the side of a square in mm");
    *out = (vg_board){.kind = words->chessboard ? VG_BOARD_CHESSBOARD : VG_BOARD_CHARUCO,
                      .columns = size[0],
                      .rows = size[1],
                      .square = words->square_mm / 1000,
                      .inverted = words->inverted};
    out->marker = words->marker_mm > 0 ? words->marker_mm / 1000 : 0.75 * out->square;
    if (out->kind == VG_BOARD_CHARUCO)
        VG_TRY(vg_board_dictionary(&out->dictionary, words->dictionary ? words->dictionary : "4X4_1000", err));
    return vg_board_check(out, err);
}
