/* Configuration files: what is written is read back, every mistake is named, and the reference page is current. */
#include "tests/support/support.h"

#include "common/text.h"
#include "daemon/internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *write_file(const char *text) {
    static char path[4200];
    snprintf(path, sizeof path, "%s/config.yaml", vg_test_folder());
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return path;
}

static void an_empty_file_gives_the_defaults(void **state) {
    (void)state;
    vg_error err = {0};
    vg_session_config got, expected = vg_session_config_default(VG_PRESET_DEFAULT);
    assert_ok(vg_session_config_check(&expected, &err));
    for (int i = 0; i < 2; i++) {
        assert_ok(vg_session_config_load(&got, write_file(i ? "# nothing\n" : ""), &err));
        assert_memory_equal(&got, &expected, sizeof got);
    }
    assert_string_equal(got.session.folder, "runs/session");
    assert_int_equal(got.world.envs, vg_train_envs(VG_PRESET_DEFAULT));
}

static void keys_are_read_over_the_defaults_of_the_preset(void **state) {
    (void)state;
    vg_error err = {0};
    vg_session_config c;
    assert_ok(
        vg_session_config_load(&c,
                               write_file("train:\n  steps: 1e5\n  seed: 18446744073709551615\n  mode: mappo+ctcr\n"
                                          "world: {preset: paper, cameras: 5, people: 7}\n"
                                          "session:\n  name: run-1\n  kind: train\n"),
                               &err));
    assert_int_equal(c.train.steps, 100000);
    assert_true(c.train.seed == UINT64_MAX);
    assert_true(c.train.ctcr && !c.train.wdl);
    assert_int_equal(c.train.preset, VG_PRESET_PAPER);
    assert_int_equal(c.train.epochs, vg_train_config_default(VG_PRESET_PAPER).epochs);
    assert_int_equal(c.world.cameras, 5);
    assert_int_equal(c.world.envs, vg_train_envs(VG_PRESET_PAPER));
    assert_string_equal(c.session.folder, "runs/run-1");
}

/* A random value of a key, as text. */
static void random_text(vg_rng *rng, const vg_config_key *key, char *out, size_t room) {
    const double u = (double)vg_rng_uniform(rng);
    switch (key->type) {
    case VG_KEY_TEXT:
        if (strcmp(key->name, "name") == 0)
            snprintf(out, room, "n%u", vg_rng_u32(rng));
        else if (strcmp(key->name, "endpoint") == 0 || strcmp(key->name, "publish") == 0)
            snprintf(out, room, "tcp://127.0.0.1:%u", vg_rng_below(rng, 60000));
        else if (strcmp(key->name, "listen") == 0)
            snprintf(out, room, "[::1]:%u", vg_rng_below(rng, 60000));
        else
            snprintf(out, room, "a \"b\" \\ c: #%u é", vg_rng_u32(rng));
        break;
    case VG_KEY_CHOICE:
    case VG_KEY_BOOL: {
        vg_span rest = {key->choices, strlen(key->choices)}, word = {0};
        for (uint32_t i = 0, pick = vg_rng_below(rng, 2); i <= pick; i++) word = vg_span_field(&rest, '|');
        vg_span_copy(out, room, word);
        break;
    }
    case VG_KEY_DOUBLE:
        snprintf(out, room, "%.17g", key->low + u * (key->high - key->low));
        break;
    default:
        snprintf(out, room, "%.0f", floor(key->low + u * (fmin(key->high, 1e12) - key->low)));
        break;
    }
}

