/* Shapes, initialisation and acting. The passes themselves are in net_impl.h. */
#include "agents/net.h"

#include "agents/net_float.h"
#include "common/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* provided by OpenBLAS: it works in the thread that calls it; sharing work out is ours */
extern void openblas_set_num_threads(int threads);

vg_net_config vg_net_config_default(int32_t cameras, int32_t people, int32_t observation, int32_t critic) {
    return (vg_net_config){.cameras = cameras,
                           .people = people,
                           .observation = observation,
                           .critic = critic,
                           .axes = 3,
                           .hidden = 128,
                           .mixtures = 16,
                           .recurrent = true,
                           .world_heads = true};
}

vg_status vg_net_config_check(const vg_net_config *c, vg_error *err) {
    const struct {
        const char *name;
        int32_t value, low, high;
    } checks[] = {
        {"cameras", c->cameras, 1, 16},    {"people", c->people, 1, 64},      {"observation", c->observation, 1, 65536},
        {"critic", c->critic, 0, 65536},   {"axes", c->axes, 1, VG_NET_AXES}, {"hidden", c->hidden, 16, 1024},
        {"mixtures", c->mixtures, 16, 16}, {"recurrent", c->recurrent, 0, 1}, {"world_heads", c->world_heads, 0, 1}};
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
        if (checks[i].value < checks[i].low || checks[i].value > checks[i].high)
            return vg_fail(err, VG_INVALID, "network: %s is %d; it must be %d to %d", checks[i].name, checks[i].value,
                           checks[i].low, checks[i].high);
    if (c->hidden % 16)
        return vg_fail(err, VG_INVALID, "network: hidden is %d; it must be a multiple of 16", c->hidden);
    return VG_OK;
}

static int32_t add_param(vg_net_layout *l, const char *name, const char *suffix, int32_t rows, int32_t columns,
                         float gain) {
    VG_ASSERT(l->count < VG_NET_PARAMS_MAX);
    vg_net_param *p = &l->param[l->count];
    snprintf(p->name, sizeof p->name, "%s.%s", name, suffix);
    p->rows = rows, p->columns = columns, p->gain = gain, p->at = l->size;
    const size_t n = (size_t)rows * (size_t)columns;
    l->parameters += n;
    l->size += (n + 15) & ~(size_t)15; /* each array begins on a cache line */
    return l->count++;
}

static int32_t add_dense(vg_net_layout *l, const char *name, int32_t in, int32_t out, float gain) {
    const int32_t index = add_param(l, name, "W", in, out, gain);
    add_param(l, name, "b", 1, out, 0);
    return index;
}

void vg_net_layout_make(vg_net_layout *l, const vg_net_config *c) {
    const int32_t H = c->hidden, G = c->mixtures, A = c->axes, C = c->cameras, P = c->people;
    const float gain = 1.41421356f;
    *l = (vg_net_layout){.config = *c, .lstm_x = -1, .lstm_h = -1, .projection = -1, .head_features = -1};
    l->head_action = l->head_second = l->head_out = -1;
    l->encoder[0] = add_dense(l, "encoder1", c->observation, H, gain);
    l->encoder[1] = add_dense(l, "encoder2", H, H, gain);
    l->encoder[2] = add_dense(l, "encoder3", H, H, gain);
    int32_t features = H;
    if (c->recurrent) {
        l->lstm_x = add_dense(l, "lstm_x", H, 4 * H, 1);
        l->lstm_h = add_param(l, "lstm_h", "W", H, 4 * H, 1);
        features += H;
    }
    if (c->world_heads) {
        /* the target's place, each camera's pose, the team's reward, the pedestrians' places */
        l->heads = 2 + C + (P > 1);
        l->head_features = add_dense(l, "heads1", features, l->heads * H, gain);
        l->head_action = add_param(l, "heads1_action", "W", (C + 1) * A, H, 1);
        l->head_second = add_param(l, "heads2", "W", l->heads * H, H, gain);
        add_param(l, "heads2", "b", l->heads, H, 0);
        for (int32_t k = 0; k < l->heads; k++) {
            char name[16];
            snprintf(name, sizeof name, "head%d", k);
            const int32_t group = k == 0 || k == C + 2 ? 1 + 2 * 2 : k == C + 1 ? 1 + 2 : 1 + 2 * VG_NET_POSE;
            const int32_t groups = k == C + 2 ? P - 1 : 1;
            const int32_t index = add_dense(l, name, H, G * group * groups, 0.1f);
            if (k == 0) l->head_out = index;
        }
        l->projection = add_dense(l, "projection", l->param[l->head_out].columns, H, gain);
        features += H;
    }
    l->actor[0] = add_dense(l, "actor1", features, H, gain);
    l->actor[1] = add_dense(l, "actor2", H, 3 * A, 0.01f);
    l->critic[0] = add_dense(l, "critic1", features + c->critic, H, gain);
    l->critic[1] = add_dense(l, "critic2", H, 1, 1);
}

/* A random matrix with orthonormal columns (or rows, where it is wide), times gain: Saxe, McClelland, Ganguli 2013. By
 * modified Gram-Schmidt on normal draws. */
