/* vergence detect: pictures to keypoints. One thread a video, up to the cores; each writes a folder of OpenPose-style JSON.
 * A folder carries its name only when it is complete: until then it is called .NAME.part.
 *
 * With --publish, keypoints go out as a stream instead, or as well, all sources at once: cameras as their pictures come,
 * files at the rate they were taken, pictures left out where detection cannot keep up. */
#include "cli/cli.h"

#include "agents/pool.h"
#include "calibration/cv_net.h"
#include "calibration/video.h"
#include "common/clock.h"
#include "common/text.h"
#include "perception/detector.h"
#include "perception/keypoints.h"
#include "perception/openpose.h"
#include "sim_bridge/live/live.h"
#include "sim_bridge/live/publish.h"
#include "sim_bridge/live/stream_clock.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    VIDEOS_MAX = VG_TEXTS_MAX,
    SKIPS = 8 /* pictures of a file that may be left out in a row where detection is late */
};

typedef struct plan {
    vg_detector_options detector;
    const char *model, *out, *publish;
    vg_texts turn; /* CAMERA=N */
    int32_t every, workers;
    int64_t limit; /* pictures of each video; 0 = all */
    bool resume, json;
} plan;

/* One video's work and how far it is. */
typedef struct job {
    const plan *plan;
    const char *video_name;
    char camera[64];
    char folder[VG_PATH_MAX], part[VG_PATH_MAX];
    atomic_llong done;     /* pictures */
    atomic_llong pictures; /* -1 unknown */
    int64_t people;        /* detections, over all pictures */
    int64_t dropped;       /* pictures left out because detection was late */
    int32_t index;         /* among the cameras */
    double rate, seconds;
    int32_t width, height; /* px, as the detector sees them */
    int32_t turn;          /* quarter turns clockwise that made them so */
    bool kept;             /* it was there already */
    vg_video *video;
    vg_detector *detector;
    vg_stream_clock clock; /* of a live source */
    double stamped;        /* s; the last time that was written */
    int64_t stamps;
    vg_status status;
    vg_error err;
} job;

typedef struct crew {
    job job[VIDEOS_MAX];
    int32_t jobs;
    bool terminal; /* progress is shown */
    int64_t started_ns;
    atomic_llong progress_due; /* ns */
    atomic_int finished;
    atomic_bool failed; /* a video failed: the others stop */
    /* publishing */
    vg_keypoint_publisher *publisher; /* NULL: none */
    pthread_mutex_t sending;
    char clock[64];     /* the name of ours */
    atomic_int ready;   /* sources that are open */
    atomic_llong began; /* ns; when all were: files begin to play */
} crew;

/* A signal handler can reach nothing but a global. */
static volatile sig_atomic_t stop_asked;
static void on_signal(int number) {
    (void)number;
    stop_asked = 1;
}

static bool stopping(crew *c) {
    return atomic_load(&c->failed) || stop_asked;
}

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

/* Keypoints go out in the picture as it was before it was turned for the detector. */
static void turn_back(vg_detected *people, int32_t joints, const job *j) {
    const int32_t width = j->turn % 2 ? j->height : j->width, height = j->turn % 2 ? j->width : j->height;
    for (int32_t p = 0; p < people->people && j->turn; p++)
        for (int32_t k = 0; k < joints; k++)
            if (people->person[p].keypoint[k].confidence > 0)
                vg_keypoint_turn_back(&people->person[p].keypoint[k], j->turn, width, height);
}

static vg_status write_picture(const job *j, int64_t number, double time_seconds, const vg_joint_set *set,
                               const vg_detected *people, vg_error *err) {
    vg_openpose_person person[VG_DETECTOR_PEOPLE];
    for (int32_t p = 0; p < people->people; p++)
        person[p] = (vg_openpose_person){people->person[p].keypoint, people->person[p].track};
    return vg_openpose_write(j->part,
                             &(vg_openpose_picture){.camera = j->camera,
                                                    .number = number,
                                                    .time_seconds = time_seconds,
                                                    .joint_set = set->name,
                                                    .joints = set->joints,
                                                    .people = people->people,
                                                    .person = person},
                             err);
}

/* ---- publishing ------------------------------------------------------------------------------------------------------ */

/* Waits until every source is open, so that files start together. */
static void wait_for_all(crew *c) {
    if (atomic_fetch_add(&c->ready, 1) + 1 == c->jobs) atomic_store(&c->began, vg_clock_now_ns());
    while (atomic_load(&c->began) == 0 && !stopping(c)) vg_clock_sleep_until_ns(vg_clock_now_ns() + 2000000);
}

