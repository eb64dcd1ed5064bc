/* A training session: rollouts and updates in turn until the steps are done. The order of everything that can change
 * the policy is fixed; stopping, saving and reporting happen between two iterations, where all state is in the
 * checkpoint. */
#include "daemon/internal.h"

#include "common/clock.h"

#include <math.h>
#include <string.h>

static vg_status save(vg_session *session, const vg_trainer *trainer, vg_error *err) {
    VG_TRY(vg_trainer_save(trainer, session->folder, err));
    session->saved_ns = vg_clock_now_ns();
    session->status.checkpoints++;
    atomic_store(&session->control.checkpoint, false);
    return VG_OK;
}

/* Steps a second and the time left, smoothed over about ten iterations. */
static void estimate(vg_session *session, int64_t steps_before, double seconds) {
    vg_session_status *status = &session->status;
    const double rate = (double)(status->train.env_steps - steps_before) / (seconds > 1e-9 ? seconds : 1e-9);
    status->steps_per_second = status->steps_per_second > 0 ? 0.9 * status->steps_per_second + 0.1 * rate : rate;
    const double left = (double)(session->config->train.steps - status->train.env_steps);
    status->eta_seconds = left > 0 ? left / status->steps_per_second : 0;
}

static vg_status iterate(vg_session *session, vg_trainer *trainer, vg_curve *curve, vg_error *err) {
    const vg_session_config *config = session->config;
    const int64_t every_ns = (int64_t)(config->checkpoint.every_seconds * 1e9);
    session->saved_ns = vg_clock_now_ns();
    while (!vg_trainer_done(trainer) && !vg_session_should_stop(session)) {
        const int64_t began = vg_clock_now_ns(), steps_before = session->status.train.env_steps;
        vg_train_stats stats = {0};
        VG_TRY(vg_trainer_iterate(trainer, &stats, err));
        const double seconds = (double)(vg_clock_now_ns() - began) * 1e-9;
        session->status.train = stats;
        if (steps_before > 0 || stats.updates == 1) estimate(session, steps_before, seconds);
        VG_TRY(vg_curve_add(curve, &stats, err));
        if (atomic_load(&session->control.checkpoint) || vg_clock_now_ns() - session->saved_ns >= every_ns)
            VG_TRY(save(session, trainer, err));
        VG_DEBUGF(session->options->log, "update %lld: %lld of %lld steps, reward %.4f, MPJPE %.1f mm",
                  (long long)stats.updates, (long long)stats.env_steps, (long long)config->train.steps,
                  stats.team_reward, stats.mpjpe_mm);
        VG_TRY(vg_session_report(session, false, err));
    }
    return save(session, trainer, err);
}

vg_status vg_session_train(vg_session *session, vg_error *err) {
    const vg_session_config *config = session->config;
    const vg_session_options *options = session->options;
    vg_trainer *trainer = NULL;
    vg_curve curve = {0};
    vg_status status = vg_trainer_create(&trainer, &config->train, session->world, options->log, err);
    if (status == VG_OK && options->resume) status = vg_trainer_resume(trainer, session->folder, err);
    if (status == VG_OK) status = vg_curve_open(&curve, session->folder, options->resume, err);
    if (status == VG_OK) {
        snprintf(session->status.state, sizeof session->status.state, "running");
        status = vg_session_report(session, true, err);
    }
    if (status == VG_OK) {
        if (options->ready) options->ready(options->context);
        status = iterate(session, trainer, &curve, err);
    }
    vg_curve_close(&curve);
    vg_trainer_destroy(trainer);
    return status;
}
