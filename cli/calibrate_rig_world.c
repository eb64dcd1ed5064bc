/* The scale, the floor and the origin of a rig; what it measures. */
#include "cli/calibrate_rig.h"

#include "common/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EYE_TO_ANKLE 0.897 /* of the height: eyes at 0.936, ankles at 0.039 (Drillis and Contini 1966) */
#define ANKLE_HEIGHT 0.08  /* metres */
#define HEEL_HEIGHT  0.03

/* The points that lengths are measured between: those adjusted, or the corners placed anew. */
static const vg_tracks *measured(const rig_job *job) {
    return job->tracks.bundle.board ? &job->corners : &job->tracks;
}

/* Boards: each corner by itself, from the cameras as they stand. */
static vg_status place_corners(rig_job *job, vg_error *err) {
    vg_tracks_free(&job->corners);
    const vg_tracks_options options = {.one_weight = true};
    VG_TRY(vg_tracks_create(&job->corners, &job->seen, &job->set, &options, err));
    memcpy(job->corners.bundle.camera, job->tracks.bundle.camera,
           (size_t)job->tracks.bundle.cameras * sizeof *job->tracks.bundle.camera);
    return vg_rig_place_points(&job->corners.bundle, job->request->threshold_px, err);
}

/* ---- scale ---------------------------------------------------------------------------------------------------------------------- */

/* A-B=METRES */
static vg_status parse_length(int32_t ends[2], double *metres, const char *text, const vg_names *names, vg_error *err) {
    const char *equals = strrchr(text, '=');
    char *end = NULL;
    if (equals) *metres = strtod(equals + 1, &end);
    for (const char *dash = strchr(text, '-'); equals && dash && dash < equals; dash = strchr(dash + 1, '-')) {
        char name[2][VG_CAMERA_NAME];
        vg_span_copy(name[0], sizeof name[0], (vg_span){text, (size_t)(dash - text)});
        vg_span_copy(name[1], sizeof name[1], (vg_span){dash + 1, (size_t)(equals - dash - 1)});
        for (int e = 0; e < 2; e++) ends[e] = vg_names_find(names, name[e]);
        if (ends[0] >= 0 && ends[1] >= 0 && *end == '\0' && end != equals + 1 && *metres > 0 && isfinite(*metres))
            return VG_OK;
    }
    char list[256] = "";
    for (int32_t i = 0; i < names->count && strlen(list) < 200; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? ", " : "", names->name[i]);
    return vg_fail(err, VG_INVALID, "--length is `%.60s`; write A-B=METRES, where A and B are two of the points: %s",
                   text, list);
}

/* The mean of what the given lengths say of the scale. */
static vg_status scale_by_lengths(double *scale, const rig_job *job, vg_error *err) {
    double sum = 0;
    for (size_t i = 0; i < job->request->lengths.count; i++) {
        int32_t ends[2] = {-1, -1};
        double metres = 0;
        VG_TRY(parse_length(ends, &metres, job->request->lengths.text[i], &job->seen.points, err));
        vg_length_check check;
        VG_TRY(vg_check_length(&check, measured(job), ends[0], ends[1], err));
        if (check.count == 0)
            return vg_fail(err, VG_FAILED, "--length %s: the two points were never placed in the same frame",
                           job->request->lengths.text[i]);
        sum += log(metres / check.median);
    }
    *scale = exp(sum / (double)job->request->lengths.count);
    return VG_OK;
}

static int32_t point_of_part(const rig_job *job, vg_part part) {
    for (int32_t j = 0; j < job->joints.joints; j++)
        if (job->joints.part[j] == (int32_t)part) return vg_names_find(&job->seen.points, job->joints.names[j]);
    return -1;
}

/* The median length of a bone given by its parts; 0 where a part is missing. */
static double bone(const rig_job *job, vg_part a, vg_part b) {
    const int32_t ends[2] = {point_of_part(job, a), point_of_part(job, b)};
    vg_length_check check;
    vg_error ignored;
    if (ends[0] < 0 || ends[1] < 0 || vg_check_length(&check, measured(job), ends[0], ends[1], &ignored) != VG_OK)
        return 0;
    return check.count ? check.median : 0;
}

/* From ankle to eye along the bones: shank, thigh, trunk, head. In the rig's unit. */
static double eye_height(const rig_job *job) {
    double legs = 0, sides = 0, trunk = 0, head = 0;
    for (int side = 0; side < 2; side++) {
        const double shank = bone(job, (vg_part)(VG_PART_L_KNEE + side), (vg_part)(VG_PART_L_ANKLE + side));
        const double thigh = bone(job, (vg_part)(VG_PART_L_HIP + side), (vg_part)(VG_PART_L_KNEE + side));
        const double side_trunk = bone(job, (vg_part)(VG_PART_L_HIP + side), (vg_part)(VG_PART_L_SHOULDER + side));
        const double side_head = bone(job, (vg_part)(VG_PART_L_SHOULDER + side), (vg_part)(VG_PART_L_EYE + side));
        if (!(shank > 0 && thigh > 0 && side_trunk > 0)) continue;
        legs += shank + thigh, trunk += side_trunk, sides++;
        head += side_head > 0 ? side_head : 0.14 * (shank + thigh + side_trunk);
    }
    return sides > 0 ? (legs + trunk + head) / sides : 0;
}

