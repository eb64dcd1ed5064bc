/* vergence detect: pictures to keypoints. One thread a video, up to the cores; each writes a folder of OpenPose-style JSON.
 * A folder carries its name only when it is complete: until then it is called .NAME.part. */
#include "cli/cli.h"

#include "calibration/cv_net.h"
#include "calibration/video.h"
#include "common/clock.h"
#include "common/text.h"
#include "perception/detector.h"
#include "perception/openpose.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VIDEOS_MAX = VG_TEXTS_MAX };

typedef struct plan {
    vg_detector_options detector;
    const char *model, *out;
    int32_t every, workers;
    int64_t limit; /* pictures of each video; 0 = all */
    bool resume, json;
} plan;

/* One video's work and how far it is. */
typedef struct job {
    const plan *plan;
    const char *video;
    char camera[64];
    char folder[VG_PATH_MAX], part[VG_PATH_MAX];
    atomic_llong done; /* pictures */
    int64_t pictures;  /* -1 unknown */
    int64_t people;    /* detections, over all pictures */
    double rate, seconds;
    int32_t width, height;
    bool kept; /* it was there already */
    vg_status status;
    vg_error err;
} job;

typedef struct crew {
    job job[VIDEOS_MAX];
    int32_t jobs;
    atomic_int next, finished;
    atomic_bool failed; /* a video failed: the others stop */
} crew;

/* ---- one video ------------------------------------------------------------------------------------------------------- */

/* What the model only guesses, outside of the picture, was not seen. */
static void forget_guesses(vg_detected *people, int32_t joints, const job *j) {
    for (int32_t p = 0; p < people->people; p++)
        for (int32_t k = 0; k < joints; k++) {
            vg_keypoint *q = &people->person[p].keypoint[k];
            const bool inside = q->u >= -0.5f && q->v >= -0.5f && q->u < (float)j->width && q->v < (float)j->height;
            if (!inside || q->confidence < 0.0005f) *q = (vg_keypoint){0};
        }
}

static vg_status write_picture(const job *j, int64_t number, const vg_joint_set *set, const vg_detected *people,
                               vg_error *err) {
    vg_openpose_person person[VG_DETECTOR_PEOPLE];
    for (int32_t p = 0; p < people->people; p++)
        person[p] = (vg_openpose_person){people->person[p].keypoint, people->person[p].track};
    return vg_openpose_write(j->part, j->camera, number, set->name, set->joints, person, people->people, err);
}

static vg_status each_picture(job *j, crew *c, vg_video *video, vg_detector *detector, vg_error *err) {
    const vg_video_info *info = vg_video_about(video);
    const size_t stride = (size_t)info->width * 3;
    uint8_t *pixels = malloc(stride * (size_t)info->height);
    if (!pixels) return vg_fail(err, VG_NO_MEMORY, "%s: out of memory for a picture", j->video);
    const vg_image image = {pixels, info->width, info->height, stride};
    vg_joint_set set;
    vg_joint_set_init(&set, vg_detector_joints((vg_detector_model)j->plan->detector.model));
    vg_status status = VG_OK;
    for (int64_t number = 0; status == VG_OK && !atomic_load(&c->failed);) {
        vg_picture picture;
        vg_detected people;
        bool got;
        if (j->plan->limit > 0 && number == j->plan->limit) break;
        const int64_t index = atomic_load(&j->done);
        const bool wanted = index % j->plan->every == 0;
        status = vg_video_read(video, wanted ? pixels : NULL, stride, &picture, &got, err);
        if (status != VG_OK || !got) break;
        if (wanted) {
            if ((status = vg_detector_run(detector, &image, &people, err)) != VG_OK) break;
            forget_guesses(&people, set.joints, j);
            status = write_picture(j, number++, &set, &people, err);
            j->people += people.people;
        }
        atomic_store(&j->done, index + 1);
    }
    free(pixels);
    return status;
}

