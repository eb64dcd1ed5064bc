/* The report of a demo or a training run: one HTML file that needs nothing else. */
#ifndef VG_CLI_REPORT_H
#define VG_CLI_REPORT_H

#include "agents/agents.h"
#include "cli/svg.h"

/* How training went: columns of curve.csv. */
typedef struct vg_report_curve {
    double *steps, *reward, *mpjpe_mm; /* [count] */
    size_t count;
} vg_report_curve;

vg_status vg_report_curve_load(vg_report_curve *curve, const char *path, vg_error *err);
void vg_report_curve_destroy(vg_report_curve *curve);

/* One policy over several seeds: the mean, and the standard deviation over the seeds. */
typedef struct vg_report_row {
    const char *name;
    double mpjpe_mm, mpjpe_std, median_mm, p95_mm;
    double success_rate, pck150, lost_joint_ratio, team_reward;
    int64_t violations;
} vg_report_row;

void vg_report_row_of(vg_report_row *row, const char *name, const vg_eval_result *results, size_t seeds);

typedef struct vg_report {
    const char *title, *subtitle;
    const vg_report_curve *curve;
    const vg_report_row *rows; /* the first is the baseline, the last the trained team */
    size_t row_count;
    const vg_episode *episode, *baseline; /* the trained team's and the baseline's on the same seed */
    const vg_world_info *world;
    const char *const (*settings)[2]; /* name, value */
    size_t setting_count;
} vg_report;

vg_status vg_report_write(const vg_report *report, const char *path, vg_error *err);
/* The rows as a text table. */
void vg_report_print(FILE *out, const vg_report_row *rows, size_t count);

#endif
