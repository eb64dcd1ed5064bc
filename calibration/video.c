/* Pictures and video by libav: demultiplex -> decode -> convert to BGR, RGB or gray -> turn upright.
 *
 * One picture is always decoded ahead (`frame`, while `ready`): so a source that opens is known to deliver, and its size is
 * that of a real picture. libav asks `expired` now and then while it waits; V4L2, whose reads it cannot interrupt, is
 * opened non-blocking and polled. */
#include "calibration/video.h"

#include "common/clock.h"

#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavdevice/avdevice.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <libavutil/imgutils.h>
#include <libswscale/swscale.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LARGEST = 16384 }; /* px, each way */

struct vg_video {
    char name[VG_VIDEO_NAME];
    vg_video_options options;
    vg_video_info info;
    /* a sequence: each picture is opened by itself */
    char **names;
    int32_t count;
    /* what is open now; `input` is NULL between two pictures of a sequence, and while a live source is lost */
    AVFormatContext *input;
    AVCodecContext *decoder;
    AVPacket *packet;
    AVFrame *frame;
    struct SwsContext *convert;
    int stream;
    bool device;           /* V4L2 */
    bool ready;            /* `frame` holds the next picture */
    int32_t keyless;       /* live: packets passed over so far in waiting for a key frame; -1: it came */
    bool draining;         /* the file ended: the decoder gives what it still has */
    bool reopened;         /* the next picture is the first since a live source came back */
    int64_t index;         /* of the next picture */
    int64_t origin;        /* time stamp of picture 0, in the stream's units */
    int quarter;           /* quarter turns clockwise that make pictures upright */
    uint8_t *room;         /* for a picture that cannot be converted in place */
    int64_t deadline_ns;   /* of the call in progress */
    atomic_bool interrupt; /* by another thread */
};

vg_video_options vg_video_options_default(void) {
    return (vg_video_options){.threads = 1, .open_seconds = 10, .read_seconds = 5};
}

const vg_video_info *vg_video_about(const vg_video *video) {
    return &video->info;
}

const char *vg_video_name(const vg_video *video) {
    return video->name;
}

void vg_video_interrupt(vg_video *video) {
    atomic_store(&video->interrupt, true);
}

static int expired(void *context) {
    const vg_video *video = context;
    return atomic_load(&video->interrupt) || vg_clock_now_ns() > video->deadline_ns;
}

static void set_deadline(vg_video *video, double seconds) {
    video->deadline_ns = vg_clock_now_ns() + (int64_t)(seconds * 1e9);
}

/* libav's error as ours. `doing` says what failed. */
static vg_status fail(const vg_video *video, int code, const char *doing, vg_error *err) {
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    if (atomic_load(&video->interrupt)) return vg_fail(err, VG_INTERRUPTED, "%.300s: interrupted", video->name);
    if (code == AVERROR_EXIT || code == AVERROR(ETIMEDOUT) || vg_clock_now_ns() > video->deadline_ns)
        return vg_fail(err, VG_TIMEOUT, "%.300s: %s took longer than %g s; is the camera on, and the network open?",
                       video->name, doing,
                       video->info.width ? video->options.read_seconds : video->options.open_seconds);
    av_strerror(code, text, sizeof text);
    switch (code) {
    case AVERROR(ENOENT):
        return vg_fail(err, VG_NOT_FOUND, "%.300s: there is no such file or device", video->name);
    case AVERROR(ENOMEM):
        return vg_fail(err, VG_NO_MEMORY, "%.300s: out of memory", video->name);
    case AVERROR(EACCES):
    case AVERROR(EBUSY):
    case AVERROR(EISDIR):
    case AVERROR(EIO):
        return vg_fail(err, VG_IO, "%.300s: %s failed: %s", video->name, doing, text);
    case AVERROR(ECONNREFUSED):
    case AVERROR(EHOSTUNREACH):
    case AVERROR(ENETUNREACH):
    case AVERROR_HTTP_NOT_FOUND:
    case AVERROR_HTTP_UNAUTHORIZED:
        return vg_fail(err, VG_UNREACHABLE, "%.300s: %s; check address, port, path and password", video->name, text);
    case AVERROR_PROTOCOL_NOT_FOUND:
    case AVERROR_DECODER_NOT_FOUND:
        return vg_fail(err, VG_UNSUPPORTED, "%.300s: %s", video->name, text);
    default:
        break;
    }
    if (video->info.live) return vg_fail(err, VG_UNREACHABLE, "%.300s: %s failed: %s", video->name, doing, text);
    return vg_fail(err, VG_CORRUPT, "%.300s: %s failed: %s; it is damaged, cut short, or no picture or video",
                   video->name, doing, text);
}

