/* BVH, the Biovision hierarchy: a tree of joints with offsets and, per frame, one value a channel. A joint's local
 * rotation is the product of its rotation channels in listed order ("Zrotation Yrotation Xrotation" is Rz Ry Rx), and
 *     R_joint = R_parent R_local,   p_joint = p_parent + R_parent (OFFSET, with position channels in place).
 * Format: M. Meredith and S. Maddock, "Motion capture file formats explained", University of Sheffield CS-01-11. */
#include "perception/motion.h"

#include "common/text.h"
#include "common/transform.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_DEPTH  512
#define MAX_FRAMES 100000000

static const char *const channel_names[6] = {"Xposition", "Yposition", "Zposition",
                                             "Xrotation", "Yrotation", "Zrotation"};

typedef struct reader {
    const char *name; /* of the file, for errors */
    vg_lines lines;
    vg_span rest; /* of the current line */
    vg_bvh *bvh;
    int32_t room; /* joints allocated */
    vg_error *err;
} reader;

/* --- words ------------------------------------------------------------------------------------------------------- */

/* The next word, moving over line ends; empty at the end of the file. */
static vg_span next_word(reader *r) {
    for (;;) {
        const vg_span word = vg_span_word(&r->rest);
        if (word.size || !vg_lines_next(&r->lines, &r->rest)) return word;
    }
}

static vg_status fail_at(reader *r, const char *expected, vg_span got) {
    if (!got.size)
        return vg_fail(r->err, VG_CORRUPT, "%s: line %d: the file ends where %s should be; it was cut short", r->name,
                       r->lines.number, expected);
    return vg_fail(r->err, VG_CORRUPT, "%s: line %d: `%.*s` where %s should be; not a BVH file, or damaged", r->name,
                   r->lines.number, (int)(got.size < 60 ? got.size : 60), got.at, expected);
}

static vg_status expect(reader *r, const char *word) {
    const vg_span got = next_word(r);
    if (got.size != strlen(word) || strncasecmp(got.at, word, got.size) != 0) {
        char quoted[64];
        snprintf(quoted, sizeof quoted, "`%s`", word);
        return fail_at(r, quoted, got);
    }
    return VG_OK;
}

/* "Frames:", "Frames :" or "Frames:12", the number left to be read. */
static vg_status expect_label(reader *r, const char *label) {
    const vg_span got = next_word(r);
    const size_t n = strlen(label);
    if (got.size < n || strncasecmp(got.at, label, n) != 0) return fail_at(r, label, got);
    r->rest = (vg_span){got.at + n, (size_t)(r->rest.at + r->rest.size - (got.at + n))};
    while (r->rest.size && (r->rest.at[0] == ' ' || r->rest.at[0] == '\t')) r->rest.at++, r->rest.size--;
    if (r->rest.size && r->rest.at[0] == ':') r->rest.at++, r->rest.size--;
    return VG_OK;
}

static vg_status read_number(reader *r, const char *what, double *out) {
    const vg_span got = next_word(r);
    if (!got.size || !vg_span_double(got, out) || !isfinite(*out)) return fail_at(r, what, got);
    return VG_OK;
}

/* --- hierarchy --------------------------------------------------------------------------------------------------- */

static vg_status add_joint(reader *r, vg_span name, int32_t parent, vg_bvh_joint **out) {
    vg_bvh *b = r->bvh;
    if (b->joints == VG_BVH_MAX_JOINTS)
        return vg_fail(r->err, VG_INVALID, "%s: line %d: more than %d joints", r->name, r->lines.number,
                       VG_BVH_MAX_JOINTS);
    if (name.size >= VG_MOTION_NAME)
        return vg_fail(r->err, VG_INVALID, "%s: line %d: a joint's name of %zu bytes; at most %d", r->name,
                       r->lines.number, name.size, VG_MOTION_NAME - 1);
    if (b->joints == r->room) {
        const int32_t room = r->room ? 2 * r->room : 64;
        vg_bvh_joint *grown = realloc(b->joint, sizeof *grown * (size_t)room);
        if (!grown) return vg_fail(r->err, VG_NO_MEMORY, "%s: no memory for %d joints", r->name, room);
        b->joint = grown;
        r->room = room;
    }
    vg_bvh_joint *joint = &b->joint[b->joints++];
    *joint = (vg_bvh_joint){.parent = parent, .first_channel = b->channels};
    vg_span_copy(joint->name, sizeof joint->name, name);
    *out = joint;
    return VG_OK;
}

