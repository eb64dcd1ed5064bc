/* A network camera for tests: RTSP over TCP, in a process of its own, that shows the numbered pictures of video.h. */
#ifndef VG_TESTS_RTSP_H
#define VG_TESTS_RTSP_H

#include "tests/support/video.h"

#include <arpa/inet.h>
#include <libavutil/opt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct vg_test_camera {
    int listener, port;
    pid_t process;
    int rate;     /* pictures a second */
    int pictures; /* after so many it hangs up */
} vg_test_camera;

/* One RTP packet, interleaved with the RTSP connection: channel 0, RTCP on 1. */
static inline int vg_test_rtp_out(void *connection, uint8_t *data, int size) {
    const bool rtcp = size > 1 && data[1] >= 192 && data[1] <= 223;
    const uint8_t head[4] = {'$', rtcp, (uint8_t)(size >> 8), (uint8_t)size};
    if (send(*(int *)connection, head, 4, MSG_NOSIGNAL) != 4 ||
        send(*(int *)connection, data, (size_t)size, MSG_NOSIGNAL) != size)
        _exit(0);
    return size;
}

typedef struct vg_test_rtp {
    AVFormatContext *out;
    AVCodecContext *encoder;
    AVStream *stream;
    char sdp[2048];
} vg_test_rtp;

static inline void vg_test_rtp_open(vg_test_rtp *rtp, int *connection, int rate) {
    enum { PACKET = 1400 };
    avformat_alloc_output_context2(&rtp->out, NULL, "rtp", NULL);
    rtp->out->pb = avio_alloc_context(av_malloc(PACKET), PACKET, 1, connection, NULL, vg_test_rtp_out, NULL);
    rtp->out->pb->max_packet_size = PACKET;
    rtp->out->packet_size = PACKET;
    rtp->encoder = vg_test_encoder(rate, false);
    rtp->stream = avformat_new_stream(rtp->out, NULL);
    avcodec_parameters_from_context(rtp->stream->codecpar, rtp->encoder);
    rtp->stream->time_base = rtp->encoder->time_base;
    av_sdp_create(&rtp->out, 1, rtp->sdp, sizeof rtp->sdp);
}

static inline void vg_test_rtp_play(vg_test_rtp *rtp, const vg_test_camera *camera) {
    AVFrame *frame = vg_test_frame();
    AVPacket *packet = av_packet_alloc();
    if (avformat_write_header(rtp->out, NULL) < 0) _exit(1);
    for (int i = 0; i < camera->pictures; i++) {
        av_frame_make_writable(frame);
        vg_test_draw(frame, i % 1024);
        frame->pts = i;
        avcodec_send_frame(rtp->encoder, frame);
        while (avcodec_receive_packet(rtp->encoder, packet) == 0) {
            av_packet_rescale_ts(packet, rtp->encoder->time_base, rtp->stream->time_base);
            av_write_frame(rtp->out, packet);
            avio_flush(rtp->out->pb);
        }
        nanosleep(&(struct timespec){0, 1000000000L / camera->rate}, NULL);
    }
}

/* One listener's requests, until it asks to play; then the pictures. */
static inline void vg_test_camera_serve(const vg_test_camera *camera, int connection) {
    vg_test_rtp rtp;
    vg_test_rtp_open(&rtp, &connection, camera->rate);
    char request[4096];
    size_t have = 0;
    for (;;) {
        const ssize_t n = recv(connection, request + have, sizeof request - 1 - have, 0);
        if (n <= 0) return;
        request[have += (size_t)n] = '\0';
        if (!strstr(request, "\r\n\r\n")) continue;
        have = 0;
        const char *number = strstr(request, "CSeq:");
        const int sequence = number ? atoi(number + 5) : 0;
        char reply[4096], extra[3000] = "";
        if (strncmp(request, "DESCRIBE", 8) == 0)
            snprintf(extra, sizeof extra, "Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
                     strlen(rtp.sdp), rtp.sdp);
        else if (strncmp(request, "SETUP", 5) == 0)
            snprintf(extra, sizeof extra, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 7\r\n\r\n");
        else
            snprintf(extra, sizeof extra, "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\nSession: 7\r\n\r\n");
        snprintf(reply, sizeof reply, "RTSP/1.0 200 OK\r\nCSeq: %d\r\n%s", sequence, extra);
        if (send(connection, reply, strlen(reply), MSG_NOSIGNAL) < 0) return;
        if (strncmp(request, "PLAY", 4) == 0) {
            vg_test_rtp_play(&rtp, camera);
            return;
        }
    }
}

/* Starts the camera; each listener gets a process, and pictures from number 0. */
static inline void vg_test_camera_start(vg_test_camera *camera) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    camera->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(camera->listener, (struct sockaddr *)&address, size) || listen(camera->listener, 8) ||
        getsockname(camera->listener, (struct sockaddr *)&address, &size))
        fail_msg("cannot listen on the loopback");
    camera->port = ntohs(address.sin_port);
    fflush(NULL);
    camera->process = fork();
    if (camera->process != 0) return;
    setpgid(0, 0);
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
        const int connection = accept(camera->listener, NULL, NULL);
        if (connection < 0) _exit(0);
        if (fork() == 0) {
            vg_test_camera_serve(camera, connection);
            _exit(0);
        }
        close(connection);
    }
}

static inline void vg_test_camera_stop(vg_test_camera *camera) {
    setpgid(camera->process, camera->process); /* in case the child did not get there yet */
    kill(-camera->process, SIGKILL);
    waitpid(camera->process, NULL, 0);
    close(camera->listener);
}

#endif