static vg_status run_video(job *j, crew *c, vg_error *err) {
    vg_video *video = NULL;
    vg_detector *detector = NULL;
    vg_video_options options = vg_video_options_default();
    options.pixels = VG_PIXELS_RGB;
    vg_status status = vg_video_open(&video, j->video, &options, err);
    if (status == VG_OK) status = vg_detector_create(&detector, &j->plan->detector, err);
    if (status == VG_OK) {
        const vg_video_info *info = vg_video_about(video);
        j->pictures = info->pictures, j->rate = info->rate / j->plan->every;
        j->width = info->width, j->height = info->height;
        status = each_picture(j, c, video, detector, err);
    }
    vg_detector_destroy(detector);
    vg_video_close(video);
    if (status == VG_OK && !atomic_load(&c->failed) && rename(j->part, j->folder) != 0)
        status = vg_fail(err, VG_IO, "%s: cannot take its name: %m", j->folder);
    return status;
}

static void *work(void *context) {
    crew *c = context;
    for (;;) {
        const int i = atomic_fetch_add(&c->next, 1);
        if (i >= c->jobs || atomic_load(&c->failed)) return NULL;
        job *j = &c->job[i];
        if (!j->kept) {
            const int64_t began = vg_clock_now_ns();
            j->status = run_video(j, c, &j->err);
            j->seconds = (double)(vg_clock_now_ns() - began) * 1e-9;
            if (j->status != VG_OK) atomic_store(&c->failed, true);
        }
        atomic_fetch_add(&c->finished, 1);
    }
}

/* ---- folders --------------------------------------------------------------------------------------------------------- */

/* "clips/cam01.mp4" is camera "cam01"; a folder or pattern of pictures is its folder's name. */
static void camera_name(char out[64], const char *video, int32_t index) {
    char path[VG_VIDEO_NAME];
    snprintf(path, sizeof path, "%s", video);
    if (strstr(path, "://") || strncmp(path, "/dev/", 5) == 0) {
        snprintf(out, 64, "cam%02d", index + 1);
        return;
    }
    char *slash;
    while ((slash = strrchr(path, '/')) != NULL && (slash[1] == '\0' || strpbrk(slash + 1, "*?[%"))) *slash = '\0';
    const char *base = slash ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    const size_t n = dot && dot > base ? (size_t)(dot - base) : strlen(base);
    snprintf(out, 64, "%.*s", (int)(n < 60 ? n : 60), base);
}

/* Removes the files that an earlier run left in its unfinished folder. */
static void empty_part(const char *folder) {
    DIR *dir = opendir(folder);
    if (!dir) return;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char path[VG_PATH_MAX + 300];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (strstr(entry->d_name, "_keypoints.json")) unlink(path);
    }
    closedir(dir);
}

static vg_status prepare_folder(job *j, vg_error *err) {
    const char *out = j->plan->out;
    if ((size_t)snprintf(j->folder, sizeof j->folder, "%s/%s", out, j->camera) >= sizeof j->folder - 16)
        return vg_fail(err, VG_INVALID, "--out %.100s...: the name is too long", out);
    snprintf(j->part, sizeof j->part, "%.400s/.%.60s.part", out, j->camera);
    if (access(j->folder, F_OK) == 0) {
        j->kept = j->plan->resume;
        if (j->kept) return VG_OK;
        return vg_fail(err, VG_REFUSED,
                       "%s is there already; --resume keeps what is complete, else choose another --out", j->folder);
    }
    empty_part(j->part);
    if (mkdir(j->part, 0777) != 0 && errno != EEXIST)
        return vg_fail(err, VG_IO, "%s: cannot make the folder: %m", j->part);
    return VG_OK;
}

static vg_status prepare(crew *c, const plan *p, const vg_texts *videos, vg_error *err) {
    if (mkdir(p->out, 0777) != 0 && errno != EEXIST)
        return vg_fail(err, VG_IO, "--out %s: cannot make the folder: %m", p->out);
    c->jobs = (int32_t)videos->count;
    for (int32_t i = 0; i < c->jobs; i++) {
        job *j = &c->job[i];
        j->plan = p, j->video = videos->text[i], j->pictures = -1;
        camera_name(j->camera, j->video, i);
        for (int32_t k = 0; k < i; k++)
            if (strcmp(c->job[k].camera, j->camera) == 0)
                return vg_fail(err, VG_INVALID, "%s and %s would both be camera `%s`; give the files different names",
                               c->job[k].video, j->video, j->camera);
        VG_TRY(prepare_folder(j, err));
    }
    return VG_OK;
}

