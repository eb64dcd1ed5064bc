/* Pictures as inline SVG. */
#include "cli/svg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void vg_svg_text(FILE *out, const char *text) {
    for (; *text; text++) {
        switch (*text) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputc(*text, out);
        }
    }
}

/* ---- line charts --------------------------------------------------------------------------------------------------- */

enum { CHART_H = 300, LEFT = 58, RIGHT = 14, TOP = 34, BOTTOM = 44, MOST_POINTS = 600 };

typedef struct axis {
    double low, high, step; /* of the data, and between two ticks */
} axis;

/* Round ticks: 1, 2 or 5 times a power of ten, about `wanted` of them. */
static axis round_axis(double low, double high, int wanted) {
    if (!(high > low)) {
        const double pad = fabs(low) > 0 ? fabs(low) * 0.1 : 1;
        low -= pad, high += pad;
    }
    const double raw = (high - low) / wanted, power = pow(10, floor(log10(raw))), part = raw / power;
    const double step = power * (part < 1.5 ? 1 : part < 3.5 ? 2 : part < 7.5 ? 5 : 10);
    return (axis){floor(low / step) * step, ceil(high / step) * step, step};
}

static void find_range(const vg_chart *chart, double x[2], double y[2]) {
    x[0] = y[0] = HUGE_VAL, x[1] = y[1] = -HUGE_VAL;
    for (size_t s = 0; s < chart->count; s++)
        for (size_t i = 0; i < chart->series[s].count; i++) {
            const double u = chart->series[s].x[i], v = chart->series[s].y[i];
            if (!isfinite(u) || !isfinite(v)) continue;
            x[0] = fmin(x[0], u), x[1] = fmax(x[1], u);
            y[0] = fmin(y[0], v), y[1] = fmax(y[1], v);
        }
    if (!(x[0] <= x[1])) x[0] = 0, x[1] = 1, y[0] = 0, y[1] = 1; /* nothing to draw */
    if (chart->from_zero) y[0] = fmin(y[0], 0);
}

static double place(double value, axis a, double from, double to) {
    return from + (value - a.low) / (a.high - a.low) * (to - from);
}

static void tick_text(FILE *out, double value, double step) {
    if (fabs(value) < step * 1e-9)
        fputc('0', out);
    else if (step >= 1e6 || fabs(value) >= 1e6)
        fprintf(out, "%gM", value / 1e6);
    else if (step >= 1e3 || fabs(value) >= 1e4)
        fprintf(out, "%gk", value / 1e3);
    else
        fprintf(out, "%g", value);
}

static void draw_axes(FILE *out, const vg_chart *chart, axis x, axis y) {
    fprintf(out, "<text class=\"t\" x=\"%d\" y=\"18\">", LEFT);
    vg_svg_text(out, chart->title);
    fputs("</text>\n", out);
    for (double v = y.low; v <= y.high + y.step * 0.5; v += y.step) {
        const double at = place(v, y, CHART_H - BOTTOM, TOP);
        fprintf(out, "<line class=\"g\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>", LEFT, chart->width - RIGHT, at,
                at);
        fprintf(out, "<text class=\"a\" text-anchor=\"end\" x=\"%d\" y=\"%.1f\">", LEFT - 8, at + 4);
        tick_text(out, v, y.step);
        fputs("</text>\n", out);
    }
    for (double v = x.low; v <= x.high + x.step * 0.5; v += x.step) {
        const double at = place(v, x, LEFT, chart->width - RIGHT);
        fprintf(out, "<text class=\"a\" text-anchor=\"middle\" x=\"%.1f\" y=\"%d\">", at, CHART_H - BOTTOM + 17);
        tick_text(out, v, x.step);
        fputs("</text>\n", out);
    }
    fprintf(out, "<text class=\"a\" text-anchor=\"middle\" x=\"%d\" y=\"%d\">", (LEFT + chart->width - RIGHT) / 2,
            CHART_H - 8);
    vg_svg_text(out, chart->x_label);
    fprintf(out, "</text>\n<text class=\"a\" text-anchor=\"middle\" transform=\"translate(14 %d) rotate(-90)\">",
            (TOP + CHART_H - BOTTOM) / 2);
    vg_svg_text(out, chart->y_label);
    fputs("</text>\n", out);
}