/* ---- opening ------------------------------------------------------------------------------------------------------- */

static void close_input(vg_video *video) {
    avcodec_free_context(&video->decoder);
    avformat_close_input(&video->input);
    video->ready = video->draining = false;
    video->keyless = 0;
}

static bool is_live(const char *source) {
    static const char *const schemes[] = {"rtsp://", "rtsps://", "rtmp://", "rtp://", "udp://", "srt://", "/dev/video"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        if (strncmp(source, schemes[i], strlen(schemes[i])) == 0) return true;
    return false;
}

static void set_demuxer_options(const vg_video *video, AVDictionary **dictionary) {
    const vg_video_options *o = &video->options;
    char text[64];
    if (video->device) {
        av_dict_set(dictionary, "ts", "mono2abs", 0); /* capture time, since 1970 */
        snprintf(text, sizeof text, "%dx%d", o->width, o->height);
        if (o->width > 0 && o->height > 0) av_dict_set(dictionary, "video_size", text, 0);
        snprintf(text, sizeof text, "%g", o->rate);
        if (o->rate > 0) av_dict_set(dictionary, "framerate", text, 0);
    } else if (strncmp(video->name, "rtsp", 4) == 0) {
        av_dict_set(dictionary, "rtsp_transport", o->rtsp_udp ? "udp" : "tcp", 0);
        snprintf(text, sizeof text, "%lld", (long long)(o->open_seconds * 1e6));
        av_dict_set(dictionary, "timeout", text, 0);
        av_dict_set(dictionary, "analyzeduration", "1000000", 0); /* us; the default waits 5 s for sound */
    }
}

static int quarter_turns(const AVStream *stream) {
    const int32_t *matrix =
        (const int32_t *)(const void *)av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, NULL);
    const double degrees = matrix ? -av_display_rotation_get(matrix) : 0; /* clockwise */
    return isfinite(degrees) ? ((int)lround(degrees / 90) % 4 + 4) % 4 : 0;
}

