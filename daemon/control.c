/* The control socket: JSON requests and answers over a ZeroMQ REP socket, served by a thread of its own so that an
 * answer never waits for an update. It sees the session only through a snapshot under a mutex and three flags. Anything
 * that is not a request of ours gets an answer with "ok": false; a message over 64 KiB ends its connection.
 * docs/control.md. */
#include "daemon/internal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

enum { LARGEST_REQUEST = 64 * 1024, LARGEST_ANSWER = 1024 * 1024, POLL_MS = 50, QUEUE = 64, LINGER_MS = 500 };

/* ---- answers ---- */

#define STAT(name, integer)                                                                                            \
    { #name, integer, offsetof(vg_train_stats, name) }
static const vg_stat_field stat_fields[] = {
    STAT(updates, true),
    STAT(env_steps, true),
    STAT(agent_steps, true),
    STAT(trained_samples, true),
    STAT(episodes, true),
    STAT(team_reward, false),
    STAT(agent_reward, false),
    STAT(mpjpe_mm, false),
    STAT(lost_joint_ratio, false),
    STAT(success_rate, false),
    STAT(policy_loss, false),
    STAT(value_loss, false),
    STAT(wdl_loss, false),
    STAT(entropy, false),
    STAT(kl, false),
    STAT(clip_fraction, false),
    STAT(explained_variance, false),
    STAT(gradient_norm, false),
    STAT(learning_rate, false),
    STAT(guard_interventions, true),
    STAT(rollout_seconds, false),
    STAT(learn_seconds, false),
};
#undef STAT

const vg_stat_field *vg_train_stat_fields(size_t *count) {
    *count = sizeof stat_fields / sizeof stat_fields[0];
    return stat_fields;
}

/* JSON has no NaN: what is not known is null. */
static json_t *json_number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *train_json(const vg_train_stats *stats) {
    json_t *out = json_object();
    for (size_t i = 0; i < sizeof stat_fields / sizeof stat_fields[0]; i++) {
        const void *at = (const char *)stats + stat_fields[i].offset;
        json_object_set_new(out, stat_fields[i].name,
                            stat_fields[i].integer ? json_integer(*(const int64_t *)at)
                                                   : json_number(*(const double *)at));
    }
    return out;
}

static json_t *live_json(const vg_session_status *status) {
    const vg_live_stats *live = &status->live;
    json_t *out = json_object();
    json_object_set_new(out, "ticks", json_integer(live->ticks));
    json_object_set_new(out, "late_ticks", json_integer(status->late_ticks));
    json_object_set_new(out, "episodes", json_integer(live->episodes));
    json_object_set_new(out, "policies", json_integer(live->policies));
    json_object_set_new(out, "team_reward", json_number(live->team_reward));
    json_object_set_new(out, "mpjpe_mm", json_number(live->mpjpe_mm));
    json_object_set_new(out, "joints_measured", json_integer(live->joints_measured));
    json_object_set_new(out, "joints_carried", json_integer(live->joints_carried));
    json_object_set_new(out, "joints_lost", json_integer(live->joints_lost));
    json_object_set_new(out, "decide_seconds", json_number(live->decide_seconds));
    json_object_set_new(out, "guard_interventions", json_integer(live->guard_interventions));
    json_object_set_new(out, "learner", train_json(&live->learner));
    return out;
}

static json_t *recording_json(const vg_recorder_stats *r) {
    json_t *out = json_object();
    json_object_set_new(out, "file", json_string(r->path));
    json_object_set_new(out, "recorded", json_integer(r->recorded));
    json_object_set_new(out, "dropped", json_integer(r->dropped));
    json_object_set_new(out, "bytes", json_integer(r->bytes));
    json_object_set_new(out, "error", json_string(r->error));
    return out;
}

static json_t *camera_json(const vg_source_report *c, const char *name) {
    static const char *const states[] = {"waiting", "active", "silent"}; /* by vg_camera_state */
    json_t *out = json_object();
    json_object_set_new(out, "name", json_string(name));
    json_object_set_new(out, "state", json_string(states[c->state]));
    const struct {
        const char *name;
        int64_t value;
    } counts[] = {{"pictures", c->pictures},   {"lost", c->lost},       {"duplicates", c->duplicates},
                  {"reordered", c->reordered}, {"late", c->late},       {"surplus", c->surplus},
                  {"crowded", c->crowded},     {"dropped", c->dropped}, {"restarts", c->restarts}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        json_object_set_new(out, counts[i].name, json_integer(counts[i].value));
    json_object_set_new(out, "rate_hz", json_number(c->rate_hz));
    json_object_set_new(out, "age_seconds", json_number(c->age_seconds));
    json_object_set_new(out, "clock_offset_seconds", json_number(c->clock_offset_seconds));
    json_object_set_new(out, "clock_correction_seconds", json_number(c->clock_correction_seconds));
    json_object_set_new(out, "clock_sigma_seconds", json_number(c->clock_sigma_seconds));
    return out;
}

static json_t *mocap_json(const vg_mocap_stats *m, const vg_world_info *world) {
    json_t *out = json_object();
    json_object_set_new(out, "frames", json_integer(m->frames));
    json_object_set_new(out, "fps", json_number(m->fps));
    json_object_set_new(out, "latency_p50_seconds", json_number(m->latency_p50));
    json_object_set_new(out, "latency_p99_seconds", json_number(m->latency_p99));
    json_object_set_new(out, "latency_worst_seconds", json_number(m->latency_worst));
    json_object_set_new(out, "people", json_integer(m->people));
    json_object_set_new(out, "joints_measured", json_integer(m->joints_measured));
    json_object_set_new(out, "joints_carried", json_integer(m->joints_carried));
    json_object_set_new(out, "joints_lost", json_integer(m->joints_lost));
    json_object_set_new(out, "filter_delay_seconds", json_number(m->filter_delay_seconds));
    json_object_set_new(out, "filter_delay_moving_seconds", json_number(m->filter_delay_moving));
    json_object_set_new(out, "published", json_integer(m->published));
    json_object_set_new(out, "vmc_packets", json_integer(m->vmc_packets));
    json_object_set_new(out, "vmc_failures", json_integer(m->vmc_failures));
    if (!m->has_sources) return out;
    json_object_set_new(out, "refused", json_integer(m->sources.refused));
    json_t *trouble = json_string(m->sources.trouble); /* NULL where a peer's name is no UTF-8 when cut */
    json_object_set_new(out, "trouble", trouble ? trouble : json_string("a message that cannot be told"));
    json_object_set_new(out, "position", json_number(m->sources.position));
    json_t *cameras = json_array();
    for (int32_t c = 0; c < world->dims.cameras; c++)
        json_array_append_new(cameras, camera_json(&m->sources.camera[c], world->camera_names[c]));
    json_object_set_new(out, "cameras", cameras);
    return out;
}

json_t *vg_control_status_json(vg_control *control, const vg_session_status *status) {
    const vg_session_config *config = control->config;
    static const char *const kinds[] = {"train", "live", "mocap"}; /* by vg_session_kind */
    const int32_t kind = config->session.kind;
    json_t *out = json_object();
    json_object_set_new(out, "ok", json_true());
    json_object_set_new(out, "version", json_string(VG_VERSION));
    json_object_set_new(out, "session", json_string(config->session.name));
    json_object_set_new(out, "kind", json_string(kinds[kind]));
    json_object_set_new(out, "state", json_string(status->state));
    json_object_set_new(out, "error", json_string(status->error));
    json_object_set_new(out, "pid", json_integer(getpid()));
    json_object_set_new(out, "folder", json_string(control->folder));
    json_object_set_new(out, "world", json_string(control->world->name));
    json_object_set_new(out, "scene", json_string(control->world->scene));
    json_object_set_new(out, "cameras", json_integer(control->world->dims.cameras));
    json_object_set_new(out, "people", json_integer(control->world->dims.people));
    json_object_set_new(out, "elapsed_seconds", json_number(status->elapsed_seconds));
    json_object_set_new(out, "steps_per_second", json_number(status->steps_per_second));
    json_object_set_new(out, "checkpoints", json_integer(status->checkpoints));
    json_object_set_new(out, "checkpoint_age_seconds", json_number(status->checkpoint_age_seconds));
    if (kind == VG_SESSION_TRAIN) {
        json_object_set_new(out, "steps_total", json_integer(config->train.steps));
        json_object_set_new(out, "eta_seconds", json_number(status->eta_seconds));
        json_object_set_new(out, "train", train_json(&status->train));
    } else if (kind == VG_SESSION_LIVE) {
        json_object_set_new(out, "live", live_json(status));
    } else {
        json_object_set_new(out, "mocap", mocap_json(&status->mocap, control->world));
    }
    if (status->viewer[0]) json_object_set_new(out, "viewer", json_string(status->viewer));
    if (status->recording.path[0]) json_object_set_new(out, "recording", recording_json(&status->recording));
    return out;
}

static json_t *refuse(vg_status status, const char *format, const char *what) {
    char text[256];
    snprintf(text, sizeof text, format, what);
    json_t *out = json_object();
    json_object_set_new(out, "ok", json_false());
    json_object_set_new(out, "status", json_string(vg_status_text(status)));
    json_t *sentence = json_string(text);
    json_object_set_new(out, "error", sentence ? sentence : json_string("the request is not UTF-8"));
    return out;
}

static json_t *done(const char *what) {
    json_t *out = json_object();
    json_object_set_new(out, "ok", json_true());
    json_object_set_new(out, "message", json_string(what));
    return out;
}

json_t *vg_control_answer(vg_control *control, const char *request, size_t size) {
    static const char *const known[] = {"status", "config", "checkpoint", "stop"};
    json_error_t why;
    json_t *root = json_loadb(request, size, JSON_REJECT_DUPLICATES, &why);
    if (!root) return refuse(VG_CORRUPT, "the request is not JSON: %.120s", why.text);
    json_t *out = NULL;
    const json_t *verb = json_object_get(root, "request");
    if (!json_is_object(root) || json_object_size(root) != 1 || !json_is_string(verb)) {
        out = refuse(VG_INVALID, "%s", "a request is an object with one key, {\"request\": \"status\"}");
    } else if (strcmp(json_string_value(verb), "status") == 0) {
        vg_session_status status;
        vg_control_snapshot(control, &status);
        out = vg_control_status_json(control, &status);
    } else if (strcmp(json_string_value(verb), "config") == 0) {
        out = done("the configuration in use");
        json_object_set_new(out, "config", vg_session_config_json(control->config));
    } else if (strcmp(json_string_value(verb), "checkpoint") == 0) {
        atomic_store(&control->checkpoint, true);
        out = done("a checkpoint is written after this iteration");
    } else if (strcmp(json_string_value(verb), "stop") == 0) {
        atomic_store(&control->stop, true);
        out = done("the session ends after this iteration and its checkpoint");
    } else {
        const char *near = vg_nearest(json_string_value(verb), known, sizeof known / sizeof known[0]);
        out = near ? refuse(VG_INVALID, "the request is unknown; did you mean `%s`?", near)
                   : refuse(VG_INVALID, "the request is unknown; %s", "use status, config, checkpoint or stop");
    }
    json_decref(root);
    return out;
}

/* ---- the thread ---- */

/* Takes one request of any number of parts (ours has one) and answers it. */
static void serve_one(vg_control *control) {
    json_t *out = NULL;
    int parts = 0, more = 1;
    while (more) {
        zmq_msg_t message;
        zmq_msg_init(&message);
        if (zmq_msg_recv(&message, control->socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&message);
            break;
        }
        more = zmq_msg_more(&message);
        if (parts++ == 0 && !more) out = vg_control_answer(control, zmq_msg_data(&message), zmq_msg_size(&message));
        zmq_msg_close(&message);
    }
    if (parts == 0) return;
    if (!out) out = refuse(VG_INVALID, "%s", "a request is one message part");
    char *text = json_dumps(out, JSON_COMPACT);
    json_decref(out);
    static const char no_memory[] = "{\"ok\":false,\"status\":\"out of memory\",\"error\":\"out of memory\"}";
    zmq_send(control->socket, text ? text : no_memory, text ? strlen(text) : sizeof no_memory - 1, ZMQ_DONTWAIT);
    free(text);
}

static void *serve(void *context) {
    vg_control *control = context;
    zmq_pollitem_t item = {.socket = control->socket, .events = ZMQ_POLLIN};
    while (!atomic_load(&control->quit)) {
        if (zmq_poll(&item, 1, POLL_MS) < 0 && errno != EINTR) break;
        if (item.revents & ZMQ_POLLIN) serve_one(control);
    }
    return NULL;
}

static void set_int(void *socket, int option, int value) {
    VG_ASSERT(zmq_setsockopt(socket, option, &value, sizeof value) == 0);
}

static vg_status open_socket(vg_control *control, const char *endpoint, vg_error *err) {
    control->zmq = zmq_ctx_new();
    if (!control->zmq) return vg_fail(err, VG_NO_MEMORY, "cannot make a ZeroMQ context");
    control->socket = zmq_socket(control->zmq, ZMQ_REP);
    if (!control->socket) return vg_fail(err, VG_FAILED, "cannot make a socket: %s", zmq_strerror(errno));
    const int64_t largest = LARGEST_REQUEST;
    VG_ASSERT(zmq_setsockopt(control->socket, ZMQ_MAXMSGSIZE, &largest, sizeof largest) == 0);
    set_int(control->socket, ZMQ_LINGER, LINGER_MS); /* the answer to "stop" still leaves before the process does */
    set_int(control->socket, ZMQ_RCVHWM, QUEUE);
    set_int(control->socket, ZMQ_SNDHWM, QUEUE);
    /* only the user who runs the session may stop it */
    const mode_t mask = umask(0077);
    const int bound = zmq_bind(control->socket, endpoint);
    const int why = errno;
    umask(mask);
    if (bound != 0)
        return vg_fail(err, why == EADDRINUSE ? VG_REFUSED : VG_INVALID,
                       "control.endpoint: cannot listen at %s: %s; name a free port or another path", endpoint,
                       zmq_strerror(why));
    return VG_OK;
}

static void close_socket(vg_control *control) {
    if (control->socket) zmq_close(control->socket);
    if (control->zmq) zmq_ctx_term(control->zmq);
    control->socket = control->zmq = NULL;
}

vg_status vg_control_start(vg_control *control, const char *endpoint, vg_error *err) {
    atomic_init(&control->stop, false);
    atomic_init(&control->checkpoint, false);
    atomic_init(&control->quit, false);
    vg_status status = open_socket(control, endpoint, err);
    if (status == VG_OK) {
        pthread_mutex_init(&control->mutex, NULL);
        if (pthread_create(&control->thread, NULL, serve, control) == 0) return VG_OK;
        pthread_mutex_destroy(&control->mutex);
        status = vg_fail(err, VG_FAILED, "cannot start the control thread: %s", strerror(errno));
    }
    close_socket(control);
    return status;
}

void vg_control_stop(vg_control *control) {
    atomic_store(&control->quit, true);
    pthread_join(control->thread, NULL);
    close_socket(control);
    pthread_mutex_destroy(&control->mutex);
}

void vg_control_publish(vg_control *control, const vg_session_status *status) {
    pthread_mutex_lock(&control->mutex);
    control->status = *status;
    pthread_mutex_unlock(&control->mutex);
}

void vg_control_snapshot(vg_control *control, vg_session_status *out) {
    pthread_mutex_lock(&control->mutex);
    *out = control->status;
    pthread_mutex_unlock(&control->mutex);
}

/* ---- the other side ---- */

static vg_status read_answer(void *socket, const char *endpoint, json_t **reply, vg_error *err) {
    zmq_msg_t message;
    zmq_msg_init(&message);
    if (zmq_msg_recv(&message, socket, ZMQ_DONTWAIT) < 0) {
        const int why = errno;
        zmq_msg_close(&message);
        return vg_fail(err, VG_UNREACHABLE, "%s: %s", endpoint, zmq_strerror(why));
    }
    json_error_t why;
    json_t *root = json_loadb(zmq_msg_data(&message), zmq_msg_size(&message), 0, &why);
    zmq_msg_close(&message);
    const json_t *ok = json_object_get(root, "ok");
    if (!json_is_boolean(ok)) {
        json_decref(root);
        return vg_fail(err, VG_CORRUPT, "%s: the answer is not a vergenced's", endpoint);
    }
    if (json_is_true(ok)) {
        *reply = root;
        return VG_OK;
    }
    const char *sentence = json_string_value(json_object_get(root, "error"));
    const char *name = json_string_value(json_object_get(root, "status"));
    vg_status status = VG_FAILED;
    for (int s = VG_INVALID; name && s <= VG_FAILED; s++)
        if (strcmp(name, vg_status_text((vg_status)s)) == 0) status = (vg_status)s;
    vg_fail(err, status, "%s", sentence ? sentence : "the daemon refused without a reason");
    json_decref(root);
    return status;
}

vg_status vg_control_request(const char *endpoint, const char *request, double seconds, json_t **reply, vg_error *err) {
    *reply = NULL;
    void *zmq = zmq_ctx_new();
    void *socket = zmq ? zmq_socket(zmq, ZMQ_REQ) : NULL;
    if (!socket) {
        if (zmq) zmq_ctx_term(zmq);
        return vg_fail(err, VG_NO_MEMORY, "cannot make a socket: %s", zmq_strerror(errno));
    }
    const int64_t largest = LARGEST_ANSWER;
    VG_ASSERT(zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &largest, sizeof largest) == 0);
    set_int(socket, ZMQ_LINGER, 0);
    set_int(socket, ZMQ_RCVHWM, QUEUE);
    set_int(socket, ZMQ_SNDHWM, QUEUE);
    vg_status status;
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
    if (zmq_connect(socket, endpoint) != 0)
        status = vg_fail(err, VG_INVALID, "%s: cannot be connected to: %s", endpoint, zmq_strerror(errno));
    else if (zmq_send(socket, request, strlen(request), ZMQ_DONTWAIT) < 0)
        status = vg_fail(err, VG_UNREACHABLE, "%s: %s", endpoint, zmq_strerror(errno));
    else if (zmq_poll(&item, 1, (long)(seconds * 1000)) <= 0)
        status = vg_fail(err, VG_UNREACHABLE, "%s: no answer within %g s; is the daemon running?", endpoint, seconds);
    else
        status = read_answer(socket, endpoint, reply, err);
    zmq_close(socket);
    zmq_ctx_term(zmq);
    return status;
}