/* When the picture was taken, by our clock. Pictures of files are taken when they are due, which is waited for. */
static int64_t taken_at(job *j, crew *c, const vg_picture *picture) {
    const int64_t now = vg_clock_now_ns();
    if (vg_video_about(j->video)->live) {
        if (picture->reopened) j->clock = (vg_stream_clock){0};
        return vg_stream_clock_take(&j->clock, picture->time_ns, now);
    }
    const int64_t due = atomic_load(&c->began) + picture->time_ns;
    for (int64_t until = now; until < due && !stopping(c);) {
        until = due - until > 50000000 ? until + 50000000 : due;
        vg_clock_sleep_until_ns(until);
    }
    return due;
}

static vg_status publish(const job *j, crew *c, const vg_joint_set *set, const vg_detected *people, int64_t time_ns,
                         vg_error *err) {
    vg_keypoint points[VG_DETECTOR_PEOPLE * VG_MAX_JOINTS];
    vg_wire_keypoints wire = {
        .time_ns = time_ns, .width = j->turn % 2 ? j->height : j->width, .height = j->turn % 2 ? j->width : j->height};
    wire.dropped = (uint64_t)j->dropped, wire.people = people->people, wire.joints = set->joints;
    for (int32_t p = 0; p < people->people; p++)
        memcpy(points + p * set->joints, people->person[p].keypoint, sizeof *points * (size_t)set->joints);
    wire.keypoints = points;
    snprintf(wire.camera, sizeof wire.camera, "%s", j->camera);
    snprintf(wire.joint_set, sizeof wire.joint_set, "%s", set->name);
    snprintf(wire.clock, sizeof wire.clock, "%s", c->clock);
    pthread_mutex_lock(&c->sending);
    const vg_status status = vg_keypoint_publish(c->publisher, j->index, &wire, err);
    pthread_mutex_unlock(&c->sending);
    return status;
}

/* ---- one video ------------------------------------------------------------------------------------------------------- */

/* Whether a picture of a file that is played is already past: the next one is due, or nearly. */
static bool is_late(const job *j, const crew *c, const vg_picture *picture) {
    if (!c->publisher || vg_video_about(j->video)->live || !(j->rate > 0)) return false;
    return vg_clock_now_ns() > atomic_load(&c->began) + picture->time_ns + (int64_t)(1e9 / j->rate);
}

/* The time that is written: of a file's picture since the first one, of a live source's by our clock. It always increases,
 * also where the estimate of a live source's clock is mended. */
static double stamp(job *j, int64_t time_ns) {
    if (!vg_video_about(j->video)->live && !(j->rate > 0)) return (double)NAN;
    const double seconds = (double)time_ns * 1e-9;
    j->stamped = j->stamps++ == 0 ? seconds : fmax(seconds, j->stamped + 1e-6);
    return j->stamped;
}

/* Detects people in the picture that was read and hands them on. */
static vg_status use_picture(job *j, crew *c, const vg_image *image, const vg_joint_set *set, const vg_picture *picture,
                             int64_t *number, vg_error *err) {
    vg_detected people;
    const bool live = vg_video_about(j->video)->live;
    const int64_t time_ns = c->publisher || live ? taken_at(j, c, picture) : 0;
    VG_TRY(vg_detector_run(j->detector, image, &people, err));
    forget_guesses(&people, set->joints, j);
    turn_back(&people, set->joints, j);
    j->people += people.people;
    if (c->publisher) VG_TRY(publish(j, c, set, &people, time_ns, err));
    const double seconds = stamp(j, live ? time_ns : picture->time_ns);
    if (j->plan->out) VG_TRY(write_picture(j, *number, seconds, set, &people, err));
    ++*number;
    return VG_OK;
}

/* On a terminal, four times a second, by whichever thread comes first. */
static void show_progress(crew *c) {
    const int64_t now = vg_clock_now_ns();
    long long due = atomic_load(&c->progress_due);
    if (!c->terminal || now < due || !atomic_compare_exchange_strong(&c->progress_due, &due, now + 250000000)) return;
    long long done = 0, pictures = 0;
    bool known = true;
    for (int32_t i = 0; i < c->jobs; i++) {
        const job *j = &c->job[i];
        if (j->kept) continue;
        const long long all = atomic_load(&j->pictures);
        done += atomic_load(&j->done);
        known = known && all > 0;
        pictures += all;
    }
    fprintf(stderr, "\r%lld", done);
    if (known) fprintf(stderr, " of %lld", pictures);
    fprintf(stderr, " pictures, %.1f a second, %d of %d videos done   ",
            (double)done / ((double)(now - c->started_ns) * 1e-9), atomic_load(&c->finished), c->jobs);
}