static void what_is_saved_reads_back_the_same(void **state) {
    (void)state;
    vg_rng rng = vg_test_rng(1);
    char path[4200];
    snprintf(path, sizeof path, "%s/saved.yaml", vg_test_folder());
    for (int round = 0; round < 50; round++) {
        vg_error err = {0};
        vg_session_config c = vg_session_config_default(VG_PRESET_DEFAULT), got;
        size_t count;
        const vg_config_key *keys = vg_config_keys(&count);
        for (size_t i = 0; i < count; i++) {
            char name[64], text[VG_PATH_MAX];
            snprintf(name, sizeof name, "%s.%s", keys[i].section, keys[i].name);
            random_text(&rng, &keys[i], text, sizeof text);
            assert_ok(vg_session_config_set(&c, name, text, &err));
        }
        /* keys that must fit each other */
        c.train.people_min = 1, c.train.people_max = c.world.people, c.train.rollout_steps = 25, c.train.hidden = 64;
        c.world.envs = 1;
        assert_ok(vg_session_config_check(&c, &err));
        assert_ok(vg_session_config_save(&c, path, &err));
        assert_ok(vg_session_config_load(&got, path, &err));
        assert_memory_equal(&c, &got, sizeof c);
    }
}

static void mistakes_are_named(void **state) {
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"train:\n  stpes: 5\n", "config.yaml:2: key `stpes` is unknown in `train`; did you mean `steps`?"},
        {"train:\n  lerning_rate: 5\n", "did you mean `learning_rate`?"},
        {"trian:\n  steps: 5\n", "config.yaml:1: key `trian` is unknown at the top; did you mean `train`?"},
        {"\nworld:\n  cameras: 2\n  xyzzyplugh: 5\n", "config.yaml:4: key `xyzzyplugh` is unknown in `world`; docs"},
        {"world:\n  steps: 5\n", "it belongs into `train`"},
        {"steps: 5\n", "it belongs into `train`"},
        {"world:\n  cameras: 0\n", "config.yaml:2: world.cameras is `0`; it must be a whole number from 1 to 16"},
        {"world:\n  cameras: 17\n", "from 1 to 16"},
        {"world:\n  cameras: 2.5\n", "whole number"},
        {"world:\n  cameras: two\n", "whole number"},
        {"world:\n  cameras:\n", "world.cameras is ``"},
        {"world:\n  miss_rate: nan\n", "a number from 0 to 1"},
        {"world:\n  miss_rate: inf\n", "a number from 0 to 1"},
        {"world:\n  miss_rate: -1e-9\n", "a number from 0 to 1"},
        {"world:\n  people: 0x10\n", "whole number"},
        {"session:\n  kind: mocap\n", "world.kind must be live or replay"},
        {"session:\n  kind: mocap\nworld:\n  kind: live\n", "world.calibration is empty"},
        {"session:\n  kind: mocap\nworld:\n  kind: live\n  calibration: c.toml\n", "world.endpoint is empty"},
        {"session:\n  kind: mocap\nworld:\n  kind: replay\n", "world.recording is empty"},
        {"world:\n  kind: replay\n  recording: a.mcap\n", "it needs a world that can be reset"},
        {"world:\n  kind: embeded\n", "one of embedded, remote, unrealcv, live, replay; did you mean embedded?"},
        {"world:\n  kind: remote\n", "world.endpoint is ``; it must be tcp://"},
        {"world:\n  kind: remote\n  endpoint: http://x\n", "tcp://HOST:PORT or ipc:///PATH"},
        {"train:\n  recurrent: maybe\n", "one of false, true"},
        {"train:\n  mode: mappo+wld\n", "did you mean mappo+wdl?"},
        {"train:\n  steps: 99999999999999999999\n", "train.steps is"},
        {"train:\n  seed: -1\n", "train.seed is `-1`"},
        {"train:\n  people_max: 7\n", "train.people_max is 7; it must be at most world.people, which is 6"},
        {"train:\n  people_min: 5\n  people_max: 3\n", "people_max is 3"},
        {"session:\n  name: ../x\n", "session.name is `../x`"},
        {"session:\n  name: \"\"\n", "session.name is ``"},
        {"session:\n  kind: live\nworld:\n  envs: 2\n", "one environment"},
        {"control:\n  endpoint: 5555\n", "control.endpoint is `5555`"},
        {"web:\n  listen: 8080\n", "web.listen is `8080`; it must be HOST:PORT"},
        {"live:\n  rate_hz: 0\n", "live.rate_hz"},
        {"checkpoint:\n  every_seconds: 0\n", "checkpoint.every_seconds"},
        {"train:\n  steps: 5\n  steps: 6\n", "train.steps: Mapping field already seen"},
        {"train: 5\n", "`train` must hold `key: value` lines"},
        {"train:\n  steps: [1, 2]\n", "config.yaml:2: train.steps"},
        {"- a\n- b\n", "not a configuration in YAML"},
        {"train:\n\tsteps: 4\n", "from line 1 on: libyaml: found character that cannot start any token"},
        {"world:\n  scene: \"abc\n", "not a configuration in YAML"},
        {"{{{", "not a configuration in YAML"},
        {"train:\n  steps: 5\n---\ntrain:\n  steps: 6\n", "more than one YAML document"},
        {"train: &a\n  steps: 5\nworld: *a\n", "config.yaml"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vg_error err = {0};
        vg_session_config c;
        assert_error(vg_session_config_load(&c, write_file(cases[i].text), &err), VG_INVALID, cases[i].part);
    }
    vg_error err = {0};
    vg_session_config c;
    assert_error(vg_session_config_load(&c, "/nowhere/x.yaml", &err), VG_NOT_FOUND, "/nowhere/x.yaml");
}

