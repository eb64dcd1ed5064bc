/* The network that all cameras of a team share: shapes, parameters and acting. Training is in learner.h.
 *
 *   observation -> encoder MLP (3 layers) -> LSTM; features = embedding || hidden state
 *   target head (where will the target be) -> its raw output, detached, projected and appended to the features
 *   actor  MLP -> 3 logits an axis
 *   critic MLP on features || what only training knows (all poses, teammates' actions, true centres)
 *   world-dynamics heads, mixtures of diagonal Gaussians over the next step: own pose, each teammate's pose, the team's
 *   reward, the target's and the pedestrians' places
 *
 * Sources: Proactive Multi-Camera Collaboration for 3D Human Pose Estimation (ICLR 2023); LSTM as in Hochreiter and
 * Schmidhuber 1997 with forget gates; mixture density networks, Bishop 1994. Every layer is Y = f(X W + b) with W stored
 * [in, out], row-major. */
#ifndef VG_AGENTS_NET_H
#define VG_AGENTS_NET_H

#include "common/arena.h"
#include "common/status.h"

#include <stdbool.h>
#include <stdint.h>

#define VG_NET_POSE 8 /* numbers of a camera's pose as the heads predict it: position 3, axis 3, cos pitch, cos yaw */
#define VG_NET_AXES 5 /* most axes of an action; each is one of three */

typedef struct vg_net_config {
    int32_t cameras, people;
    int32_t observation; /* numbers of one camera's observation, D */
    int32_t critic;      /* numbers only the critic sees, K */
    int32_t axes;        /* A: 3 or 5 */
    int32_t hidden;      /* width of all layers and of the LSTM, H */
    int32_t mixtures;    /* Gaussians of each head */
    int32_t recurrent;   /* 1: with the LSTM */
    int32_t world_heads; /* 1: with the world-dynamics heads */
} vg_net_config;

vg_net_config vg_net_config_default(int32_t cameras, int32_t people, int32_t observation, int32_t critic);
vg_status vg_net_config_check(const vg_net_config *config, vg_error *err);

/* One parameter array inside the block of all. */
typedef struct vg_net_param {
    char name[32];
    int32_t rows, columns; /* a bias has one row */
    size_t at;             /* index of its first number in the block */
    float gain;            /* of the orthogonal initialisation; 0 = begin at zero */
} vg_net_param;

enum { VG_NET_PARAMS_MAX = 64 };

/* Shapes and places of all parameters. */
typedef struct vg_net_layout {
    vg_net_config config;
    int32_t count;
    size_t size;       /* numbers in the block, padding included */
    size_t parameters; /* numbers that are learnt */
    vg_net_param param[VG_NET_PARAMS_MAX];
    /* indices into param[] of each layer's W; its b follows it. -1 where the layer is absent */
    int32_t encoder[3], lstm_x, lstm_h, projection, actor[2], critic[2];
    int32_t head_features, head_action; /* first layers of all heads side by side: on features, and on the action */
    int32_t head_second;                /* [heads x H, H]: the heads' second layers, one under the other */
    int32_t head_out;                   /* first of `heads` output layers */
    int32_t heads;                      /* number of heads; the target's is head 0 */
} vg_net_layout;

void vg_net_layout_make(vg_net_layout *layout, const vg_net_config *config);

/* A network: its layout and one block of numbers. */
typedef struct vg_net {
    vg_net_layout layout;
    float *p; /* [layout.size], 64-byte aligned, owned */
} vg_net;

/* Orthogonal initialisation from `seed`, biases zero (the LSTM's forget gates one). Release with vg_net_destroy. */
vg_status vg_net_create(vg_net **out, const vg_net_config *config, uint64_t seed, vg_error *err);
void vg_net_destroy(vg_net *net); /* NULL is allowed */

/* Room to act for at most `rows` agents at once. One per thread. */
typedef struct vg_net_room vg_net_room;
vg_status vg_net_room_create(vg_net_room **out, const vg_net_layout *layout, int32_t rows, vg_error *err);
void vg_net_room_destroy(vg_net_room *room); /* NULL is allowed */

/* Where to write the observations [rows, D] and the critic's part [rows, K] before the calls below. */
float *vg_net_observations(vg_net_room *room);
float *vg_net_critic_inputs(vg_net_room *room);
/* Logits [B, A, 3] of B agents; their recurrent states h, c [B, H] move on in place. Valid until the next call. */
const float *vg_net_act(const vg_net *net, vg_net_room *room, int32_t B, float *h, float *c);
/* Values [B] of the states just acted in, in the network's own (normalised) units. */
const float *vg_net_value(const vg_net *net, vg_net_room *room, int32_t B);

#endif
