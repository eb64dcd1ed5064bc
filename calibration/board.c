/* Boards: descriptions, and the search for their corners through pictures and videos. */
#include "calibration/board.h"

#include "calibration/cv_wrap.h"
#include "calibration/files_tree.h"
#include "calibration/video.h"
#include "common/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LOOKED_AT 300 /* pictures of a video, about */

/* In the order of OpenCV's numbers. */
static const char *const dictionaries[] = {
    "4X4_50",   "4X4_100",  "4X4_250",        "4X4_1000",      "5X5_50",        "5X5_100",        "5X5_250",
    "5X5_1000", "6X6_50",   "6X6_100",        "6X6_250",       "6X6_1000",      "7X7_50",         "7X7_100",
    "7X7_250",  "7X7_1000", "ARUCO_ORIGINAL", "APRILTAG_16h5", "APRILTAG_25h9", "APRILTAG_36h10", "APRILTAG_36h11"};

vg_status vg_board_dictionary(int32_t *out, const char *name, vg_error *err) {
    const char *bare = strncasecmp(name, "DICT_", 5) == 0 ? name + 5 : name;
    for (size_t i = 0; i < sizeof dictionaries / sizeof dictionaries[0]; i++)
        if (strcasecmp(bare, dictionaries[i]) == 0) {
            *out = (int32_t)i;
            return VG_OK;
        }
    return vg_fail(err, VG_INVALID,
                   "dictionary `%.40s` is unknown; write 4X4_50 (100, 250, 1000), 5X5_50 .., 6X6_50 .., 7X7_50 .., "
                   "ARUCO_ORIGINAL or APRILTAG_36h11",
                   name);
}

static vg_status read_described(vg_board *out, const json_t *tree, const tree_at *at) {
    double columns, rows, scale, square;
    VG_TRY(tree_member(&columns, tree, "columns", 0, at));
    VG_TRY(tree_member(&rows, tree, "rows", 0, at));
    VG_TRY(tree_member(&scale, tree, "aruco_scale", 0.75, at));
    VG_TRY(tree_member(&square, tree, "square_size_override_cm", 0, at));
    const char *dictionary = json_string_value(json_object_get(tree, "dictionary"));
    *out = (vg_board){.kind = VG_BOARD_CHARUCO,
                      .columns = columns >= 0 && columns < 1000 ? (int32_t)columns : 0,
                      .rows = rows >= 0 && rows < 1000 ? (int32_t)rows : 0,
                      .square = square / 100,
                      .marker = scale * square / 100,
                      .inverted = json_is_true(json_object_get(tree, "inverted"))};
    if (!dictionary || columns == 0 || rows == 0 || square == 0)
        return vg_fail(at->err, VG_INVALID,
                       "%s: columns, rows, dictionary or square_size_override_cm is absent; not a board's description",
                       at->name);
    vg_status status = vg_board_dictionary(&out->dictionary, dictionary, at->err);
    if (status == VG_OK) status = vg_board_check(out, at->err);
    return status == VG_OK ? status : vg_fail_context(at->err, status, "%s", at->name);
}

vg_status vg_board_read(vg_board *out, const char *path, vg_error *err) {
    char *text;
    size_t size;
    json_t *tree = NULL;
    const tree_at at = {path, "", err};
    VG_TRY(vg_text_load(&text, &size, path, err));
    vg_status status = tree_from_toml(&tree, path, text, size, err);
    if (status == VG_OK) status = read_described(out, tree, &at);
    json_decref(tree);
    free(text);
    return status;
}

vg_status vg_board_check(const vg_board *b, vg_error *err) {
    const int least = b->kind == VG_BOARD_CHARUCO ? 3 : 2;
    if (b->columns < least || b->rows < least || b->columns > VG_BOARD_SIDE_MAX || b->rows > VG_BOARD_SIDE_MAX)
        return vg_fail(err, VG_INVALID, "a board of %d x %d %s; each side must be from %d to %d", b->columns, b->rows,
                       least == 3 ? "squares" : "inner corners", least, VG_BOARD_SIDE_MAX);
    if (!(b->square >= 1e-4 && b->square <= 10))
        return vg_fail(err, VG_INVALID, "a board with squares of %g mm; give their side in mm, 0.1 to 10000",
                       1000 * b->square);
    if (b->kind == VG_BOARD_CHARUCO && !(b->marker > 0 && b->marker < b->square))
        return vg_fail(err, VG_INVALID, "markers of %g mm in squares of %g mm; a marker is smaller than its square",
                       1000 * b->marker, 1000 * b->square);
    return VG_OK;
}

int32_t vg_board_corners(const vg_board *b) {
    return b->kind == VG_BOARD_CHARUCO ? (b->columns - 1) * (b->rows - 1) : b->columns * b->rows;
}

void vg_board_corner(double x[3], const vg_board *b, int32_t corner) {
    const int32_t charuco = b->kind == VG_BOARD_CHARUCO, across = b->columns - charuco;
    x[0] = b->square * (corner % across + charuco);
    x[1] = b->square * (corner / across + charuco);
    x[2] = 0;
}

/* --- searching ----------------------------------------------------------------------------------------------------- */

/* Room for one picture and one board's corners. */
typedef struct finder {
    vg_board *board;
    const vg_board_search *search;
    vg_board_sightings *seen;
    vg_corners *out;
    uint8_t *pixels; /* [height, width, channels] */
    int32_t channels;
    double *uv;   /* [corners, 2] */
    int32_t *id;  /* [corners] */
    int32_t sure; /* boards found this way round since one was found the other way */
} finder;

static size_t stride_of(const finder *f) {
    return (size_t)f->seen->width * (size_t)f->channels;
}