/* The mean of the finite values within `half` points on both sides. */
static double running_mean(const double *y, size_t count, size_t at, size_t half) {
    double sum = 0;
    size_t n = 0;
    for (size_t i = at > half ? at - half : 0; i < count && i <= at + half; i++)
        if (isfinite(y[i])) sum += y[i], n++;
    return n ? sum / (double)n : (double)NAN;
}

static void draw_line(FILE *out, const vg_chart *chart, const vg_series *s, axis x, axis y, size_t half,
                      const char *style) {
    const size_t stride = s->count / MOST_POINTS + 1;
    bool pen = false;
    fprintf(out, "<path fill=\"none\" stroke=\"var(--c%d)\" %s d=\"", s->colour & 7, style);
    for (size_t i = 0; i < s->count; i += stride) {
        /* between two strides the mean stands for the points left out */
        const double v = running_mean(s->y, s->count, i, half > stride / 2 ? half : stride / 2);
        if (!isfinite(v) || !isfinite(s->x[i])) {
            pen = false;
            continue;
        }
        fprintf(out, "%c%.1f %.1f", pen ? 'L' : 'M', place(s->x[i], x, LEFT, chart->width - RIGHT),
                place(v, y, CHART_H - BOTTOM, TOP));
        pen = true;
    }
    fputs("\"/>\n", out);
}

static void draw_legend(FILE *out, const vg_chart *chart) {
    int at = chart->width - RIGHT;
    for (size_t s = chart->count; s-- > 0;) {
        const vg_series *series = &chart->series[s];
        at -= (int)strlen(series->label) * 7 + 6;
        fprintf(out, "<text class=\"a\" x=\"%d\" y=\"18\">", at);
        vg_svg_text(out, series->label);
        fprintf(out,
                "</text><line x1=\"%d\" x2=\"%d\" y1=\"14\" y2=\"14\" stroke-width=\"3\" stroke=\"var(--c%d)\"/>\n",
                at - 20, at - 5, series->colour & 7);
        at -= 32;
    }
}

