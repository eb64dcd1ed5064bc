/* TRC, C3D, CSV and JSON lines: real files against the vendor's export, exact round trips, unit and axes changes, and
 * what wrong files are told. */
#include "common/text.h"
#include "perception/motion_c3d.h"
#include "tests/support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *out_path(const char *name) {
    static char paths[4][4200];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", vg_test_folder(), name);
    return path;
}

static bool same_number(double a, double b) {
    return a == b || (isnan(a) && isnan(b));
}

static void assert_same_points(const vg_motion *a, const vg_motion *b, bool residuals) {
    assert_int_equal(a->frames, b->frames);
    assert_int_equal(a->points, b->points);
    assert_int_equal(a->unit, b->unit);
    assert_int_equal(a->axes, b->axes);
    assert_true(a->rate == b->rate);
    const size_t n = (size_t)a->frames * (size_t)a->points;
    for (int32_t p = 0; p < a->points; p++) assert_string_equal(a->names[p], b->names[p]);
    assert_memory_equal(a->numbers, b->numbers, sizeof *a->numbers * (size_t)a->frames);
    assert_memory_equal(a->times, b->times, sizeof *a->times * (size_t)a->frames);
    for (size_t i = 0; i < 3 * n; i++) assert_true(same_number(a->positions[i], b->positions[i]));
    for (size_t i = 0; residuals && i < n; i++) assert_true(same_number(a->residuals[i], b->residuals[i]));
    assert_int_equal(a->covariances != NULL, b->covariances != NULL);
    for (size_t i = 0; a->covariances && i < 6 * n; i++) assert_true(same_number(a->covariances[i], b->covariances[i]));
}

/* Walking-sized random points with losses; as floats, so that every format can hold them. */
static vg_motion random_motion(uint32_t stream, int32_t frames, int32_t points) {
    vg_error err = {0};
    vg_rng rng = vg_test_rng(stream);
    vg_motion m;
    assert_ok(vg_motion_create(&m, frames, points, 60, &err));
    for (int32_t p = 0; p < points; p++) snprintf(m.names[p], VG_MOTION_NAME, "P%d:joint %d", p / 20, p);
    for (size_t i = 0; i < (size_t)frames * (size_t)points; i++) {
        if (vg_rng_below(&rng, 10) == 0) continue;
        for (int k = 0; k < 3; k++) m.positions[3 * i + (size_t)k] = (double)vg_rng_range(&rng, -3, 3);
        m.residuals[i] = (double)vg_rng_below(&rng, 200) * 1e-4;
    }
    return m;
}

/* --- TRC ----------------------------------------------------------------------------------------------------------- */

static void trc_files_of_several_programs_read(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int32_t frames, points;
        double rate, first; /* the first coordinate of the file */
        bool cut;           /* says more frames than it holds */
    } files[] = {
        {"pose2sim/single/pose-3d/S00_P00_T01_BalancingTrial_0-100.trc", 100, 21, 60, -0.06497214796810755, false},
        {"pose2sim/single/pose-3d/S00_P00_T01_BalancingTrial_0-100_filt_butterworth_LSTM.trc", 100, 64, 60, -0.0649978,
         false},
        {"pose2sim/filters/single_0-99.trc", 100, 21, 60, -0.06497214796810755, false},
        {"pyomeca/markers.trc", 93, 51, 100, 733.7041, true},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        const char *path = vg_test_shared(files[i].name);
        if (!path) skip();
        vg_error err = {0};
        vg_motion m, again;
        vg_motion_options options = vg_motion_options_default();
        options.axes = VG_AXES_Y_UP_YZX;
        if (files[i].cut) {
            assert_error(vg_motion_read(path, &options, &m, &err), VG_CORRUPT, "NumFrames: 652");
            options.allow_short = true;
        }
        assert_ok(vg_motion_read(path, &options, &m, &err));
        assert_int_equal(m.frames, files[i].frames);
        assert_int_equal(m.points, files[i].points);
        assert_true(m.rate == files[i].rate);
        assert_true(m.positions[0] == files[i].first);
        const char *copy = out_path("copy.trc");
        assert_ok(vg_trc_write(copy, &m, &err));
        assert_ok(vg_motion_read(copy, NULL, &again, &err));
        assert_same_points(&m, &again, false);
        vg_motion_free(&m);
        vg_motion_free(&again);
    }
}

