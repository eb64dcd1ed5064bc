/* The keys of a session's configuration: one table gives each its type, place, bounds, unit and meaning, and everything
 * else (reading, writing, the command line's --set, docs/config.md, messages) follows from it. */
#include "daemon/internal.h"

#include "common/text.h"
#include "daemon/web.h"
#include "perception/smooth.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define AT(member)   offsetof(vg_session_config, member), sizeof((vg_session_config *)0)->member
#define NO_BOUNDS    0, 0
#define NO_CHOICES   ""
#define NO_UNIT      ""
#define LAST_UINT64  18446744073709551615.0
#define MODES        "mappo|mappo+ctcr|mappo+wdl|mappo+ctcr+wdl" /* index: bit 0 CTCR, bit 1 WDL */
#define TEXT         VG_KEY_TEXT
#define CHOICE       VG_KEY_CHOICE
#define BOOL         VG_KEY_BOOL
#define INT          VG_KEY_INT32
#define REAL         VG_KEY_DOUBLE
#define BOOL_CHOICES "false|true"

/* clang-format off */
static const vg_config_key keys[] = {
    {"session", "name", TEXT, AT(session.name), NO_BOUNDS, NO_CHOICES, NO_UNIT, "What the session is called: letters, digits, `.`, `_`, `-`"},
    {"session", "kind", CHOICE, AT(session.kind), NO_BOUNDS, "train|live|mocap", NO_UNIT, "`train`: rollouts and updates in turn until `train.steps`; `live`: one environment at a fixed rate until stopped; `mocap`: motion capture without a policy, from a `live` or `replay` world"},
    {"session", "folder", TEXT, AT(session.folder), NO_BOUNDS, NO_CHOICES, NO_UNIT, "Where curves, checkpoints and the policy go; empty: `runs/NAME`"},

    {"world", "kind", CHOICE, AT(world.kind), NO_BOUNDS, "embedded|remote|unrealcv|live|replay", NO_UNIT, "`embedded`: the simulator in this process; `remote`: another process over ZeroMQ (docs/protocol.md); `unrealcv`: a game with the UnrealCV plug-in (docs/unreal.md); `live`: cameras' keypoint streams (docs/live.md); `replay`: a recording"},
    {"world", "scene", TEXT, AT(world.scene), NO_BOUNDS, NO_CHOICES, NO_UNIT, "Name of a scene, or the path of a scene file; of a game it tells where cameras may be and people walk"},
    {"world", "motion", TEXT, AT(world.motion), NO_BOUNDS, NO_CHOICES, NO_UNIT, "A BVH file whose walk the people replay; empty: a synthetic gait"},
    {"world", "cameras", INT, AT(world.cameras), 1, VG_MAX_CAMERAS, NO_CHOICES, NO_UNIT, "Size of the team; a live world has the cameras of its calibration"},
    {"world", "people", INT, AT(world.people), 1, VG_MAX_PEOPLE, NO_CHOICES, NO_UNIT, "Most people in an environment, the target included; in a live world, the most detections in a picture too"},
    {"world", "envs", INT, AT(world.envs), 0, VG_MAX_ENVS, NO_CHOICES, NO_UNIT, "Environments stepped at once; 0: as many as the preset trains on, 1 in a live session and of games"},
    {"world", "preset", CHOICE, AT(world.preset), NO_BOUNDS, "default|paper", NO_UNIT, "`default`: 0.1 s steps, cameras with speed and acceleration; `paper`: the reference task exactly, 0.4 s steps, teleporting cameras. Also chooses the defaults of `train`"},
    {"world", "miss_rate", REAL, AT(world.miss_rate), 0, 1, NO_CHOICES, NO_UNIT, "Share of visible people that a camera misses in a frame"},
    {"world", "swap_rate", REAL, AT(world.swap_rate), 0, 1, NO_CHOICES, NO_UNIT, "Share of neighbouring pairs whose keypoints are swapped"},
    {"world", "endpoint", TEXT, AT(world.endpoint), NO_BOUNDS, NO_CHOICES, NO_UNIT, "Where a remote world listens: `tcp://HOST:PORT` or `ipc:///PATH`; a game: `tcp://HOST:PORT` or `unix:///PATH`, whose last number counts up from one environment's game to the next; a live world: where keypoints are published, several separated by blanks"},
    {"world", "timeout_seconds", REAL, AT(world.timeout_seconds), 0.01, 3600, NO_CHOICES, "s", "How long a step of a remote world or a game may take before the peer counts as dead"},
    {"world", "reconnect_seconds", REAL, AT(world.reconnect_seconds), 0, 86400, NO_CHOICES, "s", "How long a remote world or a game that went away is waited for; 0: not at all"},
    {"world", "save_images", TEXT, AT(world.save_images), NO_BOUNDS, NO_CHOICES, NO_UNIT, "Folder that a remote world's or a game's pictures go to; empty: none are asked for"},
    {"world", "images", TEXT, AT(world.images), NO_BOUNDS, NO_CHOICES, NO_UNIT, "Which pictures: `lit`, `mask`, `depth`, with commas between; empty: `lit`"},
    {"world", "shared_memory", BOOL, AT(world.shared_memory), NO_BOUNDS, BOOL_CHOICES, NO_UNIT, "Pictures of a remote world on this machine come through shared memory"},
    {"world", "keypoints", CHOICE, AT(world.keypoints), NO_BOUNDS, "projected|exact|masked|detector", NO_UNIT, "Where a game's keypoints come from: true joints projected, hidden by bodies and obstacles, with the simulator's noise; `exact`: without noise; `masked`: hidden where the object mask shows something else; `detector`: from pictures, by the 2D detector (`make detector`), of a remote world too"},
    {"world", "calibration", TEXT, AT(world.calibration), NO_BOUNDS, NO_CHOICES, NO_UNIT, "Live world: the cameras' calibration file (docs/calibration.md)"},
    {"world", "joint_set", TEXT, AT(world.joint_set), NO_BOUNDS, NO_CHOICES, NO_UNIT, "Live world: which joints the streams carry: `vergence14`, `coco17`, `coco18`, `halpe26`, `body25`, `body25b`, `blazepose33`"},
    {"world", "rate_hz", REAL, AT(world.rate_hz), 1, 1000, NO_CHOICES, "Hz", "Live world: pictures a second of a camera, about; a frame comes whenever all cameras have sent theirs"},
    {"world", "window_seconds", REAL, AT(world.window_seconds), 0, 1, NO_CHOICES, "s", "Live world: pictures taken within it make a frame; 0: 0.8 / `world.rate_hz`"},
    {"world", "patience_seconds", REAL, AT(world.patience_seconds), 0, 5, NO_CHOICES, "s", "Live world: how long a frame waits for cameras that are late"},
    {"world", "silent_seconds", REAL, AT(world.silent_seconds), 0.01, 60, NO_CHOICES, "s", "Live world: a camera unheard for so long is no longer waited for"},
    {"world", "refine_seconds", REAL, AT(world.refine_seconds), 0, 1, NO_CHOICES, "s", "Live world: how far people's motion may correct the clocks of cameras that do not share one (docs/live.md); 0: not at all"},
    {"world", "recording", TEXT, AT(world.recording), NO_BOUNDS, NO_CHOICES, NO_UNIT, "Replay: the recording, a `.mcap` file"},
    {"world", "speed", REAL, AT(world.speed), 0, 1000, NO_CHOICES, NO_UNIT, "Replay: 1 plays as fast as it was recorded; 0: as fast as possible"},

    {"game", "pace", CHOICE, AT(game.pace), NO_BOUNDS, "auto|tick|pause|free", NO_UNIT, "How a step of a game passes: `tick`: the game stands still but for fixed ticks; `pause`: it runs for a step and is paused while it is looked at; `free`: it runs all the time; `auto`: tick where the game offers it, else pause"},
    {"game", "cameras", TEXT, AT(game.cameras), NO_BOUNDS, NO_CHOICES, NO_UNIT, "The game's cameras that are the team: names or indices between blanks; empty: those behind the player's (index 0), spawned where they are missing"},
    {"game", "people", TEXT, AT(game.people), NO_BOUNDS, NO_CHOICES, NO_UNIT, "The game's people, the target first: names between blanks, or one word that numbers from 1 are put behind; empty: `human`"},
    {"game", "width", INT, AT(game.width), 16, 4096, NO_CHOICES, "px", "Width of pictures, where the game lets it be set"},
    {"game", "height", INT, AT(game.height), 16, 4096, NO_CHOICES, "px", "Height of pictures"},
    {"game", "fov", REAL, AT(game.fov), 1, 170, NO_CHOICES, "degrees", "Horizontal field of view"},

    {"train", "mode", CHOICE, AT(mode), NO_BOUNDS, MODES, NO_UNIT, "`ctcr`: reward each camera by its contribution, else all by the team's reward; `wdl`: world dynamics heads"},
    {"train", "steps", VG_KEY_INT64, AT(train.steps), 1, 1099511627776.0, NO_CHOICES, "steps", "Environment steps in all"},
    {"train", "seed", VG_KEY_UINT64, AT(train.seed), 0, LAST_UINT64, NO_CHOICES, NO_UNIT, "Every random draw follows from it"},
    {"train", "threads", INT, AT(train.threads), 0, 256, NO_CHOICES, NO_UNIT, "Worker threads; 0: one a core. Does not change results"},
    {"train", "rollout_steps", INT, AT(train.rollout_steps), 1, 1000, NO_CHOICES, "steps", "Steps of each environment between two updates"},
    {"train", "episode_steps", INT, AT(train.episode_steps), 1, 1000000, NO_CHOICES, "steps", "An episode is cut after so many"},
    {"train", "people_min", INT, AT(train.people_min), 1, VG_MAX_PEOPLE, NO_CHOICES, NO_UNIT, "Smallest crowd; drawn for each episode, the target included"},
    {"train", "people_max", INT, AT(train.people_max), 1, VG_MAX_PEOPLE, NO_CHOICES, NO_UNIT, "Largest crowd; at most `world.people`"},
    {"train", "hidden", INT, AT(train.hidden), 16, 1024, NO_CHOICES, NO_UNIT, "Width of every layer and of the LSTM; a multiple of 16"},
    {"train", "recurrent", BOOL, AT(train.recurrent), NO_BOUNDS, BOOL_CHOICES, NO_UNIT, "With the LSTM"},
    {"train", "speed", REAL, AT(train.speed), 0, 20, NO_CHOICES, "m/s", "Speed of one action; 0: the preset's"},
    {"train", "epochs", INT, AT(train.epochs), 1, 100, NO_CHOICES, NO_UNIT, "Passes over a batch in an update"},
    {"train", "minibatches", INT, AT(train.minibatches), 1, 1000, NO_CHOICES, NO_UNIT, "Parts a batch is split into"},
    {"train", "learning_rate", REAL, AT(train.learning_rate), 0, 1, NO_CHOICES, NO_UNIT, "Adam's step size at the beginning"},
    {"train", "learning_rate_end", REAL, AT(train.learning_rate_end), 0, 1, NO_CHOICES, NO_UNIT, "Adam's step size at the end"},
    {"train", "discount", REAL, AT(train.discount), 0, 1, NO_CHOICES, NO_UNIT, "Discount of a reward one step later (gamma)"},
    {"train", "gae_lambda", REAL, AT(train.gae_lambda), 0, 1, NO_CHOICES, NO_UNIT, "Generalised advantage estimation's lambda"},
    {"train", "clip", REAL, AT(train.clip), 0.01, 10, NO_CHOICES, NO_UNIT, "PPO's bound on the change of an action's probability ratio"},
    {"train", "kl_coefficient", REAL, AT(train.kl_coefficient), 0, 100, NO_CHOICES, NO_UNIT, "Initial weight of the adaptive KL penalty; 0: none"},
    {"train", "kl_target", REAL, AT(train.kl_target), 1e-6, 10, NO_CHOICES, "nat", "What the adaptive KL penalty aims at"},
    {"train", "value_weight", REAL, AT(train.value_weight), 0, 100, NO_CHOICES, NO_UNIT, "Weight of the value loss"},
    {"train", "entropy_weight", REAL, AT(train.entropy_weight), 0, 10, NO_CHOICES, NO_UNIT, "Weight of the entropy bonus"},
    {"train", "gradient_clip", REAL, AT(train.gradient_clip), 1e-6, 1e9, NO_CHOICES, NO_UNIT, "Largest norm of a gradient"},
    {"train", "normalise_values", BOOL, AT(train.normalise_values), NO_BOUNDS, BOOL_CHOICES, NO_UNIT, "A running normaliser for value targets"},

    {"live", "policy", TEXT, AT(live.policy), NO_BOUNDS, NO_CHOICES, NO_UNIT, "`fixed`, `orbit`, `greedy`, `plan`, a run's folder or a policy file; empty: begin untrained"},
    {"live", "learn", BOOL, AT(live.learn), NO_BOUNDS, BOOL_CHOICES, NO_UNIT, "Learn on line, beside the loop"},
    {"live", "rate_hz", REAL, AT(live.rate_hz), 0.1, 1000, NO_CHOICES, "Hz", "Ticks a second"},

    {"mocap", "publish", TEXT, AT(mocap.publish), NO_BOUNDS, NO_CHOICES, NO_UNIT, "Where skeletons are published (docs/protocol.md, Streams): `tcp://ADDRESS:PORT` or `ipc:///PATH`; empty: nowhere"},
    {"mocap", "vmc", TEXT, AT(mocap.vmc), NO_BOUNDS, NO_CHOICES, NO_UNIT, "`HOST:PORT` that VMC messages go to by UDP, 39539 usually; further people go to the ports after it; empty: none"},
    {"mocap", "cutoff_hz", REAL, AT(mocap.cutoff_hz), 0, 1000, NO_CHOICES, "Hz", "One-Euro smoothing: cut-off of joints at rest; 0: none. `status` tells the delay"},
    {"mocap", "beta", REAL, AT(mocap.beta), 0, 10000, NO_CHOICES, "Hz/(m/s)", "One-Euro smoothing: how much speed raises the cut-off"},

    {"record", "enabled", BOOL, AT(record.enabled), NO_BOUNDS, BOOL_CHOICES, NO_UNIT, "Live and mocap sessions leave frames and skeletons in `take-N.mcap` of the session's folder"},

    {"web", "listen", TEXT, AT(web.listen), NO_BOUNDS, NO_CHOICES, NO_UNIT, "`HOST:PORT` where browsers find the viewer (docs/live.md): `127.0.0.1:8080` for this machine alone, `0.0.0.0:8080` for everybody who reaches it; port 0: any that is free, `status` tells which; empty: none"},

    {"control", "endpoint", TEXT, AT(control.endpoint), NO_BOUNDS, NO_CHOICES, NO_UNIT, "Where the control socket listens: `ipc:///PATH`, or `tcp://127.0.0.1:PORT`; empty: a socket in the state folder"},

    {"checkpoint", "every_seconds", REAL, AT(checkpoint.every_seconds), 0.1, 86400, NO_CHOICES, "s", "Time between two checkpoints of a training session"},
};
/* clang-format on */

