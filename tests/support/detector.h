/* For tests that need the 2D detector's models: `make detector` puts them into build/detector. */
#ifndef VG_TESTS_DETECTOR_H
#define VG_TESTS_DETECTOR_H

#include "tests/support/support.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Names the models' folder to this program and those it starts. False, after saying why the test skips, where they are not
 * there. */
static inline bool vg_test_has_model(const char *name, const char *target) {
    const char *folder = getenv("VERGENCE_DETECTOR");
    if (!folder) setenv("VERGENCE_DETECTOR", folder = "build/detector", 1);
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (access(path, R_OK) == 0) return true;
    printf("skipping: %s is not there; `make %s` fetches the 2D models\n", path, target);
    return false;
}

static inline bool vg_test_has_detector(void) {
    return vg_test_has_model("pose_detection.tflite", "detector");
}
static inline bool vg_test_has_people_detector(void) {
    return vg_test_has_detector() && vg_test_has_model("movenet_multipose.pb", "detector-people");
}

#endif