/* --- C3D ----------------------------------------------------------------------------------------------------------- */

static void c3d_reads_to_the_vendors_text_export(void **state) {
    (void)state;
    const char *path = vg_test_shared("pyomeca/markers_analogs.c3d"), *text = vg_test_shared("pyomeca/markers.csv");
    if (!path || !text) skip();
    vg_error err = {0};
    vg_c3d c;
    assert_ok(vg_c3d_read(path, NULL, &c, &err));
    assert_int_equal(c.points.frames, 580);
    assert_int_equal(c.points.points, 51);
    assert_int_equal(c.points.unit, VG_UNIT_MILLIMETRE);
    assert_true(c.is_float);
    assert_close(c.scale, 0.01, 1e-9);
    assert_close(c.points.rate, 100, 0);
    assert_int_equal(c.analog_channels, 38);
    assert_int_equal(c.analog_per_frame, 20);
    assert_close(vg_c3d_analog(&c, 0, 0), -0.022051572799682617, 1e-12);
    const double first[3] = {44.16279, -276.86194, 675.69684};
    for (int i = 0; i < 3; i++) assert_close(c.points.positions[i], first[i], 1e-5);

    double mean[3] = {0};
    int valid = 0;
    for (int32_t i = 0; i < 580 * 51; i++) {
        if (isnan(c.points.positions[3 * i])) continue;
        valid++;
        for (int k = 0; k < 3; k++) mean[k] += c.points.positions[3 * i + k];
    }
    assert_close(100.0 * valid / (580 * 51), 98.97, 0.005);
    static const double expected_mean[3] = {563.2758, 283.7956, 604.8866}; /* summed in single precision */
    for (int k = 0; k < 3; k++) assert_close(mean[k] / valid, expected_mean[k], 3e-3);

    /* the export: names in line 3, then six significant digits from line 6 on; empty where a point is lost */
    char *data;
    size_t size;
    assert_ok(vg_file_load(&data, &size, text, &err));
    vg_lines lines = vg_lines_of(data, size);
    vg_span line;
    int compared = 0;
    while (vg_lines_next(&lines, &line)) {
        if (lines.number == 3)
            for (int32_t i = -2; i < 51 * 3; i++) {
                const vg_span field = line.at ? vg_span_field(&line, ',') : (vg_span){0};
                if (i >= 0 && i % 3 == 0) assert_true(vg_span_is(field, c.points.names[i / 3]));
            }
        if (lines.number < 6 || !vg_span_trim(line).size) continue;
        const int32_t frame = lines.number - 6;
        assert_in_range(frame, 0, 579);
        for (int32_t i = -2; i < 51 * 3; i++) {
            double expected = (double)NAN;
            const vg_span field = line.at ? vg_span_trim(vg_span_field(&line, ',')) : (vg_span){0};
            if (i < 0) continue;
            const double got = c.points.positions[frame * 153 + i];
            if (!field.size) {
                assert_true(isnan(got));
                continue;
            }
            assert_true(vg_span_double(field, &expected));
            assert_close(got, expected, 5.1e-6 * fmax(fabs(expected), 1));
            compared++;
        }
    }
    assert_int_equal(compared, 3 * valid);
    free(data);
    vg_c3d_free(&c);
}

