/* What tests share. */
#include "tests/support/support.h"

#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void vg_test_assert_error(vg_status got, vg_status expected, const vg_error *err, const char *part, const char *text) {
    if (got != expected)
        fail_msg("%s: expected `%s`, got `%s` (%s)", text, vg_status_text(expected), vg_status_text(got), err->message);
    if (part && !strstr(err->message, part)) fail_msg("%s: the message `%s` lacks `%s`", text, err->message, part);
}

void vg_test_assert_close(double a, double b, double tolerance, const char *text, int line) {
    if (!(fabs(a - b) <= tolerance))
        fail_msg("line %d: %s: %.12g differs from %.12g by %.3g > %.3g", line, text, a, b, fabs(a - b), tolerance);
}

uint64_t vg_test_seed(void) {
    static uint64_t seed;
    if (!seed) {
        const char *text = getenv("VG_TEST_SEED");
        seed = text ? strtoull(text, NULL, 0) : 20260131;
        if (!seed) seed = 1;
        printf("property tests: VG_TEST_SEED=%llu\n", (unsigned long long)seed);
    }
    return seed;
}

vg_rng vg_test_rng(uint32_t stream) {
    return vg_rng_at(vg_test_seed(), stream, 0, VG_DRAW_TEST);
}

static char folder[4096];

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static void remove_folder(void) {
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *vg_test_folder(void) {
    if (!folder[0]) {
        const char *base = getenv("TMPDIR");
        snprintf(folder, sizeof folder, "%s/vergence-test-XXXXXX", base ? base : "/tmp");
        if (!mkdtemp(folder)) fail_msg("cannot make %s", folder);
        atexit(remove_folder);
    }
    return folder;
}

const char *vg_test_shared(const char *name) {
    static char paths[4][4096];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "../shared/data/%s", name);
    if (access(path, R_OK) == 0) return path;
    printf("skipping: %s is absent\n", path);
    return NULL;
}