const vg_config_key *vg_config_keys(size_t *count) {
    *count = sizeof keys / sizeof keys[0];
    return keys;
}

vg_session_config vg_session_config_default(vg_preset preset) {
    const vg_world_config world = vg_world_config_default();
    vg_session_config c = {
        .session.kind = VG_SESSION_TRAIN,
        .session.name = "session",
        .world.cameras = world.cameras,
        .world.people = world.people,
        .world.preset = (int32_t)preset,
        .world.miss_rate = world.miss_rate,
        .world.swap_rate = world.swap_rate,
        .world.timeout_seconds = world.timeout_seconds,
        .world.reconnect_seconds = world.reconnect_seconds,
        .world.shared_memory = world.shared_memory,
        .game = {.width = world.game.width, .height = world.game.height, .fov = world.game.fov},
        .train = vg_train_config_default((int32_t)preset),
        .world.rate_hz = world.rate_hz,
        .world.window_seconds = world.window_seconds,
        .world.patience_seconds = world.patience_seconds,
        .world.silent_seconds = world.silent_seconds,
        .world.refine_seconds = world.refine_seconds,
        .world.speed = world.speed,
        .live = {.learn = false, .rate_hz = 10},
        .mocap = {.cutoff_hz = vg_smooth_config_default().cutoff, .beta = vg_smooth_config_default().beta},
        .record.enabled = true,
        .checkpoint.every_seconds = 60};
    snprintf(c.world.scene, sizeof c.world.scene, "%s", world.scene);
    snprintf(c.world.joint_set, sizeof c.world.joint_set, "%s", world.joint_set);
    c.mode = (c.train.ctcr ? 1 : 0) | (c.train.wdl ? 2 : 0);
    return c;
}

