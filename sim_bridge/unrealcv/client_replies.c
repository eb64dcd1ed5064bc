/* Reading a game's replies: see client_replies.h. */
#include "sim_bridge/unrealcv/client_replies.h"

#include <math.h>
#include <string.h>

#define PICTURE_MAX 16384 /* px, width and height */
#define FAR_AWAY    1e7   /* cm: beyond any scene */

/* --- numbers and lists ------------------------------------------------------------------------------------------------ */

bool ucv_read_numbers(double *out, int count, vg_span reply) {
    for (int i = 0; i < count; i++)
        if (!vg_span_double(vg_span_word(&reply), &out[i]) || !(fabs(out[i]) <= FAR_AWAY)) return false;
    return vg_span_trim(reply).size == 0;
}

bool ucv_read_colour(uint8_t rgb[3], vg_span reply) {
    static const char letter[] = "RGB";
    for (int k = 0; k < 3; k++) {
        const char *end = reply.at + reply.size, *p = reply.at;
        while (p + 1 < end && !(p[0] == letter[k] && p[1] == '=')) p++;
        if (p + 2 >= end) return false;
        int value = 0, digits = 0;
        for (p += 2; p < end && *p >= '0' && *p <= '9' && digits < 4; p++, digits++) value = value * 10 + (*p - '0');
        if (digits == 0 || value > 255) return false;
        rgb[k] = (uint8_t)value;
    }
    return true;
}

bool ucv_read_status(double *out, vg_span reply, const char *key, const char *other) {
    vg_lines lines = vg_lines_of(reply.at, reply.size);
    vg_span line;
    while (vg_lines_next(&lines, &line)) {
        const vg_span name = vg_span_trim(vg_span_field(&line, ':'));
        if (!line.at || !(vg_span_is(name, key) || (other && vg_span_is(name, other)))) continue;
        return vg_span_double(vg_span_trim(line), out) && isfinite(*out);
    }
    return false;
}

bool ucv_lists_command(vg_span reply, const char *command) {
    vg_lines lines = vg_lines_of(reply.at, reply.size);
    vg_span line;
    while (vg_lines_next(&lines, &line))
        if (vg_span_starts(vg_span_trim(line), command)) return true;
    return false;
}

/* --- bones: as much of JSON as the reply needs ------------------------------------------------------------------------- */

typedef struct json {
    const char *p, *end;
    bool ok;
} json;

static char peek(json *j) {
    while (j->p < j->end && (*j->p == ' ' || *j->p == '\n' || *j->p == '\r' || *j->p == '\t')) j->p++;
    return j->p < j->end ? *j->p : '\0';
}

static bool accept(json *j, char c) {
    if (peek(j) != c || j->p == j->end) return false;
    j->p++;
    return true;
}

static void expect(json *j, char c) {
    if (!accept(j, c)) j->ok = false, j->p = j->end;
}

static vg_span text_of(json *j) {
    expect(j, '"');
    const char *begin = j->p;
    while (j->p < j->end && *j->p != '"') j->p += *j->p == '\\' && j->end - j->p > 1 ? 2 : 1;
    const vg_span text = {begin, (size_t)(j->p - begin)};
    expect(j, '"');
    return text;
}

/* A plain decimal, fast: an exact integer of up to 18 digits over a power of ten. */
static bool plain_number(double *out, const char *p, const char *end) {
    static const double power[] = {1,    1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                   1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};
    const bool negative = p < end && *p == '-';
    int64_t whole = 0;
    int digits = 0, decimals = 0;
    bool point = false;
    for (p += negative; p < end; p++) {
        if (*p == '.' && !point) {
            point = true;
        } else if (*p >= '0' && *p <= '9' && digits < 18) {
            whole = whole * 10 + (*p - '0'), digits++, decimals += point;
        } else {
            return false;
        }
    }
    *out = (negative ? -1.0 : 1.0) * (double)whole / power[decimals];
    return digits > 0;
}

static double number_of(json *j) {
    peek(j);
    const char *begin = j->p;
    while (j->p < j->end && strchr("+-.0123456789eE", *j->p) && *j->p) j->p++;
    double value = 0;
    if (!plain_number(&value, begin, j->p) && !vg_span_double((vg_span){begin, (size_t)(j->p - begin)}, &value))
        j->ok = false, j->p = j->end;
    return value;
}