/* Opens demuxer and decoder of `path`. */
static vg_status open_input(vg_video *video, const char *path, vg_error *err) {
    close_input(video);
    AVDictionary *dictionary = NULL;
    const AVInputFormat *format = NULL;
    if (video->device && !(format = av_find_input_format("v4l2")))
        return vg_fail(err, VG_UNSUPPORTED, "%.300s: this libavdevice has no V4L2", video->name);
    video->input = avformat_alloc_context();
    if (!video->input) return fail(video, AVERROR(ENOMEM), "opening", err);
    video->input->interrupt_callback = (AVIOInterruptCB){expired, video};
    if (video->device) video->input->flags |= AVFMT_FLAG_NONBLOCK;
    set_demuxer_options(video, &dictionary);
    int code = avformat_open_input(&video->input, path, format, &dictionary); /* frees `input` where it fails */
    av_dict_free(&dictionary);
    if (code < 0) return fail(video, code, "opening", err);
    if (!video->device && (code = avformat_find_stream_info(video->input, NULL)) < 0)
        return fail(video, code, "reading its header", err);
    const AVCodec *codec = NULL;
    video->stream = av_find_best_stream(video->input, AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
    if (video->stream == AVERROR_STREAM_NOT_FOUND)
        return vg_fail(err, VG_CORRUPT, "%.300s: there are no pictures in it", video->name);
    if (video->stream < 0 || !codec)
        return vg_fail(err, VG_UNSUPPORTED, "%.300s: libav has no decoder for its pictures", video->name);
    const AVStream *stream = video->input->streams[video->stream];
    for (unsigned i = 0; i < video->input->nb_streams; i++)
        if ((int)i != video->stream) video->input->streams[i]->discard = AVDISCARD_ALL;
    video->decoder = avcodec_alloc_context3(codec);
    if (!video->decoder) return fail(video, AVERROR(ENOMEM), "opening", err);
    code = avcodec_parameters_to_context(video->decoder, stream->codecpar);
    video->decoder->thread_count = video->options.threads;
    video->decoder->pkt_timebase = stream->time_base;
    if (video->info.live) video->decoder->flags |= AV_CODEC_FLAG_LOW_DELAY;
    if (code >= 0) code = avcodec_open2(video->decoder, codec, NULL);
    if (code < 0) return fail(video, code, "opening its decoder", err);
    video->quarter = ((video->options.as_stored ? 0 : quarter_turns(stream)) + video->options.turn) % 4;
    return VG_OK;
}

/* ---- decoding ------------------------------------------------------------------------------------------------------ */

/* A live stream begins anywhere; what comes before the first key frame decodes to garbage. */
static bool waits_for_key(vg_video *video) {
    enum { PATIENCE = 300 }; /* packets; then the stream does not mark its key frames */
    if (!video->info.live || video->keyless < 0) return false;
    if (!(video->packet->flags & AV_PKT_FLAG_KEY) && ++video->keyless < PATIENCE) return true;
    video->keyless = -1;
    return false;
}

/* One packet into the decoder; at the end of the file, the order to give up what it holds. *again: nothing came yet. */
static vg_status feed(vg_video *video, bool *again, vg_error *err) {
    int code = av_read_frame(video->input, video->packet);
    *again = code == AVERROR(EAGAIN) && !expired(video);
    if (*again) return VG_OK;
    if (code == AVERROR_EOF && !video->info.live) {
        video->draining = true;
        code = avcodec_send_packet(video->decoder, NULL);
        return code < 0 && code != AVERROR_EOF ? fail(video, code, "decoding", err) : VG_OK;
    }
    if (code < 0) return fail(video, code == AVERROR(EAGAIN) ? AVERROR(ETIMEDOUT) : code, "reading", err);
    const bool cut = video->packet->flags & AV_PKT_FLAG_CORRUPT;
    code = 0;
    if (video->packet->stream_index == video->stream && !waits_for_key(video)) {
        if (cut && !video->info.live) code = AVERROR_INVALIDDATA;
        if (code == 0) code = avcodec_send_packet(video->decoder, video->packet);
    }
    av_packet_unref(video->packet);
    if (code < 0 && video->info.live) return VG_OK; /* a network camera's stream mends itself at the next key frame */
    if (code < 0) return fail(video, code, "decoding", err);
    return VG_OK;
}

/* Decodes until `frame` holds a picture. *got is false at the end of the file. */
static vg_status decode(vg_video *video, bool *got, vg_error *err) {
    for (*got = false;;) {
        const int code = avcodec_receive_frame(video->decoder, video->frame);
        if (code == 0) break;
        if (code == AVERROR_EOF) return VG_OK;
        if (code != AVERROR(EAGAIN) && !video->info.live) return fail(video, code, "decoding", err);
        if (video->draining) return VG_OK;
        if (expired(video)) return fail(video, AVERROR(ETIMEDOUT), "reading", err);
        bool again;
        VG_TRY(feed(video, &again, err));
        if (again) vg_clock_sleep_until_ns(vg_clock_now_ns() + 1000000);
    }
    *got = video->ready = true;
    return VG_OK;
}

/* A file that ends early: it says how many pictures it holds. Players drop a few at the ends by edit lists. */
static vg_status check_end(const vg_video *video, vg_error *err) {
    const int64_t says = video->info.pictures;
    if (video->names || says <= 0 || video->index >= says - 2 - says / 50) return VG_OK;
    return vg_fail(err, VG_CORRUPT,
                   "%.300s: ends after %lld of %lld pictures: it is cut short; copy or record it again, or cut it by a "
                   "video program",
                   video->name, (long long)video->index, (long long)says);
}

static void oriented_size(const vg_video *video, int32_t *width, int32_t *height) {
    *width = video->quarter & 1 ? video->frame->height : video->frame->width;
    *height = video->quarter & 1 ? video->frame->width : video->frame->height;
}

static vg_status check_size(vg_video *video, const char *name, vg_error *err) {
    int32_t width, height;
    oriented_size(video, &width, &height);
    if (width < 1 || height < 1 || width > LARGEST || height > LARGEST)
        return vg_fail(err, VG_UNSUPPORTED, "%.300s: a picture is %d x %d px; at most %d x %d", name, width, height,
                       LARGEST, LARGEST);
    if (video->info.width && (width != video->info.width || height != video->info.height))
        return vg_fail(err, VG_INVALID, "%.300s: picture %lld is %d x %d px, those before it %d x %d", name,
                       (long long)video->index, width, height, video->info.width, video->info.height);
    return VG_OK;
}

/* Decodes the next picture of whatever kind of source. */
static vg_status advance(vg_video *video, bool *got, vg_error *err) {
    const char *name = video->name;
    if (video->names) {
        *got = video->index < video->count;
        if (!*got) return VG_OK;
        name = video->names[video->index];
        vg_status status = open_input(video, name, err);
        if (status == VG_OK) status = decode(video, got, err);
        if (status == VG_OK && !*got) status = vg_fail(err, VG_CORRUPT, "there is no picture in it");
        if (status != VG_OK) return vg_fail_context(err, status, "%.200s", name);
    } else {
        VG_TRY(decode(video, got, err));
        if (!*got) return check_end(video, err);
    }
    return check_size(video, name, err);
}

/* ---- live sources that are lost -------------------------------------------------------------------------------------- */

static vg_status reopen(vg_video *video, vg_error *err) {
    for (int64_t pause_ns = 100000000;; pause_ns = pause_ns < 1000000000 ? 2 * pause_ns : pause_ns) {
        bool got = false;
        vg_status status = open_input(video, video->name, err);
        if (status == VG_OK) status = advance(video, &got, err);
        if (status == VG_OK && got) {
            video->reopened = true;
            return VG_OK;
        }
        close_input(video);
        if (expired(video) || vg_clock_now_ns() + pause_ns > video->deadline_ns) {
            if (status == VG_INTERRUPTED) return status;
            vg_error last = err ? *err : (vg_error){0};
            return vg_fail(err, VG_TIMEOUT, "%.200s is lost and did not come back within %g s (%.300s)", video->name,
                           video->options.read_seconds, last.message);
        }
        vg_clock_sleep_until_ns(vg_clock_now_ns() + pause_ns);
    }
}

static vg_status advance_live(vg_video *video, vg_error *err) {
    bool got;
    if (!video->input) return reopen(video, err);
    const vg_status status = advance(video, &got, err);
    if (status == VG_OK && got) return VG_OK;
    if (status == VG_INTERRUPTED || status == VG_INVALID || status == VG_TIMEOUT) {
        if (status == VG_TIMEOUT) close_input(video); /* silent for so long: the next read opens it again */
        return status;
    }
    close_input(video);
    return reopen(video, err);
}

/* ---- handing out ----------------------------------------------------------------------------------------------------- */

static int64_t time_of(const vg_video *video) {
    if (video->names) return video->options.rate > 0 ? llround((double)video->index / video->options.rate * 1e9) : 0;
    const AVStream *stream = video->input->streams[video->stream];
    const int64_t pts = video->frame->best_effort_timestamp;
    const AVRational nanosecond = {1, 1000000000};
    if (pts == AV_NOPTS_VALUE) return video->info.rate > 0 ? llround((double)video->index / video->info.rate * 1e9) : 0;
    return av_rescale_q(pts - (video->info.live ? 0 : video->origin), stream->time_base, nanosecond);
}

/* Quarter turns clockwise of a picture of `channels` bytes a pixel; the output is width x height. */
static void turn(uint8_t *out, size_t stride, const uint8_t *in, size_t in_stride, const vg_video_info *info,
                 int quarter) {
    const size_t channels = (size_t)info->channels;
    const int32_t width = info->width, height = info->height;
    for (int32_t y = 0; y < height; y++)
        for (int32_t x = 0; x < width; x++) {
            const int32_t from_x = quarter == 1 ? y : quarter == 2 ? width - 1 - x : height - 1 - y;
            const int32_t from_y = quarter == 1 ? width - 1 - x : quarter == 2 ? height - 1 - y : x;
            memcpy(out + (size_t)y * stride + (size_t)x * channels,
                   in + (size_t)from_y * in_stride + (size_t)from_x * channels, channels);
        }
}

/* libswscale writes whole vectors, so beyond the end of rows whose width is not a multiple of this: such pictures go
 * through a buffer of our own, as do those that are turned. */
enum { VECTOR = 64 };

static vg_status hand_out(vg_video *video, uint8_t *pixels, size_t stride, vg_error *err) {
    static const enum AVPixelFormat formats[] = {AV_PIX_FMT_BGR24, AV_PIX_FMT_RGB24, AV_PIX_FMT_GRAY8};
    const AVFrame *f = video->frame;
    const size_t row = (size_t)video->info.width * (size_t)video->info.channels;
    VG_ASSERT(stride >= row);
    video->convert = sws_getCachedContext(video->convert, f->width, f->height, f->format, f->width, f->height,
                                          formats[video->options.pixels], SWS_BICUBIC, NULL, NULL, NULL);
    if (!video->convert) return vg_fail(err, VG_UNSUPPORTED, "%.300s: its pixels cannot be converted", video->name);
    const bool direct = !video->quarter && f->width % VECTOR == 0;
    const size_t padded = (size_t)(f->width + VECTOR - 1) / VECTOR * VECTOR * (size_t)video->info.channels;
    if (!direct && !video->room && !(video->room = malloc(padded * (size_t)f->height)))
        return vg_fail(err, VG_NO_MEMORY, "%.300s: out of memory", video->name);
    sws_scale(video->convert, (const uint8_t *const *)f->data, f->linesize, 0, f->height,
              direct ? &pixels : &video->room, &(int){(int)(direct ? stride : padded)});
    if (video->quarter)
        turn(pixels, stride, video->room, padded, &video->info, video->quarter);
    else if (!direct)
        for (int32_t y = 0; y < f->height; y++)
            memcpy(pixels + (size_t)y * stride, video->room + (size_t)y * padded, row);
    return VG_OK;
}

/* The next picture into `frame`. */
static vg_status make_ready(vg_video *video, bool *got, vg_error *err) {
    *got = true;
    if (video->ready) return VG_OK;
    if (video->info.live) return advance_live(video, err);
    return advance(video, got, err);
}

vg_status vg_video_read(vg_video *video, uint8_t *pixels, size_t stride, vg_picture *picture, bool *got,
                        vg_error *err) {
    *got = false;
    set_deadline(video, video->options.read_seconds);
    if (atomic_load(&video->interrupt)) return fail(video, AVERROR_EXIT, "reading", err);
    VG_TRY(make_ready(video, got, err));
    if (!*got) return VG_OK;
    *picture = (vg_picture){.index = video->index, .time_ns = time_of(video), .reopened = video->reopened};
    if (video->info.live) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        picture->received_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    }
    const vg_status status = pixels ? hand_out(video, pixels, stride, err) : VG_OK;
    video->ready = video->reopened = false;
    video->index++;
    *got = status == VG_OK;
    return status;
}

