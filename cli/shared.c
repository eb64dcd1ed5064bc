/* Small things that several subcommands need. */
#include "cli/cli.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int vg_report_error(vg_status status, const vg_error *err) {
    fprintf(stderr, "vergence: %s\n", err->message[0] ? err->message : vg_status_text(status));
    return vg_exit_code(status);
}

vg_status vg_set_pairs(vg_session_config *config, const vg_texts *pairs, vg_error *err) {
    for (size_t i = 0; i < pairs->count; i++) {
        char key[64];
        const char *equals = strchr(pairs->text[i], '=');
        if (!equals || (size_t)(equals - pairs->text[i]) >= sizeof key)
            return vg_fail(err, VG_INVALID, "--set is `%.80s`; it must be SECTION.KEY=VALUE", pairs->text[i]);
        memcpy(key, pairs->text[i], (size_t)(equals - pairs->text[i]));
        key[equals - pairs->text[i]] = '\0';
        const vg_status status = vg_session_config_set(config, key, equals + 1, err);
        if (status != VG_OK) return vg_fail_context(err, status, "--set");
    }
    return VG_OK;
}

json_t *vg_json_number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

void vg_json_print(json_t *object) {
    json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    fputc('\n', stdout);
    json_decref(object);
}

void vg_find_program(char out[VG_PATH_MAX], const char *name) {
    char self[PATH_MAX];
    const ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n > 0) {
        self[n] = '\0';
        char *slash = strrchr(self, '/');
        if (slash && (size_t)(slash - self) + strlen(name) + 2 < VG_PATH_MAX) {
            slash[1] = '\0';
            snprintf(out, VG_PATH_MAX, "%.400s%.64s", self, name);
            if (access(out, X_OK) == 0) return;
        }
    }
    snprintf(out, VG_PATH_MAX, "%s", name);
}

const char *vg_count_text(char out[32], double count) {
    if (count >= 999500)
        snprintf(out, 32, "%.2fM", count / 1e6);
    else if (count >= 9999.5)
        snprintf(out, 32, "%.0fk", count / 1e3);
    else if (count >= 999.5)
        snprintf(out, 32, "%.1fk", count / 1e3);
    else
        snprintf(out, 32, "%.0f", count);
    return out;
}

const char *vg_duration_text(char out[32], double seconds) {
    if (!isfinite(seconds) || seconds < 0) return strcpy(out, "--:--");
    const long s = lround(fmin(seconds, 1e8));
    if (s >= 3600)
        snprintf(out, 32, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(out, 32, "%ld:%02ld", s / 60, s % 60);
    return out;
}

void vg_machine_read(vg_machine *out) {
    *out = (vg_machine){.cpu = "unknown", .cores = (int)sysconf(_SC_NPROCESSORS_ONLN)};
    out->memory_gb = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) / 1e9;
    FILE *file = fopen("/proc/cpuinfo", "r");
    if (!file) return;
    char line[4096];
    bool model = false;
    while (fgets(line, sizeof line, file)) {
        char *value = strchr(line, ':');
        if (!value) continue;
        value[strcspn(value, "\n")] = '\0';
        if (!model && strncmp(line, "model name", 10) == 0) {
            model = true;
            snprintf(out->cpu, sizeof out->cpu, "%.120s", value[1] == ' ' ? value + 2 : value + 1);
        } else if (strncmp(line, "flags", 5) == 0) {
            out->avx2 = strstr(value, " avx2") != NULL;
            out->fma = strstr(value, " fma") != NULL;
            out->avx512 = strstr(value, " avx512f") != NULL;
            break;
        }
    }
    fclose(file);
}

/* ---- turned pictures -------------------------------------------------------------------------------------------------- */

vg_status vg_turn_of(int32_t *quarter, const char *option, const vg_texts *turns, const char *camera, vg_error *err) {
    *quarter = 0;
    for (size_t i = 0; i < turns->count; i++) {
        const char *equals = strrchr(turns->text[i], '=');
        char *end = NULL;
        const long n = equals ? strtol(equals + 1, &end, 10) : 0;
        if (!equals || end == equals + 1 || *end || n < -3 || n > 3)
            return vg_fail(err, VG_INVALID, "--%s is `%.80s`; write CAMERA=N, N quarter turns clockwise from -3 to 3",
                           option, turns->text[i]);
        if (strlen(camera) == (size_t)(equals - turns->text[i]) && strncmp(camera, turns->text[i], strlen(camera)) == 0)
            *quarter = (int32_t)n;
    }
    return VG_OK;
}

vg_status vg_turns_check(const char *option, const vg_texts *turns, const char *const *names, size_t count,
                         vg_error *err) {
    for (size_t i = 0; i < turns->count; i++) {
        const size_t n = strcspn(turns->text[i], "=");
        bool found = false;
        char list[200] = "";
        for (size_t k = 0; k < count; k++) {
            found |= strlen(names[k]) == n && strncmp(names[k], turns->text[i], n) == 0;
            if (strlen(list) < 120)
                snprintf(list + strlen(list), sizeof list - strlen(list), "%s%.60s", k ? ", " : "", names[k]);
        }
        if (!found)
            return vg_fail(err, VG_INVALID, "--%s %.80s: there is no such camera; there are %s", option, turns->text[i],
                           list);
    }
    return VG_OK;
}