static void assert_same_c3d(const vg_c3d *a, const vg_c3d *b) {
    assert_same_points(&a->points, &b->points, true);
    assert_int_equal(a->processor, b->processor);
    assert_int_equal(a->is_float, b->is_float);
    assert_true(a->scale == b->scale);
    assert_int_equal(a->analog_channels, b->analog_channels);
    assert_int_equal(a->analog_per_frame, b->analog_per_frame);
    const size_t points = (size_t)a->points.frames * (size_t)a->points.points;
    const size_t samples = (size_t)a->points.frames * (size_t)(a->analog_channels * a->analog_per_frame);
    assert_memory_equal(a->cameras, b->cameras, points);
    if (samples) assert_memory_equal(a->analog, b->analog, samples * sizeof *a->analog);
    assert_int_equal(a->events, b->events);
    for (int32_t i = 0; i < a->events; i++) {
        assert_close(a->event[i].time, b->event[i].time, 1e-5);
        assert_string_equal(a->event[i].label, b->event[i].label);
        assert_string_equal(a->event[i].context, b->event[i].context);
    }
}

static void c3d_written_again_keeps_everything(void **state) {
    (void)state;
    const char *path = vg_test_shared("pyomeca/markers_analogs.c3d");
    if (!path) skip();
    vg_error err = {0};
    vg_c3d a, b;
    assert_ok(vg_c3d_read(path, NULL, &a, &err));
    /* every processor keeps every value: all three float formats hold the same numbers in this range */
    for (int32_t processor = VG_C3D_INTEL; processor <= VG_C3D_MIPS; processor++) {
        a.processor = processor;
        const char *copy = out_path("copy.c3d");
        assert_ok(vg_c3d_write(copy, &a, &err));
        assert_ok(vg_c3d_read(copy, NULL, &b, &err));
        assert_same_c3d(&a, &b);
        assert_int_equal(a.parameters, b.parameters);
        for (int32_t i = 0; i < a.parameters; i++) {
            const vg_c3d_parameter *p = &a.parameter[i], *q = &b.parameter[i];
            assert_string_equal(p->group, q->group);
            assert_string_equal(p->name, q->name);
            assert_string_equal(p->description, q->description);
            assert_int_equal(p->type, q->type);
            assert_int_equal(p->locked, q->locked);
            assert_int_equal(p->bytes, q->bytes);
            if (strcmp(p->name, "DATA_START") != 0 && p->bytes) assert_memory_equal(p->data, q->data, (size_t)p->bytes);
        }
        vg_c3d_free(&b);
    }
    vg_c3d_free(&a);
}

static void c3d_of_whole_numbers_with_analog_and_events_round_trips(void **state) {
    (void)state;
    vg_error err = {0};
    vg_rng rng = vg_test_rng(7);
    for (int32_t processor = VG_C3D_INTEL; processor <= VG_C3D_MIPS; processor++) {
        vg_c3d a = {.processor = processor, .scale = 0.125, .analog_channels = 3, .analog_per_frame = 4}, b;
        assert_ok(vg_motion_create(&a.points, 50, 7, 120, &err));
        a.points.unit = VG_UNIT_MILLIMETRE;
        for (int32_t f = 0; f < 50; f++) a.points.numbers[f] = 100 + f;
        for (int32_t p = 0; p < 7; p++) snprintf(a.points.names[p], VG_MOTION_NAME, "marker%d", p);
        a.cameras = calloc(350, 1);
        a.analog = calloc(600, sizeof *a.analog);
        a.event = calloc(2, sizeof *a.event);
        a.events = 2;
        a.event[0] = (vg_c3d_event){.time = 0.25, .label = "Foot Strike", .context = "Left"};
        a.event[1] = (vg_c3d_event){.time = 75.5, .label = "Foot Off", .context = "Right"};
        for (int i = 0; i < 350; i++) {
            if (vg_rng_below(&rng, 5) == 0) continue;
            for (int k = 0; k < 3; k++)
                a.points.positions[3 * i + k] = ((double)vg_rng_below(&rng, 65536) - 32768) * a.scale;
            a.points.residuals[i] = (double)vg_rng_below(&rng, 256) * a.scale;
            a.cameras[i] = (uint8_t)vg_rng_below(&rng, 128);
        }
        for (int i = 0; i < 600; i++) a.analog[i] = (float)vg_rng_below(&rng, 65536) - 32768;
        const char *path = out_path("whole.c3d");
        assert_ok(vg_c3d_write(path, &a, &err));
        assert_ok(vg_c3d_read(path, NULL, &b, &err));
        assert_same_c3d(&a, &b);
        vg_c3d_free(&a);
        vg_c3d_free(&b);
    }
}

