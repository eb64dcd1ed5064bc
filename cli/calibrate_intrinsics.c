/* vergence calibrate intrinsics: lenses from what cameras recorded of a board, each with a report on where to trust it. */
#include "cli/calibrate.h"

#include "calibration/intrinsics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct words {
    calibrate_board_words board;
    const char *lens, *from, *sizes, *save, *out, *to;
    int32_t coefficients, pictures, every;
    bool json;
} words;

/* One camera's way through the command. */
typedef struct camera_run {
    char name[VG_CAMERA_NAME];
    vg_board_sightings seen;
    vg_intrinsics_report report;
    vg_status status;
    vg_error err; /* where it has no result */
} camera_run;

typedef struct run {
    const words *w;
    vg_board board;
    vg_intrinsics_options options;
    vg_corners corners;
    camera_run *camera; /* [cameras] */
    int32_t *number;    /* [cameras] in the corners */
    vg_camera_set set;
    int32_t cameras;
} run;

/* --- corners ------------------------------------------------------------------------------------------------------- */

typedef struct progress {
    const char *name;
    int64_t shown;
} progress;

static void show_progress(void *context, int64_t done, int64_t pictures) {
    progress *p = context;
    if (done != pictures && done - p->shown < 25) return;
    p->shown = done;
    fprintf(stderr, "\r%s: picture %lld", p->name, (long long)done);
    if (pictures > 0) fprintf(stderr, " of %lld", (long long)pictures);
    fputs("  ", stderr);
}

static vg_status make_room(run *r, int32_t cameras, vg_error *err) {
    r->cameras = cameras;
    r->camera = calloc((size_t)cameras, sizeof *r->camera);
    r->number = calloc((size_t)cameras, sizeof *r->number);
    if (!r->camera || !r->number) return vg_fail(err, VG_NO_MEMORY, "no memory for %d cameras", cameras);
    return vg_camera_set_create(&r->set, cameras, err);
}

/* The last number in a name, -1 where it has none. */
static int32_t number_in(const char *name) {
    size_t to = strlen(name);
    while (to && !(name[to - 1] >= '0' && name[to - 1] <= '9')) to--;
    size_t from = to;
    while (from && name[from - 1] >= '0' && name[from - 1] <= '9') from--;
    return to > from && to - from < 9 ? (int32_t)strtol(name + from, NULL, 10) : -1;
}

/* Cameras go into the corner list by the numbers in their names, which is how those who read it find them again; by their
 * order where names have no numbers, or the same. */
static void number_cameras(run *r) {
    bool distinct = true;
    for (int32_t i = 0; i < r->cameras; i++) {
        r->number[i] = number_in(r->camera[i].name);
        distinct = distinct && r->number[i] >= 0;
        for (int32_t k = 0; k < i; k++) distinct = distinct && r->number[k] != r->number[i];
    }
    for (int32_t i = 0; !distinct && i < r->cameras; i++) r->number[i] = i;
}

static vg_status find_corners(run *r, const vg_footage *footage, vg_error *err) {
    VG_TRY(make_room(r, footage->cameras, err));
    for (int32_t i = 0; i < footage->cameras; i++)
        snprintf(r->camera[i].name, VG_CAMERA_NAME, "%s", footage->camera[i].name);
    number_cameras(r);
    for (int32_t i = 0; i < footage->cameras; i++) {
        camera_run *c = &r->camera[i];
        progress p = {footage->camera[i].name, 0};
        const bool terminal = isatty(STDERR_FILENO);
        const vg_board_search search = {r->number[i], r->w->every, terminal ? show_progress : NULL, &p};
        VG_TRY(vg_board_find(&r->corners, &c->seen, &r->board, &footage->camera[i], &search, err));
        fprintf(stderr, "%s%s: %d of %d pictures show the board%s\n", terminal ? "\r" : "", c->name, c->seen.with_board,
                c->seen.pictures, r->board.inverted ? " (inverted)" : "");
    }
    return r->w->save ? vg_corners_write(r->w->save, &r->corners, err) : VG_OK;
}

/* The camera numbers of a corner list, ascending. */
static vg_status list_cameras(run *r, vg_error *err) {
    int32_t numbers[VG_FOOTAGE_CAMERAS_MAX], n = 0;
    for (size_t i = 0; i < r->corners.count; i++) {
        const int32_t number = r->corners.corner[i].camera;
        int32_t at = 0;
        while (at < n && numbers[at] < number) at++;
        if (at < n && numbers[at] == number) continue;
        if (n == VG_FOOTAGE_CAMERAS_MAX)
            return vg_fail(err, VG_INVALID, "%s: more than %d cameras", r->w->from, VG_FOOTAGE_CAMERAS_MAX);
        memmove(numbers + at + 1, numbers + at, sizeof *numbers * (size_t)(n++ - at));
        numbers[at] = number;
    }
    if (!n) return vg_fail(err, VG_INVALID, "%s: holds no corner", r->w->from);
    VG_TRY(make_room(r, n, err));
    memcpy(r->number, numbers, sizeof *numbers * (size_t)n);
    return VG_OK;
}