static vg_status each_picture(job *j, crew *c, uint8_t *pixels, vg_error *err) {
    const vg_image image = {pixels, j->width, j->height, (size_t)j->width * 3};
    vg_joint_set set;
    vg_joint_set_init(&set, vg_detector_joints((vg_detector_model)j->plan->detector.model));
    int64_t number = 0;
    int32_t skipped = 0; /* in a row: they were only decoded */
    bool late = false;
    while (!stopping(c) && (j->plan->limit == 0 || number < j->plan->limit)) {
        vg_picture picture;
        bool got;
        const int64_t index = atomic_load(&j->done);
        const bool wanted = index % j->plan->every == 0 && !late;
        const vg_status status = vg_video_read(j->video, wanted ? pixels : NULL, image.stride, &picture, &got, err);
        if (status == VG_TIMEOUT && c->publisher && vg_video_about(j->video)->live) {
            fprintf(stderr, "vergence: %s\n", err->message); /* the next read opens it again */
            continue;
        }
        if (status != VG_OK || !got) return status;
        if (wanted) VG_TRY(use_picture(j, c, &image, &set, &picture, &number, err));
        j->dropped += late && index % j->plan->every == 0;
        skipped = late ? skipped + 1 : 0;
        late = is_late(j, c, &picture) && skipped < SKIPS;
        atomic_store(&j->done, index + 1);
        show_progress(c);
    }
    return VG_OK;
}

static vg_status open_job(job *j, vg_error *err) {
    vg_video_options options = vg_video_options_default();
    options.pixels = VG_PIXELS_RGB;
    VG_TRY(vg_turn_of(&j->turn, "turn", &j->plan->turn, j->camera, err));
    options.turn = j->turn = (j->turn + 4) % 4;
    VG_TRY(vg_video_open(&j->video, j->video_name, &options, err));
    const vg_video_info *info = vg_video_about(j->video);
    atomic_store(&j->pictures, info->pictures), j->rate = info->rate / j->plan->every;
    j->width = info->width, j->height = info->height;
    if (info->live && !j->plan->publish && j->plan->limit == 0)
        return vg_fail(err, VG_INVALID, "%s never ends; say --limit N, or --publish ENDPOINT", j->video_name);
    return vg_detector_create(&j->detector, &j->plan->detector, err);
}

static vg_status run_video(job *j, crew *c, vg_error *err) {
    vg_status status = open_job(j, err);
    if (status == VG_OK && c->publisher) wait_for_all(c);
    uint8_t *pixels = status == VG_OK ? malloc((size_t)j->width * 3 * (size_t)j->height) : NULL;
    if (status == VG_OK && !pixels) status = vg_fail(err, VG_NO_MEMORY, "%s: no memory for a picture", j->video_name);
    if (status == VG_OK) status = each_picture(j, c, pixels, err);
    free(pixels);
    vg_detector_destroy(j->detector);
    vg_video_close(j->video);
    if (status == VG_OK && stop_asked && !c->publisher)
        return vg_fail(err, VG_INTERRUPTED, "stopped; --resume goes on");
    if (status == VG_OK && j->plan->out && !atomic_load(&c->failed) && rename(j->part, j->folder) != 0)
        status = vg_fail(err, VG_IO, "%s: cannot take its name: %m", j->folder);
    return status;
}

static void work(void *context, int32_t index) {
    crew *c = context;
    job *j = &c->job[index];
    if (j->kept || stopping(c)) return;
    const int64_t began = vg_clock_now_ns();
    j->status = run_video(j, c, &j->err);
    j->seconds = (double)(vg_clock_now_ns() - began) * 1e-9;
    atomic_fetch_add(&c->finished, 1);
    if (j->status != VG_OK) atomic_store(&c->failed, true);
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
    if (p->out && mkdir(p->out, 0777) != 0 && errno != EEXIST)
        return vg_fail(err, VG_IO, "--out %s: cannot make the folder: %m", p->out);
    c->jobs = (int32_t)videos->count;
    for (int32_t i = 0; i < c->jobs; i++) {
        job *j = &c->job[i];
        j->plan = p, j->video_name = videos->text[i], j->index = i;
        atomic_store(&j->pictures, -1);
        camera_name(j->camera, j->video_name, i);
        for (int32_t k = 0; k < i; k++)
            if (strcmp(c->job[k].camera, j->camera) == 0)
                return vg_fail(err, VG_INVALID, "%s and %s would both be camera `%s`; give the files different names",
                               c->job[k].video_name, j->video_name, j->camera);
    }
    const char *names[VIDEOS_MAX];
    for (int32_t i = 0; i < c->jobs; i++) names[i] = c->job[i].camera;
    VG_TRY(vg_turns_check("turn", &p->turn, names, (size_t)c->jobs, err));
    for (int32_t i = 0; i < c->jobs && p->out; i++) VG_TRY(prepare_folder(&c->job[i], err));
    return VG_OK;
}

/* ---- all videos ------------------------------------------------------------------------------------------------------ */

/* Pictures in which people were looked for. */
static int64_t looked_at(const job *j) {
    return (atomic_load(&j->done) + j->plan->every - 1) / j->plan->every - j->dropped;
}

