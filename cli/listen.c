/* vergence listen: a session's skeleton stream (docs/protocol.md, "Streams") on stdout. */
#include "cli/cli.h"

#include "common/clock.h"
#include "perception/joints.h"
#include "proto/proto.h"
#include "proto/stream_count.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { CODEC_SIZE = 1 << 21 };

typedef struct listener {
    void *context, *socket;
    vg_codec *codec;
    vg_skeletons *skeletons;
    int32_t people, joints;
    vg_joint_set set;
    vg_stream_count count;
    int64_t refused;
    bool json;
} listener;

static vg_status connect_to(listener *l, const char *endpoint, vg_error *err) {
    l->context = zmq_ctx_new();
    l->socket = l->context ? zmq_socket(l->context, ZMQ_SUB) : NULL;
    if (!l->socket) return vg_fail(err, VG_FAILED, "cannot start ZeroMQ: %s", zmq_strerror(errno));
    const int linger = 0, queue = 1024;
    const int64_t largest = CODEC_SIZE;
    if (zmq_setsockopt(l->socket, ZMQ_LINGER, &linger, sizeof linger) ||
        zmq_setsockopt(l->socket, ZMQ_RCVHWM, &queue, sizeof queue) ||
        zmq_setsockopt(l->socket, ZMQ_MAXMSGSIZE, &largest, sizeof largest) ||
        zmq_setsockopt(l->socket, ZMQ_SUBSCRIBE, "", 0))
        return vg_fail(err, VG_FAILED, "cannot set up a ZeroMQ socket: %s", zmq_strerror(errno));
    if (zmq_connect(l->socket, endpoint) != 0)
        return vg_fail(err, VG_INVALID, "cannot connect to `%.200s`: %s; use tcp://HOST:PORT or ipc:///PATH", endpoint,
                       zmq_strerror(errno));
    return vg_codec_create(&l->codec, CODEC_SIZE, err);
}

/* Skeletons of these dimensions, made anew where they changed. */
static vg_status fit(listener *l, const vg_wire_skeletons *head, int32_t people, int32_t joints, vg_error *err) {
    vg_joint_set_kind kind;
    l->set.joints = 0;
    if (vg_joint_set_parse(head->joint_set, &kind, NULL) == VG_OK) vg_joint_set_init(&l->set, kind);
    if (l->skeletons && l->people == people && l->joints == joints) return VG_OK;
    free(l->skeletons);
    l->people = people, l->joints = joints;
    l->skeletons = calloc(1, vg_skeletons_bytes(people, joints));
    if (!l->skeletons) return vg_fail(err, VG_NO_MEMORY, "out of memory");
    vg_skeletons_init(l->skeletons, people, joints, 0);
    return VG_OK;
}

static vg_status read_message(listener *l, zmq_msg_t *message, uint64_t *sequence, vg_error *err) {
    vg_message_kind kind;
    vg_wire_skeletons head;
    int32_t people, joints;
    VG_TRY(vg_decode(l->codec, zmq_msg_data(message), zmq_msg_size(message), &kind, sequence, err));
    if (kind != VG_MESSAGE_SKELETONS)
        return vg_fail(err, VG_REFUSED, "messages of kind %d came; this is no skeleton stream", (int)kind);
    VG_TRY(vg_decoded_skeletons_head(l->codec, &head, &people, &joints, err));
    if (head.version != VG_PROTOCOL_VERSION)
        return vg_fail(err, VG_UNSUPPORTED,
                       "the stream has protocol version %u, this program %d; use matching versions", head.version,
                       VG_PROTOCOL_VERSION);
    VG_TRY(fit(l, &head, people, joints, err));
    VG_TRY(vg_decoded_skeletons(l->codec, l->skeletons, err));
    vg_stream_count_take(&l->count, head.stream, *sequence);
    return VG_OK;
}

static json_t *person_json(const listener *l, int32_t p) {
    json_t *joints = json_object();
    for (int32_t j = 0; j < l->joints; j++) {
        const vg_joint *joint = &vg_skeletons_joints(l->skeletons)[p * l->joints + j];
        char spare[16];
        snprintf(spare, sizeof spare, "J%d", j + 1);
        json_t *at = joint->state == VG_JOINT_LOST ? json_null()
                                                   : json_pack("[f,f,f]", (double)joint->position[0],
                                                               (double)joint->position[1], (double)joint->position[2]);
        json_object_set_new(joints, j < l->set.joints ? l->set.names[j] : spare, at);
    }
    return json_pack("{s:i,s:o}", "slot", p, "joints", joints);
}

