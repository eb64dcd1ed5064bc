/* A frame in one round: cameras placed, time let pass, cameras, bones and pictures asked for, all within one instant of the
 * game; then the frame from the replies. */
#include "sim_bridge/unrealcv/client_impl.h"
#include "sim_bridge/unrealcv/coords.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DRIFT 1e-3 /* m, rad: a camera this far from where it was sent was held up by something */

/* --- asking -------------------------------------------------------------------------------------------------------------- */

static void place_camera(ucv_env *e, int32_t i) {
    const sim_camera *camera = &e->state->camera[i];
    const double at[3] = {(double)camera->at[0], (double)camera->at[1], (double)camera->at[2]};
    double pose[6] = {0, 0, 0, (double)camera->pitch * 180 / VG_PI, ucv_yaw_of_heading((double)camera->yaw), 0};
    char text[UCV_LABEL + 32];
    ucv_from_world(pose, at);
    if (e->has_pose) {
        snprintf(text, sizeof text, "vset /camera/%s/pose", e->camera[i]);
        ucv_ask_numbers(&e->link, text, pose, 6);
        return;
    }
    snprintf(text, sizeof text, "vset /camera/%s/location", e->camera[i]);
    ucv_ask_numbers(&e->link, text, pose, 3);
    snprintf(text, sizeof text, "vset /camera/%s/rotation", e->camera[i]);
    ucv_ask_numbers(&e->link, text, pose + 3, 3);
}

static uint32_t wanted_pictures(const ucv_client *c) {
    static const uint32_t needed[] = {[VG_KEYPOINTS_MASKED] = 1u << VG_PICTURE_MASK,
                                      [VG_KEYPOINTS_DETECTOR] = 1u << VG_PICTURE_MASK | 1u << VG_PICTURE_LIT};
    return c->wish.save | needed[c->wish.keypoints];
}

void ucv_ask_frame(ucv_client *c, ucv_env *e, bool tick) {
    ucv_link *link = &e->link;
    const int32_t cameras = c->sim.dims.cameras, people = c->sim.dims.people;
    ucv_round_begin(link);
    static const char *const names[VG_PICTURE_KINDS] = {"lit bmp", "object_mask bmp", "depth npy"};
    const uint32_t pictures = wanted_pictures(c);
    const int32_t per_camera = e->has_pose ? 1 : 2;
    if (e->pace == VG_PACE_PAUSE) ucv_ask(link, "vset /action/game/pause");
    if (e->pace == VG_PACE_FREE && e->has_batch)
        ucv_ask(link, "vbatch %d", 2 * per_camera * cameras + people + __builtin_popcount(pictures) * cameras);
    e->place_at = link->count;
    for (int32_t i = 0; i < cameras; i++) place_camera(e, i);
    e->tick_at = -1;
    if (tick && e->pace == VG_PACE_TICK) e->tick_at = ucv_ask(link, "%s", e->tick);
    e->look_at = link->count;
    for (int32_t i = 0; i < cameras; i++) {
        if (e->has_pose) {
            ucv_ask(link, "vget /camera/%s/pose", e->camera[i]);
            continue;
        }
        ucv_ask(link, "vget /camera/%s/location", e->camera[i]);
        ucv_ask(link, "vget /camera/%s/rotation", e->camera[i]);
    }
    e->bones_at = link->count;
    for (int32_t p = 0; p < people; p++) ucv_ask(link, "vget /human/%s/3d_keypoint", e->person[p]);
    for (int kind = 0; kind < VG_PICTURE_KINDS; kind++) {
        e->picture_at[kind] = pictures & 1u << kind ? link->count : -1;
        for (int32_t i = 0; e->picture_at[kind] >= 0 && i < cameras; i++)
            ucv_ask(link, "vget /camera/%s/%s", e->camera[i], names[kind]);
    }
}

/* --- cameras ------------------------------------------------------------------------------------------------------------- */