/* ---- open, close, seek ----------------------------------------------------------------------------------------------- */

static void describe(vg_video *video) {
    vg_video_info *info = &video->info;
    AVStream *stream = video->input->streams[video->stream];
    const AVRational rate = av_guess_frame_rate(video->input, stream, NULL);
    oriented_size(video, &info->width, &info->height);
    info->channels = video->options.pixels == VG_PIXELS_GRAY ? 1 : 3;
    info->rate = video->names ? video->options.rate : rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0;
    info->pictures = video->names ? video->count : stream->nb_frames > 0 ? stream->nb_frames : -1;
    snprintf(info->codec, sizeof info->codec, "%s", video->decoder->codec->name);
    video->origin = video->frame->best_effort_timestamp == AV_NOPTS_VALUE ? 0 : video->frame->best_effort_timestamp;
}

static vg_status open_source(vg_video *video, vg_error *err) {
    bool got = false;
    if (vg_is_picture_pattern(video->name)) VG_TRY(vg_picture_names(&video->names, &video->count, video->name, err));
    video->packet = av_packet_alloc();
    video->frame = av_frame_alloc();
    if (!video->packet || !video->frame) return fail(video, AVERROR(ENOMEM), "opening", err);
    if (!video->names) VG_TRY(open_input(video, video->name, err));
    VG_TRY(advance(video, &got, err));
    if (!got) return vg_fail(err, VG_CORRUPT, "%.300s: there are no pictures in it", video->name);
    describe(video);
    return VG_OK;
}

