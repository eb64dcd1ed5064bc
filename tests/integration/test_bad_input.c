/* Files that are wrong, in every way that files are wrong, through the program as users call it: each reader says which
 * file it is, in one line, exits as documented, and leaves nothing half made behind. */
#include "common/text.h"
#include "tests/support/process.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static vg_test_output got;

/* ---- good files ------------------------------------------------------------------------------------------------------ */

static const char calib[] =
    "[cam_1]\nname = \"cam_1\"\nsize = [ 1000.0, 800.0]\nmatrix = [ [ 900.0, 0.0, 500.0], [ 0.0, 900.0, 400.0], [ 0.0, "
    "0.0, "
    "1.0]]\ndistortions = [ -0.05, 0.1, 0.0, 0.0]\nrotation = [ 1.5, 0.0, 0.0]\ntranslation = [ 0.0, 1.0, "
    "4.0]\nfisheye = "
    "false\n\n[cam_2]\nname = \"cam_2\"\nsize = [ 1000.0, 800.0]\nmatrix = [ [ 910.0, 0.0, 505.0], [ 0.0, 910.0, "
    "395.0], [ "
    "0.0, 0.0, 1.0]]\ndistortions = [ -0.05, 0.1, 0.0, 0.0]\nrotation = [ 1.2, -1.2, 1.2]\ntranslation = [ 0.0, 0.5, "
    "4.0]\nfisheye = false\n";

/* A kind of file: how a good one comes about, and a command that reads it. %s is the file; OUT is what may not be left. */
typedef struct kind {
    const char *file, *convert, *command;
} kind;

static const kind kinds[] = {
    {"Calib.toml", "pose2sim", "calibrate show %s"},
    {"calibration.toml", "anipose", "calibrate show %s"},
    {"camera_array.toml", "caliscope", "calibrate show %s"},
    {"rig.qca.txt", "qualisys", "calibrate convert %s --out OUT.toml"},
    {"stereo.yml", "opencv", "calibrate convert %s --out OUT.toml --to anipose"},
    {"stereo.xml", "opencv", "calibrate convert %s --out OUT.toml"},
    {"easymocap/intri.yml", "easymocap", "calibrate show %s"},
    {"easymocap/extri.yml", "easymocap", "calibrate show %s"},
    {"panoptic.json", "panoptic", "calibrate show %s"},
    {"human36m.json", "human36m", "calibrate show %s"},
    {"colmap/cameras.txt", "colmap", "calibrate show %s"},
    {"colmap/images.txt", "colmap", "calibrate show %s"},
    {"points.csv", NULL, "calibrate bundle --calibration GOOD --points %s --out OUT.toml"},
    {"xy.csv", NULL, "calibrate extrinsics --calibration GOOD --points %s --out OUT.toml"},
    {"corners.csv", NULL, "calibrate intrinsics --from %s --sizes 1000x800 --out OUT.toml"},
    {"tracks/cam_1.csv", NULL, "calibrate bundle --calibration GOOD --points FOLDER --out OUT.toml"},
    {"keypoints.csv", NULL, "triangulate --calibration GOOD --keypoints %s --fps 60 --out OUT.trc"},
    {"pose/cam_1/cam_1_000000000000_keypoints.json", NULL,
     "triangulate --calibration GOOD --keypoints FOLDER/.. --fps 60 --out OUT.trc"},
};

static void path_of(char out[4400], const char *name) {
    snprintf(out, 4400, "%s/%s", vg_test_folder(), name);
}

