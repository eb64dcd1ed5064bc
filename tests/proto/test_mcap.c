/* Recordings: what is written reads back, in our reader and in the format's own library; whatever is cut off or damaged is
 * noticed, and what stands before it is still there. */
#include "common/text.h"
#include "proto/mcap.h"
#include "tests/support/support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const vg_mcap_pair told[] = {{"joint_set", "vergence14"}, {"cameras", "left\nright\n"}};
static const vg_mcap_channel channels[] = {{"/frame", "vergence.Frame", told, 2},
                                           {"/skeletons", "vergence.Skeletons", NULL, 0}};

static const char *path_of(const char *name) {
    static char paths[4][4200];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", vg_test_folder(), name);
    return path;
}

/* Message k: its size and bytes follow from k. */
static size_t message(unsigned char *out, size_t room, int k) {
    vg_rng rng = vg_rng_at(7, 0, (uint32_t)k, VG_DRAW_TEST);
    const size_t n = vg_rng_below(&rng, (uint32_t)room);
    for (size_t i = 0; i < n; i++) out[i] = (unsigned char)(i % 7 ? (size_t)k : vg_rng_u32(&rng));
    return n;
}

enum { MESSAGES = 200, ROOM = 3000 };

static void write_file(const char *path, bool finish) {
    vg_error err = {0};
    vg_mcap_writer *w;
    unsigned char data[ROOM];
    unlink(path);
    assert_ok(vg_mcap_create(&w, path, channels, 2, 20000, &err));
    for (int k = 0; k < MESSAGES; k++)
        assert_ok(vg_mcap_add(w, (size_t)k % 2, 1700000000000000000 + k * 1000, data, message(data, ROOM, k), &err));
    if (finish) {
        assert_ok(vg_mcap_finish(w, &err));
        return;
    }
    assert_ok(vg_mcap_flush(w, true, &err));
    struct rlimit old, none;
    getrlimit(RLIMIT_FSIZE, &old);
    none = old, none.rlim_cur = (rlim_t)vg_mcap_bytes(w); /* the summary finds no room: as if the program had died */
    setrlimit(RLIMIT_FSIZE, &none);
    assert_error(vg_mcap_finish(w, &err), VG_IO, "recording stopped");
    setrlimit(RLIMIT_FSIZE, &old);
}

/* Reads messages until the end, checks each, returns how many. */
static int read_all(vg_mcap_reader *r, vg_status *end, vg_error *err) {
    unsigned char data[ROOM];
    vg_mcap_message m;
    int k = 0;
    while ((*end = vg_mcap_next(r, &m, err)) == VG_OK) {
        const size_t n = message(data, ROOM, k);
        assert_int_equal(m.size, n);
        assert_memory_equal(m.data, data, n);
        assert_string_equal(m.topic, k % 2 ? "/skeletons" : "/frame");
        assert_string_equal(m.schema, k % 2 ? "vergence.Skeletons" : "vergence.Frame");
        assert_true(m.time_ns == 1700000000000000000 + k * 1000);
        k++;
    }
    return k;
}

static void what_is_written_reads_back(void **state) {
    (void)state;
    vg_error err = {0};
    vg_mcap_reader *r;
    vg_status end;
    write_file(path_of("a.mcap"), true);
    assert_ok(vg_mcap_open(&r, path_of("a.mcap"), &err));
    assert_int_equal(read_all(r, &end, &err), MESSAGES);
    assert_int_equal(end, VG_ENDED);
    assert_false(vg_mcap_cut(r));
    assert_close(vg_mcap_position(r), 1, 0);
    assert_string_equal(vg_mcap_told(r, "/frame", "cameras"), "left\nright\n");
    assert_null(vg_mcap_told(r, "/skeletons", "cameras"));
    vg_mcap_close(r);
    vg_mcap_writer *w;
    assert_error(vg_mcap_create(&w, path_of("a.mcap"), channels, 2, 1, &err), VG_REFUSED, "File exists");
}

static void a_file_cut_anywhere_reads_to_its_last_whole_chunk(void **state) {
    (void)state;
    vg_error err = {0};
    char *data;
    size_t size;
    write_file(path_of("whole.mcap"), false);
    assert_ok(vg_file_load(&data, &size, path_of("whole.mcap"), &err));
    int last = 0;
    for (size_t cut = 8; cut <= size; cut += cut < 6000 ? 7 : 331) {
        char *part = malloc(cut); /* its own block, so that reading beyond it shows */
        memcpy(part, data, cut);
        vg_mcap_reader *r;
        vg_status end;
        assert_ok(vg_mcap_open_memory(&r, "part", part, cut, &err));
        const int got = read_all(r, &end, &err);
        assert_int_equal(end, VG_ENDED);
        assert_true(got >= last && vg_mcap_cut(r));
        last = got;
        vg_mcap_close(r);
        free(part);
    }
    assert_true(last >= MESSAGES - 40); /* the last chunk may be cut by the loop's stride */
    free(data);
}