/* ---- values as text ---- */

/* The index of `word` in "a|b|c", or -1. */
static int choice_index(const char *choices, const char *word) {
    vg_span rest = {choices, strlen(choices)};
    for (int i = 0; rest.at; i++)
        if (vg_span_is(vg_span_field(&rest, '|'), word)) return i;
    return -1;
}

static void choice_name(const char *choices, int index, char *out, size_t room) {
    vg_span rest = {choices, strlen(choices)}, field = {0};
    for (int i = 0; i <= index && rest.at; i++) field = vg_span_field(&rest, '|');
    vg_span_copy(out, room, field);
}

const char *vg_config_text(const vg_session_config *config, const vg_config_key *key, char out[VG_PATH_MAX]) {
    const void *at = (const char *)config + key->offset;
    switch (key->type) {
    case VG_KEY_TEXT:
        snprintf(out, VG_PATH_MAX, "%s", (const char *)at);
        break;
    case VG_KEY_CHOICE:
        choice_name(key->choices, *(const int32_t *)at, out, VG_PATH_MAX);
        break;
    case VG_KEY_BOOL:
        snprintf(out, VG_PATH_MAX, "%s", *(const bool *)at ? "true" : "false");
        break;
    case VG_KEY_INT32:
        snprintf(out, VG_PATH_MAX, "%d", *(const int32_t *)at);
        break;
    case VG_KEY_INT64:
        snprintf(out, VG_PATH_MAX, "%lld", (long long)*(const int64_t *)at);
        break;
    case VG_KEY_UINT64:
        snprintf(out, VG_PATH_MAX, "%llu", (unsigned long long)*(const uint64_t *)at);
        break;
    case VG_KEY_DOUBLE:
        vg_number_text(out, *(const double *)at);
        break;
    }
    return out;
}

