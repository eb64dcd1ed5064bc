/* The loss of one shard and its gradient with respect to the network's outputs, for one number type (see net_impl.h). */

/* What the loss of some rows came to; sums, not means. */
typedef struct VG_NET(loss_sums) {
    double policy, value, world, entropy, kl, clipped, rows;
    double nll[VG_HEADS], predictions[VG_HEADS];
} VG_NET(loss_sums);

/* The rows of a shard beside the network's inputs, gathered. */
typedef struct VG_NET(targets) {
    VG_REAL *logits, *logp, *advantage, *value; /* of acting; value targets in the network's units */
    int8_t *action;                             /* [N, A] 0..2 */
    VG_REAL *pose, *reward, *people, *mask;     /* [N, C, 8], [N], [N, P, 2], [N, P] */
    uint8_t *valid;                             /* [N]; NULL = all */
} VG_NET(targets);

/* Negative log-likelihood of y [d] under a mixture of 16 Gaussians; out holds logits [16], means [d, 16], log standard
 * deviations [d, 16]; dout receives weight times the gradient. An error beyond 5 sigma counts as 5 sigma, with sigma
 * detached there, so that one wild target cannot tear the head apart. */
static double VG_NET(mixture_nll)(VG_REAL *dout, const VG_REAL *out, const VG_REAL *y, int32_t d, VG_REAL weight) {
    enum { G = 16 };
    const VG_REAL low = (VG_REAL)-13.815510557964274, high = 20; /* sigma >= 1e-6 */
    VG_REAL ll[G], prior[G], z[VG_NET_POSE][G], inverse[VG_NET_POSE][G];
    VG_REAL top = out[0];
    for (int32_t g = 1; g < G; g++) top = out[g] > top ? out[g] : top;
    VG_REAL total = 0;
    for (int32_t g = 0; g < G; g++) prior[g] = VG_NET(exp)(out[g] - top);
    for (int32_t g = 0; g < G; g++) total += prior[g];
    const VG_REAL log_total = top + VG_NET(log)(total);
    for (int32_t g = 0; g < G; g++) prior[g] /= total, ll[g] = out[g] - log_total;
    for (int32_t k = 0; k < d; k++) {
        const VG_REAL *mean = out + G + k * G, *log_sigma = out + G + (d + k) * G;
        for (int32_t g = 0; g < G; g++) {
            VG_REAL s = log_sigma[g];
            s = s < low ? low : s;
            s = s > high ? high : s;
            inverse[k][g] = VG_NET(exp)(-s);
            VG_REAL e = (y[k] - mean[g]) * inverse[k][g];
            e = e > 5 ? 5 : e;
            e = e < -5 ? -5 : e;
            z[k][g] = e;
            ll[g] -= (VG_REAL)0.5 * e * e + s + (VG_REAL)0.91893853320467274;
        }
    }
    VG_REAL best = ll[0], sum = 0, share[G];
    for (int32_t g = 1; g < G; g++) best = ll[g] > best ? ll[g] : best;
    for (int32_t g = 0; g < G; g++) share[g] = VG_NET(exp)(ll[g] - best);
    for (int32_t g = 0; g < G; g++) sum += share[g];
    for (int32_t g = 0; g < G; g++) share[g] /= sum;
    for (int32_t g = 0; g < G; g++) dout[g] = weight * (prior[g] - share[g]);
    for (int32_t k = 0; k < d; k++) {
        VG_REAL *d_mean = dout + G + k * G, *d_sigma = dout + G + (d + k) * G;
        const VG_REAL *log_sigma = out + G + (d + k) * G;
        for (int32_t g = 0; g < G; g++) {
            const VG_REAL e = z[k][g], inside = e < 5 && e > -5, free_sigma = log_sigma[g] > low && log_sigma[g] < high;
            d_mean[g] = -weight * share[g] * e * inverse[k][g] * inside;
            d_sigma[g] = -weight * share[g] * (e * e - 1) * free_sigma;
        }
    }
    return -(double)(best + VG_NET(log)(sum));
}

