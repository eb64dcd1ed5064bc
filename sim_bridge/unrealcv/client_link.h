/* One connection to a game: connecting and greeting, requests sent as one pipelined round, replies matched by id. Used by
 * one thread at a time. Nothing that a game sends is trusted: sizes are capped, ids compared, every wait has a deadline. */
#ifndef VG_SIM_BRIDGE_UNREALCV_CLIENT_LINK_H
#define VG_SIM_BRIDGE_UNREALCV_CLIENT_LINK_H

#include "sim_bridge/unrealcv/wire.h"

#define UCV_ROUND_MAX 512       /* requests of one round */
#define UCV_IDS       100000000 /* ids count modulo this: games up to 4.22 understand eight digits */

/* A reply's body inside the received bytes. */
typedef struct ucv_place {
    size_t at, size;
} ucv_place;

typedef struct ucv_link {
    char endpoint[256]; /* as messages call it */
    char host[128], path[108];
    int32_t port;
    int64_t timeout_ns; /* for one round, and for a greeting */
    int fd;             /* -1: not connected */
    char project[64];   /* what the game's greeting says */
    /* the round being made or under way */
    ucv_buffer out;
    size_t command[UCV_ROUND_MAX]; /* where its text lies in `out`, and how long it is */
    size_t command_size[UCV_ROUND_MAX];
    int32_t count, done; /* requests, replies */
    uint32_t first_id;   /* of the round */
    /* received bytes: frames up to `scanned` were looked at */
    unsigned char *in;
    size_t in_size, in_room, scanned;
    ucv_place reply[UCV_ROUND_MAX];
} ucv_link;

/* "tcp://HOST:PORT", "unix:///PATH" or "unrealcv://HOST:PORT", "unrealcv:///PATH"; game number `index` of several: the last
 * number in the endpoint counts up. Release with ucv_link_close. */
vg_status ucv_link_init(ucv_link *link, const char *endpoint, int32_t index, double timeout_seconds, vg_error *err);
void ucv_link_close(ucv_link *link);

/* Connects and waits for the greeting; ids begin at 0. A game's Unix socket often opens only after its first TCP client has
 * left: where nobody answers at the path, that is brought about. */
vg_status ucv_link_connect(ucv_link *link, vg_error *err);
void ucv_link_disconnect(ucv_link *link);

/* A round: begin, ask, ask ..., send, receive. Each ask returns the index of its reply. */
void ucv_round_begin(ucv_link *link);
int32_t ucv_ask(ucv_link *link, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "TEXT x x x": numbers with three decimals, as games read them. */
int32_t ucv_ask_numbers(ucv_link *link, const char *text, const double *numbers, int count);
/* Writes what the socket takes now; ucv_round_receive writes the rest. */
vg_status ucv_round_send(ucv_link *link, vg_error *err);
/* Waits for all replies. Replies to earlier rounds that were given up are dropped. After VG_TIMEOUT the link may be used for
 * another round; after any other failure it is disconnected. */
vg_status ucv_round_receive(ucv_link *link, vg_error *err);
/* Body of a reply; valid until the next round begins. */
vg_span ucv_reply(const ucv_link *link, int32_t index);
bool ucv_reply_failed(const ucv_link *link, int32_t index); /* it reads "error ..." */
/* The sentence about a reply that is not what it must be: endpoint, command, reply and mend. Returns VG_FAILED. */
vg_status ucv_reply_wrong(const ucv_link *link, int32_t index, const char *mend, vg_error *err);

/* One command by itself. */
vg_status ucv_request(ucv_link *link, vg_span *reply, vg_error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