/* ---- all videos ------------------------------------------------------------------------------------------------------ */

static void show_progress(const crew *c, double seconds) {
    long long done = 0, pictures = 0;
    bool known = true;
    for (int32_t i = 0; i < c->jobs; i++) {
        const job *j = &c->job[i];
        if (j->kept) continue;
        done += atomic_load(&j->done);
        known = known && j->pictures > 0;
        pictures += j->pictures;
    }
    fprintf(stderr, "\r%lld", done);
    if (known) fprintf(stderr, " of %lld", pictures);
    fprintf(stderr, " pictures, %.1f a second, %d of %d videos done   ", seconds > 0 ? (double)done / seconds : 0,
            atomic_load(&c->finished), c->jobs);
}

/* Returns the seconds it took, or a negative number where no thread could be started. */
static double run_all(crew *c, int32_t workers) {
    pthread_t thread[VIDEOS_MAX];
    int32_t started = 0;
    const int64_t began = vg_clock_now_ns();
    const bool terminal = isatty(STDERR_FILENO);
    while (started < workers && pthread_create(&thread[started], NULL, work, c) == 0) started++;
    if (started == 0) return -1;
    while (terminal && atomic_load(&c->finished) < c->jobs && !atomic_load(&c->failed)) {
        vg_clock_sleep_until_ns(vg_clock_now_ns() + 250000000);
        show_progress(c, (double)(vg_clock_now_ns() - began) * 1e-9);
    }
    for (int32_t i = 0; i < started; i++) pthread_join(thread[i], NULL);
    if (terminal) fputc('\n', stderr);
    return (double)(vg_clock_now_ns() - began) * 1e-9;
}

static json_t *job_json(const job *j) {
    const int64_t found = (atomic_load(&j->done) + j->plan->every - 1) / j->plan->every;
    json_t *o =
        json_pack("{s:s, s:s, s:s, s:b}", "camera", j->camera, "video", j->video, "folder", j->folder, "kept", j->kept);
    if (j->kept) return o;
    json_object_set_new(o, "frames", json_integer(found));
    json_object_set_new(o, "people", vg_json_number(found ? (double)j->people / (double)found : 0));
    json_object_set_new(o, "rate", vg_json_number(j->rate));
    json_object_set_new(o, "size", json_pack("[i, i]", j->width, j->height));
    json_object_set_new(o, "seconds", vg_json_number(j->seconds));
    return o;
}

static void report(const crew *c, const plan *p, double seconds) {
    int64_t frames = 0;
    json_t *videos = json_array();
    for (int32_t i = 0; i < c->jobs; i++) {
        const job *j = &c->job[i];
        frames += (atomic_load(&j->done) + p->every - 1) / p->every;
        json_array_append_new(videos, job_json(j));
    }
    const char *set = vg_joint_set_kind_name(vg_detector_joints((vg_detector_model)p->detector.model));
    if (p->json) {
        vg_json_print(json_pack("{s:s, s:s, s:I, s:f, s:f, s:o}", "model", p->model, "joint_set", set, "frames",
                                (json_int_t)frames, "seconds", seconds, "frames_per_second",
                                seconds > 0 ? (double)frames / seconds : 0.0, "videos", videos));
        return;
    }
    for (int32_t i = 0; i < c->jobs; i++) {
        const job *j = &c->job[i];
        if (j->kept)
            printf("%s  was complete\n", j->folder);
        else
            printf("%s  %lld pictures, %.2f people in each\n", j->folder, (long long)atomic_load(&j->done),
                   (double)j->people / fmax(1, (double)((atomic_load(&j->done) + p->every - 1) / p->every)));
    }
    printf("%lld pictures in %.1f s: %.1f a second; joint set %s\n", (long long)frames, seconds,
           seconds > 0 ? (double)frames / seconds : 0.0, set);
    json_decref(videos);
}