static json_t *job_json(const job *j) {
    const int64_t found = looked_at(j);
    json_t *o = json_pack("{s:s, s:s, s:s, s:b}", "camera", j->camera, "video", j->video_name, "folder", j->folder,
                          "kept", j->kept);
    if (j->kept) return o;
    json_object_set_new(o, "frames", json_integer(found));
    json_object_set_new(o, "dropped", json_integer(j->dropped));
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
        frames += looked_at(j);
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
            printf("%s  %lld pictures, %.2f people in each\n", p->out ? j->folder : j->camera, (long long)looked_at(j),
                   (double)j->people / fmax(1, (double)looked_at(j)));
        if (j->dropped) printf("%s  %lld pictures left out: detection was late\n", j->camera, (long long)j->dropped);
    }
    printf("%lld pictures in %.1f s: %.1f a second; joint set %s\n", (long long)frames, seconds,
           seconds > 0 ? (double)frames / seconds : 0.0, set);
    json_decref(videos);
}

static vg_status run_crew(crew *c, const plan *p, vg_error *err) {
    const int32_t cores = (int32_t)sysconf(_SC_NPROCESSORS_ONLN);
    const int32_t most = p->publish ? c->jobs : p->workers > 0 ? p->workers : cores > 0 ? cores : 1;
    vg_pool *pool;
    VG_TRY(vg_pool_create(&pool, c->jobs < most ? c->jobs : most, err));
    c->terminal = isatty(STDERR_FILENO);
    c->started_ns = vg_clock_now_ns();
    vg_pool_run(pool, work, c, c->jobs);
    vg_pool_destroy(pool);
    if (c->terminal) fputc('\n', stderr);
    const double seconds = (double)(vg_clock_now_ns() - c->started_ns) * 1e-9;
    for (int32_t i = 0; i < c->jobs; i++) {
        if (c->job[i].status == VG_OK) continue;
        *err = c->job[i].err;
        return c->job[i].status;
    }
    report(c, p, seconds);
    return VG_OK;
}

static vg_status detect(const plan *p, const vg_texts *videos, vg_error *err) {
    char folder[512];
    VG_TRY(vg_detector_folder(folder, &p->detector, err));
    if (p->publish && videos->count > VG_MAX_CAMERAS)
        return vg_fail(err, VG_INVALID, "%zu cameras; at most %d can be published", videos->count, VG_MAX_CAMERAS);
    crew *c = calloc(1, sizeof *c);
    if (!c) return vg_fail(err, VG_NO_MEMORY, "out of memory");
    pthread_mutex_init(&c->sending, NULL);
    vg_local_clock_name(c->clock);
    vg_status status = prepare(c, p, videos, err);
    if (status == VG_OK && p->publish) status = vg_keypoint_publisher_open(&c->publisher, p->publish, err);
    if (status == VG_OK && p->publish)
        fprintf(stderr, "vergence: publishing at %s\n", vg_keypoint_publisher_endpoint(c->publisher));
    if (status == VG_OK) status = run_crew(c, p, err);
    vg_keypoint_publisher_close(c->publisher);
    pthread_mutex_destroy(&c->sending);
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
        {"publish", VG_OPTION_TEXT, &p.publish, 0, 0, "ENDPOINT",
         "tcp://*:PORT or ipc://PATH: stream the keypoints live, for a live world"},
        {"model", VG_OPTION_TEXT, &p.model, 0, 0, "NAME",
         "lite, full, heavy: BlazePose, 33 joints; multi: MoveNet, 17 joints (lite)"},
        {"people", VG_OPTION_INT, &p.detector.people, 1, VG_DETECTOR_PEOPLE, "N",
         "most people in a picture; above 1 needs `make detector-people` (1; 6 with multi)"},
        {"turn", VG_OPTION_LIST, &p.turn, 0, 0, "CAMERA=N",
         "turn pictures N quarter turns clockwise for the detector; keypoints are of the pictures as they were"},
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
    if (videos.count == 0 || (!p.out && !p.publish))
        status = vg_fail(&err, VG_INVALID, "detect needs --video FILE and --out DIR (or --publish); --help tells more");
    if (status == VG_OK) status = vg_detector_model_parse(p.model, &p.detector.model, &err);
    if (status != VG_OK) {
        vg_report_error(status, &err);
        return VG_EXIT_USAGE;
    }
    if (p.detector.people == 0) p.detector.people = p.detector.model == VG_DETECTOR_MULTI ? VG_DETECTOR_PEOPLE : 1;
    vg_cv_set_threads(1); /* the videos are what is shared out over the cores */
    const struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    status = detect(&p, &videos, &err);
    return status == VG_OK ? VG_EXIT_OK : vg_report_error(status, &err);
}
