/* What the fuzzers of motion files as text share: read or refused with a sentence; what is read is consistent. */
#ifndef VG_FUZZ_MOTION_H
#define VG_FUZZ_MOTION_H

#include "perception/motion.h"

#include <stdlib.h>
#include <string.h>

typedef vg_status motion_parser(const char *name, const char *text, size_t size, const vg_motion_options *options,
                                vg_motion *out, vg_error *err);

static inline int fuzz_motion(motion_parser *parse, const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    if (!text) return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    vg_error err = {0};
    vg_motion m = {0};
    if (parse("fuzz", text, size, NULL, &m, &err) == VG_OK) {
        VG_ASSERT(m.frames >= 0 && m.points >= 0 && m.rate > 0);
        for (int32_t i = 0; i < m.points; i++) VG_ASSERT(strlen(m.names[i]) < VG_MOTION_NAME);
        vg_motion_convert(&m, VG_UNIT_MILLIMETRE, VG_AXES_Y_UP);
    } else {
        VG_ASSERT(err.message[0] != '\0');
    }
    vg_motion_free(&m);
    free(text);
    return 0;
}

#endif
