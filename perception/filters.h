/* Filters for curves over time: one coordinate of one joint, evenly sampled, NaN where lost.
 *
 * For recordings (they see the future): Hampel, Butterworth, Kalman with RTS smoother, One-Euro both ways, Gaussian, median,
 * gap filling. They work in place on each stretch between NaNs by itself and leave NaNs and stretches too short for them as
 * they are. Given Pose2Sim's parameters they give its results.
 * For live use (no look-ahead): vg_one_euro. */
#ifndef VG_PERCEPTION_FILTERS_H
#define VG_PERCEPTION_FILTERS_H

#include "common/status.h"
#include "perception/motion.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum vg_filter_kind {
    VG_FILTER_NONE = 0,
    VG_FILTER_BUTTERWORTH, /* zero phase: forwards and backwards */
    VG_FILTER_KALMAN,      /* constant acceleration, smoothed by Rauch, Tung and Striebel */
    VG_FILTER_ONE_EURO,    /* forwards and backwards */
    VG_FILTER_GAUSSIAN,
    VG_FILTER_MEDIAN,
    VG_FILTER_KINDS
} vg_filter_kind;

/* vg_filter_config_default() is valid as it is. Lengths in the curve's own unit. */
typedef struct vg_filter_config {
    int32_t kind;      /* vg_filter_kind */
    int32_t fill_gaps; /* frames; gaps up to this long are filled by a cubic spline first; 0 = none */
    int32_t
        fill_lines; /* frames; then those up to this long by straight lines: a spline's slopes would carry noise far */
    bool fill_ends; /* gaps before the first and after the last known value too, by going on, as Pose2Sim does */
    int32_t hampel_window;    /* frames, odd; outliers are replaced before the filter; 0 = none */
    double hampel_sigmas;     /* deviations from the window's median that make an outlier */
    int32_t order;            /* Butterworth: of both passes together; even, 2 to 16 */
    double cutoff;            /* Hz; Butterworth: of one pass; One-Euro: at rest */
    double trust;             /* Kalman: process noise (of the acceleration) over measurement noise */
    bool kalman_rough_start;  /* begin as Pose2Sim does: speeds per frame taken for speeds per second, one prediction
                                 before the first measurement */
    double one_euro_beta;     /* Hz per (unit/s): how speed raises the cut-off */
    double one_euro_d_cutoff; /* Hz, of the speed */
    double gaussian_sigma;    /* frames */
    int32_t median_window;    /* frames, odd */
    bool
        median_zero_edges; /* beyond its ends a curve counts as zero, as in scipy.signal.medfilt; else windows shrink */
} vg_filter_config;

vg_filter_config vg_filter_config_default(void);  /* gaps to 10 frames, Hampel 7 frames, Butterworth 4th order 6 Hz */
vg_filter_config vg_filter_config_pose2sim(void); /* the same kinds with Pose2Sim's defaults, gaps not filled */
/* `rate` is in frames a second. Names the field, its value and its bounds. */
vg_status vg_filter_config_check(const vg_filter_config *config, double rate, vg_error *err);
/* "none", "butterworth", "kalman", "one-euro", "gaussian", "median". */
vg_status vg_filter_kind_parse(const char *name, int32_t *kind, vg_error *err);
const char *vg_filter_kind_name(int32_t kind);

/* Gap filling, Hampel and the filter, in this order, on every coordinate of every point; residuals are kept. */
vg_status vg_filter_motion(vg_motion *motion, const vg_filter_config *config, vg_error *err);

/* One curve x [n]. False where memory is short; the curve is then unchanged. */
bool vg_filter_curve(double *x, int32_t n, double rate, const vg_filter_config *config);

/* The parts. x [n] without NaN, except for the first, whose gaps are NaN. `spare` holds as many doubles as is said. */
void vg_fill_gaps(double *x, int32_t n, int32_t longest, bool ends, double *spare /* 6 n */);
void vg_fill_lines(double *x, int32_t n, int32_t longest);
void vg_hampel(double *x, int32_t n, int32_t window, double sigmas, double *spare /* n + 2 window */);
void vg_butterworth(double *x, int32_t n, double rate, int32_t order, double cutoff, double *spare /* n + 60 */);
void vg_kalman_smooth(double *x, int32_t n, double rate, double trust, bool rough_start, double *spare /* 12 n */);
void vg_one_euro_smooth(double *x, int32_t n, double rate, double cutoff, double beta, double d_cutoff);
void vg_gaussian(double *x, int32_t n, double sigma, double *spare /* n */);
void vg_median(double *x, int32_t n, int32_t window, bool zero_edges, double *spare /* n + window */);

/* Casiez, Roussel, Vogel, "1 euro filter", CHI 2012. Zero-initialise `begun`. Its delay is about
 * 1 / (2 pi (cutoff + beta |speed|)) seconds. */
typedef struct vg_one_euro {
    double cutoff, beta, d_cutoff; /* Hz, Hz per (unit/s), Hz */
    double x, dx;                  /* the last output and its speed */
    bool begun;
} vg_one_euro;
double vg_one_euro_step(vg_one_euro *filter, double x, double dt);

#endif