static vg_status bad_value(const vg_config_key *key, const char *value, const char *what, vg_error *err) {
    return vg_fail(err, VG_INVALID, "%s.%s is `%.80s`; it must be %s", key->section, key->name, value, what);
}

static vg_status set_choice(const vg_config_key *key, void *at, const char *value, vg_error *err) {
    const int index = choice_index(key->choices, value);
    if (index >= 0) {
        if (key->type == VG_KEY_BOOL)
            *(bool *)at = index == 1;
        else
            *(int32_t *)at = index;
        return VG_OK;
    }
    char names[8][32];
    const char *list[8];
    vg_span rest = {key->choices, strlen(key->choices)};
    size_t count = 0;
    char what[256] = "one of ";
    while (rest.at && count < 8) {
        vg_span_copy(names[count], sizeof names[0], vg_span_field(&rest, '|'));
        strncat(what, count ? ", " : "", sizeof what - strlen(what) - 1);
        strncat(what, names[count], sizeof what - strlen(what) - 1);
        list[count] = names[count];
        count++;
    }
    const char *near = vg_nearest(value, list, count);
    if (near) {
        strncat(what, "; did you mean ", sizeof what - strlen(what) - 1);
        strncat(what, near, sizeof what - strlen(what) - 1);
        strncat(what, "?", sizeof what - strlen(what) - 1);
    }
    return bad_value(key, value, what, err);
}