static void c3d_holds_more_than_255_points_and_65535_frames(void **state) {
    (void)state;
    vg_error err = {0};
    vg_motion many = random_motion(8, 4, 600), back;
    assert_ok(vg_c3d_write_motion(out_path("many.c3d"), &many, &err));
    assert_ok(vg_motion_read(out_path("many.c3d"), NULL, &back, &err));
    assert_string_equal(back.names[599], many.names[599]);
    assert_same_points(&many, &back, false);
    vg_motion_free(&many);
    vg_motion_free(&back);
    vg_motion tall = random_motion(9, 70000, 2);
    assert_ok(vg_c3d_write_motion(out_path("tall.c3d"), &tall, &err));
    assert_ok(vg_motion_read(out_path("tall.c3d"), NULL, &back, &err));
    assert_int_equal(back.frames, 70000);
    assert_int_equal(back.numbers[69999], 70000);
    vg_motion_free(&tall);
    vg_motion_free(&back);
}

static void a_c3d_cut_anywhere_gives_an_error_that_names_it(void **state) {
    (void)state;
    vg_error err = {0};
    vg_motion m = random_motion(10, 10, 5);
    assert_ok(vg_c3d_write_motion(out_path("cut.c3d"), &m, &err));
    vg_motion_free(&m);
    char *data;
    size_t size;
    assert_ok(vg_file_load(&data, &size, out_path("cut.c3d"), &err));
    const size_t frames_end = size - size % 512; /* the last block is padded */
    for (size_t n = 0; n + 512 < frames_end; n += 7) {
        char *part = malloc(n + 1); /* its own block, so that reading beyond it shows */
        memcpy(part, data, n);
        vg_error cut = {0};
        assert_true(vg_c3d_parse_motion("cut.c3d", part, n, NULL, &m, &cut) != VG_OK);
        assert_non_null(strstr(cut.message, "cut.c3d"));
        free(part);
    }
    free(data);
}

/* --- all formats ----------------------------------------------------------------------------------------------------- */

static void every_format_keeps_what_it_can_hold(void **state) {
    (void)state;
    static const char *const names[] = {"a.trc", "a.c3d", "a.csv", "a.jsonl"};
    vg_error err = {0};
    for (int unit = VG_UNIT_METRE; unit <= VG_UNIT_CENTIMETRE; unit++)
        for (int axes = 0; axes < VG_AXES_COUNT; axes++)
            for (int k = 0; k < 4; k++) {
                vg_motion m = random_motion((uint32_t)(20 + k), 12, 9), back;
                vg_motion_convert(&m, (vg_unit)unit, (vg_axes)axes);
                for (int i = 0; k == 1 && i < 12 * 9 * 3; i++) /* C3D holds floats */
                    m.positions[i] = (double)(float)m.positions[i];
                assert_ok(vg_motion_write(out_path(names[k]), &m, &err));
                assert_ok(vg_motion_read(out_path(names[k]), NULL, &back, &err));
                assert_same_points(&m, &back, k >= 2);
                vg_motion_free(&m);
                vg_motion_free(&back);
            }
}

static void csv_and_json_lines_keep_covariances(void **state) {
    (void)state;
    static const char *const names[] = {"c.csv", "c.jsonl"};
    vg_error err = {0};
    for (int k = 0; k < 2; k++) {
        vg_motion m = random_motion(30, 6, 4), back;
        assert_ok(vg_motion_add_covariances(&m, &err));
        vg_rng rng = vg_test_rng(31);
        for (int i = 0; i < 6 * 4 * 6; i++)
            if (!isnan(m.positions[i / 6 * 3])) m.covariances[i] = (double)vg_rng_normal(&rng) * 1e-5;
        assert_ok(vg_motion_write(out_path(names[k]), &m, &err));
        assert_ok(vg_motion_read(out_path(names[k]), NULL, &back, &err));
        assert_same_points(&m, &back, true);
        vg_motion_free(&m);
        vg_motion_free(&back);
    }
}

