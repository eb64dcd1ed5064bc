/* curve.csv: what training looked like, one row an update, flushed as it is written. */
#include "daemon/internal.h"

#include "common/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void write_header(FILE *file) {
    size_t count;
    const vg_stat_field *fields = vg_train_stat_fields(&count);
    for (size_t i = 0; i < count; i++) fprintf(file, "%s%s", i ? "," : "", fields[i].name);
    fputc('\n', file);
}

vg_status vg_curve_open(vg_curve *curve, const char *folder, bool resume, vg_error *err) {
    *curve = (vg_curve){0};
    snprintf(curve->path, sizeof curve->path, "%s/curve.csv", folder);
    curve->resumed = resume && access(curve->path, R_OK) == 0;
    curve->file = fopen(curve->path, curve->resumed ? "a" : "w");
    if (!curve->file) return vg_fail(err, VG_IO, "%s: cannot be written: %s", curve->path, strerror(errno));
    if (!curve->resumed) write_header(curve->file);
    return VG_OK;
}

/* Drops the rows from update `first` on, and a last row that a kill cut short: the run resumed from an earlier
 * checkpoint and is about to write them again. */
static vg_status cut(vg_curve *curve, int64_t first, vg_error *err) {
    char *text;
    size_t size;
    fclose(curve->file);
    curve->file = NULL;
    VG_TRY(vg_file_load(&text, &size, curve->path, err));
    vg_file file;
    vg_status status = vg_file_create(&file, curve->path, err);
    if (status == VG_OK) {
        write_header(file.stream);
        vg_lines lines = vg_lines_of(text, size);
        vg_span line;
        while (vg_lines_next(&lines, &line)) {
            long update;
            vg_span rest = line;
            const bool whole = line.at + line.size < text + size;
            if (lines.number > 1 && whole && vg_span_int(vg_span_field(&rest, ','), &update) && update < first)
                fprintf(file.stream, "%.*s\n", (int)line.size, line.at);
        }
        status = vg_file_commit(&file, err);
    }
    free(text);
    if (status != VG_OK) return status;
    curve->file = fopen(curve->path, "a");
    if (!curve->file) return vg_fail(err, VG_IO, "%s: cannot be written: %s", curve->path, strerror(errno));
    return VG_OK;
}

vg_status vg_curve_add(vg_curve *curve, const vg_train_stats *stats, vg_error *err) {
    if (curve->resumed) {
        curve->resumed = false;
        VG_TRY(cut(curve, stats->updates, err));
    }
    size_t count;
    const vg_stat_field *fields = vg_train_stat_fields(&count);
    for (size_t i = 0; i < count; i++) {
        const void *at = (const char *)stats + fields[i].offset;
        char text[VG_NUMBER_SIZE];
        if (i) fputc(',', curve->file);
        if (fields[i].integer)
            fprintf(curve->file, "%lld", (long long)*(const int64_t *)at);
        else
            fputs(vg_number_text(text, *(const double *)at), curve->file);
    }
    fputc('\n', curve->file);
    if (fflush(curve->file) != 0 || ferror(curve->file))
        return vg_fail(err, VG_IO, "%s: cannot be written: %s; free some space", curve->path, strerror(errno));
    return VG_OK;
}

void vg_curve_close(vg_curve *curve) {
    if (curve->file) fclose(curve->file);
    curve->file = NULL;
}