static vg_status set_number(const vg_config_key *key, void *at, const char *value, vg_error *err) {
    char low[VG_NUMBER_SIZE], high[VG_NUMBER_SIZE], what[128];
    const bool whole = key->type != VG_KEY_DOUBLE;
    snprintf(what, sizeof what, "a %s from %s to %s", whole ? "whole number" : "number", vg_number_text(low, key->low),
             vg_number_text(high, key->high));
    double real;
    if (!vg_span_double((vg_span){value, strlen(value)}, &real) || !(real >= key->low && real <= key->high))
        return bad_value(key, value, what, err);
    if (!whole) {
        *(double *)at = real;
        return VG_OK;
    }
    if (real != floor(real)) return bad_value(key, value, what, err);
    /* plain digits keep all 64 bits; "1e6" goes through the double, exact below 2^53 */
    const bool digits = value[strspn(value, "0123456789")] == '\0';
    if (!digits && fabs(real) > 9007199254740992.0) return bad_value(key, value, what, err);
    if (key->type == VG_KEY_UINT64)
        *(uint64_t *)at = digits ? strtoull(value, NULL, 10) : (uint64_t)real;
    else if (key->type == VG_KEY_INT64)
        *(int64_t *)at = digits ? strtoll(value, NULL, 10) : (int64_t)real;
    else
        *(int32_t *)at = (int32_t)real;
    return VG_OK;
}