static void changing_axes_and_unit_there_and_back_is_exact_and_right(void **state) {
    (void)state;
    vg_error err = {0};
    vg_motion m;
    assert_ok(vg_motion_create(&m, 1, 1, 60, &err));
    assert_ok(vg_motion_add_covariances(&m, &err));
    static const double world[3] = {1, 2, 3};
    static const double expected[VG_AXES_COUNT][3] = {{1, 2, 3}, {1, 3, -2}, {2, 3, 1}, {1, -3, 2}};
    for (int a = 0; a < VG_AXES_COUNT; a++)
        for (int b = 0; b < VG_AXES_COUNT; b++) {
            memcpy(m.positions, expected[a], sizeof world);
            m.axes = a;
            for (int i = 0; i < 6; i++) m.covariances[i] = i + 1;
            vg_motion_convert(&m, VG_UNIT_MILLIMETRE, (vg_axes)b);
            for (int i = 0; i < 3; i++) assert_true(m.positions[i] == 1000 * expected[b][i]);
            vg_motion_convert(&m, VG_UNIT_METRE, (vg_axes)a);
            for (int i = 0; i < 3; i++) assert_true(m.positions[i] == expected[a][i]);
            for (int i = 0; i < 6; i++) assert_close(m.covariances[i], i + 1, 1e-12);
        }
    vg_motion_free(&m);
}

/* --- wrong files ----------------------------------------------------------------------------------------------------- */

static const char trc[] =
    "PathFileType\t4\t(X/Y/Z)\ta.trc\n"
    "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames\n"
    "60\t60\t2\t2\tm\t60\t1\t2\n"
    "Frame#\tTime\tHip\t\t\tKnee\t\t\n"
    "\t\tX1\tY1\tZ1\tX2\tY2\tZ2\n"
    "1\t0\t0\t0\t1\t0.1\t0\t0.5\n"
    "2\t0.0166\t0\t0\t1\t\t\t\n";

static void wrong_trc_files_are_told_field_value_and_mend(void **state) {
    (void)state;
    static const char *const edits[][3] = {
        {"60\t60\t2", "sixty\t60\t2", "DataRate: `sixty`; give the frames a second"},
        {"\tm\t", "\tfurlong\t", "Units: `furlong`; write m, cm or mm"},
        {"60\t60\t2\t2", "60\t60\t2\t3", "marker 3 of 3"},
        {"60\t60\t2\t2", "60\t60\t3\t2", "NumFrames: 3, but only 2 rows"},
        {"60\t60\t2\t2", "60\t60\t1\t2", "NumFrames: 1, but more rows follow"},
        {"0.1\t0\t0.5", "0.1\t0\t-", "line 6: Z of marker `Knee`: `-` is not a number"},
        {"0.1\t0\t0.5", "0.1", "line 6: 6 columns, where 2 markers need 8"},
        {"0.1\t0\t0.5", "900\t0\t500", "Units: m, but its points lie up to"},
        {"\tm\t", "\tmm\t", "look like metres"},
        {"PathFileType", "PathFile", "not a TRC file"},
        {"0\t0\t1\t0.1\t0\t0.5\n2\t0.0166\t0\t0\t1", "nan\tnan\tnan\t\t\t\n2\t0.0166\t\t\t", "none of its 2 frames"},
    };
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        char text[1024];
        const char *at = strstr(trc, edits[i][0]);
        assert_non_null(at);
        const int n =
            snprintf(text, sizeof text, "%.*s%s%s", (int)(at - trc), trc, edits[i][1], at + strlen(edits[i][0]));
        vg_error err = {0};
        vg_motion m;
        const vg_status status = vg_trc_parse("a.trc", text, (size_t)n, NULL, &m, &err);
        if (status == VG_OK || !strstr(err.message, edits[i][2]) || !strstr(err.message, "a.trc"))
            fail_msg("`%s` -> `%s`: `%s` lacks `%s`", edits[i][0], edits[i][1], err.message, edits[i][2]);
        assert_null(m.positions);
    }
}

