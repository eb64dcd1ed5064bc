/* The viewer: a web page that shows a session in 3D while it runs (docs/live.md). One thread serves the page, whose files are
 * in this program, and pushes to every browser that looks: who is who once, cameras and skeletons as they come, and what the
 * session tells about itself once a second (docs/control.md, "The viewer's messages"). Browsers can only look.
 *
 * Who cannot follow misses frames. Nothing a browser does, or anybody else who connects, delays a tick. */
#ifndef VG_DAEMON_WEB_H
#define VG_DAEMON_WEB_H

#include "daemon/internal.h"

typedef struct vg_web vg_web;

/* Listens at config->web.listen ("HOST:PORT"; port 0: any that is free) and starts the thread. `control` tells the session's
 * status and must outlive it. VG_REFUSED where the port is taken. Release with vg_web_close. */
vg_status vg_web_open(vg_web **out, vg_control *control, const vg_log *log, vg_error *err);
void vg_web_close(vg_web *web); /* NULL is allowed */

/* One instant, from the tick: copied; never waits, allocates nothing. One thread calls it. */
void vg_web_push(vg_web *web, const vg_frame *frame, const vg_skeletons *skeletons);

/* Parts of web.listen, "HOST:PORT" or "[IPV6]:PORT". */
vg_status vg_web_place(const char *listen, char host[256], char port[8], vg_error *err);

/* Where a browser finds it: "http://127.0.0.1:8080/". */
const char *vg_web_url(const vg_web *web);

#endif