static vg_status detect(const plan *p, const vg_texts *videos, vg_error *err) {
    char folder[512];
    VG_TRY(vg_detector_folder(folder, &p->detector, err));
    crew *c = calloc(1, sizeof *c);
    if (!c) return vg_fail(err, VG_NO_MEMORY, "out of memory");
    vg_status status = prepare(c, p, videos, err);
    if (status == VG_OK) {
        const int32_t cores = (int32_t)sysconf(_SC_NPROCESSORS_ONLN);
        const int32_t most = p->workers > 0 ? p->workers : cores > 0 ? cores : 1;
        const double seconds = run_all(c, c->jobs < most ? c->jobs : most);
        if (seconds < 0) status = vg_fail(err, VG_FAILED, "cannot start a thread");
        for (int32_t i = 0; i < c->jobs && status == VG_OK; i++)
            if (c->job[i].status != VG_OK) status = c->job[i].status, *err = c->job[i].err;
        if (status == VG_OK) report(c, p, seconds);
    }
    free(c);
    return status;
}

int vg_cmd_detect(int argc, char **argv) {
    plan p = {.model = "lite", .every = 1};
    vg_texts videos = {0}, words;
    const vg_option options[] = {
        {"video", VG_OPTION_LIST, &videos, 0, 0, "FILE",
         "a camera: video, folder or pattern of pictures, rtsp:// or /dev/video0"},
        {"out", VG_OPTION_TEXT, &p.out, 0, 0, "DIR", "where the cameras' folders of keypoints go"},
        {"model", VG_OPTION_TEXT, &p.model, 0, 0, "NAME",
         "lite, full, heavy: BlazePose, 33 joints; multi: MoveNet, 17 joints (lite)"},
        {"people", VG_OPTION_INT, &p.detector.people, 1, VG_DETECTOR_PEOPLE, "N",
         "most people in a picture; above 1 needs `make detector-people` (1; 6 with multi)"},
        {"every", VG_OPTION_INT, &p.every, 1, 1000000, "N", "only every Nth picture (1)"},
        {"limit", VG_OPTION_INT64, &p.limit, 0, 1e9, "N", "stop after so many pictures of each video (0: all)"},
        {"threads", VG_OPTION_INT, &p.workers, 0, VIDEOS_MAX, "N", "videos at a time (0: as many as cores)"},
        {"resume", VG_OPTION_FLAG, &p.resume, 0, 0, "", "keep the cameras that an earlier run completed"},
        {"json", VG_OPTION_FLAG, &p.json, 0, 0, "", "print JSON"},
        {0}};
    const vg_usage usage = {
        "vergence detect --model lite|full|heavy|multi --video FILE... --out DIR [OPTIONS]",
        "Finds people's keypoints in pictures. Writes OpenPose-style JSON, one folder a camera, which\n"
        "`vergence triangulate --keypoints DIR` reads. `make detector` fetches the models.",
        options, VG_TEXTS_MAX};
    int code;
    if (!vg_options_begin(&usage, argc, argv, &words, &code)) return code;
    vg_error err = {0};
    vg_status status = VG_OK;
    for (size_t i = 0; i < words.count && videos.count < VG_TEXTS_MAX; i++) videos.text[videos.count++] = words.text[i];
    if (videos.count == 0 || !p.out)
        status = vg_fail(&err, VG_INVALID, "detect needs --video FILE and --out DIR; --help tells more");
    if (status == VG_OK) status = vg_detector_model_parse(p.model, &p.detector.model, &err);
    if (status != VG_OK) {
        vg_report_error(status, &err);
        return VG_EXIT_USAGE;
    }
    if (p.detector.people == 0) p.detector.people = p.detector.model == VG_DETECTOR_MULTI ? VG_DETECTOR_PEOPLE : 1;
    vg_cv_set_threads(1); /* the videos are what is shared out over the cores */
    status = detect(&p, &videos, &err);
    return status == VG_OK ? VG_EXIT_OK : vg_report_error(status, &err);
}
