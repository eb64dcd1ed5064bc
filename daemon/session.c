/* A session from open to close: folder, world, control socket, then the loop of its kind (train.c, live.c, mocap.c). What
 * happens around the loop is the same for both: status published, status.json rewritten, checkpoints asked for, a
 * graceful end. */
#include "daemon/internal.h"

#include "common/clock.h"
#include "common/text.h"
#include "daemon/web.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool vg_session_should_stop(vg_session *session) {
    return (session->options->stop && atomic_load(session->options->stop)) || atomic_load(&session->control.stop);
}

/* For a world that waits for its peer. */
static bool is_stopped(void *context) {
    return vg_session_should_stop(context);
}

static vg_status write_status(vg_session *session, vg_error *err) {
    char path[VG_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/status.json", session->folder);
    vg_file file;
    VG_TRY(vg_file_create(&file, path, err));
    json_t *status = vg_control_status_json(&session->control, &session->status);
    json_dumpf(status, file.stream, JSON_INDENT(2));
    fputc('\n', file.stream);
    json_decref(status);
    return vg_file_commit(&file, err);
}

vg_status vg_session_report(vg_session *session, bool force, vg_error *err) {
    const int64_t now = vg_clock_now_ns();
    session->status.elapsed_seconds = (double)(now - session->began_ns) * 1e-9;
    session->status.checkpoint_age_seconds = session->saved_ns ? (double)(now - session->saved_ns) * 1e-9 : (double)NAN;
    if (session->recorder) vg_recorder_read(session->recorder, &session->status.recording);
    vg_control_publish(&session->control, &session->status);
    if (!force && now - session->reported_ns < 1000000000) return VG_OK;
    session->reported_ns = now;
    return write_status(session, err);
}

static void set_state(vg_session *session, const char *state) {
    snprintf(session->status.state, sizeof session->status.state, "%s", state);
}

/* Sessions that run live leave a recording; a replay has one already. */
static vg_status begin_recording(vg_session *session, vg_error *err) {
    const vg_session_config *config = session->config;
    if (!config->record.enabled || config->session.kind == VG_SESSION_TRAIN || config->world.kind == VG_SESSION_REPLAY)
        return VG_OK;
    return vg_recorder_open(&session->recorder, session->folder, &session->world->info, session->options->log, err);
}

static vg_status begin_viewer(vg_session *session, vg_error *err) {
    if (!session->config->web.listen[0]) return VG_OK;
    VG_TRY(vg_web_open(&session->web, &session->control, session->options->log, err));
    snprintf(session->status.viewer, sizeof session->status.viewer, "%s", vg_web_url(session->web));
    return VG_OK;
}

void vg_session_show(vg_session *session, const vg_frame *frame, const vg_skeletons *skeletons) {
    if (session->recorder) vg_recorder_push(session->recorder, frame, skeletons);
    if (session->web) vg_web_push(session->web, frame, skeletons);
}

static vg_status run_loop(vg_session *session, vg_error *err) {
    const vg_session_config *config = session->config;
    char path[VG_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/config.yaml", session->folder);
    VG_TRY(vg_session_config_save(config, path, err));
    set_state(session, "starting");
    VG_TRY(vg_session_report(session, true, err));
    static vg_status (*const kinds[])(vg_session *, vg_error *) = {[VG_SESSION_TRAIN] = vg_session_train,
                                                                   [VG_SESSION_LIVE] = vg_session_live,
                                                                   [VG_SESSION_MOCAP] = vg_session_mocap};
    VG_TRY(begin_recording(session, err));
    vg_status status = kinds[config->session.kind](session, err);
    vg_error why = {0};
    const vg_status recorded = vg_recorder_close(session->recorder, &session->status.recording, &why);
    session->recorder = NULL;
    if (status == VG_OK && recorded != VG_OK) VG_WARNF(session->options->log, "%s", why.message);
    if (status == VG_OK) {
        set_state(session, vg_session_should_stop(session) ? "stopped" : "done");
    } else {
        set_state(session, "failed");
        snprintf(session->status.error, sizeof session->status.error, "%s", err->message);
    }
    vg_error ignored = {0};
    const vg_status reported = vg_session_report(session, true, status == VG_OK ? err : &ignored);
    return status == VG_OK ? reported : status;
}

vg_status vg_session_run(const vg_session_config *config, const vg_session_state *state,
                         const vg_session_options *options, vg_error *err) {
    VG_ASSERT(state->lock >= 0);
    vg_session *session = calloc(1, sizeof *session);
    if (!session) return vg_fail(err, VG_NO_MEMORY, "cannot allocate a session");
    *session = (vg_session){.config = config, .options = options, .began_ns = vg_clock_now_ns()};
    session->status.eta_seconds = session->status.checkpoint_age_seconds = (double)NAN;
    session->status.live.mpjpe_mm = (double)NAN;
    snprintf(session->folder, sizeof session->folder, "%s", config->session.folder);
    vg_session_state folder_lock = {.lock = -1};
    snprintf(folder_lock.folder, sizeof folder_lock.folder, "%s", session->folder);
    snprintf(folder_lock.pid_file, sizeof folder_lock.pid_file, "%s/pid", session->folder);
    vg_world_config world = vg_session_config_world(config, options->log);
    world.stopped = is_stopped, world.stop_context = session;
    vg_status status = vg_make_folders(session->folder, err);
    if (status == VG_OK) status = vg_folder_take(&folder_lock, err);
    if (status == VG_OK) status = vg_world_open(&session->world, &world, err);
    if (status == VG_OK) {
        session->control.config = config;
        session->control.folder = session->folder;
        session->control.world = &session->world->info;
        status = vg_control_start(&session->control, state->endpoint, err);
    }
    if (status == VG_OK) {
        VG_INFOF(options->log, "session %s: %s, scene %s, %d cameras, %d people, %d environments; control %s",
                 config->session.name, session->world->info.name, session->world->info.scene,
                 session->world->info.dims.cameras, session->world->info.dims.people, session->world->info.envs,
                 state->endpoint);
        status = begin_viewer(session, err);
        if (status == VG_OK) status = run_loop(session, err);
        vg_web_close(session->web);
        vg_control_stop(&session->control);
        if (session->status.state[0])
            VG_INFOF(options->log, "session %s: %s", config->session.name, session->status.state);
    }
    vg_world_close(session->world);
    vg_session_state_release(&folder_lock);
    free(session);
    return status;
}
