/* C3D files of any content: read or refused with a sentence; what is read can be asked for everything. */
#include "perception/motion_c3d.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    vg_error err = {0};
    vg_c3d c3d = {0};
    vg_motion m = {0};
    if (vg_c3d_parse("fuzz", (const char *)data, size, NULL, &c3d, &err) == VG_OK) {
        char label[64];
        vg_c3d_text(label, sizeof label, vg_c3d_find(&c3d, "POINT", "LABELS"), 0);
        if (c3d.analog_channels > 0 && c3d.points.frames > 0 && c3d.analog_per_frame > 0) vg_c3d_analog(&c3d, 0, 0);
        vg_motion_convert(&c3d.points, VG_UNIT_METRE, VG_AXES_Z_UP);
    } else {
        VG_ASSERT(err.message[0] != '\0');
    }
    vg_c3d_free(&c3d);
    if (vg_c3d_parse_motion("fuzz", (const char *)data, size, NULL, &m, &err) == VG_OK) VG_ASSERT(m.frames >= 0);
    vg_motion_free(&m);
    return 0;
}
