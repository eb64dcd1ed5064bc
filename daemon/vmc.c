/* For each person: joints -> parts of the body, y up -> an armature (perception/armature.h) -> Unity's axes -> messages.
 *
 * The armature's axes are right-handed, x to the left of a person who faces +z; Unity's are left-handed, x to the right: x is
 * mirrored. A mirrored rotation keeps its angle while its axis, a pseudovector, turns the other two components:
 * (x, y, z, w) -> (x, -y, -z, w). */
#include "daemon/vmc.h"

#include "common/clock.h"
#include "common/transform.h"
#include "perception/armature.h"
#include "proto/osc.h"

#include <errno.h>
#include <math.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PACKET = 1400 }; /* bytes: below what a network carries in one piece */
#define SLOWEST 0.01    /* share of its way that a bone's length goes in a frame, once it is known */

typedef struct avatar {
    vg_armature armature;
    int64_t frames; /* since it appeared; 0: not there */
} avatar;

struct vg_vmc {
    int socket;
    struct sockaddr_storage to;
    socklen_t to_size;
    uint16_t port;
    int32_t people;
    vg_joint_set set;
    int64_t began_ns;
    avatar *avatars; /* [people] */
};

/* Unity's HumanBodyBones. */
static const char *const bone_names[VG_RIG_JOINTS] = {
    "Hips",         "Spine",    "Chest",         "Neck",          "Head",      "LeftUpperArm",
    "LeftLowerArm", "LeftHand", "RightUpperArm", "RightLowerArm", "RightHand", "LeftUpperLeg",
    "LeftLowerLeg", "LeftFoot", "RightUpperLeg", "RightLowerLeg", "RightFoot"};

/* ---- one person ---- */

/* x [VG_PARTS, 3] m, y up. */
static void parts_of(double (*x)[3], const vg_vmc *v, const vg_skeletons *s, int32_t person) {
    for (int p = 0; p < VG_PARTS; p++) x[p][0] = x[p][1] = x[p][2] = (double)NAN;
    for (int32_t j = 0; j < s->joints && j < v->set.joints; j++) {
        const vg_joint *joint = &vg_skeletons_joints(s)[person * s->joints + j];
        if (v->set.part[j] < 0 || joint->state == VG_JOINT_LOST) continue;
        double *to = x[v->set.part[j]];
        to[0] = (double)joint->position[0], to[1] = (double)joint->position[2], to[2] = -(double)joint->position[1];
    }
}

/* The quaternion x y z w of R; the largest of the four is taken from the diagonal (Shepperd 1978). */
static void quaternion_of(double q[4], const double R[9]) {
    const double trace = R[0] + R[4] + R[8],
                 squares[4] = {1 + 2 * R[0] - trace, 1 + 2 * R[4] - trace, 1 + 2 * R[8] - trace, 1 + trace};
    int most = 0;
    for (int k = 1; k < 4; k++)
        if (squares[k] > squares[most]) most = k;
    const double products[4][4] = {{squares[0], R[1] + R[3], R[2] + R[6], R[7] - R[5]},
                                   {R[1] + R[3], squares[1], R[5] + R[7], R[2] - R[6]},
                                   {R[2] + R[6], R[5] + R[7], squares[2], R[3] - R[1]},
                                   {R[7] - R[5], R[2] - R[6], R[3] - R[1], squares[3]}};
    double norm = 0;
    for (int k = 0; k < 4; k++) norm += products[most][k] * products[most][k];
    for (int k = 0; k < 4; k++) q[k] = products[most][k] / sqrt(norm);
}

static void send_packet(const vg_vmc *v, const vg_osc *osc, int32_t person, int64_t *sent, int64_t *failed) {
    struct sockaddr_storage to = v->to;
    const uint16_t port = htons((uint16_t)(v->port + person));
    if (to.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)&to)->sin6_port = port;
    else
        ((struct sockaddr_in *)(void *)&to)->sin_port = port;
    const ssize_t n = sendto(v->socket, osc->data, osc->size, MSG_DONTWAIT | MSG_NOSIGNAL,
                             (const struct sockaddr *)(const void *)&to, v->to_size);
    if (n == (ssize_t)osc->size)
        ++*sent;
    else if (errno != ECONNREFUSED) /* nobody listens there yet: as it should be with UDP */
        ++*failed;
}