static void print_skeletons(const listener *l, uint64_t sequence) {
    const vg_skeletons *s = l->skeletons;
    if (!l->json) {
        int32_t people = 0, joints = 0;
        for (int32_t p = 0; p < l->people; p++) {
            if (!vg_skeletons_present(s)[p]) continue;
            people++;
            for (int32_t j = 0; j < l->joints; j++)
                joints += vg_skeletons_joints(s)[p * l->joints + j].state != VG_JOINT_LOST;
        }
        printf("%llu  %.3f s  %d people, %d joints; %lld lost on the way\n", (unsigned long long)sequence,
               (double)s->time_ns * 1e-9, people, joints, (long long)l->count.lost);
        return;
    }
    json_t *people = json_array();
    for (int32_t p = 0; p < l->people; p++)
        if (vg_skeletons_present(s)[p]) json_array_append_new(people, person_json(l, p));
    json_t *out = json_pack("{s:I,s:I,s:I,s:I,s:o}", "sequence", (json_int_t)sequence, "frame", (json_int_t)s->frame_id,
                            "time_ns", (json_int_t)s->time_ns, "lost", (json_int_t)l->count.lost, "people", people);
    json_dumpf(out, stdout, JSON_COMPACT | JSON_REAL_PRECISION(7));
    fputc('\n', stdout);
    json_decref(out);
}

static vg_status listen_for(listener *l, int64_t most, double seconds, vg_error *err) {
    const int64_t until = seconds > 0 ? vg_clock_now_ns() + (int64_t)(seconds * 1e9) : INT64_MAX;
    for (int64_t count = 0; most == 0 || count < most;) {
        const int64_t now = vg_clock_now_ns();
        if (now >= until) {
            if (count || l->refused) return VG_OK;
            return vg_fail(err, VG_TIMEOUT, "nothing came within %g s; does a session publish there (mocap.publish)?",
                           seconds);
        }
        zmq_pollitem_t item = {.socket = l->socket, .events = ZMQ_POLLIN};
        if (zmq_poll(&item, 1, 100) <= 0) continue;
        zmq_msg_t message;
        zmq_msg_init(&message);
        uint64_t sequence;
        if (zmq_msg_recv(&message, l->socket, ZMQ_DONTWAIT) >= 0) {
            vg_error why = {0};
            if (read_message(l, &message, &sequence, &why) == VG_OK) {
                print_skeletons(l, sequence);
                fflush(stdout);
                count++;
            } else if (l->refused++ == 0) {
                fprintf(stderr, "vergence: a message was refused: %s\n", why.message);
            }
        }
        zmq_msg_close(&message);
    }
    return VG_OK;
}

int vg_cmd_listen(int argc, char **argv) {
    int64_t most = 0;
    double seconds = 0;
    listener l = {0};
    const vg_option options[] = {
        {"count", VG_OPTION_INT64, &most, 0, 1e15, "N", "stop after so many skeletons"},
        {"seconds", VG_OPTION_REAL, &seconds, 0, 1e9, "S", "stop after so long; exit 7 where nothing came"},
        {"json", VG_OPTION_FLAG, &l.json, 0, 0, "", "one JSON object a line, positions in metres, null where lost"},
        {0}};
    const vg_usage usage = {"vergence listen ENDPOINT [OPTIONS]",
                            "Prints a session's skeleton stream: ENDPOINT is its mocap.publish.", options, 1};
    vg_texts words;
    int code;
    if (!vg_options_begin(&usage, argc, argv, &words, &code)) return code;
    if (words.count != 1) {
        fputs("vergence: name the endpoint that the session publishes at (mocap.publish)\n", stderr);
        return VG_EXIT_USAGE;
    }
    vg_error err = {0};
    vg_status status = connect_to(&l, words.text[0], &err);
    if (status == VG_OK) status = listen_for(&l, most, seconds, &err);
    if (l.socket) zmq_close(l.socket);
    if (l.context) zmq_ctx_term(l.context);
    vg_codec_destroy(l.codec);
    free(l.skeletons);
    return status == VG_OK ? VG_EXIT_OK : vg_report_error(status, &err);
}