static void orthogonal(float *W, int32_t rows, int32_t columns, int32_t ld, float gain, vg_rng *rng, double *scratch) {
    const int32_t n = rows < columns ? rows : columns, m = rows < columns ? columns : rows; /* n vectors of length m */
    for (int32_t k = 0; k < n; k++) {
        double *v = scratch + (int64_t)k * m;
        for (int32_t i = 0; i < m; i++) v[i] = (double)vg_rng_normal(rng);
        for (int32_t j = 0; j < k; j++) {
            const double *u = scratch + (int64_t)j * m;
            double dot = 0;
            for (int32_t i = 0; i < m; i++) dot += u[i] * v[i];
            for (int32_t i = 0; i < m; i++) v[i] -= dot * u[i];
        }
        double norm = 0;
        for (int32_t i = 0; i < m; i++) norm += v[i] * v[i];
        norm = 1 / sqrt(norm);
        for (int32_t i = 0; i < m; i++) v[i] *= norm;
    }
    for (int32_t r = 0; r < rows; r++)
        for (int32_t i = 0; i < columns; i++)
            W[(int64_t)r * ld + i] =
                gain * (float)(rows < columns ? scratch[(int64_t)r * m + i] : scratch[(int64_t)i * m + r]);
}

static void initialise(vg_net *net, uint64_t seed, double *scratch) {
    const vg_net_layout *l = &net->layout;
    const int32_t H = l->config.hidden;
    for (int32_t k = 0; k < l->count; k++) {
        const vg_net_param *param = &l->param[k];
        vg_rng rng = vg_rng_at(seed, (uint32_t)k, 0, VG_DRAW_INIT);
        if (param->gain == 0.0f) continue;
        /* layers that lie side by side, or one under the other, are initialised one by one */
        const int32_t block = k == l->head_second ? H : k == l->head_action ? l->config.axes : param->rows;
        for (int32_t row = 0; row < param->rows; row += block)
            for (int32_t column = 0; column < param->columns; column += H) {
                const int32_t width = param->columns - column < H ? param->columns - column : H;
                orthogonal(net->p + param->at + (int64_t)row * param->columns + column, block, width, param->columns,
                           param->gain, &rng, scratch);
            }
    }
    if (l->lstm_x >= 0)
        for (int32_t i = 0; i < H; i++)
            net->p[l->param[l->lstm_x + 1].at + (size_t)(H + i)] = 1; /* forget gates open */
}

vg_status vg_net_create(vg_net **out, const vg_net_config *config, uint64_t seed, vg_error *err) {
    *out = NULL;
    VG_TRY(vg_net_config_check(config, err));
    openblas_set_num_threads(1);
    vg_net *net = calloc(1, sizeof *net);
    if (!net) return vg_fail(err, VG_NO_MEMORY, "network: out of memory");
    vg_net_layout_make(&net->layout, config);
    const size_t bytes = net->layout.size * sizeof(float);
    const size_t longest = (size_t)config->observation + (size_t)config->critic + 4096;
    net->p = aligned_alloc(VG_ARENA_ALIGN, bytes);
    double *scratch = malloc(sizeof(double) * longest * (size_t)config->hidden);
    if (!net->p || !scratch) {
        free(scratch);
        const size_t wanted = net->layout.parameters;
        vg_net_destroy(net);
        return vg_fail(err, VG_NO_MEMORY, "network: cannot allocate %zu parameters", wanted);
    }
    memset(net->p, 0, bytes);
    initialise(net, seed, scratch);
    free(scratch);
    *out = net;
    return VG_OK;
}

void vg_net_destroy(vg_net *net) {
    if (!net) return;
    free(net->p);
    free(net);
}

struct vg_net_room {
    vg_net_layout layout;
    vg_f32_ws ws;
    vg_arena memory;
};

vg_status vg_net_room_create(vg_net_room **out, const vg_net_layout *layout, int32_t rows, vg_error *err) {
    *out = NULL;
    vg_net_room *room = calloc(1, sizeof *room);
    if (!room) return vg_fail(err, VG_NO_MEMORY, "network: out of memory");
    room->layout = *layout;
    vg_arena measure = {0};
    vg_f32_ws_plan(&room->ws, &measure, &room->layout, rows, rows, false);
    const vg_status status = vg_arena_create(&room->memory, measure.used, err);
    if (status) {
        free(room);
        return status;
    }
    vg_f32_ws_plan(&room->ws, &room->memory, &room->layout, rows, rows, false);
    *out = room;
    return VG_OK;
}

void vg_net_room_destroy(vg_net_room *room) {
    if (!room) return;
    vg_arena_destroy(&room->memory);
    free(room);
}

float *vg_net_observations(vg_net_room *room) {
    return room->ws.x;
}

float *vg_net_critic_inputs(vg_net_room *room) {
    return room->ws.critic_in;
}

const float *vg_net_act(const vg_net *net, vg_net_room *room, int32_t B, float *h, float *c) {
    VG_ASSERT(B >= 1 && B <= room->ws.rows_max);
    vg_f32_ws *w = &room->ws;
    vg_f32_actor_forward(w, net->p, 1, B, h, c, NULL);
    if (net->layout.config.recurrent) {
        const int32_t H = net->layout.config.hidden, F = vg_f32_feature_width(&net->layout);
        for (int32_t b = 0; b < B; b++)
            memcpy(h + (int64_t)b * H, w->features + (int64_t)b * F + H, sizeof(float) * (size_t)H);
        memcpy(c, w->c, sizeof(float) * (size_t)B * (size_t)H);
    }
    return w->logits;
}

const float *vg_net_value(const vg_net *net, vg_net_room *room, int32_t B) {
    VG_ASSERT(B >= 1 && B <= room->ws.rows_max);
    vg_f32_critic_forward(&room->ws, net->p, B);
    return room->ws.value;
}