/* Where the game says camera i is; that is also where it goes on from. */
static vg_status take_camera(vg_camera *view, ucv_env *e, int32_t i, vg_error *err) {
    double pose[6], at[3];
    const int32_t first = e->look_at + (e->has_pose ? i : 2 * i);
    bool good = e->has_pose ? ucv_read_numbers(pose, 6, ucv_reply(&e->link, first))
                            : ucv_read_numbers(pose, 3, ucv_reply(&e->link, first));
    if (!good)
        return ucv_reply_wrong(&e->link, first, "a camera's place was expected: is the camera still there?", err);
    if (!e->has_pose && !ucv_read_numbers(pose + 3, 3, ucv_reply(&e->link, first + 1)))
        return ucv_reply_wrong(&e->link, first + 1, "pitch, yaw and roll were expected", err);
    ucv_to_world(at, pose);
    sim_camera *camera = &e->state->camera[i];
    for (int k = 0; k < 3; k++)
        if (fabs(at[k] - (double)camera->at[k]) > DRIFT) camera->at[k] = (float)at[k], camera->velocity[k] = 0;
    const double yaw = vg_wrap_angle(ucv_heading_of_yaw(pose[4])), pitch = pose[3] * VG_PI / 180;
    if (fabs(vg_wrap_angle(yaw - (double)camera->yaw)) > DRIFT) camera->yaw = (float)yaw;
    if (fabs(pitch - (double)camera->pitch) > DRIFT) camera->pitch = (float)pitch;
    const double focal = e->width / (2 * tan(e->fov * VG_PI / 360));
    *view = (vg_camera){.width = e->width,
                        .height = e->height,
                        .lens = VG_LENS_BROWN_CONRADY,
                        .fx = focal,
                        .fy = focal,
                        .cx = (e->width - 1) / 2.0,
                        .cy = (e->height - 1) / 2.0};
    ucv_camera_rotation(view->R, pose + 3);
    vg_mat3_mul_vec(view->t, view->R, at);
    for (int k = 0; k < 3; k++) view->t[k] = -view->t[k];
    return VG_OK;
}

/* --- people -------------------------------------------------------------------------------------------------------------- */

/* The bodies that are there, densely: whose they are, and their pose. */
typedef struct bodies {
    int32_t count;
    int32_t person[VG_MAX_PEOPLE];
    sim_pose pose[VG_MAX_PEOPLE];
} bodies;

static void take_people(bodies *out, vg_frame *frame, ucv_env *e) {
    float *truth = vg_frame_truth(frame);
    out->count = 0;
    for (int32_t p = 0; p < frame->dims.people; p++) {
        float(*joints)[3] = (float(*)[3])(void *)(truth + (size_t)p * VG_JOINTS14 * 3);
        bool there = p < e->state->people && ucv_read_bones(&e->bones, ucv_reply(&e->link, e->bones_at + p));
        if (there && !ucv_read_joints(joints, &e->bones, e->rig[p])) {
            e->rig[p] = ucv_find_rig(&e->bones); /* first sight of this person, or another mesh since */
            there = ucv_read_joints(joints, &e->bones, e->rig[p]);
        }
        vg_frame_present(frame)[p] = there;
        if (!there) {
            memset(joints, 0, sizeof(float) * VG_JOINTS14 * 3);
            continue;
        }
        out->person[out->count] = p;
        sim_pose_of_joints(&out->pose[out->count++], (const float(*)[3])joints);
    }
}

/* --- keypoints ----------------------------------------------------------------------------------------------------------- */

static bool shows(const ucv_picture *mask, const uint8_t rgb[3], float u, float v) {
    const int32_t x = (int32_t)lrintf(u), y = (int32_t)lrintf(v);
    if (x < 0 || y < 0 || x >= mask->width || y >= mask->height) return false;
    const unsigned char *pixel = ucv_picture_row(mask, y) + 4 * (size_t)x;
    return pixel[2] == rgb[0] && pixel[1] == rgb[1] && pixel[0] == rgb[2];
}