static void wrong_csv_and_json_lines_are_told_where(void **state) {
    (void)state;
    static const char *const csv[][2] = {
        {"frame,time,a_x,a_y\n1,0,1,2\n", "every point needs the same ones"},
        {"frame,time,a_x,a_y,a_z,b_x,b_y,a_z\n", "column 8 is `a_z`, where `b_z`"},
        {"# unit parsec\nframe,time,a_x,a_y,a_z\n1,0,1,2,3\n", "unit: `parsec`"},
        {"# rate 60\nframe,time,a_x,a_y,a_z\n1,0,1,2\n", "line 3: 4 columns where the header has 5"},
        {"# rate 60\nframe,time,a_x,a_y,a_z\n1,0,1,two,3\n", "line 3: a_y: `two`"},
        {"frame,time,a_x,a_y,a_z\n1,0,1,2,3\n", "add `# rate 60`"},
        {"# rate 60\nframe,time,a_x,a_y,a_z\n1,0,,,nan\n", "none of its 1 frames"},
        {"", "empty"},
    };
    static const char *const json[][2] = {
        {"{\"format\":\"x\"}", "format: `x`"},
        {"{\"format\":\"vergence-motion\",\"unit\":\"m\",\"rate\":60,\"points\":[]}", "points: 0 names"},
        {"{\"format\":\"vergence-motion\",\"unit\":\"ell\",\"rate\":60,\"points\":[\"a\"]}", "unit: `ell`"},
        {"{\"format\":\"vergence-motion\",\"unit\":\"m\",\"rate\":0,\"points\":[\"a\"]}", "rate: 0"},
        {"{\"format\":\"vergence-motion\",\"unit\":\"m\",\"rate\":60,\"points\":[\"a\"]}\n{\"frame\":1,\"time\":0,"
         "\"positions\":[]}",
         "line 2: positions: 0 entries"},
        {"{\"format\":\"vergence-motion\",\"unit\":\"m\",\"rate\":60,\"points\":[\"a\"]}\n{\"frame\":1,\"ti", "line 2"},
        {"", "empty"},
    };
    vg_motion m;
    for (size_t i = 0; i < sizeof csv / sizeof csv[0]; i++) {
        vg_error err = {0};
        assert_true(vg_csv_parse("a.csv", csv[i][0], strlen(csv[i][0]), NULL, &m, &err) != VG_OK);
        if (!strstr(err.message, csv[i][1])) fail_msg("csv %zu: `%s` lacks `%s`", i, err.message, csv[i][1]);
    }
    for (size_t i = 0; i < sizeof json / sizeof json[0]; i++) {
        vg_error err = {0};
        assert_true(vg_jsonl_parse("a.jsonl", json[i][0], strlen(json[i][0]), NULL, &m, &err) != VG_OK);
        if (!strstr(err.message, json[i][1])) fail_msg("json %zu: `%s` lacks `%s`", i, err.message, json[i][1]);
    }
    vg_error err = {0};
    assert_error(vg_motion_write("/tmp/x.xyz", &m, &err), VG_UNSUPPORTED, ".trc, .c3d");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trc_files_of_several_programs_read),
        cmocka_unit_test(c3d_reads_to_the_vendors_text_export),
        cmocka_unit_test(c3d_written_again_keeps_everything),
        cmocka_unit_test(c3d_of_whole_numbers_with_analog_and_events_round_trips),
        cmocka_unit_test(c3d_holds_more_than_255_points_and_65535_frames),
        cmocka_unit_test(a_c3d_cut_anywhere_gives_an_error_that_names_it),
        cmocka_unit_test(every_format_keeps_what_it_can_hold),
        cmocka_unit_test(csv_and_json_lines_keep_covariances),
        cmocka_unit_test(changing_axes_and_unit_there_and_back_is_exact_and_right),
        cmocka_unit_test(wrong_trc_files_are_told_field_value_and_mend),
        cmocka_unit_test(wrong_csv_and_json_lines_are_told_where),
    };
    return cmocka_run_group_tests_name("motion_files", tests, NULL, NULL);
}