static vg_status set_text(const vg_config_key *key, void *at, const char *value, vg_error *err) {
    if (strlen(value) >= key->size)
        return vg_fail(err, VG_INVALID, "%s.%s is longer than %zu bytes", key->section, key->name, key->size - 1);
    for (const char *c = value; *c; c++)
        if (iscntrl((unsigned char)*c)) return bad_value(key, value, "text without control characters", err);
    memset(at, 0, key->size);
    memcpy(at, value, strlen(value));
    return VG_OK;
}

vg_status vg_session_config_set(vg_session_config *config, const char *name, const char *value, vg_error *err) {
    char full[sizeof keys / sizeof keys[0]][48];
    const char *list[sizeof keys / sizeof keys[0]];
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const vg_config_key *key = &keys[i];
        snprintf(full[i], sizeof full[i], "%s.%s", key->section, key->name);
        list[i] = full[i];
        if (strcmp(full[i], name) != 0) continue;
        void *at = (char *)config + key->offset;
        switch (key->type) {
        case VG_KEY_TEXT:
            return set_text(key, at, value, err);
        case VG_KEY_CHOICE:
        case VG_KEY_BOOL:
            VG_TRY(set_choice(key, at, value, err));
            break;
        default:
            return set_number(key, at, value, err);
        }
        config->train.ctcr = config->mode & 1;
        config->train.wdl = (config->mode & 2) != 0;
        config->train.preset = config->world.preset;
        return VG_OK;
    }
    const char *near = vg_nearest(name, list, sizeof keys / sizeof keys[0]);
    if (near) return vg_fail(err, VG_INVALID, "key `%.80s` is unknown; did you mean `%s`?", name, near);
    return vg_fail(err, VG_INVALID, "key `%.80s` is unknown; docs/config.md lists all keys", name);
}

/* ---- how the keys fit together ---- */

static vg_status check_name(const char *name, vg_error *err) {
    const size_t good = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    if (!name[0] || name[good] || name[0] == '.' || name[0] == '-')
        return vg_fail(
            err, VG_INVALID,
            "session.name is `%s`; it must be letters, digits, `.`, `_` and `-`, beginning with neither `.` nor `-`",
            name);
    return VG_OK;
}

static const char *const kinds[] = {"embedded", "remote", "unrealcv", "live", "replay"}; /* by vg_session_world */

static vg_status check_endpoint(const char *key, const char *endpoint, vg_error *err) {
    if (strncmp(endpoint, "tcp://", 6) == 0 && endpoint[6]) return VG_OK;
    if (strncmp(endpoint, "ipc://", 6) == 0 && endpoint[6]) return VG_OK;
    return vg_fail(err, VG_INVALID, "%s is `%s`; it must be tcp://HOST:PORT or ipc:///PATH", key, endpoint);
}

/* What live worlds and motion capture need. */
static vg_status check_mocap(const vg_session_config *c, vg_error *err) {
    const bool paced = c->world.kind == VG_SESSION_STREAMS || c->world.kind == VG_SESSION_REPLAY;
    if (c->session.kind == VG_SESSION_MOCAP && !paced)
        return vg_fail(err, VG_INVALID, "session.kind is mocap; world.kind must be live or replay for it");
    if (c->session.kind == VG_SESSION_TRAIN && paced)
        return vg_fail(err, VG_INVALID,
                       "session.kind is train; it needs a world that can be reset: world.kind embedded, "
                       "remote or unrealcv");
    if (c->world.kind == VG_SESSION_STREAMS && !c->world.calibration[0])
        return vg_fail(err, VG_INVALID, "world.calibration is empty; a live world needs its cameras' calibration file");
    if (c->world.kind == VG_SESSION_STREAMS && !c->world.endpoint[0])
        return vg_fail(err, VG_INVALID,
                       "world.endpoint is empty; a live world needs to know where keypoints are published");
    if (c->world.kind == VG_SESSION_REPLAY && !c->world.recording[0])
        return vg_fail(err, VG_INVALID, "world.recording is empty; a replay needs a recording, a .mcap file");
    if (c->mocap.publish[0]) VG_TRY(check_endpoint("mocap.publish", c->mocap.publish, err));
    return VG_OK;
}

