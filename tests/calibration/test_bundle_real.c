/* Bundle adjustment of a real recording: four cameras, a ChArUco board of 54 mm squares, 2175 corners. */
#include "calibration/bundle.h"
#include "calibration/sightings.h"
#include "common/text.h"
#include "tests/support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER "caliscope/post_optimization"

typedef struct recording {
    vg_camera_set set;
    vg_sightings seen;
    vg_camera camera[VG_BUNDLE_CAMERAS_MAX];
    int64_t *frame; /* [points] */
    int32_t *label; /* [points] the corner */
    double *point;  /* [points, 3] as stored */
    int32_t points;
    vg_bundle_sighting *sighting;
} recording;

static int32_t point_index(const recording *r, int64_t frame, int32_t label) {
    for (int32_t i = 0; i < r->points; i++)
        if (r->frame[i] == frame && r->label[i] == label) return i;
    return -1;
}

static void read_points(recording *r, const char *path) {
    vg_error err = {0};
    char *text;
    size_t size;
    assert_ok(vg_file_load(&text, &size, path, &err));
    vg_lines lines = vg_lines_of(text, size);
    vg_span line;
    r->frame = calloc(2000, sizeof *r->frame), r->label = calloc(2000, sizeof *r->label);
    r->point = calloc(6000, sizeof *r->point);
    assert_true(vg_lines_next(&lines, &line));
    while (vg_lines_next(&lines, &line) && r->points < 2000) {
        double value[6];
        vg_span rest = line;
        for (int k = 0; k < 6; k++) assert_true(vg_span_double(vg_span_field(&rest, ','), value + k));
        char label[16];
        snprintf(label, sizeof label, "%.0f", value[2]);
        r->frame[r->points] = (int64_t)value[0], r->label[r->points] = vg_names_find(&r->seen.points, label);
        memcpy(r->point + 3 * r->points++, value + 3, 3 * sizeof(double));
    }
    free(text);
}

static bool recording_open(recording *r) {
    vg_error err = {0};
    const char *folder = vg_test_shared(FOLDER);
    if (!folder) return false;
    char path[1024];
    *r = (recording){0};
    snprintf(path, sizeof path, "%s/camera_array.toml", folder);
    assert_ok(vg_calibration_read(path, NULL, &r->set, &err));
    snprintf(path, sizeof path, "%s/calibration/extrinsic/CHARUCO/xy_CHARUCO.csv", folder);
    assert_ok(vg_sightings_read(&r->seen, path, &err));
    assert_ok(vg_sightings_match(&r->seen, &r->set, &err));
    snprintf(path, sizeof path, "%s/calibration/extrinsic/CHARUCO/xyz_CHARUCO.csv", folder);
    read_points(r, path);
    for (int32_t c = 0; c < r->set.cameras; c++) r->camera[c] = r->set.camera[c].camera;
    return true;
}

static void recording_close(recording *r) {
    vg_camera_set_free(&r->set);
    vg_sightings_free(&r->seen);
    free(r->frame), free(r->label), free(r->point), free(r->sighting);
}

static vg_bundle bundle_of(recording *r) {
    r->sighting = calloc(r->seen.count, sizeof *r->sighting);
    vg_bundle b = {.camera = r->camera,
                   .cameras = r->set.cameras,
                   .structures = r->points,
                   .point = r->point,
                   .sighting = r->sighting};
    for (size_t i = 0; i < r->seen.count; i++) {
        const vg_sighting *s = r->seen.sighting + i;
        const int32_t at = point_index(r, s->frame, s->point);
        if (at < 0) continue;
        r->sighting[b.sightings++] =
            (vg_bundle_sighting){.camera = s->camera, .structure = at, .u = s->u, .v = s->v, .weight = 1};
    }
    return b;
}

static void free_points_fit_as_well_as_the_best_known(void **state) {
    (void)state;
    recording r;
    if (!recording_open(&r)) skip();
    vg_error err = {0};
    vg_bundle b = bundle_of(&r);
    assert_int_equal(b.sightings, 2175);
    assert_int_equal(b.structures, 660);
    double *distance = malloc((size_t)b.sightings * sizeof *distance), sum = 0;
    vg_bundle_residuals(distance, &b);
    for (int32_t i = 0; i < b.sightings; i++) sum += distance[i] * distance[i] / b.sightings;
    free(distance);
    assert_close(sqrt(sum), 1.6625, 0.0005);
    vg_bundle_options options = vg_bundle_options_default();
    options.steps = 200;
    vg_bundle_result result;
    assert_ok(vg_bundle_adjust(&b, &options, &result, &err));
    assert_int_equal(result.used, 2175);
    assert_true(result.rms_px <= 1.559);
    print_message("free points: %.4f px after %d steps\n", result.rms_px, result.steps);
    recording_close(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(free_points_fit_as_well_as_the_best_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