void vg_svg_chart(FILE *out, const vg_chart *chart) {
    double xr[2], yr[2];
    find_range(chart, xr, yr);
    axis x = round_axis(xr[0], xr[1], chart->width / 90);
    const axis y = round_axis(yr[0], yr[1], 5);
    x.low = fmin(x.low, xr[0]);
    fprintf(out, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", chart->width, CHART_H);
    vg_svg_text(out, chart->title);
    fputs("\">\n", out);
    draw_axes(out, chart, x, y);
    for (size_t s = 0; s < chart->count; s++) {
        const vg_series *series = &chart->series[s];
        if (series->smooth) {
            draw_line(out, chart, series, x, y, 0, "stroke-width=\"1\" opacity=\"0.3\"");
            draw_line(out, chart, series, x, y, series->count / 40 + 1,
                      "stroke-width=\"2.2\" stroke-linejoin=\"round\"");
        } else {
            draw_line(out, chart, series, x, y, 0, "stroke-width=\"1.8\" stroke-linejoin=\"round\"");
        }
    }
    if (chart->count > 1) draw_legend(out, chart);
    fputs("</svg>\n", out);
}

/* ---- episodes ------------------------------------------------------------------------------------------------------ */

vg_status vg_episode_create(vg_episode *e, int32_t steps, int32_t people, int32_t cameras, vg_error *err) {
    VG_ASSERT(steps > 0 && people > 0 && cameras > 0);
    *e = (vg_episode){.capacity = steps, .people = people, .cameras = cameras};
    const size_t T = (size_t)steps, P = (size_t)people, C = (size_t)cameras;
    e->people_xy = malloc(T * P * 2 * sizeof(float));
    e->cameras_xy = malloc(T * C * 2 * sizeof(float));
    e->looks_xy = malloc(T * C * 2 * sizeof(float));
    e->mpjpe_mm = malloc(T * sizeof(double));
    if (e->people_xy && e->cameras_xy && e->looks_xy && e->mpjpe_mm) return VG_OK;
    vg_episode_destroy(e);
    return vg_fail(err, VG_NO_MEMORY, "cannot allocate an episode of %d steps", steps);
}

void vg_episode_destroy(vg_episode *e) {
    free(e->people_xy);
    free(e->cameras_xy);
    free(e->looks_xy);
    free(e->mpjpe_mm);
    *e = (vg_episode){0};
}

/* The mean of a person's joints; NaN where nothing is known. */
static void person_place(const vg_frame *frame, const vg_skeletons *skeletons, int32_t p, float out[2]) {
    const int32_t J = frame->dims.joints;
    float sum[2] = {0, 0}, n = 0;
    for (int32_t j = 0; j < J && vg_frame_present(frame)[p]; j++) {
        const float *at = NULL;
        if (frame->flags & VG_FRAME_TRUTH)
            at = vg_frame_truth(frame) + ((size_t)p * (size_t)J + (size_t)j) * 3;
        else if (p < skeletons->people && j < skeletons->joints) {
            const vg_joint *joint = vg_skeletons_joints(skeletons) + (size_t)p * (size_t)skeletons->joints + (size_t)j;
            if (joint->state != VG_JOINT_LOST) at = joint->position;
        }
        if (at) sum[0] += at[0], sum[1] += at[1], n++;
    }
    out[0] = n > 0 ? sum[0] / n : NAN;
    out[1] = n > 0 ? sum[1] / n : NAN;
}

void vg_episode_add(vg_episode *e, const vg_frame *frame, const vg_skeletons *skeletons, double mpjpe_mm) {
    if (e->steps >= e->capacity) return;
    const size_t t = (size_t)e->steps++;
    e->target = frame->target;
    e->mpjpe_mm[t] = mpjpe_mm;
    for (int32_t p = 0; p < e->people; p++) {
        float *out = e->people_xy + (t * (size_t)e->people + (size_t)p) * 2;
        out[0] = out[1] = NAN;
        if (p < frame->dims.people) person_place(frame, skeletons, p, out);
    }
    for (int32_t c = 0; c < e->cameras && c < frame->dims.cameras; c++) {
        const vg_camera *camera = vg_frame_cameras(frame) + c;
        float *at = e->cameras_xy + (t * (size_t)e->cameras + (size_t)c) * 2;
        float *look = e->looks_xy + (t * (size_t)e->cameras + (size_t)c) * 2;
        for (int i = 0; i < 2; i++) { /* centre -R^T t; optical axis: third row of R */
            at[i] = (float)-(camera->R[i] * camera->t[0] + camera->R[3 + i] * camera->t[1] +
                             camera->R[6 + i] * camera->t[2]);
            look[i] = (float)camera->R[6 + i];
        }
    }
}

/* ---- the top view -------------------------------------------------------------------------------------------------- */

enum { VIEW = 620, MARGIN = 30, SHADES = 6 };

typedef struct view {
    double low[2], scale; /* metres to pixels; y runs up */
} view;

static double vx(const view *v, double x) {
    return MARGIN + (x - v->low[0]) * v->scale;
}
static double vy(const view *v, double y) {
    return VIEW - MARGIN - (y - v->low[1]) * v->scale;
}

static void grow(double low[2], double high[2], double x, double y) {
    if (!isfinite(x) || !isfinite(y)) return;
    low[0] = fmin(low[0], x), high[0] = fmax(high[0], x);
    low[1] = fmin(low[1], y), high[1] = fmax(high[1], y);
}

static view fit(const vg_episode *e, const vg_world_info *info) {
    double low[2] = {-1, -1}, high[2] = {1, 1};
    for (int i = 0; i < 2; i++) {
        low[i] = fmin((double)info->camera_low[i], (double)info->area_low[i]);
        high[i] = fmax((double)info->camera_high[i], (double)info->area_high[i]);
    }
    for (size_t i = 0; i < (size_t)e->steps * (size_t)e->cameras; i++)
        grow(low, high, (double)e->cameras_xy[2 * i], (double)e->cameras_xy[2 * i + 1]);
    const double size = fmax(fmax(high[0] - low[0], high[1] - low[1]), 1);
    view v = {.scale = (VIEW - 2 * MARGIN) / size};
    for (int i = 0; i < 2; i++) v.low[i] = 0.5 * (low[i] + high[i]) - 0.5 * size;
    return v;
}

static void draw_rectangle(FILE *out, const view *v, const float low[2], const float high[2], const char *style) {
    fprintf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" %s/>\n", vx(v, (double)low[0]),
            vy(v, (double)high[1]), (double)(high[0] - low[0]) * v->scale, (double)(high[1] - low[1]) * v->scale,
            style);
}

