#!/usr/bin/python3
"""The learner against PyTorch: the same network, weights and batch; gradients compared, both timed.

    build/bin/vergence bench learner_step                     (with VG_LEARNER_DUMP=dump.vgc in the environment)
    /usr/bin/python3 bench/learner_torch.py dump.vgc

Needs Debian's python3-torch and python3-numpy. Exits with 1 where a parameter array's gradient, computed here in double
precision, differs by more than 1e-5 of that array's largest entry."""
import math
import struct
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

CLIP, KL, VALUE, VALUE_CLIP, HEAD, PEDESTRIANS = 0.3, 0.2, 0.1, 1000.0, 5.0, 0.1
G, POSE = 16, 8


def read(path):
    """The sections of a checkpoint file (agents/checkpoint.h)."""
    data = open(path, "rb").read()
    count = struct.unpack_from("<I", data, 12)[0]
    at, out = 24 + 40 * count, {}
    for i in range(count):
        name, size = struct.unpack_from("<32sQ", data, 24 + 40 * i)
        out[name.rstrip(b"\0").decode()] = data[at:at + size]
        at += size
    return out


def table(raw):
    """name, rows, columns, first index of each parameter array (vg_net_param)."""
    for at in range(0, len(raw), 56):
        name, rows, columns, first = struct.unpack_from("<32siiQ", raw, at)
        yield name.rstrip(b"\0").decode(), rows, columns, first


