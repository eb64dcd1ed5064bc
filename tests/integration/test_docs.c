/* The documents say what is true: commands in blocks marked ```sh test run as they stand, links lead somewhere, and every
 * command that a document names exists. */
#include "tests/support/process.h"

#include "common/text.h"

#include <dirent.h>
#include <libgen.h>

/* Loads each document in turn. */
static void each_document(void (*visit)(const char *path, const char *text, size_t size)) {
    struct dirent **entries;
    const int count = scandir("docs", &entries, NULL, alphasort);
    assert_true(count > 0);
    for (int i = -1; i < count; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s%s", i < 0 ? "README.md" : "docs/", i < 0 ? "" : entries[i]->d_name);
        const size_t n = strlen(path);
        if (n > 3 && strcmp(path + n - 3, ".md") == 0) {
            vg_error err = {0};
            char *text;
            size_t size;
            assert_ok(vg_file_load(&text, &size, path, &err));
            visit(path, text, size);
            free(text);
        }
        if (i >= 0) free(entries[i]);
    }
    free(entries);
}

static int blocks;

/* Runs the marked blocks with bash in a folder of their own, our programs first on the PATH. */
static void run_blocks(const char *path, const char *text, size_t size) {
    vg_lines lines = vg_lines_of(text, size);
    vg_span line;
    FILE *script = NULL;
    char file[4200], command[9000];
    snprintf(file, sizeof file, "%s/block.sh", vg_test_folder());
    while (vg_lines_next(&lines, &line)) {
        if (!script && vg_span_is(line, "```sh test")) {
            script = fopen(file, "w");
            assert_non_null(script);
        } else if (script && vg_span_is(line, "```")) {
            fclose(script);
            script = NULL;
            blocks++;
            snprintf(command, sizeof command, "cd %s && PATH=%s:$PATH timeout 60 bash -eu block.sh >block.log 2>&1",
                     vg_test_folder(), dirname((char *)(uintptr_t)vg_test_program("vergence")));
            if (system(command) != 0) {
                char log[8192];
                snprintf(file, sizeof file, "%s/block.log", vg_test_folder());
                vg_test_read_back(file, log, sizeof log);
                fail_msg("%s: the block before line %d fails: %s", path, lines.number, log);
            }
        } else if (script) {
            fprintf(script, "%.*s\n", (int)line.size, line.at);
        }
    }
}

static void marked_commands_run(void **state) {
    (void)state;
    char path[4200];
    snprintf(path, sizeof path, "%s/s", vg_test_folder());
    setenv("VERGENCE_STATE", path, 1);
    each_document(run_blocks);
    assert_true(blocks >= 3);
}

/* Links to files of the project: ](name) without a scheme. */
static void check_links(const char *path, const char *text, size_t size) {
    (void)size;
    for (const char *at = text; (at = strstr(at, "](")) != NULL; at += 2) {
        const size_t n = strcspn(at + 2, ")#");
        char link[256], target[600];
        if (n == 0 || n >= sizeof link || memchr(at + 2, ':', n)) continue;
        memcpy(link, at + 2, n);
        link[n] = '\0';
        snprintf(target, sizeof target, "%s%s", strncmp(path, "docs/", 5) == 0 ? "docs/" : "", link);
        if (access(target, F_OK) != 0) fail_msg("%s: the link to %s leads nowhere", path, link);
    }
}

static void links_lead_somewhere(void **state) {
    (void)state;
    each_document(check_links);
}

/* `vergence WORD` at the beginning of a line of code. */
static void check_commands(const char *path, const char *text, size_t size) {
    static vg_test_output got;
    vg_lines lines = vg_lines_of(text, size);
    vg_span line;
    bool code = false;
    while (vg_lines_next(&lines, &line)) {
        if (vg_span_starts(line, "```")) code = !code;
        if (!code || !vg_span_starts(line, "vergence ")) continue;
        char word[64], words[80];
        vg_span rest = line;
        vg_span_word(&rest);
        vg_span_copy(word, sizeof word, vg_span_word(&rest));
        snprintf(words, sizeof words, "%s --help", word);
        vg_test_run(&got, "vergence", words);
        if (got.code != 0) fail_msg("%s:%d: there is no command `vergence %s`", path, lines.number, word);
    }
}

static void named_commands_exist(void **state) {
    (void)state;
    each_document(check_commands);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marked_commands_run),
        cmocka_unit_test(links_lead_somewhere),
        cmocka_unit_test(named_commands_exist),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
