/* The report of a demo or a training run. */
#include "cli/report.h"

#include "common/text.h"
#include "daemon/daemon.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- curves ---- */

static int column_of(vg_span header, const char *name) {
    for (int i = 0; header.at; i++)
        if (vg_span_is(vg_span_trim(vg_span_field(&header, ',')), name)) return i;
    return -1;
}

static double field_of(vg_span line, int column) {
    double value = (double)NAN;
    for (int i = 0; line.at; i++) {
        const vg_span field = vg_span_field(&line, ',');
        if (i == column && vg_span_double(field, &value)) return value;
    }
    return (double)NAN;
}

vg_status vg_report_curve_load(vg_report_curve *curve, const char *path, vg_error *err) {
    *curve = (vg_report_curve){0};
    char *text;
    size_t size, rows = 0;
    VG_TRY(vg_file_load(&text, &size, path, err));
    for (size_t i = 0; i < size; i++) rows += text[i] == '\n';
    curve->steps = calloc(rows + 1, sizeof(double));
    curve->reward = calloc(rows + 1, sizeof(double));
    curve->mpjpe_mm = calloc(rows + 1, sizeof(double));
    vg_lines lines = vg_lines_of(text, size);
    vg_span line;
    if (!curve->steps || !curve->reward || !curve->mpjpe_mm || !vg_lines_next(&lines, &line)) {
        free(text);
        vg_report_curve_destroy(curve);
        return vg_fail(err, VG_CORRUPT, "%s: holds no curve", path);
    }
    const int steps = column_of(line, "env_steps"), reward = column_of(line, "team_reward"),
              mpjpe = column_of(line, "mpjpe_mm");
    while (curve->count <= rows && vg_lines_next(&lines, &line)) {
        const size_t i = curve->count;
        curve->steps[i] = field_of(line, steps);
        curve->reward[i] = field_of(line, reward);
        curve->mpjpe_mm[i] = field_of(line, mpjpe);
        if (isfinite(curve->steps[i])) curve->count++;
    }
    free(text);
    return VG_OK;
}

void vg_report_curve_destroy(vg_report_curve *curve) {
    free(curve->steps);
    free(curve->reward);
    free(curve->mpjpe_mm);
    *curve = (vg_report_curve){0};
}

/* ---- rows ---- */

void vg_report_row_of(vg_report_row *row, const char *name, const vg_eval_result *r, size_t seeds) {
    *row = (vg_report_row){.name = name};
    const double n = (double)seeds;
    for (size_t i = 0; i < seeds; i++) {
        row->mpjpe_mm += r[i].mpjpe_mm.mean / n;
        row->median_mm += r[i].mpjpe_mm.median / n;
        row->p95_mm += r[i].mpjpe_mm.p95 / n;
        row->success_rate += r[i].success_rate / n;
        row->pck150 += r[i].pck150 / n;
        row->lost_joint_ratio += r[i].lost_joint_ratio / n;
        row->team_reward += r[i].team_reward / n;
        row->violations += r[i].violations_box + r[i].violations_camera_camera + r[i].violations_camera_person +
                           r[i].violations_camera_obstacle;
    }
    for (size_t i = 0; i < seeds; i++)
        row->mpjpe_std += (r[i].mpjpe_mm.mean - row->mpjpe_mm) * (r[i].mpjpe_mm.mean - row->mpjpe_mm);
    row->mpjpe_std = seeds > 1 ? sqrt(row->mpjpe_std / (n - 1)) : 0;
}

void vg_report_print(FILE *out, const vg_report_row *rows, size_t count) {
    fprintf(out, "%-10s %18s %10s %10s %10s %10s %10s %8s\n", "policy", "MPJPE mm", "median", "p95", "<= 200 mm",
            "PCK 150", "lost", "reward");
    for (size_t i = 0; i < count; i++) {
        const vg_report_row *r = &rows[i];
        char mpjpe[48];
        snprintf(mpjpe, sizeof mpjpe, "%.1f +- %.1f", r->mpjpe_mm, r->mpjpe_std);
        fprintf(out, "%-10s %18s %10.1f %10.1f %9.1f%% %9.1f%% %9.2f%% %8.3f\n", r->name, mpjpe, r->median_mm,
                r->p95_mm, r->success_rate * 100, r->pck150 * 100, r->lost_joint_ratio * 100, r->team_reward);
    }
}

/* ---- the page ---- */

