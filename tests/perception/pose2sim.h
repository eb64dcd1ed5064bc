/* Reads what the Pose2Sim tests compare with: its calibration, its associated keypoints and the order of its markers. */
#ifndef VG_TESTS_POSE2SIM_H
#define VG_TESTS_POSE2SIM_H

#include "common/frame.h"
#include "common/text.h"
#include "common/transform.h"
#include "perception/motion.h"
#include "tests/support/support.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define P2S_CAMERAS 4
#define P2S_MARKERS 21
#define P2S_FRAMES  100

/* BODY_25B index of each column of the TRC files, in their order. */
static const int p2s_joint[P2S_MARKERS] = {12, 14, 16, 22, 23, 24, 11, 13, 15, 19, 20,
                                           21, 17, 18, 0,  6,  8,  10, 5,  7,  9};

/* Numbers of a bracketed list: at most `count`. */
static inline int p2s_numbers(double *out, const char *text, int count) {
    int n = 0;
    while (n < count && *text && *text != '\n') {
        char *end;
        const double value = strtod(text, &end);
        if (end == text)
            text++;
        else
            out[n++] = value, text = end;
    }
    return n;
}

static inline void p2s_cameras(vg_camera cameras[P2S_CAMERAS], const char *path) {
    vg_error err = {0};
    char *text;
    size_t size;
    assert_ok(vg_file_load(&text, &size, path, &err));
    const char *at = text;
    for (int c = 0; c < P2S_CAMERAS; c++) {
        double K[9], r[3], d[4], wh[2];
        vg_camera *camera = cameras + c;
        *camera = (vg_camera){0};
        assert_non_null(at = strstr(at, "\nsize = "));
        assert_int_equal(p2s_numbers(wh, at + 7, 2), 2);
        assert_int_equal(p2s_numbers(K, strstr(at, "\nmatrix = ") + 9, 9), 9);
        assert_int_equal(p2s_numbers(d, strstr(at, "\ndistortions = ") + 14, 4), 4);
        assert_int_equal(p2s_numbers(r, strstr(at, "\nrotation = ") + 11, 3), 3);
        assert_int_equal(p2s_numbers(camera->t, strstr(at, "\ntranslation = ") + 14, 3), 3);
        vg_rotation_from_vector(camera->R, r);
        camera->width = (int32_t)wh[0], camera->height = (int32_t)wh[1];
        camera->fx = K[0], camera->cx = K[2], camera->fy = K[4], camera->cy = K[5];
        memcpy(camera->distortion, d, sizeof d);
        at++;
    }
    free(text);
}

/* u, v, likelihood [C, frames, markers]; likelihood 0 where there is nothing. */
typedef struct p2s_keypoints {
    double u[P2S_CAMERAS][P2S_FRAMES][P2S_MARKERS], v[P2S_CAMERAS][P2S_FRAMES][P2S_MARKERS];
    double likelihood[P2S_CAMERAS][P2S_FRAMES][P2S_MARKERS];
} p2s_keypoints;

/* `folder`/camNN_json/camNN.FFFF.json of one person. */
static inline void p2s_read_keypoints(p2s_keypoints *out, const char *folder, size_t person) {
    memset(out, 0, sizeof *out);
    for (int c = 0; c < P2S_CAMERAS; c++)
        for (int f = 0; f < P2S_FRAMES; f++) {
            char path[4096];
            snprintf(path, sizeof path, "%s/cam%02d_json/cam%02d.%04d.json", folder, c + 1, c + 1, f);
            json_error_t error;
            json_t *root = json_load_file(path, 0, &error);
            if (!root) fail_msg("%s: %s", path, error.text);
            const json_t *list =
                json_object_get(json_array_get(json_object_get(root, "people"), person), "pose_keypoints_2d");
            for (int m = 0; m < P2S_MARKERS; m++) {
                const size_t at = 3 * (size_t)p2s_joint[m];
                if (json_array_size(list) < at + 3) continue;
                out->u[c][f][m] = json_number_value(json_array_get(list, at));
                out->v[c][f][m] = json_number_value(json_array_get(list, at + 1));
                out->likelihood[c][f][m] = json_number_value(json_array_get(list, at + 2));
            }
            json_decref(root);
        }
}

/* The people of `folder`/camNN_json/camNN.FFFF.json, keypoints [people, joints]; zeros where there is nobody. */
static inline void p2s_read_file(vg_keypoint *out, const char *folder, int camera, int frame, int people, int joints) {
    char path[4096];
    snprintf(path, sizeof path, "%s/cam%02d_json/cam%02d.%04d.json", folder, camera + 1, camera + 1, frame);
    json_error_t error;
    json_t *root = json_load_file(path, 0, &error);
    if (!root) fail_msg("%s: %s", path, error.text);
    memset(out, 0, sizeof *out * (size_t)(people * joints));
    for (int p = 0; p < people; p++) {
        const json_t *list =
            json_object_get(json_array_get(json_object_get(root, "people"), (size_t)p), "pose_keypoints_2d");
        for (int j = 0; j < joints && json_array_size(list) >= 3 * (size_t)joints; j++) {
            const size_t at = 3 * (size_t)j;
            out[p * joints + j] = (vg_keypoint){(float)json_number_value(json_array_get(list, at)),
                                                (float)json_number_value(json_array_get(list, at + 1)),
                                                (float)json_number_value(json_array_get(list, at + 2))};
        }
    }
    json_decref(root);
}

/* One frame of every camera, [C, people, joints]. */
static inline void p2s_read_people(vg_keypoint *out, const char *folder, int frame, int people, int joints) {
    for (int c = 0; c < P2S_CAMERAS; c++) p2s_read_file(out + c * people * joints, folder, c, frame, people, joints);
}

#endif