static vg_status read_offset(reader *r, vg_bvh_joint *joint) {
    for (int i = 0; i < 3; i++) VG_TRY(read_number(r, "a coordinate of OFFSET", &joint->offset[i]));
    return VG_OK;
}

static vg_status read_channels(reader *r, vg_bvh_joint *joint) {
    const vg_span count = next_word(r);
    long n = 0;
    if (!count.size || !vg_span_int(count, &n) || n < 0 || n > VG_BVH_MAX_CHANNELS)
        return fail_at(r, "the number of CHANNELS (0 .. 6)", count);
    if (joint->channels)
        return vg_fail(r->err, VG_CORRUPT, "%s: line %d: `%s` has CHANNELS twice", r->name, r->lines.number,
                       joint->name);
    for (long i = 0; i < n; i++) {
        const vg_span word = next_word(r);
        int kind = 0;
        while (kind < 6 &&
               (word.size != strlen(channel_names[kind]) || strncasecmp(word.at, channel_names[kind], word.size) != 0))
            kind++;
        if (kind == 6) return fail_at(r, "a channel (Xposition .. Zrotation)", word);
        joint->channel[i] = kind;
    }
    joint->channels = (int32_t)n;
    joint->first_channel = r->bvh->channels;
    r->bvh->channels += (int32_t)n;
    return VG_OK;
}

/* "End Site { OFFSET x y z }", the word End already read. */
static vg_status read_end_site(reader *r, int32_t parent) {
    VG_TRY(expect(r, "Site"));
    r->rest = (vg_span){0}; /* some writers put a name here */
    char name[VG_MOTION_NAME + 8];
    const int n = snprintf(name, sizeof name, "%s_End", r->bvh->joint[parent].name);
    vg_bvh_joint *end;
    VG_TRY(add_joint(r, (vg_span){name, (size_t)(n < VG_MOTION_NAME ? n : VG_MOTION_NAME - 1)}, parent, &end));
    end->is_end = 1;
    VG_TRY(expect(r, "{"));
    VG_TRY(expect(r, "OFFSET"));
    VG_TRY(read_offset(r, end));
    return expect(r, "}");
}

/* The tree, without recursion: `open` is the stack of joints whose `}` is still to come. */
static vg_status read_hierarchy(reader *r) {
    int32_t open[MAX_DEPTH];
    int depth = 0;
    VG_TRY(expect(r, "HIERARCHY"));
    for (;;) {
        const vg_span word = next_word(r);
        const int32_t parent = depth ? open[depth - 1] : -1;
        if (vg_span_is(word, "ROOT") || vg_span_is(word, "JOINT")) {
            if ((word.at[0] == 'R') != (depth == 0)) return fail_at(r, depth ? "`JOINT`" : "`ROOT`", word);
            if (depth == MAX_DEPTH)
                return vg_fail(r->err, VG_INVALID, "%s: line %d: joints nest deeper than %d", r->name, r->lines.number,
                               MAX_DEPTH);
            vg_span name = vg_span_trim(r->rest); /* names may hold blanks */
            r->rest = (vg_span){0};
            const bool brace = name.size && name.at[name.size - 1] == '{';
            if (brace) name.size--;
            vg_bvh_joint *joint;
            VG_TRY(add_joint(r, vg_span_trim(name), parent, &joint));
            if (!brace) VG_TRY(expect(r, "{"));
            open[depth++] = r->bvh->joints - 1;
        } else if (depth && vg_span_is(word, "OFFSET")) {
            VG_TRY(read_offset(r, &r->bvh->joint[parent]));
        } else if (depth && vg_span_is(word, "CHANNELS")) {
            VG_TRY(read_channels(r, &r->bvh->joint[parent]));
        } else if (depth && vg_span_is(word, "End")) {
            VG_TRY(read_end_site(r, parent));
        } else if (depth && vg_span_is(word, "}")) {
            depth--;
        } else if (!depth && r->bvh->joints && vg_span_is(word, "MOTION")) {
            return VG_OK;
        } else {
            return fail_at(r, depth ? "OFFSET, CHANNELS, JOINT, End Site or `}`" : "`ROOT` or `MOTION`", word);
        }
    }
}

/* --- motion ------------------------------------------------------------------------------------------------------ */

