/* VMC over real UDP sockets, read by a decoder of its own: the avatar it describes, posed as Unity would, stands where the
 * skeleton stands. */
#include "daemon/vmc.h"

#include "common/transform.h"
#include "tests/support/support.h"

#include <arpa/inet.h>
#include <math.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { JOINTS = 14, BONES = 17, PEOPLE = 2 };

/* HumanBodyBones and their parents, from Unity's documentation. */
static const struct {
    const char *name, *parent;
} tree[BONES] = {{"Hips", NULL},
                 {"Spine", "Hips"},
                 {"Chest", "Spine"},
                 {"Neck", "Chest"},
                 {"Head", "Neck"},
                 {"LeftUpperArm", "Chest"},
                 {"LeftLowerArm", "LeftUpperArm"},
                 {"LeftHand", "LeftLowerArm"},
                 {"RightUpperArm", "Chest"},
                 {"RightLowerArm", "RightUpperArm"},
                 {"RightHand", "RightLowerArm"},
                 {"LeftUpperLeg", "Hips"},
                 {"LeftLowerLeg", "LeftUpperLeg"},
                 {"LeftFoot", "LeftLowerLeg"},
                 {"RightUpperLeg", "Hips"},
                 {"RightLowerLeg", "RightUpperLeg"},
                 {"RightFoot", "RightLowerLeg"}};

typedef struct avatar {
    int ok; /* -1: not told */
    bool told[BONES];
    double p[BONES][3], q[BONES][4];
} avatar;

static int bone_of(const char *name) {
    for (int b = 0; b < BONES; b++)
        if (strcmp(tree[b].name, name) == 0) return b;
    fail_msg("bone `%s` is none of Unity's", name);
    return -1;
}

/* ---- an OSC decoder, written from the specification ---- */