static vg_status find_scale(double *scale, rig_job *job, vg_error *err) {
    *scale = 1;
    if (job->tracks.bundle.board) {
        job->scale_by = "the board";
    } else if (job->request->lengths.count) {
        VG_TRY(scale_by_lengths(scale, job, err));
        job->scale_by = "the lengths given";
    } else if (job->request->height > 0) {
        const double eyes = eye_height(job);
        if (!(eyes > 0))
            return vg_fail(err, VG_FAILED,
                           "--height: the points have no hips, knees, ankles and shoulders with known "
                           "names; give --length A-B=METRES");
        *scale = EYE_TO_ANKLE * job->request->height / eyes;
        job->scale_by = "the person's height, to about 3 %";
    } else if (job->has_board) {
        VG_TRY(vg_check_board(&job->squares, &job->flatness, measured(job), &job->seen, err));
        if (job->squares.count) *scale = job->squares.expected / job->squares.mean;
        job->scale_by = "the board's squares";
    } else if (job->request->start) {
        job->scale_by = "the calibration's places";
    } else {
        job->scale_by = "nothing: the first pair of cameras counts as 1 m apart; give --length or --height";
    }
    return VG_OK;
}

/* ---- floor ------------------------------------------------------------------------------------------------------------------------ */

/* The points of left and right `parts`, as far as there are any. */
static int32_t points_of(int32_t *out, const rig_job *job, const vg_part *parts, int32_t count) {
    int32_t n = 0;
    for (int32_t p = 0; p < count; p++)
        for (int side = 0; side < 2; side++) {
            const int32_t point = point_of_part(job, (vg_part)(parts[p] + (vg_part)side));
            if (point >= 0) out[n++] = point;
        }
    return n;
}

static vg_status floor_by_feet(vg_similarity *world, rig_job *job, vg_error *err) {
    static const vg_part soles[] = {VG_PART_L_HEEL, VG_PART_L_BIG_TOE}, ankles[] = {VG_PART_L_ANKLE},
                         trunk[] = {VG_PART_L_HIP, VG_PART_L_SHOULDER};
    int32_t feet[4], weight[4];
    vg_floor_points which = {.foot = feet, .trunk = weight, .foot_height = HEEL_HEIGHT};
    which.feet = points_of(feet, job, soles, 2);
    which.trunks = points_of(weight, job, trunk, 2);
    if (which.feet == 0) which.feet = points_of(feet, job, ankles, 1), which.foot_height = ANKLE_HEIGHT;
    if (which.feet == 0 || which.trunks == 0)
        return vg_fail(err, VG_FAILED,
                       "--floor feet: the points have no %s with known names; use OpenPose keypoints, or --floor board",
                       which.feet ? "hips or shoulders" : "heels, toes or ankles");
    VG_TRY(vg_floor_from_feet(&job->ground, measured(job), &which, err));
    *world = vg_floor_world(&job->ground, job->tracks.bundle.camera);
    return VG_OK;
}

/* The board's pose in the frame of --origin-frame: as adjusted, or fitted to its corners. */
static vg_status floor_by_board(vg_similarity *world, const rig_job *job, vg_error *err) {
    const vg_tracks *t = &job->tracks;
    for (int32_t k = 0; k < t->bundle.structures && t->bundle.board; k++)
        if (t->frame[k] == job->request->origin_frame && isfinite(t->bundle.board[k].t[0])) {
            *world = vg_board_world(t->bundle.board + k, t->bundle.camera, t->bundle.cameras);
            return VG_OK;
        }
    return vg_fail(err, VG_NOT_FOUND,
                   t->bundle.board ? "--origin-frame %lld: no board was placed in that frame"
                                   : "--floor board: the points of frame %lld are no rigid board; "
                                     "leave --corners free out",
                   (long long)job->request->origin_frame);
}

static void move(rig_job *job, const vg_similarity *by) {
    vg_rig_move(&job->tracks.bundle, by);
    if (job->corners.bundle.structures) vg_rig_move(&job->corners.bundle, by);
}

vg_status rig_choose_world(rig_job *job, vg_error *err) {
    const char *floor = job->request->floor;
    job->flatness = (double)NAN;
    if (job->tracks.bundle.board) VG_TRY(place_corners(job, err));
    double scale;
    VG_TRY(find_scale(&scale, job, err));
    const vg_similarity grow = {scale, {{1, 0, 0, 0, 1, 0, 0, 0, 1}, {0}}};
    move(job, &grow);
    job->scale = scale;
    if (floor) {
        vg_similarity world = grow;
        VG_TRY(strcmp(floor, "feet") == 0 ? floor_by_feet(&world, job, err) : floor_by_board(&world, job, err));
        move(job, &world);
        job->has_floor = true;
    }
    if (job->has_board) VG_TRY(vg_check_board(&job->squares, &job->flatness, measured(job), &job->seen, err));
    return VG_OK;
}