static void damage_is_noticed_by_checksum_and_place(void **state) {
    (void)state;
    vg_error err = {0};
    char *data;
    size_t size;
    assert_ok(vg_file_load(&data, &size, path_of("a.mcap"), &err));
    vg_rng rng = vg_test_rng(1);
    for (int round = 0; round < 300; round++) {
        const size_t at = 8 + vg_rng_below(&rng, (uint32_t)size - 8);
        data[at] ^= (char)(1u << vg_rng_below(&rng, 8));
        vg_mcap_reader *r;
        vg_mcap_message m;
        vg_status end;
        assert_ok(vg_mcap_open_memory(&r, "damaged", data, size, &err));
        while ((end = vg_mcap_next(r, &m, &err)) == VG_OK) {
        }
        assert_true(end == VG_ENDED || end == VG_CORRUPT || end == VG_UNSUPPORTED);
        vg_mcap_close(r);
        free(data);
        assert_ok(vg_file_load(&data, &size, path_of("a.mcap"), &err));
    }
    /* inside the first chunk: named */
    vg_mcap_reader *r;
    vg_status end;
    data[9000] ^= 1;
    assert_ok(vg_mcap_open_memory(&r, "damaged", data, size, &err));
    read_all(r, &end, &err);
    assert_int_equal(end, VG_CORRUPT);
    assert_non_null(strstr(err.message, "damaged: a chunk"));
    vg_mcap_close(r);
    free(data);
    assert_error(vg_mcap_open_memory(&r, "text", "hello, hello", 12, &err), VG_CORRUPT, "text: not an MCAP recording");
    assert_error(vg_mcap_open(&r, path_of("absent.mcap"), &err), VG_NOT_FOUND, "absent.mcap");
}

static void the_checksum_is_zlibs(void **state) {
    (void)state;
    assert_int_equal(vg_crc32(0, "123456789", 9), 0xcbf43926);
    assert_int_equal(vg_crc32(vg_crc32(0, "1234", 4), "56789", 5), 0xcbf43926);
}

/* The reference library, where npm and its registry can be reached: it checks CRCs, indexes, schemas and statistics. */
static void the_formats_own_library_reads_it(void **state) {
    (void)state;
    static const char script[] =
        "const { McapIndexedReader } = require('@mcap/core');\n"
        "const { decompress } = require('fzstd');\n"
        "const { readFileSync } = require('fs');\n"
        "const data = readFileSync(process.argv[2]);\n"
        "const readable = { size: async () => BigInt(data.length),\n"
        "  read: async (o, n) => new Uint8Array(data.subarray(Number(o), Number(o + n))) };\n"
        "(async () => {\n"
        "  const r = await McapIndexedReader.Initialize({ readable,\n"
        "    decompressHandlers: { zstd: (b, n) => decompress(b, new Uint8Array(Number(n))) } });\n"
        "  let n = 0, bytes = 0;\n"
        "  for await (const m of r.readMessages({ validateCrcs: true })) { n++; bytes += m.data.length; }\n"
        "  const schemas = [...r.schemasById.values()].map(s => s.name + ':' + s.encoding).join(' ');\n"
        "  const topics = [...r.channelsById.values()].map(c => c.topic).join(' ');\n"
        "  console.log(n, r.statistics.messageCount.toString(), r.chunkIndexes.length === r.statistics.chunkCount,\n"
        "    topics, schemas, [...r.channelsById.values()][0].metadata.get('joint_set'));\n"
        "})();\n";
    if (system("command -v npm >/dev/null && command -v node >/dev/null") != 0) {
        puts("skipping: no npm and node to run @mcap/core");
        skip();
    }
    char command[16000], out[512] = "";
    snprintf(command, sizeof command,
             "cd %s && timeout 100 npm install --silent --no-audit --no-fund --ignore-scripts --fetch-retries=0 "
             "--fetch-timeout=20000 @mcap/core@2.0.2 fzstd@0.1.1 "
             ">npm.log 2>&1",
             vg_test_folder());
    if (system(command) != 0) {
        puts("skipping: npm cannot fetch @mcap/core");
        skip();
    }
    FILE *file = fopen(path_of("read.js"), "w");
    fputs(script, file);
    fclose(file);
    snprintf(command, sizeof command, "cd %s && node read.js a.mcap 2>&1", vg_test_folder());
    FILE *pipe = popen(command, "r");
    assert_non_null(fgets(out, sizeof out, pipe));
    assert_int_equal(pclose(pipe), 0);
    assert_string_equal(
        out, "200 200 true /frame /skeletons vergence.Frame:protobuf vergence.Skeletons:protobuf vergence14\n");
}

int main(void) {
    signal(SIGXFSZ, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(a_file_cut_anywhere_reads_to_its_last_whole_chunk),
        cmocka_unit_test(damage_is_noticed_by_checksum_and_place),
        cmocka_unit_test(the_checksum_is_zlibs),
        cmocka_unit_test(the_formats_own_library_reads_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