static const char style[] =
    ":root{--bg:#f5f7fa;--card:#fff;--ink:#1c2330;--muted:#667085;--grid:#dfe4ec;--target:#d1344b;--person:#98a2b3;"
    "--c0:#0072b2;--c1:#e69f00;--c2:#009e73;--c3:#cc79a7;--c4:#56b4e9;--c5:#d55e00;--c6:#7a5cc9;--c7:#8a7a00}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#12161d;--card:#1b212b;--ink:#e8ecf2;--muted:#98a3b5;--grid:#313a48;"
    "--target:#ff6b7f;--person:#667085;--c0:#4fb0ea;--c1:#f2b632;--c2:#2fc79b;--c3:#e39ac3;--c4:#7fc9f3;--c5:#ff8a3d;"
    "--c6:#a68ce8;--c7:#c7b63a}}\n"
    "*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"
    "'Segoe UI',Roboto,sans-serif}main{max-width:1120px;margin:0 auto;padding:32px 20px 56px}"
    "h1{font-size:30px;margin:0;letter-spacing:-.02em}h2{font-size:18px;margin:0 0 12px}p{margin:4px 0 0}"
    ".sub{color:var(--muted);margin-bottom:24px}"
    ".card{background:var(--card);border:1px solid var(--grid);border-radius:12px;padding:20px;margin-top:20px}"
    ".grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(420px,1fr));gap:20px}.grid .card{margin-top:0}"
    ".facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(200px,1fr));gap:20px;margin-top:24px}"
    ".facts .card{margin:0}.fact{font-size:34px;font-weight:700;letter-spacing:-.02em;line-height:1.15}"
    ".note,figcaption{color:var(--muted);font-size:14px}figure{margin:0}svg{display:block;width:100%;height:auto}"
    "svg text{font:12px system-ui,sans-serif;fill:var(--muted)}svg .t{font-size:14px;font-weight:600;fill:var(--ink)}"
    "svg .g{stroke:var(--grid)}svg .n{fill:var(--card);font-weight:700;font-size:11px}"
    "svg .o{fill:var(--muted);fill-opacity:.45;stroke:var(--muted)}"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}"
    "th,td{padding:8px 12px;text-align:right;border-bottom:1px solid var(--grid);white-space:nowrap}"
    "th:first-child,td:first-child{text-align:left}th{color:var(--muted);font-weight:600;font-size:14px}"
    "tr:last-child td{border-bottom:0}tr.best td{font-weight:700}"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 20px;margin:0}dt{color:var(--muted)}"
    "dd{margin:0;overflow-wrap:anywhere}.key{display:inline-block;width:10px;height:10px;border-radius:5px;margin:0 "
    "4px 0 12px}\n"
    "@media(max-width:480px){.grid{grid-template-columns:1fr}}";

static void write_facts(FILE *out, const vg_report *r) {
    const vg_report_row *base = &r->rows[0], *team = &r->rows[r->row_count - 1];
    const double lower = (1 - team->mpjpe_mm / base->mpjpe_mm) * 100;
    fputs("<div class=\"facts\">\n", out);
    fprintf(out,
            "<div class=\"card\"><div class=\"note\">Trained team</div><div class=\"fact\">%.0f mm</div>"
            "<div class=\"note\">MPJPE of the target, ± %.0f over seeds</div></div>\n",
            team->mpjpe_mm, team->mpjpe_std);
    fputs("<div class=\"card\"><div class=\"note\">", out);
    vg_svg_text(out, base->name);
    fprintf(out,
            " cameras</div><div class=\"fact\">%.0f mm</div>"
            "<div class=\"note\">MPJPE of the target, ± %.0f over seeds</div></div>\n",
            base->mpjpe_mm, base->mpjpe_std);
    fprintf(out,
            "<div class=\"card\"><div class=\"note\">Difference</div><div class=\"fact\">%.0f %%</div>"
            "<div class=\"note\">%s error than the %s cameras, on seeds that training never saw</div></div>\n",
            fabs(lower), lower >= 0 ? "lower" : "higher", base->name);
    fputs("</div>\n", out);
}

static void write_rows(FILE *out, const vg_report *r) {
    size_t best = 0;
    for (size_t i = 1; i < r->row_count; i++)
        if (r->rows[i].mpjpe_mm < r->rows[best].mpjpe_mm) best = i;
    fputs("<div class=\"card\"><h2>Results</h2><div class=\"scroll\"><table>\n<tr><th>policy</th><th>MPJPE "
          "(mm)</th><th>median</th>"
          "<th>95th percentile</th><th>≤ 200 mm</th><th>PCK 150 mm</th><th>lost joints</th><th>team reward</th>"
          "<th>violations</th></tr>\n",
          out);
    for (size_t i = 0; i < r->row_count; i++) {
        const vg_report_row *row = &r->rows[i];
        fprintf(out, "<tr%s><td>", i == best ? " class=\"best\"" : "");
        vg_svg_text(out, row->name);
        fprintf(out,
                "</td><td>%.1f ± %.1f</td><td>%.1f</td><td>%.1f</td><td>%.1f %%</td><td>%.1f %%</td><td>%.2f %%</td>"
                "<td>%.3f</td><td>%lld</td></tr>\n",
                row->mpjpe_mm, row->mpjpe_std, row->median_mm, row->p95_mm, row->success_rate * 100, row->pck150 * 100,
                row->lost_joint_ratio * 100, row->team_reward, (long long)row->violations);
    }
    fputs("</table></div><p class=\"note\">Mean over the seeds; ± is the standard deviation over the seeds. MPJPE: "
          "mean distance "
          "between a joint's estimate and its true place. Violations: steps in which a camera was too close to "
          "another, to "
          "a person or to an obstacle, or outside its box.</p></div>\n",
          out);
}

