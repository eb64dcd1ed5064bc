/* What a game's replies mean: numbers, lists, colours, bones, pictures, in every spelling of the plug-in's versions. Each
 * reads untrusted bytes and says false where they are something else. */
#ifndef VG_SIM_BRIDGE_UNREALCV_CLIENT_REPLIES_H
#define VG_SIM_BRIDGE_UNREALCV_CLIENT_REPLIES_H

#include "common/frame.h"
#include "sim_bridge/unrealcv/rigs.h"
#include "sim_bridge/unrealcv/wire.h"

/* `count` finite numbers between blanks (a trailing one is allowed), and nothing else. */
bool ucv_read_numbers(double *out, int count, vg_span reply);
/* "(R=127,G=255,B=0,A=255)" */
bool ucv_read_colour(uint8_t rgb[3], vg_span reply);
/* "Key: value" in the text of /unrealcv/status, where `other` is another spelling of the key (or NULL). */
bool ucv_read_status(double *out, vg_span reply, const char *key, const char *other);
/* True where a list of commands or a help text holds `command`. */
bool ucv_lists_command(vg_span reply, const char *command);

/* The bones of a character: [{"Name": "...", "KpWorld": {"X": .., "Y": .., "Z": ..}}, ...], keys in any order, others
 * skipped. */
typedef struct ucv_bones_read {
    int32_t count;
    float at[UCV_BONES_MAX][3]; /* cm, as the game has it */
    vg_span name[UCV_BONES_MAX];
} ucv_bones_read;
bool ucv_read_bones(ucv_bones_read *out, vg_span reply);

/* Which bones are the 14 joints: by the table of rigs, else by their names (Unreal's mannequins); -1 where neither fits.
 * Two rigs may have equally many bones: that is taken in which the person stands upright and left resembles right. */
#define UCV_RIG_BY_NAME UCV_RIGS
int32_t ucv_find_rig(const ucv_bones_read *bones);
/* The joints by that rig, metres in our world. False where it does not fit. */
bool ucv_read_joints(float out[VG_JOINTS14][3], const ucv_bones_read *bones, int32_t rig);

/* A picture inside a reply; nothing is copied. */
typedef struct ucv_picture {
    int32_t width, height;
    const unsigned char *pixels; /* BMP: 4 bytes each, blue green red alpha; NPY: one little-endian float each */
    bool bottom_up;              /* the first row is the lowest */
} ucv_picture;
/* A BMP of 32 bits. The pixels are the last 4 W H bytes: games put a count before them. */
bool ucv_read_bmp(ucv_picture *out, vg_span reply);
/* An array of shape (H, W) or (H, W, 1) and type <f4; the header may have any length. */
bool ucv_read_npy(ucv_picture *out, vg_span reply);
static inline const unsigned char *ucv_picture_row(const ucv_picture *p, int32_t y) {
    return p->pixels + (size_t)4 * (size_t)p->width * (size_t)(p->bottom_up ? p->height - 1 - y : y);
}

#endif