static void draw_place(FILE *out, const view *v, const vg_world_info *info) {
    fprintf(out, "<rect width=\"%d\" height=\"%d\" fill=\"var(--card)\"/>\n", VIEW, VIEW);
    draw_rectangle(out, v, info->area_low, info->area_high, "fill=\"var(--grid)\" fill-opacity=\"0.35\"");
    draw_rectangle(out, v, info->camera_low, info->camera_high,
                   "fill=\"none\" stroke=\"var(--muted)\" stroke-dasharray=\"4 4\"");
    for (int32_t i = 0; i < info->obstacle_count && i < VG_MAX_OBSTACLES; i++) {
        const vg_obstacle *o = &info->obstacles[i];
        const double x = vx(v, (double)o->centre[0]), y = vy(v, (double)o->centre[1]);
        const double half[2] = {(double)o->half[0] * v->scale, (double)o->half[1] * v->scale};
        if (o->kind == VG_OBSTACLE_CYLINDER)
            fprintf(out, "<circle class=\"o\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"/>\n", x, y, half[0]);
        else
            fprintf(out,
                    "<rect class=\"o\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" transform=\"rotate(%.2f "
                    "%.1f %.1f)\"/>\n",
                    x - half[0], y - half[1], 2 * half[0], 2 * half[1], -(double)o->yaw * 180 / M_PI, x, y);
    }
}

/* A track that grows stronger as time goes by, so that its direction can be seen. `xy` [T, stride / 2, 2] at its first point. */
static void draw_track(FILE *out, const view *v, const float *xy, size_t stride, int32_t steps, const char *colour,
                       double width) {
    const int32_t thin = steps / 400 + 1;
    for (int32_t shade = 0; shade < SHADES; shade++) {
        const int32_t from = steps * shade / SHADES, to = steps * (shade + 1) / SHADES;
        bool pen = false;
        fprintf(
            out,
            "<path fill=\"none\" stroke=\"%s\" stroke-width=\"%.1f\" stroke-linecap=\"round\" opacity=\"%.2f\" d=\"",
            colour, width, 0.25 + 0.75 * (shade + 1) / SHADES);
        for (int32_t t = from; t <= to && t<steps; t += t + thin> to && t < to ? to - t : thin) {
            const float *at = xy + (size_t)t * stride;
            if (!isfinite(at[0]) || !isfinite(at[1])) {
                pen = false;
                continue;
            }
            fprintf(out, "%c%.1f %.1f", pen ? 'L' : 'M', vx(v, (double)at[0]), vy(v, (double)at[1]));
            pen = true;
        }
        fputs("\"/>", out);
    }
    fputc('\n', out);
}

/* Where a track begins: a ring; where it ends (`last` may be NULL): a disc. */
static void draw_ends(FILE *out, const view *v, const float *first, const float *last, const char *colour, double r) {
    if (isfinite(first[0]))
        fprintf(out,
                "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"var(--card)\" stroke=\"%s\" stroke-width=\"2\"/>",
                vx(v, (double)first[0]), vy(v, (double)first[1]), r, colour);
    if (last && isfinite(last[0]))
        fprintf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"%s\"/>\n", vx(v, (double)last[0]),
                vy(v, (double)last[1]), r, colour);
}

