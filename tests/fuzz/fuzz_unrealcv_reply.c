/* Whatever a game answers: the first byte says how it is read. */
#include "sim_bridge/unrealcv/client_replies.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static ucv_bones_read bones;
    if (size < 1) return 0;
    char *copy = malloc(size); /* no NUL behind it, so that reading past the end is seen */
    memcpy(copy, data + 1, size - 1);
    const vg_span reply = {copy, size - 1};
    ucv_picture p = {0};
    double v[6];
    uint8_t rgb[3];
    vg_span payload;
    switch (data[0] % 6) {
    case 0:
        if (ucv_read_bones(&bones, reply)) {
            float joints[VG_JOINTS14][3];
            const int32_t rig = ucv_find_rig(&bones);
            if (rig >= 0 && !ucv_read_joints(joints, &bones, rig)) abort();
        }
        break;
    case 1:
        if (ucv_read_bmp(&p, reply)) {
            if (p.pixels < (const unsigned char *)copy + 54) abort();
            volatile unsigned char last = ucv_picture_row(&p, p.height - 1)[4 * (size_t)p.width - 1];
            (void)last;
        }
        break;
    case 2:
        if (ucv_read_npy(&p, reply)) {
            volatile unsigned char last = ucv_picture_row(&p, p.height - 1)[4 * (size_t)p.width - 1];
            (void)last;
        }
        break;
    case 3:
        if (ucv_read_numbers(v, 6, reply))
            for (int i = 0; i < 6; i++)
                if (!isfinite(v[i])) abort();
        ucv_read_colour(rgb, reply);
        break;
    case 4:
        ucv_read_status(v, reply, "Height", "Heigth");
        ucv_lists_command(reply, "vset /action/tick");
        break;
    default:
        if (size > 1 && ucv_frame_scan(&payload, reply.at, reply.size, 1 << 20) == UCV_SCAN_FRAME &&
            payload.at + payload.size > reply.at + reply.size)
            abort();
    }
    free(copy);
    return 0;
}
