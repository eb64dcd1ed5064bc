/* 2D points of any kind as sightings. */
#include "cli/calibrate_rig.h"

#include "calibration/footage.h"
#include "perception/identify.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* A folder that holds folders is OpenPose's; one that holds CSV files has one a camera. */
static bool has_folders(const char *path) {
    DIR *folder = opendir(path);
    bool found = false;
    for (struct dirent *e; folder && !found && (e = readdir(folder));) {
        char below[2048];
        struct stat info;
        snprintf(below, sizeof below, "%s/%s", path, e->d_name);
        found = e->d_name[0] != '.' && stat(below, &info) == 0 && S_ISDIR(info.st_mode);
    }
    if (folder) closedir(folder);
    return found;
}

/* How much of a detection there is: its confidences, and its size in the picture. */
static double weight_of(const vg_keypoint *points, int32_t joints) {
    double sum = 0, low[2] = {(double)INFINITY, (double)INFINITY}, high[2] = {-(double)INFINITY, -(double)INFINITY};
    for (int32_t j = 0; j < joints; j++) {
        if (!(points[j].confidence > 0)) continue;
        const double at[2] = {(double)points[j].u, (double)points[j].v};
        sum += (double)points[j].confidence;
        for (int k = 0; k < 2; k++) low[k] = fmin(low[k], at[k]), high[k] = fmax(high[k], at[k]);
    }
    return sum > 0 ? sum * hypot(high[0] - low[0], high[1] - low[1]) : 0;
}

static vg_status add_person(vg_sightings *out, const vg_keypoints *k, int32_t frame, int32_t camera, int32_t person,
                            const vg_keypoint *points, vg_error *err) {
    for (int32_t j = 0; j < k->set.joints; j++) {
        if (!(points[j].confidence > 0)) continue;
        const vg_sighting s = {.frame = k->first_number + frame,
                               .camera = camera,
                               .person = person,
                               .point = j,
                               .confidence = points[j].confidence,
                               .u = (double)points[j].u,
                               .v = (double)points[j].v,
                               .board = {(double)NAN, (double)NAN, (double)NAN}};
        VG_TRY(vg_sightings_add(out, &s, err));
    }
    return VG_OK;
}

/* The person who fills most of a picture; -1 where nobody is seen. */
static int32_t largest_person(const vg_keypoints *k, int32_t frame, int32_t camera) {
    int32_t who = -1;
    double most = 0;
    for (int32_t i = 0; i < vg_keypoints_count(k, frame, camera); i++) {
        const double weight = weight_of(vg_keypoints_at(k, frame, camera, i), k->set.joints);
        if (weight > most) most = weight, who = i;
    }
    return who;
}

/* Whether pictures show several people often enough to ask who is who. */
static bool shows_several(const vg_keypoints *k) {
    int64_t several = 0, pictures = 0;
    for (int32_t f = 0; f < k->frames; f++)
        for (int32_t c = 0; c < k->cameras; c++) {
            const int32_t people = vg_keypoints_count(k, f, c);
            several += people > 1, pictures += people > 0;
        }
    return several * 20 > pictures;
}

/* The lenses of the recording's cameras. */
static vg_status lenses_of(vg_camera *out, const vg_keypoints *k, const vg_camera_set *set, vg_error *err) {
    for (int32_t c = 0; c < k->cameras; c++) {
        const int32_t at = vg_camera_set_match(set, k->names[c]);
        if (at < 0)
            return vg_fail(err, VG_NOT_FOUND, "the keypoints are of a camera `%s` that the calibration lacks",
                           k->names[c]);
        out[c] = set->camera[at].camera;
    }
    return VG_OK;
}

/* Who each detection is, where that can be said of all cameras; else the largest person of each picture, and where cameras
 * disagree about who that is, the frame is an outlier. */
