/* What the fuzzers of calibration files share: a text split in two (for formats of two files), and what must hold of whatever a
 * reader accepts: it is described, checked, written and read again. */
#ifndef VG_TESTS_FUZZ_CALIBRATION_H
#define VG_TESTS_FUZZ_CALIBRATION_H

#include "calibration/files_tree.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct halves {
    char *text, *other; /* other: behind a line "%%%", NULL where there is none */
    size_t size, other_size;
} halves;

/* Copies with a NUL behind each half, as files are loaded. Release `text` alone. */
static inline halves split(const uint8_t *data, size_t size) {
    halves h = {.text = malloc(size + 1), .size = size};
    if (!h.text) abort();
    memcpy(h.text, data, size);
    h.text[size] = '\0';
    char *mark = memmem(h.text, size, "\n%%%\n", 5);
    if (!mark) return h;
    *mark = '\0';
    h.size = (size_t)(mark - h.text);
    h.other = mark + 5;
    h.other_size = size - h.size - 5;
    return h;
}

/* Goes through all that users do with cameras that were read. Releases the set. */
static inline void use_set(vg_status status, vg_camera_set *set, const vg_error *err) {
    if (status != VG_OK) {
        VG_ASSERT(err->message[0] != '\0');
        vg_camera_set_free(set);
        return;
    }
    VG_ASSERT(set->cameras > 0 && set->cameras <= VG_CAMERA_SET_MAX);
    for (int32_t i = 0; i < set->cameras; i++) {
        const vg_named_camera *c = &set->camera[i];
        VG_ASSERT(c->name[0] && strlen(c->name) < VG_CAMERA_NAME && c->camera.fx > 0 && c->camera.fy > 0);
        for (int k = 0; k < 9; k++) VG_ASSERT(isfinite(c->camera.R[k]));
        for (int k = 0; k < 3; k++) VG_ASSERT(isfinite(c->camera.t[k]));
    }
    if (set->cameras > 8) set->cameras = 8; /* pairs of cameras are looked at: keep inputs quick */
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    VG_ASSERT(f && vg_calibration_describe(f, "fuzz", set, NULL, (size_t)set->camera[0].name[0] % 2) >= 0);
    fclose(f);
    free(text);
    /* our own format holds whatever may be read */
    vg_error error = {0};
    const vg_calibration_options any = {0};
    const bool settled = files_settle(set, &any, "fuzz", &error) == VG_OK;
    f = open_memstream(&text, &size);
    VG_ASSERT(f && files_write_pose2sim(f, set, &error) == VG_OK);
    fclose(f);
    vg_camera_set back;
    if (settled) {
        if (vg_calibration_parse("written", text, size, NULL, &back, &error) != VG_OK) {
            fprintf(stderr, "%s\n%s\n", error.message, text);
            abort();
        }
        VG_ASSERT(back.cameras == set->cameras);
        for (int32_t i = 0; i < set->cameras; i++) {
            VG_ASSERT(strcmp(back.camera[i].name, set->camera[i].name) == 0);
            for (int k = 0; k < 8; k++) /* a trailing -0 is written as nothing */
                VG_ASSERT(back.camera[i].camera.distortion[k] == set->camera[i].camera.distortion[k]);
        }
        vg_camera_set_free(&back);
    }
    free(text);
    vg_camera_set_free(set);
}

#endif
