/* Videos made for tests: gray pictures in which each picture's number is written as blocks of black and white. */
#ifndef VG_TESTS_VIDEO_H
#define VG_TESTS_VIDEO_H

#include "tests/support/support.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { VG_TEST_VIDEO_WIDTH = 160, VG_TEST_VIDEO_HEIGHT = 96 };

typedef struct vg_test_video {
    int pictures;
    int rate;
    bool uneven;    /* every third picture comes late */
    int quarter;    /* quarter turns clockwise that a player shall make */
    bool faststart; /* the index at the file's beginning, as for streaming */
} vg_test_video;

/* Ten blocks of 16 x 48 px, bit i of the number white where set; below, the picture is gray and darker to the right. */
static inline void vg_test_draw(AVFrame *frame, int number) {
    for (int y = 0; y < VG_TEST_VIDEO_HEIGHT; y++)
        for (int x = 0; x < VG_TEST_VIDEO_WIDTH; x++)
            frame->data[0][y * frame->linesize[0] + x] =
                y < 48 ? (number >> (x / 16) & 1 ? 220 : 30) : (uint8_t)(200 - x);
    for (int p = 1; p < 3; p++)
        for (int y = 0; y < VG_TEST_VIDEO_HEIGHT / 2; y++)
            memset(frame->data[p] + y * frame->linesize[p], 128, VG_TEST_VIDEO_WIDTH / 2);
}

/* Reads the number back from a picture of `channels` bytes a pixel. */
static inline int vg_test_number(const uint8_t *pixels, size_t stride, int channels) {
    int number = 0;
    for (int bit = 0; bit < 10; bit++)
        number |= (pixels[24 * stride + (size_t)((bit * 16 + 8) * channels)] > 128) << bit;
    return number;
}

/* A frame and an encoder (MPEG-4, which libav has itself), with a key frame every 12. */
static inline AVCodecContext *vg_test_encoder(int rate, bool b_pictures) {
    const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_MPEG4);
    AVCodecContext *encoder = avcodec_alloc_context3(codec);
    encoder->width = VG_TEST_VIDEO_WIDTH, encoder->height = VG_TEST_VIDEO_HEIGHT;
    encoder->pix_fmt = AV_PIX_FMT_YUV420P;
    encoder->time_base = (AVRational){1, b_pictures ? rate * 10 : rate}; /* tenths: room for uneven times */
    encoder->framerate = (AVRational){rate, 1};
    encoder->gop_size = 12, encoder->max_b_frames = b_pictures ? 2 : 0;
    encoder->bit_rate = 400000;
    encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    if (!codec || avcodec_open2(encoder, codec, NULL) < 0) fail_msg("cannot open libav's MPEG-4 encoder");
    return encoder;
}

static inline AVFrame *vg_test_frame(void) {
    AVFrame *frame = av_frame_alloc();
    frame->format = AV_PIX_FMT_YUV420P, frame->width = VG_TEST_VIDEO_WIDTH, frame->height = VG_TEST_VIDEO_HEIGHT;
    if (av_frame_get_buffer(frame, 0) < 0) fail_msg("out of memory");
    return frame;
}

static inline void vg_test_video_write(const char *path, const vg_test_video *video) {
    AVFormatContext *out;
    if (avformat_alloc_output_context2(&out, NULL, NULL, path) < 0) fail_msg("%s: no muxer", path);
    AVCodecContext *encoder = vg_test_encoder(video->rate, true);
    AVStream *stream = avformat_new_stream(out, NULL);
    avcodec_parameters_from_context(stream->codecpar, encoder);
    stream->time_base = encoder->time_base, stream->avg_frame_rate = encoder->framerate;
    if (video->quarter) {
        int32_t *matrix = (int32_t *)(void *)av_stream_new_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, 36);
        av_display_rotation_set(matrix, 90.0 * video->quarter);
    }
    AVDictionary *options = NULL;
    if (video->faststart) av_dict_set(&options, "movflags", "faststart", 0);
    if (avio_open(&out->pb, path, AVIO_FLAG_WRITE) < 0 || avformat_write_header(out, &options) < 0)
        fail_msg("%s: cannot write", path);
    av_dict_free(&options);
    AVFrame *frame = vg_test_frame();
    AVPacket *packet = av_packet_alloc();
    for (int i = 0; i <= video->pictures; i++) {
        av_frame_make_writable(frame);
        if (i < video->pictures) vg_test_draw(frame, i);
        frame->pts = i * 10 + (video->uneven && i % 3 == 1 ? 5 : 0);
        avcodec_send_frame(encoder, i < video->pictures ? frame : NULL);
        while (avcodec_receive_packet(encoder, packet) == 0) {
            av_packet_rescale_ts(packet, encoder->time_base, stream->time_base);
            av_interleaved_write_frame(out, packet);
        }
    }
    av_write_trailer(out);
    avio_closep(&out->pb);
    av_packet_free(&packet);
    av_frame_free(&frame);
    avcodec_free_context(&encoder);
    avformat_free_context(out);
}

#endif