static void write_file(const char *path, const char *text, size_t size) {
    FILE *f = fopen(path, "wb");
    if (!f) fail_msg("%s cannot be written", path);
    assert_int_equal(fwrite(text, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

/* Lists of points, corners and keypoints: rows of four cameras' worth of numbers, true enough to be read. */
static void write_rows(const char *path, const char *header, const char *row, bool two_cameras) {
    FILE *f = fopen(path, "w");
    if (!f) fail_msg("%s cannot be written", path);
    fputs(header, f);
    for (int i = 0; i < 40; i++)
        for (int c = 1; c <= (two_cameras ? 2 : 1); c++)
            for (int p = 0; p < 6; p++) {
                char line[256];
                const double u = 300.5 + 31 * p + 3 * i, v = 200.25 + 17 * (p % 3) + 5 * (i % 7) + c;
                snprintf(line, sizeof line, row, i, c, p, u, v, 0.05 * (p % 3), 0.05 * (p / 3));
                fputs(line, f);
            }
    assert_int_equal(fclose(f), 0);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void make_lists(void) {
    char path[4400];
    path_of(path, "points.csv");
    write_rows(path, "frame,camera,point,u,v\n", "%d,cam_%d,%d,%.2f,%.2f\n", true);
    path_of(path, "xy.csv");
    static const char xy[] =
        "sync_index,cam_id,frame_index,frame_time,point_id,img_loc_x,img_loc_y,obj_loc_x,obj_loc_y\n";
    write_rows(path, xy, "%1$d,%2$d,%1$d,0.5,%3$d,%4$.2f,%5$.2f,%6$.2f,%7$.2f\n", true);
    path_of(path, "corners.csv");
    write_rows(path, xy, "%1$d,%2$d,%1$d,0.5,%3$d,%4$.2f,%5$.2f,%6$.2f,%7$.2f\n", false);
    path_of(path, "keypoints.csv");
    write_rows(path, "frame,camera,joint,x,y,confidence\n", "%1$d,cam_%2$d,%3$d,%4$.2f,%5$.2f,0.9\n", true);
}
#pragma GCC diagnostic pop

static void make_folders(void) {
    char path[4400];
    static const char wide[] =
        "scorer,n,n,n\nbodyparts,nose,nose,nose\ncoords,x,y,likelihood\n0,100.5,200.5,0.9\n1,101.5,201.5,0.9\n"
        "2,102.5,202.5,0.9\n3,103.5,203.5,0.9\n";
    path_of(path, "tracks"), mkdir(path, 0777);
    for (int c = 1; c <= 2; c++) {
        char name[64];
        snprintf(name, sizeof name, "tracks/cam_%d.csv", c);
        path_of(path, name);
        write_file(path, wide, strlen(wide));
    }
    path_of(path, "pose"), mkdir(path, 0777);
    for (int c = 1; c <= 2; c++) {
        char name[128], json[2000] = "{\"version\": 1.3, \"people\": [{\"person_id\": [-1], \"pose_keypoints_2d\": [";
        for (int j = 0; j < 25; j++)
            snprintf(json + strlen(json), sizeof json - strlen(json), "%s%d.5, %d.5, 0.9", j ? ", " : "", 300 + 9 * j,
                     200 + 11 * j);
        snprintf(json + strlen(json), sizeof json - strlen(json), "]}]}\n");
        snprintf(name, sizeof name, "pose/cam_%d", c), path_of(path, name), mkdir(path, 0777);
        snprintf(name, sizeof name, "pose/cam_%d/cam_%d_000000000000_keypoints.json", c, c), path_of(path, name);
        write_file(path, json, strlen(json));
    }
}

static int set_up(void **state) {
    (void)state;
    char good[4400], words[14000], target[4400];
    path_of(good, "good.toml");
    write_file(good, calib, strlen(calib));
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!kinds[i].convert) continue;
        path_of(target, kinds[i].file);
        char *slash = strrchr(target, '/');
        if (strchr(kinds[i].file, '/')) *slash = '\0';
        snprintf(words, sizeof words, "calibrate convert %s --out %s --to %s", good, target, kinds[i].convert);
        vg_test_run(&got, "vergence", words);
        if (got.code != 0) fail_msg("vergence %s: %s", words, got.err);
    }
    make_lists();
    make_folders();
    return 0;
}

/* ---- what is done to them ------------------------------------------------------------------------------------------------ */

typedef size_t (*damage)(char *out, const char *text, size_t size);

static size_t emptied(char *out, const char *text, size_t size) {
    (void)out, (void)text, (void)size;
    return 0;
}

/* In the middle of a list of numbers. */
static size_t cut_short(char *out, const char *text, size_t size) {
    size_t at = size / 2;
    while (at > size / 4 && text[at] != ',' && text[at] != ' ') at--;
    if (memchr(text, ',', size))
        for (at = size / 2; at > size / 4 && text[at] != ',';) at--;
    memcpy(out, text, at);
    return at;
}

static size_t garbage(char *out, const char *text, size_t size) {
    (void)text, (void)size;
    for (size_t i = 0; i < 3000; i++) out[i] = (char)((i * 7919 + 13) % 256);
    return 3000;
}

static size_t utf16(char *out, const char *text, size_t size) {
    size_t n = 0;
    out[n++] = (char)0xff, out[n++] = (char)0xfe;
    for (size_t i = 0; i < size; i++) out[n++] = text[i], out[n++] = '\0';
    return n;
}

/* Every number with a point is NaN. */
static size_t all_nan(char *out, const char *text, size_t size) {
    size_t n = 0;
    for (size_t i = 0; i < size;) {
        size_t to = i;
        while (to < size && ((text[to] >= '0' && text[to] <= '9') || text[to] == '.' || text[to] == '-')) to++;
        const bool number =
            to > i && memchr(text + i, '.', to - i) && text[to - 1] != '.' && strncmp(text + i, "1.0", 3) != 0;
        if (number)
            memcpy(out + n, "nan", 3), n += 3;
        else
            memcpy(out + n, text + i, to > i ? to - i : 1), n += to > i ? to - i : 1;
        i = to > i ? to : i + 1;
    }
    return n;
}

static const struct {
    const char *name;
    damage apply;
} damages[] = {
    {"empty", emptied}, {"cut short", cut_short}, {"garbage", garbage}, {"UTF-16", utf16}, {"all NaN", all_nan}};

/* Replaces `word` in `text` [room]. */
static void replace(char *text, size_t room, const char *word, const char *by) {
    char *at = strstr(text, word);
    if (!at) return;
    char rest[9000];
    snprintf(rest, sizeof rest, "%s", at + strlen(word));
    snprintf(at, room - (size_t)(at - text), "%s%s", by, rest);
}

static void command_of(char *words, size_t room, const kind *k, const char *file) {
    char good[4400], out[4400], folder[4400];
    path_of(good, "good.toml"), path_of(out, "made");
    snprintf(folder, sizeof folder, "%s", file);
    *strrchr(folder, '/') = '\0';
    snprintf(words, room, "%s", k->command);
    replace(words, room, "%s", file), replace(words, room, "GOOD", good);
    replace(words, room, "OUT", out), replace(words, room, "FOLDER", folder);
}

/* Whether the command left something it made, or half of it. */
static bool left_something(char *name, size_t room) {
    DIR *d = opendir(vg_test_folder());
    bool found = false;
    for (struct dirent *e; d && (e = readdir(d));)
        if (strncmp(e->d_name, "made", 4) == 0 || strstr(e->d_name, ".part"))
            found = true, snprintf(name, room, "%s", e->d_name);
    closedir(d);
    return found;
}

static void expect_refusal(const kind *k, const char *how, const char *file) {
    char words[14000], left[300] = "";
    const char *base = strrchr(k->file, '/') ? strrchr(k->file, '/') + 1 : k->file;
    command_of(words, sizeof words, k, file);
    vg_test_run(&got, "vergence", words);
    const char *said = strstr(got.err, "vergence: ");
    /* of a folder without anything in one of its files, the cameras are told */
    const bool documented = got.code == 1 || got.code == 2 || got.code == 5;
    if (!documented || !said || !(strstr(said, base) || (strstr(k->command, "FOLDER") && strstr(said, "camera"))) ||
        strchr(said, '\n') != said + strlen(said) - 1)
        fail_msg("%s, %s: exit %d, `%s`", k->file, how, got.code, got.err);
    if (left_something(left, sizeof left)) fail_msg("%s, %s: %s was left behind", k->file, how, left);
}

static void wrong_files_are_refused_by_name(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char file[4400], *text;
        size_t size;
        vg_error err = {0};
        path_of(file, kinds[i].file);
        assert_ok(vg_file_load(&text, &size, file, &err));
        char *damaged = malloc(2 * size + 4000);
        for (size_t d = 0; d < sizeof damages / sizeof damages[0]; d++) {
            write_file(file, damaged, damages[d].apply(damaged, text, size));
            expect_refusal(&kinds[i], damages[d].name, file);
        }
        unlink(file), mkdir(file, 0777);
        if (!strstr(kinds[i].command, "FOLDER") && !strchr(kinds[i].file, '/'))
            expect_refusal(&kinds[i], "a folder", file);
        rmdir(file);
        write_file(file, text, size);
        free(damaged), free(text);
    }
}

/* What editors and other systems make of a file is no reason to refuse it. */
static void byte_order_marks_and_line_ends_do_not_matter(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char file[4400], words[14000], *text;
        size_t size, n = 3;
        vg_error err = {0};
        if (!kinds[i].convert) continue;
        path_of(file, kinds[i].file);
        assert_ok(vg_file_load(&text, &size, file, &err));
        char *other = malloc(2 * size + 8);
        memcpy(other, "\xef\xbb\xbf", 3);
        for (size_t k = 0; k < size; k++) {
            if (text[k] == '\n') other[n++] = '\r';
            other[n++] = text[k];
        }
        write_file(file, other, n);
        command_of(words, sizeof words, &kinds[i], file);
        vg_test_run(&got, "vergence", words);
        if (got.code != 0 && got.code != 6)
            fail_msg("%s with CR LF and a mark: exit %d, %s", kinds[i].file, got.code, got.err);
        write_file(file, text, size);
        free(other), free(text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_files_are_refused_by_name),
        cmocka_unit_test(byte_order_marks_and_line_ends_do_not_matter),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