/* PPO's clipped objective, the KL penalty and the entropy bonus of one row; gradient with respect to the logits. */
static void VG_NET(policy_row)(VG_REAL *d_logits, VG_NET(loss_sums) * sums, const VG_REAL *logits, const VG_REAL *old,
                               const int8_t *action, int32_t A, VG_REAL old_logp, VG_REAL advantage,
                               const vg_learner_config *config, double kl_coefficient, VG_REAL scale) {
    VG_REAL p[3 * VG_NET_AXES], logp = 0, entropy = 0, kl = 0, axis_entropy[VG_NET_AXES];
    VG_REAL q[3 * VG_NET_AXES];
    for (int32_t a = 0; a < A; a++) {
        VG_REAL log_sum[2];
        const VG_REAL *rows[2] = {logits + 3 * a, old + 3 * a};
        for (int32_t k = 0; k < 2; k++) {
            const VG_REAL *x = rows[k], top = x[0] > x[1] ? (x[0] > x[2] ? x[0] : x[2]) : (x[1] > x[2] ? x[1] : x[2]);
            log_sum[k] = top + VG_NET(log)(VG_NET(exp)(x[0] - top) + VG_NET(exp)(x[1] - top) + VG_NET(exp)(x[2] - top));
        }
        axis_entropy[a] = 0;
        for (int32_t i = 0; i < 3; i++) {
            const VG_REAL lp = logits[3 * a + i] - log_sum[0], lq = old[3 * a + i] - log_sum[1];
            p[3 * a + i] = VG_NET(exp)(lp), q[3 * a + i] = VG_NET(exp)(lq);
            axis_entropy[a] -= p[3 * a + i] * lp;
            kl += q[3 * a + i] * (lq - lp);
            if (i == action[a]) logp += lp;
        }
        entropy += axis_entropy[a];
    }
    const VG_REAL ratio = VG_NET(exp)(logp - old_logp), clip = (VG_REAL)config->clip;
    const VG_REAL bounded = ratio < 1 - clip ? 1 - clip : ratio > 1 + clip ? 1 + clip : ratio;
    const VG_REAL free_term = ratio * advantage, clipped_term = bounded * advantage;
    const bool clipped = clipped_term < free_term;
    sums->policy -= (double)(clipped ? clipped_term : free_term);
    sums->entropy += (double)entropy;
    sums->kl += (double)kl;
    sums->clipped += clipped;
    const VG_REAL d_logp = clipped ? 0 : -ratio * advantage;
    const VG_REAL w_kl = (VG_REAL)kl_coefficient, w_entropy = (VG_REAL)config->entropy_weight;
    for (int32_t a = 0; a < A; a++)
        for (int32_t i = 0; i < 3; i++) {
            const int32_t at = 3 * a + i;
            const VG_REAL lp = VG_NET(log)(p[at] > (VG_REAL)1e-30 ? p[at] : (VG_REAL)1e-30);
            VG_REAL d = d_logp * ((i == action[a]) - p[at]);
            d += w_kl * (p[at] - q[at]);
            d += w_entropy * p[at] * (lp + axis_entropy[a]);
            d_logits[at] = scale * d;
        }
}

