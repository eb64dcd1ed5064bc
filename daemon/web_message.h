/* What the viewer's browsers are told, as bytes: docs/control.md, "The viewer's messages". */
#ifndef VG_DAEMON_WEB_MESSAGE_H
#define VG_DAEMON_WEB_MESSAGE_H

#include "daemon/internal.h"

enum { VG_WEB_MESSAGE_VERSION = 1 };

/* Once: who is who. The caller releases it. NULL where memory is short. */
char *vg_web_hello(const vg_session_config *config, const vg_world_info *world);

/* Most bytes of a frame's message. */
size_t vg_web_frame_bytes(vg_dims dims);
/* Writes one instant, little-endian; returns its bytes. */
size_t vg_web_frame(void *out, const vg_frame *frame, const vg_skeletons *skeletons);

/* How far each camera's detections lie from the skeletons projected into it: a camera that was knocked shows here. */
typedef struct vg_web_errors {
    double sum[VG_MAX_CAMERAS], weight[VG_MAX_CAMERAS]; /* px, of the medians of instants; both fade over about 20 */
} vg_web_errors;

/* Takes in one instant. Who is who in a camera is not known here: a skeleton's joints are compared with that detection that
 * lies nearest in the mean, where it is within a tenth of the picture. */
void vg_web_errors_add(vg_web_errors *errors, const vg_frame *frame, const vg_skeletons *skeletons);
/* px; NaN where nothing was compared lately. */
double vg_web_errors_of(const vg_web_errors *errors, int32_t camera);

/* Once a second: the control socket's status and what only the viewer knows. The caller releases it; NULL where memory is
 * short. */
char *vg_web_status(vg_control *control, const vg_web_errors *errors, int viewers);

#endif