/* Any value, without recursion: brackets are counted. */
static void skip_value(json *j) {
    int depth = 0;
    do {
        const char c = peek(j);
        if (j->p == j->end) {
            j->ok = false;
            return;
        }
        if (c == '"') {
            text_of(j);
            continue;
        }
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        j->p++;
        if (depth == 0 && c != '}' && c != ']')
            while (j->p < j->end && !strchr(",]} \r\n\t", *j->p)) j->p++;
    } while (j->ok && depth > 0);
}

static void place_of(json *j, float out[3]) {
    unsigned seen = 0;
    expect(j, '{');
    while (j->ok && peek(j) != '}') {
        const vg_span key = text_of(j);
        expect(j, ':');
        const int k = key.size == 1 ? (*key.at | 0x20) - 'x' : -1;
        if (k >= 0 && k < 3) {
            out[k] = (float)number_of(j);
            seen |= 1u << k;
            if (!(fabsf(out[k]) <= (float)FAR_AWAY)) j->ok = false;
        } else {
            skip_value(j);
        }
        if (!accept(j, ',')) break;
    }
    expect(j, '}');
    if (seen != 7) j->ok = false;
}

static void bone_of(json *j, ucv_bones_read *out) {
    bool placed = false;
    vg_span name = {"", 0};
    expect(j, '{');
    while (j->ok && peek(j) != '}') {
        const vg_span key = text_of(j);
        expect(j, ':');
        if (vg_span_is(key, "KpWorld")) {
            place_of(j, out->at[out->count]);
            placed = true;
        } else if (vg_span_is(key, "Name")) {
            name = text_of(j);
        } else {
            skip_value(j);
        }
        if (!accept(j, ',')) break;
    }
    expect(j, '}');
    if (!placed) j->ok = false;
    out->name[out->count++] = name;
}

bool ucv_read_bones(ucv_bones_read *out, vg_span reply) {
    json j = {reply.at, reply.at + reply.size, true};
    out->count = 0;
    expect(&j, '[');
    if (j.ok && peek(&j) != ']') do {
            if (out->count == UCV_BONES_MAX) return false;
            bone_of(&j, out);
        } while (j.ok && accept(&j, ','));
    expect(&j, ']');
    return j.ok && peek(&j) == '\0' && j.p == j.end;
}

/* --- rigs ---------------------------------------------------------------------------------------------------------------- */

static int32_t bone_named(const ucv_bones_read *bones, const char *name) {
    for (int32_t b = 0; b < bones->count; b++) {
        const vg_span n = bones->name[b];
        if (n.size == strlen(name) && strncasecmp(n.at, name, n.size) == 0) return b;
    }
    return -1;
}

/* The bone of a joint in Unreal's mannequins; heads without eyes stand in for them. */
static int32_t joint_by_name(const ucv_bones_read *bones, int joint) {
    const int32_t bone = bone_named(bones, ucv_joint_bones[joint]);
    return bone < 0 && joint >= VG_L_EYE ? bone_named(bones, "head") : bone;
}

static float length(const float a[3], const float b[3]) {
    const float x = a[0] - b[0], y = a[1] - b[1], z = a[2] - b[2];
    return sqrtf(x * x + y * y + z * z);
}

/* How far a body is from one that stands: left and right limbs should be of a length, heads above hips above feet. */
static float strangeness(const float j[VG_JOINTS14][3]) {
    static const int limbs[4][2] = {
        {VG_L_SHOULDER, VG_L_ELBOW}, {VG_L_ELBOW, VG_L_WRIST}, {VG_L_HIP, VG_L_KNEE}, {VG_L_KNEE, VG_L_ANKLE}};
    float sum = 0;
    for (int i = 0; i < 4; i++) {
        const float left = length(j[limbs[i][0]], j[limbs[i][1]]),
                    right = length(j[limbs[i][0] + 1], j[limbs[i][1] + 1]);
        sum += left + right > 0 ? fabsf(left - right) / (left + right) : 1;
    }
    const float eyes = j[VG_L_EYE][2] + j[VG_R_EYE][2], hips = j[VG_L_HIP][2] + j[VG_R_HIP][2];
    const float shoulders = j[VG_L_SHOULDER][2] + j[VG_R_SHOULDER][2], feet = j[VG_L_ANKLE][2] + j[VG_R_ANKLE][2];
    return sum + (float)(eyes <= shoulders) + (float)(shoulders <= hips) + (float)(hips <= feet);
}

