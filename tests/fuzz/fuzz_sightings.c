/* Files of 2D points of any content, as one camera's and as all cameras': read or refused with a sentence; what is read is
 * finite and sorts into tracks. */
#include "calibration/tracks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void sort(const vg_sightings *seen) {
    vg_error err = {0};
    vg_camera_set set;
    if (vg_camera_set_create(&set, seen->cameras.count, &err) != VG_OK) return;
    for (int boards = 0; boards < 2; boards++) {
        vg_tracks tracks;
        const vg_tracks_options options = {.boards = boards};
        if (vg_tracks_create(&tracks, seen, &set, &options, &err) == VG_OK) {
            VG_ASSERT(tracks.bundle.sightings <= (int64_t)seen->count);
            vg_tracks_free(&tracks);
        }
    }
    vg_camera_set_free(&set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    if (!text) return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    for (int one = 0; one < 2; one++) {
        vg_error err = {0};
        vg_sightings seen = {0};
        if (vg_sightings_parse(&seen, "fuzz.csv", text, size, one ? "cam_1" : NULL, &err) == VG_OK) {
            for (size_t i = 0; i < seen.count; i++) {
                const vg_sighting *s = seen.sighting + i;
                VG_ASSERT(isfinite(s->u) && isfinite(s->v) && s->confidence > 0);
                VG_ASSERT(s->camera >= 0 && s->camera < seen.cameras.count && s->point >= 0 &&
                          s->point < seen.points.count);
            }
            if (seen.count) sort(&seen);
        } else {
            VG_ASSERT(err.message[0] != '\0');
        }
        vg_sightings_free(&seen);
    }
    free(text);
    return 0;
}
