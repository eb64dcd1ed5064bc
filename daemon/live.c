/* A live session: one environment, ticked at a fixed rate by this thread; where it learns, the learner has a thread of
 * its own and leaves policies for the next tick to take, so a slow update delays the next policy, never the next
 * command. */
#include "daemon/internal.h"

#include "common/clock.h"

#include <pthread.h>
#include <string.h>

typedef struct learner {
    vg_live *live;
    atomic_bool stop, ended;
    vg_status status; /* read after the thread was joined */
    vg_error err;
    pthread_t thread;
} learner;

static void *learn(void *context) {
    learner *l = context;
    l->status = vg_live_learner_run(l->live, &l->stop, &l->err);
    atomic_store(&l->ended, true);
    return NULL;
}

/* Ticks on absolute deadlines, so that a late tick does not shift those after it; a tick later than a whole period
 * skips the deadlines it missed instead of hurrying after them. */
static vg_status tick_until_stopped(vg_session *session, vg_live *live, const learner *l, vg_error *err) {
    const double rate = session->config->live.rate_hz;
    const int64_t period = (int64_t)(1e9 / rate);
    int64_t due = vg_clock_now_ns() + period;
    session->status.steps_per_second = rate;
    while (!vg_session_should_stop(session) && !(l && atomic_load(&l->ended))) {
        const vg_status status = vg_live_tick(live, &session->status.live, err);
        if (status == VG_ENDED) return VG_OK; /* a recording ends */
        VG_TRY(status);
        VG_TRY(vg_session_report(session, false, err));
        const int64_t now = vg_clock_now_ns();
        if (now > due) {
            session->status.late_ticks++;
            due += (now - due) / period * period;
        }
        while (vg_clock_now_ns() < due && !vg_session_should_stop(session)) {
            /* in slices, so that a slow rate still stops promptly */
            const int64_t slice = vg_clock_now_ns() + 100000000;
            vg_clock_sleep_until_ns(due < slice ? due : slice);
        }
        due += period;
    }
    return VG_OK;
}

static vg_status run(vg_session *session, vg_live *live, vg_error *err) {
    const vg_session_config *config = session->config;
    learner l = {.live = live};
    if (config->live.learn && pthread_create(&l.thread, NULL, learn, &l) != 0)
        return vg_fail(err, VG_FAILED, "cannot start the learner's thread");
    snprintf(session->status.state, sizeof session->status.state, "running");
    vg_status status = vg_session_report(session, true, err);
    if (status == VG_OK) {
        if (session->options->ready) session->options->ready(session->options->context);
        status = tick_until_stopped(session, live, config->live.learn ? &l : NULL, err);
    }
    if (!config->live.learn) return status;
    atomic_store(&l.stop, true);
    pthread_join(l.thread, NULL);
    if (status == VG_OK && l.status != VG_OK) {
        *err = l.err;
        status = vg_fail_context(err, l.status, "the learner stopped");
    }
    if (status != VG_OK) return status;
    VG_TRY(vg_live_save(live, session->folder, err));
    session->status.checkpoints++;
    session->saved_ns = vg_clock_now_ns();
    return VG_OK;
}

static void show(void *context, const vg_frame *frame, const vg_skeletons *skeletons) {
    vg_session_show(context, frame, skeletons);
}

vg_status vg_session_live(vg_session *session, vg_error *err) {
    const vg_session_config *config = session->config;
    const vg_live_config live_config = {.policy = config->live.policy,
                                        .learn = config->live.learn,
                                        .train = config->train,
                                        .seen = show,
                                        .context = session};
    vg_live *live = NULL;
    VG_TRY(vg_live_create(&live, &live_config, session->world, session->options->log, err));
    const vg_status status = run(session, live, err);
    vg_live_destroy(live);
    return status;
}
