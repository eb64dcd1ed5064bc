/* vergence calibrate: the dispatcher of its subcommands, and how they read calibration files. */
#include "cli/calibrate.h"

#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *about;
} commands[] = {
    {"show", calibrate_show, "what a calibration file holds, in plain words, and what is suspicious in it"},
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
                          "human36m or voxelpose",
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