vg_status vg_video_open(vg_video **out, const char *source, const vg_video_options *options, vg_error *err) {
    *out = NULL;
    if (strlen(source) >= VG_VIDEO_NAME) return vg_fail(err, VG_INVALID, "%.100s...: the name is too long", source);
    vg_video *video = calloc(1, sizeof *video);
    if (!video) return vg_fail(err, VG_NO_MEMORY, "%.300s: out of memory", source);
    snprintf(video->name, sizeof video->name, "%s", source);
    video->options = options ? *options : vg_video_options_default();
    VG_ASSERT(video->options.pixels >= VG_PIXELS_BGR && video->options.pixels <= VG_PIXELS_GRAY);
    video->info.live = is_live(source);
    video->device = strncmp(source, "/dev/video", 10) == 0;
    av_log_set_level(AV_LOG_QUIET); /* what matters comes back as an error */
    if (video->device) avdevice_register_all();
    set_deadline(video, video->options.open_seconds);
    const vg_status status = open_source(video, err);
    if (status != VG_OK) {
        vg_video_close(video);
        return status;
    }
    *out = video;
    return VG_OK;
}

void vg_video_close(vg_video *video) {
    if (!video) return;
    close_input(video);
    av_packet_free(&video->packet);
    av_frame_free(&video->frame);
    sws_freeContext(video->convert);
    vg_picture_names_free(video->names, video->count);
    free(video->room);
    free(video);
}

