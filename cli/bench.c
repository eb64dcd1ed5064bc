/* vergence bench: the figures of bench/, each beside what it is held against. */
#include "bench/bench.h"

#include "cli/cli.h"

#include <string.h>

/* value / reference; 0 where there is no reference. */
static double ratio(const vg_bench_result *r) {
    return r->reference > 0 ? r->value / r->reference : 0;
}

static void print_row(const char *name, const vg_bench_result *r) {
    printf("%-20s %12.5g %-14s", name, r->value, r->unit);
    if (r->reference > 0)
        printf(" %12.5g %8.3g  %s (%s is better)", r->reference, ratio(r), r->reference_name ? r->reference_name : "",
               r->lower_is_better ? "lower" : "higher");
    fputc('\n', stdout);
    fflush(stdout);
}

static json_t *row_json(const vg_bench_result *r) {
    json_t *out = json_object();
    json_object_set_new(out, "value", vg_json_number(r->value));
    json_object_set_new(out, "unit", json_string(r->unit));
    json_object_set_new(out, "reference", r->reference > 0 ? json_real(r->reference) : json_null());
    json_object_set_new(out, "ratio", r->reference > 0 ? json_real(ratio(r)) : json_null());
    json_object_set_new(out, "reference_name", r->reference_name ? json_string(r->reference_name) : json_null());
    return out;
}

static bool wanted(const vg_texts *words, const char *name) {
    if (!words->count) return true;
    for (size_t i = 0; i < words->count; i++)
        if (strcmp(words->text[i], name) == 0) return true;
    return false;
}

/* The exit code for a name that is on no list. */
static int check_names(const vg_texts *words, const vg_bench *list, size_t count) {
    const char *names[128];
    for (size_t i = 0; i < count && i < 128; i++) names[i] = list[i].name;
    for (size_t w = 0; w < words->count; w++) {
        size_t i = 0;
        while (i < count && strcmp(words->text[w], list[i].name) != 0) i++;
        if (i < count) continue;
        const char *near = vg_nearest(words->text[w], names, count < 128 ? count : 128);
        if (near)
            fprintf(stderr, "vergence: benchmark `%.80s` is unknown; did you mean `%s`?\n", words->text[w], near);
        else
            fprintf(stderr, "vergence: benchmark `%.80s` is unknown; --list names all\n", words->text[w]);
        return VG_EXIT_NOT_FOUND;
    }
    return VG_EXIT_OK;
}

int vg_cmd_bench(int argc, char **argv) {
    bool json = false, names = false;
    const vg_option options[] = {{"json", VG_OPTION_FLAG, &json, 0, 0, "", "print JSON"},
                                 {"list", VG_OPTION_FLAG, &names, 0, 0, "", "name the benchmarks and run none"},
                                 {0}};
    const vg_usage usage = {"vergence bench [NAME...] [--json]",
                            "Runs benchmarks: value, unit, the reference it is held against, and value / "
                            "reference.",
                            options, VG_TEXTS_MAX};
    vg_texts words;
    int code;
    if (!vg_options_begin(&usage, argc, argv, &words, &code)) return code;
    size_t count;
    const vg_bench *list = vg_bench_list(&count);
    if (names) {
        for (size_t i = 0; i < count; i++) printf("%-20s %s\n", list[i].name, list[i].what);
        return VG_EXIT_OK;
    }
    if ((code = check_names(&words, list, count)) != VG_EXIT_OK) return code;
    json_t *out = json_object();
    if (!json)
        printf("%-20s %12s %-14s %12s %8s  %s\n", "benchmark", "value", "unit", "reference", "ratio", "held against");
    for (size_t i = 0; i < count; i++) {
        if (!wanted(&words, list[i].name)) continue;
        fprintf(stderr, "%s: %s\n", list[i].name, list[i].what);
        vg_error err = {0};
        vg_bench_result result = {0};
        const vg_status status = list[i].run(&result, &err);
        if (status != VG_OK) {
            vg_fail_context(&err, status, "%s", list[i].name);
            const int failed = vg_report_error(status, &err);
            /* what it needs is not installed: then it fails only where it was asked for */
            if (status != VG_NOT_FOUND || words.count) code = failed;
            continue; /* the others still count */
        }
        if (json)
            json_object_set_new(out, list[i].name, row_json(&result));
        else
            print_row(list[i].name, &result);
    }
    if (json)
        vg_json_print(out);
    else
        json_decref(out);
    return code;
}
