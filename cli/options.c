/* Options of the subcommands, read by a table that also makes the usage text. `--name value` and `--name=value` both work. */
#include "cli/cli.h"

#include "common/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t option_count(const vg_usage *usage) {
    size_t n = 0;
    while (usage->options[n].name) n++;
    return n;
}

static void print_usage(const vg_usage *usage, FILE *out) {
    fprintf(out, "usage: %s\n%s\n", usage->synopsis, usage->about);
    if (option_count(usage)) fputs("\noptions:\n", out);
    for (const vg_option *o = usage->options; o->name; o++) {
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", o->name, o->type == VG_OPTION_FLAG ? "" : " ",
                 o->type == VG_OPTION_FLAG ? "" : o->value);
        fprintf(out, "  %-24s %s\n", left, o->about);
    }
}

static vg_status read_number(const vg_option *o, const char *value, vg_error *err) {
    const bool whole = o->type != VG_OPTION_REAL;
    char low[VG_NUMBER_SIZE], high[VG_NUMBER_SIZE];
    double real = 0;
    const bool good = vg_span_double((vg_span){value, strlen(value)}, &real) && real >= o->low && real <= o->high &&
                      (!whole || (real == floor(real)));
    /* plain digits keep all 64 bits; "1e6" goes through the double, exact below 2^53 */
    const bool digits = value[0] && value[strspn(value, "0123456789")] == '\0';
    if (!good || (whole && !digits && fabs(real) > 9007199254740992.0))
        return vg_fail(err, VG_INVALID, "--%s is `%.80s`; it must be a %s from %s to %s", o->name, value,
                       whole ? "whole number" : "number", vg_number_text(low, o->low), vg_number_text(high, o->high));
    if (o->type == VG_OPTION_REAL)
        *(double *)o->out = real;
    else if (o->type == VG_OPTION_INT)
        *(int32_t *)o->out = (int32_t)real;
    else if (o->type == VG_OPTION_INT64)
        *(int64_t *)o->out = digits ? strtoll(value, NULL, 10) : (int64_t)real;
    else
        *(uint64_t *)o->out = digits ? strtoull(value, NULL, 10) : (uint64_t)real;
    return VG_OK;
}

static vg_status read_value(const vg_option *o, const char *value, vg_error *err) {
    switch (o->type) {
    case VG_OPTION_FLAG:
        *(bool *)o->out = true;
        return VG_OK;
    case VG_OPTION_TEXT:
        *(const char **)o->out = value;
        return VG_OK;
    case VG_OPTION_LIST: {
        vg_texts *list = o->out;
        if (list->count == VG_TEXTS_MAX)
            return vg_fail(err, VG_INVALID, "--%s is given more than %d times", o->name, VG_TEXTS_MAX);
        list->text[list->count++] = value;
        return VG_OK;
    }
    default:
        return read_number(o, value, err);
    }
}

static vg_status unknown_option(const vg_usage *usage, const char *argument, vg_error *err) {
    const char *names[64];
    size_t count = 0;
    for (const vg_option *o = usage->options; o->name && count < 64; o++) names[count++] = o->name;
    const char *near = argument[1] == '-' ? vg_nearest(argument + 2, names, count) : NULL;
    if (near) return vg_fail(err, VG_INVALID, "option `%.80s` is unknown; did you mean `--%s`?", argument, near);
    return vg_fail(err, VG_INVALID, "option `%.80s` is unknown; --help lists the options", argument);
}

vg_status vg_options_read(const vg_usage *usage, int argc, char **argv, vg_texts *words, bool *help, vg_error *err) {
    *help = false;
    if (words) *words = (vg_texts){0};
    for (int i = 1; i < argc; i++) {
        const char *argument = argv[i];
        if (argument[0] != '-' || !argument[1]) {
            if (!words || words->count == usage->words)
                return vg_fail(err, VG_INVALID, "`%.80s` is one word too many; usage: %s", argument, usage->synopsis);
            words->text[words->count++] = argument;
            continue;
        }
        if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
            print_usage(usage, stdout);
            *help = true;
            return VG_OK;
        }
        const size_t length = strcspn(argument, "=");
        const vg_option *o = usage->options;
        while (o->name && !(strncmp(argument, "--", 2) == 0 && strlen(o->name) == length - 2 &&
                            strncmp(argument + 2, o->name, length - 2) == 0))
            o++;
        if (!o->name) return unknown_option(usage, argument, err);
        const char *value = argument[length] == '=' ? argument + length + 1 : NULL;
        if (o->type == VG_OPTION_FLAG && value) return vg_fail(err, VG_INVALID, "--%s takes no value", o->name);
        if (o->type != VG_OPTION_FLAG && !value) {
            if (i + 1 == argc) return vg_fail(err, VG_INVALID, "--%s needs a value: %s", o->name, o->value);
            value = argv[++i];
        }
        VG_TRY(read_value(o, value, err));
    }
    return VG_OK;
}

bool vg_options_begin(const vg_usage *usage, int argc, char **argv, vg_texts *words, int *code) {
    vg_error err = {0};
    bool help;
    const vg_status status = vg_options_read(usage, argc, argv, words, &help, &err);
    *code = VG_EXIT_OK;
    if (status == VG_OK) return !help;
    vg_report_error(status, &err);
    *code = VG_EXIT_USAGE;
    return false;
}
