/* Checkpoint files: what is written is read, and every other file is refused with a sentence that says why. */
#include "agents/checkpoint.h"
#include "common/text.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const float weights[1000] = {1.5f, -2, 3};
static const int64_t counters[3] = {7, 8, 9};

static const char *path_of(const char *name) {
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", vg_test_folder(), name);
    return path;
}

static const char *write_sample(const char *name) {
    vg_error err = {0};
    vg_checkpoint_writer w = {0};
    vg_checkpoint_add(&w, "network", weights, sizeof weights);
    vg_checkpoint_add(&w, "counters", counters, sizeof counters);
    vg_checkpoint_add(&w, "empty", NULL, 0);
    const char *path = path_of(name);
    assert_ok(vg_checkpoint_write(&w, path, &err));
    return path;
}

static void store(const char *path, const char *data, size_t size) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    fclose(f);
}

static void what_is_written_is_read(void **state) {
    (void)state;
    vg_error err = {0};
    const char *path = write_sample("good.vgc");
    vg_checkpoint *c;
    assert_ok(vg_checkpoint_open(&c, path, &err));
    const void *at;
    assert_ok(vg_checkpoint_get(c, "network", sizeof weights, &at, &err));
    assert_memory_equal(at, weights, sizeof weights);
    assert_int_equal((uintptr_t)at % 16, 0);
    assert_ok(vg_checkpoint_get(c, "counters", sizeof counters, &at, &err));
    assert_memory_equal(at, counters, sizeof counters);
    assert_int_equal((uintptr_t)at % 16, 0);
    assert_ok(vg_checkpoint_get(c, "empty", 0, &at, &err));
    assert_int_equal(vg_checkpoint_bytes(c, "network"), sizeof weights);
    assert_int_equal(vg_checkpoint_bytes(c, "moments"), 0);
    assert_error(vg_checkpoint_get(c, "moments", 4, &at, &err), VG_CORRUPT, "good.vgc: has no section `moments`");
    assert_error(vg_checkpoint_get(c, "network", 4004, &at, &err), VG_INVALID, "holds 4000 bytes, this run needs 4004");
    assert_null(at);
    vg_checkpoint_close(c);
    struct stat st;
    assert_int_not_equal(stat(path_of("good.vgc.part"), &st), 0);
}

static void every_flipped_bit_and_every_cut_is_noticed(void **state) {
    (void)state;
    vg_error err = {0};
    char *data;
    size_t size;
    assert_ok(vg_file_load(&data, &size, write_sample("bits.vgc"), &err));
    vg_checkpoint *c;
    vg_rng rng = vg_test_rng(1);
    for (int i = 0; i < 3000; i++) { /* the header and table bit by bit, then anywhere */
        const size_t bit = i < 1152 ? (size_t)i : vg_rng_below(&rng, (uint32_t)(8 * size));
        data[bit / 8] = (char)(data[bit / 8] ^ 1 << bit % 8);
        err.message[0] = '\0';
        assert_int_not_equal(vg_checkpoint_parse(&c, data, size, "bits.vgc", &err), VG_OK);
        assert_null(c);
        assert_non_null(strstr(err.message, "bits.vgc: "));
        data[bit / 8] = (char)(data[bit / 8] ^ 1 << bit % 8);
    }
    for (size_t cut = 0; cut < size; cut += cut < 200 ? 1 : 97)
        assert_int_equal(vg_checkpoint_parse(&c, data, cut, "cut.vgc", &err), VG_CORRUPT);
    assert_ok(vg_checkpoint_parse(&c, data, size, "whole.vgc", &err));
    vg_checkpoint_close(c);
    free(data);
}

static void errors_say_what_is_wrong(void **state) {
    (void)state;
    vg_error err = {0};
    vg_checkpoint *c;
    char *data;
    size_t size;
    assert_ok(vg_file_load(&data, &size, write_sample("file.vgc"), &err));
    const char *bad = path_of("bad.vgc");
    assert_error(vg_checkpoint_open(&c, path_of("absent.vgc"), &err), VG_NOT_FOUND, "absent.vgc: cannot be opened");
    bad = path_of("bad.vgc"), store(bad, "episode,reward\n1,2\n", 19);
    assert_error(vg_checkpoint_open(&c, bad, &err), VG_CORRUPT, "bad.vgc: is not a checkpoint");
    store(bad, data, size - 1);
    assert_error(vg_checkpoint_open(&c, bad, &err), VG_CORRUPT, "bad.vgc: is cut short");
    store(bad, data, 30);
    assert_error(vg_checkpoint_open(&c, bad, &err), VG_CORRUPT, "is cut short: 30 bytes");
    data[300] ^= 4;
    store(bad, data, size);
    assert_error(vg_checkpoint_open(&c, bad, &err), VG_CORRUPT, "checksum");
    data[8] = 9;
    store(bad, data, size);
    assert_error(vg_checkpoint_open(&c, bad, &err), VG_VERSION, "is of format version 9; this program reads version 1");
    free(data);
}

static void a_failed_write_leaves_the_old_file(void **state) {
    (void)state;
    vg_error err = {0};
    char folder[512], path[544];
    snprintf(folder, sizeof folder, "%s", path_of("locked"));
    mkdir(folder, 0755);
    snprintf(path, sizeof path, "%s/c.vgc", folder);
    vg_checkpoint_writer w = {0};
    vg_checkpoint_add(&w, "counters", counters, sizeof counters);
    assert_ok(vg_checkpoint_write(&w, path, &err));
    char part[560];
    snprintf(part, sizeof part, "%s.part", path);
    mkdir(part, 0755); /* the temporary name is taken */
    assert_error(vg_checkpoint_write(&w, path, &err), VG_IO, "c.vgc.part: cannot be created");
    rmdir(part);
    vg_checkpoint *c;
    assert_ok(vg_checkpoint_open(&c, path, &err));
    vg_checkpoint_close(c);
    assert_error(vg_checkpoint_write(&w, path_of("none/c.vgc"), &err), VG_IO, "none/c.vgc");
    if (access("/dev/full", W_OK) == 0) { /* a full disk: the part is a link to a device without room */
        assert_int_equal(symlink("/dev/full", part), 0);
        vg_checkpoint_writer big = {0};
        vg_checkpoint_add(&big, "network", weights, sizeof weights);
        assert_error(vg_checkpoint_write(&big, path, &err), VG_IO, "what was there before is untouched");
        assert_ok(vg_checkpoint_open(&c, path, &err));
        vg_checkpoint_close(c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(every_flipped_bit_and_every_cut_is_noticed),
        cmocka_unit_test(errors_say_what_is_wrong),
        cmocka_unit_test(a_failed_write_leaves_the_old_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