static uint32_t big_endian(const unsigned char *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static double real_at(const unsigned char *at) {
    const uint32_t bits = big_endian(at);
    float x;
    memcpy(&x, &bits, sizeof x);
    return (double)x;
}

static const char *text_at(const unsigned char **at, const unsigned char *end) {
    const char *text = (const char *)*at;
    const size_t n = strnlen(text, (size_t)(end - *at));
    assert_true(*at + n < end);
    *at += (n + 4) & ~(size_t)3;
    assert_true(*at <= end);
    return text;
}

static void decode_message(avatar *a, const unsigned char *at, const unsigned char *end) {
    const char *address = text_at(&at, end), *types = text_at(&at, end);
    if (strcmp(address, "/VMC/Ext/OK") == 0) {
        assert_string_equal(types, ",i");
        a->ok = (int)big_endian(at);
    } else if (strcmp(address, "/VMC/Ext/T") == 0) {
        assert_string_equal(types, ",f");
    } else {
        assert_string_equal(types, ",sfffffff");
        const char *name = text_at(&at, end);
        assert_true(at + 28 == end);
        double v[7];
        for (int k = 0; k < 7; k++) v[k] = real_at(at + 4 * k);
        assert_close(v[3] * v[3] + v[4] * v[4] + v[5] * v[5] + v[6] * v[6], 1, 1e-5);
        if (strcmp(address, "/VMC/Ext/Root/Pos") == 0) {
            assert_string_equal(name, "root");
            return;
        }
        assert_string_equal(address, "/VMC/Ext/Bone/Pos");
        const int b = bone_of(name);
        a->told[b] = true;
        memcpy(a->p[b], v, sizeof a->p[b]), memcpy(a->q[b], v + 3, sizeof a->q[b]);
    }
}

static void decode_packet(avatar *a, const unsigned char *data, size_t size) {
    assert_in_range(size, 16, 1472);
    assert_memory_equal(data, "#bundle\0\0\0\0\0\0\0\0\1", 16);
    const unsigned char *at = data + 16, *end = data + size;
    while (at < end) {
        const uint32_t n = big_endian(at);
        assert_true(n % 4 == 0 && at + 4 + n <= end);
        decode_message(a, at + 4, at + 4 + n);
        at += 4 + n;
    }
}

/* ---- sockets ---- */

typedef struct receivers {
    int socket[PEOPLE];
    int port;
} receivers;

/* Two neighbouring ports. */
static receivers listen_to_two(void) {
    receivers r;
    const struct timeval patience = {5, 0};
    for (int tries = 0; tries < 100; tries++) {
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof at;
        for (int i = 0; i < PEOPLE; i++) r.socket[i] = socket(AF_INET, SOCK_DGRAM, 0);
        assert_int_equal(bind(r.socket[0], (struct sockaddr *)(void *)&at, size), 0);
        getsockname(r.socket[0], (struct sockaddr *)(void *)&at, &size);
        r.port = ntohs(at.sin_port);
        at.sin_port = htons((uint16_t)(r.port + 1));
        if (bind(r.socket[1], (struct sockaddr *)(void *)&at, size) == 0) {
            for (int i = 0; i < PEOPLE; i++)
                setsockopt(r.socket[i], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
            return r;
        }
        close(r.socket[0]), close(r.socket[1]);
    }
    fail_msg("no two free ports beside each other");
    return r;
}

static avatar receive(int socket, int packets) {
    avatar a = {.ok = -1};
    for (int k = 0; k < packets; k++) {
        unsigned char data[2000];
        const ssize_t n = recv(socket, data, sizeof data, 0);
        if (n < 0) fail_msg("packet %d did not come", k);
        decode_packet(&a, data, (size_t)n);
    }
    return a;
}

/* ---- the avatar as Unity poses it: left-handed, v' = q v q* ---- */

static void turn(double out[3], const double q[4], const double v[3]) {
    const double u[3] = {q[0], q[1], q[2]};
    double t[3], c[3];
    vg_cross3(t, u, v);
    for (int k = 0; k < 3; k++) t[k] *= 2;
    vg_cross3(c, u, t);
    for (int k = 0; k < 3; k++) out[k] = v[k] + q[3] * t[k] + c[k];
}

static void product(double out[4], const double a[4], const double b[4]) {
    double r[4] = {
        a[3] * b[0] + a[0] * b[3] + a[1] * b[2] - a[2] * b[1], a[3] * b[1] - a[0] * b[2] + a[1] * b[3] + a[2] * b[0],
        a[3] * b[2] + a[0] * b[1] - a[1] * b[0] + a[2] * b[3], a[3] * b[3] - a[0] * b[0] - a[1] * b[1] - a[2] * b[2]};
    memcpy(out, r, sizeof r);
}

static void pose(double (*world)[3], const avatar *a) {
    double Q[BONES][4];
    for (int b = 0; b < BONES; b++) {
        assert_true(a->told[b]);
        if (!tree[b].parent) {
            memcpy(world[b], a->p[b], sizeof world[b]), memcpy(Q[b], a->q[b], sizeof Q[b]);
            continue;
        }
        const int parent = bone_of(tree[b].parent);
        turn(world[b], Q[parent], a->p[b]);
        for (int k = 0; k < 3; k++) world[b][k] += world[parent][k];
        product(Q[b], Q[parent], a->q[b]);
    }
}

/* Our world (x, y, z up) from Unity's (x right, y up, z forward), as docs/live.md has it: x = -X, y = -Z, z = Y. */
static void to_world(double out[3], const double unity[3]) {
    out[0] = -unity[0], out[1] = -unity[2], out[2] = unity[1];
}

/* A person of these proportions, who faces `yaw`, arms and legs bent. */
static void stand(vg_skeletons *s, int32_t p, double yaw, double x, double y, double size) {
    /* forward, left, up; metres */
    static const double body[JOINTS][3] = {
        [VG_L_SHOULDER] = {0, 0.18, 1.4},  [VG_R_SHOULDER] = {0, -0.18, 1.4}, [VG_L_ELBOW] = {0.1, 0.25, 1.15},
        [VG_R_ELBOW] = {0.2, -0.3, 1.25},  [VG_L_WRIST] = {0.3, 0.2, 1.2},    [VG_R_WRIST] = {0.35, -0.3, 1.5},
        [VG_L_HIP] = {0, 0.11, 0.9},       [VG_R_HIP] = {0, -0.11, 0.9},      [VG_L_KNEE] = {0.25, 0.12, 0.55},
        [VG_R_KNEE] = {0.05, -0.12, 0.48}, [VG_L_ANKLE] = {0.1, 0.12, 0.15},  [VG_R_ANKLE] = {-0.15, -0.1, 0.1},
        [VG_L_EYE] = {0.1, 0.03, 1.6},     [VG_R_EYE] = {0.1, -0.03, 1.6}};
    vg_skeletons_present(s)[p] = 1;
    for (int j = 0; j < JOINTS; j++) {
        const double f = body[j][0], l = body[j][1];
        const double at[3] = {x + size * (f * cos(yaw) - l * sin(yaw)), y + size * (f * sin(yaw) + l * cos(yaw)),
                              size * body[j][2]};
        vg_joint *joint = &vg_skeletons_joints(s)[p * JOINTS + j];
        *joint = (vg_joint){.state = VG_JOINT_MEASURED, .views = 3};
        for (int k = 0; k < 3; k++) joint->position[k] = (float)at[k];
    }
}

static vg_skeletons *new_skeletons(void) {
    vg_skeletons *s = calloc(1, vg_skeletons_bytes(PEOPLE, JOINTS));
    vg_skeletons_init(s, PEOPLE, JOINTS, 0);
    return s;
}

static void expect_at(const vg_skeletons *s, int32_t p, int joint, const double unity[3]) {
    double at[3];
    to_world(at, unity);
    for (int k = 0; k < 3; k++) assert_close(at[k], vg_skeletons_joints(s)[p * JOINTS + joint].position[k], 1e-4);
}

static void the_avatar_stands_where_the_person_stands(void **state) {
    (void)state;
    vg_error err = {0};
    receivers r = listen_to_two();
    char address[64];
    snprintf(address, sizeof address, "127.0.0.1:%d", r.port);
    vg_vmc *v;
    assert_ok(vg_vmc_open(&v, address, "vergence14", PEOPLE, &err));
    vg_skeletons *s = new_skeletons();
    vg_rng rng = vg_test_rng(1);
    for (int round = 0; round < 20; round++) {
        int64_t sent = 0, failed = 0;
        const double size = 0.7 + 0.02 * round; /* grows, and the avatar with it */
        for (int32_t p = 0; p < PEOPLE; p++)
            stand(s, p, 6.28 * (double)vg_rng_uniform(&rng), 3 * (double)vg_rng_normal(&rng), p, p ? 1.1 : size);
        vg_vmc_send(v, s, &sent, &failed);
        assert_int_equal(sent, 2 * PEOPLE);
        assert_int_equal(failed, 0);
        for (int32_t p = 0; p < PEOPLE; p++) {
            const avatar a = receive(r.socket[p], 2);
            double world[BONES][3];
            assert_int_equal(a.ok, 1);
            pose(world, &a);
            if (p == 0 && round > 0) continue; /* its lengths follow slowly */
            expect_at(s, p, VG_L_SHOULDER, world[bone_of("LeftUpperArm")]);
            expect_at(s, p, VG_R_SHOULDER, world[bone_of("RightUpperArm")]);
            expect_at(s, p, VG_L_ELBOW, world[bone_of("LeftLowerArm")]);
            expect_at(s, p, VG_R_WRIST, world[bone_of("RightHand")]);
            expect_at(s, p, VG_L_KNEE, world[bone_of("LeftLowerLeg")]);
            expect_at(s, p, VG_L_ANKLE, world[bone_of("LeftFoot")]);
            expect_at(s, p, VG_R_ANKLE, world[bone_of("RightFoot")]);
        }
    }
    vg_vmc_close(v), free(s);
    close(r.socket[0]), close(r.socket[1]);
}

/* A person at rest before Unity's camera: the left arm along -x, the face along +z, as a T pose of a VRM model. */
static void a_person_in_t_pose_has_no_rotations(void **state) {
    (void)state;
    vg_error err = {0};
    receivers r = listen_to_two();
    char address[64];
    snprintf(address, sizeof address, "localhost:%d", r.port);
    vg_vmc *v;
    assert_ok(vg_vmc_open(&v, address, "vergence14", 1, &err));
    vg_skeletons *s = new_skeletons();
    stand(s, 0, -VG_PI / 2, 0, 0, 1); /* facing -y, which is Unity's +z */
    static const double reach[6][2] = {{0.18, 1.4}, {0.46, 1.4}, {0.71, 1.4}, {0.11, 0.9}, {0.11, 0.48}, {0.11, 0.07}};
    static const int left[6] = {VG_L_SHOULDER, VG_L_ELBOW, VG_L_WRIST, VG_L_HIP, VG_L_KNEE, VG_L_ANKLE};
    for (int i = 0; i < 6; i++)
        for (int side = 0; side < 2; side++) {
            float *at = vg_skeletons_joints(s)[left[i] + side].position;
            at[0] = (float)(side ? -reach[i][0] : reach[i][0]), at[1] = 0, at[2] = (float)reach[i][1];
        }
    for (int side = 0; side < 2; side++) { /* eyes straight above the neck */
        float *at = vg_skeletons_joints(s)[VG_L_EYE + side].position;
        at[0] = side ? -0.03f : 0.03f, at[1] = 0, at[2] = 1.6f;
    }
    int64_t sent = 0, failed = 0;
    vg_vmc_send(v, s, &sent, &failed);
    const avatar a = receive(r.socket[0], 2);
    for (int b = 0; b < BONES; b++)
        if (fabs(a.q[b][3]) < 0.9999) fail_msg("%s is turned: w %g", tree[b].name, a.q[b][3]);
    assert_true(a.p[bone_of("LeftLowerArm")][0] < -0.2); /* left is -x in Unity */
    assert_close(a.p[0][1], 0.9, 1e-6);
    memset(vg_skeletons_present(s), 0, sizeof(int32_t) * PEOPLE);
    vg_vmc_send(v, s, &sent, &failed);
    assert_int_equal(receive(r.socket[0], 1).ok, 0); /* gone, told once */
    vg_vmc_send(v, s, &sent, &failed);
    assert_int_equal(sent, 3);
    vg_vmc_close(v), free(s);
    close(r.socket[0]), close(r.socket[1]);
}

static void addresses_that_cannot_be_are_refused_by_name(void **state) {
    (void)state;
    vg_error err = {0};
    vg_vmc *v;
    assert_error(vg_vmc_open(&v, "39539", "vergence14", 1, &err), VG_INVALID,
                 "mocap.vmc is `39539`; it must be HOST:PORT");
    assert_error(vg_vmc_open(&v, "h:0", "vergence14", 1, &err), VG_INVALID, "HOST:PORT");
    assert_error(vg_vmc_open(&v, "h:65535", "vergence14", 2, &err), VG_INVALID, "2 ports from that one on");
    assert_error(vg_vmc_open(&v, "127.0.0.1:39539", "", 1, &err), VG_INVALID, "mocap.vmc");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_avatar_stands_where_the_person_stands),
        cmocka_unit_test(a_person_in_t_pose_has_no_rotations),
        cmocka_unit_test(addresses_that_cannot_be_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