/* Visible is what the mask shows in the person's colour. */
static void hide_by_mask(sim_sight *sight, const ucv_picture *mask, const uint8_t rgb[3]) {
    float seen = 0;
    for (int j = 0; j < VG_JOINTS14; j++) {
        sight->visible[j] = sight->in_image[j] > 0 && shows(mask, rgb, sight->u[j], sight->v[j]) ? 1.0f : 0.0f;
        seen += sight->visible[j];
    }
    sight->hidden = 1 - seen / VG_JOINTS14;
}

static void exact_keypoints(vg_keypoint *out, const sim_sight *sight) {
    for (int j = 0; j < VG_JOINTS14; j++)
        out[j] = sight->visible[j] > 0 ? (vg_keypoint){sight->u[j], sight->v[j], 1} : (vg_keypoint){0, 0, 0};
}

static vg_status look(const ucv_client *c, const ucv_env *e, vg_frame *frame, const bodies *b, int32_t camera,
                      vg_error *err) {
    sim_sight sights[VG_MAX_PEOPLE];
    ucv_picture mask = {0};
    const int32_t people = frame->dims.people, mask_at = e->picture_at[VG_PICTURE_MASK] + camera;
    if (c->wish.keypoints == VG_KEYPOINTS_MASKED && !ucv_read_bmp(&mask, ucv_reply(&e->link, mask_at)))
        return ucv_reply_wrong(&e->link, mask_at, "a BMP of 32 bits was expected", err);
    const vg_camera *view = &vg_frame_cameras(frame)[camera];
    vg_keypoint *keypoints = vg_frame_keypoints(frame) + (size_t)camera * (size_t)people * VG_JOINTS14;
    memset(keypoints, 0, sizeof *keypoints * (size_t)people * VG_JOINTS14);
    for (int32_t p = 0; p < people; p++) sights[p].size = 0;
    for (int32_t i = 0; i < b->count; i++) {
        const int32_t p = b->person[i];
        if (!sim_sight_of(&sights[p], &c->sim.scene, view, e->state->camera[camera].at, b->pose, b->count, i)) continue;
        if (mask.pixels) hide_by_mask(&sights[p], &mask, e->colour[p]);
        if (c->wish.keypoints == VG_KEYPOINTS_EXACT)
            exact_keypoints(keypoints + p * VG_JOINTS14, &sights[p]);
        else
            sim_detect(keypoints + p * VG_JOINTS14, &sights[p], view, &c->sim, e->state, camera, p);
    }
    if (c->sim.swap_rate > 0) sim_swap(keypoints, &c->sim, e->state, sights, camera);
    return VG_OK;
}

/* --- pictures ------------------------------------------------------------------------------------------------------------ */

/* A picture as files have them: from the top, opaque; depth in metres. */
static void repaint(unsigned char *out, const ucv_picture *p, int kind) {
    for (int32_t y = 0; y < p->height; y++) {
        const unsigned char *from = ucv_picture_row(p, y);
        for (int32_t x = 0; x < p->width; x++, from += 4, out += 4) {
            memcpy(out, from, 4);
            if (kind != VG_PICTURE_DEPTH) {
                out[3] = 255;
                continue;
            }
            float depth;
            memcpy(&depth, from, sizeof depth);
            depth /= 100;
            memcpy(out, &depth, sizeof depth);
        }
    }
}