/* One row of head k: its weighted loss, and `weight` times its gradient in `d`. */
static double VG_NET(head_row)(VG_REAL *d, VG_NET(loss_sums) * sums, const VG_REAL *out, const VG_NET(targets) * y,
                               const vg_net_config *net, const vg_learner_config *config, int32_t k, int64_t r,
                               VG_REAL scale) {
    const int32_t C = net->cameras, P = net->people, group = net->mixtures * (1 + 2 * 2);
    const VG_REAL weight = scale * (VG_REAL)config->head_weight;
    if (k >= 1 && k <= C + 1) {
        const int32_t d_out = k <= C ? VG_NET_POSE : 1;
        const VG_REAL *to = k <= C ? y->pose + (r * C + k - 1) * VG_NET_POSE : y->reward + r;
        const vg_head head = k == 1 ? VG_HEAD_OWN : k <= C ? VG_HEAD_TEAM : VG_HEAD_REWARD;
        const double nll = VG_NET(mixture_nll)(d, out, to, d_out, weight);
        sums->nll[head] += nll, sums->predictions[head]++;
        return config->head_weight * nll;
    }
    const bool target = k == 0;
    const int32_t first = target ? 0 : 1, last = target ? 1 : P;
    const double share = target ? 1 : config->pedestrian_weight;
    double loss = 0;
    for (int32_t q = first; q < last; q++, d += group, out += group) {
        if (y->mask[r * P + q] == 0) {
            memset(d, 0, (size_t)group * sizeof(VG_REAL));
            continue;
        }
        const double nll = VG_NET(mixture_nll)(d, out, y->people + (r * P + q) * 2, 2, weight * (VG_REAL)share);
        sums->nll[target ? VG_HEAD_TARGET : VG_HEAD_PEOPLE] += nll;
        sums->predictions[target ? VG_HEAD_TARGET : VG_HEAD_PEOPLE]++;
        loss += config->head_weight * share * nll;
    }
    return loss;
}

/* Losses of the world-dynamics heads on rows [N], and w->d_out. */
static double VG_NET(world_rows)(VG_NET(ws) * w, VG_NET(loss_sums) * sums, const VG_NET(targets) * y,
                                 const vg_learner_config *config, int32_t N, VG_REAL scale) {
    const vg_net_layout *l = w->layout;
    double loss = 0;
    for (int32_t k = 0; k < l->heads; k++) {
        const int32_t O = l->param[l->head_out + 2 * k].columns;
        const VG_REAL *out = VG_NET(head_out)(w, w->out, k, N);
        VG_REAL *d = VG_NET(head_out)(w, w->d_out, k, N);
        for (int64_t r = 0; r < N; r++) {
            if (y->valid && !y->valid[r])
                memset(d + r * O, 0, (size_t)O * sizeof(VG_REAL));
            else
                loss += VG_NET(head_row)(d + r * O, sums, out + r * O, y, &l->config, config, k, r, scale);
        }
    }
    return loss;
}

/* The loss of N = T S rows after forward, its parts added to `sums`, and the gradients of the outputs in w->d_*.
 * Everything is divided by `total`, the valid rows of the whole minibatch. */
static void VG_NET(loss)(VG_NET(ws) * w, const VG_NET(targets) * y, const vg_learner_config *config,
                         double kl_coefficient, int32_t N, int32_t total, VG_NET(loss_sums) * sums) {
    const int32_t A = w->layout->config.axes;
    const VG_REAL scale = (VG_REAL)(1.0 / total), value_weight = (VG_REAL)config->value_weight;
    for (int64_t r = 0; r < N; r++) {
        if (y->valid && !y->valid[r]) {
            memset(w->d_logits + r * 3 * A, 0, 3 * (size_t)A * sizeof(VG_REAL));
            w->d_value[r] = 0;
            continue;
        }
        sums->rows++;
        VG_NET(policy_row)
        (w->d_logits + r * 3 * A, sums, w->logits + r * 3 * A, y->logits + r * 3 * A, y->action + r * A, A, y->logp[r],
         y->advantage[r], config, kl_coefficient, scale);
        const VG_REAL e = w->value[r] - y->value[r];
        const bool pulls =
            config->value_clip <= 0 || !((double)(e * e) >= config->value_clip); /* NaN pulls, and is noticed */
        sums->value += pulls ? (double)(e * e) : config->value_clip;
        w->d_value[r] = pulls ? scale * value_weight * 2 * e : 0;
    }
    if (w->layout->heads) sums->world += VG_NET(world_rows)(w, sums, y, config, N, scale);
}
