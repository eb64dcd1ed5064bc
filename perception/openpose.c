/* OpenPose's JSON, version 1.3. */
#include "perception/openpose.h"

#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>

static void write_person(FILE *out, const vg_openpose_person *person, int32_t joints) {
    fprintf(out, "{\"person_id\":[%d],\"pose_keypoints_2d\":[", person->id);
    for (int32_t k = 0; k < joints; k++) {
        const vg_keypoint *q = &person->keypoints[k];
        const double seen = q->confidence > 0;
        fprintf(out, "%s%.3f,%.3f,%.4f", k ? "," : "", seen * (double)q->u, seen * (double)q->v,
                seen * (double)q->confidence);
    }
    fputs("],\"face_keypoints_2d\":[],\"hand_left_keypoints_2d\":[],\"hand_right_keypoints_2d\":[]}", out);
}

vg_status vg_openpose_write(const char *folder, const vg_openpose_picture *picture, vg_error *err) {
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s/%s_%012lld_keypoints.json", folder, picture->camera,
                         (long long)picture->number) >= sizeof path)
        return vg_fail(err, VG_INVALID, "%.200s...: the name is too long", folder);
    FILE *out = fopen(path, "w");
    if (!out) return vg_fail(err, VG_IO, "%s: cannot write: %m", path);
    fputs("{\"version\":1.3,", out);
    if (picture->joint_set) fprintf(out, "\"joint_set\":\"%s\",", picture->joint_set);
    if (isfinite(picture->time_seconds)) fprintf(out, "\"time_seconds\":%.9f,", picture->time_seconds);
    fputs("\"people\":[", out);
    for (int32_t p = 0; p < picture->people; p++) {
        if (p) fputc(',', out);
        write_person(out, &picture->person[p], picture->joints);
    }
    fputs("]}\n", out);
    const bool bad = ferror(out);
    if (fclose(out) != 0 || bad) return vg_fail(err, VG_IO, "%s: cannot write: %m", path);
    return VG_OK;
}