static vg_status keep_picture(const ucv_client *c, ucv_env *e, const vg_frame *frame, int kind, int32_t camera,
                              vg_error *err) {
    const int32_t at = e->picture_at[kind] + camera;
    ucv_picture p;
    const bool good = kind == VG_PICTURE_DEPTH ? ucv_read_npy(&p, ucv_reply(&e->link, at))
                                               : ucv_read_bmp(&p, ucv_reply(&e->link, at));
    if (!good) return ucv_reply_wrong(&e->link, at, "a picture was expected: correct world.images", err);
    const size_t size = (size_t)4 * (size_t)p.width * (size_t)p.height;
    if (size > e->canvas_size) {
        unsigned char *canvas = realloc(e->canvas, size);
        if (!canvas) return vg_fail(err, VG_NO_MEMORY, "unrealcv: no memory for a picture");
        e->canvas = canvas, e->canvas_size = size;
    }
    repaint(e->canvas, &p, kind);
    const vg_picture picture = {.environment = frame->environment,
                                .camera = camera,
                                .kind = kind,
                                .width = p.width,
                                .height = p.height,
                                .frame_id = frame->frame_id,
                                .data = e->canvas,
                                .size = size};
    return vg_picture_store_put(c->wish.store, &picture, err);
}

static vg_status keep_pictures(const ucv_client *c, ucv_env *e, const vg_frame *frame, vg_error *err) {
    for (int kind = 0; kind < VG_PICTURE_KINDS; kind++)
        for (int32_t i = 0; c->wish.save & 1u << kind && i < frame->dims.cameras; i++)
            VG_TRY(keep_picture(c, e, frame, kind, i, err));
    return VG_OK;
}

/* Keypoints out of pictures, for people whose colour is known. */
static vg_status detect(const ucv_env *e, vg_frame *frame, int32_t camera, vg_error *err) {
    ucv_picture lit, mask;
    const int32_t lit_at = e->picture_at[VG_PICTURE_LIT] + camera, mask_at = e->picture_at[VG_PICTURE_MASK] + camera;
    if (!ucv_read_bmp(&lit, ucv_reply(&e->link, lit_at)))
        return ucv_reply_wrong(&e->link, lit_at, "a BMP of 32 bits was expected", err);
    if (!ucv_read_bmp(&mask, ucv_reply(&e->link, mask_at)))
        return ucv_reply_wrong(&e->link, mask_at, "a BMP of 32 bits was expected", err);
    const int32_t people = frame->dims.people;
    vg_keypoint *keypoints = vg_frame_keypoints(frame) + (size_t)camera * (size_t)people * VG_JOINTS14;
    memset(keypoints, 0, sizeof *keypoints * (size_t)people * VG_JOINTS14);
    for (int32_t p = 0; p < people && p < e->state->people; p++) {
        if (!e->has_colour[p]) continue;
        vg_frame_present(frame)[p] = 1;
        const vg_status status = vg_finder_run(e->finder, keypoints + p * VG_JOINTS14, &lit, &mask, e->colour[p], err);
        if (status != VG_OK) return vg_fail_context(err, status, "%s: camera %s", e->link.endpoint, e->camera[camera]);
    }
    return VG_OK;
}

vg_status ucv_take_frame(ucv_client *c, ucv_env *e, vg_frame *frame, vg_error *err) {
    for (int32_t i = e->place_at; i < e->look_at; i++)
        if (ucv_reply_failed(&e->link, i))
            return ucv_reply_wrong(&e->link, i,
                                   i == e->tick_at ? "set game.pace to pause"
                                                   : "is the camera still there, and nobody else in command?",
                                   err);
    for (int32_t i = 0; i < frame->dims.cameras; i++) VG_TRY(take_camera(&vg_frame_cameras(frame)[i], e, i, err));
    bodies b;
    take_people(&b, frame, e);
    for (int32_t i = 0; i < frame->dims.cameras; i++)
        VG_TRY(e->finder ? detect(e, frame, i, err) : look(c, e, frame, &b, i, err));
    frame->flags = (e->has_bones ? (uint32_t)VG_FRAME_TRUTH : 0u) | VG_FRAME_IDENTIFIED |
                   (e->state->step == 0 ? (uint32_t)VG_FRAME_FIRST : 0u);
    frame->target = vg_frame_present(frame)[0] ? 0 : -1;
    frame->frame_id = e->state->frame_id;
    frame->time_ns = e->state->time_ns;
    frame->environment = (int32_t)(e - c->env);
    return keep_pictures(c, e, frame, err);
}
