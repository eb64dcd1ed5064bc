/* A motion-capture session: frames come at the world's own pace, people are found in each, told to the outputs, recorded.
 * The tick is driven by messages: it runs as soon as every camera has told what it saw. */
#include "daemon/internal.h"

#include "common/clock.h"
#include "daemon/outputs.h"
#include "perception/capture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct mocap {
    vg_session *session;
    vg_capture *capture;
    vg_outputs *outputs;
    vg_frame *frame;
    vg_skeletons *skeletons;
    vg_latency latency;
    int64_t second_ns, second_frames; /* when the last second began, and frames then */
} mocap;

static vg_status create(mocap *m, vg_error *err) {
    const vg_session_config *config = m->session->config;
    const vg_world_info *w = &m->session->world->info;
    vg_capture_config capture = vg_capture_config_default();
    capture.smooth.cutoff = config->mocap.cutoff_hz, capture.smooth.beta = config->mocap.beta;
    VG_TRY(vg_capture_create(&m->capture, &capture, w->dims, w->joint_set, err));
    VG_TRY(vg_outputs_open(&m->outputs, config, w, err));
    m->frame = calloc(1, vg_frame_bytes(w->dims));
    m->skeletons = calloc(1, vg_skeletons_bytes(w->dims.people, w->dims.joints));
    if (!m->frame || !m->skeletons) return vg_fail(err, VG_NO_MEMORY, "motion capture: out of memory");
    vg_frame_init(m->frame, w->dims, 0);
    vg_skeletons_init(m->skeletons, w->dims.people, w->dims.joints, 0);
    m->session->status.mocap.filter_delay_seconds = vg_smooth_delay(&capture.smooth, 0, 1 / w->step_seconds);
    m->session->status.mocap.filter_delay_moving = vg_smooth_delay(&capture.smooth, 1, 1 / w->step_seconds);
    return VG_OK;
}

static void destroy(mocap *m) {
    vg_outputs_close(m->outputs);
    vg_capture_destroy(m->capture);
    free(m->frame), free(m->skeletons);
}

static void count(mocap *m, int64_t came_ns) {
    vg_mocap_stats *s = &m->session->status.mocap;
    s->frames++;
    s->people = s->joints_measured = s->joints_carried = s->joints_lost = 0;
    for (int32_t p = 0; p < m->skeletons->people; p++) {
        if (!vg_skeletons_present(m->skeletons)[p]) continue;
        s->people++;
        for (int32_t j = 0; j < m->skeletons->joints; j++) {
            const int16_t state = vg_skeletons_joints(m->skeletons)[p * m->skeletons->joints + j].state;
            s->joints_measured += state == VG_JOINT_MEASURED;
            s->joints_carried += state == VG_JOINT_CARRIED;
            s->joints_lost += state == VG_JOINT_LOST;
        }
    }
    if (came_ns > 0) vg_latency_add(&m->latency, (double)(vg_clock_now_ns() - came_ns) * 1e-9);
}

/* What is worth working out only now and then. */
static void tell(mocap *m, int64_t now) {
    vg_mocap_stats *s = &m->session->status.mocap;
    const double seconds = (double)(now - m->second_ns) * 1e-9;
    if (seconds >= 1) {
        s->fps = m->session->status.steps_per_second = (double)(s->frames - m->second_frames) / seconds;
        m->second_ns = now, m->second_frames = s->frames;
    }
    s->latency_p50 = vg_latency_percentile(&m->latency, 0.5);
    s->latency_p99 = vg_latency_percentile(&m->latency, 0.99);
    s->latency_worst = m->latency.total > 0 ? m->latency.worst : (double)NAN;
    s->has_sources = vg_world_sources(m->session->world, &s->sources); /* also where no frame comes */
    const vg_outputs_stats out = vg_outputs_read(m->outputs);
    s->published = out.published, s->vmc_packets = out.vmc_packets, s->vmc_failures = out.vmc_failures;
}

static vg_status tick(mocap *m, vg_error *err) {
    vg_session *session = m->session;
    const vg_command stand = {.cameras = session->world->info.dims.cameras};
    const uint64_t last = m->frame->frame_id;
    VG_TRY(vg_world_step(session->world, 0, 1, &stand, m->frame, err));
    if (m->frame->frame_id == last) return VG_OK; /* nothing new within a tick */
    VG_TRY(vg_capture_step(m->capture, m->frame, m->skeletons, err));
    vg_outputs_send(m->outputs, m->skeletons);
    vg_session_show(session, m->frame, m->skeletons);
    vg_world_report sources = {0};
    vg_world_sources(session->world, &sources);
    count(m, sources.came_ns);
    vg_world_observe(session->world, vg_capture_matched(m->capture));
    return VG_OK;
}

static vg_status run(mocap *m, vg_error *err) {
    enum { TELL_NS = 200000000 };
    vg_session *session = m->session;
    int64_t told = m->second_ns = vg_clock_now_ns();
    snprintf(session->status.state, sizeof session->status.state, "running");
    VG_TRY(vg_session_report(session, true, err));
    if (session->options->ready) session->options->ready(session->options->context);
    vg_status status = VG_OK;
    while (status == VG_OK && !vg_session_should_stop(session)) {
        status = tick(m, err);
        const int64_t now = vg_clock_now_ns();
        if (now - told < TELL_NS) continue;
        told = now;
        tell(m, now);
        if (status == VG_OK) status = vg_session_report(session, false, err);
    }
    tell(m, vg_clock_now_ns());
    return status == VG_ENDED ? VG_OK : status; /* a recording ends */
}

vg_status vg_session_mocap(vg_session *session, vg_error *err) {
    mocap m = {.session = session};
    vg_mocap_stats *s = &session->status.mocap;
    s->fps = s->latency_p50 = s->latency_p99 = s->latency_worst = (double)NAN;
    vg_status status = create(&m, err);
    if (status == VG_OK) status = run(&m, err);
    destroy(&m);
    return status;
}
