/* MoveNet multipose (Google, 2021; a CenterNet: Zhou, Wang, Kraehenbuehl, "Objects as points", 2019), run by OpenCV's DNN. The
 * network has four heads on a grid of 64 x 64 cells of the letterboxed picture:
 *   center    how much a person's centre is here
 *   regress   from a centre, roughly where each keypoint is (y, x in cells)
 *   heatmap   how much each keypoint, of anybody, is here
 *   offset    from a keypoint's cell to its exact place
 * A person is a peak of `center`; each keypoint is the cell of the highest heat / (distance to the regressed place + 1.8). */
#include "perception/movenet.h"

#include "calibration/cv_net.h"
#include "perception/blazepose.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 256, GRID = 64, CELLS = GRID * GRID, JOINTS = VG_MOVENET_JOINTS, HEADS = 4 };
static const double PERSON = 0.2; /* the least score of a person */
static const double REACH = 1.8;  /* cells */
static const char *const head_names[HEADS] = {"center", "regress", "heatmap", "offset"};

struct vg_movenet {
    vg_cv_net *net;
    float pixels[SIZE * SIZE * 3];
    float planes[3 * SIZE * SIZE];
    float center[CELLS];
    float regress[2 * JOINTS * CELLS]; /* [y0 x0 y1 x1 ...][cell] */
    float heatmap[JOINTS * CELLS];
    float offset[2 * JOINTS * CELLS];
};

vg_status vg_movenet_open(vg_movenet **out, const char *folder, vg_error *err) {
    char path[700];
    *out = NULL;
    vg_movenet *m = calloc(1, sizeof *m);
    if (!m) return vg_fail(err, VG_NO_MEMORY, "out of memory for the person detector");
    snprintf(path, sizeof path, "%.600s/movenet_multipose.pb", folder);
    const vg_status status = vg_cv_net_open(&m->net, path, err);
    if (status != VG_OK) {
        vg_movenet_close(m);
        return status;
    }
    *out = m;
    return VG_OK;
}

void vg_movenet_close(vg_movenet *m) {
    if (!m) return;
    vg_cv_net_close(m->net);
    free(m);
}

/* Whether no neighbour of a cell is higher (of equal ones the first counts). */
static bool is_peak(const float *heat, int cell) {
    const int y = cell / GRID, x = cell % GRID;
    for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++) {
            if (y + dy < 0 || y + dy >= GRID || x + dx < 0 || x + dx >= GRID) continue;
            const int other = (y + dy) * GRID + x + dx;
            if (heat[other] > heat[cell] || (heat[other] == heat[cell] && other < cell)) return false;
        }
    return true;
}

static void place_joint(vg_keypoint *out, const vg_movenet *m, int cell, int joint, const vg_letterbox *box) {
    const float *heat = m->heatmap + joint * CELLS;
    const double y = cell / GRID + (double)m->regress[2 * joint * CELLS + cell];
    const double x = cell % GRID + (double)m->regress[(2 * joint + 1) * CELLS + cell];
    double best = -1;
    int at = 0;
    for (int i = 0; i < CELLS; i++) {
        const double score = (double)heat[i] / (hypot(i / GRID - y, i % GRID - x) + REACH);
        if (score > best) best = score, at = i;
    }
    const double unit = (double)box->side / GRID;
    out->u = (float)((at % GRID + (double)m->offset[(2 * joint + 1) * CELLS + at]) * unit - box->left);
    out->v = (float)((at / GRID + (double)m->offset[2 * joint * CELLS + at]) * unit - box->top);
    out->confidence = heat[at];
}

/* Puts a centre among the surest. */
static void keep_centre(int cells[VG_DETECTOR_PEOPLE], int32_t *count, const float *center, int cell) {
    int32_t place = *count;
    while (place > 0 && center[cells[place - 1]] < center[cell]) place--;
    if (place == VG_DETECTOR_PEOPLE) return;
    if (*count < VG_DETECTOR_PEOPLE) (*count)++;
    for (int32_t i = *count - 1; i > place; i--) cells[i] = cells[i - 1];
    cells[place] = cell;
}

/* Two peaks of one person: most keypoints in the same places. */
static bool same_person(const vg_detected_person *a, const vg_detected_person *b, double near) {
    int same = 0;
    for (int j = 0; j < JOINTS; j++)
        same +=
            hypot((double)(a->keypoint[j].u - b->keypoint[j].u), (double)(a->keypoint[j].v - b->keypoint[j].v)) < near;
    return same > JOINTS / 2;
}

vg_status vg_movenet_run(vg_movenet *m, const vg_image *image, vg_detected *out, vg_error *err) {
    const vg_letterbox box = vg_letterbox_cut(m->pixels, SIZE, image, 127.5f, -1);
    for (int i = 0; i < SIZE * SIZE; i++)
        for (int k = 0; k < 3; k++) m->planes[k * SIZE * SIZE + i] = m->pixels[3 * i + k];
    float *const values[HEADS] = {m->center, m->regress, m->heatmap, m->offset};
    const size_t sizes[HEADS] = {CELLS, 2 * JOINTS * CELLS, JOINTS * CELLS, 2 * JOINTS * CELLS};
    VG_TRY(vg_cv_net_run(m->net, m->planes, 3, SIZE, SIZE, head_names, values, sizes, HEADS, err));
    int cells[VG_DETECTOR_PEOPLE];
    int32_t count = 0;
    for (int i = 0; i < CELLS; i++)
        if ((double)m->center[i] > PERSON && is_peak(m->center, i)) keep_centre(cells, &count, m->center, i);
    out->people = 0;
    for (int32_t p = 0; p < count; p++) {
        vg_detected_person *person = &out->person[out->people];
        *person = (vg_detected_person){.score = (double)m->center[cells[p]]};
        for (int j = 0; j < JOINTS; j++) place_joint(&person->keypoint[j], m, cells[p], j, &box);
        bool known = false;
        for (int32_t q = 0; q < out->people; q++)
            known = known || same_person(person, &out->person[q], 1.5 * box.side / GRID);
        out->people += !known;
    }
    return VG_OK;
}