class Problem:
    def __init__(self, path, dtype):
        s = read(path)
        self.T, self.S, self.D, self.K, self.C, self.P, self.H, self.A = np.frombuffer(s["shape"], np.int32).tolist()
        self.table = list(table(s["table"]))
        block, self.gradient = (np.frombuffer(s[k], np.float32) for k in ("weights", "gradient"))
        self.p = {n: torch.tensor(block[at:at + r * c].reshape(r, c), dtype=dtype, requires_grad=True)
                  for n, r, c, at in self.table}
        N = self.T * self.S
        wide = {"observation": self.D, "critic": self.K, "actions": self.C * self.A, "logits": 3 * self.A,
                "next_pose": self.C * POSE, "next_people": 2 * self.P, "people_mask": self.P}
        for name in ("observation", "critic", "actions", "logits", "logp", "advantage", "value_target", "next_pose",
                     "next_reward", "next_people", "people_mask"):
            x = torch.tensor(np.frombuffer(s[name], np.float32), dtype=dtype)
            setattr(self, name, x.reshape(N, wide[name]) if name in wide else x)
        self.h0, self.c0 = (torch.tensor(np.frombuffer(s[k], np.float32).reshape(self.S, self.H), dtype=dtype)
                            for k in ("h0", "c0"))
        self.keep = 1 - torch.tensor(np.frombuffer(s["reset"], np.uint8).reshape(self.T, self.S, 1), dtype=dtype)

    def dense(self, x, name):
        return x @ self.p[name + ".W"] + self.p[name + ".b"]

    def lstm(self, x):
        p, H = self.p, self.H
        gates = self.dense(x, "lstm_x").reshape(self.T, self.S, 4 * H)
        h, c, out = self.h0, self.c0, []
        for t in range(self.T):
            h, c = h * self.keep[t], c * self.keep[t]
            i, f, g, o = (gates[t] + h @ p["lstm_h.W"]).split(H, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            out.append(h)
        return torch.cat(out)

    def head(self, k, features):
        p, H, A, C = self.p, self.H, self.A, self.C
        x = features @ p["heads1.W"][:, k * H:(k + 1) * H] + p["heads1.b"][:, k * H:(k + 1) * H]
        if 1 <= k <= C + 1:
            who = k - 1 if k <= C else 0
            x = x + self.actions[:, who * A:(who + 1) * A] @ p["heads1_action.W"][(k - 1) * A:k * A]
        x = torch.tanh(x)
        x = torch.tanh(x @ p["heads2.W"][k * H:(k + 1) * H] + p["heads2.b"][k:k + 1])
        return self.dense(x, "head%d" % k)

    @staticmethod
    def nll(out, y):
        """out [N, (1 + 2 d) G], y [N, d]; an error counts as at most 5 sigma, with sigma detached in that limit."""
        d = y.shape[1]
        prior = F.log_softmax(out[:, :G], 1)
        mean, log_sigma = out[:, G:].reshape(-1, 2, d, G).unbind(1)
        log_sigma = log_sigma.clamp(math.log(1e-6), 20)
        limit = 5 * log_sigma.exp().detach()
        z = torch.max(torch.min(y[:, :, None] - mean, limit), -limit) / log_sigma.exp()
        ll = -(0.5 * z * z + log_sigma + 0.5 * math.log(2 * math.pi)).sum(1)
        return -torch.logsumexp(prior + ll, 1)

    def loss(self):
        A, C, P, N = self.A, self.C, self.P, self.T * self.S
        x = self.observation
        for k in (1, 2, 3):
            x = torch.tanh(self.dense(x, "encoder%d" % k))
        features = torch.cat([x, self.lstm(x)], 1)
        target = self.head(0, features)
        shared = torch.cat([features, torch.tanh(self.dense(target.detach(), "projection"))], 1)
        logits = self.dense(torch.tanh(self.dense(shared, "actor1")), "actor2").reshape(N, A, 3)
        value = self.dense(torch.tanh(self.dense(torch.cat([shared, self.critic], 1), "critic1")), "critic2")[:, 0]
        log_p, log_q = F.log_softmax(logits, 2), F.log_softmax(self.logits.reshape(N, A, 3), 2)
        chosen = (self.actions[:, :A] + 1.5).long()
        logp = log_p.gather(2, chosen[:, :, None]).sum((1, 2))
        ratio = (logp - self.logp).exp()
        policy = -torch.min(ratio * self.advantage, ratio.clamp(1 - CLIP, 1 + CLIP) * self.advantage)
        kl = (log_q.exp() * (log_q - log_p)).sum((1, 2))
        value = ((value - self.value_target) ** 2).clamp(max=VALUE_CLIP)
        y, mask = self.next_people.reshape(N, P, 2), self.people_mask
        world = self.nll(target, y[:, 0]) * mask[:, 0]
        for c in range(C):
            world = world + self.nll(self.head(1 + c, features), self.next_pose[:, c * POSE:(c + 1) * POSE])
        world = world + self.nll(self.head(C + 1, features), self.next_reward[:, None])
        crowd = self.head(C + 2, features).reshape(N, P - 1, 5 * G)
        for q in range(P - 1):
            world = world + PEDESTRIANS * self.nll(crowd[:, q], y[:, q + 1]) * mask[:, q + 1]
        return (policy + KL * kl + VALUE * value + HEAD * world).mean()

    def backward(self):
        for w in self.p.values():
            w.grad = None
        self.loss().backward()


def compare(path):
    problem = Problem(path, torch.float64)
    problem.backward()
    worst = 0
    for name, rows, columns, at in problem.table:
        theirs = problem.p[name].grad.numpy().ravel()
        ours = problem.gradient[at:at + rows * columns].astype(np.float64)
        error = np.abs(theirs - ours).max() / max(np.abs(theirs).max(), 1e-30)
        worst = max(worst, error)
        print("%-16s %4d x %-4d largest %.3e  difference %.1e" % (name, rows, columns, np.abs(theirs).max(), error))
    print("largest relative difference %.2e" % worst)
    return worst < 1e-5


def measure(path):
    problem = Problem(path, torch.float32)
    for threads in (1, 2):
        torch.set_num_threads(threads)
        seconds = []
        for _ in range(6):
            start = time.perf_counter()
            problem.backward()
            seconds.append(time.perf_counter() - start)
        print("PyTorch %s, %d thread%s: forward and backward %.1f ms" %
              (torch.__version__, threads, "s"[:threads - 1], 1e3 * sorted(seconds)[2]))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    same = compare(sys.argv[1])
    measure(sys.argv[1])
    sys.exit(0 if same else 1)
