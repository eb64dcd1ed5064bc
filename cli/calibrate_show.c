/* vergence calibrate show and convert: calibration files in plain words, and from one format into another. */
#include "cli/calibrate.h"

#include "calibration/footage.h"

#include <stdlib.h>

/* The size of each camera's first picture in `folder`. */
static vg_status read_picture_sizes(int32_t (*sizes)[2], const char *folder, const vg_camera_set *set, vg_error *err) {
    vg_footage footage;
    VG_TRY(vg_footage_find(&footage, &folder, 1, err));
    vg_status status = VG_OK;
    for (int32_t i = 0; status == VG_OK && i < set->cameras; i++) {
        const int32_t of = vg_footage_of_camera(&footage, set->camera[i].name);
        if (of < 0)
            status = vg_fail(err, VG_NOT_FOUND,
                             "%s: no pictures of camera `%s`; a folder or file must carry the camera's name", folder,
                             set->camera[i].name);
        else
            status = vg_footage_size(&footage.camera[of], &sizes[i][0], &sizes[i][1], err);
    }
    vg_footage_free(&footage);
    return status;
}

int calibrate_show(int argc, char **argv) {
    calibrate_reading reading = {0};
    const char *sizes_text = NULL, *pictures = NULL;
    bool json = false;
    const vg_option options[] = {
        CALIBRATE_READING_OPTIONS(reading),
        {"sizes", VG_OPTION_TEXT, &sizes_text, 0, 0, "WxH[,...]", "the pictures' real size, to compare with"},
        {"pictures", VG_OPTION_TEXT, &pictures, 0, 0, "DIR", "the same, from pictures or videos named after cameras"},
        {"json", VG_OPTION_FLAG, &json, 0, 0, "", "print JSON"},
        {0}};
    const vg_usage usage = {
        "vergence calibrate show FILE|FOLDER [OPTIONS]",
        "Prints every camera of a calibration in plain words, and warns of what is suspicious; exit 6 where it warns.",
        options, 1};
    vg_texts words;
    int code;
    if (!vg_options_begin(&usage, argc, argv, &words, &code)) return code;
    vg_error err = {0};
    if (!words.count) return vg_report_error(vg_fail(&err, VG_INVALID, "FILE is missing: name a calibration"), &err);
    vg_camera_set set = {0};
    vg_status status = calibrate_read(&set, words.text[0], &reading, &err);
    int32_t(*sizes)[2] = status == VG_OK ? calloc((size_t)set.cameras + 1, sizeof *sizes) : NULL;
    if (status == VG_OK && !sizes) status = vg_fail(&err, VG_NO_MEMORY, "no memory for the picture sizes");
    if (status == VG_OK && pictures) status = read_picture_sizes(sizes, pictures, &set, &err);
    if (status == VG_OK && sizes_text) status = calibrate_sizes(sizes, "sizes", sizes_text, set.cameras, &err);
    for (int32_t i = 0; status == VG_OK && i < set.cameras; i++) { /* what the file leaves open the user has said */
        vg_camera *c = &set.camera[i].camera;
        if (!c->width) c->width = sizes[i][0], c->height = sizes[i][1];
    }
    int32_t findings = 0;
    if (status == VG_OK)
        findings = vg_calibration_describe(stdout, words.text[0], &set, (const int32_t(*)[2])sizes, json);
    if (findings < 0) status = vg_fail(&err, VG_NO_MEMORY, "no memory to describe the cameras");
    free(sizes);
    vg_camera_set_free(&set);
    if (status != VG_OK) return vg_report_error(status, &err);
    return findings ? VG_EXIT_PROBLEMS : VG_EXIT_OK;
}

int calibrate_convert(int argc, char **argv) {
    calibrate_reading reading = {0};
    const char *out = NULL, *to = NULL;
    bool json = false;
    const vg_option options[] = {
        {"out", VG_OPTION_TEXT, &out, 0, 0, "PATH",
         "what to write: .toml Pose2Sim, .qca.txt Qualisys, .json Panoptic, .yml .xml OpenCV"},
        {"to", VG_OPTION_TEXT, &to, 0, 0, "NAME", "the format to write; easymocap and colmap make PATH a folder"},
        CALIBRATE_READING_OPTIONS(reading),
        {"json", VG_OPTION_FLAG, &json, 0, 0, "", "print JSON"},
        {0}};
    const vg_usage usage = {"vergence calibrate convert FILE|FOLDER --out PATH [OPTIONS]",
                            "Writes a calibration in another format.", options, 1};
    vg_texts words;
    int code;
    if (!vg_options_begin(&usage, argc, argv, &words, &code)) return code;
    vg_error err = {0};
    vg_camera_set set = {0};
    vg_calibration_format format;
    vg_status status = calibrate_format(&format, "to", to, &err);
    if (status == VG_OK && !words.count)
        status = vg_fail(&err, VG_INVALID, "FILE is missing: name the calibration to convert");
    if (status == VG_OK && !out) status = vg_fail(&err, VG_INVALID, "--out is missing: name what to write");
    if (status == VG_OK) status = calibrate_read(&set, words.text[0], &reading, &err);
    if (status == VG_OK) status = vg_calibration_write(out, &set, format, &err);
    if (status == VG_OK && json)
        vg_json_print(json_pack("{s:s,s:s,s:i}", "out", out, "read_as",
                                vg_calibration_format_name((vg_calibration_format)set.format), "cameras", set.cameras));
    else if (status == VG_OK)
        printf("%s: %d camera%s, read as %s\n", out, set.cameras, set.cameras == 1 ? "" : "s",
               vg_calibration_format_name((vg_calibration_format)set.format));
    vg_camera_set_free(&set);
    return status == VG_OK ? VG_EXIT_OK : vg_report_error(status, &err);
}
