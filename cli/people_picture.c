/* Orthographic view of stick figures, drawn back to front by their distance. */
#include "cli/people_picture.h"

#include "common/text.h"
#include "common/transform.h"

#include <math.h>

#define WIDTH    900.0
#define MARGIN   20.0
#define INSTANTS 6
#define YAW      (-35 * VG_PI / 180)
#define PITCH    (18 * VG_PI / 180)

typedef struct view {
    double low[2], scale, height; /* of the drawing, in the turned metres of `project` */
} view;

/* Right and up in the picture, metres. */
static void project(double out[2], const double x[3]) {
    const double right = cos(YAW) * x[0] - sin(YAW) * x[1], away = sin(YAW) * x[0] + cos(YAW) * x[1];
    out[0] = right, out[1] = cos(PITCH) * x[2] + sin(PITCH) * away;
}

static void to_pixels(double out[2], const view *v, const double x[3]) {
    double p[2];
    project(p, x);
    out[0] = MARGIN + (p[0] - v->low[0]) * v->scale, out[1] = v->height - MARGIN - (p[1] - v->low[1]) * v->scale;
}

static const double *point_of(const vg_motion *m, int32_t frame, int32_t joint) {
    return m->positions + 3 * ((size_t)frame * (size_t)m->points + (size_t)joint);
}

/* Everyone's bounds on the floor, and those of the picture. */
static bool fit(view *v, double low[2], double high[2], const vg_motion *motions, int32_t people) {
    double left = 1e9, right = -1e9, bottom = 1e9, top = -1e9;
    low[0] = low[1] = 1e9, high[0] = high[1] = -1e9;
    for (int32_t i = 0; i < people; i++)
        for (int32_t f = 0; f < motions[i].frames; f++)
            for (int32_t j = 0; j < motions[i].points; j++) {
                const double *x = point_of(motions + i, f, j), floor[3] = {x[0], x[1], 0};
                double p[2], q[2];
                if (isnan(x[0])) continue;
                project(p, x), project(q, floor);
                for (int k = 0; k < 2; k++) low[k] = fmin(low[k], x[k]), high[k] = fmax(high[k], x[k]);
                left = fmin(left, p[0]), right = fmax(right, p[0]);
                bottom = fmin(bottom, fmin(p[1], q[1])), top = fmax(top, fmax(p[1], q[1]));
            }
    if (right < left) return false;
    v->low[0] = left - 0.3, v->low[1] = bottom - 0.3;
    v->scale = (WIDTH - 2 * MARGIN) / fmax(right - left + 0.6, 1.5);
    v->height = 2 * MARGIN + (top - bottom + 0.5) * v->scale;
    if (v->height > 2 * WIDTH) v->scale *= 2 * WIDTH / v->height, v->height = 2 * WIDTH;
    return true;
}

static void draw_segment(FILE *out, const view *v, const double a[3], const double b[3], const char *style) {
    double p[2], q[2];
    to_pixels(p, v, a), to_pixels(q, v, b);
    fprintf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" %s/>\n", p[0], p[1], q[0], q[1], style);
}

static void draw_floor(FILE *out, const view *v, const double low[2], const double high[2]) {
    const double x0 = floor(low[0]), x1 = ceil(high[0]), y0 = floor(low[1]), y1 = ceil(high[1]);
    if (x1 - x0 > 60 || y1 - y0 > 60) return;
    for (double x = x0; x <= x1; x++)
        draw_segment(out, v, (const double[3]){x, y0, 0}, (const double[3]){x, y1, 0}, "stroke=\"#8884\"");
    for (double y = y0; y <= y1; y++)
        draw_segment(out, v, (const double[3]){x0, y, 0}, (const double[3]){x1, y, 0}, "stroke=\"#8884\"");
}

static void draw_path(FILE *out, const view *v, const vg_motion *m, int32_t joint, const char *colour) {
    bool pen = false;
    if (joint < 0) return;
    fprintf(out, "<path fill=\"none\" stroke=\"%s\" stroke-opacity=\"0.45\" d=\"", colour);
    for (int32_t f = 0; f < m->frames; f += m->frames / 2000 + 1) {
        const double *x = point_of(m, f, joint);
        double p[2];
        if (isnan(x[0])) {
            pen = false;
            continue;
        }
        to_pixels(p, v, x);
        fprintf(out, "%c%.1f %.1f", pen ? 'L' : 'M', p[0], p[1]);
        pen = true;
    }
    fputs("\"/>\n", out);
}

/* Bones of the sides and the middle; those along which a stick figure is usually drawn. */
static void draw_person(FILE *out, const view *v, const vg_motion *m, int32_t frame, const vg_joint_set *set,
                        double strength) {
    for (int32_t b = 0; b < set->bones; b++) {
        const vg_bone *bone = set->bone + b;
        const double *p = point_of(m, frame, bone->a), *q = point_of(m, frame, bone->b);
        if (isnan(p[0]) || isnan(q[0])) continue;
        const char sides[2] = {set->names[bone->a][0], set->names[bone->b][0]};
        const bool pair = set->mirror[bone->a] != bone->a && set->mirror[bone->b] != bone->b && sides[0] == sides[1];
        char style[120];
        snprintf(style, sizeof style,
                 "stroke=\"%s\" stroke-opacity=\"%.2f\" stroke-width=\"%.1f\" stroke-linecap=\"round\"",
                 !pair             ? "#888"
                 : sides[0] == 'L' ? "#2a7de1"
                                   : "#d9443f",
                 strength, bone->length < 0.13 ? 1.5 : 3.0);
        draw_segment(out, v, p, q, style);
    }
}

vg_status vg_people_picture(const char *path, const vg_motion *motions, int32_t people, const vg_joint_set *set,
                            vg_error *err) {
    view v;
    double low[2], high[2];
    vg_file file;
    if (!fit(&v, low, high, motions, people)) return vg_fail(err, VG_INVALID, "%s: there is nobody to draw", path);
    VG_TRY(vg_file_create(&file, path, err));
    fprintf(file.stream, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\">\n", WIDTH,
            v.height, WIDTH);
    draw_floor(file.stream, &v, low, high);
    for (int32_t i = 0; i < people; i++) {
        draw_path(file.stream, &v, motions + i, vg_joint_set_find(set, VG_PART_L_ANKLE), "#2a7de1");
        draw_path(file.stream, &v, motions + i, vg_joint_set_find(set, VG_PART_R_ANKLE), "#d9443f");
    }
    for (int k = 0; k < INSTANTS; k++)
        for (int32_t i = 0; i < people; i++) {
            const int32_t last = motions[i].frames - 1;
            draw_person(file.stream, &v, motions + i, (int32_t)llround((double)last * k / (INSTANTS - 1)), set,
                        k == INSTANTS - 1 ? 1 : 0.15 + 0.35 * k / (INSTANTS - 1));
        }
    fputs("</svg>\n", file.stream);
    return vg_file_commit(&file, err);
}