bool ucv_read_joints(float out[VG_JOINTS14][3], const ucv_bones_read *bones, int32_t rig) {
    if (rig < 0) return false;
    for (int joint = 0; joint < VG_JOINTS14; joint++) {
        const int32_t bone = rig == UCV_RIG_BY_NAME ? joint_by_name(bones, joint) : ucv_rigs[rig].joint[joint];
        if (bone < 0 || bone >= bones->count) return false;
        const float *at = bones->at[bone];
        out[joint][0] = at[0] / 100, out[joint][1] = -at[1] / 100, out[joint][2] = at[2] / 100;
    }
    return true;
}

int32_t ucv_find_rig(const ucv_bones_read *bones) {
    int32_t best = -1;
    float least = INFINITY;
    for (int32_t rig = 0; rig <= UCV_RIG_BY_NAME; rig++) {
        float joints[VG_JOINTS14][3];
        const bool fits = rig == UCV_RIG_BY_NAME ||
                          (bones->count >= ucv_rigs[rig].bones_low && bones->count <= ucv_rigs[rig].bones_high);
        if (!fits || !ucv_read_joints(joints, bones, rig)) continue;
        const float strange = strangeness(joints);
        if (strange < least - 1e-4f) least = strange, best = rig;
    }
    return best;
}

/* --- pictures ---------------------------------------------------------------------------------------------------------- */

static uint32_t get_u32(const unsigned char *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* The tail of the reply as pixels of 4 bytes, where it is long enough. */
static bool take_tail(ucv_picture *out, vg_span reply, size_t head, int64_t width, int64_t height) {
    if (width < 1 || height < 1 || width > PICTURE_MAX || height > PICTURE_MAX) return false;
    const size_t bytes = (size_t)4 * (size_t)width * (size_t)height;
    if (reply.size < head || reply.size - head < bytes) return false;
    out->width = (int32_t)width, out->height = (int32_t)height;
    out->pixels = (const unsigned char *)reply.at + reply.size - bytes;
    return true;
}

bool ucv_read_bmp(ucv_picture *out, vg_span reply) {
    const unsigned char *p = (const unsigned char *)reply.at;
    if (reply.size < 54 || p[0] != 'B' || p[1] != 'M' || p[28] != 32 || p[29] != 0) return false;
    const int64_t width = (int32_t)get_u32(p + 18), height = (int32_t)get_u32(p + 22);
    out->bottom_up = height > 0;
    return take_tail(out, reply, 54, width, height < 0 ? -height : height);
}

/* The number behind `p`, which moves past it; -1 where there is none. */
static int64_t count_of(const char **p, const char *end) {
    int64_t value = -1;
    while (*p < end && **p == ' ') ++*p;
    for (; *p < end && **p >= '0' && **p <= '9' && value < 100000; ++*p)
        value = (value < 0 ? 0 : value * 10) + (**p - '0');
    return value;
}

bool ucv_read_npy(ucv_picture *out, vg_span reply) {
    const unsigned char *p = (const unsigned char *)reply.at;
    if (reply.size < 12 || memcmp(p, "\x93NUMPY", 6) != 0 || p[6] < 1 || p[6] > 3) return false;
    const size_t before = p[6] == 1 ? 10 : 12;
    const size_t size = p[6] == 1 ? (size_t)p[8] | (size_t)p[9] << 8 : get_u32(p + 8);
    if (size > reply.size - before || size > 4096) return false;
    char text[4097]; /* {'descr': '<f4', 'fortran_order': False, 'shape': (H, W), } */
    vg_span_copy(text, sizeof text, (vg_span){reply.at + before, size});
    const char *shape = strstr(text, "'shape':"), *end = text + strlen(text);
    if (!shape || !strstr(text, "'<f4'") || strstr(text, "True")) return false;
    const char *at = strchr(shape, '(');
    if (!at) return false;
    at++;
    const int64_t height = count_of(&at, end);
    if (at == end || *at++ != ',') return false;
    const int64_t width = count_of(&at, end);
    if (at < end && *at == ',') {
        at++;
        const int64_t channels = count_of(&at, end);
        if (channels != -1 && channels != 1) return false;
    }
    if (at == end || (*at != ')' && *at != ' ')) return false;
    out->bottom_up = false;
    return take_tail(out, reply, before + size, width, height);
}