static vg_status choose_people(int32_t *person, rig_job *job, const vg_keypoints *k, vg_error *err) {
    vg_camera lens[VG_MAX_CAMERAS];
    int32_t people = 0;
    bool seen[VG_MAX_CAMERAS] = {false}, all = true;
    VG_TRY(lenses_of(lens, k, &job->set, err));
    if (shows_several(k)) VG_TRY(vg_identify(person, &people, k, lens, job->request->seed, err));
    for (int32_t c = 0; c < k->cameras; c++) {
        for (int32_t f = 0; f < k->frames && people; f++)
            for (int64_t i = k->first[(int64_t)f * k->cameras + c]; i < k->first[(int64_t)f * k->cameras + c + 1]; i++)
                seen[c] |= person[i] >= 0;
        all &= seen[c];
    }
    if (people && all) {
        fprintf(stderr, "%d %s told apart in all cameras\n", people, people == 1 ? "person" : "people");
        return VG_OK;
    }
    for (int32_t f = 0; f < k->frames; f++)
        for (int32_t c = 0; c < k->cameras; c++) {
            const int32_t who = largest_person(k, f, c);
            const int64_t first = k->first[(int64_t)f * k->cameras + c];
            for (int32_t i = 0; i < vg_keypoints_count(k, f, c); i++) person[first + i] = i == who ? 0 : -1;
        }
    return VG_OK;
}

static vg_status sightings_of_people(vg_sightings *out, const vg_keypoints *k, const int32_t *person, vg_error *err) {
    for (int32_t j = 0; j < k->set.joints; j++) {
        int32_t at = -1;
        VG_TRY(vg_names_index(&at, &out->points, k->set.names[j], VG_POINTS_MAX, err));
    }
    for (int32_t c = 0; c < k->cameras; c++) {
        int32_t at = -1;
        VG_TRY(vg_names_index(&at, &out->cameras, k->names[c], VG_CAMERA_SET_MAX, err));
    }
    for (int32_t f = 0; f < k->frames; f++)
        for (int32_t c = 0; c < k->cameras; c++)
            for (int32_t i = 0; i < vg_keypoints_count(k, f, c); i++) {
                const int32_t who = person[k->first[(int64_t)f * k->cameras + c] + i];
                if (who >= 0) VG_TRY(add_person(out, k, f, c, who, vg_keypoints_at(k, f, c, i), err));
            }
    return VG_OK;
}

static vg_status sightings_of_keypoints(rig_job *job, const vg_keypoints *k, vg_error *err) {
    int32_t *person = calloc((size_t)k->first[(int64_t)k->frames * k->cameras] + 1, sizeof *person);
    vg_status status = person ? VG_OK : vg_fail(err, VG_NO_MEMORY, "keypoints: out of memory");
    job->joints = k->set;
    if (status == VG_OK) status = choose_people(person, job, k, err);
    if (status == VG_OK) status = sightings_of_people(&job->seen, k, person, err);
    free(person);
    return status;
}

/* Corners of the board in everything that the cameras recorded; pictures of one number were taken together. */
static vg_status corners_of_footage(rig_job *job, const vg_footage *footage, vg_corners *corners, vg_error *err) {
    const char *names[VG_FOOTAGE_CAMERAS_MAX];
    vg_board board = {0};
    VG_TRY(calibrate_board(&board, &job->request->pattern, err));
    for (int32_t i = 0; i < footage->cameras; i++) {
        const vg_board_search search = {.camera = i, .every = job->request->every};
        vg_board_sightings seen = {0};
        names[i] = footage->camera[i].name;
        VG_TRY(vg_board_find(corners, &seen, &board, footage->camera + i, &search, err));
        fprintf(stderr, "%s: %d of %d pictures show the board\n", names[i], seen.with_board, seen.pictures);
    }
    return vg_sightings_add_corners(&job->seen, corners, names, err);
}

static vg_status find_boards(rig_job *job, vg_error *err) {
    vg_footage footage;
    vg_corners corners = {0};
    VG_TRY(vg_footage_find(&footage, job->request->footage.text, job->request->footage.count, err));
    const vg_status status = corners_of_footage(job, &footage, &corners, err);
    vg_corners_free(&corners);
    vg_footage_free(&footage);
    return status;
}

vg_status rig_read_points(rig_job *job, vg_error *err) {
    const char *path = job->request->points;
    struct stat info;
    if (job->request->footage.count) {
        VG_TRY(find_boards(job, err));
    } else if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode) || !has_folders(path)) {
        VG_TRY(vg_sightings_read(&job->seen, path, err));
    } else {
        vg_keypoints keypoints = {0};
        const vg_keypoints_options options = {.frames = VG_FRAMES_ALL};
        VG_TRY(vg_keypoints_read(path, &options, &keypoints, err));
        const vg_status status = sightings_of_keypoints(job, &keypoints, err);
        vg_keypoints_free(&keypoints);
        VG_TRY(status);
    }
    for (size_t i = 0; i < job->seen.count && !job->has_board; i++)
        job->has_board = isfinite(job->seen.sighting[i].board[0]);
    return VG_OK;
}