/* A camera at its last place: a wedge along its view and a numbered disc. */
static void draw_camera(FILE *out, const view *v, const float *at, const float *look, int32_t index,
                        const char *colour) {
    const double x = vx(v, (double)at[0]), y = vy(v, (double)at[1]);
    const double angle = atan2(-(double)look[1], (double)look[0]), reach = 46, half = 45 * M_PI / 180;
    fprintf(out, "<path fill=\"%s\" opacity=\"0.22\" d=\"M%.1f %.1fL%.1f %.1fL%.1f %.1fZ\"/>", colour, x, y,
            x + reach * cos(angle - half), y + reach * sin(angle - half), x + reach * cos(angle + half),
            y + reach * sin(angle + half));
    fprintf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"9\" fill=\"%s\"/>", x, y, colour);
    fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"n\" text-anchor=\"middle\">%d</text>\n", x, y + 4, index + 1);
}

static void draw_scale(FILE *out, const view *v) {
    const double metres = v->scale > 60 ? 1 : v->scale > 12 ? 5 : 20;
    const double x = MARGIN, y = VIEW - 12;
    fprintf(out, "<path d=\"M%.1f %.1fv-4h%.1fv4\" fill=\"none\" stroke=\"var(--muted)\"/>", x, y, metres * v->scale);
    fprintf(out, "<text class=\"a\" x=\"%.1f\" y=\"%.1f\">%g m</text>\n", x + metres * v->scale + 6, y, metres);
}

void vg_svg_top_view(FILE *out, const vg_episode *episode, const vg_world_info *info, bool standalone) {
    vg_episode shown = *episode;
    const vg_episode *e = &shown;
    const double steps = VG_TOP_VIEW_SECONDS / (info->step_seconds > 0 ? info->step_seconds : 1);
    if (shown.steps > steps) shown.steps = (int32_t)steps;
    const view v = fit(e, info);
    fprintf(out, "<svg %sviewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"Top view of one episode\">\n",
            standalone ? "xmlns=\"http://www.w3.org/2000/svg\" " : "", VIEW, VIEW);
    if (standalone)
        fputs("<style>svg{--ink:#1c2330;--muted:#6b7688;--grid:#dfe4ec;--card:#fff;--target:#d1344b;--person:#98a2b3;"
              "--c0:#0072b2;--c1:#e69f00;--c2:#009e73;--c3:#cc79a7;--c4:#56b4e9;--c5:#d55e00;--c6:#7a5cc9;--c7:#8a7a00}"
              "text{font:12px system-ui,sans-serif;fill:var(--muted)}.n{fill:#fff;font-weight:700;font-size:11px}"
              ".o{fill:var(--muted);fill-opacity:.45;stroke:var(--muted)}</style>\n",
              out);
    draw_place(out, &v, info);
    const size_t P = (size_t)e->people, C = (size_t)e->cameras, last = e->steps > 0 ? (size_t)e->steps - 1 : 0;
    for (int pass = 0; e->steps > 0 && pass < 2; pass++) /* the target on top */
        for (size_t p = 0; p < P; p++) {
            if (((int32_t)p == e->target) != (pass == 1)) continue;
            const char *colour = pass ? "var(--target)" : "var(--person)";
            const float *xy = e->people_xy + p * 2;
            draw_track(out, &v, xy, P * 2, e->steps, colour, pass ? 3 : 1.5);
            draw_ends(out, &v, xy, xy + last * P * 2, colour, pass ? 6 : 3.5);
        }
    for (size_t c = 0; e->steps > 0 && c < C; c++) {
        char colour[16];
        snprintf(colour, sizeof colour, "var(--c%zu)", c % 8);
        const float *xy = e->cameras_xy + c * 2;
        draw_track(out, &v, xy, C * 2, e->steps, colour, 2);
        draw_ends(out, &v, xy, NULL, colour, 4);
        draw_camera(out, &v, xy + last * C * 2, e->looks_xy + (last * C + c) * 2, (int32_t)c, colour);
    }
    draw_scale(out, &v);
    fputs("</svg>\n", out);
}