static vg_status read_motion(reader *r) {
    vg_bvh *b = r->bvh;
    VG_TRY(expect_label(r, "Frames"));
    const vg_span count = next_word(r);
    long frames = 0;
    if (!count.size || !vg_span_int(count, &frames) || frames < 0 || frames > MAX_FRAMES)
        return fail_at(r, "the number of Frames", count);
    VG_TRY(expect(r, "Frame"));
    VG_TRY(expect_label(r, "Time"));
    VG_TRY(read_number(r, "the Frame Time in seconds", &b->frame_seconds));
    if (!(b->frame_seconds > 0))
        return vg_fail(r->err, VG_INVALID, "%s: line %d: Frame Time: %g; give the seconds between frames, above 0",
                       r->name, r->lines.number, b->frame_seconds);
    /* every value takes a digit and a blank: a file that is too short for what it promises is not given memory for it
     */
    const size_t values = (size_t)frames * (size_t)b->channels;
    const size_t left = (size_t)(r->lines.end - r->lines.at) + r->rest.size;
    if (values > left / 2 + 1)
        return vg_fail(r->err, VG_CORRUPT,
                       "%s: Frames: %ld of %d channels are %zu values, but only %zu bytes follow; the file was cut "
                       "short, or Frames is wrong",
                       r->name, frames, b->channels, values, left);
    b->values = malloc(sizeof *b->values * (values ? values : 1));
    if (!b->values) return vg_fail(r->err, VG_NO_MEMORY, "%s: no memory for %zu values", r->name, values);
    for (size_t i = 0; i < values; i++) {
        const vg_span word = next_word(r);
        if (!word.size)
            return vg_fail(r->err, VG_CORRUPT,
                           "%s: Frames: %ld, but the file ends in frame %zu at value %zu of %d; it was cut short",
                           r->name, frames, i / (size_t)b->channels + 1, i % (size_t)b->channels + 1, b->channels);
        if (!vg_span_double(word, &b->values[i]) || !isfinite(b->values[i])) return fail_at(r, "a number", word);
    }
    const vg_span more = next_word(r);
    if (more.size)
        return vg_fail(r->err, VG_CORRUPT,
                       "%s: line %d: `%.*s` follows after the %ld frames that Frames promises; correct Frames, or the "
                       "number of CHANNELS (%d in all)",
                       r->name, r->lines.number, (int)(more.size < 60 ? more.size : 60), more.at, frames, b->channels);
    b->frames = (int32_t)frames;
    return VG_OK;
}

vg_status vg_bvh_parse(const char *name, const char *text, size_t size, vg_bvh *out, vg_error *err) {
    *out = (vg_bvh){0};
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) text += 3, size -= 3; /* byte order mark */
    reader r = {.name = name, .lines = vg_lines_of(text, size), .bvh = out, .err = err};
    vg_status status = read_hierarchy(&r);
    if (status == VG_OK) status = read_motion(&r);
    if (status != VG_OK) vg_bvh_free(out);
    return status;
}

vg_status vg_bvh_read(const char *path, vg_bvh *out, vg_error *err) {
    *out = (vg_bvh){0};
    char *text;
    size_t size;
    VG_TRY(vg_text_load(&text, &size, path, err));
    const vg_status status = vg_bvh_parse(path, text, size, out, err);
    free(text);
    return status;
}

void vg_bvh_free(vg_bvh *bvh) {
    free(bvh->joint);
    free(bvh->values);
    *bvh = (vg_bvh){0};
}

int32_t vg_bvh_find(const vg_bvh *bvh, const char *name) {
    for (int32_t j = 0; j < bvh->joints; j++)
        if (strcmp(bvh->joint[j].name, name) == 0) return j;
    return -1;
}

/* --- writing ----------------------------------------------------------------------------------------------------- */

static void indent(FILE *f, int depth) {
    for (int i = 0; i < depth; i++) fputc('\t', f);
}

static void write_joint(FILE *f, const vg_bvh_joint *joint, int depth) {
    char n[3][VG_NUMBER_SIZE];
    indent(f, depth);
    if (joint->is_end)
        fprintf(f, "End Site\n");
    else
        fprintf(f, "%s %s\n", joint->parent < 0 ? "ROOT" : "JOINT", joint->name);
    indent(f, depth);
    fprintf(f, "{\n");
    indent(f, depth + 1);
    fprintf(f, "OFFSET %s %s %s\n", vg_number_text(n[0], joint->offset[0]), vg_number_text(n[1], joint->offset[1]),
            vg_number_text(n[2], joint->offset[2]));
    if (joint->is_end) return;
    indent(f, depth + 1);
    fprintf(f, "CHANNELS %d", joint->channels);
    for (int i = 0; i < joint->channels; i++) fprintf(f, " %s", channel_names[joint->channel[i]]);
    fputc('\n', f);
}

