/* Where the detector's files are, and that they are the right ones: a model that is cut short or of another version would
 * crash the library or answer nonsense. */
#include "perception/detector.h"

#include "common/text.h"

#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined __aarch64__
#define LIBRARY_SHA256 "ec0dee4fb3418e680d010248ac1e304d9656cc5c8de54caaf91d666712e2f633"
#else
#define LIBRARY_SHA256 "dc89b4cd86d956516570bd483668e6dd98907f49901d0567dedc69a29a56b7f7"
#endif

/* As packaging/detector installs them. */
static const struct {
    const char *name, *sha256;
    unsigned models; /* bit m: needed for vg_detector_model m */
} files[] = {
    {"libtensorflowlite_c.so", LIBRARY_SHA256, 7},
    {"pose_detection.tflite", "a63c614bef30d35947f13be361820b1e4e3bec9cfeebf4d11216a18373108e85", 7},
    {"pose_landmark_lite.tflite", "f17bfbecadb61c3be1baa8b8d851cc6619c870a87167b32848ad20db306b9d61", 1},
    {"pose_landmark_full.tflite", "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f", 2},
    {"pose_landmark_heavy.tflite", "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe", 4},
    {"movenet_multipose.pb", "d96437f43d1966436c2f0cd39fc545eb21adf971e98cd2a82b5aff25730c2a55", 8},
};

static vg_status check_file(const char *path, const char *sha256, vg_error *err) {
    char *data, text[crypto_hash_sha256_BYTES * 2 + 1];
    unsigned char hash[crypto_hash_sha256_BYTES];
    size_t size;
    VG_TRY(vg_file_load(&data, &size, path, err));
    crypto_hash_sha256(hash, (const unsigned char *)data, size);
    free(data);
    sodium_bin2hex(text, sizeof text, hash, sizeof hash);
    if (strcmp(text, sha256) != 0)
        return vg_fail(err, VG_VERSION,
                       "%.300s: this is not the file that the program was made for (SHA-256 %.12s..., not %.12s...); "
                       "fetch it again by `make detector`",
                       path, text, sha256);
    return VG_OK;
}

/* The folder of the program, without its last part "bin" or whatever it is; "" where unknown. */
static void program_parent(char out[PATH_MAX]) {
    const ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);
    out[n > 0 ? n : 0] = '\0';
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(out, '/');
        if (slash) *slash = '\0';
    }
}

static bool has_library(const char *folder) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%.3000s/%s", folder, files[0].name);
    return access(path, R_OK) == 0;
}

static void find_folder(char out[512], const char *given) {
    char parent[PATH_MAX];
    const char *named = given ? given : getenv("VERGENCE_DETECTOR");
    if (named && named[0]) {
        snprintf(out, 512, "%s", named);
        return;
    }
    program_parent(parent);
    snprintf(out, 512, "%.400s/detector", parent);
    if (has_library(out)) return;
    char shared[512];
    snprintf(shared, sizeof shared, "%.400s/share/vergence/detector", parent);
    if (has_library(shared)) memcpy(out, shared, sizeof shared);
}

vg_status vg_detector_folder(char out[512], const vg_detector_options *options, vg_error *err) {
    const unsigned needs = 1u << options->model | (options->people > 1 ? 1u << VG_DETECTOR_MULTI : 0);
    find_folder(out, options->folder);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[1024];
        if (!(files[i].models & needs)) continue;
        snprintf(path, sizeof path, "%s/%s", out, files[i].name);
        const bool multi = files[i].models == 1u << VG_DETECTOR_MULTI;
        if (access(path, R_OK) != 0)
            return vg_fail(err, VG_NOT_FOUND,
                           "the detector's file %.300s is not there; `make %s` fetches %s by npm (%s) into "
                           "build/detector; $VERGENCE_DETECTOR may name another folder",
                           path, multi ? "detector-people" : "detector",
                           multi ? "the model for several people" : "library and models", multi ? "144 MB" : "46 MB");
        VG_TRY(check_file(path, files[i].sha256, err));
    }
    return VG_OK;
}

vg_status vg_detector_model_parse(const char *name, int32_t *out, vg_error *err) {
    static const char *const names[VG_DETECTOR_MODELS] = {"lite", "full", "heavy", "multi"};
    for (int32_t i = 0; i < VG_DETECTOR_MODELS; i++)
        if (strcmp(name, names[i]) == 0) {
            *out = i;
            return VG_OK;
        }
    return vg_fail(err, VG_INVALID, "model `%.40s` is unknown; use lite, full, heavy or multi", name);
}