vg_status vg_session_config_check(vg_session_config *c, vg_error *err) {
    VG_TRY(check_name(c->session.name, err));
    if (!c->session.folder[0]) snprintf(c->session.folder, sizeof c->session.folder, "runs/%s", c->session.name);
    c->train.preset = c->world.preset;
    c->train.ctcr = c->mode & 1;
    c->train.wdl = (c->mode & 2) != 0;
    if (c->world.kind == VG_SESSION_REMOTE) VG_TRY(check_endpoint("world.endpoint", c->world.endpoint, err));
    VG_TRY(check_mocap(c, err));
    char host[256], port[8];
    if (c->web.listen[0]) VG_TRY(vg_web_place(c->web.listen, host, port, err));
    if (c->control.endpoint[0]) VG_TRY(check_endpoint("control.endpoint", c->control.endpoint, err));
    if (c->session.kind != VG_SESSION_TRAIN) {
        if (c->world.envs > 1)
            return vg_fail(err, VG_INVALID, "world.envs is %d; a live session has one environment", c->world.envs);
        c->world.envs = 1;
    }
    if (c->world.envs == 0) c->world.envs = c->world.kind == VG_SESSION_UNREALCV ? 1 : vg_train_envs(c->world.preset);
    if (c->session.kind == VG_SESSION_MOCAP) return VG_OK; /* nobody learns */
    VG_TRY(vg_train_config_check(&c->train, err));
    if (c->train.people_max > c->world.people)
        return vg_fail(err, VG_INVALID, "train.people_max is %d; it must be at most world.people, which is %d",
                       c->train.people_max, c->world.people);
    return VG_OK;
}

vg_world_config vg_session_config_world(const vg_session_config *c, const vg_log *log) {
    return (vg_world_config){.kind = kinds[c->world.kind],
                             .scene = c->world.scene,
                             .motion = c->world.motion[0] ? c->world.motion : NULL,
                             .cameras = c->world.cameras,
                             .people = c->world.people,
                             .envs = c->world.envs,
                             .preset = c->world.preset,
                             .miss_rate = c->world.miss_rate,
                             .swap_rate = c->world.swap_rate,
                             .endpoint = c->world.endpoint[0] ? c->world.endpoint : NULL,
                             .timeout_seconds = c->world.timeout_seconds,
                             .reconnect_seconds = c->world.reconnect_seconds,
                             .save_images = c->world.save_images,
                             .images = c->world.images,
                             .shared_memory = c->world.shared_memory,
                             .keypoints = c->world.keypoints,
                             .game = {.pace = c->game.pace,
                                      .cameras = c->game.cameras,
                                      .people = c->game.people,
                                      .width = c->game.width,
                                      .height = c->game.height,
                                      .fov = c->game.fov},
                             .calibration = c->world.calibration,
                             .joint_set = c->world.joint_set,
                             .rate_hz = c->world.rate_hz,
                             .window_seconds = c->world.window_seconds,
                             .patience_seconds = c->world.patience_seconds,
                             .silent_seconds = c->world.silent_seconds,
                             .refine_seconds = c->world.refine_seconds,
                             .recording = c->world.recording,
                             .speed = c->world.speed,
                             .log = log};
}

/* ---- the nearest word ---- */

/* Edits (insert, delete, replace, swap of neighbours) between two words: the restricted Damerau-Levenshtein distance.
 */
static size_t edit_distance(const char *a, const char *b) {
    enum { LONGEST = 80 };
    const size_t n = strnlen(a, LONGEST), m = strnlen(b, LONGEST);
    size_t row[3][LONGEST + 1];
    size_t *before = row[0], *above = row[1], *here = row[2];
    for (size_t j = 0; j <= m; j++) before[j] = 0, above[j] = j;
    for (size_t i = 1; i <= n; i++) {
        here[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);
            if (above[j] + 1 < best) best = above[j] + 1;
            if (here[j - 1] + 1 < best) best = here[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            here[j] = best;
        }
        size_t *free_row = before;
        before = above, above = here, here = free_row;
    }
    return above[m];
}

const char *vg_nearest(const char *word, const char *const *list, size_t count) {
    const char *nearest = NULL;
    size_t best = strlen(word) / 2 + 2; /* beyond that it would be a guess */
    for (size_t i = 0; i < count; i++) {
        const size_t d = edit_distance(word, list[i]);
        if (d < best) best = d, nearest = list[i];
    }
    return nearest;
}