vg_status vg_bvh_write(const char *path, const vg_bvh *bvh, vg_error *err) {
    vg_file file;
    VG_TRY(vg_file_create(&file, path, err));
    FILE *f = file.stream;
    fprintf(f, "HIERARCHY\n");
    int32_t open[MAX_DEPTH + 1];
    int depth = 0;
    for (int32_t j = 0; j <= bvh->joints; j++) {
        /* close what is not an ancestor of the next joint; after the last, everything */
        while (depth && (j == bvh->joints || open[depth - 1] != bvh->joint[j].parent)) {
            indent(f, --depth);
            fprintf(f, "}\n");
        }
        if (j == bvh->joints) break;
        if (depth == MAX_DEPTH || (bvh->joint[j].parent >= 0) != (depth > 0)) {
            vg_file_abandon(&file);
            return vg_fail(err, VG_INVALID,
                           "%s: joint %d (`%s`) is not in depth-first order, or nests deeper than %d; list children "
                           "right after their parent",
                           path, j, bvh->joint[j].name, MAX_DEPTH);
        }
        write_joint(f, &bvh->joint[j], depth);
        open[depth++] = j;
    }
    char n[VG_NUMBER_SIZE];
    fprintf(f, "MOTION\nFrames: %d\nFrame Time: %s\n", bvh->frames, vg_number_text(n, bvh->frame_seconds));
    const double *value = bvh->values;
    for (int32_t i = 0; i < bvh->frames; i++)
        for (int32_t c = 0; c < bvh->channels; c++)
            fprintf(f, "%s%c", vg_number_text(n, *value++), c + 1 < bvh->channels ? ' ' : '\n');
    return vg_file_commit(&file, err);
}

/* --- forward kinematics ------------------------------------------------------------------------------------------ */

/* R <- R R_axis(angle), in place: only two columns change. */
static void turn(double R[9], int axis, double angle) {
    const double c = cos(angle), s = sin(angle);
    const int a = (axis + 1) % 3, b = (axis + 2) % 3;
    for (int row = 0; row < 3; row++) {
        const double x = R[3 * row + a], y = R[3 * row + b];
        R[3 * row + a] = x * c + y * s;
        R[3 * row + b] = y * c - x * s;
    }
}

void vg_bvh_pose(double (*positions)[3], double (*rotations)[9], const vg_bvh *bvh, int32_t frame) {
    VG_ASSERT(frame >= 0 && frame < bvh->frames && bvh->joints <= VG_BVH_MAX_JOINTS);
    static const double identity[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    const double *values = bvh->values + (size_t)frame * (size_t)bvh->channels;
    /* the path from the root to the current joint; an entry is overwritten once its subtree is done */
    struct {
        int32_t joint;
        double p[3], R[9];
    } path[MAX_DEPTH + 1];
    int depth = 0;
    for (int32_t j = 0; j < bvh->joints; j++) {
        const vg_bvh_joint *joint = &bvh->joint[j];
        while (depth && path[depth - 1].joint != joint->parent) depth--;
        VG_ASSERT(depth < MAX_DEPTH + 1 && (depth > 0) == (joint->parent >= 0));
        const double *parent_R = depth ? path[depth - 1].R : identity;
        double local[3], R[9], p[3];
        memcpy(local, joint->offset, sizeof local);
        memcpy(R, parent_R, sizeof R);
        for (int i = 0; i < joint->channels; i++) {
            const double value = values[joint->first_channel + i];
            const int axis = joint->channel[i] % 3;
            if (joint->channel[i] >= VG_BVH_X_ROTATION)
                turn(R, axis, value * (VG_PI / 180));
            else
                local[axis] = value + (bvh->offset_rule == VG_BVH_ADDED ? joint->offset[axis] : 0);
        }
        vg_mat3_mul_vec(p, parent_R, local);
        for (int i = 0; i < 3; i++) p[i] += depth ? path[depth - 1].p[i] : 0;
        path[depth].joint = j;
        memcpy(path[depth].p, p, sizeof p);
        memcpy(path[depth].R, R, sizeof R);
        depth++;
        if (positions) memcpy(positions[j], p, sizeof p);
        if (rotations) memcpy(rotations[j], R, sizeof R);
    }
}
