/* Pictures and video in: one reader for video files, single pictures, sequences of pictures, V4L2 devices and RTSP (or any
 * other URL that libav opens). Decoding is libav's; nothing of it leaves video.c.
 *
 * A source is named by
 *   FILE                     a video or a picture
 *   FOLDER                   all pictures in it
 *   "shot*.png", "a%04d.jpg" pictures by pattern, numbers in the names in numerical order
 *   /dev/video0              a camera of this machine
 *   rtsp://user:word@host/.. a network camera
 *
 * Every call that waits has a deadline. A live source that is lost is opened again by the reads that follow. */
#ifndef VG_CALIBRATION_VIDEO_H
#define VG_CALIBRATION_VIDEO_H

#include "common/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VG_VIDEO_NAME 1024 /* bytes of a source's name, its NUL included */

typedef enum vg_pixels {
    VG_PIXELS_BGR = 0, /* 3 bytes a pixel, OpenCV's order */
    VG_PIXELS_RGB = 1, /* 3 bytes a pixel */
    VG_PIXELS_GRAY = 2 /* 1 byte a pixel */
} vg_pixels;

/* vg_video_options_default() is valid as it is. */
typedef struct vg_video_options {
    int32_t pixels;        /* vg_pixels */
    int32_t threads;       /* of the decoder; 1: as many sources as cores decode at once */
    double open_seconds;   /* deadline of opening, the first picture included */
    double read_seconds;   /* deadline of each read, opening a lost live source again included */
    int32_t width, height; /* V4L2: size to ask of the camera; 0 = its own choice */
    double rate;           /* V4L2: pictures a second to ask for; sequences: what time stamps are made of; 0 = none */
    bool rtsp_udp;         /* RTSP over UDP, which loses packets; else over TCP */
    int32_t turn;          /* quarter turns clockwise besides, 0 .. 3 */
    bool as_stored;        /* do not turn pictures upright where the file says that the camera was held turned */
} vg_video_options;

vg_video_options vg_video_options_default(void); /* BGR, 1 thread, 10 s, 5 s, TCP, turned upright */

typedef struct vg_video_info {
    int32_t width, height; /* px, as handed out */
    int32_t channels;      /* bytes a pixel */
    double rate;           /* pictures a second as the source says; 0 where it does not */
    int64_t pictures;      /* as the source says; -1 where it does not */
    bool live;             /* a camera: pictures come when they come, and are lost where they are not read in time */
    char codec[32];        /* "h264", "mjpeg", ... */
} vg_video_info;

/* One picture's place in time. */
typedef struct vg_picture {
    int64_t index;       /* from 0; live sources count what was handed out */
    int64_t time_ns;     /* presentation time. Files: since the first picture; 0 for sequences without a rate. Live: the
                            camera's own clock, of any origin (V4L2: since 1970); it jumps where `reopened` */
    int64_t received_ns; /* live: when the picture was decoded, since 1970 (CLOCK_REALTIME); else 0 */
    bool reopened;       /* first picture since a lost live source was opened again */
} vg_picture;

typedef struct vg_video vg_video;

/* Opens a source and decodes its first picture. Errors: VG_NOT_FOUND, VG_UNREACHABLE, VG_TIMEOUT, VG_CORRUPT, VG_UNSUPPORTED;
 * they name the source and the mend. Release with vg_video_close. `options` may be NULL. */
vg_status vg_video_open(vg_video **out, const char *source, const vg_video_options *options, vg_error *err);
void vg_video_close(vg_video *video); /* NULL is allowed */
const vg_video_info *vg_video_about(const vg_video *video);
const char *vg_video_name(const vg_video *video); /* the source as it was opened */

/* The next picture into the caller's `pixels` [height][stride bytes]; NULL = decode it, but do not hand it out. At the end
 * of a file *got is false. VG_TIMEOUT: no picture in time, or a live source that is lost and did not come back yet: the
 * next read goes on trying. VG_CORRUPT: a file that is damaged or cut short, at the picture named. */
vg_status vg_video_read(vg_video *video, uint8_t *pixels, size_t stride, vg_picture *picture, bool *got, vg_error *err);

/* Makes the picture of this index the next one that is read. Not for live sources. Exact also where pictures are not evenly
 * spaced in time (then slower, by decoding from the start). VG_NOT_FOUND past the end. */
vg_status vg_video_seek(vg_video *video, int64_t index, vg_error *err);

/* Makes a read that waits in another thread, and all later ones, return VG_INTERRUPTED. */
void vg_video_interrupt(vg_video *video);

/* The names of the pictures that a folder or pattern stands for, in order (numbers numerically). Each name and the list
 * are released with vg_picture_names_free. VG_NOT_FOUND where there is none. */
vg_status vg_picture_names(char ***names, int32_t *count, const char *pattern, vg_error *err);
void vg_picture_names_free(char **names, int32_t count);
/* Whether `source` is a folder or a pattern rather than one file, device or URL. */
bool vg_is_picture_pattern(const char *source);

#endif