static void a_random_file_never_crashes_the_reader(void **state) {
    (void)state;
    static const char *const pieces[] = {"train", "world", ":",  "\n",      "  ", "steps", "1e6", "-",      "{",
                                         "}",     "[",     "\"", "&a",      "*a", "#",     "\t",  "---",    "kind",
                                         "\\",    "\xff",  "?",  "!!float", "|",  ">",     ",",   "cameras"};
    vg_rng rng = vg_test_rng(2);
    for (int round = 0; round < 2000; round++) {
        char text[512] = "";
        const uint32_t n = vg_rng_below(&rng, 24);
        for (uint32_t i = 0; i < n; i++)
            strcat(text, pieces[vg_rng_below(&rng, (uint32_t)(sizeof pieces / sizeof pieces[0]))]);
        vg_error err = {0};
        vg_session_config c;
        const vg_status status = vg_session_config_parse(&c, text, strlen(text), "random.yaml", &err);
        if (status != VG_OK && !err.message[0]) fail_msg("no sentence for: %s", text);
    }
}

static void nearest_finds_typing_errors_and_nothing_else(void **state) {
    (void)state;
    static const char *const list[] = {"status", "start", "stop", "train"};
    assert_string_equal(vg_nearest("statsu", list, 4), "status");
    assert_string_equal(vg_nearest("strat", list, 4), "start");
    assert_string_equal(vg_nearest("trian", list, 4), "train");
    assert_null(vg_nearest("zzzzzz", list, 4));
    assert_null(vg_nearest("", list, 4));
}

static void the_reference_page_is_current(void **state) {
    (void)state;
    char *text, *page;
    size_t size, page_size;
    FILE *out = open_memstream(&text, &size);
    vg_session_config_reference(out);
    fclose(out);
    vg_error err = {0};
    assert_ok(vg_file_load(&page, &page_size, "docs/config.md", &err));
    if (strcmp(text, page) != 0) fail_msg("docs/config.md is old; run: vergence config --reference >docs/config.md");
    free(text);
    free(page);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_file_gives_the_defaults),
        cmocka_unit_test(keys_are_read_over_the_defaults_of_the_preset),
        cmocka_unit_test(what_is_saved_reads_back_the_same),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(a_random_file_never_crashes_the_reader),
        cmocka_unit_test(nearest_finds_typing_errors_and_nothing_else),
        cmocka_unit_test(the_reference_page_is_current),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
