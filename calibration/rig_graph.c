/* Which cameras of a rig saw the same points. */
#include "calibration/rig.h"

#include <stdio.h>
#include <string.h>

void vg_rig_pairs(int32_t *shared, const vg_bundle *b) {
    memset(shared, 0, (size_t)(b->cameras * b->cameras) * sizeof *shared);
    for (int32_t from = 0, to; from < b->sightings; from = to) {
        int32_t seen[VG_BUNDLE_CAMERAS_MAX] = {0};
        for (to = from; to < b->sightings && b->sighting[to].structure == b->sighting[from].structure; to++)
            if (b->sighting[to].weight > 0) seen[b->sighting[to].camera]++;
        for (int32_t i = 0; i < b->cameras; i++)
            for (int32_t j = 0; j < b->cameras; j++)
                shared[i * b->cameras + j] += seen[i] < seen[j] ? seen[i] : seen[j];
    }
}

int32_t vg_rig_groups(int32_t *group, const int32_t *shared, int32_t cameras, int32_t least) {
    int32_t groups = 0, size[VG_BUNDLE_CAMERAS_MAX] = {0}, rank[VG_BUNDLE_CAMERAS_MAX];
    for (int32_t i = 0; i < cameras; i++) group[i] = -1;
    for (int32_t i = 0; i < cameras; i++) {
        if (group[i] >= 0) continue;
        group[i] = groups;
        for (bool grown = true; grown;) {
            grown = false;
            for (int32_t a = 0; a < cameras; a++)
                for (int32_t b = 0; b < cameras && group[a] == groups; b++)
                    if (group[b] < 0 && shared[a * cameras + b] >= least) group[b] = groups, grown = true;
        }
        groups++;
    }
    for (int32_t i = 0; i < cameras; i++) size[group[i]]++;
    for (int32_t g = 0; g < groups; g++) { /* by size, then by first camera */
        rank[g] = 0;
        for (int32_t h = 0; h < groups; h++) rank[g] += size[h] > size[g] || (size[h] == size[g] && h < g);
    }
    for (int32_t i = 0; i < cameras; i++) group[i] = rank[group[i]];
    return groups;
}

/* "a", "a and b", "a, b and c". */
static void list_group(char *out, size_t room, const int32_t *group, int32_t which, const char *const *names,
                       int32_t cameras) {
    int32_t left = 0;
    size_t at = 0;
    out[0] = '\0';
    for (int32_t i = 0; i < cameras; i++) left += group[i] == which;
    for (int32_t i = 0; i < cameras && at < room; i++) {
        if (group[i] != which) continue;
        at += (size_t)snprintf(out + at, room - at, "%s%s", names[i], left > 2 ? ", " : left == 2 ? " and " : "");
        left--;
    }
}

vg_status vg_rig_connected(const int32_t *shared, const char *const *names, int32_t cameras, int32_t least,
                           vg_error *err) {
    int32_t group[VG_BUNDLE_CAMERAS_MAX];
    const int32_t groups = vg_rig_groups(group, shared, cameras, least);
    if (groups <= 1) return VG_OK;
    char text[480] = "", list[160];
    size_t at = 0;
    for (int32_t g = 1; g < groups && at < sizeof text; g++) {
        list_group(list, sizeof list, group, g, names, cameras);
        int32_t members = 0, best = 0;
        for (int32_t i = 0; i < cameras; i++) {
            members += group[i] == g;
            for (int32_t j = 0; j < cameras; j++)
                if (group[i] == g && group[j] != g && shared[i * cameras + j] > best) best = shared[i * cameras + j];
        }
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s %s with %s (%d points at most)", g > 1 ? "; " : "",
                               list, members > 1 ? "share no views" : "shares no views", g > 1 ? "either" : "the rest",
                               best);
    }
    list_group(list, sizeof list, group, 0, names, cameras);
    return vg_fail(
        err, VG_FAILED,
        "%s. The rest: %s. Cameras hang together by %d points seen at the same time: record the board or the "
        "person where both sides see it, or leave those cameras out",
        text, list, least);
}