static vg_status read_corners(run *r, vg_error *err) {
    if (!r->w->sizes)
        return vg_fail(err, VG_INVALID, "--sizes is missing: a corner list does not say how large the pictures were");
    VG_TRY(vg_corners_read(r->w->from, &r->corners, err));
    VG_TRY(list_cameras(r, err));
    int32_t sizes[VG_FOOTAGE_CAMERAS_MAX][2];
    VG_TRY(calibrate_sizes(sizes, "sizes", r->w->sizes, r->cameras, err));
    for (int32_t i = 0; i < r->cameras; i++) {
        vg_board_sightings *seen = &r->camera[i].seen;
        snprintf(r->camera[i].name, VG_CAMERA_NAME, "cam_%d", r->number[i]);
        seen->width = sizes[i][0], seen->height = sizes[i][1];
    }
    return VG_OK;
}

/* --- reports ------------------------------------------------------------------------------------------------------- */

enum { WARNINGS = 8 };

typedef struct warnings {
    char text[WARNINGS][200];
    int count;
} warnings;

static void warn(warnings *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void warn(warnings *w, const char *format, ...) {
    if (w->count == WARNINGS) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(w->text[w->count++], sizeof w->text[0], format, arguments);
    va_end(arguments);
}

static const char *ninth(const vg_intrinsics_report *r) {
    static const char *const names[3][3] = {{"upper left", "upper middle", "upper right"},
                                            {"middle left", "middle", "middle right"},
                                            {"lower left", "lower middle", "lower right"}};
    return names[r->bias_row][r->bias_column];
}

/* What a user should mend before trusting the lens. */
static warnings doubts(const camera_run *c) {
    const vg_intrinsics_report *r = &c->report;
    warnings w = {.count = 0};
    if (r->used < 6) warn(&w, "only %d boards; 15 or more make the result robust", r->used);
    if (r->rms_px > 1) warn(&w, "the error is large: is the board flat, the picture sharp, the square's side right?");
    if (r->held_out_px > 1.5 * r->rms_px + 0.1)
        warn(&w,
             "%.2f px on pictures that took no part, %.2f on those that did: the lens fits its pictures, not the "
             "camera; take more pictures or fewer coefficients",
             r->held_out_px, r->rms_px);
    if (r->coverage < 0.5)
        warn(&w, "boards covered %.0f %% of the picture; distortion is a guess in the rest", 100 * r->coverage);
    else if (r->reach < 0.75)
        warn(&w, "boards reached %.0f %% of the way to the corners; distortion is a guess beyond", 100 * r->reach);
    if (r->bias > 0.3 && r->bias > 0.5 * r->rms_px)
        warn(&w, "projections are off by %.2f px in the %s on average: the lens has more distortion than the model",
             r->bias, ninth(r));
    if (!(r->deviation[0] < 0.01 * r->parameter[0]))
        warn(&w, "the focal length is known to %.1f %% only; slant the board more, and bring it nearer",
             100 * r->deviation[0] / r->parameter[0]);
    if (r->square_mean < 0.98 * r->square || r->square_mean > 1.02 * r->square)
        warn(&w, "squares measure %.2f mm where %.2f were given", 1000 * r->square_mean, 1000 * r->square);
    return w;
}

static void print_parameters(const run *r, const camera_run *c) {
    static const char *const names[2][8] = {{"k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6"}, {"k1", "k2", "k3", "k4"}};
    const double *p = c->report.parameter, *s = c->report.deviation;
    printf("  focal length  %.2f x %.2f px (standard deviation %.2f, %.2f)\n", p[0], p[1], s[0], s[1]);
    printf("  centre        (%.2f, %.2f) px (%.2f, %.2f)\n", p[2], p[3], s[2], s[3]);
    for (int k = 0; k < r->options.coefficients; k++)
        printf("%s%s %.5f (%.5f)", k ? ", " : "  distortion    ", names[r->options.lens][k], p[4 + k], s[4 + k]);
    if (r->options.coefficients) putchar('\n');
}

static void print_camera(const run *r, const camera_run *c) {
    const vg_intrinsics_report *report = &c->report;
    printf("%s (%d x %d px)\n", c->name, c->seen.width, c->seen.height);
    if (c->status != VG_OK) {
        printf("  no result: %s\n\n", c->err.message);
        return;
    }
    print_parameters(r, c);
    printf("  error         %.3f px rms over %d corners of %d boards", report->rms_px, report->corners, report->used);
    if (report->left_out) printf("; %d boards left out, they do not fit", report->left_out);
    if (isfinite(report->held_out_px))
        printf(
            "\n  check         %.3f px on boards that took no part; their squares measure %.2f mm (standard deviation "
            "%.2f), %.2f given",
            report->held_out_px, 1000 * report->square_mean, 1000 * report->square_sd, 1000 * report->square);
    printf("\n  coverage      %.0f %% of the picture, %.0f %% of the way to its corners\n", 100 * report->coverage,
           100 * report->reach);
    printf("  bias          at most %.3f px, %s\n", report->bias, ninth(report));
    const warnings w = doubts(c);
    for (int i = 0; i < w.count; i++) printf("  warning: %s\n", w.text[i]);
    putchar('\n');
}

static json_t *numbers(const double *v, int n) {
    json_t *list = json_array();
    for (int i = 0; i < n; i++) json_array_append_new(list, vg_json_number(v[i]));
    return list;
}

static json_t *camera_json(const run *r, const camera_run *c) {
    const vg_intrinsics_report *report = &c->report;
    json_t *o = json_object();
    json_object_set_new(o, "name", json_string(c->name));
    json_object_set_new(o, "size_px", json_pack("[i,i]", c->seen.width, c->seen.height));
    json_object_set_new(o, "pictures", json_integer(c->seen.pictures));
    json_object_set_new(o, "with_board", json_integer(c->seen.with_board));
    if (c->status != VG_OK) {
        json_object_set_new(o, "error", json_string(c->err.message));
        return o;
    }
    const int k = r->options.coefficients;
    json_object_set_new(o, "lens", json_string(r->options.lens == VG_LENS_FISHEYE ? "fisheye" : "brown-conrady"));
    json_object_set_new(o, "focal_px", numbers(report->parameter, 2));
    json_object_set_new(o, "focal_deviation_px", numbers(report->deviation, 2));
    json_object_set_new(o, "centre_px", numbers(report->parameter + 2, 2));
    json_object_set_new(o, "centre_deviation_px", numbers(report->deviation + 2, 2));
    json_object_set_new(o, "distortion", numbers(report->parameter + 4, k));
    json_object_set_new(o, "distortion_deviation", numbers(report->deviation + 4, k));
    json_object_set_new(o, "rms_px", vg_json_number(report->rms_px));
    json_object_set_new(o, "boards", json_integer(report->boards));
    json_object_set_new(o, "boards_used", json_integer(report->used));
    json_object_set_new(o, "boards_left_out", json_integer(report->left_out));
    json_object_set_new(o, "corners", json_integer(report->corners));
    json_object_set_new(o, "held_out_px", vg_json_number(report->held_out_px));
    json_object_set_new(o, "square_mm", vg_json_number(1000 * report->square));
    json_object_set_new(o, "square_measured_mm", vg_json_number(1000 * report->square_mean));
    json_object_set_new(o, "square_deviation_mm", vg_json_number(1000 * report->square_sd));
    json_object_set_new(o, "coverage", vg_json_number(report->coverage));
    json_object_set_new(o, "reach", vg_json_number(report->reach));
    json_object_set_new(o, "bias_px", numbers(&report->bias_px[0][0][0], 18));
    json_t *list = json_array();
    const warnings w = doubts(c);
    for (int i = 0; i < w.count; i++) json_array_append_new(list, json_string(w.text[i]));
    json_object_set_new(o, "warnings", list);
    return o;
}

/* --- the command --------------------------------------------------------------------------------------------------- */

static vg_status read_options(run *r, const vg_texts *paths, vg_error *err) {
    const words *w = r->w;
    r->options = vg_intrinsics_options_default();
    const bool fisheye = w->lens && strcmp(w->lens, "fisheye") == 0;
    if (w->lens && !fisheye && strcmp(w->lens, "pinhole") != 0)
        return vg_fail(err, VG_INVALID, "--lens is `%.40s`; it must be pinhole or fisheye", w->lens);
    r->options.lens = fisheye ? VG_LENS_FISHEYE : VG_LENS_BROWN_CONRADY;
    if (w->coefficients >= 0) r->options.coefficients = w->coefficients;
    const int k = r->options.coefficients;
    if (fisheye ? k != 4 : k != 0 && k != 2 && k != 4 && k != 5 && k != 8)
        return vg_fail(err, VG_INVALID, "--coefficients is %d; it must be %s", k,
                       fisheye ? "4 for a fisheye" : "0, 2, 4, 5 or 8");
    if (w->pictures > 0) r->options.pictures = w->pictures;
    if (!w->from == !paths->count)
        return vg_fail(err, VG_INVALID, "%s",
                       w->from ? "give pictures or --from, not both"
                               : "name what the cameras recorded: folders, pictures or videos (or --from CORNERS)");
    return w->from ? VG_OK : calibrate_board(&r->board, &w->board, err);
}

/* Every camera; those without a result leave the set. VG_FAILED where none has one. */
static vg_status calibrate_all(run *r, vg_error *err) {
    int32_t n = 0;
    double sum = 0;
    for (int32_t i = 0; i < r->cameras; i++) {
        camera_run *c = &r->camera[i];
        vg_named_camera *out = &r->set.camera[n];
        out->camera.width = c->seen.width, out->camera.height = c->seen.height;
        c->status = vg_intrinsics_calibrate(&out->camera, &c->report, &r->corners, r->number[i], &r->options, &c->err);
        if (c->status != VG_OK) continue;
        snprintf(out->name, sizeof out->name, "%s", c->name);
        out->error_px = c->report.rms_px;
        sum += c->report.rms_px;
        n++;
    }
    r->set.cameras = n;
    if (!n) return vg_fail(err, VG_FAILED, "%s: %s", r->camera[0].name, r->camera[0].err.message);
    r->set.error_px = sum / n;
    return VG_OK;
}

static vg_status work(run *r, const vg_texts *paths, vg_error *err) {
    vg_calibration_format to;
    VG_TRY(read_options(r, paths, err));
    VG_TRY(calibrate_format(&to, "to", r->w->to, err));
    if (r->w->from) {
        VG_TRY(read_corners(r, err));
    } else {
        vg_footage footage;
        VG_TRY(vg_footage_find(&footage, paths->text, paths->count, err));
        const vg_status status = find_corners(r, &footage, err);
        vg_footage_free(&footage);
        VG_TRY(status);
    }
    VG_TRY(calibrate_all(r, err));
    return r->w->out ? vg_calibration_write(r->w->out, &r->set, to, err) : VG_OK;
}

static void print_report(const run *r) {
    if (r->w->json) {
        json_t *list = json_array();
        for (int32_t i = 0; i < r->cameras; i++) json_array_append_new(list, camera_json(r, &r->camera[i]));
        vg_json_print(
            json_pack("{s:s?,s:b,s:o}", "out", r->w->out, "inverted", (int)r->board.inverted, "cameras", list));
        return;
    }
    for (int32_t i = 0; i < r->cameras; i++) print_camera(r, &r->camera[i]);
    if (r->w->out)
        printf("written: %s\n", r->w->out);
    else
        printf("not written: give --out FILE.toml\n");
}

int calibrate_intrinsics(int argc, char **argv) {
    words w = {.coefficients = -1};
    const vg_option options[] = {
        CALIBRATE_BOARD_OPTIONS(w.board),
        {"lens", VG_OPTION_TEXT, &w.lens, 0, 0, "KIND", "pinhole or fisheye (pinhole)"},
        {"coefficients", VG_OPTION_INT, &w.coefficients, 0, 8, "N", "of distortion: 0, 2, 4, 5 (k3) or 8 (4)"},
        {"pictures", VG_OPTION_INT, &w.pictures, 3, 1000, "N", "most boards to use, chosen to differ most (60)"},
        {"every", VG_OPTION_INT, &w.every, 1, 1000000, "N", "of a video, look at each N-th picture (about 300)"},
        {"from", VG_OPTION_TEXT, &w.from, 0, 0, "FILE", "corners found before, as CSV, instead of pictures"},
        {"sizes", VG_OPTION_TEXT, &w.sizes, 0, 0, "WxH[,...]", "with --from: the pictures' size"},
        {"save-corners", VG_OPTION_TEXT, &w.save, 0, 0, "FILE", "keep the corners found, as CSV"},
        {"out", VG_OPTION_TEXT, &w.out, 0, 0, "FILE", "the calibration to write; .toml is Pose2Sim's"},
        {"to", VG_OPTION_TEXT, &w.to, 0, 0, "NAME", "its format, where the name's ending does not say it"},
        {"json", VG_OPTION_FLAG, &w.json, 0, 0, "", "print JSON"},
        {0}};
    const vg_usage usage = {
        "vergence calibrate intrinsics PICTURES|VIDEO|FOLDER... --chessboard CxR --square MM --out FILE",
        "Calibrates the lens of each camera from pictures of a board. Pictures of one folder are one "
        "camera, each video is one.",
        options, VG_TEXTS_MAX};
    vg_texts paths;
    int code;
    if (!vg_options_begin(&usage, argc, argv, &paths, &code)) return code;
    vg_error err = {0};
    run r = {.w = &w};
    const vg_status status = work(&r, &paths, &err);
    if (status == VG_OK) print_report(&r);
    vg_corners_free(&r.corners);
    vg_camera_set_free(&r.set);
    free(r.camera);
    free(r.number);
    return status == VG_OK ? VG_EXIT_OK : vg_report_error(status, &err);
}