static void write_curves(FILE *out, const vg_report *r) {
    const vg_report_curve *c = r->curve;
    const vg_series reward = {"team reward", 0, c->steps, c->reward, c->count, true};
    const vg_series mpjpe = {"MPJPE", 5, c->steps, c->mpjpe_mm, c->count, true};
    const vg_chart charts[2] = {
        {"Team reward while learning", "environment steps", "reward per step", &reward, 1, 560, false},
        {"MPJPE of the target while learning", "environment steps", "mm", &mpjpe, 1, 560, true}};
    fputs("<div class=\"grid\" style=\"margin-top:20px\">\n", out);
    for (int i = 0; i < 2; i++) {
        fputs("<div class=\"card\">", out);
        vg_svg_chart(out, &charts[i]);
        fputs("</div>\n", out);
    }
    fputs("</div>\n", out);
}

/* The error of the two teams at each moment of the same episode. */
static vg_status write_episode_error(FILE *out, const vg_report *r, vg_error *err) {
    const int32_t steps = r->episode->steps > r->baseline->steps ? r->episode->steps : r->baseline->steps;
    double *seconds = malloc(((size_t)steps + 1) * sizeof(double));
    if (!seconds) return vg_fail(err, VG_NO_MEMORY, "cannot allocate a chart");
    for (int32_t t = 0; t < steps; t++) seconds[t] = t * r->world->step_seconds;
    const vg_series series[2] = {{r->rows[0].name, 1, seconds, r->baseline->mpjpe_mm, (size_t)r->baseline->steps, true},
                                 {"trained", 0, seconds, r->episode->mpjpe_mm, (size_t)r->episode->steps, true}};
    vg_svg_chart(out, &(vg_chart){"MPJPE of the target in this episode, the same people on the same paths", "seconds",
                                  "mm", series, 2, 1100, true});
    free(seconds);
    return VG_OK;
}

static void write_view(FILE *out, const vg_report *r, const vg_episode *episode, const char *title) {
    fprintf(out, "<div class=\"card\"><h2>%s</h2>", title);
    vg_svg_top_view(out, episode, r->world, false);
    fputs("</div>\n", out);
}

static vg_status write_episode(FILE *out, const vg_report *r, vg_error *err) {
    fputs("<div class=\"grid\" style=\"margin-top:20px\">\n", out);
    write_view(out, r, r->episode, "One episode from above: the trained team");
    write_view(out, r, r->baseline, "The same episode: the baseline team");
    fprintf(
        out,
        "</div>\n<p class=\"note\">The first %.0f seconds on a seed that training never saw. Rings mark where a track "
        "begins; tracks "
        "grow stronger towards the end; wedges show where the cameras look at the end. <span class=\"key\" "
        "style=\"background:var(--target)\"></span>target<span class=\"key\" "
        "style=\"background:var(--person)\"></span>other people<span class=\"key\" "
        "style=\"background:var(--c0)\"></span>cameras, numbered</p>\n<div class=\"card\">",
        VG_TOP_VIEW_SECONDS);
    const vg_status status = write_episode_error(out, r, err);
    fputs("</div>\n", out);
    return status;
}

static void write_settings(FILE *out, const vg_report *r) {
    fputs("<div class=\"card\"><h2>How this was made</h2><dl>\n", out);
    for (size_t i = 0; i < r->setting_count; i++) {
        fputs("<dt>", out);
        vg_svg_text(out, r->settings[i][0]);
        fputs("</dt><dd>", out);
        vg_svg_text(out, r->settings[i][1]);
        fputs("</dd>\n", out);
    }
    fputs("</dl></div>\n", out);
}

vg_status vg_report_write(const vg_report *r, const char *path, vg_error *err) {
    VG_ASSERT(r->row_count >= 2);
    vg_file file;
    VG_TRY(vg_file_create(&file, path, err));
    FILE *out = file.stream;
    fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
          "content=\"width=device-width,initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\"><title>",
          out);
    vg_svg_text(out, r->title);
    fprintf(out, "</title>\n<style>%s</style></head>\n<body><main>\n<h1>", style);
    vg_svg_text(out, r->title);
    fputs("</h1>\n<p class=\"sub\">", out);
    vg_svg_text(out, r->subtitle);
    fputs("</p>\n", out);
    write_facts(out, r);
    write_rows(out, r);
    write_curves(out, r);
    const vg_status status = write_episode(out, r, err);
    write_settings(out, r);
    fprintf(out, "<p class=\"note\" style=\"margin-top:20px\">Vergence %s</p>\n</main></body></html>\n", VG_VERSION);
    if (status == VG_OK) return vg_file_commit(&file, err);
    vg_file_abandon(&file);
    return status;
}
