/* Rules of the house that can be read off the source: who includes whom, one door a folder, no process-wide state by
 * accident, nothing left to do. */
#include "tests/support/support.h"

#include "common/text.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Lowest first: a file includes from its own folder and from those before it. */
static const char *const house[] = {"common",     "calibration", "proto",  "perception",
                                    "sim_bridge", "agents",      "daemon", "cli"};
enum { FOLDERS = sizeof house / sizeof house[0] };

static int level_of(const char *path) {
    for (int i = 0; i < FOLDERS; i++) {
        const size_t n = strlen(house[i]);
        if (strncmp(path, house[i], n) == 0 && path[n] == '/') return i;
    }
    return -1;
}

typedef void (*check)(const char *path, const char *text, size_t size);

static bool ends(const char *name, const char *tail) {
    const size_t n = strlen(name), m = strlen(tail);
    return n >= m && strcmp(name + n - m, tail) == 0;
}

/* Calls `visit` with every source file below a folder; returns how many. */
static int walk(const char *folder, check visit) {
    struct dirent **entries;
    const int count = scandir(folder, &entries, NULL, alphasort);
    if (count < 0) fail_msg("cannot read %s; tests run from the source folder", folder);
    int files = 0;
    for (int i = 0; i < count; i++) {
        char path[512];
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && stat(path, &st) == 0) {
            if (S_ISDIR(st.st_mode)) {
                files += walk(path, visit);
            } else if (ends(path, ".c") || ends(path, ".h") || ends(path, ".cpp")) {
                vg_error err = {0};
                char *text;
                size_t size;
                assert_ok(vg_file_load(&text, &size, path, &err));
                visit(path, text, size);
                free(text);
                files++;
            }
        }
        free(entries[i]);
    }
    free(entries);
    return files;
}

static void check_includes(const char *path, const char *text, size_t size) {
    const int own = level_of(path);
    vg_lines lines = vg_lines_of(text, size);
    vg_span line;
    while (vg_lines_next(&lines, &line)) {
        if (!vg_span_starts(line, "#include \"")) continue;
        vg_span rest = line;
        vg_span_field(&rest, '"');
        char name[256];
        vg_span_copy(name, sizeof name, vg_span_field(&rest, '"'));
        const int level = level_of(name);
        const bool bench_of_cli = strcmp(path, "cli/bench.c") == 0 && strcmp(name, "bench/bench.h") == 0;
        if (level < 0 && !bench_of_cli)
            fail_msg("%s:%d: includes \"%s\"; name it by its folder, one of the house's", path, lines.number, name);
        if (level > own)
            fail_msg("%s:%d: includes \"%s\", which is above it; a folder uses itself and those below it", path,
                     lines.number, name);
    }
}

static void no_folder_includes_from_one_above_it(void **state) {
    (void)state;
    int files = 0;
    for (int i = 0; i < FOLDERS; i++) files += walk(house[i], check_includes);
    assert_true(files > 30);
}

/* Types of generated and foreign code stay in the folders that wrap them. */
static void check_foreign(const char *path, const char *text, size_t size) {
    (void)size;
    static const struct {
        const char *header, *home;
    } foreign[] = {{"vergence.pb-c.h", "proto/"}, {"<opencv2/", "calibration/"}, {"<mavlink", "sim_bridge/rig/"}};
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        if (strstr(text, foreign[i].header) && strncmp(path, foreign[i].home, strlen(foreign[i].home)) != 0)
            fail_msg("%s: includes %s, which belongs into %s", path, foreign[i].header, foreign[i].home);
}

static void foreign_types_stay_at_home(void **state) {
    (void)state;
    for (int i = 0; i < FOLDERS; i++) walk(house[i], check_foreign);
}

/* Threads are started in daemon/ and in agents/; nowhere else. libzmq's heartbeats can abort the process. */
static void check_words(const char *path, const char *text, size_t size) {
    (void)size;
    static const char marker[] = {'T', 'O', 'D', 'O', '\0'};
    if (strstr(text, marker)) fail_msg("%s: holds a %s", path, marker);
    if (strstr(text, "pthread_create(") && strncmp(path, "daemon/", 7) != 0 && strncmp(path, "agents/", 7) != 0)
        fail_msg("%s: starts a thread; only daemon/ and agents/ do", path);
    if (strstr(text, ", ZMQ_HEARTBEAT")) fail_msg("%s: sets a heartbeat of libzmq", path);
}

static void threads_and_heartbeats_stay_out(void **state) {
    (void)state;
    for (int i = 0; i < FOLDERS; i++) walk(house[i], check_words);
}

static int lines_of(const char *text, size_t size) {
    int lines = 0;
    for (size_t i = 0; i < size; i++) lines += text[i] == '\n';
    return lines;
}

static void check_length(const char *path, const char *text, size_t size) {
    if (lines_of(text, size) > 900) fail_msg("%s has %d lines; split it", path, lines_of(text, size));
    if (strncmp(text, "/*", 2) != 0) fail_msg("%s does not begin with what it is", path);
}

static void files_are_short_and_say_what_they_are(void **state) {
    (void)state;
    for (int i = 0; i < FOLDERS; i++) walk(house[i], check_length);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_folder_includes_from_one_above_it),
        cmocka_unit_test(foreign_types_stay_at_home),
        cmocka_unit_test(threads_and_heartbeats_stay_out),
        cmocka_unit_test(files_are_short_and_say_what_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