static void send_person(const vg_vmc *v, const vg_armature *a, int32_t person, int64_t *sent, int64_t *failed) {
    unsigned char bytes[PACKET];
    vg_osc osc;
    vg_osc_begin(&osc, bytes, sizeof bytes);
    vg_osc_add(&osc, "/VMC/Ext/OK", "i", 1);
    vg_osc_add(&osc, "/VMC/Ext/T", "f", (double)(vg_clock_now_ns() - v->began_ns) * 1e-9);
    vg_osc_add(&osc, "/VMC/Ext/Root/Pos", "sfffffff", "root", 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0);
    for (int j = 0; j < VG_RIG_JOINTS; j++) {
        const double *at = j ? a->offset[j] : a->root;
        double q[4];
        quaternion_of(q, a->local[j]);
        for (int tries = 0; tries < 2; tries++) {
            if (vg_osc_add(&osc, "/VMC/Ext/Bone/Pos", "sfffffff", bone_names[j], -at[0], at[1], at[2], q[0], -q[1],
                           -q[2], q[3]))
                break;
            send_packet(v, &osc, person, sent, failed); /* full: the rest goes into another */
            vg_osc_begin(&osc, bytes, sizeof bytes);
        }
    }
    send_packet(v, &osc, person, sent, failed);
}

static void send_gone(const vg_vmc *v, int32_t person, int64_t *sent, int64_t *failed) {
    unsigned char bytes[64];
    vg_osc osc;
    vg_osc_begin(&osc, bytes, sizeof bytes);
    vg_osc_add(&osc, "/VMC/Ext/OK", "i", 0);
    send_packet(v, &osc, person, sent, failed);
}

void vg_vmc_send(vg_vmc *v, const vg_skeletons *s, int64_t *sent, int64_t *failed) {
    for (int32_t p = 0; p < v->people && p < s->people; p++) {
        avatar *a = &v->avatars[p];
        if (!vg_skeletons_present(s)[p]) {
            if (a->frames) send_gone(v, p, sent, failed);
            a->frames = 0;
            continue;
        }
        if (a->frames++ == 0) a->armature = vg_armature_default();
        double x[VG_PARTS][3];
        parts_of(x, v, s, p);
        const double share = 1.0 / (double)a->frames;
        vg_armature_follow(&a->armature, x, share > SLOWEST ? share : SLOWEST);
        vg_armature_solve(&a->armature, x);
        send_person(v, &a->armature, p, sent, failed);
    }
}

/* ---- life ---- */

static vg_status find_address(vg_vmc *v, const char *address, vg_error *err) {
    char host[128], *end;
    snprintf(host, sizeof host, "%s", address);
    char *colon = strrchr(host, ':');
    const long port = colon ? strtol(colon + 1, &end, 10) : 0;
    if (!colon || colon == host || *end || port < 1 || port + v->people - 1 > 65535)
        return vg_fail(err, VG_INVALID,
                       "mocap.vmc is `%s`; it must be HOST:PORT, with %d ports from that one on (127.0.0.1:39539)",
                       address, v->people);
    *colon = '\0';
    const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
    struct addrinfo *found;
    const int why = getaddrinfo(host, colon + 1, &hints, &found);
    if (why != 0) return vg_fail(err, VG_UNREACHABLE, "mocap.vmc: host `%s` is unknown: %s", host, gai_strerror(why));
    memcpy(&v->to, found->ai_addr, found->ai_addrlen);
    v->to_size = found->ai_addrlen, v->port = (uint16_t)port;
    v->socket = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    freeaddrinfo(found);
    if (v->socket < 0) return vg_fail(err, VG_IO, "mocap.vmc: cannot make a socket: %s", strerror(errno));
    return VG_OK;
}

static vg_status set_up(vg_vmc *v, const char *address, const char *joint_set, vg_error *err) {
    vg_joint_set_kind kind;
    if (vg_joint_set_parse(joint_set, &kind, err) != VG_OK) return vg_fail_context(err, VG_INVALID, "mocap.vmc");
    vg_joint_set_init(&v->set, kind);
    v->avatars = calloc((size_t)v->people, sizeof *v->avatars);
    if (!v->avatars) return vg_fail(err, VG_NO_MEMORY, "VMC: out of memory");
    return find_address(v, address, err);
}

vg_status vg_vmc_open(vg_vmc **out, const char *address, const char *joint_set, int32_t people, vg_error *err) {
    *out = NULL;
    vg_vmc *v = calloc(1, sizeof *v);
    if (!v) return vg_fail(err, VG_NO_MEMORY, "VMC: out of memory");
    v->socket = -1, v->people = people, v->began_ns = vg_clock_now_ns();
    const vg_status status = set_up(v, address, joint_set, err);
    if (status == VG_OK)
        *out = v;
    else
        vg_vmc_close(v);
    return status;
}

void vg_vmc_close(vg_vmc *v) {
    if (!v) return;
    if (v->socket >= 0) close(v->socket);
    free(v->avatars);
    free(v);
}