static vg_status find_in(finder *f, int32_t *count, bool inverted, vg_error *err) {
    const vg_board *b = f->board;
    const vg_cv_picture picture = {f->seen->width, f->seen->height, f->channels, stride_of(f), inverted, f->pixels};
    if (b->kind == VG_BOARD_CHARUCO) {
        const vg_cv_charuco board = {b->columns, b->rows, b->square, b->marker, b->dictionary};
        return vg_cv_find_charuco(f->uv, f->id, count, &picture, &board, err);
    }
    bool found;
    VG_TRY(vg_cv_find_chessboard(f->uv, &found, &picture, b->columns, b->rows, err));
    *count = found ? vg_board_corners(b) : 0;
    for (int32_t i = 0; i < *count; i++) f->id[i] = i;
    return VG_OK;
}

enum { SURE = 4 };

/* The corners of the picture in f->pixels. Until some boards have been found the same way round, both ways are tried. */
static vg_status take_picture(finder *f, int64_t index, double time, vg_error *err) {
    int32_t count = 0;
    bool inverted = f->board->inverted;
    VG_TRY(find_in(f, &count, inverted, err));
    if (!count && f->sure < SURE) {
        inverted = !inverted;
        VG_TRY(find_in(f, &count, inverted, err));
    }
    f->seen->pictures++;
    if (!count) return VG_OK;
    f->seen->with_board++;
    f->sure = f->board->inverted == inverted ? f->sure + 1 : 1;
    f->board->inverted = inverted;
    for (int32_t i = 0; i < count; i++) {
        vg_corner c = {.sync = index, .frame = index, .time = time, .camera = f->search->camera, .point = f->id[i]};
        c.u = f->uv[2 * i], c.v = f->uv[2 * i + 1];
        vg_board_corner(c.board, f->board, c.point);
        VG_TRY(vg_corners_add(f->out, &c, err));
    }
    return VG_OK;
}

/* Room for pictures of this source's size; all pictures of a camera must have the same. */
static vg_status fit(finder *f, const vg_video *video, vg_error *err) {
    const vg_video_info *info = vg_video_about(video);
    if (f->pixels && (info->width != f->seen->width || info->height != f->seen->height))
        return vg_fail(err, VG_INVALID, "%s: is %d x %d, the pictures before it %d x %d; a camera has one size",
                       vg_video_name(video), info->width, info->height, f->seen->width, f->seen->height);
    if (f->pixels) return VG_OK;
    f->seen->width = info->width, f->seen->height = info->height;
    f->pixels = malloc(stride_of(f) * (size_t)info->height);
    return f->pixels ? VG_OK : vg_fail(err, VG_NO_MEMORY, "no memory for a picture");
}

/* Videos are looked at as OpenCV looks at them, by their colours: that makes the corners those of other software. */
static vg_status take_video(finder *f, const char *path, vg_error *err) {
    vg_video *video;
    f->channels = 3;
    VG_TRY(vg_video_open(&video, path, NULL, err));
    vg_status status = fit(f, video, err);
    const int64_t pictures = vg_video_about(video)->pictures;
    int64_t every = f->search->every;
    if (every < 1) every = pictures > 2 * LOOKED_AT ? pictures / LOOKED_AT : 1;
    bool got = true;
    for (int64_t i = 0; status == VG_OK && got; i++) {
        vg_picture picture;
        const bool look = i % every == 0;
        status = vg_video_read(video, look ? f->pixels : NULL, stride_of(f), &picture, &got, err);
        if (status == VG_OK && got && look)
            status = take_picture(f, picture.index, (double)picture.time_ns * 1e-9, err);
        if (f->search->progress && got) f->search->progress(f->search->context, i + 1, pictures);
    }
    vg_video_close(video);
    return status;
}

/* Pictures as their luminance, which is what a JPEG holds, and OpenCV reads. */
static vg_status take_file(finder *f, const char *path, int64_t index, vg_error *err) {
    vg_video *video;
    vg_picture picture;
    vg_video_options options = vg_video_options_default();
    bool got = false;
    options.pixels = VG_PIXELS_GRAY;
    f->channels = 1;
    VG_TRY(vg_video_open(&video, path, &options, err));
    vg_status status = fit(f, video, err);
    if (status == VG_OK) status = vg_video_read(video, f->pixels, stride_of(f), &picture, &got, err);
    if (status == VG_OK && got) status = take_picture(f, index, (double)NAN, err);
    vg_video_close(video);
    return status;
}

vg_status vg_board_find(vg_corners *out, vg_board_sightings *seen, vg_board *board, const vg_camera_footage *footage,
                        const vg_board_search *search, vg_error *err) {
    *seen = (vg_board_sightings){0};
    VG_TRY(vg_board_check(board, err));
    const size_t corners = (size_t)vg_board_corners(board);
    finder f = {.board = board, .search = search, .seen = seen, .out = out};
    f.uv = calloc(corners, 2 * sizeof *f.uv);
    f.id = calloc(corners, sizeof *f.id);
    vg_status status = f.uv && f.id ? VG_OK : vg_fail(err, VG_NO_MEMORY, "no memory for a board's corners");
    if (status == VG_OK && footage->video) status = take_video(&f, footage->file[0], err);
    for (size_t i = 0; status == VG_OK && !footage->video && i < footage->files; i++) {
        status = take_file(&f, footage->file[i], (int64_t)i, err);
        if (search->progress) search->progress(search->context, (int64_t)i + 1, (int64_t)footage->files);
    }
    free(f.pixels);
    free(f.uv);
    free(f.id);
    return status;
}