/* The index that `frame` has by its time stamp, where the pictures are evenly spaced in time; else -1. */
static int64_t index_by_time(const vg_video *video) {
    const AVStream *stream = video->input->streams[video->stream];
    const int64_t pts = video->frame->best_effort_timestamp;
    if (pts == AV_NOPTS_VALUE || video->info.rate <= 0 || av_cmp_q(stream->avg_frame_rate, stream->r_frame_rate) != 0)
        return -1;
    const double exact = (double)(pts - video->origin) * av_q2d(stream->time_base) * video->info.rate;
    return fabs(exact - nearbyint(exact)) < 0.2 ? llround(exact) : -1;
}

/* Jumps to the key frame at or before `index` and sets `video->index`; false where that cannot be told. */
static bool jump(vg_video *video, int64_t index) {
    const AVStream *stream = video->input->streams[video->stream];
    if (video->info.rate <= 0) return false;
    const int64_t pts = video->origin + llround((double)index / video->info.rate / av_q2d(stream->time_base));
    if (av_seek_frame(video->input, video->stream, pts, AVSEEK_FLAG_BACKWARD) < 0) return false;
    avcodec_flush_buffers(video->decoder);
    video->ready = video->draining = false;
    bool got;
    vg_error ignored;
    if (decode(video, &got, &ignored) != VG_OK || !got) return false;
    video->index = index_by_time(video);
    return video->index >= 0 && video->index <= index;
}

vg_status vg_video_seek(vg_video *video, int64_t index, vg_error *err) {
    VG_ASSERT(!video->info.live && index >= 0);
    set_deadline(video, video->options.open_seconds);
    if (video->names) {
        if (index >= video->count)
            return vg_fail(err, VG_NOT_FOUND, "%.300s: there is no picture %lld; it has %d", video->name,
                           (long long)index, video->count);
        video->ready = video->ready && index == video->index;
        video->index = index;
        return VG_OK;
    }
    enum { NEAR = 32 }; /* so few pictures are decoded rather than jumped over */
    const bool ahead = index >= video->index && index - video->index < NEAR;
    if (!ahead && !jump(video, index)) {
        VG_TRY(open_input(video, video->name, err));
        video->index = 0;
    }
    while (video->index < index || !video->ready) {
        bool got = true;
        if (!video->ready) VG_TRY(advance(video, &got, err));
        if (!got)
            return vg_fail(err, VG_NOT_FOUND, "%.300s: there is no picture %lld; it has %lld", video->name,
                           (long long)index, (long long)video->index);
        if (video->index == index) break;
        video->ready = false;
        video->index++;
        set_deadline(video, video->options.open_seconds);
    }
    return VG_OK;
}
